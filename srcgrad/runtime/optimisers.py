"""Steps of optimisers: each changes parameters and state in place, in one pass.

Arrays are vectors of one float dtype, and all arithmetic is done in it; the numbers
behind them are rounded to it first. Nothing depends on where in a vector an element
stands, so a vector may be taken in parts. What happens to an element is a function of
its own, `adam_item` for `adam`: plain NumPy gives it the whole vectors.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import plus

__all__ = [
    "adagrad", "adam", "follow", "lion", "momentum", "rmsprop", "rmsprop_centred",
    "sgd", "square_sum",
]  # fmt: skip

ROW = 256  # squares that are added up before their sums are


def sgd_item(p, g, decay, rate):
    """Return the parameter after one step."""
    return (p - rate * (g + decay * p),)


def sgd(p, g, decay, rate):
    """Step down the gradient, to which `decay` times the parameter is added."""
    kind = p.dtype.type
    decay, rate = kind(decay), kind(rate)
    for i in range(p.size):
        (p[i],) = sgd_item(p[i], g[i], decay, rate)


def momentum_item(p, g, m, decay, keep, own, ahead, rate):
    """Return parameter and velocity after one step."""
    g = g + decay * p
    m = keep * m + g
    return p - rate * (own * g + ahead * m), m


def momentum(p, g, m, decay, keep, own, ahead, rate):
    """Step along `own * g + ahead * m`, where m is the velocity `keep * m + g`."""
    kind = p.dtype.type
    decay, keep, own = kind(decay), kind(keep), kind(own)
    ahead, rate = kind(ahead), kind(rate)
    for i in range(p.size):
        p[i], m[i] = momentum_item(p[i], g[i], m[i], decay, keep, own, ahead, rate)


def rmsprop_item(p, g, v, decay, keep, new, rate, eps):
    """Return parameter and mean square after one step."""
    g = g + decay * p
    v = keep * v + new * (g * g)
    return p - rate * g / (np.sqrt(v) + eps), v


def rmsprop(p, g, v, decay, keep, new, rate, eps):
    """Step along the gradient over the root of its mean square."""
    kind = p.dtype.type
    decay, keep, new = kind(decay), kind(keep), kind(new)
    rate, eps = kind(rate), kind(eps)
    for i in range(p.size):
        p[i], v[i] = rmsprop_item(p[i], g[i], v[i], decay, keep, new, rate, eps)


def rmsprop_centred_item(
    p, g, v, a, m, decay, keep, new, rate, eps, centre, speed, zero
):
    """Return parameter, mean square, mean and velocity after one step."""
    g = g + decay * p
    v = keep * v + new * (g * g)
    a = keep * a + new * g
    # Rounding may put the variance of a gradient that hardly changes below zero.
    m = speed * m + g / (np.sqrt(np.maximum(v - centre * (a * a), zero)) + eps)
    return p - rate * m, v, a, m


def rmsprop_centred(p, g, v, a, m, decay, keep, new, rate, eps, centre, speed, zero):
    """Do as `rmsprop`, less `centre` times the square of the mean, with a velocity."""
    kind = p.dtype.type
    decay, keep, new = kind(decay), kind(keep), kind(new)
    rate, eps, centre = kind(rate), kind(eps), kind(centre)
    speed, zero = kind(speed), kind(zero)
    for i in range(p.size):
        p[i], v[i], a[i], m[i] = rmsprop_centred_item(
            p[i], g[i], v[i], a[i], m[i],
            decay, keep, new, rate, eps, centre, speed, zero,
        )  # fmt: skip


def adagrad_item(p, g, v, decay, rate, eps):
    """Return parameter and sum of squares after one step."""
    g = g + decay * p
    v = v + g * g
    return p - rate * g / (np.sqrt(v) + eps), v


def adagrad(p, g, v, decay, rate, eps):
    """Step along the gradient over the root of the sum of its squares."""
    kind = p.dtype.type
    decay, rate, eps = kind(decay), kind(rate), kind(eps)
    for i in range(p.size):
        p[i], v[i] = adagrad_item(p[i], g[i], v[i], decay, rate, eps)


def adam_item(p, g, m, v, decay, shrink, keep1, new1, keep2, new2, rate, root, eps):
    """Return parameter, mean and mean square after one step."""
    g = g + decay * p
    m = keep1 * m + new1 * g
    v = keep2 * v + new2 * (g * g)
    return shrink * p - rate * m / (root * np.sqrt(v) + eps), m, v


def adam(p, g, m, v, decay, shrink, keep1, new1, keep2, new2, rate, root, eps):
    """Step along a mean gradient over the root of its mean square.

    `rate` and `root` hold the corrections of means that began at zero; `decay` times
    the parameter is added to the gradient, and the parameter itself shrinks.
    """
    kind = p.dtype.type
    decay, shrink, rate, root = kind(decay), kind(shrink), kind(rate), kind(root)
    keep1, new1, keep2, new2 = kind(keep1), kind(new1), kind(keep2), kind(new2)
    eps = kind(eps)
    for i in range(p.size):
        p[i], m[i], v[i] = adam_item(
            p[i], g[i], m[i], v[i],
            decay, shrink, keep1, new1, keep2, new2, rate, root, eps,
        )  # fmt: skip


def lion_item(p, g, m, shrink, keep1, new1, keep2, new2, rate):
    """Return parameter and mean after one step."""
    way = np.sign(keep1 * m + new1 * g)
    return shrink * p - rate * way, keep2 * m + new2 * g


def lion(p, g, m, shrink, keep1, new1, keep2, new2, rate):
    """Step by the sign of a mean gradient."""
    kind = p.dtype.type
    shrink, keep1, new1 = kind(shrink), kind(keep1), kind(new1)
    keep2, new2, rate = kind(keep2), kind(new2), kind(rate)
    for i in range(p.size):
        p[i], m[i] = lion_item(p[i], g[i], m[i], shrink, keep1, new1, keep2, new2, rate)


def follow_item(a, p, new):
    """Return the average a little nearer to the parameter."""
    return (a + new * (p - a),)


def follow(a, p, new):
    """Move averages towards parameters by the share `new` of the distance."""
    new = a.dtype.type(new)
    for i in range(a.size):
        (a[i],) = follow_item(a[i], p[i], new)


def square_sum(x, scale):
    """Return the sum of the squares of `scale * x` in float64."""
    total = 0.0
    for first in range(0, x.size, ROW):
        row, part = x[first : first + ROW], 0.0
        for i in range(row.size):
            item = np.float64(row[i]) * scale
            part = plus(part, item * item)
        total += part
    return total
