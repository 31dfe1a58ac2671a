"""Clear a part of a cotangent where something is added to it next, no sooner.

The adjoint of `a[1:-1] = f(b)` copies that part of `d_a` and clears it. If what is
added to `d_a` next comes after all that reads the copy, no copy is needed:

    t = d_a[1:-1].copy(); d_a[1:-1] = 0.0; d_b[:-2] += t; d_a[:-2] += g

is  d_b[:-2] += d_a[1:-1]; d_a[1:-1] = 0.0; d_a[:-2] += g

and `gather` makes one loop of the last two. What a loop clears at the end of each turn
is cleared where the next turn adds to it, and after the last turn. For the first turn
it must be zero before the loop: that is proved, or nothing is done.
"""

from collections.abc import Sequence
from dataclasses import replace

from srcgrad import ir
from srcgrad.analyses.regions import regions_of
from srcgrad.ir import Block, Const, For, Function, Op, Operand, Stmt, Take, Value
from srcgrad.ops import ROWS
from srcgrad.types import Array, Scalar
from srcgrad.walk import blocks, every, last, operands, reads, rewrite, uses


def clear_late(function: Function) -> Function:
    """Return the function with parts cleared where they are added to.

    >>> from srcgrad.builder import Builder, const
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim
    >>> a, build = Value("a", Array("float64", (Dim(3),))), Builder()
    >>> head, tail = (ir.Index((ir.Slice(*s, None),)) for s in ((None, const(-1)),
    ...     (const(1), None)))
    >>> t, b = build.take(a, (tail,), "t")
    >>> b = build.accumulate(b, (head,), build.op("mul", t, 2.0))
    >>> before = Function("double", (a,), build.close(), (b,))
    >>> print(print_function(clear_late(before)), end="")
    function double(a.0: float64[3])
      t.0: float64[2] = view a.0[1:]
      t.1: float64[2] = mul(t.0, 2.0)
      a.1 = write a.0[1:], 0.0
      a.2 = accumulate a.1[:-1], t.1
      return a.2
    """
    plan = _Plan(function)
    for block in (function.body, *(b for s in every(function.body) for b in blocks(s))):
        for k, stmt in enumerate(block.stmts):
            if isinstance(stmt, Take) and _is_part(stmt):
                plan.next_addition(stmt, block.stmts[k + 1 :])
            elif isinstance(stmt, For):
                for carry in stmt.carries:
                    plan.next_turn(stmt, carry)
    return plan.done() if plan.new else function


class _Plan:
    """What becomes of the statements of a function."""

    def __init__(self, function: Function) -> None:
        self.function, self.count = function, uses(function)
        self.regions = regions_of(function)
        self.new: dict[Stmt, ir.View] = {}
        self.before: dict[Stmt, list[Stmt]] = {}
        self.after: dict[Stmt, list[Stmt]] = {}
        # What stands for a value, and for the base of a new statement.
        self.names: dict[Operand, Operand] = {}
        self.bases: dict[Operand, Operand] = {}

    def next_addition(self, take: Take, rest: Sequence[Stmt]) -> None:
        """Clear what is taken where the same block adds to the array next."""
        for k, stmt in enumerate(rest):
            if take.out in reads([stmt]):
                if self.adds(stmt, take.out) and self.reads_alone(take, rest[:k]):
                    base = Value("", take.base.type)
                    self.names[base] = take.base
                    write = self.cleared(base, take)
                    self.names[take.out] = write.out
                    self.before.setdefault(stmt, []).append(write)
                    self.read_in_place(take)
                return

    def next_turn(self, loop: For, carry: ir.Carry) -> None:
        """Clear what a turn takes at its end where the next turn adds to the array."""
        take, body = self.regions.definition.get(carry.yld), loop.body.stmts
        if not isinstance(take, Take) or take not in body or not _is_part(take):
            return
        first = next((s for s in body if carry.inn in reads([s])), None)
        memory = self.regions.memory
        if (
            self.adds(first, carry.inn)
            and self.count[take.out] == 1
            and memory(take.base) is memory(carry.inn)
            and self.is_sure(take.path)
            and self.is_zero(carry.out, take.path, frozenset())
            and self.reads_alone(take, body[body.index(take) + 1 :])
        ):
            for at, x, where in ((first, carry.inn, self.before),
                                 (loop, carry.out, self.after)):  # fmt: skip
                base = Value("", x.type)
                self.bases[base] = x
                write = self.cleared(base, take)
                self.names[x] = write.out
                where.setdefault(at, []).append(write)  # type: ignore[arg-type]
            self.names[take.out] = take.base
            self.read_in_place(take)

    def cleared(self, base: Value, take: Take) -> ir.Write:
        """Return what clears a part."""
        zero = Const(0.0, Scalar(base.type.dtype))
        out = ir.twin(take.out)
        return ir.Write(base, take.path, zero, out, take.loc)

    def read_in_place(self, take: Take) -> None:
        """Make a view of what was taken."""
        self.new[take] = ir.View(take.base, take.path, take.value, take.loc)

    def adds(self, stmt: Stmt | None, base: Value) -> bool:
        """Tell whether a statement adds to an array and does not read it otherwise."""
        return (
            isinstance(stmt, ir.Accumulate)
            and stmt.base is base
            and self.count[base] == 1
            and not ir.gathers(stmt.path)
        )

    def reads_alone(self, take: Take, rest: Sequence[Stmt]) -> bool:
        """Tell whether statements are all that read what was taken, and could in place.

        What is made of elements one by one does not depend on where they lie.
        """
        users = [k for k, s in enumerate(rest) for x in operands(s) if x is take.value]
        if ir.gathers(take.path) or len(users) < max(1, self.count[take.value]):
            return False
        for stmt in (rest[k] for k in users):
            if isinstance(stmt, ir.Write | ir.Accumulate):
                fits = stmt.base is not take.value and stmt.value is take.value
                fits = fits and take.value not in operands(stmt.path)
            else:
                fits = isinstance(stmt, Op) and ROWS[stmt.row].kind == "elementwise"
            if not fits:
                return False
        meanwhile = self.regions.changed(rest[: users[-1] + 1])
        return self.regions.family(take.base) not in meanwhile

    def is_sure(self, path: ir.Path) -> bool:
        """Tell whether a part is never outside of its array.

        A slice ends where its array does; a number was checked in the turn only.
        """
        items = [i for step in path if isinstance(step, ir.Index) for i in step.items]
        slices = [i for i in items if isinstance(i, ir.Slice)]
        known = all(getattr(i.step, "value", i.step is None) for i in slices)
        return len(path) == 1 and known and 0 < len(slices) == len(items)

    def is_zero(self, x: Operand, path: ir.Path, assumed: frozenset[Operand]) -> bool:
        """Tell whether a part of a version is certainly zero.

        What a loop carries is zero if it was before, and if a turn that finds it so
        leaves it so: the part must be one and the same in all turns.
        """
        if x in assumed:
            return True
        match made := self.regions.definition.get(x):
            case Op():
                return made.row in ("zeros", "zeros_like")
            case Take():
                return x is made.out and made.path == path
            case ir.Write(value=Const(value=0)):
                return made.path == path
            case For():
                (carry,) = (c for c in made.carries if x in (c.inn, c.out))
                return (
                    self.is_one(path, made)
                    and self.is_zero(carry.init, path, assumed)
                    and self.is_zero(carry.yld, path, assumed | {carry.inn})
                )
        return False

    def is_one(self, path: ir.Path, loop: For) -> bool:
        """Tell whether a path is about one part in all turns of a loop."""
        chain = self.regions.site[loop].chain
        around = [self.regions.chain.get(x, ()) for x in operands(path)]
        return all(c == chain[: len(c)] for c in around)

    def done(self) -> Function:
        """Return the function as planned."""

        def inside(block: Block) -> Block:
            return Block(tuple(s for stmt in block.stmts for s in changed(stmt)))

        def changed(stmt: Stmt) -> list[Stmt]:
            new = self.new.get(stmt) or rewrite(stmt, block=inside)
            return [*self.before.get(stmt, ()), new, *self.after.get(stmt, ())]

        given = {x: last(x, self.names) for x in self.names} | self.bases
        body = inside(self.function.body)
        return rewrite(replace(self.function, body=body, cut=None), given)


def _is_part(take: Take) -> bool:
    """Tell whether elements of an array are taken, and not an item of a list."""
    return take.value.type.rank > 0 and isinstance(take.base.type, Array)
