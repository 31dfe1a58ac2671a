"""Functions of the IR that are put together out of others: parameters, loops, parts.

A Jacobian is a loop over the tangent of a function, a batch one over the function: what
is written here are the loops, and what need not be computed in each turn stands before
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from srcgrad.analyses.regions import Regions
from srcgrad.builder import INT, Builder, const
from srcgrad.errors import Location
from srcgrad.ir import (
    Assert,
    Block,
    Carry,
    Const,
    For,
    Function,
    Index,
    Op,
    Operand,
    Slice,
    Stmt,
    Value,
    View,
)
from srcgrad.nested import measured
from srcgrad.ops import ROWS
from srcgrad.passes import given_lengths, remove_dead_code, splice
from srcgrad.types import Array, Dim, Scalar
from srcgrad.walk import consumed, every, inner_operands, operands, outs, reads, rewrite

ALL = Slice(None, None, None)
Turn = Callable[[tuple[Operand, ...], list[Value]], list[Operand]]


class Assembly:
    """A function that is being written.

    Attributes:
        build: What its statements are written through.
        params: Its parameters.
    """

    def __init__(self, loc: Location, first: Function | None = None) -> None:
        """Begin a function, with the parameters and statements of another."""
        self.build, self.params = Builder(), list[Value]()
        self.build.loc = loc
        if first is not None:
            self.params += first.params
            for stmt in measured(first).body.stmts:
                self.build.emit(stmt)

    def parameter(self, name: str, type: Any) -> Value:
        """Add a parameter of a type, with lengths of its own."""
        dims = type.dims
        atoms = [None if d.known is not None else Value("", INT) for d in dims]
        if isinstance(type, Array):
            pairs = zip(dims, atoms, strict=True)
            own = tuple(d if a is None else Dim.of(a) for d, a in pairs)
            type = replace(type, dims=own)
        value = Value(name, type)
        for axis, atom in enumerate(atoms):
            if atom is not None:
                dim = Op("dim", (value,), (atom,), {"axis": axis}, self.build.loc)
                self.build.emit(dim)
        self.params.append(value)
        return value

    def lengths(
        self, function: Function, args: Sequence[Operand], results: Sequence[Operand],
        apart: Sequence[Operand] = (),
    ) -> list[list[Operand]]:  # fmt: skip
        """Return the lengths of a function's results, without running all of it.

        `apart` are arguments that are not what the function will be given, but for
        their shapes.

        Raises:
            LookupError: A length depends on numbers that are not there.
        """
        dims = given_lengths(self.build, function, args)
        pairs = zip(function.params, args, strict=True)
        unlike = {p for p, a in pairs if a in apart}
        needed = {a for r in results for dim in r.type.dims for a, _ in dim.terms}
        here = {v for stmts in self.build.open for s in stmts for v in outs(s)}
        own = [a for a in needed if a in unlike or (a not in dims and a not in here)]
        if own:
            own.sort(key=lambda atom: int(atom.number))
            kept = tuple(s for s in function.body.stmts if not isinstance(s, Assert))
            sizes = replace(function, body=Block(kept), results=(*own,), cut=None)
            sizes = remove_dead_code(replace(sizes, slopes=()))
            if unlike.intersection((*own, *_numbers(sizes.body))):
                raise LookupError
            found = map(self.build.dim, splice(self.build, sizes, args))
            dims |= zip(own, found, strict=True)
        return [[self.build.length(d.put(dims)) for d in r.type.dims] for r in results]

    def empty(self, dtype: str, lengths: Sequence[Operand], name: str = "") -> Value:
        """Return an array that is to be filled."""
        made: Value = self.build.op("empty", *lengths, dtype=dtype, name=name)
        return made

    def loops(
        self, lengths: Sequence[Operand], states: Sequence[Value], turn: Turn,
        at: tuple[Operand, ...] = (),
    ) -> list[Operand]:  # fmt: skip
        """Write loops inside each other; return what the states are behind them."""
        if len(at) == len(lengths):
            return turn(at, [*states])
        var = Value("ijklmn"[len(at) % 6], INT)
        inside, after = ([Value(s.name, s.type) for s in states] for _ in range(2))
        with self.build.block() as stmts:
            ends = self.loops(lengths, inside, turn, (*at, var))
        hands = zip(states, inside, ends, after, strict=True)
        carries = tuple(Carry(*each) for each in hands)
        bounds = const(0), lengths[len(at)], const(1)
        body, loc = Block((*stmts,)), self.build.loc
        self.build.emit(For(var, *bounds, carries, body, loc=loc))
        return [*after]

    def store(self, array: Value, at: Sequence[Any], value: Operand) -> Value:
        """Write a part of an array; its lengths are those that are there."""
        path = (Index((*at, *(ALL,) * (array.type.rank - len(at)))),)
        place = self.build.place(array.type, path)
        for here, there in zip(place.dims, value.type.dims, strict=False):
            self.build.same(here, there, "results of different shapes", "ValueError")
        return self.build.write(array, path, value)

    def element(self, array: Any) -> Value:
        """Return the only element of an array."""
        return self.build.read(array, (Index((const(0),)),))

    def ones(self, type: Any, lengths: Sequence[Operand]) -> Operand:
        """Return a number or array of ones."""
        if not type.rank:
            return self.one(type.dtype)
        made: Operand = self.build.op("ones", *lengths, dtype=type.dtype)
        return made

    def one(self, dtype: str) -> Operand:
        """Return a one of NumPy's, by whose rules numbers are divided by zero."""
        made: Operand = self.build.op("cast", const(1.0), dtype=dtype, python=False)
        return made

    def unit(
        self, type: Any, lengths: Sequence[Operand], at: Sequence[Operand]
    ) -> Operand:
        """Return zeros, and a one at a place; a number is one."""
        if not type.rank:
            return self.one(type.dtype)
        one = Const(1.0, Scalar(type.dtype))
        zeros = self.build.op("zeros", *lengths, dtype=type.dtype, name="unit")
        return self.build.write(zeros, (Index((*at,)),), one)

    def function(self, name: str, results: Sequence[Operand]) -> Function:
        """Return the function; results are arrays of their own."""
        body, loc = self.build.close(), self.build.loc
        # Where forward sweeps end and backward sweeps begin is no matter any more.
        checks = (s for s in every(body) if isinstance(s, Assert))
        body = rewrite(body, gone={s for s in checks if not s.exception})
        return Function(name, (*self.params,), body, (*results,), loc)


def _numbers(block: Block) -> Iterator[Operand]:
    """Yield what a block reads, but for arrays of which it needs the shape alone."""
    for stmt in every(block):
        yield from inner_operands(stmt)
        if not isinstance(stmt, Op):
            yield from operands(stmt)
        elif stmt.row != "dim":
            row = ROWS[stmt.row]
            args = enumerate(stmt.args)
            yield from (x for k, x in args if row.param(k) not in row.shape_only)


def moving(function: Function, seeds: Sequence[Value]) -> set[Stmt]:
    """Return the statements that depend on seeds, and must be run again for others."""
    stmts, regions, found = function.body.stmts, Regions(function), set[Stmt]()
    views = {s.out: s.base for s in stmts if isinstance(s, View)}

    changed = {s: [v for x in every(Block((s,))) for v in consumed(x)] for s in stmts}

    def memory(values: Sequence[Any]) -> set[Any]:
        buffers = (regions.buffer.get(views.get(v, v)) for v in values)
        return {b.family() for b in buffers if b is not None}

    while True:
        own = {v for s in found for v in changed[s]}  # each turn makes it anew
        moved, seen, before = set[Any](seeds), set[Any](), len(found)
        for s in stmts:
            read = reads([s])
            # To change what was read before is to change it too early.
            early = seen & memory(changed[s])
            if early or moved.intersection(read) or own.intersection(outs(s)):
                found.add(s)
            if s in found:
                moved.update(outs(s))
                seen |= memory(read)
        if len(found) == before:
            return found
