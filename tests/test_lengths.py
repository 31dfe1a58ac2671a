"""Random programs whose arrays get longer and shorter, on path and turn.

Those of `programs.py` keep the lengths that they begin with. Here a name is bound to
arrays of other lengths again and again: kernels run as plain Python too, where what
reads or writes beyond an array raises instead of doing it.
"""

import random
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad
from tests.cases import Case
from tests.harness import check_function, sensitivity
from tests.programs import load
from tests.test_kernel import problems

# Statements, and what must hold for them; `a` and `b` stand for arrays.
REBOUND = [
    ("a = np.sin(a) * 0.9", ""), ("a = 0.5 * a + 0.1 * s", ""), ("a = b.copy()", ""),
    ("a = a[1:] * 1.1", "len(a) > 2"), ("a = a[::2] + 0.1", "len(a) > 2"),
    ("a = a[::-1] * 0.8", ""), ("a = np.append(a, s)", "len(a) < 9"),
    ("a = np.concatenate([a, b])", "len(a) + len(b) < 10"),
    ("a = np.tanh(A @ b)", "len(b) == 6"), ("a = np.tanh(A.T @ b)", "len(b) == 4"),
    ("a = np.cos(b[:k])", ""), ("a = a * b", "len(a) == len(b)"),
    ("a = np.zeros(len(b)) + s * 0.3", ""), ("a = np.roll(b, 1) * 0.7", ""),
    ("a = np.cumsum(b) * 0.3", ""), ("a = b[b > 0.0] * 0.9", "np.any(b > 0.0)"),
    ("a = np.outer(a[:2], b[:3]).ravel()", ""), ("a, b = b * 0.9, a * 1.1", ""),
    ("a = np.linspace(0.0, s, len(b) + 1)", "len(b) < 9"), ("a = A[k % 4] * s", ""),
    ("a = A[:, -1] + 0.2", ""),
]  # fmt: skip
CHANGED = [
    ("a[0] *= 0.7", ""), ("a[-1] += 0.1 * s", ""), ("a[:] = np.cos(a)", ""),
    ("a[1:] -= 0.2 * a[:-1]", ""), ("a[:k] *= 0.9", ""), ("a *= 0.8", ""),
    ("a[::2] += 0.1", ""), ("a[len(a) // 2] = s * 0.5", ""),
    ("a[k - 1] = np.sin(b[0])", "len(a) >= k"),
]  # fmt: skip
SUMMED = [
    ("s += 0.1 * np.sum(np.tanh(a))", ""), ("s = np.sin(s) + a[0] * 0.3", ""),
    ("s += 0.2 * np.max(a)", ""), ("s += 0.1 * np.dot(a, a) / len(a)", ""),
    ("s = 0.5 * s + 0.2 * a[-1] * b[0]", ""),
    ("s += 0.05 * (a @ b)", "len(a) == len(b)"),
]  # fmt: skip
CHAOTIC = 1e-13  # of errors of some 1e-16 in the arguments
TURNS = ["k", "len(a)", "2", "3", "k - 1"]
TESTS = ["s > 0.1", "a[0] > 0.2", "len(a) > 4", "k > 2", "np.sum(a) < 1.0"]
HEAD = """import numpy as np

def program(x, y, A, s, k):
    u = x.copy()
    v = y * 0.5
    w = {}
"""
LAST = "    return s + np.sum(np.sin(u)) + np.sum(v * v) + 0.5 * np.sum(np.cos(w))\n"


class Writer:
    """Writes the lines of a program."""

    def __init__(self, seed: str) -> None:
        self.random, self.names = random.Random(seed), 0
        self.arrays = ["u", "v", "w"]

    def program(self) -> str:
        """Return the whole text."""
        first = ["np.sin(x)", "A[1] * 0.5", "A @ y", "np.zeros(3) + s"]
        head = HEAD.format(self.random.choice(first))
        times = range(self.random.randint(3, 6))
        lines = [line for _ in times for line in self.statement(0, "    ")]
        return head + "".join(f"{line}\n" for line in lines) + LAST

    def filled(self, text: str) -> str:
        """Return a text with arrays for its letters."""
        arrays = {letter: self.random.choice(self.arrays) for letter in "ab"}
        return re.sub(r"\b[ab]\b", lambda m: arrays[m[0]], text)

    def block(self, depth: int, indent: str) -> Iterator[str]:
        """Yield the lines of a block."""
        for _ in range(self.random.randint(1, 3)):
            yield from self.statement(depth + 1, f"{indent}    ")

    def statement(self, depth: int, indent: str) -> Iterator[str]:
        """Yield the lines of a statement."""
        chance, pick = self.random.random(), self.random.choice
        if depth < 3 and chance < 0.2:
            yield from self.loop(depth, indent)
            return
        if depth < 3 and chance < 0.34:
            yield indent + self.filled(f"if {pick(TESTS)}:")
            yield from self.block(depth, indent)
            if self.random.random() < 0.5:
                yield f"{indent}else:"
                yield from self.block(depth, indent)
            return
        kinds = REBOUND if chance < 0.62 else CHANGED if chance < 0.8 else SUMMED
        text, test = self.filled(" if ".join(pick(kinds))).split(" if ")
        if test:
            yield f"{indent}if {test}:"
            indent += "    "
        yield indent + text

    def loop(self, depth: int, indent: str) -> Iterator[str]:
        """Yield the lines of a loop."""
        self.names += 1
        name, kind = f"t{self.names}", self.random.random()
        if kind < 0.3:
            yield f"{indent}{name} = 0"
            yield f"{indent}while {name} < 3 and s < 2.0:"
            yield from self.block(depth, indent)
            yield f"{indent}    {name} += 1"
            return
        if kind < 0.5:
            yield indent + self.filled("for e in a.copy():")
            yield f"{indent}    s += 0.1 * np.sin(e)"
        else:
            turns = self.random.choice(TURNS)
            yield indent + self.filled(f"for {name} in range({turns}):")
        yield from self.with_own(depth, indent)
        if self.random.random() < 0.2:
            yield f"{indent}    if s > 1.5:"
            yield f"{indent}        {self.random.choice(['break', 'continue'])}"

    def with_own(self, depth: int, indent: str) -> Iterator[str]:
        """Yield a block with an array of its own."""
        own, known = f"p{self.names}", [*self.arrays]
        made = self.random.choice(["a * 0.9", "np.sin(b)", "A[0] * s", "A[:, 1] + s"])
        yield self.filled(f"{indent}    {own} = {made}")
        self.arrays = [*known, own, own, own]
        yield from self.block(depth, indent)
        yield f"{indent}    s += 0.1 * np.sum({own})"
        self.arrays = known


def arguments(seed: int) -> tuple[Any, ...]:
    """Return fresh arguments (x, y, A, s, k)."""
    rng = np.random.default_rng(seed)
    x, y = 0.8 * rng.normal(size=(2, 6))
    return x.copy(), y.copy(), 0.6 * rng.normal(size=(4, 6)), rng.normal(), 2 + seed % 4


def generate(seed: int) -> str:
    """Return a program whose plain run raises nothing, is tame and stays small."""
    for attempt in range(100):
        text, space = Writer(f"{seed}/{attempt}").program(), dict[str, Any]()
        exec(text, space)
        try:
            with np.errstate(all="ignore"):
                value = space["program"](*arguments(seed))
        except (IndexError, ValueError):
            continue
        # Where roundings grow, kernels may end up anywhere.
        small = isinstance(value, float) and abs(value) < 1e4
        if small and sensitivity(space["program"], arguments(seed)) < CHAOTIC:
            return text
    raise RuntimeError(f"no program for seed {seed}")


def faults(seed: int) -> Iterator[str]:
    """Yield what is wrong with a program, on python and with its kernels."""
    text = generate(seed)
    function, chosen = load(text, f"lengths_{seed}"), (0, 1, 2, 3)
    found = check_function(function, arguments(seed), chosen, "python")
    if found.kind != "right":
        yield f"seed {seed}: {found.kind}: {found.detail}\n\n{text}"
        return
    case = Case("program", function, lambda _: arguments(seed), argnums=chosen)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for where, message in problems(case):
            yield f"seed {seed}: {where}: {message}\n\n{text}"


@pytest.mark.parametrize("start", [0, 10])
def test_lengths_that_change(start: int) -> None:
    """Values, gradients, and kernels as plain Python; none is refused."""
    assert [f for seed in range(start, start + 10) for f in faults(seed)] == []


@pytest.mark.long
@pytest.mark.parametrize("start", range(20, 500, 20))
def test_more_lengths_that_change(start: int) -> None:
    assert [f for seed in range(start, start + 20) for f in faults(seed)] == []


def bound_in_turns(x: Any, n: int) -> Any:
    for i in range(n):
        for j in range(3):
            y = x * (i + j)
        x = x + 0.1 * y
    return np.sum(x * y)


def bound_to_rows(x: Any, n: int) -> Any:
    for k in range(n):
        rows = np.outer(x, x[: k + 1])
        order = np.argsort(x * k)
    return np.sum(rows * rows) * x[order[0]]


@pytest.mark.parametrize("function", [bound_in_turns, bound_to_rows])
def test_arrays_bound_in_a_loop_are_read_once(function: Any) -> None:
    """Nothing stands in for them whose length the first call finds to be wrong."""
    f = srcgrad.value_and_grad(function, backend="python")
    x = np.array([0.3, -0.7, 0.4, 1.2])
    assert f(x, 3)[0] == function(x, 3)
    assert f.cache_info().specializations == 1
    with pytest.raises(UnboundLocalError):
        f(x, 0)
