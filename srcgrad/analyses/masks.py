"""Which values count only where a condition holds.

A value that is used only in one arm of a `where` or an `if`, through any chain of
elementwise operations, matters only where that arm is selected. Its adjoint is selected
after the product, so that an infinite slope in the other arm never meets a cotangent of
zero. What asks for a value and hands nothing on to it, as a test does, is no use.
"""

from collections.abc import Collection, Iterator
from typing import Any

from srcgrad.ir import Block, Function, If, Op, Operand, Stmt
from srcgrad.ops import ROWS
from srcgrad.types import is_full
from srcgrad.walk import blocks, inner_operands, operands, outs

# One way to be selected: by conditions and clips, each with its arm (True: the first).
Way = frozenset[tuple[Operand | Op, bool]]
# Several ways are or-ed.
Mask = frozenset[Way]

_LIMIT = 4
_ALWAYS = frozenset([Way()])


def masks(
    function: Function, active: Collection[Any], ends: Collection[Operand]
) -> dict[Any, Mask]:
    """Return the masks of all values that have one.

    `active` are the values that have a cotangent, `ends` where cotangents come from.
    """
    found: dict[Operand, Mask] = dict.fromkeys(ends, _ALWAYS)
    _block(function.body, active, found)
    return {v: m for v, m in found.items() if m != _ALWAYS}


def _block(
    block: Block, active: Collection[Any], found: dict[Operand, Mask]
) -> set[Operand]:
    """Find the masks of what a block makes; return what it uses besides."""
    local, outer = {v for stmt in block.stmts for v in outs(stmt)}, set[Operand]()
    for stmt in reversed(block.stmts):
        for x, ways in _uses(stmt, active, found):
            # A condition inside a region is not in scope where the value was made.
            if x in local:
                joined = _merged(found.get(x, frozenset()) | ways)
                always = Way() in joined or len(joined) > _LIMIT
                found[x] = _ALWAYS if always else joined
            else:
                outer.add(x)
    return outer


def _uses(
    stmt: Stmt, active: Collection[Any], found: dict[Operand, Mask]
) -> Iterator[tuple[Operand, Mask]]:
    """Yield what a statement hands cotangents to, and in which ways that counts."""
    if isinstance(stmt, Op):
        row = ROWS[stmt.row]
        ways = found.get(stmt.out, _ALWAYS) if row.kind == "elementwise" else _ALWAYS
        for k, x in enumerate(stmt.args if any(v in active for v in stmt.outs) else ()):
            mine = ways
            if (stmt.row == "where" and k > 0) or (stmt.row == "clip" and k == 0):
                by = stmt if stmt.row == "clip" else stmt.args[0]
                mine = frozenset(w | {(by, k < 2)} for w in ways)
            # Of an operand that is broadcast one item has many masks.
            if row.param(k) in row.vjp:
                yield x, mine if is_full(x.type, stmt.out.type) else _ALWAYS
        return
    made = {v for b in blocks(stmt) for s in b.stmts for v in outs(s)}
    found.update(dict.fromkeys(made.intersection(inner_operands(stmt)), _ALWAYS))
    inner = [_block(b, active, found) for b in blocks(stmt)]
    if not isinstance(stmt, If):
        every = {*operands(stmt), *inner_operands(stmt)}.union(*inner)
        yield from ((x, _ALWAYS) for x in every)
        return
    for merge in stmt.merges:
        for used, end in zip(inner, (merge.then, merge.orelse), strict=True):
            used.update([end] if merge.out in active else [])
    for used, arm in zip(inner, (True, False), strict=True):
        yield from ((x, frozenset([Way([(stmt.cond, arm)])])) for x in used)


def _merged(ways: Mask) -> Mask:
    """Return ways without those that others cover, alone or two of them together."""
    for way in ways:
        for by, arm in way:
            rest = way - {(by, arm)}
            if (other := rest | {(by, not arm)}) in ways:
                return _merged(ways - {way, other} | {rest})
    return frozenset(w for w in ways if not any(other < w for other in ways))
