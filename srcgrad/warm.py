"""backend="warm": CPython computes until a compile in the background is done.

The readable text and the kernel are written from the same IR: a second specialisation,
which differs in its backend only, takes over once its kernel is compiled. Compiles run
one after the other. None begins while the interpreter shuts down, which waits for the
one that runs. What goes wrong becomes one warning, and CPython goes on.
"""

from __future__ import annotations

import importlib.util
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from srcgrad.specialise import Program, Specialisation

_TURN = threading.Lock()


@dataclass(eq=False)
class Job:
    """The compile of one kernel; `flaw` is why there is none, until it is told."""

    done: threading.Event = field(default_factory=threading.Event)
    flaw: str = ""
    compiled: bool = False


def best(
    made: Specialisation, program: Program, raw: Sequence[Any], wait: bool = False
) -> Specialisation:
    """Return what runs a program for leaves like these: the compiled one if it can.

    The first call begins the compile; with `wait` it is done on return.
    """
    fast: Specialisation | None = made.made.get(("compiled",))
    if fast is None:
        shared = {k: x for k, x in list(made.made.items()) if k[0] != "code"}
        options = replace(made.options, backend="numba")
        mine = replace(made, options=options, made=shared)
        fast = made.made.setdefault(("compiled",), mine)
    new = Job()
    job = made.made.setdefault(("job", program.function), new)
    if job is new:
        given = job, fast, program, list(raw)
        if importlib.util.find_spec("numba") and threading.main_thread().is_alive():
            threading.Thread(target=_work, args=given, name="srcgrad warm").start()
        else:
            job.done.set()
    if wait:
        job.done.wait()
    if job.done.is_set() and job.flaw:
        what = f"`{made.source.name}` stays with CPython: {job.flaw}"
        job.flaw = ""
        warnings.warn(what, RuntimeWarning, stacklevel=5)
    return fast if job.compiled else made


def _work(job: Job, fast: Specialisation, program: Program, raw: list[Any]) -> None:
    with _TURN:
        try:
            if threading.main_thread().is_alive():
                fast.compile(program, raw)
                job.compiled = True
        except Exception as error:
            job.flaw = str(error) or type(error).__name__
        finally:
            job.done.set()
