"""Check subscripts, each as far out as it can be checked.

A subscript that is certain to be inside its axis is not checked. One that runs with the
variables of the loops around it is checked before those loops, by its least and its
largest value, if it is used in every turn. Any other is checked where it is used. A
check that is made is known afterwards, so it is made once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from srcgrad.analyses.regions import Chain
from srcgrad.emit.kernel_bounds import Bounds
from srcgrad.emit.kernel_scalars import Scalars
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import SUM
from srcgrad.ir import Const, For, Op, Operand, Stmt, Value
from srcgrad.types import Atom, Dim, combine

__all__ = ["SIMPLE", "Checks", "is_number", "plus", "tight", "times"]

SIMPLE = re.compile(r"\w+( [+-] \w+)*")
_ONE = Dim(1)


def plus(a: str, b: str) -> str:
    """Return a sum as text; numbers are folded.

    >>> plus("1", "i"), plus("n - 2", "1"), plus("0", "i"), plus("n - 1", "-i")
    ('i + 1', 'n - 1', 'i', 'n - 1 - i')
    """
    if a == "0" or b == "0":
        return b if a == "0" else a
    if is_number(a) and is_number(b):
        return str(int(a) + int(b))
    if is_number(a):
        a, b = b, a
    tail = re.fullmatch(r"(.*\w\]?) ([+-]) (\d+)", a)
    if is_number(b) and tail:
        total = int(tail.group(2) + tail.group(3)) + int(b)
        return plus(tail.group(1), str(total))
    return f"{a} - {b[1:]}" if b.startswith("-") else f"{a} + {b}"


def times(factor: int, a: str) -> str:
    """Return a product as text.

    >>> times(1, "i"), times(-1, "i"), times(2, "i"), times(3, "2")
    ('i', '-i', '2 * i', '6')
    """
    if is_number(a):
        return str(factor * int(a))
    if factor in (1, -1):
        return a if factor == 1 else f"-{tight(a)}"
    return f"{factor} * {tight(a)}"


def tight(a: str) -> str:
    """Return an integer expression for a place beside an operator."""
    closed = re.fullmatch(r"[\w.\[\]]+|(max|min)\([^()]*\)", a)
    return a if closed else f"({a})"


def is_number(a: str) -> bool:
    """Tell whether a text is a whole number."""
    return re.fullmatch(r"-?\d+", a) is not None


@dataclass(slots=True)
class Frame:
    """A loop that is being written: where its head is, and in how many blocks."""

    loop: For
    start: str
    stop: str
    mark: int
    indent: int
    scope: int


@dataclass(slots=True)
class Reach:
    """The least and the largest value of a subscript over some loops."""

    low: Dim
    high: Dim
    frames: list[Frame]


class Checks(Scalars):
    """Scalars, and the checks of subscripts."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.bounds = Bounds(self.regions)
        self.frames: list[Frame] = []
        self.owner: Value | None = None  # the array that is being subscripted
        # What earlier checks tell, block by block: certain, or while loops turn.
        self.proved: list[list[Dim]] = [[]]
        self.turning: list[list[tuple[list[tuple[Dim, Dim]], Dim]]] = [[]]

    def enter(self) -> None:
        """Open a block: what is proved inside it is forgotten when it closes."""
        self.proved.append([])
        self.turning.append([])

    def leave(self) -> None:
        """Close a block."""
        self.proved.pop()
        self.turning.pop()

    def sure(self, dim: Dim, at: Stmt) -> bool:
        """Tell whether an expression is certain not to be negative."""
        known = [d for ds in self.proved for d in ds]
        if any(self.turning):
            ranges = self.ranges(self.regions.site[at].chain)
            for ds in self.turning:
                known += [d for needed, d in ds if all(r in ranges for r in needed)]
        return self.bounds.holds(dim, at, known)

    def ranges(self, chain: Chain) -> list[tuple[Dim, Dim]]:
        """Return the first and last values of the loops around a statement."""
        return [self.ends(s) for s, _ in chain if isinstance(s, For) and self.plain(s)]

    @staticmethod
    def plain(loop: For) -> bool:
        """Tell whether a loop goes by steps of one."""
        return isinstance(loop.step, Const) and abs(loop.step.value) == 1

    def ends(self, loop: For) -> tuple[Dim, Dim]:
        """Return the least and the largest value of a loop's variable."""
        assert isinstance(loop.step, Const)
        start = self.bounds.linear(loop.start)
        last = self.bounds.linear(self.bounds.stop(loop)) - Dim(int(loop.step.value))
        return (start, last) if loop.step.value > 0 else (last, start)

    # one subscript

    def subscript(
        self, item: Operand, dim: Dim, extent: str, at: Stmt, bare: bool
    ) -> str:
        """Return a subscript; raise before the statement if it may be outside."""
        if isinstance(item, Const):
            value = int(item.value)
            text = plus(extent, str(value)) if value < 0 else str(value)
            least = dim + Dim(value) if value < 0 else dim - Dim(value + 1)
            if not bare and not self.sure(least, at):
                enough = -value if value < 0 else value + 1
                self.refuse(f"{extent} < {enough}", least)
            return text
        shown = self.show(item)
        linear = self.bounds.linear(item)
        inside = bare or self.sure(linear, at) or self.sure(linear + dim, at)
        high = bare or self.sure(dim - linear - _ONE, at)
        text = shown.at(SUM)
        if inside and high:
            return text
        if self.before_loops(item, dim, extent, at, inside, high):
            return text
        if not SIMPLE.fullmatch(text):
            text = self.hoist(shown, "k").text
        if inside:
            self.refuse(f"{text} >= {extent}", dim - linear - _ONE)
        elif high:
            self.refuse(f"{text} < -{tight(extent)}", linear + dim)
        else:
            self.refuse(
                f"not -{tight(extent)} <= {text} < {extent}",
                linear + dim, dim - linear - _ONE,
            )  # fmt: skip
        return text

    def refuse(self, test: str, *known: Dim) -> None:
        """Raise if a test holds; note what is known after it."""
        self.line(f"if {test}:")
        self.line("    raise IndexError")
        self.proved[-1] += known

    # before the loops

    def before_loops(
        self, item: Operand, dim: Dim, extent: str, at: Stmt, inside: bool, high: bool
    ) -> bool:  # fmt: skip
        """Check the extreme values before the loops around; tell whether it is done."""
        reach = self.reach(item, extent, at)
        if reach is None:
            return False
        tests = []
        if not inside:
            tests.append(f"{self.sum(reach.low)} < -{tight(extent)}")
        if not high:
            tests.append(f"{self.sum(reach.high)} >= {extent}")
        test = " or ".join(tests)
        guards, needed = [], []
        for frame in reach.frames:
            loop = frame.loop
            low, last = self.ends(loop)
            if self.bounds.holds(last - low, loop):
                continue
            rising = isinstance(loop.step, Const) and loop.step.value > 0
            guards.append(f"{frame.start} {'<' if rising else '>'} {frame.stop}")
            needed.append((low, last))
        if guards and len(tests) > 1:
            test = f"({test})"
        head = reach.frames[-1]
        test = " and ".join([*guards, test])
        self.insert(head, [f"if {test}:", "    raise IndexError"])
        linear = self.bounds.linear(item)
        self.proved[-1] += [dim - linear - _ONE, linear + dim]
        for bound, sign in ((reach.high, -1), (reach.low, 1)):
            full = self.deep(bound).scaled(sign) + dim
            fact = full - _ONE if sign < 0 else full
            self.turning[head.scope - 1].append((needed, fact))
        return True

    def insert(self, head: Frame, texts: list[str]) -> None:
        """Add lines before the head of a loop."""
        pad = "    " * head.indent
        self.lines[head.mark : head.mark] = [(pad + t, self.at) for t in texts]
        for frame in self.frames:
            if frame.mark >= head.mark:
                frame.mark += len(texts)

    def reach(self, item: Operand, extent: str, at: Stmt) -> Reach | None:
        """Return the extreme values of a subscript over the loops it is free of."""
        form = self.shallow(item)
        if form is None:
            return None
        reach = Reach(form, form, [])
        used: list[Dim] = []  # what the text of the check is made of
        chain = self.regions.site[at].chain
        for depth, (loop, _) in enumerate(reversed(chain)):
            if not isinstance(loop, For) or loop.exit is not None:
                break
            if not self.plain(loop) or depth >= len(self.frames):
                break
            frame = self.frames[-1 - depth]
            if frame.loop is not loop or not self.outlives(extent, loop):
                break
            free = [reach.low, reach.high, *used]
            if any(self.is_inside(a, loop) for d in free for a, _ in d.terms):
                break
            if any(a is loop.var for d in used for a, _ in d.terms):
                break
            start, stop = self.shallow(loop.start), self.shallow(loop.stop)
            if start is None or stop is None:
                break
            used += [start, stop]
            assert isinstance(loop.step, Const)
            step = int(loop.step.value)
            last = stop - Dim(step)
            least, most = (start, last) if step > 0 else (last, start)
            reach.low = self.at_end(reach.low, loop.var, least, most)
            reach.high = self.at_end(reach.high, loop.var, most, least)
            reach.frames.append(frame)
        return reach if reach.frames else None

    @staticmethod
    def at_end(form: Dim, var: Value, rising: Dim, falling: Dim) -> Dim:
        """Put the end of a loop's range in the place of its variable."""
        return form.put({var: rising if form.factor(var) > 0 else falling})

    def is_inside(self, atom: Atom, loop: For) -> bool:
        """Tell whether an integer is made inside a loop, its variable aside."""
        if atom is loop.var:
            return False
        assert isinstance(atom, Value)
        return any(s is loop for s, _ in self.regions.chain[atom])

    def outlives(self, extent: str, loop: For) -> bool:
        """Tell whether the length of the array at hand is known before a loop."""
        if is_number(extent):
            return True
        owner = self.owner
        if owner is None or not extent.startswith(f"{self.naming[owner]}.shape["):
            return False
        if not any(s is loop for s, _ in self.regions.chain[owner]):
            return True
        mine = self.naming.find(owner)
        return any(
            self.naming.find(c.inn) is mine and self.naming.find(c.init) is mine
            for c in loop.carries
            if isinstance(c.init, Value)
        )

    def shallow(self, x: Operand) -> Dim | None:
        """Return an integer as a linear form of values that have names."""
        if isinstance(x, Const):
            return Dim(int(x.value))
        stmt = self.nest.folded.get(x)
        if stmt is None or x in self.kept:
            return Dim.of(x)
        if not isinstance(stmt, Op) or stmt.row not in ("add", "sub", "neg", "mul"):
            return None
        parts = [p for p in map(self.shallow, stmt.args) if p is not None]
        return combine(stmt.row, parts) if len(parts) == len(stmt.args) else None

    def keep(self, x: Operand) -> list[Value]:
        """Give names to the parts of a loop's bound that are no sums of names."""
        stmt = self.nest.folded.get(x) if isinstance(x, Value) else None
        if stmt is None or x in self.kept:
            return []
        assert isinstance(x, Value)
        if isinstance(stmt, Op) and stmt.row in ("add", "sub", "neg"):
            return [v for a in stmt.args for v in self.keep(a)]
        self.kept[x] = self.hoist(self.show(x), "e")
        return [x]

    def deep(self, form: Dim) -> Dim:
        """Return a linear form of named values as one of the integers below them."""
        out = Dim(form.const)
        for atom, factor in form.terms:
            assert isinstance(atom, Value)
            out = out + self.bounds.linear(atom).scaled(factor)
        return out

    def sum(self, form: Dim) -> str:
        """Return a linear form as text."""
        rising = any(factor > 0 for _, factor in form.terms)
        text = "0" if rising else str(form.const)
        for atom, factor in sorted(form.terms, key=lambda t: t[1] < 0):
            assert isinstance(atom, Value)
            text = plus(text, times(factor, self.show(atom).at(SUM)))
        return plus(text, str(form.const)) if rising else text
