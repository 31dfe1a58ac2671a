"""Compute what the turns of a loop compute alike in a table before the loop.

`for i: for j: ... exp(a[j]) ...` takes n * m exponentials of which m differ. Where an
expensive number depends on inner loops alone, on elements that the outer loop does not
change, a table of it is filled before the outer loop, and its turns read it. No number
changes, nor does memory grow beyond that of an array which is read for it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import regions_of
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Block,
    Const,
    For,
    Function,
    Index,
    Op,
    Operand,
    Read,
    Stmt,
    Value,
)
from srcgrad.ops import ROWS
from srcgrad.walk import operands, outs, rewrite

_CALL = 10  # what a row costs that is more than a few instructions


def tabulate(function: Function) -> Function:
    """Return the function with tables before loops.

    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim, Scalar
    >>> n, i, j = (Value(name, INT) for name in "nij")
    >>> x, y = (Value(name, Array("float64", (Dim(3),))) for name in "xy")
    >>> build = Builder()
    >>> with build.block() as turn:
    ...     e = build.emit(Read(x, (Index((j,)),), Value("e", Scalar("float64"))))
    ...     t = build.op("exp", e.out)
    ...     last = build.write(y, (Index((j,)),), t)
    >>> inn, out, end = (Value("y", y.type) for _ in range(3))
    >>> carry = ir.Carry(inn, y, last, out)
    >>> inner = For(j, const(0), const(3), const(1), (carry,), Block((*turn,)))
    >>> carry = ir.Carry(y, inn, out, end)
    >>> outer = For(i, const(0), n, const(1), (carry,), Block((inner,)))
    >>> before = Function("f", (n, x, y), Block((outer,)), (end,))
    >>> print(print_function(tabulate(before)), end="")
    function f(n.0: py int64, x.0: float64[3], y.0: float64[3])
      t.0: py bool = lt(0, n.0)
      t.1: py int64 = where(t.0, 3, 0)
      t.2: float64[t.1] = empty(t.1, dtype='float64')
      for t.3 in 0, t.1, 1
        carry t.4: float64[t.1] = t.2
        e.0: float64 = read x.0[t.3]
        t.5: float64 = exp(e.0)
        t.6 = write t.4[t.3], t.5
        yield t.4 = t.6 -> t.7
      for i.0 in 0, n.0, 1
        carry y.1: float64[3] = y.0
        for j.0 in 0, 3, 1
          carry y.0: float64[3] = y.1
          e.1: float64 = read x.0[j.0]
          t.8: float64 = read t.7[j.0]
          y.2 = write y.0[j.0], t.8
          yield y.0 = y.2 -> y.3
        yield y.1 = y.3 -> y.4
      return y.4
    """
    return _Tabulating(function).run()


class _Tabulating:
    """The loops of a function, from the outside in."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.regions = regions_of(function)
        self.build = Builder(trusting=True)
        # What is read from a table in the place of a statement.
        self.reads: dict[Stmt, Read] = {}

    def run(self) -> Function:
        """Return the new function."""
        body = self.block(self.function.body)
        return replace(self.function, body=body) if self.reads else self.function

    def block(self, block: Block) -> Block:
        """Return a block with the tables of its loops before them."""
        with self.build.block() as stmts:
            for stmt in block.stmts:
                if isinstance(stmt, For) and is_counted(stmt):
                    for op, inner in self.found(stmt.body, ()):
                        self.table(op, stmt, inner)
                stmt = self.reads.get(stmt, stmt)
                self.build.emit(rewrite(stmt, block=self.block))
        return Block((*stmts,))

    def found(
        self, block: Block, inner: tuple[For, ...]
    ) -> list[tuple[Op, tuple[For, ...]]]:
        """Return the expensive operations of a nest and the loops around each."""
        ops: list[tuple[Op, tuple[For, ...]]] = []
        for s in block.stmts:
            if isinstance(s, For) and counts_from_zero(s):
                ops += self.found(s.body, (*inner, s))
            elif isinstance(s, Op) and s not in self.reads and is_expensive(s):
                ops.append((s, inner))
        return ops

    def table(self, op: Op, loop: For, inner: tuple[For, ...]) -> None:
        """Fill a table of an operation before a loop, if that can be."""
        made = self.tree(op, loop, inner)
        ends = [x for s in inner for x in (s.start, s.stop)]
        if made is None or not self.are_there(ends, loop):
            return
        used = [s for s in inner if any(s.var in operands(m) for m in made)]
        if not any(self.covers(m, used) for m in made) or not used:
            return
        self.build.loc = op.loc
        sizes = self.lengths(loop, inner, used)
        table = self.build.op("empty", *sizes, dtype=op.out.type.dtype)
        at = [s.var for s in used]
        filled = self.filled(table, at, sizes, made, {})
        self.reads[op] = Read(filled, (Index((*at,), sure=True),), op.out, op.loc)

    def tree(self, op: Op, loop: For, inner: Sequence[For]) -> list[Stmt] | None:
        """Return what computes a number from what a loop leaves as it is."""
        found: dict[Stmt, None] = {}
        given = {s.var for s in inner}
        return [*found] if self.visit(op.out, loop, given, found) else None

    def visit(
        self, x: Operand, loop: For, given: Container[Any], found: dict[Stmt, None]
    ) -> bool:
        """Find what computes a number from what is given, if nothing else does."""
        if self.are_there([x], loop) or x in given:
            return True
        made = self.regions.definition.get(x)
        if not (isinstance(made, Op | Read) and is_plain(made)):
            return False
        below = operands(made) if made not in found else ()
        if not all(self.visit(y, loop, given, found) for y in below):
            return False
        found[made] = None
        return True

    def are_there(self, values: Sequence[Operand], loop: For) -> bool:
        """Tell whether all values are known before a loop."""
        chains = [self.regions.chain.get(x, ()) for x in values]
        return not any(loop in dict(chain) for chain in chains)

    def covers(self, stmt: Stmt, used: Sequence[For]) -> bool:
        """Tell whether a statement reads an array as large as the table."""
        items = stmt.path[0].items if isinstance(stmt, Read) else ()  # type: ignore[union-attr]
        return all(any(s.var is i for i in items) for s in used)

    def lengths(
        self, loop: For, inner: Sequence[For], used: Sequence[For]
    ) -> list[Operand]:
        """Return the table's lengths: zero where the loop would compute nothing."""
        assert isinstance(loop.step, Const)
        row = "lt" if loop.step.value > 0 else "gt"
        tests = [self.build.op(row, loop.start, loop.stop)]
        tests += [
            self.build.op("gt", self.length(s), 0) for s in inner if s not in used
        ]
        runs = reduce(partial(self.build.op, "logical_and"), tests)
        return [self.build.op("where", runs, self.length(s), 0) for s in used]

    def length(self, loop: For) -> Operand:
        """Return how many turns a loop has."""
        up = loop.step == const(1)
        turns = loop.stop if up else self.build.op("add", loop.start, 1)
        found: Operand = self.build.op("max2", 0, turns)
        return found

    def filled(
        self, table: Value, at: Sequence[Value], sizes: Sequence[Operand],
        made: Sequence[Stmt], names: dict[Value, Value],
    ) -> Value:  # fmt: skip
        """Fill a table, a loop for each axis; return its last version."""
        axis = len(names)
        if axis < len(at):
            own, inn, end = (Value("", t) for t in (INT, table.type, table.type))
            with self.build.block() as stmts:
                inner = {**names, at[axis]: own}
                last = self.filled(inn, at, sizes, made, inner)
            carries = (ir.Carry(table, inn, last, end),)
            body, loc = Block((*stmts,)), self.build.loc
            ends = const(0), sizes[axis], const(1)
            self.build.emit(For(own, *ends, carries, body, loc=loc))
            return end
        place = (Index((*names.values(),), sure=True),)
        for stmt in made:
            (own,) = outs(stmt)
            new = Value(own.name, own.type)
            self.build.emit(rewrite(stmt, names, {own: new}))
            names = {**names, own: new}
        return self.build.write(table, place, names[own])


def is_counted(loop: For) -> bool:
    """Tell whether it is known before a loop if it turns: where a table has items."""
    certain = isinstance(loop.step, Const) and loop.step.value != 0
    return certain and loop.exit is None and not loop.parallel


def counts_from_zero(loop: For) -> bool:
    """Tell whether a loop's variable takes all numbers from zero, up or down."""
    up = loop.start == const(0) and loop.step == const(1)
    down = loop.stop == const(-1) and loop.step == const(-1)
    return loop.exit is None and (up or down)


def is_plain(made: Op | Read) -> bool:
    """Tell whether a statement computes a number, or reads one from an array.

    What a loop changes is another version in it: one from before stays as it was.
    """
    if isinstance(made, Op):
        return ROWS[made.row].kind == "elementwise" and not made.out.type.rank
    return len(made.path) == 1 and isinstance(made.path[0], Index)


def is_expensive(op: Op) -> bool:
    """Tell whether a number takes longer to compute than to read."""
    row = ROWS[op.row]
    number = op.out.type.rank == 0 and op.out.type.dtype in ("float64", "float32")
    return number and row.kind == "elementwise" and row.cost >= _CALL
