"""Write places in arrays: subscripts that are checked, and views as index arithmetic.

A part of an array that basic subscripts name is a `Spot`: a named array, and for each
of its axes an offset and the axis of the part that runs along it. Its elements are then
written as elements of the array itself, so no view object is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from srcgrad.builder import Builder
from srcgrad.emit.kernel_checks import SIMPLE, Checks, is_number, plus, times
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import SUM, UNARY, Text
from srcgrad.ir import (
    Const,
    Index,
    Item,
    Operand,
    Path,
    Permute,
    Read,
    Reshape,
    Slice,
    Step,
    Stmt,
    Value,
    View,
    Write,
)
from srcgrad.types import Array, Dim, ListOf, Type

__all__ = ["Places", "Spot"]


@dataclass(frozen=True, slots=True)
class Along:
    """How one axis of the named array is indexed: `offset + stride * index[axis]`."""

    offset: str
    stride: int
    axis: int | None


@dataclass(frozen=True, slots=True)
class Spot:
    """A part of a named array; `extents` are the lengths of its axes as text.

    `lengths` are those of the named array.
    """

    name: str
    along: tuple[Along, ...]
    extents: tuple[str, ...]
    type: Array
    lengths: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Tell whether this is all of the named array, as it lies."""
        straight = all(a.stride == 1 and a.axis == k for k, a in enumerate(self.along))
        return straight and self.extents == self.lengths

    def element(self, index: list[str]) -> str:
        """Return an element of the part as text."""
        items = []
        for a in self.along:
            if a.axis is None:
                items.append(a.offset)
            else:
                items.append(plus(a.offset, times(a.stride, index[a.axis])))
        return f"{self.name}[{', '.join(items)}]"


class Places(Checks):
    """Scalars, and the elements and parts of arrays."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.scratch = Builder(trusting=True)
        self.tapes = {
            self.regions.buffer[u.base].family()
            for u in self.regions.updates
            if isinstance(u, Write) and u.once
        }

    # elements

    def part(self, stmt: Read | View) -> Text:
        """Return an element that is read."""
        assert isinstance(stmt, Read)
        return self.element(stmt.base, stmt.path, stmt)

    def element(self, base: Value, path: Path, at: Stmt) -> Text:
        """Return one element of an array, or one item of a list."""
        if isinstance(base.type, ListOf) and len(path) == 1:
            (step,) = path
            assert isinstance(step, Index)
            assert isinstance(step.items[0], Operand)
            # Numba's lists check their subscripts themselves.
            return Text(f"{self.naming[base]}[{self.show(step.items[0]).text}]")
        return Text(self.spot(base, path, at).element([]))

    def is_tape(self, base: Value) -> bool:
        """Tell whether an array is written once by this very function's plan."""
        buffer = self.regions.buffer.get(base)
        return buffer is not None and buffer.family() in self.tapes

    # parts

    def spot(self, base: Value, path: Path, at: Stmt) -> Spot:
        """Return a part that basic subscripts name."""
        folded = self.nest.folded.get(base)
        if isinstance(folded, View | Read):
            start = self.spot(folded.base, folded.path, folded)
            if isinstance(base.type, Array):
                start = replace(start, type=base.type)
        else:
            type: Type = base.type
            name = self.naming[base]
            if isinstance(type, ListOf):
                name, type, path = self.listed(name, type, path)
            assert isinstance(type, Array)
            start = self.named(name, type)
            self.owner = base
        bare = self.is_tape(base)
        for step in path:
            start = self.stepped(start, step, at, bare)
        return start

    def listed(self, name: str, type: ListOf, path: Path) -> tuple[str, Type, Path]:
        """Name an array that lies in a list."""
        step = path[0]
        assert isinstance(step, Index)
        assert isinstance(step.items[0], Operand)
        item = Text(f"{name}[{self.show(step.items[0]).text}]")
        return self.hoist(item, "v").text, type.item, path[1:]

    def named(self, name: str, type: Array) -> Spot:
        """Return all of an array that has a name."""
        axes = range(type.rank)
        extents = tuple(
            f"{name}.shape[{k}]" if d.known is None else str(d.known)
            for k, d in enumerate(type.dims)
        )
        along = tuple(Along("0", 1, k) for k in axes)
        return Spot(name, along, extents, type, extents)

    def stepped(self, spot: Spot, step: Step, at: Stmt, bare: bool) -> Spot:
        """Return a part of a part."""
        if isinstance(step, Permute):
            order = {old: new for new, old in enumerate(step.axes)}
            return Spot(
                spot.name,
                tuple(
                    Along(a.offset, a.stride, None if a.axis is None else order[a.axis])
                    for a in spot.along
                ),
                tuple(spot.extents[k] for k in step.axes),
                Array(spot.type.dtype, tuple(spot.type.dims[k] for k in step.axes)),
                spot.lengths,
            )
        if isinstance(step, Reshape):
            return self.reshaped(spot, step)
        if any(self.odd(i) for i in step.items):
            name = self.fresh("v")
            self.line(f"{name} = {self.sliced(spot, step, at, bare)}")
            type = self.scratch.place(spot.type, (step,))
            assert isinstance(type, Array)
            return self.named(name, type)
        return self.indexed(spot, step, at, bare)

    @staticmethod
    def odd(item: Item) -> bool:
        """Tell whether a slice is left to Numba: a step that is no plain number."""
        if not isinstance(item, Slice) or item.step is None:
            return False
        if not isinstance(item.step, Const):
            return True
        if item.step.value > 0:
            return False
        return item.step.value != -1 or item.start is not None or item.stop is not None

    def indexed(self, spot: Spot, step: Index, at: Stmt, bare: bool) -> Spot:
        """Return what a basic subscript names, as index arithmetic."""
        rows = {a.axis: k for k, a in enumerate(spot.along) if a.axis is not None}
        along = list(spot.along)
        extents: list[str] = []
        items: list[Item] = list(step.items)
        used = sum(i is not None for i in items)
        items += [Slice(None, None, None)] * (len(spot.extents) - used)
        axis = 0
        for item in items:
            if item is None:
                extents.append("1")
                continue
            row = rows.get(axis)
            length, dim = spot.extents[axis], spot.type.dims[axis]
            old = along[row] if row is not None else Along("0", 1, None)
            new: int | None = None
            if isinstance(item, Slice):
                start, stride, extent = self.range(item, length, dim, at)
                new = len(extents)
                extents.append(extent)
            else:
                start, stride = self.subscript(item, dim, length, at, bare), 1
                if not spot.whole:
                    start = self.unwrapped(start, item, length, at)
            if row is not None:
                offset = plus(old.offset, times(old.stride, start))
                along[row] = Along(offset, old.stride * stride, new)
            axis += 1
        type = self.scratch.place(spot.type, (step,))
        dims = type.dims if isinstance(type, Array) else ()
        part = Array(type.dtype, dims)
        return Spot(spot.name, tuple(along), tuple(extents), part, spot.lengths)

    def unwrapped(self, text: str, item: Operand, length: str, at: Stmt) -> str:
        """Return a subscript of a part that counts from its beginning."""
        if isinstance(item, Const) or self.sure(self.bounds.linear(item), at):
            return text
        name = self.fresh("k")
        self.line(f"{name} = {text}")
        self.line(f"if {name} < 0:")
        self.line(f"    {name} += {length}")
        return name

    def range(
        self, item: Slice, length: str, dim: Dim, at: Stmt
    ) -> tuple[str, int, str]:
        """Return the first index of a slice, its stride and its length, at least 0."""
        left = self.scratch.slice_dim(dim, item)
        stride = 1 if item.step is None else int(item.step.value)  # type: ignore[union-attr]
        if stride < 0:
            return plus(length, "-1"), stride, length
        start = "0"
        if item.start is not None:
            start = self.limit(item.start, length, at)
            if isinstance(item.start, Const) and item.start.value < 0:
                if not self.sure(dim + Dim(int(item.start.value)), at):
                    start = f"max({start}, 0)"
        stop, least = self.end(item, length, dim, at)
        span = stop if start == "0" else plus(stop, times(-1, start))
        if stride > 1 and is_number(span):
            span = str((int(span) + stride - 1) // stride)
        elif stride > 1:
            span = f"({plus(span, str(stride - 1))}) // {stride}"
        if is_number(span):
            return start, stride, str(max(int(span), 0))
        if not (start == "0" and least) and not self.sure(left, at):
            span = f"max({span}, 0)"
        return start, stride, span

    def end(self, item: Slice, length: str, dim: Dim, at: Stmt) -> tuple[str, bool]:
        """Return the end of a slice, and whether it is certainly not negative."""
        if item.stop is None:
            return length, True
        stop = self.limit(item.stop, length, at)
        if isinstance(item.stop, Const) and item.stop.value < 0:
            return stop, is_number(stop)
        if self.sure(dim - self.bounds.linear(item.stop), at):
            return stop, True
        return f"min({stop}, {length})", True

    def limit(self, bound: Operand, length: str, at: Stmt) -> str:
        """Return a bound of a slice, counted from the beginning."""
        if isinstance(bound, Const):
            value = int(bound.value)
            if value >= 0:
                return str(value)
            if is_number(length):
                return str(max(int(length) + value, 0))
            return plus(length, str(value))
        text = self.show(bound)
        if self.sure(self.bounds.linear(bound), at):
            shown = text.at(SUM)
            return shown if SIMPLE.fullmatch(shown) else self.hoist(text, "e").text
        name = self.fresh("e")
        self.line(f"{name} = {text.text}")
        self.line(f"if {name} < 0:")
        self.line(f"    {name} = max({name} + {length}, 0)")
        return name

    def reshaped(self, spot: Spot, step: Reshape) -> Spot:
        """Return a contiguous part under another shape; this names a view."""
        name = self.local(spot)
        shape = ", ".join(self.show(s).text for s in step.shape)
        view = self.fresh("v")
        comma = "," if len(step.shape) == 1 else ""
        self.line(f"{view} = {name}.reshape(({shape}{comma}))")
        type = self.scratch.place(spot.type, (step,))
        assert isinstance(type, Array)
        return self.named(view, type)

    def local(self, spot: Spot) -> str:
        """Return a part as a named array that shares its memory."""
        if spot.whole:
            return spot.name
        name = self.fresh("v")
        self.line(f"{name} = {self.viewed(spot)}")
        return name

    def viewed(self, spot: Spot) -> str:
        """Return a part as a NumPy view."""
        items: list[str] = []
        axes: list[int] = []
        flips: list[str] = []
        for k, a in enumerate(spot.along):
            if a.axis is None:
                items.append(a.offset)
                continue
            axes.append(a.axis)
            flips.append(":" if a.stride > 0 else "::-1")
            reach = times(a.stride, spot.extents[a.axis])
            first, stop = a.offset, plus(a.offset, reach)
            if a.stride < 0:
                first, stop = plus(stop, str(-a.stride)), plus(a.offset, "1")
            step = f":{abs(a.stride)}" if abs(a.stride) > 1 else ""
            full = abs(a.stride) == 1 and spot.extents[a.axis] == spot.lengths[k]
            items.append(":" if full else f"{first}:{stop}{step}")
        while len(items) > 1 and items[-1] == ":":
            items.pop()
        text = f"{spot.name}[{', '.join(items)}]"
        if "::-1" in flips:
            text = f"{text}[{', '.join(flips)}]"
        order = [axes.index(k) for k in range(len(spot.extents)) if k in axes]
        if order != sorted(order):
            text = f"np.transpose({text}, ({', '.join(map(str, order))}))"
        if len(axes) < len(spot.extents):
            news = [":" if k in axes else "None" for k in range(len(spot.extents))]
            text = f"{text}[{', '.join(news)}]"
        return text

    def sliced(self, spot: Spot, step: Index, at: Stmt, bare: bool) -> str:
        """Return a subscript as NumPy text, on a view of what it is taken from."""
        name = self.local(spot)
        items, axis = [], 0
        for item in step.items:
            if item is None:
                items.append("None")
                continue
            if isinstance(item, Slice):
                parts = (item.start, item.stop, item.step)
                shown = ["" if p is None else self.show(p).at(UNARY) for p in parts]
                items.append(":".join(shown))
            else:
                length, dim = spot.extents[axis], spot.type.dims[axis]
                items.append(self.subscript(item, dim, length, at, bare))
            axis += 1
        return f"{name}[{', '.join(items)}]"
