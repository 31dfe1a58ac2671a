"""Differences, averages, polynomials and pieces, as programs call them."""

import numpy as np
import scipy.special

from tests.cases import case
from tests.cases.inputs import positive, spread


@case(lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=5)), argnums=(0, 1))
def roughness_of_a_surface(z, x):
    rows, columns = np.diff(z, axis=0), np.diff(z, n=2)
    ends = np.diff(x, prepend=x[-1], append=0.5)
    return (
        (rows**2).sum() + (columns**2).sum() + (ends**3).sum() + np.diff(z[:1], 0).sum()
    )


@case(lambda rng: (positive(rng, 4, 6), spread(rng, 6), 0.3), argnums=(0, 1, 2))
def areas_under_curves(y, t, h):
    s = np.sort(t)
    whole = np.trapezoid(y, s) * np.trapezoid(y, dx=h)
    down = np.trapezoid(y**2, s[:4], axis=0)
    return (whole**2).sum() + (down * y[0]).sum() + np.trapezoid(s[:1] ** 2, dx=h)


@case(lambda rng: (spread(rng, 3, 4), positive(rng, 4)), argnums=(0, 1))
def weighted_spread(x, w):
    m = np.average(x, axis=1, weights=w)
    v = np.average((x - m[:, None]) ** 2, axis=-1, weights=np.tile(w, (3, 1)))
    return (np.sqrt(v) * np.ptp(x, axis=1)).sum() + np.average(x) * np.ptp(x[:, :1])


@case(lambda rng: (spread(rng, 4).astype(np.float32), positive(rng, 4).astype(np.float32)),
      argnums=(0, 1), rtol=1e-5)  # fmt: skip
def single_precision_calculus(x, w):
    m = np.average(x, weights=w) * np.trapezoid(x, w)
    return (np.diff(x, 2) ** 2).sum() * np.ptp(w) + m + np.polyval(x, w).sum()


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(4, 3)), rng.normal(size=3)),
      argnums=(0, 1, 2))  # fmt: skip
def torque_about_an_axis(r, forces, axis):
    torque = np.cross(r, forces)
    spin = np.cross(axis, np.cross(axis, r))
    turned = np.cross(forces.T, r, axisa=0)
    return (torque @ axis).sum() ** 2 + spin @ spin + (turned * torque).sum()


@case(lambda rng: (rng.normal(size=(2, 2)), rng.normal(size=(1, 3)), rng.normal(size=2)),
      argnums=(0, 1, 2))  # fmt: skip
def product_states(A, B, v):
    K = np.kron(A, B)
    both = np.kron(v, np.kron(v, v))
    return (K @ K.T).sum() + (both**2).sum() * np.kron(A, v)[0, 1]


@case(lambda rng: (rng.normal(size=4), rng.uniform(-1, 1, 5)), argnums=(0, 1))
def fit_by_a_polynomial(c, x):
    V = np.vander(x, 4)
    W = np.vander(x, N=3, increasing=True)
    gap = V @ c - np.polyval(c, x) * W[:, 1]
    return gap @ gap + np.polyval(c, c[0]) + np.polyval(c[:1], 2.0)


@case(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=3)), argnums=(0, 1))
def pieces_put_together(A, v):
    path = np.append(np.append(v, v[0] ** 2), A)
    wide = np.append(A, v[None, :] * 2, axis=0)
    deep = np.dstack((A, A**2))
    return (path**3).sum() + (wide @ v).sum() + (deep[:, :, 0] * deep[:, :, 1]).sum()


@case(lambda rng: (rng.normal(size=(3, 3)), np.array([2, 0, 2])))
def turned_and_taken(A, k):
    B = np.rot90(A) @ np.rot90(A, -1)
    row = np.take(A, 1, axis=0)
    row[0] = A[2, 2] ** 2
    picked = np.take(A, k, axis=1) * A.take(k, 0)
    return (
        (B * np.rot90(A, 2)).sum() + (row * A[1]).sum() + (picked**2).sum() * A.take(-1)
    )


@case(lambda rng: (rng.normal(size=(4, 5)), 0.4, 0.7), argnums=(0, 1, 2))
def energy_of_a_field(u, hy, hx):
    uy, ux = np.gradient(u, hy, hx)
    rough = np.gradient(ux, hx, axis=1, edge_order=2)
    return (uy**2 + ux**2).sum() * hx * hy + (rough * u).sum() + np.gradient(u[0])[1]


@case(lambda rng: (rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 3))), argnums=(0, 1))
def contracted_tensors(T, M):
    pairs = np.tensordot(T, M, axes=([2, 1], [0, 1]))
    chain = np.tensordot(T, M, axes=1)
    return pairs @ pairs + (chain * np.tensordot(M, T, (1, 1))[:3].sum()).sum()


@case(lambda rng: (0.4 * rng.normal(size=(3, 3)), rng.normal(size=3)), argnums=(0, 1))
def markov_steps(P, v):
    far = np.linalg.matrix_power(P, 5) @ v
    return far @ np.linalg.matrix_power(P, 2) @ v + np.linalg.matrix_power(P, 3).sum()


@case(lambda rng: (rng.normal(size=(3, 6)), rng.normal(size=6)), argnums=(0, 1))
def dependence_of_variables(X, y):
    C, R = np.cov(X, y), np.corrcoef(X)
    beta = np.cov(X[0], y)[0, 1] / np.cov(X[0], ddof=0)
    return (C**2).sum() + R[0, 1] * R[1, 2] + beta + np.corrcoef(y)


@case(lambda rng: (rng.normal(size=(4, 6)),))
def split_and_kept(x):
    left, right = np.hsplit(x * np.tri(4, 6, 1), 2)
    a, b, c, d = np.array_split(x[0], 4)
    top = np.split(x, 2)[0]
    gates = [np.tanh(part).sum() for part in np.split(x, 3, axis=1)]
    return (left * right).sum() + a @ b + c[0] * d[0] + (top**2).sum() + gates[1] ** 2


# Nodes and filters are worked out while compiling; the arrays are new ones.
@case(lambda rng: (rng.uniform(0.5, 1.5), 4, rng.normal(size=3)), argnums=(0, 2))
def integral_by_known_nodes(a, n, c):
    nodes, weights = np.polynomial.legendre.leggauss(n)
    weights *= a / 2
    inside = np.sum(weights * np.exp(-((a * nodes) ** 2)))
    x, w = np.polynomial.hermite.hermgauss(deg=3)
    points, _ = scipy.special.roots_legendre(3)
    return inside + w @ np.cos(a * x) + np.sum(c * points) ** 2


# Two turns are read apart: numbers become arrays one after the other.
@case(lambda rng: (rng.normal(size=12), rng.uniform(-1, 1, size=3)), argnums=(0, 1))
def clenshaw_over_arrays(c, x):
    b1 = b2 = 0
    for i in range(len(c) - 1, 0, -1):
        b1, b2 = 2 * x * b1 - b2 + c[i], b1
    return np.sum((x * b1 - b2 + c[0]) ** 2)
