"""Functions of `scipy.special`, and those of `math` that NumPy has not."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.ir import Op
from srcgrad.ops.reductions import real, reduced, spread
from srcgrad.ops.table import (
    ROWS,
    Attrs,
    Loop,
    Shapes,
    Unsupported,
    elementwise,
    linear,
    rule,
)
from srcgrad.types import Array, Scalar, Type, promote

Term = Any


def _function(signature: str, loop: Loop, *, error: str = "", **options: Any) -> None:
    """Enter a ufunc of SciPy; `also` names the function of `math` that is the same."""
    name = signature.partition("(")[0]
    options.setdefault("spell", f"special.{name}")
    names = (f"scipy.special.{name}", *options.pop("also", ()))
    options.setdefault("callables", names)

    def check(op: Op) -> str:
        return error if op.attrs.get("via") == "math" else ""

    elementwise(
        signature, floats=True, loop=loop, check=check, cost=30, **options
    )  # fmt: skip


def _in_single(name: str) -> Loop:
    """Return the loop text of a function that `runtime/vmath.py` has in both sizes."""
    return lambda op: f"rt_{name}{'f' * (op.out.type.dtype == 'float32')}({{x}})"


def _own(name: str, operands: str = "x") -> Callable[[Op], str]:
    """Return the loop text of a kernel of float64, of these operands."""
    wide = ", ".join(f"np.float64({{{x}}})" for x in operands.split())

    def loop(op: Op) -> str:
        text, attrs = f"rt_{name}({wide})", op.attrs
        for key in ROWS[op.row].attrs:
            text = f"{text[:-1]}, {attrs.get(key, ROWS[op.row].attrs[key])!r})"
        return f"np.float32({text})" if op.out.type.dtype == "float32" else text

    return loop


def _ufunc(signature: str, **options: Any) -> None:
    """Enter a ufunc of SciPy that has a kernel of its name."""
    name, _, operands = signature.partition("(")
    names = [x for x in operands.strip(")").split(", ") if "=" not in x]
    _function(signature, _own(name, " ".join(names)), **options)


def strong(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Return the type of ufuncs to which Python's numbers are float64, not weak."""
    dims = shapes.broadcast(types)
    narrow = all(t.dtype == "float32" and not t.python for t in types)
    dtype = "float32" if narrow else "float64"
    return Array(dtype, dims) if dims else Scalar(dtype)


def _factorial(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Return the type of a factorial: that of an array is always float64."""
    dims = shapes.broadcast(types)
    return Array("float64", dims) if dims else strong(shapes, types, attrs)


def _wide(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Return the type of what is always float64."""
    dims = shapes.broadcast(types)
    return Array("float64", dims) if dims else Scalar("float64")


def no_rule(name: str, operand: str) -> Any:
    """Return the rule of a parameter: its slope is no function of SciPy."""

    def rule(g: Term) -> Term:
        what = f"the derivative of `{name}` in `{operand}` is no function of SciPy"
        raise Unsupported(what, f"keep it constant: `srcgrad.stop_gradient({operand})`")

    return rule


# the error function and the normal law

_BELL, _ROOT = 1.1283791670955126, 0.8862269254527580  # 2 / sqrt(pi), its inverse
_PEAK, _RATIO = 0.3989422804014327, 0.7978845608028654  # of the normal density; twice

_function("expit(x)", _in_single("sigmoid"), x="g * (z * (1 - z))")
_function("erf(x)", _in_single("erf"), x=f"g * {_BELL} * exp(-x * x)",
          also=("math.erf",))  # fmt: skip
_function("erfc(x)", "math.erfc({x})", x=f"-g * {_BELL} * exp(-x * x)",
          also=("math.erfc",))  # fmt: skip
_ufunc("erfcx(x)", x="g * erfcx_slope(x)")
_ufunc("erfcx_slope(x, order=1)", x="g * erfcx_slope(x, order=order + 1)",
       spell="erfcx_slope")  # fmt: skip
_ufunc("erfinv(x)", x=f"g * {_ROOT} * exp(z * z)", domain=(-0.9, 0.9))
_ufunc("erfcinv(x)", x=f"-g * {_ROOT} * exp(z * z)")
_ufunc("ndtr(x)", x=f"g * {_PEAK} * exp(-0.5 * x * x)")
_ufunc("log_ndtr(x)", x=f"g * {_RATIO} / erfcx(-0.7071067811865476 * x)")
_ufunc("ndtri(p)", p=f"g * {1 / _PEAK} * exp(0.5 * z * z)", domain=(0.1, 0.9))

# logarithms and exponentials

_ufunc("logit(x)", x="g / (x * (1 - x))", domain=(0.1, 0.9))
_ufunc("log_expit(x)", x="g * expit(-x)")
_function("xlogy(x, y)", "rt_xlogy({x}, {y})", x="g * log(y)", infer=strong,
          y="where(x == 0, 0, g * x / y)")  # fmt: skip
_ufunc(
    "xlog1py(x, y)",
    infer=strong,
    x="g * log1p(y)",
    y="where(x == 0, 0, g * x / (1 + y))",
)
_ufunc("entr(x)", x="-g * (1 + log(x))")
_ufunc("rel_entr(x, y)", x="g * (1 + log(x / y))", y="where(x == 0, 0, -g * x / y)")
_ufunc("kl_div(x, y)",
          x="g * log(x / y)", y="where(x == 0, g, g * (1 - x / y))")  # fmt: skip
_ufunc("exp10(x)", x=f"g * z * {math.log(10.0)!r}")
_ufunc("cosm1(x)", x="-g * sin(x)")
_ufunc("exprel(x)", x="g * exprel_slope(x)")
_ufunc("exprel_slope(x, order=1)", x="g * exprel_slope(x, order=order + 1)",
       spell="exprel_slope")  # fmt: skip
_ufunc("boxcox(x, y)", x="g * x ** (y - 1)",
       y="where(x == 0, g / (y * y), g * square(log(x)) * exprel_slope(y * log(x)))",
       )  # fmt: skip

# losses

_ufunc("huber(delta, r)", delta="g * maximum(absolute(r) - delta, 0)",
       r="g * clip(r, -delta, delta)")  # fmt: skip
_ufunc("pseudo_huber(delta, r)",
       delta="where(r == 0, 0, g * square(r * r / (hypot(delta, r) + delta)) / "
       "hypot(delta, r))",
       r="where(r == 0, 0, g * delta * r / hypot(delta, r))")  # fmt: skip

# the gamma function


def _gammaln(op: Op) -> str:
    whole = op.attrs.get("via") == "math"
    return "math.lgamma({x})" if whole else "rt_gammaln({x})"


def _gamma(op: Op) -> str:
    whole = op.attrs.get("via") == "math"
    return "math.gamma({x})" if whole else _own("gamma")(op)


# At poles and beyond all numbers: plain Python tells one from the other.
_POLE = "ValueError if math.isfinite({x}) and math.isinf({z})"
_function("gammaln(x)", _gammaln, x="g * digamma(x)", also=("math.lgamma",),
          error=_POLE)  # fmt: skip
_function("gamma(x)", _gamma, x="g * z * digamma(x)", also=("math.gamma",),
          error="ValueError if not math.isfinite({z}) and {x} < math.inf")  # fmt: skip
_ufunc("loggamma(x)", x="g * digamma(x)")
_function("digamma(x)", "rt_digamma({x})", x="g * zeta(x, s=2)",
          also=("scipy.special.psi",))  # fmt: skip
# Hurwitz' zeta function of a whole number s: the sum of (q + k)**-s.
_function("zeta(q, s=2)", "rt_zeta({q}, {s})", q="-s * g * zeta(q, s=s + 1)",
          spell="special.zeta({s}, {q})", callables=())  # fmt: skip
_ufunc("beta(a, b)", infer=strong, a="g * z * (digamma(a) - digamma(a + b))",
       b="g * z * (digamma(b) - digamma(a + b))")  # fmt: skip
_ufunc("betaln(a, b)", infer=strong, a="g * (digamma(a) - digamma(a + b))",
       b="g * (digamma(b) - digamma(a + b))")  # fmt: skip
_ufunc("gammainc(a, x)", infer=strong, a=no_rule("gammainc", "a"),
       x="g * exp(xlogy(a - 1, x) - x - gammaln(a))")  # fmt: skip
_ufunc("gammaincc(a, x)", infer=strong, a=no_rule("gammaincc", "a"),
       x="-g * exp(xlogy(a - 1, x) - x - gammaln(a))")  # fmt: skip
_ufunc("betainc(a, b, x)", a=no_rule("betainc", "a"), b=no_rule("betainc", "b"),
       x="g * exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))",
       domain=(0.2, 0.8))  # fmt: skip
_ufunc("beta_pdf(x, a, b)", spell="stats.beta.pdf({x}, {a}, {b})", callables=(),
       infer=_wide, domain=(0.2, 0.8), x="g * z * ((a - 1) / x - (b - 1) / (1 - x))",
       a="g * z * (log(x) - digamma(a) + digamma(a + b))",
       b="g * z * (log1p(-x) - digamma(b) + digamma(a + b))")  # fmt: skip
_ufunc("binom_pmf(k, n, p)", spell="stats.binom.pmf({k}, {n}, {p})", callables=(),
       infer=_wide, domain=(0.2, 0.8), k=no_rule("binom.pmf", "k"),
       n=no_rule("binom.pmf", "n"),
       p="g * z * (k - n * p) / (p * (1 - p))")  # fmt: skip
_CHOSEN = {
    "n": "g * z * (digamma(n + 1) - digamma(n - k + 1))",
    "k": "g * z * (digamma(n - k + 1) - digamma(k + 1))",
}
_ufunc("binom(n, k)", **_CHOSEN)
_ufunc("comb(n, k)", infer=strong, **{x: f"where((0 <= k) & (k <= n), {r}, 0)"
                        for x, r in _CHOSEN.items()})  # fmt: skip
_ufunc("factorial(n)", infer=_factorial, n="where(n < 0, 0, g * z * digamma(n + 1))")


def _same_shape(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    (t,) = types
    return Array(real(t.dtype), t.dims) if t.rank else Scalar(real(t.dtype))


def _shift(x: Term, axis: Any) -> Term:
    """Return the largest items, but 0 for an infinite one."""
    most = x.max(axis=axis, keepdims=True)
    return most.isfinite().where(most, 0.0)


def _logsumexp(x: Term, axis: Any, keepdims: bool) -> Term:
    most = _shift(x, axis)
    total = (x - most).exp().sum(axis=axis, keepdims=True).log() + most
    if keepdims:
        return total
    kept = [0 if axis is None or k in axis else slice(None) for k in range(x.rank)]
    return total[tuple(kept)]


def _softmax(x: Term, axis: Any) -> Term:
    powers = (x - x.max(axis=axis, keepdims=True)).exp()
    return powers / powers.sum(axis=axis, keepdims=True)


def _log_softmax(x: Term, axis: Any) -> Term:
    less = x - _shift(x, axis)
    return less - less.exp().sum(axis=axis, keepdims=True).log()


def _of_sum(g: Term, x: Term, z: Term, axis: Any, keepdims: bool) -> Term:
    return spread(g, axis, keepdims) * (x - spread(z, axis, keepdims)).exp()


def _of_softmax(g: Term, z: Term, axis: Any) -> Term:
    return z * (g - (g * z).sum(axis=axis, keepdims=True))


def _of_log(g: Term, z: Term, axis: Any) -> Term:
    return g - z.exp() * g.sum(axis=axis, keepdims=True)


rule("logsumexp(x, axis=None, keepdims=False)", reduced(real), x=_of_sum, cost=30,
     spell="special.logsumexp", meaning=_logsumexp, many_axes=True)  # fmt: skip
rule("softmax(x, axis=None)", _same_shape, x=_of_softmax, spell="special.softmax",
     meaning=_softmax, many_axes=True, cost=30,
     callables=("scipy.special.softmax",))  # fmt: skip
rule("log_softmax(x, axis=None)", _same_shape, x=_of_log, spell="special.log_softmax",
     meaning=_log_softmax, many_axes=True, cost=30,
     callables=("scipy.special.log_softmax",))  # fmt: skip


# sums of powers with weights, which may be negative


def _weighed(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Return the type of a reduction of two arrays broadcast together."""
    both = Array(real(promote(*types)), shapes.broadcast(types))
    return reduced(real)(shapes, [both], attrs)


def _parts(x: Term, b: Term, axis: Any) -> tuple[Term, Term]:
    """Return the sum of powers beside the largest one, and that one's exponent."""
    most = _shift(b.ne(0).where(x, -math.inf), axis)
    powers = b.ne(0).where(b * (x - most).exp(), 0.0)
    return powers.sum(axis=axis, keepdims=True), most


def _kept(t: Term, axis: Any, keepdims: bool) -> Term:
    """Return a reduction that has its axes without them, unless they stay."""
    place = [0 if axis is None or k in axis else slice(None) for k in range(t.rank)]
    return t if keepdims else t[tuple(place)]


def _weighed_log(x: Term, b: Term, axis: Any, keepdims: bool) -> Term:
    total, most = _parts(x, b, axis)
    return _kept(total.log() + most, axis, keepdims)


def _absolute_log(x: Term, b: Term, axis: Any, keepdims: bool) -> Term:
    total, most = _parts(x, b, axis)
    return _kept(total.absolute().log() + most, axis, keepdims)


def _sign(x: Term, b: Term, axis: Any, keepdims: bool) -> Term:
    return _kept(_parts(x, b, axis)[0].sign(), axis, keepdims)


def _of_weighed(g: Term, x: Term, b: Term, z: Term, axis: Any, keepdims: bool) -> Term:
    return b.ne(0).where(b * _of_weight(g, x, b, z, axis, keepdims), 0.0)


def _of_weight(g: Term, x: Term, b: Term, z: Term, axis: Any, keepdims: bool) -> Term:
    return _of_sum(g, x, z, axis, keepdims)


def _signed(rule: Any) -> Any:
    """Return a rule where what the logarithm is taken of may be negative."""

    def signed(g: Term, x: Term, b: Term, z: Term, axis: Any, keepdims: bool) -> Term:
        sign = x.logsumexp_sign(b, axis=axis, keepdims=keepdims)
        return rule(g * sign, x, b, z, axis, keepdims)

    return signed


def _weighed_row(name: str, signed: str, meaning: Any, **rules: Any) -> None:
    rule(f"{name}(x, b, axis=None, keepdims=False)", _weighed, cost=30, many_axes=True,
         spell="special.logsumexp({x}, b={b}{keywords}" + signed, meaning=meaning,
         **rules)  # fmt: skip


_weighed_row("logsumexp_weighed", ")", _weighed_log, x=_of_weighed, b=_of_weight)
_weighed_row("logsumexp_absolute", ", return_sign=True)[0]", _absolute_log,
             x=_signed(_of_weighed), b=_signed(_of_weight))  # fmt: skip
_weighed_row("logsumexp_sign", ", return_sign=True)[1]", _sign)


# lengths and exact sums, as `math` has them


def _number(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    return Scalar("float64", python=True)


def _lengths(g: Term, xs: list[Term], z: Term) -> list[Term]:
    return [z.eq(0).where(0.0, g * x / z) for x in xs]


def _length(xs: list[Term]) -> Term:
    return functools.reduce(lambda a, b: a.hypot(b), xs[1:], xs[0].absolute())


rule("length_of(*xs)", _number, xs=_lengths, meaning=_length, cost=30,
     spell="math.hypot({*xs})")  # fmt: skip
rule("length_of_all(x)", _number, x="where(z == 0, 0, g / z) * x", cost=30,
     meaning=lambda x: x.norm(), spell="math.hypot(*{x})")  # fmt: skip
linear("fsum(x)", _number, x="g", cost=30, spell="math.fsum",
       kernel=lambda names, types, attrs: f"rt_fsum({names[0]})")  # fmt: skip
