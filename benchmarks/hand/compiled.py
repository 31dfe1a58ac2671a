"""How the adjoints written by hand are compiled, and what they take from srcgrad.

Vector functions and sums are srcgrad's own: `exp` and `plus` become part of loops that
LLVM vectorises. Where one number waits for the other, `math.exp` is as quick.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from numba import njit

from srcgrad import runtime

by_hand = njit(error_model="numpy", nogil=True)
exp, plus = runtime.compiled().exp, runtime.compiled().plus


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
