"""The functions of `vmath.py` over constants of float32; names as in C.

Their text finds here all that it names: what looks unused is not.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math  # noqa: F401
from types import FunctionType

import numpy as np

from srcgrad.runtime import vmath
from srcgrad.runtime.floats import (  # noqa: F401
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
SINH_HIGH, TANH_HIGH, ALIKE, ERF_HIGH = _floats(89.5, 10.0, 20.0, 4.0)
TRIG_HIGH, TANH_NEAR = _floats(2.0**20, 0.625)
(ROOT2_MORE,) = _floats(2.4142137)

LN2, LN2_LOW = _floats(0.6931471824645996, -1.9046542121259336e-09)
LOG2E, LOG2E_LOW = _floats(1.4426950216293335, 1.925963033500011e-08)
LOG10_2, LOG10_2_LOW = _floats(0.301025390625, 4.605038981195214e-06)
LOG10E, LOG10E_LOW = _floats(0.4342944920063019, -1.0103049952192578e-08)
(TWO_BY_PI,) = _floats(0.6366197466850281)
PI2, PI2_LOW, PI2_LOWEST = _floats(
    1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15
)
THIRD, THIRD_LOW = _floats(0.3333333432674408, -9.934107758624577e-09)
DOUBLE_LOG2E, DOUBLE_LOG2E_LOW = _floats(2.885390043258667, 3.851926067000022e-08)
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
TANH = _floats(-0.33333284, 0.13331485, -0.053742994, 0.02064903, -0.005715392)
ARCTANH = _floats(0.20000076, 0.14273544, 0.1170986)
ERF = _floats(
    0.12837916612625122, -0.3761262893676758, 0.11283618211746216, -0.026855119,
    0.005190718, -0.0008030613, 7.919854e-05,
)  # fmt: skip
ERFC = _floats(
    -1.8496055603027344, -2.638962984085083, -0.84316713, -0.04129183, 0.009516195,
    -0.0015365375, 0.00010659986,
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
_sine = _single(vmath._sine)
_cosine = _single(vmath._cosine)
_decay = _single(vmath._decay)
_precise_log2 = _single(vmath._precise_log2)
_signed_power = _single(vmath._signed_power)
expf = _single(vmath.exp)
exp2f = _single(vmath.exp2)
expm1f = _single(vmath.expm1)
powerf = _single(vmath.power)
erff = _single(vmath.erf)
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


def _quarter(x):
    """Return n, r, low where x = n * pi / 2 + r + low, for abs(x) <= TRIG_HIGH."""
    shifted = fma(x, TWO_BY_PI, SHIFT)
    k = shifted - SHIFT
    high, part = fma(k, -PI2, x), k * PI2_LOW
    # Next to a multiple of pi / 2 the part is the larger one.
    r = high - part
    back = high - r
    low = (high - (r + back)) + (back - part)
    low = low - fma(k, PI2_LOW, -part)
    return bits(shifted), r, fma(k, -PI2_LOWEST, low)
