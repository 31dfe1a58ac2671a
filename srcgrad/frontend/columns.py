"""Lists of containers: one list for each field, as if the user had written those.

A list of tuples, records, dicts or short lists of one shape, whose length or index is
known at run time only, holds a `v.Tuple` of lists, one for each field, each kept in a
form of its own. An item is put together where it is read. One that can change is a copy
then; it shares with the first of the parts, which stands for all items: after a change
to one of them nothing is read out of the list any more. The reader notes that it is
`split`, and which items of `[None] * n` were `filled`: sure not to be None.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeGuard

from srcgrad.builder import const
from srcgrad.frontend import calls, choices, indexing, lists, state
from srcgrad.frontend import values as v
from srcgrad.ir import Operand
from srcgrad.ops import iterables, python

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of thing all items are, their class, and what their fields are."""

    kind: Any
    cls: Any
    keys: tuple[Any, ...]


# A list that began as `[None] * n`: where in a list that only grows the item of each
# place is, or -1, and that list.
SLOTS = Shape(None, None, ("places", "values"))


def are(contents: Any) -> TypeGuard[v.Tuple]:
    """Tell what a list holds that is kept as one list for each field."""
    return isinstance(contents, v.Tuple)


def taken_apart(heap: v.Heap, thing: Any) -> tuple[Shape, tuple[Any, ...]] | None:
    """Return the shape of a container and what is in its fields."""
    held: Any = thing.items if isinstance(thing, v.Tuple) else None
    plain = isinstance(thing, v.Tuple | v.ListCell)
    more = (getattr(thing, name, None) for name in ("limit", "factory"))
    if isinstance(thing, v.Cell) and not any(x is not None for x in more):
        held = heap[thing]
    if not isinstance(held, tuple if plain else dict):
        return None
    if plain:
        names = getattr(thing.cls, "_fields", None)
        held = dict(zip(names or range(len(held)), held, strict=True))
    return Shape(type(thing), thing.cls, (*held,)), (*held.values(),)


def form_of(
    reader: Reader, heap: v.Heap, name: str, items: Iterable[Any], *known: v.Tuple
) -> v.Tuple | None:
    """Return the lists that some items, and what is kept so, go to; None if unlike."""
    if v.WHOLE in reader.writing:
        return None
    reader.split = True
    if known and all(columns.cls == SLOTS for columns in known):
        return known[0]
    items = list(items)
    if reader.ways.choosing and (cases := _of_cases(reader, heap, name, items, known)):
        return cases
    found = [taken_apart(heap, x) for x in items]
    shapes = {f and f[0] for f in found} | {columns.cls for columns in known}
    if len(shapes) != 1 or None in shapes:
        return None
    if known:
        return known[0]
    shape: Any = shapes.pop()
    columns: list[Any] = []
    for k, key in enumerate(shape.keys):
        parts = [f[1][k] for f in found if f]
        same = all(_is_fixed(x) and x == parts[0] for x in parts)
        shown = f"{name}_{getattr(parts[-1], 'name', '') or key}"
        columns.append(parts[0] if same else v.ListCell(re.sub(r"\W", "_", shown)))
    if all(map(_is_fixed, columns)):
        return None
    kind = v.Cell if shape.kind is v.Tuple else shape.kind
    items_: Any = kind(f"{name}[...]" if name else "", shape.cls or tuple)
    return v.Tuple((items_, *columns), shape)


def _of_cases(
    reader: Reader,
    heap: v.Heap,
    name: str,
    items: list[Any],
    known: tuple[v.Tuple, ...],
) -> v.Tuple | None:
    """Return the list of numbers that texts and the like, as items, are kept as."""
    if known:
        return known[0] if known[0].cls.kind is v.OneOf else None
    things = [x for item in items for x in choices.each(item)]
    if all(map(v.is_none, things)) or not all(map(_is_fixed, things)):
        return None
    whole = choices.kinds(*((heap, item) for item in items), most=len(items))
    whole = replace(whole, around=tuple(reader.plans))
    cases: Any = v.Cell(name), v.ListCell(f"{name}_case")
    return v.Tuple(cases, Shape(v.OneOf, whole, ("case",)))


def _case(reader: Reader, columns: v.Tuple, item: v.Thing) -> Operand:
    """Return which of the things an item is; of one more the readers must learn."""
    whole, heap = columns.cls.cls, reader.state.heap
    more = [x for x in choices.each(item) if choices.told(heap, x) not in whole.told]
    if not all(map(_is_fixed, more)):
        raise _unlike(reader)
    whole.told.extend(choices.told(heap, x) for x in more)
    whole.things.extend(more)
    for plan in reader.plans if more else ():
        kept = (form.item for key, form in plan.items() if key[0] == "form")
        known = any(getattr(x, "cls", None) is columns.cls for x in kept)
        if known or not any(plan is loop for loop in whole.around):
            raise state.Retry(plan)  # what was read out of it in this turn knows less
    return choices.among(reader, item, whole).case


def of_mixed(reader: Reader, name: str, items: tuple[Any, ...]) -> v.Tuple | None:
    """Return lists for items of which no array can be made; lists become rows."""
    heap = reader.state.heap
    found = form_of(reader, heap, name, items)
    leaves: list[Any] = [x for item in items for _, x in v.leaves(item, heap)]
    if not found or found.cls.kind is v.ListCell:
        return None
    plain = found.cls.kind is v.Tuple and found.cls.cls is None
    return None if plain and len({x.type.dtype for x in leaves}) == 1 else found


def anew(columns: v.Tuple) -> v.Tuple:
    """Return lists of their own for another list of such items."""
    own = (replace(x) if isinstance(x, v.Cell) else x for x in columns.items)
    return replace(columns, items=tuple(own))


def _is_fixed(thing: Any) -> bool:
    """Tell what is the same in all items: texts, None, functions."""
    return isinstance(thing, v.Static | v.Closure)


def _parts(columns: v.Tuple) -> tuple[Any, tuple[Any, ...]]:
    """Return what stands for all items, and the lists."""
    return columns.items[0], columns.items[1:]


def reform(reader: Reader, cell: v.ListCell, columns: v.Tuple) -> None:
    """Keep a list of known items as one list for each field."""
    (items, fields), heap = _parts(columns), reader.state.heap
    held: Any = heap[cell]
    if not isinstance(held, tuple):
        return
    if columns.cls == SLOTS:
        numbers = itertools.count()
        places = tuple(const(-1 if v.is_none(x) else next(numbers)) for x in held)
        new: list[Any] = [places, tuple(x for x in held if not v.is_none(x))]
    elif columns.cls.kind is v.OneOf:
        new = [tuple(_case(reader, columns, x) for x in held)]
    else:
        found = [f[1] for x in held if (f := taken_apart(heap, x))]
        new = [tuple(f[k] for f in found) for k in range(len(fields))]
    items.captured = None if cell.captured is None else ()
    pairs = zip(fields, new, strict=True)
    heap.update({items: (), **{x: n for x, n in pairs if isinstance(x, v.Cell)}})
    for x in held:
        if isinstance(x, v.Cell):
            lists.keep(reader, items, x)
    heap.update({cell: columns})  # it means what it meant


def slots(reader: Reader, name: str, count: Operand | None = None) -> v.Tuple:
    """Return the lists of what began as `[None] * n`, with their items given `n`."""
    made: Any = v.Cell(name), v.ListCell(f"{name}_places"), v.ListCell(name)
    if count is not None:
        count = reader.build.op("max2", const(0), count)
        places = reader.allocate(reader.build.op("full", const(-1), count))
        places.root.listlike, places.root.python = 1, True
        reader.state.heap.update({made[0]: (), made[1]: places, made[2]: ()})
    return v.Tuple(made, SLOTS)


def each(reader: Reader, columns: v.Tuple, do: Callable[[Any], Any]) -> v.Thing:
    """Put an item together of what is read from each of the lists."""
    (items, fields), shape = _parts(columns), columns.cls
    reader.state.heap[items]  # raises Gone
    if shape == SLOTS:
        return _filled(reader, fields[1], do(fields[0]))
    if shape.kind is v.OneOf:
        case = reader.operand(do(fields[0]))
        return choices.known(reader, v.OneOf(case, tuple(shape.cls.things)))
    parts = tuple(do(x) if isinstance(x, v.ListCell) else x for x in fields)
    if shape.kind is v.Tuple:
        return v.Tuple(parts, shape.cls)
    named = dict(zip(shape.keys, parts, strict=True))
    cell: v.Cell = shape.kind("", shape.cls)
    made: Any = reader.container(cell, parts if shape.kind is v.ListCell else named)
    lists.keep(reader, made, items)
    return made  # type: ignore[no-any-return]


def _filled(reader: Reader, values: v.ListCell, place: Any) -> v.Thing:
    """Return an item of `[None] * n`; one that is not set is no thing to compute by."""
    held = reader.state.heap[values]
    if held == ():
        what = "no item of this list is set where it is read"
        raise reader.problem("SG402", what, "set the first one before the loop")
    what = "an item is None here: ask before, `x[k] is None`"
    some = reader.build.op("ge", place, const(0))
    reader.require(some, "NotImplementedError", what)
    reader.filled.append(indexing.get(reader, values, place))
    return reader.filled[-1]


def is_none(reader: Reader, owner: Any, index: v.Thing) -> Operand | None:
    """Tell whether an item of `[None] * n` is not set; None of another list."""
    held = reader.state.heap[owner] if isinstance(owner, v.ListCell) else None
    if not are(held) or held.cls != SLOTS:
        return None
    place = reader.operand(indexing.get(reader, held.items[1], index))
    out: Operand = reader.build.op("lt", place, const(0))
    return out


def spread(
    reader: Reader, owner: v.ListCell, item: v.Thing, do: Callable[[Any, Any], None]
) -> None:
    """Give each of the lists its part of an item."""
    columns: Any = reader.state.heap[owner]
    (items, fields), found = _parts(columns), taken_apart(reader.state.heap, item)
    reader.wrote_list, reader.state.heap[owner] = True, columns
    if columns.cls == SLOTS:
        places, values = fields
        do(places, calls.length(reader, values))
        lists.append(reader, values, item)
        return
    if columns.cls.kind is v.OneOf:
        do(fields[0], _case(reader, columns, item))
        return
    pairs = [*zip(fields, found[1], strict=False)] if found else []
    alike = all(isinstance(x, v.ListCell) or x == part for x, part in pairs)
    if found is None or found[0] != columns.cls or not alike:
        raise _unlike(reader)
    for column, part in pairs:
        if isinstance(column, v.ListCell):
            do(column, part)
    if isinstance(item, v.Cell):
        lists.keep(reader, items, item)


def _unlike(reader: Reader) -> v.Refused:
    """Return the problem of an item that is no item of a list."""
    what = "the items of this list are not of one kind"
    help = "give all as many fields, with the same texts in the same places"
    return reader.problem("SG402", what, help)


def first(columns: v.Tuple) -> v.ListCell:
    """Return one of the lists: all are as long."""
    return next(x for x in columns.items[1:] if isinstance(x, v.ListCell))


def turned(reader: Reader, rows: Any) -> v.Thing | None:
    """Return what `zip(*rows)` gives, if rows are kept as a list for each field."""
    held = reader.state.heap[rows] if isinstance(rows, v.ListCell) else None
    if v.list_axes(held) > 1:
        return calls.apply(reader, v.Static(iterables.turned), [rows], {})
    fields = held.items[1:] if are(held) and held.cls != SLOTS else ()
    if are(held) and held.cls.kind is v.OneOf:
        return None
    if not fields or not all(isinstance(x, v.ListCell) for x in fields):
        return None
    some = reader.build.op("gt", calls.length(reader, rows), const(0))
    reader.require(some, "NotImplementedError", "`zip(*...)` of no rows")
    make = v.Static(python.to_list)
    return v.Tuple(tuple(calls.apply(reader, make, [x], {}) for x in fields))


def pack(reader: Reader, owner: v.Thing, columns: v.Tuple) -> v.Thing:
    """Return the items as the rows of an array."""
    if columns.cls == SLOTS:
        made = calls.apply(reader, v.Static(python.to_list), [owner], {})
        return lists.pack(reader, made)
    if columns.cls.kind not in (v.Tuple, v.ListCell):
        kind = getattr(columns.cls.cls, "__name__", "texts")
        what = f"a list of {kind} is not read as an array"
        raise reader.problem("SG203", what, "name its fields: `[x.a for x in ...]`")
    some = reader.build.op("gt", calls.length(reader, first(columns)), const(0))
    reader.require(some, "NotImplementedError", "an array of no rows has another rank")
    parts = map(reader.operand, columns.items[1:])
    return reader.thing(reader.build.op("stack", *parts, axis=1))
