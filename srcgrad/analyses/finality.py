"""Which element reads see a value that no later write changes.

In a loop nest that writes `A[i, j]` at exactly its loop variables, an element that lies
before `(i, j)` in the order of the loops is finished: the reverse sweep may read it
where it lies. This is what lets an in-place Cholesky, LU, Thomas or prefix recurrence
run backward with nothing on the tape.
"""

import math
from itertools import takewhile

from srcgrad.analyses.regions import Chain, Regions
from srcgrad.ir import Const, For, Index, Loop, Path, Push, Slice, Stmt, Value
from srcgrad.types import Dim


def is_final(
    regions: Regions, base: Value, path: Path, reader: Stmt, own: Stmt | None = None
) -> bool:
    """Tell whether the element at `path` keeps the value it has at `reader`.

    `own` is a write at this very place that is the source of the value, not a change.
    """
    here = regions.site[reader]
    wanted, around = _place(regions, path), _counted(here.chain)
    if wanted is None:
        return False
    for update in regions.family_updates(base):
        if isinstance(update, Push):
            continue
        there = regions.site[update]
        pairs = zip(here.chain, there.chain, strict=False)
        both = takewhile(lambda pair: pair[0][0] is pair[1][0], pairs)
        shared = sum(isinstance(one[0], Loop) for one, _ in both)
        if there.order < here.order and not shared:
            continue
        place, nest = _place(regions, update.path), _counted(there.chain)
        if place is None or nest is None or around is None:
            return False
        # A subscript that may be below zero may count from the end.
        lows = [_low(regions, w, around) for w in wanted]
        lows += [_low(regions, p, nest) for p in place]
        if len(place) != len(wanted) or min(lows, default=0) < 0:
            return False
        # The update comes later in so many cases: in each, so many loops around both
        # stand still and the next one has gone on, if that is still one around both.
        after = there.order > here.order and update is not own
        for case in range(shared + after):
            further = {loop.var: 0 for loop in nest[:case]}
            if case < shared:
                further[nest[case].var] = _step(nest[case])
            if not any(
                _low(regions, low - w.scaled(sign), around) >= 1
                for w, p in zip(wanted, place, strict=True)
                for sign in (1, -1)
                for low in _least(regions, p.scaled(sign), nest, further)
            ):
                return False
    return True


def _place(regions: Regions, path: Path) -> list[Dim] | None:
    """Return the subscripts of one element of an array."""
    items = path[0].items if len(path) == 1 and isinstance(path[0], Index) else (None,)
    place: list[Dim] = []
    for item in items:
        if item is None or isinstance(item, Slice) or item.type.rank:
            return None
        place.append(regions.linear(item))
    return place


def _counted(chain: Chain) -> list[For] | None:
    """Return the loops around a region if all count up or down by one."""
    loops = [s for s, _ in chain if isinstance(s, Loop)]
    counted = [s for s in loops if isinstance(s, For) and abs(_step(s)) == 1]
    return counted if len(counted) == len(loops) else None


def _step(loop: For) -> int:
    return int(loop.step.value) if isinstance(loop.step, Const) else 0


def _least(
    regions: Regions, dim: Dim, loops: list[For], further: dict[Value, int]
) -> list[Dim]:
    """Return a lower bound of an expression of the variables of loops, if there is one.

    Those in `further` are at least so much further than they were for the reader, of
    the others nothing but their range is known.
    """
    for loop in reversed(loops):
        factor, step = dim.factor(loop.var), _step(loop)
        if loop.var not in further:
            first, last = regions.linear(loop.start), regions.linear(loop.stop)
            end = first if (factor > 0) == (step > 0) else last - Dim(step)
            dim = dim.put({loop.var: end})
        elif factor * further[loop.var] < 0:
            return []
        else:
            dim = dim + Dim(factor * further[loop.var])
    return [dim]


def _low(regions: Regions, dim: Dim, loops: list[For]) -> float:
    """Return a number that an expression is never below."""
    (least,) = _least(regions, dim, loops, {})
    return -math.inf if least.known is None else least.known
