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
from dataclasses import replace

from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Carry,
    Const,
    For,
    Function,
    If,
    Loop,
    Merge,
    Op,
    Operand,
    Push,
    Stmt,
    Take,
    Value,
    While,
    Write,
    owned,
)
from srcgrad.ops import ROWS
from srcgrad.walk import blocks, every, operands, outs, substitute

__all__ = ["remove_dead_code"]

Names = dict[Value, Operand]


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
    cut = function.cut
    if cut is not None:
        cut = sum(s in alive.kept for s in function.body.stmts[:cut])
    return replace(function, body=_sweep(function.body, alive), cut=cut)


# hand-overs that carry nothing


def _prune(function: Function) -> Function:
    """Replace what needless carries and merges hand on by what they were given."""
    while True:
        body, names = _prune_block(function.body)
        if not names:
            return function
        results = tuple(_renamed(r, names) for r in function.results)
        function = replace(function, body=body, results=results)


def _prune_block(block: Block) -> tuple[Block, Names]:
    """Return a block, and what is to stand for the values that are gone."""
    names: Names = {}
    stmts: list[Stmt] = []
    for old in block.stmts:
        stmt, found = substitute(old, names), Names()
        if isinstance(stmt, If):
            stmt, found = _prune_if(stmt)
        elif isinstance(stmt, For | While):
            stmt, found = _prune_loop(stmt)
        names.update(found)
        stmts.append(stmt)
    return (Block(tuple(stmts)) if names else block), names


def _prune_if(stmt: If) -> tuple[If, Names]:
    then, one = _prune_block(stmt.then)
    orelse, two = _prune_block(stmt.orelse)
    names = {**one, **two}
    kept: list[Merge] = []
    for old in stmt.merges:
        m = replace(old, then=_renamed(old.then, one), orelse=_renamed(old.orelse, two))
        if _same(m.then, m.orelse) and _fits(m.then, m.out):
            names[m.out] = m.then
        elif _is_bool(m.then, True) and _is_bool(m.orelse, False):
            names[m.out] = stmt.cond
        else:
            kept.append(m)
    return replace(stmt, then=then, orelse=orelse, merges=tuple(kept)), names


def _prune_loop(stmt: Loop) -> tuple[Loop, Names]:
    names: Names = {}
    if isinstance(stmt, While):
        test, found = _prune_block(stmt.test)
        stmt = replace(stmt, test=test, cond=_renamed(stmt.cond, found))
        names.update(found)
    body, found = _prune_block(stmt.body)
    names.update(found)
    carries = tuple(replace(c, yld=_renamed(c.yld, found)) for c in stmt.carries)
    exit = None if stmt.exit is None else _renamed(stmt.exit, found)
    stmt = replace(stmt, body=body, carries=carries, exit=exit)
    while True:
        # One carry that goes can show that another one carries nothing either.
        idle = [c for c in stmt.carries if _idle(c)]
        if not idle:
            return stmt, names
        stmt = replace(stmt, carries=tuple(c for c in stmt.carries if c not in idle))
        gone: Names = {c.inn: c.init for c in idle}
        changed = substitute(stmt, gone)
        assert isinstance(changed, For | While)
        stmt = changed
        names.update(gone)
        names.update((c.out, c.init) for c in idle)


def _idle(c: Carry) -> bool:
    """Tell whether a carry is what it was given in every turn."""
    return (c.yld is c.inn or _same(c.yld, c.init)) and _fits(c.init, c.inn)


def _renamed(x: Operand, names: Names) -> Operand:
    return names.get(x, x) if isinstance(x, Value) else x


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
        self.live: set[Value] = set()
        self.kept: set[Stmt] = set()
        self.lengths = lengths
        self.maker: dict[Value, Stmt] = {}
        self.parent: dict[Stmt, Stmt | None] = {}
        self.carry: dict[Value, Carry] = {}
        self.merge: dict[Value, Merge] = {}
        self.depth: dict[Value, int] = dict.fromkeys(function.params, 0)
        # How deep the outermost region lies that a version's memory comes from.
        self.home: dict[Value, int] = dict.fromkeys(function.params, 0)
        self.heirs: dict[Value, list[Value]] = {}
        self.pending: list[Value] = []
        self.index(function.body, None, 0)
        self.need(function.results)
        for stmt in every(function.body):
            if isinstance(stmt, Assert) or (
                isinstance(stmt, Op) and ROWS[stmt.row].effect
            ):
                self.keep(stmt)
        self.settle()

    # who makes, hands on and inherits what

    def index(self, block: Block, parent: Stmt | None, depth: int) -> None:
        """Note the maker of every value, and the heirs of every version."""
        for stmt in block.stmts:
            self.parent[stmt] = parent
            if isinstance(stmt, For | While):
                self.index_carries(stmt, depth)
            for inner in blocks(stmt):
                self.index(inner, stmt, depth + 1)
            for out in outs(stmt):
                self.maker[out], self.depth[out] = stmt, depth
                self.home.setdefault(out, depth)
            match stmt:
                case Write() | Accumulate() | Take() | Push():
                    self.home[stmt.out] = self.home[stmt.base]
                    self.inherit(stmt.out, stmt.base)
                case If():
                    for m in stmt.merges:
                        self.merge[m.out] = m
                        self.inherit(m.out, m.then, m.orelse)
                        self.home[m.out] = min(depth, self.oldest([m.then, m.orelse]))
                case _:
                    pass

    def index_carries(self, stmt: Loop, depth: int) -> None:
        home = min(depth, self.oldest(c.init for c in stmt.carries))
        if isinstance(stmt, For):
            self.maker[stmt.var], self.depth[stmt.var] = stmt, depth + 1
        for c in stmt.carries:
            self.maker[c.inn], self.depth[c.inn] = stmt, depth + 1
            self.carry[c.inn] = self.carry[c.out] = c
            self.home[c.inn] = self.home[c.out] = home
            self.inherit(c.out, c.init, c.yld)

    def inherit(self, heir: Value, *owners: Operand) -> None:
        """Note that the memory of versions goes on as another one."""
        for owner in owners:
            if isinstance(owner, Value) and owned(owner.type):
                self.heirs.setdefault(owner, []).append(heir)

    def oldest(self, xs: Iterable[Operand]) -> int:
        """Return how far out the memory of some versions may come from."""
        found = (self.home[x] for x in xs if isinstance(x, Value) and owned(x.type))
        return min(found, default=len(self.parent))

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
                self.need(a for a in atoms if a in self.depth)
            if value not in self.maker:
                continue
            self.keep(self.maker[value])
            if value in self.carry:
                c = self.carry[value]
                self.need((c.init, c.inn, c.yld, c.out))
            if value in self.merge:
                m = self.merge[value]
                self.need((m.then, m.orelse))
            if self.leaves_region(value):
                self.need(self.heirs.get(value, ()))

    def leaves_region(self, value: Value) -> bool:
        """Tell whether a version is an outer buffer as a region has changed it."""
        if not owned(value.type) or self.home[value] >= self.depth[value]:
            return False
        return value not in self.carry or value is self.carry[value].out

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
            case Write() | Accumulate() | Take() | Push():
                self.need((*operands(stmt), stmt.out))
            case _:
                self.need(operands(stmt))
        parent = self.parent[stmt]
        if parent is not None:
            self.keep(parent)


def _sweep(block: Block, alive: _Alive) -> Block:
    """Return a block with what is alive in it."""
    return Block(tuple(_swept(s, alive) for s in block.stmts if s in alive.kept))


def _swept(stmt: Stmt, alive: _Alive) -> Stmt:
    match stmt:
        case For() | While():
            carries = tuple(c for c in stmt.carries if c.inn in alive.live)
            trips = stmt.trips if stmt.trips in alive.live else None
            body = _sweep(stmt.body, alive)
            stmt = replace(stmt, carries=carries, trips=trips, body=body)
            if isinstance(stmt, While):
                return replace(stmt, test=_sweep(stmt.test, alive))
            return stmt
        case If():
            merges = tuple(m for m in stmt.merges if m.out in alive.live)
            then, orelse = _sweep(stmt.then, alive), _sweep(stmt.orelse, alive)
            return replace(stmt, then=then, orelse=orelse, merges=merges)
        case _:
            return stmt
