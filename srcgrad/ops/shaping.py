"""Arrays put together, repeated, turned around, cut to triangles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.ops.layout import (
    Each,
    Term,
    around,
    as_dtype,
    call,
    keep,
    lengths,
    multiply,
    np_dtype,
    times,
    tuple_text,
    whole,
)
from srcgrad.ops.table import (
    Attrs,
    ShapeError,
    Shapes,
    Unsupported,
    dotted,
    moving,
)
from srcgrad.types import Array, Dim, Scalar, Type, promote

Names = list[str]
Types = Sequence[Type]


def _arrays(shapes: Shapes, types: Types) -> list[Array]:
    found = [t for t in types if isinstance(t, Array)]
    if len(found) != len(types) or not found:
        raise ShapeError("need at least one array, and no numbers")
    if any(t.rank != found[0].rank for t in found):
        raise ShapeError("all the input arrays must have same number of dimensions")
    return found


# side by side


def _concatenated(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    arrays = _arrays(shapes, types)
    axis = attrs.get("axis", 0) % arrays[0].rank
    dims = list(arrays[0].dims)
    for t in arrays[1:]:
        for k, d in enumerate(t.dims):
            what = "all the input array dimensions must match except on one axis"
            if k != axis:
                dims[k] = shapes.same(dims[k], d, what)
    if len(arrays) > 1:
        dims[axis] = sum((shapes.summand(t.dims[axis]) for t in arrays), Dim(0))
    return Array(promote(*arrays), tuple(dims))


def _part(arrays: list[Term], g: Term, axis: int) -> Each:
    """Cut from `g` what each of the arrays became."""
    axis %= g.rank

    def make(k: int) -> Term:
        start: Any = sum((a.shape[axis] for a in arrays[:k]), start=0)
        stop = start + arrays[k].shape[axis] if k + 1 < len(arrays) else None
        return g[(*[slice(None)] * axis, slice(start if k else None, stop))]

    return Each(make)


def _stacked(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    arrays = _arrays(shapes, types)
    axis = attrs.get("axis", 0) % (arrays[0].rank + 1)
    dims = list(arrays[0].dims)
    for t in arrays[1:]:
        for k, d in enumerate(t.dims):
            dims[k] = shapes.same(
                dims[k], d, "all input arrays must have the same shape"
            )
    dims.insert(axis, Dim(len(arrays)))
    return Array(promote(*arrays), tuple(dims))


def _layer(arrays: list[Term], g: Term, axis: int) -> Each:
    axis %= g.rank
    return Each(lambda k: g[(*[slice(None)] * axis, k)])


def _joined(
    names: Names, types: Types, axis: int, shape: str, blocks: list[str]
) -> str:
    """Return the text that writes pieces of a row into a new array one by one."""
    dtype = promote(*types)
    outer = times(lengths(names[0], types[0])[:axis])
    text, offset = f"np.empty({shape}, {np_dtype(dtype)})", "0"
    for name, t, block in zip(names, types, blocks, strict=True):
        piece = as_dtype(name, t, dtype)
        text = call("join", dtype, text, piece, outer, offset, block)
        offset = block if offset == "0" else f"{offset} + {block}"
    return text


def _concatenate_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    axis = attrs.get("axis", 0) % types[0].rank
    sizes = [lengths(n, t) for n, t in zip(names, types, strict=True)]
    total = " + ".join(s[axis] for s in sizes)
    shape = tuple_text([*sizes[0][:axis], total, *sizes[0][axis + 1 :]])
    blocks = [times(s[axis:]) for s in sizes]
    return _joined(names, types, axis, shape, blocks)


def _stack_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    axis = attrs.get("axis", 0) % (types[0].rank + 1)
    sizes = lengths(names[0], types[0])
    shape = tuple_text([*sizes[:axis], str(len(names)), *sizes[axis:]])
    return _joined(names, types, axis, shape, [times(sizes[axis:])] * len(names))


moving("concatenate(*arrays, axis=0)", _concatenated, arrays=_part, sequence=True,
       kernel=_concatenate_kernel)  # fmt: skip
moving("stack(*arrays, axis=0)", _stacked, arrays=_layer, sequence=True,
       kernel=_stack_kernel)  # fmt: skip


# turned around


def _same(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    t = types[0]
    return Array(t.dtype, t.dims) if isinstance(t, Array) else t


def _along(kernel: str, default: Callable[[int], Any]) -> Any:
    """Return the kernel text of an operation that moves items along an axis."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        axis = attrs.get("axis", default(types[0].rank))
        sizes, k, _ = whole(names[0], types[0], axis)
        return call(kernel, types[0].dtype, names[0], *around(sizes, k), *names[1:])

    return text


moving("flip(x, axis=None)", _same, x="g.flip(axis=axis)", callables=dotted("flip"),
       alias=True, kernel=_along("flip3", lambda rank: None))  # fmt: skip
moving("flipud(x)", _same, x="g.flipud()", callables=dotted("flipud"),
       alias=True, kernel=_along("flip3", lambda rank: 0))  # fmt: skip
moving("fliplr(x)", _same, x="g.fliplr()", callables=dotted("fliplr"),
       alias=True, kernel=_along("flip3", lambda rank: 1))  # fmt: skip
moving("roll(x, shift, axis=None)", _same, x="g.roll(-shift, axis=axis)",
       kernel=_along("roll3", lambda rank: None))  # fmt: skip


# repeated


def _repeated(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    (t, _), (_, times_), axis = types, attrs["args"], attrs.get("axis")
    dims, factor = getattr(t, "dims", ()), shapes.dim(times_)
    if axis is None:
        return Array(t.dtype, (multiply(shapes, (*dims, factor)),))
    axis %= t.rank
    return Array(t.dtype, keep(t, axis, length=multiply(shapes, (dims[axis], factor))))


def _repeat(g: Term, x: Term, repeats: Term, axis: Any) -> Term:
    """Give the copies of an item an axis of their own and sum over it."""
    if axis is None:
        return g.reshape(x.size, repeats).sum(axis=(1,)).reshape(*x.shape)
    axis %= x.rank
    split = (*x.shape[: axis + 1], repeats, *x.shape[axis + 1 :])
    return g.reshape(*split).sum(axis=(axis + 1,))


def _repeat_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    (name, count), t = names, types[0]
    sizes, axis, _ = whole(name, t, attrs.get("axis"))
    shape = [f"{s} * {count}" if k == axis else s for k, s in enumerate(sizes)]
    return call(
        "repeat3", t.dtype, name, *around(sizes, axis), count, tuple_text(shape)
    )


moving("repeat(x, repeats, axis=None)", _repeated, x=_repeat, kernel=_repeat_kernel)


def _tiled(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    (t,) = types
    reps, dims = _reps(t, attrs["reps"])
    return Array(t.dtype, tuple(d.scaled(r) for d, r in zip(dims, reps, strict=True)))


def _reps(t: Type, reps: Any) -> tuple[tuple[int, ...], tuple[Dim, ...]]:
    """Return repetitions and lengths for each axis of the result."""
    given = reps if isinstance(reps, tuple) else (reps,)
    dims = getattr(t, "dims", ())
    rank = max(len(given), len(dims))
    ones = (Dim(1),) * (rank - len(dims))
    return (1,) * (rank - len(given)) + given, (*ones, *dims)


def _tile(g: Term, x: Term, reps: Any) -> Term:
    given = reps if isinstance(reps, tuple) else (reps,)
    counts = (1,) * (g.rank - len(given)) + given
    sizes = (*[1] * (g.rank - x.rank), *x.shape)
    split = [part for pair in zip(counts, sizes, strict=True) for part in pair]
    summed = g.reshape(*split).sum(axis=tuple(range(0, 2 * g.rank, 2)))
    return summed.reshape(*x.shape) if g.rank > x.rank else summed


def _tile_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    """Repeat the blocks from each axis on, the last axis first."""
    (name,), (t,) = names, types
    reps, dims = _reps(t, attrs["reps"])
    sizes = ["1"] * (len(dims) - t.rank) + lengths(name, t)
    text, done = name, list(sizes)
    for k in reversed(range(len(sizes))):
        if reps[k] == 1 and (k > 0 or text != name):
            continue
        outer, block = times(sizes[:k]), times(done[k:])
        done[k] = times([sizes[k], str(reps[k])])
        text = call("repeat3", t.dtype, text, outer, "1", block, reps[k],
                    tuple_text(done))  # fmt: skip
    return text


moving("tile(x, reps=())", _tiled, x=_tile, kernel=_tile_kernel)


def _broadcast(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    t, wanted = types[0], [shapes.dim(a) for a in attrs["args"][1:]]
    if t.rank > len(wanted):
        raise ShapeError("input operand has more dimensions than allowed")
    what = "operands could not be broadcast together with remapped shapes"
    met = shapes.broadcast([t, Array(t.dtype, tuple(wanted))])
    pairs = zip(wanted, met, strict=True)
    return Array(t.dtype, tuple(shapes.same(a, b, what) for a, b in pairs))


def _broadcast_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    """Repeat along each axis of length one, then the whole for the leading axes."""
    (name, *wanted), t = names, types[0]
    dims = t.dims if isinstance(t, Array) else ()
    sizes, text = lengths(name, t), name
    lead = len(wanted) - len(dims)
    for k, d in enumerate(dims):
        if d.known == 1 and wanted[lead + k] != "1":
            outer, inner = times(sizes[:k]), times(sizes[k + 1 :])
            sizes[k] = wanted[lead + k]
            text = call("repeat3", t.dtype, text, outer, "1", inner, sizes[k],
                        tuple_text(sizes))  # fmt: skip
    if lead or text == name:
        shape = tuple_text([*wanted[:lead], *sizes])
        text = call("repeat3", t.dtype, text, "1", "1", times(sizes),
                    times(wanted[:lead]), shape)  # fmt: skip
    return text


moving("broadcast_to(x, *shape)", _broadcast, x="g", kernel=_broadcast_kernel,
       spell="np.broadcast_to({x}, {shape})", alias=True)  # fmt: skip


# other shapes


def _reshaped(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    t, wanted = types[0], tuple(shapes.dim(a) for a in attrs["args"][1:])
    before, after = (
        [d.known for d in dims] for dims in (getattr(t, "dims", ()), wanted)
    )
    if None not in before and None not in after:
        sizes = [multiply(shapes, map(Dim, each)) for each in (before, after)]  # type: ignore[arg-type]
        shapes.same(sizes[0], sizes[1], "cannot reshape array of size {} into size {}")
    return Array(t.dtype, wanted) if wanted else Scalar(t.dtype)


def _reshape_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    return call("shaped", types[0].dtype, names[0], tuple_text(names[1:]))


moving("reshape(x, *shape)", _reshaped, x="g.reshape(*x.shape)", alias=True,
       spell="{x}.reshape({*shape})", kernel=_reshape_kernel)  # fmt: skip


def _triangle(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    if types[0].rank < 2:
        raise Unsupported("a triangle needs a matrix")
    return _same(shapes, types, attrs)


def _triangle_kernel(lower: bool) -> Any:
    def text(names: Names, types: Types, attrs: Attrs) -> str:
        sizes = lengths(names[0], types[0])
        return call("triangle", types[0].dtype, names[0], *sizes[-2:],
                    attrs.get("k", 0), lower)  # fmt: skip

    return text


moving("tril(x, k=0)", _triangle, x="g.tril(k=k)", callables=dotted("tril"),
       kernel=_triangle_kernel(True))  # fmt: skip
moving("triu(x, k=0)", _triangle, x="g.triu(k=k)", callables=dotted("triu"),
       kernel=_triangle_kernel(False))  # fmt: skip


def lesser(shapes: Shapes, n: Dim, m: Dim) -> Dim:
    """Return the lesser of two lengths, if there are numbers that tell them."""
    if not all(shapes.available(atom) for d in (n, m) for atom, _ in d.terms):
        return shapes.loose()
    return shapes.dim(shapes.op("min2", shapes.length(n), shapes.length(m)))


def diagonal_dim(shapes: Shapes, t: Array, k: int) -> Dim:
    """Return the length of a diagonal of a matrix."""
    rows, columns = t.dims
    below, right = rows + Dim(min(k, 0)), columns - Dim(max(k, 0))
    difference = (below - right).known
    if difference is not None:
        return right if difference > 0 else below
    return lesser(shapes, below, right)


def _offset(attrs: Attrs) -> int:
    k: int = attrs["k"] if "k" in attrs else attrs.get("offset", 0)
    return k


def _diag(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    (t,) = types
    if isinstance(t, Array) and t.rank == 1:
        side, more = t.dims[0], abs(_offset(attrs))
        side = shapes.summand(side) + Dim(more) if more else side
        return Array(t.dtype, (side, side))
    if not isinstance(t, Array) or t.rank != 2:
        raise Unsupported("a diagonal needs a matrix")
    return Array(t.dtype, (diagonal_dim(shapes, t, _offset(attrs)),))


def _diagonal(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    if types[0].rank != 2:
        raise Unsupported("a diagonal needs a matrix")
    return _diag(shapes, types, attrs)


def _diag_rule(g: Term, x: Term, k: int) -> Term:
    return g.diag(k=k) if x.rank == 1 else g.diagonal_matrix(*x.shape, k=k)


def _diag_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    (name,), k = names, _offset(attrs)
    if types[0].rank == 2:
        return f"rt_diagonal({name}, {k})"
    side = f"{lengths(name, types[0])[0]} + {abs(k)}"
    return f"rt_diagonal_matrix({name}, {side}, {side}, {k})"


def _matrix_of(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    _, n, m = attrs["args"]
    return Array(types[0].dtype, (shapes.dim(n), shapes.dim(m)))


def _matrix_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    return f"rt_diagonal_matrix({', '.join(names)}, {attrs.get('k', 0)})"


moving("diag(x, k=0)", _diag, x=_diag_rule, callables=dotted("diag"),
       alias=True, kernel=_diag_kernel)  # fmt: skip
moving("diagonal(x, offset=0)", _diagonal, x="g.diagonal_matrix(*x.shape, k=offset)",
       callables=dotted("diagonal"), methods=("diagonal",),
       alias=True, kernel=_diag_kernel)  # fmt: skip
moving("diagonal_matrix(v, n, m, k=0)", _matrix_of, v="g.diag(k=k)",
       spell="diagonal_matrix", kernel=_matrix_kernel)  # fmt: skip
