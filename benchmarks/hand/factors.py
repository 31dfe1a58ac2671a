"""By hand: factorisations and triangular solutions."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import numpy as np

from benchmarks.hand.compiled import by_hand, square_sum


@by_hand
def cholesky(a):
    """Every element is final: the factor is its own tape."""
    n = a.shape[0]
    low = a.copy()
    for i in range(n):
        for j in range(i):
            s = low[i, j]
            for k in range(j):
                s -= low[i, k] * low[j, k]
            low[i, j] = s / low[j, j]
        s = low[i, i]
        for k in range(i):
            s -= low[i, k] * low[i, k]
        low[i, i] = np.sqrt(s)
    value = square_sum(low.ravel())
    d = 2.0 * low
    for i in range(n - 1, -1, -1):
        g = 0.5 * d[i, i] / low[i, i]
        d[i, i] = g
        for k in range(i):
            d[i, k] -= 2.0 * g * low[i, k]
        for j in range(i - 1, -1, -1):
            g = d[i, j] / low[j, j]
            d[i, j] = g
            d[j, j] -= g * low[i, j]
            for k in range(j):
                d[i, k] -= g * low[j, k]
                d[j, k] -= g * low[i, k]
    return value, (d,)


@by_hand
def lu(a):
    """Row by row, so that the inner loops are contiguous."""
    n = a.shape[0]
    m = a.copy()
    for i in range(n):
        for k in range(i):
            m[i, k] /= m[k, k]
            factor = m[i, k]
            for j in range(k + 1, n):
                m[i, j] -= factor * m[k, j]
    value = square_sum(m.ravel())
    d = 2.0 * m
    for i in range(n - 1, -1, -1):
        for k in range(i - 1, -1, -1):
            factor = m[i, k]
            g = d[i, k] - np.dot(d[i, k + 1 :], m[k, k + 1 :])
            for j in range(k + 1, n):
                d[k, j] -= factor * d[i, j]
            g /= m[k, k]
            d[i, k] = g
            d[k, k] -= g * factor
    return value, (d,)


@by_hand
def trisolv(l, x, b):  # noqa: E741
    """The solution is its own tape; each row of the gradient is written once."""
    n = x.shape[0]
    y = np.empty(n)
    for i in range(n):
        y[i] = (b[i] - np.dot(l[i, :i], y[:i])) / l[i, i]
    d_y, d_b, d_l = 2.0 * y, np.empty(n), np.empty_like(l)
    for i in range(n - 1, -1, -1):
        g = d_y[i] / l[i, i]
        d_b[i] = g
        for k in range(i):
            d_l[i, k] = -g * y[k]
            d_y[k] -= g * l[i, k]
        d_l[i, i] = -g * y[i]
        d_l[i, i + 1 :] = 0.0
    return square_sum(y), (d_l, d_b)


@by_hand
def durbin(r):
    """The vector before each update is kept in a row of its own."""
    n = r.shape[0]
    ys, alphas, betas = np.empty((n, n)), np.empty(n), np.empty(n)
    ys[0, 0] = alphas[0] = -r[0]
    betas[0] = 1.0
    for k in range(1, n):
        alpha = alphas[k - 1]
        beta = betas[k - 1] * (1.0 - alpha * alpha)
        old, new = ys[k - 1], ys[k]
        s = r[k]
        for j in range(k):
            s += r[k - 1 - j] * old[j]
        alpha = -s / beta
        for j in range(k):
            new[j] = old[j] + alpha * old[k - 1 - j]
        new[k] = alpha
        alphas[k], betas[k] = alpha, beta
    y = ys[n - 1]
    d_y, d_r, other = 2.0 * y, np.zeros(n), np.empty(n)
    d_beta = carried = 0.0  # carried: what the next beta says of this alpha
    for k in range(n - 1, 0, -1):
        alpha, beta, old = alphas[k], betas[k], ys[k - 1]
        d_alpha = d_y[k] + carried
        for j in range(k):
            d_alpha += d_y[j] * old[k - 1 - j]
        g = -d_alpha / beta
        d_beta += g * alpha
        d_r[k] += g
        for j in range(k):
            other[j] = d_y[j] + alpha * d_y[k - 1 - j] + g * r[k - 1 - j]
            d_r[j] += g * old[k - 1 - j]
        before = alphas[k - 1]
        carried = -2.0 * before * betas[k - 1] * d_beta
        d_beta *= 1.0 - before * before
        d_y, other = other, d_y
    d_r[0] -= d_y[0] + carried
    return square_sum(y), (d_r,)


@by_hand
def gramschmidt(a):
    """Columns are rows here; what a step took off is put back on the way back."""
    n, m = a.shape[1], a.shape[0]
    rows, q, r = a.T.copy(), np.empty((n, m)), np.zeros((n, n))
    for k in range(n):
        length = np.sqrt(np.dot(rows[k], rows[k]))
        r[k, k] = length
        for x in range(m):
            q[k, x] = rows[k, x] / length
        for j in range(k + 1, n):
            s = np.dot(q[k], rows[j])
            r[k, j] = s
            for x in range(m):
                rows[j, x] -= q[k, x] * s
    value = 0.0
    for k in range(n):
        for j in range(k, n):
            value += r[k, j] * r[k, j] * r[k, j]
        for x in range(m):
            value += q[k, x]
    d, d_q = np.zeros((n, m)), np.empty(m)
    for k in range(n - 1, -1, -1):
        d_q[:] = 1.0
        for j in range(n - 1, k, -1):
            s = r[k, j]
            g = 3.0 * s * s - np.dot(q[k], d[j])
            for x in range(m):
                rows[j, x] += q[k, x] * s
                d_q[x] += g * rows[j, x] - s * d[j, x]
                d[j, x] += g * q[k, x]
        length = r[k, k]
        g = 3.0 * length * length - np.dot(d_q, q[k]) / length
        for x in range(m):
            d[k, x] = d_q[x] / length + g * q[k, x]
    return value, (d.T.copy(),)
