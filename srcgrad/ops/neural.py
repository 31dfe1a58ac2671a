"""What networks have beside products: convolutions, windows over images, dropout.

Images are `(n, height, width, channels)`.

What a convolution adds up is linear in the images, the weights and what the result is
multiplied by. Each of its three rows is the slope of the other two, so they are closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.ops.layout import Term, as_dtype, call, lengths, tuple_text
from srcgrad.ops.table import (
    Attrs,
    Infer,
    Shapes,
    Unsupported,
    bilinear,
    constant,
    linear,
    rule,
)
from srcgrad.types import Array, Dim, Type, promote

Names = list[str]
Types = Sequence[Type]
ONE = (1, 1)
_ATTRS = "stride=(1, 1), dilation=(1, 1), groups=1"


def _floats(types: Types) -> str:
    """Return the dtype of images and weights; they have four axes."""
    dtype = promote(*types)
    if any(t.rank != 4 for t in types) or not dtype.startswith("float"):
        raise Unsupported("images and weights are arrays of floats with four axes")
    return dtype


def _dims(shapes: Shapes, attrs: Attrs, first: int = 4) -> list[Dim]:
    """Return the lengths that are operands."""
    return [shapes.dim(x) for x in attrs["args"][first:]]


def _convolved(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, w = types[:2]
    dtype, (height, width) = _floats(types[:2]), _dims(shapes, attrs)
    channels = w.dims[2].scaled(attrs.get("groups", 1))
    shapes.same(x.dims[3], channels, "conv2d: {} channels, but weights for {}")
    return Array(dtype, (x.dims[0], height, width, w.dims[3]))


def _of_images(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    y, w = types[:2]
    dtype, (height, width) = _floats(types[:2]), _dims(shapes, attrs)
    channels = w.dims[2].scaled(attrs.get("groups", 1))
    return Array(dtype, (y.dims[0], height, width, channels))


def _of_weights(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    dtype, lengths = _floats(types[:2]), _dims(shapes, attrs)
    return Array(dtype, (*lengths, types[1].dims[3]))


def _conv(name: str, params: str, infer: Infer, shape: str, **rules: Any) -> None:
    """Enter a row of a convolution, of which the result's shape is an operand."""

    def kernel(names: Names, types: Types, attrs: Attrs) -> str:
        dtype = promote(*types[:2])
        given = [as_dtype(n, t, dtype) for n, t in zip(names[:2], types, strict=False)]
        stride, dilation = attrs.get("stride", ONE), attrs.get("dilation", ONE)
        more = (*stride, *dilation, attrs.get("groups", 1))
        return call(name, dtype, *given, *names[2:], *more)

    first, second = params.split()
    holes = ", ".join(f"{{{n}}}" for n in shape.split(", "))
    bilinear(
        f"{name}({first}, {second}, top, left, {shape}, {_ATTRS})", infer,
        spell=f"{name}({{{first}}}, {{{second}}}, ({{top}}, {{left}}), ({holes})"
        "{keywords})",
        kernel=kernel, cost=100, **rules,
    )  # fmt: skip


_END = "stride=stride, dilation=dilation, groups=groups)"
_conv("conv_nhwc", "x w", _convolved, "height, width",
      x=f"g.conv_nhwc_input(w, top, left, x.shape[1], x.shape[2], {_END}",
      w=f"x.conv_nhwc_weights(g, top, left, w.shape[0], w.shape[1], w.shape[2], {_END}",
      )  # fmt: skip
_conv("conv_nhwc_input", "y w", _of_images, "height, width",
      y=f"g.conv_nhwc(w, top, left, y.shape[1], y.shape[2], {_END}",
      w=f"g.conv_nhwc_weights(y, top, left, w.shape[0], w.shape[1], w.shape[2], {_END}",
      )  # fmt: skip
_conv("conv_nhwc_weights", "x y", _of_weights, "height, width, channels",
      x=f"y.conv_nhwc_input(g, top, left, x.shape[1], x.shape[2], {_END}",
      y=f"x.conv_nhwc(g, top, left, y.shape[1], y.shape[2], {_END}")  # fmt: skip


# windows


def _placed(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    (n, _, _, channels), (height, width) = types[0].dims, _dims(shapes, attrs, 1)
    _floats(types[:1])
    return Array("int16", (n, height, width, channels))


def _taken(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Array(types[0].dtype, types[1].dims)


def _images(first: int) -> Infer:
    """Return the type rule of images whose size is operands, from one on."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        (n, _, _, channels), (height, width) = (
            types[0].dims,
            _dims(shapes, attrs, first),
        )
        return Array(_floats(types[:1]), (n, height, width, channels))

    return infer


def _window(kernel: str) -> Any:
    """Return the kernel text of an operation on windows."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        return call(kernel, types[0].dtype, *names, *attrs["size"], *attrs["stride"])

    return text


_SIZES = "size=None, stride=None"
constant(f"window_places(x, height, width, {_SIZES})", _placed, cost=20,
         spell="window_places({x}, ({height}, {width}){keywords})",
         kernel=_window("window_places"))  # fmt: skip
linear(f"window_take(x, places, {_SIZES})", _taken, spell="window_take", cost=10,
           x="g.window_spread(places, x.shape[1], x.shape[2], size=size, "
           "stride=stride)", kernel=_window("window_take"))  # fmt: skip
linear(f"window_spread(y, places, height, width, {_SIZES})", _images(2), cost=10,
           spell="window_spread({y}, {places}, ({height}, {width}){keywords})",
           y="g.window_take(places, size=size, stride=stride)",
           kernel=_window("window_spread"))  # fmt: skip
for _name, _back in (("window_sum", "window_share"), ("window_share", "window_sum")):
    linear(f"{_name}(x, height, width, {_SIZES})", _images(1), cost=10,
           spell=f"{_name}({{x}}, ({{height}}, {{width}}){{keywords}})",
           x=f"g.{_back}(x.shape[1], x.shape[2], size=size, stride=stride)",
           kernel=_window(_name))  # fmt: skip


# rows at mean 0 and variance 1


def _normed(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, dtype = types[0], promote(*types)
    if not isinstance(x, Array) or types[-1].rank or not dtype.startswith("float"):
        raise Unsupported("rows are arrays of floats, and `eps` is a number")
    return Array(dtype, x.dims)


def _normed_kernel(name: str) -> Any:
    """Return the kernel text of a row of arrays and of `eps`."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        dtype = promote(*types)
        *given, eps = (as_dtype(n, t, dtype) for n, t in zip(names, types, strict=True))
        return call(name, dtype, *given, lengths(names[0], types[0])[-1], eps)

    return text


def _mean(x: Term) -> Term:
    """Return the means of rows."""
    return x.mean(axis=(x.rank - 1,), keepdims=True)


def _variance(x: Term, eps: Term) -> Term:
    """Return the variances of rows, and `eps`."""
    return _mean((x - _mean(x)).square()) + eps


def _slope_rule(x: Term, y: Term, eps: Term, g: Term) -> dict[str, Any]:
    """Return the slopes by all operands of `normed_slope`.

    With `z = normed(x)` and the root `s` of the variance it is
    `(y - mean(y) - z * mean(y * z)) / s`; the slope of `s` by `x` is `z / n`.
    """
    z, square = x.normed(eps), _variance(x, eps)
    given, back = x.normed_slope(y, eps), x.normed_slope(g, eps)
    along, other = _mean(y * z), _mean(g * z)
    whole = z * _mean(g * given) + along * back + other * given
    root = square.sqrt()
    return {
        "x": -(whole / root), "y": back,
        "eps": g * (z * along / root - 0.5 * given) / square,
    }  # fmt: skip


rule("normed(x, eps)", _normed, spell="normed", kernel=_normed_kernel("normed"),
     cost=20, x="x.normed_slope(g, eps)",
     eps=lambda x, eps, g, z: -0.5 * (g * z) / _variance(x, eps))  # fmt: skip
rule("normed_slope(x, y, eps)", _normed, spell="normed_slope", cost=20,
     kernel=_normed_kernel("normed_slope"),
     **dict.fromkeys(("x", "y", "eps"), _slope_rule))  # fmt: skip


# dropout


def _mask(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    key, rate = types[:2]
    if key.rank or not key.dtype.startswith("int"):
        raise Unsupported("the key of a mask is a whole number")
    if rate.rank:
        raise Unsupported("the rate of a mask is one number")
    return Array("bool", tuple(_dims(shapes, attrs, 2)))


def _mask_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    key, rate, *lengths = names
    return f"rt_kept_mask(np.int64({key}), np.float64({rate}), {tuple_text(lengths)})"


constant("kept_mask(key, rate, *shape)", _mask, cost=20, kernel=_mask_kernel,
         spell="kept_mask({key}, {rate}, {shape})")  # fmt: skip
