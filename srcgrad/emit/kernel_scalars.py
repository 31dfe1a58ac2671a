"""Write scalar expressions for Numba: one dtype each, and checks where Python raises.

Numba promotes by rules of its own (float32 with a Python float is a float64, small ints
grow), so every operand is cast to the dtype that its row computes in, and no literal is
left to be guessed at.
"""

from __future__ import annotations

import re

from srcgrad.emit.kernel_bounds import Sizes
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import COMPARE, SUM, Text, fill, number
from srcgrad.emit.writer import Writer
from srcgrad.errors import Location
from srcgrad.ir import Const, Op, Operand, Path, Stmt, Value
from srcgrad.ops.table import ROWS, Row, np_dtype
from srcgrad.types import promote


def literal(value: float | int | bool, dtype: str) -> Text:
    """Return a number as a literal of a dtype."""
    if dtype in ("bool", "int64"):
        return number(bool(value) if dtype == "bool" else int(value))
    if dtype == "float64":
        return number(float(value))
    shown = number(float(value) if dtype == "float32" else int(value))
    return Text(f"{np_dtype(dtype)}({shown.text})")


def cast(text: Text, given: str, wanted: str) -> Text:
    """Return a scalar in another dtype."""
    if given == wanted:
        return text
    if wanted == "bool":
        return Text(f"{text.at(SUM)} != 0", COMPARE)
    if wanted == "float64" and given == "int64":
        return Text(f"float({text.text})")
    return Text(f"{np_dtype(wanted)}({text.text})")


class Scalars(Writer):
    """Scalar expressions."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming)
        self.regions = nest.regions
        self.sizes = Sizes(nest.regions)
        self.taken = taken | set(naming.names.values())
        self.here: dict[Value, Text] = {}  # the leaves of the tree being written
        self.kept: dict[Value, Text] = {}  # parts of the bounds of the loops around

    def begin(self, loc: Location) -> None:
        super().begin(loc)
        self.here.clear()

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

    def refuse(self, exception: str, test: str) -> None:
        """Raise where a test holds; the message is for the plain run."""
        self.line(f"if {test}:")
        self.line(f"    raise {exception}")

    # operands

    def element(self, base: Value, path: Path, at: Stmt) -> Text:
        """Return an element of an array."""
        raise NotImplementedError

    def call(self, op: Op) -> Text:
        """Return a row that is no elementwise one."""
        raise NotImplementedError

    def show(self, x: Operand) -> Text:
        if isinstance(x, Const):
            return literal(x.value, x.type.dtype)
        if x in self.here or x in self.kept:
            return self.here.get(x) or self.kept[x]
        stmt = self.folded(x)
        if stmt is None:
            return Text(self.naming[x])
        if isinstance(stmt, Op):
            return self.operation(stmt)
        return self.element(stmt.base, stmt.path, stmt)

    def shown_as(self, x: Operand, dtype: str) -> Text:
        if isinstance(x, Const):
            return literal(x.value, dtype)
        return cast(self.show(x), x.type.dtype, dtype)

    def operation(self, op: Op) -> Text:
        """Return an operation on scalars, or on the elements of arrays."""
        row, out = ROWS[op.row], op.out.type.dtype
        if row.loop is None:
            return self.call(op)
        loop = row.loop if isinstance(row.loop, str) else row.loop(op)
        if row.exact and self.sizes.leaves(op):
            loop = row.exact
        error, _, test = (row.check(op) if row.check else "").partition(" if ")
        given = {
            name: self.shown_as(x, self.computed_in(row, name, op) or x.type.dtype)
            for name, x in zip(row.params, op.args, strict=True)
        }
        for name, text in given.items():
            hole = f"{{{name}}}"
            if loop.count(hole) > 1 or hole in test:
                given[name] = self.hoist(text)
        attrs = {**row.attrs, **op.attrs, "line": op.loc.line}
        given |= {name: Text(str(value)) for name, value in attrs.items()}
        if test and "{z}" not in test:
            self.refuse(error, fill(test, given).text)
        text = fill(loop, given)
        # Operators alone keep the dtype of their operands, also under Numba.
        plain = out in ("float32", "int64") and not re.search(r"\w\(|\d", loop)
        if not (row.takes or out in ("float64", "bool") or plain or loop == row.exact):
            text = Text(f"{np_dtype(out)}({text.text})")
        if "{z}" in test:
            text = given["z"] = self.hoist(text)
            self.refuse(error, fill(test, given).text)
        return text

    @staticmethod
    def computed_in(row: Row, param: str, op: Op) -> str:
        """Return the dtype that a row computes an operand in; nothing for its own."""
        if param == "c" or row.takes == "bool":
            return "bool"
        if row.takes in ("common", "float"):
            dtype = promote(*(a.type for a in op.args))
            floats = row.takes == "common" or dtype.startswith("float")
            return dtype if floats else "float64"
        return "" if row.takes == "own" else op.out.type.dtype
