"""Write a function as the Python that people read, and that runs as it stands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import regions_of
from srcgrad.builder import DIFFER, INT
from srcgrad.emit.names import Naming, name_values
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import ATOM, TERM, Text, number, path_text, row_text
from srcgrad.emit.writer import Line, Writer
from srcgrad.ir import Operand, Path, Value
from srcgrad.ops.table import ROWS
from srcgrad.types import ListOf, Scalar, is_generator
from srcgrad.walk import operands

WIDTH = 88
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def emit_python(
    function: ir.Function,
    alias: dict[str, str] | None = None,
    result: Callable[[list[str], bool], str] = lambda values, _: ", ".join(values),
    defaults: dict[Value, str] | None = None,
) -> list[Line]:
    """Return the lines of a function, each with the statement it stems from.

    `alias` has the user's names of modules, `result` builds what is returned, on lines
    of its own if told so.
    """
    regions, alias, given = regions_of(function), alias or {}, defaults or {}
    wide: set[Value] = set()
    while True:
        nest = Nest(function, regions, wide, readable=True)
        naming = name_values(
            function, nest, {"np", "math", "linalg", "special", *alias.values()}
        )
        writer = _Readable(nest, naming, alias)
        params = [f"{naming[p]}={given[p]}" if p in given else naming[p]
                  for p in function.params]  # fmt: skip
        head, inner = f"def {function.name}(", ", ".join(params)
        if len(head) + len(inner) + 2 > WIDTH:
            rows = [f"{p}," for p in params] if len(inner) + 4 > WIDTH else [inner]
            head, inner = f"{head}\n", "".join(f"    {row}\n" for row in rows)
        writer.at = function.loc
        writer.line(f"{head}{inner}):")
        with writer.inside():
            writer.block(function.body.stmts[: function.cut])
            writer.at = ir.NOWHERE
            if function.cut is not None:
                writer.line("# backward")
                writer.block(function.body.stmts[function.cut :])
            results = [writer.show(r).text for r in function.results]
            writer.line(f"return {result(results, False) or 'None'}")
        if not writer.wide:
            if len(writer.lines[-1][0]) > WIDTH:
                writer.lines[-1] = f"    return {result(results, True)}", ir.NOWHERE
            return writer.lines
        wide |= writer.wide


class _Readable(Writer):
    def __init__(self, nest: Nest, naming: Naming, alias: dict[str, str]) -> None:
        super().__init__(nest, naming)
        self.alias = alias
        home = "math" if "math" in alias and "np" not in alias else "np"
        self.pi = f"{alias.get(home, home)}.pi"
        # Folded values of the line being written, and those that make it too wide.
        self.parts: list[tuple[int, Value]] = []
        self.wide: set[Value] = set()

    def line(self, text: str) -> None:
        super().line(text)
        width = len(self.lines[-1][0])
        if width > WIDTH and self.parts:
            # The part that halves the line best gets a statement of its own.
            self.wide.add(min(self.parts, key=lambda p: abs(2 * p[0] - width))[1])
        self.parts.clear()

    # expressions

    def show(self, x: Operand) -> Text:
        if isinstance(x, ir.Const):
            return Text(self.pi) if x.value == math.pi else number(x.value)
        stmt = self.folded(x)
        if stmt is None:
            return Text(self.naming[x])
        if not isinstance(stmt, ir.Op):
            return self.place(stmt.base, stmt.path)
        text = self.op(stmt)
        if x.type != INT:
            self.parts.append((len(text.text), x))
        return text

    def op(self, s: ir.Op) -> Text:
        args, types = [self.show(a) for a in s.args], [a.type for a in s.args]
        return row_text(ROWS[s.row], args, types, s.attrs, self.alias)

    def place(self, base: Value, path: Path) -> Text:
        return path_text(self.show(base).text, path, self.show)

    def target(self, base: Value, path: Path, sign: str = "") -> str:
        """Return a part of a buffer as what an assignment changes in place."""
        inside = isinstance(path[-1], ir.Index) if path else bool(sign)
        if isinstance(base.type, ListOf) and base.type.item.rank and len(path) == 1:
            inside = bool(sign)
        return self.place(base, path).text + ("" if inside else "[...]")

    def picked(self, path: Path) -> str:
        """Return the last subscript of a path as an expression."""
        last = path[-1]
        assert isinstance(last, ir.Index)
        text = path_text("", (last,), self.show).text[1:-1]
        if any(isinstance(item, ir.Slice) for item in last.items):
            return f"{self.alias.get('np', 'np')}.s_[{text}]"
        return text if len(last.items) == 1 else f"({text})"

    # statements

    def write(self, s: ir.Stmt) -> None:
        match s:
            case ir.Op():
                made = self.op(s)
                if ROWS[s.row].alias and not isinstance(s.out.type, Scalar):
                    # NumPy gives a view; the value must outlive writes to its base.
                    made = _copied(made, s.args[0])
                self.bind(self.naming[s.out], s, made.text)
            case ir.View() | ir.Read():
                self.line(f"{self.naming[s.out]} = {self.place(s.base, s.path).text}")
            case ir.Write() if is_generator(s.base.type):
                self.advance(s)
            case ir.Write():
                place = self.place(s.base, s.path).text
                changed = self.changed(self.folded(s.value), place)
                sign, value = changed or ("", self.show(s.value).text)
                self.line(f"{self.target(s.base, s.path, sign)} {sign}= {value}")
            case ir.Accumulate() | ir.Take() if any(
                x.type.rank and x.type.dtype != "bool" for x in operands(s.path)
            ):  # numbers may repeat
                given = f"{self.place(s.base, s.path[:-1]).text}, {self.picked(s.path)}"
                if isinstance(s, ir.Take):
                    self.line(f"{self.naming[s.value]} = take_last({given})")
                else:
                    np = self.alias.get("np", "np")
                    self.line(f"{np}.add.at({given}, {self.show(s.value).text})")
            case ir.Accumulate():
                made, sign = self.show(s.value), "+"
                negated = self.folded(s.value)
                if isinstance(negated, ir.Op) and negated.row == "neg":
                    made, sign = Text(self.show(negated.args[0]).at(TERM)), "-"
                self.line(f"{self.target(s.base, s.path, '+')} {sign}= {made.text}")
            case ir.Take():
                copied = ir.owned(s.value.type) and not ir.gathers(s.path)
                place = self.place(s.base, s.path).text + ".copy()" * copied
                if s.value in self.nest.count:
                    self.line(f"{self.naming[s.value]} = {place}")
                self.line(f"{self.target(s.base, s.path)} = 0.0")
            case ir.Push():
                made, item = self.folded(s.value), self.show(s.value)
                new = isinstance(made, ir.Op) and not ROWS[made.row].alias
                new |= isinstance(made, ir.View) and ir.gathers(made.path)
                if ir.owned(s.value.type) and not new:  # it may be changed there
                    item = _copied(item, s.value)
                self.line(f"{self.naming[s.out]}.append({item.text})")
            case ir.Assert():
                self.check(s)

    def bind(self, name: str, x: Any, text: str) -> None:
        """Write `name = expression`, or `name += rest`."""
        made = x if isinstance(x, ir.Op) else self.folded(x)
        sign, text = (self.is_free(made) and self.changed(made, name)) or ("", text)
        self.line(f"{name} {sign}= {text}")

    def is_free(self, made: ir.Stmt | None) -> bool:
        """Tell whether nobody sees it if a result takes the place of its operand.

        That is so of a number, and of an array that is made in the same block for this.
        """
        if not isinstance(made, ir.Op) or made.row not in _SIGNS:
            return False
        x, regions = made.args[0], self.nest.regions
        if isinstance(made.out.type, Scalar):
            return True
        first = regions.definition.get(x)
        return (
            isinstance(first, ir.Op)
            and ROWS[first.row].kind in ("elementwise", "bilinear")
            and not ROWS[first.row].alias
            and x.type == made.out.type
            and regions.site[first].chain == regions.site[made].chain
            and self.nest.count[x] == 1
        )

    def changed(self, made: ir.Stmt | None, place: str) -> tuple[str, str] | None:
        """Return the operator and the operand if a value is its own place and more."""
        if not isinstance(made, ir.Op) or made.row not in _SIGNS:
            return None
        first, rest = made.args
        if isinstance(self.folded(first), ir.Op) or self.show(first).text != place:
            return None
        self.parts.clear()
        return _SIGNS[made.row], self.show(rest).text

    def check(self, s: ir.Assert) -> None:
        made = self.folded(s.cond)
        if isinstance(made, ir.Op) and made.row == "computed":
            text = self.show(made.args[0]).text
            if not text.isidentifier():
                self.line(text)  # that it raises nothing is all there is to check
            return
        cond = self.show(s.cond)
        if not s.exception:
            self.line(f"# {s.message}")
        elif s.exception == "raise" and isinstance(s.cond, ir.Const):
            self.line(s.message)
        elif s.exception in ("ShapeError", "AssertionError"):
            text = s.message
            if s.exception == "ShapeError":
                text = repr(text) if text.startswith(DIFFER) else ""
            self.line(f"assert {cond.text}{', ' if text else ''}{text}")
        else:
            self.line(f"if not {cond.at(ATOM)}:")
            self.line(f"    raise {s.exception}({s.message!r})")


def _copied(text: Text, x: Operand) -> Text:
    """Return a copy of an array that lies in memory as another."""
    plain = getattr(x.type, "contiguous", True)
    return Text(f"{text.at(ATOM)}.copy()" if plain else f"keep_layout({text.text})")
