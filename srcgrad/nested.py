"""Gradients of gradients: a gradient is a function of the IR like any other.

`derived` reads the gradient that a `Differentiated` stands for as if it were a plain
function; `splice_call` writes it where it is called, into the function being read:
its statements once more, with values of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.arguments import Specs
from srcgrad.builder import const
from srcgrad.differentiated import Differentiated
from srcgrad.errors import SrcgradError
from srcgrad.frontend import calls
from srcgrad.frontend.entry import Reading, flatten, thing_of
from srcgrad.frontend.lists import of_array
from srcgrad.frontend.values import ListCell, Ref, Thing, cells
from srcgrad.ir import Block, Const, Index, Op, Operand, Read, Stmt, Value
from srcgrad.options import Options
from srcgrad.passes import given_lengths, splice
from srcgrad.specialise import Specialisation
from srcgrad.trees import POINT, SHAPE, Known, Tree, leaves, relabel, type_of_leaf
from srcgrad.types import Array, Scalar, put_lengths
from srcgrad.walk import outs


def derived(
    outer: Differentiated, inner: Differentiated, specs: Specs,
    leaf: Callable[[str], Any], ones: dict[str, int],
) -> Specialisation:  # fmt: skip
    """Return the specialisation of a function that is itself a gradient."""
    made, reading = gradient_reading(inner, specs, leaf, ones)
    made = replace(made, specs=specs, options=outer.options, made={}, ones=ones)
    return replace(made, reading=reading)


def gradient_reading(
    inner: Differentiated, specs: Specs, leaf: Callable[[str], Any],
    ones: dict[str, int] | None = None,
) -> tuple[Specialisation, Reading]:  # fmt: skip
    """Return what was made for a function, and its gradient as a function read."""
    names = inner.signature.chosen(specs, inner.options)
    made = inner.make(specs, names, leaf, ones)
    if inner.kind == "value":
        return made, made.reading
    key = ("read", inner.kind, names)
    if key in made.made:
        return made, made.made[key]
    made.check(names, inner.options.has_aux, inner.inner is None)
    adjoint = measured(made.adjoint(names, (0,), True))
    used: list[Operand] = []  # results that the form never names are left out
    reads: list[Stmt] = []
    places, first = made.wrt(names), made.reading.results

    def keep(leaf: Any) -> Any:
        if leaf[0] == "static":
            return leaf
        result = adjoint.results[leaf[1]]
        like = adjoint.params[places[leaf[1] - first]] if leaf[1] >= first else result
        if result.type.dims != like.type.dims:  # what buffers carried in turns may be
            whole = Value(result.name, replace(result.type, dims=like.type.dims))
            reads.append(Op("copy", (result,), (whole,)))
            result = whole
        if POINT in leaf and result.type.rank:  # an array of rank 0, held by another
            number = Value(result.name, Scalar(result.type.dtype))
            reads.append(Read(result, (Index((const(0),)),), number))
            result = number
        if leaf[1] >= first and result.type.python:  # as NumPy's a slope is divided
            number = Value(result.name, Scalar(result.type.dtype))
            how = {"dtype": number.type.dtype, "python": False}
            reads.append(Op("cast", (result,), (number,), how))
            result = number
        used.append(result)
        return ("leaf", len(used) - 1, *leaf[2:])

    form = relabel(made.form(inner.kind, names, inner.options), keep)
    body = Block((*adjoint.body.stmts, *reads))
    function = replace(adjoint, results=tuple(used), body=body, cut=None, slopes=())
    reading = made.made[key] = replace(
        made.reading, function=function, result=form, written=[], results=len(used),
        lost=False,
    )  # fmt: skip
    return made, reading


def measured(function: ir.Function) -> ir.Function:
    """Return a function that measures all lengths of its parameters, used or not."""
    made = {v for s in function.body.stmts for v in outs(s)}
    head = [
        Op("dim", (p,), (atom,), {"axis": axis}, function.loc)
        for p in function.params
        for axis, dim in enumerate(p.type.dims)
        for atom, _ in dim.terms
        if atom not in made
    ]
    cut = None if function.cut is None else function.cut + len(head)
    return replace(function, body=Block((*head, *function.body.stmts)), cut=cut)


# inside another function


class Call:
    """A call that is being read: specs by parameter, numbers and arrays by name."""

    def __init__(
        self, inner: Differentiated, reader: Any, args: list[Thing],
        kwargs: dict[str, Thing],
    ) -> None:  # fmt: skip
        """Bind the arguments of a call, ints at differentiated places as floats."""
        self.reader, self.leaves = reader, dict[str, Operand]()
        self.roots: dict[Any, Any] = {}  # of arrays
        signature, source = inner.signature, inner.signature.source
        held = [calls.lift(reader, value) for value in signature.held]
        kept = {k: calls.lift(reader, v) for k, v in signature.kept.items()}
        things = calls.bind_arguments(
            reader, source.node.args, held + args, {**kept, **kwargs},
            calls.default_things(reader, source), source.name,
        )  # fmt: skip
        found: list[Operand] = []
        values: list[Operand] = []

        def kind(leaf: Tree) -> Tree:
            if leaf[0] == "static":
                return leaf
            value = found[leaf[1]]
            if isinstance(value, Const) and value.type.dtype == "bool":
                return ("static", Known(bool(value.value)))
            values.append(value)
            type = value.type
            if isinstance(type, Array):
                type = replace(type, dims=tuple(map(reader.build.resolve, type.dims)))
            for lists in leaf[2:] if isinstance(type, Array) else ():
                if len(lists.axes) == type.rank and type.dtype == "float64":
                    known = tuple(int(d.known == 1) for d in type.dims)
                    return ("table", type.dtype, known, lists.python)
            return type_of_leaf(type)

        heap = reader.state.heap
        self.cells = [c for x in things.values() for c in cells(x, heap)]
        forms = {n: flatten(reader, things[n], found, self.array) for n in things}
        given = {name: relabel(forms[name], kind) for name in signature.kinds}
        try:
            self.specs, _ = inner.chosen(given, () if inner.kind == "value" else None)
        except SrcgradError as error:
            first = error.problems[0]
            raise reader.problem(first.code, first.message) from None
        for name, spec in self.specs.items():
            for full, leaf, _ in leaves(spec, None, name):
                value, (_, dtype, *python) = values[len(self.leaves)], leaf
                if dtype != value.type.dtype and isinstance(value, Const):
                    value = Const(float(value.value), Scalar(dtype, *python))
                elif dtype != value.type.dtype:
                    value = reader.build.op(
                        "cast", value, dtype=dtype, python=python[0]
                    )
                self.leaves[full] = value

    def static(self, name: str) -> Any:
        """Return the value of a leaf that must be known while compiling."""
        if name.endswith(SHAPE):
            dims = self.leaves[name.removesuffix(SHAPE)].type.dims
            lengths = [self.reader.build.length(d) for d in dims]
            return tuple(calls.static(self.reader, n) for n in lengths)
        return calls.static(self.reader, self.leaves[name])

    def operands(self, reading: Reading) -> list[Operand]:
        """Return the leaves, then what a function captures."""
        found = list(self.leaves.values())
        if reading.draws:
            what = "a function that draws numbers is not run again inside another"
            help = "draw before the call, and pass it the numbers"
            raise self.reader.problem("SG507", what, help)
        for c in reading.captures:
            thing = calls.captured(self.reader, c.place, c.leaf)
            flatten(self.reader, thing, found, self.array)
        self.reader.statics.extend(reading.statics)
        self.reader.effects = self.reader.effects or reading.effects
        return found

    def array(self, thing: Thing) -> Operand:
        """Return an array; what is only a part of one is copied."""
        if isinstance(thing, ListCell):
            thing = self.reader.state.heap[thing]
        if not isinstance(thing, Ref):
            what = "a gradient taken inside takes numbers, arrays and containers"
            raise self.reader.problem("SG205", what)
        value: Operand = self.reader.operand(thing)
        value = self.reader.build.op("copy", value) if thing.path else value
        self.roots[value] = thing.root
        return value

    def share(
        self, reading: Reading, operands: list[Operand], results: list[Thing]
    ) -> None:
        """Note which results are in one memory with arguments, or with each other."""
        roots = [
            *map(self.roots.get, operands),
            *(getattr(x, "root", 0) for x in results),
        ]
        for pair in reading.shared:
            one, other = (roots[k] for k in pair)
            if one and other:
                self.reader.share(one, other)


def splice_call(
    inner: Differentiated, reader: Any, args: list[Thing], kwargs: dict[str, Thing]
) -> Thing:
    """Write the gradient's statements where it is called; return its result."""
    call = Call(inner, reader, args, kwargs)
    made, reading = gradient_reading(inner, call.specs, call.static, reader.build.ones)
    operands = call.operands(reading)
    arrays = [x for x in operands if x.type.rank]
    if made.written and len(set(arrays)) < len(arrays):
        what = f"`{made.source.name}` writes to an array that it is given twice"
        raise reader.problem("SG403", what, "pass a copy")
    if reading.changed and len(set(call.cells)) < len(call.cells):
        what = f"a container that `{made.source.name}` changes has two names"
        raise reader.problem("SG403", what, "pass a copy as the second")
    results = splice(reader.build, reading.function, operands)

    def leaf(form: Tree, name: str) -> Thing:
        return thing_like(reader, form, reader.thing(results[form[1]]))

    return thing_of(reader, reading.result, leaf)


def thing_like(reader: Any, form: Tree, thing: Thing) -> Thing:
    """Return a result as the list that its form says it is."""
    if not isinstance(thing, Ref) or not form[2:]:
        return thing
    of_lists: Thing = of_array(reader, thing, len(form[2].axes), form[2].python)
    return of_lists


class Wrapped:
    """A function that is written in a way of its own; calling it runs it as it is.

    Attributes:
        primal: The plain function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        """Wrap a function."""
        functools.update_wrapper(self, function, updated=())
        self.primal = function
        self._value = Differentiated(function, "value", Options())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the plain function."""
        return self.primal(*args, **kwargs)


class Checkpointed(Wrapped):
    """A function of which a gradient keeps the arguments alone."""

    def __srcgrad__(
        self, reader: Any, args: list[Thing], kwargs: dict[str, Thing]
    ) -> Thing:
        """Write the call of a function of the IR."""
        call, build = Call(self._value, reader, args, kwargs), reader.build
        made = self._value.make(call.specs, (), call.static, build.ones)
        reading, function, name = made.reading, made.pure, made.source.name
        if reading.written or reading.changed:
            what = f"the checkpointed function `{name}` changes an argument"
            raise reader.problem("SG205", what, "return the new value instead")
        if reading.entwined:
            what = f"`{name}` returns a container it was given, or one twice"
            raise reader.problem(
                "SG205", what, "return a new one, with copies of items"
            )
        operands = call.operands(reading)
        dims = given_lengths(build, function, operands)
        results: list[Any] = []
        for result in function.results:
            # Lengths that the function itself works out are measured.
            axes = enumerate(result.type.dims)
            own = [k for k, d in axes if any(a not in dims for a, _ in d.terms)]
            type = build.loosen(put_lengths(result.type, dims), own)
            results.append(Value(result.name, type))
        build.emit(ir.Call(function, (*operands,), (*results,), build.loc))
        for result in results:
            build.measure(result)
        things = [*map(reader.thing, results)]
        call.share(reading, operands, things)

        def leaf(form: Tree, name: str) -> Thing:
            return thing_like(reader, form, things[form[1]])

        return thing_of(reader, reading.result, leaf)
