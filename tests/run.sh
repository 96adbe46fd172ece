#!/usr/bin/env bash
# `make test`: every check of the project, each once; goes on after a failure, so that one run shows all of them. Its last line
# is `N passed, N failed`, and its exit status 0 only if nothing failed.
#
# NOCTRIAGE_REQUIRE_KAFKA=1 (set by .ci/run) makes a check that cannot run here, for want of Java, Maven, promtool or systemd,
# a failure; otherwise it is skipped with a loud line.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
work=$(mktemp -d "${TMPDIR:-/tmp}/noctriage-test.XXXXXX")
passed=0 failed=0 skipped=0 failures=() why=""
kafka=$work/kafka
finish() {
  if [[ -e $kafka ]]; then tests/kafka/kafka.sh clean "$kafka"; fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

count() { passed=$((passed + $1)); failed=$((failed + $2)); }
heading() { printf '\n== %s\n' "$1"; }

check() { # check NAME COMMAND...: one pass or one failure
  local name=$1; shift
  heading "$name"
  if "$@"; then count 1 0; else count 0 1; failures+=("$name"); fi
}

cannot() { # cannot NAME WHY
  if [[ ${NOCTRIAGE_REQUIRE_KAFKA:-0} == 1 ]]; then
    heading "$1"; echo "FAILED: $2, and NOCTRIAGE_REQUIRE_KAFKA=1 asks for it" >&2
    count 0 1; failures+=("$1")
  else
    printf '\n!!!!!!!! SKIPPED: %s: %s\n' "$1" "$2" >&2; skipped=$((skipped + 1))
  fi
}

said_by_failures() { # said_by_failures LOG: how each failed test failed, so that the end of a long log tells why
  awk '/^---- .* stdout ----$/ { print; lines = 0 } / panicked at |^Error: / { lines = 10 } /^failures:$/ { lines = 0 }
       lines > 0 { print substr($0, 1, 300); lines-- }' "$1"
}

have() { local tool; for tool in "$@"; do command -v "$tool" >/dev/null || return 1; done; }

cargo_tests() { # counts cargo's own summary lines
  heading "cargo test"
  local status=0 log=$work/tests ran
  cargo test --release --locked --no-fail-fast 2>&1 | tee "$log" || status=$?
  ran=$(awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0, failed + 0 }' "$log")
  # shellcheck disable=SC2086 # two numbers
  count $ran
  # A test binary that does not build, or dies, prints no summary line.
  if [[ $status != 0 && ${ran#* } == 0 ]]; then count 0 1; fi
  if [[ $status != 0 ]]; then failures+=("cargo test"); why=$(said_by_failures "$log"); fi
}

start_kafka() {
  local why
  if ! why=$(tests/kafka/kafka.sh possible 2>&1); then cannot "tests on a real Kafka" "$why"; return; fi
  heading "starting Kafka"
  # Nobody kills this one. A busy machine must not make its controller take it for dead: its partitions would lose their leader.
  if NOCTRIAGE_TEST_BROKERS=$(NOCTRIAGE_KAFKA_EXTRA=broker.session.timeout.ms=60000 tests/kafka/kafka.sh start "$kafka"); then
    export NOCTRIAGE_TEST_BROKERS
    echo "Kafka answers on $NOCTRIAGE_TEST_BROKERS"
  else
    unset NOCTRIAGE_TEST_BROKERS
    cannot "tests on a real Kafka" "Kafka could not be started"
  fi
}

takes_test_models() { # does the binary load the classifier that is for tests?
  echo '{"ticket_id":"T1","title":"a title","created_at":"2026-01-01T00:00:00Z"}' |
    target/release/noctriage model predict zero-cost >/dev/null 2>&1
}

failpoints() { # every name of a failpoint, and the variable that sets them
  sed -n 's/^    ("\([a-z_]*\)", ".*/\1/p' src/failpoints.rs
  echo FAILPOINTS_RELEASE
}

failpoints_in() { # failpoints_in BINARY: those that it holds; texts lie there without anything between them
  failpoints | while read -r name; do if LC_ALL=C grep -qaF "$name" "$1"; then echo "$name"; fi; done
}

shipped_binary() { # what users get is built without the features that tests switch on
  local found
  # The binary that the tests were built with must take it, or this check could not fail; the same for the failpoints.
  takes_test_models || { echo "the binary of the tests does not take the classifier that is for tests" >&2; return 1; }
  found=$(failpoints_in target/release/noctriage)
  [[ $found == "$(failpoints)" && $found == *after_commit* ]] ||
    { echo "the binary of the tests lacks failpoints; found: $found" >&2; return 1; }
  cargo build --release --locked || return 1
  if takes_test_models; then echo "the shipped binary takes the classifier that is for tests" >&2; return 1; fi
  found=$(failpoints_in target/release/noctriage)
  if [[ -n $found ]]; then echo "the shipped binary holds failpoints: $found" >&2; return 1; fi
}

systemd_checks() {
  if ! have systemd-analyze; then cannot "systemd" "systemd is not installed"; return; fi
  check "the unit as systemd reads it" tests/systemd/check-unit.sh
  if [[ $(id -u) != 0 ]] || ! unshare --mount --pid --cgroup --fork true 2>/dev/null || ! findmnt -t cgroup2 >/dev/null; then
    cannot "the unit under a real systemd" "needs root, the right to make namespaces, and a cgroup2 mount"; return
  fi
  check "the proofs of the unit, on a stand-in" tests/systemd/run.sh --stand-in
  if [[ -z ${NOCTRIAGE_TEST_BROKERS:-} ]]; then
    cannot "the unit under a real systemd" "there is no Kafka"; return
  fi
  check "the unit under a real systemd" tests/systemd/run.sh target/release/noctriage models/demo "$NOCTRIAGE_TEST_BROKERS"
}

tests/needs.sh
check "format" cargo fmt --check
check "lints" cargo clippy --release --all-targets --locked -- -D warnings
start_kafka
cargo_tests
check "the shipped binary holds nothing that is for tests" shipped_binary
check "documentation" make --no-print-directory doc
if have promtool; then check "alert rules" make --no-print-directory rules; else cannot "alert rules" "promtool is not installed"; fi
systemd_checks

printf '\n'
if [[ $skipped != 0 ]]; then echo "$skipped checks were skipped: see the lines that begin with !!!!!!!!"; fi
if [[ -n $why ]]; then printf '%s\n\n' "$why"; fi
if [[ $failed != 0 ]]; then printf 'failed: %s\n' "${failures[@]}"; fi
echo "$passed passed, $failed failed"
[[ $failed == 0 ]]
