"""Join loops that run over the same range, and hand on numbers instead of arrays.

Two nests of one block become one if they turn equally often, one can be moved to the
other past what stands between them, and memory that either changes is only touched by
both at the same subscripts of the loop variables: then no turn of one needs anything of
another turn of the other. A number that a turn stores and reads again is handed on as
it is, so an array that nothing else reads is never made.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeGuard

from srcgrad import ir
from srcgrad.analyses.accesses import Accesses, Place
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Buffer, regions_of
from srcgrad.ir import Block, Carry, Const, For, Function, Operand, Stmt, Value, owned
from srcgrad.types import Dim, Scalar
from srcgrad.walk import blocks, every, free, operands, outs, reads, rewrite, uses


def fuse(function: Function) -> Function:
    """Return the function with loops joined that run over the same range.

    >>> from srcgrad.builder import Builder
    >>> from srcgrad.passes.dead_code import remove_dead_code
    >>> from srcgrad.passes.lower import lower
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array
    >>> x, build = Value("x", Array("float64", (Dim(3),))), Builder()
    >>> y = build.op("sin", build.op("mul", x, 2.0), name="y")
    >>> before = lower(Function("f", (x,), build.close(), (y,)))
    >>> print(print_function(remove_dead_code(fuse(before))), end="")
    function f(x.0: float64[3])
      y.0: float64[3] = empty(3, dtype='float64')
      for i.0 in 0, 3, 1
        carry y.1: float64[3] = y.0
        t.0: float64 = read x.0[i.0]
        t.1: float64 = mul(t.0, 2.0)
        t.2: float64 = sin(t.1)
        y.2 = write y.1[i.0], t.2
        yield y.1 = y.2 -> y.3
      return y.3
    """
    joining = _Joining(function)
    joined = replace(function, body=joining.block(function.body))
    return rewrite(joined, {x: joining.given(x) for x in joining.names})


class Touch(NamedTuple):
    """The memory that is changed, the places of all that is touched, and any check."""

    changed: set[Buffer]
    places: Mapping[Buffer, set[Place]]
    checks: bool

    def shared(self, other: Touch) -> set[Buffer]:
        """Return what both touch and one of them changes."""
        both = self.places.keys() & other.places.keys()
        return both & (self.changed | other.changed) if both else both

    def joined(self, other: Touch) -> Touch:
        """Return what either touches."""
        both = self.places.keys() & other.places.keys()
        places = {**self.places, **other.places}
        places |= {f: self.places[f] | other.places[f] for f in both}
        checks = self.checks or other.checks
        return Touch(self.changed | other.changed, places, checks)


class _Joining:
    """The loops of a function, and the memory they touch."""

    def __init__(self, function: Function) -> None:
        self.regions = regions_of(function)
        self.bounds = Bounds(self.regions)
        self.memory, self.count = Accesses(self.regions), uses(function)
        self.same: dict[Value, Value] = {}  # the variable that a loop has now
        self.names: dict[Any, Operand] = {}  # what stands for a number read again
        # Of a statement: the memory it touches, of a nest also what it runs over.
        self.touches: dict[Stmt, Touch] = {}
        self.ranges: dict[Stmt, list[list[Dim]]] = {}
        # What made a version: where that is in scope, so is the number it stored.
        self.written: dict[Any, ir.Write | ir.Accumulate] = {}

    def given(self, x: Operand) -> Operand:
        """Return what stands for a number."""
        while x in self.names:
            x = self.names[x]
        return x

    def block(self, block: Block) -> Block:
        """Return a block with its loops joined, and those inside them."""
        stmts: list[Stmt] = [*block.stmts]
        # What only one nest reads is best made there; then what else can be one.
        for feeding in (True, False):
            todo, stmts = stmts, []
            for stmt in todo:
                stmts = self.joined(stmts, stmt, feeding)
        return Block((*self.forwarded(stmts),))

    def joined(self, stmts: list[Stmt], loop: Stmt, feeding: bool) -> list[Stmt]:
        """Return statements with one more, a loop joined to an earlier one if legal."""
        if not _is_plain(loop):
            return [*stmts, loop]
        read, turns = free(loop).keys(), self.range([loop])
        for k in range(len(stmts) - 1, -1, -1):
            first = stmts[k]
            if not _is_plain(first) or (feeding and read.isdisjoint(outs(first))):
                continue
            if self.range([first]) != turns or (
                feeding and not self.feeds(first, loop)
            ):
                continue
            if self.may_join(first, loop):
                # What has become one may be joined to yet an earlier one.
                between = stmts[k + 1 :]
                if self.may_sink(first, between):
                    head = [*stmts[:k], *between]
                    return self.joined(head, self.one(first, loop), feeding)
                # Most often another loop is in the way.
                if self.may_rise(loop, [s for s in between if blocks(s)]):
                    early, late = self.sorted(first, between)
                    if self.may_rise(loop, late):
                        head = [*stmts[:k], *early]
                        one = self.joined(head, self.one(first, loop), feeding)
                        return [*one, *late]
        return [*stmts, loop]

    def feeds(self, first: For, loop: For) -> bool:
        """Tell whether a nest alone reads what another one makes."""
        count = Counter(reads([loop]))
        made = free(loop).keys() & outs(first)
        return all(self.count[out] == count[out] for out in made)

    def range(self, nest: Sequence[For]) -> list[list[Dim]]:
        """Return what the loops of a nest run over."""
        found = self.ranges.get(nest[0], [])
        for loop in nest[len(found) :]:
            ends = loop.start, loop.stop, loop.step
            found.append([*map(self.regions.linear, ends)])
        self.ranges[nest[0]] = found
        return found[: len(nest)]

    def touch(self, stmt: Stmt) -> Touch:
        """Return the memory that a statement touches, and where."""
        if stmt not in self.touches:
            changed, places = set[Buffer](), defaultdict[Buffer, set[Place]](set)
            for family, changes, place in self.memory.of(stmt):
                places[family].add(place)
                if changes:
                    changed.add(family)
            checks = any(isinstance(s, ir.Assert) for s in every(Block((stmt,))))
            self.touches[stmt] = Touch(changed, places, checks)
        return self.touches[stmt]

    def place(self, stmt: Any) -> Place:
        """Return the subscripts of an element with the loop variables there are now."""
        return self.renamed(self.memory.of(stmt)[0][2])

    def renamed(self, place: Place, also: Mapping[Value, Dim] = {}) -> Place:
        """Return subscripts with the loop variables there are now."""
        if place is None:
            return None
        atoms = {a for d in place for a, _ in d.terms}
        names = {a: Dim.of(self.now(a)) for a in atoms if a in self.same}
        return tuple(d.put(names).put(also) for d in place)

    def now(self, var: Value) -> Value:
        """Return the variable of a loop after it was joined."""
        while var in self.same:
            var = self.same[var]
        return var

    def may_join(self, first: For, second: For) -> bool:
        """Tell whether turns of two nests touch the same elements, or none changes."""
        ones, others = _common(first, second)
        if not ones or self.range(ones) != self.range(others):
            return False
        one, other = self.touch(first), self.touch(second)
        own = [self.now(a.var) for a in ones]
        given = {self.now(b.var): Dim.of(a) for a, b in zip(own, others, strict=True)}
        for family in one.shared(other):
            places = [self.renamed(p) for p in one.places[family]]
            places += [self.renamed(p, given) for p in other.places[family]]
            known = [p for p in places if p is not None]
            if len(known) < len(places):
                return False
            # The subscripts of an axis that all have in common.
            axes = (set(axis) for axis in zip(*known, strict=False))
            common = [axis.pop() for axis in axes if len(axis) == 1]
            if not self.are_apart(common, own):
                return False
        # What one adds up the other must not need.
        made = {c.out for c in first.carries if not owned(c.out.type)}
        return made.isdisjoint(free(second))

    def are_apart(self, place: Sequence[Dim], turns: Sequence[Value]) -> bool:
        """Tell whether no two turns of a nest have the same subscripts."""
        # One below zero is another name of an element.
        place = [d for d in place if self.bounds.holds(d)]
        left = {*turns}
        for _ in turns:
            for d in place:
                new = left.intersection(a for a, _ in d.terms)
                if len(new) == 1 and all(d.factor(v) == 1 for v in new):
                    left -= new
        return not left

    def may_sink(self, first: For, between: Sequence[Stmt]) -> bool:
        """Tell whether a loop can be moved behind what follows it."""
        made, mine = outs(first), self.touch(first).places.keys()
        return all(
            free(s).keys().isdisjoint(made) and mine.isdisjoint(self.touch(s).changed)
            for s in between
        )

    def sorted(
        self, first: For, between: Sequence[Stmt]
    ) -> tuple[list[Stmt], list[Stmt]]:
        """Return what may stand before a loop as well as behind it, and the rest.

        That is what depends on numbers alone; of checks the earlier are the better. An
        element of a version that is there before the loop is not changed by it.
        """
        early, late, made = list[Stmt](), list[Stmt](), {*outs(first)}
        for s in between:
            light = isinstance(s, ir.Op | ir.Assert)
            light = light and not any(owned(x.type) for x in operands(s))
            if isinstance(s, ir.Read):  # no check keeps it inside its array
                light = not any(isinstance(x, ir.Assert) for x in late)
            if light and made.isdisjoint(operands(s)):
                early.append(s)
            else:
                late.append(s)
                made |= {*outs(s)}
        return early, late

    def may_rise(self, loop: For, between: Sequence[Stmt]) -> bool:
        """Tell whether a loop can be moved before what stands in front of it."""
        read, mine = free(loop).keys(), self.touch(loop)
        for s in reversed(between):  # what it needs stands near it
            if not read.isdisjoint(outs(s)) or mine.shared(self.touch(s)):
                return False
            if self.touch(s).checks:
                return False  # it may be what keeps the loop inside its arrays
        return True

    def one(self, first: For, second: For) -> For:
        """Return the loop that does what two did, turn by turn."""
        made = {c.out: c for c in first.carries}
        names: dict[Any, Operand] = {second.var: first.var}
        before: dict[Any, Operand] = {}
        carries = list(first.carries)
        for c in second.carries:
            mine = made.get(c.init)  # type: ignore[arg-type]
            if mine is None:
                carries.append(c)
                if owned(c.inn.type):
                    before[c.init] = c.inn
            else:
                names[c.inn] = mine.yld
                carries[carries.index(mine)] = Carry(mine.init, mine.inn, c.yld, c.out)
        names |= {c.out: c.yld for c in first.carries}
        self.same[second.var] = first.var
        # A version that the second loop changes is read in the turn's own state.
        before = {x: v for x, v in before.items() if x in free(first)}
        head = rewrite(first.body, before).stmts
        tail = rewrite(second.body, names).stmts
        carries = [
            replace(c, init=c.init, yld=names.get(c.yld, c.yld)) for c in carries
        ]
        body = [*head, *tail]
        if len(_common(first, second)[0]) > 1:
            body = [self.one(*body)]  # type: ignore[arg-type]
        new = replace(first, carries=(*carries,), body=Block((*body,)))
        self.touches[new] = self.touch(first).joined(self.touch(second))
        return new

    def forwarded(self, stmts: Sequence[Stmt]) -> list[Stmt]:
        """Return statements that use a number as it is where it has just been stored.

        What is added to it there is added before it is stored; what an element holds is
        not stored in it again.
        """
        count = Counter(reads(stmts))
        read: dict[Any, list[ir.Read]] = defaultdict(list)
        out: list[Stmt] = []
        for stmt in stmts:
            stmt = rewrite(stmt, block=self.block)
            base = self.given(getattr(stmt, "base", None))  # type: ignore[arg-type]
            last = self.written.get(base)
            if last is not None and not self.same_place(last, stmt):
                last = None
            if isinstance(stmt, ir.Read):
                if isinstance(last, ir.Write):
                    self.names[stmt.out] = last.value
                    continue
                read[base].append(stmt)
            if isinstance(stmt, ir.Accumulate) and last is not None:
                if count[base] == 1 and last in out:
                    out.remove(last)
                    stmt = self.summed(last, stmt, out)
            if isinstance(stmt, ir.Write):
                base = self.given(stmt.base)
                found = [r for r in read[base] if r.out is self.given(stmt.value)]
                if found and self.same_place(stmt, found[0]):
                    self.names[stmt.out] = base
                    count[base] += count[stmt.out] - 1
                    continue
            if isinstance(stmt, ir.Write | ir.Accumulate):
                self.written[stmt.out] = stmt
            out.append(stmt)
        return out

    def same_place(self, last: ir.Write | ir.Accumulate, stmt: Any) -> bool:
        """Tell whether a statement is about the element that was stored last."""
        if not isinstance(stmt, ir.Read | ir.Accumulate):
            return False
        value = stmt.out if isinstance(stmt, ir.Read) else stmt.value
        dtypes = {x.type.dtype for x in (last.value, value, last.base)}
        if len(dtypes) > 1 or value.type.rank > 0:
            return False
        place = self.place(stmt)
        return place is not None and place == self.place(last)

    def summed(
        self, last: ir.Write | ir.Accumulate, stmt: ir.Accumulate, out: list[Stmt]
    ) -> ir.Write:
        """Write two updates of one element as one store of the sum."""
        number = Scalar(stmt.base.type.dtype)
        total = last.value
        if isinstance(last, ir.Accumulate):
            held, total = Value("", number), Value("", number)
            out.append(ir.Read(last.base, last.path, held, last.loc))
            out.append(ir.Op("add", (held, last.value), (total,), loc=last.loc))
        both: Operand = stmt.value
        if not (isinstance(total, Const) and total.value == 0):
            both = Value("", number)
            out.append(ir.Op("add", (total, stmt.value), (both,), loc=stmt.loc))
        new = ir.Write(last.base, last.path, both, stmt.out, stmt.loc)
        self.memory.touched[new] = self.memory.of(last)
        return new


def _nest(loop: For) -> list[For]:
    """Return a loop and those that are all there is inside the one before."""
    found, inner = [loop], loop.body.stmts
    while len(inner) == 1 and isinstance(inner[0], For):
        found.append(inner[0])
        inner = inner[0].body.stmts
    return found


def _common(first: For, second: For) -> tuple[list[For], list[For]]:
    """Return the loops of two nests that could be joined, the outermost ones first.

    Those are all, or all but what one adds up in each of its turns.
    """
    ones, others = _nest(first), _nest(second)
    depth = min(len(ones), len(others))
    if len(ones) != len(others):
        short = ones if len(ones) == depth else others
        if not any(isinstance(s, For) for s in short[-1].body.stmts):
            return [], []
    return ones[:depth], others[:depth]


def _is_plain(stmt: Stmt) -> TypeGuard[For]:
    """Tell whether a loop turns a number of times that is known before it."""
    return isinstance(stmt, For) and stmt.exit is None and stmt.trips is None
