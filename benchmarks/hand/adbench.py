"""By hand: ADBench's objectives."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import math

import numpy as np

from benchmarks.hand.compiled import by_hand, exp, plus, square_sum


@by_hand
def _log_sum(terms, powers):
    largest = np.max(terms)
    total = 0.0
    for c in range(terms.shape[0]):
        powers[c] = exp(terms[c] - largest)
        total = plus(total, powers[c])
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
    terms, powers, back = np.empty(k), np.empty(k), np.empty(d)
    d_alphas, d_means = np.zeros(k), np.zeros((k, d))
    d_scales, d_lower = np.zeros((k, d)), np.zeros(lower.shape)
    value = 0.0
    for i in range(n):
        _point(x[i], alphas, means, roots, lower, logs, centered, moved, terms)
        largest, total = _log_sum(terms, powers)
        value += largest + math.log(total)
        for c in range(k):
            g = powers[c] / total
            d_alphas[c] += g
            given = (roots, lower, centered, moved)
            _share(g, c, *given, d_means, d_scales, d_lower, back)
    largest, total = _log_sum(alphas, powers)
    value -= n * (largest + math.log(total))
    for c in range(k):
        d_alphas[c] -= n * powers[c] / total
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


@by_hand
def _cross(a, b, out):
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@by_hand
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@by_hand
def _turn(r, p, w, turned, x):
    """Set what `rotated` computes; return the angle's numbers."""
    square = _dot(r, r)
    if square == 0.0:
        _cross(r, p, turned)
        for i in range(3):
            x[i] = p[i] + turned[i]
        return 0.0, 1.0, 0.0
    angle = math.sqrt(square)
    cosine, sine = math.cos(angle), math.sin(angle)
    for i in range(3):
        w[i] = r[i] / angle
    _cross(w, p, turned)
    share = _dot(w, p) * (1.0 - cosine)
    for i in range(3):
        x[i] = p[i] * cosine + turned[i] * sine + w[i] * share
    return angle, cosine, sine


@by_hand
def _turn_back(r, p, w, turned, angles, g, d_r, d_p, spare):
    """Add to `d_r`, set `d_p`."""
    angle, cosine, sine = angles
    if angle == 0.0:
        _cross(g, r, d_p)
        _cross(p, g, spare)
        for i in range(3):
            d_p[i] += g[i]
            d_r[i] += spare[i]
        return
    along, across, near = _dot(g, w), _dot(g, turned), _dot(w, p)
    d_cosine = _dot(g, p) - along * near
    d_share = along * (1.0 - cosine)
    _cross(g, w, d_p)
    _cross(p, g, spare)
    for i in range(3):
        d_p[i] = cosine * g[i] + d_share * w[i] + sine * d_p[i]
        spare[i] = sine * spare[i] + near * (1.0 - cosine) * g[i] + d_share * p[i]
    d_angle = cosine * across - sine * d_cosine - _dot(spare, w) / angle
    for i in range(3):
        d_r[i] += spare[i] / angle + d_angle * w[i]


@by_hand
def bundle(cameras, points, weights, seen, which):
    """Each observation forwards and backwards at once; vectors of three are reused."""
    d_cameras, d_points = np.zeros_like(cameras), np.zeros_like(points)
    d_weights = np.empty_like(weights)
    p, w, turned, x = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    g, d_p, spare = np.empty(3), np.empty(3), np.empty(3)
    total = 0.0
    for k in range(which.shape[0]):
        camera, d_camera = cameras[which[k, 0]], d_cameras[which[k, 0]]
        point, d_point = points[which[k, 1]], d_points[which[k, 1]]
        for i in range(3):
            p[i] = point[i] - camera[3 + i]
        angles = _turn(camera, p, w, turned, x)
        u, v = x[0] / x[2], x[1] / x[2]
        square = u * u + v * v
        bent = 1.0 + camera[9] * square + camera[10] * square * square
        error0 = camera[6] * u * bent + camera[7] - seen[k, 0]
        error1 = camera[6] * v * bent + camera[8] - seen[k, 1]
        weight = weights[k] * weights[k]
        errors, free = error0 * error0 + error1 * error1, 1.0 - weight
        total += weight * errors + free * free
        d_weights[k] = 2.0 * weights[k] * (errors - 2.0 * free)
        g0, g1 = 2.0 * weight * error0, 2.0 * weight * error1
        both = g0 * u + g1 * v
        d_camera[6] += both * bent
        d_camera[7] += g0
        d_camera[8] += g1
        d_bent = camera[6] * both
        d_camera[9] += d_bent * square
        d_camera[10] += d_bent * square * square
        twice = 2.0 * d_bent * (camera[9] + 2.0 * camera[10] * square)
        g[0] = (g0 * camera[6] * bent + twice * u) / x[2]
        g[1] = (g1 * camera[6] * bent + twice * v) / x[2]
        g[2] = -(g[0] * u + g[1] * v)
        _turn_back(camera, p, w, turned, angles, g, d_camera, d_p, spare)
        for i in range(3):
            d_camera[3 + i] -= d_p[i]
            d_point[i] += d_p[i]
    return total, (d_cameras, d_points, d_weights)
