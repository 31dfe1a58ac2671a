"""Gradients of gradients: a gradient is a function of the IR like any other.

`derived` reads the gradient that a `Differentiated` stands for as if it were a plain
function; `splice_call` writes it where it is called, into the function being read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcgrad.arguments import in_order, option_names, signature_of, spec_at
from srcgrad.clone import splice
from srcgrad.differentiated import Differentiated
from srcgrad.frontend import calls
from srcgrad.frontend.entry import Reading
from srcgrad.frontend.values import (
    Cell,
    DictCell,
    ListCell,
    Record,
    Ref,
    Static,
    Thing,
    Tuple,
)
from srcgrad.ir import Const, Operand, Value
from srcgrad.specialise import Specialisation, wrt_positions
from srcgrad.structures import form_of
from srcgrad.types import Array, Scalar
from srcgrad.walk import substitute_block

__all__ = ["Call", "bound_call", "derived", "gradient_reading", "splice_call"]

Specs = dict[str, Any]


def derived(
    outer: Differentiated, inner: Differentiated, specs: Specs, names: tuple[str, ...],
    leaf: Callable[[str], Any],
) -> Specialisation:  # fmt: skip
    """Return the specialisation of a function that is itself a gradient.

    Args:
        outer: The object that asks.
        inner: The gradient it is made of.
        specs: The kind of each argument.
        names: The arguments the outer gradient belongs to.
        leaf: Returns the present value of a number among the arguments.
    """
    made, reading = gradient_reading(inner, specs, leaf)
    wrt = wrt_positions(specs, names)
    return Specialisation(
        made.source, specs, reading, wrt, outer.backend, dict(made.fixed)
    )


def gradient_reading(
    inner: Differentiated, specs: Specs, leaf: Callable[[str], Any]
) -> tuple[Any, Reading]:
    """Return what was made for a function, and its gradient as a reading."""
    names = _names(inner, specs)
    made = inner.make(specs, names, leaf)
    if inner.kind == "value":
        return made, made.reading
    reading = made.once(
        ("derived", inner.kind, names), lambda: _read(inner, made, names)
    )
    return made, reading


def _names(inner: Differentiated, specs: Specs) -> tuple[str, ...]:
    """Return the arguments an inner gradient belongs to."""
    sizes = {
        n: s[2] if s[0] == "tuple" else dict(s[1]) if s[0] == "dict" else s
        for n, s in specs.items()
    }
    function = inner._read().function
    return option_names(signature_of(function), sizes, inner.options, function.__name__)


def _read(inner: Differentiated, made: Any, names: tuple[str, ...]) -> Reading:
    """Return the gradient as a function with a form of its own."""
    adjoint = inner.checked_adjoint(made, names)
    reading = made.reading
    *params, seed = adjoint.params
    body = substitute_block(adjoint.body, {seed: Const(1.0, seed.type)})
    primal, gradients = reading.results, len(made.wrt)
    results = adjoint.results[: primal + gradients]
    count = itertools.count(primal)
    forms = {
        n: form_of(spec_at(made.specs, n), count) for n in in_order(made.specs, names)
    }
    chosen = [forms[n] for n in names]
    one = isinstance(inner.options.argnums, int) and not inner.options.argnames
    one = one or (inner.options.argnums == () and len(inner.options.argnames) == 1)
    form: Any = chosen[0] if one else ("tuple", None, chosen)
    if inner.kind == "value_and_grad":
        form = ("tuple", None, [reading.result, form])
    elif inner.options.has_aux:
        form = ("tuple", None, [form, reading.result[2][1]])
    function = replace(
        adjoint, params=tuple(params), body=body, results=results, cut=None
    )
    used, results = _used(form, results)
    return Reading(
        replace(function, results=results), used, reading.captures, reading.leaves, [],
        reading.effects, len(results), False, reading.statics,
    )  # fmt: skip


def _used(form: Any, results: Sequence[Operand]) -> tuple[Any, tuple[Operand, ...]]:
    """Return a form and results without those that the form never names."""
    kept: list[Operand] = []

    def visit(form: Any) -> Any:
        if form[0] == "leaf":
            kept.append(results[form[1]])
            return ("leaf", len(kept) - 1)
        if form[0] == "static":
            return form
        inner = form[-1]
        if isinstance(inner, dict):
            return (*form[:-1], {k: visit(f) for k, f in inner.items()})
        return (*form[:-1], [visit(f) for f in inner])

    return visit(form), tuple(kept)


# inside another function


@dataclass(slots=True)
class Call:
    """A call that is being read: the kinds of its arguments, and their leaves.

    Attributes:
        specs: The kind of every argument.
        operands: The numbers and arrays in them, in the order of the parameters.
    """

    reader: Any
    node: Any
    things: dict[str, Thing]
    specs: Specs
    leaves: dict[str, Thing] = field(default_factory=dict)
    operands: list[Operand] = field(default_factory=list)

    def flatten(self) -> None:
        """Collect the leaves of the arguments."""
        for name, spec in self.specs.items():
            thing = self.things[name]
            _flatten(
                self.reader, thing, spec, name, self.leaves, self.operands, self.node
            )

    def static(self, name: str) -> Any:
        """Return the value of a leaf that must be known while compiling."""
        return calls.static(self.reader, self.leaves[name], self.node)

    def captures(self, captures: Sequence[Any]) -> list[Operand]:
        """Return what a function captures as operands of the one being read."""
        out: list[Operand] = []
        for c in captures:
            thing = calls.captured(
                self.reader, c.source, c.scope, c.name, c.fetch(), self.node
            )
            _flatten(self.reader, thing, c.spec, c.leaf, {}, out, self.node)
        return out


def bound_call(
    inner: Differentiated, reader: Any, args: list[Thing], kwargs: dict[str, Thing],
    node: Any,
) -> Call:  # fmt: skip
    """Bind the arguments of a call, ints at differentiated places as floats."""
    source = inner._read()
    defaults = {k: calls.lift(reader, v, node) for k, v in source.defaults.items()}
    things = calls.bind_arguments(
        reader, source.node.args, args, kwargs, defaults, source.name, node
    )
    specs = {name: _spec(reader, t, node) for name, t in things.items()}
    level: Differentiated | None = inner
    while level is not None and level.kind != "value":
        for name in _names(level, specs):
            _as_float(reader, things, specs, name)
        level = level.inner
    call = Call(reader, node, things, specs)
    call.flatten()
    return call


def splice_call(
    inner: Differentiated, reader: Any, args: list[Thing], kwargs: dict[str, Thing],
    node: Any,
) -> Thing:  # fmt: skip
    """Write the gradient's statements where it is called; return its result."""
    call = bound_call(inner, reader, args, kwargs, node)
    _, reading = gradient_reading(inner, call.specs, call.static)
    operands = [*call.operands, *call.captures(reading.captures)]
    reader.statics.extend(reading.statics)
    reader.effects = reader.effects or reading.effects
    results = splice(reader.build, reading.function, operands)
    return _thing(reader, reading.result, results)


def _as_float(reader: Any, things: dict[str, Thing], specs: Specs, name: str) -> None:
    """Take an int at a differentiated place as a float."""
    if specs.get(name) == ("scalar", "int64", True):
        number: Any = things[name]
        if isinstance(number, Const):
            things[name] = Const(float(number.value), Scalar("float64", True))
        else:
            things[name] = reader.build.op("cast", number, dtype="float64", python=True)
        specs[name] = ("scalar", "float64", True)
    elif name in specs and specs[name][0] in ("scalar", "array"):
        if not str(specs[name][1]).startswith("float"):
            raise reader.problem("SG301", f"`{name}` holds integers: no gradient")


def _spec(reader: Any, thing: Thing, node: Any) -> Any:
    """Return the kind of an argument, as `spec_of` does of a value."""
    heap = reader.state.heap
    match thing:
        case Const() | Value():
            if isinstance(thing, Const) and thing.type.dtype == "bool":
                return ("static", bool(thing.value))
            return ("scalar", thing.type.dtype, thing.type.python)
        case Ref() if isinstance(thing.type, Array):
            dims = [reader.build.resolve(d) for d in thing.type.dims]
            ones = tuple(1 if d.known == 1 else 0 for d in dims)
            return ("array", thing.type.dtype, ones)
        case Tuple():
            return (
                "tuple",
                thing.cls,
                tuple(_spec(reader, t, node) for t in thing.items),
            )
        case ListCell() if not isinstance(heap[thing], Ref):
            return ("list", tuple(_spec(reader, t, node) for t in heap[thing]))
        case DictCell():
            items = heap[thing].items()
            return ("dict", tuple((k, _spec(reader, t, node)) for k, t in items))
        case Record():
            items = heap[thing].items()
            fields = tuple((k, _spec(reader, t, node)) for k, t in items)
            return ("record", thing.cls, fields)
        case Static():
            return ("static", thing.value)
    raise reader.problem(
        "SG205", "a gradient that is taken inside takes numbers, arrays and containers",
        node,
    )  # fmt: skip


def _flatten(
    reader: Any, thing: Thing, spec: Any, name: str, leaves: dict[str, Thing],
    out: list[Operand], node: Any,
) -> None:  # fmt: skip
    """Append the numbers and arrays of a thing, in the order of the parameters."""
    heap = reader.state.heap
    match spec[0]:
        case "scalar":
            leaves[name] = thing
            out.append(reader.operand(thing, node))
            return
        case "array":
            value = reader.operand(thing, node)
            whole = isinstance(thing, Ref) and not thing.path
            out.append(value if whole else reader.build.op("copy", value))
            return
        case "tuple":
            items = list(enumerate(thing.items))  # type: ignore[union-attr]
        case "list":
            items = list(enumerate(heap[thing]))
        case "dict" | "record":
            items = list(heap[thing].items())
        case _:
            return
    inner = spec[2] if spec[0] in ("tuple", "record") else spec[1]
    kinds = [s[1] for s in inner] if spec[0] in ("dict", "record") else inner
    for (key, item), kind in zip(items, kinds, strict=True):
        _flatten(reader, item, kind, f"{name}_{key}", leaves, out, node)


def _thing(reader: Any, form: Any, results: Sequence[Operand]) -> Thing:
    """Return a result as a thing, from its form."""
    heap = reader.state.heap
    cell: Cell
    match form[0]:
        case "leaf":
            thing: Thing = reader.thing(results[form[1]])
            return thing
        case "tuple":
            return Tuple(tuple(_thing(reader, f, results) for f in form[2]), form[1])
        case "list":
            items = tuple(_thing(reader, f, results) for f in form[1])
            cell = ListCell("")
            heap[cell] = items
            return cell
        case "dict":
            fields = {k: _thing(reader, f, results) for k, f in form[1].items()}
            cell = DictCell("")
            heap[cell] = fields
            return cell
        case "record":
            fields = {k: _thing(reader, f, results) for k, f in form[2].items()}
            cell = Record("", form[1])
            heap[cell] = fields
            return cell
    return calls.lift(reader, form[1])
