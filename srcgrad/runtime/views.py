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
    "flat",
    "full",
    "index",
    "multiply",
    "plus",
    "prange",
    "push",
    "subtract",
    "zeros",
]  # fmt: skip


def flat(x: Any) -> Any:
    """Return a view of a C-contiguous array as a vector."""
    return x.reshape(-1)


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


def prange(turns, parts, args):
    """Call `turns(part, *args)` for each part; threads may take them in any order."""
    for part in range(parts):
        turns(part, *args)


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
