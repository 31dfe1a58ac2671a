"""A function of a tree of parameters as a function of one vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.optim.parameters import Path, beside, is_parameter, rebuilt
from srcgrad.options import make_options

Floats = np.ndarray[Any, np.dtype[np.float64]]


def as_differentiated(f: Any, **options: Any) -> Differentiated:
    """Return a plain function, or one behind any door, with these options."""
    if not isinstance(f, Differentiated):
        return Differentiated(f, "value", make_options(options))
    return f.with_options(**options)


class Problem:
    """A function of one vector with its derivatives; all share one evaluation.

    Attributes:
        x0: The numbers of the example, one after the other, in float64.
    """

    def __init__(
        self, f: Any, example: Any, args: tuple[Any, ...], name: str = "example"
    ) -> None:
        """Take apart an example of the first argument, which errors call `name`."""
        self._f, self._args = as_differentiated(f, argnums=0, argnames=()), args
        leaves = [(path, x) for path, x, _ in beside(example, (), [""])]
        # None for what is no parameter: it is handed on as it is.
        self._leaves = [(path, x, is_parameter(x, name, path)) for path, x in leaves]
        self._example = example
        numbers = [np.ravel(x) for _, x, own in self._leaves if own]
        if not numbers:
            what = "there is no float and no array of floats to change"
            raise TypeError(f"{name}: {what}")
        self.x0: Floats = np.concatenate(numbers).astype(np.float64)
        self._at: Floats | None = None
        self._value, self._slope = 0.0, self.x0

    def unravel(self, x: Floats) -> Any:
        """Return the tree that a vector stands for, in the dtypes of the example."""
        return self._tree(x, False)

    def gradient(self, x: Floats) -> Any:
        """Return the same tree with None for what is no parameter, as gradients are."""
        return self._tree(x, True)

    def _tree(self, x: Floats, none: bool) -> Any:
        x = np.asarray(x)
        if x.shape != self.x0.shape:
            what = f"a vector of shape {self.x0.shape} belongs here"
            raise ValueError(f"{what}, not of shape {x.shape}")
        made, first = [], 0
        for _, leaf, own in self._leaves:
            size = int(np.size(leaf)) if own else 0
            rest = None if none else leaf
            made.append(_shaped(x[first : first + size], leaf) if own else rest)
            first += size
        return rebuilt(self._example, made)

    def ravel(self, tree: Any) -> Floats:
        """Return the numbers of a tree like the example, one after the other."""
        names = ["example", "tree"]
        both = beside(self._example, [tree], names)
        pairs = zip(both, self._leaves, strict=True)
        numbers = [np.ravel(x) for (_, _, (x,)), (_, _, own) in pairs if own]
        return np.concatenate(numbers).astype(np.float64)

    def places(self) -> list[tuple[Path, int]]:
        """Return path and size of each parameter, in the order of the vector."""
        return [(path, int(np.size(x))) for path, x, own in self._leaves if own]

    def fun(self, x: Floats) -> float:
        """Return the value."""
        return self.both(x)[0]

    def jac(self, x: Floats) -> Floats:
        """Return the gradient, in an array of its own."""
        return self.both(x)[1]

    def both(self, x: Floats) -> tuple[float, Floats]:
        """Return value and gradient: `minimize(problem.both, x0, jac=True)`."""
        x = np.asarray(x, np.float64)
        if self._at is None or not np.array_equal(x, self._at):
            value, slope = self._f.value_and_grad(self.unravel(x), *self._args)
            self._value = float(value[0] if isinstance(value, tuple) else value)
            self._slope = self.ravel(slope)
            self._at = x.copy()  # SciPy changes its own in place
        return self._value, self._slope.copy()

    def hessp(self, x: Floats, v: Floats) -> Floats:
        """Return the Hessian at x times v, forward over reverse."""
        tree, way = self.unravel(x), self.gradient(v)
        return self.ravel(self._f.hvp(tree, way, *self._args))


def _shaped(part: Floats, like: Any) -> Any:
    """Return a part of a vector in the shape and dtype of a leaf, not sharing it."""
    if isinstance(like, np.ndarray):
        return np.array(part, like.dtype.newbyteorder("=")).reshape(like.shape)
    kind: Callable[[Any], Any] = type(like)
    return kind(part[0])
