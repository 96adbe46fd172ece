"""ONNX Runtime (f32) and PyTorch on the weights and token ids of `cargo bench --bench encoder`: the same classifier, from
ids to logits.

    python benches/peers/peers.py --weights FILE --threads 1 --seconds 1 --json OUT

The exported graph is checked before it is timed: an export of transformers' own module has been seen to give other
numbers without an error, so that the graph is made from the plain forward below, and both are held against transformers.
"""

import argparse
import json
import os
import statistics
import tempfile
import time

CELLS = ["64x1", "64x8", "64x32", "128x1", "128x8", "128x32", "ragged"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True, help="safetensors file that the bench wrote")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="per engine and cell")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall",
                        help="cpu: seconds of this process; for one thread on a machine that others use")
    parser.add_argument("--cells", type=lambda text: text.split(","), default=CELLS)
    parser.add_argument("--json", required=True, help="where figures and scores go")
    return parser.parse_args()


OPTIONS = arguments()
os.environ["OMP_NUM_THREADS"] = str(OPTIONS.threads)

import numpy  # noqa: E402
import onnxruntime  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import BertConfig, BertForSequenceClassification  # noqa: E402

LAYERS, HIDDEN, HEADS, INTERMEDIATE = 6, 384, 12, 1536


class Plain(torch.nn.Module):
    """The classifier in plain operations; mask is 1 for tokens and 0 for padding."""

    def __init__(self, weights):
        super().__init__()
        for name, weight in weights.items():
            self.register_buffer(name.replace(".", "__"), weight)

    def weight(self, name):
        return getattr(self, name.replace(".", "__"))

    def linear(self, x, name):
        return torch.nn.functional.linear(x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"))

    def norm(self, x, name):
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return torch.nn.functional.layer_norm(x, (HIDDEN,), weight, bias, 1e-12)

    def forward(self, ids, mask):
        prefix = "bert.embeddings"
        words = torch.nn.functional.embedding(ids, self.weight(f"{prefix}.word_embeddings.weight"))
        positions = self.weight(f"{prefix}.position_embeddings.weight")[: ids.shape[1]]
        types = self.weight(f"{prefix}.token_type_embeddings.weight")[0]
        x = self.norm(words + positions + types, f"{prefix}.LayerNorm")
        masked = (1.0 - mask[:, None, None, :]) * -10000.0
        size = HIDDEN // HEADS
        for layer in range(LAYERS):
            at = f"bert.encoder.layer.{layer}"

            def heads(part):
                y = self.linear(x, f"{at}.attention.self.{part}")
                return y.reshape(ids.shape[0], ids.shape[1], HEADS, size).permute(0, 2, 1, 3)

            query, key, value = heads("query"), heads("key"), heads("value")
            scores = torch.matmul(query, key.transpose(2, 3)) * size**-0.5 + masked
            context = torch.matmul(torch.softmax(scores, dim=-1), value)
            context = context.permute(0, 2, 1, 3).reshape(ids.shape[0], ids.shape[1], HIDDEN)
            x = self.norm(self.linear(context, f"{at}.attention.output.dense") + x, f"{at}.attention.output.LayerNorm")
            between = torch.nn.functional.gelu(self.linear(x, f"{at}.intermediate.dense"))
            x = self.norm(self.linear(between, f"{at}.output.dense") + x, f"{at}.output.LayerNorm")
        return self.linear(torch.tanh(self.linear(x[:, 0], "bert.pooler.dense")), "classifier")


def reference(weights):
    config = BertConfig(
        vocab_size=30522, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=INTERMEDIATE, max_position_embeddings=512, type_vocab_size=2, num_labels=4,
        layer_norm_eps=1e-12, attn_implementation="sdpa",
    )
    model = BertForSequenceClassification(config).eval()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and all("position_ids" in name for name in missing), (missing, unexpected)
    return model


def session(plain):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = OPTIONS.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "model.onnx")
        axes = {0: "batch", 1: "tokens"}
        torch.onnx.export(
            plain, (torch.ones(2, 5, dtype=torch.long), torch.ones(2, 5)), path, dynamo=False, opset_version=17,
            input_names=["ids", "mask"], output_names=["logits"],
            dynamic_axes={"ids": axes, "mask": axes, "logits": {0: "batch"}},
        )
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def sequences(cell):
    """The ids of the bench."""
    if cell == "ragged":
        lengths = [20 + (row * 37 + 11) % 105 for row in range(32)]
    else:
        tokens, rows = map(int, cell.split("x"))
        lengths = [tokens] * rows
    return [[1000 + (row * 131 + place * 977) % 29000 for place in range(n)] for row, n in enumerate(lengths)]


def padded(rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1.0] * len(row) + [0.0] * (longest - len(row)) for row in rows])
    return ids, mask


def groups_of(rows, size):
    """The rows sorted by length, `size` at a time, and where each came from."""
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    return [order[first : first + size] for first in range(0, len(rows), size)]


def timed(run):
    """Median seconds, and the logits."""
    logits, seconds = run(), []
    clock = time.perf_counter if OPTIONS.clock == "wall" else time.process_time
    while sum(seconds) < OPTIONS.seconds or len(seconds) < 3:
        begun = clock()
        logits = run()
        seconds.append(clock() - begun)
    return statistics.median(seconds), logits


def grouped(batches, order, run):
    logits = [None] * sum(map(len, order))
    for rows, batch in zip(order, batches):
        for row, scores in zip(rows, run(*batch)):
            logits[row] = scores.tolist()
    return logits


def main():
    torch.set_num_threads(OPTIONS.threads)
    weights = load_file(OPTIONS.weights)
    model, plain = reference(weights), Plain(weights).eval()
    with torch.inference_mode():
        graph = session(plain)

        def run_torch(ids, mask):
            # A whole mask makes sdpa take its faster way, as a serving program would.
            return model(input_ids=ids, attention_mask=None if bool(mask.all()) else mask).logits

        def run_onnx(ids, mask):
            return torch.from_numpy(graph.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})[0])

        ids, mask = padded(sequences("ragged"))
        expected = model(input_ids=ids, attention_mask=mask).logits
        for name, found in [("plain forward", plain(ids, mask)), ("ONNX graph", run_onnx(ids, mask))]:
            difference = (found - expected).abs().max().item()
            assert difference <= 1e-4, f"{name} differs from transformers by {difference}: not timed"
            print(f"{name}: differs from transformers by at most {difference:.1e}")
        figures = []
        for cell in OPTIONS.cells:
            rows = sequences(cell)
            ways = {"": [list(range(len(rows)))]}
            if cell == "ragged":
                ways = {" padded": [list(range(len(rows)))], " sorted": groups_of(rows, 8)}
            for way, order in ways.items():
                batches = [padded([rows[row] for row in group]) for group in order]
                for engine, run in [("onnxruntime", run_onnx), ("pytorch", run_torch)]:
                    seconds, logits = timed(lambda: grouped(batches, order, run))
                    figures.append({"cell": cell, "way": way.strip(), "engine": engine,
                                    "rate": len(rows) / seconds, "scores": logits})
                    print(f"{cell:>7}{way:>7} {engine:>12} {len(rows) / seconds:8.1f}/s", flush=True)
    with open(OPTIONS.json, "w") as file:
        json.dump({"threads": OPTIONS.threads, "figures": figures}, file)


main()
