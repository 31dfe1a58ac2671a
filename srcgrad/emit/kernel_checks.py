"""Check subscripts, each as far out as it can be checked.

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

from srcgrad.emit.kernel_bounds import Bounds
from srcgrad.emit.kernel_scalars import Scalars
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import TERM, UNARY, Text
from srcgrad.ir import Const, For, Op, Operand, Stmt, Value, owned
from srcgrad.types import Dim, combine

_ONE = Dim(1)


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
    """A loop that is being written: where its head is, and in how many blocks."""

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
        # What earlier checks tell, block by block: certain, or while loops turn.
        self.proved: list[list[Dim]] = [[]]
        self.turning: list[list[tuple[list[tuple[Dim, Dim]], Dim]]] = [[]]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Write an inner block: what is proved inside it is forgotten afterwards."""
        self.proved.append([])
        self.turning.append([])
        with super().inside():
            yield
        self.proved.pop()
        self.turning.pop()

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

        Args:
            x: The integer.
            keep: Give names to the parts that are no sums.
            loose: Leave out the check that a sum fits into 64 bits.
        """
        if isinstance(x, Const):
            return Dim(int(x.value))
        stmt = None if x in self.kept else self.folded(x)
        if isinstance(stmt, Op) and stmt.row in ("add", "sub", "neg", "mul"):
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
        known = [d for ds in self.proved for d in ds]
        if any(self.turning):
            chain = self.regions.site[at].chain
            ranges = [self.ends(s) for s, _ in chain if isinstance(s, For)]
            for ds in self.turning:
                known += [d for needed, d in ds if all(r in ranges for r in needed)]
        return self.bounds.holds(dim, at, known)

    def ends(self, loop: For) -> tuple[Dim, Dim] | None:
        """Return the least and the largest value of a variable that goes by ones."""
        if not isinstance(loop.step, Const) or abs(loop.step.value) != 1:
            return None
        start, stop = self.bounds.linear(loop.start), self.bounds.stop(loop)
        last = self.bounds.linear(stop) - Dim(int(loop.step.value))
        return (start, last) if loop.step.value > 0 else (last, start)

    # one subscript

    def subscript(
        self, item: Operand, dim: Dim, extent: Dim, at: Stmt, bare: bool
    ) -> Dim:
        """Return a subscript; raise before the statement if it may be outside."""
        if isinstance(item, Const):
            value = int(item.value)
            enough = -value if value < 0 else value + 1
            if not bare and not self.sure(dim - Dim(enough), at):
                self.outside([f"{total(extent)} < {enough}"], dim - Dim(enough))
            return extent + Dim(value) if value < 0 else Dim(value)
        form, linear = self.form(item), self.bounds.linear(item)
        low, high = linear + dim, dim - linear - _ONE
        inside = bare or self.sure(linear, at) or self.sure(low, at)
        below = bare or self.sure(high, at)
        if inside and below:
            return form
        if self.before_loops(item, dim, extent, at, (not inside, not below)):
            return form
        form = self.simple(form, "k")
        tests = [] if inside else [f"{total(form)} < {total(extent.scaled(-1))}"]
        tests += [] if below else [f"{total(form)} >= {total(extent)}"]
        self.outside(tests, low, high)
        return form

    def outside(self, tests: Sequence[str], *known: Dim) -> None:
        """Raise if a test holds; note what is known after it."""
        self.refuse("IndexError", " or ".join(tests))
        self.proved[-1] += known

    def before_loops(
        self, item: Operand, dim: Dim, extent: Dim, at: Stmt, needed: tuple[bool, bool]
    ) -> bool:
        """Check the extreme values before the loops around; tell whether it is done."""
        low, high, frames = self.reach(self.form(item, loose=True), extent, at)
        if not frames:
            return False
        tests = [f"{total(low)} < {total(extent.scaled(-1))}",
                 f"{total(high)} >= {total(extent)}"]  # fmt: skip
        test = " or ".join(t for t, there in zip(tests, needed, strict=True) if there)
        guards, ranges = [], []
        for frame in frames:
            ends = self.ends(frame.loop)
            if ends is None or self.bounds.holds(ends[1] - ends[0], frame.loop):
                continue
            rising = isinstance(frame.loop.step, Const) and frame.loop.step.value > 0
            sign = "<" if rising else ">"
            guards.append(f"{total(frame.start)} {sign} {total(frame.stop)}")
            ranges.append(ends)
        if guards and all(needed):
            test = f"({test})"
        head = frames[-1]
        indent = "    " * head.indent
        added = [f"{indent}if {' and '.join([*guards, test])}:",
                 f"{indent}    raise IndexError"]  # fmt: skip
        self.lines[head.mark : head.mark] = [(text, self.at) for text in added]
        for frame in self.frames:
            frame.mark += 2 * (frame.mark >= head.mark)
        linear = self.bounds.linear(item)
        self.proved[-1] += [dim - linear - _ONE, linear + dim]
        for fact in (dim - self.deep(high) - _ONE, dim + self.deep(low)):
            self.turning[head.scope - 1].append((ranges, fact))
        return True

    def deep(self, form: Dim) -> Dim:
        """Return a sum of names as one of the integers below them."""
        return form.put({a: self.bounds.linear(a.value) for a, _ in form.terms})

    def reach(self, form: Dim, extent: Dim, at: Stmt) -> tuple[Dim, Dim, list[Frame]]:
        """Return the extreme values of a subscript over the loops it is free of."""
        low = high = form
        text: list[Dim] = [extent]  # what else the text of the check is made of
        frames: list[Frame] = []
        chain = self.regions.site[at].chain
        for (loop, _), frame in zip(chain[::-1], self.frames[::-1], strict=False):
            if loop is not frame.loop or frame.loop.exit is not None:
                break
            if self.ends(frame.loop) is None:
                break
            free = {a.value: a for d in (low, high, *text) for a, _ in d.terms}
            own = free.pop(frame.loop.var, None)
            if not all(self.is_there(x, frame.loop) for x in free):
                break
            if own is not None and any(d.factor(own) for d in text):
                break
            text += [frame.start, frame.stop]
            assert isinstance(frame.loop.step, Const)
            last = frame.stop - Dim(int(frame.loop.step.value))
            rising = frame.loop.step.value > 0
            least, most = (frame.start, last) if rising else (last, frame.start)
            if own is not None:
                low = low.put({own: least if low.factor(own) > 0 else most})
                high = high.put({own: most if high.factor(own) > 0 else least})
            frames.append(frame)
        return low, high, frames

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
