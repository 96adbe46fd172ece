"""Calibrates, evaluates on held-out tickets, and writes cards, probes and digests of the bundled models."""

import argparse
import collections
import json
import math
import os
import random
import subprocess

import numpy
import torch

import calibration
import card
import encoder
import rows as data
import train_tfidf

# Files of public texts whose labels say something about severity; circuit mails and raw log lines do not.
PUBLIC = ["net_alerts_zabbix", "net_alerts_juniper_healthbot", "alerts_prometheus_awesome", "incidents_jenkins_status",
          "telco_alarms_starlingx", "security_sigma"]


def scores_of(kind, directory, texts):
    if kind == "tfidf":
        severity, cause = train_tfidf.Linear(directory).score(texts)
    else:
        model, tokenizer = encoder.load(directory)
        severity, cause = encoder.score(model, encoder.encode(tokenizer, texts))
    return numpy.array(severity), numpy.array(cause)


def public_rows(folder, binary):
    """Public texts as native tickets, through the daemon's renderer."""
    lines = []
    for name in PUBLIC:
        for row in data.read(os.path.join(folder, f"{name}.jsonl")):
            if row.get("severity") not in data.SEVERITIES:
                continue
            device = {key: row[key2] for key, key2 in (("vendor", "vendor"), ("type", "device_type")) if row.get(key2)}
            ticket = {"schema": "noctriage.ticket/v1", "ticket_id": row["id"], "title": row["title"], "created_at": "2026-01-05T06:00:00Z"}
            ticket |= {key: value for key, value in (("description", row.get("body")), ("category", row.get("topic")), ("device", device)) if value}
            lines.append(json.dumps({"ticket": ticket, "severity": row["severity"], "group": row.get("group", row["id"])}))
    done = subprocess.run([binary, "dataset", "render"], input="\n".join(lines), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def split_by_group(rows, seed):
    """A fifth of the groups for testing: rows of one group come from one template or file."""
    groups = sorted({row["group"] for row in rows})
    random.Random(seed).shuffle(groups)
    test = set(groups[:len(groups) // 5])
    return [row for row in rows if row["group"] not in test], [row for row in rows if row["group"] in test]


def evaluate(rows, answers, is_desk):
    truth = data.severity_rows(rows)
    table = {}
    majority = collections.Counter(truth).most_common(1)[0][0] if not is_desk else 3
    table["majority"] = data.scores(truth, [majority] * len(truth))
    if is_desk:
        source = [data.SEVERITIES.index(row["source_severity"]) if row["source_severity"] else -1 for row in rows]
        table["source"] = data.scores(truth, source)
    for name, chances in answers.items():
        table[name] = data.scores(truth, chances.argmax(axis=1).tolist(), chances.max(axis=1).tolist())
    return table


def compare(rows, answers):
    """Version 1 against the source and against TF-IDF: truth, all tickets; verdicts of engineers, the first 2,000."""
    truth = data.severity_rows(rows)
    verdict = [data.SEVERITIES.index(row["verdict"]) for row in rows]
    of = {name: chances.argmax(axis=1).tolist() for name, chances in answers.items()}
    of["source"] = [data.SEVERITIES.index(row["source_severity"]) if row["source_severity"] else -1 for row in rows]
    result = {}
    for other in ("source", "tfidf", "base"):
        wins = sum(a == t != b for t, a, b in zip(truth, of["v1"], of[other]))
        losses = sum(b == t != a for t, a, b in zip(truth, of["v1"], of[other]))
        first_wins = first_losses = 0
        shown_at = {"shown_at_20": None, "shown_at_40": None}
        for at, (said, a, b) in enumerate(zip(verdict[:2000], of["v1"], of[other]), start=1):
            first_wins += a == said != b
            first_losses += b == said != a
            evidence = data.sign_evidence(first_losses, first_wins)
            for level in (20, 40):
                if shown_at[f"shown_at_{level}"] is None and evidence >= math.log10(level):
                    shown_at[f"shown_at_{level}"] = at
        result[f"v1_against_{other}"] = {
            "wins": wins, "losses": losses, "one_sided_p": data.sign_test(losses, wins),
            "wins_in_2000_verdicts": first_wins, "losses_in_2000_verdicts": first_losses,
            "one_sided_p_2000_verdicts": data.sign_test(first_losses, first_wins),
            **{key: value for key, value in shown_at.items() if value is not None},
        }
    return result


def eligible(rows, chances, thresholds=(0.8, 0.9, 0.95, 0.975, 0.99)):
    """Predicted low above a threshold, source not high or critical or silent: how many, and how often really urgent."""
    result = []
    for threshold in thresholds:
        chosen = [at for at, row in enumerate(rows) if chances[at].argmax() == 3 and chances[at][3] >= threshold
                  and chances[at][0] < 0.02 and row["source_severity"] in ("low", "medium")]
        wrong = sum(rows[at]["severity"] in ("critical", "high") for at in chosen)
        wrong_verdict = sum(rows[at]["verdict"] in ("critical", "high") for at in chosen)
        work = sum(not rows[at]["closable"] for at in chosen)
        interval = data.wilson(wrong_verdict, len(chosen)) or (0.0, 1.0)
        result.append({"threshold": threshold, "eligible": len(chosen), "of": len(rows), "truly_high_or_critical": wrong,
                       "verdict_high_or_critical": wrong_verdict, "verdict_share_low": interval[0], "verdict_share_high": interval[1],
                       "needs_work": work})
    return result


def slices(rows, chances):
    result = {}
    for name in ("wireless", "other"):
        part = [at for at, row in enumerate(rows) if (row["category"] == "wireless") == (name == "wireless")]
        right = sum(data.SEVERITIES[chances[at].argmax()] == rows[at]["severity"] for at in part)
        result[name] = {"right": right, "of": len(part)}
    return result


def causes(rows, scores):
    right = sum(int(score.argmax()) == truth for score, truth in zip(scores, data.cause_rows(rows)))
    low, high = data.wilson(right, len(rows))
    return {"right": right, "of": len(rows), "share_low": low, "share_high": high}


def write_calibration(directory, temperature, bias, cause_temperature, count):
    by_severity = dict(zip(data.SEVERITIES, bias))
    with open(os.path.join(directory, "calibration.toml"), "w", encoding="utf-8") as file:
        file.write("# p = softmax(score / temperature + bias). Fitted by training/evaluate.py; see [fitted].\n")
        file.write(card.table("severity", {"temperature": temperature, "bias": by_severity})[1:])
        file.write(card.table("cause", {"temperature": cause_temperature}))
        file.write(card.table("fitted", {"tickets": count, "method": "bias-corrected temperature scaling, ridge 4",
                                    "data": "labelled desk tickets, seed 42, in no training set"}))


def probes_of(kind, directory, rows):
    texts = [row["text"] for row in rows]
    severity, cause = [scores.tolist() for scores in scores_of(kind, directory, texts)]
    ids = None if kind == "tfidf" else encoder.encode(encoder.load(directory)[1], texts)
    for at, row in enumerate(rows):
        probe = {"ticket": row["ticket"]} | ({} if ids is None else {"ids": ids[at]})
        yield probe | {"severity": severity[at], "cause": cause[at]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", required=True, help="folder with base, v1 and tfidf")
    parser.add_argument("--calibration", required=True)
    parser.add_argument("--held-out", required=True)
    parser.add_argument("--public", help="folder with the public texts; without it their scores are left out")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--template", required=True, help="file with the template of the text")
    parser.add_argument("--notes", required=True, help="folder with base.json, v1.json and tfidf.json of the training scripts")
    parser.add_argument("--scores", required=True, help="where the scores go as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    kinds = {"base": "bert", "v1": "bert", "tfidf": "tfidf"}
    paths = {name: os.path.join(arguments.models, name) for name in kinds}
    fitted_on, held_out = data.read(arguments.calibration), data.read(arguments.held_out)
    assert not {row["text"] for row in fitted_on} & {row["text"] for row in held_out}
    fits, desk, cause_scores = {}, {}, {}
    for name, kind in kinds.items():
        severity, cause = scores_of(kind, paths[name], [row["text"] for row in fitted_on])
        temperature, bias = calibration.fit(severity, data.severity_rows(fitted_on))
        cause_temperature, _ = calibration.fit(cause, data.cause_rows(fitted_on), with_bias=False)
        fits[name] = (temperature, bias)
        write_calibration(paths[name], temperature, bias, cause_temperature, len(fitted_on))
        severity, cause_scores[name] = scores_of(kind, paths[name], [row["text"] for row in held_out])
        desk[name] = calibration.apply(severity, temperature, bias)
    result = {"desk": evaluate(held_out, desk, True), "comparison": compare(held_out, desk),
              "eligible_v1": eligible(held_out, desk["v1"]), "eligible_tfidf": eligible(held_out, desk["tfidf"]),
              "categories": {name: slices(held_out, desk[name]) for name in kinds},
              "cause": {name: causes(held_out, cause_scores[name]) for name in kinds}}
    if arguments.public:
        train, test = split_by_group(public_rows(arguments.public, arguments.binary), 1)
        answers = {name: calibration.apply(scores_of(kind, paths[name], [row["text"] for row in test])[0], *fits[name])
                   for name, kind in kinds.items()}
        analyzer = train_tfidf.vectorizer()
        features = analyzer.fit_transform([row["text"] for row in train])
        model = train_tfidf.fit(features, data.severity_rows(train), None, 4.0)
        answers["tfidf_trained_on_public"] = model.predict_proba(analyzer.transform([row["text"] for row in test]))
        result["public"] = evaluate(test, answers, False)
        result["public_split"] = {"train": len(train), "test": len(test), "groups_apart": True}
    with open(arguments.scores, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    with open(arguments.template, encoding="utf-8") as file:
        text = file.read().strip()
    hyperparameters = {}
    for name in kinds:
        with open(os.path.join(arguments.notes, f"{name}.json"), encoding="utf-8") as file:
            hyperparameters[name] = json.load(file)
    shared, own = (sum(row["jargon"][key] for row in held_out) for key in ("shared", "own"))
    composition = {
        "generated": "8,000 tickets of generator a (seed 11), 8,000 of generator c (seed 12), 4 % wireless",
        "labelled_desk": "500 tickets of the simulated desk (seed 41), 20 of them wireless",
        "calibration": "400 other tickets of the desk (seed 42)",
        "held_out": f"{len(held_out)} new draws of the desk's stream (seed 9001); wording, layouts and names partly unseen",
        "jargon_shared_with_training_generators": shared / (shared + own),
        "warning": "every ticket is simulated: these scores say nothing about real tickets",
    }
    kept = {"base": ["generated", "calibration", "held_out", "jargon_shared_with_training_generators", "warning"]}
    for name, kind in kinds.items():
        head = {"name": {"tfidf": "demo-tfidf"}.get(name, "demo-bert"), "version": {"base": "base", "v1": "1", "tfidf": "1"}[name]}
        if name == "v1":
            head["parent"] = "demo-bert base"
        head |= {"purpose": "demo", "text": text}
        if kind == "bert":
            head |= {"max_tokens": encoder.TOKENS_MAX, "truncation": "head_tail"}
        tables = {"severity": {"labels": data.SEVERITIES}, "cause": {"labels": data.CAUSES},
                  "training": {key: composition[key] for key in kept.get(name, composition)},
                  "hyperparameters": hyperparameters[name],
                  "scores.desk": result["desk"], "scores.cause": result["cause"], "scores.categories": result["categories"],
                  "scores.comparison": result["comparison"],
                  "scores.eligible": {"v1": result["eligible_v1"], "tfidf": result["eligible_tfidf"]}}
        if "public" in result:
            tables["scores.public"] = {"note": PUBLIC_NOTE, "split": result["public_split"], **result["public"]}
        card.write_probes(paths[name], probes_of(kind, paths[name], fitted_on[:6]))
        card.write_card(paths[name], "Written by training/evaluate.py: change the recipe, not this file.", head, tables)
    show(result)


PUBLIC_NOTE = ("alert and incident texts of public repositories, labels of their authors, groups apart: not NOC tickets. "
               "TF-IDF trained on such texts wins by far; the bundled models never saw any and do worse there than the "
               "commonest severity")


def show(result):
    for part in ("desk", "public"):
        for name, row in result.get(part, {}).items():
            error = f", calibration error {row['calibration_error']:.3f}" if "calibration_error" in row else ""
            print(f"{part:6} {name:24} {row['right']}/{row['of']} = {row['accuracy']:.3f} "
                  f"({row['accuracy_low']:.3f} to {row['accuracy_high']:.3f}), macro-F1 {row['macro_f1']:.3f}, "
                  f"critical {row['critical_found']}/{row['critical_of']}{error}")
    for part in ("comparison", "cause", "categories"):
        for name, row in result[part].items():
            print(part, name, row)
    for part in ("eligible_v1", "eligible_tfidf"):
        for row in result[part]:
            print(part, row)


if __name__ == "__main__":
    main()
