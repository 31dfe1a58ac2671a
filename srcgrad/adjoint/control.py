"""The adjoints of branches and loops.

A loop is reversed by a loop that runs the turns backward. What it hands from turn to
turn is found by over-estimating and pruning: one slot for whatever is read inside, one
for each carried value, yields permuted as the forward loop permuted them.
"""

from dataclasses import dataclass
from typing import Any

from srcgrad import ir
from srcgrad.adjoint.statement import Statements, d_name
from srcgrad.adjoint.storage import Region
from srcgrad.adjoint.tapes import number
from srcgrad.analyses.regions import Buffer
from srcgrad.builder import INT, const
from srcgrad.ir import Block, Const, For, Loop, Operand, Stmt, Value, owned
from srcgrad.types import ListOf
from srcgrad.walk import free_values, handed, outs, substitute

_TABLES = ("plain", "buffers", "content", "current")
Known = dict[str, dict[Any, Any]]


@dataclass(slots=True)
class Slot:
    """One value that the reverse loop hands from turn to turn.

    It is the cotangent of `last` when a forward turn has ended, of `first` when it
    begins, and of `before` when the loop begins; or it is the content of these.
    """

    init: Operand
    inn: Value
    out: Any
    last: Operand
    first: Value
    before: Operand
    content: bool = False


class Control(Statements):
    """Reverse blocks, branches and loops."""

    def block(self, block: Block) -> None:
        for stmt in reversed(block.stmts):
            self.build.loc = stmt.loc
            if not isinstance(stmt, Loop | ir.If):
                self.simple(stmt)
            elif any(o in self.active and self.wanted(o) for o in outs(stmt)) or any(
                stmt in dict(self.regions.site[u].chain) for u in self.plan.restores
            ):
                if isinstance(stmt, ir.If):
                    self.branch(stmt)
                else:
                    self.loop(stmt)

    def know(self) -> Known:
        """Return a copy of all that is known here."""
        return {table: dict(getattr(self, table)) for table in _TABLES}

    def recall(self, known: Known) -> None:
        for table, content in known.items():
            setattr(self, table, dict(content))

    def passed(self, stmt: Stmt) -> set[Operand]:
        """Return the arrays that a region passes on as other buffers."""
        of, pairs = self.regions.buffer, handed(stmt)
        return {x for x, out in pairs if owned(out.type) and of[x] is not of[out]}

    def outside(self, stmt: Stmt) -> list[Value]:
        """Return the active values of the outside that a region only reads."""
        passed, found = self.passed(stmt), dict[Value | Buffer, Value]()
        for x in free_values([stmt]):
            while owned(x.type) and x not in self.regions.buffer:
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

    def hand(self, target: Operand, g: Any, content: bool = False) -> None:
        """Hand what belongs to the result of a region to what it came from."""
        if not isinstance(target, Value) or not owned(target.type):
            if not isinstance(g, Const) or g.value != 0.0:
                self.give(target, g)
        elif content:
            buffer = self.regions.buffer[target]
            self.current[buffer], self.content[buffer] = g, target
        elif target in self.active:
            self.buffers[self.owner(target)] = g

    def enter(self, stmt: Stmt) -> Region:
        self.open.append(Region(stmt, len(self.build.open) - 1))
        return self.open[-1]

    # branches

    def branch(self, stmt: ir.If) -> None:
        cond, of = self.need(stmt.cond), self.regions.buffer
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
            with self.build.block() as stmts:
                self.enter(stmt)
                for m in stmt.merges:
                    # The buffer of the arm is what the buffer of the merge was.
                    source = (m.then, m.orelse)[arm]
                    if m.out in of and of[m.out] in self.current:
                        known = self.content.get(of[m.out]) is m.out
                        self.hand(source, self.current[of[m.out]], content=True)
                        if not known:
                            del self.content[of[source]]
                for m, g in moved:
                    self.hand((m.then, m.orelse)[arm], g)
                self.block(block)
                self.open.pop()
            ends.append(self.know())
            arms.append(stmts)
        merges: list[ir.Merge] = []
        made = {of[m.out] for m in stmt.merges
                if m.out in of and of[m.out].first is m.out}  # fmt: skip
        self.recall(self.joined(ends, arms, merges, made))
        then, orelse = (Block(tuple(a)) for a in arms)
        self.build.emit(ir.If(cond, then, orelse, tuple(merges), stmt.loc))

    def joined(
        self, ends: list[Known], arms: list[list[Stmt]], merges: list[ir.Merge],
        made: set[Buffer],
    ) -> Known:  # fmt: skip
        """Return what is known after a branch, from what is at the ends of its arms."""
        level, chain = len(self.open) - 1, self.regions.chain

        def join(a: Any, b: Any, name: str) -> Operand:
            if a is b or (isinstance(a, Const) and a == b):
                return a
            out = Value(name, a.type if isinstance(a, Value) else b.type)
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
        for buffer, present in ends[0]["current"].items():
            other = ends[1]["current"].get(buffer)
            if other is None or buffer in made or len(chain[buffer.first]) > level:
                continue
            known["current"][buffer] = join(present, other, present.name)
            version, same = (end["content"].get(buffer) for end in ends)
            if version is same is not None:
                known["content"][buffer] = version
        return known

    # loops

    def loop(self, stmt: Loop) -> None:
        moving = [c for c in stmt.carries if {c.inn, c.out} & self.active]
        outside = self.outside(stmt)
        hands: list[tuple[Value, Operand, Value, Operand]] = [
            *((x, x, x, x) for x in outside if not owned(x.type)),
            *((c.out, c.yld, c.inn, c.init) for c in moving),
            *((x, x, x, x) for x in outside if owned(x.type)),
        ]
        slots: list[Slot] = []
        for made, last, first, start in hands:
            init = self.withdraw(made)
            inn, out = (Value(d_name(first), init.type) for _ in range(2))
            slots.append(Slot(init, inn, out, last, first, start))
        for c in self.undone(stmt):
            inn, out = Value(c.inn.name, c.inn.type), Value(c.inn.name, c.init.type)
            init = self.current.pop(self.regions.buffer[c.out])
            self.content.pop(self.regions.buffer[c.out], None)
            slots.append(Slot(init, inn, out, c.yld, c.inn, c.init, content=True))
        before = self.know()
        turns = self.turns(stmt)
        with self.build.block() as stmts:
            region = self.enter(stmt)
            self.set_number(stmt, region, turns[0])
            region.head = len(stmts)
            for slot in slots:
                self.hand(slot.last, slot.inn, slot.content)
            self.block(stmt.body)
            gone: dict[Value, Operand] = {}
            kept: list[ir.Carry] = []
            for slot in slots:
                if slot.content:
                    buffer = self.regions.buffer[slot.first]
                    end: Operand = self.current.get(buffer, slot.inn)
                else:
                    end = self.cotangent(slot.first)
                if end is slot.inn or (
                    isinstance(slot.init, Const) and end == slot.init
                ):
                    gone[slot.inn], slot.out = slot.init, slot.init
                else:
                    kept.append(ir.Carry(slot.init, slot.inn, end, slot.out))
            self.open.pop()
        self.recall(before)
        reverse = For(*turns, tuple(kept), Block(tuple(stmts)), loc=stmt.loc)
        self.build.emit(substitute(reverse, gone))
        for slot in slots:
            self.hand(slot.before, slot.out, slot.content)

    def undone(self, stmt: Loop) -> list[ir.Carry]:
        """Return the carries in whose buffers the writes of a loop are undone."""
        of, site = self.regions.buffer_of, self.regions.site
        restored = [u for u in self.plan.restores if stmt in dict(site[u].chain)]
        families = {of(u.base).family() for u in restored}
        undone: list[ir.Carry] = []
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
                return undone
            undone = linked

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

    def set_number(self, stmt: Loop, region: Region, var: Value) -> None:
        """Set the loop variable and the number of the turn in the reverse loop."""
        build = self.build
        region.number = var
        if isinstance(stmt, For) and stmt.exit is None:
            region.cache[stmt.var] = var
            region.number = number(build, stmt, var, self.need)
        elif isinstance(stmt, For):
            gone: Operand = var
            if stmt.step != const(1):
                gone = build.op("mul", var, self.need(stmt.step))
            region.cache[stmt.var] = build.op("add", self.need(stmt.start), gone)
