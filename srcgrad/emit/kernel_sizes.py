"""Find which operations on Python ints could leave the 64 bits that a kernel has.

A length of an array, a count of turns and what a loop adds up from small steps cannot
become large: `i + 1` needs no check. An int argument may be anything.
"""

from __future__ import annotations

from srcgrad.analyses.regions import Regions
from srcgrad.emit.kernel_bounds import LENGTHS
from srcgrad.ir import Carry, Const, For, If, Op, Operand, Value, While

__all__ = ["Sizes"]

_COUNT = 48  # bits: no array is longer, and no loop turns more often
_ANY = 63
_SAME = {"neg", "pos", "absolute", "copy", "max2", "min2", "maximum", "minimum", "cast"}


class Sizes:
    """How many bits the integers of a function can take."""

    def __init__(self, regions: Regions) -> None:
        self.regions = regions
        self._known: dict[Value, int] = {}

    def leaves(self, stmt: Op) -> bool:
        """Tell whether an operation on Python ints may leave 64 bits."""
        (out,) = stmt.outs
        python = out.type.python and out.type.dtype == "int64"
        return python and self._result(stmt) >= _ANY

    def bits(self, x: Operand) -> int:
        """Return the bits that the absolute value of a number can take."""
        if isinstance(x, Const):
            return int(x.value).bit_length()
        if x.type.dtype == "bool":
            return 1
        if x.type.dtype != "int64":
            return _ANY
        if x not in self._known:
            self._known[x] = _ANY  # in a circle nothing else is certain
            self._known[x] = min(self._made(x), _ANY)
        return self._known[x]

    def _made(self, x: Value) -> int:
        made = self.regions.definition.get(x)
        match made:
            case Op():
                return self._result(made)
            case If():
                merge = next(m for m in made.merges if m.out is x)
                return max(self.bits(merge.then), self.bits(merge.orelse))
            case For() | While():
                if x is made.trips:
                    return _COUNT
                if isinstance(made, For) and x is made.var:
                    turns = _COUNT + self.bits(made.step) + 1
                    return (
                        max(self.bits(made.start), min(self.bits(made.stop), turns)) + 1
                    )
                carry = next(c for c in made.carries if x in (c.inn, c.out))
                return self._carried(carry)
        return _ANY

    def _carried(self, carry: Carry) -> int:
        step = self._step(carry.yld, carry.inn)
        later = self.bits(carry.yld) if step is None else _COUNT + step + 1
        return max(self.bits(carry.init), later) + (step is not None)

    def _step(self, x: Operand, start: Value) -> int | None:
        """Return the bits of what is added to a value; None if it is no sum."""
        if x is start:
            return 0
        made = self.regions.definition.get(x) if isinstance(x, Value) else None
        parts: list[int | None] = []
        if isinstance(made, Op) and made.row in ("add", "sub"):
            one, two = made.args
            if made.row == "add" and self._step(one, start) is None:
                one, two = two, one
            parts = [self._step(one, start), self.bits(two)]
        elif isinstance(made, If):
            merge = next(m for m in made.merges if m.out is x)
            parts = [self._step(a, start) for a in (merge.then, merge.orelse)]
        elif isinstance(made, For | While):
            for carry in made.carries:
                if carry.out is x:
                    parts = [self._step(carry.init, start),
                             self._step(carry.yld, carry.inn)]  # fmt: skip
        known = [p for p in parts if p is not None]
        return max(known) + 1 if known and len(known) == len(parts) else None

    def _result(self, stmt: Op) -> int:
        args = [self.bits(a) for a in stmt.args if not a.type.rank]
        match stmt.row:
            case "add" | "sub":
                return max(args) + 1
            case "mul":
                return sum(args)
            case "mod":
                return args[1]
            case "floordiv":
                return args[0]
            case "where":
                return max(args[1:])
            case "pow" if isinstance(stmt.args[1], Const):
                return args[0] * max(int(stmt.args[1].value), 1)
            case row if row in LENGTHS:
                return _COUNT
            case row if row in _SAME:
                return max(args)
        return _ANY
