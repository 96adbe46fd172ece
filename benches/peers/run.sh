#!/usr/bin/env bash
# The encoder beside ONNX Runtime and PyTorch: the same weights and ids, rounds that alternate, one table for each number
# of threads. Needs Python with benches/peers/requirements.txt. Run it on an idle machine.
#
#   benches/peers/run.sh [--rounds 2] [--seconds 1] [--threads "1 2"] [--python python3] [--build-only]
set -euo pipefail
cd "$(dirname "$0")/../.."

rounds=2 seconds=1 threads="1 2" python=python3 build_only=
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds) rounds=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --threads) threads=$2; shift 2 ;;
    --python) python=$2; shift 2 ;;
    --build-only) build_only=1; shift ;;
    *) sed -n '2,5p' "$0" >&2; exit 64 ;;
  esac
done

built=$(cargo bench --locked --bench encoder --no-run --message-format=json |
  "$python" -c 'import json, sys
lines = [json.loads(line) for line in sys.stdin]
print([line["executable"] for line in lines if line.get("executable") and line["target"]["kind"] == ["bench"]][-1])')
[ -z "$build_only" ] || { echo "$built"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for count in $threads; do
  for ((round = 1; round <= rounds; round++)); do
    "$built" --threads "$count" --seconds "$seconds" --weights "$work/weights.safetensors" --json "$work/ours-$count-$round.json" >&2
    "$python" benches/peers/peers.py --threads "$count" --seconds "$seconds" --weights "$work/weights.safetensors" \
      --json "$work/peers-$count-$round.json" >&2
  done
  "$python" benches/peers/table.py "$work"/ours-"$count"-*.json -- "$work"/peers-"$count"-*.json
  echo
done
