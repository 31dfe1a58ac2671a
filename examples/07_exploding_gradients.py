"""Exploding gradients in a recurrent network, and clipping by the global norm.

The gradient goes back through the same matrix once a step of the sequence: its size
changes like a power of the matrix's scale. The network learns to add up the numbers of
a sequence that are marked. Without clipping, a few large steps end the training: the
helper says in which line numbers became infinite, and keeps the parameters before that.
"""

print("pip install -e . && python examples/07_exploding_gradients.py")

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import srcgrad
from srcgrad import optim
from srcgrad.monitor import parameters
from srcgrad.train import TrainingError, fit

UNITS = 24


def loss(p: Any, x: Any, target: Any) -> Any:
    """Return the mean squared error of what is read off the last state."""
    h = np.zeros((x.shape[0], p["w"].shape[0]))
    for t in range(x.shape[1]):
        h = np.maximum(h @ p["w"] + x[:, t] @ p["u"] + p["b"], 0)
    return np.mean((h @ p["v"] - target) ** 2)


def initial(scale: float) -> dict[str, Any]:
    """Return parameters with an orthogonal matrix, times a scale."""
    rng = np.random.default_rng(0)
    w = np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0] * scale
    u, v = rng.normal(size=(2, UNITS)) * 0.5, rng.normal(size=UNITS) * 0.3
    return {"w": w, "u": u, "b": np.zeros(UNITS), "v": v}


def batch(rng: np.random.Generator, length: int, size: int = 32) -> tuple[Any, Any]:
    """Return sequences of numbers and marks, and the sums of the marked numbers."""
    x = np.stack([rng.uniform(size=(size, length)), np.zeros((size, length))], axis=2)
    for row in x:
        row[rng.permutation(length)[:2], 1] = 1
    return x, np.sum(x[..., 0] * x[..., 1], axis=1)


def main() -> None:
    """Show norms by scale and length, then train without and with clipping."""
    step = srcgrad.value_and_grad(loss, backend="python")
    lengths, rng = (5, 10, 20, 40, 80), np.random.default_rng(1)
    print("\nnorm of the gradient of w\n scale " + "".join(f"{n:>10}" for n in lengths))
    for scale in (1.0, 1.4, 1.8, 2.2):
        grads = [step(initial(scale), *batch(rng, n))[1] for n in lengths]
        norms = [parameters.tree_norm(g["w"]) for g in grads]
        print(f"{scale:6} " + "".join(f"{norm:10.1e}" for norm in norms))

    epochs, length = (3 if "--small" in sys.argv else 20), 30

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Any]:
        return (batch(rng, length) for _ in range(20))

    for clip in (None, 1.0):
        print(f"\nclip = {clip}, scale 1.9, sequences of {length}, plain descent")
        try:
            done = fit(step, initial(1.9), optim.SGD(0.01), batches, epochs=epochs,
                       clip=clip)  # fmt: skip
        except TrainingError as error:
            print(error)
            done = error.result
        losses, norms = (done.history[n] for n in ("loss", "gradient_norm"))
        for k in range(0, len(losses), -(-len(losses) // 8)):
            bar = "#" * max(int(4 + np.log10(norms[k] + 1e-9)), 0)
            print(f"step {k + 1:4}  loss {losses[k]:9.3g}  |g| {norms[k]:8.1e} {bar}")


if __name__ == "__main__":
    main()
