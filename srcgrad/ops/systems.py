"""Pseudo-inverses, least squares, triangular systems, exponentials, long products."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from srcgrad.ops.decompositions import (
    Names,
    Types,
    dagger,
    least,
    read,
    square,
    stack,
    stacked,
)
from srcgrad.ops.layout import Each, Term, as_dtype, call, conjugate
from srcgrad.ops.reductions import part, real
from srcgrad.ops.table import (
    Attrs,
    Infer,
    Kernel,
    Shapes,
    Unsupported,
    as_array,
    constant,
    np_dtype,
    rule,
)
from srcgrad.types import Array, Scalar, Type, promote

EPSILON = 2.220446049250313e-16


def _inverse_like(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    t = stack(types[0])
    *outer, m, n = t.dims
    return Array(real(t.dtype), (*outer, n, m))


def _squared(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    t = square(shapes, types[0])
    return Array(real(t.dtype), t.dims)


def _number(dtype: Callable[[str], str]) -> Infer:
    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        t = square(shapes, types[0])
        return as_array(t, dtype(t.dtype), t.dims[:-2])

    return infer


# pseudo-inverses and least squares


def _pinv_rule(a: Term, g: Term, z: Term, hermitian: bool) -> Term:
    """By Golub and Pereyra; right while the rank stays what it is."""
    x = a.tril(k=0) + dagger(a.tril(k=-1)) if hermitian else a
    slope, back = g.mT, dagger(z)
    out = (slope - x @ (z @ slope)) @ z @ back
    out = conjugate(out + back @ z @ (slope - (slope @ z) @ x))
    out = out - z.mT @ g @ z.mT
    return read(out) if hermitian else out


rule("pinv(a, rcond, hermitian=False)", _inverse_like, a=_pinv_rule, cost=90,
     spell="np.linalg.pinv({a}, {rcond}{keywords})",
     kernel=stacked("pinv", lambda m, n, attrs: [n, m],
                    lambda names, attrs: names[1],
                    lambda names, attrs: bool(attrs.get("hermitian"))),
     of_complex=True)  # fmt: skip


def _least_squares(shapes: Shapes, types: Types, attrs: Attrs) -> Array:
    """Return the type of the right sides, one a column, in the dtype of the result."""
    a, b = stack(types[0]), stack(types[1])
    if a.rank != 2 or b.rank != 2:
        raise Unsupported("least squares take one matrix here")
    shapes.same(a.dims[0], b.dims[0], "Incompatible dimensions")
    return Array(real(promote(a, b)), b.dims)


def _lstsq(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    a, b = stack(types[0]), _least_squares(shapes, types, attrs)
    return Array(b.dtype, (a.dims[1], b.dims[1]))


def _lstsq_values(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    a, b = stack(types[0]), _least_squares(shapes, types, attrs)
    return Array(part(b.dtype), (least(shapes, a),))


def _lstsq_residuals(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    b = _least_squares(shapes, types, attrs)
    return Array(part(b.dtype), b.dims[1:])


def _lstsq_kernel(kernel: str) -> Kernel:
    def text(names: Names, types: Types, attrs: Attrs) -> str:
        pairs, dtype = zip(names[:2], types[:2], strict=True), real(promote(*types[:2]))
        wide = "complex128" if dtype.startswith("complex") else "float64"
        a, b = (as_dtype(n, t, wide) for n, t in pairs)
        made = call(kernel, wide, a, b, names[2])
        if kernel == "lstsq_rank":
            return f"np.int32({made})"
        if kernel != "lstsq_solution" and wide == "complex128":
            made, dtype = f"np.ascontiguousarray({made}.real)", part(dtype)
        single = dtype in ("float32", "complex64")
        return f"rt_as_dtype({made}, {np_dtype(dtype)})" if single else made

    return text


def _lstsq_a(a: Term, b: Term, rcond: Term, g: Term) -> Term:
    """The solution is `pinv(a) @ b`, so that is where the matrix is differentiated."""
    z = a.pinv(rcond.maximum(EPSILON))
    return _pinv_rule(a, g @ b.mT, z, False)


rule("lstsq(a, b, rcond)", _lstsq, a=_lstsq_a, cost=90,
     b="a.pinv(rcond.maximum(2.220446049250313e-16)).mT @ g",
     spell="np.linalg.lstsq({a}, {b}, {rcond})[0]",
     kernel=_lstsq_kernel("lstsq_solution"), of_complex=True)  # fmt: skip


def _residuals_b(a: Term, b: Term, rcond: Term, g: Term) -> Term:
    return 2.0 * g * conjugate(b - a @ a.lstsq(b, rcond))


def _residuals_a(a: Term, b: Term, rcond: Term, g: Term) -> Term:
    return -(_residuals_b(a, b, rcond, g) @ a.lstsq(b, rcond).mT)


def _values_a(a: Term, g: Term) -> Term:
    p = a.svd_parts()
    return conjugate(a.svd_u(p, inside=True) * g @ a.svd_vh(p, inside=True))


rule("lstsq_residuals(a, b, rcond)", _lstsq_residuals, a=_residuals_a, cost=90,
     b=_residuals_b, spell="lstsq_residuals",
     kernel=_lstsq_kernel("lstsq_residuals"), of_complex=True)  # fmt: skip
rule("lstsq_values(a, b, rcond)", _lstsq_values, a=_values_a, cost=90,
     spell="np.linalg.lstsq({a}, {b}, {rcond})[3]",
     kernel=_lstsq_kernel("lstsq_values"), of_complex=True)  # fmt: skip
constant("lstsq_rank(a, b, rcond)", lambda shapes, types, attrs: Scalar("int32"),
         spell="np.linalg.lstsq({a}, {b}, {rcond})[2]", cost=90,
         kernel=_lstsq_kernel("lstsq_rank"), of_complex=True)  # fmt: skip


# the logarithm of a determinant


def _logdet_rule(a: Term, g: Term) -> Term:
    factor = g[(*[slice(None)] * g.rank, None, None)] if g.rank else g
    return a.inv().mT * factor


def _phase_rule(a: Term, g: Term, z: Term) -> Term:
    """It turns as the imaginary part of the logarithm moves."""
    return _logdet_rule(a, (g * z).imag()) * 1j


_SIGN = stacked("logdet", lambda m, n, attrs: [], lambda names, attrs: True)
constant("slogdet_sign(a)", _number(real), spell="np.linalg.slogdet({a})[0]", cost=30,
         kernel=_SIGN)  # fmt: skip
rule("slogdet_phase(a)", _number(real), a=_phase_rule, cost=30, kernel=_SIGN,
     spell="np.linalg.slogdet({a})[0]", of_complex=True)  # fmt: skip
rule("logdet(a)", _number(part), a=_logdet_rule, spell="np.linalg.slogdet({a})[1]",
     kernel=stacked("logdet", lambda m, n, attrs: [], lambda names, attrs: False,
                    dtype=part), cost=30, of_complex=True)  # fmt: skip


# triangular systems; a triangle is read, and what is beside it is not


def _triangular(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    a, b = types
    if a.rank != 2 or not isinstance(b, Array) or b.rank not in (1, 2):
        raise Unsupported("stacks of triangular systems are not supported here")
    n = square(shapes, a).dims[0]
    shapes.same(n, b.dims[0], "shapes of a and b are incompatible")
    return Array(real(promote(a, b)), b.dims)


def _matrix(x: Term) -> Term:
    """Return a vector as a matrix of one column."""
    return x if x.rank == 2 else x[:, None]


def _triangle(x: Term, lower: bool, unit: bool = False) -> Term:
    return x.tril(k=-int(unit)) if lower else x.triu(k=int(unit))


def _triangular_a(
    a: Term, g: Term, z: Term, trans: int, lower: bool, unit_diagonal: bool
) -> Term:
    keys = {"lower": lower, "unit_diagonal": unit_diagonal}
    if trans == 2:
        a = conjugate(a)
        return conjugate(_triangular_a(a, g, z, 1, lower, unit_diagonal))
    back = _matrix(a.solve_triangular(g, trans=1 - trans, **keys))
    x = _matrix(z)
    slope = x @ back.mT if trans else back @ x.mT
    return -_triangle(slope, lower, unit_diagonal)


def _triangular_b(
    a: Term, g: Term, trans: int, lower: bool, unit_diagonal: bool
) -> Term:
    a, other = (conjugate(a), 0) if trans == 2 else (a, 1 - trans)
    return a.solve_triangular(g, trans=other, lower=lower, unit_diagonal=unit_diagonal)


def _triangular_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = real(promote(*types))
    a, b = (as_dtype(n, t, dtype) for n, t in zip(names, types, strict=True))
    given = f"{b}.reshape(({b}.size, 1))" if types[1].rank == 1 else b
    how = [bool(attrs.get(k)) for k in ("trans", "lower", "unit_diagonal")]
    a = f"np.conj({a})" if attrs.get("trans") == 2 else a
    made = call("solve_triangular", dtype, a, given, *how)
    return f"{made}.reshape({names[1]}.size)" if types[1].rank == 1 else made


rule("solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False)", _triangular,
     a=_triangular_a, b=_triangular_b, spell="linalg.solve_triangular", cost=20,
     kernel=_triangular_kernel, of_complex=True)  # fmt: skip


def _cho_solve_c(c: Term, g: Term, z: Term, lower: bool) -> Term:
    slope = _matrix(_cho_solve_b(c, g, lower)) @ _matrix(z).mT
    both, factor = slope + dagger(slope), conjugate(_triangle(c, lower))
    return -_triangle(both @ factor if lower else factor @ both, lower)


def _cho_solve_b(c: Term, g: Term, lower: bool) -> Term:
    return conjugate(c.cho_solve(conjugate(g), lower=lower))


def _cho_solved(c: Term, b: Term, lower: bool) -> Term:
    """Solve with a factor and with its transpose, the lower one first."""
    first, last = (c, conjugate(c)) if lower else (conjugate(c), c)
    half = first.solve_triangular(b, trans=int(not lower), lower=lower)
    return last.solve_triangular(half, trans=int(lower), lower=lower)


rule("cho_solve(c, b, lower=False)", _triangular, c=_cho_solve_c, cost=30,
     b=_cho_solve_b, meaning=_cho_solved, of_complex=True,
     spell="linalg.cho_solve(({c}, {lower}), {b})")  # fmt: skip


# exponentials


def _exponential(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    a = square(shapes, types[0])
    if a.rank > 2:
        raise Unsupported("stacks of exponentials are not supported", "write a loop")
    return Array(real(promote(*types)), a.dims)


def _curvature(a: Term, b: Term, g: Term) -> Term:
    """The slope along `b` is a block of the exponential of twice the size.

    Higham, Functions of matrices (2008), theorem 3.16 (Mathias 1996).
    """
    n, zero = a.shape[0], a * 0.0
    low = zero.concatenate(a, axis=1)
    whole = a.concatenate(b, axis=1).concatenate(low, axis=0)
    right = zero.concatenate(g, axis=1)
    slope = right.concatenate(zero.concatenate(zero, axis=1), axis=0)
    back = whole.T.expm_slope(slope)
    out: Term = back[:n, :n] + back[n:, n:]
    return out


def _slope_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype, pairs = real(promote(*types)), zip(names, types, strict=True)
    wide = "complex128" if dtype.startswith("complex") else "float64"
    made = call("expm_slope", wide, *(as_dtype(n, t, wide) for n, t in pairs))
    return made if dtype == wide else f"rt_as_dtype({made}, {np_dtype(dtype)})"


rule("expm(a)", _exponential, a="a.T.expm_slope(g)", spell="linalg.expm", cost=90,
     kernel=stacked("expm", lambda m, n, attrs: [m, n]), of_complex=True)  # fmt: skip
rule("expm_slope(a, b)", _exponential, a=_curvature, b="a.T.expm_slope(g)", cost=90,
     spell="expm_slope", kernel=_slope_kernel, of_complex=True)  # fmt: skip


# products of several matrices, in the order that NumPy finds cheapest


def _chain(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    arrays: Sequence[Array] = [stack(t) for t in types]
    if any(t.rank > 2 for t in arrays):
        raise Unsupported("`multi_dot` takes vectors and matrices")
    for x, y in itertools.pairwise(arrays):
        shapes.same(x.dims[1], y.dims[0], "multi_dot: the dimensions {} and {} differ")
    return Array(promote(*arrays), (arrays[0].dims[0], arrays[-1].dims[1]))


def _chain_rule(arrays: list[Term], g: Term) -> Each:
    def make(k: int) -> Term:
        before = [x.mT for x in reversed(arrays[:k])]
        after = [x.mT for x in reversed(arrays[k + 1 :])]
        factors: list[Term] = [*before, g, *after]
        return factors[0].multi_dot(*factors[1:])

    return Each(make)


def _chained(arrays: list[Term]) -> Term:
    """Multiply from the end where there a vector stands, else from the start."""
    last = arrays[-1].type.dims[-1].known == 1
    first, *rest = arrays[::-1] if last else arrays
    for x in rest:
        first = x @ first if last else first @ x
    return first


rule("multi_dot(*arrays)", _chain, arrays=_chain_rule, meaning=_chained, cost=60,
     spell="np.linalg.multi_dot", sequence=True, of_complex=True)  # fmt: skip
