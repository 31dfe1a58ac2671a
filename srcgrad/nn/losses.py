"""Losses: one number for a batch, the mean over its items."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.checks import filled, meet_all, said, whole_below
from srcgrad.runtime.readable import stop_gradient

Floats = Any  # an array of floats


def mse(prediction: Floats, target: Floats) -> Any:
    """Return the mean of the squared differences.

    Raises:
        ValueError: The shapes differ, or there is nothing in them.

    >>> float(mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    _alike("mse", prediction, target)
    r = prediction - target
    return np.mean(r * r)


def mae(prediction: Floats, target: Floats) -> Any:
    """Return the mean of the absolute differences; the slope of none is 0.

    >>> float(mae(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    _alike("mae", prediction, target)
    return np.mean(np.abs(prediction - target))


def huber(prediction: Floats, target: Floats, delta: float = 1.0) -> Any:
    """Return the mean of half the squared differences, but linear beyond `delta`.

    Huber, 1964: `delta * (|r| - delta / 2)` where `|r|` is larger than `delta`.

    >>> float(huber(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    0.75
    """
    _alike("huber", prediction, target)
    if not delta > 0:
        raise ValueError(said("huber: delta is above 0, not {}", delta))
    r = prediction - target
    size = np.abs(r)
    return np.mean(np.where(size > delta, delta * (size - 0.5 * delta), 0.5 * r * r))


def binary_cross_entropy_with_logits(logits: Floats, targets: Floats) -> Any:
    """Return the mean of `-t * log(s) - (1 - t) * log(1 - s)`, s the sigmoid of logits.

    It is computed as `log(1 + exp(x)) - x * t`: nothing overflows, and the gradient by
    the logits is `(s - t) / count`.

    Args:
        logits: Any array of floats.
        targets: As many shares from 0 to 1, or bools.

    Raises:
        ValueError: Shapes differ, nothing is in them, or a target is no share.

    >>> float(binary_cross_entropy_with_logits(np.array([0.0]), np.array([1.0])))
    0.6931471805599453
    """
    _alike("binary_cross_entropy_with_logits", logits, targets)
    if not (np.min(targets) >= 0 and np.max(targets) <= 1):
        what = "binary_cross_entropy_with_logits: targets go from 0 to 1, not {} to {}"
        raise ValueError(said(what, np.min(targets), np.max(targets)))
    t = targets.astype(logits.dtype)
    return np.mean(np.logaddexp(logits, 0) - logits * t)


def softmax_cross_entropy(logits: Floats, labels: Any) -> Any:
    """Return the mean over a batch of `-log(softmax(logits))` at whole-number labels.

    The gradient by the logits is `(softmax(logits) - one-hot labels) / count`.

    Args:
        logits: `(..., classes)`.
        labels: Whole numbers `(...)`, from 0 to below the number of classes.

    Raises:
        ValueError: Shapes differ, nothing is in them, or a label has no class.
        TypeError: Labels are no whole numbers.

    >>> float(softmax_cross_entropy(np.zeros((2, 4)), np.array([1, 3])))
    1.3862943611198906
    """
    if np.ndim(logits) < 2 or np.ndim(labels) != np.ndim(logits) - 1:
        what = "softmax_cross_entropy: logits are (..., classes) and labels (...), "
        raise ValueError(said(what + "not {} and {}", logits, labels))
    layer, axes = "softmax_cross_entropy", np.ndim(labels)
    meet_all(layer, "logits", logits, "labels", labels, axes)
    filled(layer, labels)
    whole_below(layer, "labels", labels, logits.shape[-1])
    x, places = logits, labels
    if np.ndim(labels) > 1:
        x, places = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    chosen = np.take_along_axis(x, places[:, None], axis=1)[:, 0]
    most = stop_gradient(np.max(x, axis=1))
    total = np.sum(np.exp(x - most[:, None]), axis=1)
    return np.mean(np.log(total) + most - chosen)


def kl_divergence(log_p: Floats, log_q: Floats) -> Any:
    """Return the mean over a batch of the sum of `p * log(p / q)` along the last axis.

    Both are logarithms of shares (`log_softmax`); where p is 0 nothing is added. It is
    `torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction="batchmean")`
    with all axes but the last as the batch.

    Args:
        log_p: Logarithms `(..., classes)` of what should be.
        log_q: Logarithms `(..., classes)` of what is.

    >>> p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    >>> round(float(kl_divergence(np.log(p), np.log(q))), 6)
    0.143841
    """
    _alike("kl_divergence", log_p, log_q)
    some = log_p > -np.inf
    apart = np.where(some, log_p, 0) - np.where(some, log_q, 0)
    return np.sum(np.exp(log_p) * apart) / (log_p.size // log_p.shape[-1])


def _alike(layer: str, x: Floats, y: Floats) -> None:
    """Raise ValueError unless two arrays have one shape, and something in them."""
    if np.ndim(x) != np.ndim(y):
        raise ValueError(said(layer + ": shapes {} and {} are not the same", x, y))
    meet_all(layer, "the first", x, "the second", y, np.ndim(x))
    filled(layer, x)
