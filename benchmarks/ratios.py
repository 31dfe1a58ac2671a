"""What does a gradient cost, measured against its function?

Six loops that are hard for reverse mode. For each: the user's text under plain Numba,
srcgrad's value kernel, and srcgrad's gradient, timed in turn in one process, the best
of several rounds. The ratio is against the quicker of the two primals. Every gradient
is first compared with a difference along a random direction.

    python benchmarks/ratios.py
    python benchmarks/ratios.py newton cholesky --rounds 30 --json ratios.json
"""

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

import srcgrad

Array = NDArray[np.float64]
Arguments = tuple[Any, ...]
Program = Callable[..., Any]


def logistic_map(r: float, steps: int) -> float:
    """Iterate the logistic map: 1e6 dependent steps of two multiplications."""
    x = 0.3
    for _ in range(steps):
        x = r * x * (1.0 - x)
    return x


def newton(a: Array) -> float:
    """Sum square roots found by Newton's method: the trip count depends on the data."""
    total = 0.0
    for i in range(a.shape[0]):
        x = a[i]
        while abs(x * x - a[i]) > 1e-12 * a[i]:
            x = 0.5 * (x + a[i] / x)
        total += x
    return total


def gauss_seidel(u: Array, f: Array, sweeps: int) -> float:
    """Relax Poisson's equation in place: linear, so nothing need be kept."""
    for _ in range(sweeps):
        for i in range(1, u.shape[0] - 1):
            for j in range(1, u.shape[1] - 1):
                u[i, j] = 0.25 * (
                    u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1] + f[i, j]
                )
    return np.sum(u)


def cholesky(a: Array) -> float:
    """Factor in place and return half the log-determinant: each element is final."""
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(i):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            a[i, j] = s / a[j, j]
        s = a[i, i]
        for k in range(i):
            s -= a[i, k] * a[i, k]
        a[i, i] = np.sqrt(s)
        total += np.log(a[i, i])
    return total


def burgers(u: Array, nu: float, steps: int) -> float:
    """Advance Burgers' equation by whole slices: each step overwrites what it read."""
    for _ in range(steps):
        u[1:-1] = (
            u[1:-1]
            - 0.2 * u[1:-1] * (u[2:] - u[:-2])
            + nu * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        )
    return np.sum(u * u)


def tanh_chain(a: float, b: float, steps: int) -> float:
    """Iterate a recurrent cell of one unit: 1e6 dependent calls of tanh."""
    x = 0.0
    for _ in range(steps):
        x = np.tanh(a * x + b)
    return x


@dataclass(frozen=True)
class Case:
    """A program, its arguments, and what to differentiate it with respect to."""

    program: Program
    arguments: Arguments
    argnums: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """What was measured of one case, in milliseconds, and the error of the gradient."""

    name: str
    njit_ms: float
    value_ms: float
    gradient_ms: float
    ratio: float
    error: float


def make_cases(rng: np.random.Generator) -> list[Case]:
    """Return the cases of PERFORMANCE sections 11 and 13 that are loops."""
    root = rng.normal(size=(120, 120))
    grid, force = rng.normal(size=(200, 200)), rng.normal(size=(200, 200))
    wave = 0.5 + 0.3 * np.sin(np.linspace(0.0, 40.0, 20_000))
    return [
        Case(logistic_map, (3.5, 1_000_000), (0,)),
        Case(newton, (rng.uniform(0.5, 100.0, 20_000),), (0,)),
        Case(gauss_seidel, (grid, force, 10), (0, 1)),
        Case(cholesky, (root @ root.T + 120.0 * np.eye(120),), (0,)),
        Case(burgers, (wave, 0.1, 50), (0, 1)),
        Case(tanh_chain, (1.2, 0.3, 1_000_000), (0, 1)),
    ]


def copied(arguments: Arguments) -> Arguments:
    """Return the arguments with arrays of their own: some programs write into them."""
    return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)


def time_once(function: Program, arguments: Arguments) -> float:
    """Return the CPU milliseconds of one call, the copies of the arguments aside."""
    own = copied(arguments)
    begun = time.process_time()
    function(*own)
    return 1e3 * (time.process_time() - begun)


def gradient_error(primal: Program, gradient: Program, case: Case) -> float:
    """Return the relative error of the gradient along a random direction."""
    rng = np.random.default_rng(1)
    gradients = gradient(*copied(case.arguments))
    ways = {i: rng.normal(size=np.shape(case.arguments[i])) for i in case.argnums}
    slope = sum(
        float(np.sum(ways[i] * g)) for i, g in zip(ways, gradients, strict=True)
    )

    def moved(step: float) -> float:
        own = copied(case.arguments)
        there = [a + step * ways[i] if i in ways else a for i, a in enumerate(own)]
        return float(primal(*there))

    # The best of several steps: one that suits all six programs does not exist.
    steps = [10.0**-k for k in range(3, 9)]
    differences = [(moved(h) - moved(-h)) / (2 * h) for h in steps]
    return min(abs(d - slope) for d in differences) / max(abs(slope), 1e-300)


def measure(case: Case, rounds: int) -> Row:
    """Return the best of interleaved rounds, once each function is compiled."""
    functions: dict[str, Program] = {
        "njit": numba.njit(case.program),
        "value": srcgrad.differentiable(case.program),
        "gradient": srcgrad.grad(case.program, argnums=case.argnums),
    }
    for function in functions.values():
        function(*copied(case.arguments))
    error = gradient_error(functions["njit"], functions["gradient"], case)
    best = dict.fromkeys(functions, math.inf)
    for _ in range(rounds):
        for name, function in functions.items():
            best[name] = min(best[name], time_once(function, case.arguments))
    ratio = best["gradient"] / min(best["njit"], best["value"])
    times = (best["njit"], best["value"], best["gradient"])
    return Row(case.program.__name__, *times, ratio, error)


def main() -> None:
    """Measure the cases, print a table, and keep it as JSON if asked."""
    cases = {c.program.__name__: c for c in make_cases(np.random.default_rng(0))}
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(cases)}; all if none")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    if unknown := {*options.names} - {*cases}:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")

    print(
        f"{'':14}{'njit ms':>10}{'value ms':>10}{'grad ms':>10}{'ratio':>8}{'error':>9}"
    )
    rows = []
    for name in options.names or cases:
        row = measure(cases[name], options.rounds)
        rows.append(row)
        times = f"{row.njit_ms:10.3f}{row.value_ms:10.3f}{row.gradient_ms:10.3f}"
        print(f"{name:14}{times}{row.ratio:8.2f}{row.error:9.0e}", flush=True)
    median = statistics.median(row.ratio for row in rows)
    print(f"median ratio {median:.2f}, largest {max(row.ratio for row in rows):.2f}")
    if options.json:
        versions = {"numba": numba.__version__, "numpy": np.__version__}
        machine = {"machine": platform.processor() or platform.machine(), **versions}
        kept = {**machine, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
