#!/bin/sh
# Makes models/demo again, from nothing but the noctriage binary: the same seeds give the same tickets and, on the same
# machine, the same weights. About a quarter of an hour on one free core.
#
#   cargo build --release && training/run.sh target/release/noctriage [folder with the public texts]
set -eu
binary=${1:?usage: training/run.sh BINARY [PUBLIC_TEXTS]}
public=${2:-}
here=$(dirname "$0")
work=${WORK:-.cache/training}
models=${MODELS:-models/demo}
python=${PYTHON:-python3}
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
mkdir -p "$work" "$models"

template=$(cat "$here/template.txt")
generate() { "$binary" dataset generate --text "$template" "$@"; }
generate --generator a --tickets 8000 --seed 11 > "$work/a.jsonl"
generate --generator c --tickets 8000 --seed 12 > "$work/c.jsonl"
# These seeds and sizes are TRAINING and CALIBRATION in src/demo/desk/mod.rs: the demonstration never shows their texts.
generate --generator desk --tickets 500 --seed 41 --wireless 20 > "$work/training.jsonl"
generate --generator desk --tickets 400 --seed 42 > "$work/calibration.jsonl"
# Looked at while the recipe was made; the held-out tickets were not.
generate --generator desk --tickets 2000 --seed 5001 --stream > "$work/development.jsonl"
generate --generator desk --tickets 4000 --seed 9001 --stream > "$work/held-out.jsonl"

"$python" "$here/calibration.py"
"$python" "$here/train_encoder.py" base --generated "$work/a.jsonl" "$work/c.jsonl" --out "$models/base" \
    --note "$work/base.json" \
    --development "$work/development.jsonl"
"$python" "$here/train_encoder.py" v1 --generated "$work/a.jsonl" "$work/c.jsonl" --desk "$work/training.jsonl" \
    --from-base "$models/base" --out "$models/v1" --note "$work/v1.json" \
    --development "$work/development.jsonl"
"$python" "$here/train_tfidf.py" --generated "$work/a.jsonl" "$work/c.jsonl" --desk "$work/training.jsonl" \
    --out "$models/tfidf" --note "$work/tfidf.json" --development "$work/development.jsonl"
"$python" "$here/evaluate.py" --models "$models" --calibration "$work/calibration.jsonl" \
    --held-out "$work/held-out.jsonl" --binary "$binary" --template "$here/template.txt" --notes "$work" \
    --scores "$work/scores.json" ${public:+--public "$public"}
du -sh "$models"
