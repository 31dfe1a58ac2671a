# mypy: allow-untyped-defs, allow-untyped-calls
"""Discrete Fourier transforms, each its own transpose up to a scale.

Cotangents are not conjugated (`complexes.py`), so that of `fft` is `fft` again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.ops.layout import Term, around, as_dtype, call, keep, tuple_text, whole
from srcgrad.ops.prelude import axes_of, is_fixed, means, refused, rows
from srcgrad.ops.table import (
    Attrs,
    Kernel,
    ShapeError,
    Shapes,
    Spell,
    Unsupported,
    linear,
    moving,
    np_dtype,
)
from srcgrad.types import Array, Scalar, Type, real_type

Types = Sequence[Type]

_FORWARD = {
    None: "1.0",
    "backward": "1.0",
    "ortho": "{} ** -0.5",
    "forward": "1.0 / {}",
}
_BACKWARD = {None: "1.0 / {}", "backward": "1.0 / {}", "ortho": "{} ** -0.5",
             "forward": "1.0"}  # fmt: skip
_TURNED = {None: "forward", "backward": "forward", "ortho": "ortho",
           "forward": "backward"}  # fmt: skip


def _complex(t: Type) -> str:
    """Return the dtype of a transform."""
    return "complex64" if t.dtype in ("float32", "complex64") else "complex128"


def _spectrum(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x = types[0]
    if not isinstance(x, Array):
        raise Unsupported("a transform needs an array")
    if attrs.get("norm") not in _FORWARD:
        raise ShapeError(f"Invalid norm value {attrs['norm']}")
    if x.dims[attrs.get("axis", -1)].known == 0:
        raise ShapeError("Invalid number of FFT data points (0) specified.")
    return Array(_complex(x), x.dims)


def _half(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, axis = _spectrum(shapes, types, attrs), attrs.get("axis", -1)
    assert isinstance(x, Array)
    n = shapes.length(x.dims[axis])
    half = shapes.op("add", shapes.op("floordiv", n, 2), 1)
    return Array(x.dtype, keep(x, axis, length=shapes.dim(half)))


def _resized(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, axis = types[0], attrs.get("axis", -1)
    return Array(x.dtype, keep(x, axis, length=shapes.dim(attrs["args"][1])))


def _lines(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    """The real lines that spectra are cut from."""
    x = _resized(shapes, [_spectrum(shapes, types[:1], attrs), types[1]], attrs)
    return real_type(x)


def _text(name: str, *more: str) -> Spell:
    """The last axis is NumPy's own default; SciPy rounds in its own way."""

    def spell(types: Types, attrs: Attrs) -> str:
        axis, norm = attrs.get("axis", -1), attrs.get("norm")
        shown = "" if axis in (-1, types[0].rank - 1) else f", axis={axis}"
        shown += f", norm={norm!r}" if norm else ""
        home = "fft" if attrs.get("via") == "scipy.fft" else "np.fft"
        return f"{home}.{name}({', '.join(['{x}', *more])}{shown})"

    return spell


def _irfft_rule(g: Term, x: Term, n: Term, axis: int, norm: Any, arange: Any) -> Term:
    """All but the first item and, of an even length, the last stand for two."""
    alone = (2 * arange(0, x.shape[axis], 1)) % n == 0
    behind = [None] * (x.rank - 1 - axis % x.rank)
    slopes = g.rfft(axis=axis, norm=_TURNED[norm]).conj()
    return slopes * alone.where(1.0, 2.0)[(slice(None), *behind)]


def _kernel(scales: dict[Any, str], inverse: bool, half: bool = False) -> Kernel:
    """Return the kernel text of transforms of lines as they are, or of their halves."""

    def text(names: list[str], types: Types, attrs: Attrs) -> str:
        t, dtype = types[0], _complex(types[0])
        sizes, axis, shape = whole(names[0], t, attrs.get("axis", -1))
        outer, n, inner = around(sizes, axis)
        scale, given = scales[attrs.get("norm")].format(n), as_dtype(names[0], t, dtype)
        made = call("fft3", dtype, given, outer, n, inner, inverse, scale, shape)
        if not half:
            return made
        sizes[axis] = count = f"({n} // 2 + 1)"
        shape = tuple_text(sizes)
        return call("resized3", dtype, made, outer, n, inner, count, shape)

    return text


def _irfft_kernel(names: list[str], types: Types, attrs: Attrs) -> str:
    (t, _), (x, n), dtype = types, names, _complex(types[0])
    sizes, axis, _ = whole(x, t, attrs.get("axis", -1))
    outer, m, inner = around(sizes, axis)
    sizes[axis], given = n, as_dtype(x, t, dtype)
    kind = np_dtype(real_type(Scalar(dtype)).dtype)
    scale, shape = _BACKWARD[attrs.get("norm")].format(n), tuple_text(sizes)
    return call("irfft3", dtype, given, outer, m, inner, n, scale, shape, kind)


def _resized_kernel(names: list[str], types: Types, attrs: Attrs) -> str:
    sizes, axis, _ = whole(names[0], types[0], attrs.get("axis", -1))
    outer, n, inner = around(sizes, axis)
    sizes[axis] = names[1]
    shape, dtype = tuple_text(sizes), types[0].dtype
    return call("resized3", dtype, names[0], outer, n, inner, names[1], shape)


moving("fft(x, axis=-1, norm=None)", _spectrum, x="g.fft(axis=axis, norm=norm)",
       spell=_text("fft"), kernel=_kernel(_FORWARD, False), cost=30)  # fmt: skip
moving("ifft(x, axis=-1, norm=None)", _spectrum, x="g.ifft(axis=axis, norm=norm)",
       spell=_text("ifft"), kernel=_kernel(_BACKWARD, True), cost=30)  # fmt: skip
linear("rfft(x, axis=-1, norm=None)", _half, spell=_text("rfft"), cost=30,
       x="g.resized(x.shape[axis], axis=axis).fft(axis=axis, norm=norm)",
       kernel=_kernel(_FORWARD, False, True))  # fmt: skip
moving("irfft(x, n, axis=-1, norm=None)", _lines, x=_irfft_rule, cost=30,
       spell=_text("irfft", "{n}"), kernel=_irfft_kernel)  # fmt: skip
moving("resized(x, n, axis=-1)", _resized, x="g.resized(x.shape[axis], axis=axis)",
       spell="resized", kernel=_resized_kernel)  # fmt: skip


# what functions mean


def _fitted(a, n, axis):
    return np.asarray(a) if n is None else rows.resized(np.asarray(a), n, axis=axis)


def _inverted(a, n, axis, norm, via=None):
    x = np.asarray(a)
    if n is None:
        return rows.irfft(x, 2 * (x.shape[axis] - 1), axis=axis, norm=norm, via=via)
    half = rows.resized(x, n // 2 + 1, axis=axis)
    return rows.irfft(half, n, axis=axis, norm=norm, via=via)


@means("numpy.fft.fft")
def fft(a, n=None, axis=-1, norm=None):
    return rows.fft(_fitted(a, n, axis), axis=axis, norm=norm)


@means("numpy.fft.ifft")
def ifft(a, n=None, axis=-1, norm=None):
    return rows.ifft(_fitted(a, n, axis), axis=axis, norm=norm)


@means("numpy.fft.rfft")
def rfft(a, n=None, axis=-1, norm=None):
    return rows.rfft(_fitted(a, n, axis), axis=axis, norm=norm)


@means("numpy.fft.irfft")
def irfft(a, n=None, axis=-1, norm=None):
    return _inverted(a, n, axis, norm)


@means("scipy.fft.fft")
def scipy_fft(x, n=None, axis=-1, norm=None):
    return rows.fft(_fitted(x, n, axis), axis=axis, norm=norm, via="scipy.fft")


@means("scipy.fft.ifft")
def scipy_ifft(x, n=None, axis=-1, norm=None):
    return rows.ifft(_fitted(x, n, axis), axis=axis, norm=norm, via="scipy.fft")


@means("scipy.fft.rfft")
def scipy_rfft(x, n=None, axis=-1, norm=None):
    return rows.rfft(_fitted(x, n, axis), axis=axis, norm=norm, via="scipy.fft")


@means("scipy.fft.irfft")
def scipy_irfft(x, n=None, axis=-1, norm=None):
    return _inverted(x, n, axis, norm, "scipy.fft")


def _pairs(s, axes, rank):
    """Return pairs of a length, or None, and an axis, the axes transformed last first.

    As in NumPy, the axes are the last ones where lengths alone are given.
    """
    last = tuple(range(rank if s is None else len(s)))
    chosen = [k - len(last) for k in last] if axes is None else axes
    for n in [] if s is None else s:
        if is_fixed(n) and n == -1:
            return refused("lengths below zero are not known here")
    return [(None if s is None else s[k], axis) for k, axis in enumerate(chosen)]


@means("numpy.fft.fftn")
def fftn(a, s=None, axes=None, norm=None):
    out = np.asarray(a)
    for n, axis in _pairs(s, axes, np.ndim(a))[::-1]:
        out = np.fft.fft(out, n, axis, norm)
    return out


@means("numpy.fft.ifftn")
def ifftn(a, s=None, axes=None, norm=None):
    out = np.asarray(a)
    for n, axis in _pairs(s, axes, np.ndim(a))[::-1]:
        out = np.fft.ifft(out, n, axis, norm)
    return out


@means("numpy.fft.rfftn")
def rfftn(a, s=None, axes=None, norm=None):
    *others, (last, axis) = _pairs(s, axes, np.ndim(a))
    out = np.fft.rfft(a, last, axis, norm)
    for n, k in others[::-1]:
        halved = n is None and (k - axis) % np.ndim(a) == 0
        out = np.fft.fft(out, np.shape(a)[k] if halved else n, k, norm)
    return out


@means("numpy.fft.irfftn")
def irfftn(a, s=None, axes=None, norm=None):
    *others, (last, axis) = _pairs(s, axes, np.ndim(a))
    out = np.asarray(a)
    for n, k in others:
        out = np.fft.ifft(out, n, k, norm)
    return np.fft.irfft(out, last, axis, norm)


@means("numpy.fft.fft2")
def fft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.fftn(a, s, axes, norm)


@means("numpy.fft.ifft2")
def ifft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.ifftn(a, s, axes, norm)


@means("numpy.fft.rfft2")
def rfft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.rfftn(a, s, axes, norm)


@means("numpy.fft.irfft2")
def irfft2(a, s=None, axes=(-2, -1), norm=None):
    return np.fft.irfftn(a, s, axes, norm)


@means("numpy.fft.fftshift", "scipy.fft.fftshift")
def fftshift(x, axes=None):
    out = np.asarray(x)
    for k in axes_of(axes, np.ndim(x)):
        out = np.roll(out, out.shape[k] // 2, k)
    return out


@means("numpy.fft.ifftshift", "scipy.fft.ifftshift")
def ifftshift(x, axes=None):
    out = np.asarray(x)
    for k in axes_of(axes, np.ndim(x)):
        out = np.roll(out, -(out.shape[k] // 2), k)
    return out


@means("numpy.fft.fftfreq", "scipy.fft.fftfreq")
def fftfreq(n, d=1.0):
    up, down = np.arange(0, (n - 1) // 2 + 1), np.arange(-(n // 2), 0)
    return np.concatenate((up, down)) * (1.0 / (n * d))


@means("numpy.fft.rfftfreq", "scipy.fft.rfftfreq")
def rfftfreq(n, d=1.0):
    return np.arange(0, n // 2 + 1) * (1.0 / (n * d))
