"""What functions of engineering libraries do: tables, methods by name, nested sums."""

import math
import sys
from math import log

import numba
import numpy as np
from scipy import constants

from tests.cases import case
from tests.cases.inputs import near

_FIRST = [[0.4, -0.3], [5.1, 0.5]]
_SECOND = [[0.6, 0.2], [-1.5, 1.8]]
_THIRD = [[-0.1, 0.9], [0.7, -2.2]]
_SHORT = [1.0, 0.5]
_LONG = (0.3, -0.2, 0.7)
_SMOOTH = {"laminar", "stratified"}
_TABLE = [[0.1 * i + 0.01 * j for j in range(3)] for i in range(8)]
_WEIGHTS = [1.0 / (k + 1) for k in range(20)]
_PLACES = [0.0, 1.0, 2.5, 4.0]
_HEIGHTS = [1.0, 3.0, 2.0, 5.0]


def _of_table(x, rows):
    if rows == 1:
        table = _FIRST
    elif rows == 2:
        table = _SECOND
    elif rows > 4:
        table = _SECOND
    else:
        table = _THIRD
    s = 0.0
    for k in range(2):
        row = table[k]
        for i in range(len(row)):
            s += row[i] * x**i
    return s


# A table of the module is chosen by an integer, one of them twice, and read by data.
@case(lambda rng: (rng.random(), 4, 1), argnums=0)
def tables_that_are_chosen(x, one, two):
    s = _of_table(x, one) * _of_table(x * x, two)
    for rows in range(1, 7):
        s = 0.5 * s + _of_table(x + rows, rows)
    return s


def _between(x, places, heights, right=None):
    last = len(places) - 1
    if x < places[0]:
        return heights[0]
    k = 0
    while k < last and places[k + 1] <= x:
        k += 1
    if k == last:
        if right is not None:
            return right
        k = last - 1
        slope = (heights[k + 1] - heights[k]) / (places[k + 1] - places[k])
        return slope * (x - places[k]) + heights[k]
    slope = (heights[k + 1] - heights[k]) / (places[k + 1] - places[k])
    return slope * (x - places[k]) + heights[k]


# Lists of the module, read by data in both arms.
@case(lambda rng: (1.7 + 0.1 * rng.random(),))
def interpolated_in_lists(x):
    s = _between(x, _PLACES, _HEIGHTS) * _between(x + 3.0, _PLACES, _HEIGHTS)
    return s + _between(x - 5.0, _PLACES, _HEIGHTS, 2.0) * x


def _friction(re, rough, quick):
    a = rough * re * 0.124
    b = log(re) - 0.779
    f = b - 0.2
    af = a + f
    af1 = 1.0 + af
    e = (log(af) - 0.2) / af1
    f = f - (af1 + 0.5 * e) * e * af / (af1 + e * (1.0 + e / 3.0))
    if not quick:
        af = a + f
        af1 = 1.0 + af
        e = (log(af) + f - b) / af1
        b = af1 + e * (1.0 + 1.0 / 3.0 * e)
        f = b / (b * f - (af1 + 0.5 * e) * e * af)
        return 1.325 * (f * f)
    return 1.325 / (f * f)


# Names rebound on one path: what the backward sweep kept swung between two plans.
@case(lambda rng: (0.1 + 0.01 * rng.random(),))
def friction_in_a_pipe(diameter):
    quick = True
    if diameter < 0.01:
        quick = False
    return _friction(7.5e6 * diameter, 3.4e-5 * diameter**-1.01, quick)


# Rows made by a comprehension inside another are read by data in a third.
@case(lambda rng: ([0.5 + rng.random(), 1.0 + rng.random()], rng.random(2)))
def mixture_of_pairs(masses, shares):
    parts = range(len(masses))
    inverse = [1.0 / m for m in masses]
    facts = [
        [1.0 / (8.0 * (1.0 + masses[i] * inverse[j])) ** 0.5 for j in parts]
        for i in parts
    ]
    pairs = [
        [(masses[j] * inverse[i]) ** 0.25 * facts[i][j] for j in parts] for i in parts
    ]
    return np.sum([shares[i] * pairs[i][j] for i in parts for j in parts])


def _series(x):
    if x < 0.5:
        factors = _SHORT
    elif x < 1.5:
        factors = _LONG
    else:
        factors = [x]
    s = 0.0
    for c in factors:
        s = s * x + c
    return s


# What follows an `if` is read in each arm where a name has no one kind after it.
@case(lambda rng: (near(rng, 0.3, 1.0, 2.0), 0.2), argnums=(0, 1))
def series_of_unlike_lengths(x, low):
    s = 0.0
    for v in x:
        regime = "laminar" if v < 0.5 else "turbulent"
        if regime == "laminar":
            f = 64.0 * v
        elif regime in _SMOOTH:
            f = v
        else:
            f = 0.316 * v**-0.25
        bound = None
        if v > 1.5:
            bound = v * low
        s += f * _series(v)
        if bound is not None:
            s += bound**2
    return s


# What would raise on a path that is not taken: `None` in sums; `method[0]` of a text.
@case(lambda rng: (0.4 + 0.1 * rng.random(),))
def lengths_that_are_not_given(x, length=None, method="R20/3"):
    if x > 2.0:
        x = x / length
    steps = float(method[1:].split("/")[0]) if method[0] in ("R", "r") else 1.0
    return x**2 * steps if length is None or length < 1.0 else length


def _secant(f, a, b, args):
    start, end = f(a, *args), f(b, *args)
    if start * end > 0:
        raise ValueError("f(a) and f(b) must differ in sign, or mean(a, b) is no start")
    while abs(end) > 1e-13:
        a, b, start = b, b - end * (b - a) / (end - start), end
        end = f(b, *args)
    return b


def _cubic(x, a):
    return x**3 - a


# What a message says in brackets is no call.
@case(lambda rng: (5.0 + rng.random(),))
def root_between(a):
    return _secant(_cubic, 1.0, 2.0, (a,))


# Numbers and arrays of rank 0 take new axes; how many there are is known in the run.
@case(lambda rng: (rng.random(3) + 0.5, np.float64(rng.random())))
def axes_for_numbers(v, s):
    columns = np.concatenate([x[..., None] * s for x in v[:-1]])
    inner = np.array(s * v[0])
    wide = np.expand_dims(inner, (0, -1)) * inner[None] * np.array(v, ndmin=2)
    spread = np.sum(wide * (v[0] * s)[None, None])
    return spread + sys.float_info.max_exp * columns.sum()


@numba.vectorize(nopython=True)
def _towards_zero(x):
    return math.ceil(x) if x < 0 else math.floor(x)


@numba.vectorize(nopython=True)
def _length(x):
    return math.sqrt(1.0 + x * x)


# Numba's ufuncs may make integers of floats, and may have been called with integers.
@case(lambda rng: (3.0 * rng.random(4) - 7.2,))
def ufuncs_of_numba(x):
    whole = _towards_zero(x) * x
    count = int(_towards_zero((len(x) + 1) / 2.0))
    return (whole + _length(x) * _length(count + 2)).sum()


# A constant of nature is looked up by its name.
@case(lambda rng: (1.0 + rng.random(3),))
def thermal_voltage(x):
    quantum = constants.value("Boltzmann constant in eV/K")
    return np.sum(np.exp(x * 298.15 * quantum) * constants.value("atomic mass constant"))


# A list of many numbers is run over in a loop, written to, and may be left early.
@case(lambda rng: ([0.1 * k + 0.01 * rng.random() for k in range(64)],))
def long_lists(items):
    before, s = None, 0.0
    for k, v in enumerate(items):
        if before is not None:
            s += before * v
        if k == 40:
            break
        before = v
    items[3] = 7.0
    for v in items:
        items[-1] = items[-1] * 1.01
        s += v
    return s


# A list of the module that holds many floats is one argument, and a list still.
@case(lambda rng: (0.5 + 0.1 * rng.random(), 3), argnums=0)
def tables_of_the_module(x, k):
    s = 0.0
    for a, b, c in _TABLE:
        s += a * x**2 + b * np.sin(x * c)
    for w, v in zip(_WEIGHTS, _WEIGHTS[1:]):
        s = s * x + w * v
    rows = [list(row) for row in _TABLE]
    rows[k][1] = x
    first, *rest = _WEIGHTS
    more = _WEIGHTS[:3] + [x]
    more.append(s)
    s += sum(more) * first + max(rest) + _TABLE[k][k % 3] * len(_WEIGHTS)
    s += np.polyval(_WEIGHTS, x) + (np.array(_TABLE) @ np.array([x, 1.0, x])).sum()
    s += _WEIGHTS.index(0.5) + sum([v * x for v in _WEIGHTS if v > 0.2])
    return s + rows[3][1] * rows[4][2] * isinstance(_WEIGHTS, list)


# A name is None until something is found: the least of some, what came before.
@case(lambda rng: (near(rng, 0.5, -0.3, 0.9, 0.2, -0.7, 0.4),))
def none_until_found(x):
    best = which = None
    low = high = before = None
    s = 0.0
    for k in range(len(x)):
        v = x[k]
        low = v if low is None else min(low, v)
        high = v if high is None else max(high, v)
        if v < 0.0:
            before = None
            continue
        if before is not None:
            s += before * v
        before = v
        if best is None or np.cos(v) < best:
            best, which = np.cos(v), k
    if best is None or which is None:
        return s
    least = None
    while least is None:
        if x[which] > 0.5:
            least = x[which] ** 2
        which -= 1
    return s + best * x[which] + (high - low) * least


# An array is None until a turn makes it, and is made anew in each outer turn.
@case(lambda rng: (near(rng, 0.5, -0.3, 0.9, 0.2),))
def sum_that_is_none_at_first(x):
    s = 0.0
    for i in range(len(x)):
        total = None
        for j in range(i):
            if x[j] > 0.0:
                total = x * x[j] if total is None else total + x * j
        s += 0.5 * x[i] if total is None else (total**2).sum()
    return s


# A number is Python's on one path and NumPy's on another: `max` and `isinstance` of it.
@case(lambda rng: (near(rng, 0.2, 0.5, 0.1),))
def largest_of_two_kinds(x):
    p = 0.25
    for v in x:
        if v > 0.3:
            p = v * 2.0
    q = max(p, -0.4) + min(p, x[0])
    return q * q if isinstance(p, float) and not isinstance(p, (tuple, list)) else p
