# mypy: allow-untyped-defs, allow-untyped-calls
"""What helpers of networks mean to the compiler, in plain NumPy; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.draws import drawn_key
from srcgrad.ops.prelude import (
    axes_of,
    fixed,
    is_fixed,
    is_one,
    kind,
    means,
    rows,
    same,
)

READABLE, CHECKS = "srcgrad.runtime.readable", "srcgrad.nn.checks"


@means(f"{READABLE}.conv_nhwc")
def conv_nhwc(x, w, start, size, stride=(1, 1), dilation=(1, 1), groups=1):
    pairs = {"stride": stride, "dilation": dilation}
    return rows.conv_nhwc(x, w, *start, *size, groups=groups, **pairs)


@means(f"{READABLE}.window_places")
def window_places(x, count, size, stride):
    return rows.window_places(x, *count, size=size, stride=stride)


@means(f"{READABLE}.window_take")
def window_take(x, places, size, stride):
    return rows.window_take(x, places, size=size, stride=stride)


@means(f"{READABLE}.window_sum")
def window_sum(x, count, size, stride):
    return rows.window_sum(x, *count, size=size, stride=stride)


@means(f"{READABLE}.attended")
def attended(q, k, v, mask=None, causal=False):
    masks = () if mask is None else (mask,)
    if causal:
        return rows.attended(q, k, v, *masks, causal=True)
    return rows.attended(q, k, v, *masks)


@means(f"{READABLE}.normed")
def normed(x, eps):
    return rows.normed(x, eps)


@means(f"{READABLE}.kept_mask")
def kept_mask(rng, rate, shape):
    key = drawn_key(rng) if kind(rng) == "generator" else rng
    return rows.kept_mask(key, rate, *shape)


# What layers check; plain Python says what is wrong (`srcgrad/nn/checks.py`).


@means(f"{CHECKS}.meet")
def meet(layer, what, first, x, axis, second, w, other):
    same(np.shape(x)[axis], np.shape(w)[other], layer)


@means(f"{CHECKS}.meet_all")
def meet_all(layer, first, x, second, y, axes):
    for n, m in zip(np.shape(x)[:axes], np.shape(y)[:axes], strict=True):
        same(n, m, layer)


@means(f"{CHECKS}.spreads")
def spreads(layer, first, x, second, shape):
    if np.ndim(x) > len(shape):
        raise ValueError
    for axis in axes_of(None, np.ndim(x)):
        if not is_one(x, axis):
            same(np.shape(x)[axis], shape[axis - np.ndim(x)], layer)


@means(f"{CHECKS}.share")
def share(layer, rate):
    known = is_fixed(rate) and is_share(rate)
    if not known and (rate < 0 or rate >= 1 or rate != rate):
        raise ValueError


@fixed
def is_share(rate):
    """Tell whether a rate is from 0 to below 1."""
    return 0 <= rate < 1


@means(f"{CHECKS}.floats")
def floats(layer, name, x):
    if kind(x) not in ("float64", "float32"):
        raise TypeError


@means(f"{CHECKS}.filled")
def filled(layer, x):
    for length in np.shape(x):
        if length == 0:
            raise ValueError


@means(f"{CHECKS}.whole_below")
def whole_below(layer, name, labels, count):
    if kind(labels) in ("float64", "float32", "bool"):
        raise TypeError
    if np.any((labels < 0) | (labels >= count)):
        raise ValueError
