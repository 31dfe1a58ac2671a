"""What do our elementary functions cost, against NumPy's and those of the C library?

Nanoseconds for one element of an array that fits into the first cache, the best of
several rounds taken in turn: a loop over ours, NumPy's own function, a loop over
`math.*`. And the latency of a number that waits for the one before, `x = f(x) * a + b`,
by ours and by `math.*`.

    python benchmarks/vmath.py
    python benchmarks/vmath.py exp tanh --length 100000 --rounds 50
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from srcgrad.runtime import compiled

Loop = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A name in `math`, a range of arguments, and a and b of the chain."""

    library: str
    range: tuple[float, float]
    chain: tuple[float, float]


CASES = {
    "exp": Case("math.exp", (-20, 20), (-1.0, 0.3)),
    "expm1": Case("math.expm1", (-2, 2), (-0.9, 0.5)),
    "exp2": Case("exp2", (-20, 20), (-1.0, 0.3)),
    "log": Case("math.log", (1e-3, 1e3), (0.9, 2.5)),
    "log1p": Case("math.log1p", (-0.5, 10), (1.0, 1.5)),
    "log2": Case("math.log2", (1e-3, 1e3), (0.8, 2.9)),
    "log10": Case("math.log10", (1e-3, 1e3), (1.0, 3.0)),
    "sin": Case("math.sin", (-10, 10), (1.5, 0.3)),
    "cos": Case("math.cos", (-10, 10), (1.5, 0.3)),
    "tan": Case("math.tan", (-10, 10), (0.4, 0.3)),
    "arctan": Case("math.atan", (-10, 10), (1.5, 0.3)),
    "tanh": Case("math.tanh", (-3, 3), (1.2, 0.3)),
    "sinh": Case("math.sinh", (-5, 5), (-0.8, 0.5)),
    "cosh": Case("math.cosh", (-5, 5), (-0.6, 0.3)),
    "erf": Case("math.erf", (-3, 3), (1.2, 0.3)),
    "sigmoid": Case("", (-10, 10), (1.5, 0.3)),
    "softplus": Case("", (-10, 10), (-0.9, 0.3)),
    "power": Case("power", (0.1, 10), (0.5, 1.2)),
}
STEPS = 20_000


def library_function(name: str) -> Any:
    """Return what a loop by the C library calls."""
    if name == "power":
        return numba.njit(lambda x, y: x**y)
    if name == "exp2":
        return numba.njit(lambda x: math.pow(2.0, x))
    return getattr(math, name.removeprefix("math."))


def loops(kernel: Any, two: bool) -> tuple[Loop, Loop]:
    """Return the loop over an array and the chain of a function."""

    def array(x: Any, y: Any, out: Any) -> None:
        for i in range(x.shape[0]):
            out[i] = kernel(x[i])

    def array2(x: Any, y: Any, out: Any) -> None:
        for i in range(x.shape[0]):
            out[i] = kernel(x[i], y[i])

    def chain(x: Any, a: Any, b: Any) -> Any:
        for _ in range(STEPS):
            x = kernel(x) * a + b
        return x

    def chain2(x: Any, a: Any, b: Any) -> Any:
        for _ in range(STEPS):
            x = kernel(x, a) * a + b
        return x

    compiled_loop = numba.njit(error_model="numpy")
    pair: tuple[Any, Any] = (array2, chain2) if two else (array, chain)
    return compiled_loop(pair[0]), compiled_loop(pair[1])


def best(
    calls: dict[str, tuple[Callable[[], Any], int]], rounds: int
) -> dict[str, float]:
    """Return the least nanoseconds for one of so many, of calls made in turn."""
    least = dict.fromkeys(calls, math.inf)
    for _ in range(rounds + 1):  # the first one compiles
        for name, (call, count) in calls.items():
            begun = time.perf_counter()
            call()
            least[name] = min(least[name], (time.perf_counter() - begun) / count * 1e9)
    return least


def measure(name: str, dtype: type[Any], length: int, rounds: int) -> dict[str, float]:
    """Return what one function costs in each of the five ways."""
    case, two = CASES[name], name == "power"
    random = np.random.default_rng(0)
    x = random.uniform(*case.range, length).astype(dtype)
    y = random.uniform(-3, 3, length).astype(dtype)
    out = np.empty_like(x)
    number, a, b = dtype(0.5), dtype(case.chain[0]), dtype(case.chain[1])
    suffix = "" if dtype is np.float64 else "f"
    array, chain = loops(getattr(compiled(), name + suffix), two)
    calls: dict[str, tuple[Callable[[], Any], int]] = {
        "ours": (lambda: array(x, y, out), length),
        "chain": (lambda: chain(number, a, b), STEPS),
    }
    if case.library:
        their_array, their_chain = loops(library_function(case.library), two)
        calls["math"] = (lambda: their_array(x, y, out), length)
        calls["math chain"] = (lambda: their_chain(number, a, b), STEPS)
    function = getattr(np, name, None)
    if function is not None:
        given = (x, y) if two else (x,)
        calls["numpy"] = (lambda: function(*given, out=out), length)
    return best(calls, rounds)


def main() -> None:
    """Print one line for each function and dtype."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=", ".join(CASES))
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    columns = ("ours", "numpy", "math", "ours/numpy", "chain", "math chain", "ratio")
    print(f"{'ns':18}" + "".join(f"{c:>12}" for c in columns))
    for name in options.names or CASES:
        for dtype in (np.float64, np.float32):
            found = measure(name, dtype, options.length, options.rounds)
            found["ours/numpy"] = found["ours"] / found.get("numpy", math.nan)
            found["ratio"] = found["chain"] / found.get("math chain", math.nan)
            cells = (f"{found[c]:12.2f}" if c in found else f"{'':12}" for c in columns)
            print(f"{name:9}{np.dtype(dtype)!s:9}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
