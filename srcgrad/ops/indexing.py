"""Sorting, searching, and gathering along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.ops.layout import (
    Term,
    around,
    as_dtype,
    call,
    keep,
    lengths,
    multiply,
    tuple_text,
    whole,
)
from srcgrad.ops.table import (
    Attrs,
    ShapeError,
    Shapes,
    constant,
    dotted,
    linear,
    moving,
    rule,
)
from srcgrad.types import Array, Scalar, Type, promote

Names = list[str]
Types = Sequence[Type]


def _sorted(index: bool) -> Any:
    """Return the type rule of a sort; axis None sorts the flattened array."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        t = types[0]
        dims = getattr(t, "dims", ())
        if attrs.get("axis", -1) is None:
            dims = (multiply(shapes, dims),)
        return Array("int64" if index else t.dtype, tuple(dims))

    return infer


def _sort_kernel(kernel: str) -> Any:
    def text(names: Names, types: Types, attrs: Attrs) -> str:
        name, t = names[0], types[0]
        sizes, axis, shape = whole(name, t, attrs.get("axis", -1))
        exact = not t.dtype.startswith("float")
        return call(kernel, t.dtype, name, *around(sizes, axis), shape, exact)

    return text


def _like_first(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return types[0]


def _sort(g: Term, x: Term, axis: Any) -> Term:
    """Gather by the inverse of the order: the first of equals comes first."""
    order = x.argsort(axis=axis, kind="stable")
    if g.rank == 1:
        back = g[order.argsort()]
        return back if x.rank == 1 else back.reshape(*x.shape)
    return g.take_along_axis(order.argsort(axis=axis), axis=axis)


rule("sort(x, axis=-1, kind=None)", _sorted(False), x=_sort, callables=dotted("sort"),
     kernel=_sort_kernel("sort3"))  # fmt: skip
constant("argsort(x, axis=-1, kind=None)", _sorted(True), callables=dotted("argsort"),
         methods=("argsort",), kernel=_sort_kernel("argsort3"))  # fmt: skip


def _ranked(g: Term, x: Term, z: Term, axis: Any) -> Term:
    """Give each item the mean of what its equals get, wherever they stand."""
    places = x.argsort(axis=axis, kind="stable").argsort(axis=axis)
    return g.tie_means(z, axis=axis).take_along_axis(places, axis=axis)


def _tie_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    sizes, axis, _ = whole(names[0], types[0], attrs.get("axis", -1))
    dtype = types[0].dtype
    order = as_dtype(names[1], types[1], dtype)  # equals stay equals
    return call("tie_means3", dtype, names[0], order, *around(sizes, axis))


rule("ranked(x, axis=-1)", _sorted(False), x=_ranked, spell="np.sort",
     kernel=_sort_kernel("sort3"))  # fmt: skip
linear("tie_means(x, order, axis=-1)", _like_first, x="g.tie_means(order, axis=axis)",
       spell="tie_means", kernel=_tie_kernel)  # fmt: skip


# the smallest first: the order of the others is NumPy's own, and sorted in kernels


def _partition(g: Term, x: Term, z: Term, axis: Any) -> Term:
    """Gather by the place that an item has in the result; the first of equals first."""
    ranks = x.argsort(axis=axis, kind="stable").argsort(axis=axis)
    places = z.argsort(axis=axis, kind="stable").take_along_axis(ranks, axis=axis)
    return g.take_along_axis(places, axis=axis)


rule("partition(x, *kth, axis=-1)", _sorted(False), x=_partition,
     spell="np.partition({x}, {kth}{keywords})",
     kernel=_sort_kernel("sort3"))  # fmt: skip
constant("argpartition(x, *kth, axis=-1)", _sorted(True),
         spell="np.argpartition({x}, {kth}{keywords})",
         kernel=_sort_kernel("argsort3"))  # fmt: skip


# gathering


def _taken(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    t, index = types
    if not isinstance(t, Array) or not isinstance(index, Array) or t.rank != index.rank:
        raise ShapeError("`indices` and `arr` must have the same number of dimensions")
    if not index.dtype.startswith("int"):
        raise ShapeError("`indices` must be an integer array")
    for k, (a, b) in enumerate(zip(t.dims, index.dims, strict=True)):
        if k != attrs.get("axis", -1) % t.rank:
            shapes.same(
                a, b, "`indices` and `arr` must have the same shape but one axis"
            )
    return Array(t.dtype, index.dims)


def _take(g: Term, x: Term, index: Term, axis: int) -> Term:
    axis %= x.rank
    return g.spread_along(index, x.shape[axis], axis=axis)


def _take_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    (x, index), (t, _) = names, types
    sizes, axis, _ = whole(x, t, attrs.get("axis", -1))
    count = lengths(index, types[1])[axis]
    places = as_dtype(index, types[1], "int64")
    return call("take_along3", t.dtype, x, places, *around(sizes, axis), count)


moving("take_along_axis(x, index, axis=-1)", _taken, x=_take, kernel=_take_kernel)


def _spread(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    n = shapes.dim(attrs["args"][2])
    return Array(types[0].dtype, keep(types[0], attrs.get("axis", 0), length=n))


def _spread_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    x, index, n = names
    sizes, axis, _ = whole(x, types[0], attrs.get("axis", 0))
    outer, count, inner = around(sizes, axis)
    shape = tuple_text([n if k == axis else s for k, s in enumerate(sizes)])
    places = as_dtype(index, types[1], "int64")
    given = (x, places, outer, n, inner, count, shape)
    return call("spread_along3", types[0].dtype, *given)


moving("spread_along(x, index, n, axis=0)", _spread,
       x="g.take_along_axis(index, axis=axis)", spell="spread_along",
       kernel=_spread_kernel)  # fmt: skip


# searching


def _places(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    v = types[1]
    return Array("int64", v.dims) if isinstance(v, Array) else Scalar("int64")


def _search_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    (a, v), dtype = names, promote(*types)
    kernel = "searchsorted" if types[1].rank else "searchsorted0"
    given = [as_dtype(n, t, dtype) for n, t in ((a, types[0]), (v, types[1]))]
    return call(kernel, dtype, *given, attrs.get("side", "left") == "right")


constant("searchsorted(a, v, side='left')", _places, kernel=_search_kernel)


def _nonzero(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Array("int64", (shapes.loose(),))


constant("flatnonzero(x)", _nonzero, callables=dotted("flatnonzero"),
         kernel=lambda n, t, a: call("flatnonzero", t[0].dtype, n[0]))  # fmt: skip
