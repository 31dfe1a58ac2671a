"""Slices whose lengths are known, or look as if they were."""

import numpy as np

from tests.cases import case


# A row of a triangle and a column: one check tells that both have one length.
@case(
    lambda rng: (rng.normal(size=(4, 4)), rng.normal(size=(4, 3))),
    argnums=(0, 1),
)
def triangle_by_columns(c, a):
    for i in range(a.shape[0]):
        c[i, : i + 1] *= 0.5
        for k in range(a.shape[1]):
            c[i, : i + 1] += a[i, k] * a[: i + 1, k]
    return np.sum(c * c)


# Slices that end behind their arrays are shorter than their subscripts say.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def cut_off_at_the_end(x, y):
    s = 0.0
    for i in range(len(x)):
        s += np.sum(x[: i + 2] * y[: i + 2]) + np.sum(x[i + 2 :]) * x[i]
    return s


# A slice that ends before it begins is empty.
@case(lambda rng: (rng.normal(size=5),))
def ends_before_it_begins(x):
    s = 0.0
    for i in range(5):
        s += np.sum(x[i : 4 - i] * x[i]) + np.sum(x[: i - 2]) * x[i]
    return s


# What is checked on one path tells nothing of the other.
@case(
    lambda rng: (np.array([1.0, 2.0, -1.0, -2.0]), rng.normal(size=2)),
    argnums=(0, 1),
)
def checked_on_one_path(x, y):
    s = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            s += np.sum(x[: i + 1] * y[: i + 1])
    for i in range(len(x)):
        s += np.sum(np.sin(y[: i + 1])) * x[i]
    return s


# What is checked until a loop is left tells nothing of the turns after.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=2)), argnums=(0, 1))
def checked_until_left(x, y):
    s = 0.0
    for i in range(len(x)):
        if i == 2:
            break
        s += np.sum(x[: i + 1] * y[: i + 1])
    for i in range(len(x)):
        s += np.sum(np.sin(y[: i + 1])) * x[i]
    return s


# What is checked over one range tells nothing of a longer one.
@case(
    lambda rng: (rng.normal(size=2), rng.normal(size=2), rng.normal(size=4)),
    argnums=(0, 1, 2),
)
def checked_over_less(x, y, z):
    s = 0.0
    for i in range(len(x)):
        s += np.sum(x[: i + 1] * y[: i + 1])
    for i in range(len(z)):
        s += np.sum(np.sin(y[: i + 1])) * z[i]
    return s


# A loop without turns checks nothing.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=2), 0), argnums=(0, 1))
def checked_in_no_turn(x, y, m):
    s = 0.0
    for i in range(len(x)):
        for _ in range(m):
            s += np.sum(x[: i + 1] * y[: i + 1])
    for i in range(len(x)):
        s += np.sum(np.sin(y[: i + 1])) * x[i]
    return s


# What is checked for pairs holds for all of these alone.
@case(
    lambda rng: (rng.normal(size=2), rng.normal(size=2), rng.normal(size=3)),
    argnums=(0, 1, 2),
)
def checked_for_pairs(x, y, z):
    s = 0.0
    for i in range(len(x)):
        for k in range(len(z)):
            s += np.sum(x[: i + 1] * y[: i + 1]) * z[k]
    for i in range(len(z)):
        for k in range(len(x)):
            s += np.sum(np.sin(y[: i + 1])) * z[i] * x[k]
    return s


# What was read is stored at another place.
@case(lambda rng: (rng.normal(size=5),))
def running_sums_in_place(x):
    for i in range(1, 5):
        last = x[i - 1]
        x[i] += last * x[0]
        x[0] = last
    return np.sum(x * x)


# Arrays that a loop binds anew, of another length for all that is known, in its test.
_rebound = case(lambda rng: (rng.normal(size=6), rng.uniform(size=(4, 6))))


@_rebound
def sum_in_the_test(y, a):
    k = 0
    while k < 3 and np.sum(y[1:] * y[:-1]) < 50:
        k += 1
        y = np.mean(a, axis=0) * np.sum(y)
    return np.sum(y * y)


def _faded(u, c):
    total = 0.0
    for i in range(len(u)):
        total = 0.7 * total + 0.2 * u[i] * c
    return total


@_rebound
def loop_in_the_test(y, a):
    k = 0
    y = y.copy()
    while k < 3 and len(y) > 2 and _faded(y, y[0]) < 50:
        y[k] = y[k] * 2
        k += 1
        if y[1] > -5:
            y = np.mean(a, axis=0) * y[k]
    return np.sum(y * y)


@_rebound
def bound_in_the_test(y, a):
    k = 0
    w = y
    while k < 3 and (m := np.sum(y[1:])) < 50 and len(z := y * m) > 2 and w[0] < 9:
        w = y
        k += 1
        y = np.mean(a, axis=0) * np.sum(z)
    else:
        w = w * 2
    return np.sum(y * y) + m + np.sum(w)


@_rebound
def containers_in_the_test(y, a):
    held, k = {"u": [y * 0.2, y], "v": (a[0],)}, 0
    while k < 3 and len(held["u"][0]) > 2 and np.sum(held["v"][0] ** 2) < 50:
        held["u"][0] = held["u"][0][1:] * held["v"][0][0]
        held["v"] = (held["v"][0][:-1] * held["u"][1][k],)
        k += 1
    return np.sum(held["u"][0] ** 2) + np.sum(held["v"][0])


# The backward sweep measures `z` anew, and adds to a part of it that counts down.
@case(lambda rng: (rng.normal(size=6), rng.normal(size=6), 0.9, 2), argnums=(0, 1, 2))
def downwards_in_an_array_measured_again(x, y, s, k):
    p = 0.0
    z = 0.7 * x
    items = [s, 0.2 * (0.9 * z[::-1]).sum()]
    if -0.4 < p <= 0.7:
        pass
    else:
        p = np.where(z[1:-1] > 0.9, y[5:1:-1], z[5:1:-1]).max()
    for _ in items:
        if y[1] < x[-1]:
            x, y = y, x
        z[k - 1], z[4] = z[4], z[k - 1]
    v = y[5:0:-1]
    v += 0.3 * (v * np.cos(v))
    return 0.9 * s + 0.7 * p + 0.3 * np.sum(z * y)


# Which part is asked for is data: taken for as long as each other until they are not.
@case(lambda rng: (rng.normal(size=7), 2))
def parts_of_unlike_lengths(x, k):
    parts = [x[:2] * 2.0, np.sin(x[2:5]), x[5:6]]
    total = np.sum(parts[k] ** 3)
    for i in range(k):
        total += np.prod(parts[i])
    return total


# One row serves all places: found when it runs, and asked before lengths are compared.
@case(lambda rng: (rng.normal(size=(3, 4)), np.array([[0, 1], [1, 3], [2, 2]]), 1))
def taken_along_an_axis_of_one(x, places, k):
    given = np.take_along_axis(x[:k], places, axis=1)
    taken = np.take_along_axis(x, places[:k], axis=1)
    return np.sum(given**2 * taken)


# Items of a list of views are bound anew, as in the algorithms of de Boor and de
# Casteljau: no memory of `c` is written.
@case(lambda rng: (rng.normal(size=(5, 2)), 0.3))
def views_bound_anew_by_de_boor(c, t):
    d = [c[j + 1] for j in range(4)]
    for r in range(1, 4):
        for j in range(3, r - 1, -1):
            d[j] = (1.0 - t) * d[j - 1] + t * d[j]
    return np.sum(d[3] * c[0])


@case(lambda rng: (rng.normal(size=(5, 2)), 0.3))
def views_bound_anew_by_de_casteljau(c, t):
    b = [c[i] for i in range(len(c))]
    for k in range(1, len(b)):
        for i in range(len(b) - k):
            b[i] = b[i] * (1 - t) + b[i + 1] * t
    return np.sum(b[0] ** 2 * c[1])


# Two lists over one array, and a copy of a list, are lists of their own.
@case(lambda rng: (rng.normal(size=(4, 2)),))
def views_bound_anew_in_two_lists(c):
    d = [c[j] for j in range(len(c))]
    b = [c[j] for j in range(len(c))]
    e = d[:]
    for k in range(len(c) - 1):
        d[k] = d[k + 1] * 2.0
    for k in range(len(c) - 1):
        b[k] = b[k + 1] * d[k]
    return np.sum(b[0] ** 2 * e[1]) + np.sum(d[0] * b[1] * c[2])
