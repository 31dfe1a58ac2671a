"""Read functions that call themselves: call by call while that ends, else as a loop."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from srcgrad.frontend import values as v
from srcgrad.frontend.normalize.recursion import RESULT, NotWritten, Part, as_loop
from srcgrad.frontend.values import NeedStatic
from srcgrad.trees import SHAPE

if TYPE_CHECKING:
    from srcgrad.frontend.build import Frame, Reader
    from srcgrad.ir import Operand

_DEPTH, _CALLS = 16, 300
_APART = ast.Nonlocal | ast.Yield | ast.YieldFrom  # not written as a loop


class Unsettled(Exception):
    """Calls inside each other do not end; the arguments are the frames of one round."""


def _check(reader: Reader, same: Callable[[Frame], bool]) -> None:
    """Raise Unsettled where a function has been called inside itself too often."""
    mine = [k for k, frame in enumerate(reader.frames) if same(frame)]
    reader.repeated += bool(mine)
    if len(mine) > _DEPTH or (mine and reader.repeated > _CALLS):
        raise Unsettled(*reader.frames[mine[0] : (*mine, len(reader.frames))[1]])


def read(reader: Reader, read: Callable[[Any], v.Thing], same: Any) -> v.Thing:
    """Read a function by `read(None)`, or by `read(tree)` as another tree says."""
    _check(reader, same)
    if any(map(same, reader.frames)):
        return read(None)
    back, depths = reader.checkpoint(), (len(reader.frames), len(reader.held))
    known, reader.repeated = reader.repeated, 0
    try:
        return read(None)
    except (Unsettled, RecursionError) as error:
        found = error.args if isinstance(error, Unsettled) else ()
        if not found or not same(found[0]):
            raise
    finally:
        reader.repeated = known
    del reader.frames[depths[0] :], reader.held[depths[1] :]
    back()
    name = found[0].source.name if found[0].called is None else found[0].called.name
    what, count = f"`{name}` calls itself without an end", len(reader.problems)
    helps: tuple[str, ...] = (
        "return without another call where there is nothing left to do",
    )
    try:
        result = read(as_loop(_parts(found)))
        if not any(RESULT in problem.message for problem in reader.problems[count:]):
            return result
    except (NotWritten, Unsettled):
        del reader.frames[depths[0] :], reader.held[depths[1] :]
        what = f"how deep `{name}` calls itself is not known while compiling"
        helps = (
            "call it outside of loops, comprehensions, `and` and `or`, without slices",
            "or write a loop, with a list for what is still to do",
        )
    back()
    reader.problem("SG103", what, *helps)
    return v.Poison()


def ask(
    reader: Reader, count: Operand | None = None, because: Exception | None = None
) -> None:
    """Have integers and lengths among the arguments known: all, or those of a count."""
    fixed, build, needed = getattr(reader, "fixed", {}), reader.build, list[str]()
    wanted = {a for a, _ in build.resolve(build.dim(count)).terms} if count else None
    for value, name in reader.leaves.items():
        dims = getattr(value.type, "dims", ())
        atoms = {a for d in (*dims, *map(build.resolve, dims)) for a, _ in d.terms}
        if not dims and value.type.dtype == "int64" and name not in fixed:
            atoms = {value}
        if atoms if wanted is None else atoms & wanted:
            needed.append(name + SHAPE * bool(dims))
    # Of lists first: what holds for arrays of all lengths may hold still.
    roots = getattr(reader, "roots", {})
    lists = [n for v, n in reader.leaves.items() if v in roots and roots[v].listlike]
    first = [n for n in needed if n.removesuffix(SHAPE) in lists]
    needed = first if first and wanted is None else needed
    if needed:
        raise NeedStatic(needed, reader.captures) from because


def _parts(frames: tuple[Frame, ...]) -> list[Part]:
    """Return the functions of one round; they must see the same names."""
    first, parts = frames[0], list[Part]()
    node: Any
    others: Any
    defaults: dict[str, Any]
    for frame in frames:
        called, function = frame.called, frame.source.function
        if called is None:
            place = frame.source.place(frame.source.name)
            around, others = function.__globals__, first.source.function.__globals__
            itself = place is not None and plain(place.fetch()) is function
            defaults = dict(frame.source.defaults)
            node = frame.source.node
            own = not function.__closure__ or len(frames) == 1
        else:
            around, others = called.frame, getattr(first.called, "frame", None)
            node, own = called.node, True
            itself = called.frame.names.get(called.name, called) is called
            defaults = {n: getattr(x, "value", x) for n, x in called.defaults.items()}
        binds = any(isinstance(n, _APART) for n in ast.walk(node))
        named = itself and own and not binds and hasattr(node, "name")
        if around is not others or not named:
            raise NotWritten
        parts.append(Part(node, defaults))
    return parts


def plain(function: Any) -> Any:
    """Return the plain function in what decorators have made of it."""
    if getattr(function, "kind", "value") == "value":  # not a gradient
        for name in ("primal", "py_func", "__wrapped__"):
            function = getattr(function, name, function)
    return function
