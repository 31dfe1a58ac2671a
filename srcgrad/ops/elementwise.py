"""Elementwise functions of NumPy and `math`."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.ir import Op
from srcgrad.ops.table import (
    Attrs,
    Loop,
    Shapes,
    bools,
    dotted,
    elementwise,
    elementwise_type,
    most_bits,
)
from srcgrad.types import Array, Scalar, Type, is_complex, is_inexact, real_type

_LN2, _LN10 = math.log(2.0), math.log(10.0)
# How kernels compute the functions that take complex numbers.
_SAME = "exp log log10 sqrt sin cos tan sinh cosh tanh"
_COMPLEX = {name: f"cmath.{name}({{x}})" for name in _SAME.split()}
_COMPLEX |= {f"arc{name}": f"cmath.a{name}({{x}})"
             for name in "sin cos tan sinh cosh tanh".split()}  # fmt: skip
_TOO_LARGE = "OverflowError if not cmath.isfinite({z}) and cmath.isfinite({x})"
_COMPLEX |= {
    "exp2": f"cmath.exp({{x}} * {_LN2!r})",
    "log2": f"cmath.log({{x}}) / {_LN2!r}",
    "log1p": "cmath.log(1.0 + {x})",
    "expm1": "complex(math.expm1({x}.real) * math.cos({x}.imag)"
    " - 2.0 * math.sin(0.5 * {x}.imag) ** 2, math.exp({x}.real) * math.sin({x}.imag))",
}
_COMPLEX_ERRORS = dict.fromkeys("exp sin cos tan sinh cosh tanh".split(), _TOO_LARGE)
_COMPLEX_ERRORS |= dict.fromkeys(("log", "log10"), "ValueError if {x} == 0")
_COMPLEX_ERRORS["arctan"] = "ValueError if {x} * {x} == -1"
_COMPLEX_ERRORS["arctanh"] = "ValueError if {x} * {x} == 1"
_INFINITE = "ValueError if math.isinf({x})"
_OVERFLOW = "OverflowError if math.isinf({z}) and math.isfinite({x})"


def _in_math(error: str, name: str = "") -> Callable[[Op], str]:
    """Return a check of what the functions of `math`, and of `cmath`, raise."""
    errors = {"math": error, "cmath": _COMPLEX_ERRORS.get(name, "")}
    return lambda op: errors.get(str(op.attrs.get("via")), "")


def _function(
    signature: str, loop: Loop, math_name: str = "", error: str = "", **options: object
) -> None:
    """Enter a ufunc that computes in floats; `math_name` also answers in `math`."""
    name = signature.split("(")[0]
    callables = dotted(name)
    if math_name:
        callables += dotted(math_name, "math")
    if hasattr(cmath, math_name):
        callables += dotted(math_name, "cmath")
    extra = options.pop("also", ())
    assert isinstance(extra, tuple)
    options.setdefault("cost", 10)

    def either(op: Op) -> str:
        if is_complex(op.out.type):
            return _COMPLEX[name]
        return loop if isinstance(loop, str) else loop(op)

    elementwise(
        signature, floats=True, loop=either if name in _COMPLEX else loop,
        callables=callables + extra, check=_in_math(error, name),
        of_complex=name in _COMPLEX, **options,
    )  # fmt: skip


def _inlined(signature: str, number: str, *names: str, **options: Any) -> None:
    """Enter a ufunc that `runtime/vmath.py` has.

    Where one number waits for the other, some functions of C are quicker than ours;
    such a text in `number` is how Python's own numbers are computed.
    """
    kernel = signature.split("(")[0]

    def loop(op: Op) -> str:
        if number and op.out.type.python:
            return number
        single = "f" if op.out.type.dtype == "float32" else ""
        return f"rt_{kernel}{single}({{x}})"

    _function(signature, loop, *names, **options)


def in_plane(x: Any, z: Any) -> Any:
    """Return an operand as a complex number if the result is one."""
    return x.cast(dtype=z.dtype) if is_complex(z.type) and x.dtype != z.dtype else x


def _test(name: str) -> Loop:
    """Return the loop text of a test that takes complex numbers."""

    def loop(op: Op) -> str:
        return f"{'c' * is_complex(op.args[0].type)}math.{name}({{x}})"

    return loop


def _whole(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Python's own integer, whatever number it was made of."""
    return Scalar("int64", python=True)


def _too_large(op: Op) -> str:
    """A kernel has no ints beyond 64 bits."""
    whole = not op.args[0].type.dtype.startswith("float")
    large = f"OverflowError({op.loc.line}) if not -2.0 ** 63 <= {{x}} < 2.0 ** 63"
    return "" if whole else large


_inlined("exp(x)", "math.exp({x})", "exp", x="g * z", error=_OVERFLOW)
_inlined("expm1(x)", "", "expm1", x="g * (z + 1)", error=_OVERFLOW)
_inlined("exp2(x)", "math.pow(2.0, {x})", "exp2", x=f"g * z * {_LN2!r}",
         error=_OVERFLOW)  # fmt: skip
_inlined("log(x)", "math.log({x})", "log", x="g / x", error="ValueError if {x} <= 0.0")
_inlined("log2(x)", "math.log2({x})", "log2", x=f"g / (x * {_LN2!r})",
          error="ValueError if {x} <= 0.0")  # fmt: skip
_inlined("log10(x)", "", "log10", x=f"g / (x * {_LN10!r})",
          error="ValueError if {x} <= 0.0")  # fmt: skip
_inlined("log1p(x)", "", "log1p", x="g / (1 + x)",
          error="ValueError if {x} <= -1.0")  # fmt: skip
_function("sqrt(x)", "math.sqrt({x})", "sqrt", x="0.5 * g / z",
          error="ValueError if {x} < 0.0", cost=1)  # fmt: skip
_function("cbrt(x)", "rt_cbrt({x})", "cbrt", x="g / (3 * z * z)")
_inlined("sin(x)", "", "sin", x="g * cos(x)", error=_INFINITE)
_inlined("cos(x)", "", "cos", x="-g * sin(x)", error=_INFINITE)
_inlined("tan(x)", "", "tan", x="g * (1 + z * z)", error=_INFINITE)


def _arcsin(g: Any, x: Any, z: Any) -> Any:
    """Differences keep the sign of a zero, and so the side of a branch cut."""
    if not is_complex(z.type):
        return g / (1 - x * x).sqrt()
    x = in_plane(x, z)
    return g / ((-(x - 1)).sqrt() * (x - (-1)).sqrt())


def _arccos(g: Any, x: Any, z: Any) -> Any:
    return -_arcsin(g, x, z)


def _arcsinh(g: Any, x: Any, z: Any) -> Any:
    return g / (x * x - (-1) if is_complex(z.type) else x * x + 1).sqrt()


def _arccosh(g: Any, x: Any, z: Any) -> Any:
    """One root of both has the right sign for numbers above one alone."""
    if not is_complex(z.type):
        return g / (x * x - 1).sqrt()
    x = in_plane(x, z)
    return g / ((x - 1).sqrt() * (x - (-1)).sqrt())


_function("arcsin(x)", "math.asin({x})", "asin", x=_arcsin,
          domain=(-0.9, 0.9), error="ValueError if abs({x}) > 1.0")  # fmt: skip
_function("arccos(x)", "math.acos({x})", "acos", x=_arccos,
          domain=(-0.9, 0.9), error="ValueError if abs({x}) > 1.0")  # fmt: skip
_inlined("arctan(x)", "", "atan", x="g / (1 + x * x)")
_inlined("sinh(x)", "", "sinh", x="g * cosh(x)", error=_OVERFLOW)
_inlined("cosh(x)", "", "cosh", x="g * sinh(x)", error=_OVERFLOW)
_inlined("tanh(x)", "", "tanh", x="g * (1 - z * z)")
_function("arcsinh(x)", "math.asinh({x})", "asinh", x=_arcsinh)
_function("arccosh(x)", "math.acosh({x})", "acosh", x=_arccosh,
          domain=(1.2, 3.0), error="ValueError if {x} < 1.0")  # fmt: skip
_function("arctanh(x)", "math.atanh({x})", "atanh", x="g / (1 - x * x)",
          domain=(-0.9, 0.9), error="ValueError if abs({x}) >= 1.0")  # fmt: skip
_function("arctan2(y, x)", "math.atan2({y}, {x})", "atan2",
          y="g * x / (x * x + y * y)", x="-g * y / (x * x + y * y)")  # fmt: skip
_function("hypot(x, y)", "math.hypot({x}, {y})", "hypot",
          x="where(z == 0, 0, g * x / z)", y="where(z == 0, 0, g * y / z)")  # fmt: skip
_function("logaddexp(x, y)", "rt_logaddexp({x}, {y})",
          x="g * exp(x - z)", y="g * exp(y - z)")  # fmt: skip
_function("logaddexp2(x, y)", "rt_logaddexp2({x}, {y})",
          x="g * exp2(x - z)", y="g * exp2(y - z)")  # fmt: skip
_function("degrees(x)", "{x} * (180.0 / math.pi)", "degrees", x="g * (180 / pi)",
          also=dotted("rad2deg"))  # fmt: skip
_function("radians(x)", "{x} * (math.pi / 180.0)", "radians", x="g * (pi / 180)",
          also=dotted("deg2rad"))  # fmt: skip
_function("sinc(x)", "rt_sinc({x})", x="g * sinc_slope(x)")
_function("sinc_slope(x, order=1)", "rt_sinc_slope({x}, {order})", spell="sinc_slope",
          x="g * sinc_slope(x, order=order + 1)", domain=(0.2, 0.9))  # fmt: skip


def _size(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """The size of a complex number is real."""
    return real_type(elementwise_type()(shapes, types, attrs))


def _size_slope(g: Any, x: Any, z: Any) -> Any:
    """Return `g * conj(x) / z` of complex numbers, zero where they are zero."""
    if not is_complex(x.type):
        return g * x.sign()
    return g * (x.conj() / (z == 0).where(1.0, z))


elementwise("absolute(x)", x=_size_slope, loop="abs({x})", cost=0, bits=most_bits,
            exact="max({x}, rt_subtract(0, {x}, {line}))", infer=_size, takes="own",
            of_complex=True,
            spell=lambda _, a: "abs" if a.get("via") == "py" else "np.absolute",
            callables=(*dotted("absolute abs"), "builtins.abs"))  # fmt: skip
elementwise("fabs(x)", x="g * sign(x)", loop="abs({x})", cost=0, floats=True,
            callables=(*dotted("fabs"), "math.fabs"))  # fmt: skip
elementwise("square(x)", x="2 * g * x", loop="{x} * {x}", callables=dotted("square"),
            of_complex=True)  # fmt: skip
elementwise("reciprocal(x)", x="-g * z * z", loop="1 / {x}",
            callables=dotted("reciprocal"), of_complex=True)  # fmt: skip
elementwise("sign(x)", loop="rt_sign({x})", callables=dotted("sign"))
# NumPy leaves integers alone here.
elementwise("floor(x)", loop="np.floor({x})", callables=dotted("floor"))
elementwise("ceil(x)", loop="np.ceil({x})", callables=dotted("ceil"))
elementwise("trunc(x)", loop="rt_trunc({x})",
            callables=dotted("trunc fix"))  # fmt: skip
elementwise("rint(x)", loop="rt_rint({x})", floats=True, callables=dotted("rint"))
# What Python's own floats do; those of NumPy are multiplied and rounded.
elementwise("round_to(x, n)", loop="rt_round_to({x}, {n})", floats=True, spell="round")


def _scaled(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    dims = shapes.broadcast(types)
    dtype = types[0].dtype if is_inexact(types[0].dtype) else "float64"
    return Array(dtype, dims) if dims else Scalar(dtype)


# Parts and powers of two: what a number is scaled by is a whole number.
elementwise("ldexp(x, n)", x="g.ldexp(n)", infer=_scaled, takes="own",
            loop="rt_ldexp({x}, {n})")  # fmt: skip
elementwise("exponent(x)", dtype="int32", takes="own", loop="math.frexp({x})[1]",
            spell="np.frexp({x})[1]")  # fmt: skip
for _name in ("isnan", "isinf", "isfinite"):
    elementwise(f"{_name}(x)", loop=_test(_name), dtype="bool", takes="float",
                callables=(*dotted(_name), f"math.{_name}", f"cmath.{_name}"),
                of_complex=True)  # fmt: skip
elementwise("signbit(x)", loop="rt_signbit({x})", dtype="bool", takes="float",
            callables=dotted("signbit"))  # fmt: skip
elementwise("nextafter(x, y)", x="g", floats=True, loop="np.nextafter({x}, {y})",
            callables=dotted("nextafter"))  # fmt: skip
elementwise("spacing(x)", floats=True, loop="np.spacing({x})",
            callables=dotted("spacing"))  # fmt: skip
elementwise("copysign(x, y)", x="g * sign(x) * copysign(1.0, y)", floats=True,
            loop="math.copysign({x}, {y})",
            callables=(*dotted("copysign"), "math.copysign"))  # fmt: skip
elementwise("fmod(x, y)", x="g", y="-g * rint((x - z) / y)", floats=True,
            loop="np.fmod({x}, {y})",
            check=_in_math("ValueError if {y} == 0.0 or math.isinf({x})"),
            callables=(*dotted("fmod"), "math.fmod"))  # fmt: skip

_BIGGER = "where(x > y, g, where(x == y, 0.5 * g, 0))"
_SMALLER = "where(x < y, g, where(x == y, 0.5 * g, 0))"
_BIGGER_Y = "where(y > x, g, where(x == y, 0.5 * g, 0))"
_SMALLER_Y = "where(y < x, g, where(x == y, 0.5 * g, 0))"
elementwise("maximum(x, y)", x=_BIGGER, y=_BIGGER_Y,
            loop=bools("{x} | {y}", "rt_maximum({x}, {y})"),
            callables=dotted("maximum"), bits=most_bits)  # fmt: skip
elementwise("minimum(x, y)", x=_SMALLER, y=_SMALLER_Y,
            loop=bools("{x} & {y}", "rt_minimum({x}, {y})"),
            callables=dotted("minimum"), bits=most_bits)  # fmt: skip
elementwise("fmax(x, y)", x="where(isnan(y), g, " + _BIGGER + ")",
            y="where(isnan(x), g, " + _BIGGER_Y + ")", loop="rt_fmax({x}, {y})",
            callables=dotted("fmax"))  # fmt: skip
elementwise("fmin(x, y)", x="where(isnan(y), g, " + _SMALLER + ")",
            y="where(isnan(x), g, " + _SMALLER_Y + ")", loop="rt_fmin({x}, {y})",
            callables=dotted("fmin"))  # fmt: skip
elementwise("clip(x, lo, hi)", x="where((x >= lo) & (x <= hi), g, 0)",
            lo="where((x < lo) & (lo <= hi), g, 0)",
            hi="where(maximum(x, lo) > hi, g, 0)",
            loop="rt_minimum(rt_maximum({x}, {lo}), {hi})", callables=dotted("clip"),
            methods=("clip",))  # fmt: skip
# Python's own max and min select the first of equals; `x if x >= y else y` says so.
elementwise("max2(x, y)", x="where(y > x, 0, g)", y="where(y > x, g, 0)",
            loop="{y} if {y} > {x} else {x}", spell="max", bits=most_bits)  # fmt: skip
elementwise("min2(x, y)", x="where(y < x, 0, g)", y="where(y < x, g, 0)",
            loop="{y} if {y} < {x} else {x}", spell="min", bits=most_bits)  # fmt: skip
# Python scalars: round half to even, truncation, and the two roundings of `math`.
elementwise("to_int(x)", loop="int({x})", spell="int", infer=_whole, takes="own",
            check=_too_large)  # fmt: skip
elementwise("math_floor(x)", loop="int(math.floor({x}))", spell="math.floor",
            infer=_whole, takes="float", check=_too_large,
            callables=("math.floor",))  # fmt: skip
elementwise("math_ceil(x)", loop="int(math.ceil({x}))", spell="math.ceil",
            infer=_whole, takes="float", check=_too_large,
            callables=("math.ceil",))  # fmt: skip
elementwise("math_trunc(x)", loop="int({x})", spell="math.trunc", infer=_whole,
            takes="own", check=_too_large, callables=("math.trunc",))  # fmt: skip
