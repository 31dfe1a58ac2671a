"""Build the adjoint of a whole function: forward sweep, then backward sweep.

The backward sweep is built again until it asks for nothing new; what passes from one
run to the next is the plan alone. Two to four runs are the rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.adjoint.control import Control
from srcgrad.adjoint.lengths import measure_lengths
from srcgrad.adjoint.tapes import Plan, record
from srcgrad.algebra import Algebra
from srcgrad.analyses.activity import active_values
from srcgrad.analyses.masks import masks
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.ir import Block, Const, Function, Operand, Stmt, Value, owned
from srcgrad.types import Array, Scalar, is_float
from srcgrad.walk import blocks, outs

__all__ = ["differentiate"]

_RUNS = 40


def differentiate(
    function: Function, wrt: Sequence[int], seeds: Sequence[int] = (0,), name: str = ""
) -> Function:
    """Return the function that computes the results and the gradients.

    The parameters are those of the function, then one cotangent for each seeded result.
    The results are those of the function, then one gradient for each of `wrt`.

    Args:
        function: The function; its results are numbers or arrays of their own.
        wrt: The positions of the parameters to differentiate with respect to.
        seeds: The positions of the results that have a cotangent.
        name: The name of the new function.
    """
    regions = Regions(function)
    inputs = [function.params[k] for k in wrt]
    active = active_values(function, inputs, [function.results[k] for k in seeds])
    active.update(inputs)
    plan = Plan()
    for _ in range(_RUNS):
        before = (list(plan.saves), len(plan.restores), len(plan.trips))
        sweep = _Sweep(function, regions, plan, active)
        result = sweep.run(inputs, seeds, name or f"{function.name}_grad")
        plan.saves = dict(sweep.used)
        after = (list(plan.saves), len(plan.restores), len(plan.trips))
        if not sweep.new and before == after:
            return result
    raise RecursionError(f"the adjoint of {function.name} does not settle")


class _Sweep(Control):
    def __init__(
        self, function: Function, regions: Regions, plan: Plan, active: set[Value]
    ) -> None:
        taped = record(regions, plan)
        super().__init__(regions, plan, taped, Algebra())
        self.function = function
        self.active = active
        self.masks = masks(function)
        self.start()

    def run(self, inputs: Sequence[Value], seeds: Sequence[int], name: str) -> Function:
        """Build the whole function."""
        self.survey()
        cotangents = [
            self.seed(self.function.results[k], len(seeds) > 1) for k in seeds
        ]
        kept = self.keep_results()
        self.block(self.function.body)
        gradients = [self.gradient(v) for v in inputs]
        forward = self.taped.stmts + kept
        body = Block((*forward, *self.build.close().stmts))
        params = (*self.function.params, *cotangents)
        results = (*self.results, *gradients)
        where = self.function.loc
        made = Function(name, params, body, results, where, len(forward))
        return measure_lengths(made, self.regions.chain)

    def keep_results(self) -> list[Stmt]:
        """Copy the array results in whose memory the backward sweep undoes writes."""
        families = {self.regions.buffer[u.base].family() for u in self.plan.restores}
        self.results = list(self.function.results)
        with self.build.block() as stmts:
            for k, result in enumerate(self.results):
                if isinstance(result, Value) and owned(result.type):
                    if self.regions.buffer[result].family() in families:
                        self.results[k] = self.build.op("copy", result)
        return stmts

    def survey(self) -> None:
        """Note what the buffers of the top hold when the forward sweep ends."""
        handed: set[Buffer] = set()
        for param in self.function.params:
            if owned(param.type):
                self.hold(param)
        for stmt in self.function.body.stmts:
            for out in outs(stmt):
                if owned(out.type) and out in self.regions.buffer:
                    self.hold(out)
            handed |= self.taken(stmt)
        for buffer in handed:
            self.content.pop(buffer, None)
            self.current.pop(buffer, None)

    def hold(self, value: Value) -> None:
        buffer = self.regions.buffer[value]
        self.content[buffer] = self.current[buffer] = value

    def taken(self, stmt: Stmt) -> set[Buffer]:
        """Return the buffers that a region hands on, inner regions included."""
        found: set[Buffer] = set()
        for block in blocks(stmt):
            for inner in block.stmts:
                found |= self.taken(inner)
        for carry in getattr(stmt, "carries", ()):
            if owned(carry.inn.type):
                found.add(self.regions.buffer[carry.init])
        for merge in getattr(stmt, "merges", ()):
            if owned(merge.out.type):
                made = self.regions.buffer[merge.out]
                for source in (merge.then, merge.orelse):
                    if self.regions.buffer[source] is not made:
                        found.add(self.regions.buffer[source])
        return found

    def seed(self, result: Operand, several: bool) -> Value:
        """Give a result its cotangent, a new parameter."""
        hint = result.name if several and isinstance(result, Value) else ""
        name = f"d_{hint or self.function.name}"
        type = result.type
        kind = Scalar(type.dtype) if isinstance(type, Scalar) else type
        if isinstance(kind, Array):
            kind = Array(kind.dtype, kind.dims)
        g = Value(name, kind)
        if isinstance(result, Value) and result in self.active:
            if isinstance(type, Scalar):
                self.give_number(result, g)
            else:
                self.give_whole(self.regions.buffer[result], result, g)
        return g

    def gradient(self, value: Value) -> Operand:
        """Return the gradient of one input."""
        if isinstance(value.type, Scalar):
            zero = Const(0.0, Scalar(value.type.dtype))
            return self.numbers.get(value, zero) if is_float(value.type) else zero
        return self.buffer_of(self.regions.buffer[value], value)
