"""What random programs found: one function for each cause, cut down to it."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tests.cases import case


# Two lengths found equal: the tape of the loop after it must not be measured by the
# backward sweep's own length.
@case(
    lambda rng: (rng.normal(size=6), rng.normal(size=(4, 6)), 2),
    argnums=(0, 1),
)
def lengths_found_equal(x, A, k):
    z = x
    u = x.copy()
    for i in range(4):
        z[:] = np.sin(u[:])
    v = A[1:, i]
    v *= np.cos(v * u[2:-1])
    for _ in range(k, 5):
        u[:] = u * u + 0.5
    return np.sum(u * x) + np.dot(A @ x, x[:4])


# Read in the turn after the one that bound it, with a type that widens on the way.
@case(lambda rng: (1.0 + rng.random(5), 0.3), argnums=(0, 1))
def late_name_widens(x, s):
    t = 1
    for i in range(3):
        if x[i] > s:
            for j in range(4):
                if j > 0:
                    t += old  # noqa: F821
                old = t
            t = t * x[i] * 0.3 + s
    return t


# A list starts with an int and grows by a float in one arm.
@case(lambda rng: (0.5 + rng.random(4),))
def list_of_int_grows_by_float(x):
    items = [1, 0.25]
    if x[0] > 0.3:
        items.append(x[1] * x[2])
    return items[0] + items[-1] * x[3]


def take_part(u, c):
    taken = np.sum(u) * np.sin(c)
    u *= 0.8
    return taken


# The test of a `while` writes; with an `else`, a `break` skips it.
@case(lambda rng: (0.5 + rng.random(4), rng.normal(size=4)), argnums=(0, 1))
def while_test_writes(x, y):
    count = 0
    s = y[0]
    while count < 6 and take_part(x, 0.5) > 0.6:
        count += 1
        s += x[0] * y[1]
    while take_part(y, s) < 40.0 and take_part(x, 0.5) > 0.1:
        s += np.sum(y)
        if count > 60:
            break
        count += 20
    else:
        s *= x[1]
    return s * np.sum(x * y)


# Buffers are swapped in a loop, and one of them is dropped in one arm later.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4), 0.5), argnums=(0, 1, 2))
def swapped_then_dropped(x, y, s):
    z = x + y
    t = s
    for i in range(3):
        z, x = x, z
        t = 0.2 * take_part(x[3:0:-1], y[-i - 1])
    z, x = x, z
    for i in range(1, 4):
        y[i] = 0.6 * y[i] + 0.3 * np.sin(y[i - 1] * s)
    if s > 0.0:
        x, y = y, x
    else:
        t *= y[1]
    if t > -100.0:
        t += 0.4 * t
        x = np.zeros(4)
    y *= y
    return t + np.sum(z * y) + np.sum(x * z)


# The list grows in a loop inside an arm inside a loop, and is read outside.
@case(lambda rng: (0.5 + rng.random(4), 0.3), argnums=(0, 1))
def list_grows_two_levels_in(x, s):
    items = [s, 0.25]
    for i in range(3):
        if x[i] > s:
            for j in range(i + 1):
                items.append(items[-1] * x[j])
        s += items[-1] * x[i]
    return s * items[-1]


# Bound in a turn for the next one, by way of what reads it.
@case(lambda rng: (0.5 + rng.random(4), 0.3), argnums=(0, 1))
def late_name_of_its_reader(x, s):
    total = s
    for i in range(4):
        if i > 0:
            total += 0.5 * old  # noqa: F821
        old = total * x[i]
    return total


# Two names swap in a loop that writes through one of them.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def swapped_and_mutated(x, y):
    for i in range(5, 0, -2):
        x, y = y, x
        take_part(y[1:3], 0.3 * i)
        y[0] *= x[1]
    return np.sum(x * x * y)


# A `while` whose test binds a name has an `else` that a `break` skips.
@case(lambda rng: (rng.normal(size=2), 4), argnums=0)
def walrus_with_else(x, stop):
    n, s = 10, 0.0
    while (n := n - 1) > 2:
        s += x[0] * n
        if n == stop:
            break
    else:
        s *= x[1]
    m = 4
    while (m := m - 1) > 0:
        s += x[1] * m
        if s > 1e9:
            break
    else:
        s *= x[1]
    return s


# A growing list of arrays is read while it grows: its items stay where they are.
@case(lambda rng: (rng.normal(size=4), 3), argnums=0)
def growing_list_is_read(x, k):
    u = x.copy()
    items = [u - 0.4, 0.3 * u]
    for i in range(k):
        if x[i] < 5.0:
            items.append(np.exp(-items[0] * items[-1]))
    u /= items[0] * items[0] + items[-1]
    return np.sum(u * x)


def fold_odd(u):
    total = 1.0
    for i in range(len(u)):
        total = total * u[i]
    return total


# The length of what an arm makes is known in that arm alone.
@case(lambda rng: (0.5 + rng.random((3, 4)), 2), argnums=0)
def length_inside_an_arm(A, k):
    s = A[0, 0]
    if A[1, 1] < 5.0:
        s += fold_odd(np.sin(A[k][1::2]))
        for i in range(k):
            s *= fold_odd(A[i, i:] * s)
    return s


# `np.dot` and `@` round differently where a vector has a stride.
@case(lambda rng: (rng.normal(size=(4, 6)),))
def dots_of_strided_rows(A):
    total = 0.0
    for k in range(4):
        total += np.dot(A[k][4:0:-1], A[:, k])
        total *= 1.3
    return total


# An array that is its own subscript is read whole before it is written.
@case(lambda rng: (rng.normal(size=4), np.array([3, 1, 2, 0])), argnums=0)
def array_is_its_own_subscript(x, given):
    k = given.copy()
    k[k] = k[::-1]
    k[k[:2]] = k[2:]
    return np.sum(x[k] * np.arange(4.0)) * x[k[0]]


# Index arrays whose lengths are known at run time meet, and one of them is one.
@case(lambda rng: (rng.normal(size=(3, 4)), np.array([0, 2]), 1), argnums=0)
def index_arrays_of_length_one(A, i, k):
    B = A.copy()
    j = i + 1
    B[i, j[:k]] = A[i, 0] * 2.0
    B[i[:k], j] += 3.0 * A[i, j[:k]]
    return np.sum(B * A)


# Names that the kernels of the runtime have.
@case(lambda rng: (rng.normal(size=3),))
def rt_names(x):
    rt_empty = 2.0 * x
    rt_sum1_float64 = np.sum(rt_empty * x)
    for rt_i in range(len(x)):
        rt_sum1_float64 *= rt_empty[rt_i]
    return rt_sum1_float64 * np.sum(x + rt_empty)


# An arm makes its own `y`: it uses up the cotangent that came in, and hands none out.
@case(lambda rng: (0.5 + rng.random(3), 0.4), argnums=(0, 1))
def cotangent_ends_in_an_arm(x, s):
    t = x[0]
    total = s
    y = x
    if t > 0.2:
        y = x * np.cos(x)
        if s > 0.0:
            y[1] = t
        total += np.sum(np.tanh(np.min(y)) * y)
    total += np.sum(y * x)
    return total


# Two loops around a write in one arm, one write in the other: what is kept is shared.
@case(
    lambda rng: (0.5 + rng.random(4), 0.5 + rng.random(4), 2),
    argnums=(0, 1),
)
def inner_loop_in_one_arm(x, y, k):
    u = np.ones_like(y)
    for i in range(2):
        if k > 1:
            for j in range(2):
                u /= 1.2 + x * y
        else:
            for _ in y:
                y[3] += 0.4 * np.tanh(u @ x)
    return np.sum(np.exp(-u * u))


# NumPy's small integers wrap, also in a subscript.
@case(lambda rng: (rng.normal(size=200), np.array([127, 3], np.int8)), argnums=0)
def subscripts_that_wrap(x, k):
    y = x.copy()
    y[k[0] + k[1]] *= 2.0
    if k[0] >= 0:
        y[k[0] + 1] += x[k[0] * 2]
    return np.sum(y[-130:-120] * x[60:70])


# Lists that data indexes are kept as arrays; their rows keep their other names.
@case(lambda rng: (0.5 + rng.random(5), 3))
def rows_have_other_names(x, n):
    row = [x[0], x[1]]
    rows = [row, [x[2], x[3]], [x[4], x[1]]]
    for i in range(n):
        rows[i][0] *= rows[0][1]
        row[1] += rows[i][0]
    part = rows[1][:]
    part[0] = 9.0
    return rows[0][0] * rows[0][1] * row[0] + rows[1][0] * sum(part)


# A slice of a Python list is a copy, in whatever form the list is kept.
@case(lambda rng: (0.5 + rng.random(5), 3))
def slice_of_a_list_kept_as_array(x, n):
    items = [x[0]] * (n + 2)
    part = items[1:]
    part[0] = x[1]
    items[1] *= 2
    return sum(part) * sum(items)


# A list that is packed holds copies: a write to one leaves the other unread.
@case(lambda rng: (0.5 + rng.random(5), 2.0), refused="one memory on one path")
def packed_array_is_written(x, n):
    a = x * 2
    arrays = [a, x * 3, x * 1.5]
    for i in range(int(n)):
        arrays[i][0] *= x[1]
    return np.sum(arrays[1]) * a[0]


@case(lambda rng: (0.5 + rng.random(5), 2.0), refused="one memory on one path")
def tuple_of_one_array_twice(x, n):
    a = x * 2
    twice = (a, a)
    for i in range(int(n)):
        twice[i % 2][0] *= x[1]
    return np.sum(twice[0]) * twice[1][0]


# The array that each turn puts into the list is written by the next turn.
@case(lambda rng: (0.5 + rng.random(5), 3.0), refused="one memory on one path")
def one_array_in_each_turn(x, n):
    items = []
    a = x * 2
    for i in range(int(n)):
        a *= x[i]
        items.append(a)
    return sum([np.sum(item) for item in items])


@case(lambda rng: (0.5 + rng.random(5), 3.0))
def rows_change_places(x, n):
    rows = [x * 1, x * 2, x * 3]
    for i in range(int(n)):
        rows[i], rows[0] = rows[0], rows[i]
        rows[0][0] *= 2
    return np.sum(rows[0] * rows[1]) + rows[2][0]


@case(lambda rng: (0.5 + rng.random(5), 3.0))
def list_kept_as_array_is_repeated(x, n):
    items = [x[0], x[1]] * int(n)
    return sum(items) * len(items)


VERBOSE = False


# A list of one arm that is read only where it is known that nothing reads it: what the
# arms leave in other names was lost.
@case(lambda rng: (0.5 + rng.random(3),))
def list_of_one_arm_is_not_read(x):
    if x[0] > 0.2:
        items = [x[0]]
        y = x[1] * x[0]
    else:
        y = x[2] * 3.0
    if VERBOSE:
        y += items[0]
    return y * x[2]


# A name that an expression binds in one of its arms keeps its value in the other.
@case(lambda rng: (np.array([0.7, -0.4, 1.3]),))
def name_bound_in_a_part_that_may_not_run(x):
    y, total = 1.5, 0.0
    for i in range(len(x)):
        t = (y := x[i]) if x[i] > 0 else 2.0
        big = x[i] > 1 and (y := y * x[i]) > 0
        total += y * t * (2.0 if big else 1.0)
    return total


# An inner function sees what the names of every scope around it mean when it is called.
@case(lambda rng: (0.5 + rng.random(3),))
def inner_functions_see_later_values(x):
    a = x[0]

    def outer():
        def inner():
            return a * a

        return inner

    made = outer()
    scaled = [lambda: a * i for i in range(3)]
    a = x[1] * 3
    return made() * x[2] + scaled[0]()


# A loop over a list or a dict sees what its body has changed.
@case(lambda rng: (0.5 + rng.random(3),))
def loop_sees_changed_items(x):
    items, entries, total = [x[0], x[1], x[2]], {"a": x[0], "b": x[1]}, 0.0
    for k, v in enumerate(items):
        if k < 2:
            items[k + 1] *= v
        total += v * (k + 1)
    for v, w in zip(items, reversed(items), strict=True):
        items[1] = v * x[0]
        total += w * v
    values = entries.values()
    for name, v in entries.items():
        entries["b"] = v * 3
        total += v * len(name)
    return total + sum(values)


# `*=` of a list changes the list that other names see.
@case(lambda rng: (0.5 + rng.random(3),))
def list_repeated_in_place(x):
    items = [x[0], x[1]]
    other = items
    items *= 2
    return sum(other) * x[2]


@case(lambda rng: (0.5 + rng.random(3), -2))
def list_repeated_less_than_never(x, n):
    return x[0] * (1 + len([1.0] * n))


# There is one True; what is compared by `is` may be known at run time only.
@case(lambda rng: (0.5 + rng.random(3), True))
def flags_compared_by_identity(x, flag):
    large = False
    for v in x:
        if v > 0.1:
            large = True
    y = x[0] if flag is True else x[1]
    return y * (2.0 if large is not False else 3.0)


# A test of an array of one element leaves the loop, too.
@case(lambda rng: (0.5 + rng.random(1),))
def loop_left_by_an_array_of_one(x):
    total = 0.0
    for i in range(100):
        total += x[0]
        if x * i > 2.0:
            break
    return total


@case(lambda rng: (0.5 + rng.random(3),))
def zeros_of_two_signs_in_two_arms(x):
    z = 0.0 if x[0] > 9 else -0.0
    return np.arctan2(z, -x[1]) + x[0]


class Reading(NamedTuple):
    low: float
    high: float

    @staticmethod
    def scale(u=1.0, w=2.0):
        return u * w

    @classmethod
    def twice(cls, u, w=2.0):
        return u * w if cls is Reading else u

    @property
    def width(self):
        return self.high - self.low


@case(lambda rng: (0.5 + rng.random(3),))
def members_of_a_namedtuple(x):
    r = Reading(x[0], x[1] * 3)
    return r.scale(x[0]) * r.twice(x[1]) + r.width * (2 if r.__class__ is Reading else 1)


@dataclass
class Meter:
    kept: Any

    @property
    def shown(self):
        return self.kept

    @shown.setter
    def shown(self, value):
        self.kept = value * 2


# `m.shown += x` writes the array in place, and then calls the setter.
@case(lambda rng: (0.5 + rng.random(3),))
def setter_after_a_sum_in_place(x):
    m = Meter(x * 2)
    m.shown += x
    return np.sum(m.shown * m.kept)


TABLE, FACTORS, NAMED = np.array([1.5, 2.0, 0.5]), [2.0, 3.0], {"a": 1.5}


# What is outside is there in every arm and turn, wherever it is read first.
@case(lambda rng: (np.array([0.7, -0.4, 1.3]),))
def globals_read_in_arms_first(x):
    total = 0.0
    for i in range(len(x)):
        if x[i] > 0:
            total += x[i] * TABLE[i] * FACTORS[i % 2]
        else:
            total += x[i] * NAMED["a"]
    return total * TABLE[0] + x[0] * FACTORS[1] * NAMED["a"]


def _weighted(a, weights, power=1):
    return a**power * weights[0] + weights[1]


by_name, by_place = partial(_weighted, weights=FACTORS), partial(_weighted, 2.0)


@case(lambda rng: (0.5 + rng.random(3),))
def partials_that_hold_lists(x):
    return by_name(x[0], power=3) * by_place(x) + by_place(TABLE, power=2) * x[2]


# Truth values of Python's own are numbers in a sum; those of NumPy are not.
@case(lambda rng: (0.5 + rng.random(3),))
def truth_values_of_two_kinds(x):
    own = bool(x[0] > 0) + bool(x[2] > 0) + any(v > 0 for v in x)
    own += all(v > 0 for v in x) + (x[0] in [x[0]])
    numpys = np.bool_(x[0] > 0) + np.any(x > 0)
    own += (not x[0] < 0) + (not x[2] < 0)
    same = 5.0 if bool(x[0] > 0) is not (x[1] < 0) else 3.0
    same += 1.0 if (not x[1] < 0) is True else 2.0
    return x[0] * own + x[1] * numpys * same * (2.0 if x[:2] is x else 1.0)


def _product_or_sum(a, b, k):
    for i in range(k):
        if a[i] < 0.2:
            return a * b
    return a + b


# The cotangent of what comes back is as long as it is in that arm, or not there.
@case(lambda rng: (0.5 + rng.random(5),))
def array_returned_from_a_loop(x):
    return (_product_or_sum(x, x * x, 3) ** 3).sum()


# What decides `any` and `all` ends them: the rest is never looked at.
@case(lambda rng: (0.5 + rng.random(4),))
def any_and_all_stop_early(x):
    y, seen = np.zeros(4), [0.0]

    def looked_at(i):
        y[i] = x[i] ** 2
        return i < 1

    def found(v):
        seen[0] += v
        return seen[0] > 0.6

    more = any(found(a * b) for a, b in zip(x, x[::-1]) if a > 0.0)
    less = all(looked_at(i) for i in range(4))
    either = all(v > 0.0 for v in [x[0], x[1] - 9.0, 1.0 / x[2]])
    return y.sum() * x[3] + seen[0] * (2.0 if more else 1.0) + less + either


# `enumerate` runs over what the list holds by then; a power that no arm computes.
@case(lambda rng: (0.5 + rng.random(3),))
def evaluated_when_it_runs(x):
    items = [x[0]]
    numbered = enumerate(items, 1)
    items.append(x[1])
    s = 0.0
    for k, v in numbered:
        s += k * v * v
    nothing = 0.0
    return s if x[2] > 0.0 else s * nothing**-1 + 10.0**400


def _weight(p):
    return 2.0 if isinstance(p, OrderedDict) and type(p) is not dict else 3.0


# An OrderedDict is one, and so is its gradient.
@case(lambda rng: (OrderedDict(a=rng.random(3), b=0.5 + rng.random()),))
def ordered_parameters(p):
    q = p.copy()
    return _weight(q) * p["b"] * (p["a"] ** 2).sum()


# What is counted is a comparison: in a kernel's sum it needs its brackets.
@case(lambda rng: (0.5 + rng.random(5),))
def counts_of_comparisons(x):
    n = np.count_nonzero(x > 0.1) + np.count_nonzero(x[1:] < x[:-1] + 2.0, axis=0)
    return (x * x).sum() * n


# What does nothing to a number lost the brackets around it in the kernel.
@case(lambda rng: (rng.normal(size=3), 0.3), argnums=(0, 1))
def casts_keep_brackets(x, t):
    return x[0] * np.float64(1 - t) + x[1] * np.positive(x[0] - x[2])
