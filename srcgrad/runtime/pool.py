"""Windows over images `(n, height, width, channels)`: largest items, sums of items."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat

__all__ = [
    "window_places", "window_share", "window_spread", "window_sum", "window_take",
]  # fmt: skip

_IMAGES, _PLACES, _STEPS = "T[:, :, :, ::1], ", "int16[:, :, :, ::1], ", "int64, " * 4
CORES = {
    "_places": f"void({_IMAGES}{_STEPS}int16[:, :, :, ::1])",
    "_spread": f"void({_IMAGES}{_PLACES}{_STEPS}T[:, :, :, ::1])",
    "_take": f"void({_IMAGES}{_PLACES}{_STEPS}T[:, :, :, ::1])",
    "_sum": f"void({_IMAGES}{_STEPS}T[:, :, :, ::1])",
    "_share": f"void({_IMAGES}{_STEPS}T[:, :, :, ::1])",
}


def _corner(row, j, down, lengths, s0, s1):
    """Return the first pixel of a window; rows of windows of all images count on."""
    height, width = lengths
    return (row // down * height + row % down * s0) * width + j * s1


def _places(x, k0, k1, s0, s1, out):
    """Put the place of the first largest item of each window into `out`."""
    (height, width, depth), a, to = x.shape[1:], flat(x), flat(out)
    best = np.empty(depth, x.dtype)
    down, across = out.shape[1:3]
    for row in range(x.shape[0] * down):
        for j in range(across):
            at = (row * across + j) * depth
            top = _corner(row, j, down, (height, width), s0, s1)
            here = to[at : at + depth]
            for k in range(k0 * k1):
                start = (top + k // k1 * width + k % k1) * depth
                items = a[start : start + depth]
                if k == 0:
                    for c in range(depth):
                        best[c] = items[c]
                        here[c] = 0
                    continue
                for c in range(depth):
                    v, m = items[c], best[c]
                    better = ((v > m) | (v != v)) & (m == m)
                    best[c] = v if better else m
                    here[c] = k if better else here[c]


def _take(x, places, k0, k1, s0, s1, out):
    """Put the item at its place in each window into `out`."""
    (height, width, depth), a, to = x.shape[1:], flat(x), flat(out)
    down, across = out.shape[1:3]
    given = flat(places)
    for row in range(x.shape[0] * down):
        for j in range(across):
            at = (row * across + j) * depth
            top = _corner(row, j, down, (height, width), s0, s1)
            here, chosen = given[at : at + depth], to[at : at + depth]
            for k in range(k0 * k1):
                start = (top + k // k1 * width + k % k1) * depth
                items = a[start : start + depth]
                for c in range(depth):
                    v, old = items[c], chosen[c]
                    chosen[c] = v if here[c] == k else old


def _spread(y, places, k0, k1, s0, s1, out):
    """Add to the item at its place in each window of `out`."""
    (height, width, depth), a, to = out.shape[1:], flat(y), flat(out)
    down, across = y.shape[1:3]
    given = flat(places)
    for row in range(y.shape[0] * down):
        for j in range(across):
            at = (row * across + j) * depth
            top = _corner(row, j, down, (height, width), s0, s1)
            here, added = given[at : at + depth], a[at : at + depth]
            for k in range(k0 * k1):
                start = (top + k // k1 * width + k % k1) * depth
                items = to[start : start + depth]
                for c in range(depth):
                    old, more = items[c], items[c] + added[c]
                    items[c] = more if here[c] == k else old


def _sum(x, k0, k1, s0, s1, out):
    """Add the items of each window to `out`."""
    (height, width, depth), a, to = x.shape[1:], flat(x), flat(out)
    down, across = out.shape[1:3]
    for row in range(x.shape[0] * down):
        for j in range(across):
            at = (row * across + j) * depth
            top = _corner(row, j, down, (height, width), s0, s1)
            total = to[at : at + depth]
            for k in range(k0 * k1):
                start = (top + k // k1 * width + k % k1) * depth
                items = a[start : start + depth]
                for c in range(depth):
                    total[c] += items[c]


def _share(y, k0, k1, s0, s1, out):
    """Add to all items of each window of `out`."""
    (height, width, depth), a, to = out.shape[1:], flat(y), flat(out)
    down, across = y.shape[1:3]
    for row in range(y.shape[0] * down):
        for j in range(across):
            at = (row * across + j) * depth
            top = _corner(row, j, down, (height, width), s0, s1)
            added = a[at : at + depth]
            for k in range(k0 * k1):
                start = (top + k // k1 * width + k % k1) * depth
                items = to[start : start + depth]
                for c in range(depth):
                    items[c] += added[c]


def window_places(x, height, width, k0, k1, s0, s1):
    """Return where in each window the first of its largest items is."""
    out = np.empty((x.shape[0], height, width, x.shape[3]), np.int16)
    if out.size > 0:
        _places(x, k0, k1, s0, s1, out)
    return out


def window_take(x, places, k0, k1, s0, s1):
    """Return the item at its place in each window."""
    out = np.empty(places.shape, x.dtype)
    if out.size > 0:
        _take(x, places, k0, k1, s0, s1, out)
    return out


def window_spread(y, places, height, width, k0, k1, s0, s1):
    """Return images of zeros, with the items of windows added at their places."""
    out = np.zeros((y.shape[0], height, width, y.shape[3]), y.dtype)
    if y.size > 0:
        _spread(y, places, k0, k1, s0, s1, out)
    return out


def window_sum(x, height, width, k0, k1, s0, s1):
    """Return the sum of the items of each window."""
    out = np.zeros((x.shape[0], height, width, x.shape[3]), x.dtype)
    if out.size > 0:
        _sum(x, k0, k1, s0, s1, out)
    return out


def window_share(y, height, width, k0, k1, s0, s1):
    """Return images of zeros, with what windows have added to all their items."""
    out = np.zeros((y.shape[0], height, width, y.shape[3]), y.dtype)
    if y.size > 0:
        _share(y, k0, k1, s0, s1, out)
    return out
