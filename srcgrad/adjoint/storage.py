"""Have a forward value at hand in the backward sweep.

A needed value is, in this order: still alive; already fetched; recomputed, if it is
cheap and made of what is free or kept anyway; read again where it lies; kept by the
forward sweep. What is not kept yet is noted in the plan, and the backward sweep is
built again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from srcgrad import ir
from srcgrad.adjoint.tapes import Plan, Recorder
from srcgrad.algebra import Algebra
from srcgrad.analyses.finality import is_final
from srcgrad.analyses.regions import Buffer, Chain, Regions
from srcgrad.builder import INT
from srcgrad.ir import Const, Loop, Op, Operand, Path, Stmt, Update, Value, View, owned
from srcgrad.ops import ROWS
from srcgrad.types import Array, ListOf
from srcgrad.walk import mapped, operands

# How to have a forward value without keeping more.
Way = Callable[[], Any]

_DEPTH = 8  # of what is computed again


@dataclass(slots=True)
class Region:
    """One open block of the backward sweep: the mirror of a forward region."""

    stmt: Any
    depth: int
    cache: dict[Value, Operand] = field(default_factory=dict)
    number: Any = None
    head: int = 0


def nest(chain: Chain) -> Loop | None:
    """Return the outermost loop around a region."""
    return next((s for s, _ in chain if isinstance(s, Loop)), None)


class Storage:
    """Fetch forward values; note what the forward sweep must keep.

    `current` is the present version of a piece of memory, and `content` the forward
    version that it is equal to, if any.
    """

    def __init__(self, regions: Regions, plan: Plan) -> None:
        self.regions, self.plan = regions, plan
        self.taped = Recorder(regions, plan)
        self.open = [Region(None, 0)]
        self.current: dict[Buffer, Value] = regions.lasting()
        self.content = {**self.current}
        self.steady = {m for m in self.current if regions.is_steady(m)}
        self.used: dict[Value, None] = {}
        self.undone_next: set[Update] = set()
        self.new = False
        self.build = Algebra()
        self.build.fetch = lambda x: self.need(x) if x in regions.chain else x
        self.build.available = lambda atom: atom in regions.chain

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
        # At the head of the innermost loop, before what is there already.
        around = self.open[: len(self.regions.chain[value]) + 1]
        region = next(r for r in reversed(around) if isinstance(r.stmt, Loop))
        stmts: list[Stmt] = []
        build, opened, loc = self.build, self.build.open, self.build.loc
        build.open, build.loc = [*opened[: region.depth + 1], stmts], region.stmt.loc
        turns = {r.stmt: r.number for r in self.open}
        index = [turns[loop] for loop in tape.loops]
        if isinstance(tape.type, ListOf):
            if len(index) > 1:
                site = self.regions.site[tape.loops[-1]]
                first = self.count("first", tape.loops[-1], site.chain)
                index[-1] = build.op("add", first, index[-1])
            index = index[-1:]
        path = (ir.Index(tuple(index)),)
        if owned(value.type):
            out = build.view(tape.version, path, value.name, value.type)
        else:
            out = build.read(tape.version, path, value.name)
        build.open, build.loc = opened, loc
        opened[region.depth][region.head : region.head] = stmts
        region.head += len(stmts)
        region.cache[value] = out
        return out

    # values

    def need(self, x: Operand) -> Any:
        """Return a forward value as an operand of the backward sweep."""
        way = self.way(x)
        if way is not None:
            return way()
        assert isinstance(x, Value)
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, View) and x not in self.regions.buffer:
            if not isinstance(stmt.base.type, ListOf):
                return self.part_of(stmt)
        bases = [x] if self.restorable(x) else self.bases(x)
        if bases and any([self.restore(b) for b in bases]):
            return Value(x.name, x.type)
        return self.ask(x)

    def need_path(self, path: Path) -> Path:
        """Return a path with its operands at hand."""
        return tuple(mapped(path, self.need))

    def way(self, x: Operand, depth: int = 0) -> Way | None:
        """Return how to have a value without keeping more, if there is a way."""
        if isinstance(x, Const):
            return lambda: x
        found = next((r.cache[x] for r in reversed(self.open) if x in r.cache), None)
        again: Way | None = None
        if found is not None or not (owned(x.type) or self.regions.chain[x]):
            return lambda: x if found is None else found
        if owned(x.type):
            again = self.array(x)
        elif depth < _DEPTH:
            again = self.number(x, depth)
        return again or (partial(self.ask, x) if x in self.taped.place else None)

    def paved(self, path: Path, depth: int = 0) -> bool:
        """Tell whether there is a way to all that stands in a path."""
        return all(self.way(p, depth + 1) for p in operands(path))

    def number(self, x: Value, depth: int) -> Way | None:
        """Return how to compute or read a number again, if that is cheap."""
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, ir.Read):
            return self.element(stmt, depth)
        if not isinstance(stmt, Op):
            return None
        row = ROWS[stmt.row]
        cheap = row.kind == "elementwise" and (row.cost == 0 or x.type.dtype == "int64")
        if not cheap and (stored := self.stored(x)):
            return stored
        # A quotient costs what an array of them does, and half of what a list does.
        cheap |= row.kind == "elementwise" and row.cost == 1
        free = cheap and all(self.way(a, depth + 1) for a in stmt.args)
        return partial(self.redo, stmt) if free else None

    def redo(self, stmt: Op) -> Any:
        """Compute the result of a statement again."""
        if not owned(stmt.out.type):
            self.build.loc = stmt.loc
        args, name = [*map(self.need, stmt.args)], stmt.out.name
        made = self.build.op(stmt.row, *args, name=name, **stmt.attrs)
        self.open[-1].cache[stmt.out] = made
        return made

    def reread(self, base: Value, path: Path, x: Value) -> Any:
        """Read a number again in what has become of the array."""
        self.build.loc = self.regions.definition[x].loc
        present = self.grown(base) or self.current[self.regions.memory(base)]
        made = self.build.read(present, self.need_path(path), x.name)
        self.open[-1].cache[x] = made
        return made

    def element(self, stmt: ir.Read, depth: int) -> Way | None:
        """Return how to read an element again, if it is still where it was read."""
        base, path = stmt.base, stmt.path
        if base not in self.regions.buffer or not self.paved(path, depth):
            return None
        memory = self.regions.memory(base)
        if isinstance(base.type, ListOf):
            there = self.grown(base) is not None
        else:
            there = self.content.get(memory) is base or (
                memory in self.current and is_final(self.regions, base, path, stmt)
            )
        return partial(self.reread, base, path, stmt.out) if there else None

    def stored(self, x: Value) -> Way | None:
        """Return how to read a number where it was stored, if it is still there."""
        regions = self.regions
        for update in regions.updates:
            if (
                isinstance(update, ir.Write)
                and update.value is x
                and not update.once
                and update not in self.plan.restores
                and regions.memory(update.base) in self.current
                and update.base.type.dtype == x.type.dtype
                and regions.site[update].chain == regions.chain[x]
                and is_final(regions, update.base, update.path, update, update)
                and self.paved(update.path)
            ):
                return partial(self.reread, update.base, update.path, x)
        return None

    def grown(self, x: Value) -> Value | None:
        """Return the last version of a list that only grows: it holds all of `x`."""
        regions, family = self.regions, self.regions.family(x)
        pushed = all(isinstance(u, ir.Push) for u in regions.family_updates(x))
        if not isinstance(x.type, ListOf) or not pushed:
            return None
        versions = [v for v, b in regions.buffer.items() if b.family() is family]
        made = [v for v in versions if isinstance(regions.definition.get(v), Op | None)]
        if len(made) > 1 or regions.chain[made[0]]:
            return None
        last: Value = [v for v in versions if not regions.chain[v]][-1]
        return last

    # arrays

    def array(self, x: Value) -> Way | None:
        """Return how to have an array with the content it had."""
        stmt, buffer = self.regions.definition.get(x), self.regions.buffer.get(x)
        memory = buffer and buffer.memory()
        if memory and self.content.get(memory) is x:
            return partial(self.current.get, memory)
        if isinstance(stmt, View):
            in_list = isinstance(stmt.base.type, ListOf)
            there = self.grown(stmt.base) if in_list else self.way(stmt.base)
            paved = self.paved(stmt.path)
            return partial(self.part_of, stmt) if there and paved else None
        if x in self.taped.place or not isinstance(stmt, Op) or not is_cheap(stmt):
            return None
        return partial(self.redo, stmt) if all(map(self.way, stmt.args)) else None

    def part_of(self, stmt: View) -> Any:
        """Return a view like one of the forward sweep."""
        base = self.grown(stmt.base) or self.need(stmt.base)
        return self.build.view(base, self.need_path(stmt.path), type=stmt.out.type)

    # restoring

    def bases(self, x: Operand) -> list[Value] | None:
        """Return the versions to restore for a value; None if that is not enough."""
        if self.way(x):
            return []
        if not isinstance(x, Value) or not owned(x.type):
            return None
        stmt, buffer = self.regions.definition.get(x), self.regions.buffer.get(x)
        if isinstance(stmt, View) and self.paved(stmt.path):
            return self.bases(stmt.base)
        if buffer is not None and buffer.outer is not None and self.restorable(x):
            return [x]
        if isinstance(stmt, Op) and is_cheap(stmt):
            found = [self.bases(a) for a in stmt.args]
            if None not in found:
                return [b for part in found for b in part or ()]
        return None

    def restorable(self, x: Value) -> bool:
        """Tell whether undoing later writes brings a version back."""
        mine = x in self.regions.buffer and self.regions.memory(x) in self.steady
        return mine and not isinstance(x.type, ListOf) and bool(self.later_updates(x))

    def later_updates(self, x: Value) -> list[Update]:
        """Return the updates that may change a version's memory after it was made."""
        site, stmt = self.regions.site, self.regions.definition.get(x)
        order = site[stmt].order if stmt in site else -1
        around = nest(self.regions.chain[x])
        return [
            u
            for u in self.regions.family_updates(x)
            if not isinstance(u, ir.Push)
            and not (isinstance(u, ir.Write) and u.once)
            and (site[u].order > order or nest(site[u].chain) is around is not None)
        ]

    def restore(self, x: Value) -> bool:
        """Ask that the writes after a version be undone; tell if the next run will."""
        later = self.later_updates(x)
        for update in later:
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
                part = Array(part.dtype, part.dims)
            old = self.plan.restores[update] = Value(f"{update.base.name}_old", part)
            self.regions.define(old, None, self.regions.site[update].chain)
        return not self.undone_next.isdisjoint(later)


def is_cheap(stmt: Op) -> bool:
    """Tell whether an operation costs less than reading its result back."""
    row = ROWS[stmt.row]
    return row.kind == "elementwise" and row.cost == 0
