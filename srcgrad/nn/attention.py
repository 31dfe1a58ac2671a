"""Scaled dot-product attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.checks import floats, meet, meet_all, said, spreads
from srcgrad.runtime.readable import attended

Floats = Any  # an array of floats


def attention(
    q: Floats, k: Floats, v: Floats, mask: Any = None, causal: bool = False
) -> Floats:
    """Return for each query the mean of values, weighted by how its key fits.

    `softmax(q @ k.T / sqrt(size)) @ v`; Vaswani et al., 2017. With heads, the axes are
    `(n, heads, length, size)`. A query that may see no key at all gets zeros.

    Args:
        q: Queries `(..., queries, size)`.
        k: Keys `(..., keys, size)`.
        v: Values `(..., keys, features)`.
        mask: Which keys a query may see: bools that broadcast to `(..., queries,
            keys)`; or floats that are added to the products, `-inf` for what is hidden.
        causal: Whether the query at place i sees the keys up to place i alone.

    Returns:
        `(..., queries, features)`.

    >>> x = np.eye(2)[None]
    >>> attention(x, x, x, causal=True)[0].round(3)
    array([[1.  , 0.  ],
           [0.33, 0.67]])
    """
    if np.ndim(q) < 2 or np.ndim(k) != np.ndim(q) or np.ndim(v) != np.ndim(q):
        what = "attention: q, k, v have as many axes each, two at least, not {}, {}, {}"
        raise ValueError(said(what, q, k, v))
    floats("attention", "q", q)
    meet("attention", "features", "q", q, -1, "k", k, -1)
    meet("attention", "keys", "k", k, -2, "v", v, -2)
    meet_all("attention", "q", q, "k", k, np.ndim(q) - 2)
    meet_all("attention", "q", q, "v", v, np.ndim(q) - 2)
    if mask is not None:
        shape = (*np.shape(q)[:-1], np.shape(k)[-2])
        spreads("attention", "mask", mask, "the products", shape)
        if mask.dtype not in (bool, np.float32, np.float64):
            what = "attention: a mask is of bools, or of floats that are added: "
            raise TypeError(said(what + "pass mask.astype(bool)"))
    return attended(q, k, v, mask, causal)
