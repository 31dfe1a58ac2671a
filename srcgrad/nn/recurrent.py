"""Cells of recurrent networks: one step in time; loops over time are the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.activations import sigmoid
from srcgrad.nn.checks import meet, said

Floats = Any  # an array of floats


def rnn_cell(x: Floats, h: Floats, w: Floats, u: Floats, b: Floats) -> Floats:
    """Return the next state `tanh(x @ w + h @ u + b)`; Elman, 1990.

    Args:
        x: The input of a step `(n, in)`.
        h: The state before it `(n, size)`.
        w: Weights of the input `(in, size)`.
        u: Weights of the state `(size, size)`.
        b: What is added `(size,)`.

    >>> rnn_cell(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 1)),
    ...          np.ones((1, 1)), np.zeros(1)).round(3)
    array([[0.762]])
    """
    _fit("rnn_cell", x, h, w, u, b, 1)
    return np.tanh(x @ w + h @ u + b)


def lstm_cell(
    x: Floats, state: tuple[Floats, Floats], w: Floats, u: Floats, b: Floats
) -> tuple[Floats, Floats]:
    """Return the next state and memory of a long short-term memory.

    Hochreiter and Schmidhuber, 1997, with forget gates. The columns of weights are in
    four blocks: input gate, forget gate, candidate, output gate, as in torch.

    Args:
        x: The input of a step `(n, in)`.
        state: State and memory `(n, size)` before it.
        w: Weights of the input `(in, 4 * size)`.
        u: Weights of the state `(size, 4 * size)`.
        b: What is added `(4 * size,)`.

    >>> h, c = lstm_cell(np.ones((1, 1)), (np.zeros((1, 1)), np.zeros((1, 1))),
    ...                  np.ones((1, 4)), np.ones((1, 4)), np.zeros(4))
    >>> h.round(3), c.round(3)
    (array([[0.37]]), array([[0.557]]))
    """
    h, c = state
    _fit("lstm_cell", x, h, w, u, b, 4)
    meet("lstm_cell", "features", "the memory", c, 1, "the state", h, 1)
    meet("lstm_cell", "rows", "the memory", c, 0, "the state", h, 0)
    gates, size = x @ w + h @ u + b, h.shape[1]
    take, keep = sigmoid(gates[:, :size]), sigmoid(gates[:, size : 2 * size])
    new = np.tanh(gates[:, 2 * size : 3 * size])
    out = sigmoid(gates[:, 3 * size :])
    memory = keep * c + take * new
    return out * np.tanh(memory), memory


def gru_cell(
    x: Floats, h: Floats, w: Floats, u: Floats, b: Floats, b_state: Floats
) -> Floats:
    """Return the next state of a gated recurrent unit.

    Cho et al., 2014, with the reset gate behind the product, as in torch:
    `n = tanh(x @ w_n + b_n + r * (h @ u_n + b_state_n))`. The columns of weights are in
    three blocks: reset gate, update gate, candidate.

    Args:
        x: The input of a step `(n, in)`.
        h: The state before it `(n, size)`.
        w: Weights of the input `(in, 3 * size)`.
        u: Weights of the state `(size, 3 * size)`.
        b: What is added to the input's products `(3 * size,)`.
        b_state: What is added to the state's products `(3 * size,)`.

    >>> gru_cell(np.ones((1, 1)), np.zeros((1, 1)), np.ones((1, 3)), np.ones((1, 3)),
    ...          np.zeros(3), np.zeros(3)).round(3)
    array([[0.205]])
    """
    _fit("gru_cell", x, h, w, u, b, 3)
    meet("gru_cell", "columns", "b_state", b_state, 0, "u", u, 1)
    given, held, size = x @ w + b, h @ u + b_state, h.shape[1]
    reset = sigmoid(given[:, :size] + held[:, :size])
    update = sigmoid(given[:, size : 2 * size] + held[:, size : 2 * size])
    new = np.tanh(given[:, 2 * size :] + reset * held[:, 2 * size :])
    return (1 - update) * new + update * h


def _fit(
    layer: str, x: Floats, h: Floats, w: Floats, u: Floats, b: Floats, blocks: int
) -> None:
    """Raise ValueError unless the operands of a cell fit together."""
    ranks = np.ndim(x), np.ndim(h), np.ndim(w), np.ndim(u), np.ndim(b)
    if ranks != (2, 2, 2, 2, 1):
        what = ": x, h, w, u, b have 2, 2, 2, 2, 1 axes, not {}, {}, {}, {}, {}"
        raise ValueError(said(layer + what, x, h, w, u, b))
    meet(layer, "rows", "x", x, 0, "the state", h, 0)
    meet(layer, "features", "x", x, 1, "w", w, 0)
    meet(layer, "features", "the state", h, 1, "u", u, 0)
    meet(layer, "columns", "w", w, 1, "u", u, 1)
    meet(layer, "columns", "b", b, 0, "u", u, 1)
    if u.shape[1] != blocks * u.shape[0]:
        raise ValueError(said(layer + ": u is (size, {} * size), not {}", blocks, u))
