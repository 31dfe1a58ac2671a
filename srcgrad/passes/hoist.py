"""Make arrays, and integers that no turn changes, before the loop and not in each turn.

An array that a turn makes anew and that does not outlive the turn is made once: the
loop carries it from turn to turn, and every turn overwrites it. Fresh memory costs more
than the arithmetic on it. A list of numbers is emptied, and zeros are set again, where
a turn would make them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcgrad import ir, walk
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Regions, regions_of
from srcgrad.builder import INT, const
from srcgrad.ir import Block, Carry, Const, Function, Op, Operand, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.types import Scalar
from srcgrad.walk import consumed, handed, inner_outs, operands, outs, rewrite

# Rows of integers that cost little and raise nothing.
_NUMBERS = set("add sub mul neg max2 min2 slice_length range_length trips".split())


def hoist(function: Function) -> Function:
    """Return the function with arrays of one turn, and integers, made before loops.

    >>> from srcgrad.builder import INT, Builder, const
    >>> from srcgrad.passes.dead_code import remove_dead_code
    >>> from srcgrad.text import print_function
    >>> n, i, build = Value("n", INT), Value("i", INT), Builder()
    >>> with build.block() as body:
    ...     z = build.op("empty", 4, name="z")
    ...     last = build.write(z, (ir.Index((const(0),)),), const(1.0))
    >>> loop = ir.For(i, const(0), n, const(1), (), Block((*body,)))
    >>> before = Function("f", (n,), Block((loop,)), (n,))
    >>> print(print_function(hoist(before)), end="")
    function f(n.0: py int64)
      z.0: float64[4] = empty(4)
      for i.0 in 0, n.0, 1
        carry z.1: float64[4] = z.0
        z.2 = write z.1[0], 1.0
        yield z.1 = z.2 -> z.3
      return n.0
    """
    regions = regions_of(function)
    return replace(function, body=_Hoisting(regions).block(function.body))


class _Hoisting:
    """The loops of a function, from the inside out."""

    def __init__(self, regions: Regions) -> None:
        self.bounds = Bounds(regions)
        self.lent: set[Value] = set()  # arrays that an arm changes and gives back

    def block(self, block: Block) -> Block:
        """Return a block with the arrays of loops before them."""
        stmts: list[Stmt] = []
        for old in block.stmts:
            stmt = rewrite(old, block=self.block)
            if isinstance(stmt, ir.Loop):
                stmts += self.taken_out(stmt, old)
            elif isinstance(stmt, ir.If):
                stmts += self.lifted(stmt, old)
            else:
                stmts.append(stmt)
        return Block((*stmts,))

    def is_room(self, s: Stmt, at: Stmt) -> bool:
        """Tell whether a statement makes an array that could be made elsewhere."""
        sizes = map(self.bounds.linear, operands(s))
        shared = isinstance(at, ir.For) and at.parallel  # each thread has its own
        zeros = isinstance(at, ir.Loop) and is_row(s, "zeros")
        new = (zeros or is_row(s, "empty")) and not shared
        return new and all(self.bounds.holds(size, at) for size in sizes)

    def lifted(self, branch: ir.If, at: Stmt) -> list[Stmt]:
        """Return what is made before an `if`, and the `if`."""
        before: list[Stmt] = []
        for arm in ("then", "orelse"):
            body = [*getattr(branch, arm).stmts]
            inside: set[Any] = {v for s in body for v in outs(s)}
            made: list[Any] = [
                s for s in body if not inside & {*operands(s)} and self.is_room(s, at)
            ]
            ends = [getattr(m, arm) for m in branch.merges]
            last, names = self.last_versions(body, made, ends), dict[Any, Value]()
            merges = [*branch.merges]
            for op in made:
                if (own := op.out) not in last:
                    continue
                first, out = (ir.twin(own) for _ in range(2))
                before.append(replace(op, outs=(first,)))
                body.remove(op)
                names[own] = first
                self.lent.add(first)
                end = first if last[own] is own else last[own]
                then, orelse = (end, first) if arm == "then" else (first, end)
                merges.append(ir.Merge(out, then, orelse))
            block = Block(tuple(rewrite(s, names) for s in body))
            new: Any = {arm: block, "merges": (*merges,)}
            branch = replace(branch, **new)
        return [*before, branch]

    def taken_out(self, loop: ir.Loop, at: Stmt) -> list[Stmt]:
        """Return what is made before a loop, and the loop."""
        inside: set[Any] = {*inner_outs(loop)}
        inside |= {v for s in loop.body.stmts for v in outs(s)}
        before: list[Stmt] = []
        body: list[Stmt] = []
        made: list[Op] = []
        for s in loop.body.stmts:
            settled = isinstance(s, Op) and not inside & {*operands(s)}
            if settled and isinstance(s, Op) and (is_list(s) or self.is_room(s, at)):
                made.append(s)
                body.append(s)
            elif settled and isinstance(s, Op) and self.is_number(s):
                before.append(s)
                inside -= {*s.outs}
            else:
                body.append(s)
        ends = [c.yld for c in loop.carries]
        last = self.last_versions(body, made, ends)
        carries, names = [*loop.carries], dict[Any, ir.Operand]()
        for op in made:
            if op.out not in last:
                continue
            own = op.out
            first, inn, end = (ir.twin(own) for _ in range(3))
            if own in self.lent:
                self.lent |= {first, inn}
            row = "empty" if op.row == "zeros" else op.row
            before.append(replace(op, row=row, outs=(first,)))
            yld = last[own]
            if is_list(op):
                body[body.index(op)] = Op("emptied", (inn,), (own,), loc=op.loc)
            elif op.row == "zeros":
                body[body.index(op)] = cleared(op, inn, own)
            else:
                yld = inn if yld is own else yld
                body.remove(op)
                names[own] = inn
            carries.append(Carry(first, inn, yld, end))
        new = tuple(rewrite(s, names) for s in body)
        return [*before, replace(loop, body=Block(new), carries=(*carries,))]

    def is_number(self, op: Op) -> bool:
        """Tell whether an operation makes an integer and cannot raise."""
        numbers = all(x.type.rank == 0 for x in op.args)
        if op.row == "range_length":
            step = op.args[2]
            numbers = numbers and isinstance(step, Const) and step.value != 0
        return numbers and op.row in _NUMBERS and not self.bounds.overflows(op)

    def is_as_long(self, one: Value, two: Value) -> bool:
        """Tell whether two versions are one array, or arrays of the same lengths."""
        found = [self.bounds.regions.buffer.get(x) for x in (one, two)]
        homes = {buffer.memory() if buffer else None for buffer in found}
        return one.type.dims == two.type.dims or (len(homes) == 1 and None not in homes)

    def last_versions(
        self, body: list[Stmt], made: list[Op], ends: Sequence[Operand]
    ) -> dict[Value, Value]:
        """Return, for arrays that do not leave a block, the version at its end."""
        last: dict[Any, Any] = {op.out: op.out for op in made}
        home: dict[Any, Any] = {op.out: op.out for op in made}
        for s in body:
            used = {x for x in consumed(s) if x in home}
            pairs = [(a, b) for a, b in handed(s) if a in home and b in outs(s)]
            for source, target in pairs:
                home[target] = first = home[source]
                last[first] = target
                if not self.is_as_long(target, first):
                    last.pop(first, None)  # the next turn needs as much room again
            for x in used - {a for a, _ in pairs}:
                last.pop(home[x], None)  # it became something else
            if isinstance(s, ir.If):
                for inner in walk.every(Block((s,))):
                    for x in consumed(inner):
                        if home.get(x) not in self.lent:
                            last.pop(home.get(x), None)
        for s in walk.every(Block((*body,))):
            # A list keeps what is appended; what may be a view may leave the turn.
            alias = isinstance(s, Op) and ROWS[s.row].alias
            for x in operands(s) if alias or isinstance(s, ir.Push) else ():
                last.pop(home.get(x), None)
        for x in ends:
            last.pop(home.get(x), None)
        return last


def is_row(s: Stmt, row: str) -> bool:
    """Tell whether a statement is an operation of a row."""
    return isinstance(s, Op) and s.row == row


def cleared(op: Op, base: Value, out: Value, *index: Value) -> Stmt:
    """Return the loops that set an array to the zeros that an operation would make."""
    if len(index) == len(op.args):
        zero = Const(0, Scalar(out.type.dtype))
        return ir.Write(base, (ir.Index(index, sure=True),), zero, out, op.loc)
    var, inn, end = Value("i", INT), *(Value("", out.type, out.hint) for _ in range(2))
    body = Block((cleared(op, inn, end, *index, var),))
    ends = const(0), op.args[len(index)], const(1)
    return ir.For(var, *ends, (Carry(base, inn, end, out),), body, loc=op.loc)


def is_list(s: Stmt) -> bool:
    """Tell whether a statement makes a list of numbers."""
    item = s.attrs["item"] if isinstance(s, Op) and s.row == "new_list" else None
    return isinstance(item, Scalar)
