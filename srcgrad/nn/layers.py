"""Layers of features: dense, embedding, normalisation, dropout, residuals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from srcgrad.nn.checks import filled, floats, meet, meet_all, said, share, whole_below
from srcgrad.runtime.readable import kept_mask, normed, stop_gradient

Floats = Any  # an array of floats


def dense(x: Floats, w: Floats, b: Floats = None) -> Floats:
    """Return `x @ w + b`.

    Args:
        x: Rows `(..., in)`.
        w: Weights `(in, out)`.
        b: What is added to each output, `(out,)`, a number, or nothing.

    Raises:
        ValueError: The shapes do not fit: both are named, and the line.
        TypeError: The weights are no floats.

    >>> dense(np.ones((1, 2)), np.array([[1.0], [2.0]]), np.array([0.5]))
    array([[3.5]])
    """
    if np.ndim(w) != 2 or np.ndim(x) < 1:
        raise ValueError(
            said("dense: x is (..., in) and w is (in, out), not {} and {}", x, w)
        )
    floats("dense", "w", w)
    meet("dense", "features", "x", x, -1, "w", w, 0)
    if b is None:
        return x @ w
    if np.ndim(b) > 1:
        raise ValueError(said("dense: b is (out,), not of shape {}", b))
    if np.ndim(b) == 1:
        meet("dense", "outputs", "b", b, 0, "w", w, 1)
    return x @ w + b


def flatten(x: Floats) -> Floats:
    """Return each item of a batch as one row.

    >>> flatten(np.ones((2, 3, 4))).shape
    (2, 12)
    """
    if np.ndim(x) < 1:
        raise ValueError(said("flatten: a batch has an axis at least"))
    filled("flatten", x)
    return x.reshape(x.shape[0], -1)


def dropout(x: Floats, rate: float, rng: Any, train: bool = True) -> Floats:
    """Return `x` with a share of its items 0, and the others divided by what is left.

    Srivastava et al., 2014, inverted: nothing is to be done after training. One number
    is drawn from a generator, and which items stay is worked out from that number and
    the shape. The number can be passed in place of the generator: the items are the
    same, as often as it is called.

    Args:
        x: Any array of floats.
        rate: The share that is dropped, from 0 to below 1.
        rng: A `np.random.Generator`; or a whole number of its, `rng.integers(2**63)`:
            another one for each step and each layer.
        train: False returns `x` as it is.

    >>> key = np.random.default_rng(0).integers(2**63)
    >>> y = dropout(np.ones(1000), 0.2, np.random.default_rng(0))
    >>> sorted(set(y.tolist())), bool((y == dropout(np.ones(1000), 0.2, key)).all())
    ([0.0, 1.25], True)
    """
    floats("dropout", "x", x)
    share("dropout", rate)
    if not train:
        return x
    mask = kept_mask(rng, rate, np.shape(x))
    return np.where(mask, x * (1 / (1 - rate)), 0)


class BatchState(NamedTuple):
    """What `batch_norm` knows of all batches before: mean and variance of features."""

    mean: Floats
    var: Floats


def batch_norm_state(features: int, dtype: Any = np.float64) -> BatchState:
    """Return the state to begin with: means of 0, variances of 1.

    >>> batch_norm_state(2)
    BatchState(mean=array([0., 0.]), var=array([1., 1.]))
    """
    return BatchState(np.zeros(features, dtype), np.ones(features, dtype))


def batch_norm(
    x: Floats, scale: Floats, shift: Floats, state: Any, train: bool = True,
    momentum: float = 0.9, eps: float = 1e-5,
) -> tuple[Floats, BatchState]:  # fmt: skip
    """Return `x` with each feature at mean 0 and variance 1, scaled and shifted.

    Ioffe and Szegedy, 2015. The mean and variance of a batch are over all axes but the
    last; in evaluation those of the state take their place. The state moves on by
    `momentum * state + (1 - momentum) * batch`, with the unbiased variance, as in torch
    (whose momentum is 1 less this one). No gradient flows through the state.

    Args:
        x: A batch `(n, ..., features)`.
        scale: The factor of each feature, `(features,)`.
        shift: What is added to each feature, `(features,)`.
        state: Mean and variance `(features,)` each, in the dtype of `x`, or the result
            of evaluation is in another: `batch_norm_state`.
        train: Whether the batch's own mean and variance are taken, and the state moves.
        momentum: The part of the state that stays.
        eps: What is added to the variance.

    Returns:
        The result, of the shape of `x`, and the state for the next batch.

    Raises:
        ValueError: Shapes do not fit, or there is one item of each feature alone.

    >>> x = np.array([[1.0], [3.0]])
    >>> y, state = batch_norm(x, np.ones(1), np.zeros(1), batch_norm_state(1))
    >>> y.round(3).ravel(), state.mean, state.var
    (array([-1.,  1.]), array([0.2]), array([1.1]))
    """
    mean, var = state
    if np.ndim(x) < 2:
        raise ValueError(said("batch_norm: x is (n, ..., features), not {}", x))
    if np.ndim(scale) != 1 or np.ndim(shift) != 1:
        what = "batch_norm: scale and shift are (features,), not {} and {}"
        raise ValueError(said(what, scale, shift))
    meet("batch_norm", "features", "x", x, -1, "scale", scale, 0)
    meet("batch_norm", "features", "x", x, -1, "shift", shift, 0)
    meet("batch_norm", "features", "x", x, -1, "the state's mean", mean, 0)
    meet("batch_norm", "features", "x", x, -1, "the state's variance", var, 0)
    if not train:
        return (x - mean) * (scale / np.sqrt(var + eps)) + shift, BatchState(mean, var)
    axes = tuple(range(np.ndim(x) - 1))
    count = x.size // max(x.shape[-1], 1)
    if count < 2:
        raise ValueError(said("batch_norm: one item has no variance: x of shape {}", x))
    now = np.mean(x, axis=axes)
    less = x - now
    spread = np.mean(less * less, axis=axes)
    y = less * (scale / np.sqrt(spread + eps)) + shift
    new, rest = stop_gradient(now), 1 - momentum
    unbiased = stop_gradient(spread) * (count / (count - 1))
    moved = BatchState(momentum * mean + rest * new, momentum * var + rest * unbiased)
    return y, moved


def layer_norm(
    x: Floats, scale: Floats, shift: Floats, eps: float = 1e-5
) -> Floats:  # fmt: skip
    """Return `x` with each row at mean 0 and variance 1, scaled and shifted.

    Ba, Kiros and Hinton, 2016; a row is along the last axis.

    Args:
        x: Rows `(..., features)`.
        scale: The factor of each feature, `(features,)`.
        shift: What is added to each feature, `(features,)`.
        eps: What is added to the variance.

    >>> layer_norm(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2)).round(3)
    array([[-1.,  1.]])
    """
    if np.ndim(x) < 1:
        raise ValueError(said("layer_norm: x is (..., features), not a number"))
    if np.ndim(scale) != 1 or np.ndim(shift) != 1:
        what = "layer_norm: scale and shift are (features,), not {} and {}"
        raise ValueError(said(what, scale, shift))
    meet("layer_norm", "features", "x", x, -1, "scale", scale, 0)
    meet("layer_norm", "features", "x", x, -1, "shift", shift, 0)
    return normed(x, eps) * scale + shift


def embedding(ids: Any, table: Floats) -> Floats:
    """Return a row of a table for each whole number.

    Args:
        ids: Whole numbers `(...)`, from 0 to below the number of rows.
        table: Rows `(count, features)`.

    Raises:
        ValueError: A number has no row; one below 0 is no row from the end.
        TypeError: They are no whole numbers.

    >>> embedding(np.array([2, 0]), np.array([[0.0], [1.0], [2.0]]))
    array([[2.],
           [0.]])
    """
    if np.ndim(table) != 2:
        raise ValueError(said("embedding: a table is (count, features), not {}", table))
    whole_below("embedding", "ids", ids, table.shape[0])
    return table[ids]


def residual(x: Floats, block: Any, *args: Any) -> Floats:
    """Return `x + block(x, *args)`: a block learns what is to be added to its input.

    He, Zhang, Ren and Sun, 2016.

    Args:
        x: Any array.
        block: A function that returns an array of the shape of `x`.
        args: What else the block takes: parameters.

    >>> residual(np.ones(2), lambda x, w: w * x, 3.0)
    array([4., 4.])
    """
    y = block(x, *args)
    if np.ndim(y) != np.ndim(x):
        raise ValueError(said("residual: the block made {} of {}", y, x))
    meet_all("residual", "x", x, "the block's result", y, np.ndim(x))
    return x + y
