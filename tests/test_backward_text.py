"""What the backward text leaves out: each line here is one that was too many."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad

VECTOR, MATRIX = np.array([0.5, -0.2, 0.3]), np.diag([2.0, 3.0, 4.0]) + 0.1


def recurrent(w: Any, xs: Any) -> Any:
    h = np.zeros(len(w))
    loss = 0.0
    for x in xs:
        h = np.tanh(w @ h + x)
        loss += np.sum(h * h)
    return loss


def system(a: Any, b: Any) -> Any:
    return np.sum(np.linalg.solve(a, b) ** 2)


def paid(rate: Any, z: Any) -> Any:
    total = 0.0
    for i in range(z.shape[0]):
        mean = 0.0
        for j in range(z.shape[1]):
            mean += math.exp(rate * z[i, j])
        mean /= z.shape[1]
        if mean > 1.0:
            total += mean
    return total


def coupled(x: float, v: float) -> float:
    for _ in range(9):
        x, v = x + 0.1 * v * x, v - 0.2 * x * v
    return x + v


def backwards(x: Any) -> Any:
    for i in range(len(x) - 2, -1, -1):
        x[i] = math.sin(x[i + 1] * x[i])
    return x[0]


def picked(x: Any, places: Any) -> Any:
    return np.mean(x[places])


def summed(x: Any) -> Any:
    return np.sum(np.sin(x) * np.exp(x)) * np.pi


def mixed(a: Any, b: Any) -> Any:
    s = np.zeros_like(b)
    for k in range(a.shape[1]):
        s += a[:, k : k + 1] * b
    return np.sum(s * s)


def shifted(a: Any) -> Any:
    trace = 0.0
    for i in range(len(a)):
        trace += np.sin(a[i, i])
    b = a + trace
    return np.sum(b * b)


def diffused(u: Any, k: float, steps: int) -> Any:
    total = 0.0
    for _ in range(steps):
        lap = u[:-2] - 2.0 * u[1:-1] + u[2:]
        u[1:-1] += k * lap
        total += np.sum(lap * lap)
    return total


def predators(x: Any, rate: float) -> Any:
    total = 0.0
    for i in range(1, len(x)):
        total += rate * x[i - 1] * x[i] + x[i] * x[i]
        x[i] = x[i] * x[i - 1] + np.sin(x[i])
    return total


PLACES = np.array([0, 2, 2])


@pytest.mark.parametrize(
    ("function", "args", "pattern", "times"),
    [
        # One tape of states, read one turn ahead.
        (recurrent, (MATRIX, MATRIX), r"_saved = np\.empty", 1),
        (recurrent, (MATRIX, MATRIX), r"h_saved\[i \+ 1\]", 1),
        # The system of both cotangents is solved once, after the user's own.
        (system, (MATRIX, VECTOR), r"linalg\.solve\(", 2),
        # Nothing is masked in the arm that decides it.
        (paid, (0.3, MATRIX), r" if .* else ", 0),
        # Coupled numbers have no factors gathered.
        (coupled, (0.3, 0.4), r"d_[xv] \*=", 0),
        (backwards, (VECTOR,), r"range\(n - 1\)", 1),
        (backwards, (VECTOR,), r"- -1", 0),
        # A number is added at places as it is.
        (picked, (VECTOR, PLACES), r"np\.add\.at\(d_x, places, d_", 1),
        (picked, (VECTOR, PLACES), r"zeros_like", 1),
        (summed, (VECTOR,), r"d_x \+= ", 1),
        (summed, (VECTOR,), r"np\.pi", 2),
        # What a loop only adds to has one cotangent for all turns.
        (mixed, (MATRIX, MATRIX), r"copy", 0),
        (mixed, (MATRIX, MATRIX), r"\[:, :1\]", 0),
        # What is read behind a write is kept as it is, not as all it was made from.
        (diffused, (VECTOR, 0.1, 3), r"_saved = np\.empty", 1),
        (diffused, (VECTOR, 0.1, 3), r"_saved_2", 0),
        # The last who needs a cotangent may have it.
        (shifted, (MATRIX,), r"copy", 0),
        # An element has one cotangent in a statement, and is written as by the user.
        (predators, (VECTOR, 0.3), r"d_x\[i\] \+= ", 1),
        (predators, (VECTOR, 0.3), r"x\[i\] \* x\[i\]", 1),
    ],
)
def test_no_line_is_too_many(
    function: Callable[..., Any], args: tuple[Any, ...], pattern: str, times: int
) -> None:
    moving = (0, 1) if function is system else 0
    source = srcgrad.grad(function, argnums=moving, backend="python").source(*args)
    code = re.sub("#.*", "", source)
    assert len(re.findall(pattern, code)) == times, source
