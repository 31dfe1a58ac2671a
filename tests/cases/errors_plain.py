"""Calls that fail in plain Python; the compiled ones must raise the same type."""

import math

import numpy as np

from tests.cases import case


@case(lambda rng: (rng.normal(size=3),), raises=IndexError)
def reads_past_the_end(x):
    return x[0] * x[7]


# The loop is right until its last round: what ran before must not be seen.
@case(lambda rng: (rng.normal(size=4),), raises=IndexError)
def writes_past_the_end(x):
    for i in range(5):
        x[i] = x[i] * 2.0
    return x.sum()


@case(lambda rng: (rng.normal(size=4), np.array([0, 2, 9])), raises=IndexError)
def index_array_out_of_range(x, idx):
    return (x[idx] ** 2).sum()


@case(lambda rng: (rng.normal(size=3), -4), raises=IndexError)
def negative_index_too_far(x, k):
    x[k] += 1.0
    return x.sum()


@case(lambda rng: (rng.normal(size=(3, 4)),), raises=IndexError)
def mask_of_wrong_length(A):
    return A[np.array([True, False, True, True])].sum()


@case(lambda rng: (rng.normal(size=3), 2), raises=IndexError)
def list_index_out_of_range(x, k):
    parts = [x[0], x[1]]
    return parts[k] * x[2]


# Python scalar `1/0`, `//`, `%` by zero.
@case(lambda rng: (1.5, 0), raises=ZeroDivisionError)
def python_division_by_zero(x, n):
    return x * x + 1.0 / n


@case(lambda rng: (2.0,), raises=ZeroDivisionError)
def python_division_by_active_zero(x):
    d = x - 2.0
    return x / d


@case(lambda rng: (np.ones(3), 6), raises=ZeroDivisionError)
def integer_division_by_zero(x, n):
    s = 0.0
    for k in range(3, -1, -1):
        s += x[0] * (n // k)
    return s


@case(lambda rng: (1.5, 0.0), raises=ZeroDivisionError)
def float_remainder_by_zero(x, y):
    return x + 3.5 % y


@case(lambda rng: (0.0, -2), raises=ZeroDivisionError)
def zero_to_a_negative_power(x, n):
    return x**n


# A name read on a path that never bound it.
@case(lambda rng: (rng.normal(size=3), False), raises=UnboundLocalError)
def read_before_bound(x, flag):
    if flag:
        z = x[0] * 2.0
    return z * x[1]


@case(lambda rng: (rng.normal(size=3), 0), raises=UnboundLocalError)
def loop_variable_of_no_trip(x, n):
    for i in range(n):
        x = x * 2.0
    return x[i] * x[0]


@case(lambda rng: (rng.normal(size=3), rng.normal(size=4)), raises=ValueError)
def shapes_do_not_broadcast(x, y):
    return (x * y).sum()


@case(lambda rng: (rng.normal(size=6), rng.normal(size=4), 3), raises=ValueError)
def slice_lengths_differ(x, y, k):
    y[:2] = x[:k]
    return y.sum()


@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=3)), raises=ValueError)
def matmul_shapes_differ(A, v):
    return (A @ v).sum()


@case(lambda rng: (rng.normal(size=6),), raises=ValueError)
def reshape_to_wrong_size(x):
    return x.reshape(4, 2).sum()


@case(lambda rng: (rng.normal(size=3),), raises=ValueError)
def too_many_to_unpack(x):
    a, b = x
    return a * b


@case(lambda rng: (rng.normal(size=3), 3), raises=ValueError)
def maximum_of_nothing(x, k):
    return x[k:].max() * x[0]


@case(
    lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(2, 2))),
    raises=ValueError,
)
def concatenate_shapes_differ(A, B):
    return np.concatenate([A, B]).sum()


# Write to a read-only array.
@case(lambda rng: (np.broadcast_to(rng.normal(size=3), (2, 3)),), raises=ValueError)
def write_to_read_only_argument(A):
    A[0, 0] = 1.0
    return A.sum()


@case(lambda rng: (rng.normal(size=3),), raises=ValueError)
def write_to_broadcast_view(x):
    wide = np.broadcast_to(x, (2, 3))
    wide[0] *= 2.0
    return wide.sum()


# The domain of math.
@case(lambda rng: (-0.5,), raises=ValueError)
def square_root_of_negative(x):
    return math.sqrt(x) + x


@case(lambda rng: (1.0,), raises=ValueError)
def logarithm_of_zero(x):
    return x * math.log(x - 1.0)


@case(lambda rng: (800.0,), raises=OverflowError)
def exponential_too_large(x):
    return math.exp(x)


@case(lambda rng: (float("nan"),), raises=ValueError)
def integer_of_nan(x):
    return x * int(x)


# Raised by the user, after arrays were written.
@case(lambda rng: (np.array([0.5, 1.5, -0.2, 2.0]),), raises=ValueError)
def raised_by_the_user(x):
    for i in range(len(x)):
        if x[i] < 0:
            raise ValueError("all entries must be positive")
        x[i] = math.sqrt(x[i])
    return x.sum()


@case(lambda rng: (np.array([1.0, 2.0]), "cubic"), raises=NotImplementedError)
def raised_in_a_helper(x, kind):
    def interpolate(t):
        if kind == "linear":
            return (1 - t) * x[0] + t * x[1]
        raise NotImplementedError(kind)

    return interpolate(0.25) ** 2


@case(lambda rng: (np.array([0.2, 0.9]),), raises=AssertionError)
def assertion_fails(x):
    total = x.sum()
    assert abs(total - 1.0) < 1e-9, "probabilities must sum to one"
    return (x * np.log(x)).sum()


@case(lambda rng: (np.array([[1.0, 2.0], [2.0, 4.0]]),), raises=np.linalg.LinAlgError)
def solve_singular_system(A):
    return np.linalg.solve(A, np.ones(2)).sum()


@case(lambda rng: (np.zeros((2, 2)),), raises=np.linalg.LinAlgError)
def inverse_of_singular_matrix(A):
    return np.linalg.inv(A).sum()


@case(lambda rng: (rng.normal(size=(2, 3)),), raises=np.linalg.LinAlgError)
def determinant_of_oblong(A):
    return np.linalg.det(A)


@case(lambda rng: ({"w": rng.normal(size=2)},), raises=KeyError)
def missing_entry(params):
    return (params["w"] * params["bias"]).sum()


@case(lambda rng: (rng.normal(size=2),), raises=IndexError)
def pop_from_empty_list(x):
    stack = [x[0]]
    s = 1.0
    for _ in range(2):
        s *= stack.pop()
    return s


@case(lambda rng: (rng.normal(size=3), np.array([1, 2, 3], np.uint8)), raises=OverflowError)
def an_int_beyond_a_small_dtype(x, k):
    return (x * (k + 300)).sum()


@case(
    lambda rng: (rng.normal(size=3), np.array([1, 2, 3], np.int8), 100),
    raises=OverflowError,
)
def a_read_int_beyond_a_small_dtype(x, k, n):
    return (x * (k - 2 * n)).sum()


@case(lambda rng: (1.5, 2), raises=ZeroDivisionError)
def division_by_an_item(x, k):
    items = [1.0, 2.0, 0.0]
    return x / items[k]


# Lengths that differ are found where they meet, whether that is used or not.
@case(lambda rng: (rng.normal(size=3), rng.normal(size=4)), raises=ValueError)
def unlike_lengths_of_an_unused_product(x, y):
    z = x * y  # noqa: F841
    return np.sum(np.outer(x, y))


@case(lambda rng: (rng.normal(size=3), rng.normal(size=4)), raises=ValueError)
def unlike_lengths_of_an_unused_distance(x, y):
    d = math.dist(x, y)  # noqa: F841
    return x[0] * y[0]


@case(lambda rng: (rng.normal(size=(3, 3)), rng.normal(size=4)), raises=ValueError)
def unlike_lengths_of_an_unused_solution(A, b):
    np.linalg.solve(A, b)
    return np.sum(A * A)
