"""Containers of numbers and arrays: what they are, taken apart and put together.

A tree is a leaf or a `Node` of trees. Two kinds of tree describe values. A *spec* says
what an argument is, and is the key of a specialisation; its leaves are

    ("scalar", dtype, python)   a number; `python` marks Python's own
    ("array", dtype, ones)      an array; `ones` has a 1 for each axis of length one; a
                                fourth item marks one that is not contiguous
    ("table", dtype, known, python)   a list of many floats, or of such lists, which is
                                one array inside; `known` has its lengths, 0 for one
                                that is not known while compiling
    ("static", Known(value))    anything else, known while compiling

A Generator of NumPy is an array of one element, which each draw writes to: so draws
keep their order, and are made once.

A *form* says what a result is; its leaves are ("static", Known(value)) and ("leaf",
place in the flat results), with a third item for what is no array outside: POINT, or
`Lists`. The order of the leaves is that of the parameters of the IR.
"""

from __future__ import annotations

import copy
import functools
import sys
from abc import ABC, ABCMeta
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, NamedTuple

import numpy as np

from srcgrad.errors import SrcgradError, make_error
from srcgrad.types import GENERATOR, is_inexact

Tree = Any

# Objects of these are no containers of numbers, whatever they hold.
_LIBRARIES = "numpy", "scipy", "numba", "srcgrad", "torch", "jax"
_OWN_WAYS = "__getattr__", "__getattribute__", "__setattr__"
SHAPE = ":shape"  # behind the name of an array: its lengths
_OTHER = {np.dtype(c).name for c in "egG"}  # floats that no kernel has
_PLAIN = int, float, dict, list, tuple
POINT = "array of rank 0"
_FEW = 16  # numbers of a list that are so many arguments
_WAYS = "__add__", "__mul__", "__rmul__", "__array_ufunc__", "__array_function__"
_NO_NUMBERS = {"O": "objects", "U": "text", "S": "bytes", "V": "records",
               "M": "dates", "m": "time spans"}  # fmt: skip


class Node(NamedTuple):
    """A container: its kind, its class if it is a record of fields, keys and items.

    One of several things is a "container" of a number and of them all, in forms alone.
    """

    kind: str
    cls: type | None
    keys: tuple[Any, ...]
    items: tuple[Any, ...]


class Lists(NamedTuple):
    """Which axes of an array are lists outside, and whether of Python's own numbers."""

    axes: tuple[int, ...]
    python: bool


class Known:
    """A Python object in a key: names, flags and sets by value, else by identity."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        by_value = isinstance(value, str | bool | frozenset)
        self.value, self.key = value, (type(value), value if by_value else id(value))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Known) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def opened(value: Any) -> Node | None:
    """Return a container as a node of its items, None for anything else.

    >>> opened({"a": 1.0, "b": 2.0})
    Node(kind='dict', cls=<class 'dict'>, keys=('a', 'b'), items=(1.0, 2.0))
    """
    kind = type(value)
    if kind is dict or kind is OrderedDict:
        return Node("dict", kind, tuple(value), tuple(value.values()))
    if kind is list:
        return Node("list", list, tuple(range(len(value))), tuple(value))
    named = kind if hasattr(kind, "_fields") else None
    if isinstance(value, tuple) and (named or kind is tuple):
        items = tuple.__getitem__(value, slice(None))  # its class may say otherwise
        return Node("tuple", named, tuple(range(len(items))), items)
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is None and is_plain_class(kind):  # type: ignore[arg-type]
        fields = None if _holds_itself(value) else getattr(value, "__dict__", None)
    if fields is None or isinstance(value, dict | list | tuple):
        return None
    items = tuple(getattr(value, name) for name in fields)
    return Node("record", type(value), tuple(fields), items)


def _holds_itself(value: Any) -> bool:
    """Tell an object that is reached from its own fields."""
    todo, seen = [value], set[int]()
    for x in todo:
        kind: Any = type(x)
        plain = is_plain_class(kind) and hasattr(x, "__dict__")
        held = vars(x) if plain else x if isinstance(x, dict | list | tuple) else ()
        for part in held.values() if isinstance(held, dict) else held:
            if part is value:
                return True
            if id(part) not in seen:
                seen.add(id(part))
                todo.append(part)
    return False


@functools.lru_cache
def is_plain_class(cls: Any) -> bool:
    """Tell a class whose objects are their fields: made by a `class` statement only."""
    named = [c for c in cls.__mro__[:-1] if c not in (ABC, Generic)]
    homes = {c.__module__.partition(".")[0] for c in named}
    ours = homes.isdisjoint({*sys.stdlib_module_names, *_LIBRARIES} - {"__main__"})
    plain = type(cls) in (type, ABCMeta)
    return ours and plain and not any(map(cls.__dict__.get, _OWN_WAYS))


def closed(node: Node, like: Any = None) -> Any:
    """Return the container that a node stands for; `like` is a record to copy.

    >>> closed(Node("dict", dict, ("a", "b"), (1.0, 2.0)))
    {'a': 1.0, 'b': 2.0}
    """
    if node.kind == "dict":
        made: Any = node.cls()  # type: ignore[misc]
        made.update(dict(zip(node.keys, node.items, strict=True)))
        return made
    if node.kind == "list":
        return list(node.items)
    if node.kind == "choice":  # by the number that comes first
        case, *things = node.items
        if not isinstance(case, int | np.integer):
            what = "a result that is one thing or another has no tangent, and no rows"
            raise make_error("SG302", what, helps=("return the numbers alone",))
        return things[case]
    if node.cls is None:
        return node.items
    if node.kind == "tuple":
        return tuple.__new__(node.cls, node.items)
    record = object.__new__(node.cls) if like is None else copy.copy(like)
    for name, item in zip(node.keys, node.items, strict=True):
        object.__setattr__(record, name, item)
    return record


def repeats(value: Any) -> bool:
    """Tell whether a list, dict or object stands at two places of a value."""
    todo, held = [value], list[int]()
    for x in todo:
        node = opened(x)
        todo += node.items if node else ()
        held += [id(x)] * (node is not None and node.kind != "tuple")
    return len(set(held)) < len(held)


def tree_map(function: Callable[[Any], Any], value: Any) -> Any:
    """Return a value of the same structure with `function` applied to its leaves."""
    node = opened(value)
    if node is None:
        return function(value)
    items = tuple(tree_map(function, item) for item in node.items)
    return closed(node._replace(items=items), value)


# specs


def spec_of(value: Any, name: str = "", apart: bool = False) -> Tree:
    """Return the kind of a value that is called `name`; no list is a table if `apart`.

    >>> spec_of((1.0, 2)).items
    (('scalar', 'float64', True), ('scalar', 'int64', True))
    """
    if isinstance(value, np.ndarray | np.generic):
        _check_array(value, name)
        if isinstance(value, np.generic):
            return ("scalar", _name_of(value.dtype), False)
        ones = tuple(int(n == 1) for n in value.shape)
        return _array_leaf(_name_of(value.dtype), ones, value.flags.c_contiguous)
    if isinstance(value, bool | str):
        return ("static", Known(value))
    if type(value) is set and all(type(x) is str for x in value):
        return ("static", Known(frozenset(value)))  # {1} would be {True}
    if type(value) is complex:
        return ("scalar", "complex128", True)
    if isinstance(value, np.random.Generator):
        return _array_leaf(GENERATOR, (1,), True)
    kind = type(value)
    plain = next((c for c in kind.__mro__ if c in _PLAIN), object)
    if plain not in (int, float) and (node := opened(value)) is not None:
        if not apart and (table := table_of(value)) is not None:
            known = tuple(int(n == 1) for n in table[2])
            return (*table[:2], known, table[3])
        field = _spec_of_field if node.kind == "record" else spec_of
        items = tuple(field(item, name, apart) for item in node.items)
        return node._replace(items=items)
    if plain in (dict, list, tuple) or _redefines(kind, plain):
        what = f"`{name}` is a {kind.__name__}, which may be no plain {plain.__name__}"
        raise make_error("SG305", what, helps=(f"pass `{plain.__name__}({name})`",))
    if plain is int and not -(2**63) <= value < 2**63:
        raise make_error("SG305", f"`{name}` exceeds 64 bits", helps=("pass a float",))
    if plain is not object:
        return ("scalar", "int64" if plain is int else "float64", True)
    opaque = kind.__hash__ is None and not hasattr(value, "__dict__")
    if opaque and kind.__module__ in sys.stdlib_module_names:
        # It may change, and nothing would tell.
        what = f"`{name}` is a {kind.__name__}, which is not read"
        raise make_error("SG305", what, helps=("pass a tuple or an array",))
    return ("static", Known(value))


def table_of(value: Any) -> Tree | None:
    """Return the kind of a list of many floats, or of such lists, None of all else.

    >>> table_of([[0.5] * 10, [1.5] * 10])
    ('table', 'float64', (2, 10), True)
    """
    shape, items = [], [value]
    while items and all(type(x) is list for x in items):
        shape.append(len(items[0]))
        if any(len(x) != len(items[0]) for x in items):
            return None
        items = [x for row in items for x in row]
    kinds = {*map(type, items)} if shape and len(items) > _FEW else ()
    if kinds not in ({float}, {np.float64}):
        return None
    return ("table", "float64", tuple(shape), kinds == {float})


def is_of(value: Any, spec: Tree, name: str = "") -> bool:
    """Tell whether a value is of a kind."""
    found = spec_of(value, name, spec[0] != "table")
    return bool(found == spec or table_of(value) == spec)


def taken_apart(spec: Tree, value: Any) -> Tree:
    """Return the kind of a value with a number each for those of its tables."""
    if not isinstance(spec, Node):
        return spec_of(value, apart=True) if spec[0] == "table" else spec
    node = opened(value)
    assert node is not None
    return spec._replace(items=tuple(map(taken_apart, spec.items, node.items)))


def _spec_of_field(value: Any, name: str, apart: bool) -> Tree:
    """Return the kind of a field of an object; only what is read must be numbers."""
    try:
        return spec_of(value, name, apart)
    except SrcgradError:
        return ("static", Known(value))


@functools.lru_cache
def _name_of(dtype: Any) -> str:
    name: str = dtype.name  # NumPy puts it together anew each time
    return name


def _redefines(kind: type, plain: type) -> bool:
    """Tell whether numbers of a class are computed with in another way."""
    if kind is plain or plain is object:
        return False
    return any(getattr(kind, w, 0) is not getattr(plain, w, 0) for w in _WAYS)


def _check_array(value: Any, name: str) -> None:
    dtype, what = value.dtype, ""
    if dtype.kind in _NO_NUMBERS:
        what = f"holds {_NO_NUMBERS[dtype.kind]}, not numbers"
        help = "pass numbers; what only chooses a way can be a str or bool"
        if dtype.names:
            help = f"pass a field as an array: `{name}[{dtype.names[0]!r}]`"
    elif dtype.name in _OTHER:
        kind = "complex" if dtype.kind == "c" else "float"
        what = f"has dtype {dtype}: derivatives are computed in float64 or float32"
        help = f"pass `{name}.astype({kind})`"
    elif isinstance(value, np.ndarray) and _redefines(type(value), np.ndarray):
        what, help = f"is a {type(value).__name__}", f"pass `np.asarray({name})`"
    if what:
        raise make_error("SG305", f"`{name}` {what}", helps=(help,))


def type_of_leaf(type: Any) -> Tree:
    """Return the spec of an IR value of this type."""
    if type.rank:
        ones = tuple(int(d.known == 1) for d in type.dims)
        return _array_leaf(type.dtype, ones, type.contiguous)
    return ("scalar", type.dtype, type.python)


def _array_leaf(dtype: str, ones: tuple[int, ...], contiguous: bool) -> Tree:
    return ("array", dtype, ones) if contiguous else ("array", dtype, ones, "strided")


def outside(leaf: Tree) -> tuple[Any, ...]:
    """Return what marks a form of what a leaf of a spec is: nothing for an array."""
    kind, _, known, *python = leaf
    if kind == "table":
        return (Lists(tuple(range(len(known))), *python),)
    return (POINT,) * (kind == "array" and not known)


def is_float_leaf(leaf: Any) -> bool:
    """Tell whether the leaf of a spec has a derivative, as complex numbers have."""
    return leaf[0] != "static" and is_inexact(str(leaf[1]))


# trees and values


def leaves(tree: Tree, value: Any = None, name: str = "") -> Iterator[Any]:
    """Yield `(name, leaf, value)` for each leaf but the static ones.

    >>> [(n, v) for n, _, v in leaves(spec_of([1.0, 2]), [5, 6], "x")]
    [('x.0', 5), ('x.1', 6)]
    """
    if not isinstance(tree, Node):
        if tree[0] != "static":
            packed = tree[0] == "table" and value is not None
            yield name, tree, np.array(value) if packed else value
        return
    node = opened(value)
    items = dict(zip(node.keys, node.items, strict=True)) if node else {}
    if value is None:
        items = dict.fromkeys(tree.keys)
    elif node is None or items.keys() != set(tree.keys):
        got = type(value).__name__ if node is None else _says(node)
        raise ValueError(f"a {_says(tree)} belongs here, not a {got}")
    for key, inner in zip(tree.keys, tree.items, strict=True):
        yield from leaves(inner, items[key], f"{name}.{key}")


def _says(node: Node) -> str:
    if node.kind in ("dict", "record"):
        return f"{node.kind} of {', '.join(map(repr, node.keys))}"
    return f"{node.kind} of {len(node.keys)} item{'s' * (len(node.keys) != 1)}"


def relabel(
    tree: Tree, leaf: Callable[[Any], Any], close: Callable[[Node], Any] = Node._replace
) -> Any:
    """Return a tree with other leaves; with `closed` the value that they make."""
    if not isinstance(tree, Node):
        return leaf(tree)
    items = tuple(relabel(t, leaf, close) for t in tree.items)
    return close(tree._replace(items=items))
