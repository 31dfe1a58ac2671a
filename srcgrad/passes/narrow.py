"""Keep of an array only the part that one turn of a loop uses.

A loop that does forward and backward what two did makes row after row of an array, and
reads each row in the turn that made it. One row is then enough: the axis that the loop
runs over goes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import regions_of
from srcgrad.ir import Block, For, Function, Index, Op, Stmt, Value
from srcgrad.types import Array, Dim
from srcgrad.walk import every, rewrite, users

Access = ir.Read | ir.Write | ir.Accumulate


def narrow(function: Function) -> Function:
    """Return the function with arrays without the axes that no turn looks back on.

    >>> from srcgrad.builder import INT, Builder, const
    >>> from srcgrad.text import print_function
    >>> n, i, j, build = *(Value(c, INT) for c in "nij"), Builder()
    >>> z = build.op("empty", n, n, name="z")
    >>> first, inn, out, end = (Value("z", z.type) for _ in range(4))
    >>> with build.block() as turn:
    ...     with build.block() as row:
    ...         last = build.write(inn, (Index((i, j), sure=True),), const(1.0))
    ...     carry = ir.Carry(first, inn, last, out)
    ...     loop = For(j, const(0), n, const(1), (carry,), Block((*row,)))
    ...     _ = build.emit(loop)
    >>> carry = ir.Carry(z, first, out, end)
    >>> _ = build.emit(For(i, const(0), n, const(1), (carry,), Block((*turn,))))
    >>> before = Function("f", (n,), build.close(), (n,))
    >>> print(print_function(narrow(before)), end="")
    function f(n.0: py int64)
      z.0: float64[n.0] = empty(n.0)
      for i.0 in 0, n.0, 1
        carry z.1: float64[n.0] = z.0
        for j.0 in 0, n.0, 1
          carry z.2: float64[n.0] = z.1
          z.3 = write z.2[j.0], 1.0
          yield z.2 = z.3 -> z.4
        yield z.1 = z.4 -> z.5
      return n.0
    """
    return _Narrowing(function).run()


def narrow_apart(function: Function) -> Function:
    """Do the same, and make what is left of an array where one turn alone uses it.

    Threads then share none of it; `hoist` makes it before loops that one thread runs.
    """
    return _Narrowing(function, apart=True).run()


class _Narrowing:
    """The arrays of a function, and who looks at each version."""

    def __init__(self, function: Function, apart: bool = False) -> None:
        self.function, self.regions = function, regions_of(function)
        self.apart = apart
        self.within: dict[Stmt, list[Op]] = defaultdict(list)  # made in a loop's turns
        self.first: dict[Op, Value] = {}  # what such an array was when a turn began
        self.carried: list[ir.Carry] = []  # what hands it on no more
        self.users, self.ends = users(function)
        self.gone: dict[Any, set[int]] = {}  # the axes that go, by version

    def run(self) -> Function:
        """Return the new function."""
        for stmt in every(self.function.body):
            if isinstance(stmt, Op) and stmt.row == "empty":
                versions, accesses = self.follow(stmt.out)
                gone = self.needless(stmt, accesses)
                if gone:
                    self.gone |= dict.fromkeys(versions, gone)
                    if self.apart:
                        site, many = self.regions.site, len(gone)
                        around = site[accesses[0]].chain[len(site[stmt].chain) :]
                        self.move(stmt, [loop for loop, _ in around[:many]])
        names: dict[Any, Any] = {}
        for x, gone in self.gone.items():
            dims = _without(x.type.dims, gone)
            names[x] = Value(x.name, Array(x.type.dtype, dims), x.hint)
        names |= {x: names[op.out] for op, x in self.first.items()}
        new = replace(self.function, body=self.block(self.function.body))
        return rewrite(new, names, names) if names else self.function

    def move(self, op: Op, loops: Sequence[Any]) -> None:
        """Make an array in the turns of the last of some loops around its uses."""
        x, carries, outer = op.out, list[ir.Carry](), list[Stmt]()
        for loop in loops:
            if self.users[x] != [loop] or self.ends[x]:
                return
            (c,) = (c for c in loop.carries if c.init is x)
            if self.users[c.out] or self.ends[c.out] != outer:
                return
            carries.append(c)
            x, outer = c.inn, [loop]
        self.within[loops[-1]].append(op)
        self.first[op] = x
        self.carried += carries

    def follow(self, start: Value) -> tuple[set[Any], list[Access]]:
        """Return the versions of an array, and what reads and changes elements.

        Where anything else is done with it there are no accesses.
        """
        versions, accesses, todo = set[Any](), list[Access](), [start]
        handed: set[Stmt | Function] = set()
        while todo:
            x = todo.pop()
            versions.add(x)
            handed.update(self.ends[x])
            for stmt in self.users[x]:
                if isinstance(stmt, Access) and stmt.base is x:
                    accesses.append(stmt)
                    todo += [] if isinstance(stmt, ir.Read) else [stmt.out]
                elif isinstance(stmt, For):
                    handed.add(stmt)
                    own = [c for c in stmt.carries if c.init is x]
                    todo += [y for c in own for y in (c.inn, c.out)]
                else:
                    return versions, []
        # An array that changes places with another one needs all its axes.
        plain = all(
            isinstance(s, For)
            and all((c.init in versions) == (c.yld in versions) for c in s.carries)
            for s in handed
        )
        return versions, accesses if plain else []

    def needless(self, op: Op, accesses: Collection[Access]) -> set[int]:
        """Return the axes that the loops around all accesses run over."""
        gone: set[int] = set()
        depth = len(self.regions.site[op].chain)
        chains = [self.regions.site[s].chain[depth:] for s in accesses]
        forms = [self.forms(s) for s in accesses]
        for regions in zip(*chains, strict=False):
            loop = regions[0][0]
            if not isinstance(loop, For) or any(s is not loop for s, _ in regions):
                break
            own = Dim.of(loop.var)
            axes = [k for k in range(op.out.type.rank) if k not in gone]
            axes = [k for k in axes if all(f and f[k] == own for f in forms)]
            if not axes or len(gone) + 1 == op.out.type.rank:
                break
            gone.add(axes[0])
        return gone

    def forms(self, stmt: Access) -> list[Dim]:
        """Return the subscripts of an element; none if they are not sure."""
        step = stmt.path[0]
        sure = isinstance(step, Index) and step.sure and len(stmt.path) == 1
        items = step.items if isinstance(step, Index) and sure else ()
        found = [self.regions.linear(i) for i in items if isinstance(i, ir.Operand)]
        return found if len(found) == stmt.base.type.rank else []

    def block(self, block: Block) -> Block:
        """Return a block whose subscripts lack the axes that go."""
        stmts: list[Stmt] = []
        for old in block.stmts:
            if old in self.first:
                continue
            stmt = rewrite(old, block=self.block)
            if isinstance(stmt, Op) and stmt.row == "empty":
                stmt = self.empty(stmt)
            elif isinstance(stmt, For):
                made = map(self.empty, self.within[old])
                body = Block((*made, *stmt.body.stmts))
                stmt = rewrite(replace(stmt, body=body), gone=self.carried)
            elif isinstance(stmt, Access) and stmt.base in self.gone:
                (step,) = stmt.path
                assert isinstance(step, Index)
                items = _without(step.items, self.gone[stmt.base])
                path = (replace(step, items=items),)
                stmt = replace(stmt, path=path)
            stmts.append(stmt)
        return Block((*stmts,))

    def empty(self, op: Op) -> Op:
        """Return what makes an array without the axes that go."""
        return replace(op, args=_without(op.args, self.gone.get(op.out, set())))


def _without(items: tuple[Any, ...], gone: Collection[int]) -> tuple[Any, ...]:
    return tuple(x for k, x in enumerate(items) if k not in gone)
