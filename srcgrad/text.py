"""Print IR, one statement a line, the user's line number at the end.

The form of the golden files: every value has a number, so text is unique and stable.
"""

from collections import Counter
from collections.abc import Iterable

from srcgrad import ir
from srcgrad.ir import Block, Function, Stmt, Value
from srcgrad.types import ListOf, Type


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
        self.counts: Counter[str] = Counter()
        self.lines: list[tuple[str, Stmt | None]] = []
        self.indent = ""

    def line(self, text: str, stmt: Stmt | None = None) -> None:
        self.lines.append((self.indent + text, stmt))

    def name(self, x: ir.Item) -> str:
        if isinstance(x, ir.Slice):
            ends = [x.start, x.stop, x.step][: 2 if x.step is None else 3]
            return ":".join("" if e is None else self.name(e) for e in ends)
        if not isinstance(x, Value):
            return repr(x)
        if x not in self.names:
            base = x.name or "t"
            self.names[x] = f"{base}.{self.counts[base]}"
            self.counts[base] += 1
        return self.names[x]

    def typed(self, x: Value) -> str:
        def shown(type: Type) -> str:
            if isinstance(type, ListOf):
                return f"list[{shown(type.item)}]"
            dims = ", ".join(dim.text(self.name) for dim in type.dims)
            return f"{type.dtype}[{dims}]" if dims else str(type)

        return f"{self.name(x)}: {shown(x.type)}"

    def all(self, xs: Iterable[ir.Item]) -> str:
        return ", ".join(map(self.name, xs))

    def path(self, path: ir.Path) -> str:
        text = ""
        for step in path:
            match step:
                case ir.Index(items):
                    text += f"[{self.all(items)}]"
                case ir.Permute(axes):
                    text += f".permute{axes}"
                case ir.Reshape(shape):
                    text += f".reshape({self.all(shape)})"
        return text

    def block(self, block: Block) -> None:
        outer, self.indent = self.indent, self.indent + "  "
        for stmt in block.stmts:
            self.stmt(stmt)
        self.indent = outer

    def stmt(self, s: Stmt) -> None:
        self.line(self.head(s) + (f"  # {s.loc.line}" if s.loc.line else ""), s)
        if isinstance(s, ir.If):
            self.block(s.then)
            self.line("else")
            self.block(s.orelse)
            for m in s.merges:
                merged, sources = self.typed(m.out), (m.then, m.orelse)
                self.line(f"merge {merged} = {' | '.join(map(self.name, sources))}")
        elif isinstance(s, ir.Loop):
            for c in s.carries:
                self.line(f"  carry {self.typed(c.inn)} = {self.name(c.init)}")
            if isinstance(s, ir.While):
                self.block(s.test)
                self.line(f"test {self.name(s.cond)}")
            self.block(s.body)
            for c in s.carries:
                inn, yld, out = map(self.name, (c.inn, c.yld, c.out))
                self.line(f"  yield {inn} = {yld} -> {out}")
            if s.exit is not None:
                self.line(f"  exit {self.name(s.exit)}")
            if s.trips is not None:
                self.line(f"  trips {self.name(s.trips)}")

    def head(self, s: Stmt) -> str:
        """Return the first line of a statement, or the only one."""
        verb, name = type(s).__name__.lower(), self.name
        match s:
            case ir.For():
                sort = "parallel for" if s.parallel else "for"
                return f"{sort} {name(s.var)} in {self.all((s.start, s.stop, s.step))}"
            case ir.While():
                return "while"
            case ir.If():
                return f"if {name(s.cond)}"
            case ir.Assert():
                return f"assert {name(s.cond)}, {s.exception}: {s.message}"
            case ir.Call():
                results = ", ".join(map(self.typed, s.outs))
                return f"{results} = call {s.function.name}({self.all(s.args)})"
            case ir.Op():
                given = [name(a) for a in s.args]
                given += [f"{k}={v!r}" for k, v in s.attrs.items()]
                return f"{self.typed(s.out)} = {s.row}({', '.join(given)})"
        place = f"{verb} {name(s.base)}{self.path(getattr(s, 'path', ()))}"
        if isinstance(s, ir.View | ir.Read):
            return f"{self.typed(s.out)} = {place}"
        if isinstance(s, ir.Take):
            return f"{self.typed(s.value)}, {name(s.out)} = {place}"
        value = name(s.value)
        return f"{name(s.out)} = {place}, {value}"
