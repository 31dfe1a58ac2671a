"""Windows over images `(n, height, width, channels)`: where their largest items are."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import numpy as np

from srcgrad.runtime.views import flat

__all__ = ["window_places", "window_spread", "window_take"]

CORES = {
    "_places": "void(T[:, :, :, ::1], int64, int64, int64, int64, int16[:, :, :, ::1])",
    "_spread": "void(T[:, :, :, ::1], int16[:, :, :, ::1], int64, int64, int64, int64,"
    " T[:, :, :, ::1])",
    "_take": "void(T[:, :, :, ::1], int16[:, :, :, ::1], int64, int64, int64, int64,"
    " T[:, :, :, ::1])",
}


def _places(x, k0, k1, s0, s1, out):
    """Put the place of the first largest item of each window into `out`."""
    (height, width, depth), a, to = x.shape[1:], flat(x), flat(out)
    best = np.empty(depth, x.dtype)
    down, across = out.shape[1:3]
    for row in range(x.shape[0] * down):
        for j in range(across):
            at = (row * across + j) * depth
            top = (row // down * height + row % down * s0) * width + j * s1
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
            top = (row // down * height + row % down * s0) * width + j * s1
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
            top = (row // down * height + row % down * s0) * width + j * s1
            here, added = given[at : at + depth], a[at : at + depth]
            for k in range(k0 * k1):
                start = (top + k // k1 * width + k % k1) * depth
                items = to[start : start + depth]
                for c in range(depth):
                    old, more = items[c], items[c] + added[c]
                    items[c] = more if here[c] == k else old


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
