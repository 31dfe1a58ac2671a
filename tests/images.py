"""Convolutions and windows one product at a time: what the quick ones must equal."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Attrs = dict[str, Any]
Place = tuple[int, ...]


def products(
    x: Place, w: Place, y: Place, start: Sequence[int], attrs: Attrs
) -> Iterator[tuple[Place, Place, Place]]:
    """Yield which item of images and of weights is multiplied for which of a result."""
    stride, dilation, groups = attrs["stride"], attrs["dilation"], attrs["groups"]
    outs = y[3] // groups
    for n, i, j, o in np.ndindex(*y):
        for p, q, c in np.ndindex(*w[:3]):
            row = i * stride[0] - start[0] + p * dilation[0]
            column = j * stride[1] - start[1] + q * dilation[1]
            if 0 <= row < x[1] and 0 <= column < x[2]:
                channel = o // outs * w[2] + c
                yield (n, row, column, channel), (p, q, c, o), (n, i, j, o)


def convolved(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return a convolution, given images, weights, where it begins and its size."""
    x, w, top, left, *size = args
    y = np.zeros((len(x), *size, w.shape[3]))
    for at_x, at_w, at_y in products(x.shape, w.shape, y.shape, (top, left), attrs):
        y[at_y] += x[at_x] * w[at_w]
    return y.astype(np.result_type(x, w))


def of_images(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return its slope by the images."""
    y, w, top, left, *size = args
    x = np.zeros((len(y), *size, w.shape[2] * attrs["groups"]))
    for at_x, at_w, at_y in products(x.shape, w.shape, y.shape, (top, left), attrs):
        x[at_x] += y[at_y] * w[at_w]
    return x.astype(np.result_type(y, w))


def of_weights(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return its slope by the weights."""
    x, y, top, left, *size = args
    w = np.zeros((*size, y.shape[3]))
    for at_x, at_w, at_y in products(x.shape, w.shape, y.shape, (top, left), attrs):
        w[at_w] += x[at_x] * y[at_y]
    return w.astype(np.result_type(x, y))


def window(x: Any, at: Place, attrs: Attrs) -> Any:
    """Return the view of one window of images."""
    (n, i, j, c), (down, across) = at, attrs["stride"]
    rows = slice(i * down, i * down + attrs["size"][0])
    return x[n, rows, j * across : j * across + attrs["size"][1], c]


def places(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return where in each window the first of its largest items is."""
    x, *count = args
    out = np.zeros((len(x), *count, x.shape[3]), np.int16)
    for at in np.ndindex(*out.shape):
        out[at] = np.argmax(window(x, at, attrs))
    return out


def taken(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return the item at its place in each window."""
    x, chosen = args
    out = np.zeros(chosen.shape, x.dtype)
    for at in np.ndindex(*out.shape):
        out[at] = window(x, at, attrs).flat[chosen[at]]
    return out


def spread(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return zeros with the items of windows added at their places."""
    y, chosen, *size = args
    out = np.zeros((len(y), *size, y.shape[3]), y.dtype)
    for at in np.ndindex(*y.shape):
        window(out, at, attrs)[np.unravel_index(chosen[at], attrs["size"])] += y[at]
    return out


def summed(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return the sum of the items of each window."""
    x, *count = args
    out = np.zeros((len(x), *count, x.shape[3]), x.dtype)
    for at in np.ndindex(*out.shape):
        out[at] = window(x, at, attrs).sum()
    return out


def shared(args: Sequence[Any], attrs: Attrs) -> Any:
    """Return zeros with what windows have added to all their items."""
    y, *size = args
    out = np.zeros((len(y), *size, y.shape[3]), y.dtype)
    for at in np.ndindex(*y.shape):
        window(out, at, attrs)[...] += y[at]
    return out


def kept(key: int, rate: float, *shape: int) -> Any:
    """Return the mask of dropout, by Wellons' hash of 32 bits."""

    def mixed(x: int) -> int:
        x = (x ^ x >> 16) * 0x21F0AAAD % 2**32
        x = (x ^ x >> 15) * 0x735A2D97 % 2**32
        return x ^ x >> 15

    low, high = key % 2**32, (key >> 32) % 2**32
    one = mixed(low)
    two = mixed(high ^ mixed(one ^ 0x5BD1E995))
    found = [mixed(mixed(k ^ one) ^ two) for k in range(math.prod(shape))]
    return np.array([x >= rate * 2**32 for x in found], bool).reshape(shape)
