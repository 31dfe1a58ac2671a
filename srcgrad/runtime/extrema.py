"""The largest, the smallest, where they are, and what is true, along an axis.

A nan wins as it does in NumPy; of equals the first one is meant.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat, maximum, minimum

__all__ = [
    "all1", "all3", "any1", "any3", "argbest1", "argbest3", "best1", "best3", "count1",
    "count3", "norm_inf1", "norm_inf3",
]  # fmt: skip

CORES = {
    "_count": "void(T[::1], int64, int64, int64, int64[::1])",
    "_extremes": "void(T[::1], int64, int64, int64, boolean, T[::1])",
    "_norms": "void(T[::1], int64, int64, int64, T[::1])",
    "_places": "void(T[::1], int64, int64, int64, boolean, int64[::1])",
    "_truths": "void(T[::1], int64, int64, int64, boolean, boolean[::1])",
}

EMPTY = "zero-size array to reduction operation which has no identity"


def _extreme(a, start, n, largest):
    """Return the best of a row."""
    row = a[start : start + n]
    best = row[0]
    if largest:
        for j in range(1, n):
            best = maximum(best, row[j])
    else:
        for j in range(1, n):
            best = minimum(best, row[j])
    return best


def _extremes(a, outer, n, inner, largest, out):
    """Put the best along the middle axis into `out`."""
    if n == 0:
        raise ValueError(EMPTY)
    for o in range(outer):
        if inner == 1:
            out[o] = _extreme(a, o * n, n, largest)
            continue
        to = out[o * inner : o * inner + inner]
        first = o * n * inner
        for j in range(inner):
            to[j] = a[first + j]
        for i in range(1, n):
            row = a[first + i * inner : first + i * inner + inner]
            if largest:
                for j in range(inner):
                    to[j] = maximum(to[j], row[j])
            else:
                for j in range(inner):
                    to[j] = minimum(to[j], row[j])


def best1(x, largest):
    """Return the largest item of an array, or the smallest."""
    out = np.empty(1, x.dtype)
    _extremes(flat(x), 1, x.size, 1, largest, out)
    return out[0]


def best3(x, outer, n, inner, shape, largest):
    """Return the largest or smallest items along the middle axis."""
    out = np.empty(shape, x.dtype)
    _extremes(flat(x), outer, n, inner, largest, flat(out))
    return out


def _place(a, start, n, largest):
    """Return where the best of a row is first found."""
    best = _extreme(a, start, n, largest)
    row = a[start : start + n]
    for i in range(n):
        if (row[i] == best) | (row[i] != row[i]):
            return i
    return 0


def _places(a, outer, n, inner, largest, places):
    """Put the places of the best along the middle axis into `places`."""
    if n == 0:
        raise ValueError("attempt to get argmax of an empty sequence")
    best = np.empty(inner, a.dtype)
    smallest = not largest
    for o in range(outer):
        if inner == 1:
            places[o] = _place(a, o * n, n, largest)
            continue
        to = places[o * inner : o * inner + inner]
        for i in range(n):
            row = a[(o * n + i) * inner : (o * n + i) * inner + inner]
            for j in range(inner):
                v, m = row[j], best[j]
                better = ((v > m) & largest) | ((v < m) & smallest) | (v != v)
                if (i == 0) | (better & (m == m)):
                    best[j] = v
                    to[j] = i


def argbest1(x, largest):
    """Return the flat place of the largest item of an array, or of the smallest."""
    out = np.empty(1, np.int64)
    _places(flat(x), 1, x.size, 1, largest, out)
    return out[0]


def argbest3(x, outer, n, inner, shape, largest):
    """Return the places of the largest or smallest items along the middle axis."""
    out = np.empty(shape, np.int64)
    _places(flat(x), outer, n, inner, largest, flat(out))
    return out


def _norms(a, outer, n, inner, out):
    """Put the largest absolute values along the middle axis into `out`, 0 if none."""
    sizes = np.empty(a.shape[0], a.dtype)
    for i in range(a.shape[0]):
        sizes[i] = abs(a[i])
    for i in range(out.shape[0]):
        out[i] = 0
    if n > 0:
        _extremes(sizes, outer, n, inner, True, out)


def norm_inf1(x):
    """Return the largest absolute value of a vector."""
    out = np.empty(1, x.dtype)
    _norms(flat(x), 1, x.size, 1, out)
    return out[0]


def norm_inf3(x, outer, n, inner, shape):
    """Return the largest absolute values along the middle axis."""
    out = np.empty(shape, x.dtype)
    _norms(flat(x), outer, n, inner, flat(out))
    return out


def _count(a, outer, n, inner, counts):
    """Count the items along the middle axis that are not zero."""
    for i in range(counts.shape[0]):
        counts[i] = 0
    for o in range(outer):
        for i in range(n):
            for j in range(inner):
                counts[o * inner + j] += a[(o * n + i) * inner + j] != 0


def count1(x):
    """Return how many items of an array are not zero."""
    out = np.empty(1, np.int64)
    _count(flat(x), 1, x.size, 1, out)
    return out[0]


def count3(x, outer, n, inner, shape):
    """Return how many items along the middle axis are not zero."""
    out = np.empty(shape, np.int64)
    _count(flat(x), outer, n, inner, flat(out))
    return out


def _truths(a, outer, n, inner, stop, out):
    """Tell whether any item along the middle axis has the truth `stop`, else not it."""
    for o in range(outer):
        for j in range(inner):
            found = not stop
            for i in range(n):
                if (a[(o * n + i) * inner + j] != 0) == stop:
                    found = stop
                    break
            out[o * inner + j] = found


def any1(x):
    """Tell whether any item of an array is true."""
    out = np.empty(1, np.bool_)
    _truths(flat(x), 1, x.size, 1, True, out)
    return out[0]


def all1(x):
    """Tell whether all items of an array are true."""
    out = np.empty(1, np.bool_)
    _truths(flat(x), 1, x.size, 1, False, out)
    return out[0]


def any3(x, outer, n, inner, shape):
    """Tell whether any item along the middle axis is true."""
    out = np.empty(shape, np.bool_)
    _truths(flat(x), outer, n, inner, True, flat(out))
    return out


def all3(x, outer, n, inner, shape):
    """Tell whether all items along the middle axis are true."""
    out = np.empty(shape, np.bool_)
    _truths(flat(x), outer, n, inner, False, flat(out))
    return out
