"""What the backward sweep reads again, undoes, or finds kept, and where it must not."""

import math

import numpy as np

from tests.cases import case
from tests.cases.inputs import definite


# What a slice read is final only where later turns write beyond it.
@case(lambda rng: (definite(rng, 5),))
def factors_by_slices(x):
    for i in range(5):
        for j in range(i):
            x[i, j] -= x[i, :j] @ x[:j, j]
            x[i, j] /= x[j, j]
        for j in range(i, 5):
            x[i, j] -= x[i, :i] @ x[:i, j]
    return np.sum(x * x * x)


@case(lambda rng: (rng.normal(size=6),))
def slice_that_its_own_turn_overwrites(x):
    s = 0.0
    for i in range(1, 5):
        s += x[: i + 1] @ x[: i + 1]
        x[i] *= s
    return s + x[4]


@case(lambda rng: (rng.normal(size=6),))
def slice_read_from_the_end(x):
    s = 0.0
    for i in range(4, -1, -1):
        s += x[i + 1 :] @ x[i + 1 :]
        x[i] = x[i] * x[i] + 0.1 * s
    for i in range(3):
        s += x[-i - 1 :] @ x[-i - 1 :]
        x[5 - i] = 0.5 * s
    return s


@case(lambda rng: (rng.normal(size=6),))
def slice_with_an_end_below_zero(x):
    s = 0.0
    for i in range(3):
        s += x[: i - 2] @ x[: i - 2]
        x[i] *= 1.5 * x[i]
    return s


@case(lambda rng: (rng.normal(size=(4, 6)), np.array([2, 4, 3, 1])))
def slice_up_to_a_number_read_in_the_loop(x, ends):
    s = 0.0
    for i in range(4):
        m = ends[i]
        for j in range(m):
            s += x[0, m - 1 - j :] @ x[1, m - 1 - j :]
            x[0, m - 1 - j] *= 0.5 * x[1, j]
    return s


@case(lambda rng: (rng.normal(size=(3, 6)),))
def slices_of_steps_and_picks(x):
    s = 0.0
    rows = np.array([0, 2])
    for i in range(5):
        s += np.sum(x[0, ::2] * x[1, ::2]) + np.sum(x[rows, i] ** 2)
        x[0, i] *= x[2, i + 1]
    return s


# Kept, not undone: many writes would have to be put back for what one copy keeps.
@case(lambda rng: (rng.normal(size=5), rng.normal(size=(5, 4))))
def row_scaled_then_added_to(c, a):
    for i in range(5):
        c[: i + 1] *= c[i]
        for k in range(4):
            c[: i + 1] += a[i, k] * a[: i + 1, k]
    return np.sum(c * c)


# Undone, not kept: a number read more often than it is written.
@case(lambda rng: (rng.normal(size=5), rng.normal(size=(3, 5))))
def scratch_read_by_an_inner_loop(w, x):
    scratch = np.empty(5)
    s = 0.0
    for k in range(3):
        for i in range(5):
            scratch[i] = np.sin(w[i] * x[k, i])
            for j in range(i + 1):
                s += scratch[j] * scratch[i] * x[k, j]
    return s


@case(lambda rng: (rng.normal(size=6),))
def some_writes_undone_and_some_final(x):
    y = np.zeros(6)
    s = 0.0
    for i in range(1, 6):
        y[i] = y[i - 1] * x[i] + x[0]
        s += y[i] * y[i - 1]
    for i in range(6):
        s += y[i] * x[i]
        y[i] = np.sin(s)
    for i in range(6):
        s += y[i] * y[5 - i]
    return s


# Loops that a kept value does not depend on, and those that it does.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=(3, 4))))
def kept_once_for_all_outer_turns(w, x):
    s = 0.0
    for k in range(3):
        t = 0.0
        for i in range(4):
            e = np.exp(w[i])
            t += e * np.sin(x[k, i] * e)
        s += t * t
    return s


@case(lambda rng: (rng.normal(size=4), rng.normal(size=(3, 4))))
def kept_only_in_some_outer_turns(w, x):
    s = 0.0
    for k in range(3):
        for i in range(k + 2):
            e = 0.5
            if x[k, i] > 0.0:
                e = np.exp(w[i])
            s += e * e * np.cos(s)
    return s


@case(lambda rng: (rng.normal(size=4), rng.normal(size=(3, 4))))
def outer_turns_change_what_inner_ones_read(w, x):
    w = w.copy()
    s = 0.0
    for k in range(3):
        for i in range(4):
            e = np.exp(w[i])
            s += e * e * x[k, i]
        w[k] += 0.1 * s
    return s


@case(lambda rng: (rng.normal(size=4), rng.normal(size=(3, 4))))
def outer_carry_reaches_inner_values(w, x):
    s, p = 0.0, 1.0
    for k in range(3):
        q = p
        for i in range(4):
            e = np.sin(w[i] * q)
            q = q + e
            s += e * e * x[k, i]
        p = p * 1.1
    return s


# Integers that grow by the same in each turn are worked out again.
@case(lambda rng: (rng.normal(size=12), rng.normal(size=4)))
def position_that_counts_up(w, x):
    s, position = 0.0, 0
    for i in range(4):
        t = np.sin(x[i])
        for j in range(i):
            t += w[position] * x[j] * t
            position += 1
        position += 1
        s += t * t
    return s


@case(lambda rng: (rng.normal(size=12), rng.normal(size=5)))
def position_that_skips_turns(w, x):
    s, position, other = 0.0, 0, 11
    for i in range(5):
        other -= 2
        if x[i] < 0.0:
            continue
        s += w[position] * w[other] * np.sin(s + x[i])
        position += 2
    return s


# An array is read where it was stored, if it stays there; else it is kept.
@case(lambda rng: (rng.normal(size=(5, 4)), rng.normal(size=4)))
def row_stored_and_overwritten_later(a, w):
    q = np.zeros_like(a)
    for k in range(5):
        q[k] = np.exp(a[k] * w)
        if k > 1:
            q[k - 1] *= w
    return np.sum(q * q)


@case(lambda rng: (rng.normal(size=(5, 4)), rng.normal(size=4)))
def row_spread_over_a_block(a, w):
    q = np.zeros((5, 3, 4))
    for k in range(5):
        q[k] = np.exp(a[k] * w)
    return np.sum(q * q * q)


# At the top a matrix is cheaper to work out again than to keep, but not in a loop.
@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=4)))
def block_worked_out_again_in_a_loop(a, w):
    b = a * 0.5 + w
    s = 0.0
    for k in range(3):
        s += np.sum(b * b) * w[k]
        a[k] *= s
    b[0] = w
    return s + np.sum(b * a)


@case(lambda rng: (rng.normal(size=3), -1))
def tape_of_an_array_that_is_never_made(x, n):
    s = np.sum(x * x)
    for i in range(n):
        z = np.empty(n)
        z[:] = x[i]
        z = np.exp(z)
        s += np.sum(z * z) * np.sin(s)
    return s


# A row as long as the longest part: an end below zero counts from another end there.
@case(lambda rng: (rng.normal(size=6), -1))
def end_below_zero_in_growing_arrays(x, k):
    s = 0.0
    for i in range(2, 6):
        z = np.zeros(i)
        z[:] = x[i]
        e = np.exp(z[:k] * s)
        s += 0.01 * np.sum(e * e)
    return s


# A slice that is empty makes nothing shorter.
@case(lambda rng: (rng.normal(size=6),))
def joined_with_an_empty_slice(x):
    s = 0.0
    for k in range(3):
        e = np.exp(np.concatenate((x, x[5:k])) * s)
        s += 0.01 * np.sum(e * e)
    return s


# A number that a turn has read by now is not there yet where the turn begins.
@case(lambda rng: (rng.normal(), rng.normal(), rng.normal(size=5)), argnums=(0, 1, 2))
def read_where_it_was_stored_and_in_a_loop(a, b, u):
    s = 0.0
    stored = np.zeros(3)
    for j in range(3):
        x = np.exp(a * b)
        stored[j] = x
        t = 1.0
        for _ in range(4):
            y = x * a
            for l in range(5):
                s += np.sin(y * u[l] * s)
            t = t * x
        s += 0.1 * t + stored[j]
    return s


@case(lambda rng: (rng.normal(size=(5, 1)), rng.normal(size=4)), argnums=1)
def row_of_one_stored_in_a_longer_one(a, w):
    q = np.zeros((5, 4))
    for k in range(5):
        q[k] = np.exp(a[k] * w[0])
    return np.sum(q * q * q)


# What is put back later in the backward sweep is not there yet.
@case(lambda rng: (rng.normal(size=4),))
def read_before_its_write_is_undone(a):
    s = 0.3
    for _ in range(3):
        s += np.sum(np.sin(a * s))
        x = a[0]
        a[0] = s
        s += np.sin(x * s)
    return s + np.sum(a * a)


@case(lambda rng: (rng.normal(size=4),))
def read_before_writes_of_a_loop_are_undone(a):
    s = 0.3
    for k in range(3):
        s += np.sin(np.sum(np.sin(a * s)))
        x = a[k]
        for j in range(2):
            a[k] += s * j
            s += np.sin(np.sin(x * s) * a[k])
    return s + np.sum(a * a)


@case(lambda rng: (rng.normal(size=4),))
def stored_over_what_is_put_back(a):
    s = 0.3
    q = np.zeros(4)
    for k in range(3):
        s += np.sum(np.sin(q * s))
        x = np.exp(np.sin(a[k] * s))
        q[k] = np.cos(s)
        s += np.sin(x * s) * q[k]
        q[k] = x
        s += np.sin(x * s) * np.sum(q[:k])
    return s + np.sum(q * a)


@case(lambda rng: (rng.normal(size=4),))
def stored_and_put_back_twice(a):
    s = 0.3
    q = np.zeros(4)
    for k in range(3):
        s += np.sum(np.sin(q * s))
        x = np.exp(np.sin(a[k] * s))
        q[k] = x
        s += np.sin(x * s)
        q[k] *= np.sin(s)
        s += np.sin(x * s) * q[k]
    return np.sin(s) + np.sum(q * a)


# Where some writes alone are undone, the whole is not what it was.
@case(lambda rng: (rng.normal(size=6),))
def whole_read_where_a_part_is_undone(a):
    s = 0.3
    for k in range(3):
        s += np.sum(np.sin(a[:4] * s))
        s += np.sum(np.cos(a * s))
        a[k] *= np.sin(s)
    for i in range(2):
        for j in range(2):
            for l in range(2):
                a[5] = np.sin(s * a[5]) + i * j
                s += a[5] * l
    return s + np.sum(a * a)


@case(lambda rng: (rng.normal(size=6),))
def whole_read_where_a_part_is_undone_in_the_turn(a):
    s = 0.3
    for k in range(3):
        s = np.sin(s + np.sum(np.sin(a[:3] * s)))
        s = np.sin(s + np.sum(np.cos(a * s)))
        a[k] *= np.sin(s)
        for i in range(2):
            for j in range(2):
                for l in range(2):
                    a[5] = np.sin(s * a[5]) + i * j
                    s += 0.1 * a[5] * l
    return s + np.sum(a * a)


# What is added to the length of a slice is not taken from one that is empty.
@case(lambda rng: (rng.normal(size=3),))
def length_of_an_empty_slice_and_more(x):
    z = np.zeros(len(x[5:]) + 7)
    z[0] = x[0]
    return np.sum(z) * len(z) + np.sum(x) * (len(x[4:]) + 2)


@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def joined_with_slices_beyond_the_end(x, y):
    s = 0.0
    z = np.concatenate((y, x[5:], y))
    for k in range(3):
        e = np.exp(0.1 * s * np.concatenate((x[5:], y, x[k:])))
        s += np.sum(np.sin(e * e)) + np.sum(z[: len(e)] * e[: len(z)][0])
    return s + np.sum(np.sin(z) * np.arange(len(z)))


@case(lambda rng: (rng.normal(size=3),))
def ranges_and_diagonals_of_empty_slices(x):
    z = np.arange(-2, len(x[5:])) * x[0]
    d = np.diag(x[4:], 2)
    return np.sum(z * z) + (len(z) + len(d)) * x[1] + np.sum(d)


# The values of a call are stored before the loop that multiplies them.
@case(lambda rng: (1.5, 0.3, 0.2, rng.normal(size=(3, 7))), argnums=(0, 1, 2))
def product_of_exponentials(price, drift, sigma, z):
    total = 0.0
    for i in range(3):
        value = price
        for j in range(7):
            value *= math.exp(drift / 7.0 + sigma * math.sqrt(drift) * z[i, j])
            total += value
    return total


@case(lambda rng: (rng.uniform(0.5, 1.5, size=6),))
def product_of_what_the_loop_writes(x):
    p = 1.0
    for j in range(5):
        p *= math.log(1.0 + x[j]) + math.sin(2.0)
        x[j + 1] = x[j + 1] * p
    return p + np.sum(x)


@case(lambda rng: (rng.uniform(0.5, 1.5, size=6),))
def product_of_what_it_was_made_of(x):
    p = 1.0
    for j in range(5, -1, -1):
        p *= math.exp(0.1 * p * x[j]) * math.tanh(x[j] * j)
        p += math.cos(x[j])
    return p


@case(lambda rng: (-1.0, np.zeros((2, 0))))
def roots_of_turns_that_are_not_there(rate, z):
    p = 2.0 + rate
    for i in range(2):
        for j in range(z.shape[1]):
            p *= math.exp(math.sqrt(rate) * z[i, j])
    return p


@case(lambda rng: (np.array([1.0, 800.0, 2.0]),), raises=OverflowError)
def product_too_large(x):
    p = 1.0
    for j in range(3):
        p *= 0.5 * math.exp(x[j])
    return p


@case(lambda rng: (np.array([1.0, 0.0, 2.0]),), raises=ValueError)
def product_of_no_logarithm(x):
    p = 1.0
    for j in range(3):
        p *= 0.5 * math.log(x[j])
    return p


@case(lambda rng: (np.array([1.0, -3.0, 2.0]),), raises=ValueError)
def product_of_no_root(x):
    p = 1.0
    for j in range(3):
        p *= math.exp(math.sqrt(x[j]))
    return p


@case(lambda rng: (2.0, 0.0), raises=ZeroDivisionError)
def product_of_no_quotient(p, q):
    for j in range(3):
        p *= math.exp(math.sin(1.0 * j) / q)
    return p


@case(lambda rng: (np.array([1.0, np.inf, 2.0]),), raises=ValueError)
def product_of_no_sine(x):
    p = 1.0
    for j in range(3):
        p *= 0.1 + math.sin(x[j])
    return p


@case(lambda rng: (rng.uniform(0.5, 1.5, size=4),))
def product_through_one_place(x):
    kept = np.zeros(3)
    p = 1.0
    for j in range(4):
        kept[1] = math.exp(x[j])
        p *= kept[1] - 0.5 * p
    return p + kept[1]


@case(lambda rng: (rng.uniform(0.5, 1.5, size=6),))
def product_through_the_end(x):
    kept = np.zeros(3)
    p = 1.0
    for j in range(6):
        kept[j - 3] = math.exp(x[j])
        p *= kept[j - 3] - 0.5 * p
    return p + kept[1]


# A list holds an array of its own: what it was made of is wanted as it was, though the
# item is changed; one is laid out in columns.
@case(lambda rng: (rng.normal(size=(3, 3)), 0.7, 9), argnums=(0, 1))
def item_changed_that_a_slope_needs(a, s, n):
    items, turned = [np.tanh(a[0])], [np.exp(a).T]
    for _ in range(n):
        items.append(items[0] + s)
        turned.append(turned[0] * s)
    items[0][1:] = 0.3 * np.sin(items[0][:-1])
    turned[0][1] *= items[0]
    return np.dot(items[-1], items[0]) + np.sum(turned[-1] * turned[0])


# A cotangent made at the end of one arm has a length that only this arm counted again.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), rng.normal(size=(4, 6))))
def cut_to_a_length_behind_an_arm(x, y, A):
    t = x[0] - 5.0
    if t > 0.7:
        return 0.3 * np.sum(x)
    x = np.concatenate((A.sum(axis=0)[:1], y[1:]))
    if t > -0.8:
        return np.sum(y)
    x[5:0:-1] -= 0.3 * y[4::-1]
    total = 0.5 * np.sum(x * y)
    for _ in range(4):
        x[2:] *= -0.4
    return total
