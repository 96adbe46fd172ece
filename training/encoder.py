"""A small BERT with a severity head and, on the same pooled output, a root-cause head, in Hugging Face's layout."""

import json
import os

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForSequenceClassification

from rows import CAUSES, SEVERITIES

TOKENS_MAX = 128
VOCABULARY = 8000


def train_tokenizer(texts):
    """WordPiece on lower-case text; every digit is a token, so that numbers do not eat the vocabulary."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=64))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True),
    ])
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def encode(tokenizer, texts):
    """Ids of each text, its middle cut out where it is too long; special tokens in the text are text."""
    tokenizer.encode_special_tokens = True
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    room = TOKENS_MAX - 2
    head = (room + 1) // 2
    rows = []
    for encoding in tokenizer.encode_batch(list(texts), add_special_tokens=False):
        ids = encoding.ids
        if len(ids) > room:
            ids = ids[:head] + ids[len(ids) - (room - head):]
        rows.append([cls, *ids, sep])
    return rows


class Encoder(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.bert = BertForSequenceClassification(config)
        self.cause_classifier = torch.nn.Linear(config.hidden_size, len(CAUSES))
        self.dropout = torch.nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids, mask):
        pooled = self.dropout(self.bert.bert(input_ids=ids, attention_mask=mask).pooler_output)
        return self.bert.classifier(pooled), self.cause_classifier(pooled)


def new(vocabulary, hidden, layers, heads):
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=4 * hidden, max_position_embeddings=TOKENS_MAX, type_vocab_size=2, hidden_act="gelu",
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.0, pad_token_id=0, num_labels=len(SEVERITIES),
        id2label=dict(enumerate(SEVERITIES)), label2id={name: at for at, name in enumerate(SEVERITIES)},
        problem_type="single_label_classification", architectures=["BertForSequenceClassification"],
    )
    return Encoder(config)


def batch(rows):
    length = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, :len(row)] = torch.tensor(row)
        mask[at, :len(row)] = 1
    return ids, mask


def score(model, rows, size=128):
    """Severity and cause scores of each row, in order."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    severity, cause = [None] * len(rows), [None] * len(rows)
    with torch.inference_mode():
        for start in range(0, len(order), size):
            part = order[start:start + size]
            first, second = model(*batch([rows[at] for at in part]))
            for at, a, b in zip(part, first.tolist(), second.tolist()):
                severity[at], cause[at] = a, b
    return severity, cause


def save(model, tokenizer, directory):
    """A directory as `save_pretrained` writes it, weights as half floats, plus the root-cause head."""
    os.makedirs(directory, exist_ok=True)
    tensors = {name: tensor.half().contiguous() for name, tensor in model.bert.state_dict().items() if "position_ids" not in name}
    tensors |= {f"cause_classifier.{name}": tensor.half().contiguous() for name, tensor in model.cause_classifier.state_dict().items()}
    save_file(tensors, os.path.join(directory, "model.safetensors"), metadata={"format": "pt"})
    model.bert.config.save_pretrained(directory)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(os.path.join(directory, "tokenizer.json"))


def load(directory):
    """The model as the daemon sees it: half-float weights computed with in single precision."""
    with open(os.path.join(directory, "config.json"), encoding="utf-8") as file:
        config = BertConfig(**json.load(file))
    config.num_labels = len(SEVERITIES)
    model = Encoder(config)
    tensors = {name: tensor.float() for name, tensor in load_file(os.path.join(directory, "model.safetensors")).items()}
    cause = {name.removeprefix("cause_classifier."): tensors.pop(name) for name in list(tensors) if name.startswith("cause_classifier.")}
    model.cause_classifier.load_state_dict(cause)
    missing, unexpected = model.bert.load_state_dict(tensors, strict=False)
    assert not unexpected and all("position_ids" in name or "token_type_ids" in name for name in missing), (missing, unexpected)
    model.eval()
    return model, Tokenizer.from_file(os.path.join(directory, "tokenizer.json"))
