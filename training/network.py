"""An encoder of a Hugging Face directory with a severity head and, on the same pooled output, a root-cause head: read
and written as the daemon reads it (src/inference/tensors.rs, src/inference/tokens.rs)."""

import json
import os

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, logging

import encoder
from exported import Refused

# What the daemon reads, by the `model_type` of config.json.
ARCHITECTURES = {
    "bert": "BertForSequenceClassification",
    "roberta": "RobertaForSequenceClassification",
    "xlm-roberta": "XLMRobertaForSequenceClassification",
}

# Its reports of missing heads are what happens here by design.
logging.set_verbosity_error()
logging.disable_progress_bar()


class Network(torch.nn.Module):
    def __init__(self, classifier, causes):
        super().__init__()
        config = classifier.config
        self.classifier, self.family = classifier, config.model_type
        self.cause = torch.nn.Linear(config.hidden_size, len(causes)) if causes else None
        self.dropout = torch.nn.Dropout(config.hidden_dropout_prob)

    def forward(self, ids, mask):
        if self.family == "bert":
            pooled = self.classifier.bert(input_ids=ids, attention_mask=mask).pooler_output
            severity = self.classifier.classifier
        else:
            first = self.classifier.roberta(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]
            pooled = torch.tanh(self.classifier.classifier.dense(self.dropout(first)))
            severity = self.classifier.classifier.out_proj
        pooled = self.dropout(pooled)
        return severity(pooled), None if self.cause is None else self.cause(pooled)


class Tokens:
    """Text to ids as the daemon does it: special tokens around a text, never in it, cut to the model's length."""

    def __init__(self, path, padding, tokens_max, truncation):
        self.tokenizer, self.padding = Tokenizer.from_file(path), padding
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        bare, framed = (self.tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
        at = next((at for at in range(len(framed)) if framed[at:at + len(bare)] == bare), None)
        if not bare or at is None:
            raise Refused(f"{path}: its post-processor changes the text's own tokens; only templates are supported")
        self.prefix, self.suffix = framed[:at], framed[at + len(bare):]
        self.tokenizer.encode_special_tokens = True
        with open(path, encoding="utf-8") as file:
            model = json.load(file)["model"]
        self.unknown = model.get("unk_id")
        if self.unknown is None and model.get("unk_token") is not None:
            self.unknown = self.tokenizer.token_to_id(model["unk_token"])
        added = self.tokenizer.get_added_tokens_decoder()
        self.special = {id for id, token in added.items() if token.special} | {padding}
        self.special.discard(self.unknown)
        self.room, self.truncation = tokens_max - len(self.prefix) - len(self.suffix), truncation

    def __call__(self, texts):
        return [self.framed(encoding.ids) for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def framed(self, ids):
        ids = [self.unknown if id in self.special else id for id in ids]
        ids = [id for id in ids if id is not None]
        if len(ids) > self.room:
            first = {"head": self.room, "tail": 0, "head_tail": (self.room + 1) // 2}[self.truncation]
            ids = ids[:first] + ids[len(ids) - (self.room - first):]
        return [*self.prefix, *ids, *self.suffix]


def batch(rows, padding):
    length = max(len(row) for row in rows)
    ids = torch.full((len(rows), length), padding, dtype=torch.long)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for at, row in enumerate(rows):
        ids[at, :len(row)] = torch.tensor(row)
        mask[at, :len(row)] = 1
    return ids, mask


def score(network, rows, padding, size=64):
    """Scores of each row and head, in order; of a head that is not there, nothing."""
    network.eval()
    order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
    severity, cause = [None] * len(rows), [[]] * len(rows)
    with torch.inference_mode():
        for start in range(0, len(order), size):
            part = order[start:start + size]
            first, second = network(*batch([rows[at] for at in part], padding))
            for row, at in enumerate(part):
                severity[at] = first[row].tolist()
                cause[at] = [] if second is None else second[row].tolist()
    return severity, cause


def positions(config):
    """Tokens that the position embedding has room for: RoBERTa counts from the padding id plus one."""
    return config.max_position_embeddings - (0 if config.model_type == "bert" else config.pad_token_id + 1)


def pretrained(directory, labels, causes):
    """A directory with its heads where they are of these labels and causes, and with new ones where they are not."""
    config = AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    if config.model_type not in ARCHITECTURES:
        raise Refused(f"{directory}: a {config.model_type} is none of {', '.join(ARCHITECTURES)}, which the daemon reads")
    if not os.path.exists(os.path.join(directory, "model.safetensors")):
        raise Refused(f"{directory}: has no model.safetensors; pickles are not read: save the model as safetensors")
    tensors = load_file(os.path.join(directory, "model.safetensors"))
    had = [config.id2label.get(row) for row in range(len(config.id2label))]
    config.id2label, config.label2id = dict(enumerate(labels)), {label: row for row, label in enumerate(labels)}
    config.problem_type, config.architectures = "single_label_classification", [ARCHITECTURES[config.model_type]]
    classifier = AutoModelForSequenceClassification.from_pretrained(
        directory, config=config, local_files_only=True, trust_remote_code=False, use_safetensors=True,
        dtype=torch.float32, ignore_mismatched_sizes=True)
    network = Network(classifier, causes)
    if had != labels:
        head = classifier.classifier if config.model_type == "bert" else classifier.classifier.out_proj
        torch.nn.init.normal_(head.weight, std=config.initializer_range)
        torch.nn.init.zeros_(head.bias)
    old = {name: tensors.get(f"cause_classifier.{name}") for name in ("weight", "bias")}
    if causes and old["weight"] is not None and old["weight"].shape[0] == len(causes):
        network.cause.load_state_dict({name: tensor.float() for name, tensor in old.items()})
    return network, os.path.join(directory, "tokenizer.json")


def fresh(texts, shape, labels, causes, folder):
    """An encoder of WIDTHxLAYERS that has seen nothing, and a tokenizer made of the training texts."""
    width, layers = shape
    tokenizer = encoder.train_tokenizer(texts)
    network = Network(encoder.new(tokenizer.get_vocab_size(), width, layers, 4).bert, causes)
    config = network.classifier.config
    config.id2label, config.label2id = dict(enumerate(labels)), {label: row for row, label in enumerate(labels)}
    path = os.path.join(folder, "tokenizer.json")
    tokenizer.save(path)
    return network, path


def save(network, tokens, directory):
    """Weights as half floats, the tokenizer without padding and truncation of its own."""
    tensors = {name: tensor.half().contiguous() for name, tensor in network.classifier.state_dict().items()
               if "position_ids" not in name and "embeddings.token_type_ids" not in name}
    if network.cause is not None:
        tensors |= {f"cause_classifier.{name}": tensor.half().contiguous() for name, tensor in network.cause.state_dict().items()}
    save_file(tensors, os.path.join(directory, "model.safetensors"), metadata={"format": "pt"})
    network.classifier.config.save_pretrained(directory)
    tokens.tokenizer.save(os.path.join(directory, "tokenizer.json"))
