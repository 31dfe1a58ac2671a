# mypy: allow-untyped-defs, allow-untyped-calls
"""What NumPy's functions of differences, averages and pieces mean; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.complexes import is_complex
from srcgrad.ops.prelude import (
    axes_of,
    fixed,
    kind,
    means,
    refused,
    rows,
    same,
    subscript,
    typed,
)

AFTER, BEFORE = slice(1, None), slice(None, -1)


@fixed
def steps(n):
    """Return what an unrolled loop of n rounds runs over."""
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    return tuple(range(n))


@fixed
def common(*kinds):
    """Return the dtype that arrays of these dtypes have together."""
    return str(np.result_type(*kinds))


# differences and averages


@means("numpy.diff")
def diff(a, n=1, axis=-1, prepend=None, append=None):
    axes = axes_of(axis, np.ndim(a))
    out = _extended(np.asarray(a), axis, prepend, append) if n else np.asarray(a)
    for _ in steps(n):
        after = out[subscript(np.ndim(a), axes, AFTER)]
        before = out[subscript(np.ndim(a), axes, BEFORE)]
        out = after != before if kind(out) == "bool" else after - before
    return out


def _extended(a, axis, prepend, append):
    ends = [end for end in (prepend, append) if end is not None]
    for end in ends:
        if np.ndim(end) != np.ndim(a) and np.ndim(a) > 1:
            what = "`prepend` and `append` have the axes of the array here"
            return refused(what, "pass an array whose length is one along `axis`")
    first = [] if prepend is None else [np.atleast_1d(prepend)]
    last = [] if append is None else [np.atleast_1d(append)]
    return np.concatenate((*first, a, *last), axis=axis) if ends else a


@means("numpy.trapezoid", "numpy.trapz")
def trapezoid(y, x=None, dx=1.0, axis=-1):
    heights, rank = np.asarray(y), np.ndim(y)
    axes = axes_of(axis, rank)
    after = heights[subscript(rank, axes, AFTER)]
    before = heights[subscript(rank, axes, BEFORE)]
    return (_widths(x, dx, axis, rank, axes) * (after + before) / 2.0).sum(axis)


def _widths(x, dx, axis, rank, axes):
    if x is None:
        return dx
    if np.ndim(x) == 1:
        return np.diff(x)[subscript(rank, axes, slice(None), None)]
    return np.diff(x, axis=axis)


@means("numpy.ptp")
def ptp(a, axis=None, *, keepdims=False):
    most = np.max(a, axis=axis, keepdims=keepdims)
    return most - np.min(a, axis=axis, keepdims=keepdims)


@means("numpy.average")
def average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    if returned:
        return refused("`returned` is not known here", "sum the weights yourself")
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    x = np.asarray(a)
    w = _weights(x, np.asarray(weights), axis)
    total = np.sum(w, axis=axis, keepdims=keepdims)
    if np.any(total == 0.0):
        raise ZeroDivisionError
    return np.sum(x * w, axis=axis, keepdims=keepdims) / total


def _weights(a, weights, axis):
    """Return weights with the axes of what they weigh, in the dtype of the average."""
    whole = kind(a) in ("int64", "int32", "bool")
    dtype = common(kind(a), kind(weights), *(("float64",) if whole else ()))
    w = typed(weights, dtype) if dtype != kind(weights) else weights
    if np.ndim(a) == np.ndim(w):
        for n, m in zip(np.shape(a), np.shape(w), strict=True):
            same(n, m, "`a` and `weights` of `np.average` differ in shape")
        return w
    if np.ndim(w) != 1 or not isinstance(axis, int):
        return refused("weights of another shape have one axis, and `axis` is an int")
    same(np.shape(a)[axis], np.shape(w)[0], "`weights` of `np.average` differ from `a`")
    axes = axes_of(axis, np.ndim(a))
    return w[subscript(np.ndim(a), axes, slice(None), None)]


# products of vectors and matrices, polynomials


@means("numpy.cross")
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    x = np.moveaxis(np.asarray(a), axisa if axis is None else axis, -1)
    y = np.moveaxis(np.asarray(b), axisb if axis is None else axis, -1)
    for vectors in (x, y):
        if vectors.shape[-1] != 3:
            raise NotImplementedError("`np.cross` is known of vectors of three")
    if np.ndim(x) > 1 or np.ndim(y) > 1:
        parts = np.stack(_crossed(x, y), axis=-1)
        return np.moveaxis(parts, -1, axisc if axis is None else axis)
    if is_complex(x) or is_complex(y):  # NumPy multiplies arrays, which differ
        return np.stack(_crossed(x[None], y[None]), axis=-1)[0]
    return np.array(_crossed(x, y))


def _crossed(x, y):
    pairs = ((1, 2), (2, 0), (0, 1))
    return [x[..., j] * y[..., k] - x[..., k] * y[..., j] for j, k in pairs]


@means("numpy.kron")
def kron(a, b):
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    rank = max(np.ndim(a), np.ndim(b))
    x, y = _of_rank(np.asarray(a), rank), _of_rank(np.asarray(b), rank)
    wide = np.expand_dims(x, odd(rank, 1)) * np.expand_dims(y, odd(rank, 0))
    return wide.reshape([n * m for n, m in zip(x.shape, y.shape, strict=True)])


def _of_rank(x, rank):
    return x if np.ndim(x) == rank else x[(*leading(rank - np.ndim(x)), ...)]


@fixed
def leading(count):
    """Return the subscript of so many new axes in front."""
    return (None,) * count


@fixed
def odd(rank, first):
    """Return every other axis of twice as many."""
    return tuple(range(first, 2 * rank, 2))


@means("numpy.polyval")
def polyval(p, x):
    if np.ndim(p) != 1:
        return refused("`np.polyval` is known of one polynomial")
    coefficients, given = np.asarray(p), np.asarray(x) if np.ndim(x) else x
    dtype = common(kind(coefficients), kind(given))
    at = typed(given, dtype)
    if not np.ndim(x) and is_complex(given):  # NumPy multiplies arrays, which differ
        return _horner(coefficients, np.zeros(1, dtype), np.reshape(at, 1))[0]
    out = np.zeros_like(at) if np.ndim(x) else typed(0.0, dtype)
    return _horner(coefficients, out, at)


def _horner(coefficients, out, at):
    for coefficient in coefficients:
        out = out * at + coefficient
    return out


@means("numpy.vander")
def vander(x, N=None, increasing=False):
    numbers = np.asarray(x)
    count = len(numbers) if N is None else N
    dtype = common(kind(numbers), "int64")
    powers = np.ones((len(numbers), count), dtype)
    powers[:, 1:] = numbers[:, None]
    powers[:, 1:] = np.cumprod(powers[:, 1:], axis=1)
    return powers if increasing else powers[:, ::-1]


# pieces, and put together


@means("numpy.append")
def append(arr, values, axis=None):
    if axis is None:
        return np.concatenate((np.ravel(arr), np.ravel(values)))
    return np.concatenate((arr, values), axis=axis)


@means("numpy.dstack")
def dstack(tup):
    return rows.concatenate(*[_deep(a) for a in tuple(tup)], axis=2)


def _deep(a):
    return np.asarray(a) if np.ndim(a) > 2 else np.atleast_2d(a)[:, :, None]


@means("numpy.rot90")
def rot90(m, k=1, axes=(0, 1)):
    first, second = axes_of(axes, np.ndim(m))
    turns = quarter(k)
    if turns == 0:
        return np.asarray(m)[:]
    if turns == 2:
        return np.flip(m, axes)
    if turns == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)


@fixed
def quarter(k):
    return k % 4


@means("numpy.take", ".take")
def take(a, indices, axis=None, *, mode="raise"):
    if mode != "raise" or kind(indices) == "bool":
        return refused("`take` is known of whole numbers and with mode='raise'")
    places = np.asarray(indices) if np.ndim(indices) else indices
    if axis is None:
        return np.ravel(a)[places]
    taken = np.asarray(a)[(*before(axis, np.ndim(a)), places)]
    return taken if np.ndim(places) or np.ndim(a) == 1 else rows.copy(taken)


@fixed
def before(axis, rank):
    """Return the subscript that takes all of the axes in front of one."""
    return (slice(None),) * axes_of(axis, rank)[0]
