"""What a name can be bound to while a function is read.

Numbers are IR operands. An array is a `Ref`: a root buffer and a path into it, never a
version, so that every read sees the root's current version. Containers are taken apart:
tuples hold their items; lists and dicts, which can change, are cells whose contents lie
in the state. Everything else is known while compiling.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from srcgrad.ir import Const, Operand, Path, Value
from srcgrad.source import FunctionSource
from srcgrad.types import Array, ListOf, Scalar, Type


class Refused(Exception):
    """A problem was noted; the statement around it is given up."""


class NeedStatic(Exception):
    """Values must be known while compiling: specialise on the arguments themselves."""

    def __init__(self, leaves: list[str], captures: list[Any]) -> None:
        super().__init__(*leaves)
        self.leaves, self.captures = leaves, captures


@dataclass(eq=False, slots=True)
class Owner:
    """The identity of something that can change; what it holds lies in the state.

    `shares` hold a copy where plain Python has, or may have, one memory: a change to
    either makes the other unreadable. What was `joined` is one of several things;
    `python` tells a list kept as an array of numbers of Python's own.
    """

    name: str
    shares: set[Owner] = field(default_factory=set, init=False)
    python: bool = field(default=False, init=False)
    joined: bool = field(default=False, init=False)

    @property
    def memory(self) -> Owner:
        """What holds the elements."""
        return self


@dataclass(eq=False, slots=True)
class Root(Owner):
    """A buffer: an argument, an allocation, or what a loop or merge hands on.

    `listlike` counts the leading axes that are Python lists, `captured` is the value of
    a global, which must not be written. A read-only view that no path describes (a
    broadcast, a diagonal) has no version: each read makes it again out of `of`. With
    `writable` it may only be read here, though NumPy would write to it. A `pool` is the
    list of arrays that change their names, see `pools`.
    """

    type: Array | ListOf
    listlike: int = 0
    captured: Value | None = None
    of: Ref | None = None
    remake: Callable[[Operand], Operand] = lambda base: base
    writable: bool = False
    pool: bool = field(default=False, init=False)

    @property
    def memory(self) -> Root:
        """The buffer that holds the elements."""
        return self if self.of is None else self.of.root.memory


@dataclass(frozen=True, slots=True)
class Ref:
    """A part of a buffer; an array of rank 0 is one element, of type Scalar."""

    root: Root
    path: Path
    type: Type


@dataclass(frozen=True, slots=True)
class Tuple:
    """A tuple, or the result of a namedtuple class; see also `columns`."""

    items: tuple[Thing, ...]
    cls: Any = None


@dataclass(eq=False, slots=True)
class Cell(Owner):
    """A container that can change, of class `cls`; `captured` is that of a global."""

    cls: type = object
    captured: Any = field(default=None, kw_only=True)


@dataclass(eq=False, slots=True)
class ListCell(Cell):
    """A list: a tuple of its items, a Ref if it grows, a dict if it is a stack.

    One of containers that grows is a Tuple of lists, see `columns`. A deque holds
    `limit` items at most, what a comprehension made `count` items.
    """

    cls: type = list
    limit: int | None = None
    count: Any = None


@dataclass(eq=False, slots=True)
class DictCell(Cell):
    """A dict or OrderedDict with known keys; `factory` makes what is not there."""

    cls: type = dict
    factory: Any = None


@dataclass(eq=False, slots=True)
class Record(Cell):
    """An object taken apart into its fields."""


@dataclass(eq=False, slots=True)
class Box(Cell):
    """What a name means that other functions bind too: a dict of the name alone."""


class Gone(Exception):
    """What a cell, its argument, holds may have been changed by another name."""


class Heap(dict[Cell, Any]):
    """The contents of cells; a change to one makes those that it shares with gone."""

    def __setitem__(self, cell: Cell, contents: Any) -> None:
        super().__setitem__(cell, contents)
        for other in cell.shares:
            self.pop(other, None)  # type: ignore[call-overload]

    def __missing__(self, cell: Cell) -> Any:
        if cell.captured is None:
            raise Gone(cell)
        return cell.captured


@dataclass(frozen=True, slots=True)
class Static:
    """A Python object that is known while compiling."""

    value: Any


NONE, EMPTY = Static(None), Tuple(())
WHOLE = "whole"  # what a reading is told: no list is kept as lists of fields


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A function defined inside the function that is being read."""

    source: FunctionSource
    node: ast.FunctionDef | ast.Lambda
    names: dict[str, Any]
    defaults: dict[str, Any]
    frame: Any

    @property
    def name(self) -> str:
        """What it is called in its text."""
        return getattr(self.node, "name", "lambda")


@dataclass(frozen=True, slots=True)
class Bound:
    """A method of a value, not yet called."""

    owner: Thing
    name: str


@dataclass(frozen=True, slots=True)
class SliceValue:
    """`slice(start, stop, step)` as a value, or a slice inside a subscript."""

    start: Thing
    stop: Thing
    step: Thing


@dataclass(frozen=True, slots=True)
class Iter:
    """What a loop can run over; `left` is gone when what `zip` and the like give is.

    `seen` tells what its parts held when it was made, where that decides its items.
    """

    make: Callable[..., Any]
    parts: tuple[Thing, ...]
    left: Cell | None = None
    seen: tuple[Any, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Maybe:
    """A name bound on some paths only; `bound` is a flag that says whether it is."""

    thing: Thing
    bound: Operand


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of several things, of which a number tells the place; see `choices`."""

    case: Operand
    things: tuple[Thing, ...]


class Undecided(Exception):
    """Which of several something is must be known to go on; see `choices`."""


@dataclass(frozen=True, slots=True)
class Poison:
    """What a statement with an error would have bound; uses are not reported again."""


@dataclass(frozen=True, slots=True)
class Unbound:
    """A name that is not bound before the first turn of the loop being read."""


Thing = (
    Unbound | Const | Value | Ref | Tuple | ListCell | DictCell | Record | Box | Static
    | Closure | Bound | SliceValue | Iter | Maybe | OneOf | Poison
)  # fmt: skip


def is_operand(thing: object) -> TypeGuard[Operand]:
    """Tell whether a thing is a number known to the IR."""
    return isinstance(thing, Const | Value)


def is_point(thing: object) -> TypeGuard[Ref]:
    """Tell whether a thing is an array of rank 0."""
    return isinstance(thing, Ref) and isinstance(thing.type, Scalar)


def list_axes(thing: Any) -> int:
    """Return how many leading axes of an array are lists in plain Python."""
    if not isinstance(thing, Ref) or not thing.root.listlike:
        return 0
    types: Any = (thing.root.type, thing.type)
    whole, rank = (1 + t.item.rank if isinstance(t, ListOf) else t.rank for t in types)
    return max(0, thing.root.listlike - whole + rank)


def is_python(thing: Any, heap: dict[Cell, Any]) -> bool:
    """Tell whether all numbers in a thing are Python's own."""
    found: list[Any] = [x for _, x in leaves(thing, heap)]
    types = [getattr(x.type, "item", x.type) for x in found]  # of what grows: its items
    kept = [
        x.root if isinstance(x, Ref) and not isinstance(type, Scalar) else type
        for x, type in zip(found, types, strict=True)
    ]
    return all(x.python for x in kept)


def leaves(
    thing: Any, heap: dict[Cell, Any], key: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Thing]]:
    """Yield the numbers and arrays inside a thing with their keys, in order."""
    items: Any = ()
    match thing:
        case Const() | Value() | Ref():
            yield key, thing
        case Cell():
            yield from leaves(heap.get(thing, thing.captured), heap, (thing,))
        case Maybe(thing=inner) | Bound(owner=inner):
            yield from leaves(inner, heap, key)
        case OneOf():
            items = [("case", thing.case), *enumerate(thing.things)]
        case Closure():
            items = [i for i in thing.names.items() if not isinstance(i[1], Closure)]
        case dict():
            items = thing.items()
        case Tuple(items=held) | Iter(parts=held) | (tuple() as held):
            items = enumerate(held)
    for k, item in items:
        yield from leaves(item, heap, (*key, k))


def cells(thing: Any, heap: dict[Cell, Any]) -> Iterator[Cell]:
    """Yield the containers in a thing, as often as they stand there."""
    parts: Any = thing.items if isinstance(thing, Tuple) else ()
    parts = thing.things if isinstance(thing, OneOf) else parts
    if isinstance(thing, Cell):
        yield thing
        parts = heap[thing]
    if isinstance(parts, dict):
        parts = parts.values()
    parts = parts.items if isinstance(parts, Tuple) else parts
    for part in parts if not isinstance(parts, Ref) else ():
        yield from cells(part, heap)


def roots_of(thing: Thing, heap: dict[Cell, Any]) -> Iterator[Root]:
    """Yield the buffers a thing reaches."""
    for _, leaf in leaves(thing, heap):
        if isinstance(leaf, Ref):
            yield leaf.root.memory


_KINDS: dict[Any, str] = {
    "float64": "number", "int64": "integer", Ref: "list", ListCell: "list",
    tuple: "list", DictCell: "dict", Closure: "function", Bound: "function",
    SliceValue: "slice",
}  # fmt: skip


def is_none(thing: Thing) -> bool:
    """Tell None; what else is known while compiling may be an array."""
    return isinstance(thing, Static) and thing.value is None


def kind_of(thing: Thing) -> str:
    """Name a thing's kind in words, for messages."""
    match thing:
        case Const() | Value():
            return _KINDS.get(thing.type.dtype, thing.type.dtype)
        case Ref(type=Array(dtype="generator")):
            return "Generator"
        case Ref(type=Array() | Scalar()):
            return f"{thing.type.dtype} array of rank {thing.type.rank}"
        case Record():
            return thing.cls.__name__
        case OneOf():
            return " or ".join(dict.fromkeys(map(kind_of, thing.things)))
        case Static():
            return "None" if thing.value is None else type(thing.value).__name__
    return _KINDS.get(type(thing), type(thing).__name__.lower())
