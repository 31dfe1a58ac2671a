"""Which reads see values that no later write changes.

In a loop nest that writes `A[i, j]` at exactly its loop variables, an element that lies
before `(i, j)` in the order of the loops is finished, and so is all of `A[i, :j]`: the
reverse sweep may read it where it lies. This is what lets an in-place Cholesky, LU,
Thomas or prefix recurrence run backward with nothing on the tape.
"""

import math
from itertools import takewhile
from typing import Any, NamedTuple

from srcgrad import ir
from srcgrad.analyses.regions import Chain, Regions
from srcgrad.ir import Const, For, Loop, Op, Operand, Path, Slice, Stmt, Value
from srcgrad.types import Dim


class Span(NamedTuple):
    """What a subscript picks of an axis, at most: all from first to last.

    Where `last` is None nothing is known of the end.
    """

    first: Dim
    last: Dim | None


_AXIS = Span(Dim(0), None)


def may_change(
    regions: Regions, update: ir.Update, base: Value, path: Path, reader: Stmt
) -> bool:
    """Tell whether an update may change, after `reader`, the part at `path`.

    A write that is itself the reader is the source of what it wrote, no change.
    """
    here, there = regions.site[reader], regions.site[update]
    both = zip(here.chain, there.chain, strict=False)
    same = takewhile(lambda pair: pair[0][0] is pair[1][0], both)
    shared = sum(isinstance(one[0], Loop) for one, _ in same)
    if isinstance(update, ir.Push) or (there.order < here.order and not shared):
        return False
    around, nest = _counted(here.chain), _counted(there.chain)
    if nest is None or around is None:
        return True
    wanted = _place(regions, base, path, around)
    place = _place(regions, update.base, update.path, nest)
    # The update comes later in so many cases: in each, so many loops around both
    # stand still and the next one has gone on, if that is still one around both. Where
    # a loop around the making of both has gone on, the memory is another one.
    born = min(_loops_around_making(regions, x) for x in (base, update.base))
    for case in range(born, shared + (there.order > here.order)):
        further = {loop: 0 for loop in nest[:case]}
        if case < shared:
            further[nest[case]] = _step(nest[case])
        if not any(
            _is_apart(regions, w, p, around, nest, further)
            for w, p in zip(wanted, place, strict=True)
        ):
            return True
    return False


def _loops_around_making(regions: Regions, x: Value) -> int:
    """Return how many loops make the memory of a version anew; none if swapped."""
    first = regions.memory(x).first
    if isinstance(regions.definition.get(first), Loop | ir.If):
        return 0
    return sum(isinstance(s, Loop) for s, _ in regions.chain[first])


def are_apart(
    regions: Regions, base: Value, one: Path, other: Path, chain: Chain
) -> bool:
    """Tell whether two parts have nothing in common in one and the same turn."""
    loops = _counted(chain)
    parts = (_place(regions, base, path, loops) for path in (one, other))
    still = dict.fromkeys(loops or (), 0)
    return loops is not None and any(
        _is_apart(regions, a, b, loops, loops, still)
        for a, b in zip(*parts, strict=True)
    )


def _is_apart(
    regions: Regions, wanted: Span, place: Span,
    around: list[For], nest: list[For], further: dict[For, int],
) -> bool:  # fmt: skip
    """Tell whether an update leaves alone what was read, for its place on one axis."""
    gaps: list[Dim] = []
    steady = {loop.var for loop in further}
    moved = [loop for loop, step in further.items() if step]
    sides = ((place.first, wanted.last, 1), (place.last, wanted.first, -1))
    for end, other, sign in sides:
        if end is None or other is None:
            continue
        for low in _least(regions, end.scaled(sign), nest, further):
            # In another turn of a loop what was made inside it is another number.
            made = {loop for a, _ in low.terms if a not in steady
                    for loop in dict(regions.chain[a])}  # fmt: skip
            if made.isdisjoint(moved):
                gaps.append(low - other.scaled(sign))
    return any(_low(regions, gap, around) >= 1 for gap in gaps)


def _place(
    regions: Regions, base: Value, path: Path, loops: list[For] | None
) -> list[Span]:
    """Return what a path picks of each axis of an array, at most."""
    whole = [_AXIS] * max(base.type.rank, 1)
    if len(path) != 1 or not isinstance(path[0], ir.Index) or loops is None:
        return whole
    items = [item for item in path[0].items if item is not None]
    if any(not isinstance(i, Slice) and i.type.dtype == "bool" for i in items):
        return whole  # a mask may pick from several axes
    return [_span(regions, item, loops) for item in items] + whole[len(items) :]


def _span(regions: Regions, item: ir.Item, loops: list[For]) -> Span:
    """Return what a subscript picks of its axis; one below zero counts from the end."""
    first, last = Dim(0), None
    if isinstance(item, Slice):
        if item.step is not None and not _is_one(item.step):
            return _AXIS
        if item.start is not None:
            first = regions.linear(item.start)
        if item.stop is not None:
            last = regions.linear(item.stop) - Dim(1)
    elif item is None or item.type.rank:
        return _AXIS
    else:
        first = last = regions.linear(item)
        if _low(regions, first, loops) < 0:
            return _AXIS
    if last is not None and _low(regions, last, loops) < -1:
        last = None
    return Span(first if _low(regions, first, loops) >= 0 else Dim(0), last)


def most(regions: Regions, dim: Dim, chain: Chain) -> Dim | None:
    """Return what a length never exceeds, as known before the outermost loop."""
    loops = _counted(chain)
    for atom, factor in dim.terms:
        made = regions.definition.get(atom)
        if isinstance(made, Op) and made.row == "slice_length" and loops is not None:
            if not regions.settled([Dim.of(atom)]):
                longest = _longest(regions, made, loops, dim == Dim.of(atom))
                if factor < 0 or longest is None:
                    return None
                dim = dim.put({atom: longest})
    if not regions.settled([dim]) and loops is not None:
        (least,) = _least(regions, dim.scaled(-1), loops, {})
        dim = least.scaled(-1)
    return dim if regions.settled([dim]) else None


def _longest(regions: Regions, made: Op, loops: list[For], alone: bool) -> Dim | None:
    """Return what the length of a slice never exceeds; alone, below zero is none."""
    given: Any = made.attrs["given"]
    n, parts = regions.linear(made.args[0]), map(regions.linear, made.args[1:])
    start, stop, step = (next(parts) if there else None for there in given)
    if step is not None:
        return None
    if start is None or stop is None:
        return n
    if not alone and _low(regions, stop - start, loops) < 0:
        return n
    return stop - start if _low(regions, stop, loops) >= 0 else None


def _is_one(step: Operand) -> bool:
    return isinstance(step, Const) and step.value == 1


def _counted(chain: Chain) -> list[For] | None:
    """Return the loops around a region if all count up or down by one."""
    loops = [s for s, _ in chain if isinstance(s, Loop)]
    counted = [s for s in loops if isinstance(s, For) and abs(_step(s)) == 1]
    return counted if len(counted) == len(loops) else None


def _step(loop: For) -> int:
    return int(loop.step.value) if isinstance(loop.step, Const) else 0


def _least(
    regions: Regions, dim: Dim, loops: list[For], further: dict[For, int]
) -> list[Dim]:
    """Return a lower bound of an expression of the variables of loops, if there is one.

    Those in `further` are at least so much further than they were for the reader, of
    the others nothing but their range is known.
    """
    for loop in reversed(loops):
        factor, step = dim.factor(loop.var), _step(loop)
        if loop not in further:
            first, last = regions.linear(loop.start), regions.linear(loop.stop)
            end = first if (factor > 0) == (step > 0) else last - Dim(step)
            dim = dim.put({loop.var: end})
        elif factor * further[loop] < 0:
            return []
        else:
            dim = dim + Dim(factor * further[loop])
    return [dim]


def _low(regions: Regions, dim: Dim, loops: list[For]) -> float:
    """Return a number that an expression is never below."""
    (least,) = _least(regions, dim, loops, {})
    return -math.inf if least.known is None else least.known
