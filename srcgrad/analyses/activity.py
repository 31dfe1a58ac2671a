"""Which values matter to a derivative: they depend on an input, a result on them.

And where none does: what cuts every path from an input to the result.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

from srcgrad.errors import Location
from srcgrad.ir import For, Function, If, Op, Operand, Stmt, Value, While, owned
from srcgrad.ops import ROWS
from srcgrad.types import is_float
from srcgrad.walk import every, handed, inner_operands, inner_outs, operands, outs

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


def find_cut(function: Function, wrt: Sequence[int]) -> tuple[str, Location] | None:
    """Return the operation that cuts the last path, and its place; None if none does.

    An input that the result does not depend on at all is no cut: its gradient is zero.
    """
    inputs = [function.params[k] for k in wrt]
    if active_values(function, inputs, function.results[:1]) & set(inputs):
        return None
    edges: list[Edge] = []
    for s in every(function.body):
        if not (isinstance(s, Op) and s.row in ("dim", "length")):
            made = [*outs(s), *inner_outs(s)]
            edges += product([*operands(s), *inner_operands(s)], made)
    found = between(edges, inputs, function.results[:1])
    for s in every(function.body):
        if isinstance(s, Op) and found.intersection(s.outs[:1]):
            row, types = ROWS[s.row], [a.type for a in s.args]
            ends = not row.vjp and found.intersection(s.args)
            if ends and (s.loc.line or not owned(s.out.type)):
                text = row.spelled(types, {**s.attrs, "via": None})
                return row.infix or re.sub(r"[{}]|\(.*", "", text), s.loc
    return None
