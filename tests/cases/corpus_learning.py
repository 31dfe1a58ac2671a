"""Machine learning as people write it themselves: networks, losses, embeddings."""

import math
import string

import numpy as np
from scipy.special import logsumexp

from tests.cases import case
from tests.cases.inputs import near


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def init(rng, *sizes):
    params = {}
    for l in range(1, len(sizes)):
        params["W" + str(l)] = 0.6 * rng.normal(size=(sizes[l], sizes[l - 1]))
        params["b" + str(l)] = 0.1 * rng.normal(size=(sizes[l], 1))
    return params


# Backpropagation by hand over a dictionary, as in the first course, for a few epochs.
@case(
    lambda rng: (init(rng, 2, 3, 1), rng.normal(size=(2, 4)), 0.5),
    argnums=(0, 2),
    long=True,
)
def network_by_hand(params, X, lr, epochs=2):
    Y = np.array([[0.0, 1.0, 1.0, 0.0]])
    m = X.shape[1]
    W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
    cost = 0.0
    for epoch in range(epochs):
        Z1 = np.dot(W1, X) + b1
        A1 = np.tanh(Z1)
        Z2 = np.dot(W2, A1) + b2
        A2 = sigmoid(Z2)
        cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
        dZ2 = A2 - Y
        dW2 = np.dot(dZ2, A1.T) / m
        db2 = np.sum(dZ2, axis=1, keepdims=True) / m
        dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
        dW1 = np.dot(dZ1, X.T) / m
        db1 = np.sum(dZ1, axis=1, keepdims=True) / m
        W1 = W1 - lr * dW1
        b1 = b1 - lr * db1
        W2 = W2 - lr * dW2
        b2 = b2 - lr * db2
    return np.squeeze(cost)


# Connectionist temporal classification: the forward recursion in logarithms.
@case(lambda rng: (rng.normal(size=(5, 3)),), long=True)
def ctc_loss(logits, labels=(1, 2, 2)):
    T, V = logits.shape
    shifted = logits - logits.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    ext = [0]
    for l in labels:
        ext.append(l)
        ext.append(0)
    S = len(ext)
    NEG = -1e30
    alpha = np.full((T, S), NEG)
    alpha[0, 0] = logp[0, ext[0]]
    alpha[0, 1] = logp[0, ext[1]]
    for t in range(1, T):
        for s in range(S):
            terms = [alpha[t - 1, s]]
            if s > 0:
                terms.append(alpha[t - 1, s - 1])
            if s > 1 and ext[s] != 0 and ext[s] != ext[s - 2]:
                terms.append(alpha[t - 1, s - 2])
            m = max(terms)
            if m <= NEG / 2:
                continue
            total = 0.0
            for v in terms:
                total += np.exp(v - m)
            alpha[t, s] = m + np.log(total) + logp[t, ext[s]]
    a, b = alpha[T - 1, S - 1], alpha[T - 1, S - 2]
    return -np.logaddexp(a, b)


# Word vectors by negative sampling, one pass of updates over pairs, then their loss.
@case(
    lambda rng: (0.5 * rng.normal(size=(4, 2)), 0.5 * rng.normal(size=(4, 2))),
    argnums=(0, 1),
    long=True,
)
def word_vectors(W_in, W_out, lr=0.3):
    pairs = [(0, 1, [2, 3]), (1, 0, [3, 3]), (2, 3, [0, 1])]
    loss = 0.0
    for center, context, negatives in pairs:
        h = W_in[center].copy()
        grad_h = np.zeros_like(h)
        for target, label in [(context, 1)] + [(neg, 0) for neg in negatives]:
            u = W_out[target]
            p = sigmoid(h @ u)
            loss -= np.log(p) if label else np.log(1 - p)
            g = p - label
            grad_h += g * u
            W_out[target] -= lr * g * h
        W_in[center] -= lr * grad_h
    return loss


# A gated recurrent unit over a sequence with attention on its states.
@case(
    lambda rng: (
        [0.5 * rng.normal(size=(3, 5)) for _ in range(3)],
        rng.normal(size=(4, 2)),
        rng.normal(size=3),
    ),
    argnums=(0, 1, 2),
    long=True,
)
def gated_unit_with_attention(weights, xs, query):
    Wz, Wr, Wh = weights
    h = np.zeros(3)
    states = []
    for x in xs:
        hx = np.concatenate([h, x])
        z = sigmoid(Wz @ hx)
        r = sigmoid(Wr @ hx)
        cand = np.tanh(Wh @ np.concatenate([r * h, x]))
        h = (1 - z) * h + z * cand
        states.append(h)
    H = np.stack(states)
    scores = H @ query / np.sqrt(len(query))
    scores = scores - np.max(scores)
    att = np.exp(scores) / np.sum(np.exp(scores))
    context = att @ H
    return context @ context + 0.1 * (h @ query)


# A variational autoencoder's bound with the noise given.
@case(
    lambda rng: (
        (
            0.5 * rng.normal(size=(4, 3)),
            0.5 * rng.normal(size=(3, 4)),
            0.5 * rng.normal(size=(2, 4)),
        ),
        rng.normal(size=(3, 2)),
    ),
    long=True,
)
def evidence_bound(weights, eps, beta=0.7):
    enc, hidden, dec = weights
    X = np.array([[0, 1, 1, 0], [1, 0, 1, 1], [0, 0, 1, 1]], dtype=np.float64)
    batch = X.shape[0]
    h = np.maximum(0.1 * (X @ enc), X @ enc)
    stats = h @ hidden
    mu, logvar = stats[:, :2], stats[:, 2:]
    z = mu + np.exp(0.5 * logvar) * eps
    logits = z @ dec
    # log(1 + e^x) without overflow
    rec = np.maximum(logits, 0) - logits * X + np.log1p(np.exp(-np.abs(logits)))
    kl = -0.5 * np.sum(1 + logvar - mu ** 2 - np.exp(logvar), axis=1)
    return (rec.sum() + beta * kl.sum()) / batch


# A policy's clipped surrogate with generalised advantages and an entropy bonus.
@case(
    lambda rng: (
        0.5 * rng.normal(size=(5, 3)),
        rng.normal(size=6),
        near(rng, 1.0, 0.0, 0.5, -0.2, 1.0),
    ),
    argnums=(0, 1, 2),
    long=True,
)
def clipped_policy_loss(logits, values, rewards, gamma=0.9, lam=0.8, clip=0.2):
    actions = np.array([0, 2, 1, 1, 0])
    dones = [False, False, True, False, False]
    old = np.log(np.array([0.5, 0.2, 0.3, 0.45, 0.3]))
    n = len(rewards)
    adv = np.zeros(n)
    last = 0.0
    for t in reversed(range(n)):
        mask = 0.0 if dones[t] else 1.0
        delta = rewards[t] + gamma * values[t + 1] * mask - values[t]
        last = delta + gamma * lam * mask * last
        adv[t] = last
    returns = adv + values[:-1]
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    logp = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    chosen = logp[np.arange(n), actions]
    ratio = np.exp(chosen - old)
    surrogate = np.minimum(ratio * adv, np.clip(ratio, 1 - clip, 1 + clip) * adv)
    entropy = -(np.exp(logp) * logp).sum(axis=1)
    value_loss = 0.5 * np.mean((values[:-1] - 0.5 * returns) ** 2)
    return -surrogate.mean() + value_loss - 0.01 * entropy.mean()


# A soft decision tree of depth two: routing by sigmoids, leaves mixed.
@case(
    lambda rng: (
        rng.normal(size=(3, 2)),
        rng.normal(size=3),
        rng.normal(size=4),
        rng.normal(size=(5, 2)),
    ),
    argnums=(0, 1, 2),
    long=True,
)
def soft_tree(weights, thresholds, leaf_values, X):
    depth = 2
    y = np.sin(X[:, 0]) * X[:, 1]
    loss = 0.0
    for row, target in zip(X, y):
        pred = 0.0
        for leaf in range(2 ** depth):
            prob = 1.0
            node = 0
            for level in range(depth):
                right = (leaf >> (depth - 1 - level)) & 1
                gate = sigmoid(5.0 * (np.dot(weights[node], row) - thresholds[node]))
                prob *= gate if right else 1 - gate
                node = 2 * node + 1 + right
            pred += prob * leaf_values[leaf]
        loss += (pred - target) ** 2
    return loss / len(X)


# Factorisation machine on sparse rows, logistic loss, weights decayed.
@case(
    lambda rng: (0.1, rng.normal(size=5), 0.5 * rng.normal(size=(5, 2))),
    argnums=(0, 1, 2),
)
def factorisation_machine(w0, w, V):
    rows = [[(0, 1.0), (3, 0.5)], [(1, 2.0), (2, 1.0), (4, -1.0)], [(0, 0.3), (4, 1.0)]]
    labels = [1, -1, 1]
    k = V.shape[1]
    loss = 0.0
    for row, label in zip(rows, labels):
        yhat = w0
        for i, x in row:
            yhat += w[i] * x
        for f in range(k):
            s = s2 = 0.0
            for i, x in row:
                t = V[i, f] * x
                s += t
                s2 += t * t
            yhat += 0.5 * (s * s - s2)
        loss += np.log1p(np.exp(-label * yhat))
    return loss + 0.01 * (np.sum(w ** 2) + np.sum(V ** 2))


# Edit distance with learned costs and a soft minimum.
@case(lambda rng: (rng.uniform(0.5, 1.5, (4, 4)), 0.8, 1.2), argnums=(0, 1, 2))
def soft_edit_distance(sub, ins, dele, s="kit", t="sat"):
    groups = {c: k % 4 for k, c in enumerate(string.ascii_lowercase)}
    m, n = len(s), len(t)
    d = [[0.0] * (n + 1) for _ in range(m + 1)]
    for i in range(1, m + 1):
        d[i][0] = d[i - 1][0] + dele
    for j in range(1, n + 1):
        d[0][j] = d[0][j - 1] + ins
    for i in range(1, m + 1):
        for j in range(1, n + 1):
            c = 0.0 if s[i - 1] == t[j - 1] else sub[groups[s[i - 1]], groups[t[j - 1]]]
            opts = [d[i - 1][j] + dele, d[i][j - 1] + ins, d[i - 1][j - 1] + c]
            lo = min(opts)
            d[i][j] = lo - math.log(sum(math.exp(-(o - lo)) for o in opts))
    return d[m][n]


# The likelihood of a tree of sequences, by pruning over a list of edges.
@case(lambda rng: (near(rng, 0.1, 0.2, 0.15, 0.06, 0.3, 0.12),))
def tree_of_sequences(t):
    edges = [(4, 0, 0), (4, 1, 1), (5, 2, 2), (5, 3, 3), (6, 4, 4), (6, 5, 5)]
    tips = ["ACG", "ATG", "GCG", "ACA"]
    n_sites = len(tips[0])
    partial = np.ones((7, n_sites, 4))
    for i, s in enumerate(tips):
        one = [[1.0 if "ACGT"[k] == ch else 0.0 for k in range(4)] for ch in s]
        partial[i] = np.array(one)
    scale = np.zeros(n_sites)
    for parent, child, e in edges:
        p = 0.25 + 0.75 * np.exp(-4 / 3 * t[e])
        q = 0.25 - 0.25 * np.exp(-4 / 3 * t[e])
        P = q * np.ones((4, 4)) + (p - q) * np.eye(4)
        partial[parent] *= partial[child] @ P.T
        if parent != 6:
            mx = partial[parent].max(axis=1)
            partial[parent] /= mx[:, None]
            scale += np.log(mx)
    return np.sum(np.log(partial[6] @ np.full(4, 0.25)) + scale)


# Marginals of a chain of labels; the backward messages are put in front of a list.
@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(3, 3))), argnums=(0, 1))
def chain_of_labels(unary, trans):
    T, K = unary.shape
    gold = [0, 1, 1, 2]
    fwd = [unary[0]]
    for t in range(1, T):
        fwd.append(unary[t] + logsumexp(fwd[-1][:, None] + trans, axis=0))
    bwd = [np.zeros(K)]
    for t in range(T - 1, 0, -1):
        bwd.insert(0, logsumexp(trans + (unary[t] + bwd[0])[None, :], axis=1))
    logZ = logsumexp(fwd[-1])
    score = sum(unary[t][y] for t, y in enumerate(gold))
    score += sum(trans[a, b] for a, b in zip(gold[:-1], gold[1:]))
    marg = np.exp(np.array(fwd) + np.array(bwd) - logZ)
    hamming = 0.0
    for t in range(T):
        hamming += 1 - marg[t, gold[t]]
    return logZ - score + hamming


# Particles that are drawn anew where few of them carry the weight.
@case(
    lambda rng: (near(rng, 0.9, 0.5, 0.3), near(rng, 0.3, -0.8, 1.1, 0.4),
                 np.random.default_rng(7)), argnums=(0, 1),
)
def particle_filter(theta, y, rng):
    phi, q, r = theta
    N = 6
    x = rng.normal(size=N)
    w = np.ones(N) / N
    ll = 0.0
    for t in range(len(y)):
        x = phi * x + q * rng.standard_normal(N)
        logw = -0.5 * ((y[t] - x) / r) ** 2 - np.log(r)
        m = logw.max()
        w = w * np.exp(logw - m)
        ll += m + np.log(w.sum())
        w /= w.sum()
        ess = 1.0 / np.sum(w ** 2)
        if ess < N / 2:
            u = (rng.random() + np.arange(N)) / N
            idx = np.minimum(np.searchsorted(np.cumsum(w), u), N - 1)
            x = x[idx]
            w = np.full(N, 1.0 / N)
    return ll + np.sum(w * x)
