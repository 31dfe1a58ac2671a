"""Write a function as the Python that people read, and that runs as it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from srcgrad.analyses.regions import Regions
from srcgrad.builder import INT
from srcgrad.emit.names import Naming, in_order, name_values
from srcgrad.emit.nest import Nest, fold
from srcgrad.emit.spelling import NOT, Text, number, path_text, row_text
from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Const,
    For,
    Function,
    If,
    Index,
    Op,
    Operand,
    Path,
    Push,
    Read,
    Slice,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    gathers,
    owned,
)
from srcgrad.ops.table import ROWS
from srcgrad.types import ListOf, Scalar

__all__ = ["WIDTH", "Line", "emit_python"]

Line = tuple[str, int]
WIDTH = 88
_MAY_VIEW = {
    "broadcast_to", "diag", "diagonal", "flip", "fliplr", "flipud", "reshape",
    "stop_gradient",
}  # fmt: skip
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def emit_python(
    function: Function,
    alias: dict[str, str] | None = None,
    reserved: Iterable[str] = (),
    result: Callable[[list[str]], str] | None = None,
    defaults: dict[Value, str] | None = None,
) -> list[Line]:
    """Return the lines of a function, each with the user line it stems from.

    Args:
        function: The function.
        alias: The user's names of modules, as `{"np": "xp"}`.
        reserved: Names that the text must not use for values.
        result: Builds the returned expression from those of the results.
        defaults: Default values of parameters.
    """
    regions = Regions(function)
    keep: frozenset[Value] = frozenset()
    while True:
        writer = _write(function, fold(function, regions, keep), alias or {}, reserved,
                        result, defaults or {})  # fmt: skip
        if not writer.wide:
            return writer.lines
        keep |= writer.wide


def _write(
    function: Function, nest: Nest, alias: dict[str, str], reserved: Iterable[str],
    result: Callable[[list[str]], str] | None, given: dict[Value, str],
) -> _Writer:  # fmt: skip
    """Write a function with these values folded."""
    taken = {"np", "math", *alias.values(), *reserved}
    naming = name_values(function, nest, taken)
    writer = _Writer(nest, naming, alias)
    params = ", ".join(
        naming[p] + (f"={given[p]}" if p in given else "") for p in function.params
    )
    writer.line(f"def {function.name}({params}):", function.loc.line)
    writer.indent += 1
    cut = function.cut
    forward = function.body.stmts if cut is None else function.body.stmts[:cut]
    for stmt in forward:
        writer.stmt(stmt)
    if cut is not None:
        writer.mark(len(writer.lines))
        for stmt in function.body.stmts[cut:]:
            writer.stmt(stmt)
    values = [writer.show(r).text for r in function.results]
    shown = result(values) if result else ", ".join(values)
    writer.line(f"return {shown}" if shown else "return None", 0)
    return writer


class _Writer:
    def __init__(self, nest: Nest, naming: Naming, alias: dict[str, str]) -> None:
        self.nest, self.naming, self.alias = nest, naming, alias
        self.lines: list[Line] = []
        self.indent = 0
        self.cut: int | None = None
        # Folded values of the line being written, and those that make it too wide.
        self.parts: list[tuple[int, Value]] = []
        self.wide: set[Value] = set()

    def mark(self, at: int) -> None:
        """Note where the backward sweep begins."""
        self.cut = at
        self.lines.append(("    # backward", 0))

    def line(self, text: str, line: int) -> None:
        """Add a line."""
        text = "    " * self.indent + text
        self.lines.append((text, line))
        if len(text) > WIDTH and self.parts:
            # The part that halves the line best gets a statement of its own.
            self.wide.add(min(self.parts, key=lambda p: abs(2 * p[0] - len(text)))[1])
        self.parts.clear()

    # expressions

    def show(self, x: Operand) -> Text:
        """Return an operand as text."""
        if isinstance(x, Const):
            return number(x)
        stmt = self.nest.folded.get(x)
        if stmt is None:
            return Text(self.naming[x])
        if not isinstance(stmt, Op):
            return self.place(stmt.base, stmt.path)
        text = self.op(stmt)
        if x.type != INT:
            self.parts.append((len(text.text), x))
        return text

    def op(self, stmt: Op) -> Text:
        """Return an operation as text."""
        row = ROWS[stmt.row]
        attrs = dict(stmt.attrs)
        rank = max([o.type.rank for o in (*stmt.outs, *stmt.args)], default=0)
        attrs["rank"] = rank > 0
        attrs["bools"] = all(a.type.dtype == "bool" for a in stmt.args)
        if row.name.endswith("_like"):
            attrs["retyped"] = stmt.out.type.dtype != stmt.args[0].type.dtype
        return row_text(row, [self.show(a) for a in stmt.args], attrs, self.alias)

    def place(self, base: Value, path: Path) -> Text:
        """Return a part of a buffer as text."""
        return path_text(self.show(base).text, path, self.show)

    # statements

    def block(self, block: Block) -> None:
        """Write the statements of a block."""
        for stmt in block.stmts:
            self.stmt(stmt)

    def stmt(self, s: Stmt) -> None:
        """Write one statement."""
        line = s.loc.line
        match s:
            case Op():
                if not all(o in self.nest.folded for o in s.outs):
                    text = self.op(s)
                    if s.row in _MAY_VIEW and not isinstance(s.out.type, Scalar):
                        # NumPy gives a view; the value must outlive writes to its base.
                        text = Text(f"{text.at(0)}.copy()")
                    self.bind(self.naming[s.out], text.text, s, line)
            case View() | Read():
                if s.out not in self.nest.folded:
                    self.line(
                        f"{self.naming[s.out]} = {self.place(s.base, s.path).text}",
                        line,
                    )
            case Write():
                self.write(s, line)
            case Accumulate():
                self.accumulate(s, line)
            case Take():
                self.take(s, line)
            case Push():
                self.line(
                    f"{self.naming[s.out]}.append({self.show(s.value).text})", line
                )
            case Assert():
                self.check(s, line)
            case For():
                self.loop(s, line)
            case While():
                self.repeat(s, line)
            case If():
                self.branch(s, line)

    def bind(self, name: str, text: str, made: Op | None, line: int) -> None:
        """Write `name = expression`, or `name += rest`."""
        if made is not None and made.args and isinstance(made.outs[0].type, Scalar):
            first = made.args[0]
            if made.row in _SIGNS and first not in self.nest.folded:
                if isinstance(first, Value) and self.naming[first] == name:
                    text = self.show(made.args[1]).text
                    self.line(f"{name} {_SIGNS[made.row]}= {text}", line)
                    return
        self.line(f"{name} = {text}", line)

    def check(self, s: Assert, line: int) -> None:
        if s.exception == "ShapeError":
            number = f", {s.message!r}" if s.message.startswith("meeting") else ""
            self.line(f"assert {self.show(s.cond).text}{number}", line)
        elif s.exception == "raise" and isinstance(s.cond, Const):
            self.line(s.message, line)
        elif s.exception == "AssertionError":
            text = f", {s.message}" if s.message else ""
            self.line(f"assert {self.show(s.cond).text}{text}", line)
        else:
            self.line(f"if not ({self.show(s.cond).text}):", line)
            self.line(f"    raise {s.exception}({s.message!r})", line)

    def write(self, s: Write, line: int) -> None:
        sign, value = self.augmented(s) or ("", self.show(s.value).text)
        self.line(f"{self.target(s.base, s.path, sign)} {sign}= {value}", line)

    def target(self, base: Value, path: Path, sign: str = "") -> str:
        """Return a part of a buffer as what an assignment changes in place."""
        place = self.place(base, path).text
        inside = isinstance(path[-1], Index) if path else bool(sign)
        if isinstance(base.type, ListOf) and base.type.item.rank and len(path) == 1:
            inside = bool(sign)
        return place if inside else f"{place}[...]"

    def augmented(self, s: Write) -> tuple[str, str] | None:
        """Return the operator and operand if a write reads its own place first."""
        value = s.value
        made = self.nest.folded.get(value) if isinstance(value, Value) else None
        if not isinstance(made, Op) or made.row not in _SIGNS:
            return None
        first = made.args[0]
        source = self.nest.folded.get(first) if isinstance(first, Value) else None
        whole = not s.path and first is s.base
        part = (
            isinstance(source, View | Read)
            and source.base is s.base
            and source.path == s.path
        )
        if not whole and not part:
            return None
        return _SIGNS[made.row], self.show(made.args[1]).text

    def accumulate(self, s: Accumulate, line: int) -> None:
        if _is_gather(s.path):
            np_ = self.alias.get("np", "np")
            base = self.place(s.base, s.path[:-1]).text
            index = self.subscript(s.path)
            self.line(f"{np_}.add.at({base}, {index}, {self.show(s.value).text})", line)
            return
        value = s.value
        made = self.nest.folded.get(value) if isinstance(value, Value) else None
        place = self.target(s.base, s.path, "+")
        if isinstance(made, Op) and made.row == "neg":
            self.line(f"{place} -= {self.show(made.args[0]).at(3)}", line)
            return
        self.line(f"{place} += {self.show(value).text}", line)

    def subscript(self, path: Path) -> str:
        """Return the last subscript of a path as an expression."""
        last = path[-1]
        assert isinstance(last, Index)
        parts = []
        for item in last.items:
            if isinstance(item, Slice):
                bounds = (item.start, item.stop, item.step)
                shown = ["None" if b is None else self.show(b).text for b in bounds]
                parts.append(f"slice({', '.join(shown)})")
            else:
                parts.append("None" if item is None else self.show(item).text)
        return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"

    def take(self, s: Take, line: int) -> None:
        if _is_gather(s.path):
            base = self.place(s.base, s.path[:-1]).text
            index = self.subscript(s.path)
            self.line(f"{self.naming[s.value]} = take_last({base}, {index})", line)
            return
        place = self.place(s.base, s.path).text
        copy = ".copy()" if owned(s.value.type) and not gathers(s.path) else ""
        self.line(f"{self.naming[s.value]} = {place}{copy}", line)
        self.line(f"{self.target(s.base, s.path)} = 0.0", line)

    def loop(self, s: For, line: int) -> None:
        self.assign([(c.inn, c.init) for c in s.carries], line)
        start, stop, step = (self.show(x).text for x in (s.start, s.stop, s.step))
        bounds = stop if start == "0" and step == "1" else f"{start}, {stop}"
        if step != "1":
            bounds = f"{start}, {stop}, {step}"
        if s.trips is not None:
            self.line(f"{self.naming[s.trips]} = 0", line)
        self.line(f"for {self.naming[s.var]} in range({bounds}):", line)
        self.body(s, line)

    def body(self, s: For | While, line: int) -> None:
        self.indent += 1
        start = len(self.lines)
        if s.trips is not None:
            self.line(f"{self.naming[s.trips]} += 1", line)
        self.block(s.body)
        self.assign([(c.inn, c.yld) for c in s.carries], line)
        if s.exit is not None:
            if not self.ends_with_if(s, start):
                self.line(f"if {self.show(s.exit).text}:", line)
            self.line("    break", line)
        if len(self.lines) == start:
            self.line("pass", line)
        self.indent -= 1

    def ends_with_if(self, s: For | While, start: int) -> bool:
        """Tell whether the last thing written is an `if` of the very exit flag."""
        ifs = [x for x in s.body.stmts if isinstance(x, If)]
        if not ifs or s.exit is None or ifs[-1].cond is not s.exit:
            return False
        cond, indent = self.show(s.exit).text, "    " * self.indent
        flush = [t for t, _ in self.lines[start:] if not t.startswith(indent + " ")]
        return bool(flush) and flush[-1] == f"{indent}if {cond}:"

    def repeat(self, s: While, line: int) -> None:
        self.assign([(c.inn, c.init) for c in s.carries], line)
        if s.trips is not None:
            self.line(f"{self.naming[s.trips]} = 0", line)
        mark = len(self.lines)
        self.indent += 1
        self.block(s.test)
        self.indent -= 1
        if len(self.lines) == mark:
            self.line(f"while {self.show(s.cond).text}:", line)
        else:
            self.lines.insert(mark, ("    " * self.indent + "while True:", line))
            self.indent += 1
            self.line(f"if not ({self.show(s.cond).text}):", line)
            self.line("    break", line)
            self.indent -= 1
        self.body(s, line)

    def branch(self, s: If, line: int) -> None:
        head = len(self.lines)
        self.line(f"if {self.show(s.cond).text}:", line)
        then = self.arm(s.then, [(m.out, m.then) for m in s.merges], line)
        if not then:
            self.arm(s.orelse, [(m.out, m.orelse) for m in s.merges], line)
            self.lines[head] = (
                "    " * self.indent + f"if not {self.show(s.cond).at(NOT)}:",
                line,
            )
            if len(self.lines) == head + 1:
                del self.lines[head]
            return
        mark = len(self.lines)
        self.line("else:", line)
        if not self.arm(s.orelse, [(m.out, m.orelse) for m in s.merges], line):
            del self.lines[mark:]

    def arm(self, block: Block, pairs: list[tuple[Value, Operand]], line: int) -> bool:
        start = len(self.lines)
        self.indent += 1
        self.block(block)
        self.assign(pairs, line)
        self.indent -= 1
        return len(self.lines) > start

    def assign(self, pairs: list[tuple[Value, Operand]], line: int) -> None:
        """Write the assignments of carried or merged values, all at once."""
        todo = []
        for target, source in pairs:
            name, text = self.naming[target], self.show(source).text
            if name != text:
                todo.append((name, text, source))
        names = [name for name, _, _ in todo]
        for group in in_order(names, [self.mentions(x) for _, _, x in todo]):
            if len(group) == 1:
                name, text, source = todo[group[0]]
                made = self.nest.folded.get(source)  # type: ignore[arg-type]
                self.bind(name, text, made if isinstance(made, Op) else None, line)
                continue
            left = ", ".join(todo[k][0] for k in group)
            self.line(f"{left} = {', '.join(todo[k][1] for k in group)}", line)

    def mentions(self, x: Operand) -> set[str]:
        """Return the names in the text of an operand."""
        return {
            self.naming[leaf] for leaf in self.nest.tree(x) if isinstance(leaf, Value)
        }


def _is_gather(path: Path) -> bool:
    return any(
        isinstance(i, Value) and i.type.rank > 0 and i.type.dtype != "bool"
        for step in path
        if isinstance(step, Index)
        for i in step.items
        if isinstance(i, Value)
    )
