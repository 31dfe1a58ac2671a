"""Bind the arguments of a call, choose among them, and check them.

Arguments are kept by name. Each item of `*args` and `**kwargs` is an argument of its
own, called `args[0]` or `kwargs[scale]`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from srcgrad.errors import make_error, suggest
from srcgrad.options import Options
from srcgrad.trees import Node, Tree, is_float_leaf, leaves, opened

__all__ = ["Signature", "as_floats", "float_parameters", "named_leaves", "state_of"]

Values = dict[str, Any]


class Signature:
    """The parameters of a function, and the arguments that a partial or method holds.

    Attributes:
        name: The name of the function, for messages.
        held: The arguments that a method or partial holds.
        state: What of the function a reload may change in place.
    """

    def __init__(
        self, function: FunctionType, held: Sequence[Any] = (), kept: Any = None
    ) -> None:
        """Read a signature; `held` and `kept` come before the arguments of a call."""
        self.name, self.state = function.__name__, state_of(function)
        self.held, self._kept = tuple(held), dict(kept or {})
        parameters = inspect.signature(function).parameters
        self._kinds = {name: p.kind for name, p in parameters.items()}
        # Python itself binds: to a function that returns its arguments.
        shown = [
            p.replace(
                annotation=p.empty, default=p.empty if p.default is p.empty else None
            )
            for p in parameters.values()
        ]
        out = "".join(f"{name}, " for name in parameters)
        text = f"def bind{inspect.Signature(shown)}: return ({out})"
        space: Values = {}
        exec(text, space)
        self._bind = space["bind"]
        self._bind.__qualname__ = getattr(function, "__qualname__", self.name)
        self._bind.__defaults__ = function.__defaults__
        self._bind.__kwdefaults__ = function.__kwdefaults__

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(self._kinds)

    @property
    def simple(self) -> bool:
        """Whether every argument of a call is one parameter, given by position."""
        named = all(k < k.VAR_POSITIONAL for k in self._kinds.values())
        return named and not self.held and not self._kept

    def bind(self, args: tuple[Any, ...], kwargs: Values) -> Values:
        """Return the arguments of a call by name, defaults included."""
        found = self._bind(*self.held, *args, **{**self._kept, **kwargs})
        return dict(self.spread(dict(zip(self._kinds, found, strict=True))))

    def spread(self, values: Values) -> Iterator[tuple[str, Any]]:
        """Yield the arguments by name; `values` has one item for each parameter."""
        for name, kind in self._kinds.items():
            if kind in (kind.VAR_POSITIONAL, kind.VAR_KEYWORD):
                value = values[name]
                node = value if isinstance(value, Node) else opened(value)
                assert node is not None
                pairs = zip(node.keys, node.items, strict=True)
                yield from ((f"{name}[{k}]", v) for k, v in pairs)
            else:
                yield name, values[name]

    def grouped(self, specs: dict[str, Tree]) -> dict[str, Tree]:
        """Return specs by parameter: the items of `*args` and `**kwargs` in a tree."""
        found: dict[str, Tree] = {}
        for name, kind in self._kinds.items():
            if name in specs:
                found[name] = specs[name]
                continue
            own = {n[len(name) + 1 : -1]: s for n, s in specs.items()
                   if n.startswith(f"{name}[")}  # fmt: skip
            if kind is inspect.Parameter.VAR_POSITIONAL:
                keys: tuple[Any, ...] = tuple(range(len(own)))
                found[name] = Node("tuple", None, keys, tuple(own.values()))
            else:
                found[name] = Node("dict", None, tuple(own), tuple(own.values()))
        return found

    def gathered(self, values: Values) -> tuple[list[Any], Values]:
        """Return arguments by name as what the function is called with."""
        args, kwargs = [], {}
        for name, value in values.items():
            head, _, key = name.partition("[")
            kind = self._kinds[head]
            if kind is inspect.Parameter.VAR_KEYWORD:
                kwargs[key[:-1]] = value
            elif kind is inspect.Parameter.KEYWORD_ONLY:
                kwargs[name] = value
            else:
                args.append(value)
        return args, kwargs

    def positional(self, values: Values) -> list[str]:
        """Return the names of the arguments that have a position in a call."""
        return [
            name
            for name in values
            if self._kinds[name.partition("[")[0]] is not inspect.Parameter.VAR_KEYWORD
        ][len(self.held) :]

    def chosen(self, values: Values, options: Options) -> tuple[str, ...]:
        """Return the names of the arguments that `argnums` and `argnames` choose."""
        names = self.positional(values)
        wanted: list[str] = []
        numbers = options.argnums
        for k in (numbers,) if isinstance(numbers, int) else numbers:
            if not -len(names) <= k < len(names):
                count = f"{len(names)} argument{'s' * (len(names) != 1)}"
                what = f"argnums {k} is out of range: `{self.name}` takes {count}"
                raise make_error("SG303", what)
            wanted.append(names[k])
        wanted += [self._named(values, name) for name in options.argnames]
        for name in wanted:
            if wanted.count(name) > 1:
                what = f"`{name}` is chosen twice by argnums and argnames"
                raise make_error("SG303", what)
        return tuple(wanted)

    def _named(self, values: Values, name: str) -> str:
        if name in values:
            return name
        for full in values:
            if full.endswith(f"[{name}]") and not name.isdecimal():
                return full
        known = [n for n in values if "[" not in n]
        helps = [*suggest(name, known)]
        if known:
            helps.append(f"it takes {', '.join(f'`{n}`' for n in known)}")
        what = f"`{self.name}` has no argument `{name}`"
        raise make_error("SG303", what, helps=helps)


def state_of(function: FunctionType) -> tuple[Any, ...]:
    """Return the code and default values of a function, by identity."""
    return function.__code__, id(function.__defaults__), id(function.__kwdefaults__)


def as_floats(values: Values, names: Sequence[str], function: str) -> None:
    """Take the ints among the named arguments as floats."""
    about: Values = {"function": function, "names": names}
    for name in names:
        value = values[name]
        if isinstance(value, bool | np.bool_ | str) or value is None:
            kind = "None" if value is None else type(value).__name__
            what = f"`{name}` is {kind}: it has no gradient"
            helps = ("choose other arguments with argnums or argnames",)
            raise make_error("SG301", what, helps=helps, **about)
        if isinstance(value, int):
            values[name] = float(value)
        elif isinstance(value, np.integer):
            values[name] = np.float64(value)
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iub":
            kind = "booleans" if value.dtype.kind == "b" else "integers"
            what = f"`{name}` is an array of {kind}: it has no gradient"
            helps = (f"pass `{name}.astype(float)`",)
            raise make_error("SG301", what, helps=helps, **about)


# specs by argument


def named_leaves(specs: dict[str, Tree], values: Values) -> Iterator[Any]:
    """Yield `(name, leaf, value)` for all numbers and arrays of arguments."""
    for name, spec in specs.items():
        head, _, key = name.partition("[")
        yield from leaves(spec, values[name], f"{head}.{key[:-1]}" if key else head)


def float_parameters(specs: dict[str, Tree], names: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of the parameters that are floats of the named arguments."""
    found: list[int] = []
    position = 0
    for name, spec in specs.items():
        for _, leaf, _ in leaves(spec):
            if name in names and is_float_leaf(leaf):
                found.append(position)
            position += 1
    return tuple(found)
