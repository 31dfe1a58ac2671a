"""Attention, whose weights no array has for all queries, and what its slopes are.

With the weights `p`, rows of the softmax of products, the slope by the products of what
moves with the weights as `x` is `p * (x - sum(p * x))`, for each row: `_through(p, x)`.
The slopes by queries, keys and values come out of one kernel, side by side; how they
move in turn is written with all weights, in plain products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.ops.layout import (
    Term,
    as_dtype,
    call,
    lengths,
    multiply,
    times,
    tuple_text,
)
from srcgrad.ops.table import Attrs, Infer, Shapes, Unsupported, rule
from srcgrad.types import Array, Dim, Type, promote

Names = list[str]
Types = Sequence[Type]


# types


def _dtype(types: Types) -> str:
    """Return the dtype of all; a mask of bools has no part in it."""
    dtype = promote(*(t for t in types if t.dtype != "bool"))
    if not dtype.startswith("float"):
        raise Unsupported("attention takes arrays of floats")
    return dtype


def _weights(shapes: Shapes, types: Types, attrs: Attrs) -> Array:
    q, k = (t for t in types[:2] if isinstance(t, Array))
    dims = (*q.dims[:-1], k.dims[-2])
    shapes.same(q.dims[-1], k.dims[-1], "attention: queries of {} features, keys of {}")
    for mask in types[2:]:
        shapes.broadcast([Array("bool", dims), mask])
    return Array(_dtype(types), dims)


def _means(shapes: Shapes, types: Types, attrs: Attrs) -> Array:
    q, k, v, *mask = types
    weights = _weights(shapes, [q, k, *mask], attrs)
    assert isinstance(v, Array)
    shapes.same(weights.dims[-1], v.dims[-2], "attention: {} keys, but {} values")
    return Array(_dtype(types), (*weights.dims[:-1], v.dims[-1]))


def _side_by_side(shapes: Shapes, types: Types, attrs: Attrs) -> Array:
    total = Dim(0)
    for t in types[:3]:
        total = total + multiply(shapes, t.dims if isinstance(t, Array) else ())
    return Array(_dtype(types[:3]), (total,))


# kernels


def _kernel(name: str, operands: int) -> Any:
    """Return the kernel text of a row of so many operands and a mask."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        dtype = _dtype(types)
        given = [
            as_dtype(n, t, dtype) for n, t in zip(names[:operands], types, strict=False)
        ]
        sees, more, spread = "None", "None", "(1, 1, 1, 1, 1)"
        if len(names) > operands:
            mask, t = names[-1], types[-1]
            spread = _spread(mask, t, lengths(names[0], types[0])[:-2])
            if t.dtype == "bool":
                sees = mask
            else:
                more = as_dtype(mask, t, dtype)
        causal = bool(attrs.get("causal"))
        return call(name, dtype, *given, sees, more, causal, spread)

    return text


def _spread(mask: str, t: Type, outer: Names) -> str:
    """Return how a mask spreads: outer heads and inner ones, which it may not have."""
    sizes = lengths(mask, t)
    *heads, rows, columns = ["1"] * (len(outer) + 2 - len(sizes)) + sizes
    one = [n == "1" for n in heads]
    cut = next((k for k in range(1, len(one)) if one[k] != one[k - 1]), 0)
    if len({*one[cut:]}) > 1:
        raise NotImplementedError("a mask that spreads along axes that lie apart")
    inner = times(outer[cut:])
    return tuple_text([inner, times(heads[:cut]), times(heads[cut:]), rows, columns])


# rules


def _sum(x: Term) -> Term:
    return x.sum(axis=(x.rank - 1,), keepdims=True)


def _through(p: Term, x: Term) -> Term:
    return p * (x - _sum(p * x))


def _size(q: Term) -> Term:
    return q.shape[-1] ** -0.5


def _parts(g: Term, *like: Term) -> list[Term]:
    """Return what lies side by side in a vector, each in the shape of one of these."""
    out, start = list[Term](), None
    for x in like:
        stop = x.size if start is None else start + x.size
        out.append(g[start:stop].shaped(*x.shape))
        start = stop
    return out


def _means_rule(
    q: Term, k: Term, v: Term, g: Term, mask: list[Term], causal: bool
) -> dict[str, Any]:
    beside = q.attention_slopes(k, v, g, *mask, causal=causal, name="slopes")
    return dict(zip("qkv", _parts(beside, q, k, v), strict=True))


def _added_rule(
    q: Term, k: Term, v: Term, g: Term, mask: list[Term], causal: bool
) -> list[Term]:
    return [_through(q.attention_weights(k, *mask, causal=causal), g @ v.mT)]


def _weights_rule(q: Term, k: Term, g: Term, z: Term) -> dict[str, Any]:
    slope = _through(z, g)
    inner = slope * _size(q)
    return {"q": inner @ k, "k": inner.mT @ q, "mask": [slope]}


def _slopes_rule(
    q: Term, k: Term, v: Term, y: Term, g: Term, mask: list[Term], causal: bool
) -> dict[str, Any]:
    """Return the slopes by all operands of `attention_slopes`.

    Summed up with `g`, whose parts are `a`, `b`, `c`, the result is the sum of
    `u * _through(p, x) + p * (y @ c.mT)`.
    """
    size, (a, b, c) = _size(q), _parts(g, q, k, v)
    p = q.attention_weights(k, *mask, causal=causal, name="weights")
    x = y @ v.mT
    u = (a @ k.mT + q @ b.mT) * size
    moved, back = _through(p, u), _through(p, x) * size
    slope = _through(p, u * (x - _sum(p * x)) - x * _sum(p * u) + y @ c.mT)
    inner = slope * size
    return {
        "q": inner @ k + back @ b, "k": inner.mT @ q + back.mT @ a,
        "v": moved.mT @ y, "y": moved @ v + p @ c, "mask": [slope],
    }  # fmt: skip


def _row(name: str, params: str, infer: Infer, rules: dict[str, Any]) -> None:
    """Enter a row of so many operands and of a mask, if there is one."""
    takes = params.split()
    shown = ", ".join(f"{{{p}}}" for p in takes)

    def spell(types: Types, attrs: Attrs) -> str:
        mask = ", {mask}" if len(types) > len(takes) else ""
        return f"{name}({shown}{mask}{{keywords}})"

    rule(f"{name}({', '.join(takes)}, *mask, causal=False)", infer, spell=spell,
         kernel=_kernel(name, len(takes)), cost=200, **rules)  # fmt: skip


_row("attended", "q k v", _means,
     {**dict.fromkeys("qkv", _means_rule), "mask": _added_rule})  # fmt: skip
_row("attention_weights", "q k", _weights,
     dict.fromkeys(("q", "k", "mask"), _weights_rule))  # fmt: skip
_row("attention_slopes", "q k v y", _side_by_side,
     dict.fromkeys(("q", "k", "v", "y", "mask"), _slopes_rule))  # fmt: skip
