"""Put a function's text into a module: header, imports, comments, line map.

The text starts with the imports it needs and runs as it stands. Every line maps to a
line of the user's source; the first line of the backward sweep that stems from a
statement repeats the statement.
"""

from __future__ import annotations

import builtins
import linecache
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from srcgrad.emit.python import emit_python
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
    body: list[tuple[str, int]] = []
    backward = False
    seen: set[int] = set()
    for text, line in lines:
        if text.strip() == "# backward":
            backward = True
            if not body or body[-1][0].strip() != "# forward":
                body.insert(1, ("    # forward", 0))
        first = line and line not in seen and not text.strip().startswith("else")
        if backward and first:
            seen.add(line)
            text = f"{text}  # {line}: {_statement(source, line)}"
        elif not backward and line and body:
            text = f"{text}  # {line}"
        body.append((text, line))
    head = _header(function, source, wrt, [t for t, _ in body], alias)
    text = "\n".join([*head, *(t for t, _ in body)]) + "\n"
    return ModuleText(function.name, text, (*(0 for _ in head), *(n for _, n in body)))


def _statement(source: FunctionSource, line: int) -> str:
    """Return the user's statement on a line, of the function or of a helper."""
    try:
        return statement_text(source, line)
    except ValueError:
        return linecache.getline(source.file, line).strip()


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
