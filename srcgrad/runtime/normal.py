"""The error function's relatives: scaled, inverse, and those of the normal law."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

__all__ = [
    "erfcinv", "erfcx", "erfcx_slope", "erfinv", "log_ndtr", "ndtr", "ndtri",
]  # fmt: skip

ROOT_HALF, ROOT_TWO = 0.7071067811865476, 1.4142135623730951
ROOT_PI, SLOPE = 1.772453850905516, 1.1283791670955126  # of erf at 0


def _exp_square(x, sign):
    """Return exp(sign * x * x), the square taken in twice the precision."""
    wide = 134217729.0 * x
    high = wide - (wide - x)
    return math.exp(sign * high * high) * math.exp(sign * (x - high) * (x + high))


def erfcx(x):
    """Return exp(x * x) * erfc(x)."""
    if x < -26.7:
        return math.inf
    if x < 0.0:
        return 2.0 * _exp_square(x, 1.0) - erfcx_right(-x)
    return erfcx_right(x)


def erfcx_right(x):
    """Return `erfcx` of a number that is not below zero."""
    if x < 10.0:
        return _exp_square(x, 1.0) * math.erfc(x)
    if x > 1e8:
        return 1.0 / (x * ROOT_PI)
    step = -0.5 / (x * x)
    term = total = 1.0
    for k in range(1, 30, 2):
        term *= k * step
        total += term
    return total / (x * ROOT_PI) if x == x else x


def erfcx_slope(x, order):
    """Return the derivative of `erfcx` of an order >= 1.

    It is (-2)^n n! y(n) with 2 n y(n) = y(n - 2) - 2 x y(n - 1), y(-1) = 2 / sqrt(pi):
    taken downwards where the numbers fall, as Miller did.
    """
    if x > 1e8:
        return (-1.0) ** order * math.gamma(order + 1.0) / (ROOT_PI * x) / x**order
    if not x >= 0.5:
        before, now = erfcx(x), 2.0 * x * erfcx(x) - SLOPE
        for n in range(2, order + 1):
            before, now = now, 2.0 * x * now + 2.0 * (n - 1) * before
        return now
    after, y, wanted = 0.0, 1e-250, 0.0
    for n in range(order + 20 + int(171.0 / (x * x)), -2, -1):
        if n == order:
            wanted = y
        if n > -1:
            after, y = y, 2.0 * (n + 1) * after + 2.0 * x * y
        if y > 1e200:
            after, y, wanted = after * 1e-200, y * 1e-200, wanted * 1e-200
    return (-2.0) ** order * math.gamma(order + 1.0) * SLOPE * (wanted / y)


def _guess(tail):
    """Return about where erfc is `tail`, for 0 < tail <= 1 (Winitzki)."""
    log = math.log(tail) + math.log(2.0 - tail)
    half = 4.330746750799873 + 0.5 * log
    return math.sqrt(math.sqrt(half * half - log / 0.147) - half)


def _central(x):
    """Return the inverse of erf, for numbers up to a half."""
    if x == 0.0:
        return x
    y = math.copysign(_guess(1.0 - abs(x)), x) if abs(x) > 1e-3 else x / SLOPE
    for _ in range(3):
        step = (math.erf(y) - x) / (SLOPE * math.exp(-y * y))
        y -= step / (1.0 + y * step)
    return y


def _outer(tail):
    """Return where erfc is `tail`, for 0 < tail <= 1/2: Newton's steps of its log."""
    y = _guess(tail)
    for _ in range(4):
        found = math.erfc(y)
        y += math.log1p((found - tail) / tail) * erfcx_right(y) / SLOPE
    return y


def erfinv(x):
    """Return the inverse of erf."""
    if abs(x) <= 0.5:
        return _central(x)
    if abs(x) < 1.0:
        return math.copysign(_outer(1.0 - abs(x)), x)
    return math.copysign(math.inf, x) if abs(x) == 1.0 else math.nan


def erfcinv(p):
    """Return the inverse of erfc."""
    if 0.5 <= p <= 1.5:
        return _central(1.0 - p)
    if 0.0 < p < 2.0:
        return _outer(p) if p < 1.0 else -_outer(2.0 - p)
    if p == 0.0:
        return math.inf
    return -math.inf if p == 2.0 else math.nan


def ndtri(p):
    """Return where the normal distribution function is p."""
    return -ROOT_TWO * erfcinv(2.0 * p)


def ndtr(x):
    """Return the normal distribution function."""
    return 0.5 * math.erfc(-ROOT_HALF * x)


def log_ndtr(x):
    """Return the logarithm of the normal distribution function."""
    t = ROOT_HALF * x
    if x < -1e154:
        return -math.inf
    if x < -1.0:
        return math.log(0.5 * erfcx_right(-t)) - t * t
    return math.log1p(-0.5 * math.erfc(t))
