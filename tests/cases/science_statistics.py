"""Likelihoods, regressions, networks and hidden states."""

import numpy
import numpy as np

from tests.cases import case
from tests.cases.inputs import near, positive, spread


@case(
    lambda rng: (rng.normal(size=3), rng.normal(), rng.normal(size=(6, 3))),
    argnums=(0, 1),
)
def logistic_regression(w, b, X):
    labels = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    z = X @ w + b
    loss = np.logaddexp(0.0, z) - labels * z
    return loss.mean() + 0.05 * np.dot(w, w)


# Newton's method for a logistic regression, unrolled.
@case(lambda rng: (rng.normal(size=(6, 2)), 0.5), argnums=(0, 1))
def logistic_newton_steps(X, penalty):
    y = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    w = np.zeros(2)
    for _ in range(3):
        p = 1.0 / (1.0 + np.exp(-(X @ w)))
        g = X.T @ (p - y) + penalty * w
        H = (X.T * (p * (1 - p))) @ X + penalty * np.eye(2)
        w = w - np.linalg.solve(H, g)
    return w @ w


@case(
    lambda rng: (
        0.5 * rng.normal(size=(3, 5)),
        rng.normal(size=5),
        0.5 * rng.normal(size=(5, 2)),
        rng.normal(size=(4, 3)),
        rng.normal(size=(4, 2)),
    ),
    argnums=(0, 1, 2),
)
def multilayer_perceptron(w1, b1, w2, X, Y):
    h = np.tanh(X @ w1 + b1)
    r = h @ w2 - Y
    return np.mean(r * r)


# Training inside the function: the gradient by hand, the step size as argument.
@case(
    lambda rng: (0.1, 0.5 * rng.normal(size=(5, 3)), rng.normal(size=5)),
    argnums=(0, 1),
)
def loss_after_training(rate, X, y):
    w = np.zeros(3)
    velocity = np.zeros(3)
    for _ in range(5):
        g = 2.0 * X.T @ (X @ w - y) / len(y)
        velocity = 0.5 * velocity - rate * g
        w += velocity
    r = X @ w - y
    return (r * r).mean()


# Adam as its authors wrote it.
@case(lambda rng: (near(rng, 1.5, -0.7), 0.1), argnums=(0, 1))
def adam_steps(w, lr):
    m = np.zeros(2)
    v = np.zeros(2)
    for t in range(1, 5):
        g = np.array([2.0 * w[0] + w[1], w[0] + 6.0 * w[1] ** 3])
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g**2
        mh = m / (1.0 - 0.9**t)
        vh = v / (1.0 - 0.99**t)
        w = w - lr * mh / (np.sqrt(vh) + 1e-3)
    return (w**2).sum() + w[0] * w[1]


# Gaussian mixture log-likelihood, points by broadcasting.
@case(
    lambda rng: (rng.normal(size=3), rng.normal(size=(3, 2)), 0.3 * rng.normal(size=3)),
    argnums=(0, 1, 2),
)
def gaussian_mixture(alphas, means, log_sigmas):
    points = np.array([[0.5, 1.0], [-0.3, 0.2], [1.5, -0.8], [0.0, 0.4]])
    inv = np.exp(-log_sigmas)
    d = (points[:, None, :] - means) * inv[:, None]
    main = alphas - 2.0 * log_sigmas - 0.5 * (d * d).sum(axis=2)
    top = main.max(axis=1)
    ll = np.log(np.exp(main - top[:, None]).sum(axis=1)) + top
    return ll.sum() - len(points) * np.log(np.exp(alphas).sum())


# HMM forward algorithm, scaled at every step.
@case(
    lambda rng: (positive(rng, 3, 3), positive(rng, 3, 4), positive(rng, 3)),
    argnums=(0, 1, 2),
)
def hmm_forward_scaled(A, B, start):
    observed = [0, 2, 3, 1, 1]
    A = A / A.sum(axis=1, keepdims=True)
    B = B / B.sum(axis=1, keepdims=True)
    alpha = start / start.sum() * B[:, observed[0]]
    loglik = 0.0
    for o in observed[1:]:
        c = alpha.sum()
        loglik += np.log(c)
        alpha = (alpha / c) @ A * B[:, o]
    return loglik + np.log(alpha.sum())


# HMM forward algorithm in logs, loops over states.
@case(lambda rng: (rng.normal(size=(2, 2)), rng.normal(size=(4, 2))), argnums=(0, 1))
def hmm_forward_in_logs(T, emit):
    steps, states = emit.shape
    old = emit[0].copy()
    new = np.zeros(states)
    for t in range(1, steps):
        for j in range(states):
            top = old[0] + T[0, j]
            for i in range(1, states):
                if old[i] + T[i, j] > top:
                    top = old[i] + T[i, j]
            s = 0.0
            for i in range(states):
                s += np.exp(old[i] + T[i, j] - top)
            new[j] = top + np.log(s) + emit[t, j]
        old[:] = new
    return np.log(np.exp(old).sum())


# Viterbi: the score of the best path, found backwards through stored choices.
@case(lambda rng: (spread(rng, 3, 3), spread(rng, 5, 3)), argnums=(0, 1))
def viterbi_score(T, emit):
    n, m = emit.shape
    score = np.zeros((n, m))
    back = np.zeros((n, m), dtype=int)
    score[0] = emit[0]
    for t in range(1, n):
        for j in range(m):
            cand = score[t - 1] + 1.01 * T[:, j]
            back[t, j] = np.argmax(cand)
            score[t, j] = cand[back[t, j]] + emit[t, j]
    j = int(np.argmax(score[n - 1]))
    total = 0.0
    for t in range(n - 1, 0, -1):
        i = back[t, j]
        total += 1.01 * T[i, j] + emit[t, j] ** 2
        j = i
    return total + emit[0, j]


@case(
    lambda rng: (rng.normal(size=7), near(rng, 0.2)[0], near(rng, 0.5)[0]),
    argnums=(0, 1, 2),
)
def kalman_filter_scalar(z, q, r):
    x, p = 0.0, 1.0
    loglik = 0.0
    for v in z:
        p += q
        s = p + r
        k = p / s
        e = v - x
        loglik -= 0.5 * (e * e / s + numpy.log(s))
        x += k * e
        p *= 1.0 - k
    return loglik


@case(
    lambda rng: (
        rng.normal(size=(4, 1)),
        near(rng, 0.3)[0],
        near(rng, [0.2, 0], [0, 0.1]),
    ),
    argnums=(0, 1, 2),
)
def kalman_filter_matrix(obs, noise, Q):
    F = numpy.array([[1.0, 0.5], [0.0, 1.0]])
    H = numpy.array([[1.0, 0.0]])
    R = noise * numpy.eye(1)
    x = numpy.zeros(2)
    P = numpy.eye(2)
    loglik = 0.0
    for z in obs:
        x = F @ x
        P = F @ P @ F.T + Q
        y = z - H @ x
        S = H @ P @ H.T + R
        K = P @ H.T @ numpy.linalg.inv(S)
        x = x + K @ y
        P = (numpy.eye(2) - K @ H) @ P
        loglik += -0.5 * (y @ numpy.linalg.solve(S, y) + numpy.log(numpy.linalg.det(S)))
    return loglik


# AR(2) likelihood with the variance profiled out.
@case(lambda rng: (near(rng, 0.4, -0.2), rng.normal(size=10)), argnums=(0, 1))
def autoregressive_likelihood(phi, y):
    n = len(y)
    sse = 0.0
    for t in range(2, n):
        e = y[t] - phi[0] * y[t - 1] - phi[1] * y[t - 2]
        sse += e * e
    return 0.5 * (n - 2) * np.log(sse / (n - 2))


@case(
    lambda rng: (near(rng, 0.1, 0.15, 0.7), 0.5 * rng.normal(size=8) + 0.1),
    argnums=(0, 1),
)
def garch_likelihood(params, returns):
    omega, alpha, beta = params
    var = np.var(returns)
    nll = 0.0
    for r in returns:
        nll += 0.5 * (np.log(2.0 * np.pi * var) + r**2 / var)
        var = omega + alpha * r**2 + beta * var
    return nll


# Elo ratings: two entries of the table move after each game.
@case(lambda rng: (near(rng, 1.5, 1.4, 1.6, 1.45), near(rng, 0.32)[0]), argnums=(0, 1))
def elo_rating(rating, k):
    games = [(0, 1, 1.0), (2, 0, 0.5), (1, 3, 0.0), (3, 2, 1.0), (0, 3, 0.0)]
    loss = 0.0
    for a, b, score in games:
        expected = 1.0 / (1.0 + 10.0 ** ((rating[b] - rating[a]) / 0.4))
        loss += (score - expected) ** 2
        rating[a] += k * (score - expected)
        rating[b] -= k * (score - expected)
    return loss


# Soft-DTW between two series.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=5), 0.7), argnums=(0, 1, 2))
def soft_dtw(a, b, gamma):
    n, m = len(a), len(b)
    R = np.full((n + 1, m + 1), 1e3)
    R[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            near_by = np.array([R[i - 1, j], R[i, j - 1], R[i - 1, j - 1]])
            z = -near_by / gamma
            top = z.max()
            soft = -gamma * (top + np.log(np.exp(z - top).sum()))
            R[i, j] = (a[i - 1] - b[j - 1]) ** 2 + soft
    return R[n, m]


# A recurrent cell over a sequence of vectors.
@case(
    lambda rng: (
        0.4 * rng.normal(size=(3, 3)),
        0.4 * rng.normal(size=(2, 3)),
        rng.normal(size=3),
        rng.normal(size=(5, 2)),
    ),
    argnums=(0, 1, 2, 3),
)
def recurrent_cell(W, U, b, xs):
    h = np.zeros(3)
    loss = 0.0
    for x in xs:
        h = np.tanh(h @ W + x @ U + b)
        loss += (h[0] - x[1]) ** 2
    return loss / len(xs)


# An LSTM cell: gates are slices of one product.
@case(
    lambda rng: (0.4 * rng.normal(size=(5, 12)), rng.normal(size=(4, 2))),
    argnums=(0, 1),
)
def lstm_cell(W, xs):
    def sigmoid(v):
        return 1.0 / (1.0 + np.exp(-v))

    h = np.zeros(3)
    c = np.zeros(3)
    for x in xs:
        z = np.concatenate([x, h]) @ W
        i, f, o = sigmoid(z[:3]), sigmoid(z[3:6] + 1.0), sigmoid(z[6:9])
        c = f * c + i * np.tanh(z[9:])
        h = o * np.tanh(c)
    return (h * c).sum()


# A small convolutional network by loops: convolution, swish, pool, dense.
@case(
    lambda rng: (
        spread(rng, 6, 6),
        spread(rng, 3, 3) + 0.01,
        rng.normal(size=4),
    ),
    argnums=(0, 1, 2),
)
def small_convolutional_network(image, kernel, w):
    feature = np.zeros((4, 4))
    for i in range(4):
        for j in range(4):
            feature[i, j] = (image[i : i + 3, j : j + 3] * kernel).sum()
    feature = feature / (1.0 + np.exp(-feature))
    pooled = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            pooled[i, j] = feature[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max()
    return np.tanh(0.2 * pooled.ravel() @ w)


# Batch normalisation with running averages kept beside the batch's own.
@case(
    lambda rng: (rng.normal(size=(6, 2)), positive(rng, 2), rng.normal(size=2)),
    argnums=(0, 1, 2),
)
def batch_normalisation(X, scale, shift):
    running = np.zeros(2)
    out = 0.0
    for k in range(2):
        batch = X[3 * k : 3 * k + 3]
        mu = batch.mean(axis=0)
        var = batch.var(axis=0)
        running = 0.9 * running + 0.1 * mu
        z = (batch - mu) / np.sqrt(var + 1e-2) * scale + shift
        out += (z**3).sum() + (running * z[0]).sum()
    return out


# Cox's partial likelihood: the risk set shrinks along the sorted times.
@case(lambda rng: (rng.normal(size=2), rng.normal(size=(6, 2))), argnums=(0, 1))
def cox_partial_likelihood(beta, X):
    died = [True, False, True, True, False, True]
    risk = np.exp(X @ beta)
    at_risk = risk.sum()
    ll = 0.0
    for i in range(6):
        if died[i]:
            ll += X[i] @ beta - np.log(at_risk)
        at_risk -= risk[i]
        if i == 4:
            break
    return ll


# Gaussian process: kernel, noise on the diagonal, evidence.
@case(
    lambda rng: (near(rng, 0.8)[0], near(rng, 0.3)[0], spread(rng, 5)),
    argnums=(0, 1, 2),
)
def gaussian_process_evidence(scale, noise, x):
    y = np.array([0.3, -0.1, 0.5, 0.9, -0.4])
    d = x[:, None] - x[None, :]
    K = np.exp(-0.5 * d**2 / scale**2)
    K[np.arange(5), np.arange(5)] += noise
    alpha = np.linalg.solve(K, y)
    return -0.5 * y @ alpha - 0.5 * np.log(np.linalg.det(K))
