"""What vector mathematics takes from LLVM, in plain Python; `intrinsics.py` has twins.

A twin gives the same bits, so that a kernel can be compared with itself.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math
from fractions import Fraction

import numpy as np

__all__ = [
    "bits", "fma", "large_cos", "large_sin", "large_tan", "number", "polynomial",
    "select",
]  # fmt: skip


def fma(x, y, z):
    """Return `x * y + z` with one rounding, of the kind of x."""
    kind = type(x) if isinstance(x, np.floating) else np.float64
    if not all(map(math.isfinite, (x, y, z))):
        return kind(x) * kind(y) + kind(z)
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if exact == 0:
        return kind(x) * kind(y) + kind(z)
    try:
        return kind(float(exact))
    except OverflowError:
        return kind(math.inf if exact > 0 else -math.inf)


def polynomial(x, coefficients):
    """Return `c[0] + c[1] * x + c[2] * x**2 + ...` by Estrin's scheme."""
    terms, power = list(coefficients), x
    while len(terms) > 1:
        pairs = [
            fma(power, b, a) for a, b in zip(terms[::2], terms[1::2], strict=False)
        ]
        terms = pairs + terms[len(pairs) * 2 :]
        power = power * power
    return terms[0]


def bits(x):
    """Return the bits of a float as an int."""
    return int(np.asarray(x).view(f"i{np.asarray(x).itemsize}"))


def number(n, kind):
    """Return the float of the low bits of an int, of the kind of `kind`."""
    size = np.asarray(kind).itemsize
    raw = (int(n) % 2 ** (8 * size)).to_bytes(size, "little")
    return np.frombuffer(raw, f"<f{size}")[0]


def select(condition, x, y):
    """Return x or y, both computed, of the kind of y."""
    return x if condition else y


def large_sin(x):
    """Return the sine by the C library: loops call it for a single number only."""
    return type(x)(np.sin(np.float64(x)))


def large_cos(x):
    """Return the cosine by the C library."""
    return type(x)(np.cos(np.float64(x)))


def large_tan(x):
    """Return the tangent by the C library."""
    return type(x)(np.tan(np.float64(x)))
