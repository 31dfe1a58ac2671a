"""What goes into generated code and what comes out: leaves, seeds, gradients."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.errors import make_error
from srcgrad.runtime.readable import keep_layout
from srcgrad.trees import Node, Tree, fill, opened, tree_leaves, tree_map

__all__ = [
    "Gradient", "cotangent", "fit", "flat_results", "not_finite", "one_of", "ready",
    "result_of", "shown", "tangent", "tree_copy",
]  # fmt: skip


def ready(value: Any, contiguous: bool) -> Any:
    """Return a leaf as generated code takes it; kernels work on C order."""
    if not isinstance(value, np.ndarray):
        return value
    if not value.ndim:
        value = value.reshape(1)  # arrays of rank 0 are held by one element
    if value.dtype.isnative:
        flags = value.flags
        if not contiguous or (flags.c_contiguous and flags.writeable):
            return value
    native = np.ascontiguousarray(value, value.dtype.newbyteorder("="))
    return native if native.flags.writeable else native.copy()


def tree_copy(value: Any) -> Any:
    """Return a value with arrays of its own, read-only where the arrays are."""

    def own(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            return leaf
        mine = keep_layout(leaf)
        mine.flags.writeable = leaf.flags.writeable
        return mine

    return tree_map(own, value)


def flat_results(out: Any, function: Any) -> tuple[Any, ...]:
    """Return the results of generated code as one flat tuple, in NumPy's types."""
    flat: list[Any] = []
    for part in out if isinstance(out, tuple) else (out,):
        flat.extend(part if isinstance(part, tuple) else (part,))
    for k, result in enumerate(function.results):
        type = result.type
        if not type.rank and not type.python and not isinstance(flat[k], np.generic):
            flat[k] = np.dtype(type.dtype).type(flat[k])  # Numba returns Python's
    return tuple(flat)


def result_of(form: Tree, results: Sequence[Any]) -> Any:
    """Return what the user's function returns, from the flat results."""

    def leaf(x: Tree) -> Any:
        if x[0] == "static":
            return x[1].value
        return results[x[1]] if len(x) == 2 else np.array(results[x[1]])

    return fill(form, leaf)


def fit(gradient: Any, own: bool, argument: Any) -> Any:
    """Return a gradient as its argument is: an array of its own, or a NumPy number."""
    if isinstance(argument, np.ndarray):
        if not argument.ndim:
            return np.array(np.reshape(gradient, ()))
        mine = own and gradient.flags.c_contiguous
        if not mine or isinstance(gradient.base, np.ndarray):
            return np.array(gradient, order="C")
        return gradient
    kind = type(argument) if isinstance(argument, np.floating) else np.float64
    return gradient if type(gradient) is kind else kind(gradient)


class Gradient:
    """The gradient of a `Differentiated`, as a function; `into` reuses memory."""

    def __init__(self, of: Any) -> None:
        """Belong to a function."""
        self.of = of

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient, with `has_aux` `(gradient, aux)`."""
        value, gradient = self.of.value_and_grad(*args, **kwargs)
        return (gradient, value[1]) if self.of.options.has_aux else gradient

    def into(self, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Write the gradient into arrays and return them."""
        value, gradient = self.of.value_and_grad(*args, **kwargs)
        into(out, gradient)
        return (out, value[1]) if self.of.options.has_aux else out


def into(target: Any, source: Any) -> None:
    """Write a gradient into the arrays of another tree."""
    if isinstance(target, np.ndarray):
        if np.shape(source) != target.shape:
            shapes = f"{target.shape}, the gradient {np.shape(source)}"
            raise ValueError(f"`out` has shape {shapes}")
        target[...] = source
    elif source is not None:
        mine, theirs = opened(target), opened(source)
        if mine is None or theirs is None or set(mine.keys) != set(theirs.keys):
            raise ValueError("`out` has another structure than the gradient")
        items = dict(zip(theirs.keys, theirs.items, strict=True))
        for key, item in zip(mine.keys, mine.items, strict=True):
            into(item, items[key])


def not_finite(
    made: Any, adjoint: Any, args: Sequence[Any], names: Sequence[str],
    gradients: Sequence[Any],
) -> None:  # fmt: skip
    """Refuse gradients that are not finite, and name the statement to blame."""
    for name, gradient in zip(names, gradients, strict=True):
        found = (x for x in tree_leaves(gradient) if x is not None)
        if all(np.all(np.isfinite(x)) for x in found):
            continue
        find = importlib.import_module("srcgrad.nonfinite").find_culprit
        place, note = find(made.text(adjoint), made.source, args) or (None, "")
        what = f"the gradient with respect to `{name}` is not finite"
        raise make_error(
            "SG701", what, place, note=note, function=made.source.name, names=names
        )


def one_of(made: Any) -> Any:
    """Return the cotangent of a scalar result: one."""
    return np.dtype(made.primal.results[0].type.dtype).type(1.0)


def cotangent(made: Any, k: int, value: Any, shape: tuple[int, ...]) -> Any:
    """Return a cotangent in the dtype of result `k`; None is zero."""
    return _direction("cotangent", value, made.primal.results[k].type.dtype, shape)


def tangent(value: Any, argument: Any, leaf: Any) -> Any:
    """Return a tangent in the dtype and shape of its argument; None is zero."""
    found = _direction("tangent", value, leaf[1], np.shape(argument))
    rank_zero = isinstance(argument, np.ndarray) and not argument.ndim
    return found.reshape(1) if rank_zero else found


def _direction(kind: str, value: Any, dtype: str, shape: tuple[int, ...]) -> Any:
    if value is None:
        return np.zeros(shape, dtype)[()]
    try:
        given = np.asarray(value, dtype)
    except (TypeError, ValueError):
        raise ValueError(f"a {kind} is a {type(value).__name__}, no number") from None
    if given.shape != shape:
        raise ValueError(f"a {kind} has shape {given.shape}, {shape} belongs here")
    return np.ascontiguousarray(given) if shape else given[()]


def shown(specs: dict[str, Tree]) -> str:
    """Return kinds of arguments as text: `x: float64[:, :], n: int64`."""

    def one(spec: Tree) -> str:
        if isinstance(spec, Node):
            if spec.kind in ("tuple", "list"):
                return f"({', '.join(map(one, spec.items))})"
            pairs = zip(spec.keys, spec.items, strict=True)
            return f"{{{', '.join(f'{k}: {one(s)}' for k, s in pairs)}}}"
        if spec[0] == "array":
            return f"{spec[1]}[{', '.join('1' if n else ':' for n in spec[2])}]"
        return str(spec[1]) if spec[0] == "scalar" else repr(spec[1].value)

    return ", ".join(f"{name}: {one(spec)}" for name, spec in specs.items())
