"""Decompositions of matrices, and of stacks of them.

NumPy decomposes once: `eigh_parts` and its like return all parts of a decomposition in
one array, and a row for each part takes it from there. Such a row has the matrix as an
operand too, and the derivative is that of the part as a function of the matrix.

Formulas: Giles, Collected matrix derivative results (2008); Townsend, Differentiating
the singular value decomposition (2016); Seeger et al., Auto-differentiating linear
algebra (2017); Walter and Lehmann, On evaluating higher-order derivatives of the QR
decomposition (2010); Golub and Pereyra, The differentiation of pseudo-inverses (1973).
Vectors that belong to equal eigenvalues or singular values have no derivative: it is
nan. The values have one all the same.

Vectors of complex matrices are known up to phases, which LAPACK chooses. What depends
on them has a nan for its derivative, or is refused; vectors that a rule takes
(`inside`) stand where phases cancel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.ops.layout import (
    Term,
    as_dtype,
    call,
    conjugate,
    lengths,
    np_dtype,
    times,
    tuple_text,
)
from srcgrad.ops.reductions import part, real
from srcgrad.ops.shaping import lesser
from srcgrad.ops.table import (
    Attrs,
    Infer,
    Kernel,
    Shapes,
    Spell,
    Unsupported,
    constant,
    rule,
)
from srcgrad.types import Array, Dim, Type, is_complex

Names = list[str]
Types = Sequence[Type]
Lengths = Callable[[str, str, Attrs], list[str]]
More = Callable[[Names, Attrs], object]


# types and kernels


def stack(t: Type) -> Array:
    """Return the type of a stack of matrices."""
    if not isinstance(t, Array) or t.rank < 2:
        raise Unsupported("a matrix is needed, or a stack of them")
    return t


def square(shapes: Shapes, t: Type) -> Array:
    """Return the type of a stack of square matrices."""
    found = stack(t)
    what = "Last 2 dimensions of the array must be square"
    shapes.same(found.dims[-2], found.dims[-1], what)
    return found


def least(shapes: Shapes, t: Array) -> Dim:
    """Return the lesser of the lengths of a matrix."""
    m, n = t.dims[-2:]
    if m == n:
        return m
    if m.known is not None and n.known is not None:
        return min(m, n)
    return lesser(shapes, m, n)


def _typed(
    dims: Callable[[Shapes, Array, Attrs], tuple[Dim, ...]],
    dtype: Callable[[str], str] = real,
) -> Infer:
    """Return the type rule of what has other last axes than the matrix."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        t = stack(types[0])
        return Array(dtype(t.dtype), (*t.dims[:-2], *dims(shapes, t, attrs)))

    return infer


def _squared(rows: int, columns: int, dtype: Callable[[str], str] = real) -> Infer:
    """Return the type rule of so many more rows and of columns, of a square matrix."""

    def dims(shapes: Shapes, t: Array, attrs: Attrs) -> tuple[Dim, ...]:
        n = square(shapes, t).dims[-1]
        whole = shapes.summand(n) + Dim(rows) if rows else n
        return (whole, n)[:columns]

    return _typed(dims, dtype)


def stacked(
    kernel: str, result: Lengths, *more: More, dtype: Callable[[str], str] = real
) -> Kernel:
    """Return the kernel text of what is done to each matrix of a stack.

    `result` gives the last lengths of the result from those of the matrix, `dtype` its
    dtype, `more` what the kernel is handed besides. All is computed in double
    precision, as NumPy does.
    """

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        t, out = types[0], dtype(types[0].dtype)
        wide = "complex128" if real(t.dtype).startswith("complex") else "float64"
        *outer, m, n = lengths(names[0], t)
        flat = f"{as_dtype(names[0], t, wide)}.reshape({times(outer)}, {m}, {n})"
        made = call(kernel, wide, flat, *(of(names, attrs) for of in more))
        if wide == "complex128" and out.startswith("float"):
            made = f"np.ascontiguousarray({made}.real)"
        shape = [*outer, *result(m, n, attrs)]
        made = f"{made}.reshape({tuple_text(shape)})" if shape else f"{made}[0]"
        if out in ("float64", "complex128"):
            return made
        single = np_dtype(out)
        return f"rt_as_dtype({made}, {single})" if shape else f"{single}({made})"

    return text


def _part(
    rows: str, columns: str = ":", turned: bool = False, values: bool = False
) -> Kernel:
    """Return the kernel text of a part of a decomposition; real ones if `values`."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        *outer, m, n = lengths(names[0], types[0])
        place = f"{rows}, {columns}".format(m=m, n=n)
        front = "".join(":, " for _ in outer)
        part = f"{names[1]}[{front}{place}]"
        if (values and is_complex(types[1])) or attrs.get("real"):
            part += ".real"
        if turned:
            part += f".transpose({(*range(len(outer)), len(outer) + 1, len(outer))})"
        return f"np.ascontiguousarray({part})" if turned else f"{part}.copy()"

    return text


def _taken(
    rows: str, columns: str = "", turned: bool = False, values: bool = False
) -> Spell:
    """Return how a part of a decomposition is written; `columns` if it is a full one.

    `{m}` and `{n}` are the lengths of the matrix. `values` are real.
    """

    def spell(types: Types, attrs: Attrs) -> str:
        one = types[0].rank == 2
        part = rows if not attrs.get("full") or not columns else f"{rows}, {columns}"
        front = "" if one else "..., "
        if not one and part == rows:
            part += ", :"
        for name, axis in (("{m}", 0 if one else -2), ("{n}", 1 if one else -1)):
            part = part.replace(name, f"{{a}}.shape[{axis}]")
        end = (".T" if one else ".mT") * turned
        end += ".real" * bool((values and is_complex(types[1])) or attrs.get("real"))
        return f"{{p}}[{front}{part}]{end}.copy()"

    return spell


# what rules compute with


def _scaled(x: Term, s: Term) -> Term:
    """Multiply the columns of matrices."""
    return x * s[(*[slice(None)] * (s.rank - 1), None, slice(None))]


def _differences(s: Term) -> Term:
    """Return what each number of a row has more than each other."""
    every = [slice(None)] * (s.rank - 1)
    return s[(*every, None, slice(None))] - s[(*every, slice(None), None)]


def _reciprocals(d: Term, s: Term) -> Term:
    """Return 1 / d, but 0 on the diagonal; where d is 0 elsewhere it is nan."""
    whole = d + s.shape[-1].eye(dtype=s.dtype)
    return d / whole / whole


def dagger(x: Term) -> Term:
    """Return transposed matrices, conjugated if they are complex."""
    return conjugate(x.mT)


def read(x: Term, upper: bool = False) -> Term:
    """Return what a triangle gets of a Hermitian matrix that only it is read of.

    Of numbers on the diagonal the real parts are read.
    """
    x = (x + dagger(x)) * 0.5 if is_complex(x.type) else x
    if upper:
        return x.triu(k=0) + dagger(x).triu(k=1)
    return x.tril(k=0) + dagger(x).tril(k=-1)


def _mirrored(x: Term) -> Term:
    """Return the Hermitian matrix with a lower triangle."""
    if not is_complex(x.type):
        return x.tril(k=0) + x.tril(k=-1).mT
    return _half(x) + dagger(_half(x))


def _half(x: Term) -> Term:
    """Return the lower triangle of a matrix with half its diagonal."""
    return (x.tril(k=0) + x.tril(k=-1)) * 0.5


# symmetric matrices


def _eigenvalues_rule(a: Term, p: Term, g: Term, UPLO: str) -> Term:
    v = a.eigh_vectors(p, UPLO=UPLO, inside=True)
    return read(_scaled(conjugate(v), g) @ v.mT, UPLO == "U")


def _eigenvectors_rule(
    a: Term, p: Term, g: Term, z: Term, UPLO: str, inside: bool
) -> Term:
    w = a.eigh_values(p, UPLO=UPLO)
    inner = z.mT @ g
    core = _reciprocals(_differences(w), w) * inner
    out = read(conjugate(z) @ core @ z.mT, UPLO == "U")
    return out if inside else _with_phases(out, inner, a)


def _with_phases(out: Term, inner: Term, a: Term) -> Term:
    """Return a cotangent; nan if the phases of vectors matter, which LAPACK chose.

    A multiple of the matrix is added: what is differentiated again is nan as well.
    """
    if not is_complex(inner.type):
        return out
    axes = {"axis": (inner.rank - 2, inner.rank - 1), "keepdims": True}
    turns = inner.imag() * inner.shape[-1].eye(dtype=part(inner.dtype))
    near = 1e-9 if inner.dtype == "complex128" else 1e-4
    odd = turns.absolute().sum(**axes) > near * inner.absolute().sum(**axes)
    return out + odd.where(math.nan, 0.0) * a


def _eigvalsh_rule(a: Term, g: Term, UPLO: str) -> Term:
    p = a.eigh_parts(UPLO=UPLO)
    return _eigenvalues_rule(a, p, g, UPLO)


def _one_more(m: str, n: str, attrs: Attrs) -> list[str]:
    return [f"{n} + 1", n]


def _is_upper(names: Names, attrs: Attrs) -> bool:
    return attrs.get("UPLO") == "U"


def _vectors_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    """Which of two opposite vectors LAPACK finds depends on the triangle it reads."""
    if attrs.get("UPLO") == "U" and attrs.get("via"):
        raise NotImplementedError("`eigh` reads lower triangles in compiled code")
    return _part("1:")(names, types, attrs)


constant("eigh_parts(a, UPLO='L')", _squared(1, 2), spell="eigh_parts",
         kernel=stacked("eigh_parts", _one_more, _is_upper), cost=60,
         of_complex=True)  # fmt: skip
rule("eigh_values(a, p, UPLO='L')", _typed(lambda shapes, t, attrs: t.dims[-1:], part),
     a=_eigenvalues_rule, spell=_taken("0", values=True),
     kernel=_part("0", values=True), of_complex=True)  # fmt: skip
rule("eigh_vectors(a, p, UPLO='L', inside=False)",
     _typed(lambda shapes, t, attrs: t.dims[-2:]),
     a=_eigenvectors_rule, spell=_taken("1:"),
     kernel=_vectors_kernel, of_complex=True)  # fmt: skip
rule("eigvalsh(a, UPLO='L')", _squared(0, 1, part), a=_eigvalsh_rule, cost=60,
     spell="np.linalg.eigvalsh",
     kernel=stacked("eigh_spectrum", lambda m, n, attrs: [n], _is_upper, dtype=part),
     of_complex=True)  # fmt: skip


def _cholesky_rule(g: Term, z: Term, upper: bool) -> Term:
    low, slope = (dagger(z), dagger(g)) if upper else (z, g)
    back = low.inv()
    return read(back.mT @ _half(low.mT @ slope) @ conjugate(back), upper)


def _cholesky_text(types: Types, attrs: Attrs) -> str:
    if attrs.get("via") != "linalg":
        return "np.linalg.cholesky"
    return f"linalg.cholesky({{a}}, lower={not attrs.get('upper')})"


rule("cholesky(a, upper=False)", _squared(0, 2), a=_cholesky_rule, cost=30,
     spell=_cholesky_text, callables=("numpy.linalg.cholesky",),
     kernel=stacked("cholesky_factor", lambda m, n, attrs: [m, n],
                    lambda names, attrs: bool(attrs.get("upper"))),
     of_complex=True)  # fmt: skip


# any square matrix; its eigenvalues are complex, and so may be taken for real ones


def _plane(dtype: str) -> str:
    """Return the dtype of eigenvalues."""
    return "complex64" if part(dtype) == "float32" else "complex128"


def _chosen(shape: Callable[[Array], tuple[Dim, ...]]) -> Infer:
    """Return the type rule of what is real if it was found to be."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        t = stack(types[0])
        dtype = part if attrs.get("real") else _plane
        return Array(dtype(t.dtype), (*t.dims[:-2], *shape(t)))

    return infer


def _eig_values_rule(a: Term, p: Term, g: Term, real: bool) -> Term:
    v = a.eig_vectors(p, real=real, inside=True)
    return v.mT.solve(_scaled(v, g).mT)


def _eig_vectors_rule(
    a: Term, p: Term, g: Term, z: Term, real: bool, inside: bool
) -> Term:
    """Vectors have length one: what would change it is taken away first."""
    w, along = a.eig_values(p, real=real), (z * g).sum(axis=(g.rank - 2,))
    along = along if real else along.real()
    inner = z.mT @ (g - _scaled(conjugate(z), along))
    out = z.mT.solve((_reciprocals(_differences(w), w) * inner) @ z.mT)
    return out if inside else _with_phases(out, inner, a)


def _eigvals_rule(a: Term, g: Term, z: Term) -> Term:
    """LAPACK may find them in another order where it is not asked for vectors."""
    p, every = a.eig_parts(), [slice(None)] * (z.rank - 1)
    w = a.eig_values(p)
    far = (w[(*every, slice(None), None)] - z[(*every, None, slice(None))]).absolute()
    nearest = far.argsort(axis=z.rank)[(*every, slice(None), slice(None, 1))]
    order = nearest.reshape(*z.shape)
    return _eig_values_rule(a, p, g.take_along_axis(order, axis=g.rank - 1), False)


def _eig_kernel(kernel: str, result: Lengths) -> Kernel:
    """Return the kernel text of eigenvalues; those of real matrices must be real."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        t = types[0]
        wide, more = Array("complex128", getattr(t, "dims", ())), not is_complex(t)
        given = [as_dtype(names[0], t, "complex128")]
        made = stacked(kernel, result, lambda names, attrs: more)(given, [wide], attrs)
        single = _plane(t.dtype) == "complex64"
        return f"rt_as_dtype({made}, np.complex64)" if single else made

    return text


constant("eig_parts(a)", _squared(1, 2, _plane), spell="eig_parts", cost=90,
         kernel=_eig_kernel("eig_parts", _one_more), of_complex=True)  # fmt: skip
rule("eig_values(a, p, real=False)", _chosen(lambda t: t.dims[-1:]),
     a=_eig_values_rule, spell=_taken("0"), kernel=_part("0"),
     of_complex=True)  # fmt: skip
rule("eig_vectors(a, p, real=False, inside=False)", _chosen(lambda t: t.dims[-2:]),
     a=_eig_vectors_rule, spell=_taken("1:"), kernel=_part("1:"),
     of_complex=True)  # fmt: skip
rule("eigvals(a)", _squared(0, 1, _plane), a=_eigvals_rule, spell="eigvals", cost=60,
     kernel=_eig_kernel("spectrum", lambda m, n, attrs: [n]),
     of_complex=True)  # fmt: skip


# q @ r


def _qr_dims(shapes: Shapes, t: Array, attrs: Attrs) -> tuple[Dim, ...]:
    (m, n), k = t.dims[-2:], least(shapes, t)
    return shapes.summand(m) + shapes.summand(n), k


def _left(x: Term, k: Any) -> Term:
    """Return the first columns of matrices."""
    return x[(*[slice(None)] * (x.rank - 1), slice(None, k))]


def _right(x: Term, k: Any) -> Term:
    """Return the other columns of matrices."""
    return x[(*[slice(None)] * (x.rank - 1), slice(k, None))]


def _wide(a: Term, k: Term) -> bool:
    """Tell whether a matrix may have more columns than the lesser of its lengths."""
    dims = a.type.dims
    known = k.const is not None and k.const == dims[-1].known
    return not known and bool(dims[-1] != dims[-2])


def _of_factors(q: Term, r: Term, slope: Term | None, inner: Term) -> Term:
    """Return what the first columns get from `slope` of q and from both in between."""
    whole = conjugate(q) @ _mirrored(inner)
    return r.solve((whole if slope is None else slope + whole).mT).mT


def _q_rule(a: Term, p: Term, g: Term, z: Term) -> Term:
    k = z.shape[-1]
    r = a.qr_r(p)
    first = _of_factors(z, _left(r, k), g, -(dagger(g) @ conjugate(z)))
    if not _wide(a, k):
        return first
    return first.concatenate(_right(a, k) * 0.0, axis=a.rank - 1)


def _r_rule(a: Term, p: Term, g: Term, z: Term) -> Term:
    q = a.qr_q(p)
    k = q.shape[-1]
    r, slope = _left(z, k), _left(g, k)
    inner = conjugate(r) @ dagger(slope)
    if not _wide(a, k):
        return _of_factors(q, r, None, inner)
    more = _right(g, k)
    back = conjugate(_right(a, k)) @ dagger(more)
    first = _of_factors(q, r, back, inner - dagger(back) @ conjugate(q))
    return first.concatenate(conjugate(q) @ more, axis=a.rank - 1)


def _qr_lengths(m: str, n: str, attrs: Attrs) -> list[str]:
    return [f"{m} + {n}", f"min({m}, {n})"]


constant("qr_parts(a)", _typed(_qr_dims), spell="qr_parts", cost=60,
         kernel=stacked("qr_parts", _qr_lengths), of_complex=True)  # fmt: skip
rule("qr_q(a, p)", _typed(lambda shapes, t, attrs: (t.dims[-2], least(shapes, t))),
     a=_q_rule, spell=_taken(": {m}"),
     kernel=_part(":{m}"), of_complex=True)  # fmt: skip
rule("qr_r(a, p)", _typed(lambda shapes, t, attrs: (least(shapes, t), t.dims[-1])),
     a=_r_rule, spell=_taken("{m} :", turned=True),
     kernel=_part("{m}:", turned=True), of_complex=True)  # fmt: skip


# u * s @ vh


def _svd_dims(shapes: Shapes, t: Array, attrs: Attrs) -> tuple[Dim, ...]:
    (m, n), width = t.dims[-2:], least(shapes, t)
    if attrs.get("full") and m != n:
        width = shapes.dim(shapes.op("max2", shapes.length(m), shapes.length(n)))
    return shapes.summand(m) + shapes.summand(n) + Dim(1), width


def _side(axis: int) -> Infer:
    """Return the type rule of the vectors of one side."""

    def dims(shapes: Shapes, t: Array, attrs: Attrs) -> tuple[Dim, ...]:
        n = t.dims[axis]
        k = n if attrs.get("full") else least(shapes, t)
        return (n, k) if axis == -2 else (k, n)

    return _typed(dims)


def _of_columns(u: Term, s: Term, v: Term, g: Term) -> Term:
    """Return what the matrix gets from the vectors of its left side."""
    k, inner, back = s.shape[-1], u.mT @ g, conjugate(u)
    every = [slice(None)] * (s.rank - 1)
    sums = s[(*every, None, slice(None))] + s[(*every, slice(None), None)]
    core = _reciprocals(_differences(s) * sums, s)
    if is_complex(u.type):  # both sides take half of what turns them against each other
        core = core + k.eye(dtype=s.dtype) / (sums * sums)
    out = _scaled(back @ (core * (inner - dagger(inner))), s)
    if u.type.dims[-1] != u.type.dims[-2]:
        beside = _scaled(g - back @ inner, 1.0 / s)
        out = out + (u.shape[-2] > k).where(beside, 0.0)
    return out @ v.mT


def _of_basis(u: Term, s: Term, v: Term, g: Term) -> Term:
    """As `_of_columns`, of vectors that are more than the singular values.

    The others are a basis of what the first leave: which one is LAPACK's choice. What
    depends on that has no derivative, and gets nan.
    """
    k = s.shape[-1]
    first, rest = _left(u, k), _right(u, k)
    slope, others = _left(g, k), _right(g, k)
    inner = rest.mT @ others
    total = inner.absolute().sum(axis=(g.rank - 2, g.rank - 1), keepdims=True)
    odd = (inner - inner.mT).absolute()
    odd = odd.sum(axis=(g.rank - 2, g.rank - 1), keepdims=True)
    turned = _scaled(rest @ (others.mT @ first), 1.0 / s) @ v.mT
    near = 1e-9 if s.dtype == "float64" else 1e-4
    free = (odd > near * total).where(math.nan, 0.0)
    return _of_columns(first, s, v, slope) - turned + free


def _svd_side(u: Term, s: Term, v: Term, g: Term, full: bool, inside: bool) -> Term:
    if is_complex(u.type) and not inside:
        raise Unsupported(
            "singular vectors of complex matrices have no derivative: LAPACK chose "
            "their phases",
            "differentiate the singular values alone, or take what does not depend on "
            "phases from `np.linalg.eigh(a.conj().T @ a)`",
        )
    if full and u.type.dims[-1] != s.type.dims[-1]:
        return _of_basis(u, s, v, g)
    return _of_columns(u, s, v, g)


def _svd_u_rule(a: Term, p: Term, g: Term, z: Term, full: bool, inside: bool) -> Term:
    s, v = a.svd_s(p, full=full), dagger(a.svd_vh(p, full=full, inside=True))
    return _svd_side(z, s, _left(v, s.shape[-1]) if full else v, g, full, inside)


def _svd_vh_rule(a: Term, p: Term, g: Term, z: Term, full: bool, inside: bool) -> Term:
    s, u = a.svd_s(p, full=full), a.svd_u(p, full=full, inside=True)
    u = _left(u, s.shape[-1]) if full else u
    return dagger(_svd_side(dagger(z), s, u, dagger(g), full, inside))


def _svd_s_rule(a: Term, p: Term, g: Term, z: Term, full: bool) -> Term:
    if full and is_complex(a.type):
        return _svdvals_rule(a, g, z)
    u, v = (f(p, full=full, inside=True) for f in (a.svd_u, a.svd_vh))
    if full:
        u, v = _left(u, z.shape[-1]), _left(v.mT, z.shape[-1]).mT
    return conjugate(_scaled(u, (z == 0).where(0.0, g)) @ v)


def _svdvals_rule(a: Term, g: Term, z: Term) -> Term:
    return _svd_s_rule(a, a.svd_parts(), g, z, False)


def _svd_lengths(m: str, n: str, attrs: Attrs) -> list[str]:
    width = "max" if attrs.get("full") else "min"
    return [f"1 + {m} + {n}", f"{width}({m}, {n})"]


constant("svd_parts(a, full=False)", _typed(_svd_dims), spell="svd_parts", cost=90,
         kernel=stacked("svd_parts", _svd_lengths,
                        lambda names, attrs: bool(attrs.get("full"))),
         of_complex=True)  # fmt: skip
rule("svd_u(a, p, full=False, inside=False)", _side(-2), a=_svd_u_rule,
     spell=_taken("1 : {m} + 1", ": {m}"),
     kernel=_part("1:{m} + 1", ":{m}"), of_complex=True)  # fmt: skip
rule("svd_s(a, p, full=False)",
     _typed(lambda shapes, t, attrs: (least(shapes, t),), part), a=_svd_s_rule,
     spell=_taken("0", ": min({m}, {n})", values=True),
     kernel=_part("0", ":min({m}, {n})", values=True), of_complex=True)  # fmt: skip
rule("svd_vh(a, p, full=False, inside=False)", _side(-1), a=_svd_vh_rule,
     spell=_taken("{m} + 1 :", ": {n}", turned=True),
     kernel=_part("{m} + 1:", ":{n}", turned=True), of_complex=True)  # fmt: skip
rule("svdvals(a)", _typed(lambda shapes, t, attrs: (least(shapes, t),), part),
     a=_svdvals_rule, spell="np.linalg.svd({a}, compute_uv=False)", cost=60,
     kernel=stacked("svdvals", lambda m, n, attrs: [f"min({m}, {n})"], dtype=part),
     of_complex=True)  # fmt: skip
