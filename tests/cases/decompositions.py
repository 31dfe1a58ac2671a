"""Decompositions, least squares, norms of all orders, stacks, and SciPy's systems."""

import numpy as np
from scipy import linalg

from tests.cases import case
from tests.cases.inputs import definite, matrix


def _graded(rng, *outer, n=3):
    """Return matrices whose eigenvalues are real and lie apart."""
    return np.diag(np.arange(1.0, n + 1)) + 0.1 * rng.uniform(-1, 1, (*outer, n, n))


def _tall(rng, *outer, m=4, n=3):
    """Return matrices whose singular values lie apart."""
    return np.eye(m, n) * np.arange(1.0, n + 1) + 0.1 * rng.uniform(-1, 1, (*outer, m, n))


# Only a triangle is read, so only that has a gradient.
@case(lambda rng: (_graded(rng, n=4), _graded(rng, 2)), argnums=(0, 1))
def eigenvalues_of_symmetric_matrices(A, B):
    w, V = np.linalg.eigh(A)
    found = np.linalg.eigh(B)
    s = (w**2).sum() + (V[:, 0] * w).sum() * V[1, 2] + np.linalg.eigvalsh(A)[1]
    s += (np.linalg.eigvalsh(B, UPLO="U") ** 3).sum() + found.eigenvalues[0, 1]
    return s + (found.eigenvectors**3).sum()


# The square root of a matrix, and its vectors written to.
@case(lambda rng: (definite(rng, 3) + np.diag([0.0, 1.0, 3.0]),))
def square_root_of_matrix(A):
    w, V = np.linalg.eigh((A + A.T) / 2)
    root = V @ np.diag(np.sqrt(w)) @ V.T
    V[:, 0] *= w[1]
    w[0] = V[1, 0] * w[2]
    return (root**3).sum() + (V * V).sum() + w @ w


@case(lambda rng: (definite(rng, 3), np.stack([definite(rng, 3), definite(rng, 3)])),
      argnums=(0, 1))  # fmt: skip
def cholesky_factors(A, B):
    L = np.linalg.cholesky(A)
    U = np.linalg.cholesky(B, upper=True)
    y = np.linalg.solve(L, A[0])
    return 2 * np.log(np.diag(L)).sum() + y @ y + (U**3).sum()


@case(lambda rng: (_graded(rng, n=4), _graded(rng, 2)), argnums=(0, 1))
def eigenvalues_of_any_matrices(A, B):
    w, v = np.linalg.eig(A)
    s = (w**2 * np.array([1.0, 2.0, 3.0, 4.0])).sum() + (v**3).sum()
    return s + np.linalg.eigvals(A).max() + np.linalg.eig(B).eigenvalues[1, 0] ** 2


@case(lambda rng: (_tall(rng), _tall(rng).T, _tall(rng, 2)), argnums=(0, 1, 2))
def orthogonal_factors(A, B, C):
    q, r = np.linalg.qr(A)
    Q, R = np.linalg.qr(B)
    s = (q**3).sum() + r[0] @ r[1] + (Q**3).sum() + (R**3).sum()
    return s + (np.linalg.qr(C, mode="r") ** 2)[1].sum() + np.linalg.qr(C).Q[0, 1, 2]


@case(lambda rng: (_tall(rng), _tall(rng).T, _graded(rng)), argnums=(0, 1, 2))
def singular_values_and_vectors(A, B, C):
    u, s, vh = np.linalg.svd(A, full_matrices=False)
    low_rank = u[:, :2] * s[:2] @ vh[:2]
    U, S, Vh = np.linalg.svd(C)
    total = (low_rank**2).sum() * u[0, 0] + (U**3).sum() + S[0] + (Vh**3).sum()
    total += np.linalg.svd(B, compute_uv=False)[0] ** 2 + np.linalg.svdvals(B)[2]
    return total + np.linalg.svd(C + C.T, hermitian=True).S[1]


# Which basis LAPACK chooses for what the matrix leaves makes no difference.
@case(lambda rng: (_tall(rng, n=2), _tall(rng).T), argnums=(0, 1))
def null_spaces(A, B):
    rest = np.linalg.svd(A)[0][:, 2:]
    last = np.linalg.svd(B)[2][-1]
    return ((rest @ rest.T) ** 3).sum() + last[0] * last[1] + (last**2)[2]


@case(lambda rng: (_tall(rng), _graded(rng), _tall(rng, 2)), argnums=(0, 1, 2))
def pseudo_inverses(A, B, C):
    s = (np.linalg.pinv(A) ** 2).sum() + np.linalg.pinv(A.T, rcond=0.01)[0, 1]
    s += (np.linalg.pinv(B, hermitian=True) ** 2).sum()
    low = np.outer(A[0], A[1])
    return s + (np.linalg.pinv(C, rtol=None) ** 2).sum() + np.linalg.pinv(low, 1e-9)[0].sum()


@case(lambda rng: (_tall(rng), rng.normal(size=4), rng.normal(size=(3, 2))),
      argnums=(0, 1, 2))  # fmt: skip
def least_squares_of_numpy(A, b, B):
    x, left, rank, s = np.linalg.lstsq(A, b, rcond=None)
    total = x @ x + left[0] * rank + s[1]
    X, none, *_ = np.linalg.lstsq(A.T, B)
    return total + (X**2).sum() + none.sum() + np.linalg.lstsq(A, b)[0][1]


@case(lambda rng: (matrix(rng, 3), 0.3 * rng.normal(size=(2, 3, 3)) + 2 * np.eye(3),
                   rng.normal(size=(2, 3, 2)), rng.normal(size=3)),
      argnums=(0, 1, 2, 3))  # fmt: skip
def stacks_of_systems(A, B, C, d):
    X = np.linalg.solve(B, C)
    Y = np.linalg.solve(A, C)
    sign, log = np.linalg.slogdet(A)
    s = (X * Y).sum() + (np.linalg.solve(B, d) ** 2).sum() + sign * log
    s += (np.linalg.inv(B) ** 2).sum() + (np.linalg.det(B) ** 2).sum()
    return s + (np.linalg.slogdet(B).logabsdet ** 2).sum() + np.linalg.cond(A, 1)


@case(lambda rng: (_tall(rng), _graded(rng, 2)), argnums=(0, 1))
def norms_of_all_orders(A, B):
    n = np.linalg.norm
    s = n(A, 2) * n(A, -2) + n(A, "nuc") + n(A, 1) * n(A, -1) + n(A, "fro")
    s += n(A, np.inf) * n(A, -np.inf) + n(A[0], 3) + n(A[1], 0) + n(A[2], -np.inf)
    s += (n(A, 2.5, axis=0, keepdims=True) * A).sum() + n(A, -1, axis=1).sum()
    s += n(B, 2, axis=(0, -1)).sum() + n(B, 1, (2, 1), True)[1, 0, 0]
    s += np.linalg.matrix_norm(B, ord="nuc").sum() + np.linalg.vector_norm(B)
    return s + np.linalg.cond(A) * np.linalg.matrix_rank(A) + np.linalg.cond(B, -2)[0]


# A norm is zero where all numbers are, and so is the gradient.
@case(lambda rng: (np.zeros((2, 3)),), smooth=False, expected=lambda x: 0.0 * x)
def norms_of_zeros(x):
    n = np.linalg.norm
    return n(x[0], 3) + n(x, 1.5, axis=1).sum() + n(x, "nuc") + n(x, 2) + n(x)


@case(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=4)),
      argnums=(0, 1, 2))  # fmt: skip
def long_products(A, B, c):
    P = np.linalg.multi_dot([A, B, B.T])
    y = np.linalg.multi_dot((A, B, c))
    return (P**2).sum() + y @ y + np.linalg.multi_dot([A[0], B, B.T, A[1]])


@case(lambda rng: (rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4)),
                   matrix(rng, 4)), argnums=(0, 1, 2))  # fmt: skip
def products_of_the_last_axes(A, x, T):
    y = np.matvec(A, x)
    z = np.vecmat(y, A)
    s = (np.vecdot(x, z) ** 2).sum() + np.linalg.vecdot(x, z, axis=0)[1] * y[0, 1]
    s += (np.linalg.diagonal(A, offset=1) ** 2).sum() + np.linalg.trace(A)[1]
    s += np.linalg.matrix_transpose(A)[1, 2, 0] + np.linalg.outer(x[0], x[1])[1, 2]
    s += (np.linalg.tensorinv(T.reshape(2, 2, 2, 2)) ** 2).sum()
    return s + (np.linalg.tensorsolve(T.reshape(2, 2, 2, 2), x.reshape(4, 2)[:2])).sum()


@case(lambda rng: (definite(rng, 3), rng.normal(size=3), rng.normal(size=(3, 2))),
      argnums=(0, 1, 2))  # fmt: skip
def systems_of_scipy(A, b, B):
    c, low = linalg.cho_factor(A, lower=True)
    s = (linalg.cho_solve((c, low), b) ** 2).sum() + (c**2).sum()
    s += (linalg.cho_solve(linalg.cho_factor(A), B) ** 2).sum()
    s += linalg.solve(A, b) @ b + (linalg.inv(A) ** 2).sum() + linalg.det(A)
    return s + (linalg.cholesky(A) ** 3).sum() + linalg.norm(B) * linalg.norm(b, 3)


@case(lambda rng: (matrix(rng, 3), rng.normal(size=3), rng.normal(size=(3, 2))),
      argnums=(0, 1, 2))  # fmt: skip
def triangular_systems(A, b, B):
    solve = linalg.solve_triangular
    s = (solve(A, b) ** 2).sum() + (solve(A, B, lower=True) ** 2).sum()
    s += (solve(A, B, trans="T") ** 2).sum() + (solve(A, b, 1, True, True) ** 2).sum()
    return s + (solve(A, B, unit_diagonal=True, check_finite=False) ** 2).sum()


# A linear system of differential equations; one exponent is large.
@case(lambda rng: (0.5 * rng.normal(size=(3, 3)), rng.normal(size=3), 0.7),
      argnums=(0, 1, 2))  # fmt: skip
def exponentials_of_matrices(A, x, t):
    y = linalg.expm(A * t) @ x
    return y @ y + linalg.expm(-4.0 * A @ A.T)[0, 1] + linalg.expm(A)[2, 2]


@case(lambda rng: (rng.normal(size=3), rng.normal(size=4), rng.normal(size=(2, 3))),
      argnums=(0, 1, 2))  # fmt: skip
def matrices_of_few_numbers(c, r, A):
    T = linalg.toeplitz(c, r)
    s = (T @ T.T)[0, 2] + (linalg.toeplitz(c) ** 3)[1].sum()
    s += (linalg.circulant(c) @ c)[1] + (linalg.hankel(c, r) ** 2)[2].sum()
    return s + (linalg.block_diag(A, c, T) ** 3).sum() + linalg.hankel(c)[1] @ c


@case(lambda rng: (_graded(rng).astype(np.float32),))
def decompositions_in_single_precision(A):
    w, V = np.linalg.eigh(A)
    u, s, vh = np.linalg.svd(A)
    q, r = np.linalg.qr(A)
    total = (w**2).sum() + (V**3).sum() + (u * vh).sum() + s[0] + (q * r).sum()
    total += np.linalg.pinv(A)[0, 1] + np.linalg.cholesky(A @ A.T)[1, 0]
    return total + linalg.expm(A)[0, 1] + np.linalg.slogdet(A)[1] + np.linalg.norm(A, 2)
