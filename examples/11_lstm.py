"""An LSTM learns to add two numbers that are far apart in a sequence.

The adding problem of Hochreiter and Schmidhuber (1997): of a sequence of numbers from 0
to 1, two are marked, one in each half; their sum is asked for at the end. Whoever
ignores the marks does best to say 1, with a mean squared error of 1/6.
"""

print("pip install -e . && python examples/11_lstm.py")

import sys
from typing import Any

import numpy as np

import srcgrad
from srcgrad import nn, optim

Params = dict[str, Any]


def draw(rng: np.random.Generator, length: int, count: int) -> tuple[Any, Any]:
    """Return sequences `(length, count, 2)` of numbers and marks, and the sums."""
    numbers, marks = rng.random((length, count)), np.zeros((length, count))
    half = length // 2
    for first in (0, half):
        marks[rng.integers(first, first + half, count), np.arange(count)] = 1
    return np.stack([numbers, marks], axis=2), np.sum(numbers * marks, axis=0)


def predict(params: Params, x: Any) -> Any:
    """Return what the state of the LSTM says after the last item."""
    h = np.zeros((x.shape[1], params["u"].shape[0]))
    c = np.zeros((x.shape[1], params["u"].shape[0]))
    for t in range(len(x)):
        h, c = nn.lstm_cell(x[t], (h, c), params["w"], params["u"], params["b"])
    return (h @ params["v"])[:, 0] + params["d"]


def loss(params: Params, x: Any, sums: Any) -> Any:
    """Return the mean squared error."""
    return nn.mse(predict(params, x), sums)


def initial(rng: np.random.Generator, size: int) -> Params:
    """Return weights; the forget gates are open at first."""
    b = np.zeros(4 * size)
    b[size : 2 * size] = 1
    blocks = [nn.init.orthogonal(rng, (size, size)) for _ in range(4)]
    w, v = (nn.init.xavier_uniform(rng, s) for s in ((2, 4 * size), (size, 1)))
    return {"w": w, "u": np.concatenate(blocks, axis=1), "b": b, "v": v, "d": 1.0}


def main() -> None:
    """Train; draw how the error falls, and print the backward of a step of time."""
    length, steps = (8, 40) if "--small" in sys.argv else (40, 1500)
    rng = np.random.default_rng(0)
    params = initial(rng, 32)
    step, adam = srcgrad.value_and_grad(loss), optim.Adam(3e-3)
    state, held = adam.init(params), draw(rng, length, 500)
    print("\n  step  error on other sequences (1/6 without the marks)")
    for k in range(steps + 1):
        if k % (steps // 10) == 0:
            error = np.mean((predict(params, held[0]) - held[1]) ** 2)
            print(f"{k:6}  {error:.4f} {'#' * round(240 * min(error, 1 / 4))}")
        _, grads = step(params, *draw(rng, length, 64))
        grads, _ = optim.clip_by_global_norm(grads, 1.0)
        params, state = adam.update(grads, state, params)
    print(f"\n{step.backward_source}")


if __name__ == "__main__":
    main()
