"""Build the tangent of a function: its results, and how they move with its inputs.

Each statement is kept, and the statements of its tangent follow it. A buffer with
active versions has a tangent buffer, which is written, handed on and merged as the
buffer is. Nothing runs backward, so every operand is alive where it is needed.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.adjoint.reverse import differentiate
from srcgrad.algebra import Algebra
from srcgrad.analyses.activity import active_values
from srcgrad.analyses.regions import Regions
from srcgrad.ir import Block, Const, Function, Op, Operand, Stmt, Value, View, owned
from srcgrad.ops import ROWS, Row
from srcgrad.ops.terms import Names, Term, apply_rule
from srcgrad.types import Array, ListOf, Scalar, Type, is_float, is_full, promote
from srcgrad.walk import operands, outs, rewrite


def tangent(function: Function, wrt: Sequence[int], name: str = "") -> Function:
    """Return the function that computes the results and their tangents.

    The parameters are those of the function, then one tangent for each of `wrt`. The
    results are those of the function, then one tangent for each float result.

    Args:
        function: The function; its results are numbers or arrays of their own.
        wrt: The positions of the parameters that have a tangent.
        name: The name of the new function.
    """
    return _Tangent(function, wrt).run(name or f"{function.name}_tangent")


class _Tangent:
    def __init__(self, function: Function, wrt: Sequence[int]) -> None:
        self.function, self.build = function, Algebra()
        self.t: dict[Value, Operand] = {}
        self.results = [r for r in function.results if is_float(r.type)]
        inputs = [function.params[k] for k in wrt]
        self.seeds = [tangent_value(x) for x in inputs]
        pairs = zip(inputs, self.seeds, strict=True)
        self.t.update((x, seed) for x, seed in pairs if is_float(x.type))
        self.active = active_values(function, self.t, self.results)
        # A list has a tangent from the start: what it holds may move later.
        buffers = Regions(function).buffer.items()
        lists = [(v, b.family()) for v, b in buffers if isinstance(v.type, ListOf)]
        moving = {family for v, family in lists if v in self.active}
        self.active.update(v for v, family in lists if family in moving)

    def run(self, name: str) -> Function:
        f, body = self.function, self.function.body.stmts
        self.stmts(body[: f.cut])
        after = None if f.cut is None else len(self.build.open[-1])
        self.stmts(body[len(body) if f.cut is None else f.cut :])
        results, params = (*f.results, *map(self.of, self.results)), self.seeds
        whole, last = self.build.close(), tuple(r.name for r in self.results)
        return Function(name, (*f.params, *params), whole, results, f.loc, after, last)

    # tangents of values

    def of(self, x: Operand, like: Type | None = None) -> Any:
        """Return the tangent of a value, zeros if it does not move."""
        type = like or x.type
        if isinstance(x, Value) and x in self.t:
            return self.build.cast(self.t[x], type.dtype)
        if isinstance(x, Value) and owned(x.type):
            return self.zeros(x)
        return Const(0.0 if is_float(type) else 0, Scalar(type.dtype))

    def zeros(self, x: Value) -> Value:
        """Return a new buffer of zeros like an array, or a list like an empty one."""
        build, type, name = self.build, kind(x.type), tangent_name(x)
        made: Value
        if isinstance(type, ListOf):
            made = build.op("new_list", item=type.item, name=name)
        else:
            made = build.op("zeros_like", x, dtype=type.dtype, name=name)
        return made

    def settle(self, z: Value, t: Operand, start: int) -> None:
        """Make an expression the tangent of a result, as a buffer of its own."""
        t = self.build.cast(t, z.type.dtype)
        if isinstance(z.type, Array):
            new = self.build.open[-1][start:]
            if not is_full(t.type, z.type):
                t = self.build.write(self.zeros(z), (), t)
            elif not any(t in outs(s) and not isinstance(s, View) for s in new):
                t = self.build.op("copy", t)
        if isinstance(t, Value) and not t.name:
            t.name = tangent_name(z)
        self.t[z] = t

    # statements

    def stmts(self, stmts: Sequence[Stmt]) -> None:
        """Keep statements and add their tangents."""
        todo = list(reversed(stmts))
        while todo:
            stmt = todo.pop()
            self.build.loc = stmt.loc
            if isinstance(stmt, Op):
                self.build.emit(stmt)
                # A length known only now is measured before the tangent may need it.
                while todo and isinstance(todo[-1], Op) and todo[-1].row == "dim":
                    self.build.emit(todo.pop())
                self.op(stmt)
            elif isinstance(stmt, ir.Loop):
                self.loop(stmt)
            elif isinstance(stmt, ir.If):
                self.branch(stmt)
            else:
                self.follow(stmt)

    def follow(self, stmt: Any) -> None:
        """Keep a statement that is no operation and do to the tangents what it does."""
        makes, base = outs(stmt), getattr(stmt, "base", stmt)
        value = None if isinstance(stmt, ir.Take) else getattr(stmt, "value", None)
        moves = value in self.t
        if not self.active.intersection(makes) or not (moves or base in self.t):
            self.build.emit(stmt)
            return
        # Zeros take their shape from the version that the statement consumes.
        t = self.of(base)
        self.build.emit(stmt)
        made = {x: tangent_value(x) for x in makes}
        self.t.update(made)
        new = rewrite(stmt, {base: t}, made)
        if isinstance(new, View | ir.Read):
            self.t[stmt.out] = self.place(new)
            return
        if moves or isinstance(stmt, ir.Push):
            new = replace(new, value=self.of(stmt.value, base.type))
        elif value is not None:
            new = replace(new, value=Const(0.0, Scalar(base.type.dtype)))
        self.build.emit(new)

    def place(self, stmt: View | ir.Read) -> Value:
        """Emit a view or an element; a view of a view is one view of the buffer."""
        base, path = self.build.flat(stmt.base, stmt.path)
        if not path:
            return base
        self.build.emit(replace(stmt, base=base, path=path))
        return stmt.out

    # rows

    def op(self, stmt: Op) -> None:
        """Add the tangent of one row."""
        row = ROWS[stmt.row]
        z = stmt.out
        if z not in self.active:
            return
        if stmt.row == "new_list":
            self.t[z] = self.zeros(z)
        moving = [k for k, x in enumerate(stmt.args)
                  if x in self.t and row.param(k) in row.vjp]  # fmt: skip
        if row.kind == "constant" or not moving:
            return
        start, total = len(self.build.open[-1]), None
        # What takes a list only lays its items side by side.
        if row.kind == "linear" or any(isinstance(a.type, ListOf) for a in stmt.args):
            total = self.again(stmt, [k for k in range(len(stmt.args))
                                      if row.param(k) in row.vjp])  # fmt: skip
            moving = []
        for k in moving:
            part = self.slope(stmt, row, k)
            if part is not None:
                part = self.build.cast(part, z.type.dtype)
                total = part if total is None else self.build.op("add", total, part)
        if total is not None:
            self.settle(z, total, start)

    def operand(self, stmt: Op, k: int) -> Any:
        """Return the tangent of an operand; Python numbers give way to the arrays."""
        x, z = stmt.args[k], stmt.outs[0]
        weak = isinstance(x.type, Scalar) and x.type.python
        return self.of(x, Scalar(promote(x.type, z.type)) if weak else None)

    def again(self, stmt: Op, moving: Sequence[int]) -> Any:
        """Apply the same row to tangents; the result has the same shape."""
        pairs, out = enumerate(stmt.args), Value("", kind(stmt.outs[0].type))
        args = [self.operand(stmt, k) if k in moving else x for k, x in pairs]
        self.build.emit(replace(stmt, args=tuple(args), outs=(out,)))
        return out

    def slope(self, stmt: Op, row: Row, k: int) -> Any:
        """Return how a result moves with one of the operands."""
        if row.kind == "bilinear":
            return self.again(stmt, [k])
        t = self.operand(stmt, k)
        if row.kind != "elementwise":
            return self.transposed(stmt, row, k, t)
        found = apply_rule(row, k, Names(self.build, stmt, t))
        result = found.value if isinstance(found, Term) else None
        # A number that does not depend on the tangent can only be zero.
        return None if isinstance(result, Const) else result

    def transposed(self, stmt: Op, row: Row, k: int, t: Operand) -> Operand:
        """Return J t; the rule gives J' g, whose adjoint with respect to g is J."""
        own = Value("", stmt.args[k].type)  # the value may be another operand too
        alone = replace(stmt, args=(*stmt.args[:k], own, *stmt.args[k + 1 :]))
        z, args = stmt.outs[0], [x for x in alone.args if isinstance(x, Value)]
        lengths = [a for x in (*args, z) for dim in x.type.dims for a, _ in dim.terms]
        params = [*dict.fromkeys((*args, *lengths))]
        f = Function(z.name, (*params,), Block((alone,)), (z,), stmt.loc)
        pull = differentiate(f, [params.index(own)])
        g = pull.params[-1]
        if pull.results[-1] not in active_values(pull, [g], pull.results[-1:]):
            raise NotImplementedError(f"the rule of {row.name} hides its cotangent")
        push = differentiate(pull, [len(params)], [1])
        out = push.results[-1]
        # What is read for its shape alone gives way to an array at hand.
        shapes: dict[Any, Any] = {v.type: v for v in (z, *args) if owned(v.type)}
        needed, kept = {out}, list[Stmt]()
        for s in reversed(push.body.stmts):
            if needed.intersection(outs(s)) and s is not alone:
                if isinstance(s, Op):
                    unread = {*s.args} - _read(s)
                    s = rewrite(s, {x: shapes.get(x.type, x) for x in unread})
                kept.insert(0, s)
                needed.update(operands(s))
        # Only the shape of `g` is left, and `z` has the same.
        names: dict[Any, Operand] = {push.params[-1]: t, g: z, own: stmt.args[k]}
        tainted: set[Operand] = {g}
        for s in kept:
            if tainted & _read(s):
                tainted.update(outs(s))
            for value in outs(s):
                value.name = ""
            s = rewrite(s, names)
            if isinstance(s, View | ir.Read):
                names[s.out] = self.place(s)
            else:
                self.build.emit(s)
        if out in tainted:
            raise NotImplementedError(f"the rule of {row.name} is not linear")
        return names.get(out, out)

    # regions

    def loop(self, stmt: ir.Loop) -> None:
        moving = [c for c in stmt.carries if {c.inn, c.out} & self.active]
        inits = [self.of(c.init, c.inn.type) for c in moving]
        made = {x: tangent_value(x) for c in moving for x in (c.inn, c.out)}
        self.t.update(made)
        body, ends = self.inside(stmt.body, [(c.yld, c.inn.type) for c in moving])
        hands = zip(moving, inits, ends, strict=True)
        added = [ir.Carry(init, made[c.inn], e, made[c.out]) for c, init, e in hands]
        self.build.emit(replace(stmt, carries=(*stmt.carries, *added), body=body))

    def branch(self, stmt: ir.If) -> None:
        moving = [m for m in stmt.merges if m.out in self.active]
        then, left = self.inside(stmt.then, [(m.then, m.out.type) for m in moving])
        sources = [(m.orelse, m.out.type) for m in moving]
        orelse, right = self.inside(stmt.orelse, sources)
        merges = list(stmt.merges)
        for m, a, b in zip(moving, left, right, strict=True):
            self.t[m.out] = a
            if a is not b and not (isinstance(a, Const) and a == b):
                self.t[m.out] = out = tangent_value(m.out)
                merges.append(ir.Merge(out, a, b))
        self.build.emit(replace(stmt, then=then, orelse=orelse, merges=tuple(merges)))

    def inside(
        self, block: Block, ends: Sequence[tuple[Operand, Type]]
    ) -> tuple[Block, list[Operand]]:
        """Return a block with its tangents, and the tangents of what it hands on."""
        loc = self.build.loc
        with self.build.block() as stmts:
            self.stmts(block.stmts)
            self.build.loc = loc
            moved = [self.of(x, type) for x, type in ends]
        return Block(tuple(stmts)), moved


def kind(type: Type) -> Type:
    """Return the type of a tangent: as its value's, but never a Python number."""
    if isinstance(type, Scalar):
        return Scalar(type.dtype)
    if isinstance(type, ListOf) and isinstance(type.item, Scalar):
        return ListOf(Scalar(type.item.dtype))
    return type


def tangent_name(x: Value) -> str:
    """Return the name that a tangent would like."""
    return f"t_{x.name}" if x.name else ""


def tangent_value(x: Value) -> Value:
    """Return a new value for the tangent of a value."""
    return Value(tangent_name(x), kind(x.type))


def _read(stmt: Stmt) -> set[Operand]:
    """Return the operands of which more than the shape is read."""
    if not isinstance(stmt, Op):
        return set(operands(stmt))
    row, pairs = ROWS[stmt.row], enumerate(stmt.args)
    return {x for k, x in pairs if row.param(k) not in row.shape_only}
