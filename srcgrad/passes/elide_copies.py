"""Leave out copies of arrays that nobody could tell from their originals.

Before: t = x * 2; c = copy(t); return c. After: c = x * 2; return c.

A copy goes if (a) its original is a new array that nothing else uses: the copy's name
then stands for the original itself; or (b) it is only read, in its own block, by
operations that come before any change of the memory it was copied from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType

from srcgrad.analyses.regions import Regions
from srcgrad.ir import (
    Accumulate,
    Block,
    For,
    Function,
    Op,
    Operand,
    Push,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    gathers,
    owned,
)
from srcgrad.ops import ROWS
from srcgrad.types import Array
from srcgrad.walk import (
    blocks,
    every,
    inner_operands,
    operands,
    rewrite,
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
        function = rewrite(function, plan.names, plan.renamed, plan.gone)


class _Plan:
    """The copies that go in one round: no two of them share a value."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.regions = Regions(function)
        self.users: dict[Value, list[Stmt]] = {}
        self.ends: set[Value] = {r for r in function.results if isinstance(r, Value)}
        for stmt in every(function.body):
            for x in operands(stmt):
                if isinstance(x, Value):
                    self.users.setdefault(x, []).append(stmt)
            self.ends.update(x for x in inner_operands(stmt) if isinstance(x, Value))
        self.gone: set[Stmt] = set()
        # An original -> the copy's name, (a); a copy -> its original, (b).
        self.renamed: dict[Value, Value | None] = {}
        self.names: dict[Value, Operand] = {}
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
        if self.users[original] != [place.copy] or original in self.ends:
            return False
        if original.type != copy.type:
            return False
        maker = self.regions.definition.get(original)
        if isinstance(maker, View):
            here = maker in place.stmts[: place.position]
            # A gathered array is a View to everybody else: it may not be handed on.
            kinds = Op | Write | Accumulate | Push
            return here and gathers(maker.path) and self.is_operand(place, kinds)
        return self.is_new(original, place)

    def is_new(self, value: Value, place: _Place) -> bool:
        """Tell whether memory was made in the block of a copy, on its side of the cut.

        What a loop permutes is new if all that went in is.
        """
        first = self.regions.buffer[value].memory().first
        maker = self.regions.definition.get(first)
        if maker not in place.stmts[: place.position]:
            return False
        if self.cut_between(place, place.stmts.index(maker), place.position):
            return False
        if isinstance(maker, For | While):
            inits = [c.init for c in maker.carries if owned(c.inn.type)]
            return all(isinstance(x, Value) and self.is_new(x, place) for x in inits)
        if isinstance(maker, Op):
            return maker.row not in MAY_ALIAS
        return isinstance(maker, Take) and maker.value is first

    def cut_between(self, place: _Place, first: int, last: int) -> bool:
        """Tell whether of two statements around a copy only the first runs forward.

        The two sweeps may run apart, the backward one more than once.
        """
        top, cut = self.function.body.stmts, self.function.cut
        return cut is not None and place.stmts is top and first < cut <= last

    def is_operand(self, place: _Place, kinds: type | UnionType) -> bool:
        """Tell whether a copy is read in its block alone, and nowhere as a buffer."""
        copy = place.copy.out
        return copy not in self.ends and all(
            user in place.stmts
            and isinstance(user, kinds)
            and copy is not getattr(user, "base", None)
            and not (isinstance(user, Op) and user.row in MAY_ALIAS)
            for user in self.users.get(copy, [])
        )

    # (b) the copy is only read, and the original stays as it is meanwhile

    def is_only_read(self, place: _Place) -> bool:
        """Tell whether all uses of a copy could read the original."""
        users = self.users.get(place.copy.out, [])
        if not users or not self.is_operand(place, Op | Write | Accumulate):
            return False
        if not getattr(place.original.type, "contiguous", True) and any(
            isinstance(u, Op) and ROWS[u.row].kind != "elementwise" for u in users
        ):
            return False  # sums and products round by the layout of what they read
        last = max(place.stmts.index(user) for user in users)
        family = self.regions.family(place.original)
        if family is None or self.cut_between(place, place.position, last):
            return False
        meanwhile = place.stmts[place.position + 1 : last + 1]
        return family not in self.regions.changed(meanwhile)


def _copies(block: Block) -> Iterator[_Place]:
    """Yield the copies of arrays in a block and in the blocks inside it."""
    for position, stmt in enumerate(block.stmts):
        for inner in blocks(stmt):
            yield from _copies(inner)
        if isinstance(stmt, Op) and stmt.row == "copy":
            (given,) = stmt.args
            if isinstance(given, Value) and isinstance(given.type, Array):
                yield _Place(block.stmts, position, stmt)
