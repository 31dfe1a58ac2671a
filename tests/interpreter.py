"""Run IR as it stands, with NumPy: the oracle for the adjoint and for the emitters.

Slow and strict. A version that was overwritten cannot be read any more, `empty` holds
nan, values leave the scope with their block, and every value must have the dtype, rank
and lengths that its type says.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Const,
    For,
    Function,
    If,
    Index,
    Item,
    Op,
    Operand,
    Path,
    Permute,
    Push,
    Read,
    Reshape,
    Slice,
    Step,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    owned,
)
from srcgrad.ops import ROWS, Row
from srcgrad.types import Array, Dim, ListOf, Scalar, Type
from tests.interpreted_rows import ROWS_BY_HAND

__all__ = ["StaleRead", "apply_row", "run"]


class StaleRead(AssertionError):
    """A version was read after its memory changed."""


@dataclass(eq=False)
class Memory:
    """An array or a list, and how often it changed."""

    data: Any
    version: int = 0


@dataclass(frozen=True)
class Handle:
    """What an array value stands for: memory as it was, or a part of it."""

    memory: Memory
    version: int
    data: Any

    @property
    def stale(self) -> bool:
        """Tell whether the memory has changed since."""
        return self.version != self.memory.version


def run(function: Function, *args: Any) -> tuple[Any, ...]:
    """Return the results of a function; arrays among the arguments may be written."""
    machine = _Machine()
    for param, arg in zip(function.params, args, strict=True):
        machine.define(param, arg)
    with np.errstate(all="ignore"):
        machine.stmts(function.body)
        results = [machine.get(r) for r in function.results]
    return tuple(results)


class _Machine:
    def __init__(self) -> None:
        self.env: dict[Value, Any] = {}

    # values

    def define(self, value: Value, data: Any) -> None:
        """Give a value a number, or memory of its own."""
        if isinstance(value.type, Scalar):
            self.env[value] = number(value.type, data)
        else:
            memory = Memory(data)
            self.env[value] = Handle(memory, 0, data)
        self.check(value)

    def check(self, value: Value) -> None:
        """Compare a value with its type."""
        found, type = self.env[value], value.type
        if isinstance(type, Scalar):
            return
        data = found.data
        if isinstance(type, ListOf):
            assert isinstance(data, list), f"{value} is no list"
            return
        assert isinstance(data, np.ndarray), f"{value} is no array"
        assert data.dtype == type.dtype, f"{value}: {type} is a {data.dtype}"
        assert data.ndim == type.rank, f"{value}: {type} has shape {data.shape}"
        for length, dim in zip(data.shape, type.dims, strict=True):
            known = self.length(dim)
            good = known is None or known == length
            assert good, f"{value}: {type} has shape {data.shape}, not {known}"
        if type.contiguous:
            assert data.flags.c_contiguous, f"{value}: {type} is not contiguous"

    def length(self, dim: Dim) -> int | None:
        """Return a dim as a number, if its atoms are in scope."""
        total = dim.const
        for atom, factor in dim.terms:
            if atom not in self.env:
                return None
            total += factor * int(self.env[atom])  # type: ignore[index]
        return max(total, 0)

    def get(self, x: Operand, *, shape_only: bool = False) -> Any:
        """Return the number, array or list that an operand stands for."""
        if isinstance(x, Const):
            return number(x.type, x.value)
        found = self.env[x]
        if isinstance(found, Handle):
            if found.stale and not shape_only:
                raise StaleRead(f"{x} was overwritten")
            return found.data
        return found

    def change(self, base: Value, out: Value) -> Memory:
        """Hand memory from a version to the next."""
        handle = self.env[base]
        if handle.stale:
            raise StaleRead(f"{base} was overwritten")
        memory: Memory = handle.memory
        assert handle.data is memory.data, f"{base} is a view and cannot be written"
        memory.version += 1
        self.env[out] = Handle(memory, memory.version, memory.data)
        return memory

    def owner(self, x: Operand, value: Value) -> None:
        """Hand a value on, as loops and branches do."""
        if owned(value.type):
            assert isinstance(x, Value)
            self.get(x)
            self.env[value] = self.env[x]
            self.check(value)
        else:
            self.define(value, self.get(x))

    # parts

    def items(self, step: Index) -> tuple[Any, ...]:
        """Return a subscript as NumPy takes it."""
        return tuple(self.item(i) for i in step.items)

    def item(self, item: Item) -> Any:
        """Return one item of a subscript."""
        if isinstance(item, Slice):
            parts = (item.start, item.stop, item.step)
            return slice(*(None if p is None else int(self.get(p)) for p in parts))
        return None if item is None else self.get(item)

    def step(self, data: Any, step: Step) -> Any:
        """Return a part of an array, a view where NumPy can."""
        if isinstance(data, list):
            assert isinstance(step, Index)
            return data[self.items(step)[0]]
        if isinstance(step, Permute):
            return data.transpose(step.axes)
        if isinstance(step, Reshape):
            view = data.view()
            view.shape = tuple(int(self.get(n)) for n in step.shape)
            return view
        return data[self.items(step)]

    def place(self, data: Any, path: Path) -> tuple[Any, Any]:
        """Return what to subscript, and the subscript that names the part."""
        for step in path[:-1]:
            part = self.step(data, step)
            assert isinstance(data, list) or np.may_share_memory(part, data)
            data = part
        if not path:
            return data, ...
        last = path[-1]
        if isinstance(data, list):
            assert isinstance(last, Index)
            return data, self.items(last)[0]
        if isinstance(last, Index):
            return data, self.items(last)
        return self.step(data, last), ...

    def part(self, stmt: View | Read) -> Any:
        """Return the part that a statement names."""
        data, key = self.place(self.get(stmt.base), stmt.path)
        return data[key]

    # statements

    def stmts(self, block: Block) -> None:
        """Run statements one after the other."""
        for stmt in block.stmts:
            self.stmt(stmt)

    def block(self, block: Block, ends: Sequence[Operand]) -> list[Any]:
        """Run an inner block; return what it hands on and forget the rest."""
        known = set(self.env)
        self.stmts(block)
        found = [
            self.env[x] if isinstance(x, Value) else self.get(x)
            for x in ends
            if self.get(x) is not None
        ]
        for value in [v for v in self.env if v not in known]:
            del self.env[value]
        return found

    def hand(self, targets: Sequence[Value], found: Sequence[Any]) -> None:
        """Set several values at once."""
        for value, data in zip(targets, found, strict=True):
            if isinstance(data, Handle):
                self.env[value] = data
                self.check(value)
            else:
                self.define(value, data)

    def stmt(self, stmt: Stmt) -> None:
        """Run one statement."""
        match stmt:
            case Op():
                self.op(stmt)
            case View():
                handle = self.env[stmt.base]
                self.env[stmt.out] = Handle(
                    handle.memory, handle.version, self.part(stmt)
                )
                self.check(stmt.out)
            case Read():
                part = self.part(stmt)
                self.define(stmt.out, part.copy() if owned(stmt.out.type) else part)
            case Write() | Accumulate() | Take() | Push():
                self.update(stmt)
            case Assert():
                if not self.get(stmt.cond):
                    raise getattr(builtins, stmt.exception, ValueError)(stmt.message)
            case For():
                self.loop(stmt)
            case While():
                self.repeat(stmt)
            case If():
                first = bool(self.get(stmt.cond))
                ends = [m.then if first else m.orelse for m in stmt.merges]
                found = self.block(stmt.then if first else stmt.orelse, ends)
                self.hand([m.out for m in stmt.merges], found)

    def update(self, stmt: Write | Accumulate | Take | Push) -> None:
        """Change memory."""
        if isinstance(stmt, Push):
            item = self.get(stmt.value)
            memory = self.change(stmt.base, stmt.out)
            assert isinstance(stmt.base.type, ListOf)
            memory.data.append(stored(stmt.base.type.item, item))
            return
        data, key = self.place(self.get(stmt.base), stmt.path)
        if isinstance(stmt, Take):
            part = data[key]
            self.define(stmt.value, part.copy() if owned(stmt.value.type) else part)
            self.change(stmt.base, stmt.out)
            data[key] = np.zeros_like(part) if isinstance(data, list) else 0
            return
        value = self.get(stmt.value)
        self.change(stmt.base, stmt.out)
        if isinstance(data, list):
            assert isinstance(stmt.base.type, ListOf)
            new = data[key] + value if isinstance(stmt, Accumulate) else value
            data[key] = stored(stmt.base.type.item, new)
        elif isinstance(stmt, Accumulate):
            np.add.at(data, key, value)
        else:
            data[key] = value

    def loop(self, stmt: For) -> None:
        """Run a `for`."""
        bounds = [int(self.get(x)) for x in (stmt.start, stmt.stop, stmt.step)]
        inns = [c.inn for c in stmt.carries]
        now = [self.taken(c.init) for c in stmt.carries]
        trips = 0
        for turn in range(*bounds):
            trips += 1
            self.env[stmt.var] = turn
            self.hand(inns, now)
            *now, left = self.block(stmt.body, self.ends(stmt))
            if left:
                break
        self.leave(stmt, now, trips)

    def repeat(self, stmt: While) -> None:
        """Run a `while`."""
        inns = [c.inn for c in stmt.carries]
        now = [self.taken(c.init) for c in stmt.carries]
        trips = 0
        while True:
            self.hand(inns, now)
            (more,) = self.block(stmt.test, [stmt.cond])
            if not more:
                break
            trips += 1
            *now, left = self.block(stmt.body, self.ends(stmt))
            if left:
                break
        self.leave(stmt, now, trips)

    def taken(self, x: Operand) -> Any:
        """Return a number, or the handle of an array that may still be read."""
        found = self.get(x)
        return self.env[x] if isinstance(x, Value) and owned(x.type) else found

    @staticmethod
    def ends(stmt: For | While) -> list[Operand]:
        """Return what a turn hands on, and at last whether it leaves the loop."""
        left = Const(False, Scalar("bool", True)) if stmt.exit is None else stmt.exit
        return [*(c.yld for c in stmt.carries), left]

    def leave(self, stmt: For | While, now: Sequence[Any], trips: int) -> None:
        """Set what a loop defines for the statements after it."""
        for value in (*(c.inn for c in stmt.carries), getattr(stmt, "var", None)):
            self.env.pop(value, None)  # type: ignore[arg-type]
        self.hand([c.out for c in stmt.carries], now)
        if stmt.trips is not None:
            self.define(stmt.trips, trips)

    def op(self, stmt: Op) -> None:
        """Apply a row."""
        row = ROWS[stmt.row]
        args = []
        for k, x in enumerate(stmt.args):
            name = row.params[min(k, len(row.params) - 1)].lstrip("*")
            args.append(self.get(x, shape_only=name in row.shape_only))
        found = apply_row(row, args, stmt.attrs, [o.type for o in stmt.outs])
        for out, data in zip(stmt.outs, found, strict=True):
            if isinstance(out.type, Array):
                # A row is a function: its result is an array of its own.
                data = np.array(data, order="C")
            self.define(out, data)


def number(type: Scalar, x: Any) -> Any:
    """Return a number of a type: a Python number, or a scalar of NumPy's."""
    if type.python:
        return {"float64": float, "int64": int, "bool": bool}[type.dtype](x)
    return np.dtype(type.dtype).type(x)


def stored(type: Type, x: Any) -> Any:
    """Return a number or a copy of an array, as a list keeps it."""
    return number(type, x) if isinstance(type, Scalar) else np.array(x)
