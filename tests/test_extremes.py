"""Numbers at the ends of their ranges: kernels do what plain Python does, or say so.

A kernel counts in 64 bits and reads memory by address: a sum that wraps, a range whose
turns no int counts, a float that no int holds must never give another result, or read
beyond an array. Each program runs with subscripts and bounds near 2**63, and with nan,
infinities and the largest floats; an int beyond 64 bits may be refused by name.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad

Outcome = tuple[Any, ...]
INTS = [0, 1, 2, 3, 4, 5, 7, 19, 20, 21, -1, -2, -19, -20, -21, 2**31, -(2**31), 2**48,
        2**62, -(2**62), 2**63 - 1, 2**63 - 2, 2**63 - 5, 1 - 2**63,
        -(2**63)]  # fmt: skip
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 3.5, 7.0, -2.0, math.nan, math.inf, -math.inf,
          1e300, -1e300, 5e-324, 1e-300, 1e19, -1e19, 9.3e18, 2.0**53 + 1,
          1e155]  # fmt: skip
RUNS = 60


# Programs of an array and two ints.


def between(x: Any, i: int, j: int) -> Any:
    s = 0.0
    for k in range(i, j):
        s += x[k]
    return s


def downwards(x: Any, i: int, j: int) -> Any:
    s = 0.0
    for k in range(i, j, -1):
        s += x[k - 1]
    return s


def shifted(x: Any, i: int, j: int) -> Any:
    s = 0.0
    for k in range(i, i + 3):
        s += x[k] * x[k + j]
    return s


def thirds(x: Any, i: int, j: int) -> Any:
    s = 0.0
    for k in range(0, i, 3):
        s += x[k] * x[-k - 1] + x[j]
    return s


def rows(x: Any, i: int, j: int) -> Any:
    a = x.reshape(5, 4)
    s = 0.0
    for r in range(i, j):
        s += np.sum(a[r] * a[r - 1])
    return s


def columns(x: Any, i: int, j: int) -> Any:
    a = x.reshape(5, 4)
    s = 0.0
    for k in range(i):
        s += a[k, j] + a[j, k]
    return s


def stencil(x: Any, i: int, j: int) -> Any:
    y = np.zeros(20)
    for k in range(1, 19):
        y[k] = x[k - i] + x[k + j]
    return np.sum(y)


def until(x: Any, i: int, j: int) -> Any:
    k, s = i, 0.0
    while k < j and s < 50:
        s += x[k]
        k += 1
    return s


def slices(x: Any, i: int, j: int) -> Any:
    y = x.copy()
    y[i:j] = 0.5
    return np.sum(y * y) + np.sum(x[i:j:2] * 2.0) + np.sum(x[j:])


def steps(x: Any, i: int, j: int) -> Any:
    return np.sum(x[i::j])


def written(x: Any, i: int, j: int) -> Any:
    y = x.copy()
    y[i] = y[j] * 2.0
    return np.sum(y * y)


def gathered(x: Any, i: int, j: int) -> Any:
    y = x.copy()
    y[np.array([i, j])] = 3.0 * x[np.array([j, i])]
    return y.sum()


def products(x: Any, i: int, j: int) -> Any:
    return x[i * j] + x[i - j]


def quotients(x: Any, i: int, j: int) -> Any:
    return x[i // j] + x[i % j] + x[abs(i)]


def shaped(x: Any, i: int, j: int) -> Any:
    return np.sum(x.reshape(i, j)[0])


def listed(x: Any, i: int, j: int) -> Any:
    items = []
    for k in range(5):
        items.append(x[k])
    return items[i] * items[j]


# Programs of an array and two floats.


def truncated(x: Any, t: float, u: float) -> Any:
    return x[int(t)] * u


def floored(x: Any, t: float, u: float) -> Any:
    return math.floor(t) * x[0] + math.ceil(u) * x[1]


def rounded(x: Any, t: float, u: float) -> Any:
    return round(t) * x[0] + round(u, 1)


def as_places(x: Any, t: float, u: float) -> Any:
    return np.sum(x[np.floor(t * x).astype(int)]) * u


def ordered(x: Any, t: float, u: float) -> Any:
    return np.max(x * t) + np.min(x - u) + x[np.argmax(x * t)]


def sorted_products(x: Any, t: float, u: float) -> Any:
    return np.sum(np.sort(x * t) * np.arange(len(x))) * u


def chosen(x: Any, t: float, u: float) -> Any:
    s = max(t, x[0]) + min(x[1], u)
    for item in x:
        if item * t > 1.0:
            s += item * t
        elif item * t <= 0.5:
            s -= item
        else:
            s += u
    return s


def masked(x: Any, t: float, u: float) -> Any:
    return np.sum(x[(x * t) > 1.0]) + np.sum(np.where(x > t, x * t, x / u))


def clipped(x: Any, t: float, u: float) -> Any:
    return np.sum(np.clip(x * t, -1.0, u)) + np.fmax(x, t).sum() + np.sum(np.abs(x * u))


def powers(x: Any, t: float, u: float) -> Any:
    return math.pow(t, u) * x[0]


def remainders(x: Any, t: float, u: float) -> Any:
    return t % u + t // u + x[0]


def elementary(x: Any, t: float, u: float) -> Any:
    return math.sqrt(t) * x[0] + math.log(u) * x[1] + math.exp(t) * x[2]


def gammas(x: Any, t: float, u: float) -> Any:
    return math.gamma(t) * x[0] + math.lgamma(u) * x[1]


def unused(x: Any, t: float, u: float) -> Any:
    """Raise for what nobody uses."""
    _made = math.cosh(t) + 1.0 / u
    _made, _ = math.exp2(t), math.gamma(u)
    math.atanh(u)
    return x[0] * 2.0


def products_along(x: Any, t: float, u: float) -> Any:
    return np.sum(np.cumprod(x * t)) + np.sum(np.cumsum(x / u)) + np.sinc(x * t).sum()


OF_INTS = [
    between, downwards, shifted, thirds, rows, columns, stencil, until, slices, steps,
    written, gathered, products, quotients, shaped, listed,
]  # fmt: skip
OF_FLOATS = [
    truncated, floored, rounded, as_places, ordered, sorted_products, chosen, masked,
    clipped, powers, remainders, elementary, gammas, unused, products_along,
]  # fmt: skip


def outcome(call: Callable[..., Any], *given: Any) -> Outcome:
    """Return the numbers that a call gives, or the name of what it raises."""
    with np.errstate(all="ignore"):
        try:
            value, gradient = call(*given)
        except (ArithmeticError, ValueError, IndexError) as error:
            refused = "beyond 64 bits" in str(error)
            return ("beyond 64 bits" if refused else type(error).__name__,)
    return "value", float(value), np.asarray(gradient)


def same(one: Outcome, other: Outcome) -> bool:
    """Tell whether two outcomes agree."""
    if one[0] != other[0] or len(one) == 1:
        return bool(one[0] == other[0])
    return all(
        np.allclose(a, b, rtol=1e-9, equal_nan=True)
        for a, b in zip(one[1:], other[1:], strict=True)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", [*OF_INTS, *OF_FLOATS], ids=lambda f: f.__name__)
def test_backends_agree_at_the_ends(function: Callable[..., Any]) -> None:
    rng = random.Random(function.__name__)
    backends = ("python", "numba")
    plain, kernel = (srcgrad.value_and_grad(function, backend=b) for b in backends)
    for _ in range(RUNS):
        x = np.arange(1.0, 21.0)
        ends: tuple[float, ...] = rng.choice(INTS), rng.choice(INTS)
        if function in OF_FLOATS:
            ends = rng.choice(FLOATS), rng.choice(FLOATS)
            x = np.array([rng.choice([rng.choice(FLOATS), rng.uniform(-2, 2)])
                          for _ in range(6)])  # fmt: skip
        due = outcome(lambda *given: (function(*given), 0.0), x.copy(), *ends)
        found = outcome(plain, x, *ends)
        assert same(due[:2], found[:2]), (ends, x)
        compiled = outcome(kernel, x, *ends)
        assert same(found, compiled) or compiled[0] == "beyond 64 bits", (ends, x)
