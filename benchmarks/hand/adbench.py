"""By hand: ADBench's objectives."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import math

import numpy as np

from benchmarks.hand.compiled import by_hand, square_sum


@by_hand
def _log_sum(terms):
    largest = np.max(terms)
    total = 0.0
    for c in range(terms.shape[0]):
        total += math.exp(terms[c] - largest)
    return largest, total


@by_hand
def _point(x, alphas, means, roots, lower, logs, centered, moved, terms):
    """Fill the terms of one point and what its backward sweep needs."""
    k, d = means.shape
    for c in range(k):
        square = 0.0
        position = 0
        for row in range(d):
            centered[c, row] = x[row] - means[c, row]
            s = roots[c, row] * centered[c, row]
            for column in range(row):
                s += lower[c, position] * centered[c, column]
                position += 1
            moved[c, row] = s
            square += s * s
        terms[c] = alphas[c] + logs[c] - 0.5 * square


@by_hand
def _share(g, c, roots, lower, centered, moved, d_means, d_scales, d_lower, back):
    """Add what one component's term gives to the gradients."""
    d = roots.shape[1]
    back[:] = 0.0
    position = 0
    for row in range(d):
        gm = -g * moved[c, row]
        scaled = gm * roots[c, row]
        d_scales[c, row] += g + scaled * centered[c, row]
        back[row] += scaled
        for column in range(row):
            d_lower[c, position] += gm * centered[c, column]
            back[column] += gm * lower[c, position]
            position += 1
    for row in range(d):
        d_means[c, row] -= back[row]


@by_hand
def gmm(alphas, means, scales, lower, x, constant, gamma, degrees):
    """Each point forwards and backwards at once; the exponentials are hoisted."""
    n, d = x.shape
    k = means.shape[0]
    roots, logs = np.exp(scales), np.zeros(k)
    for c in range(k):
        for row in range(d):
            logs[c] += scales[c, row]
    centered, moved = np.empty((k, d)), np.empty((k, d))
    terms, back = np.empty(k), np.empty(d)
    d_alphas, d_means = np.zeros(k), np.zeros((k, d))
    d_scales, d_lower = np.zeros((k, d)), np.zeros(lower.shape)
    value = 0.0
    for i in range(n):
        _point(x[i], alphas, means, roots, lower, logs, centered, moved, terms)
        largest, total = _log_sum(terms)
        value += largest + math.log(total)
        for c in range(k):
            g = math.exp(terms[c] - largest) / total
            d_alphas[c] += g
            given = (roots, lower, centered, moved)
            _share(g, c, *given, d_means, d_scales, d_lower, back)
    largest, total = _log_sum(alphas)
    value -= n * (largest + math.log(total))
    for c in range(k):
        d_alphas[c] -= n * math.exp(alphas[c] - largest) / total
    half = 0.5 * gamma * gamma
    value += constant
    value += half * (square_sum(roots.ravel()) + square_sum(lower.ravel()))
    for c in range(k):
        for row in range(d):
            value -= degrees * scales[c, row]
            d_scales[c, row] += 2.0 * half * roots[c, row] ** 2 - degrees
        for j in range(lower.shape[1]):
            d_lower[c, j] += 2.0 * half * lower[c, j]
    return value, (d_alphas, d_means, d_scales, d_lower)
