"""How large the numbers of an array are, and how far they moved, in one pass each.

Sums are made in the array's own precision in blocks of 1,024 and added as float64:
single precision then fills whole vectors. Where squares leave the range, and where
there is a nan, the sums say so (0, inf, nan) and the caller looks again.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import plus, zeros

__all__ = ["magnitudes", "moved"]

BLOCK, LANES = 1024, 64


def magnitudes(a):
    """Return the sums of `|a|` and `a * a`, the largest `|a|`, and how many are 0."""
    none, one = a.dtype.type(0), a.dtype.type(1)
    total, squares, count, n = 0.0, 0.0, 0.0, len(a)
    # LLVM does not vectorise the maximum of floats: each lane has its own.
    tops = zeros(LANES, a.dtype)
    for first in range(0, n, BLOCK):
        block = a[first : min(first + BLOCK, n)]
        sums, products, empty = none, none, none
        for i in range(len(block)):
            x = abs(block[i])
            sums = plus(sums, x)
            products = plus(products, x * x)
            empty = plus(empty, one if x == none else none)
        total += sums
        squares += products
        count += empty
        whole = len(block) // (4 * LANES) * 4 * LANES
        for k in range(0, whole, 4 * LANES):
            w, x = block[k : k + LANES], block[k + LANES : k + 2 * LANES]
            y, z = (
                block[k + 2 * LANES : k + 3 * LANES],
                block[k + 3 * LANES : k + 4 * LANES],
            )
            for j in range(LANES):
                p, q, r, s = abs(w[j]), abs(x[j]), abs(y[j]), abs(z[j])
                p = q if q > p else p
                r = s if s > r else r
                p = r if r > p else p
                tops[j] = p if p > tops[j] else tops[j]
        for k in range(whole, len(block)):
            x = abs(block[k])
            tops[0] = x if x > tops[0] else tops[0]
    top = none
    for j in range(LANES):
        top = tops[j] if tops[j] > top else top
    return total, squares, np.float64(top), count


def moved(before, after):
    """Return the sums of the squares of `after - before` and of `before`."""
    steps, squares, n = 0.0, 0.0, len(before)
    for first in range(0, n, BLOCK):
        old = before[first : min(first + BLOCK, n)]
        new = after[first : min(first + BLOCK, n)]
        far, large = before.dtype.type(0), before.dtype.type(0)
        for i in range(len(old)):
            d = new[i] - old[i]
            far = plus(far, d * d)
            large = plus(large, old[i] * old[i])
        steps += far
        squares += large
    return steps, squares
