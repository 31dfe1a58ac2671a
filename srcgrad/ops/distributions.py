# mypy: allow-untyped-defs, allow-untyped-calls
"""The normal distribution of `scipy.stats`, in plain NumPy; see `prelude`.

Where the scale is not above zero all of it is nan, as in SciPy.
"""

from __future__ import annotations

import math

import numpy as np

from srcgrad.ops.prelude import is_python, means, rows, typed

_PEAK = math.sqrt(2 * math.pi)
_LOG_PEAK = math.log(_PEAK)


def number(x):
    if np.ndim(x):
        return np.asarray(x)
    return typed(x, "float64") if is_python(x) else x


def _normal(of, x, loc, scale):
    """Return what a function makes of standard scores, and of the scale."""
    width = number(scale)
    z = typed((number(x) - number(loc)) / width, "float64")
    return np.where(width > 0, of(z, width), np.nan)[()]


@means("scipy.stats.norm.pdf")
def pdf(x, loc=0, scale=1):
    density = lambda z, width: np.exp(-(z * z) / 2.0) / _PEAK / width  # noqa: E731
    return _normal(density, x, loc, scale)


@means("scipy.stats.norm.logpdf")
def logpdf(x, loc=0, scale=1):
    density = lambda z, width: -(z * z) / 2.0 - _LOG_PEAK - np.log(width)  # noqa: E731
    return _normal(density, x, loc, scale)


@means("scipy.stats.norm.cdf")
def cdf(x, loc=0, scale=1):
    return _normal(lambda z, width: rows.ndtr(z, via="np"), x, loc, scale)


@means("scipy.stats.norm.logcdf")
def logcdf(x, loc=0, scale=1):
    return _normal(lambda z, width: rows.log_ndtr(z, via="np"), x, loc, scale)


@means("scipy.stats.norm.sf")
def sf(x, loc=0, scale=1):
    return _normal(lambda z, width: rows.ndtr(-z, via="np"), x, loc, scale)


@means("scipy.stats.norm.logsf")
def logsf(x, loc=0, scale=1):
    return _normal(lambda z, width: rows.log_ndtr(-z, via="np"), x, loc, scale)


@means("scipy.stats.norm.ppf")
def ppf(q, loc=0, scale=1):
    width = number(scale)
    found = rows.ndtri(number(q), via="np") * width + number(loc)
    return np.where(width > 0, found, np.nan)[()]


@means("scipy.stats.norm.isf")
def isf(q, loc=0, scale=1):
    width = number(scale)
    found = -rows.ndtri(number(q), via="np") * width + number(loc)
    return np.where(width > 0, found, np.nan)[()]
