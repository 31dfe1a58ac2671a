"""`for` over ranges, arrays, zips and enumerates; `while`; nests of them."""

import numpy

from tests.cases import case
from tests.cases.inputs import away, near


# Scalar product overwritten in a loop.
@case(lambda rng: (rng.uniform(0.5, 1.5, size=6),))
def product_overwritten(x):
    p = 1.0
    for i in range(6):
        p = p * x[i]
    return p * p


# Scalar sum that begins as a Python int.
@case(lambda rng: (rng.normal(size=5), rng.normal(size=5)), argnums=(0, 1))
def sum_begins_as_int(a, b):
    s = 0
    for i in range(len(a)):
        s += a[i] * b[i]
    return s * s


# Zero-trip loops.
@case(lambda rng: (rng.normal(size=3), 0))
def zero_trip_for(x, n):
    s = x[0] * x[1]
    for i in range(n):
        s = s * x[i]
    for i in range(3, 1):
        s = 0.0
    return s + x[2]


@case(lambda rng: (near(rng, 0.5, 2.0),))
def zero_trip_while(x):
    s = x[0]
    while s > 1.0:
        s = s * 0.5
    return s * x[1]


@case(lambda rng: (near(rng, 0.9, 0.4, 0.7, 0.2),))
def zero_trip_inner(x):
    total = 0.0
    for i in range(4):
        part = x[i]
        for j in range(i - 2):
            part = part * x[j] + 1.0
        total += part * part
    return total


# Trip count from data.
@case(lambda rng: (near(rng, 0.5, 0.9, 1.2, 0.3, 0.8, 0.6),))
def trip_count_from_data(x):
    n = int(x[5] * 4)
    p = x[0]
    for i in range(n + 2):
        p = p * x[i % 6] + 0.2
    return p


# Loop variable used after the loop.
@case(lambda rng: (rng.normal(size=5),))
def loop_variable_after_loop(x):
    s = 0.0
    for i in range(4):
        s += x[i] ** 2
    for v in x:
        s *= 0.9
    return s * x[i + 1] + i * v


# Variable defined in iteration k and used in k+1 behind `if i > 0`.
@case(lambda rng: (rng.normal(size=5),))
def defined_in_previous_iteration(x):
    s = 0.0
    for i in range(5):
        if i > 0:
            s += previous * x[i]
        previous = numpy.sin(x[i])
    return s


# Index variable overwritten and used as a subscript.
@case(lambda rng: (rng.normal(size=7),))
def index_variable_overwritten(x):
    j = 3
    s = x[j]
    for i in range(4):
        j = (j * 2 + i) % 7
        s = s * 0.5 + x[j] * x[i]
    return s


# The loop variable is rebound in the body; the range goes on as it was.
@case(lambda rng: (rng.normal(size=8),))
def loop_variable_rebound(x):
    n = 3
    s = 0.0
    for i in range(n):
        n = n + 2
        i = i * 2 + 1
        s += x[i] * x[n - 2]
    return s * n


# Negative step.
@case(lambda rng: (near(rng, 0.9, 0.4, 0.7, 0.2, 1.1),))
def negative_step(x):
    h = 0.0
    for i in range(x.size - 1, -1, -1):
        h = h * x[0] + x[i]
    for i in range(4, 0, -2):
        h += x[i] * x[i - 1]
    return h


@case(lambda rng: (rng.normal(size=11), 3))
def steps_of_other_sizes(x, step):
    s = 0.0
    for i in range(1, 11, step):
        s += x[i] * x[i - 1]
    for i in range(10, 2, -step):
        s = 0.8 * s + x[i] ** 2
    for i in reversed(range(0, 10, 4)):
        s += numpy.cos(x[i]) * s
    return s


# Triangular nested loops with an accumulator reset per row (ragged storage).
@case(lambda rng: (rng.uniform(0.3, 1.2, size=(5, 5)),), sample=True)
def triangular_ragged(A):
    s = 0.0
    for i in range(5):
        acc = 1.0
        for j in range(i + 1):
            acc = acc * A[i, j] + 0.1
        s += acc * acc
    return s


@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(4, 2))), argnums=(0, 1))
def matmul_by_hand(A, B):
    n, m = A.shape
    p = B.shape[1]
    C = numpy.zeros((n, p))
    for i in range(n):
        for j in range(p):
            for k in range(m):
                C[i, j] += A[i, k] * B[k, j]
    return (C * C).sum()


# Iterating over an active array.
@case(lambda rng: (rng.normal(size=6),))
def over_elements(x):
    s = 1.0
    for v in x:
        s = s * numpy.cos(v)
    for v in x[1:-1:2]:
        s += v * v
    return s


@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=3)), argnums=(0, 1))
def over_rows(A, w):
    s = 0.0
    for row in A:
        s += numpy.tanh(row @ w)
    for column in A.T:
        s *= 1.0 + 0.1 * column[0]
    return s


# `enumerate(zip(a, a[::-1]))`.
@case(lambda rng: (rng.normal(size=5),))
def enumerate_zip_reversed(a):
    s = 0.0
    for i, (u, v) in enumerate(zip(a, a[::-1])):
        s += (i + 1) * u * v * v
    return s


@case(
    lambda rng: (rng.normal(size=4), rng.normal(size=6), rng.normal(size=4)),
    argnums=(0, 1, 2),
)
def zip_stops_at_the_shortest(a, b, c):
    s = 0.0
    for u, v, w in zip(a, b, c):
        s += u * v + v * w * u
    return s


@case(lambda rng: (rng.normal(size=5),))
def enumerate_from_one(x):
    s = 0.0
    for k, v in enumerate(x[1:], start=1):
        s += v * x[k - 1] / k
    return s


@case(lambda rng: (rng.normal(size=5),))
def reversed_array(x):
    s = 0.0
    for v in reversed(x):
        s = s * 0.7 + v * abs(v - 10.0)
    for i, v in enumerate(reversed(x)):
        s += i * v
    return s


@case(lambda rng: (near(rng, 0.4, 0.9),))
def over_a_tuple_of_constants(x):
    s = 0.0
    for weight, node in ((0.5, -0.6), (0.9, 0.0), (0.5, 0.6)):
        s += weight * numpy.exp(x[0] * node) * x[1]
    return s


@case(lambda rng: (near(rng, 0.4, 0.9, 1.3),))
def over_a_list_of_active_values(x):
    s = 1.0
    for v in [x[0] * x[1], x[2], 2.0 * x[0]]:
        s = s * v + x[1]
    return s


# `while` counting down by two, with a second counter.
@case(lambda rng: (rng.normal(size=9),))
def while_with_two_counters(x):
    lo, hi = 0, len(x) - 1
    s = 0.0
    while lo < hi:
        s += x[lo] * x[hi] * (hi - lo)
        lo += 1
        hi -= 2
    return s


@case(lambda rng: (near(rng, 0.7, 1.3, 0.9, noise=0.005),))
def while_inside_for_inside_while(x):
    total = 0.0
    outer = 0
    while outer < 3:
        for i in range(2):
            v = x[outer] + 0.1 * i
            while v < 2.1:
                v = v * x[1] + 0.2
                total += v
        outer += 1
    return total


# The logistic map away from chaos.
@case(lambda rng: (rng.uniform(2.6, 2.9), rng.uniform(0.2, 0.3), 7), argnums=(0, 1))
def logistic_map(r, s, n):
    for _ in range(n):
        s = r * s * (1.0 - s)
    return s


# The recurrence that JAX unrolls: s = tanh(w*s + x[i]).
@case(lambda rng: (0.5 * rng.normal(), rng.normal(size=20)), argnums=(0, 1))
def tanh_recurrence(w, x):
    s = 0.0
    for i in range(x.shape[0]):
        s = numpy.tanh(w * s + x[i])
    return s


# Two sequences aligned by a soft minimum: a table filled row by row.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=3)), argnums=(0, 1))
def table_filled_by_recurrence(a, b):
    n, m = len(a), len(b)
    D = numpy.zeros((n + 1, m + 1))
    for i in range(1, n + 1):
        D[i, 0] = D[i - 1, 0] + 1.0
    for j in range(1, m + 1):
        D[0, j] = D[0, j - 1] + 1.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (a[i - 1] - b[j - 1]) ** 2
            up = numpy.exp(-D[i - 1, j])
            left = numpy.exp(-D[i, j - 1])
            D[i, j] = cost - numpy.log(up + left)
    return D[n, m]


# A whole array is carried and rebound, a fresh one in each iteration.
@case(lambda rng: (0.4 * rng.normal(size=(3, 3)), rng.normal(size=3)), argnums=(0, 1))
def array_carried_by_rebinding(W, h):
    for _ in range(4):
        h = numpy.tanh(W @ h) + 0.5 * h
    return h.sum()


@case(lambda rng: (near(rng, 0.3, 0.8, 0.5, 1.1),))
def array_carried_by_while(x):
    y = x * 1.0
    steps = 0
    while (y * y).sum() < 22.0:
        y = y * 1.3 + x[0]
        steps += 1
    return y.sum() / steps


# Integers that run through the loop and weigh the floats (Collatz).
@case(lambda rng: (rng.uniform(0.5, 0.9), 6))
def integer_sequence_as_weight(x, n):
    s = 0.0
    p = 1.0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        p = p * x
        s = s + n * p
    return s


# A huge range that is left early must not allocate by its bound.
@case(lambda rng: (near(rng, 1.05, 0.8, noise=0.002),))
def huge_range_left_early(x):
    s = x[1]
    for i in range(10**9):
        s = s * x[0] + 0.5
        if s > 11.9 or i > 40:
            break
    return s * i


# The bound of the inner loop is another array's content.
@case(lambda rng: (away(rng, 10), numpy.array([3, 0, 4, 1])))
def trip_counts_from_an_array(x, counts):
    s = 0.0
    at = 0
    for n in counts:
        p = 1.0
        for _ in range(n):
            p *= x[at]
            at += 1
        s += p * p
    return s + x[at]


# Two accumulators, one reset when the other is full.
@case(lambda rng: (near(rng, 0.6, 0.7, 0.5, 0.8, 0.9, 0.4, 0.65),))
def accumulator_flushed(x):
    part = 0.0
    whole = 1.0
    for v in x:
        part += v * v
        if part > 0.95:
            whole *= part
            part = 0.0
    return whole + part


@case(lambda rng: (near(rng, 0.5, 1.5), 5, -1.0))
def bounds_from_arguments(x, n, sign):
    s = 0.0
    for i in range(-n, n, 2):
        s += numpy.sin(i * x[0]) * sign
        sign = -sign
    for i in range(n, -n, -3):
        s *= 1.0 + 0.01 * i * x[1]
    return s


# Only the first and the last iteration do something of their own.
@case(lambda rng: (rng.normal(size=6),))
def first_and_last_differ(x):
    n = x.shape[0]
    y = numpy.empty(n)
    for i in range(n):
        if i == 0:
            y[i] = x[i] * x[i + 1]
        elif i == n - 1:
            y[i] = y[i - 1] * x[i]
        else:
            y[i] = x[i - 1] - 2.0 * x[i] + x[i + 1]
    return (y * y).sum()


# Nothing is special about any name.
@case(lambda rng: (near(rng, 0.4, 0.7), 3))
def a_name_called_root(x, n):
    root = x[0]
    for _ in range(n):
        root = root * x[1]
    return root


# A list is read at a place the data give before the turn adds to it.
@case(lambda rng: (rng.uniform(0.5, 1.5, size=4),))
def list_read_by_place_before_it_grows(x):
    terms = []
    for n in range(len(x)):
        if n < 2:
            terms.append(x[n])
        else:
            terms.append(terms[n - 1] + x[n] * terms[n - 2])
    partial = []
    for n, t in enumerate(terms):
        total = t
        for m in range(n):
            total *= partial[m]
        partial.append(total)
    return partial[-1] * terms[2]


@case(lambda rng: (rng.uniform(0.5, 1.5, size=3),))
def arrays_read_by_place_before_the_list_grows(x):
    states = [x]
    for n in range(4):
        states.append((1.0 - states[n // 2]) * states[n] + 1.0)
    return states[-1] @ states[1]


@case(lambda rng: (rng.uniform(0.5, 1.5, size=3), 1))
def list_read_by_data_grows_once(x, k):
    values = [x[0] * x[1], x[1]]
    middle = values[k]
    values.append(middle * x[2])
    return values[2] * values[0] + values[k + 1]
