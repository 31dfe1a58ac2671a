"""Sums and products along an axis: pairwise, in a fixed order that vectorises.

Kernels take a C-contiguous array of any rank, seen as `(outer, n, inner)`, and the
shape of the result. A kernel calls only helpers of its own file, which keeps Numba's
on-disk cache, stamped file by file, from ever serving a stale helper.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat

__all__ = [
    "mean1", "mean3", "norm1", "norm3", "prod1", "prod3", "sum1", "sum3",
    "sum_ints1", "sum_ints3", "trace", "var1", "var3",
]  # fmt: skip

CORES = {
    "_mean_flat": "void(T[::1], int64, int64, int64, int64, T[::1])",
    "_multiply": "void(T[::1], int64, int64, int64, T[::1])",
    "_norm_flat": "void(T[::1], int64, int64, int64, int64, T[::1])",
    "_sum_flat": "void(T[::1], int64, int64, int64, T[::1])",
    "_sum_ints": "void(T[::1], int64, int64, int64, int64[::1])",
    "_trace": "T(T[:, ::1], int64)",
    "_var_flat": "void(T[::1], int64, int64, int64, int64, boolean, T[::1])",
}

TURNS = 16  # rows added one after the other before sums are paired
LANES = 64  # the least width of a row: eight vectors of eight float64
SHORT = 128  # as far as NumPy's own order of summation is kept


def _short(a, start, n):
    """Return the sum of 1 to 128 items, in the very order in which NumPy adds them."""
    b = a[start : start + n]
    if n < 8:
        total = b[0]
        for i in range(1, n):
            total += b[i]
        return total
    r0, r1, r2, r3, r4, r5, r6, r7 = b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]
    turns = n // 8
    for turn in range(1, turns):
        i = 8 * turn
        r0 += b[i]
        r1 += b[i + 1]
        r2 += b[i + 2]
        r3 += b[i + 3]
        r4 += b[i + 4]
        r5 += b[i + 5]
        r6 += b[i + 6]
        r7 += b[i + 7]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(8 * turns, n):
        total += b[i]
    return total


def _add_groups(source, rows, width, group, out):
    """Put the sum of each `group` rows into one row of `out`; return how many."""
    count = (rows + group - 1) // group
    for g in range(count):
        to = out[g * width : g * width + width]
        first = g * group
        row = source[first * width : first * width + width]
        for j in range(width):
            to[j] = row[j]
        for i in range(first + 1, min(first + group, rows)):
            row = source[i * width : i * width + width]
            for j in range(width):
                to[j] += row[j]
    return count


def _sum_long(a, n, inner, out, buffer):
    """Put the sums of the columns of an `(n, inner)` array into `out`.

    Rows are taken `k` at a time as one wide row. Groups of 16 wide rows are added into
    `buffer`; then rows are paired until one is left, and its `k` parts are paired too.
    """
    k, rows, group, source = 1, n, TURNS, a
    if inner == 1 and n <= 16 * SHORT:
        rows, group, source = 0, 2, buffer
        for start in range(0, n, SHORT):
            buffer[rows] = _short(a, start, min(SHORT, n - start))
            rows += 1
    else:
        while k * inner < LANES and 4 * k <= n:
            k *= 2
        rows = n // k
    width = k * inner
    rest = n * inner - rows * width if group == TURNS else 0
    while True:
        rows = _add_groups(source, rows, width, group, buffer)
        source = buffer
        group = 2
        if rest > 0:
            tail = a[n * inner - rest :]
            to = buffer[rows * width : rows * width + width]
            for j in range(width):
                to[j] = tail[j] if j < rest else 0
            rows += 1
            rest = 0
        if rows == 1:
            if k == 1:
                break
            rows, width, k = k, inner, 1
    for j in range(inner):
        out[j] = buffer[j]


def _sum_flat(a, outer, n, inner, out):
    """Put the sums along the middle axis of flat `a` into flat `out`."""
    if inner == 1 and 0 < n <= SHORT:
        for o in range(outer):
            out[o] = _short(a, o * n, n)
    elif n <= TURNS:
        for o in range(outer):
            to = out[o * inner : o * inner + inner]
            for j in range(inner):
                to[j] = 0
            for i in range(n):
                row = a[(o * n + i) * inner : (o * n + i) * inner + inner]
                for j in range(inner):
                    to[j] += row[j]
    else:
        buffer = np.empty((n // TURNS + 2 * LANES + 2) * inner, a.dtype)
        for o in range(outer):
            rows = a[o * n * inner : (o + 1) * n * inner]
            _sum_long(rows, n, inner, out[o * inner : o * inner + inner], buffer)


def sum1(x):
    """Return the sum of a whole array."""
    out = np.empty(1, x.dtype)
    _sum_flat(flat(x), 1, x.size, 1, out)
    return out[0]


def sum3(x, outer, n, inner, shape):
    """Return the sums along the middle axis."""
    out = np.empty(shape, x.dtype)
    _sum_flat(flat(x), outer, n, inner, flat(out))
    return out


def _mean_flat(a, outer, n, inner, divisor, out):
    """Put the sums along the middle axis into `out`, divided by `divisor`."""
    _sum_flat(a, outer, n, inner, out)
    by = a.dtype.type(divisor)
    for i in range(out.shape[0]):
        out[i] = out[i] / by


def mean1(x):
    """Return the mean of a whole array."""
    out = np.empty(1, x.dtype)
    _mean_flat(flat(x), 1, x.size, 1, x.size, out)
    return out[0]


def mean3(x, outer, n, inner, shape):
    """Return the means along the middle axis."""
    out = np.empty(shape, x.dtype)
    _mean_flat(flat(x), outer, n, inner, n, flat(out))
    return out


def _var_flat(a, outer, n, inner, ddof, root, out):
    """Put the variances along the middle axis into `out`, or their roots."""
    _mean_flat(a, outer, n, inner, n, out)
    squares = np.empty(a.shape[0], a.dtype)
    for o in range(outer):
        for i in range(n):
            for j in range(inner):
                k = (o * n + i) * inner + j
                distance = a[k] - out[o * inner + j]
                squares[k] = distance * distance.conjugate()
    _mean_flat(squares, outer, n, inner, max(n - ddof, 0), out)
    if root:
        for i in range(out.shape[0]):
            out[i] = np.sqrt(out[i])


def var1(x, ddof, root):
    """Return the variance of a whole array, or the standard deviation."""
    out = np.empty(1, x.dtype)
    _var_flat(flat(x), 1, x.size, 1, ddof, root, out)
    return out[0]


def var3(x, outer, n, inner, shape, ddof, root):
    """Return the variances along the middle axis, or the standard deviations."""
    out = np.empty(shape, x.dtype)
    _var_flat(flat(x), outer, n, inner, ddof, root, flat(out))
    return out


def _norm_flat(a, outer, n, inner, order, out):
    """Put the 1-norms or 2-norms along the middle axis into `out`."""
    terms = np.empty(a.shape[0], a.dtype)
    for i in range(a.shape[0]):
        terms[i] = abs(a[i]) if order == 1 else a[i] * a[i]
    _sum_flat(terms, outer, n, inner, out)
    if order == 2:
        for i in range(out.shape[0]):
            out[i] = np.sqrt(out[i])


def norm1(x, order):
    """Return the norm of all items of an array as one vector."""
    out = np.empty(1, x.dtype)
    _norm_flat(flat(x), 1, x.size, 1, order, out)
    return out[0]


def norm3(x, outer, n, inner, shape, order):
    """Return the norms of the vectors along the middle axis."""
    out = np.empty(shape, x.dtype)
    _norm_flat(flat(x), outer, n, inner, order, flat(out))
    return out


def _trace(x, offset):
    rows, columns = x.shape
    top, left = max(-offset, 0), max(offset, 0)
    length = max(min(rows - top, columns - left), 0)
    diagonal = np.empty(length, x.dtype)
    for i in range(length):
        diagonal[i] = x[top + i, left + i]
    out = np.empty(1, x.dtype)
    _sum_flat(diagonal, 1, length, 1, out)
    return out[0]


def trace(x, offset):
    """Return the sum of a diagonal of a matrix."""
    return _trace(x, offset)


def _sum_ints(a, outer, n, inner, sums):
    """Put the sums of integers or bools along the middle axis into `sums`."""
    for i in range(sums.shape[0]):
        sums[i] = 0
    for o in range(outer):
        for i in range(n):
            for j in range(inner):
                sums[o * inner + j] += np.int64(a[(o * n + i) * inner + j])


def sum_ints1(x):
    """Return the sum of a whole array of integers or bools."""
    out = np.empty(1, np.int64)
    _sum_ints(flat(x), 1, x.size, 1, out)
    return out[0]


def sum_ints3(x, outer, n, inner, shape):
    """Return the sums of integers or bools along the middle axis."""
    out = np.empty(shape, np.int64)
    _sum_ints(flat(x), outer, n, inner, flat(out))
    return out


def _multiply(a, outer, n, inner, products):
    """Put products along the middle axis into `products`, multiplied in turn."""
    for i in range(products.shape[0]):
        products[i] = 1
    for o in range(outer):
        for i in range(n):
            for j in range(inner):
                products[o * inner + j] *= a[(o * n + i) * inner + j]


def prod1(x):
    """Return the product of a whole array."""
    out = np.empty(1, x.dtype)
    _multiply(flat(x), 1, x.size, 1, out)
    return out[0]


def prod3(x, outer, n, inner, shape):
    """Return the products along the middle axis."""
    out = np.empty(shape, x.dtype)
    _multiply(flat(x), outer, n, inner, flat(out))
    return out
