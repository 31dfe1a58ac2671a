"""Take argument trees apart into numbers and arrays, and put gradients together.

Tuples, lists, dicts, namedtuples and dataclasses, nested. The order of the leaves is the
order in which the frontend makes parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["build", "flatten", "float_leaves", "from_form", "tree_like"]

Spec = tuple[Any, ...]


def flatten(value: Any, spec: Spec, out: list[Any]) -> None:
    """Append the leaves of a value to a list.

    Args:
        value: A number, an array, or a container of them.
        spec: Its kind, as `spec_of` gives it.
        out: The list to extend.
    """
    match spec[0]:
        case "scalar" | "array":
            out.append(value)
        case "tuple":
            for item, inner in zip(value, spec[2], strict=True):
                flatten(item, inner, out)
        case "list":
            for item, inner in zip(value, spec[1], strict=True):
                flatten(item, inner, out)
        case "dict":
            for key, inner in spec[1]:
                flatten(value[key], inner, out)
        case "record":
            for name, inner in spec[2]:
                flatten(getattr(value, name), inner, out)


def float_leaves(spec: Spec) -> Iterator[bool]:
    """Yield, for each leaf, whether it is a float."""
    match spec[0]:
        case "scalar" | "array":
            yield str(spec[1]).startswith("float")
        case "tuple":
            for inner in spec[2]:
                yield from float_leaves(inner)
        case "list":
            for inner in spec[1]:
                yield from float_leaves(inner)
        case "dict":
            for _, inner in spec[1]:
                yield from float_leaves(inner)
        case "record":
            for _, inner in spec[2]:
                yield from float_leaves(inner)


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
            return spec[1](**{k: build(s, values) for k, s in spec[2]})
    return None


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
            return form[1](**{k: from_form(f, leaves) for k, f in form[2].items()})
    return form[1]


def leaves_of_form(form: Any, value: Any, out: dict[int, Any]) -> None:
    """Collect the leaves of a value that has the form of a result."""
    match form[0]:
        case "leaf":
            out[form[1]] = value
        case "tuple":
            for f, item in zip(form[2], value, strict=True):
                leaves_of_form(f, item, out)
        case "list":
            for f, item in zip(form[1], value, strict=True):
                leaves_of_form(f, item, out)
        case "dict":
            for k, f in form[1].items():
                leaves_of_form(f, value[k], out)
        case "record":
            for k, f in form[2].items():
                leaves_of_form(f, getattr(value, k), out)


def tree_like(value: Any) -> Any:
    """Return a copy of a tree with arrays of its own."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, tuple):
        items = [tree_like(v) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if isinstance(value, list):
        return [tree_like(v) for v in value]
    if isinstance(value, dict):
        return {k: tree_like(v) for k, v in value.items()}
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        fields = {k: tree_like(getattr(value, k)) for k in value.__dataclass_fields__}
        return type(value)(**fields)
    return value
