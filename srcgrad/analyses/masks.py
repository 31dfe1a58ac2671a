"""Which values count only where a condition holds.

A value that is used only in one arm of a `where`, through any chain of elementwise
operations, matters only where that arm is selected. Its adjoint is selected after the
product, so that an infinite slope in the other arm never meets a cotangent of zero.
"""

from typing import Any

from srcgrad.ir import Block, Function, Op, Operand
from srcgrad.ops import ROWS
from srcgrad.types import is_full
from srcgrad.walk import blocks, inner_operands, operands, outs

# One way to be selected: by wheres, each with the arm (True for the first), and clips.
Way = frozenset[tuple[Op, bool]]
# Several ways are or-ed.
Mask = frozenset[Way]

_LIMIT = 4


def masks(function: Function) -> dict[Any, Mask]:
    """Return the masks of all values that have one."""
    found: dict[Operand, Mask] = {}
    open_: set[Operand] = {*function.results}
    _block(function.body, found, open_)
    return {v: m for v, m in found.items() if v not in open_}


def _block(block: Block, found: dict[Operand, Mask], open_: set[Operand]) -> None:
    """Find masks, and the values that are used without one."""
    local = {v for stmt in block.stmts for v in outs(stmt)}
    for stmt in reversed(block.stmts):
        open_.update(inner_operands(stmt))
        for inner in blocks(stmt):
            _block(inner, found, open_)
        if not isinstance(stmt, Op) or ROWS[stmt.row].kind != "elementwise":
            open_.update(operands(stmt))
            continue
        # A condition inside a region is not in scope where the value was made.
        open_.update(a for a in stmt.args if a not in local)
        free = stmt.out in open_ or stmt.out not in found
        ways = frozenset([Way()]) if free else found[stmt.out]
        for k, arg in enumerate(stmt.args):
            mine = ways
            if (stmt.row == "where" and k > 0) or (stmt.row == "clip" and k == 0):
                mine = frozenset(w | {(stmt, k < 2)} for w in ways)
            joined = found.get(arg, frozenset()) | mine
            # Of an operand that is broadcast one item has many masks.
            full = is_full(arg.type, stmt.out.type)
            if Way() in mine or not full or len(joined) > _LIMIT:
                open_.add(arg)
            else:
                found[arg] = joined
