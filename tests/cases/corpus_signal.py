"""Signal processing as textbooks print it: filters, transforms, pitch, sound."""

import math
from math import cos, pi, sin, sqrt

import numpy as np

from tests.cases import case
from tests.cases.inputs import near


# Goertzel's recurrence for the powers of a few tones, as in a decoder of dial tones.
def goertzel(samples, sample_rate, freq):
    n = len(samples)
    k = int(0.5 + (n * freq) / sample_rate)
    w = (2.0 * math.pi / n) * k
    coeff = 2.0 * math.cos(w)
    s_prev = 0.0
    s_prev2 = 0.0
    for x in samples:
        s = x + coeff * s_prev - s_prev2
        s_prev2 = s_prev
        s_prev = s
    return s_prev2 ** 2 + s_prev ** 2 - coeff * s_prev * s_prev2


@case(lambda rng: (rng.normal(size=16),))
def dial_tone_powers(samples, sample_rate=8000):
    """Return how far the strongest low tone stands above the others."""
    low = [697, 770, 852, 941]
    powers = []
    for f in low:
        powers.append(goertzel(samples, sample_rate, f))
    total = 0.0
    best = None
    for i, p in enumerate(powers):
        total += p
        if best is None or p > powers[best]:
            best = i
    return 10.0 * math.log10(powers[best] / (total / len(powers)))


# The cookbook's peaking equaliser and its filter, transposed direct form II.
@case(
    lambda rng: (rng.normal(size=9), 1000.0, 6.0, 0.9), argnums=(0, 1, 2, 3), long=True
)
def peaking_equaliser(x, f0, gain_db, Q, fs=48000.0):
    A = 10 ** (gain_db / 40.0)
    w0 = 2 * pi * f0 / fs
    alpha = sin(w0) / (2 * Q)
    b0 = 1 + alpha * A
    b1 = -2 * cos(w0)
    b2 = 1 - alpha * A
    a0 = 1 + alpha / A
    a1 = -2 * cos(w0)
    a2 = 1 - alpha / A
    b = np.array([b0, b1, b2]) / a0
    a = np.array([a0, a1, a2]) / a0
    y = np.zeros(len(x))
    z1 = z2 = 0.0
    for n in range(len(x)):
        y[n] = b[0] * x[n] + z1
        z1 = b[1] * x[n] - a[1] * y[n] + z2
        z2 = b[2] * x[n] - a[2] * y[n]
    rms = np.sqrt(np.mean(y ** 2))
    return 20 * np.log10(rms)


# Decimation-in-time FFT on two real arrays, in place, with bit reversal.
@case(lambda rng: (rng.normal(size=8), rng.normal(size=8)), argnums=(0, 1), long=True)
def radix_two_spectrum(re, im):
    n = len(re)
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            re[i], re[j] = re[j], re[i]
            im[i], im[j] = im[j], im[i]
    length = 2
    while length <= n:
        ang = -2.0 * math.pi / length
        wr, wi = math.cos(ang), math.sin(ang)
        for i in range(0, n, length):
            cr, ci = 1.0, 0.0
            for k in range(length // 2):
                ur, ui = re[i + k], im[i + k]
                h = i + k + length // 2
                vr = re[h] * cr - im[h] * ci
                vi = re[h] * ci + im[h] * cr
                re[i + k] = ur + vr
                im[i + k] = ui + vi
                re[h] = ur - vr
                im[h] = ui - vi
                cr, ci = cr * wr - ci * wi, cr * wi + ci * wr
        length <<= 1
    power = re * re + im * im
    freqs = np.arange(n // 2)
    return np.sum(freqs * power[: n // 2]) / np.sum(power[: n // 2])


# Linear prediction: window, autocorrelation, Levinson-Durbin, spectral envelope.
@case(lambda rng: (rng.normal(size=12),), long=True)
def linear_prediction(signal, order=3):
    N = len(signal)
    n = np.arange(N)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * n / (N - 1))
    x = signal * window
    r = np.zeros(order + 1)
    for lag in range(order + 1):
        r[lag] = np.sum(x[: N - lag] * x[lag:])
    a = np.zeros(order + 1)
    a[0] = 1.0
    err = r[0]
    k = np.zeros(order)
    for i in range(order):
        acc = r[i + 1]
        for j in range(1, i + 1):
            acc = acc + a[j] * r[i + 1 - j]
        k[i] = -acc / err
        a_old = a.copy()
        for j in range(1, i + 1):
            a[j] = a_old[j] + k[i] * a_old[i + 1 - j]
        a[i + 1] = k[i]
        err *= 1.0 - k[i] ** 2
    # the envelope at a few frequencies
    level = 0.0
    for w in np.linspace(0.1, 3.0, 4):
        re = sum([a[m] * math.cos(m * w) for m in range(order + 1)])
        im = sum([-a[m] * math.sin(m * w) for m in range(order + 1)])
        level += 10 * math.log10(err / (re * re + im * im))
    return level / 4


def bessel_i0(x):
    """Modified Bessel function of order zero by its series."""
    s = 1.0
    term = 1.0
    k = 1
    while True:
        term *= (x / (2.0 * k)) ** 2
        s += term
        if term < 1e-16 * s:
            break
        k += 1
    return s


# Windowed-sinc low pass with Kaiser's window, and what it lets through.
@case(
    lambda rng: (rng.uniform(0.15, 0.25), 5.0, rng.normal(size=14)),
    argnums=(0, 1, 2),
    long=True,
)
def kaiser_low_pass(cutoff, beta, x, taps=7):
    M = taps - 1
    h = np.empty(taps)
    for n in range(taps):
        m = n - M / 2
        if m == 0:
            ideal = 2 * cutoff
        else:
            ideal = math.sin(2 * math.pi * cutoff * m) / (math.pi * m)
        r = 2.0 * n / M - 1.0
        h[n] = ideal * bessel_i0(beta * math.sqrt(1 - r * r)) / bessel_i0(beta)
    h /= h.sum()
    out = np.zeros(len(x) + taps - 1)
    for n in range(len(x)):
        out[n : n + taps] += x[n] * h
    kept = out[M // 2 : M // 2 + len(x)]
    return np.dot(kept, kept) / np.dot(x, x)


# YIN: difference function, cumulative mean, threshold, parabolic refinement.
@case(lambda rng: (
    np.sin(2 * np.pi * np.arange(40) / 7.3) + 0.02 * rng.normal(size=40),
), long=True)
def pitch_by_yin(x, fs=8000.0, threshold=0.3):
    W = len(x) // 2
    d = np.zeros(W)
    for tau in range(1, W):
        for j in range(W):
            delta = x[j] - x[j + tau]
            d[tau] += delta * delta
    cmnd = np.ones(W)
    running = 0.0
    for tau in range(1, W):
        running += d[tau]
        cmnd[tau] = d[tau] * tau / running
    tau = 2
    while tau < W - 1:
        if cmnd[tau] < threshold:
            while tau + 1 < W and cmnd[tau + 1] < cmnd[tau]:
                tau += 1
            break
        tau += 1
    if tau == W - 1 or cmnd[tau] >= threshold:
        return 0.0
    s0, s1, s2 = cmnd[tau - 1], cmnd[tau], cmnd[tau + 1]
    better = tau + (s2 - s0) / (2 * (2 * s1 - s2 - s0))
    return fs / better


# A plucked string: a delay line that is a ring buffer, with a fractional tuning filter.
@case(lambda rng: (rng.uniform(-1, 1, size=5), 0.97, 0.3), argnums=(0, 1, 2), long=True)
def plucked_string(burst, decay, tuning, length=18):
    buf = np.array(burst)
    N = buf.shape[0]
    out = []
    ptr = 0
    last_in = last_out = 0.0
    for i in range(length):
        cur = buf[ptr]
        nxt = buf[(ptr + 1) % N]
        v = decay * 0.5 * (cur + nxt)
        ap = tuning * v + last_in - tuning * last_out
        last_in, last_out = v, ap
        buf[ptr] = ap
        ptr = (ptr + 1) % N
        out.append(cur)
    y = np.array(out)
    env = np.exp(-np.arange(length) / 9.0)
    return ((y - env) ** 2).sum()


# Recursive least squares with a forgetting factor.
@case(
    lambda rng: (rng.normal(size=10), rng.normal(size=10), 0.95),
    argnums=(0, 1, 2),
    long=True,
)
def recursive_least_squares(u, d, lam, order=2, delta=0.5):
    w = np.zeros((order, 1))
    P = np.eye(order) / delta
    cost = 0.0
    for n in range(order - 1, len(u)):
        x = u[n - order + 1 : n + 1][::-1].reshape(-1, 1)
        Px = P @ x
        g = Px / (lam + (x.T @ Px)[0, 0])
        e = d[n] - float((w.T @ x)[0, 0])
        w = w + g * e
        P = (P - g @ x.T @ P) / lam
        cost = lam * cost + e ** 2
    return cost + sqrt(float(np.sum(w ** 2)))


# Wavelet shrinkage with Daubechies' four taps, periodic, forth and back.
@case(
    lambda rng: (near(rng, 2.0, 2.4, 1.1, 0.3, -1.0, -1.8, 0.6, 1.5), 0.4),
    argnums=(0, 1),
    long=True,
)
def daubechies_shrinkage(x, thresh):
    c = [(1 + sqrt(3)) / (4 * sqrt(2)), (3 + sqrt(3)) / (4 * sqrt(2)),
         (3 - sqrt(3)) / (4 * sqrt(2)), (1 - sqrt(3)) / (4 * sqrt(2))]
    a = x.copy()
    n = len(a)
    while n >= 4:
        half = n // 2
        tmp = np.zeros(n)
        for i in range(half):
            for k in range(4):
                tmp[i] += c[k] * a[(2 * i + k) % n]
                tmp[i + half] += (-1) ** k * c[3 - k] * a[(2 * i + k) % n]
        a[:n] = tmp
        n = half
    n *= 2
    a[n // 2:] = np.sign(a[n // 2:]) * np.maximum(np.abs(a[n // 2:]) - thresh, 0.0)
    while n <= len(a):
        half = n // 2
        tmp = np.zeros(n)
        for i in range(half):
            for k in range(4):
                tmp[(2 * i + k) % n] += c[k] * a[i] + (-1) ** k * c[3 - k] * a[i + half]
        a[:n] = tmp
        n *= 2
    return np.sum((a - x) ** 2) + np.sum(a[::2] * a[1::2])
