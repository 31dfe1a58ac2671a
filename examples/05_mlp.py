"""A network with two hidden layers learns handwritten digits, watched by the monitor.

The loss is plain NumPy. `fit` trains: it shows how it goes, keeps a checkpoint from
which a killed run goes on bit for bit (start this again with more `--epochs`), and
stops with the line of the cause if a number is not finite.
"""

print("pip install -e '.[data]' && python examples/05_mlp.py")

import argparse
import itertools
import sys
from typing import Any

import numpy as np

import srcgrad
from srcgrad import data, monitor, nn, optim
from srcgrad.train import fit

SIZES = 784, 256, 128, 10


def initial(rng: np.random.Generator) -> dict[str, Any]:
    """Return He-initialised weights and zero biases, in float32."""
    params: dict[str, Any] = {}
    for k, (n, m) in enumerate(itertools.pairwise(SIZES), 1):
        w = rng.standard_normal((n, m), np.float32)
        params[f"w{k}"] = w * np.float32(np.sqrt(2 / n))
        params[f"b{k}"] = np.zeros(m, np.float32)
    return params


def predict(p: dict[str, Any], images: Any) -> tuple[Any, Any, Any]:
    """Return the logits and the activations of the hidden layers."""
    x = images.reshape(images.shape[0], -1)
    h1 = nn.relu(nn.dense(x, p["w1"], p["b1"]))
    h2 = nn.relu(nn.dense(h1, p["w2"], p["b2"]))
    return nn.dense(h2, p["w3"], p["b3"]), h1, h2


def loss(p: dict[str, Any], images: Any, labels: Any) -> Any:
    """Return the mean cross-entropy, and what is shown and watched beside it."""
    logits, h1, h2 = predict(p, images)
    accuracy = np.mean(np.argmax(logits, axis=1) == labels)
    aux = {"accuracy": accuracy, "relu1": h1, "relu2": h2}
    return nn.softmax_cross_entropy(logits, labels), aux


def main() -> None:
    """Train; print how it went, the gradients by layer, and what they cost to watch."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="a tenth of the digits")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    try:
        digits = data.mnist_digits()
    except FileNotFoundError as error:
        print(error)  # it says what to install
        sys.exit(77)
    train, held = data.split(digits, 0.92 if options.small else 0.2)
    epochs, flow = 2 if options.small else options.epochs, monitor.GradientFlow()

    def evaluate(params: dict[str, Any]) -> dict[str, float]:
        found = predict(params, held.inputs)[0].argmax(axis=1)
        return {"held out": float(np.mean(found == held.labels))}

    done = fit(
        srcgrad.value_and_grad(loss, has_aux=True), initial(np.random.default_rng(0)),
        optim.Momentum(0.05), data.Batches(train, 128), epochs=epochs, monitor=flow,
        evaluate=evaluate, checkpoint=f"mlp_{len(train)}.npz", progress=True,
    )  # fmt: skip
    if flow.records:  # else all epochs were done in a run before
        print(f"\n{flow.report()}\n\n{monitor.bars(flow)}")
    print(f"\n{done.epochs[-1]['held out']:.1%} of {len(held):,} held-out digits right")


if __name__ == "__main__":
    main()
