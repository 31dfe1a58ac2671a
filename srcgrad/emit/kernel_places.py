"""Write places in arrays: subscripts that are checked, and views as index arithmetic.

A part of an array is a `Spot`: a named array, and for each of its axes an offset and
the axis of the part that runs along it. Its elements are then written as elements of
the array itself, so no view object is made. Where the subscript is an array, the offset
is a number that is read in the loops over the part; a mask is turned into the numbers
of its true places first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from srcgrad import ir
from srcgrad.builder import INT, Builder, const
from srcgrad.emit.kernel_checks import Checks, total
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import TERM, Text, path_text
from srcgrad.ir import Operand, Path, Slice, Value
from srcgrad.types import Array, Dim, ListOf

_ALL = Slice(None, None, None)


@dataclass(frozen=True, slots=True)
class Along:
    """How one axis of the named array is indexed: `offset + stride * index[axis]`."""

    offset: Dim
    stride: int
    axis: int | None


@dataclass(frozen=True, slots=True)
class Pick:
    """A subscript that is read in the loops: from where, and what is done with it."""

    name: str
    source: Spot
    then: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A part of a named array; `extents` are the lengths of its axes.

    `lengths` are those of the named array. The `picks` run over the `count` axes of the
    part that begin with `first`.
    """

    name: str
    along: tuple[Along, ...]
    extents: tuple[Dim, ...]
    type: Array
    lengths: tuple[Dim, ...]
    picks: tuple[Pick, ...] = ()
    first: int = 0
    count: int = 0

    @property
    def whole(self) -> bool:
        """Tell whether this is all of the named array, as it lies."""
        straight = tuple(Along(Dim(0), 1, k) for k in range(len(self.along)))
        return self.along == straight and self.extents == self.lengths

    def element(self, index: Sequence[Dim]) -> str:
        """Return an element of the part as text."""
        places = (
            a.offset if a.axis is None else a.offset + index[a.axis].scaled(a.stride)
            for a in self.along
        )
        return f"{self.name}[{', '.join(map(total, places))}]"

    def broadcast(self, index: Sequence[Dim]) -> list[Dim]:
        """Return the index of the part for one of what it is broadcast to."""
        own = index[len(index) - self.type.rank :]
        dims = self.type.dims
        return [Dim(0) if d.known == 1 else i for d, i in zip(dims, own, strict=True)]


def widest(spots: Sequence[Spot], dims: Sequence[Dim | None]) -> list[Dim]:
    """Return the lengths of the axes of what parts broadcast to."""
    out = []
    for axis, dim in enumerate(dims, -len(dims)):
        own = [s for s in spots if s.type.rank >= -axis]
        wide = [s.extents[axis] for s in own if s.type.dims[axis].known != 1]
        if dim is not None and dim.known is not None:
            wide = [dim]
        out.append(wide[0] if wide else Dim(1))
    return out


class Places(Checks):
    """Scalars, and the elements and parts of arrays."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.scratch = Builder(trusting=True)
        self.tapes = {
            self.regions.buffer[u.base].family()
            for u in self.regions.updates
            if isinstance(u, ir.Write) and u.once
        }

    # what the nests do (kernel_arrays.py)

    def index_array(self, x: Value, base: Value, at: ir.Stmt) -> Spot:
        """Return an array of subscripts, ready to be read in a nest."""
        raise NotImplementedError

    def contiguous(self, x: Operand, at: ir.Stmt) -> str:
        """Return the name of a contiguous array that holds a value."""
        raise NotImplementedError

    # parts

    def element(self, base: Value, path: Path, at: ir.Stmt) -> Text:
        if isinstance(base.type, ListOf) and len(path) == 1:
            return self.item(base, path[0])
        return Text(self.spot(base, path, at).element([]))

    def item(self, base: Value, step: ir.Step) -> Text:
        """Return an item of a list; Numba's lists check their subscripts themselves."""
        assert isinstance(step, ir.Index)
        assert isinstance(step.items[0], Operand)
        return Text(f"{self.naming[base]}[{self.show(step.items[0]).text}]")

    def spot(self, base: Value, path: Path, at: ir.Stmt) -> Spot:
        """Return a part of an array."""
        folded = self.folded(base)
        if isinstance(folded, ir.View | ir.Read):
            start = self.spot(folded.base, folded.path, folded)
            if isinstance(base.type, Array):
                start = replace(start, type=base.type)
        elif isinstance(base.type, ListOf):
            assert isinstance(base.type.item, Array)
            name = self.hoist(self.item(base, path[0]), "v").text
            start = self.all_of(name, base.type.item)
        else:
            assert isinstance(base.type, Array)
            start = self.all_of(self.naming[base], base.type, base)
        buffer = self.regions.buffer.get(base)
        # What is written once by this very function's plan needs no checks.
        bare = buffer is not None and buffer.family() in self.tapes
        for k, step in enumerate(path):
            if isinstance(base.type, ListOf) and k == 0:
                continue
            if isinstance(step, ir.Permute):
                start = self.permuted(start, step)
            elif isinstance(step, ir.Index) and not any(map(_is_odd, step.items)):
                start = self.indexed(start, step, base, at, bare)
            else:
                if isinstance(step, ir.Index):  # what is left of it makes the checks
                    rest = tuple(_ALL if _is_odd(i) else i for i in step.items)
                    self.indexed(start, ir.Index(rest), base, at, bare)
                name = self.hoist(Text(self.view(base, path[: k + 1])), "v").text
                start = self.all_of(name, self.type_of(start, step))
        return start

    def view(self, base: Value, path: Path) -> str:
        """Return a part that has been checked as a NumPy view."""
        folded = self.folded(base)
        if isinstance(folded, ir.View | ir.Read):
            return self.view(folded.base, (*folded.path, *path))
        return path_text(self.naming[base], path, self.show).text

    def all_of(self, name: str, type: Array, value: Value | None = None) -> Spot:
        """Return all of an array that has a name."""
        extents = tuple(
            self.named(f"{name}.shape[{k}]", value) if d.known is None else d
            for k, d in enumerate(type.dims)
        )
        along = tuple(Along(Dim(0), 1, k) for k in range(type.rank))
        return Spot(name, along, extents, type, extents)

    def type_of(self, spot: Spot, step: ir.Step) -> Array:
        """Return the type of a part of a part; an element counts as rank 0."""
        type = self.scratch.place(spot.type, (step,))
        return type if isinstance(type, Array) else Array(type.dtype, ())

    def permuted(self, spot: Spot, step: ir.Permute) -> Spot:
        order = {old: new for new, old in enumerate(step.axes)}
        return replace(
            spot,
            along=tuple(
                replace(a, axis=None if a.axis is None else order[a.axis])
                for a in spot.along
            ),
            extents=tuple(spot.extents[k] for k in step.axes),
            type=self.type_of(spot, step),
        )

    def indexed(
        self, spot: Spot, step: ir.Index, base: Value, at: ir.Stmt, bare: bool
    ) -> Spot:
        """Return what a subscript names, as index arithmetic."""
        rows = {a.axis: k for k, a in enumerate(spot.along) if a.axis is not None}
        along, extents, picks = list(spot.along), list[Dim](), list[Pick]()
        axis = 0

        def put(start: Dim, stride: int = 1, new: int | None = None) -> None:
            nonlocal axis
            if axis in rows:
                old = along[rows[axis]]
                offset = old.offset + start.scaled(old.stride)
                along[rows[axis]] = Along(offset, old.stride * stride, new)
            axis += 1

        for item in step.items:
            if item is None:
                extents.append(Dim(1))
                continue
            length, dim = spot.extents[axis], spot.type.dims[axis]
            if isinstance(item, Slice):
                start, extent = self.slice(item, length, dim, at)
                stride = 1 if item.step is None else int(item.step.value)  # type: ignore[union-attr]
                put(start, stride, len(extents))
                extents.append(extent)
            elif isinstance(item, Value) and item.type.rank:
                pick, columns = self.pick(item, spot, axis, base, at)
                picks.append(pick)
                for name in columns:
                    put(self.named(name))
            else:
                start = self.subscript(item, dim, length, at, bare)
                if not spot.whole:
                    start = self.from_beginning(start, item, length, at)
                put(start)
        for extent in spot.extents[axis:]:
            put(Dim(0), 1, len(extents))
            extents.append(extent)
        part = Spot(spot.name, tuple(along), tuple(extents), self.type_of(spot, step),
                    spot.lengths, tuple(picks))  # fmt: skip
        return self.arranged(part, ir.gathered_at(step.items)) if picks else part

    def arranged(self, part: Spot, first: int) -> Spot:
        """Put the axes of the index arrays among those of the slices."""
        count = max(p.source.type.rank for p in part.picks)
        shared = widest([p.source for p in part.picks], [None] * count)
        along = tuple(
            replace(a, axis=a.axis + count)
            if a.axis is not None and a.axis >= first
            else a
            for a in part.along
        )
        extents = (*part.extents[:first], *shared, *part.extents[first:])
        return replace(part, along=along, extents=extents, first=first, count=count)

    def from_beginning(self, k: Dim, item: Operand, length: Dim, at: ir.Stmt) -> Dim:
        """Return a subscript of a part that counts from its beginning."""
        if isinstance(item, ir.Const) or self.sure(self.bounds.linear(item), at):
            return k
        name = self.fresh("k")
        self.line(f"{name} = {total(k)}")
        self.line(f"if {name} < 0:")
        self.line(f"    {name} += {total(length)}")
        return self.named(name)

    def slice(self, item: Slice, length: Dim, dim: Dim, at: ir.Stmt) -> tuple[Dim, Dim]:
        """Return the first index of a slice, and its length, at least 0."""
        step = 1 if item.step is None else int(item.step.value)  # type: ignore[union-attr]
        if step < 0:
            return length - Dim(1), length
        start, _ = self.bound(item.start, length, dim, at, last=False)
        stop, least = self.bound(item.stop, length, dim, at, last=True)
        span = stop - start
        if step > 1:
            span = span + Dim(step - 1)
            count = Text(f"({total(span)}) // {step}", TERM)
            known = span.known
            span = self.named(count) if known is None else Dim(known // step)
        if span.known is not None:
            return start, Dim(max(span.known, 0))
        sure = start == Dim(0) and least
        if sure or self.sure(self.scratch.slice_dim(dim, item), at):
            return start, span
        return start, self.named(f"max({total(span)}, 0)")

    def bound(
        self, x: Operand | None, length: Dim, dim: Dim, at: ir.Stmt, last: bool
    ) -> tuple[Dim, bool]:
        """Return an end of a slice, and whether it is certainly not negative."""
        if x is None:
            return (length if last else Dim(0)), True
        linear = self.bounds.linear(x)
        if isinstance(x, ir.Const) and x.value < 0:
            found = length + linear
            if found.known is not None:
                return Dim(max(found.known, 0)), True
            if last or self.sure(dim + linear, at):
                return found, False
            return self.named(f"max({total(found)}, 0)"), True
        if not self.sure(linear, at):
            text = f"rt_limit({self.show(x).text}, {total(length)})"
            return self.named(self.hoist(Text(text), "e")), True
        found = (
            self.form(x) if isinstance(x, ir.Const) else self.simple(self.form(x), "e")
        )
        if last and not self.sure(dim - linear, at):
            found = self.named(f"min({total(found)}, {total(length)})")
        return found, True

    def pick(
        self, item: Value, spot: Spot, axis: int, base: Value, at: ir.Stmt
    ) -> tuple[Pick, list[str]]:
        """Return what reads an index array or a mask, and the names of its numbers."""
        name = self.fresh("k")
        if item.type.dtype != "bool":
            low, n = total(spot.extents[axis].scaled(-1)), total(spot.extents[axis])
            checks = (f"if not {low} <= {name} < {n}:", "    raise IndexError",
                      f"if {name} < 0:", f"    {name} += {n}")  # fmt: skip
            return Pick(name, self.index_array(item, base, at), checks), [name]
        mask, rank = self.contiguous(item, at), item.type.rank
        extents = spot.extents[axis : axis + rank]
        for k, extent in enumerate(extents):
            if spot.type.dims[axis + k] != item.type.dims[k]:
                self.refuse("IndexError", f"{mask}.shape[{k}] != {total(extent)}")
        places = self.hoist(Text(f"rt_flatnonzero_bool({mask})"), "z").text
        count = Array("int64", (Dim.of(Value("n", INT)),))
        columns, split = [name], list[str]()
        for k in reversed(range(1, rank)):
            column, n = self.fresh("k"), self.hoist(Text(total(extents[k])), "e").text
            split += [f"{column} = {name} % {n}", f"{name} //= {n}"]
            columns.insert(1, column)
        return Pick(name, self.all_of(places, count), tuple(split)), columns


def _is_odd(item: ir.Item) -> bool:
    """Tell whether a slice is left to Numba: a step that is no plain number."""
    if not isinstance(item, Slice) or item.step is None:
        return False
    turned = item.start is None and item.stop is None and item.step == const(-1)
    return not isinstance(item.step, ir.Const) or (item.step.value <= 0 and not turned)
