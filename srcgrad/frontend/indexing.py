"""Read subscripts: views, element reads, gathers, masks, and stores through them."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import stacks
from srcgrad.frontend.values import (
    DictCell,
    ListCell,
    Ref,
    SliceValue,
    Static,
    Thing,
    Tuple,
    is_point,
    kind_of,
)
from srcgrad.ir import Assert, Const, Index, Item, Operand, Path, Slice
from srcgrad.types import Array, ListOf, Scalar

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = [
    "assign", "at", "first", "get", "in_place", "put", "slice_value", "split",
    "subscript", "target",
]  # fmt: skip


def subscript(reader: Reader, node: ast.Subscript) -> Thing:
    """Read `owner[index]`."""
    owner, index = target(reader, node)
    return get(reader, owner, index, node)


def target(reader: Reader, node: ast.Subscript) -> tuple[Thing, Thing]:
    """Read the owner and the index of a subscript."""
    owner = reader.expression(node.value)
    with reader.holding(owner):
        index = reader.expression(node.slice)
    return owner, index


def slice_value(reader: Reader, node: ast.Slice) -> SliceValue:
    """Read `start:stop:step`."""
    parts = (node.lower, node.upper, node.step)
    read = [Static(None) if p is None else reader.expression(p) for p in parts]
    return SliceValue(*read)


def first(type: Array) -> Index:
    """Return the index of the only element of an array of ones."""
    return Index(tuple(const(0) for _ in type.dims))


def at(reader: Reader, ref: Ref, *items: Operand) -> Thing:
    """Return `ref[items]`: an element, or a view of what is left."""
    return _place(reader, ref, tuple(items))


def split(reader: Reader, ref: Ref, before: int, single: int) -> list[Thing]:
    """Return the items that single targets and one starred target are bound to."""
    assert isinstance(ref.type, Array)
    after = single - before
    length = reader.build.size(reader.operand(ref), 0)
    enough = reader.build.op("ge", length, const(single))
    reader.build.emit(Assert(enough, "ValueError", "too few values", reader.build.loc))
    end = None if not after else const(-after)
    middle = _place(reader, ref, (Slice(const(before), end, None),))
    assert isinstance(middle, Ref)
    rest = reader.allocate(reader.build.op("copy", reader.operand(middle)))
    rest.root.listlike = True
    if ref.type.rank > 1:
        reader.share(rest.root, ref.root)
    last = [at(reader, ref, const(k)) for k in range(-after, 0)]
    return [*(at(reader, ref, const(k)) for k in range(before)), rest, *last]


def _extend(ref: Ref, items: tuple[Item, ...]) -> Path:
    """Append a subscript; `A[i][j]` is `A[i, j]`, but not for a list of arrays."""
    path = ref.path
    if not items:
        return path
    last = path[-1] if len(path) > isinstance(ref.root.type, ListOf) else None
    if isinstance(last, Index) and all(
        i is not None and not isinstance(i, Slice) and i.type.rank == 0
        for i in last.items
    ):
        return (*path[:-1], Index(last.items + items))
    return (*path, Index(items))


def _place(reader: Reader, ref: Ref, items: tuple[Item, ...]) -> Thing:
    path = _extend(ref, items)
    type = reader.build.place(ref.root.type, path)
    if isinstance(type, Scalar):
        return reader.build.read(reader.version(ref.root), path)
    return Ref(ref.root, path, type)


def get(reader: Reader, owner: Thing, index: Thing, node: ast.AST) -> Thing:
    """Return `owner[index]`."""
    from srcgrad.frontend import calls

    if isinstance(owner, DictCell):
        key = calls.static(reader, index, node)
        contents: dict[Any, Thing] = reader.state.heap[owner]
        if key not in contents:
            return reader.raises("KeyError")
        return contents[key]
    if isinstance(owner, ListCell) and isinstance(reader.state.heap[owner], Ref):
        owner = reader.state.heap[owner]
    if is_point(owner):
        whole = _whole_point(reader, index, node)
        return owner if whole else reader.operand(owner)
    if isinstance(owner, ListCell) and isinstance(reader.state.heap[owner], dict):
        return stacks.item(reader, owner, index, node)
    if isinstance(owner, Tuple | ListCell):
        return _from_sequence(reader, owner, index, node)
    if isinstance(owner, Ref):
        if isinstance(owner.type, ListOf):
            return at(reader, owner, _from_front(reader, owner, index, node))
        items, fancy = _items(reader, owner, index, node)
        thing = _place(reader, owner, items)
        if fancy:
            assert isinstance(thing, Ref)
            return reader.thing(reader.build.op("copy", reader.operand(thing)))
        return thing
    if isinstance(owner, Operand) and not owner.type.python and index == Tuple(()):
        return owner
    raise reader.problem("SG203", f"a {kind_of(owner)} cannot be subscripted", node)


def _whole_point(reader: Reader, index: Thing, node: ast.AST) -> bool:
    """Tell `[...]` from `[()]`, the two subscripts of an array of rank 0."""
    if index != Tuple(()) and not _is_ellipsis(index):
        raise reader.problem(
            "SG402", "an array of rank 0 has no axis to subscript", node
        )
    return _is_ellipsis(index)


def _from_front(reader: Reader, owner: Ref, index: Thing, node: ast.AST) -> Operand:
    """Return an index into a growing list that stays right when the list grows."""
    build = reader.build
    k = reader.operand(index, node)
    if isinstance(k, Const) and k.value < 0:
        length = build.op("length", reader.version(owner.root))
        out: Operand = build.op("sub", length, const(-int(k.value)))
        return out
    if isinstance(k, Const) or k in reader.nonnegative:
        return k
    length = build.op("length", reader.version(owner.root))
    out = build.op("where", build.op("lt", k, const(0)), build.op("add", k, length), k)
    return out


def _from_sequence(
    reader: Reader, owner: Tuple | ListCell, index: Thing, node: ast.AST
) -> Thing:
    items = owner.items if isinstance(owner, Tuple) else reader.state.heap[owner]
    if isinstance(index, Const):
        if not -len(items) <= int(index.value) < len(items):
            return reader.raises("IndexError")
        thing: Thing = items[int(index.value)]
        return thing
    if isinstance(index, SliceValue):
        from srcgrad.frontend import calls, expressions

        parts = (index.start, index.stop, index.step)
        bounds = slice(*(calls.static(reader, p, node) for p in parts))
        chosen = tuple(items[bounds])
        if isinstance(owner, Tuple):
            return Tuple(chosen)
        return expressions.new_list(reader, list(chosen))
    if isinstance(owner, ListCell):
        return get(reader, stacks.make_array(reader, owner), index, node)
    packed = reader.operand(owner, node)
    return at(reader, reader.allocate(packed), reader.operand(index, node))  # type: ignore[arg-type]


def _items(
    reader: Reader, ref: Ref, index: Thing, node: ast.AST
) -> tuple[tuple[Item, ...], bool]:
    """Return one item for each axis, and whether any is an array."""
    assert isinstance(ref.type, Array)
    parts = list(index.items) if isinstance(index, Tuple) else [index]
    if len(parts) == 1 and _is_ellipsis(index):
        return (), False
    used = sum(_axes(reader, p) for p in parts)
    rank = ref.type.rank
    if used > rank:
        raise reader.problem(
            "SG402", f"{used} subscripts for an array of rank {rank}", node
        )
    whole = Slice(None, None, None)
    if any(_is_ellipsis(p) for p in parts):
        spot = next(k for k, p in enumerate(parts) if _is_ellipsis(p))
        filler: list[Any] = [whole] * (rank - used)
        parts = [*parts[:spot], *filler, *parts[spot + 1 :]]
    else:
        parts = [*parts, *[whole] * (rank - used)]
    items = tuple(_item(reader, p, node) for p in parts)
    fancy = any(isinstance(i, Operand) and i.type.rank > 0 for i in items)
    return _trim(items, fancy), fancy


def _trim(items: tuple[Item, ...], fancy: bool) -> tuple[Item, ...]:
    """Drop trailing full slices: `A[i]` says the same as `A[i, :]`."""
    full = Slice(None, None, None)
    kept = list(items)
    while len(kept) > 1 and kept[-1] == full:
        kept.pop()
    return tuple(kept)


def _is_ellipsis(thing: object) -> bool:
    return isinstance(thing, Static) and thing.value is Ellipsis


def _axes(reader: Reader, part: Thing) -> int:
    """Return how many axes a subscript part uses up."""
    if isinstance(part, Static) and (part.value is None or part.value is Ellipsis):
        return 0
    if isinstance(part, Ref) and part.type.dtype == "bool":
        return part.type.rank
    return 1


def _item(reader: Reader, part: Any, node: ast.AST) -> Item:
    if isinstance(part, Slice):
        return part
    if isinstance(part, Static) and part.value is None:
        return None
    if isinstance(part, SliceValue):
        bounds = (part.start, part.stop, part.step)
        return Slice(*(_bound(reader, b, node) for b in bounds))
    operand = reader.operand(part, node)
    if operand.type.dtype.startswith("float"):
        raise reader.problem(
            "SG402", "a subscript must be an integer", node, helps=("use `int(...)`",)
        )
    return operand


def _bound(reader: Reader, part: Thing, node: ast.AST) -> Operand | None:
    if isinstance(part, Static) and part.value is None:
        return None
    return reader.operand(part, node)


def assign(reader: Reader, node: ast.Subscript, value: Thing) -> None:
    """Store `owner[index] = value`."""
    with reader.holding(value):
        owner, index = target(reader, node)
    put(reader, owner, index, value, node)


def in_place(reader: Reader, owner: Thing, current: Thing, index: Thing) -> bool:
    """Tell whether `owner[index] op= value` writes into an existing array."""
    if not isinstance(current, Ref) or not isinstance(current.type, Array):
        return False
    if isinstance(owner, Ref):
        parts = index.items if isinstance(index, Tuple) else (index,)
        return not any(isinstance(p, Ref | ListCell) for p in parts)
    return True


def put(
    reader: Reader, owner: Thing, index: Thing, value: Thing, node: ast.AST
) -> None:
    """Store a value into a container or an array."""
    from srcgrad.frontend import calls

    if isinstance(owner, DictCell):
        contents = dict(reader.state.heap[owner])
        contents[calls.static(reader, index, node)] = value
        reader.state.heap[owner] = contents
        return
    if isinstance(owner, ListCell) and isinstance(reader.state.heap[owner], Ref):
        owner = reader.state.heap[owner]
    if isinstance(owner, ListCell) and isinstance(reader.state.heap[owner], dict):
        raise stacks.unordered(reader, node)
    if isinstance(owner, ListCell):
        if isinstance(index, Const):
            items = list(reader.state.heap[owner])
            items[int(index.value)] = value
            reader.state.heap[owner] = tuple(items)
            return
        owner = stacks.make_array(reader, owner)
    if is_point(owner):
        _whole_point(reader, index, node)
        reader.store(owner, stored(reader, owner, value, node), node)
        return
    if not isinstance(owner, Ref):
        raise reader.problem("SG403", f"a {kind_of(owner)} cannot be written", node)
    if isinstance(owner.type, ListOf):
        if isinstance(owner.type.item, Array):
            raise reader.problem(
                "SG403", "an array in a list that grows cannot be replaced", node,
                helps=("write its elements: `[k][:] = ...`",),
            )  # fmt: skip
        path: Path = (Index((_from_front(reader, owner, index, node),)),)
    else:
        path = _extend(owner, _items(reader, owner, index, node)[0])
    ref = Ref(owner.root, path, reader.build.place(owner.root.type, path))
    reader.store(ref, stored(reader, ref, value, node), node)


def stored(reader: Reader, ref: Ref, value: Thing, node: ast.AST) -> Operand:
    """Return a value in the dtype of the place it is stored in."""
    operand = reader.operand(value, node)
    if ref.type.dtype.startswith("int") and operand.type.dtype.startswith("float"):
        out: Operand = reader.build.op("cast", operand, dtype=ref.type.dtype)
        return out
    return operand
