"""float32 throughout, promoted integers, booleans, casts."""

import math

import numpy as np

from tests.cases import case
from tests.cases.inputs import away, near

F32 = {"rtol": 1e-5}


def _single(*shapes):
    return lambda rng: tuple(rng.normal(size=s).astype(np.float32) for s in shapes)


# float32 throughout stays float32.
@case(_single((5,), (5,)), argnums=(0, 1), **F32)
def single_elementwise(x, y):
    z = 2.0 * x * np.tanh(y) + 1
    z = z / 3 - 0.5 * np.exp(-x * x)
    return (z * z).sum()


@case(_single((6,)), **F32)
def single_in_loops(x):
    s = np.float32(0.5)
    y = np.zeros(6, dtype=np.float32)
    for i in range(6):
        s = s * 0.5 + x[i] * x[i]
        y[i] = s
    y[1:] *= x[:-1]
    return y.sum()


@case(_single((4, 3), (3, 2), (2,)), argnums=(0, 1, 2), **F32)
def single_matrices(X, W, b):
    h = np.tanh(X @ W + b)
    p = np.exp(h - h.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return -np.log(p[:, 0]).mean() + 0.1 * (W**2).sum()


@case(_single((4, 3)), **F32)
def single_reductions(A):
    s = A.mean() * A.std() + A.var(axis=0).sum()
    return s + A.cumsum(axis=1)[2, 1] * A.prod(axis=1)[0] + np.linalg.norm(A)


# float32 meets float64: the result is float64, each gradient has its own dtype.
@case(
    lambda rng: (rng.normal(size=4).astype(np.float32), rng.normal(size=4)),
    argnums=(0, 1),
    **F32,
)
def single_meets_double(x, y):
    z = x * y
    z[0] = x[1]
    return (z * x).sum() + y[0] * x[2] ** 2


# A double is stored into a single array, and rounded on the way.
@case(lambda rng: (rng.normal(size=4),), **F32)
def double_stored_as_single(x):
    y = np.empty(4, dtype=np.float32)
    y[:] = x * x
    y += x
    y[0] = x[1] * 0.3
    return (y * x).sum()


@case(lambda rng: (rng.normal(size=4),), **F32)
def cast_there_and_back(x):
    y = x.astype(np.float32) * np.float32(1.5)
    z = y.astype(float) + x
    return (z * z).sum() + float(y[1])


@case(
    lambda rng: (np.float32(0.7), np.float32(1.3)),
    argnums=(0, 1),
    **F32,
)
def single_scalars(a, b):
    c = a * b + 1.0
    for _ in range(3):
        c = np.sqrt(c) * a + 0.25
    return c * b


# Ints promoted: an integer array times floats, true division of integers.
@case(lambda rng: (rng.integers(1, 9, size=(4, 3)), rng.normal(size=3)), argnums=1)
def integer_data(X, w):
    y = X @ w
    z = X / 2 - w
    mean = X.mean(axis=0)
    return (y * y).mean() + (z * mean).sum() + (w**2 / X[0]).sum() + (X * X).sum()


# Integer arithmetic inside: floor division, remainders, powers and counting.
@case(lambda rng: (rng.normal(size=7), np.array([7, -7, 5, 2, 0, 11, -3])))
def integer_arrays(x, k):
    q = k // 3
    r = k % 4
    sq = k**2 - q * r
    counts = np.zeros(4, dtype=int)
    for v in r:
        counts[v] += 1
    return (x * q + x**2 * r).sum() + (x[:4] * counts).sum() + x[r[0]] * sq.sum()


# A Python int at an argnums position is taken as a float.
@case(lambda rng: (3, 2), argnums=(0, 1))
def python_ints_differentiated(a, b):
    return a * a * b + a / b + a**b


# Booleans as numbers.
@case(lambda rng: (away(rng, 6), True), argnums=0)
def booleans_as_numbers(x, flag):
    m = x > 0
    s = (x * m).sum() + (x * (1 - m)).prod() + m.sum() * x[0]
    s += (m * 2.0 + flag) @ x + (x[0] > 0) * x[1]
    return s + (m.astype(float) * x**2).sum() + m.mean() * x[2]


@case(lambda rng: (away(rng, 6), np.array([1, 0, 1, 1, 0, 0], dtype=bool)))
def boolean_arrays_combined(x, given):
    m = (x > 0) & given | ~given & (x < 0)
    m ^= given
    m &= x < 50.0
    inside = np.zeros(6, dtype=bool)
    inside[1:4] = True
    return (x[m] ** 2).sum() + (x * inside * 3).sum() + x.sum()


# Casts cut the gradient; what stays beside them does not.
@case(lambda rng: (near(rng, 2.3, 1.7, -0.6, 3.4),))
def casts_cut(x):
    k = x.astype(int)
    t = np.zeros(4, dtype=np.int64)
    t[0] = x[0] * 1.1
    t[1:] = k[:-1]
    return (x * k).sum() + x[int(x[1])] * float(k[3]) + (t * x).sum()


# NumPy scalars of several kinds among Python numbers.
@case(lambda rng: (rng.normal(size=3), np.int64(2), np.float64(0.5)), argnums=(0, 2))
def numpy_scalars(x, n, a):
    s = x[0] ** n + n * x[1] / 3
    s = s * a + np.float64(2.0) * x[2]
    for i in range(n):
        s += x[i] * a
    return s + float(a) * int(n)


# Types joined: int at the start, float in the loop; int or float by branch.
@case(lambda rng: (away(rng, 4),))
def types_joined(x):
    top = 0
    for v in x:
        if v > top:
            top = v
    scale = 2 if x[0] > 0 else 1.5
    level = 1
    while level < 4:
        level = level * 1.5 + 0 * top
    return top * top * scale + level * x[1]


# NumPy compares Python's ints as they are, also beyond the dtype of the others.
@case(
    lambda rng: (rng.normal(size=4), np.array([0, 50, 44, 255], np.uint8)),
)
def compared_beyond_dtype(x, k):
    s = np.where(k < 300, x, 0.0).sum() + np.where(k != 511, x * x, 0.0).sum()
    for i in range(len(k)):
        if k[i] > len(x) * -1 and k[i] <= 200 * len(x):
            s += x[i] ** 3
    s += (x * np.clip(k, -1, 300)).sum() + (x**2 * np.where(k > 50, k, 300)).sum()
    return s if k.max() < 256 else 0 * s


@case(lambda rng: (rng.normal(size=(5, 9)), np.array([7, 3], np.uint8)))
def rolled_by_unsigned(A, k):
    s = (np.roll(A[0], k[0]) * A[1]).sum() + (np.roll(A, k[1]) * A**2).sum()
    return s + (np.roll(A, (k[1], k[0]), axis=(0, 1)) * A**3).sum()


# Items of a list that data index are still Python's own numbers, until others come.
@case(lambda rng: (*_single((4,), (4,))(rng), 3, [0.25, 1.5, 0.1]), argnums=(0, 1), **F32)
def weights_in_lists(x, y, n, given):
    weights, table = [0.5, 0.25, 0.1], ((0.3, 1), (0.7, 2), (0.2, 0))
    counts = [0.0] * n
    z = x * 0
    for k in range(n):
        z = z + weights[k] * y + given[k] * x * table[k][0] + counts[k - 1]
        counts[k] = 0.5 * k
    return (z * z).sum() * weights[n - 1]


# What is made a number of Python's own leaves float32 as it is; a choice by NumPy does not.
@case(_single((3,)), **F32)
def single_to_python_numbers(x):
    y = x[0].item() * x + x.tolist()[1] * x[::-1] + (x > 0).tolist()[2]
    y = y + math.modf(x[2] * 3)[0] * x
    return (y * y * np.where(x[0] > -9, 0.3, 0.7)).sum() * y[0]


# Python's numbers in a new array are NumPy's doubles.
@case(_single((3,)), **F32)
def single_beside_numbers_in_arrays(x):
    c, s = np.cos(x[0]), np.sin(x[0])
    R = np.array([[c, -s, 0.0], [s, c, 0.1], [0, 0, 1]])
    y = R @ x + np.maximum([x[1], 0.1, 2], x)
    y += 7 // np.int64(x[0] * 0 + 2) * x + np.int64(3) * x[1] / np.int64(7)
    return (y * y).sum() + np.sum([x[0], 0.3])
