#!/usr/bin/env bash
# What TF-IDF reaches on public alert and incident texts, where rows of one template or provider stand on one side: each row is
# judged once, by a model that saw no row of its group and no twin of it. Then a model of one organisation's texts is asked to
# set a threshold on another's. These are not tickets of a NOC: see the README beside the files.
#
# usage: examples/shared_data.sh [FOLDER]
#   FOLDER      the files; default: ../shared/data beside the clone. Where they are absent, nothing is measured.
#   NOCTRIAGE   the program; without it, `cargo run --release` of this clone
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
data=${1:-$here/../shared/data}
if [ ! -d "$data" ]; then
    echo "shared_data: $data is not there: nothing is measured" >&2
    exit 0
fi
data=$(cd "$data" && pwd)
if [ -n "${NOCTRIAGE:-}" ]; then
    noctriage() { "$NOCTRIAGE" "$@"; }
else
    noctriage() { cargo run --quiet --release --locked --manifest-path "$here/Cargo.toml" --bin noctriage -- "$@"; }
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

folds=5
sources="net_alerts_zabbix net_alerts_juniper_healthbot alerts_prometheus_awesome incidents_jenkins_status security_sigma"

# Rows as labelled tickets. Times are one for all, where there are none: nothing here goes by time.
take() {
    noctriage dataset import "$data/$1.jsonl" --field ticket_id=/id --field title=/title --field description=/body \
        --field category=/category --field device.type=/device_type --field device.vendor=/vendor \
        --label-severity /severity --group /group --as-of created --undated 2026-01-01T00:00:00Z --out "$1.jsonl" > /dev/null
}
# fold NAME: NAME.0.jsonl …, all rows of a group in one of them, groups in an order that means nothing.
fold() {
    awk -v name="$1" -v folds="$folds" '
        BEGIN { for (code = 32; code < 127; code++) ordinal[sprintf("%c", code)] = code }
        {
            group = $0
            sub(/.*"group":"/, "", group)
            sub(/".*/, "", group)
            sum = 7
            for (at = 1; at <= length(group); at++) sum = (sum * 31 + ordinal[substr(group, at, 1)]) % 1000003
            print > (name "." sum % folds ".jsonl")
        }' "$1.jsonl"
}
# train MODEL TEST FILE...: a model of the files, less what is a twin of a test ticket.
train() {
    local model=$1 test=$2
    shift 2
    noctriage dataset export "$@" --test "$test" --into "$model.training" > /dev/null
    noctriage model train "$model.training" --into "$model" --name tfidf --version 1 --purpose demo > /dev/null
}
# predict MODEL FILE: what it says of the tickets of a file.
predict() {
    sed -E 's/^\{"schema":"[^"]*","ticket":(.*),"label":\{.*/\1/' "$2" | noctriage model predict "$1" 2> /dev/null
}
# measure NAME: the rows of the table.
measure() {
    local name=$1 at next model code calibrated=0
    for ((at = 0; at < folds; at++)); do
        next=$(((at + 1) % folds))
        model="$name.model.$at"
        local rest=()
        for ((other = 0; other < folds; other++)); do
            if [ $other -ne $at ] && [ $other -ne $next ]; then rest+=("$name.$other.jsonl"); fi
        done
        train "$model" "$name.$at.jsonl" "${rest[@]}"
        predict "$model" "$name.$at.jsonl" >> "$name.before.jsonl"
        code=0
        noctriage model calibrate "$model" --on "$name.$next.jsonl" > "$name.said" 2>&1 || code=$?
        case $code in
            0) calibrated=$((calibrated + 1)) ;;
            1 | 3) ;; # no better on newer tickets, or too few: it stays as it is
            *) cat "$name.said" >&2 && return "$code" ;;
        esac
        predict "$model" "$name.$at.jsonl" >> "$name.after.jsonl"
    done
    noctriage evaluate --test "$name.jsonl" --model "tf-idf=predictions:$name.before.jsonl" \
        --model "calibrated=predictions:$name.after.jsonl" --by category > "$name.txt"
    printf '\n== %s: %s rows, %s groups\n' "$name" "$(wc -l < "$name.jsonl")" \
        "$(sed -E 's/.*"group":"([^"]*)".*/\1/' "$name.jsonl" | sort -u | wc -l)"
    echo "a calibration was written in $calibrated of $folds folds"
    # Right, macro-F1; criticals; calibration; right among the surest.
    for table in 'answerer  *right' 'critical tickets' 'answerer  *claims' 'right among the surest'; do
        sed -n "/^$table/,/^$/p" "$name.txt" | sed -e '/^$/d' | cut -d'|' -f1
    done
}

for name in $sources; do
    take "$name"
    fold "$name"
    measure "$name"
done

printf '\n== A threshold across organisations: trained on Zabbix templates, planned on the texts of others\n'
train zabbix incidents_jenkins_status.jsonl net_alerts_zabbix.jsonl
for name in $sources; do
    if [ "$name" = net_alerts_zabbix ]; then continue; fi
    printf '\n-- %s\n' "$name"
    # All rows are one slice here: none has a region.
    noctriage policy plan --on "$name.jsonl" --model zabbix=zabbix --by region --error-limit 0.02,0.05 > plan.txt || [ $? -eq 1 ]
    sed -e '1,/^$/d' -e '/^$/d' plan.txt
done
