"""Rows at mean 0 and variance 1, and the slope by rows given that by the result.

All arrays are flat, `n` is the length of a row.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat, plus

__all__ = ["normed", "normed_slope"]

CORES = {
    "_normed": "void(T[::1], int64, T, T[::1])",
    "_slope": "void(T[::1], T[::1], int64, T, T[::1])",
}


def _moments(row, eps):
    """Return the mean of a row, and the root of its variance and `eps`."""
    n, total = row.dtype.type(row.shape[0]), row.dtype.type(0)
    for j in range(row.shape[0]):
        total = plus(total, row[j])
    mean, total = total / n, row.dtype.type(0)
    for j in range(row.shape[0]):
        less = row[j] - mean
        total = plus(total, less * less)
    return mean, np.sqrt(total / n + eps)


def _normed(x, n, eps, out):
    """Put the rows into `out`."""
    for start in range(0, x.shape[0], max(n, 1)):
        row, to = x[start : start + n], out[start : start + n]
        mean, root = _moments(row, eps)
        for j in range(n):
            to[j] = (row[j] - mean) / root


def _slope(x, y, n, eps, out):
    """Put the slopes into `out`."""
    for start in range(0, x.shape[0], max(n, 1)):
        row, given = x[start : start + n], y[start : start + n]
        mean, root = _moments(row, eps)
        to, total, along = out[start : start + n], x.dtype.type(0), x.dtype.type(0)
        for j in range(n):
            total = plus(total, given[j])
            along = plus(along, given[j] * ((row[j] - mean) / root))
        total, along = total / x.dtype.type(n), along / x.dtype.type(n)
        for j in range(n):
            to[j] = (given[j] - total - (row[j] - mean) / root * along) / root


def normed(x, n, eps):
    """Return rows at mean 0 and variance 1."""
    out = np.empty(x.shape, x.dtype)
    _normed(flat(x), n, eps, flat(out))
    return out


def normed_slope(x, y, n, eps):
    """Return the slope by rows."""
    out = np.empty(x.shape, x.dtype)
    _slope(flat(x), flat(y), n, eps, flat(out))
    return out
