"""What the bridges ask of a function: its value and chosen gradients, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.optim.parameters import Path, beside, shown_path
from srcgrad.optim.problem import as_differentiated
from srcgrad.results import tree_copy
from srcgrad.trees import tree_map
from srcgrad.types import is_complex

Pullback = Callable[[Any], Sequence[Any]]


class Bridged:
    """A function whose gradient goes to another framework.

    It takes numbers for arrays of rank 0, and changes no argument.
    """

    def __init__(self, f: Any) -> None:
        """Take a plain function, or one behind any door: its value counts."""
        self._function = as_differentiated(f, has_aux=False)
        self._doors: dict[tuple[int, ...], Differentiated] = {}
        self._known: dict[Any, tuple[str, bool]] = {}
        self.name = self._function.__name__

    def value(self, args: Sequence[Any]) -> Any:
        """Return the value."""
        return self._function.value(*self._own(args))

    def scalar(self, args: Sequence[Any]) -> str:
        """Return the dtype of the result if it is one float, else ""."""
        return self._about(args)[0]

    def _about(self, args: Sequence[Any]) -> tuple[str, bool]:
        """Return `scalar`, and whether the function writes into arguments."""
        kinds = tuple(_kinds(args))
        if kinds not in self._known:
            for path, x in leaves(tuple(args)):
                if np.iscomplexobj(x):
                    where = shown_path("arguments", path)
                    raise TypeError(f"{where} is complex: pass its parts, as reals")
            made = self._function.find(self._function.bind(args, {}, ()))
            form, results = made.reading.result, made.reading.function.results
            if any(is_complex(r.type) for r in results):
                raise TypeError(f"{self.name} returns complex numbers: return reals")
            one = form[0] == "leaf" and len(form) == 2 and not results[0].type.rank
            dtype = str(results[0].type.dtype) if one else ""
            scalar = dtype if dtype.startswith("float") else ""
            self._known[kinds] = scalar, bool(made.reading.written)
        return self._known[kinds]

    def _own(self, args: Sequence[Any]) -> Sequence[Any]:
        """Return arguments that may be written into, if the function does so."""
        if not self._about(args)[1]:
            return args

        def own(x: Any) -> Any:
            return np.array(x) if isinstance(x, np.ndarray) else x

        return tuple(tree_map(own, x) for x in args)

    def value_and_grads(
        self, args: Sequence[Any], chosen: tuple[int, ...]
    ) -> tuple[Any, Sequence[Any]]:
        """Return a scalar and its gradients with respect to arguments by position."""
        if chosen not in self._doors:
            options: dict[str, Any] = {"argnums": chosen, "argnames": ()}
            self._doors[chosen] = as_differentiated(self._function, **options)
        value, grads = self._doors[chosen].value_and_grad(*self._own(args))
        return value, grads

    def forward(
        self, args: Sequence[Any], wanted: Sequence[bool]
    ) -> tuple[Any, Pullback]:
        """Return any result, and what maps its cotangents to those of all leaves.

        Args:
            args: The arguments, trees of numbers and arrays.
            wanted: Whether each of their leaves needs a cotangent.
        """
        found = leaves(tuple(args))
        tops = [_top(path) for path, _ in found]
        floats = [w and is_float(x) for w, (_, x) in zip(wanted, found, strict=True)]
        chosen = tuple(sorted({k for k, own in zip(tops, floats, strict=True) if own}))
        if not chosen:
            return self.value(args), lambda _: [None] * len(found)
        grads: list[Any] = [None] * len(args)
        if self.scalar(args):
            value, slopes = self.value_and_grads(args, chosen)
            for k, slope in zip(chosen, slopes, strict=True):
                grads[k] = slope

            def scaled(g: Any) -> list[Any]:
                each = [None] * len(found) if g is None else _flat(args, grads)
                return [
                    x if x is None else np.multiply(x, g, dtype=x.dtype) for x in each
                ]

            return value, scaled
        value, pullback = self.vjp(args)
        return value, lambda g: _flat(args, pullback(g))

    def vjp(self, args: Sequence[Any]) -> tuple[Any, Pullback]:
        """Return any result, and what maps cotangents to those of the arguments."""
        value, pullback = self._function.vjp(*self._own(args))
        # A result may be an argument, whose memory belongs to someone else.
        return tree_copy(value), pullback


def _flat(args: Sequence[Any], grads: Sequence[Any]) -> list[Any]:
    """Return the leaves of gradients in the order of those of the arguments."""
    both = beside(tuple(args), [tuple(grads)], ["arguments", "gradients"])
    return [x for _, _, (x,) in both]


def _top(path: Path) -> int:
    """Return the position of the argument that a leaf is in."""
    while path[0]:
        path = path[0]
    return int(path[2])


def _kinds(args: Sequence[Any]) -> Iterator[Any]:
    for path, x, _ in beside(tuple(args), (), [""]):
        array = isinstance(x, np.ndarray | np.generic)
        if array:
            yield path, x.dtype.char, tuple(n == 1 for n in x.shape)
        else:
            yield path, type(x), x if isinstance(x, str | bool) else None


def as_number(x: Any) -> Any:
    """Return an array; one of rank 0 as the number that it holds."""
    x = np.asarray(x)
    return x if x.ndim else x[()]


def is_float(x: Any) -> bool:
    """Tell whether an array or number has a gradient."""
    return isinstance(x, float) or getattr(x, "dtype", np.dtype(bool)).kind == "f"


def leaves(tree: Any) -> list[tuple[Path, Any]]:
    """Return the leaves of a tree with their paths."""
    return [(path, x) for path, x, _ in beside(tree, (), [""])]
