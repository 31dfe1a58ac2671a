"""Put what the plan wants kept into the forward sweep.

A value inside loops is written to a tape: an array indexed by the numbers of the turns
where all trip counts are known before the outermost loop, a list read by index
otherwise. A value inside an arm of an `if` first leaves the arm through a merge. Tapes
are ordinary write-once buffers, threaded through the regions around the writes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.finality import most
from srcgrad.analyses.regions import Chain, Regions
from srcgrad.builder import INT, Builder, const
from srcgrad.errors import make_error
from srcgrad.ir import Const, Loop, Operand, Stmt, Update, Value, owned
from srcgrad.types import Array, Dim, ListOf, Scalar, is_inexact
from srcgrad.walk import blocks, every, inner_outs, operands, outs


def unkept(name: str) -> Exception:
    """Return the error of a list made inside a loop that is needed backward."""
    what = f"the list `{name}` grows inside a loop and is needed backward"
    helps = ("store its items in an array made before the loop",)
    return make_error("SG205", what, helps=helps)


@dataclass(slots=True)
class Plan:
    """What the dry runs asked for: all that passes from one run to the next.

    `counts` are numbers that the sweep itself needs: the turns of a loop ("trips"), the
    length of a version of a list ("at"), or of the tapes when a loop begins ("first").
    """

    saves: dict[Value, None] = field(default_factory=dict)
    restores: dict[Update, Value] = field(default_factory=dict)
    counts: dict[tuple[str, Stmt | Value], Value] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Tape:
    """One buffer that keeps one value for each turn of its loops.

    `loops` are those in whose turns the value may be another one, from the outside in.
    `most` tells how many turns of a loop there are at most, where that is all that is
    known before them; `cut` is where what is kept ends, if the tape goes on. Where each
    turn begins with what is kept, `ahead` is what it ends with: it is one turn ahead.
    """

    type: Array | ListOf
    chain: Chain
    version: Value
    loops: tuple[Loop, ...]
    most: dict[Loop, Dim] = field(default_factory=dict)
    cut: Dim | Operand | None = None
    ahead: Value | None = None

    def rows(self, numbers: Mapping[Any, Operand], build: Builder) -> ir.Path:
        """Return where an array keeps what belongs to the turns of these numbers."""
        items: list[ir.Item] = [numbers[loop] for loop in self.loops]
        if self.cut is not None:
            cut: Any = self.cut
            end = build.length(cut) if isinstance(cut, Dim) else build.fetch(cut)
            items.append(ir.Slice(None, end, None))
        return (ir.Index(tuple(items)),)

    def goes_on(self, loop: Loop, other: "Tape") -> bool:
        """Tell whether what another tape keeps of a loop's turns may be kept here."""
        listed = isinstance(self.type, ListOf)
        return (
            self is not other
            and other.ahead is None
            and self.chain == other.chain
            and self.loops == other.loops
            and self.loops[-1] is loop
            and (len(self.loops) == 1 if listed else loop.exit is None)
            and (self.cut, other.cut) == (None, None)
            and isinstance(other.type, ListOf) == listed
            and self.item == other.item
        )

    @property
    def item(self) -> tuple[Any, ...]:
        """The kind of what it keeps of a turn."""
        if isinstance(self.type, ListOf):
            return (self.type.item,)
        return self.type.dtype, self.type.dims[len(self.loops) :]

    def renew(self) -> Value:
        """Make a new version the present one."""
        self.version = Value(self.version.name, self.type)
        return self.version


class Recorder:
    """The forward sweep with its tapes, and where it keeps what was asked for."""

    def __init__(self, regions: Regions, plan: Plan) -> None:
        self.regions, self.plan = regions, plan
        self.build = Builder(trusting=True)
        self.tapes: dict[Value, Tape] = {}
        self.copies: dict[Value, Value] = {}
        self.exports: dict[Stmt, list[tuple[int, Value, Value]]] = {}
        self.numbers: dict[Loop, Operand] = {}
        self.turns: dict[Loop, Loop] = {}  # the joined loops, in the forward sweep
        self.place = {value: self.house(value) for value in plan.saves}
        self.ends: dict[Value, Tape] = {}
        self.share()
        self.stmts = self.block(regions.function.body, regions.function.params)

    def house(self, value: Value) -> Value | Tape:
        """Return where a value is kept: in a value of the top, or on a tape."""
        home, chain = value, self.regions.beyond(value)
        if owned(value.type) and any(isinstance(s, Loop) for s, _ in chain):
            # An array goes from an arm to its place, if there is one for each turn.
            tape = self.tape(value, value, chain)
            if isinstance(tape.type, Array) and self.regions.settled(value.type.dims):
                self.tapes[value] = tape
                return tape
        if owned(value.type) and (not chain or isinstance(chain[-1][0], ir.If)):
            # The copy is taken where the value is made: the arm may go on to change it.
            home = self.copies[value] = Value(f"{value.name}_kept", value.type)
        while chain and isinstance(chain[-1][0], ir.If):
            stmt, arm = chain[-1]
            out = Value(value.name, self.build.loosen(value.type))
            self.exports.setdefault(stmt, []).append((arm, home, out))
            home, chain = out, chain[:-1]
        if not chain:
            return home
        self.tapes[home] = tape = self.tape(value, home, chain)
        return tape

    def share(self) -> None:
        """Keep what a turn hands on to the next only once, if both need it.

        It is on the tape of what turns begin with, one turn ahead. What the last turn
        hands on is added behind the loop.
        """
        body = every(self.regions.function.body)
        for loop in (s for s in body if isinstance(s, ir.For | ir.While)):
            for c in loop.carries:
                tape, last = self.tapes.get(c.inn), c.yld
                other = self.tapes.get(last) if isinstance(last, Value) else None
                if tape and other and tape.goes_on(loop, other):
                    assert isinstance(last, Value)
                    self.ends[c.out] = self.place[last] = tape
                    tape.ahead = last
                    del self.tapes[last]

    def tape(self, value: Value, home: Value, chain: Chain) -> Tape:
        """Return a tape for what stands for a value in a region."""
        item: Any = home.type
        if isinstance(item, ListOf):
            raise unkept(value.name)
        type, loops = ListOf(item), tuple(s for s, _ in chain if isinstance(s, Loop))
        tape = Tape(type, chain, Value(f"{self.title(value)}_saved", type), loops)
        self.lay_out(tape, item, value)
        return tape

    def title(self, value: Value) -> str:
        """Return the name of what is kept: that of the whole for a part."""
        made = self.regions.definition.get(value)
        return (
            value.name or (made.base.name if isinstance(made, ir.View) else "") or "t"
        )

    def lay_out(self, tape: Tape, item: Scalar | Array, value: Value) -> None:
        """Make a tape an array if it is known beforehand how long it may become.

        It has an axis for each loop that the value depends on: other loops come upon
        the same values again.
        """
        regions, dims = self.regions, item.dims
        loops = tape.loops
        if len(loops) > 1 and value in regions.definition:
            arms = (s.cond for s, _ in regions.chain[value] if isinstance(s, ir.If))
            behind = set().union(*map(regions.loops_behind, (value, *arms)))
            loops = tuple(s for s in tape.loops if s in behind) or tape.loops[-1:]
        if not all(s.exit is None and isinstance(s, ir.For) for s in loops[1:]):
            return
        axes = len(loops) - 1 + len(dims)
        if not isinstance(loops[0], ir.For) or not few(regions, loops[0], axes):
            return
        open_loops = [s for s in loops if any(map(regions.beyond, bounds(s)))]
        limits = [most_turns(regions, s) for s in open_loops]
        if not regions.settled(dims):
            limits.append(most(regions, dims[0], tape.chain))
        # Where lengths differ from turn to turn, such a tape is up to twice as long as
        # what is kept, and more with two of them.
        known = [limit for limit in limits if limit is not None]
        if len(known) < len(limits) or len(limits) > 1 or not regions.settled(dims[1:]):
            return
        if not regions.settled(dims):
            tape.cut, dims = self.end(dims[0], *known), (*known, *dims[1:])
        tape.loops, tape.most = loops, dict(zip(open_loops, known, strict=False))
        counts = tuple(Dim.of(Value("n", INT)) for _ in loops)
        tape.type = tape.version.type = Array(item.dtype, (*counts, *dims))

    def end(self, length: Dim, row: Dim) -> Dim | Operand:
        """Return where a part ends: of `x[:k]` that is k, in a row as long as `x`."""
        (atom, _), *_ = length.terms
        made = self.regions.definition.get(atom)
        if length == Dim.of(atom) and isinstance(made, ir.Op):
            if made.attrs.get("given") == (False, True, False):
                if self.regions.linear(made.args[0]) == row:
                    return made.args[1]
        return length

    def block(self, block: ir.Block, given: Sequence[Value] = ()) -> list[Stmt]:
        """Return the statements of a block with what is kept in it."""
        with self.build.block() as stmts:
            for value in given:
                self.keep(value)
            for stmt in block.stmts:
                self.build.loc = stmt.loc
                self.prepare(stmt)
                if isinstance(stmt, Loop):
                    stmt = self.loop(stmt)
                elif isinstance(stmt, ir.If):
                    stmt = self.conditional(stmt)
                if stmt not in self.turns.values():
                    self.build.emit(stmt)
                for value in outs(stmt):
                    self.keep(value)
        return stmts

    def prepare(self, stmt: Stmt) -> None:
        """Emit what must come before a statement: tapes, old elements, lengths."""
        tapes = self.tapes.values() if blocks(stmt) else ()
        for tape in tapes:
            if tape.chain[0][0] is stmt:
                tape.version = self.allocate(tape)
        if isinstance(stmt, ir.Write | ir.Accumulate) and stmt in self.plan.restores:
            old = self.plan.restores[stmt]
            if owned(old.type):
                part = self.build.view(stmt.base, stmt.path)
                self.build.emit(ir.Op("copy", (part,), (old,), loc=stmt.loc))
            else:
                self.build.emit(ir.Read(stmt.base, stmt.path, old, stmt.loc))
            self.keep(old)
        for tape in tapes:
            if isinstance(tape.type, ListOf) and tape.loops[-1] is stmt:
                self.measure("first", stmt, tape.version)
                break

    def allocate(self, tape: Tape) -> Any:
        build, name, made = self.build, tape.version.name, self.regions.definition
        if isinstance(tape.type, ListOf):
            return build.op("new_list", item=tape.type.item, name=name)
        counts = [self.trips(s, tape.most.get(s)) for s in tape.loops]
        if tape.ahead is not None:
            counts[-1] = build.op("add", counts[-1], const(1))
        counts += [cut_off(build, d, made) for d in tape.type.dims[len(counts) :]]
        return build.op("empty", *counts, dtype=tape.type.dtype, name=name)

    def trips(self, loop: Loop, most: Dim | None = None) -> Any:
        """Return how often a loop runs, or at most, by what its bounds are made of."""
        assert isinstance(loop, ir.For)
        for x in (loop.start, loop.stop):
            self.build.linear.setdefault(x, self.regions.linear(x))
        return trip_count(self.build, loop, self.regions.definition, most)

    def measure(self, what: str, key: Stmt | Value, version: Value) -> None:
        """Note the length of a list, if it was asked for."""
        count = self.plan.counts.get((what, key))
        if count is not None:
            self.build.emit(ir.Op("length", (version,), (count,), loc=self.build.loc))
            self.keep(count)

    def keep(self, value: Value) -> None:
        """Write a value to its tape."""
        if value in self.copies:
            copy = self.copies[value]
            self.build.emit(ir.Op("copy", (value,), (copy,), loc=self.build.loc))
        self.measure("at", value, value)
        if value in self.tapes:
            self.store(self.tapes[value], value)
        if value in self.ends:
            tape = self.ends[value]
            if isinstance(loop := tape.loops[-1], ir.For) and not loop.exit:
                self.numbers[loop] = self.trips(loop)
            self.store(tape, value)

    def store(self, tape: Tape, value: Value) -> None:
        """Write a value to a tape."""
        if isinstance(tape.type, ListOf):
            made = owned(value.type) and value not in self.plan.restores.values()
            item = self.build.op("copy", value) if made else value
            tape.version = self.build.push(tape.version, item)
        else:
            # Where a loop is left out its turns write the same again: of floats the
            # last has the cotangent.
            once = len(tape.loops) == sum(isinstance(s, Loop) for s, _ in tape.chain)
            once |= not is_inexact(value.type.dtype)
            path = tape.rows(self.numbers, self.build)
            tape.version = self.build.write(tape.version, path, value, once=once)

    def through(self, stmt: Stmt) -> list[Tape]:
        """Return the tapes that are written inside a region."""
        return [t for t in self.tapes.values() if stmt in dict(t.chain)]

    def loop(self, stmt: Loop) -> Stmt:
        tapes = self.through(stmt)
        inits, inns = [t.version for t in tapes], [t.renew() for t in tapes]
        with self.build.block() as head:
            if isinstance(stmt, ir.For):
                self.numbers[stmt] = number(self.build, stmt, stmt.var)
        body = ir.Block((*head, *self.block(stmt.body, inner_outs(stmt))))
        hands = zip(tapes, inits, inns, strict=True)
        added = [ir.Carry(init, inn, t.version, t.renew()) for t, init, inn in hands]
        trips = self.plan.counts.get(("trips", stmt), stmt.trips)
        carries = (*stmt.carries, *added)
        new = replace(stmt, body=body, carries=carries, trips=trips)
        if stmt in self.regions.joined:
            self.turns[stmt] = new
        return new

    def conditional(self, stmt: ir.If) -> Stmt:
        tapes = self.through(stmt)
        before = [t.version for t in tapes]
        arms: list[list[Stmt]] = []
        ends: list[list[Value]] = []
        for block in (stmt.then, stmt.orelse):
            for tape, version in zip(tapes, before, strict=True):
                tape.version = version
            arms.append(self.block(block))
            ends.append([t.version for t in tapes])
        merges = list(stmt.merges)
        for tape, a, b in zip(tapes, *ends, strict=True):
            if a is not b:
                merges.append(ir.Merge(tape.renew(), a, b))
        for arm, inner, out in self.exports.get(stmt, ()):
            with self.build.block() as stmts:
                other = self.build.placeholder(inner.type)
            arms[1 - arm] += stmts
            pair = (other, inner) if arm else (inner, other)
            merges.append(ir.Merge(out, *pair))
        then, orelse = (ir.Block(tuple(a)) for a in arms)
        return replace(stmt, then=then, orelse=orelse, merges=tuple(merges))


def bounds(loop: Loop) -> list[Operand]:
    """Return what a loop asks before its first turn."""
    return [*operands(replace(loop, carries=()))]


def few(regions: Regions, loop: ir.For, axes: int) -> bool:
    """Tell whether a loop runs as often as it says, or stops in a few turns at most.

    There are fewer the more `axes` what is kept of a turn has: room for a thousand
    arrays may not be there, where five turns are all there ever are.
    """
    if loop.exit is None:
        return True
    span = (regions.linear(loop.stop) - regions.linear(loop.start)).known
    return span is not None and abs(span) <= _FEW >> 4 * axes


def most_turns(regions: Regions, loop: Loop) -> Dim | None:
    """Return how often a loop runs at most, as known before the outermost loop."""
    assert isinstance(loop, ir.For)
    if loop.step not in (const(1), const(-1)):
        return None
    span = regions.linear(loop.stop) - regions.linear(loop.start)
    span = span if loop.step == const(1) else span.scaled(-1)
    return most(regions, span, regions.site[loop].chain)


def number(
    build: Builder, loop: ir.For, var: Value,
    need: Callable[[Operand], Operand] = lambda x: x,
) -> Operand:  # fmt: skip
    """Return the number of the turn: the loop variable itself for `range(n)`."""
    start = need(loop.start)
    down = loop.step == const(-1)
    made: Operand = build.op("sub", *((start, var) if down else (var, start)))
    if loop.step not in (const(1), const(-1)):
        made = build.op("floordiv", made, need(loop.step))
    return made


def turns(build: Builder, start: Operand, stop: Operand, step: Operand) -> Any:
    """Return how often a loop runs, written where it may be that it never does."""
    sure = isinstance(step, Const) and step.value != 0
    return build.op("range_length" if sure else "trips", start, stop, step)


def trip_count(
    build: Builder, loop: Loop, known: Mapping[Any, Stmt], most: Dim | None = None
) -> Any:
    """Return how often a loop runs that nothing leaves, or that it runs at most."""
    assert isinstance(loop, ir.For)
    start, stop, step = bounds = (loop.start, loop.stop, loop.step)
    if step not in (const(1), const(-1)):
        return turns(build, *bounds)
    if most is not None:
        return cut_off(build, most, known)
    span = build.op("sub", *((stop, start) if step == const(1) else (start, stop)))
    return span if is_length(span, known) else build.op("max2", const(0), span)


def cut_off(build: Builder, dim: Dim, known: Mapping[Any, Stmt]) -> Any:
    """Return a length that is zero where a number asked for less."""
    length = build.length(dim)
    cut = dim.const < 0 or any(factor < 0 for _, factor in dim.terms)
    if cut or all(is_length(x, known) for x, _ in dim.terms):
        return length
    return build.op("max2", const(0), length)


def is_length(x: Operand, known: Mapping[Any, Stmt]) -> bool:
    """Tell whether an integer was made as a length."""
    made = known.get(x)
    return isinstance(made, ir.Op) and made.row in _LENGTHS


_FEW = 1024  # turns with room for a number each, though the loop may end before
_LENGTHS = {"dim", "length", "max2", "slice_length"}
