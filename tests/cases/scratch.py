"""Scratch arrays made before loops: filled by each turn, or nearly."""

import numpy as np

from tests.cases import case


def _matrix(rng):
    return (rng.uniform(0.5, 1.5, (3, 4)),)


@case(_matrix)
def scratch_filled_in_each_turn(x):
    row = np.empty(4)
    total = 0.0
    for i in range(3):
        for j in range(4):
            row[j] = x[i, j] * x[i, j]
        total += np.max(row) * row[1]
    return total


@case(_matrix)
def scratch_read_as_it_grows(x):
    n, m = x.shape
    terms, part = np.zeros(n), np.zeros(m)
    total = 0.0
    for turn in range(2):
        for i in range(n):
            for j in range(m):
                part[j] = x[i, j] * (turn + 1)
                for k in range(j):
                    part[j] += 0.1 * part[k] * part[k]
            terms[i] = part[m - 1] * part[0]
        total += np.log(np.sum(np.exp(terms)))
    return total


@case(_matrix)
def scratch_matrix_by_rows(x):
    n, m = x.shape
    z = np.empty((n, m))
    total = 0.0
    for turn in range(3):
        for i in range(n):
            for j in range(m):
                z[i, j] = np.sin(x[i, j] + turn)
            if i > 0:
                z[i] *= z[i - 1]
        total += np.sum(z * z[0])
    return total


@case(_matrix)
def scratch_matrix_by_columns(x):
    z = np.empty((3, 4))
    total = 0.0
    for turn in range(3):
        for j in range(4):
            for i in range(3):
                z[i, j] = x[i, j] ** (turn + 1)
        total += np.prod(z)
    return total


@case(_matrix)
def scratch_filled_at_once(x):
    buffer, other = np.zeros(4), np.ones((2, 4))
    total = 0.0
    for i in range(3):
        buffer[:] = x[i] * x[0]
        other[0] = buffer
        other[1, :] = np.exp(buffer)
        total += np.sum(other[0] * other[1])
        buffer *= 2.0
        total += buffer[2] ** 2
    return total


@case(_matrix)
def scratch_filled_but_for_the_last(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        for j in range(3):
            row[j] = x[i, j] * row[3]
        total += np.sum(row * row)
        row[3] = row[0]
    return total


@case(_matrix)
def scratch_filled_but_for_the_first(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        for j in range(1, 4):
            row[j] = x[i, j] * row[j - 1]
        total += row[3] * row[3]
        row[0] += total
    return total


@case(_matrix)
def scratch_read_ahead(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        for j in range(4):
            total += row[3 - j] * x[i, j]
            row[j] = x[i, j] ** 2
    return total


@case(_matrix)
def scratch_filled_unless_it_ends_early(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        for j in range(4):
            if x[i, j] > 1.2:
                break
            row[j] = x[i, j] ** 2
        total += np.sum(row * row)
    return total


@case(_matrix)
def scratch_filled_in_one_arm(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        if x[i, 0] > 1.0:
            row[:] = x[i] ** 2
        total += np.sum(row * row)
    return total


@case(_matrix)
def scratch_filled_in_both_arms(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        if x[i, 0] > 1.0:
            row[:] = x[i] ** 2
        else:
            row[:] = 3.0 * x[i]
        total += np.sum(row * row)
    return total


@case(_matrix)
def scratch_used_behind_the_loop(x):
    row = np.empty(4)
    total = 0.0
    for i in range(3):
        for j in range(4):
            row[j] = x[i, j] * x[i, 0]
        total += np.sum(row ** 3)
    return total + row[1] * row[2]


@case(_matrix)
def scratch_arrays_change_places(x):
    old, new = np.ones(4), np.empty(4)
    total = 0.0
    for i in range(3):
        for j in range(4):
            new[j] = x[i, j] * old[j] + old[0]
        total += np.sum(new * new)
        old, new = new, old
    return total


@case(lambda rng: (rng.uniform(0.5, 1.5, 5), 3))
def scratch_longer_than_what_is_used(x, n):
    part = np.full(5, 2.0)
    total = 0.0
    for turn in range(3):
        for k in range(n):
            part[k] = x[k] * x[turn]
        for k in range(n):
            total += part[k] ** 2 * part[n - 1]
        total += np.sum(part)
    return total


@case(_matrix)
def scratch_in_a_while(x):
    row = np.empty(4)
    total, i = 0.0, 0
    while i < 3:
        for j in range(4):
            row[j] = x[i, j] * (1.0 + total)
        total += np.sum(row * row)
        i += 1
    return total


@case(_matrix)
def scratch_that_the_test_of_a_while_reads(x):
    row = np.full(4, 0.1)
    total, i = 0.0, 0
    while row[0] < 1.0 and i < 3:
        total += row[0]
        for j in range(4):
            row[j] = x[i, j] * 0.5
        total += np.sum(row * row)
        i += 1
    return total


@case(lambda rng: (rng.uniform(0.5, 1.5, 4), -1))
def scratch_from_below_zero(x, low):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        for j in range(low, 3):
            row[j] = x[j] * (i + 1.0)
            total += row[j - 1] * row[j]
    return total


@case(_matrix)
def scratch_with_gaps(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        for j in range(4):
            if j != 2:
                row[j] = x[i, j] ** 2
        total += np.sum(row * row)
        row[2] = total
    return total


@case(_matrix)
def scratch_read_at_the_place_that_is_due(x):
    row = np.full(4, 0.5)
    total = 0.0
    for i in range(3):
        for j in range(4):
            row[j] = x[i, j] * row[j]
        total += np.sum(row * row)
    return total


@case(_matrix)
def scratch_changed_after_it_changed_places(x):
    total = 0.0
    for turn in range(2):
        old, new = np.ones(4), np.zeros(4)
        for i in range(3):
            for j in range(4):
                total += old[j] * x[i, j]
                new[j] = x[i, j] * old[j] * old[0]
            old, new = new, old
        total += old[0] * new[1]
    return total
