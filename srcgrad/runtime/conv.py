"""Convolutions: patches of the images are laid out as rows, and BLAS multiplies.

Images are `(n, height, width, channels)`, weights `(height, width, channels, out)`; the
first patch begins `top` and `left` outside of the image, where there are zeros. As many
patches are laid out at a time as stay in the cache.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat, index

__all__ = ["conv_nhwc", "conv_nhwc_input", "conv_nhwc_weights"]

_ARGUMENTS = "(" + "T[:, :, :, ::1], " * 2 + "int64, " * 7 + "T[:, :, :, ::1])"
CORES = {f"_{name}": f"void{_ARGUMENTS}" for name in ("forward", "input", "weights")}

SCRATCH = 65536  # numbers that are laid out at a time


def _copy(a, start, count, b, to, back):
    """Copy some numbers; or add them where they came from."""
    if back:
        for k in range(count):
            a[index(start + k)] += b[index(to + k)]
    else:
        for k in range(count):
            b[index(to + k)] = a[index(start + k)]


def _patches(x, place, size, step, gap, channels, rows, patches, back):
    """Lay out the patches of some rows of the result; or add them to the image.

    The rows of all images are numbered on. All are pairs: where the first patch begins
    and how many there are to a side (`place`), the size of patches, the steps between
    them, the gaps between their items, the first and the last of channels and of rows.
    """
    a, (height, width, depth) = flat(x), x.shape[1:]
    down, across = place[1]
    first, count = channels[0], channels[1] - channels[0]
    whole = (gap[1] == 1) & (count == depth)
    at = 0
    for row in range(rows[0], rows[1]):
        image, top = row // down * height, row % down * step[0] - place[0][0]
        for j in range(across):
            left = j * step[1] - place[0][1]
            inside = whole & (left >= 0) & (left + size[1] <= width)
            for p in range(size[0]):
                y = top + p * gap[0]
                there = (y >= 0) & (y < height)
                line = (image + y) * width
                if there & inside:
                    _copy(a, (line + left) * depth, size[1] * depth, patches, at, back)
                    at += size[1] * depth
                    continue
                for q in range(size[1]):
                    z = left + q * gap[1]
                    if there & (z >= 0) & (z < width):
                        start = (line + z) * depth + first
                        _copy(a, start, count, patches, at, back)
                    elif not back:
                        for k in range(count):
                            patches[index(at + k)] = 0
                    at += count


def _lines(x, place, size, gap, rows, patches, back):
    """Do as `_patches` does for images of one channel and steps of one, by columns.

    A column has one item of each patch: those of a row lie side by side in the image.
    The step down is the third of `rows`.
    """
    a, (height, width) = flat(x), x.shape[1:3]
    down, across = place[1]
    at = 0
    for p in range(size[0]):
        for q in range(size[1]):
            shift = q * gap[1] - place[0][1]
            first = min(max(-shift, 0), across)
            count = max(min(across, width - shift) - first, 0)
            for row in range(rows[0], rows[1]):
                y = row % down * rows[2] - place[0][0] + p * gap[0]
                there = (y >= 0) & (y < height)
                if there:
                    start = (row // down * height + y) * width + shift + first
                    _copy(a, start, count, patches, at + first, back)
                if not back:
                    for k in range(first if there else across):
                        patches[index(at + k)] = 0
                    for k in range(first + count if there else across, across):
                        patches[index(at + k)] = 0
                at += across


def _parts(a, first, last):
    """Return some of the last axis of an array as a matrix."""
    inner = a.shape[-1]
    source, rows = flat(a), a.size // inner
    out = np.empty((rows, last - first), a.dtype)
    for i in range(rows):
        to = out[i]
        for k in range(last - first):
            to[k] = source[index(i * inner + first + k)]
    return out


def _turns(rows, numbers):
    """Return how many rows are laid out at a time, of so many numbers each."""
    return max(1, min(rows, SCRATCH // max(numbers, 1)))


def _forward(x, w, top, left, s0, s1, d0, d1, groups, out):
    """Put the convolution into `out`."""
    n, down, across, depth = out.shape
    count, items = depth // groups, w.shape[0] * w.shape[1] * w.shape[2]
    step = _turns(n * down, across * items)
    patches = np.empty(step * across * items, x.dtype)
    place, to = ((top, left), (down, across)), flat(out)
    for g in range(groups):
        weights = w.reshape((items, depth))
        if groups > 1:
            weights = _parts(w, g * count, g * count + count)
        channels = (g * w.shape[2], g * w.shape[2] + w.shape[2])
        for row in range(0, n * down, step):
            last = min(row + step, n * down)
            m = (last - row) * across
            used = patches[: m * items]
            start = row * across * depth
            part = to[start : start + m * depth].reshape((m, depth))
            if (x.shape[3] == 1) & (s1 == 1):
                _lines(x, place, w.shape[:2], (d0, d1), (row, last, s0), patches, False)
                np.dot(used.reshape((items, m)).T, weights, part)
                continue
            _patches(x, place, w.shape[:2], (s0, s1), (d0, d1), channels, (row, last),
                     patches, False)  # fmt: skip
            if groups == 1:
                np.dot(used.reshape((m, items)), weights, part)
                continue
            product = flat(np.dot(used.reshape((m, items)), weights))
            for i in range(m):
                for k in range(count):
                    at = start + i * depth + g * count + k
                    to[index(at)] = product[index(i * count + k)]


def _input(y, w, top, left, s0, s1, d0, d1, groups, out):
    """Add to `out` what each number of it was multiplied by."""
    n, down, across, depth = y.shape
    count, items = depth // groups, w.shape[0] * w.shape[1] * w.shape[2]
    step = _turns(n * down, across * items)
    patches = np.empty(step * across * items, y.dtype)
    place, given = ((top, left), (down, across)), flat(y)
    for g in range(groups):
        weights = w.reshape((items, depth))
        if groups > 1:
            weights = _parts(w, g * count, g * count + count)
        channels = (g * w.shape[2], g * w.shape[2] + w.shape[2])
        for row in range(0, n * down, step):
            last = min(row + step, n * down)
            m = (last - row) * across
            start = row * across * depth
            part = given[start : start + m * depth].reshape((m, depth))
            if groups > 1:
                part = _parts(part, g * count, g * count + count)
            used = patches[: m * items]
            if (out.shape[3] == 1) & (s1 == 1):
                np.dot(weights, part.T, used.reshape((items, m)))
                turns = (row, last, s0)
                _lines(out, place, w.shape[:2], (d0, d1), turns, patches, True)
                continue
            np.dot(part, weights.T, used.reshape((m, items)))
            _patches(out, place, w.shape[:2], (s0, s1), (d0, d1), channels,
                     (row, last), patches, True)  # fmt: skip


def _weights(x, y, top, left, s0, s1, d0, d1, groups, out):
    """Put into `out` what each weight was multiplied by."""
    n, down, across, depth = y.shape
    count, items = depth // groups, out.shape[0] * out.shape[1] * out.shape[2]
    step = _turns(n * down, across * items)
    patches = np.empty(step * across * items, x.dtype)
    place, given, to = ((top, left), (down, across)), flat(y), flat(out)
    for g in range(groups):
        channels = (g * out.shape[2], g * out.shape[2] + out.shape[2])
        for row in range(0, n * down, step):
            last = min(row + step, n * down)
            m = (last - row) * across
            start = row * across * depth
            part = given[start : start + m * depth].reshape((m, depth))
            if groups > 1:
                part = _parts(part, g * count, g * count + count)
            used, k = patches[: m * items], out.shape[:2]
            if (x.shape[3] == 1) & (s1 == 1):
                _lines(x, place, k, (d0, d1), (row, last, s0), patches, False)
                product = flat(np.dot(used.reshape((items, m)), part))
            else:
                _patches(x, place, k, (s0, s1), (d0, d1), channels, (row, last),
                         patches, False)  # fmt: skip
                product = flat(np.dot(used.reshape((m, items)).T, part))
            for i in range(items):
                for k in range(count):
                    at = i * depth + g * count + k
                    to[index(at)] += product[index(i * count + k)]


def conv_nhwc(x, w, top, left, height, width, s0, s1, d0, d1, groups):
    """Return the convolution of images with weights."""
    out = np.empty((x.shape[0], height, width, w.shape[3]), x.dtype)
    if out.size > 0:
        _forward(x, w, top, left, s0, s1, d0, d1, groups, out)
    return out


def conv_nhwc_input(y, w, top, left, height, width, s0, s1, d0, d1, groups):
    """Return the slope of a convolution by the images, given that by the result."""
    out = np.zeros((y.shape[0], height, width, w.shape[2] * groups), y.dtype)
    if out.size > 0:
        _input(y, w, top, left, s0, s1, d0, d1, groups, out)
    return out


def conv_nhwc_weights(
    x, y, top, left, height, width, channels, s0, s1, d0, d1, groups
):  # fmt: skip
    """Return the slope of a convolution by the weights, given that by the result."""
    out = np.zeros((height, width, channels, y.shape[3]), x.dtype)
    if out.size > 0:
        _weights(x, y, top, left, s0, s1, d0, d1, groups, out)
    return out
