"""Write in one go what is cleared first and added to after.

The adjoint of `a[i] = f(a[i])` takes the cotangent of the element out of its buffer,
leaves zero there, and adds to it again. Where nothing looks at the place in between,

    t = d_a[i]; d_a[i] = 0.0; ...; d_a[i] += g      is     t = d_a[i]; ...; d_a[i] = g

and there is nothing to write if g is t itself.
"""

from collections.abc import Sequence
from dataclasses import replace

from srcgrad import ir
from srcgrad.analyses.finality import are_apart
from srcgrad.analyses.regions import Regions, regions_of
from srcgrad.ir import Function, Op, Operand, Stmt, Take, Value, View
from srcgrad.walk import blocks, every, instead, last, operands, reads, rewrite


def write_over(function: Function) -> Function:
    """Return the function with one write for what is cleared and then added to.

    >>> from srcgrad.builder import Builder, const
    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim
    >>> a, build = Value("a", Array("float64", (Dim(3),))), Builder()
    >>> t, b = build.take(a, (ir.Index((const(0),)),), "t")
    >>> b = build.accumulate(b, (ir.Index((const(0),)),), build.op("mul", t, 2.0))
    >>> before = Function("double", (a,), build.close(), (b,))
    >>> print(print_function(write_over(before)), end="")
    function double(a.0: float64[3])
      t.0: float64 = read a.0[0]
      t.1: float64 = mul(t.0, 2.0)
      a.1 = write a.0[0], t.1
      return a.1
    """
    if not any(isinstance(s, Take) for s in every(function.body)):
        return function
    regions = regions_of(function)
    new: dict[Stmt, list[Stmt]] = {}
    names: dict[Value, Operand] = {}
    for block in (function.body, *(b for s in every(function.body) for b in blocks(s))):
        for k, stmt in enumerate(block.stmts):
            added = isinstance(stmt, Take) and _added(
                regions, stmt, block.stmts[k + 1 :]
            )
            if not isinstance(stmt, Take) or not added or added in new:
                continue
            names[stmt.out] = stmt.base
            new[stmt] = _read(stmt)
            if added.value is stmt.value:
                names[added.out], new[added] = added.base, []
            else:
                written = (added.base, added.path, added.value, added.out, added.loc)
                new[added] = [ir.Write(*written)]
    if not new:
        return function

    cut, body = function.cut, instead(function.body, new)
    if cut is not None:
        cut = sum(len(new.get(s, [s])) for s in function.body.stmts[:cut])
    given = {value: last(value, names) for value in names}
    return rewrite(replace(function, body=body, cut=cut), given)


def _read(take: Take) -> list[Stmt]:
    """Return what reads a part and leaves it there."""
    if not take.value.type.rank:
        return [ir.Read(take.base, take.path, take.value, take.loc)]
    view = View(take.base, take.path, Value("", take.value.type), take.loc)
    return [view, Op("copy", (view.out,), (take.value,), loc=take.loc)]


def _added(regions: Regions, take: Take, rest: Sequence[Stmt]) -> ir.Accumulate | None:
    """Return what adds to a place that was cleared, if nothing looks at it before."""
    if ir.gathers(take.path):
        return None
    versions, chain = {take.out}, regions.site[take].chain
    for stmt in rest:
        if versions.isdisjoint(reads([stmt])):
            continue
        base, path = getattr(stmt, "base", None), getattr(stmt, "path", None)
        others = [x for x in operands(stmt) if x is not base]
        if blocks(stmt) or path is None or not versions.isdisjoint(others):
            return None
        if isinstance(stmt, ir.Accumulate) and path == take.path:
            return stmt
        if not are_apart(regions, take.base, path, take.path, chain):
            return None
        if isinstance(stmt, ir.Update):
            versions.add(stmt.out)
    return None
