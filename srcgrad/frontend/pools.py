"""Keep the arrays that names exchange in one list: a name is then a place in it.

Where names change their arrays from turn to turn, and something else still reaches one
of these, a copy would be carried of which Python knows nothing. A function that this
makes unreadable is read again with such names pooled: what they are bound to goes into
the list of all arrays of its type, and its number there is carried.

    for e in x:                     for e in arrays[0]:
        x[0] = 2.0 * e                  arrays[i][0] = 2.0 * e
        x, y = y, x                     i, j = j, i
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from srcgrad import ir
from srcgrad.frontend import state as st
from srcgrad.frontend import values as v
from srcgrad.types import Array, ListOf, is_generator
from srcgrad.walk import every, outs

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


def pooled(reader: Reader, thing: v.Thing) -> v.Thing:
    """Move a new array into the list of its type; what cannot be moved stays.

    What callers and unfinished expressions reach cannot, nor what is captured, nor a
    part of what has other names. Other names of the whole are the same place then.
    """
    if not isinstance(thing, v.Ref) or not isinstance(thing.type, Array):
        return thing
    root, state, build = thing.root, reader.state, reader.build
    others = [*reader.elsewhere(), *(state.names.values() if thing.path else ())]
    held = any(root in v.roots_of(other, state.heap) for other in others)
    plain = thing.type.contiguous and not is_generator(thing.type)
    if not plain or held or root.pool or root.listlike or root not in state.ver:
        return thing
    if root.captured is not None:
        return thing
    pool, item = of(reader, thing.type), build.op("copy", reader.operand(thing))
    place = ir.Index((build.op("length", state.ver[pool]),), sure=True)
    state.ver[pool] = build.push(state.ver[pool], item)
    del state.ver[root]
    for other in (root, *root.shares):
        reader.share(pool, other)

    def moved(_: st.Key, thing: Any) -> Any:
        if isinstance(thing, v.Ref) and thing.root is root:
            return v.Ref(pool, (place, *thing.path), thing.type)
        whole = st.parts(moved, (), thing)
        return thing if whole is None else whole

    things: dict[Any, Any] = {**state.names, **state.heap}
    for owner, before in things.items():
        if root in v.roots_of(before, {}):
            state.of(owner).update({owner: moved((), before)})
    return v.Ref(pool, (place,), thing.type)


def of(reader: Reader, type: Array) -> v.Root:
    """Return the list for arrays of a type."""
    kind = _kind(reader, type)
    for root in reader.state.ver:
        if root.pool and root.type == kind:
            return root
    made = reader.build.op("new_list", item=kind.item, name="arrays")
    root = reader.allocate(made, "arrays").root
    root.pool = root.joined = True
    return root


def _kind(reader: Reader, type: Array) -> ListOf:
    dims = tuple(map(reader.build.resolve, type.dims))
    return ListOf(replace(type, dims=dims))


def made_inside(
    reader: Reader, ends: list[st.State], stmts: list[ir.Stmt]
) -> list[Array]:
    """Return for which arrays arms made a list that there can be before them."""
    inside = {x for stmt in every(ir.Block((*stmts,))) for x in outs(stmt)}
    found = dict.fromkeys(root for end in ends for root in end.ver if root.pool)
    types: list[Any] = [r.type for r in found if r not in reader.state.ver]
    atoms = [{a for d in type.item.dims for a, _ in d.terms} for type in types]
    pairs = zip(types, atoms, strict=True)
    new = [type.item for type, own in pairs if inside.isdisjoint(own)]
    # What an arm knows of lengths may be why it did not take a list that is there.
    there = {root.type for root in reader.state.ver if root.pool}
    return [type for type in new if _kind(reader, type) not in there]


def exchanged(reader: Reader, stmt: ast.Assign, value: v.Thing) -> v.Thing:
    """Return what is assigned; rows of a list that change places are copied before."""
    match stmt, value:
        case ast.Assign([ast.Tuple(targets)], ast.Tuple(sources)), v.Tuple(items):
            lists = [t.value for t in targets if isinstance(t, ast.Subscript)]
            named = [x for x in lists if isinstance(x, ast.Name)]
            places, given = (sorted(map(ast.unparse, x)) for x in (targets, sources))
            if len(named) == len(targets) == len(items) and places == given:
                owners = [reader.expression(x) for x in named]
                return v.Tuple(tuple(_apart(reader, x, owners) for x in items))
    return value


def _apart(reader: Reader, x: v.Thing, owners: list[v.Thing]) -> v.Thing:
    """Return a copy of what is a row of a list that is kept as an array."""
    heap: Any = reader.state.heap
    held = [heap[x] if isinstance(x, v.ListCell) else x for x in (x, *owners)]
    row, *others = (one if isinstance(one, v.Ref) else None for one in held)
    if row is None or v.is_point(row) or not row.path:
        return x
    whole = [one for one in others if one is not None and one.root is row.root]
    if not any(v.list_axes(one) or isinstance(one.type, ListOf) for one in whole):
        return x
    made = reader.allocate(reader.build.op("copy", reader.operand(row)))
    made.root.listlike, made.root.python = v.list_axes(row), row.root.python
    return made
