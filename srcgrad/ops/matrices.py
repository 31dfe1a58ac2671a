# mypy: allow-untyped-defs, allow-untyped-calls
"""What the functions of `numpy.linalg` mean, in plain NumPy; see `prelude`."""

from __future__ import annotations

import math

import numpy as np

from srcgrad.ops.calculus import common
from srcgrad.ops.complexes import is_complex, never
from srcgrad.ops.prelude import (
    axes_of,
    fixed,
    kind,
    means,
    refused,
    rows,
    typed,
)

EighResult = type(np.linalg.eigh(np.eye(1)))
EigResult = type(np.linalg.eig(np.eye(1)))
QRResult = type(np.linalg.qr(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))
EPSILON = {
    "float64": 2.220446049250313e-16,
    "float32": 1.1920928955078125e-07,
    "complex128": 2.220446049250313e-16,
    "complex64": 1.1920928955078125e-07,
}


@fixed
def floating(name):
    """Return the dtype that numbers of a dtype are computed in."""
    return name if name in EPSILON else "float64"


@fixed
def precision(name):
    return EPSILON[name]


# systems


@means("numpy.linalg.solve")
def solve(a, b):
    x, y = np.asarray(a), np.asarray(b)
    if np.ndim(y) == 1 and np.ndim(x) > 2:
        return rows.solve(x, y[:, None])[..., 0]
    return rows.solve(x, y)


@means("numpy.linalg.inv")
def inv(a):
    return rows.inv(np.asarray(a))


@means("numpy.linalg.det")
def det(a):
    x = np.asarray(a)
    return rows.det(x) if np.ndim(a) == 2 else _each(rows.det, x)


def _each(row, x):
    """Return a number for each matrix of a stack."""
    outer = np.shape(x)[:-2]
    stack = x.reshape(-1, *np.shape(x)[-2:])
    out = np.empty(stack.shape[0], common(kind(x), "float32"))
    for k in range(stack.shape[0]):
        out[k] = row(stack[k])
    return out.reshape(outer)


@means("numpy.linalg.slogdet")
def slogdet(a):
    x = np.asarray(a)
    sign = rows.slogdet_phase(x) if is_complex(x) else rows.slogdet_sign(x)
    return SlogdetResult(sign, rows.logdet(x))


@means("numpy.linalg.tensorsolve")
def tensorsolve(a, b, axes=None):
    x, y = np.asarray(a), np.asarray(b)
    if axes is not None:
        x = np.moveaxis(x, axes, tuple(range(np.ndim(a) - len(axes), np.ndim(a))))
    left = x.shape[np.ndim(b) :]
    return np.linalg.solve(x.reshape(y.size, -1), y.ravel()).reshape(left)


@means("numpy.linalg.tensorinv")
def tensorinv(a, ind=2):
    x = np.asarray(a)
    if ind <= 0:
        raise ValueError
    left, right = x.shape[:ind], x.shape[ind:]
    size = 1
    for n in right:
        size = size * n
    return np.linalg.inv(x.reshape(-1, size)).reshape(right + left)


@means("numpy.linalg.pinv")
def pinv(a, rcond=None, hermitian=False, *, rtol=1e-15):
    x = np.asarray(a)
    given = rtol if rcond is None else rcond
    if given is None:
        return rows.pinv(x, _cutoff(x), hermitian=hermitian)
    if np.ndim(given):
        return refused("the cutoff of `pinv` is one number here")
    return rows.pinv(x, given, hermitian=hermitian)


def _cutoff(x):
    m, n = x.shape[-2:]
    return max(m, n) * precision(floating(kind(x)))


@means("numpy.linalg.lstsq")
def lstsq(a, b, rcond=None):
    x, y = np.asarray(a), np.asarray(b)
    least = _cutoff_of_both(x, y) if rcond is None else rcond
    full = y if np.ndim(b) == 2 else y[:, None]
    found, left = rows.lstsq(x, full, least), rows.lstsq_residuals(x, full, least)
    rank = rows.lstsq_rank(x, full, least)
    known = np.full(left.shape, rank == x.shape[1] and x.shape[0] > x.shape[1])
    solution = found if np.ndim(b) == 2 else found[:, 0]
    return solution, left[known], rank, rows.lstsq_values(x, full, least)


def _cutoff_of_both(x, y):
    m, n = x.shape
    return precision(floating(common(kind(x), kind(y)))) * max(n, m)


@means("numpy.linalg.multi_dot")
def multi_dot(arrays):
    first, *inner, last = [np.asarray(x) for x in tuple(arrays)]
    if not inner:
        return np.dot(first, last)
    left = first if np.ndim(first) == 2 else first[None]
    right = last if np.ndim(last) == 2 else last[:, None]
    out = rows.multi_dot(left, *inner, right)
    if np.ndim(first) == 2 and np.ndim(last) == 2:
        return out
    return out[0, 0] if np.ndim(first) == np.ndim(last) else out.ravel()


# decompositions


@means("numpy.linalg.cholesky")
def cholesky(a, /, *, upper=False):
    return rows.cholesky(np.asarray(a), upper=upper)


@fixed
def triangle(name):
    """Return which triangle is meant."""
    if name.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return name.upper()


@means("numpy.linalg.eigh")
def eigh(a, UPLO="L"):
    x, side = np.asarray(a), triangle(UPLO)
    p = rows.eigh_parts(x, UPLO=side)
    vectors = rows.eigh_vectors(x, p, UPLO=side, via="np")
    return EighResult(rows.eigh_values(x, p, UPLO=side), vectors)


@means("numpy.linalg.eigvalsh")
def eigvalsh(a, UPLO="L"):
    return rows.eigvalsh(np.asarray(a), UPLO=triangle(UPLO))


@means("numpy.linalg.eig")
def eig(a):
    x = np.asarray(a)
    p = rows.eig_parts(x)
    if _are_real(x, p[..., 0, :]):
        values = rows.eig_values(x, p, real=True)
        return EigResult(values, rows.eig_vectors(x, p, real=True))
    return EigResult(rows.eig_values(x, p), rows.eig_vectors(x, p))


@means("numpy.linalg.eigvals")
def eigvals(a):
    x = np.asarray(a)
    w = rows.eigvals(x)
    return np.real(w) if _are_real(x, w) else w


def _are_real(x, w):
    """Tell whether the eigenvalues of a real matrix are real, as it is found out."""
    if is_complex(x):
        return False
    return never(np.imag(w))


@means("numpy.linalg.qr")
def qr(a, mode="reduced"):
    if mode not in ("reduced", "r"):
        what = "`qr` is known with the modes 'reduced' and 'r'"
        return refused(what, "leave `mode` out: there are as many columns then")
    x = np.asarray(a)
    p = rows.qr_parts(x)
    r = rows.qr_r(x, p)
    return r if mode == "r" else QRResult(rows.qr_q(x, p), r)


@means("numpy.linalg.svd")
def svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    x = np.asarray(a)
    if hermitian:
        return _by_eigenvalues(x, compute_uv)
    if not compute_uv:
        return rows.svdvals(x)
    p = rows.svd_parts(x, full=full_matrices)
    u = rows.svd_u(x, p, full=full_matrices)
    s = rows.svd_s(x, p, full=full_matrices)
    return SVDResult(u, s, rows.svd_vh(x, p, full=full_matrices))


def _by_eigenvalues(x, compute_uv):
    if not compute_uv:
        return np.flip(np.sort(np.abs(np.linalg.eigvalsh(x))), -1)
    if np.ndim(x) > 2:
        return refused("`svd` with `hermitian` takes one matrix", "write a loop")
    w, v = np.linalg.eigh(x)
    order = np.argsort(np.abs(w))[::-1]
    signs, u = np.copysign(1.0, w)[order], v[:, order]
    return SVDResult(u, np.abs(w)[order], (u * signs).T.conj())


@means("numpy.linalg.svdvals")
def svdvals(x, /):
    return rows.svdvals(np.asarray(x))


# norms and what is told by singular values


@means("numpy.linalg.norm")
def norm(x, ord=None, axis=None, keepdims=False):
    a, axes = np.asarray(x), axes_of(axis, np.ndim(x))
    way = norm_of(ord, len(axes))
    if way == "row":
        given = "fro" if ord == "f" else ord
        return rows.norm(a, ord=given, axis=axis, keepdims=keepdims)
    floats = a if kind(a) in EPSILON else typed(a, "float64")
    if way == "values":
        return _values_norm(floats, ord, axes, keepdims)
    if way == "sums":
        return _sums_norm(floats, ord, axes, keepdims)
    if way == "least":
        return np.min(np.abs(floats), axis=axes[0], keepdims=keepdims)
    return _vector_norm(floats, ord, axes[0], keepdims)


@fixed
def norm_of(ord, count):
    """Return how a norm over so many axes is computed."""
    if ord is None or ord in ((1, 2, math.inf) if count == 1 else ("fro", "f")):
        return "row"
    if count == 1 and ord == -math.inf:
        return "least"
    if count == 1 and not isinstance(ord, str):
        return "vector"
    if count == 2 and ord in (2, -2, "nuc"):
        return "values"
    if count == 2 and ord in (1, -1, math.inf, -math.inf):
        return "sums"
    raise ValueError(f"there is no norm with ord={ord!r} over {count} axes")


@fixed
def least_first(ord):
    """Tell a norm that is the least of some numbers from one that is the greatest."""
    return ord < 0


def _vector_norm(x, ord, axis, keepdims):
    if ord == 0:
        return np.sum(typed(x != 0, kind(np.real(x))), axis=axis, keepdims=keepdims)
    total = np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims)
    return np.where(total == 0, 0, total ** (1 / ord))


def _values_norm(x, ord, axes, keepdims):
    s = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
    best = np.sum if ord == "nuc" else np.max if ord == 2 else np.min
    if keepdims:
        return np.moveaxis(best(s, axis=-1, keepdims=True)[..., None], (-2, -1), axes)
    return best(s, axis=-1)


def _sums_norm(x, ord, axes, keepdims):
    inner, outer = (axes[1], axes[0]) if math.isinf(ord) else axes
    best = np.min if least_first(ord) else np.max
    sums = np.sum(np.abs(x), axis=inner, keepdims=True)
    found = best(sums, axis=outer, keepdims=True)
    return found if keepdims else np.squeeze(found, axis=axes)


@means("numpy.linalg.matrix_norm")
def matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return np.linalg.norm(x, ord=ord, axis=(-2, -1), keepdims=keepdims)


@means("numpy.linalg.vector_norm")
def vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    a = np.asarray(x)
    if axis is None:
        found = np.linalg.norm(np.ravel(a), ord=ord, axis=0)
        return np.reshape(found, (1,) * np.ndim(a)) if keepdims else found
    if isinstance(axis, tuple):
        return refused("`vector_norm` takes one axis here", "reshape the others to one")
    return np.linalg.norm(a, ord=ord, axis=axis, keepdims=keepdims)


@means("numpy.linalg.cond")
def cond(x, p=None):
    a = np.asarray(x)
    if p is None or p in (2, -2):
        s = np.linalg.svd(a, compute_uv=False)
        ratio = s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
        return np.where(s[..., 0] == 0, math.inf, ratio)
    over = np.linalg.norm(np.linalg.inv(a), p, axis=(-2, -1))
    return np.linalg.norm(a, p, axis=(-2, -1)) * over


@means("numpy.linalg.matrix_rank")
def matrix_rank(A, tol=None, hermitian=False, *, rtol=None):
    x = np.asarray(A)
    if np.ndim(x) < 2:
        return int(not np.all(x == 0))
    s = np.linalg.svd(x, compute_uv=False, hermitian=hermitian)
    share = _cutoff(x) if rtol is None else rtol
    least = np.max(s, axis=-1, keepdims=True) * share if tol is None else tol
    return np.count_nonzero(s > least, axis=-1)


# products, axes and diagonals of the last axes


@means("numpy.vecdot", "numpy.linalg.vecdot")
def vecdot(x1, x2, /, *, axis=-1):
    x, y = (np.moveaxis(np.asarray(v), axis, -1) for v in (x1, x2))
    if np.ndim(x) == 1 and np.ndim(y) == 1:
        return rows.vdot(x, y) if is_complex(x) else x @ y
    return rows.vecdot(x, y)


@means("numpy.matvec")
def matvec(x1, x2, /):
    return rows.matvec(np.asarray(x1), np.asarray(x2))


@means("numpy.vecmat")
def vecmat(x1, x2, /):
    return rows.vecmat(np.asarray(x1), np.asarray(x2))


@means("numpy.linalg.matmul")
def matmul(x1, x2, /):
    return np.matmul(x1, x2)


@means("numpy.linalg.tensordot")
def tensordot(x1, x2, /, *, axes=2):
    return np.tensordot(x1, x2, axes)


@means("numpy.linalg.outer")
def outer(x1, x2, /):
    return np.outer(x1, x2)


@means("numpy.linalg.cross")
def cross(x1, x2, /, *, axis=-1):
    return np.cross(x1, x2, axis=axis)


@means("numpy.matrix_transpose", "numpy.linalg.matrix_transpose")
def matrix_transpose(x, /):
    return np.swapaxes(x, -1, -2)


@means("numpy.linalg.trace")
def trace(x, /, *, offset=0):
    a = np.asarray(x)
    if np.ndim(x) == 2:
        return np.trace(a, offset)
    return np.sum(np.linalg.diagonal(a, offset=offset), axis=-1)


@means("numpy.linalg.diagonal")
def diagonal(x, /, *, offset=0):
    a = np.asarray(x)
    if np.ndim(x) == 2:
        return np.diagonal(a, offset)
    m, n = a.shape[-2:]
    count = max(min(m + min(offset, 0), n - max(offset, 0)), 0)
    places = np.arange(count)
    return a[..., places + max(-offset, 0), places + max(offset, 0)]
