"""Cut an adjoint in two: a forward sweep that runs once, and a pullback.

The forward sweep returns its results and all that the backward sweep reads of it. The
pullback may run any number of times: what it changes of that it copies first.
"""

from collections.abc import Sequence

from srcgrad.analyses.regions import Regions
from srcgrad.builder import Builder
from srcgrad.ir import Block, Function, Op, Stmt, Value, View, gathers, owned
from srcgrad.types import ListOf
from srcgrad.walk import consumed, every, free, outs, rewrite


def split(
    adjoint: Function, params: int, results: int
) -> tuple[Function, Function] | None:
    """Return the forward sweep and the pullback, None if a list of arrays is kept.

    Compiled code does not take such a list back. The forward sweep takes the parameters
    and returns the results, then what is kept; the pullback takes what is kept, then
    the cotangents, and returns the gradients.

    Args:
        adjoint: A function and its backward sweep in one.
        params: How many parameters the function itself has.
        results: How many results it has.
    """
    cut, regions = adjoint.cut, Regions(adjoint)
    head, tail = adjoint.body.stmts[:cut], adjoint.body.stmts[cut:]
    seeds, gradients = adjoint.params[params:], adjoint.results[results:]
    views = {s.out: s for s in head if isinstance(s, View) and not gathers(s.path)}
    gone, buffer = _changed(head), regions.buffer
    made = (*adjoint.params, *(v for s in head for v in outs(s)))
    last = {buffer[v]: v for v in made if v in buffer}
    while True:
        backward = Function("", (), Block(tail), gradients)
        kept = [v for v in free(backward) if v not in seeds]
        # Of a version that was changed only the shape is read: the last one has it.
        stale = {v: last[buffer[v]] for v in kept if v in gone}
        parts = [views[v] for v in kept if v in views]
        if not parts and not stale:
            break
        tail = (*parts, *rewrite(Block(tail), stale).stmts)
        if gone.intersection(stale.values()):
            return None
    lists = [v for v in kept if isinstance(v.type, ListOf)]
    if any(isinstance(v.type, ListOf) and v.type.item.rank for v in lists):
        return None
    build = Builder(trusting=True)
    build.open[-1] += head
    # A result is copied where it lies in memory that is kept.
    held = {buffer[v].family() for v in kept if v in buffer}
    own = list(adjoint.results[:results])
    for k, r in enumerate(own):
        if owned(r.type) and (r not in buffer or buffer[r].family() in held):
            own[k] = build.op("copy", r)
    packed = {v: build.op("pack_list", v, name=v.name) for v in lists}
    out = (*own, *(packed.get(v, v) for v in kept))
    name, taken = f"{adjoint.name}_forward", adjoint.params[:params]
    forward = Function(name, taken, build.close(), out, adjoint.loc)
    changed = _changed(tail)
    given = {v: Value(v.name, v.type) for v in kept if v in changed}
    copies = [Op("copy", (new,), (v,)) for v, new in given.items()]
    body = rewrite(Block((*copies, *tail)), packed)
    takes = (*(packed.get(v) or given.get(v, v) for v in kept), *seeds)
    name, loc = f"{adjoint.name}_pullback", adjoint.loc
    return forward, Function(name, takes, body, gradients, loc, slopes=adjoint.slopes)


def _changed(stmts: Sequence[Stmt]) -> set[Value]:
    """Return the versions that statements update or hand on."""
    return {v for stmt in every(Block(tuple(stmts))) for v in consumed(stmt)}
