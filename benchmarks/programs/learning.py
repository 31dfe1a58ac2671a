"""NPBench's neural layers, and Numba's own first example."""

from itertools import pairwise

import numpy as np

from benchmarks.program import Arguments, Array, Indices, Program
from srcgrad import nn


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


def cnn(
    x: Array,
    labels: Indices,
    w1: Array,
    b1: Array,
    w2: Array,
    b2: Array,
    w3: Array,
    b3: Array,
) -> float:
    """Classify images by two convolutions, each halved, and a dense layer."""
    h = nn.max_pool2d(nn.relu(nn.conv2d(x, w1, b1, padding="same")))
    h = nn.max_pool2d(nn.relu(nn.conv2d(h, w2, b2, padding="same")))
    logits = nn.dense(h.reshape(h.shape[0], -1), w3, b3)
    return nn.softmax_cross_entropy(logits, labels)


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


def _images(rng: np.random.Generator, n: int) -> Arguments:
    parts = [
        rng.uniform(size=(n, 28, 28, 1)).astype(np.float32),
        rng.integers(10, size=n),
    ]
    for shape in ((3, 3, 1, 16), (3, 3, 16, 32), (7 * 7 * 32, 10)):
        w = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        b = 0.1 * rng.normal(size=shape[-1])
        parts += [w.astype(np.float32), b.astype(np.float32)]
    return tuple(parts)


PROGRAMS = [
    Program(go_fast, _square, (0,), 1000, 5),
    Program(softmax, _attention, (0,), 64, 6),
    Program(mlp, _layers, tuple(range(7)), 128, 8),
    Program(cnn, _images, tuple(range(2, 8)), 32, 2),
]
