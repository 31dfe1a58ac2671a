"""Compute the calls of a loop in a loop of their own before it, where that vectorises.

In `price *= exp(z[j])` each turn waits for the one before: the loop runs number by
number, and so does the exponential in it, which needs nothing of other turns. If its
values are stored anyway, for the backward sweep, a loop before this one stores them all
and this one reads them.

What Python's `math` raises would leave that loop early, so that it were not vectorised:
there what is wrong is counted, and raised behind the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.accesses import Accesses
from srcgrad.analyses.bounds import Bounds
from srcgrad.analyses.regions import regions_of
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import Block, Carry, For, Function, Op, Operand, Stmt, Value, Write
from srcgrad.ops import ROWS
from srcgrad.types import Dim, Scalar
from srcgrad.walk import blocks, outs, rewrite, uses

# What `runtime/vmath.py` computes for many numbers at once, and what goes with it.
_CALLS = {
    "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sin", "cos", "tan",
    "arctan", "tanh", "sinh", "cosh",
}  # fmt: skip
_PLAIN = {"add", "sub", "mul", "neg", "div", "sqrt"}
Test = Callable[..., Any]


def _overflow(op: Test, x: Operand, z: Operand) -> Any:
    return op("logical_and", op("isinf", z), op("isfinite", x))


def _up_to(bound: float) -> Test:
    return lambda op, x, z: op("le", x, bound)


# What the functions of `math` and Python's division raise for.
_TESTS: dict[str, Test] = {
    **dict.fromkeys(("exp", "expm1", "sinh", "cosh"), _overflow),
    **dict.fromkeys(("sin", "cos", "tan"), lambda op, x, z: op("isinf", x)),
    **dict.fromkeys(("log", "log2", "log10"), _up_to(0.0)),
    "log1p": _up_to(-1.0),
    "sqrt": lambda op, x, z: op("lt", x, 0.0),
    "div": lambda op, x, y, z: op("eq", y, 0.0),
}


def calls_first(function: Function) -> Function:
    """Return the function with calls that are stored in loops of their own.

    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim
    >>> x, build = Value("x", Array("float64", (Dim(9),))), Builder()
    >>> kept, y = build.op("empty", 9, name="kept"), Value("y", Scalar("float64"))
    >>> i, inn = Value("i", INT), Value("kept", kept.type)
    >>> at = (ir.Index((i,), sure=True),)
    >>> with build.block() as body:
    ...     e = build.op("exp", build.read(x, at), name="e")
    ...     carry = Carry(kept, inn, build.write(inn, at, e), Value("", kept.type))
    ...     more = Carry(const(1.0), y, build.op("mul", y, e), Value("", y.type))
    >>> loop = For(i, const(0), const(9), const(1), (carry, more), Block((*body,)))
    >>> before = Function("f", (x,), Block((*build.close().stmts, loop)), (more.out,))
    >>> print(print_function(calls_first(before)), end="")
    function f(x.0: float64[9])
      kept.0: float64[9] = empty(9)
      for i.0 in 0, 9, 1
        carry kept.1: float64[9] = kept.0
        t.0: float64 = read x.0[i.0]
        e.0: float64 = exp(t.0, via='np')
        kept.2 = write kept.1[i.0], e.0
        yield kept.1 = kept.2 -> t.1
      for i.1 in 0, 9, 1
        carry y.0: float64 = 1.0
        t.2: float64 = read x.0[i.1]
        e.1: float64 = read t.1[i.1]
        t.3: float64 = mul(y.0, e.1)
        yield y.0 = t.3 -> t.4
      return t.4
    """
    return _Splitting(function).run()


class _Splitting:
    """The loops of a function."""

    def __init__(self, function: Function) -> None:
        self.function, self.count = function, uses(function)
        self.regions = regions_of(function)
        self.memory, self.bounds = Accesses(self.regions), Bounds(self.regions)
        self.names: dict[Any, Operand] = {}

    def run(self) -> Function:
        """Return the new function."""
        body = self.block(self.function.body)
        return rewrite(replace(self.function, body=body), self.names)

    def block(self, block: Block) -> Block:
        """Return a block with the calls of its loops before them."""
        stmts: list[Stmt] = []
        for stmt in block.stmts:
            if isinstance(stmt, For) and self.waits(stmt):
                found = [(c, self.stored(stmt, c)) for c in stmt.carries]
                if pairs := [(c, w) for c, w in found if w is not None]:
                    stmts += self.split(stmt, pairs)
                    continue
            stmts.append(rewrite(stmt, block=self.block))
        return Block((*stmts,))

    def waits(self, loop: For) -> bool:
        """Tell whether turns wait for each other, and nothing else is in the way.

        A sum vectorises; a check may be what keeps what follows inside of its array.
        """
        body = loop.body.stmts
        if loop.exit is not None or loop.trips is not None:
            return False
        if any(blocks(s) or isinstance(s, ir.Assert) for s in body):
            return False
        return any(
            not ir.owned(c.inn.type) and c.yld is not c.inn and not self.is_sum(c)
            for c in loop.carries
        )

    def is_sum(self, carry: Carry) -> bool:
        """Tell whether a loop adds up a number and does nothing else with it."""
        made = self.regions.definition.get(carry.yld)
        rows = isinstance(made, Op) and made.row in ("add", "sub", "plus")
        return rows and carry.inn in made.args and self.count[carry.inn] == 1  # type: ignore[union-attr]

    def stored(self, loop: For, carry: Carry) -> Write | None:
        """Return what stores a call in each turn, if a loop before could."""
        write = self.regions.definition.get(carry.yld)
        if not isinstance(write, Write) or write.base is not carry.inn:
            return None
        value, own = write.value, self.memory.of(write)[0][0]
        families = [f for f, _, _ in self.memory.of(loop)]
        work = self.work(loop, value)
        fits = (
            write in loop.body.stmts
            and isinstance(value, Value)
            and value.type.dtype == write.base.type.dtype
            and self.count[carry.inn] == self.count[write.out] == 1
            and families.count(own) == 1
            and self.is_plain(write, loop)
            and self.is_apart(write, loop)
            and any(isinstance(s, Op) and s.row in _CALLS for s in work)
        )
        return write if fits else None

    def is_apart(self, write: Write, loop: For) -> bool:
        """Tell whether each turn stores in a place of its own.

        One below zero is another name of an element.
        """
        _, _, place = self.memory.of(write)[0]
        own = [d for d in place or () if d.factor(loop.var)]
        return any(self.bounds.holds(d, write) for d in own)

    def is_plain(self, stmt: ir.Read | Write, loop: For) -> bool:
        """Tell whether the variable of a loop and what is outside of it say where.

        A sum that the user wrote must not be too large for 64 bits.
        """
        _, _, place = self.memory.of(stmt)[0]
        if place is None or len(stmt.path) > 1:
            return False
        for dim in place:
            atoms = {a for a, _ in dim.terms}
            inside = {
                a for a in atoms if any(s is loop for s, _ in self.regions.chain[a])
            }
            short = atoms <= {loop.var} and abs(dim.const) < 2**31
            if inside - {loop.var} or not (dim in map(Dim.of, atoms) or short):
                return False
        return True

    def work(self, loop: For, value: Operand) -> list[Any]:
        """Return what a number is made of in a turn; nothing if a turn before is."""
        needed, found = {value}, list[Any]()
        changed = {f for f, changes, _ in self.memory.of(loop) if changes}
        for stmt in reversed(loop.body.stmts):
            if needed.isdisjoint(outs(stmt)):
                continue
            if isinstance(stmt, Op) and _is_simple(stmt):
                needed |= {*stmt.args}
            elif not (
                isinstance(stmt, ir.Read)
                and not stmt.out.type.rank
                and self.is_steady(stmt, changed)
                and self.is_plain(stmt, loop)
            ):
                return []
            found.insert(0, stmt)
        carried = {c.inn for c in loop.carries}
        return [] if carried & needed else found

    def is_steady(self, read: ir.Read, changed: set[Any]) -> bool:
        """Tell whether no turn changes the array that a number is read from."""
        return self.memory.of(read)[0][0] not in changed

    def split(self, loop: For, pairs: Sequence[tuple[Carry, Write]]) -> list[Stmt]:
        """Return the loop that stores calls, and the one that reads them."""
        build, var = Builder(trusting=True), Value(loop.var.name, INT)
        names: dict[Any, Operand] = {loop.var: var}
        wrong, carries = Value("wrong", INT), list[Carry]()
        count: Operand = wrong
        read: dict[Stmt, list[Stmt]] = {}
        with build.block() as made:
            for carry, write in pairs:
                for stmt in self.work(loop, write.value):
                    if outs(stmt)[0] not in names:  # another call may have needed it
                        build.loc = stmt.loc
                        count = self.again(build, stmt, names, count)
                new = {x: ir.twin(x) for x in _versions(carry, write)}
                path = self.path(build, write, {loop.var: var})
                build.emit(rewrite(replace(write, path=path), {**names, **new}, new))
                carries.append(
                    Carry(carry.init, *(new[x] for x in _versions(carry, write)))
                )
                self.names[carry.out] = middle = new[carry.out]
                call: Any = self.regions.definition[write.value]
                with build.block() as read[call]:
                    path = self.path(build, write, {})
                    build.emit(ir.Read(middle, path, call.out, write.loc))
        after = Value("wrong", INT)
        if count is not wrong:
            carries.append(Carry(const(0), wrong, count, after))
        body = Block((*made,))
        build.emit(replace(loop, var=var, carries=(*carries,), body=body))
        if count is not wrong:
            none = build.op("eq", after, 0)
            build.emit(ir.Assert(none, "ArithmeticError", "", loop.loc))
        gone = {x for pair in pairs for x in pair}
        second = rewrite(loop, gone=gone)
        stmts = (x for s in second.body.stmts for x in read.get(s, [s]))
        build.emit(replace(second, body=Block((*stmts,))))
        return build.open[0]

    def path(self, build: Builder, stmt: Any, names: dict[Any, Operand]) -> ir.Path:
        """Return where a number is, by other variables."""
        new = {x: Dim.of(y) for x, y in names.items() if isinstance(y, Value)}
        _, _, place = self.memory.of(stmt)[0]
        items = (build.subscript(dim.put(new)) for dim in place or ())
        return (replace(stmt.path[0], items=(*items,)),)

    def again(
        self, build: Builder, stmt: Any, names: dict[Any, Operand], count: Operand
    ) -> Operand:
        """Write what a turn does once more; return the count of what is wrong."""
        out = names[stmt.out] = ir.twin(stmt.out)
        if isinstance(stmt, ir.Read):
            build.emit(replace(stmt, path=self.path(build, stmt, names), out=out))
            return count
        args = tuple(names.get(x, x) for x in stmt.args)
        out = names[stmt.out] = replace(out, type=Scalar("float64"))
        attrs = {**stmt.attrs, "via": "np"}
        build.emit(Op(stmt.row, args, (out,), attrs, stmt.loc))
        if not _check(stmt):
            return count
        found = build.op("where", _TESTS[stmt.row](build.op, *args, out), 1, 0)
        return build.sure("add", count, found)


def _versions(carry: Carry, write: Write) -> tuple[Value, Value, Value]:
    """Return the versions of an array that a loop stores in, from the first on."""
    return carry.inn, write.out, carry.out


def _check(op: Op) -> str:
    """Return what a row raises, and where."""
    row = ROWS[op.row]
    return row.check(op) if row.check else ""


def _is_simple(op: Op) -> bool:
    """Tell whether an operation can be computed ahead of its turn.

    Whole numbers are left alone: what divides by zero there ends the process.
    """
    dtypes = {x.type.dtype for x in op.args} | {op.out.type.dtype}
    numbers = not any(x.type.rank for x in (op.out, *op.args))
    known = {"float64"} if op.row == "div" else {"float64", "int64"}
    return (
        op.row in _PLAIN | _CALLS
        and op.out.type.dtype == "float64"
        and numbers
        and dtypes <= known
        and (not _check(op) or op.row in _TESTS)
    )
