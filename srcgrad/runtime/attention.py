"""Attention: blocks of queries meet all keys; no array has the weights of all queries.

Stacks of matrices are flat: queries `(heads, n, d)`, keys `(heads, m, d)`, values
`(heads, m, e)`. `sizes` are (heads, n, m, d, e). What a query may see is in `sees`,
what is added to its product with a key in `more`: None for nothing. Both are
`(outer, inner, rows, columns)` with lengths of one that stand for all; `spread` has the
inner number of heads, and those lengths.

The weights of a block are made anew in the backward sweep: that is quicker than to
read them.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import exponential, flat, index, maximum, plus

__all__ = ["attended", "attention_slopes", "attention_weights"]

_GIVEN = "boolean[::1], T[::1], boolean, UniTuple(int64, 5), UniTuple(int64, 5), T[::1]"
CORES = {
    "_attend": f"void(T[::1], T[::1], T[::1], {_GIVEN})",
    "_weigh": "void(T[:, ::1], T[:, ::1], int64, int64, boolean[::1], T[::1], boolean, "
    "UniTuple(int64, 5), T[:, ::1])",
    "_weights": f"void(T[::1], T[::1], {_GIVEN})",
    "_slopes": f"void(T[::1], T[::1], T[::1], T[::1], {_GIVEN})",
}

BLOCK = 128  # queries of which the products with all keys stay near
FAR = -1e30  # beside anything else that is nothing, also in float32


def _is_finite(a):
    """Tell whether all numbers are finite: then zero times each of them is zero."""
    total = a.dtype.type(0)
    for i in range(a.shape[0]):
        total = plus(total, a[i] * 0)
    return total == 0


def _hide(row, sees, more, start, step):
    """Put a number far below all others where a query sees nothing; add to the rest."""
    far = row.dtype.type(FAR)
    for j in range(row.shape[0] if sees.shape[0] > 0 else 0):
        row[j] = row[j] if sees[index(start + j * step)] else far
    for j in range(row.shape[0] if more.shape[0] > 0 else 0):
        row[j] = maximum(row[j] + more[index(start + j * step)], far)


def _soften(row, seen, masked):
    """Overwrite products with keys by weights, 0 from `seen` on."""
    best, total = row[0], row.dtype.type(0)
    for j in range(1, seen):
        best = maximum(best, row[j])
    if masked and best <= 0.5 * FAR:
        seen = 0
    for j in range(seen):
        row[j] = exponential(row[j] - best)
    for j in range(seen):
        total = plus(total, row[j])
    for j in range(seen):
        row[j] /= total
    for j in range(seen, row.shape[0]):
        row[j] = 0


def _weigh(q, keys, head, first, sees, more, causal, spread, out):
    """Put the weights of a block of queries, that begins at `first`, into `out`."""
    (count, seen), (heads, outer, inner, rows, columns) = out.shape, spread
    np.dot(q, keys[:seen].T, out)
    start = (head // heads % outer * inner + head % heads % inner) * rows
    masked, step = sees.shape[0] + more.shape[0] > 0, 1 if columns > 1 else 0
    for i in range(count):
        place = (start + (first + i if rows > 1 else 0)) * columns
        _hide(out[i], sees, more, place, step)
        _soften(out[i], min(first + i + 1, seen) if causal else seen, masked)


def _scaled(q, d):
    """Return queries of a length, divided by its root."""
    out, by = np.empty(q.shape[0], q.dtype), q.dtype.type(float(d) ** -0.5)
    for i in range(q.shape[0]):
        out[i] = q[i] * by
    return out


def _check(m, d):
    """Raise what plain Python raises where there is nothing to weigh."""
    if d == 0:
        raise ZeroDivisionError
    if m == 0:
        raise ValueError


def _attend(q, k, v, sees, more, causal, sizes, spread, out):
    """Put the means of values into `out`."""
    heads, n, m, d, e = sizes
    _check(m, d)
    few = causal and _is_finite(v)  # else what is beyond a block adds 0 times a value
    block, given = BLOCK // 2 if few else BLOCK, _scaled(q, d)
    room = np.empty(min(block, n) * m, q.dtype)
    for head in range(heads if e > 0 else 0):
        keys = k[head * m * d : (head + 1) * m * d].reshape((m, d))
        values = v[head * m * e : (head + 1) * m * e].reshape((m, e))
        for first in range(0, n, block):
            count, row = min(block, n - first), head * n + first
            seen = min(m, first + count) if few else m
            some = given[row * d : (row + count) * d].reshape((count, d))
            weights = room[: count * seen].reshape((count, seen))
            _weigh(some, keys, head, first, sees, more, causal, spread, weights)
            into = out[row * e : (row + count) * e].reshape((count, e))
            np.dot(weights, values[:seen], into)


def _weights(q, k, sees, more, causal, sizes, spread, out):
    """Put all weights into `out`."""
    heads, n, m, d, _ = sizes
    _check(m, d)
    given = _scaled(q, d)
    for head in range(heads if n > 0 else 0):
        keys = k[head * m * d : (head + 1) * m * d].reshape((m, d))
        some = given[head * n * d : (head + 1) * n * d].reshape((n, d))
        weights = out[head * n * m : (head + 1) * n * m].reshape((n, m))
        _weigh(some, keys, head, 0, sees, more, causal, spread, weights)


def _follow(weights, slopes, by):
    """Overwrite slopes by weights with those by products, multiplied by a number."""
    for i in range(weights.shape[0]):
        w, s, total = weights[i], slopes[i], slopes.dtype.type(0)
        for j in range(w.shape[0]):
            total = plus(total, w[j] * s[j])
        for j in range(w.shape[0]):
            s[j] = w[j] * (s[j] - total) * by


def _add(to, start, x):
    """Add a matrix to the numbers that begin at a place."""
    part, a = to[start : start + x.size], flat(x)
    for i in range(a.shape[0]):
        part[i] += a[i]


def _slopes(q, k, v, y, sees, more, causal, sizes, spread, out):
    """Add the slopes by queries, keys and values to `out`, given those by results."""
    heads, n, m, d, e = sizes
    _check(m, d)
    few = causal and _is_finite(q) and _is_finite(k) and _is_finite(v) and _is_finite(y)
    block, given = BLOCK // 2 if few else BLOCK, _scaled(q, d)
    by = q.dtype.type(float(d) ** -0.5)
    room = np.empty(min(block, n) * m, q.dtype)
    beside = np.empty(room.shape[0], q.dtype)
    key, value = heads * n * d, heads * (n + m) * d
    for head in range(heads if e > 0 else 0):
        keys = k[head * m * d : (head + 1) * m * d].reshape((m, d))
        values = v[head * m * e : (head + 1) * m * e].reshape((m, e))
        for first in range(0, n, block):
            count, row = min(block, n - first), head * n + first
            seen = min(m, first + count) if few else m
            weights = room[: count * seen].reshape((count, seen))
            slopes = beside[: count * seen].reshape((count, seen))
            here = slice(row * d, (row + count) * d)
            some = given[here].reshape((count, d))
            _weigh(some, keys, head, first, sees, more, causal, spread, weights)
            slope = y[row * e : (row + count) * e].reshape((count, e))
            _add(out, value + head * m * e, np.dot(weights.T, slope))
            np.dot(slope, values[:seen].T, slopes)
            _follow(weights, slopes, by)
            np.dot(slopes, keys[:seen], out[here].reshape((count, d)))
            _add(out, key + head * m * d, np.dot(slopes.T, q[here].reshape((count, d))))


def _sizes(q, k, e):
    """Return how many heads, queries and keys there are, and lengths of the rows."""
    heads = 1
    for axis in range(q.ndim - 2):
        heads *= q.shape[axis]
    return heads, q.shape[-2], k.shape[-2], q.shape[-1], e


def attended(q, k, v, sees, more, causal, spread):
    """Return for each query the mean of values, weighted by how its key fits."""
    sees = np.empty(0, np.bool_) if sees is None else flat(sees)
    more = np.empty(0, q.dtype) if more is None else flat(more)
    out = np.empty(q.shape[:-1] + v.shape[-1:], q.dtype)
    sizes = _sizes(q, k, v.shape[-1])
    _attend(flat(q), flat(k), flat(v), sees, more, causal, sizes, spread, flat(out))
    return out


def attention_weights(q, k, sees, more, causal, spread):
    """Return how much each query takes of each value."""
    sees = np.empty(0, np.bool_) if sees is None else flat(sees)
    more = np.empty(0, q.dtype) if more is None else flat(more)
    out = np.empty(q.shape[:-1] + (k.shape[-2],), q.dtype)  # noqa: RUF005
    sizes = _sizes(q, k, 1)
    _weights(flat(q), flat(k), sees, more, causal, sizes, spread, flat(out))
    return out


def attention_slopes(q, k, v, y, sees, more, causal, spread):
    """Return the slopes by queries, keys and values side by side."""
    sees = np.empty(0, np.bool_) if sees is None else flat(sees)
    more = np.empty(0, q.dtype) if more is None else flat(more)
    out = np.zeros(q.size + k.size + v.size, q.dtype)
    given, sizes = (flat(q), flat(k), flat(v), flat(y)), _sizes(q, k, v.shape[-1])
    _slopes(*given, sees, more, causal, sizes, spread, out)
    return out
