"""The short way from a call to the kernel and back, for kinds of arguments seen before.

Which part of the arguments is which parameter, what must not have changed, and how the
results are put together is the same at each such call: it is written into a function.

    def plan(a):
        try:
            if k1.get('np') is not k2: return None
            r = run(a[0], a[1][k3], 1.0)
        except Exception:
            return None
        return (k4(r[0]), {k3: r[1], },)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from srcgrad.arguments import Signature, Values
from srcgrad.ir import Function
from srcgrad.source import Place
from srcgrad.specialise import Specialisation
from srcgrad.trees import Known, Node, Tree, closed, opened
from srcgrad.results import point

Plan = Callable[[tuple[Any, ...]], Any]
_NUMBERS = {float, int, np.float64, np.float32, np.int64}


def exact(args: Iterable[Any], array: type = np.ndarray) -> tuple[Any, ...]:
    """Return shapes of arrays, types of numbers, keys of containers, and all else.

    Dtypes and strides need no look: the kernel is compiled for arrays of one dtype in C
    order that can be written, and Numba refuses others.
    """
    return tuple(
        [
            a.shape if (t := type(a)) is array else t if t is float else _kind(a)
            for a in args
        ]
    )


def _kind(value: Any) -> Any:
    kind = type(value)
    if kind in _NUMBERS:
        return kind
    if kind is dict:
        return tuple(value), exact(value.values())
    node = opened(value)
    return (kind, node.keys, exact(node.items)) if node else Known(value)


def make_plan(
    made: Specialisation, signature: Signature, function: Function, slopes: int,
    seeds: Sequence[Any], form: Tree, args: tuple[Any, ...], values: Values,
    inputs: Sequence[Any],
) -> Plan | None:  # fmt: skip
    """Return what computes a form for arguments that `exact` finds alike.

    It returns None where more must be done: something captured has changed, or the
    kernel raises. There is no plan for functions that write, print or are run by
    CPython, nor for arguments that are not taken as they are.
    """
    reading, options = made.reading, made.options
    changes = reading.effects or made.written or made.fixed or options.check_nan
    if options.runner != "numba" or changes or not signature.simple:
        return None
    write = _Writer()
    body, paths = [], []
    for k, (name, spec) in enumerate(made.specs.items()):
        if k >= len(args) and type(values[name]) not in _NUMBERS:
            return None
        path = f"a[{k}]" if k < len(args) else write.name(values[name])
        paths += write.paths(spec, path)
    plain = made.source.function
    parts = ("__code__", "__defaults__", "__kwdefaults__")
    own = [(p, p.fetch()) for p in (Place(plain, part, True) for part in parts)]
    for place, value in (*reading.statics, *own):
        body.append(f"if {write.fetch(place)} is not {write.name(value)}: return None")
    for k, capture in enumerate(reading.captures):
        body.append(f"c{k} = {write.fetch(capture.place)}")
        paths += write.paths(capture.spec, f"c{k}")
    if reading.captures:
        held = "".join(f"c{k}, " for k in range(len(reading.captures)))
        kinds = exact(c.place.fetch() for c in reading.captures)
        body.append(f"if exact(({held})) != {write.name(kinds)}: return None")
    # Numba is quicker with Python's own numbers.
    ones = [float(s) if s.dtype == "float64" else s for s in seeds]
    paths += map(write.name, ones)
    to = made.converters(function, slopes)
    lines = [
        "def plan(a):", "    try:", *(f"        {line}" for line in body),
        f"        r = {single}run({', '.join(paths)})", "    except Exception:",
        "        return None", f"    return {write.form(form, to)}",
    ]  # fmt: skip
    seen: list[Any] = []
    write.space.update(exact=exact, run=lambda *given: seen.extend(given))
    exec("\n".join(lines), write.space)
    plan: Plan = write.space["plan"]
    plan(args)  # only to see what would go in
    due = (*inputs, *ones)
    if len(seen) != len(due) or any(
        x is not y and type(x) is not int for x, y in zip(seen, due, strict=True)
    ):
        return None
    dispatcher = made.code(function).dispatcher  # type: ignore[attr-defined]
    dispatcher.disable_compile()  # other types take the long way
    write.space["run"] = dispatcher
    return plan


class _Writer:
    """Write expressions, with names for the objects in them."""

    def __init__(self) -> None:
        self.space: dict[str, Any] = {}

    def name(self, value: Any) -> str:
        name = f"k{len(self.space)}"
        self.space[name] = value
        return name

    def fetch(self, place: Place) -> str:
        owner = self.name(place.owner)
        if place.attribute:
            return f"getattr({owner}, {place.name!r}, None)"
        return f"{owner}.get({place.name!r})"

    def paths(self, spec: Tree, path: str) -> Iterator[str]:
        """Yield the expressions of the leaves of an argument."""
        if isinstance(spec, Node):
            for key, item in zip(spec.keys, spec.items, strict=True):
                step = f".{key}" if spec.kind == "record" else f"[{self.name(key)}]"
                yield from self.paths(item, path + step)
        elif spec[0] != "static":
            yield path

    def form(self, form: Tree, to: Sequence[Any]) -> str:
        """Return the expression of a form over the results `r`."""
        if isinstance(form, Node):
            parts = [self.form(item, to) for item in form.items]
            if form.kind == "dict":
                keys = map(self.name, form.keys)
                pairs = zip(keys, parts, strict=True)
                return f"{{{', '.join(f'{k}: {part}' for k, part in pairs)}}}"
            inner = "".join(f"{part}, " for part in parts)
            if form.kind == "list":
                return f"[{inner}]"
            whole = f"({inner})"
            return whole if form.cls is None else f"{self.name(_closer(form))}{whole}"
        if form[0] == "static":
            return self.name(form[1].value)
        text = f"r[{form[1]}]"
        if to[form[1]] is not None:
            text = f"{self.name(to[form[1]])}({text})"
        return f"{self.name(point)}({text})" if len(form) > 2 else text


def _closer(node: Node) -> Callable[..., Any]:
    return lambda *items: closed(node._replace(items=items))
