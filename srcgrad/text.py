"""Print IR, one statement a line, the user's line number at the end.

The form of the golden files: every value has a number, so text is unique and stable.
"""

from __future__ import annotations

from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Carry,
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
    Value,
    View,
    While,
    Write,
)

__all__ = ["print_function"]


def print_function(function: Function) -> str:
    """Return the text of a function's IR."""
    return "\n".join(_Printer().function(function)) + "\n"


class _Printer:
    def __init__(self) -> None:
        self.names: dict[Value, str] = {}
        self.counts: dict[str, int] = {}

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

    def item(self, item: Item) -> str:
        if isinstance(item, Slice):
            text = f"{self.name(item.start)}:{self.name(item.stop)}"
            return text if item.step is None else f"{text}:{self.name(item.step)}"
        return "None" if item is None else self.name(item)

    def path(self, path: Path) -> str:
        parts = []
        for step in path:
            if isinstance(step, Index):
                parts.append("[" + ", ".join(self.item(i) for i in step.items) + "]")
            elif isinstance(step, Permute):
                parts.append(f".permute{step.axes}")
            else:
                shape = ", ".join(self.name(x) for x in step.shape)
                parts.append(f".reshape({shape})")
        return "".join(parts)

    def function(self, f: Function) -> list[str]:
        params = ", ".join(self.typed(p) for p in f.params)
        lines = [f"function {f.name}({params})"]
        lines += self.block(f.body, "  ")
        return [*lines, "  return " + ", ".join(self.name(r) for r in f.results)]

    def block(self, block: Block, indent: str) -> list[str]:
        lines: list[str] = []
        for stmt in block.stmts:
            lines += self.stmt(stmt, indent)
        return lines

    def carries(self, carries: tuple[Carry, ...], indent: str) -> list[str]:
        return [
            f"{indent}carry {self.typed(c.inn)} = {self.name(c.init)}" for c in carries
        ]

    def yields(self, stmt: For | While, indent: str) -> list[str]:
        lines = [
            f"{indent}yield {self.name(c.inn)} = {self.name(c.yld)}"
            f" -> {self.name(c.out)}"
            for c in stmt.carries
        ]
        if stmt.exit is not None:
            lines.append(f"{indent}exit {self.name(stmt.exit)}")
        if stmt.trips is not None:
            lines.append(f"{indent}trips {self.name(stmt.trips)}")
        return lines

    def stmt(self, s: Stmt, indent: str) -> list[str]:
        deeper = indent + "  "
        where = f"  # {s.loc.line}" if s.loc.line else ""
        match s:
            case For():
                bounds = ", ".join(self.name(x) for x in (s.start, s.stop, s.step))
                head = f"{indent}for {self.name(s.var)} in {bounds}{where}"
                body = self.carries(s.carries, deeper) + self.block(s.body, deeper)
                return [head, *body, *self.yields(s, deeper)]
            case While():
                first = [f"{indent}while{where}", *self.carries(s.carries, deeper)]
                test = self.block(s.test, deeper)
                test.append(f"{indent}test {self.name(s.cond)}")
                body = self.block(s.body, deeper)
                return [*first, *test, *body, *self.yields(s, deeper)]
            case If():
                lines = [f"{indent}if {self.name(s.cond)}{where}"]
                lines += self.block(s.then, deeper)
                lines += [f"{indent}else", *self.block(s.orelse, deeper)]
                return lines + [
                    f"{indent}merge {self.typed(m.out)} ="
                    f" {self.name(m.then)} | {self.name(m.orelse)}"
                    for m in s.merges
                ]
            case _:
                return [indent + self.simple(s) + where]

    def simple(self, s: Stmt) -> str:
        match s:
            case Op():
                given = [self.name(a) for a in s.args]
                given += [f"{k}={v!r}" for k, v in s.attrs.items()]
                results = ", ".join(self.typed(o) for o in s.outs)
                return f"{results} = {s.row}({', '.join(given)})".removeprefix(" = ")
            case View():
                view = self.name(s.base) + self.path(s.path)
                return f"{self.typed(s.out)} = view {view}"
            case Read():
                place = self.name(s.base) + self.path(s.path)
                return f"{self.typed(s.out)} = read {place}"
            case Write():
                place = self.name(s.base) + self.path(s.path)
                return f"{self.name(s.out)} = write {place}, {self.name(s.value)}"
            case Accumulate():
                place = self.name(s.base) + self.path(s.path)
                return f"{self.name(s.out)} = accumulate {place}, {self.name(s.value)}"
            case Take():
                place = self.name(s.base) + self.path(s.path)
                return f"{self.typed(s.value)}, {self.name(s.out)} = take {place}"
            case Push():
                item = self.name(s.value)
                return f"{self.name(s.out)} = push {self.name(s.base)}, {item}"
            case Assert():
                return f"assert {self.name(s.cond)}, {s.exception}: {s.message}"
        raise TypeError(type(s).__name__)
