# mypy: allow-untyped-defs, allow-untyped-calls
"""What calls of ufuncs and reductions say besides their operands; see `prelude`.

`out=`, `where=`, `initial=`, `dtype=`, and the methods of ufuncs: `np.add.at` and the
like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.ops.calculus import common, leading, steps
from srcgrad.ops.prelude import (
    added,
    axes_of,
    fixed,
    is_fixed,
    kind,
    refused,
    rows,
    same,
    turned,
    typed,
)

METHODS: dict[str, Callable[..., Any]] = {}
OTHER_OUT = (
    "`out` has the dtype and the axes of the result here", "write `out[...] = ...`"
)  # fmt: skip
_UNWRITTEN = "without `out`, what `where` leaves out holds anything"


def of_ufunc(method: Any) -> Any:
    """Enter what a method of ufuncs means; its first argument is the ufunc."""
    METHODS[method.__name__] = method
    return method


@fixed
def fits(given, wanted, casting="same_kind"):
    """Refuse to store numbers where NumPy does not."""
    if not np.can_cast(given, wanted, casting):
        raise TypeError(f"NumPy does not store {given} in an array of {wanted} here")


@fixed
def inputs(function):
    """Return how many operands a ufunc has that gives one result."""
    if function.nout > 1:
        raise TypeError(f"`{function.__name__}` is known without arguments by keyword")
    return function.nin


def called(function, /, *given, out=None, where=True, dtype=None, casting="same_kind"):
    count = inputs(function)
    into = _target(given[count:], out)
    if dtype is not None:
        for x in given[:count]:
            fits(kind(x), dtype, casting)
    operands = [x if dtype is None else typed(x, dtype) for x in given[:count]]
    value = function(*operands)
    if into is None:
        if not is_fixed(where) or not where:
            return refused(_UNWRITTEN, "give it: `out=np.zeros_like(...)`")
        return value
    fits(kind(value), kind(into), casting)
    if np.ndim(value) > np.ndim(into):
        raise ValueError
    into[...] = value if is_fixed(where) and where else np.where(where, value, into)
    return into


def _target(rest, out):
    given = rest[0] if len(rest) else out
    return given[0] if isinstance(given, tuple) else given


def written(function, /, *args, out, **kwargs):
    value, into = function(*args, **kwargs), _target((), out)
    if kind(value) != kind(into) or np.ndim(value) != np.ndim(into):
        return refused(*OTHER_OUT)
    for n, m in zip(np.shape(value), np.shape(into), strict=True):
        same(n, m, "`out` has another shape than the result")
    into[...] = value
    return into


# reductions


def reduction(function, /, a, axis=None, dtype=None, out=None, keepdims=False,
              initial=None, where=True, **more):  # fmt: skip
    given, into = np.asarray(a) if np.ndim(a) else a, _target((), out)
    x = given if dtype is None else typed(given, dtype)
    if is_fixed(where) and where and initial is None:
        value = function(x, axis=axis, keepdims=keepdims, **more)
    else:
        value = _partial(function, x, axis, keepdims, initial, where, **more)
    if into is None:
        return value
    if np.ndim(value) != np.ndim(into):
        raise ValueError
    if rounds(function) and kind(value) != kind(into):
        return refused(*OTHER_OUT)  # NumPy rounds on the way, each buffer by itself
    return called(np.positive, value, out=into, casting="unsafe")


@fixed
def rounds(function):
    """Tell the reductions whose numbers depend on the dtype of `out`."""
    return function in (np.sum, np.prod, np.mean, np.var, np.std)


def _partial(function, x, axis, keepdims, initial, where, ddof=0):
    if function is np.sum:
        return _sum(x, axis, keepdims, 0.0 if initial is None else initial, where)
    if function is np.mean:
        return _mean(x, axis, keepdims, where)
    if function is np.var:
        return _var(x, axis, keepdims, where, ddof)
    if function is np.std:
        return root(_var(x, axis, keepdims, where, ddof))
    if function is np.any:
        chosen = np.logical_and(x, where)
        return np.any(chosen, axis=axis, keepdims=keepdims)
    if function is np.all:
        chosen = np.logical_or(x, np.logical_not(where))
        return np.all(chosen, axis=axis, keepdims=keepdims)
    return _started(function, x, axis, keepdims, initial, where)


def _sum(x, axis, keepdims, initial, where):
    terms = x if kind(x) in ("float64", "float32") else typed(x, "int64")
    start = typed(initial, kind(terms))
    return rows.sum_where(terms, start, where, axis=axis, keepdims=keepdims)


def _mean(x, axis, keepdims, where):
    numbers = x if kind(x) in ("float64", "float32") else typed(x, "float64")
    total = _sum(numbers, axis, keepdims, 0.0, where)
    count = np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, keepdims=keepdims)
    return typed(total / count, kind(total))


def _var(x, axis, keepdims, where, ddof):
    # What is left out may be nan, and is not to meet a cotangent.
    clean = np.where(where, x, 0)
    away = clean - _mean(clean, axis, True, where)
    total = _sum(away * away, axis, keepdims, 0.0, where)
    count = np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, keepdims=keepdims)
    return typed(total / np.maximum(count - ddof, 0), kind(total))


def root(x):
    """Return the square root, whose slope at zero is that of a deviation: zero."""
    return np.where(x == 0, x, np.sqrt(x))


def _started(function, x, axis, keepdims, initial, where):
    """Reduce what begins with `initial`."""
    if initial is None and neutral(function) is None:
        raise ValueError
    start = typed(neutral(function) if initial is None else initial, kind(x))
    if not is_fixed(where):
        x = np.where(where, x, blank(function, kind(x), start))
    line = lined(x, axis)
    first = np.full((*line.shape[:-1], 1), start)
    made = function(np.concatenate((first, line), axis=-1), axis=-1)
    return np.reshape(made, kept_shape(x, axis)) if keepdims else made


@fixed
def neutral(function):
    """Return what a reduction begins with."""
    return 1 if function is np.prod else None


def blank(function, dtype, start):
    """Return what changes nothing in a reduction that begins with `start`."""
    if function is np.prod:
        return 1
    if dtype not in ("float64", "float32"):
        return start
    return -np.inf if function is np.max or function is np.amax else np.inf


def lined(a, axis):
    """Return an array with the axes that are reduced as one, the last."""
    rank = np.ndim(a)
    if not rank:
        return np.reshape(a, 1)
    kept, axes = sides(axis, rank)
    x = turned(np.asarray(a), kept + axes)
    if len(axes) == 1:
        return x
    size = 1
    for k in axes:
        size = size * np.shape(a)[k]
    return np.reshape(x, [*[np.shape(a)[k] for k in kept], size])


def kept_shape(a, axis):
    """Return the shape of a reduction that keeps its axes."""
    axes = axes_of(axis, np.ndim(a))
    return [1 if k in axes else np.shape(a)[k] for k in steps(np.ndim(a))]


@fixed
def sides(axis, rank):
    """Return the axes that are kept, and those that are reduced."""
    axes = tuple(sorted(axes_of(axis, rank)))
    return tuple(k for k in range(rank) if k not in axes), axes


# methods of ufuncs


@fixed
def whole(function):
    """Return the reduction that a ufunc makes, None if NumPy has no name for it."""
    name = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min",
            "logical_and": "all", "logical_or": "any"}  # fmt: skip
    found = name.get(function.__name__)
    return getattr(np, found) if found else None


@of_ufunc
def reduce(function, /, array, axis=0, dtype=None, out=None, keepdims=False,
           initial=None, where=True):  # fmt: skip
    if whole(function) is not None:
        how = {"initial": initial, "where": where}
        into = _target((), out)
        named = whole(function)
        return reduction(named, array, axis, dtype, into, keepdims, **how)
    if initial is not None or not is_fixed(where) or keepdims or out is not None:
        return refused("this ufunc is reduced without further arguments here")
    if function is np.power:
        what = "NumPy's reduction by powers takes the first one again at each step"
        return refused(what, "write the loop: `for y in x[1:]: total = total**y`")
    x = np.moveaxis(np.asarray(array), axis, 0)
    if len(x) == 0:
        raise NotImplementedError("a ufunc is reduced over something here")
    total = x[0] if np.ndim(x) == 1 else rows.copy(x[0])
    for k in range(1, len(x)):
        total = function(total, x[k])
    return total


@of_ufunc
def accumulate(function, /, array, axis=0, dtype=None, out=None):
    if out is not None:
        return written(accumulate, function, array, axis, dtype, out=out)
    given = np.asarray(array) if dtype is None else typed(array, dtype)
    if function is np.add or function is np.multiply:
        running = np.cumsum if function is np.add else np.cumprod
        return running(given, axis=axis)
    made = typed(given, kind(function(given, given)))
    total = rows.copy(made)
    y = np.moveaxis(total, axis, 0)
    for k in range(1, len(y)):
        y[k] = function(y[k - 1], y[k])
    return total


@of_ufunc
def outer(function, /, A, B, **how):
    x, y = np.asarray(A) if np.ndim(A) else A, np.asarray(B) if np.ndim(B) else B
    wide = x[(..., *leading(np.ndim(y)))] if np.ndim(x) and np.ndim(y) else x
    return function(wide, y, **how)


@of_ufunc
def reduceat(function, /, array, indices, axis=0, dtype=None, out=None):
    if out is not None or dtype is not None:
        return refused("`reduceat` is known without `dtype` and `out`")
    given = np.asarray(array)
    if whole(function) in (np.sum, np.prod):
        given = typed(given, kind(np.sum(given)))
    x, places = np.ascontiguousarray(np.moveaxis(given, axis, -1)), np.asarray(indices)
    if np.any(places < 0):
        raise IndexError
    made = x[..., places]
    for k in range(len(places)):
        last = places[k + 1] if k + 1 < len(places) else x.shape[-1]
        if function is np.add:
            made[..., k] += np.sum(x[..., places[k] + 1 : last], axis=-1)
        else:
            for j in range(places[k] + 1, last):
                made[..., k] = function(made[..., k], x[..., j])
    return np.moveaxis(made, -1, axis)


@of_ufunc
def at(function, /, a, indices, b=None):
    if b is None:
        return refused("`at` is known of ufuncs of two operands")
    fits(common(kind(a), kind(b)), kind(a))
    if function is np.add and kind(a) != "bool":
        added(a, indices, b)
    elif function is np.subtract and kind(a) != "bool":
        added(a, indices, -np.asarray(b) if np.ndim(b) else -b)
    else:
        _one_by_one(function, a, indices, b)


def _one_by_one(function, a, indices, b):
    if isinstance(indices, tuple) or np.ndim(indices) > 1 or kind(indices) == "bool":
        what = "`at` of this ufunc is known of whole numbers along the first axis"
        return refused(what, "write the loop: `for k in range(len(i)): ...`")
    places = np.asarray(indices) if np.ndim(indices) else np.reshape(indices, 1)
    # NumPy copies operands that lie in the array.
    values = rows.copy(np.broadcast_to(b, (len(places), *a.shape[1:])))
    for k in range(len(places)):
        a[places[k]] = function(a[places[k]], values[k])
