"""How the adjoints written by hand are compiled, and the one sum that all end in."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from numba import njit

by_hand = njit(error_model="numpy", nogil=True)


@by_hand
def square_sum(x):
    """Return the sum of the squares of a flat array, in eight sums that vectorise."""
    n = x.shape[0]
    a = b = c = d = e = f = g = h = 0.0
    whole = n - n % 8
    for i in range(0, whole, 8):
        a += x[i] * x[i]
        b += x[i + 1] * x[i + 1]
        c += x[i + 2] * x[i + 2]
        d += x[i + 3] * x[i + 3]
        e += x[i + 4] * x[i + 4]
        f += x[i + 5] * x[i + 5]
        g += x[i + 6] * x[i + 6]
        h += x[i + 7] * x[i + 7]
    for i in range(whole, n):
        a += x[i] * x[i]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))
