"""Leave out the shape checks that NumPy itself makes in readable text."""

from collections.abc import Iterator
from itertools import combinations, zip_longest

from srcgrad.builder import Builder
from srcgrad.ir import Accumulate, Assert, Block, Function, Op, Operand, Stmt, Write
from srcgrad.ops import ROWS
from srcgrad.types import Dim
from srcgrad.walk import blocks, every, rewrite

Pair = frozenset[Dim]


def drop_entry_checks(function: Function) -> Function:
    """Return the function without checks that two arguments fit each other.

    Arguments of length one have a specialisation of their own, so two lengths of
    arguments that differ make NumPy raise its own error where they meet, if that
    operation is still there.
    """
    lengths: set[Operand] = set()
    tests: dict[Operand, Pair] = {}
    gone = set[Assert]()
    for stmt in every(function.body):
        if isinstance(stmt, Op) and stmt.row == "dim":
            lengths.update(stmt.outs if stmt.args[0] in function.params else ())
        elif isinstance(stmt, Op) and lengths.issuperset(stmt.args):
            pair = frozenset(map(Dim.of, stmt.args))
            tests.update(dict.fromkeys(stmt.outs, pair))

    def visit(block: Block, around: frozenset[Pair]) -> None:
        met = around.union(*map(_met, block.stmts))
        for stmt in block.stmts:
            if isinstance(stmt, Assert) and stmt.exception == "ShapeError":
                gone.update([stmt] if tests.get(stmt.cond) in met else [])
            for inner in blocks(stmt):
                visit(inner, met)

    visit(function.body, frozenset())
    return rewrite(function, gone=gone)


def _met(stmt: Stmt) -> Iterator[Pair]:
    """Yield lengths that NumPy finds to be equal, or raises."""
    shapes = []
    if isinstance(stmt, Write | Accumulate):
        place = Builder(trusting=True).place(stmt.base.type, stmt.path)
        shapes = [place.dims, stmt.value.type.dims]
    elif isinstance(stmt, Op) and ROWS[stmt.row].kind == "elementwise":
        shapes = [a.type.dims for a in stmt.args]
    elif isinstance(stmt, Op) and stmt.row == "matmul":
        x, y = (a.type.dims for a in stmt.args)
        shapes = [x[-1:], y[-2:][:1]]
    for axis in zip_longest(*(shape[::-1] for shape in shapes)):
        yield from map(frozenset, combinations(axis, 2))
