"""Counters as subscripts, and numbers that all turns of a loop compute alike."""

import math

import numpy as np

from tests.cases import case


def _packed(rng):
    return rng.normal(size=10), rng.normal(size=4)


@case(_packed)
def triangle_packed_by_a_counter(packed, x):
    n, k, total = x.shape[0], 0, 0.0
    for i in range(n):
        moved = 0.0
        for j in range(i + 1):
            moved += packed[k] * x[j]
            k += 1
        total += moved * moved
    return total


@case(_packed)
def triangle_packed_from_its_end(packed, x):
    n, total = x.shape[0], 0.0
    k = packed.shape[0] - 1
    for i in range(n):
        for j in range(i, n):
            total += packed[k] * np.sin(x[j]) * x[i]
            k -= 1
    return total


@case(_packed)
def counter_that_passes_zero(packed, x):
    k, total = -3, 0.0
    for i in range(3):
        for j in range(4):
            total += packed[k] * x[j] * (i + 1)
            k += 1
    return total


@case(_packed)
def counters_with_steps(packed, x):
    first, second = 0, packed.shape[0]
    y = np.zeros(4)
    for i in range(4):
        second -= 2
        y[i] += packed[first] * packed[second]
        first += 3 if i < 2 else 1
    return y @ x


@case(_packed)
def counter_in_a_branch(packed, x):
    kept = np.zeros(10)
    k = 0
    for i in range(10):
        if packed[i] > 0:
            kept[k] = packed[i] ** 2
            k += 1
    return np.sum(kept[:k] * kept[:k]) + kept[0] * x[0]


@case(_packed)
def counter_of_a_loop_that_is_left(packed, x):
    k, total = 0, 0.0
    for i in range(4):
        for j in range(4):
            total += packed[k] * x[j]
            k += 1
            if total > 1.0:
                break
        k = min(k, 5)
    return total


@case(_packed)
def table_for_all_turns(packed, x):
    total = 0.0
    for i in range(10):
        for j in range(4):
            total += np.exp(0.5 * x[j]) * packed[i] ** 2
    return total


@case(_packed)
def table_of_what_one_turn_changes(packed, x):
    y = x.copy()
    total = 0.0
    for i in range(10):
        for j in range(4):
            total += np.exp(y[j]) * packed[i]
        y[i % 4] = packed[i]
    return total


@case(lambda rng: (rng.normal(size=3), np.zeros((0, 5))))
def table_of_a_loop_without_turns(x, rows):
    n, m = rows.shape
    total = x[0] * x[1]
    for i in range(n):
        for j in range(m):
            total += math.exp(x[j]) * rows[i, j]
    return total


@case(lambda rng: (rng.uniform(0.5, 1.5, (3, 4)), np.zeros((5, 0))))
def table_behind_a_loop_without_turns(x, rows):
    total = x[0, 0] * x[1, 1]
    for i in range(5):
        for _ in range(rows.shape[1]):
            for j in range(9):
                total += np.log(x[i, j])
    return total


@case(lambda rng: (rng.uniform(0.5, 1.5, (3, 4)), rng.normal(size=3)))
def tables_of_two_loops(x, w):
    total = 0.0
    for k in range(2):
        for i in range(3):
            for j in range(3, -1, -1):
                total += np.sqrt(x[i, j]) * np.log(x[i, j] + x[2, j]) * w[i] * (k + 1)
    return total


@case(lambda rng: (rng.uniform(0.5, 1.5, (3, 4)), rng.normal(size=3)))
def scratch_of_zeros_in_each_turn(x, w):
    total = 0.0
    for i in range(3):
        sums = np.zeros((2, 4))
        for j in range(4):
            sums[j % 2, j] += x[i, j] * w[i]
            sums[0, 3 - j] += np.sin(x[i, j])
        total += np.sum(sums[0] * sums[1]) + np.sum(sums * sums)
    return total


@case(lambda rng: (rng.normal(size=4), rng.normal(size=10), 3), argnums=(0, 1))
def table_before_a_loop_with_a_step(x, packed, step):
    total = 0.0
    for i in range(0, 10, step):
        for j in range(4):
            total += np.exp(0.5 * x[j]) * packed[i] ** 2
    for i in range(9, -1, -2):
        for j in range(4):
            total += np.exp(0.2 * x[j]) * packed[i]
    return total


@case(lambda rng: (rng.normal(size=4), 1, 0))
def step_of_zero_that_no_turn_asks_for(x, n, step):
    for i in range(n):
        for j in range(i):
            for k in range(0, len(x), step):
                x[k] = x[j] ** 2
    return np.sum(x * x)
