"""Sampled functions: convolved, correlated, interpolated between the samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.ops.layout import Term, as_dtype, call, conjugate
from srcgrad.ops.table import (
    Attrs,
    Infer,
    Kernel,
    ShapeError,
    Shapes,
    Unsupported,
    as_array,
    bilinear,
    linear,
    rule,
)
from srcgrad.types import Array, Dim, Scalar, Type, is_complex, promote

Names = list[str]
Types = Sequence[Type]
MODES = ("valid", "same", "full")


# convolved: what slides along the other is no matter, so the longer one lies still


def _convolved(default: str) -> Infer:
    """Return the type rule of what is convolved, in a mode if none is given."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        dtype, mode = promote(*_plain(types)), attrs.get("mode", default)
        if any(t.rank != 1 for t in types) or mode not in MODES:
            what = "two vectors are convolved, in mode 'full', 'same' or 'valid'"
            raise Unsupported(what)
        if dtype == "bool":
            raise Unsupported("sums of truth values are not supported")
        n, m = (t.dims[0] for t in types if isinstance(t, Array))
        if n.known == 0 or m.known == 0:
            raise ShapeError("a convolution of nothing")
        if mode == "full":
            return Array(dtype, (shapes.summand(n) + shapes.summand(m) - Dim(1),))
        difference = (n - m).known
        if difference is None:
            if not all(shapes.available(a) for d in (n, m) for a, _ in d.terms):
                return Array(dtype, (shapes.loose(),))
            pair = shapes.length(n), shapes.length(m)
            n, m = (shapes.dim(shapes.op(f"{e}2", *pair)) for e in ("max", "min"))
        more, less = (n, m) if (difference or 0) >= 0 else (m, n)
        return Array(dtype, (more if mode == "same" else more - less + Dim(1),))

    return infer


def _plain(types: Types) -> list[Type]:
    """Return the types of items, none of them Python's own."""
    return [Scalar(t.dtype) for t in types]


def _whole(g: Term, x: Term, v: Term, mode: str, turned: bool, zeros: Any) -> Term:
    """Return the cotangent of all that two arrays give where they overlap at all."""
    if mode == "full":
        return g
    n, m = x.shape[0], v.shape[0]
    less, total = n.min2(m), n + m - 1
    before = less - 1
    if mode == "same":
        # NumPy turns a correlation around where the second array is the longer one.
        before = (less - (n >= m).cast(dtype="int64") if turned else before) // 2
    after = total - before - g.shape[0]
    ends = (zeros(k, dtype=g.dtype) for k in (before, after))
    return next(ends).concatenate(g, next(ends), axis=0)


def _convolve_left(g: Term, x: Term, v: Term, mode: str, zeros: Any) -> Term:
    return _slid_back(_whole(g, x, v, mode, False, zeros), v)


def _convolve_right(g: Term, x: Term, v: Term, mode: str, zeros: Any) -> Term:
    return _slid_back(_whole(g, x, v, mode, False, zeros), x)


def _slid_back(g: Term, by: Term) -> Term:
    """Correlate with what was convolved with: that conjugates, which is undone."""
    return g.correlate(conjugate(by), mode="valid")


def _correlate_left(g: Term, x: Term, v: Term, mode: str, zeros: Any) -> Term:
    return _whole(g, x, v, mode, True, zeros).convolve(conjugate(v), mode="valid")


def _correlate_right(g: Term, x: Term, v: Term, mode: str, zeros: Any) -> Term:
    turned = _slid_back(_whole(g, x, v, mode, True, zeros), x)
    return conjugate(turned[slice(None, None, -1)])


def _slid(default: str, back: bool) -> Kernel:
    def text(names: Names, types: Types, attrs: Attrs) -> str:
        dtype, mode = promote(*_plain(types)), attrs.get("mode", default)
        given = [as_dtype(n, t, dtype) for n, t in zip(names, types, strict=True)]
        if back and is_complex(types[1]):
            given[1] = f"np.conj({given[1]})"
        return call("convolve", dtype, *given, MODES.index(mode), back)

    return text


bilinear("convolve(x, v, mode='full')", _convolved("full"), x=_convolve_left,
         v=_convolve_right, kernel=_slid("full", False), cost=100,
         of_complex=True)  # fmt: skip
bilinear("correlate(x, v, mode='valid')", _convolved("valid"), x=_correlate_left,
         v=_correlate_right, kernel=_slid("valid", True), cost=100,
         of_complex=True, conjugates=frozenset({"v"}))  # fmt: skip


# interpolated


def _interpolated(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, xp, fp = types
    if not (isinstance(xp, Array) and isinstance(fp, Array)) or xp.rank + fp.rank != 2:
        raise Unsupported("samples lie in two vectors")
    n = shapes.same(xp.dims[0], fp.dims[0], "fp and xp are not of the same length")
    if n.known == 0:
        raise ShapeError("array of sample points is empty")
    return as_array(x, "float64", getattr(x, "dims", ()))


class _Between:
    """Where points lie between samples: the samples, and how far it is to the second.

    Outside, a point counts as the first or the last sample. At a sample it belongs to
    what lies behind it, at the last one to what lies before.
    """

    def __init__(self, x: Term, xp: Term) -> None:
        self.n = xp.shape[0]
        place = xp.searchsorted(x, side="right") - 1
        self.low = place.minimum(self.n - 2).maximum(0)
        self.high = (self.low + 1).minimum(self.n - 1)
        start, end = xp[self.low], xp[self.high]
        self.apart, self.width = end > start, end - start
        part = (x - start) / self.apart.where(self.width, 1.0)
        self.part = self.apart.where(part, 0.0).maximum(0.0).minimum(1.0)
        self.inside = (x >= xp[0]) & (x <= xp[-1]) & self.apart

    def slope(self, fp: Term) -> Term:
        """Return how steep the interpolated function is."""
        rise = fp[self.high] - fp[self.low]
        return self.inside.where(rise / self.apart.where(self.width, 1.0), 0.0)

    def shared(self, g: Term) -> Term:
        """Return what numbers at the points give to the samples."""
        parts = ((self.low, g * (1.0 - self.part)), (self.high, g * self.part))
        given = [self._added(place, part) for place, part in parts]
        return given[0] + given[1]

    def _added(self, place: Term, part: Term) -> Term:
        if place.rank == 0:
            at, given = place.op("full", 1), part.op("full", 1)
        else:
            at, given = (t.reshape(place.size) for t in (place, part))
        return given.spread_along(at, self.n, axis=0)


def _of_points(g: Term, x: Term, xp: Term, fp: Term) -> Term:
    return g * _Between(x, xp).slope(fp)


def _of_places(g: Term, x: Term, xp: Term, fp: Term) -> Term:
    between = _Between(x, xp)
    return -between.shared(g * between.slope(fp))


def _of_samples(g: Term, x: Term, xp: Term) -> Term:
    return _Between(x, xp).shared(g)


def _interp_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    return call("interp" if types[0].rank else "interp0", "float64", *names)


rule("interp(x, xp, fp)", _interpolated, x=_of_points, xp=_of_places, fp=_of_samples,
     kernel=_interp_kernel, cost=30)  # fmt: skip


# windows that slide along an axis


def _windows(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    (x, _), (_, width), axis = types, attrs["args"], attrs.get("axis", 0)
    if not isinstance(x, Array):
        raise Unsupported("windows slide along the axes of an array")
    size = shapes.dim(width)
    count = shapes.summand(x.dims[axis]) - size + Dim(1)
    return Array(x.dtype, (*x.dims[:axis], count, *x.dims[axis + 1 :], size))


def _added_up(g: Term, x: Term, axis: int, arange: Any, broadcast_to: Any) -> Term:
    """Add up what the windows give to each place."""
    count, width = g.shape[axis], g.shape[-1]
    others = [k for k in range(x.rank) if k != axis]
    sizes = [x.shape[k] for k in others]
    size = count * width
    front = g.permute((*others, axis, x.rank)).reshape(*sizes, size)
    places = (arange(0, count, 1)[:, None] + arange(0, width, 1)).reshape(size)
    at = broadcast_to(places, *sizes, size)
    added = front.spread_along(at, x.shape[axis], axis=x.rank - 1)
    return added.permute(tuple((*others, axis).index(k) for k in range(x.rank)))


def _slid_along(x: Term, width: Term, axis: int, arange: Any) -> Term:
    count = x.op("dim", axis=axis) - width + 1
    places = arange(0, count, 1)[:, None] + arange(0, width, 1)
    taken = x[(*[slice(None)] * axis, places)]
    order = (*range(axis + 1), *range(axis + 2, x.rank + 1), axis + 1)
    return taken.permute(order).copy()


linear("sliding_windows(x, width, axis=0)", _windows, x=_added_up, alias=True,
       spell="np.lib.stride_tricks.sliding_window_view({x}, {width}, axis={axis})",
       meaning=_slid_along, cost=10, of_complex=True)  # fmt: skip
