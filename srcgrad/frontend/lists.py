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
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.frontend import (
    attributes,
    calls,
    columns,
    expressions,
    forms,
    handlers,
    indexing,
    iteration,
    recursion,
    state,
)
from srcgrad.frontend import values as v
from srcgrad.ops import python, sets
from srcgrad.ops.table import ShapeError
from srcgrad.trees import Lists
from srcgrad.types import Array, Dim, ListOf, Scalar, Type, join, promote

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


def of_array(reader: Reader, ref: v.Ref, axes: int, python: bool) -> v.ListCell:
    """Return the list that a new array holds the items of."""
    ref.root.listlike, ref.root.python = axes, python
    return reader.container(v.ListCell(ref.root.name), ref)


def new_deque(reader: Reader, maxlen: v.Thing) -> v.ListCell:
    """Return an empty deque; its limit is compiled in."""
    if isinstance(maxlen, ir.Value):
        recursion.ask(reader, maxlen)
    return reader.container(v.ListCell("", deque, calls.static(reader, maxlen)), [])


def made_of(reader: Reader, cls: v.Static, **fields: v.Thing) -> v.Record:
    """Return an object of a class that has these fields."""
    return reader.container(v.Record("", cls.value), fields)


def check_row(reader: Reader, thing: v.Thing) -> None:
    """Refuse what a list in a list that is kept as an array cannot do."""
    if v.list_axes(thing):
        what = "a list in a list that is kept as an array has items only"
        raise reader.problem("SG403", what, "copy it before: `list(...)`")


def read_row(reader: Reader, row: v.Thing, method: str) -> v.Thing:
    """Return a row as a list of its own, for a method that changes nothing."""
    if method not in ("copy", "index", "count"):
        check_row(reader, row)
    return reader.container(v.ListCell(""), row)


def outside(reader: Reader, thing: Any) -> tuple[Lists, ...]:
    """Return what marks a form of a list that is kept whole: nothing for an array."""
    held: Any = reader.state.heap[thing] if isinstance(thing, v.Cell) else thing
    held = held["values"] if isinstance(held, dict) else held
    if not isinstance(held, v.Ref):
        return ()
    grown = isinstance(held.type, ListOf)
    axes, item = max(grown, v.list_axes(held)), forms.item_of(held)
    python = isinstance(item, Scalar) and item.python if grown else held.root.python
    return (Lists(tuple(range(axes)), python),) if axes else ()


def make_array(reader: Reader, owner: v.Thing) -> v.Ref:
    """Keep a list as an array, so that data can index it; lists in it become rows.

    Arrays in it are taken for as long as the first until a call finds them longer.
    """
    heap: Any = reader.state.heap
    held = owner.items if isinstance(owner, v.Tuple) else heap[owner]
    items = held if isinstance(held, tuple) else ()
    types = [x.type for x in items if isinstance(x, v.Ref)]
    pairs = [p for t in types[1:] for p in zip(types[0].dims, t.dims, strict=False)]
    try:
        for k, (one, other) in enumerate(pairs):
            reader.build.alike(one, other, f"item {k}")
        packed = pack(reader, owner)
    except ShapeError:
        what = "which item this is must be known: they differ in kind or length"
        raise reader.problem("SG402", what, "run over the items") from None
    assert isinstance(packed, v.Ref)
    root = packed.root
    root.python = True

    def tie(thing: Any, place: tuple[ir.Operand, ...]) -> None:
        if (type := getattr(thing, "type", None)) is not None:
            hold(reader, root, type)
            root.python &= v.is_python(thing, heap)
        if isinstance(thing, v.Ref) and not v.is_point(thing):
            keep(reader, root, thing.root)
        elif isinstance(thing, v.Tuple | v.ListCell):
            items = thing.items if isinstance(thing, v.Tuple) else heap[thing]
            if columns.are(items):
                what = "lists of tuples are not chosen by an index here"
                raise reader.problem("SG203", what, "choose by `if`, or a dict's key")
            axes = len(place) + max(1, v.list_axes(items))
            root.listlike = max(root.listlike, axes)
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


def keep(reader: Reader, holder: v.Owner, kept: v.Owner) -> None:
    """Note that a list holds a copy; one that may hold it twice shares with itself."""
    same = (kept.memory, *kept.memory.shares)
    if any(holder in other.shares for other in same):
        holder.shares.add(holder)
    for other in same:
        reader.share(holder, other)


def check_names(reader: Reader, owner: v.Thing, root: v.Root, value: v.Thing) -> None:
    """Check that the rows of a list, and a new one, have no other names."""
    heap = reader.state.heap
    inner = list(v.leaves(value, heap))
    new = {root, *v.roots_of(value, heap), *(key[:1] for key, _ in inner)}
    several = root in v.roots_of(value, heap)
    for thing in (*reader.state.names.values(), *reader.elsewhere()):
        for key, leaf in v.leaves(thing, heap):
            named = isinstance(leaf, v.Ref) and leaf.root.memory in new
            held = key != () and key[:1] in new
            several |= key[:1] != (owner,) and (named or held)
    if several:
        raise reader.problem(
            "SG403", "the item that is replaced, or the new one, has another name",
            "write its elements: `[k][:] = ...`",
        )  # fmt: skip


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
    if columns.are(items):
        return columns.pack(reader, thing, items)
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
    reader.wrote_list |= any(same in reader.given for same in owners)
    for same in owners:
        if same.captured is not None:
            what = f"the captured {kind} `{same.name}` cannot be changed"
            help = "pass it as an argument, or change a copy"
            raise reader.problem("SG408", what, help)
    if resized and isinstance(cell, v.ListCell):
        cell.count = None
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
    elif isinstance(contents, v.Ref):
        push(reader, contents, value, cell)
    elif columns.are(contents):
        columns.spread(reader, cell, value, partial(append, reader))
    else:
        top = build.op("length", reader.version(contents["values"].root))
        push(reader, contents["values"], value, cell)
        push(reader, contents["below"], contents["top"], cell)
        count = build.op("add", contents["count"], const(1))
        contents = {**contents, "top": top, "count": count}
    reader.state.heap[cell] = contents  # what may be the same list is not known now
    if cell.limit is not None and not isinstance(contents, tuple):
        last: Any = calls.apply(
            reader, v.Static(python.last_of), [cell, const(cell.limit)], {}
        )
        reader.state.heap[cell] = reader.state.heap[last]


def _taken_apart(reader: Reader, cell: v.ListCell) -> Any:
    """Return what a list holds, the items of one that was kept as an array.

    A loop that reads `x[k]` before it appends keeps such a list from its next reading.
    """
    contents = reader.state.heap[cell]
    whole = isinstance(contents, v.Ref) and isinstance(contents.type, Array)
    if not whole or contents.path or v.list_axes(contents) != 1:
        return contents
    if (count := contents.type.dims[0].known) is None:
        forms.reform(reader, cell, forms.Form("list", forms.item_of(contents)))
        return reader.state.heap[cell]
    return tuple(indexing.get(reader, cell, const(k)) for k in range(count))


def extend(reader: Reader, cell: v.ListCell, items: v.Thing) -> None:
    """Append the items of a container to a list."""
    items = calls.taken(reader, items)
    if isinstance(iteration.sequence(reader, items).count, ir.Const):
        for thing in calls.items_of(reader, items):
            append(reader, cell, thing)
    else:
        calls.apply(reader, v.Static(python.extended), [cell, items], {})


def count_of(reader: Reader, items: v.Thing) -> Dim:
    """Return how many items there are; of what a turn makes it may be known before."""
    known: Dim | None = getattr(items, "count", None)
    return known or reader.build.dim(iteration.sequence(reader, items).count)


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


def push(reader: Reader, ref: v.Ref, value: v.Thing, cell: v.Cell) -> None:
    """Append one item to a list that grows at run time."""
    if not isinstance(ref.type, ListOf):
        raise reader.problem(
            "SG403", "nothing can be added here: this list is kept as an array",
            "begin with an empty list, `[]`, and append in the loop",
        )  # fmt: skip
    item, root = ref.type.item, ref.root
    if isinstance(item, Scalar):
        operand = reader.operand(value)
        if not isinstance(operand.type, Scalar):
            raise reader.problem("SG402", "a list holds items of one kind")
        wide = join(item, operand.type)
        for plan in reader.plans if wide != item else ():
            form = plan.get(("form", cell))
            if form and form.item != wide:  # the loop that made it grow does so
                plan["form", cell] = replace(form, item=wide)
                raise state.Retry(plan)
        if wide != item:
            what = f"the list holds items of type {wide}"
            raise reader.problem("SG402", what, "begin with an item of this type")
        operand = reader.build.cast(operand, item.dtype, item.python)
    else:
        row = row_of(reader, ref, value)
        operand = reader.build.op("copy", reader.operand(row))
        root.python &= row.root.python
        keep(reader, root, row.root)  # Python's list sees a later write to the array
    reader.state.ver[root] = reader.build.push(reader.version(root), operand)


def row_of(reader: Reader, ref: v.Ref, value: v.Thing) -> v.Ref:
    """Return what goes into a list of arrays, or of lists of numbers, of one shape."""
    item: Any = ref.type.item  # type: ignore[union-attr]
    if isinstance(value, v.ListCell) and ref.root.listlike:
        kept = reader.state.heap[value]
        if isinstance(getattr(kept, "type", None), Array):
            value = kept
        elif isinstance(kept, v.Ref | tuple):
            value = make_array(reader, value)
    mine = item.dtype, item.rank, max(0, ref.root.listlike - 1)
    if not isinstance(value, v.Ref) or mine != (
        value.type.dtype, value.type.rank, v.list_axes(value)
    ):  # fmt: skip
        raise reader.problem("SG402", "a list holds items of one kind")
    for one, other in zip(item.dims, value.type.dims, strict=True):
        where = f"line {reader.build.loc.line}"
        what = f"{where}: a growing list holds arrays of one shape: keep others apart"
        reader.build.same(one, other, what, "NotImplementedError")
    return value


def make_stack(reader: Reader, cell: v.ListCell) -> None:
    """Turn a list into a stack, if it is none."""
    values: Any = reader.state.heap[cell]
    if isinstance(values, dict):
        return
    if not isinstance(values.type, ListOf):
        forms.reform(reader, cell, forms.Form("list", forms.item_of(values)))
        values = reader.state.heap[cell]
    with reader.at(reader.frames[0].source.node):
        places = v.Static(python.places_below)
        made: Any = calls.apply(reader, places, [values], {})
        forms.reform(reader, made, forms.Form("list", INT))
    below = reader.state.heap[made]
    below.root.name = reader.version(below.root).name = f"{cell.name or 'item'}_below"
    count = calls.length(reader, values)
    top = reader.build.op("sub", count, const(1))
    stack = {"values": values, "below": below, "top": top, "count": count}
    reader.state.heap.update({cell: stack})  # it means what it meant


def pop(reader: Reader, cell: v.ListCell) -> v.Thing:
    """Take the topmost item off."""
    changed(reader, cell, True)
    if columns.are(contents := reader.state.heap[cell]):
        reader.wrote_list, reader.state.heap[cell] = True, contents
        return columns.each(
            reader, contents, lambda x: method(reader, x, "pop", [], {})
        )
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
            if not name.startswith("."):
                reader.lookup(name)
            if reader.box(name) is not None:
                reader.rename(name, v.Unbound())
            else:
                reader.state.names.pop(name, None)
        case ast.Subscript(value, index):
            owner = reader.expression(value)
            check_row(reader, owner)
            with reader.holding(owner):
                place = reader.expression(index)
            cut = isinstance(place, v.SliceValue)
            method(reader, owner, "__delitem__" if cut else "pop", [place], {})
        case _:
            what = f"`del {ast.unparse(target)}` is outside the language"
            raise reader.problem("SG101", what, "leave it out")


_GROWN: dict[str, Any] = {  # of a list of unknown length: what makes another of it
    "insert": python.inserted, "pop": python.taken_out, "reverse": python.turned,
    "__delitem__": python.taken_out, "index": python.place_in, "copy": python.to_list,
    "remove": python.removed, "clear": python.cleared, "count": python.count_in,
    "appendleft": python.first_of,
}  # fmt: skip


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
    if name in python.ENDS and cls is deque:
        if name == "appendleft" and owner.limit is not None:
            return _made_anew(reader, owner, name, [*args, const(owner.limit)])
        name, place = python.ENDS[name]
        args = [const(place), *args]
    if name in sets.COUNTS and cls is Counter:
        return calls.apply(reader, v.Static(sets.COUNTS[name]), [owner, *args], kwargs)
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
        if name in _GROWN and not (listed or kwargs):
            return _made_anew(reader, owner, name, args)
    return _entries(reader, owner, name, args, kwargs)


def _made_anew(reader: Reader, owner: v.ListCell, name: str, args: Any) -> v.Thing:
    """Call a method of a list that grows: it becomes another list."""
    popped = indexing.get(reader, owner, *args) if name == "pop" else v.NONE
    made: Any = calls.apply(reader, v.Static(_GROWN[name]), [owner, *args], {})
    if name in ("copy", "index", "count"):
        return made  # type: ignore[no-any-return]
    changed(reader, owner, True)
    reader.wrote_list = True
    held = reader.state.heap[made] if isinstance(made, v.Cell) else made
    reader.state.heap[owner] = held
    return popped


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
    limited = name == "insert" and owner.limit is not None
    if name not in known or kwargs or limited:
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
            owner = type(owner)("", cls, owner.limit if listed else owner.factory)
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


def unpack(reader: Reader, target: ast.Tuple | ast.List, value: v.Thing) -> None:
    """Bind several targets from one value."""
    starred = [k for k, t in enumerate(target.elts) if isinstance(t, ast.Starred)]
    count = len(target.elts)
    before = starred[0] if starred else count
    after = count - 1 - before
    if starred and isinstance(value, v.Ref) and value.type.rank > 0:
        given: Any = [value, const(before), const(after)]
        places = (*range(before), *range(-after, 0))
        items = [indexing.at(reader, value, const(k)) for k in places]
        items.insert(before, calls.apply(reader, v.Static(python.rest_of), given, {}))
    else:
        items = calls.items_of(reader, value, None if starred else count)
        if starred:
            rest = slice(before, len(items) - after)
            items[rest] = [reader.container(v.ListCell(""), items[rest])]
    if len(items) != count:
        what = f"{count} names, but {len(items)} values"
        raise handlers.fails(reader, "ValueError", "SG402", what)
    for k, (part, item) in enumerate(zip(target.elts, items, strict=True), 1):
        with reader.holding(v.Tuple(tuple(items[k:]))):
            reader.assign(part.value if isinstance(part, ast.Starred) else part, item)


def unsuited(reader: Reader, row: str, *operands: v.Thing) -> bool:
    """Tell operands that Python has no operator for: lists, and none of NumPy's."""
    held = [isinstance(x, v.Tuple | v.ListCell) or v.list_axes(x) for x in operands]
    types = [getattr(x, "type", None) for x in operands if v.is_operand(x)]
    own = all(t is not None and t.python for t in types)
    if row in ("add", "mul"):  # what two lists are added for is known elsewhere
        kind = {"add": "number", "mul": "float64"}[row]
        own &= any(kind in ("number", t.dtype) for t in types if t is not None)
    every = sum(map(bool, held)) + len(types) == len(operands)
    return any(held) and every and own and reader.frames[-1].site is None
