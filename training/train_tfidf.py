"""Trains the TF-IDF sibling: the same generated tickets and the same labelled desk tickets as version 1.

How much a desk ticket weighs against a generated one is chosen by cross-validation on the desk's training tickets, so
that the baseline is as good as it can be made with the same labels.
"""

import argparse
import json
import os

import numpy
from safetensors.numpy import save_file
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import rows as data

FEATURES = 24000


def vectorizer():
    return TfidfVectorizer(token_pattern=r"[a-z0-9]+", ngram_range=(1, 2), sublinear_tf=True, lowercase=True,
                           min_df=3, max_features=FEATURES)


def fit(features, labels, weights, c):
    return LogisticRegression(C=c, max_iter=400, tol=1e-3).fit(features, labels, sample_weight=weights)


def choose(generated, desk, c):
    """The weight of a desk ticket with the best log-likelihood in four folds."""
    labels_generated, labels_desk = numpy.array(data.severity_rows(generated)), numpy.array(data.severity_rows(desk))
    analyzer = vectorizer()
    all_features = analyzer.fit_transform([row["text"] for row in generated + desk])
    of_generated, of_desk = all_features[:len(generated)], all_features[len(generated):]
    results = {}
    from scipy.sparse import vstack

    for weight in (1, 5, 20):
        loss = right = 0
        for fold in range(4):
            held = numpy.arange(len(desk)) % 4 == fold
            features = vstack([of_generated, of_desk[~held]])
            weights = numpy.concatenate([numpy.ones(len(generated)), numpy.full((~held).sum(), weight)])
            model = fit(features, numpy.concatenate([labels_generated, labels_desk[~held]]), weights, c)
            chosen = model.predict_proba(of_desk[held])
            loss -= numpy.log(chosen[numpy.arange(held.sum()), labels_desk[held]]).sum()
            right += (chosen.argmax(axis=1) == labels_desk[held]).sum()
        results[weight] = loss
        print(f"desk weight {weight}: {right}/{len(desk)} right in four folds, loss {loss / len(desk):.4f}", flush=True)
    return min(results, key=results.get)


def save(directory, analyzer, severity, cause):
    os.makedirs(directory, exist_ok=True)
    config = {"model_type": "tfidf_logistic", "token_pattern": "[a-z0-9]+", "lowercase": True, "ngram_range": [1, 2],
              "sublinear_tf": True, "norm": "l2"}
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2)
        file.write("\n")
    vocabulary = {term: int(column) for term, column in sorted(analyzer.vocabulary_.items())}
    with open(os.path.join(directory, "vocabulary.json"), "w", encoding="utf-8") as file:
        json.dump(vocabulary, file, separators=(",", ":"))
    tensors = {"idf": analyzer.idf_, "severity.weight": severity.coef_, "severity.bias": severity.intercept_,
               "cause.weight": cause.coef_, "cause.bias": cause.intercept_}
    save_file({name: numpy.ascontiguousarray(value, dtype=numpy.float32) for name, value in tensors.items()},
              os.path.join(directory, "model.safetensors"))


class Linear:
    """The directory as the daemon reads it."""

    def __init__(self, directory):
        from safetensors.numpy import load_file

        with open(os.path.join(directory, "vocabulary.json"), encoding="utf-8") as file:
            vocabulary = json.load(file)
        self.tensors = load_file(os.path.join(directory, "model.safetensors"))
        self.analyzer = TfidfVectorizer(token_pattern=r"[a-z0-9]+", ngram_range=(1, 2), sublinear_tf=True, lowercase=True,
                                        vocabulary=vocabulary)
        self.analyzer.idf_ = self.tensors["idf"].astype(numpy.float64)

    def score(self, texts):
        features = self.analyzer.transform(texts)
        return [(features @ self.tensors[f"{head}.weight"].T + self.tensors[f"{head}.bias"]).tolist()
                for head in ("severity", "cause")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generated", nargs="+", required=True)
    parser.add_argument("--desk", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--note", required=True, help="file for the hyperparameters, which go onto the card")
    parser.add_argument("--development", nargs="*", default=[])
    parser.add_argument("--c", type=float, default=4.0)
    parser.add_argument("--limit", type=int, default=None)
    arguments = parser.parse_args()
    generated = [row for path in arguments.generated for row in data.read(path)[:arguments.limit]]
    desk = data.read(arguments.desk)
    weight = choose(generated, desk, arguments.c)
    analyzer = vectorizer()
    features = analyzer.fit_transform([row["text"] for row in generated + desk])
    weights = numpy.concatenate([numpy.ones(len(generated)), numpy.full(len(desk), weight)])
    severity = fit(features, data.severity_rows(generated + desk), weights, arguments.c)
    cause = fit(features, data.cause_rows(generated + desk), weights, arguments.c)
    assert severity.classes_.tolist() == list(range(4)) and cause.classes_.tolist() == list(range(len(data.CAUSES)))
    save(arguments.out, analyzer, severity, cause)
    with open(arguments.note, "w", encoding="utf-8") as file:
        json.dump({"desk_weight": weight, "c": arguments.c, "terms": len(analyzer.vocabulary_), "min_df": 3,
                   "desk_weight_chosen_by": "four folds of the 500 desk tickets, weights 1, 5 and 20"}, file)
    model = Linear(arguments.out)
    for path in arguments.development:
        rows = data.read(path)
        scores, causes = model.score([row["text"] for row in rows])
        predicted = [max(range(4), key=row.__getitem__) for row in scores]
        result = data.scores(data.severity_rows(rows), predicted)
        right = sum(max(range(len(row)), key=row.__getitem__) == truth for row, truth in zip(causes, data.cause_rows(rows)))
        print(f"{path}: severity {result['right']}/{result['of']} = {result['accuracy']:.3f}, macro-F1 {result['macro_f1']:.3f}, "
              f"critical {result['critical_found']}/{result['critical_of']}, cause {right}/{len(rows)}", flush=True)


if __name__ == "__main__":
    main()
