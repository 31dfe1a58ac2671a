"""Write a function's statements again, at another place, with values of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcgrad.builder import Builder
from srcgrad.ir import Block, Function, Op, Operand, Stmt, Value, View
from srcgrad.types import Array, Dim, put_lengths
from srcgrad.walk import every, inner_outs, outs, rewrite, substitute


def splice(
    build: Builder, function: Function, args: Sequence[Operand]
) -> list[Operand]:
    """Write a function's statements through a builder, arguments put in place."""
    parts = {s.out for stmts in build.open for s in stmts if isinstance(s, View)}
    args = [build.op("copy", a) if a in parts else a for a in args]
    names: dict[Any, Operand] = dict(zip(function.params, args, strict=True))
    measured = _lengths(function, args)
    dims: dict[Any, Dim] = {}
    kept: list[Stmt] = []
    for stmt in function.body.stmts:
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.out in measured:
            dim = build.resolve(measured[stmt.out])
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


def _lengths(function: Function, args: Sequence[Operand]) -> dict[Any, Dim]:
    """Return what a function measures of its arguments."""
    given: dict[Any, Any] = dict(zip(function.params, args, strict=True))
    return {
        stmt.out: given[stmt.args[0]].type.dims[stmt.attrs["axis"]]
        for stmt in function.body.stmts
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in given
    }


def result_type(shapes: Any, function: Function, args: Sequence[Operand]) -> Any:
    """Return the type of a function's only result for these arguments."""
    dims = _lengths(function, args)
    type = function.results[0].type
    if not isinstance(type, Array):
        return type
    known = (all(atom in dims for atom, _ in d.terms) for d in type.dims)
    pairs = zip(known, type.dims, strict=True)
    found = tuple(d.put(dims) if ok else shapes.loose() for ok, d in pairs)
    return Array(type.dtype, found)


def expand(function: Function, bodies: dict[str, Function]) -> Function:
    """Put the statements of functions that are rows of their own in their place."""
    if not any(isinstance(s, Op) and s.row in bodies for s in every(function.body)):
        return function
    names: dict[Any, Operand] = {}

    def block(body: Block) -> Block:
        build = Builder(trusting=True)
        for stmt in body.stmts:
            if isinstance(stmt, Op) and stmt.row in bodies:
                called = bodies[stmt.row]
                given = [names.get(a, a) for a in stmt.args[: len(called.params)]]
                (names[stmt.out],) = splice(build, called, given)
            else:
                build.emit(substitute(rewrite(stmt, block=block), names))
        return build.close()

    cut, whole = function.cut, function.body.stmts
    head, tail = block(Block(whole[: cut or 0])), block(Block(whole[cut or 0 :]))
    return replace(
        function, body=Block((*head.stmts, *tail.stmts)),
        results=tuple(names.get(r, r) for r in function.results),
        cut=None if cut is None else len(head.stmts),
    )  # fmt: skip
