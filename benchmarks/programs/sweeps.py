"""NPBench's sweeps: each line of a grid is a recurrence along the other axis."""

import numpy as np

from benchmarks.program import Arguments, Array, Program


def adi(steps: int, u: Array) -> float:
    """Diffuse by alternating directions, each a tridiagonal system."""
    n = u.shape[0]
    v, p, q = np.empty_like(u), np.empty_like(u), np.empty_like(u)
    mul1 = 2.0 * (1.0 / steps) / ((1.0 / n) * (1.0 / n))
    mul2 = 1.0 * (1.0 / steps) / ((1.0 / n) * (1.0 / n))
    a, b, c = -mul1 / 2.0, 1.0 + mul1, -mul1 / 2.0
    d, e, f = -mul2 / 2.0, 1.0 + mul2, -mul2 / 2.0
    for _ in range(steps):
        v[0, 1 : n - 1] = 1.0
        p[1 : n - 1, 0] = 0.0
        q[1 : n - 1, 0] = v[0, 1 : n - 1]
        for j in range(1, n - 1):
            p[1 : n - 1, j] = -c / (a * p[1 : n - 1, j - 1] + b)
            q[1 : n - 1, j] = (
                -d * u[j, 0 : n - 2] + (1.0 + 2.0 * d) * u[j, 1 : n - 1]
                - f * u[j, 2:n] - a * q[1 : n - 1, j - 1]
            ) / (a * p[1 : n - 1, j - 1] + b)  # fmt: skip
        v[n - 1, 1 : n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1 : n - 1] = p[1 : n - 1, j] * v[j + 1, 1 : n - 1] + q[1 : n - 1, j]
        u[1 : n - 1, 0] = 1.0
        p[1 : n - 1, 0] = 0.0
        q[1 : n - 1, 0] = u[1 : n - 1, 0]
        for j in range(1, n - 1):
            p[1 : n - 1, j] = -f / (d * p[1 : n - 1, j - 1] + e)
            q[1 : n - 1, j] = (
                -a * v[0 : n - 2, j] + (1.0 + 2.0 * a) * v[1 : n - 1, j]
                - c * v[2:n, j] - d * q[1 : n - 1, j - 1]
            ) / (d * p[1 : n - 1, j - 1] + e)  # fmt: skip
        u[1 : n - 1, n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1 : n - 1, j] = p[1 : n - 1, j] * u[1 : n - 1, j + 1] + q[1 : n - 1, j]
    return np.sum(u * u)


def deriche(alpha: float, image: Array) -> float:
    """Detect edges by recursive filters, along rows, then along columns."""
    k = (
        (1.0 - np.exp(-alpha)) * (1.0 - np.exp(-alpha))
        / (1.0 + alpha * np.exp(-alpha) - np.exp(2.0 * alpha))
    )  # fmt: skip
    a1 = k
    a2 = k * np.exp(-alpha) * (alpha - 1.0)
    a3 = k * np.exp(-alpha) * (alpha + 1.0)
    a4 = -k * np.exp(-2.0 * alpha)
    b1 = 2.0 ** (-alpha)
    b2 = -np.exp(-2.0 * alpha)
    w, h = image.shape
    y1 = np.empty_like(image)
    y1[:, 0] = a1 * image[:, 0]
    y1[:, 1] = a1 * image[:, 1] + a2 * image[:, 0] + b1 * y1[:, 0]
    for j in range(2, h):
        y1[:, j] = (
            a1 * image[:, j] + a2 * image[:, j - 1] + b1 * y1[:, j - 1]
            + b2 * y1[:, j - 2]
        )  # fmt: skip
    y2 = np.empty_like(image)
    y2[:, -1] = 0.0
    y2[:, -2] = a3 * image[:, -1]
    for j in range(h - 3, -1, -1):
        y2[:, j] = (
            a3 * image[:, j + 1] + a4 * image[:, j + 2] + b1 * y2[:, j + 1]
            + b2 * y2[:, j + 2]
        )  # fmt: skip
    out = y1 + y2
    y1[0, :] = a1 * out[0, :]
    y1[1, :] = a1 * out[1, :] + a2 * out[0, :] + b1 * y1[0, :]
    for i in range(2, w):
        y1[i, :] = (
            a1 * out[i, :] + a2 * out[i - 1, :] + b1 * y1[i - 1, :]
            + b2 * y1[i - 2, :]
        )  # fmt: skip
    y2[-1, :] = 0.0
    y2[-2, :] = a3 * out[-1, :]
    for i in range(w - 3, -1, -1):
        y2[i, :] = (
            a3 * out[i + 1, :] + a4 * out[i + 2, :] + b1 * y2[i + 1, :]
            + b2 * y2[i + 2, :]
        )  # fmt: skip
    out[:] = y1 + y2
    return np.sum(out * out)


def vadv(
    utens_stage: Array, u_stage: Array, wcon: Array, u_pos: Array, utens: Array,
    dtr: float,
) -> float:  # fmt: skip
    """Advect vertically: a tridiagonal system in every column of the atmosphere."""
    ni, nj, nk = utens_stage.shape
    ccol, dcol = np.empty_like(u_stage), np.empty_like(u_stage)
    data = np.empty((ni, nj))
    for k in range(1):
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        cs = gcv * 0.5
        ccol[:, :, k] = gcv * 0.5
        bcol = dtr - ccol[:, :, k]
        correction = -cs * (u_stage[:, :, k + 1] - u_stage[:, :, k])
        dcol[:, :, k] = (
            dtr * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction
        )
        divided = 1.0 / bcol
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = dcol[:, :, k] * divided
    for k in range(1, nk - 1):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        as_ = gav * 0.5
        cs = gcv * 0.5
        acol = gav * 0.5
        ccol[:, :, k] = gcv * 0.5
        bcol = dtr - acol - ccol[:, :, k]
        correction = -as_ * (u_stage[:, :, k - 1] - u_stage[:, :, k]) - cs * (
            u_stage[:, :, k + 1] - u_stage[:, :, k]
        )
        dcol[:, :, k] = (
            dtr * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction
        )
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        ccol[:, :, k] = ccol[:, :, k] * divided
        dcol[:, :, k] = (dcol[:, :, k] - dcol[:, :, k - 1] * acol) * divided
    for k in range(nk - 1, nk):
        gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        as_ = gav * 0.5
        acol = gav * 0.5
        bcol = dtr - acol
        correction = -as_ * (u_stage[:, :, k - 1] - u_stage[:, :, k])
        dcol[:, :, k] = (
            dtr * u_pos[:, :, k] + utens[:, :, k] + utens_stage[:, :, k] + correction
        )
        divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
        dcol[:, :, k] = (dcol[:, :, k] - dcol[:, :, k - 1] * acol) * divided
    for k in range(nk - 1, nk - 2, -1):
        data[:] = dcol[:, :, k]
        utens_stage[:, :, k] = dtr * (data - u_pos[:, :, k])
    for k in range(nk - 2, -1, -1):
        data[:] = dcol[:, :, k] - ccol[:, :, k] * data
        utens_stage[:, :, k] = dtr * (data - u_pos[:, :, k])
    return np.sum(utens_stage * utens_stage)


def _square(rng: np.random.Generator, n: int) -> Arguments:
    return 8 if n > 20 else 2, rng.uniform(size=(n, n))


def _image(rng: np.random.Generator, n: int) -> Arguments:
    return 0.25, rng.uniform(size=(n, n + 3))


def _columns(rng: np.random.Generator, n: int) -> Arguments:
    cells = (n, n, n)
    stage, speed = rng.normal(size=cells), rng.normal(size=cells)
    wind = rng.uniform(-1.0, 1.0, (n + 1, n, n))
    position, tendency = rng.normal(size=cells), rng.normal(size=cells)
    return stage, speed, wind, position, tendency, 3.0 / 2.0


PROGRAMS = [
    Program(adi, _square, (1,), 100, 6),
    Program(deriche, _image, (0, 1), 256, 7),
    Program(vadv, _columns, (0, 1, 2, 3, 4), 48, 5),
]
