"""Where every value is defined, and which buffer every array version lives in.

A region is a block inside a loop or an `if`; the chain of regions around a statement is
its path. A buffer is what versions of one array share inside one region; a family is
what may be one piece of memory after loops and merges have handed buffers on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from srcgrad.ir import (
    Block,
    Carry,
    Const,
    For,
    Function,
    If,
    Merge,
    Op,
    Operand,
    Read,
    Stmt,
    Update,
    Value,
    View,
    While,
    gathers,
    owned,
)
from srcgrad.types import Dim, combine
from srcgrad.walk import blocks, consumed, every, inner_outs, outs

__all__ = ["Buffer", "Chain", "Regions", "Site", "Update"]


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


Chain = tuple[tuple[Stmt, int], ...]


@dataclass(frozen=True, slots=True)
class Site:
    """Where a statement stands: its regions from the outside in, and its order."""

    chain: Chain
    order: int


@dataclass(slots=True)
class Regions:
    """All sites, definitions and buffers of a function."""

    function: Function
    site: dict[Stmt, Site] = field(default_factory=dict)
    chain: dict[Value, Chain] = field(default_factory=dict)
    definition: dict[Value, Stmt] = field(default_factory=dict)
    buffer: dict[Value, Buffer] = field(default_factory=dict)
    updates: list[Update] = field(default_factory=list)
    _order: int = 0

    def __post_init__(self) -> None:
        for param in self.function.params:
            self._define(param, None, ())
        self._block(self.function.body, ())

    def _define(self, value: Value, stmt: Stmt | None, chain: Chain) -> None:
        self.chain[value] = chain
        if stmt is not None:
            self.definition[value] = stmt
        alias = isinstance(stmt, View | Read) and not gathers(stmt.path)
        if owned(value.type) and not alias:
            self.buffer[value] = Buffer(value.name, value)

    def join(self, a: Buffer, b: Buffer) -> None:
        """Note that two buffers may be the same memory."""
        one, two = a.family(), b.family()
        if one is not two:
            two.leader = one

    def _block(self, block: Block, chain: Chain) -> None:
        for stmt in block.stmts:
            self.site[stmt] = Site(chain, self._order)
            self._order += 1
            for value in inner_outs(stmt):
                self._define(value, stmt, (*chain, (stmt, len(blocks(stmt)) - 1)))
            for arm, inner in enumerate(blocks(stmt)):
                self._block(inner, (*chain, (stmt, arm)))
            for value in outs(stmt):
                self._define(value, stmt, chain)
            if isinstance(stmt, Update):
                self.buffer[stmt.out] = self.buffer[stmt.base]
                self.updates.append(stmt)
            elif isinstance(stmt, For | While):
                for carry in stmt.carries:
                    if owned(carry.inn.type):
                        self._carry(carry)
            elif isinstance(stmt, If):
                for merge in stmt.merges:
                    if owned(merge.out.type):
                        self._merge(merge)

    def _carry(self, carry: Carry) -> None:
        made, inn = self.buffer[carry.out], self.buffer[carry.inn]
        init, yld = self.buffer_of(carry.init), self.buffer_of(carry.yld)
        for other in (init, inn, yld):
            self.join(made, other)
        if yld.memory() is inn:
            inn.outer = made.outer = init

    def _merge(self, merge: Merge) -> None:
        a, b = self.buffer_of(merge.then), self.buffer_of(merge.orelse)
        made = self.buffer[merge.out]
        if a is b:
            self.buffer[merge.out] = a
            return
        self.join(made, a)
        self.join(made, b)
        if a.memory() is b.memory():
            made.outer = a.memory()

    def buffer_of(self, x: Operand) -> Buffer:
        """Return the buffer of an array operand."""
        assert isinstance(x, Value)
        return self.buffer[x]

    def settled(self, dims: Sequence[Dim]) -> bool:
        """Tell whether lengths are known before the outermost loop or branch."""
        atoms = {atom for dim in dims for atom, _ in dim.terms}
        return all(self.chain.get(a) == () for a in atoms)  # type: ignore[call-overload]

    def linear(self, x: Operand) -> Dim:
        """Return an integer as a linear expression of other integers."""
        if isinstance(x, Const):
            return Dim(int(x.value))
        stmt = self.definition.get(x)
        if not isinstance(stmt, Op) or stmt.row not in ("add", "sub", "mul", "neg"):
            return Dim.of(x)
        return combine(stmt.row, [self.linear(a) for a in stmt.args]) or Dim.of(x)

    def family(self, value: Value) -> Buffer | None:
        """Return what a version, or what a view looks at, may lie in."""
        while value not in self.buffer:
            made = self.definition.get(value)
            if not isinstance(made, View):
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
        return [u for u in self.updates if self.buffer[u.base].family() is family]
