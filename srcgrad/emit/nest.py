"""Decide which values are written inside the expression that uses them.

A value is folded if it is pure, used once, in the same block, has no name of the
user's, and nothing between the two places changes memory that its whole tree reads. The
readable text and the kernel use the very same trees, but for elements that a statement
reads again: a reader sees them where the user wrote them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import INT
from srcgrad.ir import Block, Function, Op, Operand, Read, Stmt, Value, View, owned
from srcgrad.walk import blocks, every, inner_operands, operands, outs, uses

_WEIGHT = 12


class Nest:
    """The folded values of a function, and the statement of each; not those to keep."""

    def __init__(
        self,
        function: Function,
        regions: Regions,
        keep: Collection[Value] = (),
        readable: bool = False,
    ) -> None:
        self.regions, self.keep, self.readable = regions, keep, readable
        self.folded: dict[Any, Op | View | Read] = {}
        self.weight: dict[Operand, int] = {}
        self.reads: dict[Operand, set[Buffer]] = {}
        self.count, self.results = uses(function), set(function.results)
        # Values that must not live longer for an operand's sake, or have a name.
        copies = (s for s in every(function.body) if getattr(s, "row", "") == "copy")
        self.copied = {x for s in copies for x in operands(s)}
        self._block(function.body, function.results)

    def tree(self, x: Operand) -> Iterable[Operand]:
        """Return the operands at the leaves of a folded value."""
        if x not in self.folded:
            return [x]
        return chain.from_iterable(map(self.tree, operands(self.folded[x])))

    def _block(self, block: Block, ends: Iterable[Operand]) -> None:
        consumers: dict[Operand, list[int]] = defaultdict(list)
        for k, found in enumerate([*map(operands, block.stmts), ends]):
            for x in found:
                consumers[x].append(k)
        for k, stmt in enumerate(block.stmts):
            for inner, end in zip(blocks(stmt), block_ends(stmt), strict=True):
                self._block(inner, end)
            if not isinstance(stmt, Op | View | Read) or len(outs(stmt)) != 1:
                continue
            # How big its tree is, and which buffers it reads: a view that has a
            # statement of its own still reads its base here.
            (out,), inside = outs(stmt), self.folded
            read = [x for x in operands(stmt) if isinstance(x, Value)]
            self.weight[out] = 1 + sum(self.weight[x] for x in read if x in inside)
            families = (self.regions.family(x) for x in read if x not in inside)
            below = (self.reads[x] for x in read if x in inside)
            self.reads[out] = {f for f in families if f}.union(*below)
            here = consumers[out]
            alone = len(here) == 1 or self._is_short(block, stmt, out, here)
            if out not in self.keep and (
                self._is_index(stmt, out)
                or (
                    alone
                    and self.count[out] == len(here)
                    and self._may_fold(block, stmt, out, k, here[-1])
                )
            ):
                self.folded[out] = stmt

    def _may_fold(
        self, block: Block, stmt: Op | View | Read, out: Value, k: int, at: int
    ) -> bool:
        """Tell whether a value may move to its consumer."""
        user = block.stmts[at] if at < len(block.stmts) else None
        if isinstance(user, ir.While):
            return False
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in self.copied:
            return False
        if isinstance(stmt, View):
            if isinstance(user, View | Read | ir.Take | ir.Assert | ir.For | ir.If):
                return False
        elif self.weight[out] > _WEIGHT:
            return False
        elif out.name and (
            out in self.results or user is not None or not out.name.startswith("d_")
        ):
            # A cotangent handed to the next turn is written where it is handed on.
            return False
        elif owned(out.type):
            if user is None or isinstance(user, ir.For | ir.If):
                return False
            if isinstance(user, View | Read | ir.Update) and user.base is out:
                return False
        between = block.stmts[k + 1 : at]
        return not (self.reads[out] & self.regions.changed(between))

    def _is_short(
        self, block: Block, stmt: Stmt, out: Value, users: Sequence[int]
    ) -> bool:
        """Tell whether a value is an element that one statement reads again."""
        if not self.readable or not isinstance(stmt, Read) or self.weight[out] > 3:
            return False
        return {block.stmts[k].loc for k in users if k < len(block.stmts)} == {stmt.loc}

    def _is_index(self, stmt: Stmt, out: Value) -> bool:
        """Tell whether a value is a short index expression, or a `not`: written out."""
        if not isinstance(stmt, Op):
            return False
        if stmt.row == "not_" and out.type.dtype == "bool":
            return isinstance(stmt.args[0], Value) and stmt.args[0] not in self.folded
        if stmt.row not in ("add", "sub", "neg") or self.reads[out]:
            return False  # the length of a list is another one after the next append
        return out.type == INT and not out.name and self.weight[out] <= 2


def block_ends(stmt: Stmt) -> list[Sequence[Operand]]:
    """Return, for each inner block, what is read at its end."""
    match stmt:
        case ir.For():
            return [inner_operands(stmt)]
        case ir.While():
            read = (x for x in inner_operands(stmt) if x is not stmt.cond)
            return [[stmt.cond], [*read]]
        case ir.If():
            return [[m.then for m in stmt.merges], [m.orelse for m in stmt.merges]]
    return []
