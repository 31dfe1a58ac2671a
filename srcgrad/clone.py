"""Write a function's statements again, at another place, with values of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.builder import Builder
from srcgrad.ir import Block, Function, Op, Operand, Stmt, Value, View
from srcgrad.types import Dim, put_lengths
from srcgrad.walk import every, inner_outs, outs, rewrite


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
