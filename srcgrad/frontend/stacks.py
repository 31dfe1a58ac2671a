"""Lists that are popped at run time.

Nothing is ever taken out: every item that was pushed stays in a list that only grows,
with the place of the item below it. The stack is then two numbers, the place of its top
and its height, so its adjoint is that of a growing list.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from srcgrad.builder import INT, const
from srcgrad.frontend.values import Cell, ListCell, Ref, Root, Thing
from srcgrad.ir import Assert, Block, Carry, Const, For, Index, Operand, Value
from srcgrad.types import ListOf

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["is_stack", "item", "make_stack", "pop", "push", "unordered"]


def is_stack(cell: Thing, contents: Any) -> bool:
    """Tell whether a container is a list kept as a stack."""
    return isinstance(cell, ListCell) and isinstance(contents, dict)


def make_stack(reader: Reader, cell: Cell) -> None:
    """Turn a list into a stack, if it is none."""
    build, heap = reader.build, reader.state.heap
    if isinstance(heap[cell], dict):
        return
    if isinstance(heap[cell], tuple):
        kind = reader.item_type(cell, heap[cell])
        if kind is None:
            raise unordered(reader, None)
        reader.make_growable(cell, kind)
    values: Ref = heap[cell]
    if not isinstance(values.type, ListOf):
        raise unordered(reader, None)
    count = build.op("length", reader.version(values.root))
    type = ListOf(INT)
    empty = build.op("new_list", item=INT)
    turn, inn = Value("i", INT), Value("", type)
    with build.block() as stmts:
        longer = build.push(inn, build.op("sub", turn, const(1)))
    below = Root(f"{cell.name or 'item'}_below", type)
    filled = Value(below.name, type)
    carry = Carry(empty, inn, longer, filled)
    body = Block(tuple(stmts))
    build.emit(For(turn, const(0), count, const(1), (carry,), body, loc=build.loc))
    reader.state.ver[below] = filled
    top = build.op("sub", count, const(1))
    below_ref = Ref(below, (), type)
    heap[cell] = {"values": values, "below": below_ref, "top": top, "count": count}


def push(reader: Reader, cell: ListCell, value: Thing, node: ast.AST) -> None:
    """Put an item on top."""
    from srcgrad.frontend import calls

    build = reader.build
    stack: dict[str, Any] = reader.state.heap[cell]
    values, below = stack["values"], stack["below"]
    place = build.op("length", reader.version(values.root))
    calls.push(reader, values, value, node)
    reader.state.ver[below.root] = build.push(reader.version(below.root), stack["top"])
    count = build.op("add", stack["count"], const(1))
    reader.state.heap[cell] = {**stack, "top": place, "count": count}


def pop(reader: Reader, cell: ListCell) -> Thing:
    """Take the topmost item off."""
    make_stack(reader, cell)
    thing = item(reader, cell, const(-1), None)
    stack: dict[str, Any] = reader.state.heap[cell]
    top = _below(reader, stack, stack["top"])
    count = reader.build.op("sub", stack["count"], const(1))
    reader.state.heap[cell] = {**stack, "top": top, "count": count}
    return thing


def item(reader: Reader, cell: ListCell, index: Thing, node: ast.AST | None) -> Thing:
    """Return an item counted from the top: `stack[-1]`."""
    from srcgrad.frontend import indexing

    if not isinstance(index, Const) or index.value >= 0:
        raise unordered(reader, node)
    build = reader.build
    stack: dict[str, Any] = reader.state.heap[cell]
    depth = -int(index.value)
    enough = build.op("ge", stack["count"], const(depth))
    build.emit(Assert(enough, "IndexError", "list index out of range", build.loc))
    place = stack["top"]
    for _ in range(depth - 1):
        place = _below(reader, stack, place)
    return indexing.at(reader, stack["values"], place)


def _below(reader: Reader, stack: dict[str, Any], place: Operand) -> Operand:
    """Return the place of the item below another."""
    version = reader.version(stack["below"].root)
    return reader.build.read(version, (Index((place,)),))


def unordered(reader: Reader, node: ast.AST | None) -> Exception:
    """Return the problem of a stack that is used as a list."""
    return reader.problem(
        "SG203", "a list that is popped in a loop is read from its end only", node,
        helps=("keep a count of the items, and read by index",),
    )  # fmt: skip
