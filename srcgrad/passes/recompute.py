"""Compute cheap arrays again where they are read once more.

A matrix that is a number times another, or a column times a row, costs more to write
and to read back than to compute: `t = alpha * a` that two products use becomes part of
the loops of either, and is never stored. What it is made of must still be the same.
"""

from collections import defaultdict
from dataclasses import replace

from srcgrad import ir
from srcgrad.analyses.regions import regions_of
from srcgrad.ir import Block, Function, Op, Operand, Stmt, Value, View
from srcgrad.ops import ROWS
from srcgrad.walk import every, rewrite, users

_CHEAP = {"add", "mul", "neg", "sub"}


def recompute(function: Function) -> Function:
    """Return the function with cheap arrays computed once for each that reads them.

    >>> from srcgrad.builder import Builder
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim, Scalar
    >>> a, build = Value("a", Array("float64", (Dim(2), Dim(3)))), Builder()
    >>> b = build.op("mul", a, Value("s", Scalar("float64")), name="b")
    >>> results = (build.op("sum", b), build.op("exp", b))
    >>> before = Function("twice", (a,), build.close(), results)
    >>> print_function(recompute(before)).count("mul")
    2
    """
    plan = _Plan(function)
    return plan.function if plan.again else function


class _Plan:
    """Which statements get a copy of which array."""

    def __init__(self, function: Function) -> None:
        self.regions = regions_of(function)
        self.users, self.ends = users(function)
        self.order = {stmt: site.order for stmt, site in self.regions.site.items()}
        # What stands before a statement, and the names that the statement then reads.
        self.again: dict[Stmt, list[Stmt]] = defaultdict(list)
        self.names: dict[Stmt, dict[Value, Operand]] = defaultdict(dict)
        for stmt in every(function.body):
            if isinstance(stmt, Op) and self.is_cheap(stmt):
                self.copy(stmt)
        if self.again:
            body = self.block(function.body)
            self.function = replace(function, body=body, cut=None)

    def is_cheap(self, op: Op) -> bool:
        """Tell whether a matrix takes little arithmetic and at most one other."""
        rank = op.out.type.rank
        full = sum(x.type.rank == rank and not self.spread(x) for x in op.args)
        return op.row in _CHEAP and rank > 1 and full < 2

    def spread(self, x: Operand) -> bool:
        """Tell whether an operand has but one item along some axis."""
        return any(d.known == 1 for d in getattr(x.type, "dims", ()))

    def copy(self, op: Op) -> None:
        """Compute an array again for all but the first that read it."""
        readers = [(u, self.through(u, op)) for u in self.users[op.out]]
        if op.out in self.ends or not all(r for _, r in readers) or len(readers) < 2:
            return
        if self.stays(op, max(self.order[s] for _, r in readers for s in r)):
            for user, _ in readers[1:]:
                out = Value(op.out.name, op.out.type)
                self.again[user].append(replace(op, outs=(out,)))
                self.names[user][op.out] = out

    def stays(self, op: Op, last: int) -> bool:
        """Tell whether arrays are the same from an operation to another one."""
        meanwhile = [*self.regions.site][self.order[op] + 1 : last + 1]
        arrays = [x for x in (op.out, *op.args) if isinstance(x, Value)]
        families = {self.regions.family(x) for x in arrays if x.type.rank}
        return families.isdisjoint(self.regions.changed(meanwhile))

    def through(self, user: Stmt, op: Op) -> list[Stmt]:
        """Return what reads an array, also by a view; nothing if not all can."""
        if self.regions.site[user].chain != self.regions.site[op].chain:
            return []
        if isinstance(user, View) and not ir.gathers(user.path):
            if user.out in self.ends:
                return []
            found = [self.through(u, op) for u in self.users[user.out]]
            return [s for r in found for s in r] if all(found) else []
        if not isinstance(user, Op) or ROWS[user.row].alias:
            return []
        row, rank = ROWS[user.row], max(x.type.rank for x in user.args)
        vector = row.fold is not None and user.out.type.rank < rank
        return [user] if row.loop is not None or vector else []

    def block(self, block: Block) -> Block:
        """Return a block with what is computed again."""
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            stmts += self.again.get(stmt, ())
            stmts.append(rewrite(stmt, self.names.get(stmt, {}), block=self.block))
        return Block((*stmts,))
