"""Functions of `scipy.special`, and those of `math` that NumPy has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.ir import Op
from srcgrad.ops.reductions import real, reduced, spread
from srcgrad.ops.table import Attrs, Loop, Shapes, elementwise, rule
from srcgrad.types import Array, Scalar, Type

Term = Any


def _function(signature: str, loop: Loop, *, error: str = "", **options: Any) -> None:
    """Enter a ufunc of SciPy; `also` names the function of `math` that is the same."""
    name = signature.partition("(")[0]
    options.setdefault("spell", f"special.{name}")
    callables = (f"scipy.special.{name}", *options.pop("also", ()))

    def check(op: Op) -> str:
        return error if op.attrs.get("via") == "math" else ""

    elementwise(
        signature, floats=True, loop=loop, callables=callables, check=check, cost=30,
        **options,
    )  # fmt: skip


def _in_single(name: str) -> Loop:
    """Return the loop text of a function that `runtime/vmath.py` has in both sizes."""
    return lambda op: f"rt_{name}{'f' * (op.out.type.dtype == 'float32')}({{x}})"


def _gammaln(op: Op) -> str:
    whole = op.attrs.get("via") == "math"
    return "math.lgamma({x})" if whole else "rt_gammaln({x})"


_function("gammaln(x)", _gammaln, x="g * digamma(x)", also=("math.lgamma",),
          error="ValueError if {x} <= 0.0 and {x} == np.floor({x}) and "
          "math.isfinite({x})")  # fmt: skip
_function("digamma(x)", "rt_digamma({x})", x="g * zeta(x, s=2)",
          also=("scipy.special.psi",))  # fmt: skip
# Hurwitz' zeta function of a whole number s: the sum of (q + k)**-s.
_function("zeta(q, s=2)", "rt_zeta({q}, {s})", q="-s * g * zeta(q, s=s + 1)",
          spell="special.zeta({s}, {q})")  # fmt: skip
_function("expit(x)", _in_single("sigmoid"), x="g * (z * (1 - z))")
_function("erf(x)", _in_single("erf"), x="g * 1.1283791670955126 * exp(-x * x)",
          also=("math.erf",))  # fmt: skip
_function("erfc(x)", "math.erfc({x})", x="-g * 1.1283791670955126 * exp(-x * x)",
          also=("math.erfc",))  # fmt: skip
_function("xlogy(x, y)", "rt_xlogy({x}, {y})", x="g * log(y)",
          y="where(x == 0, 0, g * x / y)")  # fmt: skip


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
