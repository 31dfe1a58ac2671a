"""Writes in place: elements, slices, whole arrays, swaps and augmented assignment."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import away, definite, matrix, near, positive


# `y = zeros; y[i] = x[i]*x[i]` loop.
@case(lambda rng: (rng.normal(size=5),))
def elements_filled_in_loop(x):
    y = np.zeros(5)
    for i in range(5):
        y[i] = x[i] * x[i]
    return (y * x).sum()


# Element swap by temporary.
@case(lambda rng: (rng.normal(size=6),))
def swap_by_temporary(x):
    y = x * x
    for i in range(3):
        tmp = y[i]
        y[i] = y[5 - i] * 2.0
        y[5 - i] = tmp
    return (y * np.arange(6.0)).sum() * y[0]


@case(lambda rng: (rng.normal(size=5),))
def swap_of_elements_by_tuple(x):
    y = x.copy()
    i, j = 1, 3
    y[i], y[j] = y[j], y[i]
    y[0], y[i], y[j] = y[i] * y[0], y[j], y[0]
    return (y * np.array([1.0, 2.0, 3.0, 4.0, 5.0])).sum()


# Sorting by swaps: the data decide which elements change places.
@case(lambda rng: (rng.permutation(near(rng, 0.1, 0.9, 0.4, 1.7, 1.2)),))
def bubble_sort(x):
    y = x.copy()
    n = len(y)
    for i in range(n):
        for j in range(n - 1 - i):
            if y[j] > y[j + 1]:
                y[j], y[j + 1] = y[j + 1], y[j]
    return y[0] * y[1] + y[2] ** 2 - y[3] * y[4]


# Tuple swap with arithmetic `a, b = b*a, a+b`.
@case(lambda rng: (near(rng, 0.5, 1.2, 0.8),))
def tuple_swap_with_arithmetic(x):
    a = x[0] * x[1]
    b = x[2]
    for _ in range(3):
        a, b = b * a, a + b
    return a + b


# Ping-pong buffers swapped by name.
@case(lambda rng: (rng.normal(size=6),), sample=True)
def ping_pong_buffers(x):
    a = x * 1.0
    b = np.zeros(6)
    for _ in range(4):
        b[1:-1] = a[:-2] * a[1:-1] + a[2:]
        a, b = b, a
    return a.sum() + 0.1 * b[2]


# Nested unpacking.
@case(lambda rng: (near(rng, 0.5, 1.2, 0.8, 0.3),))
def nested_unpacking(x):
    (a, b), (c, (d,)) = (x[0], x[1]), (x[2], (x[3],))
    [p, q], r = [a * b, c], d
    u, v, w, z = x * x
    (p, q), r = (q * r, p), p + q
    return p * u + q * v + r * w + z


# `a = b = expr` then `a += c` for scalars: b keeps its value.
@case(lambda rng: (near(rng, 0.5, 1.2),))
def several_targets_scalar(x):
    a = b = x[0] * 2.0
    a += x[1]
    a *= 3.0
    return a * b


# `a = b = expr` then `a += c` for arrays: b is the same array.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def several_targets_array(x, c):
    a = b = x * 2.0
    a += c
    a[1] *= 3.0
    return (a * b).sum()


# Targets are assigned from left to right: the index is the new one.
@case(lambda rng: (rng.normal(size=4),))
def targets_from_left_to_right(x):
    y = x * x
    i = 0
    i, y[i] = 2, x[1] * x[3]
    j = y[i] = x[0] * 1.5
    return (y * y).sum() + j


# Constant store into one element then whole-array square.
@case(lambda rng: (rng.normal(size=5),))
def constant_store_then_square(x):
    y = x * 3.0
    y[2] = 1.0
    y = y * y
    return y.sum() + y[0] * y[2]


# Store overwritten again.
@case(lambda rng: (rng.normal(size=4),))
def store_overwritten(x):
    y = np.zeros(4)
    y[1] = x[0] ** 3
    z = y[1] * x[2]
    y[1] = x[1] * x[1]
    y[1] = y[1] * x[3]
    y[:2] = y[1:3]
    return z + y.sum()


# Gauss-Seidel in place (linear: no storage at all).
@case(lambda rng: (rng.normal(size=5),), sample=True)
def gauss_seidel_in_place(x):
    A = np.outer(x, x) + 1.0
    for _ in range(2):
        for i in range(1, 4):
            for j in range(1, 4):
                A[i, j] = (A[i - 1, j] + A[i, j - 1] + A[i, j + 1] + A[i + 1, j]) / 4.0
    return (A * A).sum()


# In-place Cholesky, LU, Thomas.
@case(lambda rng: (definite(rng, 4),))
def cholesky_in_place(A):
    n = A.shape[0]
    for j in range(n):
        for k in range(j):
            A[j, j] -= A[j, k] * A[j, k]
        A[j, j] = np.sqrt(A[j, j])
        for i in range(j + 1, n):
            for k in range(j):
                A[i, j] -= A[i, k] * A[j, k]
            A[i, j] = A[i, j] / A[j, j]
    s = 0.0
    for j in range(n):
        s += np.log(A[j, j])
        for i in range(j):
            s += A[j, i]
    return s


@case(lambda rng: (matrix(rng, 4),))
def lu_in_place(A):
    n = len(A)
    for k in range(n - 1):
        for i in range(k + 1, n):
            A[i, k] /= A[k, k]
            A[i, k + 1 :] -= A[i, k] * A[k, k + 1 :]
    d = 1.0
    for k in range(n):
        d *= A[k, k]
    return d


@case(
    lambda rng: (rng.normal(size=4), 4.0 + rng.uniform(size=5), rng.normal(size=4)),
    argnums=(0, 1, 2),
)
def thomas_in_place(lower, diag, upper):
    n = diag.shape[0]
    rhs = np.ones(n)
    for i in range(1, n):
        m = lower[i - 1] / diag[i - 1]
        diag[i] -= m * upper[i - 1]
        rhs[i] -= m * rhs[i - 1]
    rhs[n - 1] = rhs[n - 1] / diag[n - 1]
    for i in range(n - 2, -1, -1):
        rhs[i] = (rhs[i] - upper[i] * rhs[i + 1]) / diag[i]
    return (rhs * rhs).sum()


# In-place prefix recurrence.
@case(lambda rng: (rng.uniform(0.5, 1.2, size=6),))
def prefix_recurrence(x):
    y = x.copy()
    for i in range(1, 6):
        y[i] = y[i] * y[i - 1] + np.sin(y[i - 1])
    return y[-1] + y[2]


# One name reused as scalar, array, int.
@case(lambda rng: (rng.normal(size=4),))
def name_reused(x):
    t = x[0] * x[1]
    s = t * t
    t = x * s
    s = t.sum()
    t = 2
    s = s * x[t]
    t = np.outer(x, x)
    return s + t[1, 2]


# Argument mutated by the function.
@case(lambda rng: (rng.normal(size=5), rng.normal()), argnums=(0, 1))
def argument_mutated(x, a):
    x *= a
    x[0] = x[1] * x[2]
    x += 1.0
    return (x**2).sum()


# Two arguments are written, each from the other.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def arguments_written_from_each_other(x, y):
    for i in range(3):
        x[i + 1] = x[i] * y[i]
        y[i] = np.sin(x[i + 1]) + y[i + 1]
    return x @ y


# Function returning its argument.
@case(lambda rng: (rng.normal(),))
def returns_its_argument(x):
    return x


# Augmented assignment of all operators, scalar.
@case(lambda rng: (near(rng, 1.4, 0.7, 2.3),))
def augmented_scalar_operators(x):
    s = x[0]
    s += x[1]
    s -= 0.3 * x[2]
    s *= x[0]
    s /= x[1] + 1.0
    s **= 2
    s %= 5.0
    n = 7
    n //= 2
    n <<= 2
    n |= 1
    n ^= 4
    n >>= 1
    n &= 6
    n %= 4
    return s * n + s


# Augmented assignment of all operators, whole arrays, slices and elements.
@case(lambda rng: (positive(rng, 4), positive(rng, 4)), argnums=(0, 1))
def augmented_array_operators(x, w):
    y = x.copy()
    y += w
    y -= 0.2 * x
    y *= w
    y /= x
    y **= 2
    y[1:] += w[1:]
    y[:2] -= x[:2] * w[2:]
    y[::2] *= 1.5
    y[1] /= w[1]
    y[2] **= 1.5
    return y.sum()


@case(lambda rng: (away(rng, 3, 3), rng.normal(size=(3, 3))), argnums=(0, 1))
def augmented_matmul(A, B):
    C = A.copy()
    C @= B
    C += A
    C @= B
    return (C * A).sum()


# An accumulator array that is added to, then scaled by its own data.
@case(lambda rng: (rng.normal(size=5),))
def accumulator_array(x):
    acc = np.zeros(3)
    acc += x[:3]
    acc *= x[0]
    acc += acc[1] * x[2:]
    return (acc * acc).sum()


# `B = zeros((4, 4)); B[:2, :2] = ...`: blocks of a matrix.
@case(lambda rng: (rng.normal(size=(2, 2)), rng.normal(size=(2, 2))), argnums=(0, 1))
def block_matrix(P, Q):
    B = np.zeros((4, 4))
    B[:2, :2] = P
    B[2:, 2:] = P @ Q
    B[:2, 2:] = Q.T
    B[3, :] += B[0, :]
    return (B @ B).sum()


# Heat equation: each step reads the old inside of u, written in place.
@case(lambda rng: (rng.normal(size=8), rng.uniform(0.1, 0.3)), argnums=(0, 1))
def stencil_in_place(u, k):
    for _ in range(3):
        u[1:-1] = u[1:-1] + k * (u[2:] - 2.0 * u[1:-1] + u[:-2]) * u[1:-1]
    return (u * u).sum()


# The old value of the written element is still wanted afterwards.
@case(lambda rng: (rng.normal(size=5),))
def old_element_wanted_later(x):
    y = np.sin(x)
    before = y * y
    kept = y[3]
    y[3] = kept * x[0]
    y[3] = y[3] * y[3]
    return (before * y).sum() + kept


# A loop-invariant array is overwritten after the loop has read it.
@case(lambda rng: (rng.normal(size=4),))
def overwritten_after_the_loop(x):
    w = x * x
    s = 0.0
    for i in range(4):
        s = s * w[i] + x[i]
    w[:] = 0.5
    w[0] = s
    return (w * x).sum()


# Fill, Ellipsis and whole-slice stores end what was there before.
@case(lambda rng: (rng.normal(size=(2, 3)),))
def whole_stores(A):
    B = A * A
    s = B.sum()
    B[...] = A[0]
    s += (B * B).sum()
    B[:] = 2.0
    s *= B[0, 0]
    B.fill(0.0)
    B[1] = A[1] * s
    return B.sum()


# A 0-d array is storage, not a scalar.
@case(lambda rng: (rng.normal(size=4),))
def zero_dimensional_storage(x):
    acc = np.zeros(())
    other = acc
    for v in x:
        acc[...] = acc + v * v
        acc += 0.5
    return float(acc[()] * other)


# An array of rank 0 that a name is bound to before numbers; two names for one.
@case(lambda rng: (near(rng, 0.4, 0.8, -0.5),))
def numbers_after_an_array_of_rank_zero(x):
    s = np.array(0.0)
    for v in x:
        s = s + v * v
    t = np.full((), x[0])
    u = t
    for i in range(3):
        t *= x[i]
        if x[i] > 0:
            u[...] = t * x[1]
    return np.sin(s) * u.item() + float(t) + s


# A helper adds to an array of rank 0, which is the result.
@case(lambda rng: (rng.normal(size=3),))
def helper_adds_to_rank_zero(x):
    def add(total, v):
        total += v

    total = np.array(1.0)
    for v in x:
        add(total, v * v * total)
    return total


# The loop body fills a fresh work array each time and keeps one number of it.
@case(lambda rng: (rng.normal(size=(3, 4)),))
def fresh_work_array_per_iteration(A):
    best = 0.0
    for i in range(3):
        work = np.zeros(4)
        for j in range(4):
            work[j] = A[i, j] + (work[j - 1] ** 2 if j > 0 else 0.0)
        best = best * 0.5 + work[3] * work[1]
    return best


# An array that is worked out again is needed in a loop and was made before all loops.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=(4, 4))), argnums=(0, 1))
def worked_out_again_in_a_while(x, a):
    z = np.sin(x)
    a = 0.5 * a - 0.2 * x[:, None]
    c = 0
    while c < 3 and x[1] < 9.0:
        c += 1
        if c % 2 == 0:
            z[:3] += 0.3 * (np.tanh(z[1:]) - a[c, :3] * np.cos(a[c - 1, 1:]))
    a[:3, 1] += 0.3 * x[1:]
    return np.sum(z) + np.sum(a * a)
