"""`make test-training`: fine-tunes toy encoders on a toy export, and has the daemon's program recompute, calibrate and
evaluate what comes out. Two minutes on a free core.

    python training/check_finetune.py target/release/noctriage
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import torch
import transformers

import encoder
import exported

HERE = os.path.dirname(os.path.abspath(__file__))


def call(*command, code=0):
    codes = code if isinstance(code, tuple) else (code,)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in codes, f"{' '.join(command)}: {done.returncode}, not {codes}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def toy_export(binary, folder):
    """600 simulated tickets, a template of their own, and some of them twice."""
    path = os.path.join(folder, "desk.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        file.write(call(binary, "dataset", "generate", "--generator", "desk", "--tickets", "600", "--seed", "3", "--labelled"))
    sets, card, plan = (os.path.join(folder, name) for name in ("sets", "card.toml", "plan.json"))
    call(binary, "dataset", "split", path, "--by", "group", "--test", "60", "--validation", "120", "--into", sets)
    with open(card, "w", encoding="utf-8") as file:
        file.write('text = "{severity_reported} ; {category} ; {title} ; {description}"\n'
                   '[severity]\nlabels = ["P4", "P3", "P2", "P1"]\n'
                   'map = { P1 = "critical", P2 = "high", P3 = "medium", P4 = "low" }\n')
    first = exported.lines_of(os.path.join(sets, "train.jsonl"))[0]["ticket"]["ticket_id"]
    with open(plan, "w", encoding="utf-8") as file:
        json.dump({"schema": "noctriage.training_plan/v1", "copies": {first: 3}}, file)
    export(binary, sets, os.path.join(folder, "export"), "--card", card, "--weights", plan)


def export(binary, sets, into, *more):
    files = [os.path.join(sets, f"{name}.jsonl") for name in ("train", "validation")]
    call(binary, "dataset", "export", *files, "--test", os.path.join(sets, "test.jsonl"), "--into", into, *more)


def toy_bert(folder):
    """A BERT of random numbers as a Hugging Face directory, without any head."""
    torch.manual_seed(5)
    transformers.logging.disable_progress_bar()
    directory = os.path.join(folder, "toy-bert")
    texts = [row["text"] for row in exported.lines_of(os.path.join(folder, "export", "train.jsonl"))]
    tokenizer = encoder.train_tokenizer(texts)
    config = transformers.BertConfig(vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2,
                                     num_attention_heads=4, intermediate_size=64, max_position_embeddings=48, pad_token_id=0)
    transformers.BertModel(config).save_pretrained(directory)
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=60)
    tokenizer.save(os.path.join(directory, "tokenizer.json"))
    return directory


def finetune(folder, out, *more, data="export", code=0):
    tickets = os.path.join(folder, "sets", "validation.jsonl")
    return call(sys.executable, os.path.join(HERE, "finetune.py"), "--data", os.path.join(folder, data), "--tickets", tickets,
                "--out", out, "--name", "toy", "--purpose", "demo", "--epochs", "10", "--rate", "5e-3", *more, code=code)


def check_model(binary, folder, model, causes):
    report = json.loads(call(binary, "model", "check", "--json", model))
    assert report["holds"] and report["probes_recomputed"] == 8, report
    assert (len(report["root_causes"]) >= 2) == causes, report
    sets = os.path.join(folder, "sets")
    test, train = (os.path.join(sets, f"{name}.jsonl") for name in ("test", "train"))
    on = os.path.join(model, "calibration-tickets.jsonl")
    # 1: no better than uncalibrated, which chance decides here.
    said = call(binary, "model", "calibrate", model, "--on", on, "--not-in", train, "--not-in", test, code=(0, 1))
    assert "negative log-likelihood" in said, said
    said = call(binary, "model", "calibrate", model, "--on", train, code=2)
    assert "is a training ticket" in said, said
    report = json.loads(call(binary, "evaluate", "--test", test, "--train", train, "--model", f"toy={model}", "--json"))
    assert "toy" in json.dumps(report)


def check_family(binary, folder, name):
    """The tiny checkpoints of tests/fixtures/models, with their cards: texts, tokenizers and heads of another family."""
    base = os.path.join(os.path.dirname(HERE), "tests", "fixtures", "models", name)
    export(binary, os.path.join(folder, "sets"), os.path.join(folder, f"export-{name}"), "--model", base)
    out = os.path.join(folder, name)
    finetune(folder, out, "--from", base, "--version", "2", "--epochs", "1", data=f"export-{name}")
    report = json.loads(call(binary, "model", "check", "--json", out))
    assert report["holds"] and report["probes_recomputed"] == 8, report
    said = finetune(folder, os.path.join(folder, "none"), "--from", base, "--version", "2", code=1)
    assert "reads another text than was exported" in said, said


def check_refusals(binary, folder, model, bert):
    """A directory that is not what its trainer saw, and an export that is not what its manifest says."""
    broken = os.path.join(folder, "broken")
    shutil.copytree(model, broken)
    path = os.path.join(broken, "probes.jsonl")
    lines = exported.lines_of(path)
    lines[0]["severity"][0] += 0.01
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(exported.line_of(line) for line in lines)
    assert "a score differs" in call(binary, "model", "check", broken, code=1)
    changed = os.path.join(folder, "changed")
    shutil.copytree(os.path.join(folder, "export"), changed)
    with open(os.path.join(changed, "train.jsonl"), "a", encoding="utf-8") as file:
        file.write('{"ticket_id":"X","text":"x","severity":"low","label":"P4"}\n')
    none = os.path.join(folder, "none")
    said = finetune(folder, none, "--from", bert, "--version", "1", data="changed", code=1)
    assert "is not what the manifest was written for" in said, said
    said = finetune(folder, model, "--from", bert, "--version", "1", code=1)
    assert "is there already" in said, said
    assert not os.path.exists(none)


def main():
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        toy_export(binary, folder)
        bert = toy_bert(folder)
        first, second, third = (os.path.join(folder, name) for name in ("first", "second", "third"))
        print(finetune(folder, first, "--from", bert, "--version", "1", "--max-tokens", "40"), end="")
        check_model(binary, folder, first, causes=True)
        print(finetune(folder, second, "--from", first, "--version", "2", "--truncation", "head"), end="")
        check_model(binary, folder, second, causes=True)
        print(finetune(folder, third, "--new", "32x1", "--version", "1", "--cause-tickets-min", "1000"), end="")
        check_model(binary, folder, third, causes=False)
        for name in ("roberta", "xlm-roberta"):
            check_family(binary, folder, name)
        check_refusals(binary, folder, first, bert)
    print("6 passed, 0 failed")


if __name__ == "__main__":
    main()
