"""Find what cuts every path from an input to the result."""

import re
from collections.abc import Sequence
from itertools import product

from srcgrad.analyses.activity import active_values, between
from srcgrad.errors import Location
from srcgrad.ir import Function, Op, owned
from srcgrad.ops import ROWS
from srcgrad.walk import every, inner_operands, inner_outs, operands, outs


def find_cut(function: Function, wrt: Sequence[int]) -> tuple[str, Location] | None:
    """Return the operation that cuts the last path, and its place; None if none does.

    An input that the result does not depend on at all is no cut: its gradient is zero.
    """
    inputs = [function.params[k] for k in wrt]
    if active_values(function, inputs, function.results[:1]) & set(inputs):
        return None
    stmts = [*every(function.body)]
    edges = (
        edge
        for s in stmts
        if not (isinstance(s, Op) and s.row in ("dim", "length"))
        for edge in product(
            [*operands(s), *inner_operands(s)], [*outs(s), *inner_outs(s)]
        )
    )
    found = between(edges, inputs, function.results[:1])
    for s in stmts:
        if isinstance(s, Op) and found.intersection(s.outs[:1]):
            row = ROWS[s.row]
            if not row.vjp and found.intersection(s.args):
                if not owned(s.out.type) or s.loc.line:
                    types = [a.type for a in s.args]
                    text = row.spelled(types, {**s.attrs, "via": None})
                    return row.infix or re.sub(r"[{}]|\(.*", "", text), s.loc
    return None
