#!/usr/bin/env bash
# One iteration of a model, from the first score to a threshold, on tickets of the simulated desk: base, version 1, where it
# fails and why, what is missing, version 2, whether it is better, its calibration, its threshold. Nothing here says anything
# about real tickets. The desk is a Cisco shop: access points and third parties' devices were given words and severities of
# their own until version 1, which hardly saw any, failed at them. The seed of the 50 test tickets (46) was chosen for its 38.
#
# usage: examples/iterate.sh [FOLDER]
#   FOLDER      where everything goes; must not exist. Without it: a temporary folder, which is removed.
#   NOCTRIAGE   the program; without it, `cargo run --release` of this clone
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${NOCTRIAGE:-}" ]; then
    noctriage() { "$NOCTRIAGE" "$@"; }
else
    (cd "$here" && cargo build --quiet --release --locked --bin noctriage)
    noctriage() { (cd "$folder" && cargo run --quiet --release --locked --manifest-path "$here/Cargo.toml" --bin noctriage -- "$@"); }
fi

keep=${1:-}
step="making the folder"
if [ -n "$keep" ]; then
    mkdir -p "$(dirname "$keep")"
    mkdir "$keep"
    folder=$(cd "$keep" && pwd)
else
    folder=$(mktemp -d)
fi
finish() {
    code=$?
    if [ $code -ne 0 ]; then
        echo "iterate: stopped with exit code $code while $step; $folder is removed" >&2
    fi
    if [ $code -ne 0 ] || [ -z "$keep" ]; then
        rm -rf "$folder"
    fi
}
trap finish EXIT
cd "$folder"

begin() {
    step=$1
    printf '\n--- %s\n' "$1"
}
# Runs a command that may end with a code which is an answer and no failure, and says which.
answers() {
    local allowed=" $1 " code=0
    shift
    "$@" || code=$?
    case "$allowed" in *" $code "*) ;; *) return "$code" ;; esac
}
# Lines of a report between two patterns, the second left out, without blank lines.
part() {
    sed -n "/$2/,/$3/p" "$1" | sed -e "/$3/d" -e '/^$/d'
}
# The first table of a report: who is right how often.
scores() {
    sed -n '/^answerer  *right/,/^$/p' "$1" | grep -E "^($2) " | sed -E 's/^([^(]*\([^)]*\)).*/\1/'
}
# The slices that fail most, with their share of wrong answers beside that of the rest.
failures() {
    sed '/^3\. Data/q' "$1" | grep -E '^slice ' | sed -n '2,4p' | sed -E 's/   +/   /g'
}
desk() {
    noctriage dataset generate --generator desk --cisco-shop --labelled "$@"
}

begin "1. Tickets: 500 that were labelled, of which 20 are wireless; 3,000 as they come in; 1,200 to judge with"
desk --tickets 500 --wireless 20 --third-party 15 --seed 41 > history.jsonl
desk --stream --tickets 3000 --seed 43 > live.jsonl
desk --tickets 1200 --seed 46 > pool.jsonl
noctriage dataset generate --generator a --tickets 1000 --seed 11 --labelled > elsewhere.jsonl
noctriage dataset generate --generator c --tickets 1000 --seed 12 --labelled >> elsewhere.jsonl
noctriage dataset split pool.jsonl --by group --test 50 --validation 600 --test-mix live.jsonl --into sets
echo "wireless in the test set: $(grep -c '"category":"wireless"' sets/test.jsonl) of 50"
answers "0 1" noctriage dataset check --test sets/test.jsonl --train history.jsonl elsewhere.jsonl sets/validation.jsonl |
    sed -n '1,3p'

begin "2. Base (2,000 tickets of other desks) and version 1 (those and the 500), on the 50 tickets"
# train NAME PARENT FILE...: what trains goes through `dataset export`, which lets no test ticket pass.
train() {
    local name=$1 parent=$2
    shift 2
    noctriage dataset export "$@" --test sets/test.jsonl --into "training-$name" > /dev/null
    noctriage model train "training-$name" --into "$name" --name desk --version "$name" $parent --purpose demo
}
train base "" elsewhere.jsonl
train v1 "--parent base" elsewhere.jsonl history.jsonl
judge() {
    noctriage evaluate --train history.jsonl --validation sets/validation.jsonl --live-mix live.jsonl --by slice "$@"
}
judge --test sets/test.jsonl --model base=base --model v1=v1 --ledger versions.jsonl --html v1.html > v1.txt
scores v1.txt "source|majority|tfidf|base|v1"
part v1.txt "v1 against base" "against tfidf\|^2\."

begin "3. Where version 1 fails: on the 50, and on the 3,000 that came in since"
failures v1.txt
sed -n '/^No slice is wrong/p' v1.txt
judge --test live.jsonl --model base=base --model v1=v1 > v1-live.txt
failures v1-live.txt
echo "version 1 on all of them:"
scores v1-live.txt "v1"

begin "4. What training lacks, and how many tickets would mend it"
answers "0 1" noctriage dataset mix --train history.jsonl --live live.jsonl --by slice |
    sed -n '1,4p'
answers "0 1" noctriage dataset plan --train history.jsonl --target wireless=22.5% --added wireless=100
echo "and third parties too:"
answers "0 1" noctriage dataset plan --train history.jsonl --target wireless=22.5% --target third_party=16% --json > plan.json
missing() {
    sed -n "/\"slice\": \"$1\"/,/\"add\"/s/.*\"add\": \([0-9]*\).*/\1/p" plan.json
}
wireless=$(missing wireless)
third_party=$(missing third_party)
echo "  $wireless wireless tickets and $third_party of third parties"

begin "5. Version 2: with those tickets"
desk --tickets $((wireless + third_party)) --wireless "$wireless" --third-party "$third_party" --seed 45 > added.jsonl
train v2 "--parent base" elsewhere.jsonl history.jsonl added.jsonl
cat history.jsonl added.jsonl > history-v2.jsonl

begin "6. Is it better? On the 50 tickets, and on the 3,000"
compare() {
    noctriage evaluate --train history-v2.jsonl --validation sets/validation.jsonl --live-mix live.jsonl --by slice \
        --model v1=v1 --model v2=v2 --fail-unless "v2 > v1" "$@"
}
code=0
compare --test sets/test.jsonl --ledger versions.jsonl --html v2.html > v2.txt 2> said.txt || code=$?
scores v2.txt "v1|v2"
part v2.txt "v2 against v1" "^2\."
echo "exit code of --fail-unless \"v2 > v1\": $code (0 shown, 1 not so, 3 too few tickets to tell)"
code=0
compare --test live.jsonl > v2-live.txt 2>> said.txt || code=$?
scores v2-live.txt "v1|v2"
part v2-live.txt "v2 against v1" "^2\."
echo "exit code: $code"
noctriage model diff v1 v2 --ledger versions.jsonl | sed '/^$/,$d'

begin "7. Calibration of version 2, on the 600 validation tickets"
answers "0 1" noctriage model calibrate v2 --on sets/validation.jsonl --not-in history-v2.jsonl --not-in sets/test.jsonl

begin "8. From which confidence may tickets called low go without a look, with at most 2 % of them high or critical?"
answers "0 1" noctriage policy plan --on live.jsonl --model v2=v2 --by slice --error-limit 0.02 --tickets-per-month 6000 \
    --minutes-manual 6 | sed -e 's/, error at most 2.0 %/                      /' -e '1,/^$/d' -e '/^$/d'

if [ -n "$keep" ]; then
    printf '\nAll of it is in %s; read v1.html and v2.html in a browser.\n' "$keep"
fi
