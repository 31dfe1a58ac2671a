"""Things that are one of several, by a number known at run time: texts, None, lists.

    regime = "laminar" if Re < 2000.0 else "turbulent"

makes `OneOf(case, ("laminar", "turbulent"))`, where the case is 0 or 1. A comparison
with a text or None asks for the case; what needs the thing itself is read once for each
that it may be, in the arms of an `if` on the case. In such an arm, and in those of the
user's own tests, it is known which of them it is, or is not.

Names are kept so only in a function that was refused otherwise (see `ways`).
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.frontend import expressions
from srcgrad.frontend import state as st
from srcgrad.frontend import values as v
from srcgrad.ir import Const, Operand, Value

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

_MOST = 24  # things that a name may be
Cases = dict[Operand, frozenset[int]]  # what numbers of cases may be


@dataclass(slots=True)
class Scope:
    """What parts of an expression or a statement have been read, at which depth."""

    depth: tuple[int, int]
    done: dict[Any, v.Thing] = field(default_factory=dict)


@dataclass(slots=True)
class Notes:
    """What a reader knows of cases.

    Conditions tell something where they hold, and where not; `numbers` are another
    constant in each case. Parts that are `done` are not read again.
    """

    tells: dict[Any, tuple[Cases, Cases]] = field(default_factory=dict)
    numbers: dict[Any, v.OneOf] = field(default_factory=dict)
    scope: Scope | None = None
    done: dict[Any, v.Thing] = field(default_factory=dict)


@functools.cache
def number(case: int) -> Const:
    """Return the number of a case: equal ones are one object, so they are one merge."""
    return const(case)


# Which thing it is.


def each(thing: v.Thing) -> tuple[v.Thing, ...]:
    """Return what a thing may be."""
    return thing.things if isinstance(thing, v.OneOf) else (thing,)


def possible(reader: Reader, one: v.OneOf) -> frozenset[int]:
    """Return which of several a thing may be here."""
    if isinstance(one.case, Const):
        return frozenset([int(one.case.value)])
    left = reader.build.memo.get(("case", one.case))
    return frozenset(range(len(one.things))) if left is None else left


def known(reader: Reader, thing: v.Thing) -> v.Thing:
    """Return the thing that one of several is here, if that is known."""
    if not isinstance(thing, v.OneOf):
        return thing
    left = possible(reader, thing)
    return known(reader, thing.things[min(left)]) if len(left) == 1 else thing


def settled(reader: Reader, thing: v.Thing) -> v.Thing:
    """Return a thing of which it must be known what it is."""
    thing = known(reader, thing)
    if isinstance(thing, v.OneOf):
        raise v.Undecided(thing, place(reader))
    return thing


def number_of(reader: Reader, result: v.Thing) -> v.Thing:
    """Return a result that is None in some cases: a derivative has no such case."""
    result = known(reader, result)
    if isinstance(result, v.OneOf) and any(map(v.is_none, result.things)):
        some = [k for k, x in enumerate(result.things) if not v.is_none(x)]
        there = test(reader, result, frozenset(some))
        reader.require(there, "NotImplementedError", "the result is None here")
        learn(reader, there, True)
    return known(reader, result)


def test(reader: Reader, one: v.OneOf, wanted: frozenset[int]) -> Operand:
    """Return whether a thing is one of those that are wanted."""
    here, build = possible(reader, one), reader.build
    wanted &= here
    if wanted == here or not wanted:
        return const(bool(wanted))
    cond: Any = None
    for case in sorted(wanted):
        asked = build.op("eq", one.case, number(case))
        cond = asked if cond is None else build.op("bitor", cond, asked)
    rest = frozenset(range(len(one.things))) - wanted
    reader.cases.tells[cond] = {one.case: wanted}, {one.case: rest}
    return cond  # type: ignore[no-any-return]


def asked(reader: Reader, one: v.OneOf, ask: Callable[[v.Thing], Operand]) -> Operand:
    """Return whether something is so, where that is known of each thing."""
    wanted, back = set(), reader.checkpoint()
    for case in possible(reader, one):
        with reader.build.block() as stmts:
            answer = ask(one.things[case])
        if stmts or not isinstance(answer, Const):
            back()
            raise v.Undecided(one, place(reader))
        wanted |= {case} if answer.value else set()
    return test(reader, one, frozenset(wanted))


def learn(reader: Reader, cond: Operand, holds: bool) -> None:
    """Note what follows for things in the arm of a condition."""
    memo = reader.build.memo
    for case, left in reader.cases.tells.get(cond, ({}, {}))[not holds].items():
        memo["case", case] = left & memo.get(("case", case), left) or left


def facts(reader: Reader) -> dict[Any, Any]:
    """Return what is known here of cases."""
    memo = reader.build.memo if reader.ways.choosing else {}
    return {k: x for k, x in memo.items() if isinstance(k, tuple) and k[0] == "case"}


def negated(reader: Reader, cond: Operand, out: Operand) -> None:
    """Note what the opposite of a condition tells."""
    if cond in reader.cases.tells:
        reader.cases.tells[out] = reader.cases.tells[cond][::-1]


def combined(
    reader: Reader, both: bool, out: v.Thing, first: Operand, second: v.Thing
) -> None:
    """Note what `first and second` tells, or `first or second`."""
    if isinstance(out, Value) and reader.ways.choosing:
        facts: Cases = {}
        for part in filter(v.is_operand, (first, second)):
            told = reader.cases.tells.get(part, ({}, {}))
            for case, left in told[not both].items():
                facts[case] = left & facts.get(case, left)
        reader.cases.tells[out] = (facts, {}) if both else ({}, facts)


# Reading what needs to know it.


def place(reader: Reader) -> tuple[int, int]:
    """Return how deep in blocks and functions is being read."""
    return len(reader.build.open), len(reader.frames)


def decided(
    reader: Reader, read: Callable[[], Any], live: frozenset[str] | None = None
) -> Any:
    """Read something, for each thing in turn where it needs to know which it is."""
    if not reader.ways.choosing:
        return read()
    held, node, outer = len(reader.held), reader.node, reader.cases.scope
    scope = reader.cases.scope = Scope(place(reader))
    try:
        return read()
    except v.Undecided as found:
        one, depth = found.args
    finally:
        reader.cases.scope = outer
    reader.node = node
    del reader.held[held:]
    if depth != scope.depth:
        what = f"what this is, {v.kind_of(one)}, decides how to go on"
        raise reader.problem("SG402", what, "give it a name, and test that first")
    before, reader.cases.done = reader.cases.done, {**reader.cases.done, **scope.done}
    reader.held += scope.done.values()
    try:
        return _apart(reader, one, functools.partial(decided, reader, read, live), live)
    except v.Undecided:  # what is around is read apart, of what is read by now
        if outer is not None:
            outer.done.update(scope.done)
        raise
    finally:
        reader.cases.done = before
        del reader.held[held:]


def _apart(
    reader: Reader, one: v.OneOf, read: Callable[[], Any], live: frozenset[str] | None
) -> Any:
    """Read something where a thing is the first that it may be, and where it is not.

    Where it is a text, None or a number (`sum` gives 0 where there are no arrays), what
    is refused is refused at run time: Python raises.
    """
    first = frozenset([min(possible(reader, one))])
    cond, refused, found = test(reader, one, first), list[Any](), dict[bool, Any]()

    def arm(holds: bool) -> Any:
        count = len(reader.problems)
        here = [one.things[k] for k in possible(reader, one)]
        fixed = all(isinstance(thing, v.Static | Const | Value) for thing in here)
        try:
            found[holds] = read()
        except v.Refused:
            if len(reader.problems) == count or not fixed:
                raise
        if len(reader.problems) == count or not fixed:
            return found[holds]
        refused.append(reader.problems[count:])
        del reader.problems[count:]
        reader.require(const(False), "NotImplementedError", refused[-1][0].message)
        reader.dead = True
        return None

    then, orelse = (functools.partial(arm, holds) for holds in (True, False))
    back = reader.checkpoint()
    try:
        out: Any = st.branch(reader, cond, then, orelse, live)
    except (st.Unjoinable, v.Undecided):  # no name could be it: what `zip` gives
        back()
        raise v.Undecided(one, place(reader)) from None
    if len(refused) > 1:
        reader.problems += refused[0]
        raise v.Refused
    if isinstance(out, Value) and len(found) == 2:
        _tell(reader, one, cond, out, found)
    return v.Poison() if out is None and live is None else out


def _tell(
    reader: Reader, one: v.OneOf, cond: Operand, out: Value, found: dict[bool, Any]
) -> None:
    """Note what a number tells that was found for the first case, and for the rest."""
    rest = reader.cases.numbers.get(found[False], found[False])
    things = [*each(rest)] if isinstance(rest, v.OneOf) else [rest] * len(one.things)
    things[min(reader.cases.tells[cond][0][one.case])] = found[True]
    if all(isinstance(x, Const) for x in things):
        reader.cases.numbers[out] = v.OneOf(one.case, tuple(things))
    for holds, result in found.items():
        if isinstance(result, Const):
            told = reader.cases.tells[cond][holds]  # where the other arm was taken
            reader.cases.tells[out] = ({}, told) if result.value else (told, {})


def by_case(reader: Reader, thing: v.Thing) -> v.Thing:
    """Return a number that is another constant in each case as those constants."""
    whole = reader.cases.numbers.get(thing) if isinstance(thing, Value) else None
    return thing if whole is None else known(reader, whole)


def read(reader: Reader, node: ast.expr) -> v.Thing:
    """Read an expression, unless that is done; it is not read again in the arms."""
    key, notes = (node, len(reader.frames)), reader.cases
    thing = notes.done.get(key)
    if thing is None:
        with reader.at(node):
            again = functools.partial(expressions.evaluate, reader, node)
            thing = decided(reader, again)
    if notes.scope is not None and notes.scope.depth == place(reader):
        notes.scope.done[key] = thing
    return known(reader, thing)


# Joining.


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """What something may be, what tells these apart, and where their contents lie."""

    told: list[Any]
    things: list[v.Thing]
    heap: v.Heap
    around: tuple[st.Plan, ...] = ()  # of the loops that it was found in


def told(heap: Any, thing: Any) -> Any:
    """Return what tells things apart that nothing can be both of."""
    if v.is_operand(thing) or v.is_point(thing):
        return "number"
    if isinstance(thing, v.Ref):
        axes = v.list_axes(thing)
        return type(thing.type), thing.type.rank, thing.type.dtype, axes
    if isinstance(thing, v.Tuple):
        return v.Tuple, thing.cls, len(thing.items)
    if not isinstance(thing, v.Cell):
        return thing
    held = heap.get(thing, thing.captured)
    size: Any = (*held,) if isinstance(held, dict) else None  # one of numbers may grow
    if isinstance(held, tuple) and not all(map(v.is_operand, held)):
        size = len(held)
    return type(thing), thing.cls, size


def kinds(*ends: tuple[Any, v.Thing], most: int = _MOST) -> Kinds:
    """Return what things may be; each comes with the heap that it is in."""
    heap = v.Heap()
    found: list[Any] = []
    things: list[v.Thing] = []
    for own, thing in ends:
        heap.update({**own, **heap})
        for part in each(thing):
            if isinstance(part, v.Maybe | v.Unbound | v.Poison | tuple | dict):
                raise st.Unjoinable(*(x for _, x in ends))
            if (kind := told(own, part)) not in found:
                found.append(kind)
                things.append(part)
    if len(found) > most:
        raise st.Unjoinable(*(x for _, x in ends))
    return Kinds(found, things, heap)


def among(reader: Reader, thing: v.Thing, whole: Kinds) -> v.OneOf:
    """Return a thing as one of several; for what it is not something stands in."""
    heap, build = reader.state.heap, reader.build
    mine = each(thing)
    if any(told(heap, part) not in whole.told for part in mine):
        raise st.Unjoinable(thing, v.OneOf(number(0), tuple(whole.things)))
    cases = [whole.told.index(told(heap, part)) for part in mine]
    given: Any = thing.case if isinstance(thing, v.OneOf) else number(0)
    case: Operand = number(cases[0])
    if cases == [*range(len(cases))]:
        case = given
    elif len(cases) > 1:
        for k in range(1, len(cases)):
            here = build.op("eq", given, number(k))
            case = build.op("where", here, number(cases[k]), case)
        case = build.cast(case, "int64", True)
    things = [
        mine[cases.index(k)]
        if k in cases
        else st.stand_in(reader, part, heap, whole.heap)
        for k, part in enumerate(whole.things)
    ]
    return v.OneOf(case, tuple(things))
