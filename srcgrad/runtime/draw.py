"""Numbers that look random, worked out from a key: the same ones on every backend.

The mixing is a hash of 32 bits that Wellons found by search (hash-prospector), once
with each half of the key. All products fit into 63 bits.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from typing import Any

import numpy as np

from srcgrad.runtime.views import empty, flat

__all__ = ["kept_mask"]

LOW = 0xFFFFFFFF


def mixed(x: Any) -> Any:
    """Return another number of 32 bits; from another one comes another."""
    x = ((x ^ (x >> 16)) * 0x21F0AAAD) & LOW
    x = ((x ^ (x >> 15)) * 0x735A2D97) & LOW
    return x ^ (x >> 15)


def kept_mask(key, rate, shape):
    """Return an array of bools of which about a share of `rate` is False."""
    one = mixed(key & LOW)
    two = mixed(((key >> 32) & LOW) ^ mixed(one ^ 0x5BD1E995))
    limit, out = rate * 4294967296.0, empty(shape, np.bool_)
    to = flat(out)
    for k in range(to.size):
        found = mixed(mixed((k & LOW) ^ one) ^ two ^ (k >> 32))
        to[k] = found >= limit
    return out
