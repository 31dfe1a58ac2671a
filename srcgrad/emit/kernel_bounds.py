"""Prove that a subscript is inside its axis.

What is known at a statement is a set of linear expressions of integers that are never
negative there: from the loops around it, the tests of the branches it stands in, checks
before it, and from how its integers were made. A subscript `e` of an axis of length `n`
needs no check if `e` and `n - 1 - e` are sums of those.
"""

from __future__ import annotations

from srcgrad.analyses.regions import Chain, Regions
from srcgrad.ir import (
    Assert,
    Const,
    For,
    If,
    Op,
    Operand,
    Stmt,
    Value,
    While,
)
from srcgrad.types import Atom, Dim
from srcgrad.walk import every

__all__ = ["LENGTHS", "Bounds"]

_DEPTH = 8
LENGTHS = {"dim", "length", "slice_length", "range_length"}
_ONE = Dim(1)
# For each comparison: the (left, right, gap) with `left - right - gap >= 0`.
_MORE = {"gt": 1, "ge": 0}
_LESS = {"lt": 1, "le": 0}
_OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}


class Bounds:
    """What is known about integers at the statements of a function."""

    def __init__(self, regions: Regions) -> None:
        self.regions = regions
        self._around: dict[Chain, list[Dim]] = {}
        self._made: dict[Atom, list[Dim]] = {}
        self._asserts = [
            s for s in every(regions.function.body)
            if isinstance(s, Assert)
        ]  # fmt: skip

    def linear(self, x: Operand) -> Dim:
        """Return an integer as a linear expression."""
        return self.regions.linear(x)

    def holds(self, dim: Dim, at: Stmt, also: list[Dim] | None = None) -> bool:
        """Tell whether an expression is never negative where a statement runs."""
        if not dim.terms:
            return dim.const >= 0
        facts = self.facts(at) + (also or [])
        return self._prove(dim, facts, _DEPTH)

    def facts(self, at: Stmt) -> list[Dim]:
        """Return expressions that are never negative where a statement runs."""
        site = self.regions.site[at]
        facts = list(self._chain(site.chain))
        for check in self._asserts:
            there = self.regions.site[check]
            inside = site.chain[: len(there.chain)] == there.chain
            if inside and there.order < site.order:
                facts += self._truth(check.cond, True)
        return facts

    def _prove(self, dim: Dim, facts: list[Dim], depth: int) -> bool:
        """Write an expression as a sum of facts; the search is small and goes deep."""
        facts = facts + [f for a, _ in dim.terms for f in self._definition(a)]
        bad = next((t for t in dim.terms if t[1] < 0 or not self._natural(t[0])), None)
        if bad is None and dim.const >= 0:
            return True
        if depth == 0:
            return False
        for atom, factor in dim.terms if bad is None else (bad,):
            for fact in facts:
                theirs = next((c for a, c in fact.terms if a is atom), 0)
                if theirs * factor <= 0 or factor % theirs:
                    continue
                if self._prove(dim - fact.scaled(factor // theirs), facts, depth - 1):
                    return True
        return False

    def _natural(self, atom: Atom) -> bool:
        """Tell whether an integer is a length or a count."""
        made = self.regions.definition.get(atom)
        if isinstance(made, For | While):
            return made.trips is atom
        if not isinstance(made, Op):
            return False
        if made.row in LENGTHS:
            return True
        return made.row == "max2" and any(
            isinstance(a, Const) and a.value >= 0 for a in made.args
        )

    def _definition(self, atom: Atom) -> list[Dim]:
        """Return what is known of an integer from the operation that made it."""
        if atom in self._made:
            return self._made[atom]
        found: list[Dim] = []
        made = self.regions.definition.get(atom)
        if isinstance(made, Op) and made.out.type.dtype == "int64":
            found = self._known(made, Dim(0, ((atom, 1),)))
        self._made[atom] = found
        return found

    def _known(self, made: Op, own: Dim) -> list[Dim]:
        args = made.args
        if made.row in ("max2", "min2"):
            sign = 1 if made.row == "max2" else -1
            return [(own - self.linear(a)).scaled(sign) for a in args]
        if made.row in ("floordiv", "mod") and isinstance(args[1], Const):
            by = int(args[1].value)
            if by <= 0:
                return []
            if made.row == "mod":
                return [own, Dim(by - 1) - own]
            rest = self.linear(args[0]) - own.scaled(by)
            return [rest, Dim(by - 1) - rest]
        if made.row == "mod" and made.out.type.python:  # it has raised for a zero
            divisor = self.linear(args[1])
            if all(c > 0 and self._natural(a) for a, c in divisor.terms):
                return [own, divisor - own - _ONE] if divisor.const >= 0 else []
        return []

    def _chain(self, chain: Chain) -> list[Dim]:
        """Return what the regions around a statement tell."""
        if chain in self._around:
            return self._around[chain]
        facts: list[Dim] = []
        for stmt, arm in chain:
            if isinstance(stmt, For):
                facts += self.turns(stmt)
            elif isinstance(stmt, If):
                facts += self._truth(stmt.cond, arm == 0)
            elif isinstance(stmt, While) and arm == 1:
                facts += self._truth(stmt.cond, True)
        self._around[chain] = facts
        return facts

    def turns(self, loop: For) -> list[Dim]:
        """Return what a loop tells of its variable."""
        if not isinstance(loop.step, Const) or loop.step.value == 0:
            return []
        var = Dim(0, ((loop.var, 1),))
        start, stop = self.linear(loop.start), self.linear(self.stop(loop))
        if loop.step.value > 0:
            return [var - start, stop - _ONE - var]
        return [start - var, var - stop - _ONE]

    def stop(self, loop: For) -> Operand:
        """Return the end of a range; `range(a, max(0, b))` with a >= 0 ends at b."""
        made = self.regions.definition.get(loop.stop)
        zero = isinstance(loop.start, Const) and loop.start.value >= 0
        rising = isinstance(loop.step, Const) and loop.step.value > 0
        if isinstance(made, Op) and made.row == "max2" and zero and rising:
            first, second = made.args
            if isinstance(first, Const) and first.value == 0:
                return second
        return loop.stop

    def _truth(self, cond: Operand, holds: bool) -> list[Dim]:
        """Return what a test tells where it came out true, or false."""
        if not isinstance(cond, Value):
            return []
        made = self.regions.definition.get(cond)
        if isinstance(made, If):
            return self._both(made, cond, holds)
        if not isinstance(made, Op):
            return []
        if made.row in ("not_", "logical_not"):
            return self._truth(made.args[0], not holds)
        if made.row == "logical_and" and holds:
            return [f for a in made.args for f in self._truth(a, True)]
        row = made.row if holds else _OPPOSITE.get(made.row)
        if row not in _OPPOSITE or any(a.type.dtype != "int64" for a in made.args):
            return []
        if any(a.type.rank for a in made.args):
            return []
        gap = self.linear(made.args[0]) - self.linear(made.args[1])
        if row in _MORE:
            return [gap - Dim(_MORE[row])]
        if row in _LESS:
            return [gap.scaled(-1) - Dim(_LESS[row])]
        return [gap, gap.scaled(-1)] if row == "eq" else []

    def _both(self, made: If, cond: Value, holds: bool) -> list[Dim]:
        """Read `a and b`, which is an `if` whose other arm gives False."""
        if not holds:
            return []
        merge = next(m for m in made.merges if m.out is cond)
        if isinstance(merge.orelse, Const) and not merge.orelse.value:
            return self._truth(made.cond, True) + self._truth(merge.then, True)
        return []
