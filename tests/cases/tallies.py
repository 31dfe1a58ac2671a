"""Sets that grow, counters, parts of ranges: what Python has to count and remember."""

import math
from collections import Counter, defaultdict

import numpy as np

from tests.cases import case


@case(lambda rng: (rng.random((4, 5)),))
def flood_of_places(image):
    rows, columns = image.shape
    seen, todo, total = set(), [(0, 0)], 0.0
    while todo:
        i, j = todo.pop()
        if (i, j) in seen:
            continue
        seen.add((i, j))
        total += image[i, j] ** 2 * (len(seen) % 3 + 1)
        for di, dj in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            a, b = i + di, j + dj
            if 0 <= a < rows and 0 <= b < columns and image[a, b] > 0.3:
                todo.append((a, b))
    return total / len(seen)


@case(lambda rng: (rng.random((5, 5)),))
def spanning_tree(w):
    n = w.shape[0]
    tree, total = {0}, 0.0
    while len(tree) < n:
        best, pick = np.inf, -1
        for i in range(n):
            for j in range(n):
                if i in tree and j not in tree and w[i, j] < best:
                    best, pick = w[i, j], j
        total += best**2
        tree.add(pick)
    return total


# Two names of one set; a helper that adds to it; operators; texts beside numbers.
@case(lambda rng: (rng.random(8),))
def algebra_of_sets(x):
    def is_new(seen, k):
        if k in seen:
            return False
        seen.add(k)
        return True

    a, b = {int(t * 4) for t in x}, set(range(3))
    total = 0.0
    for k in sorted(a & b):
        total += (k + 1) * x[k]
    for k in sorted(a | {5, 6}, reverse=True):
        total = total * 0.5 + x[k]
    other = b
    b -= {1}
    other.discard(7)
    total += 1.0 if other <= {0, 2} and b == {2, 0} else 0.0
    b |= {4}
    for t in x:
        if is_new(other, int(9 * t)):
            total += t * t * len(b)
    b.remove(4)
    names = set()
    for name in ("u", "v", "u"):
        names.add(name)
    return total * len(names) if "v" in names and not names.isdisjoint("v") else 0.0


class Band:
    def __init__(self, low, high):
        self.low, self.high = low, high

    def __contains__(self, x):
        return self.low <= x <= self.high

    def __iter__(self):
        yield self.low
        yield self.high


# `in` asks the class, and does not look for an equal item.
@case(lambda rng: (rng.random(7),))
def band_that_contains(x):
    band, total = Band(0.2, 0.7), 0.0
    for t in x:
        if t in band:
            total += t * t
        if t not in band:
            total -= 0.5 * t
    for end in band:
        total += end * x[0]
    return total


WORDS = ["sun", "moon", "sun", "star"]


@case(lambda rng: (rng.random(4), 0.5), argnums=(0, 1))
def counted_words(w, a):
    counts, total = Counter(WORDS), 0.0
    for k, (_, n) in enumerate(counts.items()):
        total += w[k] * math.log(1 + n) ** a
    total += counts["none"] + len(counts)  # what is asked for is not put in
    tally = Counter()
    for word in WORDS:
        tally[word] += 1
        if tally[word] > 1:
            total *= a
    tally.update(["sun"], star=2)
    tally.subtract({"moon": 3})
    top = counts.most_common(1)[0][0]
    found = Counter([k % 2 for k in (0, 1, 2, 3, 4)])
    both = counts | Counter(sun=5, rain=1)
    total = total * counts[top] + tally["sun"] * w[3] + tally["moon"] * w[0]
    return total + (found[0] * 10 + found[1] + both["sun"]) * w[1] + tally.total()


# A copy, and what `|` makes, go on making what is not there.
@case(lambda rng: (rng.random(4),))
def copies_of_defaults(x):
    one = defaultdict(float, a=1.0).copy()
    other = defaultdict(float, a=1.0) | {"b": 2.0}
    for k, t in zip("abca", x, strict=True):
        one[k] += t * t
        other[k] += t
    return sum(one.values()) * other["c"] + other["a"]


@case(lambda rng: (rng.random(6),))
def parts_of_ranges(x):
    n, total = len(x), 0.0
    for i in range(n)[::-1]:
        total = total * 0.5 + x[i] * x[i - 1]
    for k, i in enumerate(range(1, n)[:-1]):
        total = total * 0.5 + (k + 1) * x[i] ** 2
    for i in range(n - 1, 0, -2)[-2:]:
        total = total * 0.5 + i * x[i]
    for i in range(n)[9:]:
        total += x[i]
    odd = range(1, 2 * n, 2)
    return total * odd[-1] + odd[1] + sum(odd[::2]) * x[0]
