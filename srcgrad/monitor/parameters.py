"""The parameters of a tree: their names, their layers, and how large they are."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from srcgrad.options import make_options
from srcgrad.trees import opened

_ROLES = "w b u v weights? bias(?:es)? kernel scale shift gamma beta".split()
_ROLE = re.compile(rf"({'|'.join(_ROLES)})(\d*)", re.I)


def named_leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and the value of each leaf of a tree, None and text too.

    >>> list(named_leaves({"dense": [1.0, 2.0], "scale": 3.0}))
    [('dense.0', 1.0), ('dense.1', 2.0), ('scale', 3.0)]
    """
    node = opened(tree)
    if node is None:
        yield name, tree
        return
    keys = node.keys
    if node.kind == "tuple" and node.cls is not None:
        keys = node.cls._fields  # type: ignore[attr-defined]
    for key, item in zip(keys, node.items, strict=True):
        yield from named_leaves(item, f"{name}.{key}" if name else str(key))


def float_leaves(tree: Any) -> dict[str, Any]:
    """Return the leaves of a tree that hold floats, by path."""
    found: dict[str, Any] = {}
    for name, leaf in named_leaves(tree):
        if isinstance(leaf, float | np.floating) or (
            isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"
        ):
            if name in found:
                raise ValueError(f"two parameters have the path `{name}`")
            found[name] = leaf
    return found


def layer_of(path: str) -> str:
    """Return the name of the layer that a parameter belongs to, read off its path.

    >>> [layer_of(p) for p in ("block.0.w", "w1", "conv2_bias", "embedding", "w")]
    ['block.0', '1', 'conv2', 'embedding', 'w']
    """
    parts = re.split(r"([._/])", path)
    for k in (len(parts) - 1, 0):
        role = _ROLE.fullmatch(parts[k])
        if role and role[2] and len(parts) == 1:
            return role[2]
        if role and not role[2] and len(parts) > 1:
            rest = parts[: k - 1] if k else parts[2:]
            return "".join(rest)
    return path


def norm_of(x: Any) -> float:
    """Return the Euclidean norm of a number or array as a float, inf or nan included.

    Squares that leave the range of the dtype are made again in float64, with the
    largest number divided out.

    >>> norm_of(np.array([3e-200, 4e-200]))
    5e-200
    """
    array = np.asarray(x)
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):
        square = float(np.dot(flat, flat)) if flat.size else 0.0
        if math.isfinite(square) and square > 1e-30:
            return math.sqrt(square)
        top = float(np.max(np.abs(flat))) if flat.size else 0.0
        if top == 0 or not math.isfinite(top):
            return top
        scaled = flat.astype(np.float64) / top
        return top * math.sqrt(float(np.dot(scaled, scaled)))


def tree_norm(tree: Any) -> float:
    """Return the norm of all float leaves of a tree together: the global norm.

    >>> tree_norm({"w": np.array([3.0]), "b": 4.0})
    5.0
    """
    total, todo = 0.0, [tree]
    with np.errstate(all="ignore"):
        for x in todo:  # a step of training waits for this: no names, no containers
            if type(x) is np.ndarray:
                if x.dtype.kind == "f":
                    flat = x.reshape(-1)
                    total += float(np.dot(flat, flat))
            elif type(x) is dict:
                todo += x.values()
            elif isinstance(x, float | np.floating):
                total += float(x) * float(x)
            elif (node := opened(x)) is not None:
                todo += node.items
    if 1e-30 < total < math.inf:
        return math.sqrt(total)
    return math.hypot(*(norm_of(leaf) for leaf in float_leaves(tree).values()))


# One parameter: mean, max and norm of |g|, the share of zeros, and what is not finite.
Measured = tuple[float, float, float, float, int]


def measure(x: Any) -> Measured:
    """Return mean, largest, norm and share of zeros of `|x|`, and a count.

    The count is of what is not finite, which no other figure takes in.

    >>> measure(np.array([0.0, -3.0, 4.0, 0.0, np.nan]))
    (1.75, 4.0, 5.0, 0.5, 1)
    """
    flat = _flat(x)
    if not flat.size:
        return 0.0, 0.0, 0.0, 0.0, 0
    total, squares, top, zeros = _kernels()[0](flat)
    usual = math.isfinite(total) and math.isfinite(squares)
    if usual and (squares > 1e-30 or top == 0):
        return total / flat.size, top, math.sqrt(squares), zeros / flat.size, 0
    finite = flat[np.isfinite(flat)].astype(np.float64)
    lost = flat.size - finite.size
    if not finite.size:
        return math.nan, math.nan, math.nan, 0.0, lost
    top = float(np.max(np.abs(finite))) or 1.0
    scaled = np.abs(finite) / top
    norm = top * math.sqrt(float(np.dot(scaled, scaled)))
    share = float(np.mean(finite == 0))
    return top * float(np.mean(scaled)), top * float(scaled.max()), norm, share, lost


def measure_move(before: Any, after: Any) -> tuple[float, float]:
    """Return the norm of `after - before` and of `before`.

    >>> measure_move(np.array([3.0, 4.0]), np.array([3.0, 4.5]))
    (0.5, 5.0)
    """
    old, new = _flat(before), _flat(after)
    step, size = _kernels()[1](old, new)
    if size > 1e-30 and math.isfinite(step + size):
        return math.sqrt(step), math.sqrt(size)
    with np.errstate(all="ignore"):
        return norm_of(new.astype(np.float64) - old), norm_of(old)


def _flat(x: Any) -> Any:
    array = np.ascontiguousarray(x)
    if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        array = array.astype(np.float64)
    return array.reshape(-1)


Kernel = Callable[..., tuple[float, ...]]


@cache
def _kernels() -> tuple[Kernel, Kernel]:
    """Return what sums up: compiled, or NumPy where Numba is absent."""
    if make_options({}).runner != "numba":
        return _magnitudes, _moved
    compiled = importlib.import_module("srcgrad.runtime").compiled()
    return compiled.magnitudes, compiled.moved


def _magnitudes(a: Any) -> tuple[float, float, float, float]:
    size = np.abs(a)
    zeros = a.size - np.count_nonzero(a)
    total = float(np.sum(size, dtype=np.float64))
    with np.errstate(all="ignore"):
        return total, float(np.dot(a, a)), float(np.max(size)), float(zeros)


def _moved(before: Any, after: Any) -> tuple[float, float]:
    with np.errstate(all="ignore"):
        step = after - before
        return float(np.dot(step, step)), float(np.dot(before, before))
