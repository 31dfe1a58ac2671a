"""Build the tangent of a function: its results, and how they move with its inputs.

Each statement is kept, and the statements of its tangent follow it. A buffer with
active versions has a tangent buffer, which is written, handed on and merged as the
buffer is. Nothing runs backward, so every operand is alive where it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.terms import Names, Term, apply_rule
from srcgrad.algebra import Algebra
from srcgrad.analyses.activity import active_values
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.builder import INT, const
from srcgrad.ir import (
    Accumulate,
    Block,
    Carry,
    Const,
    For,
    Function,
    If,
    Index,
    Loop,
    Merge,
    Op,
    Operand,
    Push,
    Read,
    Stmt,
    Take,
    Value,
    View,
    While,
    Write,
    owned,
)
from srcgrad.ops import ROWS, Row
from srcgrad.types import Array, ListOf, Scalar, Type, is_float, is_full
from srcgrad.walk import every, free_values, operands, outs, substitute

__all__ = ["tangent"]


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
        self.function = function
        self.build = Algebra()
        self.t: dict[Value, Operand] = {}
        self.regions = Regions(function)
        self.busy = _busy(function, self.regions)
        self.results = [r for r in function.results if is_float(r.type)]
        self.seeds = [twin(function.params[k]) for k in wrt]
        inputs = [function.params[k] for k in wrt]
        for value, seed in zip(inputs, self.seeds, strict=True):
            if is_float(value.type):
                self.t[value] = seed
        self.active = active_values(function, self.t, self.results)

    def run(self, name: str) -> Function:
        """Build the whole function."""
        f, body = self.function, self.function.body.stmts
        self.stmts(body[: f.cut])
        cut = len(self.build.open[-1])
        self.stmts(body[len(body) if f.cut is None else f.cut :])
        moved = [self.of(r) for r in self.results]
        params = (*f.params, *self.seeds)
        results = (*f.results, *moved)
        after = None if f.cut is None else cut
        return Function(name, params, self.build.close(), results, f.loc, after)

    # tangents of values

    def of(self, x: Operand, like: Type | None = None) -> Operand:
        """Return the tangent of a value, zeros if it does not move."""
        if isinstance(x, Value) and x in self.t:
            return self.build.cast(self.t[x], (like or x.type).dtype)
        if isinstance(x, Value) and owned(x.type):
            return self.zeros(x)
        return Const(0.0, Scalar((like or x.type).dtype))

    def zeros(self, x: Value) -> Value:
        """Return a new buffer of zeros like an array or a list."""
        name = tangent_name(x)
        if isinstance(x.type, Array):
            out: Value = self.build.op("zeros_like", x, dtype=x.type.dtype, name=name)
            return out
        type = kind(x.type)
        assert isinstance(type, ListOf)
        empty: Value = self.build.op("new_list", item=type.item, name=name)
        made = self.regions.definition.get(x)
        if isinstance(made, Op) and made.row == "new_list":
            return empty
        return self.zero_items(x, empty, type)

    def zero_items(self, x: Value, empty: Value, type: ListOf) -> Value:
        """Return a list with a zero for each item that a list has already."""
        build = self.build
        count = build.op("length", x)
        var, name = Value("i", INT), empty.name
        inn, out = Value(name, type), Value(name, type)
        with build.block() as stmts:
            item: Operand = Const(0.0, Scalar(type.dtype))
            if isinstance(type.item, Array):
                found = build.read(x, (Index((var,)),))
                item = build.op("zeros_like", found, dtype=type.dtype)
            end = build.push(inn, item)
        carry = Carry(empty, inn, end, out)
        body = Block(tuple(stmts))
        build.emit(For(var, const(0), count, const(1), (carry,), body, loc=build.loc))
        return out

    def settle(self, z: Value, t: Operand, start: int) -> None:
        """Make an expression the tangent of a result, as a buffer of its own."""
        t = self.build.cast(t, z.type.dtype)
        if isinstance(z.type, Array):
            if not is_full(t.type, z.type):
                t = self.build.write(self.zeros(z), (), t)
            elif not _made(t, self.build.open[-1][start:]) and not self.may_share(z, t):
                t = self.build.op("copy", t)
        if isinstance(t, Value) and not t.name:
            t.name = tangent_name(z)
        self.t[z] = t

    def may_share(self, z: Value, t: Operand) -> bool:
        """Tell whether a tangent may stand for one more array: none of them changes."""
        owners = [v for v, other in self.t.items() if other is t]
        families = {self.regions.buffer.get(v) for v in (*owners, z)}
        return bool(owners) and all(
            f is not None and f.family() not in self.busy for f in families
        )

    # statements

    def stmts(self, stmts: Sequence[Stmt]) -> None:
        """Keep statements and add their tangents."""
        todo = list(reversed(stmts))
        while todo:
            stmt = todo.pop()
            self.build.loc = stmt.loc
            if not isinstance(stmt, Op):
                self.stmt(stmt)
                continue
            self.build.emit(stmt)
            # A length known only now is measured before the tangent may need it.
            while todo and _measures(todo[-1], stmt):
                self.build.emit(todo.pop())
            self.op(stmt)

    def stmt(self, stmt: Stmt) -> None:
        """Keep a statement that is no operation and add its tangent."""
        match stmt:
            case View() | Read():
                self.build.emit(stmt)
                if stmt.out in self.active and stmt.base in self.t:
                    base, out = self.buffer(stmt.base), twin(stmt.out)
                    self.t[stmt.out] = self.place(replace(stmt, base=base, out=out))
            case Write() | Accumulate() | Push():
                self.update(stmt)
            case Take():
                self.build.emit(stmt)
                if {stmt.out, stmt.value} & self.active and stmt.base in self.t:
                    base, out, value = self.buffer(stmt.base), stmt.out, stmt.value
                    self.t[out], self.t[value] = a, b = twin(out), twin(value)
                    self.build.emit(replace(stmt, base=base, out=a, value=b))
            case For() | While():
                self.loop(stmt)
            case If():
                self.conditional(stmt)
            case _:
                self.build.emit(stmt)

    def place(self, stmt: View | Read) -> Value:
        """Emit a view or an element; a view of a view is one view of the buffer."""
        base, path = self.build.flat(stmt.base, stmt.path)
        if not path:
            return base
        self.build.emit(replace(stmt, base=base, path=path))
        return stmt.out

    def buffer(self, base: Value) -> Value:
        """Return the tangent of an array or list, which is never a number."""
        t = self.of(base)
        assert isinstance(t, Value)
        return t

    def update(self, stmt: Write | Accumulate | Push) -> None:
        """Change the tangent buffer where the buffer changes."""
        moves = stmt.base in self.t or stmt.value in self.t
        if stmt.out not in self.active or not moves:
            self.build.emit(stmt)
            return
        # Zeros take their shape from the version that the statement consumes.
        base = self.buffer(stmt.base)
        self.build.emit(stmt)
        if isinstance(stmt, Accumulate) and stmt.value not in self.t:
            self.t[stmt.out] = base
            return
        value: Operand = Const(0.0, Scalar(stmt.base.type.dtype))
        if stmt.value in self.t or isinstance(stmt, Push):
            value = self.of(stmt.value, stmt.base.type)
        out = Value(base.name, base.type)
        self.build.emit(replace(stmt, base=base, value=value, out=out))
        self.t[stmt.out] = out

    # rows

    def op(self, stmt: Op) -> None:
        """Add the tangent of one row."""
        row = ROWS[stmt.row]
        if not stmt.outs or row.kind == "constant":
            return
        z = stmt.outs[0]
        pairs = enumerate(stmt.args)
        moving = [k for k, x in pairs if x in self.t and row.param(k) in row.vjp]
        if not moving or z not in self.active:
            return
        if any(other in self.active for other in stmt.outs[1:]):
            raise NotImplementedError(f"the tangent of every result of {row.name}")
        start = len(self.build.open[-1])
        # What takes a list only lays its items side by side.
        if row.kind == "linear" or any(isinstance(a.type, ListOf) for a in stmt.args):
            self.settle(z, self.linear(stmt, row), start)
            return
        total: Operand | None = None
        for k in moving:
            part = self.part(stmt, row, k)
            if part is not None:
                part = self.build.cast(part, z.type.dtype)
                total = part if total is None else self.plus(total, part)
        if total is not None:
            self.settle(z, total, start)

    def plus(self, a: Operand, b: Operand) -> Operand:
        """Return a sum; what was negated just before is subtracted."""
        last = self.build.open[-1][-1]
        row = "add"
        if isinstance(last, Op) and last.row == "neg" and last.out is b:
            self.build.open[-1].pop()
            row, b = "sub", last.args[0]
        out: Operand = self.build.op(row, a, b)
        return out

    def part(self, stmt: Op, row: Row, k: int) -> Operand | None:
        """Return how a result moves with one of the operands."""
        t = self.operand(stmt, k)
        if row.kind == "elementwise":
            return self.rule(stmt, row, k, t)
        if row.kind == "bilinear":
            args = (*stmt.args[:k], t, *stmt.args[k + 1 :])
            return self.again(stmt, args)
        return self.transposed(stmt, row, k, t)

    def operand(self, stmt: Op, k: int) -> Operand:
        """Return the tangent of an operand; Python numbers give way to the arrays."""
        x, z = stmt.args[k], stmt.outs[0]
        weak = isinstance(x.type, Scalar) and x.type.python
        return self.of(x, z.type if weak else None)

    def again(self, stmt: Op, args: tuple[Operand, ...]) -> Value:
        """Apply the same row to other operands; the result has the same shape."""
        out = Value("", kind(stmt.outs[0].type))
        self.build.emit(replace(stmt, args=args, outs=(out,)))
        return out

    def linear(self, stmt: Op, row: Row) -> Value:
        """Apply a linear row to the tangents of its operands."""
        args = list(stmt.args)
        for k, x in enumerate(stmt.args):
            if row.param(k) not in row.vjp:
                continue
            if isinstance(x.type, Scalar) and x not in self.t:
                args[k] = Const(0.0 if is_float(x.type) else 0, x.type)
            else:
                args[k] = self.operand(stmt, k)
        return self.again(stmt, tuple(args))

    def rule(self, stmt: Op, row: Row, k: int, g: Operand) -> Operand | None:
        """Return what the rule of an operand makes of `g`."""
        names = Names(self.build, stmt, g)
        param = row.param(k)
        found = apply_rule(row, param, names)
        if row.starred and isinstance(found, list | tuple):
            found = found[k - len(row.params) + 1]
        result: Operand | None = found.value if isinstance(found, Term) else None
        # A number that does not depend on `g` can only be zero.
        return None if isinstance(result, Const) else result

    def transposed(self, stmt: Op, row: Row, k: int, t: Operand) -> Operand | None:
        """Return J t, where the rule of the row gives J' g.

        The rule is linear in `g`, so its adjoint with respect to `g` is J for any `g`.
        """
        x, z = stmt.args[k], stmt.outs[0]
        g = Value("g", kind(z.type))
        with self.build.block() as stmts:
            found = self.rule(stmt, row, k, g)
            if found is None:
                return None
            found = self.fitted(found, x, stmts)
        free = [v for v in free_values(stmts, [found]) if v is not g]
        body = Block(tuple(stmts))
        pull = Function("pull", (g, *free), body, (found,), stmt.loc)
        if found not in active_values(pull, [g], [found]):
            raise NotImplementedError(f"the rule of {row.name} hides its cotangent")
        push = differentiate(pull, [0])
        seed, out = push.params[-1], push.results[-1]
        assert isinstance(out, Value)
        needed, out = _slice(push.body.stmts, out, (*stmt.args, z))
        if _depends(needed, g, out):
            raise NotImplementedError(f"the rule of {row.name} is not linear")
        # Only the shape of `g` is left, and `z` has the same.
        names: dict[Value, Operand] = {seed: t, g: z}
        for s in needed:
            for value in outs(s):
                value.name = ""
            s = substitute(s, names)
            if isinstance(s, View | Read):
                names[s.out] = self.place(s)
            else:
                self.build.emit(s)
        return names.get(out, out)

    def fitted(self, r: Operand, x: Operand, stmts: list[Stmt]) -> Operand:
        """Return what a rule gave in the shape and dtype of its operand."""
        build = self.build
        r = build.fit(r, x.type)
        if not isinstance(x, Value) or not isinstance(x.type, Array):
            return r
        if not is_full(r.type, x.type):
            return build.write(self.zeros(x), (), r)
        # A result must be an array of its own: neither a view nor an operand.
        return r if _made(r, stmts) else build.op("copy", r)

    # regions

    def loop(self, stmt: Loop) -> None:
        """Carry the tangents of active values beside the values."""
        moving = [c for c in stmt.carries if {c.inn, c.out} & self.active]
        inits = [self.of(c.init, c.inn.type) for c in moving]
        for c in moving:
            self.t[c.inn], self.t[c.out] = twin(c.inn), twin(c.out)
        body, ends = self.inside(stmt.body, [(c.yld, c.inn.type) for c in moving])
        added: dict[Carry, Carry] = {}
        for c, init, end in zip(moving, inits, ends, strict=True):
            inn, out = self.buffer(c.inn), self.buffer(c.out)
            added[c] = Carry(init, inn, end, out)
        carries = [x for c in stmt.carries for x in (c, added.get(c)) if x is not None]
        self.build.emit(replace(stmt, carries=tuple(carries), body=body))

    def conditional(self, stmt: If) -> None:
        """Merge the tangents of active values beside the values."""
        moving = [m for m in stmt.merges if m.out in self.active]
        sources = [(m.then, m.out.type) for m in moving]
        then, left = self.inside(stmt.then, sources)
        sources = [(m.orelse, m.out.type) for m in moving]
        orelse, right = self.inside(stmt.orelse, sources)
        added: dict[Merge, Merge] = {}
        for m, a, b in zip(moving, left, right, strict=True):
            if a is b or (isinstance(a, Const) and a == b):
                self.t[m.out] = a
            else:
                self.t[m.out] = out = twin(m.out)
                added[m] = Merge(out, a, b)
        merges = [x for m in stmt.merges for x in (m, added.get(m)) if x is not None]
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


def twin(x: Value) -> Value:
    """Return a new value for a tangent."""
    return Value(tangent_name(x), kind(x.type))


def _measures(stmt: Stmt, made: Op) -> bool:
    """Tell whether a statement measures what the one before it made."""
    return isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in made.outs


def _busy(function: Function, regions: Regions) -> set[Buffer]:
    """Return the families that change, or are handed on or out."""
    found = {regions.buffer[u.base].family() for u in regions.updates}

    def add(xs: Iterable[Operand]) -> None:
        for x in xs:
            if isinstance(x, Value) and x in regions.buffer:
                found.add(regions.buffer[x].family())

    add(function.results)
    for stmt in every(function.body):
        if isinstance(stmt, For | While):
            for c in stmt.carries:
                add((c.init, c.inn, c.yld, c.out))
        elif isinstance(stmt, If):
            for m in stmt.merges:
                add((m.out, m.then, m.orelse))
    return found


def _made(t: Operand, stmts: Sequence[Stmt]) -> bool:
    """Tell whether one of the statements made an array: it is nobody else's."""
    return any(t in outs(s) and not isinstance(s, View) for s in stmts)


def _slice(
    stmts: Sequence[Stmt], out: Value, known: Sequence[Operand]
) -> tuple[list[Stmt], Value]:
    """Return the statements that a value needs, and the value.

    What is read for its shape alone gives way to a known array of the same shape.
    """
    shapes = [x for x in known if isinstance(x, Value) and isinstance(x.type, Array)]
    kept: list[Stmt] = []
    needed: set[Operand] = {out}
    for s in reversed(stmts):
        if not needed.intersection(outs(s)):
            continue
        if isinstance(s, Op):
            s = replace(s, args=tuple(_known(s, k, shapes) for k in range(len(s.args))))
        kept.append(s)
        needed.update(operands(s))
    kept.reverse()
    last = kept[-1] if kept else None
    if isinstance(last, Op) and last.row == "copy" and isinstance(last.args[0], Value):
        # The copy keeps two owners apart; here the one that was copied is not used.
        if any(isinstance(s, Op) and last.args[0] in s.outs for s in kept):
            return kept[:-1], last.args[0]
    return kept, out


def _known(stmt: Op, k: int, shapes: Sequence[Value]) -> Operand:
    """Return the operand, or an array known to have its shape if that is enough."""
    x, row = stmt.args[k], ROWS[stmt.row]
    if not isinstance(x.type, Array) or row.param(k) not in row.shape_only:
        return x
    return next((y for y in shapes if y.type == x.type), x)


def _depends(stmts: Sequence[Stmt], g: Value, out: Value) -> bool:
    """Tell whether a value depends on more of `g` than its shape."""
    tainted: set[Operand] = {g}
    for s in stmts:
        read: Iterable[Operand] = operands(s)
        if isinstance(s, Op):
            row = ROWS[s.row]
            pairs = enumerate(s.args)
            read = [x for k, x in pairs if row.param(k) not in row.shape_only]
        if tainted.intersection(read):
            tainted.update(outs(s))
    return out in tainted
