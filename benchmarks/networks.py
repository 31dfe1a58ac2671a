"""Training steps of two networks in float32, in srcgrad's words, PyTorch's and JAX's.

A step is value, gradient and update of all parameters. `cnn` is that of the tutorials:
conv 32 3x3, ReLU, pool, conv 64 3x3, ReLU, pool, flatten, dropout 0.5, dense 10, cross-
entropy, Adam; `mlp` is 784-256-128-10 with ReLU and SGD. PyTorch and JAX are imported
by the functions that use them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import srcgrad
from srcgrad import nn, optim

Params = dict[str, Any]
Step = Callable[[], Any]  # trains on one batch, always the same
RATE = {"cnn": 1e-3, "mlp": 0.1}


@dataclass
class Trainer:
    """A network that can be trained batch by batch and asked for labels."""

    train: Callable[[Any, Any], Any]
    predict: Callable[[Any], Any]


def features(params: Params, x: Any) -> Any:
    """Return what the convolutions make of images `(n, 28, 28, 1)`."""
    h = nn.max_pool2d(nn.relu(nn.conv2d(x, params["w1"], params["b1"])))
    h = nn.max_pool2d(nn.relu(nn.conv2d(h, params["w2"], params["b2"])))
    return nn.flatten(h)


def cnn_loss(params: Params, x: Any, labels: Any, key: int) -> Any:
    """Return the cross-entropy, with dropout that depends on a key."""
    h = nn.dropout(features(params, x), 0.5, key)
    logits = nn.dense(h, params["w3"], params["b3"])
    return nn.softmax_cross_entropy(logits, labels)


def mlp_loss(params: Params, x: Any, labels: Any) -> Any:
    """Return the cross-entropy of a network of three dense layers."""
    h = nn.relu(nn.dense(x, params["w1"], params["b1"]))
    h = nn.relu(nn.dense(h, params["w2"], params["b2"]))
    logits = nn.dense(h, params["w3"], params["b3"])
    return nn.softmax_cross_entropy(logits, labels)


def parameters(name: str, rng: np.random.Generator) -> Params:
    """Draw weights as He et al. do, biases of zero."""
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {
        "cnn": ((3, 3, 1, 32), (3, 3, 32, 64), (1600, 10)),
        "mlp": ((784, 256), (256, 128), (128, 10)),
    }
    out = {}
    for layer, shape in enumerate(shapes[name], 1):
        out[f"w{layer}"] = nn.init.he_normal(rng, shape, dtype=np.float32)
        out[f"b{layer}"] = np.zeros(shape[-1], np.float32)
    return out


def batch(name: str, size: int) -> tuple[Any, Any]:
    """Return random images and labels."""
    rng = np.random.default_rng(1)
    x = rng.random((size, 28, 28, 1) if name == "cnn" else (size, 784), np.float32)
    return x, rng.integers(0, 10, size)


def in_srcgrad(name: str, seed: int = 0, backend: Any = "numba") -> Trainer:
    """Train with srcgrad's gradient and optimiser."""
    rng = np.random.default_rng(seed)
    params = parameters(name, rng)
    adam = name == "cnn"
    rate = RATE[name]
    optimiser: Any = optim.Adam(rate) if adam else optim.SGD(rate)
    state = optimiser.init(params)
    loss = cnn_loss if adam else mlp_loss
    gradient = srcgrad.value_and_grad(loss, backend=backend)
    predicted = srcgrad.differentiable(features, argnums=0)

    def train(x: Any, labels: Any) -> Any:
        more = (int(rng.integers(2**63)),) if adam else ()
        value, grads = gradient(params, x, labels, *more)
        optimiser.step(grads, state, params)
        return value

    def predict(x: Any) -> Any:
        logits = predicted.value(params, x) @ params["w3"] + params["b3"]
        return logits.argmax(axis=1)

    return Trainer(train, predict)


def in_torch(name: str, seed: int = 0) -> Trainer:
    """Train as PyTorch's own tutorials do; images are laid out as it prefers them."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    n = torch.nn
    convolutions = (n.Conv2d(1, 32, 3), n.ReLU(), n.MaxPool2d(2), n.Conv2d(32, 64, 3),
                    n.ReLU(), n.MaxPool2d(2), n.Flatten(), n.Dropout(0.5),
                    n.Linear(1600, 10))  # fmt: skip
    dense = (n.Linear(784, 256), n.ReLU(), n.Linear(256, 128), n.ReLU(),
             n.Linear(128, 10))  # fmt: skip
    network = n.Sequential(*(convolutions if name == "cnn" else dense))
    kind = torch.optim.Adam if name == "cnn" else torch.optim.SGD
    optimiser = kind(network.parameters(), lr=RATE[name])
    loss = n.CrossEntropyLoss()

    def images(x: Any) -> Any:
        return torch.from_numpy(x.reshape(-1, 1, 28, 28) if name == "cnn" else x)

    def train(x: Any, labels: Any) -> Any:
        network.train()
        optimiser.zero_grad()
        value = loss(network(images(x)), torch.from_numpy(labels))
        value.backward()
        optimiser.step()
        return float(value.detach())

    def predict(x: Any) -> Any:
        network.eval()
        with torch.no_grad():
            return network(images(x)).argmax(dim=1).numpy()

    return Trainer(train, predict)


def mlp_in_jax() -> Step:
    """Return a step in JAX: one jitted function, which may overwrite the parameters."""
    jax: Any = importlib.import_module("jax")
    jnp = jax.numpy

    def loss(params: Params, x: Any, labels: Any) -> Any:
        h = jax.nn.relu(x @ params["w1"] + params["b1"])
        h = jax.nn.relu(h @ params["w2"] + params["b2"])
        logs = jax.nn.log_softmax(h @ params["w3"] + params["b3"])
        return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], axis=1))

    def update(params: Params, x: Any, labels: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, x, labels)
        moved = jax.tree.map(lambda p, g: p - RATE["mlp"] * g, params, grads)
        return moved, value

    jitted = jax.jit(update, donate_argnums=0)
    x, labels = (jnp.asarray(a) for a in batch("mlp", 128))
    drawn = parameters("mlp", np.random.default_rng(0))
    kept = {"params": {name: jnp.array(value) for name, value in drawn.items()}}

    def step() -> Any:
        kept["params"], value = jitted(kept["params"], x, labels)
        return float(jax.block_until_ready((kept["params"], value))[1])

    return step


def step_of(name: str, rival: str, size: int = 128) -> Step:
    """Return a step on one batch of random images.

    Raises:
        ImportError: The rival is not installed.
    """
    if rival == "jax":
        return mlp_in_jax()
    x, labels = batch(name, size)
    trainer = in_srcgrad(name) if rival == "srcgrad" else in_torch(name)
    return lambda: trainer.train(x, labels)
