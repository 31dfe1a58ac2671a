"""In JAX: layers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax
import jax.numpy as jnp

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


TEXTS: Texts = {text.__name__: (text,) for text in (go_fast, softmax, mlp)}
