"""Generator functions and what loops over them; names that inner functions bind."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tests.cases import case


@case(lambda rng: (rng.standard_normal((3, 4)), 0.2))
def yielded_neighbours(image, k):
    def beside(i, j):
        for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            if 0 <= i + di < len(image) and 0 <= j + dj < image.shape[1]:
                yield i + di, j + dj

    out = np.zeros_like(image)
    for i in range(len(image)):
        for j in range(image.shape[1]):
            s, count = 0.0, 0
            for a, b in beside(i, j):
                s += image[a, b]
                count += 1
            out[i, j] = image[i, j] + k * (s / count - image[i, j])
    return (out**2).sum()


@case(lambda rng: (rng.standard_normal(6),))
def yields_what_turns_change(x):
    y, scale = x.copy(), 1.0

    def items():
        for i in range(len(y)):
            y[i] *= 1.1
            yield i, y[i] * scale

    s = 0.0
    for i, v in items():
        if i + 1 < len(y):
            y[i + 1] += v * v
        scale = 0.5 * scale + v
        last = s = s + v
    return s * last + (y**2).sum()


@case(lambda rng: (rng.standard_normal((4, 3)),))
def yields_views(x):
    y = x.copy()

    def rows(first):
        for row in y[first:]:
            if row.sum() > 9.0:
                return
            yield row

    for row in rows(1):
        row *= row[0]
    return (y**2).sum()


def _counted(start, step):
    while True:
        yield start
        start += step


@case(lambda rng: (rng.standard_normal(5), 0.5, 0.1))
def yields_without_end(x, start, step):
    s = 0.0
    for v, w in zip(x, _counted(start, step)):
        s += v * w
    for k, w in enumerate(_counted(start, step), 2):
        if k > 4:
            break
        s += w**k
    for w in itertools.islice(_counted(start, step), len(x)):
        s += math.sin(w)
    for w in itertools.takewhile(lambda t: t < 0.95, _counted(start, step)):
        s -= w
    for w in map(lambda t: t * t, _counted(start, step)):
        if w > 0.6:
            return s * w
        s += w
    return s


@case(lambda rng: (rng.standard_normal(7),))
def yields_from_itself(x):
    def leaves(low, high):
        if high - low <= 1:
            yield x[low] ** 2
            return
        middle = (low + high) // 2
        yield from leaves(low, middle)
        yield 0.5
        yield from leaves(middle, high)

    return sum(v / (k + 1) for k, v in enumerate(leaves(0, len(x))))


@dataclass
class Mesh:
    """Yields its cells, and its values when it is looped over."""

    values: np.ndarray
    h: float

    def cells(self):
        for a, b in zip(self.values[:-1], self.values[1:]):
            yield 0.5 * (a + b), self.h

    def __iter__(self):
        for v in self.values:
            yield v


def _total(items, power=2):
    s = 0.0
    for v in items:
        s += v**power
    return s


@case(lambda rng: (rng.standard_normal(6), 0.3))
def yields_to_functions(x, h):
    def positive(items):
        for v in items:
            if v > -0.5:
                yield v

    mesh = Mesh(x, h)
    s = sum(v * w for v, w in mesh.cells()) + _total(positive(mesh), power=3)
    many = [*positive(x)]
    pairs = [a * b for a, b in itertools.pairwise(positive(x))]
    sums = [v for v in itertools.accumulate(filter(None, positive(x)))]
    most = max(positive(x)) - sorted(positive(mesh))[0] + sum(positive(positive(x)))
    return s + sum(pairs) + sums[-1] * most / len(many)


@case(lambda rng: (rng.standard_normal((5, 3)), rng.standard_normal(3)))
def yields_batches(x, w):
    def batches(size):
        for start in range(0, len(x), size):
            yield x[start : start + size], size

    w = w.copy()
    for part, size in batches(2):
        errors = part @ w - 1.0
        w -= 0.1 * part.T @ errors / size
    return (w**2).sum() + errors[0]


@case(lambda rng: (rng.standard_normal(6), 0.5))
def bound_for_functions_around(x, k):
    total, best, seen = 0.0, None, []

    def decay():
        nonlocal k
        k *= 0.9
        return k

    def add(v):
        nonlocal total, best, seen
        total = total * decay() + v
        seen = [*seen[-2:], v * v]

        def inner():
            nonlocal best
            best = v if best is None or v > best else best

        inner()

    for v in x:
        add(v)
        if len(seen) > 2 and total > 9.0:
            break
    return total * best + sum(seen) * k


@case(lambda rng: (rng.standard_normal(5),))
def bound_in_loops_first(x):
    w = np.zeros(3)

    def step(g, rate):
        nonlocal w, last
        w = w - rate * (g + w**2)
        last = rate * w.sum()

    for i in range(len(x) - 2):
        if x[i] < 9.0:
            step(x[i : i + 3], 0.1)
        else:
            last = 0.0
    total = [total * last for total in x]  # names of its own
    rows = [[v * last for v in x] for _ in range(2)]
    for v in x:
        listed = [v * u for u in x[:2]]
    return last + sum(total) + rows[1][2] + sum(listed)


@case(lambda rng: (rng.standard_normal(4),))
def counters_of_functions(x):
    def counter(scale):
        total = 0.0

        def add(v):
            nonlocal total
            total = total * scale + v
            return total

        return add

    one, other = counter(0.5), counter(0.9)
    return sum(one(v) * other(v * v) for v in x)


@case(lambda rng: (rng.standard_normal(6),))
def asked_one_by_one(x):
    s, y, seen = 0.0, x * 1.0, []
    for v in filter(lambda v: v > s, x):
        s += v
    for p, q in itertools.pairwise(y):
        s = s + p * q
        y[1] = y[2] = s

    def test(u):
        seen.append(u)
        return u > 0

    for u in filter(test, x):
        s = s + u * len(seen)
    for k, u in enumerate(itertools.chain(y, [s], seen)):
        y[-1] = s = s + u * k
    for u in itertools.accumulate(itertools.dropwhile(lambda v: v < s, y)):
        s += u
    return s + sum(itertools.starmap(max, zip(x, y)))
