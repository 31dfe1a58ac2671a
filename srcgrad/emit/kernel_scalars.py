"""Write scalar expressions for Numba: one dtype each, and checks where Python raises.

Numba promotes by rules of its own (float32 with a Python float is a float64, small ints
grow), so every operand is cast to the dtype that its row computes in, and no literal is
left to be guessed at.
"""

from __future__ import annotations

import math
import re

from srcgrad.emit.kernel_sizes import Sizes
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import (
    ATOM,
    COMPARE,
    INFIX,
    NOT,
    POWER,
    SUM,
    TERM,
    TERNARY,
    UNARY,
    Text,
)
from srcgrad.ir import Const, Op, Operand, Read, Value, View
from srcgrad.ops.table import ROWS, Row
from srcgrad.types import promote

__all__ = ["Line", "Scalars", "dtype_text"]

Line = tuple[str, int]

_BITS = {"&", "|", "^"}
# Rows whose text in the table does not say what Numba must compute.
_LOOPS = {
    "floor": "np.floor({x})",
    "ceil": "np.ceil({x})",
    "fmod": "np.fmod({x}, {y})",
    "logical_and": "{x} & {y}",
    "logical_or": "{x} | {y}",
    "logical_xor": "{x} != {y}",
}
# What a scalar row computes with where that is not the dtype of its result.
_OPERANDS = {
    "isnan": "float", "isinf": "float", "isfinite": "float", "signbit": "float",
    "math_floor": "float", "math_ceil": "float", "logical_and": "bool",
    "logical_or": "bool", "logical_xor": "bool", "logical_not": "bool",
    "not_": "bool", "truth": "own", "to_int": "own", "math_trunc": "own",
    "cast": "own", "lt": "common", "le": "common", "gt": "common", "ge": "common",
    "eq": "common", "ne": "common",
}  # fmt: skip
# Rows that give the dtype of their operands also under Numba.
_KEEP = frozenset(
    "add sub mul div neg pos floordiv mod where max2 min2 maximum minimum fmax fmin "
    "square copy clip stop_gradient absolute sin cos tan exp log sqrt tanh".split()
)
_TRUTHS = frozenset(
    "lt le gt ge eq ne logical_and logical_or logical_xor logical_not not_ truth "
    "isnan isinf isfinite signbit".split()
)
_TO_INT = ("to_int", "math_floor", "math_ceil", "math_trunc")
_DOMAIN = {
    "positive": "{x} <= 0.0",
    "above -1": "{x} <= -1.0",
    "nonnegative": "{x} < 0.0",
    "unit": "abs({x}) > 1.0",
    "above 1": "{x} < 1.0",
    "open unit": "abs({x}) >= 1.0",
    "finite": "math.isinf({x})",
}
_POWERS = 4  # the largest exponent at which repeated products stay within 4 ulp


# Rows that may leave 64 bits, and what computes them with a check.
_EXACT = {
    "add": "add", "sub": "subtract", "mul": "multiply", "lshift": "shift",
    "neg": "subtract", "absolute": "subtract",
}  # fmt: skip


def dtype_text(dtype: str) -> str:
    """Return a dtype as Numba takes it.

    >>> dtype_text("bool"), dtype_text("float32")
    ('np.bool_', 'np.float32')
    """
    return "np.bool_" if dtype == "bool" else f"np.{dtype}"


def literal(value: float | int | bool, dtype: str) -> Text:
    """Return a number as a literal of a dtype."""
    if dtype == "bool":
        return Text(repr(bool(value)))
    if dtype == "int64":
        return Text(repr(int(value)), UNARY if value < 0 else ATOM)
    if not dtype.startswith("float"):
        return Text(f"{dtype_text(dtype)}({int(value)})")
    number = float(value)
    if math.isnan(number):
        text = Text("np.nan")
    elif math.isinf(number):
        text = Text("np.inf") if number > 0 else Text("-np.inf", UNARY)
    else:
        negative = math.copysign(1.0, number) < 0
        text = Text(repr(number), UNARY if negative else ATOM)
    return text if dtype == "float64" else Text(f"{dtype_text(dtype)}({text.text})")


def cast(text: Text, given: str, wanted: str) -> Text:
    """Return a scalar in another dtype."""
    if given == wanted:
        return text
    if wanted == "bool":
        return Text(f"{text.at(SUM)} != 0", COMPARE)
    if wanted == "float64" and given == "int64":
        return Text(f"float({text.text})")
    return Text(f"{dtype_text(wanted)}({text.text})")


class Scalars:
    """The lines written so far, and scalar expressions."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        self.nest, self.naming = nest, naming
        self.regions = nest.regions
        self.sizes = Sizes(nest.regions)
        self.lines: list[Line] = []
        self.indent = 0
        self.at = 0  # the user's line that is being written
        self.taken = taken | set(naming.names.values())
        self.here: dict[Value, Text] = {}  # the leaves of the tree being written
        self.kept: dict[Value, Text] = {}  # parts of the bounds of the loops around

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(("    " * self.indent + text, self.at))

    def fresh(self, name: str) -> str:
        """Return a name that no value and no other temporary has."""
        found, k = f"{name}1", 1
        while found in self.taken:
            k += 1
            found = f"{name}{k}"
        self.taken.add(found)
        return found

    def hoist(self, text: Text, name: str = "t") -> Text:
        """Give an expression a name of its own, on a line before the statement."""
        if re.fullmatch(r"-?[\w.]+(e[-+]?\d+)?", text.text):
            return text
        made = self.fresh(name)
        self.line(f"{made} = {text.text}")
        return Text(made)

    # operands

    def show(self, x: Operand) -> Text:
        """Return a scalar operand in its own dtype."""
        if isinstance(x, Const):
            return literal(x.value, x.type.dtype)
        if x in self.here or x in self.kept:
            return self.here.get(x) or self.kept[x]
        stmt = self.nest.folded.get(x)
        if stmt is None:
            return Text(self.naming[x])
        if isinstance(stmt, Op):
            return self.operation(stmt)
        return self.part(stmt)

    def part(self, stmt: Read | View) -> Text:
        """Return an element of an array."""
        raise NotImplementedError

    def call(self, stmt: Op) -> Text:
        """Return a row that is no elementwise one."""
        raise NotImplementedError

    def showed(self, x: Operand, dtype: str) -> Text:
        """Return a scalar operand in a given dtype."""
        if isinstance(x, Const):
            return literal(x.value, dtype)
        return cast(self.show(x), x.type.dtype, dtype)

    # operations

    def operation(self, stmt: Op) -> Text:
        """Return an operation on scalars, or on the elements of arrays."""
        row = ROWS[stmt.row]
        if row.kind != "elementwise" and row.name != "copy":
            return self.call(stmt)
        if row.name == "cast":
            return self.casted(stmt)
        if row.name == "pow":
            return self.power(stmt)
        args = self.arguments(stmt)
        out = stmt.out.type.dtype
        self.check(stmt, row, args)
        if out == "bool" and row.name in ("add", "mul", "maximum", "minimum"):
            symbol = "|" if row.name in ("add", "maximum") else "&"
            return Text(f"{args[0].at(ATOM)} {symbol} {args[1].at(ATOM)}", COMPARE)
        if stmt.row in _EXACT and self.sizes.leaves(stmt):
            return self.exact(stmt, args)
        text = self.spelled(row, args, stmt)
        if not self.keeps(row, out):
            text = Text(f"{dtype_text(out)}({text.text})")
        return self.overflow(stmt, row, args, text)

    def exact(self, stmt: Op, args: list[Text]) -> Text:
        """Return an operation on Python ints that raises where 64 bits do not do."""
        name, line = _EXACT[stmt.row], stmt.loc.line
        if len(args) == 2:
            return Text(f"rt_{name}({args[0].text}, {args[1].text}, {line})")
        x = self.hoist(args[0]).text
        minus = f"rt_subtract(0, {x}, {line})"
        return Text(minus if stmt.row == "neg" else f"max({x}, {minus})")

    def arguments(self, stmt: Op) -> list[Text]:
        """Return the operands in the dtype that the row computes in."""
        mode = _OPERANDS.get(stmt.row, "")
        out = stmt.out.type.dtype
        if mode == "own":
            return [self.show(a) for a in stmt.args]
        wanted = out
        if mode == "bool":
            wanted = "bool"
        elif mode == "common":
            wanted = promote(*(a.type for a in stmt.args))
        elif mode == "float":
            wanted = promote(*(a.type for a in stmt.args))
            wanted = wanted if wanted.startswith("float") else "float64"
        first = ["bool"] if stmt.row == "where" else []
        dtypes = [*first, *[wanted] * (len(stmt.args) - len(first))]
        return [self.showed(a, d) for a, d in zip(stmt.args, dtypes, strict=True)]

    def keeps(self, row: Row, dtype: str) -> bool:
        """Tell whether Numba gives the result the dtype it must have."""
        if row.name in _TRUTHS or dtype == "float64":
            return row.name != "sign" or dtype == "float64"
        if dtype in ("float32", "int64"):
            if row.name in _TO_INT:
                return True
            return row.name in _KEEP or bool(row.infix)
        return dtype == "bool"

    def spelled(self, row: Row, args: list[Text], stmt: Op) -> Text:
        """Return the application of an elementwise row."""
        if row.name in ("neg", "pos"):
            sign = "-" if row.name == "neg" else ""
            return Text(f"{sign}{args[0].at(UNARY)}", UNARY) if sign else args[0]
        if row.name in ("copy", "stop_gradient"):
            return args[0]
        if row.name in ("not_", "logical_not"):
            return Text(f"not {args[0].at(NOT)}", NOT)
        if row.name == "invert":
            if stmt.out.type.dtype == "bool":
                return Text(f"not {args[0].at(NOT)}", NOT)
            return Text(f"~{args[0].at(ATOM)}", UNARY)
        if row.infix in INFIX:
            level = INFIX[row.infix]
            left, right = args
            first = left.at(level if level != COMPARE else SUM)
            return Text(f"{first} {row.infix} {right.at(level - 1)}", level)
        if row.infix in _BITS:
            return Text(f"{args[0].at(ATOM)} {row.infix} {args[1].at(ATOM)}", COMPARE)
        if row.name == "truth":
            return cast(args[0], stmt.args[0].type.dtype, "bool")
        return self.template(row, args, stmt)

    def template(self, row: Row, args: list[Text], stmt: Op) -> Text:
        """Fill in the text that a row has in loops."""
        loop = _LOOPS.get(row.name, row.loop)
        if loop is None:
            raise NotImplementedError(f"{row.name} has no text in loops")
        loop = re.sub(r"\brt\.", "rt_", loop)
        filled = {}
        whole = re.fullmatch(r"[\w.]+\([^()]*\)", loop) is not None
        for name, text in zip(row.params, args, strict=True):
            if loop.count(f"{{{name}}}") > 1:
                text = self.hoist(text)
            filled[name] = text.text if whole else text.at(ATOM)
        extra = {k: stmt.attrs.get(k, v) for k, v in row.attrs.items()}
        shown = loop.format(**{**extra, **filled})
        atom = whole or (shown[0] == "(" and shown[-1] == ")")
        return Text(shown, ATOM if atom else TERNARY)

    def casted(self, stmt: Op) -> Text:
        """Return a conversion; `int(x)` of a float truncates."""
        (x,) = stmt.args
        return self.showed(x, stmt.out.type.dtype)

    def power(self, stmt: Op) -> Text:
        """Return a power: products for small literal exponents."""
        x, y = stmt.args
        out = stmt.out.type.dtype
        base = self.showed(x, out)
        known = y.value if isinstance(y, Const) else None
        if not out.startswith("float") and self.sizes.leaves(stmt):
            return self.integer_power(base, y, stmt)
        if known == 2:
            base = self.hoist(base)
            text = Text(f"{base.text} * {base.text}", TERM)
            return text if self.keeps(ROWS["mul"], out) else cast(text, "", out)
        if not out.startswith("float"):
            return self.integer_power(base, y, stmt)
        if known == 1:
            return base
        if known is not None and known in range(3, _POWERS + 1):
            return Text(f"{base.at(ATOM)} ** {int(known)}", POWER)
        if known == 0.5 and not stmt.out.type.python:
            return Text(f"math.sqrt({base.text})")
        exponent = self.showed(y, out)
        if stmt.out.type.python and stmt.attrs.get("via") != "np":
            return Text(f"rt_python_power({base.text}, {exponent.text})")
        return Text(f"{base.at(ATOM)} ** {exponent.at(ATOM)}", POWER)

    def integer_power(self, base: Text, y: Operand, stmt: Op) -> Text:
        """Return a power of integers; negative exponents are for the plain run."""
        out = stmt.out.type.dtype
        exponent = self.showed(y, out)
        if not isinstance(y, Const):
            exponent = self.hoist(exponent)
            self.line(f"if {exponent.text} < 0:")
            self.line("    raise ValueError")
        if self.sizes.leaves(stmt):
            args = f"{base.text}, {exponent.text}, {stmt.loc.line}"
            return Text(f"rt_integer_power({args})")
        text = Text(f"{base.at(ATOM)} ** {exponent.at(ATOM)}", POWER)
        return text if out == "int64" else cast(text, "", out)

    # what plain Python would raise

    def check(self, stmt: Op, row: Row, args: list[Text]) -> None:
        """Raise before the statement where plain Python would."""
        if row.name in _TO_INT and stmt.args[0].type.dtype.startswith("float"):
            x = args[0] = self.hoist(args[0])
            self.line(f"if not -2.0 ** 63 <= {x.text} < 2.0 ** 63:")
            self.line("    raise ValueError")
        if stmt.out.type.rank:
            return
        via = stmt.attrs.get("via")
        if row.check and row.check.startswith("nonzero"):
            at = row.params.index(row.check.split()[1])
            known = stmt.args[at]
            if not stmt.out.type.python or via == "np":
                return
            if isinstance(known, Const) and known.value != 0:
                return
            args[at] = self.hoist(args[at])
            self.line(f"if {args[at].text} == 0:")
            self.line("    raise ZeroDivisionError")
        elif via == "math" and row.check in _DOMAIN:
            args[0] = self.hoist(args[0])
            self.line(f"if {_DOMAIN[row.check].format(x=args[0].text)}:")
            self.line("    raise ValueError")
        elif via == "math" and row.name == "fmod":
            args[:] = [self.hoist(a) for a in args]
            self.line(f"if {args[1].text} == 0.0 or math.isinf({args[0].text}):")
            self.line("    raise ValueError")
        elif via == "math" and row.check == "overflow":
            args[0] = self.hoist(args[0])

    def overflow(self, stmt: Op, row: Row, args: list[Text], text: Text) -> Text:
        """Raise after the statement if a function of `math` overflows."""
        if row.check != "overflow" or stmt.attrs.get("via") != "math":
            return text
        z = self.hoist(text)
        self.line(f"if math.isinf({z.text}) and math.isfinite({args[0].text}):")
        self.line("    raise OverflowError")
        return z
