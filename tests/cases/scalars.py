"""Python floats and ints, math.*, integer arithmetic and the builtins."""

import math
from math import atan2, exp, sqrt

import numpy as np

from tests.cases import case
from tests.cases.inputs import away, near


# `math.sin` and the rest of math.
@case(lambda rng: (rng.uniform(0.2, 0.9), rng.uniform(1.1, 2.0)), argnums=(0, 1))
def math_elementary(x, y):
    a = math.sin(x) * math.cos(y) + math.tan(x)
    b = exp(x) + math.expm1(y) - math.log(y) * math.log1p(x)
    c = math.log2(y) + math.log10(x) + math.log(y, 3.0) + math.exp2(x)
    return a * b + sqrt(c * c + 1.0) * math.pow(y, x) + math.cbrt(x)


@case(lambda rng: (rng.uniform(0.2, 0.8), rng.uniform(1.1, 2.0)), argnums=(0, 1))
def math_inverse_and_hyperbolic(x, y):
    a = math.asin(x) * math.acos(x) + math.atan(y)
    b = math.sinh(x) + math.cosh(x) * math.tanh(y)
    c = math.asinh(y) + math.acosh(y) - math.atanh(x)
    return (
        a * b * c + atan2(y, x) * math.hypot(x, y) + math.degrees(x) * math.radians(y)
    )


@case(lambda rng: (near(rng, 2.3)[0], near(rng, -1.6)[0]), argnums=(0, 1))
def math_roundings(x, y):
    a = math.floor(x) * y + math.ceil(y) * x + math.trunc(y)
    b = math.fabs(y) * math.copysign(2.0, y) + math.fmod(x, 0.9)
    return a * b + round(x) * y + round(y, 1) * x + int(x) * x


# Python rounds the exact decimal: 2.675 lies below its name, 0.125 is a tie. NumPy's
# numbers are multiplied, rounded and divided.
@case(
    lambda rng: (23.2, 0.7, 2.675, 0.125, 2, np.array([2.675, -1250.0])),
    argnums=(0, 1),
)
def rounded_to_digits(x, y, p, q, n, a):
    s = round(p, 2) * y + round(q, n) * x + round(x, -1) * y + round(y, 0) * x
    return s + round(a[0], 2) * x + round(a[1], -2) * y + round(n, 1) * x


# A float argument and its Taylor series with integer factorials.
@case(lambda rng: (rng.uniform(0.3, 1.5),), sample=True)
def series_of_sine(x):
    term = x
    total = x
    k = 1
    while abs(term) > 1e-14 and k < 40:
        term = -term * x * x / ((2 * k) * (2 * k + 1))
        total += term
        k += 1
    return total * math.factorial(3) + x**2


# Python rules: `-7 // 2`, `-7 % 3`, integer powers, true division.
@case(lambda rng: (rng.uniform(0.5, 1.5), -7, 2, 3))
def integer_rules(x, a, b, c):
    s = x * (a // b) + x**2 * (a % c) - x * (a % -c) + (7 // -b) * x
    s += x * (b**c) + x ** (b - c) + (a / b) * x + (-b) ** 3 * x
    q, r = divmod(a, c)
    return s + q * x**3 + r * x


# Float floor division and remainder, signs as Python has them.
@case(lambda rng: (near(rng, 5.3)[0], near(rng, 1.4)[0]), argnums=(0, 1))
def float_remainders(x, y):
    a = x % y + (-x) % y + x % -y
    b = x // y * y + (-x) // y
    q, r = divmod(x, y)
    return a * b + q * r + x % 1.0 * y


@case(lambda rng: (rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5)), argnums=(0, 1))
def scalar_powers(x, y):
    a = x**3 - x**-2 + x**0.5 + 2**y + 0.5**x
    return a * x**y + pow(x, 2) * pow(y, 1.5) + (x**2) ** y + (-x) ** 2


# Signs, grouping, unary operators, comparisons of comparisons.
@case(lambda rng: (away(rng, 3, gap=0.5),))
def unary_operators(x):
    a, b, c = x
    s = -a * +b - -c
    s = -((-s) ** 2) if not a > 100.0 else +s
    n = ~3 + (-2) ** 2
    return s * n + -(a**2) + (not n) * b


# Builtins: abs, max, min, sum, len, int, float, bool, round.
@case(lambda rng: (near(rng, 0.4, 1.3, -0.8), 2.0), argnums=(0, 1))
def builtins_on_scalars(x, y):
    s = abs(x[2]) * max(x[0], x[1], 0.1) + min(y, 3, x[1])
    s += float(x[0]) * int(y + 0.5) + bool(y) * x[1] + len(x) * round(1.4) * x[2]
    return s * max(y, -1.0) + sum((x[0], y, 1)) + min([x[2], x[0]])


# Integers from loops and bits decide the factors.
@case(lambda rng: (rng.uniform(0.8, 1.2), 13, 10))
def integers_from_bits(x, n, m):
    bits = 0
    s = 1.0
    k = n
    while k:
        bits += k & 1
        s = s * x if k & 1 else s + x
        k >>= 1
    a, b = n * 6, m * 9
    while b:
        a, b = b, a % b
    return s * bits + a * x + (n ^ m) * x**2 + (n | 6) + (1 << bits) * x


# Exact for integers, then used as floats: binomial coefficients and factorials.
@case(lambda rng: (rng.uniform(0.2, 0.8), 6))
def binomial_polynomial(p, n):
    total = 0.0
    choose = 1
    for k in range(n + 1):
        total += choose * p**k * (1 - p) ** (n - k) * k * k
        choose = choose * (n - k) // (k + 1)
    return total


# `np.float64(1)/0` is inf (with a warning); what is selected stays finite.
@case(lambda rng: (rng.uniform(0.5, 1.5), np.float64(0.0)))
def numpy_scalar_division_by_zero(x, zero):
    r = np.float64(1.0) / zero
    return min(x * x, r) + (x if r > 1e300 else 0.0)


# A 0-d array as argument behaves as a scalar, and is not written by rebinding.
@case(lambda rng: (np.array(rng.normal()), np.array(2.0)), argnums=(0, 1))
def zero_dimensional_arguments(x, y):
    z = x * y
    z += x
    w = z
    w = w * 2.0
    return z * w + x[()] ** 2 + y.item()


# Bisection: the root depends on the bounds by selection only.
@case(lambda rng: (near(rng, 0.3)[0], near(rng, 4.1)[0]), argnums=(0, 1))
def bisection(lo, hi):
    steps = 0
    while hi - lo > 0.5:
        mid = 0.5 * (lo + hi)
        if mid * mid * mid - 2.0 * mid > 5.0:
            hi = mid
        else:
            lo = mid
        steps += 1
    return lo * hi + steps


# The arithmetic-geometric mean: two names exchange their roles.
@case(lambda rng: (rng.uniform(0.5, 1.0), rng.uniform(1.5, 3.0)), argnums=(0, 1))
def arithmetic_geometric_mean(a, b):
    while abs(a - b) > 1e-13:
        a, b = (a + b) / 2, sqrt(a * b)
    return a


# Continued fraction from the inside out; constants of math.
@case(lambda rng: (rng.uniform(0.3, 1.2),))
def continued_fraction(x):
    f = 0.0
    for k in range(9, 0, -1):
        f = (k * k * x * x) / (2 * k + 1 + f)
    return x / (1.0 + f) * math.pi + math.e * x - math.tau / x


# Scalars only, three of them, many temporaries: the quadratic formula.
@case(
    lambda rng: (near(rng, 1.2)[0], near(rng, -3.1)[0], near(rng, 0.8)[0]),
    argnums=(0, 1, 2),
)
def quadratic_roots(a, b, c):
    disc = b * b - 4 * a * c
    if disc < 0:
        return 0.0
    root = sqrt(disc)
    q = -(b + math.copysign(root, b)) / 2
    x1 = q / a
    x2 = c / q
    return x1 * x1 - x2 if abs(x1) > abs(x2) else x2


# Constant result on one path, int on another: the type of the result is joined.
@case(lambda rng: (rng.uniform(0.5, 0.9),))
def results_of_mixed_kind(x):
    if x > 5.0:
        return 1
    if x < 0.0:
        return 0.5
    return x * x


@case(lambda rng: (rng.normal(size=4), np.array([5, -5, -7, 2**63 - 1]),
                   np.array([64, 70, -1, 63]), np.array([5, -5, -7], np.int8)))  # fmt: skip
def shifts_beyond_all_bits(x, a, n, small):
    s = np.sum(x * (a >> n)) + np.sum(x * ((a << n) % 7))
    for k in range(3):
        s += x[k] ** 2 * (small[k] >> small[k - 1]) + x[k] * (a[k] << 70)
    return s


@case(lambda rng: (rng.normal(size=4), np.array([-(2**63), 7, -7, -(2**63)]),
                   np.array([-1, -1, 2, 0])))  # fmt: skip
def quotients_of_the_least_int(x, a, b):
    s = np.sum(x * ((a // b) % 7)) + np.sum(x * (a % b) ** 2)
    for k in range(len(a)):
        s += x[k] ** 2 * ((a[k] // b[k]) % 5)
    return s


@case(lambda rng: (rng.normal(size=4), 5, -1), raises=ValueError)
def shift_by_less_than_none(x, k, n):
    return np.sum(x * x) * (k >> n)
