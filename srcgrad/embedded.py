"""What calling a function computes, for use inside the user's own compiled code."""

from __future__ import annotations

from typing import Any

from srcgrad.compile.numba import wrapped
from srcgrad.differentiated import Call, Differentiated
from srcgrad.errors import make_error
from srcgrad.specialise import Specialisation
from srcgrad.trees import Node


def embedded(of: Differentiated, *example: Any) -> Any:
    """Return the compiled function for arguments like these, or the last seen."""
    if example:
        of.example = of.bind(example, {})
    if of.example is None:
        what = "no arguments were seen yet"
        raise make_error("SG305", what, helps=("call `f.numba(*example)` first",))
    made = of.find(of.example)
    key = ("embedded", of.kind, of.example.names)
    if key not in made.made:
        made.made[key] = _wrap(of, made, of.example)
    return made.made[key]


def _wrap(of: Differentiated, made: Specialisation, call: Call) -> Any:
    specs = made.specs.values()
    ones = {n: s[2] if s[0] == "array" else () for n, s in made.specs.items()}
    flaw = ""
    taken = len(call.leaves) != len(ones) or any(isinstance(s, Node) for s in specs)
    if taken or made.reading.captures or made.fixed:
        flaw = "takes numbers and arrays only, and captures nothing that may change"
    elif made.reading.effects or (made.written and sum(map(bool, ones.values())) > 1):
        flaw = "prints nothing and writes to no array"
    elif made.reading.result != ("leaf", 0):
        flaw = "returns one number or array"
    if flaw:
        what = f"a function for compiled code {flaw}"
        raise make_error("SG305", what, function=made.source.name)
    function, seeds, _ = of.program(of.kind, made, call)
    result = spelt(made.form(of.kind, call.names, of.options))
    kernel, name = made.code(function), f"{function.name}_njit"
    return wrapped(kernel, name, ones, made.ready(made.raw(call.leaves)), seeds, result)


def spelt(form: Any) -> str:
    """Return a form of tuples as an expression over flat results `r`."""
    if isinstance(form, Node):
        return f"({''.join(f'{spelt(item)}, ' for item in form.items)})"
    return f"r[{form[1]}]"
