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
from srcgrad.trees import Known, Node, Tree, is_float_leaf, opened

Values = dict[str, Any]
Specs = dict[str, Tree]
_STARRED = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}


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
        kept = map(id, (f.__kwdefaults__ or {}).values())
        return f.__code__, id(f.__defaults__), id(f.__kwdefaults__), *kept

    @property
    def stale(self) -> bool:
        """Whether a reload has changed the function in place."""
        return self._present() != self._state

    @property
    def starred(self) -> bool:
        """Whether a parameter takes any number of arguments."""
        return not _STARRED.isdisjoint(self.kinds.values())

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
            if kind in _STARRED:
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
        kinds = ((n, self.kinds[n.partition("[")[0]]) for n in self.spread(trees))
        return [n for n, k in kinds if k is not k.VAR_KEYWORD][len(self.held) :]

    def chosen(self, trees: Values, options: Options) -> tuple[str, ...]:
        """Return the names of the arguments that `argnums` and `argnames` choose."""
        names, known = self.positional(trees), self.spread(trees)
        function, helps = self.function.__name__, list[str]()
        wanted: list[str] = []
        what, numbers = "", options.argnums
        for k in (numbers,) if isinstance(numbers, int) else numbers:
            if -len(names) <= k < len(names):
                wanted.append(names[k])
            else:
                count = f"{len(names)} argument{'s' * (len(names) != 1)}"
                what = f"argnums {k} is out of range: `{function}` takes {count}"
        for name in options.argnames:
            inner = [full for full in known if full.endswith(f"[{name}]")]
            if name in known or (inner and not name.isdecimal()):
                wanted.append(name if name in known else inner[0])
            else:
                whole = [n for n in known if "[" not in n]
                takes = f"it takes {', '.join(f'`{n}`' for n in whole)}"
                helps = [*suggest(name, whole), *[takes] * bool(whole)]
                what = f"`{function}` has no argument `{name}`"
        for name in wanted:
            if wanted.count(name) > 1:
                what = f"`{name}` is chosen twice by argnums and argnames"
        if what:
            raise make_error("SG303", what, helps=helps)
        return tuple(wanted)

    def floats(self, specs: Specs, names: Sequence[str]) -> Specs:
        """Return specs where the ints among the named arguments count as floats."""

        def change(name: str, spec: Tree) -> Tree:
            if name not in names or isinstance(spec, Node) or is_float_leaf(spec):
                return spec
            what, help = "", "choose other arguments with argnums or argnames"
            match spec:
                case ("scalar", "bool", _):
                    what = "bool"
                case ("scalar", _, python):
                    return ("scalar", "float64", python)
                case ("array", "generator", *_):
                    what, help = "a Generator", "choose other arguments with argnums"
                case ("array", dtype, *_):
                    of = "booleans" if dtype == "bool" else "integers"
                    what, help = f"an array of {of}", f"pass `{name}.astype(float)`"
                case ("static", Known(value=bool() | str() | None as value)):
                    what = "None" if value is None else type(value).__name__
                case _:
                    return spec
            raise make_error(
                "SG301", f"`{name}` is {what}: it has no gradient", helps=(help,),
                function=self.function.__name__, names=names,
            )  # fmt: skip

        return self.each(specs, change)
