"""Leave out copies of arrays that nobody could tell from their originals.

Before: t = x * 2; c = copy(t); return c. After: c = x * 2; return c.

A copy goes if (a) its original is a new array that nothing else uses: the copy's name
then stands for the original itself; or (b) it is only read, in its own block, by
operations that come before any change of the memory it was copied from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.ir import (
    Accumulate,
    Block,
    For,
    Function,
    If,
    Index,
    Op,
    Operand,
    Path,
    Push,
    Slice,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    owned,
)
from srcgrad.types import Array
from srcgrad.walk import (
    blocks,
    every,
    inner_operands,
    operands,
    outs,
    rebuild,
    substitute,
    uses,
)

__all__ = ["MAY_ALIAS", "elide_copies"]

# Rows whose NumPy functions may return a view of their operand instead of a new array.
MAY_ALIAS = frozenset(
    "atleast_1d atleast_2d atleast_3d broadcast_to diag diagonal expand_dims flip"
    " fliplr flipud moveaxis ravel reshape rot90 rollaxis squeeze stop_gradient"
    " swapaxes transpose".split()
)


@dataclass(slots=True)
class _Place:
    """Where a copy stands: its block and position, and all uses of its result."""

    stmts: tuple[Stmt, ...]
    position: int
    copy: Op

    @property
    def original(self) -> Value:
        """The value that is copied."""
        (value,) = self.copy.args
        assert isinstance(value, Value)
        return value


def elide_copies(function: Function) -> Function:
    """Return the function without copies that nobody could tell from their originals.

    >>> from srcgrad.builder import Builder
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim, Scalar
    >>> x, build = Value("x", Array("float64", (Dim(3),))), Builder()
    >>> t = build.op("mul", x, 2.0)
    >>> c = build.op("copy", t, name="c")
    >>> before = Function("double", (x,), build.close(), (c,))
    >>> print(print_function(before), end="")
    function double(x.0: float64[3])
      t.0: float64[3] = mul(x.0, 2.0)
      c.0: float64[3] = copy(t.0)
      return c.0
    >>> print(print_function(elide_copies(before)), end="")
    function double(x.0: float64[3])
      c.0: float64[3] = mul(x.0, 2.0)
      return c.0
    """
    while True:
        plan = _Plan(function)
        if not plan.gone:
            return function
        function = plan.carry_out()


class _Plan:
    """The copies that go in one round: no two of them share a value."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.regions = Regions(function)
        self.count = uses(function.body, function.results)
        self.users: dict[Value, list[Stmt]] = {}
        self.ends: set[Value] = {r for r in function.results if isinstance(r, Value)}
        for stmt in every(function.body):
            for x in operands(stmt):
                if isinstance(x, Value):
                    self.users.setdefault(x, []).append(stmt)
            self.ends.update(x for x in inner_operands(stmt) if isinstance(x, Value))
        self.gone: set[Stmt] = set()
        self.renamed: dict[Value, Value] = {}  # an original -> the copy's name, (a)
        self.names: dict[Value, Operand] = {}  # a copy -> its original, (b)
        touched: set[Value] = set()
        for place in _copies(function.body):
            pair = {place.original, place.copy.out}
            if touched & pair:
                continue
            if self.is_handed_over(place):
                self.renamed[place.original] = place.copy.out
            elif self.is_only_read(place):
                self.names[place.copy.out] = place.original
            else:
                continue
            touched |= pair
            self.gone.add(place.copy)

    # (a) the original is new, and the copy is its only use

    def is_handed_over(self, place: _Place) -> bool:
        """Tell whether a copy could be its original, which nothing else uses."""
        original, copy = place.original, place.copy.out
        if self.count.get(original) != 1 or original.type != copy.type:
            return False
        maker = self.regions.definition.get(original)
        if isinstance(maker, View):
            here = maker in place.stmts[: place.position]
            return here and _is_gather(maker.path) and self.is_operand_here(place)
        first = self.regions.buffer[original].memory().first
        maker = self.regions.definition.get(first)
        if maker not in place.stmts[: place.position] or self.crosses_cut(maker, place):
            return False
        if isinstance(maker, Op):
            return maker.row not in MAY_ALIAS
        return isinstance(maker, Take) and maker.value is first

    def crosses_cut(self, maker: Stmt, place: _Place) -> bool:
        """Tell whether the forward sweep makes what the backward sweep copies.

        The two sweeps may run apart, the backward one more than once.
        """
        return self.cut_between(place, place.stmts.index(maker), place.position)

    def cut_between(self, place: _Place, first: int, last: int) -> bool:
        """Tell whether of two statements around a copy only the first runs forward."""
        top, cut = self.function.body.stmts, self.function.cut
        return cut is not None and place.stmts is top and first < cut <= last

    def is_operand_here(self, place: _Place) -> bool:
        """Tell whether a copy is read in its block alone, and nowhere as a buffer.

        A gathered array is a View to everybody else: it may not be handed on.
        """
        copy = place.copy.out
        users = self.users.get(copy, [])
        return copy not in self.ends and all(
            user in place.stmts
            and isinstance(user, Op | Write | Accumulate | Push)
            and copy is not getattr(user, "base", None)
            and not (isinstance(user, Op) and user.row in MAY_ALIAS)
            for user in users
        )

    # (b) the copy is only read, and the original stays as it is meanwhile

    def is_only_read(self, place: _Place) -> bool:
        """Tell whether all uses of a copy could read the original."""
        users = self.users.get(place.copy.out, [])
        if place.copy.out in self.ends or not users:
            return False
        last = place.position
        for user in users:
            if not isinstance(user, Op) or user.row in MAY_ALIAS:
                return False
            if user not in place.stmts:
                return False
            last = max(last, place.stmts.index(user))
        memory = self.memory(place.original)
        if memory is None or self.cut_between(place, place.position, last):
            return False
        between = place.stmts[place.position + 1 : last]
        return not any(self.disturbs(stmt, memory) for stmt in between)

    def memory(self, value: Value) -> Buffer | None:
        """Return the memory that a version or a view lies in, if that is known."""
        maker = self.regions.definition.get(value)
        while isinstance(maker, View):
            value = maker.base
            maker = self.regions.definition.get(value)
        buffer = self.regions.buffer.get(value)
        return None if buffer is None else buffer.family()

    def disturbs(self, stmt: Stmt, memory: Buffer) -> bool:
        """Tell whether a statement changes some memory or hands it on."""
        for inner in (stmt, *(s for b in blocks(stmt) for s in every(b))):
            if any(self.memory(v) is memory for v in _taken(inner)):
                return True
        return False

    # carrying out

    def carry_out(self) -> Function:
        """Return the function without the copies."""
        f = self.function
        cut = f.cut
        if cut is not None:
            cut -= sum(s in self.gone for s in f.body.stmts[:cut])
        results = tuple(
            self.names.get(r, r) if isinstance(r, Value) else r for r in f.results
        )
        return replace(f, body=self.block(f.body), results=results, cut=cut)

    def block(self, block: Block) -> Block:
        """Return a block without the copies."""
        return Block(
            tuple(
                rebuild(self.stmt(stmt), self.block)
                for stmt in block.stmts
                if stmt not in self.gone
            )
        )

    def stmt(self, stmt: Stmt) -> Stmt:
        """Let a statement define the copy, or read the original."""
        if any(isinstance(x, Value) and x in self.names for x in operands(stmt)):
            stmt = substitute(stmt, self.names)
        if not any(out in self.renamed for out in outs(stmt)):
            return stmt
        match stmt:
            case Op():
                made = tuple(self.renamed.get(o, o) for o in stmt.outs)
                return replace(stmt, outs=made)
            case For() | While():
                carries = tuple(replace(c, out=self.named(c.out)) for c in stmt.carries)
                return replace(stmt, carries=carries)
            case If():
                merges = tuple(replace(m, out=self.named(m.out)) for m in stmt.merges)
                return replace(stmt, merges=merges)
            case Take():
                value, out = self.named(stmt.value), self.named(stmt.out)
                return replace(stmt, value=value, out=out)
            case View() | Write() | Accumulate() | Push():
                return replace(stmt, out=self.named(stmt.out))
        return stmt

    def named(self, value: Value) -> Value:
        """Return the copy that takes the place of a value, or the value itself."""
        return self.renamed.get(value, value)


def _copies(block: Block) -> Iterator[_Place]:
    """Yield the copies of arrays in a block and in the blocks inside it."""
    for position, stmt in enumerate(block.stmts):
        for inner in blocks(stmt):
            yield from _copies(inner)
        if isinstance(stmt, Op) and stmt.row == "copy":
            (given,) = stmt.args
            if isinstance(given, Value) and isinstance(given.type, Array):
                yield _Place(block.stmts, position, stmt)


def _taken(stmt: Stmt) -> Iterable[Value]:
    """Return the versions that a statement updates or hands on."""
    match stmt:
        case Write() | Accumulate() | Take() | Push():
            return [stmt.base]
        case For() | While():
            pairs: list[Operand] = [x for c in stmt.carries for x in (c.init, c.yld)]
        case If():
            pairs = [x for m in stmt.merges for x in (m.then, m.orelse)]
        case _:
            return []
    return [x for x in pairs if isinstance(x, Value) and owned(x.type)]


def _is_gather(path: Path) -> bool:
    """Tell whether a path has an array in a subscript: it then makes a new array."""
    items = [i for step in path if isinstance(step, Index) for i in step.items]
    return any(
        i is not None and not isinstance(i, Slice) and i.type.rank > 0 for i in items
    )
