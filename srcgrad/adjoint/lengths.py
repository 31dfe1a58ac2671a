"""Give every length in a type a value that is in scope.

The arrays of a backward sweep take their types from forward values, whose lengths are
numbers of forward regions. Where such a number is not at hand, the length is measured
on the first array that has it.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from srcgrad.builder import INT
from srcgrad.ir import Block, Function, Op, Stmt, Value
from srcgrad.types import Array, Dim
from srcgrad.walk import inner_outs, outs, rewrite

__all__ = ["measure_lengths"]


def measure_lengths(function: Function, settled: Container[Value]) -> Function:
    """Return the function with the lengths of all its arrays in scope.

    Args:
        function: The function; types of its own values are set.
        settled: Values of another function, whose types stay as they are.
    """
    scope = _Scope(settled, set(function.params), {})
    stmts, cut = function.body.stmts, function.cut
    head = scope.block((), stmts[:cut])
    rest = [] if cut is None else scope.block((), stmts[cut:])
    cut = None if cut is None else len(head)
    return replace(function, body=Block((*head, *rest)), cut=cut)


class _Scope:
    """What is defined in a region, and the lengths that were measured there."""

    def __init__(
        self, settled: Container[Value], defined: set[Value], lengths: dict[Dim, Dim]
    ) -> None:
        self.settled, self.defined, self.lengths = settled, defined, lengths

    def block(self, given: Sequence[Value], stmts: Sequence[Stmt]) -> list[Stmt]:
        """Return the statements of a block with measurements between them."""
        made: list[Stmt] = []
        self.define(given, made)
        for stmt in stmts:
            made.append(self.stmt(stmt))
            self.define(outs(stmt), made)
        return made

    def stmt(self, stmt: Stmt) -> Stmt:
        def inside(block: Block) -> Block:
            scope = _Scope(self.settled, set(self.defined), dict(self.lengths))
            return Block(tuple(scope.block(inner_outs(stmt), block.stmts)))

        return rewrite(stmt, block=inside)

    def define(self, values: Sequence[Value], made: list[Stmt]) -> None:
        self.defined.update(values)
        for value in values:
            if isinstance(value.type, Array) and value not in self.settled:
                dims = enumerate(value.type.dims)
                found = tuple(self.length(value, k, d, made) for k, d in dims)
                value.type = replace(value.type, dims=found)

    def length(self, value: Value, axis: int, dim: Dim, made: list[Stmt]) -> Dim:
        if all(atom in self.defined for atom, _ in dim.terms):
            return dim
        if dim not in self.lengths:
            atom = Value("n", INT)
            self.defined.add(atom)
            self.lengths[dim] = Dim(0, ((atom, 1),))
            made.append(Op("dim", (value,), (atom,), {"axis": axis}))
        return self.lengths[dim]
