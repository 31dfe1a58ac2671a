"""Check that a function has a gradient: a real scalar result, and a path to it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.errors import make_error
from srcgrad.source import FunctionSource, location

__all__ = ["check_active", "check_output"]


def check_output(
    made: Any, source: FunctionSource, names: Sequence[str], has_aux: bool,
    plain: Callable[[], Any] | None,
) -> None:  # fmt: skip
    """Check that the result is a real scalar, with `has_aux` the first of two.

    Args:
        made: The specialisation.
        source: The user's function.
        names: The arguments differentiated with respect to.
        has_aux: The result is `(value, aux)`.
        plain: Runs the user's function: one that always raises has no result.

    Raises:
        OutputError: It is not.
    """
    form = made.reading.result
    where = _return_line(source)
    about: dict[str, Any] = {"function": source.name, "names": names}
    if form == ("static", None) and plain is not None:
        plain()
    if has_aux:
        if form[0] != "tuple" or len(form[2]) != 2:
            raise make_error(
                "SG302", f"with has_aux `{source.name}` must return `(value, aux)`, "
                f"not {_kind(form, made)}", where, **about,
            )  # fmt: skip
        form = form[2][0]
    if form[0] == "leaf":
        type = made.reading.function.results[form[1]].type
        if type.rank == 0 and type.dtype.startswith("float"):
            return
        if type.rank == 0:
            what = f"`{source.name}` returns a {type.dtype}, not a float"
            raise make_error("SG302", what, where, **about)
    helps = ["return one number: `[0]`, `.sum()`", "or use `jacobian`"]
    if form == ("static", None):
        helps = ["`return` the number that is to be differentiated"]
    if form[0] == "tuple" and not has_aux and len(form[2]) == 2:
        helps = ["`has_aux=True` differentiates the first and returns the second"]
    raise make_error(
        "SG302", f"`{source.name}` must return a real scalar, not {_kind(form, made)}",
        where, helps=helps, **about,
    )  # fmt: skip


def _kind(form: Any, made: Any) -> str:
    """Return what a result is, in words."""
    if form[0] == "leaf":
        type = made.reading.function.results[form[1]].type
        dims = [":" if d.known is None else str(d.known) for d in type.dims]
        shape = f"({', '.join(dims)}{',' * (len(dims) == 1)})"
        return f"an array of shape {shape}" if type.rank else f"a {type.dtype}"
    if form[0] == "static":
        return "None" if form[1] is None else f"a {type_name(form[1])}"
    return f"a {form[1].__name__}" if form[0] == "record" else f"a {form[0]}"


def type_name(value: Any) -> str:
    """Return the name of a value's class."""
    return type(value).__name__


def _return_line(source: FunctionSource) -> Any:
    """Return the place of the last return of the function itself."""
    node = source.node
    if isinstance(node, ast.Lambda):
        return location(source, node.body)
    stack: list[ast.AST] = list(node.body)
    last: ast.Return | None = None
    while stack:
        stmt = stack.pop()
        if isinstance(stmt, ast.Return) and (last is None or stmt.lineno > last.lineno):
            last = stmt
        if not isinstance(stmt, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            stack.extend(ast.iter_child_nodes(stmt))
    return location(source, last if last is not None else node)


def check_active(made: Any, source: FunctionSource, names: Sequence[str]) -> None:
    """Refuse a gradient that is zero because every path is cut.

    Raises:
        NonDifferentiableError: It names the operation and the line that cut.
    """
    from srcgrad.analyses.cuts import find_cut

    cut = find_cut(made.pure, made.wrt)
    if cut is not None:
        name, where = cut
        raise make_error(
            "SG502", f"every path from `{', '.join(names)}` to the result is cut by "
            f"`{name}`", where, note="its derivative is zero everywhere",
            function=source.name, names=names,
        )  # fmt: skip
