# mypy: allow-untyped-defs, allow-untyped-calls
"""Objects of `scipy.interpolate` that are made outside of a function and called in it.

What they hold is constant: it is read from them as they are when the function runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.ops.prelude import fixed, means, refused, rows, typed
from srcgrad.ops.splines import ORDERS, enter, of_points, splev, within
from srcgrad.ops.table import Attrs, Shapes, Unsupported
from srcgrad.types import Type

Term = Any


# polynomials between breakpoints: `CubicSpline`, `PchipInterpolator` and their kin


def _slope(g: Term, x: Term, t: Term, coef: Term, der: int, beyond: bool) -> Term:
    return g * x.pieces(t, coef, der=der + 1, beyond=beyond)


def _across(g: Term, x: Term, y: Term, tx: Term, ty: Term, coef: Term, kx: int,
            ky: int, dx: int, dy: int) -> Term:  # fmt: skip
    """Return what the first coordinates get; outside of the knots all is level."""
    given = {"kx": kx, "ky": ky, "dx": min(dx + 1, kx), "dy": dy}
    inside = within(x, tx, kx) if dx < kx else 0.0
    return g * x.bispline_at(y, tx, ty, coef, **given) * inside


def _along(g: Term, x: Term, y: Term, tx: Term, ty: Term, coef: Term, kx: int,
           ky: int, dx: int, dy: int) -> Term:  # fmt: skip
    """Return what the second coordinates get."""
    given = {"kx": kx, "ky": ky, "dx": dx, "dy": min(dy + 1, ky)}
    inside = within(y, ty, ky) if dy < ky else 0.0
    return g * x.bispline_at(y, tx, ty, coef, **given) * inside


def _pieces(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    return of_points(shapes, types[:2], attrs)


def _held(g: Term) -> Term:
    raise Unsupported("what an object of SciPy holds is constant")


enter("pieces(x, t, coef", _pieces, {"der": 0, "beyond": True}, x=_slope, coef=_held,
      spell="interpolate.PPoly({coef}, {t}, {beyond})({x}, {der})")  # fmt: skip
enter("bispline_at(x, y, tx, ty, coef", of_points, ORDERS, x=_across, y=_along,
      coef=_held)  # fmt: skip


def _rise(
    g: Term, x: Term, t: Term, coef: Term, k: int, der: int, beyond: bool
) -> Term:
    """Return what points get; the last derivative is level between knots."""
    slope = x.b_spline(t, coef, k=k, der=min(der + 1, k), beyond=beyond)
    return g * slope if der < k else 0.0 * g * slope


enter("b_spline(x, t, coef", of_points, {"k": 3, "der": 0, "beyond": True},
      x=_rise, coef=_held,
      spell="interpolate.BSpline({t}, {coef}, {k}, {beyond})({x}, {der})")  # fmt: skip


@means("scipy.interpolate._bsplines.BSpline.__call__")
def b_spline(self, x, nu=0, extrapolate=None):
    beyond = self.extrapolate if extrapolate is None else extrapolate
    if np.ndim(self.c) != 1 or nu > self.k or beyond == "periodic":
        return refused("a `BSpline` is known of one curve that does not repeat")
    at = typed(np.atleast_1d(x), "float64").ravel()
    given = {"k": self.k, "der": nu, "beyond": bool(beyond)}
    return rows.b_spline(at, self.t, self.c, **given).reshape(np.shape(x))


@means("scipy.interpolate._interpolate.PPoly.__call__")
def piecewise(self, x, nu=0, extrapolate=None):
    t, coef = self.x, self.c
    beyond = self.extrapolate if extrapolate is None else extrapolate
    if np.ndim(coef) != 2 or nu < 0:
        return refused("curves in space, and integrals of curves, are not known")
    at = typed(np.atleast_1d(x), "float64").ravel()
    if beyond == "periodic":
        at, beyond = t[0] + (at - t[0]) % (t[-1] - t[0]), False
    out = rows.pieces(at, t, coef, der=nu, beyond=bool(beyond))
    return out.reshape(np.shape(x))


# splines of FITPACK


@means("scipy.interpolate._fitpack2.UnivariateSpline.__call__")
def univariate(self, x, nu=0, ext=None):
    return splev(x, self._eval_args, nu, mode(self.ext if ext is None else ext))


@fixed
def mode(ext):
    """Return the number of what is done outside."""
    return {"extrapolate": 0, "zeros": 1, "raise": 2, "const": 3}.get(ext, ext)


@means("scipy.interpolate._fitpack2.BivariateSpline.__call__")
def bivariate(self, x, y, dx=0, dy=0, grid=True):
    tx, ty, coef = self.tck
    kx, ky = self.degrees
    given = {"kx": kx, "ky": ky, "dx": dx, "dy": dy}
    if grid:
        points = [typed(np.atleast_1d(p), "float64") for p in (x, y)]
        return rows.bispline(*points, tx, ty, coef, **given)
    pair = np.broadcast_arrays(typed(x, "float64"), typed(y, "float64"))
    flat = [np.ravel(p) for p in pair]
    return rows.bispline_at(*flat, tx, ty, coef, **given).reshape(np.shape(pair[0]))


@means("scipy.interpolate._fitpack2.BivariateSpline.ev")
def at_points(self, xi, yi, dx=0, dy=0):
    return bivariate(self, xi, yi, dx, dy, False)


# straight lines between samples


@means("scipy.interpolate._polyint._Interpolator1D.__call__")
def interpolator(self, x):
    places, heights = self.x, self.y
    if np.ndim(heights) != 1 or self._kind not in ("linear", "spline"):
        advice = "use `CubicSpline`, or `make_interp_spline`"
        return refused("`interp1d` is known of lines and splines of numbers", advice)
    at = typed(np.atleast_1d(x), "float64").ravel()
    if self._kind != "linear":
        return _framed(self, x, at, _smooth(self._spline, heights, at))
    if self._extrapolate:
        high = np.clip(np.searchsorted(places, at), 1, len(places) - 1)
        start, low = places[high - 1], heights[high - 1]
        slope = (heights[high] - low) / (places[high] - start)
        return (slope * (at - start) + low).reshape(np.shape(x))
    return _framed(self, x, at, np.interp(at, places, heights))


def _smooth(spline, heights, at):
    if np.any(np.isnan(heights)):
        raise NotImplementedError("`interp1d` is known of finite numbers")
    return rows.b_spline(at, spline.t, np.ravel(spline.c), k=spline.k)


def _framed(self, x, at, inside):
    """Return what was read, or what stands for places outside of all samples."""
    if self._extrapolate:
        return inside.reshape(np.shape(x))
    below, above = at < self.x[0], at > self.x[-1]
    if self.bounds_error:
        if np.any(below) or np.any(above):
            raise ValueError
    ends = [np.ravel(e)[0] for e in (self._fill_value_below, self._fill_value_above)]
    return np.where(below, ends[0], np.where(above, ends[1], inside)).reshape(
        np.shape(x)
    )
