"""In JAX: layers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.rivals.in_jax import Texts


def go_fast(a):
    b = a + jnp.sum(jnp.tanh(jnp.diag(a)))
    return jnp.sum(b * b)


def softmax(x):
    y = jax.nn.softmax(x, axis=-1)
    return jnp.sum(y * y)


def mlp(x, w1, b1, w2, b2, w3, b3):
    h = jnp.maximum(x @ w1 + b1, 0.0)
    h = jnp.maximum(h @ w2 + b2, 0.0)
    y = jax.nn.softmax(h @ w3 + b3, axis=-1)
    return jnp.sum(y * y)


def layer(h, w, b):
    h = lax.conv_general_dilated(
        h, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    h = jax.nn.relu(h + b)
    window = (1, 2, 2, 1)
    return lax.reduce_window(h, -jnp.inf, lax.max, window, window, "VALID")


def cnn(x, labels, w1, b1, w2, b2, w3, b3):
    h = layer(layer(x, w1, b1), w2, b2)
    y = jax.nn.log_softmax(h.reshape(h.shape[0], -1) @ w3 + b3)
    return -jnp.mean(jnp.take_along_axis(y, labels[:, None], axis=1))


TEXTS: Texts = {text.__name__: (text,) for text in (go_fast, softmax, mlp, cnn)}
