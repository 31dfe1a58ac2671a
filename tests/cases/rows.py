"""Lists of lists whose lengths data decide, and what is taken out one by one."""

import bisect
import itertools
import math
from collections import deque

import numpy as np

from tests.cases import case

ADJACENT = [[1, 2], [0, 2, 3], [0, 1], [1], []]


def _pair(rng):
    return rng.standard_normal(11), rng.standard_normal(9)


@case(_pair, argnums=(0, 1))
def matrix_of_two_comprehensions(x, y):
    K = [[math.exp(-0.5 * (a - b) ** 2) for b in y] for a in x]
    K[1][0] = x[0] ** 2
    K[0][-1] += 1.0
    K.append([0.5] * len(y))
    for i in range(len(x)):
        K[i + 1] = [K[i + 1][j] + 0.1 * K[i][j] for j in range(len(y))]
    for row in K:
        top = max(row)
        for j in range(len(row)):
            row[j] /= 1.0 + top
    return sum(map(sum, K)) + np.array(K)[:, 2].sum() + sum(next(zip(*K)))


@case(_pair, argnums=(0, 1))
def rows_that_are_appended(x, y):
    rows, counts = [], [[i * j for j in range(len(y))] for i in range(len(x))]
    for a in x:
        rows.append([a * b for b in y])
    cube = [[[math.sin(a * b * c) for c in y] for b in y] for a in rows[0]]
    copies = [list(y) for _ in x]
    copies[2][1] = 0.5
    turned = [list(column) for column in zip(*rows)]
    s = rows[2][3] * counts[2][3] // 5 + counts[3][4] % 7 * turned[1][0]
    return s + cube[1][2][3] * copies[2][1] + copies[1][1]


@case(_pair, argnums=(0, 1), raises=ZeroDivisionError)
def rows_hold_numbers_of_python(x, y):
    rows = [[math.exp(a) - math.exp(a) for b in y] for a in x]
    return x[0] + 1.0 / rows[2][1]


@case(lambda rng: (rng.standard_normal(7),))
def elimination_of_lists(x):
    n = len(x)
    A = [[math.exp(-abs(u - w)) + (i == j) for j, w in enumerate(x)]
         for i, u in enumerate(x)]  # fmt: skip
    b = list(x)
    for k in range(n):
        for i in range(k + 1, n):
            m = A[i][k] / A[k][k]
            for j in range(k, n):
                A[i][j] -= m * A[k][j]
            b[i] -= m * b[k]
    z = [0.0] * n
    for i in range(n - 1, -1, -1):
        z[i] = (b[i] - sum(A[i][j] * z[j] for j in range(i + 1, n))) / A[i][i]
    return sum(z)


@case(lambda rng: (rng.standard_normal(5), [list(row) for row in ADJACENT]))
def lists_of_neighbours(h, near):
    seen, stack, total = [False] * 5, [0], 0.0
    while stack:
        u = stack.pop()
        if seen[u]:
            continue
        seen[u] = True
        total = total * 0.9 + h[u] * (1 + len(near[u]))
        for v in near[u]:
            if not seen[v]:
                stack.append(v)
    steps, queue = [-1] * 5, deque([0])
    steps[0] = 0
    while queue:
        u = queue.popleft()
        for v in ADJACENT[u]:
            if steps[v] < 0:
                steps[v] = steps[u] + 1
                queue.append(v)
    last = near[int(np.argmax(h[:4])) - 5]
    return total**2 + sum(h[i] * steps[i] for i in range(5)) * h[last[-1]]


@case(lambda rng: (rng.random(4), 1.0 + rng.random(5)), argnums=(0, 1))
def lists_of_weighed_links(h, w):
    links = (((1, w[0]), (2, w[1])), ((0, w[2]),), ((3, w[3]), (1, w[4] ** 2)), ())
    u, total = 0, 0.0
    for _ in range(3):
        for v, weight in links[u]:
            total += weight * h[v] * h[u]
            u = v
    return total


@case(lambda rng: (rng.standard_normal(5),), raises=IndexError)
def list_of_no_row(h):
    return h[0] * len(ADJACENT[int(h[0] * 0) + 5])


@case(lambda rng: (rng.standard_normal(12),))
def first_of_what_is_left(x):
    high = next(v * v for v in x if v > 0.1)
    none = next((v for v in x if v > 100.0), None)
    place = next((i for i, v in enumerate(x) if v < 0.0), -1)
    product = next(u * w for u in x for w in x if u * w > 0.3)
    left = iter(x)
    first, second = next(left), next(left)
    s = sum(k * v * first for k, v in enumerate(left)) + (none is None) * second
    rows = zip(x, x[1:])
    a, b = next(rows)
    for c, d in rows:
        s = s * 0.5 + a * c - b * d
    fields = {"a": x[0], "b": x[1]}
    return s + high * x[place] + product * next(iter(fields.values()))


@case(lambda rng: (rng.standard_normal(8),))
def asked_for_the_next(x):
    signs, left, s = itertools.cycle([1.0, -1.0, 2.0]), iter(x), 0.0
    number = itertools.count(1)
    while True:
        v = next(left, None)
        if v is None:
            break
        s += v * v * next(signs) / next(number)
    pairs = iter(x * 2)
    for _ in range(len(x) // 2):
        s += next(pairs) * next(pairs)
    return s + next(reversed(x))


@case(lambda rng: (rng.standard_normal(4),), raises=StopIteration)
def none_is_left(x):
    return next(v for v in x if v > 100.0)


@case(lambda rng: (rng.standard_normal(9), rng.standard_normal(3)), argnums=(0, 1))
def deques_of_some_length(x, b):
    taps, last, s = deque([0.0] * len(b), maxlen=len(b)), deque(maxlen=3), 0.0
    for v in x:
        taps.appendleft(v)
        s += sum(c * t for c, t in zip(b, taps)) * taps[-1]
        if len(last) == 3:
            s += last.popleft() * v
        last.appendleft(s)
    while last:
        s += last.pop() ** 2
    return s


@case(lambda rng: (rng.random(7), rng.random(7)), argnums=(0, 1))
def sorted_pairs_added_up(score, weight):
    pairs = sorted(zip(score, weight), key=lambda pair: pair[0], reverse=True)
    s, w = zip(*pairs)
    sums = list(itertools.accumulate(w))
    k = bisect.bisect_left(sums, 0.5 * sums[-1])
    knots, total = [0.0, 0.25, 0.5, 0.75, 1.0], 0.0
    for v in score:
        j = bisect.bisect(knots, v) - 1
        total += (v - knots[j]) / (knots[j + 1] - knots[j]) ** j
    return s[k] * sums[k] + total


@case(lambda rng: (rng.standard_normal(12), 3))
def drawn_without_repeats(x, seed):
    rng = np.random.default_rng(seed)
    i = rng.choice(len(x), (2, 3), replace=False)
    y = rng.choice(x[:7], 3, replace=False, shuffle=False)
    k = rng.choice(20000, 350, replace=False)
    j = rng.choice(20000, 500, replace=False)
    s = (x[i] * np.arange(6).reshape(2, 3)).sum() + y @ x[:3] ** 2
    return s + x[rng.choice(len(x), replace=False)] * (k[3] + j[-1]) * rng.random()


# What a star takes apart: comprehensions of known length, with tests and without.


class Poly:
    def __init__(self, *coefficients):
        self.c = coefficients

    def __add__(self, other):
        return Poly(*[self.c[i] + other.c[i] for i in range(len(self.c))])

    def __mul__(self, other):
        n = len(self.c)
        pairs = [
            sum(self.c[i] * other.c[k - i] for i in range(k + 1) if i < n > k - i)
            for k in range(2 * n - 1)
        ]
        return Poly(*pairs)

    def __call__(self, x):
        value = 0.0
        for c in reversed(self.c):
            value = value * x + c
        return value


@case(lambda rng: tuple(rng.uniform(0.3, 1.2, 3)))
def polynomials(x, a, b):
    p = Poly(1.0, a, b) + Poly(a, 2.0, np.sin(b))
    return (p * Poly(b, x, 0.5))(x)


def weighted(*items):
    total = 0.0
    for k, item in enumerate(items):
        total += (k + 1) * item
    return total


@case(lambda rng: (rng.normal(size=4), 0.7, 3), argnums=(0, 1))
def starred_comprehensions(v, a, n):
    few = [a, a * a, v[0]]
    total = weighted(*(few[i] for i in range(3) if i != 1))
    total += weighted(*[x * y for x in few for y in v[:2]])
    total += weighted(*[v[i] * v[j] for i in range(n) for j in range(i)])
    squares = (*[np.sin(c) for c in v], a)
    return total + squares[1] * squares[-1] + np.hypot(*[x for x in few[:2]])
