"""Have a forward value at hand in the backward sweep.

A needed value is, in this order: still alive; already fetched; recomputed, if it is
cheap and made of what is free or kept anyway; read again where it lies; kept by the
forward sweep. What is not kept yet is noted in the plan, and the backward sweep is
built again.
"""

from dataclasses import dataclass, field
from typing import Any, TypeGuard

from srcgrad import ir
from srcgrad.adjoint.tapes import Plan, Recorder
from srcgrad.algebra import Algebra
from srcgrad.analyses.finality import is_final
from srcgrad.analyses.regions import Buffer, Chain, Regions
from srcgrad.builder import INT
from srcgrad.ir import Const, Loop, Op, Operand, Path, Read, Stmt, Update, Value, owned
from srcgrad.ops import ROWS
from srcgrad.types import Array, ListOf
from srcgrad.walk import handed, operands, substitute


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

    `current` is the present version of a buffer, and `content` the forward version that
    it is equal to, if any.
    """

    def __init__(self, regions: Regions, plan: Plan) -> None:
        self.regions, self.plan = regions, plan
        self.taped = Recorder(regions, plan)
        self.open = [Region(None, 0)]
        self.content: dict[Buffer, Value] = {}
        self.current: dict[Buffer, Value] = {}
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
            self.regions.chain[made] = chain
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
        if isinstance(x, Const):
            return x
        found = self.cached(x)
        if found is not None:
            return found
        if owned(x.type):
            return self.need_array(x)
        if not self.regions.chain[x]:
            return x
        again = self.again(x)
        if again is None:
            return self.ask(x)
        self.build.loc = self.regions.definition[x].loc
        found = self.open[-1].cache[x] = self.redo(again)
        return found

    def need_path(self, path: Path) -> Path:
        """Return a path with its operands at hand."""
        names = {x: self.need(x) for x in operands(path) if isinstance(x, Value)}
        return tuple(substitute(step, names) for step in path)

    def cached(self, x: Value) -> Operand | None:
        found = (r.cache[x] for r in reversed(self.open) if x in r.cache)
        return next(found, None)

    def free(self, x: Operand, depth: int = 0) -> bool:
        """Tell whether a value is to be had without keeping more."""
        if isinstance(x, Const) or self.cached(x) is not None or x in self.plan.saves:
            return True
        if owned(x.type):
            return self.free_array(x)
        top = not self.regions.chain[x]
        return top or (depth < 8 and self.again(x, depth) is not None)

    def free_path(self, path: Path, depth: int = 0) -> bool:
        return all(self.free(p, depth + 1) for p in operands(path))

    def again(self, x: Value, depth: int = 0) -> Op | Read | None:
        """Return what computes or reads a number again, if that is cheap."""
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, Read):
            return stmt if self.readable(stmt, depth) else None
        if not isinstance(stmt, Op):
            return None
        row = ROWS[stmt.row]
        cheap = row.kind == "elementwise" and (row.cost == 0 or x.type.dtype == "int64")
        if not cheap and (read := self.stored(x)):
            return read
        # A quotient costs what an array of them does, and half of what a list does.
        cheap |= row.kind == "elementwise" and row.cost == 1
        free = cheap and all(self.free(a, depth + 1) for a in stmt.args)
        return stmt if free else None

    def redo(self, stmt: Op | Read) -> Any:
        """Compute or read the result of a statement again."""
        if isinstance(stmt, Op):
            args, name = map(self.need, stmt.args), stmt.out.name
            return self.build.op(stmt.row, *args, name=name, **stmt.attrs)
        base = self.grown(stmt.base) or self.current[self.regions.buffer[stmt.base]]
        return self.build.read(base, self.need_path(stmt.path), stmt.out.name)

    def readable(self, stmt: Read, depth: int) -> bool:
        """Tell whether an element is still where it was read."""
        buffer = self.regions.buffer.get(stmt.base)
        if buffer is None or not self.free_path(stmt.path, depth):
            return False
        if isinstance(stmt.base.type, ListOf):
            return self.grown(stmt.base) is not None
        if self.content.get(buffer) is stmt.base:
            return True
        regions, base, path = self.regions, stmt.base, stmt.path
        return buffer in self.current and is_final(regions, base, path, stmt)

    def stored(self, x: Value) -> Read | None:
        """Return how to read a number where it was stored, if it is still there."""
        regions = self.regions
        for update in regions.updates:
            if (
                isinstance(update, ir.Write)
                and update.value is x
                and not update.once
                and update not in self.plan.restores
                and regions.buffer[update.base] in self.current
                and update.base.type.dtype == x.type.dtype
                and regions.site[update].chain == regions.chain[x]
                and is_final(regions, update.base, update.path, update, update)
                and self.free_path(update.path)
            ):
                return Read(update.base, update.path, x)
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

    def need_array(self, x: Value) -> Any:
        """Return an array of the forward sweep with the content it had."""
        stmt, buffer = self.regions.definition.get(x), self.regions.buffer.get(x)
        here = buffer is not None and self.content.get(buffer) is x
        if isinstance(stmt, ir.View) and not here:
            base: Operand | None = self.grown(stmt.base)
            if base is None and isinstance(stmt.base.type, ListOf):
                return self.ask(x)
            if buffer is None or self.free_array(x):
                base = base or self.need(stmt.base)
                assert isinstance(base, Value)
                return self.build.view(base, self.need_path(stmt.path), type=x.type)
        if here:
            assert buffer is not None
            return self.current[buffer]
        if x in self.taped.place:
            return self.ask(x)
        if self.remakes(stmt):
            made = self.open[-1].cache[x] = self.redo(stmt)
            return made
        mine = buffer is not None and self.restorable(x)
        bases = [x] if mine else self.bases(x)
        if bases and any([self.restore(b) for b in bases]):
            return Value(x.name, x.type)
        return self.ask(x)

    def bases(self, x: Operand) -> list[Value] | None:
        """Return the versions to restore for a value; None if that is not enough."""
        if not isinstance(x, Value) or not owned(x.type) or self.free_array(x):
            return [] if self.free(x) else None
        stmt = self.regions.definition.get(x)
        if isinstance(stmt, ir.View) and self.free_path(stmt.path):
            return self.bases(stmt.base)
        buffer = self.regions.buffer.get(x)
        if buffer is not None and buffer.outer is not None and self.restorable(x):
            return [x]  # buffers that change places would be undone twice over
        if isinstance(stmt, Op) and is_cheap(stmt):
            found = [self.bases(a) for a in stmt.args]
            if None not in found:
                return [b for part in found for b in part or ()]
        return None

    def free_array(self, x: Value) -> bool:
        """Tell whether an array is still there, or to be made of what is."""
        stmt, buffer = self.regions.definition.get(x), self.regions.buffer.get(x)
        if isinstance(stmt, ir.View):
            in_list = isinstance(stmt.base.type, ListOf)
            free = self.grown(stmt.base) if in_list else self.free_array(stmt.base)
            return bool(free) and self.free_path(stmt.path)
        here = buffer is not None and self.content.get(buffer) is x
        return here or x in self.plan.saves or self.remakes(stmt)

    def remakes(self, stmt: Stmt | None) -> TypeGuard[Op]:
        """Tell whether a statement is a cheap expression of what is at hand."""
        return (
            isinstance(stmt, Op) and is_cheap(stmt) and all(map(self.free, stmt.args))
        )

    # restoring

    def restorable(self, x: Value) -> bool:
        """Tell whether undoing later writes brings a version back."""
        buffer, site = self.regions.buffer[x], self.regions.site
        if isinstance(x.type, ListOf) or not self.later_updates(x):
            return False
        around = {s for u in self.regions.family_updates(x) for s, _ in site[u].chain}
        return self.reaches_end(buffer, set()) and all(
            self.closed(loop, buffer) for loop in around if isinstance(loop, Loop)
        )

    def reaches_end(self, buffer: Buffer, seen: set[Buffer]) -> bool:
        """Follow a buffer through its hand-overs to the end of the forward sweep."""
        if buffer in seen:
            return True
        seen.add(buffer)
        of, chain = self.regions.buffer, self.regions.chain[buffer.first]
        taken: list[Buffer] = []
        for stmt in self.regions.site:
            pairs = [(x, out) for x, out in handed(stmt) if owned(out.type)]
            pairs = [(x, out) for x, out in pairs if of[x] is buffer is not of[out]]
            taken += [of[out] for _, out in pairs]
            if isinstance(stmt, Loop) and pairs and not self.closed(stmt, buffer):
                return False
            if isinstance(stmt, ir.If) and pairs and stmt not in dict(chain):
                given = {x for x, _ in pairs}
                arms = ([m.then for m in stmt.merges], [m.orelse for m in stmt.merges])
                if any(given.isdisjoint(arm) for arm in arms):
                    return False  # one arm drops it
        last = {b: v for v, b in of.items()}[buffer]
        return bool(taken or not self.regions.chain[last]) and all(
            self.reaches_end(b, seen) for b in taken
        )

    def closed(self, loop: Loop, buffer: Buffer) -> bool:
        """Tell whether a loop hands the buffers of a family round and drops none."""
        of, family = self.regions.buffer_of, buffer.family()
        arrays = [c for c in loop.carries if owned(c.inn.type)]
        arrays = [c for c in arrays if of(c.inn).family() is family]
        inner = {of(c.inn).memory() for c in arrays}
        return all(of(c.yld).memory() in inner for c in arrays)

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
        regions, later = self.regions, self.later_updates(x)
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
            regions.chain[old] = regions.site[update].chain
            if owned(part):
                regions.buffer[old] = Buffer(old.name, old)
        return not self.undone_next.isdisjoint(later)


def is_cheap(stmt: Op) -> bool:
    """Tell whether an operation costs less than reading its result back."""
    row = ROWS[stmt.row]
    return row.kind == "elementwise" and row.cost == 0
