"""Write parts of arrays as index arithmetic, and array statements as loop nests.

A part of an array is a `Spot`: a named array, and for each of its axes the subscript in
terms of the index of the part. Its elements are written as elements of the array
itself, so no view object is made. Where the subscript is an array, it is a number that
is read in the loops over the part; a mask is turned into the numbers of its true places
first.

One tree of elementwise rows is one nest. Its leaves are named arrays and parts of them.
Everything else in a tree, scalars and rows that are not elementwise, is computed before
the nest, so that nothing in the nest depends on what the nest writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from srcgrad import ir
from srcgrad.builder import INT, Builder, const
from srcgrad.emit.kernel_scalars import ONE, Name, Scalars, total
from srcgrad.emit.names import Naming
from srcgrad.emit.nest import Nest
from srcgrad.emit.spelling import TERM, Text, path_text
from srcgrad.ir import Op, Operand, Path, Slice, Value
from srcgrad.ops.table import ROWS, np_dtype
from srcgrad.types import Array, Dim, ListOf, Type
from srcgrad.walk import mapped

_ALL = Slice(None, None, None)
ZERO = Dim(0)
_INDEX = "ijklmnpq"
# What stands for the index of a part in the subscripts of its array.
_AXES = [Name(Text("?"), k - 64) for k in range(64)]


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
    dtype: str
    places: tuple[Dim, ...]
    extents: tuple[Dim, ...]
    lengths: tuple[Dim, ...]
    picks: tuple[Pick, ...] = ()
    first: int = 0
    count: int = 0

    @property
    def whole(self) -> bool:
        """Tell whether this is all of the named array, as it lies."""
        straight = all(p == Dim.of(a) for p, a in zip(self.places, _AXES, strict=False))
        return straight and self.extents == self.lengths

    def put(self, given: dict[Name, Dim], extents: Iterable[Dim]) -> Spot:
        """Return a part with other axes, in which those of this one are given."""
        places = tuple(p.put(given) for p in self.places)
        return replace(self, places=places, extents=tuple(extents))

    def element(self, index: Sequence[Dim]) -> str:
        """Return an element as text, by an index of what the part is broadcast to."""
        own = index[len(index) - len(self.extents) :]
        pairs = zip(own, self.extents, strict=True)
        given = {_AXES[k]: ZERO if e == ONE else i for k, (i, e) in enumerate(pairs)}
        return f"{self.name}[{', '.join(total(p.put(given)) for p in self.places)}]"


def widest(spots: Iterable[Spot], dims: Sequence[Dim | None]) -> list[Dim]:
    """Return the lengths of the axes of what parts broadcast to."""
    parts = list(spots)
    out = []
    for axis, dim in enumerate(dims, -len(dims)):
        wide = [s.extents[axis] for s in parts if len(s.extents) >= -axis]
        wide = [e for e in wide if e != ONE] or [ONE]
        out.append(wide[0] if dim is None or dim.known is None else dim)
    return out


class Places(Scalars):
    """Scalars, parts of arrays, and the loop nests over them."""

    def __init__(self, nest: Nest, naming: Naming, taken: set[str]) -> None:
        super().__init__(nest, naming, taken)
        self.axes: list[str] = []  # the loop variables; all nests share them
        self.scratch = Builder(trusting=True)
        once = [u for u in self.regions.updates if isinstance(u, ir.Write) and u.once]
        self.tapes = {self.regions.buffer[u.base].family() for u in once}

    # parts

    def element(self, base: Value, path: Path, at: ir.Stmt) -> Text:
        # Numba's lists check their subscripts themselves.
        if isinstance(base.type, ListOf) and len(path) == 1:
            return Text(self.view(base, path))
        return Text(self.spot(base, path, at).element([]))

    def spot(self, base: Value, path: Path, at: ir.Stmt) -> Spot:
        """Return a part of an array."""
        folded = self.folded(base)
        if isinstance(folded, ir.View | ir.Read):
            start = self.spot(folded.base, folded.path, folded)
            pairs = zip(start.extents, base.type.dims, strict=True)
            ones = (ONE if d == ONE else e for e, d in pairs)
            start = replace(start, extents=tuple(ones))
        elif isinstance(base.type, ListOf):
            assert isinstance(base.type.item, Array)
            name = self.hoist(self.view(base, path[:1]), "v").text
            start = self.all_of(name, base.type.item)
        else:
            start = self.all_of(self.naming[base], base.type, base)
        buffer = self.regions.buffer.get(base)
        # What is written once by this very function's plan needs no checks.
        bare = buffer is not None and buffer.family() in self.tapes
        for k, step in enumerate(path):
            if isinstance(base.type, ListOf) and k == 0:
                continue
            if isinstance(step, ir.Permute):
                turned = {_AXES[a]: Dim.of(_AXES[k]) for k, a in enumerate(step.axes)}
                start = start.put(turned, (start.extents[a] for a in step.axes))
            elif isinstance(step, ir.Index) and not any(map(_is_odd, step.items)):
                start = self.indexed(start, step, base, at, bare)
            else:
                if isinstance(step, ir.Index):  # what is left of it makes the checks
                    rest = tuple(_ALL if _is_odd(i) else i for i in step.items)
                    self.indexed(start, ir.Index(rest), base, at, bare)
                name = self.hoist(self.view(base, path[: k + 1]), "v").text
                start = self.all_of(name, self.scratch.place(base.type, path[: k + 1]))
        return start

    def view(self, base: Value, path: Path) -> str:
        """Return a part that has been checked as a NumPy view."""
        folded = self.folded(base)
        if isinstance(folded, ir.View | ir.Read):
            return self.view(folded.base, (*folded.path, *path))
        return path_text(self.naming[base], path, self.show).text

    def all_of(self, name: str, type: Type, value: Value | None = None) -> Spot:
        """Return all of an array that has a name."""
        extents = tuple(
            self.named(f"{name}.shape[{k}]", value, d) if d.known is None else d
            for k, d in enumerate(type.dims)
        )
        places = tuple(map(Dim.of, _AXES[: type.rank]))
        return Spot(name, type.dtype, places, extents, extents)

    def indexed(
        self, spot: Spot, step: ir.Index, base: Value, at: ir.Stmt, bare: bool
    ) -> Spot:
        """Return what a subscript names, as index arithmetic."""
        given: dict[Name, Dim] = {}
        extents, picks = list[Dim](), list[Pick]()
        for item in (*step.items, *(_ALL for _ in spot.extents)):
            axis = len(given)
            if item is None:
                extents.append(ONE)
            elif axis == len(spot.extents):
                break
            elif isinstance(item, Slice):
                start, extent = self.slice(item, spot.extents[axis], at)
                stride = 1 if item.step is None else int(item.step.value)  # type: ignore[union-attr]
                own = Dim.of(_AXES[len(extents)])
                given[_AXES[axis]] = start + own.scaled(stride)
                extents.append(extent)
            elif isinstance(item, Value) and item.type.rank:
                pick, columns = self.pick(item, spot, axis, base, at)
                picks.append(pick)
                given |= zip(_AXES[axis:], map(self.named, columns), strict=False)
            else:
                length = spot.extents[axis]
                start = self.subscript(item, length, at, bare)
                if not spot.whole:
                    start = self.from_beginning(start, item, length, at)
                given[_AXES[axis]] = start
        part = spot.put(given, extents)
        if not picks:
            return part
        # The axes of the index arrays go among those of the slices.
        first = ir.gathered_at(step.items)
        count = max(len(p.source.extents) for p in picks)
        shared = widest([p.source for p in picks], [None] * count)
        later = range(first, len(extents))
        moved = {_AXES[k]: Dim.of(_AXES[k + count]) for k in later}
        part = part.put(moved, [*extents[:first], *shared, *extents[first:]])
        return replace(part, picks=tuple(picks), first=first, count=count)

    def from_beginning(self, k: Dim, item: Operand, length: Dim, at: ir.Stmt) -> Dim:
        """Return a subscript of a part that counts from its beginning."""
        if isinstance(item, ir.Const) or self.sure(k, at):
            return k
        name = self.fresh("k")
        self.line(f"{name} = {total(k)}")
        self.line(f"if {name} < 0:")
        self.line(f"    {name} += {total(length)}")
        return self.named(name)

    def slice(self, item: Slice, length: Dim, at: ir.Stmt) -> tuple[Dim, Dim]:
        """Return the first index of a slice, and its length, at least 0."""
        step = 1 if item.step is None else int(item.step.value)  # type: ignore[union-attr]
        if step < 0:
            return length - ONE, length
        start, _ = self.bound(item.start, length, at, last=False)
        stop, least = self.bound(item.stop, length, at, last=True)
        span = stop - start
        if step > 1:
            span = span + Dim(step - 1)
            count = Text(f"({total(span)}) // {step}", TERM)
            known = span.known
            span = self.named(count) if known is None else Dim(known // step)
        if span.known is not None:
            return start, Dim(max(span.known, 0))
        if (start == ZERO and least) or self.sure(span, at):
            return start, span
        return start, self.named(f"max({total(span)}, 0)", None, self.known(span))

    def bound(
        self, x: Operand | None, length: Dim, at: ir.Stmt, last: bool
    ) -> tuple[Dim, bool]:
        """Return an end of a slice, and whether it is certainly not negative."""
        if x is None:
            return (length if last else ZERO), True
        found = self.form(x)
        if found.known is not None and found.known < 0:
            found = length + found
            if found.known is not None:
                return Dim(max(found.known, 0)), True
            if last or self.sure(found, at):
                return found, False
            return self.named(f"max({total(found)}, 0)"), True
        if not self.sure(found, at):
            text = f"rt_limit({self.show(x).text}, {total(length)})"
            return self.named(self.hoist(text, "e")), True
        inside = not last or self.sure(length - found, at)
        found = found if found.known is not None else self.simple(found, "e")
        if not inside:
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
            if self.overlaps(item, base, None):
                source = self.all_of(self.compute(item, at), item.type)
            else:
                source = self.leaf(item, at)
            return Pick(name, source, checks), [name]
        mask, rank = self.contiguous(item, at), item.type.rank
        extents = spot.extents[axis : axis + rank]
        for k, extent in enumerate(extents):
            if self.known(extent) != item.type.dims[k]:
                self.refuse("IndexError", f"{mask}.shape[{k}] != {total(extent)}")
        places = self.hoist(f"rt_flatnonzero_bool({mask})", "z").text
        columns, split = [name], list[str]()
        for extent in extents[:0:-1]:
            column, n = self.fresh("k"), self.hoist(total(extent), "e").text
            split += [f"{column} = {name} % {n}", f"{name} //= {n}"]
            columns.insert(1, column)
        count = Array("int64", (Dim.of(Value("n", INT)),))
        return Pick(name, self.all_of(places, count), tuple(split)), columns

    # trees

    def fused(self, x: Operand) -> Op | None:
        """Return the operation if a value is computed inside the nest that uses it."""
        stmt = self.folded(x)
        if isinstance(stmt, Op) and stmt.out.type.rank and ROWS[stmt.row].loop:
            return stmt
        return None

    def leaves(self, x: Operand, at: ir.Stmt) -> dict[Value, Spot]:
        """Compute what a tree needs before its nest; return its array leaves."""
        stmt, spots = self.fused(x), dict[Value, Spot]()
        if stmt is not None:
            for arg in stmt.args:
                if arg not in spots:
                    spots |= self.leaves(arg, at)
        elif isinstance(x, Value) and x.type.rank:
            spots[x] = self.leaf(x, at)
        elif x in self.nest.folded and isinstance(x, Value):
            self.here[x] = self.hoist(self.show(x))
        return spots

    def leaf(self, x: Value, at: ir.Stmt) -> Spot:
        """Return an array that is read in a nest."""
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
                    place = pick.source.element(index[part.first :])
                    self.line(f"{pick.name} = {place}")
                    for line in pick.then:
                        self.line(line)
            if extent is None or extent == ONE:
                index += [ZERO] * (extent is not None)
                continue
            while len(self.axes) <= axis:
                self.axes.append(self.fresh(_INDEX[len(self.axes)]))
            turned = backward and part.first <= axis < stop
            bounds = f"{total(extent)} - 1, -1, -1" if turned else total(extent)
            self.line(f"for {self.axes[axis]} in range({bounds}):")
            self.indent += 1
            index.append(self.named(self.axes[axis]))
        for value, spot in spots.items():
            self.here[value] = Text(spot.element(index))
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
        assert isinstance(x, Value)
        source = self.folded(x)
        while isinstance(source, Op) and source.row == "copy":
            source = self.folded(source.args[0])
        if isinstance(source, ir.View) and ir.gathers(source.path):
            return self.copy(self.spot(source.base, source.path, source), name)
        if isinstance(source, Op) and ROWS[source.row].loop is None:
            text = self.call(source).text
            name = name or self.fresh("z")
            self.line(f"{name} = {text}")
            return name
        spots = self.leaves(x, at)
        extents = widest(spots.values(), x.type.dims)
        out = self.new(name, extents, x.type.dtype, [s.name for s in spots.values()])
        with self.nest_over(out, spots) as index:
            self.line(f"{out.element(index)} = {self.show(x).text}")
        return self.renamed(out.name, name)

    def copy(self, part: Spot, name: str, *, clear: bool = False) -> str:
        """Copy a part, and clear it; of equal subscripts the last gets the value.

        The last of several was the last to be stored; the others find zero.
        """
        read = [part.name, *(p.source.name for p in part.picks)]
        out = self.new(name, part.extents, part.dtype, read)
        with self.nest_over(part, {}, backward=clear) as index:
            place = part.element(index)
            self.line(f"{out.element(index)} = {place}")
            if clear:
                self.line(f"{place} = {self.zero(part.dtype)}")
        return self.renamed(out.name, name)

    def zero(self, dtype: str) -> str:
        """Return zero as it is stored."""
        return "False" if dtype == "bool" else "0.0" if "float" in dtype else "0"

    # what a call takes

    def contiguous(self, x: Operand, at: ir.Stmt) -> str:
        """Return the name of a contiguous array that holds a value."""
        assert isinstance(x, Value)
        stmt = self.folded(x)
        view = stmt or self.regions.definition.get(x)
        if stmt is None and (x in self.regions.buffer or self.is_c(view)):
            return self.naming[x]
        if isinstance(stmt, ir.View) and not ir.gathers(stmt.path) and self.is_c(stmt):
            spot = self.spot(x, (), at)
            return self.hoist(spot.name if spot.whole else self.view(x, ()), "v").text
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

    def shape_of(self, x: Operand, at: ir.Stmt) -> list[str]:
        """Return the lengths of an array that need not be computed."""
        return list(map(total, widest(self.leaves(x, at).values(), x.type.dims)))

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
                # BLAS takes the transpose of a contiguous matrix as it is.
                made: Any = self.folded(arg) if row.transposed else None
                turned = getattr(made, "path", None) == (ir.Permute((1, 0)),)
                whole = made.base if turned else arg
                names.append(f"{self.contiguous(whole, op)}{'.T' * turned}")
                type = Array(type.dtype, type.dims, not turned)
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
        if buffer[source].family() is not buffer[base].family():
            return False

        def place(x: Operand) -> object:
            return x if x.type.rank else self.regions.linear(x)

        return path is None or bool(mapped(part, place) != mapped(path, place))


def _is_odd(item: ir.Item) -> bool:
    """Tell whether a slice is left to Numba: a step that is no plain number."""
    if not isinstance(item, Slice) or item.step is None:
        return False
    turned = item.start is None and item.stop is None and item.step == const(-1)
    return not isinstance(item.step, ir.Const) or (item.step.value <= 0 and not turned)
