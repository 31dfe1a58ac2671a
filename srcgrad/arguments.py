"""Bind the arguments of a call, choose among them, and check them.

Values and specs are kept by parameter. Each item of `*args` and `**kwargs` is an
argument of its own, called `args[0]` or `kwargs[scale]`.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.errors import make_error, suggest
from srcgrad.options import Options
from srcgrad.source import FunctionSource
from srcgrad.trees import Node, Tree, is_float_leaf, opened

Values = dict[str, Any]
Specs = dict[str, Tree]


class Signature:
    """The parameters of a function, and the arguments that a partial or method holds.

    Attributes:
        source: The function.
        kinds: The kind of each parameter.
        held: The positional arguments that a method or partial holds.
        kept: Its keyword arguments.
    """

    def __init__(
        self, source: FunctionSource, held: Sequence[Any] = (), kept: Any = None
    ) -> None:
        """Read a signature; `held` and `kept` come before the arguments of a call."""
        self.source, self.function = source, source.function
        self.held, self.kept = tuple(held), dict(kept or {})
        self._whole, self._state = inspect.signature(self.function), self._present()
        self.kinds = {name: p.kind for name, p in self._whole.parameters.items()}

    def _present(self) -> tuple[Any, ...]:
        f = self.function
        return f.__code__, id(f.__defaults__), id(f.__kwdefaults__)

    @property
    def stale(self) -> bool:
        """Whether a reload has changed the function in place."""
        return self._present() != self._state

    @property
    def simple(self) -> bool:
        """Whether every argument of a call is one parameter, given by position."""
        named = not any(map(_is_starred, self.kinds.values()))
        return named and not self.held and not self.kept

    def bind(self, args: Sequence[Any], kwargs: Values) -> Values:
        """Return the arguments of a call by parameter, defaults included."""
        args, kwargs = (*self.held, *args), {**self.kept, **kwargs}
        try:
            bound = self._whole.bind(*args, **kwargs)
        except TypeError:
            self.function(*args, **kwargs)  # Python itself says what is wrong
            raise
        bound.apply_defaults()
        return bound.arguments

    def call(self, values: Values) -> Any:
        """Run the function itself on arguments by parameter."""
        bound = inspect.BoundArguments(self._whole, OrderedDict(values))
        return self.function(*bound.args, **bound.kwargs)

    def each(self, trees: Values, change: Callable[[str, Any], Any]) -> Values:
        """Return trees by parameter, each argument in them changed."""
        found: Values = {}
        for name, kind in self.kinds.items():
            tree = trees[name]
            if _is_starred(kind):
                node = tree if isinstance(tree, Node) else opened(tree)
                assert node is not None
                pairs = zip(node.keys, node.items, strict=True)
                items = tuple(change(f"{name}[{k}]", item) for k, item in pairs)
                found[name] = node._replace(items=items)
            else:
                found[name] = change(name, tree)
        return found

    def spread(self, trees: Values) -> Values:
        """Return trees by argument."""
        found: Values = {}
        self.each(trees, found.setdefault)
        return found

    def positional(self, trees: Values) -> list[str]:
        """Return the names of the arguments that have a position in a call."""
        named = inspect.Parameter.VAR_KEYWORD
        names = self.spread(trees)
        found = [n for n in names if self.kinds[n.partition("[")[0]] is not named]
        return found[len(self.held) :]

    def chosen(self, trees: Values, options: Options) -> tuple[str, ...]:
        """Return the names of the arguments that `argnums` and `argnames` choose."""
        names, function = self.positional(trees), self.function.__name__
        wanted: list[str] = []
        numbers = options.argnums
        for k in (numbers,) if isinstance(numbers, int) else numbers:
            if not -len(names) <= k < len(names):
                count = f"{len(names)} argument{'s' * (len(names) != 1)}"
                what = f"argnums {k} is out of range: `{function}` takes {count}"
                raise make_error("SG303", what)
            wanted.append(names[k])
        known = self.spread(trees)
        for name in options.argnames:
            inner = [full for full in known if full.endswith(f"[{name}]")]
            if name not in known and (name.isdecimal() or not inner):
                whole = [n for n in known if "[" not in n]
                takes = f"it takes {', '.join(f'`{n}`' for n in whole)}"
                helps = [*suggest(name, whole), *[takes] * bool(whole)]
                what = f"`{function}` has no argument `{name}`"
                raise make_error("SG303", what, helps=helps)
            wanted.append(name if name in known else inner[0])
        for name in wanted:
            if wanted.count(name) > 1:
                what = f"`{name}` is chosen twice by argnums and argnames"
                raise make_error("SG303", what)
        return tuple(wanted)

    def floats(self, specs: Specs, names: Sequence[str]) -> Specs:
        """Return specs where the ints among the named arguments count as floats."""

        def change(name: str, spec: Tree) -> Tree:
            if name not in names or isinstance(spec, Node) or is_float_leaf(spec):
                return spec
            kind, helps = spec[0], ("choose other arguments with argnums or argnames",)
            value = spec[1].value if kind == "static" else None
            if kind == "scalar" and spec[1] != "bool":
                return ("scalar", "float64", *spec[2:])
            if kind == "array":
                of = "booleans" if spec[1] == "bool" else "integers"
                what, helps = f"an array of {of}", (f"pass `{name}.astype(float)`",)
            elif kind == "scalar" or isinstance(value, bool | str):
                what = "bool" if kind == "scalar" else type(value).__name__
            elif value is None:
                what = "None"
            else:
                return spec
            raise make_error(
                "SG301", f"`{name}` is {what}: it has no gradient", helps=helps,
                function=self.function.__name__, names=names,
            )  # fmt: skip

        return self.each(specs, change)


def _is_starred(kind: Any) -> bool:
    return kind in (kind.VAR_POSITIONAL, kind.VAR_KEYWORD)
