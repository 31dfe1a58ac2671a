# mypy: allow-untyped-defs, allow-untyped-calls
"""Distributions of `scipy.stats`, in plain NumPy and SciPy's own formulae.

What lies outside of a distribution's support, and what no parameter may be, is decided
here as SciPy decides it.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np

from srcgrad.ops.distributions import number
from srcgrad.ops.prelude import means, rows, typed

_LOG_PI, _LOG_TWO = math.log(math.pi), math.log(2)


def _density(of, x, loc, scale, good, low, outside):
    """Return what a function makes of places in the support, and of the scale."""
    width = number(scale)
    z = typed((number(x) - number(loc)) / width, "float64")
    inside = (z >= low[0]) & (z <= low[1])
    known = np.logical_and(np.logical_and(good, width > 0), z == z)
    return np.where(known, np.where(inside, of(z, width), outside), np.nan)[()]


def _pdf(law, x, loc, scale, good=True, ends=(-math.inf, math.inf)):
    return _density(lambda z, width: law(z) / width, x, loc, scale, good, ends, 0.0)


def _logpdf(law, x, loc, scale, good=True, ends=(-math.inf, math.inf)):
    of = lambda z, width: law(z) - np.log(width)  # noqa: E731
    return _density(of, x, loc, scale, good, ends, -math.inf)


def _share(law, x, loc, scale, good=True, ends=(-math.inf, math.inf), sides=(0.0, 1.0)):
    """Return what a function makes of places, or what it is on either side of them."""
    width = number(scale)
    z = typed((number(x) - number(loc)) / width, "float64")
    known = np.logical_and(np.logical_and(good, width > 0), z == z)
    beside = np.where(z >= ends[1], sides[1], sides[0])
    inside = (z > ends[0]) & (z < ends[1])
    return np.where(known, np.where(inside, law(z), beside), np.nan)[()]


def _place(law, q, loc, scale, good=True, ends=(-math.inf, math.inf)):
    """Return the places that shares belong to; `ends` are those of 0 and of 1."""
    p, width, start = number(q), number(scale), number(loc)
    known = np.logical_and(np.logical_and(good, width > 0), start == start)
    low, high = [e if math.isinf(e) else e * width + start for e in ends]
    beside = np.where(p == 0, low, np.where(p == 1, high, np.nan))
    inside = np.where((p > 0) & (p < 1), law(p) * width + start, beside)
    return np.where(known, inside, np.nan)[()]


RIGHT, UNIT = (0.0, math.inf), (0.0, 1.0)
ABOVE = (1.0, 0.0)  # what is above places


@means("scipy.stats.expon.pdf")
def expon_pdf(x, loc=0, scale=1):
    return _pdf(lambda z: np.exp(-z), x, loc, scale, True, RIGHT)


@means("scipy.stats.expon.logpdf")
def expon_logpdf(x, loc=0, scale=1):
    return _logpdf(lambda z: -z, x, loc, scale, True, RIGHT)


@means("scipy.stats.expon.cdf")
def expon_cdf(x, loc=0, scale=1):
    return _share(lambda z: -rows.expm1(-z, via="scipy"), x, loc, scale, True, RIGHT)


@means("scipy.stats.expon.sf")
def expon_sf(x, loc=0, scale=1):
    return _share(lambda z: np.exp(-z), x, loc, scale, True, RIGHT, ABOVE)


@means("scipy.stats.expon.ppf")
def expon_ppf(q, loc=0, scale=1):
    return _place(lambda p: -rows.log1p(-p, via="scipy"), q, loc, scale, True, RIGHT)


def _gamma(z, a):
    return rows.xlogy(a - 1.0, z, via="np") - z - rows.gammaln(a, via="np")


@means("scipy.stats.gamma.pdf")
def gamma_pdf(x, a, loc=0, scale=1):
    shape = number(a)
    return _pdf(lambda z: np.exp(_gamma(z, shape)), x, loc, scale, shape > 0, RIGHT)


@means("scipy.stats.gamma.logpdf")
def gamma_logpdf(x, a, loc=0, scale=1):
    shape = number(a)
    return _logpdf(lambda z: _gamma(z, shape), x, loc, scale, shape > 0, RIGHT)


@means("scipy.stats.gamma.cdf")
def gamma_cdf(x, a, loc=0, scale=1):
    shape = number(a)
    return _share(
        lambda z: rows.gammainc(shape, z, via="np"), x, loc, scale, shape > 0, RIGHT
    )


@means("scipy.stats.gamma.sf")
def gamma_sf(x, a, loc=0, scale=1):
    shape = number(a)
    law = lambda z: rows.gammaincc(shape, z, via="np")  # noqa: E731
    return _share(law, x, loc, scale, shape > 0, RIGHT, ABOVE)


@means("scipy.stats.gamma.ppf")
def gamma_ppf(q, a, loc=0, scale=1):
    shape = number(a)
    return _place(
        lambda p: rows.gammaincinv(shape, p, via="np"), q, loc, scale, shape > 0, RIGHT
    )


def _chi2(z, df):
    most = rows.xlogy(df / 2.0 - 1, z, via="np") - z / 2.0
    return most - rows.gammaln(df / 2.0, via="np") - (np.log(2) * df) / 2.0


@means("scipy.stats.chi2.pdf")
def chi2_pdf(x, df, loc=0, scale=1):
    free = number(df)
    return _pdf(lambda z: np.exp(_chi2(z, free)), x, loc, scale, free > 0, RIGHT)


@means("scipy.stats.chi2.logpdf")
def chi2_logpdf(x, df, loc=0, scale=1):
    free = number(df)
    return _logpdf(lambda z: _chi2(z, free), x, loc, scale, free > 0, RIGHT)


@means("scipy.stats.chi2.cdf")
def chi2_cdf(x, df, loc=0, scale=1):
    free = number(df)
    return _share(
        lambda z: rows.chdtr(free, z, via="np"), x, loc, scale, free > 0, RIGHT
    )


@means("scipy.stats.chi2.sf")
def chi2_sf(x, df, loc=0, scale=1):
    free = number(df)
    return _share(
        lambda z: rows.chdtrc(free, z, via="np"), x, loc, scale, free > 0, RIGHT, ABOVE
    )


@means("scipy.stats.chi2.ppf")
def chi2_ppf(q, df, loc=0, scale=1):
    free = number(df)
    law = lambda p: 2 * rows.gammaincinv(free / 2, p, via="np")  # noqa: E731
    return _place(law, q, loc, scale, free > 0, RIGHT)


def _student(z, df):
    most = np.log(rows.poch(0.5 * df, 0.5, via="np")) - 0.5 * (np.log(df) + _LOG_PI)
    return most - (df + 1) / 2 * np.log1p(z * z / df)


@means("scipy.stats.t.pdf")
def t_pdf(x, df, loc=0, scale=1):
    free = number(df)
    return _pdf(lambda z: np.exp(_student(z, free)), x, loc, scale, free > 0)


@means("scipy.stats.t.logpdf")
def t_logpdf(x, df, loc=0, scale=1):
    free = number(df)
    return _logpdf(lambda z: _student(z, free), x, loc, scale, free > 0)


@means("scipy.stats.t.cdf")
def t_cdf(x, df, loc=0, scale=1):
    free = number(df)
    return _share(lambda z: rows.stdtr(free, z, via="np"), x, loc, scale, free > 0)


@means("scipy.stats.t.sf")
def t_sf(x, df, loc=0, scale=1):
    free = number(df)
    law = lambda z: rows.stdtr(free, -z, via="np")  # noqa: E731
    return _share(law, x, loc, scale, free > 0, (-math.inf, math.inf), ABOVE)


@means("scipy.stats.t.ppf")
def t_ppf(q, df, loc=0, scale=1):
    free = number(df)
    return _place(lambda p: rows.stdtrit(free, p, via="np"), q, loc, scale, free > 0)


def _beta(z, a, b):
    most = rows.xlog1py(b - 1.0, -z, via="np") + rows.xlogy(a - 1.0, z, via="np")
    return most - rows.betaln(a, b, via="np")


@means("scipy.stats.beta.logpdf")
def beta_logpdf(x, a, b, loc=0, scale=1):
    first, second = number(a), number(b)
    law = lambda z: _beta(z, first, second)  # noqa: E731
    good = np.logical_and(first > 0, second > 0)
    return _logpdf(law, x, loc, scale, good, UNIT)


@means("scipy.stats.beta.pdf")
def beta_pdf(x, a, b, loc=0, scale=1):
    first, second = number(a), number(b)
    law = lambda z: rows.beta_pdf(z, first, second, via="np")  # noqa: E731
    good = np.logical_and(first > 0, second > 0)
    return _pdf(law, x, loc, scale, good, UNIT)


@means("scipy.stats.beta.cdf")
def beta_cdf(x, a, b, loc=0, scale=1):
    first, second = number(a), number(b)
    law = lambda z: rows.betainc(first, second, z, via="np")  # noqa: E731
    return _share(law, x, loc, scale, np.logical_and(first > 0, second > 0), UNIT)


@means("scipy.stats.beta.sf")
def beta_sf(x, a, b, loc=0, scale=1):
    first, second = number(a), number(b)
    law = lambda z: rows.betaincc(first, second, z, via="np")  # noqa: E731
    good = np.logical_and(first > 0, second > 0)
    return _share(law, x, loc, scale, good, UNIT, ABOVE)


@means("scipy.stats.uniform.pdf")
def uniform_pdf(x, loc=0, scale=1):
    return _pdf(lambda z: 1.0 + 0.0 * z, x, loc, scale, True, UNIT)


@means("scipy.stats.uniform.logpdf")
def uniform_logpdf(x, loc=0, scale=1):
    return _logpdf(lambda z: 0.0 * z, x, loc, scale, True, UNIT)


@means("scipy.stats.uniform.cdf")
def uniform_cdf(x, loc=0, scale=1):
    return _share(lambda z: z, x, loc, scale, True, UNIT)


@means("scipy.stats.uniform.ppf")
def uniform_ppf(q, loc=0, scale=1):
    return _place(lambda p: p, q, loc, scale, True, UNIT)


def _weibull(z, c):
    return np.log(c) + rows.xlogy(c - 1, z, via="np") - np.power(z, c)


@means("scipy.stats.weibull_min.pdf")
def weibull_pdf(x, c, loc=0, scale=1):
    shape = number(c)
    law = lambda z: shape * np.power(z, shape - 1) * np.exp(-np.power(z, shape))  # noqa: E731
    return _pdf(law, x, loc, scale, shape > 0, RIGHT)


@means("scipy.stats.weibull_min.logpdf")
def weibull_logpdf(x, c, loc=0, scale=1):
    shape = number(c)
    return _logpdf(lambda z: _weibull(z, shape), x, loc, scale, shape > 0, RIGHT)


@means("scipy.stats.weibull_min.cdf")
def weibull_cdf(x, c, loc=0, scale=1):
    shape = number(c)
    law = lambda z: -rows.expm1(-np.power(z, shape), via="scipy")  # noqa: E731
    return _share(law, x, loc, scale, shape > 0, RIGHT)


def _lognorm(z, s):
    spread = -(np.log(z) ** 2) / (2 * s**2)
    return np.where(z != 0, spread - np.log(s * z * np.sqrt(2 * np.pi)), -np.inf)


@means("scipy.stats.lognorm.pdf")
def lognorm_pdf(x, s, loc=0, scale=1):
    shape = number(s)
    return _pdf(lambda z: np.exp(_lognorm(z, shape)), x, loc, scale, shape > 0, RIGHT)


@means("scipy.stats.lognorm.logpdf")
def lognorm_logpdf(x, s, loc=0, scale=1):
    shape = number(s)
    return _logpdf(lambda z: _lognorm(z, shape), x, loc, scale, shape > 0, RIGHT)


@means("scipy.stats.lognorm.cdf")
def lognorm_cdf(x, s, loc=0, scale=1):
    shape = number(s)
    law = lambda z: rows.ndtr(np.log(z) / shape, via="np")  # noqa: E731
    return _share(law, x, loc, scale, shape > 0, RIGHT)


@means("scipy.stats.lognorm.sf")
def lognorm_sf(x, s, loc=0, scale=1):
    shape = number(s)
    law = lambda z: rows.ndtr(-(np.log(z) / shape), via="np")  # noqa: E731
    return _share(law, x, loc, scale, shape > 0, RIGHT, ABOVE)


@means("scipy.stats.lognorm.ppf")
def lognorm_ppf(q, s, loc=0, scale=1):
    shape = number(s)
    law = lambda p: np.exp(shape * rows.ndtri(p, via="np"))  # noqa: E731
    return _place(law, q, loc, scale, shape > 0, RIGHT)


# of whole numbers


def _counts(law, k, loc, good, ends, outside):
    """Return what a function makes of whole numbers in the support."""
    n = number(k) - number(loc)
    inside = (n >= ends[0]) & (n <= ends[1]) & (np.floor(n) == n)
    known = np.logical_and(good, n == n)
    return np.where(known, np.where(inside, law(n), outside), np.nan)[()]


def _poisson(k, mu):
    return rows.xlogy(k, mu, via="np") - rows.gammaln(k + 1, via="np") - mu


@means("scipy.stats.poisson.pmf")
def poisson_pmf(k, mu, loc=0):
    mean = number(mu)
    law = lambda n: np.clip(np.exp(_poisson(n, mean)), 0, 1)  # noqa: E731
    return _counts(law, k, loc, mean >= 0, RIGHT, 0.0)


@means("scipy.stats.poisson.logpmf")
def poisson_logpmf(k, mu, loc=0):
    mean = number(mu)
    return _counts(lambda n: _poisson(n, mean), k, loc, mean >= 0, RIGHT, -math.inf)


def _chosen(k, n, p):
    ways = rows.gammaln(n + 1, via="np") - (
        rows.gammaln(k + 1, via="np") + rows.gammaln(n - k + 1, via="np")
    )
    return ways + rows.xlogy(k, p, via="np") + rows.xlog1py(n - k, -p, via="np")


def _is_share(p):
    return np.logical_and(p >= 0, p <= 1)


@means("scipy.stats.binom.logpmf")
def binom_logpmf(k, n, p, loc=0):
    count, share = number(n), number(p)
    good = np.logical_and(_is_share(share), (count >= 0) & (np.floor(count) == count))
    law = lambda i: _chosen(np.floor(i), count, share)  # noqa: E731
    return _counts(law, k, loc, good, (0, count), -math.inf)


@means("scipy.stats.binom.pmf")
def binom_pmf(k, n, p, loc=0):
    count, share = number(n), number(p)
    good = np.logical_and(_is_share(share), (count >= 0) & (np.floor(count) == count))
    law = lambda i: np.clip(rows.binom_pmf(i, count, share, via="np"), 0, 1)  # noqa: E731
    return _counts(law, k, loc, good, (0, count), 0.0)


@means("scipy.stats.bernoulli.logpmf")
def bernoulli_logpmf(k, p, loc=0):
    share = number(p)
    law = lambda i: _chosen(np.floor(i), 1, share)  # noqa: E731
    return _counts(law, k, loc, _is_share(share), (0, 1), -math.inf)


# with parameters given beforehand


Continuous = namedtuple("Continuous", "pdf logpdf cdf sf logcdf logsf ppf isf")
Counted = namedtuple("Counted", "pmf logpmf cdf sf ppf")


@means("scipy.stats._distn_infrastructure.rv_continuous.__call__")
def with_parameters(self, *args, **kwds):
    of = lambda method: lambda x: method(x, *args, **kwds)  # noqa: E731
    every = self.pdf, self.logpdf, self.cdf, self.sf, self.logcdf, self.logsf
    return Continuous(*[of(method) for method in (*every, self.ppf, self.isf)])


@means("scipy.stats._distn_infrastructure.rv_discrete.__call__")
def counted_with_parameters(self, *args, **kwds):
    of = lambda method: lambda k: method(k, *args, **kwds)  # noqa: E731
    every = self.pmf, self.logpmf, self.cdf, self.sf, self.ppf
    return Counted(*[of(method) for method in every])


@means("scipy.stats._distn_infrastructure.rv_continuous_frozen.pdf")
def held_pdf(self, x):
    return self.dist.pdf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_continuous_frozen.logpdf")
def held_logpdf(self, x):
    return self.dist.logpdf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_discrete_frozen.pmf")
def held_pmf(self, x):
    return self.dist.pmf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_discrete_frozen.logpmf")
def held_logpmf(self, x):
    return self.dist.logpmf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_frozen.cdf")
def held_cdf(self, x):
    return self.dist.cdf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_frozen.sf")
def held_sf(self, x):
    return self.dist.sf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_frozen.logcdf")
def held_logcdf(self, x):
    return self.dist.logcdf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_frozen.logsf")
def held_logsf(self, x):
    return self.dist.logsf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_frozen.ppf")
def held_ppf(self, x):
    return self.dist.ppf(x, *self.args, **self.kwds)


@means("scipy.stats._distn_infrastructure.rv_frozen.isf")
def held_isf(self, x):
    return self.dist.isf(x, *self.args, **self.kwds)
