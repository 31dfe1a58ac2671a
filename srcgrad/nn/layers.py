"""Dense layers, activations and losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.runtime.readable import stop_gradient

Floats = Any  # an array of floats


def dense(x: Floats, w: Floats, b: Floats) -> Floats:
    """Return `x @ w + b`, with weights `(in, out)`.

    >>> dense(np.ones((1, 2)), np.array([[1.0], [2.0]]), np.array([0.5]))
    array([[3.5]])
    """
    return x @ w + b


def relu(x: Floats) -> Floats:
    """Return `x` where it is positive, else 0; the slope at 0 is 0.

    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return np.where(x > 0, x, 0)


def leaky_relu(x: Floats, slope: float = 0.01) -> Floats:
    """Return `x` where it is positive, else `slope * x`, also for the slope at 0.

    >>> leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    return np.where(x > 0, x, slope * x)


def sigmoid(x: Floats) -> Floats:
    """Return `1 / (1 + exp(-x))`; nothing overflows.

    >>> sigmoid(np.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def softmax(x: Floats, axis: int = -1) -> Floats:
    """Return `exp(x)`, divided by its sum along an axis.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    most = stop_gradient(np.max(x, axis=axis, keepdims=True))
    powers = np.exp(x - most)
    return powers / np.sum(powers, axis=axis, keepdims=True)


def log_softmax(x: Floats, axis: int = -1) -> Floats:
    """Return the logarithm of `softmax`.

    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    less = x - stop_gradient(np.max(x, axis=axis, keepdims=True))
    return less - np.log(np.sum(np.exp(less), axis=axis, keepdims=True))


def softmax_cross_entropy(logits: Floats, labels: Any) -> Any:
    """Return the mean over a batch of `-log(softmax(logits))` at whole-number labels.

    >>> float(softmax_cross_entropy(np.zeros((2, 4)), np.array([1, 3])))
    1.3862943611198906
    """
    rows = np.arange(len(labels))
    most = stop_gradient(np.max(logits, axis=1))
    total = np.sum(np.exp(logits - most[:, None]), axis=1)
    return np.mean(np.log(total) + most - logits[rows, labels])
