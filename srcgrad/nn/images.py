"""Convolution and pooling of images `(n, height, width, channels)`."""

from __future__ import annotations

from typing import Any

from srcgrad.runtime.readable import conv_nhwc, window_places, window_take

Floats = Any  # an array of floats


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

    >>> import numpy as np
    >>> conv2d(np.ones((1, 3, 3, 1)), np.ones((3, 3, 1, 1)), padding="same")[0, :, :, 0]
    array([[4., 6., 4.],
           [6., 9., 6.],
           [4., 6., 4.]])
    """
    if x.ndim != 4 or w.ndim != 4:
        raise ValueError("conv2d: images and weights have four axes")
    if groups < 1 or (groups > 1 and w.shape[3] % groups != 0):
        raise ValueError("conv2d: outputs cannot be divided into these groups")
    s, d = _pair(stride), _pair(dilation)
    top, rows = _fitted(padding, 0, x.shape[1], _reach(w.shape[0], d[0]), s[0])
    left, columns = _fitted(padding, 1, x.shape[2], _reach(w.shape[1], d[1]), s[1])
    if padding != "same" and min(rows, columns) < 1:
        raise ValueError("conv2d: the weights reach beyond the image")
    start, size = (top, left), (rows, columns)
    y = conv_nhwc(x, w, start, size, stride=s, dilation=d, groups=groups)
    return y if b is None else y + b


def max_pool2d(x: Floats, size: Any = 2, stride: Any = None) -> Floats:
    """Return the largest items of windows; of equals, the first gets the gradient.

    Args:
        x: Images `(n, height, width, channels)`.
        size: The size of windows, or a pair of height and width.
        stride: The step between windows, if it is not their size.

    >>> import numpy as np
    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    if x.ndim != 4:
        raise ValueError("max_pool2d: images have four axes")
    k = _pair(size)
    s = k if stride is None else _pair(stride)
    if k[0] * k[1] > 32767:
        raise ValueError("max_pool2d: windows have 32767 items at most")
    rows = _count(x.shape[1] - k[0], s[0])
    columns = _count(x.shape[2] - k[1], s[1])
    if min(rows, columns) < 1:
        raise ValueError("max_pool2d: the windows are larger than the image")
    places = window_places(x, (rows, columns), size=k, stride=s)
    return window_take(x, places, size=k, stride=s)


def _pair(x: Any) -> Any:
    """Return a size or a step of rows and of columns."""
    pair = tuple(x) if isinstance(x, (tuple, list)) else (x, x)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError("a size, a stride, a dilation is one positive number, or two")
    return pair


def _reach(length: Any, dilation: int) -> Any:
    """Return the length of a patch."""
    return (length - 1) * dilation + 1 if dilation > 1 else length


def _fitted(padding: Any, axis: int, length: Any, reach: Any, step: int) -> Any:
    """Return how many zeros are before an axis, and how many patches there are."""
    if isinstance(padding, str) and padding not in ("valid", "same"):
        raise ValueError("conv2d: padding is 'valid', 'same', a number or pairs")
    if padding == "same":
        count = -(-length // step) if step > 1 else length
        missing = max((count - 1) * step + reach - length, 0) if step > 1 else reach - 1
        return missing // 2, count
    own = 0 if padding == "valid" else padding
    both = own[axis] if isinstance(own, tuple) else own
    before, after = both if isinstance(both, tuple) else (both, both)
    return before, _count(length + before + after - reach, step)


def _count(room: Any, step: int) -> Any:
    """Return how many windows there are, if the last may begin at `room`."""
    return room // step + 1 if step > 1 else room + 1
