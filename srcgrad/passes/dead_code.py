"""Remove what no result, no check and no effect depends on.

Before: y = x * x; z = sin(x); return y. After: y = x * x; return y.

First, hand-overs that carry nothing go: a carry that yields what it was given, a
merge of one value with itself, a merge of True and False. All that is alive is then
found from the results, the checks and the effects; the rest is left out.

Effect chains stay whole: where an update of an outer buffer inside a region is alive,
so are the later updates of that buffer there and the carry or merge that hands it out,
read or not. Else nobody could tell what the buffer holds afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable

from srcgrad.analyses.regions import Regions
from srcgrad.ir import (
    Assert,
    Block,
    Carry,
    Const,
    For,
    Function,
    If,
    Merge,
    Op,
    Operand,
    Stmt,
    Update,
    Value,
    While,
    owned,
)
from srcgrad.ops import ROWS
from srcgrad.walk import blocks, every, inner_outs, named, operands, outs, rewrite

__all__ = ["remove_dead_code"]


def remove_dead_code(function: Function, *, lengths: bool = False) -> Function:
    """Return the function without statements and hand-overs that nothing needs.

    Args:
        function: The function; it stays as it is.
        lengths: Keep the integers that the shapes of living arrays are made of: an
            adjoint can then allocate by them.

    >>> from srcgrad.builder import Builder
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Scalar
    >>> x, build = Value("x", Scalar("float64")), Builder()
    >>> y = build.op("mul", x, x, name="y")
    >>> z = build.op("sub", y, x, name="z")
    >>> before = Function("square", (x,), build.close(), (y,))
    >>> print(print_function(before), end="")
    function square(x.0: float64)
      y.0: float64 = mul(x.0, x.0)
      z.0: float64 = sub(y.0, x.0)
      return y.0
    >>> print(print_function(remove_dead_code(before)), end="")
    function square(x.0: float64)
      y.0: float64 = mul(x.0, x.0)
      return y.0
    """
    function = _prune(function)
    alive = _Alive(function, lengths)
    gone: set[Stmt | Carry | Merge] = set()
    uncounted: dict[Value, None] = {}
    for stmt in every(function.body):
        if stmt not in alive.kept:
            gone.add(stmt)
        elif isinstance(stmt, For | While):
            gone.update(c for c in stmt.carries if c.inn not in alive.live)
            if stmt.trips is not None and stmt.trips not in alive.live:
                uncounted[stmt.trips] = None
        elif isinstance(stmt, If):
            gone.update(m for m in stmt.merges if m.out not in alive.live)
    return rewrite(function, makes=uncounted, gone=gone)


# hand-overs that carry nothing


def _prune(function: Function) -> Function:
    """Replace what needless carries and merges hand on by what they were given."""
    while True:
        found = _Needless(function)
        if not found.gone:
            return function
        names = {value: found.given(value) for value in found.names}
        function = rewrite(function, names, gone=found.gone)


class _Needless:
    """Hand-overs that carry nothing, and what is to stand for the values they make."""

    def __init__(self, function: Function) -> None:
        self.names: dict[Value, Operand] = {}
        self.gone: set[Carry | Merge] = set()
        for stmt in reversed([*every(function.body)]):  # inner ones before outer ones
            if isinstance(stmt, For | While):
                for c in stmt.carries:
                    self.carry(c)
            elif isinstance(stmt, If):
                for m in stmt.merges:
                    self.merge(m, stmt.cond)

    def given(self, x: Operand) -> Operand:
        """Return what stands for an operand in the end."""
        while x in self.names:
            x = named(x, self.names)
        return x

    def carry(self, c: Carry) -> None:
        """Note a carry that is what it was given in every turn."""
        init, yld = self.given(c.init), self.given(c.yld)
        if (yld is c.inn or _same(yld, init)) and _fits(init, c.inn):
            self.names[c.inn] = self.names[c.out] = init
            self.gone.add(c)

    def merge(self, m: Merge, cond: Operand) -> None:
        """Note a merge of one value with itself, or of True and False."""
        then, orelse = self.given(m.then), self.given(m.orelse)
        if _same(then, orelse) and _fits(then, m.out):
            self.names[m.out] = then
        elif _is_bool(then, True) and _is_bool(orelse, False):
            self.names[m.out] = cond
        else:
            return
        self.gone.add(m)


def _same(a: Operand, b: Operand) -> bool:
    """Tell whether two operands are one; 0.0 and -0.0 are two."""
    if isinstance(a, Const) and isinstance(b, Const):
        return a == b and repr(a) == repr(b)
    return a is b


def _fits(x: Operand, place: Value) -> bool:
    """Tell whether a value may stand for another: a weak number for no strong one."""
    return owned(place.type) or x.type == place.type


def _is_bool(x: Operand, value: bool) -> bool:
    return isinstance(x, Const) and x.value is value


# what is alive


class _Alive:
    """The values that are needed, and the statements that are kept for them."""

    def __init__(self, function: Function, lengths: bool) -> None:
        self.regions = Regions(function)
        self.live: set[Value] = set()
        self.kept: set[Stmt] = set()
        self.lengths = lengths
        # How deep the outermost region lies that a version's memory comes from.
        self.home: dict[Operand, int] = dict.fromkeys(function.params, 0)
        # What a value is handed on from, and as what the memory of a version goes on.
        self.sources: dict[Value, tuple[Operand, ...]] = {}
        self.heirs: dict[Operand, list[Value]] = {}
        self.pending: list[Value] = []
        self.index(function.body, 0)
        self.need(function.results)
        for stmt in every(function.body):
            effect = isinstance(stmt, Op) and ROWS[stmt.row].effect
            if effect or isinstance(stmt, Assert):
                self.keep(stmt)
        self.settle()

    def index(self, block: Block, depth: int) -> None:
        """Note where the memory of every version comes from and goes to."""
        for stmt in block.stmts:
            if isinstance(stmt, For | While):
                home = self.oldest(depth, (c.init for c in stmt.carries))
                for c in stmt.carries:
                    self.home[c.inn] = self.home[c.out] = home
                    self.sources[c.inn] = (c.init, c.yld, c.out)
                    self.inherit(c.out, c.init, c.yld, c.inn)
            for inner in blocks(stmt):
                self.index(inner, depth + 1)
            if isinstance(stmt, If):
                for m in stmt.merges:
                    self.home[m.out] = self.oldest(depth, (m.then, m.orelse))
                    self.inherit(m.out, m.then, m.orelse)
            elif isinstance(stmt, Update):
                self.home[stmt.out] = self.home[stmt.base]
                self.inherit(stmt.out, stmt.base)
            for out in outs(stmt):
                self.home.setdefault(out, depth)

    def inherit(self, heir: Value, *owners: Operand) -> None:
        """Note what a value is handed on from."""
        self.sources[heir] = owners
        for owner in owners:
            self.heirs.setdefault(owner, []).append(heir)

    def oldest(self, depth: int, xs: Iterable[Operand]) -> int:
        """Return how far out the memory of some versions may come from."""
        return min((depth, *(self.home[x] for x in xs if owned(x.type))))

    # marking

    def need(self, xs: Iterable[Operand | None]) -> None:
        """Note that operands are read."""
        self.pending += [x for x in xs if isinstance(x, Value)]

    def settle(self) -> None:
        """Follow what is needed to all that it needs."""
        while self.pending:
            value = self.pending.pop()
            if value in self.live:
                continue
            self.live.add(value)
            if self.lengths:
                atoms = (a for d in getattr(value.type, "dims", ()) for a, _ in d.terms)
                self.need(a for a in atoms if a in self.regions.chain)
            if value not in self.regions.definition:
                continue
            self.keep(self.regions.definition[value])
            self.need(self.sources.get(value, ()))
            if self.leaves_region(value):
                self.need(self.heirs.get(value, ()))

    def leaves_region(self, value: Value) -> bool:
        """Tell whether a version is an outer buffer as a region has changed it."""
        if not owned(value.type) or self.home[value] >= len(self.regions.chain[value]):
            return False
        return value not in inner_outs(self.regions.definition[value])

    def keep(self, stmt: Stmt) -> None:
        """Keep a statement, the regions around it, and what they read themselves."""
        if stmt in self.kept:
            return
        self.kept.add(stmt)
        match stmt:
            case For():
                self.need((stmt.start, stmt.stop, stmt.step, stmt.exit))
            case While():
                self.need((stmt.cond, stmt.exit))
            case _:
                self.need(operands(stmt))
                if isinstance(stmt, Update):
                    self.need((stmt.out,))
        for region, _ in self.regions.site[stmt].chain:
            self.keep(region)
