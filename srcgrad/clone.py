"""Write a function's statements again, at another place, with values of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from srcgrad.builder import INT, Builder
from srcgrad.ir import (
    Assert,
    Block,
    Const,
    For,
    Function,
    If,
    Op,
    Operand,
    Stmt,
    Take,
    Value,
    View,
    While,
)
from srcgrad.types import Array, Dim, ListOf
from srcgrad.walk import (
    every,
    inner_outs,
    outs,
    rebuild,
    substitute,
)

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
            dims[value] = Dim(0, ((fresh[value], 1),))
    for new in fresh.values():
        new.type = _type(new.type, dims)
    renamed = _renamed(block, fresh, lambda t: _type(t, dims))
    given = {p: a for p, a in names.items() if isinstance(a, Value)}
    lengths = {p: a for p, a in names.items() if isinstance(a, Const)}
    block = substitute(renamed, {**fresh, **given, **lengths})
    for stmt in _unchecked(block, set()).stmts:
        build.emit(stmt)
    found: list[Operand] = []
    seen: set[Operand] = set(args)
    for result in function.results:
        operand: Operand = result
        if isinstance(result, Value):
            operand = fresh.get(result) or names[result]
        if operand.type.rank and operand in seen:
            operand = build.op("copy", operand)
        seen.add(operand)
        found.append(operand)
    return found


def _unchecked(block: Block, certain: set[Operand]) -> Block:
    """Return a block without the checks that lengths equal themselves."""
    stmts: list[Stmt] = []
    for stmt in block.stmts:
        if isinstance(stmt, Op) and stmt.row == "eq" and stmt.args[0] == stmt.args[1]:
            if all(a.type == INT for a in stmt.args):
                certain.add(stmt.out)
        if not isinstance(stmt, Assert) or stmt.cond not in certain:
            stmts.append(rebuild(stmt, lambda inner: _unchecked(inner, certain)))
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
        _dim(d, dims) if all(a in dims for a, _ in d.terms) else shapes.loose()
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
                given = [
                    names.get(a, a) if isinstance(a, Value) else a for a in stmt.args
                ]
                build.open = [stmts]
                before = len(stmts)
                called = bodies[stmt.row]
                own = given[: len(called.params)]
                (names[stmt.out],) = splice(build, called, own)
                if top and function.cut is not None and place < function.cut:
                    cut = (cut or 0) + len(stmts) - before - 1
            else:
                inner = rebuild(stmt, block)
                stmts.append(substitute(inner, names))
        return Block(tuple(stmts))

    body = block(function.body, top=True)
    results = tuple(
        names.get(r, r) if isinstance(r, Value) else r for r in function.results
    )
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


def _type(type: Any, dims: dict[Any, Dim]) -> Any:
    """Return a type with other lengths."""
    if isinstance(type, ListOf):
        return ListOf(_type(type.item, dims))
    if isinstance(type, Array):
        return Array(
            type.dtype, tuple(_dim(d, dims) for d in type.dims), type.contiguous
        )
    return type


def _dim(dim: Dim, dims: dict[Any, Dim]) -> Dim:
    total = Dim(dim.const)
    for atom, factor in dim.terms:
        total = total + dims.get(atom, Dim(0, ((atom, 1),))).scaled(factor)
    return total


def _renamed(
    block: Block, fresh: dict[Value, Value], retype: Callable[[Any], Any]
) -> Block:
    """Return a block whose statements define other values."""

    def carried(stmt: Any) -> tuple[Any, ...]:
        return tuple(
            replace(c, inn=fresh[c.inn], out=fresh[c.out]) for c in stmt.carries
        )

    def one(stmt: Stmt) -> Stmt:
        match stmt:
            case Op():
                attrs = {k: retype(v) for k, v in stmt.attrs.items()}
                made = tuple(fresh[o] for o in stmt.outs)
                return replace(stmt, outs=made, attrs=attrs)
            case Assert():
                return stmt
            case Take():
                return replace(stmt, value=fresh[stmt.value], out=fresh[stmt.out])
            case For():
                return replace(
                    stmt, var=fresh[stmt.var], carries=carried(stmt),
                    body=_renamed(stmt.body, fresh, retype),
                    trips=None if stmt.trips is None else fresh[stmt.trips],
                )  # fmt: skip
            case While():
                return replace(
                    stmt, carries=carried(stmt),
                    test=_renamed(stmt.test, fresh, retype),
                    body=_renamed(stmt.body, fresh, retype),
                    trips=None if stmt.trips is None else fresh[stmt.trips],
                )  # fmt: skip
            case If():
                return replace(
                    stmt, then=_renamed(stmt.then, fresh, retype),
                    orelse=_renamed(stmt.orelse, fresh, retype),
                    merges=tuple(replace(m, out=fresh[m.out]) for m in stmt.merges),
                )  # fmt: skip
            case _:
                return replace(stmt, out=fresh[stmt.out])

    return Block(tuple(one(s) for s in block.stmts))
