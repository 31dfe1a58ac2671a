"""Find what cuts every path from an input to the result."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from srcgrad.analyses.activity import active_values, between
from srcgrad.ir import Function, Loc, Op, owned
from srcgrad.ops import ROWS
from srcgrad.walk import every, inner_operands, inner_outs, operands, outs

__all__ = ["find_cut"]


def find_cut(function: Function, wrt: Sequence[int]) -> tuple[str, Loc] | None:
    """Return the operation that cuts the last path, and its place; None if none does.

    An input that the result does not depend on at all is no cut: its gradient is zero.
    """
    inputs = [function.params[k] for k in wrt]
    if active_values(function, inputs, function.results[:1]) & set(inputs):
        return None
    edges = (
        edge
        for stmt in every(function.body)
        if not (isinstance(stmt, Op) and stmt.row in ("dim", "length"))
        for edge in product(
            [*operands(stmt), *inner_operands(stmt)], [*outs(stmt), *inner_outs(stmt)]
        )
    )
    found = between(edges, inputs, function.results[:1])
    for stmt in every(function.body):
        if isinstance(stmt, Op) and stmt.outs and stmt.outs[0] in found:
            row = ROWS[stmt.row]
            flows = row.kind != "constant" and row.vjp
            if not flows and any(a in found for a in stmt.args):
                name = row.spell or row.infix or row.name
                if not owned(stmt.outs[0].type) or stmt.loc.line:
                    return name, stmt.loc
    return None
