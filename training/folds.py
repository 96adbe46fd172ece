"""One fold of labelled tickets: whole groups on one side, every ticket of a test group in the test.

    noctriage dataset split alerts.jsonl --by group --test 1 --validation 1 --into grouped   # joins near-duplicates
    python training/folds.py grouped/train.jsonl grouped/validation.jsonl grouped/test.jsonl --fold 0 --into sets

`dataset split` takes one ticket of each group for the test, which suits a desk with many groups. Public alerts come from
few templates: here their test has all tickets of a fifth of the groups. Tickets of one group are alike, so that an
interval over them is too narrow.
"""

import argparse
import os
import random

import exported

FOLDS = 5
# Of the groups that are not in the test: more validation costs training tickets, less cannot calibrate.
VALIDATION = 6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--fold", type=int, choices=range(FOLDS), required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", required=True)
    arguments = parser.parse_args()
    lines = [line for path in arguments.files for line in exported.lines_of(path)]
    names = sorted({line["group"] for line in lines})
    random.Random(arguments.seed).shuffle(names)
    rest = [name for at, name in enumerate(names) if at % FOLDS != arguments.fold]
    split = dict.fromkeys(names, "test") | {name: "train" if at % VALIDATION else "validation" for at, name in enumerate(rest)}
    os.makedirs(arguments.into)
    for place in ("train", "validation", "test"):
        chosen = [line | {"split": place} for line in lines if split[line["group"]] == place]
        with open(os.path.join(arguments.into, f"{place}.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(exported.line_of(line) for line in chosen)
        print(f"{place}: {len(chosen)} tickets of {sum(value == place for value in split.values())} groups")


if __name__ == "__main__":
    main()
