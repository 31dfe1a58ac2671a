"""Solvers and numerical kernels: factorisations, recurrences, series, quadrature."""

import math

import numpy as np

from tests.cases import case
from tests.cases.inputs import definite, matrix, near, positive, spread


# Newton for a system of two equations, its Jacobian written down.
@case(lambda rng: (near(rng, 2.0, 1.0),))
def newton_for_a_system(p):
    x = np.array([1.0, 1.0])
    for _ in range(12):
        f = np.array([x[0] ** 2 + x[1] - p[0], x[0] * x[1] - p[1] * 0.5])
        J = np.array([[2.0 * x[0], 1.0], [x[1], x[0]]])
        step = np.linalg.solve(J, f)
        x = x - step
        if np.abs(step).max() < 1e-11:
            break
    return x[0] * x[1] ** 2 + x[0]


# Gauss-Seidel on a linear system with a stopping test.
@case(lambda rng: (4.0 * np.eye(3) + near(rng, [1, 0, 1], [0, 1, 1], [1, 1, 0]),))
def gauss_seidel_solver(A):
    b = np.array([1.0, 2.0, 3.0])
    x = np.zeros(3)
    for _ in range(8):
        for i in range(3):
            s = b[i]
            for j in range(3):
                if j != i:
                    s -= A[i, j] * x[j]
            x[i] = s / A[i, i]
    return x @ x


# Thomas solver that leaves its arguments alone.
@case(
    lambda rng: (rng.normal(size=5), 4.0 + rng.uniform(size=5), rng.normal(size=5)),
    argnums=(0, 1, 2),
)
def tridiagonal_solver(lower, diag, upper):
    n = len(diag)
    c = np.empty(n)
    d = np.empty(n)
    c[0] = upper[0] / diag[0]
    d[0] = 1.0 / diag[0]
    for i in range(1, n):
        w = diag[i] - lower[i] * c[i - 1]
        c[i] = upper[i] / w
        d[i] = (i + 1.0 - lower[i] * d[i - 1]) / w
    x = np.zeros(n)
    x[-1] = d[-1]
    for i in reversed(range(n - 1)):
        x[i] = d[i] - c[i] * x[i + 1]
    return (x * x).sum()


# Cholesky row by row into a new matrix, then two triangular solves.
@case(lambda rng: (definite(rng, 4), rng.normal(size=4)), argnums=(0, 1), sample=True)
def cholesky_solve(A, b):
    n = len(b)
    L = np.zeros_like(A)
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            L[i, j] = math.sqrt(s) if i == j else s / L[j, j]
    y = b.copy()
    for i in range(n):
        y[i] = (y[i] - L[i, :i] @ y[:i]) / L[i, i]
    for i in range(n - 1, -1, -1):
        y[i] = (y[i] - L[i + 1 :, i] @ y[i + 1 :]) / L[i, i]
    return y @ b + 2.0 * np.log(L[3, 3])


# LU with row pivoting: the rows that change places depend on the data.
@case(lambda rng: (near(rng, [0.1, 2.0, 1.0], [3.0, 0.5, 0.2], [1.0, 1.0, 2.5]),))
def determinant_with_pivoting(A):
    n = A.shape[0]
    d = 1.0
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(A[i, k]) > abs(A[p, k]):
                p = i
        if p != k:
            for j in range(n):
                A[k, j], A[p, j] = A[p, j], A[k, j]
            d = -d
        d *= A[k, k]
        for i in range(k + 1, n):
            f = A[i, k] / A[k, k]
            A[i, k:] -= f * A[k, k:]
    return d


# QR by Gram-Schmidt, columns as views.
@case(lambda rng: (matrix(rng, 3), rng.normal(size=3)), argnums=(0, 1))
def qr_by_gram_schmidt(A, b):
    Q = A.copy()
    R = np.zeros((3, 3))
    for j in range(3):
        q = Q[:, j]
        for k in range(j):
            R[k, j] = Q[:, k] @ q
            q -= R[k, j] * Q[:, k]
        R[j, j] = np.sqrt((q * q).sum())
        q /= R[j, j]
    x = Q.T @ b
    for i in range(2, -1, -1):
        x[i] -= R[i, i + 1 :] @ x[i + 1 :]
        x[i] /= R[i, i]
    return x @ x + R[0, 1]


# Givens rotations make a matrix triangular in place.
@case(lambda rng: (matrix(rng, 3) + 0.4,))
def givens_rotations(A):
    for j in range(2):
        for i in range(2, j, -1):
            r = math.hypot(A[i - 1, j], A[i, j])
            c, s = A[i - 1, j] / r, A[i, j] / r
            upper = c * A[i - 1] + s * A[i]
            A[i] = c * A[i] - s * A[i - 1]
            A[i - 1] = upper
    return A[0, 0] * A[1, 1] - A[2, 2] + (A[0] * A[1]).sum()


# Jacobi's rotations of a symmetric matrix: the largest eigenvalue after two sweeps.
@case(lambda rng: (near(rng, [3.0, 0.6, 0.4], [0.6, 1.5, 0.3], [0.4, 0.3, 0.7]),))
def jacobi_eigenvalue(A):
    A = 0.5 * (A + A.T)
    for _ in range(3):
        for p in range(2):
            for q in range(p + 1, 3):
                theta = 0.5 * np.arctan2(2.0 * A[p, q], A[p, p] - A[q, q])
                J = np.eye(3)
                J[p, p] = J[q, q] = np.cos(theta)
                J[p, q] = -np.sin(theta)
                J[q, p] = np.sin(theta)
                A = J.T @ A @ J
    return A[0, 0] - 0.5 * A[2, 2]


# Conjugate gradients with a test on the residual.
@case(lambda rng: (definite(rng, 4), rng.normal(size=4)), argnums=(0, 1))
def conjugate_gradients(A, b):
    x = np.zeros(4)
    r = b - A @ x
    p = r.copy()
    rs = r @ r
    for _ in range(3):
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x += alpha * p
        r -= alpha * Ap
        new = r @ r
        p = r + new / rs * p
        rs = new
    return x @ b + rs


@case(lambda rng: (rng.normal(size=6), rng.uniform(0.5, 1.2)), argnums=(0, 1))
def horner(c, x):
    p = 0.0
    for a in c[::-1]:
        p = p * x + a
    slope = 0.0
    for k in range(len(c) - 1, 0, -1):
        slope = slope * x + k * c[k]
    return p * slope


@case(lambda rng: (rng.normal(size=6), rng.uniform(-0.9, 0.9)), argnums=(0, 1))
def clenshaw(c, x):
    b1 = b2 = 0.0
    for k in range(len(c) - 1, 0, -1):
        b1, b2 = c[k] + 2.0 * x * b1 - b2, b1
    return (c[0] + x * b1 - b2) ** 2


# Legendre polynomials by recurrence, all points of a quadrature at once.
@case(lambda rng: (rng.normal(size=4),))
def legendre_projection(c):
    x = np.linspace(-0.9, 0.9, 7)
    older, old = np.ones(7), x
    f = c[0] * older + c[1] * old
    for n in range(1, 3):
        older, old = old, ((2 * n + 1) * x * old - n * older) / (n + 1)
        f += c[n + 1] * old
    return (np.exp(-f) * (1.0 - x * x)).mean()


# Prefix sums by doubling: each pass shifts by twice the distance.
@case(lambda rng: (rng.normal(size=8),))
def prefix_sums_by_doubling(x):
    y = x.copy()
    shift = 1
    while shift < 8:
        z = y.copy()
        z[shift:] += y[:-shift]
        y = z
        shift *= 2
    return (y * y).sum() + (y * np.cumsum(x)).sum()


# Levinson's recursion for a Toeplitz system.
@case(lambda rng: (near(rng, 4.0, 1.0, 0.6, 0.3), rng.normal(size=4)), argnums=(0, 1))
def levinson(r, b):
    n = len(r)
    a = np.zeros(n)
    x = np.zeros(n)
    a[0] = 1.0
    err = r[0]
    x[0] = b[0] / r[0]
    for m in range(1, n):
        k = 0.0
        for i in range(m):
            k -= a[i] * r[m - i]
        k /= err
        for i in range(m // 2 + 1):
            left, right = a[i], a[m - i]
            a[i] = left + k * right
            if i != m - i:
                a[m - i] = right + k * left
        err *= 1.0 - k * k
        gap = b[m]
        for i in range(m):
            gap -= x[i] * r[m - i]
        for i in range(m + 1):
            x[i] += gap / err * a[m - i]
    return x @ x


# Durbin's recursion (PolyBench): a work array and the solution grow together.
@case(lambda rng: (near(rng, 0.5, 0.2, -0.3, 0.1),))
def durbin(r):
    n = len(r)
    y = np.empty_like(r)
    y[0] = -r[0]
    alpha, beta = -r[0], 1.0
    for k in range(1, n):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return (y * np.arange(1.0, n + 1)).sum() ** 2


# Sparse rows: a CSR product repeated, scaled by its own norm.
@case(lambda rng: (positive(rng, 7), positive(rng, 4)), argnums=(0, 1))
def sparse_power_method(data, v):
    ptr = np.array([0, 2, 4, 6, 7])
    col = np.array([0, 1, 1, 2, 0, 3, 2])
    for _ in range(3):
        w = np.zeros(4)
        for i in range(4):
            s = 0.0
            for k in range(ptr[i], ptr[i + 1]):
                s += data[k] * v[col[k]]
            w[i] = s + 0.1 * v[i]
        v = w / np.sqrt(w @ w)
    return v[0] * v[2] + v[3]


# Adaptive Simpson with a stack of intervals instead of recursion.
@case(lambda rng: (near(rng, 1.4)[0], near(rng, 2.3)[0]), argnums=(0, 1))
def adaptive_simpson(a, width):
    def f(t):
        return math.exp(-t * t) * math.cos(a * t)

    total = 0.0
    lows = [0.0]
    highs = [width]
    while len(lows) > 0:
        lo = lows.pop()
        hi = highs.pop()
        mid = 0.5 * (lo + hi)
        whole = (hi - lo) / 6.0 * (f(lo) + 4.0 * f(mid) + f(hi))
        q1, q3 = 0.5 * (lo + mid), 0.5 * (mid + hi)
        left = (mid - lo) / 6.0 * (f(lo) + 4.0 * f(q1) + f(mid))
        right = (hi - mid) / 6.0 * (f(mid) + 4.0 * f(q3) + f(hi))
        if abs(left + right - whole) < 1e-3:
            total += left + right
        else:
            lows.append(lo)
            highs.append(mid)
            lows.append(mid)
            highs.append(hi)
    return total


# Romberg's triangle, each row a little shorter.
@case(lambda rng: (near(rng, 0.8)[0],))
def romberg(p):
    R = np.zeros((4, 4))
    for k in range(4):
        n = 2**k
        h = 1.0 / n
        s = 0.5 * (1.0 + math.exp(-p))
        for i in range(1, n):
            s += math.exp(-p * (i * h) ** 2)
        R[k, 0] = h * s
        for j in range(1, k + 1):
            R[k, j] = R[k, j - 1] + (R[k, j - 1] - R[k - 1, j - 1]) / (4**j - 1)
    return R[3, 3]


# A natural cubic spline: second derivatives by elimination, then evaluation.
@case(lambda rng: (rng.normal(size=6), near(rng, 0.4, 2.5, 4.3)), argnums=(0, 1))
def cubic_spline(y, at):
    n = len(y)
    m = np.zeros(n)
    u = np.zeros(n)
    for i in range(1, n - 1):
        p = 0.5 * m[i - 1] + 2.0
        m[i] = -0.5 / p
        u[i] = (3.0 * (y[i + 1] - 2.0 * y[i] + y[i - 1]) - 0.5 * u[i - 1]) / p
    m[n - 1] = 0.0
    for i in range(n - 2, -1, -1):
        m[i] = m[i] * m[i + 1] + u[i]
    s = 0.0
    for t in at:
        k = int(t)
        a = k + 1 - t
        b = t - k
        bend = (a**3 - a) * m[k] + (b**3 - b) * m[k + 1]
        s += (a * y[k] + b * y[k + 1] + bend / 6.0) ** 2
    return s


# Divided differences in place, from the end; then nested multiplication.
@case(
    lambda rng: (spread(rng, 5, low=0.0, high=5.0), rng.normal(size=5)),
    argnums=(0, 1),
)
def newton_interpolation(x, y):
    n = len(x)
    c = y.copy()
    for k in range(1, n):
        for i in range(n - 1, k - 1, -1):
            c[i] = (c[i] - c[i - 1]) / (x[i] - x[i - k])
    at = 2.2
    p = c[n - 1]
    for i in range(n - 2, -1, -1):
        p = p * (at - x[i]) + c[i]
    return p


# Floyd-Warshall in place: the middle node's row and column are read and written.
@case(
    lambda rng: (
        near(rng, [0.5, 1.0, 5.0], [2.5, 0.5, 1.5], [4.0, 7.0, 0.5], noise=0.1),
    )
)
def all_shortest_paths(D):
    n = len(D)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if i != j:
                    D[i, j] = min(D[i, j], D[i, k] + D[k, j])
    return (D * D).sum()


# Seidel and Jacobi smoothing, residual, coarse grid: one cycle of multigrid.
@case(lambda rng: (rng.normal(size=9),))
def two_grid_cycle(f):
    u = np.zeros(9)
    for _ in range(2):
        for i in range(1, 8):
            u[i] = 0.5 * (u[i - 1] + u[i + 1] + f[i])
    r = np.zeros(9)
    r[1:-1] = f[1:-1] - 2.0 * u[1:-1] + u[:-2] + u[2:]
    rc = np.zeros(5)
    rc[1:-1] = r[1:7:2] + 2.0 * r[2:8:2] + r[3:9:2]
    e = np.zeros(5)
    for _ in range(3):
        e[1:-1] = 0.5 * (e[:-2] + e[2:] + rc[1:-1])
    u[::2] += e
    u[1::2] += 0.5 * (e[:-1] + e[1:])
    return (u * u).sum() + u[4]
