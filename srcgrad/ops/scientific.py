# mypy: allow-untyped-defs, allow-untyped-calls
"""What functions of SciPy mean that are no single operation; see `prelude`."""

from __future__ import annotations

import math
import sys

import numpy as np

from srcgrad.ops.prelude import fixed, is_python, kind, means, refused, rows, typed
from srcgrad.ops.table import Unsupported


@fixed
def whole(name, order, least=None):
    """Return an order, which must be a whole number."""
    if order != int(order) or (least is not None and order < least):
        what = f"`{name}` is known of whole orders"
        raise Unsupported(what + f" from {least} on" * (least is not None))
    return int(order)


@means("scipy.special.zeta")
def zeta(x, q=1):
    return rows.zeta(typed(q, "float64"), s=whole("zeta", x, 2), via="np")


@means("scipy.special.polygamma")
def polygamma(n, x):
    order = whole("polygamma", n, 0)
    if order == 0:
        return rows.digamma(typed(x, "float64"), via="np")
    return signed_factorial(order) * zeta(order + 1, typed(x, "float64"))


@fixed
def signed_factorial(n):
    return (-1.0) ** (n + 1) * math.gamma(n + 1.0)


@means("scipy.special.factorial")
def factorial(n, exact=False, extend="zero"):
    if extend != "zero":
        return refused("`factorial` is known with extend='zero'")
    if kind(n) == "float32":
        return refused("`factorial` is not known of float32", "pass `n.astype(float)`")
    if not exact:
        return rows.factorial(n, via="np")
    if np.ndim(n):
        return refused("`factorial` with exact=True is known of one number")
    return math.factorial(n)


@means("scipy.special.comb")
def comb(N, k, *, exact=False, repetition=False):
    if repetition:
        return refused("`repetition` is not known here", "write `comb(N + k - 1, k)`")
    if not exact:
        return rows.comb(N, k, via="np")
    if np.ndim(N) or np.ndim(k):
        return refused("`comb` with exact=True is known of two numbers")
    return 0 if N < 0 or k < 0 else math.comb(N, k)


@means("scipy.special.lambertw")
def lambertw(z, k=0, tol=1e-8):
    return rows.lambertw(z, k=branch(k, tol), via="np")


@fixed
def branch(k, tol):
    """Return which branch of Lambert's W is meant, which is as exact as usual."""
    if tol != 1e-8:
        raise Unsupported("`lambertw` is known with tol=1e-8")
    return whole("lambertw", k)


# SciPy's own, which round differently from those of NumPy


@means("scipy.special.log1p")
def log1p(x):
    return rows.log1p(x, via="scipy")


@means("scipy.special.expm1")
def expm1(x):
    return rows.expm1(x, via="scipy")


@means("scipy.special.exp2")
def exp2(x):
    return rows.exp2(x, via="scipy")


@means("scipy.special.cbrt")
def cbrt(x):
    return rows.cbrt(x, via="scipy")


@means("scipy.special.softplus")
def softplus(x):
    return np.logaddexp(0, x)


# logarithms of sums


@means("scipy.special.logsumexp")
def logsumexp(a, axis=None, b=None, keepdims=False, return_sign=False):
    x, given = np.atleast_1d(a), {"axis": axis, "keepdims": keepdims}
    if b is None:
        value = rows.logsumexp(x, **given)
        return (value, np.ones_like(value)) if return_sign else value
    weak = not np.ndim(b) and is_python(b) and kind(x) == "float32"
    weights = np.atleast_1d(typed(b, "float32") if weak else b)
    if np.ndim(x) < np.ndim(weights):
        advice = "write `logsumexp(a + np.zeros(np.shape(b)), b=b)`"
        return refused("`b` of `logsumexp` has no more axes than `a`", advice)
    if not return_sign:
        return rows.logsumexp_weighed(x, weights, **given)
    sign = rows.logsumexp_sign(x, weights, **given)
    return rows.logsumexp_absolute(x, weights, **given), sign


@means("scipy.constants.value")
@fixed
def constant(key):
    """Return a constant of nature by its name."""
    return sys.modules["scipy.constants"].value(key)
