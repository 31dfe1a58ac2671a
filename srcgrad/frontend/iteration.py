"""Read `for`: over ranges, arrays, enumerate, zip, reversed and containers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from srcgrad.builder import const
from srcgrad.frontend import calls, indexing, stacks
from srcgrad.frontend.expressions import truth
from srcgrad.frontend.loops import Header, read_loop
from srcgrad.frontend.names import assigned
from srcgrad.frontend.state import branch
from srcgrad.frontend.values import (
    DictCell,
    Iter,
    ListCell,
    Ref,
    Static,
    Thing,
    Tuple,
    kind_of,
)
from srcgrad.ir import Const, Operand, Value

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["Sequence", "read_for", "sequence"]

_UNROLLED = 8


@dataclass(slots=True)
class Sequence:
    """Items by number: `count` of them, `item(k)` the k-th.

    `bounds` is given if the items are the numbers of a range themselves. `fixed` says
    that the items differ in kind, so the loop is written out turn by turn.
    """

    count: Operand
    item: Callable[[Operand], Thing]
    bounds: tuple[Operand, Operand, Operand] | None = None
    fixed: bool = False


def read_for(reader: Reader, stmt: ast.For) -> None:
    """Read a `for` statement."""
    over = reader.expression(stmt.iter)
    items = sequence(reader, over, stmt.iter)
    frame = reader.frames[-1]
    live = frame.live.head[id(stmt)] if frame.live else frozenset()
    after = frame.live.after[id(stmt)] if frame.live else frozenset()
    names = assigned(stmt.body) | assigned([stmt.target])
    exit_name = getattr(stmt, "exit_name", None)
    run_items(
        reader, items, over, stmt.target, lambda: reader.run(stmt.body),
        names & (live | after), live | after, exit_name,
    )  # fmt: skip


def run_items(
    reader: Reader, items: Sequence, over: Thing, target: ast.expr,
    body: Callable[[], None], carried: frozenset[str], live: frozenset[str],
    exit_name: str | None = None,
) -> None:  # fmt: skip
    """Run a body for each item."""
    if items.fixed:

        def turn(k: int) -> Const | Value | None:
            reader.assign(target, items.item(const(k)))
            body()
            if exit_name is None:
                return None
            flag = truth(reader, reader.state.names[exit_name], target)
            return flag

        assert isinstance(items.count, Const)
        with reader.holding(over):
            unroll(int(items.count.value), turn, reader, live)
        return
    number = items.bounds is None
    bounds = items.bounds or (const(0), items.count, const(1))

    def bind(var: Value) -> None:
        start, _, step = bounds
        if isinstance(start, Const) and isinstance(step, Const):
            if start.value >= 0 and step.value > 0:
                reader.nonnegative.add(var)
        reader.assign(target, items.item(var) if number else var)

    plain = isinstance(target, ast.Name) and not number
    header = Header(
        carried=carried, live=live, body=body, bounds=bounds, bind=bind,
        exit_name=exit_name,
        variable=target.id if plain else "i",  # type: ignore[attr-defined]
    )  # fmt: skip
    short = isinstance(items.count, Const) and items.count.value <= _UNROLLED
    before, mark = reader.snapshot(), len(reader.build.open[-1])
    found = len(reader.problems)
    from srcgrad.frontend.build import Refused

    try:
        with reader.holding(over):
            read_loop(reader, header)
    except Refused:
        if not short:
            raise
    if short and len(reader.problems) > found:
        # What no carried value can express may still be right turn by turn.
        reader.restore(before)
        del reader.build.open[-1][mark:]
        del reader.problems[found:]
        reader.dead = False
        items.fixed = True
        run_items(reader, items, over, target, body, carried, live, exit_name)


def unroll(count: int, turn: Callable[[int], Const | Value | None], reader: Reader,
           live: frozenset[str]) -> None:  # fmt: skip
    """Run a body once for each item of a container, while no turn leaves the loop."""

    def rest(k: int) -> None:
        if k == count:
            return
        flag = turn(k)
        if flag is None or flag == const(False):
            rest(k + 1)
        elif isinstance(flag, Const):
            return
        else:
            branch(reader, flag, lambda: None, lambda: rest(k + 1), live)

    rest(0)


def sequence(reader: Reader, thing: Thing, node: ast.AST) -> Sequence:
    """Return the items of something that a loop runs over."""
    match thing:
        case Iter(kind="range"):
            return _range(reader, thing)
        case Iter(kind="enumerate"):
            return _enumerate(reader, thing, node)
        case Iter(kind="zip"):
            return _zip(reader, thing, node)
        case Iter(kind="reversed"):
            return _reversed(reader, thing, node)
        case DictCell():
            keys = tuple(calls.lift(reader, k, node) for k in reader.state.heap[thing])
            return _fixed(keys)
        case Tuple():
            return _fixed(thing.items)
        case ListCell():
            items = reader.state.heap[thing]
            if isinstance(items, Ref):
                return sequence(reader, items, node)
            if isinstance(items, dict):
                raise stacks.unordered(reader, node)
            return _fixed(items)
        case Ref():
            count = calls.length(reader, thing, node)
            return Sequence(count, lambda k: indexing.at(reader, thing, k))
        case Static(value=str() | list() | tuple() | range() | dict()):
            return _fixed(tuple(calls.lift(reader, v, node) for v in thing.value))
    raise reader.problem("SG101", f"a loop cannot run over a {kind_of(thing)}", node)


def _fixed(items: tuple[Thing, ...]) -> Sequence:
    def item(k: Operand) -> Thing:
        assert isinstance(k, Const)
        return items[int(k.value)]

    return Sequence(const(len(items)), item, fixed=True)


def _range(reader: Reader, thing: Iter) -> Sequence:
    start, stop, step = (reader.operand(p) for p in thing.parts)
    build = reader.build

    def item(k: Operand) -> Thing:
        scaled = k if step == const(1) else build.op("mul", k, step)
        out: Operand = scaled if start == const(0) else build.op("add", start, scaled)
        return out

    return Sequence(trips(reader, start, stop, step), item, (start, stop, step))


def trips(reader: Reader, start: Operand, stop: Operand, step: Operand) -> Operand:
    """Return the number of items of a range."""
    build = reader.build
    if all(isinstance(x, Const) for x in (start, stop, step)):
        numbers = [int(x.value) for x in (start, stop, step) if isinstance(x, Const)]
        return const(len(range(*numbers)))
    if step == const(1):
        if start == const(0) and build.dim(stop) == build.resolve(build.dim(stop)):
            length = build.op("max2", const(0), stop)
        else:
            length = build.op("max2", const(0), build.op("sub", stop, start))
        assert isinstance(length, Value)
        build.linear[length] = build.dim(stop) - build.dim(start)
        return length
    out: Operand = build.op("range_length", start, stop, step)
    return out


def _enumerate(reader: Reader, thing: Iter, node: ast.AST) -> Sequence:
    inner = sequence(reader, thing.parts[0], node)
    start = reader.operand(thing.parts[1])

    def item(k: Operand) -> Thing:
        number = k if start == const(0) else reader.build.op("add", k, start)
        return Tuple((number, inner.item(k)))

    return Sequence(inner.count, item, fixed=inner.fixed)


def _zip(reader: Reader, thing: Iter, node: ast.AST) -> Sequence:
    parts = [sequence(reader, p, node) for p in thing.parts]
    build = reader.build
    known = [int(p.count.value) for p in parts if isinstance(p.count, Const)]
    count: Operand
    fixed = any(p.fixed for p in parts)
    if fixed:
        count = const(min(known))
    else:
        count = parts[0].count
        for part in parts[1:]:
            one, two = (build.resolve(build.dim(c)) for c in (count, part.count))
            if one != two:
                count = build.op("min2", count, part.count)

    def item(k: Operand) -> Thing:
        return Tuple(tuple(p.item(k) for p in parts))

    return Sequence(count, item, fixed=fixed)


def _reversed(reader: Reader, thing: Iter, node: ast.AST) -> Sequence:
    inner = sequence(reader, thing.parts[0], node)
    build = reader.build
    if inner.bounds is not None and inner.bounds[2] in (const(1), const(-1)):
        start, stop, step = inner.bounds
        ends = (build.op("sub", stop, step), build.op("sub", start, step))
        return Sequence(inner.count, inner.item, (*ends, build.op("neg", step)))
    last = build.op("sub", inner.count, const(1))

    def item(k: Operand) -> Thing:
        return inner.item(build.op("sub", last, k))

    return Sequence(inner.count, item, fixed=inner.fixed)
