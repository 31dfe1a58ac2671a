"""The gamma function and its relatives; loops inline none of them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

import numpy as np

__all__ = ["digamma", "gammaln", "xlogy", "zeta"]

# On 1 <= x <= 2, digamma(x) is (x - its root) * (NEAR + P(x - 1) / Q(x - 1)); the root
# has three parts. Boost has these numbers.
ROOT, ROOT_MIDDLE = 1569415565 / 1073741824, 381566830 / 1073741824 / 1073741824
ROOT_LOW, NEAR = 0.9016312093258695e-19, 0.9955816268920898
P0, P1, P2 = 0.25479851061131551, -0.32555031186804491, -0.65031853770896507
P3, P4, P5 = -0.28919126444774784, -0.045251321448739056, -0.0020713321167745952
Q1, Q2, Q3 = 2.0767117023730469, 1.4606242909763515, 0.43593529692665969
Q4, Q5, Q6 = 0.054151797245674225, 0.0021284987017821144, -0.55789841321675513e-6
# (2 k)! / B(2 k) of Euler and Maclaurin's sum.
FACTORS = (
    12.0, -720.0, 30240.0, -1209600.0, 47900160.0, -1.8924375803183791606e9,
    7.47242496e10, -2.950130727918164224e12, 1.1646782814350067249e14,
    -4.5979787224074726105e15, 1.8152105401943546773e17, -7.1661652561756670113e18,
)  # fmt: skip


def gammaln(x):
    """Return the logarithm of the gamma function's absolute value."""
    if x == -math.inf:
        return x  # as SciPy has it
    if x <= 0.0 and x == np.floor(x):
        return math.inf
    return math.inf if x > 2.5e305 else math.lgamma(x)


def digamma(x):
    """Return the slope of `gammaln`."""
    if x == 0.0:
        return math.copysign(math.inf, -x)
    total = 0.0
    if x < 0.0:
        if x == np.floor(x):
            return math.nan
        total = -math.pi / math.tan(math.pi * (x - np.rint(x)))
        x = 1.0 - x
    if x > 10.0:
        z = 1.0 / (x * x) if x < 1e17 else 0.0
        series = 1 / 12 - z * (
            1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z * (
                691 / 32760 - z / 12)))))  # fmt: skip
        return total + (math.log(x) - 0.5 / x - z * series)
    while x > 2.0:
        x -= 1.0
        total += 1.0 / x
    if x < 1.0:
        total -= 1.0 / x
        x += 1.0
    t = x - 1.0
    p = P0 + t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))))
    q = 1.0 + t * (Q1 + t * (Q2 + t * (Q3 + t * (Q4 + t * (Q5 + t * Q6)))))
    away = ((x - ROOT) - ROOT_MIDDLE) - ROOT_LOW
    return total + (away * NEAR + away * (p / q))


def zeta(q, s):
    """Return the sum of `(q + k)**-s` over k = 0, 1, 2, ..., for a whole s > 1."""
    if q <= 0.0 and q == np.floor(q):
        return math.inf
    if q < -1e8:
        return math.nan  # too many terms
    if q > 1e8:
        return (1.0 / (s - 1) + 1.0 / (2.0 * q)) * q ** (1.0 - s)
    total = last = q ** -float(s)
    w, turn = q, 0
    while turn < 9 or w <= 9.0:
        turn += 1
        w += 1.0
        last = w ** -float(s)
        total += last
        if abs(last) < 1e-17 * abs(total) and w > 0.0:
            return total
    total += last * w / (s - 1.0) - 0.5 * last
    factor, k = 1.0, 0.0
    for divisor in FACTORS:
        factor *= s + k
        last /= w
        term = factor * last / divisor
        total += term
        if abs(term) < 1e-17 * abs(total):
            return total
        factor *= s + k + 1.0
        last /= w
        k += 2.0
    return total


def xlogy(x, y):
    """Return `x * log(y)`, and 0 where x is."""
    if x == 0.0 and y == y:
        return 0.0
    if y > 0.0:
        return x * math.log(y)
    return x * -math.inf if y == 0.0 else math.nan
