"""Every elementwise function and powers of every kind; `import numpy as xp`."""

import numpy as xp
from numpy import exp, log, sqrt

from tests.cases import case
from tests.cases.inputs import away, near, positive, spread

WEIGHTS = xp.array([1.0, -0.5, 2.0, 0.25, 1.5])


@case(lambda rng: (rng.normal(size=5),))
def exponentials(x):
    return (exp(x) * WEIGHTS).sum() + (xp.expm1(x) * xp.exp2(-x)).sum()


@case(lambda rng: (positive(rng, 5),))
def logarithms(x):
    y = log(x) * xp.log2(x + 1.0) - xp.log10(x)
    return (y * xp.log1p(x) * WEIGHTS).sum()


@case(lambda rng: (positive(rng, 5), away(rng, 5)), argnums=(0, 1))
def roots_and_reciprocals(x, y):
    r = sqrt(x) * xp.cbrt(y)
    return (r * xp.square(y)).sum() + (xp.reciprocal(y) * WEIGHTS).sum()


@case(lambda rng: (rng.uniform(-1.2, 1.2, size=5),), sample=True)
def trigonometry(x):
    y = xp.sin(x) * xp.cos(2.0 * x) + xp.tan(x) * WEIGHTS
    return (y * y).sum() + xp.sin(y[0] * x).sum()


@case(lambda rng: (rng.uniform(-0.8, 0.8, size=5),))
def inverse_trigonometry(x):
    y = xp.arcsin(x) * WEIGHTS + xp.arccos(x) ** 2
    return (y * xp.arctan(3.0 * x)).sum()


@case(lambda rng: (rng.normal(size=5),))
def hyperbolics(x):
    y = xp.sinh(x) * xp.tanh(x) - xp.cosh(0.5 * x)
    return (y * WEIGHTS * xp.tanh(y)).sum()


@case(lambda rng: (rng.uniform(-0.8, 0.8, size=5),))
def inverse_hyperbolics(x):
    y = xp.arcsinh(x) + xp.arctanh(x) * WEIGHTS
    return (y * xp.arccosh(2.0 + x)).sum()


@case(lambda rng: (away(rng, 5), away(rng, 5)), argnums=(0, 1))
def two_argument_functions(x, y):
    angle = xp.arctan2(y, x)
    r = xp.hypot(x, y)
    back = r * xp.cos(angle) - x + xp.hypot(r, 2.0)
    return (angle * r * WEIGHTS).sum() + (back * xp.arctan2(1.0, x)).sum()


@case(lambda rng: (away(rng, 6), 1.5), argnums=(0, 1))
def absolute_values_and_signs(x, a):
    y = abs(x) * xp.sign(x[0]) + xp.abs(x) ** 1.5
    z = xp.abs(x * a) - a * abs(x[1])
    return (y * z).sum() + xp.sign(x).sum() * a


# Steps have gradient zero; what multiplies them has not.
@case(lambda rng: (near(rng, 0.4, 1.3, -0.7, -2.2, 3.6),))
def roundings_as_factors(x):
    y = xp.floor(x) * x + xp.ceil(x) * WEIGHTS
    y = y + xp.round(2.0 * x) * x - xp.floor(-x) * xp.ceil(x)
    return (y * (x - xp.floor(x))).sum() + xp.round(x[0], 1) * x[1]


@case(lambda rng: (spread(rng, 6), spread(rng, 6) + 0.03), argnums=(0, 1))
def larger_and_smaller(x, y):
    a = xp.maximum(x, y) * xp.minimum(x, y)
    b = xp.fmax(x, y**2 - 5.0) + xp.fmin(y * x, 2.0)
    return (a * b).sum() + xp.maximum(x, 0.001).sum() * xp.minimum(y[0], -7.0)


# nan is passed over by fmax and fmin, and the gradient goes to the other one.
@case(lambda rng: (xp.array([0.5, 1.5, -1.0]), rng.normal(size=3)), argnums=1)
def fmax_passes_over_nan(x, y):
    x[1] = xp.nan
    return (xp.fmax(x, y + 5.0) * y).sum() + xp.fmin(x[1], y[1] ** 2)


@case(lambda rng: (spread(rng, 6, low=-2.0, high=2.0), 1.0), argnums=(0, 1))
def clipped_values(x, top):
    y = xp.clip(x, -1.0 / 3.0, top / 1.5)
    z = x.clip(-0.01, 9.0) * xp.clip(x, None, 0.01)
    w = xp.clip(x * x, 0.0, xp.abs(x) + 30.0)
    return (y * x).sum() + z.sum() + (w * y).sum()


@case(lambda rng: (away(rng, 6), rng.normal(size=6)), argnums=(0, 1))
def where_selects(x, y):
    a = xp.where(x > 0, xp.sin(y), x * y)
    b = xp.where((x < 0) & (a > -50.0), 2.0, x)
    c = xp.where(x > 0, xp.where(y < 90.0, a, b), 0.0)
    return (a * b + c * x).sum() + xp.where(x[0] > 0, x[1], y[1]) ** 2


# `where(x > 0, sqrt(x), 0)`, x of both signs.
@case(lambda rng: (away(rng, 6),))
def masked_square_root(x):
    s = sqrt(x)
    y = xp.where(x > 0, s * x, 0.5 * x)
    safe = xp.where(x < 0, log(-x) / x, x)
    return (y * safe).sum()


@case(lambda rng: (rng.normal(size=5), rng.normal(size=5)), argnums=(0, 1))
def logaddexp_and_sinc(x, y):
    m = xp.logaddexp(x, y)
    return (m * xp.sinc(x + 0.3)).sum() + xp.logaddexp(m, 2.0 * x[0]).mean()


@case(lambda rng: (rng.uniform(10.0, 80.0, size=4), rng.normal(size=4)), argnums=(0, 1))
def degrees_and_radians(angle, x):
    a = xp.radians(angle)
    b = xp.degrees(x * a) + angle
    return (xp.sin(a) * b).sum() * 0.01 + xp.cos(xp.radians(b)).sum()


# Powers: literal, int, float, negative, broadcast, of a constant, of itself.
@case(lambda rng: (positive(rng, 5), rng.uniform(0.5, 2.5)), argnums=(0, 1))
def powers_with_real_exponents(x, p):
    y = x**p + p**x - x**0.5 * x**-1.5
    return (y * WEIGHTS).sum() + (x**x).sum() + xp.power(x, 1.0 / 3.0).sum() + 2.0**p


@case(lambda rng: (away(rng, 5), 3), argnums=0)
def powers_with_integer_exponents(x, n):
    k = xp.array([0, 1, 2, 3, -2])
    y = x**2 * x**n - x**-1 + x**k
    z = x**2.0 + xp.power(x, 4) - (-x) ** 3
    return (y * WEIGHTS).sum() + (z * x**1 * x**0).sum() + (x[0] ** n) ** 2


# Floor division and remainder of arrays, away from their jumps.
@case(lambda rng: (near(rng, 0.4, 2.5, -1.6, 5.2, -3.4), 1.5), argnums=(0, 1))
def remainders_of_arrays(x, a):
    y = x % a + (x // a) * x
    z = (x % 0.9) * (-x % 2.1) + x % -1.1
    return (y * WEIGHTS).sum() + (z * x).sum() + (x // 0.7)[1] * x[0] % 3.0


# Activations as people spell them.
@case(lambda rng: (away(rng, 8),))
def activations_by_hand(x):
    sigmoid = 1.0 / (1.0 + exp(-x))
    relu = xp.maximum(0, x)
    gelu = 0.5 * x * (1 + xp.tanh(0.7978845608 * (x + 0.044715 * x**3)))
    elu = xp.where(x > 0, x, exp(x) - 1)
    swish = x * sigmoid
    leaky = xp.where(x >= 0, x, 0.1 * x)
    return (sigmoid * relu + gelu * elu - swish * leaky).sum()


# Numerically careful spellings.
@case(lambda rng: (3.0 * away(rng, 6),))
def careful_spellings(x):
    softplus = xp.maximum(x, 0) + xp.log1p(exp(-xp.abs(x)))
    e = exp(-xp.abs(x))
    sigmoid = xp.where(x >= 0, 1 / (1 + e), e / (1 + e))
    logcosh = xp.abs(x) + xp.log1p(exp(-2 * xp.abs(x))) - log(2.0)
    return (softplus * sigmoid + logcosh).mean()


# A chain deep enough that fusing it matters, reusing every link.
@case(lambda rng: (rng.normal(size=5),))
def deep_chain(x):
    y = x
    z = xp.ones_like(x)
    for k in range(1, 6):
        y = xp.tanh(0.5 * y * z) + 0.1 * k * x
        z = z * xp.cos(y) + sqrt(1.0 + y * y)
    return (y * z).sum()


# `t = x; x = sin(x); return t * x`: the old x lives on under another name.
@case(lambda rng: (rng.normal(), rng.normal(size=3)), argnums=(0, 1))
def old_value_under_new_name(x, v):
    t = x
    x = xp.sin(x)
    w = v
    v = xp.sin(v) * t
    return t * x + (w * v).sum()
