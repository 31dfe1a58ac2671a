"""Which values matter to a derivative: they depend on an input, a result on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from srcgrad.ir import For, Function, If, Op, Operand, Stmt, Value, While
from srcgrad.ops import ROWS
from srcgrad.types import is_float
from srcgrad.walk import every, operands, outs

__all__ = ["active_values", "between"]

Edge = tuple[Operand, Value]


def _dependences(stmt: Stmt) -> Iterator[Edge]:
    """Yield the pairs (operand, result) through which a derivative may flow."""
    match stmt:
        case Op():
            row = ROWS[stmt.row]
            if row.kind == "constant":
                return
            for k, arg in enumerate(stmt.args):
                name = row.param(k)
                if name in row.vjp:
                    yield from ((arg, out) for out in stmt.outs)
        case For() | While():
            for c in stmt.carries:
                yield from product((c.init, c.yld), (c.inn, c.out))
        case If():
            for m in stmt.merges:
                yield from product((m.then, m.orelse), (m.out,))
        case _:
            yield from product(operands(stmt), outs(stmt))


def between(
    edges: Iterable[Edge], start: Iterable[Operand], end: Iterable[Operand]
) -> set[Value]:
    """Return everything on a path along the edges from a start to an end."""
    ahead: dict[Operand, list[Value]] = {}
    back: dict[Operand, list[Value]] = {}
    for source, target in edges:
        if isinstance(source, Value):
            ahead.setdefault(source, []).append(target)
            back.setdefault(target, []).append(source)
    return _reach(start, ahead) & _reach(end, back)


def _reach(start: Iterable[Operand], edges: dict[Operand, list[Value]]) -> set[Value]:
    todo = [v for v in start if isinstance(v, Value)]
    seen = set(todo)
    while todo:
        new = [v for v in edges.get(todo.pop(), ()) if v not in seen]
        seen.update(new)
        todo += new
    return seen


def active_values(
    function: Function, inputs: Iterable[Value], results: Iterable[Operand]
) -> set[Value]:
    """Return the float values on some path from an input to a result."""
    edges = (e for stmt in every(function.body) for e in _dependences(stmt))
    floats = ((x, y) for x, y in edges if is_float(x.type) and is_float(y.type))
    return between(floats, inputs, results)
