# mypy: allow-untyped-defs, allow-untyped-calls
"""Filters of `scipy.signal`, along the last axis of a matrix.

A filter is linear in what comes in, so its adjoint is the filter of reversed rows. With
w the adjoint of the feedback alone, the parameters get sums of w times what came in,
or went out, so many places before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.ops.layout import as_dtype
from srcgrad.ops.prelude import kind, means, refused, rows
from srcgrad.ops.table import Attrs, Shapes, rule
from srcgrad.types import Array, Type, promote

Term = Any
Types = Sequence[Type]


def _filtered(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x = types[2]
    return Array(promote(*types), x.dims if isinstance(x, Array) else ())


def _lags(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Array(promote(*types[:2]), (shapes.dim(attrs["args"][2]),))


def _turned(x: Term) -> Term:
    return x[slice(None), slice(None, None, -1)]


def _fed_back(g: Term, a: Term, ones: Any) -> Term:
    """Return the adjoint of the feedback alone."""
    return _turned(ones(1, dtype=g.dtype).lfilter(a, _turned(g)))


def _kernel(name: str) -> Any:
    def text(names: list[str], types: Types, attrs: Attrs) -> str:
        dtype = promote(*(t for t in types if t.rank))
        given = [as_dtype(n, t, dtype) if t.rank else n
                 for n, t in zip(names, types, strict=True)]  # fmt: skip
        return f"rt_{name}({', '.join(given)})"

    return text


rule("lfilter(b, a, x)", _filtered, cost=100, spell="signal.lfilter",
     kernel=_kernel("lfilter"),
     x=lambda g, b, a: _turned(b.lfilter(a, _turned(g))),
     b=lambda g, b, a, x, ones: _fed_back(g, a, ones).lagged(x, b.shape[0]),
     a=lambda g, a, z, ones: -_fed_back(g, a, ones).lagged(z, a.shape[0]),
     )  # fmt: skip
rule("lagged(w, x, n)", _lags, cost=100, spell="lagged", kernel=_kernel("lagged"),
     w=lambda g, x, ones: g.lfilter(ones(1, dtype=g.dtype), x),
     x=lambda g, w, ones: _turned(g.lfilter(ones(1, dtype=g.dtype), _turned(w))),
     )  # fmt: skip


@means("scipy.signal.lfilter")
def lfilter(b, a, x, axis=-1, zi=None):
    if zi is not None:
        advice = "leave `zi` out, or write the recurrence as a loop"
        return refused("`lfilter` is known from rest", advice)
    ahead, back, given = np.atleast_1d(b), np.atleast_1d(a), np.asarray(x)
    if kind(ahead * given[..., :1] * back[0]) not in ("float64", "float32"):
        return refused("`lfilter` is known of floats", "pass `x.astype(np.float64)`")
    across = np.moveaxis(given, axis, -1)
    flat = across.reshape(-1, across.shape[-1])
    out = rows.lfilter(ahead, back, flat).reshape(across.shape)
    return np.moveaxis(out, -1, axis)
