"""The adjoints of branches and loops.

A loop is reversed by a loop that runs the turns backward. What it hands from turn to
turn is found by over-estimating and pruning: accumulators for numbers of the outside,
one slot for each buffer, yields permuted as the forward loop permuted them.
"""

from __future__ import annotations

from dataclasses import dataclass

from srcgrad.adjoint.statement import Statements
from srcgrad.adjoint.storage import Region
from srcgrad.adjoint.tapes import number
from srcgrad.analyses.regions import Buffer
from srcgrad.builder import INT, const
from srcgrad.ir import (
    Block,
    Carry,
    Const,
    For,
    If,
    Loop,
    Merge,
    Operand,
    Stmt,
    Value,
    While,
    owned,
)
from srcgrad.types import ListOf, Scalar
from srcgrad.walk import free_values, substitute

__all__ = ["Control"]


@dataclass(slots=True)
class Slot:
    """One value that the reverse loop hands from turn to turn."""

    init: Operand
    inn: Value
    out: Value
    yld: Operand | None = None


@dataclass(slots=True)
class Known:
    """A copy of all that the backward sweep knows at one point."""

    numbers: dict[Value, Operand]
    whole: dict[Buffer, Operand]
    buffers: dict[Buffer, Value]
    content: dict[Buffer, Value]
    current: dict[Buffer, Value]


class Control(Statements):
    """Reverse blocks, branches and loops."""

    def block(self, block: Block) -> None:
        """Reverse the statements of a block."""
        for stmt in reversed(block.stmts):
            if isinstance(stmt, If):
                self.build.loc = stmt.loc
                self.conditional(stmt)
            elif isinstance(stmt, For | While):
                self.build.loc = stmt.loc
                self.loop(stmt)
            else:
                self.simple(stmt)

    def know(self) -> Known:
        """Return a copy of what is known."""
        return Known(
            dict(self.numbers), dict(self.whole), dict(self.buffers),
            dict(self.content), dict(self.current),
        )  # fmt: skip

    def recall(self, known: Known) -> None:
        """Go back to a copy."""
        self.numbers, self.whole = dict(known.numbers), dict(known.whole)
        self.buffers = dict(known.buffers)
        self.content, self.current = dict(known.content), dict(known.current)

    def arrays_inside(self, stmt: Stmt) -> list[Value]:
        """Return the active arrays of the outside that a region reads."""
        handed = {
            source
            for m in getattr(stmt, "merges", ())
            for source in (m.then, m.orelse)
            if owned(m.out.type)
            and self.regions.buffer[source] is not self.regions.buffer[m.out]
        }
        return [
            v
            for v in free_values([stmt])
            if owned(v.type)
            and v in self.active
            and v in self.regions.buffer
            and v not in handed
        ]

    def needed(self, stmt: If | For | While) -> bool:
        """Tell whether reversing a region can matter."""
        outs: list[Value]
        if isinstance(stmt, If):
            outs = [m.out for m in stmt.merges]
            restored = any(
                any(s is stmt for s, _ in self.regions.site[u].chain)
                for u in self.plan.restores
            )
        else:
            outs = [c.out for c in stmt.carries]
            restored = bool(self.restored_in(stmt))
        return restored or any(o in self.active and self.wanted(o) for o in outs)

    # branches

    def conditional(self, stmt: If) -> None:
        """Reverse an `if` under the same condition."""
        if not self.needed(stmt):
            return
        cond = self.need(stmt.cond)
        for value in self.arrays_inside(stmt):
            self.buffer_of(self.regions.buffer[value], value)
        merged: dict[Value, Operand] = {}
        handed: dict[Value, Value] = {}
        for m in stmt.merges:
            if m.out not in self.active:
                continue
            if owned(m.out.type):
                if self.wanted(m.out):
                    buffer = self.regions.buffer[m.out]
                    handed[m.out] = self.buffer_of(buffer, m.out)
            elif m.out in self.numbers:
                merged[m.out] = self.numbers.pop(m.out)
        before = self.know()
        ends: list[Known] = []
        arms: list[list[Stmt]] = []
        for arm, block in enumerate((stmt.then, stmt.orelse)):
            self.recall(before)
            with self.build.block() as stmts:
                self.enter(stmt, arm)
                self.enter_merges(stmt, arm, merged, handed)
                self.block(block)
                self.open.pop()
            ends.append(self.know())
            arms.append(stmts)
        self.recall(before)
        self.leave_branch(stmt, cond, arms, ends)

    def enter(self, stmt: Stmt, arm: int) -> Region:
        """Open the mirror of a forward region."""
        region = Region(stmt, arm, len(self.build.open) - 1)
        self.open.append(region)
        return region

    def enter_merges(
        self, stmt: If, arm: int, merged: dict[Value, Operand],
        handed: dict[Value, Value],
    ) -> None:  # fmt: skip
        """Hand cotangents and buffers of merged values to those of one arm."""
        moved: list[tuple[Buffer, Value]] = []
        for m in stmt.merges:
            source = m.then if arm == 0 else m.orelse
            if not owned(m.out.type):
                continue
            assert isinstance(source, Value)
            out, buffer = self.regions.buffer[m.out], self.regions.buffer[source]
            if m.out in handed:
                self.buffers.pop(out, None)
                moved.append((buffer, handed[m.out]))
            known = self.content.get(out) is m.out
            if out in self.current:
                present = self.current[out]
                if buffer is not out:
                    self.current[buffer] = present
                self.content.pop(buffer, None)
                if known:
                    self.content[buffer] = source
        self.buffers.update(moved)
        for m in stmt.merges:
            if m.out in merged:
                self.give(m.then if arm == 0 else m.orelse, merged[m.out])

    def leave_branch(
        self, stmt: If, cond: Operand, arms: list[list[Stmt]], ends: list[Known]
    ) -> None:
        """Join what the arms know."""
        merges: list[Merge] = []
        level = len(self.open) - 1
        for value in dict.fromkeys([*ends[0].numbers, *ends[1].numbers]):
            if len(self.regions.chain[value]) > level:
                continue
            zero = Const(0.0, Scalar(value.type.dtype))
            a, b = (e.numbers.get(value, zero) for e in ends)
            self.numbers[value] = self.joined(merges, a, b, value)
        self.join_buffers(merges, arms, ends, level)
        for buffer in dict.fromkeys([*ends[0].current, *ends[1].current]):
            if len(self.regions.chain[buffer.first]) > level:
                continue
            x, y = (e.current.get(buffer) for e in ends)
            if x is None or y is None:
                self.current.pop(buffer, None)
                self.content.pop(buffer, None)
                continue
            out = self.joined(merges, x, y, x)
            assert isinstance(out, Value)
            self.current[buffer] = out
            if ends[0].content.get(buffer) is ends[1].content.get(buffer) is not None:
                self.content[buffer] = ends[0].content[buffer]
            else:
                self.content.pop(buffer, None)
        self.drop_handed(stmt)
        then, orelse = (Block(tuple(a)) for a in arms)
        self.build.emit(If(cond, then, orelse, tuple(merges), stmt.loc))

    def drop_handed(self, stmt: If) -> None:
        """Forget the buffers that exist only after the `if`."""
        for m in stmt.merges:
            if owned(m.out.type):
                out = self.regions.buffer[m.out]
                if out.first is m.out:
                    for table in (self.buffers, self.current, self.content):
                        table.pop(out, None)
                    self.whole.pop(out, None)

    def joined(
        self, merges: list[Merge], a: Operand, b: Operand, like: Value
    ) -> Operand:
        """Return the value that is `a` after one arm and `b` after the other."""
        if a is b or (isinstance(a, Const) and a == b):
            return a
        kind = a.type if isinstance(a, Value) else b.type
        name = like.name if like.name.startswith("d_") else f"d_{like.name}"
        if not isinstance(like.type, Scalar) and not name.startswith("d_d_"):
            name = like.name
        out = Value(name, kind)
        merges.append(Merge(out, a, b))
        return out

    def join_buffers(
        self, merges: list[Merge], arms: list[list[Stmt]], ends: list[Known], level: int
    ) -> None:
        keys = {}
        for end in ends:
            keys.update(dict.fromkeys(end.buffers))
            keys.update(dict.fromkeys(end.whole))
        for buffer in keys:
            if len(self.regions.chain[buffer.first]) > level:
                continue
            sides: list[Value] = []
            whole = [e.whole.get(buffer) for e in ends]
            if whole[0] is whole[1] is not None:
                continue
            for arm, end in enumerate(ends):
                if buffer in end.buffers:
                    sides.append(end.buffers[buffer])
                    continue
                with self.build.block() as stmts:
                    keep = self.know()
                    self.recall(end)
                    sides.append(self.buffer_of(buffer, buffer.first))
                    self.recall(keep)
                arms[arm].extend(stmts)
            self.whole.pop(buffer, None)
            out = self.joined(merges, sides[0], sides[1], sides[0])
            assert isinstance(out, Value)
            self.buffers[buffer] = out

    # loops

    def loop(self, stmt: Loop) -> None:
        """Reverse a loop."""
        if not self.needed(stmt):
            return
        slots: list[Slot] = []
        numbers = self.open_numbers(stmt, slots)
        carried = self.open_carried(stmt, slots)
        outside = self.open_outside(stmt, slots)
        primal = self.open_primal(stmt, slots)
        before = self.know()
        var, bounds = self.turns(stmt)
        with self.build.block() as stmts:
            region = self.enter(stmt, 0 if isinstance(stmt, For) else 1)
            self.set_number(stmt, region, var)
            region.head = len(stmts)
            for buffer, slot in outside.items():
                self.buffers[buffer] = slot.inn
            for value, slot in numbers.items():
                self.numbers[value] = slot.inn
            for slot, carry in carried:
                if isinstance(carry.inn.type, Scalar):
                    self.give(carry.yld, slot.inn)
                else:
                    self.buffers[self.regions.buffer[carry.yld]] = slot.inn
            for slot, carry in primal:
                buffer = self.regions.buffer[carry.yld]
                self.current[buffer] = slot.inn
                self.content[buffer] = carry.yld  # type: ignore[assignment]
            self.block(stmt.body)
            self.close(numbers, carried, outside, primal)
            self.open.pop()
        self.recall(before)
        self.finish(stmt, var, bounds, stmts, slots)
        self.leave_loop(numbers, carried, outside, primal)

    def open_numbers(self, stmt: Loop, slots: list[Slot]) -> dict[Value, Slot]:
        """Make an accumulator for each active number of the outside."""
        found: dict[Value, Slot] = {}
        body = free_values(stmt.body.stmts, [c.yld for c in stmt.carries])
        own = {c.inn for c in stmt.carries} | {getattr(stmt, "var", None)}
        for value in body:
            if owned(value.type) or value not in self.active or value in own:
                continue
            zero = Const(0.0, Scalar(value.type.dtype))
            found[value] = self.slot(slots, self.numbers.get(value, zero), value)
        return found

    def slot(self, slots: list[Slot], init: Operand, like: Value) -> Slot:
        name = f"d_{like.name}" if like.name else ""
        made = Slot(init, Value(name, init.type), Value(name, init.type))
        slots.append(made)
        return made

    def open_carried(self, stmt: Loop, slots: list[Slot]) -> list[tuple[Slot, Carry]]:
        """Make a slot for the cotangent of each active carried value."""
        found: list[tuple[Slot, Carry]] = []
        for carry in stmt.carries:
            if carry.inn not in self.active and carry.out not in self.active:
                continue
            init: Operand | None
            if isinstance(carry.inn.type, Scalar):
                zero = Const(0.0, Scalar(carry.out.type.dtype))
                init = self.numbers.pop(carry.out, None) or zero
            else:
                buffer = self.regions.buffer[carry.out]
                init = self.buffer_of(buffer, carry.out)
                del self.buffers[buffer]
            found.append((self.slot(slots, init, carry.inn), carry))
        return found

    def open_outside(self, stmt: Loop, slots: list[Slot]) -> dict[Buffer, Slot]:
        """Make a slot for the cotangent of each active array that is only read."""
        found: dict[Buffer, Slot] = {}
        inits = {c.init for c in stmt.carries}
        for value in self.arrays_inside(stmt):
            buffer = self.regions.buffer[value]
            if value in inits or buffer in found:
                continue
            version = self.buffer_of(buffer, value)
            found[buffer] = self.slot(slots, version, buffer.first)
        return found

    def open_primal(self, stmt: Loop, slots: list[Slot]) -> list[tuple[Slot, Carry]]:
        """Make a slot for each buffer in which this loop's writes are undone."""
        of, families = self.regions.buffer_of, self.restored_in(stmt)
        undone: list[Carry] = []
        for carry in stmt.carries:
            if not owned(carry.inn.type) or isinstance(carry.inn.type, ListOf):
                continue
            present = self.current.get(of(carry.out))
            if present is None:
                continue
            family = of(carry.out).family()
            if family in families and self.closed(stmt, family):
                undone.append(carry)
            elif of(carry.inn).outer is not None:
                # Nothing is undone: finished elements are read in what is there.
                self.current[of(carry.inn)] = present
                self.current[of(carry.yld)] = present
        # What a turn found at its head must be what the turn before it left in a slot.
        while True:
            left = {of(c.yld).memory() for c in undone}
            linked = [c for c in undone if of(c.inn).memory() in left]
            if linked == undone:
                break
            undone = linked
        found: list[tuple[Slot, Carry]] = []
        for carry in undone:
            inn, out = (Value(carry.inn.name, v.type) for v in (carry.inn, carry.init))
            slot = Slot(self.current[of(carry.out)], inn, out)
            slots.append(slot)
            found.append((slot, carry))
        return found

    def turns(self, stmt: Loop) -> tuple[Value, tuple[Operand, Operand, Operand]]:
        """Return the variable and the bounds of the reverse loop."""
        build = self.build
        if isinstance(stmt, While) or stmt.exit is not None:
            if stmt not in self.plan.trips:
                counted = stmt.trips or Value("trips", INT)
                self.plan.trips[stmt] = counted
                self.regions.chain[counted] = self.regions.site[stmt].chain
                self.new = True
            trips = self.need(self.plan.trips[stmt])
            plain = isinstance(stmt, For) and _plain(stmt)
            name = stmt.var.name if plain else "k"  # type: ignore[union-attr]
            start = build.op("sub", trips, const(1))
            return Value(name, INT), (start, const(-1), const(-1))
        start, stop, step = (self.need(x) for x in (stmt.start, stmt.stop, stmt.step))
        first = build.op("sub", start, step)
        if step in (const(1), const(-1)):
            last = build.op("sub", stop, step)
        else:
            count = build.op("range_length", start, stop, step)
            gone = build.op("mul", build.op("sub", count, const(1)), step)
            last = build.op("add", start, gone)
        return Value(stmt.var.name, INT), (last, first, build.op("neg", step))

    def set_number(self, stmt: Loop, region: Region, var: Value) -> None:
        """Set the loop variable and the number of the turn in the reverse loop."""
        build = self.build
        region.number = var
        if isinstance(stmt, While):
            return
        if stmt.exit is None:
            region.cache[stmt.var] = var
            region.number = number(build, stmt, var, self.need)
            return
        region.cache[stmt.var] = var
        if not _plain(stmt):
            step = var
            if stmt.step != const(1):
                step = build.op("mul", var, self.need(stmt.step))
            region.cache[stmt.var] = build.op("add", self.need(stmt.start), step)

    def close(
        self, numbers: dict[Value, Slot], carried: list[tuple[Slot, Carry]],
        outside: dict[Buffer, Slot], primal: list[tuple[Slot, Carry]],
    ) -> None:  # fmt: skip
        """Find what each slot hands to the turn before."""
        for slot, carry in carried:
            if isinstance(carry.inn.type, Scalar):
                zero = Const(0.0, Scalar(carry.inn.type.dtype))
                slot.yld = self.numbers.pop(carry.inn, zero)
            else:
                slot.yld = self.buffer_of(self.regions.buffer[carry.inn], carry.inn)
        for value, slot in numbers.items():
            slot.yld = self.numbers[value]
        for buffer, slot in outside.items():
            slot.yld = self.buffers[buffer]
        for slot, carry in primal:
            slot.yld = self.current.get(self.regions.buffer[carry.inn], slot.inn)

    def finish(
        self, stmt: Loop, var: Value, bounds: tuple[Operand, Operand, Operand],
        stmts: list[Stmt], slots: list[Slot],
    ) -> None:  # fmt: skip
        """Emit the reverse loop with the slots that carry something."""
        gone: dict[Value, Operand] = {}
        kept: list[Carry] = []
        for slot in slots:
            assert slot.yld is not None
            nothing = isinstance(slot.init, Const) and slot.yld == slot.init
            if slot.yld is slot.inn or nothing:
                gone[slot.inn] = gone[slot.out] = slot.init
            else:
                kept.append(Carry(slot.init, slot.inn, slot.yld, slot.out))
        loop: Stmt = For(
            var, *bounds, tuple(kept), Block(tuple(stmts)), None, None, stmt.loc
        )
        loop = substitute(loop, gone)
        self.build.emit(loop)
        for slot in slots:
            if slot.out in gone:
                slot.out = slot.init  # type: ignore[assignment]

    def leave_loop(
        self, numbers: dict[Value, Slot], carried: list[tuple[Slot, Carry]],
        outside: dict[Buffer, Slot], primal: list[tuple[Slot, Carry]],
    ) -> None:  # fmt: skip
        """Set what holds before the forward loop."""
        for value, slot in numbers.items():
            self.numbers[value] = slot.out
        for buffer, slot in outside.items():
            self.buffers[buffer] = slot.out
        for slot, carry in carried:
            if isinstance(carry.inn.type, Scalar):
                if not (isinstance(slot.out, Const) and slot.out.value == 0.0):
                    self.give(carry.init, slot.out)
            elif carry.init in self.active:
                self.buffers[self.regions.buffer[carry.init]] = slot.out
        for slot, carry in primal:
            buffer = self.regions.buffer[carry.init]
            self.current[buffer] = slot.out
            self.content[buffer] = carry.init  # type: ignore[assignment]
            done = self.regions.buffer[carry.out]
            self.content.pop(done, None)
            self.current.pop(done, None)
        for _, carry in carried:
            if owned(carry.inn.type):
                done = self.regions.buffer[carry.out]
                if self.regions.buffer[carry.init] is not done:
                    self.buffers.pop(done, None)


def _plain(stmt: For) -> bool:
    return stmt.start == const(0) and stmt.step == const(1)
