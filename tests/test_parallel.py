"""Loops in parts for threads: no part knows what another one does.

Kernels run as plain Python, each part on copies of the arrays as they were before the
loop, the last part first. No two parts may change one element; what they changed is put
together and must be what the serial kernel computes. So whatever a thread could see of
another one, or overwrite, is noticed without a thread.
"""

from __future__ import annotations

import importlib
import math
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from srcgrad import ir
from srcgrad.analyses import independence
from srcgrad.emit.kernel import emit_kernel, used_runtime
from srcgrad.ir import Function
from srcgrad.passes import THREADS, run_passes
from tests.cases import Case
from tests.test_kernel import (
    SMOOTH,
    Lenient,
    as_plain,
    differs,
    function_of,
    functions,
    plain_runtime,
    run,
    special,
    text_of,
)  # fmt: skip

# In the package the name of a pass is that of its function.
hoist, parallel = (
    importlib.import_module(f"srcgrad.passes.{name}") for name in ("hoist", "parallel")
)


class Race(AssertionError):
    """Two parts changed one element."""


def bits(x: Any) -> Any:
    """Return the bytes of each element."""
    return np.ascontiguousarray(x).view(np.uint8).reshape(*x.shape, x.itemsize)


def apart(turns: Callable[..., None], parts: int, args: tuple[Any, ...]) -> None:
    """Run each part on what was there before, and put together what they changed."""
    arrays = {id(a): a for a in args if isinstance(a, np.ndarray)}
    before = {k: a.copy() for k, a in arrays.items()}
    changed = {k: np.zeros(a.shape, bool) for k, a in arrays.items()}
    for part in reversed(range(parts)):
        own = {k: a.copy() for k, a in before.items()}
        turns(part, *(own.get(id(a), a) for a in args))
        for k, array in own.items():
            new = np.any(bits(array) != bits(before[k]), axis=-1)
            if np.any(new & changed[k]):
                raise Race(f"{turns.__name__} changes an element in two parts")
            changed[k] |= new
            arrays[k][new] = array[new]


def as_parts(function: Function) -> tuple[Callable[..., Any], str]:
    """Return a kernel as plain Python with a part for each turn, and its text."""
    text = text_of(lines := emit_kernel(run_passes(function, THREADS)))
    names = {n: plain_runtime(n) for n in used_runtime(lines)}
    names |= {"rt_prange": apart, "math": Lenient()}
    names["rt_parts"] = lambda turns, *_: max(1, min(7, turns))
    return function_of(text, f"{function.name}_kernel", names), text


def problems(case: Case) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a case in parts, and where."""
    for function, args in functions(*special(case)):
        try:
            runner, text = as_parts(function)
            if "rt_prange" not in text:
                continue
            due = run(as_plain(function), args, compiled=True)
            found = run(runner, args, compiled=True)
            message = differs(due, found, max(case.rtol, 1e-11))
        except Exception:
            message = traceback.format_exc(limit=-3)
        if message:
            yield function.name, message


@pytest.fixture
def _no_loop_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "SMALL", 0)


# Every other one: all of them take minutes.
IN_PARTS = [
    pytest.param(case, marks=pytest.mark.long if k % 2 else (), id=case.name)
    for k, case in enumerate(SMOOTH)
]


@pytest.mark.usefixtures("_no_loop_is_small")
@pytest.mark.parametrize("case", IN_PARTS)
def test_parts_know_nothing_of_each_other(case: Case) -> None:
    for where, message in problems(case):
        pytest.fail(f"{where}: {message}")


# Which loops may be shared. Every function takes arrays of 12 and 5 x 12 numbers, and
# subscripts; what is told is how many loops of its value threads run.


def elementwise(x: Any, A: Any, idx: Any) -> Any:
    return np.sum(np.sin(x) * x)


def monte_carlo(x: Any, A: Any, idx: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total += math.exp(-x[i]) if x[i] > 0.3 else 1.0
    return total / len(x)


def batch(x: Any, A: Any, idx: Any) -> Any:
    total = 0.0
    for i in range(A.shape[0]):
        s = 0.0
        for j in range(A.shape[1]):
            s += A[i, j] * x[j]
        total += s * s
    return total


def scattered(x: Any, A: Any, idx: Any) -> Any:
    out = np.zeros(12)
    for i in range(len(idx)):
        out[idx[i]] += x[i] * x[i]
    return np.sum(out * out)


def scattered_and_read(x: Any, A: Any, idx: Any) -> Any:
    out = np.zeros(12)
    for i in range(len(idx)):
        out[idx[i]] += x[i] * x[i]
        out[idx[i]] += out[0]
    return out[3]


def stencil(x: Any, A: Any, idx: Any) -> Any:
    y = np.zeros(12)
    for i in range(1, 11):
        y[i] = x[i - 1] * x[i + 1] - x[i]
    return y[5] * y[6]


def recurrence(x: Any, A: Any, idx: Any) -> Any:
    state = 0.5
    for i in range(len(x)):
        state = math.sin(state) + x[i]
    return state


def prefix(x: Any, A: Any, idx: Any) -> Any:
    y = x.copy()
    for i in range(1, 12):
        y[i] = y[i] * y[i - 1]
    return y[11]


def reads_another(x: Any, A: Any, idx: Any) -> Any:
    y = x.copy()
    for i in range(12):
        y[i] = y[i] * y[idx[i]]
    return y[3]


def around_the_end(x: Any, A: Any, idx: Any) -> Any:
    y = np.ones(12)
    for i in range(-6, 12):
        y[i] = y[i] * x[i]
    return y[8]


def in_a_view(x: Any, A: Any, idx: Any) -> Any:
    y = x.copy()
    for i in range(11):
        y[1:][i] = y[i] * 2.0
    return y[4]


def reset(x: Any, A: Any, idx: Any) -> Any:
    total = 0.0
    for i in range(12):
        total = total + x[i] if x[i] > 0.3 else x[i]
    return total


def doubled(x: Any, A: Any, idx: Any) -> Any:
    total = 1.0
    for i in range(12):
        total = total + (total + x[i])
    return total


def looked_at(x: Any, A: Any, idx: Any) -> Any:
    total = 0.0
    for i in range(12):
        total += x[i]
        if total > 2.0:
            total += 1.0
    return total


def left_early(x: Any, A: Any, idx: Any) -> Any:
    total = 0.0
    for i in range(12):
        if x[i] > 100.0:
            break
        total += x[i]
    return total


def while_inside(x: Any, A: Any, idx: Any) -> Any:
    total = 0.0
    for i in range(12):
        z = x[i]
        while z > 0.1:
            z = z * 0.5
        total += z
    return total


def array_of_a_turn(x: Any, A: Any, idx: Any) -> Any:
    total = 0.0
    for i in range(5):
        w = A[i] * x
        w[0] = 1.0
        for k in range(1, 12):
            w[k] += w[k - 1]
        total += w[11]
    return total


def work_array(x: Any, A: Any, idx: Any) -> Any:
    w = np.zeros(12)
    total = 0.0
    for i in range(5):
        w[i] = A[i, 0]
        total += w[0] * A[i, 1]
    return total


def rows_of_one_turn(x: Any, A: Any, idx: Any) -> Any:
    e = np.exp(A - x)
    p = e / e.sum(axis=1, keepdims=True)
    return np.sum(p * p)


def in_steps(x: Any, A: Any, idx: Any) -> Any:
    u = x.copy()
    for _ in range(3):
        v = u.copy()
        for i in range(1, 11):
            u[i] = v[i] + 0.1 * (v[i - 1] + v[i + 1])
    return u[4]


def table_in_turns(x: Any, A: Any, idx: Any) -> Any:
    """Add to a table in a loop that does less than the table is large."""
    table = np.zeros((5, 12))
    for _ in range(3):
        for k in range(12):
            table[idx[k] % 5, idx[k]] += x[k]
        table[0, 0] *= 0.5
    return np.sum(table * A)


LOOPS: list[tuple[Callable[..., Any], int]] = [
    (elementwise, 1), (monte_carlo, 1), (batch, 1), (scattered, 2),
    (scattered_and_read, 0), (stencil, 1), (recurrence, 0), (prefix, 1),
    (reads_another, 1), (around_the_end, 0), (in_a_view, 1), (reset, 0), (doubled, 0),
    (looked_at, 0), (left_early, 0), (while_inside, 1), (array_of_a_turn, 1),
    (work_array, 0), (in_steps, 3), (rows_of_one_turn, 1), (table_in_turns, 1),
]  # fmt: skip


def inputs(rng: np.random.Generator) -> tuple[Any, ...]:
    """Return what the functions take."""
    x, a = rng.uniform(0.2, 1.0, 12), rng.uniform(0.2, 1.0, (5, 12))
    return x, a, np.array([3, 3, 0, 7, 11, 7, 1, 2, 5, 5, 9, 4])


@pytest.mark.usefixtures("_no_loop_is_small")
@pytest.mark.parametrize(("function", "shared"), LOOPS)
def test_which_loops_threads_share(function: Callable[..., Any], shared: int) -> None:
    case = Case(function.__name__, function, inputs, argnums=(0, 1))
    made, _, _ = special(case)
    _, text = as_parts(made.final(made.primal))
    assert text.count("rt_prange(") == shared
    assert not list(problems(case))


def anywhere(self: Any, *about: Any) -> bool:
    """Take what turns do for independent, whatever it is."""
    return True


def kept_by_all(self: Any, s: Any, at: Any) -> bool:
    """Let the parts share an array that each turn makes."""
    return isinstance(s, ir.Op) and s.row == "empty"


@pytest.mark.usefixtures("_no_loop_is_small")
@pytest.mark.parametrize(
    ("function", "target", "attribute", "broken", "noticed"),
    [
        (prefix, independence.Independence, "is_apart", anywhere, "result 0"),
        (scattered, independence.Independence, "is_apart", anywhere, "Race"),
        (around_the_end, independence.Independence, "is_upward", anywhere, "Race"),
        (scattered_and_read, independence.Independence, "is_added", anywhere, "result"),
        (looked_at, independence.Independence, "is_sum", anywhere, "result 0"),
        (doubled, independence.Independence, "goes_on", anywhere, "result 0"),
        (array_of_a_turn, hoist._Hoisting, "is_room", kept_by_all, "Race"),
        (rows_of_one_turn, hoist._Hoisting, "is_room", kept_by_all, "Race"),
    ],
)
def test_broken_test_of_independence_is_noticed(
    function: Callable[..., Any], target: Any, attribute: str, broken: Any,
    noticed: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    case = Case(function.__name__, function, inputs, argnums=(0, 1))
    monkeypatch.setattr(target, attribute, broken)
    assert any(noticed in message for _, message in problems(case))
