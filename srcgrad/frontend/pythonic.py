"""Python's own functions that name and build things: len, range, isinstance ..."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.builder import const
from srcgrad.frontend import build, calls, expressions, indexing, iteration
from srcgrad.frontend import values as v
from srcgrad.frontend.library import HANDLERS, Handler, handles
from srcgrad.frontend.state import kinds
from srcgrad.frontend.values import Ref, Static, Thing
from srcgrad.ir import Const, Value

NONE = Static(None)
_PYTHON = {"float64": float, "int64": int, "bool": bool}


def _iterable(make: Callable[..., Any], once: bool = True) -> Handler:
    """Return what notes that a function is called whose result is looped over."""

    @functools.wraps(make)
    def noted(reader: build.Reader, *parts: Thing) -> Thing:
        left = v.Cell("") if once else None
        reader.state.heap.update({left: ()} if left else {})
        return v.Iter(make, parts, left)

    return noted


def _number(kind: type) -> Handler:
    """Return what makes a number of Python's own of a number or a text."""

    def made(reader: build.Reader, x: Any = 0, /) -> Thing:
        if isinstance(x, Static) and isinstance(x.value, str):
            return const(kind(x.value))
        what = "only an array of one element is a number"
        operand = reader.operand(indexing.single(reader, x, what))
        if kind is int and operand.type.dtype.startswith("float"):
            return reader.thing(reader.build.op("to_int", operand))
        return reader.build.cast(operand, f"{kind.__name__}64", True)

    return made


def _bool(reader: build.Reader, x: Thing, python: bool) -> Thing:
    """Return a truth value of Python's own, or of NumPy's: they differ in a sum."""
    return reader.build.cast(expressions.truth(reader, x), "bool", python)


HANDLERS |= {
    "builtins.range": _iterable(iteration.numbers, once=False),
    "builtins.reversed": _iterable(iteration.backward),
    "builtins.enumerate": _iterable(iteration.counted),
    "srcgrad.ops.prelude.zipped": _iterable(iteration.side_by_side),
    "srcgrad.ops.prelude.parted": lambda reader, items: iteration.parted(reader, items),
    "builtins.len": lambda reader, obj, /: calls.length(reader, obj),
    "builtins.float": _number(float),
    "builtins.int": _number(int),
    "builtins.bool": lambda reader, x, /: _bool(reader, x, True),
    "numpy.bool_": lambda reader, x, /: _bool(reader, x, False),
}


@handles("builtins.print")
def _print(reader: build.Reader, *args: Thing, **how: Thing) -> Thing:
    reader.effects = True
    return NONE


@handles("builtins.type")
def _type(reader: build.Reader, obj: Thing, /) -> Thing:
    match obj:
        case Const() | Value() if len(kinds(reader, obj)) > 1:
            raise reader.problem("SG402", "the type of this number depends on the path")
        case Const() | Value() if obj.type.python:
            return Static(_PYTHON[obj.type.dtype])
        case Const() | Value():
            return Static(np.dtype(obj.type.dtype).type)
        case Ref():
            return Static(list if v.list_axes(obj) else np.ndarray)
        case v.Tuple():
            return Static(obj.cls or tuple)
        case v.Cell():
            return Static(obj.cls)
        case Static():
            return Static(type(obj.value))
    return Static(object)


@handles("builtins.slice")
def _slice(reader: build.Reader, *parts: Thing) -> Thing:
    start, stop, *step = parts if len(parts) > 1 else (NONE, *parts)
    return v.SliceValue(start, stop, *(step or (NONE,)))
