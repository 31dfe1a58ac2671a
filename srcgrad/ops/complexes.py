# mypy: allow-untyped-defs, allow-untyped-calls
"""Complex numbers: their parts, their conjugates, and how they are made of parts.

A cotangent `g` is such that `dL = Re(g * dx)`, as JAX has it: that of `a + 1j * b` is
`dL/da - 1j * dL/db`. So the rules of holomorphic functions have no conjugates, and what
is real is given the real part alone (`algebra.cast`).
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence

import numpy as np

from srcgrad.ops.prelude import (
    fixed,
    is_fixed,
    is_one,
    is_python,
    kind,
    means,
    refused,
    rows,
    typed,
    viewed,
)
from srcgrad.ops.table import Attrs, Shapes, dotted, elementwise
from srcgrad.types import Scalar, Type, real_type


def _part(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    return real_type(types[0])


def _pair(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
    return Scalar("complex128", python=True)


def _conjugate(types: Sequence[Type], attrs: Attrs) -> str:
    """NumPy's function makes NumPy's numbers of Python's own."""
    return "np.conj" if attrs.get("via") == "np" else "{x}.conjugate()"


elementwise("real(x)", x="g", infer=_part, spell="{x}.real", loop="{x}.real",
            takes="own", alias=True, cost=0, of_complex=True)  # fmt: skip
elementwise("imag(x)", x="-(1j * g)", infer=_part, spell="{x}.imag", loop="{x}.imag",
            takes="own", alias=True, cost=0, of_complex=True)  # fmt: skip
elementwise("conj(x)", x="g.conj()", spell=_conjugate, loop="{x}.conjugate()",
            callables=dotted("conj conjugate"), cost=0, of_complex=True,
            conjugates=frozenset({"x"}))  # fmt: skip
elementwise("complex_of(x, y)", x="g", y="1j * g", infer=_pair, takes="float",
            spell="complex({x}, {y})", loop="complex({x}, {y})",
            cost=0)  # fmt: skip


# what functions mean


def is_complex(x):
    return kind(x) in ("complex128", "complex64")


def never(mask):
    """Tell whether nothing is true: it is taken to be so until it is found not to."""
    return not is_one(np.flatnonzero(np.reshape(np.any(mask), 1)), 0)


@means("numpy.iscomplexobj")
def is_complex_object(x):
    return is_complex(x)


@means("numpy.isrealobj")
def is_real_object(x):
    return not is_complex(x)


@means("numpy.issubdtype")
@fixed
def is_sub_dtype(arg1, arg2):
    return bool(np.issubdtype(arg1, arg2))


@means("numpy.real")
def real(val):
    if not is_complex(val):
        return val
    return viewed(rows.real, val) if np.ndim(val) else rows.real(val)


@means("numpy.imag")
def imag(val):
    if not is_complex(val):
        if is_python(val) and kind(val) == "float64" and not is_fixed(val):
            return refused(
                "a float of Python's own may be complex by now, as `(-1.0) ** 0.5` is",
                "write `complex(a) ** b` where it is made",
            )
        return np.zeros_like(val) if np.ndim(val) else typed(0, kind(val))
    return viewed(rows.imag, val) if np.ndim(val) else rows.imag(val)


@means(".conj", ".conjugate")
def conj_method(a):
    return rows.conj(a) if is_complex(a) else a


@means("numpy.angle")
def angle(z, deg=False):
    x = np.asarray(z) if np.ndim(z) else z
    out = np.arctan2(np.imag(x) if is_complex(x) else 0, np.real(x))
    return out * (180 / np.pi) if deg else out


@means("numpy.vdot")
def vdot(a, b, /):
    return rows.vdot(np.ravel(a), np.ravel(b), via="np")


@means("builtins.complex")
def complex_number(real=0.0, imag=0.0):
    if np.ndim(real) or np.ndim(imag) or is_complex(imag):
        return refused("`complex` is known of two real numbers, or of one number")
    whole = is_complex(real) and is_fixed(imag)
    return typed(real, complex, True) if whole else rows.complex_of(real, imag)


@means("numpy.complex128")
def complex128(x=0.0, /):
    return typed(x, "complex128")


@means("numpy.complex64")
def complex64(x=0.0, /):
    return typed(x, "complex64")


@means("cmath.phase")
def phase(z, /):
    x = typed(z, complex, True)
    return rows.arctan2(x.imag, x.real, via="math")


@means("cmath.polar")
def polar(z, /):
    x = typed(z, complex, True)
    return abs(x), cmath.phase(x)


@means("cmath.rect")
def rect(r, phi, /):
    return complex(r * math.cos(phi), r * math.sin(phi))
