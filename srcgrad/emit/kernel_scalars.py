"""Write scalar expressions for Numba: one dtype each, and checks where Python raises.

Numba promotes by rules of its own (float32 with a Python float is a float64, small ints
grow), so every operand is cast to the dtype that its row computes in, and no literal is
left to be guessed at.

A subscript that is certain to be inside its axis is not checked. One that runs with the
variables of the loops around it is checked before those loops, by its least and its
largest value, if it is used in every turn. Any other is checked where it is used. A
check that is made is known afterwards, so it is made once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np

from srcgrad.analyses.bounds import Bounds
from srcgrad.builder import const
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import COMPARE, SUM, TERM, UNARY, Text, fill, number
from srcgrad.emit.writer import Writer
from srcgrad.errors import Location
from srcgrad.ir import Const, For, Op, Operand, Path, Stmt, Value, owned
from srcgrad.ops.table import ROWS, np_dtype
from srcgrad.types import Dim, combine, is_inexact, promote
from srcgrad.walk import free

ONE = Dim(1)
_SAFE = 56  # bits: a sum of a few such numbers fits into 64
_STEP = 255  # so much a turn: what all turns add has no more bits than that
_UNIT: dict[Operand, int] = {const(1): 1, const(-1): -1}


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """An integer of the kernel as text; `value` is what it is, or the length is of.

    `known` is what it is in terms of the function's own integers.
    """

    text: Text
    number: int
    value: Value | None = None
    known: Dim | None = None


@dataclass(slots=True, eq=False)
class Frame:
    """A loop that is being written, and where its head is."""

    loop: For
    mark: int
    indent: int
    scope: int


def total(form: Dim) -> str:
    """Return a sum of names and numbers as text."""
    text = ""
    terms = sorted(form.terms, key=lambda term: term[1] < 0)
    parts = [(a.text.at(TERM if f == 1 else UNARY), f) for a, f in terms]
    parts = [(f"{abs(f)} * {t}" if f**2 > 1 else t, f) for t, f in parts]
    if form.const or not parts:
        first = bool(parts) and parts[0][1] < 0
        parts.insert(0 if first else len(parts), (str(abs(form.const)), form.const))
    for part, factor in parts:
        sign = "-" if factor < 0 else "+"
        text += f" {sign} {part}" if text else f"-{part}" if factor < 0 else part
    return text


def literal(value: float | int | bool, dtype: str) -> Text:
    """Return a number as a literal of a dtype."""
    kinds = {"b": bool, "f": float, "c": complex}
    shown = number(kinds.get(np.dtype(dtype).kind, int)(value))
    if dtype in ("bool", "int64", "float64", "complex128"):
        return shown
    return Text(f"{np_dtype(dtype)}({shown.text})")


def held(x: Operand, dtype: str) -> bool:
    """Tell whether a dtype that operands meet in holds what an int of Python may be."""
    if dtype in ("", "int64") or not x.type.python or np.dtype(dtype).kind not in "iu":
        return True
    ends = np.iinfo(dtype)
    return isinstance(x, Const) and ends.min <= x.value <= ends.max


def cast(text: Text, given: str, wanted: str) -> Text:
    """Return a scalar in another dtype."""
    if given == wanted:
        return text
    if wanted == "bool":
        return Text(f"{text.at(SUM)} != 0", COMPARE)
    if wanted == "float64" and given == "int64":
        return Text(f"float({text.text})")
    return Text(f"{np_dtype(wanted)}({text.text})")


def is_sum(bounds: Bounds, stmt: Stmt | None) -> bool:
    """Tell whether an integer is a sum that 64 bits hold; NumPy's sums wrap."""
    if not isinstance(stmt, Op) or stmt.row not in ("add", "sub", "neg", "mul"):
        return False
    return stmt.out.type.python and not bounds.overflows(stmt)


class Scalars(Writer):
    """Scalar expressions, and the checks of subscripts."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming)
        self.regions = nest.regions
        self.bounds = Bounds(nest.regions)
        self.taken = taken | set(naming.names.values())
        self.here: dict[Value, Text] = {}  # the leaves of the tree being written
        self.names: dict[tuple[str, Value | Name], Name] = {}
        self.frames: list[Frame] = []
        self.proved: list[list[Dim]] = [[]]  # what earlier checks tell, block by block

    def begin(self, loc: Location) -> None:
        super().begin(loc)
        self.here.clear()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Write an inner block: what is proved inside it is forgotten afterwards."""
        self.proved.append([])
        with super().inside():
            yield
        self.proved.pop()

    def loop(self, s: For) -> None:
        super().loop(s)
        self.frames.pop()

    def range(self, s: For) -> str:
        """Return the arguments of `range`; note the loop that begins."""
        certain = s.start == const(0) or s.stop == const(-1)
        if not certain and max(map(self.bounds.bits, (s.start, s.stop))) > _SAFE:
            # Numba takes the difference in 64 bits to count the turns.
            stop, start = self.show(s.stop).text, self.show(s.start).text
            self.line(f"rt_subtract({stop}, {start}, {s.loc.line})")
        self.frames.append(Frame(s, len(self.lines), self.indent, len(self.proved)))
        return super().range(s)

    def fresh(self, name: str) -> str:
        """Return a name that no value and no other temporary has."""
        k = 1
        while (found := f"{name}{k}") in self.taken:
            k += 1
        self.taken.add(found)
        return found

    def hoist(self, text: Text | str, name: str = "t") -> Text:
        """Give an expression a name of its own, on a line before the statement."""
        text = Text(text) if isinstance(text, str) else text
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
        stmt = self.folded(x)
        if x in self.here:
            return self.here[x]
        if stmt is None:
            return Text(self.naming[x])
        if isinstance(stmt, Op):
            return self.operation(stmt)
        return self.element(stmt.base, stmt.path, stmt)

    def shown_as(self, x: Operand, dtype: str, wraps: bool = False) -> Text:
        if isinstance(x, Const) and wraps and not held(x, dtype):
            x = const(int(np.array(x.value).astype(dtype)))
        text = literal(x.value, dtype) if isinstance(x, Const) else self.show(x)
        if not (wraps or held(x, dtype)):
            text, ends = self.hoist(self.show(x)), np.iinfo(dtype)
            self.refuse("OverflowError", f"not {ends.min} <= {text.text} <= {ends.max}")
        return cast(text, dtype if isinstance(x, Const) else x.type.dtype, dtype)

    def bound(self, x: Operand, dtype: str, low: bool) -> Text:
        """Return a bound of a clip, which may be too far out to matter."""
        text, ends = self.hoist(self.show(x)).text, np.iinfo(dtype)
        self.refuse(
            "OverflowError", f"{text} > {ends.max}" if low else f"{text} < {ends.min}"
        )
        own = f"max({text}, {ends.min})" if low else f"min({text}, {ends.max})"
        return Text(f"{np_dtype(dtype)}({own})")

    def operation(self, op: Op) -> Text:
        """Return an operation on scalars, or on the elements of arrays."""
        row, out = ROWS[op.row], op.out.type.dtype
        if row.loop is None:
            return self.call(op)
        loop = row.loop if isinstance(row.loop, str) else row.loop(op)
        if row.exact and self.bounds.overflows(op):
            loop = row.exact
        error, _, test = (row.check(op) if row.check else "").partition(" if ")
        # The dtype that the row computes its operands in; nothing for their own.
        common = {"bool": "bool", "own": ""}.get(row.takes, out)
        if row.takes in ("common", "float"):
            common = promote(*(a.type for a in op.args))
            if row.takes == "float" and not is_inexact(common):
                common = "float64"
        if out == "bool" and not all(held(x, common) for x in op.args):
            common = ""  # NumPy compares Python's own ints as they are
        given = {}
        for name, x in zip(row.params, op.args, strict=True):
            dtype = "bool" if name == "c" else common or x.type.dtype
            if op.row == "clip" and not held(x, dtype):
                given[name] = self.bound(x, dtype, name == "lo")
            else:  # NumPy wraps no ints of Python, but in `where`
                given[name] = self.shown_as(x, dtype, op.row == "where")
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
        wide = out in ("float64", "bool", "complex128")
        if not (row.takes or wide or plain or loop == row.exact):
            text = Text(f"{np_dtype(out)}({text.text})")
        if "{z}" in test:
            text = given["z"] = self.hoist(text)
            self.refuse(error, fill(test, given).text)
        return text

    # integers as sums of names

    def named(
        self, text: Text | str, value: Value | None = None, known: Dim | None = None
    ) -> Dim:
        """Return an integer that is text as a sum.

        Where its value is not given, nothing of an equal text may be known of it: what
        stands in the text may have changed.
        """
        text = Text(text) if isinstance(text, str) else text
        if re.fullmatch(r"-?\d+", text.text):
            return Dim(int(text.text))
        made = Name(text, len(self.names), value, known)
        return Dim.of(self.names.setdefault((text.text, value or made), made))

    def form(self, x: Operand) -> Dim:
        """Return an integer as a sum of names."""
        if isinstance(x, Const):
            return Dim(int(x.value))
        stmt = self.folded(x)
        if isinstance(stmt, Op) and is_sum(self.bounds, stmt):
            found = combine(stmt.row, [self.form(a) for a in stmt.args])
            if found is not None:
                return found
        text = self.show(x)
        if stmt is not None:
            self.here[x] = text  # what checks it needs stand once
        return self.named(text, x, self.bounds.linear(x))

    def simple(self, form: Dim, name: str) -> Dim:
        """Return a sum that may be written several times."""
        text = total(form)
        if re.fullmatch(r"\w+( [+-] \w+)*", text):
            return form
        return self.named(self.hoist(Text(text, UNARY), name), None, self.known(form))

    def known(self, form: Dim) -> Dim:
        """Return a sum in terms of the function's own integers."""
        return form.put({a: a.known for a, _ in form.terms if a.known is not None})

    def sure(self, form: Dim, at: Stmt) -> bool:
        """Tell whether a sum is certain not to be negative."""
        proved = [d for dims in self.proved for d in dims]
        return self.bounds.holds(self.known(form), at, proved)

    # subscripts

    def from_beginning(self, item: Operand, length: Dim, at: Stmt) -> Text:
        """Return a subscript that counts from the beginning."""
        k = self.subscript(item, length, at)
        if isinstance(item, Const) or self.sure(k, at):
            return Text(total(k), SUM)
        name = self.hoist(Text(total(k), SUM), "k").text
        # A branch would cost Numba two passes over the whole kernel.
        return Text(f"{name} + ({name} < 0) * {Text(total(length), SUM).at(TERM)}", SUM)

    def subscript(self, item: Operand, extent: Dim, at: Stmt) -> Dim:
        """Return a subscript; raise before the statement if it may be outside."""
        form = self.form(item)
        low, high = form + extent, extent - form - ONE
        inside = self.sure(form, at) or self.sure(low, at)
        needed = (not inside, not self.sure(high, at))
        if any(needed):
            if not self.before_loops(form, extent, at, needed):
                form = self.simple(form, "k")
                ends = (form, extent.scaled(-1)), (form, extent)
                self.refuse("IndexError", _outside(*ends, needed))
            self.proved[-1] += map(self.known, (low, high))
        return form + extent if form.known is not None and form.known < 0 else form

    def before_loops(
        self, form: Dim, extent: Dim, at: Stmt, needed: tuple[bool, bool]
    ) -> bool:
        """Check the extreme values before the loops around; tell whether it is done."""
        low = high = form
        used = [extent]  # what else the text of the check is made of
        guards: list[str] = []
        head: Frame | None = None
        chain = self.regions.site[at].chain
        for (stmt, _), frame in zip(chain[::-1], self.frames[::-1], strict=False):
            loop = frame.loop
            if stmt is not loop or loop.exit is not None or loop.step not in _UNIT:
                break
            if loop.parallel:  # what it repeats is a function of its own
                break
            ((own, _),) = self.form(loop.var).terms
            low, high = (self.entered(loop, d, Dim.of(own)) for d in (low, high))
            atoms = {a for d in (low, high, *used) for a, _ in d.terms if a is not own}
            there = all(self.is_there(a.value, loop) for a in atoms)
            if not there or any(d.factor(own) for d in used):
                break
            start, stop = map(self.form, (loop.start, loop.stop))
            sign = _UNIT[loop.step]
            ends = start, stop - Dim(sign)
            low = low.put({own: ends[sign * low.factor(own) < 0]})
            high = high.put({own: ends[sign * high.factor(own) > 0]})
            turns = self.known((stop - start).scaled(sign) - ONE)
            if not self.bounds.holds(turns, loop):
                runs = "<" if sign > 0 else ">"
                guards.append(f"{total(start)} {runs} {total(stop)}")
            used += [start, stop]
            head = frame
        if head is None:
            return False
        under, over = self.moved(low, extent.scaled(-1)), self.moved(high, extent)
        if under is None or over is None:
            return False
        test = _outside(under, over, needed)
        test = f"({test})" if guards and all(needed) else test
        indent, mark = "    " * head.indent, head.mark
        lines = [f"if {' and '.join([*guards, test])}:", "    raise IndexError"]
        self.lines[mark:mark] = [(indent + text, self.at) for text in lines]
        for frame in self.frames:
            frame.mark += 2 * (frame.mark >= mark)
        if not guards:
            told = (low + extent, extent - high - ONE)
            self.proved[head.scope - 1] += map(self.known, told)
        return True

    def entered(self, loop: For, form: Dim, turn: Dim) -> Dim:
        """Return a sum, as far as can be, in terms of what is known before a loop.

        What each turn adds the same number to is what it was and what was added.
        """
        found = {}
        for atom, _ in form.terms:
            if atom.value is not None and not self.is_there(atom.value, loop):
                linear = self.bounds.linear(atom.value)
                if all(self.has_name(x) for x, _ in linear.terms):
                    found[atom] = linear.put({x: self.form(x) for x, _ in linear.terms})
        form = form.put(found)
        for carry in loop.carries:
            step = (self.bounds.linear(carry.yld) - Dim.of(carry.inn)).known
            if step is None or abs(step) > _STEP or not self.has_name(carry.init):
                continue
            gone = (turn - self.form(loop.start)).scaled(_UNIT[loop.step] * step)
            first = self.form(carry.init) + gone
            form = form.put({a: first for a, _ in form.terms if a.value is carry.inn})
        return form

    def has_name(self, x: Operand) -> bool:
        """Tell whether an integer is a literal, or has a name in the open function.

        Of what is around a loop for threads its function has what the loop uses.
        """
        shared = [f.loop for f in self.frames if f.loop.parallel]
        inside = dict(self.regions.chain.get(x, ()))
        there = all(loop in inside or x in free(loop) for loop in shared)
        return isinstance(x, Const) or (self.folded(x) is None and there)

    def moved(self, left: Dim, right: Dim) -> tuple[Dim, Dim] | None:
        """Return a comparison none of whose sums may wrap; None if there is none."""
        numbers = [t for t in left.terms if not owned(t[0].value.type)]
        large = [t for t in numbers if self.bounds.bits(t[0].value) > _SAFE]
        if large and (len(large) > 1 or large[0][1] != 1):
            return None
        rest = left - Dim.of(large[0][0]) if large else Dim(0)
        return left - rest, right - rest

    def is_there(self, x: Value | None, loop: For) -> bool:
        """Tell whether an integer, or an array's length, is known before a loop."""
        if x is None or x in self.nest.folded:
            return False
        if not any(s is loop for s, _ in self.regions.chain[x]):
            return True
        find: Any = self.naming.find
        same = (find(c.inn) is find(x) is find(c.init) for c in loop.carries)
        return owned(x.type) and any(same)


def _outside(
    under: tuple[Dim, Dim], over: tuple[Dim, Dim], needed: Sequence[bool]
) -> str:
    """Return the test that one is below another, or a second one not below another."""
    (low, first), (high, last) = under, over
    tests = [f"{total(low)} < {total(first)}", f"{total(high)} >= {total(last)}"]
    if low.known is not None:
        tests[0] = f"{total(first.scaled(-1))} < {-low.known}"
    if high.known is not None:
        tests[1] = f"{total(last)} < {high.known + 1}"
    return " or ".join(compress(tests, needed))
