"""Scale: programs that need checkpoints or parallel loops to be run well."""

import math

import numpy as np

from tests.cases import case
from tests.cases.inputs import near, positive


# 10^6 steps with bounded memory by checkpointing.
@case(
    lambda rng: (near(rng, 0.5)[0], near(rng, 0.9)[0], 1_000_000),
    argnums=(0, 1),
    scale=True,
)
def million_steps(x, a, n):
    h = 3.0 / n
    for _ in range(n):
        x = x + h * math.sin(a * x)
    return x * x


# The same with a small array as the state.
@case(
    lambda rng: (near(rng, 1.0, 0.3), near(rng, 0.1)[0], 20_000),
    argnums=(0, 1),
    scale=True,
)
def oscillator_many_steps(state, damping, n):
    h = 4.0 / n
    for _ in range(n):
        v = state[1] - h * (np.sin(state[0]) + damping * state[1])
        state = np.array([state[0] + h * v, v])
    return state[0] ** 2 + state[1]


# Parallel loops whose forward gathers.
@case(
    lambda rng: (rng.normal(size=12), np.array([3, 3, 0, 7, 11, 7, 1, 2, 5, 5, 9, 4])),
)
def parallel_gather(x, idx):
    y = np.zeros(12)
    for i in range(12):
        y[i] = np.sin(x[idx[i]]) * x[i - 1] + x[(i + 1) % 12]
    return (y * y).sum()


@case(
    lambda rng: (positive(rng, 6, 5), rng.normal(size=5)),
    argnums=(0, 1),
)
def parallel_rows(A, w):
    total = 0.0
    for i in range(A.shape[0]):
        acc = 0.0
        for j in range(A.shape[1]):
            acc += A[i, j] * np.exp(-w[j] * A[i, j])
        total += math.sqrt(acc * acc + 1.0)
    return total


@case(lambda rng: (rng.standard_normal((2, 3)),))
def each_place(x):
    y, s = np.zeros_like(x), 0.0
    for index in np.ndindex(x.shape):
        y[index] = x[index] * sum(index)
    for i, j in np.ndindex(len(x), 2):
        y[i, j] += x[i, j + 1] ** 2
    for (i, j), v in np.ndenumerate(y):
        s += (i + 2 * j) * v**2
        if i + 1 < len(y):
            y[i + 1, j] *= v
    for k, v in enumerate(y.T.flat):
        s += k * v
    return s + sum(v * w for v, w in zip(x.flat, y.flat))
