"""Which values matter to a derivative: they depend on an input, a result on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from srcgrad.ir import (
    Accumulate,
    For,
    Function,
    If,
    Op,
    Operand,
    Push,
    Read,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
)
from srcgrad.ops import ROWS
from srcgrad.types import is_float
from srcgrad.walk import every

__all__ = ["active_values", "dependences", "reach"]

Edge = tuple[Operand, Value]


def dependences(stmt: Stmt) -> Iterator[Edge]:
    """Yield the pairs (operand, result) through which a derivative flows."""
    match stmt:
        case Op():
            row = ROWS[stmt.row]
            if row.kind == "constant":
                return
            for k, arg in enumerate(stmt.args):
                name = row.params[min(k, len(row.params) - 1)].lstrip("*")
                if name in row.vjp:
                    yield from ((arg, out) for out in stmt.outs)
        case View() | Read():
            yield stmt.base, stmt.out
        case Write() | Accumulate() | Push():
            yield stmt.base, stmt.out
            yield stmt.value, stmt.out
        case Take():
            yield stmt.base, stmt.out
            yield stmt.base, stmt.value
        case For() | While():
            for carry in stmt.carries:
                for source in (carry.init, carry.yld):
                    yield source, carry.inn
                    yield source, carry.out
        case If():
            for merge in stmt.merges:
                yield merge.then, merge.out
                yield merge.orelse, merge.out


def reach(start: Iterable[Operand], edges: dict[Value, list[Value]]) -> set[Value]:
    """Return everything that can be reached along the edges."""
    todo = [v for v in start if isinstance(v, Value)]
    seen = set(todo)
    while todo:
        for other in edges.get(todo.pop(), ()):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def active_values(
    function: Function, inputs: Iterable[Value], results: Iterable[Operand]
) -> set[Value]:
    """Return the float values on some path from an input to a result."""
    ahead: dict[Value, list[Value]] = {}
    back: dict[Value, list[Value]] = {}
    for stmt in every(function.body):
        for source, target in dependences(stmt):
            if isinstance(source, Value) and is_float(source.type):
                if is_float(target.type):
                    ahead.setdefault(source, []).append(target)
                    back.setdefault(target, []).append(source)
    return reach(inputs, ahead) & reach(results, back)
