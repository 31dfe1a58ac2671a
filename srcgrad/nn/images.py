"""Convolution and pooling of images `(n, height, width, channels)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from srcgrad.nn.checks import floats, meet, said
from srcgrad.runtime.readable import conv_nhwc, window_places, window_sum, window_take

Floats = Any  # an array of floats
WAYS = "'valid', 'same', a number, or a pair of numbers or of pairs"


def conv2d(
    x: Floats,
    w: Floats,
    b: Floats = None,
    stride: Any = 1,
    padding: Any = "valid",
    dilation: Any = 1,
    groups: int = 1,
) -> Floats:
    """Return the convolution of images with weights `(height, width, in, out)`.

    Args:
        x: Images `(n, height, width, channels)`.
        w: Weights; with groups, `in` is the number of channels of each of them.
        b: What is added to each output channel.
        stride: The step between patches, or a pair of them.
        padding: How many rows and columns of zeros are around the image: a number, a
            pair of numbers, or a pair of pairs (before, after). "valid" are none; as
            many as "same" make the result as large as the image, divided by the stride.
        dilation: The step between what is multiplied inside a patch.
        groups: In how many groups the channels are divided, that do not meet.

    Raises:
        ValueError: The shapes do not fit: both are named, and the line.
        TypeError: The weights are no floats.

    >>> conv2d(np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 1)), padding="same")[0, :, :, 0]
    array([[4., 6., 4.],
           [6., 9., 6.],
           [4., 6., 4.]])
    """
    if np.ndim(x) != 4 or np.ndim(w) != 4:
        what = "conv2d: images are (n, height, width, channels) and weights "
        raise ValueError(said(what + "(height, width, in, out), not {} and {}", x, w))
    floats("conv2d", "w", w)
    if groups < 1 or (groups > 1 and w.shape[3] % groups != 0):
        what = "conv2d: the outputs of weights {} cannot be divided into {} groups"
        raise ValueError(said(what, w, groups))
    if groups == 1:
        meet("conv2d", "channels", "x", x, 3, "w", w, 2)
    elif x.shape[3] != w.shape[2] * groups:
        what = "conv2d: x of shape {} has {} channels, but {} groups of w of shape {} "
        raise ValueError(
            said(what + "have {}", x, x.shape[3], groups, w, w.shape[2] * groups)
        )
    if b is not None and np.ndim(b) > 1:
        raise ValueError(said("conv2d: b is (out,), not of shape {}", b))
    if b is not None and np.ndim(b) == 1:
        meet("conv2d", "outputs", "b", b, 0, "w", w, 3)
    s, d = _pair("conv2d", stride), _pair("conv2d", dilation)
    top, rows = _fitted(padding, 0, x.shape[1], _reach(w.shape[0], d[0]), s[0])
    left, columns = _fitted(padding, 1, x.shape[2], _reach(w.shape[1], d[1]), s[1])
    if padding != "same" and min(rows, columns) < 1:
        raise ValueError(said("conv2d: weights {} reach beyond images {}", w, x))
    start, size = (top, left), (rows, columns)
    y = conv_nhwc(x, w, start, size, stride=s, dilation=d, groups=groups)
    return y if b is None else y + b


def max_pool2d(x: Floats, size: Any = 2, stride: Any = None) -> Floats:
    """Return the largest items of windows; of equals, the first gets the gradient.

    Args:
        x: Images `(n, height, width, channels)`.
        size: The size of windows, or a pair of height and width.
        stride: The step between windows, if it is not their size.

    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    k = _pair("max_pool2d", size)
    s = k if stride is None else _pair("max_pool2d", stride)
    if k[0] * k[1] > 32767:
        raise ValueError(said("max_pool2d: windows have 32767 items at most"))
    count = _windows("max_pool2d", x, k, s)
    places = window_places(x, count, size=k, stride=s)
    return window_take(x, places, size=k, stride=s)


def avg_pool2d(x: Floats, size: Any = 2, stride: Any = None) -> Floats:
    """Return the means of windows.

    Args:
        x: Images `(n, height, width, channels)`.
        size: The size of windows, or a pair of height and width.
        stride: The step between windows, if it is not their size.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    k = _pair("avg_pool2d", size)
    s = k if stride is None else _pair("avg_pool2d", stride)
    count = _windows("avg_pool2d", x, k, s)
    return window_sum(x, count, size=k, stride=s) * (1 / (k[0] * k[1]))


def _windows(layer: str, x: Floats, k: Any, s: Any) -> Any:
    """Return how many windows there are, down and across."""
    if np.ndim(x) != 4:
        raise ValueError(
            said(layer + ": images are (n, height, width, channels), not {}", x)
        )
    floats(layer, "x", x)
    rows, columns = _count(x.shape[1] - k[0], s[0]), _count(x.shape[2] - k[1], s[1])
    if min(rows, columns) < 1:
        raise ValueError(said(layer + ": windows {} are larger than images {}", k, x))
    return rows, columns


def _pair(layer: str, x: Any) -> Any:
    """Return a size or a step of rows and of columns."""
    pair = tuple(x) if isinstance(x, (tuple, list)) else (x, x)
    if len(pair) != 2 or min(pair) < 1:
        what = ": a size, stride or dilation is one positive number, or two, not {}"
        raise ValueError(said(layer + what, x))
    return pair


def _reach(length: Any, dilation: int) -> Any:
    """Return the length of a patch."""
    return (length - 1) * dilation + 1 if dilation > 1 else length


def _fitted(padding: Any, axis: int, length: Any, reach: Any, step: int) -> Any:
    """Return how many zeros are before an axis, and how many patches there are."""
    if isinstance(padding, str) and padding not in ("valid", "same"):
        raise ValueError(said("conv2d: padding is " + WAYS + ", not {}", padding))
    if padding == "same":
        count = -(-length // step) if step > 1 else length
        missing = max((count - 1) * step + reach - length, 0) if step > 1 else reach - 1
        return missing // 2, count
    own = 0 if padding == "valid" else padding
    if isinstance(own, (tuple, list)) and len(own) != 2:
        raise ValueError(said("conv2d: padding is " + WAYS + ", not {}", padding))
    both = own[axis] if isinstance(own, (tuple, list)) else own
    if isinstance(both, (tuple, list)) and len(both) != 2:
        raise ValueError(said("conv2d: padding is " + WAYS + ", not {}", padding))
    before, after = both if isinstance(both, (tuple, list)) else (both, both)
    return before, _count(length + before + after - reach, step)


def _count(room: Any, step: int) -> Any:
    """Return how many windows there are, if the last may begin at `room`."""
    return room // step + 1 if step > 1 else room + 1
