"""Add what several shifted loops add to an array in one loop over its elements.

The adjoint of a stencil adds to `d_u[i]`, to `d_u[i + 1]` and to `d_u[i + 2]`, each in
a nest of its own that reads and writes all of `d_u`. One loop over the elements, to
each of which all nests add in their order, reads and writes it once. Near the ends some
of them have nothing to add: there each is tested.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from itertools import groupby
from typing import Any

from srcgrad import ir
from srcgrad.analyses.accesses import Accesses
from srcgrad.analyses.regions import Regions, regions_of
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import Accumulate, Block, Carry, For, Function, Operand, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.types import Dim
from srcgrad.walk import free, operands, outs, rewrite

Names = dict[Value, Dim]
_WEIGHT = 8  # operations that are done again rather than kept


@dataclass(frozen=True, slots=True)
class Nest:
    """A nest that adds to one element a turn, or stores it: `array[i + 1, j] += ...`.

    `shifts` says for each loop which axis of the array it runs over, and what is added
    to its variable there; `fixed` are the other subscripts.
    """

    loops: tuple[For, ...]
    add: Accumulate | ir.Write
    shifts: tuple[tuple[int, int], ...]
    fixed: tuple[Dim | None, ...]

    @property
    def base(self) -> Operand:
        """The version of the array before the nest."""
        return self.loops[0].carries[0].init

    @property
    def out(self) -> Value:
        """The version of the array after the nest."""
        return self.loops[0].carries[0].out


def gather(function: Function) -> Function:
    """Return the function with one loop for what shifted loops add to an array.

    >>> from srcgrad.passes.lower import lower
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array
    >>> build, vector = Builder(), (Array("float64", (Dim(k),)) for k in (9, 8))
    >>> x, y = map(Value, "xy", vector)
    >>> for part in (ir.Slice(None, const(-1), None), ir.Slice(const(1), None, None)):
    ...     x = build.accumulate(x, (ir.Index((part,)),), y)
    >>> start = build.open[0][0].base
    >>> before = lower(Function("f", (start, y), build.close(), (x,)))
    >>> text = print_function(gather(before))
    >>> text.count("for i"), text.count("accumulate"), text.count("if ")
    (2, 4, 2)
    """
    return replace(function, body=_Gathering(function).block(function.body))


@dataclass(frozen=True, slots=True)
class Fill:
    """A nest that makes an array, element by element, from little arithmetic."""

    loops: tuple[For, ...]
    value: Operand
    weight: int


class _Gathering:
    """The nests of a function that add to arrays."""

    def __init__(self, function: Function) -> None:
        self.regions = regions_of(function)
        self.memory = Accesses(self.regions)

    def block(self, block: Block) -> Block:
        """Return a block with what shifted nests add in one loop."""
        stmts = [rewrite(s, block=self.block) for s in block.stmts]
        k = 0
        while k < len(stmts):
            group = self.group(stmts, k)
            if len(group) > 1:
                nests = [n for _, n in group]
                places, last = {p for p, _ in group}, group[-1][0]
                others = [s for p, s in enumerate(stmts[: last + 1]) if p not in places]
                family = self.memory.family(nests[0].add.base)
                new = self.joined(nests, self.fills(others, {family}))
                stmts = [*others, *new, *stmts[last + 1 :]]
            else:
                k += 1
        return Block((*stmts,))

    def group(self, stmts: Sequence[Stmt], first: int) -> list[tuple[int, Nest]]:
        """Return the nests from one on that can be moved to the last, if they shift."""
        start = self.nest(stmts[first])
        if start is None:
            return []
        group, family = [(first, start)], self.memory.family(start.add.base)
        read = {f for f, _, _ in self.memory.of(stmts[first])}
        for k in range(first + 1, len(stmts)):
            nest = self.nest(stmts[k])
            touched = self.memory.of(stmts[k])
            if nest is not None and self.memory.family(nest.add.base) is family:
                # Of one family may also be what changes places with the array.
                if nest.base is not group[-1][1].out or not self.alike(start, nest):
                    break
                group.append((k, nest))
                read |= {f for f, _, _ in touched}
            elif any(
                f is family or (changes and f in read) for f, changes, _ in touched
            ):
                break
            elif group[-1][1].out in free(stmts[k]):
                break
        shifted = len({nest.shifts for _, nest in group}) > 1
        return group if shifted else []

    def fills(self, stmts: Sequence[Stmt], changed: set[Any]) -> dict[Value, Fill]:
        """Return what arrays of one block can be computed again at its end."""
        found: dict[Value, Fill] = {}
        for stmt in reversed(stmts):
            touched = self.memory.of(stmt)
            fill = self.fill(stmt)
            if fill is not None:
                changes = {f for f, w, _ in touched if w}
                if not changed & {f for f, w, _ in touched if f not in changes}:
                    out = fill.loops[0].carries[0].out
                    if not changes & changed:
                        found[out] = fill
            changed |= {f for f, w, _ in touched if w}
        return found

    def fill(self, stmt: Stmt) -> Fill | None:
        """Return a statement as a nest that makes an array, if it is a cheap one."""
        loops = _loops(stmt)
        if not loops or not isinstance(write := loops[-1].body.stmts[-1], ir.Write):
            return None
        *body, _ = loops[-1].body.stmts
        family, _, place = self.memory.of(write)[0]
        whole = place == tuple(Dim.of(loop.var) for loop in loops)
        ops = [s for s in body if isinstance(s, ir.Op)]
        pure = all(isinstance(s, ir.Op | ir.Read) for s in body)
        if not whole or not pure or any(ROWS[s.row].cost > 1 for s in ops):
            return None
        memory, linear = (
            self.regions.memory(loops[0].carries[0].init),
            self.regions.linear,
        )
        made = self.regions.definition.get(memory.first)
        new = isinstance(made, ir.Op) and made.row in ("empty", "zeros")
        sizes = operands(made) if made is not None and new else ()
        if [linear(n) for n in sizes] != [linear(loop.stop) for loop in loops]:
            return None  # elsewhere it holds what it held
        if any(f is family for s in body for f, _, _ in self.memory.of(s)):
            return None
        if write.value.type.dtype != write.base.type.dtype:
            return None
        return Fill(loops, write.value, len(ops))

    def alike(self, one: Nest, other: Nest) -> bool:
        """Tell whether two nests run over the same range and the same axes."""
        linear = self.regions.linear
        axes = [[axis for axis, _ in n.shifts] for n in (one, other)]
        stops = [[linear(s.stop) for s in n.loops] for n in (one, other)]
        return axes[0] == axes[1] and stops[0] == stops[1] and one.fixed == other.fixed

    def nest(self, stmt: Stmt) -> Nest | None:
        """Return a statement as a nest that adds to elements, if it is one."""
        loops = _loops(stmt)
        if not loops:
            return None
        add = loops[-1].body.stmts[-1]
        if not isinstance(add, Accumulate | ir.Write):
            return None
        body = loops[-1].body.stmts[:-1]
        pure = all(isinstance(s, ir.Op | ir.Read) for s in body)
        families = [f for f, _, _ in self.memory.of(loops[0])]
        own, _, place = self.memory.of(loops[-1])[-1]
        if not pure or place is None or families.count(own) != 1:
            return None
        shifts, fixed = [], list[Dim | None](place)
        for loop in loops:
            axes = [k for k, d in enumerate(place) if d.factor(loop.var)]
            rest = [place[k] - Dim.of(loop.var) for k in axes]
            if len(axes) != 1 or rest[0].known is None or rest[0].const < 0:
                return None  # below zero is another name of an element
            shifts.append((axes[0], rest[0].const))
            fixed[axes[0]] = None
        return Nest(loops, add, (*shifts,), (*fixed,))

    def joined(self, nests: Sequence[Nest], fills: dict[Value, Fill]) -> list[Stmt]:
        """Return the loops over the elements that nests add to."""
        writer = _Writer(self.regions, fills)
        writer.build.loc = nests[0].add.loc
        base = nests[0].base
        assert isinstance(base, Value)
        last = writer.level(0, [(n, {}) for n in nests], base, {})
        (stmts,) = writer.build.open
        return [rewrite(s, makes={last: nests[-1].out}) for s in stmts]


def _loops(stmt: Stmt) -> tuple[For, ...]:
    """Return the loops of a nest that changes one array in its innermost turn."""
    loops: list[For] = []
    while isinstance(stmt, For):
        plain = stmt.exit is None and stmt.trips is None and len(stmt.carries) == 1
        ends = (stmt.start, stmt.step) == (const(0), const(1))
        if not plain or not ends or not ir.owned(stmt.carries[0].inn.type):
            return ()
        loops.append(stmt)
        *more, stmt = stmt.body.stmts
        if isinstance(stmt, For) and more:
            return ()
    return (*loops,)


Placed = tuple[Nest, Names]  # a nest, and its variables in those of the new loops
Tests = dict[Any, Operand]  # by the shifts of nests, whether they add something here


def _shifted(depth: int, nests: list[Placed], i: Dim) -> list[Placed]:
    """Return nests with the variable of one axis, so that all add to one element."""
    low = min(n.shifts[depth][1] for n, _ in nests)
    own = [i - Dim(n.shifts[depth][1] - low) for n, _ in nests]
    pairs = zip(nests, own, strict=True)
    return [(n, {**names, n.loops[depth].var: k}) for (n, names), k in pairs]


class _Writer:
    """Writes loops over the elements of an array."""

    def __init__(self, regions: Regions, fills: dict[Value, Fill]) -> None:
        self.regions, self.fills = regions, fills
        self.build = Builder(trusting=True)

    def version(self, like: Value) -> Value:
        """Return a new value in the place of another, in the same memory."""
        new = ir.twin(like)
        if like in self.regions.buffer:
            self.regions.buffer[new] = self.regions.buffer[like]
        return new

    def level(
        self, depth: int, nests: list[Placed], base: Value,
        valid: Tests, middle: Operand | None = None,
    ) -> Value:  # fmt: skip
        """Write the loop of one axis, and those inside it; return the last version.

        In the `middle` of the axes before this one all nests have something to add,
        elsewhere those that are `valid`.
        """
        loops, op = nests[0][0].loops, self.build.op
        offsets = [n.shifts[depth][1] for n, _ in nests]
        width, stop = max(offsets) - min(offsets), loops[depth].stop
        whole = self.build.sure("add", stop, const(width)) if width else stop

        def turn(i: Dim, base: Value) -> Value:
            k, here = self.build.subscript(i), middle
            if width:
                inside = op("logical_and", op("le", const(width), k), op("lt", k, stop))
                here = op("logical_and", middle, inside) if middle else inside
            tests = self.tests(depth, nests, i, valid)
            return self.level(depth + 1, _shifted(depth, nests, i), base, tests, here)

        if depth + 1 < len(loops):
            return self.loop(loops[depth].var, whole, base, turn)
        var = loops[depth].var

        def split(base: Value) -> Value:
            count = op("max2", 0, op("sub", stop, width)) if width else stop
            base = self.loop(
                var, count, base,
                lambda i, b: self.added(_shifted(depth, nests, i + Dim(width)), b),
            )  # fmt: skip

            def edge(i: Dim, base: Value) -> Value:
                k = self.build.subscript(i)
                last = self.build.sure("add", k, count)
                k = op("where", op("lt", k, const(width)), k, last)
                return self.tested(depth, nests, self.build.dim(k), base, {})

            ends = self.build.sure("sub", whole, count)
            return self.loop(var, ends, base, edge) if width else base

        # Tests would keep the innermost loop from being vectorised: it is split.
        if middle is None:
            return split(base)
        with self.build.block() as then:
            one = split(base)
        with self.build.block() as orelse:
            other = self.apart(depth, nests, base, valid)
        return self.either(middle, then, orelse, (one, other))

    def apart(
        self, depth: int, nests: list[Placed], base: Value, valid: Tests
    ) -> Value:
        """Write what those nests add to one row that have something to add to it."""
        for outer, group in groupby(nests, lambda p: p[0].shifts[:depth]):
            with self.build.block() as then:
                new = base
                for _, same in groupby(group, lambda p: p[0].shifts):
                    row = [*same]
                    loop = row[0][0].loops[depth]

                    def turn(i: Dim, base: Value, row: list[Placed] = row) -> Value:
                        own = [(n, {**at, n.loops[depth].var: i}) for n, at in row]
                        return self.added(own, base)

                    new = self.loop(loop.var, loop.stop, new, turn)
            base = self.either(valid[outer], then, [], (new, base))
        return base

    def tested(
        self, depth: int, nests: list[Placed], i: Dim, base: Value, valid: Tests
    ) -> Value:
        """Write what those nests add to one element that have something to add."""
        tests = self.tests(depth, nests, i, valid)
        for shifts, group in groupby(_shifted(depth, nests, i), lambda p: p[0].shifts):
            with self.build.block() as then:
                new = self.added(group, base)
            base = self.either(tests[shifts], then, [], (new, base))
        return base

    def tests(self, depth: int, nests: list[Placed], i: Dim, valid: Tests) -> Tests:
        """Return what tells, at a place of one more axis, which nests are valid."""
        stop, op = nests[0][0].loops[depth].stop, self.build.op
        low = min(n.shifts[depth][1] for n, _ in nests)
        k, found = self.build.subscript(i), dict[Any, Operand]()
        several = any(n.shifts[depth][1] > low for n, _ in nests)
        for shifts in dict.fromkeys(n.shifts[: depth + 1] for n, _ in nests):
            tests: list[Any] = [valid.get(shifts[:-1])]
            shift = shifts[-1][1] - low
            if several:
                end = self.build.sure("add", stop, const(shift)) if shift else stop
                tests += [op("le", const(shift), k)] * (shift > 0) + [op("lt", k, end)]
            if any(tests):
                found[shifts] = reduce(partial(op, "logical_and"), filter(None, tests))
        return found

    def loop(self, like: Value, count: Operand, base: Value, body: Any) -> Value:
        """Write a loop that changes an array; return its last version."""
        var = Value(like.name, INT)
        inn, out = (self.version(base) for _ in range(2))
        with self.build.block() as stmts:
            last = body(Dim.of(var), inn)
        carry = Carry(base, inn, last, out)
        block = Block((*stmts,))
        loc = self.build.loc
        self.build.emit(For(var, const(0), count, const(1), (carry,), block, loc=loc))
        return out

    def either(
        self, cond: Operand, then: list[Stmt], orelse: list[Stmt],
        ends: tuple[Value, Value],
    ) -> Value:  # fmt: skip
        """Write a branch that changes an array; return its last version."""
        out = self.version(ends[0])
        arms = Block((*then,)), Block((*orelse,))
        merge = ir.Merge(out, *ends)
        self.build.emit(ir.If(cond, *arms, (merge,), loc=self.build.loc))
        return out

    def added(self, nests: Iterable[Placed], base: Value) -> Value:
        """Write what nests add to one element."""
        for nest, names in nests:
            self.build.loc = nest.add.loc
            last = self.body(nest.loops, names, base, _WEIGHT)[nest.add.out]
            assert isinstance(last, Value)
            base = last
        return base

    def body(
        self, loops: tuple[For, ...], names: Names, base: Value | None, weight: int
    ) -> dict[Any, Operand]:
        """Write the innermost turn of a nest; without an array what it is made of."""
        given, names = dict[Any, Operand](), {**names}
        for var, form in names.items():
            given[var] = self.build.subscript(form)
        stmts = loops[-1].body.stmts
        if base is None:
            stmts = stmts[:-1]
        else:
            given[loops[-1].carries[0].inn] = base
        for stmt in stmts:
            if isinstance(stmt, ir.Read | ir.Write | Accumulate):
                (step,) = stmt.path
                forms = None
                if isinstance(step, ir.Index) and step.sure:
                    forms = [self.regions.linear(i).put(names) for i in step.items]  # type: ignore[arg-type]
                    items = tuple(map(self.build.subscript, forms))
                    stmt = replace(stmt, path=(ir.Index(items, sure=True),))
                fill = self.fills.get(stmt.base) if isinstance(stmt, ir.Read) else None
                if fill is not None and forms is not None and fill.weight <= weight:
                    own = {s.var: f for s, f in zip(fill.loops, forms, strict=True)}
                    inner = self.body(fill.loops, own, None, weight - fill.weight)
                    given[stmt.out] = inner.get(fill.value, fill.value)
                    continue
            new = {v: self.version(v) for v in outs(stmt)}
            self.build.emit(rewrite(stmt, given, {**new}))
            given |= new
            names |= {v: Dim.of(w) for v, w in new.items() if v.type.dtype == "int64"}
        return given
