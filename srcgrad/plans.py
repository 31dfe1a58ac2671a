"""The short way from a call to the kernel, for shapes and types seen before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.arguments import Signature
from srcgrad.results import one_of, ready
from srcgrad.specialise import Specialisation
from srcgrad.trees import Node

__all__ = ["Plan", "exact", "make_plan"]

Plan = Callable[[tuple[Any, ...]], Any]


def exact(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the shapes of arrays and the types of all else.

    Dtypes and strides need no look: the kernel is compiled for arrays of one dtype in C
    order that can be written, and Numba refuses others.
    """
    return tuple([a.shape if type(a) is np.ndarray else type(a) for a in args])


def make_plan(
    made: Specialisation, signature: Signature, names: Sequence[str], single: bool,
    args: tuple[Any, ...], gradients: Sequence[Any],
) -> Plan | None:  # fmt: skip
    """Return what computes value and gradient for arguments that `exact` finds alike.

    It returns None where more must be done: something captured has changed, or the
    kernel raises. There is no plan for functions that write, print, take containers, or
    were run by CPython.
    """
    reading, adjoint = made.reading, made.adjoint()
    captured = [c.place for c in reading.captures]
    hidden = tuple(place.fetch() for place in captured)
    fits = len(args) + len(hidden) == len(reading.leaves) and signature.simple
    if not fits or not _is_plain(made, (*args, *hidden)):
        return None
    kernel: Any = made.code(adjoint)
    kernel.dispatcher.disable_compile()  # other types take the long way
    run, one = kernel.dispatcher, one_of(made)
    one = float(one) if one.dtype == "float64" else one  # Numba is quicker with these
    chosen = [n for n in made.specs if n in names]
    picks = [
        (1 + chosen.index(n), None if np.ndim(g) else type(g))
        for n, g in zip(names, gradients, strict=True)
    ]
    type_of_value = reading.function.results[0].type
    kind = None if type_of_value.python else np.dtype(type_of_value.dtype).type
    place, to = picks[0] if picks else (0, None)
    watched = [(p.owner, p.name, v) for p, v in reading.statics if not p.attribute]
    parts = [(p.owner, p.name, v) for p, v in reading.statics if p.attribute]
    function = made.source.function
    parts.append((function, "__code__", function.__code__))
    kinds = exact(hidden)

    def plan(args: tuple[Any, ...]) -> Any:
        for owner, name, value in watched:
            if owner.get(name) is not value:
                return None
        for owner, name, value in parts:
            if getattr(owner, name, None) is not value:
                return None
        if captured:
            found = tuple([place.fetch() for place in captured])
            if exact(found) != kinds:
                return None
            args = (*args, *found)
        try:
            out = run(*args, one)
        except Exception:
            return None
        value = out[0] if kind is None else kind(out[0])
        if single:
            return value, out[place] if to is None else to(out[place])
        return value, tuple([out[k] if to is None else to(out[k]) for k, to in picks])

    return plan


def _is_plain(made: Specialisation, leaves: Sequence[Any]) -> bool:
    """Tell whether nothing but numbers and arrays goes in and comes out."""
    reading, adjoint = made.reading, made.adjoint()
    specs = [*made.specs.values(), *(c.spec for c in reading.captures)]
    owners = zip(made.own(adjoint), adjoint.results, strict=True)
    return (
        made.options.runner == "numba"
        and not made.options.check_nan
        and not (reading.effects or made.written or made.fixed)
        and reading.result == ("leaf", 0)
        and not any(isinstance(spec, Node) for spec in specs)
        and all(ready(value, True) is value for value in leaves)
        and all(own or not result.type.rank for own, result in owners)
    )
