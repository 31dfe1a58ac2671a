"""One case per row of the table of conventions at kinks and ties (SEMANTICS 2).

The rows of nn.relu, nn.leaky_relu and nn.max_pool2d stand here as written by hand; the
functions themselves are tested with nn.
"""

import math

import numpy as np

import srcgrad
from tests.cases import case

INF = math.inf
NAN = math.nan


def _array(*values):
    return np.array(values, dtype=float)


def _at(*values):
    return lambda rng: (_array(*values),)


def _is(*values):
    return lambda *args: _array(*values)


# `np.maximum(x, 0)` at 0 -> 0.5.
@case(_at(-1.0, 0.0, 2.0), smooth=False, expected=_is(0.0, 0.5, 1.0))
def maximum_with_zero_at_zero(x):
    return np.maximum(x, 0).sum()


def _halves(x, y):
    return _array(0.5, 0.0, 1.0), _array(0.5, 1.0, 0.0)


# `np.maximum(x, y)` tie -> 0.5, 0.5.
@case(
    lambda rng: (_array(1.0, 2.0, 5.0), _array(1.0, 3.0, 4.0)),
    argnums=(0, 1),
    smooth=False,
    expected=_halves,
)
def maximum_tie(x, y):
    return np.maximum(x, y).sum()


@case(
    lambda rng: (_array(1.0, 4.0, 4.0), _array(1.0, 3.0, 5.0)),
    argnums=(0, 1),
    smooth=False,
    expected=_halves,
)
def minimum_tie(x, y):
    return np.minimum(x, y).sum()


@case(
    lambda rng: (_array(1.0, 2.0, 0.0), _array(1.0, 3.0, 0.0)),
    argnums=(0, 1),
    smooth=False,
    expected=lambda x, y: (_array(1.5, 2.0, 1.5), _array(1.5, 1.0, 1.5)),
)
def fmax_and_fmin_tie(x, y):
    return np.fmax(x, y).sum() + 2.0 * np.fmin(x, y).sum()


# `np.where(x > 0, x, 0)` at 0 -> 0.
@case(_at(-1.0, 0.0, 2.0), smooth=False, expected=_is(0.0, 0.0, 1.0))
def where_relu_at_zero(x):
    return np.where(x > 0, x, 0).sum()


# The negative slope at 0 (as nn.leaky_relu).
@case(_at(-1.0, 0.0, 2.0), smooth=False, expected=_is(0.1, 0.1, 1.0))
def leaky_slope_at_zero(x):
    return np.where(x > 0, x, 0.1 * x).sum()


# `np.max([1, 1, 0])`, with or without axis -> .5, .5, 0.
@case(_at(1.0, 1.0, 0.0), smooth=False, expected=_is(0.5, 0.5, 0.0))
def max_tie(x):
    return np.max(x)


@case(
    lambda rng: (_array([1.0, 1.0, 0.0], [2.0, 3.0, 3.0]),),
    smooth=False,
    expected=_is([0.5, 0.5, 0.0], [0.0, 1.0, 1.0]),
)
def max_tie_with_axis(A):
    return A.max(axis=1) @ np.array([1.0, 2.0])


@case(_at(1.0, 0.0, 0.0, 0.0), smooth=False, expected=_is(0.0, 1 / 3, 1 / 3, 1 / 3))
def min_tie_of_three(x):
    return x.min()


# `x[np.argmax(x)]`: first index.
@case(_at(0.5, 2.0, 2.0), smooth=False, expected=_is(0.0, 1.0, 0.0))
def element_at_argmax_tie(x):
    return x[np.argmax(x)]


# `if v > m: m = v`: first index.
@case(_at(0.5, 2.0, 2.0), smooth=False, expected=_is(0.0, 1.0, 0.0))
def maximum_by_loop_tie(x):
    m = x[0]
    for v in x:
        if v > m:
            m = v
    return m


# A pool by hand: first in row-major order.
@case(
    lambda rng: (_array([1.0, 3.0], [3.0, 3.0]),),
    smooth=False,
    expected=_is([0.0, 1.0], [0.0, 0.0]),
)
def pool_by_hand_tie(A):
    best = -np.inf
    for i in range(2):
        for j in range(2):
            if A[i, j] > best:
                best = A[i, j]
    return best


# Python `max(a, b)`: the first of equals (`max(0, x)` at 0 -> 0).
@case(lambda rng: (0.0,), smooth=False, expected=lambda x: 0.0)
def python_max_zero_first(x):
    return max(0.0, x)


@case(lambda rng: (0.0,), smooth=False, expected=lambda x: 1.0)
def python_max_zero_last(x):
    return max(x, 0.0)


# Python `min(a, b)`: the first of equals.
@case(
    lambda rng: (1.5, 1.5, 1.5),
    argnums=(0, 1, 2),
    smooth=False,
    expected=lambda a, b, c: (1.0, 1.0, 0.0),
)
def python_min_takes_the_first(a, b, c):
    return min(a, b) + min(b, c, a)


# `abs` at 0 -> 0.
@case(_at(-1.0, 0.0, 2.0), smooth=False, expected=_is(-1.0, 0.0, 1.0))
def abs_at_zero(x):
    return np.abs(x).sum()


@case(lambda rng: (0.0,), smooth=False, expected=lambda x: 0.0)
def python_abs_at_zero(x):
    return abs(x) + math.fabs(x) + abs(3.0 * x)


# `sqrt` at 0, `x**0.5` at 0, `log` at 0, `arcsin` at 1 -> inf.
@case(_at(0.0, 4.0), smooth=False, expected=_is(INF, 0.25))
def sqrt_at_zero(x):
    return np.sqrt(x).sum()


@case(_at(0.0, 4.0), smooth=False, expected=_is(INF, 0.25))
def root_power_at_zero(x):
    return (x**0.5).sum()


@case(lambda rng: (0.0,), smooth=False, expected=lambda x: INF)
def python_roots_at_zero(x):
    return math.sqrt(x) + x**0.5


@case(_at(0.0, 4.0), smooth=False, expected=_is(INF, 0.25))
def log_at_zero(x):
    return np.log(x).sum()


@case(_at(1.0, 0.0, -1.0), smooth=False, expected=_is(INF, 1.0, INF))
def arcsin_at_one(x):
    return np.arcsin(x).sum()


# `x**0` -> 0; `x**1` -> 1; `x**2` at 0 -> 0; `x**2.0` at -1 -> -2.
@case(_at(0.0, -1.0, 2.0), expected=_is(0.0, 0.0, 0.0))
def power_zero(x):
    return (x**0).sum() + (x**0.0).sum()


@case(_at(0.0, -1.0, 2.0), expected=_is(2.0, 2.0, 2.0))
def power_one(x):
    return (x**1).sum() + (x**1.0).sum()


@case(_at(0.0, -1.0, 2.0), expected=_is(0.0, -4.0, 8.0))
def power_two(x):
    return (x**2).sum() + (x**2.0).sum()


# The same exponents, known at run time only.
@case(
    lambda rng: (_array(0.0, 0.0, 0.0, -1.0), _array(0.0, 1.0, 2.0, 2.0)),
    expected=_is(0.0, 1.0, 0.0, -2.0),
)
def power_of_run_time_exponents(x, y):
    return (x**y).sum()


# `x**y` at (0, 0) -> 0, 0.
@case(
    lambda rng: (_array(0.0), _array(0.0)),
    argnums=(0, 1),
    smooth=False,
    expected=lambda x, y: (_array(0.0), _array(0.0)),
)
def power_zero_to_the_zero(x, y):
    return (x**y).sum()


# `x**y` at (-2, 2) -> -4, and nan only if y is active.
@case(lambda rng: (_array(-2.0), _array(2.0)), expected=_is(-4.0))
def negative_base(x, y):
    return (x**y).sum()


@case(
    lambda rng: (_array(-2.0), _array(2.0)),
    argnums=(0, 1),
    smooth=False,
    expected=lambda x, y: (_array(-4.0), _array(NAN)),
)
def negative_base_active_exponent(x, y):
    return (x**y).sum()


# `x*log(x)` at 0 -> nan, no silent fix.
@case(_at(0.0, 1.0), smooth=False, expected=_is(NAN, 1.0))
def x_log_x_at_zero(x):
    return (x * np.log(x)).sum()


# `where(x > 0, sqrt(x), 0)` at 0 or below -> 0.
@case(_at(-1.0, 0.0, 4.0), smooth=False, expected=_is(0.0, 0.0, 0.25))
def masked_sqrt_at_zero(x):
    return np.where(x > 0, np.sqrt(x), 0).sum()


# `where(x > 0, x*log(x), 0)` at 0 or below -> 0.
@case(_at(-1.0, 0.0, 1.0), smooth=False, expected=_is(0.0, 0.0, 1.0))
def masked_x_log_x_at_zero(x):
    return np.where(x > 0, x * np.log(x), 0).sum()


# The masked value gets its own name, and passes through a chain.
@case(_at(-1.0, 0.0, 4.0), smooth=False, expected=_is(0.0, 0.0, 1 / 16))
def masked_chain_at_zero(x):
    root = np.sqrt(x)
    scaled = 0.5 * np.log(root)
    return np.where(x > 0, scaled, -1.0).sum()


# A masked quotient: the arm that divides by zero was not selected.
@case(_at(0.0, 2.0), smooth=False, expected=_is(0.0, -0.25))
def masked_division_at_zero(x):
    return np.where(x != 0, 1.0 / x, 0.0).sum()


# A test of the masked value itself is no use of it.
@case(
    lambda rng: (np.array([1.0, 0.0, 4.0, -1.0]), np.array([2.0, 0.0, 1.0, 3.0])),
    argnums=(0, 1),
    smooth=False,
    expected=lambda x, y: (_array(1.0, 0.0, 1.25, 1 / 3), _array(-0.25, 0, -4.0, 1 / 9)),
)
def tested_values_are_masked(x, y):
    d = x / y
    r = np.sqrt(x)
    bad = ~np.isfinite(d)
    return np.where(bad, 0, d).sum() + np.where(r > 0, r, 0).sum()


@case(_at(-1.0, 0.0, 4.0), smooth=False, expected=_is(NAN, INF, 0.25))
def tested_value_is_used_besides(x):
    r = np.sqrt(x)
    return (np.where(np.isnan(r), 0, r) + 0 * r).sum()


# Of both arms, one is selected; only where that is infinite is the slope.
@case(_at(0.0, 1.0, 4.0), smooth=False, expected=_is(INF, 1.0, 0.25))
def tested_value_in_both_arms(x):
    r = np.sqrt(x)
    return np.where(r > 1, r, 2 * r).sum()


# What only one arm of an `if` uses was made before it.
@case(_at(0.0, 4.0, 1.0), smooth=False, expected=_is(0.0, 3.4375, 3.5))
def branch_protects_what_came_before(x):
    s = 0.0
    for v in x:
        r = np.sqrt(v)
        t = 1 / r
        if r > 0:
            s += 2 * r + t
        u = np.log(v)
        s += u if v > 0 else 0.0
        if v == 0:
            continue
        for _ in range(3):
            s += r + 0 * t * v
        s += v * v / 4
    return s


@case(_at(1.0, 2.0), smooth=False, expected=_is(0.0, 0.0))
def branch_protects_from_a_distance_of_zero(x):
    s = 0.0
    for i in range(2):
        for j in range(2):
            d = x[i] - x[j]
            r = np.sqrt(d * d)
            force = np.exp(-r) / r
            if i != j and r < 0.5:
                s += force
    return s + 0 * x[0]


# The arm of an `if` that was not taken.
@case(_at(0.0, 4.0), smooth=False, expected=_is(0.0, 0.25))
def branch_protects_root(x):
    s = 0.0
    for v in x:
        s += math.sqrt(v) if v > 0 else 0.0
    return s


# An infinity that clip cuts off contributes nothing.
@case(_at(0.0, 2.0), smooth=False, expected=_is(0.0, 0.5))
def clip_cuts_infinity(x):
    return np.clip(np.log(x), -1.0, 5.0).sum()


# `norm(0 vector)` -> 0 vector.
@case(_at(0.0, 0.0, 0.0), smooth=False, expected=_is(0.0, 0.0, 0.0))
def norm_of_zero_vector(x):
    return np.linalg.norm(x)


# `norm(x - x)` -> 0.
@case(_at(1.0, 2.0, 3.0), expected=_is(0.0, 0.0, 0.0))
def norm_of_difference_with_itself(x):
    return np.linalg.norm(x - x)


@case(
    lambda rng: (_array([3.0, 4.0], [0.0, 0.0]),),
    smooth=False,
    expected=_is([0.6, 0.8], [0.0, 0.0]),
)
def norms_of_rows_one_zero(A):
    return np.linalg.norm(A, axis=1).sum()


# `hypot(0, 0)` -> 0, 0.
@case(
    lambda rng: (0.0, 0.0),
    argnums=(0, 1),
    smooth=False,
    expected=lambda a, b: (0.0, 0.0),
)
def hypot_at_origin(a, b):
    return np.hypot(a, b) + math.hypot(a, b)


# `clip(x, 0, 1)` at 0 and 1 -> 1 inside the closed interval.
@case(
    _at(-0.5, 0.0, 0.5, 1.0, 1.5), smooth=False, expected=_is(0.0, 1.0, 1.0, 1.0, 0.0)
)
def clip_at_its_bounds(x):
    return np.clip(x, 0, 1).sum()


# `prod([0, 2, 3])` -> 6, 0, 0; `prod([0, 0, 3])` -> 0, 0, 0.
@case(_at(0.0, 2.0, 3.0), expected=_is(6.0, 0.0, 0.0))
def prod_with_a_zero(x):
    return np.prod(x)


@case(
    lambda rng: (_array([0.0, 0.0, 3.0], [2.0, 0.0, 5.0]),),
    expected=_is([0.0, 0.0, 0.0], [0.0, 10.0, 0.0]),
)
def prod_with_zeros_along_axis(A):
    return A.prod(axis=1).sum()


# cumprod likewise.
@case(_at(0.0, 2.0, 3.0), expected=_is(9.0, 0.0, 0.0))
def cumprod_with_a_zero(x):
    return np.cumprod(x).sum()


@case(_at(0.0, 0.0, 3.0), expected=_is(1.0, 0.0, 0.0))
def cumprod_with_two_zeros(x):
    return np.cumprod(x).sum()


# `std([1, 1])` -> 0.
@case(_at(1.0, 1.0), smooth=False, expected=_is(0.0, 0.0))
def std_of_equal_values(x):
    return np.std(x)


# `median` of an even count: half each to the two middle values.
@case(_at(4.0, 1.0, 3.0, 9.0), expected=_is(0.5, 0.0, 0.5, 0.0))
def median_of_even_count(x):
    return np.median(x)


# Equal values share what a median or quantile gives them.
@case(_at(2.0, 1.0, 2.0, 3.0, 2.0), smooth=False, expected=_is(1, 0, 1, 0, 1))
def median_of_equal_values(x):
    return 2.0 * np.median(x) + np.quantile(x, 0.5, method="lower")


# A sum of several maxima begins with one of them.
@case(_at(1.0, 1.0, 0.0), smooth=False, expected=_is(1 / 3, 1 / 3, 0.0))
def max_with_an_equal_start(x):
    return np.max(x, initial=1.0)


@case(_at(2.0, 2.0), smooth=False, expected=_is(0.0, 0.0))
def nanstd_of_equal_values(x):
    return np.nanstd(x) + np.std(x, where=x > 0)


# `sort` with ties: stable, first of the tied.
@case(_at(2.0, 1.0, 1.0, 0.0), smooth=False, expected=_is(8.0, 2.0, 4.0, 1.0))
def sort_with_ties(x):
    return np.sort(x) @ np.array([1.0, 2.0, 4.0, 8.0])


# `det` of a singular matrix: adjugate.
@case(
    lambda rng: (_array([1.0, 2.0], [2.0, 4.0]),),
    expected=_is([4.0, -2.0], [-2.0, 1.0]),
)
def det_of_singular_matrix(A):
    return np.linalg.det(A)


@case(
    lambda rng: (_array([1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),),
    expected=_is([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]),
)
def det_of_singular_diagonal(A):
    return np.linalg.det(A)


# `eigh`, `svd` degenerate: nan where truly undefined.
@case(
    lambda rng: (np.eye(2),),
    smooth=False,
    expected=_is([NAN, 0.0], [NAN, NAN]),  # what lies above is not read
)
def eigh_degenerate(A):
    values, vectors = np.linalg.eigh(A)
    return vectors[0, 0] + values[0]


@case(
    lambda rng: (np.eye(2),),
    smooth=False,
    expected=_is([NAN, NAN], [NAN, NAN]),
)
def svd_degenerate(A):
    u, s, vt = np.linalg.svd(A)
    return u[0, 0] + s[0]


# `sinc(0)` -> 0.
@case(_at(0.0, 0.5), expected=_is(0.0, -4.0 / math.pi))
def sinc_at_zero(x):
    return np.sinc(x).sum()


# An unused computation that produces nan: no contamination.
@case(lambda rng: (5.0,), expected=lambda x: 10.0)
def unused_nan(x):
    y = np.arccos(x)
    z = np.log(x - 9.0) * y  # noqa: F841
    return x * x


# True infinities stay infinite.
@case(_at(0.0, 1.0), smooth=False, expected=_is(INF, 1.0))
def infinite_slope_kept(x):
    return np.cbrt(x[0]) + x[1]


# A loop written by hand gets what its text says.
@case(_at(0.0, -1.0, 2.0), smooth=False, expected=_is(1.0, -1.0, 1.0))
def abs_by_hand(x):
    s = 0.0
    for v in x:
        if v >= 0:
            s += v
        else:
            s -= v
    return s


# A kink of one value inside another: relu of abs, abs of a product with zero.
@case(_at(0.0, 3.0), smooth=False, expected=_is(0.0, 0.0))
def nested_kinks(x):
    return np.maximum(np.abs(x[0]), 0.0) + abs(x[0] * x[1])


def _root(y):
    return math.sqrt(y)


def _square(y):
    return y * y


# A slope is NumPy's number: it may be infinite, and what is divided by it.
@case(lambda rng: (0.0,), smooth=False, expected=lambda x: -INF)
def nested_slope_of_a_root_at_zero(x):
    return srcgrad.grad(_root, backend="python")(x)


@case(lambda rng: (0.0,), smooth=False, expected=lambda x: -INF)
def quotient_by_a_nested_slope_of_zero(x):
    return 1 / srcgrad.grad(_square, backend="python")(x)
