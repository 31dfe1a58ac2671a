"""Write expressions as Python, with the brackets that are needed and no others.

An expression is its text and how tightly it binds. The grammar of a template such as
`{x} if {c} else {y}` says what may stand in each of its places without brackets, so a
row of the table is spelled by its template alone.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from srcgrad.ir import Const, Index, Item, Operand, Path, Permute, Slice, Through
from srcgrad.ops.table import Row, dtype_text
from srcgrad.types import Type

ATOM, POWER, UNARY, TERM, SUM, BITS, COMPARE, NOT, AND, OR, TERNARY = range(11)
_LEVELS = {
    ast.Pow: POWER, ast.Mult: TERM, ast.Div: TERM, ast.FloorDiv: TERM, ast.Mod: TERM,
    ast.MatMult: TERM, ast.Add: SUM, ast.Sub: SUM, ast.USub: UNARY, ast.UAdd: UNARY,
    ast.Invert: UNARY, ast.Not: NOT, ast.And: AND, ast.Or: OR,
}  # fmt: skip
_HOLE = re.compile(r"\{(\*?\w+)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """An expression as text; a smaller `level` binds more tightly."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """Return the text for a place that takes this level or tighter."""
        return self.text if self.level <= level else f"({self.text})"


def _grammar(node: ast.expr) -> tuple[int, list[tuple[ast.AST, int]]]:
    """Return the level of an expression, and those that its parts may have."""
    match node:
        case ast.BinOp(op=ast.Pow()):
            return POWER, [(node.left, ATOM), (node.right, UNARY)]
        case ast.BinOp():
            own = _LEVELS.get(type(node.op), BITS)
            if own == BITS:
                return BITS, [(node.left, ATOM), (node.right, ATOM)]
            return own, [(node.left, own), (node.right, own - 1)]
        case ast.UnaryOp():
            own = _LEVELS[type(node.op)]
            return own, [(node.operand, own)]
        case ast.Compare():
            return COMPARE, [(part, BITS) for part in (node.left, *node.comparators)]
        case ast.BoolOp():
            own, (first, *rest) = _LEVELS[type(node.op)], node.values
            return own, [(first, own), *((part, own - 1) for part in rest)]
        case ast.IfExp():
            arms = [(node.body, OR), (node.test, OR)]
            return TERNARY, [*arms, (node.orelse, TERNARY)]
        case ast.Attribute() | ast.Subscript():
            return ATOM, [(node.value, ATOM)]
    return ATOM, []


@cache
def _places(template: str) -> tuple[int, dict[str, int]]:
    """Return the level of a template, and the level that each of its places takes."""
    tree = ast.parse(_HOLE.sub(r"\1", template), mode="eval").body
    takes: dict[str, int] = {}
    for node in ast.walk(tree):
        for part, level in _grammar(node)[1] if isinstance(node, ast.expr) else ():
            if isinstance(part, ast.Name):
                takes[part.id] = min(level, takes.get(part.id, TERNARY))
    return _grammar(tree)[0], takes


def fill(template: str, given: Mapping[str, Text]) -> Text:
    """Return a template with expressions in its places.

    One that stands in several places gets the brackets that the tightest one needs; a
    place that is the whole template leaves brackets to what it becomes a part of.

    >>> sums = {"x": Text("a + b", SUM), "y": Text("-b", UNARY)}
    >>> fill("{x} ** {y}", sums).text, fill("f({x}) - {y}", sums).text
    ('(a + b) ** -b', 'f(a + b) - -b')
    """
    if whole := _HOLE.fullmatch(template):
        return given[whole[1]]
    level, takes = _places(template)
    text = _HOLE.sub(lambda m: given[m[1]].at(takes.get(m[1], TERNARY)), template)
    # The formatter hugs a power of plain names and numbers.
    if level == POWER and re.fullmatch(r"[\w.-]+ \*\* [\w.-]+", text):
        text = text.replace(" ** ", "**")
    return Text(text, level)


def number(value: Any) -> Text:
    """Return a literal; one that a rule made prints short: `2`, not `2.0`."""
    if isinstance(value, float) and not math.isfinite(value):
        text = "np.nan" if math.isnan(value) else "np.inf"
        return Text(f"-{text}", UNARY) if value < 0 else Text(text)
    if isinstance(value, complex):
        if repr(-value)[0].isdigit():
            return Text(f"-{-value!r}", UNARY)
        parts = f"{number(value.real).text}, {number(value.imag).text}"
        return Text(repr(value) if repr(value)[0].isdigit() else f"complex({parts})")
    negative = isinstance(value, float | int) and math.copysign(1.0, value) < 0
    text = repr(value)
    short = f"{value:g}" if text.endswith("000.0") else ""
    if "e" in short and float(short) == value:
        text = short.replace("e+0", "e").replace("e+", "e")
    return Text(text, UNARY if negative else ATOM)


Show = Callable[[Operand], Text]


def path_text(text: str, path: Path, show: Show) -> Text:
    """Return a part of an array as text."""
    for step in path:
        if isinstance(step, Index) and step.sure and all(map(_is_all, step.items)):
            pass  # it only says what is one long
        elif isinstance(step, Index):
            text += f"[{', '.join(_item(i, show) for i in step.items)}]"
        elif isinstance(step, Through):
            text = show(step.view).text
        elif not isinstance(step, Permute):
            text += f".reshape({', '.join(show(s).text for s in step.shape)})"
        elif step.axes == tuple(reversed(range(len(step.axes)))):
            text += ".T"
        else:
            text += f".transpose({', '.join(map(str, step.axes))})"
    return Text(text)


def _is_all(item: Item) -> bool:
    """Tell a slice of all that there is in an axis where nothing is cut off."""
    match item:
        case Slice(None, None | Const(), None):
            return True
    return False


def _item(item: Item, show: Show) -> str:
    if not isinstance(item, Slice):
        return "None" if item is None else show(item).text
    parts = (item.start, item.stop, item.step)
    start, stop, step = (Text("") if p is None else show(p) for p in parts)
    simple = max(start.level, stop.level, step.level) <= UNARY
    colon = ":" if simple else " : "
    text = f"{start.text}{colon}{stop.text}"
    return (f"{text}{colon}{step.text}" if item.step is not None else text).strip()


def row_text(
    row: Row, args: Sequence[Text], types: Sequence[Type], attrs: dict[str, Any],
    alias: Mapping[str, str],
) -> Text:  # fmt: skip
    """Return the application of a row as NumPy text."""
    template = row.spelled(types, attrs)
    given = {key: number(value) for key, value in {**row.attrs, **attrs}.items()}
    for k, text in enumerate(args):
        given[f"{row.param(k)}{k - len(row.params) + 1}"] = given[row.param(k)] = text
    if row.starred:
        rest = [text.text for text in args[len(row.params) - 1 :]]
        listed = ", ".join(rest)
        given["*" + row.param(-1)] = Text(listed)
        given[row.param(-1)] = Text(listed if len(rest) == 1 else f"({listed})")
    if not re.search(r"\W", template.replace(".", "")):
        shown = ", ".join(f"{{{p}}}" for p in row.params)
        shown = f"[{shown}]" if row.sequence else shown
        template = f"{template}({shown}{{keywords}})"
    keywords = ""
    for key, default in row.attrs.items():
        value = attrs.get(key, default)
        if value != default:
            one = value[0] if isinstance(value, tuple) and len(value) == 1 else value
            shown = dtype_text(str(one)) if key == "dtype" else number(one).text
            keywords += f", {key}={shown}"
    template = template.replace("{keywords}", keywords).replace("(, ", "(")
    for module, own in alias.items():
        template = re.sub(rf"(?<![\w.]){module}\.", f"{own}.", template)
    return fill(template, given)
