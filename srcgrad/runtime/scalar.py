"""Functions of numbers that neither Python nor Numba has; loops inline them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

import numpy as np

from srcgrad.runtime.views import multiply, subtract

__all__ = [
    "cbrt", "exact_quotient", "fmax", "fmin", "integer_power", "ldexp", "logaddexp",
    "logaddexp2", "python_power", "quotient", "rint", "round_to", "shift",
    "shifted_left", "shifted_right", "sign", "signbit", "sinc", "sinc_slope", "trunc",
]  # fmt: skip


NO_POWER = (
    "a float of Python's own below zero to a broken power is complex: write "
    "`complex(x) ** y`, or `np.power(x, y)` for nan"
)


def fmax(x, y):
    """Return the larger of two numbers; a number before a nan."""
    return x if (x >= y) | (y != y) else y


def fmin(x, y):
    """Return the smaller of two numbers; a number before a nan."""
    return x if (x <= y) | (y != y) else y


def sign(x):
    """Return -1.0, 0.0 or 1.0 by the sign, or the nan given."""
    return 1.0 if x > 0 else (-1.0 if x < 0 else (0.0 if x == 0 else math.nan))


def signbit(x):
    """Tell whether a number is negative, -0.0 included."""
    return math.copysign(1.0, x) < 0


def ldexp(x, n):
    """Return a number times a power of two, however large that is."""
    return math.ldexp(float(x), int(min(max(n, -5000), 5000)))


def rint(x):
    """Return the nearest integer as a float, halves to even."""
    return np.rint(x)


def round_to(x, n):
    """Return `round(x, n)` of Python, which rounds the exact decimal, halves to even.

    Up to 10**22, powers of ten are floats: products and remainders are had exactly.
    """
    scale = 1.0
    for _ in range(int(min(abs(n), 22.0))):
        scale *= 10.0
    scaled = x * scale if n >= 0 else x / scale
    if n < -22.0 and abs(scaled) < 1.0:
        return 0.0 * x
    if n >= -22.0 and not abs(scaled) < 2.0**53:
        return x  # it has no such digits
    if x == 0.0 or not math.isfinite(x):
        return x
    if abs(n) > 22.0:
        what = "`round` to so many digits needs backend='python'"
        raise NotImplementedError(what)
    whole = np.rint(scaled)
    if n >= 0:
        left = _product_error(x, scale, scaled) + (scaled - whole)
    else:
        near = whole * scale
        left = ((x - near) - _product_error(whole, scale, near)) / scale
    if abs(left) > 0.5 or (abs(left) == 0.5 and whole % 2.0 != 0.0):
        whole += math.copysign(1.0, left)
    return math.copysign(whole / scale if n >= 0 else whole * scale, x)


def _product_error(x, y, product):
    """Return what is missing from a rounded product."""
    high, low = _halves(x)
    high_y, low_y = _halves(y)
    return low * low_y - (((product - high * high_y) - low * high_y) - high * low_y)


def _halves(x):
    """Return two numbers of 26 bits whose sum is x."""
    wide = 134217729.0 * x
    high = wide - (wide - x)
    return high, x - high


def trunc(x):
    """Return the integer part as a float."""
    return np.trunc(x)


def cbrt(x):
    """Return the real cube root."""
    return np.cbrt(x)


def logaddexp(x, y):
    """Return log(exp(x) + exp(y)) without overflow."""
    if x == y:
        return x + 0.6931471805599453
    difference = x - y
    if difference > 0:
        return x + math.log1p(math.exp(-difference))
    if difference <= 0:
        return y + math.log1p(math.exp(difference))
    return difference


def logaddexp2(x, y):
    """Return log2(2**x + 2**y) without overflow."""
    if x == y:
        return x + 1.0
    difference = x - y
    if difference > 0:
        return x + 1.4426950408889634 * math.log1p(2.0 ** (-difference))
    if difference <= 0:
        return y + 1.4426950408889634 * math.log1p(2.0**difference)
    return difference


def sinc(x):
    """Return sin(pi x) / (pi x)."""
    y = math.pi * (x if x != 0 else 1e-20)
    return math.sin(y) / y


def sinc_slope(x, order):
    """Return the derivative of `sinc` of an order >= 1.

    With t = pi x, near 0 the Taylor series, elsewhere t s^(n) = sin^(n) - n s^(n-1).
    """
    t = math.pi * x
    if abs(t) == math.inf:
        return math.nan  # as `np.sinc` of it
    if abs(t) < 1.0 + 0.5 * order:
        m = order % 2  # the power of t; the power in the series of sinc is m + order
        term = t if m else 1.0
        if (m + order) % 4:
            term = -term
        total = 0.0
        for _ in range(30):
            total += term / (m + order + 1)
            term *= -t * t / ((m + 1) * (m + 2))
            m += 2
        return total * math.pi**order
    value = math.sin(t) / t
    for n in range(1, order + 1):
        value = (math.sin(t + n * (math.pi / 2)) - n * value) / t
    return value * math.pi**order


def integer_power(x, n, line):
    """Return `x ** n` of ints if 64 bits hold it, for n >= 0."""
    out = 1
    while n > 0:
        if n % 2:
            out = multiply(out, x, line)
        n //= 2
        if n > 0:
            x = multiply(x, x, line)
    return out


def shift(x, n, line):
    """Return `x << n` of ints if 64 bits hold it."""
    if n < 0:
        raise ValueError
    return multiply(x, integer_power(2, n, line), line) if x != 0 else 0


def shifted_left(x, n):
    """Return `x << n` of NumPy's ints."""
    return x << n if 0 <= n < 64 else x << 32 << 32


def shifted_right(x, n):
    """Return `x >> n` of ints; of NumPy's also by less than none."""
    return x >> n if 0 <= n < 64 else x >> 32 >> 32


def quotient(x, y):
    """Return `x // y` of NumPy's ints; the least of all stays what it is by -1."""
    return -x if y == -1 else x // y


def exact_quotient(x, y, line):
    """Return `x // y` of ints if 64 bits hold it."""
    return subtract(0, x, line) if y == -1 else x // y


def python_power(x, y):
    """Return `x ** y` of floats, or raise where Python does or leaves the reals."""
    if x == 0.0 and y < 0.0:
        raise ZeroDivisionError
    if x < 0.0 and y - np.floor(y) > 0.0 and x > -np.inf:
        raise NotImplementedError(NO_POWER)
    z = x**y
    if math.isinf(z) and math.isfinite(x) and math.isfinite(y):
        raise OverflowError
    return z
