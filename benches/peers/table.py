"""One table from the JSON files of several rounds: medians, ratios, largest differences.

    python benches/peers/table.py OURS... -- PEERS...
"""

import json
import statistics
import sys

split = sys.argv.index("--")
ours = [json.load(open(path)) for path in sys.argv[1:split]]
peers = [json.load(open(path)) for path in sys.argv[split + 1 :]]
assert len({run["threads"] for run in ours + peers}) == 1, "the runs differ in their threads"

rates, scores = {}, {}
for run in ours:
    for figure in run["figures"]:
        rates.setdefault((figure["cell"], "packed"), []).append(figure["packed"])
        scores[figure["cell"]] = figure["scores"]
        if figure["candle"]:
            rates.setdefault((figure["cell"], "candle"), []).append(figure["candle"])
difference = {}
for run in peers:
    for figure in run["figures"]:
        rates.setdefault((figure["cell"], f"{figure['engine']} {figure['way']}".strip()), []).append(figure["rate"])
        pairs = zip(sum(figure["scores"], []), sum(scores[figure["cell"]], []), strict=True)
        worst = max(abs(a - b) for a, b in pairs)
        assert worst <= 1e-3, f"{figure['cell']}: {figure['engine']} differs by {worst}"
        difference[figure["cell"]] = max(difference.get(figure["cell"], 0.0), worst)


def median(cell, engine):
    return statistics.median(rates.get((cell, engine), [float("nan")]))


def best(cell, engine):
    """Where there are two ways to feed a peer, the better one."""
    found = [median(*key) for key in rates if key[0] == cell and key[1].startswith(engine)]
    return max(found, default=float("nan"))


peak = max(run["peak"] for run in ours)
print(f"{ours[0]['instructions']}, {ours[0]['threads']} thread(s), sequences/s, medians of {len(ours)} round(s); "
      f"f32 product at best {peak:.0f} GFLOP/s\n")
print("| cell | noctriage | of peak | candle | ratio | ONNX Runtime | ratio | PyTorch | ratio | largest difference |")
print("| --- " * 10 + "|")
for cell in scores:
    packed = median(cell, "packed")
    gflops = statistics.median(figure["gflops"] for run in ours for figure in run["figures"] if figure["cell"] == cell)
    columns = [f"{packed:.1f}", f"{gflops / peak:.0%}"]
    for engine in ["candle", "onnxruntime", "pytorch"]:
        columns += [f"{best(cell, engine):.1f}", f"{packed / best(cell, engine):.2f}"]
    print(f"| {cell} | " + " | ".join(columns) + f" | {difference.get(cell, float('nan')):.0e} |")
ragged = [f"{engine} {median(cell, engine):.1f}" for cell, engine in sorted(rates) if cell == "ragged" and " " in engine]
if ragged:
    print(f"\nRagged, both ways: {', '.join(ragged)}. The table has the better one.")
