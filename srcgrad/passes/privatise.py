"""Make an array in each turn that fills it before it reads it.

A scratch array that is made before a loop, and of which each turn reads only what that
turn has written, holds nothing from turn to turn. Made in the turn it need not be
handed on: its old contents are not kept for the backward sweep, and the turns may run
backward one by one, or at once. `hoist` makes it before the loop again in kernels.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Regions, regions_of
from srcgrad.builder import Builder
from srcgrad.ir import Block, Carry, Function, Index, Loop, Op, Slice, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.types import Array, Dim
from srcgrad.walk import blocks, every, inner_operands, operands, rewrite, uses

# What of an array is written, in the order of its elements: all that lie before this
# place. That it is `(n, 0)` says that there is no row `n`: all are written.
Front = tuple[Dim, ...]
_ONE = Dim(1)


def privatise(function: Function) -> Function:
    """Return the function with arrays of one turn made in it.

    >>> from srcgrad.builder import INT, Builder, const
    >>> from srcgrad.text import print_function
    >>> i, n, build = Value("i", INT), Value("n", INT), Builder()
    >>> z = build.op("zeros", 1, name="z")
    >>> inn, out = Value("z", z.type), Value("z", z.type)
    >>> with build.block() as body:
    ...     end = build.write(inn, (Index((const(0),)),), const(1.0))
    ...     t = build.read(end, (Index((const(0),)),))
    >>> carry = Carry(z, inn, end, out)
    >>> _ = build.emit(ir.For(i, const(0), n, const(1), (carry,), Block((*body,))))
    >>> before = Function("f", (n,), build.close(), (n,))
    >>> print(print_function(privatise(before)), end="")
    function f(n.0: py int64)
      z.0: float64[1] = zeros(1)
      for i.0 in 0, n.0, 1
        z.1: float64[1] = empty(1, dtype='float64')
        z.2 = write z.1[0], 1.0
        t.0: float64 = read z.2[0]
      return n.0
    """
    while found := next(_candidates(function), None):
        function = replace(function, body=_made_inside(function.body, *found))
    return function


def _candidates(function: Function) -> Iterator[tuple[Loop, Carry]]:
    """Yield arrays that a loop hands on though no turn looks at what it was handed."""
    loops = [s for s in every(function.body) if isinstance(s, Loop)]
    used = uses(function)
    idle = [(loop, c) for loop in loops for c in loop.carries
            if isinstance(c.inn.type, Array) and not used[c.out]]  # fmt: skip
    if not idle:
        return
    regions = regions_of(function)
    bounds = Bounds(regions)
    for loop, carry in idle:
        if _Coverage(regions, bounds, carry.inn).holds_in(loop, carry):
            yield loop, carry


def _made_inside(block: Block, loop: Loop, carry: Carry) -> Block:
    """Return a block with an array made in the turns of a loop."""
    stmts: list[Stmt] = []
    for s in block.stmts:
        if s is loop:
            build, array = Builder(), carry.inn
            sizes = tuple(map(build.length, array.type.dims))
            attrs: dict[str, Any] = {"dtype": array.type.dtype}
            build.emit(Op("empty", sizes, (array,), attrs, loop.loc))
            carries = tuple(c for c in loop.carries if c is not carry)
            body = Block((*build.close().stmts, *loop.body.stmts))
            stmts.append(replace(loop, carries=carries, body=body))
        else:
            stmts.append(rewrite(s, block=lambda b: _made_inside(b, loop, carry)))
    return Block((*stmts,))


class _Read(Exception):
    """Something may be read that its turn has not written."""


class _Coverage:
    """How far one array is written at each point of a turn, in C order."""

    def __init__(self, regions: Regions, bounds: Bounds, array: Value) -> None:
        self.regions, self.bounds = regions, bounds
        self.dims: tuple[Dim, ...] = array.type.dims
        self.versions: set[Any] = {array}

    def holds_in(self, loop: Loop, carry: Carry) -> bool:
        """Tell whether a turn reads of the array only what it has written."""
        chain = self.regions.site[loop].chain
        atoms = [a for dim in self.dims for a, _ in dim.terms]
        there = (self.regions.chain.get(a) for a in atoms)
        if not all(c is not None and chain[: len(c)] == c for c in there):
            return False
        with contextlib.suppress(_Read):
            self.turn(loop, carry, self.nothing)
            return carry.inn.type.contiguous  # type: ignore[union-attr]
        return False

    @property
    def nothing(self) -> Front:
        """The place of the first element."""
        return (Dim(0),) * len(self.dims)

    def block(self, block: Block, front: Front) -> Front:
        """Return how far the array is written after a block."""
        for s in block.stmts:
            front = self.after(s, front)
        return front

    def after(self, s: Stmt, front: Front) -> Front:
        """Return how far the array is written after a statement."""
        base = getattr(s, "base", None)
        touched = base in self.versions
        others = [x for x in operands(s) if x in self.versions and x is not base]
        if isinstance(s, Loop):
            others = [x for x in others if x not in [c.init for c in s.carries]]
        elif isinstance(s, Op):
            row = ROWS[s.row]
            lengths = [
                x for k, x in enumerate(s.args) if row.param(k) in row.shape_only
            ]
            others = [x for x in others if x not in lengths]
        if others and not self.is_full(front, s):
            raise _Read
        if touched and not isinstance(s, ir.Write) and not self.reads(s, front):
            raise _Read
        if touched and isinstance(s, ir.Update):
            self.versions.add(s.out)
        if touched and isinstance(s, ir.Write):
            return self.written(s, front)
        if isinstance(s, Loop):
            return self.loop(s, front)
        return self.branch(s, front) if isinstance(s, ir.If) else front

    # elements and rows

    def place(self, path: ir.Path) -> list[Dim] | None:
        """Return the subscripts of an element or of a whole row of the array."""
        if len(path) != 1 or not isinstance(path[0], Index):
            return None if path else []
        items = [*path[0].items]
        while items and items[-1] == Slice(None, None, None):
            items.pop()
        if any(i is None or isinstance(i, Slice) or i.type.rank
               or i.type.dtype == "bool" for i in items):  # fmt: skip
            return None
        return [self.regions.linear(i) for i in items]  # type: ignore[arg-type]

    def written(self, s: ir.Write, front: Front) -> Front:
        """Return how far the array is written behind a write: further, or as before."""
        place = self.place(s.path)
        if place is None or (*place, *self.nothing[len(place) :]) != front:
            return front
        return self.beyond(place, s)

    def beyond(self, place: list[Dim], at: Stmt) -> Front:
        """Return the place of what follows an element or row: that of the next row."""
        while place:
            place = [*place[:-1], place[-1] + _ONE]
            k = len(place) - 1
            if not k or not self.bounds.holds(place[k] - self.dims[k], at):
                break
            place = place[:-1]
        whole = (self.dims[0],) if not place else place
        return (*whole, *self.nothing[len(whole) :])

    def reads(self, s: Any, front: Front) -> bool:
        """Tell whether what a statement reads of the array is written."""
        if self.is_full(front, s):
            return True
        for k, subscript in enumerate(self.place(s.path) or ()):
            if not self.bounds.holds(subscript, s):
                return False
            if self.bounds.holds(front[k] - subscript - _ONE, s):
                return True
            if subscript != front[k]:
                return False
        return False

    def is_full(self, front: Front, at: Stmt) -> bool:
        """Tell whether all of the array is written."""
        return self.bounds.holds(front[0] - self.dims[0], at)

    # loops and branches

    def loop(self, s: Loop, front: Front) -> Front:
        """Return how far the array is written behind a loop."""
        carry = next((c for c in s.carries if c.init in self.versions), None)
        if carry is not None:
            self.versions.add(carry.inn)
            for k in range(len(front)):
                if isinstance(s, ir.For) and self.fills(s, carry, front, k):
                    end = [*front[:k], self.regions.linear(s.stop) - _ONE]
                    return front if s.exit is not None else self.beyond(end, s)
        self.turn(s, carry, front)
        return front

    def turn(self, s: Loop, carry: Carry | None, front: Front) -> Front:
        """Return how far the array is written at the end of a turn."""
        if isinstance(s, ir.While):
            self.block(s.test, front)
        front = self.block(s.body, front)
        if carry is not None:
            ends = [x for x in inner_operands(s) if x in self.versions]
            if ends != [carry.yld]:  # it changes places with another array
                raise _Read
            self.versions.add(carry.out)
        return front

    def fills(self, s: ir.For, carry: Carry, front: Front, k: int) -> bool:
        """Tell whether each turn writes what comes next on an axis."""
        turn = [*front[:k], Dim.of(s.var)]
        first = self.regions.linear(s.start)
        steps = isinstance(s.step, ir.Const) and s.step.value == 1 and s.body.stmts
        if not steps or front[k:] != (first, *self.nothing[k + 1 :]):
            return False
        known = {*self.versions}
        with contextlib.suppress(_Read):
            end = self.turn(s, carry, (*turn, *self.nothing[k + 1 :]))
            if end == self.beyond(turn, s.body.stmts[-1]):
                return True
        self.versions = known
        return False

    def branch(self, s: ir.If, front: Front) -> Front:
        """Return how far the array is written behind an `if`, by both arms."""
        ends = {self.block(arm, front) for arm in blocks(s)}
        for m in s.merges:
            if (m.then in self.versions) != (m.orelse in self.versions):
                raise _Read
            if m.then in self.versions:
                self.versions.add(m.out)
        return ends.pop() if len(ends) == 1 else front
