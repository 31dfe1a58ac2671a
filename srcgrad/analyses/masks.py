"""Which values count only where a condition holds.

A value that is used only in one arm of a `where`, through any chain of elementwise
operations, matters only where that arm is selected. Its adjoint is selected after the
product, so that an infinite slope in the other arm never meets a cotangent of zero.
"""

from __future__ import annotations

from srcgrad.ir import Block, Function, Op, Value
from srcgrad.ops import ROWS
from srcgrad.types import Array
from srcgrad.walk import blocks, inner_operands, operands, outs

__all__ = ["Mask", "masks"]

# One way to be selected: a where and the arm (True for the first), or a clip.
Selection = tuple[Op, bool]
Way = frozenset[Selection]
# Several ways are or-ed.
Mask = frozenset[Way]

_LIMIT = 4


def masks(function: Function) -> dict[Value, Mask]:
    """Return the masks of all values that have one."""
    found: dict[Value, Mask] = {}
    open_: set[Value] = {r for r in function.results if isinstance(r, Value)}
    _block(function.body, found, open_)
    return {v: m for v, m in found.items() if v not in open_ and m}


def _block(block: Block, found: dict[Value, Mask], open_: set[Value]) -> None:
    local = {v for stmt in block.stmts for v in outs(stmt)}
    for stmt in reversed(block.stmts):
        open_.update(x for x in inner_operands(stmt) if isinstance(x, Value))
        for inner in blocks(stmt):
            _block(inner, found, open_)
        if isinstance(stmt, Op) and ROWS[stmt.row].kind == "elementwise":
            # A condition inside a region is not in scope where the value was made.
            open_.update(
                a for a in stmt.args if isinstance(a, Value) and a not in local
            )
            _elementwise(stmt, found, open_)
        else:
            open_.update(x for x in operands(stmt) if isinstance(x, Value))


def _is_spread(arg: Value, out: Value) -> bool:
    """Tell whether an operand is broadcast: one of its items then has many masks."""
    if not isinstance(arg.type, Array) or not isinstance(out.type, Array):
        return arg.type.rank < out.type.rank
    if arg.type.rank < out.type.rank:
        return True
    pairs = zip(arg.type.dims, out.type.dims, strict=True)
    return any(a.known == 1 and o.known != 1 for a, o in pairs)


def _elementwise(stmt: Op, found: dict[Value, Mask], open_: set[Value]) -> None:
    """Hand the mask of a result, narrowed by the operation, to its operands."""
    out = stmt.out
    free = out in open_ or not found.get(out)
    ways: Mask = frozenset([frozenset()]) if free else found[out]
    for k, arg in enumerate(stmt.args):
        if not isinstance(arg, Value):
            continue
        mine = ways
        if stmt.row == "where" and k > 0:
            mine = frozenset(w | {(stmt, k == 1)} for w in ways)
        elif stmt.row == "clip" and k == 0:
            mine = frozenset(w | {(stmt, True)} for w in ways)
        elif free:
            open_.add(arg)
            continue
        if _is_spread(arg, out) or frozenset() in mine:
            open_.add(arg)
            continue
        joined = found.get(arg, frozenset()) | mine
        if len(joined) > _LIMIT:
            open_.add(arg)
        found[arg] = joined
