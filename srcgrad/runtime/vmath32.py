"""The functions of `vmath.py` over constants of float32; names as in C.

`powerf` and `erff` compute in float64, which costs less than more precision.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math
from types import FunctionType

import numpy as np

from srcgrad.runtime import vmath
from srcgrad.runtime.floats import (  # noqa: F401  the text of `vmath` names them
    bits,
    fma,
    large_cos,
    large_sin,
    large_tan,
    number,
    polynomial,
    select,
)  # fmt: skip

__all__ = [
    "arctanf",
    "cosf",
    "coshf",
    "erff",
    "exp2f",
    "expf",
    "expm1f",
    "log1pf",
    "log2f",
    "log10f",
    "logf",
    "powerf",
    "sigmoidf",
    "sinf",
    "sinhf",
    "softplusf",
    "tanf",
    "tanhf",
]  # fmt: skip

INLINED = True


def _floats(*numbers: float) -> tuple[np.float32, ...]:
    return tuple(map(np.float32, numbers))


ZERO, HALF, ONE, TWO, TINY = _floats(0.0, 0.5, 1.0, 2.0, 2.0**-25)
INF, NAN = _floats(np.inf, np.nan)
WIDTH, BIAS = 23, 127
(SHIFT,), SHIFT_BITS = _floats(1.5 * 2.0**23), 0x4B400000
SMALLEST, SCALE, SCALE_BITS = _floats(2.0**-126, 2.0**25, 25.0)
ROOT_HALF_BITS = 0x3F3504F3
EXP_LOW, EXP_HIGH, EXP2_LOW, EXP2_HIGH = _floats(-104.5, 89.0, -151.0, 129.0)
SINH_HIGH, TANH_HIGH, ALIKE, TRIG_HIGH = _floats(89.5, 10.0, 20.0, 2.0**20)
(ROOT2_MORE,) = _floats(2.4142137)

LN2, LN2_LOW = _floats(0.6931471824645996, -1.9046542121259336e-09)
LOG2E, LOG2E_LOW = _floats(1.4426950216293335, 1.925963033500011e-08)
LOG10_2, LOG10_2_LOW = _floats(0.301025390625, 4.605038981195214e-06)
LOG10E, LOG10E_LOW = _floats(0.4342944920063019, -1.0103049952192578e-08)
(TWO_BY_PI,) = _floats(0.6366197466850281)
PI2, PI2_LOW, PI2_LOWEST = _floats(
    1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15
)
PI4, PI4_LOW = _floats(0.7853981852531433, -2.1855694143368964e-08)

EXP = _floats(
    0.5, 0.1666652, 0.041666426, 0.008368815, 0.0013938566,
)  # fmt: skip
EXP2 = _floats(
    0.6931472, 0.2402265, 0.055503592, 0.009618072, 0.0013391176, 0.00015458684,
)  # fmt: skip
LOG = _floats(
    0.6666677594184875, 0.3997757136821747, 0.2987138628959656,
)  # fmt: skip
SIN = _floats(
    -0.16666655, 0.008332192, -0.0001951873,
)  # fmt: skip
COS = _floats(
    0.041666646, -0.0013887304, 2.443131e-05,
)  # fmt: skip
SINH = _floats(
    0.16666667, 0.008333175, 0.00019973762,
)  # fmt: skip
COSH = _floats(
    0.04166646, 0.001393541,
)  # fmt: skip
ARCTAN = _floats(
    -0.33333236, 0.19994289, -0.14175722, 0.10163226, -0.05137585,
)  # fmt: skip
DOUBLE_SHIFT, DOUBLE_LOG2E = 1.5 * 2.0**52, 1.4426950408889634
# Of float64: (log(1 + f) / f - 1) / f, (2**r - 1) / r, and those of erf in `vmath`.
LOG_DOUBLE = (
    -0.4999999999253256, 0.3333333340914684, -0.2500000227458964, 0.19999989789773429,
    -0.1666647500639344, 0.14286087891412838, -0.12506939053222768,
    0.1110850762606272, -0.09878563678170983, 0.09001582274021848,
    -0.09304707025058535, 0.09286021725941926, -0.049776663427777874,
)  # fmt: skip
EXP2_DOUBLE = (
    0.6931472065903157, 0.24022651193631098, 0.05550327367673022,
    0.009618021953532098, 0.0013400388412879163, 0.0001547136519650041,
)  # fmt: skip
ERF_DOUBLE = (
    0.12837916591346896, -0.37612627133919957, 0.11283600152251515,
    -0.026854443563100145, 0.005189533348283606, -0.0008020823531891671,
    7.889060236437023e-05,
)  # fmt: skip
ERFC_DOUBLE = (
    -1.8496055100690931, -2.6389675146083573, -0.8431070802117157,
    -0.04156348869708407, 0.010046469989493982, -0.002011985695944984,
    0.00028953781215471813, -2.1688666809179453e-05,
)  # fmt: skip


def _single(function):
    """Return a function of `vmath` over the constants of this file."""
    name = function.__name__
    name = name if name.startswith("_") else f"{name}f"
    out = FunctionType(function.__code__, globals(), name)
    out.__doc__ = function.__doc__
    return out


_two_to = _single(vmath._two_to)
_scaled = _single(vmath._scaled)
_logarithm = _single(vmath._logarithm)
_quotient = _single(vmath._quotient)
_hyperbolic = _single(vmath._hyperbolic)
_mantissa = _single(vmath._mantissa)
_as_float = _single(vmath._as_float)
_log_rest = _single(vmath._log_rest)
_log_edges = _single(vmath._log_edges)
_normal = _single(vmath._normal)
_log_sum = _single(vmath._log_sum)
_quarter = _single(vmath._quarter)
_sine = _single(vmath._sine)
_cosine = _single(vmath._cosine)
_decay = _single(vmath._decay)
_power_edges = _single(vmath._power_edges)
expf = _single(vmath.exp)
exp2f = _single(vmath.exp2)
expm1f = _single(vmath.expm1)
tanhf = _single(vmath.tanh)
sinhf = _single(vmath.sinh)
coshf = _single(vmath.cosh)
logf = _single(vmath.log)
log1pf = _single(vmath.log1p)
log2f = _single(vmath.log2)
log10f = _single(vmath.log10)
sinf = _single(vmath.sin)
cosf = _single(vmath.cos)
tanf = _single(vmath.tan)
arctanf = _single(vmath.arctan)
sigmoidf = _single(vmath.sigmoid)
softplusf = _single(vmath.softplus)


def _double_exp2(x):
    """Return 2**x as a float32 has it."""
    x = select(x > 200.0, 200.0, x)
    x = select(x < -200.0, -200.0, x)
    shifted = x + DOUBLE_SHIFT
    r = x - (shifted - DOUBLE_SHIFT)
    return fma(r, polynomial(r, EXP2_DOUBLE), 1.0) * number(
        (bits(shifted) + 1023) << 52, 1.0
    )


def powerf(x, y):
    """Return x**y."""
    size = np.float64(abs(x))
    given = bits(size)
    e = (given - 0x3FE6A09E667F3BCD) >> 52
    f = number(given - (e << 52), size) - 1.0
    k = number(e + 0x4338000000000000, size) - DOUBLE_SHIFT
    log = fma(fma(f * f, polynomial(f, LOG_DOUBLE), f), DOUBLE_LOG2E, k)
    log = select(size < np.inf, select(size == 0.0, -np.inf, log), size)
    return _power_edges(x, y, np.float32(_double_exp2(np.float64(y) * log)))


def erff(x):
    """Return the error function."""
    given = np.float64(x)
    near = fma(given, polynomial(given * given, ERF_DOUBLE), given)
    size = abs(given)
    far = polynomial(select(size > 4.0, 4.0, size) - 1.0, ERFC_DOUBLE)
    far = math.copysign(1.0 - _double_exp2(far * DOUBLE_LOG2E), given)
    return np.float32(select(size < 1.0, near, far))
