"""The adjoints of branches and loops.

A loop is reversed by a loop that runs the turns backward. What it hands from turn to
turn is found by over-estimating and pruning: one slot for whatever is read inside, one
for each carried value, yields permuted as the forward loop permuted them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from srcgrad import ir
from srcgrad.adjoint.statement import Statements, d_name
from srcgrad.adjoint.storage import Region
from srcgrad.adjoint.tapes import number
from srcgrad.builder import INT, const
from srcgrad.ir import Block, Const, For, Loop, Operand, Stmt, Value, owned
from srcgrad.types import Type
from srcgrad.walk import free, handed, outs, substitute

_TABLES = ("plain", "buffers", "content", "current")
Known = dict[str, dict[Any, Any]]


class Slot(NamedTuple):
    """What a reverse loop hands from turn to turn.

    `enter` hands it to what a turn ends with, `end` tells what it is where the turn
    begins, `leave` hands it to what the loop began with.
    """

    init: Operand
    type: Type
    name: str
    enter: Callable[[Any], None]
    end: Callable[[], Any]
    leave: Callable[[Any], None]


class Control(Statements):
    """Reverse blocks, branches and loops."""

    def block(self, block: Block) -> None:
        for stmt in reversed(block.stmts):
            self.build.loc = stmt.loc
            within = self.regions.within
            if not isinstance(stmt, Loop | ir.If):
                self.simple(stmt)
            elif any(within(u, stmt) for u in self.plan.restores) or any(
                o in self.active and self.wanted(o) for o in outs(stmt)
            ):
                self.branch(stmt) if isinstance(stmt, ir.If) else self.loop(stmt)
            self.passed.add(stmt)

    def know(self) -> Known:
        """Return a copy of all that is known here."""
        return {table: dict(getattr(self, table)) for table in _TABLES}

    def recall(self, known: Known) -> None:
        for table, content in known.items():
            setattr(self, table, dict(content))

    def outside(self, stmt: Stmt) -> list[Value]:
        """Return the active values of the outside that a region only reads."""
        of, pairs, found = self.regions.buffer, handed(stmt), dict[Any, Value]()
        passed = {x for x, out in pairs if owned(out.type) and of[x] is not of[out]}
        for x in free(stmt):
            while owned(x.type) and x not in of:
                view = self.regions.definition[x]
                assert isinstance(view, ir.View | ir.Read)
                x = view.base
            if x in self.active and x not in passed:
                found.setdefault(self.owner(x), x)
        return list(found.values())

    def withdraw(self, x: Value) -> Operand:
        """Take the cotangent of what a region made."""
        g = self.cotangent(x)
        self.pop(x)
        return g

    def hand(self, target: Operand, g: Any) -> None:
        """Hand the cotangent of a result of a region to what it came from."""
        if not isinstance(target, Value) or not owned(target.type):
            if not isinstance(g, Const) or g.value != 0.0:
                self.give(target, g)
        elif target in self.active:
            self.buffers[self.owner(target)] = g

    def present(self, version: Value) -> Any:
        """Return what is now in the memory of a forward version."""
        return self.current.get(self.regions.memory(version))

    def hold(self, version: Any, present: Value, same: bool = True) -> None:
        """Note what is now in the memory of a version; is it that version?"""
        memory = self.regions.memory(version)
        self.current[memory] = present
        self.content.pop(memory, None)
        if same:
            self.content[memory] = version

    @contextmanager
    def inside(self, stmt: Stmt) -> Iterator[list[Stmt]]:
        """Open the mirror of a region."""
        with self.build.block() as stmts:
            self.open.append(Region(stmt, len(self.build.open) - 1))
            yield stmts
            self.open.pop()

    # branches

    def branch(self, stmt: ir.If) -> None:
        cond = self.need(stmt.cond)
        for value in self.outside(stmt):
            if owned(value.type):
                self.buffer_of(value)
        wanted = [m for m in stmt.merges if m.out in self.active and self.wanted(m.out)]
        moved = [(m, self.withdraw(m.out)) for m in wanted]
        before = self.know()
        ends: list[Known] = []
        arms: list[list[Stmt]] = []
        for arm, block in enumerate((stmt.then, stmt.orelse)):
            self.recall(before)
            with self.inside(stmt) as stmts:
                for m in stmt.merges:
                    if owned(m.out.type) and self.present(m.out) is not None:
                        # The memory of the arm is what the memory of the merge was.
                        same = self.content.get(self.regions.memory(m.out)) is m.out
                        self.hold((m.then, m.orelse)[arm], self.present(m.out), same)
                for m, g in moved:
                    self.hand((m.then, m.orelse)[arm], g)
                self.block(block)
            ends.append(self.know())
            arms.append(stmts)
        merges: list[ir.Merge] = []
        self.recall(self.joined(ends, arms, merges))
        then, orelse = (Block(tuple(a)) for a in arms)
        self.build.emit(ir.If(cond, then, orelse, tuple(merges), stmt.loc))

    def joined(
        self, ends: list[Known], arms: list[list[Stmt]], merges: list[ir.Merge]
    ) -> Known:
        """Return what is known after a branch, from what is at the ends of its arms."""
        level, chain = len(self.open) - 1, self.regions.chain

        def join(a: Any, b: Any, name: str) -> Operand:
            if a is b or (isinstance(a, Const) and a == b):
                return a
            type = a.type if isinstance(a, Value) else b.type
            if type.dims != b.type.dims:
                type = self.build.loosen(type)
            out = Value(name, type)
            merges.append(ir.Merge(out, a, b))
            return out

        known: Known = {table: {} for table in _TABLES}
        for owner in [o for t in ("plain", "buffers") for end in ends for o in end[t]]:
            first = owner if isinstance(owner, Value) else owner.first
            plain, buffers = known["plain"], known["buffers"]
            if len(chain[first]) > level or owner in plain or owner in buffers:
                continue
            sides: list[Any] = [end["plain"].get(owner) for end in ends]
            if sides[0] is sides[1] is not None:
                plain[owner] = sides[0]
                continue
            for k, (end, stmts) in enumerate(zip(ends, arms, strict=True)):
                self.recall(end)
                with self.build.block() as more:
                    sides[k] = self.cotangent(first)
                stmts += more
            if owned(first.type):
                buffers[owner] = join(sides[0], sides[1], sides[0].name)
            else:
                name = first.name if first.name.startswith("d_") else d_name(first)
                plain[owner] = join(sides[0], sides[1], name)
        for memory, version in ends[0]["current"].items():
            if memory in ends[1]["current"] and len(chain[memory.first]) <= level:
                other = ends[1]["current"][memory]
                known["current"][memory] = join(version, other, version.name)
                held, same = (end["content"].get(memory) for end in ends)
                if held is same is not None:
                    known["content"][memory] = held
        return known

    # loops

    def loop(self, stmt: Loop) -> None:
        moving = [c for c in stmt.carries if {c.inn, c.out} & self.active]
        outside, memory = self.outside(stmt), self.regions.memory
        hands: list[tuple[Value, Operand, Value, Operand]] = [
            *((x, x, x, x) for x in outside if not owned(x.type)),
            *((c.out, c.yld, c.inn, c.init) for c in moving),
            *((x, x, x, x) for x in outside if owned(x.type)),
        ]
        slots: list[Slot] = []
        for made, last, first, start in hands:
            enter, leave = partial(self.hand, last), partial(self.hand, start)
            init, end = self.withdraw(made), partial(self.cotangent, first)
            same = made.type.dims == first.type.dims
            type = init.type if same else self.build.loosen(init.type)
            slots.append(Slot(init, type, d_name(first), enter, end, leave))
        inside = [u for u in self.plan.restores if self.regions.within(u, stmt)]
        undone = self.current.keys() & {memory(u.base) for u in inside}
        for c in stmt.carries:
            if owned(c.inn.type) and memory(c.inn) in undone:
                # Each turn ends with what it began with if all is undone.
                same = self.content.get(memory(c.inn)) is c.out and all(
                    u in inside or not self.regions.within(u, stmt)
                    for u in self.regions.family_updates(c.inn)
                )
                enter = partial(self.hold, c.yld, same=same)
                leave = partial(self.hold, c.init, same=same)
                here = partial(self.present, c.inn)
                init, name = here(), c.inn.name
                slots.append(Slot(init, init.type, name, enter, here, leave))
        inns = [Value(s.name, s.type) for s in slots]
        results: list[Any] = [Value(s.name, s.type) for s in slots]
        before = self.know()
        turns = self.turns(stmt)
        gone: dict[Value, Operand] = {}
        kept: list[ir.Carry] = []
        with self.inside(stmt) as stmts:
            self.set_number(stmt, turns[0])
            self.open[-1].head = len(stmts)
            for slot, inn in zip(slots, inns, strict=True):
                slot.enter(inn)
            self.block(stmt.body)
            for k, (slot, inn) in enumerate(zip(slots, inns, strict=True)):
                end = slot.end()
                if end is inn or (isinstance(slot.init, Const) and end == slot.init):
                    gone[inn] = results[k] = slot.init
                else:
                    kept.append(ir.Carry(slot.init, inn, end, results[k]))
        self.recall(before)
        reverse = For(*turns, tuple(kept), Block(tuple(stmts)), loc=stmt.loc)
        self.build.emit(substitute(reverse, gone))
        for slot, result in zip(slots, results, strict=True):
            slot.leave(result)

    def turns(self, stmt: Loop) -> tuple[Value, Operand, Operand, Operand]:
        """Return the variable and the bounds of the reverse loop."""
        build = self.build
        if isinstance(stmt, For) and stmt.exit is None:
            bounds = (stmt.start, stmt.stop, stmt.step)
            start, stop, step = map(self.need, bounds)
            first = build.op("sub", start, step)
            if step in (const(1), const(-1)):
                last = build.op("sub", stop, step)
            else:
                count = build.op("range_length", start, stop, step)
                gone = build.op("mul", build.op("sub", count, const(1)), step)
                last = build.op("add", start, gone)
            return Value(stmt.var.name, INT), last, first, build.op("neg", step)
        if stmt.trips is not None:
            trips = self.need(stmt.trips)
        else:
            trips = self.count("trips", stmt, self.regions.site[stmt].chain)
        name = "k"
        if isinstance(stmt, For) and (stmt.start, stmt.step) == (const(0), const(1)):
            name = stmt.var.name
        start = build.op("sub", trips, const(1))
        return Value(name, INT), start, const(-1), const(-1)

    def set_number(self, stmt: Loop, var: Value) -> None:
        """Set the loop variable and the number of the turn in the reverse loop."""
        build, region = self.build, self.open[-1]
        region.number = var
        if isinstance(stmt, For):
            region.heads.add(stmt.var)
        if isinstance(stmt, For) and stmt.exit is None:
            region.cache[stmt.var] = var
            region.number = number(build, stmt, var, self.need)
        elif isinstance(stmt, For):
            gone: Operand = var
            if stmt.step != const(1):
                gone = build.op("mul", var, self.need(stmt.step))
            region.cache[stmt.var] = build.op("add", self.need(stmt.start), gone)
