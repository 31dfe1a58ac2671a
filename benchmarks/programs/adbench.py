"""ADBench's four objectives, each as one number, on data of our own."""

import numpy as np

from benchmarks.program import Arguments, Array, Indices, Program


def gmm(
    alphas: Array, means: Array, scales: Array, lower: Array, x: Array, constant: float,
    gamma: float, degrees: float,
) -> float:  # fmt: skip
    """Return a Gaussian mixture's log-likelihood with a Wishart prior.

    `scales` are logarithms of the diagonals of the inverse covariances' roots, `lower`
    what is below them, row by row; `constant` is what no parameter enters, lgamma's.
    """
    n, d = x.shape
    k = means.shape[0]
    terms = np.empty(k)
    centered = np.empty(d)
    total = 0.0
    for i in range(n):
        for c in range(k):
            square = 0.0
            position = 0
            log_scale = 0.0
            for row in range(d):
                centered[row] = x[i, row] - means[c, row]
                log_scale += scales[c, row]
                moved = np.exp(scales[c, row]) * centered[row]
                for column in range(row):
                    moved += lower[c, position] * centered[column]
                    position += 1
                square += moved * moved
            terms[c] = alphas[c] + log_scale - 0.5 * square
        largest = np.max(terms)
        total += largest + np.log(np.sum(np.exp(terms - largest)))
    largest = np.max(alphas)
    total -= n * (largest + np.log(np.sum(np.exp(alphas - largest))))
    prior = 0.5 * gamma * gamma * (np.sum(np.exp(2.0 * scales)) + np.sum(lower * lower))
    return total + constant + prior - degrees * np.sum(scales)


def cross(a: Array, b: Array) -> Array:
    """Return the product that is at right angles to both."""
    return np.array(
        [
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        ]
    )


def rotated(axis: Array, x: Array) -> Array:
    """Return a point turned about an axis whose length is the angle (Rodrigues)."""
    square = axis[0] * axis[0] + axis[1] * axis[1] + axis[2] * axis[2]
    if square == 0.0:
        return x + cross(axis, x)
    angle = np.sqrt(square)
    cosine, sine = np.cos(angle), np.sin(angle)
    w = axis / angle
    share = np.sum(w * x) * (1.0 - cosine)
    return x * cosine + cross(w, x) * sine + w * share


def bundle(
    cameras: Array, points: Array, weights: Array, seen: Array, which: Indices
) -> float:
    """Return the squared errors of bundle adjustment: 11 numbers a camera."""
    total = 0.0
    for k in range(which.shape[0]):
        camera = cameras[which[k, 0]]
        x = rotated(camera[:3], points[which[k, 1]] - camera[3:6])
        u, v = x[0] / x[2], x[1] / x[2]
        square = u * u + v * v
        bent = 1.0 + camera[9] * square + camera[10] * square * square
        error0 = camera[6] * u * bent + camera[7] - seen[k, 0]
        error1 = camera[6] * v * bent + camera[8] - seen[k, 1]
        weight = weights[k]
        total += weight * weight * (error0 * error0 + error1 * error1)
        total += (1.0 - weight * weight) ** 2
    return total


def sigmoid(x: Array) -> Array:
    """Return the logistic function."""
    return 1.0 / (1.0 + np.exp(-x))


def lstm(main: Array, extra: Array, state: Array, sequence: Array) -> float:
    """Return the loss of a character LSTM with diagonal weights, as ADBench has it."""
    layers, size = main.shape[0], sequence.shape[1]
    hidden, cell = state[0].copy(), state[1].copy()
    total = 0.0
    for t in range(sequence.shape[0] - 1):
        x = sequence[t] * extra[0]
        for k in range(layers):
            weight, bias = main[k, 0], main[k, 1]
            forget = sigmoid(x * weight[0] + bias[0])
            ingate = sigmoid(hidden[k] * weight[1] + bias[1])
            outgate = sigmoid(x * weight[2] + bias[2])
            change = np.tanh(hidden[k] * weight[3] + bias[3])
            cell[k] = cell[k] * forget + ingate * change
            hidden[k] = outgate * np.tanh(cell[k])
            x = hidden[k]
        guess = x * extra[1] + extra[2]
        guess = guess - np.log(np.sum(np.exp(guess)) + 2.0)
        total += np.sum(sequence[t + 1] * guess)
    return -total / ((sequence.shape[0] - 1) * size)


def turn(angles: Array) -> Array:
    """Return the matrix of three Euler angles, x first."""
    c, s = np.cos(angles), np.sin(angles)
    r = np.empty((3, 3))
    r[0, 0] = c[1] * c[2]
    r[0, 1] = s[0] * s[1] * c[2] - c[0] * s[2]
    r[0, 2] = c[0] * s[1] * c[2] + s[0] * s[2]
    r[1, 0] = c[1] * s[2]
    r[1, 1] = s[0] * s[1] * s[2] + c[0] * c[2]
    r[1, 2] = c[0] * s[1] * s[2] - s[0] * c[2]
    r[2, 0] = -s[1]
    r[2, 1] = s[0] * c[1]
    r[2, 2] = c[0] * c[1]
    return r


def hand(
    theta: Array, relative: Array, parents: Indices, inverse: Array, base: Array,
    weights: Array, seen: Array, matches: Indices,
) -> float:  # fmt: skip
    """Return the squared distances of a skinned hand from the points that were seen.

    `theta` holds the hand's turn, its place and three angles a bone; bones come after
    their parents; `relative` and `inverse` are affine maps of 3 by 4.
    """
    bones = parents.shape[0]
    whole = np.empty((bones, 3, 4))
    skin = np.empty((bones, 3, 4))
    for b in range(bones):
        own = relative[b, :, :3] @ turn(theta[6 + 3 * b : 9 + 3 * b])
        if parents[b] < 0:
            whole[b, :, :3] = own
            whole[b, :, 3] = relative[b, :, 3]
        else:
            parent = whole[parents[b]]
            whole[b, :, :3] = parent[:, :3] @ own
            whole[b, :, 3] = parent[:, :3] @ relative[b, :, 3] + parent[:, 3]
        skin[b, :, :3] = whole[b, :, :3] @ inverse[b, :, :3]
        skin[b, :, 3] = whole[b, :, :3] @ inverse[b, :, 3] + whole[b, :, 3]
    placed = np.zeros((base.shape[0], 3))
    for b in range(bones):
        moved = base @ skin[b, :, :3].T + skin[b, :, 3]
        placed += weights[:, b : b + 1] * moved
    placed = placed @ turn(theta[:3]).T + theta[3:6]
    total = 0.0
    for i in range(seen.shape[0]):
        error = seen[i] - placed[matches[i]]
        total += np.sum(error * error)
    return total


def _mixture(rng: np.random.Generator, n: int) -> Arguments:
    k, d = (10, 10) if n > 50 else (3, 4)
    alphas, means = rng.normal(size=k), rng.uniform(size=(k, d))
    scales, lower = rng.normal(size=(k, d)), rng.normal(size=(k, d * (d - 1) // 2))
    return alphas, means, scales, lower, rng.normal(size=(n, d)), -3.5, 1.0, 2.0


def _scene(rng: np.random.Generator, n: int) -> Arguments:
    views, points = n // 40 + 2, n // 4 + 3
    cameras = rng.normal(size=(views, 11)) * 0.1
    cameras[:, 5] -= 4.0
    cameras[:, 6] += 2.0
    which = np.stack([rng.integers(0, views, n), rng.integers(0, points, n)], axis=1)
    space, seen = rng.normal(size=(points, 3)), rng.normal(size=(n, 2))
    return cameras, space, rng.uniform(0.5, 1.0, n), seen, which


def _text(rng: np.random.Generator, n: int) -> Arguments:
    layers, size = 2, 14
    main = rng.normal(size=(layers, 2, 4, size)) * 0.5
    letters = np.eye(size)[rng.integers(0, size, n)]
    state = rng.normal(size=(2, layers, size))
    return main, rng.normal(size=(3, size)), state, letters


def _posture(rng: np.random.Generator, n: int) -> Arguments:
    bones = 22 if n > 50 else 4
    chain = np.arange(bones) % 4 == 0
    parents = np.where(chain, 0, np.arange(bones) - 1)
    parents[0] = -1
    relative, inverse = rng.normal(size=(2, bones, 3, 4)) * 0.3
    relative[:, :, :3] += np.eye(3)
    inverse[:, :, :3] += np.eye(3)
    weights = rng.uniform(size=(n, bones)) ** 8
    weights /= weights.sum(axis=1, keepdims=True)
    theta, base = rng.normal(size=6 + 3 * bones) * 0.3, rng.normal(size=(n, 3))
    seen, matches = rng.normal(size=(n, 3)), rng.integers(0, n, n)
    return theta, relative, parents, inverse, base, weights, seen, matches


PROGRAMS = [
    Program(gmm, _mixture, (0, 1, 2, 3), 500, 6),
    Program(bundle, _scene, (0, 1, 2), 4000, 12),
    Program(lstm, _text, (0, 1), 400, 5),
    Program(hand, _posture, (0,), 544, 9),
]
