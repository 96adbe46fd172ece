#!/usr/bin/env bash
# What TF-IDF and encoders reach on public alert and incident texts, where rows of one template or provider stand on one side:
# each row is judged once, by a model that saw no row of its group and no twin of it. Then a model of one organisation's texts
# is asked to set a threshold on another's. These are not tickets of a NOC: see the README beside the files.
#
# usage: examples/shared_data.sh [FOLDER [NAME=ARGUMENTS...]]
#   FOLDER      the files; default: ../shared/data beside the clone. Where they are absent, nothing is measured.
#   NAME=ARGUMENTS  an encoder to stand beside TF-IDF, trained anew for each part, by these arguments of training/finetune.py:
#               "minilm=--from all-minilm --rate 1e-4 --epochs 4"
#   PYTHON      what runs it, with training/requirements.txt; default: .venv-training/bin/python of this clone
#   SOURCES     some of the files, without .jsonl, for the table alone; without it all five, and the threshold
#   PARTS       the parts that are judged; default: "0 1 2 3 4"
#   NOCTRIAGE   the program; without it, `cargo run --release` of this clone
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
started=$PWD
data=${1:-$here/../shared/data}
encoders=("${@:2}")
python=${PYTHON:-$here/.venv-training/bin/python}
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
parts=${PARTS:-0 1 2 3 4}
all="net_alerts_zabbix net_alerts_juniper_healthbot alerts_prometheus_awesome incidents_jenkins_status security_sigma"
sources=${SOURCES:-$all}

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
# finetune MODEL TEST VALIDATION ARGUMENTS FILE...: an encoder of the files, less the same. Half of the validation tickets choose
# its epoch; the others stand in the model's directory, to calibrate it with.
finetune() {
    local model=$1 test=$2 validation=$3 arguments=$4
    shift 4
    sed 's/}$/,"split":"validation"}/' "$validation" > "$model.validation.jsonl"
    noctriage dataset export "$@" "$model.validation.jsonl" --test "$test" --into "$model.training" > /dev/null
    # Where the caller stands, so that `--from` may be relative. The arguments are words: they are split here.
    # shellcheck disable=SC2086
    (cd "$started" && "$python" "$here/training/finetune.py" $arguments --data "$work/$model.training" \
        --tickets "$work/$model.validation.jsonl" --out "$work/$model" --name encoder --version 1 --purpose demo) >&2
    noctriage model check "$model" > /dev/null
}
# predict MODEL FILE: what it says of the tickets of a file.
predict() {
    sed -E 's/^\{"schema":"[^"]*","ticket":(.*),"label":\{.*/\1/' "$2" | noctriage model predict "$1" 2> /dev/null
}
# judge NAME WHO ARGUMENTS: NAME.WHO.jsonl and NAME.WHO.calibrated.jsonl, what a model says of each row of the parts, before and
# after calibration; of TF-IDF where there are no ARGUMENTS. NAME.WHO.parts has a line for each part where it was calibrated.
judge() {
    local name=$1 who=$2 arguments=$3 at next model tickets code
    : > "$name.$who.parts"
    for at in $parts; do
        next=$(((at + 1) % folds))
        model="$name.$who.$at"
        local rest=()
        for ((other = 0; other < folds; other++)); do
            if [ $other -ne "$at" ] && [ $other -ne $next ]; then rest+=("$name.$other.jsonl"); fi
        done
        if [ -z "$arguments" ]; then
            train "$model" "$name.$at.jsonl" "${rest[@]}"
            tickets="$name.$next.jsonl"
        else
            finetune "$model" "$name.$at.jsonl" "$name.$next.jsonl" "$arguments" "${rest[@]}"
            tickets="$model/calibration-tickets.jsonl"
        fi
        predict "$model" "$name.$at.jsonl" >> "$name.$who.jsonl"
        code=0
        noctriage model calibrate "$model" --on "$tickets" > "$name.said" 2>&1 || code=$?
        case $code in
            0) echo "$at" >> "$name.$who.parts" ;;
            1 | 3) ;; # no better on newer tickets, or too few: it stays as it is
            *) cat "$name.said" >&2 && return "$code" ;;
        esac
        predict "$model" "$name.$at.jsonl" >> "$name.$who.calibrated.jsonl"
    done
}
# rows NAME WHO: two rows of the table, one before and one after calibration; of TF-IDF, that of the commonest label too.
rows() {
    local name=$1 who=$2 groups against=()
    if [ "$who" != tf-idf ]; then against=(--model "tf-idf=predictions:$name.tf-idf.jsonl"); fi
    noctriage evaluate --test "$name.judged.jsonl" "${against[@]}" --model "calibrated=predictions:$name.$who.calibrated.jsonl" \
        --model "$who=predictions:$name.$who.jsonl" --by category > "$name.txt"
    if [ "$who" = tf-idf ]; then
        groups=$(sed -E 's/.*"group":"([^"]*)".*/\1/' "$name.judged.jsonl" | sort -u | wc -l)
        row "$name ($(wc -l < "$name.judged.jsonl") rows, $groups groups)" majority ""
    else
        sed -n -e "/^  - $who against tf-idf:/,/\.\$/p" "$name.txt" | sed "1s/^  - /  - $name: /" >> against.txt
    fi
    row "" "$who" ""
    row "" calibrated "$(wc -l < "$name.$who.parts") of $(wc -w <<< "$parts")"
}
# measure NAME: the rows of the table.
measure() {
    local name=$1 encoder
    for at in $parts; do cat "$name.$at.jsonl"; done > "$name.judged.jsonl"
    judge "$name" tf-idf ""
    rows "$name" tf-idf
    for encoder in "${encoders[@]}"; do
        judge "$name" "${encoder%%=*}" "${encoder#*=}"
        rows "$name" "${encoder%%=*}"
    done
}
# row SOURCE ANSWERER WRITTEN: a row of the table, from the tables of a report, whose columns two blanks or more keep apart.
row() {
    awk -F '  +' -v source="$1" -v who="$2" -v written="$3" '
        BEGIN { gap = at90 = at50 = at20 = "–" }
        /^answerer +right/ { table = "right" }
        /^critical tickets/ { table = "critical" }
        /^answerer +claims/ { table = "claims" }
        /^right among the surest/ { table = "surest" }
        /^$/ { table = "" }
        index($1, who) != 1 { next }
        table == "right" { right = $2; macro_f1 = $3 }
        table == "critical" {
            found = "none there"
            if (split($2, missed, /[\/ ]/) > 1 && missed[1] ~ /^[0-9]+$/) found = missed[2] - missed[1] " of " missed[2]
        }
        table == "claims" { gap = $2 }
        table == "surest" { at90 = $3; at50 = $4; at20 = $5 }
        END { print "| " source " | " who " | " right " | " macro_f1 " | " found " | " at90 " | " at50 " | " at20 " | " gap " | " written " |" }
    ' "$name.txt"
}

echo "| texts | answers | right | macro-F1 | criticals found | surest 90 % | surest 50 % | surest 20 % | claims too much by | calibrated |"
echo "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
for name in $sources; do
    take "$name"
    fold "$name"
    measure "$name"
done

if [ -e against.txt ]; then
    printf '\n== Encoders against TF-IDF, before calibration\n'
    cat against.txt
fi
if [ -n "${SOURCES:-}" ]; then exit 0; fi

printf '\n== A threshold across organisations: trained on Zabbix templates, planned on the texts of others\n'
train zabbix incidents_jenkins_status.jsonl net_alerts_zabbix.jsonl
for name in $sources; do
    if [ "$name" = net_alerts_zabbix ]; then continue; fi
    printf '\n-- %s\n' "$name"
    # All rows are one slice here: none has a region.
    noctriage policy plan --on "$name.jsonl" --model zabbix=zabbix --by region --error-limit 0.02,0.05 > plan.txt || [ $? -eq 1 ]
    sed -e '1,/^$/d' -e '/^$/d' plan.txt
done
