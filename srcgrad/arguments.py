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

<<<<<<< HEAD

def default_names(
    signature: inspect.Signature, args: tuple[Any, ...]
) -> tuple[str, ...]:
    """Return the names of the arguments that are given by position."""
    values = signature.bind_partial(*args).arguments
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            values.setdefault(name, ())
    return tuple(_names(signature, values)[: len(args)])


def option_names(
    signature: inspect.Signature, values: dict[str, Any], options: Any, function: str
) -> tuple[str, ...]:
    """Return the names of the arguments that `argnums` and `argnames` choose.

    Raises:
        ArgumentError: There is no such argument.
    """
    names = _names(signature, values)
    argnums = options.argnums
    wanted: list[str] = []
    for k in (argnums,) if isinstance(argnums, int) else argnums:
        if not -len(names) <= k < len(names):
            raise make_error(
                "SG303", f"argnums {k} is out of range: `{function}` takes "
                f"{len(names)} argument{'s' * (len(names) != 1)}",
            )  # fmt: skip
        wanted.append(names[k])
    for name in options.argnames:
        wanted.append(_named(signature, values, name, function))
    if len(set(wanted)) < len(wanted):
        twice = next(n for n in wanted if wanted.count(n) > 1)
        raise make_error("SG303", f"`{twice}` is chosen twice by argnums and argnames")
    return tuple(wanted)


def _named(
    signature: inspect.Signature, values: dict[str, Any], name: str, function: str
) -> str:
    parameter = signature.parameters.get(name)
    if parameter is not None and parameter.kind not in _VARIADIC:
        return name
    for key, other in signature.parameters.items():
        if other.kind is inspect.Parameter.VAR_KEYWORD and name in values[key]:
            return f"{key}[{name}]"
    plain = [n for n, p in signature.parameters.items() if p.kind not in _VARIADIC]
    raise make_error(
        "SG303", f"`{function}` has no argument `{name}`",
        helps=(f"it takes {', '.join(f'`{n}`' for n in plain)}",) if plain else (),
    )  # fmt: skip


# leaves


def clean(values: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with arrays in native byte order.

    Raises:
        ArgumentError: A leaf is complex, or an array of something that is no number.
    """
    return {name: _clean(value, name) for name, value in values.items()}


def _clean(value: Any, name: str) -> Any:
    kind = type(value)
    if kind is float or kind is int:
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _clean_array(value, name)
    if isinstance(value, complex):
        raise _complex(name)
    if isinstance(value, tuple | list | dict) or hasattr(kind, "__dataclass_fields__"):
        return tree_map(lambda v: _clean(v, name), value)
    return value


def _clean_array(value: Any, name: str) -> Any:
    dtype = value.dtype
    if dtype.kind == "c":
        raise _complex(name)
    if dtype.kind in _REFUSED_KINDS:
        raise make_error(
            "SG305", f"`{name}` holds {_REFUSED_KINDS[dtype.kind]}, not numbers",
            helps=("pass numbers; what only chooses a way can be a str or bool",),
        )  # fmt: skip
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        raise make_error(
            "SG305",
            f"`{name}` has dtype {dtype}",
            helps=(f"pass `{name}.astype(float)`",),
=======
    @property
    def simple(self) -> bool:
        """Whether every argument of a call is one parameter, given by position."""
        plain = (
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
>>>>>>> 8bc95e3 (One tree for arguments and results; objects are read at each call; shared memory is refused)
        )
        named = all(kind in plain for kind in self._kinds.values())
        return named and not self.held and not self._kept

    def bind(self, args: tuple[Any, ...], kwargs: Values) -> Values:
        """Return the arguments of a call by name, defaults included.

        Raises:
            TypeError: Python would refuse the call.
        """
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
        """Return the names of the arguments that `argnums` and `argnames` choose.

        Raises:
            ArgumentError: There is no such argument.
        """
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
    """Take the ints among the named arguments as floats.

    Raises:
        ArgumentError: A named argument is an array of integers, or holds no float.
    """
    about: Values = {"function": function, "names": names}
    for name in names:
        value = values[name]
        if isinstance(value, bool | np.bool_ | str) or value is None:
            kind = "None" if value is None else type(value).__name__
<<<<<<< HEAD
            raise make_error(
                "SG301", f"`{name}` is {kind}: it has no gradient",
                helps=("choose other arguments with argnums or argnames",),
                function=function, names=names,
            )  # fmt: skip
=======
            what = f"`{name}` is {kind}: it has no gradient"
            raise make_error("SG301", what, **about)
>>>>>>> 8bc95e3 (One tree for arguments and results; objects are read at each call; shared memory is refused)
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
