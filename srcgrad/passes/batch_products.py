"""Make the products of all turns of a loop one product before it.

A loop that multiplies another row by the same matrix in each turn reads the matrix from
memory as often as it turns. What all rows make together is one product of matrices,
which works on blocks that stay near the processor; so is its adjoint.

A product is taken out of a loop over `i` if

- one factor is `x[.., i, ..]`, of which the rows `start:stop` are taken, and the other
  one is the same in each turn, or is cut on its free axis as `y[:, i:]` or `y[: i + 1]`
  are: no more than twice as much is then computed as is used;
- what a turn reads is what was there before the loop: whatever the loop writes to that
  array lies apart, or in the same turn's own row (a row counts from the beginning);
- no turn is left out: the product stands in the loop itself, which is not left early;
- the result is no larger than what is there anyway: it goes, element by element, to the
  turn's own place in an array, or it has no more elements than the rows.

What is used of the result is as it was, but for rounding. Where checks called `APART`
fail, that factors fit, or are finite where a turn leaves out some of a row (the adjoint
multiplies it by zero), the function is made again with its products in their loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from srcgrad import ir
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Regions, regions_of
from srcgrad.builder import DIFFER, Builder, const
from srcgrad.ir import Const, For, Function, Index, Op, Operand, Slice, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.types import Dim
from srcgrad.walk import (
    blocks,
    consumed,
    every,
    inner_operands,
    instead,
    operands,
    outs,
)

FLOATS = {"float32", "float64"}
APART = f"{DIFFER}before a loop"
_SHORT = 8  # turns that take less time than a call
_ALL = Slice(None, None, None)
_TURN = (ir.Permute((1, 0)),)
NUMBERS = {"add", "sub", "mul", "neg", "max2", "slice_length"}


class Stays(Exception):
    """A loop cannot be rewritten: something in it stays where it is."""


class Part(NamedTuple):
    """An operand as a part of an array: an item for each axis of the array."""

    base: Value
    items: list[Any]


def batch_products(function: Function) -> Function:
    """Return the function with products of rows taken out of loops.

    >>> from srcgrad.builder import INT
    >>> from srcgrad.passes.dead_code import remove_dead_code
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array
    >>> x, w = (Value(n, Array("float64", (Dim(4), Dim(4)))) for n in "xw")
    >>> i, build = Value("i", INT), Builder()
    >>> y = build.op("zeros", 4, 4, name="y")
    >>> inn, out = (Value("y", y.type) for _ in range(2))
    >>> row = (Index((i,)),)
    >>> with build.block() as body:
    ...     last = build.write(inn, row, build.op("matmul", build.view(x, row), w))
    >>> carry = ir.Carry(y, inn, last, out)
    >>> _ = build.emit(For(i, *map(const, (0, 4, 1)), (carry,), ir.Block((*body,))))
    >>> before = Function("f", (x, w), build.close(), (out,))
    >>> print(print_function(remove_dead_code(batch_products(before))), end="")
    function f(x.0: float64[4, 4], w.0: float64[4, 4])
      y.0: float64[4, 4] = zeros(4, 4)
      products.0: float64[4, 4] = matmul(x.0, w.0)
      for i.0 in 0, 4, 1
        carry y.1: float64[4, 4] = y.0
        t.0: float64[4] = view products.0[i.0]
        y.2 = write y.1[i.0], t.0
        yield y.1 = y.2 -> y.3
      return y.3
    """
    return rewrite_loops(function, _batched)


def rewrite_loops(
    function: Function, rule: Callable[[Regions, For], list[Stmt] | None]
) -> Function:
    """Return the function with other statements for loops, inner ones first.

    The rule returns what stands for a loop, None for the loop itself; what is new is
    looked at again.
    """
    while any(isinstance(s, For) for s in function.body.stmts):
        regions, new = regions_of(function), None
        for old in reversed(every(function.body)):
            with suppress(Stays):
                new = rule(regions, old) if isinstance(old, For) else None
            if new is not None:
                break
        else:
            break
        function = replace(function, body=instead(function.body, {old: new}))
    return function


def _batched(regions: Regions, loop: For) -> list[Stmt] | None:
    for op in loop.body.stmts:
        if isinstance(op, Op) and op.row == "matmul":
            try:
                return _Product(regions, loop, op).taken_out()
            except Stays:
                continue  # this product stays; another may go
    return None


class Turns:
    """A loop, and what is the same in each of its turns.

    `build` writes what goes before the loop.
    """

    def __init__(self, regions: Regions, loop: For) -> None:
        self.regions, self.bounds, self.loop = regions, Bounds(regions), loop
        self.build, self.moved = Builder(), dict[Any, Value]()
        self.start, self.stop = map(regions.linear, (loop.start, loop.stop))
        self.require(loop.step == const(1) and loop.exit is None)
        self.require(self.holds(self.start, loop))

    def is_short(self) -> bool:
        """Tell whether the loop is known to turn a few times only."""
        turns = (self.stop - self.start).known
        return turns is not None and turns <= _SHORT

    def require(self, holds: bool) -> None:
        """Leave the loop as it is unless something holds."""
        if not holds:
            raise Stays

    def holds(self, dim: Dim, at: Stmt) -> bool:
        """Tell whether an integer is never negative where a statement runs."""
        return self.bounds.holds(dim, at)

    def is_outside(self, x: Any) -> bool:
        """Tell whether a value is made before the loop."""
        return isinstance(x, Const) or self.loop not in dict(
            self.regions.chain.get(x, ())
        )

    def is_settled(self, dim: Dim) -> bool:
        """Tell whether an integer is the same in each turn."""
        return all(self.is_outside(a) for a, _ in dim.terms)

    def before(self, x: Any) -> Any:
        """Return an item that is the same in each turn, as it is before the loop."""
        if isinstance(x, Slice):
            return Slice(*map(self.before, (x.start, x.stop, x.step)))
        if x is None or self.is_outside(x):
            return x
        if x not in self.moved:
            made = self.regions.definition.get(x)
            self.require(isinstance(made, Op) and made.row in NUMBERS)
            assert isinstance(made, Op)
            args, out = tuple(map(self.before, made.args)), Value("", x.type)
            self.moved[x] = self.build.emit(replace(made, args=args, outs=(out,))).out
        return self.moved[x]

    def part(self, x: Operand) -> Part:
        """Return an operand as a part of an array."""
        assert isinstance(x, Value)
        made = self.regions.definition.get(x)
        if not isinstance(made, ir.View):
            return Part(x, [_ALL] * x.type.rank)
        if all(isinstance(step, ir.Permute) for step in made.path):
            self.require(self.is_outside(made.base))
            return Part(self.build.view(made.base, made.path), [_ALL] * x.type.rank)
        return Part(made.base, self.items(made.base, made.path))

    def items(self, base: Value, path: ir.Path) -> list[Any]:
        """Return the items of a path of one subscript, one for each axis."""
        self.require(len(path) == 1 and isinstance(path[0], Index))
        self.require(base.type.rank > 0)  # no list
        assert isinstance(path[0], Index)
        items = [*path[0].items]
        for i in items:
            self.require(isinstance(i, Slice) or (i is not None and not i.type.rank))
        return items + [_ALL] * (base.type.rank - len(items))

    def array(self, part: Part) -> Value:
        """Return the array of a part before the loop; the part is the same there."""
        if self.is_outside(part.base):
            return part.base
        inits = {c.inn: c.init for c in self.loop.carries}
        self.require(part.base in inits)
        memory, inside = self.regions.memory(part.base), every(self.loop.body)
        self.require(self.regions.is_steady(memory))
        for s in inside:
            if isinstance(s, ir.Update) and self.regions.memory(s.base) is memory:
                self.require(not isinstance(s, ir.Push))
                assert not isinstance(s, ir.Push)
                pairs = zip(self.items(s.base, s.path), part.items, strict=True)
                self.require(any(self.is_apart(w, r, s) for w, r in pairs))
        init = inits[part.base]
        assert isinstance(init, Value)
        return init

    def is_apart(self, written: Any, read: Any, at: Stmt) -> bool:
        """Tell whether no turn before writes what is read, by items of one axis."""
        if isinstance(written, Slice):
            return False
        place = self.regions.linear(written)
        if not self.holds(place, at):
            return False
        if not isinstance(read, Slice):
            rest = place.put({self.loop.var: Dim(0)})
            own = rest != place and self.is_settled(rest)
            return own and self.regions.linear(read) == place
        if read.step is not None or not self.is_settled(place):
            return False
        for end, sign in ((read.start, 1), (read.stop, -1)):
            if end is not None:
                limit = self.regions.linear(end)
                gap = (limit - place).scaled(sign) - Dim(sign > 0)
                if self.is_settled(limit) and self.holds(limit, at):
                    if self.holds(gap, at):
                        return True
        return False

    def view(self, part: Part, items: Sequence[Any]) -> Value:
        """Write another part of an array, before the loop."""
        base, items = self.array(part), [*items]
        for k, item in enumerate(part.items):
            if not isinstance(item, Slice) and not isinstance(items[k], Slice):
                self.fit(item, items[k], base.type.dims[k])
        while items and items[-1] == _ALL:
            items.pop()
        return self.build.view(base, (Index((*items,)),)) if items else base

    def fit(self, item: Operand, moved: Operand, size: Dim) -> None:
        """Check that a subscript is inside, which no turn might have asked."""
        place, build = self.regions.linear(item), self.build
        length = build.length(size)
        if not self.holds(size - place - Dim(1), self.loop):
            test = build.op("lt", moved, length)
            build.emit(ir.Assert(test, "ShapeError", APART, build.loc))
        if not self.holds(place + size, self.loop):
            test = build.op("ge", moved, build.op("neg", length))
            build.emit(ir.Assert(test, "ShapeError", APART, build.loc))

    def all_rows(self, part: Part) -> tuple[Value, int]:
        """Write what all turns read of an array; return it, and the axis of turns."""
        (at,) = [k for k, item in enumerate(part.items) if item is self.loop.var]
        items = [
            self.rows(part.base.type.dims[at]) if k == at else self.before(item)
            for k, item in enumerate(part.items)
        ]
        axis = sum(isinstance(i, Slice) for i in part.items[:at])
        return self.view(part, items), axis

    def rows(self, size: Dim) -> Slice:
        """Return the slice of an axis that the loop runs over."""
        stop: Any = self.loop.stop
        if not self.holds(self.stop, self.loop):
            stop = self.build.op("max2", 0, stop)
        start = None if self.start == Dim(0) else self.loop.start
        return Slice(start, None if self.stop == size else stop, None)


class _Product(Turns):
    """A product in a loop, and how it is taken out."""

    def __init__(self, regions: Regions, loop: For, op: Op) -> None:
        super().__init__(regions, loop)
        self.op, self.inside = op, Builder()
        self.build.loc = self.inside.loc = op.loc
        self.require(len({a.type.dtype for a in op.args} & FLOATS) == 1)
        parts = [self.part(x) for x in op.args]
        runs = [[i for i in p.items if i is loop.var] for p in parts]
        self.require(sorted(map(len, runs)) == [0, 1])
        self.right = bool(runs[1])  # whether the second factor is the one with rows
        self.own, self.other = parts[self.right], parts[not self.right]
        self.ranks = op.args[self.right].type.rank, op.args[not self.right].type.rank
        self.require(self.ranks[0] == 1 or (self.ranks[0] == 2 and not self.right))
        self.require(self.ranks[1] <= 2)
        vectors = max(self.ranks) == 1
        self.require(not vectors or (self.is_alone() and not self.is_short()))
        self.require(self.ranks[1] == 1 or self.is_stored())

    def is_alone(self) -> bool:
        """Tell whether all else in the loop are numbers: then it becomes one of them.

        A loop that works on vectors all the same would only be cut in two.
        """
        for s in self.loop.body.stmts:
            value = s.value if isinstance(s, ir.Update) else None
            made = outs(s) if isinstance(s, Op | ir.Loop | ir.If) else ()
            if blocks(s) or any(x is not None and x.type.rank for x in (value, *made)):
                return False
        return True

    def is_stored(self) -> bool:
        """Tell whether what is made of the product has an array of that size."""
        found, linear = {self.op.out}, self.regions.linear
        for s in every(self.loop.body):
            match s:
                case Op() if ROWS[s.row].loop and not found.isdisjoint(s.args):
                    found.update(s.outs)
                case ir.View() if s.base in found:
                    found.add(s.out)
                case ir.Write() | ir.Accumulate() if s.value in found:
                    step = s.path[0] if len(s.path) == 1 else None
                    at = step.items if isinstance(step, Index) else ()
                    own = [i for i in at if isinstance(i, Value) and not i.type.rank]
                    turning = [i for i in own if linear(i).factor(self.loop.var)]
                    made = map(self.regions.definition.get, own)
                    inner = {m for m in made if isinstance(m, For)} - {self.loop}
                    inner = {m for m in inner if self.regions.within(m, self.loop)}
                    missing = self.op.out.type.rank - s.value.type.rank
                    if turning and len(inner) >= missing:
                        return True
        return False

    def taken_out(self) -> list[Stmt]:
        """Return what stands for the loop: the product of all turns, and the loop."""
        place, start = self.loop.var, self.loop.start
        if self.start != Dim(0):
            place = self.inside.op("sub", place, start)
        products, cuts = self.multiply()
        path = Index((place, *cuts))
        body = self.placed(products, path)
        return [*self.build.close().stmts, replace(self.loop, body=body)]

    def multiply(self) -> tuple[Value, list[Slice]]:
        """Write the product of all rows; return it, and what a turn cuts from a row."""
        rows, axis = self.all_rows(self.own)
        items, cuts = [], list[Slice]()
        slices = [k for k, i in enumerate(self.other.items) if isinstance(i, Slice)]
        for k, item in enumerate(self.other.items):
            free = self.ranks == (1, 2) and k == slices[not self.right]
            size = self.other.base.type.dims[k]
            found = self.widened(item, size) if free else None
            if found is not None:
                cuts.append(found[1])
            items.append(self.before(item) if found is None else found[0])
        other = self.view(self.other, items)
        build, attrs = self.build, dict[str, Any](self.op.attrs)
        if self.ranks[1] == 2 and self.ranks[0] == 1:
            rows = build.view(rows, _TURN) if axis else rows
            other = build.view(other, _TURN) if self.right else other
        else:
            self.require(axis == 0 or self.ranks == (1, 1))
        pair = (other, rows) if axis and self.ranks == (1, 1) else (rows, other)
        sizes = pair[0].type.dims[-1], pair[1].type.dims[max(pair[1].type.rank - 2, 0)]
        build.same(*sizes, APART)
        made = build.op("matmul", *pair, name="products", **attrs)
        if cuts:
            test = build.op("isfinite", build.op("sum", made, axis=None))
            build.emit(ir.Assert(test, "ShapeError", APART, build.loc))
        return made, cuts

    def widened(self, item: Any, size: Dim) -> tuple[Slice, Slice] | None:
        """Return all that turns cut from an axis, and what one of them cuts from it."""
        if not isinstance(item, Slice) or item.step is not None:
            return None
        first, last = Dim(0), size
        if item.start is not None:
            first = self.regions.linear(item.start)
        if item.stop is not None:
            last = self.regions.linear(item.stop)
        var = self.loop.var
        if last == size and self.is_rising(first):
            least = first.put({var: self.start})
            start = None if least == Dim(0) else self.build.length(least)
            return Slice(start, None, None), Slice(
                self.inside.length(first - least), None, None
            )
        if first == Dim(0) and self.is_rising(last):
            most = last.put({var: self.stop - Dim(1)})
            stop = None if most == size else self.build.length(most)
            return Slice(None, stop, None), Slice(None, item.stop, None)
        return None

    def is_rising(self, end: Dim) -> bool:
        """Tell whether an end of a slice moves by one in each turn, from the beginning.

        Half of what all turns cut is then used in the mean.
        """
        rest = end.put({self.loop.var: Dim(0)})
        alone = end.factor(self.loop.var) == 1 and self.is_settled(rest)
        return alone and self.holds(end, self.op)

    def placed(self, products: Value, path: Index) -> ir.Block:
        """Return the body with a row of the products in the place of the product."""
        out, scalar = self.op.out, not self.op.out.type.rank
        new, copied = dict[Stmt, Any](), out in [c.yld for c in self.loop.carries]
        for s in every(self.loop.body):
            copied |= out in (*consumed(s), *inner_operands(s))
            if out not in operands(s):
                continue
            step = s.path[0] if isinstance(s, ir.View | ir.Read) else None
            if isinstance(step, Index) and len(path.items) == 1:
                # A view of a view is one view.
                assert isinstance(s, ir.View | ir.Read)
                at = (Index((*path.items, *step.items)), *s.path[1:])
                new[s] = (replace(s, base=products, path=at),)
                copied |= ir.gathers(s.path)
            else:
                alias = isinstance(s, Op) and ROWS[s.row].alias
                copied |= alias or isinstance(s, ir.Push | ir.View | ir.Read)
        kind = ir.Read if scalar else ir.View
        shown = Value("", out.type) if copied else out
        self.inside.emit(kind(products, (path,), shown, self.op.loc))
        if copied:
            self.inside.emit(Op("copy", (shown,), (out,), loc=self.op.loc))
            new = {}
        new[self.op] = self.inside.close().stmts
        new |= {s: () for s in every(self.loop.body) if self.is_check(s)}
        return instead(self.loop.body, new)

    def is_check(self, s: Stmt) -> bool:
        """Tell whether a statement checks what is checked before the loop now."""
        test = self.regions.definition.get(s.cond) if isinstance(s, ir.Assert) else None
        if not isinstance(test, Op) or test.row != "eq":
            return False
        x, y = (a.type.dims for a in self.op.args)
        return {*map(self.regions.linear, test.args)} == {x[-1], y[max(len(y) - 2, 0)]}
