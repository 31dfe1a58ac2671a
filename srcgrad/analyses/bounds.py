"""What is certain about integers: that a subscript is inside, that a sum fits.

What is known at a statement is a set of linear expressions of integers that are never
negative there: from the loops around it, the tests of the branches it stands in, checks
before it, and from how its integers were made. A subscript `e` of an axis of length `n`
needs no check if `e` and `n - 1 - e` are sums of those.

A length of an array, a count of turns and what a loop adds up from small steps cannot
become large: `i + 1` needs no check that 64 bits hold it. An int argument may be
anything.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from srcgrad.analyses.regions import Regions, Site
from srcgrad.ir import (
    Assert,
    Const,
    For,
    If,
    Loop,
    Op,
    Operand,
    Read,
    Stmt,
    Value,
    While,
    Write,
)  # fmt: skip
from srcgrad.ops.table import ANY_BITS, LENGTH_BITS, ROWS, length_bits
from srcgrad.types import Dim
from srcgrad.walk import handed

_ONE = Dim(1)
_OPPOSITE = {"lt": "ge", "le": "gt", "gt": "le", "ge": "lt", "eq": "ne", "ne": "eq"}
_DEPTH = 8  # of a proof


class Bounds:
    """What is known about integers at the statements of a function."""

    def __init__(self, regions: Regions) -> None:
        self.regions, self.linear = regions, regions.linear
        self._bits: dict[Value, float] = {}
        self._known: dict[Any, list[Dim]] = {}
        self._inside: dict[tuple[Stmt, int], list[Dim]] = {}
        self._there: dict[tuple[Stmt, Any], list[Dim]] = {}

    def made(self, x: Any) -> Any:
        """Return the statement that an integer comes from."""
        return self.regions.definition.get(x)

    # what is never negative

    def holds(self, dim: Dim, at: Stmt | None = None, also: Sequence[Dim] = ()) -> bool:
        """Tell whether an expression is never negative where a statement runs.

        Without a statement: wherever its integers are known.
        """
        return self._prove(dim, at, also, _DEPTH, set())

    def _facts(self, at: Stmt, atom: Any) -> list[Dim]:
        """Return expressions with an integer that a statement never finds negative."""
        if (at, atom) not in self._there:
            site = self.regions.site[at]
            regions = [f for region in site.chain for f in self._region(*region)]
            self._there[at, atom] = [
                *(fact for fact in regions if fact.factor(atom)),
                *(fact for fact, there in self._checked.get(atom, ())
                  if there.order < site.order
                  and there.chain == site.chain[: len(there.chain)]),
            ]  # fmt: skip
        return self._there[at, atom]

    def _region(self, stmt: Stmt, arm: int) -> list[Dim]:
        """Return what is never negative inside of a loop or an arm."""
        if (stmt, arm) not in self._inside:
            facts: list[Dim] = []
            if isinstance(stmt, For):
                facts = self._turns(stmt)
            elif isinstance(stmt, If):
                facts = self._truth(stmt.cond, arm == 0)
            elif isinstance(stmt, While) and arm == 1:
                facts = self._truth(stmt.cond, True)
            self._inside[stmt, arm] = facts
        return self._inside[stmt, arm]

    @functools.cached_property
    def _checked(self) -> dict[Any, list[tuple[Dim, Site]]]:
        """What checks tell of each integer, and where."""
        told: dict[Any, list[tuple[Dim, Site]]] = {}
        for check, site in self.regions.site.items():
            if isinstance(check, Assert):
                for fact in self._truth(check.cond, True):
                    for atom, _ in fact.terms:
                        told.setdefault(atom, []).append((fact, site))
        return told

    def _prove(
        self,
        dim: Dim,
        at: Stmt | None,
        more: Sequence[Dim],
        depth: int,
        failed: set[tuple[Dim, int]],
    ) -> bool:
        """Write an expression as a sum of facts; the search is small and goes deep.

        Facts that are taken in another order lead to what has `failed` before.
        """
        if not dim.terms or depth == 0:
            return not dim.terms and dim.const >= 0
        if (dim, depth) in failed:
            return False
        # Of what is subtracted, least is known.
        atom, factor = min(dim.terms, key=lambda term: term[1] > 0)
        known = [f for own, _ in dim.terms for f in self.known(own)]
        more = [*dict.fromkeys([*more, *known])] if known else more
        for fact in (*(self._facts(at, atom) if at is not None else ()), *more):
            own = fact.factor(atom)
            if own * factor > 0 and factor % own == 0:
                rest = dim.plus(fact, -(factor // own))
                if self._prove(rest, at, more, depth - 1, failed):
                    return True
        failed.add((dim, depth))
        return False

    def known(self, atom: Any) -> list[Dim]:
        """Return what is known of an integer from the statement that made it."""
        if atom not in self._known:
            self._known[atom] = []  # in a circle nothing else is certain
            self._known[atom] = self._find(atom)
        return self._known[atom]

    def _find(self, atom: Any) -> list[Dim]:
        made, own = self.made(atom), Dim.of(atom)
        if isinstance(made, Loop) and made.trips is atom:
            return [own]
        if isinstance(made, For) and made.var is atom:
            return self._turns(made)
        if isinstance(made, Loop) and self.bits(atom) < ANY_BITS:
            rising = [c for c in made.carries if self._rises(c.yld, c.inn)]
            return [own - self.linear(c.init) for c in rising if atom in (c.inn, c.out)]
        if isinstance(made, Read):
            values = self.recorded(made)
            return [own] if values and all(map(self._is_natural, values)) else []
        if not isinstance(made, Op) or made.out.type.dtype != "int64":
            return []
        if made.row == "subscript":
            return [own, self.linear(made.args[1]) - own - _ONE]
        if ROWS[made.row].bits is length_bits:
            return [own]
        if made.row in ("max2", "min2"):
            sign = 1 if made.row == "max2" else -1
            return [(own - self.linear(a)).scaled(sign) for a in made.args]
        if made.row not in ("floordiv", "mod"):
            return []
        x, by = map(self.linear, made.args)
        if by.known is not None and by.known > 0:
            rest = own if made.row == "mod" else x - own.scaled(by.known)
            return [rest, by - _ONE - rest]
        # Python's own has raised for a zero.
        if made.row == "mod" and made.out.type.python and self._is_certain(by):
            return [own, by - own - _ONE]
        return []

    def _is_natural(self, x: Operand) -> bool:
        """Tell whether a number is certainly an integer that is not negative."""
        return x.type.dtype == "int64" and self._is_certain(self.linear(x))

    def _is_certain(self, dim: Dim) -> bool:
        """Tell whether an expression is never negative, from how it was made alone."""
        return self._prove(dim, None, (), 3, set())

    def _rises(self, x: Operand, start: Value) -> bool:
        """Tell whether a value is another one to which nothing negative was added."""
        if x is start:
            return True
        match made := self.made(x):
            case Op(row="add", args=(one, two)):
                ways = ((one, two), (two, one))
                return any(
                    self._rises(a, start) and self._is_natural(b) for a, b in ways
                )
            case If():
                return all(self._rises(a, start) for a, o in handed(made) if o is x)
            case For() | While():
                own = [c for c in made.carries if c.out is x]
                starts = any(self._rises(c.init, start) for c in own)
                return starts and all(self._rises(c.yld, c.inn) for c in own)
        return False

    def recorded(self, read: Read) -> list[Operand]:
        """Return the numbers, if it is known, of which a read finds one on a tape."""
        if (
            self.regions.family(read.base) is None
            or read.base not in self.regions.buffer
        ):
            return []
        stores = self.regions.family_updates(read.base)
        tape = all(isinstance(s, Write) and s.once for s in stores)
        values = [s.value for s in stores if isinstance(s, Write)]
        return values if tape and not any(v.type.rank for v in values) else []

    def _turns(self, loop: For) -> list[Dim]:
        """Return what a loop tells of its variable."""
        if not isinstance(loop.step, Const) or loop.step.value == 0:
            return []
        end, rises = loop.stop, loop.step.value > 0
        match self.made(end), loop.start:
            case Op(row="max2", args=(Const(value=0), x)), Const(value=first):
                # `range(a, max(0, b))` with a >= 0 ends at b.
                end = x if rises and first >= 0 else end
        var, start, stop = Dim.of(loop.var), self.linear(loop.start), self.linear(end)
        if rises:
            return [var - start, stop - _ONE - var]
        return [start - var, var - stop - _ONE]

    def _truth(self, cond: Operand, holds: bool) -> list[Dim]:
        """Return what a test tells where it came out true, or false."""
        match made := self.made(cond):
            case If() if holds:
                then, orelse = (a for a, out in handed(made) if out is cond)
                if isinstance(orelse, Const) and not orelse.value:  # it is `a and b`
                    return self._truth(made.cond, True) + self._truth(then, True)
            case Op(row="not_" | "logical_not"):
                return self._truth(made.args[0], not holds)
            case Op(row="logical_and") if holds:
                return [f for a in made.args for f in self._truth(a, True)]
            case Op(row=row, args=(a, b)) if row in _OPPOSITE:
                if any(x.type.dtype != "int64" or x.type.rank for x in (a, b)):
                    return []
                more = self.linear(a) - self.linear(b)
                less = more.scaled(-1)
                told = {"gt": [more - _ONE], "ge": [more], "lt": [less - _ONE],
                        "le": [less], "eq": [more, less]}  # fmt: skip
                return told.get(row if holds else _OPPOSITE[row], [])
        return []

    # what fits

    def overflows(self, op: Op) -> bool:
        """Tell whether an operation on Python ints may leave 64 bits."""
        python = op.out.type.python and op.out.type.dtype == "int64"
        return python and not op.attrs.get("sure") and self._result(op) >= ANY_BITS

    def bits(self, x: Operand) -> float:
        """Return the bits that the absolute value of a number can take."""
        if isinstance(x, Const):
            return int(x.value).bit_length()
        if x.type.dtype != "int64":
            return 1 if x.type.dtype == "bool" else ANY_BITS
        if x not in self._bits:
            self._bits[x] = ANY_BITS  # in a circle nothing else is certain
            self._bits[x] = min(self._of(x), ANY_BITS)
        return self._bits[x]

    def _of(self, x: Value) -> float:
        match made := self.made(x):
            case Op():
                return self._result(made)
            case For() if x is made.var:
                turns = LENGTH_BITS + self.bits(made.step) + 1
                return max(self.bits(made.start), min(self.bits(made.stop), turns)) + 1
            case For() | While() if x is made.trips:
                return LENGTH_BITS
            case For() | While():
                (c,) = (c for c in made.carries if x in (c.inn, c.out))
                first, step = self.bits(c.init), self._step(c.yld, c.inn)
                if step == math.inf:
                    return max(first, self.bits(c.yld))
                return max(first, LENGTH_BITS + step + 1) + 1
            case If():
                return max(self.bits(a) for a, out in handed(made) if out is x)
            case Read():
                return max(map(self.bits, self.recorded(made)), default=ANY_BITS)
        return ANY_BITS

    def _step(self, x: Operand, start: Value) -> float:
        """Return the bits of what is added to a value; infinite if it is no sum."""
        if x is start:
            return 0
        match made := self.made(x):
            case Op(row="add" | "sub", args=(one, two)):
                ways = [(one, two)] + [(two, one)] * (made.row == "add")
                added = (max(self._step(a, start), self.bits(b)) for a, b in ways)
                return min(added) + 1
            case If():
                parts = [self._step(a, start) for a, out in handed(made) if out is x]
            case For() | While():
                carried = [c for c in made.carries if c.out is x]
                parts = [self._step(c.init, start) for c in carried]
                parts += [self._step(c.yld, c.inn) for c in carried]
            case _:
                parts = []
        return max(parts, default=math.inf) + 1

    def _result(self, op: Op) -> float:
        return ROWS[op.row].bits([self.bits(a) for a in op.args if not a.type.rank], op)
