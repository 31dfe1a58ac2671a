"""Build the adjoint of a whole function: forward sweep, then backward sweep.

The backward sweep is built again until it asks for nothing new; what passes from one
run to the next is the plan alone. Two to four runs are the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from srcgrad.adjoint.control import Control
from srcgrad.adjoint.statement import d_name
from srcgrad.adjoint.tapes import Plan, Tape
from srcgrad.analyses.activity import active_values
from srcgrad.analyses.masks import masks
from srcgrad.analyses.regions import Regions
from srcgrad.builder import INT
from srcgrad.ir import (
    Assert,
    Block,
    Call,
    Const,
    Function,
    Loop,
    Op,
    Operand,
    Read,
    Stmt,
    Value,
    View,
    owned,
)
from srcgrad.types import Array, Dim, Scalar
from srcgrad.walk import every, inner_outs, outs, reads, rewrite

_RUNS = 40
_SWINGS = 12  # runs, then what is kept for nothing may stay
# What leaves out of a function what no result needs.
Tidy = Callable[[Function], Function]


def differentiate(
    function: Function, wrt: Sequence[int], seeds: Sequence[int] = (0,), name: str = "",
    unit: bool = False, apart: bool = False, tidy: Tidy = lambda f: f,
    into: Sequence[int] = (),
) -> Function:  # fmt: skip
    """Return the function that computes the results and the gradients.

    The parameters are those of the function, then one cotangent for each seeded result,
    then what the gradients of `into` are added to. The results are those of the
    function, then one gradient for each of `wrt`.

    Args:
        function: The function; its results are numbers or arrays of their own.
        wrt: The positions of the parameters to differentiate with respect to.
        seeds: The positions of the results that have a cotangent.
        name: The name of the new function.
        unit: Whether the only cotangent is 1, and no parameter.
        apart: Whether the backward sweep must begin where the forward sweep has ended.
        tidy: What leaves out what adjoints of called functions do not need.
        into: The positions of parameters, among `wrt`, that have a cotangent before.
    """
    return settle(function, wrt, seeds, name, unit, apart, tidy, into)[0]


def settle(
    function: Function, wrt: Sequence[int], seeds: Sequence[int], name: str = "",
    unit: bool = False, apart: bool = False, tidy: Tidy = lambda f: f,
    into: Sequence[int] = (), kind: Callable[..., Sweep] | None = None,
) -> tuple[Function, list[Tape]]:  # fmt: skip
    """Return the adjoint, as `differentiate` does, and its tapes; `kind` watches it."""
    inputs = [function.params[k] for k in wrt]
    ends = [function.results[k] for k in seeds]
    active = active_values(function, inputs, ends)
    active.update(inputs)
    masked, name = masks(function, active, ends), name or f"{function.name}_grad"

    def settled(joined: Collection[Loop]) -> tuple[Sweep, Function]:
        regions, plan = Regions(function, joined), Plan()
        own = frozenset(regions.chain)
        for run in range(_RUNS):
            saves = list(plan.saves)
            sweep = (kind or Sweep)(regions, plan, active, masked)
            sweep.tidy = tidy
            result = sweep.run(inputs, seeds, name, unit, into)
            plan.saves = dict(sweep.used)
            # Ways are looked for to a limit: what was kept may let others be found.
            same = saves == list(plan.saves) or run > _SWINGS
            if same and not sweep.new:
                return sweep, measure_lengths(result, own)
        raise RecursionError(f"the adjoint of {function.name} does not settle")

    sweep, result = settled(())
    joined = [] if apart else sweep.joinable()
    if joined:
        other, whole = settled(joined)
        if not other.apart and len(other.fused) == len(joined):
            sweep, result = other, whole
    return result, [*sweep.taped.tapes.values()]


class Sweep(Control):
    tidy: Tidy

    def run(
        self, inputs: Sequence[Value], seeds: Sequence[int], name: str, unit: bool,
        into: Sequence[int],
    ) -> Function:  # fmt: skip
        function, results = self.regions.function, []
        several, cotangents = len(seeds) > 1, list[Value]()
        if unit:
            result = function.results[seeds[0]]
            dtype = result.type.dtype  # a float, as it is written
            self.give(result, Const(1.0, Scalar(dtype, dtype == "float64")))
        else:
            cotangents = [self.seed(function.results[k], several) for k in seeds]
        for param in (function.params[k] for k in into):
            cotangents.append(before := Value(d_name(param), param.type))
            if owned(param.type):
                copy = self.build.op("copy", before, name=before.name)
                self.buffers[self.owner(param)] = copy
            else:
                self.plain[param] = before
        # What lies where the backward sweep undoes writes is copied before it.
        restored = {self.regions.family(u.base) for u in self.plan.restores}
        with self.build.block() as kept:
            for x in function.results:
                if isinstance(x, Value) and self.regions.family(x) in restored:
                    x = self.build.op("copy", x)
                results.append(x)
        self.block(function.body)
        for g in [self.cotangent(v) for v in inputs]:  # each is nobody else's
            array = g.type.rank > 0
            results.append(self.build.op("copy", g, name=g.name) if array else g)
        forward = self.taped.stmts + kept
        whole = self.arranged((*forward, *self.build.close().stmts))
        params, last = (*function.params, *cotangents), tuple(x.name for x in inputs)
        cut = next((k for k, s in enumerate(whole) if s not in forward), len(whole))
        body, loc = Block(whole), function.loc
        return Function(name, params, body, tuple(results), loc, cut, last)

    def joinable(self) -> list[Loop]:
        """Return loops that would keep something, and whose turns need not.

        The last loop of the function is one if only operations follow it, so is the
        last one in it.
        """
        chains = [self.regions.chain[v] for v in self.plan.saves]
        found, block = list[Loop](), self.regions.function.body
        while True:
            stmts = reversed(block.stmts)
            loop = next((s for s in stmts if not isinstance(s, Op | View | Read)), None)
            if not isinstance(loop, Loop) or loop not in self.even:
                return found
            if not any(loop in dict(chain) for chain in chains):
                return found
            found.append(loop)
            block = loop.body

    def simple(self, stmt: Stmt) -> None:
        self.call(stmt) if isinstance(stmt, Call) else super().simple(stmt)

    def call(self, stmt: Call) -> None:
        """Emit the call that runs a function again, and then backward."""
        active = self.active
        args: Sequence[Any] = stmt.args
        seeds = [k for k, x in enumerate(stmt.outs) if x in active and self.wanted(x)]
        if not seeds:
            return
        given = [self.withdraw(stmt.outs[k]) for k in seeds]
        wrt = [k for k, a in enumerate(args) if a in active]
        into: dict[Any, int] = {}  # what has a cotangent already is added to, once
        for k in wrt:
            x = args[k]
            whole = not owned(x.type) or x in self.regions.buffer
            if whole and self.wanted(x) and not isinstance(self.cotangent(x), Const):
                into.setdefault(self.owner(x), k)
        first = (*into.values(),)
        again = rerun(stmt.function, wrt, seeds, first, self.tidy)
        given += [self.cotangent(args[k]) for k in first]
        sources = dict(zip(again.params, (*args, *given), strict=True))
        function = again.function
        read, own = {*function.params}, {*stmt.function.params}
        takes = [
            self.need(x) if p in own else x for p, x in sources.items() if p in read
        ]
        outs: list[Any] = []
        for k, made in zip(again.moved, function.results, strict=True):
            x = args[k]
            type = replace(x.type, contiguous=True) if owned(x.type) else made.type
            outs.append(Value(d_name(x), type))
        self.build.emit(Call(function, (*takes,), (*outs,), stmt.loc))
        for k, g in zip(again.moved, outs, strict=True):
            if k not in first:
                self.give(args[k], g)
            else:
                table: Any = self.buffers if owned(g.type) else self.plain
                table[self.owner(args[k])] = g

    def seed(self, result: Operand, several: bool) -> Value:
        """Give a result its cotangent, a new parameter."""
        hint = result.name if several and isinstance(result, Value) else ""
        type, dims = Scalar(result.type.dtype), result.type.dims
        name = f"d_{hint or self.regions.function.name}"
        g = Value(name, Array(type.dtype, dims) if dims else type)
        self.give(result, g)
        return g


class Again(NamedTuple):
    """What runs a function again: it takes of the parameters of the adjoint what it
    reads, and returns the gradients that are not as they were before.
    """

    params: Sequence[Value]
    function: Function
    moved: Sequence[int]


def rerun(
    function: Function, wrt: Sequence[int], seeds: Sequence[int], into: Sequence[int],
    tidy: Tidy,
) -> Again:  # fmt: skip
    """Return what runs a function again, for its gradients alone."""
    known = function.__dict__.setdefault("reruns", {})
    key = tuple(wrt), tuple(seeds), tuple(into)
    if key not in known:
        whole = differentiate(function, wrt, seeds, tidy=tidy, into=into)
        gradients = whole.results[len(function.results) :]
        # A note to readers that stands alone in its loop would leave that empty.
        notes = {s for s in every(whole.body) if isinstance(s, Assert)}
        notes = {s for s in notes if not s.exception}
        made = rewrite(replace(whole, results=gradients, slopes=()), gone=notes)
        made = tidy(replace(tidy(made), cut=None))
        ops = [s for s in made.body.stmts if isinstance(s, Op) and s.row == "copy"]
        copies: dict[Operand, Operand] = {s.out: s.args[0] for s in ops}
        given = whole.params[len(whole.params) - len(into) :]
        before: dict[int, Operand] = dict(zip(into, given, strict=True))

        def moves(k: int, g: Operand) -> bool:
            if k in before:
                return copies.get(g, g) is not before[k]
            return not isinstance(g, Const) or g.value != 0.0

        pairs = zip(wrt, made.results, strict=True)
        moved = {k: g for k, g in pairs if moves(k, g)}
        made = tidy(replace(made, results=tuple(moved.values())))
        read = {*made.results, *reads(made.body.stmts)}
        inside = [v for s in every(made.body) for v in (*outs(s), *inner_outs(s))]
        for x in [*inside, *(p for p in whole.params if p in read)]:
            read.update(atom for dim in x.type.dims for atom, _ in dim.terms)
        params = tuple(p for p in whole.params if p in read)
        known[key] = Again(whole.params, replace(made, params=params), [*moved])
    found: Again = known[key]
    return found


def measure_lengths(function: Function, settled: Container[Value]) -> Function:
    """Return the function with the lengths of all its arrays in scope.

    The arrays of a backward sweep take their types from forward values, whose lengths
    are numbers of forward regions. Where such a number is not at hand, the length is
    measured on the first array that has it. Types of `settled` values stay as they are.
    """

    def measured(
        stmts: Sequence[Stmt], given: Sequence[Value], known: dict[Any, Any]
    ) -> tuple[Stmt, ...]:
        made: list[Stmt] = []

        def define(values: Sequence[Value]) -> None:
            known.update(dict.fromkeys(values))
            for value in values:
                if not isinstance(value.type, Array) or value in settled:
                    continue
                dims = value.type.dims
                for axis, dim in enumerate(dims):
                    if dim not in known and any(a not in known for a, _ in dim.terms):
                        atom = Value("n", INT)
                        known[atom], known[dim] = None, Dim.of(atom)
                        made.append(Op("dim", (value,), (atom,), {"axis": axis}))
                dims = tuple(known.get(d, d) for d in dims)
                value.type = replace(value.type, dims=dims)

        def inside(given: Sequence[Value], block: Block) -> Block:
            return Block(measured(block.stmts, given, {**known}))

        define(given)
        for stmt in stmts:
            made.append(rewrite(stmt, block=partial(inside, inner_outs(stmt))))
            define(outs(stmt))
        return tuple(made)

    stmts, cut = function.body.stmts, function.cut
    known: dict[Any, Any] = dict.fromkeys(function.params)
    head = measured(stmts[:cut], (), known)
    body = Block((*head, *measured(stmts[cut:], (), known)))
    return replace(function, body=body, cut=len(head))
