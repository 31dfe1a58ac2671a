"""What names arrays rather than computes: shapes, views, arrays made of lists.

Transposes, reshapes of contiguous arrays, new axes and the like are views: paths into
the same buffer.
"""

from __future__ import annotations

import functools
from typing import Any

from srcgrad.builder import const
from srcgrad.frontend import attributes, build, calls, indexing
from srcgrad.frontend.library import array_ref, dtype_of, handles
from srcgrad.frontend.values import (
    ListCell,
    Ref,
    Static,
    Thing,
    Tuple,
    is_operand,
    is_point,
)
from srcgrad.ir import Index, Item, Operand, Permute, Reshape, Slice
from srcgrad.ops.prelude import axes_of
from srcgrad.types import Array

# shapes


def _measure(name: str, reader: build.Reader, a: Thing) -> Thing:
    number = is_operand(a) or is_point(a)
    return attributes.measured(reader, a if number else array_ref(reader, a), name)


for _name in ("shape", "ndim"):
    handles(f"numpy.{_name}")(functools.partial(_measure, _name))


# views


@handles(".transpose")
def _transpose(reader: build.Reader, a: Thing, *axes: Thing) -> Thing:
    if is_operand(a) or is_point(a):
        return a
    ref = array_ref(reader, a)
    order = calls.static(reader, axes[0] if len(axes) == 1 else Tuple(axes))
    rank = ref.type.rank
    turned = tuple(reversed(range(rank)))
    return attributes.transpose(reader, ref, axes_of(order, rank) if order else turned)


@handles("numpy.squeeze", ".squeeze")
def _squeeze(reader: build.Reader, a: Thing, axis: Any = None) -> Thing:
    ref = array_ref(reader, a)
    chosen = calls.static(reader, axis)
    dims = [reader.build.resolve(d) for d in ref.type.dims]
    drop: set[int] = {k for k, d in enumerate(dims) if d.known == 1}
    if chosen is not None:
        drop = set(axes_of(chosen, len(dims)))
        for k in drop:
            wrong = "cannot squeeze an axis whose length is not one"
            reader.build.same(dims[k], reader.build.dim(const(1)), wrong)
    full = Slice(None, None, None)
    items: list[Item] = [const(0) if k in drop else full for k in range(len(dims))]
    part = attributes.part(reader, ref, Index(tuple(items)))
    if isinstance(part.type, Array):
        return part
    return reader.build.read(reader.version(ref.root), part.path)


@handles(".reshape")
def _reshape(reader: build.Reader, a: Thing, *sizes: Thing, order: Any = None) -> Thing:
    if order not in (Static(None), Static("C")):
        raise reader.problem("SG202", "`reshape` is known in C order only")
    whole = len(sizes) == 1 and isinstance(sizes[0], Tuple | ListCell)
    given = calls.items_of(reader, sizes[0]) if whole else sizes
    wanted = [reader.operand(x) for x in given]
    if is_operand(a) or is_point(a):
        ref = reader.allocate(reader.build.op("full", reader.operand(a), const(1)))
    else:
        ref = array_ref(reader, a)
    if not wanted:
        return indexing.at(reader, ref, *[const(0)] * ref.type.rank)
    build, lengths = reader.build, attributes.shape(reader, ref)
    known = [x for x in wanted if x != const(-1)]
    wanted = [_missing(reader, lengths, known) if x == const(-1) else x for x in wanted]
    if getattr(ref.type, "contiguous", True):
        if wanted == lengths:
            return ref
        return attributes.part(reader, ref, Reshape(tuple(wanted)))
    out = reader.allocate(build.op("reshape", reader.operand(ref), *wanted))
    if not _surely_turned(reader, ref):
        # Whether NumPy gives a view or a copy here depends on the strides.
        reader.share(out.root, ref.root)
    return out


def _surely_turned(reader: build.Reader, ref: Ref) -> bool:
    """Tell whether a reshape copies: the transpose of a C array, no axis of one."""
    if not ref.path or not isinstance(ref.path[-1], Permute):
        return False
    base = reader.build.place(ref.root.type, ref.path[:-1])
    assert isinstance(base, Array)
    return base.contiguous and all(
        d.const > 1 if d.known is not None
        else all(a in reader.outer_atoms and c > 0 for a, c in d.terms) and d.const >= 0
        for d in base.dims
    )  # fmt: skip


def _missing(
    reader: build.Reader, lengths: list[Operand], known: list[Operand]
) -> Operand:
    """Return the length that -1 stands for."""
    rest, left = list(lengths), []
    for k in known:
        dims = [reader.build.dim(x) for x in rest]
        if reader.build.dim(k) in dims:
            del rest[dims.index(reader.build.dim(k))]
        elif k != const(1):
            left.append(k)
    total = attributes.product(reader, rest)
    return functools.reduce(lambda x, k: reader.build.op("floordiv", x, k), left, total)


# arrays made of lists, numbers and arrays


@handles("numpy.array")
def _array(
    reader: build.Reader, object: Thing, dtype: Any = None, *,
    copy: Any = True,
) -> Thing:  # fmt: skip
    if copy != const(True):
        raise reader.problem("SG202", "`copy` is known as True only")
    made = _asarray(reader, object, dtype)
    if made is not object:
        return made
    return copied(reader, made)


@handles("numpy.asarray", "numpy.ascontiguousarray")
def _asarray(reader: build.Reader, a: Thing, dtype: Any = None) -> Thing:
    name = dtype_of(reader, dtype)
    thing = calls.pack(reader, a) if isinstance(a, Tuple | ListCell) else a
    if isinstance(thing, Ref) and name in (None, thing.type.dtype):
        return copied(reader, thing) if thing.root.listlike else thing
    operand = reader.operand(thing)
    made = reader.build.cast(operand, name or operand.type.dtype)
    return reader.thing(made) if operand.type.rank else reader.point(made)


def copied(reader: build.Reader, ref: Thing) -> Thing:
    """Return an array of its own with the same elements."""
    operand = reader.operand(ref)
    if is_point(ref):
        return reader.point(operand)
    return reader.thing(reader.build.op("copy", operand))
