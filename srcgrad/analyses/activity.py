"""Which values matter to a derivative: they depend on an input, a result on them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

from srcgrad.ir import For, Function, If, Op, Operand, Stmt, Value, While
from srcgrad.ops import ROWS
from srcgrad.types import is_float
from srcgrad.walk import every, handed, operands, outs

Edge = tuple[Operand, Value]


def reach(start: Iterable[Any], edges: Mapping[Any, Iterable[Any]]) -> set[Any]:
    """Return all nodes on paths along edges, the start itself included."""
    seen: set[Any] = set()
    todo = [*start]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += edges.get(node, ())
    return seen


def between(
    edges: Iterable[Edge], start: Iterable[Operand], end: Iterable[Operand]
) -> set[Any]:
    """Return everything on a path along the edges from a start to an end."""
    ahead: dict[Any, list[Any]] = defaultdict(list)
    back: dict[Any, list[Any]] = defaultdict(list)
    for source, target in edges:
        ahead[source].append(target)
        back[target].append(source)
    return reach(start, ahead) & reach(end, back)


def _flows(stmt: Stmt) -> Iterable[Edge]:
    """Return the pairs (operand, result) through which a derivative may flow."""
    if isinstance(stmt, Op):
        row = ROWS[stmt.row]
        args = [a for k, a in enumerate(stmt.args) if row.param(k) in row.vjp]
        return product(args, stmt.outs)
    if isinstance(stmt, For | While | If):
        return handed(stmt)
    return product(operands(stmt), outs(stmt))


def active_values(
    function: Function, inputs: Iterable[Value], results: Iterable[Operand]
) -> set[Any]:
    """Return the float values on some path from an input to a result."""
    edges = (e for stmt in every(function.body) for e in _flows(stmt))
    floats = ((x, y) for x, y in edges if is_float(x.type) and is_float(y.type))
    return between(floats, inputs, results)
