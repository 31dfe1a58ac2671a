"""Lists of so many floats that they are one array inside, and lists again outside."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from tests.cases import case
from tests.cases.inputs import near

LENGTHS = 20, 23


def _list(rng, n=LENGTHS[0]):
    return [0.05 * k + 0.1 + 0.001 * float(rng.random()) for k in range(n)]


def _pair(rng):
    return tuple(_list(rng, n) for n in LENGTHS)


def _rows(rng):
    return [_list(rng, 5) for _ in range(4)]


@dataclass
class Weights:
    w: list
    bias: float

    def scale(self, by):
        for k in range(len(self.w)):
            self.w[k] *= by


# Read in the common ways; the lists differ in length.
@case(_pair, argnums=(0, 1))
def long_lists_read(x, y):
    total = x[0] * x[-1] + y[len(y) - 2] + sum(x) * max(y) + min(x) * len(y)
    for i, (a, b) in enumerate(zip(x, y)):
        total += a * b * i
    for a, b in zip(x, x[1:]):
        total += (b - a) ** 2
    part, other = x[2:5], y[::-2]
    total += part[0] * other[1] + sum(a * a for a in part) + len(other)
    total += sum([a * b for a, b in itertools.pairwise(y) if a > 0.3])
    total += math.fsum(x) * sum(map(math.sin, y)) + sum(reversed(x)) * x.index(x[3])
    return total if x[1] in x and 7.0 not in y and isinstance(x, list) else 0.0


# Two lists are joined, one is repeated, both are ordered and compared, as lists are.
@case(_pair, argnums=(0, 1))
def long_lists_are_lists(x, y):
    both, twice = x + y, x * 2
    total = sum([a * i for i, a in enumerate(both)]) + twice[len(x)] * len(twice)
    total += sorted(x, reverse=True)[1] * sorted(y, key=lambda a: -a)[0]
    total += (x if x < y else y)[2] * (1.0 if x == x[:] else 0.0)
    first, *rest = x
    return total + first * sum(rest) + sum(tuple(y)) * (3.0 if x and y else 1.0)


# Written by place and slice, under two names, in copies, by a helper.
@case(_pair, argnums=(0, 1))
def long_lists_written(x, y):
    def halve(items):
        for k in range(len(items)):
            items[k] /= 2.0

    same, other, deep = x, x[:], list(y)
    same[0] = y[1] * 3.0
    other[1] = 2.0 * x[0]
    deep[2] *= y[2]
    for i in range(1, len(x)):
        x[i] = x[i] + x[i - 1] * 0.5
    x[-2] += y[-1]
    x[2:4] = [y[0], y[1] * y[2]]
    halve(y)
    x[0], x[1] = x[1], x[0]
    return sum([a * i for i, a in enumerate(same)]) + other[0] * other[1] + sum(deep) * y[0]


# They grow and shrink; where a turn changes one it is another list in the next.
@case(_pair, argnums=(0, 1))
def long_lists_grow(x, y):
    x.append(y[0] * 2.0)
    last = y.pop() * y.pop(0) + y.pop(3)
    x.insert(2, last)
    x.extend(y[:3])
    x += [1.0, y[1]]
    del x[0]
    y.reverse()
    for i in range(len(y)):
        if y[i] > 0.5:
            x.append(y[i] * x[i])
    total = 0.0
    while len(y) > 2:
        total = total * 0.9 + y.pop() ** 2
    for _ in range(3):
        x = [a - 0.1 * b for a, b in zip(x, x[1:])]
    return total + sum([a * i for i, a in enumerate(x)])


# NumPy takes them for arrays.
@case(lambda rng: (_list(rng), _list(rng)[::-1]), argnums=(0, 1))
def long_lists_to_numpy(x, y):
    total = np.dot(x, y) + np.sum(np.sin(x) * np.array(y)) + np.linalg.norm(x)
    total += np.sum(np.outer(x, y)) + np.interp(0.5, np.cumsum(x), y)
    mixed = np.asarray(x) * y
    mixed[:3] = x[3:6]
    return total + mixed.mean() + np.concatenate([x, y])[25] * y[int(np.argmax(x))]


# Rows of one length; a row is a list under another name.
@case(lambda rng: (_rows(rng), _list(rng, 4)), argnums=(0, 1))
def long_lists_of_lists(rows, v):
    total = np.sum(np.array(rows).T @ np.array(v))
    row = rows[2]
    row[0] = v[0] * 2.0
    for i in range(len(rows)):
        for j in range(len(rows[i])):
            rows[i][j] *= v[i]
    for r, a in zip(rows, v):
        total += sum([b * b for b in r]) * a
    return total + rows[2][0] * rows[-1][1] + sum([c[0] * c[3] for c in zip(*rows)])


# What reads a row by a method, or changes its length, is right for lists, too.
@case(lambda rng: (_rows(rng),))
def long_lists_and_rows_by_methods(rows):
    part, zeros, copy = rows[0][2:], [0.0] * len(rows), rows[0].copy()
    part.insert(1, 2.0)
    zeros.append(rows[1][0])
    zeros *= 2
    copy[0] = rows[1].index(rows[1][2]) * 2.0
    total = sum(part * 2) * len(part) + zeros[4] * zeros[-1] + len(copy * 2)
    return total * rows[0].count(rows[0][1]) + copy[0] * copy[1]


@case(lambda rng: (_rows(rng),))
def long_lists_with_rows_that_grow(rows):
    row = rows[0]
    row += rows[1]
    row *= 2
    del rows[1][0]
    rows[2].append(row[6])
    return sum(rows[0]) * len(row) + rows[1][0] * rows[2][-1]


# Inside of dicts, tuples and objects, which have methods that write.
@case(lambda rng: ({"w": _list(rng), "more": (_list(rng), 2.0)}, Weights(_list(rng), 0.5)),
      argnums=(0, 1))  # fmt: skip
def long_lists_in_containers(p, model):
    model.scale(p["more"][1])
    p["w"][0] = model.w[1] * model.bias
    pairs = zip(p["w"], p["more"][0], model.w)
    return sum([a * b * c for a, b, c in pairs]) + p["w"][0] ** 2


# How often a loop runs is taken from a number in the list: it is read apart.
@case(lambda rng: (near(rng, *[2.3] * 18).tolist(), _list(rng)), argnums=1)
def long_list_that_must_be_known(x, y):
    a, b, *_, c = y
    total = a * b * c
    for i in range(int(x[1])):
        total += y[i] * (i + 1)
    return total


# The numbers are Python's own.
@case(lambda rng: (_list(rng), [0.0] * 20), raises=ZeroDivisionError)
def long_list_divides_by_zero(x, y):
    return x[0] / y[3]


@case(lambda rng: (_list(rng),), raises=IndexError)
def long_list_is_too_short(x):
    return x[40]


@case(lambda rng: (rng.standard_normal(5), rng.standard_normal(7)))
def rows_as_long_as_data(a, b):
    n, m = len(a), len(b)
    best = [[math.inf] * (m + 1) for _ in range(n + 1)]
    own = [[0.5] * n for _ in range(n)]
    best[0][0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            less = min(best[i - 1][j], best[i][j - 1], best[i - 1][j - 1])
            best[i][j] = abs(a[i - 1] - b[j - 1]) + less
    for i in range(n):
        for j in range(n):
            own[i][j] = math.sin(a[i]) * own[i - 1][j]
    row = best[n]
    row[m] = row[m] ** 2
    return best[-1][-1] + sum(best[2][1:]) * own[1][2]


@case(lambda rng: (rng.standard_normal(6),))
def rows_of_pythons_numbers(x):
    n = len(x)
    own = [[0.5] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            own[i][j] += math.sin(x[j]) * own[i - 1][j]
    return own[2][1] + own[-1][-1]


TERMS = tuple((f"term {k}", 0.1 * k, k % 3) for k in range(70))


# Too many to be written out one inside the other, each with a text of its own.
@case(lambda rng: (rng.uniform(0.2, 0.4),))
def left_early_among_many_texts(x):
    total = 0.0
    for _name, rate, kind in TERMS:
        if total > 3.0:
            return total * x
        total += np.sin(rate * x) if kind else rate * x * x
    return total
