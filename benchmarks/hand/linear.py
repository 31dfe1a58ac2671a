"""By hand: products of matrices and vectors."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import numpy as np

from benchmarks.hand.compiled import by_hand, square_sum


@by_hand
def gemm(alpha, beta, c, a, b):
    """Two products in the backward sweep, transposes as flags."""
    product = np.dot(a, b)
    d_c = np.empty_like(c)
    value = d_alpha = d_beta = 0.0
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            p = product[i, j]
            out = alpha * p + beta * c[i, j]
            g = 2.0 * out
            value += out * out
            d_alpha += g * p
            d_beta += g * c[i, j]
            d_c[i, j] = beta * g
            product[i, j] = alpha * g
    d_a, d_b = np.dot(product, b.T), np.dot(a.T, product)
    return value, (d_alpha, d_beta, d_c, d_a, d_b)


@by_hand
def atax(a, x):
    """The matrix is read three times; its gradient is written once."""
    t = np.dot(a, x)
    y = np.dot(t, a)
    d_y = 2.0 * y
    d_t = np.dot(a, d_y)
    d_a = np.empty_like(a)
    for i in range(a.shape[0]):
        ti, di = t[i], d_t[i]
        for j in range(a.shape[1]):
            d_a[i, j] = ti * d_y[j] + di * x[j]
    return square_sum(y), (d_a, np.dot(d_t, a))


@by_hand
def mvt(x1, x2, y1, y2, a):
    """Both products' share of the matrix's gradient is written at once."""
    out1, out2 = x1 + np.dot(a, y1), x2 + np.dot(y2, a)
    g1, g2 = 2.0 * out1, 2.0 * out2
    d_a = np.empty_like(a)
    for i in range(a.shape[0]):
        g, y = g1[i], y2[i]
        for j in range(a.shape[1]):
            d_a[i, j] = g * y1[j] + y * g2[j]
    d_y1, d_y2 = np.dot(g1, a), np.dot(a, g2)
    return square_sum(out1) + square_sum(out2), (g1, g2, d_y1, d_y2, d_a)


@by_hand
def gemver(alpha, beta, a, u1, v1, u2, v2, w, x, y, z):
    """The updated matrix is kept; the gradient's two parts are written at once."""
    full = np.empty_like(a)
    for i in range(a.shape[0]):
        p, q = u1[i], u2[i]
        for j in range(a.shape[1]):
            full[i, j] = a[i, j] + p * v1[j] + q * v2[j]
    ya = np.dot(y, full)
    x1 = x + beta * ya + z
    ax = np.dot(full, x1)
    out = w + alpha * ax
    d_w = 2.0 * out
    d_x = alpha * np.dot(d_w, full)
    d_y = beta * np.dot(full, d_x)
    for i in range(a.shape[0]):
        p, q = alpha * d_w[i], beta * y[i]
        for j in range(a.shape[1]):
            full[i, j] = p * x1[j] + q * d_x[j]
    d_u1, d_v1 = np.dot(full, v1), np.dot(u1, full)
    d_u2, d_v2 = np.dot(full, v2), np.dot(u2, full)
    d_alpha, d_beta = np.dot(d_w, ax), np.dot(d_x, ya)
    vectors = (d_u1, d_v1, d_u2, d_v2, d_w, d_x, d_y, d_x.copy())
    return square_sum(out), (d_alpha, d_beta, full, *vectors)


@by_hand
def syrk(alpha, beta, c, a):
    """Rows against rows, so that the inner loops are contiguous."""
    n, m = a.shape
    turned = a.T.copy()
    d_c, d_a, row = 2.0 * c, np.zeros_like(a), np.empty(m)
    line = np.empty(n)
    value = d_alpha = d_beta = 0.0
    for i in range(n):
        for j in range(i + 1):
            line[j] = c[i, j] * beta
        for k in range(m):
            factor = alpha * a[i, k]
            for j in range(i + 1):
                line[j] += factor * turned[k, j]
        row[:] = 0.0
        for j in range(i + 1):
            g = 2.0 * line[j]
            value += line[j] * line[j]
            d_beta += g * c[i, j]
            d_c[i, j] = beta * g
            scaled = alpha * g
            for k in range(m):
                row[k] += g * a[j, k]
                d_a[j, k] += scaled * a[i, k]
        for k in range(m):
            d_alpha += row[k] * a[i, k]
            d_a[i, k] += alpha * row[k]
        for j in range(i + 1, n):
            value += c[i, j] * c[i, j]
    return value, (d_alpha, d_beta, d_c, d_a)


@by_hand
def bicg(a, p, r):
    """The matrix's gradient is written once."""
    s, q = np.dot(r, a), np.dot(a, p)
    d_s, d_q = 2.0 * s, 2.0 * q
    d_a = np.empty_like(a)
    for i in range(a.shape[0]):
        ri, qi = r[i], d_q[i]
        for j in range(a.shape[1]):
            d_a[i, j] = ri * d_s[j] + qi * p[j]
    return square_sum(s) + square_sum(q), (d_a, np.dot(d_q, a), np.dot(a, d_s))


@by_hand
def gesummv(alpha, beta, a, b, x):
    """Both matrices' gradients in one pass."""
    ax, bx = np.dot(a, x), np.dot(b, x)
    y = alpha * ax + beta * bx
    g = 2.0 * y
    d_a, d_b = np.empty_like(a), np.empty_like(b)
    for i in range(a.shape[0]):
        p, q = alpha * g[i], beta * g[i]
        for j in range(a.shape[1]):
            d_a[i, j] = p * x[j]
            d_b[i, j] = q * x[j]
    d_x = alpha * np.dot(g, a) + beta * np.dot(g, b)
    return square_sum(y), (np.dot(g, ax), np.dot(g, bx), d_a, d_b, d_x)


@by_hand
def k2mm(alpha, beta, a, b, c, d):
    """Four products in the backward sweep, transposes as flags."""
    t = np.dot(a, b)
    product = np.dot(t, c)
    d_d = np.empty_like(d)
    value = d_alpha = d_beta = 0.0
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            p = product[i, j]
            out = alpha * p + beta * d[i, j]
            g = 2.0 * out
            value += out * out
            d_alpha += g * p
            d_beta += g * d[i, j]
            d_d[i, j] = beta * g
            product[i, j] = alpha * g
    d_t, d_c = np.dot(product, c.T), np.dot(t.T, product)
    d_a, d_b = np.dot(d_t, b.T), np.dot(a.T, d_t)
    return value, (d_alpha, d_beta, d_a, d_b, d_c, d_d)


@by_hand
def k3mm(a, b, c, d):
    """Six products in the backward sweep, transposes as flags."""
    e, f = np.dot(a, b), np.dot(c, d)
    g = np.dot(e, f)
    value = square_sum(g.ravel())
    g *= 2.0
    d_e, d_f = np.dot(g, f.T), np.dot(e.T, g)
    d_a, d_b = np.dot(d_e, b.T), np.dot(a.T, d_e)
    d_c, d_d = np.dot(d_f, d.T), np.dot(c.T, d_f)
    return value, (d_a, d_b, d_c, d_d)


@by_hand
def trmm(alpha, a, b):
    """Rows against rows; a row reads only rows that are not changed yet."""
    n, m = b.shape
    out = b.copy()
    for i in range(n):
        for k in range(i + 1, n):
            factor = a[k, i]
            for j in range(m):
                out[i, j] += factor * b[k, j]
    square = square_sum(out.ravel())
    out *= 2.0 * alpha * alpha
    d_a, d_b = np.zeros_like(a), out.copy()
    for i in range(n):
        for k in range(i + 1, n):
            factor = a[k, i]
            d_a[k, i] = np.dot(out[i], b[k])
            for j in range(m):
                d_b[k, j] += factor * out[i, j]
    return alpha * alpha * square, (2.0 * alpha * square, d_a, d_b)
