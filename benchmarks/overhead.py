"""What does a call cost beyond the compiled kernel?

For each kind of arguments: the Numba dispatcher of the kernel with the flat arguments
that it takes, and the same call through srcgrad, timed in turn in one process, the
least of many rounds of CPU time. The difference is what srcgrad adds: it should be
below a microsecond for numbers and up to four arrays, five for a dict of ten arrays.

    python benchmarks/overhead.py
    python benchmarks/overhead.py --rounds 300 --json overhead.json
"""

import argparse
import gc
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import srcgrad

CALLS = 100  # in a round
NAMES = "abcdefghij"


def one(a: Any) -> Any:
    return np.sum(a * a)


def two(a: Any, b: Any) -> Any:
    return np.sum(a * b)


def four(a: Any, b: Any, c: Any, d: Any) -> Any:
    return np.sum(a * b + c * d)


def eight(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    return np.sum(a * b + c * d + e * f + g * h)


def numbers(x: Any, y: Any) -> Any:
    return x * y + x


def params(p: Any) -> Any:
    total = np.sum(p["a"] * p["b"]) + np.sum(p["c"] * p["d"] + p["e"] * p["f"])
    return total + np.sum(p["g"] * p["h"]) + np.sum(p["i"] * p["j"])


def in_place(a: Any) -> Any:
    for i in range(1, len(a)):
        a[i] = a[i] * a[i - 1]
    return a[-1]


@dataclass(frozen=True)
class Case:
    """A function, the arguments of a call, and what they are by position."""

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    argnums: Any


@dataclass(frozen=True)
class Row:
    """What was measured, in nanoseconds."""

    name: str
    kind: str
    dispatcher_ns: float
    call_ns: float

    @property
    def overhead_ns(self) -> float:
        """What srcgrad adds to the dispatcher."""
        return self.call_ns - self.dispatcher_ns


def make_cases() -> list[Case]:
    """Return small arguments of all kinds: what is computed costs next to nothing."""
    x = [np.linspace(0.5, 1.5, 4) + k for k in range(10)]
    matrix = np.linspace(0.5, 1.5, 16).reshape(4, 4)
    every = [
        Case(f"{f.__name__} array{'s' * (k > 1)}", f, (*x[:k],), {}, tuple(range(k)))
        for k, f in ((1, one), (2, two), (4, four), (8, eight))
    ]
    frozen = x[1].copy()
    frozen.flags.writeable = False
    return [
        *every,
        Case("two matrices", two, (matrix, matrix), {}, (0, 1)),
        Case("two numbers", numbers, (2.0, 3.0), {}, (0, 1)),
        Case("two by keyword", two, (), {"b": x[1], "a": x[0]}, (0, 1)),
        Case("dict of ten", params, (dict(zip(NAMES, x, strict=True)),), {}, 0),
        Case("array written", in_place, (x[0],), {}, 0),
        Case("transposed", two, (matrix, matrix.T), {}, (0, 1)),
        Case("read-only", two, (x[0], frozen), {}, (0, 1)),
    ]


def make_calls(case: Case, kind: str) -> list[Callable[[], Any]]:
    """Return a call of the dispatcher of a door's kernel, and the call of the door."""
    whole = srcgrad.differentiable(case.function, argnums=case.argnums, backend="numba")
    door = getattr(whole, kind)
    call = door.bind(case.args, case.kwargs, () if kind == "value" else None)
    made = door.find(call)
    program = door.program(kind, made, call)
    dispatcher = made.code(program.function).dispatcher
    flat = [*made.ready(made.raw(call.leaves)), *map(float, program.extra)]
    names = [f"x{k}" for k in range(len(flat))]
    space: dict[str, Any] = {**dict(zip(names, flat, strict=True)), **case.kwargs}
    space |= {f"a{k}": x for k, x in enumerate(case.args)}
    space |= {"f": door, "kernel": dispatcher}
    args = [f"a{k}" for k in range(len(case.args))]
    args += [f"{name}={name}" for name in case.kwargs]
    # Written out: neither side unpacks a tuple.
    texts = f"kernel({', '.join(names)})", f"f({', '.join(args)})"
    calls: list[Callable[[], Any]] = [eval(f"lambda: {t}", space) for t in texts]
    for run in calls * 2:
        run()
    return calls


def time_once(call: Callable[[], Any]) -> float:
    """Return the CPU nanoseconds of one call of many."""
    begun = time.process_time_ns()
    for _ in itertools.repeat(None, CALLS):
        call()
    return (time.process_time_ns() - begun) / CALLS


def measure(rounds: int) -> list[Row]:
    """Time all calls in turn, round after round: a busy machine is so for all."""
    kinds = "value", "grad", "value_and_grad"
    cases = [(case, kind) for case in make_cases() for kind in kinds]
    calls = [make_calls(*case) for case in cases]
    best = [[float("inf")] * 2 for _ in calls]
    for _ in range(rounds):
        for pair, least in zip(calls, best, strict=True):
            least[:] = [
                min(spent, time_once(call))
                for spent, call in zip(least, pair, strict=True)
            ]
    pairs = zip(cases, best, strict=True)
    return [Row(case.name, kind, *least) for (case, kind), least in pairs]


def main() -> None:
    """Measure, print a line for each case, and keep them as JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    gc.disable()
    rows = measure(options.rounds)
    empty = min(time_once(lambda: None) for _ in range(options.rounds))
    print(f"an empty call of Python, for scale: {empty:.0f} ns")
    print(f"{'ns':32}{'dispatcher':>12}{'srcgrad':>10}{'added':>8}{'ratio':>8}")
    for row in rows:
        ns = f"{row.dispatcher_ns:12.0f}{row.call_ns:10.0f}{row.overhead_ns:8.0f}"
        ratio = row.call_ns / row.dispatcher_ns
        print(f"{row.name:16}{row.kind:16}{ns}{ratio:8.2f}")
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
