"""What functions and methods of Python, `math` and NumPy mean to the reader.

Most NumPy functions are rows of the table and need no code here. What has code changes
how things are named (shapes, views), builds containers, or is Python's own.
"""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.errors import suggest
from srcgrad.frontend import calls, expressions
from srcgrad.frontend.values import (
    Cell,
    ListCell,
    Record,
    Ref,
    Static,
    Thing,
    Tuple,
    is_operand,
    is_point,
    kind_of,
)
from srcgrad.ir import Const, Operand
from srcgrad.ops import ROWS, Row, find_method
from srcgrad.types import Array

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["HANDLERS", "apply_row", "handles", "known", "known_names", "method",
           "method_handles"]  # fmt: skip

Handler = Callable[..., Thing]
HANDLERS: dict[str, Handler] = {}
METHODS: dict[str, Handler] = {}
OTHERWISE = "write it with operations that are known, loops included"
_VIEWS = {"diag", "diagonal"}
_MANY_AXES = {"sum", "prod", "max", "min", "mean", "var", "std", "any", "all",
              "count_nonzero", "norm", "linalg.norm"}  # fmt: skip
# Parameters that NumPy has behind `axis`, in its order.
_AFTER_AXIS = {
    **dict.fromkeys(("max", "min", "any", "all", "argmax", "argmin"), ("out",)),
    **dict.fromkeys(("sum", "mean", "prod", "var", "std", "cumsum", "cumprod"),
                    ("dtype", "out")),
}  # fmt: skip


def handles(*names: str, takes: str = "") -> Callable[[Handler], Handler]:
    """Register a handler for functions by dotted name.

    `takes` are the parameters, in order, as `"a|x axis="`: the handler gets arguments
    bound to them, by name in `kwargs` and in `args` as far as there is no gap.
    """

    def register(handler: Handler) -> Handler:
        HANDLERS.update({n: _binding(n, handler, takes) for n in names})
        return handler

    return register


def method_handles(*names: str, takes: str = "") -> Callable[[Handler], Handler]:
    """Register a handler for array methods."""

    def register(handler: Handler) -> Handler:
        METHODS.update({n: _binding(n, handler, takes) for n in names})
        return handler

    return register


def _binding(name: str, handler: Handler, takes: str) -> Handler:
    """Return a handler that is given arguments as its parameters say."""
    if not takes:
        return handler
    params = [p.rstrip("=").split("|") for p in takes.split()]
    least = sum(not p.endswith("=") for p in takes.split())
    known = {other: p[0] for p in params for other in p}

    def bound(
        reader: Reader, args: list[Thing], kwargs: dict[str, Thing], node: ast.AST
    ) -> Thing:
        if len(args) > len(params):
            raise reader.problem("SG202", f"too many arguments for `{name}`", node)
        given = dict(zip((p[0] for p in params), args, strict=False))
        for key, value in kwargs.items():
            if key not in known and isinstance(value, Static):
                if value.value is None or (key, value.value) == ("order", "C"):
                    continue  # as if it were not there
            if key not in known or known[key] in given:
                text = f"`{name}` has no keyword `{key}` that is known here"
                raise reader.problem("SG202", text, node)
            given[known[key]] = value
        full = [*args]
        for first, *_ in params[len(args) :]:
            if first not in given:
                break
            full.append(given[first])
        if len(full) < least:
            text = f"`{name}` misses `{params[len(full)][0]}`"
            raise reader.problem("SG201", text, node)
        return handler(reader, full, given, node)

    return bound


@functools.cache
def _by_identity() -> dict[int, tuple[Any, str, Row | None]]:
    """Return what each known function object is, by its identity."""
    found: dict[int, tuple[Any, str, Row | None]] = {}
    names: Iterable[tuple[str, Row | None]] = [
        *((n, row) for row in ROWS.values() for n in row.callables),
        *((n, None) for n in HANDLERS),
    ]
    for name, row in names:
        module, _, attribute = name.rpartition(".")
        try:
            owner = importlib.import_module(module)
        except ImportError:
            outer, _, inner = module.rpartition(".")
            owner = getattr(importlib.import_module(outer), inner)
        value = getattr(owner, attribute, None)
        if value is not None:
            found[id(value)] = (value, name, row)
    return found


def known_names() -> list[str]:
    """Return the dotted names of all functions that are known."""
    return [name for _, name, _ in _by_identity().values()]


def known(
    reader: Reader, function: Any, args: list[Thing], kwargs: dict[str, Thing],
    node: ast.AST,
) -> Thing | None:  # fmt: skip
    """Apply a function of the library; None if it is not one."""
    entry = _by_identity().get(id(function))
    if entry is None and getattr(function, "__module__", "") != "math":
        return None
    # Of numbers that are known, any function of `math` is.
    _, name, row = entry or (function, f"math.{function.__name__}", None)
    fixed = [a.value for a in args if isinstance(a, Const)]
    if name.startswith("math.") and len(fixed) == len(args) and not kwargs:
        try:
            return calls.lift(reader, function(*fixed), node)
        except (ValueError, OverflowError) as error:
            return reader.raises(type(error).__name__)
    if name not in ("numpy.array", "numpy.asarray"):
        args = [reader.operand(a) if is_point(a) else a for a in args]
    if name in HANDLERS:
        return HANDLERS[name](reader, args, kwargs, node)
    if row is None:
        return None
    via = {"math": "math", "builtins": "py"}.get(name.split(".")[0], "np")
    return apply_row(reader, row, args, kwargs, node, via)


def apply_row(
    reader: Reader, row: Row, args: list[Thing], kwargs: dict[str, Thing],
    node: ast.AST, via: str,
) -> Thing:  # fmt: skip
    """Apply a row to arguments bound as its signature says."""
    operands = [p for p in row.params if not p.startswith("*")]
    order = [*operands, *row.attrs]
    spot = len(operands) + 1
    order[spot:spot] = _AFTER_AXIS.get(row.name, ())
    if len(args) > len(order) and not row.starred:
        raise reader.problem("SG202", f"too many arguments for `{row.name}`", node)
    bound: dict[str, Thing] = dict(zip(order, args, strict=False))
    for key, value in kwargs.items():
        key = _ALIASES.get(key, key)
        if key == "a" and operands:
            key = operands[0]
        if key not in order or key == "out":
            if isinstance(value, Static) and value.value is None:
                continue
            raise reader.problem(
                "SG202", f"`{row.name}` is known without the keyword `{key}`", node,
                helps=(f"it takes {', '.join(f'`{k}`' for k in order)}",),
            )  # fmt: skip
        bound[key] = value
    missing = [p for p in operands if p not in bound and p not in row.defaults]
    if missing:
        raise reader.problem("SG201", f"`{row.name}` misses `{missing[0]}`", node)
    given = [
        reader.operand(bound.get(p, Static(row.defaults.get(p))), node)
        for p in operands
    ]
    if "out" in bound and bound["out"] != Static(None):
        raise reader.problem("SG202", f"`out` of `{row.name}` is not known", node)
    dtype = dtype_of(reader, bound.get("dtype"), node)
    if dtype is not None and "dtype" not in row.attrs:
        given[0] = cast(reader, given[0], dtype)
    attrs = {k: calls.static(reader, bound[k], node) for k in row.attrs if k in bound}
    if "axis" in row.attrs:
        attrs["axis"] = axis_of(
            reader, attrs.get("axis", row.attrs["axis"]), given[0].type.rank, row, node
        )
    if not given[0].type.rank and row.kind != "elementwise":
        return scalar_row(reader, row, given[0], node)
    if row.name in _VIEWS and given[0].type.rank == 2:
        whole = array_ref(reader, bound["x"], node)
        return reader.remade(whole, lambda x: reader.build.op(row.name, x, **attrs))
    return reader.thing(reader.build.op(row.name, *given, via=via, **attrs))


_ALIASES = {"x1": "x", "x2": "y"}


def scalar_row(reader: Reader, row: Row, x: Operand, node: ast.AST) -> Thing:
    """Apply a reduction to a number: `np.sum(3.0)` is 3.0."""
    if row.name in ("sum", "prod", "max", "min", "mean", "copy"):
        return x
    if row.name in ("any", "all"):
        return expressions.truth(reader, x, node)
    if row.name in ("var", "std"):
        return const(0.0)
    raise reader.problem("SG402", f"`{row.name}` needs an array", node)


def axis_of(reader: Reader, axis: Any, rank: int, row: Row, node: ast.AST) -> Any:
    """Return an axis argument with no negative numbers in it."""
    if axis is None:
        return None
    axes = axis if isinstance(axis, tuple) else (axis,)
    extra = 1 if row.name == "stack" else 0
    for a in axes:
        if not isinstance(a, int) or not -(rank + extra) <= a < rank + extra:
            raise reader.problem(
                "SG402", f"axis {a} is out of bounds for an array of rank {rank}", node
            )
    positive = tuple(a % (rank + extra) for a in axes)
    if len(positive) > 1 and row.name not in _MANY_AXES:
        raise reader.problem("SG205", f"`{row.name}` takes one axis here", node)
    return positive if row.name in _MANY_AXES else positive[0]


def dtype_of(reader: Reader, thing: Thing | None, node: ast.AST) -> str | None:
    """Return the name of a dtype argument, None if there is none."""
    import numpy as np

    if thing is None or (isinstance(thing, Static) and thing.value is None):
        return None
    name = str(np.dtype(calls.static(reader, thing, node)))
    if name not in ("float64", "float32", "int64", "int32", "bool"):
        raise reader.problem("SG205", f"dtype {name} is not supported", node)
    return name


def method(
    reader: Reader, owner: Thing, name: str, args: list[Thing],
    kwargs: dict[str, Thing], node: ast.AST,
) -> Thing:  # fmt: skip
    """Call a method."""
    from srcgrad.frontend import containers

    if isinstance(owner, Record):
        member = getattr(owner.cls, name, None)
        if member is None:
            raise reader.problem(
                "SG203", f"`{owner.cls.__name__}` has no method `{name}`", node
            )
        return calls.inline(reader, member, [owner, *args], kwargs, node)
    if isinstance(owner, Tuple | Cell):
        return containers.method(reader, owner, name, args, kwargs, node)
    if is_point(owner):
        if name == "copy":
            return reader.point(reader.operand(owner))
        if name == "fill":
            reader.store(owner, reader.operand(args[0]), node)
            return Static(None)
        owner = reader.operand(owner)
    if name in METHODS:
        return METHODS[name](reader, [owner, *args], kwargs, node)
    row = find_method(name)
    if row is not None and (is_operand(owner) or isinstance(owner, Ref)):
        return apply_row(reader, row, [owner, *args], kwargs, node, "method")
    methods = [*METHODS, *(m for r in ROWS.values() for m in r.methods)]
    raise reader.problem(
        "SG203", f"method `.{name}()` of a {kind_of(owner)} is not known", node,
        helps=suggest(name, methods) or (OTHERWISE,),
    )  # fmt: skip


def shape_of(reader: Reader, args: list[Thing], node: ast.AST) -> list[Operand]:
    """Return a shape given as one tuple, or as several numbers."""
    if len(args) == 1 and isinstance(args[0], Tuple | ListCell):
        return [reader.operand(t, node) for t in calls.items_of(reader, args[0], node)]
    return [reader.operand(t, node) for t in args]


def array_ref(reader: Reader, thing: Thing, node: ast.AST) -> Ref:
    """Return a thing as an array, lists packed."""
    if isinstance(thing, Ref) and isinstance(thing.type, Array):
        return thing
    if isinstance(thing, Tuple | ListCell):
        packed = calls.pack(reader, thing, node)
        if isinstance(packed, Ref):
            return packed
    raise reader.problem("SG402", f"an array is needed, not a {kind_of(thing)}", node)


def cast(reader: Reader, operand: Operand, dtype: str, python: bool = False) -> Operand:
    """Cast a number or an array."""
    if operand.type.dtype == dtype and operand.type.python == python:
        return operand
    out: Operand = reader.build.op("cast", operand, dtype=dtype, python=python)
    return out
