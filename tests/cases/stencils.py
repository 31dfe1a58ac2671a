"""Parts of arrays that are written to and fro: what their cotangents hold, and when."""

import numpy as np

from tests.cases import case


def two(rng, *shape):
    return rng.normal(size=shape), rng.normal(size=shape)




@case(lambda rng: (*two(rng, 7), 3), argnums=(0, 1))
def to_and_fro(a, b, turns):
    for _ in range(turns):
        b[1:-1] = 0.3 * (a[:-2] + 0.5 * a[1:-1] - a[2:])
        a[1:-1] = 0.7 * (b[:-2] - 2.0 * b[1:-1] + b[2:])
    return np.sum(a * a)


@case(lambda rng: (*two(rng, 7), 0), argnums=(0, 1))
def to_and_fro_not_once(a, b, turns):
    for _ in range(turns):
        b[1:-1] = 0.3 * (a[:-2] - a[2:])
        a[1:-1] = 0.7 * (b[:-2] + b[2:])
    return np.sum(a * a)


@case(lambda rng: (*two(rng, 2), 2), argnums=(0, 1))
def to_and_fro_over_nothing(a, b, turns):
    for _ in range(turns):
        b[1:-1] = 0.3 * (a[:-2] - a[2:])
        a[1:-1] = 0.7 * (b[:-2] + b[2:])
    return np.sum(a * a)


# Both are seen at the end: no cotangent is zero before the backward loop.
@case(lambda rng: (*two(rng, 6), 2), argnums=(0, 1))
def to_and_fro_and_both_are_seen(a, b, turns):
    for _ in range(turns):
        b[1:-1] = 0.3 * (a[:-2] - a[2:])
        a[1:-1] = 0.7 * (b[:-2] + b[1:-1])
    return np.sum(a * a) + np.sum(b[1:] * b[:-1])


# What one turn clears is less than what the next takes for clear.
@case(lambda rng: two(rng, 8), argnums=(0, 1))
def to_and_fro_over_more_and_more(a, b):
    for m in range(6, 2, -1):
        for _ in range(2):
            b[1:m] = 0.3 * (a[: m - 1] - a[2 : m + 1])
            a[1:m] = 0.7 * (b[: m - 1] + b[2 : m + 1])
    return np.sum(a * a)


@case(lambda rng: (*two(rng, 6), 2), argnums=(0, 1))
def to_and_fro_in_two_loops(a, b, turns):
    for _ in range(2):
        for _ in range(turns):
            b[1:-1] = 0.3 * (a[:-2] - a[2:])
            a[1:-1] = 0.7 * (b[:-2] + b[2:])
        for _ in range(turns):
            b[1:-1] = a[:-2] * a[2:]
            a[1:-1] += 0.7 * b[:-2]
    return np.sum(a * a)


# The cotangent of what is written is read again after the array's was added to.
@case(lambda rng: (*two(rng, 6), 2), argnums=(0, 1))
def written_from_twice(a, b, turns):
    c = np.zeros(4)
    for _ in range(turns):
        c = 0.2 * c + b[1:-1]
        b[1:-1] = 0.3 * (a[:-2] - a[2:]) + c
        a[1:-1] = 0.7 * b[:-2] * b[2:] + a[:-2]
    return np.sum(a * a) + np.sum(c * c)


# An element of the part is read between two turns.
@case(lambda rng: (*two(rng, 6), 3), argnums=(0, 1))
def one_element_is_seen_each_turn(a, b, turns):
    s = 0.0
    for _ in range(turns):
        b[1:-1] = 0.3 * (a[:-2] - a[2:])
        s += b[2] * b[2]
        a[1:-1] = 0.7 * (b[:-2] + b[2:])
    return s + np.sum(a * a)


@case(lambda rng: (*two(rng, 6), 3), argnums=(0, 1))
def left_early(a, b, turns):
    for k in range(turns):
        b[1:-1] = 0.3 * (a[:-2] - a[2:])
        if k == 1:
            break
        a[1:-1] = 0.7 * (b[:-2] + b[2:])
    return np.sum(a * a)


@case(lambda rng: (*two(rng, 4, 5, 6), 2), argnums=(0, 1))
def box_to_and_fro(a, b, turns):
    for _ in range(turns):
        b[1:-1, 1:-1, 1:-1] = 0.3 * (
            a[2:, 1:-1, 1:-1] - a[1:-1, :-2, 1:-1] + 0.5 * a[1:-1, 1:-1, 1:-1]
            + a[1:-1, 1:-1, 2:] - 0.2 * a[1:-1, 1:-1, :-2]
        )  # fmt: skip
        a[1:-1, 1:-1, 1:-1] = 0.7 * (b[:-2, 1:-1, 1:-1] - b[1:-1, 2:, 1:-1])
    return np.sum(a * a)


@case(lambda rng: (*two(rng, 5, 6), 2, 1), argnums=(0, 1))
def rows_to_and_fro(a, b, turns, k):
    for _ in range(turns):
        b[k, 1:-1] = 0.3 * (a[k, :-2] - a[k, 2:])
        a[k, 1:-1] = 0.7 * (b[k, :-2] + b[k, 2:])
    return np.sum(a * a)


# The first turn of the second loop stores what the last one of the first has stored.
@case(lambda rng: (rng.normal(size=6),))
def stored_below_zero(x):
    y = np.zeros(len(x))
    for i in range(len(x)):
        y[i] = x[i] * 2
    for i in range(len(x)):
        y[i - 1] = x[i] * 6
    return np.sum(y * y * x)


# A sum of slices that is read again behind the write to what it was made from.
@case(lambda rng: (rng.normal(size=6), rng.normal(), 3), argnums=(0, 1))
def laplacian_read_behind_the_write(u, k, steps):
    total = 0.0
    for _ in range(steps):
        lap = u[:-2] - 2.0 * u[1:-1] + u[2:]
        u[1:-1] += k * lap
        total += np.sum(lap * lap)
        u[0] = total * lap[0]
    return total + u[0]
