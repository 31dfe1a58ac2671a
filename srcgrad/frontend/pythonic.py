"""Python's own functions that name and build things: len, range, int, isinstance ..."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from srcgrad.builder import const
from srcgrad.frontend import build, calls, expressions, indexing, iteration
from srcgrad.frontend import values as v
from srcgrad.frontend.library import cast, handles
from srcgrad.frontend.values import Ref, Static, Thing
from srcgrad.ir import Const, Operand, Value
from srcgrad.types import Array

NONE = Static(None)
_PYTHON = {"float64": float, "int64": int, "bool": bool}


@handles("builtins.len")
def _len(reader: build.Reader, obj: Thing, /) -> Thing:
    return calls.length(reader, obj)


@handles("builtins.range")
def _range(reader: build.Reader, *args: Thing) -> Thing:
    parts = [reader.operand(a) for a in args]
    if any(part.type.dtype.startswith("float") for part in parts):
        raise reader.problem(
            "SG402", "`range` needs integers, not floats",
            "write `range(int(...))`",
        )  # fmt: skip
    start, stop, *step = parts if len(parts) > 1 else (const(0), *parts)
    return v.Iter("range", (start, stop, *(step or (const(1),))))


@handles("builtins.enumerate")
def _enumerate(reader: build.Reader, iterable: Thing, start: Any = 0) -> Thing:
    return v.Iter("enumerate", (iterable, start))


@handles("builtins.zip")
def _zip(reader: build.Reader, *iterables: Thing, strict: Any = False) -> Thing:
    if calls.static(reader, strict):
        lengths = [iteration.sequence(reader, x).count for x in iterables]
        for other in lengths[1:]:
            pair = reader.build.dim(lengths[0]), reader.build.dim(other)
            reader.build.same(*pair, "zip() arguments differ in length")
    return v.Iter("zip", iterables)


@handles("builtins.reversed")
def _reversed(reader: build.Reader, sequence: Thing, /) -> Thing:
    return v.Iter("reversed", (sequence,))


@handles("builtins.float")
def _float(reader: build.Reader, x: Any = 0.0, /) -> Thing:
    if isinstance(x, Static) and isinstance(x.value, str):
        return const(float(x.value))
    return cast(reader, _single(reader, x), "float64", python=True)


@handles("builtins.int")
def _int(reader: build.Reader, x: Any = 0, /) -> Thing:
    if isinstance(x, Static) and isinstance(x.value, str):
        return const(int(x.value))
    operand = _single(reader, x)
    if operand.type.dtype.startswith("float"):
        return reader.thing(reader.build.op("to_int", operand))
    return cast(reader, operand, "int64", python=True)


def _single(reader: build.Reader, thing: Thing) -> Operand:
    """Return a number, or the only element of an array."""
    if not isinstance(thing, Ref) or not thing.type.rank:
        return reader.operand(thing)
    assert isinstance(thing.type, Array)
    if any(d.known != 1 for d in thing.type.dims):
        raise reader.problem("SG402", "only an array of one element is a number")
    path = (*thing.path, indexing.first(thing.type))
    return reader.build.read(reader.version(thing.root), path)


@handles("builtins.bool", "numpy.bool_")
def _bool(reader: build.Reader, x: Thing, /) -> Thing:
    return expressions.truth(reader, x)


@handles("builtins.print")
def _print(reader: build.Reader, *args: Thing, **how: Thing) -> Thing:
    reader.effects = True
    return NONE


def _class_of(reader: build.Reader, thing: Thing) -> type:
    match thing:
        case Const() | Value() if thing.type.python:
            return _PYTHON[thing.type.dtype]
        case Const() | Value():
            return np.dtype(thing.type.dtype).type
        case Ref():
            return list if v.list_axes(thing) else np.ndarray
        case v.Tuple():
            return thing.cls or tuple
        case v.Record():
            return thing.cls
        case v.Cell():
            return list if isinstance(thing, v.ListCell) else dict
        case Static():
            return type(thing.value)
    return object


@handles("builtins.isinstance")
def _isinstance(reader: build.Reader, obj: Thing, classes: Thing, /) -> Thing:
    return const(issubclass(_class_of(reader, obj), calls.static(reader, classes)))


@handles("builtins.type")
def _type(reader: build.Reader, obj: Thing, /) -> Thing:
    return Static(_class_of(reader, obj))


@handles("builtins.list", "builtins.tuple")
def _list(reader: build.Reader, items: Any = None, /) -> Thing:
    given = [] if items == NONE else calls.items_of(reader, items)
    return expressions.new_list(reader, given)


@handles("builtins.dict")
def _dict(reader: build.Reader, *start: Thing, **items: Thing) -> Thing:
    cell = v.DictCell("")
    first = reader.state.heap[start[0]] if start else {}  # type: ignore[index]
    reader.state.heap[cell] = {**first, **items}
    return cell


@handles("builtins.slice")
def _slice(reader: build.Reader, *parts: Thing) -> Thing:
    start, stop, *step = parts if len(parts) > 1 else (NONE, *parts)
    return v.SliceValue(start, stop, *(step or (NONE,)))


@handles("functools.reduce")
def _reduce(
    reader: build.Reader, function: Thing, iterable: Thing,
    initial: Any = None, /,
) -> Thing:  # fmt: skip
    """Combine the items of something one after the other."""
    items = iteration.sequence(reader, iterable)
    skip = int(initial == NONE)
    total: Thing = items.item(const(0)) if skip else initial

    def step(total: Thing, item: Thing) -> Thing:
        with reader.holding(iterable):
            return calls.apply(reader, function, [total, item], {})

    if items.fixed or (isinstance(items.count, Const) and items.count.value <= 4):
        assert isinstance(items.count, Const)
        for k in range(skip, int(items.count.value)):
            total = step(total, items.item(const(k)))
        return total
    name, item = f".fold{len(reader.held)}", f".item{len(reader.held)}"
    reader.state.names[name] = total
    if skip:
        items.bounds, whole = (const(1), items.count, const(1)), items.item
        items.item = whole

    def body() -> None:
        value = reader.state.names[item]
        if skip:
            assert isinstance(value, Const | Value)
            value = items.item(value)
        reader.state.names[name] = step(reader.state.names[name], value)

    live = frozenset(reader.state.names) | {name}
    iteration.run_items(
        reader, items, iterable, ast.Name(item, ast.Store()), body, frozenset({name}),
        live,
    )  # fmt: skip
    reader.state.names.pop(item, None)
    return reader.state.names.pop(name)
