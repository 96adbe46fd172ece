#!/usr/bin/env bash
# Starts the real unit under a real systemd and proves what it promises, one line per proof.
#
#   run.sh BINARY MODELS BROKERS   MODELS is the folder that noctriage.toml.in's @MODELS@ stands for (models/demo)
#   run.sh --stand-in              tries the proofs themselves with stand-in.py: they must hold for it, and each must
#                                  fail when it misbehaves
#
# Exit status 0 if every proof holds. Needs what host.sh needs, curl not.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
host=$here/host.sh
config=/etc/noctriage/noctriage.toml
# 127.0.0.1:1 is a port that nobody listens on.
no_broker=127.0.0.1:1
passed=0 failed=0

usage() { sed -n '2,/^set -/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# ---- the bench ----

inside() { "$host" exec "$bench" "$@"; }
property() { inside systemctl show --property="$1" --value noctriage; }
main_process() { property MainPID; }
restarts() { property NRestarts; }

web() { # web PATH: prints the answer; fails when there is none or it is no 200
  exec 4<>"/dev/tcp/127.0.0.1/9464" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n' "$1" >&4
  local answer; answer=$(timeout 5 cat <&4 | tr -d '\r'); exec 4>&-
  [[ $answer == HTTP/1.?\ 200* ]] && printf '%s\n' "$answer"
} 2>/dev/null

metric() { web /metrics | awk -v name="$1" '$1 == name || index($1, name "{") == 1 { print $NF; exit }'; }
digest() { web /metrics | sed -n 's/^noctriage_config_info{digest="\([^"]*\)"} 1$/\1/p'; }

within() { # within SECONDS COMMAND...: polls until it succeeds
  local until=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}
is() { [[ $(property "$1") == "$2" ]]; }
metric_is() { [[ $(metric "$1") == "$2" ]]; }
digest_is_not() { local now; now=$(digest); [[ -n $now && $now != "$1" ]]; }
restarted_after() { [[ $(restarts) -gt $1 && $(property ActiveState) == active && $(main_process) != "$2" ]]; }

write_config() { # write_config BROKERS [LINES]: LINES go into [policy]
  sed -e "s|@BROKERS@|$1|" -e "s|@MODELS@|/usr/share/noctriage/models|" -e "s|@POLICY@|${2:-}|" \
    "$here/noctriage.toml.in" | "$host" push "$bench" - "$config" 644
}

put_drop_in() { # put_drop_in NAME LINES
  printf '[Service]\n%b\n' "$2" | "$host" push "$bench" - "/etc/systemd/system/noctriage.service.d/$1.conf"
  inside systemctl daemon-reload
}

begin_clean() { inside systemctl stop noctriage 2>/dev/null || true; inside systemctl reset-failed 2>/dev/null || true; }
begin_active() {
  begin_clean
  write_config "$brokers"
  inside systemctl start noctriage || { echo "it did not start"; return 1; }
}

# ---- the proofs: each says on standard output why it does not hold ----

not_ready_without_a_broker() {
  begin_clean
  write_config "$no_broker"
  inside systemctl start --no-block noctriage
  within 20 inside sh -c 'test "$(systemctl show -P SubState noctriage)" = start' || { echo "it did not come to its start"; return 1; }
  sleep 4
  is ActiveState activating || { echo "it is $(property ActiveState), not activating"; return 1; }
  ! web /readyz >/dev/null || { echo "/readyz says ready"; return 1; }
}

ready_means_taking_tickets() {
  begin_active || return 1
  is ActiveState active || { echo "it is $(property ActiveState)"; return 1; }
  # No waiting here: systemd was told READY, so it must be true now.
  web /readyz >/dev/null || { echo "active, but /readyz does not say ready"; return 1; }
}

a_good_reload_comes_into_force() {
  begin_active || return 1
  local before process; before=$(digest) process=$(main_process)
  write_config "$brokers" "$good_policy"
  inside systemctl reload noctriage
  within 60 digest_is_not "$before" || { echo "the digest is still $before"; return 1; }
  metric_is noctriage_config_last_reload_successful 1 || { echo "the metric is not 1"; return 1; }
  [[ $(main_process) == "$process" ]] || { echo "the process was started anew"; return 1; }
}

a_bad_reload_changes_nothing_and_is_said() {
  begin_active || return 1
  local before process; before=$(digest) process=$(main_process)
  write_config "$brokers" "no_such_key = 1"
  inside systemctl reload noctriage
  within 60 metric_is noctriage_config_last_reload_successful 0 || { echo "the metric is not 0"; return 1; }
  [[ $(digest) == "$before" ]] || { echo "the digest has changed"; return 1; }
  is ActiveState active && [[ $(main_process) == "$process" ]] || { echo "the process did not survive"; return 1; }
}

kill_main() { # kill_main SIGNAL PROCESS; 0 is none, and to `kill` everything that is ours
  [[ $2 -gt 0 ]] || { echo "there is no main process"; return 1; }
  inside kill "-$1" "$2"
}

a_hung_process_is_restarted_by_the_watchdog() {
  put_drop_in watchdog 'WatchdogSec=2'
  begin_active || return 1
  local count process; count=$(restarts) process=$(main_process)
  kill_main STOP "$process" || return 1
  within 120 restarted_after "$count" "$process" || { echo "not restarted in 120 s ($(property ActiveState))"; return 1; }
  inside journalctl -u noctriage -o cat | grep 'Watchdog timeout' >/dev/null || { echo "the journal knows no watchdog timeout"; return 1; }
  web /readyz >/dev/null || { echo "not ready again"; return 1; }
}

a_live_process_is_left_alone_by_the_watchdog() {
  # Long enough for a machine that stands still for some seconds; a program that does not ping is found within twice of it.
  put_drop_in watchdog 'WatchdogSec=8'
  begin_active || return 1
  local count; count=$(restarts)
  sleep 20
  is ActiveState active && [[ $(restarts) == "$count" ]] || { echo "restarted $(restarts) times"; return 1; }
}

a_killed_process_is_restarted() {
  begin_active || return 1
  local count process; count=$(restarts) process=$(main_process)
  kill_main KILL "$process" || return 1
  within 120 restarted_after "$count" "$process" || { echo "not restarted in 120 s ($(property ActiveState))"; return 1; }
  web /readyz >/dev/null || { echo "not ready again"; return 1; }
}

stop_drains_and_ends_well() {
  begin_active || return 1
  local began=$SECONDS
  inside systemctl stop noctriage
  is Result success && is ExecMainStatus 0 || { echo "result $(property Result), status $(property ExecMainStatus)"; return 1; }
  ((SECONDS - began <= 30)) || { echo "it took $((SECONDS - began)) s"; return 1; }
}

it_can_write_its_state_folder_and_nothing_else() {
  # Runs before the program, as its user and behind its fences. The first must work, the others must not.
  put_drop_in confined "ExecStartPre=/bin/sh -c 'exec 2>/dev/null; rm -f /var/lib/noctriage/seen; \
for place in /var/lib/noctriage /etc /etc/noctriage /usr/bin /usr/share /var/lib /var/log /home /root /opt /run /dev /sys/fs/cgroup /proc/sys/kernel; \
do if touch \$place/probe; then echo \$place >>/var/lib/noctriage/seen; rm -f \$place/probe; fi; done; \
unshare --user true && echo namespaces >>/var/lib/noctriage/seen; cat /etc/noctriage/draw.key >/dev/null && echo secret >>/var/lib/noctriage/seen; true'"
  begin_active || return 1
  local seen; seen=$(inside cat /var/lib/noctriage/seen | tr '\n' ' ')
  [[ $seen == "/var/lib/noctriage " ]] || { echo "reached: $seen"; return 1; }
}

a_wrong_configuration_is_not_tried_again() {
  begin_clean
  write_config "$brokers" "no_such_key = 1"
  ! inside systemctl start noctriage 2>/dev/null || { echo "it started"; return 1; }
  sleep 3 # RestartSec is half a second here
  is ActiveState failed || { echo "it is $(property ActiveState), not failed"; return 1; }
  [[ $(restarts) == 0 ]] || { echo "restarted $(restarts) times"; return 1; }
  is ExecMainStatus 78 || { echo "exit status $(property ExecMainStatus), not 78"; return 1; }
}

a_missing_key_of_the_draws_is_not_tried_again() {
  begin_clean
  write_config "$brokers"
  inside mv /etc/noctriage/draw.key /etc/noctriage/draw.key.away
  local status=0
  inside systemctl start noctriage 2>/dev/null || status=$?
  inside mv /etc/noctriage/draw.key.away /etc/noctriage/draw.key
  [[ $status != 0 ]] || { echo "it started"; return 1; }
  sleep 3
  is ActiveState failed && [[ $(restarts) == 0 ]] || { echo "it is $(property ActiveState), $(restarts) restarts"; return 1; }
}

kill_loses_nothing() { # 300 tickets, two kills on the way: every one has exactly one committed outcome
  local tickets=300 number count process values
  begin_active || return 1
  for number in $(seq "$tickets"); do
    printf 'UNIT-%s\t{"schema":"noctriage.ticket/v1","ticket_id":"UNIT-%s","revision":0,"status":"new","kind":"incident","title":"link down on port %s","created_at":"%s"}\n' \
      "$number" "$number" "$number" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  done >"$bench.tickets"
  (split -n l/6 --filter='cat; sleep 0.5' "$bench.tickets" | "$kafka" produce "$brokers" "$tickets_topic" >/dev/null) &
  for number in 1 2; do
    sleep 2
    count=$(restarts) process=$(main_process)
    kill_main KILL "$process" || return 1
    within 120 restarted_after "$count" "$process" || { echo "not active again"; return 1; }
  done
  wait $!
  # Once more than it takes: what is decided twice would come late.
  for number in 1 2 3 4 5 6; do
    values=$("$kafka" consume "$brokers" "$decisions_topic" 15 | grep '"UNIT-' || true)
    [[ $(wc -l <<<"$values") -lt $tickets ]] || break
  done
  values=$("$kafka" consume "$brokers" "$decisions_topic" 15 | grep '"UNIT-' || true)
  [[ $(wc -l <<<"$values") == "$tickets" ]] || { echo "$(wc -l <<<"$values") outcomes for $tickets tickets"; return 1; }
  [[ $(grep -o '"UNIT-[0-9]*"' <<<"$values" | sort -u | wc -l) == "$tickets" ]] || { echo "not every ticket has an outcome"; return 1; }
}

a_halt_through_the_socket_holds_over_a_restart() {
  local socket=/run/noctriage/admin.sock halts='noctriage_halts{by="socket"}'
  begin_active || return 1
  [[ $(inside stat -L -c %a "$socket") == 600 ]] || { echo "the mode of the socket is not 600"; return 1; }
  inside noctriage halt --socket "$socket" --reason proof --who proof >/dev/null || { echo "the halt was refused"; return 1; }
  metric_is "$halts" 1 || { echo "it is not halted"; return 1; }
  inside systemctl stop noctriage
  inside systemctl start noctriage || { echo "it did not start again"; return 1; }
  metric_is "$halts" 1 || { echo "the halt is forgotten after a stop and a start"; return 1; }
  inside noctriage resume --socket "$socket" --reason proof --who proof >/dev/null || { echo "the resume was refused"; return 1; }
  metric_is "$halts" 0 || { echo "it is still halted"; return 1; }
}

# ---- running them ----

prove() { # prove NAME
  local why
  if why=$("$1"); then
    passed=$((passed + 1)); echo "ok      ${1//_/ }"
  else
    failed=$((failed + 1)); echo "FAILED  ${1//_/ }: $why"
    inside journalctl -u noctriage -o cat -n 15 --no-pager 2>/dev/null | sed 's/^/        /' || true
  fi
  inside rm -f /etc/systemd/system/noctriage.service.d/{watchdog,confined}.conf
  inside systemctl daemon-reload
}

build_bench() { # build_bench BINARY MODELS [ENVIRONMENT]
  bench=$(mktemp -d "${TMPDIR:-/tmp}/noctriage-host.XXXXXX")
  trap tear_down EXIT
  "$host" start "$bench" "$(realpath "$1"):/usr/bin/noctriage" "$(realpath "$2"):/usr/share/noctriage/models" >/dev/null
  "$host" push "$bench" "$root/systemd/noctriage.service" /etc/systemd/system/noctriage.service
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' | "$host" push "$bench" - /etc/noctriage/draw.key 600
  put_drop_in fast "RestartSec=500ms${3:+\nEnvironment=$3}"
}

tear_down() {
  "$host" stop "$bench" || true
  rm -f "$bench.tickets"
}

proofs=(
  not_ready_without_a_broker ready_means_taking_tickets a_good_reload_comes_into_force
  a_bad_reload_changes_nothing_and_is_said a_hung_process_is_restarted_by_the_watchdog
  a_live_process_is_left_alone_by_the_watchdog a_killed_process_is_restarted stop_drains_and_ends_well
  it_can_write_its_state_folder_and_nothing_else a_wrong_configuration_is_not_tried_again
  a_missing_key_of_the_draws_is_not_tried_again a_halt_through_the_socket_holds_over_a_restart
)
# A threshold of the policy that a reload may change.
good_policy="critical_cut_off = 0.04"
kafka=$root/tests/kafka/kafka.sh tickets_topic=unit.tickets decisions_topic=unit.decisions

try_the_proofs() { # the stand-in, good and with one fault at a time
  local port fault expected
  port=$((20000 + RANDOM % 12000))
  python3 -m http.server --bind 127.0.0.1 "$port" >/dev/null 2>&1 & # something that accepts connections
  local listener=$!
  brokers=127.0.0.1:$port
  build_bench "$here/stand-in.py" "$here"
  for proof in "${proofs[@]}"; do prove "$proof"; done
  while read -r fault proof; do
    put_drop_in fast "RestartSec=500ms\nEnvironment=STAND_IN_FAULT=$fault"
    if expected=$("$proof"); then
      failed=$((failed + 1)); echo "FAILED  ${proof//_/ }: holds although the stand-in has the fault $fault"
    else
      passed=$((passed + 1)); echo "ok      ${proof//_/ }: fails on $fault ($expected)"
    fi
    inside rm -f /etc/systemd/system/noctriage.service.d/watchdog.conf
  done <<'FAULTS'
early_ready not_ready_without_a_broker
no_watchdog a_live_process_is_left_alone_by_the_watchdog
bad_reload a_bad_reload_changes_nothing_and_is_said
wrong_exit a_wrong_configuration_is_not_tried_again
forgets_halt a_halt_through_the_socket_holds_over_a_restart
FAULTS
  kill "$listener"
}

case ${1:-} in
  --stand-in) try_the_proofs ;;
  ?*)
    [[ $# == 3 ]] || usage
    brokers=$3
    build_bench "$1" "$2"
    write_config "$brokers"
    # The ticket topic is its source's; all others are ours.
    "$kafka" topic "$brokers" "$tickets_topic" 3 >/dev/null
    inside noctriage topics create --config "$config"
    for proof in "${proofs[@]}" kill_loses_nothing; do prove "$proof"; done
    ;;
  *) usage ;;
esac
echo "systemd proofs: $passed passed, $failed failed"
[[ $failed == 0 ]]
