"""Methods of lists, tuples and dicts: Python's own, run on what they hold."""

from __future__ import annotations

from typing import Any

from srcgrad.frontend import build, calls, expressions, iteration, lists
from srcgrad.frontend import values as v
from srcgrad.frontend.values import Static, Thing

# Methods that put items in and take them out, without asking what is equal to what;
# those that change nothing, and those whose first argument is a place.
_LIST = {"pop", "insert", "reverse", "clear", "copy", "__setitem__"}
_READS = {"get", "copy", "items", "keys", "values"}
_DICT = {"pop", "setdefault", "update", "clear", "__setitem__", *_READS}
_PLACE = {"pop", "insert", "get", "setdefault", "__setitem__"}


def method(
    reader: build.Reader, owner: v.Tuple | v.Cell, name: str, args: list[Thing],
    kwargs: dict[str, Thing],
) -> Thing:  # fmt: skip
    """Call a method of a container."""
    if isinstance(owner, v.Tuple) and owner.cls is not None:
        fields: Any = owner.cls
        if name == "_replace":
            items = dict(zip(fields._fields, owner.items, strict=True)) | kwargs
            return v.Tuple(tuple(items.values()), owner.cls)
        return calls.inline(reader, getattr(fields, name), [owner, *args], kwargs)
    contents: Any = None if isinstance(owner, v.Tuple) else reader.state.heap[owner]
    if isinstance(owner, v.ListCell):
        if name in ("append", "extend"):
            getattr(lists, name)(reader, owner, args[0])
            return Static(None)
        if name == "pop" and not args and not isinstance(contents, tuple):
            return lists.pop(reader, owner)
    listed = isinstance(contents, tuple)
    known = _LIST if listed else _DICT if isinstance(owner, v.DictCell) else set()
    pairs = name == "update" and not all(isinstance(a, v.DictCell) for a in args)
    if name not in known or kwargs or pairs:
        kind = v.kind_of(owner)  # type: ignore[arg-type]
        what = f"method `.{name}()` of a {kind} is not known"
        raise reader.problem("SG203", what)
    cell: Any = owner
    held: Any = list(contents) if listed else dict(contents)
    given: list[Any] = list(args)
    if name in _PLACE and args:
        given[0] = calls.static(reader, args[0])
    if name == "update":
        given = [reader.state.heap[a] for a in args]  # type: ignore[index]
    if name in ("get", "setdefault") and len(args) == 1:
        given.append(Static(None))
    try:
        result = getattr(held, name)(*given)
    except (IndexError, KeyError) as error:
        return reader.raises(type(error).__name__)
    if name not in _READS:
        lists.changed(reader, cell, len(held) != len(contents))
        reader.state.heap[owner] = tuple(held) if listed else held  # type: ignore[index]
    match name:
        case "copy" if listed:
            return expressions.new_list(reader, result)
        case "copy":
            made = v.DictCell("", cell.cls)
            reader.state.heap[made] = result
            return made
        case "values" | "items":  # they show what the dict holds later
            return v.Iter(iteration.entries, (cell, Static(name)))
        case "keys":
            return v.Iter(iteration.sequence, (cell,))
    return Static(None) if result is None else result
