"""What names arrays rather than computes: views, and arrays made of lists.

Transposes, reshapes of contiguous arrays, new axes and the like are views: paths into
the same buffer.
"""

from __future__ import annotations

import functools
from typing import Any

from srcgrad.builder import const
from srcgrad.frontend import attributes, build, calls, indexing, lists
from srcgrad.frontend import values as v
from srcgrad.frontend.library import HANDLERS, array_ref, dtype_of, handles
from srcgrad.frontend.values import Ref, Static, Thing
from srcgrad.ir import Const, Index, Operand, Permute, Reshape, Value
from srcgrad.types import Array, Dim, Scalar

HANDLERS |= {
    "numpy.ndim": lambda reader, a: const(
        (a if isinstance(a, Const | Value | Ref) else array_ref(reader, a)).type.rank
    ),
    "srcgrad.ops.prelude.turned": lambda reader, a, axes: attributes.transpose(
        reader, array_ref(reader, a), calls.static(reader, axes)
    ),
}


@handles(".reshape")
def _reshape(reader: build.Reader, a: Thing, *sizes: Thing, order: Any = None) -> Thing:
    if order not in (Static(None), Static("C")):
        raise reader.problem("SG202", "`reshape` is known in C order only")
    whole = len(sizes) == 1 and isinstance(sizes[0], v.Tuple | v.ListCell)
    given = calls.items_of(reader, sizes[0]) if whole else sizes
    wanted = [reader.operand(x) for x in given]
    if v.is_operand(a) or v.is_point(a):
        ref = reader.allocate(reader.build.op("full", reader.operand(a), const(1)))
        if v.is_point(a):
            reader.share(ref.root, a.root)
    else:
        ref = array_ref(reader, a)
    lengths = attributes.shape(reader, ref)
    if not wanted:
        for d in ref.type.dims:
            what = "cannot reshape an array of several items into shape ()"
            reader.build.same(d, Dim(1), what)
        first = Index((const(0),) * ref.type.rank)
        return Ref(ref.root, (*ref.path, first), Scalar(ref.type.dtype))
    known = [x for x in wanted if x != const(-1)]
    wanted = [_missing(reader, lengths, known) if x == const(-1) else x for x in wanted]
    if wanted == lengths and (len(wanted) > 1 or _in_order(ref)):
        return ref  # of a strided vector `reshape` gives a view, and `ravel` a copy
    if _in_order(ref):
        return indexing.read(reader, ref, (*ref.path, Reshape(tuple(wanted))))
    out = reader.allocate(reader.build.op("reshape", reader.operand(ref), *wanted))
    if len(wanted) > 1 or not _surely_turned(reader, ref):
        # Whether NumPy gives a view or a copy here depends on the strides.
        reader.share(out.root, ref.root)
    return out


def _in_order(ref: Ref) -> bool:
    """Tell an array that is in C order; a view that no path describes may not be."""
    return getattr(ref.type, "contiguous", True) and ref.root.of is None


def _surely_turned(reader: build.Reader, ref: Ref) -> bool:
    """Tell an array that is not in C order: the transpose of one, no axis of one."""
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


@handles("numpy.ascontiguousarray")
def _in_c_order(reader: build.Reader, a: Thing, dtype: Any = None) -> Thing:
    made = _asarray(reader, a, dtype)
    if v.is_point(made):
        return _reshape(reader, made, const(1), order=Static(None))
    ref = array_ref(reader, made)
    if ref is not a or _in_order(ref):
        return ref
    out = reader.allocate(reader.build.op("copy", reader.operand(ref), via="method"))
    if not _surely_turned(reader, ref):
        reader.share(out.root, ref.root)  # a copy only where it is not in C order
    return out


@handles("numpy.asarray")
def _asarray(reader: build.Reader, a: Thing, dtype: Any = None) -> Thing:
    name = dtype_of(reader, dtype)
    thing = lists.pack(reader, a) if isinstance(a, v.Tuple | v.ListCell) else a
    if isinstance(thing, Ref) and name in (None, thing.type.dtype):
        if v.list_axes(thing):
            return reader.thing(reader.build.op("copy", reader.operand(thing)))
        return thing
    operand = reader.operand(thing)
    made = reader.build.cast(operand, name or operand.type.dtype)
    return reader.thing(made) if operand.type.rank else reader.point(made)
