#!/usr/bin/env bash
# `make fuzz`: every fuzz target for ten minutes, one after another, from its seeds. Needs a nightly toolchain and
# `cargo install cargo-fuzz --locked`; the first build takes a quarter of an hour.
#
#   fuzz/run.sh [TARGET...]        all of them without names
#   FUZZ_SECONDS=60 fuzz/run.sh    for another time
#
# What a run finds lies under fuzz/artifacts/TARGET/, and the run goes on with the next target. Exit status 1 if any was found.
#
# Without a sanitizer: our code is without `unsafe`, so that what can be found is panics, overflows (which these builds
# check), broken properties, time and memory, and each of them is found at twice the speed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

seconds=${FUZZ_SECONDS:-600}
targets=("$@")
if [[ ${#targets[@]} == 0 ]]; then
  for file in fuzz/targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi

# Configurations and model directories are written for each input: on a disk it would be the disk that is measured.
if [[ -d /dev/shm ]]; then
  TMPDIR=$(mktemp -d /dev/shm/noctriage-fuzz.XXXXXX) || exit 2
  export TMPDIR
  trap 'rm -rf "$TMPDIR"' EXIT
fi

cargo +nightly fuzz build --sanitizer none || exit 2
found=0
for target in "${targets[@]}"; do
  case $target in
    model_directory) length=32768 ;;
    ticket_reader | configuration) length=16384 ;;
    *) length=8192 ;;
  esac
  mkdir -p "fuzz/corpus/$target"
  printf '\n== %s, %s s\n' "$target" "$seconds"
  cargo +nightly fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -dict="fuzz/dictionaries/$target.dict" -max_total_time="$seconds" -max_len="$length" \
    -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 || found=1
done
exit "$found"
