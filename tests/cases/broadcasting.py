"""Broadcasts, and adjoints reduced to the operand's shape."""

import numpy as np
from numpy import exp, log

from tests.cases import case
from tests.cases.inputs import away, positive, spread


# In-place from lower rank.
@case(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=(3, 1))),
    argnums=(0, 1, 2),
    sample=True,
)
def in_place_from_lower_rank(A, v, c):
    B = A * 1.0
    B += v
    B *= c
    B -= c[1, 0]
    B[1:] += v * v
    B[:, 2:] *= c
    return (B * B).sum()


# Adjoints reduced to the operand's shape: every operator once.
@case(
    lambda rng: (away(rng, 3, 1), away(rng, 4), positive(rng, 3, 4), rng.normal()),
    argnums=(0, 1, 2, 3),
)
def operators_broadcast(col, row, A, s):
    y = (col + row) * A - s
    y = y / row - col * s
    y = y + A**s * (-row)
    return (y * y).mean()


@case(
    lambda rng: (
        rng.normal(size=(2, 1, 4)),
        rng.normal(size=(3, 1)),
        rng.normal(size=(2, 3, 4)),
        rng.normal(size=(2, 1, 1, 3)),
    ),
    argnums=(0, 1, 2, 3),
)
def rank_three_and_four(a, b, c, d):
    y = a * b + c
    z = d[..., None, :].sum(axis=2) - np.sin(y[:, None, :, :3])
    return (y * y).sum() + (z * z).sum()


# Log-sum-exp by hand, integer input promoted.
@case(lambda rng: (spread(rng, 3, 4, low=-2.0, high=2.0),))
def logsumexp_by_hand(A):
    m = A.max(axis=1, keepdims=True)
    return (log(exp(A - m).sum(axis=1)) + m[:, 0]).sum()


@case(lambda rng: (np.array([3, 1, 2]), rng.normal(size=3)), argnums=1)
def logsumexp_of_promoted_integers(k, x):
    z = k * x
    m = max(z)
    return m + log(np.sum(exp(z - m)))


@case(lambda rng: (rng.normal(size=(3, 5)), np.array([4, 0, 2])))
def softmax_cross_entropy_by_hand(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = exp(shifted)
    p = e / e.sum(axis=1)[:, None]
    return -np.mean(log(p[np.arange(3), labels]))


@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(5, 3))), argnums=(0, 1))
def pairwise_distances(X, Y):
    d = X[:, None, :] - Y[None, :, :]
    sq = (d * d).sum(axis=-1)
    return np.exp(-0.5 * sq).sum()


@case(lambda rng: (rng.normal(size=(5, 3)),))
def columns_standardised(X):
    Z = X - X.mean(axis=0)
    Z /= X.std(axis=0) + 0.1
    Z -= Z[0]
    return (Z**3).sum()


# A scalar meets arrays of each rank; a 0-d array is a scalar too.
@case(
    lambda rng: (
        rng.normal(),
        np.array(rng.normal()),
        rng.normal(size=3),
        rng.normal(size=(2, 3)),
    ),
    argnums=(0, 1, 2, 3),
)
def scalars_meet_arrays(a, z, v, A):
    y = a * v + z
    B = z - A * a
    w = 2.0 * z * a
    return (y * B).sum() + w**2 + (v**2 * a).sum() / (1.0 + z * z)


# Arrays of one element.
@case(
    lambda rng: (away(rng, 1), away(rng, 4), rng.normal(size=(1, 1))),
    argnums=(0, 1, 2),
)
def arrays_of_one_element(one, v, block):
    y = one * v + block
    y[0] *= one
    return (y * y).sum() + one[0] * block[0, 0]


# Equal at run time only: `x[:k] + y`.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=3), 3), argnums=(0, 1))
def lengths_equal_at_run_time(x, y, k):
    z = x[:k] + y
    w = x[k:] * z
    return (w * y).sum()


# Either of two slices is of length one at run time, and one that is stored.
@case(
    lambda rng: (rng.normal(size=6), rng.normal(size=6), 4, 1), argnums=(0, 1)
)
def either_slice_is_of_length_one(x, y, k, m):
    z = x[:k] * y[:m] + y[:k]
    w = np.zeros(4)
    w[:] = y[2 : 2 + m] * x[0]
    return (z * z).sum() + (w * x[:4]).sum()


# x[k : k + 1] is taken to be one long; beyond the end it is empty.
@case(
    lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), 4), argnums=(0, 1)
)
def slices_of_one_or_none(x, y, k):
    total = 0.0
    for j in range(x.shape[1]):
        total += ((x[:, j : j + 1] * y) ** 2).sum() + (y[j : j + 1] * x).sum()
    gone = x[k : k + 1] * y[:1] + x[1:2] * y[k : k + 1]
    none = x[k : k + 1] * y[k + 1 : k + 2]
    return total + gone.sum() + none.sum() * 2.0


# A slice of length one at run time broadcasts.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=3), 1), argnums=(0, 1))
def slice_of_one_broadcasts(x, y, k):
    z = x[:k] * y
    z += x[4 : 4 + k]
    return (z * z).sum()


@case(
    lambda rng: (away(rng, 3, 1), away(rng, 4), spread(rng, 3, 4)),
    argnums=(0, 1, 2),
)
def selection_broadcasts(c, r, A):
    y = np.where(A > 0.0, c * A, r)
    y = np.maximum(y, c - 9.0) + np.minimum(r + 9.0, A)
    z = np.where(c > 0, A, 0.0) * np.where(True, r, c)
    return (y * y).sum() + z.sum()


@case(lambda rng: (rng.normal(size=4), rng.normal(size=(4, 4))), argnums=(0, 1))
def gram_schmidt_shapes(x, A):
    y = x[:, None] @ x[None, :]
    z = A - y * np.eye(4)
    u = z / np.linalg.norm(z, axis=0)
    return (u[:, 1] * x).sum() + (u * A.T).sum()


# A row stored into all rows, a column into all columns, a scalar into a block.
@case(lambda rng: (away(rng, 4), away(rng, 3)), argnums=(0, 1))
def broadcast_on_store(r, c):
    A = np.zeros((3, 4))
    A[:] = r
    A[:, 1:3] = c[:, None] * r[0]
    A[1:, 0] = c[2]
    A[0] = r[1] * r
    T = np.ones((2, 3, 4))
    T[:, 1:] = r * r
    T *= A
    return (T * T).sum()


# A part that has length one when it runs is spread too.
@case(lambda rng: (rng.normal(size=4), 1))
def spread_from_one_at_run_time(x, k):
    return (np.broadcast_to(x[:k], (4,)) * x).sum() + np.broadcast_to(x[:k], (2, k)).sum()
