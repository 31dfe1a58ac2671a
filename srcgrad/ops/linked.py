"""Functions of `scipy.special` that kernels link to; formulae are of NIST's DLMF.

A parameter without a rule has no derivative that is a function of SciPy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad.ir import Op
from srcgrad.ops.special import no_rule, strong
from srcgrad.ops.table import Attrs, Infer, Loop, Shapes, Unsupported, elementwise
from srcgrad.types import Array, Scalar, Type, is_complex, promote

Term = Any
Rule = Any
WHOLE = ("int64", "int32", "bool")


def _loop(name: str, operands: list[str]) -> Loop:
    """Return the loop text: an order n is a whole number, all else is float64."""

    def text(op: Op) -> str:
        whole = op.args[0].type.dtype in WHOLE
        most = "complex128" if is_complex(op.out.type) else "float64"
        wide = [f"np.{'int64' if whole and x == 'n' else most}({{{x}}})"
                for x in operands]  # fmt: skip
        call = f"rt_{name}({', '.join(wide)})"
        narrow = op.out.type.dtype in ("float32", "complex64")
        return f"np.{op.out.type.dtype}({call})" if narrow else call

    return text


def _of_order(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Return the type of a function of an order: of a whole one it is float64."""
    dims, dtype = shapes.broadcast(types), promote(*types)
    out = "float32" if dtype == "float32" and types[0].dtype not in WHOLE else "float64"
    return Array(out, dims) if dims else Scalar(out)


def _of_whole(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    if types[0].dtype not in WHOLE:
        raise Unsupported("this is known of whole orders", "pass `int(n)`")
    return _of_order(shapes, types, attrs)


def _complex(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    """Return the type of what is complex; only `wofz` has single precision."""
    (t,), dims = types, shapes.broadcast(types)
    narrow = t.dtype == "complex64" and "k" not in attrs
    out = "complex64" if narrow else "complex128"
    return Array(out, dims) if dims else Scalar(out)


def _enter(signature: str, *also: str, infer: Infer | None = None,
           domain: tuple[float, float] = (0.3, 1.7), spell: str = "", rt: str = "",
           of_complex: bool = False, **rules: Rule) -> None:  # fmt: skip
    """Enter a ufunc of SciPy, and other names of it."""
    name, _, operands = signature.strip(")").partition("(")
    names = operands.split(", ")
    more = {} if infer is None else {"infer": infer}
    elementwise(
        signature, floats=True, takes="own", cost=30, domain=domain,
        loop=_loop(rt or name, names), of_complex=of_complex,
        spell=spell or f"special.{name}",
        callables=tuple(f"scipy.special.{n}" for n in (name, *also) if not spell),
        **{x: rules.get(x, no_rule(name, x)) for x in names}, **more,
    )  # fmt: skip


# Bessel functions: 10.6.1, 10.6.3, 10.29.1, 10.29.3

_BESIDE = "g * 0.5 * ({0}({1} - 1, x) - {0}({1} + 1, x))"
_enter("j0(x)", x="-g * j1(x)")
_enter("j1(x)", x="g * 0.5 * (j0(x) - jv(2, x))")
_enter("jv(v, x)", "jn", x=_BESIDE.format("jv", "v"))
_enter("y0(x)", x="-g * y1(x)")
_enter("y1(x)", x="g * 0.5 * (y0(x) - yn(2, x))")
_enter("yn(n, x)", infer=_of_order, x=_BESIDE.format("yn", "n"))
_enter("yv(v, x)", x=_BESIDE.format("yv", "v"))
_enter("i0(x)", x="g * i1(x)")
_enter("numpy_i0(x)", rt="i0", spell="np.i0", x="g * i1(x)")
_enter("i1(x)", x="g * 0.5 * (i0(x) + iv(2, x))")
_enter("iv(v, x)", x="g * 0.5 * (iv(v - 1, x) + iv(v + 1, x))")
_enter("i0e(x)", x="g * (i1e(x) - sign(x) * z)")
_enter("i1e(x)", x="g * (0.5 * (i0e(x) + ive(2, x)) - sign(x) * z)")
_enter("ive(v, x)", x="g * (0.5 * (ive(v - 1, x) + ive(v + 1, x)) - sign(x) * z)")
_enter("k0(x)", x="-g * k1(x)")
_enter("k1(x)", x="-g * (k0(x) + z / x)")
_enter("kn(n, x)", infer=_of_order, x="g * -0.5 * (kn(n - 1, x) + kn(n + 1, x))")
_enter("kv(v, x)", x="g * -0.5 * (kv(v - 1, x) + kv(v + 1, x))")
_enter("k0e(x)", x="g * (z - k1e(x))")
_enter("k1e(x)", x="g * (z - k0e(x) - z / x)")
_enter("kve(v, x)", x="g * (z - 0.5 * (kve(v - 1, x) + kve(v + 1, x)))")
# 11.4.27
_enter("struve(v, x)", infer=strong, x="g * (struve(v - 1, x) - v / x * z)")


def _of_expn(g: Term, n: Term, x: Term, z: Term) -> Term:
    """Below order 1 there is none, and 8.19.12 tells what it would be."""
    if (n.const or 0) > 1:
        return -g * (n - 1).expn(x)
    below = ((-x).exp() - (n - 1) * z) / x
    return -g * (n > 1).where((n - 1).maximum(0).expn(x), below)


# exponential integrals: 6.2.1, 6.2.5, 8.19.12 and 8.19.13; 7.2.5; 7.10.2

_enter("exp1(x)", x="-g * exp(-x) / x")
_enter("expi(x)", x="g * exp(x) / x")
_enter("expn(n, x)", infer=_of_whole, x=_of_expn)
_enter("dawsn(x)", x="g * (1 - 2 * x * z)")
_enter("erfi(x)", x="g * 1.1283791670955126 * exp(x * x)")
_enter("wofz(t)", infer=_complex, of_complex=True,
       t="g * (1.1283791670955126j - 2 * t * z)")  # fmt: skip

# Voigt's profile is the real part of `wofz`; it is homogeneous, of degree -1
_AT = "((x + 1j * gamma) / (sigma * 1.4142135623730951))"
_BENT = f"(1.1283791670955126j - 2 * {_AT} * wofz({_AT}))"
_HEIGHT = "(sigma * sigma * 3.5449077018110318)"  # 2 * sqrt(pi)
_enter("voigt_profile(x, sigma, gamma)", infer=strong,
       x=f"g * real({_BENT}) / {_HEIGHT}", gamma=f"-g * imag({_BENT}) / {_HEIGHT}",
       sigma=f"-g * (z + (x * real({_BENT}) - gamma * imag({_BENT})) / {_HEIGHT}) / "
       "sigma")  # fmt: skip

# elliptic integrals of m = k**2: 19.5.1 and 19.5.2 with 15.5.1 and 15.8.1, 19.2.4

_EIGHTH = 0.39269908169872414  # of pi
_enter("ellipk(m)", domain=(-0.9, 0.9),
       m=f"g * {_EIGHTH} / (1 - m) * hyp2f1(0.5, 0.5, 2.0, m)")  # fmt: skip
_enter("ellipkm1(p)", p=f"-g * {_EIGHTH} / p * hyp2f1(0.5, 0.5, 2.0, 1 - p)")
_enter("ellipe(m)", m=f"-g * {_EIGHTH} * hyp2f1(0.5, 1.5, 2.0, m)", domain=(-0.9, 0.9))
_enter("ellipkinc(phi, m)", infer=strong, domain=(0.2, 0.9),
       phi="g / sqrt(1 - m * square(sin(phi)))")  # fmt: skip
_enter("ellipeinc(phi, m)", infer=strong, domain=(0.2, 0.9),
       phi="g * sqrt(1 - m * square(sin(phi)))")  # fmt: skip

# hypergeometric functions: 15.5.1, 13.3.15, 16.3.1, 13.3.22

_enter("hyp2f1(a, b, d, x)", infer=strong, domain=(0.2, 0.8),
       x="g * a * b / d * hyp2f1(a + 1, b + 1, d + 1, x)")  # fmt: skip
_enter("hyp1f1(a, b, x)", x="g * a / b * hyp1f1(a + 1, b + 1, x)")
_enter("hyp0f1(v, x)", x="g / v * hyp0f1(v + 1, x)")
_enter("hyperu(a, b, x)", x="-g * a * hyperu(a + 1, b + 1, x)")

# distributions and their inverses: slopes are densities

_enter("gammaincinv(a, y)", infer=strong, domain=(0.2, 0.8),
       y="g * exp(z + gammaln(a) - xlogy(a - 1, z))")  # fmt: skip
_enter("gammainccinv(a, y)", infer=strong, domain=(0.2, 0.8),
       y="-g * exp(z + gammaln(a) - xlogy(a - 1, z))")  # fmt: skip
_enter("betaincc(a, b, x)", domain=(0.2, 0.8),
       x="-g * exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))")  # fmt: skip
_enter("betaincinv(a, b, y)", domain=(0.2, 0.8),
       y="g * exp(betaln(a, b) - xlogy(a - 1, z) - xlog1py(b - 1, -z))")  # fmt: skip
_CHI = "0.5 * exp(xlogy(0.5 * v - 1, 0.5 * {0}) - 0.5 * {0} - gammaln(0.5 * v))"
_enter("chdtr(v, x)", x=f"g * {_CHI.format('x')}")
_enter("chdtrc(v, x)", x=f"-g * {_CHI.format('x')}")
_enter("chdtri(v, p)", p=f"-g / ({_CHI.format('z')})", domain=(0.2, 0.8))
_T = "exp(-0.5 * (df + 1) * log1p({0} * {0} / df) - betaln(0.5 * df, 0.5)) / sqrt(df)"
_enter("stdtr(df, t)", t=f"g * {_T.format('t')}")
_enter("stdtrit(df, p)", p=f"g / ({_T.format('z')})", domain=(0.2, 0.8))
_GAMMA = "exp(xlogy(b - 1, a * x) - a * x - gammaln(b))"
_enter("gdtr(a, b, x)", a=f"g * x * {_GAMMA}", x=f"g * a * {_GAMMA}")
_enter("gdtrc(a, b, x)", a=f"-g * x * {_GAMMA}", x=f"-g * a * {_GAMMA}")
_F = ("exp(xlogy(0.5 * a - 1, {0}) + xlogy(0.5 * a, a / b) - 0.5 * (a + b) * "
      "log1p(a * {0} / b) - betaln(0.5 * a, 0.5 * b))")  # fmt: skip
_enter("fdtr(a, b, x)", x=f"g * {_F.format('x')}")
_enter("fdtrc(a, b, x)", x=f"-g * {_F.format('x')}")
_enter("fdtri(a, b, p)", p=f"g / ({_F.format('z')})", domain=(0.2, 0.8))
_POISSON = "exp(xlogy(floor(k), m) - m - gammaln(floor(k) + 1))"
_enter("pdtr(k, m)", m=f"-g * {_POISSON}")
_enter("pdtrc(k, m)", m=f"g * {_POISSON}")
_enter("inv_boxcox(y, a)", y="g * z ** (1 - a)")

# Lambert's W, from 4.13.1

elementwise(
    "lambertw(x, k=0)", cost=100, takes="own", infer=_complex, of_complex=True,
    loop=lambda op: f"rt_lambertw(np.complex128({{x}}), {op.attrs.get('k', 0)})",
    spell="special.lambertw({x}{keywords})", x="g / (x + exp(z))",
)  # fmt: skip

# the gamma function: 5.5.1; angles in degrees

_enter("rgamma(x)", x="-g * z * digamma(x)")
_enter("poch(a, m)", a="g * z * (digamma(a + m) - digamma(a))",
       m="g * z * digamma(a + m)")  # fmt: skip
_DEGREE = 0.017453292519943295
_enter("sindg(x)", x=f"g * {_DEGREE} * cosdg(x)")
_enter("cosdg(x)", x=f"-g * {_DEGREE} * sindg(x)")
_enter("tandg(x)", x=f"g * {_DEGREE} * (1 + z * z)")
_enter("cotdg(x)", x=f"-g * {_DEGREE} * (1 + z * z)")
_enter("radian(d, m, s)", infer=strong, d=f"g * {_DEGREE}", m=f"g * {_DEGREE / 60}",
       s=f"g * {_DEGREE / 3600}")  # fmt: skip

# orthogonal polynomials: 18.9.15, 18.9.19, 18.9.21, 18.9.23, 18.9.25, 18.9.27, 18.7.9


def _polynomial(signature: str, slope: str) -> None:
    """Enter a polynomial of a degree n; those of degree -1 are 0 to SciPy."""
    _enter(signature, infer=_of_whole, x=f"g * ({slope})")


_polynomial("eval_chebyt(n, x)", "n * eval_chebyu(n - 1, x)")
_polynomial("eval_chebyu(n, x)", "2 * eval_gegenbauer(n - 1, 2.0, x)")
_polynomial("eval_legendre(n, x)", "eval_gegenbauer(n - 1, 1.5, x)")
_polynomial("eval_gegenbauer(n, a, x)", "2 * a * eval_gegenbauer(n - 1, a + 1, x)")
_polynomial("eval_jacobi(n, a, b, x)",
            "0.5 * (n + a + b + 1) * eval_jacobi(n - 1, a + 1, b + 1, x)")  # fmt: skip
_polynomial("eval_laguerre(n, x)", "-eval_genlaguerre(n - 1, 1.0, x)")
_polynomial("eval_genlaguerre(n, a, x)", "-eval_genlaguerre(n - 1, a + 1, x)")
_polynomial("eval_hermite(n, x)", "2 * n * eval_hermite(maximum(n - 1, 0), x)")
_polynomial("eval_hermitenorm(n, x)", "n * eval_hermitenorm(maximum(n - 1, 0), x)")
