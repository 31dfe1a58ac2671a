"""Decide which values are written inside the expression that uses them.

A value is folded if it is pure, used once, in the same block, has no name of the
user's, and nothing between the two places changes memory that its whole tree reads. The
readable text and the kernel use the very same trees.
"""

from __future__ import annotations

from collections.abc import Iterable

from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import INT
from srcgrad.ir import (
    Accumulate,
    Block,
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
    owned,
)
from srcgrad.ops.table import ROWS
from srcgrad.walk import blocks, every, inner_operands, operands, outs, uses

__all__ = ["Nest", "fold"]

_WEIGHT = 12


class Nest:
    """The folded values of a function, and the statement of each."""

    def __init__(self, regions: Regions) -> None:
        self.regions = regions
        self.folded: dict[Value, Op | View | Read] = {}
        self.weight: dict[Value, int] = {}
        self.reads: dict[Value, set[Buffer]] = {}
        # Values that must not live longer for an operand's sake, or have a name.
        self.copied: set[Operand] = set()
        self.results: set[Operand] = set()

    def tree(self, x: Operand) -> Iterable[Operand]:
        """Yield the operands at the leaves of a folded value."""
        if isinstance(x, Value) and x in self.folded:
            for inner in operands(self.folded[x]):
                yield from self.tree(inner)
        else:
            yield x

    def leaves(self, stmt: Stmt) -> Iterable[Operand]:
        """Yield what a statement reads once folded values are written out."""
        for x in operands(stmt):
            yield from self.tree(x)


def fold(
    function: Function, regions: Regions, keep: frozenset[Value] = frozenset()
) -> Nest:
    """Return the values to be written inside their consumers.

    Args:
        function: The function.
        regions: Its buffers.
        keep: Values that must have a statement of their own.
    """
    nest = Nest(regions)
    nest.results.update(function.results)
    for stmt in every(function.body):
        if isinstance(stmt, Op) and stmt.row == "copy":
            nest.copied.update(stmt.args)
    count = uses(function.body, function.results)
    _block(nest, function.body, count, keep, function.results)
    return nest


def _block(
    nest: Nest, block: Block, count: dict[Value, int], keep: frozenset[Value],
    results: Iterable[Operand] = (), ends: Iterable[Operand] = (),
) -> None:  # fmt: skip
    consumer: dict[Value, int] = {}
    for k, stmt in enumerate(block.stmts):
        for x in operands(stmt):
            if isinstance(x, Value):
                consumer[x] = k
    for x in (*results, *ends):
        if isinstance(x, Value):
            consumer[x] = len(block.stmts)
    for k, stmt in enumerate(block.stmts):
        for inner, end in zip(blocks(stmt), _ends(stmt), strict=True):
            _block(nest, inner, count, keep, (), end)
        if not isinstance(stmt, Op | View | Read) or len(outs(stmt)) != 1:
            continue
        out = stmt.outs[0] if isinstance(stmt, Op) else stmt.out
        _note(nest, stmt, out)
        if out in keep:
            continue
        if _is_index(nest, stmt, out):
            nest.folded[out] = stmt
            continue
        if count.get(out, 0) != 1 or out not in consumer:
            continue
        if _may_fold(nest, block, stmt, out, k, consumer[out]):
            nest.folded[out] = stmt


def _ends(stmt: Stmt) -> list[list[Operand]]:
    """Return, for each inner block, what is read at its end."""
    match stmt:
        case For():
            return [list(inner_operands(stmt))]
        case While():
            tail = [c.yld for c in stmt.carries]
            tail += [stmt.exit] if stmt.exit is not None else []
            return [[stmt.cond], tail]
        case If():
            return [[m.then for m in stmt.merges], [m.orelse for m in stmt.merges]]
        case _:
            return []


def _note(nest: Nest, stmt: Op | View | Read, out: Value) -> None:
    """Note how big a value's tree is, and which buffers it reads."""
    weight, reads = 1, set[Buffer]()
    for x in operands(stmt):
        if not isinstance(x, Value):
            continue
        if x in nest.folded:
            weight += nest.weight[x]
            reads |= nest.reads[x]
            continue
        # A view that has a statement of its own still reads its base here.
        family = nest.regions.family(x)
        if family is not None:
            reads.add(family)
    nest.weight[out], nest.reads[out] = weight, reads


def _may_fold(
    nest: Nest, block: Block, stmt: Op | View | Read, out: Value, k: int, at: int
) -> bool:
    """Tell whether a value may move to its consumer."""
    user = block.stmts[at] if at < len(block.stmts) else None
    if isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in nest.copied:
        return False
    if isinstance(stmt, View):
        if user is not None and not isinstance(user, Op | Write | Accumulate | Push):
            return False
    elif nest.weight[out] > _WEIGHT:
        return False
    elif out.name and (
        out in nest.results or user is not None or not out.name.startswith("d_")
    ):
        # A cotangent handed to the next turn is written where it is handed on.
        return False
    if owned(out.type) and not isinstance(stmt, View):
        if user is None or isinstance(user, For | While | If):
            return False
        if isinstance(user, View | Read | Write | Take | Accumulate | Push):
            if user.base is out:
                return False
        if out in nest.regions.buffer and isinstance(stmt, Op):
            if ROWS[stmt.row].kind == "creation":
                return False
    if isinstance(user, While):
        return False
    between = block.stmts[k + 1 : at]
    return not (nest.reads[out] & nest.regions.changed(between))


def _is_index(nest: Nest, stmt: Stmt, out: Value) -> bool:
    """Tell whether a value is a short index expression, or a `not`: written out."""
    if isinstance(stmt, Op) and stmt.row == "not_" and out.type.dtype == "bool":
        return isinstance(stmt.args[0], Value) and stmt.args[0] not in nest.folded
    if not isinstance(stmt, Op) or stmt.row not in ("add", "sub", "neg"):
        return False
    if nest.reads[out]:
        return False  # the length of a list is another one after the next append
    return out.type == INT and not out.name and nest.weight[out] <= 2
