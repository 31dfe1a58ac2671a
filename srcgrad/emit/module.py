"""Put a function's text into a module: header, imports, comments, line map.

The text starts with the imports it needs and runs as it stands. Every line maps to a
statement of the user's source; the first line of the backward sweep that stems from a
statement repeats the statement.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from srcgrad.emit.python import WIDTH, emit_python
from srcgrad.emit.writer import Line
from srcgrad.errors import Location
from srcgrad.ir import NOWHERE, Function
from srcgrad.ops.table import ROWS
from srcgrad.source import FunctionSource, statement_text


@dataclass(frozen=True, slots=True)
class ModuleText:
    """The text of a module, its function's name, and where each line stems from."""

    name: str
    text: str
    lines: tuple[Location, ...]


def python_module(
    function: Function, source: FunctionSource, reading: Any, wrt: Sequence[str] = ()
) -> ModuleText:
    """Return the readable module of a primal, an adjoint or a tangent."""

    def returned(values: list[str]) -> str:
        if function.cut is None:
            return ", ".join(values)
        primal, rest = values[: reading.results], values[reading.results :]
        comma = "," if primal and len(rest) == 1 else ""
        return ", ".join([*primal, f"({', '.join(rest)}{comma})"])

    alias, adjoint = _aliases(source), function.cut is not None
    extra = function.params[len(reading.leaves) :]
    # The cotangent of a scalar result is 1.0 if none is given.
    one = adjoint and len(extra) == 1 and not extra[0].type.rank
    lines = emit_python(function, alias, returned, {extra[0]: "1.0"} if one else {})
    body = [
        (part, at) for text, at in _commented(lines, source) for part in _wrapped(text)
    ]
    of = f" | gradient with respect to {', '.join(wrt)}" if adjoint else ""
    place = f"{os.path.basename(source.file)}:{source.line}"
    used = _imports(function.name, "\n".join(t for t, _ in lines), alias)
    head = [f"# {source.name}, {place}{of}", *used, "", ""]
    text = "\n".join([*head, *(t for t, _ in body)]) + "\n"
    places = (*(NOWHERE for _ in head), *(at for _, at in body))
    return ModuleText(function.name, text, places)


def _commented(lines: list[Line], source: FunctionSource) -> list[Line]:
    """Say where each line stems from: forward by number, backward once in full."""
    texts = [text for text, _ in lines]
    cut = texts.index("    # backward") if "    # backward" in texts else len(lines)
    body = [lines[0], *([("    # forward", NOWHERE)] if cut < len(lines) else [])]
    for text, at in lines[1:cut]:
        noted = f"{text}  # {_number(at, source)}" if at.line else text
        body.append((noted if len(noted) <= WIDTH else text, at))
    body += lines[cut : cut + 1]
    rest = lines[cut + 1 :]
    home: dict[str, int] = {}
    for k, (text, at) in enumerate(rest):
        n = _number(at, source)
        begins = text.lstrip().startswith(("for ", "while ", "if "))
        # The head of a loop says more than the zeros before it.
        if n not in home or (begins and _is_start(rest[home[n]][0])):
            home[n] = k
    for k, (text, at) in enumerate(rest):
        n = _number(at, source)
        if at.line and home[n] == k:
            comment = f"# {n}: {statement_text(source, at.line, at.file)}"
            if len(text) + len(comment) + 2 <= WIDTH:
                text = f"{text}  {comment}"
            else:
                comment = text[: len(text) - len(text.lstrip())] + comment
                if len(comment) > WIDTH:
                    comment = f"{comment[: WIDTH - 4].rstrip()} ..."
                body.append((comment, at))
        body.append((text, at))
    return body


def _number(at: Location, source: FunctionSource) -> str:
    """Return the number of a line, behind the name of its file if that is another."""
    other = at.file not in ("", source.file)
    return f"{os.path.basename(at.file)}:{at.line}" if other else f"{at.line}"


def _is_start(text: str) -> bool:
    """Tell whether a line gives a cotangent its first value."""
    value = text.partition(" = ")[2]
    return value == "0.0" or value.startswith("d_") or ".zeros" in value


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


def _aliases(source: FunctionSource) -> dict[str, str]:
    """Return the user's own names of numpy and math."""
    found: dict[str, str] = {}
    for name, value in source.module_globals.items():
        if isinstance(value, ModuleType) and not name.startswith("_"):
            short = {"numpy": "np", "math": "math"}.get(value.__name__)
            if short and found.get(short) != short:
                found[short] = name
    return found


def _imports(name: str, text: str, alias: dict[str, str]) -> list[str]:
    """Return the imports that the text of a function needs."""
    lines = []
    for short, own in sorted({*alias.items(), ("np", "np"), ("math", "math")}):
        module = "numpy" if short == "np" else short
        if re.search(rf"(?<![\w.]){own}\.", text):
            lines.append(f"import {module}" + (f" as {own}" if own != module else ""))
    # What is called by a bare name is a helper, but for Python's own and the user's.
    known = {name, *dir(builtins), *keyword.kwlist}
    known |= {str(row.spell) for row in ROWS.values() if row.kind == "custom"}
    needed = set(re.findall(r"(?<![\w.])([a-z]\w*)\(", text)) - known
    if needed:
        lines.append(
            f"from srcgrad.runtime.readable import {', '.join(sorted(needed))}"
        )
    return lines
