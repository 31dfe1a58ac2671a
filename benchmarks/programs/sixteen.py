"""Sixteen ordinary programs of three to eight lines: each breaks some tool."""

import math

import numpy as np


def branches(x):
    """if x[0] > 0"""
    if x[0] > 0:
        return np.sum(x * x)
    return np.sum(np.sin(x))


def stores_in_a_loop(x):
    """y = zeros; y[i] = x[i] * x[i] in a loop"""
    y = np.zeros(5)
    for i in range(5):
        y[i] = x[i] * x[i]
    return np.sum(y)


def overlapping_parts(x):
    """y = x.copy(); y[1:] *= y[:-1]"""
    y = x.copy()
    y[1:] *= y[:-1]
    return np.sum(y)


def fills_a_block(x):
    """B = zeros((4, 4)); B[:2, :2] = ..."""
    B = np.zeros((4, 4))
    B[:2, :2] = np.outer(x[:2], x[1:3])
    B[2:, 2:] = x[3] * x[4]
    return np.sum(B @ B)


def newton(x):
    """while abs(s * s - a) > tol"""
    a = x[0] + x[1] * x[1]
    s = 1.0
    while abs(s * s - a) > 1e-9:
        s = 0.5 * (s + a / s)
    return s


def skips_and_stops(x):
    """continue and break on data"""
    total = 0.0
    for i in range(5):
        if x[i] < 0:
            continue
        total = total + x[i] * x[i]
        if total > 1.5:
            break
    return total


def appends(x):
    """a list grows, sum(list)"""
    parts = []
    for i in range(5):
        parts.append(x[i] * x[i])
    return sum(parts)


def mathematical(x):
    """math.sin, math.exp"""
    return math.sin(x[0]) * math.exp(x[1]) + x[2] * x[3]


def masked(x):
    """where(x > 0, sqrt(x), 0 * x)"""
    return np.sum(np.where(x > 0, np.sqrt(x), 0 * x))


def norm_of_zeros(x):
    """norm(x - x)"""
    return np.linalg.norm(x - x)


def largest(x):
    """x[argmax(x)]**2"""
    return x[np.argmax(x)] ** 2


def picks(x):
    """x[x > 0]"""
    y = x[x > 0]
    return np.sum(y * y)


def clears(x):
    """y[y < 0] = 0"""
    y = x * 2
    y[y < 0] = 0
    return np.sum(y * y)


def place_from_data(x):
    """k = int(x[0]); x[k] * x[0]"""
    k = int(x[0])
    return x[k] * x[0]


def writes_out(x):
    """np.multiply(x, x, out=y)"""
    y = np.zeros(5)
    np.multiply(x, x, out=y)
    return np.sum(y)


def accumulates(x):
    """acc = zeros(3); acc += x[:3]; acc *= x[0]"""
    acc = np.zeros(3)
    acc += x[:3]
    acc *= x[0]
    return np.sum(acc)


SIXTEEN = (
    branches,
    stores_in_a_loop,
    overlapping_parts,
    fills_a_block,
    newton,
    skips_and_stops,
    appends,
    mathematical,
    masked,
    norm_of_zeros,
    largest,
    picks,
    clears,
    place_from_data,
    writes_out,
    accumulates,
)


def point():
    """Return where they are differentiated: no kink is near but that of the norm."""
    return np.array([1.3, -0.4, 0.8, 2.1, -1.1])
