"""Decide which values are written inside the expression that uses them.

A value is folded if it is pure, used once, in the same block, has no name of the
user's, and nothing between the two places changes memory that its whole tree reads. The
readable text and the kernel use the very same trees.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import INT
from srcgrad.ir import Block, Function, Op, Operand, Read, Stmt, Value, View, owned
from srcgrad.ops.table import ROWS
from srcgrad.walk import blocks, every, inner_operands, operands, outs, uses

_WEIGHT = 12


class Nest:
    """The folded values of a function, and the statement of each."""

    def __init__(self, function: Function, regions: Regions) -> None:
        self.regions = regions
        self.folded: dict[Any, Op | View | Read] = {}
        self.weight: dict[Value, int] = {}
        self.reads: dict[Value, set[Buffer]] = {}
        self.count = uses(function)
        # Values that must not live longer for an operand's sake, or have a name.
        self.copied: set[Operand] = set()
        for stmt in every(function.body):
            if isinstance(stmt, Op) and stmt.row == "copy":
                self.copied.update(stmt.args)
        self.results = set(function.results)

    def tree(self, x: Operand) -> Iterable[Operand]:
        """Yield the operands at the leaves of a folded value."""
        if x in self.folded:
            yield from self.leaves(self.folded[x])
        else:
            yield x

    def leaves(self, stmt: Stmt) -> Iterable[Operand]:
        """Yield what a statement reads once folded values are written out."""
        for x in operands(stmt):
            yield from self.tree(x)

    def note(self, stmt: Op | View | Read, out: Value) -> None:
        """Note how big a value's tree is, and which buffers it reads."""
        weight, reads = 1, set[Buffer]()
        for x in operands(stmt):
            if x in self.folded and isinstance(x, Value):
                weight += self.weight[x]
                reads |= self.reads[x]
            # A view that has a statement of its own still reads its base here.
            elif isinstance(x, Value) and (family := self.regions.family(x)):
                reads.add(family)
        self.weight[out], self.reads[out] = weight, reads


def fold(
    function: Function, regions: Regions, keep: Collection[Value] = frozenset()
) -> Nest:
    """Return the values to be written inside their consumers; not those to keep."""
    nest = Nest(function, regions)
    _block(nest, function.body, keep, function.results)
    return nest


def _block(
    nest: Nest, block: Block, keep: Collection[Value], ends: Iterable[Operand]
) -> None:
    consumer = {x: k for k, stmt in enumerate(block.stmts) for x in operands(stmt)}
    consumer |= dict.fromkeys(ends, len(block.stmts))
    for k, stmt in enumerate(block.stmts):
        for inner, end in zip(blocks(stmt), _ends(stmt), strict=True):
            _block(nest, inner, keep, end)
        if not isinstance(stmt, Op | View | Read) or len(outs(stmt)) != 1:
            continue
        (out,) = outs(stmt)
        nest.note(stmt, out)
        once = nest.count.get(out, 0) == 1 and out in consumer
        if out not in keep and (
            _is_index(nest, stmt, out)
            or (once and _may_fold(nest, block, stmt, out, k, consumer[out]))
        ):
            nest.folded[out] = stmt


def _ends(stmt: Stmt) -> list[list[Operand]]:
    """Return, for each inner block, what is read at its end."""
    match stmt:
        case ir.For():
            return [inner_operands(stmt)]
        case ir.While():
            read = (x for x in inner_operands(stmt) if x is not stmt.cond)
            return [[stmt.cond], list(read)]
        case ir.If():
            return [[m.then for m in stmt.merges], [m.orelse for m in stmt.merges]]
    return []


def _may_fold(
    nest: Nest, block: Block, stmt: Op | View | Read, out: Value, k: int, at: int
) -> bool:
    """Tell whether a value may move to its consumer."""
    user = block.stmts[at] if at < len(block.stmts) else None
    row = ROWS[stmt.row] if isinstance(stmt, Op) else None
    if isinstance(user, ir.While):
        return False
    if isinstance(stmt, Op) and row is ROWS["dim"] and stmt.args[0] in nest.copied:
        return False
    if isinstance(stmt, View):
        if user is not None and not isinstance(
            user, Op | ir.Write | ir.Accumulate | ir.Push
        ):
            return False
    elif nest.weight[out] > _WEIGHT:
        return False
    elif out.name and (
        out in nest.results or user is not None or not out.name.startswith("d_")
    ):
        # A cotangent handed to the next turn is written where it is handed on.
        return False
    elif owned(out.type):
        if user is None or isinstance(user, ir.For | ir.If):
            return False
        if isinstance(user, View | Read | ir.Update) and user.base is out:
            return False
    between = block.stmts[k + 1 : at]
    return not (nest.reads[out] & nest.regions.changed(between))


def _is_index(nest: Nest, stmt: Stmt, out: Value) -> bool:
    """Tell whether a value is a short index expression, or a `not`: written out."""
    if not isinstance(stmt, Op):
        return False
    if stmt.row == "not_" and out.type.dtype == "bool":
        return isinstance(stmt.args[0], Value) and stmt.args[0] not in nest.folded
    if stmt.row not in ("add", "sub", "neg") or nest.reads[out]:
        return False  # the length of a list is another one after the next append
    return out.type == INT and not out.name and nest.weight[out] <= 2
