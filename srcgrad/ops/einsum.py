"""Einstein's sums: one row, whose slopes are such sums again.

Plain Python calls `np.einsum` itself. A kernel takes two operands at a time: what both
have and nobody wants later is summed, by a matrix product where it is one.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import reduce
from typing import Any

from srcgrad.ops.layout import Each, Term
from srcgrad.ops.table import Attrs, ShapeError, Shapes, Unsupported, as_array, bilinear
from srcgrad.types import Array, Dim, Scalar, Type, is_inexact, promote

Types = Sequence[Type]
ALL = slice(None)


def labels(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the labels of each operand and of the result, with none left out.

    >>> labels("...ij,jk", (3, 2))
    (['aij', 'jk'], 'aik')
    """
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    terms = given.split(",")
    if len(terms) != len(ranks):
        raise ShapeError("einsum: more or fewer operands than terms in the subscripts")
    wide = [r - len(t) + 3 for t, r in zip(terms, ranks, strict=True) if "..." in t]
    free = [c for c in string.ascii_letters if c not in subscripts]
    free = free[: max(wide, default=0)]
    spelled = [t.replace("...", "".join(free[len(free) + len(t) - 3 - r :]))
               for t, r in zip(terms, ranks, strict=True)]  # fmt: skip
    if not arrow:
        letters = sorted(c for c in {*given} - {*".,"} if given.count(c) == 1)
        result = "..." * ("..." in given) + "".join(letters)
    lost = free and "..." not in result
    result = result.replace("...", "".join(free))
    known = {*"".join(spelled)}
    fits = all(len(t) == r for t, r in zip(spelled, ranks, strict=True))
    if lost or not fits or len({*result}) < len(result) or {*result} - known:
        raise ShapeError("einsum: the subscripts do not fit the operands")
    return spelled, result


def _type(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    terms, result = labels(attrs["subscripts"], [t.rank for t in types])
    dtype = promote(*(Scalar(t.dtype) for t in types))
    if dtype == "bool":
        raise Unsupported("sums of truth values are not supported")
    met: dict[str, Dim] = {}
    for term, t in zip(terms, types, strict=True):
        own: dict[str, Dim] = {}
        for c, d in zip(term, getattr(t, "dims", ()), strict=True):
            what = "einsum: the lengths {} and {} of a diagonal differ"
            own[c] = shapes.same(own[c], d, what) if c in own else d
        for c, d in own.items():
            pair = [Array(dtype, (x,)) for x in (met.get(c, d), d)]
            (met[c],) = shapes.broadcast(pair)
    return as_array(types[0], dtype, tuple(met[c] for c in result))


def _text(types: Types, attrs: Attrs) -> str:
    how = attrs.get("optimize", False)
    more = f", optimize={how!r}" if how else ""
    return f"np.einsum({attrs['subscripts']!r}, {{*arrays}}{more})"


# slopes


def _slopes(
    g: Term, arrays: list[Term], subscripts: str, optimize: Any, arange: Any, where: Any
) -> Each:
    """Sum over all that an operand has not; a diagonal is put back on its place."""
    terms, result = labels(subscripts, [a.rank for a in arrays])

    def slope(k: int) -> Term:
        others = [j for j in range(len(terms)) if j != k]
        left = [result, *(terms[j] for j in others)]
        wanted = "".join(c for c in dict.fromkeys(terms[k]) if c in "".join(left))
        given = [arrays[j] for j in others]
        if given:
            text = f"{','.join(left)}->{wanted}"
            found = g.einsum(*given, subscripts=text, optimize=optimize)
        else:
            found = g.permute(tuple(result.index(c) for c in wanted))
        return _placed(found, wanted, terms[k], arrays[k].shape, arange, where)

    return Each(slope)


def _placed(t: Term, have: str, wanted: str, shape: Any, *by: Any) -> Term:
    """Give an array axes of length one, and diagonals beside which all is zero."""
    first = [wanted.index(c) for c in wanted]
    items = [ALL if at == k and c in have else None
             for k, (at, c) in enumerate(zip(first, wanted, strict=True))]  # fmt: skip
    out = t[tuple(items)] if t.rank and None in items else t
    for k, at in enumerate(first):
        if at < k:
            out = _on_diagonal(out, shape[k], len(wanted) - at, len(wanted) - k, *by)
    return out


def _on_diagonal(
    t: Term, n: Any, one: int, other: int, arange: Any, where: Any
) -> Term:
    """Return an array with zeros where two axes, counted from the end, differ."""
    line = arange(0, n, 1)
    down, across = (line[(ALL, *[None] * (k - 1))] for k in (one, other))
    return where(down == across, t, 0)


# what a kernel computes


def _meaning(
    arrays: list[Term], subscripts: str, z: Term, arange: Any, where: Any
) -> Term:
    terms, result = labels(subscripts, [a.rank for a in arrays])
    long = {c for t, a in zip(terms, arrays, strict=True)
            for c, one in zip(t, _ones(a), strict=True) if not one}  # fmt: skip
    same = [a if a.dtype == z.dtype else a.cast(dtype=z.dtype) for a in arrays]
    parts = [_part(a, t, long, arange, where)
             for a, t in zip(same, terms, strict=True)]  # fmt: skip
    while len(parts) > 1:
        pairs = [(i, j) for j in range(len(parts)) for i in range(j)]
        i, j = min(pairs, key=lambda pair: _size(parts, pair, result))
        rest = [p for k, p in enumerate(parts) if k not in (i, j)]
        kept = result + "".join(c for _, c in rest)
        parts = [_product(*parts[i], *parts[j], kept), *rest]
    out, have = _summed(*parts[0], result)
    order = tuple(have.index(c) for c in result)
    if order != tuple(sorted(order)) or out is arrays[0]:
        out = out.permute(order).copy()
    return out if out.dtype == z.dtype else out.cast(dtype=z.dtype)


def _lengths(a: Term) -> list[Any]:
    """Return lengths, asked of the array: nobody may have measured them any more."""
    dims = a.type.dims if isinstance(a.type, Array) else ()
    return [a.op("dim", axis=k) if d.known is None else d.known
            for k, d in enumerate(dims)]  # fmt: skip


def _ones(a: Term) -> list[bool]:
    dims = a.type.dims if isinstance(a.type, Array) else ()
    return [d.known == 1 for d in dims]


def _part(
    a: Term, term: str, long: set[str], arange: Any, where: Any
) -> tuple[Term, str]:
    """Return an operand with one axis for each label, and none that is stretched."""
    short = [one and c in long for c, one in zip(term, _ones(a), strict=True)]
    if any(short):
        a = a[tuple(0 if drop else ALL for drop in short)]
        term = "".join(c for c, drop in zip(term, short, strict=True) if not drop)
    for k in reversed(range(len(term))):
        if (first := term.index(term[k])) < k:
            places = (a.rank - first, a.rank - k)
            a = _on_diagonal(a, _lengths(a)[k], *places, arange, where).sum(axis=(k,))
            term = term[:k] + term[k + 1 :]
    return a, term


def _size(
    parts: list[tuple[Term, str]], pair: tuple[int, int], result: str
) -> tuple[int, int]:
    """Return how many axes a product has, and how few it sums over."""
    kept = result + "".join(c for k, (_, c) in enumerate(parts) if k not in pair)
    both = {*parts[pair[0]][1], *parts[pair[1]][1]}
    return len(both & {*kept}), -len(both - {*kept})


def _summed(x: Term, have: str, kept: str) -> tuple[Term, str]:
    axes = tuple(k for k, c in enumerate(have) if c not in kept)
    left = "".join(c for c in have if c in kept)
    return (x.sum(axis=axes) if axes else x), left


def _product(x: Term, a: str, y: Term, b: str, kept: str) -> tuple[Term, str]:
    """Multiply two operands, and sum over what is not kept."""
    (x, a), (y, b) = _summed(x, a, kept + b), _summed(y, b, kept + a)
    inner = "".join(c for c in a if c in b and c not in kept)
    outer = "".join(c for c in a if c in b and c in kept)
    mine, theirs = ("".join(c for c in t if c not in inner + outer) for t in (a, b))
    if is_inexact(x.dtype) and inner and mine and theirs:
        if kept.find(mine[0]) > kept.find(theirs[0]) >= 0:
            x, a, mine, y, b, theirs = y, b, theirs, x, a, mine
        return _matrices(x, a, y, b, (outer, mine, inner, theirs))
    order = outer + mine + theirs + inner
    wide = _aligned(x, a, order) * _aligned(y, b, order)
    return _summed(wide, order, kept)


def _aligned(x: Term, have: str, order: str) -> Term:
    """Return an operand with the axes of a product, some of length one."""
    laid = x.permute(tuple(have.index(c) for c in order if c in have))
    items = [ALL if c in have else None for c in order]
    while items and items[0] is None:
        items.pop(0)  # broadcast adds these
    return laid[tuple(items)] if None in items else laid


def _matrices(
    x: Term, a: str, y: Term, b: str, groups: tuple[str, ...]
) -> tuple[Term, str]:
    """Multiply stacks of matrices whose axes are groups of labels."""
    outer, mine, inner, theirs = groups
    sizes = {c: n for t, have in ((x, a), (y, b))
             for c, n in zip(have, _lengths(t), strict=True)}  # fmt: skip

    def stack(t: Term, have: str, *parts: str) -> Term:
        made = t.permute(tuple(have.index(c) for c in "".join(parts)))
        if all(len(p) == 1 for p in parts):
            return made
        return made.reshape(*(_times(sizes[c] for c in p) for p in parts))

    front = (outer,) if outer else ()
    pairs = stack(x, a, *front, mine, inner) @ stack(y, b, *front, inner, theirs)
    have = outer + mine + theirs
    if all(len(p) == 1 for p in (*front, mine, theirs)):
        return pairs, have
    return pairs.reshape(*(sizes[c] for c in have)), have


def _times(sizes: Any) -> Any:
    return reduce(lambda n, m: n * m, sizes)


bilinear("einsum(*arrays, subscripts='', optimize=False)", _type, arrays=_slopes,
         spell=_text, meaning=_meaning, cost=100, of_complex=True)  # fmt: skip
