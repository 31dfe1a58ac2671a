"""Print IR, one statement a line, the user's line number at the end.

The form of the golden files: every value has a number, so text is unique and stable.
"""

from __future__ import annotations

from collections.abc import Iterable

from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    For,
    Function,
    If,
    Index,
    Item,
    Op,
    Operand,
    Path,
    Permute,
    Push,
    Read,
    Slice,
    Stmt,
    Take,
    Update,
    Value,
    View,
    While,
    Write,
)

__all__ = ["print_function", "print_lines"]


def print_function(function: Function) -> str:
    """Return the text of a function's IR."""
    return "".join(f"{line}\n" for line, _ in print_lines(function))


def print_lines(function: Function) -> list[tuple[str, Stmt | None]]:
    """Return the lines of a function's IR, each with the statement it begins."""
    printer = _Printer()
    params = ", ".join(map(printer.typed, function.params))
    printer.line(f"function {function.name}({params})")
    printer.block(function.body)
    printer.line(f"  return {printer.all(function.results)}")
    return printer.lines


class _Printer:
    def __init__(self) -> None:
        self.names: dict[Value, str] = {}
        self.counts: dict[str, int] = {}
        self.lines: list[tuple[str, Stmt | None]] = []
        self.indent = ""

    def line(self, text: str, stmt: Stmt | None = None) -> None:
        self.lines.append((self.indent + text, stmt))

    def name(self, x: Operand | None) -> str:
        if x is None:
            return ""
        if not isinstance(x, Value):
            return repr(x.value)
        if x not in self.names:
            base = x.name or "t"
            count = self.counts.get(base, 0)
            self.counts[base] = count + 1
            self.names[x] = f"{base}.{count}"
        return self.names[x]

    def typed(self, x: Value) -> str:
        return f"{self.name(x)}: {x.type}"

    def all(self, xs: Iterable[Operand]) -> str:
        return ", ".join(map(self.name, xs))

    def item(self, item: Item) -> str:
        if isinstance(item, Slice):
            text = f"{self.name(item.start)}:{self.name(item.stop)}"
            return text if item.step is None else f"{text}:{self.name(item.step)}"
        return "None" if item is None else self.name(item)

    def path(self, path: Path) -> str:
        text = ""
        for step in path:
            if isinstance(step, Index):
                text += "[" + ", ".join(self.item(i) for i in step.items) + "]"
            elif isinstance(step, Permute):
                text += f".permute{step.axes}"
            else:
                text += f".reshape({self.all(step.shape)})"
        return text

    def block(self, block: Block) -> None:
        outer, self.indent = self.indent, self.indent + "  "
        for stmt in block.stmts:
            self.stmt(stmt)
        self.indent = outer

    def stmt(self, s: Stmt) -> None:
        where = f"  # {s.loc.line}" if s.loc.line else ""
        match s:
            case For():
                bounds = self.all((s.start, s.stop, s.step))
                self.line(f"for {self.name(s.var)} in {bounds}{where}", s)
                self.turns(s)
            case While():
                self.line(f"while{where}", s)
                self.turns(s)
            case If():
                self.line(f"if {self.name(s.cond)}{where}", s)
                self.block(s.then)
                self.line("else")
                self.block(s.orelse)
                for m in s.merges:
                    sources = f"{self.name(m.then)} | {self.name(m.orelse)}"
                    self.line(f"merge {self.typed(m.out)} = {sources}")
            case _:
                self.line(self.simple(s) + where, s)

    def turns(self, s: For | While) -> None:
        """Print what follows the head of a loop."""
        for c in s.carries:
            self.line(f"  carry {self.typed(c.inn)} = {self.name(c.init)}")
        if isinstance(s, While):
            self.block(s.test)
            self.line(f"test {self.name(s.cond)}")
        self.block(s.body)
        for c in s.carries:
            inn, yld, out = self.name(c.inn), self.name(c.yld), self.name(c.out)
            self.line(f"  yield {inn} = {yld} -> {out}")
        if s.exit is not None:
            self.line(f"  exit {self.name(s.exit)}")
        if s.trips is not None:
            self.line(f"  trips {self.name(s.trips)}")

    def simple(self, s: Op | View | Read | Update | Assert) -> str:
        if isinstance(s, Assert):
            return f"assert {self.name(s.cond)}, {s.exception}: {s.message}"
        if isinstance(s, Op):
            given = [self.name(a) for a in s.args]
            given += [f"{k}={v!r}" for k, v in s.attrs.items()]
            results = ", ".join(map(self.typed, s.outs))
            return f"{results} = {s.row}({', '.join(given)})".removeprefix(" = ")
        place = self.name(s.base) + ("" if isinstance(s, Push) else self.path(s.path))
        verb = type(s).__name__.lower()
        match s:
            case View() | Read():
                return f"{self.typed(s.out)} = {verb} {place}"
            case Take():
                return f"{self.typed(s.value)}, {self.name(s.out)} = {verb} {place}"
            case Write() | Accumulate() | Push():
                value = self.name(s.value)
                return f"{self.name(s.out)} = {verb} {place}, {value}"
