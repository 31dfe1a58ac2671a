"""reshape, ravel, transpose, stack, concatenate, flip, roll, repeat, tile and kin."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import away

GRID = np.arange(24.0).reshape(2, 3, 4)


@case(lambda rng: (rng.normal(size=(2, 3, 4)),))
def reshapes(T):
    a = T.reshape(6, 4)
    b = np.reshape(T, (4, -1))
    c = T.reshape(-1)
    d = T.reshape((2, 12)).reshape(3, 2, 2, 2)
    e = a.reshape(2, 3, 4) * GRID
    return (a[:, 0] * c[::4]).sum() + (b[1] * c[:6]).sum() + (d**2).sum() + e.sum()


@case(lambda rng: (rng.normal(size=(3, 4)),))
def ravel_and_flatten(A):
    v = A.ravel()
    w = np.ravel(A.T)
    u = A.T.flatten()
    z = A[:, 1:3].ravel()
    return (v * w).sum() + (u[::2] * z).sum() + v[5] ** 3


@case(lambda rng: (rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 2))), argnums=(0, 1))
def transposes(T, A):
    a = T.T
    b = np.transpose(T, (1, 0, 2))
    c = T.transpose(2, 0, 1)
    d = np.transpose(A)
    return (
        (a[0] * A).sum() + (b[:, :, 1] * A).sum() + (c[2] @ A).sum() + (d @ A).trace()
    )


@case(lambda rng: (rng.normal(size=(2, 3, 4)),))
def axes_swapped_and_moved(T):
    a = np.swapaxes(T, 0, 2)
    b = T.swapaxes(-1, 1)
    return (a[:, :, 0] * b[0]).sum() + (a[1] ** 2).sum() + b[1, 2, 0]


@case(lambda rng: (rng.normal(size=4), rng.normal(size=(1, 3, 1))), argnums=(0, 1))
def axes_added_and_dropped(v, T):
    col = np.expand_dims(v, 1)
    row = np.expand_dims(v, axis=0)
    flat = np.squeeze(T)
    same = T.squeeze(axis=0).squeeze(-1)
    block = np.expand_dims(np.expand_dims(v, -1), 0) * T.reshape(1, 1, 3)
    return (
        (col * row).sum() + (flat * same).sum() + (block**2).sum() + np.squeeze(row)[1]
    )


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(4, 1)), rng.normal()))
def broadcast_to_shapes(v, c, s):
    A = np.broadcast_to(v, (4, 3))
    B = np.broadcast_to(c, (2, 4, 3))
    C = np.broadcast_to(s, 3)
    return (A * B).sum() + (A[2] * C * v).sum()


@case(
    lambda rng: (rng.normal(size=3), rng.normal(size=2), rng.normal(size=(2, 3))),
    argnums=(0, 1, 2),
    sample=True,
)
def concatenations(a, b, A):
    v = np.concatenate([a, b, a * a])
    M = np.concatenate((A, A[:1], a[None, :]), axis=0)
    N = np.concatenate([A, b[:, None]], axis=1)
    L = np.concatenate([A, A.T], axis=None)
    return (v * v[::-1]).sum() + (M @ a).sum() + (N * N).sum() + (L[:8] * v).sum()


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(3,))), argnums=(0, 1))
def stacks(a, b):
    S = np.stack([a, b, a * b])
    C = np.stack((a, b), axis=1)
    E = np.stack([S, S.T], axis=-1)
    W = np.array([a, 2.0 * b])
    return (
        (S @ C).sum() + (E[1] ** 2).sum() + (W * C.T).sum() + np.stack([a[0], b[1]])[1]
    )


@case(lambda rng: (rng.normal(size=5), rng.normal(size=(2, 3))), argnums=(0, 1))
def flips(x, A):
    s = (np.flip(x) * x).sum() + (np.flip(A) * A).sum()
    s += (np.flip(A, axis=1) * A**2).sum() + (np.flip(A, 0)[0] ** 3).sum()
    return s + (np.flip(A, axis=(0, 1)) @ x[:3])[0]


@case(lambda rng: (rng.normal(size=5), rng.normal(size=(3, 4)), 2), argnums=(0, 1))
def rolls(x, A, k):
    s = (np.roll(x, 1) * x).sum() + (np.roll(x, -k) ** 2 * x).sum()
    s += (np.roll(A, k, axis=1) * A).sum() + (np.roll(A, -1, axis=0) * A**2).sum()
    return s + (np.roll(A, 5) * A).sum() + (np.roll(x, 7) * x**3).sum()


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(2, 3))), argnums=(0, 1))
def repeats(x, A):
    v = np.repeat(x, 2)
    w = x.repeat(3)[1:-1]
    R = np.repeat(A, 3, axis=0)
    C = np.repeat(A, 2, axis=1)
    flat = np.repeat(A, 2)
    s = (v * np.arange(6.0)).sum() + (w**2).sum() + (R[3] * x).sum()
    return s + (C * C[:, ::-1]).sum() + (flat[:3] * x).sum() * flat[-1]


@case(lambda rng: (rng.normal(size=3), rng.normal(size=(2, 2))), argnums=(0, 1))
def tiles(x, A):
    v = np.tile(x, 2)
    M = np.tile(A, (2, 3))
    N = np.tile(x, (2, 1))
    return (v[1:] * v[:-1] * np.arange(5.0)).sum() + (M @ M.T).sum() + (N @ x).prod()


# A patch of each image is moved to the last axis and multiplied by the kernel.
@case(lambda rng: (rng.normal(size=(5, 5)), rng.normal(size=(3, 3))), argnums=(0, 1))
def convolution_by_stacked_patches(image, kernel):
    rows = []
    for i in range(3):
        for j in range(3):
            rows.append(image[i : i + 3, j : j + 3].ravel())
    patches = np.stack(rows)
    out = patches @ kernel.ravel()
    return (np.tanh(out.reshape(3, 3)) ** 2).sum()


# Padding by hand, a periodic one by concatenate.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=(2, 2))), argnums=(0, 1))
def padding_by_hand(x, A):
    ring = np.concatenate([x[-1:], x, x[:1]])
    lap = ring[2:] - 2.0 * ring[1:-1] + ring[:-2]
    P = np.zeros((4, 4))
    P[1:-1, 1:-1] = A
    blur = P[:-2, 1:-1] + P[2:, 1:-1] + P[1:-1, :-2] + P[1:-1, 2:]
    return (lap * x).sum() + (blur * A).sum()


# Heads of attention: split, transpose, multiply, join.
@case(
    lambda rng: (rng.normal(size=(3, 4)), 0.5 * rng.normal(size=(3, 4, 4))),
    argnums=(0, 1),
)
def attention_with_two_heads(X, W):
    n, d = X.shape
    Q, K, V = X @ W[0], X @ W[1], X @ W[2]
    q = Q.reshape(n, 2, d // 2).transpose(1, 0, 2)
    k = K.reshape(n, 2, d // 2).transpose(1, 0, 2)
    v = V.reshape(n, 2, d // 2).transpose(1, 0, 2)
    scores = q @ np.swapaxes(k, 1, 2) / np.sqrt(d / 2)
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    out = (p @ v).transpose(1, 0, 2).reshape(n, d)
    return (out * out).sum()


# Shapes read at run time decide the loops.
@case(lambda rng: (away(rng, 2, 3, 2),))
def shape_driven(T):
    s = 0.0
    n, m, k = T.shape
    for axis in range(T.ndim):
        s += T.shape[axis] * T[0, 0, 0]
    for i in range(n):
        block = T[i].reshape(m * k)
        s += block[: len(block) // 2].prod() * T.size / (n * m)
    return s + (m + T.size) * T[-1, -1, -1]


# Which axes are dropped is found out when it runs, where no argument says it.
@case(lambda rng: (rng.normal(size=(2, 3)), 1, 2))
def squeezed_at_run_time(A, one, two):
    w = np.array([1.0, 2.0])
    narrow = (A[:, :one].squeeze() * w).sum()
    return narrow + (A[:, :two].squeeze() * w).sum() * A[:one].squeeze().max()


# A bound that is None leaves integers integers.
@case(lambda rng: (rng.normal(size=4),))
def clipped_subscripts(x):
    near = np.arange(4) - 1
    return (x[np.clip(near, 0, None)] * x[(near + 2).clip(max=3)]).sum()


@case(lambda rng: (rng.normal(size=3),))
def squeezed_numbers(x):
    whole = np.asarray(x[1])
    return np.squeeze(np.sum(x)) * (x @ x).squeeze() + np.squeeze(whole) * x[0]
