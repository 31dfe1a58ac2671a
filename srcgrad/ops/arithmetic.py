"""Arithmetic, powers, comparisons, selection and casts."""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.ops.table import (
    Attrs,
    Shapes,
    dotted,
    elementwise,
    linear,
)
from srcgrad.types import Array, Scalar, Type, promote


def _divide(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """True division computes in floats: int / int is a float64."""
    dims = shapes.broadcast(types)
    dtype = promote(*types)
    if not dtype.startswith("float"):
        dtype = "float64"
    if dims:
        return Array(dtype, dims)
    return Scalar(dtype, all(t.python for t in types) and attrs.get("via") != "np")


def _number(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Arithmetic on Python bools gives Python ints; NumPy bools stay bools."""
    dims = shapes.broadcast(types)
    dtype = promote(*types)
    if dims:
        return Array(dtype, dims)
    python = all(t.python for t in types) and attrs.get("via") != "np"
    return Scalar("int64" if python and dtype == "bool" else dtype, python)


def _truth(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    dims = shapes.broadcast(types)
    if dims:
        return Array("bool", dims)
    return Scalar("bool", all(t.python for t in types))


elementwise("x + y", name="add", x="g", y="g", loop="{x} + {y}", infer=_number,
            callables=dotted("add"), cost=0)  # fmt: skip
elementwise("x - y", name="sub", x="g", y="-g", loop="{x} - {y}", infer=_number,
            callables=dotted("subtract"), cost=0)  # fmt: skip
elementwise("x * y", name="mul", x="g * y", y="g * x", loop="{x} * {y}", infer=_number,
            callables=dotted("multiply"), cost=0)  # fmt: skip
elementwise("x / y", name="div", x="g / y", y="-g * z / y", loop="{x} / {y}",
            infer=_divide, callables=dotted("divide true_divide"),
            check="nonzero y")  # fmt: skip
elementwise("-x", name="neg", x="-g", loop="-{x}", infer=_number,
            callables=dotted("negative"), cost=0)  # fmt: skip
elementwise("+x", name="pos", x="g", loop="{x}", infer=_number,
            callables=dotted("positive"), cost=0)  # fmt: skip
elementwise("x // y", name="floordiv", loop="{x} // {y}", infer=_number,
            callables=dotted("floor_divide"), check="nonzero y")  # fmt: skip
elementwise("x % y", name="mod", x="g", y="-g * (x // y)", loop="{x} % {y}",
            infer=_number, callables=dotted("mod remainder"),
            check="nonzero y")  # fmt: skip


def _pow_base(g, x, y, z):  # type: ignore[no-untyped-def]
    """`y * x**(y - 1)`; zero where y is zero, whatever x is."""
    if y.const is not None:
        if y.const == 0:
            return None
        via = "np" if y.const < 1 else None
        return g * (
            y.const * (x if y.const == 2 else x.op("pow", y.const - 1, via=via))
        )
    return g * y.ne(0).where(y * x.op("pow", y - 1, via="np"), 0.0)


def _pow_exponent(g, x, y, z):  # type: ignore[no-untyped-def]
    """`z * log(x)`; zero where x is zero."""
    return g * x.ne(0).where(z * x.log(), 0.0)


elementwise("x ** y", name="pow", x=_pow_base, y=_pow_exponent, loop="{x} ** {y}",
            infer=_number, callables=dotted("power"), cost=5,
            check="power")  # fmt: skip

for _name, _symbol, _ufunc in (
    ("lt", "<", "less"),
    ("le", "<=", "less_equal"),
    ("gt", ">", "greater"),
    ("ge", ">=", "greater_equal"),
    ("eq", "==", "equal"),
    ("ne", "!=", "not_equal"),
):
    elementwise(f"x {_symbol} y", name=_name, loop=f"{{x}} {_symbol} {{y}}",
                infer=_truth, callables=dotted(_ufunc), cost=0)  # fmt: skip
for _name, _symbol, _ufunc in (
    ("bitand", "&", "bitwise_and"),
    ("bitor", "|", "bitwise_or"),
    ("bitxor", "^", "bitwise_xor"),
):
    elementwise(f"x {_symbol} y", name=_name, loop=f"{{x}} {_symbol} {{y}}",
                callables=dotted(_ufunc), cost=0)  # fmt: skip
for _name, _symbol, _ufunc in (
    ("lshift", "<<", "left_shift"),
    ("rshift", ">>", "right_shift"),
):
    elementwise(f"x {_symbol} y", name=_name, loop=f"{{x}} {_symbol} {{y}}",
                infer=_number, callables=dotted(_ufunc), cost=0)  # fmt: skip
elementwise("~x", name="invert", loop="not {x}", cost=0, callables=dotted("invert"))
elementwise("logical_and(x, y)", dtype="bool", loop="bool({x}) and bool({y})",
            callables=dotted("logical_and"), cost=0)  # fmt: skip
elementwise("logical_or(x, y)", dtype="bool", loop="bool({x}) or bool({y})",
            callables=dotted("logical_or"), cost=0)  # fmt: skip
elementwise("logical_xor(x, y)", dtype="bool", loop="bool({x}) != bool({y})",
            callables=dotted("logical_xor"), cost=0)  # fmt: skip
elementwise("logical_not(x)", dtype="bool", loop="not {x}", cost=0,
            callables=dotted("logical_not"))  # fmt: skip
elementwise("truth(x)", dtype="bool", loop="{x} != 0", spell="bool", cost=0)
elementwise("not x", name="not_", loop="not {x}", dtype="bool", cost=0)


def _where(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    dims = shapes.broadcast(types)
    dtype = promote(*types[1:])
    python = types[1].python and types[2].python
    return Array(dtype, dims) if dims else Scalar(dtype, python)


elementwise("where(c, x, y)", x="where(c, g, 0)", y="where(c, 0, g)", infer=_where,
            loop="({x} if {c} else {y})", callables=dotted("where"))  # fmt: skip


def _cast(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    dims = shapes.broadcast(types)
    dtype = str(attrs["dtype"])
    if dims:
        return Array(dtype, dims)
    return Scalar(dtype, bool(attrs.get("python")))


elementwise("cast(x, dtype='float64', python=False)", x="g", loop="{dtype}({x})",
            infer=_cast, spell="cast", cost=0)  # fmt: skip


def _same(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    (t,) = types
    return Array(t.dtype, t.dims) if isinstance(t, Array) else t


linear("copy(x)", _same, x="g", kernel=lambda n, t, a: f"{n[0]}.copy()",
       callables=dotted("copy"), methods=("copy",))  # fmt: skip


elementwise("stop_gradient(x)", loop="{x}", spell="stop_gradient",
            callables=dotted("stop_gradient", "srcgrad"))  # fmt: skip
