"""Sample inputs that stay away from ties, kinks and singular matrices at any seed."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Rng = np.random.Generator


def near(rng: Rng, *values: Any, noise: float = 0.02) -> Array:
    """Return the given values, each moved by at most `noise`."""
    centre = np.array(values, dtype=float)
    return centre + noise * rng.uniform(-1.0, 1.0, size=centre.shape)


def away(rng: Rng, *shape: int, gap: float = 0.3) -> Array:
    """Return values of both signs whose size lies between `gap` and `gap + 1`."""
    sign = rng.choice([-1.0, 1.0], size=shape)
    return sign * rng.uniform(gap, gap + 1.0, size=shape)


def spread(rng: Rng, *shape: int, low: float = -1.0, high: float = 1.0) -> Array:
    """Return values in random order of which no two lie close together."""
    count = int(np.prod(shape))
    step = (high - low) / count
    values = low + step * (np.arange(count) + 0.5 + 0.2 * rng.uniform(-1, 1, count))
    return rng.permutation(values).reshape(shape)


def positive(rng: Rng, *shape: int) -> Array:
    """Return values between 0.5 and 2."""
    return rng.uniform(0.5, 2.0, size=shape)


def matrix(rng: Rng, n: int) -> Array:
    """Return a well-conditioned square matrix."""
    return 0.3 * rng.uniform(-1.0, 1.0, size=(n, n)) + np.eye(n) * (1.0 + 0.3 * n)


def definite(rng: Rng, n: int) -> Array:
    """Return a symmetric positive definite, well-conditioned matrix."""
    a = matrix(rng, n)
    return a @ a.T
