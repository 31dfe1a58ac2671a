"""Have a forward value at hand in the backward sweep.

A needed value is, in this order: still alive; already fetched; read again where it lies
or was stored; computed again, if it is cheap and made of what is free or kept anyway.
Else the cheapest is done that is left: keep what was written over and put it back, keep
less and compute the value from it, or keep the value. What is not kept yet is noted in
the plan, and the backward sweep is built again.
"""

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from srcgrad import ir
from srcgrad.adjoint.tapes import Plan, Recorder, Tape
from srcgrad.algebra import Algebra
from srcgrad.analyses.finality import may_change
from srcgrad.analyses.regions import Buffer, Chain, Regions
from srcgrad.builder import INT, const
from srcgrad.ir import Const, Loop, Op, Operand, Path, Stmt, Update, Value, View, owned
from srcgrad.ops import ROWS
from srcgrad.types import Array, Dim, ListOf, is_float, is_full
from srcgrad.walk import mapped, operands

# How to have a forward value without keeping more.
Way = Callable[[], Any]
Asked = dict[Operand, Way | None]

_DEPTH = 10  # of what is computed again
_FEW = 4  # turns of a loop that keep no more than some numbers
_MANY = 16  # values are looked at, at most, for how to have one of them


@dataclass(slots=True)
class Region:
    """One open block of the backward sweep: the mirror of a forward region."""

    stmt: Any
    depth: int
    cache: dict[Value, Operand] = field(default_factory=dict)
    number: Any = None
    head: int = 0
    heads: set[Value] = field(default_factory=set)  # what is known at the head


class Storage:
    """Fetch forward values; note what the forward sweep must keep.

    `current` is the present version of a piece of memory, and `content` the forward
    version that it is equal to, if any.
    """

    def __init__(self, regions: Regions, plan: Plan) -> None:
        self.regions, self.plan = regions, plan
        self.taped = Recorder(regions, plan)
        self.open = [Region(None, 0)]
        self.current: dict[Buffer, Value] = {}
        self.content: dict[Buffer, Value] = {}
        self.steady: set[Buffer] = set()
        self.find_lasting(())
        self.used: dict[Value, None] = {}
        self.undone_next: set[Update] = set()
        self.passed: set[Stmt] = set()  # statements whose adjoints are complete
        self.new = False
        self.build = Algebra()
        own = weakref.proxy(self)  # a circle would keep all this until it is searched
        self.build.fetch = lambda x: own.need(x) if x in regions.chain else x
        self.build.available = lambda atom: atom in regions.chain

    def find_lasting(self, chain: Chain) -> None:
        """Note what arrays of a region there are at its end."""
        lasting = self.regions.lasting(chain)
        self.current |= lasting
        self.content |= lasting
        self.steady |= {m for m in lasting if self.regions.is_steady(m)}

    # asking

    def ask(self, value: Value) -> Operand:
        """Note that the forward sweep must keep a value; return it, or a stand-in."""
        self.used.setdefault(value)
        if value in self.taped.place:
            return self.load(value)
        self.new = True
        return Value(value.name, value.type)

    def count(self, what: str, of: Stmt | Value, chain: Chain) -> Any:
        """Return a number that the forward sweep notes if it is asked for."""
        if (what, of) not in self.plan.counts:
            made = self.plan.counts[what, of] = Value(what, INT)
            self.regions.define(made, None, chain)
            self.new = True
        return self.need(self.plan.counts[what, of])

    def load(self, value: Value) -> Operand:
        """Read a value that the forward sweep kept."""
        tape = self.taped.place[value]
        if isinstance(tape, Value):
            return tape
        if tape.cut is not None:
            # Where it ends is worked out here.
            self.open[-1].cache[value] = out = self.part_of_tape(tape, value)
            return out
        # At the head of the innermost loop, before what is there already.
        around = self.open[: len(self.regions.chain[value]) + 1]
        k = max(k for k, r in enumerate(around) if isinstance(r.stmt, Loop))
        with self.at_head(k) as region:
            region.cache[value] = out = self.part_of_tape(tape, value)
        return out

    @contextmanager
    def at_head(self, k: int) -> Iterator[Region]:
        """Work where a turn of an open loop begins, after what is there already."""
        stmts: list[Stmt] = []
        build, region, loc = self.build, self.open[k], self.build.loc
        opened, regions = build.open, self.open
        self.open = regions[: k + 1]
        build.open, build.loc = [*opened[: region.depth + 1], stmts], region.stmt.loc
        known = {*region.cache}
        yield region
        region.heads.update(region.cache.keys() - known)
        self.open = regions
        build.open, build.loc = opened, loc
        opened[region.depth][region.head : region.head] = stmts
        region.head += len(stmts)

    def part_of_tape(self, tape: Tape, value: Value) -> Value:
        """Read what a tape keeps of a value for the turns that are open."""
        build, turns = self.build, {r.stmt: r.number for r in self.open}
        if value is tape.ahead:
            inner = tape.loops[-1]
            turns[inner] = build.op("add", turns[inner], const(1))
        if isinstance(tape.type, ListOf):
            index = turns[tape.loops[-1]]
            if len(tape.loops) > 1:
                site = self.regions.site[tape.loops[-1]]
                first = self.count("first", tape.loops[-1], site.chain)
                index = build.op("add", first, index)
            path: Path = (ir.Index((index,)),)
        else:
            path = tape.rows(turns, build)
        if owned(value.type):
            return build.view(tape.version, path, value.name, value.type)
        return build.read(tape.version, path, value.name)

    # values

    def need(self, x: Operand) -> Any:
        """Return a forward value as an operand of the backward sweep."""
        x = self.regions.same(x)
        way = self.way(x)
        if way is not None:
            return way()
        assert isinstance(x, Value)
        stmt, kept = self.regions.definition.get(x), self.cost(x)
        changes = self.changes(x)
        if changes and self.undoing(changes) < kept + owned(x.type):
            if self.restore(changes):
                return Value(x.name, x.type)
        if isinstance(stmt, View) and changes is None:
            if not isinstance(stmt.base.type, ListOf):
                return self.part_of(stmt)
        if isinstance(stmt, Op) and kept > 1 and self.again(stmt, _DEPTH) < kept:
            return self.redo(stmt)
        whole = self.whole(stmt) if isinstance(stmt, ir.Read) else None
        return self.ask(whole if whole and self.cost(whole) < kept else x)

    # What it costs to have a value is counted in loops, an axis being one as well; a
    # loop over the three axes of space hardly counts.

    def cost(self, x: Value, chain: Chain | None = None) -> int:
        """Return what it costs to keep a value, or a part of one elsewhere."""
        chain = self.regions.chain[x] if chain is None else chain
        loops = [s for s, _ in chain if isinstance(s, Loop) and not is_short(s)]
        return max(x.type.rank, 0) + len(set(loops) - {*self.regions.joined})

    def undoing(self, changes: Sequence[Update]) -> int:
        """Return what it costs to keep what updates replaced, and do not keep yet."""
        dearest = 0
        for update in changes:
            if update not in self.plan.restores and not isinstance(update, ir.Push):
                part = self.build.place(update.base.type, update.path)
                chain = self.regions.site[update].chain
                dearest = max(dearest, self.cost(Value("", part), chain))
        return dearest

    def again(self, stmt: Op, depth: int) -> float:
        """Return what it costs to compute a result again, if that is cheap."""
        row = ROWS[stmt.row]
        cheap = row.kind == "elementwise" and row.cost <= (not owned(stmt.out.type))
        if not cheap or depth == 0:
            return math.inf
        return max([self.price(a, depth - 1) for a in stmt.args])

    def price(self, x: Operand, depth: int) -> float:
        """Return what it costs at least to have a value."""
        if not isinstance(x, Value) or self.way(x):
            return 0
        stmt, changes = self.regions.definition.get(x), self.changes(x) or ()
        # What is undone, and has not been by now, is undone too late.
        late = all(u in self.plan.restores for u in changes)
        ways = [self.cost(x), math.inf if late else self.undoing(changes)]
        return min(*ways, self.again(stmt, depth) if isinstance(stmt, Op) else math.inf)

    def need_path(self, path: Path) -> Path:
        """Return a path with its operands at hand."""
        return tuple(mapped(path, self.need))

    def way(self, x: Operand, asked: Asked | None = None) -> Way | None:
        """Return how to have a value without keeping more, if there is a way.

        `asked` are the answers on the way to one value: they are not many.
        """
        if isinstance(x, Const):
            return lambda: x
        found = next((r.cache[x] for r in reversed(self.open) if x in r.cache), None)
        if found is not None or not (owned(x.type) or self.regions.beyond(x)):
            return lambda: x if found is None else found
        asked = {} if asked is None else asked
        if x not in asked and len(asked) < _MANY:
            asked[x] = None
            again = self.array(x) if owned(x.type) else self.number(x, asked)
            place = x in self.taped.place
            asked[x] = again or (partial(self.ask, x) if place else None)
        return asked.get(x)

    def paved(self, path: Path, asked: Asked | None = None) -> bool:
        """Tell whether there is a way to all that stands in a path."""
        return all(self.way(p, asked) for p in operands(path))

    def number(self, x: Value, asked: Asked) -> Way | None:
        """Return how to compute or read a number again, if that is cheap."""
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, ir.Read):
            return self.element(stmt, asked)
        if isinstance(stmt, Loop):
            return self.counted(stmt, x)
        if not isinstance(stmt, Op):
            return None
        row = ROWS[stmt.row]
        whole = x.type.dtype == "int64" and not any(owned(a.type) for a in stmt.args)
        cheap = (row.kind == "elementwise" and row.cost == 0) or whole
        if not cheap and (stored := self.stored(x)):
            return stored
        # A quotient costs what an array of them does, and half of what a list does.
        cheap |= row.kind == "elementwise" and row.cost == 1
        free = cheap and all(self.way(a, asked) for a in stmt.args)
        return partial(self.redo, stmt) if free else None

    def counted(self, loop: Loop, x: Value) -> Way | None:
        """Return how to compute an integer that each turn adds the same number to."""
        number = next((r.number for r in self.open if r.stmt is loop), None)
        carry = next((c for c in loop.carries if c.inn is x), None)
        if number is None or carry is None or x.type.dtype != "int64":
            return None
        step = (self.regions.linear(carry.yld) - Dim.of(x)).known
        return None if step is None else partial(self.count_on, carry, step, number)

    def count_on(self, carry: ir.Carry, step: int, number: Operand) -> Any:
        """Compute what has been added to a carried integer before a turn."""
        # NumPy's integers wrap; Python's was as large in the forward sweep.
        own = carry.inn.type.python
        apply: Any = self.build.sure if own else self.build.op
        gone = number if step == 1 else apply("mul", const(step), number)
        made = apply("add", self.need(carry.init), gone, name=carry.inn.name)
        self.open[-1].cache[carry.inn] = made
        return made

    def redo(self, stmt: Op) -> Any:
        """Compute the result of a statement again, once a turn if it can be."""
        k = len(self.regions.chain[stmt.out])
        within = any(isinstance(r.stmt, Loop) for r in self.open[k + 1 :])
        if k and within and self.begins(stmt.out, k, _DEPTH):
            with self.at_head(k):
                return self.redo(stmt)
        if not owned(stmt.out.type):
            self.build.loc = stmt.loc
        args, name = [*map(self.need, stmt.args)], stmt.out.name
        attrs = {"via": None, **stmt.attrs} if stmt.row == "div" else stmt.attrs
        made = self.build.op(stmt.row, *args, name=name, **attrs)
        self.open[-1].cache[stmt.out] = made
        return made

    def begins(self, x: Operand, k: int, depth: int) -> bool:
        """Tell whether a number can be had where a turn of an open loop begins."""
        if not isinstance(x, Value) or not (owned(x.type) or self.regions.beyond(x)):
            return True
        regions, turn = self.regions, self.open[k]
        if x in turn.cache:
            return x in turn.heads
        stmt, region = regions.definition.get(x), self.open[len(regions.chain[x])]
        way = self.way(x)
        if x in region.heads or (isinstance(way, partial) and way.func == self.ask):
            return not owned(x.type)
        here = isinstance(region.stmt, Loop) and x not in region.cache and depth > 0
        real = is_float(x.type) and not owned(x.type)
        if not (here and real and isinstance(stmt, Op)):
            return False
        return all(self.begins(a, k, depth - 1) for a in stmt.args)

    def reread(self, base: Value, path: Path, x: Value) -> Any:
        """Read a number again in what has become of the array."""
        self.build.loc = self.regions.definition[x].loc
        present = self.grown(base) or self.current[self.regions.memory(base)]
        path = self.need_path(path)
        if owned(x.type):
            part: Any = self.build.place(present.type, path)
            return self.build.view(present, path, type=replace(part, dims=x.type.dims))
        made = self.build.read(present, path, x.name)
        self.open[-1].cache[x] = made
        return made

    def element(self, stmt: ir.Read, asked: Asked) -> Way | None:
        """Return how to read an element again, if it is still where it was read."""
        base, path, made = stmt.base, stmt.path, self.regions.definition.get(stmt.base)
        if base not in self.regions.buffer or not self.paved(path, asked):
            return None
        if self.lying(stmt):
            return partial(self.reread, base, path, stmt.out)
        if (whole := self.whole(stmt)) in self.taped.place:
            return partial(self.read_of, whole, stmt)
        if isinstance(made, ir.Write) and made.path == path:
            if made.base.type.dtype == made.value.type.dtype:
                return self.way(made.value, asked)
        return None

    def whole(self, stmt: ir.Read) -> Value | None:
        """Return the last version of an array if what was read of it is there."""
        memory = self.regions.buffer.get(stmt.base) and self.regions.memory(stmt.base)
        if not memory or isinstance(stmt.base.type, ListOf):
            return None
        last = self.regions.lasting(self.regions.chain[memory.first]).get(memory)
        return last if last and self.lasts(stmt.base, stmt.path, stmt) else None

    def read_of(self, whole: Value, stmt: ir.Read) -> Any:
        """Read a number again in an array that the forward sweep kept."""
        array, path = self.need(whole), self.need_path(stmt.path)
        made = self.build.read(array, path, stmt.out.name)
        self.open[-1].cache[stmt.out] = made
        return made

    def lying(self, stmt: ir.Read | View) -> Value | None:
        """Return the version in which a part lies as it was read, if it still does."""
        base, regions = stmt.base, self.regions
        if isinstance(base.type, ListOf):
            return self.grown(base)
        if base not in regions.buffer:
            return None
        version = self.current.get(regions.memory(base))
        there = self.content.get(regions.memory(base)) is base
        if version and (there or self.lasts(base, stmt.path, stmt)):
            return version
        return None

    def lasts(self, base: Value, path: Path, reader: Stmt) -> bool:
        """Tell whether all that changes a part after it was read has been undone."""
        return not any(
            may_change(self.regions, u, base, path, reader)
            for u in self.regions.family_updates(base)
            if u not in self.plan.restores or not self.undone(u, reader)
        )

    def undone(self, update: Update, reader: Stmt) -> bool:
        """Tell whether this turn of what is around both is undone up to `reader`."""
        here, there = self.regions.site[reader], self.regions.site[update]
        around = [*there.chain, (update, 0)]
        outer = next(s for s, arm in around if (s, arm) not in here.chain)
        return there.order < here.order or outer in self.passed

    def stored(self, x: Value) -> Way | None:
        """Return how to read a value where it was stored, if it is still there."""
        regions, restores = self.regions, self.plan.restores
        made = regions.site[regions.definition[x]].order
        for update in regions.updates:
            if (
                isinstance(update, ir.Write)
                and update.value is x
                and not update.once
                and is_full(x.type, self.build.place(update.base.type, update.path))
                and update not in restores
                and regions.memory(update.base) in self.current
                and update.base.type.dtype == x.type.dtype
                and regions.site[update].chain == regions.chain[x]
                and self.paved(update.path)
                and self.lasts(update.base, update.path, update)
                # What was there before may be put back first.
                and not any(
                    made < regions.site[u].order < regions.site[update].order
                    for u in regions.family_updates(update.base)
                    if u in restores
                )
            ):
                return partial(self.reread, update.base, update.path, x)
        return None

    def grown(self, x: Value) -> Value | None:
        """Return the present version of a list that only grows: it holds all of `x`."""
        regions, family = self.regions, self.regions.family(x)
        pushed = all(isinstance(u, ir.Push) for u in regions.family_updates(x))
        if not isinstance(x.type, ListOf) or not pushed:
            return None
        versions = [v for v, b in regions.buffer.items() if b.family() is family]
        made = [v for v in versions if isinstance(regions.definition.get(v), Op | None)]
        if len(made) > 1 or regions.chain[made[0]]:
            return None
        return self.current.get(regions.memory(made[0]))

    # arrays

    def array(self, x: Value) -> Way | None:
        """Return how to have an array with the content it had."""
        stmt, buffer = self.regions.definition.get(x), self.regions.buffer.get(x)
        memory = buffer and buffer.memory()
        if memory and self.content.get(memory) is x:
            return partial(self.current.get, memory)
        if isinstance(stmt, View):
            in_list = isinstance(stmt.base.type, ListOf)
            there = self.lying(stmt) or (not in_list and self.way(stmt.base))
            paved = self.paved(stmt.path)
            return partial(self.part_of, stmt) if there and paved else None
        if not isinstance(stmt, Op) or not is_cheap(stmt):
            return self.stored(x) if isinstance(stmt, Op) else None
        return partial(self.redo, stmt) if all(map(self.way, stmt.args)) else None

    def part_of(self, stmt: View) -> Any:
        """Return a view like one of the forward sweep."""
        base = self.lying(stmt) or self.need(stmt.base)
        return self.build.view(base, self.need_path(stmt.path), type=stmt.out.type)

    # restoring

    def changes(self, x: Operand) -> list[Update] | None:
        """Return the updates to undo for a value; None if that is not enough."""
        if self.way(x):
            return []
        assert isinstance(x, Value)
        stmt = self.regions.definition.get(x)
        if x in self.regions.buffer:
            found = self.later(x, (), stmt)
            if found:
                return found
        elif isinstance(stmt, View | ir.Read) and self.paved(stmt.path):
            if stmt.base in self.regions.buffer:
                return self.later(stmt.base, stmt.path, stmt)
            return self.changes(stmt.base) if isinstance(stmt, View) else None
        if isinstance(stmt, Op) and owned(x.type) and is_cheap(stmt):
            parts = [self.changes(a) for a in stmt.args]
            if None not in parts:
                return [u for part in parts for u in part or ()]
        return None

    def later(
        self, base: Value, path: Path, reader: Stmt | None
    ) -> list[Update] | None:
        """Return the updates that may change a part of a version after it was read."""
        regions = self.regions
        if regions.memory(base) not in self.steady or isinstance(base.type, ListOf):
            return None
        born = regions.chain[regions.memory(base).first]
        updates = [
            u
            for u in regions.family_updates(base)
            if not (isinstance(u, ir.Write) and u.once)
            and (reader is None or may_change(regions, u, base, path, reader))
        ]
        # The next turn of a joined loop needs what this one has written.
        sites = [regions.site[u].chain for u in updates]
        turns = (s for chain in sites for s, _ in chain[len(born) :])
        return updates if updates and regions.joined.isdisjoint(turns) else None

    def restore(self, changes: Sequence[Update]) -> bool:
        """Ask that updates be undone; tell whether the next run will."""
        for update in changes:
            if update in self.plan.restores:
                continue
            self.new = True
            self.undone_next.add(update)
            if isinstance(update, ir.Take):
                self.plan.restores[update] = update.value
                continue
            assert not isinstance(update, ir.Push)
            part = self.build.place(update.base.type, update.path)
            if isinstance(part, Array):
                # What is written there tells more of its lengths than slices do.
                same = update.value.type.rank == part.rank
                dims = update.value.type.dims if same else part.dims
                part = Array(part.dtype, dims)
            old = self.plan.restores[update] = Value(f"{update.base.name}_old", part)
            self.regions.define(old, update, self.regions.site[update].chain)
        return not self.undone_next.isdisjoint(changes)


def is_short(loop: Loop) -> bool:
    """Tell whether a loop is known to have few turns."""
    ends = (loop.start, loop.stop, loop.step) if isinstance(loop, ir.For) else ()
    known = [x.value for x in ends if isinstance(x, Const)]
    return len(known) == 3 and len(range(*known)) <= _FEW


def is_cheap(stmt: Op) -> bool:
    """Tell whether an operation costs less than reading its result back."""
    row = ROWS[stmt.row]
    return row.kind == "elementwise" and row.cost == 0
