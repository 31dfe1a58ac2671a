"""Write the arithmetic of rules the way one would by hand.

Units vanish, numbers come first, signs move outward until an addition takes them up:
`-(-(g * 2)) * x` is written `2 * g * x`. All of it is exact in floating point: signs
and powers of two pass through products and quotients.
"""

import math
from typing import Any, TypeGuard

from srcgrad.builder import Builder, const
from srcgrad.ir import Const, Operand, Value
from srcgrad.ops.table import ROWS
from srcgrad.types import Scalar, is_complex, is_float

_NUMBER = int | float | complex
_ROWS = {"neg", "mul", "div", "pow", "add", "sub", "sum", "matmul", "where"}


class Algebra(Builder):
    """A builder that keeps floating-point products and sums short."""

    def __init__(self) -> None:
        super().__init__(trusting=True)
        self.made: dict[Operand, tuple[str, tuple[Operand, ...]]] = {}
        self.shared: dict[Any, Any] = {}  # what rules of one statement have computed

    def cast(self, x: Operand, dtype: str, python: bool | None = None) -> Operand:
        """Return an operand in a dtype.

        What is real moves with the real part alone: `dL = Re(g * dz)`.
        """
        if is_complex(x.type) and not dtype.startswith("complex"):
            x = self.op("real", x)
        return super().cast(x, dtype, python)

    def op(
        self, row: str, *args: Operand | complex, name: str = "", **attrs: Any
    ) -> Any:
        """Apply a row, in a shorter way if there is one."""
        given = tuple(const(a) if isinstance(a, _NUMBER) else a for a in args)
        if ROWS[row].kind == "rule":
            return self._once(row, given, name, attrs)
        if row not in _ROWS or not any(is_float(a.type) for a in given):
            return super().op(row, *given, name=name, **attrs)
        if row == "mul":
            given = tuple(sorted(given, key=lambda a: isinstance(a, Value)))
        elif row == "div" and attrs.pop("via", "np") and isinstance(given[1], Value):
            if all(a.type.python for a in given):
                attrs["via"] = "np"  # slopes are infinite where Python raises
        out = self._shorter(row, given, name, attrs)
        if out is None:
            out = super().op(row, *given, name=name, **attrs)
            self.made[out] = row, given
        return out

    def _once(
        self, row: str, given: tuple[Operand, ...], name: str, attrs: dict[str, Any]
    ) -> Any:
        """Return a dear result; two operands of one statement may ask for the same."""
        seen = [self.views.get(a) if isinstance(a, Value) else None for a in given]
        parts = ((v.base, v.path) if v else a for v, a in zip(seen, given, strict=True))
        here, key = self.open[-1], (row, *parts, *attrs.items())
        block, out = self.shared.get(key, (None, None))
        if block is not here:
            out = super().op(row, *given, name=name, **attrs)
            self.shared[key] = here, out
        return out

    def _shorter(
        self, row: str, given: tuple[Operand, ...], name: str, attrs: dict[str, Any]
    ) -> Any:
        """Return a result in another way, without units and with signs outside."""
        x, y = given[0], given[-1]
        a, b = self._negated(x), self._negated(y)
        match row, x, y:
            case (
                ("mul", Const(1), z)
                | ("mul", z, Const(1))
                | ("div" | "pow", z, Const(1))
            ):
                # Memory that is not a result of ours may be written before it is read.
                ours = not z.type.rank or z in self.made
                return z if ours else super().op("copy", z, name=name)
            case ("mul", Const(-1), z) | ("mul", z, Const(-1)):
                return self.op("neg", z)
            case "where", Const(value), _:
                z = given[1 if value else 2]
                return z if isinstance(z, Value) else None
            case "neg", Const(value, type), _:
                return Const(-value, type)
            case "neg", Value(), _ if (k := self._factor(x)) and k.value < 0:
                return self.op("mul", Const(-k.value, k.type), self.made[x][1][1])
            case "neg", _, _:
                return a
            case "sum", _, _ if a:
                return self.op("neg", self.op("sum", a, **attrs), name=name)
            case "mul" | "div" | "matmul", _, _ if a or b:
                out = self.op(row, a or x, b or y, name=name, **attrs)
                return out if a and b else self.op("neg", out, name=name)
            case "mul", _, Value(type=Scalar()):
                return self._power(x, y, name)
            case "add" | "sub", _, _ if b:
                return self.op("sub" if row == "add" else "add", x, b, name=name)
            case "add", _, _ if a:
                return self.op("sub", y, a, name=name)
        return None

    def _negated(self, x: Operand) -> Operand | None:
        """Return `y` if `x` was made as `-y`."""
        row, args = self.made.get(x, ("", ()))
        # Memory that is not a result of ours may have been written since.
        lasts = row == "neg" and (args[0].type.rank == 0 or args[0] in self.made)
        return args[0] if lasts else None

    def _factor(self, x: Value) -> Const | None:
        """Return the number of `number * y`."""
        row, args = self.made.get(x, ("", ()))
        ours = row == "mul" and (not args[1].type.rank or args[1] in self.made)
        one = args[0] if ours else None
        return one if isinstance(one, Const) and not is_complex(one.type) else None

    def _power(self, factor: Operand, x: Value, name: str) -> Any:
        """Move a power of two to the front of products and quotients of numbers."""
        match self.made.get(x):
            case "mul", (k, y) if not isinstance(factor, Const) and _is_exact(k):
                return self.op("mul", self.op("mul", k, factor), y, name=name)
            case "mul", (Const(float() | int() as k, Scalar(python=True)), y) if (
                _is_exact(factor)
            ):
                number = float(factor.value) * float(k)
                whole = int(number) if number.is_integer() else number
                return self.op("mul", whole, y, name=name)
            case "div", (y, z) if _is_exact(factor):
                return self.op("div", self.op("mul", factor, y), z, name=name)
        return None


def _is_exact(x: Operand) -> TypeGuard[Const]:
    """Tell whether multiplying by a number moves the exponent alone."""
    known = isinstance(x, Const) and x.type.python and not is_complex(x.type)
    return known and math.frexp(abs(x.value))[0] == 0.5  # type: ignore[union-attr]
