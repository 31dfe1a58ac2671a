# mypy: allow-untyped-defs, allow-untyped-calls
"""What functions of `scipy.linalg` mean, in plain NumPy; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.calculus import common
from srcgrad.ops.matrices import norm_of
from srcgrad.ops.prelude import fixed, kind, means, refused, rows


def _finite(x, check_finite):
    """Return an array that has to be finite if SciPy is to look."""
    a = np.asarray(x)
    if check_finite:
        if not np.all(np.isfinite(a)):
            raise ValueError
    return a


@means("scipy.linalg.solve")
def solve(a, b, lower=False, check_finite=True, assume_a=None, transposed=False):
    if transposed or assume_a is not None or np.ndim(a) != 2:
        what = "`solve` is known of one matrix, without `assume_a` and `transposed`"
        advice = "pass `a.T`, or use `cho_solve` where it is positive definite"
        return refused(what, advice)
    x, y = _finite(a, check_finite), _finite(b, check_finite)
    return rows.solve(x, y, via="linalg")


@means("scipy.linalg.inv")
def inv(a, check_finite=True):
    return rows.inv(_finite(a, check_finite), via="linalg")


@means("scipy.linalg.det")
def det(a, check_finite=True):
    return rows.det(_finite(a, check_finite), via="linalg")


@means("scipy.linalg.norm")
def norm(a, ord=None, axis=None, keepdims=False, check_finite=True):
    x = _finite(a, check_finite)
    if axis is None and not keepdims:
        if np.ndim(a) == 1 and (ord is None or ord == 2):
            return rows.norm(x, ord=ord, via="linalg")
        if np.ndim(a) == 2 and norm_of(ord, 2) == "sums":
            what = "norms of matrices by sums are not known of SciPy"
            return refused(what, "use `np.linalg.norm`")
    return np.linalg.norm(x, ord, axis, keepdims)


@means("scipy.linalg.cholesky")
def cholesky(a, lower=False, check_finite=True):
    return rows.cholesky(_finite(a, check_finite), upper=not lower, via="linalg")


@means("scipy.linalg.cho_factor")
def cho_factor(a, lower=False, check_finite=True):
    """SciPy leaves in the other triangle what the matrix has there."""
    x = _finite(a, check_finite)
    n = x.shape[0]
    factor = rows.cholesky(x, upper=not lower, via="linalg")
    inside = np.tri(n, dtype=bool) if lower else np.tri(n, dtype=bool).T
    return np.where(inside, factor, x), lower


@means("scipy.linalg.cho_solve")
def cho_solve(c_and_lower, b, check_finite=True):
    c, lower = c_and_lower
    x, y = _finite(c, check_finite), _finite(b, check_finite)
    return rows.cho_solve(x, y, lower=bool(lower))


@fixed
def side(trans):
    """Return whether a system is that of the transpose, 2 for the conjugate one."""
    return {"N": 0, "T": 1, "C": 2, 0: 0, 1: 1, 2: 2}[trans]


@means("scipy.linalg.solve_triangular")
def solve_triangular(
    a, b, trans=0, lower=False, unit_diagonal=False, check_finite=True
):
    x, y = _finite(a, check_finite), _finite(b, check_finite)
    return rows.solve_triangular(
        x, y, trans=side(trans), lower=bool(lower), unit_diagonal=bool(unit_diagonal)
    )


@means("scipy.linalg.expm")
def expm(A):
    return rows.expm(np.asarray(A))


# matrices of few numbers


@means("scipy.linalg.toeplitz")
def toeplitz(c, r=None):
    column = np.atleast_1d(c)
    row = column.conj() if r is None else np.atleast_1d(r)
    numbers = np.concatenate((column[::-1], row[1:]))
    return numbers[np.arange(len(column))[::-1][:, None] + np.arange(len(row))]


@means("scipy.linalg.circulant")
def circulant(c):
    column = np.atleast_1d(c)
    places = np.arange(len(column))
    return column[(places[:, None] - places) % len(column)]


@means("scipy.linalg.hankel")
def hankel(c, r=None):
    column = np.atleast_1d(c)
    row = np.zeros_like(column) if r is None else np.atleast_1d(r)
    numbers = np.concatenate((column, row[1:]))
    return numbers[np.arange(len(column))[:, None] + np.arange(len(row))]


@means("scipy.linalg.block_diag")
def block_diag(*arrs):
    blocks = [np.atleast_2d(a) for a in arrs]
    n, m = sum([a.shape[0] for a in blocks]), sum([a.shape[1] for a in blocks])
    out = np.zeros((n, m), common(*[kind(a) for a in blocks]))
    i, j = 0, 0
    for a in blocks:
        out[i : i + a.shape[0], j : j + a.shape[1]] = a
        i, j = i + a.shape[0], j + a.shape[1]
    return out
