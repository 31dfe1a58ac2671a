"""`try` whose handlers run, and what raises though nobody uses it."""

import importlib
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import UnsupportedSyntaxError

ON_BOTH = pytest.mark.parametrize("backend", ["python", "numba"])


def inverse(x: float, y: float) -> float:
    try:
        s = x / y
    except ZeroDivisionError:
        s = 7.0 * x
    return s + x


def each_inverse(x: float, y: float) -> float:
    s = 0.0
    for k in range(3):
        try:
            s += x / (y - k)
        except (ValueError, ZeroDivisionError) as error:
            s += 10.0 * len(error.args)
            continue
        s *= 2.0
    return s


def deep(x: float, y: float) -> float:
    """Raise in a function that a function calls, in a loop."""

    def rooted(t: float) -> float:
        return math.sqrt(t) + 1.0

    def summed(t: float) -> float:
        return sum(rooted(t - k) for k in range(3))

    try:
        return summed(x * y)
    except ValueError:
        return -x


def definite(x: float, y: float) -> float:
    try:
        np.linalg.cholesky(np.array([[x, 2.0], [2.0, y]]))
    except np.linalg.LinAlgError:
        return -x * y
    return x * y


def indexed(x: float, y: float) -> float:
    items = np.array([x, y, x * y])
    try:
        items[int(y)]
        found = 1.0
    except IndexError:
        found = 3.0
    return found * x


PROGRAMS = {
    inverse: ((3.0, 2.0), (3.0, 0.0)),
    each_inverse: ((3.0, 0.5), (3.0, 1.0)),
    deep: ((3.0, 2.0), (3.0, 0.5)),
    definite: ((3.0, 2.0), (3.0, 1.0)),
    indexed: ((3.0, 2.0), (3.0, 4.0)),
}


@ON_BOTH
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_are_the_plain_runs(program: Callable[..., Any], backend: str) -> None:
    f = srcgrad.differentiable(program, backend=backend)
    for args in PROGRAMS[program]:
        assert math.isclose(f.value(*args), program(*args), rel_tol=1e-14)


@ON_BOTH
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_a_handler_that_ran_has_no_gradient(
    program: Callable[..., Any], backend: str
) -> None:
    slope = srcgrad.grad(program, backend=backend)
    (x, y), caught = PROGRAMS[program]
    due = (program(x + 1e-6, y) - program(x - 1e-6, y)) / 2e-6
    assert math.isclose(slope(x, y), due, rel_tol=1e-6)
    with pytest.raises(UnsupportedSyntaxError, match="went to its handler"):
        slope(*caught)


RAISED = [ZeroDivisionError, ValueError, IndexError, OverflowError]


def unused(x: float, k: int) -> float:
    numbers = [x, 2.0 * x, 3.0]
    arrays = np.array(numbers)
    if k == 0:
        _ = x / (x - x)
    elif k == 1:
        math.log(-x)
    elif k == 2:
        _ = arrays[k + 5]
    else:
        _, _ = math.gamma(200.0 * x), x
    return x * x


@ON_BOTH
@pytest.mark.parametrize("k", range(4))
def test_what_nobody_uses_raises(k: int, backend: str) -> None:
    with pytest.raises(RAISED[k]):
        srcgrad.grad(unused, backend=backend)(1.5, k)


REFUSED: dict[Any, type[Exception]] = {
    lambda x, xs: (xs + x, x)[1]: TypeError,
    lambda x, xs: (xs - xs, x)[1]: TypeError,
    lambda x, xs: (-xs, x)[1]: TypeError,
    lambda x, xs: (xs * 2.0, x)[1]: TypeError,
    lambda x, xs: (float(np.array(xs)), x)[1]: TypeError,
    lambda x, xs: (np.array(xs).item(), x)[1]: ValueError,
    lambda x, xs: (float("x"), x)[1]: ValueError,
}


@pytest.mark.parametrize("f", REFUSED)
def test_what_python_refuses_is_no_number(f: Any) -> None:
    with pytest.raises(REFUSED[f]):
        srcgrad.grad(f, backend="python")(1.5, [1.0, 2.0])


@pytest.mark.parametrize("chosen", [{}, {"OMP_WAIT_POLICY": "active"}])
def test_idle_threads_sleep_soon_unless_told(
    chosen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: Any = importlib.import_module("srcgrad.runtime.threads")
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(threads.numba.config, "THREADING_LAYER", "default")
    seen: list[str | None] = []
    monkeypatch.setattr(
        threads.importlib,
        "import_module",
        lambda name: seen.append(os.environ.get("GOMP_SPINCOUNT")),
    )
    threads._wait_briefly()
    assert seen == [] if chosen else seen == ["1000"]
    assert "GOMP_SPINCOUNT" not in os.environ


def within(x: Any) -> Any:
    with np.errstate(all="ignore"):
        y = np.exp(x)
        z = y * y
    return z.sum()


def test_statements_inside_keep_their_lines() -> None:
    """What `with` is written as must not give its own line to what stands in it."""
    first = within.__code__.co_firstlineno
    text = srcgrad.grad(within, backend="python").source(np.ones(2))
    assert f"y = np.exp(x)  # {first + 2}" in text
    assert f"# {first + 1}" not in text
