"""Products of vectors and matrices, norms, linear systems, determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from operator import mul
from typing import Any

from srcgrad.ops.decompositions import square
from srcgrad.ops.layout import (
    Term,
    apart,
    as_dtype,
    axes_of,
    call,
    conjugate,
    keep,
    lengths,
    times,
    tuple_text,
)
from srcgrad.ops.reductions import part, real, shared, spread
from srcgrad.ops.table import (
    Attrs,
    Fold,
    ShapeError,
    Shapes,
    Spell,
    Unsupported,
    bilinear,
    dotted,
    linear,
    rule,
)
from srcgrad.types import (
    Array,
    Dim,
    Scalar,
    Type,
    is_complex,
    is_float,
    is_inexact,
    promote,
)

Names = list[str]
Types = Sequence[Type]


def _pair(shapes: Shapes, types: Types, least: int = 1) -> tuple[Array, Array]:
    x, y = types
    if isinstance(x, Array) and isinstance(y, Array) and min(x.rank, y.rank) >= least:
        return x, y
    raise Unsupported("this product needs arrays with enough dimensions")


def _result(dtype: str, dims: Sequence[Dim]) -> Type:
    return Array(dtype, tuple(dims)) if dims else Scalar(dtype)


def _named(name: str) -> Spell:
    """Return how a function is written that NumPy and SciPy have by one name."""
    return lambda types, attrs: (
        f"linalg.{name}" if attrs.get("via") == "linalg" else f"np.linalg.{name}"
    )


# x @ y


def _product(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, y = _pair(shapes, types)
    if promote(x, y) == "bool":
        raise Unsupported("products of boolean arrays are not supported")
    if attrs.get("via") == "dot" and y.rank > 2:
        raise Unsupported("np.dot by an array of rank 3 is not supported: use @")
    what = "matmul: the inner dimensions {} and {} differ"
    shapes.same(x.dims[-1], y.dims[max(y.rank - 2, 0)], what)
    batch = shapes.broadcast(
        [Array(t.dtype, t.dims[:-2]) for t in (x, y) if t.rank > 2]
    )
    rows = x.dims[-2:-1] if x.rank > 1 else ()
    columns = y.dims[-1:] if y.rank > 1 else ()
    return _result(promote(x, y), (*batch, *rows, *columns))


def _column(t: Term) -> Term:
    """Return vectors as matrices of one column."""
    return t[(*[slice(None)] * t.rank, None)]


def _row(t: Term) -> Term:
    """Return vectors as matrices of one row."""
    return t[(*[slice(None)] * (t.rank - 1), None, slice(None))]


def _vectors(t: Term) -> Term:
    """Return matrices of one column as vectors."""
    return t[(*[slice(None)] * (t.rank - 1), 0)]


def _first_row(t: Term) -> Term:
    """Return matrices of one row as vectors."""
    return t[(*[slice(None)] * (t.rank - 2), 0, slice(None))]


def _product_left(g: Term, x: Term, y: Term) -> Term:
    """`g @ y.T`; an outer product if `y` is a vector."""
    if y.rank == 1:
        return g * y if x.rank == 1 else _column(g) * y
    if x.rank == 1:
        return y @ g if y.rank == 2 else _vectors(y @ _column(g))
    return g @ y.mT


def _product_right(g: Term, x: Term, y: Term) -> Term:
    """`x.T @ g`; an outer product if `x` is a vector."""
    if x.rank == 1:
        return x * g if y.rank == 1 else _column(x) * _row(g)
    if y.rank == 1:
        return x.T @ g if x.rank == 2 else _vectors(x.mT @ _column(g))
    if x.rank > 2 and y.rank == 2:
        rows = reduce(mul, x.shape[:-1])
        return x.reshape(rows, x.shape[-1]).T @ g.reshape(rows, g.shape[-1])
    return x.mT @ g


def _in_order(name: str, t: Type) -> str:
    """Return the text of an operand that must lie in C order."""
    plain = not isinstance(t, Array) or t.contiguous
    return name if plain else f"np.ascontiguousarray({name})"


def _product_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = promote(*types)
    if is_inexact(dtype) and all(t.dtype == dtype and t.rank < 3 for t in types):
        return f"rt_matmul({', '.join(names)})"
    pairs = zip(names, types, strict=True)
    x, y = (as_dtype(_in_order(n, t), t, dtype) for n, t in pairs)
    if types[0].rank > 2 and types[1].rank == 2 and is_inexact(dtype):
        y = names[1] if types[1].dtype == dtype else y
        return f"rt_matmul_rows({x}, {y})"
    if max(t.rank for t in types) > 2:
        return _batched([x, y], names, types, dtype)
    if is_inexact(dtype):
        return f"rt_matmul({x}, {y})"
    rows = lengths(names[0], types[0])[:-1]
    columns = lengths(names[1], types[1])[1:]
    shape = tuple_text([*rows, *columns]) if rows or columns else "(1,)"
    text = f"rt_matmul_ints({x}, {times(rows)}, {y}, {times(columns)}, {shape})"
    return text if rows or columns else f"{text}[0]"


def _batched(given: Names, names: Names, types: Types, dtype: str) -> str:
    """Return the text of products of stacks, of up to two outer axes each."""
    if not is_inexact(dtype) or max(t.rank for t in types) > 4:
        raise NotImplementedError("stacks of matrices: floats of rank 4 at most")
    sizes = [lengths(n, t) for n, t in zip(names, types, strict=True)]
    left = sizes[0] if types[0].rank > 1 else ["1", *sizes[0]]
    right = sizes[1] if types[1].rank > 1 else [*sizes[1], "1"]
    outer = [["1"] * (4 - len(s)) + s[:-2] for s in (left, right)]
    rank = max(len(left), len(right)) - 2
    batch = [a if b == "1" else b for a, b in zip(*outer, strict=True)][2 - rank :]
    rows = left[-2:-1] if types[0].rank > 1 else []
    columns = right[-1:] if types[1].rank > 1 else []
    shape = tuple_text([*batch, *rows, *columns])
    inner = (left[-2], left[-1], right[-1])
    return call(
        "matmuln", dtype, given[0], *outer[0], given[1], *outer[1], *inner, shape
    )


def _product_fold(types: Types, attrs: Attrs) -> Fold | None:
    """Write products with a vector as loops; those of matrices are BLAS's."""
    ranks = types[0].rank, types[1].rank
    axes = {(1, 1): "a,a->", (2, 1): "ab,b->a", (1, 2): "a,ab->b"}.get(ranks)
    step = "plus" if is_inexact(promote(*types)) else "add"
    return Fold(axes, "mul", step) if axes else None


bilinear("x @ y", _product, name="matmul", x=_product_left, y=_product_right,
         callables=dotted("matmul dot"), kernel=_product_kernel, transposed=True,
         fold=_product_fold, cost=10, of_complex=True)  # fmt: skip


# other products


def _inner(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, y = _pair(shapes, types)
    if max(x.rank, y.rank) > 2:
        raise Unsupported("np.inner is supported up to rank 2")
    shapes.same(x.dims[-1], y.dims[-1], "inner: the last dimensions {} and {} differ")
    return _result(promote(x, y), (*x.dims[:-1], *y.dims[:-1]))


def _inner_left(g: Term, x: Term, y: Term) -> Term:
    if y.rank == 1:
        return g * y if x.rank == 1 else g[:, None] * y
    return g @ y


def _inner_right(g: Term, x: Term, y: Term) -> Term:
    if x.rank == 1:
        return x * g if y.rank == 1 else g[:, None] * x
    return x.T @ g if y.rank == 1 else g.T @ x


def _inner_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    (x, y), (a, b) = names, types
    if b.rank == 1:
        return _product_kernel([x, y], [a, b], attrs)
    dtype = promote(a, b)
    if is_inexact(dtype):
        return f"rt_matmul({as_dtype(x, a, dtype)}, {as_dtype(y, b, dtype)}.T)"
    rows, (columns, k) = lengths(x, a)[:-1], lengths(y, b)
    turned = call("swap4", b.dtype, y, "1", columns, k, "1")
    shape = tuple_text([*rows, columns])
    return f"rt_matmul_ints({x}, {times(rows)}, {turned}, {columns}, {shape})"


bilinear("inner(x, y)", _inner, x=_inner_left, y=_inner_right, kernel=_inner_kernel,
         callables=dotted("inner"), cost=10, of_complex=True)  # fmt: skip


def _outer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, y = _pair(shapes, types)
    if max(x.rank, y.rank) > 1:
        raise Unsupported("np.outer is supported for vectors")
    return Array(promote(x, y), (x.dims[0], y.dims[0]))


def _outer_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = promote(*types)
    x, y = (as_dtype(n, t, dtype) for n, t in zip(names, types, strict=True))
    return call("outer", dtype, x, y)


bilinear("outer(x, y)", _outer, x="g @ y", y="g.T @ x", kernel=_outer_kernel,
         fold=lambda types, attrs: Fold("a,b->ab", "mul"),
         callables=dotted("outer"), cost=3, of_complex=True)  # fmt: skip


def _vdot(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, y = _pair(shapes, types)
    if x.rank != y.rank:
        raise Unsupported("np.vdot is supported for arrays of one shape")
    for a, b in zip(x.dims, y.dims, strict=True):
        shapes.same(a, b, "vdot: the dimensions {} and {} differ")
    return Scalar(promote(x, y))


def _vdot_left(g: Term, x: Term, y: Term) -> Term:
    """The first is conjugated, and so is what moves it."""
    return (g * y).conj() if is_complex(x.type) else g * y


def _vdot_right(g: Term, x: Term) -> Term:
    return g * conjugate(x)


def _vdot_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    flat = [f"{n}.reshape({n}.size)" if t.rank > 1 else n
            for n, t in zip(names, types, strict=True)]  # fmt: skip
    flat[0] = f"np.conj({flat[0]})" if is_complex(types[0]) else flat[0]
    vectors = [Array(t.dtype, (Dim(0),)) for t in types]
    return _product_kernel(flat, vectors, attrs)


bilinear("vdot(x, y)", _vdot, x=_vdot_left, y=_vdot_right, kernel=_vdot_kernel,
         cost=3, of_complex=True, conjugates=frozenset({"x"}))  # fmt: skip


def _vectors_product(name: str, row: bool, column: bool) -> None:
    """Enter a product of stacks, of vectors in front, conjugated, or behind."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        x, y = _pair(shapes, types)
        if (x.rank < 2 and not row) or (y.rank < 2 and not column):
            raise ShapeError(f"{name}: an operand does not have enough dimensions")
        left = Array(x.dtype, (*x.dims[:-1], Dim(1), x.dims[-1])) if row else x
        right = Array(y.dtype, (*y.dims, Dim(1))) if column else y
        t = _product(shapes, [left, right], {})
        *batch, m, n = t.dims if isinstance(t, Array) else ()
        return _result(t.dtype, (*batch, *[m] * (not row), *[n] * (not column)))

    def whole(x: Term, y: Term) -> tuple[Term, Term]:
        return _row(conjugate(x)) if row else x, _column(y) if column else y

    def of_whole(g: Term) -> Term:
        g = _column(g) if column else g
        return _row(g) if row else g

    def left(g: Term, x: Term, y: Term) -> Term:
        slope = of_whole(g) @ whole(x, y)[1].mT
        return conjugate(_first_row(slope)) if row else slope

    def right(g: Term, x: Term, y: Term) -> Term:
        slope = whole(x, y)[0].mT @ of_whole(g)
        return _vectors(slope) if column else slope

    def meaning(x: Term, y: Term) -> Term:
        first, other = whole(x, y)
        out = _first_row(first @ other) if row else first @ other
        return (_vectors(out) if column else out).copy()

    bilinear(f"{name}(x, y)", infer, x=left, y=right, meaning=meaning, cost=10,
             of_complex=True, conjugates=frozenset("x" * row))  # fmt: skip


_vectors_product("matvec", row=False, column=True)
_vectors_product("vecmat", row=True, column=False)
_vectors_product("vecdot", row=True, column=True)


# norms and traces


def _trace(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    (t,) = types
    if t.rank != 2:
        raise Unsupported("np.trace is supported for matrices")
    return Scalar(t.dtype if is_float(t) else "int64")


def _trace_rule(g: Term, x: Term, offset: int) -> Term:
    n, m = x.shape
    same = n.const is not None and n.const == m.const
    return g * (n.eye(k=offset, dtype=x.dtype) if same else
                n.eye(m, k=offset, dtype=x.dtype))  # fmt: skip


def _trace_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = types[0].dtype if is_float(types[0]) else "int64"
    return call(
        "trace", dtype, as_dtype(names[0], types[0], dtype), attrs.get("offset", 0)
    )


linear("trace(x, offset=0)", _trace, x=_trace_rule, kernel=_trace_kernel,
       callables=dotted("trace"), methods=("trace",), of_complex=True)  # fmt: skip


def _order(t: Type, order: Any, axis: Any) -> float:
    """Return 1, 2 or inf for the norm meant; 2 is Frobenius' for matrices."""
    axes = axes_of(axis, t.rank)
    if order is None or (order == "fro" and len(axes) == 2):
        return 2
    if len(axes) == 1 and order in (1, 2, math.inf):
        return float(order)
    raise Unsupported(f"the norm with ord={order!r} over {len(axes)} axes")


def _norm(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    (t,) = types
    axis = attrs.get("axis")
    if isinstance(axis, tuple) and len(axis) > 2:
        raise ShapeError("Improper number of dimensions to norm.")
    _order(t, attrs.get("ord"), axis)
    return _result(part(t.dtype), keep(t, axis, bool(attrs.get("keepdims"))))


def _norm_rule(g: Term, x: Term, z: Term, ord: Any, axis: Any, keepdims: bool) -> Term:
    """Where the norm is 0 so is x, so dividing by 1 there gives 0."""
    order = _order_of(x, ord, axis)
    if order == 2:
        return conjugate(x) * spread(g / (z == 0).where(1.0, z), axis, keepdims)
    size = x.absolute()
    signs = x.conj() / (size == 0).where(1.0, size) if is_complex(x.type) else x.sign()
    if order == 1:
        return signs * spread(g, axis, keepdims)
    best = size == spread(z, axis, keepdims)
    return signs * shared(g, best, size, axis, keepdims)


def _order_of(x: Term, order: Any, axis: Any) -> float:
    return _order(Array(x.dtype, (Dim(0),) * x.rank), order, axis)


def _norm_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    (t,), axis, dtype = types, attrs.get("axis"), part(types[0].dtype)
    order = _order(t, attrs.get("ord"), axis)
    kernel, extra = ("norm_inf", []) if order == math.inf else ("norm", [int(order)])
    name = f"np.abs({names[0]})" if is_complex(t) else as_dtype(names[0], t, dtype)
    return apart(
        name, Array(dtype, getattr(t, "dims", ())), axis, bool(attrs.get("keepdims")),
        lambda x: call(f"{kernel}1", dtype, x, *extra),
        lambda x, *rest: call(f"{kernel}3", dtype, x, *rest, *extra),
    )  # fmt: skip


rule("norm(x, ord=None, axis=None, keepdims=False)", _norm, x=_norm_rule,
     spell=_named("norm"), kernel=_norm_kernel, cost=3,
     callables=dotted("norm", "numpy.linalg"), many_axes=True,
     of_complex=True)  # fmt: skip


# linear systems


def _solved(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    a, b = square(shapes, types[0]), types[1]
    if not isinstance(b, Array) or (b.rank == 1 and a.rank > 2):
        raise Unsupported("the right side must be a vector or a matrix")
    rows = b.dims[-2 if b.rank > 1 else 0]
    shapes.same(a.dims[-1], rows, "solve: the dimensions {} and {} differ")
    stacks = [Array(t.dtype, t.dims[:-2]) for t in (a, b) if t.rank > 2]
    batch = shapes.broadcast(stacks) if stacks else ()
    return Array(real(promote(a, b)), (*batch, *b.dims[-2:]))


def _solve_left(a: Term, b: Term, g: Term, z: Term) -> Term:
    back = a.mT.solve(g)
    return -(back[:, None] * z if z.rank == 1 else back @ z.mT)


def _on_floats(kernel: str) -> Any:
    """Return the kernel text of an operation on matrices of floats."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        dtype = real(promote(*types))
        given = [as_dtype(n, t, dtype) for n, t in zip(names, types, strict=True)]
        if max(t.rank for t in types) > 2:
            return _stacks(kernel, given, names, types, dtype)
        rank = types[-1].rank if kernel == "solve" else ""
        return call(f"{kernel}{rank}", dtype, *given)

    return text


def _stacks(kernel: str, given: Names, names: Names, types: Types, dtype: str) -> str:
    """Return the kernel text of systems in stacks, of up to two outer axes each."""
    if max(t.rank for t in types) > 4:
        raise NotImplementedError("stacks of matrices: floats of rank 4 at most")
    sizes = [lengths(n, t) for n, t in zip(names, types, strict=True)]
    if kernel == "inv":
        *outer, n, _ = sizes[0]
        return call("invn", dtype, given[0], times(outer), n, tuple_text(sizes[0]))
    fronts = [["1"] * (4 - len(s)) + s[:-2] for s in sizes]
    rank = max(t.rank for t in types) - 2
    batch = [a if b == "1" else b for a, b in zip(*fronts, strict=True)][2 - rank :]
    n, columns = sizes[1][-2:]
    shape = tuple_text([*batch, n, columns])
    return call("solven", dtype, given[0], *fronts[0], given[1], *fronts[1], n, columns,
                shape)  # fmt: skip


rule("solve(a, b)", _solved, a=_solve_left, b="a.mT.solve(g)", spell=_named("solve"),
     kernel=_on_floats("solve"), callables=dotted("solve", "numpy.linalg"),
     cost=30, of_complex=True)  # fmt: skip


def _inverse(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    a = square(shapes, types[0])
    return Array(real(a.dtype), a.dims)


def _matrix(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    if types[0].rank > 2:
        raise Unsupported("stacks of matrices are not supported here")
    return _inverse(shapes, types, attrs)


def _number(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Scalar(_matrix(shapes, types, attrs).dtype)


rule("inv(a)", _inverse, a="-(z.mT @ g @ z.mT)", spell=_named("inv"), cost=30,
     kernel=_on_floats("inv"), callables=dotted("inv", "numpy.linalg"),
     of_complex=True)  # fmt: skip
rule("det(a)", _number, a="g * cofactor(a)", spell=_named("det"), cost=30,
     kernel=_on_floats("det"), callables=dotted("det", "numpy.linalg"),
     of_complex=True)  # fmt: skip
rule("cofactor(a)", _matrix, a="a.cofactor_slope(g)", spell="cofactor", cost=30,
     kernel=_on_floats("cofactor"), domain=(0.3, 1.7), of_complex=True)  # fmt: skip


def _third(a: Term, b: Term, g: Term, z: Term) -> Term:
    """Return the third derivative of det; the one that is infinite where det is 0.

    With C the cofactors, `(g * z).sum()` is `(b*C).sum() * (g*C).sum()` less
    `(g * (C @ b.T @ C)).sum()`, over det; C is differentiated by `cofactor_slope`.
    """
    c = a.cofactor()
    left, right = (b * c).sum(), (g * c).sum()
    inside = left * g + right * b - (g @ c.T @ b + b @ c.T @ g)
    return (a.cofactor_slope(inside) - (g * z).sum() * c) / a.det()


rule("cofactor_slope(a, b)", _matrix, a=_third, b="a.cofactor_slope(g)",
     spell="cofactor_slope", cost=30, kernel=_on_floats("cofactor_slope"),
     of_complex=True)  # fmt: skip
