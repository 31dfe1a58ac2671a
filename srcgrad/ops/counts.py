# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-overload"
"""What NumPy's functions mean that count and tell apart; see `prelude`.

Where an item is counted does not depend on it smoothly: what flows through are weights,
edges, and the items that `unique` keeps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.ops.calculus import common
from srcgrad.ops.prelude import added, fixed, kind, means, refused, rows, typed
from srcgrad.ops.selection import weak


@means("numpy.searchsorted", ".searchsorted")
def searchsorted(a, v, side="left", sorter=None):
    given = np.asarray(a) if sorter is None else np.asarray(a)[sorter]
    return rows.searchsorted(given, np.asarray(v) if np.ndim(v) else v, side=side)


@means("numpy.digitize")
def digitize(x, bins, right=False):
    edges = np.asarray(bins)
    side = "left" if right else "right"
    if np.all(edges[1:] >= edges[:-1]):
        return np.searchsorted(edges, x, side=side)
    if not np.all(edges[1:] <= edges[:-1]):
        raise ValueError
    return len(edges) - np.searchsorted(edges[::-1], x, side=side)


@fixed
def is_whole(dtype):
    """Tell a dtype of integers."""
    return np.issubdtype(np.dtype(dtype), np.integer)


@means("numpy.bincount")
def bincount(x, weights=None, minlength=0):
    places = typed(np.asarray(x), "int64") if kind(x) == "bool" else np.asarray(x)
    if not is_whole(kind(places)) or np.ndim(x) != 1:
        raise TypeError
    unlike = weights is not None and len(places) != len(weights)
    if np.any(places < 0) or minlength < 0 or unlike:
        raise ValueError
    count = max(int(np.max(places)) + 1, minlength) if len(places) else minlength
    out = np.zeros(count, dtype=int if weights is None else float)
    added(out, places, 1 if weights is None else np.asarray(weights))
    return out


# distinct items


@means("numpy.unique")
def unique(ar, return_index=False, return_inverse=False, return_counts=False,
           axis=None, *, equal_nan=True, sorted=True):  # fmt: skip
    if axis is not None:
        return refused("`np.unique` is known without `axis`")
    x = np.ravel(ar)
    order = np.argsort(x, kind="stable")
    items = x[order]
    first = _firsts(items, equal_nan)
    more = [order[first]] if return_index else []
    if return_inverse:
        more = [*more, _groups(order, first).reshape(np.shape(ar))]
    if return_counts:
        more = [*more, np.diff(np.flatnonzero(first), append=np.array([len(x)]))]
    return (items[first], *more) if more else items[first]


def _firsts(items, equal_nan):
    """Tell of sorted items which are the first of their kind."""
    first = np.ones(len(items), dtype=bool)
    first[1:] = items[1:] != items[:-1]
    if equal_nan:
        first[1:] &= ~(np.isnan(items[1:]) & np.isnan(items[:-1]))
    return first


def _groups(order, first):
    """Return the number of its kind for each item, in the order they had."""
    group = np.zeros(len(order), dtype=int)
    group[order] = np.cumsum(first) - 1
    return group


_RECORDS: tuple[Any, ...] = (np.unique_all, np.unique_counts, np.unique_inverse)
_ALL, _COUNTS, _INVERSE = (type(record(np.zeros(1))) for record in _RECORDS)


@means("numpy.unique_all")
def unique_all(x):
    return _ALL(*np.unique(x, True, True, True, equal_nan=False))


@means("numpy.unique_counts")
def unique_counts(x):
    return _COUNTS(*np.unique(x, return_counts=True, equal_nan=False))


@means("numpy.unique_inverse")
def unique_inverse(x):
    return _INVERSE(*np.unique(x, return_inverse=True, equal_nan=False))


@means("numpy.union1d")
def union1d(ar1, ar2):
    return np.unique(np.concatenate((np.ravel(ar1), np.ravel(ar2))))


@means("numpy.intersect1d")
def intersect1d(ar1, ar2, assume_unique=False):
    both = np.sort(np.concatenate((np.unique(ar1), np.unique(ar2))))
    return both[:-1][both[1:] == both[:-1]]


@means("numpy.setdiff1d")
def setdiff1d(ar1, ar2, assume_unique=False):
    mine = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return mine[~np.isin(mine, ar2)]


@means("numpy.setxor1d")
def setxor1d(ar1, ar2, assume_unique=False):
    both = np.sort(np.concatenate((np.unique(ar1), np.unique(ar2))))
    ends = np.ones(len(both) + 1, dtype=bool)
    ends[1:-1] = both[1:] != both[:-1]
    return both[ends[1:] & ends[:-1]]


# histograms


@means("numpy.histogram_bin_edges")
def histogram_bin_edges(a, bins=10, range=None, weights=None):
    if isinstance(bins, str):
        return refused("a number of bins is known here, not a rule that finds one")
    if np.ndim(bins):
        return _rising(np.asarray(bins))
    x = np.ravel(a)
    first, last = _ends(x, range)
    dtype = common(weak(first), weak(last), kind(x))
    exact = "float64" if is_whole(dtype) or dtype == "bool" else dtype
    if bins < 1:
        raise ValueError
    return np.linspace(first, last, bins + 1, dtype=exact)


def _rising(edges):
    if np.any(edges[:-1] > edges[1:]):
        raise ValueError
    return edges


def _ends(x, range):
    """Return where the first bin begins and the last one ends."""
    if range is not None:
        low, high = range[0], range[1]
        if low > high:
            raise ValueError
    elif len(x):
        low, high = np.min(x), np.max(x)
    else:
        low, high = 0.0, 1.0
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError
    if low == high:
        low, high = low - 0.5, high + 0.5
    return low, high


@means("numpy.histogram")
def histogram(a, bins=10, range=None, density=None, weights=None):
    x, edges = np.ravel(a), np.histogram_bin_edges(a, bins, range)
    w = None if weights is None else np.ravel(weights)
    if w is not None and kind(w) == "bool":
        return refused("weights of a histogram are numbers", "use `w.astype(float)`")
    if w is not None and len(w) != len(x):
        raise ValueError
    counts = _counted(x, edges, w, np.ndim(bins) > 0)
    if density:
        return counts / np.diff(edges) / np.sum(counts), edges
    return counts, edges


def _counted(x, edges, weights, by_edges):
    """Return the sums of weights between edges; the last bin has its end."""
    bins = len(edges) - 1
    place = _bin(x, edges)
    inside = np.flatnonzero((place >= 0) & (place < bins))
    if weights is None:
        return np.bincount(place[inside], minlength=bins)
    if not by_edges:
        sums = np.bincount(place[inside], weights[inside], minlength=bins)
        return typed(sums, kind(weights))
    order, none = np.argsort(x), np.zeros(1, dtype=kind(weights))
    sums = np.concatenate((none, np.cumsum(weights[order])))
    before = np.searchsorted(x[order], edges[:-1], side="left")
    last = np.searchsorted(x[order], edges[-1:], side="right")
    return typed(np.diff(sums[np.concatenate((before, last))]), kind(weights))


@means("numpy.histogram2d")
def histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    given = bins if isinstance(bins, (list, tuple)) else [bins, bins]
    if np.ndim(bins) == 1 and len(given) != 2:
        return refused("`bins` of two axes are two numbers or two vectors of edges")
    ranges = range if range is not None else [None, None]
    across = np.histogram_bin_edges(x, given[0], ranges[0])
    along = np.histogram_bin_edges(y, given[1], ranges[1])
    sums = _counted_twice(x, y, across, along, weights)
    if not density:
        return sums, across, along
    shares = sums / np.diff(across)[:, None] / np.diff(along)[None, :]
    return shares / np.sum(sums), across, along


def _counted_twice(x, y, across, along, weights):
    """Return the sums of weights between edges of two axes."""
    i, j = _bin(np.asarray(x), across), _bin(np.asarray(y), along)
    n, m = len(across) - 1, len(along) - 1
    inside = np.flatnonzero((i >= 0) & (i < n) & (j >= 0) & (j < m))
    w = np.ones(len(inside)) if weights is None else np.asarray(weights)[inside]
    return np.bincount((i * m + j)[inside], w, minlength=n * m).reshape(n, m)


def _bin(x, edges):
    """Return the bin of each item, which lies among the edges or does not."""
    last = np.equal(x, edges[-1])
    return np.searchsorted(edges, x, side="right") - 1 - last
