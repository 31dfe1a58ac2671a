"""The functions whose readable gradients are held word for word in tests/golden/source.

Changing a line number here changes the texts: `pytest --update-golden`.
"""

import numpy as np

import srcgrad


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.where(z > 0, z, 0)


def chain(x, target, w1, b1, w2, b2):
    loss = (sigmoid(w2 * relu(w1 * x + b1) + b2) - target) ** 2
    return loss


def loss(w, b, X, y):
    h = np.tanh(X @ w + b)
    r = h - y
    return np.mean(r * r)


def mlp(w1, b1, w2, b2, X, y):
    h = np.maximum(X @ w1 + b1, 0)
    r = h @ w2 + b2 - y
    return np.sum(r * r) / len(y)


def logistic(r, x, n):
    for _ in range(n):
        x = r * x * (1 - x)
    return x


def smooth(u, c, n):
    for _ in range(n):
        for i in range(1, len(u) - 1):
            u[i] = c * u[i - 1] + (1 - 2 * c) * u[i] + c * u[i + 1]
    return np.sum(u * u)


def root(a):
    x = a
    while abs(x * x - a) > 1e-9:
        x = 0.5 * (x + a / x)
    return x


def scale_rows(A, s):
    for i in range(A.shape[0]):
        A[i] *= s[i]


def weighted(A, s):
    A = A.copy()
    scale_rows(A, s)
    return np.sum(np.sin(A))


def huber(r, delta):
    a = abs(r)
    if a <= delta:
        return 0.5 * r * r
    return delta * (a - 0.5 * delta)


def first_above(x, limit):
    total = 0.0
    for v in x:
        total += v * v
        if total > limit:
            return total - limit
    return total


def heat(u, c, n):
    v = np.zeros_like(u)
    for _ in range(n):
        v[1:-1] = u[1:-1] + c * (u[:-2] - 2 * u[1:-1] + u[2:])
        u, v = v, u
    return np.sum(u * u)


def wide(first_weights, second_weights, first_offsets, second_offsets, observations):
    hidden = np.tanh(
        np.tanh(observations @ first_weights + first_offsets)
        * np.sin(observations @ first_weights - first_offsets)
    )
    return np.sum(
        (hidden @ second_weights + second_offsets) ** 2
        * np.exp(-(hidden @ second_weights + second_offsets))
    )


@srcgrad.grad(backend="python")
def slope(x):
    return np.sum(x * np.sin(x))


def steepness(x):
    return np.sum(slope(x) ** 2)
