"""Other names for what the first language has, and forms just outside it.

Each case stands for itself, so that it can be admitted alone: drop its EXTRA.
"""

import numpy as np

from tests.cases import case
from tests.cases.inputs import away, near, spread

EXTRA = {"refused": "extra spellings"}


# `np.multiply(x, x, out=y)`.
@case(
    lambda rng: (rng.normal(size=4),),
)
def ufunc_with_out(x):
    y = np.empty(4)
    np.multiply(x, x, out=y)
    np.add(y, x[0], out=y)
    np.sin(y[:2], out=y[2:])
    return y.sum() * y[3]


# Generator expression inside a call.
@case(
    lambda rng: (spread(rng, 5),),
)
def generator_in_call(x):
    s = sum(v * x[0] for v in x[1:])
    return s + max(v * v * v for v in x) + sum(x[i] * i for i in range(5) if i != 3)


@case(
    lambda rng: (rng.normal(size=5), rng.normal(size=5)),
    argnums=(0, 1),
)
def operators_as_functions(x, y):
    a = np.add(x, y) * np.subtract(x, 2.0 * y)
    b = np.multiply(a, np.negative(x)) + np.divide(y, 3.0 + np.square(x))
    c = np.true_divide(b, 2.0) + np.positive(a) - np.power(y, 2)
    return np.sum(c)


# Comparisons and logic as functions give masks.
@case(
    lambda rng: (away(rng, 6), away(rng, 6)),
    argnums=(0, 1),
)
def masks_by_functions(x, y):
    both = np.logical_and(np.greater(x, 0.0), y < 0)
    either = np.logical_or(x < 0, np.less_equal(y, 0.0))
    rest = np.logical_not(both) & np.isfinite(x) & ~np.isnan(y)
    s = np.where(both, x * y, 0.0).sum() + (x * either).sum()
    return s + (y[rest] ** 2).sum() * (both != either).sum()


@case(
    lambda rng: (rng.normal(size=2), rng.normal(size=2), rng.normal(size=(2, 2))),
    argnums=(0, 1, 2),
)
def horizontal_and_vertical_stacks(a, b, A):
    h = np.hstack([a, b, a])
    H = np.hstack([A, a[:, None]])
    V = np.vstack([a, b, A])
    C = np.column_stack([a, b])
    return (h[:4] ** 2).sum() + (H[:, 2] * H[:, 0]).sum() + (V @ C).sum()


@case(lambda rng: (near(rng, 0.4, 1.3, -0.7, -2.3, 3.4),))
def roundings_and_remainders(x):
    y = np.rint(x) * np.trunc(x) * x + np.fabs(x) * np.absolute(x)
    z = np.mod(x, 0.9) * np.remainder(-x, 2.1) + np.fmod(x, 1.1)
    return (y * z).sum() + np.floor_divide(x, 0.7)[1] * np.deg2rad(np.rad2deg(x[0]))


# Diagonals as views, read after a write; a diagonal matrix and a triangle.
@case(
    lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=3)), argnums=(0, 1)
)
def diagonals_and_triangles(A, v):
    B = A * A
    d = B.diagonal()
    e = np.diag(B)
    B[1, 1] = v[0] * v[2]
    D = np.diag(v) + np.tril(A) * np.triu(A, 1).T
    return (d * e * v).sum() + (D @ D).sum()


@case(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(4, 2))),
    argnums=(0, 1),
)
def einstein_sums(A, B):
    C = np.einsum("ik,kj->ij", A, B)
    return (C * C).sum() + np.einsum("ij,ij->", A, A) + np.tensordot(A, B, axes=1).sum()


@case(
    lambda rng: (spread(rng, 6, low=0.0, high=3.0), rng.normal(size=6)),
    argnums=(0, 1),
)
def order_and_search(x, w):
    order = np.argsort(x)
    at = np.searchsorted(x[order], 1.45)
    where = np.nonzero(x > 1.0)[0]
    taken = np.take(w, order[at:])
    return (x[order] * w).sum() + (w[where] ** 2).sum() + taken.prod()


# Differences, trapezoids, convolution, interpolation as NumPy gives them.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=3)), argnums=(0, 1))
def numerical_helpers(x, k):
    d = np.diff(x)
    c = np.convolve(x, k, mode="valid")
    p = np.pad(x, 1)
    return (d * d).sum() + (c * c).sum() + np.trapezoid(x**2) + (p[2:] * p[:-2]).sum()


# An array shared by `np.asarray`, a copy by `np.copy`, counts per element repeated.
@case(lambda rng: (rng.normal(size=4),))
def array_converters(x):
    y = x * x
    same = np.asarray(y)
    fresh = np.copy(y)
    same[1] = 3.0 * x[0]
    z = np.repeat(x, np.array([1, 0, 2, 1])) + np.identity(4)[1]
    return (y * fresh * z).sum() + np.size(y) * np.shape(z)[0] * z[0]


# An assignment inside a test, a starred target, a conditional import of a constant.
@case(lambda rng: (near(rng, 2.0, 0.7, 0.4),))
def assignment_in_test(x):
    first, *rest = x
    s = first
    while (gap := s * s - 2.5) > 1e-3:
        s = s - 0.3 * gap / s
    return s * rest[0] + sum(rest) * len(rest)


# Parts of any number: `*args` and `**kwargs`.
@case(lambda rng: (rng.normal(size=3), rng.normal()), argnums=(0, 1))
def star_arguments(x, a):
    def combine(*parts, **weights):
        s = 0.0
        for p in parts:
            s += p * weights["w"]
        return s

    more = {"w": a}
    return combine(x[0], x[1], w=2.0) * combine(*x, **more)
