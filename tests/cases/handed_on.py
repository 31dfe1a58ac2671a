"""What a turn hands on to the next one where both need it, and how long that is."""

import math

import numpy as np

from tests.cases import case


@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=3), 3))
def states_of_inner_loops(w, x, n):
    total = 0.0
    h = x
    for i in range(n):
        for j in range(i, 4):
            h = np.tanh(w @ h + 0.1 * i)
            total += np.sum(h**2) * (j + 1)
        total += np.sum(np.exp(h))
    return total


@case(lambda rng: (rng.normal(), rng.uniform(0.2, 1.0, size=6)))
def state_of_a_loop_that_is_left(x, rates):
    total = 0.0
    for rate in rates:
        x = math.exp(-x * rate)
        total += x * x
        if total > 1.2:
            break
    return total + x**3


@case(lambda rng: (rng.normal(), rng.normal(), 5))
def two_states_that_change_places(x, y, n):
    total = 0.0
    for _ in range(n):
        x, y = y, np.sin(x * y) + 1.0
        total += x * y + np.exp(y)
    return total + x


@case(lambda rng: (rng.normal(), 4))
def states_of_loops_in_loops(x, n):
    total = 0.0
    for i in range(n):
        h = x * (i + 1)
        for j in range(i):
            g = h
            for _ in range(j, 3):
                g = np.tanh(g) * 1.1
                total += g**3
            h = np.exp(-g * h)
            total += h**2
    return total


@case(lambda rng: (rng.normal(), 7))
def state_of_a_loop_that_counts_down(x, n):
    total = 0.0
    for k in range(n, 0, -2):
        x = math.exp(-x * k * 0.1)
        total += x**3
    return total * x


@case(lambda rng: (rng.normal(size=3), np.array([0.3, -1.0, 0.4, 0.5])))
def state_that_some_turns_change(x, rates):
    total = 0.0
    for rate in rates:
        if rate > 0:
            x = np.exp(-x * rate)
        total += np.sum(x * x)
    return total


# A loop is taken to hand on what is as long as before; here that is not so.
@case(lambda rng: (rng.normal(size=(2, 4)), rng.normal(size=4), 1))
def state_of_another_length_behind_one_turn(a, x, n):
    for _ in range(n):
        x = np.sin(a @ x)
    return np.sum(x * x)


@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=(3, 5)), 3))
def matrix_that_keeps_its_form(a, p, n):
    for k in range(n):
        p = a @ p @ np.diag(np.arange(5.0)) + k
        p = p / np.sqrt(np.sum(p * p))
    return np.sum(np.exp(p))


@case(lambda rng: (rng.normal(size=4), rng.normal(size=3)))
def state_as_long_as_what_it_is_replaced_by(x, y):
    total = 0.0
    for k in range(3):
        total += np.sum(np.sin(x)) * (k + 1)
        x = y * x[0]
    return total + x @ x


# Where the next turn of the outer loop makes it, it is longer again.
@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(2, 4)), 1))
def state_that_gets_shorter_in_each_outer_turn(xs, a, n):
    total = 0.0
    for i in range(len(xs)):
        x = xs[i] * 2.0
        for _ in range(n):
            x = a @ x
        total += np.sum(x * x) * x[0]
    return total
