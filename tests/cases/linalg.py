"""dot and @ in every pair of ranks, outer, inner, trace, norm, solve, inv, det."""

import numpy as np
from numpy.linalg import norm, solve

from tests.cases import case
from tests.cases.inputs import away, definite, matrix


def _pair(*shapes):
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


@case(_pair((3,), (3,), (2, 3), (4, 2)), argnums=(0, 1, 2, 3))
def matmul_up_to_rank_two(a, b, A, B):
    s = a @ b
    v = A @ a
    w = v @ A
    C = B @ A
    return s * (w @ b) + (C @ b).sum() + (C * C).sum()


@case(_pair((3,), (3,), (2, 3), (4, 2)), argnums=(0, 1, 2, 3))
def dot_up_to_rank_two(a, b, A, B):
    s = np.dot(a, b)
    v = A.dot(a)
    w = np.dot(v, A)
    C = B.dot(A)
    return s * w.dot(b) + np.dot(C, b).sum() + np.dot(C.T, C).trace()


# Batches: the leading axes of @ broadcast.
@case(_pair((2, 3, 4), (2, 4, 2), (4,), (3,), (2, 3)), argnums=(0, 1, 2, 3, 4))
def matmul_of_rank_three(P, Q, a, b, M):
    s = ((P @ Q) ** 2).sum()
    s += ((P @ a) * M).sum() + ((b @ P) ** 2).sum()
    s += ((M @ P) ** 2).sum()
    return s + ((P @ Q[0]) * (P[1] @ Q)).sum()


@case(_pair((2, 1, 2, 3), (4, 3, 2), (1, 4, 2, 3)), argnums=(0, 1, 2))
def matmul_of_rank_four(P, Q, R):
    A = P @ Q
    B = R @ Q
    return (A * A).sum() + (A @ B).sum() * 0.1 + (B @ P[:, :, :, 0, None])[0, 1, 0, 0]


# np.dot sums over the last axis of one and the last but one of the other.
@case(_pair((2, 3, 4), (2, 4, 3), (4,), (5, 4), (4, 2)), argnums=(0, 1, 2, 3, 4))
def dot_of_rank_three(P, Q, a, M, N):
    s = (np.dot(P, a) ** 2).sum() + (np.dot(a, Q) ** 2).sum()
    s += np.dot(P, N).sum() + (np.dot(M, Q) ** 2).sum()
    T = np.dot(P, Q)
    return s + (T * T).sum() + T[1, 2, 0, 1]


@case(_pair((3,), (4,), (2, 3), (2, 2)), argnums=(0, 1, 2, 3))
def outer_products(a, b, A, B):
    P = np.outer(a, b)
    Q = np.outer(A, B)
    P[1:] -= np.outer(a[1:], b * b)
    return (P * P).sum() + (Q[:, 0] * Q[:, 3]).sum() + np.outer(a, a).trace()


@case(_pair((3,), (3,), (2, 3), (4, 3)), argnums=(0, 1, 2, 3))
def inner_products(a, b, A, B):
    s = np.inner(a, b)
    u = np.inner(A, a)
    G = np.inner(A, B)
    return s + u @ u + (G**2).sum() + np.vdot(A, A) * np.vdot(a, b)


@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 4))), argnums=(0, 1))
def traces(A, B):
    t = np.trace(A) * A.trace(1) + np.trace(A, offset=-1)
    return t + np.trace(A @ A.T) + B.trace() * (A @ B).trace()


# Products of chains and quadratic forms, transposes everywhere.
@case(_pair((4, 3), (4,), (3,)), argnums=(0, 1, 2))
def least_squares_cost(X, y, w):
    r = X @ w - y
    g = X.T @ r
    return 0.5 * r.T @ r + (w.T @ (X.T @ X) @ w) * 0.1 + g @ g.T


@case(lambda rng: (matrix(rng, 3), rng.normal(size=3)), argnums=(0, 1), sample=True)
def solve_one_right_side(A, b):
    x = np.linalg.solve(A, b)
    y = solve(A.T, x)
    return x @ y + (A @ y) @ b


@case(lambda rng: (matrix(rng, 3), rng.normal(size=(3, 2))), argnums=(0, 1))
def solve_several_right_sides(A, B):
    X = solve(A, B)
    Y = solve(A + X @ X.T, B[:, ::-1])
    return (X * Y).sum() + X[0, 1]


@case(lambda rng: (matrix(rng, 4), matrix(rng, 4)), argnums=(0, 1))
def inverses(A, B):
    P = np.linalg.inv(A)
    Q = np.linalg.inv(A @ B)
    return np.trace(P @ B) + (Q * P).sum() + P[1, 2]


@case(lambda rng: (matrix(rng, 3), definite(rng, 4)), argnums=(0, 1))
def determinants(A, S):
    d = np.linalg.det(A)
    return d * np.linalg.det(A[:2, :2]) + np.log(np.linalg.det(S))


@case(lambda rng: (away(rng, 4), rng.normal(size=(3, 4))), argnums=(0, 1))
def norms(x, A):
    s = norm(x) + np.linalg.norm(A) ** 2 + norm(x, ord=2) * norm(x, 1)
    s += np.linalg.norm(A, axis=1) @ x[:3]
    return s + (A / norm(A, axis=0, keepdims=True)).sum() + norm(A, "fro")


# The log of a Gaussian density with a full covariance.
@case(
    lambda rng: (rng.normal(size=3), rng.normal(size=3), definite(rng, 3)),
    argnums=(0, 1, 2),
)
def gaussian_log_density(x, mean, cov):
    d = x - mean
    quad = d @ np.linalg.solve(cov, d)
    return -0.5 * (quad + np.log(np.linalg.det(cov)) + len(x) * np.log(2 * np.pi))


@case(lambda rng: (definite(rng, 3), rng.uniform(0.5, 1.0, size=3)), argnums=(0, 1))
def power_iteration(A, v):
    for _ in range(4):
        v = A @ v
        v = v / np.linalg.norm(v)
    return v @ A @ v + v[0]


# Matrix powers: the carried matrix is both factors.
@case(lambda rng: (0.5 * rng.normal(size=(3, 3)), 5))
def matrix_power_by_squaring(A, n):
    result = np.eye(3)
    base = A.copy()
    while n > 0:
        if n % 2 == 1:
            result = result @ base
        base = base @ base
        n //= 2
    return result.sum() + np.trace(result)


# The exponential series of a matrix.
@case(lambda rng: (0.4 * rng.normal(size=(3, 3)), rng.normal(size=3)), argnums=(0, 1))
def matrix_exponential_series(A, v):
    term = np.eye(3)
    total = np.eye(3)
    for k in range(1, 8):
        term = term @ A / k
        total += term
    y = total @ v
    return y @ y


@case(lambda rng: (matrix(rng, 3), rng.normal(size=3)), argnums=(0, 1))
def newton_schulz_inverse(A, b):
    X = A.T / (norm(A) ** 2)
    eye = np.eye(3)
    for _ in range(5):
        X = X @ (2.0 * eye - A @ X)
    return (X @ b) @ b


# A product stored through a slice of a larger array, with operands that are views.
@case(lambda rng: (rng.normal(size=(4, 4)), rng.normal(size=(2, 4))), argnums=(0, 1))
def product_into_block(A, B):
    C = A * A
    C[:2] = B @ A
    C[2:, ::2] = A[::2, 1:3] @ B[:, ::3]
    C[:, 0] += A @ C[0]
    return (C * A).sum() + (C[1:3].T @ B).sum()


# Ridge regression: the weights as a function of the penalty.
@case(_pair((5, 3), (5,), ()), argnums=(0, 1, 2))
def ridge_validation_error(X, y, log_penalty):
    G = X[:4].T @ X[:4] + np.exp(log_penalty) * np.eye(3)
    w = np.linalg.solve(G, X[:4].T @ y[:4])
    return (X[4] @ w - y[4]) ** 2 + w @ w
