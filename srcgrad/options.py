"""What a user may choose, checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from srcgrad.errors import make_error

__all__ = ["CacheInfo", "Options", "make_options"]

_BACKENDS = ("auto", "numba", "python")
# Names that the interface promises and what they may be until they do more.
_NOT_YET: dict[str, tuple[Any, ...]] = {
    "memory_budget": (None,), "parallel": (False,), "fastmath": (False,),
    "boundscheck": (None,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose."""

    argnums: int | tuple[int, ...] = 0
    argnames: tuple[str, ...] = ()
    has_aux: bool = False
    backend: str = "auto"
    cache: bool = True
    check_nan: bool = False


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a function keeps in memory: kinds of arguments, and who runs them."""

    specializations: int
    backend: str


def make_options(values: dict[str, Any]) -> Options:
    """Return checked options.

    Raises:
        ArgumentError: An option is unknown, or has a value that it cannot have.
    """
    values = dict(values)
    for name, allowed in _NOT_YET.items():
        if name in values and values.pop(name) not in allowed:
            raise make_error(
                "SG306", f"the option `{name}` is not available yet",
                helps=("leave it out",),
            )  # fmt: skip
    known = {f.name for f in fields(Options)}
    unknown = sorted(values.keys() - known)
    if unknown:
        options = ", ".join(f"`{n}`" for n in sorted(known))
        helps = (f"the options are {options}",)
        raise make_error("SG306", f"there is no option `{unknown[0]}`", helps=helps)
    names = values.get("argnames")
    values["argnames"] = (names,) if isinstance(names, str) else tuple(names or ())
    numbers = values.get("argnums", 0)
    if names and numbers in (0, None):
        numbers = ()  # names instead of positions, not beside the default one
    values["argnums"] = _positions(numbers)
    backend = values.get("backend", "auto")
    if backend not in _BACKENDS:
        raise make_error(
            "SG306", f"there is no backend {backend!r}",
            helps=("backends are 'auto', 'numba' and 'python'",),
        )  # fmt: skip
    return Options(**values)


def _positions(argnums: Any) -> int | tuple[int, ...]:
    numbers = argnums if isinstance(argnums, tuple | list) else (argnums,)
    for k in numbers:
        if isinstance(k, bool) or not isinstance(k, int | np.integer):
            helps = ("positions are ints; names go into `argnames`",)
            raise make_error("SG303", f"argnums is {argnums!r}", helps=helps)
    plain = tuple(int(k) for k in numbers)
    return plain if isinstance(argnums, tuple | list) else plain[0]
