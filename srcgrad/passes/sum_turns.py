"""Differentiate a loop that adds up columns as one product.

A loop whose turns only add a number times a vector to one and the same place,

    for k in range(m):
        c[i, :n] += alpha * a[i, k] * b[:n, k]

adds `alpha * (b[:n] @ a[i])` in all. The loop stays, in the user's order and bit for
bit, and adds to an array of its own; its adjoint is that of the product. The forward
sweep makes the product only where its value is asked for. It is done so if

- the loop does nothing else, and always adds to, or subtracts from, the same place;
- each term has one vector `b[.., k, ..]` and one number `a[.., k, ..]` of the turn; its
  other factors are the same in each turn, and the loop writes to none of them;
- all is there that the turns read: a slice would leave out what is not. That is checked
  before, as are the lengths, even if the loop never turns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import Regions
from srcgrad.builder import DIFFER
from srcgrad.ir import Const, For, Function, Index, Op, Operand, Stmt, Value
from srcgrad.ops.table import ROWS, Row
from srcgrad.passes.batch_products import APART, NUMBERS, Part, Turns, rewrite_loops
from srcgrad.types import Array, Dim, put_lengths
from srcgrad.walk import every, rewrite

_ROW = "in_place_of"
_PURE = {*NUMBERS, "eq"}
_Term = tuple[bool, list[Operand]]  # whether it is subtracted, and its factors


def sum_turns(function: Function) -> Function:
    """Return the function with loops that add up columns beside their products.

    >>> from srcgrad.builder import INT, Builder, const
    >>> from srcgrad.text import print_function
    >>> x = Value("x", Array("float64", (Dim(4), Dim(9))))
    >>> y, inn, out = (Value("y", Array("float64", (Dim(4),))) for _ in range(3))
    >>> k, s = Value("k", INT), Value("s", Array("float64", (Dim(9),)))
    >>> build = Builder()
    >>> with build.block() as body:
    ...     column = build.view(x, (Index((ir.Slice(None, None, None), k)),))
    ...     term = build.op("mul", build.read(s, (Index((k,)),)), column)
    ...     last = build.write(inn, (), build.op("add", inn, term))
    >>> carry = ir.Carry(y, inn, last, out)
    >>> loop = For(k, const(0), const(9), const(1), (carry,), ir.Block((*body,)))
    >>> before = Function("f", (x, y, s), ir.Block((loop,)), (out,))
    >>> print(print_function(sum_turns(before)), end="")
    function f(x.0: float64[4, 9], y.0: float64[4], s.0: float64[9])
      t.0: float64[4] = matmul(x.0, s.0)
      row.0: float64[4] = copy(y.0)
      for k.0 in 0, 9, 1
        carry row.1: float64[4] = row.0
        t.1: float64[4] = view x.0[:, k.0]
        t.2: float64 = read s.0[k.0]
        t.3: float64[4] = mul(t.2, t.1)
        t.4: float64[4] = add(row.1, t.3)
        row.2 = write row.1, t.4
        yield row.1 = row.2 -> row.3
      t.5: float64[4] = add(y.0, t.0)
      t.6: float64[4] = in_place_of(row.3, t.5)
      y.1 = write y.0, t.6
      return y.1
    """
    return rewrite_loops(function, _summed)


def _instead() -> str:
    """Return the row that has the value of one operand, the slope of the other."""
    infer = lambda _, types, attrs: types[0]  # noqa: E731
    ROWS.setdefault(
        _ROW, Row(_ROW, ("y", "x"), "custom", infer, vjp={"x": "g"}, loop="{y}")
    )
    return _ROW


def _summed(regions: Regions, loop: For) -> list[Stmt] | None:
    body = loop.body.stmts
    updates = [s for s in body if isinstance(s, ir.Update)]
    if len(updates) != 1 or len(loop.carries) != 1 or len(every(loop.body)) > len(body):
        return None
    (carry,) = loop.carries
    if any(
        isinstance(s, Op) and carry.out in s.args[:1] and s.row == _ROW
        for s in regions.site
    ):
        return None  # it has been here before
    return _Sum(regions, loop).product()


class _Sum(Turns):
    """A loop that adds columns to a part of an array."""

    def product(self) -> list[Stmt]:
        """Return what stands for the loop."""
        (carry,), made = self.loop.carries, self.regions.definition
        write = made.get(carry.yld)
        self.require(isinstance(write, ir.Write) and write.base is carry.inn)
        self.require(not self.is_short())
        assert isinstance(write, ir.Write)
        assert isinstance(carry.init, Value)
        self.build.loc = write.loc
        add = made.get(write.value)
        self.require(isinstance(add, Op) and add.row in ("add", "sub"))
        assert isinstance(add, Op)
        looks = [self.looks_at(x, write) for x in add.args]
        self.require(looks[0] or (looks[1] and add.row == "add"))
        old, new = add.args if looks[0] else add.args[::-1]
        self.require(old.type.rank == new.type.rank == 1)
        for s in self.loop.body.stmts:
            self.check(s)
        total = self.total(self.terms(new), old.type.dtype)
        items = self.items(carry.inn, write.path) if write.path else []
        path = (Index((*map(self.before, items),)),) if items else ()
        build = self.build
        place = build.view(carry.init, path, type=self.there(old.type))
        first = build.op("copy", place, name="row")
        row = self.in_order(write, old, first)
        other = build.op(add.row, place, total)
        self.require(not build.met)  # no length meets another that did not before
        value = Value("", first.type)
        build.emit(Op(_instead(), (row, other), (value,), loc=write.loc))
        out = replace(write, base=carry.init, path=path, value=value, out=carry.out)
        return [*build.close().stmts, out]

    def in_order(self, write: ir.Write, old: Operand, first: Value) -> Value:
        """Write the loop itself, with the place as an array of its own."""
        (carry,) = self.loop.carries
        inn, last, out = (Value(first.name, first.type) for _ in range(3))
        names: dict[Any, Operand] = {carry.inn: carry.init, old: inn}
        kept = [s for s in self.loop.body.stmts if not isinstance(s, ir.Assert)]
        own = replace(write, base=inn, path=(), value=write.value, out=last)
        body = [rewrite(s, names) if s is not write else own for s in kept]
        carries = (ir.Carry(first, inn, last, out),)
        self.build.emit(replace(self.loop, carries=carries, body=ir.Block((*body,))))
        return out

    def looks_at(self, x: Operand, write: ir.Write) -> bool:
        """Tell whether an operand is what stands where a statement writes."""
        made = self.regions.definition.get(x)
        if isinstance(made, ir.View):
            return made.base is write.base and made.path == write.path
        return x is write.base and not write.path

    def there(self, type: Any) -> Any:
        """Return a type with lengths as they are before the loop."""
        atoms = {a for d in type.dims for a, _ in d.terms}
        known = {a: Dim.of(self.before(a)) for a in atoms if not self.is_outside(a)}
        return put_lengths(type, known)

    def length(self, x: Operand) -> Dim:
        """Return an integer as a length, as types have it: below zero is zero there."""
        match self.regions.definition.get(x):
            case Op(row="max2", args=(Const(value=0), inner)):
                x = inner
        dim = self.regions.linear(x)
        return dim.put({a: Dim.of(self.before(a)) for a, _ in dim.terms})

    def check(self, s: Stmt) -> None:
        """Require that a statement needs to run but once; write the checks."""
        test = self.regions.definition.get(s.cond) if isinstance(s, ir.Assert) else None
        if isinstance(s, ir.Assert):
            self.require(isinstance(test, Op) and test.row == "eq")
            assert isinstance(test, Op)
            one, two = map(self.length, test.args)
            learned = s.message.startswith(DIFFER)
            self.build.same(one, two, s.message if learned else APART)
        elif isinstance(s, Op):
            self.require(s.row in _PURE)
        else:
            self.require(isinstance(s, ir.View | ir.Read | ir.Write))

    def terms(self, x: Operand) -> list[_Term]:
        """Return a sum of products as its terms."""
        made = self.regions.definition.get(x)
        if self.is_outside(x) or not isinstance(made, Op):
            return [(False, [x])]
        first, *others = map(self.terms, made.args)
        other = [t for terms in others for t in terms]
        if made.row == "mul":
            self.require(len(first) == len(other) == 1)
            (minus, left), (less, right) = first[0], other[0]
            return [(minus != less, left + right)]
        self.require(made.row in ("add", "sub", "neg"))
        if made.row != "add":
            turned = other if other else first
            turned = [(not minus, factors) for minus, factors in turned]
            return first + turned if other else turned
        return first + other

    def total(self, terms: list[_Term], dtype: str) -> Operand:
        """Write the sum of all terms of all turns, all of one dtype."""
        total: Any = None
        for minus, factors in terms:
            types = {x.type.dtype for x in factors if not x.type.python}
            self.require(types == {dtype} and dtype.startswith("float"))
            term = self.term(factors)
            if total is None:
                total = self.build.op("neg", term) if minus else term
            else:
                total = self.build.op("sub" if minus else "add", total, term)
        return total  # type: ignore[no-any-return]

    def term(self, factors: list[Operand]) -> Operand:
        """Write one term, summed over all turns."""
        same, turning = list[Operand](), list[tuple[Operand, Part]]()
        for x in factors:
            made = self.regions.definition.get(x)
            if self.is_outside(x):
                same.append(x)
                continue
            self.require(isinstance(made, ir.View | ir.Read))
            assert isinstance(made, ir.View | ir.Read)
            part = Part(made.base, self.items(made.base, made.path))
            if any(i is self.loop.var for i in part.items):
                turning.append((x, part))
            else:
                items = (Index((*map(self.before, part.items),)),)
                build = (
                    self.build.read if isinstance(made, ir.Read) else self.build.view
                )
                kept = build(self.array(part), items)
                kept.type = self.there(x.type)
                same.append(kept)
        turning.sort(key=lambda pair: pair[0].type.rank)
        self.require([x.type.rank for x, _ in turning] == [0, 1])
        pair = [self.all_turns(x, part) for x, part in turning]
        (numbers, _), (columns, axis) = pair
        given = (columns, numbers) if axis else (numbers, columns)
        term: Operand = self.build.op("matmul", *given)
        for x in reversed(same):
            term = self.build.op("mul", x, term)
        return term

    def all_turns(self, x: Operand, part: Part) -> tuple[Value, int]:
        """Write what all turns read; return it, and the axis of turns."""
        self.require(sum(i is self.loop.var for i in part.items) == 1)
        at = [i is self.loop.var for i in part.items].index(True)
        size = part.base.type.dims[at]
        if size != self.stop and not self.holds(size - self.stop, self.loop):
            test = self.build.op("le", self.loop.stop, self.build.length(size))
            self.build.emit(ir.Assert(test, "ShapeError", APART, self.build.loc))
        rows, axis = self.all_rows(part)
        if rows is not part.base and isinstance(rows.type, Array):
            dims = [*self.there(x.type).dims]
            dims.insert(axis, self.stop - self.start)
            rows.type = replace(rows.type, dims=(*dims,))
        return rows, axis
