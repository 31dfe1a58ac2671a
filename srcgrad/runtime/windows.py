"""Convolutions and windows over images in plain NumPy: readable text calls these.

Images are `(n, height, width, channels)`, weights `(height, width, channels, out)`.
Pairs are of rows and columns: `start` is by how much the first patch begins outside of
the image, where there are zeros, `size` how many patches there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = [
    "conv_nhwc", "conv_nhwc_input", "conv_nhwc_weights", "window_places",
    "window_share", "window_spread", "window_sum", "window_take",
]  # fmt: skip

Floats = Any
Pair = tuple[int, int]
ONE: Pair = (1, 1)


def conv_nhwc(
    x: Floats, w: Floats, start: Pair, size: Pair, stride: Pair = ONE,
    dilation: Pair = ONE, groups: int = 1,
) -> Floats:  # fmt: skip
    """Return the convolution of images with weights.

    >>> x, w = np.arange(9.0).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1))
    >>> conv_nhwc(x, w, (0, 0), (2, 2))[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    if x.shape[3] != w.shape[2] * groups:
        what = f"{x.shape[3]} channels, but weights for {w.shape[2]} * {groups}"
        raise ValueError(f"conv2d: {what}")
    padded, _ = _padded(x, w.shape, start, size, stride, dilation)
    patches = _patches(padded, w.shape, size, stride, dilation)
    parts = [
        np.tensordot(patches[..., i], w[..., o], 3)
        for i, o in _groups(x.shape[3], w.shape[3], groups)
    ]
    return np.concatenate(parts, axis=3) if groups > 1 else parts[0]


def conv_nhwc_input(
    y: Floats, w: Floats, start: Pair, size: Pair, stride: Pair = ONE,
    dilation: Pair = ONE, groups: int = 1,
) -> Floats:  # fmt: skip
    """Return the slope of a convolution by images of a size, given that by its result.

    >>> conv_nhwc_input(np.ones((1, 1, 1, 1)), np.ones((1, 2, 1, 1)), (0, 0), (1, 3))
    array([[[[1.],
             [1.],
             [0.]]]])
    """
    shape = (len(y), *size, w.shape[2] * groups)
    x = np.zeros(shape, np.result_type(y, w))
    padded, inside = _padded(x, w.shape, start, y.shape[1:3], stride, dilation)
    patches = _patches(padded, w.shape, y.shape[1:3], stride, dilation)
    for i, o in _groups(shape[3], w.shape[3], groups):
        parts = np.tensordot(y[..., o], w[..., o], (3, 3))
        for p, q in np.ndindex(*w.shape[:2]):
            patches[:, :, :, p, q, i] += parts[:, :, :, p, q]
    (here, there) = inside
    x[here] = padded[there]
    return x


def conv_nhwc_weights(
    x: Floats, y: Floats, start: Pair, shape: tuple[int, int, int],
    stride: Pair = ONE, dilation: Pair = ONE, groups: int = 1,
) -> Floats:  # fmt: skip
    """Return the slope of a convolution by its weights, given that by its result.

    >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
    >>> conv_nhwc_weights(x, np.ones((1, 1, 2, 1)), (0, 0), (1, 2, 1)).ravel()
    array([1., 3.])
    """
    padded, _ = _padded(x, shape, start, y.shape[1:3], stride, dilation)
    patches = _patches(padded, shape, y.shape[1:3], stride, dilation)
    axes = (0, 1, 2)
    parts = [
        np.tensordot(patches[..., i], y[..., o], (axes, axes))
        for i, o in _groups(x.shape[3], y.shape[3], groups)
    ]
    return np.concatenate(parts, axis=3) if groups > 1 else parts[0]


def _padded(
    x: Floats, shape: Any, start: Pair, size: Pair, stride: Pair, dilation: Pair
) -> tuple[Floats, Any]:
    """Return what all patches lie in; slices of the image, and of where it lies."""
    lengths, here, there = [], [slice(None)], [slice(None)]
    for axis in (0, 1):
        reach = (shape[axis] - 1) * dilation[axis] + 1
        length = max((size[axis] - 1) * stride[axis] + reach, 0)
        first = start[axis]
        stop = min(x.shape[axis + 1], length - first)
        lengths.append(length)
        here.append(slice(max(-first, 0), max(stop, 0)))
        there.append(
            slice(max(first, 0), max(first, 0) + max(stop - max(-first, 0), 0))
        )
    padded = np.zeros((len(x), *lengths, x.shape[3]), x.dtype)
    inside = tuple(here), tuple(there)
    padded[inside[1]] = x[inside[0]]
    return padded, inside


def _patches(
    x: Floats, shape: Any, size: Pair, stride: Pair, dilation: Pair
) -> Floats:  # fmt: skip
    """Return the patches as a view: of each, its rows, columns and channels."""
    n, down, across, depth = x.strides
    strides = (n, down * stride[0], across * stride[1], down * dilation[0],
               across * dilation[1], depth)  # fmt: skip
    of = (len(x), *size, *shape[:2], x.shape[3])
    return np.lib.stride_tricks.as_strided(x, of, strides)


def _groups(depth: int, out: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """Yield the channels of each group, and what is made of them."""
    i, o = depth // groups, out // groups
    for g in range(groups):
        yield slice(g * i, g * i + i), slice(g * o, g * o + o)


def _windows(x: Floats, count: Pair, size: Pair, stride: Pair) -> Iterator[Floats]:
    """Yield views of the items at each place of all windows."""
    down, across = count
    for p, q in np.ndindex(*size):
        rows = slice(p, p + (down - 1) * stride[0] + 1, stride[0])
        yield x[:, rows, q : q + (across - 1) * stride[1] + 1 : stride[1]]


def window_places(x: Floats, count: Pair, size: Pair, stride: Pair) -> Any:
    """Return where in each of `count` windows the first of its largest items is.

    >>> x = np.array([[1.0, 5.0, 5.0], [2.0, 3.0, 4.0]]).reshape(1, 2, 3, 1)
    >>> window_places(x, (1, 2), (2, 2), (1, 1)).ravel()
    array([1, 0], dtype=int16)
    """
    places = np.zeros((len(x), *count, x.shape[3]), np.int16)
    best = np.empty(places.shape, x.dtype)
    for k, v in enumerate(_windows(x, count, size, stride)):
        better = ((v > best) | (v != v)) & (best == best) if k else True
        np.copyto(best, v, where=better)
        np.copyto(places, np.int16(k), where=better)
    return places


def window_take(x: Floats, places: Any, size: Pair, stride: Pair) -> Floats:
    """Return the item at its place in each window."""
    out = np.empty(places.shape, x.dtype)
    for k, v in enumerate(_windows(x, places.shape[1:3], size, stride)):
        np.copyto(out, v, where=places == k)
    return out


def window_spread(
    y: Floats, places: Any, shape: Pair, size: Pair, stride: Pair
) -> Floats:  # fmt: skip
    """Return images of zeros, with the items of windows added at their places.

    >>> places = np.array([1, 0]).reshape(1, 1, 2, 1)
    >>> window_spread(np.ones((1, 1, 2, 1)), places, (1, 3), (1, 2), (1, 1)).ravel()
    array([0., 2., 0.])
    """
    out = np.zeros((len(y), *shape, y.shape[3]), y.dtype)
    for k, v in enumerate(_windows(out, places.shape[1:3], size, stride)):
        v += np.where(places == k, y, 0)
    return out


def window_sum(x: Floats, count: Pair, size: Pair, stride: Pair) -> Floats:
    """Return the sum of the items of each of `count` windows.

    >>> window_sum(np.arange(3.0).reshape(1, 1, 3, 1), (1, 2), (1, 2), (1, 1)).ravel()
    array([1., 3.])
    """
    out = np.zeros((len(x), *count, x.shape[3]), x.dtype)
    for v in _windows(x, count, size, stride):
        out += v
    return out


def window_share(y: Floats, shape: Pair, size: Pair, stride: Pair) -> Floats:
    """Return images of zeros, with what windows have added to all their items.

    >>> window_share(np.ones((1, 1, 2, 1)), (1, 3), (1, 2), (1, 1)).ravel()
    array([1., 2., 1.])
    """
    out = np.zeros((len(y), *shape, y.shape[3]), y.dtype)
    for v in _windows(out, y.shape[1:3], size, stride):
        v += y
    return out
