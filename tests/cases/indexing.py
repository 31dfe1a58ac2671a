"""Elements, slices, None, Ellipsis, index arrays and masks, read and written."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import away, near, positive, spread


# Scatter-add with duplicates by loop.
@case(
    lambda rng: (rng.normal(size=6), np.array([0, 2, 1, 2, 0, 2])),
)
def scatter_add_by_loop(x, idx):
    bins = np.zeros(3)
    for k in range(6):
        bins[idx[k]] += x[k] * x[k]
    return (bins * bins).sum()


# Scatter-add with duplicates by `np.add.at`.
@case(
    lambda rng: (rng.normal(size=6), np.array([0, 2, 1, 2, 0, 2])),
)
def scatter_add_at(x, idx):
    bins = np.zeros(3)
    np.add.at(bins, idx, x * x)
    return (bins * bins).sum()


# Fancy `y[idx] += v` (NumPy keeps the last write).
@case(lambda rng: (rng.normal(size=4), rng.normal(size=5)), argnums=(0, 1))
def fancy_add_keeps_the_last(x, v):
    y = x * x
    idx = np.array([1, 3, 1, 0, 3])
    y[idx] += v
    return (y * y).sum()


@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def fancy_store_keeps_the_last(x, v):
    y = np.sin(x)
    y[[2, 0, 2, 1]] = v * v
    y[np.array([3, 3])] *= 2.0
    return (y * x).sum()


# Gather with duplicates (contributions add).
@case(lambda rng: (rng.normal(size=4), np.array([3, 1, 1, 0, 3, 3, -1])))
def gather_with_duplicates(x, idx):
    y = x[idx]
    return (y * y * np.arange(7.0)).sum()


# Boolean-mask store and in-place multiply.
@case(
    lambda rng: (spread(rng, 6, low=-1.5, high=1.5), rng.normal()),
    argnums=(0, 1),
    sample=True,
)
def mask_store_and_multiply(x, a):
    y = x * x
    mask = x > 0
    y[mask] *= a
    y[~mask] = x[0] * 0.5
    y[(x > 0.5) | (x < -1.0)] += a
    return (y * y).sum()


# `y[y < 0] = 0`.
@case(lambda rng: (spread(rng, 6),))
def negative_set_to_zero(x):
    y = x * 2.0
    y[y < 0] = 0
    return (y * y * x).sum()


# `x[x > 0]`: a vector whose length depends on the data.
@case(lambda rng: (spread(rng, 8),))
def mask_read(x):
    p = x[x > 0]
    q = x[x <= 0]
    return (p * p).sum() + np.exp(q).sum() * len(p) / (1 + q.size)


@case(lambda rng: (away(rng, 7),))
def mask_moves_elements(x):
    y = np.zeros(7)
    m = x < 0.0
    y[m] = x[m] ** 2
    y[~m] = x[~m][::-1] * x[0]
    return (y * np.arange(7.0)).sum()


@case(lambda rng: (away(rng, 3, 4), rng.normal(size=3)), argnums=(0, 1))
def mask_on_rows_and_whole(A, w):
    B = A * A
    B[w > 50.0] = 1.0
    B[np.array([True, False, True])] *= 2.0
    B[A < 0] = 0.25
    B[:, np.array([False, True, True, False])] += w[:, None]
    return (B[A > 0] * A[A > 0]).sum() + B.sum()


# Accumulate into a slice.
@case(lambda rng: (rng.normal(size=5), rng.normal(size=3)), argnums=(0, 1))
def accumulate_into_slice(x, h):
    out = np.zeros(7)
    for i in range(5):
        out[i : i + 3] += x[i] * h
    return (out**2).sum()


# Negative indices.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=(3, 4))), argnums=(0, 1))
def negative_indices(x, A):
    y = x.copy()
    y[-1] = y[-2] * y[-6]
    y[-3:] *= 2.0
    s = A[-1, -2] * A[-3][-1] + y[:-1].sum()
    for i in range(1, 4):
        s += y[-i] * x[i]
    return s


# An index that wraps by itself: u[i - 1] is u[-1] for i = 0.
@case(lambda rng: (rng.normal(size=6),))
def periodic_by_negative_index(u):
    n = len(u)
    v = np.empty(n)
    for i in range(n):
        v[i] = u[i - 1] * u[i] + 0.5 * u[(i + 1) % n]
    return (v * v).sum()


# None.
@case(lambda rng: (rng.normal(size=3), rng.normal(size=4)), argnums=(0, 1))
def new_axes(a, b):
    P = a[:, None] * b[None, :]
    Q = a[np.newaxis, :, None] - b
    w = a[None]
    w[0, 1:] += 1.0
    return (P * Q[0]).sum() + Q.mean() + (w * w).sum()


# Ellipsis.
@case(lambda rng: (rng.normal(size=(2, 3, 4)),))
def ellipsis_read_and_written(A):
    B = A * A
    B[..., 0] = A[..., 1] * 2.0
    B[0, ...] += A[1, ...]
    B[1, ..., -1] *= A[0, :, 0]
    B[..., 1, :] -= 0.5
    return (B * A).sum() + B[..., 2].sum()


# Mixed int and slice.
@case(lambda rng: (rng.normal(size=(3, 4, 2)),))
def mixed_int_and_slice(A):
    B = A.copy()
    B[1, :, 0] = B[0, ::-1, 1]
    B[:, 2, 1] *= B[:, 0, 0]
    B[2, 1:3] += B[0, 1, :]
    B[2, 0, 1] = B[1, 3, 0] * 2.0
    return (B * B).sum() + B[1, 2:, 1].sum()


# Empty slices.
@case(lambda rng: (rng.normal(size=4), 2))
def empty_slices(x, k):
    y = x * x
    y[k:k] = 7.0
    y[3:1] *= 100.0
    y[9:] = 1.0
    s = y[k:2].sum() + y[:0].sum()
    for i in range(4):
        y[i] += (y[:i] * x[:i]).sum()
    return y.sum() + s


# Slices reaching beyond the ends are cut, negative ones counted from the end.
@case(lambda rng: (rng.normal(size=6), -3))
def slices_beyond_the_ends(x, k):
    s = (x[2:100] * 2.0).sum() + x[-99:2].prod()
    s += (x[k:] * x[:-k]).sum() + x[4:1:-1] @ x[:3]
    s += x[:k].sum() * x[-1:0:-2].sum()
    return s


# Slices whose bounds are computed in the loop (a moving window).
@case(lambda rng: (rng.normal(size=9), 3))
def moving_window(x, w):
    s = 0.0
    for i in range(len(x) - w + 1):
        part = x[i : i + w]
        s += part.mean() * part[w // 2] - part[0] * part[-1]
    for i in range(0, 9, 4):
        lo = max(0, i - 1)
        hi = min(9, i + 2)
        s += x[lo:hi].sum() ** 2
    return s


# Index array modified between forward and reverse use.
@case(lambda rng: (rng.normal(size=5),))
def index_array_modified(x):
    idx = np.array([4, 0, 2])
    y = x[idx] * x[:3]
    s = 0.0
    for k in range(3):
        s += y[k] * x[idx[k]]
        idx[k] = (idx[k] + 2) % 5
    idx[0] = 1
    y[idx[:2] % 3] = x[idx[1:]]
    idx[:] = 0
    return s + (y * y).sum()


# CSR loops `for k in range(ptr[i], ptr[i+1])`.
@case(
    lambda rng: (
        rng.normal(size=6),
        rng.normal(size=4),
        np.array([0, 2, 2, 5, 6]),
        np.array([0, 3, 1, 2, 3, 0]),
    ),
    argnums=(0, 1),
    sample=True,
)
def csr_matvec(data, x, ptr, col):
    n = len(ptr) - 1
    y = np.zeros(n)
    for i in range(n):
        for k in range(ptr[i], ptr[i + 1]):
            y[i] += data[k] * x[col[k]]
    return (y * y).sum()


# Index arrays for two axes, for one of two, and with broadcasting.
@case(lambda rng: (rng.normal(size=(4, 3)),))
def index_arrays_on_a_matrix(A):
    i = np.array([0, 2, 2, 3])
    j = np.array([1, 1, 0, 2])
    s = (A[i, j] ** 2).sum()
    s += (A[i] * A[0]).sum() + A[:, j].prod(axis=1).sum()
    s += (A[i, 1] * A[i, -1]).sum()
    s += (A[i[:, None], j[:3]] ** 3).sum()
    return s


@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=3)), argnums=(0, 1))
def index_arrays_on_a_matrix_written(A, v):
    B = A * A
    rows = np.array([0, 1, 2])
    cols = np.array([3, 0, 1])
    B[rows, cols] = v
    B[[0, 2]] = B[[2, 0]]
    B[:, cols] *= v[:, None]
    B[rows[:2], 2] += v[1:]
    return (B * B).sum()


# A permutation and its inverse.
@case(lambda rng: (rng.normal(size=6), rng.permutation(6)))
def permutation_and_back(x, perm):
    y = np.empty(6)
    y[perm] = x * x
    z = y[perm]
    inverse = np.zeros(6, dtype=int)
    for k in range(6):
        inverse[perm[k]] = k
    return (y * x).sum() + (z[inverse] * y).sum()


# `x[argmax(x)]**2`.
@case(lambda rng: (spread(rng, 6), spread(rng, 3, 4)), argnums=(0, 1))
def element_at_the_largest(x, A):
    k = np.argmax(x)
    s = x[k] ** 2 * x[np.argmin(x)]
    best = A.argmax(axis=1)
    for i in range(3):
        s += A[i, best[i]] * x[i]
    return s + A[np.arange(3), A.argmin(axis=1)].sum()


# `k = int(x[0]); x[k]*x[0]`.
@case(lambda rng: (near(rng, 2.4, 1.1, 0.7, 1.9),))
def index_from_data(x):
    k = int(x[0])
    m = int(np.floor(x[3] * 1.5))
    return x[k] * x[0] + x[m] ** 2


# Table lookup with linear interpolation.
@case(lambda rng: (rng.normal(size=7), near(rng, 0.25, 2.6, 4.4, 5.7)), argnums=(0, 1))
def table_interpolated(table, at):
    s = 0.0
    for t in at:
        k = int(t)
        f = t - k
        s += ((1.0 - f) * table[k] + f * table[k + 1]) ** 2
    return s


# The same done for all points at once.
@case(lambda rng: (rng.normal(size=7), near(rng, 0.25, 2.6, 4.4, 5.7)), argnums=(0, 1))
def table_interpolated_at_once(table, at):
    k = np.floor(at).astype(int)
    f = at - k
    return (((1.0 - f) * table[k] + f * table[k + 1]) ** 2).sum()


# Chained subscripts, rows of rows, rank 4.
@case(lambda rng: (rng.normal(size=(2, 3, 2, 2)),))
def chained_subscripts(A):
    B = A * A
    B[1][0][1] = A[0, 2, 1]
    B[0][2][1][0] *= 3.0
    B[1, 1:][1][0] += A[0][0, 1]
    return (B[0] * B[1]).sum() + B[1][2, 1, 0]


# Several updates meet in one element of the target.
@case(lambda rng: (rng.normal(size=5), rng.normal(size=4)), argnums=(0, 1))
def histogram_with_weights(x, w):
    edges = np.array([0, 1, 1, 3])
    h = x * 0.0
    for k in range(4):
        h[edges[k]] += w[k] * x[k + 1]
        h[edges[k] + 1] -= w[k] * w[k]
    return (h * h).sum() + h[1] * x[0]


# Subscripts that the loop writes: linked list order.
@case(lambda rng: (positive(rng, 5), np.array([3, 4, 1, 2, -1])))
def linked_list(x, following):
    at = 0
    s = 1.0
    while at >= 0:
        s = s * x[at] + 0.5
        at = following[at]
    return s * x[0]


# Element reads by tuple, by variable tuple, and item().
@case(lambda rng: (rng.normal(size=(3, 3)),))
def index_is_a_tuple(A):
    at = (1, 2)
    s = A[at] * A[(0, 1)]
    for i, j in [(0, 0), (2, 1), (1, 1)]:
        s += A[i, j] * A[j, i]
    return s * A[2, 2].item()


# Numbers count as index arrays: with a slice between, the gathered axis comes first.
@case(lambda rng: (rng.normal(size=(2, 3, 4)), np.array([3, 0, 3]), rng.normal(size=4)))
def number_and_array_apart(x, k, w):
    y = x.copy()
    y[1, :, k] *= np.array([1.0, 2.0, 3.0])
    return (y[0, :, k] * np.arange(3.0)[:, None]).sum() + (y[:, 0, k] ** 2).sum() + w[k].sum()
