"""Add up in short rows, and lose nothing where the sums of rows are added.

A sum that LLVM may do in vectors is as exact as a pairwise one only while it is short.
So a loop that adds up is cut into rows of 256 turns. To the total of the rows belongs a
second number: what rounding took from it, row by row, and what it gets back at the end.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import Block, Carry, Const, For, Function, Op, Operand, Stmt, Value
from srcgrad.types import Scalar
from srcgrad.walk import every, outs, rewrite

ROW = 256  # 16 additions one after the other, in four vectors of four numbers


def sum_rows(function: Function) -> Function:
    """Return the function with sums that are exact enough.

    >>> from srcgrad.text import print_function
    >>> total, out, k = (Value(c, Scalar("float64")) for c in "stx")
    >>> i, last = Value("i", INT), Value("u", Scalar("float64"))
    >>> body = Block((Op("plus", (total, k), (last,)),))
    >>> carry = Carry(Const(0.0, total.type), total, last, out)
    >>> loop = For(i, const(0), const(512), const(1), (carry,), body)
    >>> text = print_function(sum_rows(Function("f", (k,), Block((loop,)), (out,))))
    >>> text.count("for "), text.count("plus"), text.count("add"), text.count("where")
    (2, 1, 6, 1)
    """
    return replace(function, body=_Rows().block(function.body))


class _Rows:
    """Totals, and what rounding took from them."""

    def __init__(self) -> None:
        self.build = Builder(trusting=True)
        self.lost: dict[Any, Operand] = {}
        self.short: set[For] = set()

    def block(self, block: Block) -> Block:
        """Return a block with its sums made in rows."""
        with self.build.block() as made:
            for stmt in block.stmts:
                self.stmt(stmt)
        return Block((*made,))

    def stmt(self, stmt: Stmt, kept: Collection[Operand] = ()) -> None:
        """Write a statement; sums that are not kept get back what they lack."""
        self.build.loc = stmt.loc
        if not isinstance(stmt, For) or not _sums(stmt):
            self.build.emit(rewrite(stmt, block=self.block))
            return
        if _is_plain(stmt):
            if self.is_short(stmt):
                self.row(stmt, kept)
                return
            stmt = self.in_rows(stmt)
        names = {
            c.out: Value(c.out.name, c.out.type)
            for c in _sums(stmt)
            if c.out not in kept
        }
        self.level(rewrite(stmt, makes={**names}))
        for out, total in names.items():
            rest = self.lost[total]
            both, zero = self.apply("add", total, rest), self.apply("sub", rest, rest)
            sound = self.apply("eq", zero, _zero(zero), dtype="bool")
            self.build.emit(Op("where", (sound, both, total), (out,), loc=stmt.loc))

    def apply(self, row: str, *args: Operand, dtype: str = "") -> Value:
        """Apply a row to numbers."""
        out = Value("", Scalar(dtype or args[0].type.dtype))
        return self.build.emit(Op(row, args, (out,), loc=self.build.loc)).out

    def level(self, loop: For) -> None:
        """Write a loop with two numbers for each sum."""
        sums, rests = _sums(loop), []
        for c in sums:
            inn, end = (Value("rest", c.inn.type) for _ in range(2))
            rests.append((self.lacking(c.init), inn, c.yld, end))
            self.lost[c.inn], self.lost[c.out] = inn, end
        added = {c.yld for c in sums}
        with self.build.block() as made:
            for stmt in loop.body.stmts:
                self.build.loc = stmt.loc
                if isinstance(stmt, Op) and {*stmt.outs} & added:
                    total, x = stmt.args
                    self.add(total, x, stmt.out)
                else:
                    self.stmt(stmt, added)
        more = [Carry(init, inn, self.lost[y], end) for init, inn, y, end in rests]
        carries = (*loop.carries, *more)
        self.build.emit(replace(loop, body=Block((*made,)), carries=carries))

    def row(self, loop: For, kept: Collection[Operand]) -> None:
        """Write a short loop, which adds up from zero to what goes on."""
        sums = {c: Value("", c.out.type) for c in _sums(loop) if c.out in kept}
        zero = {c: replace(c, init=_zero(c.inn), out=sums[c]) for c in sums}
        carries = (*(zero.get(c, c) for c in loop.carries),)
        self.build.emit(replace(loop, carries=carries))
        for c, part in sums.items():
            self.add(c.init, part, c.out)

    def lacking(self, total: Operand) -> Operand:
        """Return what rounding took from a total."""
        return self.lost.get(total, _zero(total))

    def add(self, total: Operand, x: Operand, out: Value) -> None:
        """Add to a total, and note what the new one lacks."""
        self.build.emit(Op("add", (total, x), (out,), loc=self.build.loc))
        given = self.apply("sub", out, total)
        lost = self.apply("sub", total, self.apply("sub", out, given))
        lost = self.apply("add", lost, self.apply("sub", x, given))
        self.lost[out] = self.apply("add", self.lacking(total), lost)

    def is_short(self, loop: For) -> bool:
        """Tell whether a loop turns no more often than a row is long."""
        known = isinstance(loop.stop, Const) and loop.stop.value <= ROW
        return known or loop in self.short

    def in_rows(self, loop: For) -> For:
        """Return a loop over rows, and inside it one over the elements of a row."""
        carries, within, build = list[Carry](), list[Carry](), self.build
        for c in loop.carries:
            inn, end = (ir.twin(c.inn) for _ in range(2))
            carries.append(Carry(c.init, inn, end, c.out))
            within.append(Carry(inn, c.inn, c.yld, end))
        row, var = Value("row", INT), Value(loop.var.name, INT)
        with build.block() as made:
            first = build.sure("mul", const(ROW), row)
            size = build.op("min2", build.sure("sub", loop.stop, first), ROW)
            with build.block() as turn:
                k = build.sure("add", first, var)
                turn += rewrite(loop.body, {loop.var: k}).stmts
            body = Block((*turn,))
            short = replace(loop, var=var, stop=size, carries=(*within,), body=body)
            self.short.add(build.emit(short))
        up = build.sure("add", loop.stop, const(ROW - 1))
        count = build.sure("floordiv", up, const(ROW))
        body = Block((*made,))
        return replace(loop, var=row, stop=count, carries=(*carries,), body=body)


def _zero(x: Operand) -> Const:
    """Return zero in the dtype of a number."""
    return Const(0.0, Scalar(x.type.dtype))


def _sums(loop: For) -> list[Carry]:
    """Return what a loop adds up, by itself or by a loop inside it."""
    made = {v: s for s in loop.body.stmts for v in outs(s)}
    found = []
    for c in loop.carries:
        match made.get(c.yld):  # type: ignore[arg-type]
            case Op(row="plus", args=(first, _)) if first is c.inn:
                found.append(c)
            case For() as inner:
                own = (k for k in _sums(inner) if k.out is c.yld and k.init is c.inn)
                found += [c for _ in own]
    return found


def _is_plain(loop: For) -> bool:
    """Tell whether a loop has none inside, and its elements are certain to be there."""
    body = [*every(loop.body)]
    steps = [x for s in body for x in getattr(s, "path", ()) if isinstance(x, ir.Index)]
    ends = loop.start == const(0) and loop.step == const(1)
    return (
        ends
        and all(x.sure for x in steps)
        and not any(isinstance(s, ir.Loop) for s in body)
    )
