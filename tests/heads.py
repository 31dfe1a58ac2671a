"""Attention one query, and norms one row at a time: what the quick ones must equal."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Attrs = dict[str, Any]
Place = tuple[int, ...]


def softened(
    q: Any, k: Any, mask: Sequence[Any], attrs: Attrs
) -> Iterator[tuple[Place, Any]]:  # fmt: skip
    """Yield the place of each query and its weights, in float64."""
    shape = (*q.shape[:-1], k.shape[-2])
    (added,) = mask or (np.zeros(shape),)
    if added.dtype == bool:
        added = np.where(added, 0.0, -np.inf)
    added = np.broadcast_to(added, shape)
    for at in np.ndindex(*q.shape[:-1]):
        products = k[at[:-1]].astype(float) @ q[at] / np.sqrt(q.shape[-1]) + added[at]
        products[at[-1] + 1 :] -= np.inf if attrs["causal"] else 0.0
        seen = products > -np.inf
        whole = np.exp(products - np.max(products, initial=-1e300, where=seen))
        whole[~seen] = 0
        yield at, whole / max(whole.sum(), 1e-300)


def weights(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return all weights."""
    q, k, *mask = args
    out = np.empty((*q.shape[:-1], k.shape[-2]))
    for at, w in softened(q, k, mask, attrs):
        out[at] = w
    return out.astype(np.result_type(*(x for x in args if x.dtype != bool)))


def means(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return the means of values."""
    q, k, v, *mask = args
    out = np.empty((*q.shape[:-1], v.shape[-1]))
    for at, w in softened(q, k, mask, attrs):
        out[at] = w @ v[at[:-1]]
    return out.astype(np.result_type(*(x for x in args if x.dtype != bool)))


def slopes(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return the slopes by queries, keys and values side by side."""
    q, k, v, y, *mask = args
    d_q, d_k, d_v = (np.zeros(x.shape) for x in (q, k, v))
    for at, w in softened(q, k, mask, attrs):
        head = at[:-1]
        inner = (np.diag(w) - np.outer(w, w)) @ (v[head] @ y[at]) / np.sqrt(q.shape[-1])
        d_q[at] = inner @ k[head]
        d_k[head] += np.outer(inner, q[at])
        d_v[head] += np.outer(w, y[at])
    whole = np.concatenate([d.ravel() for d in (d_q, d_k, d_v)])
    return whole.astype(np.result_type(q, k, v, y))


def normed(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return rows at mean 0 and variance 1."""
    x, eps = args
    out = np.empty(x.shape)
    for at in np.ndindex(*x.shape[:-1]):
        out[at] = (x[at] - x[at].mean()) / np.sqrt(x[at].var() + eps)
    return out.astype(np.result_type(x, eps))


def normed_slope(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return its slope by rows, by the matrix of all slopes of a row."""
    x, y, eps = args
    out, n = np.empty(x.shape), x.shape[-1]
    for at in np.ndindex(*x.shape[:-1]):
        z, root = normed((x[at] * 1.0, eps), {}), np.sqrt(x[at].var() + eps)
        out[at] = (np.eye(n) - 1 / n - np.outer(z, z) / n) @ y[at] / root
    return out.astype(np.result_type(x, y, eps))
