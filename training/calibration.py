"""Bias-corrected temperature scaling with a ridge: p = softmax(a z + b), a = 1/temperature.

Minimises n * NLL + (ridge / 2) |b|^2 + (ln a)^2 / (2 * 0.5^2), as the statistics of the project state it.
"""

import numpy
from scipy.optimize import minimize

RIDGE = 4.0


def softmax(scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    powers = numpy.exp(shifted)
    return powers / powers.sum(axis=1, keepdims=True)


def fit(scores, labels, with_bias=True):
    """Returns temperature and bias."""
    scores, labels = numpy.asarray(scores, dtype=float), numpy.asarray(labels)
    classes = scores.shape[1]

    def loss(parameters):
        slope, bias = numpy.exp(parameters[0]), parameters[1:] if with_bias else numpy.zeros(classes)
        chosen = softmax(slope * scores + bias)[numpy.arange(len(labels)), labels]
        penalty = RIDGE / 2 * (bias**2).sum() + parameters[0] ** 2 / (2 * 0.5**2)
        return -numpy.log(numpy.maximum(chosen, 1e-300)).sum() + penalty

    found = minimize(loss, numpy.zeros(1 + (classes if with_bias else 0)), method="BFGS").x
    return float(1 / numpy.exp(found[0])), [float(value) for value in found[1:]] if with_bias else [0.0] * classes


def apply(scores, temperature, bias):
    return softmax(numpy.asarray(scores, dtype=float) / temperature + numpy.asarray(bias))


if __name__ == "__main__":
    logits = [[4, 1, 0, -1], [3, 2.5, .5, -2], [.5, 3.5, 1, 0], [2, 2.2, .1, -1.5], [0, 1, 3, 2], [-1, .5, 1.5, 4],
              [5, 0, -1, -2], [1, .8, .6, .2], [2.5, .5, 2, -1], [.2, .1, 2.8, 3], [3.5, 1.5, 1, 0], [-.5, 2, 2.5, .5]]
    temperature, bias = fit(logits, [0, 1, 1, 0, 2, 3, 0, 2, 0, 2, 0, 1])
    assert abs(-numpy.log(temperature) - 0.2331864) < 1e-4, temperature
    assert numpy.allclose(bias, [0.02362749, 0.07612365, 0.08707749, -0.18682865], atol=1e-4), bias
    print("calibration: reproduces the reference set")
