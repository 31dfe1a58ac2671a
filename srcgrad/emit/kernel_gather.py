"""Write subscripts that are arrays: gathers, scatters and masks as explicit loops.

A mask is turned into the numbers of its true places first, so one form is left: for
some axes of a part the subscript is read from an array, checked, and counted from the
beginning; the other axes are slices or numbers as usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from srcgrad.builder import INT
from srcgrad.emit.kernel_arrays import Arrays
from srcgrad.emit.kernel_checks import plus, times
from srcgrad.emit.kernel_places import Spot
from srcgrad.ir import (
    Accumulate,
    Index,
    Item,
    Operand,
    Path,
    Slice,
    Stmt,
    Take,
    Value,
    View,
    Write,
    gathered_at,
)
from srcgrad.types import Array, Dim

__all__ = ["Gathers"]


@dataclass(slots=True)
class Picked:
    """What a subscript with arrays names.

    `axes` say for each axis of the part how it is indexed: by a text, or by a slice as
    (axis of the result, start, stride). `reads` are the numbers that are read in the
    loops: name, source, and the lines that check it. `first` and `count` tell which
    axes of the result run over the index arrays.
    """

    part: Spot
    axes: list[str | tuple[int, str, int]] = field(default_factory=list)
    extents: list[str] = field(default_factory=list)
    reads: list[tuple[str, Spot, list[str]]] = field(default_factory=list)
    first: int = 0
    count: int = 0

    def element(self, index: Sequence[str]) -> str:
        """Return the element for an index of the result."""
        items = [
            a if isinstance(a, str) else plus(a[1], times(a[2], index[a[0]]))
            for a in self.axes
        ]
        return self.part.element(items)


class Gathers(Arrays):
    """Array statements, those through arrays of subscripts included."""

    def picked(self, base: Value, path: Path, at: Stmt) -> Picked:
        """Compute what a subscript with arrays needs before its loops."""
        step = path[-1]
        assert isinstance(step, Index)
        part = self.spot(base, path[:-1], at)
        out = Picked(part)
        bare = self.is_tape(base)
        slices: list[tuple[int, str]] = []  # axis of the part, or -1; extent
        for item in self.padded(step, part):
            axis = len(out.axes)
            if item is None:
                slices.append((-1, "1"))
            elif isinstance(item, Slice):
                length, dim = part.extents[axis], part.type.dims[axis]
                start, stride, extent = self.range(item, length, dim, at)
                out.axes.append((len(slices), start, stride))
                slices.append((axis, extent))
            elif not item.type.rank:
                length, dim = part.extents[axis], part.type.dims[axis]
                text = self.subscript(item, dim, length, at, bare)
                out.axes.append(self.unwrapped(text, item, length, at))
            else:
                self.by_array(out, item, base, at)
        out.first = gathered_at(step.items)
        self.arrange(out, [extent for _, extent in slices])
        return out

    def padded(self, step: Index, part: Spot) -> list[Item]:
        """Return one item for each axis of the part, and None for each new one."""
        used = 0
        for item in step.items:
            mask = isinstance(item, Value) and item.type.dtype == "bool"
            used += item.type.rank if mask else item is not None  # type: ignore[union-attr]
        rest = len(part.extents) - used
        return [*step.items, *[Slice(None, None, None)] * rest]

    def arrange(self, out: Picked, extents: list[str]) -> None:
        """Put the axes of the index arrays among those of the slices."""
        rank = max(s.type.rank for _, s, _ in out.reads)
        out.count = rank
        shared = []
        for axis in range(-rank, 0):
            wide = [
                s.extents[axis]
                for _, s, _ in out.reads
                if s.type.rank >= -axis and s.type.dims[axis].known != 1
            ]
            shared.append(wide[0] if wide else "1")
        out.extents = [*extents[: out.first], *shared, *extents[out.first :]]
        for k, axis_text in enumerate(out.axes):
            if isinstance(axis_text, tuple) and axis_text[0] >= out.first:
                out.axes[k] = (axis_text[0] + rank, *axis_text[1:])

    def by_array(self, out: Picked, item: Operand, base: Value, at: Stmt) -> None:
        """Add the axes that an index array or a mask stands for."""
        assert isinstance(item, Value)
        assert isinstance(item.type, Array)
        axis = len(out.axes)
        if item.type.dtype != "bool":
            same = self.overlaps(item, base, ())
            index = self.computed(item, at) if same else self.whole(item, at)
            name, extent = self.fresh("k"), out.part.extents[axis]
            test = [f"if not -{extent} <= {name} < {extent}:", "    raise IndexError",
                    f"if {name} < 0:", f"    {name} += {extent}"]  # fmt: skip
            out.reads.append((name, index, test))
            out.axes.append(name)
            return
        mask = self.contiguous(item, at)
        rank = item.type.rank
        extents = out.part.extents[axis : axis + rank]
        for k, extent in enumerate(extents):
            if out.part.type.dims[axis + k] != item.type.dims[k]:
                self.line(f"if {mask}.shape[{k}] != {extent}:")
                self.line("    raise IndexError")
        places = self.fresh("z")
        self.line(f"{places} = rt_flatnonzero_bool({mask})")
        length = Dim(0, ((Value("n", INT), 1),))
        count = self.named(places, Array("int64", (length,)))
        name = self.fresh("k")
        split: list[str] = []
        for k in reversed(range(1, rank)):
            column = self.fresh("k")
            split += [f"{column} = {name} % {extents[k]}", f"{name} //= {extents[k]}"]
            out.axes.insert(axis, column)
        out.axes.insert(axis, name)
        out.reads.append((name, count, split))

    def whole(self, x: Value, at: Stmt) -> Spot:
        """Return an array of subscripts, ready to be read in a nest."""
        if self.fused(x) is not None:
            return self.computed(x, at)
        return self.leaf(x, at)

    def read_indices(self, out: Picked, index: Sequence[str]) -> None:
        """Read and check the subscripts of one turn."""
        own = index[out.first : out.first + out.count]
        for name, spot, then in out.reads:
            at = [
                "0" if d.known == 1 else i
                for d, i in zip(
                    spot.type.dims, own[len(own) - spot.type.rank :], strict=True
                )
            ]
            self.line(f"{name} = {spot.element(at)}")
            for text in then:
                self.line(text)

    def open_picked(self, out: Picked, *, backward: bool = False) -> list[str]:
        """Open the loops over what is picked."""
        stop = out.first + out.count
        head = self.axes_open(out.extents[: out.first], 0)
        own = self.axes_open(out.extents[out.first : stop], out.first, backward)
        self.read_indices(out, [*head, *own])
        return [*head, *own, *self.axes_open(out.extents[stop:], stop)]

    def gather(self, stmt: View, name: str = "") -> str:
        """Copy what an array of subscripts picks; return the name of the copy."""
        out = self.picked(stmt.base, stmt.path, stmt)
        wanted = name or self.fresh("z")
        names = {out.part.name, *(spot.name for _, spot, _ in out.reads)}
        target = self.fresh("z") if wanted in names else wanted
        self.allocate(target, out.extents, stmt.out.type.dtype)
        index = self.open_picked(out)
        self.line(f"{target}[{', '.join(index)}] = {out.element(index)}")
        self.nest_close(index)
        return self.rename(target, wanted)

    def scatter(self, s: Write | Accumulate) -> None:
        """Store through an array of subscripts."""
        sign = "+=" if isinstance(s, Accumulate) else "="
        if self.overlaps(s.value, s.base, s.path):
            value: Operand = self.temporary(s.value)
            assert isinstance(value, Value)
            spots = {value: self.computed(s.value, s)}
        else:
            value, spots = s.value, self.leaves(s.value, s)
        out = self.picked(s.base, s.path, s)
        index = self.open_picked(out)
        self.inside(spots, index)
        text = self.showed(value, s.base.type.dtype).text
        self.line(f"{out.element(index)} {sign} {text}")
        self.nest_close(index)

    def gather_and_clear(self, s: Take) -> None:
        """Copy what an array of subscripts picks, and clear it.

        The last of several equal subscripts gets the value, as it was the last to be
        stored; the others find zero.
        """
        out = self.picked(s.base, s.path, s)
        name = self.naming[s.value]
        self.allocate(name, out.extents, s.value.type.dtype)
        index = self.open_picked(out, backward=True)
        place = out.element(index)
        self.line(f"{name}[{', '.join(index)}] = {place}")
        self.line(f"{place} = {self.zero(s.value.type.dtype)}")
        self.nest_close(index)
