"""A carried cotangent is multiplied once a turn, and is the same number."""

import linecache
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.adjoint import control


def logistic(x: float, n: int) -> float:
    for _ in range(n):
        x = 3.1 * x * (1.0 - x)
    return x


def quotients(x: float, n: int) -> float:
    for _ in range(n):
        x = 0.5 * (x + 2.0 / x) - (x - 1.0) / (2.0 + x)
    return x


def running_sum(x: float, n: int) -> float:
    total = 0.0
    for _ in range(n):
        x = x * x - 0.3 * x + 0.1
        total += x * np.sin(x)  # a term that has no factor of the turn before
    return total


def two_numbers(x: float, n: int) -> float:
    y = 0.5
    for _ in range(n):
        x, y = x - 0.1 * y * x, y + 0.1 * x * y - 0.2 * y
    return x * y


PROGRAMS = [logistic, quotients, running_sum, two_numbers]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient_is_the_same_without(
    program: Callable[..., float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare with the text that the chain rule gives."""
    short = srcgrad.grad(program, backend="python")
    got, text = short(0.3, 7), short.source(0.3, 7)
    monkeypatch.setattr(control, "factor_carries", lambda loop: loop)
    long = srcgrad.grad(program, backend="python")
    np.testing.assert_allclose(got, long(0.3, 7), rtol=1e-13)
    # What several numbers hand each other is left in the chain rule's order.
    assert (text == long.source(0.3, 7)) == (program is two_numbers)


def test_one_multiplication_stands_between_two_turns() -> None:
    """Read the line that hands the cotangent on."""
    text = srcgrad.grad(logistic, backend="python").source(0.3, 7)
    backward = text[text.index("# backward") :]
    (line,) = [x for x in backward.splitlines() if x.strip().startswith("d_x *=")]
    assert line.count("d_x") == 1


def test_underflow_does_not_slow_the_turns() -> None:
    """A cotangent that dies out is zero in the end, not a subnormal number for ever."""

    def steps(x: float, n: int) -> float:
        for _ in range(n):
            x = 3.5 * x * (1.0 - x)
        return x

    assert srcgrad.grad(steps, backend="python")(0.3, 2000) == 0.0


def test_a_number_used_twice_in_each_line_is_split_once() -> None:
    """Forty lines took 2**40 steps, and what they wrote doubled from line to line."""

    def made(lines: int) -> list[str]:
        body = "        y = y + 0.1 * y * x\n" * lines
        head = f"def doubled_{lines}(x):\n    for i in range(3):\n        y = x\n"
        text, space = (
            f"{head}{body}        x = 0.5 * y\n    return x\n",
            dict[str, Any](),
        )
        linecache.cache[head] = (len(text), None, text.splitlines(True), head)
        exec(compile(text, head, "exec"), space)
        f = srcgrad.grad(space[f"doubled_{lines}"], backend="python")
        return list(f.source(0.3).splitlines())

    assert len(made(40)) <= 2.5 * len(made(20))
