"""The short way from a call to the kernel and back, for kinds of arguments seen before.

Which part of the arguments is which parameter, what must not have changed, and how the
results are put together is the same at each such call: it is written into a function.

    def plan(a):
        try:
            if k0.get('np', k1) is not k2: return None
            r = run(a[0], a[1][k2], 1.0)
        except Exception: return None
        return (k3(r[0]), {k2: r[1], }, )
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import MethodType
from typing import Any

import numpy as np

from srcgrad.arguments import Values
from srcgrad.results import point
from srcgrad.source import NOTHING, Place
from srcgrad.specialise import Program, Specialisation
from srcgrad.trees import Known, Node, Tree, closed, opened

Plan = Callable[[tuple[Any, ...]], Any]
_PLAIN = int | float | str | np.number | None
_TEXT = """
def plan(a):
    try:
        {}
    except Exception: return None
    return {}
"""


def exact(args: Iterable[Any], array: type = np.ndarray) -> tuple[Any, ...]:
    """Return shapes of arrays, types of numbers, keys of containers, and all else.

    Dtypes and strides need no look: the kernel is compiled for arrays of one dtype in C
    order that can be written, and Numba refuses others.
    """
    found = [
        a.shape if (t := type(a)) is array else t if t is float else _kind(a)
        for a in args
    ]
    return tuple(found)


def _kind(value: Any) -> Any:
    kind = type(value)
    if kind is int or issubclass(kind, np.number):
        return kind
    if kind is dict:
        return tuple(value), exact(value.values())
    node = opened(value)
    return (kind, node.keys, exact(node.items)) if node else Known(value)


def make_plan(
    made: Specialisation, program: Program, form: Tree, args: Sequence[Any],
    values: Values,
) -> Plan | None:  # fmt: skip
    """Return what computes a form for arguments that `exact` finds alike.

    It returns None where more must be done: something captured has changed, or the
    kernel raises. There is no plan for functions that write, print or are run by
    CPython.
    """
    reading, defaults = made.reading, list(values.values())[len(args) :]
    changes = reading.effects or made.written or made.fixed or made.options.check_nan
    fixed = all(isinstance(value, _PLAIN) for value in defaults)
    if made.options.runner != "numba" or changes or not fixed:
        return None
    run = made.code(program.function).dispatcher
    run.disable_compile()  # other types take the long way
    write = _Writer(made.converters(program.function), {"exact": exact, "run": run})
    given = [f"a[{k}]" for k in range(len(args))] + [*map(write.name, defaults)]
    body = [write.check(place, value) for place, value in reading.statics]
    if reading.captures:
        kinds = write.name(exact(c.place.fetch() for c in reading.captures))
        hidden = "".join(f"{write.fetch(c.place)}, " for c in reading.captures)
        body += [f"c = ({hidden})", f"if exact(c) != {kinds}: return None"]
        given += [f"c[{k}]" for k in range(len(reading.captures))]
    specs = [*made.specs.values(), *(c.spec for c in reading.captures)]
    paths = [p for pair in zip(specs, given, strict=True) for p in write.paths(*pair)]
    # Numba is quicker with Python's own numbers.
    extra = (float(x) if x.dtype == "float64" else x for x in program.extra)
    body.append(f"r = run({', '.join([*paths, *map(write.name, extra)])})")
    exec(_TEXT.format("\n        ".join(body), write.form(form)), write.space)
    plan: Plan = write.space["plan"]
    return plan


class _Writer:
    """Write expressions, with names for the objects in them."""

    def __init__(self, to: Sequence[Any], space: dict[str, Any]) -> None:
        self.to, self.space = to, space

    def name(self, value: Any) -> str:
        name = f"k{len(self.space)}"
        self.space[name] = value
        return name

    def fetch(self, place: Place) -> str:
        given = f"{place.name!r}, {self.name(NOTHING)}"
        owner = self.name(place.owner)
        return (
            f"getattr({owner}, {given})" if place.attribute else f"{owner}.get({given})"
        )

    def check(self, place: Place, value: Any) -> str:
        """Return the statement that leaves the plan where a value is another one."""
        differs = "!=" if isinstance(value, MethodType) else "is not"
        return f"if {self.fetch(place)} {differs} {self.name(value)}: return None"

    def paths(self, spec: Tree, path: str) -> Iterator[str]:
        """Yield the expressions of the leaves of an argument."""
        if isinstance(spec, Node):
            for key, item in zip(spec.keys, spec.items, strict=True):
                step = f".{key}" if spec.kind == "record" else f"[{self.name(key)}]"
                yield from self.paths(item, path + step)
        elif spec[0] != "static":
            yield path

    def form(self, form: Tree) -> str:
        """Return the expression of a form over the results `r`."""
        if isinstance(form, Node):
            parts = [f"{self.form(item)}, " for item in form.items]
            if form.kind == "tuple" and form.cls is None:
                return f"({''.join(parts)})"
            if form.kind == "dict":
                pairs = zip(map(self.name, form.keys), parts, strict=True)
                return f"{{{''.join(f'{key}: {part}' for key, part in pairs)}}}"
            close = self.name(lambda *items: closed(form._replace(items=items)))
            return f"{close}({''.join(parts)})"
        if form[0] == "static":
            return self.name(form[1].value)
        convert = point if len(form) > 2 else self.to[form[1]]
        return f"{self.name(convert)}(r[{form[1]}])" if convert else f"r[{form[1]}]"
