# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-overload"
"""What functions of NumPy and Python mean, in plain NumPy.

A definition is read where its function is called, as a helper of the user's would be:
its signature binds the arguments, tests that are known while compiling leave one arm,
errors stand at the user's call. Three things are not plain NumPy: `rows.name` is an
operation of the table, a `fixed` function is run while compiling, and those that the
frontend reads itself (`typed`, `viewed`, `is_fixed`) have no body here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.ops.table import ROWS, Row, Unsupported

DEFINITIONS: dict[str, Callable[..., Any]] = {}
FIXED: set[Any] = set()


class _Rows:
    """The table as a namespace."""

    def __getattr__(self, name: str) -> Row:
        if name not in ROWS:
            raise AttributeError(name)  # whoever looks for __wrapped__ and the like
        return ROWS[name]


rows: Any = _Rows()


def means(*names: str) -> Callable[[Any], Any]:
    """Enter the definition of functions, by dotted name, and of methods, `.name`."""

    def enter(function: Any) -> Any:
        DEFINITIONS.update(dict.fromkeys(names, function))
        return function

    return enter


def fixed(function: Any) -> Any:
    """Mark a function that is run while compiling: it needs values, and gives one."""
    FIXED.add(function)
    return function


def of_object(function: Any) -> list[Any]:
    """Return what a method of SciPy, or an object called, means, and that object."""
    if hasattr(function, "__qualname__"):
        name = f"{function.__module__}.{function.__qualname__}"
        return [DEFINITIONS[name]] if name in DEFINITIONS else []
    kinds = [f"{c.__module__}.{c.__name__}.__call__" for c in type(function).__mro__]
    return [x for k in kinds if k in DEFINITIONS for x in (DEFINITIONS[k], function)][
        :2
    ]


def typed(x, dtype, python=False):
    """Return numbers in a dtype, None for the one they have; or Python's own."""


def viewed(row, x, *args, **attrs):
    """Return a view that may only be read, made by a row; NumPy's may be `writable`."""


def kind(x):
    """Return the name of the dtype of numbers."""


def is_python(x):
    """Tell Python's own numbers from those of NumPy."""


def is_fixed(x):
    """Tell whether a value is known while compiling."""


def is_point(x):
    """Tell an array of rank 0 from a number."""


def is_one(x, axis):
    """Tell whether an axis has length one; it is found out where it is not known."""


def turned(x, axes):
    """Return an array with its axes in another order."""


def new_deque(maxlen):
    """Return an empty deque."""


def new_dict(cls, factory):
    """Return an empty dict of a class; a factory makes what is not there."""


def made_of(cls, **fields):
    """Return an object of a class that has these fields."""


def sets_change():
    """Tell whether sets are lists, for what is refused otherwise."""


def same(n, m, what):
    """Raise ValueError unless two lengths are the same."""


def alone(x):
    """Refuse what holds one thing that can change, or may, at two places."""


def zipped(*iterables):
    """Return what `zip` does."""


def added(a, index, x):
    """Add to places of an array, to one that is named several times each time."""


def parted(items):
    """Return the first item, and what a loop runs over without it."""


def numbered(count, item, *parts):
    """Return what gives so many items of some parts, once, `item(k)` for each."""


def count_of(iterable):
    """Return how many items there are."""


def nth(iterable, k):
    """Return the item of a number."""


@fixed
def refused(what, *helps):
    """Refuse a call."""
    raise Unsupported(what, *helps)


_DTYPES = "float64 float32 int64 int32 bool complex128 complex64".split()


@fixed
def name_of(dtype, otherwise=None):
    """Return the name of a dtype argument."""
    if dtype is None:
        return otherwise
    name = str(np.dtype(dtype))
    if name not in _DTYPES:
        raise Unsupported(f"dtype {name} is not supported")
    return name


def lengths(shape):
    return shape if isinstance(shape, (tuple, list)) else (shape,)


# arrays of one value, and of evenly spaced ones


def _filled(row, number, shape, dtype):
    if not lengths(shape):
        return np.array(number, dtype)
    return row(*lengths(shape), dtype=name_of(dtype, "float64"))


def _alike(row, number, a, dtype):
    if not np.ndim(a):
        return np.array(number, name_of(dtype, kind(a)))
    return row(a, dtype=name_of(dtype, kind(a)))


@means("numpy.zeros")
def zeros(shape, dtype=float):
    return _filled(rows.zeros, 0.0, shape, dtype)


@means("numpy.ones")
def ones(shape, dtype=float):
    return _filled(rows.ones, 1.0, shape, dtype)


@means("numpy.empty")
def empty(shape, dtype=float):
    return _filled(rows.empty, 0.0, shape, dtype)


@means("numpy.zeros_like")
def zeros_like(a, dtype=None):
    return _alike(rows.zeros_like, 0.0, a, dtype)


@means("numpy.ones_like")
def ones_like(a, dtype=None):
    return _alike(rows.ones_like, 1.0, a, dtype)


@means("numpy.empty_like")
def empty_like(prototype, dtype=None):
    return _alike(rows.empty_like, 0.0, prototype, dtype)


@means("numpy.full")
def full(shape, fill_value, dtype=None):
    same = dtype is None or kind(fill_value) == name_of(dtype)
    value = fill_value if same else typed(fill_value, dtype)
    if not lengths(shape):
        return np.array(value)
    if np.ndim(value):
        return rows.broadcast_to(value, *lengths(shape))
    return rows.full(value, *lengths(shape))


@means("numpy.full_like")
def full_like(a, fill_value, dtype=None):
    if np.ndim(a) < 2:
        return np.full(np.shape(a), fill_value, name_of(dtype, kind(a)))
    out = np.empty_like(a, dtype)
    out[...] = fill_value
    return out


@means("numpy.arange")
def arange(start=None, stop=None, step=1, dtype=None):
    if stop is None:
        return np.arange(0, start, step, dtype)
    first = 0 if start is None else start
    return rows.arange(first, stop, step, dtype=name_of(dtype))


@means("numpy.linspace")
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None):
    made = rows.linspace(start, stop, num, endpoint=endpoint, dtype=name_of(dtype))
    parts = num - 1 if endpoint else num
    return (made, (stop * 1.0 - start * 1.0) / np.int64(parts)) if retstep else made


@means("numpy.eye")
def eye(N, M=None, k=0, dtype=float):
    if M is None:
        return rows.eye(N, k=k, dtype=name_of(dtype, "float64"))
    return rows.eye(N, M, k=k, dtype=name_of(dtype, "float64"))


@means("numpy.identity")
def identity(n, dtype=None):
    return rows.eye(n, dtype=name_of(dtype, "float64"))


@means(".astype", "numpy.astype")
def astype(a, dtype, copy=True):
    if not np.ndim(a) or kind(a) != name_of(dtype):
        return typed(a, dtype)
    return rows.copy(a) if copy else a


def own(x):
    """Return a number as Python's own of its kind."""
    if kind(x) in ("complex64", "complex128"):
        return complex(x)
    if kind(x) in ("float32", "float64"):
        return float(x)
    return bool(x) if kind(x) == "bool" else int(x)


@means(".item")
def item(a, *args):
    if not args and np.size(a) != 1:
        raise ValueError
    index = (0,) * np.ndim(a) if not args else args
    array = np.ravel(a) if len(args) == 1 and np.ndim(a) > 1 else a
    return own(array[index])


@means("numpy.size")
def size(a, axis=None):
    return np.asarray(a).size if axis is None else np.shape(a)[axis]


# other shapes


@means("numpy.shape")
def shape_of(a):
    return np.asarray(a).shape if np.ndim(a) else ()


@means("numpy.squeeze", ".squeeze")
def squeeze(a, axis=None):
    if axis is None and np.isscalar(a):
        return typed(a, kind(a))
    x = np.asarray(a)
    axes = range(np.ndim(a)) if axis is None else ()
    ones = [k for k in axes if is_one(x, k)]
    drop = ones if axis is None else axes_of(axis, np.ndim(a))
    for k in drop:
        same(x.shape[k], 1, "cannot squeeze an axis whose length is not one")
    return x[(*subscript(np.ndim(a), drop, 0), ...)]


@means("numpy.reshape")
def reshape(a, shape, order="C"):
    x = np.asarray(a) if np.ndim(a) else a
    if order == "F":  # the last axis first, as of the transpose
        return np.transpose(np.reshape(np.transpose(x), [*lengths(shape)][::-1]))
    return x.reshape(shape, order=order)


@means("numpy.ravel", ".ravel")
def ravel(a, order="C"):
    return np.reshape(a, -1, order)


@means(".flatten")
def flatten(a, order="C"):
    return rows.copy(a, via="method").ravel(order)


@fixed
def axes_of(axis, rank):
    """Return the axes meant, none of them negative; None means all."""
    if axis is None:
        return tuple(range(rank))
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    for k in axes:
        if not -rank <= k < rank:
            what = f"axis {k} is out of bounds for an array of rank {rank}"
            raise ValueError(what)
    return tuple(k % rank for k in axes)


@fixed
def moved(rank, source, destination):
    """Return the order of axes that takes some of them to new places."""
    sources, places = axes_of(source, rank), axes_of(destination, rank)
    order = [k for k in range(rank) if k not in sources]
    for place, axis in sorted(zip(places, sources, strict=True)):
        order.insert(place, axis)
    return tuple(order)


@means("numpy.transpose")
def transpose(a, axes=None):
    return turned(np.asarray(a), order_of(axes, np.ndim(a))) if np.ndim(a) else a


@means(".transpose")
def transpose_method(a, *axes):
    return np.transpose(a, axes[0] if len(axes) == 1 else axes)


@fixed
def order_of(axes, rank):
    """Return the order of axes that is meant; nothing turns them all around."""
    return axes_of(axes, rank) if axes else tuple(reversed(range(rank)))


@fixed
def swapped(rank, first, second):
    order = list(range(rank))
    order[first], order[second] = order[second], order[first]
    return tuple(order)


@means("numpy.swapaxes", ".swapaxes")
def swapaxes(a, axis1, axis2):
    return np.transpose(a, swapped(np.ndim(a), axis1, axis2))


@means("numpy.moveaxis")
def moveaxis(a, source, destination):
    return np.transpose(a, moved(np.ndim(a), source, destination))


@fixed
def subscript(rank, axes, chosen, other=slice(None)):
    """Return a subscript that takes `chosen` at some axes."""
    return tuple(chosen if k in axes else other for k in range(rank))


@fixed
def width(axis):
    return len(axis) if isinstance(axis, tuple) else 1


@means("numpy.expand_dims")
def expand_dims(a, axis):
    rank = np.ndim(a) + width(axis)
    return np.asarray(a)[subscript(rank, axes_of(axis, rank), None)]


@means("numpy.broadcast_to")
def broadcast_to(array, shape):
    if is_point(array):
        return np.broadcast_to(np.reshape(array, 1), shape)
    if not np.ndim(array):
        return rows.full(array, *lengths(shape)) if lengths(shape) else np.array(array)
    return viewed(rows.broadcast_to, np.asarray(array), *lengths(shape))


@means("numpy.diag")
def diag(v, k=0):
    if np.ndim(v) == 2:
        return viewed(rows.diag, np.asarray(v), k=k)
    return rows.diag(v, k=k)


@means("numpy.diagonal", ".diagonal")
def diagonal(a, offset=0):
    return viewed(rows.diagonal, np.asarray(a), offset=offset)


@means("numpy.atleast_1d")
def atleast_1d(*arys):
    if len(arys) > 1:
        return (*[np.atleast_1d(a) for a in arys],)
    return np.asarray(arys[0]) if np.ndim(arys[0]) else np.reshape(arys[0], 1)


@means("numpy.atleast_2d")
def atleast_2d(*arys):
    if len(arys) > 1:
        return (*[np.atleast_2d(a) for a in arys],)
    a = arys[0]
    return np.asarray(a) if np.ndim(a) > 1 else np.atleast_1d(a)[None]


# turned around, repeated, put together


BACKWARD = slice(None, None, -1)


@means("numpy.flip")
def flip(m, axis=None):
    rank = np.ndim(m)
    return np.asarray(m)[subscript(rank, axes_of(axis, rank), BACKWARD)]


@means("numpy.flipud")
def flipud(m):
    return np.asarray(m)[::-1]


@means("numpy.fliplr")
def fliplr(m):
    return np.asarray(m)[:, ::-1]


@means("numpy.roll")
def roll(a, shift, axis=None):
    if not isinstance(shift, tuple):
        # Back it is rolled by -shift, which a small dtype may not hold.
        by = shift if kind(shift) == "int64" or np.ndim(shift) else int(shift)
        return rows.roll(np.asarray(a), by, axis=axis)
    if axis is None or len(shift) != width(axis):
        return refused("one shift for each axis is known here")
    out = a
    for by, k in zip(shift, axis, strict=False):
        out = np.roll(out, by, k)
    return out


@means("numpy.repeat", ".repeat")
def repeat(a, repeats, axis=None):
    x, k = np.ravel(a) if axis is None else np.asarray(a), 0 if axis is None else axis
    if not np.ndim(repeats):
        return rows.repeat(x, repeats, axis=k)
    counts = np.asarray(repeats)
    same(len(counts), x.shape[k], "`repeats` and the array differ in length")
    if np.any(counts < 0):
        raise ValueError
    places = np.arange(np.sum(counts))
    return np.take(x, np.searchsorted(np.cumsum(counts), places, "right"), axis=k)


@means("numpy.tile")
def tile(A, reps):
    return rows.tile(np.atleast_1d(A), reps=lengths(reps))


# selected, rounded, multiplied


@means("numpy.where")
def where(condition, x=None, y=None):
    if x is None or y is None:
        return np.nonzero(condition)
    return rows.where(_mask(condition), x, y, via="np")


def _mask(x):
    return x if kind(x) == "bool" else rows.truth(x)


@means("numpy.clip")
def clip(a, a_min=None, a_max=None, *, min=None, max=None):
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    if kind(a) not in ("float64", "float32") and (low is None or high is None):
        return np.minimum(a, high) if low is None else np.maximum(a, low)
    least = -math.inf if low is None else low
    return rows.clip(a, least, math.inf if high is None else high, via="np")


@means(".clip")
def clip_method(a, min=None, max=None):
    return np.clip(a, min, max)


@means("numpy.round", "numpy.around", ".round")
def round_array(a, decimals=0):
    if decimals == 0:
        return rows.rint(a, via="np")
    if decimals < 0:
        return rows.rint(a / 10.0**-decimals, via="np") * 10.0**-decimals
    return rows.rint(a * 10.0**decimals, via="np") / 10.0**decimals


@means("builtins.round")
def round_number(number, ndigits=None):
    if ndigits is not None and is_python(number) and kind(number) == "float64":
        return rows.round_to(number, ndigits)
    if ndigits is not None:
        return round_array(number, ndigits)
    if kind(number) in ("float64", "float32"):
        number = rows.rint(number, via="np")
    return rows.to_int(number)


@means("numpy.dot", ".dot")
def dot(a, b):
    if not np.ndim(a) or not np.ndim(b):
        return a * b
    if np.ndim(b) < 3:
        return rows.matmul(a, b, via="dot")
    x, y = np.asarray(a), np.asarray(b)
    columns = np.moveaxis(y, -2, 0).reshape(y.shape[-2], -1)
    pairs = (x.reshape(-1, y.shape[-2]) if np.ndim(x) > 1 else x) @ columns
    return pairs.reshape(x.shape[:-1] + y.shape[:-2] + y.shape[-1:])


@means("numpy.outer")
def outer(a, b):
    return rows.outer(np.ravel(a), np.ravel(b))


@means(".fill")
def fill(a, value):
    a[...] = value


@means("numpy.float64")
def float64(x=0.0):
    return typed(x, "float64")


@means("numpy.float32")
def float32(x=0.0):
    return typed(x, "float32")


@means("numpy.int64")
def int64(x=0):
    return typed(int(x), "int64")
