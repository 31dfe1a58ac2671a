"""Tell which functions are known, from the table: `supported`.

>>> from srcgrad import supported
>>> print(supported("np.tanh"))
np.tanh(x)
>>> print(supported("np.half"))
np.half is not known: there is no fast arithmetic for it: use float64 or float32
"""

from __future__ import annotations

import contextlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, overload

from srcgrad.errors import suggest
from srcgrad.frontend import build  # noqa: F401, it loads what reads functions
from srcgrad.frontend.library import (
    OTHERWISE,
    by_identity,
    meanings,
    row_signature,
    signature_of,
)
from srcgrad.frontend.values import Static, Tuple
from srcgrad.ir import Const
from srcgrad.ops.table import Row
from srcgrad.ops.unsupported import UNSUPPORTED

_HEAD = """\
# What is supported

Written by `python -m srcgrad supported --markdown` from the table of operations. All
arguments that are listed are known, but for values that NumPy itself refuses and those
that an error names. What is not listed is refused where it could change a gradient.\
"""
# How users write modules.
_SHORT = {"numpy": "np", "numba.misc.special": "numba"}


@dataclass(frozen=True)
class Supported:
    """What is known of one function or method; it is true where that is something.

    Attributes:
        name: as it is written: `np.sum`, `math.sin`, `x.sum` for a method.
        parameters: what it takes, with defaults: "(a, axis=None)"; empty if not known.
        reason: why it is not known, or what was probably meant.
    """

    name: str
    parameters: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        if self:
            return f"{self.name}{self.parameters}"
        return f"{self.name} is not known: {self.reason}"


@overload
def supported(name: None = None) -> tuple[Supported, ...]: ...
@overload
def supported(name: str | Callable[..., Any]) -> Supported: ...
def supported(
    name: str | Callable[..., Any] | None = None,
) -> Supported | tuple[Supported, ...]:
    """Tell whether a function has a derivative here, and with which arguments.

    Args:
        name: a function, or its name: `np.sum`, `"np.linalg.norm"`, `"math.sin"`,
            `"x.sum"` for a method of arrays. Without one, all that are listed.

    Returns:
        What is known of it, which is false if that is nothing; without a name a tuple,
        by module and name, of all that are known and then of those known not to be.

    Example:
        >>> bool(supported("np.sin")), bool(supported("np.half"))
        (True, False)
        >>> print(supported("np.tahn"))
        np.tahn is not known: did you mean `np.tan` or `np.tanh`?
    """
    if name is None:
        names = [*sorted(filter(_public, meanings())), *sorted(UNSUPPORTED)]
        return tuple(_entry(name) for name in names)
    if not isinstance(name, str):
        module = getattr(name, "__module__", None) or "numpy"  # ufuncs have none
        name = f"{module}.{getattr(name, '__name__', name)}"
    return _entry(_full(name.removesuffix("()")))


def as_markdown() -> str:
    """Return the catalogue as a page: what is known by module, then what is not."""
    entries, lines = supported(), [_HEAD]
    homes = {entry.name.rpartition(".")[0] for entry in entries if entry}
    for home in sorted(homes):
        title = {"": "Python", "x": "Methods of arrays"}.get(home, f"`{home}`")
        own = [e for e in entries if e and e.name.rpartition(".")[0] == home]
        lines += [f"\n## {title}\n", *(f"- `{e}`" for e in own)]
    lines += ["\n## Not known\n"]
    lines += [f"- `{e.name}`: {e.reason}" for e in entries if not e]
    return "\n".join(lines) + "\n"


def _entry(full: str) -> Supported:
    """Return what is known of a function by its full name."""
    known, shown = meanings(), _shown(full)
    _, _, meaning = by_identity().get(id(_object(full)), (None, "", known.get(full)))
    if meaning is not None:
        return Supported(shown, _parameters(meaning, full))
    names = [_shown(n) for n in filter(_public, known)]
    near = [n for n in names if n.rpartition(".")[0] == shown.rpartition(".")[0]]
    guess = (*suggest(shown, near), *suggest(shown, names), OTHERWISE)[0]
    return Supported(shown, reason=UNSUPPORTED.get(full, guess))


def _object(full: str) -> Any:
    """Return a function of the library by its full name, None if there is none."""
    home = full.rpartition(".")[0]
    with contextlib.suppress(AttributeError, ImportError):
        if home and not home.startswith("srcgrad"):
            return pkgutil.resolve_name(":".join(full.rsplit(".", 1)))
    return None


def _public(full: str) -> bool:
    """Tell whether users have a function: some are our own, some of a later NumPy."""
    return full[0] == "." or _object(full) is not None


def _shown(full: str) -> str:
    """Return a name as it is written in a program."""
    home, _, last = full.rpartition(".")
    if full[0] == ".":
        return f"x.{last}"
    for long, short in _SHORT.items():
        home = re.sub(rf"^{long}\b", short, home)
    return f"{home}.{last}".removeprefix("builtins.").lstrip(".")


def _full(name: str) -> str:
    """Return the name under which a function is looked up."""
    home, _, last = name.rpartition(".")
    if not home and f"builtins.{last}" in meanings():
        return f"builtins.{last}"
    if home in ("x", "ndarray", "np.ndarray", "numpy.ndarray"):
        return f".{last}"
    first, _, rest = name.partition(".")
    return f"numpy.{rest}" if first == "np" else name


def _parameters(meaning: Any, full: str) -> str:
    """Return what is taken, as text; by a method without what it is called on."""
    row = meaning if isinstance(meaning, Row) else None
    signature = row_signature(row.name, True) if row else signature_of(meaning)
    shown = []
    for name, p in signature.parameters.items():
        if row and row.sequence and p.kind is p.VAR_POSITIONAL:
            p = p.replace(kind=p.POSITIONAL_OR_KEYWORD)  # they come as one list
        if p.default is not p.empty:
            default = row.attrs.get(name) if row else p.default
            p = p.replace(default=_Default(_plain(default)))
        shown.append(p.replace(annotation=p.empty))
    return str(inspect.Signature(shown[full[0] == "." :]))


class _Default:
    """A default as the user would write it."""

    def __init__(self, value: Any) -> None:
        self.text = value.__name__ if isinstance(value, type) else repr(value)
        if type(value) is object:  # it stands for an argument that is not given
            self.text = "..."

    def __repr__(self) -> str:
        return self.text


def _plain(thing: Any) -> Any:
    """Return the value of what the frontend knows while compiling."""
    if isinstance(thing, Tuple):
        return tuple(_plain(item) for item in thing.items)
    return thing.value if isinstance(thing, Static | Const) else thing
