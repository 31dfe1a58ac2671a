"""Elementary functions of one float64, which LLVM vectorises in the loop of a caller.

Each is straight-line arithmetic: reduce the argument, evaluate a polynomial, select at
the edges. inf, nan, signed zeros, subnormal numbers and overflow come out as NumPy's.
`vmath32.py` runs the same text over its own constants for float32: every float here
has a name, since Numba computes in float64 where a literal stands.

An integer k is read off the low bits of k + SHIFT. `x * LN2 + x * LN2_LOW` and the like
are products by numbers of twice the precision.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import math

import numpy as np

from srcgrad.runtime.floats import (
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
    "arctan",
    "cos",
    "cosh",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "power",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "tan",
    "tanh",
]  # fmt: skip

INLINED = True

ZERO, HALF, ONE, TWO, TINY = 0.0, 0.5, 1.0, 2.0, 2.0**-54
INF, NAN = math.inf, math.nan
WIDTH, BIAS = 52, 1023  # of the mantissa; of the exponent
SHIFT, SHIFT_BITS = 1.5 * 2.0**52, 0x4338000000000000
SMALLEST, SCALE, SCALE_BITS = 2.0**-1022, 2.0**54, 54.0
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
EXP_LOW, EXP_HIGH, EXP2_LOW, EXP2_HIGH = -746.0, 710.0, -1080.0, 1025.0
SINH_HIGH, TANH_HIGH, ALIKE, ERF_HIGH = 710.6, 22.0, 40.0, 6.0
TRIG_HIGH, TANH_NEAR = 2.0**20, 0.625
ROOT2_MORE = 2.414213562373095  # tan(3 pi / 8)

LN2, LN2_LOW = 0.6931471805599453, 2.3190468138462996e-17
LOG2E, LOG2E_LOW = 1.4426950408889634, 2.0355273740931033e-17
LOG10_2, LOG10_2_LOW = 0.3010299956640665, -8.532344317057107e-14  # times k exact
LOG10E, LOG10E_LOW = 0.4342944819032518, 1.098319650216765e-17
TWO_BY_PI = 0.6366197723675814
PI2, PI2_LOW = 1.5707963267948966, 6.123233995736766e-17
PI2_MIDDLE, PI2_REST = 6.12323399538461e-17, 3.5215598651832e-27  # times k exact
THIRD, THIRD_LOW = 0.3333333333333333, 1.850371707708594e-17
DOUBLE_LOG2E, DOUBLE_LOG2E_LOW = 2.8853900817779268, 4.0710547481862066e-17
PI4, PI4_LOW = 0.7853981633974483, 3.061616997868383e-17

# (e**r - 1 - r) / r**2, (2**r - 1) / r, (log(1 + f) - f + f**2 / 2) / f**3
EXP = (
    0.5000000000000013, 0.16666666666666682, 0.041666666666511504, 0.00833333333331715,
    0.0013888888947891213, 0.00019841269896938256, 2.480148914333513e-05,
    2.7557233844259304e-06, 2.763153706471683e-07, 2.5112484172174053e-08,
)  # fmt: skip
EXP2 = (
    0.6931471805599453, 0.2402265069591012, 0.05550410866482261, 0.009618129107597668,
    0.0013333558146255415, 0.00015403530453522404, 1.5252733948804617e-05,
    1.3215436785005243e-06, 1.0178021299434707e-07, 7.0735597083298275e-09,
    4.4603620385616497e-10,
)  # fmt: skip
LOG = (
    0.6666666666666735, 0.39999999999409863, 0.28571428743479804, 0.22222198457918177,
    0.18183570516875394, 0.15313886503826638, 0.14797650887257588,
)  # fmt: skip
# In z = r**2: (sin(r) / r - 1) / z, (cos(r) - 1 + z / 2) / z**2, of sinh and
# cosh alike, and (arctan(r) / r - 1) / z.
SIN = (
    -0.16666666666666632, 0.00833333333332249, -0.00019841269829857063,
    2.755731370645154e-06, -2.5050760110108394e-08, 1.5896899173059364e-10,
)  # fmt: skip
COS = (
    0.0416666666666666, -0.0013888888888874474, 2.4801587289671005e-05,
    -2.755731440067291e-07, 2.0875729203248374e-09, -1.1359928706304024e-11,
)  # fmt: skip
SINH = (
    0.16666666666666677, 0.008333333333321449, 0.0001984126988653579,
    2.7557243835486433e-06, 2.5109156711122726e-08,
)  # fmt: skip
COSH = (
    0.04166666666660281, 0.0013888888927257239, 2.4801508110366992e-05,
    2.7625410756617797e-07,
)  # fmt: skip
ARCTAN = (
    -0.3333333333333299, 0.19999999999904336, -0.14285714276480513, 0.11111110663264541,
    -0.0909089632515204, 0.07692075027422567, -0.06663820687509779, 0.05858359059414107,
    -0.05122241024585021, 0.041870827074486916, -0.027443042503271932,
    0.010121749010702855,
)  # fmt: skip
# (tanh(r) / r - 1) / z
TANH = (
    -0.33333333333332876, 0.1333333333326469, -0.05396825393238387,
    0.021869487599842433, -0.00886322129298231, 0.0035919913693132194,
    -0.0014549694887601783, 0.0005863493816210838, -0.00022862719515517513,
    7.721252630234364e-05, -1.6104386490850714e-05,
)  # fmt: skip
# (arctanh(r) / r - 1 - z / 3) / z**2
ARCTANH = (
    0.20000000000001136, 0.1428571428504571, 0.11111111260710087, 0.0909089211621266,
    0.07693381851946637, 0.06628332775167418, 0.06598887687579597,
)  # fmt: skip
# erf(r) / r - 1 in r**2 up to 1; log(1 - erf(1 + t)).
ERF = (
    0.1283791670955126, -0.3761263890318409, 0.11283791670970693, -0.02686617064794376,
    0.00522397765182144, -0.0008548328487534017, 0.00012055384565970789,
    -1.4926846544576974e-05, 1.6480575497474056e-06, -1.6552877793169102e-07,
    1.599070100279671e-08, -1.6401404685888538e-09, 1.4276453377248803e-10,
)  # fmt: skip
ERFC = (
    -1.8496055099332482, -2.638967514234783, -0.8431072563591644, -0.041561098028983036,
    0.010033825212908697, -0.0019779013962945824, 0.00023731707277606956,
    2.6294765334030914e-05, -2.719624529379532e-05, 9.66791171726545e-06,
    -2.128702422218885e-06, 2.0258129811578499e-07, 5.913926898557973e-08,
    -3.380321869845792e-08, 8.624331384876139e-09, -1.3370582104537332e-09,
    1.2114292733675582e-10, -4.947664671877219e-12,
)  # fmt: skip


def _two_to(n):
    """Return 2**n for an integer given by its low bits."""
    return number((n + BIAS) << WIDTH, ONE)


def _scaled(p, n):
    """Return (1 + p) * 2**n, infinite or subnormal as it may be."""
    half = n >> 1
    first = _two_to(half)
    return fma(first, p, first) * _two_to(n - half)


def _logarithm(x):
    """Return n, r, low where x = n * log(2) + r + low."""
    shifted = fma(x, LOG2E, SHIFT)
    k = shifted - SHIFT
    high = fma(k, -LN2, x)
    r = fma(k, -LN2_LOW, high)
    return bits(shifted), r, fma(k, -LN2_LOW, high - r)


def exp(x):
    """Return e**x."""
    x = select(x > EXP_HIGH, EXP_HIGH, x)
    x = select(x < EXP_LOW, EXP_LOW, x)
    n, r, _ = _logarithm(x)
    return _scaled(fma(r * r, polynomial(r, EXP), r), n)


def exp2(x):
    """Return 2**x."""
    x = select(x > EXP2_HIGH, EXP2_HIGH, x)
    x = select(x < EXP2_LOW, EXP2_LOW, x)
    shifted = x + SHIFT
    r = x - (shifted - SHIFT)
    return _scaled(r * polynomial(r, EXP2), bits(shifted))


def expm1(x):
    """Return e**x - 1."""
    y = select(x > EXP_HIGH, EXP_HIGH, x)
    y = select(y < -ALIKE, -ALIKE, y)
    n, r, low = _logarithm(y)
    low = fma(r * r, polynomial(r, EXP), low)
    half = _two_to(n - 1)  # 2**1024 is no number
    y = fma(half, low, fma(half, r, half - HALF))
    return select(abs(x) < TINY, x, y + y)


def _quotient(x, x_low, y, y_low):
    """Return (x + x_low) / (y + y_low)."""
    inverse = ONE / y
    z = x * inverse
    return fma(fma(-z, y_low, fma(-z, y, x) + x_low), inverse, z)


def tanh(x):
    """Return the hyperbolic tangent, beyond 5/8 as 1 - 2 / (e**2x + 1)."""
    y = abs(x)
    z = y * y
    near = fma(y * z, polynomial(z, TANH), y)
    y = select(y > TANH_HIGH, TANH_HIGH, y)
    n, r, _ = _logarithm(y + y)
    first = _two_to(n)
    e = fma(first, fma(r * r, polynomial(r, EXP), r), first)
    y = select(y < TANH_NEAR, near, ONE - TWO / (e + ONE))
    return math.copysign(y, x)


def _hyperbolic(x):
    """Return s, c where s = sinh(r), c = cosh(r) - 1, and sinh(y), cosh(y) of x - r.

    The last two are halved: they would overflow sooner than the results.
    """
    n, r, _ = _logarithm(x)
    z = r * r
    s = fma(r * z, polynomial(z, SINH), r)
    c = z * fma(z, polynomial(z, COSH), HALF)
    up = _two_to(n - 2)
    down = select(x > ALIKE, ZERO, _two_to(-2 - n))
    return s, c, up - down, up + down


def sinh(x):
    """Return the hyperbolic sine."""
    y = abs(x)
    s, c, odd, even = _hyperbolic(select(y > SINH_HIGH, SINH_HIGH, y))
    half = fma(even, s, fma(odd, c, odd))
    return select(y < TINY, x, math.copysign(half + half, x))


def cosh(x):
    """Return the hyperbolic cosine."""
    y = abs(x)
    s, c, odd, even = _hyperbolic(select(y > SINH_HIGH, SINH_HIGH, y))
    half = fma(odd, s, fma(even, c, even))
    return half + half


def _mantissa(x):
    """Return e, f where x = 2**e * (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), x normal."""
    given = bits(x)
    # `bits` of a float32 has 32 bits, what is subtracted from it in Numba has 64.
    e = bits(number(given - ROOT_HALF_BITS, x)) >> WIDTH
    return e, number(given - (e << WIDTH), x) - ONE


def _as_float(n):
    return number(n + SHIFT_BITS, ONE) - SHIFT


def _log_rest(f):
    """Return log(1 + f) - f."""
    r = f / (TWO + f)  # log(1 + f) is 2 * arctanh(r)
    z = r * r
    h = HALF * f * f
    return fma(r, fma(z, polynomial(z, LOG), h), -h)


def _log_edges(x, y):
    """Return y, or what the logarithm is where x is no positive number."""
    y = select(x < INF, y, x)
    return select(x > ZERO, y, select(x == ZERO, -INF, NAN))


def _normal(x):
    """Return x, and 0, or where x is subnormal a multiple and the power of two."""
    tiny = x < SMALLEST
    return select(tiny, x * SCALE, x), select(tiny, SCALE_BITS, ZERO)


def log(x):
    """Return the natural logarithm."""
    given, less = _normal(x)
    e, f = _mantissa(given)
    k = _as_float(e) - less
    return _log_edges(x, fma(k, LN2, f) + fma(k, LN2_LOW, _log_rest(f)))


def _log_sum(x, missing):
    """Return log(x + missing), where x is the rounded sum and no subnormal number."""
    e, f = _mantissa(x)
    missing = select(x < SCALE, missing * number((BIAS - e) << WIDTH, ONE), ZERO)
    whole = f + missing
    low = missing - (whole - f)
    k = _as_float(e)
    low = fma(low, ONE - whole, _log_rest(whole))
    return fma(k, LN2, whole) + fma(k, LN2_LOW, low)


def log1p(x):
    """Return log(1 + x)."""
    y = ONE + x
    missing = select(x > ONE, ONE - (y - x), x - (y - ONE))
    return math.copysign(_log_edges(y, _log_sum(y, missing)), x)


def log2(x):
    """Return the logarithm to base 2, exact for powers of two."""
    given, less = _normal(x)
    e, f = _mantissa(given)
    k = _as_float(e) - less
    y = fma(f, LOG2E, k)
    low = fma(f, LOG2E_LOW, fma(f, LOG2E, k - y))
    return _log_edges(x, y + fma(_log_rest(f), LOG2E, low))


def log10(x):
    """Return the logarithm to base 10."""
    given, less = _normal(x)
    e, f = _mantissa(given)
    k = _as_float(e) - less
    head = k * LOG10_2  # exact
    y = fma(f, LOG10E, head)
    low = fma(f, LOG10E_LOW, fma(f, LOG10E, head - y))
    low = fma(k, LOG10_2_LOW, low)
    return _log_edges(x, y + fma(_log_rest(f), LOG10E, low))


def _quarter(x):
    """Return n, r, low where x = n * pi / 2 + r + low, for abs(x) <= TRIG_HIGH."""
    shifted = fma(x, TWO_BY_PI, SHIFT)
    k = shifted - SHIFT
    high, part = fma(k, -PI2, x), k * PI2_MIDDLE  # both exact
    r = high - part
    return bits(shifted), r, fma(k, -PI2_REST, (high - r) - part)


def _sine(r, low):
    z = r * r
    return r + fma(r * z, polynomial(z, SIN), low)


def _cosine(r, low):
    z = r * r
    return ONE + fma(z, fma(z, polynomial(z, COS), -HALF), -r * low)


def sin(x):
    """Return the sine; the C library knows it beyond 2**20."""
    other = x
    if abs(x) > TRIG_HIGH:
        other = large_sin(x)
    n, r, low = _quarter(x)
    y = select(n & 1 == 0, _sine(r, low), _cosine(r, low))
    y = select(n & 2 == 0, y, -y)
    return select((abs(x) > TRIG_HIGH) | (x == ZERO), other, y)


def cos(x):
    """Return the cosine; the C library knows it beyond 2**20."""
    other = x
    if abs(x) > TRIG_HIGH:
        other = large_cos(x)
    n, r, low = _quarter(x)
    y = select(n & 1 == 0, _cosine(r, low), _sine(r, low))
    y = select((n + 1) & 2 == 0, y, -y)
    return select(abs(x) > TRIG_HIGH, other, y)


def tan(x):
    """Return the tangent; the C library knows it beyond 2**20."""
    other = x
    if abs(x) > TRIG_HIGH:
        other = large_tan(x)
    n, r, low = _quarter(x)
    s, c = _sine(r, low), _cosine(r, low)
    even = n & 1 == 0
    y = select(even, s, -c) / select(even, c, s)
    return select((abs(x) > TRIG_HIGH) | (x == ZERO), other, y)


def arctan(x):
    """Return the inverse tangent, of (|x| - tan(a)) / (1 + |x| tan(a)) for three a."""
    y = abs(x)
    steep, middle = y > ROOT2_MORE, y >= HALF
    above = select(steep, -ONE, select(middle, y - ONE, y))
    t = above / select(steep, y, select(middle, y + ONE, ONE))
    base = select(steep, PI2, select(middle, PI4, ZERO))
    low = select(steep, PI2_LOW, select(middle, PI4_LOW, ZERO))
    z = t * t
    y = base + (t + fma(t * z, polynomial(z, ARCTAN), low))
    return math.copysign(y, x)


def erf(x):
    """Return the error function: a polynomial up to 1, 1 - e**polynomial beyond."""
    y = abs(x)
    near = fma(x, polynomial(x * x, ERF), x)
    n, r, _ = _logarithm(polynomial(select(y > ERF_HIGH, ERF_HIGH, y) - ONE, ERFC))
    first = _two_to(n)
    y = ONE - fma(first, fma(r * r, polynomial(r, EXP), r), first)
    return select(abs(x) < ONE, near, math.copysign(y, x))


def _decay(x):
    """Return e**-abs(x) and its rest."""
    y = -abs(x)
    n, r, low = _logarithm(select(y < EXP_LOW, EXP_LOW, y))
    low = fma(r * r, polynomial(r, EXP), low)
    p = r + low
    y = ONE + p
    low = (p - (y - ONE)) + (low - (p - r))
    half = n >> 1
    first, second = _two_to(half), _two_to(n - half)
    return y * first * second, low * first * second


def sigmoid(x):
    """Return 1 / (1 + e**-x)."""
    e, low = _decay(x)
    y = ONE + e
    left = x < ZERO
    top, top_low = select(left, e, ONE), select(left, low, ZERO)
    return _quotient(top, top_low, y, (e - (y - ONE)) + low)


def softplus(x):
    """Return log(1 + e**x)."""
    e, low = _decay(x)
    y = ONE + e
    return select(x < ZERO, ZERO, x) + _log_sum(y, (e - (y - ONE)) + low)


def _precise_log2(x):
    """Return the logarithm to base 2 of a positive number, and its rest."""
    given, less = _normal(x)
    e, f = _mantissa(given)
    k = _as_float(e) - less
    # r + r_low = f / (2 + f); log(1 + f) = 2 * arctanh(r)
    g = f + TWO
    g_low = f - (g - TWO)
    inverse = ONE / g
    r = f * inverse
    r_low = fma(-r, g_low, fma(-r, g, f)) * inverse
    # the series r + r * (z / 3 + ...), its rest apart
    z = r * r
    z_low = fma(r + r, r_low, fma(r, r, -z))
    u = z * THIRD
    u_low = fma(z_low, THIRD, fma(z, THIRD_LOW, fma(z, THIRD, -u)))
    u_low = fma(z * z, polynomial(z, ARCTANH), u_low)
    s = fma(r, u, r)
    s_low = fma(r, u_low, fma(r_low, u, r_low)) + fma(r, u, r - s)
    y = fma(s, DOUBLE_LOG2E, k)
    low = fma(s, DOUBLE_LOG2E_LOW, fma(s, DOUBLE_LOG2E, k - y))
    low = fma(s_low, DOUBLE_LOG2E, low)
    return y + low, low - ((y + low) - y)


def power(x, y):
    """Return x**y."""
    size = abs(x)
    high, low = _precise_log2(size)
    high = select(size < INF, select(size == ZERO, -INF, high), size)
    product = y * high
    rest = fma(y, low, fma(y, high, -product))
    held = select((size == ONE) | (y == ZERO), ZERO, product)
    held = select(held > EXP2_HIGH, EXP2_HIGH, held)
    held = select(held < EXP2_LOW, EXP2_LOW, held)
    rest = select(held == product, rest, ZERO)
    shifted = held + SHIFT
    r = (held - (shifted - SHIFT)) + rest
    return _signed_power(x, y, _scaled(r * polynomial(r, EXP2), bits(shifted)))


def _signed_power(x, y, z):
    """Return x**y where z is abs(x)**y."""
    half = y * HALF
    whole = np.floor(y) == y
    odd = whole & (np.floor(half) != half)
    z = select(odd, math.copysign(z, x), z)
    return select((x < ZERO) & (x > -INF) & ~whole, NAN, z)
