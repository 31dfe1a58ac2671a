"""Write a function's statements again, at another place, with values of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcgrad.builder import Builder, Meeting
from srcgrad.ir import Assert, Block, Function, Op, Operand, Stmt, Value, View
from srcgrad.types import Array, Dim, put_lengths
from srcgrad.walk import every, inner_outs, named, outs, rewrite, substitute


def splice(
    build: Builder, function: Function, args: Sequence[Operand],
    meetings: Sequence[Meeting] = (),
) -> list[Operand]:  # fmt: skip
    """Write a function's statements through a builder, arguments put in place.

    `meetings` are the lengths that meet in the function, in the order of their numbers.
    """
    parts = {s.out for stmts in build.open for s in stmts if isinstance(s, View)}
    args = [build.op("copy", a) if a in parts else a for a in args]
    names: dict[Value, Operand] = dict(zip(function.params, args, strict=True))
    dims: dict[Any, Dim] = {}
    kept: list[Stmt] = []
    for stmt in function.body.stmts:
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in names:
            dim = build.resolve(_measured(stmt, names[stmt.args[0]].type))
            if not any(atom in build.unmeasured for atom, _ in dim.terms):
                names[stmt.out], dims[stmt.out] = build.length(dim), dim
                continue
        kept.append(stmt)
    fresh: dict[Value, Value] = {}
    block = Block(tuple(kept))
    for stmt in every(block):
        for value in (*outs(stmt), *inner_outs(stmt)):
            fresh[value] = Value(value.name, value.type)
            dims[value] = Dim.of(fresh[value])
    for new in fresh.values():
        new.type = put_lengths(new.type, dims)
    names.update(fresh)
    build.meetings += [place for place in meetings if place not in build.meetings]
    numbers = {f"meeting {k}": f"meeting {build.meetings.index(place)}"
               for k, place in enumerate(meetings)}  # fmt: skip
    build.open[-1] += _fitted(rewrite(block, names, fresh), dims, numbers).stmts
    found: list[Operand] = []
    for result in function.results:
        operand = named(result, names)
        if operand.type.rank and operand in (*args, *found):
            operand = build.op("copy", operand)
        found.append(operand)
    return found


def _measured(stmt: Op, type: Any) -> Dim:
    dim: Dim = type.dims[stmt.attrs["axis"]]
    return dim


def _fitted(block: Block, dims: dict[Any, Dim], numbers: dict[str, str]) -> Block:
    """Return new statements, with lengths put into their attributes."""

    def inside(inner: Block) -> Block:
        return _fitted(inner, dims, numbers)

    def one(stmt: Stmt) -> Stmt:
        if isinstance(stmt, Assert):
            return replace(stmt, message=numbers.get(stmt.message, stmt.message))
        if not isinstance(stmt, Op):
            return replace(rewrite(stmt, block=inside))
        attrs = {name: put_lengths(v, dims) for name, v in stmt.attrs.items()}
        return replace(stmt, attrs=attrs)

    return Block(tuple(map(one, block.stmts)))


def result_type(shapes: Any, function: Function, types: Sequence[Any]) -> Any:
    """Return the type of a function's only result for parameters of these types."""
    given = dict(zip(function.params, types, strict=True))
    dims: dict[Any, Dim] = {
        stmt.out: _measured(stmt, given[stmt.args[0]])
        for stmt in function.body.stmts
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in given
    }
    type = function.results[0].type
    if not isinstance(type, Array):
        return type
    found = [
        d.put(dims) if all(a in dims for a, _ in d.terms) else shapes.loose()
        for d in type.dims
    ]
    return Array(type.dtype, tuple(found))


def expand(function: Function, bodies: dict[str, Function]) -> Function:
    """Put the statements of functions that are rows of their own in their place."""
    if not any(isinstance(s, Op) and s.row in bodies for s in every(function.body)):
        return function
    names: dict[Value, Operand] = {}

    def block(body: Block) -> Block:
        build = Builder(trusting=True)
        (stmts,) = build.open
        for stmt in body.stmts:
            if isinstance(stmt, Op) and stmt.row in bodies:
                called = bodies[stmt.row]
                given = [named(a, names) for a in stmt.args[: len(called.params)]]
                (names[stmt.out],) = splice(build, called, given)
            else:
                stmts.append(substitute(rewrite(stmt, block=block), names))
        return Block(tuple(stmts))

    cut, whole = function.cut, function.body.stmts
    head, tail = block(Block(whole[: cut or 0])), block(Block(whole[cut or 0 :]))
    return replace(
        function, body=Block((*head.stmts, *tail.stmts)),
        results=tuple(named(r, names) for r in function.results),
        cut=None if cut is None else len(head.stmts),
    )  # fmt: skip
