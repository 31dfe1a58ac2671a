"""Factorisations, triangular solutions and statistics of NPBench's solvers."""

import numpy as np

from benchmarks.program import Arguments, Array, Program


def cholesky(a: Array) -> float:
    """Factor a positive definite matrix in place."""
    n = a.shape[0]
    a[0, 0] = np.sqrt(a[0, 0])
    for i in range(1, n):
        for j in range(i):
            a[i, j] -= np.dot(a[i, :j], a[j, :j])
            a[i, j] /= a[j, j]
        a[i, i] -= np.dot(a[i, :i], a[i, :i])
        a[i, i] = np.sqrt(a[i, i])
    return np.sum(a * a)


def lu(a: Array) -> float:
    """Factor a matrix into triangles in place, without pivoting."""
    n = a.shape[0]
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return np.sum(a * a)


def ludcmp(a: Array, b: Array) -> float:
    """Solve a system by factors: forwards, then backwards."""
    n = a.shape[0]
    x = np.zeros_like(b)
    y = np.zeros_like(b)
    for i in range(n):
        for j in range(i):
            a[i, j] -= a[i, :j] @ a[:j, j]
            a[i, j] /= a[j, j]
        for j in range(i, n):
            a[i, j] -= a[i, :i] @ a[:i, j]
    for i in range(n):
        y[i] = b[i] - a[i, :i] @ y[:i]
    for i in range(n - 1, -1, -1):
        x[i] = (y[i] - a[i, i + 1 :] @ x[i + 1 :]) / a[i, i]
    return np.sum(x * x)


def trisolv(l: Array, x: Array, b: Array) -> float:  # noqa: E741
    """Solve a lower triangular system."""
    for i in range(x.shape[0]):
        x[i] = (b[i] - l[i, :i] @ x[:i]) / l[i, i]
    return np.sum(x * x)


def durbin(r: Array) -> float:
    """Solve the Yule-Walker equations by Durbin's recursion."""
    y = np.empty_like(r)
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return np.sum(y * y)


def gramschmidt(a: Array) -> float:
    """Orthogonalise columns, the modified way."""
    n = a.shape[1]
    q = np.zeros_like(a)
    r = np.zeros((n, n))
    for k in range(n):
        r[k, k] = np.sqrt(np.dot(a[:, k], a[:, k]))
        q[:, k] = a[:, k] / r[k, k]
        for j in range(k + 1, n):
            r[k, j] = np.dot(q[:, k], a[:, j])
            a[:, j] -= q[:, k] * r[k, j]
    return np.sum(r * r * r) + np.sum(q)


def covariance(data: Array) -> float:
    """Compute covariances of columns."""
    n, m = data.shape
    data -= np.mean(data, axis=0)
    cov = np.zeros((m, m))
    for i in range(m):
        cov[i:m, i] = data[:, i] @ data[:, i:m] / (n - 1.0)
        cov[i, i:m] = cov[i:m, i]
    return np.sum(cov * cov)


def correlation(data: Array) -> float:
    """Compute correlations of columns; a column that hardly varies is not scaled."""
    n, m = data.shape
    deviation = np.std(data, axis=0)
    deviation[deviation <= 0.1] = 1.0
    data -= np.mean(data, axis=0)
    data /= np.sqrt(n) * deviation
    corr = np.eye(m)
    for i in range(m - 1):
        corr[i + 1 : m, i] = data[:, i] @ data[:, i + 1 : m]
        corr[i, i + 1 : m] = corr[i + 1 : m, i]
    return np.sum(corr * corr)


def _definite(rng: np.random.Generator, n: int) -> Arguments:
    root = rng.normal(size=(n, n))
    return (root @ root.T / n + np.eye(n),)


def _dominant(rng: np.random.Generator, n: int) -> Arguments:
    return (rng.normal(size=(n, n)) + 2.0 * n * np.eye(n),)


def _system(rng: np.random.Generator, n: int) -> Arguments:
    return *_dominant(rng, n), rng.normal(size=n)


def _triangle(rng: np.random.Generator, n: int) -> Arguments:
    matrix = rng.normal(size=(n, n)) / n + 2.0 * np.eye(n)
    return matrix, np.zeros(n), rng.normal(size=n)


def _decaying(rng: np.random.Generator, n: int) -> Arguments:
    return (0.3 * rng.uniform(0.5, 1.0, n) * 0.9 ** np.arange(n),)


def _columns(rng: np.random.Generator, n: int) -> Arguments:
    return (rng.normal(size=(n + n // 4 + 1, n)),)


PROGRAMS = [
    Program(cholesky, _definite, (0,), 120, 6),
    Program(lu, _dominant, (0,), 100, 6),
    Program(ludcmp, _system, (0, 1), 100, 6),
    Program(trisolv, _triangle, (0, 2), 1000, 6),
    Program(durbin, _decaying, (0,), 1000, 6),
    Program(gramschmidt, _columns, (0,), 80, 5),
    Program(covariance, _columns, (0,), 180, 5),
    Program(correlation, _columns, (0,), 180, 5),
]
