"""Which element reads see a value that no later write changes.

In a loop nest that writes `A[i, j]` at exactly its loop variables, an element that lies
before `(i, j)` in the order of the loops is finished: the reverse sweep may read it
where it lies. This is what lets an in-place Cholesky, LU, Thomas or prefix recurrence
run backward with nothing on the tape.
"""

from __future__ import annotations

from srcgrad.analyses.regions import Chain, Regions, Site, Update
from srcgrad.ir import Const, For, Index, Path, Push, Slice, Stmt, Value, While
from srcgrad.types import Dim

__all__ = ["is_final"]


def is_final(
    regions: Regions, base: Value, path: Path, reader: Stmt, own: Stmt | None = None
) -> bool:
    """Tell whether the element at `path` keeps the value it has at `reader`.

    `own` is a write at this very place that is the source of the value, not a change.
    """
    wanted = _place(regions, path)
    if wanted is None:
        return False
    here = regions.site[reader]
    for update in regions.family_updates(base):
        if isinstance(update, Push):
            continue
        there = regions.site[update]
        shared = _shared(here.chain, there.chain)
        loops = [s for s, _ in shared if isinstance(s, For | While)]
        if there.order < here.order and not loops:
            continue
        place = _place(regions, update.path)
        if place is None or len(place) != len(wanted):
            return False
        if not _never_meets(regions, wanted, place, update, here, loops, own):
            return False
    return True


def _place(regions: Regions, path: Path) -> list[Dim] | None:
    if len(path) != 1 or not isinstance(path[0], Index):
        return None
    place: list[Dim] = []
    for item in path[0].items:
        if item is None or isinstance(item, Slice) or item.type.rank:
            return None
        if isinstance(item, Const) and item.value < 0:
            return None
        place.append(regions.linear(item))
    return place


def _shared(a: Chain, b: Chain) -> Chain:
    out = []
    for x, y in zip(a, b, strict=False):
        if x[0] is not y[0]:
            break
        out.append(x)
    return tuple(out)


def _never_meets(
    regions: Regions, wanted: list[Dim], place: list[Dim], update: Update,
    here: Site, loops: list[For | While], own: Stmt | None,
) -> bool:  # fmt: skip
    """Show that no later execution of the update hits the wanted element."""
    nest = [s for s, _ in regions.site[update].chain if isinstance(s, For | While)]
    order = here.order
    if not all(_from_front(regions, w, chain_loops(here.chain)) for w in wanted):
        return False
    if not all(_from_front(regions, p, nest) for p in place):
        return False
    around = [s for s, _ in here.chain if isinstance(s, For | While)]
    if not all(isinstance(s, For) and _unit(s) for s in nest + around):
        return False
    cases = list(range(len(loops)))
    if update is not own and regions.site[update].order > order:
        cases.append(len(loops))
    for case in cases:
        primed = _later(nest, loops, case)
        if primed is None:
            return False
        if not any(
            _apart(regions, w, p, primed, nest, around)
            for w, p in zip(wanted, place, strict=True)
        ):
            return False
    return True


def chain_loops(chain: Chain) -> list[For | While]:
    """Return the loops around a region."""
    return [s for s, _ in chain if isinstance(s, For | While)]


def _from_front(regions: Regions, dim: Dim, loops: list[For | While]) -> bool:
    """Show that a subscript never counts from the end: negative ones wrap around."""
    if not all(isinstance(s, For) and _unit(s) for s in loops):
        return False
    low = _settle(regions, dim, loops)
    return low is not None and low >= 0


def _unit(loop: Stmt) -> bool:
    assert isinstance(loop, For)
    return isinstance(loop.step, Const) and abs(loop.step.value) == 1


def _later(
    nest: list[For | While], loops: list[For | While], case: int
) -> dict[Value, tuple[Value, int] | None] | None:
    """Describe a later turn: equal in the first `case` loops, further in the next.

    Each loop variable of the update maps to (the reader's variable, how much further at
    least), or to None where nothing but its range is known.
    """
    primed: dict[Value, tuple[Value, int] | None] = {}
    for depth, loop in enumerate(nest):
        assert isinstance(loop, For)
        assert isinstance(loop.step, Const)
        if depth < len(loops) and depth < case:
            primed[loop.var] = (loop.var, 0)
        elif depth < len(loops) and depth == case:
            primed[loop.var] = (loop.var, int(loop.step.value))
        else:
            primed[loop.var] = None
    return primed


def _apart(
    regions: Regions, wanted: Dim, place: Dim,
    primed: dict[Value, tuple[Value, int] | None],
    nest: list[For | While], around: list[For | While],
) -> bool:  # fmt: skip
    """Show that two subscripts differ, one way or the other."""
    for sign in (1, -1):
        low = _least(regions, place.scaled(sign), primed, nest)
        if low is None:
            continue
        high = _least(regions, wanted.scaled(-sign), None, around)
        if high is None:
            continue
        gap = _settle(regions, low + high, around)
        if gap is not None and gap >= 1:
            return True
    return False


def _least(
    regions: Regions, dim: Dim,
    primed: dict[Value, tuple[Value, int] | None] | None,
    nest: list[For | While],
) -> Dim | None:  # fmt: skip
    """Return a lower bound of an expression of the update's loop variables."""
    if primed is None:
        return dim
    for loop in reversed(nest):
        assert isinstance(loop, For)
        factor = next((c for a, c in dim.terms if a is loop.var), 0)
        if not factor:
            continue
        rest = dim - Dim(0, ((loop.var, factor),))
        known = primed[loop.var]
        if known is None:
            bound = _bound(regions, loop, factor)
            if bound is None:
                return None
            dim = rest + bound.scaled(factor)
        elif known[1] == 0:
            continue
        elif (known[1] > 0) == (factor > 0):
            dim = rest + (Dim(known[1], ((loop.var, 1),))).scaled(factor)
        else:
            return None
    return dim


def _bound(regions: Regions, loop: For, factor: int) -> Dim | None:
    """Return the end of a loop's range that makes `factor * var` least."""
    assert isinstance(loop.step, Const)
    step = int(loop.step.value)
    first = regions.linear(loop.start)
    last = regions.linear(loop.stop) - Dim(step)
    ascending = step > 0
    return first if (factor > 0) == ascending else last


def _settle(regions: Regions, dim: Dim, around: list[For | While]) -> int | None:
    """Return a number that the expression is never below, if there is one."""
    for loop in reversed(around):
        assert isinstance(loop, For)
        factor = next((c for a, c in dim.terms if a is loop.var), 0)
        if factor:
            bound = _bound(regions, loop, factor)
            if bound is None:
                return None
            dim = dim - Dim(0, ((loop.var, factor),)) + bound.scaled(factor)
    if dim.terms:
        return None
    return dim.const
