"""What both texts have in common: statements, loops, branches, and names.

The readable text and the kernel are two spellings of the same trees. A writer walks the
statements; its two kinds say how an operation, a part of an array and a check look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from srcgrad import ir
from srcgrad.emit.names import Naming, in_order
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import ATOM, Text
from srcgrad.errors import Location
from srcgrad.ir import Operand, Value
from srcgrad.walk import operands, outs

Line = tuple[str, Location]


class Writer:
    """The lines written so far, each with the statement it stems from."""

    def __init__(self, nest: Nest, naming: Naming) -> None:
        self.nest, self.naming = nest, naming
        self.lines: list[Line] = []
        self.indent = 0
        self.at = ir.NOWHERE  # the user's statement that is being written

    def folded(self, x: Any) -> Any:
        """Return the statement of a value that is written where it is used."""
        return self.nest.folded.get(x)

    def line(self, text: str) -> None:
        """Add a line."""
        self.lines.append(("    " * self.indent + text, self.at))

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Write an inner block."""
        self.indent += 1
        yield
        self.indent -= 1

    def begin(self, loc: Location) -> None:
        """Begin a statement, or come back to one after its inner blocks."""
        self.at = loc

    # what the two texts spell in their own ways

    def show(self, x: Operand) -> Text:
        """Return an operand as text."""
        raise NotImplementedError

    def shown_as(self, x: Operand, dtype: str) -> Text:
        """Return an operand as text in a dtype; Python and NumPy convert themselves."""
        return self.show(x)

    def write(self, s: ir.Stmt) -> None:
        """Write a statement without inner blocks."""
        raise NotImplementedError

    def bind(self, name: str, x: Operand, text: str) -> None:
        """Write the assignment of an operand to a variable."""
        self.line(f"{name} = {text}")

    def advance(self, s: ir.Write) -> None:
        """Write a draw whose numbers nobody reads; others have moved it on already."""
        (drawn,) = operands(self.folded(s.value))
        if self.folded(drawn):
            self.line(self.show(drawn).text)

    def range(self, s: ir.For) -> str:
        """Return the arguments of `range`."""
        start, stop, step = (self.show(x).text for x in (s.start, s.stop, s.step))
        if step != "1":
            return f"{start}, {stop}, {step}"
        return stop if start == "0" else f"{start}, {stop}"

    # statements

    def block(self, stmts: Sequence[ir.Stmt]) -> None:
        """Write statements."""
        at = self.at
        for s in stmts:
            self.begin(s.loc)
            if isinstance(s, ir.Loop):
                self.assign([(c.inn, c.init) for c in s.carries])
                if s.trips is not None:
                    self.line(f"{self.naming[s.trips]} = 0")
                self.loop(s) if isinstance(s, ir.For) else self.repeat(s)
            elif isinstance(s, ir.If):
                self.branch(s)
            elif not outs(s) or any(x not in self.nest.folded for x in outs(s)):
                self.write(s)
        self.begin(at)

    def loop(self, s: ir.For) -> None:
        """Write a `for`."""
        self.line(f"for {self.naming[s.var]} in range({self.range(s)}):")
        with self.inside():
            self.turn(s)

    def repeat(self, s: ir.While) -> None:
        """Write a `while`: a test that takes lines of its own is made inside."""
        mark = len(self.lines)
        with self.inside():
            self.block(s.test.stmts)
            cond = self.show(s.cond)
            if len(self.lines) == mark:
                self.indent -= 1
                self.line(f"while {cond.text}:")
                self.indent += 1
            else:
                head = "    " * (self.indent - 1) + "while True:"
                self.lines.insert(mark, (head, self.at))
                self.line(f"if not {cond.at(ATOM)}:")
                self.line("    break")
            self.turn(s)

    def turn(self, s: ir.Loop) -> None:
        """Write what a loop repeats."""
        if s.trips is not None:
            self.line(f"{self.naming[s.trips]} += 1")
        self.block(s.body.stmts)
        carried, indent = [(c.inn, c.yld) for c in s.carries], "    " * self.indent
        test = f"if {self.show(s.exit).text}:" if s.exit is not None else ""
        if _mentioned(test) & {name for name, _, _ in self.handed_on(carried)}:
            # The test asks for what a variable was before it is set for the next turn.
            self.line(test)
            with self.inside():
                self.assign(carried)
                self.line("break")
            test = ""
        self.assign(carried)
        if test:
            # It joins the last thing written if that is an `if` of the very flag.
            last = next((x for x in s.body.stmts[::-1] if isinstance(x, ir.If)), None)
            flush = (t for t, _ in self.lines[::-1] if not t.startswith(f"{indent} "))
            if last is None or last.cond is not s.exit or next(flush) != indent + test:
                self.line(test)
            self.line("    break")
        if not self.lines[-1][0].startswith(indent):
            self.line("pass")

    def branch(self, s: ir.If) -> None:
        """Write an `if`; an arm that does nothing is left out."""
        cond = self.show(s.cond)
        then = [(m.out, m.then) for m in s.merges]
        written = self.arm(f"if {cond.text}:", s.then, then)
        other = "else:" if written else f"if not {cond.at(ATOM)}:"
        self.arm(other, s.orelse, [(m.out, m.orelse) for m in s.merges])

    def arm(
        self, head: str, block: ir.Block, pairs: Sequence[tuple[Value, Operand]]
    ) -> bool:
        """Write one arm of an `if`; tell whether it does anything."""
        self.line(head)
        mark = len(self.lines)
        with self.inside():
            self.block(block.stmts)
            self.assign(pairs)
        if len(self.lines) > mark:
            return True
        self.lines.pop()
        return False

    def handed_on(
        self, pairs: Sequence[tuple[Value, Operand]]
    ) -> list[tuple[str, str, Operand]]:
        """Return names, texts and operands of what has another name than its target."""
        shown = [(self.naming[t], self.shown_as(x, t.type.dtype), x) for t, x in pairs]
        return [(name, x.text, value) for name, x, value in shown if name != x.text]

    def assign(self, pairs: Sequence[tuple[Value, Operand]]) -> None:
        """Write the assignments of carried or merged values, all at once."""
        todo = self.handed_on(pairs)
        names = [name for name, _, _ in todo]
        for group in in_order(names, [_mentioned(text) for _, text, _ in todo]):
            if len(group) == 1:
                name, text, x = todo[group[0]]
                self.bind(name, x, text)
            else:
                left = ", ".join(todo[k][0] for k in group)
                self.line(f"{left} = {', '.join(todo[k][1] for k in group)}")


def _mentioned(text: str) -> set[str]:
    """Return the names in a text."""
    return set(re.findall(r"[^\W\d]\w*", text))
