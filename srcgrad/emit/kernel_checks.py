"""Check subscripts, each as far out as it can be checked.

A subscript that is certain to be inside its axis is not checked. One that runs with the
variables of the loops around it is checked before those loops, by its least and its
largest value, if it is used in every turn. Any other is checked where it is used. A
check that is made is known afterwards, so it is made once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from srcgrad.builder import const
from srcgrad.emit.kernel_bounds import Bounds
from srcgrad.emit.kernel_scalars import Scalars
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import TERM, UNARY, Text
from srcgrad.ir import Const, For, Op, Operand, Stmt, Value, owned
from srcgrad.types import Dim, combine

_ONE = Dim(1)
_SAFE = 56  # bits: a sum of a few such numbers fits into 64
_SUMS = ("add", "sub", "neg", "mul")
_UNIT: dict[Operand, int] = {const(1): 1, const(-1): -1}


@dataclass(frozen=True, slots=True, eq=False)
class Name:
    """An integer of the kernel as text; `value` is what it is, or the length is of."""

    text: Text
    number: int
    value: Value | None

    @property
    def name(self) -> str:
        """The text."""
        return self.text.text


@dataclass(slots=True, eq=False)
class Frame:
    """A loop that is being written, and where its head is."""

    loop: For
    start: Dim
    stop: Dim
    mark: int
    indent: int
    scope: int


def total(form: Dim) -> str:
    """Return a sum of names and numbers as text."""
    parts = []
    for atom, factor in sorted(form.terms, key=lambda term: term[1] < 0):
        assert isinstance(atom, Name)
        text = atom.text.at(TERM if factor == 1 else UNARY)
        parts.append((factor < 0, f"{abs(factor)} * {text}" if factor**2 > 1 else text))
    if form.const or not parts:
        place = 0 if parts and parts[0][0] else len(parts)
        parts.insert(place, (form.const < 0, str(abs(form.const))))
    (negative, first), *rest = parts
    return "".join(
        [
            "-" * negative + first,
            *(f" {'-' if minus else '+'} {t}" for minus, t in rest),
        ]
    )


class Checks(Scalars):
    """Scalars, and the checks of subscripts."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.bounds = Bounds(self.regions)
        self.names: dict[tuple[str, Value | None], Name] = {}
        self.frames: list[Frame] = []
        self.proved: list[list[Dim]] = [[]]  # what earlier checks tell, block by block

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Write an inner block: what is proved inside it is forgotten afterwards."""
        self.proved.append([])
        with super().inside():
            yield
        self.proved.pop()

    # integers as sums of names

    def named(self, text: Text | str, value: Value | None = None) -> Dim:
        """Return an integer that is text as a sum."""
        text = Text(text) if isinstance(text, str) else text
        if re.fullmatch(r"-?\d+", text.text):
            return Dim(int(text.text))
        made = Name(text, len(self.names), value)
        return Dim.of(self.names.setdefault((text.text, value), made))

    def form(self, x: Operand, *, keep: bool = False, loose: bool = False) -> Dim:
        """Return an integer as a sum of names.

        `keep` gives names to the parts that are no sums; `loose` leaves out the check
        that a sum fits into 64 bits.
        """
        if isinstance(x, Const):
            return Dim(int(x.value))
        stmt = None if x in self.kept else self.folded(x)
        known = isinstance(stmt, Op) and stmt.out.type.python  # NumPy's sums wrap
        if isinstance(stmt, Op) and known and stmt.row in _SUMS:
            if loose or not (x in self.here or self.sizes.leaves(stmt)):
                parts = [self.form(a, keep=keep, loose=loose) for a in stmt.args]
                found = combine(stmt.row, parts)
                if found is not None:
                    return found
        text = self.show(x)
        if stmt is not None and keep:
            text = self.kept[x] = self.hoist(text, "e")
        elif stmt is not None:
            self.here[x] = text  # what checks it needs stand once
        return self.named(text, x)

    def simple(self, form: Dim, name: str) -> Dim:
        """Return a sum that may be written several times."""
        text = total(form)
        if re.fullmatch(r"\w+( [+-] \w+)*", text):
            return form
        return self.named(self.hoist(Text(text, UNARY), name))

    def loop(self, s: For) -> None:
        kept = dict(self.kept)
        super().loop(s)
        self.frames.pop()
        self.kept = kept

    def range(self, s: For) -> str:
        """Return the arguments of `range`; note the loop that begins."""
        start, stop = self.form(s.start, keep=True), self.form(s.stop, keep=True)
        here = len(self.lines), self.indent, len(self.proved)
        self.frames.append(Frame(s, start, stop, *here))
        return super().range(s)

    # what is known

    def sure(self, dim: Dim, at: Stmt) -> bool:
        """Tell whether an expression is certain not to be negative."""
        return self.bounds.holds(dim, at, [d for ds in self.proved for d in ds])

    # one subscript

    def subscript(
        self, item: Operand, dim: Dim, extent: Dim, at: Stmt, bare: bool
    ) -> Dim:
        """Return a subscript; raise before the statement if it may be outside."""
        if isinstance(item, Const):
            value = int(item.value)
            enough = -value if value < 0 else value + 1
            if not bare and not self.sure(dim - Dim(enough), at):
                self.refuse("IndexError", f"{total(extent)} < {enough}")
                self.proved[-1].append(dim - Dim(enough))
            return extent + Dim(value) if value < 0 else Dim(value)
        form, linear = self.form(item), self.bounds.linear(item)
        low, high = linear + dim, dim - linear - _ONE
        inside = bare or self.sure(linear, at) or self.sure(low, at)
        below = bare or self.sure(high, at)
        if inside and below:
            return form
        if not self.before_loops(item, dim, extent, at, (not inside, not below)):
            form = self.simple(form, "k")
            tests = [] if inside else [f"{total(form)} < {total(extent.scaled(-1))}"]
            tests += [] if below else [f"{total(form)} >= {total(extent)}"]
            self.refuse("IndexError", " or ".join(tests))
        self.proved[-1] += [low, high]
        return form

    def before_loops(
        self, item: Operand, dim: Dim, extent: Dim, at: Stmt, needed: tuple[bool, bool]
    ) -> bool:
        """Check the extreme values before the loops around; tell whether it is done."""
        stmt = self.folded(item)
        if isinstance(stmt, Op) and self.sizes.leaves(stmt):
            return False  # its extreme values may wrap
        low = high = self.form(item, loose=True)
        linear = self.bounds.linear
        used: list[Dim] = [extent]  # what else the text of the check is made of
        guards: list[str] = []
        head: Frame | None = None
        chain = self.regions.site[at].chain
        for (stmt, _), frame in zip(chain[::-1], self.frames[::-1], strict=False):
            loop = frame.loop
            if stmt is not loop or loop.exit is not None or loop.step not in _UNIT:
                break
            free = {a.value: a for d in (low, high, *used) for a, _ in d.terms}
            own = free.pop(loop.var, None)
            if own is not None and any(d.factor(own) for d in used):
                break
            if not all(self.is_there(x, loop) for x in free):
                break
            sign = _UNIT[loop.step]
            ends = frame.start, frame.stop - Dim(sign)
            if own is not None:
                low = low.put({own: ends[sign * low.factor(own) < 0]})
                high = high.put({own: ends[sign * high.factor(own) > 0]})
            turns = linear(self.bounds.stop(loop)) - linear(loop.start)
            if not self.bounds.holds(turns.scaled(sign) - _ONE, loop):
                symbol = "<" if sign > 0 else ">"
                guards.append(f"{total(frame.start)} {symbol} {total(frame.stop)}")
            used += [frame.start, frame.stop]
            head = frame
        if head is None:
            return False
        pairs = (low, "<", extent.scaled(-1)), (high, ">=", extent)
        made = [
            self.compare(*p) for p, there in zip(pairs, needed, strict=True) if there
        ]
        tests = [test for test in made if test is not None]
        if len(tests) < len(made):
            return False
        test = " or ".join(tests)
        test = f"({test})" if guards and all(needed) else test
        indent, mark = "    " * head.indent, head.mark
        lines = [f"if {' and '.join([*guards, test])}:", "    raise IndexError"]
        self.lines[mark:mark] = [(indent + text, self.at) for text in lines]
        for frame in self.frames:
            frame.mark += 2 * (frame.mark >= mark)
        if not guards:
            least, most = (
                form.put({a: linear(a.value) for a, _ in form.terms})
                for form in (low, high)
            )
            self.proved[head.scope - 1] += [dim + least, dim - most - _ONE]
        return True

    def compare(self, left: Dim, symbol: str, right: Dim) -> str | None:
        """Return a comparison none of whose sums may wrap; None if there is none."""

        def may_wrap(x: Value | None) -> bool:
            return x is None or (not owned(x.type) and self.sizes.bits(x) > _SAFE)

        large = [(atom, k) for atom, k in left.terms if may_wrap(atom.value)]
        if large and (len(large) > 1 or large[0][1] != 1):
            return None
        moved = left - Dim.of(large[0][0]) if large else Dim(0)
        return f"{total(left - moved)} {symbol} {total(right - moved)}"

    def is_there(self, x: Value | None, loop: For) -> bool:
        """Tell whether an integer, or an array's length, is known before a loop."""
        if x is None or (x in self.nest.folded and x not in self.kept):
            return False
        if not any(s is loop for s, _ in self.regions.chain[x]):
            return True
        mine = self.naming.find(x)
        return owned(x.type) and any(
            self.naming.find(c.inn) is mine and self.naming.find(c.init) is mine
            for c in loop.carries
            if isinstance(c.init, Value)
        )
