"""What a user may choose, checked."""

from __future__ import annotations

import functools
import importlib.util
import re
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from srcgrad.errors import make_error, suggest


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose."""

    argnums: int | tuple[int, ...] = 0
    argnames: tuple[str, ...] = ()
    has_aux: bool = False
    backend: str = "auto"
    cache: bool = True
    check_nan: bool = False
    fastmath: bool = False
    parallel: bool = False
    boundscheck: bool | None = None
    memory_budget: int | None = None

    @property
    def runner(self) -> str:
        """The backend that runs: "numba", or "python" where Numba is absent."""
        return _installed() if self.backend == "auto" else self.backend

    @property
    def flags(self) -> dict[str, bool]:
        """What was chosen for the kernel; its text says what threads run."""
        return {"fastmath": self.fastmath, "boundscheck": bool(self.boundscheck)}

    @property
    def single(self) -> bool:
        """Whether one argument was asked for, not a tuple of them."""
        alone = self.argnums == () and len(self.argnames) == 1
        return alone if self.argnames else isinstance(self.argnums, int)


class CacheInfo(NamedTuple):
    """What a function keeps in memory: kinds of arguments, and who runs them."""

    specializations: int
    backend: str


_KNOWN = [f.name for f in fields(Options)]
_RUNNING = [n for n in _KNOWN if n not in ("argnums", "argnames", "has_aux")]
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def make_options(values: dict[str, Any]) -> Options:
    """Return checked options, or raise ArgumentError."""
    values, wrong = dict(values), list[str]()
    for name in sorted(values.keys() - _KNOWN):
        options = ", ".join(f"`{option}`" for option in sorted(_KNOWN))
        wrong = [f"there is no option `{name}`", *suggest(name, _KNOWN)]
        wrong.append(f"the options are {options}")
    if values.get("backend", "auto") not in ("auto", "numba", "python", "warm"):
        wrong = [f"there is no backend {values['backend']!r}"]
        wrong.append("backends are 'auto', 'numba', 'python' and 'warm'")
    if not isinstance(values.get("parallel", False), bool):
        wrong = [f"`parallel` is {values['parallel']!r}", "it is True or False"]
    if values.get("boundscheck") is False:
        wrong = ["`boundscheck=False` is not available yet"]
        wrong.append("leave it out: what is certain is checked once already")
    if wrong:
        raise make_error("SG306", wrong[0], helps=wrong[1:])
    names, numbers = values.get("argnames"), values.get("argnums", 0)
    if names and numbers in (0, None):
        numbers = ()  # names instead of positions, not beside the default one
    values["argnames"] = (names,) if isinstance(names, str) else tuple(names or ())
    several = isinstance(numbers, tuple | list)
    for k in numbers if several else (numbers,):
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            helps = ("positions are ints; names go into `argnames`",)
            raise make_error("SG303", f"argnums is {numbers!r}", helps=helps)
    values["argnums"] = tuple(map(int, numbers)) if several else int(numbers)
    values["memory_budget"] = _bytes(values.get("memory_budget"))
    return Options(**values)


def inherited(fun: Any, values: dict[str, Any]) -> Options:
    """Return checked options; how to run is as a function is run, if it says so."""
    found: Options | None = getattr(fun, "options", None)
    known = {} if found is None else {name: getattr(found, name) for name in _RUNNING}
    return make_options({**known, **values})


def _bytes(size: Any) -> int | None:
    """Return a size in bytes, as a number or as text like '64MB'."""
    number, factor = size, 1
    if isinstance(size, str):
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]i?B|B)", size)
        number = float(found[1]) if found else None
        factor = _UNITS[found[2]] if found else 1
    elif isinstance(size, bool) or not isinstance(size, int | np.integer):
        number = None
    if size is not None and (number is None or number < 0):
        helps = ("a number of bytes, or text like '64MB', '1.5GB' or '512KiB'",)
        raise make_error("SG306", f"memory_budget is {size!r}", helps=helps)
    return None if size is None else int(number * factor)


@functools.cache
def _installed() -> str:
    return "numba" if importlib.util.find_spec("numba") else "python"
