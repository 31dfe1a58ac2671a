"""The rest of `scipy.special`, and what `math` has beside NumPy's functions."""

import math
import statistics

import numpy as np
import scipy.special as sp
from scipy.special import expit, logsumexp

from tests.cases import case
from tests.cases.inputs import away, positive


@case(lambda rng: (rng.uniform(-0.8, 0.8, 4), rng.uniform(0.1, 1.9, 4)), argnums=(0, 1))
def error_functions(x, p):
    back = sp.erfinv(x) * sp.erfcinv(p)
    tail = sp.erfcx(3.0 * x) + sp.erfcx(40.0 * p) + sp.erfcx(x[0] - 1.5)
    return (back * sp.erf(x) + tail * sp.erfc(p)).sum() + math.erf(x[1]) * math.erfc(x[2])


@case(lambda rng: (rng.normal(size=5), rng.uniform(0.1, 0.9, 5)), argnums=(0, 1))
def probit_regression(x, p):
    z = 2.0 * x - sp.ndtri(p)
    signs = np.array([1.0, -1.0, 1.0, 1.0, -1.0])
    likelihood = sp.log_ndtr(signs * z) + sp.log_ndtr(-9.0 - p)
    return likelihood.mean() - sp.ndtr(z).var() + (sp.logit(p) * sp.log_expit(x)).sum()


@case(lambda rng: (positive(rng, 4), positive(rng, 4)), argnums=(0, 1))
def divergences(p, q):
    mixed = 0.5 * (p + q)
    apart = sp.rel_entr(p, mixed) + sp.kl_div(q, mixed) - sp.entr(q)
    empty = sp.rel_entr(0.0, q) + sp.xlog1py(p, q) + sp.xlogy(0.0, p)
    return (apart * empty).sum() + sp.xlog1py(p[0], q[1]) + sp.entr(p[2])


@case(lambda rng: (rng.normal(size=4), 0.3), argnums=(0, 1))
def relative_exponentials(x, step):
    phi = sp.exprel(step * x) + sp.exprel(1e-9 * x) * sp.exprel(-30.0 * step)
    return (phi * sp.cosm1(x)).sum() + sp.exp10(step) + sp.softplus(x).sum() * step


@case(lambda rng: (away(rng, 5), 0.7, positive(rng, 5)), argnums=(0, 1, 2))
def robust_losses(r, delta, y):
    loss = sp.huber(delta, r) + sp.pseudo_huber(delta, 2.0 * r)
    powers = sp.boxcox(y, delta) + sp.boxcox(y, 0.0) * sp.boxcox(y[0], -delta)
    return (loss * powers).sum() + sp.huber(0.1, r[0]) + sp.pseudo_huber(1.5, r[1])


@case(lambda rng: (positive(rng, 4), positive(rng, 4)), argnums=(0, 1))
def beta_functions(a, b):
    density = sp.betaln(a, b) * sp.gamma(b) + sp.loggamma(a) / sp.beta(a, 2.0 * b)
    far = sp.betaln(150.0 * a, 200.0 * b) + sp.beta(40.0 + a, 0.5).sum()
    return (density * far).sum() + math.gamma(a[0] + b[0]) + sp.gamma(-0.3 - 0.1 * a[1])


@case(lambda rng: (positive(rng, 4) + 3.0, positive(rng, 4)), argnums=(0, 1))
def counted_ways(n, k):
    ways = sp.binom(n, k) + sp.comb(n, 2) * sp.comb(5, k) + sp.factorial(k)
    none = sp.comb(n, 9.5) + sp.factorial(-k)
    return (ways * (1.0 + none)).sum() + sp.comb(6, 2, exact=True) * n[0] * math.comb(5, 2)


# In `x` alone: the parameters are constants.
@case(lambda rng: (positive(rng, 4),))
def shares_of_distributions(x):
    a = 2.5
    wait = sp.gammainc(a, x) * sp.gammaincc(0.5, x) + sp.gammainc(40.0, 12.0 * x + 30.0)
    t = expit(x)
    held = sp.betainc(a, 1.5, t) + sp.betainc(0.5, np.arange(1.0, 5.0), t)
    return (wait * held).sum() + sp.gammainc(1.0, x[0]) + sp.betainc(3.0, 4.0, t[0])


@case(lambda rng: (positive(rng, 5),))
def bessel_functions(x):
    waves = sp.j0(4.0 * x) * sp.j1(x) + sp.jv(2, x) * sp.jn(-3, 30.0 * x)
    other = sp.y0(x) * sp.y1(9.0 * x) - sp.yn(2, x)
    return (waves * other).sum() + sp.j0(x[0]) + sp.j1(0.0 * x[1])


@case(lambda rng: (away(rng, 5),))
def modified_bessel_functions(x):
    grown = sp.i0(x) * sp.i1(2.0 * x) + sp.iv(3, x)
    held = sp.i0e(20.0 * x) + sp.i1e(x) * sp.ive(2, 40.0 * x)
    return (grown * held).sum() + sp.i0(x[0])


@case(lambda rng: (positive(rng, 4),))
def zeta_functions(q):
    slopes = sp.polygamma(0, q) * sp.polygamma(2, q) + sp.zeta(3, q)
    return (slopes * sp.zeta(2.0, q + 1.0)).sum()


@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=4)), argnums=(0, 1))
def weighed_sums_of_powers(x, w):
    total, sign = logsumexp(x, axis=1, b=w, keepdims=True, return_sign=True)
    plain = logsumexp(x, b=np.exp(w), axis=0) + logsumexp(x, axis=(0, 1), b=w * w)
    alone, one = logsumexp(w, return_sign=True)
    return (total * sign * x).sum() + (plain * w).sum() + alone * one


@case(lambda rng: (positive(rng, 5).astype(np.float32),), rtol=2e-5)
def more_in_single_precision(x):
    y = sp.ndtr(x) * sp.erfinv(0.5 * x) + sp.gamma(x) - sp.j1(x) * sp.erfcx(x)
    y = y * sp.y1(x) + sp.logsumexp(x, b=2.0) * sp.rel_entr(x, 0.5)
    return (y * sp.beta(x, x)).sum() + sp.log1p(x).sum() + sp.logit(x[0] / 3)


# Python's numbers are float64 to some of SciPy's functions, and weak to others.
@case(lambda rng: (positive(rng, 5).astype(np.float32),), rtol=2e-5)
def single_precision_widened(x):
    y = sp.beta(x, 2.0) * sp.xlogy(0.5, x) + sp.gammainc(2.5, x) + sp.yn(2, x)
    return (y * sp.binom(x, 0.5)).sum() + sp.comb(x, 0.5)[0]


# They round differently from those of NumPy.
@case(lambda rng: (positive(rng, 4),))
def functions_that_numpy_has_too(x):
    y = sp.log1p(x) * sp.expm1(x) + sp.exp2(x) * sp.cbrt(x) - sp.sinc(x)
    return y.sum() + sp.cbrt(x[0])


@case(lambda rng: (positive(rng, 4), 0.7, -1.3), argnums=(0, 1, 2))
def lengths_and_exact_sums(x, a, b):
    length = math.hypot(a, b, a * b) + math.hypot(b) - math.dist((a, b), (b, 1.0))
    length = length + math.dist(x, x * x + 1.0) + math.hypot(0.0 * a, 0.0, 0.0)
    total = math.fsum(x) + math.fsum([a, b, a * b]) * statistics.fmean(x * a)
    part, whole = math.modf(7.3 * b)
    return length * total + part * whole + math.exp2(a) * math.cbrt(b)


# A cast that changes nothing leaves its operand a sum, with brackets around it.
@case(lambda rng: (0.8, 1.7, 2.9), argnums=(0, 1, 2))
def sums_inside_casts(a, b, c):
    return c - np.float64(a + b) * np.float64(a - b) - np.float64(b - c)


@case(lambda rng: (0.8, 7, 3))
def whole_numbers_of_math(x, n, k):
    total = x * math.comb(n, k) + x**2 * math.factorial(k) / math.gcd(n - 1, k)
    if math.isclose(total, total + 1e-12) and not math.isclose(x, 1.0, rel_tol=0.1):
        total = total * math.comb(k, n + 1) + math.sin(total)
    return total
