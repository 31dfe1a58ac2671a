"""Cotangents, and the adjoints of single statements.

`give` is the only place that accumulates. The cotangent of a number, and a whole first
contribution to an array, is a plain value (which may be of lower rank: it stands for
its broadcast); that of an array becomes a buffer of its own when a part is added to it,
when a loop or branch works on it, or when it is returned.

Order within a statement: the cotangent leaves the buffer first, then an overwritten
part is put back, then the operands receive their contributions.
"""

from functools import reduce
from operator import and_, or_
from typing import Any

from srcgrad import ir
from srcgrad.adjoint.storage import Storage
from srcgrad.adjoint.tapes import Plan, unkept
from srcgrad.analyses.masks import Mask
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import INT, const
from srcgrad.ir import Const, Op, Operand, Path, Stmt, Value, View, owned
from srcgrad.ops import ROWS
from srcgrad.ops.terms import Names, Term, apply_rule
from srcgrad.types import Array, ListOf, Scalar, is_full

# Rules that hand on the cotangent alone: what is zero there stays zero.
_PLAIN = {"add", "sub", "neg", "pos", "where", "cast", "copy", "clip"}


def d_name(x: Operand | Buffer) -> str:
    """Return the name that the cotangent of a value would like."""
    return f"d_{x.name}" if x.name and not isinstance(x, Const) else ""


class Statements(Storage):
    """Cotangents, and the reverse of everything that is not a region.

    `plain` holds the cotangents that are values, `buffers` those that may be added to.
    """

    def __init__(
        self, regions: Regions, plan: Plan, active: set[Value], masks: dict[Any, Mask]
    ) -> None:
        super().__init__(regions, plan)
        self.active, self.masks = active, masks
        self.selected: dict[Any, bool] = {}  # conditions known in an arm
        self.plain: dict[Value | Buffer, Operand] = {}
        self.buffers: dict[Value | Buffer, Value] = {}

    # cotangents

    def owner(self, x: Value) -> Value | Buffer:
        """Return what the cotangent of a value belongs to."""
        return self.regions.buffer[x] if owned(x.type) else x

    def wanted(self, x: Value) -> bool:
        owner = self.owner(x)
        return owner in self.buffers or owner in self.plain

    def pop(self, x: Value) -> Operand | None:
        """Take the cotangent of a value that was made here."""
        owner = self.owner(x)
        return self.buffers.pop(owner, None) or self.plain.pop(owner, None)

    def cotangent(self, x: Value) -> Operand:
        """Return the cotangent of a number, or that of an array as a buffer."""
        zero = Const(0.0, Scalar(x.type.dtype))
        return self.buffer_of(x) if owned(x.type) else self.plain.get(x, zero)

    def give(self, target: Operand, g: Operand) -> None:
        """Add a contribution to the cotangent of a forward value."""
        if not isinstance(target, Value) or target not in self.active:
            return
        if isinstance(target.type, ListOf):
            self.give_items(target, g)
            return
        g = self.build.fit(g, target.type)
        stmt = self.regions.definition.get(target)
        if isinstance(stmt, View) and not ir.gathers(stmt.path):
            self.give_part(stmt.base, stmt.path, g)
            return
        owner = self.owner(target)
        if owner in self.buffers:
            self.buffers[owner] = self.build.accumulate(self.buffers[owner], (), g)
            return
        old = self.plain.get(owner)
        if old is not None and not (isinstance(old, Const) and old.value == 0.0):
            g = self.build.op("add", old, g, name=d_name(owner))
        self.plain[owner] = g
        if isinstance(g, Value):
            g.name = g.name or d_name(target)

    def give_items(self, target: Value, g: Operand) -> None:
        """Add the rows of a stacked cotangent to the items of a list."""
        build, version, owner = self.build, self.buffer_of(target), self.owner(target)
        g = self.build.cast(g, target.type.dtype)
        assert isinstance(g, Value)
        whole = isinstance(version.type, Array)
        if whole and self.current.get(self.regions.memory(target)) is target:
            self.buffers[owner] = build.accumulate(version, (), g)
            return
        count = build.op("dim", g, axis=0)  # the list may have grown since
        if whole:
            rows = (ir.Index((ir.Slice(None, count, None),)),)
            self.buffers[owner] = build.accumulate(version, rows, g)
            return
        var, inn = Value("k", INT), Value(version.name, version.type)
        with build.block() as stmts:
            here = (ir.Index((var,)),)
            end = build.accumulate(inn, here, build.view(g, here))
        self.buffers[owner] = out = Value(version.name, version.type)
        bounds = (const(0), count, const(1))
        carry, body = ir.Carry(version, inn, end, out), ir.Block(tuple(stmts))
        build.emit(ir.For(var, *bounds, (carry,), body, loc=build.loc))

    def give_part(self, base: Value, path: Path, g: Operand) -> None:
        if base in self.active:
            path, version = self.need_path(path), self.buffer_of(base)
            self.buffers[self.owner(base)] = self.build.accumulate(version, path, g)

    def buffer_of(self, base: Value) -> Value:
        """Return the cotangent of an array as a buffer that may be added to."""
        buffer = self.regions.buffer[base]
        if buffer not in self.buffers:
            g = self.plain.pop(buffer, None)
            made = self.zeros(base) if g is None else self.full(g, base)
            made.name = d_name(buffer) or made.name
            self.buffers[buffer] = made
        return self.buffers[buffer]

    def zeros(self, base: Value) -> Any:
        """Return a new buffer of zeros in the shape of an array."""
        build, dtype = self.build, base.type.dtype
        if isinstance(base.type, ListOf):
            return self.zero_list(base, base.type.item)
        like: Operand | None = self.current.get(self.regions.memory(base))
        if not self.regions.chain[base] or base in self.current.values():
            like = base
        elif like is None and base in self.taped.place:
            like = self.need(base)
        if like is not None:
            return build.op("zeros_like", like, dtype=dtype)
        return build.op("zeros", *map(build.length, base.type.dims), dtype=dtype)

    def zero_list(self, base: Value, item: Scalar | Array) -> Any:
        """Return the cotangent of a list: an array, or a list of arrays of zeros."""
        build, buffer, chain = self.build, self.regions.buffer[base], self.regions.chain
        version = self.current.get(buffer.memory()) or self.grown(base)
        if not self.regions.settled(item.dims):
            if version is None:
                raise unkept(base.name)
            return build.op("zeros_items", version)
        if version is not None:
            count = build.op("length", version)
        else:
            # Made in a loop: the forward sweep notes how long it was in the end, in
            # an arm that lets go of it in the end of that.
            ends = [v for v, b in self.regions.buffer.items() if b is buffer]
            levels = [chain[v] for v in ends[ends.index(base) :]]
            whole = chain[buffer.first] in levels
            around = chain[buffer.first] if whole else chain[base]
            last = [v for v in ends if chain[v] == around][-1]
            count = self.count("at", last, around)
        return build.op("zeros", count, *map(build.length, item.dims), dtype=item.dtype)

    def full(self, g: Operand, base: Value) -> Any:
        """Return a cotangent as a new array in the full shape of its owner."""
        if is_full(g.type, base.type):
            return self.build.op("copy", g)
        return self.build.write(self.zeros(base), (), g)

    def spread(self, g: Operand, out: Value) -> Any:
        """Return the cotangent of a result in the full shape of that result."""
        if not isinstance(out.type, Array) or is_full(g.type, out.type):
            return g
        return self.full(g, out)

    # statements

    def simple(self, stmt: Stmt) -> None:
        match stmt:
            case Op():
                self.reverse_op(stmt)
            case ir.Read() | View() if stmt.out in self.active:
                if isinstance(stmt.out.type, Scalar) or ir.gathers(stmt.path):
                    g = self.pop(stmt.out)
                    if g is not None:
                        self.give_part(stmt.base, stmt.path, g)
            case ir.Write() | ir.Accumulate():
                self.reverse_store(stmt)
            case ir.Take():
                g = self.pop(stmt.value)
                if g is not None or self.wanted(stmt.base):
                    zero = Const(0.0, Scalar(stmt.base.type.dtype))
                    version, path = self.buffer_of(stmt.base), self.need_path(stmt.path)
                    version = self.build.write(version, path, g or zero)
                    self.buffers[self.owner(stmt.base)] = version
                self.undo(stmt)
            case ir.Push() if stmt.value in self.active and self.wanted(stmt.base):
                at = (ir.Index((self.position(stmt),)),)
                self.give(stmt.value, self.part(self.buffer_of(stmt.base), at))

    def reverse_op(self, stmt: Op) -> None:
        row, args = ROWS[stmt.row], stmt.args
        if row.name == "mul" and args[0] is args[1]:
            row, args = ROWS["square"], args[:1]
        out = stmt.out
        if row.kind == "constant" or out not in self.active:
            return
        g = self.pop(out)
        if g is None:
            return
        each = row.kind == "elementwise"
        g = g if each else self.spread(g, out)
        if isinstance(g, Value) and not g.name and not isinstance(g.type, Scalar):
            g.name, g.hint = d_name(out), f"d_{out.hint or 'a'}"
        names = Names(self.build, stmt, g, self.need)
        self.build.shared.clear()
        masked = each and out in self.masks
        for k, arg in enumerate(args):
            if row.param(k) not in row.vjp or arg not in self.active:
                continue
            result = apply_rule(row, k, names)
            if result is not None:
                if masked and row.name not in _PLAIN:
                    result = self.select(self.masks[out], result)
                part = result.value if isinstance(result, Term) else result
                full = not each or is_full(arg.type, out.type)
                self.give(arg, part if full else self.spread(part, out))

    def select(self, mask: Mask, result: Any) -> Any:
        """Keep a contribution only where its value counts."""

        def place(selection: tuple[Any, bool]) -> tuple[int, bool]:
            by, first = selection
            made = by if isinstance(by, Op) else self.regions.definition.get(by)
            return self.regions.site[made].order if made else -1, not first

        known = self.selected
        open = [[s for s in way if known.get(s[0]) != s[1]] for way in mask]
        if [] in open:
            return result
        each = [sorted(way, key=place) for way in open]
        ways = sorted(each, key=lambda way: list(map(place, way)))
        conds = [reduce(and_, [self.selection(*s) for s in way]) for way in ways]
        return reduce(or_, conds).where(result, 0)

    def selection(self, by: Operand | Op, first: bool) -> Any:
        """Return the condition under which an arm is selected."""
        x: Any
        if isinstance(by, Op):
            x, low, high = (Term(self.need(a), self.build) for a in by.args)
            return (x >= low) & (x <= high)
        x = Term(self.need(by), self.build)
        return x if first else ~x

    def undo(self, stmt: ir.Write | ir.Accumulate | ir.Take) -> None:
        """Put back what a write replaced, if somebody needs it."""
        memory = self.regions.memory(stmt.base)
        known = self.content.pop(memory, None) is stmt.out
        if stmt in self.plan.restores and memory in self.current:
            old, path = self.need(self.plan.restores[stmt]), self.need_path(stmt.path)
            self.current[memory] = self.build.write(self.current[memory], path, old)
            if known:
                self.content[memory] = stmt.base

    def reverse_store(self, stmt: ir.Write | ir.Accumulate) -> None:
        """Hand on the cotangent of the place; a write had no part in what was there."""
        value, base, owner = stmt.value, stmt.base, self.owner(stmt.base)
        clears = isinstance(stmt, ir.Write)
        g: Operand | None = None
        if (stmt.out if clears else value) in self.active and self.wanted(base):
            if not stmt.path and (clears or owner in self.plain):
                g = self.pop(base) if clears else self.plain[owner]
            else:
                version, path = self.buffer_of(base), self.need_path(stmt.path)
                if isinstance(stmt, ir.Write) and not stmt.once:
                    name = d_name(value)
                    g, self.buffers[owner] = self.build.take(version, path, name)
                else:
                    g = self.part(version, path)
        self.undo(stmt)
        if g is not None:
            if not stmt.path and isinstance(value, Value) and value in self.active:
                if not is_full(value.type, base.type):
                    g = self.spread(g, base)
            self.give(value, g)

    def part(self, version: Value, path: Path) -> Any:
        """Return a copy of a part of a cotangent."""
        if isinstance(self.build.place(version.type, path), Scalar):
            return self.build.read(version, path)
        return self.build.op("copy", self.build.view(version, path))

    def position(self, stmt: ir.Push) -> Any:
        """Return where in its list an item was put."""
        regions, turn = self.regions, self.open[-1].number
        lasts = not regions.chain[regions.memory(stmt.base).first]
        single = len(regions.family_updates(stmt.base)) == 1 and lasts
        if single and len(regions.site[stmt].chain) == 1 and turn is not None:
            return turn  # the only push into an empty list, once a turn
        return self.count("at", stmt.base, regions.chain[stmt.base])
