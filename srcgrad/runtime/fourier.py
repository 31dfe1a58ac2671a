"""Discrete Fourier transforms along the middle of three axes.

Lengths of small factors go by Stockham's passes, a factor each; any other becomes a
convolution with a chirp, of a length that is a power of two (Bluestein).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

import numpy as np

from srcgrad.runtime.views import flat

__all__ = ["fft3", "irfft3", "resized3"]

CORES = {
    "_lines": "void(T[::1], int64, int64, int64, boolean, float64, T[::1])",
    "_mirror": "void(T[::1], int64, int64, int64, int64, T[::1])",
    "_resize": "void(T[::1], int64, int64, int64, int64, T[::1])",
}

LARGEST = 13  # the largest factor that has a pass of its own


def _roots(n):
    """Return the powers of `exp(-2j * pi / n)`."""
    w = np.empty(n, np.complex128)
    for k in range(n):
        angle = 2.0 * math.pi * min(k, n - k) / n
        sine = math.sin(angle) if 2 * k > n else -math.sin(angle)
        w[k] = complex(math.cos(angle), sine)
    return w


def _factor(n):
    """Return the factor of the next pass: 4 where that divides, else a prime."""
    if n % 4 == 0:
        return 4
    for p in (2, 3, 5, 7, 11):
        if n % p == 0:
            return p
    return n


def _is_smooth(n):
    """Tell whether all factors of a length have passes."""
    while n > LARGEST:
        p = _factor(n)
        if p == n:
            return False
        n //= p
    return True


def _four(x, y, m, s, n, w):
    """Do a pass of factor four."""
    for k in range(m):
        one, two, three = w[k * s], w[2 * k * s], w[3 * k * s]
        for q in range(s):
            at = q + s * k
            a, b, c, d = x[at], x[at + s * m], x[at + 2 * s * m], x[at + 3 * s * m]
            even, odd, plus = a + c, b + d, a - c
            turned = complex((b - d).imag, -(b - d).real)
            to = q + 4 * s * k
            y[to] = even + odd
            y[to + s] = (plus + turned) * one
            y[to + 2 * s] = (even - odd) * two
            y[to + 3 * s] = (plus - turned) * three


def _any(x, y, p, m, s, n, w):
    """Do a pass of any factor."""
    for k in range(m):
        for r in range(p):
            turn, to = w[r * k * s], s * (p * k + r)
            for q in range(s):
                y[to + q] = x[q + s * k]
            for j in range(1, p):
                root, at = w[j * r % p * (n // p)], s * (k + m * j)
                for q in range(s):
                    y[to + q] += x[at + q] * root
            for q in range(s):
                y[to + q] *= turn


def _transform(x, y, w):
    """Return the transform of `x`, in its memory or in that of `y`."""
    n = x.shape[0]
    s, m = 1, n
    while m > 1:
        p = _factor(m)
        m //= p
        if p == 4:
            _four(x, y, m, s, n, w)
        else:
            _any(x, y, p, m, s, n, w)
        s *= p
        x, y = y, x
    return x


def _chirp(n):
    """Return the powers `exp(-1j * pi * k**2 / n)`."""
    w, out = _roots(2 * n), np.empty(n, np.complex128)
    for k in range(n):
        out[k] = w[k * k % (2 * n)]
    return out


def _lines(a, outer, n, inner, inverse, scale, out):
    """Transform each line; the inverse conjugates what it takes and what it gives."""
    if n < 1:
        raise ValueError("Invalid number of FFT data points")
    smooth, size = _is_smooth(n), n
    if not smooth:
        size = 1
        while size < 2 * n - 1:
            size *= 2
    w, chirp = _roots(size), np.ones(1 if smooth else n, np.complex128)
    x, y = np.zeros(size, np.complex128), np.zeros(size, np.complex128)
    kernel = x
    if not smooth:
        chirp = _chirp(n)
        for k in range(n):
            x[k] = x[-k] = chirp[k].conjugate()
        kernel = _transform(x, y, w).copy()
    for o in range(outer):
        for j in range(inner):
            first = o * n * inner + j
            for k in range(size):
                x[k] = a[first + k * inner] if k < n else 0
            if inverse:
                for k in range(n):
                    x[k] = x[k].conjugate()
            if not smooth:
                for k in range(n):
                    x[k] *= chirp[k]
            found = _transform(x, y, w)
            if not smooth:
                # A transform back is one forward of conjugates.
                for k in range(size):
                    x[k] = (found[k] * kernel[k]).conjugate()
                found = _transform(x, y, w)
                for k in range(n):
                    found[k] = found[k].conjugate() * chirp[k] / size
            for k in range(n):
                z = found[k] * scale
                out[first + k * inner] = z.conjugate() if inverse else z


def fft3(x, outer, n, inner, inverse, scale, shape):
    """Return the transforms along the middle axis, times `scale`."""
    out = np.empty(shape, x.dtype)
    _lines(flat(x), outer, n, inner, inverse, scale, flat(out))
    return out


def _resize(a, outer, n, inner, m, out):
    for o in range(outer):
        for k in range(m * inner):
            out[o * m * inner + k] = a[o * n * inner + k] if k < n * inner else 0


def resized3(x, outer, n, inner, m, shape):
    """Return a copy whose middle axis has `m` items: cut, or filled up by zeros."""
    out = np.empty(shape, x.dtype)
    _resize(flat(x), outer, n, inner, m, flat(out))
    return out


def _mirror(a, outer, m, inner, n, out):
    """Put lines of `n` items whose transform is real into `out`, given their halves."""
    for o in range(outer):
        for k in range(n):
            for j in range(inner):
                half = a[(o * m + min(k, n - k)) * inner + j]
                alone = k == 0 or 2 * k == n
                z = complex(half.real, 0.0) if alone else half
                out[(o * n + k) * inner + j] = z if 2 * k <= n else z.conjugate()


def irfft3(x, outer, m, inner, n, scale, shape, dtype):
    """Return the real lines of `n` items that have these halves as transforms."""
    if n < 1:
        raise ValueError("Invalid number of FFT data points")
    whole, made = np.empty(shape, x.dtype), np.empty(shape, x.dtype)
    out = np.empty(shape, dtype)
    _mirror(flat(x), outer, m, inner, n, flat(whole))
    _lines(flat(whole), outer, n, inner, True, scale, flat(made))
    a, b = flat(made), flat(out)
    for k in range(b.shape[0]):
        b[k] = a[k].real
    return out
