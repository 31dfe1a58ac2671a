"""Let threads share the turns of loops that do not depend on each other.

Independent turns (`analyses/independence.py`) are cut into parts, of which threads may
run any at any time; each part adds up by itself, and the sums of the parts are added in
order afterwards. How many parts there are follows from lengths alone: results are the
same bit for bit on any number of threads.
"""

from __future__ import annotations

import operator
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.independence import UNIT, Independence, Sums
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Block,
    Carry,
    Const,
    For,
    Function,
    Index,
    Op,
    Operand,
    Stmt,
    Value,
    owned,
)  # fmt: skip
from srcgrad.ops import ROWS
from srcgrad.ops.table import ANY_BITS
from srcgrad.types import Scalar
from srcgrad.walk import (
    blocks,
    every,
    inner_outs,
    outs,
    rewrite,
)  # fmt: skip

SMALL = 40_000  # operations, of half a nanosecond: a second thread saves nothing
# A part costs some 3 us; between turns of a loop around, threads fall asleep.
_LEAST = 20_000
_GUESS = 16  # turns of a loop whose length is not known before


def parallel(function: Function) -> Function:
    """Return the function with independent loops in parts for threads.

    >>> from srcgrad.text import print_function
    >>> n, i, build = Value("n", INT), Value("i", INT), Builder()
    >>> z = build.op("empty", n, name="z")
    >>> inn, out = (Value("z", z.type) for _ in range(2))
    >>> with build.block() as turn:
    ...     last = build.write(inn, (Index((i,), sure=True),), const(1.0))
    >>> carry = Carry(z, inn, last, out)
    >>> loop = For(i, const(0), n, const(1), (carry,), Block((*turn,)))
    >>> _ = build.emit(loop)
    >>> before = Function("f", (n,), build.close(), (out,))
    >>> text = print_function(parallel(before))
    >>> print(text[text.index("  parallel") : text.index("yield")].rstrip())
      parallel for part.0 in 0, parts.0, 1
        carry z.1: float64[n.0] = z.0
        t.1: py int64 = mul(size.0, part.0, sure=True)
        first.0: py int64 = limit(t.1, n.0)
        t.2: py int64 = sub(n.0, first.0, sure=True)
        count.0: py int64 = min2(size.0, t.2)
        for i.0 in 0, count.0, 1
          carry z.2: float64[n.0] = z.1
          t.3: py int64 = add(first.0, i.0, sure=True)
          z.3 = write z.2[t.3], 1.0
    """
    return replace(function, body=_Threads(function).block(function.body))


class _Threads:
    """The loops of a function, from the outside in."""

    def __init__(self, function: Function) -> None:
        self.turns_of = Independence(function)
        self.regions, self.bounds = self.turns_of.regions, self.turns_of.bounds
        self.build = Builder(trusting=True)
        self.around = 0  # loops that each thread is asked for again

    def block(self, block: Block) -> Block:
        """Return a block with its loops in parts."""
        with self.build.block() as made:
            for stmt in block.stmts:
                self.build.loc = stmt.loc
                sums = self.shared(stmt) if isinstance(stmt, For) else None
                if isinstance(stmt, For) and sums is not None:
                    _Parts(self, stmt, sums).write()
                else:
                    self.around += isinstance(stmt, ir.Loop)
                    self.build.emit(rewrite(stmt, block=self.block))
                    self.around -= isinstance(stmt, ir.Loop)
        return Block((*made,))

    def shared(self, loop: For) -> Sums | None:
        """Return what the turns of a loop add up, if threads are to share them."""
        sums = self.turns_of.sums(loop)
        if sums is None or self.is_small(loop):
            return None
        # Each turn around would add up more than this loop adds to.
        most = max((c.inn.type.rank for c in sums.arrays), default=0)
        return None if self.around and most > _depth(loop) else sums

    # what it costs

    def is_small(self, loop: For) -> bool:
        """Tell whether a loop is known to have little to do."""
        with self.build.block():
            work = self.work(loop, loop)
        return isinstance(work, Const) and work.value < SMALL

    def work(self, stmt: Stmt, loop: For) -> Operand:
        """Return about how many operations a statement of a loop is."""
        if isinstance(stmt, Op):
            whole = any(owned(a.type) for a in stmt.args)
            return const(1 + ROWS[stmt.row].cost * (100 if whole else 1))
        known = 1
        size: Operand = const(0)
        for inner in (s for block in blocks(stmt) for s in block.stmts):
            cost = self.work(inner, loop)
            if isinstance(cost, Const):
                known += int(cost.value)
            else:
                size = self.apply("add", size, cost)
        size = self.apply("add", size, const(known))
        if not isinstance(stmt, ir.Loop):
            return size
        turns: Operand = const(_GUESS)
        if isinstance(stmt, For) and stmt.step in UNIT:
            if not any(
                self.turns_of.is_inside(x, loop) for x in (stmt.start, stmt.stop)
            ):
                turns = self.turns(stmt)
        return self.apply("mul", turns, size)

    def turns(self, loop: For) -> Operand:
        """Return how many turns a loop makes; below zero stands for none."""
        last, first = (loop.stop, loop.start)[:: UNIT[loop.step]]
        linear = self.regions.linear
        return self.build.subscript(linear(last) - linear(first))

    def apply(self, row: str, one: Operand, two: Operand) -> Operand:
        """Return a sum, difference or product that 64 bits are taken to hold."""
        both = [x.value for x in (one, two) if isinstance(x, Const)]
        if len(both) == 2:
            return const(int(getattr(operator, row)(*both)))
        if two == const(int(row == "mul")):
            return one
        if one == const(int(row == "mul")) and row != "sub":
            return two
        return self.build.sure(row, one, two)


def _depth(stmt: Stmt) -> int:
    """Return how many loops stand inside each other, the statement among them."""
    inner = (_depth(s) for block in blocks(stmt) for s in block.stmts)
    return isinstance(stmt, ir.Loop) + max(inner, default=0)


def _another(loop: For) -> For:
    """Return a loop that does the same and has names of its own."""
    names = {x: ir.twin(x) for x in (*outs(loop), *_made(loop))}
    return rewrite(loop, names, names)


def _made(loop: For) -> list[Value]:
    """Return all that is defined inside a loop."""
    inside = [x for s in every(loop.body) for x in (*inner_outs(s), *outs(s))]
    return [*inner_outs(loop), *inside]


class _Parts:
    """One loop, written in parts."""

    def __init__(self, threads: _Threads, loop: For, sums: Sums) -> None:
        self.threads, self.loop, self.sums = threads, loop, sums
        self.build, self.part = threads.build, Value("part", INT)
        self.shape: dict[Carry, list[Operand]] = {}  # of what all turns add to
        self.outs = {c: c.out for c in loop.carries}

    def write(self) -> None:
        """Write the loop in parts, if they are worth it."""
        build, loop, around = self.build, self.loop, self.threads.around
        for c in self.sums.arrays:
            self.shape[c] = [self.length(c, k) for k in range(c.inn.type.rank)]
        turns, room = self.count(), self.room()
        work = self.threads.work(loop, loop)
        least = _LEAST * (16 if around else 1)
        parts: Operand = build.op("parts", turns, work, room, least, name="parts")
        if not around or _depth(loop) > 1:
            self.cut(turns, parts)
            return
        # A call and sums of parts take longer than a few turns.
        alone = _another(loop)
        self.outs = {c: ir.twin(c.out) for c in loop.carries}
        with build.block() as several:
            self.cut(turns, parts)
        merges = [
            ir.Merge(c.out, self.outs[c], other.out)
            for c, other in zip(loop.carries, alone.carries, strict=True)
        ]
        cond, arms = build.op("gt", parts, 1), (Block((*several,)), Block((alone,)))
        build.emit(ir.If(cond, *arms, (*merges,), loc=loop.loc))

    def cut(self, turns: Operand, parts: Operand) -> None:
        """Write a loop over parts, and one that adds up what they added up."""
        build, loop, part, sums = self.build, self.loop, self.part, self.sums
        size: Operand = build.op("range_length", 0, turns, parts, name="size")
        added = [*sums.numbers, *sums.arrays]
        held = {c: self.zeros(parts, c) for c in added}
        inns = {c: ir.twin(held.get(c, c.inn)) for c in loop.carries}
        with build.block() as made:
            before = self.threads.apply("mul", size, part)
            first = build.op("limit", before, turns, name="first")
            left = self.threads.apply("sub", turns, first)
            count = build.op("min2", size, left, name="count")
            last = self.turns(first, count, inns)
        outs = self.outs | {c: ir.twin(x) for c, x in held.items()}
        carries = tuple(
            Carry(held.get(c, c.init), inns[c], last[c], outs[c]) for c in loop.carries
        )
        head = part, const(0), parts, const(1), carries, Block((*made,))
        build.emit(For(*head, loc=loop.loc, parallel=True))
        if added:
            self.add_up(parts, {c: outs[c] for c in added})

    def count(self) -> Operand:
        """Return the number of turns; that 64 bits hold it is checked if need be."""
        ends = self.loop.stop, self.loop.start
        if max(map(self.threads.bounds.bits, ends)) < ANY_BITS:
            return self.threads.turns(self.loop)
        found: Operand = self.build.op("sub", *ends[:: UNIT[self.loop.step]])
        return found

    def length(self, carry: Carry, axis: int) -> Operand:
        """Return the length of an axis of what all turns add to."""
        known = carry.inn.type.dims[axis].known
        if known is not None:
            return const(max(known, 0))
        found: Operand = self.build.op("dim", carry.init, axis=axis)
        return found

    def room(self) -> Operand:
        """Return how many elements each part adds to."""
        apply = self.threads.apply
        room: Operand = const(0)
        for shape in self.shape.values():
            size: Operand = const(1)
            for length in shape:
                size = apply("mul", size, length)
            room = apply("add", room, size)
        return room

    def zeros(self, parts: Operand, carry: Carry) -> Value:
        """Return zeros to add to, in a row for each part."""
        shape, dtype = self.shape.get(carry, ()), carry.inn.type.dtype
        found: Value = self.build.op("zeros", parts, *shape, dtype=dtype)
        found.hint = "held"
        return found

    def turns(
        self, first: Operand, count: Operand, inns: dict[Carry, Value]
    ) -> dict[Carry, Value]:
        """Write the turns of one part; return the arrays as they are at its end."""
        build, loop, sums = self.build, self.loop, self.sums
        names: dict[Any, Value] = {}
        for c in sums.arrays:
            names |= {x: Value(x.name, inns[c].type) for x in self.versions(c)}
        last = {c: ir.twin(inns[c]) for c in loop.carries}
        totals = {c: ir.twin(c.inn) for c in sums.numbers}
        carries = []
        for c in loop.carries:
            new = Carry(inns[c], c.inn, c.yld, last[c])
            if c in totals:
                zero = 0.0 if c.inn.type.dtype.startswith("float") else 0
                init = Const(zero, Scalar(c.inn.type.dtype, c.inn.type.python))
                new = replace(new, init=init, out=totals[c])
            carries.append(new)
        k, own = loop.var, self.own(loop.body, names)
        with build.block() as body:
            # Backward or forward: the order of turns makes no difference.
            index = self.threads.apply("add", first, k)
            if loop.step == const(1):
                index = self.threads.apply("add", loop.start, index)
            elif loop.stop != const(-1):
                past = self.threads.apply("add", loop.stop, const(1))
                index = self.threads.apply("add", past, index)
            body += rewrite(own, {k: index}).stmts
        head = k, const(0), count, const(1), (*carries,)
        inner = For(*head, Block((*body,)), loc=loop.loc)
        build.emit(rewrite(inner, names, names))
        for c, total in totals.items():
            at = (Index((self.part,), sure=True),)
            last[c] = build.write(inns[c], at, total)
        return last

    def versions(self, carry: Carry) -> list[Value]:
        """Return all that an array is called in the turns."""
        own, regions = self.threads.turns_of.memory, self.threads.regions
        memory = own(carry.init)
        return [
            x
            for x in _made(self.loop)
            if x in regions.buffer and self.threads.turns_of.memory(x) is memory
        ]

    def own(self, block: Block, names: Container[Any]) -> Block:
        """Return a block that adds to the part's own row."""
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            stmt = rewrite(stmt, block=lambda inner: self.own(inner, names))
            if isinstance(stmt, ir.Read | ir.Write | ir.Accumulate):
                if stmt.base in names:
                    step: Any = stmt.path[0]
                    step = replace(step, items=(self.part, *step.items))
                    stmt = replace(stmt, path=(step,))
            stmts.append(stmt)
        return Block((*stmts,))

    def add_up(self, parts: Operand, held: dict[Carry, Value]) -> None:
        """Write a loop that adds up what parts have added up, in order."""
        build, part, carries = self.build, Value("part", INT), list[Carry]()
        with build.block() as made:
            for c, sums in held.items():
                inn, last = ir.twin(c.inn), ir.twin(c.inn)
                if owned(c.inn.type):
                    last = self.add(inn, sums, self.shape[c], (part,))
                else:
                    x = build.read(sums, (Index((part,), sure=True),))
                    build.emit(Op("add", (inn, x), (last,), loc=build.loc))
                carries.append(Carry(c.init, inn, last, self.outs[c]))
        head = part, const(0), parts, const(1), (*carries,), Block((*made,))
        build.emit(For(*head, loc=self.loop.loc))

    def add(
        self,
        base: Value,
        sums: Value,
        shape: Sequence[Operand],
        at: tuple[Operand, ...],
    ) -> Value:
        """Add a part's sums to an array, one element after the other."""
        build = self.build
        if not shape:
            x = build.read(sums, (Index(at, sure=True),))
            return build.accumulate(base, (Index(at[1:], sure=True),), x)
        k, inn, out = Value("k", INT), ir.twin(base), ir.twin(base)
        with build.block() as made:
            last = self.add(inn, sums, shape[1:], (*at, k))
        head = k, const(0), shape[0], const(1), (Carry(base, inn, last, out),)
        build.emit(For(*head, Block((*made,)), loc=self.loop.loc))
        return out
