"""Cut loops in segments, so that their tapes take less memory.

What `for i in range(n)` hands from turn to turn is kept at the start of each segment
alone. A segment is a call: the backward sweep runs it again from there, with its tapes,
which are gone before the segment before the last is run.

    for k in range(segments):
        s, = segment(k * steps, min(k * steps + steps, n), x, s)

How long segments are is worked out when the loop begins. With `state` bytes handed from
turn to turn and `turn` bytes on the tapes for each, n / steps * state + steps * turn
are kept, least of all where steps is the root of n * state / turn. Tapes count twice:
those of a segment are freed when those of the next are there.

Whether that is necessary, and enough, is seen when the loop begins as well: a check
fails where it is not, and the function is made again at the next level. At level 0
loops are left whole; above level 1 a segment is cut in segments itself, or the loops in
its turns are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from srcgrad import ir
from srcgrad.adjoint.reverse import Tidy, rerun, settle
from srcgrad.adjoint.tapes import Tape, trip_count
from srcgrad.analyses.activity import active_values
from srcgrad.analyses.finality import most
from srcgrad.analyses.regions import Regions
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Block,
    Call,
    Carry,
    Const,
    For,
    Function,
    Op,
    Operand,
    Stmt,
    Value,
    owned,
)
from srcgrad.types import Array, Dim, ListOf
from srcgrad.walk import every, free, inner_outs, outs, rewrite

LEVELS = 4  # and then there is no way


def cut_loops(
    function: Function, wrt: Sequence[int], seeds: Sequence[int], budget: int,
    tidy: Tidy, apart: bool = False, level: int = 1, *, inner: bool = False,
    checked: bool = True,
) -> Function:  # fmt: skip
    """Return the function with the loops in segments that would keep something.

    Args:
        function: The function.
        wrt: The positions of the parameters to differentiate with respect to.
        seeds: The positions of the results that have a cotangent.
        budget: How many bytes the tapes of loops may take.
        tidy: What leaves out of an adjoint what no result needs.
        apart: Whether the backward sweep must begin where the forward sweep has ended.
        level: How often loops are cut.
        inner: Whether the loops inside the outermost ones are cut, not those.
        checked: Whether it is checked that the budget is kept.
    """
    tapes = settle(function, wrt, seeds, apart=apart, tidy=tidy)[1]
    keeping = {stmt for tape in tapes for stmt, _ in tape.chain}
    if not keeping:
        return function
    inputs = [function.params[k] for k in wrt]
    results = [function.results[k] for k in seeds]
    active = active_values(function, inputs, results) | {*inputs}
    cutter = _Cutter(function, active, budget, tidy, level, checked)
    cutter.keep(keeping, inner)
    stmts = function.body.stmts
    head = len(stmts) if function.cut is None else function.cut
    first, last = (cutter.block(Block(s)).stmts for s in (stmts[:head], stmts[head:]))
    cut = None if function.cut is None else len(first)
    return replace(function, body=Block((*first, *last)), cut=cut)


class _Cutter:
    def __init__(
        self, function: Function, active: set[Any], budget: int, tidy: Tidy,
        level: int, checked: bool,
    ) -> None:  # fmt: skip
        self.regions, self.active, self.budget = Regions(function), active, budget
        self.tidy, self.level, self.checked = tidy, level, checked

    def keep(self, keeping: set[Stmt], inner: bool) -> None:
        """Note what values are kept in, and which loops of that are to be cut."""
        self.keeping, self.loops = keeping, set[Stmt]()
        for stmt in keeping:
            around = [s for s, _ in self.regions.site[stmt].chain]
            if sum(isinstance(s, ir.Loop) for s in around) == int(inner):
                self.loops.update([stmt] if isinstance(stmt, For) else [])
        self.budget //= max(1, len(self.loops))

    def block(self, block: Block) -> Block:
        """Return a block with loops in segments."""
        build = Builder(trusting=True)
        for stmt in block.stmts:
            build.loc = stmt.loc
            if stmt in self.loops:
                assert isinstance(stmt, For)
                if not self.cut(stmt, build):
                    build.emit(stmt)
            elif stmt in self.keeping:
                build.emit(rewrite(stmt, block=self.block))
            else:
                build.emit(stmt)
        return build.close()

    def cut(self, loop: For, build: Builder) -> bool:
        """Write a loop in segments, if it keeps something and can be cut."""
        function = self.segment(loop)
        if function is None:
            return False
        given = [None, None, *function.params[2:]]
        count = len(given) - len(loop.carries)
        given[count:] = [c.inn for c in loop.carries]
        wrt = [k for k, x in enumerate(given) if x in self.active]
        seeds = [k for k, c in enumerate(loop.carries) if c.out in self.active]
        tapes = settle(function, wrt, seeds, apart=True, tidy=self.tidy)[1]
        if not (seeds and tapes):
            return False
        again = rerun(function, wrt, seeds, (), self.tidy).function
        states = [p for p in again.params if p in function.params[count:]]
        state = _total(build, [_bytes(build, p.type) for p in states])
        sizes = [self.bytes(build, tape, loop, function) for tape in tapes]
        turn = build.op("max2", const(1), _total(build, sizes))
        n = trip_count(build, loop, self.regions.definition)
        if isinstance(n, Value):
            n.name = n.name or "turns"
        if self.level == 0:
            self.check(build, build.op("mul", n, turn), self.budget)
            return False
        turn, budget, level = build.op("mul", const(2), turn), self.budget, self.level
        inside = any(isinstance(s, ir.Loop) for t in tapes for s, _ in t.chain[1:])
        nested = inside and level > 2  # the turns of the loop itself come first
        if level > 1:
            # Half the budget is for the loops inside a turn.
            budget, level = (budget // 2, 1) if nested else (budget, level)
            function = cut_loops(
                function, wrt, seeds, budget, self.tidy, True, self.level - 1,
                inner=nested, checked=nested,
            )  # fmt: skip
        steps = self.steps(build, n, turn, state, level)
        up = build.op("sub", build.op("add", n, steps), const(1))
        segments = build.op("floordiv", up, steps, name="segments")
        need = build.op("mul", segments, state)
        if level > 1:
            need = build.op("mul", need, const(level + 1))
            need = build.op("add", need, turn)  # a segment has one turn at least
        elif self.level == 1:
            need = build.op("add", need, build.op("mul", steps, turn))
        self.check(build, need, budget)
        self.write(loop, build, function, segments, steps, n)
        return True

    def check(self, build: Builder, need: Operand, budget: int) -> None:
        """Write a check that the budget is kept."""
        if self.checked:
            enough = build.op("le", need, const(budget))
            text = f"memory_budget, line {build.loc.line}"
            build.emit(ir.Assert(enough, "MemoryError", text, build.loc))

    def segment(self, loop: For) -> Function | None:
        """Return the turns from one to another as a function, if they can be one.

        It takes the bounds, what the loop reads, and what it hands from turn to turn.
        """
        first, last = Value("first", INT), Value("last", INT)
        states = [Value(c.inn.name, c.inn.type) for c in loop.carries]
        head: list[Stmt] = []
        carries: list[Carry] = []
        for c, state in zip(loop.carries, states, strict=True):
            init = state
            if owned(state.type):
                init = Value(state.name, state.type)
                head.append(Op("copy", (state,), (init,), loc=loop.loc))
            carries.append(Carry(init, c.inn, c.yld, Value(c.out.name, c.out.type)))
        turns = replace(loop, start=first, stop=last, carries=tuple(carries))
        body, own = Block((*head, turns)), {first, last, *(c.init for c in carries)}
        made = {v for s in every(body) for v in (*outs(s), *inner_outs(s))}
        takes = [x for x in free(turns) if x not in own]
        types: list[Any] = [x.type for x in (*takes, *states, *made)]
        types += [t for s in every(body) if isinstance(s, Op) for t in s.attrs.values()]
        atoms = {atom for t in types for dim in _dims(t) for atom, _ in dim.terms}
        takes += sorted(atoms - made - {*takes}, key=lambda atom: atom.number)
        lists = any(isinstance(x.type, ListOf) for x in (*takes, *states))
        lengths = {a for x in states for dim in x.type.dims for a, _ in dim.terms}
        if loop.exit is not None or loop.trips is not None or lists or lengths & made:
            return None
        params, results = (first, last, *takes, *states), tuple(c.out for c in carries)
        return Function("segment", params, body, results, loop.loc)

    def bytes(
        self, build: Builder, tape: Tape, loop: For, function: Function
    ) -> Operand:
        """Return how many bytes a turn of a loop adds to a tape, as far as is known."""
        regions, known = Regions(function), self.regions.definition
        first, last = function.params[:2]
        ends = {first: build.dim(loop.start), last: build.dim(loop.stop)}
        size: Operand = const(np.dtype(tape.type.dtype).itemsize)
        listed = isinstance(tape.type, ListOf)
        for inner in () if listed else tape.loops:
            if inner.body is not loop.body:
                longest = tape.most.get(inner)
                count = trip_count(build, inner, known, longest and longest.put(ends))
                size = build.op("mul", size, count)
        dims = tape.type.item.dims if isinstance(tape.type, ListOf) else tape.type.dims
        for dim in dims[0 if listed else len(tape.loops) :]:
            longest = most(regions, dim, tape.chain)
            if longest is not None:
                size = build.op("mul", size, build.length(longest.put(ends)))
        return size

    def write(
        self, loop: For, build: Builder, function: Function, segments: Operand,
        steps: Operand, n: Operand,
    ) -> None:  # fmt: skip
        """Write the segments of a loop."""
        var, carries = Value("k", INT), list[Carry]()
        for c in loop.carries:
            inn, yld = (Value(c.inn.name, c.inn.type) for _ in range(2))
            carries.append(Carry(c.init, inn, yld, c.out))
        with build.block() as stmts:
            done = build.op("mul", var, steps, name="first")
            end = build.op("min2", build.op("add", done, steps), n, name="last")
            first, last = (self.turn(build, loop, x) for x in (done, end))
            takes = function.params[2 : len(function.params) - len(carries)]
            args = (first, last, *takes, *(c.inn for c in carries))
            made: Any = tuple(c.yld for c in carries)
            build.emit(Call(function, args, made, loop.loc))
        bounds, body = (const(0), segments, const(1)), Block(tuple(stmts))
        build.emit(For(var, *bounds, tuple(carries), body, loc=loop.loc))

    def turn(self, build: Builder, loop: For, k: Operand) -> Operand:
        """Return what the variable of a loop is in a turn."""
        gone = k if loop.step == const(1) else build.op("mul", k, loop.step)
        if loop.start != const(0):
            gone = build.op("add", loop.start, gone)
        return gone

    def steps(
        self, build: Builder, n: Any, turn: Any, state: Any, level: int
    ) -> Operand:
        """Return how many turns a segment has: all levels take the same memory."""
        known = isinstance(turn, Const) and isinstance(state, Const)
        if known and state.value == 0:
            return const(max(1, self.budget // int(turn.value)))
        ratio = state.value / turn.value if known else build.op("div", state, turn)
        part = 1 / (level + 1)
        power: Any = partial(build.op, "pow", via="math")
        if level == 1:
            root = power(n if ratio == 1 else build.op("mul", n, ratio), part)
        else:
            less = ratio**part if known else power(ratio, part)
            root = build.op("mul", power(n, 1 - part), less)
        whole = build.op("cast", root, dtype="int64", python=True)
        steps: Operand = build.op("max2", const(1), whole, name="steps")
        return steps


def _total(build: Builder, parts: Sequence[Operand]) -> Operand:
    return reduce(partial(build.op, "add"), parts) if parts else const(0)


def _bytes(build: Builder, type: Any) -> Operand:
    """Return how many bytes a number or array takes."""
    size: Operand = const(np.dtype(type.dtype).itemsize)
    for dim in type.dims:
        size = build.op("mul", size, build.length(dim))
    return size


def _dims(type: Any) -> Iterable[Dim]:
    """Return the lengths in a type; there are none in what is no type."""
    item = type.item if isinstance(type, ListOf) else type
    return item.dims if isinstance(item, Array) else ()
