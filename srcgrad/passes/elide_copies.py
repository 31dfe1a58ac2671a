"""Leave out copies of arrays that nobody could tell from their originals.

A copy goes if (a) its original is a new array that nothing uses later: the copy's name
then stands for the original itself; or (b) it is only read, in its own block, by
operations that come before any change of the memory it was copied from; or (c) a turn
of a loop hands it on in place of what it began with: then the loop hands on nothing.
"""

import math

from srcgrad import ir
from srcgrad.analyses.regions import regions_of
from srcgrad.ir import Function, Op, Operand, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.passes.dead_code import remove_dead_code
from srcgrad.types import Array
from srcgrad.walk import blocks, every, rewrite, users


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
    while any(isinstance(s, Op) and s.row == "copy" for s in every(function.body)):
        plan = _Plan(function)
        if not plan.gone:
            break
        function = rewrite(function, plan.names, plan.renamed, plan.gone)
        if plan.constant:
            function = remove_dead_code(function, lengths=True)
    return function


class _Plan:
    """The copies that go in one round: no two of them share a value."""

    def __init__(self, function: Function) -> None:
        self.regions = regions_of(function)
        self.users, self.ends = users(function)
        copies: list[tuple[Op, Value]] = []
        for stmt in every(function.body):
            if isinstance(stmt, Op) and stmt.row == "copy":
                (given,) = stmt.args
                if isinstance(given, Value) and isinstance(given.type, Array):
                    copies.append((stmt, given))
        self.order = {stmt: site.order for stmt, site in self.regions.site.items()}
        # The two sweeps may run apart, the backward one more than once.
        cut = function.cut
        backward = () if cut is None else function.body.stmts[cut:]
        self.cut = self.order[backward[0]] if backward else math.inf
        self.gone: set[Stmt] = set()
        self.constant = False  # whether a loop no longer changes what it carries, (c)
        # An original -> the copy's name, (a); a copy -> its original, (b) and (c).
        self.renamed: dict[Value, Value | None] = {}
        self.names: dict[Value, Operand] = {}
        touched: set[Value] = set()
        for copy, original in copies:
            if touched & {original, copy.out}:
                continue
            last = self.is_last_use(copy, original)
            alone = last and self.users[original] == [copy]
            maker = self.regions.definition.get(original)
            gathered = isinstance(maker, ir.View) and ir.gathers(maker.path)
            reading = self.is_only_read(copy, original, alone and gathered)
            if (last and self.is_new(original, copy)) or (
                alone and gathered and reading
            ):
                self.renamed[original] = self.names[original] = copy.out
            elif reading:
                self.names[copy.out] = original
            elif self.is_handed_on(copy, original):
                self.names[copy.out], self.constant = original, True
            else:
                continue
            touched |= {original, copy.out}
            self.gone.add(copy)

    def is_last_use(self, copy: Op, original: Value) -> bool:
        """Tell whether nothing needs an original once it is copied."""
        if original in self.ends or original.type != copy.out.type:
            return False
        return all(
            user is copy
            or (self.order[user] < self.order[copy] and self.is_reading(user, original))
            for user in self.users[original]
        )

    def is_reading(self, user: Stmt, x: Value) -> bool:
        """Tell whether all that a statement does to an array is to read it."""
        if isinstance(user, Op):
            return not ROWS[user.row].alias
        return isinstance(user, ir.Write | ir.Accumulate) and user.base is not x

    def is_handed_on(self, copy: Op, original: Value) -> bool:
        """Tell a copy that a turn hands on of what it began with, and never changes."""
        loop = self.regions.definition.get(original)
        if not isinstance(loop, ir.For | ir.While) or self.users[copy.out]:
            return False
        changed = self.regions.changed(s for b in blocks(loop) for s in b.stmts)
        same = [c for c in loop.carries if (c.inn, c.yld) == (original, copy.out)]
        return bool(same) and self.regions.family(original) not in changed

    def together(self, one: Stmt, other: Stmt) -> bool:
        """Tell whether two statements stand in one block."""
        return self.regions.site[one].chain == self.regions.site[other].chain

    def is_new(self, value: Operand, copy: Op) -> bool:
        """Tell whether memory was made in the block of a copy, on its side of the cut.

        What a loop permutes is new if all that went in is.
        """
        if value not in self.regions.buffer:
            return False
        first = self.regions.memory(value).first
        maker = self.regions.definition.get(first)
        if maker is None or not self.together(maker, copy):
            return False
        if self.order[maker] < self.cut <= self.order[copy]:
            return False
        if isinstance(maker, ir.For | ir.While):
            inits = [c.init for c in maker.carries if ir.owned(c.inn.type)]
            return all(self.is_new(x, copy) for x in inits)
        if isinstance(maker, Op):
            return not ROWS[maker.row].alias
        return isinstance(maker, ir.Take) and maker.value is first

    def is_only_read(self, copy: Op, original: Value, lasts: bool) -> bool:
        """Tell whether all uses of a copy, in its block, could read the original.

        What a list holds must stay as it is: an original that `lasts` will.
        """
        users, family = self.users[copy.out], self.regions.family(original)
        kinds = Op | ir.Write | ir.Accumulate | (ir.Push if lasts else Op)
        if not users or family is None or copy.out in self.ends:
            return False
        for user in users:
            row = ROWS[user.row] if isinstance(user, Op) else None
            # Sums and products round by the layout of what they read.
            strided = not getattr(original.type, "contiguous", True)
            if (
                not (self.together(user, copy) and isinstance(user, kinds))
                or copy.out is getattr(user, "base", None)
                or (row and (row.alias or (strided and row.kind != "elementwise")))
            ):
                return False
        here, last = self.order[copy], max(self.order[user] for user in users)
        if here < self.cut <= last:
            return False
        meanwhile = [*self.regions.site][here + 1 : last + 1]
        return family not in self.regions.changed(meanwhile)
