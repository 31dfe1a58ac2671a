"""By hand: layers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import math

import numpy as np

from benchmarks.hand.compiled import by_hand, square_sum


@by_hand
def go_fast(a):
    """Two passes over the matrix: its gradient is twice the result."""
    n, m = a.shape
    ts = np.empty(n)
    trace = 0.0
    for i in range(n):
        ts[i] = math.tanh(a[i, i])
        trace += ts[i]
    d, sums = np.empty_like(a), np.zeros(m)
    value = 0.0
    for i in range(n):
        for j in range(m):
            d[i, j] = 2.0 * (a[i, j] + trace)
            sums[j] += d[i, j]
        value += square_sum(d[i])
    g = 0.0
    for j in range(m):
        g += sums[j]
    for i in range(n):
        d[i, i] += g * (1.0 - ts[i] * ts[i])
    return 0.25 * value, (d,)


@by_hand
def softmax(x):
    """Each line forwards and backwards while it is in the cache."""
    d = np.empty_like(x)
    rows, out = x.reshape(-1, x.shape[-1]), d.reshape(-1, x.shape[-1])
    n = rows.shape[1]
    value = 0.0
    for i in range(rows.shape[0]):
        row, y = rows[i], out[i]
        largest = row[0]
        for j in range(1, n):
            largest = max(largest, row[j])
        total = 0.0
        for j in range(n):
            y[j] = math.exp(row[j] - largest)
            total += y[j]
        share = 1.0 / total
        for j in range(n):
            y[j] *= share
        square = square_sum(y)
        value += square
        for j in range(n):
            y[j] = 2.0 * y[j] * (y[j] - square)
    return value, (d,)
