"""Kernels that place items elsewhere and compute nothing."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat

__all__ = [
    "as_dtype", "diagonal", "diagonal_matrix", "flip3", "join", "repeat3", "roll3",
    "shaped", "swap4", "triangle",
]  # fmt: skip

CORES = {
    "_flip": "void(T[::1], int64, int64, int64, T[::1])",
    "_join": "void(T[::1], int64, int64, int64, T[::1])",
    "_repeat": "void(T[::1], int64, int64, int64, T[::1])",
    "_roll": "void(T[::1], int64, int64, int64, T[::1])",
    "_swap": "void(T[::1], int64, int64, int64, int64, T[::1])",
    "_triangle": "void(T[::1], int64, int64, int64, boolean, T[::1])",
}


def as_dtype(x, dtype):
    """Return a copy of another dtype."""
    out = np.empty(x.shape, dtype)
    a, b = flat(x), flat(out)
    for i in range(a.shape[0]):
        b[i] = a[i]
    return out


def shaped(x, shape):
    """Return a copy of another shape."""
    out = np.empty(shape, x.dtype)
    if x.size != out.size:
        raise ValueError("cannot reshape array")
    _join(flat(x), 1, 0, x.size, flat(out))
    return out


def _flip(a, outer, n, inner, b):
    for o in range(outer):
        for i in range(n):
            source, to = (o * n + i) * inner, (o * n + n - 1 - i) * inner
            for j in range(inner):
                b[to + j] = a[source + j]


def flip3(x, outer, n, inner):
    """Return a copy with the middle axis reversed."""
    out = np.empty(x.shape, x.dtype)
    _flip(flat(x), outer, n, inner, flat(out))
    return out


def _roll(a, outer, size, by, b):
    """Put rows of `size` items into `b`, the last `by` items of each first."""
    for o in range(outer):
        first = o * size
        for i in range(size - by):
            b[first + by + i] = a[first + i]
        for i in range(by):
            b[first + i] = a[first + size - by + i]


def roll3(x, outer, n, inner, shift):
    """Return a copy with the middle axis rolled on by `shift` places."""
    out = np.empty(x.shape, x.dtype)
    if n > 0:
        _roll(flat(x), outer, n * inner, shift % n * inner, flat(out))
    return out


def _repeat(a, rows, inner, times, b):
    for row in range(rows):
        for k in range(times):
            to = (row * times + k) * inner
            for j in range(inner):
                b[to + j] = a[row * inner + j]


def repeat3(x, outer, n, inner, times, shape):
    """Return a copy with each row of the middle axis repeated."""
    if times < 0:
        raise ValueError("repeats may not contain negative values.")
    out = np.empty(shape, x.dtype)
    _repeat(flat(x), outer * n, inner, times, flat(out))
    return out


def _swap(a, outer, rows, columns, inner, b):
    for o in range(outer):
        for r in range(rows):
            for c in range(columns):
                source = ((o * rows + r) * columns + c) * inner
                to = ((o * columns + c) * rows + r) * inner
                for j in range(inner):
                    b[to + j] = a[source + j]


def swap4(x, outer, rows, columns, inner):
    """Return the items of an `(outer, rows, columns, inner)` array, axes 1, 2 swapped.

    The result is flat.
    """
    out = np.empty(x.size, x.dtype)
    _swap(flat(x), outer, rows, columns, inner, out)
    return out


def _join(a, outer, offset, block, b):
    stride = b.shape[0] // max(outer, 1)
    for o in range(outer):
        to = b[o * stride + offset : o * stride + offset + block]
        for j in range(block):
            to[j] = a[o * block + j]


def join(out, piece, outer, offset, block):
    """Write a piece, `block` items for each of `outer`, into `out` and return `out`."""
    _join(flat(piece), outer, offset, block, flat(out))
    return out


def _triangle(a, rows, columns, k, lower, b):
    for i in range(a.shape[0] // max(columns, 1)):
        edge = i % rows + k
        for j in range(columns):
            kept = j <= edge if lower else j >= edge
            b[i * columns + j] = a[i * columns + j] if kept else 0


def triangle(x, rows, columns, k, lower):
    """Return a copy with the items above diagonal `k` cleared, or those below it."""
    out = np.empty(x.shape, x.dtype)
    _triangle(flat(x), rows, columns, k, lower, flat(out))
    return out


def diagonal(x, k):
    """Return a diagonal of a matrix."""
    rows, columns = x.shape
    top, left = max(-k, 0), max(k, 0)
    length = max(min(rows - top, columns - left), 0)
    out = np.empty(length, x.dtype)
    for i in range(length):
        out[i] = x[top + i, left + i]
    return out


def diagonal_matrix(v, rows, columns, k):
    """Return a matrix of zeros with a vector on diagonal `k`."""
    out = np.zeros((rows, columns), v.dtype)
    top, left = max(-k, 0), max(k, 0)
    for i in range(v.shape[0]):
        out[top + i, left + i] = v[i]
    return out
