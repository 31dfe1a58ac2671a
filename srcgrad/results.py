"""What goes into generated code and what comes out: leaves, directions, gradients."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from srcgrad.runtime.readable import keep_layout
from srcgrad.trees import POINT, Node, Tree, closed, relabel, tree_map


def ready(value: Any, kernel: bool) -> Any:
    """Return a leaf as generated code takes it; kernels work on C order."""
    if not isinstance(value, np.ndarray):
        own = isinstance(value, np.generic | np.random.Generator)
        if not kernel or own or type(value) in (int, float, complex):
            return value
        return float(value) if isinstance(value, float) else int(value)
    if not value.ndim:
        value = value.reshape(1)  # arrays of rank 0 are held by one element
    if value.dtype.isnative and (value.flags.carray or not kernel):
        return value if kernel else np.asarray(value)  # a memmap's zeros are none
    native = np.ascontiguousarray(value, value.dtype.newbyteorder("="))
    return native if native.flags.carray else native.copy()


def clashes(values: Sequence[Any], written: Sequence[int]) -> list[tuple[int, int]]:
    """Return the places of written values, each with that of one it shares memory with.

    >>> from numpy.lib.stride_tricks import as_strided
    >>> x = np.zeros(4)
    >>> clashes([x, x[1:], as_strided(x, (9,), (0,))], [0])
    [(0, 1), (0, 2)]
    >>> clashes([1.0, as_strided(x, (9,), (0,))], [1])
    [(1, 1)]
    """
    others = [(k, n) for k in written for n in range(len(values)) if n != k]
    found = [(k, n) for k, n in others if touches(values[k], [values[n]])]
    return found + [(k, k) for k in written if folds(values[k])]


def own(values: Iterable[Any], others: Sequence[Any]) -> list[Any]:
    """Return values, copied where they may share memory with others."""
    return [tree_copy(x) if touches(x, others) else x for x in values]


def touches(value: Any, others: Iterable[Any]) -> bool:
    """Tell whether an array may share memory with others; numbers never do."""
    return isinstance(value, np.ndarray) and any(
        isinstance(x, np.ndarray) and np.may_share_memory(value, x) for x in others
    )


def folds(value: Any) -> bool:
    """Tell whether an array that can be written has more elements than memory.

    >>> from numpy.lib.stride_tricks import as_strided
    >>> folds(as_strided(np.zeros(1), (2,), (0,))), folds(np.zeros((2, 0)))
    (True, False)
    """
    if not isinstance(value, np.ndarray) or not value.size or not value.flags.writeable:
        return False
    steps = zip(value.shape, value.strides, strict=True)
    room = value.itemsize + sum((n - 1) * abs(step) for n, step in steps)
    return bool(value.nbytes > room)


def states(values: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return the Generators among values, and the state that each is in."""
    found = [x for x in values if isinstance(x, np.random.Generator)]
    return [(x, x.bit_generator.state) for x in found]


def tree_copy(value: Any) -> Any:
    """Return a value with arrays of its own, read-only where the arrays are."""

    def own(leaf: Any) -> Any:
        if isinstance(leaf, np.random.Generator):
            return copy.deepcopy(leaf)
        if not isinstance(leaf, np.ndarray):
            return leaf
        mine = keep_layout(leaf)
        mine.flags.writeable = leaf.flags.writeable
        return mine

    return tree_map(own, value)


def fit(gradient: Any) -> Any:
    """Return an array in C order; NumPy's functions may return views of new ones."""
    if gradient.flags.c_contiguous and not isinstance(gradient.base, np.ndarray):
        return gradient
    return np.array(gradient, order="C")


def result_of(form: Tree, results: Sequence[Any]) -> Any:
    """Return what the user is given, from flat results."""

    def leaf(x: Tree) -> Any:
        if x[0] == "static":
            return x[1].value
        return shaped(x[2], results[x[1]]) if len(x) > 2 else results[x[1]]

    return relabel(form, leaf, closed)


def shaped(mark: Any, value: Any) -> Any:
    """Return a result as what the mark of a form says that it is outside.

    >>> from srcgrad.trees import Lists
    >>> shaped(Lists((1,), True), np.array([[1.0, 2.0]]))
    [array([1.]), array([2.])]
    """
    if mark == POINT:
        return point(value)
    front = np.moveaxis(value, mark.axes, range(len(mark.axes)))
    return _listed(front, len(mark.axes), mark.python)


def _listed(array: Any, axes: int, python: bool) -> Any:
    """Return an array whose leading axes are lists; its rows have their own memory."""
    if python and axes == array.ndim:
        return array.tolist()
    return [_listed(x, axes - 1, python) for x in array] if axes else array.copy()


def point(value: Any) -> Any:
    """Return a number, or the one element of an array, as an array of rank 0."""
    return np.array(np.reshape(value, ()))


def direction(kind: str, value: Any, dtype: str, shape: tuple[int, ...]) -> Any:
    """Return a tangent or cotangent in this dtype and shape; None is zero."""
    if value is None:
        return np.zeros(shape, dtype)[()]
    if np.iscomplexobj(value) and np.dtype(dtype).kind != "c":
        raise ValueError(f"a {kind} is complex, {dtype} belongs here")
    try:
        if np.asarray(value).dtype == object:  # None may stand for single numbers, too
            value = np.where(np.equal(value, np.array(None)), 0, value)
        given = np.asarray(value, dtype)
    except (TypeError, ValueError):
        raise ValueError(f"a {kind} is a {type(value).__name__}, no number") from None
    if given.shape != shape:
        raise ValueError(f"a {kind} has shape {given.shape}, {shape} belongs here")
    return np.ascontiguousarray(given) if shape else given[()]


def shown(spec: Tree) -> str:
    """Return the kind of an argument as text.

    >>> from srcgrad.trees import spec_of
    >>> shown(spec_of({"x": np.ones((1, 3)), "n": 2}))
    '{x: float64[1, :], n: int64}'
    """
    match spec:
        case Node():
            pairs = zip(spec.keys, spec.items, strict=True)
            return f"{{{', '.join(f'{key}: {shown(item)}' for key, item in pairs)}}}"
        case ("array", dtype, ones, *_):
            return f"{dtype}[{', '.join('1' if n else ':' for n in ones)}]"
        case ("table", dtype, known, _):
            return f"list of {dtype}[{', '.join(str(n or ':') for n in known)}]"
        case ("scalar", dtype, _):
            return str(dtype)
    return repr(spec[1].value)
