"""Lists whose length is known at run time only: growing lists, arrays, and stacks.

Nothing is ever taken out of a stack: every item that was pushed stays in a list that
only grows, with the place of the item below it. The stack is then two numbers, the
place of its top and its height, so its adjoint is that of a growing list.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.frontend import state
from srcgrad.frontend import values as v
from srcgrad.types import Array, ListOf, Scalar, join

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


def common_form(
    reader: Reader, cell: v.Cell, before: Any, *ends: Any
) -> tuple[str, Any] | None:
    """Return how a list must be kept at run time, if its ends have no common form."""
    if not isinstance(cell, v.ListCell) or isinstance(before, dict):
        return None
    stack = any(isinstance(end, dict) for end in ends)
    grown = any(isinstance(end, v.Ref) for end in ends)
    if isinstance(before, v.Ref) and not stack:
        return None
    if not stack and not grown and len({len(end) for end in ends}) == 1:
        return None
    types: list[Any] = []
    for end in ends:
        if isinstance(end, tuple):
            types += [getattr(item, "type", None) for item in end]
        else:
            kept = end["values"] if isinstance(end, dict) else end
            if not isinstance(kept.type, ListOf):
                return "array", None
            types.append(kept.type.item)
    item = item_type(reader, types)
    return None if item is None else ("stack" if stack else "list", item)


def reform(reader: Reader, cell: Any, form: tuple[str, Any]) -> None:
    """Bring a list into a form of run time, if it is not in one."""
    kind, item = form
    if isinstance(reader.state.heap[cell], tuple):
        if kind == "array":
            make_array(reader, cell)
        else:
            make_growable(reader, cell, item)
    if kind == "stack":
        make_stack(reader, cell)


def item_type(reader: Reader, types: list[Any]) -> Scalar | Array | None:
    """Return the one type of a growing list's items, or None."""
    if types and all(isinstance(t, Scalar) for t in types):
        wide: Scalar = functools.reduce(join, types)
        return wide
    arrays = [t for t in types if isinstance(t, Array)]
    if len(arrays) < len(types) or len({(t.dtype, t.rank) for t in arrays}) != 1:
        return None
    dims = tuple(reader.build.resolve(d) for d in arrays[0].dims)
    if any(a not in reader.outer_atoms for d in dims for a, _ in d.terms):
        raise reader.problem(
            "SG407", "the arrays in a growing list must have lengths that are "
            "known before the loop",
            "store them in the rows of one array",
        )  # fmt: skip
    return Array(arrays[0].dtype, dims)


def make_growable(reader: Reader, cell: v.Cell, item: Scalar | Array) -> None:
    """Turn a list of known length into one that grows at run time."""
    version: ir.Value = reader.build.op("new_list", item=item, name=cell.name)
    root = v.Root(cell.name, ListOf(item))
    for thing in reader.state.heap[cell]:
        value = reader.operand(thing)
        if isinstance(item, Scalar):
            value = state.convert(reader.build, value, item)
        else:
            keep(reader, root, thing.root)
        version = reader.build.push(version, value)
    reader.state.ver[root] = version
    reader.state.heap[cell] = v.Ref(root, (), root.type)


def make_array(reader: Reader, owner: v.Thing) -> v.Ref:
    """Keep a list as an array, so that data can index it; lists in it become rows."""
    from srcgrad.frontend import calls

    packed = calls.pack(reader, owner)
    assert isinstance(packed, v.Ref)
    root, heap = packed.root, reader.state.heap

    def tie(thing: Any, place: tuple[ir.Operand, ...]) -> None:
        if isinstance(thing, v.Ref) and not v.is_point(thing):
            keep(reader, root, thing.root)
        elif isinstance(thing, v.Tuple | v.ListCell):
            items: Any = thing.items if isinstance(thing, v.Tuple) else heap[thing]
            root.listlike = max(root.listlike, len(place) + 1)
            for k, item in enumerate((items,) if isinstance(items, v.Ref) else items):
                tie(item, (*place, const(k)))
            if isinstance(thing, v.ListCell):
                path = (ir.Index(place),) if place else ()
                root.name = thing.name  # at last that of the outermost
                heap[thing] = v.Ref(root, path, reader.build.place(root.type, path))

    tie(owner, ())
    return packed


def keep(reader: Reader, holder: v.Root, kept: v.Root) -> None:
    """Note that a list holds a copy; one that may hold it twice shares with itself."""
    memory = kept.memory
    if any(holder in root.shares for root in (memory, *memory.shares)):
        holder.shares.add(holder)
    reader.share(holder, memory)


def replaceable(reader: Reader, owner: v.Thing, root: v.Root, value: v.Thing) -> bool:
    """Tell whether the rows of a list, and a new one, have no other names."""
    heap = reader.state.heap
    new = {
        root,
        *v.roots_of(value, heap),
        *(key[:1] for key, _ in v.leaves(value, heap)),
    }
    for thing in (*reader.state.names.values(), *reader.elsewhere()):
        for key, leaf in v.leaves(thing, heap):
            named = isinstance(leaf, v.Ref) and leaf.root.memory in new
            if key[:1] != (owner,) and (named or (key and key[:1] in new)):
                return False
    return root not in v.roots_of(value, heap)


def widen(reader: Reader, cell: v.Cell, item: Scalar) -> v.Refused:
    """Let the loop that made a list grow do it for items of a wider type."""
    for plan in reader.plans:
        if ("form", cell) in plan:
            plan["form", cell] = (plan["form", cell][0], item)
            raise state.Retry(plan)
    return reader.problem(
        "SG402", f"the list holds items of type {item}",
        "begin with an item of this type",
    )  # fmt: skip


def is_stack(cell: v.Thing, contents: Any) -> bool:
    """Tell whether a container is a list kept as a stack."""
    return isinstance(cell, v.ListCell) and isinstance(contents, dict)


def make_stack(reader: Reader, cell: v.Cell) -> None:
    """Turn a list into a stack, if it is none."""
    build, heap = reader.build, reader.state.heap
    if isinstance(heap[cell], dict):
        return
    values: v.Ref = heap[cell]
    if not isinstance(values.type, ListOf):
        raise unordered(reader)
    count = build.op("length", reader.version(values.root))
    type = ListOf(INT)
    empty = build.op("new_list", item=INT)
    turn, inn = ir.Value("i", INT), ir.Value("", type)
    with build.block() as stmts:
        longer = build.push(inn, build.op("sub", turn, const(1)))
    below = v.Root(f"{cell.name or 'item'}_below", type)
    filled = ir.Value(below.name, type)
    carry = ir.Carry(empty, inn, longer, filled)
    body = ir.Block(tuple(stmts))
    build.emit(ir.For(turn, const(0), count, const(1), (carry,), body, loc=build.loc))
    reader.state.ver[below] = filled
    top = build.op("sub", count, const(1))
    below_ref = v.Ref(below, (), type)
    heap[cell] = {"values": values, "below": below_ref, "top": top, "count": count}


def push(reader: Reader, cell: v.ListCell, value: v.Thing) -> None:
    """Put an item on top."""
    from srcgrad.frontend import calls

    build = reader.build
    stack: dict[str, Any] = reader.state.heap[cell]
    values, below = stack["values"], stack["below"]
    place = build.op("length", reader.version(values.root))
    calls.push(reader, cell, values, value)
    reader.state.ver[below.root] = build.push(reader.version(below.root), stack["top"])
    count = build.op("add", stack["count"], const(1))
    reader.state.heap[cell] = {**stack, "top": place, "count": count}


def pop(reader: Reader, cell: v.ListCell) -> v.Thing:
    """Take the topmost item off."""
    make_stack(reader, cell)
    thing = item(reader, cell, const(-1))
    stack: dict[str, Any] = reader.state.heap[cell]
    top = _below(reader, stack, stack["top"])
    count = reader.build.op("sub", stack["count"], const(1))
    reader.state.heap[cell] = {**stack, "top": top, "count": count}
    return thing


def item(reader: Reader, cell: v.ListCell, index: v.Thing) -> v.Thing:
    """Return an item counted from the top: `stack[-1]`."""
    from srcgrad.frontend import indexing

    if not isinstance(index, ir.Const) or index.value >= 0:
        raise unordered(reader)
    build = reader.build
    stack: dict[str, Any] = reader.state.heap[cell]
    depth = -int(index.value)
    enough = build.op("ge", stack["count"], const(depth))
    build.emit(ir.Assert(enough, "IndexError", "list index out of range", build.loc))
    place = stack["top"]
    for _ in range(depth - 1):
        place = _below(reader, stack, place)
    return indexing.at(reader, stack["values"], place)


def _below(reader: Reader, stack: dict[str, Any], place: ir.Operand) -> ir.Operand:
    """Return the place of the item below another."""
    version = reader.version(stack["below"].root)
    return reader.build.read(version, (ir.Index((place,)),))


def unordered(reader: Reader) -> Exception:
    """Return the problem of a stack that is used as a list."""
    return reader.problem(
        "SG203", "a list that is popped in a loop is read from its end only",
        "keep a count of the items, and read by index",
    )  # fmt: skip
