"""Put what the plan wants kept into the forward sweep.

A value inside loops is written to a tape: an array indexed by the numbers of the turns
where all trip counts are known before the outermost loop, a list read by index
otherwise. A value inside an arm of an `if` first leaves the arm through a merge. Tapes
are ordinary write-once buffers, threaded through the regions around the writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from srcgrad.analyses.regions import Chain, Regions
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Accumulate,
    Block,
    Carry,
    Const,
    For,
    If,
    Index,
    Loop,
    Merge,
    Op,
    Operand,
    Stmt,
    Update,
    Value,
    While,
    Write,
    owned,
)
from srcgrad.types import Array, Dim, ListOf, Scalar
from srcgrad.walk import inner_outs, outs

__all__ = ["Place", "Plan", "Tape", "Taped", "Unkept", "record", "trip_count"]


class Unkept(Exception):
    """A list made inside a loop is needed backward, and is not kept there."""


@dataclass(slots=True)
class Plan:
    """What the dry runs asked for; the values that only the sweep itself needs."""

    saves: dict[Value, None] = field(default_factory=dict)
    restores: dict[Update, Value] = field(default_factory=dict)
    trips: dict[Loop, Value] = field(default_factory=dict)
    offsets: dict[Loop, Value] = field(default_factory=dict)
    lengths: dict[Value, Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Tape:
    """One buffer that keeps one value for each turn of its loops."""

    name: str
    type: Array | ListOf
    loops: tuple[Loop, ...]
    chain: Chain
    start: Value
    final: Value | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the backward sweep finds a value: a top value, or a tape."""

    top: Operand | None = None
    tape: Tape | None = None


@dataclass(slots=True)
class Taped:
    """The forward sweep with its tapes."""

    stmts: list[Stmt]
    place: dict[Value, Place]


def loops_of(chain: Chain) -> tuple[Loop, ...]:
    """Return the loops around a region, from the outside in."""
    return tuple(s for s, _ in chain if isinstance(s, For | While))


def record(regions: Regions, plan: Plan) -> Taped:
    """Return the forward sweep that keeps what the plan asks for."""
    return _Recorder(regions, plan).run()


class _Recorder:
    def __init__(self, regions: Regions, plan: Plan) -> None:
        self.regions, self.plan = regions, plan
        self.build = Builder(trusting=True)
        self.place: dict[Value, Place] = {}
        self.exports: dict[Stmt, list[tuple[int, Value, Value]]] = {}
        self.tapes: dict[Value, Tape] = {}
        self.copies: dict[Value, Value] = {}
        self.inside: dict[Stmt, list[Tape]] = {}
        self.version: dict[Tape, Value] = {}
        self.openings: dict[Stmt, list[Tape]] = {}
        self.numbers: dict[Loop, Operand] = {}

    def run(self) -> Taped:
        for value in self.plan.saves:
            self.house(value)
        with self.build.block() as stmts:
            for param in self.regions.function.params:
                self.keep(param)
        stmts = stmts + self.block(self.regions.function.body, ())
        for tape in self.tapes.values():
            tape.final = self.version[tape]
        return Taped(stmts, self.place)

    # planning

    def house(self, value: Value) -> None:
        """Find where a value is kept."""
        home, chain = value, self.regions.chain[value]
        if owned(value.type) and chain and isinstance(chain[-1][0], If):
            # The copy is taken where the value is made: the arm may go on to change it.
            home = self.copies[value] = Value(f"{value.name}_kept", value.type)
        while chain and isinstance(chain[-1][0], If):
            stmt, arm = chain[-1]
            out = Value(value.name, self.build.loosen(value.type))
            self.exports.setdefault(stmt, []).append((arm, home, out))
            home, chain = out, chain[:-1]
        if not chain:
            if owned(value.type) and home is value:
                home = self.copies[value] = Value(f"{value.name}_kept", value.type)
            self.place[value] = Place(top=home)
            return
        tape = self.tape(value, home, chain)
        self.tapes[home] = tape
        self.place[value] = Place(tape=tape)
        for stmt, _ in chain:
            self.inside.setdefault(stmt, []).append(tape)
        self.openings.setdefault(chain[0][0], []).append(tape)

    def tape(self, value: Value, home: Value, chain: Chain) -> Tape:
        loops = loops_of(chain)
        name = f"{value.name or 't'}_saved"
        flat = all(self.countable(loop) for loop in loops)
        item = home.type
        if not isinstance(item, Scalar | Array):
            raise Unkept(value.name)
        dims: tuple[Dim, ...] = ()
        if isinstance(item, Array):
            flat = flat and self.regions.settled(item.dims)
            dims = item.dims
        type: Array | ListOf
        if flat:
            counts = tuple(Dim(0, ((Value("n", INT), 1),)) for _ in loops)
            type = Array(item.dtype, (*counts, *dims))
        else:
            type = ListOf(item)
        return Tape(name, type, loops, chain, Value(name, type))

    def countable(self, loop: Loop) -> bool:
        """Tell whether the trip count is known before the outermost loop."""
        if not isinstance(loop, For) or loop.exit is not None:
            return False
        bounds = (loop.start, loop.stop, loop.step)
        return all(isinstance(b, Const) or not self.regions.chain[b] for b in bounds)

    # writing

    def block(self, block: Block, chain: Chain) -> list[Stmt]:
        """Return the statements of a block with what is kept in it."""
        result: list[Stmt] = []
        for stmt in block.stmts:
            with self.build.block() as before:
                self.build.loc = stmt.loc
                self.prepare(stmt, chain)
            result += before
            rewritten = self.stmt(stmt, chain)
            result.append(rewritten)
            with self.build.block() as after:
                for value in outs(rewritten):
                    self.keep(value)
            result += after
        return result

    def prepare(self, stmt: Stmt, chain: Chain) -> None:
        """Emit what must come before a statement: tapes, old elements, offsets."""
        for tape in self.openings.get(stmt, ()):
            self.version[tape] = self.allocate(tape)
        if isinstance(stmt, Write | Accumulate) and stmt in self.plan.restores:
            old = self.plan.restores[stmt]
            part = self.build.place(stmt.base.type, stmt.path)
            if isinstance(part, Scalar):
                made = self.build.read(stmt.base, stmt.path, old.name)
                self.rename(made, old)
            else:
                base = stmt.base
                view = self.build.view(base, stmt.path) if stmt.path else base
                made = self.build.op("copy", view, name=old.name)
                self.rename(made, old)
            self.keep(old)
        if isinstance(stmt, For | While) and stmt in self.plan.offsets:
            lists = [t for t in self.inside.get(stmt, ()) if isinstance(t.type, ListOf)]
            lists = [t for t in lists if t.loops[-1] is stmt]
            if lists:
                made = self.build.op("length", self.version[lists[0]])
                self.rename(made, self.plan.offsets[stmt])
                self.keep(self.plan.offsets[stmt])

    def rename(self, made: Value, wanted: Value) -> None:
        """Let the statement just emitted define a value that was promised before."""
        stmts = self.build.open[-1]
        last = stmts[-1]
        assert made in outs(last)
        if isinstance(last, Op):
            stmts[-1] = replace(last, outs=(wanted,))
        else:
            other: Any = last
            stmts[-1] = replace(other, out=wanted)

    def allocate(self, tape: Tape) -> Value:
        if isinstance(tape.type, ListOf):
            value: Value = self.build.op(
                "new_list", item=tape.type.item, name=tape.name
            )
            return value
        known = self.regions.definition
        counts = [trip_count(self.build, loop, known) for loop in tape.loops]
        rest = tape.type.dims[len(counts) :]
        lengths = [self.build.length(d) for d in rest]
        value = self.build.op(
            "empty", *counts, *lengths, dtype=tape.type.dtype, name=tape.name
        )
        return value

    def keep(self, value: Value) -> None:
        """Write a value to its tape."""
        if value in self.copies:
            self.build.op("copy", value)
            made = self.build.open[-1][-1]
            assert isinstance(made, Op)
            self.build.open[-1][-1] = replace(made, outs=(self.copies[value],))
        if value in self.plan.lengths:
            length = self.plan.lengths[value]
            self.rename(self.build.op("length", value), length)
            self.keep(length)
        tape = self.tapes.get(value)
        if tape is None:
            return
        version = self.version[tape]
        if isinstance(tape.type, ListOf):
            item: Operand = value
            if owned(value.type):
                item = self.build.op("copy", value)
            self.version[tape] = self.build.push(version, item)
            return
        index = Index(tuple(self.numbers[loop] for loop in tape.loops))
        self.version[tape] = self.build.write(version, (index,), value, once=True)

    def stmt(self, stmt: Stmt, chain: Chain) -> Stmt:
        match stmt:
            case For() | While():
                return self.loop(stmt, chain)
            case If():
                return self.conditional(stmt, chain)
            case _:
                return stmt

    def loop(self, stmt: Loop, chain: Chain) -> Stmt:
        tapes = self.inside.get(stmt, [])
        inits = [self.version[t] for t in tapes]
        inns = [Value(t.name, t.type) for t in tapes]
        self.version.update(zip(tapes, inns, strict=True))
        arm = 0 if isinstance(stmt, For) else 1
        with self.build.block() as head:
            if isinstance(stmt, For):
                self.numbers[stmt] = number(self.build, stmt, stmt.var, lambda x: x)
            for value in inner_outs(stmt):
                self.keep(value)
        body = head + self.block(stmt.body, (*chain, (stmt, arm)))
        carries = tuple(
            Carry(init, inn, self.version[t], Value(t.name, t.type))
            for t, init, inn in zip(tapes, inits, inns, strict=True)
        )
        for t, carry in zip(tapes, carries, strict=True):
            self.version[t] = carry.out
        trips = self.plan.trips.get(stmt, stmt.trips)
        return replace(
            stmt, body=Block(tuple(body)), carries=stmt.carries + carries, trips=trips
        )

    def conditional(self, stmt: If, chain: Chain) -> Stmt:
        tapes = self.inside.get(stmt, [])
        before = [self.version[t] for t in tapes]
        arms: list[list[Stmt]] = []
        ends: list[list[Value]] = []
        for arm, block in enumerate((stmt.then, stmt.orelse)):
            self.version.update(zip(tapes, before, strict=True))
            arms.append(self.block(block, (*chain, (stmt, arm))))
            ends.append([self.version[t] for t in tapes])
        merges = list(stmt.merges)
        for t, a, b in zip(tapes, *ends, strict=True):
            if a is not b:
                self.version[t] = Value(t.name, t.type)
                merges.append(Merge(self.version[t], a, b))
        for arm, inner, out in self.exports.get(stmt, ()):
            merges.append(self.export(arms, arm, inner, out))
        then, orelse = (Block(tuple(a)) for a in arms)
        return replace(stmt, then=then, orelse=orelse, merges=tuple(merges))

    def export(
        self, arms: list[list[Stmt]], arm: int, inner: Value, out: Value
    ) -> Merge:
        """Hand a value out of an arm; the other arm gives a placeholder."""
        with self.build.block() as stmts:
            other = self.build.placeholder(inner.type)
        arms[1 - arm] += stmts
        pair = (inner, other) if arm == 0 else (other, inner)
        return Merge(out, *pair)


_LENGTHS = {"dim", "length", "max2", "slice_length"}


def number(
    build: Builder, loop: For, var: Value, need: Callable[[Operand], Operand]
) -> Operand:
    """Return the number of the turn: the loop variable itself for `range(n)`."""
    if loop.start == const(0) and loop.step == const(1):
        return var
    if loop.step == const(-1):
        return build.op("sub", need(loop.start), var)  # type: ignore[no-any-return]
    gone: Operand = build.op("sub", var, need(loop.start))
    if loop.step != const(1):
        gone = build.op("floordiv", gone, need(loop.step))
    return gone


def trip_count(build: Builder, loop: Loop, known: Mapping[Value, Stmt]) -> Operand:
    """Return how often a loop runs that nothing leaves."""
    assert isinstance(loop, For)
    start, stop, step = loop.start, loop.stop, loop.step
    if all(isinstance(x, Const) for x in (start, stop, step)):
        bounds = [int(x.value) for x in (start, stop, step) if isinstance(x, Const)]
        return const(len(range(*bounds)))
    if step == const(1):
        span = stop if start == const(0) else build.op("sub", stop, start)
    elif step == const(-1):
        span = build.op("sub", start, stop)
    else:
        return build.op("range_length", start, stop, step)  # type: ignore[no-any-return]
    if isinstance(span, Const):
        return span
    made = known.get(span)
    if isinstance(made, Op) and made.row in _LENGTHS:
        return span
    return build.op("max2", const(0), span)  # type: ignore[no-any-return]
