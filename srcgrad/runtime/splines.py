"""Splines by their B-splines of degree k, and what numbers at points give to them."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

__all__ = [
    "b_spline", "bispline", "bispline_at", "bispline_spread", "pieces", "spline",
    "spline_spread",
]  # fmt: skip

ZEROS, RAISES, BOUNDARY = 1, 2, 3  # what is done outside of the knots


def _place(t, k, x):
    """Return which span between knots a point is in; the outer ones reach on."""
    low, high = k, t.shape[0] - k - 2
    while low < high:
        middle = (low + high + 1) // 2
        if x >= t[middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _basis(t, k, der, x, place, h):
    """Put derivatives of the B-splines that are not zero in a span into h."""
    h[0] = 1.0
    for j in range(1, k - der + 1):
        last = 0.0
        for i in range(j):
            right, left = t[place + 1 + i], t[place + 1 + i - j]
            part = h[i] / (right - left)
            h[i], last = last + part * (right - x), part * (x - left)
        h[j] = last
    for m in range(k - der + 1, k + 1):
        for j in range(m, -1, -1):
            i, slope = place - m + j, 0.0
            if j > 0:
                slope = h[j - 1] / (t[i + m] - t[i])
            if j < m:
                slope -= h[j] / (t[i + m + 1] - t[i + 1])
            h[j] = m * slope


def _moved(t, k, x, ext, der):
    """Return where a spline is read for a point, and whether it is at all.

    FITPACK's derivatives of what stays level outside reach on.
    """
    first, last = t[k], t[t.shape[0] - k - 1]
    if ext == RAISES and (x < first or x > last):
        raise ValueError("a point lies outside of the knots")
    if ext == BOUNDARY and der == 0:
        x = min(max(x, first), last)
    return x, ext != ZEROS or first <= x <= last


def _value(t, coef, k, der, x, h):
    """Return a derivative of a spline at one point; h is room for its B-splines."""
    place, total = _place(t, k, x), 0.0
    _basis(t, k, der, x, place, h)
    for i in range(k + 1):
        total += h[i] * coef[place - k + i]
    return total


def spline(x, t, coef, k, der, ext):
    """Return a derivative of a spline at points."""
    if x.shape[0] == 0:
        raise ValueError("Invalid input data")
    out, h = np.zeros(x.shape[0]), np.empty(k + 1)
    for j in range(x.shape[0]):
        at, inside = _moved(t, k, x[j], ext, der)
        if inside:
            out[j] = _value(t, coef, k, der, at, h)
    return out


def b_spline(x, t, coef, k, der, beyond):
    """Return a derivative of a spline at points; it may end at the outer knots."""
    out, h = np.zeros(x.shape[0]), np.empty(k + 1)
    first, last = t[k], t[t.shape[0] - k - 1]
    for j in range(x.shape[0]):
        if x[j] != x[j] or not (beyond or first <= x[j] <= last):
            out[j] = np.nan
        else:
            out[j] = _value(t, coef, k, der, x[j], h)
    return out


def spline_spread(y, x, t, n, k=3, der=0, ext=0):
    """Return what numbers at points give to the coefficients of a spline."""
    out, h = np.zeros(n), np.empty(k + 1)
    for j in range(x.shape[0]):
        at, inside = _moved(t, k, x[j], ext, der)
        if inside:
            place = _place(t, k, at)
            _basis(t, k, der, at, place, h)
            for i in range(k + 1):
                out[place - k + i] += h[i] * y[j]
    return out


def _grid(x, t, k, der):
    """Return the B-splines of each point of an axis, and which are the first."""
    places, h = np.empty(x.shape[0], np.int64), np.empty((x.shape[0], k + 1))
    for j in range(x.shape[0]):
        if j > 0 and x[j] < x[j - 1]:
            raise ValueError("Invalid input data")
        at, _ = _moved(t, k, x[j], BOUNDARY, 0)
        place = _place(t, k, at)
        places[j] = place - k
        _basis(t, k, der, at, place, h[j])
    return places, h


def bispline(x, y, tx, ty, coef, kx, ky, dx, dy):
    """Return a derivative of a spline of two variables on a grid of points."""
    rows, columns = _grid(x, tx, kx, dx), _grid(y, ty, ky, dy)
    out, n = np.zeros((x.shape[0], y.shape[0])), ty.shape[0] - ky - 1
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            for a in range(kx + 1):
                first, total = (rows[0][i] + a) * n + columns[0][j], 0.0
                for b in range(ky + 1):
                    total += columns[1][j, b] * coef[first + b]
                out[i, j] += rows[1][i, a] * total
    return out


def bispline_at(x, y, tx, ty, coef, kx, ky, dx, dy):
    """Return a derivative of a spline of two variables at points."""
    out = np.empty(x.shape[0])
    for j in range(x.shape[0]):
        one = slice(j, j + 1)
        out[j] = bispline(x[one], y[one], tx, ty, coef, kx, ky, dx, dy)[0, 0]
    return out


def bispline_spread(w, x, y, tx, ty, count, kx=3, ky=3, dx=0, dy=0):
    """Return what numbers on a grid give to the coefficients of such a spline."""
    rows, columns = _grid(x, tx, kx, dx), _grid(y, ty, ky, dy)
    out, n = np.zeros(count), ty.shape[0] - ky - 1
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            for a in range(kx + 1):
                first = (rows[0][i] + a) * n + columns[0][j]
                part = rows[1][i, a] * w[i, j]
                for b in range(ky + 1):
                    out[first + b] += columns[1][j, b] * part
    return out


def pieces(x, t, coef, der, beyond):
    """Return a derivative of polynomials between breakpoints, the highest power first.

    Powers grow from term to term, as SciPy adds them up.
    """
    out, most = np.empty(x.shape[0]), coef.shape[0] - 1
    for j in range(x.shape[0]):
        out[j] = np.nan
        if x[j] != x[j] or not (beyond or t[0] <= x[j] <= t[-1]):
            continue
        place = _place(t, 0, x[j])
        total, power, away = 0.0, 1.0, x[j] - t[place]
        for n in range(der, most + 1):
            factor = 1.0
            for k in range(n, n - der, -1):
                factor *= k
            total += coef[most - n, place] * power * factor
            power *= away
        out[j] = total
    return out
