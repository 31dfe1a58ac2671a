"""By hand: stencils. All are linear: nothing is kept.

Explicit ones gather: the cotangent of what a step writes is held with a rim of zeros,
and what reaches the rim is added up apart.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import numpy as np

from benchmarks.hand.compiled import by_hand, square_sum


@by_hand
def _average_1d(a, b):
    for i in range(a.shape[0] - 2):
        b[i + 1] = 0.33333 * (a[i] + a[i + 1] + a[i + 2])


@by_hand
def jacobi_1d(steps, a, b):
    """Value and gradients of `jacobi_1d`."""
    n = a.shape[0]
    a, b = a.copy(), b.copy()
    for _ in range(1, steps):
        _average_1d(a, b)
        _average_1d(b, a)
    d_a, d_b = 2.0 * a, np.zeros(n)
    rim_a0, rim_a1, rim_b0, rim_b1 = d_a[0], d_a[n - 1], 0.0, 0.0
    d_a[0] = d_a[n - 1] = 0.0
    for _ in range(1, steps):
        rim_b0 += 0.33333 * d_a[1]
        rim_b1 += 0.33333 * d_a[n - 2]
        _average_1d(d_a, d_b)
        rim_a0 += 0.33333 * d_b[1]
        rim_a1 += 0.33333 * d_b[n - 2]
        _average_1d(d_b, d_a)
    if steps > 1:
        d_b[:] = 0.0
    d_a[0], d_a[n - 1], d_b[0], d_b[n - 1] = rim_a0, rim_a1, rim_b0, rim_b1
    return square_sum(a), (d_a, d_b)


@by_hand
def _average_2d(a, b):
    for i in range(a.shape[0] - 2):
        for j in range(a.shape[1] - 2):
            b[i + 1, j + 1] = 0.2 * (
                a[i + 1, j + 1] + a[i + 1, j] + a[i + 1, j + 2] + a[i + 2, j + 1]
                + a[i, j + 1]
            )  # fmt: skip


@by_hand
def _add_rim(d, rim):
    n, m = d.shape
    for j in range(1, m - 1):
        rim[0, j] += 0.2 * d[1, j]
        rim[n - 1, j] += 0.2 * d[n - 2, j]
    for i in range(1, n - 1):
        rim[i, 0] += 0.2 * d[i, 1]
        rim[i, m - 1] += 0.2 * d[i, m - 2]


@by_hand
def jacobi_2d(steps, a, b):
    """Value and gradients of `jacobi_2d`."""
    n, m = a.shape
    a, b = a.copy(), b.copy()
    for _ in range(1, steps):
        _average_2d(a, b)
        _average_2d(b, a)
    rim_a, rim_b = 2.0 * a, np.zeros_like(b)
    d_a, d_b = np.zeros_like(a), np.zeros_like(b)
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            d_a[i, j] = rim_a[i, j]
    for _ in range(1, steps):
        _add_rim(d_a, rim_b)
        _average_2d(d_a, d_b)
        _add_rim(d_b, rim_a)
        _average_2d(d_b, d_a)
    for i in range(1, n - 1):
        for j in range(1, m - 1):
            rim_a[i, j] = d_a[i, j]
    return square_sum(a.ravel()), (rim_a, rim_b)


@by_hand
def _advance(ex, ey, hz):
    n, m = hz.shape
    for i in range(n - 1):
        for j in range(m):
            ey[i + 1, j] -= 0.5 * (hz[i + 1, j] - hz[i, j])
    for i in range(n):
        for j in range(m - 1):
            ex[i, j + 1] -= 0.5 * (hz[i, j + 1] - hz[i, j])
    for i in range(n - 1):
        for j in range(m - 1):
            hz[i, j] -= 0.7 * (ex[i, j + 1] - ex[i, j] + ey[i + 1, j] - ey[i, j])


@by_hand
def _retreat(d_ex, d_ey, d_hz):
    n, m = d_hz.shape
    for i in range(n - 1):
        d_ex[i, 0] += 0.7 * d_hz[i, 0]
        for j in range(m - 2):
            d_ex[i, j + 1] += 0.7 * (d_hz[i, j + 1] - d_hz[i, j])
        d_ex[i, m - 1] -= 0.7 * d_hz[i, m - 2]
    for j in range(m - 1):
        d_ey[0, j] += 0.7 * d_hz[0, j]
        d_ey[n - 1, j] -= 0.7 * d_hz[n - 2, j]
    for i in range(n - 2):
        for j in range(m - 1):
            d_ey[i + 1, j] += 0.7 * (d_hz[i + 1, j] - d_hz[i, j])
    for i in range(n):
        d_hz[i, 0] += 0.5 * d_ex[i, 1]
        for j in range(m - 2):
            d_hz[i, j + 1] += 0.5 * (d_ex[i, j + 2] - d_ex[i, j + 1])
        d_hz[i, m - 1] -= 0.5 * d_ex[i, m - 1]
    for j in range(m):
        d_hz[0, j] += 0.5 * d_ey[1, j]
        d_hz[n - 1, j] -= 0.5 * d_ey[n - 1, j]
    for i in range(n - 2):
        for j in range(m):
            d_hz[i + 1, j] += 0.5 * (d_ey[i + 2, j] - d_ey[i + 1, j])


@by_hand
def fdtd_2d(ex, ey, hz, source):
    """Value and gradients of `fdtd_2d`."""
    ex, ey, hz = ex.copy(), ey.copy(), hz.copy()
    steps, m = source.shape[0], hz.shape[1]
    for t in range(steps):
        ey[0, :] = source[t]
        _advance(ex, ey, hz)
    d_ex, d_ey, d_hz = np.zeros_like(ex), np.zeros_like(ey), 2.0 * hz
    d_source = np.empty(steps)
    for t in range(steps - 1, -1, -1):
        _retreat(d_ex, d_ey, d_hz)
        s = 0.0
        for j in range(m):
            s += d_ey[0, j]
            d_ey[0, j] = 0.0
        d_source[t] = s
    return square_sum(hz.ravel()), (d_ex, d_ey, d_hz, d_source)


@by_hand
def _relax(above, row, below):
    n = row.shape[0]
    for j in range(n - 2):
        row[j + 1] += (
            above[j] + above[j + 1] + above[j + 2] + row[j + 2]
            + below[j] + below[j + 1] + below[j + 2]
        )  # fmt: skip
    for j in range(1, n - 1):
        row[j] = (row[j] + row[j - 1]) / 9.0


@by_hand
def _tighten(above, row, below, line):
    n = row.shape[0]
    carried = 0.0
    for j in range(n - 2, 0, -1):
        carried = (row[j] + carried) / 9.0
        line[j] = carried
    row[0] += carried
    for j in range(n - 2):
        s = line[j] + line[j + 1] + line[j + 2]
        above[j + 1] += s
        below[j + 1] += s
        row[j + 1] = line[j] + line[j + 1]
    above[0] += line[1]
    below[0] += line[1]
    above[n - 1] += line[n - 2]
    below[n - 1] += line[n - 2]
    row[n - 1] += line[n - 2]


@by_hand
def seidel_2d(steps, a):
    """Value and gradients of `seidel_2d`."""
    n = a.shape[0]
    a = a.copy()
    for _ in range(steps - 1):
        for i in range(1, n - 1):
            _relax(a[i - 1], a[i], a[i + 1])
    d, line = 2.0 * a, np.zeros(a.shape[1])
    for _ in range(steps - 1):
        for i in range(n - 2, 0, -1):
            _tighten(d[i - 1], d[i], d[i + 1], line)
    return square_sum(a.ravel()), (d,)


@by_hand
def _diffuse(a, b):
    for i in range(a.shape[0] - 2):
        for j in range(a.shape[1] - 2):
            for k in range(a.shape[2] - 2):
                c = a[i + 1, j + 1, k + 1]
                b[i + 1, j + 1, k + 1] = (
                    0.125 * (a[i + 2, j + 1, k + 1] - 2.0 * c + a[i, j + 1, k + 1])
                    + 0.125 * (a[i + 1, j + 2, k + 1] - 2.0 * c + a[i + 1, j, k + 1])
                    + 0.125 * (a[i + 1, j + 1, k + 2] - 2.0 * c + a[i + 1, j + 1, k])
                    + c
                )


@by_hand
def _add_faces(d, rim):
    n, m, p = d.shape
    for j in range(1, m - 1):
        for k in range(1, p - 1):
            rim[0, j, k] += 0.125 * d[1, j, k]
            rim[n - 1, j, k] += 0.125 * d[n - 2, j, k]
    for i in range(1, n - 1):
        for k in range(1, p - 1):
            rim[i, 0, k] += 0.125 * d[i, 1, k]
            rim[i, m - 1, k] += 0.125 * d[i, m - 2, k]
        for j in range(1, m - 1):
            rim[i, j, 0] += 0.125 * d[i, j, 1]
            rim[i, j, p - 1] += 0.125 * d[i, j, p - 2]


@by_hand
def heat_3d(steps, a, b):
    """Value and gradients of `heat_3d`."""
    a, b = a.copy(), b.copy()
    for _ in range(1, steps):
        _diffuse(a, b)
        _diffuse(b, a)
    rim_a, rim_b = 2.0 * a, np.zeros_like(b)
    d_a, d_b = np.zeros_like(a), np.zeros_like(b)
    d_a[1:-1, 1:-1, 1:-1] = rim_a[1:-1, 1:-1, 1:-1]
    for _ in range(1, steps):
        _add_faces(d_a, rim_b)
        _diffuse(d_a, d_b)
        _add_faces(d_b, rim_a)
        _diffuse(d_b, d_a)
    rim_a[1:-1, 1:-1, 1:-1] = d_a[1:-1, 1:-1, 1:-1]
    return square_sum(a.ravel()), (rim_a, rim_b)


@by_hand
def _laplacian(f, lap):
    for i in range(lap.shape[0]):
        for j in range(lap.shape[1]):
            for k in range(lap.shape[2]):
                lap[i, j, k] = 4.0 * f[i + 1, j + 1, k] - (
                    f[i + 2, j + 1, k] + f[i, j + 1, k]
                    + f[i + 1, j + 2, k] + f[i + 1, j, k]
                )  # fmt: skip


@by_hand
def _fluxes(f, lap, flx, fly):
    n, m, p = flx.shape[0] - 1, flx.shape[1], flx.shape[2]
    for i in range(n + 1):
        for j in range(m):
            for k in range(p):
                s = lap[i + 1, j + 1, k] - lap[i, j + 1, k]
                fall = f[i + 2, j + 2, k] - f[i + 1, j + 2, k]
                flx[i, j, k] = 0.0 if s * fall > 0.0 else s
    for i in range(n):
        for j in range(m + 1):
            for k in range(p):
                s = lap[i + 1, j + 1, k] - lap[i + 1, j, k]
                fall = f[i + 2, j + 2, k] - f[i + 2, j + 1, k]
                fly[i, j, k] = 0.0 if s * fall > 0.0 else s


@by_hand
def _fluxes_back(h, flx, fly, d_lap):
    """Where a flux is zero nothing passes; `h` is what the balance asks of a cell."""
    n, m, p = h.shape
    for i in range(n + 1):
        for j in range(m):
            for k in range(p):
                g = h[i, j, k] if i < n else 0.0
                g -= h[i - 1, j, k] if i > 0 else 0.0
                g = 0.0 if flx[i, j, k] == 0.0 else g
                d_lap[i + 1, j + 1, k] += g
                d_lap[i, j + 1, k] -= g
    for i in range(n):
        for j in range(m + 1):
            for k in range(p):
                g = h[i, j, k] if j < m else 0.0
                g -= h[i, j - 1, k] if j > 0 else 0.0
                g = 0.0 if fly[i, j, k] == 0.0 else g
                d_lap[i + 1, j + 1, k] += g
                d_lap[i + 1, j, k] -= g


@by_hand
def hdiff(field, coeff):
    """Four passes back; a flux that the limiter cut is known by being zero."""
    n, m, p = coeff.shape
    lap, d_lap = np.empty((n + 2, m + 2, p)), np.zeros((n + 2, m + 2, p))
    flx, fly = np.empty((n + 1, m, p)), np.empty((n, m + 1, p))
    _laplacian(field, lap)
    _fluxes(field, lap, flx, fly)
    d_field, d_coeff, h = np.zeros_like(field), np.empty_like(coeff), lap[:n, :m]
    value = 0.0
    for i in range(n):
        for j in range(m):
            for k in range(p):
                net = flx[i + 1, j, k] - flx[i, j, k] + fly[i, j + 1, k] - fly[i, j, k]
                out = field[i + 2, j + 2, k] - coeff[i, j, k] * net
                d_field[i + 2, j + 2, k] = 2.0 * out
                d_coeff[i, j, k] = -2.0 * out * net
                h[i, j, k] = 2.0 * out * coeff[i, j, k]
    value = 0.25 * square_sum(d_field.ravel())
    _fluxes_back(h, flx, fly, d_lap)
    for i in range(n + 2):
        for j in range(m + 2):
            for k in range(p):
                g = d_lap[i, j, k]
                d_field[i + 1, j + 1, k] += 4.0 * g
                d_field[i + 2, j + 1, k] -= g
                d_field[i, j + 1, k] -= g
                d_field[i + 1, j + 2, k] -= g
                d_field[i + 1, j, k] -= g
    return value, (d_field, d_coeff)
