"""The short way from a call to the kernel and back, for kinds of arguments seen before.

What must be as it was, which part of the arguments is which parameter, and how the
results are put together is the same at each such call: it is written into a function.

    def plan(a, k):
        try:
            if k or k4['np'] is not k5: return None
            [x0, x1] = a
            if type(x0) is not array or len(x0) == 1: return None
            if type(x1) is not dict or tuple(x1) != k6: return None
            [x2] = x1.values()
            if type(x2) is not float: return None
            r = run(x0, x2, 1.0)
        except Exception: return None
        return (k7(r[0]), {k8: r[1], }, )

Ranks and strides need no look: the kernel is compiled for arrays of one rank in C order
that can be written, and Numba refuses others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import MethodType
from typing import Any

import numpy as np

from srcgrad.arguments import Signature, Values
from srcgrad.results import ready, shaped
from srcgrad.source import NOTHING, Place
from srcgrad.specialise import Program, Specialisation
from srcgrad.trees import SHAPE, Known, Node, Tree, closed, is_of, opened

Plan = Callable[[tuple[Any, ...], Values], Any]
_TEXT = """
def plan(a, k):
    try:
        {}
    except Exception: return None
    return {}
"""
_SPACE = {
    "array": np.ndarray, "shares": np.may_share_memory, "ready": ready,
    "is_of": is_of, "Known": Known, "as_array": np.array,
}  # fmt: skip


def make_plan(
    made: Specialisation, program: Program, form: Tree, signature: Signature,
    args: Sequence[Any], kwargs: Values, values: Values, in_place: bool,
) -> Plan | None:  # fmt: skip
    """Return what computes a form for arguments like these.

    `args` and `kwargs` are as the function takes them, `values` the same by parameter.
    The plan returns None where more must be done: other kinds of arguments, something
    captured has changed, or the kernel raises. There is no plan for functions that
    print or draw, or are run by CPython.
    """
    reading = made.reading
    if made.options.runner != "numba" or made.options.check_nan:
        return None
    if signature.starred or reading.effects or reading.changed or reading.draws:
        return None
    run = made.code(program.function).dispatcher
    run.disable_compile()  # other types take the long way
    write = _Writer(made.converters(program.function), {**_SPACE, "run": run})
    write.refuse(f"len(k) != {len(kwargs)}" if kwargs else "k")
    for place, value in reading.statics:
        write.watch(place, value)
    given = dict(zip(signature.kinds, write.unpack(len(args), "a"), strict=False))
    if kwargs:
        held = ", ".join(f"k[{name!r}]" for name in kwargs)
        given |= zip(kwargs, write.unpack(len(kwargs), f"[{held}]"), strict=True)
    found: list[tuple[str, Any]] = []
    for name, spec in made.specs.items():
        path = given.get(name) or write.name(values[name])
        found += write.leaves(spec, path, values[name])
    for capture in reading.captures:
        value = capture.place.fetch()
        (path,) = write.unpack(1, f"({write.fetch(capture.place, value)},)")
        found += write.leaves(capture.spec, path, value)
    for name, (path, _) in zip(reading.leaves, found, strict=True):
        if name in made.fixed:
            write.refuse(f"{path} != {write.name(made.fixed[name])}")
        if name + SHAPE in made.fixed:
            write.refuse(f"{path}.shape != {made.fixed[name + SHAPE]}")
    for k in made.written:
        path, value = found[k]
        if ready(value, True) is not value:
            return None
        for other, x in found[:k] + found[k + 1 :]:
            if isinstance(x, np.ndarray):
                write.refuse(f"shares({path}, {other})")
    # Numba is quicker with Python's own numbers.
    extra = [float(x) if x.dtype == "float64" else x for x in program.extra]
    to = "ready({}, True)", "{}.copy()"  # how what a kernel does not take is made
    takes = [p if ready(x, True) is x else to[_is_plain(x)].format(p) for p, x in found]
    write.lines.append(f"r = run({', '.join([*takes, *map(write.name, extra)])})")
    for at, k in enumerate(reading.written if in_place else (), reading.results):
        write.lines.append(f"{found[k][0]}[...] = r[{at}]")
    exec(_TEXT.format("\n        ".join(write.lines), write.form(form)), write.space)
    plan: Plan = write.space["plan"]
    return plan


def _is_plain(value: Any) -> bool:
    """Tell whether a copy of an array in C order is all that a kernel takes."""
    plain = type(value) is np.ndarray and value.ndim > 0
    return plain and bool(value.dtype.isnative)


class _Writer:
    """Write statements and expressions, with names for the objects in them."""

    def __init__(self, to: Sequence[Any], space: dict[str, Any]) -> None:
        self.to, self.space = to, space
        self.lines: list[str] = []
        self.count = 0

    def name(self, value: Any) -> str:
        name = f"k{len(self.space)}"
        self.space[name] = value
        return name

    def refuse(self, test: str) -> None:
        """Write that the plan is left where a test holds."""
        self.lines.append(f"if {test}: return None")

    def unpack(self, count: int, path: str) -> list[str]:
        """Write that an iterable has so many items, and return their names."""
        names = [f"x{self.count + k}" for k in range(count)]
        self.count += count
        self.lines.append(f"[{', '.join(names)}] = {path}")
        return names

    def watch(self, place: Place, value: Any) -> None:
        """Write that the plan is left where something else is at a place."""
        if value is NOTHING and type(place.owner) is dict:
            return self.refuse(f"{place.name!r} in {self.name(place.owner)}")
        differs = "!=" if isinstance(value, MethodType) else "is not"
        self.refuse(f"{self.fetch(place, value)} {differs} {self.name(value)}")

    def fetch(self, place: Place, value: Any) -> str:
        """Return the expression for what is at a place, where a value was found."""
        owner, name = place.owner, place.name
        if value is not NOTHING and type(owner) is dict:
            return f"{self.name(owner)}[{name!r}]"
        if value is not NOTHING and place.attribute and name.isidentifier():
            return f"{self.name(owner)}.{name}"
        return f"{self.name(place.fetch)}()"

    def leaves(self, spec: Tree, path: str, value: Any) -> Iterator[tuple[str, Any]]:
        """Write what must hold for a value, and yield the names of its leaves."""
        kind = self.name(type(value))
        node = opened(value) if isinstance(spec, Node) else None
        if node is not None:
            self.refuse(f"type({path}) is not {kind}")
            if node.kind == "dict":
                self.refuse(f"tuple({path}) != {self.name(node.keys)}")
                path = f"{path}.values()"
            elif node.kind == "record":
                path = f"[{', '.join(f'{path}.{key}' for key in node.keys)}]"
            names = self.unpack(len(node.keys), path)
            for part in zip(spec.items, names, node.items, strict=True):
                yield from self.leaves(*part)
        elif spec[0] == "table":
            self.refuse(f"not is_of({path}, {self.name(spec)})")
            (path,) = self.unpack(1, f"[as_array({path})]")
            yield path, np.array(value)
        elif spec[0] == "static":
            known = f"Known({path}) != {self.name(spec[1])}"
            self.refuse(f"{path} is not {self.name(value)} and {known}")
        else:
            self.refuse(self.differs(spec, path, value, kind))
            yield path, value

    def differs(self, spec: Tree, path: str, value: Any, kind: str) -> str:
        """Return the test that a number or array is of another kind."""
        strided = ready(value, True) is not value
        if strided and not _is_plain(value):  # derived classes and such: in full
            return f"not is_of({path}, {self.name(spec)})"
        if not isinstance(value, np.ndarray):
            return f"type({path}) is not {kind}"
        ones = [n == 1 for n in value.shape]
        differs = f"[n == 1 for n in {path}.shape] != {ones}"
        if len(ones) == 1:
            differs = f"len({path}) {'!=' if ones[0] else '=='} 1"
        elif not any(ones):
            differs = f"1 in {path}.shape"
        dtype = self.name(value.dtype)  # most often the very object
        other = f"{path}.dtype is not {dtype} and {path}.dtype != {dtype}"
        if strided:  # the kernel is given a copy, whose strides tell nothing
            c_order = value.flags.c_contiguous
            other += f" or {path}.flags.c_contiguous is not {c_order}"
        return f"type({path}) is not array or {differs} or {other}"

    def form(self, form: Tree) -> str:
        """Return the expression of a form over the results `r`."""
        if isinstance(form, Node):
            parts = [f"{self.form(item)}, " for item in form.items]
            if form.kind == "tuple" and form.cls is None:
                return f"({''.join(parts)})"
            if form.cls is dict:
                pairs = zip(map(self.name, form.keys), parts, strict=True)
                return f"{{{''.join(f'{key}: {part}' for key, part in pairs)}}}"
            close = self.name(lambda *items: closed(form._replace(items=items)))
            return f"{close}({''.join(parts)})"
        if form[0] == "static":
            return self.name(form[1].value)
        marked = len(form) > 2
        convert = partial(shaped, form[2]) if marked else self.to[form[1]]
        return f"{self.name(convert)}(r[{form[1]}])" if convert else f"r[{form[1]}]"
