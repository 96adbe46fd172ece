#!/bin/sh
# One iteration of the data, on tickets of the simulated desk: 500 training tickets of which 20 are wireless, a test set in
# the mix of live traffic, what is missing, and the training files of the next version. Nothing here says anything about
# real tickets.
#
# usage: examples/iterate.sh FOLDER      (must not exist; NOCTRIAGE names the program)
set -eu
noctriage=${NOCTRIAGE:-noctriage}
folder=${1:?usage: examples/iterate.sh FOLDER}
mkdir "$folder"

# A command that finds something ends with 1: that is what it is for.
may_find() {
    "$@" || [ $? -eq 1 ]
}

echo "--- tickets: what was labelled so far, and what comes in"
"$noctriage" dataset generate --generator desk --tickets 500 --wireless 20 --seed 41 --labelled > "$folder/history.jsonl"
"$noctriage" dataset generate --generator desk --stream --tickets 1000 --seed 43 --labelled > "$folder/live.jsonl"
"$noctriage" dataset generate --generator desk --stream --tickets 600 --seed 44 --labelled > "$folder/pool.jsonl"

echo "--- a test set of 50 in the live mix, from tickets that nobody trains on"
"$noctriage" dataset split "$folder/pool.jsonl" --by group --test 50 --validation 50 --test-mix "$folder/live.jsonl" \
    --into "$folder/sets"
may_find "$noctriage" dataset check --test "$folder/sets/test.jsonl" --train "$folder/history.jsonl"

echo "--- what version 1 is trained on, beside what comes in"
"$noctriage" dataset export "$folder/history.jsonl" --test "$folder/sets/test.jsonl" --into "$folder/v1"
may_find "$noctriage" dataset mix --train "$folder/history.jsonl" --live "$folder/live.jsonl"

echo "--- what to add for version 2, and what repeating tickets would give meanwhile"
may_find "$noctriage" dataset plan --train "$folder/history.jsonl" --target wireless=22.5% --added wireless=100 \
    --copies-max 7 --manifest "$folder/plan.json"
"$noctriage" dataset export "$folder/history.jsonl" "$folder/sets/train.jsonl" --test "$folder/sets/test.jsonl" \
    --weights "$folder/plan.json" --into "$folder/v2"
