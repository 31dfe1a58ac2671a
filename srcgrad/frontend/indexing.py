"""Read subscripts: views, element reads, gathers, masks, and stores through them."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate, chain
from typing import Any

import numpy as np

from srcgrad.builder import const
from srcgrad.frontend import (
    attributes,
    build,
    calls,
    columns,
    handlers,
    iteration,
    lists,
)
from srcgrad.frontend import values as v
from srcgrad.frontend.state import kinds
from srcgrad.frontend.values import Ref, SliceValue, Static, Thing, Tuple
from srcgrad.ir import Const, Index, Item, Operand, Path, Slice, Value, gathers
from srcgrad.ops import python
from srcgrad.types import Array, Dim, ListOf, Scalar, is_complex

_FULL = Slice(None, None, None)
_ELLIPSIS = Static(Ellipsis)


def single(reader: build.Reader, thing: Thing, *refusal: str) -> Thing:
    """Return the only element of an array; what is no array is left as it is."""
    if not isinstance(thing, Ref) or not isinstance(thing.type, Array):
        return thing
    if any(d.known != 1 for d in thing.type.dims):
        raise reader.problem("SG402", *refusal)
    return at(reader, thing, *[const(0)] * thing.type.rank)


def at(reader: build.Reader, ref: Ref, *items: Item) -> Thing:
    """Return `ref[items]`: an element, or a view of what is left."""
    return read(reader, ref, _extend(ref, items))


def read(reader: build.Reader, ref: Ref, path: Path) -> Thing:
    """Return the element or the view that a path leads to."""
    type = reader.build.place(ref.root.type, path)
    if isinstance(type, Scalar):
        item = reader.build.element(reader.version(ref.root), path)
        return reader.build.cast(item, type.dtype, ref.root.python or None)
    return Ref(ref.root, path, type)


def _new_list(reader: build.Reader, part: Thing, of: Ref, axes: int) -> Thing:
    made = reader.allocate(reader.build.op("copy", reader.operand(part)))
    if of.type.rank > 1:
        lists.keep(reader, made.root, of.root)
    return lists.of_array(reader, made, axes, of.root.python)


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


def _held(reader: build.Reader, owner: Thing, index: Thing) -> Any:
    """Return what a subscript is taken of: items, entries, or an array.

    A list or tuple becomes an array where the index is known at run time only.
    """
    held: Any = reader.state.heap[owner] if isinstance(owner, v.Cell) else owner
    held = held.items if isinstance(owner, Tuple) else held
    if not isinstance(held, tuple) or isinstance(index, Const | SliceValue):
        return held
    cell = owner if isinstance(owner, v.ListCell) else v.ListCell("")
    if cell is owner and any(map(v.is_none, held)) and v.WHOLE not in reader.writing:
        found: Any = columns.slots(reader, cell.name)
    else:
        found = columns.of_mixed(reader, cell.name, held)
    if found is None:
        return lists.make_array(reader, owner)
    if cell is not owner:
        reader.container(cell, held)
    reader.split = True
    columns.reform(reader, cell, found)
    return found


def get(reader: build.Reader, owner: Thing, index: Thing) -> Thing:
    """Return `owner[index]`."""
    if (own := attributes.special(reader, owner, "__getitem__", index)) is not None:
        return own
    if isinstance(owner, Static) and isinstance(owner.value, type(np.s_)):
        whole = owner.value.maketuple and not isinstance(index, Tuple)
        return Tuple((index,)) if whole else index
    if isinstance(owner, v.Iter) and owner.make is iteration.numbers:
        return calls.apply(reader, Static(python.range_part), [index, *owner.parts], {})
    if not isinstance(index, Const | SliceValue) and (rows := _unlike(reader, owner)):
        return _one_of(reader, rows, index)
    held = _held(reader, owner, index)
    stack = isinstance(owner, v.ListCell) and isinstance(held, dict)
    if stack and not isinstance(index, SliceValue):
        return get(reader, *lists.place(reader, owner, index))  # type: ignore[arg-type]
    grown = stack or isinstance(getattr(held, "type", None), ListOf)
    if isinstance(index, SliceValue) and (grown or columns.are(held)):
        given = [owner, index.start, index.stop, index.step]
        return calls.apply(reader, Static(python.list_part), given, {})
    if columns.are(held):
        return columns.each(reader, held, lambda x: get(reader, x, index))
    known = held.value if isinstance(held, Static) else None
    if isinstance(known, str | list | range):  # such as what `.split()` gives
        try:
            return calls.lift(reader, known[calls.static(reader, index)])
        except IndexError:
            return reader.raises("IndexError")
    if isinstance(held, dict | tuple) and not isinstance(owner, v.Record):
        try:
            found = held[calls.static(reader, index)]
        except (KeyError, IndexError) as error:
            if isinstance(owner, v.DictCell) and owner.factory not in (None, v.NONE):
                return _made(reader, owner, index)
            return reader.raises(type(error).__name__)
        if isinstance(index, SliceValue) and isinstance(owner, v.ListCell):
            return reader.container(v.ListCell(""), found)
        return Tuple(found) if isinstance(index, SliceValue) else found
    if axes := _new_axes(held, index):
        ones = Tuple((const(1),) * axes)
        return calls.apply(reader, Static(np.reshape), [owner, ones], {})
    if isinstance(held, Ref):
        path = _path(reader, held, index)
        if index == _ELLIPSIS:
            reader.reshaped.add(held.root)
            return held
        place = reader.build.place(held.root.type, path)
        if isinstance(index, Tuple) and _ELLIPSIS in index.items and not place.rank:
            return Ref(held.root, path, place)  # an array of rank 0, not its element
        found = read(reader, held, path)
        if v.list_axes(held) and isinstance(index, SliceValue):
            return _new_list(reader, found, held, v.list_axes(held))
        if gathers(path):
            return reader.thing(reader.build.op("copy", reader.operand(found)))
        return found
    if isinstance(held, Operand) and not held.type.python and index == Tuple(()):
        return held
    if isinstance(owner, Static) and type(owner.value).__module__[:6] == "numpy.":
        return calls.apply(reader, owner, [index], {})  # such as np.mgrid
    raise _not_subscripted(reader, owner, held)


def _made(reader: build.Reader, owner: v.DictCell, index: Thing) -> Thing:
    """Return what a dict makes of what is not there; a Counter does not put it in."""
    found = calls.apply(reader, owner.factory, [], {})
    if owner.cls is not Counter:
        put(reader, owner, index, found)
    return found


def _unlike(reader: build.Reader, owner: Any) -> list[tuple[Thing, Any]]:
    """Return lists and tuples of unlike lengths with their items, or nothing."""
    heap: Any = reader.state.heap
    held = heap[owner] if isinstance(owner, v.ListCell) else owner
    rows: Any = held.items if isinstance(owner, Tuple) else held
    if not isinstance(rows, tuple):
        return []
    found: list[Any] = [
        (x, heap[x] if isinstance(x, v.ListCell) else getattr(x, "items", None))
        for x in rows
    ]
    known = all(isinstance(items, tuple) for _, items in found)
    return found if known and len({len(items) for _, items in found}) > 1 else []


def _one_of(reader: build.Reader, rows: list[tuple[Thing, Any]], k: Thing) -> Thing:
    """Return a copy of one of several lists: a part of all their items."""
    ends = accumulate((len(items) for _, items in rows), initial=0)
    parts: Any = chain(*(items for _, items in rows)), map(const, ends)
    given = [reader.container(v.ListCell(""), [*part]) for part in parts]
    made: Any = calls.apply(reader, Static(python.row_between), [*given, k], {})
    for row, _ in rows:
        if isinstance(row, v.ListCell):  # what changes one is not seen in the other
            reader.share(made, row)
    return made  # type: ignore[no-any-return]


def _not_subscripted(reader: build.Reader, owner: Thing, held: Any) -> Exception:
    """Return the problem of what has no items, or none that is known."""
    what = f"a {v.kind_of(owner)} cannot be subscripted"
    numpys = isinstance(held, Operand) and not held.type.python
    if isinstance(held, Operand) or v.is_none(owner):
        handlers.catch(reader, IndexError if numpys else TypeError)
    return reader.problem("SG203", what)


def _new_axes(held: Any, index: Thing) -> int:
    """Return how many axes a subscript of `None` alone gives one of NumPy's numbers."""
    parts = index.items if isinstance(index, Tuple) else (index,)
    others = [part for part in parts if not v.is_none(part)]
    alone = not others or [getattr(x, "value", None) for x in others] == [Ellipsis]
    numpys = v.is_point(held) or (isinstance(held, Operand) and not held.type.python)
    return len(parts) - len(others) if alone and numpys else 0


def put(reader: build.Reader, owner: Thing, index: Thing, value: Thing) -> None:
    """Store a value into a container or an array."""
    if attributes.special(reader, owner, "__setitem__", index, value) is not None:
        return
    held = _held(reader, owner, index)
    if isinstance(owner, v.Cell):
        lists.changed(reader, owner)
    if isinstance(owner, v.ListCell) and isinstance(held, dict):
        owner, index = lists.place(reader, owner, index)
        held = owner
    if columns.are(held) and isinstance(owner, v.ListCell):
        columns.spread(reader, owner, value, lambda x, y: put(reader, x, index, y))
        return
    sliced = isinstance(index, SliceValue)
    if isinstance(owner, v.ListCell) and sliced and isinstance(held, tuple):
        count = calls.length(reader, value) if isinstance(value, Ref) else const(0)
        if isinstance(count, Const):
            value = Tuple((*calls.items_of(reader, value),))
        else:
            held = lists.make_array(reader, owner)
    if isinstance(owner, v.Cell) and isinstance(held, dict | tuple):
        lists.method(reader, owner, "__setitem__", [index, value], {})
        return
    if sliced and v.kind_of(held) == "list":
        what, fix = "a slice of a list that grows cannot be written", "write its items"
        raise reader.problem("SG403", what, f"{fix}: `s[k] = ...`")
    if not isinstance(held, Ref):
        raise reader.problem("SG403", f"a {v.kind_of(owner)} cannot be written")
    grown = isinstance(held.type, ListOf) and isinstance(held.type.item, Array)
    rows = grown or (v.list_axes(held) and held.type.rank > 1)
    if rows:  # a list that grows holds a copy, and shares
        lists.check_names(reader, owner, held.root, v.NONE if grown else value)
    path = (*_path(reader, held, index), *[Index((_FULL,))] * grown)
    ref = Ref(held.root, path, reader.build.place(held.root.type, path))
    kept, python = held.root.python, v.is_python(value, reader.state.heap)
    value = lists.row_of(reader, held, value) if grown else value
    operand = reader.operand(value)
    operand = reader.build.op("copy", operand) if grown else operand
    if sliced and v.list_axes(held):
        what = "a slice of a list that is kept as an array is written by as many items"
        if operand.type.rank != ref.type.rank:
            raise reader.problem("SG403", what, "write its items: `s[k] = ...`")
        one, two = (reader.build.length(t.dims[0]) for t in (operand.type, ref.type))
        reader.require(reader.build.op("eq", one, two), "NotImplementedError", what)
    if v.list_axes(held) or isinstance(held.type, ListOf):
        if (ref.type.dtype, operand.type.dtype) == ("int64", "float64"):
            names = [n for n, thing in reader.state.names.items() if thing == owner]
            facts = {f"{reader.frames[-1].source.name}.{n}" for n in names}
            for fact in facts - reader.writing:
                raise iteration.ReadAgain(fact)
        lists.hold(reader, ref.root, operand.type)
    if ref.type.dtype.startswith("int") and operand.type.dtype.startswith("float"):
        operand = reader.build.op("cast", operand, dtype=ref.type.dtype)
    whole = rows and not held.path and not sliced
    reader.store(ref, operand, rebinds=bool(whole and held.root.listlike < 2))
    ref.root.python = kept and python
    if isinstance(value, Ref) and grown:
        lists.keep(reader, held.root, value.root)
    if isinstance(owner, v.Cell):  # what may be the same list is not known now
        reader.state.heap[owner] = held


def add(reader: build.Reader, ref: Ref, index: Thing, value: Operand) -> Thing:
    """Add to what a subscript names, to what it names twice two times."""
    path = _path(reader, ref, index)
    place = Ref(ref.root, path, reader.build.place(ref.root.type, path))
    reader.store(place, reader.build.cast(value, ref.type.dtype), add=True)
    return v.NONE


def _path(reader: build.Reader, ref: Ref, index: Thing) -> Path:
    """Return the path to `ref[index]`."""
    if isinstance(ref.type, ListOf):
        return _extend(ref, (_from_front(reader, ref, index),))
    if isinstance(ref.type, Array):
        return _extend(ref, _items(reader, ref.type, index))
    if index not in (Tuple(()), _ELLIPSIS, Tuple((_ELLIPSIS,))):
        raise reader.problem("SG402", "an array of rank 0 has no axis to subscript")
    return ref.path


def _from_front(reader: build.Reader, owner: Ref, index: Thing) -> Operand:
    """Return an index into a growing list that stays right when the list grows."""
    build, k = reader.build, reader.operand(index)
    known = isinstance(k, Const) and k.value >= 0
    if known or k in reader.nonnegative:
        return k
    length = build.op("length", reader.version(owner.root))
    if isinstance(k, Const):
        return build.op("sub", length, const(-int(k.value)))  # type: ignore[no-any-return]
    from_end = build.op("add", k, length)
    return build.op("where", build.op("lt", k, const(0)), from_end, k)  # type: ignore[no-any-return]


def _items(reader: build.Reader, type: Array, index: Thing) -> tuple[Item, ...]:
    """Return an item for each axis; trailing full slices are left out."""
    if index == _ELLIPSIS:
        return ()
    parts = index.items if isinstance(index, Tuple) else (index,)
    used = 0
    for part in parts:
        mask = isinstance(part, Ref) and part.type.dtype == "bool"
        used += part.type.rank if mask else part not in (v.NONE, _ELLIPSIS)  # type: ignore[union-attr]
    if used > type.rank:
        what = f"{used} subscripts for an array of rank {type.rank}"
        raise reader.problem("SG402", what)
    items: list[Item] = []
    for part in parts if _ELLIPSIS in parts else (*parts, _ELLIPSIS):
        if part == _ELLIPSIS:
            items += [_FULL] * (type.rank - used)
        else:
            items.append(_item(reader, part))
    while len(items) > 1 and items[-1] == _FULL:
        items.pop()
    return _broadcast(reader, type, tuple(items))


def _broadcast(
    reader: build.Reader, type: Array, items: tuple[Item, ...]
) -> tuple[Item, ...]:
    """Let index arrays meet of which one is known to have length one."""
    made = reader.build
    made.place(type, (Index(items),))
    picks = [i for i in items if isinstance(i, Value) and i.type.rank]
    for pick in picks if made.ones and len(picks) > 1 else ():
        (count, *_) = made.chosen(pick).dims
        if pick.type.dtype == "bool" and made.resolve(count) == Dim(1):
            what = "a mask with one true place does not broadcast in a subscript"
            raise reader.problem("SG402", what, "use `np.flatnonzero(mask)`")
    return tuple(made.narrow(i) if i in picks else i for i in items)


def _item(reader: build.Reader, part: Thing) -> Item:
    if v.is_none(part):
        return None
    if isinstance(part, SliceValue):
        bounds = (part.start, part.stop, part.step)
        return Slice(*(None if v.is_none(b) else reader.operand(b) for b in bounds))
    operand = reader.operand(part)
    if any(t.dtype == "bool" and not t.rank for t in kinds(reader, operand)):
        what = "one truth value as a subscript adds an axis to an array"
        raise reader.problem("SG402", what, "write `int(...)` for the item 0 or 1")
    if operand.type.dtype.startswith("float"):
        raise reader.problem(
            "SG402", "a subscript must be an integer", "use `int(...)`"
        )
    return operand


def runs_alike(reader: build.Reader, ref: Ref, path: Path) -> bool:
    """Tell whether NumPy can copy a part of an array to another part of it.

    It does so item by item where the target has one axis, from the end if the source
    lies before: that is right if both have one step, or opposite ones, which it knows.
    """
    if ref.type.rank != 1 or gathers(ref.path):
        return True
    item = getattr(ref.root.type, "item", None)  # of a list: it may be the same one
    rank = (item or ref.root.type).rank
    parts = [part[item is not None :] for part in (ref.path, path)]
    ways = [_way(part, rank) for part in parts]
    if rank == 2 and [*map(len, parts)] == [1, 1]:
        pair = (getattr(part[0], "items", (None,)) for part in parts)
        to, given = ([_known(reader, i) for i in (*items, _FULL)[:2]] for items in pair)
        if to == given[::-1]:
            return True  # the row and the column of one number
    if None in ways or ways[0][0] != ways[1][0]:  # type: ignore[index]
        return False
    (_, step), (_, other) = ways  # type: ignore[misc]
    known = isinstance(step, int) and isinstance(other, int)
    return step == other or (known and step * other < 0)


def _known(reader: build.Reader, item: Any) -> Any:
    """Return a subscript as what it is, however often it was written."""
    if isinstance(item, Slice):
        return [_known(reader, x) for x in (item.start, item.stop, item.step)]
    return None if item is None else reader.build.dim(item)


def _way(path: Path, rank: int) -> tuple[int, Any] | None:
    """Return along which axis a path goes, and by what step; None if that is unsure."""
    axes: list[tuple[int, Any]] = [(k, 1) for k in range(rank)]
    for part in path:
        if not isinstance(part, Index) or None in part.items:
            return None
        items = [*part.items, *[_FULL] * (len(axes) - len(part.items))]
        pairs = [(axis, i) for axis, i in zip(axes, items, strict=True)
                 if isinstance(i, Slice)]  # fmt: skip
        axes = [(k, _times(step, i.step)) for (k, step), i in pairs]
    return axes[0] if len(axes) == 1 and axes[0][1] is not None else None


def _times(step: Any, by: Operand | None) -> Any:
    """Multiply steps: numbers that are known, or one that is not by one."""
    if by is None or by == const(1):
        return step
    if isinstance(by, Const) and isinstance(step, int):
        return step * int(by.value)
    return by if step == 1 else None


def fitting(reader: build.Reader, ref: v.Ref, value: Operand) -> Operand:
    """Check the shape of a value that is to be stored."""
    target, given = ref.type, value.type
    if is_complex(given) and not is_complex(target):
        what = f"a complex number cannot be stored in an array of {target.dtype}"
        help = "make that array complex (`dtype=complex`), or store the `.real`"
        raise reader.problem("SG402", what, help)
    extra = given.rank - target.rank
    if extra > 0 and all(d.known == 1 for d in given.dims[:extra]):
        return value
    if extra > 0:
        what = f"an array of rank {given.rank} cannot be stored where rank "
        raise reader.problem("SG402", f"{what}{target.rank} is")
    if isinstance(given, Array) and isinstance(target, Array):
        for dims in zip(target.dims[-extra:], given.dims, strict=True):
            mine, theirs = map(reader.build.resolve, dims)
            if theirs.known != 1:
                # What is stored into may not be the one of length one.
                reader.build.same(mine, reader.build.meet(mine, theirs), "{} {}")
        value = reader.build.narrow(value)
    return value
