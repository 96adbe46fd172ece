"""Reads what `noctriage dataset export --format text` wrote, and refuses what is not exactly that.

The text of a ticket comes from the exporter, which is the daemon's own renderer: nothing here makes one.
"""

import collections
import dataclasses
import hashlib
import json
import os

import card
from rows import SEVERITIES

MANIFEST = "noctriage.training_manifest/v1"
LABELLED = "noctriage.labelled/v1"


class Refused(Exception):
    """What is wrong, with which file, and what to do."""


@dataclasses.dataclass
class Exported:
    """`labels` are the model's words in the order of SEVERITIES; `causes` the rows of the root-cause head, or none."""

    manifest: dict
    digest: str
    labels: list
    template: str
    train: list
    choice: list
    calibration: list
    causes: list


def lines_of(path):
    try:
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise Refused(f"{path}: {error}") from error


def read(folder, seed, causes=None, cause_tickets_min=10):
    """`causes`: the rows of a root-cause head that is there already; without it, causes with enough training tickets."""
    path = os.path.join(folder, "manifest.json")
    try:
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
    except (OSError, ValueError) as error:
        raise Refused(f"{path}: {error}; `noctriage dataset export … --into {folder}` writes it") from error
    if manifest.get("schema") != MANIFEST or manifest["form"]["format"] != "text":
        raise Refused(f"{path}: is no {MANIFEST} of texts; export with --format text")
    written = {}
    for file in manifest["files"]:
        if os.path.basename(file["name"]) != file["name"]:
            raise Refused(f"{path}: {file['name']!r} is no plain file name")
        written[file["name"]] = os.path.join(folder, file["name"])
        if card.sha256(written[file["name"]]) != file["sha256"]:
            raise Refused(f"{written[file['name']]}: is not what the manifest was written for; export again")
    if set(written) != {"train.jsonl", "validation.jsonl"}:
        raise Refused(f"{path}: training and validation tickets are needed; export both files of `dataset split`")
    train, validation = lines_of(written["train.jsonl"]), lines_of(written["validation.jsonl"])
    for split, rows in (("train", train), ("validation", validation)):
        listed = {ticket["ticket_id"] for ticket in manifest["tickets"] if ticket["split"] == split}
        if listed != {row["ticket_id"] for row in rows}:
            raise Refused(f"{path}: lists other {split} tickets than the file holds; export again")
    choice, calibration = halves(validation, seed)
    labels = [manifest["form"]["labels"][severity] for severity in SEVERITIES]
    if causes is None:
        causes = frequent_causes(train, cause_tickets_min)
    elif not any(row.get("root_cause") in causes for row in train):
        # A head that nothing is trained on would read an encoder that has moved away from it.
        causes = []
    return Exported(manifest, card.sha256(path), labels, manifest["form"]["text"], train, choice, calibration, causes)


def halves(rows, seed):
    """One half chooses the epoch, the other calibrates: by a digest of the id, so that a ticket stays in its half when
    others are added."""
    def is_choice(row):
        return hashlib.sha256(f"{seed}\x1f{row['ticket_id']}".encode()).digest()[0] < 128

    return [row for row in rows if is_choice(row)], [row for row in rows if not is_choice(row)]


def frequent_causes(rows, least):
    counts = collections.Counter(row["root_cause"] for row in rows if "root_cause" in row)
    causes = sorted(cause for cause, count in counts.items() if count >= least)
    return causes if len(causes) >= 2 else []


def labelled_lines(paths, rows):
    """The labelled ticket of each row, as the line of the file that it was exported from."""
    wanted, found = {row["ticket_id"] for row in rows}, {}
    for path in paths:
        for line in lines_of(path):
            if line.get("schema") != LABELLED:
                raise Refused(f"{path}: holds a line that is no {LABELLED}")
            if line["ticket"]["ticket_id"] in wanted:
                found[line["ticket"]["ticket_id"]] = line
    missing = sorted(wanted - set(found))
    if missing:
        raise Refused(f"{', '.join(paths)}: {len(missing)} exported tickets are not there, {missing[0]} for example; "
                      "name the files that `dataset export` read")
    return [found[row["ticket_id"]] for row in rows]


def line_of(line):
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"
