"""By hand: layers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import math

import numpy as np

from benchmarks.hand.compiled import by_hand, exp, plus, square_sum


@by_hand
def go_fast(a):
    """Two passes over the matrix: its gradient is twice the result."""
    n, m = a.shape
    ts = np.empty(n)
    trace = 0.0
    for i in range(n):
        ts[i] = math.tanh(a[i, i])
        trace += ts[i]
    d, sums = np.empty_like(a), np.zeros(m)
    value = 0.0
    for i in range(n):
        for j in range(m):
            d[i, j] = 2.0 * (a[i, j] + trace)
            sums[j] += d[i, j]
        value += square_sum(d[i])
    g = 0.0
    for j in range(m):
        g += sums[j]
    for i in range(n):
        d[i, i] += g * (1.0 - ts[i] * ts[i])
    return 0.25 * value, (d,)


@by_hand
def _largest(x):
    """Return the largest number, by eight at a time."""
    n = x.shape[0]
    best = np.full(8, x[0])
    for i in range(0, n - n % 8, 8):
        for k in range(8):
            best[k] = x[i + k] if x[i + k] > best[k] else best[k]
    for i in range(n - n % 8, n):
        best[0] = max(best[0], x[i])
    for k in range(1, 8):
        best[0] = max(best[0], best[k])
    return best[0]


@by_hand
def softmax(x):
    """Each line forwards and backwards while it is in the cache."""
    d = np.empty_like(x)
    rows, out = x.reshape(-1, x.shape[-1]), d.reshape(-1, x.shape[-1])
    n = rows.shape[1]
    value = 0.0
    for i in range(rows.shape[0]):
        row, y = rows[i], out[i]
        largest = _largest(row)
        total = 0.0
        for j in range(n):
            y[j] = exp(row[j] - largest)
            total = plus(total, y[j])
        share = 1.0 / total
        for j in range(n):
            y[j] *= share
        square = square_sum(y)
        value += square
        for j in range(n):
            y[j] = 2.0 * y[j] * (y[j] - square)
    return value, (d,)


@by_hand
def _columns(x, patches):
    """Lay out the three by three patches of one image by columns, zeros around it."""
    height, width, depth = x.shape
    for p in range(3):
        for q in range(3):
            for i in range(height):
                y = i + p - 1
                for j in range(width):
                    z = j + q - 1
                    inside = 0 <= y < height and 0 <= z < width
                    to = patches[i * width + j]
                    start = (p * 3 + q) * depth
                    for c in range(depth):
                        to[start + c] = x[y, z, c] if inside else np.float32(0)


@by_hand
def _lines(x, patches):
    """Do the same for an image of one channel, patch by row."""
    height, width, _ = x.shape
    for p in range(3):
        for q in range(3):
            to = patches[p * 3 + q]
            for i in range(height):
                y, start = i + p - 1, i * width
                if y < 0 or y >= height:
                    to[start : start + width] = 0
                    continue
                row, line = x[y, :, 0], to[start : start + width]
                if q == 0:
                    line[0] = 0
                    line[1:] = row[:-1]
                elif q == 1:
                    line[:] = row
                else:
                    line[:-1] = row[1:]
                    line[-1] = 0


@by_hand
def _added(patches, d):
    """Add patches to where they came from."""
    height, width, depth = d.shape
    d[:] = 0
    for i in range(height):
        for j in range(width):
            row = patches[i * width + j]
            for p in range(max(0, 1 - i), min(3, height + 1 - i)):
                for q in range(max(0, 1 - j), min(3, width + 1 - j)):
                    to, start = d[i + p - 1, j + q - 1], (p * 3 + q) * depth
                    for c in range(depth):
                        to[c] += row[start + c]


@by_hand
def _pooled(y, b, side, out, places):
    """Halve `relu(y + b)`; a place is four where nothing is positive."""
    depth = b.shape[0]
    for i in range(side // 2):
        for j in range(side // 2):
            first = 2 * i * side + 2 * j
            r0, r1 = y[first], y[first + 1]
            r2, r3 = y[first + side], y[first + side + 1]
            to, at = out[i, j], places[i, j]
            for c in range(depth):
                best, place = r0[c], 0
                place = 1 if r1[c] > best else place
                best = max(best, r1[c])
                place = 2 if r2[c] > best else place
                best = max(best, r2[c])
                place = 3 if r3[c] > best else place
                best = max(best, r3[c]) + b[c]
                at[c] = place if best > 0 else 4
                to[c] = max(best, np.float32(0))


@by_hand
def _unpooled(d, places, side, out, d_b):
    """Spread what `_pooled` halved."""
    depth = d_b.shape[0]
    for i in range(side // 2):
        for j in range(side // 2):
            g, at = d[i, j], places[i, j]
            for k in range(4):
                to = out[(2 * i + k // 2) * side + 2 * j + k % 2]
                for c in range(depth):
                    to[c] = g[c] if at[c] == k else np.float32(0)
            for c in range(depth):
                d_b[c] += g[c] if at[c] < 4 else np.float32(0)


@by_hand
def _loss(logits, labels, d):
    """Return the cross entropy, and put its slope into `d`."""
    n, m = logits.shape
    total = 0.0
    for i in range(n):
        largest = logits[i].max()
        powers = np.float32(0)
        for c in range(m):
            d[i, c] = math.exp(logits[i, c] - largest)
            powers += d[i, c]
        total += math.log(powers) + largest - logits[i, labels[i]]
        for c in range(m):
            d[i, c] /= powers * n
        d[i, labels[i]] -= np.float32(1) / n
    return total / n


@by_hand
def cnn(x, labels, w1, b1, w2, b2, w3, b3):
    """One image at a time, so that all of it stays in the cache."""
    n, one, two, f = x.shape[0], b1.shape[0], b2.shape[0], np.float32
    v1, v2 = w1.reshape(9, one), w2.reshape(9 * one, two)
    lines, columns = np.empty((9, 784), f), np.empty((196, 9 * one), f)
    y1, y2 = np.empty((784, one), f), np.empty((196, two), f)
    h1, p1 = np.empty((n, 14, 14, one), f), np.empty((n, 14, 14, one), np.uint8)
    h2, p2 = np.empty((n, 7, 7, two), f), np.empty((n, 7, 7, two), np.uint8)
    for k in range(n):
        _lines(x[k], lines)
        np.dot(lines.T, v1, y1)
        _pooled(y1, b1, 28, h1[k], p1[k])
        _columns(h1[k], columns)
        np.dot(columns, v2, y2)
        _pooled(y2, b2, 14, h2[k], p2[k])
    flat = h2.reshape(n, 49 * two)
    logits = np.dot(flat, w3)
    for k in range(n):
        logits[k] += b3
    d = np.empty_like(logits)
    value = _loss(logits, labels, d)
    d_w3, d_b3 = np.dot(flat.T, d), d.sum(axis=0)
    d_h2, d_h1 = np.dot(d, w3.T).reshape(n, 7, 7, two), np.empty((14, 14, one), f)
    d_w1, d_b1 = np.zeros((9, one), f), np.zeros(one, f)
    d_w2, d_b2 = np.zeros((9 * one, two), f), np.zeros(two, f)
    for k in range(n):
        _unpooled(d_h2[k], p2[k], 14, y2, d_b2)
        _columns(h1[k], columns)
        d_w2 += np.dot(columns.T, y2)
        np.dot(y2, v2.T, columns)
        _added(columns, d_h1)
        _unpooled(d_h1, p1[k], 28, y1, d_b1)
        _lines(x[k], lines)
        d_w1 += np.dot(lines, y1)
    found = d_w1.reshape(w1.shape), d_b1, d_w2.reshape(w2.shape), d_b2, d_w3, d_b3
    return value, found
