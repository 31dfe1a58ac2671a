"""Lists: of known length, growing, kept as arrays, and stacks; methods of containers.

A list of known length is a tuple of its items. What its length is at run time only is a
list that grows, an array if data index it, and a stack if it is popped. Nothing is ever
taken out of a stack: every item that was pushed stays in a list that only grows, with
the place of the item below it. The stack is then two numbers, the place of its top and
its height, so its adjoint is that of a growing list.
"""

from __future__ import annotations

import ast
import contextlib
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad import ir
from srcgrad.builder import const
from srcgrad.frontend import attributes, calls, expressions, indexing, iteration, state
from srcgrad.frontend import values as v
from srcgrad.ops import python
from srcgrad.types import Array, ListOf, Scalar, Type, join, promote

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

Form = tuple[str, Scalar | Array | None]


def common_form(reader: Reader, cell: v.Cell, before: Any, *ends: Any) -> Form | None:
    """Return how a list must be kept at run time, if its ends have no common form."""
    if not isinstance(cell, v.ListCell) or isinstance(before, dict) or None in ends:
        return None
    stack = any(isinstance(end, dict) for end in ends)
    lengths = {len(end) if isinstance(end, tuple) else None for end in ends}
    same = len(lengths) == 1 and None not in lengths
    if same or (isinstance(before, v.Ref) and not stack):
        return None
    types: list[Any] = []
    for end in ends:
        if isinstance(end, tuple):
            types += [getattr(item, "type", None) for item in end]
        else:
            kept = end["values"] if isinstance(end, dict) else end
            known = lengths | {len(before) if isinstance(before, tuple) else None}
            if isinstance(kept.type, Array) and kept.type.dims[0].known in known:
                return "array", None  # else it has grown and was indexed then
            types.append(_item(reader, kept))
    kind = "stack" if stack else "list"
    if types and all(isinstance(t, Scalar) for t in types):
        return kind, join(*types)
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
    return kind, Array(arrays[0].dtype, dims)


def _item(reader: Reader, kept: v.Ref) -> Type:
    """Return the type of the items of a list that grows or is kept as an array."""
    return reader.build.place(kept.type, (ir.Index((const(0),)),))


def new_list(reader: Reader, name: str, item: Type | None) -> v.Ref:
    """Make an empty list that grows at run time."""
    return reader.allocate(reader.build.op("new_list", item=item, name=name))


def reform(reader: Reader, cell: v.ListCell, form: Form) -> None:
    """Bring a list into a form of run time, if it is not in one."""
    (kind, item), items = form, reader.state.heap[cell]
    if isinstance(items, tuple):
        if kind == "array":
            make_array(reader, cell)
            return
        reader.state.heap[cell] = new_list(reader, cell.name, item)
        for thing in items:
            append(reader, cell, thing)
    if kind == "stack":
        make_stack(reader, cell)


def make_array(reader: Reader, owner: v.Thing) -> v.Ref:
    """Keep a list as an array, so that data can index it; lists in it become rows."""
    packed = pack(reader, owner)
    assert isinstance(packed, v.Ref)
    root, heap = packed.root, reader.state.heap
    root.python = True

    def tie(thing: Any, place: tuple[ir.Operand, ...]) -> None:
        if (type := getattr(thing, "type", None)) is not None:
            hold(reader, root, type)
            root.python &= type.python
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
    if getattr(owner, "captured", None) is not None:
        root.captured = reader.version(root)
    return packed


def hold(reader: Reader, root: v.Root, item: Type) -> None:
    """Check that what a list that is kept as an array gives has the type of an item."""
    kept, new = root.type.dtype, item.dtype
    if promote(root.type, item) != kept or kept != new in ("float32", "complex64"):
        what = f"the list is kept as an array of type {kept}, which cannot hold {new}"
        first = "0.0" if new == "float64" else f"np.{new}(0)"
        raise reader.problem("SG402", what, f"begin with items of it: `[{first}]`")


def keep(reader: Reader, holder: v.Root, kept: v.Root) -> None:
    """Note that a list holds a copy; one that may hold it twice shares with itself."""
    memory = kept.memory
    if any(holder in root.shares for root in (memory, *memory.shares)):
        holder.shares.add(holder)
    reader.share(holder, memory)


def replaceable(reader: Reader, owner: v.Thing, root: v.Root, value: v.Thing) -> bool:
    """Tell whether the rows of a list, and a new one, have no other names."""
    heap = reader.state.heap
    inner = list(v.leaves(value, heap))
    new = {root, *v.roots_of(value, heap), *(key[:1] for key, _ in inner)}
    for thing in (*reader.state.names.values(), *reader.elsewhere()):
        for key, leaf in v.leaves(thing, heap):
            named = isinstance(leaf, v.Ref) and leaf.root.memory in new
            if key[:1] != (owner,) and (named or (key and key[:1] in new)):
                return False
    return root not in v.roots_of(value, heap)


def pack(reader: Reader, thing: Any) -> v.Thing:
    """Return a list or tuple of numbers, or of such lists, as an array."""
    if isinstance(thing, v.Iter):
        return calls.apply(reader, v.Static(np.arange), [*thing.parts], {})
    items = thing.items if isinstance(thing, v.Tuple) else reader.state.heap[thing]
    build = reader.build
    reads = ("__array__", "__iter__", "__len__", "__getitem__")
    if any(attributes.defined(reader, getattr(thing, "cls", None), n) for n in reads):
        what = f"a {v.kind_of(thing)} of {thing.cls.__name__} is not read as an array"
        raise reader.problem("SG203", what, "name its fields: `[x.a, x.b]`")
    if isinstance(items, dict):
        return pack(reader, unstacked(reader, thing))
    if isinstance(items, v.Ref):
        if isinstance(items.type, Array):
            return items
        return reader.thing(build.op("pack_list", reader.version(items.root)))
    if not items:
        return reader.thing(build.op("zeros", const(0)))
    operands = [reader.operand(item) for item in items]
    if all(isinstance(o.type, Scalar) for o in operands):
        dtype = promote(*[Scalar(o.type.dtype) for o in operands])
        return reader.thing(build.op("pack", *operands, dtype=dtype))
    return reader.thing(build.op("stack", *operands, axis=0))


def changed(reader: Reader, cell: v.Cell, resized: bool = False) -> None:
    """Check that a container may be changed, or may change its length."""
    kind = v.kind_of(cell)  # type: ignore[arg-type]
    owners: Any = (cell, *cell.shares)
    if any(same.captured is not None for same in owners):
        what = f"the captured {kind} `{cell.name}` cannot be changed"
        raise reader.problem("SG408", what, "pass it as an argument, or change a copy")
    if resized and cell in reader.running:
        what = f"a {kind} changes its length while a loop runs over it"
        raise reader.problem("SG403", what, "run over a copy: `for ... in list(...)`")


@contextlib.contextmanager
def running(reader: Reader, over: v.Thing) -> Iterator[None]:
    """Note which containers a loop runs over."""
    found, count = [over], len(reader.running)
    for thing in found:
        found += thing.parts if isinstance(thing, v.Iter) else ()
    reader.running += found
    try:
        yield
    finally:
        del reader.running[count:]


def append(reader: Reader, cell: v.ListCell, value: v.Thing) -> None:
    """Append one item to a list."""
    changed(reader, cell, True)
    build, contents = reader.build, _taken_apart(reader, cell)
    if isinstance(contents, tuple):
        contents = (*contents, value)
        if cell.limit is not None:
            contents = contents[max(len(contents) - cell.limit, 0) :]
    elif cell.limit is not None:
        raise unordered(reader)
    elif isinstance(contents, v.Ref):
        _push(reader, cell, contents, value)
    else:
        top = build.op("length", reader.version(contents["values"].root))
        _push(reader, cell, contents["values"], value)
        _push(reader, cell, contents["below"], contents["top"])
        count = build.op("add", contents["count"], const(1))
        contents = {**contents, "top": top, "count": count}
    reader.state.heap[cell] = contents  # what may be the same list is not known now


def _taken_apart(reader: Reader, cell: v.ListCell) -> Any:
    """Return what a list holds, the items of one that was kept as an array.

    A loop that reads `x[k]` before it appends keeps such a list from its next reading.
    """
    contents = reader.state.heap[cell]
    whole = isinstance(contents, v.Ref) and isinstance(contents.type, Array)
    if not whole or contents.path or v.list_axes(contents) != 1:
        return contents
    if (count := contents.type.dims[0].known) is None:
        return contents
    return tuple(indexing.get(reader, cell, const(k)) for k in range(count))


def extend(reader: Reader, cell: v.ListCell, items: v.Thing) -> None:
    """Append the items of a container to a list."""
    items = calls.taken(reader, items)
    if isinstance(iteration.sequence(reader, items).count, ir.Const):
        for thing in calls.items_of(reader, items):
            append(reader, cell, thing)
    else:
        calls.apply(reader, v.Static(python.extended), [cell, items], {})


def is_own(reader: Reader, name: str) -> bool:
    """Tell a list that nothing but a name of the function reaches."""
    cell = reader.state.names.get(name)
    others = [t for n, t in reader.state.names.items() if n != name]
    todo: list[Any] = [*others, *reader.elsewhere(), *reader.state.heap.values()]
    if not isinstance(cell, v.ListCell) or any(cell is x for x in reader.given):
        return False
    for thing in todo:
        match thing:
            case v.Tuple(items=held) | v.Iter(parts=held) | (tuple() as held):
                todo += held
            case v.Maybe(thing=held) | v.Bound(owner=held):
                todo.append(held)
            case v.Closure(defaults=held) | (dict() as held):
                todo += held.values()
    return all(thing is not cell for thing in todo) and cell.captured is None


def grow(reader: Reader, name: str, more: v.Thing) -> None:
    """Read `x = x + more`, where nobody can tell it from `x += more`."""
    cell: Any = reader.state.names[name]
    if isinstance(more, v.ListCell) or v.list_axes(more):
        extend(reader, cell, more)
    else:
        reader.bind(name, expressions.binary(reader, ast.Add(), cell, more))


def _push(reader: Reader, cell: v.Cell, ref: v.Ref, value: v.Thing) -> None:
    """Append one item to a list that grows at run time."""
    if not isinstance(ref.type, ListOf):
        raise reader.problem(
            "SG403", "nothing can be added here: this list is kept as an array",
            "begin with an empty list, `[]`, and append in the loop",
        )  # fmt: skip
    operand, item, root = reader.operand(value), ref.type.item, ref.root
    if type(item) is not type(operand.type) or item.rank != operand.type.rank:
        raise reader.problem("SG402", "a list holds items of one kind")
    if isinstance(item, Scalar):
        wide = join(item, operand.type)  # type: ignore[arg-type]
        for plan in reader.plans if wide != item else ():
            if ("form", cell) in plan:  # the loop that made it grow does so for these
                plan["form", cell] = (plan["form", cell][0], wide)
                raise state.Retry(plan)
        if wide != item:
            what = f"the list holds items of type {wide}"
            raise reader.problem("SG402", what, "begin with an item of this type")
        operand = reader.build.cast(operand, item.dtype, item.python)
    else:
        for mine, theirs in zip(item.dims, operand.type.dims, strict=True):
            where = f"line {reader.build.loc.line}"
            what = (
                f"{where}: a growing list holds arrays of one shape: keep others apart"
            )
            reader.build.same(mine, theirs, what, "NotImplementedError")
        operand = reader.build.op("copy", operand)
        if isinstance(value, v.Ref):  # Python's list sees a later write to the array
            keep(reader, root, value.root)
    reader.state.ver[root] = reader.build.push(reader.version(root), operand)


def make_stack(reader: Reader, cell: v.ListCell) -> None:
    """Turn a list into a stack, if it is none."""
    values: Any = reader.state.heap[cell]
    if isinstance(values, dict):
        return
    if not isinstance(values.type, ListOf):
        kept, values = values, new_list(reader, cell.name, _item(reader, values))
        grown = reader.container(v.ListCell(""), values)
        extend(reader, grown, kept)
    with reader.at(reader.frames[0].source.node):
        places = v.Static(python.places_below)
        made: Any = calls.apply(reader, places, [values], {})
    below = reader.state.heap[made]
    below.root.name = reader.version(below.root).name = f"{cell.name or 'item'}_below"
    count = calls.length(reader, values)
    top = reader.build.op("sub", count, const(1))
    stack = {"values": values, "below": below, "top": top, "count": count}
    reader.state.heap[cell] = stack


def pop(reader: Reader, cell: v.ListCell) -> v.Thing:
    """Take the topmost item off."""
    changed(reader, cell, True)
    make_stack(reader, cell)
    topmost = indexing.get(reader, *place(reader, cell, const(-1)))
    stack: Any = reader.state.heap[cell]
    top = indexing.at(reader, stack["below"], stack["top"])
    count = reader.build.op("sub", stack["count"], const(1))
    reader.state.heap[cell] = {**stack, "top": top, "count": count}
    return topmost


def place(reader: Reader, cell: v.ListCell, index: v.Thing) -> tuple[v.Ref, v.Thing]:
    """Return the values of a stack, and the place of one, from its top or bottom."""
    values, *links = reader.state.heap[cell].values()
    return values, calls.apply(
        reader, v.Static(python.stack_place), [*links, index], {}
    )


def unstacked(reader: Reader, cell: v.ListCell) -> v.Thing:
    """Return a list of the items of a stack."""
    return calls.apply(
        reader, v.Static(python.unstacked), [*reader.state.heap[cell].values()], {}
    )


def delete(reader: Reader, target: ast.expr) -> None:
    """Read `del` of a name, or of an entry."""
    match target:
        case ast.Name(name):
            reader.lookup(name)
            del reader.state.names[name]
        case ast.Subscript(value, index):
            owner = reader.expression(value)
            with reader.holding(owner):
                place = reader.expression(index)
            cut = isinstance(place, v.SliceValue)
            method(reader, owner, "__delitem__" if cut else "pop", [place], {})
        case _:
            what = f"`del {ast.unparse(target)}` is outside the language"
            raise reader.problem("SG101", what, "leave it out")


def unordered(reader: Reader) -> Exception:
    """Return the problem of a stack that is used as a list."""
    what = "a list that is popped in a loop is read from its end only"
    return reader.problem("SG203", what, "keep a count of the items, and read by index")


def method(
    reader: Reader, owner: Any, name: str, args: list[Any], kwargs: dict[str, v.Thing]
) -> v.Thing:
    """Call a method of a container."""
    cls, heap = owner.cls, reader.state.heap
    contents: Any = heap[owner] if isinstance(owner, v.Cell) else None
    listed = isinstance(contents, tuple)
    if name in python.ITEMS and not kwargs and (listed or isinstance(owner, v.Tuple)):
        finds = v.Static(python.count_in if name == "count" else python.place_in)
        found = calls.apply(reader, finds, [owner, *args], {})
        if name == "remove":
            method(reader, owner, "pop", [found], {})
        return v.NONE if name == "remove" else found
    if isinstance(owner, v.Tuple) and cls is not None:
        if name == "_replace":
            items = dict(zip(cls._fields, owner.items, strict=True)) | kwargs
            return v.Tuple(tuple(items.values()), cls)
        return calls.inline(reader, getattr(cls, name), [owner, *args], kwargs)
    if isinstance(owner, v.ListCell):
        if name in ("append", "extend"):
            (append if name == "append" else extend)(reader, owner, args[0])
            return v.NONE
        if name == "sort":
            made: Any = calls.apply(reader, v.Static(sorted), [owner], kwargs)
            changed(reader, owner)
            now = reader.state.heap
            now[owner] = now[made] if isinstance(made, v.Cell) else made
            if isinstance(contents, dict):
                make_stack(reader, owner)
            return v.NONE
        if name == "pop" and not args and not listed:
            return pop(reader, owner)
    if name in python.ENDS and cls is deque and owner.limit is None:
        name, place = python.ENDS[name]
        args = [const(place), *args]
    return _entries(reader, owner, name, args, kwargs)


def _entries(
    reader: Reader, owner: Any, name: str, args: list[Any], kwargs: dict[str, v.Thing]
) -> v.Thing:
    """Call a method of a list of known length, or of a dict."""
    heap: Any = reader.state.heap
    cls = owner.cls
    contents: Any = heap[owner] if isinstance(owner, v.Cell) else None
    listed = isinstance(contents, tuple)
    of_dict = python.DICTS if isinstance(owner, v.DictCell) else set()
    known = python.LISTS if listed else of_dict
    if name == "update":
        args = [calls.apply(reader, v.Static(dict), args, kwargs)]
        kwargs = {}
    if name not in known or kwargs or getattr(owner, "limit", None) is not None:
        what = f"method `.{name}()` of a {v.kind_of(owner)} is not known"
        raise reader.problem("SG203", what)
    held = list(contents) if listed else dict(contents)
    given = [heap[a] for a in args] if name == "update" else args
    if name in python.PLACES and args:
        given = [calls.static(reader, args[0]), *args[1:]]
        if isinstance(given[0], slice) and len(given) > 1:
            given[1] = given[1].items
    if name in ("get", "setdefault") and len(args) == 1:
        given.append(v.NONE)
    try:
        result = getattr(held, name)(*given)
    except (IndexError, KeyError, ValueError) as error:
        return reader.raises(type(error).__name__)
    if name not in python.READS:
        changed(reader, owner, len(held) != len(contents))
        heap[owner] = tuple(held) if listed else held
    match name:
        case "copy":
            owner = type(owner)("", cls)
            return reader.container(owner, result)  # type: ignore[no-any-return]
        case "values" | "items":  # they show what the dict holds later
            return v.Iter(iteration.entries, (owner, v.Static(name)))
        case "keys":
            return v.Iter(iteration.sequence, (owner,))
    return v.NONE if result is None else result


def alone(reader: Reader, x: v.Thing) -> v.Thing:
    """Refuse what holds one thing that can change, or may, at two places."""
    heap = reader.state.heap
    held: list[Any] = [*v.cells(x, heap), *v.roots_of(x, heap)]
    shared = any(one in other.shares for one in held for other in held)
    if shared or len({*held}) < len(held):
        what = "what holds one list or array twice is not copied as a whole here"
        raise reader.problem("SG205", what, "copy its parts: `x.copy()`")
    return v.NONE
