"""Weights to begin with, drawn from a seeded `np.random.Generator`.

Shapes are those of the layers: `(in, out)` of dense ones, `(height, width, in, out)` of
convolutions. How many inputs an output has is then the product of all axes but the
last, and how many outputs an input reaches that of all but the one before the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["he_normal", "he_uniform", "orthogonal", "xavier_normal", "xavier_uniform"]

Floats = Any  # an array of floats
Rng = np.random.Generator
Shape = Sequence[int]


def xavier_normal(
    rng: Rng, shape: Shape, gain: float = 1.0, dtype: Any = np.float64
) -> Floats:
    """Draw from a normal of variance `gain**2 * 2 / (inputs + outputs)`.

    Glorot and Bengio, 2010: for tanh and sigmoid.

    Args:
        rng: Where numbers are drawn.
        shape: The shape of the weights, two axes at least.
        gain: What they are multiplied by.
        dtype: float64 or float32.

    >>> xavier_normal(np.random.default_rng(0), (784, 256), dtype=np.float32).dtype
    dtype('float32')
    """
    return _normal("xavier_normal", rng, shape, gain * _xavier(shape), dtype)


def xavier_uniform(
    rng: Rng, shape: Shape, gain: float = 1.0, dtype: Any = np.float64
) -> Floats:
    """Draw evenly from both sides of 0, with the variance of `xavier_normal`.

    >>> w = xavier_uniform(np.random.default_rng(0), (2, 4))
    >>> bool((abs(w) <= 1).all())
    True
    """
    return _uniform("xavier_uniform", rng, shape, gain * _xavier(shape), dtype)


def he_normal(
    rng: Rng, shape: Shape, gain: float = math.sqrt(2), dtype: Any = np.float64
) -> Floats:
    """Draw from a normal of variance `gain**2 / inputs`.

    He, Zhang, Ren and Sun, 2015: for relu.

    >>> w = he_normal(np.random.default_rng(0), (3, 3, 32, 64))
    >>> round(float(w.std() ** 2 * 3 * 3 * 32), 1)
    2.0
    """
    return _normal("he_normal", rng, shape, gain * _he(shape), dtype)


def he_uniform(
    rng: Rng, shape: Shape, gain: float = math.sqrt(2), dtype: Any = np.float64
) -> Floats:
    """Draw evenly from both sides of 0, with the variance of `he_normal`.

    >>> w = he_uniform(np.random.default_rng(0), (6, 4))
    >>> bool((abs(w) <= 1).all())
    True
    """
    return _uniform("he_uniform", rng, shape, gain * _he(shape), dtype)


def orthogonal(
    rng: Rng, shape: Shape, gain: float = 1.0, dtype: Any = np.float64
) -> Floats:
    """Draw a matrix whose columns (or rows, if they are fewer) are orthonormal.

    Saxe, McClelland and Ganguli, 2014; evenly over all of them (Mezzadri, 2007). More
    than two axes are a matrix of the last one against all others.

    >>> w = orthogonal(np.random.default_rng(0), (5, 3))
    >>> bool(np.allclose(w.T @ w, np.eye(3)))
    True
    """
    _fans("orthogonal", rng, shape)
    columns = shape[-1]
    rows = math.prod(shape[:-1])
    drawn = rng.normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # else some are more likely
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)


def _fans(name: str, rng: Rng, shape: Shape) -> None:
    """Raise unless numbers can be drawn for weights of this shape."""
    if not isinstance(rng, np.random.Generator):
        what = f"{name}: numbers are drawn from a Generator, not {type(rng).__name__}"
        raise TypeError(f"{what}: pass np.random.default_rng(seed)")
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"{name}: weights have two axes at least, not {tuple(shape)}")


def _xavier(shape: Shape) -> float:
    """Return the standard deviation that Glorot and Bengio found, 0 for no shape."""
    if len(shape) < 2 or min(shape) < 1:
        return 0.0
    around = math.prod(shape[:-2])
    return math.sqrt(2 / (around * (shape[-2] + shape[-1])))


def _he(shape: Shape) -> float:
    """Return the standard deviation of one over the inputs, 0 for no shape."""
    return 1 / math.sqrt(math.prod(shape[:-1])) if shape and min(shape) > 0 else 0.0


def _normal(name: str, rng: Rng, shape: Shape, width: float, dtype: Any) -> Floats:
    _fans(name, rng, shape)
    return (width * rng.normal(size=shape)).astype(dtype)


def _uniform(name: str, rng: Rng, shape: Shape, width: float, dtype: Any) -> Floats:
    _fans(name, rng, shape)
    most = width * math.sqrt(3)
    return rng.uniform(-most, most, shape).astype(dtype)
