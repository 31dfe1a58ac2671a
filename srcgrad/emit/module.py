"""Put a function's text into a module: header, imports, comments, line map.

The text starts with the imports it needs and runs as it stands. Every line maps to a
line of the user's source; the first line of the backward sweep that stems from a
statement repeats the statement.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from srcgrad.emit.python import WIDTH, Line, emit_python
from srcgrad.ir import Function, Value
from srcgrad.ops.table import ROWS
from srcgrad.source import FunctionSource, statement_text

__all__ = ["ModuleText", "python_module"]

# The functions of srcgrad.runtime.readable; not `cast`, which has a spelling of its
# own, nor the rows of rules of the user's.
_HELPERS = (
    *(
        row.spell
        for row in ROWS.values()
        if row.spell
        and "." not in row.spell
        and row.name != "cast"
        and row.kind != "custom"
        and not hasattr(builtins, row.spell)
    ),
    "keep_layout",
    "take_last",
)


@dataclass(frozen=True, slots=True)
class ModuleText:
    """The text of a module, its function's name, and the user line of each line."""

    name: str
    text: str
    lines: tuple[int, ...]


def python_module(
    function: Function, source: FunctionSource, reading: Any, wrt: Sequence[str] = ()
) -> ModuleText:
    """Return the readable module of a function.

    Args:
        function: The IR: a primal, an adjoint or a tangent.
        source: The user's source, for aliases and comments.
        reading: How the function was read.
        wrt: The names of what the gradients belong to, for the header.
    """
    alias = aliases(source)
    lines = emit_python(function, alias, result=_returned(function, reading),
                        defaults=_defaults(function, reading))  # fmt: skip
    body = [
        (part, n) for text, n in _commented(lines, source) for part in _wrapped(text)
    ]
    head = _header(function, source, wrt, [t for t, _ in body], alias)
    text = "\n".join([*head, *(t for t, _ in body)]) + "\n"
    return ModuleText(function.name, text, (*(0 for _ in head), *(n for _, n in body)))


def _commented(lines: list[Line], source: FunctionSource) -> list[Line]:
    """Say where each line stems from: forward by number, backward once in full."""
    cut = next((k for k, (t, _) in enumerate(lines) if t == "    # backward"), None)
    if cut is None:
        return lines[:1] + [_numbered(*line) for line in lines[1:]]
    body = [lines[0], ("    # forward", 0), *(_numbered(*x) for x in lines[1:cut])]
    body.append(lines[cut])
    rest = lines[cut + 1 :]
    home: dict[int, int] = {}
    for k, (text, line) in enumerate(rest):
        begins = text.lstrip().startswith(("for ", "while ", "if "))
        # The head of a loop says more than the zeros before it.
        if line not in home or (begins and _is_start(rest[home[line]][0])):
            home[line] = k
    for k, (text, line) in enumerate(rest):
        if line and home[line] == k:
            indent = text[: len(text) - len(text.lstrip())]
            comment = f"# {line}: {statement_text(source, line)}"
            if len(text) + len(comment) + 2 > WIDTH:
                body.append((_cut(f"{indent}{comment}"), line))
            else:
                text = f"{text}  {comment}"
        body.append((text, line))
    return body


def _cut(text: str) -> str:
    """Shorten a comment that no line holds."""
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 4].rstrip()} ..."


def _wrapped(text: str) -> list[str]:
    """Break the head and the return of a function as the formatter does."""
    if len(text) <= WIDTH or not text.startswith(("def ", "    return ")):
        return [text]
    if text.startswith("def "):
        head, _, inner = text.removesuffix("):").partition("(")
        if len(inner) + 4 <= WIDTH:
            return [f"{head}(", f"    {inner}", "):"]
        return [f"{head}(", *(f"    {p}," for p in inner.split(", ")), "):"]
    (stmt,) = ast.parse(text.strip()).body
    if not isinstance(stmt, ast.Return) or not isinstance(stmt.value, ast.Tuple):
        return [text]
    items = stmt.value.elts
    head, last = "    return (", items[-1]
    if isinstance(last, ast.Tuple) and len(items) == 2:
        head, items = f"    return {ast.unparse(items[0])}, (", last.elts
    return [head, *(f"        {ast.unparse(item)}," for item in items), "    )"]


def _numbered(text: str, line: int) -> Line:
    comment = f"  # {line}" if line else ""
    return (text + comment, line) if len(text + comment) <= WIDTH else (text, line)


def _is_start(text: str) -> bool:
    """Tell whether a line gives a cotangent its first value."""
    value = text.partition(" = ")[2]
    return value == "0.0" or value.startswith("d_") or ".zeros" in value


def aliases(source: FunctionSource) -> dict[str, str]:
    """Return the user's own names of numpy and math."""
    found: dict[str, str] = {}
    for name, value in source.module_globals.items():
        if isinstance(value, ModuleType) and not name.startswith("_"):
            short = {"numpy": "np", "math": "math"}.get(value.__name__)
            if short and found.get(short) != short:
                found[short] = name
    return found


def _header(
    function: Function, source: FunctionSource, wrt: Sequence[str], lines: list[str],
    alias: dict[str, str],
) -> list[str]:  # fmt: skip
    text = "\n".join(lines)
    adjoint = function.cut is not None
    of = f" | gradient with respect to {', '.join(wrt)}" if adjoint else ""
    used = {*alias.items(), ("np", "np"), ("math", "math")}
    head = [f"# {source.name}, {os.path.basename(source.file)}:{source.line}{of}"]
    for short, name in sorted(used):
        module = "numpy" if short == "np" else short
        if re.search(rf"(?<![\w.]){name}\.", text):
            head.append(f"import {module}" + (f" as {name}" if name != module else ""))
    needed = [n for n in _HELPERS if re.search(rf"(?<![\w.]){n}\(", text)]
    if needed:
        head.append(f"from srcgrad.runtime.readable import {', '.join(sorted(needed))}")
    return [*head, "", ""]


def _defaults(function: Function, reading: Any) -> dict[Value, str]:
    """Give the cotangent of a scalar result its default, 1.0."""
    extra = function.params[len(reading.leaves) :]
    if function.cut is None or len(extra) != 1 or extra[0].type.rank:
        return {}
    return {extra[0]: "1.0"}


def _returned(function: Function, reading: Any) -> Any:
    """Return how the results are put into the return statement."""
    count = reading.results

    def show(values: list[str]) -> str:
        if function.cut is None:
            return ", ".join(values)
        primal, rest = values[:count], values[count:]
        comma = "," if primal and len(rest) == 1 else ""
        return ", ".join([*primal, f"({', '.join(rest)}{comma})"])

    return show
