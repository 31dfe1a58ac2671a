"""What a loop carries, while it is being found out.

A `Header` says what is run again and again, a `Plan` what earlier readings of the body
have taught, a `Slot` is one carried value under construction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.builder import Builder
from srcgrad.frontend.values import Cell, Maybe, Ref, Root, Static, Thing
from srcgrad.ir import Const, Operand, Value
from srcgrad.types import Array, ListOf, Scalar, Type

__all__ = ["Header", "Key", "Plan", "Retry", "Slot", "replace_root"]

Key = tuple[Any, ...]


@dataclass(slots=True)
class Header:
    """What is to be run again and again.

    `bounds` makes a For, `test` a While. `bind` sets the targets.
    `carried` are the assigned names that are alive at the head of the loop.
    """

    carried: frozenset[str]
    live: frozenset[str]
    body: Callable[[], None]
    bounds: tuple[Operand, Operand, Operand] | None = None
    bind: Callable[[Value], None] | None = None
    test: Callable[[], Operand] | None = None
    exit_name: str | None = None
    variable: str = "i"


@dataclass(slots=True)
class Plan:
    """What the readings so far have taught."""

    types: dict[Key, Scalar] = field(default_factory=dict)
    arrays: set[Key] = field(default_factory=set)
    loose: set[tuple[Key, int]] = field(default_factory=set)
    places: set[Key] = field(default_factory=set)
    turned: set[Key] = field(default_factory=set)
    maybe: dict[Key, Type | Static] = field(default_factory=dict)
    cells: set[Cell] = field(default_factory=set)
    growing: dict[Cell, Scalar | Array] = field(default_factory=dict)
    listlike: set[Cell] = field(default_factory=set)
    popped: set[Cell] = field(default_factory=set)
    shared: set[tuple[Key, Any]] = field(default_factory=set)

    def learn_unbound(self, end: Thing, key: Key, build: Builder) -> None:
        """Note what a name that is not bound before the loop is bound to in it.

        Raises:
            Retry: It can be handed to the next turn.
        """
        inner = end.thing if isinstance(end, Maybe) else end
        if isinstance(inner, Static):
            self.maybe[key] = inner
        elif isinstance(inner, Const | Value):
            self.maybe[key] = inner.type
        elif isinstance(inner, Ref):
            assert isinstance(inner.type, Array | ListOf | Scalar)
            type = inner.type
            if isinstance(type, Array):
                dims = tuple(build.loose() for _ in type.dims)
                type = Array(type.dtype, dims, type.contiguous)
            self.maybe[key] = type
        else:
            return
        raise Retry


class Retry(Exception):
    """The plan has learnt something: read the body again."""


@dataclass(slots=True)
class Slot:
    """One carried value under construction."""

    key: Key
    init: Operand
    inn: Value
    yld: Operand | None = None
    out: Value | None = None
    root: Root | None = None


def replace_root(root: Root, value: Value) -> Root:
    """Return the buffer that the loop hands on under the same name."""
    assert isinstance(value.type, Array | ListOf)
    return Root(root.name, value.type, root.listlike)
