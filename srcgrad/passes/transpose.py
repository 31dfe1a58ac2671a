"""Keep arrays transposed that innermost loops walk down.

Memory is read row by row: a loop over the first subscript of a matrix misses the cache
in each turn and is not vectorised. An array that is made here, whose elements are read
and written one by one, is laid out in the order of the loops if the innermost ones do
not run over its last axis; one that is given, and only read, is copied so. No operation
changes its place: all numbers are what they were.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any, TypeGuard

from srcgrad import ir
from srcgrad.analyses.regions import Buffer, regions_of
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import Block, Carry, For, Function, Index, Op, Operand, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.types import Array
from srcgrad.walk import every, operands, rewrite

# Loops around an element that make up for a copy of a matrix, and statements in them
# that do for one of more axes.
_DEPTH, _MANY = 3, 3
Element = ir.Read | ir.Write | ir.Accumulate
Axes = tuple[int, ...]  # of the array as it is, in the order of another layout
Weight = tuple[int, int]  # how many loops are around what walks so, and how often


def transpose(function: Function) -> Function:
    """Return the function with arrays transposed that innermost loops walk down.

    >>> from srcgrad.builder import Builder, const
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Dim
    >>> n, build = Value("n", INT), Builder()
    >>> x, loops = Value("x", Array("float64", (Dim.of(n), Dim.of(n)))), Block()
    >>> i, j, k = (Value(name, INT) for name in "ijk")
    >>> with build.block() as body:
    ...     read = build.op("exp", build.read(x, (Index((k, j)),)))
    >>> for var in (k, j, i):
    ...     body = [For(var, const(0), n, const(1), (), Block((*body,)))]
    >>> before = Function("f", (n, x), Block((*body,)), (n,))
    >>> print(print_function(transpose(before)), end="")
    function f(n.0: py int64, x.0: float64[n.0, n.0])
      t.0: py int64 = dim(x.0, axis=1)
      t.1: py int64 = dim(x.0, axis=0)
      x_t.0: float64[n.0, n.0] = empty(t.0, t.1, dtype='float64')
      for i.0 in 0, t.0, 1
        carry x_t.1: float64[n.0, n.0] = x_t.0
        for j.0 in 0, t.1, 1
          carry x_t.2: float64[n.0, n.0] = x_t.1
          t.2: float64 = read x.0[j.0, i.0]
          x_t.3 = write x_t.2[i.0, j.0], t.2
          yield x_t.2 = x_t.3 -> x_t.4
        yield x_t.1 = x_t.4 -> x_t.5
      for i.1 in 0, n.0, 1
        for j.1 in 0, n.0, 1
          for k.0 in 0, n.0, 1
            t.3: float64 = read x_t.5[j.1, k.0]
            t.4: float64 = exp(t.3)
      return n.0
    """
    layout = _Layout(function)
    found = layout.chosen()
    return _Transposing(layout, found).function() if found else function


class _Layout:
    """Which arrays a function walks along, and which down."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.regions = regions_of(function)
        self.versions: dict[Buffer, list[Value]] = defaultdict(list)
        for value, buffer in self.regions.buffer.items():
            self.versions[buffer.family()].append(value)
        # What walks along rows, and down: for each, in which order of axes.
        self.along: dict[Buffer, Weight] = {}
        self.down: dict[Buffer, dict[Axes, Weight]] = defaultdict(dict)
        self.downs: set[Stmt] = set()  # statements that walk down
        self.odd: set[Buffer] = set()  # what is not only read and written by elements
        for stmt in every(function.body):
            self.look(stmt)

    def family(self, x: Any) -> Buffer | None:
        """Return the memory of a version of an array of several axes."""
        if x not in self.regions.buffer or not isinstance(x.type, Array):
            return None
        return self.regions.buffer[x].family() if x.type.rank > 1 else None

    def look(self, stmt: Stmt) -> None:
        """Note what a statement does with arrays."""
        used = [x for x in operands(stmt) if self.family(x) is not None]
        if is_element(stmt) and self.family(stmt.base) is not None:
            used.remove(stmt.base)
            self.walk(stmt)
        elif isinstance(stmt, For | ir.While | ir.If):
            used = []
        elif isinstance(stmt, Op):
            may = not self.regions.site[stmt].chain and not ROWS[stmt.row].alias
            used = [] if may or stmt.row == "dim" else used
        self.odd |= {self.family(x) for x in used}  # type: ignore[misc]

    def walk(self, stmt: Element) -> None:
        """Note in which order the loops walk an array."""
        loops = [s for s, _ in self.regions.site[stmt].chain if isinstance(s, ir.Loop)]
        family = self.family(stmt.base)
        if family is None or not loops or not isinstance(loops[-1], For):
            return
        (index,) = stmt.path
        assert isinstance(index, Index)
        places = [self.regions.linear(k) for k in index.items]  # type: ignore[arg-type]
        variables = [s.var for s in loops if isinstance(s, For)]
        # How deep the loop stands that runs over each axis.
        deep = [
            max([n + 1 for n, v in enumerate(variables) if place.factor(v)], default=0)
            for place in places
        ]
        if not places[deep.index(max(deep))].factor(loops[-1].var):
            return
        if places[-1].factor(loops[-1].var):
            self.along[family] = _more(self.along.get(family), len(loops))
            return
        order = tuple(sorted(range(len(deep)), key=deep.__getitem__))
        weights = self.down[family]
        weights[order] = _more(weights.get(order), len(loops))
        self.downs.add(stmt)

    def chosen(self) -> dict[Buffer, Axes]:
        """Return the arrays that are better transposed, and how."""
        found: dict[Buffer, Axes] = {}
        for family, weights in self.down.items():
            order = max(weights, key=lambda o: weights[o])
            deep, often = weights[order]
            if self.is_given(family):
                worth = deep > len(order) or (len(order) > 2 and often >= _MANY)
            else:
                more = weights[order] > self.along.get(family, (0, 0))
                worth = more and self.is_made(family)
            if deep >= _DEPTH and worth:
                found[family] = order
        return found

    def is_given(self, family: Buffer) -> bool:
        """Tell whether an array is a parameter that is only read."""
        versions = self.versions[family]
        return len(versions) == 1 and versions[0] in self.function.params

    def is_made(self, family: Buffer) -> bool:
        """Tell whether all there is of an array is made here, and read by elements."""
        if family in self.odd:
            return False
        for x in self.versions[family]:
            made = self.regions.definition.get(x)
            if isinstance(made, Op) and made.row not in ("empty", "zeros"):
                return False
            if made is None or isinstance(made, ir.View | ir.Take):
                return False
        return True


class _Transposing:
    """A function that is written anew, with some arrays transposed."""

    def __init__(self, layout: _Layout, chosen: dict[Buffer, Axes]) -> None:
        self.layout, self.build = layout, Builder()
        # The transposed version of one that is made here, or given.
        self.made: dict[Any, Value] = {}
        self.given: dict[Any, Value] = {}
        self.order: dict[Any, Axes] = {}
        for family, order in chosen.items():
            given = layout.is_given(family)
            for x in layout.versions[family]:
                (self.given if given else self.made)[x] = _turned(x, order)
                self.order[x] = order

    def function(self) -> Function:
        """Return the new function."""
        before = self.layout.function
        for x in before.params:
            if x in self.given:
                self.given[x] = self.copied(x, self.order[x])
        for stmt in before.body.stmts:
            self.stmt(stmt)
        results = tuple(map(self.plain, before.results))
        return replace(before, body=self.build.close(), results=results, cut=None)

    def block(self, block: Block) -> Block:
        """Return an inner block."""
        loc = self.build.loc
        with self.build.block() as stmts:
            for stmt in block.stmts:
                self.stmt(stmt)
        self.build.loc = loc
        return Block((*stmts,))

    def stmt(self, stmt: Stmt) -> None:
        """Write one statement."""
        self.build.loc = stmt.loc
        if isinstance(stmt, Op):
            self.operation(stmt)
        elif is_element(stmt):
            self.element(stmt)
        else:
            self.build.emit(rewrite(stmt, self.made, self.made, block=self.block))

    def operation(self, op: Op) -> None:
        """Write an operation; what is made there is made transposed."""
        if op.row == "dim" and op.args[0] in self.made:
            axis: Any = op.attrs.get("axis", 0)
            x = self.made[op.args[0]]
            axis = self.order[op.args[0]].index(axis)
            op = replace(op, args=(x,), attrs={"axis": axis})
        elif op.outs and op.outs[0] in self.made:
            args = _ordered(op.args, self.order[op.outs[0]])
            op = replace(op, args=args, outs=(self.made[op.outs[0]],))
        else:
            op = replace(op, args=tuple(map(self.plain, op.args)))
        self.build.emit(op)

    def element(self, stmt: Element) -> None:
        """Write the read or the change of an element."""
        new = self.made.get(stmt.base)
        if new is None and stmt in self.layout.downs:
            new = self.given.get(stmt.base)
        if new is not None:
            (index,) = stmt.path
            assert isinstance(index, Index)
            items = _ordered(index.items, self.order[stmt.base])
            path = (replace(index, items=items),)
            stmt = replace(stmt, base=new, path=path)
            stmt = rewrite(stmt, makes=self.made)
        self.build.emit(stmt)

    def plain(self, x: Operand) -> Operand:
        """Return an operand; what is transposed is copied row by row."""
        if x not in self.made:
            return x
        order = self.order[x]
        return self.copied(self.made[x], tuple(map(order.index, range(len(order)))))

    def copied(self, x: Value, order: Axes) -> Value:
        """Return a transposed copy of an array."""
        build, sizes = self.build, list[Operand]()
        for axis in order:
            size = Value("", INT)
            attrs: dict[str, object] = {"axis": axis}
            sizes.append(build.emit(Op("dim", (x,), (size,), attrs, build.loc)).out)
        first = _turned(x, order)
        attrs = {"dtype": x.type.dtype}
        build.emit(Op("empty", (*sizes,), (first,), attrs, build.loc))
        here = tuple(Value("ijkl"[k % 4], INT) for k in range(len(order)))
        there = tuple(here[order.index(axis)] for axis in range(len(order)))
        inns = [Value(first.name, first.type) for _ in order]
        with build.block() as stmts:
            item = build.read(x, (Index(there, sure=True),))
            last = build.write(inns[-1], (Index(here, sure=True),), item)
        loops = list(zip(here, sizes, (first, *inns), inns, strict=False))
        for var, count, before, inn in reversed(loops):
            turns = Carry(before, inn, last, Value(first.name, first.type))
            body, last = Block((*stmts,)), turns.out
            stmts = [For(var, const(0), count, const(1), (turns,), body, loc=build.loc)]
        build.emit(stmts[0])
        return last


def _more(weight: Weight | None, deep: int) -> Weight:
    """Return a weight with one more statement: the deepest ones count."""
    if weight is None or weight[0] < deep:
        return deep, 1
    return weight[0], weight[1] + (weight[0] == deep)


def _ordered(items: tuple[Any, ...], order: Axes) -> tuple[Any, ...]:
    """Return what belongs to axes in another order of them."""
    return tuple(items[axis] for axis in order)


def _turned(x: Value, order: Axes) -> Value:
    """Return a new value for an array with its axes in another order."""
    name = x.name.removesuffix("_t") if x.name.endswith("_t") else f"{x.name}_t"
    type = Array(x.type.dtype, _ordered(x.type.dims, order))
    return Value(name if x.name else "", type, x.hint)


def is_element(stmt: Any) -> TypeGuard[Element]:
    """Tell whether a statement reads or changes one element of an array itself."""
    if not isinstance(stmt, Element) or len(stmt.path) != 1:
        return False
    (index,) = stmt.path
    items = index.items if isinstance(index, Index) else ()
    rank: int = stmt.base.type.rank
    return len(items) == rank and all(
        isinstance(k, Value | ir.Const) and k.type.rank == 0 for k in items
    )
