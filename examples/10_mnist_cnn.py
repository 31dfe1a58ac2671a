"""The tutorials' CNN on 5,000 digits: shapes forth and back, training, backward."""

print("pip install -e '.[data]' && python examples/10_mnist_cnn.py")

import sys
from typing import Any

import numpy as np

import srcgrad
from srcgrad import nn, optim
from srcgrad.data import Batches, mnist_digits, split

STAGES: tuple[tuple[str, Any], ...] = (
    ("conv 32 3x3", lambda p, h, key: nn.conv2d(h, p["w1"], p["b1"])),
    ("relu", lambda p, h, key: nn.relu(h)),
    ("max pool 2x2", lambda p, h, key: nn.max_pool2d(h, 2)),
    ("conv 64 3x3", lambda p, h, key: nn.conv2d(h, p["w2"], p["b2"])),
    ("relu", lambda p, h, key: nn.relu(h)),
    ("max pool 2x2", lambda p, h, key: nn.max_pool2d(h, 2)),
    ("flatten", lambda p, h, key: nn.flatten(h)),
    ("dropout 0.5", lambda p, h, key: nn.dropout(h, 0.5, key)),
    ("dense 10", lambda p, h, key: nn.dense(h, p["w3"], p["b3"])),
)


def loss(params: Any, images: Any, labels: Any, key: int) -> Any:
    """Return the cross-entropy; `key` says what dropout drops."""
    h = images
    for _, stage in STAGES:
        h = stage(params, h, key)
    return nn.softmax_cross_entropy(h, labels)


def show_shapes(params: Any, images: Any, labels: Any) -> None:
    """Print the shape of each stage's result, and of its gradient on the way back."""
    print(f"\n{'stage':14} {'forward':>18} {'backward':>18}")
    print(f"{'image':14} {images.shape!s:>18} {'none is computed':>18}")
    h = images
    for k, (name, stage) in enumerate(STAGES, 1):
        h = stage(params, h, 0)

        def rest(h: Any) -> Any:
            for _, stage in STAGES[k:]:  # noqa: B023
                h = stage(params, h, 0)
            return nn.softmax_cross_entropy(h, labels)

        slope = srcgrad.grad(rest, backend="python")(h)
        print(f"{name:14} {h.shape!s:>18} {slope.shape!s:>18}")


def main() -> None:
    """Train, and print shapes, the backward, and the accuracy on 1,000 digits."""
    small = "--small" in sys.argv
    try:
        train, held = split(mnist_digits(), 1000)
    except FileNotFoundError as error:
        print(error)
        raise SystemExit(77) from None
    rng, f = np.random.default_rng(0), np.float32
    shapes = {1: (3, 3, 1, 32), 2: (3, 3, 32, 64), 3: (1600, 10)}
    params = {f"w{k}": nn.init.he_normal(rng, s, dtype=f) for k, s in shapes.items()}
    params |= {f"b{k}": np.zeros(s[-1], f) for k, s in shapes.items()}
    show_shapes(params, train.inputs[:2], train.labels[:2])
    step, adam = srcgrad.value_and_grad(loss), optim.Adam(1e-3)
    state, batches = adam.init(params), Batches(train[:256] if small else train, 128)
    while batches.epoch < (1 if small else 10):
        for images, labels in batches:
            value, grads = step(params, images, labels, int(rng.integers(2**63)))
            adam.step(grads, state, params)
        h = held.inputs
        for _, stage in (*STAGES[:7], STAGES[8]):  # without dropout
            h = stage(params, h, 0)
        right = np.mean(h.argmax(axis=1) == held.labels)
        print(f"epoch {batches.epoch:2}: last loss {value:.3f}, held out {right:.1%}")
    print(f"\n{step.backward_source}")


if __name__ == "__main__":
    main()
