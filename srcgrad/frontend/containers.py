"""Methods of lists, tuples and dicts."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from srcgrad.frontend import calls, expressions, stacks
from srcgrad.frontend.values import (
    Cell,
    DictCell,
    ListCell,
    Static,
    Thing,
    Tuple,
    kind_of,
)

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


def method(
    reader: Reader, owner: Tuple | Cell, name: str, args: list[Thing],
    kwargs: dict[str, Thing], node: ast.AST,
) -> Thing:  # fmt: skip
    """Call a method of a container."""
    if isinstance(owner, ListCell):
        found = _list(reader, owner, name, args, node)
    elif isinstance(owner, DictCell):
        found = _dict(reader, owner, name, args, node)
    elif isinstance(owner, Tuple) and name == "_replace":
        fields = owner.cls._fields  # type: ignore[union-attr]
        items = dict(zip(fields, owner.items, strict=True)) | kwargs
        found = Tuple(tuple(items[f] for f in fields), owner.cls)
    elif isinstance(owner, Tuple) and owner.cls is not None:
        member = getattr(owner.cls, name, None)
        found = calls.inline(reader, member, [owner, *args], kwargs, node)
    else:
        found = None
    if found is None:
        thing: Any = owner
        raise reader.problem(
            "SG203", f"method `.{name}()` of a {kind_of(thing)} is not known", node
        )
    return found


def _list(
    reader: Reader, owner: ListCell, name: str, args: list[Thing], node: ast.AST
) -> Thing | None:
    heap = reader.state.heap
    if name == "append":
        calls.append(reader, owner, args[0], node)
        return Static(None)
    if name == "extend":
        calls.extend(reader, owner, args[0], node)
        return Static(None)
    contents = heap[owner]
    if name == "pop" and not args and not isinstance(contents, tuple):
        return stacks.pop(reader, owner)
    if not isinstance(contents, tuple):
        return None
    if name == "pop":
        at = int(calls.static(reader, args[0], node)) if args else -1
        items = list(contents)
        if not items:
            return reader.raises("IndexError")
        item: Thing = items.pop(at)
        heap[owner] = tuple(items)
        return item
    if name == "insert":
        items = list(contents)
        items.insert(int(calls.static(reader, args[0], node)), args[1])
        heap[owner] = tuple(items)
        return Static(None)
    if name == "copy":
        return expressions.new_list(reader, list(contents))
    if name == "reverse":
        heap[owner] = tuple(reversed(contents))
        return Static(None)
    return None


def _dict(
    reader: Reader, owner: DictCell, name: str, args: list[Thing], node: ast.AST
) -> Thing | None:
    contents: dict[Any, Thing] = reader.state.heap[owner]
    if name == "items":
        lifted = ((calls.lift(reader, k, node), v) for k, v in contents.items())
        return Tuple(tuple(Tuple(pair) for pair in lifted))
    if name == "keys":
        return Tuple(tuple(calls.lift(reader, k, node) for k in contents))
    if name == "values":
        return Tuple(tuple(contents.values()))
    if name == "get":
        key = calls.static(reader, args[0], node)
        default: Thing = args[1] if len(args) > 1 else Static(None)
        return contents.get(key, default)
    if name == "copy":
        cell = DictCell("")
        reader.state.heap[cell] = dict(contents)
        return cell
    if name == "update":
        assert isinstance(args[0], DictCell)
        reader.state.heap[owner] = contents | reader.state.heap[args[0]]
        return Static(None)
    return None
