"""Where every value is defined, and which buffer every array version lives in.

A region is a block inside a loop or an `if`; the chain of regions around a statement is
its path. A buffer is what versions of one array share inside one region; a family is
what may be one piece of memory after loops and merges have handed buffers on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from srcgrad.ir import (
    Accumulate,
    Block,
    Carry,
    Const,
    For,
    Function,
    If,
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
from srcgrad.types import Dim
from srcgrad.walk import blocks, inner_outs, outs

__all__ = ["Buffer", "Chain", "Regions", "Site", "Update"]

Update = Write | Accumulate | Take | Push


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
            if owned(param.type):
                self._fresh(param)
        self._block(self.function.body, ())

    def _define(self, value: Value, stmt: Stmt | None, chain: Chain) -> None:
        self.chain[value] = chain
        if stmt is not None:
            self.definition[value] = stmt

    def _fresh(self, value: Value) -> Buffer:
        made = Buffer(value.name, value)
        self.buffer[value] = made
        return made

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
            if isinstance(stmt, For | While):
                for carry in stmt.carries:
                    if owned(carry.inn.type):
                        self._fresh(carry.inn)
            for arm, inner in enumerate(blocks(stmt)):
                self._block(inner, (*chain, (stmt, arm)))
            for value in outs(stmt):
                self._define(value, stmt, chain)
            self._buffers(stmt)

    def _buffers(self, stmt: Stmt) -> None:
        match stmt:
            case Op():
                for out in stmt.outs:
                    if owned(out.type):
                        self._fresh(out)
            case View() if gathers(stmt.path):
                self._fresh(stmt.out)
            case Write() | Accumulate() | Push() | Take():
                self.buffer[stmt.out] = self.buffer[stmt.base]
                self.updates.append(stmt)
                if isinstance(stmt, Take) and owned(stmt.value.type):
                    self._fresh(stmt.value)
            case For() | While():
                for carry in stmt.carries:
                    if owned(carry.inn.type):
                        self._carry(carry)
            case If():
                for merge in stmt.merges:
                    if owned(merge.out.type):
                        self._merge(merge.out, merge.then, merge.orelse)

    def _carry(self, carry: Carry) -> None:
        made, inn = self._fresh(carry.out), self.buffer[carry.inn]
        init, yld = self.buffer_of(carry.init), self.buffer_of(carry.yld)
        for other in (init, inn, yld):
            self.join(made, other)
        if yld.memory() is inn:
            inn.outer = made.outer = init

    def buffer_of(self, x: Operand) -> Buffer:
        """Return the buffer of an array operand."""
        assert isinstance(x, Value)
        return self.buffer[x]

    def _merge(self, out: Value, then: Operand, orelse: Operand) -> None:
        assert isinstance(then, Value)
        assert isinstance(orelse, Value)
        a, b = self.buffer[then], self.buffer[orelse]
        if a is b:
            self.buffer[out] = a
            return
        made = self._fresh(out)
        self.join(made, a)
        self.join(made, b)
        if a.memory() is b.memory():
            made.outer = a.memory()

    def settled(self, dims: Sequence[Dim]) -> bool:
        """Tell whether lengths are known before the outermost loop or branch."""
        atoms = {atom for dim in dims for atom, _ in dim.terms}
        return all(self.chain.get(a) == () for a in atoms)  # type: ignore[call-overload]

    def linear(self, x: Operand) -> Dim:
        """Return an integer as a linear expression of other integers."""
        if isinstance(x, Const):
            return Dim(int(x.value))
        stmt = self.definition.get(x)
        if isinstance(stmt, Op) and stmt.row in ("add", "sub", "mul", "neg"):
            parts = [self.linear(a) for a in stmt.args]
            if stmt.row == "add":
                return parts[0] + parts[1]
            if stmt.row == "sub":
                return parts[0] - parts[1]
            if stmt.row == "neg":
                return parts[0].scaled(-1)
            if parts[0].known is not None:
                return parts[1].scaled(parts[0].const)
            if parts[1].known is not None:
                return parts[0].scaled(parts[1].const)
        return Dim(0, ((x, 1),))

    def family_updates(self, value: Value) -> list[Update]:
        """Return all statements that change the memory a version may lie in."""
        family = self.buffer[value].family()
        return [u for u in self.updates if self.buffer[u.base].family() is family]
