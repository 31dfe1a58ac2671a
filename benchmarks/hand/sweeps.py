"""By hand: sweeps."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import math

import numpy as np

from benchmarks.hand.compiled import by_hand, square_sum


@by_hand
def _filter(x, y1, y2, a1, a2, a3, a4, b1, b2):
    """Filter along the first axis, both ways; the second is a vector."""
    n, m = x.shape
    for j in range(m):
        y1[0, j] = a1 * x[0, j]
        y1[1, j] = a1 * x[1, j] + a2 * x[0, j] + b1 * y1[0, j]
        y2[n - 1, j] = 0.0
        y2[n - 2, j] = a3 * x[n - 1, j]
    for i in range(2, n):
        for j in range(m):
            y1[i, j] = (
                a1 * x[i, j] + a2 * x[i - 1, j] + b1 * y1[i - 1, j] + b2 * y1[i - 2, j]
            )
    for i in range(n - 3, -1, -1):
        for j in range(m):
            y2[i, j] = (
                a3 * x[i + 1, j] + a4 * x[i + 2, j] + b1 * y2[i + 1, j]
                + b2 * y2[i + 2, j]
            )  # fmt: skip


@by_hand
def _filter_back(x, y1, y2, g, d_x, sums, a1, a2, a3, a4, b1, b2):
    """Set `d_x`, add to `sums` what the six coefficients get, a line for each."""
    n, m = x.shape
    c, e = g.copy(), g.copy()
    for i in range(n - 1, -1, -1):
        for j in range(m):
            total = c[i, j]
            if i + 1 < n:
                total += b1 * c[i + 1, j]
            if i + 2 < n:
                total += b2 * c[i + 2, j]
            c[i, j] = total
            sums[0, j] += total * x[i, j]
            if i > 0:
                sums[1, j] += total * x[i - 1, j]
                sums[4, j] += total * y1[i - 1, j]
            if i > 1:
                sums[5, j] += total * y1[i - 2, j]
            d_x[i, j] = a1 * total + (a2 * c[i + 1, j] if i + 1 < n else 0.0)
    for i in range(n):
        for j in range(m):
            total = e[i, j]
            if i > 0:
                total += b1 * e[i - 1, j]
                d_x[i, j] += a3 * e[i - 1, j]
            if i > 1:
                total += b2 * e[i - 2, j]
                d_x[i, j] += a4 * e[i - 2, j]
            e[i, j] = total
            if i + 1 < n:
                sums[2, j] += total * x[i + 1, j]
                sums[4, j] += total * y2[i + 1, j]
            if i + 2 < n:
                sums[3, j] += total * x[i + 2, j]
                sums[5, j] += total * y2[i + 2, j]


@by_hand
def deriche(alpha, image):
    """Both passes filter along the first axis of a copy that is turned in between."""
    w, h = image.shape
    e, q, grown = math.exp(-alpha), math.exp(-2.0 * alpha), math.exp(2.0 * alpha)
    top, low = (1.0 - e) * (1.0 - e), 1.0 + alpha * e - grown
    k = top / low
    a1, a2, a3, a4 = k, k * e * (alpha - 1.0), k * e * (alpha + 1.0), -k * q
    b1, b2 = 2.0**-alpha, -q
    x = image.T.copy()
    y1, y2 = np.empty_like(x), np.empty_like(x)
    _filter(x, y1, y2, a1, a2, a3, a4, b1, b2)
    middle = np.empty((w, h))
    for i in range(w):
        for j in range(h):
            middle[i, j] = y1[j, i] + y2[j, i]
    z1, z2 = np.empty_like(middle), np.empty_like(middle)
    _filter(middle, z1, z2, a1, a2, a3, a4, b1, b2)
    g = np.empty_like(middle)
    for i in range(w):
        for j in range(h):
            g[i, j] = 2.0 * (z1[i, j] + z2[i, j])
    value = 0.25 * square_sum(g.ravel())
    d_middle, d_x = np.empty_like(middle), np.empty_like(x)
    sums, others = np.zeros((6, h)), np.zeros((6, w))
    _filter_back(middle, z1, z2, g, d_middle, sums, a1, a2, a3, a4, b1, b2)
    turned = d_middle.T.copy()
    _filter_back(x, y1, y2, turned, d_x, others, a1, a2, a3, a4, b1, b2)
    d = np.zeros(6)
    for c in range(6):
        for j in range(h):
            d[c] += sums[c, j]
        for i in range(w):
            d[c] += others[c, i]
    d_k = (2.0 * (1.0 - e) * e - k * (e - alpha * e - 2.0 * grown)) / low
    d_alpha = d[0] * d_k + d[1] * e * (d_k * (alpha - 1.0) - k * (alpha - 2.0))
    d_alpha += d[2] * e * (d_k * (alpha + 1.0) - k * alpha)
    d_alpha += d[3] * q * (2.0 * k - d_k) - d[4] * math.log(2.0) * b1 + d[5] * 2.0 * q
    return value, (d_alpha, d_x.T.copy())
