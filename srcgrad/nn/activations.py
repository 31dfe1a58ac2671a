"""Activations: one number in, one number out, and the softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = Any  # an array of floats


def relu(x: Floats) -> Floats:
    """Return `x` where it is positive, else 0; the slope at 0 is 0, nan stays nan.

    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return np.where(x <= 0, 0, x)


def leaky_relu(x: Floats, slope: float = 0.01) -> Floats:
    """Return `x` where it is positive, else `slope * x`, also for the slope at 0.

    >>> leaky_relu(np.array([-1.0, 2.0]))
    array([-0.01,  2.  ])
    """
    return np.where(x > 0, x, slope * x)


def elu(x: Floats, alpha: float = 1.0) -> Floats:
    """Return `x` where it is positive, else `alpha * (exp(x) - 1)`.

    Clevert, Unterthiner and Hochreiter, 2016; the slope at 0 is `alpha`.

    >>> elu(np.array([0.0, 2.0, -1000.0]))
    array([ 0.,  2., -1.])
    """
    below = np.where(x > 0, 0, x)  # nothing overflows in the part not taken
    return np.where(x > 0, x, alpha * np.expm1(below))


def gelu(x: Floats, approximate: bool = False) -> Floats:
    """Return `x` times the share of a normal distribution that is below `x`.

    Hendrycks and Gimpel, 2016; `approximate` takes their formula with tanh.

    >>> gelu(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])
    >>> gelu(np.array([1.0]), approximate=True).round(4)
    array([0.8412])
    """
    if approximate:
        inner = 0.7978845608028654 * (x + 0.044715 * (x * x * x))  # sqrt(2 / pi)
        return 0.5 * x * (1 + np.tanh(inner))
    from scipy.special import erf  # takes a tenth of a second

    return 0.5 * x * (1 + erf(0.7071067811865476 * x))


def sigmoid(x: Floats) -> Floats:
    """Return `1 / (1 + exp(-x))`, exact far below zero too; nothing overflows.

    >>> sigmoid(np.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """
    from scipy.special import expit  # takes a tenth of a second

    return expit(x)


def tanh(x: Floats) -> Floats:
    """Return the hyperbolic tangent, `np.tanh`.

    >>> tanh(np.array([0.0, 1000.0]))
    array([0., 1.])
    """
    return np.tanh(x)


def softplus(x: Floats) -> Floats:
    """Return `log(1 + exp(x))`, whose slope is the sigmoid; nothing overflows.

    >>> softplus(np.array([-1000.0, 1000.0]))
    array([   0., 1000.])
    """
    return np.logaddexp(x, 0)


def softmax(x: Floats, axis: int = -1) -> Floats:
    """Return `exp(x)`, divided by its sum along an axis.

    >>> softmax(np.array([1000.0, 1000.0]))
    array([0.5, 0.5])
    """
    from scipy import special

    return special.softmax(x, axis=axis)


def log_softmax(x: Floats, axis: int = -1) -> Floats:
    """Return the logarithm of `softmax`.

    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    from scipy import special

    return special.log_softmax(x, axis=axis)
