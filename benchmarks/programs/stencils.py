"""Stencils of NPBench: explicit ones by slices, and Gauss-Seidel's in place."""

import numpy as np

from benchmarks.program import Arguments, Array, Program


def jacobi_1d(steps: int, a: Array, b: Array) -> float:
    """Average three neighbours, to and fro between two arrays."""
    for _ in range(1, steps):
        b[1:-1] = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
        a[1:-1] = 0.33333 * (b[:-2] + b[1:-1] + b[2:])
    return np.sum(a * a)


def jacobi_2d(steps: int, a: Array, b: Array) -> float:
    """Average five neighbours, to and fro between two arrays."""
    for _ in range(1, steps):
        b[1:-1, 1:-1] = 0.2 * (
            a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1]
        )
        a[1:-1, 1:-1] = 0.2 * (
            b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1]
        )
    return np.sum(a * a)


def heat_3d(steps: int, a: Array, b: Array) -> float:
    """Diffuse heat in a box, to and fro between two arrays."""
    for _ in range(1, steps):
        b[1:-1, 1:-1, 1:-1] = (
            0.125 * (a[2:, 1:-1, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[:-2, 1:-1, 1:-1])
            + 0.125
            * (a[1:-1, 2:, 1:-1] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, :-2, 1:-1])
            + 0.125
            * (a[1:-1, 1:-1, 2:] - 2.0 * a[1:-1, 1:-1, 1:-1] + a[1:-1, 1:-1, :-2])
            + a[1:-1, 1:-1, 1:-1]
        )
        a[1:-1, 1:-1, 1:-1] = (
            0.125 * (b[2:, 1:-1, 1:-1] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[:-2, 1:-1, 1:-1])
            + 0.125
            * (b[1:-1, 2:, 1:-1] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[1:-1, :-2, 1:-1])
            + 0.125
            * (b[1:-1, 1:-1, 2:] - 2.0 * b[1:-1, 1:-1, 1:-1] + b[1:-1, 1:-1, :-2])
            + b[1:-1, 1:-1, 1:-1]
        )
    return np.sum(a * a)


def fdtd_2d(ex: Array, ey: Array, hz: Array, source: Array) -> float:
    """Advance Maxwell's equations: three fields on staggered grids, in place."""
    for t in range(source.shape[0]):
        ey[0, :] = source[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (
            ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]
        )  # fmt: skip
    return np.sum(hz * hz)


def seidel_2d(steps: int, a: Array) -> float:
    """Relax nine neighbours in place, each row along itself."""
    n = a.shape[0]
    for _ in range(steps - 1):
        for i in range(1, n - 1):
            a[i, 1:-1] += (
                a[i - 1, :-2] + a[i - 1, 1:-1] + a[i - 1, 2:] + a[i, 2:]
                + a[i + 1, :-2] + a[i + 1, 1:-1] + a[i + 1, 2:]
            )  # fmt: skip
            for j in range(1, n - 1):
                a[i, j] += a[i, j - 1]
                a[i, j] /= 9.0
    return np.sum(a * a)


def hdiff(field: Array, coeff: Array) -> float:
    """Diffuse a field horizontally with flux limiters."""
    i, j = coeff.shape[0], coeff.shape[1]
    lap = 4.0 * field[1 : i + 3, 1 : j + 3, :] - (
        field[2 : i + 4, 1 : j + 3, :] + field[0 : i + 2, 1 : j + 3, :]
        + field[1 : i + 3, 2 : j + 4, :] + field[1 : i + 3, 0 : j + 2, :]
    )  # fmt: skip
    res = lap[1:, 1 : j + 1, :] - lap[:-1, 1 : j + 1, :]
    flx = np.where(
        res * (field[2 : i + 3, 2 : j + 2, :] - field[1 : i + 2, 2 : j + 2, :]) > 0.0,
        0.0,
        res,
    )
    res = lap[1 : i + 1, 1:, :] - lap[1 : i + 1, :-1, :]
    fly = np.where(
        res * (field[2 : i + 2, 2 : j + 3, :] - field[2 : i + 2, 1 : j + 2, :]) > 0.0,
        0.0,
        res,
    )
    out = field[2 : i + 2, 2 : j + 2, :] - coeff * (
        flx[1:, :, :] - flx[:-1, :, :] + fly[:, 1:, :] - fly[:, :-1, :]
    )
    return np.sum(out * out)


def _line(rng: np.random.Generator, n: int) -> Arguments:
    return 100 if n > 100 else 4, rng.normal(size=n), rng.normal(size=n)


def _plane(rng: np.random.Generator, n: int) -> Arguments:
    steps = 20 if n > 20 else 3
    return steps, rng.normal(size=(n, n)), rng.normal(size=(n, n))


def _box(rng: np.random.Generator, n: int) -> Arguments:
    steps = 20 if n > 20 else 3
    return steps, rng.normal(size=(n, n, n)), rng.normal(size=(n, n, n))


def _fields(rng: np.random.Generator, n: int) -> Arguments:
    fields = rng.normal(size=(3, n, n + 2))
    return *(f.copy() for f in fields), np.arange(40.0 if n > 40 else 3.0)


def _grid(rng: np.random.Generator, n: int) -> Arguments:
    return 11 if n > 20 else 3, rng.normal(size=(n, n))


def _weather(rng: np.random.Generator, n: int) -> Arguments:
    field = rng.uniform(size=(n + 4, n + 4, n // 2))
    return field, rng.uniform(size=(n, n, n // 2))


PROGRAMS = [
    Program(jacobi_1d, _line, (1, 2), 8000, 9, stencil=True),
    Program(jacobi_2d, _plane, (1, 2), 150, 7, stencil=True),
    Program(heat_3d, _box, (1, 2), 40, 6, stencil=True),
    Program(fdtd_2d, _fields, (0, 1, 2, 3), 150, 6, stencil=True),
    Program(seidel_2d, _grid, (1,), 150, 7),
    Program(hdiff, _weather, (0, 1), 64, 6, stencil=True),
]
