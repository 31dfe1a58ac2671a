"""The columns of the table: each a way to compute one program's value or gradient."""

import importlib
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numba
import numpy as np

import srcgrad
from benchmarks.program import Arguments, Array, Program

RIVALS = ("jax", "enzyme", "torch", "inductor", "autograd")
# What suite.py chose: of one thread the CPU time counts, of several that on the wall.
SEVERAL = int(os.environ.get("SUITE_THREADS", "1")) > 1
CLOCK = time.perf_counter if SEVERAL else time.process_time
# Relative to the largest element; what sums in another order may differ by.
SAME_VALUE, SAME_GRADIENT, SAME_SLOPE = 1e-9, 1e-7, 1e-5
SINGLE = 1e4  # how much more that is in single precision


def copied(arguments: Arguments) -> Arguments:
    """Return the arguments with arrays of their own: some programs write into them."""
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def is_single(a: Any) -> bool:
    """Tell an array of single precision."""
    return isinstance(a, np.ndarray) and a.dtype == np.float32


def loosened(arguments: Arguments) -> float:
    """Return by how much more than in double precision results may differ."""
    return SINGLE if any(map(is_single, arguments)) else 1.0


def as_is(result: Any) -> Any:
    """Return a result that is NumPy's already."""
    return result


@dataclass(frozen=True)
class Column:
    """One way to compute, and how its arguments are made and its result is read.

    Attributes:
        name: What the table calls it; several columns of one rival share a name.
        call: From the prepared arguments to a result that is there when it returns.
        gradient: Is the result `(value, gradients)`, or the value alone?
        prepare: From NumPy's arguments to its own, outside the clock.
        finish: From its result to NumPy's.
        text: Which of a rival's texts it is.
        ready: From prepared arguments to a call of them that need not compile; None if
            a call of any size compiles for all.
    """

    name: str
    call: Callable[..., Any]
    gradient: bool
    prepare: Callable[[Arguments], Arguments] = copied
    finish: Callable[[Any], Any] = as_is
    text: str = ""
    ready: Callable[..., Callable[[], Any]] | None = None

    def time(self, arguments: Arguments) -> tuple[float, Any]:
        """Return the seconds of one call and its result."""
        own = self.prepare(arguments)
        begun = CLOCK()
        result = self.call(*own)
        return CLOCK() - begun, result


def own_columns(program: Program, backend: str = "numba") -> list[Column]:
    """Return the program as it is, compiled by Numba, and by srcgrad."""
    function = program.function
    options: dict[str, Any] = {"backend": backend, "parallel": SEVERAL}
    value = srcgrad.differentiable(function, **options)
    gradient = srcgrad.value_and_grad(function, argnums=program.argnums, **options)
    plain = Column("numpy", function, gradient=False)
    columns = [
        Column("value", value, gradient=False),
        Column("gradient", gradient, gradient=True),
    ]
    if backend != "numba":
        return [plain, *columns]
    return [plain, Column("njit", compiled(function), gradient=False), *columns]


def compiled(function: FunctionType) -> Any:
    """Return a function under plain Numba, and what it calls of its own module too."""
    space = dict(function.__globals__)
    for name in function.__code__.co_names:
        helper = space.get(name)
        if isinstance(helper, FunctionType):
            space[name] = compiled(helper)
    own = FunctionType(function.__code__, space, function.__name__)
    return numba.njit(own)


def hand_columns(program: Program) -> list[Column]:
    """Return the adjoint written by hand, if there is one."""
    texts = importlib.import_module(f"benchmarks.hand.{program.family}")
    hand = getattr(texts, program.name, None)
    return [] if hand is None else [Column("hand", hand, gradient=True)]


def rival_columns(program: Program, arguments: Arguments, rival: str) -> list[Column]:
    """Return a rival's texts of the program; ImportError says that it is not there."""
    framework = importlib.import_module(f"benchmarks.rivals.in_{rival}")
    of = getattr(framework, "TEXTS_OF", rival)
    name = f"benchmarks.rivals.in_{of}.{program.family}"
    try:
        texts = importlib.import_module(name).TEXTS.get(program.name, ())
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return []
    columns: list[Column] = framework.columns(program, arguments, texts)
    return columns


def value_error(found: Any, expected: Any) -> float:
    """Return how far a value is from the plain one, relative to it."""
    return abs(float(found) - float(expected)) / max(abs(float(expected)), 1e-300)


def gradient_error(found: Sequence[Any], expected: Sequence[Any]) -> float:
    """Return the largest difference, relative to each gradient's largest element."""
    if len(found) != len(expected):
        return math.inf
    worst = 0.0
    for a, b in zip(found, expected, strict=True):
        if np.shape(a) != np.shape(b):
            return math.inf
        largest = float(np.max(np.abs(b), initial=0.0))
        if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
            return math.inf
        away = float(np.max(np.abs(np.asarray(a) - np.asarray(b)), initial=0.0))
        worst = max(worst, away / max(largest, 1e-300) if away else 0.0)
    return worst


def slope_error(
    primal: Callable[..., Any], gradients: Sequence[Any], program: Program,
    arguments: Arguments,
) -> float:  # fmt: skip
    """Return the gradients' relative error along a random direction.

    The differences are of numbers in double precision.
    """
    arguments = tuple(a.astype(float) if is_single(a) else a for a in arguments)
    rng = np.random.default_rng(1)
    # Relative to the numbers themselves: a step suits those near and far from zero.
    ways: dict[int, Array | float] = {
        i: rng.normal(size=np.shape(arguments[i])) for i in program.argnums
    }
    parts = [np.sum(ways[i] * g) for i, g in zip(ways, gradients, strict=True)]
    slope = float(sum(parts))
    size = sum(abs(float(part)) for part in parts)

    def moved(step: float) -> float:
        there = list(copied(arguments))
        for i, way in ways.items():
            there[i] = there[i] + step * way
            if not isinstance(arguments[i], np.ndarray):
                there[i] = float(there[i])
        return float(primal(*there))

    # The best of several steps: one that suits all programs does not exist.
    steps = [10.0**-k for k in range(3, 10)]
    differences = [(moved(h) - moved(-h)) / (2.0 * h) for h in steps]
    return min(abs(d - slope) for d in differences) / max(size, 1e-300)


def check(
    column: Column, result: Any, value: float, gradients: Any, loose: float = 1.0
) -> str:
    """Return what is wrong with a result, or nothing.

    `gradients` are those that another column found, None if this is the first.
    """
    finished = column.finish(result)
    found, own = finished if column.gradient else (finished, None)
    away = value_error(found, value)
    if not away <= SAME_VALUE * loose:
        return f"value off by {away:.0e}"
    if own is not None and gradients is not None:
        away = gradient_error(own, gradients)
        if not away <= SAME_GRADIENT * loose:
            return f"gradient off by {away:.0e}"
    return ""
