"""What calling a function computes, for use inside the user's own compiled code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from srcgrad.compile.numba import wrapped
from srcgrad.differentiated import Differentiated
from srcgrad.errors import make_error
from srcgrad.specialise import Call, Specialisation
from srcgrad.trees import POINT, Node, closed, relabel


@dataclass(frozen=True)
class Compiled:
    """A function for use inside the user's own `@njit` functions.

    Used there, it is the function of the last arguments; called outside of them with
    example arguments, it returns the function for those.
    """

    of: Differentiated

    def __call__(self, *example: Any) -> Any:
        """Return the compiled function for arguments like these, or the last seen."""
        of = self.of
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

    @property
    def _numba_type_(self) -> Any:
        return self()._numba_type_


def _wrap(of: Differentiated, made: Specialisation, call: Call) -> Any:
    specs, reading, flaw = made.specs, made.reading, ""
    arrays = [name for name, spec in specs.items() if spec[0] == "array"]
    others = "static", "table"
    taken = any(isinstance(s, Node) or s[0] in others for s in specs.values())
    if taken or reading.captures or made.fixed:
        flaw = "takes numbers and arrays only, and captures nothing that may change"
    elif reading.effects or (made.written and len(arrays) > 1):
        flaw = "prints nothing and writes to no array"
    elif reading.result[:2] != ("leaf", 0) or POINT in reading.result:
        flaw = "returns one number or array"
    if flaw:
        what = f"a function for compiled code {flaw}"
        raise make_error("SG305", what, function=made.source.name)
    function, seeds = of.program(of.kind, made, call)
    form = made.form(of.kind, call.names, of.options)
    shown = repr(relabel(form, lambda leaf: f"r[{leaf[1]}]", closed)).replace("'", "")
    ones = [(name, k) for name in arrays for k, one in enumerate(specs[name][2]) if one]
    lines = [f"def wrapper({', '.join(specs)}):"]
    for name, axis in ones:
        lines.append(f"    if {name}.shape[{axis}] != 1:")
        lines.append(f"        raise ValueError('made for {name} of one')")
    lines += [
        f"    r = kernel({', '.join([*specs, *(repr(float(s)) for s in seeds)])})",
        f"    return {shown}",
    ]
    example = made.ready(made.raw(call.leaves))
    return wrapped("\n".join(lines), made.code(function), example)
