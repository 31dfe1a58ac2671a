"""The MLP 784-256-128-10 at batch 128 whose step is what costs are measured by."""

from typing import Any

import numpy as np

import srcgrad


def loss(p: dict[str, Any], x: Any, labels: Any) -> Any:
    """Return the mean cross-entropy."""
    h = np.maximum(x @ p["w1"] + p["b1"], 0)
    h = np.maximum(h @ p["w2"] + p["b2"], 0)
    logits = h @ p["w3"] + p["b3"]
    logits = logits - logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits).sum(axis=1))
    return np.mean(total - logits[np.arange(labels.size), labels])


def step_of_mlp() -> tuple[Any, dict[str, Any], tuple[Any, Any]]:
    """Return value and gradient, compiled, float32 parameters and a batch."""
    rng, params = np.random.default_rng(0), dict[str, Any]()
    for k, (n, m) in enumerate([(784, 256), (256, 128), (128, 10)], 1):
        params[f"w{k}"] = (rng.normal(size=(n, m)) * np.sqrt(2 / n)).astype(np.float32)
        params[f"b{k}"] = np.zeros(m, np.float32)
    images = rng.normal(size=(128, 784)).astype(np.float32)
    batch = images, rng.integers(0, 10, 128)
    step = srcgrad.value_and_grad(loss)
    step(params, *batch)
    return step, params, batch
