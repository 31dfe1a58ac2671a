"""Is what was made still right? What was compiled in, and what it is now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from srcgrad.arguments import fixed_leaves

__all__ = ["fixed_value", "fixed_values", "fresh", "holds", "shown"]


def holds(capture: Any, name: str) -> bool:
    return name in fixed_leaves({capture.leaf: capture.spec},
                                      {capture.leaf: capture.fetch()})  # fmt: skip


def fixed_value(home: Any, name: str, leaf: Callable[[str], Any]) -> Any:
    """Return the present value of a number that is compiled in."""
    if home is None:
        return leaf(name)
    return fixed_leaves({home.leaf: home.spec}, {home.leaf: home.fetch()})[name]


def fixed_values(homes: dict[str, Any], leaf: Callable[[str], Any]) -> Any:
    return tuple((name, fixed_value(home, name, leaf)) for name, home in homes.items())


def fresh(made: Any) -> bool:
    """Tell whether captured values are still of the kind they were."""
    from srcgrad.frontend.entry import spec_of

    for capture in made.reading.captures:
        if spec_of(capture.fetch()) != capture.spec:
            return False
    for source, scope, name, value in made.reading.statics:
        now = source.closure() if scope == "closure" else source.module_globals
        if now.get(name) is not value:
            return False
    return True


def shown(specs: dict[str, Any]) -> str:
    """Return kinds of arguments as text: `x: float64[:, :], n: int`."""

    def one(spec: Any) -> str:
        match spec[0]:
            case "scalar":
                return str(spec[1])
            case "array":
                return f"{spec[1]}[{', '.join('1' if n else ':' for n in spec[2])}]"
            case "static":
                return repr(spec[1])
            case "dict" | "record":
                return f"{{{', '.join(f'{k}: {one(s)}' for k, s in spec[-1])}}}"
        return f"({', '.join(one(s) for s in spec[-1])})"

    return ", ".join(f"{name}: {one(spec)}" for name, spec in specs.items())
