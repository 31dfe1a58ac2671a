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
from srcgrad.types import Array, ListOf, Scalar, is_full

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
            g = self.build.fit(g, target.type)
            self.give_part(self.regions.buffer[stmt.base], stmt.base, path, g)
            return
        self.give_whole(
            self.regions.buffer[target], target, self.build.fit(g, target.type)
        )

    def give_items(self, buffer: Buffer, target: Value, g: Operand) -> None:
        """Add the rows of a stacked cotangent to the items of a list."""
        build, version = self.build, self.buffer_of(buffer, target)
        g = self.build.cast(g, target.type.dtype)
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
        g = self.build.fit(g, target.type)
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
        made: Value
        if isinstance(base.type, ListOf):
            return self.zero_list(base, base.type.item)
        like: Operand | None = self.current.get(self.regions.buffer[base])
        if not self.regions.chain[base] or base in self.current.values():
            like = base
        elif like is None and base in self.taped.place:
            like = self.need_array(base)
        if like is not None:
            made = self.build.op("zeros_like", like, dtype=dtype)
            return made
        made = self.build.op(
            "zeros", *map(self.build.length, base.type.dims), dtype=dtype
        )
        return made

    def zero_list(self, base: Value, item: Scalar | Array) -> Value:
        """Return the cotangent of a list: an array, or a list of arrays of zeros."""
        build, buffer = self.build, self.regions.buffer[base]
        version = self.current.get(buffer) or self.grown(base)
        settled = self.regions.settled(item.dims)
        made: Value
        if version is not None and not settled:
            made = build.op("zeros_items", version)
            return made
        if not settled:
            raise Unkept(base.name)
        if version is not None:
            count: Operand = build.op("length", version)
        else:
            # Made in a loop: the forward sweep notes how long it was in the end.
            chain = self.regions.chain[buffer.first]
            versions = [v for v, b in self.regions.buffer.items() if b is buffer]
            ends = [v for v in versions if self.regions.chain[v] == chain]
            count = self.length_of(ends[-1])
        lengths = map(build.length, item.dims)
        made = build.op("zeros", count, *lengths, dtype=item.dtype)
        return made

    def full(self, g: Operand, base: Value) -> Value:
        """Return a cotangent as a new array in the full shape of its owner."""
        assert isinstance(base.type, Array)
        if isinstance(g.type, Array) and is_full(g.type, base.type):
            made: Value = self.build.op("copy", g)
            return made
        made = self.zeros(base)
        return self.build.write(made, (), g)

    def spread(self, g: Operand, out: Value) -> Operand:
        """Return the cotangent of a result in the full shape of that result."""
        if not isinstance(out.type, Array) or is_full(g.type, out.type):
            return g
        return self.full(g, out)

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
