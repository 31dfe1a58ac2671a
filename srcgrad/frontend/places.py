"""Paths into one buffer whose numbers differ: views chosen or swapped at run time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from srcgrad.builder import Builder, const
from srcgrad.frontend.values import Ref
from srcgrad.ir import Index, Operand, Path, Reshape, Slice, Step
from srcgrad.types import Array
from srcgrad.walk import operands

__all__ = ["alike", "explicit", "with_operands"]


def alike(build: Builder, a: Ref, b: Ref) -> bool:
    """Tell whether two parts of one buffer differ in the numbers of a path only."""
    one, two = explicit(build, a), explicit(build, b)
    if a.root is not b.root or a.type.rank != b.type.rank:
        return False
    lengths = zip(getattr(a.type, "dims", ()), getattr(b.type, "dims", ()), strict=True)
    same = all(build.resolve(x) == build.resolve(y) for x, y in lengths)
    nothing = [const(0)] * len([*operands(one), *operands(two)])
    return same and with_operands(one, nothing) == with_operands(two, nothing)


def explicit(build: Builder, ref: Ref) -> Path:
    """Return a path whose slices have a start and a stop."""
    steps: list[Step] = []
    type: Any = ref.root.type
    for step in ref.path:
        if isinstance(step, Index) and isinstance(type, Array):
            steps.append(_bounded(build, step, type))
        else:
            steps.append(step)
        type = build.place(type, (step,))
    return tuple(steps)


def _bounded(build: Builder, step: Index, type: Array) -> Index:
    items: list[Any] = []
    axis = 0
    for item in step.items:
        if isinstance(item, Slice) and item.step is None:
            start = const(0) if item.start is None else item.start
            stop = (
                build.length(build.resolve(type.dims[axis]))
                if item.stop is None
                else item.stop
            )
            items.append(Slice(start, stop, None))
        else:
            items.append(item)
        axis += item is not None
    return Index(tuple(items))


def with_operands(path: Path, numbers: Iterable[Operand]) -> Path:
    """Return a path with other numbers, in the order of `operands`."""
    rest: Iterator[Operand] = iter(numbers)

    def other(item: Any) -> Any:
        if isinstance(item, Slice):
            parts = (item.start, item.stop, item.step)
            return Slice(*(None if p is None else next(rest) for p in parts))
        return None if item is None else next(rest)

    steps: list[Step] = []
    for step in path:
        if isinstance(step, Index):
            steps.append(Index(tuple(other(i) for i in step.items)))
        elif isinstance(step, Reshape):
            steps.append(Reshape(tuple(other(s) for s in step.shape)))
        else:
            steps.append(step)
    return tuple(steps)
