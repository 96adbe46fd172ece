"""What a model directory says of itself: `model.toml`, its digests, and `probes.jsonl`."""

import hashlib
import json
import os

# What the daemon reads to compute a score, and so what the card lists with its digest.
PARTS = ["config.json", "model.safetensors", "tokenizer.json", "vocabulary.json"]


def toml_value(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}" if "." in f"{value:.6g}" or "e" in f"{value:.6g}" else f"{value:.6g}.0"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(inner) for inner in value) + "]"
    # JSON's escapes are TOML's, except that TOML wants DEL escaped too.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_key(key):
    is_bare = key.isascii() and key.replace("_", "a").replace("-", "a").isalnum()
    return key if is_bare else toml_value(key)


def table(name, values):
    return f"\n[{name}]\n" + "".join(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in values.items())


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_card(directory, comment, head, tables):
    """`head` are the keys of the card itself; `tables` the others, in order. The digests come last."""
    there = [part for part in PARTS if os.path.exists(os.path.join(directory, part))]
    files = {part: sha256(os.path.join(directory, part)) for part in there}
    with open(os.path.join(directory, "model.toml"), "w", encoding="utf-8") as file:
        file.write(f"# {comment}\n")
        file.writelines(f"{toml_key(key)} = {toml_value(value)}\n" for key, value in head.items())
        for name, values in (tables | {"files": files}).items():
            file.write(table(name, values))


def write_probes(directory, probes):
    """Each: `ticket`, `ids` (none for TF-IDF), and the raw scores of each head that there is."""
    with open(os.path.join(directory, "probes.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(probe, ensure_ascii=False) + "\n" for probe in probes)
