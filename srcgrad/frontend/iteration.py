"""Read `for`: over ranges, arrays, enumerate, zip, reversed and containers."""

from __future__ import annotations

import ast
import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import (
    attributes,
    calls,
    columns,
    expressions,
    generators,
    handlers,
    indexing,
    lists,
)
from srcgrad.frontend import values as v
from srcgrad.frontend.loops import Header, read_loop
from srcgrad.frontend.names import assigned
from srcgrad.frontend.normalize.jumps import exit_name
from srcgrad.frontend.state import branch
from srcgrad.ir import Const, Operand, Value
from srcgrad.ops import python
from srcgrad.types import Array, ListOf

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

_UNROLLED = 8
_DEEP = 60  # turns that may each be the last: as many blocks inside each other


class ReadAgain(Exception):
    """Found too late: a test of a `while` that writes, or a list that gets floats."""


@dataclass(slots=True)
class Sequence:
    """Items by number: `count` of them, `item(k)` the k-th.

    `bounds` is given if the items are the numbers of a range themselves. `fixed` says
    that the items may differ in kind: the loop is written out turn by turn if they do,
    or if they are few.
    """

    count: Operand
    item: Callable[[Operand], v.Thing]
    bounds: tuple[Operand, Operand, Operand] | None = None
    fixed: bool = False


def read_for(reader: Reader, stmt: ast.For) -> None:
    """Read a `for` statement."""
    over = reader.expression(stmt.iter)
    own = attributes.special(reader, over, "__iter__")
    over = over if own is None else own
    with reader.holding(over):
        if generators.is_generated(over):
            generators.read_for(reader, stmt, over)
            return
        _read_turns(reader, stmt, over)


def _read_turns(reader: Reader, stmt: ast.For, over: v.Thing) -> None:
    target = stmt.target
    with reader.at(stmt.iter):
        items = sequence(reader, over)
    getattr(stmt, "counts", []).append(items.count)
    carried, live = crossing(reader, stmt, target)
    left_early, body = exit_name(stmt), functools.partial(reader.run, stmt.body)
    number = items.bounds is None
    bounds = items.bounds or (const(0), items.count, const(1))

    def turns(k: int) -> None:
        """Write out the turns from the k-th on, while none leaves the loop."""
        while const(k) != items.count:
            reader.assign(target, items.item(const(k)))
            body()
            k += 1
            if left_early:
                _unless_left(reader, left_early, live, functools.partial(turns, k))
                return

    def bind(var: Value) -> None:
        start, _, step = bounds
        if isinstance(start, Const) and isinstance(step, Const):
            if start.value >= 0 and step.value > 0:
                reader.nonnegative.add(var)
        reader.assign(target, items.item(var) if number else var)

    def first() -> Header:
        reader.assign(target, items.item(const(0)))
        start = reader.build.op("add", bounds[0], bounds[2])
        return replace(whole, bounds=(start, *bounds[1:]))

    back, found = reader.checkpoint(), len(reader.problems)
    most = _DEEP if items.fixed else _UNROLLED
    short = isinstance(items.count, Const) and items.count.value <= most
    with reader.holding(over), lists.running(reader, over):
        if short and (items.fixed or items.count == const(0)):
            turns(0)
            return
        shown = "i" if number or not isinstance(target, ast.Name) else target.id
        whole = Header(carried, live, body, bounds, bind, None, left_early, shown)
        if not short and (left_early or not items.fixed):
            any_turn = lambda: reader.build.op("gt", items.count, const(0))  # noqa: E731
            _read_loop(reader, whole, any_turn, first)
            return
        with contextlib.suppress(v.Refused):
            read_loop(reader, whole)
        if len(reader.problems) > found:
            # What no carried value can express may still be right turn by turn.
            back()
            turns(0)


def _read_loop(
    reader: Reader, whole: Header, any_turn: Callable[[], Operand],
    first: Callable[[], Header],
) -> None:  # fmt: skip
    """Read a loop, its first turn apart if that leaves another kind of thing.

    `any_turn` says if there is one, `first` goes to it and returns what is behind.
    """
    back, found, ways = reader.checkpoint(), len(reader.problems), reader.ways

    def unlike() -> bool:
        return {p.code for p in reader.problems[found:]} == {"SG402"}

    try:
        read_loop(reader, whole)
    except v.Refused:
        if not (ways.apart and unlike()):
            ways.clashed |= unlike()
            raise
    ways.clashed |= unlike()
    if ways.apart and unlike():
        back()
        what = f"the loop in line {reader.build.loc.line} has no turn: give it one"
        reader.require(any_turn(), "NotImplementedError", what)
        rest = first()
        whole.body()
        then = functools.partial(read_loop, reader, rest)
        if whole.exit_name:
            _unless_left(reader, whole.exit_name, whole.live, then)
        else:
            then()


def _unless_left(
    reader: Reader, exit: str, live: frozenset[str], then: Callable[[], None]
) -> None:
    """Read what is done after a turn that does not leave the loop."""
    left = expressions.truth(reader, reader.lookup(exit))
    if not isinstance(left, Const):
        branch(reader, left, lambda: None, then, live)
    elif not left.value:
        then()


def read_while(reader: Reader, stmt: ast.While) -> None:
    """Read a `while` statement."""

    def test() -> Operand:
        before = reader.state.copy()
        cond = expressions.condition(reader, stmt.test)
        state = reader.state
        kept = all(state.ver.get(r) is x for r, x in before.ver.items())
        if not kept or any(state.heap[c] is not x for c, x in before.heap.items()):
            raise ReadAgain(stmt.test)
        return cond

    carried, live = crossing(reader, stmt, stmt.test)
    body = functools.partial(reader.run, stmt.body)
    whole = Header(carried, live, body, test=test, exit_name=exit_name(stmt))
    _read_loop(reader, whole, test, lambda: whole)


def crossing(
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
        case v.Iter():
            taken = calls.taken(reader, thing)
            if not isinstance(taken, v.Iter):
                return sequence(reader, taken)
            return taken.make(reader, *taken.parts)  # type: ignore[no-any-return]
        case v.ListCell():
            items = reader.state.heap[thing]
            if isinstance(items, v.Ref):
                return sequence(reader, items)
            if columns.are(items):
                alike = sequence(reader, columns.first(items))
                found = lambda k: indexing.get(reader, thing, k)  # noqa: E731
                return replace(alike, item=found, bounds=None)
            if isinstance(items, dict):
                values, *links = items.values()
                places = calls.apply(reader, v.Static(python.stack_places), links, {})

                def of_stack(k: Operand) -> v.Thing:
                    return indexing.get(reader, values, indexing.get(reader, places, k))

                return Sequence(links[-1], of_stack)
            # The body of a loop may change an item that is still to come.
            by_now = lambda k: indexing.get(reader, thing, k)  # noqa: E731
            return Sequence(const(len(items)), by_now, fixed=True)
        case v.Ref(type=Array() | ListOf() as type):
            if isinstance(type, Array):
                count = build.length(build.resolve(type.dims[0]))
            else:
                count = build.op("length", reader.version(thing.root))
            return Sequence(count, lambda k: indexing.at(reader, thing, k))
        case v.Tuple() if not attributes.defined(reader, thing.cls, "__iter__"):
            picked = lambda k: indexing.get(reader, thing, k)  # noqa: E731
            return Sequence(const(len(thing.items)), picked, fixed=True)
        case v.Static(value=set() | frozenset()):
            items = [calls.lift(reader, x) for x in thing.value]
            parts = [p for x in items for p in getattr(x, "items", (x,))]
            if not all(isinstance(part, Const) for part in parts):
                what = "the order of a set is not the same in each run"
                raise reader.problem("SG107", what, "run over `sorted(...)` of it")
        case v.DictCell():
            items = [calls.lift(reader, k) for k in reader.state.heap[thing]]
        case v.Static(value=str() | list() | tuple() | range() | dict()):
            items = [calls.lift(reader, x) for x in thing.value]
        case _ if (own := attributes.special(reader, thing, "__iter__")) is not None:
            return sequence(reader, own)
        case _:
            what = f"a loop cannot run over a {v.kind_of(thing)}"
            if v.is_operand(thing) or v.is_point(thing) or v.is_none(thing):
                handlers.catch(reader, TypeError)
            raise reader.problem("SG101", what)
    at = lambda k: items[calls.static(reader, k)]  # noqa: E731
    return Sequence(const(len(items)), at, fixed=True)


def numbers(reader: Reader, *args: v.Thing) -> Sequence:
    """Return what `range` gives."""
    build, parts = reader.build, [reader.operand(a) for a in args]
    if any(part.type.dtype.startswith("float") for part in parts):
        what = "`range` needs integers, not floats"
        raise reader.problem("SG402", what, "write `range(int(...))`")
    start, stop, *more = parts if len(parts) > 1 else (const(0), *parts)
    step = more[0] if more else const(1)

    def number(k: Operand) -> Any:
        scaled = k if step == const(1) else build.op("mul", k, step)
        return scaled if start == const(0) else build.op("add", start, scaled)

    if step != const(1):
        count = build.op("range_length", start, stop, step)
    else:
        plain = start == const(0) and build.dim(stop) == build.resolve(build.dim(stop))
        whole = stop if plain else build.op("sub", stop, start)
        count = build.op("max2", const(0), whole)
        if isinstance(count, Value):
            build.linear[count] = build.dim(stop) - build.dim(start)
    return Sequence(count, number, (start, stop, step))


def side_by_side(reader: Reader, *iterables: v.Thing) -> Sequence:
    """Return what `zip` gives."""
    build, parts = reader.build, [sequence(reader, x) for x in iterables]
    if not parts:
        return sequence(reader, v.Tuple(()))
    count, *counts = [part.count for part in parts]
    fixed = any(part.fixed for part in parts)
    if fixed:
        known = [c.value for c in (count, *counts) if isinstance(c, Const)]
        others = [c for c in (count, *counts) if isinstance(c, Value)]
        count, counts = const(min(known)), []
        what = f"line {build.loc.line}: `zip` ends with what is of a length not known "
        what += "while compiling: make an array of the others, `np.array(y)`"
        for found in others:
            enough = build.op("ge", found, count)
            reader.require(enough, "NotImplementedError", what)
    for other in counts:
        one, two = (build.resolve(build.dim(c)) for c in (count, other))
        if one != two:
            count = build.op("min2", count, other)
    items = lambda k: v.Tuple(tuple(part.item(k) for part in parts))  # noqa: E731
    return Sequence(count, items, fixed=fixed)


def counted(reader: Reader, iterable: v.Thing, start: Any = 0) -> Sequence:
    """Return what `enumerate` gives."""
    inner, first = sequence(reader, iterable), reader.operand(start)

    def pair(k: Operand) -> v.Thing:
        return v.Tuple((reader.build.op("add", first, k), inner.item(k)))

    return replace(inner, item=pair, bounds=None)


def numbered(
    reader: Reader, count: v.Thing, item: v.Thing, *parts: v.Thing
) -> Sequence:
    """Return what gives the items that a function makes of their numbers."""
    of_number = lambda k: calls.apply(reader, item, [k], {})  # noqa: E731
    number = reader.operand(count)
    kinds = [sequence(reader, part).fixed for part in parts if not v.is_operand(part)]
    fixed = isinstance(number, Const) and any(kinds) and number.value < 2**31
    return Sequence(number, of_number, fixed=fixed)


def iterable(make: Callable[..., Any], once: bool = True) -> Callable[..., Any]:
    """Return what notes that a function is called whose result is looped over."""

    @functools.wraps(make)
    def noted(reader: Reader, *parts: v.Thing) -> v.Thing:
        left = v.Cell("") if once else None
        reader.state.heap.update({left: (const(0),)} if left else {})
        return v.Iter(make, parts, left, seen(reader, make, parts))

    return noted


def seen(reader: Reader, make: Any, parts: tuple[v.Thing, ...]) -> tuple[Any, ...]:
    """Return how many items parts hold, where that is asked when they are taken."""
    if make is not numbered:
        return ()
    heap, ver = reader.state.heap, reader.state.ver
    data: Any = tuple(p for p in parts if not isinstance(p, v.Closure))
    held = [heap.get(p) for p in data if isinstance(p, v.Cell)]
    counts = [len(x) for x in held if isinstance(x, tuple | dict)]
    for x in held:  # a list that is kept as an array since is as long as it was
        if isinstance(x, v.Ref) and isinstance(x.type, Array):
            counts.append(x.type.dims[0].known or 0)
    refs = [x for _, x in v.leaves(data, heap) if isinstance(x, v.Ref)]
    grown = [x for x in refs if isinstance(x.type, ListOf)]
    return (*counts, *((x, ver.get(x.root.memory)) for x in grown))


def backward(reader: Reader, items: v.Thing, /) -> Sequence:
    """Return what `reversed` gives; a range turned around is a range."""
    build, inner = reader.build, sequence(reader, items)
    bounds = None
    if inner.bounds is not None and inner.bounds[2] in (const(1), const(-1)):
        start, stop, step = inner.bounds
        ends = (build.op("sub", stop, step), build.op("sub", start, step))
        bounds = (*ends, build.op("neg", step))
    last = build.op("sub", inner.count, const(1))
    turned = lambda k: inner.item(build.op("sub", last, k))  # noqa: E731
    return replace(inner, item=turned, bounds=bounds)


def later(reader: Reader, items: v.Thing, begun: Operand) -> Sequence:
    """Return what a loop runs over without its first items."""
    build, inner = reader.build, sequence(reader, items)
    item = lambda k: inner.item(build.op("add", k, begun))  # noqa: E731
    count = build.op("sub", inner.count, begun)
    return replace(inner, count=count, item=item, bounds=None)


def parted(reader: Reader, items: v.Thing) -> v.Thing:
    """Return the first item, and what a loop runs over without it."""
    inner = sequence(reader, items)
    if inner.count == const(0):
        return reader.raises("ValueError")
    first = inner.item(const(0))
    return v.Tuple((first, v.Iter(later, (items, const(1)))))


def next_of(reader: Reader, iterator: Any) -> v.Thing:
    """Return which item comes next, and what it is one of; that goes on by one."""
    if getattr(iterator, "left", None) is None:
        what = f"a {v.kind_of(iterator)} is no iterator"
        raise handlers.fails(reader, "TypeError", "SG201", what)
    whole = calls.taken(reader, iterator)
    begun: Any = const(0)
    if whole.make is later:
        whole, begun = whole.parts
    build, count = reader.build, sequence(reader, whole).count
    after = build.op("min2", count, build.op("add", begun, const(1)))
    reader.state.heap[iterator.left] = (after,)
    return v.Tuple((begun, whole))


def entries(reader: Reader, owner: v.DictCell, of: v.Thing) -> Sequence:
    """Return the values or the items of a dict, as they are when they are asked for."""
    keys = list(reader.state.heap[owner])

    def item(k: Operand) -> v.Thing:
        key = keys[calls.static(reader, k)]
        value: v.Thing = reader.state.heap[owner][key]
        pair = v.Tuple((calls.lift(reader, key), value))
        return value if of == v.Static("values") else pair

    return Sequence(const(len(keys)), item, fixed=True)


def comprehension(reader: Reader, node: Any, until: bool | None = None) -> v.Thing:
    """Read a comprehension; at the first item that is `until`, `any` and `all` end.

    Behind a star it is read turn by turn, so that tests are decided while compiling.
    """
    alone = len(node.generators) == 1 and not node.generators[0].ifs
    starred = vars(node).get("known") and not alone
    apart = isinstance(node, ast.DictComp) or starred
    made, at = ast.Name(".made", ast.Load()), ast.copy_location
    store, no = ast.Name(".made", ast.Store()), ast.Not()
    empty: ast.expr = ast.List([], ast.Load())
    result: ast.expr = ast.UnaryOp(no, made) if until is False else made
    if until is not None:
        asked = ast.Call(ast.Constant(bool), [node.elt], [])  # type: ignore[arg-type]
        found = asked if until else ast.UnaryOp(no, node.elt)
        empty = ast.Constant(False)
        body: ast.stmt = at(ast.Assign([store], found), node.elt)
    elif isinstance(node, ast.DictComp):  # its keys must be known: turn by turn
        empty, place = ast.Dict([], []), ast.Subscript(made, node.key, ast.Store())
        body = at(ast.Assign([place], node.value), node.key)
    else:
        call = ast.Call(ast.Attribute(made, "append", ast.Load()), [node.elt], [])
        body = at(ast.Expr(call), node.elt)
    for part in reversed(node.generators):
        for test in reversed(part.ifs):
            body = at(ast.If(test, [body], []), test)
        over = part.iter
        if apart:
            over = at(ast.Tuple([ast.Starred(over, ast.Load())], ast.Load()), over)
        body = at(ast.For(part.target, over, [body], []), part.iter)
        vars(body)["exit_name"] = "" if until is None else ".made"
    vars(body)["counts"] = counts = list[Operand]()
    stmts = [ast.Assign([store], empty), body, ast.Return(result)]
    for stmt in stmts:
        ast.fix_missing_locations(at(stmt, node))
    frame = reader.frames[-1]
    outer = {**frame.outer, **reader.state.names}
    items = reader.function(frame.source, {}, outer, stmts, frame.site)
    if isinstance(items, v.ListCell) and alone and counts:
        items.count = reader.build.resolve(reader.build.dim(counts[-1]))
    return items
