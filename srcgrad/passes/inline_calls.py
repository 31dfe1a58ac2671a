"""Write what a call runs in its place.

A function that is called changes none of its arguments: it copies what it changes. The
copy goes where the argument was made for it: in this block, and nothing reads it later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srcgrad.builder import INT, Builder
from srcgrad.ir import (
    Block,
    Call,
    Function,
    Op,
    Operand,
    Stmt,
    Value,
    View,
    While,
    owned,
)
from srcgrad.ops import ROWS
from srcgrad.types import Dim, put_lengths
from srcgrad.walk import (
    blocks,
    consumed,
    every,
    inner_operands,
    inner_outs,
    operands,
    outs,
    reads,
    rewrite,
)


def inline_calls(function: Function) -> Function:
    """Return the function with what its calls run in their place.

    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Scalar
    >>> x, y, z = (Value(name, Scalar("float64")) for name in "xyz")
    >>> body = Block((Op("mul", (x, x), (y,)),))
    >>> call = Call(Function("square", (x,), body, (y,)), (x,), (z,))
    >>> before = Function("f", (x,), Block((call,)), (z,))
    >>> print(print_function(inline_calls(before)), end="")
    function f(x.0: float64)
      z.0: float64 = mul(x.0, x.0)
      return z.0
    """
    if not has_calls(function):
        return function
    write = _Writer()
    head = len(function.body.stmts) if function.cut is None else function.cut
    ends, rest = function.results, function.body.stmts[head:]
    first = write.block(function.body.stmts[:head], (), (*reads(rest), *ends))
    last = write.block(rest, (), ends)
    cut = None if function.cut is None else len(first)
    results = tuple(write.names.get(r, r) for r in function.results)
    return replace(function, body=Block((*first, *last)), results=results, cut=cut)


def has_calls(function: Function) -> bool:
    """Tell whether anything is called."""
    return any(isinstance(stmt, Call) for stmt in every(function.body))


class _Writer:
    """Writes blocks; `names` says what stands for the results of calls."""

    def __init__(self) -> None:
        self.names: dict[Any, Operand] = {}
        self.views: dict[Value, View] = {}

    def block(
        self, stmts: Sequence[Stmt], given: Sequence[Value], ends: Sequence[Operand]
    ) -> list[Stmt]:
        """Return the statements of a block with its calls written out.

        `given` are made by what is around the block, `ends` read after its statements.
        """
        build, names = Builder(trusting=True), self.names
        build.views = self.views
        # What is made for this block: nothing else reads it, in this turn or another.
        own = {x for x in given if owned(x.type)}
        later, read = [*ends], list[set[Operand]]()
        for stmt in reversed(stmts):
            read.append({*later})
            later += reads([stmt])
        root: dict[Operand, Operand] = {}  # what may lie in the memory of what
        for stmt, after in zip(stmts, reversed(read), strict=True):
            build.loc = stmt.loc
            alias = isinstance(stmt, Op) and ROWS[stmt.row].alias
            if isinstance(stmt, View) or alias:
                for source in operands(stmt)[:1]:
                    root.update((x, root.get(source, source)) for x in outs(stmt))
            else:
                own.update(x for x in outs(stmt) if owned(x.type))
            if not isinstance(stmt, Call):
                inner = {b: self.inner(stmt, b) for b in blocks(stmt)}
                build.emit(rewrite(stmt, names, block=inner.__getitem__))
                continue
            seen = [x for x in (*after, *stmt.args) if x in root]
            kept = after | {root[x] for x in seen}
            counts = Counter(stmt.args)
            free = [a in own and a not in kept and counts[a] == 1 for a in stmt.args]
            called = _without_copies(inline_calls(stmt.function), free)
            args = [names.get(a, a) for a in stmt.args]
            ours = [a for a, is_free in zip(args, free, strict=True) if is_free]
            results = splice(build, called, args, stmt.outs, ours)
            names.update(zip(stmt.outs, results, strict=True))
        return [*build.close().stmts]

    def inner(self, stmt: Stmt, block: Block) -> Block:
        """Return a block inside a statement; a test changes nothing."""
        test = isinstance(stmt, While) and block is stmt.test
        given, ends = () if test else inner_outs(stmt), inner_operands(stmt)
        return Block(tuple(self.block(block.stmts, given, ends)))


def _without_copies(function: Function, free: Sequence[bool]) -> Function:
    """Return a function that takes the memory of arguments it would only copy."""
    pairs = zip(function.params, free, strict=True)
    mine: set[Operand] = {p for p, ours in pairs if ours}
    mine.difference_update(function.results)
    used = Counter((*function.results, *reads(function.body.stmts)))
    for stmt in every(function.body):
        if isinstance(stmt, Op):
            row = ROWS[stmt.row]
            args = enumerate(stmt.args)
            used.subtract(a for k, a in args if row.param(k) in row.shape_only)
    changed = {x for s in every(function.body) for x in consumed(s)}
    gone: dict[Stmt, Value] = {}
    for stmt in function.body.stmts:
        if isinstance(stmt, Op) and stmt.row == "copy" and stmt.args[0] in mine:
            (given,) = stmt.args
            # What is handed back as it was given may be read besides.
            if used[given] == 1 or changed.isdisjoint((given, stmt.out)):
                mine.discard(given)
                gone[stmt] = stmt.out
    names = {out: operands(s)[0] for s, out in gone.items()}
    return rewrite(function, names, gone=gone) if gone else function


def splice(
    build: Builder, function: Function, args: Sequence[Operand],
    results: Sequence[Value] = (), taken: Sequence[Operand] = (),
) -> list[Operand]:  # fmt: skip
    """Write a function's statements through a builder, arguments put in place.

    Returns what its results are: of `results`, where one is made by the function, or
    arguments that may be `taken`.
    """
    parts = {s.out for stmts in build.open for s in stmts if isinstance(s, View)}
    parts |= build.views.keys()
    # A view is no buffer, of which a part could be looked at or changed.
    stmts = every(function.body)
    whole = {*function.results, *(getattr(s, "base", None) for s in stmts)}
    whole.update(x for s in stmts for x in consumed(s))
    pairs: Any = zip(function.params, args, strict=True)
    args = [
        build.op("copy", a)
        if a in parts and (p in whole or not a.type.contiguous)
        else a
        for p, a in pairs
    ]
    given: dict[Any, Any] = dict(zip(function.params, args, strict=True))
    dims, kept = given_lengths(build, function, args), list[Stmt]()
    names = dict[Any, Operand](given)
    for stmt in function.body.stmts:
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.out in dims:
            names[stmt.out] = build.length(dims[stmt.out])
        else:
            kept.append(stmt)
    block = Block(tuple(kept))
    made = (v for stmt in every(block) for v in (*outs(stmt), *inner_outs(stmt)))
    fresh = {value: Value(value.name, value.type) for value in made}
    whose: Any = dict(zip(function.results, results, strict=False))
    fresh |= {value: out for value, out in whose.items() if value in fresh}
    dims |= {value: Dim.of(new) for value, new in fresh.items()}
    for new in fresh.values():
        new.type = put_lengths(new.type, dims)
    names |= fresh
    build.open[-1] += rewrite(block, names, fresh, lengths=dims).stmts
    found: list[Operand] = []
    for result in function.results:
        operand = names.get(result, result)
        others = (a for a in args if a not in taken)
        if operand.type.rank and operand in (*others, *found):
            operand = build.op("copy", operand)
        found.append(operand)
    return found


def given_lengths(
    build: Builder, function: Function, args: Sequence[Operand]
) -> dict[Any, Dim]:
    """Return the lengths that a function is given, by its own names for them."""
    given: dict[Any, Any] = dict(zip(function.params, args, strict=True))
    dims = {p: build.dim(a) for p, a in given.items() if p.type == a.type == INT}
    for stmt in function.body.stmts:
        if isinstance(stmt, Op) and stmt.row == "dim" and stmt.args[0] in given:
            dim = build.resolve(given[stmt.args[0]].type.dims[stmt.attrs["axis"]])
            if not any(atom in build.unmeasured for atom, _ in dim.terms):
                dims[stmt.out] = dim
    return dims
