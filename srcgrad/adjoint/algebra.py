"""Write the arithmetic of rules the way one would by hand.

Units vanish, numbers come first, signs move outward until an addition takes them up:
`-(-(g * 2)) * x` is written `2 * g * x`. All of it is exact in floating point: signs
and powers of two pass through products and quotients.
"""

from __future__ import annotations

import math
from typing import Any

from srcgrad.builder import Builder, const
from srcgrad.ir import Const, Operand, Value
from srcgrad.types import Scalar

__all__ = ["Algebra"]

_ROWS = {"neg", "mul", "div", "pow", "add", "sub", "sum"}


class Algebra(Builder):
    """A builder that keeps floating-point products and sums short."""

    def __init__(self) -> None:
        super().__init__(trusting=True)
        self.made: dict[Operand, tuple[str, tuple[Operand, ...]]] = {}

    def op(self, row: str, *args: Operand | float, name: str = "", **attrs: Any) -> Any:
        """Apply a row, in a shorter way if there is one."""
        given = tuple(const(a) if isinstance(a, int | float) else a for a in args)
        if row not in _ROWS or not any(_is_float(a) for a in given):
            return super().op(row, *given, name=name, **attrs)
        if row == "mul" and isinstance(given[1], Const):
            given = given[::-1]
        shorter = self.unit(row, given)
        if shorter is None:
            shorter = self.sign(row, given, name, attrs)
        if shorter is None and row == "mul" and _is_number(given[1]):
            shorter = self.factor(given[0], given[1], name)
        if shorter is not None:
            return shorter
        out = super().op(row, *given, name=name, **attrs)
        self.made[out] = row, given
        return out

    def unit(self, row: str, given: tuple[Operand, ...]) -> Operand | None:
        """Drop a factor, divisor or exponent of one."""
        first, last = given[0], given[-1]
        if row == "mul" and isinstance(first, Const) and first.value == 1:
            return last
        if row in ("div", "pow") and isinstance(last, Const) and last.value == 1:
            return first if isinstance(first, Value) else None
        return None

    def sign(
        self, row: str, given: tuple[Operand, ...], name: str, attrs: dict[str, Any]
    ) -> Operand | None:
        """Move signs outward."""
        bare = [self.negated(a) for a in given]
        if row == "pow" or not any(b is not None for b in bare):
            return None
        x, y = given[0], given[-1]
        a, b = bare[0], bare[-1]
        out: Operand | None = None
        if row == "neg":
            out = a
        elif row == "sum":
            assert a is not None
            out = self.op("neg", self.op("sum", a, **attrs), name=name)
        elif row in ("mul", "div"):
            out = self.op(row, x if a is None else a, y if b is None else b, name=name)
            if a is None or b is None:
                out = self.op("neg", out, name=name)
        elif a is None and b is not None:
            out = self.op("sub" if row == "add" else "add", x, b, name=name)
        elif a is not None and b is None and row == "add":
            out = self.op("sub", y, a, name=name)
        return out

    def negated(self, x: Operand) -> Operand | None:
        """Return `y` if `x` was made as `-y`."""
        row, args = self.made.get(x, ("", ()))
        # Memory that is not a result of ours may have been written since.
        lasts = row == "neg" and (_is_number(args[0]) or args[0] in self.made)
        return args[0] if lasts else None

    def factor(self, factor: Operand, x: Operand, name: str) -> Operand | None:
        """Move a power of two to the front of products and quotients of numbers."""
        row, args = self.made.get(x, ("", ()))
        if row == "mul" and not isinstance(factor, Const) and _is_exact(args[0]):
            front = self.op("mul", args[0], factor)
            moved: Operand = self.op("mul", front, args[1], name=name)
            return moved
        if not isinstance(factor, Const) or not _is_exact(factor):
            return None
        if row == "mul" and isinstance(args[0], Const) and args[0].type.python:
            number = const(float(factor.value) * float(args[0].value))
            if number.value == int(number.value):
                number = const(int(number.value))
            out: Operand = self.op("mul", number, args[1], name=name)
            return out
        if row == "div":
            out = self.op("div", self.op("mul", factor, args[0]), args[1], name=name)
            return out
        return None


def _is_float(x: Operand) -> bool:
    return isinstance(x, Value) and x.type.dtype.startswith("float")


def _is_number(x: Operand) -> bool:
    return isinstance(x.type, Scalar)


def _is_exact(x: Operand) -> bool:
    """Tell whether multiplying by a number moves the exponent alone."""
    known = isinstance(x, Const) and x.type.python
    return known and math.frexp(abs(x.value))[0] == 0.5  # type: ignore[union-attr]
