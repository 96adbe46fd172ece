#!/usr/bin/env bash
# The unit and every drop-in as systemd reads them: nothing it does not understand, and an exposure of at most 1.5.
# Needs systemd-analyze; starts nothing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
exposure_max_tenths=15
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
version=$(systemctl --version | awk 'NR == 1 { print $2 }')

# The program need not be installed for this: only its place in the unit is exchanged.
sed 's|/usr/bin/noctriage|/bin/true|' "$root/systemd/noctriage.service" >"$work/plain.service"

check() { # check NAME [DROP_IN]
  local unit=$work/$1/noctriage.service said line
  mkdir -p "$work/$1/noctriage.service.d"
  cp "$work/plain.service" "$unit"
  if [[ -n ${2:-} ]]; then cp "$2" "$work/$1/noctriage.service.d/"; fi
  said=$(systemd-analyze verify "$unit" 2>&1) || { echo "$said" >&2; echo "FAILED $1: systemd-analyze verify" >&2; return 1; }
  # It exits 0 on lines that it ignores, and an ignored line is a fence that is not there.
  if [[ -n $said ]]; then echo "$said" >&2; echo "FAILED $1: systemd-analyze verify is not silent" >&2; return 1; fi
  # `security --offline` does not read drop-ins beside a unit, so they are appended as systemd would read them.
  if [[ -n ${2:-} ]]; then cat "$2" >>"$unit"; rm -r "$work/$1/noctriage.service.d"; fi
  line=$(systemd-analyze security --no-pager --offline=true --threshold="$exposure_max_tenths" "$unit" | tail -n 1) ||
    { echo "FAILED $1: exposure above 1.5: $line" >&2; return 1; }
  echo "ok $1: ${line#* Overall }"
}

failed=0
check unit || failed=1
for drop_in in "$root"/systemd/drop-ins/*.conf; do
  name=$(basename "$drop_in" .conf)
  if [[ $name == notify-reload && $version -lt 253 ]]; then
    echo "skipped $name: systemd $version does not know Type=notify-reload (253 does)"
    continue
  fi
  check "$name" "$drop_in" || failed=1
done
exit "$failed"
