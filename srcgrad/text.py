"""Print IR, one statement a line, the user's line number at the end.

The form of the golden files: every value has a number, so text is unique and stable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from srcgrad import ir


def print_function(function: ir.Function) -> str:
    """Return the text of a function's IR."""
    return "".join(f"{line}\n" for line, _ in print_lines(function))


def print_lines(function: ir.Function) -> list[tuple[str, ir.Stmt | None]]:
    """Return the lines of a function's IR, each with the statement it begins."""
    printer = _Printer()
    params = ", ".join(map(printer.typed, function.params))
    printer.line(f"function {function.name}({params})")
    printer.block(function.body)
    printer.line(f"  return {printer.all(function.results)}")
    return printer.lines


class _Printer:
    def __init__(self) -> None:
        self.names: dict[ir.Value, str] = {}
        self.counts: Counter[str] = Counter()
        self.lines: list[tuple[str, ir.Stmt | None]] = []
        self.indent = ""

    def line(self, text: str, stmt: ir.Stmt | None = None) -> None:
        self.lines.append((self.indent + text, stmt))

    def name(self, x: ir.Operand | None) -> str:
        if not isinstance(x, ir.Value):
            return "" if x is None else repr(x.value)
        if x not in self.names:
            base = x.name or "t"
            self.names[x] = f"{base}.{self.counts[base]}"
            self.counts[base] += 1
        return self.names[x]

    def typed(self, x: ir.Value) -> str:
        return f"{self.name(x)}: {x.type}"

    def all(self, xs: Iterable[ir.Operand]) -> str:
        return ", ".join(map(self.name, xs))

    def item(self, item: ir.Item) -> str:
        if isinstance(item, ir.Slice):
            step = "" if item.step is None else f":{self.name(item.step)}"
            return f"{self.name(item.start)}:{self.name(item.stop)}{step}"
        return "None" if item is None else self.name(item)

    def step(self, step: ir.Step) -> str:
        match step:
            case ir.Index():
                return f"[{', '.join(map(self.item, step.items))}]"
            case ir.Permute():
                return f".permute{step.axes}"
        return f".reshape({self.all(step.shape)})"

    def block(self, block: ir.Block) -> None:
        outer, self.indent = self.indent, self.indent + "  "
        for stmt in block.stmts:
            self.stmt(stmt)
        self.indent = outer

    def stmt(self, s: ir.Stmt) -> None:
        name, where = self.name, f"  # {s.loc.line}" if s.loc.line else ""
        match s:
            case ir.For():
                bounds = self.all((s.start, s.stop, s.step))
                self.line(f"for {name(s.var)} in {bounds}{where}", s)
                self.turns(s)
            case ir.While():
                self.line(f"while{where}", s)
                self.turns(s)
            case ir.If():
                self.line(f"if {name(s.cond)}{where}", s)
                self.block(s.then)
                self.line("else")
                self.block(s.orelse)
                for m in s.merges:
                    sources = f"{name(m.then)} | {name(m.orelse)}"
                    self.line(f"merge {self.typed(m.out)} = {sources}")
            case _:
                self.line(self.simple(s) + where, s)

    def turns(self, s: ir.For | ir.While) -> None:
        """Print what follows the head of a loop."""
        name = self.name
        for c in s.carries:
            self.line(f"  carry {self.typed(c.inn)} = {name(c.init)}")
        if isinstance(s, ir.While):
            self.block(s.test)
            self.line(f"test {name(s.cond)}")
        self.block(s.body)
        for c in s.carries:
            self.line(f"  yield {name(c.inn)} = {name(c.yld)} -> {name(c.out)}")
        if s.exit is not None:
            self.line(f"  exit {name(s.exit)}")
        if s.trips is not None:
            self.line(f"  trips {name(s.trips)}")

    def simple(self, s: ir.Op | ir.View | ir.Read | ir.Update | ir.Assert) -> str:
        if isinstance(s, ir.Assert):
            return f"assert {self.name(s.cond)}, {s.exception}: {s.message}"
        if isinstance(s, ir.Op):
            given = [
                *map(self.name, s.args),
                *(f"{k}={v!r}" for k, v in s.attrs.items()),
            ]
            results = ", ".join(map(self.typed, s.outs))
            return f"{results} = {s.row}({', '.join(given)})".removeprefix(" = ")
        path = () if isinstance(s, ir.Push) else s.path
        place = type(s).__name__.lower() + f" {self.name(s.base)}"
        place += "".join(map(self.step, path))
        match s:
            case ir.View() | ir.Read():
                return f"{self.typed(s.out)} = {place}"
            case ir.Take():
                return f"{self.typed(s.value)}, {self.name(s.out)} = {place}"
        value = self.name(s.value)
        return f"{self.name(s.out)} = {place}, {value}"
