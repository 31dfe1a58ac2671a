"""Which loops have turns that do not depend on each other.

What such a loop changes of an array lies, in each turn, in a part of its own (one
subscript goes with the loop variable), or is a sum that all turns add to and none
reads. Arrays that one turn makes are its own. All else that a turn could learn of
another one makes the loop depend on the order of its turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from srcgrad import ir
from srcgrad.analyses.accesses import Accesses, Place
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import const
from srcgrad.ir import Carry, For, Function, Op, Operand, Stmt, Value, owned
from srcgrad.ops import ROWS
from srcgrad.types import Dim, ListOf
from srcgrad.walk import (
    blocks,
    every,
    free,
    handed,
    inner_operands,
    last,
    operands,
    users,
)

UNIT: dict[Operand, int] = {const(1): 1, const(-1): -1}

# Who touches an array, whether that changes it, and where.
Touch = tuple[Stmt, bool, Place]


@dataclass(slots=True)
class Sums:
    """What the turns of a loop add up: numbers, and elements of arrays."""

    numbers: list[Carry] = field(default_factory=list)
    arrays: list[Carry] = field(default_factory=list)


class Independence:
    """What the turns of a function's loops have in common."""

    def __init__(self, function: Function) -> None:
        self.regions = Regions(function)
        self.accesses, self.bounds = Accesses(self.regions), Bounds(self.regions)
        self.users, self.ends = users(function)
        self.joined: dict[Buffer, Buffer] = {}
        for stmt in every(function.body):
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
        found: Buffer = last(memory, self.joined)
        return found

    def sums(self, loop: For) -> Sums | None:
        """Return what the turns of a loop add up; None if they are not independent."""
        countable = loop.step in UNIT and loop.exit is None and loop.trips is None
        listed = any(isinstance(x.type, ListOf) for x in free(loop))
        if not countable or listed:
            return None
        sums, arrays = Sums(), dict[Buffer, Carry]()
        for c in loop.carries:
            if owned(c.inn.type):
                arrays[self.memory(c.init)] = c
                if self.memory(c.inn) is not self.memory(c.init):
                    return None
            elif c.inn.type.dtype == "bool" or not self.is_sum(c.inn, c.yld, loop):
                return None
            else:
                sums.numbers.append(c)
        for memory, found in self.touched(loop).items():
            if not any(changed for _, changed, _ in found):
                continue
            if any(place is None for _, _, place in found) or memory in self.doubled:
                return None
            if self.is_apart(loop, found):
                continue
            if not self.is_added(found):
                return None
            sums.arrays.append(arrays[memory])
        return sums

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
        users: set[Any] = set()
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
