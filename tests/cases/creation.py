"""zeros, ones, full, empty, the _like family, arange, linspace, eye, array."""

import numpy as np

from tests.cases import case


@case(lambda rng: (rng.normal(size=4),))
def zeros_and_ones(x):
    a = np.zeros(4)
    b = np.ones((4, 4))
    c = np.zeros((2, 4))
    a += x
    b[1] = x * a
    c[0] -= a
    return (b @ a).sum() + (c @ x)[0]


# The fill value is active.
@case(lambda rng: (rng.normal(), rng.normal(size=3)), argnums=(0, 1))
def full_of_an_active_value(a, x):
    u = np.full(3, a)
    v = np.full((2, 3), 2.0 * a * x[0])
    w = np.full((2, 3), x)
    u[0] = x[1]
    return (u * x).sum() + (v * w).sum()


@case(lambda rng: (rng.normal(size=(2, 3)),))
def empty_then_filled(A):
    B = np.empty((3, 2))
    for i in range(3):
        for j in range(2):
            B[i, j] = A[j, i] ** 2
    C = np.empty_like(A)
    C[:] = A * 2.0
    C[0, 1:] = B[1:, 1]
    return (C * B.T).sum()


@case(lambda rng: (rng.normal(size=(2, 3)), rng.normal()), argnums=(0, 1))
def like_another_array(A, a):
    Z = np.zeros_like(A)
    J = np.ones_like(A[0])
    F = np.full_like(A, a)
    Z[:, 0] = F[:, 1] * A[:, 2]
    counts = np.zeros_like(A, dtype=int)
    counts[0] += 2
    return (Z * A).sum() + (J * A[1]).sum() + (F * F * counts).sum()


@case(lambda rng: (rng.normal(size=6),))
def ranges_as_weights(x):
    s = (x * np.arange(6)).sum() + (x[1:] ** 2 / np.arange(1, 6)).sum()
    s += (x[::2] * np.arange(0.5, 2.0, 0.5)).sum()
    s += (x * np.arange(10, -2, -2)).sum() + x[np.arange(0, 6, 3)].prod()
    return s + (np.arange(len(x)) * x[::-1]).mean()


@case(lambda rng: (rng.normal(size=2),))
def linspace_as_nodes(p):
    t = np.linspace(0.0, 1.0, 5)
    y = np.exp(p[0] * t) * np.cos(p[1] * t)
    u = np.linspace(-1, 1, num=4, endpoint=False)
    return np.sum(0.5 * (y[1:] + y[:-1]) * (t[1:] - t[:-1])) + (u * p[0]).sum() ** 2


# The ends are active.
@case(lambda rng: (rng.normal(), rng.normal() + 3.0), argnums=(0, 1))
def linspace_between_active_ends(a, b):
    t = np.linspace(a, b, 6)
    return np.sin(t).sum() * (t[1] - t[0])


@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal()), argnums=(0, 1))
def identity_matrices(A, a):
    M = A + a * np.eye(3)
    N = np.eye(3, 4, k=1)
    M[2] += np.eye(3)[0] * a
    return (M @ N).sum() * a + np.eye(2)[1, 1] * np.trace(M @ M)


@case(lambda rng: (rng.normal(size=3),))
def array_literals(x):
    w = np.array([1, 2, 3])
    K = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    b = np.array([True, False, True])
    copy = np.array(x)
    copy[0] = 7.0
    y = K @ x + w
    return (y * y * b).sum() + (copy * x).sum()


# A matrix of active and constant entries, nested three deep.
@case(lambda rng: (rng.normal(size=3),))
def array_of_mixed_entries(x):
    skew = np.array([[0.0, -x[2], x[1]], [x[2], 0, -x[0]], [-x[1], x[0], 0.0]])
    T = np.array([[[x[0], 1.0], [2.0, x[1] * x[2]]], [[x[0], 0.5], [x[1], 1.0]]])
    return (
        (skew @ np.array([1.0, 2.0, 3.0])) @ x + (T[0] @ T[1]).sum() + (skew**2).sum()
    )


# Work arrays sized by an argument and made again in each iteration.
@case(lambda rng: (rng.normal(size=5), 4))
def work_arrays_in_a_loop(x, n):
    s = 0.0
    for i in range(1, n + 1):
        w = np.zeros(i)
        w[-1] = x[i]
        w += x[0]
        s += (w * np.ones(i)).sum() ** 2 / i
    return s


# `x * 1.0` and `x.copy()` are new arrays, never x itself.
@case(lambda rng: (rng.normal(size=3),))
def new_arrays_from_old(x):
    a = x * 1.0
    b = x.copy()
    c = np.array(x)
    d = np.zeros(3)
    d[:] = x
    a[0] = 1.0
    b[1] = 2.0
    c[2] = x[0]
    return (a * b + c * d).sum() * x.sum()
