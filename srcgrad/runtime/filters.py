"""Filters that feed back: what `scipy.signal.lfilter` does along the last axis."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

__all__ = ["lagged", "lfilter"]


def lfilter(b, a, x):
    """Return rows filtered: sums of `b` times what comes in, less `a` times what went.

    The state is that of the transposed direct form, as in SciPy.
    """
    out = np.empty_like(x)
    count = max(a.shape[0], b.shape[0])
    ahead, back = np.zeros(count, x.dtype), np.zeros(count, x.dtype)
    ahead[: b.shape[0]], back[: a.shape[0]] = b / a[0], a / a[0]
    state = np.empty(count, x.dtype)
    for i in range(x.shape[0]):
        state[:] = 0
        for j in range(x.shape[1]):
            y = state[0] + ahead[0] * x[i, j]
            for k in range(1, count):
                after = state[k] if k + 1 < count else 0 * y
                state[k - 1] = after + ahead[k] * x[i, j] - back[k] * y
            out[i, j] = y
    return out


def lagged(w, x, n):
    """Return the sums of `w` times `x` so many places before, for 0, 1, ... n - 1."""
    out = np.zeros(n, w.dtype)
    for k in range(min(n, w.shape[1])):
        for i in range(w.shape[0]):
            for j in range(k, w.shape[1]):
                out[k] += w[i, j] * x[i, j - k]
    return out
