"""Write the arithmetic of rules the way one would by hand.

Units vanish, numbers come first, signs move outward until an addition takes them up:
`-(-(g * 2)) * x` is written `2 * g * x`. All of it is exact in floating point: signs
and powers of two pass through products and quotients.
"""

import math
from typing import Any

from srcgrad.builder import Builder, const
from srcgrad.ir import Const, Operand, Value
from srcgrad.types import Scalar, is_float

_ROWS = {"neg", "mul", "div", "pow", "add", "sub", "sum"}


class Algebra(Builder):
    """A builder that keeps floating-point products and sums short."""

    def __init__(self) -> None:
        super().__init__(trusting=True)
        self.made: dict[Operand, tuple[str, tuple[Operand, ...]]] = {}

    def op(self, row: str, *args: Operand | float, name: str = "", **attrs: Any) -> Any:
        """Apply a row, in a shorter way if there is one."""
        given = tuple(const(a) if isinstance(a, int | float) else a for a in args)
        if row not in _ROWS or not any(is_float(a.type) for a in given):
            return super().op(row, *given, name=name, **attrs)
        if row == "mul":
            given = tuple(sorted(given, key=lambda a: isinstance(a, Value)))
        shorter = self._unit(row, given) or self._sign(row, given, name, attrs)
        shorter = shorter or self._power(row, given, name)
        if shorter is not None:
            return shorter
        out = super().op(row, *given, name=name, **attrs)
        self.made[out] = row, given
        return out

    def _unit(self, row: str, given: tuple[Operand, ...]) -> Any:
        """Drop a factor, divisor or exponent of one; negate a number."""
        first, last = given[0], given[-1]
        for x, y in ((first, last), (last, first)):
            if row == "mul" and isinstance(x, Const) and abs(x.value) == 1:
                return y if x.value == 1 else self.op("neg", y)
        if row == "neg" and isinstance(first, Const):
            return Const(-first.value, first.type)
        if row in ("div", "pow") and isinstance(last, Const) and last.value == 1:
            return first
        return None

    def _sign(
        self, row: str, given: tuple[Operand, ...], name: str, attrs: dict[str, Any]
    ) -> Any:
        """Move signs outward."""
        x, y = given[0], given[-1]
        a, b = self._negated(x), self._negated(y)
        if row == "pow" or (a is None and b is None):
            return None
        if row == "neg":
            return a
        if row == "sum":
            return self.op("neg", self.op("sum", a or x, **attrs), name=name)
        if row in ("mul", "div"):
            out = self.op(row, a or x, b or y, name=name)
            return out if a and b else self.op("neg", out, name=name)
        if b is not None and a is None:
            return self.op("sub" if row == "add" else "add", x, b, name=name)
        if a is not None and b is None and row == "add":
            return self.op("sub", y, a, name=name)
        return None

    def _negated(self, x: Operand) -> Operand | None:
        """Return `y` if `x` was made as `-y`."""
        row, args = self.made.get(x, ("", ()))
        # Memory that is not a result of ours may have been written since.
        lasts = row == "neg" and (args[0].type.rank == 0 or args[0] in self.made)
        return args[0] if lasts else None

    def _power(self, row: str, given: tuple[Operand, ...], name: str) -> Any:
        """Move a power of two to the front of products and quotients of numbers."""
        factor, x = given[0], given[-1]
        if row != "mul" or not isinstance(x.type, Scalar):
            return None
        made, args = self.made.get(x, ("", ()))
        if made == "mul" and not isinstance(factor, Const) and _is_exact(args[0]):
            front = self.op("mul", args[0], factor)
            return self.op("mul", front, args[1], name=name)
        if not isinstance(factor, Const) or not _is_exact(factor):
            return None
        if made == "mul" and isinstance(args[0], Const) and args[0].type.python:
            number = float(factor.value) * float(args[0].value)
            whole = int(number) if number.is_integer() else number
            return self.op("mul", whole, args[1], name=name)
        if made == "div":
            front = self.op("mul", factor, args[0])
            return self.op("div", front, args[1], name=name)
        return None


def _is_exact(x: Operand) -> bool:
    """Tell whether multiplying by a number moves the exponent alone."""
    known = isinstance(x, Const) and x.type.python
    return known and math.frexp(abs(x.value))[0] == 0.5  # type: ignore[union-attr]
