# mypy: allow-untyped-defs, allow-untyped-calls
"""What sorting, medians and quantiles mean in NumPy; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.prelude import (
    fixed,
    is_fixed,
    is_python,
    kind,
    means,
    refused,
    rows,
    typed,
)
from srcgrad.ops.ufuncs import kept_shape, lined, written

# put in order


def _line(a, axis):
    """Return an array and an axis of it; without one all items are one row."""
    return (np.asarray(a), axis) if axis is not None else (np.ravel(a), 0)


@means("numpy.sort")
def sort(a, axis=-1, kind=None, order=None, *, stable=None):
    x, k = _line(a, axis)
    return rows.sort(x, axis=k)


@means(".sort")
def sort_in_place(a, axis=-1, kind=None, order=None, *, stable=None):
    a[...] = rows.sort(a, axis=axis)


@means("numpy.argsort", ".argsort")
def argsort(a, axis=-1, kind=None, order=None, *, stable=None):
    x, k = _line(a, axis)
    return rows.argsort(x, axis=k, kind="stable" if stable else kind)


@means("numpy.partition")
def partition(a, kth, axis=-1, kind="introselect"):
    x, k = _line(a, axis)
    return rows.partition(x, *_places(x, kth, k), axis=k)


@means(".partition")
def partition_in_place(a, kth, axis=-1, kind="introselect"):
    a[...] = rows.partition(a, *_places(a, kth, axis), axis=axis)


@means("numpy.argpartition", ".argpartition")
def argpartition(a, kth, axis=-1, kind="introselect"):
    x, k = _line(a, axis)
    return rows.argpartition(x, *_places(x, kth, k), axis=k)


def _places(a, kth, axis):
    n = np.size(a, axis)
    places = kth if isinstance(kth, (list, tuple)) else [kth]
    for k in places:
        if n > 0 and (k < -n or k >= n):
            raise ValueError
    return places


@means("numpy.lexsort")
def lexsort(keys, axis=-1):
    first, *others = keys
    order = np.argsort(first, axis=axis, kind="stable")
    for key in others:
        given = np.take_along_axis(np.asarray(key), order, axis)
        again = np.argsort(given, axis=axis, kind="stable")
        order = np.take_along_axis(order, again, axis)
    return order


# medians and quantiles: equal items share what they get, so `ranked`, not `sort`


@means("numpy.median")
def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    if out is not None:
        return written(median, a, axis, keepdims=keepdims, out=out)
    return _median(a, axis, overwrite_input, keepdims, False)


@means("numpy.nanmedian")
def nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    if out is not None:
        return written(nanmedian, a, axis, keepdims=keepdims, out=out)
    return _median(a, axis, overwrite_input, keepdims, True)


def _median(a, axis, overwrite_input, keepdims, nans):
    if overwrite_input:
        return refused("`overwrite_input` leaves `a` in an order that nobody knows")
    x = a if kind(a) in ("float64", "float32") else typed(a, "float64")
    ranks = rows.ranked(lined(x, axis), axis=-1)
    n = _count(ranks) if nans else ranks.shape[-1]
    if ranks.shape[-1] == 0:
        raise NotImplementedError("the median of nothing is not known here")
    low, high = _ranked(ranks, (n - 1) // 2, nans), _ranked(ranks, n // 2, nans)
    if is_fixed(n):
        middle = high if n % 2 == 1 else (low + high) / 2.0
    else:
        middle = np.where(n % 2 == 1, high, (low + high) / 2.0)
    found = middle if nans else _nan_checked(ranks, middle)
    return np.reshape(found, kept_shape(a, axis)) if keepdims else found


def _count(ranks):
    return np.sum(~np.isnan(ranks), axis=-1)


def _ranked(ranks, k, nans):
    """Return the items at some place in each row; `k` is of each row if `nans`."""
    places = np.maximum(k, 0) if nans else k
    if np.ndim(ranks) == 1:
        return ranks[places]
    if not nans:
        return ranks[..., places]
    if np.ndim(k) == np.ndim(ranks):
        return rows.take_along_axis(ranks, places, axis=-1)
    return rows.take_along_axis(ranks, places[..., None], axis=-1)[..., 0]


def _nan_checked(ranks, found):
    """Return what was found, but nan of rows with a nan."""
    if kind(ranks) not in ("float64", "float32"):
        return found
    last = ranks[-1] if np.ndim(ranks) == 1 else ranks[..., -1]
    return np.where(np.isnan(last), last, found)


@means("numpy.quantile")
def quantile(a, q, axis=None, out=None, overwrite_input=False, method="linear",
             keepdims=False):  # fmt: skip
    if out is not None:
        how = {"axis": axis, "method": method, "keepdims": keepdims}
        return written(quantile, a, q, out=out, **how)
    return _quantile(a, q, axis, overwrite_input, method, keepdims, False)


@means("numpy.nanquantile")
def nanquantile(a, q, axis=None, out=None, overwrite_input=False, method="linear",
                keepdims=False):  # fmt: skip
    if out is not None:
        how = {"axis": axis, "method": method, "keepdims": keepdims}
        return written(nanquantile, a, q, out=out, **how)
    return _quantile(a, q, axis, overwrite_input, method, keepdims, True)


@means("numpy.percentile")
def percentile(a, q, axis=None, out=None, overwrite_input=False, method="linear",
               keepdims=False):  # fmt: skip
    how = {"axis": axis, "method": method, "keepdims": keepdims, "out": out}
    return quantile(a, _hundredth(q), overwrite_input=overwrite_input, **how)


@means("numpy.nanpercentile")
def nanpercentile(a, q, axis=None, out=None, overwrite_input=False, method="linear",
                  keepdims=False):  # fmt: skip
    how = {"axis": axis, "method": method, "keepdims": keepdims, "out": out}
    return nanquantile(a, _hundredth(q), overwrite_input=overwrite_input, **how)


def _hundredth(q):
    return q / 100 if not np.ndim(q) and is_python(q) else np.true_divide(q, 100)


def _quantile(a, q, axis, overwrite_input, method, keepdims, nans):
    if overwrite_input or np.ndim(q) > 1:
        return refused("a quantile has at most one axis of `q`, and leaves `a` alone")
    ranks = rows.ranked(lined(np.asarray(a), axis), axis=-1)
    share = np.asarray(q) if np.ndim(q) else q
    if not np.all(share >= 0) or not np.all(share <= 1):
        raise ValueError
    if ranks.size == 0:
        raise NotImplementedError("a quantile of nothing is not known here")
    single = "float32" if kind(ranks) == "float32" else "float64"
    exact = single if not np.ndim(q) and is_python(q) else None
    if nans:
        n = _count(ranks)[..., None] if np.ndim(ranks) > 1 else _count(ranks)
        found = _found(ranks, n, np.atleast_1d(share), method, exact, True)
        found = found if np.ndim(q) else found[..., 0]
    else:
        found = _found(ranks, ranks.shape[-1], share, method, exact, False)
    found = np.moveaxis(found, -1, 0) if np.ndim(q) and np.ndim(found) > 1 else found
    found = found if nans else _nan_checked(ranks, found)
    if not keepdims:
        return found
    return np.reshape(found, [*np.shape(q), *kept_shape(a, axis)])


def _found(ranks, n, q, method, exact, nans):
    """Return quantiles of rows in order, those of one row side by side."""
    count = typed(n, "float32") if nans and kind(q) == "float32" else n
    if discrete(method):
        return _ranked(ranks, typed(_nearest(count, q, method), "int64"), nans)
    if method == "linear" and kind(q) == "int64":
        return _ranked(ranks, (n - 1) * q, nans)
    at, last = _virtual(count, q, method), n - 1
    below = np.where(at < 0, 0, typed(np.floor(at), "int64"))
    first = np.where(at >= last, last, below)
    second = np.where(at >= last, last, np.where(at < 0, 0, below + 1))
    share = typed(_between(at, at - first, method), kind(at))
    low, high = _ranked(ranks, first, nans), _ranked(ranks, second, nans)
    up, down = typed(share, exact), typed(1 - share, exact)
    step = high - low
    return np.where(up >= 0.5, high - step * down, low + step * up)


CONTINUOUS = {"interpolated_inverted_cdf": (0, 1), "hazen": (0.5, 0.5),
              "weibull": (0, 0), "median_unbiased": (1 / 3.0, 1 / 3.0),
              "normal_unbiased": (3 / 8.0, 3 / 8.0)}  # fmt: skip
DISCRETE = ("lower", "higher", "nearest", "inverted_cdf", "closest_observation")
OTHERS = ("linear", "midpoint", "averaged_inverted_cdf")


@fixed
def discrete(method):
    """Tell whether a quantile is always one of the items."""
    if method not in (*CONTINUOUS, *DISCRETE, *OTHERS):
        raise ValueError(f"{method!r} is not a valid method")
    return method in DISCRETE


@fixed
def borders(method):
    """Return the alpha and beta of Hyndman and Fan."""
    return CONTINUOUS[method]


def _nearest(n, q, method):
    if method == "lower":
        return np.floor((n - 1) * q)
    if method == "higher":
        return np.ceil((n - 1) * q)
    if method == "nearest":
        return np.rint((n - 1) * q)
    at = n * q - 1 if method == "inverted_cdf" else n * q - 1 - 0.5
    before = np.floor(at)
    even = (before % 2 == 1) | (method == "inverted_cdf")
    return np.maximum(np.where((at - before == 0) & even, before, before + 1), 0)


def _virtual(n, q, method):
    if method == "linear":
        return (n - 1) * q
    if method == "midpoint":
        return 0.5 * (np.floor((n - 1) * q) + np.ceil((n - 1) * q))
    if method == "averaged_inverted_cdf":
        return n * q - 1
    alpha, beta = borders(method)
    return n * q + (alpha + q * (1 - alpha - beta)) - 1


def _between(at, share, method):
    if method == "midpoint":
        return np.where(at % 1 == 0, 0.0, 0.5)
    return np.where(share == 0, 0.5, 1.0) if method == OTHERS[2] else share
