"""Find the line that made a gradient infinite or nan: run its text with open eyes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.emit.module import ModuleText
from srcgrad.errors import Location
from srcgrad.source import FunctionSource, file_lines


def find_culprit(
    text: ModuleText, source: FunctionSource, args: Sequence[Any]
) -> tuple[Location, str] | None:
    """Return the user's line that made finite numbers infinite or nan, and how.

    It is the first statement of the backward sweep to do so, or else of the forward; if
    the function's value is not finite itself, the first of all.

    Args:
        text: The readable module of a gradient.
        source: The function it is the gradient of.
        args: The leaves it takes; they are not changed.
    """
    tree, lines = ast.parse(text.text), text.text.splitlines()
    found: dict[int, dict[str, float]] = {}

    def look(line: int, before: dict[str, Any], reads: list[str], result: Any) -> None:
        array = np.asarray(result)
        if line in found or array.dtype.kind not in "fc" or np.all(np.isfinite(array)):
            return
        place = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        numbers = {t: _number(eval(t, space, before), place) for t in reads}
        values = {name: x for name, x in numbers.items() if x is not None}
        if values and np.all(np.isfinite([*values.values()])):
            found[line] = values

    space: dict[str, Any] = {"_look": look}
    watched = ast.fix_missing_locations(_Watched().visit(tree))
    exec(compile(watched, "<gradient>", "exec"), space)
    with np.errstate(all="ignore"):
        value = space[text.name](*(a.copy() if hasattr(a, "copy") else a for a in args))
    while isinstance(value, tuple):
        value = value[0]
    cut = next((k for k, line in enumerate(lines, 1) if line == "    # backward"), 0)
    cut = cut if np.all(np.isfinite(value)) else 0
    line = next((n for n in found if n > cut), next(iter(found), None))
    if line is None or not text.lines[line - 1].line:
        return None  # none found, or one of ours that stems from no line
    at = text.lines[line - 1]
    shown = file_lines(source, at.file)[at.line - 1].rstrip()
    start = len(shown) - len(shown.lstrip()) + 1
    place = Location(at.file, at.line, start, at.line, len(shown) + 1)
    values = ", ".join(f"`{n}` = {x:.6g}" for n, x in found[line].items())
    statement = lines[line - 1].partition("  #")[0].strip()
    return place, f"the gradient computes `{statement}` with {values}"


class _Watched(ast.NodeTransformer):
    """Put behind each statement calls that look at what it bound or stored."""

    def visit_Assign(self, node: Any) -> list[ast.stmt]:
        reads = {ast.unparse(n) for n in ast.walk(node.value) if isinstance(n, _READS)}
        if any(name.startswith("np.empty") for name in reads):
            return [node]  # nothing was written there yet
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        targets = [t for part in targets for t in getattr(part, "elts", [part])]
        look = f"_look({node.lineno}, _0, {sorted(reads)}, "
        calls = ["_0 = {**locals()}", *(f"{look}{ast.unparse(t)})" for t in targets)]
        before, *after = ast.parse("\n".join(calls)).body
        return [before, node, *after]

    visit_AugAssign = visit_Assign


_READS = ast.Name | ast.Subscript | ast.Attribute


def _number(operand: Any, place: tuple[int, ...]) -> float | None:
    """Return the number of an operand that belongs to a place of the result."""
    kinds = float | complex | np.ndarray
    array = np.asarray(operand) if isinstance(operand, kinds) else None
    if array is None or array.ndim > len(place):
        return None
    own = place[len(place) - array.ndim :]
    if any(k >= n != 1 for k, n in zip(own, array.shape, strict=True)):
        return None
    places = tuple(min(k, n - 1) for k, n in zip(own, array.shape, strict=True))
    return float(abs(array[places]) if np.iscomplexobj(array) else array[places])
