"""Write a function's statements again, at another place, with values of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcgrad.builder import INT, Builder
from srcgrad.ir import Assert, Block, Function, Op, Operand, Stmt, Value, View
from srcgrad.types import Array, Dim, put_lengths
from srcgrad.walk import every, inner_outs, named, outs, rewrite, substitute

__all__ = ["expand", "result_type", "splice"]


def splice(
    build: Builder, function: Function, args: Sequence[Operand]
) -> list[Operand]:
    """Write a function's statements through a builder, arguments put in place."""
    parts = {s.out for stmts in build.open for s in stmts if isinstance(s, View)}
    args = [build.op("copy", a) if a in parts else a for a in args]
    names: dict[Value, Operand] = dict(zip(function.params, args, strict=True))
    dims: dict[Any, Dim] = {}
    kept = [s for s in function.body.stmts if not _measured(build, s, names, dims)]
    fresh: dict[Value, Value] = {}
    block = Block(tuple(kept))
    for stmt in every(block):
        for value in (*outs(stmt), *inner_outs(stmt)):
            fresh[value] = Value(value.name, value.type)
            dims[value] = Dim.of(fresh[value])
    for new in fresh.values():
        new.type = put_lengths(new.type, dims)
    names.update(fresh)
    block = _fitted(rewrite(block, names, fresh), dims, set())
    for stmt in block.stmts:
        build.emit(stmt)
    found: list[Operand] = []
    seen: set[Operand] = set(args)
    for result in function.results:
        operand = named(result, names)
        if operand.type.rank and operand in seen:
            operand = build.op("copy", operand)
        seen.add(operand)
        found.append(operand)
    return found


def _fitted(block: Block, dims: dict[Any, Dim], certain: set[Operand]) -> Block:
    """Return new statements, without checks that lengths equal themselves."""
    stmts: list[Stmt] = []
    for stmt in block.stmts:
        if isinstance(stmt, Op):
            equal = stmt.row == "eq" and stmt.args[0] == stmt.args[1]
            if equal and all(a.type == INT for a in stmt.args):
                certain.add(stmt.out)
            attrs = {k: put_lengths(v, dims) for k, v in stmt.attrs.items()}
            stmts.append(replace(stmt, attrs=attrs))
        elif not isinstance(stmt, Assert) or stmt.cond not in certain:
            inner = rewrite(stmt, block=lambda b: _fitted(b, dims, certain))
            stmts.append(replace(inner))
    return Block(tuple(stmts))


def result_type(shapes: Any, function: Function, types: Sequence[Any]) -> Any:
    """Return the type of a function's only result for parameters of these types."""
    dims: dict[Any, Dim] = {}
    for stmt in function.body.stmts:
        if (
            isinstance(stmt, Op)
            and stmt.row == "dim"
            and stmt.args[0] in function.params
        ):
            type = types[function.params.index(stmt.args[0])]
            axis = stmt.attrs["axis"]
            assert isinstance(axis, int)
            dims[stmt.out] = type.dims[axis]
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
    cut = function.cut

    def block(body: Block, top: bool = False) -> Block:
        nonlocal cut
        stmts: list[Stmt] = []
        for place, stmt in enumerate(body.stmts):
            if isinstance(stmt, Op) and stmt.row in bodies:
                build = Builder(trusting=True)
                given = [named(a, names) for a in stmt.args]
                build.open = [stmts]
                before = len(stmts)
                called = bodies[stmt.row]
                own = given[: len(called.params)]
                (names[stmt.out],) = splice(build, called, own)
                if top and function.cut is not None and place < function.cut:
                    cut = (cut or 0) + len(stmts) - before - 1
            else:
                inner = rewrite(stmt, block=block)
                stmts.append(substitute(inner, names))
        return Block(tuple(stmts))

    body = block(function.body, top=True)
    results = tuple(named(r, names) for r in function.results)
    return replace(function, body=body, results=results, cut=cut)


def _measured(
    build: Builder, stmt: Stmt, names: dict[Value, Operand], dims: dict[Any, Dim]
) -> bool:
    """Put known lengths of the arguments in place of those the function asks for."""
    if not isinstance(stmt, Op) or stmt.row != "dim" or stmt.args[0] not in names:
        return False
    array = names[stmt.args[0]]
    assert isinstance(array.type, Array)
    axis = stmt.attrs["axis"]
    assert isinstance(axis, int)
    dim = build.resolve(array.type.dims[axis])
    if any(atom in build.unmeasured for atom, _ in dim.terms):
        return False
    names[stmt.out] = build.length(dim)
    dims[stmt.out] = dim
    return True
