"""What a user may choose, checked."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from srcgrad.errors import make_error, suggest

# Names that the interface promises and what they must be until they do more.
_LATER: dict[str, Any] = {"memory_budget": None, "parallel": False}


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
    boundscheck: bool | None = None

    @property
    def runner(self) -> str:
        """The backend that runs: "numba", or "python" where Numba is absent."""
        return _installed() if self.backend == "auto" else self.backend

    @property
    def flags(self) -> dict[str, bool]:
        """What was chosen for the kernel."""
        return {"fastmath": self.fastmath, "boundscheck": bool(self.boundscheck)}

    @property
    def single(self) -> bool:
        """Whether one argument was asked for, not a tuple of them."""
        if self.argnames:
            return self.argnums == () and len(self.argnames) == 1
        return isinstance(self.argnums, int)


class CacheInfo(NamedTuple):
    """What a function keeps in memory: kinds of arguments, and who runs them."""

    specializations: int
    backend: str


def make_options(values: dict[str, Any]) -> Options:
    """Return checked options.

    Raises:
        ArgumentError: An option is unknown, or has a value that it cannot have.
    """
    values = dict(values)
    for name, allowed in _LATER.items():
        if values.pop(name, allowed) != allowed:
            raise _unknown(f"the option `{name}` is not available yet", "leave it out")
    known = [f.name for f in fields(Options)]
    for name in sorted(values.keys() - known):
        options = ", ".join(f"`{option}`" for option in sorted(known))
        helps = *suggest(name, known), f"the options are {options}"
        raise _unknown(f"there is no option `{name}`", *helps)
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
    backend = values.get("backend", "auto")
    if backend not in ("auto", "numba", "python"):
        backends = "backends are 'auto', 'numba' and 'python'"
        raise _unknown(f"there is no backend {backend!r}", backends)
    if values.get("boundscheck") is False:
        what = "`boundscheck=False` is not available yet"
        raise _unknown(what, "leave it out: what is certain is checked once already")
    return Options(**values)


def _unknown(what: str, *helps: str) -> Exception:
    return make_error("SG306", what, helps=helps)


@functools.cache
def _installed() -> str:
    return "numba" if importlib.util.find_spec("numba") else "python"
