"""Let threads share the turns of loops that do not depend on each other.

The turns of a loop are independent if what they change of an array lies, in each turn,
in a part of its own (one subscript goes with the loop variable), or is a sum that
all turns add to and none reads. The turns are then cut into parts, of which threads
may run any at any time; each part adds up by itself, and the sums of the parts are
added in order afterwards. How many parts there are follows from lengths alone: results
are the same bit for bit on any number of threads.

Arrays that one turn makes are its own. All else that a turn could learn of another one
leaves the loop as it is.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.accesses import Accesses, Place
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Buffer, Regions
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
from srcgrad.types import Dim, ListOf, Scalar
from srcgrad.walk import (
    blocks,
    every,
    free,
    handed,
    inner_operands,
    inner_outs,
    operands,
    outs,
    rewrite,
)  # fmt: skip

SMALL = 40_000  # operations, of half a nanosecond: a second thread saves nothing
_GUESS = 16  # turns of a loop whose length is not known before
_UNIT: dict[Operand, int] = {const(1): 1, const(-1): -1}

# Who touches an array, whether that changes it, and where.
Touch = tuple[Stmt, bool, Place]


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


@dataclass(slots=True)
class _Plan:
    """What the turns of a loop add up: numbers, and elements of arrays."""

    sums: list[Carry] = field(default_factory=list)
    shared: list[Carry] = field(default_factory=list)


class _Threads:
    """The loops of a function, from the outside in."""

    def __init__(self, function: Function) -> None:
        self.regions = Regions(function)
        self.accesses, self.bounds = Accesses(self.regions), Bounds(self.regions)
        self.build = Builder(trusting=True)
        self.users: dict[Any, list[Stmt]] = defaultdict(list)
        self.ends: dict[Any, list[Stmt]] = defaultdict(list)
        self.joined: dict[Buffer, Buffer] = {}
        for stmt in every(function.body):
            for x in operands(stmt):
                self.users[x].append(stmt)
            for x in inner_operands(stmt):
                self.ends[x].append(stmt)
            if (
                isinstance(stmt, Op)
                and ROWS[stmt.row].alias
                and owned(stmt.outs[0].type)
            ):
                for x in (x for x in stmt.args if owned(x.type)):
                    new, old = self.memory(stmt.out), self.memory(x)
                    if new is not old:
                        self.joined[new] = old
        # What two arrays may share.
        self.doubled = {*map(self.shared, self.joined)}

    def memory(self, x: Any) -> Buffer:
        """Return the memory that an array, or what a view looks at, is in."""
        while x not in self.regions.buffer:
            made: Any = self.regions.definition[x]
            x = made.base
        return self.shared(self.regions.memory(x))

    def shared(self, memory: Buffer) -> Buffer:
        """Return the memory that others are views of."""
        while memory in self.joined:
            memory = self.joined[memory]
        return memory

    def block(self, block: Block) -> Block:
        """Return a block with its loops in parts."""
        with self.build.block() as made:
            for stmt in block.stmts:
                self.build.loc = stmt.loc
                plan = self.plan(stmt) if isinstance(stmt, For) else None
                if isinstance(stmt, For) and plan is not None:
                    _Parts(self, stmt, plan).write()
                else:
                    self.build.emit(rewrite(stmt, block=self.block))
        return Block((*made,))

    # which loops

    def plan(self, loop: For) -> _Plan | None:
        """Return what the turns of a loop add up; None if they are not independent."""
        countable = loop.step in _UNIT and loop.exit is None and loop.trips is None
        listed = any(isinstance(x.type, ListOf) for x in free(loop))
        if not countable or listed or self.is_small(loop):
            return None
        plan, arrays = _Plan(), dict[Buffer, Carry]()
        for c in loop.carries:
            if owned(c.inn.type):
                arrays[self.memory(c.init)] = c
                if self.memory(c.inn) is not self.memory(c.init):
                    return None
            elif c.inn.type.dtype == "bool" or not self.is_sum(c.inn, c.yld, loop):
                return None
            else:
                plan.sums.append(c)
        for memory, found in self.touched(loop).items():
            if not any(changed for _, changed, _ in found):
                continue
            if any(place is None for _, _, place in found) or memory in self.doubled:
                return None
            if self.is_apart(loop, found):
                continue
            if not self.is_added(found):
                return None
            plan.shared.append(arrays[memory])
        return plan

    def touched(self, loop: For) -> dict[Buffer, list[Touch]]:
        """Return what is done in a loop with memory that was there before it."""
        known = {self.memory(x) for x in free(loop) if owned(x.type)}
        found: dict[Buffer, list[Touch]] = {memory: [] for memory in known}
        for stmt in every(loop.body):
            used: list[tuple[Any, bool, Any]] = []
            if blocks(stmt):
                pairs = [p for p in handed(stmt) if owned(p[1].type)]
                moved = [p for p in pairs if len({*map(self.memory, p)}) > 1]
                used = [(x, True, None) for pair in moved for x in pair]
            elif isinstance(stmt, ir.Read | ir.Write | ir.Accumulate | ir.Take):
                _, changed, place = self.accesses.access(stmt)
                used = [(x, False, None) for x in operands(stmt) if x is not stmt.base]
                used.append((stmt.base, changed, place))
            else:
                used = [(x, isinstance(stmt, ir.Update), None) for x in operands(stmt)]
            for x, changed, place in used:
                if owned(x.type) and (memory := self.memory(x)) in known:
                    found[memory].append((stmt, changed, place))
        return found

    def is_apart(self, loop: For, found: Sequence[Touch]) -> bool:
        """Tell whether each turn has a part of an array for itself."""
        places: Any = [place for _, _, place in found]
        for axis, form in enumerate(places[0]):
            atoms = (a for a, _ in form.terms if a is not loop.var)
            if (
                form.factor(loop.var)
                and all(place[axis] == form for place in places)
                and not any(self.is_inside(a, loop) for a in atoms)
                and all(self.is_upward(stmt, form) for stmt, _, _ in found)
            ):
                return True
        return False

    def is_inside(self, x: Any, loop: For) -> bool:
        """Tell whether a value is made in the turns of a loop."""
        return any(stmt is loop for stmt, _ in self.regions.chain.get(x, ()))

    def is_upward(self, stmt: Any, form: Dim) -> bool:
        """Tell whether a subscript counts from the beginning: -1 is another name."""
        return stmt.path[0].sure or self.bounds.holds(form, stmt)

    def is_added(self, found: Sequence[Touch]) -> bool:
        """Tell whether nothing is done with elements but to add to them."""
        place = {stmt: place for stmt, _, place in found}
        done: set[Stmt] = set()
        for stmt in place:
            if not isinstance(stmt, ir.Write | ir.Accumulate):
                continue
            kind, given = stmt.base.type.dtype, stmt.value.type.dtype
            if kind == "bool" or not (kind.startswith("float") or given == kind):
                continue  # a sum that is cut off each time
            if isinstance(stmt, ir.Accumulate):
                done.add(stmt)
                continue
            same = (s for s in self.users[stmt.base] if place.get(s) == place[stmt])
            reads = [s for s in same if isinstance(s, ir.Read)]
            if len(reads) == 1 and self.is_sum(reads[0].out, stmt.value, stmt):
                done |= {reads[0], stmt}
        return done == {*place}

    def is_sum(self, start: Value, end: Operand, last: Stmt) -> bool:
        """Tell whether one number is another one plus something that is free of it.

        The last statement hands it on; nothing else may look at what is added up.
        """
        total: set[Any] = set()
        todo: list[Any] = [start]
        users: set[Stmt] = set()
        while todo:
            x = todo.pop()
            if x in total:
                continue
            total.add(x)
            if self.users[x].count(last) + self.ends[x].count(last) != (x is end):
                return False
            for stmt in {*self.users[x], *self.ends[x]} - {last}:
                users.add(stmt)
                match stmt:
                    case Op(row="add" | "plus" | "sub"):
                        todo += stmt.outs
                    case ir.For() | ir.While() | ir.If():
                        todo += [out for given, out in handed(stmt) if given is x]
                    case _:
                        return False
        return end in total and all(self.goes_on(s, total) for s in users)

    def goes_on(self, stmt: Any, total: set[Any]) -> bool:
        """Tell whether a statement adds to a total, or hands it on as it is."""
        if isinstance(stmt, Op):
            one, two = (x in total for x in stmt.args)
            return one != two and (one or stmt.row != "sub")
        pairs = handed(stmt)
        # What is looked at besides, by a test or as the end of a range, is no mere sum.
        times = 2 if isinstance(stmt, ir.Loop) else 1
        read = [x for x in (*operands(stmt), *inner_operands(stmt)) if x in total]
        given = [x for x, _ in pairs]
        plain = all(read.count(x) * times == given.count(x) for x in read)
        return plain and all(x in total for x, out in pairs if out in total)

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
        if isinstance(stmt, For) and stmt.step in _UNIT:
            if not any(self.is_inside(x, loop) for x in (stmt.start, stmt.stop)):
                turns = self.turns(stmt)
        return self.apply("mul", turns, size)

    def turns(self, loop: For) -> Operand:
        """Return how many turns a loop makes; below zero stands for none."""
        last, first = (loop.stop, loop.start)[:: _UNIT[loop.step]]
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


class _Parts:
    """One loop, written in parts."""

    def __init__(self, threads: _Threads, loop: For, plan: _Plan) -> None:
        self.threads, self.loop, self.plan = threads, loop, plan
        self.build, self.part = threads.build, Value("part", INT)
        self.shape: dict[Carry, list[Operand]] = {}  # of what all turns add to

    def write(self) -> None:
        """Write a loop over parts, and one that adds up what they added up."""
        build, loop, part, plan = self.build, self.loop, self.part, self.plan
        for c in plan.shared:
            self.shape[c] = [self.length(c, k) for k in range(c.inn.type.rank)]
        turns, room = self.count(), self.room()
        work = self.threads.work(loop, loop)
        parts: Operand = build.op("parts", turns, work, room, name="parts")
        size: Operand = build.op("range_length", 0, turns, parts, name="size")
        added = [*plan.sums, *plan.shared]
        held = {c: self.zeros(parts, c) for c in added}
        inns = {c: _twin(held.get(c, c.inn)) for c in loop.carries}
        with build.block() as made:
            before = self.threads.apply("mul", size, part)
            first = build.op("limit", before, turns, name="first")
            left = self.threads.apply("sub", turns, first)
            count = build.op("min2", size, left, name="count")
            last = self.turns(first, count, inns)
        outs = {c: _twin(held[c]) if c in held else c.out for c in loop.carries}
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
        found: Operand = self.build.op("sub", *ends[:: _UNIT[self.loop.step]])
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
        build, loop, plan = self.build, self.loop, self.plan
        names: dict[Any, Value] = {}
        for c in plan.shared:
            names |= {x: Value(x.name, inns[c].type) for x in self.versions(c)}
        last = {c: _twin(inns[c]) for c in loop.carries}
        totals = {c: _twin(c.inn) for c in plan.sums}
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
        memory, regions = self.threads.memory(carry.init), self.threads.regions
        found = [*inner_outs(self.loop)]
        for stmt in every(self.loop.body):
            found += (*inner_outs(stmt), *outs(stmt))
        return [
            x for x in found if x in regions.buffer and self.threads.memory(x) is memory
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
                inn, last = _twin(c.inn), _twin(c.inn)
                if owned(c.inn.type):
                    last = self.add(inn, sums, self.shape[c], (part,))
                else:
                    x = build.read(sums, (Index((part,), sure=True),))
                    build.emit(Op("add", (inn, x), (last,), loc=build.loc))
                carries.append(Carry(c.init, inn, last, c.out))
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
        k, inn, out = Value("k", INT), _twin(base), _twin(base)
        with build.block() as made:
            last = self.add(inn, sums, shape[1:], (*at, k))
        head = k, const(0), shape[0], const(1), (Carry(base, inn, last, out),)
        build.emit(For(*head, Block((*made,)), loc=self.loop.loc))
        return out


def _twin(x: Value) -> Value:
    """Return another value of the same name and type."""
    return Value(x.name, x.type, x.hint)
