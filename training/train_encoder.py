"""Trains the bundled encoder: the base on generated tickets, version 1 on labelled tickets of the desk."""

import argparse
import json
import os
import random
import time

import torch

import encoder
import rows as data


def batches_of_like_length(ids, shuffle, size=32):
    """Rows of each batch: of like lengths, so that there is little padding. The order of batches is random."""
    order = list(range(len(ids)))
    shuffle.shuffle(order)
    batches = []
    for start in range(0, len(order), size * 50):
        part = sorted(order[start:start + size * 50], key=lambda at: len(ids[at]))
        batches += [part[at:at + size] for at in range(0, len(part), size)]
    shuffle.shuffle(batches)
    return batches


def warm_up_and_decay(optimiser, steps):
    """The rate rises over 8 % of the steps and falls to nothing over the others."""
    warm = max(1, int(0.08 * steps))
    return torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda at: min((at + 1) / warm, max(0.0, (steps - at) / max(1, steps - warm))))


def train(model, tokenizer, draw_epoch, epochs, rate, seed, decay=0.01):
    """`draw_epoch(n)` gives the rows and texts of one epoch. AdamW, 8 % warm-up, linear decay, batches of 32."""
    torch.manual_seed(seed)
    shuffle = random.Random(seed)
    steps, optimiser, schedule, step = None, torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay), None, 0
    for epoch in range(epochs):
        rows, texts = draw_epoch(epoch)
        ids = encoder.encode(tokenizer, texts)
        severity, cause = data.severity_rows(rows), data.cause_rows(rows)
        batches = batches_of_like_length(ids, shuffle)
        if schedule is None:
            steps = len(batches) * epochs
            schedule = warm_up_and_decay(optimiser, steps)
        model.train()
        total, began = 0.0, time.monotonic()
        for part in batches:
            first, second = model(*encoder.batch([ids[at] for at in part]))
            loss = torch.nn.functional.cross_entropy(first, torch.tensor([severity[at] for at in part]))
            loss = loss + 0.5 * torch.nn.functional.cross_entropy(second, torch.tensor([cause[at] for at in part]))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item()
            step += 1
        print(f"epoch {epoch + 1}/{epochs}: loss {total / len(batches):.4f}, {time.monotonic() - began:.0f} s", flush=True)


def report(model, tokenizer, path):
    rows = data.read(path)
    severity, cause = encoder.score(model, encoder.encode(tokenizer, [row["text"] for row in rows]))
    predicted = [max(range(4), key=row.__getitem__) for row in severity]
    causes = [max(range(len(data.CAUSES)), key=row.__getitem__) for row in cause]
    result = data.scores(data.severity_rows(rows), predicted)
    right = sum(a == b for a, b in zip(causes, data.cause_rows(rows)))
    wireless = [row["category"] == "wireless" for row in rows]
    hits = [a == b for a, b in zip(data.severity_rows(rows), predicted)]
    only = [hit for hit, is_wireless in zip(hits, wireless) if is_wireless]
    print(f"{path}: severity {result['right']}/{result['of']} = {result['accuracy']:.3f}, macro-F1 {result['macro_f1']:.3f}, "
          f"critical {result['critical_found']}/{result['critical_of']}, cause {right}/{len(rows)} = {right / len(rows):.3f}, "
          f"wireless {sum(only)}/{len(only)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("phase", choices=["base", "v1"])
    parser.add_argument("--generated", nargs="+", required=True, help="rows of generators a and c")
    parser.add_argument("--desk", help="labelled rows of the desk (v1)")
    parser.add_argument("--from-base", help="directory of the base (v1)")
    parser.add_argument("--out", required=True)
    parser.add_argument("--note", required=True, help="file for the hyperparameters, which go onto the card")
    parser.add_argument("--development", nargs="*", default=[], help="rows to report on while developing; never the held-out ones")
    parser.add_argument("--epochs", type=int, help="without it 6 for the base, 8 for version 1")
    parser.add_argument("--rate", type=float, help="without it 5e-4 for the base, 3e-4 for version 1")
    parser.add_argument("--replay", type=int, default=1000, help="generated rows beside the desk's in each epoch (v1)")
    parser.add_argument("--repeat", type=int, default=2, help="passes over the desk's rows in each epoch (v1)")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--limit", type=int, default=None, help="first rows only: a smoke test")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    is_base = arguments.phase == "base"
    arguments.epochs = arguments.epochs or (6 if is_base else 8)
    arguments.rate = arguments.rate or (5e-4 if is_base else 3e-4)
    # One thread: on a shared machine two of them wait for each other, and sums keep one order.
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    generated = [row for path in arguments.generated for row in data.read(path)[:arguments.limit]]
    mixer = data.Mixer([row["text"] for row in generated], arguments.seed)
    if arguments.phase == "base":
        tokenizer = encoder.train_tokenizer(row["text"] for row in generated)
        model = encoder.new(tokenizer.get_vocab_size(), arguments.hidden, arguments.layers, 4)

        def draw_epoch(_):
            return generated, [mixer(row["text"]) for row in generated]
    else:
        model, tokenizer = encoder.load(arguments.from_base)
        desk = data.read(arguments.desk)
        draw = random.Random(arguments.seed)

        def draw_epoch(_):
            rows = desk * arguments.repeat + draw.sample(generated, min(arguments.replay, len(generated)))
            return rows, [mixer(row["text"]) for row in rows]
    lengths = sorted(len(row) for row in encoder.encode(tokenizer, [row["text"] for row in generated[:2000]]))
    print(f"{tokenizer.get_vocab_size()} words, {sum(p.numel() for p in model.parameters())} parameters, "
          f"tokens p50 {lengths[len(lengths) // 2]} p99 {lengths[-len(lengths) // 100]}", flush=True)
    train(model, tokenizer, draw_epoch, arguments.epochs, arguments.rate, arguments.seed)
    encoder.save(model, tokenizer, arguments.out)
    used = {"seed": arguments.seed, "epochs": arguments.epochs, "learning_rate": arguments.rate, "batch": 32,
            "warm_up": 0.08, "schedule": "linear decay", "optimiser": "AdamW, weight decay 0.01", "dropout": 0.1,
            "attention_dropout": 0.0, "cause_loss_weight": 0.5, "words_replaced_up_to": 0.25, "sentences_shuffled": True}
    if is_base:
        used |= {"hidden": arguments.hidden, "layers": arguments.layers, "heads": 4, "vocabulary": tokenizer.get_vocab_size()}
    else:
        used |= {"desk_passes_per_epoch": arguments.repeat, "generated_rows_per_epoch": arguments.replay}
    with open(arguments.note, "w", encoding="utf-8") as file:
        json.dump(used, file)
    model, tokenizer = encoder.load(arguments.out)
    for path in arguments.development:
        report(model, tokenizer, path)


if __name__ == "__main__":
    main()
