"""Decompositions of stacks of matrices in double precision, by LAPACK.

All parts of a decomposition are stacked in one matrix, as `readable.py` does.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

__all__ = [
    "cholesky_factor", "eig_parts", "eigh_parts", "eigh_spectrum", "expm", "expm_slope",
    "logdet", "lstsq_rank", "lstsq_residuals", "lstsq_solution", "lstsq_values", "pinv",
    "qr_parts", "solve_triangular", "spectrum", "svd_parts", "svdvals",
]  # fmt: skip

CORES = {
    "_cholesky": "void(T[:, :, ::1], boolean, T[:, :, ::1])",
    "_eig": "boolean(T[:, :, ::1], boolean, T[:, :, ::1])",
    "_eigh": "void(T[:, :, ::1], boolean, T[:, :, ::1])",
    "_spectrum": "boolean(T[:, :, ::1], boolean, T[:, ::1])",
    "_eigvalsh": "void(T[:, :, ::1], boolean, T[:, ::1])",
    "_expm": "void(T[:, :, ::1], T[:, :, ::1])",
    "_logdet": "void(T[:, :, ::1], boolean, T[::1])",
    "_lstsq": "int64(T[:, ::1], T[:, ::1], float64, T[:, ::1], T[::1], T[::1])",
    "_pinv": "void(T[:, :, ::1], float64, boolean, T[:, :, ::1])",
    "_qr": "void(T[:, :, ::1], T[:, :, ::1])",
    "_svd": "void(T[:, :, ::1], boolean, T[:, :, ::1])",
    "_svdvals": "void(T[:, :, ::1], T[:, ::1])",
    "_triangular": "void(T[:, ::1], boolean, boolean, T[:, ::1])",
}

COMPLEX = (
    "compiled code finds real eigenvalues of real matrices only, and these are complex:"
    " pass `a.astype(complex)`, or use backend='python'"
)
# Pade's coefficients of order 13 for the exponential; see Higham, The scaling and
# squaring method for the matrix exponential revisited (2005).
PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0,
    40840800.0, 960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
MOST = 4.25  # the one-norm up to which they are as exact as double precision


def _cholesky(a, upper, out):
    for k in range(a.shape[0]):
        x = a[k].T.copy() if upper else a[k].copy()
        if not np.all(np.isfinite(x)):
            out[k] = np.nan
            continue
        low = np.linalg.cholesky(np.conj(x) if upper else x)
        out[k] = np.conj(low).T if upper else low


def cholesky_factor(a, upper):
    """Return the factors of positive definite matrices."""
    out = np.empty(a.shape, a.dtype)
    if out.size > 0:
        _cholesky(a, upper, out)
    return out


def _eigh(a, upper, out):
    for k in range(a.shape[0]):
        x = np.conj(a[k]).T.copy() if upper else a[k].copy()
        if np.all(np.isfinite(x)):
            w, v = np.linalg.eigh(x)
            out[k, 0] = w
            out[k, 1:] = v
        else:
            out[k] = np.nan


def eigh_parts(a, upper):
    """Return eigenvalues and eigenvectors of symmetric matrices."""
    out = np.empty((a.shape[0], a.shape[1] + 1, a.shape[2]), a.dtype)
    if out.size > 0:
        _eigh(a, upper, out)
    return out


def _eigvalsh(a, upper, out):
    for k in range(a.shape[0]):
        x = np.conj(a[k]).T.copy() if upper else a[k].copy()
        if np.all(np.isfinite(x)):
            out[k] = np.linalg.eigvalsh(x)
        else:
            out[k] = np.nan


def eigh_spectrum(a, upper):
    """Return eigenvalues of symmetric matrices."""
    out = np.empty((a.shape[0], a.shape[1]), a.dtype)
    if out.size > 0:
        _eigvalsh(a, upper, out)
    return out


def _eig(a, plain, out):
    """Tell whether all went well; of real matrices Numba finds real values alone."""
    for k in range(a.shape[0]):
        if not np.all(np.isfinite(a[k])):
            raise np.linalg.LinAlgError("Array must not contain infs or NaNs")
        if plain:
            try:
                w, v = np.linalg.eig(a[k].real.copy())
                if np.any(w.imag != 0):
                    return False
                out[k, 0] = w
                out[k, 1:] = v
            except Exception:  # Numba knows no other; finite ones fail if not real
                return False
        else:
            w, v = np.linalg.eig(a[k])
            out[k, 0] = w
            out[k, 1:] = v
    return True


def eig_parts(a, plain):
    """Return eigenvalues and eigenvectors of matrices; real ones if `plain`."""
    out = np.empty((a.shape[0], a.shape[1] + 1, a.shape[2]), a.dtype)
    if out.size > 0 and not _eig(a, plain, out):
        raise NotImplementedError(COMPLEX)
    return out


def _spectrum(a, plain, out):
    for k in range(a.shape[0]):
        if not np.all(np.isfinite(a[k])):
            raise np.linalg.LinAlgError("Array must not contain infs or NaNs")
        if plain:
            try:
                w = np.linalg.eigvals(a[k].real.copy())
                if np.any(w.imag != 0):
                    return False
                out[k] = w
            except Exception:  # Numba knows no other; finite ones fail if not real
                return False
        else:
            out[k] = np.linalg.eigvals(a[k])
    return True


def spectrum(a, plain):
    """Return eigenvalues of matrices; real ones if `plain`."""
    out = np.empty((a.shape[0], a.shape[1]), a.dtype)
    if out.size > 0 and not _spectrum(a, plain, out):
        raise NotImplementedError(COMPLEX)
    return out


def _qr(a, out):
    m = a.shape[1]
    for k in range(a.shape[0]):
        if np.all(np.isfinite(a[k])):
            q, r = np.linalg.qr(a[k])
            out[k, :m] = q
            out[k, m:] = r.T
        else:
            out[k] = np.nan


def qr_parts(a):
    """Return an orthogonal and, transposed, a triangular factor of matrices."""
    c, m, n = a.shape
    out = np.empty((c, m + n, min(m, n)), a.dtype)
    if out.size > 0:
        _qr(a, out)
    return out


def _svd(a, full, out):
    m = a.shape[1]
    for k in range(a.shape[0]):
        u, s, vh = np.linalg.svd(a[k], full)
        out[k, 0, : s.size] = s
        out[k, 1 : m + 1, : u.shape[1]] = u
        out[k, m + 1 :, : vh.shape[0]] = vh.T


def svd_parts(a, full):
    """Return singular values, left and right vectors of matrices, zeros beside them."""
    c, m, n = a.shape
    out = np.zeros((c, 1 + m + n, max(m, n) if full else min(m, n)), a.dtype)
    if a.size > 0:
        _svd(a, full, out)
    elif full:
        for k in range(c):
            for i in range(m):
                out[k, 1 + i, i] = 1.0
            for i in range(n):
                out[k, 1 + m + i, i] = 1.0
    return out


def _svdvals(a, out):
    for k in range(a.shape[0]):
        out[k] = np.linalg.svd(a[k], False)[1]


def svdvals(a):
    """Return singular values of matrices."""
    out = np.empty((a.shape[0], min(a.shape[1], a.shape[2])), a.dtype)
    if out.size > 0:
        _svdvals(a, out)
    return out


def _pinv(a, rcond, hermitian, out):
    for k in range(a.shape[0]):
        x = a[k].copy()
        if hermitian:
            for i in range(x.shape[0]):
                x[i, i + 1 :] = np.conj(x[i + 1 :, i])
        u, s, vh = np.linalg.svd(x, False)
        cutoff = rcond * s.max()
        for i in range(s.size):
            u[:, i] *= 1 / s[i] if s[i] > cutoff else 0.0
        out[k] = np.conj(np.dot(u, vh)).T


def pinv(a, rcond, hermitian):
    """Return pseudo-inverses of matrices, by their lower triangles if `hermitian`."""
    out = np.empty((a.shape[0], a.shape[2], a.shape[1]), a.dtype)
    if out.size > 0:
        _pinv(a, rcond, hermitian, out)
    return out


def _logdet(a, sign, out):
    for k in range(a.shape[0]):
        found = np.linalg.slogdet(a[k])
        out[k] = found[0] if sign else found[1]


def logdet(a, sign):
    """Return the logarithms of what determinants are without their sign, or that."""
    out = np.empty(a.shape[0], a.dtype)
    if a.size > 0:
        _logdet(a, sign, out)
    else:
        out[:] = 1.0 if sign else 0.0
    return out


def _lstsq(a, b, rcond, x, residuals, s):
    found, sums, rank, values = np.linalg.lstsq(a, b, rcond)
    x[:] = found
    residuals[:] = 0.0
    if sums.size > 0:
        residuals[:] = sums
    s[:] = values
    return rank


def _least(a, b, rcond):
    """Return the solutions, sums of squares, rank and singular values of a system."""
    (m, n), count = a.shape, b.shape[1]
    x = np.zeros((n, count), a.dtype)
    sums, s = np.zeros(count, a.dtype), np.zeros(min(m, n), a.dtype)
    rank = 0
    if a.size > 0:
        rank = _lstsq(a, b, rcond, x, sums, s)
    return x, sums, rank, s


def lstsq_solution(a, b, rcond):
    """Return the shortest solutions of least squares."""
    return _least(a, b, rcond)[0]


def lstsq_residuals(a, b, rcond):
    """Return the sums of squares that are left, 0 where NumPy gives none."""
    return _least(a, b, rcond)[1]


def lstsq_rank(a, b, rcond):
    """Return the rank of a matrix."""
    return _least(a, b, rcond)[2]


def lstsq_values(a, b, rcond):
    """Return the singular values of a matrix."""
    return _least(a, b, rcond)[3]


def _triangular(a, lower, unit, x):
    """Overwrite `x` by the solutions of a triangular system."""
    n, columns = x.shape
    for turn in range(n):
        i = turn if lower else n - 1 - turn
        first, last = (0, i) if lower else (i + 1, n)
        for k in range(first, last):
            factor = a[i, k]
            for j in range(columns):
                x[i, j] -= factor * x[k, j]
        if not unit:
            if a[i, i] == 0:
                raise np.linalg.LinAlgError("singular matrix")
            for j in range(columns):
                x[i, j] /= a[i, i]


def solve_triangular(a, b, transposed, lower, unit):
    """Return the solutions of a triangular system, a column each."""
    x = b.copy()
    if x.size > 0:
        if transposed:
            _triangular(a.T.copy(), not lower, unit, x)
        else:
            _triangular(a, lower, unit, x)
    return x


def _expm(a, out):
    n = a.shape[1]
    one = np.eye(n)
    for k in range(a.shape[0]):
        if not np.all(np.isfinite(a[k])):
            out[k] = np.nan
            continue
        most = 0.0
        for j in range(n):
            total = 0.0
            for i in range(n):
                total += abs(a[k, i, j])
            most = max(most, total)
        halvings = max(0, int(np.ceil(np.log2(most / MOST)))) if most > 0 else 0
        x = a[k] / 2.0**halvings
        x2 = np.dot(x, x)
        x4 = np.dot(x2, x2)
        x6 = np.dot(x4, x2)
        odd = np.dot(x6, PADE[13] * x6 + PADE[11] * x4 + PADE[9] * x2)
        odd = odd + PADE[7] * x6 + PADE[5] * x4 + PADE[3] * x2 + PADE[1] * one
        even = np.dot(x6, PADE[12] * x6 + PADE[10] * x4 + PADE[8] * x2)
        even = even + PADE[6] * x6 + PADE[4] * x4 + PADE[2] * x2 + PADE[0] * one
        odd = np.dot(x, odd)
        power = np.ascontiguousarray(np.linalg.solve(even - odd, even + odd))
        for _ in range(halvings):
            power = np.dot(power, power)
        out[k] = power


def expm(a):
    """Return the exponentials of matrices."""
    out = np.empty(a.shape, a.dtype)
    if out.size > 0:
        _expm(a, out)
    return out


def expm_slope(a, b):
    """Return how the exponential of a matrix changes along another one."""
    n = a.shape[0]
    whole = np.zeros((1, 2 * n, 2 * n), a.dtype)
    whole[0, :n, :n] = a
    whole[0, n:, n:] = a
    whole[0, :n, n:] = b
    return expm(whole)[0, :n, n:].copy()
