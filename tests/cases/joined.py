"""Loops whose turns run forward and backward at once, and loops that must not."""

import math

import numpy as np

from tests.cases import case


@case(lambda rng: (rng.normal(size=6), rng.normal(size=2)), argnums=(0, 1))
def turns_that_only_add(x, w):
    total = 0.0
    for i in range(len(x)):
        y = math.exp(w[0] * x[i])
        z = w[1]
        for j in range(3):
            z = z + math.sin(y * z + j) * x[i]
        if z > 0.2:
            total += z * z * y
    return total / len(x)


# What becomes of the sum must be known before the loop.
@case(lambda rng: (rng.normal(size=5),))
def sum_that_is_squared(x):
    total = 0.0
    for i in range(5):
        total += math.exp(x[i]) * math.sin(x[i])
    return total * total


@case(lambda rng: (rng.normal(size=5),))
def sum_that_a_factor_needs(x):
    total = 0.0
    s = x[0] * x[1]
    for i in range(5):
        total += math.exp(s * x[i])
    return total * s + total * 3.0


@case(lambda rng: (rng.normal(size=5),))
def sum_read_in_the_next_turn(x):
    total = 1.0
    for i in range(5):
        total += math.exp(x[i]) * math.sin(total)
    return total / 2


@case(lambda rng: (rng.normal(size=5),))
def sum_cleared_on_the_way(x):
    total, best = 0.0, 0.0
    for i in range(5):
        total += math.exp(x[i]) * x[i]
        if i == 2:
            best = total
            total = x[4]
    return total + best


@case(lambda rng: (rng.normal(size=5),))
def sum_that_alternates(x):
    total, other = 0.0, 0.0
    for i in range(5):
        total, other = other - math.exp(x[i]) * x[i], total
    return total + 2 * other


# Scratch that all turns share, written over in each.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=3)), argnums=(0, 1))
def scratch_without_a_slope(x, w):
    scale = np.zeros(3)
    total = 0.0
    for i in range(4):
        scale[0] = 1.0 + i
        y = w * scale
        scale[0] = -5.0
        scale[1] += 0.5
        total += np.sum(np.exp(x[i] * y) * scale)
    return total


@case(lambda rng: (rng.normal(size=4), rng.normal(size=3)), argnums=(0, 1))
def scratch_with_a_slope(x, w):
    room = np.zeros(3)
    total = 0.0
    for i in range(4):
        for j in range(3):
            room[j] = math.exp(w[j] * x[i])
        total += room[0] * room[1] * room[2] + room[1]
    return total


@case(lambda rng: (rng.normal(size=4), rng.normal(size=3)), argnums=(0, 1))
def array_of_one_turn_written_twice(x, w):
    total = 0.0
    for i in range(4):
        room = w * x[i]
        for j in range(2):
            room[j] = math.sin(room[j]) * room[j + 1]
        room[0] = room[0] * room[2]
        total += np.sum(room * room * room)
    return total


@case(lambda rng: (rng.normal(size=6),))
def left_in_the_middle(x):
    total, count = 0.0, 0
    for i in range(6):
        y = math.exp(x[i])
        k = 0
        while y * k < 3.0 and k < 4:
            y = y * (1.1 + 0.1 * math.sin(y))
            k += 1
        total += y * k
        count += k
        if count > 9:
            break
    return total / 7


@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=4)), argnums=(0, 1))
def both_loops_only_add(x, w):
    total = 0.0
    for i in range(3):
        row = np.tanh(x[i] * w)
        for j in range(4):
            y = math.exp(row[j]) * math.sin(w[j])
            total += y * y
    return total / 12


# The outer loop hands on more than a sum, the inner one does not.
@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=4)), argnums=(0, 1))
def only_the_inner_loop_adds(x, w):
    total, s = 0.0, 1.0
    for i in range(3):
        s = math.sin(s + w[i])
        for j in range(4):
            y = math.exp(s * x[i, j])
            total += y * y
    return total / 12


@case(lambda rng: (rng.normal(size=5),))
def two_loops_that_only_add(x):
    total = 0.0
    for i in range(5):
        total += math.exp(x[i]) * math.sin(x[i])
    for i in range(4):
        y = math.cos(x[i] * x[i + 1])
        total += math.exp(y) * y
    return total - np.sum(x)


@case(lambda rng: (rng.normal(size=5),))
def a_penalty_after_the_loop(x):
    total, m = 0.0, x.shape[0] * 2.0
    for i in range(5):
        y = math.exp(x[i])
        total += math.sin(y) * y
    return total / m + 0.1 * np.sum(x * x)


@case(lambda rng: (rng.normal(size=5), 3.0), argnums=(0, 1))
def written_for_the_next_function(x, s):
    seen = np.zeros(5)
    total = 0.0
    for i in range(5):
        y = math.exp(s * x[i])
        seen[i] = y
        total += math.sin(y)
    return total + np.sum(seen * x)


@case(lambda rng: (rng.normal(size=5),))
def lists_of_one_turn(x):
    total = 0.0
    for i in range(4):
        steps = []
        y = x[i]
        while len(steps) < i + 1:
            y = math.sin(y) + x[i + 1]
            steps.append(y * y)
        for s in steps:
            total += math.exp(s) * y
    return total


@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=3)), argnums=(0, 1))
def rows_changed_where_they_are(x, w):
    total = 0.0
    for i in range(4):
        x[i] *= np.sin(w)
        x[i, 0] = x[i, 1] * x[i, 2]
        total += np.sum(np.exp(x[i]) * w)
    return total


@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def elements_that_turns_share(x, w):
    total = 0.0
    for i in range(4):
        y = math.exp(x[(i * 2) % 4] * w[0])
        total += math.sin(y) * w[i] + y * y * w[(i + 1) % 4]
    return total


@case(lambda rng: (rng.normal(size=5),))
def counted_down_from_the_end(x):
    total, k = 0.0, 5
    while k > 0:
        k -= 1
        y = math.exp(x[k])
        total -= math.sin(y) * y * k
    return total


# An arm without a slope spares the loops before it, the other one runs them backward.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=2)), argnums=(0, 1))
def loops_before_a_test(x, w):
    total = 0.0
    for i in range(len(x)):
        y = w[0] * x[i]
        for k in range(4):
            y = math.sin(y) + w[1] * k
        z = math.exp(y)
        if z > 1.0:
            total += z * y * x[i]
    return total


@case(lambda rng: (rng.normal(size=6), rng.normal(size=2)), argnums=(0, 1))
def loops_before_the_other_arm(x, w):
    s = w[0]
    for i in range(len(x)):
        y = s * x[i]
        for k in range(4):
            y = math.sin(y) + w[1] * k
        if y > 1.0:
            s = 0.5
        else:
            s = s * math.cos(y)
    return s * s


@case(lambda rng: (rng.normal(size=4), rng.normal(size=2)), argnums=(0, 1))
def loops_that_write_before_a_test(x, w):
    total = 0.0
    for i in range(4):
        y = w[0]
        for k in range(i + 1):
            x[k] = x[k] * math.sin(x[k] + w[1])
            y += x[k] * x[k]
        if x[i] > -0.1:
            total += y * math.exp(y)
    return total + x[0] + x[1] * x[2]


@case(lambda rng: (rng.normal(size=4), rng.normal(size=2)), argnums=(0, 1))
def loops_before_both_arms(x, w):
    total = 0.0
    for i in range(4):
        y = w[0] * x[i]
        z = y
        for k in range(3):
            y = math.sin(y) + z * w[1]
            z = z * 0.9
        if y > 0.3:
            total += math.exp(y)
        else:
            total += z
    return total


@case(lambda rng: (rng.normal(size=3), rng.normal(size=2)), argnums=(0, 1))
def tests_one_after_the_other(x, w):
    y = w[0]
    for k in range(3):
        y = math.sin(y * x[k]) + w[1]
    z = 0.0
    if y > -5.0:
        z = y * y
        for k in range(2):
            z = math.cos(z) * w[k]
    r = 0.0
    if z > -7.0:
        r = z * w[1] + x[0]
    if z > 7.0:
        r = y
    return r * r


@case(lambda rng: (rng.uniform(0.2, 1.0, size=5),))
def few_turns_that_may_end(x):
    total = 0.0
    for i in range(5):
        y = x[i]
        for k in range(30):
            y = y * (1.0 + 0.3 * math.sin(y))
            if y > 3.0 + k * 0.01:
                break
        total += y * x[i]
    for k in range(40):
        total = total * (1.0 + 0.01 * math.sin(total))
        if total > 20.0:
            break
    return total


# The list still grows in later turns: what a turn reads is there when it is over.
@case(lambda rng: (rng.normal(size=5), rng.normal(size=3)), argnums=(0, 1))
def lists_that_grow_from_turn_to_turn(x, w):
    total = 0.0
    places, rows = [], []
    for i in range(5):
        places.append(i)
        if x[i] > -0.2:
            rows.append(np.arange(3) * 0.3 + i)
        y = x[i]
        for k in places:
            y = math.sin(x[k] * y + k)
        z = w * y
        for row in rows:
            z = z * np.cos(row + z)
        total += np.sum(z * np.exp(z))
    return total


# What the sum decides for another number is added behind the loop.
@case(lambda rng: (rng.normal(size=5), 0.3, 0.7), argnums=(0, 1, 2))
def factor_of_the_whole_sum(x, r, s):
    total = 0.0
    for i in range(5):
        y = math.exp(r * x[i])
        for _ in range(2):
            y = math.sin(y * s)
        total += y
    return math.exp(-r) * total + s * s
