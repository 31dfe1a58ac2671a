"""Lists that grow at run time, the lengths of ranges, and their parts."""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.ops.layout import np_dtype
from srcgrad.ops.table import Attrs, Shapes, constant, length_bits, rule
from srcgrad.types import Array, Dim, ListOf, Scalar, Type


def _list_of(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    return ListOf(attrs["item"])


def _integer(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    return Scalar("int64", python=True)


def _packed(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    (listed,) = types
    assert isinstance(listed, ListOf)
    dims: tuple[Dim, ...] = (shapes.loose(),)
    if isinstance(listed.item, Array):
        dims = (*dims, *(shapes.loose() for _ in listed.item.dims))
    return Array(listed.dtype, dims)


def _pack_list(names: list[str], types: Sequence[Type], attrs: Attrs) -> str:
    (listed,) = types
    assert isinstance(listed, ListOf)
    return f"rt_pack{1 + listed.item.rank}({names[0]}, {np_dtype(listed.dtype)})"


def _empty_list(names: list[str], types: Sequence[Type], attrs: Attrs) -> str:
    """An item that is left out tells Numba the type."""
    item, dtype = attrs["item"], np_dtype(attrs["item"].dtype)
    zeros = f"({'0, ' * item.rank})"
    first = f"rt_empty({zeros}, {dtype})" if item.rank else f"{dtype}(0)"
    return f"[{first}][:0]"


def _length(names: list[str], types: Sequence[Type], attrs: Attrs) -> str:
    """Of an array that a list was packed into, its shape is given."""
    return f"len({names[0]})" if isinstance(types[0], ListOf) else names[0]


def _zero_items(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    (listed,) = types
    return listed


constant("length(items)", _integer, spell="len", shape_only=frozenset({"items"}),
         bits=length_bits, kernel=_length, of_complex=True)  # fmt: skip
constant("zeros_items(items)", _zero_items,
         spell="[np.zeros_like(v) for v in {items}]",
         kernel=lambda n, t, a: f"rt_zeros_items({n[0]})", of_complex=True)  # fmt: skip
constant("emptied(items)", _zero_items, spell="{items}[:0]",
         kernel=lambda n, t, a: f"rt_emptied({n[0]})", of_complex=True)  # fmt: skip
constant("new_list(item=None)", _list_of, spell="[]", kernel=_empty_list)
constant("range_length(start, stop, step)", _integer, cost=0, bits=length_bits,
         spell="len(range({start}, {stop}, {step}))",
         kernel=lambda n, t, a: f"rt_range_length({', '.join(n)})")  # fmt: skip
# The same where no turn may have asked yet whether the step is zero.
constant("trips(start, stop, step)", _integer, cost=0, bits=length_bits,
         spell="len(range({start}, {stop}, {step} or 1))",
         kernel=lambda n, t, a: f"rt_range_length({', '.join(n)} or 1)")  # fmt: skip
# `room` is what parts need for themselves; that it be added up must be cheap, too.
constant("parts(turns, work, room, least)", _integer, cost=0, bits=length_bits,
         spell="max(1, min(64, {turns}, {work} // {least}, "
               "{work} // (16 * {room} + 16), 4194304 // ({room} + 1)))",
         kernel=lambda n, t, a: f"rt_parts({', '.join(n)})")  # fmt: skip
rule("pack_list(items)", _packed, items="g", spell="np.array",
     kernel=_pack_list, of_complex=True)  # fmt: skip
