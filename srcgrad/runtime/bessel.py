"""Bessel functions of whole order: recurrences taken downwards, and series at infinity.

Downwards the wanted solution grows and all others fade (Miller); what the terms of all
orders add up to is known, and tells the scale.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

__all__ = ["i0", "i0e", "i1", "i1e", "iv", "ive", "j0", "j1", "jv", "y0", "y1", "yn"]

EULER, ROOT_HALF, LARGE = 0.5772156649015329, 0.7071067811865476, 1e200


def _far(n, x):
    """Return how `jv` and `yn` wave far out: the parts with cos and sin of the phase.

    >>> _far(0, 1e9)
    (1.0, -1.25e-10)
    """
    square, term, p, q = 4.0 * n * n, 1.0, 1.0, 0.0
    for k in range(1, 60):
        odd = 2.0 * k - 1.0
        new = term * ((square - odd * odd) / (8.0 * k * x))
        if abs(new) > abs(term) and k > n:
            break
        term = new
        sign = -1.0 if k % 4 > 1 else 1.0
        if k % 2 == 1:
            q += sign * term
        else:
            p += sign * term
        if abs(term) < 1e-18:
            break
    return p, q


def _waves(n, x):
    """Return `jv` and `yn` far out."""
    p, q = _far(n, x)
    sin, cos = math.sin(x), math.cos(x)
    c, s = (cos + sin) * ROOT_HALF, (sin - cos) * ROOT_HALF
    for _ in range(n % 4):
        c, s = s, -c
    high = math.sqrt(2.0 / (math.pi * x))
    return high * (p * c - q * s), high * (p * s + q * c)


def _near(n, x):
    """Return J0, J1, Jn and the sums that Y0 and Y1 are made of."""
    after, f = 0.0, 1e-250
    scale = at = first = even = odd = 0.0
    for k in range(n + 22 + int(x + 12.0 * x ** (1 / 3)), -1, -1):
        if k == n:
            at = f
        if k == 1:
            first = f
        m, sign = k // 2, -1.0 if k // 2 % 2 else 1.0
        if k % 2 == 0 and k > 0:
            scale += 2.0 * f
            even += sign * f / m
        elif k > 1:
            odd += sign * f * k / (m * (m + 1.0))
        if k > 0:
            after, f = f, 2.0 * k / x * f - after
        if abs(f) > LARGE:
            after, f, scale, at = after / LARGE, f / LARGE, scale / LARGE, at / LARGE
            first, even, odd = first / LARGE, even / LARGE, odd / LARGE
    whole = scale + f
    return f / whole, first / whole, at / whole, even / whole, odd / whole


def jv(x, n):
    """Return the Bessel function of the first kind of a whole order."""
    if n < 0:
        return (-1.0) ** n * jv_up(x, -n)
    return jv_up(x, n)


def jv_up(x, n):
    """Return `jv` of an order that is not below zero."""
    sign = -1.0 if x < 0.0 and n % 2 else 1.0
    x = abs(x)
    if not x < math.inf:
        return math.nan  # as SciPy has it
    if x > 25.0 + 0.5 * n * n:
        return sign * _waves(n, x)[0]
    if x < 1e-8:
        return sign * (0.5 * x) ** n / math.gamma(n + 1.0) if n < 150 else 0.0
    return sign * _near(n, x)[2]


def j0(x):
    """Return the Bessel function of the first kind of order 0."""
    return jv_up(x, 0)


def j1(x):
    """Return the Bessel function of the first kind of order 1."""
    return jv_up(x, 1)


def _second(x):
    """Return Y0 and Y1 of a number above zero."""
    if x > 25.0:
        return _waves(0, x)[1], _waves(1, x)[1]
    log = math.log(0.5 * x) + EULER
    if x < 1e-8:
        return 2.0 / math.pi * log, -2.0 / math.pi / x
    zero, one, _, even, odd = _near(0, x)
    first = 2.0 / math.pi * (log * zero - 2.0 * even)
    inner = (log - 1.0) * one - zero / x - odd
    return first, 2.0 / math.pi * inner


def yn(x, n):
    """Return the Bessel function of the second kind of a whole order."""
    if not 0.0 <= x < math.inf:
        return math.nan
    sign = -1.0 if n < 0 and n % 2 else 1.0
    if x == 0.0:
        return -sign * math.inf
    before, y = _second(x)
    if n == 0:
        return before
    for k in range(1, abs(n)):
        before, y = y, 2.0 * k / x * y - before
        if y == -math.inf:
            break
    return sign * y


def y0(x):
    """Return the Bessel function of the second kind of order 0."""
    return yn(x, 0)


def y1(x):
    """Return the Bessel function of the second kind of order 1."""
    return yn(x, 1)


def ive(x, n):
    """Return `exp(-abs(x))` times the modified Bessel function of a whole order."""
    n = abs(n)
    sign = -1.0 if x < 0.0 and n % 2 else 1.0
    x = abs(x)
    if not x < math.inf:
        return math.nan  # as SciPy has it
    if x < 1e-8:
        small = (0.5 * x) ** n / math.gamma(n + 1.0) if n < 150 else 0.0
        return sign * small * math.exp(-x)
    if x > 25.0 + 0.5 * n * n:
        term = total = 1.0
        for k in range(1, 60):
            odd = 2.0 * k - 1.0
            new = -term * (4.0 * n * n - odd * odd) / (8.0 * k * x)
            if abs(new) > abs(term) and k > n:
                break
            term = new
            total += term
        return sign * total / math.sqrt(2.0 * math.pi * x)
    after, f, at, whole = 0.0, 1e-250, 0.0, 0.0
    for k in range(n + 22 + int(9.5 * math.sqrt(x)), -1, -1):
        if k == n:
            at = f
        whole += 2.0 * f if k > 0 else f
        if k > 0:
            after, f = f, 2.0 * k / x * f + after
        if f > LARGE:
            after, f, at, whole = after / LARGE, f / LARGE, at / LARGE, whole / LARGE
    return sign * (at / whole)


def iv(x, n):
    """Return the modified Bessel function of a whole order."""
    scaled, half = ive(x, n), math.exp(0.5 * min(abs(x), 1400.0))
    return scaled * half * half if scaled != 0.0 else scaled


def i0(x):
    """Return the modified Bessel function of order 0."""
    return iv(x, 0)


def i1(x):
    """Return the modified Bessel function of order 1."""
    return iv(x, 1)


def i0e(x):
    """Return `exp(-abs(x)) * i0(x)`."""
    return ive(x, 0)


def i1e(x):
    """Return `exp(-abs(x)) * i1(x)`."""
    return ive(x, 1)
