"""Arithmetic, powers, comparisons, selection and casts."""

from __future__ import annotations

from collections.abc import Sequence

from srcgrad.ir import Const, Op
from srcgrad.ops.table import (
    ANY_BITS,
    Attrs,
    Loop,
    Shapes,
    Spell,
    Unsupported,
    bools,
    dotted,
    dtype_text,
    elementwise,
    itself,
    linear,
    most_bits,
    np_dtype,
)
from srcgrad.types import Array, Scalar, Type, is_complex, is_float, is_inexact, promote


def _divide(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """True division computes in floats: int / int is a float64."""
    dims = shapes.broadcast(types)
    dtype = promote(*types)
    if not is_inexact(dtype):
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


def _nonzero(op: Op) -> str:
    """Python raises for a division by zero, NumPy does not."""
    y = op.args[1]
    certain = isinstance(y, Const) and y.value != 0
    python = op.out.type.python and op.attrs.get("via") != "np"
    return "ZeroDivisionError if {y} == 0" if python and not certain else ""


def _plus(op: Op) -> str:
    """Complex numbers are two sums each."""
    return "{x} + {y}" if is_complex(op.out.type) else "rt_plus({x}, {y})"


def _sum_bits(args: list[float], op: Op) -> float:
    return max(args) + 1


elementwise("x + y", name="add", x="g", y="g", infer=_number,
            loop=bools("{x} | {y}", "{x} + {y}"),
            exact="rt_add({x}, {y}, {line})", callables=dotted("add"),
            bits=_sum_bits, cost=0, of_complex=True)  # fmt: skip
# A sum of many terms, in whatever order is quick.
elementwise("plus(x, y)", x="g", y="g", spell="{x} + {y}", floats=True,
            loop=_plus, cost=0, of_complex=True)  # fmt: skip
elementwise("x - y", name="sub", x="g", y="-g", infer=_number,
            exact="rt_subtract({x}, {y}, {line})", callables=dotted("subtract"),
            bits=_sum_bits, cost=0, of_complex=True)  # fmt: skip
elementwise("x * y", name="mul", x="g * y", y="g * x", infer=_number,
            loop=bools("{x} & {y}", "{x} * {y}"), exact="rt_multiply({x}, {y}, {line})",
            callables=dotted("multiply"), bits=lambda args, op: sum(args),
            cost=0, of_complex=True)  # fmt: skip
elementwise("x / y", name="div", x="g / y", y="-(g / y) * z", infer=_divide,
            callables=dotted("divide true_divide"), check=_nonzero,
            of_complex=True)  # fmt: skip
elementwise("-x", name="neg", x="-g", infer=_number,
            exact="rt_subtract(0, {x}, {line})", callables=dotted("negative"),
            bits=most_bits, cost=0, of_complex=True)  # fmt: skip
elementwise("+x", name="pos", x="g", loop="{x}", infer=_number,
            callables=dotted("positive"), bits=most_bits, cost=0,
            of_complex=True)  # fmt: skip


def _quotient(op: Op) -> str:
    """Only by -1 does the least int of all overflow; LLVM's quotient is undefined."""
    y, out = op.args[1], op.out.type
    safe = out.python or (isinstance(y, Const) and y.value != -1)
    least = out.dtype.startswith("int") and not safe
    return "rt_quotient({x}, {y})" if least else "{x} // {y}"


def _quotient_bits(args: list[float], op: Op) -> float:
    y = op.args[1]
    return args[0] - (isinstance(y, Const) and abs(y.value) > 1)


elementwise("x // y", name="floordiv", infer=_number, callables=dotted("floor_divide"),
            loop=_quotient, exact="rt_exact_quotient({x}, {y}, {line})",
            bits=_quotient_bits, check=_nonzero)  # fmt: skip
elementwise("x % y", name="mod", x="g", y="-g * (x // y)", infer=_number,
            callables=dotted("mod remainder"), bits=lambda args, op: args[1],
            check=_nonzero)  # fmt: skip


def _pow_base(g, x, y, z):  # type: ignore[no-untyped-def]
    """`y * x**(y - 1)`; zero where y is zero, whatever x is."""
    if y.const is not None:
        if y.const == 0:
            return None
        via = "np" if isinstance(y.const, complex) or y.const < 1 else None
        return g * (
            y.const * (x if y.const == 2 else x.op("pow", y.const - 1, via=via))
        )
    return g * y.ne(0).where(y * x.op("pow", y - 1, via="np"), 0.0)


def _pow_exponent(g, x, y, z):  # type: ignore[no-untyped-def]
    """`z * log(x)`; zero where x is zero."""
    base = x.cast(dtype=z.dtype) if is_complex(z.type) and x.dtype != z.dtype else x
    return g * x.ne(0).where(z * base.log(), 0.0)


def _pow_loop(op: Op) -> str:
    """Products for small exponents stay within 4 ulp."""
    y, out = op.args[1], op.out.type
    known = y.value if isinstance(y, Const) else None
    if known == 2:
        return "{x} * {x}"
    if not out.dtype.startswith("float"):
        return "{x} ** {y}"  # of ints, and of complex numbers
    if known in (1, 3, 4):
        return "{x}" if known == 1 else f"{{x}} ** {int(known)}"
    if known == 0.5 and not out.python:
        return "math.sqrt({x})"
    if not out.python:
        return f"rt_power{'f' if out.dtype == 'float32' else ''}({{x}}, {{y}})"
    via = op.attrs.get("via")
    return "{x} ** {y}" if via in ("np", "math") else "rt_python_power({x}, {y})"


def _pow_text(types: Sequence[Type], attrs: Attrs) -> str:
    """Python's floats leave the reals where NumPy's are nan."""
    broken = all(t.python for t in types) and types[1].dtype == "float64"
    return "real_power" if broken and not is_complex(types[0]) else "{x} ** {y}"


def _pow_check(op: Op) -> str:
    """Negative powers of integers are for the plain run, and what `math.pow` raises."""
    if op.attrs.get("via") == "math":
        finite = "math.isfinite({x}) and math.isfinite({y})"
        return f"ValueError if not math.isfinite({{z}}) and {finite}"
    whole = not is_float(op.out.type)
    what = f"line {op.loc.line}: an int to a negative power is a float: make it one"
    known = isinstance(op.args[1], Const)
    return f"NotImplementedError({what!r}) if {{y}} < 0" if whole and not known else ""


def _pow_bits(args: list[float], op: Op) -> float:
    y = op.args[1]
    return args[0] * max(int(y.value), 1) if isinstance(y, Const) else ANY_BITS


elementwise("x ** y", name="pow", x=_pow_base, y=_pow_exponent, infer=_number,
            loop=_pow_loop, spell=_pow_text, exact="rt_integer_power({x}, {y}, {line})",
            callables=(*dotted("power"), "math.pow"), check=_pow_check,
            bits=_pow_bits, cost=5, of_complex=True)  # fmt: skip
# By another routine than NumPy's own power.
elementwise("float_power(x, y)", x=_pow_base, y=_pow_exponent, dtype="float64",
            loop=_pow_loop, cost=5)  # fmt: skip

for _name, _symbol, _ufunc in (
    ("lt", "<", "less"),
    ("le", "<=", "less_equal"),
    ("gt", ">", "greater"),
    ("ge", ">=", "greater_equal"),
    ("eq", "==", "equal"),
    ("ne", "!=", "not_equal"),
):
    elementwise(f"x {_symbol} y", name=_name, infer=_truth, takes="common",
                callables=dotted(_ufunc), cost=0,
                of_complex=_name in ("eq", "ne"))  # fmt: skip
for _name, _symbol, _ufunc in (
    ("bitand", "&", "bitwise_and"),
    ("bitor", "|", "bitwise_or"),
    ("bitxor", "^", "bitwise_xor"),
):
    elementwise(f"x {_symbol} y", name=_name, callables=dotted(_ufunc), cost=0)


def _shifting(symbol: str, kernel: str) -> Loop:
    """NumPy shifts all bits out by 64 or by less than none; LLVM does anything."""

    def loop(op: Op) -> str:
        y = op.args[1]
        certain = isinstance(y, Const) and 0 <= y.value < 64
        return f"{{x}} {symbol} {{y}}" if certain else f"{kernel}({{x}}, {{y}})"

    return loop


def _no_shift(op: Op) -> str:
    """Python raises for a shift by less than none."""
    y = op.args[1]
    certain = isinstance(y, Const) and y.value >= 0
    python = op.out.type.python and op.attrs.get("via") != "np"
    return "ValueError if {y} < 0" if python and not certain else ""


elementwise("x << y", name="lshift", infer=_number, exact="rt_shift({x}, {y}, {line})",
            loop=_shifting("<<", "rt_shifted_left"), callables=dotted("left_shift"),
            cost=0)  # fmt: skip
elementwise("x >> y", name="rshift", infer=_number, callables=dotted("right_shift"),
            loop=_shifting(">>", "rt_shifted_right"), check=_no_shift,
            cost=0)  # fmt: skip
elementwise("~x", name="invert", cost=0, callables=dotted("invert"),
            loop=bools("not {x}", "~{x}"))  # fmt: skip


def _spoken(name: str, template: str) -> Spell:
    """`and` of Python's numbers is a number, where NumPy gives a truth value."""

    def spell(types: Sequence[Type], attrs: Attrs) -> str:
        truths = all(t == Scalar("bool", t.python) for t in types)
        return template if truths and attrs.get("via") != "np" else f"np.{name}"

    return spell


elementwise("logical_and(x, y)", dtype="bool", loop="{x} & {y}", takes="bool",
            spell=_spoken("logical_and", "{x} and {y}"),
            callables=dotted("logical_and"), cost=0)  # fmt: skip
elementwise("logical_or(x, y)", dtype="bool", loop="{x} | {y}", takes="bool",
            spell=_spoken("logical_or", "{x} or {y}"),
            callables=dotted("logical_or"), cost=0)  # fmt: skip
elementwise("logical_xor(x, y)", dtype="bool", loop="{x} != {y}", takes="bool",
            callables=dotted("logical_xor"), cost=0)  # fmt: skip
elementwise("logical_not(x)", dtype="bool", loop="not {x}", takes="bool",
            spell=_spoken("logical_not", "not {x}"),
            callables=dotted("logical_not"), cost=0)  # fmt: skip
elementwise(
    "truth(x)",
    dtype="bool",
    takes="own",
    cost=0,
    of_complex=True,
    spell=lambda types, _: "{x} != 0" if types[0].rank else "bool({x})",
    loop=lambda op: "{x}" if op.args[0].type.dtype == "bool" else "{x} != 0",
)
elementwise("not x", name="not_", dtype="bool", takes="bool", cost=0)


def _where(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    dims = shapes.broadcast(types)
    dtype = promote(*types[1:])
    python = types[1].python and types[2].python and not _of_numpy(types, attrs)
    return Array(dtype, dims) if dims else Scalar(dtype, python)


def _of_numpy(types: Sequence[Type], attrs: Attrs) -> bool:
    """Tell a choice that gives a number of another kind than an `if` would."""
    mixed = is_complex(types[1]) != is_complex(types[2])
    return attrs.get("via") == "np" and (mixed or (types[1].python and types[2].python))


def _where_text(types: Sequence[Type], attrs: Attrs) -> str:
    if any(t.rank for t in types):
        return "np.where"
    made = f"{np_dtype(promote(*types[1:]))}(" if _of_numpy(types, attrs) else ""
    return made + "{x} if {c} else {y}" + ")" * bool(made)


elementwise("where(c, x, y)", x="where(c, g, 0)", y="where(c, 0, g)", infer=_where,
            spell=_where_text, loop="{x} if {c} else {y}",
            callables=dotted("where"), bits=lambda args, op: max(args[1:]),
            of_complex=True)  # fmt: skip


def _cast(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    dims = shapes.broadcast(types)
    dtype = str(attrs["dtype"])
    if is_complex(types[0]) and not dtype.startswith("complex"):
        raise Unsupported(f"a complex number is no {dtype}", "take its `.real`")
    if dims:
        return Array(dtype, dims)
    return Scalar(dtype, bool(attrs.get("python")))


def _cast_text(types: Sequence[Type], attrs: Attrs) -> str:
    dtype = str(attrs["dtype"])
    if attrs.get("python"):
        return dtype.rstrip("12468") + "({x})"
    if types[0].rank:
        return f"{{x}}.astype({dtype_text(dtype)})"
    return f"{np_dtype(dtype)}({{x}})"


elementwise("cast(x, dtype='float64', python=False)", x="g", loop="{x}",
            infer=_cast, spell=_cast_text, bits=most_bits, cost=0,
            of_complex=True)  # fmt: skip


def _same(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    (t,) = types
    return Array(t.dtype, t.dims) if isinstance(t, Array) else t


def _copy_text(types: Sequence[Type], attrs: Attrs) -> str:
    return "keep_layout" if attrs.get("via") == "layout" else "{x}.copy()"


linear("copy(x)", _same, x="g", loop="{x}", spell=_copy_text, of_number=itself,
       callables=dotted("copy"), methods=("copy",), bits=most_bits,
       of_complex=True)  # fmt: skip


elementwise("stop_gradient(x)", loop="{x}", spell="stop_gradient", alias=True,
            of_complex=True,
            callables=("srcgrad.stop_gradient",
                       "srcgrad.runtime.readable.stop_gradient"))  # fmt: skip
