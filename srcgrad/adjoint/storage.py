"""Have a forward value at hand in the backward sweep.

A needed value is, in this order: still alive; already fetched; recomputed, if it is
cheap and made of what is free or kept anyway; read again where it lies; kept by the
forward sweep. What is not kept yet is noted in the plan, and the backward sweep is
built again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from srcgrad.adjoint.tapes import Place, Plan, Taped, loops_of
from srcgrad.analyses.finality import is_final
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Const,
    For,
    If,
    Index,
    Loop,
    Op,
    Operand,
    Path,
    Push,
    Read,
    Reshape,
    Slice,
    Stmt,
    Take,
    Update,
    Value,
    View,
    While,
    Write,
    gathers,
    owned,
)
from srcgrad.ops import ROWS
from srcgrad.types import Array, ListOf
from srcgrad.walk import operands

__all__ = ["Region", "Storage"]


@dataclass(slots=True)
class Region:
    """One open block of the backward sweep: the mirror of a forward region."""

    stmt: Stmt | None
    arm: int
    depth: int
    cache: dict[Value, Operand] = field(default_factory=dict)
    number: Operand | None = None
    head: int = 0


class Storage:
    """Fetch forward values; note what the forward sweep must keep."""

    def __init__(
        self, regions: Regions, plan: Plan, taped: Taped, build: Builder
    ) -> None:
        self.regions, self.plan, self.taped = regions, plan, taped
        self.build = build
        self.open = [Region(None, 0, 0)]
        self.content: dict[Buffer, Value] = {}
        self.current: dict[Buffer, Value] = {}
        self.used: dict[Value, None] = {}
        self.undone_next: set[Update] = set()
        self.new = False
        build.fetch = self.atom
        build.available = lambda atom: atom in self.regions.chain

    def atom(self, x: Value) -> Operand:
        """Return an integer that a dim is made of."""
        return self.need(x) if x in self.regions.chain else x

    # asking

    def ask(self, value: Value) -> Operand:
        """Note that the forward sweep must keep a value; return a stand-in."""
        self.used.setdefault(value)
        if value not in self.taped.place:
            self.new = True
            return Value(value.name, value.type)
        return self.load(value)

    @contextmanager
    def at_head(self, region: Region) -> Iterator[None]:
        """Emit at the head of an open block, before what is there already."""
        stmts: list[Stmt] = []
        opened, loc = self.build.open, self.build.loc
        self.build.loc = region.stmt.loc if region.stmt is not None else loc
        self.build.open = [*opened[: region.depth + 1], stmts]
        try:
            yield
        finally:
            self.build.open, self.build.loc = opened, loc
            block = opened[region.depth]
            block[region.head : region.head] = stmts
            region.head += len(stmts)

    def load(self, value: Value) -> Operand:
        """Read a value that the forward sweep kept."""
        place = self.taped.place[value]
        if place.top is not None:
            return place.top
        region = self.open[len(self.regions.chain[value])]
        for outer in reversed(self.open[: len(self.regions.chain[value]) + 1]):
            if isinstance(outer.stmt, For | While):
                region = outer
                break
        with self.at_head(region):
            out = self.from_tape(place, value)
        region.cache[value] = out
        return out

    def from_tape(self, place: Place, value: Value) -> Operand:
        tape = place.tape
        assert tape is not None
        final = tape.final if tape.final is not None else tape.start
        if isinstance(tape.type, ListOf):
            index = self.list_index(tape.loops)
            if owned(value.type):
                item = (Index((index,)),)
                return self.build.view(final, item, value.name, value.type)
            return self.build.read(final, (Index((index,)),), value.name)
        numbers = tuple(self.number(loop) for loop in tape.loops)
        if owned(value.type):
            return self.build.view(final, (Index(numbers),), value.name, value.type)
        return self.build.read(final, (Index(numbers),), value.name)

    def number(self, loop: Loop) -> Operand:
        """Return the number of the turn that is being reversed."""
        for region in self.open:
            if region.stmt is loop:
                assert region.number is not None
                return region.number
        raise LookupError("a tape is read outside its loop")

    def list_index(self, loops: tuple[Loop, ...]) -> Operand:
        """Return where in a list the item of this turn lies."""
        k = self.number(loops[-1])
        if len(loops) == 1:
            return k
        inner = loops[-1]
        offset = self.plan.offsets.get(inner)
        if offset is None:
            offset = Value("first", const(0).type)
            self.plan.offsets[inner] = offset
            self.regions.chain[offset] = self.regions.site[inner].chain
            self.new = True
        out: Operand = self.build.op("add", self.need(offset), k)
        return out

    # scalars

    def need(self, x: Operand) -> Operand:
        """Return a forward value as an operand of the backward sweep."""
        if isinstance(x, Const):
            return x
        found = self.cached(x)
        if found is not None:
            return found
        if owned(x.type):
            return self.need_array(x)
        if not self.regions.chain[x]:
            return x
        out = self.again(x)
        if out is None:
            return self.ask(x)
        self.open[-1].cache[x] = out
        return out

    def cached(self, x: Value) -> Operand | None:
        for region in reversed(self.open):
            if x in region.cache:
                return region.cache[x]
        return None

    def free(self, x: Operand, depth: int = 0) -> bool:
        """Tell whether a value is to be had without keeping more."""
        if isinstance(x, Const) or self.cached(x) is not None:
            return True
        if owned(x.type):
            return self.free_array(x)
        if not self.regions.chain[x] or x in self.plan.saves:
            return True
        return depth < 8 and self.cheap(x, depth)

    def cheap(self, x: Value, depth: int) -> bool:
        """Tell whether a value can be computed or read again."""
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, Op):
            row = ROWS[stmt.row]
            ints = x.type.dtype == "int64" and row.kind == "elementwise"
            if row.cost > 0 and not ints:
                return self.lies(x) is not None
            return row.kind == "elementwise" and all(
                self.free(a, depth + 1) for a in stmt.args
            )
        if isinstance(stmt, Read):
            return self.readable(stmt, depth)
        return False

    def readable(self, stmt: Read, depth: int) -> bool:
        """Tell whether an element is still where it was read."""
        if isinstance(stmt.base.type, ListOf):
            grown = self.grown(stmt.base) is not None
            return grown and self.path_free(stmt.path, depth)
        buffer = self.regions.buffer.get(stmt.base)
        if buffer is None or not self.path_free(stmt.path, depth):
            return False
        if self.content.get(buffer) is stmt.base:
            return True
        if self.current.get(buffer) is None:
            return False
        return is_final(self.regions, stmt.base, stmt.path, stmt)

    def path_free(self, path: Path, depth: int) -> bool:
        return all(self.free(p, depth + 1) for p in operands(path))

    def grown(self, x: Value) -> Value | None:
        """Return the last version of a list that only grows: it holds all of `x`."""
        regions, family = self.regions, self.regions.buffer[x].family()
        if not all(isinstance(u, Push) for u in regions.family_updates(x)):
            return None
        buffers = regions.buffer.items()
        versions: list[Value] = [v for v, b in buffers if b.family() is family]
        made = [
            v
            for v in versions
            if v is regions.buffer[v].first
            and not isinstance(regions.definition.get(v), For | While | If)
        ]
        if len(made) > 1 or regions.chain[made[0]]:
            return None
        return [v for v in versions if not regions.chain[v]][-1]

    def again(self, x: Value) -> Operand | None:
        """Compute or read a value again, if that is cheap and possible."""
        if not self.cheap(x, 0):
            return None
        stmt = self.regions.definition[x]
        self.build.loc = stmt.loc
        if isinstance(stmt, Read):
            return self.reread(stmt)
        assert isinstance(stmt, Op)
        if ROWS[stmt.row].cost > 0 and x.type.dtype != "int64":
            write = self.lies(x)
            assert write is not None
            return self.reread(Read(write.base, write.path, x))
        args = [self.need(a) for a in stmt.args]
        out: Operand = self.build.op(stmt.row, *args, name=x.name, **stmt.attrs)
        return out

    def reread(self, stmt: Read) -> Operand:
        if isinstance(stmt.base.type, ListOf):
            base = self.grown(stmt.base)
        else:
            base = self.current.get(self.regions.buffer[stmt.base])
        assert base is not None
        path = self.need_path(stmt.path)
        return self.build.read(base, path, stmt.out.name)

    def lies(self, x: Value) -> Write | None:
        """Return the write that stored a value where no later write reaches."""
        if owned(x.type):
            return None
        for update in self.regions.updates:
            if isinstance(update, Write) and update.value is x and not update.once:
                if update in self.plan.restores:
                    continue
                buffer = self.regions.buffer[update.base]
                if (
                    self.current.get(buffer) is None
                    or update.base.type.dtype != x.type.dtype
                ):
                    continue
                if self.regions.site[update].chain != self.regions.chain[x]:
                    continue
                if is_final(self.regions, update.base, update.path, update, update):
                    if self.path_free(update.path, 0):
                        return update
        return None

    def need_path(self, path: Path) -> Path:
        """Return a path with its operands at hand."""

        def item(i: Any) -> Any:
            if isinstance(i, Slice):
                return Slice(*(None if p is None else self.need(p)
                               for p in (i.start, i.stop, i.step)))  # fmt: skip
            return None if i is None else self.need(i)

        steps: list[Any] = []
        for step in path:
            if isinstance(step, Index):
                steps.append(Index(tuple(item(i) for i in step.items)))
            elif isinstance(step, Reshape):
                steps.append(Reshape(tuple(self.need(s) for s in step.shape)))
            else:
                steps.append(step)
        return tuple(steps)

    def length_of(self, version: Value) -> Operand:
        """Return how many items a version of a list has."""
        if version not in self.plan.lengths:
            length = self.plan.lengths[version] = Value("at", INT)
            self.regions.chain[length] = self.regions.chain[version]
            self.new = True
        return self.need(self.plan.lengths[version])

    # arrays

    def need_array(self, x: Value) -> Operand:
        """Return an array of the forward sweep with the content it had."""
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, View) and isinstance(stmt.base.type, ListOf):
            grown = self.grown(stmt.base)
            if grown is None:
                return self.ask(x)
            return self.build.view(grown, self.need_path(stmt.path), type=x.type)
        if isinstance(stmt, View) and (
            not gathers(stmt.path)
            or (
                self.content.get(self.regions.buffer[x]) is not x and self.free_array(x)
            )
        ):
            base = self.need_array(stmt.base)
            assert isinstance(base, Value)
            return self.build.view(base, self.need_path(stmt.path), type=x.type)
        found = self.cached(x)
        if found is not None:
            return found
        buffer = self.regions.buffer[x]
        if self.content.get(buffer) is x:
            return self.current[buffer]
        if x in self.taped.place:
            self.used.setdefault(x)
            return self.load(x)
        if self.remake(x):
            assert isinstance(stmt, Op)
            args = [self.need(a) for a in stmt.args]
            made: Operand = self.build.op(stmt.row, *args, name=x.name, **stmt.attrs)
            self.open[-1].cache[x] = made
            return made
        if self.revive(x):
            return Value(x.name, x.type)
        return self.ask(x)

    def revive(self, x: Value) -> bool:
        """Have the buffers restored that an array can be computed from, if any can."""
        mine = x in self.regions.buffer and self.restorable(x)
        bases = [x] if mine else self.bases(x)
        return bool(bases) and any([self.restore(b) for b in bases or ()])

    def bases(self, x: Operand) -> list[Value] | None:
        """Return the versions to restore for a value; None if that is not enough."""
        if not isinstance(x, Value) or not owned(x.type) or self.free_array(x):
            return [] if self.free(x) else None
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, View) and self.path_free(stmt.path, 0):
            return self.bases(stmt.base)
        buffer = self.regions.buffer.get(x)
        if buffer is not None and buffer.outer is not None and self.restorable(x):
            return [x]  # buffers that change places would be undone twice over
        if isinstance(stmt, Op) and self.is_cheap(stmt):
            found = [self.bases(a) for a in stmt.args]
            if None not in found:
                return [b for part in found for b in part or ()]
        return None

    def is_cheap(self, stmt: Op) -> bool:
        """Tell whether an operation costs less than reading its result back."""
        row = ROWS[stmt.row]
        return row.kind == "elementwise" and row.cost == 0

    def free_array(self, x: Value) -> bool:
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, View) and isinstance(stmt.base.type, ListOf):
            grown = self.grown(stmt.base)
            return grown is not None and self.path_free(stmt.path, 0)
        if isinstance(stmt, View):
            return self.free_array(stmt.base) and self.path_free(stmt.path, 0)
        buffer = self.regions.buffer.get(x)
        if buffer is not None and self.content.get(buffer) is x:
            return True
        return x in self.plan.saves or self.remake(x)

    def remake(self, x: Value) -> bool:
        """Tell whether an array is a cheap expression of what is at hand."""
        stmt = self.regions.definition.get(x)
        return (
            isinstance(stmt, Op)
            and self.is_cheap(stmt)
            and all(self.free(a) for a in stmt.args)
        )

    def restorable(self, x: Value) -> bool:
        """Tell whether undoing later writes brings a version back."""
        buffer = self.regions.buffer[x]
        if isinstance(x.type, ListOf):
            return False
        later = self.later_updates(x)
        return (
            bool(later)
            and self.reaches_end(buffer, set())
            and all(
                self.closed(loop, buffer)
                for u in self.regions.family_updates(x)
                for loop in loops_of(self.regions.site[u].chain)
            )
        )

    def reaches_end(self, buffer: Buffer, seen: set[Buffer]) -> bool:
        """Follow a buffer through its hand-overs to the end of the forward sweep."""
        if buffer in seen:
            return True
        seen.add(buffer)
        of = self.regions.buffer_of
        handed: list[Buffer] = []
        for stmt in self.regions.site:
            if isinstance(stmt, For | While):
                arrays = [c for c in stmt.carries if owned(c.inn.type)]
                takers = [c for c in arrays if buffer in (of(c.init), of(c.yld))]
                if takers and not self.closed(stmt, buffer):
                    return False
                handed += [of(x) for c in takers for x in (c.inn, c.out)]
            elif isinstance(stmt, If):
                merges = [m for m in stmt.merges if owned(m.out.type)]
                merges = [m for m in merges if of(m.out) is not buffer]
                then = [of(m.out) for m in merges if of(m.then) is buffer]
                orelse = [of(m.out) for m in merges if of(m.orelse) is buffer]
                inside = any(s is stmt for s, _ in self.regions.chain[buffer.first])
                if bool(then) != bool(orelse) and not inside:
                    return False  # one arm drops it
                handed += then + orelse
        return bool(handed or not self.regions.chain[buffer.first]) and all(
            self.reaches_end(b, seen) for b in handed
        )

    def closed(self, loop: Loop, buffer: Buffer) -> bool:
        """Tell whether a loop hands the buffers of a family round and drops none."""
        family = buffer.family()
        arrays = [
            c
            for c in loop.carries
            if owned(c.inn.type) and self.regions.buffer[c.inn].family() is family
        ]
        inner = {self.regions.buffer_of(c.inn).memory() for c in arrays}
        return all(self.regions.buffer_of(c.yld).memory() in inner for c in arrays)

    def later_updates(self, x: Value) -> list[Update]:
        """Return the updates that may change a version's memory after it was made."""
        stmt = self.regions.definition.get(x)
        order = self.regions.site[stmt].order if stmt in self.regions.site else -1
        loops = set(loops_of(self.regions.chain[x]))
        return [
            u
            for u in self.regions.family_updates(x)
            if not isinstance(u, Push)
            and (
                self.regions.site[u].order > order
                or loops & set(loops_of(self.regions.site[u].chain))
            )
            and not (isinstance(u, Write) and u.once)
        ]

    def restore(self, x: Value) -> bool:
        """Ask that the writes after a version be undone; tell if the next run will."""
        wanted = set(self.later_updates(x))
        family = [u for u in self.regions.family_updates(x) if not isinstance(u, Push)]
        while True:
            loops = {s for u in wanted for s in loops_of(self.regions.site[u].chain)}
            grown = wanted | {
                u for u in family if loops & set(loops_of(self.regions.site[u].chain))
            }
            if grown == wanted:
                break
            wanted = grown
        for update in sorted(wanted, key=lambda u: self.regions.site[u].order):
            if update in self.plan.restores:
                continue
            self.new = True
            self.undone_next.add(update)
            if isinstance(update, Take):
                self.plan.restores[update] = update.value
                continue
            assert not isinstance(update, Push)
            part = self.build.place(update.base.type, update.path)
            if isinstance(part, Array):
                part = Array(part.dtype, part.dims)
            old = Value(f"{update.base.name}_old", part)
            self.plan.restores[update] = old
            self.regions.chain[old] = self.regions.site[update].chain
            if owned(part):
                self.regions.buffer[old] = Buffer(old.name, old)
        return not self.undone_next.isdisjoint(wanted)

    def restored_in(self, loop: Loop) -> set[Buffer]:
        """Return the families of which writes inside a loop are to be undone."""
        return {
            self.regions.buffer[u.base].family()
            for u in self.plan.restores
            if loop in loops_of(self.regions.site[u].chain)
        }
