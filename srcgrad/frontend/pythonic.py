"""Python's own functions: len, range, sum, min, max, int, float, isinstance ..."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import calls, expressions
from srcgrad.frontend.iteration import run_items, sequence
from srcgrad.frontend.library import cast, handles, method_handles
from srcgrad.frontend.state import convert
from srcgrad.frontend.values import (
    Cell,
    DictCell,
    Iter,
    ListCell,
    Record,
    Ref,
    Static,
    Thing,
    Tuple,
    is_operand,
)
from srcgrad.ir import Const, Operand
from srcgrad.types import Array, Scalar, join

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["fold"]

Args = list[Thing]
Kwargs = dict[str, Thing]


@handles("builtins.len", takes="obj")
def _len(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return calls.length(reader, args[0], node)


@handles("builtins.range")
def _range(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    parts = [reader.operand(a, node) for a in args]
    for part in parts:
        if part.type.dtype.startswith("float"):
            raise reader.problem(
                "SG402", "`range` needs integers, not floats", node,
                helps=("write `range(int(...))`",),
            )  # fmt: skip
    full: dict[int, Callable[[], tuple[Operand, ...]]] = {
        1: lambda: (const(0), parts[0], const(1)),
        2: lambda: (parts[0], parts[1], const(1)),
        3: lambda: (parts[0], parts[1], parts[2]),
    }
    return Iter("range", full[len(parts)]())


@handles("builtins.enumerate", takes="iterable start=")
def _enumerate(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    start = kwargs.get("start", const(0))
    return Iter("enumerate", (args[0], start))


@handles("builtins.zip")
def _zip(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return Iter("zip", tuple(args))


@handles("builtins.reversed", takes="sequence")
def _reversed(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return Iter("reversed", (args[0],))


def _number(
    reader: Reader, args: Args, node: ast.AST, dtype: str, row: str | None = None
) -> Thing:
    if not args:
        return const({"float64": 0.0, "int64": 0}[dtype])
    if isinstance(args[0], Static) and isinstance(args[0].value, str):
        made: Any = {"float64": float, "int64": int}[dtype](args[0].value)
        return const(made)
    operand = _single(reader, args[0], node)
    if isinstance(operand, Const):
        return const(float(operand.value) if dtype == "float64" else int(operand.value))
    if row is not None and operand.type.dtype.startswith("float"):
        out: Operand = reader.build.op(row, operand)
        return out
    return cast(reader, operand, dtype, python=True)


def _single(reader: Reader, thing: Thing, node: ast.AST) -> Operand:
    """Return a number, or the only element of an array."""
    from srcgrad.frontend.indexing import first

    if isinstance(thing, Ref) and thing.type.rank:
        assert isinstance(thing.type, Array)
        if all(d.known == 1 for d in thing.type.dims):
            path = (*thing.path, first(thing.type))
            return reader.build.read(reader.version(thing.root), path)
        raise reader.problem("SG402", "only an array of one element is a number", node)
    return reader.operand(thing, node)


@handles("builtins.float", "numpy.float64", takes="x=")
def _float(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return _number(reader, args, node, "float64")


@handles("builtins.int", "numpy.int64", takes="x=")
def _int(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return _number(reader, args, node, "int64", "to_int")


@handles("numpy.float32", takes="x")
def _float32(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return reader.thing(cast(reader, reader.operand(args[0], node), "float32"))


@handles("builtins.bool", "numpy.bool_", takes="x")
def _bool(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return expressions.truth(reader, args[0], node)


@handles("builtins.round", takes="number ndigits=")
@handles("numpy.round", "numpy.around", takes="a decimals=")
@method_handles("round", takes="a decimals=")
def _round(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    digits = args[1] if len(args) > 1 else None
    operand = reader.operand(args[0], node)
    if digits is None or digits == Static(None) or digits == const(0):
        rounded = reader.build.op("rint", operand, via="np")
        if digits is None and operand.type.python:
            return cast(reader, rounded, "int64", python=True)
        return reader.thing(rounded)
    scale = const(10.0 ** calls.static(reader, digits, node))
    scaled = reader.build.op("rint", reader.build.op("mul", operand, scale), via="np")
    return reader.thing(reader.build.op("div", scaled, scale))


@handles("builtins.pow", "math.pow", takes="base exp")
def _pow(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return expressions.binary(reader, ast.Pow(), args[0], args[1], node)


@handles("builtins.divmod", takes="x y")
def _divmod(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    return Tuple((
        expressions.binary(reader, ast.FloorDiv(), args[0], args[1], node),
        expressions.binary(reader, ast.Mod(), args[0], args[1], node),
    ))  # fmt: skip


@handles("builtins.print")
def _print(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    reader.effects = True
    return Static(None)


@handles("builtins.isinstance", takes="obj classes")
def _isinstance(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    import numpy as np

    classes = calls.static(reader, args[1], node)
    classes = classes if isinstance(classes, tuple) else (classes,)
    thing = args[0]
    kinds: tuple[type, ...]
    if is_operand(thing):
        type_: Scalar = thing.type  # type: ignore[union-attr, assignment]
        python = {"float64": float, "int64": int, "bool": bool}
        kinds = (
            (python[type_.dtype],) if type_.python else (np.dtype(type_.dtype).type,)
        )
    elif isinstance(thing, Ref):
        kinds = (list,) if thing.root.listlike else (np.ndarray,)
    elif isinstance(thing, Tuple):
        kinds = (thing.cls or tuple,)
    elif isinstance(thing, Record):
        kinds = (thing.cls,)
    elif isinstance(thing, ListCell | DictCell):
        kinds = (list,) if isinstance(thing, ListCell) else (dict,)
    elif isinstance(thing, Static):
        kinds = (type(thing.value),)
    else:
        kinds = (object,)
    return const(issubclass(kinds[0], classes))


@handles("builtins.list", "builtins.tuple", takes="iterable=")
def _list(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if not args:
        return expressions.new_list(reader, [])
    return expressions.new_list(reader, calls.items_of(reader, args[0], node))


@handles("builtins.dict")
def _dict(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    cell = DictCell("")
    start = dict(reader.state.heap[args[0]]) if args else {}  # type: ignore[index]
    reader.state.heap[cell] = {**start, **kwargs}
    return cell


@handles("builtins.slice")
def _slice(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    from srcgrad.frontend.values import SliceValue

    none = Static(None)
    parts = {1: (none, *args, none), 2: (*args, none), 3: tuple(args)}[len(args)]
    return SliceValue(*parts)


Step = Callable[[Thing, Thing], Thing]


def fold(
    reader: Reader, over: Thing, start: Thing | None, step: Step, node: ast.AST
) -> Thing:
    """Combine the items of something one after the other, as Python's `sum` does."""
    items = sequence(reader, over, node)
    skip = 0 if start is not None else 1
    total = start if start is not None else items.item(const(0))
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
            assert is_operand(value)
            value = items.item(value)  # type: ignore[arg-type]
        reader.state.names[name] = step(reader.state.names[name], value)

    target = ast.Name(item, ast.Store())
    live = frozenset(reader.state.names) | {name}
    run_items(reader, items, over, target, body, frozenset({name}), live)
    reader.state.names.pop(item, None)
    return reader.state.names.pop(name)


@handles("builtins.sum", "math.fsum", takes="iterable start=")
def _sum(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    start = kwargs.get("start", const(0))

    def step(total: Thing, item: Thing) -> Thing:
        if total == const(0) and total is start:
            return item
        return expressions.binary(reader, ast.Add(), total, item, node)

    return fold(reader, args[0], start, step, node)


def _extreme(row: str) -> Callable[..., Thing]:
    def handler(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        for key in kwargs:
            raise reader.problem("SG202", f"`{key}` is not known here", node)

        def step(a: Thing, b: Thing) -> Thing:
            x, y = reader.operand(a, node), reader.operand(b, node)
            if isinstance(x, Const) and isinstance(y, Const):
                better = y.value > x.value if row == "max2" else y.value < x.value
                return y if better else x
            if isinstance(x.type, Scalar) and isinstance(y.type, Scalar):
                type_ = join(x.type, y.type)
                x = convert(reader.build, x, type_)
                y = convert(reader.build, y, type_)
            out: Operand = reader.build.op(row, x, y)
            return out

        if len(args) > 1:
            total = args[0]
            for other in args[1:]:
                total = step(total, other)
            return total
        return fold(reader, args[0], None, step, node)

    return handler


handles("builtins.max")(_extreme("max2"))
handles("builtins.min")(_extreme("min2"))


def _quantifier(row: str, start: bool) -> Callable[..., Thing]:
    def handler(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        def step(total: Thing, item: Thing) -> Thing:
            flag = expressions.truth(reader, item, node)
            if isinstance(flag, Const):
                return total if bool(flag.value) == start else const(not start)
            if isinstance(total, Const):
                return flag if bool(total.value) == start else total
            out: Operand = reader.build.op(row, reader.operand(total), flag)
            return out

        return fold(reader, args[0], const(start), step, node)

    return handler


handles("builtins.any", takes="iterable")(_quantifier("logical_or", False))
handles("builtins.all", takes="iterable")(_quantifier("logical_and", True))


@handles("builtins.type", takes="object")
def _type(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    thing = args[0]
    if isinstance(thing, Record):
        return Static(thing.cls)
    if isinstance(thing, Cell):
        return Static(list if isinstance(thing, ListCell) else dict)
    if is_operand(thing):
        type_ = thing.type  # type: ignore[union-attr]
        return Static({"float64": float, "int64": int, "bool": bool}[type_.dtype])
    raise reader.problem("SG201", "`type` of this is not known", node)


@handles("math.prod", takes="iterable start=")
def _prod(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    start = kwargs.get("start", const(1))

    def step(total: Thing, item: Thing) -> Thing:
        return expressions.binary(reader, ast.Mult(), total, item, node)

    return fold(reader, args[0], start, step, node)
