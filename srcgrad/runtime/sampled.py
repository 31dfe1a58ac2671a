"""Convolutions, and interpolation between samples."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

import numpy as np

from srcgrad.runtime.views import flat, index, plus

__all__ = ["convolve", "interp", "interp0"]

CORES = {
    "_convolve": "void(T[::1], T[::1], int64, boolean, T[::1])",
    "_interp": "void(T[::1], T[::1], T[::1], T[::1])",
}
VALID, SAME = 0, 1


def _convolve(x, v, first, back, out):
    """Put what `v`, turned around or not, gives from place `first` on into `out`."""
    n, m, count = x.shape[0], v.shape[0], out.shape[0]
    for k in range(count):
        out[k] = 0
    if count < m:
        for k in range(count):
            low, total = max(0, k + first - n + 1), out[k]
            for j in range(low, min(m, k + first + 1)):
                w = v[index(m - 1 - j)] if back else v[j]
                total = plus(total, w * x[index(k + first - j)])
            out[k] = total
        return
    for j in range(m):
        w, shift = v[m - 1 - j] if back else v[j], first - j
        for k in range(max(0, -shift), min(count, n - shift)):
            out[k] += w * x[index(k + shift)]


def convolve(x, v, mode, back):
    """Return what `np.convolve` does, or with `back` what `np.correlate` does."""
    less, more = min(x.size, v.size), max(x.size, v.size)
    if less == 0:
        raise ValueError("an array is empty")
    first, count = 0, less + more - 1
    if mode == VALID:
        first, count = less - 1, more - less + 1
    elif mode == SAME:
        turned = back and v.size > x.size
        first, count = less // 2 if turned else (less - 1) // 2, more
    out = np.empty(count, x.dtype)
    if back or v.size <= x.size:
        _convolve(flat(x), flat(v), first, back, flat(out))
    else:
        _convolve(flat(v), flat(x), first, False, flat(out))
    return out


def _between(value, xp, fp, low):
    """Return the value between one sample and the next, as NumPy rounds it."""
    slope = (fp[low + 1] - fp[low]) / (xp[low + 1] - xp[low])
    out = slope * (value - xp[low]) + fp[low]
    if math.isnan(out):
        out = slope * (value - xp[low + 1]) + fp[low + 1]
        if math.isnan(out) and fp[low] == fp[low + 1]:
            out = fp[low]
    return out


def _interp(x, xp, fp, out):
    """Put the values at all points into `out`."""
    last = xp.shape[0] - 1
    for i in range(x.shape[0]):
        value = x[i]
        if last == 0 or value < xp[0]:
            out[i] = fp[0]
        elif math.isnan(value):
            out[i] = value
        elif value >= xp[last]:
            out[i] = fp[last]
        else:
            low, high = 0, last
            while high - low > 1:
                middle = (low + high) // 2
                if value >= xp[middle]:
                    low = middle
                else:
                    high = middle
            out[i] = fp[low] if xp[low] == value else _between(value, xp, fp, low)


def interp(x, xp, fp):
    """Return the values at points between samples, those of the ends beyond them."""
    if xp.size == 0:
        raise ValueError("array of sample points is empty")
    out = np.empty(x.shape, np.float64)
    _interp(flat(x), flat(xp), flat(fp), flat(out))
    return out


def interp0(x, xp, fp):
    """Return the value at one point between samples."""
    points = np.empty(1, np.float64)
    points[0] = x
    return interp(points, xp, fp)[0]
