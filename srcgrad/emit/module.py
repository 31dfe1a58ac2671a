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
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from srcgrad.emit.python import WIDTH, emit_python
from srcgrad.emit.writer import Line
from srcgrad.errors import Location
from srcgrad.ir import NOWHERE, Function
from srcgrad.source import FunctionSource, statement_text

# What rows are spelled by: the names of modules, and ours for them.
_MODULES = {"cmath": "cmath", "math": "math", "numpy": "np"}
_SCIPY = "fft interpolate linalg signal special stats".split()
_MODULES |= {f"scipy.{name}": name for name in _SCIPY}


@dataclass(frozen=True, slots=True)
class ModuleText:
    """The text of a module, its function's name, and where each line stems from."""

    name: str
    text: str
    lines: tuple[Location, ...]


def python_module(
    function: Function, source: FunctionSource, reading: Any
) -> ModuleText:
    """Return the readable module of a primal, an adjoint or a tangent."""

    def returned(values: list[str], broken: bool) -> str:
        items, lines, head, comma = values, values, "(", ""
        if function.cut is not None:
            first, rest = values[: reading.results], values[reading.results :]
            comma = "," if first and len(rest) == 1 else ""
            items = lines = [*first, f"({', '.join(rest)}{comma})"]
            if len(first) < 2:
                lines, head = rest, "".join(f"{item}, " for item in first) + "("
        if not broken or len(lines) + len(comma) < 2:
            return ", ".join(items)
        return "\n".join([head, *(f"        {item}," for item in lines), "    )"])

    alias, adjoint = _aliases(source), function.cut is not None
    extra = function.params[len(reading.leaves) :]
    # The cotangent of a scalar result is 1.0 if none is given.
    one = adjoint and len(extra) == 1 and not extra[0].type.rank
    lines = emit_python(function, alias, returned, {extra[0]: "1.0"} if one else {})
    body = [(part, at) for text, at in _commented(lines, source)
            for part in text.split("\n")]  # fmt: skip
    of = f" | gradient with respect to {', '.join(function.slopes)}" if adjoint else ""
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
    body = [lines[0], *([("    # forward", NOWHERE)] if 1 < cut < len(lines) else [])]
    body += [_numbered(line, source) for line in lines[1:cut]]
    body += lines[cut : cut + 1]
    rest = lines[cut + 1 :]
    forward = _forward([text for text, _ in rest])
    home: dict[str, int] = {}
    starts = re.compile(r".* = (0\.0$|d_|.*\.zeros)")
    for k, (text, at) in enumerate(rest):
        if k in forward:
            continue
        n = _number(at, source)
        begins = text.lstrip().startswith(("for ", "while ", "if "))
        # The head of a loop says more than the zeros before it.
        if n not in home or (begins and starts.match(rest[home[n]][0])):
            home[n] = k
    for k, (text, at) in enumerate(rest):
        n = _number(at, source)
        if k in forward:
            body.append(_numbered((text, at), source))
            continue
        if at.line and home[n] == k:
            comment = f"# {n}: {statement_text(source, at.line, at.file)}"
            if len(text) + len(comment) + 2 <= WIDTH:
                text = f"{text}  {comment}"
            else:
                comment = text[: len(text) - len(text.lstrip())] + comment
                if len(comment) > WIDTH:
                    comment = f"{comment[: WIDTH - 4].rstrip()} ..."
                body += [(comment, at)] * ("#" in comment)  # there is room for it
        body.append((text, at))
    return body


def _forward(texts: list[str]) -> set[int]:
    """Return the lines that run forward in turns that run backward at once."""
    found = set[int]()
    for end, text in enumerate(texts):
        if text.lstrip() == "# backward":
            indent = text.index("#")
            outer = (
                k for k in range(end, -1, -1) if not texts[k].startswith(" " * indent)
            )
            found.update(range(next(outer) + 1, end))
    return found


def _numbered(line: Line, source: FunctionSource) -> Line:
    """Return a line with the number of the user's."""
    text, at = line
    noted = f"{text}  # {_number(at, source)}" if at.line else text
    return noted if len(noted) <= WIDTH else text, at


def _number(at: Location, source: FunctionSource) -> str:
    """Return the number of a line, behind the name of its file if that is another."""
    other = at.file not in ("", source.file)
    return f"{os.path.basename(at.file)}:{at.line}" if other else f"{at.line}"


def _aliases(source: FunctionSource) -> dict[str, str]:
    """Return the user's own names of the modules that rows are spelled by."""
    found: dict[str, str] = {}
    for name, value in source.function.__globals__.items():
        if isinstance(value, ModuleType) and not name.startswith("_"):
            short = _MODULES.get(value.__name__)
            if short and found.get(short) != short:
                found[short] = name
    return found


def _imports(name: str, text: str, alias: dict[str, str]) -> list[str]:
    """Return the imports that the text of a function needs."""
    lines, nodes = [], [*ast.walk(ast.parse(text))]
    homes = [n.value for n in nodes if isinstance(n, ast.Attribute)]
    used = {n.id for n in homes if isinstance(n, ast.Name)}
    for module, short in sorted(_MODULES.items()):
        for own in sorted({short, alias.get(short, short)}):
            if own in used:
                home, _, last = module.rpartition(".")
                other = f" as {own}" if own != last else ""
                lines.append(f"{f'from {home} ' * bool(home)}import {last}{other}")
    # What is called by a bare name is a helper, but for Python's own and the user's.
    known = {name, *dir(builtins), *keyword.kwlist}
    called = {getattr(n.func, "id", "") for n in nodes if isinstance(n, ast.Call)}
    needed = {n for n in called if n[:1].islower()} - known
    if needed:
        helpers = ", ".join(sorted(needed))
        lines.append(f"from srcgrad.runtime.readable import {helpers}")
    return lines
