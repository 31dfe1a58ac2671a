# mypy: allow-untyped-defs, allow-untyped-calls
"""What NumPy's functions mean that choose, find and replace items; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.calculus import common, steps
from srcgrad.ops.prelude import (
    axes_of,
    fixed,
    is_fixed,
    is_one,
    is_python,
    kind,
    means,
    refused,
    rows,
    subscript,
    typed,
)
from srcgrad.ops.ufuncs import fits

_KEPT = slice(None)


def weak(x):
    """Return the dtype of numbers; of Python's own, what yields to any other."""
    return weakly(kind(x)) if is_python(x) else kind(x)


@fixed
def weakly(dtype):
    return {"float64": 0.0, "int64": 0}.get(dtype, dtype)


# chosen among several


@means("numpy.select")
def select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError
    dtype = common(weak(default), *[weak(x) for x in tuple(choicelist)])
    out = typed(default, dtype)
    for k in backward(len(condlist)):
        if kind(condlist[k]) != "bool":
            raise TypeError
        out = np.where(condlist[k], typed(choicelist[k], dtype), out)
    return out


@fixed
def backward(n):
    """Return what an unrolled loop runs over from its end."""
    return tuple(reversed(range(n)))


@means("numpy.piecewise")
def piecewise(x, condlist, funclist, *args, **kw):
    given = np.reshape(x, np.shape(x) if np.ndim(x) else 1)
    listed = condlist if isinstance(condlist, (list, tuple)) else [condlist]
    conds = [np.reshape(c, given.shape) for c in listed]
    if len(funclist) == len(conds) + 1:
        conds = [*conds, ~_any(conds)]
    elif len(funclist) != len(conds):
        raise ValueError
    out = np.zeros_like(given)
    for cond, value in zip(conds, funclist, strict=True):
        out[cond] = value(given[cond], *args, **kw) if callable(value) else value
    return out if np.ndim(x) else np.reshape(out, ())


def _any(conds):
    found = conds[0]
    for cond in conds[1:]:
        found = found | cond
    return found


@means("numpy.choose", ".choose")
def choose(a, choices, mode="raise"):
    count = len(choices)
    places = inside(a, count, mode, ValueError)
    if isinstance(choices, np.ndarray):
        rank = np.ndim(choices) - 1
        grid = [np.arange(choices.shape[k + 1])[_across(rank, k)] for k in range(rank)]
        return np.asarray(choices[(places, *grid)])
    dtype = common(*[weak(c) for c in tuple(choices)])
    out = typed(choices[0], dtype)
    for k in steps(count):
        out = np.where(places == k, typed(choices[k], dtype), out)
    return out


def inside(places, n, mode, error):
    """Return places from 0 to n - 1, as `mode` says."""
    at = np.asarray(places) if np.ndim(places) else places
    if mode == "wrap":
        return at % n
    if mode == "clip":
        return np.minimum(np.maximum(at, 0), n - 1)
    lowest = 0 if error is ValueError else -n
    if np.any(at < lowest) or np.any(at >= n):
        raise error
    return np.where(at < 0, at + n, at)


@fixed
def _across(rank, axis):
    """Return the subscript that lays a vector along one of some axes."""
    return subscript(rank, (axis,), _KEPT, None)


@means("numpy.compress")
def compress(condition, a, axis=None):
    if np.ndim(condition) != 1:
        raise ValueError
    return np.take(a, np.flatnonzero(condition), axis)


@means(".compress")
def compress_method(a, condition, axis=None):
    return compress(condition, a, axis)


@means("numpy.extract")
def extract(condition, arr):
    return np.ravel(arr)[np.flatnonzero(np.ravel(condition))]


# written


@means("numpy.copyto")
def copyto(dst, src, casting="same_kind", where=True):
    fits(kind(src), kind(dst), casting)
    dst[...] = src if is_fixed(where) and where else np.where(where, src, dst)


@means("numpy.place")
def place(arr, mask, vals):
    chosen = np.reshape(mask, np.shape(arr)) != 0
    arr[chosen] = _cycled(vals, np.arange(np.count_nonzero(chosen)))


@means("numpy.putmask")
def putmask(a, mask, values):
    chosen = np.reshape(mask, np.shape(a)) != 0
    a[chosen] = _cycled(values, np.flatnonzero(chosen))


def _cycled(values, places):
    """Return the items at places of values that begin again behind their end."""
    if not np.ndim(values):
        return values
    given = np.ravel(values)
    return given[places % len(given)]


@means("numpy.put", ".put")
def put(a, ind, v, mode="raise"):
    places = np.atleast_1d(inside(ind, a.size, mode, IndexError)).ravel()
    values = _cycled(v, np.arange(len(places)))
    a[np.unravel_index(places, np.shape(a))] = values


@means("numpy.take_along_axis")
def take_along_axis(arr, indices, axis=-1):
    if axis is None:
        return rows.take_along_axis(np.ravel(arr), indices, axis=0)
    x, places = np.asarray(arr), np.asarray(indices)
    if np.ndim(x) != np.ndim(places):
        raise ValueError
    others = [k for k in steps(np.ndim(x)) if k not in axes_of(axis, np.ndim(x))]
    for k in others:
        if is_one(x, k) and not is_one(places, k):
            x = np.repeat(x, places.shape[k], axis=k)
        elif is_one(places, k) and not is_one(x, k):
            places = np.repeat(places, x.shape[k], axis=k)
    return rows.take_along_axis(x, places, axis=axis)


@means("numpy.put_along_axis")
def put_along_axis(arr, indices, values, axis):
    if axis is None:
        return refused("`axis` of `put_along_axis` is a number here")
    rank = np.ndim(arr)
    if np.ndim(indices) != rank:
        raise ValueError
    places = [np.asarray(indices) if k in axes_of(axis, rank) else _along(arr, k)
              for k in steps(rank)]  # fmt: skip
    arr[(*places,)] = values


def _along(arr, axis):
    """Return the places along an axis, which broadcast to all places."""
    return np.arange(arr.shape[axis])[_across(np.ndim(arr), axis)]


# compared


@means("numpy.isin", "numpy.in1d")
def isin(element, test_elements, assume_unique=False, invert=False, *, kind=None):
    x = np.asarray(element) if np.ndim(element) else element
    known = np.sort(np.ravel(test_elements))
    before = np.searchsorted(known, x, side="left")
    found = (before < np.searchsorted(known, x, side="right")) & np.equal(x, x)
    return ~found if invert else found
