"""Build IR: infer types, fold integers, keep dims in canonical form.

The frontend and the adjoint write statements through one Builder, so types, shape
checks and simplifications are decided in one place.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import dropwhile
from typing import Any, TypeVar

from srcgrad import ir
from srcgrad.ir import Block, Const, Op, Operand, Path, Slice, Stmt, Value, View
from srcgrad.ops import ROWS
from srcgrad.ops.table import ShapeError, Unsupported
from srcgrad.types import Array, Dim, ListOf, Scalar, Type, combine, is_complex

INT = Scalar("int64", True)
DIFFER = "unequal: "  # so begin the names of checks that a call may learn from
S = TypeVar("S", bound=Stmt)

_ALL = Slice(None, None, None)
_NUMBER = int | float | complex
_REAL_PARTS = "write it with `.real`, `.imag` and `abs(...)`, which are real"
_FOLDS = "add sub mul neg floordiv mod lt le gt ge eq ne not_".split()
_FOLDED: dict[str, Any] = {name: getattr(operator, name) for name in _FOLDS}
_FOLDED |= {"max2": max, "range_length": lambda *ends: len(range(*ends))}


_DTYPES = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}
_PYTHON = {kind: Scalar(dtype, python=True) for kind, dtype in _DTYPES.items()}


def const(value: complex) -> Const:
    """Return a Python number as an operand."""
    return Const(value, _PYTHON[type(value)])


class Builder:
    """Write statements into the innermost open block.

    `trusting` builders (the adjoint) take shapes as already checked by the forward
    sweep; others emit a check where two dims are not provably equal.
    """

    def __init__(self, *, trusting: bool = False) -> None:
        self.trusting = trusting
        self.open: list[list[Stmt]] = [[]]
        self.memo: dict[Any, Any] = {}
        self.equal: dict[Any, Dim] = {}
        self.linear: dict[Operand, Dim] = {}
        self.cut: set[Operand] = set()  # lengths that are zero where theirs are below
        unmeasured = self.unmeasured = set[Value]()
        self.views: dict[Value, View] = {}
        self.ones: dict[str, int] = {}
        self.thin: set[Dim] = set()  # lengths of `x[k : k + 1]`
        self.origin = "", 0  # the name and the first line of what is read
        self.met = 0
        self.fetch: Callable[[Value], Operand] = lambda atom: atom
        self.available: Callable[[Any], bool] = lambda atom: atom not in unmeasured
        self.loc = ir.NOWHERE

    # blocks

    def emit(self, stmt: S) -> S:
        """Append a statement to the innermost block."""
        self.open[-1].append(stmt)
        if isinstance(stmt, View) and not ir.gathers(stmt.path):
            self.views[stmt.out] = stmt
        return stmt

    @contextmanager
    def block(self) -> Iterator[list[Stmt]]:
        """Open a block; what is known inside it is forgotten when it closes."""
        stmts: list[Stmt] = []
        memo, equal = self.memo, self.equal
        self.open.append(stmts)
        self.memo, self.equal = {**memo}, {**equal}
        try:
            yield stmts
        finally:
            self.open.pop()
            self.memo, self.equal = memo, equal

    def close(self) -> Block:
        """Return the outermost block."""
        (stmts,) = self.open
        return Block(tuple(stmts))

    # dims

    def resolve(self, dim: Dim) -> Dim:
        """Rewrite a dim by the equalities that are known here."""
        equal = self.equal
        if dim not in equal and not any(atom in equal for atom, _ in dim.terms):
            return dim
        for known, value in equal.items():
            dim = value if dim == known else dim.put({known: value})
        return dim

    def dim(self, operand: Operand) -> Dim:
        """Return the dim that an integer operand stands for."""
        if isinstance(operand, Const):
            return Dim(int(operand.value))
        return self.linear.get(operand) or Dim.of(operand)

    def same(self, a: Dim, b: Dim, what: str, error: str = "ShapeError") -> Dim:
        """Require two dims to be equal; check it at run time if it is not certain."""
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return a
        if a.known is not None and b.known is not None:
            raise ShapeError(what.format(a.known, b.known))
        if not self.trusting:
            test = self.op("eq", self.length(a), self.length(b))
            self.emit(ir.Assert(test, error, what, self.loc))
        # Less than zero stands for zero: only of a length that may not be does equality
        # tell anything of what it is made of.
        plain = [
            all(x >= 0 for x in (d.const, *(f for _, f in d.terms))) for d in (a, b)
        ]
        certain = all(plain) or (a.known or 0) > 0 or (b.known or 0) > 0
        # The newest value is written by older ones: the backward sweep must not put a
        # length of its own where one of the forward sweep stood.
        for atom, factor in reversed((a - b).terms if certain else ()):
            if abs(factor) == 1:
                rest = (a - b).put({atom: Dim(0)})
                self.equal[atom] = rest.scaled(-factor)
                break
        else:
            self.equal.update({b: a} if a.known is not None else {a: b})
        return a if a.known is not None else self.resolve(b)

    def alike(self, a: Dim, b: Dim, of: str) -> None:
        """Require two lengths to be equal, until a call has found that they are not."""
        what = self.meeting(of)
        if a != b and what in self.ones:
            raise ShapeError(what)
        self.same(a, b, what)

    def meet(self, a: Dim, b: Dim) -> Dim:
        """Return the length of two broadcast: equal, or one of them 1 as is checked."""
        if a == b or self.trusting or (a.known is not None and b.known is not None):
            return self.same(a, b, "operands could not be broadcast together")
        what = self.meeting()
        # What is tried first, second and third, when the one before was wrong.
        tried: tuple[Dim | None, ...] = (None, a, b)
        if thin := [d for d in (a, b) if d in self.thin]:
            tried = (thin[0], None, b if thin[0] is a else a)
        one = tried[self.ones.get(what, -1) + 1]
        if one is None:
            return self.same(a, b, what)
        # One that is known is another number: 1 has been left out.
        one, other = (b, a) if one is b or a.known is not None else (a, b)
        self.same(one, Dim(1), what)
        return other

    def meeting(self, of: str = "") -> str:
        """Return a name for a length at this place that may turn out to be another.

        It is that of what is carried, or a new one.
        """
        name, first = self.origin
        self.met += not of
        place = f"{name} {self.loc.line - first + 1}:{self.loc.column}"
        return f"{DIFFER}{place} ({of or self.met})"

    def is_one(self, dim: Dim) -> bool:
        """Tell whether a length is 1, as is checked where it is not known."""
        if dim.known is None:
            what = self.meeting()
            if what in self.ones:
                dim = self.same(dim, Dim(1), what)
            else:
                test = self.op("ne", self.length(dim), const(1))
                self.emit(ir.Assert(test, "ShapeError", what, self.loc))
        return dim.known == 1

    def narrow(self, x: Any) -> Any:
        """Return an operand whose type says where its length was found to be 1."""
        dims = x.type.dims if self.ones or self.thin else ()
        axes = [d.known is None and self.resolve(d).known == 1 for d in dims]
        if not any(axes):
            return x
        one = Slice(None, const(1), None)
        items = tuple(one if k else _ALL for k in axes)
        return self.view(x, (ir.Index(items, sure=True),))

    def broadcast(self, types: Sequence[Type]) -> tuple[Dim, ...]:
        """Return the dims of operands broadcast together, as NumPy does."""
        shapes = [t.dims for t in types if isinstance(t, Array)]
        rank = max((len(s) for s in shapes), default=0)
        out: list[Dim] = []
        for axis in range(-rank, 0):
            dims = [self.resolve(s[axis]) for s in shapes if len(s) >= -axis]
            first, *others = [d for d in dims if d.known != 1] or [Dim(1)]
            for d in others:
                first = self.meet(self.resolve(first), self.resolve(d))
            out.append(first)
        return tuple(out)

    def loose(self) -> Dim:
        """Return a dim that nothing is known about; `measure` gives it its value."""
        atom = Value("", INT)
        self.unmeasured.add(atom)
        return Dim.of(atom)

    def loosen(self, type: Any, axes: Sequence[int] | None = None) -> Any:
        """Return an array type with nothing known about some lengths, or all."""
        if not isinstance(type, Array):
            return type
        dims = enumerate(type.dims)
        known = [self.loose() if axes is None or k in axes else d for k, d in dims]
        return replace(type, dims=tuple(known))

    def placeholder(self, type: Type, lengths: Mapping[int, Dim] | None = None) -> Any:
        """Return a value of a type that nobody reads, of no length but on some axes."""
        if isinstance(type, Scalar):
            return Const({"int64": 0, "bool": False}.get(type.dtype, 0.0), type)
        if isinstance(type, ListOf):
            return self.op("new_list", item=type.item)
        known = lengths or {}
        dims = [self.length(known.get(k, Dim(0))) for k in range(type.rank)]
        return self.op("empty", *dims, dtype=type.dtype)

    def measure(self, value: Value) -> None:
        """Emit the lengths of an array whose dims are loose."""
        for axis, dim in enumerate(value.type.dims):
            for atom, _ in dim.terms:
                if atom in self.unmeasured:
                    self.unmeasured.discard(atom)
                    self.emit(Op("dim", (value,), (atom,), {"axis": axis}, self.loc))

    def length(self, dim: Dim) -> Operand:
        """Return a dim as an integer operand; what slices leave is never negative."""
        if dim.known is not None:
            return const(max(dim.known, 0))
        if dim in self.memo:
            return self.memo[dim]  # type: ignore[no-any-return]
        total: Any = None
        for atom, factor in dim.terms:
            here = self.fetch(atom)
            term = here if factor == 1 else self.op("mul", factor, here)
            total = term if total is None else self.op("add", total, term)
        if dim.const:
            total = self.op("add" if dim.const > 0 else "sub", total, abs(dim.const))
        if dim.const < 0 or any(factor < 0 for _, factor in dim.terms):
            total = self.op("max2", 0, total)
            self.cut.add(total)
        self.linear[total], self.memo[dim] = dim, total
        return total  # type: ignore[no-any-return]

    def summand(self, dim: Dim) -> Dim:
        """Return a length to add others to: one below zero makes them no shorter."""
        return self.term(self.length(dim))

    def term(self, x: Operand) -> Dim:
        """Return an integer to add others to as an expression."""
        return Dim.of(x) if x in self.cut else self.dim(x)

    # operations

    def op(
        self, row: str, *args: Operand | complex, name: str = "", **attrs: Any
    ) -> Any:
        """Apply a row and return its result; integers are folded."""
        given = tuple(const(a) if isinstance(a, _NUMBER) else a for a in args)
        whole = all(a.type == INT for a in given)
        form = combine(row, [*map(self.term, given)]) if whole else None
        folded = self._fold(row, given, form)
        if folded is not None:
            return folded
        types = [a.type for a in given]
        if any(map(is_complex, types)) and not ROWS[row].of_complex:
            shown = ROWS[row].infix or row
            raise Unsupported(f"`{shown}` is not known of complex numbers", _REAL_PARTS)
        type = ROWS[row].infer(self, types, {"args": given, **attrs})
        given = tuple(map(self.narrow, given))
        # NumPy lays a result out as its operands are: a turned one turns the result.
        turned = any(t.rank > 1 and not getattr(t, "contiguous", True) for t in types)
        method = row == "copy" and attrs.get("via") == "method"
        if turned and not method and isinstance(type, Array) and type.rank > 1:
            type = replace(type, contiguous=False)
        out = Value(name, type)
        self.emit(Op(row, given, (out,), attrs, self.loc))
        if form is not None:
            self.linear[out] = form
        if not self.trusting:
            self.measure(out)
        return out

    def _fold(self, row: str, args: tuple[Operand, ...], form: Dim | None) -> Any:
        """Compute with numbers; write `(n - 1) + 1` as `n`, if that is one integer."""
        values = [a.value for a in args if isinstance(a, Const) and a.type.python]
        if row in _FOLDED and len(values) == len(args):
            exact = row in ("neg", "lt", "le", "gt", "ge", "eq", "ne")
            whole = exact or all(isinstance(v, int) for v in values)
            by_zero = row in ("floordiv", "mod", "range_length") and values[-1] == 0
            if whole and not by_zero:
                return const(_FOLDED[row](*values))
        if row not in ("add", "sub") or form is None:
            return None
        if form.known is not None:
            return const(form.known)
        ((atom, factor), *more) = form.terms
        if more or factor != 1:
            return None
        here = self.fetch(atom)
        if form.const == 0:
            return here
        if here in args or atom in self.unmeasured:
            return None
        return self.op("add" if form.const > 0 else "sub", here, abs(form.const))

    def cast(self, x: Operand, dtype: str, python: bool | None = None) -> Operand:
        """Return an operand in a dtype, of Python's own or NumPy's if that matters."""
        if x.type.dtype == dtype and python in (None, x.type.python):
            return x
        if isinstance(x, Const) and (python is None or (python and x.type.python)):
            kinds = {"float": float, "bool": bool, "complex": complex}
            value = kinds.get(dtype.rstrip("1234568"), int)(x.value)
            return Const(value, Scalar(dtype, bool(python)))
        out: Operand = self.op("cast", x, dtype=dtype, python=bool(python))
        return out

    def fit(self, g: Operand, type: Type) -> Operand:
        """Sum down what was broadcast, to the shape and dtype of a type."""
        extra = g.type.rank - type.rank
        if extra > 0:
            axes = tuple(range(extra)) if type.rank else None
            g = self.op("sum", g, axis=axes, keepdims=False)
        if isinstance(g.type, Array):
            pairs = enumerate(zip(g.type.dims, type.dims[-g.type.rank :], strict=True))
            axes = tuple(k for k, (d, e) in pairs if d.known != 1 and e.known == 1)
            if axes:
                g = self.op("sum", g, axis=axes, keepdims=True)
        return self.cast(g, type.dtype)

    def subscript(self, dim: Dim) -> Operand:
        """Return a sum that is certain to be inside an array as an operand."""
        total: Any = None
        for atom, factor in sorted(dim.terms, key=lambda term: term[1] < 0):
            if abs(factor) != 1:
                atom = self.sure("mul", const(abs(factor)), atom)
            if total is None:
                total = atom if factor > 0 else self.sure("neg", atom)
            else:
                total = self.sure("add" if factor > 0 else "sub", total, atom)
        if total is None or dim.const == 0:
            return const(dim.const) if total is None else total
        row = "add" if dim.const > 0 else "sub"
        return self.sure(row, total, const(abs(dim.const)))

    def sure(self, row: str, *args: Operand, name: str = "") -> Value:
        """Apply a row to integers that no check is needed for."""
        out = Value(name, INT)
        attrs: dict[str, object] = {"sure": True}
        return self.emit(Op(row, args, (out,), attrs, self.loc)).out

    # buffers

    def place(self, type: Type, path: Path) -> Type:
        """Return the type of the part of an array that a path names."""
        if isinstance(type, ListOf) and not isinstance(path[0], ir.Through):
            return self.place(type.item, path[1:])
        for step in path:
            if isinstance(step, ir.Through):
                type = step.view.type
                continue
            assert isinstance(type, Array)
            if isinstance(step, ir.Permute):
                axes = tuple(range(type.rank))
                assert sorted(step.axes) == [*axes]
                dims = tuple(type.dims[a] for a in step.axes)
                type = Array(type.dtype, dims, type.contiguous and step.axes == axes)
            elif isinstance(step, ir.Reshape):
                type = Array(type.dtype, tuple(self.dim(s) for s in step.shape))
            else:
                type = self._indexed(type, step)
        return type

    def _indexed(self, type: Array, step: ir.Index) -> Type:
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
                fancy.append(self.chosen(item))
                if item.type.dtype == "bool":
                    axis += item.type.rank - 1
            axis += 1
        assert axis <= type.rank
        dims += type.dims[axis:]
        if fancy:
            at = ir.gathered_at(step.items)
            dims[at:at] = self.broadcast(fancy)
            # NumPy lays out what it picks as it likes: `A[:, k]` is in Fortran order.
            return Array(type.dtype, tuple(dims), len(dims) < 2)
        if not dims:
            return Scalar(type.dtype)
        # A row of a C array is contiguous; so is a slice of its first axis.
        items = [i for i in step.items if i is not None]
        rest: Any = [*dropwhile(lambda i: not isinstance(i, Slice), items)] or [_ALL]
        whole = rest[0].step is None and all(i == _ALL for i in rest[1:])
        return Array(type.dtype, tuple(dims), type.contiguous and whole)

    def chosen(self, item: Operand) -> Type:
        """Return the type of an index array; a mask stands for its true places."""
        if item.type.dtype != "bool":
            return item.type
        if self.trusting:
            return Array("int64", (self.loose(),))
        if item not in self.memo:
            count = self.op("count_nonzero", item, axis=None)
            self.memo[item] = self.op("cast", count, dtype="int64", python=True)
        return Array("int64", (self.dim(self.memo[item]),))

    def slice_dim(self, dim: Dim, item: Slice) -> Dim:
        """Return how many elements a slice of an axis of length `dim` has."""
        dim = self.resolve(dim)
        parts = (item.start, item.stop, item.step)
        given = [p for p in parts if p is not None]
        if dim.known is not None and all(isinstance(p, Const) for p in given):
            ends = (int(p.value) if isinstance(p, Const) else None for p in parts)
            known: Any = slice(*ends)
            return Dim(len(range(*known.indices(max(dim.known, 0)))))
        start, stop, step = (None if p is None else self.dim(p) for p in parts)
        if step == Dim(-1) and start is None and stop is None:
            return dim
        if step in (None, Dim(1)):
            first, last = start or Dim(0), stop or dim
            if last.known is not None and last.known < 0:
                last = dim + last
            if all(d.known is not None and d.known >= 0 for d in (dim - last, first)):
                return last - first
        if self.trusting:
            return self.loose()
        there = tuple(p is not None for p in parts)
        key = ("slice", dim, start, stop, step)
        if key not in self.memo:
            n = self.length(dim)
            self.memo[key] = self.op("slice_length", n, *given, given=there)
        length = self.dim(self.memo[key])
        if start and stop and stop - start == Dim(1) and step in (None, Dim(1)):
            self.thin.add(length)
        return length

    def view(
        self, base: Value, path: Path, name: str = "", type: Type | None = None
    ) -> Value:
        """Name a part of a buffer as an operand."""
        out = Value(name, type or self.place(base.type, path))
        base, path = self.flat(base, path)
        return self.emit(View(base, path, out, self.loc)).out if path else base

    def read(self, base: Value, path: Path, name: str = "") -> Value:
        """Copy one element."""
        out = Value(name, self.place(base.type, path))
        return self.emit(ir.Read(*self.flat(base, path), out, self.loc)).out

    def element(self, base: Value, path: Path) -> Value:
        """Copy one element; what a statement has read in this block it reads once."""
        base, path = self.flat(base, path)
        items = [i for step in path if isinstance(step, ir.Index) for i in step.items]
        at = [self.dim(i) for i in items if isinstance(i, Value | Const)]
        if len(path) > 1 or not 0 < len(at) == len(items):
            return self.read(base, path)
        key = len(self.open), self.loc, base, *at
        found: Value = self.memo.get(key) or self.read(base, path)
        self.memo[key] = found
        return found

    def flat(self, base: Value, path: Path) -> tuple[Value, Path]:
        """Return the buffer and the path of a part: a view of a view is one view."""
        if base in self.views:
            view = self.views[base]
            base, path = view.base, (*view.path, *path)
        steps: list[ir.Step] = []
        for step in path:
            if isinstance(step, ir.Permute):
                if steps and isinstance(last := steps[-1], ir.Permute):
                    steps.pop()
                    step = ir.Permute(tuple(last.axes[a] for a in step.axes))
                if step.axes == tuple(range(len(step.axes))):
                    continue
            steps.append(step)
        return base, tuple(steps)

    def write(
        self, base: Value, path: Path, value: Operand, *, once: bool = False
    ) -> Value:
        """Store into a buffer and return its new version."""
        return self.update(ir.Write, base, path, value, once=once)

    def accumulate(self, base: Value, path: Path, value: Operand) -> Value:
        """Add into a buffer and return its new version."""
        return self.update(ir.Accumulate, base, path, value)

    def take(self, base: Value, path: Path, name: str = "") -> tuple[Value, Value]:
        """Read a part and clear it; return the part and the new version."""
        value = Value(name, self.place(base.type, path))
        return value, self.update(ir.Take, base, path, value)

    def push(self, base: Value, value: Operand) -> Value:
        """Append to a list and return its new version."""
        return self.update(ir.Push, base, value)

    def update(self, kind: Any, base: Value, *parts: Any, **how: Any) -> Value:
        """Change a buffer and return its new version."""
        out = Value(base.name, base.type)
        self.emit(kind(base, *parts, out, self.loc, **how))
        return out
