"""Filters over series and images: recursive, smoothing, detecting."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import near, positive


# Direct form I: past inputs and outputs are indexed behind a test.
@case(
    lambda rng: (near(rng, 0.3, 0.5, 0.2), near(rng, -0.6, 0.25), rng.normal(size=9)),
    argnums=(0, 1, 2),
)
def iir_direct_form(b, a, x):
    n = len(x)
    y = np.zeros(n)
    for i in range(n):
        for k in range(3):
            if i - k >= 0:
                y[i] += b[k] * x[i - k]
        for k in range(1, 3):
            if i >= k:
                y[i] -= a[k - 1] * y[i - k]
    return (y * y).sum()


# Direct form II transposed: two scalars of state.
@case(
    lambda rng: (near(rng, 0.3, 0.5, 0.2), near(rng, -0.6, 0.25), rng.normal(size=9)),
    argnums=(0, 1, 2),
)
def iir_transposed_form(b, a, x):
    z0 = z1 = 0.0
    energy = 0.0
    for v in x:
        y = b[0] * v + z0
        z0 = b[1] * v - a[0] * y + z1
        z1 = b[2] * v - a[1] * y
        energy += y * y
    return energy


# Biquads in cascade: a section's output is the next one's input, in place.
@case(
    lambda rng: (near(rng, [0.5, 0.2], [0.4, -0.3]), rng.normal(size=7)), argnums=(0, 1)
)
def cascade_in_place(sections, x):
    for p, q in sections:
        state = 0.0
        for i in range(len(x)):
            u = x[i] - p * state
            x[i] = u + q * state
            state = u
    return (x * x).sum()


# Deriche (PolyBench): forward and backward recursive passes over rows.
@case(lambda rng: (rng.normal(size=(3, 6)), near(rng, 0.8)[0]), argnums=(0, 1))
def deriche(image, alpha):
    k = (1.0 - np.exp(-alpha)) ** 2
    k /= 1.0 + 2.0 * alpha * np.exp(-alpha) - np.exp(-2.0 * alpha)
    a1 = k
    a2 = k * np.exp(-alpha) * (alpha - 1.0)
    a3 = k * np.exp(-alpha) * (alpha + 1.0)
    b1 = 2.0 * np.exp(-alpha)
    b2 = -np.exp(-2.0 * alpha)
    y1 = np.empty_like(image)
    y1[:, 0] = a1 * image[:, 0]
    y1[:, 1] = a1 * image[:, 1] + a2 * image[:, 0] + b1 * y1[:, 0]
    for j in range(2, 6):
        y1[:, j] = a1 * image[:, j] + a2 * image[:, j - 1]
        y1[:, j] += b1 * y1[:, j - 1] + b2 * y1[:, j - 2]
    y2 = np.zeros((3, 6))
    for j in range(4, -1, -1):
        y2[:, j] = a3 * image[:, j + 1] + b1 * y2[:, j + 1]
        if j < 4:
            y2[:, j] += b2 * y2[:, j + 2]
    return ((y1 + y2) ** 2).sum()


@case(lambda rng: (near(rng, 0.4)[0], rng.normal(size=8)), argnums=(0, 1))
def exponential_smoothing(alpha, x):
    level = x[0]
    sse = 0.0
    for t in range(1, len(x)):
        sse += (x[t] - level) ** 2
        level = alpha * x[t] + (1 - alpha) * level
    return sse


# Holt-Winters with a season kept in a ring buffer.
@case(lambda rng: (near(rng, 0.4, 0.2, 0.3), positive(rng, 11)), argnums=(0, 1))
def holt_winters(params, y):
    alpha, beta, gamma = params
    m = 3
    season = y[:m] - y[:m].mean()
    level = y[:m].mean()
    trend = (y[m] - y[0]) / m
    sse = 0.0
    for t in range(m, len(y)):
        s = season[t % m]
        e = y[t] - (level + trend + s)
        sse += e**2
        last = level
        level = alpha * (y[t] - s) + (1 - alpha) * (level + trend)
        trend = beta * (level - last) + (1 - beta) * trend
        season[t % m] = gamma * (y[t] - level) + (1 - gamma) * s
    return sse / (len(y) - m)


# A comb filter with feedback: a circular delay line and its write position.
@case(lambda rng: (rng.normal(size=12), near(rng, 0.6)[0]), argnums=(0, 1))
def comb_filter(x, feedback):
    delay = np.zeros(4)
    at = 0
    loud = 0.0
    for v in x:
        out = delay[at]
        delay[at] = v + out * feedback
        at = (at + 1) % len(delay)
        loud += out * out
    return loud + delay.sum()


# A compressor: the gain follows the envelope, faster up than down.
@case(lambda rng: (near(rng, 0.2, 0.9, -1.2, 0.4, -0.1, 0.05), near(rng, 0.5)[0]))
def compressor(x, threshold):
    env = 0.0
    out = np.zeros_like(x)
    for i, v in enumerate(x):
        level = abs(v)
        rate = 0.6 if level > env else 0.2
        env += rate * (level - env)
        if env > threshold:
            gain = threshold / env + 0.1 * (env - threshold)
        else:
            gain = 1.0
        out[i] = gain * v
    return (out**2).sum()


# The LMS adaptive filter: weights move after every sample.
@case(lambda rng: (rng.normal(size=10), rng.normal(size=10), 0.05), argnums=(0, 1, 2))
def least_mean_squares(x, wanted, mu):
    taps = 3
    w = np.zeros(taps)
    cost = 0.0
    for i in range(taps, 10):
        u = x[i - taps : i][::-1]
        e = wanted[i] - w @ u
        w += 2.0 * mu * e * u
        cost += e * e
    return cost


# Savitzky-Golay weights from the normal equations, applied to a moving window.
@case(lambda rng: (rng.normal(size=8),))
def savitzky_golay(x):
    t = np.arange(-2.0, 3.0)
    V = np.stack([np.ones(5), t, t**2], axis=1)
    w = np.linalg.solve(V.T @ V, V.T)[0]
    y = np.zeros(4)
    for i in range(4):
        y[i] = w @ x[i : i + 5]
    return (y * y).sum()


# Separable blur of an image, rows then columns, edges repeated.
@case(lambda rng: (rng.normal(size=(4, 5)), near(rng, 0.25, 0.5, 0.3)), argnums=(0, 1))
def separable_blur(image, k):
    n, m = image.shape
    tmp = np.zeros((n, m))
    out = np.zeros((n, m))
    for i in range(n):
        for j in range(m):
            for d in range(-1, 2):
                tmp[i, j] += k[d + 1] * image[i, min(max(j + d, 0), m - 1)]
    for d in (-1, 0, 1):
        for i in range(n):
            out[i] += k[d + 1] * tmp[min(max(i + d, 0), n - 1)]
    return (out * image).sum()


# Sobel edges by shifted slices.
@case(lambda rng: (rng.normal(size=(5, 5)),))
def sobel_edges(im):
    gx = im[:-2, 2:] + 2 * im[1:-1, 2:] + im[2:, 2:]
    gx = gx - im[:-2, :-2] - 2 * im[1:-1, :-2] - im[2:, :-2]
    gy = im[2:, :-2] + 2 * im[2:, 1:-1] + im[2:, 2:]
    gy -= im[:-2, :-2] + 2 * im[:-2, 1:-1] + im[:-2, 2:]
    return np.sqrt(gx**2 + gy**2 + 0.01).mean()


# A discrete cosine transform by its sum, thresholded coefficients, and back.
@case(lambda rng: (near(rng, 1.0, 2.0, 0.5, -1.0, noise=0.01),))
def cosine_transform_shrunk(x):
    n = len(x)
    c = np.zeros(n)
    for k in range(n):
        for i in range(n):
            c[k] += x[i] * np.cos(np.pi * k * (2 * i + 1) / (2 * n))
    kept = np.where(np.abs(c) > 0.8, c - 0.8 * np.sign(c), 0.0)
    y = np.cos(np.pi * np.outer(2 * np.arange(n) + 1, np.arange(n)) / (2 * n)) @ kept
    return (y * y).sum() * 0.1 + y[0]


# The fast Haar transform in place, with a scratch array.
@case(lambda rng: (rng.normal(size=8),))
def haar_transform(x):
    n = x.size
    scratch = np.zeros(n)
    while n > 1:
        half = n // 2
        for i in range(half):
            scratch[i] = (x[2 * i] + x[2 * i + 1]) / np.sqrt(2.0)
            scratch[half + i] = (x[2 * i] - x[2 * i + 1]) / np.sqrt(2.0)
        x[:n] = scratch[:n]
        n = half
    return (np.abs(x[1:]) ** 3).sum() + x[0]
