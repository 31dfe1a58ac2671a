"""What once crashed or was refused without need: a function for each cause."""

import copy
import math
from dataclasses import dataclass, field

import numpy as np

from tests.cases import case


# Copies of containers: what is shared, and what is apart.
@case(lambda rng: (rng.normal(size=3), rng.normal()), argnums=(0, 1))
def copied_things(x, s):
    a, b, n = copy.copy(x), copy.deepcopy(x), copy.copy(s)
    a[0] = 3.0
    b *= x
    held = [x * 2, {"k": [x, 3.0]}, (s, x + 1)]
    flat, deep = copy.copy(held), copy.deepcopy(held)
    flat[0] = flat[0] * x
    flat[1]["k"].append(s)
    deep[0] *= s
    deep[1]["k"][0][1] = 7.0
    deep[2][1][:] = 0.5
    total = held[0].sum() * flat[0].sum() + held[1]["k"][2] * deep[0].sum()
    total += (deep[1]["k"][0] * x).sum() + held[2][1].sum() * deep[2][1].sum()
    return (a * b).sum() + n * s + total


@dataclass
class Point:
    """A place with a name that is not compared."""

    x: float
    y: float
    name: str = field(default="", compare=False)


@case(lambda rng: (rng.normal(), rng.normal()), argnums=(0, 1))
def compared_records(x, y):
    p, q, r = Point(x, y, "p"), Point(x, y), Point(y, x)
    total = 0.0
    for one, other in ((p, q), (p, r), (q, p)):
        if one == other:
            total += one.x * other.y
        if one != other:
            total += one.x * other.x
    return total


@case(lambda rng: ({"a": 1.5, "b": 2.0, "c": -0.5}, rng.normal()), argnums=(0, 1))
def rest_of_a_mapping(d, x):
    match d:
        case {"a": first, **rest}:
            total = first * x
            for key in rest:
                total += rest[key] * rest[key] * x
            rest["b"] = 7.0
    return total + d["b"]


@case(
    lambda rng: (
        rng.normal(size=(3, 4)),
        np.array([0, 2, 1, 1]),
        rng.normal(size=3),
        np.array([True, False, True, True, False, True]),
    ),
    argnums=(0, 2),
)
def chosen_and_counted(x, i, y, m):
    a = np.choose(i, x) + np.choose(i, y) + np.choose([[3], [-1]], x, mode="clip").sum()
    b = np.take_along_axis(x, i[None, :3], axis=1)
    c = np.take_along_axis(x, np.array([[1]]), axis=0)
    d = np.take_along_axis(x[0][None], i[:, None], axis=1)
    e = np.bincount(m, weights=x.ravel()[:6]) * np.bincount(m)
    f = np.partition(x, 5, axis=None)[5] * np.sort(x, axis=None)[0]
    g = x.ravel()[np.argsort(x, axis=None)[-2:]]
    return (
        (a * a).sum() + (b * b).sum() + (c * d).sum() + (e * e).sum() + f + g.prod()
    )


@case(lambda rng: (rng.normal(size=6), 1.0 + rng.random(3)), argnums=(0, 1))
def divided_polynomials(u, v):
    q, r = np.polydiv(u, v)
    one, rest = np.polydiv(v, u)
    product = np.polymul(v, np.array([])) + np.polymul(u[:0], v)
    return (q * q).sum() + (r * r).sum() + one.sum() + (rest * rest).sum() + product.sum()


@case(
    lambda rng: (rng.normal(size=4), rng.normal(size=4).astype(np.float32), -0.7),
    argnums=(0, 1, 2),
)
def powers_of_two(x, w, s):
    n = np.array([3, -2, 0, 1])
    m, e = np.frexp(x * 40.0)
    part, k = math.frexp(s)
    a = np.ldexp(x, n) * np.ldexp(w, 2) + m * e
    return (a * a).sum() + math.ldexp(s * part, k + 3) + np.ldexp(s, 2) * s


@case(lambda rng: (rng.normal(size=4), rng.normal(size=(3, 4))), argnums=(0, 1))
def padded_by_statistics(x, A):
    a = np.pad(x, (2, 3), "linear_ramp", end_values=(1.5, -2))
    b = np.pad(A, ((1, 0), (2, 1)), "maximum", stat_length=((2, 3),))
    c = np.pad(A, 1, "mean") * np.pad(A, 1, "median", stat_length=2)
    d = np.pad(x, 2, mode="minimum") * np.pad(np.arange(4), 2, "mean")
    e = np.pad(A, ((0, 0), (1, 1)), "linear_ramp")
    return (a * a).sum() + (b * b).sum() + c.sum() + d.sum() + (e * e).sum()


@case(lambda rng: (rng.normal(size=(2, 2, 2)),))
def determinants_of_complex_stacks(A):
    z = np.linalg.det(A + 1j * A**2)
    return np.abs(z).sum() + z.real.prod()


@case(lambda rng: (rng.normal(size=(3, 4)),))
def diagonal_of_a_part(A):
    d, e = np.diag(A[:2, 1:]), np.diag(A[1:, 1:], 1)
    return (d * d * d).sum() + np.sin(e).sum() + np.linalg.svd(A[1:, 1:])[1].sum()


# What a class has its objects need not have: arrays and numbers are not called.
@case(lambda rng: (rng.normal(size=3),))
def what_can_be_called(x):
    def double(v):
        return 2.0 * v

    s = double(x[0] * x[1]) if callable(double) else 3.0
    if callable(x) or callable(s) or hasattr(x, "__call__"):  # noqa: B004
        s = 5.0 * s
    if hasattr([s], "__name__") or not hasattr(double, "__name__"):
        s = 7.0 * s
    return s * x.sum() * (11.0 if isinstance(double, type(len)) else 13.0)


# Nobody reads what an arm binds, and its name is like those that kernels make.
@case(lambda rng: (rng.normal(size=6), 0.3))
def bound_in_an_arm_for_naught(x, limit):
    total = 0.9 * x[0] ** 2
    if x[-6] <= limit:
        e3 = x[-2]  # noqa: F841
    return total
