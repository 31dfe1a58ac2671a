"""Find what cuts every path from an input to the result."""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.analyses.activity import active_values, reach
from srcgrad.ir import Function, Loc, Op, Value, owned
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
    ahead: dict[Value, list[Value]] = {}
    back: dict[Value, list[Value]] = {}
    for stmt in every(function.body):
        if isinstance(stmt, Op) and stmt.row in ("dim", "length"):
            continue
        sources = [*operands(stmt), *inner_operands(stmt)]
        for source in sources:
            for target in (*outs(stmt), *inner_outs(stmt)):
                if isinstance(source, Value):
                    ahead.setdefault(source, []).append(target)
                    back.setdefault(target, []).append(source)
    between = reach(inputs, ahead) & reach(function.results[:1], back)
    for stmt in every(function.body):
        if isinstance(stmt, Op) and stmt.outs and stmt.outs[0] in between:
            row = ROWS[stmt.row]
            flows = row.kind != "constant" and row.vjp
            if not flows and any(a in between for a in stmt.args):
                name = row.spell or row.infix or row.name
                if not owned(stmt.outs[0].type) or stmt.loc.line:
                    return name, stmt.loc
    return None
