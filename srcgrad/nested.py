"""Gradients of gradients: a gradient is a function of the IR like any other.

`derived` reads the gradient that a `Differentiated` stands for as if it were a plain
function; `splice_call` writes it where it is called, into the function being read:
its statements once more, with values of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from srcgrad.arguments import Specs
from srcgrad.builder import Builder, const
from srcgrad.differentiated import Differentiated
from srcgrad.errors import SrcgradError
from srcgrad.frontend import calls
from srcgrad.frontend.entry import Reading, flatten, thing_of
from srcgrad.frontend.values import Ref, Thing
from srcgrad.ir import (
    Block,
    Const,
    Function,
    Index,
    Op,
    Operand,
    Read,
    Stmt,
    Value,
    View,
)
from srcgrad.specialise import Specialisation
from srcgrad.trees import Known, Tree, leaves, relabel, type_of_leaf
from srcgrad.types import Array, Dim, Scalar, put_lengths
from srcgrad.walk import every, inner_outs, outs, rewrite


def derived(
    outer: Differentiated, inner: Differentiated, specs: Specs,
    leaf: Callable[[str], Any],
) -> Specialisation:  # fmt: skip
    """Return the specialisation of a function that is itself a gradient."""
    made, reading = gradient_reading(inner, specs, leaf)
    return replace(made, specs=specs, reading=reading, options=outer.options, made={})


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
    adjoint = made.adjoint(names, (0,), True)
    used: list[Operand] = []  # results that the form never names are left out
    reads: list[Stmt] = []

    def keep(leaf: Any) -> Any:
        if leaf[0] == "static":
            return leaf
        result = adjoint.results[leaf[1]]
        if len(leaf) > 2 and result.type.rank:  # an array of rank 0, held by another
            number = Value(result.name, Scalar(result.type.dtype))
            reads.append(Read(result, (Index((const(0),)),), number))
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


# inside another function


def splice(
    build: Builder, function: Function, args: Sequence[Operand]
) -> list[Operand]:
    """Write a function's statements through a builder, arguments put in place."""
    parts = {s.out for stmts in build.open for s in stmts if isinstance(s, View)}
    args = [build.op("copy", a) if a in parts else a for a in args]
    given: dict[Any, Any] = dict(zip(function.params, args, strict=True))
    names, dims = dict[Any, Operand](given), dict[Any, Dim]()
    kept: list[Stmt] = []
    for stmt in function.body.stmts:
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in given:
            dim = build.resolve(given[stmt.args[0]].type.dims[stmt.attrs["axis"]])
            if not any(atom in build.unmeasured for atom, _ in dim.terms):
                names[stmt.out], dims[stmt.out] = build.length(dim), dim
                continue
        kept.append(stmt)
    block = Block(tuple(kept))
    made = (v for stmt in every(block) for v in (*outs(stmt), *inner_outs(stmt)))
    fresh = {value: Value(value.name, value.type) for value in made}
    dims |= {value: Dim.of(new) for value, new in fresh.items()}
    for new in fresh.values():
        new.type = put_lengths(new.type, dims)
    names |= fresh
    build.open[-1] += rewrite(block, names, fresh, lengths=dims).stmts
    found: list[Operand] = []
    for result in function.results:
        operand = names.get(result, result)
        if operand.type.rank and operand in (*args, *found):
            operand = build.op("copy", operand)
        found.append(operand)
    return found


class Call:
    """A call that is being read: specs by parameter, numbers and arrays by name."""

    def __init__(
        self, inner: Differentiated, reader: Any, args: list[Thing],
        kwargs: dict[str, Thing],
    ) -> None:  # fmt: skip
        """Bind the arguments of a call, ints at differentiated places as floats."""
        self.reader, self.leaves = reader, dict[str, Operand]()
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
            return type_of_leaf(type)

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
        return calls.static(self.reader, self.leaves[name])

    def operands(self, reading: Reading) -> list[Operand]:
        """Return the leaves, then what a function captures."""
        found = list(self.leaves.values())
        for c in reading.captures:
            thing = calls.captured(self.reader, c.place, c.leaf)
            flatten(self.reader, thing, found, self.array)
        self.reader.statics.extend(reading.statics)
        self.reader.effects = self.reader.effects or reading.effects
        return found

    def array(self, thing: Thing) -> Operand:
        """Return an array; what is only a part of one is copied."""
        if not isinstance(thing, Ref):
            what = "a gradient taken inside takes numbers, arrays and containers"
            raise self.reader.problem("SG205", what)
        value: Operand = self.reader.operand(thing)
        return self.reader.build.op("copy", value) if thing.path else value


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
    results = splice(reader.build, reading.function, operands)

    def leaf(form: Tree, name: str) -> Thing:
        return reader.thing(results[form[1]])  # type: ignore[no-any-return]

    return thing_of(reader, reading.result, leaf)
