"""Running sums and products along an axis, and what their derivatives are made of."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat

__all__ = ["cumprod3", "cumsum3", "exclusive_cumprod3", "linear_scan3"]

CORES = {
    "_products": "void(T[::1], int64, int64, int64, boolean, T[::1])",
    "_run": "void(T[::1], int64, int64, int64, boolean, T[::1])",
    "_scan": "void(T[::1], T[::1], int64, int64, int64, boolean, T[::1])",
}


def _run(a, outer, n, inner, product, out):
    """Put running sums along the middle axis into `out`, or running products."""
    for o in range(outer):
        first = o * n * inner
        for j in range(inner if n > 0 else 0):
            out[first + j] = a[first + j]
        for here in range(first + inner, first + n * inner):
            if product:
                out[here] = out[here - inner] * a[here]
            else:
                out[here] = out[here - inner] + a[here]


def cumsum3(x, outer, n, inner, shape):
    """Return the running sums along the middle axis."""
    out = np.empty(shape, x.dtype)
    _run(flat(x), outer, n, inner, False, flat(out))
    return out


def cumprod3(x, outer, n, inner, shape):
    """Return the running products along the middle axis."""
    out = np.empty(shape, x.dtype)
    _run(flat(x), outer, n, inner, True, flat(out))
    return out


def _products(a, outer, n, inner, reverse, y):
    """Put the product of all items before each one, or after it, into `y`."""
    step = -inner if reverse else inner
    for o in range(outer):
        first = (o * n + (n - 1 if reverse else 0)) * inner
        for i in range(n):
            row = first + i * step
            for j in range(inner):
                before = row + j - step
                y[row + j] = y[before] * a[before] if i > 0 else 1


def exclusive_cumprod3(x, outer, n, inner, reverse):
    """Return the products of all items before each one, or of all after it."""
    out = np.empty(x.shape, x.dtype)
    _products(flat(x), outer, n, inner, reverse, flat(out))
    return out


def _scan(factors, terms, outer, n, inner, reverse, y):
    """Put y[0] = 0 and y[k + 1] = factors[k] * y[k] + terms[k] into `y`."""
    step = -inner if reverse else inner
    for o in range(outer):
        first = (o * n + (n - 1 if reverse else 0)) * inner
        for i in range(n):
            row = first + i * step
            for j in range(inner):
                before = row + j - step
                if i == 0:
                    y[row + j] = 0
                elif i == 1:
                    y[row + j] = terms[before]
                else:
                    y[row + j] = factors[before] * y[before] + terms[before]


def linear_scan3(a, b, outer, n, inner, reverse):
    """Return y with y[0] = 0 and y[k + 1] = a[k] * y[k] + b[k], or from the far end."""
    out = np.empty(a.shape, a.dtype)
    _scan(flat(a), flat(b), outer, n, inner, reverse, flat(out))
    return out
