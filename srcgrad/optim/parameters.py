"""Trees of parameters beside their gradients and state, leaf by leaf, with their paths.

A parameter is an array of float32 or float64, or a float. Text, flags, None and other
objects may stand between them: they are handed on. Integers are refused: they would
never be trained, and nothing would tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from srcgrad.trees import Node, opened, tree_map

Tree = Any
_NUMBERS = np.ndarray | np.generic | float
Path = tuple[Any, ...]  # () for the whole, else (path of the container, its kind, key)


def shown_path(name: str, path: Path) -> str:
    """Return the place of a leaf as one would write it.

    >>> shown_path("params", (((), "dict", "conv1"), "list", 0))
    "params['conv1'][0]"
    """
    if not path:
        return name
    outer, kind, key = path
    inner = shown_path(name, outer)
    return f"{inner}.{key}" if kind == "record" else f"{inner}[{key!r}]"


def beside(
    params: Tree, others: Sequence[Tree], names: Sequence[str]
) -> list[tuple[Path, Any, list[Any]]]:
    """Return path, leaf and the leaves of other trees at its place, for each leaf.

    Lists and tuples stand for each other, and dicts may be in any order. Where another
    tree has None instead of a container, each leaf below has None.

    Args:
        params: The tree that gives the structure.
        others: Trees of the same structure.
        names: What the trees are called in errors, `params` first.

    Raises:
        ValueError: A tree has another structure; the message names the place.
    """
    found: list[tuple[Path, Any, list[Any]]] = []
    _walk((), params, list(others), names, found)
    return found


def _walk(
    path: Path, tree: Tree, others: list[Any], names: Sequence[str],
    found: list[tuple[Path, Any, list[Any]]],
) -> None:  # fmt: skip
    node = None if type(tree) is np.ndarray else opened(tree)
    if node is None:
        found.append((path, tree, others))
        return
    columns = [_items(node, other, path, names, k) for k, other in enumerate(others, 1)]
    for k, (key, item) in enumerate(zip(node.keys, node.items, strict=True)):
        inner = (path, node.kind, key)
        _walk(inner, item, [items[k] for items in columns], names, found)


def _items(
    node: Node, other: Any, path: Path, names: Sequence[str], k: int
) -> Sequence[Any]:
    """Return the items of another container by the keys of this one."""
    if other is None:
        return (None,) * len(node.keys)
    there = opened(other)
    if there and there.kind == node.kind and there.keys == node.keys:
        return there.items
    here, place = shown_path(names[0], path), shown_path(names[k], path)
    kinds = {"list": "sequence", "tuple": "sequence"}
    kind = kinds.get(node.kind, node.kind)
    if there is None or kinds.get(there.kind, there.kind) != kind:
        got, own = type(other).__name__, _kind(node)
        raise ValueError(f"{here} is a {own}, {place} is a {got}")
    if there.keys == node.keys:
        return there.items
    if node.kind == "dict":
        by_key = dict(zip(there.keys, there.items, strict=True))
        missing = [k for k in node.keys if k not in by_key]
        more = [k for k in there.keys if k not in set(node.keys)]
        if not missing and not more:
            return [by_key[key] for key in node.keys]
        key, lacks = (missing or more)[0], place if missing else here
        has = here if missing else place
        raise ValueError(f"{has} has {key!r}, {lacks} has not")
    counts = len(node.keys), len(there.keys)
    raise ValueError(f"{here} has {counts[0]} items, {place} has {counts[1]}")


def _kind(node: Node) -> str:
    return node.cls.__name__ if node.cls else node.kind


def rebuilt(tree: Tree, leaves: Iterable[Any]) -> Tree:
    """Return a tree of the structure of another one, with these leaves in order."""
    taken = iter(leaves)
    return tree_map(lambda _: next(taken), tree)


def is_parameter(value: Any, name: str, path: Path = ()) -> bool:
    """Tell whether a leaf is to be trained; False: it is handed on as it is.

    Raises:
        TypeError: It is a number or an array of another kind; the message names it.
    """
    if type(value) is np.ndarray and value.dtype.char in "fd":
        return True
    if isinstance(value, float) or value is None or isinstance(value, bool | str):
        return isinstance(value, float)  # np.float64 is one
    wrong = ""
    if isinstance(value, np.ndarray | np.generic):
        wrong, fix = _wrong_array(value)
    elif isinstance(value, int):
        wrong = f"is the int {value}, which would never be trained"
        fix = f"write `{value}.0`, or keep it out of the parameters"
    elif isinstance(value, complex):
        wrong, fix = "is complex", "take real and imaginary part as two parameters"
    elif hasattr(value, "__array__"):
        kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
        wrong, fix = f"is a {kind}, no NumPy array", "pass `np.array(x)` of it"
    if wrong:
        raise TypeError(f"{shown_path(name, path)} {wrong}: {fix}")
    return isinstance(value, np.ndarray | np.float32)


def _wrong_array(value: Any) -> tuple[str, str]:
    """Return what is wrong with an array, and what to do; "" if nothing is."""
    dtype, kind = value.dtype, type(value)
    own = np.ndarray if isinstance(value, np.ndarray) else np.generic
    if dtype.kind in "iub":
        wrong = f"holds {dtype.name}, which would never be trained"
        return wrong, "pass `.astype(float)` of it, or keep it out of the parameters"
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        return f"holds {dtype.name}", "parameters are float32 or float64"
    if own is np.ndarray and kind.__array_ufunc__ is not np.ndarray.__array_ufunc__:
        return f"is a {kind.__name__}", "pass `np.asarray(x)` of it"
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        return f"is a {kind.__name__}", "pass `np.asarray(x)` of it"
    return "", ""


def fit(
    value: Any, other: Any, names: tuple[str, str], path: Path, noun: str
) -> np.ndarray[Any, Any]:
    """Return what belongs to a parameter as an array of its shape and dtype.

    Args:
        value: The parameter.
        other: Its gradient, or a part of its state.
        names: What the two trees are called.
        path: Where the leaves are in them.
        noun: What the other one is, for errors.

    Raises:
        TypeError: It is no array, or of another dtype.
        ValueError: It has another shape.
    """
    if type(value) is type(other) is np.ndarray:  # it mostly is, and this is quick
        if value.shape == other.shape and value.dtype is other.dtype:
            return other
    own = np.dtype(float) if type(value) is float else value.dtype
    found = np.asarray(other) if isinstance(other, _NUMBERS) else np.empty(())
    if found.shape == np.shape(value) and found.dtype.char == own.char:
        if isinstance(other, _NUMBERS):
            return found
    here = shown_path(names[0], path)
    if not isinstance(other, _NUMBERS):
        what = f"{type(other).__name__}, no array"
        raise TypeError(f"{here}: {noun} is a {what} ({shown_path(names[1], path)})")
    if np.shape(other) != np.shape(value):
        has = f"its {noun} has {np.shape(other)}"
        raise ValueError(f"{here}: shape {np.shape(value)}, {has}")
    fix = f"use `.astype(np.{own.name})`"
    raise TypeError(f"{here} is {own.name}, its {noun} {found.dtype.name}: {fix}")


def is_plain(x: np.ndarray[Any, Any]) -> bool:
    """Tell whether kernels take an array as it lies in memory."""
    flags = x.flags
    return flags.c_contiguous and flags.aligned and x.dtype.isnative


def vector(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array as a vector that kernels take; a copy only if need be."""
    if not is_plain(x):
        x = np.array(x, x.dtype.newbyteorder("="), order="C")
    return x if x.ndim == 1 else x.reshape(-1)


def owner(x: np.ndarray[Any, Any]) -> int:
    """Return a number that arrays share if they may share memory."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return id(x) if x.base is None else 0  # who knows what others lend


def overlap(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> bool:
    """Tell whether two arrays may share memory; quick for those that own theirs."""
    if x.base is None and y.base is None:
        return x is y
    return np.may_share_memory(x, y)
