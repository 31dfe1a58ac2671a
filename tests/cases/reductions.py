"""sum, mean, prod, max, min, var, std, argmax, cumsum, any, all: axes and methods."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import away, near, positive, spread


@case(lambda rng: (rng.normal(size=(2, 3, 4)), rng.normal(size=(3,))), argnums=(0, 1))
def sum_over_each_axis(T, w):
    s = np.sum(T) * T.sum(axis=0)[1, 2]
    s += (np.sum(T, axis=1) ** 2).sum() + (T.sum(-1) @ w).sum()
    s += (T.sum(axis=(0, 2)) * w).sum() + np.sum(T, axis=(-1, -2))[0] ** 3
    return s + (T * T.sum(axis=1, keepdims=True)).sum(axis=(0, 1, 2))


@case(lambda rng: (rng.normal(size=(3, 4)),))
def mean_over_each_axis(A):
    centred = A - A.mean(axis=0)
    centred = centred * np.mean(A, axis=-1, keepdims=True)
    return np.mean(centred * centred) + A.mean() ** 2 + A.mean(axis=(0, 1)) * A[0, 0]


@case(lambda rng: (away(rng, 3, 4),))
def prod_over_each_axis(A):
    s = np.prod(A[0]) + A.prod(axis=0).sum()
    s += (A * np.prod(A, axis=1, keepdims=True)).sum()
    return s + A[:2, :2].prod() ** 2


@case(lambda rng: (spread(rng, 3, 4),), sample=True)
def max_over_each_axis(A):
    s = A.max() * A.min() + (A.max(axis=0) ** 2).sum()
    s += (np.min(A, axis=1) ** 3).sum()
    spans = np.max(A, axis=-1, keepdims=True) - A.min(axis=-1, keepdims=True)
    return s + (A / spans).sum() + np.max(A, axis=(0, 1)) * np.min(A[1])


@case(lambda rng: (rng.normal(size=(4, 3)),))
def variance_and_deviation(A):
    s = np.var(A) + A.std() * A[0, 0]
    s += (A.var(axis=0) ** 2).sum() + np.std(A, axis=1).prod()
    s += np.var(A, axis=1, ddof=1, keepdims=True).sum() * A.std(axis=0, ddof=1)[2]
    return s


@case(lambda rng: (rng.normal(size=(3, 4)),))
def cumulative_sums(A):
    c = np.cumsum(A[0])
    d = A.cumsum(axis=0)
    e = np.cumsum(A, axis=-1)
    flat = np.cumsum(A)
    return (c * A[1]).sum() + (d * e).sum() + (flat * flat).sum()


@case(lambda rng: (away(rng, 3, 4),))
def cumulative_products(A):
    c = np.cumprod(A[0])
    d = A.cumprod(axis=0)
    e = np.cumprod(A, axis=1)
    return (c * c).sum() + (d * A).sum() + (e[:, -1] * d[2, :3]).sum()


# any and all decide; they carry no gradient themselves.
@case(lambda rng: (spread(rng, 3, 4),))
def any_and_all_decide(A):
    s = 0.0
    for row in A:
        if np.any(row > 0.5) or np.all(row < -99.0):
            s += row.prod()
        elif (np.abs(row) < 5.0).all():
            s += (row * row).sum()
    alive = np.any(A > 0, axis=1)
    full = np.all(A > -50.0, axis=0, keepdims=True)
    return s + (A[:, 0] * alive).sum() + (A * full).sum() ** 2


# The Python builtins sum, max, min on arrays and lists.
@case(lambda rng: (spread(rng, 5),))
def python_builtins_on_arrays(x):
    s = sum(x) * max(x) + min(x) ** 2
    s += sum(x[1:3], 1.0) * max(x[0] + 9.0, x[1], -5.0)
    s += sum([v * v for v in x]) + min([x[0], x[1]])
    return s * len(x) + abs(x[2]) * sum(x * x)


# Methods `.sum() .dot .T .reshape .copy .max(axis=)`.
@case(lambda rng: (spread(rng, 3, 4),))
def chains_of_methods(A):
    y = A.copy().T.reshape(2, 6).sum(axis=0).cumsum()
    z = A.max(axis=1).dot(A.min(axis=0)[:3]) * A.std()
    w = (A - A.mean(axis=1, keepdims=True)).prod(axis=0).clip(-9.0, 9.0)
    return y.dot(y) + z + w.sum() / A.size + A.ravel().max() * A.T[1].mean()


# The number of counted elements comes from the data.
@case(lambda rng: (away(rng, 8),))
def mean_of_the_positive(x):
    m = x > 0
    n = m.sum()
    return (x * m).sum() / (n + 1) + np.sum(x[~m] ** 2) / (8 - n + 1)


@case(lambda rng: (spread(rng, 6, low=0.2, high=3.0),))
def sorted_values_weighted(x):
    s = np.sort(x)
    w = np.array([1.0, -1.0, 2.0, 0.5, 3.0, -0.2])
    r = np.sort(x * -1.0)[::-1]
    x.sort()
    return (w * s * s).sum() + r[0] * s[1] + x[5] * x[0]


@case(lambda rng: (spread(rng, 3, 4),))
def sort_along_axes(A):
    B = np.sort(A, axis=0)
    C = np.sort(A)
    return (B[0] * B[2]).sum() + (C[:, 1] * C[:, 3]).sum() + (B * C).sum()


@case(lambda rng: (positive(rng, 6),))
def entropy_of_shares(x):
    p = x / x.sum()
    h = -(p * np.log(p)).sum()
    return h * p.max() - np.log(np.sum(np.exp(-x))) if x.sum() > 0 else h


# A reduction inside a loop over rows, and of a slice that grows.
@case(lambda rng: (rng.normal(size=(4, 3)),))
def reductions_in_a_loop(A):
    s = 0.0
    level = np.zeros(3)
    for i in range(4):
        level = level * 0.5 + A[i] / (1.0 + np.sum(A[i] ** 2))
        s += level.sum() ** 2 + A[: i + 1].mean() * level.prod()
    return s


# An array scaled by its own reduction, written in place.
@case(lambda rng: (near(rng, 0.5, 1.5, -0.8, 2.0),))
def scaled_by_own_reduction(x):
    y = x * 1.0
    y /= y.sum()
    y -= y.mean()
    y *= y.max()
    y[:2] /= y.std()
    return (y * x).sum()


# Empty and one-element reductions.
@case(lambda rng: (rng.normal(size=4),))
def reductions_of_little(x):
    e = x[:0]
    s = e.sum() + e.prod() + np.sum(x[2:2]) + x[1:2].prod() * x[3:].mean()
    return s + x[:1].max() * x[:1].std() + x[2:3].var() + x[:1].cumsum()[0]


@case(lambda rng: (rng.normal(size=(2, 3, 2, 2)),))
def rank_four_reductions(T):
    a = T.sum(axis=(1, 3))
    b = T.mean(axis=(0, -1), keepdims=True)
    c = np.prod(T, axis=2)
    return (a * a).sum() + (T * b).sum() + c.var(axis=1).sum()


# Skewness by moments: the reduction's result is read in the next one.
@case(lambda rng: (rng.normal(size=9),))
def moments(x):
    m = np.mean(x)
    v = np.mean((x - m) ** 2)
    skew = np.mean((x - m) ** 3) / v**1.5
    kurt = np.mean((x - m) ** 4) / v**2
    return skew + 0.1 * kurt + m


@case(lambda rng: (spread(rng, 7), rng.normal(size=7)), argnums=(0, 1))
def running_maximum(x, w):
    top = x[0]
    low = x[0]
    s = 0.0
    for i in range(1, 7):
        top = max(top, x[i])
        low = np.minimum(low, x[i])
        s += w[i] * (top - low)
    return s


# Arrays may have more axes than there are names for the variables of their loops.
@case(lambda rng: (rng.normal(size=(2, 1, 1, 1, 2, 1, 1, 1, 2, 1)),))
def ten_axes(x):
    y = np.exp(x) * x
    return np.sum(y * np.sum(y, axis=(0, 8), keepdims=True))
