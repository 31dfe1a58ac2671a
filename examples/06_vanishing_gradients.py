"""Vanishing gradients in twelve layers, and four cures: ReLU, residual, norm, weights.

The slope of a sigmoid is 1/4 at most. Each network learns two spirals; the magnitude of
its first gradients is drawn against the layer, also by Matplotlib if it is installed.
"""

print("pip install -e '.[viz]' && python examples/06_vanishing_gradients.py")

import sys
from importlib.util import find_spec
from typing import Any

import numpy as np

import srcgrad
from srcgrad import monitor, nn, optim
from srcgrad.train import fit

DEPTH, WIDTH = 12, 32
NETWORKS = {  # what the layers do; the size of their weights, times 1 / sqrt(WIDTH)
    "sigmoid": ("sigmoid", 1.0),
    "ReLU, He weights": ("relu", np.sqrt(2)),
    "ReLU, small weights": ("relu", 0.3),
    "sigmoid, residual": ("residual", 1.0),
    "sigmoid, batch norm": ("norm", 1.0),
}


def spirals(rng: np.random.Generator, n: int = 256) -> tuple[Any, Any]:
    """Return points on two arms, and which arm they are on."""
    labels, t = np.arange(n) % 2, rng.uniform(0.5, 3, n)
    angle = 2 * t + np.pi * labels + 0.02 * rng.normal(size=n)
    return np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1), labels


def predict(p: Any, x: Any, kind: str) -> Any:
    """Return the logits of a network with layers of one kind."""
    h = x @ p["first"]
    for layer in p["layers"]:
        a = h @ layer["w"] + layer["b"]
        if kind == "norm":
            a = a - np.mean(a, axis=0)
            a = a / np.sqrt(np.mean(a**2, axis=0) + 1e-5)
        out = nn.relu(a) if kind == "relu" else nn.sigmoid(a)
        h = h + out if kind == "residual" else out
    return h @ p["last"]


def loss(p: Any, x: Any, labels: Any, kind: str) -> Any:
    """Return the mean cross-entropy."""
    return nn.softmax_cross_entropy(predict(p, x, kind), labels)


def initial(rng: np.random.Generator, size: float) -> dict[str, Any]:
    """Return random weights and zero biases."""
    shape, std = (DEPTH, WIDTH, WIDTH), size / np.sqrt(WIDTH)
    layers = [{"w": w, "b": np.zeros(WIDTH)} for w in rng.normal(size=shape) * std]
    first, last = rng.normal(size=(2, WIDTH)), rng.normal(size=(WIDTH, 2)) * 0.2
    return {"first": first, "layers": layers, "last": last}


def main() -> None:
    """Train each network, say what is wrong with its first gradients, draw them all."""
    steps, flows = 60 if "--small" in sys.argv else 600, {}
    x, labels = spirals(np.random.default_rng(0))
    step = srcgrad.value_and_grad(loss, backend="python")
    for label, (kind, size) in NETWORKS.items():
        params, batches = initial(np.random.default_rng(1), size), [(x, labels, kind)]
        flow = flows[label] = monitor.GradientFlow(steps)
        done = fit(step, params, optim.Adam(3e-3), batches, epochs=steps, monitor=flow)
        right = np.mean(predict(done.params, x, kind).argmax(axis=1) == labels)
        print(f"\n{label}: {right:.0%} right after {steps} steps")
        print(*(f"  {f.kind}: {f.message}" for f in flow.findings()[:2]), sep="\n")
    if find_spec("matplotlib"):
        monitor.plot(flows, "vanishing_gradients.png", title="First gradients")
    print(f"\n{monitor.bars(flows)}")


if __name__ == "__main__":
    main()
