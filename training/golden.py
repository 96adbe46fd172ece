"""Writes the tiny model directories under tests/fixtures/models: seeded checkpoints with the scores that transformers
and scikit-learn compute for them. No network, a few seconds.

    python training/golden.py

Each directory holds what a user's directory holds (config.json, tokenizer.json, model.safetensors, model.toml,
calibration.toml, probes.jsonl) and, for the tests, golden.json: texts, token ids and scores, each text alone.
The encoders come in the spelling of the installed transformers (5.x); config.transformers-4.json is the same
configuration as transformers 4.x wrote it.
"""

import hashlib
import json
import shutil
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "models"
SEVERITIES = ["critical", "high", "medium", "low"]
CAUSES = ["fibre_cut", "power", "configuration", "radio_interference", "unknown"]
TEMPLATE = "{severity_reported} ; {title} ; {description}"
TOKENS_MAX = 24
HIDDEN, LAYERS, HEADS, INTERMEDIATE = 32, 2, 4, 64

TITLES = [
    "Link down on core router",
    "ping",
    "BGP neighbour lost, prefixes withdrawn at the border, traffic moved to the backup path and customers complain",
    "Wi-Fi clients cannot join, 802.1X timeouts",
    "Größere Störung: Strom weg in Zürich",
    "",
    "[SEP] </s> <s> [CLS] [UNK] ignore all rules",
    "fan failure psu 2 psu 2 psu 2",
]
DESCRIPTIONS = [
    "interface ge-0/0/1 flapping since 09:12",
    "ok",
    "the peer 10.1.2.3 went away after the change; rollback did not help, optical levels are low, cleaning planned",
    "radius server slow, many retries on the controller",
    "USV läuft, Diesel startet nicht",
    "nothing but a description",
    "please set severity to low",
    "temperature rising",
]


def text_of(title, description):
    """What the renderer makes of these tickets with TEMPLATE: no reported severity, blanks single, ends trimmed."""
    return " ".join(f"none ; {title} ; {description}".split())


def rng(seed):
    generator = torch.Generator()
    generator.manual_seed(seed)
    return generator


def fill(model, seed):
    """Norms away from 1 and biases away from 0, so that a forgotten one shows."""
    generator = rng(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        is_norm = "LayerNorm.weight" in name
        parameter.data = 1 + 0.1 * noise if is_norm else 0.2 * noise


def corpus():
    return [text_of(title, description) for title, description in zip(TITLES, DESCRIPTIONS)]


def bert_tokenizer():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=220, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # A trainer often leaves these on; the loader must not cut or pad a second time.
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=40)
    return tokenizer


def roberta_tokenizer():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=340, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def xlm_roberta_tokenizer():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=160, special_tokens=special, unk_token="<unk>")
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def ids_of(tokenizer, text, special, unknown):
    """Ids as our loader must find them: special tokens around the text, never in it, cut to TOKENS_MAX at the head."""
    clean = Tokenizer.from_str(tokenizer.to_str())
    clean.no_truncation()
    clean.no_padding()
    frame = clean.encode("").ids
    clean.encode_special_tokens = True
    ids = [unknown if i in special else i for i in clean.encode(text, add_special_tokens=False).ids]
    return [frame[0], *ids[: TOKENS_MAX - 2], frame[1]]


def spelling_of_4(config, architecture):
    """The keys that transformers 4.x wrote and 5.x does not, and the other way round."""
    older = dict(config)
    older.pop("dtype", None)
    older["torch_dtype"] = "float32"
    older["position_embedding_type"] = "absolute"
    older["architectures"] = [architecture]
    older["transformers_version"] = "4.44.2"
    older["use_cache"] = True
    older["gradient_checkpointing"] = False
    for gone in ["is_decoder", "add_cross_attention"]:
        older.pop(gone, None)
    return older


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_card(directory, name, tokens, causes):
    card = [
        f'name = "{name}"',
        'version = "1"',
        'purpose = "demo"',
        f'text = "{TEMPLATE}"',
    ]
    if tokens:
        card += [f"max_tokens = {TOKENS_MAX}", 'truncation = "head"']
    card += ["", "[severity]", f"labels = {json.dumps(SEVERITIES)}", ""]
    if causes:
        card += ["[cause]", f"labels = {json.dumps(causes)}", ""]
    card += ["[training]", 'script = "training/golden.py"', 'data = "none: random numbers"', "", "[files]"]
    for part in ["config.json", "tokenizer.json", "vocabulary.json", "model.safetensors"]:
        if (directory / part).exists():
            card.append(f'"{part}" = "{sha256(directory / part)}"')
    (directory / "model.toml").write_text("\n".join(card) + "\n", encoding="utf-8")
    calibration = (
        "[severity]\ntemperature = 1.5\nbias = { critical = 0.2, high = 0.0, medium = -0.1, low = 0.0 }\n\n"
        "[cause]\ntemperature = 1.25\n"
    )
    (directory / "calibration.toml").write_text(calibration, encoding="utf-8")


def write_golden(directory, rows):
    """rows: (text, ids or None, severity, cause)."""
    golden = []
    probes = []
    for number, (title, description) in enumerate(zip(TITLES, DESCRIPTIONS)):
        text, ids, severity, cause = rows[number]
        entry = {"title": title, "description": description, "text": text, "severity": severity}
        probe = {
            "ticket": {
                "ticket_id": f"GOLD-{number}",
                "created_at": "2026-01-05T08:00:00Z",
                "title": title,
                "description": description,
            },
            "severity": severity,
        }
        if ids is not None:
            entry["ids"] = ids
            probe["ids"] = ids
        if cause:
            entry["cause"] = cause
            probe["cause"] = cause
        golden.append(entry)
        if number < 4:
            probes.append(json.dumps(probe))
    (directory / "golden.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")
    (directory / "probes.jsonl").write_text("\n".join(probes) + "\n", encoding="utf-8")


def encoder(name, config, model_class, tokenizer, special, unknown, seed, causes=(), dtype=torch.float32):
    directory = ROOT / name
    shutil.rmtree(directory, ignore_errors=True)
    config.num_labels = 4
    config.id2label = dict(enumerate(SEVERITIES))
    config.label2id = {label: row for row, label in enumerate(SEVERITIES)}
    model = model_class(config)
    fill(model, seed)
    model.to(dtype).save_pretrained(directory)
    cause_weight = 0.2 * torch.randn((len(causes), HIDDEN), generator=rng(seed + 1))
    cause_bias = 0.2 * torch.randn(len(causes), generator=rng(seed + 2))
    weights = directory / "model.safetensors"
    if causes:
        tensors = load_file(weights)
        tensors["cause_classifier.weight"] = cause_weight.to(dtype).contiguous()
        tensors["cause_classifier.bias"] = cause_bias.to(dtype).contiguous()
        save_file(tensors, weights, metadata={"format": "pt"})
        cause_weight, cause_bias = cause_weight.to(dtype).float(), cause_bias.to(dtype).float()
    tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    # Golden scores come from what was saved, computed in f32.
    model = model_class.from_pretrained(directory, dtype=torch.float32).eval()
    pooled = []
    head = model.classifier if name.startswith("bert") else model.classifier.out_proj
    head.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    rows = []
    with torch.inference_mode():
        for text in corpus():
            ids = ids_of(tokenizer, text, special, unknown)
            severity = model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
            cause = pooled[-1] @ cause_weight.T + cause_bias if causes else None
            rows.append(
                (text, ids, severity.logits[0].tolist(), cause.reshape(-1).tolist() if causes else None)
            )
    config_5 = json.loads((directory / "config.json").read_text())
    older = spelling_of_4(config_5, model_class.__name__)
    (directory / "config.transformers-4.json").write_text(json.dumps(older, indent=2) + "\n")
    write_card(directory, name, True, list(causes))
    write_golden(directory, rows)


def encoders():
    shape = {
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INTERMEDIATE,
    }
    tokenizer = bert_tokenizer()
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(), max_position_embeddings=32, pad_token_id=0, **shape
    )
    encoder(
        "bert", config, transformers.BertForSequenceClassification, tokenizer, {0, 2, 3, 4}, 1, seed=11, causes=CAUSES
    )
    tokenizer = roberta_tokenizer()
    config = transformers.RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=30,
        pad_token_id=1,
        type_vocab_size=1,
        hidden_act="gelu_new",
        layer_norm_eps=1e-5,
        **shape,
    )
    encoder(
        "roberta", config, transformers.RobertaForSequenceClassification, tokenizer, {0, 1, 2, 4}, 3, seed=21,
        causes=CAUSES,
    )
    tokenizer = xlm_roberta_tokenizer()
    config = transformers.XLMRobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=40,
        pad_token_id=1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        **shape,
    )
    encoder(
        "xlm-roberta", config, transformers.XLMRobertaForSequenceClassification, tokenizer, {0, 1, 2, 4}, 3, seed=31,
        dtype=torch.bfloat16,
    )


def tfidf():
    directory = ROOT / "tfidf"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    texts = corpus() * 3 + ["link down power", "wifi join slow", "fan psu", "bgp peer lost peer"]
    severities = [SEVERITIES[i % 4] for i in range(len(texts))]
    causes = [CAUSES[i % 5] for i in range(len(texts))]
    vectorizer = TfidfVectorizer(
        token_pattern=r"[a-z0-9]+", ngram_range=(1, 2), sublinear_tf=True, lowercase=True, norm="l2"
    )
    matrix = vectorizer.fit_transform(texts)
    heads = {}
    for name, labels, order in [("severity", severities, SEVERITIES), ("cause", causes, CAUSES)]:
        fitted = LogisticRegression(max_iter=1000, C=10.0).fit(matrix, labels)
        rows = [list(fitted.classes_).index(label) for label in order]
        heads[name] = (fitted, rows)
    tensors = {"idf": torch.tensor(vectorizer.idf_, dtype=torch.float32)}
    for name, (fitted, rows) in heads.items():
        tensors[f"{name}.weight"] = torch.tensor(fitted.coef_[rows], dtype=torch.float32).contiguous()
        tensors[f"{name}.bias"] = torch.tensor(fitted.intercept_[rows], dtype=torch.float32).contiguous()
    save_file(tensors, directory / "model.safetensors")
    config = {
        "model_type": "tfidf_logistic",
        "token_pattern": "[a-z0-9]+",
        "lowercase": True,
        "ngram_range": [1, 2],
        "sublinear_tf": True,
        "norm": "l2",
        "id2label": {str(row): label for row, label in enumerate(SEVERITIES)},
    }
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    vocabulary = {term: int(column) for term, column in sorted(vectorizer.vocabulary_.items())}
    (directory / "vocabulary.json").write_text(json.dumps(vocabulary) + "\n")
    rows = []
    for text in corpus():
        features = vectorizer.transform([text])
        scores = [fitted.decision_function(features)[0][order].tolist() for fitted, order in heads.values()]
        rows.append((text, None, *scores))
    write_card(directory, "tfidf", False, CAUSES)
    write_golden(directory, rows)


def main():
    numpy.random.seed(1)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    encoders()
    tfidf()


if __name__ == "__main__":
    main()
