"""What calling a function computes, for use inside the user's own compiled code."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from srcgrad.compile.numba import wrapped
from srcgrad.differentiated import Differentiated
from srcgrad.errors import make_error
from srcgrad.results import one_of
from srcgrad.specialise import Specialisation
from srcgrad.trees import Node

__all__ = ["embedded"]


def embedded(of: Differentiated, *example: Any) -> Any:
    """Return the compiled function for arguments like these, or the last seen."""
    names, values, made = of.bound(*example)
    key = ("embedded", of.kind, names)
    return made.once(key, functools.partial(_embedded, of, made, names, values))


def _embedded(
    of: Differentiated, made: Specialisation, names: Sequence[str], example: list[Any]
) -> Any:
    specs = made.specs.values()
    ones = {n: s[2] if s[0] == "array" else () for n, s in made.specs.items()}
    arrays = sum(bool(axes) for axes in ones.values())
    flaw = ""
    taken = len(example) != len(ones) or any(isinstance(s, Node) for s in specs)
    if taken or made.reading.captures or made.fixed:
        flaw = "takes numbers and arrays only, and captures nothing that may change"
    elif made.reading.effects or (made.written and arrays > 1):
        flaw = "prints nothing and writes to no array"
    elif made.reading.result != ("leaf", 0):
        flaw = "returns one number or array"
    if flaw:
        what = f"a function for compiled code {flaw}"
        raise make_error("SG305", what, function=made.source.name)
    function, seeds, shown = made.primal, [], "r[0]"
    if of.kind != "value":
        function, seeds = of.checked_adjoint(made, names), [one_of(made)]
        order = [n for n in made.specs if n in names]
        parts = [f"r[{1 + order.index(n)}]" for n in names]
        shown = parts[0] if of.options.single else f"({', '.join(parts)},)"
        shown = f"r[0], {shown}" if of.kind == "value_and_grad" else shown
    kernel: Any = made.code(function)
    return wrapped(kernel, f"{function.name}_njit", ones, example, seeds, shown)
