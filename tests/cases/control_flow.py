"""Branches, jumps, early returns and loop `else`."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import away, near, spread


# `break` on data (the exiting iteration counts for what ran before it).
@case(lambda rng: (near(rng, 0.3, 0.4, 0.5, 0.9, 0.7, 0.2),), sample=True)
def break_on_data(x):
    s = 0.0
    for i in range(x.shape[0]):
        s += x[i] * x[i]
        if s > 0.45:
            break
        s *= 1.1
    return s * x[0]


# The test stands first: the exiting iteration contributes nothing.
@case(lambda rng: (near(rng, 0.3, -0.4, 0.5, 1.9, 0.7),))
def break_before_use(x):
    s = 1.0
    i = 0
    while i < len(x):
        if x[i] > 1.0:
            break
        s = s * np.cos(x[i]) + x[i]
        i += 1
    return s * (i + 1)


# `continue` on data.
@case(lambda rng: (away(rng, 7),))
def continue_on_data(x):
    s = 0.0
    for v in x:
        if v < 0:
            continue
        s = s * 0.5 + v * v
    return s + x[0]


@case(lambda rng: (spread(rng, 6, low=-1.5, high=1.5), 3))
def continue_in_while(x, skip):
    total = 1.0
    i = -1
    while i < x.size - 1:
        i += 1
        if i == skip or x[i] > 1.0:
            continue
        total *= 1.0 + 0.5 * np.sin(x[i])
    return total


# Newton by `while` with a cap.
@case(lambda rng: (rng.uniform(1.8, 2.3),), sample=True)
def newton_with_cap(a):
    s = 0.5 * (1.0 + a)
    steps = 0
    while abs(s * s - a) > 1e-9 and steps < 20:
        s = s - (s * s - a) / (2.0 * s)
        steps += 1
    return s + 0.1 * s * steps


# `while True` left in the middle.
@case(lambda rng: (near(rng, 1.3, 0.4, 0.9),))
def while_true_left_in_middle(x):
    s = x[0]
    k = 0
    while True:
        s = s * 1.5
        if s > 6.0:
            break
        s = s + x[1] * x[2]
        k += 1
    return s + k * x[2]


# Early return.
@case(lambda rng: (near(rng, 0.4, -1.0, 2.0),))
def early_return_by_case(x):
    if x[0] > 1.0:
        return x[1] * x[1]
    if x[1] < 0.0:
        return x[0] * x[2] + np.exp(x[1])
    return x.sum()


# Early return, also from inside a loop.
@case(lambda rng: (near(rng, 0.5, 0.8, 0.3, 1.6, 0.2, 0.9),))
def early_return_from_loop(x):
    p = 1.0
    for i in range(len(x)):
        p *= x[i] + 0.5
        if x[i] > 1.2:
            return p * x[i]
        p += 0.1 * x[i]
    return p - 1.0


@case(lambda rng: (near(rng, [0.2, 0.4, 0.1], [0.3, 1.5, 0.6], [0.7, 0.5, 0.9]),))
def return_from_nested_loops(A):
    s = 0.0
    for i in range(A.shape[0]):
        row = 0.0
        for j in range(A.shape[1]):
            row += A[i, j] ** 2
            if A[i, j] > 1.0:
                return s * A[i, j] + row
        s += np.sqrt(row)
    return s


# Inner break with another count in each outer iteration.
@case(lambda rng: (near(rng, 0.8, 0.5, 0.9, 0.6, 0.7, 0.4, noise=0.01),))
def inner_break_counts(x):
    s = 0.0
    for i in range(4):
        p = 1.0
        for j in range(i, 6):
            p = p * x[j] * 1.2
            if p < 0.35:
                break
        s += p * x[i]
    return s


@case(lambda rng: (near(rng, 1.2, 2.3, 0.7, 1.9, noise=0.005),))
def break_in_both_loops(x):
    total = 0.0
    for i in range(10):
        level = x[i % 4]
        while True:
            level = level * 0.7 - 0.05 * x[0]
            total += level * level
            if level < 0.34:
                break
        if total > 5.2:
            break
    return total


# if/elif/else binding one name.
@case(lambda rng: (spread(rng, 6, low=-1.5, high=1.5),))
def branches_bind_one_name(x):
    s = 0.0
    for i in range(6):
        if x[i] > 1.0:
            w = np.sin(x[i])
        elif x[i] > 0.0:
            w = x[i] ** 2
        elif x[i] > -0.5:
            w = 1.0 / x[i]
        else:
            w = 0.5
        s += w * x[(i + 1) % 6]
    return s


def _away_from_thresholds(rng):
    return (rng.permutation(near(rng, 1.0, 0.5, -0.5, -1.1, 0.6)),)


@case(_away_from_thresholds)
def nested_branches(x):
    s = 0.0
    for v in x:
        if v > 0:
            t = v * v
            if v > 0.8:
                t = t * x[0]
                if t > 0:
                    t += 1.0
        else:
            if v < -0.8:
                t = np.exp(v)
            else:
                t = -v
        s += t * t
    return s


@case(lambda rng: (near(rng, 0.5, -1.5, 2.0, 0.1),))
def if_without_else_in_loop(x):
    best = x[0]
    hits = 0
    for i in range(1, x.shape[0]):
        if x[i] > best:
            best = 2.0 * x[i] - best
            hits = hits + 1
    return best * best + hits * x[3]


# An array is bound in both arms, one of them written in place afterwards.
@case(lambda rng: (rng.normal(size=4), rng.uniform(0.5, 1.0)))
def array_bound_in_both_arms(x, level):
    if level > 0.3:
        y = x * x
        y[0] = 3.0 * x[1]
    else:
        y = np.zeros(4)
    y[2] *= y[0]
    return (y * np.array([1.0, -2.0, 0.5, 1.5])).sum()


# A write in one arm only: the other path keeps the old element.
@case(lambda rng: (away(rng, 6),))
def write_in_one_arm(x):
    y = x * x
    for i in range(1, 6):
        if x[i] > 0:
            y[i] = y[i - 1] * x[i]
    return (y * y).sum()


# Buffers change hands in one arm (a conditional swap), then one is written.
@case(lambda rng: (rng.normal(size=4), rng.normal(size=4)), argnums=(0, 1))
def conditional_swap_of_arrays(x, y):
    u = np.sin(x)
    v = y * 2.0
    keep = u * u
    for i in range(3):
        if i % 2 == 0:
            u, v = v, u
        u[1:] += 0.3 * v[:-1] * x[1:]
    return (keep * u + v).sum()


# Ternary.
@case(lambda rng: (away(rng, 5),))
def ternary_in_sum(x):
    s = 0.0
    for v in x:
        s += v * v if v > 0 else -0.5 * v
    return s


@case(lambda rng: (near(rng, 0.7, -0.4), 2))
def ternary_chain_and_branch_value(x, k):
    w = x[0] if k == 1 else x[1] if k == 2 else 0.0
    scale = 2.0 if w > 0 else (x[0] if x[0] > 0.5 else 1.0)
    return w * scale * x[0]


# Chained comparison.
@case(lambda rng: (spread(rng, 8, low=-2.0, high=2.0),))
def chained_comparison(x):
    inside = 0.0
    outside = 1.0
    for v in x:
        if -1.01 < v <= 0.99:
            inside += v**3
        elif 0 < 1.0 <= v < 1.5:
            outside *= v
    return inside + outside


# `and`/`or` short circuit whose second operand would divide by zero.
@case(lambda rng: (near(rng, 1.0, 2.0, 0.5), [0, 2, 0, 4]))
def short_circuit_protects_division(x, counts):
    s = 0.0
    for n in counts:
        if n != 0 and 6 / n > 2.0:
            s += x[0] * x[1]
        if n == 0 or 8 // n == 2:
            s = s * x[2] + x[1]
    return s


@case(lambda rng: (spread(rng, 6, low=-1.5, high=1.5), True, False))
def boolean_mix(x, use_sin, use_cos):
    s = 0.0
    for i in range(6):
        both = x[i] > 0 and x[i - 1] > 0
        if not both and (use_sin or use_cos):
            s += np.sin(x[i])
        elif not (both or use_cos) or x[i] > 1.0:
            s += x[i] * x[i - 1]
    return s


# `or` and `and` return an operand, not a bool.
@case(lambda rng: (near(rng, 0.8, 0.3), 0.0, 3))
def or_gives_a_default(x, scale, n):
    factor = scale or 1.5
    extra = n and x[1]
    return factor * x[0] * x[0] + extra


# `for/else`: the else runs as no break was taken.
@case(lambda rng: (near(rng, 0.5, 0.2, 0.4),))
def for_else_not_broken(x):
    s = 0.0
    for i in range(3):
        if x[i] > 1.0:
            s += x[i]
            break
        s += x[i] * x[i]
    else:
        s = s * x[1]
    return s


# `for/else`: left by break, the else is skipped; the outer loop goes on.
@case(lambda rng: (near(rng, 3.0, 4.0, 7.0, 9.0, 0.5),))
def for_else_in_outer_loop(x):
    s = 0.0
    for n in range(2, 10):
        for d in range(2, n):
            if n % d == 0:
                s += x[d % 5] * 0.1
                break
        else:
            s = s * 0.5 + x[n % 5] * x[0]
    return s


# `while/else`.
@case(lambda rng: (near(rng, 0.6, 1.2),))
def while_else_runs_out(x):
    s = x[0]
    n = 0
    while n < 4:
        s = s * x[1] + 0.1
        n += 1
    else:
        s = s * s
    return s + n


@case(lambda rng: (near(rng, 0.6, 1.7),))
def while_else_broken(x):
    s = x[0]
    n = 0
    while n < 50:
        s = s * x[1]
        if s > 4.0:
            break
        n += 1
    else:
        s = 0.0
    return s + n * x[0]


# A flag set in the loop and read after it.
@case(lambda rng: (near(rng, 0.1, 0.9, 1.4, 0.3),))
def flag_carried_through_loop(x):
    found = False
    where = -1
    s = 0.0
    for i, v in enumerate(x):
        if not found and v > 1.1:
            found = True
            where = i
        elif found:
            s += v * v
        else:
            s += v
    if found:
        s *= x[where]
    return s


# States of a small machine: int names decide what each step does.
@case(lambda rng: (away(rng, 8), 0))
def state_machine(x, state):
    level = 0.2
    for v in x:
        if state == 0:
            level = level + 0.5 * v
            state = 1 if v > 0 else 2
        elif state == 1:
            level *= 1.0 - 0.1 * v
            state = 2
        else:
            level -= v * v * 0.1
            state = 0
    return level * level + state


# A name bound on some paths only, and read only where it is bound.
@case(lambda rng: (near(rng, 0.7, 0.2, 1.3),))
def bound_on_some_paths(x):
    if x[0] > 0.5:
        z = x[1] * x[2]
    s = x.sum()
    if x[0] > 0.5:
        s = s * z
    return s


@case(lambda rng: (rng.uniform(0.5, 1.5, size=4),))
def branch_on_reductions(x):
    y = x
    if np.all(x > 0.0) and not (x > 10.0).any():
        y = np.log(x)
    if x.sum() > 0 and x.max() < 5.0:
        y = y * x.mean()
    return (y * y).sum()


@case(lambda rng: (rng.normal(size=3),))
def assertion_holds(x):
    assert x.shape[0] == 3, "three numbers are wanted"
    if x.ndim != 1:
        raise ValueError("a vector is wanted")
    s = (x**2).sum()
    assert s >= 0
    return s * x[1]


# print runs once, in the forward sweep.
@case(lambda rng: (near(rng, 0.4, 0.8),))
def prints_on_the_way(x):
    s = x[0]
    for i in range(2):
        s = s * x[i] + 1.0
        print("step", i, s)
    return s


# A test on an intermediate that is overwritten before the branch is left.
@case(lambda rng: (near(rng, 1.4, 0.3),))
def test_value_overwritten(x):
    t = x[0] * x[0]
    for _ in range(3):
        if t > 1.0:
            t = t * 0.4
            t = t + x[1]
        else:
            t = t + x[0]
    return t * x[1]


@case(lambda rng: (near(rng, 1.5, 0.2, 0.7),))
def pass_and_empty_arms(x):
    for i in range(3):
        if x[i] < 0:
            pass
        else:
            x = x * 1.1
    if x[0] > 100:
        x[0] = 0.0
    return x[0] * x[1] + x[2]


# An arm of an expression that would raise whenever it ran is not the end of all.
@case(lambda rng: (near(rng, 1.5, 0.2, 0.7),))
def arms_that_would_raise(x):
    parts = [x[0], x[1]]

    def fail(why):
        raise ValueError(why)

    y = parts[2] if x[0] < 0 else x[0]
    y += fail("negative") + 1.0 if x[1] < 0 else x[1] * y
    if x[2] > 5 and (x[:2] + np.ones(3)).sum() > 0:
        y = 0.0
    return y * x[2]


# The test for leaving compares with what a variable was before this turn.
@case(lambda rng: (rng.uniform(1.5, 3.0),))
def left_when_two_guesses_agree(a):
    s = a
    while True:
        s, before = 0.5 * (s + a / s), s
        if abs(s - before) < 0.3:
            break
    return s * before


@case(lambda rng: (rng.uniform(1.1, 1.2),))
def left_by_the_flag_of_the_turn_before(x):
    total = 0.0
    full = False
    for _ in range(10):
        total += x * x
        if full:
            break
        full = total > 3.0
    return total


@case(lambda rng: (rng.uniform(1.1, 1.2), np.ones(3)))
def left_by_what_an_array_was(x, a):
    b = np.zeros(3)
    for _ in range(10):
        b[:] = a * x
        if a[0] > 1.5:
            a, b = b, a
            break
        a, b = b, a
    return a @ a


# A turn that surely raises, in loops that may have none.
@case(lambda rng: (near(rng, 0.7, 1.2, 0.4), 0))
def turns_that_surely_raise(x, n):
    s = x[0] * x[1]
    for i in range(n):
        raise ValueError("none is wanted")
    while s > 50.0:
        s = s * x[2]
        raise ValueError("too large")
    return s * x[2]


@case(lambda rng: (near(rng, 0.7, 1.2, 0.4), 2), raises=ValueError)
def a_turn_that_surely_raises(x, n):
    for i in range(n):
        x[0] = 9.0
        raise ValueError("none is wanted")
    return x[0]


# The backward sweep of a loop that is left early counts by the loop's own step.
@case(lambda rng: (rng.uniform(0.5, 1.5, 9), 6.0))
def left_early_by_steps_of_two(x, limit):
    s = 1.0
    for i in range(1, len(x), 2):
        s = s * (1.0 + x[i] * i)
        if s > limit * limit:
            break
    for i in range(8, 0, -3):
        s = np.sin(s) * x[i] + i
        if s < limit / 6.0:
            break
    return s


# Where the flag is off nothing is left to do, and the same flag is asked in there.
@case(lambda rng: (rng.normal(size=3), 1))
def flag_asked_twice_around_loops(x, k):
    on = k > 0
    u = 0.0
    for i in range(len(x)):
        u = u * 0.5 + np.sin(x[i])
    v = u * u if on else 1.0
    for _ in range(k + 2):
        v = v * 0.7 + np.cos(v)
    if on:
        total = v * v
    else:
        total = 2.0
    return total
