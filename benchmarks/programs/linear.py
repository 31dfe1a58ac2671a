"""Products of matrices and vectors: NPBench's BLAS kernels.

Each ends in a sum of squares, so that no cotangent is a constant.
"""

import numpy as np

from benchmarks.program import Arguments, Array, Program


def gemm(alpha: float, beta: float, c: Array, a: Array, b: Array) -> float:
    """Multiply two matrices into a third."""
    c[:] = alpha * a @ b + beta * c
    return np.sum(c * c)


def k2mm(
    alpha: float, beta: float, a: Array, b: Array, c: Array, d: Array
) -> float:  # fmt: skip
    """Multiply three matrices into a fourth."""
    d[:] = alpha * a @ b @ c + beta * d
    return np.sum(d * d)


def k3mm(a: Array, b: Array, c: Array, d: Array) -> float:
    """Multiply two products."""
    e = a @ b @ (c @ d)
    return np.sum(e * e)


def atax(a: Array, x: Array) -> float:
    """Apply a matrix, then its transpose."""
    y = (a @ x) @ a
    return np.sum(y * y)


def bicg(a: Array, p: Array, r: Array) -> float:
    """Apply a matrix from both sides."""
    s = r @ a
    q = a @ p
    return np.sum(s * s) + np.sum(q * q)


def mvt(x1: Array, x2: Array, y1: Array, y2: Array, a: Array) -> float:
    """Add a matrix's products with two vectors."""
    x1 += a @ y1
    x2 += y2 @ a
    return np.sum(x1 * x1) + np.sum(x2 * x2)


def gesummv(alpha: float, beta: float, a: Array, b: Array, x: Array) -> float:
    """Add two matrices' products with one vector."""
    y = alpha * a @ x + beta * b @ x
    return np.sum(y * y)


def gemver(
    alpha: float, beta: float, a: Array, u1: Array, v1: Array, u2: Array, v2: Array,
    w: Array, x: Array, y: Array, z: Array,
) -> float:  # fmt: skip
    """Update a matrix by two outer products, then multiply by it and its transpose."""
    a += np.outer(u1, v1) + np.outer(u2, v2)
    x += beta * y @ a + z
    w += alpha * a @ x
    return np.sum(w * w)


def symm(alpha: float, beta: float, c: Array, a: Array, b: Array) -> float:
    """Multiply by a symmetric matrix of which only a triangle is stored."""
    temp = np.empty(c.shape[1])
    c *= beta
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            c[:i, j] += alpha * b[i, j] * a[i, :i]
            temp[j] = b[:i, j] @ a[i, :i]
        c[i, :] += alpha * b[i, :] * a[i, i] + alpha * temp
    return np.sum(c * c)


def syrk(alpha: float, beta: float, c: Array, a: Array) -> float:
    """Update a triangle by a matrix times its transpose."""
    for i in range(a.shape[0]):
        c[i, : i + 1] *= beta
        for k in range(a.shape[1]):
            c[i, : i + 1] += alpha * a[i, k] * a[: i + 1, k]
    return np.sum(c * c)


def syr2k(alpha: float, beta: float, c: Array, a: Array, b: Array) -> float:
    """Update a triangle by two products that are each other's transpose."""
    for i in range(a.shape[0]):
        c[i, : i + 1] *= beta
        for k in range(a.shape[1]):
            c[i, : i + 1] += (
                a[: i + 1, k] * alpha * b[i, k] + b[: i + 1, k] * alpha * a[i, k]
            )
    return np.sum(c * c)


def trmm(alpha: float, a: Array, b: Array) -> float:
    """Multiply by a triangular matrix in place."""
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            b[i, j] += np.dot(a[i + 1 :, i], b[i + 1 :, j])
    b *= alpha
    return np.sum(b * b)


def doitgen(a: Array, c4: Array) -> float:
    """Multiply every row of a block by one matrix, in place."""
    for r in range(a.shape[0]):
        for q in range(a.shape[1]):
            a[r, q, :] = a[r, q, :] @ c4
    return np.sum(a * a)


def _matrices(rng: np.random.Generator, *shapes: tuple[int, ...]) -> list[Array]:
    return [rng.uniform(-1.0, 1.0, shape) for shape in shapes]


def _gemm(rng: np.random.Generator, n: int) -> Arguments:
    return 1.5, 1.2, *_matrices(rng, (n, n + 2), (n, n + 4), (n + 4, n + 2))


def _k2mm(rng: np.random.Generator, n: int) -> Arguments:
    shapes = (n, n + 2), (n + 2, n + 1), (n + 1, n + 3), (n, n + 3)
    return 1.5, 1.2, *_matrices(rng, *shapes)


def _k3mm(rng: np.random.Generator, n: int) -> Arguments:
    shapes = (n, n + 2), (n + 2, n + 1), (n + 1, n + 3), (n + 3, n)
    return tuple(_matrices(rng, *shapes))


def _atax(rng: np.random.Generator, n: int) -> Arguments:
    return tuple(_matrices(rng, (n, n + 3), (n + 3,)))


def _bicg(rng: np.random.Generator, n: int) -> Arguments:
    return tuple(_matrices(rng, (n + 3, n), (n,), (n + 3,)))


def _mvt(rng: np.random.Generator, n: int) -> Arguments:
    return tuple(_matrices(rng, (n,), (n,), (n,), (n,), (n, n)))


def _gesummv(rng: np.random.Generator, n: int) -> Arguments:
    return 1.5, 1.2, *_matrices(rng, (n, n), (n, n), (n,))


def _gemver(rng: np.random.Generator, n: int) -> Arguments:
    vectors = _matrices(rng, *[(n,)] * 8)
    return 1.5, 1.2, *_matrices(rng, (n, n)), *vectors


def _symm(rng: np.random.Generator, n: int) -> Arguments:
    return 1.5, 1.2, *_matrices(rng, (n, n + 2), (n, n), (n, n + 2))


def _syrk(rng: np.random.Generator, n: int) -> Arguments:
    return 1.5, 1.2, *_matrices(rng, (n, n), (n, n - 2))


def _syr2k(rng: np.random.Generator, n: int) -> Arguments:
    return 1.5, 1.2, *_matrices(rng, (n, n), (n, n - 2), (n, n - 2))


def _trmm(rng: np.random.Generator, n: int) -> Arguments:
    return 1.5, *_matrices(rng, (n, n), (n, n + 2))


def _doitgen(rng: np.random.Generator, n: int) -> Arguments:
    return tuple(_matrices(rng, (n, n + 1, n + 2), (n + 2, n + 2)))


PROGRAMS = [
    Program(gemm, _gemm, (0, 1, 2, 3, 4), 256, 5),
    Program(k2mm, _k2mm, (0, 1, 2, 3, 4, 5), 192, 5),
    Program(k3mm, _k3mm, (0, 1, 2, 3), 192, 5),
    Program(atax, _atax, (0, 1), 1000, 5),
    Program(bicg, _bicg, (0, 1, 2), 1000, 5),
    Program(mvt, _mvt, (0, 1, 2, 3, 4), 1000, 5),
    Program(gesummv, _gesummv, (0, 1, 2, 3, 4), 1000, 5),
    Program(gemver, _gemver, tuple(range(11)), 800, 5),
    Program(symm, _symm, (0, 1, 2, 3, 4), 80, 5),
    Program(syrk, _syrk, (0, 1, 2, 3), 150, 5),
    Program(syr2k, _syr2k, (0, 1, 2, 3, 4), 130, 5),
    Program(trmm, _trmm, (0, 1, 2), 130, 5),
    Program(doitgen, _doitgen, (0, 1), 50, 4),
]
