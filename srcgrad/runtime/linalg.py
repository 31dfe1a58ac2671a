"""Products through BLAS; LU with pivots for solve, det and the cofactors."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat, reshaped

__all__ = [
    "cofactor", "cofactor_slope", "det", "inv", "invn", "matmul", "matmul_ints",
    "matmul_rows", "matmuln", "outer", "solve1", "solve2", "solven",
]  # fmt: skip

CORES = {
    "_adjugate": "void(T[:, ::1], T[:, ::1], boolean, T[:, ::1])",
    "_cofactors": "void(T[:, ::1], T[:, ::1])",
    "_det": "T(T[:, ::1])",
    "_outer": "void(T[::1], T[::1], T[::1])",
    "_products": "void(T[::1], int64, int64, T[::1], int64, int64, int64, int64, int64,"
    " T[::1])",
    "_solve": "void(T[:, ::1], T[:, ::1], T[:, ::1])",
}

PANEL = 24  # columns eliminated together; what is to their right goes through BLAS


def matmul(x, y):
    """Return the product of vectors or matrices; transposed ones are not copied."""
    return np.dot(x, y)


def matmul_rows(x, y):
    """Return the products of the rows of any stack with a matrix."""
    shape = x.shape[:-1]
    count = 1
    for n in shape:
        count *= n
    out = np.dot(reshaped(x, (count, x.shape[-1])), y)
    return reshaped(out, shape + (y.shape[1],))  # noqa: RUF005


def matmul_ints(x, rows, y, columns, shape):
    """Return the product of two matrices of integers or bools, given flat."""
    a, b = flat(x), flat(y)
    out = np.zeros(shape, np.int64)
    c = flat(out)
    inner = a.shape[0] // max(rows, 1)
    for i in range(rows):
        for k in range(inner):
            for j in range(columns):
                c[i * columns + j] += np.int64(a[i * inner + k]) * b[k * columns + j]
    return out


def _products(a, a0, a1, b, b0, b1, m, k, n, c):
    """Multiply stacks of matrices whose two outer axes broadcast together."""
    for i in range(max(a0, b0)):
        for j in range(max(a1, b1)):
            left = (i % a0) * a1 + j % a1
            right = (i % b0) * b1 + j % b1
            x = a[left * m * k : (left + 1) * m * k].reshape((m, k))
            y = b[right * k * n : (right + 1) * k * n].reshape((k, n))
            product = flat(np.dot(x, y))
            start = (i * max(a1, b1) + j) * m * n
            for item in range(m * n):
                c[start + item] = product[item]


def matmuln(x, x0, x1, y, y0, y1, m, k, n, shape):
    """Return products of stacks of matrices, `(x0, x1, m, k)` by `(y0, y1, k, n)`."""
    out = np.empty(shape, x.dtype)
    if out.size > 0:
        _products(flat(x), x0, x1, flat(y), y0, y1, m, k, n, flat(out))
    return out


def _outer(a, b, c):
    """Put the products of all items of two vectors into a third."""
    n = b.shape[0]
    for i in range(a.shape[0]):
        row = c[i * n : i * n + n]
        for j in range(n):
            row[j] = a[i] * b[j]


def outer(x, y):
    """Return the products of all items of one array with all of another."""
    out = np.empty((x.size, y.size), x.dtype)
    _outer(flat(x), flat(y), flat(out))
    return out


def _part(a, top, bottom, left, right):
    """Return a contiguous copy of a part of a matrix."""
    out = np.empty((bottom - top, right - left), a.dtype)
    for i in range(bottom - top):
        source, to = a[top + i, left:right], out[i]
        for j in range(right - left):
            to[j] = source[j]
    return out


def _subtract_product(a, top, left, x, y):
    """Subtract the product of two matrices from the part of a matrix at `top, left`."""
    product = np.dot(x, y)
    rows, columns = product.shape
    for i in range(rows):
        source, to = product[i], a[top + i, left : left + columns]
        for j in range(columns):
            to[j] -= source[j]


def _subtract_row(a, i, k, left, right, factor):
    """Subtract `factor` times row `k` of a matrix from row `i`, between two columns."""
    to, source = a[i, left:right], a[k, left:right]
    for j in range(right - left):
        to[j] -= factor * source[j]


def _eliminate(a, start, stop, order):
    """Eliminate columns `start` to `stop` of the rows below; return the swaps' sign."""
    n = a.shape[0]
    sign = 1.0
    for k in range(start, stop):
        pivot = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[pivot, k]):
                pivot = i
        if pivot != k:
            sign = -sign
            order[k], order[pivot] = order[pivot], order[k]
            for j in range(n):
                a[k, j], a[pivot, j] = a[pivot, j], a[k, j]
        if a[k, k] != 0:
            for i in range(k + 1, n):
                factor = a[i, k] / a[k, k]
                a[i, k] = factor
                _subtract_row(a, i, k, k + 1, stop, factor)
    return sign


def _factor(a, order):
    """Overwrite a matrix by its LU factors; return the sign of the row swaps."""
    n = a.shape[0]
    sign = 1.0
    for i in range(n):
        order[i] = i
    for start in range(0, n, PANEL):
        stop = min(start + PANEL, n)
        sign *= _eliminate(a, start, stop, order)
        if stop < n:
            for i in range(start, stop):
                for k in range(start, i):
                    _subtract_row(a, i, k, stop, n, a[i, k])
            below = _part(a, stop, n, start, stop)
            beside = _part(a, start, stop, stop, n)
            _subtract_product(a, stop, stop, below, beside)
    return sign


def _substitute(lu, start, stop, first, last, lower, b):
    """Solve for rows `start` to `stop` of `b`, given rows `first` to `last`."""
    columns = b.shape[1]
    if first < last:
        factors = _part(lu, start, stop, first, last)
        _subtract_product(b, start, 0, factors, b[first:last])
    for turn in range(stop - start):
        i = start + turn if lower else stop - 1 - turn
        left, right = (start, i) if lower else (i + 1, stop)
        for k in range(left, right):
            factor = lu[i, k]
            for j in range(columns):
                b[i, j] -= factor * b[k, j]
        if not lower:
            for j in range(columns):
                b[i, j] /= lu[i, i]


def _solve(a, b, out):
    """Put the solution of `a @ out = b` into the matrix `out`."""
    n = a.shape[0]
    lu = a.copy()
    order = np.empty(n, np.int64)
    _factor(lu, order)
    for i in range(n):
        if lu[i, i] == 0:
            raise np.linalg.LinAlgError("Singular matrix")
        for j in range(b.shape[1]):
            out[i, j] = b[order[i], j]
    if b.shape[1] > 0:
        panels = (n + PANEL - 1) // PANEL
        for turn in range(2 * panels):
            lower = turn < panels
            start = (turn if lower else 2 * panels - 1 - turn) * PANEL
            stop = min(start + PANEL, n)
            first, last = (0, start) if lower else (stop, n)
            _substitute(lu, start, stop, first, last, lower, out)


def solve2(a, b):
    """Return the solutions of linear systems, a column each."""
    out = np.empty(b.shape, b.dtype)
    _solve(a, b, out)
    return out


def solve1(a, b):
    """Return the solution of a linear system."""
    right = np.empty((b.shape[0], 1), b.dtype)
    for i in range(b.shape[0]):
        right[i, 0] = b[i]
    out = np.empty(right.shape, b.dtype)
    _solve(a, right, out)
    return flat(out)


def inv(a):
    """Return the inverse of a matrix."""
    right = np.zeros(a.shape, a.dtype)
    for i in range(a.shape[0]):
        right[i, i] = 1
    out = np.empty(a.shape, a.dtype)
    _solve(a, right, out)
    return out


def solven(a, a0, a1, b, b0, b1, n, columns, shape):
    """Return solutions of stacks of systems, `(a0, a1, n, n)` and `(b0, b1, n, k)`."""
    out = np.empty(shape, a.dtype)
    if out.size > 0:
        left, right = a.reshape((a0 * a1, n, n)), b.reshape((b0 * b1, n, columns))
        found = out.reshape((max(a0, b0) * max(a1, b1), n, columns))
        for i in range(max(a0, b0)):
            for j in range(max(a1, b1)):
                x, y = left[(i % a0) * a1 + j % a1], right[(i % b0) * b1 + j % b1]
                _solve(x, y, found[i * max(a1, b1) + j])
    return out


def invn(a, count, n, shape):
    """Return the inverses of a stack of matrices."""
    right = np.eye(n).astype(a.dtype)
    return solven(a, count, 1, right, 1, 1, n, n, shape)


def _det(a):
    n = a.shape[0]
    lu = a.copy()
    out = lu.dtype.type(_factor(lu, np.empty(n, np.int64)))
    for i in range(n):
        out *= lu[i, i]
    return out


def det(a):
    """Return the determinant of a matrix."""
    return _det(a)


def _largest(a, start):
    """Return the place of the largest item from row and column `start` on."""
    n = a.shape[0]
    row = column = start
    for i in range(start, n):
        for j in range(start, n):
            if abs(a[i, j]) > abs(a[row, column]):
                row, column = i, j
    return row, column


def _diagonalise(a, rows, columns):
    """Overwrite a matrix by L, D, U with `a[rows][:, columns] = L @ D @ U`.

    The largest item left is the pivot, so no item of unit triangular L and U exceeds 1
    and their inverses are harmless; only D tells how singular the matrix is. Returns
    the sign of the swaps.
    """
    n = a.shape[0]
    sign = 1.0
    for i in range(n):
        rows[i] = columns[i] = i
    for k in range(n):
        row, column = _largest(a, k)
        if row != k:
            sign = -sign
            rows[k], rows[row] = rows[row], rows[k]
            for j in range(n):
                a[k, j], a[row, j] = a[row, j], a[k, j]
        if column != k:
            sign = -sign
            columns[k], columns[column] = columns[column], columns[k]
            for i in range(n):
                a[i, k], a[i, column] = a[i, column], a[i, k]
        if a[k, k] != 0:
            for j in range(k + 1, n):
                a[k, j] /= a[k, k]
            for i in range(k + 1, n):
                _subtract_row(a, i, k, k + 1, n, a[i, k])
            for i in range(k + 1, n):
                a[i, k] /= a[k, k]
    return sign


def _others(d, skip, too):
    """Return the product of all items but two."""
    out = d.dtype.type(1)
    for i in range(d.shape[0]):
        if i != skip and i != too:
            out *= d[i]
    return out


def _pull_through(ldu, m):
    """Overwrite `m` by `inv(L) @ m @ inv(U)`."""
    n = m.shape[0]
    for i in range(n):
        for k in range(i):
            _subtract_row(m, i, k, 0, n, ldu[i, k])
    for i in range(n):
        for k in range(n):
            factor = m[i, k]
            for j in range(k + 1, n):
                m[i, j] -= factor * ldu[k, j]


def _push_through(ldu, m):
    """Overwrite `m` by `inv(L).T @ m @ inv(U).T`."""
    n = m.shape[0]
    for k in range(n - 1, -1, -1):
        for i in range(k):
            _subtract_row(m, i, k, 0, n, ldu[k, i])
    for i in range(n):
        for k in range(n - 1, -1, -1):
            total = m[i, k]
            for j in range(k + 1, n):
                total -= m[i, j] * ldu[k, j]
            m[i, k] = total


def _adjugate(a, b, slope, out):
    """Put the cofactors of `a` into `out`, or the gradient of `(b * cofactors).sum()`.

    With a = X D Y, X and Y of determinant +-1, the cofactors are s X^-T C(D) Y^-T; C(D)
    holds the products of all but one item of D, so nothing is divided by D.
    """
    n = a.shape[0]
    ldu = a.copy()
    rows, columns = np.empty(n, np.int64), np.empty(n, np.int64)
    sign = a.dtype.type(_diagonalise(ldu, rows, columns))
    d = np.empty(n, a.dtype)
    for i in range(n):
        d[i] = ldu[i, i]
    h, m = np.zeros((n, n), a.dtype), np.zeros((n, n), a.dtype)
    if slope:
        for i in range(n):
            for j in range(n):
                h[i, j] = b[rows[i], columns[j]]
        _pull_through(ldu, h)
    for i in range(n):
        if not slope:
            m[i, i] = _others(d, i, i)
            continue
        for j in range(n):
            if i != j:
                product = _others(d, i, j)
                m[i, j] = -h[j, i] * product
                m[i, i] += h[j, j] * product
    _push_through(ldu, m)
    for i in range(n):
        for j in range(n):
            out[rows[i], columns[j]] = sign * m[i, j]


def _cofactors(a, out):
    """Put the cofactors into `out`: det times the inverse where that is safe."""
    n = a.shape[0]
    lu = a.copy()
    det = lu.dtype.type(_factor(lu, np.empty(n, np.int64)))
    least = most = abs(lu[0, 0]) if n > 0 else abs(det)
    for i in range(n):
        least, most = min(least, abs(lu[i, i])), max(most, abs(lu[i, i]))
        det *= lu[i, i]
    if not least > 1e-3 * most:
        _adjugate(a, a, False, out)
        return
    right = np.zeros((n, n), a.dtype)
    for i in range(n):
        right[i, i] = det
    _solve(a, right, lu)
    for i in range(n):
        for j in range(n):
            out[i, j] = lu[j, i]


def cofactor(a):
    """Return the cofactors, the gradient of det; also of a singular matrix."""
    out = np.empty(a.shape, a.dtype)
    _cofactors(a, out)
    return out


def cofactor_slope(a, b):
    """Return the gradient of `(b * cofactor(a)).sum()` with respect to `a`."""
    out = np.empty(a.shape, a.dtype)
    _adjugate(a, b, True, out)
    return out
