"""Attention in plain NumPy: readable text calls these."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.runtime.attention import FAR

__all__ = ["attended", "attention_slopes", "attention_weights"]

Floats = Any


def attention_weights(
    q: Floats, k: Floats, mask: Any = None, causal: bool = False
) -> Floats:
    """Return how much each query takes of each value: `softmax(q @ k.mT / sqrt(size))`.

    Those of a query that may see nothing are zeros.

    >>> attention_weights(np.eye(2), np.eye(2), causal=True).round(3)
    array([[1.  , 0.  ],
           [0.33, 0.67]])
    """
    scores = (q * q.shape[-1] ** -0.5) @ np.swapaxes(k, -1, -2)
    if mask is not None and mask.dtype == bool:
        scores = np.where(mask, scores, FAR)
    elif mask is not None:
        scores = np.maximum(scores + mask, FAR)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:], dtype=np.bool_), scores, FAR)
    best = np.max(scores, axis=-1, keepdims=True)
    whole = np.exp(scores - best)
    weights = whole / np.sum(whole, axis=-1, keepdims=True)
    return weights if mask is None else np.where(best <= 0.5 * FAR, 0, weights)


def attended(
    q: Floats, k: Floats, v: Floats, mask: Any = None, causal: bool = False
) -> Floats:
    """Return for each query the mean of values, weighted by how its key fits."""
    q, k, v = _alike(q, k, v)
    return attention_weights(q, k, mask, causal) @ v


def attention_slopes(
    q: Floats, k: Floats, v: Floats, y: Floats, mask: Any = None, causal: bool = False
) -> Floats:
    """Return the slopes of `attended` by queries, keys and values side by side.

    Args:
        q: Queries.
        k: Keys.
        v: Values.
        y: The slope by the result.
        mask: As `attended` takes it.
        causal: As `attended` takes it.

    >>> attention_slopes(np.eye(1), np.eye(1), 3 * np.eye(1), np.eye(1))
    array([0., 0., 1.])
    """
    q, k, v, y = _alike(q, k, v, y)
    weights = attention_weights(q, k, mask, causal)
    slopes = y @ np.swapaxes(v, -1, -2)
    less = slopes - np.sum(weights * slopes, axis=-1, keepdims=True)
    inner = weights * less * q.shape[-1] ** -0.5
    parts = (
        inner @ k,
        np.swapaxes(inner, -1, -2) @ q,
        np.swapaxes(weights, -1, -2) @ y,
    )
    return np.concatenate([part.reshape(-1) for part in parts])


def _alike(*arrays: Floats) -> list[Floats]:
    """Return arrays in the dtype that all of them fit into."""
    dtype = np.result_type(*arrays)
    return [x.astype(dtype, copy=False) for x in arrays]
