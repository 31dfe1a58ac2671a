"""Convolutions: tiles of many channels are added up from the images as they lie.

Images are `(n, height, width, channels)`, weights `(height, width, channels, out)`.
The first patch begins `top` and `left` outside of the image, where there are zeros:
such an image is copied into a frame. No patches are laid out: what a patch has of a row
of an image lies side by side, and so do the results of a patch.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import TILE, flat, index, outer_tile, product_tile

__all__ = ["conv_nhwc", "conv_nhwc_input", "conv_nhwc_weights"]

_ARGUMENTS = "(" + "T[:, :, :, ::1], " * 2 + "int64, " * 7 + "T[:, :, :, ::1])"
CORES = {f"_{name}": f"void{_ARGUMENTS}" for name in ("forward", "input", "weights")}

NEAR = 32768  # numbers that stay in the cache while something else passes by


def _copy(a, start, count, b, to, back):
    """Copy some numbers; or add them where they came from."""
    if back:
        for k in range(count):
            a[index(start + k)] += b[index(to + k)]
    else:
        for k in range(count):
            b[index(to + k)] = a[index(start + k)]


def _around(x, edge, down, across, size, steps):
    """Return how high and wide all patches are together, and whether they stick out."""
    height = (down - 1) * steps[0] + (size[0] - 1) * steps[2] + 1
    width = (across - 1) * steps[1] + (size[1] - 1) * steps[3] + 1
    beyond = (height > x.shape[1]) | (width > x.shape[2])
    return height, width, (edge[0] != 0) | (edge[1] != 0) | beyond


def _frame(x, image, edge, first, frame, shape, back):
    """Copy an image into a frame of zeros; or from there back into the image.

    The frame begins `edge` rows and columns before the image. Its shape is of height,
    width, the channels copied, which begin at `first`, and all that it has room for.
    """
    a, (height, width, depth) = flat(x), x.shape[1:]
    for i in range(shape[0]):
        y = i - edge[0]
        for j in range(shape[1]):
            z = j - edge[1]
            there = (y >= 0) & (y < height) & (z >= 0) & (z < width)
            count = shape[2] if there else 0
            at = (i * shape[1] + j) * shape[3]
            start = ((image * height + y) * width + z) * depth + first
            if back:
                _copy(frame, at, count, a, start, False)
                continue
            _copy(a, start, count, frame, at, False)
            for k in range(count, shape[3]):
                frame[index(at + k)] = 0


def _panels(w, start, rows, columns, out, at):
    """Lay out a matrix of weights in panels as wide as a tile, with zeros beyond it.

    The rows are numbered by two counts; `rows` has both, each with its step, `columns`
    their count and step.
    """
    source, lanes, number = flat(w), TILE // w.itemsize, rows[0] * rows[2]
    for first in range(0, columns[0], lanes):
        for row in range(number):
            item = start + row // rows[2] * rows[1] + row % rows[2] * rows[3]
            for k in range(lanes):
                j = first + k
                there = j < columns[0]
                v = source[index(item + j * columns[1] if there else 0)]
                out[index(at + k)] = v if there else 0
            at += lanes


def _forward(x, w, top, left, s0, s1, d0, d1, groups, out):
    """Put the convolution into `out`."""
    (n, down, across, depth), (k0, k1, inner) = out.shape, w.shape[:3]
    channels, count, items = inner * groups, depth // groups, k0 * k1 * inner
    lanes = TILE // x.itemsize
    panels = (count + lanes - 1) // lanes
    b = np.empty(groups * panels * items * lanes, w.dtype)
    for g in range(groups):
        of_group = (1, 0, items, depth), (count, 1)
        _panels(w, g * count, of_group[0], of_group[1], b, g * panels * items * lanes)
    edge, steps = (top, left), (s0, s1, d0, d1)
    height, width, framed = _around(x, edge, down, across, (k0, k1), steps)
    frame = np.empty(height * width * channels if framed else 0, x.dtype)
    source, to = frame if framed else flat(x), flat(out)
    row = (width if framed else x.shape[2]) * channels
    line = np.empty(across * lanes, x.dtype)  # where a tile is wider than what is left
    loose = (d1 > 1) | (groups > 1)
    turns = k0 if loose else 1
    lengths = (across, k1, inner) if loose else (across, k0, k1 * inner)
    a1, parts = d1 * channels if loose else d0 * row, groups * panels
    far = items * count > NEAR
    for image in range(n):
        if framed:
            shape = height, width, channels, channels
            _frame(x, image, edge, 0, frame, shape, False)
        start = 0 if framed else image * x.shape[1] * row
        for k in range(parts * down):
            part, i = (k // down, k % down) if far else (k % parts, k // parts)
            group, first = part // panels, part % panels * lanes
            at = (image * down + i) * across * depth + group * count + first
            whole = first + lanes <= count
            into, at_c = (to, (at, depth)) if whole else (line, (0, lanes))
            for p in range(turns):
                place = start + (i * s0 + p * d0) * row + group * inner
                at_a = place, s1 * channels, a1, 1
                at_b = (
                    (part * items + p * k1 * inner) * lanes,
                    lengths[2] * lanes,
                    lanes,
                )
                product_tile(source, at_a, b, at_b, into, at_c, lengths, p > 0)
            if not whole:
                for j in range(across):
                    _copy(line, j * lanes, count - first, to, at + j * depth, False)


def _input(y, w, top, left, s0, s1, d0, d1, groups, out):
    """Add to `out`, which is zero, what each number of it was multiplied by."""
    few = (groups > 1) | (2 * w.shape[2] * w.itemsize < TILE)
    (n, down, across, depth), (k0, k1, inner) = y.shape, w.shape[:3]
    channels, count, lanes = inner * groups, depth // groups, TILE // y.itemsize
    columns = k0 * k1 * inner if few else inner
    panels = (columns + lanes - 1) // lanes
    wide = panels * lanes
    b = np.empty(groups * wide * count * (1 if few else k0 * k1), w.dtype)
    for g in range(groups):
        rows = 1 if few else k0 * k1
        of_group = (rows, inner * depth, count, 1), (columns, depth)
        _panels(w, g * count, of_group[0], of_group[1], b, g * wide * count)
    edge, steps = (top, left), (s0, s1, d0, d1)
    height, width, framed = _around(out, edge, down, across, (k0, k1), steps)
    framed |= (not few) & (channels != wide)
    pixel = channels if few | (not framed) else wide
    frame = np.empty(height * width * pixel if framed else 0, y.dtype)
    given, to = flat(y), frame if framed else flat(out)
    row = (width if framed else out.shape[2]) * pixel
    line = np.empty(across * wide if few else 0, y.dtype)
    turns = k1 if (d1 > 1) | (groups > 1) else 1
    length = k1 // turns * inner
    for image in range(n):
        if framed:
            frame[:] = 0
        start = 0 if framed else image * out.shape[1] * row
        parts = groups * panels if few else panels * k0 * k1
        for k in range(parts * down):
            part, i = (k % parts, k // parts) if few else (k // down, k % down)
            group, panel = (part // panels, part % panels) if few else (0, 0)
            at_a = (image * down + i) * across * depth + group * count, depth, 0, 1
            at_b, lengths = (part * count * lanes, 0, lanes), (across, 1, count)
            p, q, first = part // k1 % k0, part % k1, part // (k0 * k1) * lanes
            place = start + (i * s0 + p * d0) * row + q * d1 * pixel + first
            into, at_c = to, (place, s1 * pixel)
            if few:
                into, at_c = line, (panel * lanes, wide)
            product_tile(given, at_a, b, at_b, into, at_c, lengths, not few)
            if few & (panel == panels - 1):
                place = start + i * s0 * row + group * inner
                _spread(line, wide, to, place, (d0 * row, d1 * pixel, s1 * pixel),
                        (k0, turns, across), length)  # fmt: skip
        if framed:
            shape = height, width, channels, pixel
            _frame(out, image, edge, 0, frame, shape, True)


def _spread(line, wide, to, place, steps, counts, length):
    """Add each row of a matrix to a patch; its rows and columns are these steps apart.

    `counts` are those of rows, of columns and of patches, `length` that of a column.
    """
    for j in range(counts[2]):
        at = j * wide
        for p in range(counts[0]):
            for q in range(counts[1]):
                start = place + j * steps[2] + p * steps[0] + q * steps[1]
                _copy(to, start, length, line, at, True)
                at += length


def _weights(x, y, top, left, s0, s1, d0, d1, groups, out):
    """Add to `out`, which is zero, what each weight was multiplied by."""
    (n, down, across, depth), (k0, k1, inner) = y.shape, out.shape[:3]
    channels, count, lanes = inner * groups, depth // groups, TILE // x.itemsize
    whole = count % lanes == 0
    wide = (count + lanes - 1) // lanes * lanes
    edge, steps = (top, left), (s0, s1, d0, d1)
    height, width, framed = _around(x, edge, down, across, (k0, k1), steps)
    frame = np.empty(height * width * channels if framed else 0, x.dtype)
    part = np.empty(0 if whole else down * across * wide, x.dtype)
    total = np.zeros(0 if whole else groups * k0 * k1 * inner * wide, x.dtype)
    source, given = frame if framed else flat(x), flat(y) if whole else part
    to, pixel = flat(out) if whole else total, depth if whole else wide
    row = (width if framed else x.shape[2]) * channels
    turns = k1 if (d1 > 1) | (groups > 1) else 1  # what lies side by side goes in one
    parts, step = k0 * turns, max(1, NEAR // (across * (s0 * s1 * channels + wide)))
    for image in range(n):
        if framed:
            shape = height, width, channels, channels
            _frame(x, image, edge, 0, frame, shape, False)
        start = 0 if framed else image * x.shape[1] * row
        for g in range(groups):
            begin, result = image * down * across * depth + g * count, g * count
            if not whole:
                shape = down, across, count, wide
                _frame(y, image, (0, 0), g * count, part, shape, False)
                begin, result = 0, g * k0 * k1 * inner * wide
            for first in range(0, down, step):
                lengths = k1 // turns * inner, min(step, down - first), across
                for k in range(wide // lanes * parts):
                    p, q, j = k // turns % k0, k % turns, k // parts * lanes
                    here = start + (first * s0 + p * d0) * row + q * d1 * channels
                    at_a = here + g * inner, 1, s0 * row, s1 * channels
                    at_b = begin + first * across * pixel + j, across * pixel, pixel
                    at_c = result + (p * k1 + q) * inner * pixel + j, pixel
                    outer_tile(source, at_a, given, at_b, to, at_c, lengths, True)
    if not whole:
        last, items = flat(out), k0 * k1 * inner
        for k in range(groups * items):
            at = k % items * depth + k // items * count
            _copy(total, k * wide, count, last, at, False)


def conv_nhwc(x, w, top, left, height, width, s0, s1, d0, d1, groups):
    """Return the convolution of images with weights."""
    shape = x.shape[0], height, width, w.shape[3]
    if w.size == 0:
        return np.zeros(shape, x.dtype)
    out = np.empty(shape, x.dtype)
    if out.size > 0:
        _forward(x, w, top, left, s0, s1, d0, d1, groups, out)
    return out


def conv_nhwc_input(y, w, top, left, height, width, s0, s1, d0, d1, groups):
    """Return the slope of a convolution by the images, given that by the result."""
    out = np.zeros((y.shape[0], height, width, w.shape[2] * groups), y.dtype)
    if (out.size > 0) & (y.size > 0) & (w.size > 0):
        _input(y, w, top, left, s0, s1, d0, d1, groups, out)
    return out


def conv_nhwc_weights(
    x, y, top, left, height, width, channels, s0, s1, d0, d1, groups
):  # fmt: skip
    """Return the slope of a convolution by the weights, given that by the result."""
    out = np.zeros((height, width, channels, y.shape[3]), x.dtype)
    if (out.size > 0) & (y.size > 0) & (x.size > 0):
        _weights(x, y, top, left, s0, s1, d0, d1, groups, out)
    return out
