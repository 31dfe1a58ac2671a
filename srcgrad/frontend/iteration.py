"""Read `for`: over ranges, arrays, enumerate, zip, reversed and containers."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import calls, indexing, lists
from srcgrad.frontend import values as v
from srcgrad.frontend.expressions import condition, truth
from srcgrad.frontend.loops import Header, read_loop
from srcgrad.frontend.names import assigned
from srcgrad.frontend.normalize.jumps import exit_name
from srcgrad.frontend.state import branch
from srcgrad.ir import Const, Operand, Value
from srcgrad.types import Array, ListOf

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

_UNROLLED = 8


class TestWrites(Exception):
    """The test of a `while` changes something: it must be moved into the body."""

    def __init__(self, test: ast.expr) -> None:
        super().__init__(ast.unparse(test))
        self.test = test


@dataclass(slots=True)
class Sequence:
    """Items by number: `count` of them, `item(k)` the k-th.

    `bounds` is given if the items are the numbers of a range themselves. `fixed` says
    that the items differ in kind, so the loop is written out turn by turn.
    """

    count: Operand
    item: Callable[[Operand], v.Thing]
    bounds: tuple[Operand, Operand, Operand] | None = None
    fixed: bool = False


def read_for(reader: Reader, stmt: ast.For) -> None:
    """Read a `for` statement."""
    over, target = reader.expression(stmt.iter), stmt.target
    with reader.at(stmt.iter):
        items = sequence(reader, over)
    carried, live = _crossing(reader, stmt, target)
    left_early, body = exit_name(stmt), functools.partial(reader.run, stmt.body)
    number = items.bounds is None
    bounds = items.bounds or (const(0), items.count, const(1))

    def turns(k: int) -> None:
        """Write out the turns from the k-th on, while none leaves the loop."""
        if const(k) == items.count:
            return
        reader.assign(target, items.item(const(k)))
        body()
        left: Operand = const(False)
        if left_early:
            left = truth(reader, reader.state.names[left_early])
        if not isinstance(left, Const):
            branch(reader, left, lambda: None, lambda: turns(k + 1), live)
        elif not left.value:
            turns(k + 1)

    def bind(var: Value) -> None:
        start, _, step = bounds
        if isinstance(start, Const) and isinstance(step, Const):
            if start.value >= 0 and step.value > 0:
                reader.nonnegative.add(var)
        reader.assign(target, items.item(var) if number else var)

    back, found = reader.checkpoint(), len(reader.problems)
    short = isinstance(items.count, Const) and items.count.value <= _UNROLLED
    with reader.holding(over):
        if items.fixed:
            turns(0)
            return
        shown = "i" if number or not isinstance(target, ast.Name) else target.id
        try:
            read_loop(
                reader,
                Header(carried, live, body, bounds, bind, None, left_early, shown),
            )
        except v.Refused:
            if not short:
                raise
        if short and len(reader.problems) > found:
            # What no carried value can express may still be right turn by turn.
            back()
            turns(0)


def read_while(reader: Reader, stmt: ast.While) -> None:
    """Read a `while` statement."""

    def test() -> Operand:
        before = reader.state.copy()
        cond = condition(reader, stmt.test)
        state = reader.state
        kept = all(state.ver.get(r) is x for r, x in before.ver.items())
        if not kept or any(state.heap[c] is not x for c, x in before.heap.items()):
            raise TestWrites(stmt.test)
        return cond

    carried, live = _crossing(reader, stmt, stmt.test)
    body = functools.partial(reader.run, stmt.body)
    header = Header(carried, live, body, test=test, exit_name=exit_name(stmt))
    read_loop(reader, header)


def _crossing(
    reader: Reader, stmt: ast.For | ast.While, head: ast.expr
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a loop carries, and those alive at its head or after it."""
    found = reader.frames[-1].live
    live = found.head[id(stmt)] | found.after[id(stmt)]
    return assigned([*stmt.body, head]) & live, live


def sequence(reader: Reader, thing: Any) -> Sequence:
    """Return the items of something that a loop runs over."""
    build = reader.build
    items: Any = None
    match thing:
        case v.Iter(kind="zip"):
            return _zip(reader, [sequence(reader, p) for p in thing.parts])
        case v.Iter(kind="range"):
            start, stop, step = (reader.operand(p) for p in thing.parts)

            def number(k: Operand) -> Any:
                scaled = k if step == const(1) else build.op("mul", k, step)
                return scaled if start == const(0) else build.op("add", start, scaled)

            count = trips(reader, start, stop, step)
            return Sequence(count, number, (start, stop, step))
        case v.Iter(kind="rest"):
            inner = sequence(reader, thing.parts[0])
            count = build.op("sub", inner.count, const(1))
            later = lambda k: inner.item(build.op("add", k, const(1)))  # noqa: E731
            return Sequence(count, later, fixed=inner.fixed)
        case v.Iter(kind="reversed"):
            inner = sequence(reader, thing.parts[0])
            if inner.bounds is not None and inner.bounds[2] in (const(1), const(-1)):
                start, stop, step = inner.bounds
                ends = (build.op("sub", stop, step), build.op("sub", start, step))
                return Sequence(inner.count, inner.item, (*ends, build.op("neg", step)))
            last = build.op("sub", inner.count, const(1))
            turned = lambda k: inner.item(build.op("sub", last, k))  # noqa: E731
            return Sequence(inner.count, turned, fixed=inner.fixed)
        case v.ListCell():
            items = reader.state.heap[thing]
            if isinstance(items, v.Ref):
                return sequence(reader, items)
            if isinstance(items, dict):
                return Sequence(items["count"], lambda k: lists.item(reader, thing, k))
        case v.Ref(type=Array() | ListOf() as type):
            if isinstance(type, Array):
                count = build.length(build.resolve(type.dims[0]))
            else:
                count = build.op("length", reader.version(thing.root))
            return Sequence(count, lambda k: indexing.at(reader, thing, k))
        case v.Tuple():
            items = thing.items
        case v.DictCell():
            items = [calls.lift(reader, k) for k in reader.state.heap[thing]]
        case v.Static(value=str() | list() | tuple() | range() | dict()):
            items = [calls.lift(reader, x) for x in thing.value]
        case _:
            what = v.kind_of(thing)
            raise reader.problem("SG101", f"a loop cannot run over a {what}")
    return Sequence(const(len(items)), lambda k: items[int(k.value)], fixed=True)  # type: ignore[union-attr]


def trips(reader: Reader, start: Operand, stop: Operand, step: Operand) -> Operand:
    """Return the number of items of a range."""
    build = reader.build
    numbers = [int(x.value) for x in (start, stop, step) if isinstance(x, Const)]
    if len(numbers) == 3:
        return const(len(range(*numbers)))
    if step != const(1):
        return build.op("range_length", start, stop, step)  # type: ignore[no-any-return]
    count = stop
    if start != const(0) or build.dim(stop) != build.resolve(build.dim(stop)):
        count = build.op("sub", stop, start)
    length: Value = build.op("max2", const(0), count)
    build.linear[length] = build.dim(stop) - build.dim(start)
    return length


def _zip(reader: Reader, sequences: list[Sequence]) -> Sequence:
    build = reader.build
    count, *counts = [part.count for part in sequences]
    fixed = any(part.fixed for part in sequences)
    if fixed:
        known = [c.value for c in (count, *counts) if isinstance(c, Const)]
        count, counts = const(min(known)), []
    for other in counts:
        one, two = (build.resolve(build.dim(c)) for c in (count, other))
        if one != two:
            count = build.op("min2", count, other)

    def item(k: Operand) -> v.Thing:
        return v.Tuple(tuple(part.item(k) for part in sequences))

    return Sequence(count, item, fixed=fixed)
