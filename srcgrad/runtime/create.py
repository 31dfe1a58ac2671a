"""Arrays from numbers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

import numpy as np

__all__ = [
    "arange", "arange_length", "eye", "limit", "linspace", "pack", "pack1", "pack2",
    "pack3", "parts", "range_length", "slice_length", "zeros_items",
]  # fmt: skip


def arange(start, step, n, dtype):
    """Return `n` numbers from `start` on; rounded as NumPy's arange is."""
    out = np.empty(n, dtype)
    first = out.dtype.type(start)
    delta = out.dtype.type(start + step) - first
    for i in range(n):
        out[i] = first + out.dtype.type(i) * delta
    return out


def linspace(start, stop, num, endpoint, dtype):
    """Return `num` evenly spaced numbers."""
    if num < 0:
        raise ValueError("Number of samples must be non-negative.")
    out = np.empty(num, dtype)
    parts = num - 1 if endpoint else num
    delta = out.dtype.type(stop) - out.dtype.type(start)
    step = delta / out.dtype.type(max(parts, 1))
    for i in range(num):
        here = out.dtype.type(i)
        if parts <= 0:
            out[i] = here * delta + start
        elif step == 0:
            out[i] = here / out.dtype.type(parts) * delta + start
        else:
            out[i] = here * step + start
    if endpoint and num > 1:
        out[num - 1] = stop
    return out


def eye(rows, columns, k, dtype):
    """Return a matrix with ones on diagonal `k`."""
    out = np.zeros((rows, columns), dtype)
    for i in range(max(-k, 0), min(rows, columns - k)):
        out[i, i + k] = 1
    return out


def pack(items, dtype):
    """Return the vector of a tuple of numbers."""
    out = np.empty(len(items), dtype)
    for i in range(len(items)):
        out[i] = items[i]
    return out


def parts(turns, work, room, least):
    """Return in how many parts turns are worth to be cut: lengths alone decide that.

    `work` and what a part is to have at `least` are counted in half nanoseconds.
    """
    found = min(64, turns, work // least, work // (16 * room + 16))
    return max(1, min(found, 4_194_304 // (room + 1)))


def range_length(start, stop, step):
    """Return the length of `range(start, stop, step)`."""
    if step == 0:
        raise ValueError("range() arg 3 must not be zero")
    if step > 0:
        return max((stop - start + step - 1) // step, 0)
    return max((start - stop - step - 1) // -step, 0)


def arange_length(start, stop, step):
    """Return the length of `np.arange(start, stop, step)`."""
    if step == 0:
        raise ZeroDivisionError("division by zero")
    return max(math.ceil((stop - start) / step), 0)


def limit(k, n):
    """Return an end of a slice of `n` items, counted from the beginning.

    >>> limit(-3, 10), limit(-30, 10), limit(30, 10)
    (7, 0, 10)
    """
    return min(max(k + n if k < 0 else k, 0), n)


def slice_length(n, start, has_start, stop, has_stop, step):
    """Return how many of `n` items `start:stop:step` has; `has_...` says what is given.

    >>> slice_length(10, -3, True, 0, False, 2), len(range(10)[-3::2])
    (2, 2)
    """
    if step == 0:
        raise ValueError("slice step cannot be zero")
    low, high = (0, n) if step > 0 else (-1, n - 1)
    if has_start:
        first = min(max(start + n if start < 0 else start, low), high)
    else:
        first = low if step > 0 else high
    if has_stop:
        last = min(max(stop + n if stop < 0 else stop, low), high)
    else:
        last = high if step > 0 else low
    if step > 0:
        return max((last - first + step - 1) // step, 0)
    return max((first - last - step - 1) // -step, 0)


def pack1(items, dtype):
    """Return the vector of a list of numbers."""
    out = np.empty(len(items), dtype)
    for i in range(len(items)):
        out[i] = items[i]
    return out


def pack2(items, dtype):
    """Return the matrix of a list of vectors."""
    n = items[0].shape[0] if len(items) > 0 else 0
    out = np.empty((len(items), n), dtype)
    for i in range(len(items)):
        for j in range(n):
            out[i, j] = items[i][j]
    return out


def pack3(items, dtype):
    """Return the stack of a list of matrices."""
    rows, columns = items[0].shape if len(items) > 0 else (0, 0)
    out = np.empty((len(items), rows, columns), dtype)
    for i in range(len(items)):
        for j in range(rows):
            for k in range(columns):
                out[i, j, k] = items[i][j, k]
    return out


def zeros_items(items):
    """Return a list of zeros for a list of arrays, which may differ in length."""
    out = items[:0]
    for item in items:
        out.append(np.zeros_like(item))
    return out
