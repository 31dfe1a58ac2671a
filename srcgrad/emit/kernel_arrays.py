"""Write array statements as loop nests: one tree of elementwise rows is one nest.

The leaves of a tree are named arrays and parts of them, read by index arithmetic.
Everything else in a tree, scalars and rows that are not elementwise, is computed before
the nest, so that nothing in the nest depends on what the nest writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from srcgrad import ir
from srcgrad.emit.kernel_checks import total
from srcgrad.emit.kernel_places import Places, Spot, widest
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import Text
from srcgrad.ir import Op, Operand, Path, Value
from srcgrad.ops.table import ROWS, np_dtype
from srcgrad.types import Array, Dim, ListOf

_INDEX = "ijklmnpq"


class Arrays(Places):
    """Scalars, places and the loop nests of array statements."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.axes: list[str] = []  # the loop variables; all nests share them

    # trees

    def fused(self, x: Operand) -> Op | None:
        """Return the operation if a value is computed inside the nest that uses it."""
        stmt = self.folded(x)
        if isinstance(stmt, Op) and stmt.out.type.rank and ROWS[stmt.row].loop:
            return stmt
        return None

    def leaves(self, x: Operand, at: ir.Stmt) -> dict[Value, Spot]:
        """Compute what a tree needs before its nest; return its array leaves."""
        stmt = self.fused(x)
        if stmt is not None:
            spots: dict[Value, Spot] = {}
            for arg in stmt.args:
                if arg not in spots:
                    spots |= self.leaves(arg, at)
            return spots
        if not isinstance(x, Value):
            return {}
        if x.type.rank:
            return {x: self.leaf(x, at)}
        if x in self.nest.folded:
            self.here[x] = self.hoist(self.show(x))
        return {}

    def leaf(self, x: Value, at: ir.Stmt) -> Spot:
        """Return an array that is read in a nest."""
        assert isinstance(x.type, Array)
        stmt = self.folded(x)
        if stmt is None:
            return self.all_of(self.naming[x], x.type, x)
        if isinstance(stmt, ir.View | ir.Read) and not ir.gathers(stmt.path):
            return self.spot(x, (), at)
        return self.all_of(self.compute(x, at), x.type)

    # nests

    @contextmanager
    def nest_over(
        self, part: Spot, spots: dict[Value, Spot], *, backward: bool = False
    ) -> Iterator[list[Dim]]:
        """Open a loop for each axis of a part; let leaves stand for their elements."""
        index: list[Dim] = []
        indent, stop = self.indent, part.first + part.count
        for axis, extent in enumerate([*part.extents, None]):
            if axis == stop:
                for pick in part.picks:
                    own = pick.source.broadcast(index[part.first :])
                    self.line(f"{pick.name} = {pick.source.element(own)}")
                    for line in pick.then:
                        self.line(line)
            if extent is None or extent == Dim(1):
                index += [Dim(0)] * (extent is not None)
                continue
            while len(self.axes) <= axis:
                self.axes.append(self.fresh(_INDEX[len(self.axes)]))
            turned = backward and part.first <= axis < stop
            bounds = total(extent)
            bounds = f"{bounds} - 1, -1, -1" if turned else bounds
            self.line(f"for {self.axes[axis]} in range({bounds}):")
            self.indent += 1
            index.append(self.named(self.axes[axis]))
        for value, spot in spots.items():
            self.here[value] = Text(spot.element(spot.broadcast(index)))
        yield index
        self.indent = indent
        for value in spots:
            del self.here[value]

    def new(
        self, name: str, extents: Sequence[Dim], dtype: str, read: Iterable[str]
    ) -> Spot:
        """Make an array that is not filled, not yet under a name that is read."""
        target = self.fresh("z") if not name or name in read else name
        shape = ", ".join(map(total, extents))
        shape = f"({shape})" if len(extents) > 1 else shape
        self.line(f"{target} = rt_empty({shape}, {np_dtype(dtype)})")
        return self.all_of(target, Array(dtype, tuple(extents)))

    def renamed(self, made: str, name: str) -> str:
        """Bind a new array to its name."""
        if name and made != name:
            self.line(f"{name} = {made}")
        return name or made

    def compute(self, x: Operand, at: ir.Stmt, name: str = "") -> str:
        """Compute a tree into a new contiguous array; return its name."""
        assert isinstance(x.type, Array)
        assert isinstance(x, Value)
        source = self.folded(x)
        while isinstance(source, Op) and source.row == "copy":
            source = self.folded(source.args[0])
        if isinstance(source, ir.View) and ir.gathers(source.path):
            part = self.spot(source.base, source.path, source)
            return self.copy(part, name)
        if isinstance(source, Op) and ROWS[source.row].loop is None:
            text = self.call(source).text
            name = name or self.fresh("z")
            self.line(f"{name} = {text}")
            return name
        spots = self.leaves(x, at)
        extents = widest(list(spots.values()), x.type.dims)
        out = self.new(name, extents, x.type.dtype, [s.name for s in spots.values()])
        with self.nest_over(out, spots) as index:
            self.line(f"{out.element(index)} = {self.show(x).text}")
        return self.renamed(out.name, name)

    def copy(self, part: Spot, name: str, *, clear: bool = False) -> str:
        """Copy a part, and clear it; of equal subscripts the last gets the value.

        The last of several was the last to be stored; the others find zero.
        """
        read = [part.name, *(p.source.name for p in part.picks)]
        out = self.new(name, part.extents, part.type.dtype, read)
        with self.nest_over(part, {}, backward=clear) as index:
            place = part.element(index)
            self.line(f"{out.element(index)} = {place}")
            if clear:
                self.line(f"{place} = {self.zero(part.type.dtype)}")
        return self.renamed(out.name, name)

    def zero(self, dtype: str) -> str:
        """Return zero as it is stored."""
        return "False" if dtype == "bool" else "0.0" if "float" in dtype else "0"

    def store(self, s: ir.Write | ir.Accumulate) -> None:
        """Write an array statement that changes a part of an array."""
        value: Any = s.value
        if self.overlaps(value, s.base, s.path):
            name, value = self.compute(value, s), Value("z", value.type)
            spots = {value: self.all_of(name, value.type)}
        else:
            spots = self.leaves(value, s)
        target = self.spot(s.base, s.path, s)
        with self.nest_over(target, spots) as index:
            text = self.shown_as(value, target.type.dtype).text
            sign = "+=" if isinstance(s, ir.Accumulate) else "="
            self.line(f"{target.element(index)} {sign} {text}")

    # what a call takes

    def index_array(self, x: Value, base: Value, at: ir.Stmt) -> Spot:
        assert isinstance(x.type, Array)
        if self.fused(x) is not None or self.overlaps(x, base, None):
            return self.all_of(self.compute(x, at), x.type)
        return self.leaf(x, at)

    def contiguous(self, x: Operand, at: ir.Stmt) -> str:
        assert isinstance(x, Value)
        stmt = self.folded(x)
        view = stmt or self.regions.definition.get(x)
        if stmt is None and (x in self.regions.buffer or self.is_c(view)):
            return self.naming[x]
        if isinstance(stmt, ir.View) and not ir.gathers(stmt.path) and self.is_c(stmt):
            spot = self.spot(x, (), at)
            text = spot.name if spot.whole else self.view(x, ())
            return self.hoist(Text(text), "v").text
        return self.compute(x, at)

    def is_c(self, view: ir.Stmt | None) -> bool:
        """Tell whether Numba too knows that a view of an array is contiguous."""
        if not isinstance(view, ir.View) or view.base not in self.regions.buffer:
            return False
        if len(view.path) != 1 or not isinstance(view.path[0], ir.Index):
            return False
        *most, last = view.path[0].items
        whole = not isinstance(last, ir.Slice) or not last.step
        return whole and all(isinstance(i, Operand) for i in most) and last is not None

    def flipped(self, x: Value, at: ir.Stmt) -> str | None:
        """Return the transpose of a contiguous matrix, which BLAS takes as it is."""
        stmt = self.folded(x)
        if not isinstance(stmt, ir.View) or stmt.path != (ir.Permute((1, 0)),):
            return None
        return f"{self.contiguous(stmt.base, at)}.T"

    def shape_of(self, x: Operand, at: ir.Stmt) -> list[str]:
        """Return the lengths of an array that need not be computed."""
        assert isinstance(x, Value)
        spots = self.leaves(x, at).values()
        return list(map(total, widest(list(spots), x.type.dims)))

    def call(self, op: Op) -> Text:
        row = ROWS[op.row]
        if row.kernel is None:
            raise NotImplementedError(f"{row.name} has no kernel")
        if op.row == "dim":
            return Text(self.shape_of(op.args[0], op)[int(op.attrs.get("axis", 0))])  # type: ignore[call-overload]
        names, types = [], []
        for k, arg in enumerate(op.args):
            type = arg.type
            if not isinstance(arg, Value) or not ir.owned(type):
                names.append(self.hoist(self.show(arg)).text)
            elif isinstance(type, ListOf):
                names.append(self.naming[arg])
            elif row.param(k) in row.shape_only:
                shape = self.shape_of(arg, op)
                names.append(shape[0] if len(shape) == 1 else f"({', '.join(shape)})")
            else:
                assert isinstance(type, Array)
                flipped = self.flipped(arg, op) if row.transposed else None
                names.append(flipped or self.contiguous(arg, op))
                type = Array(type.dtype, type.dims, flipped is None)
            types.append(type)
        return Text(row.kernel(names, types, op.attrs))

    # aliasing

    def origin(self, x: Value) -> tuple[Value, Path]:
        """Return the buffer and path that a view stands for."""
        stmt = self.folded(x) or self.regions.definition.get(x)
        if isinstance(stmt, ir.View | ir.Read) and not ir.gathers(stmt.path):
            base, path = self.origin(stmt.base)
            return base, (*path, *stmt.path)
        return x, ()

    def overlaps(self, x: Operand, base: Value, path: Path | None) -> bool:
        """Tell whether a tree reads, at another place, what a statement writes.

        What is written at a place that is not known is written at another place.
        """
        if not isinstance(x, Value) or not x.type.rank:
            return False
        stmt = self.fused(x)
        if stmt is not None:
            return any(self.overlaps(a, base, path) for a in stmt.args)
        source, part = self.origin(x)
        buffer = self.regions.buffer
        if isinstance(self.folded(x), Op):
            return False
        if source not in buffer or base not in buffer:
            return False
        same = buffer[source].family() is buffer[base].family()
        return same and (path is None or self.key(part) != self.key(path))

    def key(self, part: Any) -> Any:
        """Return what is equal for paths that name the same elements in one order."""
        match part:
            case tuple():
                return tuple(map(self.key, part))
            case ir.Index():
                return self.key(part.items)
            case ir.Slice():
                return "slice", self.key((part.start, part.stop, part.step))
            case ir.Const() | Value() if not part.type.rank:
                return self.regions.linear(part)
            case None | Value() | ir.Permute():
                return part
        return object()
