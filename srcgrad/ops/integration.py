# mypy: allow-untyped-defs, allow-untyped-calls
"""What functions of `scipy.integrate` mean, in plain NumPy; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.calculus import AFTER, BEFORE
from srcgrad.ops.prelude import axes_of, kind, means, refused, same, subscript


def _widths(x, dx, axis, rank):
    """Return how far samples are apart, with the axes of what is integrated."""
    if x is None:
        return dx
    if np.ndim(x) == 1:
        return np.diff(x)[subscript(rank, axes_of(axis, rank), slice(None), None)]
    if np.ndim(x) != rank:
        raise ValueError
    return np.diff(x, axis=axis)


def _areas(y, x, dx, axis):
    """Return twice the areas below the parts."""
    heights, axes = np.asarray(y), axes_of(axis, np.ndim(y))
    after = heights[subscript(np.ndim(y), axes, AFTER)]
    before = heights[subscript(np.ndim(y), axes, BEFORE)]
    widths = _widths(x, dx, axis, np.ndim(y))
    if kind(heights) == "float32" and kind(widths * after) != "float32":
        advice = "pass `y.astype(np.float64)`"
        return refused("samples of float32 at places of float64 are not known", advice)
    return widths * (after + before) / 2.0


@means("scipy.integrate.trapezoid", "scipy.integrate.trapz")
def trapezoid(y, x=None, dx=1.0, axis=-1):
    return _areas(y, x, dx, axis).sum(axis)


@means("scipy.integrate.cumulative_trapezoid", "scipy.integrate.cumtrapz")
def cumulative_trapezoid(y, x=None, dx=1.0, axis=-1, initial=None):
    areas, axes = _areas(y, x, dx, axis), axes_of(axis, np.ndim(y))
    sums = np.cumsum(areas, axis)
    if initial is None:
        return sums
    if initial != 0:
        raise ValueError
    shape = [1 if k in axes else n for k, n in enumerate(sums.shape)]
    return np.concatenate((np.zeros(shape, kind(sums)), sums), axis=axis)


def _quotient(a, b):
    """Return a quotient, and 0 where it would be one by 0."""
    return np.where(b != 0, a / b, 0.0)[()]


def _pairs(y, stop, h, dx, axes):
    """Return Simpson's rule for the pairs of parts that begin before a place."""
    first, middle, last = [
        y[subscript(np.ndim(y), axes, slice(k, stop + k, 2))] for k in (0, 1, 2)
    ]
    if h is None:
        return np.sum(first + 4.0 * middle + last, axis=axes) * (dx / 3.0)
    rank = np.ndim(h)
    left = h[subscript(rank, axes, slice(0, stop, 2))]
    right = h[subscript(rank, axes, slice(1, stop + 1, 2))]
    both, ratio = left + right, _quotient(left, right)
    begun = first * (2.0 - _quotient(1.0, ratio))
    between = middle * (both * _quotient(both, left * right))
    return np.sum(both / 6.0 * (begun + between + last * (2.0 - ratio)), axis=axes)


def _with_last(y, count, h, dx, axes):
    """Return Simpson's rule of an odd number of parts: the last one has its own."""
    ends = [y[subscript(np.ndim(y), axes, -k)] for k in (1, 2)]
    before, width = np.float64(dx), np.float64(dx)
    if h is not None:
        width = h[subscript(np.ndim(h), axes, -1)]
    if count == 2:
        return 0.5 * (dx if h is None else width) * (ends[0] + ends[1])
    if h is not None:
        before = h[subscript(np.ndim(h), axes, -2)]
    third = y[subscript(np.ndim(y), axes, -3)]
    alpha = _quotient(2 * width**2 + 3 * before * width, 6 * (width + before))
    beta = _quotient(width**2 + 3.0 * before * width, 6 * before)
    eta = _quotient(1 * width**3, 6 * before * (before + width))
    rest = alpha * ends[0] + beta * ends[1] - eta * third
    return _pairs(y, count - 3, h, dx, axes) + rest


@means("scipy.integrate.simpson")
def simpson(y, x=None, *, dx=1.0, axis=-1):
    heights, rank = np.asarray(y) * 1.0, np.ndim(y)
    axes = axes_of(axis, rank)
    count = heights.shape[axes[0]]
    h = None if x is None else _widths(x, dx, axis, rank)
    if h is not None:
        same(h.shape[axes[0]], count - 1, "`x` and `y` differ in length")
    if count % 2 == 1:
        return _pairs(heights, count - 2, h, dx, axes)
    return _with_last(heights, count, h, dx, axes)
