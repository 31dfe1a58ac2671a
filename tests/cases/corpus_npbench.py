"""NPBench's kernels: those the benchmarks hold at tiny sizes, and the other four."""

import numpy as np

from benchmarks.programs import PROGRAMS
from tests.cases import CASES, Case, case

HELD = (
    "adi atax bicg cholesky correlation covariance deriche doitgen durbin fdtd_2d gemm "
    "gemver gesummv go_fast gramschmidt hdiff heat_3d jacobi_1d jacobi_2d k2mm k3mm lu "
    "ludcmp mlp mvt seidel_2d softmax symm syr2k syrk trisolv trmm vadv"
)
BRIEF = {"atax", "covariance", "jacobi_1d", "trisolv"}


def entered(program):
    def make(rng):
        return program.inputs(rng, program.tiny)

    name, brief = f"npbench_{program.name}", program.name in BRIEF
    return Case(name, program.function, make, program.argnums, long=not brief)


CASES.extend(entered(PROGRAMS[name]) for name in HELD.split())


def conv2d(images, kernel):
    k, _, _, channels = kernel.shape
    n, height, width, _ = images.shape
    out = np.empty((n, height - k + 1, width - k + 1, channels))
    for i in range(height - k + 1):
        for j in range(width - k + 1):
            patch = images[:, i : i + k, j : j + k, :, np.newaxis]
            out[:, i, j, :] = np.sum(patch * kernel[np.newaxis], axis=(1, 2, 3))
    return out


def halved(x):
    n, height, width, channels = x.shape
    out = np.empty((n, height // 2, width // 2, channels))
    for i in range(height // 2):
        for j in range(width // 2):
            block = x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :]
            out[:, i, j, :] = np.max(block, axis=(1, 2))
    return out


def weights(rng, *shapes):
    return tuple(0.5 * rng.normal(size=shape) for shape in shapes)


@case(
    lambda rng: weights(rng, (2, 4, 4, 2), (2, 2, 2, 3), (3,)),
    argnums=(0, 1, 2),
    long=True,
)
def npbench_conv2d_bias(images, kernel, bias):
    out = conv2d(images, kernel) + bias
    return np.sum(out * out)


@case(
    lambda rng: (
        rng.normal(size=(1, 16, 16, 1)),
        weights(rng, (5, 5, 1, 2), (2,), (5, 5, 2, 3), (3,)),
        weights(rng, (3, 4), (4,), (4, 3), (3,), (3, 2), (2,)),
    ),
    argnums=(1, 2),
    long=True,
)
def npbench_lenet(images, filters, dense):
    c1, b1, c2, b2 = filters
    w1, d1, w2, d2, w3, d3 = dense
    x = halved(np.maximum(conv2d(images, c1) + b1, 0))
    x = halved(np.maximum(conv2d(x, c2) + b2, 0))
    x = np.reshape(x, (images.shape[0], w1.shape[0]))
    x = np.maximum(x @ w1 + d1, 0)
    x = np.maximum(x @ w2 + d2, 0)
    scores = x @ w3 + d3
    return np.sum(scores * scores)


def standardised(x, eps=1e-5):
    mean = np.mean(x, axis=0, keepdims=True)
    std = np.std(x, axis=0, keepdims=True)
    return (x - mean) / np.sqrt(std + eps)


# A bottleneck: two narrow convolutions and a wide one, added to what came in.
@case(
    lambda rng: weights(rng, (2, 3, 3, 3), (1, 1, 3, 2), (3, 3, 2, 2), (1, 1, 2, 3)),
    argnums=(0, 1, 2, 3),
    long=True,
)
def npbench_resnet(images, narrow, middle, wide):
    x = conv2d(images, narrow)
    padded = np.zeros((x.shape[0], x.shape[1] + 2, x.shape[2] + 2, x.shape[3]))
    padded[:, 1:-1, 1:-1, :] = x
    x = np.maximum(standardised(padded), 0)
    x = np.maximum(standardised(conv2d(x, middle)), 0)
    x = standardised(conv2d(x, wide))
    return np.sum(np.maximum(x + images, 0) ** 2)


# The lid of a box drags a fluid along: pressure by Poisson's equation in each step.
@case(
    lambda rng: (*0.1 * rng.normal(size=(3, 5, 6)), 1.2, 0.1),
    argnums=(0, 1, 2, 3, 4),
    long=True,
)
def npbench_cavity_flow(u, v, p, rho, nu, steps=2, sweeps=2, dt=0.01):
    ny, nx = p.shape
    dx, dy = 2 / (nx - 1), 2 / (ny - 1)
    b = np.zeros((ny, nx))
    for _ in range(steps):
        un, vn = u.copy(), v.copy()
        ux = (u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)
        vy = (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy)
        b[1:-1, 1:-1] = rho * (
            (ux + vy) / dt
            - ux**2
            - 2 * (u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * dy)
            * (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * dx)
            - vy**2
        )
        for _ in range(sweeps):
            pn = p.copy()
            p[1:-1, 1:-1] = (
                (pn[1:-1, 2:] + pn[1:-1, :-2]) * dy**2
                + (pn[2:, 1:-1] + pn[:-2, 1:-1]) * dx**2
                - dx**2 * dy**2 * b[1:-1, 1:-1]
            ) / (2 * (dx**2 + dy**2))
            p[:, -1] = p[:, -2]
            p[0, :] = p[1, :]
            p[:, 0] = p[:, 1]
            p[-1, :] = 0
        for w, wn, slope in (
            (u, un, (p[1:-1, 2:] - p[1:-1, :-2]) / (2 * dx)),
            (v, vn, (p[2:, 1:-1] - p[:-2, 1:-1]) / (2 * dy)),
        ):
            mid = wn[1:-1, 1:-1]
            w[1:-1, 1:-1] = (
                mid
                - un[1:-1, 1:-1] * dt / dx * (mid - wn[1:-1, :-2])
                - vn[1:-1, 1:-1] * dt / dy * (mid - wn[:-2, 1:-1])
                - dt / rho * slope
                + nu * dt * (
                    (wn[1:-1, 2:] - 2 * mid + wn[1:-1, :-2]) / dx**2
                    + (wn[2:, 1:-1] - 2 * mid + wn[:-2, 1:-1]) / dy**2
                )
            )
        u[0, :] = u[:, 0] = u[:, -1] = 0
        u[-1, :] = 1
        v[0, :] = v[-1, :] = v[:, 0] = v[:, -1] = 0
    return np.sum(u * u) + np.sum(v * v) + np.sum(p * p)
