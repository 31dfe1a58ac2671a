"""Leave out copies of arrays that nobody could tell from their originals.

A copy goes if (a) its original is a new array that nothing else uses: the copy's name
then stands for the original itself; or (b) it is only read, in its own block, by
operations that come before any change of the memory it was copied from.
"""

import math
from collections import defaultdict
from types import UnionType

from srcgrad import ir
from srcgrad.analyses.regions import Regions
from srcgrad.ir import Function, Op, Operand, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.types import Array
from srcgrad.walk import every, inner_operands, operands, rewrite


def elide_copies(function: Function) -> Function:
    """Return the function without copies that nobody could tell from their originals.

    >>> from srcgrad.builder import Builder
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim, Scalar
    >>> x, build = Value("x", Array("float64", (Dim(3),))), Builder()
    >>> c = build.op("copy", build.op("mul", x, 2.0), name="c")
    >>> before = Function("double", (x,), build.close(), (c,))
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
        self.regions = Regions(function)
        self.users: dict[Operand, list[Stmt]] = defaultdict(list)
        self.ends: set[Operand] = {*function.results}
        copies: list[tuple[Op, Value]] = []
        for stmt in every(function.body):
            for x in operands(stmt):
                self.users[x].append(stmt)
            self.ends.update(inner_operands(stmt))
            if isinstance(stmt, Op) and stmt.row == "copy":
                (given,) = stmt.args
                if isinstance(given, Value) and isinstance(given.type, Array):
                    copies.append((stmt, given))
        # The two sweeps may run apart, the backward one more than once.
        cut = function.cut
        backward = () if cut is None else function.body.stmts[cut:]
        self.cut = self.order(backward[0]) if backward else math.inf
        self.gone: set[Stmt] = set()
        # An original -> the copy's name, (a); a copy -> its original, (b).
        self.renamed: dict[Value, Value | None] = {}
        self.names: dict[Value, Operand] = {}
        touched: set[Value] = set()
        for copy, original in copies:
            if touched & {original, copy.out}:
                continue
            if self.is_handed_over(copy, original):
                self.renamed[original] = copy.out
            elif self.is_only_read(copy, original):
                self.names[copy.out] = original
            else:
                continue
            touched |= {original, copy.out}
            self.gone.add(copy)

    def order(self, stmt: Stmt) -> int:
        """Return the place of a statement in the order of the text."""
        return self.regions.site[stmt].order

    def together(self, one: Stmt, other: Stmt) -> bool:
        """Tell whether two statements stand in one block."""
        return self.regions.site[one].chain == self.regions.site[other].chain

    # (a) the original is new, and the copy is its only use

    def is_handed_over(self, copy: Op, original: Value) -> bool:
        """Tell whether a copy could be its original, which nothing else uses."""
        if self.users[original] != [copy] or original in self.ends:
            return False
        if original.type != copy.out.type:
            return False
        maker = self.regions.definition.get(original)
        if isinstance(maker, ir.View):
            # A gathered array is a View to everybody else: it may not be handed on.
            kinds = Op | ir.Write | ir.Accumulate | ir.Push
            here = self.together(maker, copy) and ir.gathers(maker.path)
            return here and self.is_operand(copy, kinds)
        return self.is_new(original, copy)

    def is_new(self, value: Operand, copy: Op) -> bool:
        """Tell whether memory was made in the block of a copy, on its side of the cut.

        What a loop permutes is new if all that went in is.
        """
        first = self.regions.buffer_of(value).memory().first
        maker = self.regions.definition.get(first)
        if maker is None or not self.together(maker, copy):
            return False
        if self.order(maker) < self.cut <= self.order(copy):
            return False
        if isinstance(maker, ir.For | ir.While):
            inits = [c.init for c in maker.carries if ir.owned(c.inn.type)]
            return all(self.is_new(x, copy) for x in inits)
        if isinstance(maker, Op):
            return not ROWS[maker.row].alias
        return isinstance(maker, ir.Take) and maker.value is first

    def is_operand(self, copy: Op, kinds: type | UnionType) -> bool:
        """Tell whether a copy is read in its block alone, and nowhere as a buffer."""
        return copy.out not in self.ends and all(
            self.together(user, copy)
            and isinstance(user, kinds)
            and copy.out is not getattr(user, "base", None)
            and not (isinstance(user, Op) and ROWS[user.row].alias)
            for user in self.users[copy.out]
        )

    # (b) the copy is only read, and the original stays as it is meanwhile

    def is_only_read(self, copy: Op, original: Value) -> bool:
        """Tell whether all uses of a copy could read the original."""
        users = self.users[copy.out]
        if not users or not self.is_operand(copy, Op | ir.Write | ir.Accumulate):
            return False
        if not getattr(original.type, "contiguous", True) and any(
            isinstance(u, Op) and ROWS[u.row].kind != "elementwise" for u in users
        ):
            return False  # sums and products round by the layout of what they read
        here, last = self.order(copy), max(map(self.order, users))
        family = self.regions.family(original)
        if family is None or here < self.cut <= last:
            return False
        meanwhile = [*self.regions.site][here + 1 : last + 1]
        return family not in self.regions.changed(meanwhile)
