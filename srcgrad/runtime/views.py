"""What kernels take from Numba itself, in plain Python; `intrinsics.py` has the twins.

Numba compiles `x.reshape(-1)` in 70 ms and the first `np.empty` of a process in 150, an
intrinsic in 5.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from typing import Any

import numpy as np

__all__ = [
    "add",
    "emptied",
    "empty",
    "exponential",
    "flat",
    "full",
    "index",
    "maximum",
    "minimum",
    "multiply",
    "outer_tile",
    "plus",
    "prange",
    "product_tile",
    "push",
    "reshaped",
    "subtract",
    "zeros",
]  # fmt: skip

TILE = 128  # the bytes of a row of a tile


def flat(x: Any) -> Any:
    """Return a view of a C-contiguous array as a vector."""
    return x.reshape(-1)


def reshaped(x, shape):
    """Return a view of a C-contiguous array in another shape."""
    return x.reshape(shape)


def empty(shape, dtype):
    """Return a new array that is not filled."""
    return np.empty(shape, dtype)


def zeros(shape, dtype):
    """Return a new array of zeros."""
    return np.zeros(shape, dtype)


def full(shape, value, dtype):
    """Return a new array that is filled with a number of its dtype."""
    return np.full(shape, value, dtype)


def index(k):
    """Return a subscript that is certain not to be negative."""
    return k


def push(items, item):
    """Append a number to a list, which does not shrink where it has room."""
    items.append(item)


def emptied(items):
    """Return a list of numbers with nothing in it; its memory stays."""
    items.clear()
    return items


def plus(x, y):
    """Return one more partial sum; loops may add up in several at once."""
    return x + y


def maximum(x, y):
    """Return the larger of two numbers, or a nan."""
    return x if (x >= y) | (x != x) else y


def minimum(x, y):
    """Return the smaller of two numbers, or a nan."""
    return x if (x <= y) | (x != x) else y


def exponential(x):
    """Return e**x in the dtype of x."""
    return np.exp(x)


def prange(turns, parts, args):
    """Call `turns(part, *args)` for each part; threads may take them in any order."""
    for part in range(parts):
        turns(part, *args)


def product_tile(a, at_a, b, at_b, c, at_c, lengths, more):
    """Put sums of products into rows of `TILE` bytes of `c`; or add them, for `more`.

    Row `r` has the sum of `a[a0 + r * a_row + i * a1 + j] * b[b0 + i * b1 + j * b2:]`
    over `i` and `j`, for lengths `(rows, i, j)`, places `(a0, a_row, a1, 1)`,
    `(b0, b1, b2)` and `(c0, c_row)`. All arrays are vectors, all lengths positive.
    """
    (a0, a_row, a1, a2), (b0, b1, b2), (c0, c_row) = at_a, at_b, at_c
    lanes = TILE // c.itemsize
    for row in range(lengths[0]):
        to = c[c0 + row * c_row :][:lanes]
        if not more:
            to[:] = 0
        for i in range(lengths[1]):
            for j in range(lengths[2]):
                start = b0 + i * b1 + j * b2
                to += a[a0 + row * a_row + i * a1 + j * a2] * b[start : start + lanes]


def outer_tile(a, at_a, b, at_b, c, at_c, lengths, more):
    """Do as `product_tile` does where rows of `a`, not items of a sum, are neighbours.

    Places in `a` are `(a0, 1, a1, a2)`.
    """
    product_tile(a, at_a, b, at_b, c, at_c, lengths, more)


def add(x, y, line):
    """Return the sum of two ints if 64 bits hold it."""
    return _held(x + y, line)


def subtract(x, y, line):
    """Return the difference of two ints if 64 bits hold it."""
    return _held(x - y, line)


def multiply(x, y, line):
    """Return the product of two ints if 64 bits hold it."""
    return _held(int(x) * int(y), line)


def _held(x, line):
    if not -(2**63) <= x < 2**63:
        raise OverflowError(line)
    return x
