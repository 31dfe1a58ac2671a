"""Give equal integers one name, and work out the lengths of slices.

The lengths of two arrays that meet are measured one by one: `min(i + 1, n)` of this,
`i + 1` of that. Here each integer is a sum of others; what slices leave is such a sum
where their ends are certain to be inside, and what a check has found equal is one
integer from there on. A check stands as early in its block as what it reads: where it
fails nothing that the block does counts.

What a check told in every turn of a loop that is over holds in a later loop over the
same numbers, as the backward sweep has for each one of the forward sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from srcgrad import ir
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import regions_of
from srcgrad.builder import DIFFER, INT, Builder, const
from srcgrad.ir import Block, Const, For, Function, Op, Operand, Stmt, Value
from srcgrad.types import Dim, combine
from srcgrad.walk import blocks, operands, outs, rewrite

# What depends on its integers alone.
_PURE = {*"add sub mul neg max2 min2 slice_length limit".split(),
         "range_length", "trips", "eq", "ne", "dim"}  # fmt: skip
_ONE = Dim(1)
# A row, what else tells it from others, and its integers: what it gives is one integer.
Key = tuple[str, object, tuple[Dim, ...]]


class Turns(NamedTuple):
    """A loop by ones, upwards or downwards: its variable is in `low:high`."""

    var: Value
    low: Dim
    high: Dim


@dataclass(frozen=True, slots=True)
class Fact:
    """What an operation gives in all turns of loops that are over, the outer first."""

    turns: tuple[Turns, ...]
    key: Key
    result: Dim

    def atoms(self) -> set[Any]:
        """Return what has to be known where this is told."""
        ends = [d for t in self.turns for d in (t.low, t.high)]
        own = {t.var for t in self.turns}
        dims = (*ends, *self.key[2], self.result)
        return {a for d in dims for a, _ in d.terms} - own


def settle_lengths(function: Function) -> Function:
    """Return the function with one name for equal integers.

    >>> from srcgrad.text import print_function
    >>> n, i, build = Value("n", INT), Value("i", INT), Builder()
    >>> with build.block() as body:
    ...     given = (False, True, False)
    ...     size = build.op("slice_length", n, build.op("add", i, 1), given=given)
    ...     y = build.op("empty", size, name="y")
    >>> loop = For(i, const(0), n, const(1), (), Block((*body,)))
    >>> before = Function("f", (n,), Block((loop,)), (n,))
    >>> print(print_function(settle_lengths(before)), end="")
    function f(n.0: py int64)
      for i.0 in 0, n.0, 1
        t.0: py int64 = add(i.0, 1)
        y.0: float64[t.1] = empty(t.0)
      return n.0
    """
    settling = _Settling(function)
    body = settling.block(function.body)
    return rewrite(replace(function, body=body), settling.names)


class _Settling:
    """What is known about the integers of a function, block by block."""

    def __init__(self, function: Function) -> None:
        self.regions = regions_of(function)
        self.bounds = Bounds(self.regions)
        self.build = Builder()
        self.names: dict[Any, Operand] = {}  # what stands for an integer
        self.forms: dict[Any, Dim] = {}  # integers as sums of others
        self.keys: dict[Value, Key] = {}  # what an integer that is no sum comes from
        # These are forgotten at the end of a block: who has a sum, what operations
        # give, what is equal to an integer, what loops told, and the loops around.
        self.holders: dict[Dim, Operand] = {}
        self.known: dict[Key, Dim] = {}
        self.equal: dict[Any, Dim] = {}
        self.facts: list[Fact] = []
        self.around: tuple[Turns, ...] = ()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Enter a block; what is known there is forgotten afterwards."""
        kept = self.holders, self.known, self.equal, self.facts, self.around
        self.holders, self.known = {**self.holders}, {**self.known}
        self.equal, self.facts = {**self.equal}, [*self.facts]
        yield
        self.holders, self.known, self.equal, self.facts, self.around = kept

    def block(self, block: Block) -> Block:
        """Return a block with one name for equal integers."""
        with self.build.block() as made:
            for stmt in _checks_first(block.stmts):
                self.build.loc = stmt.loc
                self.stmt(stmt)
        return Block((*made,))

    def inner(self, block: Block) -> Block:
        """Return an inner block."""
        with self.inside():
            return self.block(block)

    def stmt(self, stmt: Stmt) -> None:
        """Write one statement."""
        if isinstance(stmt, For):
            self.loop(stmt)
        elif isinstance(stmt, Op) and [v.type for v in stmt.outs] == [INT]:
            self.integer(stmt)
        elif blocks(stmt):
            self.build.emit(rewrite(stmt, block=self.inner))
        elif not isinstance(stmt, ir.Assert) or self.learn(stmt):
            self.build.emit(stmt)

    # sums

    def form(self, x: Operand) -> Dim:
        """Return an integer as a sum of others."""
        if isinstance(x, Const):
            return Dim(int(x.value))
        return self.resolved(self.forms.get(x) or Dim.of(x))

    def resolved(self, dim: Dim) -> Dim:
        """Return a sum of what is not known to be equal to others."""
        while any(a in self.equal for a, _ in dim.terms):
            dim = dim.put(self.equal)
        return dim

    def operand(self, form: Dim, x: Operand) -> Operand:
        """Return who has a sum, if that is not only x."""
        if isinstance(x, Const) or form.known is not None:
            return const(form.known or 0)
        lone = form.terms[0][0] if form == Dim.of(form.terms[0][0]) else None
        return self.holders.get(form) or lone or x

    def integer(self, op: Op) -> None:
        """Write an integer that is not there yet."""
        out, form = op.out, self.sum_of(op)
        self.forms[out] = form
        if form.known is not None or form in self.holders:
            self.names[out] = self.operand(form, out)
        elif form == Dim.of(out) or combine(op.row, [Dim(0)] * len(op.args)):
            self.build.emit(op)
            self.holders[form] = out
        else:
            # It is a length, so no sum on the way to it is too large.
            self.names[out] = self.holders[form] = self.build.subscript(form)

    def sum_of(self, op: Op) -> Dim:
        """Return what an operation gives as a sum of integers."""
        forms = [self.form(a) for a in op.args if a.type == INT]
        if op.row == "dim":
            return self.dim(op)
        if len(forms) < len(op.args) or not forms:
            return Dim.of(op.out)
        linear = combine(op.row, forms)
        if linear is not None:
            return linear
        if op.row not in _PURE and op.row != "subscript":
            return Dim.of(op.out)
        # Where it is checked, nothing stands for a subscript but another one.
        found = self.simple(op, forms) if op.row != "subscript" else None
        if found is not None:
            return found
        key: Key = op.row, op.attrs.get("given"), (*forms,)
        self.keys.setdefault(op.out, key)
        return self.resolved(self.known.setdefault(key, Dim.of(op.out)))

    def dim(self, op: Op) -> Dim:
        """Return the length of an array that is made here."""
        (x,), axis = op.args, op.attrs.get("axis", 0)
        if isinstance(x, Value) and x in self.regions.buffer:
            made = self.regions.definition.get(self.regions.memory(x).first)
            if isinstance(made, Op) and made.row in ("empty", "zeros"):
                size = made.args[axis]  # type: ignore[call-overload]
                if not self.is_less(self.form(size), Dim(0), op):
                    return Dim.of(op.out)
                return self.form(size)
        return Dim.of(op.out)

    def is_less(self, more: Dim, less: Dim, at: Stmt) -> bool:
        """Tell whether one sum is at least as large as another."""
        ends = [(Dim.of(t.var), t) for t in self.around]
        turns = [d for v, t in ends for d in (v - t.low, t.high - _ONE - v)]
        return self.bounds.holds(more - less, at, turns)

    def simple(self, op: Op, forms: list[Dim]) -> Dim | None:
        """Return a length as a sum, if what it is limited by is certain."""
        if op.row in ("max2", "min2"):
            for one, other in (forms, forms[::-1]):
                if self.is_less(one, other, op):
                    return one if op.row == "max2" else other
        if op.row == "limit":
            return self.end(forms[0], forms[1], op)
        if op.row == "slice_length":
            n, parts = forms[0], iter(forms[1:])
            given: Any = op.attrs["given"]
            start, stop, step = (next(parts) if there else None for there in given)
            if step not in (None, _ONE):
                return None
            first = Dim(0) if start is None else self.end(start, n, op)
            last = n if stop is None else self.end(stop, n, op)
            if first is not None and last is not None:
                if self.is_less(last, first, op):
                    return last - first
        return None

    def end(self, k: Dim, n: Dim, at: Stmt) -> Dim | None:
        """Return an end of a slice of `n` items that is certain to be inside."""
        if k.known is not None and k.known < 0:
            k = n + k
        inside = self.is_less(k, Dim(0), at) and self.is_less(n, k, at)
        return k if inside else None

    # what checks and loops tell

    def learn(self, check: ir.Assert) -> bool:
        """Note two integers that are equal from here on, if that is not known yet."""
        match self.regions.definition.get(check.cond):
            case Op(row="eq", args=(a, b)) if a.type == b.type == INT:
                left = self.form(a) - self.form(b)
                if left == Dim(0):
                    return False
                around = {t.var for t in self.around}
                for atom, factor in reversed(left.terms):
                    if abs(factor) == 1 and atom not in around:
                        rest = left.put({atom: Dim(0)}).scaled(-factor)
                        self.equal[atom] = rest
                        break
        return True

    def loop(self, loop: For) -> None:
        """Write a loop; what was checked in each turn may be of use later."""
        ends = [self.form(x) for x in (loop.start, loop.stop)]
        start, stop = map(self.operand, ends, (loop.start, loop.stop))
        sign = loop.step.value if isinstance(loop.step, Const) else 0
        low, high = ends if sign > 0 else (ends[1] + _ONE, ends[0] + _ONE)
        turns = Turns(loop.var, low, high)
        told: list[Fact] = []
        with self.inside():
            if abs(sign) == 1:
                self.around = (*self.around, turns)
                for fact in self.facts:
                    self.recall(fact)
            before, count = {*self.equal}, len(self.facts)
            body = self.block(loop.body)
            if abs(sign) == 1 and loop.exit is None:
                told = [*self.facts[count:], *self.checked(before)]
            new = {
                a: self.resolved(d) for a, d in self.equal.items() if a not in before
            }
        self.build.emit(replace(loop, start=start, stop=stop, body=body))
        outside = self.regions.site[loop].chain

        def lasts(atoms: Iterable[Any]) -> bool:
            chains = [self.regions.chain.get(a) for a in atoms]
            return all(c is not None and c == outside[: len(c)] for c in chains)

        for fact in told:
            fact = replace(fact, turns=(turns, *fact.turns))
            if lasts(fact.atoms()):
                self.facts.append(fact)
        if abs(sign) == 1 and self.is_less(high, low + _ONE, loop):
            # It turns for certain: what its first turn has checked holds from here on.
            for atom, dim in new.items():
                if lasts((atom, *(a for a, _ in dim.terms))):
                    self.equal[atom] = dim

    def checked(self, before: set[Any]) -> Iterator[Fact]:
        """Yield what checks in this block have told about operations."""
        for atom in {**self.equal}:
            if atom not in before and atom in self.keys:
                yield Fact((), self.keys[atom], self.resolved(Dim.of(atom)))

    def recall(self, fact: Fact) -> None:
        """Note what was checked for each turn of loops as those around are."""
        given: dict[Value, Dim] = {}
        for turns in fact.turns:
            same = (turns.low.put(given), turns.high.put(given))
            found = [t.var for t in self.around if (t.low, t.high) == same]
            free = [v for v in found if Dim.of(v) not in given.values()]
            if not free:
                return
            given[turns.var] = Dim.of(free[0])
        row, attrs, forms = fact.key
        key = row, attrs, tuple(d.put(given) for d in forms)
        self.known[key] = fact.result.put(given)


def _checks_first(stmts: Sequence[Stmt]) -> list[Stmt]:
    """Return statements with checks of integers, and what those read, at the front."""
    made = {v: s for s in stmts for v in outs(s)}
    early: dict[Stmt, None] = {}
    # Which lengths are one is learned from the first check of lengths that meet.
    stuck = False
    for s in stmts:
        below = _needs(s, made) if isinstance(s, ir.Assert) else None
        if below is not None and not (stuck and _meets(s)):
            early |= dict.fromkeys([*below, s])
        else:
            stuck = stuck or _meets(s)
    return [*early, *(s for s in stmts if s not in early)]


def _needs(check: Stmt, made: Mapping[Any, Stmt]) -> list[Stmt] | None:
    """Return what has to stand before a check, if nothing stands against it."""
    found: list[Stmt] = []
    for x in operands(check):
        if (before := made.get(x)) is None:
            continue
        pure = isinstance(before, Op) and before.row in _PURE
        below = _needs(before, made) if pure else None
        if below is None:
            return None
        found += [*below, before]
    return found


def _meets(stmt: Stmt) -> bool:
    """Tell whether lengths that meet in a broadcast are checked here."""
    if isinstance(stmt, ir.Assert):
        return stmt.message.startswith(DIFFER)
    return any(_meets(s) for block in blocks(stmt) for s in block.stmts)
