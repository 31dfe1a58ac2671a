# mypy: allow-untyped-defs, allow-untyped-calls
"""What padded arrays, grids and index arrays mean in NumPy; see `prelude`."""

from __future__ import annotations

import math

import numpy as np

from srcgrad.ops.calculus import before, common
from srcgrad.ops.counts import is_whole
from srcgrad.ops.prelude import (
    axes_of,
    fixed,
    is_fixed,
    is_python,
    kind,
    lengths,
    means,
    moved,
    refused,
    rows,
    same,
    subscript,
    typed,
)
from srcgrad.ops.table import Unsupported

# padded

_PLACED = ("edge", "reflect", "symmetric", "wrap")  # modes that repeat what is there


@means("numpy.pad")
def pad(array, pad_width, mode="constant", *, constant_values=0, end_values=0,
        reflect_type="even", stat_length=None):  # fmt: skip
    x, rank = np.asarray(array), np.ndim(array)
    widths = _pairs(pad_width, rank)
    if mode == "constant":
        return _framed(x, widths, _pairs(constant_values, rank))
    if mode in _PLACED and reflect_type != "even":
        return refused('`reflect_type` is known as "even" only')
    out, ends, sizes = x, _pairs(end_values, rank), _pairs(stat_length, rank)
    for k, width in enumerate(widths):
        out = _padded(out, k, mode, width, sizes[k], ends[k])
    return rows.copy(x) if out is x else out


def _padded(x, axis, mode, widths, sizes, ends):
    """Return an array with more on both sides of an axis."""
    first, last = widths
    if _is_none(first) and _is_none(last):
        return x
    if x.shape[axis] == 0:
        raise ValueError
    if mode in _PLACED:
        return np.take(x, _places(first, last, x.shape[axis], mode), axis=axis)
    front = _border(x, axis, mode, first, sizes[0], ends[0], False)
    back = _border(x, axis, mode, last, sizes[1], ends[1], True)
    return np.concatenate((front, x, back), axis=axis)


def _border(x, axis, mode, width, length, end, behind):
    """Return what stands before an axis, or behind it."""
    lead, n = np.moveaxis(x, axis, 0), x.shape[axis]
    if mode == "linear_ramp":
        made = _ramp(lead[-1:] if behind else lead[:1], end, width)
        return np.moveaxis(made[::-1] if behind else made, 0, axis)
    count = n if length is None else np.minimum(length, n)
    part = np.moveaxis(lead[n - count :] if behind else lead[:count], 0, axis)
    value = statistic(mode)(part, axis=axis, keepdims=True)
    rounded = np.round(value) if is_whole(kind(x)) else value
    return np.repeat(typed(rounded, kind(x)), width, axis=axis)


def _ramp(edge, end, width):
    """Return what leads from a number to an edge, as `np.linspace` rounds it."""
    away, parts = edge * 1.0 - end, np.maximum(width, 1)
    line = subscript(np.ndim(edge), (0,), slice(None), None)
    at = typed(np.arange(width), kind(away))[line]
    step = away / parts
    made = at / parts * away + end if np.any(step == 0) else at * step + end
    return typed(np.floor(made) if is_whole(kind(edge)) else made, kind(edge))


@fixed
def statistic(mode):
    """Return the function that a mode of `pad` is named after."""
    known = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}
    if mode == "empty":
        raise Unsupported("what `np.pad` leaves empty holds anything", "pad with zeros")
    if mode not in known:
        raise ValueError(f"mode {mode!r} is not supported")
    return known[mode]


def _pairs(given, rank):
    """Return what is given for both ends of each axis."""
    if isinstance(given, dict):
        return refused("widths are a number, a pair, or a pair for each axis here")
    if given is None or not np.ndim(given):
        return [(given, given)] * rank
    if np.ndim(given) == 1:
        return [_pair(given)] * rank
    if len(given) not in (1, rank):
        raise ValueError
    return [_pair(pair) for pair in given] * (rank if len(given) == 1 else 1)


def _pair(ends):
    if len(ends) > 2:
        raise ValueError
    return ends[0], ends[-1]


def _is_none(width):
    return is_fixed(width) and width == 0


def _framed(array, widths, values):
    """Return an array inside of others, those of later axes outermost."""
    x = array
    for k, (first, last) in enumerate(widths):
        front = [] if _is_none(first) else [_slab(x, k, first, values[k][0])]
        back = [] if _is_none(last) else [_slab(x, k, last, values[k][1])]
        if front or back:
            x = np.concatenate((*front, x, *back), axis=k)
    return rows.copy(x) if x is array else x


def _slab(x, axis, width, value):
    shape = [width if k == axis else n for k, n in enumerate(x.shape)]
    return np.full(shape, typed(value, kind(x)))


def _places(first, last, n, mode):
    """Return where each item of a padded axis is taken from."""
    there = np.arange(-first, n + last)
    if mode == "edge":
        return np.clip(there, 0, n - 1)
    if mode == "wrap":
        return there % n
    if mode == "symmetric":
        return np.minimum(there % (2 * n), 2 * n - 1 - there % (2 * n))
    round_trip = np.maximum(2 * n - 2, 1)
    return np.minimum(there % round_trip, 2 * n - 2 - there % round_trip)


# grids


@means("numpy.meshgrid")
def meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    count = len(xi)
    lines = [np.ravel(x) for x in xi]
    spots = [spot(k, count, indexing) for k, _ in enumerate(xi)]
    thin = [line[lone(count, k)] for line, k in zip(lines, spots, strict=True)]
    if sparse:
        return (*[rows.copy(x) if copy else x for x in thin],)
    sides = [len(lines[k]) for k in spots]  # two are exchanged, or none
    wide = [np.broadcast_to(x, sides) for x in thin]
    return (*[rows.copy(x) if copy else x for x in wide],)


@fixed
def spot(k, count, indexing):
    """Return which axis of a grid belongs to an argument."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    return 1 - k if indexing == "xy" and k < 2 <= count else k


@fixed
def lone(count, axis):
    """Return the subscript by which a vector becomes one axis among several."""
    return tuple(slice(None) if k == axis else None for k in range(count))


@means("numpy.ix_")
def ix_(*args):
    count = len(args)
    lines = [_numbers(a) for a in args]
    return (*[line[lone(count, k)] for k, line in enumerate(lines)],)


def _numbers(a):
    x = np.asarray(a)
    if np.ndim(x) != 1:
        raise ValueError
    return np.flatnonzero(x) if kind(x) == "bool" else x


@means("numpy.indices")
def indices(dimensions, dtype=int, sparse=False):
    count = len(dimensions)
    lines = [np.arange(n, dtype=dtype) for n in dimensions]
    thin = [line[lone(count, k)] for k, line in enumerate(lines)]
    if sparse:
        return (*thin,)
    return np.stack([np.broadcast_to(x, dimensions) for x in thin])


@means("numpy.fromfunction")
def fromfunction(function, shape, *, dtype=float, **kwargs):
    return function(*np.indices(shape, dtype), **kwargs)


@means("numpy.broadcast_shapes")
def broadcast_shapes(*args):
    out = np.zeros(())
    for shape in args:
        out = out + np.zeros(shape)
    return np.shape(out)


@means("numpy.broadcast_arrays")
def broadcast_arrays(*args):
    shape = np.broadcast_shapes(*[np.shape(a) for a in args])
    return (*[np.broadcast_to(a, shape) for a in args],)


@means("numpy.s_")
def s_(key):
    return key


@means("numpy.mgrid")
def mgrid(key):
    if not isinstance(key, tuple):
        return _line(key)
    lines = [_steps(part) for part in key]
    sides = [len(line) for line in lines]
    wide = [line[lone(len(key), k)] for k, line in enumerate(lines)]
    return np.stack([np.broadcast_to(x, sides) for x in wide])


@means("numpy.ogrid")
def ogrid(key):
    if not isinstance(key, tuple):
        return _line(key)
    lines = [_steps(part) for part in key]
    dtype = common(*[kind(line) for line in lines])
    thin = [line[lone(len(key), k)] for k, line in enumerate(lines)]
    return (*[typed(x, dtype) for x in thin],)


def _line(part):
    """Return the numbers of one slice, as `arange` rounds them."""
    if isinstance(part.step, complex):
        return _steps(part)
    step = 1 if part.step is None else part.step
    return np.arange(0 if part.start is None else part.start, part.stop, step)


def _steps(part):
    """Return the numbers of a slice, as steps from its start."""
    start = 0 if part.start is None else part.start
    if isinstance(part.step, complex):
        count = size_of(part.step)
        return np.arange(count) * ((part.stop - start) / max(count - 1, 1)) + start
    step = 1 if part.step is None else part.step
    if "int64" == kind(start) == kind(part.stop) == kind(step):
        return np.arange(start, part.stop, step)
    return np.arange(math.ceil((part.stop - start) / step)) * step + start


@fixed
def size_of(step):
    """Return how many numbers an imaginary step asks for."""
    return int(abs(step))


@means("numpy.r_")
def r_(key):
    return np.concatenate([_items(x) for x in _weak(key)])


@means("numpy.c_")
def c_(key):
    parts = [_items(x) for x in _weak(key)]
    columns = [x if np.ndim(x) > 1 else x[:, None] for x in parts]
    return np.concatenate(columns, axis=-1)


def _weak(key):
    """Return what is joined; Python's own numbers give way to arrays."""
    parts = key if isinstance(key, tuple) else (key,)
    strong = [
        kind(x) for x in parts if not isinstance(x, (slice, str)) and not _is_own(x)
    ]
    if not strong:
        return parts
    return [typed(x, met(kind(x), *strong)) if _is_own(x) else x for x in parts]


def _is_own(x):
    return not isinstance(x, (slice, str)) and not np.ndim(x) and is_python(x)


@fixed
def met(weak, *strong):
    """Return the dtype of a number of Python's own beside arrays."""
    return str(np.result_type(np.dtype(weak).type(0).item(), *map(np.dtype, strong)))


def _items(part):
    """Return a slice, a number or an array as an array."""
    if isinstance(part, str):
        return refused("`r_` and `c_` are known without a text that says how to join")
    if not isinstance(part, slice):
        return np.atleast_1d(part)
    if isinstance(part.step, complex):
        start = 0 if part.start is None else part.start
        return np.linspace(start, part.stop, size_of(part.step))
    return _line(part)


# index arrays


@means("numpy.nonzero", ".nonzero")
def nonzero(a):
    x = np.asarray(a)
    return np.unravel_index(np.flatnonzero(x), x.shape)


@means("numpy.argwhere")
def argwhere(a):
    return np.stack(np.nonzero(a), axis=1)


@means("numpy.unravel_index")
def unravel_index(indices, shape, order="C"):
    if kind(indices) in ("float64", "float32"):
        raise TypeError
    rest = np.asarray(indices) if np.ndim(indices) else typed(indices, "int64")
    sides, out = [*lengths(shape)], []
    for n in sides[::-1] if order == "C" else sides:
        out.append(rest % n)
        rest = rest // n
    if np.any(rest != 0):
        raise ValueError
    return (*out[::-1],) if order == "C" else (*out,)


@means("numpy.ravel_multi_index")
def ravel_multi_index(multi_index, dims, mode="raise", order="C"):
    if mode != "raise" or order != "C":
        return refused("`ravel_multi_index` is known with mode='raise' in C order")
    place = 0
    for k, n in zip(multi_index, dims, strict=True):
        if np.any((k < 0) | (k >= n)):
            raise ValueError
        place = place * n + k
    return place


@means("numpy.diag_indices")
def diag_indices(n, ndim=2):
    return (*[np.arange(n)] * ndim,)


@means("numpy.diag_indices_from")
def diag_indices_from(arr):
    if np.ndim(arr) < 2:
        raise ValueError
    for n in np.shape(arr)[1:]:
        if n != np.shape(arr)[0]:
            raise ValueError
    return np.diag_indices(np.shape(arr)[0], np.ndim(arr))


@means("numpy.tril_indices")
def tril_indices(n, k=0, m=None):
    return np.nonzero(np.tri(n, m, k))


@means("numpy.triu_indices")
def triu_indices(n, k=0, m=None):
    return np.nonzero(np.tri(n, m, k - 1) == 0)


@means("numpy.tril_indices_from")
def tril_indices_from(arr, k=0):
    if np.ndim(arr) != 2:
        raise ValueError
    return np.tril_indices(np.shape(arr)[0], k, np.shape(arr)[1])


@means("numpy.triu_indices_from")
def triu_indices_from(arr, k=0):
    if np.ndim(arr) != 2:
        raise ValueError
    return np.triu_indices(np.shape(arr)[0], k, np.shape(arr)[1])


@means("numpy.fill_diagonal")
def fill_diagonal(a, val, wrap=False):
    if np.ndim(a) != 2 or wrap:
        return refused("the diagonal of a matrix is filled, without `wrap`")
    n = np.minimum(a.shape[0], a.shape[1])
    if np.ndim(val):
        same(np.size(val), int(n), "as many values as the diagonal has are known here")
    values = np.ravel(val) if np.ndim(val) else val
    for k in range(int(n)):
        a[k, k] = values[k] if np.ndim(val) else values


# put together, and cut


@means("numpy.block")
def block(arrays):
    _check_depth(arrays, _depth(arrays))
    rank = max(_depth(arrays), _most(arrays))
    return _joined(arrays, -_depth(arrays), rank)


def _depth(arrays):
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _check_depth(arrays, depth):
    if isinstance(arrays, tuple):
        raise TypeError
    if isinstance(arrays, list) != (depth > 0):
        raise ValueError
    if depth > 0:
        for inner in arrays:
            _check_depth(inner, depth - 1)


def _most(arrays):
    if not isinstance(arrays, list):
        return np.ndim(arrays)
    return max([0, *[_most(a) for a in arrays]])


def _joined(arrays, axis, rank):
    if isinstance(arrays, list):
        parts = [_joined(a, axis + 1, rank) for a in arrays]
        return np.concatenate(parts, axis=axis)
    x = np.atleast_1d(arrays)
    return np.reshape(x, [1] * (rank - np.ndim(x)) + [*x.shape])


def _along(arr, axis):
    """Return an array and which of its axes is meant; none means it is ravelled."""
    if axis is None:
        return np.ravel(arr), 0
    return np.asarray(arr), axes_of(axis, np.ndim(arr))[0]


@means("numpy.insert")
def insert(arr, obj, values, axis=None):
    x, where = _along(arr, axis)
    n, front = x.shape[where], before(where, np.ndim(x))
    if np.ndim(obj) or np.ndim(values) not in (0, np.ndim(x) - 1, 1 // np.ndim(x)):
        what = "`np.insert` is known at one place, of a number or of one slice"
        return refused(what, "put the pieces together by `np.concatenate`")
    if obj < -n or obj > n:
        raise IndexError
    low, high = x[(*front, slice(0, obj))], x[(*front, slice(obj, n))]
    new = _slice_of(x, where, typed(values, kind(x)))
    return np.concatenate((low, new, high), axis=where)


def _slice_of(x, axis, values):
    """Return values as one slice of an array, or as several of a vector."""
    if np.ndim(x) == 1:
        return np.atleast_1d(values)
    wide = np.expand_dims(values, axis) if np.ndim(values) else values
    return np.broadcast_to(wide, [1 if k == axis else n for k, n in enumerate(x.shape)])


@means("numpy.delete")
def delete(arr, obj, axis=None):
    x, where = _along(arr, axis)
    n, front = x.shape[where], before(where, np.ndim(x))
    if not np.ndim(obj):
        if kind(obj) == "bool":
            raise ValueError
        if obj < -n or obj >= n:
            raise IndexError
        at = obj % n
        parts = x[(*front, slice(0, at))], x[(*front, slice(at + 1, n))]
        return np.concatenate(parts, axis=where)
    gone, keep = np.asarray(obj), np.ones(n, bool)
    keep[gone] = False
    return np.take(x, np.flatnonzero(keep), axis=where)


@means("numpy.resize")
def resize(a, new_shape):
    items, count = np.ravel(a), 1
    for n in lengths(new_shape):
        if n < 0:
            raise ValueError
        count = count * n
    return items[np.arange(count) % len(items)].reshape(new_shape)


@means("numpy.trim_zeros")
def trim_zeros(filt, trim="fb"):
    x = np.asarray(filt)
    if np.ndim(x) != 1:
        return refused("zeros are trimmed from a vector here")
    there, n = np.flatnonzero(x), len(x)
    first = there[0] if len(there) else n
    last = there[-1] + 1 if len(there) else 0
    front, back = ends(trim)
    return x[first if front else 0 : last if back else n]


@fixed
def ends(trim):
    """Return whether zeros are trimmed in front, and behind."""
    found = {*trim.lower()}
    if found - {*"fb"}:
        raise ValueError(f"unexpected characters in `trim`: {trim!r}")
    return "f" in found, "b" in found


@means("numpy.rollaxis")
def rollaxis(a, axis, start=0):
    return np.transpose(a, rolled(np.ndim(a), axis, start))


@fixed
def rolled(rank, axis, start):
    """Return the order of axes that puts one in front of another."""
    (here,), there = axes_of(axis, rank), start + rank if start < 0 else start
    if not 0 <= there <= rank:
        raise ValueError(f"`start` is {start}, of {rank} axes")
    return moved(rank, here, there - (here < there))


@means("numpy.unstack")
def unstack(x, *, axis=0):
    return (*np.moveaxis(x, axis, 0),)


@means("numpy.diagflat")
def diagflat(v, k=0):
    return np.diag(np.ravel(v), k)


@means("numpy.atleast_3d")
def atleast_3d(*arys):
    if len(arys) > 1:
        return (*[np.atleast_3d(a) for a in arys],)
    x = np.atleast_1d(arys[0])
    return np.asarray(arys[0]) if np.ndim(x) > 2 else np.atleast_2d(x)[:, :, None]


@means("numpy.apply_along_axis")
def apply_along_axis(func1d, axis, arr, *args, **kwargs):
    x = np.moveaxis(np.asarray(arr), axis, -1)
    front = [*x.shape[:-1]]
    lines = x.reshape(-1, x.shape[-1])
    first = func1d(lines[0], *args, **kwargs)
    out = np.empty((len(lines), *np.shape(first)), kind(first))
    out[0] = first
    for k in range(1, len(lines)):
        out[k] = func1d(lines[k], *args, **kwargs)
    made = out.reshape([*front, *np.shape(first)])
    if np.ndim(first) > 1:
        return refused("what is applied along an axis gives a number or a vector here")
    return np.moveaxis(made, -1, axis) if np.ndim(first) else made
