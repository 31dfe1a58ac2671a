"""The gamma function, its relatives, and small functions; loops inline none."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import cmath
import math

import numpy as np

__all__ = [
    "beta", "beta_pdf", "betainc", "betaln", "binom", "binom_pmf", "boxcox", "comb",
    "cosm1", "digamma", "entr", "exp10", "exprel", "exprel_slope", "factorial",
    "fsum", "gamma", "gammainc", "gammaincc", "gammaln", "huber", "kl_div",
    "lambertw", "log_expit", "loggamma", "logit", "pseudo_huber", "rel_entr",
    "xlog1py", "xlogy", "zeta",
]  # fmt: skip

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


def xlog1py(x, y):
    """Return `x * log1p(y)`, and 0 where x is."""
    if x == 0.0 and y == y:
        return 0.0
    if y > -1.0:
        return x * math.log1p(y)
    return x * -math.inf if y == -1.0 else math.nan


def entr(x):
    """Return `-x * log(x)`: 0 at 0, and -inf below."""
    if x > 0.0:
        return -x * math.log(x)
    return -0.0 * x if x == 0.0 else (-math.inf if x < 0.0 else x)


def rel_entr(x, y):
    """Return `x * log(x / y)`: 0 where x is, and inf where either is below zero."""
    if x != x or y != y:
        return math.nan
    if x > 0.0 and y > 0.0:
        ratio = x / y
        if 0.5 < ratio < 2.0:
            return x * math.log1p((x - y) / y)
        if 1e-300 < ratio < math.inf:
            return x * math.log(ratio)
        return x * (math.log(x) - math.log(y))
    return 0.0 if x == 0.0 and y >= 0.0 else math.inf


def kl_div(x, y):
    """Return `rel_entr(x, y) - x + y`."""
    return rel_entr(x, y) - x + y


def logit(p):
    """Return `log(p / (1 - p))`."""
    if 0.3 < p < 0.65:
        s = 2.0 * (p - 0.5)
        return math.log1p(s) - math.log1p(-s)
    if p == 0.0 or p == 1.0:
        return math.copysign(math.inf, p - 0.5)
    return math.log(p / (1.0 - p)) if 0.0 < p < 1.0 else math.nan


def log_expit(x):
    """Return `-log(1 + exp(-x))`."""
    if x < 0.0:
        return x - math.log1p(math.exp(x))
    return -math.log1p(math.exp(-x))


def cosm1(x):
    """Return `cos(x) - 1`."""
    half = math.sin(0.5 * x) if abs(x) < math.inf else math.nan
    return -2.0 * half * half


def exprel(x):
    """Return `(exp(x) - 1) / x`."""
    if abs(x) < 1e-16:
        return 1.0
    if x > 709.7:
        return math.inf
    return math.expm1(x) / x


def exprel_slope(x, order):
    """Return the derivative of `exprel` of an order n >= 1.

    It is the integral of t^n exp(x t) from 0 to 1: a series of positive terms, or by
    parts where x is large.
    """
    if x > 709.7:
        return math.inf
    if x > 20.0 + 4.0 * order or x < -20.0 - 4.0 * order:
        top = math.exp(x)
        out = exprel(x)
        for n in range(1, order + 1):
            out = (top - n * out) / x if x > 0.0 else (top / x) - n * (out / x)
        return out
    term, total, k = 1.0, 0.0, 0
    if x < 0.0:
        term = math.exp(x) / (order + 1.0)
        while total + term != total:
            total += term
            k += 1
            term *= -x / (order + 1.0 + k)
        return total
    while total + term / (k + order + 1.0) != total:
        total += term / (k + order + 1.0)
        k += 1
        term *= x / k
    return total if x == x else x


def boxcox(x, y):
    """Return `(x**y - 1) / y`, and log(x) where y is 0."""
    if x < 0.0 or x != x or y != y:
        return math.nan
    if x == 0.0:
        return -1.0 / y if y > 0.0 else -math.inf
    log = math.log(x)
    if abs(y) < 1e-19:
        return log
    return math.expm1(y * log) / y if y * log < 709.78 else math.copysign(math.inf, y)


def exp10(x):
    """Return `10**x`."""
    return 10.0**x if x < 308.26 else (math.inf if x == x else x)


def huber(delta, r):
    """Return half the square of `r` near 0, and grow by `delta` beyond."""
    if delta < 0.0:
        return math.inf
    if abs(r) <= delta:
        return 0.5 * r * r
    return delta * (abs(r) - 0.5 * delta)


def pseudo_huber(delta, r):
    """Return a smooth `huber`."""
    if delta < 0.0:
        return math.inf
    if delta == 0.0 or r == 0.0:
        return 0.0
    if abs(r) == math.inf and delta < math.inf:
        return math.inf
    v = r / delta
    return delta * delta * (v * v / (math.sqrt(1.0 + v * v) + 1.0))


# gamma, beta and what is left of their integrals


def gamma(x):
    """Return the gamma function."""
    if x == 0.0:
        return math.copysign(math.inf, x)
    if x > 171.62437695630272:
        return math.inf
    if x < 0.0 and x == np.floor(x):
        return math.nan
    return math.gamma(x)


def loggamma(x):
    """Return the logarithm of the gamma function, nan below zero."""
    return gammaln(x) if x > 0.0 else (math.inf if x == 0.0 else math.nan)


def _correction(x):
    """Return what Stirling's formula for `gammaln` leaves out, for x >= 10."""
    z = 1.0 / (x * x)
    tail = z * (1 / 1188 - z * (691 / 360360 - z * (1 / 156 - z * (3617 / 122400))))
    return (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - tail)))) / x


def _log_ratio(a, b):
    """Return log(gamma(a) / gamma(a + b)), for a >= 10 and b > 0."""
    rest = _correction(a) - _correction(a + b)
    return rest - (a - 0.5) * math.log1p(b / a) - b * (math.log(a + b) - 1.0)


def _pole(a, b):
    """Return `beta` of a whole a <= 0 if it is finite, else inf."""
    if b > 0.0 and b == np.floor(b) and 1.0 - a - b > 0.0:
        return (-1.0) ** (b % 2.0) * beta_of(1.0 - a - b, b)
    return math.inf


def beta(a, b):
    """Return gamma(a) * gamma(b) / gamma(a + b)."""
    if a <= 0.0 and a == np.floor(a):
        return _pole(a, b)
    if b <= 0.0 and b == np.floor(b):
        return _pole(b, a)
    return beta_of(a, b)


def beta_of(a, b):
    """Return `beta` where neither number is a pole."""
    if abs(a) < abs(b):
        a, b = b, a
    if abs(a) < 170.0 and abs(a + b) < 170.0 and abs(b) < 170.0:
        if a + b <= 0.0 and a + b == np.floor(a + b):
            return 0.0
        return gamma(a) / gamma(a + b) * gamma(b)
    if a >= 10.0 and b > 0.0:
        if b < 10.0:
            return math.exp(_log_ratio(a, b)) * gamma(b)
        return math.exp(_betaln_large(a, b))
    if a >= 10.0 and a + b >= 10.0:
        return gamma(b) / math.exp(_log_ratio(a + b, -b))
    signs = _sign(a) * _sign(b) * _sign(a + b)
    return signs * math.exp(gammaln(a) + gammaln(b) - gammaln(a + b))


def _sign(x):
    """Return the sign of the gamma function."""
    return -1.0 if x < 0.0 and np.floor(x) % 2.0 != 0.0 else 1.0


def _betaln_large(a, b):
    """Return `betaln` of numbers from 10 on, the larger one first."""
    rest = _correction(b) + (_correction(a) - _correction(a + b))
    small = b / (a + b)
    logs = (b - 0.5) * math.log(small) - a * math.log1p(b / a)
    return 0.9189385332046727 - 0.5 * math.log(a) + logs + rest


def betaln(a, b):
    """Return the logarithm of the absolute value of `beta`."""
    if a < b:
        a, b = b, a
    if b > 0.0:
        if b >= 10.0:
            return _betaln_large(a, b)
        if a >= 10.0:
            return _log_ratio(a, b) + gammaln(b)
        return math.log(gamma(a) / gamma(a + b) * gamma(b))
    found = abs(beta(a, b))
    if 1e-300 < found < 1e300:
        return math.log(found)
    if found == math.inf or b == np.floor(b):
        return math.inf
    return gammaln(a) + gammaln(b) - gammaln(a + b)


def binom(n, k):
    """Return the binomial coefficient of two real numbers."""
    if n < 0.0 and n == np.floor(n):
        return math.nan
    kx = np.floor(k)
    if k == kx and (abs(n) > 1e-8 or n == 0.0):
        whole = np.floor(n)
        if whole == n and kx > whole / 2.0 and whole > 0.0:
            kx = whole - kx
        if 0.0 <= kx < 20.0:
            top = bottom = 1.0
            for i in range(1, int(kx) + 1):
                top *= i + n - kx
                bottom *= i
                if abs(top) > 1e50:
                    top /= bottom
                    bottom = 1.0
            return top / bottom
    if n >= 1e10 * k and k > 0.0:
        return math.exp(-betaln(1.0 + n - k, 1.0 + k) - math.log(n + 1.0))
    return 1.0 / (n + 1.0) / beta(1.0 + n - k, 1.0 + k)


def comb(n, k):
    """Return `binom(n, k)` for 0 <= k <= n, else 0."""
    return binom(n, k) if 0.0 <= k <= n else 0.0


def factorial(n):
    """Return `gamma(n + 1)`, and 0 of what is below zero."""
    return 0.0 if n < 0.0 else gamma(n + 1.0)


def _weight(a, x):
    """Return x**a * exp(-x) / gamma(a + 1)."""
    if a < 12.0:
        return x**a * math.exp(-x) / math.gamma(a + 1.0) if x < 700.0 else (
            math.exp(a * math.log(x) - x - math.lgamma(a + 1.0)))  # fmt: skip
    u = (x - a) / a
    if abs(u) < 0.4:
        r = u / (2.0 + u)
        square, power, log = r * r, 2.0 * r * r * r, -u * r
        for k in range(3, 45, 2):
            log += power / k
            power *= square
    else:
        log = math.log(x / a) - u
    return math.exp(a * log - _correction(a)) / math.sqrt(2.0 * math.pi * a)


def _lower(a, x):
    """Return `gammainc` by its series."""
    term, total, n = 1.0, 1.0, a
    while term > 1e-17 * total:
        n += 1.0
        term *= x / n
        total += term
    return _weight(a, x) * total


def _upper(a, x):
    """Return `gammaincc` by its continued fraction."""
    b = x + 1.0 - a
    c, d = 1e300, 1.0 / b
    h, k = d, 0.0
    while k < 1e7:
        k += 1.0
        b += 2.0
        d = 1.0 / (b - k * (k - a) * d)
        c = b - k * (k - a) / c
        h *= c * d
        if abs(c * d - 1.0) < 2e-16:
            break
    return _weight(a, x) * a * h


def _upper_near(a, x):
    """Return `gammaincc` of small numbers."""
    term, total, n = 1.0, 0.0, 0.0
    while abs(term) > 1e-17 * abs(total):
        n += 1.0
        term *= -x / n
        total += term / (a + n)
    log, more = math.log(x), 1.0 + a
    low = a * log - math.lgamma(more) + 0.5772156649015329 * (a - (more - 1.0))
    return -math.expm1(low) - math.exp(a * log - math.lgamma(a)) * total


def _outside(a, x):
    """Return the share above x at the ends of its range, or nan; -1 inside."""
    if not (a >= 0.0 and x >= 0.0) or (a == 0.0 and x == 0.0):
        return math.nan
    if a == math.inf:
        return math.nan if x == math.inf else 1.0
    if a == 0.0 or x == math.inf:
        return 0.0
    return 1.0 if x == 0.0 else -1.0


def gammaincc(a, x):
    """Return the share of the gamma distribution above x."""
    end = _outside(a, x)
    if end != -1.0:
        return end
    if x > 1.1:
        return 1.0 - _lower(a, x) if x < a else _upper(a, x)
    below = -0.4 / math.log(x) < a if x <= 0.5 else 1.1 * x < a
    return 1.0 - _lower(a, x) if below else _upper_near(a, x)


def gammainc(a, x):
    """Return the share of the gamma distribution below x."""
    end = _outside(a, x)
    if end != -1.0:
        return 1.0 - end
    return 1.0 - _upper(a, x) if x > 1.0 and x > a else _lower(a, x)


def _fraction(a, b, x):
    """Return the continued fraction of `betainc`."""
    d = 1.0 - (a + b) * x / (a + 1.0)
    c, d = 1.0, 1.0 / d
    h, m = d, 0.0
    while m < 1e6:
        m += 1.0
        even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        d, c = 1.0 / (1.0 + even * d), 1.0 + even / c
        h *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        d, c = 1.0 / (1.0 + odd * d), 1.0 + odd / c
        h *= c * d
        if abs(c * d - 1.0) < 2e-16:
            break
    return h


def betainc(a, b, x):
    """Return the share of the beta distribution below x."""
    if not (a > 0.0 and b > 0.0 and 0.0 <= x <= 1.0):
        return math.nan
    if x == 0.0 or x == 1.0:
        return x
    if a + b < 160.0:
        front = x**a * math.exp(b * math.log1p(-x)) / beta(a, b)
    else:
        front = math.exp(a * math.log(x) + b * math.log1p(-x) - betaln(a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _start(z, k):
    """Return about where the branch k of Lambert's W is: a series, or logarithms."""
    if k == 0 and abs(z + 0.36787944117144233) < 0.3:
        p = cmath.sqrt(2.0 * (2.718281828459045 * z + 1.0))
        return -1.0 + p * (1.0 - p / 3.0)
    if k == 0 and abs(z.imag) < 1.0 and -1.0 < z.real < 1.5:
        if -2.5 * abs(z.imag) - 0.2 < z.real:
            above = 12.851063829787234 + z * (12.340425531914894 + z)
            return z * above / (32.53191489361702 + z * (14.340425531914894 + z))
    if k == -1 and abs(z) <= 0.36787944117144233 and z.imag == 0.0 and z.real < 0.0:
        return complex(math.log(-z.real), 0.0)
    w = cmath.log(z) + complex(0.0, 2.0 * math.pi * k)
    return w - cmath.log(w)


def lambertw(z, k):
    """Return a branch of Lambert's W, where `w * exp(w)` is z, by Halley's steps."""
    if z != z:
        return z
    if z.real == math.inf or z.real == -math.inf:
        turned = z.real < 0.0
        return complex(math.inf, z.imag + math.pi * (2.0 * k + turned))
    if z == 0.0:
        return z if k == 0 else complex(-math.inf, 0.0)
    w = _start(z, k)
    for _ in range(100):
        if w == -1.0:
            return complex(math.nan, math.nan)  # as SciPy has it
        if w.real >= 0.0:
            rest = w - z * cmath.exp(-w)
            step = rest / (w + 1.0 - (w + 2.0) * rest / (2.0 * w + 2.0))
        else:
            power = cmath.exp(w)
            rest = w * power - z
            step = rest / (w * power + power - (w + 2.0) * rest / (2.0 * w + 2.0))
        w = w - step
        if abs(step) <= 1e-8 * abs(w):
            break
    return w


def beta_pdf(x, a, b):
    """Return the density of the beta distribution."""
    if not (0.0 <= x <= 1.0 and a > 0.0 and b > 0.0):
        return math.nan
    return math.exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))


def binom_pmf(k, n, p):
    """Return how likely k of n chances of a probability come true."""
    if not (0.0 <= p <= 1.0 and 0.0 <= k <= n):
        return math.nan
    log = xlogy(k, p) + xlog1py(n - k, -p) - betaln(n - k + 1.0, k + 1.0)
    return math.exp(log) / (n + 1.0)


def fsum(x):
    """Return the sum of numbers as if it were rounded once; three floats hold it."""
    total = low = lowest = 0.0
    for item in x:
        total, rest = _two_sum(total, float(item))
        low, rest = _two_sum(low, rest)
        lowest += rest
    return total + (low + lowest) if math.isfinite(total) else total


def _two_sum(a, b):
    """Return a sum and what is missing from it."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)
