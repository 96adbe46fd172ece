"""Rows of `noctriage dataset generate`, and the few statistics that the cards report."""

import json
import math
import random

SEVERITIES = ["critical", "high", "medium", "low"]
CAUSES = [
    "transient", "planned_work", "false_alarm", "configuration", "software_bug", "hardware", "fibre_cut", "optic",
    "power", "cooling", "capacity", "interference", "authentication", "attack", "carrier", "end_device",
]


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def severity_rows(rows):
    return [SEVERITIES.index(row["severity"]) for row in rows]


def cause_rows(rows):
    return [CAUSES.index(row["root_cause"]) for row in rows]


class Mixer:
    """Makes a text look less like its template: sentences change their order, words are replaced.

    The word of the reported severity stays: it is the field in the text that everything else is weighed against.
    """

    def __init__(self, texts, seed):
        self.random = random.Random(seed)
        counts = {}
        for text in texts:
            for word in text.split():
                counts[word] = counts.get(word, 0) + 1
        self.words = sorted(word for word, count in counts.items() if count >= 3)

    def __call__(self, text):
        draw = self.random
        fields = text.split(" ; ")
        if len(fields) > 3 and draw.random() < 0.5:
            sentences = fields[3].split(". ")
            draw.shuffle(sentences)
            fields[3] = ". ".join(sentences)
        if draw.random() < 0.6:
            share = draw.random() * 0.25
            for at in range(1, len(fields)):
                words = [draw.choice(self.words) if draw.random() < share else word for word in fields[at].split(" ")]
                fields[at] = " ".join(words)
        if draw.random() < 0.05:
            fields[0] = "reported none"
        return " ; ".join(fields)


def wilson(right, count, z=1.959963984540054):
    """95 % interval for a share (statistics: Wilson 1927)."""
    if count == 0:
        return None
    share = right / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


def sign_test(losses, wins):
    """One-sided exact sign test: probability of so many wins or more if both were equally good."""
    count = losses + wins
    if count == 0:
        return 1.0
    logs = [math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in range(wins, count + 1)]
    return min(1.0, sum(math.exp(value - count * math.log(2)) for value in logs))


def sign_evidence(losses, wins):
    """log10 of the anytime-valid evidence that wins are likelier than losses (uniform mixture over (1/2, 1])."""
    from scipy.special import betaln, betainc

    tail = 1 - betainc(wins + 1, losses + 1, 0.5)
    if tail <= 0:
        return -math.inf
    return ((losses + wins + 1) * math.log(2) + betaln(wins + 1, losses + 1) + math.log(tail)) / math.log(10)


def scores(truth, predicted, confidence=None):
    """Accuracy with its interval, macro-F1, critical recall, and the calibration error in ten equal-mass bins."""
    count = len(truth)
    right = sum(a == b for a, b in zip(truth, predicted))
    f1 = []
    for label in sorted(set(truth) | set(predicted)):
        both = sum(a == label and b == label for a, b in zip(truth, predicted))
        either = sum(a == label for a in truth) + sum(b == label for b in predicted)
        f1.append(2 * both / either if either else 0.0)
    critical = sum(a == 0 for a in truth)
    critical_found = sum(a == 0 and b == 0 for a, b in zip(truth, predicted))
    low, high = wilson(right, count)
    result = {
        "right": right, "of": count, "accuracy": right / count, "accuracy_low": low, "accuracy_high": high,
        "macro_f1": sum(f1) / len(f1), "critical_found": critical_found, "critical_of": critical,
    }
    if confidence is not None:
        order = sorted(range(count), key=lambda at: confidence[at])
        error = 0.0
        for part in range(10):
            bin_ = order[part * count // 10:(part + 1) * count // 10]
            gap = sum(confidence[at] for at in bin_) - sum(truth[at] == predicted[at] for at in bin_)
            error += abs(gap) / count
        result["calibration_error"] = error
    return result
