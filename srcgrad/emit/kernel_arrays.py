"""Write array statements as loop nests: one tree of elementwise rows is one nest.

The leaves of a tree are named arrays and parts of them, read by index arithmetic.
Everything else in a tree, scalars and rows that are not elementwise, is computed before
the nest, so that nothing in the nest depends on what the nest writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.emit.kernel_places import Places, Spot
from srcgrad.emit.kernel_scalars import dtype_text, literal
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import Text
from srcgrad.ir import (
    Accumulate,
    Const,
    Index,
    Op,
    Operand,
    Path,
    Permute,
    Read,
    Slice,
    Stmt,
    Take,
    Value,
    View,
    Write,
    gathers,
    owned,
)
from srcgrad.ops.table import ROWS
from srcgrad.types import Array, ListOf, Type

__all__ = ["Arrays"]

_INDEX = "ijklmnpq"


class Arrays(Places):
    """Scalars, places and the loop nests of array statements."""

    gather: Callable[..., str]  # through arrays of subscripts: kernel_gather.py
    scatter: Callable[[Write | Accumulate], None]
    gather_and_clear: Callable[[Take], None]

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.axes: list[str] = []

    # trees

    def fused(self, x: Operand) -> Op | None:
        """Return the operation if a value is computed inside the nest that uses it."""
        stmt = self.nest.folded.get(x) if isinstance(x, Value) else None
        if not isinstance(stmt, Op) or not stmt.out.type.rank:
            return None
        row = ROWS[stmt.row]
        return stmt if row.kind == "elementwise" or row.name == "copy" else None

    def leaves(self, x: Operand, at: Stmt) -> dict[Value, Spot]:
        """Compute what a tree needs before its nest; return its array leaves."""
        spots: dict[Value, Spot] = {}
        self._leaves(x, at, spots)
        return spots

    def _leaves(self, x: Operand, at: Stmt, spots: dict[Value, Spot]) -> None:
        if not isinstance(x, Value) or x in spots:
            return
        if not x.type.rank:
            if x in self.nest.folded:
                self.here[x] = self.hoist(self.show(x))
            return
        stmt = self.fused(x)
        if stmt is not None:
            for arg in stmt.args:
                self._leaves(arg, at, spots)
        else:
            spots[x] = self.leaf(x, at)

    def leaf(self, x: Value, at: Stmt) -> Spot:
        """Return an array that is read in a nest."""
        stmt = self.nest.folded.get(x)
        if isinstance(stmt, View | Read) and not gathers(stmt.path):
            return self.spot(x, (), at)
        if isinstance(stmt, View):
            assert isinstance(x.type, Array)
            return self.named(self.gather(stmt), x.type)
        if isinstance(stmt, Op):
            assert isinstance(x.type, Array)
            return self.named(self.made(stmt), x.type)
        assert isinstance(x.type, Array)
        return self.named(self.naming[x], x.type)

    def extents(self, spots: Sequence[Spot], type: Array) -> list[str]:
        """Return the lengths of the axes of what operands broadcast to."""
        out = []
        for axis in range(-type.rank, 0):
            known = type.dims[axis].known
            wide = [
                s.extents[axis]
                for s in spots
                if s.type.rank >= -axis and s.type.dims[axis].known != 1
            ]
            out.append(str(known) if known is not None else wide[0] if wide else "1")
        return out

    def inside(self, spots: dict[Value, Spot], index: list[str]) -> None:
        """Let the leaves of a tree stand for their elements."""
        for value, spot in spots.items():
            own = index[len(index) - spot.type.rank :]
            at = [
                "0" if d.known == 1 else i
                for d, i in zip(spot.type.dims, own, strict=True)
            ]
            self.here[value] = Text(spot.element(at))

    # nests

    def nest_open(self, extents: Sequence[str]) -> list[str]:
        """Open a loop for each axis; return their variables."""
        return self.axes_open(extents, 0)

    def axes_open(
        self, extents: Sequence[str], first: int, backward: bool = False
    ) -> list[str]:
        """Open a loop for each of some axes, from the number `first` on."""
        index = []
        for axis, extent in enumerate(extents, first):
            if extent == "1":
                index.append("0")
                continue
            name = self.axis_name(axis)
            bounds = f"{extent} - 1, -1, -1" if backward else extent
            self.line(f"for {name} in range({bounds}):")
            self.indent += 1
            index.append(name)
        return index

    def nest_close(self, index: Sequence[str]) -> None:
        """Close the loops of a nest."""
        self.indent -= sum(i != "0" for i in index)

    def axis_name(self, axis: int) -> str:
        """Return the loop variable of an axis; all nests share them."""
        while len(self.axes) <= axis:
            self.axes.append(self.fresh(_INDEX[len(self.axes)]))
        return self.axes[axis]

    def allocate(self, name: str, extents: Sequence[str], dtype: str) -> None:
        """Make an array that is not filled."""
        shape = ", ".join(extents)
        if len(extents) > 1:
            shape = f"({shape})"
        self.line(f"{name} = rt_empty({shape}, {dtype_text(dtype)})")

    def compute(self, x: Operand, at: Stmt, name: str = "") -> str:
        """Compute a tree into a new contiguous array; return its name."""
        assert isinstance(x.type, Array)
        whole = self.unfused(x)
        if whole is not None:
            if isinstance(whole, View):
                return self.gather(whole, name)
            return self.made(whole, name)
        spots = self.leaves(x, at)
        wanted = name or self.fresh("z")
        clash = any(s.name == wanted for s in spots.values())
        target = self.fresh("z") if clash else wanted
        extents = self.extents(list(spots.values()), x.type)
        self.allocate(target, extents, x.type.dtype)
        index = self.nest_open(self.lengths(target, extents))
        self.inside(spots, index)
        self.line(f"{target}[{', '.join(index)}] = {self.show(x).text}")
        self.nest_close(index)
        return self.rename(target, wanted)

    def lengths(self, name: str, extents: Sequence[str]) -> list[str]:
        """Return the lengths of a new array as text that Numba sees through."""
        return [
            e if e.isdigit() else f"{name}.shape[{k}]" for k, e in enumerate(extents)
        ]

    def unfused(self, x: Operand) -> Op | View | None:
        """Return what makes a new array by itself: a gather, a call."""
        stmt = self.nest.folded.get(x) if isinstance(x, Value) else None
        while isinstance(stmt, Op) and stmt.row == "copy":
            (arg,) = stmt.args
            assert isinstance(arg, Value)
            stmt = self.nest.folded.get(arg)
        if isinstance(stmt, View) and gathers(stmt.path):
            return stmt
        if isinstance(stmt, Op) and self.fused(stmt.out) is None and stmt.out.type.rank:
            return stmt
        return None

    def rename(self, made: str, name: str) -> str:
        """Bind a computed array to its name."""
        if name and made != name:
            self.line(f"{name} = {made}")
        return name or made

    def contiguous(self, x: Operand, at: Stmt) -> str:
        """Return the name of a contiguous array that holds a value."""
        assert isinstance(x, Value)
        stmt = self.nest.folded.get(x)
        if stmt is None and x in self.regions.buffer:
            return self.naming[x]
        if stmt is None:
            view = self.regions.definition.get(x)
            if isinstance(view, View) and (gathers(view.path) or self.is_c(view)):
                return self.naming[x]
        elif isinstance(stmt, View) and not gathers(stmt.path) and self.is_c(stmt):
            return self.local(self.spot(x, (), at))
        return self.compute(x, at)

    def is_c(self, view: View) -> bool:
        """Tell whether Numba too knows that a view of an array is contiguous."""
        if view.base not in self.regions.buffer:
            return False
        for step in view.path:
            if not isinstance(step, Index):
                return False
            slices = [i for i in step.items if isinstance(i, Slice)]
            if any(i is None for i in step.items) or len(slices) > 1:
                return False
            if slices and (step.items[-1] is not slices[0] or slices[0].step):
                return False
        return len(view.path) <= 1

    # statements

    def fresh_array(self, stmt: Op) -> None:
        """Write `name = tree` for an array."""
        (out,) = stmt.outs
        self.nest.folded[out] = stmt  # so that it is written like any other tree
        try:
            self.compute(out, stmt, self.naming[out])
        finally:
            del self.nest.folded[out]

    def store(self, s: Write | Accumulate) -> None:
        """Write an array statement that changes a part of an array."""
        if gathers(s.path):
            self.scatter(s)
            return
        sign = "+=" if isinstance(s, Accumulate) else "="
        if self.overlaps(s.value, s.base, s.path):
            spots = {self.temporary(s.value): self.computed(s.value, s)}
            (value,) = spots
        else:
            spots, value = self.leaves(s.value, s), s.value  # type: ignore[assignment]
        target = self.spot(s.base, s.path, s)
        index = self.nest_open(target.extents)
        self.inside(spots, index)
        text = self.showed(value, target.type.dtype).text
        self.line(f"{target.element(index)} {sign} {text}")
        self.nest_close(index)

    def temporary(self, x: Operand) -> Value:
        """Return a value that stands for the array a tree was computed into."""
        return Value("z", x.type)

    def computed(self, x: Operand, at: Stmt) -> Spot:
        """Compute a tree before the statement that uses it."""
        assert isinstance(x.type, Array)
        return self.named(self.compute(x, at), x.type)

    def take(self, s: Take) -> None:
        """Write `value = part; part = 0` for a part that is an array."""
        if gathers(s.path):
            self.gather_and_clear(s)
            return
        source = self.spot(s.base, s.path, s)
        name = self.naming[s.value]
        self.allocate(name, source.extents, source.type.dtype)
        index = self.nest_open(source.extents)
        place = source.element(index)
        self.line(f"{name}[{', '.join(index)}] = {place}")
        self.line(f"{place} = {self.zero(source.type.dtype)}")
        self.nest_close(index)

    def zero(self, dtype: str) -> str:
        """Return zero as it is stored."""
        return "False" if dtype == "bool" else "0.0" if "float" in dtype else "0"

    # aliasing

    def origin(self, x: Value) -> tuple[Value, Path]:
        """Return the buffer and path that a view stands for."""
        stmt = self.nest.folded.get(x) or self.regions.definition.get(x)
        if isinstance(stmt, View | Read) and not gathers(stmt.path):
            base, path = self.origin(stmt.base)
            return base, (*path, *stmt.path)
        return x, ()

    def overlaps(self, x: Operand, base: Value, path: Path) -> bool:
        """Tell whether a tree reads, at another place, what a statement writes."""
        if not isinstance(x, Value) or not x.type.rank:
            return False
        stmt = self.fused(x)
        if stmt is not None:
            return any(self.overlaps(a, base, path) for a in stmt.args)
        if isinstance(self.nest.folded.get(x), Op):
            return False
        source, part = self.origin(x)
        buffer = self.regions.buffer
        if source not in buffer or base not in buffer:
            return False
        if buffer[source].family() is not buffer[base].family():
            return False
        return bool(self.key(part) != self.key(path))

    def key(self, part: Any) -> Any:
        """Return what is equal for paths that name the same elements in one order."""
        match part:
            case tuple():
                return tuple(map(self.key, part))
            case Index():
                return self.key(part.items)
            case Slice():
                return "slice", self.key((part.start, part.stop, part.step))
            case Const() | Value() if not part.type.rank:
                return self.regions.linear(part)
            case None | Value() | Permute():
                return part
        return object()

    # rows that are not elementwise

    def made(self, stmt: Op, name: str = "") -> str:
        """Compute a row that is a call into a new array; return its name."""
        text = self.call(stmt).text
        name = name or self.fresh("z")
        self.line(f"{name} = {text}")
        return name

    def call(self, stmt: Op) -> Text:
        """Return a row that is no elementwise one."""
        special = _CALLS.get(stmt.row)
        if special is not None:
            return Text(special(self, stmt))
        row = ROWS[stmt.row]
        if not callable(row.kernel):
            raise NotImplementedError(f"{row.name} has no kernel")
        names: list[str] = []
        types: list[Type] = []
        for arg in stmt.args:
            type = arg.type
            if not isinstance(arg, Value) or not owned(type):
                names.append(self.hoist(self.show(arg)).text)
            elif isinstance(type, ListOf):
                names.append(self.naming[arg])
            else:
                flipped = self.flipped(arg, stmt) if row.transposed else None
                names.append(flipped or self.contiguous(arg, stmt))
                assert isinstance(type, Array)
                type = Array(type.dtype, type.dims, flipped is None)
            types.append(type)
        return Text(row.kernel(names, types, stmt.attrs))

    def flipped(self, x: Value, at: Stmt) -> str | None:
        """Return the transpose of a contiguous matrix, which BLAS takes as it is."""
        stmt = self.nest.folded.get(x)
        if not isinstance(stmt, View) or x.type.rank != 2 or len(stmt.path) != 1:
            return None
        if stmt.path != (Permute((1, 0)),):
            return None
        return f"{self.contiguous(stmt.base, at)}.T"

    def shape_of(self, x: Operand, at: Stmt) -> list[str]:
        """Return the lengths of an array that need not be computed."""
        assert isinstance(x, Value)
        assert isinstance(x.type, Array)
        if self.fused(x) is not None:
            return self.extents(list(self.leaves(x, at).values()), x.type)
        return list(self.leaf(x, at).extents)


def _shape(extents: Sequence[str]) -> str:
    return extents[0] if len(extents) == 1 else f"({', '.join(extents)})"


def _dim(self: Arrays, stmt: Op) -> str:
    (x,) = stmt.args
    return self.shape_of(x, stmt)[int(str(stmt.attrs.get("axis", 0)))]


def _length(self: Arrays, stmt: Op) -> str:
    (x,) = stmt.args
    assert isinstance(x, Value)
    return f"len({self.naming[x]})"


def _filled(self: Arrays, stmt: Op) -> str:
    """Return an array of one number: `zeros`, `full_like` and the others."""
    row, dtype = stmt.row.removesuffix("_like"), stmt.out.type.dtype
    args = list(stmt.args)
    like = self.shape_of(args.pop(0), stmt) if row != stmt.row else None
    value = {"zeros": "", "empty": "", "ones": literal(1, dtype).text}.get(row)
    if value is None:
        value = self.showed(args.pop(0), dtype).text
    extents = [self.show(a).text for a in args] if like is None else like
    name = f"full({_shape(extents)}, {value}" if value else f"{row}({_shape(extents)}"
    return f"rt_{name}, {dtype_text(dtype)})"


_CALLS = {
    "dim": _dim, "length": _length,
    **dict.fromkeys(("zeros", "ones", "empty", "full"), _filled),
    **dict.fromkeys(("zeros_like", "ones_like", "empty_like", "full_like"), _filled),
}  # fmt: skip
