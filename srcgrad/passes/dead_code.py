"""Remove what no result, no check and no draw depends on.

First, hand-overs that carry nothing go: a carry that yields what it was given, a
merge of one value with itself, a merge of True and False. All that is alive is then
found from the results and the checks; the rest is left out.

Effect chains stay whole: where an update of an outer buffer inside a region is alive,
so are the later updates of that buffer there and the carry or merge that hands it out,
read or not. Else nobody could tell what the buffer holds afterwards.
"""

from collections import defaultdict
from typing import Any

from srcgrad import ir, walk
from srcgrad.analyses.activity import reach
from srcgrad.ir import Block, Function, Operand, Stmt, Value, owned
from srcgrad.types import is_generator

_OWN = "start", "stop", "step", "cond", "exit"  # what loops and branches read
COMPUTED = "computed"  # the row of what is kept for what it may raise


def remove_dead_code(function: Function, *, lengths: bool = False) -> Function:
    """Return the function without statements and hand-overs that nothing needs.

    With `lengths` the integers stay that the shapes of living arrays are made of: an
    adjoint can then allocate by them.

    >>> from srcgrad.builder import Builder
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Scalar
    >>> x, build = Value("x", Scalar("float64")), Builder()
    >>> y = build.op("mul", x, x, name="y")
    >>> z = build.op("sub", y, x, name="z")
    >>> before = Function("square", (x,), build.close(), (y,))
    >>> print(print_function(remove_dead_code(before)), end="")
    function square(x.0: float64)
      y.0: float64 = mul(x.0, x.0)
      return y.0
    """
    while True:
        names, gone = _needless(function)
        if not gone:
            break
        function = walk.rewrite(function, names, gone=gone)
    live = _live(function, lengths)
    uncounted: dict[Any, None] = {}
    for stmt in walk.every(function.body):
        parts = *getattr(stmt, "carries", ()), *getattr(stmt, "merges", ())
        gone.update(x for x in (stmt, *parts) if x not in live)
        if isinstance(stmt, ir.Loop) and stmt.trips not in live:
            uncounted[stmt.trips] = None
    return walk.rewrite(function, makes=uncounted, gone=gone)


def drop_needless_checks(function: Function) -> Function:
    """Remove the checks that something is computed which is computed anyway."""
    rows = (getattr(stmt, "row", "") for stmt in walk.every(function.body))
    return remove_dead_code(function, lengths=True) if COMPUTED in rows else function


def _needless(function: Function) -> tuple[dict[Value, Operand], set[Any]]:
    """Return carries and merges that carry nothing, and what stands for their values.

    A carry is needless that is what it was given in every turn, and a merge of one
    value with itself, or of True and False.
    """
    names: dict[Any, Operand] = {}
    gone: set[Any] = set()

    def stands(x: Operand, y: Operand, place: Value) -> bool:
        """Tell whether x is y and may be put for a value: 0.0 and -0.0 are two."""
        weak = not owned(place.type) and x.type != place.type
        return x == y and repr(x) == repr(y) and not weak

    for stmt in reversed([*walk.every(function.body)]):  # inner ones before outer ones
        for c in getattr(stmt, "carries", ()):
            init, yld = walk.last(c.init, names), walk.last(c.yld, names)
            if stands(init, init if yld is c.inn else yld, c.inn):
                names[c.inn] = names[c.out] = init
                gone.add(c)
        for m in getattr(stmt, "merges", ()):
            then, orelse = walk.last(m.then, names), walk.last(m.orelse, names)
            if stands(then, orelse, m.out):
                names[m.out] = then
                gone.add(m)
            elif (repr(then), repr(orelse)) == ("True", "False"):
                names[m.out] = stmt.cond  # type: ignore[union-attr]
                gone.add(m)
    return {value: walk.last(value, names) for value in names}, gone


class _Needs:
    """What every value, statement, carry and merge needs."""

    def __init__(self, function: Function) -> None:
        self.of: dict[Any, list[Any]] = defaultdict(list)
        # How deep the outermost region lies that a version's memory comes from, and
        # the versions of outer buffers that a region has made.
        self.home: dict[Operand, int] = dict.fromkeys(function.params, 0)
        self.changed: set[Operand] = set()
        self.index(function.body, ())

    def index(self, block: Block, around: tuple[Stmt, ...]) -> None:
        """Note what the statements of a block need."""
        needs, home, depth = self.of, self.home, len(around)
        for stmt in block.stmts:
            # What carries and merges read is needed only if they are.
            own = (getattr(stmt, f, None) for f in _OWN)
            reads = own if walk.blocks(stmt) else walk.operands(stmt)
            needs[stmt] += (*around[-1:], *reads)
            for value in (*walk.outs(stmt), *walk.inner_outs(stmt)):
                needs[value].append(stmt)
            if not isinstance(stmt, ir.Op):
                self.hand_on(stmt, around)
            for value in walk.outs(stmt):
                if home.setdefault(value, depth) < depth:
                    self.changed.add(value)

    def hand_on(self, stmt: Stmt, around: tuple[Stmt, ...]) -> None:
        """Note what carries, merges and updates need, and what is inside."""
        needs, home, depth = self.of, self.home, len(around)
        if isinstance(stmt, ir.Update):
            needs[stmt].append(stmt.out)
        carries = getattr(stmt, "carries", ())
        arrays = [c for c in carries if owned(c.inn.type)]
        start = min([depth, *(home[c.init] for c in arrays)])
        home.update((c.inn, start) for c in arrays)
        for inner in walk.blocks(stmt):
            self.index(inner, (*around, stmt))
        for source, target in walk.handed(stmt):
            needs[target].append(source)
            if owned(target.type):
                home[target] = min(home.get(target, depth), start, home[source])
            if source in self.changed:
                needs[source].append(target)
        for c in carries:
            needs[c.inn] += [c, c.out]
            needs[c.out] += [c, c.inn]
        for m in getattr(stmt, "merges", ()):
            needs[m.out].append(m)


def _live(function: Function, lengths: bool) -> set[Any]:
    """Return the values, statements, carries and merges that are needed."""
    needs = _Needs(function).of
    if lengths:
        for value in {*function.params, *(v for v in needs if isinstance(v, Value))}:
            dims = value.type.dims
            needs[value] += [atom for dim in dims for atom, _ in dim.terms]
    kept: list[Any] = [*function.results]
    unused: dict[Any, ir.Assert] = {}
    computed: dict[Any, Operand] = {}
    for s in walk.every(function.body):
        if isinstance(s, ir.Op) and s.row == COMPUTED:
            computed[s.out] = s.args[0]
        elif isinstance(s, ir.Assert) and s.cond in computed:
            unused[computed[s.cond]] = s
        elif isinstance(s, ir.Assert):
            kept.append(s)
        elif isinstance(s, ir.Write) and is_generator(s.base.type):
            kept.append(s)
    live = reach(kept, needs)
    more = [check for value, check in unused.items() if value not in live]
    return reach([*kept, *more], needs) if more else live
