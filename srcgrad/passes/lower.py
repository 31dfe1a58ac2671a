"""Write array statements as loops over elements.

An operation on arrays becomes a nest of loops that reads elements, applies the row to
numbers and stores the result: into a new array, or into the part that is written. What
is left of a view is what calls take; its elements are those of the array (`parts.py`).

The subscripts written here are marked `sure`. No loop is joined and no array is left
out: that is what `fuse` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

from srcgrad import ir
from srcgrad.builder import INT, const
from srcgrad.ir import Const, For, Function, Index, Op, Operand, Slice, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.ops.table import Fold
from srcgrad.passes.parts import AXES, ONE, ZERO, Part, Parts, widest
from srcgrad.types import Array, Dim, ListOf, Scalar
from srcgrad.walk import blocks, inner_outs, outs, rewrite

_NAMES = "ijklmnpq"
Item = Callable[[list[Dim]], Operand]
Body = Callable[[list[Value], list[Dim]], list[Value]]


def lower(function: Function) -> Function:
    """Return the function with loops in place of operations on whole arrays.

    >>> from srcgrad.builder import Builder
    >>> from srcgrad.text import print_function
    >>> x, build = Value("x", Array("float64", (Dim(3),))), Builder()
    >>> y = build.op("mul", x, 2.0, name="y")
    >>> before = Function("double", (x,), build.close(), (y,))
    >>> print(print_function(lower(before)), end="")
    function double(x.0: float64[3])
      y.0: float64[3] = empty(3, dtype='float64')
      for i.0 in 0, 3, 1
        carry y.1: float64[3] = y.0
        t.0: float64 = read x.0[i.0]
        t.1: float64 = mul(t.0, 2.0)
        y.2 = write y.1[i.0], t.1
        yield y.1 = y.2 -> y.3
      return y.3
    """
    return _Lowering(function).run()


class _Nest(NamedTuple):
    """What is written as loops: a part of some arrays, and what is done in a turn."""

    bases: Sequence[Any]
    part: Part
    body: Body
    backward: bool
    first: int  # in how many loops they stand
    like: Sequence[Value]  # what the loops carry is called and typed as these
    sizes: Sequence[Operand]


class _Lowering(Parts):
    """A function that is written anew, statement by statement."""

    def __init__(self, function: Function) -> None:
        self.function = function
        super().__init__(function)
        # Versions inside the nest that is written, the numbers its picks were read as.
        self.current: dict[Any, Value] = {}
        self.picked: dict[Value, Dim] = {}
        # When memory is written to for the last time; results are handed out then.
        self.changed: dict[Any, float] = {}
        family: Any = self.regions.family
        for u in self.regions.updates:
            self.changed[family(u.base)] = self.regions.site[u].order
        self.changed |= {family(x): float("inf") for x in function.results}
        # What the open block itself has computed element by element.
        self.fresh: set[Value] = set()

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
        loc, fresh = self.build.loc, self.fresh
        self.fresh = set()
        with self.scope() as made:
            self.there.update(inner_outs(stmt))
            self.stmts(block)
        self.build.loc, self.fresh = loc, fresh
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
            case Op():
                fold = self.folding(stmt)
                if fold is not None:
                    self.folded(stmt, fold)
                elif stmt.row == "reshape" and self.reshaped(stmt):
                    pass
                elif ROWS[stmt.row].loop is None or not stmt.out.type.rank:
                    self.call(stmt)
                else:
                    self.elementwise(stmt)
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
            case ir.Assert() if not stmt.exception:
                pass  # a note to readers
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

        new = self.fill(op.out, extents, item)
        self.fresh.add(new)
        self.stand(op.out, new)

    def folding(self, op: Op) -> Fold | None:
        """Return how an operation is folded in loops, if that spares arrays or calls.

        A call in each turn of a loop takes as long as adding up some hundred numbers.
        """
        row, chain = ROWS[op.row], self.regions.site[op].chain
        turns = not op.out.type.rank and any(isinstance(s, ir.Loop) for s, _ in chain)
        types = [a.type for a in op.args]
        fold = row.fold(types, op.attrs) if row.fold is not None else None
        if fold is None or not fold.step:
            return fold
        rank = max(a.type.rank for a in op.args)
        for x in map(self.now, op.args):
            if x.type.rank == rank and rank > 0:
                made = self.part(x).root in self.fresh
                if made or turns or not self.is_straight(x, row.transposed):
                    # Runtime kernels add up columns of short floats more exactly.
                    _, order, inner = self.order(op, fold)
                    plain = order.endswith(inner) or op.out.type.dtype != "float32"
                    return fold if plain else None
        return None

    def order(self, op: Op, fold: Fold) -> tuple[dict[str, Dim], str, str]:
        """Return lengths of axes, and those longer than one as memory has them.

        The last are those that are folded.
        """
        spaces, _, kept = fold.axes.partition("->")
        parts = [
            (letters, self.part(x))
            for letters, x in zip(
                spaces.split(","), map(self.now, op.args), strict=True
            )
        ]
        sizes = {c: e for s, p in parts for c, e in zip(s, p.extents, strict=True)}
        ranked = sorted(parts, key=lambda pair: -pair[1].rank)
        letters = dict.fromkeys(c for s, p in ranked for c in _in_memory(s, p))
        order = "".join(c for c in letters if sizes[c] != ONE)
        return {**sizes, "1": ONE}, order, "".join(c for c in order if c not in kept)

    def folded(self, op: Op, fold: Fold) -> None:
        """Write an operation as loops over items, the axes in the order of memory."""
        spaces, _, kept = fold.axes.partition("->")
        pairs = [*zip(spaces.split(","), map(self.now, op.args), strict=True)]
        sizes, order, inner = self.order(op, fold)
        ones = {c: ZERO for c in sizes if sizes[c] == ONE}
        extents, dtype = [sizes[c] for c in kept], Scalar(op.out.type.dtype)

        def item(at: dict[str, Dim]) -> Operand:
            at = {**at, **ones}
            found = [self.element(x, [at[c] for c in s]) for s, x in pairs]
            return self.apply(fold.item, *found, type=dtype) if fold.item else found[0]

        def result(total: Operand) -> Operand:
            if not fold.finish:
                return total
            items, *more = [self.build.length(sizes[c]) for c in inner or "1"]
            for size in more:
                items = self.build.sure("mul", items, size)
            return self.apply(fold.finish, total, items, type=dtype)

        def total(at: dict[str, Dim]) -> Operand:
            def body(totals: list[Value], index: list[Dim]) -> list[Value]:
                x = item({**at, **dict(zip(inner, index, strict=True))})
                return [self.apply(fold.step, totals[0], x, type=dtype)]

            whole = Part(op.out, (), tuple(sizes[c] for c in inner))
            start, name = Const(fold.start, dtype), Value(op.out.name * (not at), dtype)
            return result(self.nest([start], whole, body, name=name, first=len(at))[0])

        def added(bases: list[Value], index: list[Dim]) -> list[Value]:
            at = {**ones, **dict(zip(order, index, strict=True))}
            place = tuple(self.build.subscript(at[c]) for c in kept)
            path, out = (Index(place, sure=True),), Value(op.out.name, bases[0].type)
            add = ir.Accumulate(bases[0], path, item(at), out, self.build.loc)
            return [self.build.emit(add).out]

        def each(index: list[Dim]) -> Operand:
            at = dict(zip(kept, index, strict=True))
            return total(at) if fold.step else item(at)

        if not kept:
            self.names[op.out] = total({})
            return
        if order.endswith(inner):
            new = self.fill(op.out, extents, each)
        else:
            new = self.new(op.out, extents, "zeros")
            whole = Part(new, (), tuple(sizes[c] for c in order))
            (new,) = self.nest([new], whole, added)
            if fold.finish:
                sums = self.part(new)
                new = self.fill(op.out, extents, lambda i: result(self.at(sums, i)))
        if not fold.step:
            self.fresh.add(new)
        self.stand(op.out, new)

    def apply(self, row: str, *args: Operand, type: Scalar) -> Value:
        """Apply a row to numbers."""
        op = Op(row, args, (Value("", type),), loc=self.build.loc)
        return self.build.emit(op).out

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
        if op.row in ("zeros_like", "empty_like"):
            made = self.new(
                op.out, self.part(self.now(op.args[0])).extents, op.row[:-5]
            )
            self.stand(op.out, made)
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
        out, type = op.out, op.out.type
        if isinstance(type, Array) and not type.contiguous:  # what a call makes is
            out = Value(out.name, replace(type, contiguous=True), out.hint)
            self.stand(op.out, out)
        self.build.emit(replace(op, args=tuple(args), outs=(out,)))
        if op.row == "reshape":
            self.measured(out, op.args[1:], op)

    def reshaped(self, op: Op) -> bool:
        """Write a shape of what stays as it is as a view; tell whether."""
        given: Any = op.args[0]
        x, site = self.now(given), self.regions.site[op]
        kept = [op.out, given] if self.is_straight(x, False) else [op.out]
        last = max(self.changed.get(self.regions.family(v), -1) for v in kept)
        if site.chain or last > site.order or not (op.out.type.rank and x.type.rank):
            return False
        base, shape = self.contiguous(x, False), ir.Reshape(op.args[1:])
        self.stand(op.out, self.walk(base, (shape,), op)[1])
        return True

    def contiguous(self, x: Value, turned: bool) -> Value:
        """Return a value that a call can take: an array, or a view that is as good."""
        return self.shown(x) if self.is_straight(x, turned) else self.copied(x)

    def shown(self, x: Value) -> Value:
        """Write the view that a value is; loops do without it."""
        if x not in self.parts or x not in self.build.views:
            return x
        out = ir.twin(x)
        self.origin[out] = self.origin.get(x, x)
        return self.build.emit(replace(self.build.views[x], out=out)).out

    def is_straight(self, x: Value, turned: bool) -> bool:
        """Tell whether a call can take an array or a view as it is."""
        made = self.build.views.get(x)
        path = made.path if made is not None else ()
        if x not in self.parts and (not path or isinstance(path[-1], ir.Reshape)):
            return True
        if made is not None and not getattr(made.base.type, "contiguous", True):
            return False
        if turned and path == (ir.Permute((1, 0)),):
            return True
        if len(path) == 1 and isinstance(path[0], Index):
            # Numba, too, knows that a row of a contiguous array is contiguous.
            *most, last = path[0].items
            whole = not isinstance(last, Slice) or not last.step
            return (
                whole and last is not None and all(isinstance(i, Operand) for i in most)
            )
        return False

    def view(self, view: ir.View) -> None:
        """Note what a view is a part of; make an array of what is gathered."""
        part, base, path = self.walk(view.base, view.path, view)
        pairs = zip(view.out.type.dims, part.extents, strict=True)
        sizes = tuple(e if d.known is None else d for d, e in pairs)
        part = replace(part, extents=sizes)
        if ir.gathers(view.path):
            items = self.fill(view.out, part.extents, lambda i: self.at(part, i), part)
            self.stand(view.out, items)
        elif path:
            self.build.views[view.out] = replace(view, base=self.shown(base), path=path)
            self.parts[view.out] = part
        else:
            self.stand(view.out, base)

    def read(self, read: ir.Read) -> None:
        """Write the read of one element, or of an item of a list."""
        base, path = self.now(read.base), read.path
        item = isinstance(base.type, ListOf) and len(path) == 1
        if item or self.is_plain(base, path):
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
        if self.family(base) not in self.tapes:
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
            if isinstance(stmt, ir.Take) and not item:
                self.cleared(stmt, base, path)
                return
            made: Any = replace(stmt, base=base, path=path, value=value)  # type: ignore[arg-type]
            self.build.emit(made)
            return
        part = self.walk(stmt.base, stmt.path, stmt)[0]
        if isinstance(stmt, ir.Take):
            if part.extents:
                self.take(stmt, base, part)
            else:
                self.cleared(stmt, base, self.place(stmt, part, []))
            return
        if isinstance(value, Value) and value.type.rank:
            source = self.part(value)
            same = self.family(source.root) is self.family(base)
            if same and (source.root, source.places) != (part.root, part.places):
                value = self.copied(value)

        def body(bases: list[Value], index: list[Dim]) -> list[Value]:
            x = self.element(value, index)
            out = Value(base.name, base.type)
            place = self.place(stmt, part, index)
            self.build.emit(type(stmt)(bases[0], place, x, out, stmt.loc))
            return [out]

        self.stand(stmt.out, *self.nest([base], part, body))

    def take(self, stmt: ir.Take, base: Value, part: Part) -> None:
        """Write `value = x[path]; x[path] = 0`: the last of equal subscripts has it."""

        def body(bases: list[Value], index: list[Dim]) -> list[Value]:
            x, *more = bases
            value = Value("", Scalar(base.type.dtype))
            one = replace(stmt, value=value, out=Value(base.name, base.type))
            self.cleared(one, x, self.place(stmt, part, index))
            return [one.out, *(self.store(z, index, value) for z in more)]

        new = self.new(stmt.value, part.extents)
        out, taken = self.nest([base, new], part, body, backward=True)
        self.stand(stmt.out, out)
        self.stand(stmt.value, taken)

    def cleared(self, take: ir.Take, base: Value, path: ir.Path) -> None:
        """Read an element and clear it."""
        zero = Const(0.0, Scalar(base.type.dtype))
        self.build.emit(ir.Read(base, path, take.value, take.loc))
        self.build.emit(ir.Write(base, path, zero, take.out, take.loc))

    def place(self, stmt: Any, part: Part, index: list[Dim]) -> ir.Path:
        """Return the path of an element of the part that a statement changes."""
        items = Index(self.subscripts(part, index), sure=True)
        own = part.root in (self.now(stmt.base), self.current.get(part.root))
        return (items,) if own else (ir.Through(part.root), items)

    # nests

    def new(self, like: Value, extents: Sequence[Dim], row: str = "empty") -> Value:
        """Make an array that is not filled, or one of zeros."""
        type = Array(like.type.dtype, tuple(extents))
        out = Value(like.name, type, like.hint or "z")
        attrs: dict[str, object] = {"dtype": type.dtype}
        sizes = tuple(map(self.build.length, extents))
        self.build.emit(Op(row, sizes, (out,), attrs, self.build.loc))
        return out

    def store(self, z: Value, index: list[Dim], x: Operand) -> Value:
        """Write an element of a whole array."""
        items = tuple(map(self.build.subscript, index))
        out = ir.twin(z)
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

    def copied(self, x: Value) -> Value:
        """Return a new array with the elements of another."""
        part = self.part(x)
        return self.fill(x, part.extents, lambda index: self.at(part, index))

    def nest(
        self, bases: Sequence[Any], part: Part, body: Body, *, backward: bool = False,
        name: Value | None = None, first: int = 0,
    ) -> list[Value]:  # fmt: skip
        """Write a loop for each axis of a part; return the last versions of arrays.

        A number among what the loops change is called by `name`; they stand in as
        many loops as `first` says.
        """
        like = [v if isinstance(v, Value) else name or v for v in bases]
        sizes = [self.build.length(extent) for extent in part.extents]
        nest = _Nest(bases, part, body, backward, first, like, sizes)
        out = self.level(nest, [*bases], [])
        for base in bases:
            del self.current[base]
        return out

    def level(self, nest: _Nest, now: list[Value], index: list[Dim]) -> list[Value]:
        """Write the loops of a nest that are inside of those with an index."""
        axis, part = len(index), nest.part
        if axis == (stop := part.first + part.count):
            self.bind(part, index)
        if axis == len(part.extents):
            self.current.update(zip(nest.bases, now, strict=True))
            return nest.body(now, index)
        if part.extents[axis] == ONE:
            return self.level(nest, now, [*index, ZERO])
        var = Value(_NAMES[(nest.first + axis) % len(_NAMES)], INT)
        inns, last = [*map(ir.twin, nest.like)], [*map(ir.twin, nest.like)]
        ends, loc = (const(0), nest.sizes[axis], const(1)), self.build.loc
        if nest.backward and part.first <= axis < stop:
            ends = self.build.op("sub", ends[1], 1), const(-1), const(-1)
        with self.scope() as made:
            self.there.add(var)
            ylds = self.level(nest, inns, [*index, Dim.of(var)])
        carries = map(ir.Carry, now, inns, ylds, last)
        self.build.emit(For(var, *ends, (*carries,), ir.Block((*made,)), loc=loc))
        return last

    def bind(self, part: Part, index: list[Dim]) -> None:
        """Read the subscripts of a part that stand in arrays."""
        for pick in part.picks:
            k: Any = self.at(pick.source, index[part.first :])
            if len(pick.names) == 1 and not pick.mask:
                size = self.build.length(pick.extents[0])
                k = self.build.sure("subscript", k, size)
            columns = zip(pick.names[:0:-1], pick.extents[:0:-1], strict=True)
            for name, extent in columns:
                size = self.build.length(extent)
                self.picked[name] = Dim.of(self.build.sure("mod", k, size))
                k = self.build.sure("floordiv", k, size)
            self.picked[pick.names[0]] = Dim.of(k)

    # elements

    def element(self, x: Operand, index: list[Dim]) -> Operand:
        """Return a number, or the element of an array that is broadcast."""
        if isinstance(x, Value) and isinstance(x.type, Array):
            return self.at(self.part(x), index)
        return x

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
        given = {AXES[k]: ZERO if e == ONE else i for k, (i, e) in enumerate(pairs)}
        return tuple(
            self.build.subscript(p.put(given).put(self.picked)) for p in part.places
        )

    def broadcast(self, out: Value, parts: list[Part]) -> list[Dim]:
        """Return the lengths of what parts broadcast to."""
        found = []
        for axis, dim in enumerate(out.type.dims, -out.type.rank):
            size = self.length_of(dim)
            if size is None:
                size = widest(parts, axis)
            found.append(size)
        return found


def _in_memory(letters: str, part: Part) -> list[str]:
    """Return the letters of a part's axes in the order in which its array has them."""
    names = dict(zip(AXES, letters, strict=False))
    there = [names[a] for p in part.places for a, _ in p.terms if a in names]
    return [*(c for c in letters if c not in there), *there]
