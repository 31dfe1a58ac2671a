# mypy: allow-untyped-defs, allow-untyped-calls
"""Splines of `scipy.interpolate`, given by knots and coefficients.

A slope is the spline of one derivative more; what points give to the coefficients is
the transpose of reading them, which is linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.ops.layout import as_dtype
from srcgrad.ops.prelude import is_one, means, rows, typed
from srcgrad.ops.table import Attrs, Infer, Kernel, Shapes, Unsupported, rule
from srcgrad.types import Array, Type

Term = Any
Types = Sequence[Type]


def _lengths(types: Types) -> list[Any]:
    if any(not isinstance(t, Array) or t.rank != 1 for t in types):
        raise Unsupported("points, knots and coefficients of a spline are vectors")
    return [t.dims[0] for t in types if isinstance(t, Array)]


def of_points(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    """Return the type of a number for each point."""
    return Array("float64", (_lengths(types)[0],))


def _plane(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Array("float64", tuple(_lengths(types)[:2]))


def _coefficients(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    """Return the type of what coefficients are given; the last operand counts them."""
    return Array("float64", (shapes.dim(attrs["args"][-1]),))


def _called(name: str, **defaults: int) -> Kernel:
    def text(names: list[str], types: Types, attrs: Attrs) -> str:
        given = [as_dtype(n, t, "float64") if t.rank else n
                 for n, t in zip(names, types, strict=True)]  # fmt: skip
        given += [str(attrs.get(key, value)) for key, value in defaults.items()]
        return f"rt_{name}({', '.join(given)})"

    return text


def _knots(g: Term) -> Term:
    what = "splines have derivatives in points and coefficients, not in knots"
    raise Unsupported(what, "keep the knots constant: `srcgrad.stop_gradient(t)`")


def enter(signature: str, infer: Infer, attrs: dict[str, int], **options: Any) -> None:
    """Enter a row that takes points, knots and what is there, as its kernel does."""
    name, _, operands = signature.partition("(")
    fixed = {t: _knots for t in ("t", "tx", "ty") if t in operands.split(", ")}
    whole = ", ".join([signature, *(f"{key}={value}" for key, value in attrs.items())])
    rule(f"{whole})", infer, cost=100, kernel=_called(name, **attrs), **fixed,
         **{"spell": name, **options})  # fmt: skip


# of one variable; outside of the knots one reaches on, is 0, raises or stays level


def _slope(x: Term, t: Term, coef: Term, k: int, der: int, ext: int) -> Term:
    """Return the slope at points; derivatives of what stays level reach on to SciPy."""
    outside = int(der == 0) if ext == 3 else ext
    if der == k:  # level between knots
        return 0.0 * x.spline(t, coef, k=k, der=k, ext=ext)
    return x.spline(t, coef, k=k, der=der + 1, ext=outside)


enter("spline(x, t, coef", of_points, {"k": 3, "der": 0, "ext": 0},
       spell="interpolate.splev({x}, ({t}, {coef}, {k}), {der}, {ext})",
       x=lambda g, x, t, coef, k, der, ext: g * _slope(x, t, coef, k, der, ext),
       coef=lambda g, x, t, coef, k, der, ext: g.spline_spread(
           x, t, coef.shape[0], k=k, der=der, ext=ext))  # fmt: skip
enter("spline_spread(y, x, t, n", _coefficients, {"k": 3, "der": 0, "ext": 0},
       y=lambda g, x, t, k, der, ext: x.spline(t, g, k=k, der=der, ext=ext),
       x=lambda g, y, x, t, k, der, ext: y * _slope(x, t, g, k, der, ext))  # fmt: skip


@means("scipy.interpolate.splev")
def splev(x, tck, der=0, ext=0):
    t, coef, k = tck
    if np.ndim(coef) > 1:
        return [splev(x, (t, row, k), der, ext) for row in coef]
    points = typed(np.atleast_1d(x), "float64").ravel()
    out = rows.spline(points, np.asarray(t), np.asarray(coef), k=k, der=der, ext=ext)
    return out.reshape(np.shape(x))


# of two variables on a grid of points; outside of the knots they stay level


def within(x: Term, t: Term, k: int) -> Term:
    """Return 1 for points between knots, 0 for others."""
    return ((x >= t[k]) & (x <= t[-k - 1])).where(1.0, 0.0)


def _across(x: Term, y: Term, tx: Term, ty: Term, coef: Term, **attrs: int) -> Term:
    """Return the slopes of a grid along the first axis."""
    if attrs["dx"] == attrs["kx"]:
        return 0.0 * x.bispline(y, tx, ty, coef, **attrs)
    more = {**attrs, "dx": attrs["dx"] + 1}
    inside = within(x, tx, attrs["kx"])[:, None]
    return x.bispline(y, tx, ty, coef, **more) * inside


def _along(x: Term, y: Term, tx: Term, ty: Term, coef: Term, **attrs: int) -> Term:
    """Return the slopes of a grid along the second axis."""
    if attrs["dy"] == attrs["ky"]:
        return 0.0 * x.bispline(y, tx, ty, coef, **attrs)
    more = {**attrs, "dy": attrs["dy"] + 1}
    return x.bispline(y, tx, ty, coef, **more) * within(y, ty, attrs["ky"])


ORDERS = {"kx": 3, "ky": 3, "dx": 0, "dy": 0}
enter("bispline(x, y, tx, ty, coef", _plane, ORDERS,
       x=lambda g, x, y, tx, ty, coef, kx, ky, dx, dy: (g * _across(
           x, y, tx, ty, coef, kx=kx, ky=ky, dx=dx, dy=dy)).sum(axis=1),
       y=lambda g, x, y, tx, ty, coef, kx, ky, dx, dy: (g * _along(
           x, y, tx, ty, coef, kx=kx, ky=ky, dx=dx, dy=dy)).sum(axis=0),
       coef=lambda g, x, y, tx, ty, coef, kx, ky, dx, dy: g.bispline_spread(
           x, y, tx, ty, coef.shape[0], kx=kx, ky=ky, dx=dx, dy=dy))  # fmt: skip
enter("bispline_spread(w, x, y, tx, ty, n", _coefficients, ORDERS,
       w=lambda g, x, y, tx, ty, kx, ky, dx, dy: x.bispline(
           y, tx, ty, g, kx=kx, ky=ky, dx=dx, dy=dy),
       x=lambda g, w, x, y, tx, ty, kx, ky, dx, dy: (w * _across(
           x, y, tx, ty, g, kx=kx, ky=ky, dx=dx, dy=dy)).sum(axis=1),
       y=lambda g, w, x, y, tx, ty, kx, ky, dx, dy: (w * _along(
           x, y, tx, ty, g, kx=kx, ky=ky, dx=dx, dy=dy)).sum(axis=0))  # fmt: skip


@means("scipy.interpolate.bisplev")
def bisplev(x, y, tck, dx=0, dy=0):
    tx, ty, coef, kx, ky = tck
    if dx < 0 or dx >= kx or dy < 0 or dy >= ky:
        raise ValueError
    points = [typed(np.atleast_1d(p), "float64") for p in (x, y)]
    given = [np.asarray(a) for a in (tx, ty, coef)]
    out = rows.bispline(*points, *given, kx=kx, ky=ky, dx=dx, dy=dy)
    if not is_one(out, 0):
        return out
    return out[0, 0] if is_one(out, 1) else out[0]
