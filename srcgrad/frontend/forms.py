"""The forms of lists at run time: found where a loop or two arms make them unlike.

A "list" grows, an "array" is one that data index, a "stack" is popped, "columns" are a
list for each field of the items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from srcgrad import ir
from srcgrad.builder import INT
from srcgrad.frontend import calls, columns, lists
from srcgrad.frontend import values as v
from srcgrad.ops import python
from srcgrad.types import Array, ListOf, Scalar, join
from srcgrad.walk import every, inner_outs, outs

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader


@dataclass(frozen=True, slots=True)
class Form:
    """How a list is kept; `item` is the type of its items, or the lists of columns.

    `lengths` compute anew what a turn or an arm computes of the lengths of its items,
    of which `axes` axes are lists.
    """

    kind: str
    item: Any = None
    lengths: tuple[ir.Op, ...] = ()
    axes: int = 0

    @property
    def told(self) -> tuple[Any, ...]:
        """What tells it from another: lengths and lists are new in each reading."""
        return self.kind, self.item if isinstance(self.item, Scalar) else None


@dataclass(frozen=True, slots=True)
class Made:
    """What the turn of a loop, or two arms, have made."""

    heap: v.Heap
    stmts: tuple[ir.Stmt, ...]
    carried: tuple[ir.Value, ...] = ()


def common(
    reader: Reader, made: Callable[[], Made], cell: v.Cell, before: Any, *ends: Any
) -> Form | None:
    """Return how a list must be kept, if its ends have no common form."""
    if not isinstance(cell, v.ListCell) or isinstance(before, dict) or None in ends:
        return None
    stack = any(isinstance(end, dict) for end in ends)
    lengths = {len(end) if isinstance(end, tuple) else None for end in ends}
    same = len(lengths) == 1 and None not in lengths
    whole = [end["values"] if isinstance(end, dict) else end for end in ends]
    kept = [end for end in whole if isinstance(end, v.Ref)]
    grown = any(isinstance(end.type, ListOf) for end in kept)
    arrayed = isinstance(before, v.Ref) and isinstance(before.type, Array) and grown
    settled = isinstance(before, v.Ref) and not (stack or arrayed)
    if same or columns.are(before) or settled:
        return None
    known = [x for end in ends if isinstance(end, tuple) for x in end]
    apart = [end for end in ends if columns.are(end)]
    if (
        found := columns.form_of(reader, made().heap, cell.name, known, *apart)
    ) or apart:
        return Form("columns", found) if found else None
    known = [_row(made().heap, x) for x in known]
    sizes = {end.type.dims[0].known for end in kept if not grown}
    counts = lengths | {len(before) if isinstance(before, tuple) else None}
    if kept and not grown and (lengths == {None} or sizes & counts):
        return Form("array")  # else it has grown and was indexed then
    types = [getattr(item, "type", None) for item in known] + [item_of(e) for e in kept]
    kind = "stack" if stack else "list"
    if types and all(isinstance(t, Scalar) for t in types):
        return Form(kind, join(*types))  # type: ignore[arg-type]
    arrays = [t for t in types if isinstance(t, Array)]
    axes = {v.list_axes(x) for x in known} | {max(0, v.list_axes(e) - 1) for e in kept}
    alike = len({(t.dtype, t.rank) for t in arrays}) == len(axes) == 1
    if len(arrays) < len(types) or not alike:
        return None
    dims = tuple(reader.build.resolve(d) for d in arrays[0].dims)
    atoms = [atom for d in dims for atom, _ in d.terms]
    type = Array(arrays[0].dtype, dims)
    return Form(kind, type, _lengths(reader, made(), atoms), *axes)


def _row(heap: v.Heap, item: Any) -> Any:
    """Return the array that an item is kept as; what is made of items has a length."""
    kept = heap.get(item, item) if isinstance(item, v.ListCell) else item
    if not isinstance(kept, v.Ref):
        return item
    count = getattr(item, "count", None)
    if not isinstance(kept.type, ListOf) or count is None:
        return kept
    of, axes = kept.type.item, max(1, v.list_axes(kept))
    type = Array(of.dtype, (count, *getattr(of, "dims", ())))
    return v.Ref(v.Root("", type, axes), (), type)


def of(contents: Any) -> Form:
    """Return the form in which a list is kept."""
    if columns.are(contents):
        return Form("columns", contents)
    kept = contents["values"] if isinstance(contents, dict) else contents
    if isinstance(kept.type, Array):
        return Form("array")
    kind = "stack" if isinstance(contents, dict) else "list"
    return Form(kind, kept.type.item, (), max(0, v.list_axes(kept) - 1))


def item_of(kept: v.Ref) -> Any:
    """Return the type of the items of a list, also of one that is kept as an array."""
    if isinstance(kept.type, ListOf):
        return kept.type.item
    dtype, dims = kept.type.dtype, kept.type.dims[1:]
    return Array(dtype, dims) if dims else Scalar(dtype, kept.root.python)


def _lengths(reader: Reader, made: Made, atoms: list[Any]) -> tuple[ir.Op, ...]:
    """Return what computes integers out of what is known before a loop or branch."""
    found: dict[Any, ir.Op] = {}
    inside: dict[Any, Any] = dict.fromkeys(made.carried)
    for stmt in every(ir.Block(made.stmts)):
        inside |= dict.fromkeys((*outs(stmt), *inner_outs(stmt)), stmt)

    def need(x: Any) -> None:
        if x not in inside or x in found:
            return
        stmt = inside[x]
        if not isinstance(stmt, ir.Op) or x.type != INT:
            raise reader.problem(
                "SG407", "the arrays in a growing list must have lengths that are "
                "known before the loop",
                "store them in the rows of one array",
            )  # fmt: skip
        for arg in stmt.args:
            need(arg)
        found[x] = stmt

    for atom in atoms:
        need(atom)
    return tuple(found.values())


def reform(reader: Reader, cell: Any, form: Form) -> None:
    """Bring a list into a form, if it is not in one."""
    heap: Any = reader.state.heap
    grown = form.kind in ("list", "stack")
    if grown and isinstance(getattr(heap[cell], "type", None), Array):
        made = calls.apply(reader, v.Static(python.to_list), [cell], {})
        heap.update({cell: heap[made]})  # it means what it meant
    items = heap[cell]
    if isinstance(items, tuple):
        if form.kind == "array":
            lists.make_array(reader, cell)
        elif form.kind == "columns":
            columns.reform(reader, cell, form.item)
        else:
            type = _computed(reader, form)
            empty = reader.build.op("new_list", item=type, name=cell.name)
            kept = reader.allocate(empty)
            kept.root.listlike = form.axes and form.axes + 1
            kept.root.python = form.axes > 0  # until a row holds other numbers
            for thing in items:
                lists.push(reader, kept, thing, cell)
            heap.update({cell: kept})
    if form.kind == "stack":
        lists.make_stack(reader, cell)


def _computed(reader: Reader, form: Form) -> Scalar | Array:
    """Return the type of items, its lengths computed here."""
    here: dict[Any, Any] = {}
    for op in form.lengths:
        attrs: dict[str, Any] = {**op.attrs}
        args = [here.get(x, x) for x in op.args]
        here[op.outs[0]] = reader.build.op(op.row, *args, **attrs)
    type: Scalar | Array = form.item
    if isinstance(type, Array) and here:
        dims = {atom: reader.build.dim(x) for atom, x in here.items()}
        type = Array(type.dtype, tuple(d.put(dims) for d in type.dims))
    return type


def own(form: Form) -> Form:
    """Return a form for another list, with lists of its own for the fields."""
    of_fields = form.kind == "columns"
    return replace(form, item=columns.anew(form.item)) if of_fields else form


def reformed(reader: Reader, cell: Any, form: Form) -> Any:
    """Return what a list holds in a form; other lists than it may be in the same."""
    reform(reader, cell, own(form))
    return reader.state.heap[cell]
