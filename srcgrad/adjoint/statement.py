"""The adjoints of single statements.

Order within one: the cotangent leaves the buffer first, then an overwritten part is put
back, then the operands receive their contributions.
"""

from __future__ import annotations

from typing import Any

from srcgrad.adjoint.cotangents import Cotangents
from srcgrad.adjoint.terms import Names, Term, apply_rule
from srcgrad.analyses.masks import Mask
from srcgrad.ir import (
    Accumulate,
    Const,
    Index,
    Op,
    Operand,
    Path,
    Push,
    Read,
    Stmt,
    Take,
    Value,
    View,
    Write,
    gathers,
    owned,
)
from srcgrad.ops import ROWS
from srcgrad.types import Scalar, is_full

__all__ = ["Statements"]


class Statements(Cotangents):
    """Reverse everything that is not a region."""

    masks: dict[Value, Mask]

    def simple(self, stmt: Stmt) -> None:
        """Reverse one statement."""
        self.build.loc = stmt.loc
        match stmt:
            case Op():
                self.reverse_op(stmt)
            case Read():
                g = self.numbers.pop(stmt.out, None) if _number(stmt) else None
                if g is not None and stmt.base in self.active:
                    buffer = self.regions.buffer[stmt.base]
                    self.give_part(buffer, stmt.base, self.need_path(stmt.path), g)
            case View() if gathers(stmt.path):
                picked = self.pop_whole(stmt.out)
                if picked is not None and stmt.base in self.active:
                    picked = self.spread(picked, stmt.out)
                    buffer = self.regions.buffer[stmt.base]
                    path = self.need_path(stmt.path)
                    self.give_part(buffer, stmt.base, path, picked)
            case Write():
                self.reverse_write(stmt)
            case Accumulate():
                self.reverse_accumulate(stmt)
            case Take():
                self.reverse_take(stmt)
            case Push():
                self.reverse_push(stmt)
            case _:
                pass

    def reverse_op(self, stmt: Op) -> None:
        """Apply the rules of a row."""
        row, args = ROWS[stmt.row], stmt.args
        if row.name == "mul" and args[0] is args[1]:
            row, args = ROWS["square"], args[:1]
        out = stmt.outs[0] if stmt.outs else None
        if out is None or row.kind == "constant" or out not in self.active:
            return
        g = self.pop_whole(out) if owned(out.type) else self.numbers.pop(out, None)
        if g is None:
            return
        if self.must_spread(stmt, out):
            g = self.spread(g, out)
        if isinstance(g, Value) and not g.name and not isinstance(g.type, Scalar):
            g.name = f"d_{out.name}" if out.name else ""
            g.hint = f"d_{out.hint or 'a'}"
        names = Names(self.build, stmt, g, self.need)
        masked = row.kind == "elementwise" and out in self.masks
        starred = row.params[-1].lstrip("*") if row.starred else None
        for k, arg in enumerate(args):
            param = row.param(k)
            if param not in row.vjp or arg not in self.active:
                continue
            result = apply_rule(row, param, names)
            if param == starred and isinstance(result, list | tuple):
                result = result[k - len(row.params) + 1]
            if result is not None:
                if masked and row.name not in _PLAIN:
                    result = self.select(self.masks[out], result)
                self.give(arg, result.value if isinstance(result, Term) else result)

    def select(self, mask: Mask, result: Any) -> Any:
        """Keep a contribution only where its value counts."""
        chosen: Any = None
        for way in sorted(
            mask,
            key=lambda w: sorted((self.regions.site[s].order, not k) for s, k in w),
        ):
            both: Any = None
            for stmt, first in sorted(way, key=lambda s: self.regions.site[s[0]].order):
                cond = self.selection(stmt, first)
                both = cond if both is None else both & cond
            chosen = both if chosen is None else chosen | both
        return chosen.where(result, 0)

    def selection(self, stmt: Op, first: bool) -> Any:
        """Return the condition under which an arm is selected."""
        if stmt.row == "clip":
            given: Any = (Term(self.need(a), self.build) for a in stmt.args)
            x, low, high = given
            return (x >= low) & (x <= high)
        cond: Any = Term(self.need(stmt.args[0]), self.build)
        return cond if first else ~cond

    def must_spread(self, stmt: Op, out: Value) -> bool:
        """Tell whether a rule needs the cotangent in its full shape."""
        row = ROWS[stmt.row]
        if row.kind != "elementwise":
            return True
        return any(
            a in self.active and not is_full(a.type, out.type)
            for a in stmt.args
            if isinstance(a, Value)
        )

    def undo(self, stmt: Write | Accumulate | Take) -> None:
        """Put back what a write replaced, if somebody needs it."""
        buffer = self.regions.buffer[stmt.base]
        if stmt in self.plan.restores and buffer in self.current:
            old = self.need(self.plan.restores[stmt])
            path = self.need_path(stmt.path)
            known = self.content.get(buffer) is stmt.out
            self.current[buffer] = self.build.write(self.current[buffer], path, old)
            if known:
                self.content[buffer] = stmt.base
                return
        self.content.pop(buffer, None)

    def reverse_write(self, stmt: Write) -> None:
        buffer = self.regions.buffer[stmt.base]
        g: Operand | None = None
        if stmt.out in self.active and (buffer in self.buffers or buffer in self.whole):
            if not stmt.path:
                g = self.pop_whole(stmt.out)
            elif stmt.once:
                g = self.part(self.buffers[buffer], self.need_path(stmt.path))
            else:
                version = self.buffer_of(buffer, stmt.base)
                path = self.need_path(stmt.path)
                name = f"d_{stmt.value.name}" if isinstance(stmt.value, Value) else ""
                g, left = self.build.take(version, path, name if name != "d_" else "")
                self.buffers[buffer] = left
        self.undo(stmt)
        if g is not None:
            self.give(stmt.value, self.whole_part(stmt, g))

    def whole_part(self, stmt: Write | Accumulate, g: Operand) -> Operand:
        """Return a cotangent spread over the place that was written, if it must be."""
        value = stmt.value
        if stmt.path or not isinstance(value, Value) or value not in self.active:
            return g
        base = stmt.base
        if is_full(value.type, base.type) or is_full(g.type, base.type):
            return g
        return self.full(g, base)

    def part(self, version: Value, path: Path) -> Operand:
        """Return a copy of a part of a cotangent."""
        type = self.build.place(version.type, path)
        if isinstance(type, Scalar):
            return self.build.read(version, path)
        view = self.build.view(version, path) if path else version
        out: Operand = self.build.op("copy", view)
        return out

    def reverse_accumulate(self, stmt: Accumulate) -> None:
        buffer = self.regions.buffer[stmt.base]
        g: Operand | None = None
        if stmt.value in self.active:
            if buffer in self.whole and not stmt.path:
                g = self.whole[buffer]
            elif buffer in self.buffers or buffer in self.whole:
                g = self.part(
                    self.buffer_of(buffer, stmt.base), self.need_path(stmt.path)
                )
        self.undo(stmt)
        if g is not None:
            self.give(stmt.value, self.whole_part(stmt, g))

    def reverse_take(self, stmt: Take) -> None:
        buffer = self.regions.buffer[stmt.base]
        if owned(stmt.value.type):
            g = self.pop_whole(stmt.value)
        else:
            g = self.numbers.pop(stmt.value, None)
        here = buffer in self.buffers or buffer in self.whole
        if here or g is not None:
            version = self.buffer_of(buffer, stmt.base)
            path = self.need_path(stmt.path)
            zero = Const(0.0, Scalar(stmt.base.type.dtype))
            self.buffers[buffer] = self.build.write(version, path, g or zero)
        self.undo(stmt)

    def reverse_push(self, stmt: Push) -> None:
        buffer = self.regions.buffer[stmt.base]
        if stmt.value not in self.active or buffer not in self.buffers:
            return
        position = self.push_position(stmt)
        self.give(stmt.value, self.part(self.buffers[buffer], (Index((position,)),)))

    def push_position(self, stmt: Push) -> Operand:
        """Return where in its list an item was put."""
        index = self.counted_position(stmt)
        if index is not None:
            return index
        return self.length_of(stmt.base)

    def counted_position(self, stmt: Push) -> Operand | None:
        """The only push into an empty list, once a turn: the number of the turn."""
        pushes = [u for u in self.regions.family_updates(stmt.base)]
        chain = self.regions.site[stmt].chain
        if len(pushes) != 1 or len(chain) != 1:
            return None
        return self.open[-1].number


def _number(stmt: Read) -> bool:
    return isinstance(stmt.out.type, Scalar)


# Rules that hand on the cotangent alone: what is zero there stays zero.
_PLAIN = {"add", "sub", "neg", "pos", "where", "cast", "copy", "clip"}
