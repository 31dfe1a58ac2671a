"""Parts of arrays as arithmetic on subscripts.

A view is a `Part`: the array itself, and for each of its axes the subscript in terms of
an index of the view; so an element of a view is an element of the array. Subscripts of
the user's are checked here, by the row `subscript`, where the view is made.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Buffer, regions_of
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import Const, Function, Index, Op, Operand, Slice, Stmt, Value
from srcgrad.types import Dim, ListOf
from srcgrad.walk import last, mapped

_ALL, ZERO, ONE = Slice(None, None, None), Dim(0), Dim(1)
# What stands for the index of a part in the subscripts of its array.
AXES = [Value(f"axis{k}", INT) for k in range(64)]


@dataclass(frozen=True, slots=True)
class Pick:
    """A subscript that the loops read: from where, and what is made of it."""

    names: tuple[Value, ...]
    source: Part
    extents: tuple[Dim, ...]
    mask: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an array; `extents` are the lengths of its axes.

    The `picks` run over the `count` axes of the part that begin with `first`.
    """

    root: Value
    places: tuple[Dim, ...]
    extents: tuple[Dim, ...]
    picks: tuple[Pick, ...] = ()
    first: int = 0
    count: int = 0

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.extents)

    def put(self, given: dict[Value, Dim], extents: Sequence[Dim]) -> Part:
        """Return a part with other axes, in which those of this one are given."""
        places = tuple(p.put(given) for p in self.places)
        return replace(self, places=places, extents=tuple(extents))


class Parts:
    """What stands for the arrays of a function, their lengths, and their parts."""

    def __init__(self, function: Function) -> None:
        self.regions = regions_of(function)
        self.bounds = Bounds(self.regions)
        self.build = Builder()
        own = weakref.proxy(self)
        self.build.available = lambda atom: own.is_there(atom)
        # What stands for a value, the parts that views are, the lengths that are known.
        self.names: dict[Any, Operand] = {}
        self.parts: dict[Value, Part] = {}
        self.there: set[Any] = {*function.params}
        self.bare = False  # whether the path that is walked needs no checks
        # An array made here -> one of the function in the same memory.
        self.origin: dict[Value, Value] = {}
        once = [u for u in self.regions.updates if isinstance(u, ir.Write) and u.once]
        self.tapes = {self.regions.buffer[u.base].family() for u in once}

    def copied(self, x: Value) -> Value:
        """Return a new array with the elements of another."""
        raise NotImplementedError

    def contiguous(self, x: Value, turned: bool) -> Value:
        """Return an array that a call can take, or a view that is as good."""
        raise NotImplementedError

    def now(self, x: Any) -> Any:
        """Return what stands for an operand."""
        return last(x, self.names)

    def is_there(self, atom: Any) -> bool:
        """Tell whether an integer is known here."""
        return atom in self.there

    def length_of(self, dim: Dim) -> Dim | None:
        """Return a length in terms of what is known here."""
        dim = self.build.resolve(self.dim_now(dim))
        known = all(map(self.is_there, (atom for atom, _ in dim.terms)))
        return dim if known else None

    def dim_now(self, dim: Dim) -> Dim:
        """Return a sum in terms of what stands for its integers."""
        given = {
            a: self.build.dim(self.now(a)) for a, _ in dim.terms if a in self.names
        }
        return dim.put(given)

    def extents(self, x: Value) -> list[Dim]:
        """Return the lengths of an array; one that is not known is asked of it."""
        out = []
        for axis, dim in enumerate(x.type.dims):
            found = self.length_of(dim)
            if found is None:
                size = Value("", INT)
                self.build.emit(
                    Op("dim", (x,), (size,), {"axis": axis}, self.build.loc)
                )
                self.there.add(size)
                found = self.build.equal[dim] = Dim.of(size)
            out.append(found)
        return out

    def part(self, x: Value) -> Part:
        """Return what an array is a part of."""
        if x not in self.parts:
            places = tuple(map(Dim.of, AXES[: x.type.rank]))
            return Part(x, places, tuple(self.extents(x)))
        return self.parts[x]

    def family(self, x: Value) -> Buffer | None:
        """Return what memory an array may lie in."""
        return self.regions.family(last(x, self.origin))

    def stand(self, x: Value, new: Value) -> None:
        """Let an array stand for another one."""
        self.names[x] = new
        if new not in self.regions.chain:
            self.origin.setdefault(new, x)

    def path_now(self, path: ir.Path) -> ir.Path:
        """Return a path with what stands for its operands."""
        found: ir.Path = mapped(path, self.now)
        return found

    def walk(self, base: Value, path: ir.Path, at: Stmt) -> tuple[Part, Value, ir.Path]:
        """Return a part of an array, and how NumPy reaches it: a base and a path."""
        base, path = self.now(base), self.path_now(path)
        if isinstance(base.type, ListOf):
            item = Value("", base.type.item)
            self.build.emit(ir.Read(base, path[:1], item, at.loc))
            self.origin[item] = base
            base, path = item, path[1:]
        part, steps = self.part(base), list[ir.Step]()
        self.bare = self.family(base) in self.tapes
        for step in path:
            if isinstance(step, ir.Permute):
                turned = {AXES[a]: Dim.of(AXES[k]) for k, a in enumerate(step.axes)}
                part = part.put(turned, [part.extents[a] for a in step.axes])
                steps.append(step)
                continue
            odd = isinstance(step, ir.Reshape)
            if isinstance(step, Index):
                odd = any(map(_is_odd, step.items))
                rest = Index(tuple(_ALL if _is_odd(i) else i for i in step.items))
                part, step = self.indexed(part, step if not odd else rest, step, at)
            steps.append(step)
            if odd:
                whole: Any = replace(base.type, dims=self.part(base).extents)  # type: ignore[arg-type]
                type = self.build.place(whole, (*steps,))
                view = self.build.view(base, (*steps,), type=type)
                self.origin[view] = self.origin.get(base, base)
                if isinstance(step, ir.Reshape):
                    self.measured(view, step.shape, at)
                base, steps, part = view, [], self.part(view)
        return part, base, (*steps,)

    def measured(self, x: Value, shape: Sequence[Operand], at: Stmt) -> None:
        """Ask an array for its lengths where the shape it was given may hold a -1."""
        for axis, size in enumerate(shape):
            form = self.regions.linear(size)
            if not self.bounds.holds(form, at):
                found = Value("", INT)
                attrs: dict[str, object] = {"axis": axis}
                self.build.emit(Op("dim", (x,), (found,), attrs, at.loc))
                self.there.add(found)
                self.build.equal[self.build.resolve(form)] = Dim.of(found)

    def indexed(
        self, part: Part, step: Index, whole: Index, at: Stmt
    ) -> tuple[Part, Index]:
        """Return what a subscript names, and the subscript with checked numbers."""
        given: dict[Value, Dim] = {}
        extents, picks, items = list[Dim](), list[Pick](), list[ir.Item]()
        for item in (*step.items, *(_ALL for _ in part.extents)):
            axis = len(given)
            if item is None:
                extents.append(ONE)
            elif axis == len(part.extents):
                break
            elif isinstance(item, Slice):
                own, n = Dim.of(AXES[len(extents)]), part.extents[axis]
                start, stride = self.start(item, n, at)
                given[AXES[axis]] = start + own.scaled(stride)
                size = self.build.resolve(self.build.slice_dim(n, item))
                self.there.update(atom for atom, _ in size.terms)
                extents.append(size)
            elif isinstance(item, Value) and item.type.rank:
                pick = self.pick(item, part, axis, at)
                picks.append(pick)
                given |= zip(AXES[axis:], map(Dim.of, pick.names), strict=False)
            else:
                place = self.subscript(item, part.extents[axis], at)
                given[AXES[axis]] = place
                item = self.build.subscript(place)
            items.append(item)
        del items[len(step.items) :]
        pairs = zip(items, whole.items, strict=True)
        step = Index(tuple(i if isinstance(i, Operand) else w for i, w in pairs))
        part = part.put(given, extents)
        if not picks:
            return part, step
        # The axes of the index arrays go among those of the slices.
        first, rank = ir.gathered_at(step.items), max(p.source.rank for p in picks)
        shared = [widest([p.source for p in picks], k) for k in range(-rank, 0)]
        later = range(first, len(extents))
        moved = {AXES[k]: Dim.of(AXES[k + rank]) for k in later}
        part = part.put(moved, [*extents[:first], *shared, *extents[first:]])
        return replace(part, picks=tuple(picks), first=first, count=rank), step

    def subscript(self, k: Operand, length: Dim, at: Stmt) -> Dim:
        """Return a subscript that counts from the beginning, checked if need be."""
        form = self.regions.linear(k)
        if form.known is not None and form.known < 0:
            form = length + form
        inside = (form, length - form - ONE)
        if self.bare or all(self.bounds.holds(d, at) for d in inside):
            return self.dim_now(form)
        out = Value("", INT)
        args = k, self.build.length(length)
        self.build.emit(Op("subscript", args, (out,), loc=at.loc))
        self.there.add(out)
        return Dim.of(out)

    def start(self, item: Slice, length: Dim, at: Stmt) -> tuple[Dim, int]:
        """Return the first index of a slice, and its stride."""
        stride = 1 if item.step is None else int(item.step.value)  # type: ignore[union-attr]
        if stride < 0:
            return length - ONE, stride
        first = item.start
        if first is None:
            return ZERO, stride
        form = self.regions.linear(first)
        if form.known is not None and form.known < 0:
            form = length + form
        if form.known is not None:
            return Dim(max(form.known, 0)), stride
        if self.bounds.holds(form, at):
            return self.dim_now(form), stride
        out = self.build.op("limit", first, self.build.length(length))
        self.there.add(out)
        return Dim.of(out), stride

    def pick(self, item: Value, part: Part, axis: int, at: Stmt) -> Pick:
        """Return what reads an index array, or the true places of a mask."""
        mask = item.type.dtype == "bool"
        rank = item.type.rank if mask else 1
        names = tuple(Value("k", INT) for _ in range(rank))
        extents = part.extents[axis : axis + rank]
        if mask:
            for pair in zip(self.part(item).extents, extents, strict=True):
                if pair[0] != pair[1]:
                    same = self.build.op("eq", *map(self.build.length, pair))
                    self.build.emit(ir.Assert(same, "IndexError", "", at.loc))
            item = self.build.op("flatnonzero", self.contiguous(item, False))
        elif isinstance(at, ir.Update):
            families = [self.family(x) for x in (self.part(item).root, part.root)]
            if families[0] is families[1]:
                item = self.copied(item)
        return Pick(names, self.part(item), extents, mask)


def widest(parts: Sequence[Part], axis: int) -> Dim:
    """Return the length of an axis, from the last, of what parts broadcast to."""
    wide = [p.extents[axis] for p in parts if p.rank >= -axis]
    return next((e for e in wide if e != ONE), ONE)


def _is_odd(item: ir.Item) -> bool:
    """Tell whether a slice is left to NumPy: a step that is no plain number."""
    if not isinstance(item, Slice) or item.step is None:
        return False
    turned = item.start is None and item.stop is None and item.step == const(-1)
    return not isinstance(item.step, Const) or (item.step.value <= 0 and not turned)
