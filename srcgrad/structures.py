"""Take argument trees apart into numbers and arrays, and put gradients together.

Tuples, lists, dicts, namedtuples and dataclasses, nested. The order of the leaves is
the order in which the frontend makes parameters. A spec is the kind of a value (see
`frontend.entry.spec_of`), a form is the structure of a result over a list of leaves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

__all__ = [
    "Spec", "build", "children", "fit", "flatten", "float_leaves", "form_of",
    "from_form", "leaves_of_form", "named_parts", "pick", "put", "rebuild",
    "tangent_leaves", "tree_like", "tree_map",
]  # fmt: skip

Spec = tuple[Any, ...]
Leaf = Callable[[Any], Any]


# trees


def children(value: Any) -> list[Any] | None:
    """Return the items of a container in order, None for a leaf.

    >>> children({"a": 1, "b": 2}), children(3.0)
    ([1, 2], None)
    """
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, tuple | list):
        return list(value)
    if _is_record(value):
        return [getattr(value, name) for name in value.__dataclass_fields__]
    return None


def _is_record(value: Any) -> bool:
    return hasattr(value, "__dataclass_fields__") and not isinstance(value, type)


def rebuild(value: Any, items: Sequence[Any]) -> Any:
    """Return a container like `value` with other items.

    >>> rebuild({"a": 1, "b": 2}, [3, 4])
    {'a': 3, 'b': 4}
    """
    if isinstance(value, dict):
        return dict(zip(value, items, strict=True))
    if isinstance(value, tuple):
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return list(items)
    return _record(value, dict(zip(value.__dataclass_fields__, items, strict=True)))


def _record(value: Any, fields: dict[str, Any]) -> Any:
    """Return a copy of a dataclass instance, or a new one of a class, with fields."""
    new = object.__new__(value) if isinstance(value, type) else copy.copy(value)
    for name, item in fields.items():
        object.__setattr__(new, name, item)
    return new


def tree_map(function: Leaf, value: Any) -> Any:
    """Return a tree of the same structure with `function` applied to its leaves."""
    items = children(value)
    if items is None:
        return function(value)
    return rebuild(value, [tree_map(function, item) for item in items])


def tree_like(value: Any) -> Any:
    """Return a copy of a tree with arrays of its own."""
    return tree_map(_own, value)


def _own(value: Any) -> Any:
    """Return a copy of an array; it is read-only if the array is."""
    if not isinstance(value, np.ndarray):
        return value
    mine = value.copy()
    mine.flags.writeable = value.flags.writeable
    return mine


def pick(values: dict[str, Any], name: str) -> Any:
    """Return the value of a named argument: `x`, `args[0]`, `kwargs[scale]`.

    >>> pick({"args": (1.0, 2.0)}, "args[1]")
    2.0
    """
    head, _, rest = name.partition("[")
    value = values[head]
    if not rest:
        return value
    return value[rest[:-1] if isinstance(value, dict) else int(rest[:-1])]


def put(values: dict[str, Any], name: str, value: Any) -> None:
    """Replace the value of a named argument; containers are replaced as well."""
    head, _, rest = name.partition("[")
    if not rest:
        values[head] = value
    elif isinstance(values[head], dict):
        values[head] = {**values[head], rest[:-1]: value}
    else:
        items = list(values[head])
        items[int(rest[:-1])] = value
        values[head] = tuple(items)


# specs


def flatten(value: Any, spec: Spec, out: list[Any]) -> None:
    """Append the leaves of a value to a list.

    Args:
        value: A number, an array, or a container of them.
        spec: Its kind, as `spec_of` gives it.
        out: The list to extend.
    """
    if spec[0] in ("scalar", "array"):
        out.append(value)
    else:
        for inner, item in zip(_inner(spec), _items(value, spec), strict=True):
            flatten(item, inner, out)


def _inner(spec: Spec) -> list[Spec]:
    """Return the kinds of the items of a container."""
    match spec[0]:
        case "tuple":
            return list(spec[2])
        case "list":
            return list(spec[1])
        case "dict":
            return [inner for _, inner in spec[1]]
        case "record":
            return [inner for _, inner in spec[2]]
    return []


def _items(value: Any, spec: Spec) -> list[Any]:
    """Return the items of a container of this kind."""
    match spec[0]:
        case "tuple" | "list":
            return list(value)
        case "dict":
            return [value[key] for key, _ in spec[1]]
        case "record":
            return [getattr(value, name) for name, _ in spec[2]]
    return []


def float_leaves(spec: Spec) -> Iterator[bool]:
    """Yield, for each leaf, whether it is a float."""
    if spec[0] in ("scalar", "array"):
        yield str(spec[1]).startswith("float")
    for inner in _inner(spec):
        yield from float_leaves(inner)


def named_parts(name: str, spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Yield the items of an argument by name: `args[0]`, `kwargs[scale]`.

    >>> list(named_parts("args", ("tuple", None, (("scalar", "float64", True),))))
    [('args[0]', ('scalar', 'float64', True))]
    """
    keys = [k for k, _ in spec[1]] if spec[0] == "dict" else range(len(_inner(spec)))
    for key, inner in zip(keys, _inner(spec), strict=True):
        yield f"{name}[{key}]", inner


def build(spec: Spec, values: Iterator[Any]) -> Any:
    """Return a tree of the form of a spec; leaves that are no floats become None."""
    match spec[0]:
        case "scalar" | "array":
            return next(values) if str(spec[1]).startswith("float") else None
        case "tuple":
            items = [build(s, values) for s in spec[2]]
            return spec[1](*items) if spec[1] is not None else tuple(items)
        case "list":
            return [build(s, values) for s in spec[1]]
        case "dict":
            return {k: build(s, values) for k, s in spec[1]}
        case "record":
            return _record(spec[1], {k: build(s, values) for k, s in spec[2]})
    return None


def tangent_leaves(value: Any, argument: Any, spec: Spec, out: list[Any]) -> None:
    """Append the float leaves of a tangent; None stands for zeros.

    Raises:
        ValueError: The tangent has another structure or shape than the argument.
    """
    if spec[0] in ("scalar", "array"):
        if str(spec[1]).startswith("float"):
            out.append(_tangent(value, argument, np.dtype(spec[1])))
        return
    inner = _inner(spec)
    mine = [None] * len(inner) if value is None else _items(value, spec)
    if len(mine) != len(inner):
        raise ValueError(f"a tangent has {len(mine)} items where {len(inner)} belong")
    for s, v, a in zip(inner, mine, _items(argument, spec), strict=True):
        tangent_leaves(v, a, s, out)


def _tangent(value: Any, argument: Any, dtype: np.dtype[Any]) -> Any:
    shape = np.shape(argument)
    if value is None:
        return np.zeros(shape, dtype) if shape else dtype.type(0)
    given = np.asarray(value, dtype)
    if given.shape != shape:
        raise ValueError(f"a tangent has shape {given.shape}, its argument {shape}")
    return np.ascontiguousarray(given) if shape else given[()]


def fit(gradient: Any, argument: Any, taken: set[int]) -> Any:
    """Return a gradient as its argument is: own arrays, NumPy numbers, 0-d arrays.

    Args:
        gradient: What generated code returned, in the structure of the argument.
        argument: The argument.
        taken: The identities of the arrays that belong to others; grows.
    """
    if gradient is None:
        return None
    items = children(argument)
    if items is not None:
        parts = children(gradient) or []
        pairs = zip(parts, items, strict=True)
        return rebuild(gradient, [fit(g, a, taken) for g, a in pairs])
    if isinstance(argument, np.ndarray):
        if not argument.ndim:
            return np.array(gradient, argument.dtype)
        flags = gradient.flags
        mine = flags.c_contiguous and flags.writeable and gradient.base is None
        if not mine or id(gradient) in taken:
            gradient = np.array(gradient, order="C")
        taken.add(id(gradient))
        return gradient
    kind = type(argument) if isinstance(argument, np.floating) else np.float64
    return gradient if type(gradient) is kind else kind(gradient)


# forms


def form_of(spec: Spec, count: Iterator[int]) -> Any:
    """Return the form of a gradient; leaves that are no floats are None."""
    match spec[0]:
        case "scalar" | "array":
            if str(spec[1]).startswith("float"):
                return ("leaf", next(count))
        case "tuple":
            return ("tuple", spec[1], [form_of(s, count) for s in spec[2]])
        case "list":
            return ("list", [form_of(s, count) for s in spec[1]])
        case "dict":
            return ("dict", {k: form_of(s, count) for k, s in spec[1]})
        case "record":
            return ("record", spec[1], {k: form_of(s, count) for k, s in spec[2]})
    return ("static", None)


def from_form(form: Any, leaves: Sequence[Any]) -> Any:
    """Return a result from its form and its leaves."""
    match form[0]:
        case "leaf":
            return leaves[form[1]]
        case "tuple":
            items = [from_form(f, leaves) for f in form[2]]
            return form[1](*items) if form[1] is not None else tuple(items)
        case "list":
            return [from_form(f, leaves) for f in form[1]]
        case "dict":
            return {k: from_form(f, leaves) for k, f in form[1].items()}
        case "record":
            return _record(
                form[1], {k: from_form(f, leaves) for k, f in form[2].items()}
            )
    return form[1]


def leaves_of_form(form: Any, value: Any, out: dict[int, Any]) -> None:
    """Collect the leaves of a value that has the form of a result; None is all None.

    Raises:
        ValueError: The value has another structure.
    """
    if form[0] == "leaf":
        out[form[1]] = value
        return
    if form[0] == "static":
        return
    inner = form[-1]
    keys: list[Any] = list(inner) if isinstance(inner, dict) else [*range(len(inner))]
    if value is not None and form[0] != "record" and len(value) != len(keys):
        raise ValueError(f"a cotangent has {len(value)} items where {len(keys)} belong")
    for key in keys:
        item = None
        if value is not None:
            item = getattr(value, key) if form[0] == "record" else value[key]
        leaves_of_form(inner[key], item, out)
