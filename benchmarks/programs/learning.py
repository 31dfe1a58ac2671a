"""NPBench's neural layers, and Numba's own first example."""

from itertools import pairwise

import numpy as np

from benchmarks.program import Arguments, Array, Program


def go_fast(a: Array) -> float:
    """Add the sum of the diagonal's tanh to every element."""
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    b = a + trace
    return np.sum(b * b)


def softmax(x: Array) -> float:
    """Apply softmax along the last of four axes."""
    shifted = np.exp(x - np.max(x, axis=-1, keepdims=True))
    y = shifted / np.sum(shifted, axis=-1, keepdims=True)
    return np.sum(y * y)


def mlp(
    x: Array, w1: Array, b1: Array, w2: Array, b2: Array, w3: Array, b3: Array
) -> float:
    """Run a perceptron of three layers with softmax at its end."""
    h = np.maximum(x @ w1 + b1, 0.0)
    h = np.maximum(h @ w2 + b2, 0.0)
    h = h @ w3 + b3
    shifted = np.exp(h - np.max(h, axis=-1, keepdims=True))
    y = shifted / np.sum(shifted, axis=-1, keepdims=True)
    return np.sum(y * y)


def _square(rng: np.random.Generator, n: int) -> Arguments:
    return (rng.normal(size=(n, n)),)


def _attention(rng: np.random.Generator, n: int) -> Arguments:
    return (rng.normal(size=(n // 4 + 1, n // 4 + 2, n, n)),)


def _layers(rng: np.random.Generator, n: int) -> Arguments:
    x = rng.uniform(size=(n // 2, n))
    sizes, parts = [n, 2 * n, n, n // 4 + 1], []
    for inner, outer in pairwise(sizes):
        parts += [rng.normal(size=(inner, outer)) / np.sqrt(inner), np.zeros(outer)]
    return x, *parts


PROGRAMS = [
    Program(go_fast, _square, (0,), 1000, 5),
    Program(softmax, _attention, (0,), 64, 6),
    Program(mlp, _layers, tuple(range(7)), 128, 8),
]
