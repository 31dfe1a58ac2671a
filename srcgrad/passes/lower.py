"""Write array statements as loops over elements.

An operation on arrays becomes a nest of loops that reads elements, applies the row to
numbers and stores the result: into a new array, or into the part that is written. A
view is a `Part`: the array itself, and for each of its axes the subscript in terms of
an index of the view; so elements are always those of arrays themselves, and what is
left of a view is what calls take.

Subscripts of the user's are checked where the view is made, by the row `subscript`;
those of the loops made here are marked `sure`. No loop is merged and no array is left
out here: that is what `fuse` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import Const, For, Function, Index, Op, Operand, Slice, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.types import Array, Dim, ListOf, Scalar
from srcgrad.walk import blocks, inner_outs, mapped, outs, rewrite

_ALL, _ZERO, _ONE = Slice(None, None, None), Dim(0), Dim(1)
# What stands for the index of a part in the subscripts of its array.
_AXES = [Value(f"axis{k}", INT) for k in range(64)]
_NAMES = "ijklmnpq"


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

    def put(self, given: dict[Value, Dim], extents: Sequence[Dim]) -> Part:
        """Return a part with other axes, in which those of this one are given."""
        places = tuple(p.put(given) for p in self.places)
        return replace(self, places=places, extents=tuple(extents))


Item = Callable[[list[Dim]], Operand]
Body = Callable[[list[Value], list[Dim]], list[Value]]


def lower(function: Function) -> Function:
    """Return the function with loops in place of operations on whole arrays.

    >>> from srcgrad.text import print_function
    >>> x, build = Value("x", Array("float64", (Dim(3),))), Builder()
    >>> y = build.op("mul", x, 2.0, name="y")
    >>> before = Function("double", (x,), build.close(), (y,))
    >>> print(print_function(lower(before)), end="")
    function double(x.0: float64[3])
      y.0: float64[3] = empty(3)
      for i.0 in 0, 3, 1
        carry y.1: float64[3] = y.0
        t.0: float64 = x.0[i.0]
        t.1: float64 = mul(t.0, 2.0)
        y.2: float64[3] = write y.1[i.0], t.1
        yield y.2
        out y.3: float64[3]
      return y.3
    """
    return _Lowering(function).run()


class _Lowering:
    """A function that is written anew, statement by statement."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.regions = Regions(function)
        self.bounds = Bounds(self.regions)
        self.build = Builder()
        self.build.available = self.is_there
        # What stands for a value, the parts that views are, the lengths that are known.
        self.names: dict[Any, Operand] = {}
        self.parts: dict[Value, Part] = {}
        self.there: set[Any] = {*function.params}
        # Versions inside the nest that is written, the numbers its picks were read as.
        self.current: dict[Value, Value] = {}
        self.picked: dict[Value, Dim] = {}
        self.bare = False  # whether the path that is walked needs no checks
        self.origin: dict[Value, Value] = {}  # an item of a list -> the list
        once = [u for u in self.regions.updates if isinstance(u, ir.Write) and u.once]
        self.tapes = {self.regions.buffer[u.base].family() for u in once}

    def run(self) -> Function:
        """Return the new function."""
        self.stmts(self.function.body)
        results = tuple(map(self.result, self.function.results))
        body = self.build.close()
        return replace(self.function, body=body, results=results, cut=None)

    def result(self, x: Operand) -> Operand:
        """Return a result: a number, or an array that is no view."""
        x = self.now(x)
        return self.copied(x) if x in self.parts and isinstance(x, Value) else x

    def stmts(self, block: ir.Block) -> None:
        """Write the statements of a block into the open one."""
        for stmt in block.stmts:
            self.build.loc = stmt.loc
            self.stmt(stmt)
            self.there.update(outs(stmt))

    def block(self, stmt: Stmt, block: ir.Block) -> ir.Block:
        """Return an inner block; what is made in it is not there afterwards."""
        loc = self.build.loc
        with self.scope() as made:
            self.there.update(inner_outs(stmt))
            self.stmts(block)
        self.build.loc = loc
        return ir.Block((*made,))

    @contextmanager
    def scope(self) -> Iterator[list[Stmt]]:
        """Open a block."""
        there = self.there
        self.there = {*there}
        with self.build.block() as made:
            yield made
        self.there = there

    # statements

    def stmt(self, stmt: Stmt) -> None:
        """Write one statement."""
        match stmt:
            case Op() if len(stmt.outs) == 1 and isinstance(stmt.out.type, Array):
                if ROWS[stmt.row].loop is None:
                    self.call(stmt)
                else:
                    self.elementwise(stmt)
            case Op():
                self.call(stmt)
            case ir.View():
                self.view(stmt)
            case ir.Read():
                self.read(stmt)
            case ir.Write() | ir.Accumulate() | ir.Take():
                self.update(stmt)
            case ir.Push():
                base, value = self.now(stmt.base), self.now(stmt.value)
                if isinstance(value, Value) and value.type.rank > 0:
                    value = self.copied(value)
                self.build.emit(replace(stmt, base=base, value=value))
            case ir.Assert():
                self.learn(self.regions.definition.get(stmt.cond))
                self.build.emit(rewrite(stmt, self.names))
            case _:
                inner = iter([self.block(stmt, b) for b in blocks(stmt)])
                self.build.emit(rewrite(stmt, self.names, block=lambda b: next(inner)))

    def learn(self, test: Stmt | None) -> None:
        """Note two lengths that are checked to be equal."""
        if isinstance(test, Op) and test.row == "eq":
            dims = [self.dim_now(self.as_length(a)) for a in test.args]
            age = [max([0, *(atom.number for atom, _ in d.terms)]) for d in dims]
            old, new = dims if age[0] < age[1] else dims[::-1]
            if old != new:
                self.build.equal[new] = self.build.resolve(old)

    def as_length(self, x: Operand) -> Dim:
        """Return an integer as a length, of which less than zero is zero."""
        match self.regions.definition.get(x):
            case Op(row="max2", args=(Const(value=0), inner)):
                return self.regions.linear(inner)
        return self.regions.linear(x)

    def now(self, x: Any) -> Any:
        """Return what stands for an operand."""
        while x in self.names:
            x = self.names[x]
        return x

    def elementwise(self, op: Op) -> None:
        """Write an operation as a nest that fills a new array."""
        args = [self.now(a) for a in op.args]
        parts = [self.part(a) for a in args if a.type.rank]
        extents = self.broadcast(op.out, parts)
        dtype = Scalar(op.out.type.dtype)

        def item(index: list[Dim]) -> Operand:
            given = tuple(self.element(a, index) if a.type.rank else a for a in args)
            out = Value("", dtype)
            return self.build.emit(replace(op, args=given, outs=(out,))).out

        self.names[op.out] = self.fill(op.out, extents, item)

    def call(self, op: Op) -> None:
        """Write a row that is a call: its arrays are contiguous, or but their shape."""
        row, args = ROWS[op.row], []
        if op.row == "dim" and isinstance(op.args[0].type, Array):
            axis = op.attrs.get("axis", 0)
            assert isinstance(axis, int)
            x = self.now(op.args[0])
            found = self.length_of(x.type.dims[axis])
            if x in self.parts:
                found = self.parts[x].extents[axis]
            if found is not None:
                self.names[op.out] = self.build.length(found)
                return
        for k, arg in enumerate(map(self.now, op.args)):
            if isinstance(arg, Value) and isinstance(arg.type, Array):
                if row.param(k) in row.shape_only:
                    if op.row != "dim":
                        sizes = [self.build.length(d) for d in self.part(arg).extents]
                        out = Value("", arg.type)
                        self.build.emit(Op("extents", (*sizes,), (out,), loc=op.loc))
                        arg = out
                else:
                    arg = self.contiguous(arg, row.transposed)
            args.append(arg)
        self.build.emit(replace(op, args=tuple(args)))

    def contiguous(self, x: Value, turned: bool) -> Value:
        """Return a value that a call can take: an array, or a view that is as good."""
        if x not in self.parts:
            return x
        made = self.build.views.get(x)
        path = made.path if made is not None else ()
        if turned and path == (ir.Permute((1, 0)),):
            return x
        if len(path) == 1 and isinstance(path[0], Index):
            # Numba, too, knows that a row of a contiguous array is contiguous.
            *most, last = path[0].items
            whole = not isinstance(last, Slice) or not last.step
            if whole and last is not None and all(isinstance(i, Operand) for i in most):
                return x
        return self.copied(x)

    def view(self, view: ir.View) -> None:
        """Note what a view is a part of; make an array of what is gathered."""
        part, base, path = self.walk(view.base, view.path, view)
        pairs = zip(view.out.type.dims, part.extents, strict=True)
        sizes = tuple(e if d.known is None else d for d, e in pairs)
        part = replace(part, extents=sizes)
        if ir.gathers(view.path):
            out = self.fill(view.out, part.extents, lambda index: self.at(part, index), part)
            self.names[view.out] = out
        elif path:
            self.build.emit(replace(view, base=base, path=path))
            self.parts[view.out] = part
        else:
            self.names[view.out] = base

    def read(self, read: ir.Read) -> None:
        """Write the read of one element, or of an item of a list."""
        base, path = self.now(read.base), read.path
        if isinstance(base.type, ListOf) and len(path) == 1 or self.is_plain(base, path):
            path = self.sure(base, self.path_now(path))
            self.build.emit(replace(read, base=base, path=path))
            return
        part, _, _ = self.walk(read.base, path, read)
        self.names[read.out] = self.at(part, [], read.out.name)

    def is_plain(self, base: Value, path: ir.Path) -> bool:
        """Tell whether a path is one subscript of an array itself, by numbers."""
        if base in self.parts or len(path) != 1 or not isinstance(path[0], Index):
            return False
        return all(isinstance(i, Operand) and not i.type.rank for i in path[0].items)

    def sure(self, base: Value, path: ir.Path) -> ir.Path:
        """Return the path of an element; what the plan itself wrote needs no checks."""
        buffer = self.regions.buffer.get(base)
        if buffer is None or buffer.family() not in self.tapes:
            return path
        return tuple(replace(s, sure=True) if isinstance(s, Index) else s for s in path)

    def update(self, stmt: ir.Write | ir.Accumulate | ir.Take) -> None:
        """Write a statement that changes a part of an array."""
        base, value = self.now(stmt.base), stmt.value
        taken = isinstance(stmt, ir.Take)
        value = value if taken else self.now(value)
        path = self.sure(base, self.path_now(stmt.path))
        item = isinstance(base.type, ListOf) and len(path) == 1
        if not value.type.rank and (item or self.is_plain(base, path)):
            self.build.emit(replace(stmt, base=base, path=path, value=value))
            return
        part = self.walk(stmt.base, stmt.path, stmt)[0]
        if isinstance(stmt, ir.Take):
            if part.extents:
                self.take(stmt, base, part)
            else:
                place = self.place(stmt, part, [])
                self.build.emit(replace(stmt, base=base, path=place))
            return
        if value in self.parts:
            source = self.parts[value]
            same = self.family(source.root) is self.family(base)
            if same and source.places != part.places:
                value = self.copied(value)

        def body(bases: list[Value], index: list[Dim]) -> list[Value]:
            x = self.element(value, index)
            out = Value(base.name, base.type)
            place = self.place(stmt, part, index)
            self.build.emit(type(stmt)(bases[0], place, x, out, stmt.loc))
            return [out]

        (self.names[stmt.out],) = self.nest([base], part, body)

    def take(self, stmt: ir.Take, base: Value, part: Part) -> None:
        """Write `value = x[path]; x[path] = 0`: of equal subscripts the last gets it."""
        zero = Const(0.0, Scalar(base.type.dtype))

        def body(bases: list[Value], index: list[Dim]) -> list[Value]:
            x, *more = bases
            place, out = self.place(stmt, part, index), Value(base.name, base.type)
            found = self.build.emit(ir.Read(x, place, Value("", zero.type), stmt.loc))
            self.build.emit(ir.Write(x, place, zero, out, stmt.loc))
            return [out, *(self.store(z, index, found.out) for z in more)]

        new = self.new(stmt.value, part.extents)
        out = self.nest([base, new], part, body, backward=True)
        self.names[stmt.out], self.names[stmt.value] = out

    def place(self, stmt: Any, part: Part, index: list[Dim]) -> ir.Path:
        """Return the path of an element of the part that a statement changes."""
        items = Index(self.subscripts(part, index), sure=True)
        own = part.root in (self.now(stmt.base), self.current.get(part.root))
        return (items,) if own else (ir.Through(part.root), items)

    # nests

    def new(self, like: Value, extents: Sequence[Dim]) -> Value:
        """Make an array that is not filled."""
        type = Array(like.type.dtype, tuple(extents))
        out = Value(like.name, type, like.hint or "z")
        attrs: dict[str, object] = {"dtype": type.dtype}
        sizes = tuple(map(self.build.length, extents))
        self.build.emit(Op("empty", sizes, (out,), attrs, self.build.loc))
        return out

    def store(self, z: Value, index: list[Dim], x: Operand) -> Value:
        """Write an element of a whole array."""
        items = tuple(map(self.build.subscript, index))
        out = Value(z.name, z.type, z.hint)
        path = (Index(items, sure=True),)
        return self.build.emit(ir.Write(z, path, x, out, self.build.loc)).out

    def fill(
        self, like: Value, extents: Sequence[Dim], item: Item, part: Part | None = None
    ) -> Value:
        """Make a new array of the items that an index gives."""
        new = self.new(like, extents)

        def body(bases: list[Value], index: list[Dim]) -> list[Value]:
            return [self.store(bases[0], index, item(index))]

        part = part or Part(new, (), tuple(extents))
        return self.nest([new], part, body)[0]

    def copied(self, x: Value, extents: Sequence[Dim] | None = None) -> Value:
        """Return a new array with the elements of another."""
        extents = self.part(x).extents if extents is None else extents
        return self.fill(x, extents, lambda index: self.element(x, index))

    def nest(
        self, bases: list[Value], part: Part, body: Body, *, backward: bool = False
    ) -> list[Value]:
        """Write a loop for each axis of a part; return the last versions of arrays."""
        loc, stop = self.build.loc, part.first + part.count
        sizes = [self.build.length(extent) for extent in part.extents]

        def level(axis: int, now: list[Value], index: list[Dim]) -> list[Value]:
            if axis == stop:
                self.bind(part, index)
            if axis == len(part.extents):
                self.current.update(zip(bases, now, strict=True))
                return body(now, index)
            if part.extents[axis] == _ONE:
                return level(axis + 1, now, [*index, _ZERO])
            var = Value(_NAMES[axis], INT)
            inns = [Value(v.name, v.type, v.hint) for v in now]
            last = [Value(v.name, v.type, v.hint) for v in now]
            ends = const(0), sizes[axis], const(1)
            if backward and part.first <= axis < stop:
                ends = self.build.op("sub", sizes[axis], 1), const(-1), const(-1)
            with self.scope() as made:
                self.there.add(var)
                ylds = level(axis + 1, inns, [*index, Dim.of(var)])
            carries = map(ir.Carry, now, inns, ylds, last)
            self.build.emit(For(var, *ends, (*carries,), ir.Block((*made,)), loc=loc))
            return last

        out = level(0, bases, [])
        for base in bases:
            del self.current[base]
        return out

    def bind(self, part: Part, index: list[Dim]) -> None:
        """Read the subscripts of a part that stand in arrays."""
        for pick in part.picks:
            k: Any = self.at(pick.source, index[part.first :])
            if len(pick.names) == 1 and not pick.mask:
                size = self.build.length(pick.extents[0])
                k = self.build.sure("subscript", k, size)
            for name, extent in zip(pick.names[:0:-1], pick.extents[:0:-1], strict=True):
                size = self.build.length(extent)
                self.picked[name] = Dim.of(self.build.sure("mod", k, size))
                k = self.build.sure("floordiv", k, size)
            self.picked[pick.names[0]] = Dim.of(k)

    # elements

    def element(self, x: Operand, index: list[Dim]) -> Operand:
        """Return a number, or the element of an array by an index it is broadcast to."""
        return self.at(self.part(x), index) if isinstance(x.type, Array) else x  # type: ignore[arg-type]

    def at(self, part: Part, index: list[Dim], name: str = "") -> Value:
        """Read an element of a part."""
        root = self.current.get(part.root, part.root)
        path = (Index(self.subscripts(part, index), sure=True),)
        out = Value(name, Scalar(root.type.dtype))
        return self.build.emit(ir.Read(root, path, out, self.build.loc)).out

    def subscripts(self, part: Part, index: list[Dim]) -> tuple[Operand, ...]:
        """Return the subscripts of an element."""
        own = index[len(index) - len(part.extents) :]
        pairs = zip(own, part.extents, strict=True)
        given = {_AXES[k]: _ZERO if e == _ONE else i for k, (i, e) in enumerate(pairs)}
        return tuple(self.build.subscript(p.put(given).put(self.picked)) for p in part.places)

    # lengths

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
        given = {a: self.build.dim(self.now(a)) for a, _ in dim.terms if a in self.names}
        return dim.put(given)

    def extents(self, x: Value) -> list[Dim]:
        """Return the lengths of an array; one that is not known is asked of it."""
        out = []
        for axis, dim in enumerate(x.type.dims):
            found = self.length_of(dim)
            if found is None:
                size = Value("", INT)
                self.build.emit(Op("dim", (x,), (size,), {"axis": axis}, self.build.loc))
                self.there.add(size)
                found = self.build.equal[dim] = Dim.of(size)
            out.append(found)
        return out

    def broadcast(self, out: Value, parts: list[Part]) -> list[Dim]:
        """Return the lengths of what parts broadcast to."""
        found = []
        for axis, dim in enumerate(out.type.dims, -out.type.rank):
            size = self.length_of(dim)
            if size is None:
                wide = [p.extents[axis] for p in parts if len(p.extents) >= -axis]
                size = next((e for e in wide if e != _ONE), _ONE)
            found.append(size)
        return found

    # parts of arrays

    def part(self, x: Value) -> Part:
        """Return what an array is a part of."""
        if x not in self.parts:
            places = tuple(map(Dim.of, _AXES[: x.type.rank]))
            return Part(x, places, tuple(self.extents(x)))
        return self.parts[x]

    def family(self, x: Value) -> Buffer | None:
        """Return what memory an array may lie in."""
        return self.regions.family(self.origin.get(x, x))

    def path_now(self, path: ir.Path) -> ir.Path:
        """Return a path with what stands for its operands."""
        found: ir.Path = mapped(path, self.now)
        return found

    def walk(
        self, base: Value, path: ir.Path, at: Stmt
    ) -> tuple[Part, Value, ir.Path]:
        """Return a part of an array, and how NumPy reaches it: a base and a path."""
        base, path = self.now(base), self.path_now(path)
        if isinstance(base.type, ListOf):
            item = Value("", base.type.item)
            self.build.emit(ir.Read(base, path[:1], item, at.loc))
            self.origin[item] = base
            base, path = item, path[1:]
        part, steps = self.part(base), list[ir.Step]()
        buffer = self.regions.buffer.get(base)
        self.bare = buffer is not None and buffer.family() in self.tapes
        for step in path:
            if isinstance(step, ir.Permute):
                turned = {_AXES[a]: Dim.of(_AXES[k]) for k, a in enumerate(step.axes)}
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
                type = self.build.place(base.type, (*steps,))
                base, steps = self.build.view(base, (*steps,), type=type), []
                part = self.part(base)
        return part, base, (*steps,)

    def indexed(
        self, part: Part, step: Index, whole: Index, at: Stmt
    ) -> tuple[Part, Index]:
        """Return what a subscript names, and the subscript with checked numbers."""
        given: dict[Value, Dim] = {}
        extents, picks, items = list[Dim](), list[Pick](), list[ir.Item]()
        for item in (*step.items, *(_ALL for _ in part.extents)):
            axis = len(given)
            if item is None:
                extents.append(_ONE)
            elif axis == len(part.extents):
                break
            elif isinstance(item, Slice):
                own, n = Dim.of(_AXES[len(extents)]), part.extents[axis]
                start, stride = self.start(item, n, at)
                given[_AXES[axis]] = start + own.scaled(stride)
                extents.append(self.build.resolve(self.build.slice_dim(n, item)))
            elif isinstance(item, Value) and item.type.rank:
                pick = self.pick(item, part, axis, at)
                picks.append(pick)
                given |= zip(_AXES[axis:], map(Dim.of, pick.names), strict=False)
            else:
                place = self.subscript(item, part.extents[axis], at)
                given[_AXES[axis]] = place
                item = self.build.subscript(place)
            items.append(item)
        del items[len(step.items) :]
        pairs = zip(items, whole.items, strict=True)
        step = Index(tuple(i if isinstance(i, Operand) else w for i, w in pairs))
        part = part.put(given, extents)
        if not picks:
            return part, step
        # The axes of the index arrays go among those of the slices.
        first, rank = ir.gathered_at(step.items), max(len(p.source.extents) for p in picks)
        shared = []
        for k in range(-rank, 0):
            wide = [p.source.extents[k] for p in picks if len(p.source.extents) >= -k]
            shared.append(next((e for e in wide if e != _ONE), _ONE))
        later = range(first, len(extents))
        moved = {_AXES[k]: Dim.of(_AXES[k + rank]) for k in later}
        part = part.put(moved, [*extents[:first], *shared, *extents[first:]])
        return replace(part, picks=tuple(picks), first=first, count=rank), step

    def subscript(self, k: Operand, length: Dim, at: Stmt) -> Dim:
        """Return a subscript that counts from the beginning, checked if need be."""
        form = self.regions.linear(k)
        if form.known is not None and form.known < 0:
            form = length + form
        inside = (form, length - form - _ONE)
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
            return length - _ONE, stride
        first = item.start
        if first is None:
            return _ZERO, stride
        form = self.build.dim(first)
        if form.known is not None and form.known < 0:
            form = length + form
        if form.known is not None:
            return Dim(max(form.known, 0)), stride
        if self.bounds.holds(form, at):
            return form, stride
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
            for k, (size, extent) in enumerate(zip(self.part(item).extents, extents, strict=True)):
                if size != extent:
                    sizes = self.build.length(size), self.build.length(extent)
                    same = self.build.op("eq", *sizes)
                    self.build.emit(ir.Assert(same, "IndexError", "", at.loc))
            item = self.build.op("flatnonzero", self.contiguous(item, False))
            item = item
        elif isinstance(at, ir.Update) and self.family(self.part(item).root) is self.family(part.root):
            item = self.copied(item)
        return Pick(names, self.part(item), extents, mask)


def _is_odd(item: ir.Item) -> bool:
    """Tell whether a slice is left to NumPy: a step that is no plain number."""
    if not isinstance(item, Slice) or item.step is None:
        return False
    turned = item.start is None and item.stop is None and item.step == const(-1)
    return not isinstance(item.step, Const) or (item.step.value <= 0 and not turned)
