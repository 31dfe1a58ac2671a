"""Hold cotangents: numbers as values, arrays as values until they must be buffers.

`give` is the only place that accumulates. A whole first contribution is kept as a plain
value (it may be of lower rank: it stands for its broadcast); it becomes a buffer of
its own when a part is added to it, when a loop or branch works on it, or when it is
returned.
"""

from __future__ import annotations

from srcgrad.adjoint.storage import Storage
from srcgrad.adjoint.tapes import Unkept
from srcgrad.analyses.regions import Buffer
from srcgrad.builder import INT, const
from srcgrad.ir import (
    Block,
    Carry,
    Const,
    For,
    Index,
    Operand,
    Path,
    Value,
    View,
    gathers,
)
from srcgrad.types import Array, Dim, ListOf, Scalar

__all__ = ["Cotangents"]


class Cotangents(Storage):
    """Storage, and the cotangents that are known so far."""

    active: set[Value]

    def start(self) -> None:
        """Begin with no cotangent."""
        self.numbers: dict[Value, Operand] = {}
        self.whole: dict[Buffer, Operand] = {}
        self.buffers: dict[Buffer, Value] = {}

    def give(self, target: Operand, g: Operand) -> None:
        """Add a contribution to the cotangent of a forward value."""
        if not isinstance(target, Value) or target not in self.active:
            return
        if isinstance(target.type, Scalar):
            self.give_number(target, g)
            return
        stmt = self.regions.definition.get(target)
        if isinstance(target.type, ListOf):
            self.give_items(self.regions.buffer[target], target, g)
            return
        if isinstance(stmt, View) and not gathers(stmt.path):
            path = self.need_path(stmt.path)
            g = self.fit(g, target)
            self.give_part(self.regions.buffer[stmt.base], stmt.base, path, g)
            return
        self.give_whole(self.regions.buffer[target], target, self.fit(g, target))

    def give_items(self, buffer: Buffer, target: Value, g: Operand) -> None:
        """Add the rows of a stacked cotangent to the items of a list."""
        build, version = self.build, self.buffer_of(buffer, target)
        g = self.cast(g, target.type.dtype)
        if isinstance(version.type, Array):
            self.buffers[buffer] = build.accumulate(version, (), g)
            return
        assert isinstance(g, Value)
        var, inn = Value("k", INT), Value(version.name, version.type)
        with build.block() as stmts:
            here = (Index((var,)),)
            end = build.accumulate(inn, here, build.view(g, here))
        out = self.buffers[buffer] = Value(version.name, version.type)
        count, body = build.op("length", version), Block(tuple(stmts))
        carry = Carry(version, inn, end, out)
        build.emit(For(var, const(0), count, const(1), (carry,), body, loc=build.loc))

    def give_number(self, target: Value, g: Operand) -> None:
        if g.type.rank:
            g = self.build.op("sum", g, axis=None, keepdims=False)
        g = self.cast(g, target.type.dtype)
        old = self.numbers.get(target)
        if old is None or old == Const(0.0, old.type):  # type: ignore[arg-type]
            self.numbers[target] = g
        else:
            name = f"d_{target.name}" if target.name else ""
            self.numbers[target] = self.build.op("add", old, g, name=name)
        self.name(self.numbers[target], target)

    def name(self, g: Operand, target: Value) -> None:
        """Let a cotangent that has no name yet print as `d_x`."""
        if isinstance(g, Value) and not g.name and target.name:
            g.name = f"d_{target.name}"

    def cast(self, g: Operand, dtype: str) -> Operand:
        """Return a cotangent in the dtype of what it belongs to."""
        if g.type.dtype == dtype:
            return g
        if isinstance(g, Const):
            return Const(g.value, Scalar(dtype))
        out: Operand = self.build.op("cast", g, dtype=dtype)
        return out

    def fit(self, g: Operand, target: Value) -> Operand:
        """Sum a cotangent down to the shape that was broadcast."""
        assert isinstance(target.type, Array)
        dims = target.type.dims
        extra = g.type.rank - len(dims)
        if extra > 0:
            g = self.build.op("sum", g, axis=tuple(range(extra)), keepdims=False)
        if isinstance(g.type, Array):
            offset = len(dims) - g.type.rank
            axes = tuple(
                k
                for k, d in enumerate(g.type.dims)
                if d.known != 1 and dims[k + offset].known == 1
            )
            if axes:
                g = self.build.op("sum", g, axis=axes, keepdims=True)
        return self.cast(g, target.type.dtype)

    def give_whole(self, buffer: Buffer, target: Value, g: Operand) -> None:
        if buffer in self.buffers:
            old = self.buffers[buffer]
            self.buffers[buffer] = self.build.accumulate(old, (), g)
            return
        before = self.whole.get(buffer)
        if before is not None:
            g = self.build.op("add", before, g, name=f"d_{buffer.name}")
        self.whole[buffer] = g
        self.name(g, target)

    def give_part(self, buffer: Buffer, base: Value, path: Path, g: Operand) -> None:
        version = self.buffer_of(buffer, base)
        self.buffers[buffer] = self.build.accumulate(version, path, g)

    def buffer_of(self, buffer: Buffer, base: Value) -> Value:
        """Return the cotangent of an array as a buffer that may be added to."""
        if buffer in self.buffers:
            return self.buffers[buffer]
        g = self.whole.pop(buffer, None)
        if g is None:
            made = self.zeros(base)
        else:
            made = self.full(g, base)
        made.name = f"d_{buffer.name}" if buffer.name else made.name
        self.buffers[buffer] = made
        return made

    def zeros(self, base: Value) -> Value:
        """Return a new buffer of zeros in the shape of an array."""
        dtype = base.type.dtype
        if isinstance(base.type, ListOf):
            present = self.list_version(base)
            dims = base.type.item.dims
            if not self.regions.settled(dims):
                made: Value = self.build.op("zeros_items", present)
                return made
            lengths = [self.length(d) for d in dims]
            made = self.build.op(
                "zeros", self.build.op("length", present), *lengths, dtype=dtype
            )
            return made
        if not self.regions.chain[base] or base in self.current.values():
            made = self.build.op("zeros_like", base, dtype=dtype)
            return made
        assert isinstance(base.type, Array)
        buffer = self.regions.buffer.get(base)
        alive = self.current.get(buffer) if buffer is not None else None
        if alive is not None:
            made = self.build.op("zeros_like", alive, dtype=dtype)
            return made
        kept = base in self.taped.place or any(
            not self.reachable(d) for d in base.type.dims
        )
        if kept:
            made = self.build.op("zeros_like", self.need_array(base), dtype=dtype)
            return made
        lengths = [self.length(d) for d in base.type.dims]
        made = self.build.op("zeros", *lengths, dtype=dtype)
        return made

    def reachable(self, dim: Dim) -> bool:
        """Tell whether a length can be had from numbers of the forward sweep."""
        return all(atom in self.regions.chain for atom, _ in dim.terms)

    def list_version(self, base: Value) -> Value:
        """Return the final version of a list, for its length."""
        buffer = self.regions.buffer[base]
        version = self.current.get(buffer)
        if version is None:
            raise Unkept(base.name)
        return version

    def full(self, g: Operand, base: Value) -> Value:
        """Return a cotangent as a new array in the full shape of its owner."""
        assert isinstance(base.type, Array)
        if isinstance(g.type, Array) and self.is_full(g, base):
            made: Value = self.build.op("copy", g)
            return made
        made = self.zeros(base)
        return self.build.write(made, (), g)

    def is_full(self, g: Operand, base: Value) -> bool:
        """Tell whether a cotangent has all axes of its owner in full length."""
        if not isinstance(g.type, Array) or not isinstance(base.type, Array):
            return g.type.rank == base.type.rank
        if g.type.rank != base.type.rank:
            return False
        return all(
            a.known != 1 or b.known == 1
            for a, b in zip(g.type.dims, base.type.dims, strict=True)
        )

    def spread(self, g: Operand, out: Value) -> Operand:
        """Return the cotangent of a result in the full shape of that result."""
        if not isinstance(out.type, Array) or self.is_full(g, out):
            return g
        return self.full(g, out)

    def pop_number(self, value: Value) -> Operand | None:
        """Take the cotangent of a number."""
        return self.numbers.pop(value, None)

    def pop_whole(self, value: Value) -> Operand | None:
        """Take the cotangent of an array that was made here."""
        buffer = self.regions.buffer[value]
        if buffer in self.buffers:
            return self.buffers.pop(buffer)
        return self.whole.pop(buffer, None)

    def wanted(self, value: Value) -> bool:
        """Tell whether a value has a cotangent."""
        if isinstance(value.type, Scalar):
            return value in self.numbers
        buffer = self.regions.buffer.get(value)
        return buffer in self.buffers or buffer in self.whole
