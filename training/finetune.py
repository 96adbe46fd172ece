"""Fine-tunes an encoder of a local Hugging Face directory on what `noctriage dataset export` wrote, and writes a model
directory that `noctriage model check` recomputes. Nothing is downloaded.

    noctriage dataset export sets/train.jsonl sets/validation.jsonl --test sets/test.jsonl --into export
    python training/finetune.py --from all-minilm --data export --tickets sets/validation.jsonl --out models/noc-1 \\
        --name noc --version 1 --purpose production
    noctriage model check models/noc-1

Of the validation tickets one half chooses the epoch; the other is written into the directory as
calibration-tickets.jsonl, for `noctriage model calibrate models/noc-1 --on models/noc-1/calibration-tickets.jsonl`.
"""

import argparse
import copy
import os
import random
import shutil
import sys
import tempfile
import time
import tomllib

import torch

import card
import exported
import network as net
from exported import Refused
from rows import SEVERITIES
from rows import scores as scores_of
from train_encoder import batches_of_like_length, warm_up_and_decay

PROBES = 8
# Encoders above a few hundred tokens cost more than most tickets have to say.
TOKENS_MAX = 256
# The least that a card may say.
TOKENS_MIN = 8


def shape(text):
    width, _, layers = text.partition("x")
    if not (width.isdecimal() and layers.isdecimal() and int(width) >= 8 and int(width) % 4 == 0 and int(layers) >= 1):
        raise argparse.ArgumentTypeError("WIDTHxLAYERS is expected, the width a multiple of 4: 128x2")
    return int(width), int(layers)


def arguments_of(line):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--from", dest="base", metavar="DIR", help="directory of a BERT, RoBERTa or XLM-RoBERTa")
    source.add_argument("--new", metavar="WIDTHxLAYERS", type=shape, help="an encoder that has seen nothing, as 128x2")
    parser.add_argument("--data", required=True, metavar="DIR", help="what `dataset export` wrote")
    parser.add_argument("--tickets", required=True, nargs="+", metavar="FILE",
                        help="files of labelled tickets that the validation tickets were exported from")
    parser.add_argument("--out", required=True, metavar="DIR", help="the model directory; must not exist")
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--purpose", required=True, choices=["production", "demo"])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rate", type=float, default=5e-5, help="highest learning rate (5e-4 suits a small new encoder)")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--cause-loss", type=float, default=0.5, help="weight of the root-cause head's loss")
    parser.add_argument("--cause-tickets-min", type=int, default=10,
                        help="fewest training tickets of a root cause that the head learns")
    parser.add_argument("--max-tokens", type=int, default=TOKENS_MAX, help="special tokens included")
    parser.add_argument("--truncation", choices=["head", "tail", "head_tail"], default="head_tail")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(line)


def older_card(base):
    path = os.path.join(base or "", "model.toml")
    if base is None or not os.path.exists(path):
        return {}
    with open(path, "rb") as file:
        return tomllib.load(file)


def loss_of(network, rows, ids, padding, causes, cause_loss):
    """Mean loss, a ticket weighing as often as it would stand in the training set."""
    severity, cause = network(*net.batch(ids, padding))
    weight = torch.tensor([float(row.get("weight", 1)) for row in rows])
    truth = torch.tensor([SEVERITIES.index(row["severity"]) for row in rows])
    loss = (weight * torch.nn.functional.cross_entropy(severity, truth, reduction="none")).sum() / weight.sum()
    if cause is not None:
        # A ticket without a root cause, or with one that the head has no row for, teaches it nothing.
        truth = torch.tensor([causes.get(row.get("root_cause"), -100) for row in rows])
        each = torch.nn.functional.cross_entropy(cause, truth, reduction="none", ignore_index=-100)
        loss = loss + cause_loss * (weight * each).sum() / weight.sum()
    return loss


def judged(network, rows, ids, padding):
    """Negative log-likelihood and scores of the severity head."""
    logits = torch.tensor(net.score(network, ids, padding)[0])
    truth = [SEVERITIES.index(row["severity"]) for row in rows]
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(truth)).item()
    return loss, scores_of(truth, logits.argmax(dim=1).tolist())


def train(network, tokens, data, arguments):
    """Leaves the network as it was after the epoch that makes the validation half most probable."""
    shuffle = random.Random(arguments.seed)
    ids, choice = (tokens([row["text"] for row in rows]) for rows in (data.train, data.choice))
    causes = {cause: row for row, cause in enumerate(data.causes)}
    optimiser = torch.optim.AdamW(network.parameters(), lr=arguments.rate, weight_decay=0.01)
    steps = -(-len(ids) // arguments.batch) * arguments.epochs
    schedule = warm_up_and_decay(optimiser, steps)
    best, history = None, []
    for epoch in range(1, arguments.epochs + 1):
        network.train()
        total, began, batches = 0.0, time.monotonic(), batches_of_like_length(ids, shuffle, arguments.batch)
        for part in batches:
            rows, part_ids = [data.train[at] for at in part], [ids[at] for at in part]
            loss = loss_of(network, rows, part_ids, tokens.padding, causes, arguments.cause_loss)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
        validation, result = judged(network, data.choice, choice, tokens.padding)
        history.append({"epoch": epoch, "training_loss": total / len(batches), "validation_loss": validation,
                        "right": result["right"], "of": result["of"]})
        print(f"epoch {epoch}/{arguments.epochs}: loss {total / len(batches):.4f}, validation {validation:.4f}, "
              f"{result['right']}/{result['of']} right, {time.monotonic() - began:.0f} s", flush=True)
        if best is None or validation < best[0]:
            best = validation, epoch, copy.deepcopy(network.state_dict())
    network.load_state_dict(best[2])
    return best[1], history


def probes(network, tokens, rows, lines):
    """Tickets from the shortest text to the longest: the longest shows how a text is cut. Each alone, from the weights
    that were saved."""
    ids = tokens([row["text"] for row in rows])
    order = sorted(range(len(rows)), key=lambda at: (len(ids[at]), len(rows[at]["text"]), rows[at]["ticket_id"]))
    chosen = sorted({round(at * (len(order) - 1) / (PROBES - 1)) for at in range(PROBES)})
    for at in (order[place] for place in chosen):
        severity, cause = net.score(network, [ids[at]], tokens.padding)
        probe = {"ticket": lines[at]["ticket"], "ids": ids[at], "severity": severity[0]}
        yield probe | ({"cause": cause[0]} if cause[0] else {})


def tables_of(data, network, epoch, history, arguments):
    used = {"learning_rate": arguments.rate, "epochs": arguments.epochs, "batch": arguments.batch, "seed": arguments.seed,
            "optimiser": "AdamW, weight decay 0.01", "schedule": "8 % warm-up, linear decay",
            "dropout": float(network.classifier.config.hidden_dropout_prob), "weights": "half floats"}
    if data.causes:
        used |= {"cause_loss": arguments.cause_loss, "cause_tickets_min": arguments.cause_tickets_min}
    severity = {"labels": data.labels}
    if data.labels != SEVERITIES:
        severity["map"] = dict(zip(data.labels, SEVERITIES))
    manifest = data.manifest
    counts = {"tickets": len({row["ticket_id"] for row in data.train}), "lines": len(data.train),
              "choosing_the_epoch": len(data.choice), "calibration": len(data.calibration),
              "manifest": data.digest, "test_tickets_kept_out": manifest["test"]["tickets"]}
    return {"severity": severity} | ({"cause": {"labels": data.causes}} if data.causes else {}) | {
        "hyperparameters": used, "data": counts, "data.slices": manifest["training_by_slice"],
        "data.severities": manifest["training_by_severity"],
        # On the tickets that chose the epoch: a little too good. `noctriage evaluate` says how good it is.
        "scores.choosing_the_epoch": {"epoch": epoch, **{key: value for key, value in history[epoch - 1].items() if key != "epoch"}}}


def write(directory, network, tokens, data, lines, epoch, history, head, arguments):
    net.save(network, tokens, directory)
    card.write_card(directory, "Written by training/finetune.py.", head, tables_of(data, network, epoch, history, arguments))
    saved, path = net.pretrained(directory, data.labels, data.causes)
    saved_tokens = net.Tokens(path, tokens.padding, head["max_tokens"], head["truncation"])
    card.write_probes(directory, probes(saved, saved_tokens, data.choice, lines[:len(data.choice)]))
    with open(os.path.join(directory, "calibration-tickets.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(exported.line_of(line) for line in lines[len(data.choice):])


def run(arguments):
    if os.path.exists(arguments.out):
        raise Refused(f"{arguments.out}: is there already; name another directory, or remove it")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    older = older_card(arguments.base)
    data = exported.read(arguments.data, arguments.seed, older.get("cause", {}).get("labels"), arguments.cause_tickets_min)
    if min(len(data.choice), len(data.calibration)) < 2:
        raise Refused(f"{arguments.data}: {len(data.choice)} and {len(data.calibration)} validation tickets are too few to "
                      "choose an epoch and to calibrate with")
    if older and older["text"] != data.template:
        raise Refused(f"{arguments.base}: reads another text than was exported; export with --model {arguments.base}")
    lines = exported.labelled_lines(arguments.tickets, data.choice + data.calibration)
    os.makedirs(os.path.dirname(os.path.abspath(arguments.out)), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(arguments.out))) as folder:
        if arguments.base:
            network, path = net.pretrained(arguments.base, data.labels, data.causes)
        else:
            network, path = net.fresh([row["text"] for row in data.train], arguments.new, data.labels, data.causes, folder)
        config = network.classifier.config
        tokens_max = min(arguments.max_tokens, net.positions(config))
        if tokens_max < TOKENS_MIN:
            raise Refused(f"{tokens_max} tokens are too few: the daemon reads at least {TOKENS_MIN}")
        tokens = net.Tokens(path, config.pad_token_id, tokens_max, arguments.truncation)
        print(f"{len(data.train)} training lines, {len(data.choice)} + {len(data.calibration)} validation tickets, "
              f"{len(data.causes)} root causes, {sum(p.numel() for p in network.parameters())} parameters", flush=True)
        epoch, history = train(network, tokens, data, arguments)
        parent = f"{older['name']} {older['version']}" if older else os.path.basename(os.path.abspath(arguments.base or ""))
        head = {"name": arguments.name, "version": arguments.version} | ({"parent": parent} if arguments.base else {}) | {
            "purpose": arguments.purpose, "text": data.template, "max_tokens": tokens_max, "truncation": arguments.truncation}
        # There whole or not at all.
        whole = os.path.join(folder, "model")
        os.mkdir(whole)
        write(whole, network, tokens, data, lines, epoch, history, head, arguments)
        shutil.move(whole, arguments.out)
    print(f"{arguments.out} is written, with epoch {epoch}; next: noctriage model check {arguments.out}")


def main():
    try:
        run(arguments_of(None))
    except Refused as refused:
        sys.exit(f"finetune: {refused}")


if __name__ == "__main__":
    main()
