"""Build IR: infer types, fold integers, keep dims in canonical form.

The frontend and the adjoint write statements through one Builder, so types, shape
checks and simplifications are decided in one place.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from srcgrad.ir import (
    NOWHERE,
    Accumulate,
    Assert,
    Block,
    Const,
    Index,
    Op,
    Operand,
    Path,
    Permute,
    Push,
    Read,
    Reshape,
    Slice,
    Step,
    Stmt,
    Take,
    Value,
    View,
    Write,
    gathered_at,
    gathers,
)
from srcgrad.ops import ROWS
from srcgrad.types import Array, Dim, ListOf, Scalar, Type, combine

__all__ = ["INT", "Builder", "LengthOne", "Meeting", "ShapeError", "const"]

INT = Scalar("int64", True)

_FOLDS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul,
    "neg": operator.neg, "floordiv": operator.floordiv, "mod": operator.mod,
    "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
    "eq": operator.eq, "ne": operator.ne, "not_": operator.not_,
}  # fmt: skip


# A statement's line and column, and which of the lengths meeting in it: see `meet`.
Meeting = tuple[int, int, int]


class ShapeError(ValueError):
    """Shapes that NumPy itself would refuse to combine."""


class LengthOne(Exception):
    """A length is known to be one by the specialisation; operands must say so."""

    def __init__(self, dim: Dim) -> None:
        super().__init__(str(dim))
        self.dim = dim


def const(value: float | int | bool) -> Const:
    """Return a Python number as an operand."""
    dtype = {bool: "bool", int: "int64", float: "float64"}[type(value)]
    return Const(value, Scalar(dtype, python=True))


def _as_laid_out(out: Any, operands: Sequence[Type]) -> Any:
    """NumPy lays a result out as its operands are: a turned one turns the result."""
    plain = all(t.rank < 2 or getattr(t, "contiguous", True) for t in operands)
    if plain or not isinstance(out, Array) or out.rank < 2:
        return out
    return Array(out.dtype, out.dims, contiguous=False)


class Builder:
    """Write statements into the innermost open block.

    `trusting` builders (the adjoint) take shapes as already checked by the forward
    sweep; others emit a check where two dims are not provably equal.
    """

    def __init__(self, *, trusting: bool = False) -> None:
        self.trusting = trusting
        self.open: list[list[Stmt]] = [[]]
        self.memo: list[dict[Any, Operand]] = [{}]
        self.equal: list[dict[Any, Dim]] = [{}]
        self.linear: dict[Value, Dim] = {}
        self.unmeasured: set[Value] = set()
        self.views: dict[Value, View] = {}
        self.ones: dict[Meeting, int] = {}
        self.meetings: list[Meeting] = []
        self.met = 0
        self.fetch: Callable[[Value], Operand] = lambda atom: atom
        self.available: Callable[[Any], bool] = lambda atom: atom not in self.unmeasured
        self.loc = NOWHERE

    # blocks

    def emit(self, stmt: Stmt) -> None:
        """Append a statement to the innermost block."""
        self.open[-1].append(stmt)
        if isinstance(stmt, View) and not gathers(stmt.path):
            self.views[stmt.out] = stmt

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        """Open a block; what is known inside it is forgotten when it closes."""
        stmts: list[Stmt] = []
        self.open.append(stmts)
        self.memo.append({})
        self.equal.append({})
        try:
            yield stmts
        finally:
            self.open.pop()
            self.memo.pop()
            self.equal.pop()

    def close(self) -> Block:
        """Return the outermost block."""
        (stmts,) = self.open
        return Block(tuple(stmts))

    # dims

    def resolve(self, dim: Dim) -> Dim:
        """Rewrite a dim by the equalities that are known here."""
        for known in self.equal:
            for atom, value in known.items():
                dim = dim.put({atom: value})
        return dim

    def dim(self, operand: Operand) -> Dim:
        """Return the dim that an integer operand stands for."""
        if isinstance(operand, Const):
            return Dim(int(operand.value))
        return self.linear.get(operand) or Dim.of(operand)

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """Require two dims to be equal; check it at run time if it is not certain."""
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return a
        if a.known is not None and b.known is not None:
            raise ShapeError(what.format(a.known, b.known))
        if not self.trusting:
            left, right = self.length(a), self.length(b)
            test = self.op("eq", left, right)
            self.emit(Assert(test, "ShapeError", what, self.loc))
        self.assume(a, b)
        return a if a.known is not None else self.resolve(b)

    def meet(self, a: Dim, b: Dim) -> Dim:
        """Require two lengths to be equal unless this specialisation has one of them 1.

        Raises:
            LengthOne: It has.
        """
        if a == b or self.trusting or (a.known is not None and b.known is not None):
            return self.same(a, b, "operands could not be broadcast together")
        place = (self.loc.line, self.loc.column, self.met)
        self.met += 1
        if place not in self.meetings:
            self.meetings.append(place)
        what = f"meeting {self.meetings.index(place)}"
        if place not in self.ones:
            return self.same(a, b, what)
        dim = (a, b)[self.ones[place]]
        test = self.op("eq", self.length(dim), const(1))
        self.emit(Assert(test, "ShapeError", what, self.loc))
        raise LengthOne(dim)

    def as_one(self, operand: Operand, dim: Dim) -> Operand:
        """Return an operand whose axes of a length are known to be one."""
        if not isinstance(operand.type, Array):
            return operand
        axes = [self.resolve(d) == dim for d in operand.type.dims]
        if not any(axes):
            return operand
        assert isinstance(operand, Value)
        index = Index(tuple(Slice(None, const(1) if k else None, None) for k in axes))
        dims = tuple(
            Dim(1) if k else d for k, d in zip(axes, operand.type.dims, strict=True)
        )
        type = Array(operand.type.dtype, dims, operand.type.contiguous)
        return self.view(operand, (index,), type=type)

    def assume(self, a: Dim, b: Dim) -> None:
        """Take two dims as equal until the end of the block.

        The newest value is written by older ones: the backward sweep must not put a
        length of its own where one of the forward sweep stood.
        """
        difference = a - b
        for atom, factor in reversed(difference.terms):
            if abs(factor) == 1:
                rest = difference.put({atom: Dim(0)})
                self.equal[-1][atom] = rest.scaled(-factor)
                return

    def broadcast(self, types: Sequence[Type]) -> tuple[Dim, ...]:
        """Return the dims of operands broadcast together, as NumPy does."""
        shapes = [t.dims for t in types if isinstance(t, Array)]
        rank = max((len(s) for s in shapes), default=0)
        out: list[Dim] = []
        for axis in range(-rank, 0):
            dims = [self.resolve(s[axis]) for s in shapes if len(s) >= -axis]
            wide = [d for d in dims if d.known != 1]
            result = wide[0] if wide else Dim(1)
            for d in wide[1:]:
                result = self.meet(result, d)
            out.append(result)
        return tuple(out)

    def fail(self, message: str) -> Exception:
        """Return the error of a shape that NumPy would refuse."""
        return ShapeError(message)

    def loose(self) -> Dim:
        """Return a dim that nothing is known about; `measure` gives it its value."""
        atom = Value("", INT)
        self.unmeasured.add(atom)
        return Dim.of(atom)

    def loosen(self, type: Any, axes: Sequence[int] | None = None) -> Any:
        """Return an array type with nothing known about some lengths, or all."""
        if not isinstance(type, Array):
            return type
        dims = [self.loose() if axes is None or k in axes else d
                for k, d in enumerate(type.dims)]  # fmt: skip
        return replace(type, dims=tuple(dims))

    def placeholder(self, type: Type) -> Operand:
        """Return a value of a type that nobody reads."""
        if isinstance(type, Scalar):
            zero = {"float64": 0.0, "int64": 0, "bool": False}
            return Const(zero.get(type.dtype, 0.0), type)
        if isinstance(type, ListOf):
            return self.op("new_list", item=type.item)  # type: ignore[no-any-return]
        lengths = [const(0)] * type.rank
        return self.op("empty", *lengths, dtype=type.dtype)  # type: ignore[no-any-return]

    def measure(self, value: Value) -> None:
        """Emit the lengths of an array whose dims are loose."""
        if not isinstance(value.type, Array):
            return
        for axis, dim in enumerate(value.type.dims):
            for atom, _ in dim.terms:
                if atom in self.unmeasured:
                    assert isinstance(atom, Value)
                    self.unmeasured.discard(atom)
                    self.emit(Op("dim", (value,), (atom,), {"axis": axis}, self.loc))

    def length(self, dim: Dim) -> Operand:
        """Return a dim as an integer operand; what slices leave is never negative."""
        if dim.known is not None:
            return const(max(dim.known, 0))
        return self.once(("length", dim), lambda: self._written(dim))

    def _written(self, dim: Dim) -> Operand:
        """Write out a dim that is no number."""
        total: Operand | None = None
        for atom, factor in dim.terms:
            assert isinstance(atom, Value)
            here = self.fetch(atom)
            term: Operand = here if factor == 1 else self.op("mul", const(factor), here)
            total = term if total is None else self.op("add", total, term)
        assert total is not None
        if dim.const:
            row = "add" if dim.const > 0 else "sub"
            total = self.op(row, total, const(abs(dim.const)))
        if dim.const < 0 or any(factor < 0 for _, factor in dim.terms):
            total = self.op("max2", const(0), total)
        if isinstance(total, Value):
            self.linear[total] = dim
        return total

    def once(self, key: tuple[Any, ...], make: Callable[[], Operand]) -> Operand:
        """Return what was made for a key in a block around, or make it here."""
        for memo in self.memo:
            if key in memo:
                return memo[key]
        made = self.memo[-1][key] = make()
        return made

    def size(self, value: Operand, axis: int) -> Operand:
        """Return the length of one axis of an array."""
        assert isinstance(value.type, Array)
        return self.length(self.resolve(value.type.dims[axis]))

    # operations

    def op(self, row: str, *args: Operand | float, name: str = "", **attrs: Any) -> Any:
        """Apply a row and return its result; integers are folded."""
        given = tuple(const(a) if isinstance(a, int | float) else a for a in args)
        folded = self._fold(row, given)
        if folded is not None:
            return folded
        shorter = self._shorter(row, given)
        if shorter is not None:
            return shorter
        entry = ROWS[row]
        types = [a.type for a in given]
        try:
            type = entry.infer(self, types, {"args": given, **attrs})
        except LengthOne as one:
            given = tuple(self.as_one(a, one.dim) for a in given)
            return self.op(row, *given, name=name, **attrs)
        if row != "copy" or attrs.get("via") != "method":
            type = _as_laid_out(type, types)
        if isinstance(type, tuple):
            outs = tuple(Value(name, t) for t in type)
            self.emit(Op(row, given, outs, attrs, self.loc))
            return outs
        out = Value(name, type)
        form = self._sum(row, given)
        if form is not None:
            self.linear[out] = form
        self.emit(Op(row, given, (out,), attrs, self.loc))
        if not self.trusting:
            self.measure(out)
        return out

    def cast(self, x: Operand, dtype: str) -> Operand:
        """Return an operand in a dtype."""
        if x.type.dtype == dtype:
            return x
        if isinstance(x, Const):
            return Const(x.value, Scalar(dtype))
        out: Operand = self.op("cast", x, dtype=dtype)
        return out

    def fit(self, g: Operand, type: Type) -> Operand:
        """Sum down what was broadcast, to the shape and dtype of a type."""
        extra = g.type.rank - type.rank
        if extra > 0:
            axes = tuple(range(extra)) if type.rank else None
            g = self.op("sum", g, axis=axes, keepdims=False)
        if isinstance(g.type, Array):
            dims = zip(g.type.dims, type.dims[type.rank - g.type.rank :], strict=True)
            wide = [d.known != 1 and one.known == 1 for d, one in dims]
            if any(wide):
                axes = tuple(k for k, w in enumerate(wide) if w)
                g = self.op("sum", g, axis=axes, keepdims=True)
        return self.cast(g, type.dtype)

    def _fold(self, row: str, args: tuple[Operand, ...]) -> Operand | None:
        if row not in _FOLDS or not all(isinstance(a, Const) for a in args):
            return None
        values = [a.value for a in args if isinstance(a, Const)]
        if not all(a.type.python for a in args):
            return None
        if row != "neg" and not all(isinstance(v, int) for v in values):
            return None
        if row in ("floordiv", "mod") and values[1] == 0:
            return None
        return const(_FOLDS[row](*values))

    def _sum(self, row: str, args: tuple[Operand, ...]) -> Dim | None:
        """Return the linear form of a result, so that dims stay comparable."""
        whole = all(a.type == INT for a in args)
        return combine(row, [self.dim(x) for x in args]) if whole else None

    def _shorter(self, row: str, args: tuple[Operand, ...]) -> Operand | None:
        """Write `(n - 1) + 1` as `n`: sums of one integer and numbers stay short."""
        total = self._sum(row, args) if row in ("add", "sub") else None
        if total is None:
            return None
        if total.known is not None:
            return const(total.known)
        if len(total.terms) != 1 or total.terms[0][1] != 1:
            return None
        atom = total.terms[0][0]
        assert isinstance(atom, Value)
        here = self.fetch(atom)
        if total.const == 0:
            return here
        if here in args or atom in self.unmeasured:
            return None
        sign = "add" if total.const > 0 else "sub"
        out: Operand = self.op(sign, here, const(abs(total.const)))
        return out

    # buffers

    def place(self, type: Type, path: Path) -> Type:
        """Return the type of the part of an array that a path names."""
        if isinstance(type, ListOf):
            return type.item if len(path) == 1 else self.place(type.item, path[1:])
        for step in path:
            assert isinstance(type, Array)
            type = self._step(type, step)
        return type

    def _step(self, type: Array, step: Step) -> Type:
        if isinstance(step, Permute):
            dims = tuple(type.dims[a] for a in step.axes)
            trivial = step.axes == tuple(range(len(dims)))
            return Array(type.dtype, dims, type.contiguous and trivial)
        if isinstance(step, Reshape):
            return Array(type.dtype, tuple(self.dim(s) for s in step.shape))
        return self._indexed(type, step)

    def _indexed(self, type: Array, step: Index) -> Type:
        dims: list[Dim] = []
        fancy: list[Type] = []
        axis = 0
        for item in step.items:
            if item is None:
                dims.append(Dim(1))
                continue
            if isinstance(item, Slice):
                dims.append(self.slice_dim(type.dims[axis], item))
            elif item.type.rank > 0:
                fancy.append(self._chosen(item))
                if item.type.dtype == "bool":
                    axis += item.type.rank - 1
            axis += 1
        dims += type.dims[axis:]
        if fancy:
            shape = self.broadcast(fancy)
            at = gathered_at(step.items)
            dims[at:at] = list(shape)
            # NumPy lays out what it picks as it likes: `A[:, k]` is in Fortran order.
            return Array(type.dtype, tuple(dims), len(dims) < 2)
        if not dims:
            return Scalar(type.dtype)
        return Array(type.dtype, tuple(dims), self._stays_contiguous(type, step))

    def _chosen(self, item: Operand) -> Type:
        """Return the type of an index array; a mask stands for its true places."""
        if item.type.dtype != "bool":
            return item.type
        if self.trusting:
            return Array("int64", (self.loose(),))

        def count() -> Operand:
            count = self.op("count_nonzero", item, axis=None)
            cast: Operand = self.op("cast", count, dtype="int64", python=True)
            return cast

        return Array("int64", (self.dim(self.once(("count", item), count)),))

    @staticmethod
    def _stays_contiguous(type: Array, step: Index) -> bool:
        """A row of a C array is contiguous; so is a slice of its first axis."""
        whole = False
        for item in step.items:
            if item is None:
                continue
            if isinstance(item, Slice):
                full = item.start is None and item.stop is None and item.step is None
                if (whole and not full) or item.step is not None:
                    return False
                whole = True
            elif whole:
                return False
        return type.contiguous

    def slice_dim(self, dim: Dim, item: Slice) -> Dim:
        """Return how many elements a slice of an axis of length `dim` has."""
        dim = self.resolve(dim)
        parts = (item.start, item.stop, item.step)
        ends = [int(p.value) if isinstance(p, Const) else p for p in parts]
        if dim.known is not None and not any(isinstance(e, Value) for e in ends):
            known: Any = slice(*ends)
            return Dim(len(range(*known.indices(max(dim.known, 0)))))
        step = 1 if item.step is None else self.dim(item.step).known
        if step == -1 and item.start is None and item.stop is None:
            return dim
        if step == 1:
            start = Dim(0) if item.start is None else self.dim(item.start)
            stop = dim if item.stop is None else self.dim(item.stop)
            if stop.known is not None and stop.known < 0:
                stop = dim + stop
            room = (dim - stop).known
            if room is not None and room >= 0 and start.known is not None:
                if start.known >= 0:
                    return stop - start
        if self.trusting:
            return self.loose()
        key = ("slice", dim, *(None if p is None else self.dim(p) for p in parts))
        given = [p for p in parts if p is not None]
        there = tuple(p is not None for p in parts)
        return self.dim(
            self.once(
                key,
                lambda: self.op("slice_length", self.length(dim), *given, given=there),
            )
        )

    def view(
        self, base: Value, path: Path, name: str = "", type: Type | None = None
    ) -> Value:
        """Name a part of a buffer as an operand."""
        out = Value(name, type or self.place(base.type, path))
        base, path = self.flat(base, path)
        if not path:
            return base
        self.emit(View(base, path, out, self.loc))
        return out

    def read(self, base: Value, path: Path, name: str = "") -> Value:
        """Copy one element."""
        out = Value(name, self.place(base.type, path))
        self.emit(Read(*self.flat(base, path), out, self.loc))
        return out

    def flat(self, base: Value, path: Path) -> tuple[Value, Path]:
        """Return the buffer and the path of a part: a view of a view is one view."""
        if base in self.views:
            view = self.views[base]
            base, path = view.base, (*view.path, *path)
        steps: list[Step] = []
        for step in path:
            if isinstance(step, Permute):
                last = steps[-1] if steps else None
                if isinstance(last, Permute):
                    steps.pop()
                    step = Permute(tuple(last.axes[a] for a in step.axes))
                if step.axes == tuple(range(len(step.axes))):
                    continue
            steps.append(step)
        return base, tuple(steps)

    def write(
        self, base: Value, path: Path, value: Operand, *, once: bool = False
    ) -> Value:
        """Store into a buffer and return its new version."""
        out = Value(base.name, base.type)
        self.emit(Write(base, path, value, out, self.loc, once))
        return out

    def accumulate(self, base: Value, path: Path, value: Operand) -> Value:
        """Add into a buffer and return its new version."""
        out = Value(base.name, base.type)
        self.emit(Accumulate(base, path, value, out, self.loc))
        return out

    def take(self, base: Value, path: Path, name: str = "") -> tuple[Value, Value]:
        """Read a part and clear it; return the part and the new version."""
        value = Value(name, self.place(base.type, path))
        out = Value(base.name, base.type)
        self.emit(Take(base, path, value, out, self.loc))
        return value, out

    def push(self, base: Value, value: Operand) -> Value:
        """Append to a list and return its new version."""
        out = Value(base.name, base.type)
        self.emit(Push(base, value, out, self.loc))
        return out
