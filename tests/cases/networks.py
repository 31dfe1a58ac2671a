"""Networks: convolutions, pooling and the losses of `srcgrad.nn`."""

import numpy as np

from srcgrad import nn
from srcgrad.nn import conv2d, max_pool2d
from tests.cases import case

LABELS = np.array([2, 0])


def images(rng):
    return rng.normal(size=(2, 6, 6, 1)), rng.normal(size=(3, 3, 1, 4)), rng.normal(size=4)


def small(rng):
    return tuple(a.astype(np.float32) for a in images(rng))


def weights(rng):
    parts = {"w1": (3, 3, 1, 2), "b1": (2,), "w2": (2, 2, 2, 3), "b2": (3,),
             "w3": (12, 5), "b3": (5,)}
    return rng.normal(size=(2, 8, 8, 1)), {k: rng.normal(size=s) for k, s in parts.items()}


@case(images, argnums=(0, 1, 2))
def convolution(x, w, b):
    y = np.tanh(conv2d(x, w, b, padding="same"))
    return np.sum(y * y) + y[0, 1, 2, 3]


@case(images, argnums=(0, 1, 2))
def strides_and_gaps(x, w, b):
    y = conv2d(x, w, b, stride=(2, 1), padding=((2, 1), (1, 0)), dilation=(1, 2))
    return np.sum(np.sin(y)) + np.sum(y[:, -1] ** 2)


@case(small, argnums=(0, 1, 2), rtol=1e-5)
def convolution_in_single_precision(x, w, b):
    y = max_pool2d(nn.relu(conv2d(x, w, b)), 2)
    return np.sum(y * y)


@case(weights, argnums=(0, 1))
def network_of_two_convolutions(x, p):
    h = max_pool2d(nn.relu(conv2d(x, p["w1"], p["b1"], padding="same")))
    h = max_pool2d(nn.relu(nn.conv2d(h, p["w2"], p["b2"], padding="same")))
    logits = nn.dense(h.reshape(h.shape[0], -1), p["w3"], p["b3"])
    return nn.softmax_cross_entropy(logits, LABELS)


@case(images, argnums=(0, 1, 2))
def convolutions_in_a_loop(x, w, b):
    h = np.tanh(conv2d(x, w, b, padding="same"))
    for k in range(3):
        h = h + 0.1 * conv2d(h, w, b, padding="same", groups=4)[:, ::-1]
        h[0, k] *= nn.sigmoid(h[1, k])
    return np.sum(nn.softmax(h) * nn.log_softmax(h, axis=1)) + np.max(nn.leaky_relu(h))


@case(lambda rng: (rng.normal(size=(2, 7, 5, 2)),))
def windows_that_overlap(x):
    y = max_pool2d(np.sin(x), (3, 2), stride=(2, 1))
    return np.sum(max_pool2d(y * y, 2, 1) * y[:, 1:, 1:])


TOKENS = np.array([[1, 0, 3, 1], [2, 2, 0, 3]])


def block(rng):
    shapes = {"table": (4, 6), "place": (4, 6), "a": (6,), "b": (6,), "w": (6, 18),
              "w1": (6, 5), "b1": (5,), "w2": (5, 6), "out": (6, 4)}
    return ({k: 0.5 * rng.normal(size=s) for k, s in shapes.items()},)


@case(block)
def transformer(p):
    x = nn.embedding(TOKENS, p["table"]) + p["place"]
    qkv = nn.dense(nn.layer_norm(x, p["a"], p["b"]), p["w"])
    x = x + nn.attention(qkv[..., :6], qkv[..., 6:12], qkv[..., 12:], causal=True)
    x = nn.dropout(x, 0.25, 7)
    h = nn.dense(nn.gelu(nn.dense(x, p["w1"], p["b1"])), p["w2"])
    logits = nn.dense(x + h, p["out"])
    return nn.softmax_cross_entropy(logits[:, :-1], TOKENS[:, 1:])


def heads(rng):
    shapes = (2, 2, 3, 2), (2, 2, 4, 2), (2, 2, 4, 3), (2, 1, 3, 4)
    return tuple(rng.normal(size=s) for s in shapes)


@case(heads)
def attention_under_masks(q, k, v, more):
    seen = np.array([[True, False, True, True], [False] * 4, [True, True, True, False]])
    y = nn.attention(q, k, v, more, causal=True) * nn.attention(q, k, v, seen)
    return np.sum(np.sin(y)) + np.sum(nn.attention(q[0, 0], k[0, 0], v[0, 0]) ** 3)


def cells(rng):
    shapes = (4, 2, 3), (3, 6), (2, 6), (6,), (6,)
    return tuple(0.5 * rng.normal(size=s) for s in shapes)


@case(cells, argnums=(0, 2))
def cells_in_a_loop(x, w, u, b, b_state):
    h = np.zeros((2, 2))
    for t in range(len(x)):
        h = nn.gru_cell(x[t], h, w, u, b, b_state)
    return nn.huber(h, np.tanh(x[0, :, :2]), 0.3)
