"""Verify and time one program: what the suite runs, a process for each program.

It prints one line of JSON. All columns are verified against each other before the clock
runs, then called in turn, and the least CPU time of each counts.
"""

import argparse
import ctypes
import gc
import json
import math
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np

from benchmarks.columns import (
    RIVALS,
    SAME_SLOPE,
    Column,
    check,
    hand_columns,
    loosened,
    own_columns,
    rival_columns,
    slope_error,
)
from benchmarks.program import Arguments, Program
from benchmarks.programs import PROGRAMS

PATIENCE = 60.0  # CPU seconds for a first call
ENOUGH = 2.0  # CPU seconds that the timed calls of one column may take together


class TooSlow(BaseException):
    """A first call took longer than anyone waits; not for `except Exception`."""


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the block after so many seconds of this process."""

    def stop(*_: Any) -> None:
        raise TooSlow(f"> {seconds:.0f} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def start_numba() -> None:
    """Let Numba load what it loads once, so that no column pays for it."""
    numba.njit(lambda x: x + 1.0)(np.zeros(3))


def all_columns(
    program: Program, arguments: Arguments, rivals: list[str]
) -> tuple[list[Column], dict[str, str]]:
    """Return the columns, and why there is none where there could be one."""
    columns, missing = [*own_columns(program), *hand_columns(program)], {}
    for rival in rivals:
        try:
            found = rival_columns(program, arguments, rival)
        except ImportError:
            missing[rival] = "not installed"
            continue
        columns += found
        if not found:
            missing[rival] = "no text"
    return columns, missing


def brief(error: BaseException) -> str:
    """Return an exception in one line."""
    lines = [x for x in str(error).splitlines() if x and "nopython" not in x]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:110]


class Measurement:
    """What is known of one program: a record for each column."""

    def __init__(self, program: Program, size: int) -> None:
        """Start with nothing known."""
        self.program = program
        self.arguments = program.arguments(size)
        self.records: list[dict[str, Any]] = []
        self.sound: list[tuple[Column, dict[str, Any]]] = []
        self.value = math.nan
        self.gradients: Any = None

    def verify(self, column: Column) -> None:
        """Call a column the first time, and compare what it gives with the others."""
        record: dict[str, Any] = {"column": column.name, "text": column.text}
        self.records.append(record)
        try:
            with patience(PATIENCE):
                record["first_s"], result = column.time(self.arguments)
        except TooSlow as error:
            record["note"] = str(error)
            return
        except Exception as error:
            record["note"], record["error"] = brief(error), traceback.format_exc()
            return
        if column.name == "numpy":
            self.value = float(result)
        loose = loosened(self.arguments)
        fault = check(column, result, self.value, self.gradients, loose)
        if column.name == "gradient" and not fault:
            self.gradients = [np.array(g) for g in column.finish(result)[1]]
            record["slope"] = self._slope()
            if not record["slope"] <= SAME_SLOPE * math.sqrt(loose):
                fault = f"WRONG: slope off by {record['slope']:.0e}"
                self.gradients = None
        if fault:
            record["note"] = fault
        else:
            self.sound.append((column, record))

    def _slope(self) -> float:
        primal = next(c for c, _ in reversed(self.sound) if not c.gradient)
        given = self.gradients, self.program, self.arguments
        return slope_error(primal.call, *given)

    def time(self, rounds: int) -> None:
        """Call the sound columns in turn and keep the least time of each."""
        settle()
        samples: list[list[float]] = [[] for _ in self.sound]
        for turn in range(rounds):
            for (column, _), spent in zip(self.sound, samples, strict=True):
                if turn < 2 or sum(spent) < ENOUGH:
                    spent.append(column.time(self.arguments)[0])
        for (_, record), spent in zip(self.sound, samples, strict=True):
            best = min(spent)
            record["ms"] = 1e3 * best
            record["compile_s"] = record["first_s"] - best


def settle() -> None:
    """Wait for the clock: after a timer on CPU time it moves by the scheduler's ticks.

    The kernel finds out at a later tick that there is no timer left.
    """
    until = time.process_time() + 0.03
    while time.process_time() < until:
        pass


def growth(program: Program, chosen: str) -> float:
    """Return by how many MB a full call raises the peak after a tiny one.

    `chosen` is a column, or one of its texts as `jax:scan`.
    """
    name, _, text = chosen.partition(":")
    tiny, full = program.arguments(program.tiny), program.arguments(program.size)
    columns = [*own_columns(program), *hand_columns(program)]
    if name in RIVALS:
        columns = rival_columns(program, full, name)
    column = next(c for c in columns if (c.name, c.text) == (name, text))
    column.time(tiny)
    own = column.prepare(full)
    call = column.ready(*own) if column.ready else partial(column.call, *own)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what a compiler left is no one's to reuse
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = _status("VmRSS")
    call()
    return max(0.0, _status("VmHWM") - before)


def _status(key: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith(key)) / 1024.0


def main() -> None:
    """Measure one program and print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=PROGRAMS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rivals", default="", help=f"of {', '.join(RIVALS)}")
    parser.add_argument("--memory", metavar="COLUMN", help="measure its peak instead")
    options = parser.parse_args()
    program = PROGRAMS[options.name]
    if options.memory:
        print(json.dumps({"mb": growth(program, options.memory)}))
        return
    start_numba()
    measurement = Measurement(program, program.size)
    rivals = [rival for rival in options.rivals.split(",") if rival]
    columns, missing = all_columns(program, measurement.arguments, rivals)
    for column in columns:
        measurement.verify(column)
    measurement.time(options.rounds)
    about = {"name": program.name, "family": program.family, "size": program.size}
    made = {**about, "stencil": program.stencil, "missing": missing}
    print(json.dumps({**made, "columns": measurement.records}))


if __name__ == "__main__":
    main()
