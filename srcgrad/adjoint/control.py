"""The adjoints of branches and loops.

A loop is reversed by a loop that runs the turns backward. What it hands from turn to
turn is found by over-estimating and pruning: one slot for whatever is read inside, one
for each carried value, yields permuted as the forward loop permuted them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from srcgrad import ir
from srcgrad.adjoint.factor_carries import factor_carries
from srcgrad.adjoint.statement import Statements, d_name
from srcgrad.adjoint.storage import Region
from srcgrad.adjoint.tapes import Plan, number, turns
from srcgrad.analyses.masks import Mask
from srcgrad.analyses.regions import Regions
from srcgrad.builder import INT, const
from srcgrad.ir import Block, Const, For, Loop, Operand, Stmt, Value, owned
from srcgrad.types import ListOf, Scalar, Type
from srcgrad.walk import blocks, every, free, handed, outs, rewrite

_TABLES = ("plain", "buffers", "content", "current")
Known = dict[str, dict[Any, Any]]


class Slot(NamedTuple):
    """What a reverse loop hands from turn to turn.

    It is the cotangent of a value, or the memory of a version. `enter` hands it to what
    a turn ends with, `end` tells what it is where the turn begins, `leave` hands it to
    what the loop began with.
    """

    of: Value
    init: Operand
    type: Type
    name: str
    enter: Callable[[Any], None]
    end: Callable[[], Any]
    leave: Callable[[Any], None]


class Control(Statements):
    """Reverse blocks, branches and loops.

    `even` are the loops whose carried cotangents no turn changes; `fused` what became
    of those that are joined; `apart` tells that they cannot be.
    """

    def __init__(
        self, regions: Regions, plan: Plan, active: set[Value], masks: dict[Any, Mask]
    ) -> None:
        super().__init__(regions, plan, active, masks)
        self.even: set[Stmt] = set()
        self.fused: set[Stmt] = set()
        self.apart = False

    def block(self, block: Block) -> None:
        left = [*block.stmts]
        while left:
            stmt = left.pop()
            self.build.loc = stmt.loc
            within = self.regions.within
            if not isinstance(stmt, Loop | ir.If):
                self.simple(stmt)
            elif any(within(u, stmt) for u in self.plan.restores) or any(
                o in self.active and self.wanted(o) for o in outs(stmt)
            ):
                if isinstance(stmt, ir.If):
                    self.branch(stmt, left)
                elif stmt in self.regions.joined:
                    self.join(stmt)
                else:
                    self.loop(stmt)
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

    def branch(self, stmt: ir.If, left: list[Stmt]) -> None:
        """Reverse an `if`, and in it what is `left` if all of that is one arm's own."""
        cond = self.need(stmt.cond)
        of = self.regions.buffer
        pushes = (s for block in blocks(stmt) for s in every(block))
        # A list that an arm lets go of is longer there: its zeros are made there, too.
        longer = {of[s.out] for s in pushes if isinstance(s, ir.Push)}
        for value in self.outside(stmt):
            if owned(value.type) and of.get(value) not in longer:
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
        busy = [k for k in (0, 1) if self.is_still(left, ends[1 - k])]
        for arm in busy[:1]:
            self.recall(ends[arm])
            around = self.selected
            self.selected = {**around, stmt.cond: arm == 0}
            with self.going_on(arms[arm]):
                self.block(Block(tuple(left)))
            self.selected = around
            ends[arm] = self.know()
            left.clear()
        merges: list[ir.Merge] = []
        # An arm that lets go of a list has its zeros as long as the list came in.
        entering = {of[x]: x for x in free(stmt) if isinstance(x.type, ListOf)}
        self.recall(self.joined(ends, arms, merges, entering))
        then, orelse = (Block(tuple(a)) for a in arms)
        self.build.emit(ir.If(cond, then, orelse, tuple(merges), stmt.loc))

    @contextmanager
    def going_on(self, arm: list[Stmt]) -> Iterator[None]:
        """Write on at the end of an arm."""
        region, cache = self.open[-1], dict(self.open[-1].cache)
        with self.build.block() as more:
            yield
        # Behind the arm only that is at hand which is fetched at the head.
        cache |= {x: y for x, y in region.cache.items() if x in region.heads}
        region.cache = cache
        arm += more

    def is_still(self, left: Sequence[Stmt], known: Known) -> bool:
        """Tell whether what is left has no cotangent, so that work is spared.

        Turns of an innermost loop may be vectorised: they had better have no arms.
        """
        made = [(s, o) for s in left for o in outs(s) if o in self.active]
        within, restores = self.regions.within, self.plan.restores
        undone = (within(u, s) or u is s for u in restores for s in left)
        around = (r.stmt for r in self.open[::-1] if isinstance(r.stmt, Loop))
        loop = next(around, None)
        outer = loop and any(isinstance(s, Loop) for s in every(loop.body))
        spared = (isinstance(s, Loop) or (outer and o in self.masks) for s, o in made)
        if not any(spared) or any(undone):
            return False
        whole = (o for _, o in made if not owned(o.type) or o in self.regions.buffer)
        owners = {*map(self.owner, whole)}
        found = [known[t].get(o) for t in ("plain", "buffers") for o in owners]
        return all(
            g is None or (isinstance(g, Const) and g.value == 0.0) for g in found
        )

    def joined(
        self,
        ends: list[Known],
        arms: list[list[Stmt]],
        merges: list[ir.Merge],
        entering: Mapping[Any, Value],
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
                with self.going_on(stmts):
                    sides[k] = self.cotangent(entering.get(owner, first))
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
        slots: list[Slot] = [
            *(self.slot(x, x, x, x) for x in outside if not owned(x.type)),
            *(self.slot(c.out, c.yld, c.inn, c.init) for c in moving),
            *(self.slot(x, x, x, x) for x in outside if owned(x.type)),
        ]
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
                slots.append(Slot(c.inn, init, init.type, name, enter, here, leave))
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
        numbers = {c.inn for c in moving if not owned(c.inn.type)}
        fixed = {s.of for s, inn in zip(slots, inns, strict=True) if inn in gone}
        if numbers <= fixed and len(numbers) == len(moving):
            self.even.add(stmt)
        self.recall(before)
        reverse = For(*turns, tuple(kept), Block(tuple(stmts)), loc=stmt.loc)
        self.build.emit(rewrite(factor_carries(reverse), gone))
        for slot, result in zip(slots, results, strict=True):
            slot.leave(result)

    def slot(self, made: Value, last: Operand, first: Value, start: Operand) -> Slot:
        """Return the slot of a cotangent: of a carried value, or one of the outside."""
        enter, leave = partial(self.hand, last), partial(self.hand, start)
        init, end = self.withdraw(made), partial(self.cotangent, first)
        same = made.type.dims == first.type.dims
        if isinstance(first.type, ListOf):  # one that is made anew has another length
            same = self.regions.memory(last) is self.regions.memory(first)
        type = init.type if same else self.build.loosen(init.type)
        return Slot(first, init, type, d_name(first), enter, end, leave)

    def join(self, stmt: Loop) -> None:
        """Run every turn of a loop backward right after it ran forward.

        What a turn makes is still there then, and nothing of it is kept. The cotangents
        of the numbers that turns hand on are the same in all turns and known before
        the first; to others turns only add: the order of turns does not matter.
        """
        around, forward = self.regions.site[stmt].chain, self.taped.turns[stmt]
        outside = sorted(self.outside(stmt), key=lambda x: owned(x.type))
        moving = [c for c in stmt.carries if {c.inn, c.out} & self.active]
        given = [(c, self.withdraw(c.out)) for c in moving]
        # What numbers have been given so far may depend on the sum: it is added later.
        later = [(x, self.withdraw(x)) for x in outside if not owned(x.type)]
        slots = [self.slot(x, x, x, x) for x in outside]
        before = self.know()
        carries = [*forward.carries]
        gone: dict[Value, Operand] = {}
        with self.inside(stmt) as stmts:
            note = ir.Assert(Const(True, Scalar("bool")), "", "backward")
            stmts += (*forward.body.stmts, note)
            self.open[-1].head = len(stmts)
            self.find_lasting((*around, (stmt, len(blocks(stmt)) - 1)))
            for c in stmt.carries:
                if isinstance(c.yld, Value) and owned(c.yld.type):
                    self.hold(c.yld, c.yld)
            for c, g in given:
                self.hand(c.yld, g)
            inns = [Value(slot.name, slot.type) for slot in slots]
            for slot, inn in zip(slots, inns, strict=True):
                slot.enter(inn)
            self.block(stmt.body)
            ends = [slot.end() for slot in slots]
            same = [(self.cotangent(c.inn), g) for c, g in given]
        self.apart |= any(
            d is not g and not (isinstance(d, Const) and d == g) for d, g in same
        )
        self.recall(before)
        for slot, inn, end in zip(slots, inns, ends, strict=True):
            out = Value(slot.name, slot.type)
            if end is inn:
                gone[inn] = slot.init
            else:
                carries.append(ir.Carry(slot.init, inn, end, out))
            slot.leave(gone.get(inn, out))
        for x, g in (*((c.init, g) for c, g in given), *later):
            self.hand(x, g)
        body = Block(self.arranged(stmts))
        loop = rewrite(replace(forward, carries=(*carries,), body=body), gone)
        self.fused.add(self.build.emit(loop))

    def arranged(self, stmts: Sequence[Stmt]) -> tuple[Stmt, ...]:
        """Return statements in order: behind a joined loop what needs its results."""
        at = next((k for k, s in enumerate(stmts) if s in self.fused), 0)
        early, late = list[Stmt](), list[Stmt]()
        waiting = {*outs(stmts[at])} if stmts else set()
        for s in stmts[:at]:
            waits = not waiting.isdisjoint(free(s))
            (late if waits else early).append(s)
            waiting.update(outs(s) if waits else ())
        here = stmts[at : at + 1]
        self.apart |= any(not waiting.isdisjoint(free(s)) for s in here)
        return (*early, *here, *late, *stmts[at + 1 :])

    def turns(self, stmt: Loop) -> tuple[Value, Operand, Operand, Operand]:
        """Return the variable and the bounds of the reverse loop."""
        build = self.build
        if isinstance(stmt, For) and stmt.exit is None:
            bounds = (stmt.start, stmt.stop, stmt.step)
            start, stop, step = map(self.need, bounds)
            for x, here in zip(bounds, (start, stop), strict=False):
                build.linear.setdefault(here, self.regions.linear(x))
            first = build.op("sub", start, step)
            if step in (const(1), const(-1)):
                last = build.op("sub", stop, step)
            else:
                count = turns(build, start, stop, step)
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
