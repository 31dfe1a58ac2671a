"""Kernel text: every reduced or scanned axis is the middle one of three.

A C-contiguous array is `(outer, n, inner)` around an axis, or around axes that lie side
by side; the kernels know no other form. Rules for shapes that several files share are
here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from srcgrad.ops.table import Shapes, np_dtype
from srcgrad.types import Array, Dim, Type, is_complex

__all__ = [
    "Each", "apart", "around", "as_dtype", "axes_of", "call", "conjugate", "keep",
    "lengths", "multiply", "nested", "np_dtype", "times", "tuple_text", "whole",
]  # fmt: skip

Term = Any
Make = Callable[..., str]


class Each(list[Any]):
    """The cotangents of a starred operand, each made only when it is asked for."""

    def __init__(self, make: Callable[[int], Term]) -> None:
        super().__init__()
        self.make = make

    def __getitem__(self, k: Any) -> Term:
        return self.make(k)


def conjugate(x: Term) -> Term:
    """Return the conjugates of complex numbers, and real ones as they are."""
    return x.conj() if is_complex(x.type) else x


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """Return the axes meant by an `axis` attribute; None means all.

    >>> axes_of(None, 2), axes_of(-1, 3)
    ((0, 1), (2,))
    """
    if axis is None:
        return tuple(range(rank))
    given = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(a % rank for a in given))


def keep(
    t: Type, axis: Any, keepdims: bool = False, length: Dim | None = None
) -> tuple[Dim, ...]:
    """Return the dims left when axes are reduced, or set to a new length."""
    axes, dims = axes_of(axis, t.rank), getattr(t, "dims", ())
    if length is None and keepdims:
        length = Dim(1)
    left = ((length if k in axes else d) for k, d in enumerate(dims))
    return tuple(d for d in left if d is not None)


def multiply(shapes: Shapes, dims: Iterable[Dim]) -> Dim:
    """Return the product of dims as a dim."""
    out = Dim(1)
    for d in dims:
        if out.known is not None:
            out = d.scaled(out.known)
        elif d.known is not None:
            out = out.scaled(d.known)
        else:
            out = shapes.dim(shapes.op("mul", shapes.length(out), shapes.length(d)))
    return out


def as_dtype(name: str, t: Type, dtype: str) -> str:
    """Return the text of an operand in another dtype."""
    if t.rank == 0:
        return f"{np_dtype(dtype)}({name})"
    return name if t.dtype == dtype else f"rt_as_dtype({name}, {np_dtype(dtype)})"


def call(kernel: str, dtype: str, *args: object) -> str:
    """Return the call of a kernel that has a core for a dtype."""
    return f"rt_{kernel}_{dtype}({', '.join(map(str, args))})"


def lengths(name: str, t: Type) -> list[str]:
    """Return the lengths of an array's axes as text."""
    dims = t.dims if isinstance(t, Array) else ()
    return [
        f"{name}.shape[{k}]" if d.known is None else str(max(d.known, 0))
        for k, d in enumerate(dims)
    ]


def times(texts: Iterable[str]) -> str:
    """Return a product as text.

    >>> times(["n", "1", "3"]), times([])
    ('n * 3', '1')
    """
    return " * ".join(t for t in texts if t != "1") or "1"


def tuple_text(texts: Sequence[str]) -> str:
    """Return a tuple as text."""
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def around(sizes: Sequence[str], axis: int) -> tuple[str, str, str]:
    """Return the lengths `(outer, n, inner)` around an axis."""
    return times(sizes[:axis]), sizes[axis], times(sizes[axis + 1 :])


def whole(name: str, t: Type, axis: Any) -> tuple[list[str], int, str]:
    """Return the lengths, the axis, and the shape text of an operation along an axis.

    Axis None means the flattened array.
    """
    sizes = lengths(name, t)
    if axis is None:
        sizes = [times(sizes)]
    k = (axis or 0) % len(sizes)
    return sizes, k, tuple_text(sizes)


def _runs(axes: Sequence[int]) -> list[tuple[int, int]]:
    """Return axes that lie side by side as half-open ranges."""
    runs: list[tuple[int, int]] = []
    for a in axes:
        if runs and runs[-1][1] == a:
            runs[-1] = (runs[-1][0], a + 1)
        else:
            runs.append((a, a + 1))
    return runs


def nested(
    name: str, t: Type, axis: Any, keepdims: bool, one: Make, three: Make
) -> str:  # fmt: skip
    """Return the text of a reduction that may be done one run of axes after another.

    `one(x)` reduces all of `x` to a number, `three(x, outer, n, inner, shape)` an axis.
    """
    axes = axes_of(axis, t.rank)
    if len(axes) == t.rank and not keepdims:
        return one(name)
    sizes: list[str | None] = list(lengths(name, t))
    text = name
    for low, high in reversed(_runs(axes)):
        outer = times(s for s in sizes[:low] if s)
        inner = times(s for s in sizes[high:] if s)
        n = times(s for s in sizes[low:high] if s)
        sizes[low:high] = ["1" if keepdims else None] * (high - low)
        text = three(text, outer, n, inner, tuple_text([s for s in sizes if s]))
    return text


def apart(
    name: str, t: Type, axis: Any, keepdims: bool, one: Make, three: Make
) -> str:  # fmt: skip
    """Return the text of a reduction that must see all its axes at once.

    Axes that lie apart are brought together by a copy first.
    """
    axes = axes_of(axis, t.rank)
    if len(axes) == t.rank and not keepdims:
        return one(name)
    sizes = lengths(name, t)
    shape = tuple_text(
        [
            ("1" if k in axes else s)
            for k, s in enumerate(sizes)
            if keepdims or k not in axes
        ]
    )
    groups: list[tuple[bool, list[str]]] = []
    for k, s in enumerate(sizes):
        if groups and groups[-1][0] == (k in axes):
            groups[-1][1].append(s)
        else:
            groups.append((k in axes, [s]))
    text = name
    while sum(reduced for reduced, _ in groups) > 1:
        k = next(k for k, (reduced, _) in enumerate(groups) if reduced)
        parts = [times(s for _, g in group for s in g)
                 for group in (groups[:k], groups[k : k + 1], groups[k + 1 : k + 2],
                               groups[k + 2 :])]  # fmt: skip
        text = call("swap4", t.dtype, text, *parts)
        moved = (True, groups[k][1] + groups[k + 2][1])
        groups[k : k + 3] = [groups[k + 1], moved]
        if k > 0:
            groups[k - 1 : k + 1] = [(False, groups[k - 1][1] + groups[k][1])]
    k = next(k for k, (reduced, _) in enumerate(groups) if reduced)
    parts = [times(s for _, g in group for s in g)
             for group in (groups[:k], groups[k : k + 1], groups[k + 1 :])]  # fmt: skip
    return three(text, *parts, shape)
