"""Where every value is defined, and which buffer every array version lives in.

A region is a block inside a loop or an `if`; the chain of regions around a statement is
its path. A buffer is what versions of one array share inside one region; a family is
what may be one piece of memory after loops and merges have handed buffers on.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from srcgrad import ir
from srcgrad.ir import Block, Function, Loop, Operand, Stmt, Update, Value
from srcgrad.types import Dim, combine
from srcgrad.walk import blocks, consumed, every, handed, inner_outs, operands, outs

Chain = tuple[tuple[Stmt, int], ...]


@dataclass(eq=False, slots=True)
class Buffer:
    """A piece of memory, as one region sees it."""

    name: str
    first: Value
    leader: Buffer | None = None
    outer: Buffer | None = None

    def memory(self) -> Buffer:
        """Return the outermost buffer that is this very memory."""
        return self if self.outer is None else self.outer.memory()

    def family(self) -> Buffer:
        """Return the representative of all buffers that may be this memory."""
        return self if self.leader is None else self.leader.family()


class Site(NamedTuple):
    """Where a statement stands: its regions from the outside in, and its order."""

    chain: Chain
    order: int


@functools.lru_cache(1)
def regions_of(function: Function) -> Regions:
    """Return what there is in a function; one pass after another asks for the same."""
    return Regions(function)


class Regions:
    """All sites, definitions and buffers of a function.

    The turns of `joined` loops run forward and backward at once: what one of them makes
    is at hand where it runs backward.
    """

    def __init__(self, function: Function, joined: Collection[Loop] = ()) -> None:
        self.function, self.joined = function, frozenset[Stmt](joined)
        self.site: dict[Stmt, Site] = {}
        self.chain: dict[Any, Chain] = {}
        self.definition: dict[Any, Stmt] = {}
        self.buffer: dict[Any, Buffer] = {}
        self.updates: list[Update] = []
        self._same: dict[Any, Value] = {}
        self._linear: dict[Any, Dim] = {}
        self._updates: dict[Buffer, list[Update]] = {}
        self._behind: dict[Operand, set[Loop]] = {}
        for param in function.params:
            self.define(param, None, ())
        self._block(function.body, ())

    def define(self, value: Value, stmt: Stmt | None, chain: Chain) -> None:
        """Note where a value is defined."""
        self.chain[value] = chain
        if stmt is not None:
            self.definition[value] = stmt
        if ir.owned(value.type):
            alias = isinstance(stmt, ir.View | ir.Read) and not ir.gathers(stmt.path)
            if not alias:
                self.buffer[value] = Buffer(value.name, value)

    def _block(self, block: Block, chain: Chain) -> None:
        for stmt in block.stmts:
            self.site[stmt] = Site(chain, len(self.site))
            if not (inner := blocks(stmt)):
                for value in outs(stmt):
                    self.define(value, stmt, chain)
                if isinstance(stmt, Update):
                    self.buffer[stmt.out] = self.buffer[stmt.base]
                    self.updates.append(stmt)
                continue
            last = (*chain, (stmt, len(inner) - 1))
            for value in inner_outs(stmt):
                self.define(value, stmt, last)
            for arm, body in enumerate(inner):
                self._block(body, (*chain, (stmt, arm)))
            for value in outs(stmt):
                self.define(value, stmt, chain)
            self._hand_on(stmt)

    def _hand_on(self, stmt: Stmt) -> None:
        """Note what shares memory with the versions that a loop or branch makes."""
        buffer = self.buffer
        for c in getattr(stmt, "carries", ()):
            if c.out in buffer:
                made, inn, init = buffer[c.out], buffer[c.inn], buffer[c.init]
                self._join(init, inn, buffer[c.yld], made)
                if buffer[c.yld].memory() is inn:
                    inn.outer = made.outer = init
        for m in getattr(stmt, "merges", ()):
            if m.out in buffer:
                made, a, b = buffer[m.out], buffer[m.then], buffer[m.orelse]
                if a is b:
                    buffer[m.out] = a
                    continue
                self._join(a, b, made)
                if a.memory() is b.memory():
                    made.outer = a.memory()

    def _join(self, first: Buffer, *others: Buffer) -> None:
        """Note that buffers may be the same memory; the outermost one leads."""
        for other in others:
            if other.family() is not first.family():
                other.family().leader = first.family()

    def within(self, stmt: Stmt, region: Stmt) -> bool:
        """Tell whether a statement stands inside a loop or an `if`."""
        return region in dict(self.site[stmt].chain)

    def memory(self, x: Operand) -> Buffer:
        """Return the memory that a version lies in."""
        return self.buffer[x].memory()

    def beyond(self, x: Any) -> Chain:
        """Return the regions around a value whose turns or arms are over backward."""
        chain = self.chain.get(x, ())
        return tuple(entry for entry in chain if entry[0] not in self.joined)

    def lasting(self, chain: Chain = ()) -> dict[Buffer, Value]:
        """Return the memory of a region that is there at its end: the last versions."""
        # What an arm changed and did not hand out is gone.
        last = {buffer.memory(): value for value, buffer in self.buffer.items()}
        for stmt in self.site:
            for x, out in handed(stmt):
                if ir.owned(out.type) and self.memory(x) is not self.memory(out):
                    last.pop(self.memory(x), None)
        return {memory: v for memory, v in last.items() if self.chain[v] == chain}

    def is_steady(self, memory: Buffer) -> bool:
        """Tell whether nothing changes places with a piece of memory."""
        family = memory.family()
        others = (b for b in self.buffer.values() if b.family() is family)
        return all(b.memory() is memory for b in others)

    def settled(self, dims: Sequence[Dim]) -> bool:
        """Tell whether lengths are known before the outermost loop or branch."""
        atoms = [a for dim in dims for a, _ in dim.terms]
        return all(a in self.chain and not self.beyond(a) for a in atoms)

    def loops_behind(self, x: Operand) -> set[Loop]:
        """Return the loops in whose turns a value may be another one."""
        if x not in self._behind:
            found, seen, left = set[Loop](), {x}, [x]
            while left:
                value = left.pop()
                made = self.definition.get(value)
                if isinstance(made, Loop):
                    found.add(made)
                more = set(self._sources(value, made)) - seen
                seen |= more
                left += more
            self._behind[x] = found
        return self._behind[x]

    def _sources(self, x: Operand, made: Stmt | None) -> list[Any]:
        """Return what a value is made from, one step back."""
        if made is None:
            return []
        if not blocks(made):
            return [*operands(made)]
        found: list[Any] = [a for a, out in handed(made) if out is x]
        if isinstance(made, ir.If):
            return [*found, made.cond]
        if isinstance(made, ir.For):
            found += [made.start, made.step]
        if x in outs(made):
            ends = (getattr(made, n, None) for n in ("stop", "cond", "exit"))
            found += [x for x in ends if x is not None]
        return found

    def same(self, x: Operand) -> Operand:
        """Return one value for all reads of one element in a block."""
        made = self.definition.get(x)
        if not isinstance(made, ir.Read):
            return x
        return self._same.setdefault((made.base, made.path, self.chain[x]), made.out)

    def linear(self, x: Operand) -> Dim:
        """Return an integer as a linear expression of other integers."""
        if isinstance(x, ir.Const):
            return Dim(int(x.value))
        stmt = self.definition.get(x)
        if not isinstance(stmt, ir.Op) or stmt.row not in ("add", "sub", "mul", "neg"):
            return Dim.of(x)
        if not stmt.out.type.python:  # NumPy's sums wrap
            return Dim.of(x)
        if x not in self._linear:
            parts = [self.linear(a) for a in stmt.args]
            self._linear[x] = combine(stmt.row, parts) or Dim.of(x)
        return self._linear[x]

    def family(self, value: Value) -> Buffer | None:
        """Return what a version, or what a view looks at, may lie in."""
        while value not in self.buffer:
            made = self.definition.get(value)
            if not isinstance(made, ir.View):
                return None
            value = made.base
        return self.buffer[value].family()

    def changed(self, stmts: Iterable[Stmt]) -> set[Buffer]:
        """Return the families that statements, inner ones too, change or hand on."""
        inside = every(Block(tuple(stmts)))
        return {self.buffer[v].family() for s in inside for v in consumed(s)}

    def family_updates(self, value: Value) -> list[Update]:
        """Return all statements that change the memory a version may lie in."""
        family = self.buffer[value].family()
        if family not in self._updates:
            own = (u for u in self.updates if self.buffer[u.base].family() is family)
            self._updates[family] = [*own]
        return self._updates[family]
