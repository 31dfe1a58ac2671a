"""Sorting, searching, and gathering along an axis."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat

__all__ = [
    "argsort3", "flatnonzero", "searchsorted", "searchsorted0", "sort3",
    "spread_along3", "take_along3", "tie_means3",
]  # fmt: skip

CORES = {
    "_argsort": "void(T[::1], int64, int64, int64, boolean, int64[::1])",
    "_nonzero": "void(T[::1], int64[::1])",
    "_search": "void(T[::1], T[::1], boolean, int64[::1])",
    "_sort": "void(T[::1], int64, int64, int64, boolean, T[::1])",
    "_spread": "void(T[::1], int64[::1], int64, int64, int64, int64, T[::1])",
    "_tally": "int64(T[::1])",
    "_take": "void(T[::1], int64[::1], int64, int64, int64, int64, T[::1])",
    "_tie_means": "void(T[::1], T[::1], int64, int64, int64, T[::1])",
}

DIGITS = 256


def _inverse(row, order):
    """Invert a permutation into `order`; tell whether `row` was one."""
    n = order.shape[0]
    for i in range(n):
        order[i] = -1
    for i in range(n):
        v = np.int64(row[i])
        if v < 0 or v >= n or v != row[i] or order[v] != -1:
            return False
        order[v] = i
    return True


def _keys(row, zero, keys):
    """Fill in unsigned integers that sort as floats do, nan last.

    Adding `zero` = 0.0 makes -0.0 the equal of 0.0; adding -0.0 leaves all as they are.
    """
    sign = np.uint64(1) << np.uint64(63)
    values = np.empty(row.shape[0], np.float64)
    for i in range(row.shape[0]):
        values[i] = row[i] + zero
    bits = values.view(np.uint64)
    for i in range(row.shape[0]):
        if values[i] != values[i]:
            keys[i] = ~np.uint64(0)
        elif bits[i] & sign:
            keys[i] = ~bits[i]
        else:
            keys[i] = bits[i] | sign


def _values(keys, row):
    """Turn sorted keys into floats again."""
    sign = np.uint64(1) << np.uint64(63)
    bits = np.empty(row.shape[0], np.uint64)
    for i in range(row.shape[0]):
        bits[i] = keys[i] & ~sign if keys[i] & sign else ~keys[i]
        if keys[i] == ~np.uint64(0):
            bits[i] = np.uint64(0x7FF8000000000000)
    values = bits.view(np.float64)
    for i in range(row.shape[0]):
        row[i] = values[i]


def _int_keys(row, keys):
    """Fill in unsigned integers that sort as integers or bools do."""
    for i in range(row.shape[0]):
        keys[i] = np.uint64(np.int64(row[i])) ^ (np.uint64(1) << np.uint64(63))


def _int_values(keys, row):
    """Turn sorted keys into integers or bools again."""
    for i in range(row.shape[0]):
        row[i] = np.int64(keys[i] ^ (np.uint64(1) << np.uint64(63)))


def _insert(keys, order):
    """Sort a few keys by insertion, and what stands at `order` with them."""
    for i in range(order.shape[0]):
        key, place = keys[i], order[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j], order[j] = keys[j - 1], order[j - 1]
            j -= 1
        keys[j], order[j] = key, place


def _radix(keys, order):
    """Sort keys by their digits, the least first; skip digits that are all the same."""
    n = order.shape[0]
    spare_keys, spare_order = np.empty(n, np.uint64), np.empty(n, np.int64)
    counts = np.zeros(8 * DIGITS, np.int64)
    mask = np.uint64(DIGITS - 1)
    for i in range(n):
        key = keys[i]
        for digit in range(8):
            counts[digit * DIGITS + np.int64(key & mask)] += 1
            key >>= np.uint64(8)
    for digit in range(8):
        shift = np.uint64(8 * digit)
        begin = digit * DIGITS
        if counts[begin + np.int64((keys[0] >> shift) & mask)] == n:
            continue
        total = 0
        for k in range(begin, begin + DIGITS):
            here = counts[k]
            counts[k] = total
            total += here
        for i in range(n):
            slot = begin + np.int64((keys[i] >> shift) & mask)
            place = counts[slot]
            counts[slot] = place + 1
            spare_keys[place], spare_order[place] = keys[i], order[i]
        for i in range(n):
            keys[i], order[i] = spare_keys[i], spare_order[i]


def _order(keys, order):
    """Sort keys; put where each of them was into `order`."""
    for i in range(order.shape[0]):
        order[i] = i
    if order.shape[0] <= 48:
        _insert(keys, order)
    else:
        _radix(keys, order)


def _argsort(a, outer, n, inner, whole, out):
    """Put the stable order along the middle axis into `out`; `whole`: not floats."""
    row = np.empty(n, a.dtype)
    keys = np.empty(n, np.uint64)
    order = np.empty(n, np.int64)
    for column in range(outer * inner):
        first = column // inner * n * inner + column % inner
        for i in range(n):
            row[i] = a[first + i * inner]
        if not (whole and _inverse(row, order)):
            if whole:
                _int_keys(row, keys)
            else:
                _keys(row, 0.0, keys)
            _order(keys, order)
        for i in range(n):
            out[first + i * inner] = order[i]


def argsort3(x, outer, n, inner, shape, whole):
    """Return the stable order of the items along the middle axis."""
    out = np.empty(shape, np.int64)
    _argsort(flat(x), outer, n, inner, whole, flat(out))
    return out


def _sort(a, outer, n, inner, whole, out):
    """Put the items along the middle axis in order into `out`."""
    row = np.empty(n, a.dtype)
    keys = np.empty(n, np.uint64)
    order = np.empty(n, np.int64)
    for column in range(outer * inner):
        first = column // inner * n * inner + column % inner
        for i in range(n):
            row[i] = a[first + i * inner]
        if whole:
            _int_keys(row, keys)
        else:
            _keys(row, -0.0, keys)
        _order(keys, order)
        if whole:
            _int_values(keys, row)
        else:
            _values(keys, row)
        for i in range(n):
            out[first + i * inner] = row[i]


def sort3(x, outer, n, inner, shape, whole):
    """Return the items along the middle axis in order."""
    out = np.empty(shape, x.dtype)
    _sort(flat(x), outer, n, inner, whole, flat(out))
    return out


def _search(a, values, right, places):
    """Put where each of the values belongs in a sorted vector into `places`."""
    for i in range(values.shape[0]):
        value = values[i]
        low, high = 0, a.shape[0]
        while low < high:
            middle = (low + high) // 2
            here = a[middle]
            if right:
                before = not ((value < here) | ((here != here) & (value == value)))
            else:
                before = (here < value) | ((value != value) & (here == here))
            if before:
                low = middle + 1
            else:
                high = middle
        places[i] = low


def searchsorted0(a, value, right):
    """Return where one value belongs in a sorted vector."""
    values, out = np.empty(1, a.dtype), np.empty(1, np.int64)
    values[0] = value
    _search(flat(a), values, right, out)
    return out[0]


def searchsorted(a, values, right):
    """Return where each of the values belongs in a sorted vector."""
    out = np.empty(values.shape, np.int64)
    _search(flat(a), flat(values), right, flat(out))
    return out


def _take(a, at, outer, n, inner, count, b):
    for o in range(outer):
        for i in range(count):
            for j in range(inner):
                here = (o * count + i) * inner + j
                k = at[here]
                if k < -n or k >= n:
                    raise IndexError("index out of bounds")
                b[here] = a[(o * n + (k + n if k < 0 else k)) * inner + j]


def take_along3(x, index, outer, n, inner, count):
    """Return the items at `count` places along the middle axis for each other place."""
    out = np.empty(index.shape, x.dtype)
    _take(flat(x), flat(index), outer, n, inner, count, flat(out))
    return out


def _spread(a, at, outer, n, inner, count, b):
    for o in range(outer):
        for i in range(count):
            for j in range(inner):
                here = (o * count + i) * inner + j
                k = at[here]
                if k < -n or k >= n:
                    raise IndexError("index out of bounds")
                b[(o * n + (k + n if k < 0 else k)) * inner + j] += a[here]


def spread_along3(x, index, outer, n, inner, count, shape):
    """Add items up at places along the middle axis: the transpose of `take_along3`."""
    out = np.zeros(shape, x.dtype)
    _spread(flat(x), flat(index), outer, n, inner, count, flat(out))
    return out


def _tie_means(a, order, outer, n, inner, out):
    for column in range(outer * inner):
        first = column // inner * n * inner + column % inner
        i = 0
        while i < n:
            last, total = i, 0.0
            while last < n and (last == i or order[first + last * inner]
                                == order[first + i * inner]):  # fmt: skip
                total += a[first + last * inner]
                last += 1
            for k in range(i, last):
                out[first + k * inner] = total / (last - i)
            i = last


def tie_means3(x, order, outer, n, inner):
    """Return the means of what stands at equal items of what is in order."""
    out = np.empty(x.shape, x.dtype)
    _tie_means(flat(x), flat(order), outer, n, inner, flat(out))
    return out


def _tally(a):
    count = 0
    for i in range(a.shape[0]):
        count += a[i] != 0
    return count


def _nonzero(a, out):
    count = 0
    for i in range(a.shape[0]):
        if a[i] != 0:
            out[count] = i
            count += 1


def flatnonzero(x):
    """Return the flat places of the items that are not zero."""
    a = flat(x)
    out = np.empty(_tally(a), np.int64)
    _nonzero(a, out)
    return out
