"""Train a two-layer network on 5,000 real MNIST digits, in float32, by plain SGD.

The loss is ordinary NumPy; `srcgrad.value_and_grad` differentiates it with respect to
the whole dict of parameters. The digits come with `pip install 'srcgrad[data]'`.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

import srcgrad
from srcgrad.data import mnist_digits, split

Array = NDArray[np.float32]
Labels = NDArray[np.int64]


def load_digits(seed: int) -> tuple[Array, Labels, Array, Labels]:
    """Return 4,000 images and labels to train on, then 1,000 held-out ones."""
    train, held = split(mnist_digits(), 1000, seed)
    images, held_images = (
        (part.inputs.reshape(-1, 784) - np.float32(0.13)) / np.float32(0.31)
        for part in (train, held)
    )
    return images, train.labels, held_images, held.labels


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
    try:
        images, labels, held_images, held_labels = load_digits(options.seed)
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None
    rng = np.random.default_rng(options.seed)
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
