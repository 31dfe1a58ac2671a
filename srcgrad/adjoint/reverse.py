"""Build the adjoint of a whole function: forward sweep, then backward sweep.

The backward sweep is built again until it asks for nothing new; what passes from one
run to the next is the plan alone. Two to four runs are the rule.
"""

from collections.abc import Collection, Container, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from srcgrad.adjoint.control import Control
from srcgrad.adjoint.tapes import Plan
from srcgrad.analyses.activity import active_values
from srcgrad.analyses.masks import masks
from srcgrad.analyses.regions import Regions
from srcgrad.builder import INT
from srcgrad.ir import (
    Block,
    Const,
    Function,
    Loop,
    Op,
    Operand,
    Read,
    Stmt,
    Value,
    View,
)
from srcgrad.types import Array, Dim, Scalar
from srcgrad.walk import inner_outs, outs, rewrite

_RUNS = 40


def differentiate(
    function: Function, wrt: Sequence[int], seeds: Sequence[int] = (0,), name: str = "",
    unit: bool = False, apart: bool = False,
) -> Function:  # fmt: skip
    """Return the function that computes the results and the gradients.

    The parameters are those of the function, then one cotangent for each seeded result.
    The results are those of the function, then one gradient for each of `wrt`.

    Args:
        function: The function; its results are numbers or arrays of their own.
        wrt: The positions of the parameters to differentiate with respect to.
        seeds: The positions of the results that have a cotangent.
        name: The name of the new function.
        unit: Whether the only cotangent is 1, and no parameter.
        apart: Whether the backward sweep must begin where the forward sweep has ended.
    """
    inputs = [function.params[k] for k in wrt]
    active = active_values(function, inputs, [function.results[k] for k in seeds])
    active.update(inputs)
    masked, name = masks(function), name or f"{function.name}_grad"

    def settle(joined: Collection[Loop]) -> tuple["_Sweep", Function]:
        regions, plan = Regions(function, joined), Plan()
        own = frozenset(regions.chain)
        for _ in range(_RUNS):
            saves = list(plan.saves)
            sweep = _Sweep(regions, plan, active, masked)
            result = sweep.run(inputs, seeds, name, unit)
            plan.saves = dict(sweep.used)
            if not sweep.new and saves == list(plan.saves):
                return sweep, measure_lengths(result, own)
        raise RecursionError(f"the adjoint of {function.name} does not settle")

    sweep, result = settle(())
    joined = [] if apart else sweep.joinable()
    if joined:
        sweep, other = settle(joined)
        if not sweep.apart and len(sweep.fused) == len(joined):
            return other
    return result


class _Sweep(Control):
    def run(
        self, inputs: Sequence[Value], seeds: Sequence[int], name: str, unit: bool
    ) -> Function:
        function, results = self.regions.function, []
        several, cotangents = len(seeds) > 1, list[Value]()
        if unit:
            result = function.results[seeds[0]]
            self.give(result, Const(1.0, Scalar(result.type.dtype)))
        else:
            cotangents = [self.seed(function.results[k], several) for k in seeds]
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

    def seed(self, result: Operand, several: bool) -> Value:
        """Give a result its cotangent, a new parameter."""
        hint = result.name if several and isinstance(result, Value) else ""
        type, dims = Scalar(result.type.dtype), result.type.dims
        name = f"d_{hint or self.regions.function.name}"
        g = Value(name, Array(type.dtype, dims) if dims else type)
        self.give(result, g)
        return g


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
