"""Complex numbers inside of functions of real numbers, and their parts."""

import cmath
import math

import numpy as np
import scipy.fft
import scipy.linalg

from tests.cases import case
from tests.cases.inputs import away


# complex intermediates with a real loss.
@case(lambda rng: (rng.normal(size=4),))
def complex_intermediates(x):
    z = x[:2] + 1j * x[2:]
    w = np.exp(z) * (1.0 - 2.0j)
    return (w * np.conj(w)).real.sum() + abs(z[0]) ** 2


# The discrete Fourier transform by hand.
@case(lambda rng: (rng.normal(size=5),))
def fourier_power(x):
    n = len(x)
    power = 0.0
    for k in range(n):
        c = 0.0 + 0.0j
        for t in range(n):
            c += x[t] * np.exp(-2j * np.pi * k * t / n)
        power += k * (c.real**2 + c.imag**2)
    return power


# Conjugates, parts and sizes, by attribute, method and function.
@case(lambda rng: (away(rng, 4), away(rng, 4)), argnums=(0, 1))
def parts_and_conjugates(x, y):
    z = x + 1j * y
    a = z.conj() * z + z.conjugate() ** 2 + np.conj(z) * np.conjugate(z * z)
    s = a.real.sum() - (2 * a.imag).sum() + np.abs(z[1]) + abs(z[2] * 1j)
    s = s + np.real(z * z).max() + np.imag(z**3).min() + np.angle(z).sum()
    s = s + np.absolute(z - 2).mean() + (np.angle(z, deg=True) * x).sum()
    return s + (x.real * y.conj()).sum() + x.imag.sum() + np.angle(y[0] ** 2)


# Functions of complex numbers, and of Python's own through cmath.
@case(lambda rng: (away(rng, 3), away(rng, 3)), argnums=(0, 1))
def complex_functions(x, y):
    z = x + 1j * y
    a = np.exp(z) + np.log(z) * np.sqrt(z) - np.sin(z) / np.cosh(z)
    b = np.cos(z) * np.sinh(z) + np.tan(z) - np.tanh(z) + np.log10(z)
    c = np.arcsin(z) + np.arccos(2 * z) * np.arctan(z) + np.arcsinh(z)
    d = np.arccosh(z) - np.arctanh(z) + np.square(z) * np.reciprocal(z + 3)
    e = z**2.5 + z**-1 + z ** (1 + 0.5j) + 2.0**z + (x * x) ** z + z**x
    return np.abs(a * b - c / d + e).sum() + (a / (1 + b)).imag.sum() - c.real.sum()


@case(lambda rng: (rng.uniform(0.3, 1.2), rng.uniform(0.3, 1.2)), argnums=(0, 1))
def complex_numbers_of_python(a, b):
    z = complex(a, -b) / (2.0 + 1j)
    w = cmath.exp(z) + cmath.sqrt(a - 4 * b * b) * cmath.log(z) - cmath.sin(1j * z)
    w -= cmath.rect(a, b) ** 2 * cmath.acosh(z) / cmath.asin(2 + a)
    r, phi = cmath.polar(w)
    s = r + phi * cmath.phase(z) + abs(w.conjugate() + complex(3)) + (-1j * w).real
    if w == z or cmath.isnan(w):
        return 0.0
    return s + math.atan2(z.imag, z.real) + complex(a).real + (w * w.conjugate()).real


# A quadratic whose roots are real or not.
@case(lambda rng: (rng.uniform(0.5, 1), rng.normal(), rng.uniform(1, 2)),
      argnums=(0, 1, 2))  # fmt: skip
def roots_of_quadratic(a, b, c):
    d = cmath.sqrt(b * b - 4 * a * c)
    z = (-b + d) / (2 * a)
    return abs(z) + z.real * (z * z).imag


# Writes into complex arrays, real ones into them too; parts of them are views.
@case(lambda rng: (rng.normal(size=6),))
def writes_of_complex(x):
    z = np.zeros(6, dtype=complex)
    z[:3] = x[3:]
    z[3] = 1j * x[0]
    re, im = z.real, z.imag
    for k in range(1, 6):
        z[k] += z[k - 1] * (x[k] - 0.5j)
        z[k] *= 1j
    z[::2] -= x[0] * np.conj(z[1::2])
    w = np.empty((2, 3), complex)
    w[0], w[1] = z[:3], 2.5
    w[1, 1:] = x[:2]
    w += 1j
    total = (re * re - im * x).sum() + (z * w.T.ravel()).imag.sum()
    return total + np.abs(w).sum()


# Sums, products and pieces of complex arrays.
@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))), argnums=(0, 1))
def reductions_of_complex(x, y):
    z = x + 1j * y
    s = np.sum(z) * z.mean() + np.prod(z, axis=1).sum() + z.sum(axis=0, keepdims=True)
    s = s + np.mean(z, axis=(0, 1)) - np.cumsum(z, axis=1)[:, 2].sum() * z[0].prod()
    s = s + np.cumprod(z[0])[-2:].mean() + z.cumsum()[-3]
    w = np.concatenate([z, np.conj(z)[:1]]) * np.stack([z[0]] * 4, axis=0)
    w = np.where(np.abs(w) > 0.5, w, 2 * x[0]) + np.roll(w, 1, axis=1)[::-1]
    pieces = np.hstack([w[:, :2], w[:, 2:]]).T.reshape(2, 8).repeat(2, axis=0)
    t = np.triu(z @ w.T) + np.diag(z[1, :3]) @ np.ones((3, 4))
    return np.abs(s).sum() + pieces.real.sum() - (pieces[1] ** 2).imag.sum() + np.abs(
        t + np.full((3, 4), z[0, 0])).sum()  # fmt: skip


# Products of vectors and matrices: only vdot conjugates.
@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))), argnums=(0, 1))
def products_of_complex(x, y):
    A = x + 1j * y
    v, w = A[0], np.conj(A[1]) * 2
    s = v @ w + np.dot(v, A[2]) + np.vdot(v, w) * np.inner(v, v) + np.vdot(A, A.T)
    s = s + (x @ v).sum() * (v @ y)[0] + np.trace(A @ A.conj().T @ y)
    B = np.outer(v, w) + A @ A + np.kron(A[:2, :2], x[:2, :2])[:3, :3]
    C = np.stack([A, B, A * B]) @ A
    return (
        np.abs(s)
        + (B * A).real.sum()
        + np.abs(C).sum()
        + (x.dot(A) - A.dot(y)).imag.sum()
    )


# Linear systems of complex numbers.
@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))), argnums=(0, 1))
def systems_of_complex(x, y):
    A = x + 1j * y + 3 * np.eye(3)
    v = np.linalg.solve(A, x[0] - 1j * y[:, 1])
    W = np.linalg.solve(A, y.astype(complex)) + np.linalg.inv(A)
    return np.abs(v).sum() + (W * W).imag.sum() + np.abs(np.linalg.det(A)) + abs(
        np.linalg.det(x + 1j))  # fmt: skip


# complex64 stays what it is.
@case(lambda rng: (rng.normal(size=4).astype(np.float32),), rtol=1e-5)
def complex_in_single_precision(x):
    z = x * np.complex64(1 - 2j) + np.zeros(4, np.complex64)
    w = (z * 2j + 1.5).astype(np.complex64) ** 2 * np.exp(1j * x)
    a = np.abs(w).sum() + w.real.sum() * x[0] + (np.conj(w) @ z).imag
    return a + np.float32(abs(w[1]) + (w[0] * z[2]).real)


# A loop over lists and numbers that become complex, left early.
@case(lambda rng: (rng.uniform(0.1, 0.4), rng.uniform(0.1, 0.4)), argnums=(0, 1))
def mandelbrot_orbit(a, b):
    c, z = complex(a, b), 0
    seen = []
    for _ in range(20):
        z = z * z + c
        if abs(z) > 1.2:
            break
        seen.append(z * (1 + 1j))
    total = 0.0
    for k in range(len(seen)):
        total += abs(seen[k]) ** 2 * (k + 1)
    return total + z.real


# Transfer of layers: products of small matrices of phases.
@case(lambda rng: (rng.uniform(1.2, 2.5, 4), rng.uniform(0.1, 0.6, 4)), argnums=(0, 1))
def reflectance_of_layers(n, d):
    k0, M = 2 * np.pi / 0.55, np.eye(2, dtype=complex)
    for j in range(len(n)):
        delta = k0 * n[j] * d[j] * (1 - 0.01j)
        layer = np.array([
            [np.cos(delta), 1j * np.sin(delta) / n[j]],
            [1j * n[j] * np.sin(delta), np.cos(delta)],
        ])  # fmt: skip
        M = M @ layer
    B, C = M[0, 0] + 1.5 * M[0, 1], M[1, 0] + 1.5 * M[1, 1]
    r = (B - C) / (B + C)
    return np.abs(r) ** 2 + 0.1 * np.angle(r)


# An impedance of a circuit over frequencies, with a fit in decibels.
@case(lambda rng: (rng.uniform(0.5, 2, 3), np.linspace(0.1, 3, 7)))
def impedance_spectrum(p, w):
    r, c, h = p
    z = r + 1j * w * h + 1 / (1j * w * c + 0.2)
    gain = 20 * np.log10(np.abs(1 / z))
    return np.mean((gain + 3) ** 2) + np.sum(np.angle(z) ** 2)


# Steepest phases: a Schroedinger step in real space.
@case(lambda rng: (rng.normal(size=9) * 0.3,))
def wave_packet(v):
    x = np.linspace(-2, 2, 9)
    psi = np.exp(-x * x + 2j * x)
    h = 0.02
    for _ in range(5):
        lap = np.zeros_like(psi)
        lap[1:-1] = psi[2:] - 2 * psi[1:-1] + psi[:-2]
        psi = psi - 1j * h * (-0.5 * lap / 0.25 + v * psi)
        psi = psi / np.sqrt(np.sum(np.abs(psi) ** 2))
    return np.sum(x * np.abs(psi) ** 2) + np.vdot(psi, v * psi).real


# Fourier transforms in every spelling; their results are real by `abs` and `irfft`.
@case(lambda rng: (rng.normal(size=12), rng.normal(size=12)), argnums=(0, 1))
def fourier_transforms(x, y):
    z = x + 1j * y
    f, g = np.fft.fft(x), np.fft.ifft(z * 2, norm="ortho")
    s = (np.abs(f) ** 2).sum() + np.abs(g - f).sum() + np.fft.fft(z, 7)[2].imag
    s = s + np.abs(np.fft.fft(z, 15, norm="forward")).sum() - np.fft.ifft(y, 5).real[1]
    h = np.fft.rfft(x * y)
    k = np.fft.rfftfreq(len(x), d=0.5)
    s = s + (np.fft.irfft(1j * k * h) * x).sum() + np.abs(np.fft.rfft(x, 9, 0)).sum()
    s = (
        s
        + (np.fft.irfft(h * h, 13) ** 2).sum()
        + np.fft.irfft(z[:4], 8, norm="ortho")[3]
    )
    shifted = np.fft.fftshift(f) * np.fft.fftfreq(12, 0.1)
    return s + np.abs(np.fft.ifftshift(shifted + g)[3:]).sum() + np.fft.ifft(f).real[0]


# Several axes.
@case(lambda rng: (rng.normal(size=(3, 4, 5)),))
def fourier_of_axes(x):
    f, g = np.fft.fft(x, axis=1), np.fft.fft2(x, norm="ortho")
    s = np.abs(f[1]).sum() + np.abs(g).sum() + np.fft.ifft2(g * f).imag.sum()
    h, w = np.fft.rfft2(x[0]), np.fft.rfftn(x, axes=(2, 0))
    s = s + (np.fft.irfft2(h * h, s=(4, 5), axes=(0, 1)) ** 2).sum() + np.abs(w).sum()
    n = np.fft.fftn(x) * np.fft.ifftn(x, s=(3, 4), axes=(0, 1))
    s = s + np.abs(np.fft.fftshift(n, axes=(0, 2))[0]).sum() + np.abs(
        np.fft.irfftn(w, axes=(2, 0))).sum()  # fmt: skip
    return s + np.fft.irfft(np.fft.rfft(x, axis=0), 3, axis=0)[1].prod()


# SciPy's transforms of one axis, and single precision.
@case(lambda rng: (rng.normal(size=11).astype(np.float32),), rtol=1e-5)
def fourier_in_single_precision(x):
    f = scipy.fft.rfft(x * x) + np.fft.rfft(x)
    g = scipy.fft.ifft(scipy.fft.fft(x, 16) * x[0]) + np.fft.fft(x, 16)
    return np.abs(f).sum() + (scipy.fft.irfft(f, n=11) * x).sum() + np.abs(g).sum()


# Deconvolution by Wiener's filter, with a penalty on the spectrum.
@case(lambda rng: (rng.normal(size=16), rng.uniform(0.5, 1, 5), 0.1), argnums=(0, 1, 2))
def wiener_filter(signal, kernel, noise):
    n = len(signal)
    H = np.fft.rfft(kernel, n)
    G = np.conj(H) / (np.abs(H) ** 2 + noise)
    found = np.fft.irfft(G * np.fft.rfft(signal), n)
    power = np.abs(np.fft.rfft(found)) ** 2
    return np.mean((found - np.roll(signal, 2)) ** 2) + np.log(power + 1).mean()


# A spectral step of Burgers' equation, four of them.
@case(lambda rng: (rng.normal(size=16) * 0.3, 0.05), argnums=(0, 1))
def spectral_burgers(u, nu):
    n, dt = u.size, 0.02
    k = np.fft.fftfreq(n, 1.0 / n)
    for _ in range(4):
        v = np.fft.fft(u)
        ux = np.real(np.fft.ifft(1j * k * v))
        uxx = np.real(np.fft.ifft(-(k**2) * v))
        u = u + dt * (nu * uxx - u * ux)
    return np.sum(u**2) + np.abs(np.fft.fft(u)[3])


# A column alone is conjugated for a row; an axis named twice keeps its length.
@case(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), argnums=(0, 1))
def conjugated_rows_and_axes_twice(x, y):
    t = scipy.linalg.toeplitz(x[0] + 1j * y[0])
    w = np.fft.rfftn(x, axes=(1, -1)) * (2 - 1j)
    return (t * t).imag[1:, 0].sum() + np.abs(t * y[1]).sum() + (w**2).imag.sum()


# Contractions: nothing is conjugated but by name.
@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))), argnums=(0, 1))
def contractions_of_complex(x, y):
    Z = x + 1j * y
    v, S = Z[0], np.stack([Z, 2j * Z[::-1]])
    s = np.einsum("ij,kj->ik", Z, y)[1].sum() + np.einsum("ij,j,i", Z, v, x[:, 0])
    s = s + np.einsum("...ij,kj->...k", S, Z.conj(), optimize=True).sum()
    s = s + np.tensordot(S, Z, axes=([1, 2], [0, 1])).sum() + np.kron(v, x[0]).prod()
    s = s + np.linalg.multi_dot([Z, Z.T, Z])[0, 1] + np.matvec(S, v)[1].sum()
    s = s + (np.vecmat(Z[:, 1], Z) * np.vecdot(Z, y[1])[0]).sum()
    s = s + (np.cross(Z[:, :3], x[0, 1:]) * np.cross(v[1:], Z[1, :3])).sum()
    windows = np.lib.stride_tricks.sliding_window_view(v, 2)
    s = s + np.trapezoid(Z, x[0], axis=1)[1] * np.gradient(v)[1] + windows.prod()
    return np.abs(s) + s.real


# Filters: correlate conjugates its second operand.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), rng.normal(size=3)),
      argnums=(0, 1, 2))  # fmt: skip
def filters_of_complex(x, y, taps):
    z, w = x + 1j * y, taps * (1 - 2j)
    s = np.convolve(z, taps, "same")[1:] * np.correlate(z, w, "full")[3:]
    s = s[:3] + np.correlate(w, z) [:3] + np.convolve(w, z)[2:5]
    t = np.correlate(taps, z * z, "same") + np.correlate(x, y * 1j, "same")
    return np.abs(s).sum() + (t * t.conj()).real.sum() - t.imag[2]


# Norms and statistics are real; means, covariances and correlations are not.
@case(lambda rng: (away(rng, 3, 4), away(rng, 3, 4)), argnums=(0, 1))
def norms_and_spreads_of_complex(x, y):
    Z = x + 1j * y
    v, norm = Z[1], np.linalg.norm
    s = norm(v) + norm(Z, axis=1).prod() + norm(Z, "fro") + scipy.linalg.norm(Z)
    s = s + norm(v, 1) - norm(v, np.inf) + norm(v, -np.inf) + norm(v, 3)
    s = s + norm(Z, 1, axis=0, keepdims=True)[0, 2] + norm(v, 0) + norm(v * 0)
    s = s + norm(Z, 2) * norm(Z, "nuc") + norm(Z, 1) - norm(Z, -np.inf)
    s = s + np.var(v) + Z.std(axis=1, ddof=1).sum() + np.nanvar(Z, axis=0)[1]
    c = np.cov(Z) + np.corrcoef(Z, x[:, ::-1] + 1)[2:5, 1:4]
    c = c + np.average(Z, axis=1, weights=x[0] ** 2)
    return s + np.abs(c).sum() + np.linalg.cond(Z[:, :3])


# Determinants, systems and least squares.
@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(4, 3))), argnums=(0, 1))
def least_squares_of_complex(x, y):
    Z = x + 1j * y
    A, b = Z[:3] + 2 * np.eye(3), Z[:, 0] * 1j + y[:, 1]
    sign, size = np.linalg.slogdet(A)
    s = size + sign.real * 2 - sign.imag + np.abs(np.linalg.det(np.stack([A, A.T]))[1])
    found, left, rank, values = np.linalg.lstsq(Z[:, :2], b)
    s = s + np.abs(found).sum() + left[0] * rank + values[1]
    P = np.linalg.pinv(Z) @ x + np.linalg.pinv(A @ A.conj().T, hermitian=True)
    T = scipy.linalg.solve_triangular(A, b[:3], trans="C", lower=True)
    s = s + np.abs(P).sum() + np.abs(T).sum() + np.linalg.matrix_power(A, -3)[0, 1].real
    factor = scipy.linalg.cho_factor(A @ A.conj().T + np.eye(3), lower=True)
    return s + np.abs(scipy.linalg.cho_solve(factor, b[1:])).sum()


# Hermitian matrices; of eigenvectors only what no phase changes.
@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))), argnums=(0, 1))
def hermitian_decompositions(x, y):
    Z = x + 1j * y
    H = Z + Z.conj().T + np.diag(np.arange(3.0)) * 3
    w, v = np.linalg.eigh(H)
    s = np.abs(v[0]) ** 2 @ np.sin(w) + np.abs(v.conj().T @ Z @ v).sum()
    s = s + np.linalg.eigvalsh(Z + 4 * np.diag(np.arange(3.0)), "U") @ np.arange(3.0)
    L = np.linalg.cholesky(Z @ Z.conj().T + np.eye(3))
    U = scipy.linalg.cholesky(H @ H + np.eye(3))
    q, r = np.linalg.qr(Z[:, :2] * 1j)
    s = s + (L * U).real.sum() + np.abs(L - x).sum() + (q * y[:, :2]).imag.sum()
    s = s + r.real.sum() + np.linalg.qr(Z[:2], mode="r")[0].imag.prod()
    u, d, vh = np.linalg.svd(H, hermitian=True)
    s = s + np.abs((u * d**2) @ vh).sum() + np.linalg.svdvals(Z[:, :2]).prod()
    return s + np.linalg.svd(np.stack([Z, H]), compute_uv=False)[:, 1].sum()


# Eigenvalues of complex matrices, and the exponential.
@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 3))), argnums=(0, 1))
def spectra_of_complex(x, y):
    Z = x + 1j * y
    w, v = np.linalg.eig(Z)
    s = np.abs(np.linalg.eigvals(Z @ Z)) ** 2 @ np.arange(3.0) + np.max(w.real)
    U = scipy.linalg.expm(1j * (Z + Z.conj().T)) @ scipy.linalg.expm(0.3 * Z)
    return s + (np.abs(v) ** 2 @ np.abs(w)).prod() + np.abs(U @ x[0])[1]


# A real matrix may turn: its eigenvalues are complex then, in this call they are.
@case(lambda rng: (np.array([[0.1, 1.3, 0.2], [-1.1, 0.3, 0.4], [0.3, 0.1, 2.0]])
                   + rng.normal(size=(3, 3)) * 0.05,))  # fmt: skip
def spectra_that_turn(a):
    w = np.linalg.eigvals(a.astype(complex))
    damping = -w.real / np.abs(w)
    return np.max(w.real) + np.sum(np.abs(w.imag)) + np.sum(damping**2)


# What else NumPy computes of complex numbers, one by one.
@case(lambda rng: (away(rng, 4), away(rng, 4)), argnums=(0, 1))
def elements_of_complex(x, y):
    z = x + 1j * y
    s = np.exp2(z) + np.log2(z) - np.log1p(z) * np.expm1(z * 0.5) + np.float_power(z, 2)
    s = s * np.isreal(x + 0j) + np.iscomplex(z) + np.isclose(z, z + 1e-12)
    s = s + np.polyval(z, x) - np.polyval(x, z[0]) + np.vander(z, 3)[:, 0]
    s = s + np.vander(x + 0j, increasing=True)[:, 2] + np.count_nonzero(z) - np.all(z)
    t = np.real_if_close(z * z.conj()) + np.any(z) + np.real_if_close(x)
    if np.iscomplexobj(t) or np.isrealobj(z):
        return 0.0
    return np.abs(s).sum() + t.max() + np.polymul(z, x)[2].imag
