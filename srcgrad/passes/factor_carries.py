"""Multiply a carried cotangent once a turn.

Before: d = a * d - b * d. After: d = d * (a - b).

The chain rule adds one term for each use of a variable, and every term has the
cotangent of the turn before as a factor: the turns wait for each other through all of
them. What is linear in the carried number is gathered into one factor that does not
depend on it, so that only one multiplication stands between two turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from srcgrad.builder import Builder
from srcgrad.ir import (
    Block,
    Carry,
    Const,
    For,
    Function,
    Op,
    Operand,
    Stmt,
    Value,
)
from srcgrad.types import Scalar, is_float
from srcgrad.walk import rebuild

__all__ = ["factor_carries"]


def factor_carries(function: Function) -> Function:
    """Return the function with one factor for each number carried by a reverse loop.

    Only the backward sweep is rewritten: the forward sweep rounds as the user wrote.

    >>> from srcgrad.ir import For
    >>> from srcgrad.text import print_function
    >>> build, real = Builder(), Scalar("float64")
    >>> a, b, d0, d, last = (Value(n, real) for n in ("a", "b", "d", "d", "d"))
    >>> with build.block() as stmts:
    ...     end = build.op("sub", build.op("mul", a, d), build.op("mul", b, d))
    >>> carry = Carry(d0, d, end, last)
    >>> i = Value("i", Scalar("int64", python=True))
    >>> zero, one, three = (Const(k, i.type) for k in (0, 1, 3))
    >>> _ = build.emit(For(i, zero, three, one, (carry,), Block(tuple(stmts))))
    >>> f = Function("f", (a, b, d0), build.close(), (last,), cut=0)
    >>> print(print_function(factor_carries(f)), end="")
    function f(a.0: float64, b.0: float64, d.0: float64)
      for i.0 in 0, 3, 1
        carry d.1: float64 = d.0
        t.0: float64 = mul(a.0, d.1)
        t.1: float64 = mul(b.0, d.1)
        t.2: float64 = sub(t.0, t.1)
        t.3: float64 = sub(a.0, b.0)
        t.4: float64 = mul(d.1, t.3)
        yield d.1 = t.4 -> d.2
      return d.2
    """
    cut = function.cut
    if cut is None:
        return function
    stmts = function.body.stmts
    body = Block((*stmts[:cut], *map(_factored, stmts[cut:])))
    return replace(function, body=body)


def _factored(stmt: Stmt) -> Stmt:
    """Return a statement with the loops in it factored."""
    stmt = rebuild(stmt, lambda block: Block(tuple(map(_factored, block.stmts))))
    if not isinstance(stmt, For):
        return stmt
    made = {s.outs[0]: s for s in stmt.body.stmts if isinstance(s, Op)}
    added: list[Stmt] = []
    carries = tuple(_shortened(c, made, added) for c in stmt.carries)
    if not added:
        return stmt
    return replace(stmt, carries=carries, body=Block((*stmt.body.stmts, *added)))


def _shortened(carry: Carry, made: Mapping[Value, Op], added: list[Stmt]) -> Carry:
    """Return a carry whose number is multiplied once, and add how to the body."""
    type, last = carry.inn.type, carry.yld
    if not (isinstance(type, Scalar) and is_float(type) and last in made):
        return carry
    assert isinstance(last, Value)
    build = Builder(trusting=True)
    build.loc = made[last].loc
    with build.block() as stmts:
        linear = _linear(carry.inn, last, made, build)
        if linear is None or linear.terms < 2:
            return carry
        end = build.op("mul", carry.inn, linear.factor, name=last.name)
        if linear.rest is not None:
            end = build.op("add", end, linear.rest, name=last.name)
    added.extend(stmts)
    return replace(carry, yld=end)


@dataclass(frozen=True, slots=True)
class _Linear:
    """The number `factor * d + rest`, where d occurs in so many terms."""

    terms: int
    factor: Operand
    rest: Operand | None


def _linear(
    d: Value, x: Operand, made: Mapping[Value, Op], build: Builder
) -> _Linear | None:
    """Return a number as a linear function of the carried one, if it is one."""
    if x is d:
        return _Linear(1, Const(1.0, Scalar(d.type.dtype)), None)
    if not isinstance(x, Value) or x not in made:
        return _Linear(0, Const(0.0, Scalar(d.type.dtype)), x)
    op = made[x]
    parts = [_linear(d, a, made, build) for a in op.args]
    if all(p is not None and not p.terms for p in parts):
        return _Linear(0, Const(0.0, Scalar(d.type.dtype)), x)
    numbers = [a for a in op.args if isinstance(a, Value)]
    if None in parts or any(a.type.dtype != d.type.dtype for a in numbers):
        return None
    return _combined(op, [p for p in parts if p is not None], build)


def _combined(op: Op, parts: list[_Linear], build: Builder) -> _Linear | None:
    """Return the result of an operation of which an operand depends on `d`."""
    terms = sum(p.terms for p in parts)
    match op.row, parts:
        case "neg", [a]:
            rest = None if a.rest is None else build.op("neg", a.rest)
            return _Linear(terms, _negated(a.factor, build), rest)
        case "add" | "sub", [a, b]:
            factors = (a.factor if a.terms else None, b.factor if b.terms else None)
            factor = _sum(op.row, *factors, build)
            assert factor is not None
            return _Linear(terms, factor, _sum(op.row, a.rest, b.rest, build))
        case ("mul", [a, b]) if not a.terms:
            assert a.rest is not None
            rest = None if b.rest is None else build.op("mul", a.rest, b.rest)
            return _Linear(terms, _scaled("mul", b.factor, a.rest, build), rest)
        case ("mul" | "div", [a, b]) if not b.terms:
            assert b.rest is not None
            rest = None if a.rest is None else build.op(op.row, a.rest, b.rest)
            return _Linear(terms, _scaled(op.row, a.factor, b.rest, build), rest)
    return None


def _negated(x: Operand, build: Builder) -> Operand:
    if isinstance(x, Const):
        return Const(-x.value, x.type)
    made: Operand = build.op("neg", x)
    return made


def _scaled(row: str, x: Operand, by: Operand, build: Builder) -> Operand:
    """Return `x * by` or `x / by`, without a multiplication by one."""
    if row == "mul" and isinstance(x, Const) and x.value in (1.0, -1.0):
        return by if x.value == 1.0 else _negated(by, build)
    made: Operand = build.op(row, x, by)
    return made


def _sum(
    row: str, a: Operand | None, b: Operand | None, build: Builder
) -> Operand | None:
    """Return a sum or difference of which a part may be missing."""
    if b is None:
        return a
    if a is None:
        return _negated(b, build) if row == "sub" else b
    made: Operand = build.op(row, a, b)
    return made
