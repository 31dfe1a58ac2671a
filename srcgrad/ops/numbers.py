# mypy: allow-untyped-defs, allow-untyped-calls
"""What functions of numbers, windows and polynomials mean in NumPy; see `prelude`."""

from __future__ import annotations

import math

import numpy as np

from srcgrad.ops.calculus import AFTER, common, steps
from srcgrad.ops.complexes import is_complex, never
from srcgrad.ops.counts import is_whole
from srcgrad.ops.prelude import (
    axes_of,
    fixed,
    is_point,
    is_python,
    kind,
    means,
    name_of,
    refused,
    rows,
    subscript,
    typed,
)
from srcgrad.ops.ufuncs import fits

# compared


@means("numpy.isclose")
def isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    x, y = _floats(a), _floats(b)
    near = np.less_equal(abs(x - y), atol + rtol * abs(y)) & np.isfinite(y) | (x == y)
    return near | (np.isnan(x) & np.isnan(y)) if equal_nan else near


def _floats(a):
    x = np.asarray(a) if np.ndim(a) else a
    own = kind(x) in ("float64", "float32") or is_complex(x)
    return x if own else typed(x, "float64")


@means("numpy.allclose")
def allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    return bool(np.all(np.isclose(a, b, rtol, atol, equal_nan)))


@means("numpy.array_equal")
def array_equal(a1, a2, equal_nan=False):
    x, y = np.asarray(a1), np.asarray(a2)
    if np.ndim(x) != np.ndim(y):
        return False
    for n, m in zip(np.shape(x), np.shape(y), strict=True):
        if n != m:
            return False
    both = np.isnan(x) & np.isnan(y) if equal_nan else False
    return bool(np.all((x == y) | both))


@means("numpy.isposinf")
def isposinf(x):
    return np.equal(x, math.inf)


@means("numpy.isneginf")
def isneginf(x):
    return np.equal(x, -math.inf)


@means("numpy.isscalar")
def isscalar(element):
    return not is_point(element) and not np.ndim(element)


@means("numpy.asarray_chkfinite")
def asarray_chkfinite(a, dtype=None):
    x = np.asarray(a, dtype)
    if not np.all(np.isfinite(x)):
        raise ValueError
    return x


# replaced, rounded, taken apart


@means("numpy.nan_to_num")
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    a = np.asarray(x) if np.ndim(x) else x
    if kind(a) not in ("float64", "float32"):
        if is_complex(a):
            return refused("`np.nan_to_num` is known of real numbers")
        return np.array(a) if np.ndim(a) else a
    most = largest(kind(a))
    out = np.where(np.isnan(a), nan, a)
    out = np.where(np.isposinf(a), most if posinf is None else posinf, out)
    out = np.where(np.isneginf(a), -most if neginf is None else neginf, out)
    if copy:
        return out
    a[...] = out
    return a


@fixed
def largest(dtype):
    """Return the largest finite number of a dtype."""
    return float(np.finfo(dtype).max)


@means("numpy.heaviside")
def heaviside(x1, x2):
    x = _floats(x1)
    step = np.where(x == 0, x2, typed(x > 0, kind(x)))
    return np.where(np.isnan(x), x, step)


@means("numpy.divmod")
def divide(x1, x2):
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@means("numpy.modf")
def modf(x):
    a = _floats(x)
    part = np.where(np.isinf(a), np.copysign(0.0, a), np.fmod(a, 1.0))
    return typed(part, kind(a)), np.trunc(a)


@means("numpy.float_power")
def float_power(x1, x2):
    dtype = common(kind(x1), kind(x2), "float64")
    a, b = typed(x1, dtype), typed(x2, dtype)
    return rows.float_power(a, b, via="np") if dtype == "float64" else np.power(a, b)


@means("numpy.ldexp")
def ldexp(x1, x2):
    if (not is_whole(kind(x2)) and kind(x2) != "bool") or is_complex(x1):
        raise TypeError
    if is_python(x1) and kind(x1) == "int64":
        return refused("NumPy gives a float16 here", "write `float(x)`")
    n = typed(x2, "int64") if kind(x2) == "bool" else x2
    return rows.ldexp(_floats(x1), n, via="np")


@means("numpy.frexp")
def frexp(x):
    if is_complex(x):
        raise TypeError
    given = _floats(x)
    exponent = rows.exponent(given, via="np")
    return rows.ldexp(given, -exponent, via="np"), exponent


@means("numpy.polydiv")
def polydiv(u, v):
    over, by = (np.atleast_1d(p) + 0.0 for p in (u, v))
    scale, count = 1.0 / by[0], len(over) - len(by) + 1
    quotient = np.zeros(max(count, 1), common(kind(over), kind(by)))
    rest = typed(over, kind(quotient))
    for k in range(count):
        quotient[k] = scale * rest[k]
        rest[k : k + len(by)] -= quotient[k] * by
    while np.isclose(rest[0], 0.0, rtol=1e-14) and len(rest) > 1:
        rest = rest[1:]
    return quotient, rest


@means("numpy.real_if_close")
def real_if_close(a, tol=100):
    x = np.asarray(a)
    if not is_complex(x):
        return x
    least = precision(kind(x)) * tol if tol > 1 else tol
    return np.real(x) if never(~(np.abs(np.imag(x)) < least)) else x


@means("numpy.iscomplex")
def iscomplex(x):
    return np.not_equal(np.imag(x), 0) if is_complex(x) else np.zeros_like(x, bool)[()]


@means("numpy.isreal")
def isreal(x):
    return np.logical_not(np.iscomplex(x))


@means("numpy.iscomplexobj")
def iscomplexobj(x):
    return is_complex(x)


@means("numpy.isrealobj")
def isrealobj(x):
    return not is_complex(x)


@means("numpy.require")
def require(a, dtype=None, requirements=None):
    if requirements:
        return refused("how an array lies in memory is not asked for here")
    return np.asarray(a, dtype)


@means("numpy.from_dlpack")
def from_dlpack(x):
    return np.asarray(x)


@means("numpy.asanyarray")
def asanyarray(a, dtype=None):
    return np.asarray(a, dtype)


# along an axis


@means("numpy.ediff1d")
def ediff1d(ary, to_end=None, to_begin=None):
    x = np.ravel(ary)
    if to_begin is not None:
        fits(kind(to_begin), kind(x))
    if to_end is not None:
        fits(kind(to_end), kind(x))
    front = [] if to_begin is None else [typed(np.ravel(to_begin), kind(x))]
    back = [] if to_end is None else [typed(np.ravel(to_end), kind(x))]
    gaps = x[1:] - x[:-1]
    return np.concatenate((*front, gaps, *back)) if front or back else gaps


@means("numpy.unwrap")
def unwrap(p, discont=None, axis=-1, *, period=2 * math.pi):
    x, rank = np.asarray(p), np.ndim(p)
    if kind(x) not in ("float64", "float32"):
        return refused("`np.unwrap` is known of floats")
    half = period / 2
    gaps = np.diff(x, axis=axis)
    turned = np.mod(gaps + half, period) - half
    turned = np.where((turned == -half) & (gaps > 0), half, turned)
    small = np.abs(gaps) < (half if discont is None else discont)
    added = np.cumsum(np.where(small, 0, turned - gaps), axis=axis)
    first = x[subscript(rank, axes_of(axis, rank), slice(None, 1))]
    rest = x[subscript(rank, axes_of(axis, rank), AFTER)]
    return np.concatenate((first, rest + added), axis=axis)


@means("numpy.cumulative_sum")
def cumulative_sum(x, /, *, axis=None, dtype=None, include_initial=False):
    return _running(np.cumsum(x, _only(x, axis), dtype), x, axis, include_initial, 0)


@means("numpy.cumulative_prod")
def cumulative_prod(x, /, *, axis=None, dtype=None, include_initial=False):
    return _running(np.cumprod(x, _only(x, axis), dtype), x, axis, include_initial, 1)


def _only(x, axis):
    if axis is None and np.ndim(x) > 1:
        raise ValueError
    return 0 if axis is None else axis


def _running(out, x, axis, include_initial, start):
    if not include_initial:
        return out
    k = _only(x, axis)
    axes = axes_of(k, np.ndim(out))
    slab = [1 if j in axes else n for j, n in enumerate(out.shape)]
    return np.concatenate((np.full(slab, typed(start, kind(out))), out), axis=k)


# samples


@means("numpy.logspace")
def logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None):
    if np.ndim(start) or np.ndim(stop) or np.ndim(base):
        return refused("ends and base of `np.logspace` are numbers here")
    powers = np.power(base, np.linspace(start, stop, num, endpoint))
    return powers if dtype is None else typed(powers, dtype)


@means("numpy.geomspace")
def geomspace(start, stop, num=50, endpoint=True, dtype=None):
    if np.ndim(start) or np.ndim(stop):
        return refused("the ends of `np.geomspace` are numbers here")
    if start == 0 or stop == 0:
        raise ValueError
    made = common(kind(start), kind(stop), name_of(dtype, "float64"))
    sign = np.sign(typed(start, made))
    first, last = typed(start, made) / sign, typed(stop, made) / sign
    out = _powers_of_ten(first, last, num, endpoint, made)
    return typed(out * sign, name_of(dtype, made))


def _powers_of_ten(first, last, num, endpoint, dtype):
    """Return a geometric sequence whose ends are exact."""
    ends = np.log10(first), np.log10(last)
    out = typed(np.logspace(*ends, num, endpoint), dtype)
    if num > 0:
        out[0] = first
    if num > 1 and endpoint:
        out[-1] = last
    return out


def _cosines(M, *weights):
    """Return a window of M samples as a sum of cosines of multiples of a wave."""
    if kind(M) != "int64":
        return refused("the length of a window is a whole number here")
    if M <= 1:
        return np.ones(max(M, 0))
    n = 2 * np.arange(M) + (1 - M)
    out = weights[0] + weights[1] * np.cos(math.pi * n / (M - 1))
    for weight in weights[2:]:
        out = out + weight * np.cos(2.0 * math.pi * n / (M - 1))
    return out


@means("numpy.hanning")
def hanning(M):
    return _cosines(M, 0.5, 0.5)


@means("numpy.hamming")
def hamming(M):
    return _cosines(M, 0.54, 0.46)


@means("numpy.blackman")
def blackman(M):
    return _cosines(M, 0.42, 0.5, 0.08)


@means("numpy.bartlett")
def bartlett(M):
    if kind(M) != "int64":
        return refused("the length of a window is a whole number here")
    if M <= 1:
        return np.ones(max(M, 0))
    n = 2 * np.arange(M) + (1 - M)
    return np.where(n <= 0, 1 + n / (M - 1), 1 - n / (M - 1))


@means("numpy.kaiser")
def kaiser(M, beta):
    if M == 1:
        return np.ones(1)
    half = (M - 1) / 2.0
    places = (np.arange(M) - half) / half
    return rows.numpy_i0(beta * np.sqrt(1 - places**2.0)) / rows.numpy_i0(beta * 1.0)


@means("numpy.i0")
def bessel(x):
    out = rows.numpy_i0(np.asarray(x) if np.ndim(x) else x)
    return out if np.ndim(x) else np.asarray(out)


# polynomials


@means("numpy.roots")
def roots(p):
    """NumPy puts zeros at the ends aside, of which it learns from the numbers."""
    numbers = np.atleast_1d(p) * 1.0
    if np.ndim(numbers) != 1:
        raise ValueError
    if len(numbers) < 2 or numbers[0] == 0.0 or numbers[-1] == 0.0:
        raise NotImplementedError("`np.roots` takes two numbers, neither end 0")
    companion = np.diag(np.ones(len(numbers) - 2, kind(numbers)), -1)
    companion[0, :] = -numbers[1:] / numbers[0]
    return np.linalg.eigvals(companion)


@means("numpy.poly")
def poly(seq_of_zeros):
    zeros = typed(np.atleast_1d(seq_of_zeros), "float64")
    if np.ndim(zeros) > 1:
        return refused("`np.poly` is known of roots", "pass `np.linalg.eigvals(...)`")
    out = np.zeros(len(zeros) + 1)
    out[0] = 1.0
    for k in range(len(zeros)):
        out[1 : k + 2] = out[1 : k + 2] + out[: k + 1] * -zeros[k]
    return out


@means("numpy.polyfit")
def polyfit(x, y, deg, rcond=None, *, w=None):
    at, rhs = np.asarray(x) + 0.0, np.asarray(y) + 0.0
    lhs = np.vander(at, deg + 1)
    if w is not None:
        weights = np.asarray(w) + 0.0
        lhs = lhs * weights[:, None]
        rhs = rhs * (weights[:, None] if np.ndim(rhs) == 2 else weights)
    scale = np.sqrt((lhs * lhs).sum(axis=0))
    least = len(at) * precision(kind(at)) if rcond is None else rcond
    found = np.linalg.lstsq(lhs / scale, rhs, least)[0]
    return (found.T / scale).T


@fixed
def precision(dtype):
    """Return how far apart the numbers of a dtype are at one."""
    return float(np.finfo(dtype).eps)


@means("numpy.polyder")
def polyder(p, m=1):
    out = np.asarray(p)
    for _ in steps(m):
        out = out[:-1] * np.arange(len(out) - 1, 0, -1)
    return out


@means("numpy.polyint")
def polyint(p, m=1, k=None):
    out = np.asarray(p)
    for turn in steps(m):
        constant = 0.0 if k is None else k
        if np.ndim(constant):
            constant = k[turn if len(k) > 1 else 0]
        powers = np.arange(len(out), 0, -1)
        out = np.concatenate((out / powers, np.atleast_1d(constant)))
    return out


def _of_length(p, n):
    """Return a polynomial with zeros in front."""
    return np.concatenate((np.zeros(n - len(p), kind(p)), p))


@means("numpy.polyadd")
def polyadd(a1, a2):
    p, q = np.atleast_1d(a1), np.atleast_1d(a2)
    n = max(len(p), len(q))
    return _of_length(p, n) + _of_length(q, n)


@means("numpy.polysub")
def polysub(a1, a2):
    p, q = np.atleast_1d(a1), np.atleast_1d(a2)
    n = max(len(p), len(q))
    return _of_length(p, n) - _of_length(q, n)


@means("numpy.polymul")
def polymul(a1, a2):
    return np.convolve(_without_zeros(a1), _without_zeros(a2))


def _without_zeros(p):
    """Return a polynomial without zeros in front; of nothing else the last is kept."""
    given = np.atleast_1d(p)
    x = np.concatenate((given, np.zeros(1, kind(given)))) if len(given) == 0 else given
    first = np.argmax(x != 0) if np.any(x != 0) else len(x) - 1
    return x[first:]


@means("numpy.polynomial.polynomial.polyval")
def polynomial_value(x, c):
    at, p = np.asarray(x) if np.ndim(x) else x, _coefficients(c)
    out = p[-1] + at * 0
    for k in range(2, len(p) + 1):
        out = p[-k] + out * at
    return out


@means("numpy.polynomial.chebyshev.chebval")
def chebyshev_value(x, c):
    at, p = np.asarray(x) if np.ndim(x) else x, _coefficients(c)
    low, high = _last_two(at, p)
    for k in range(3, len(p) + 1):
        low, high = p[-k] - high, low + high * (2 * at)
    return low + high * at


@means("numpy.polynomial.legendre.legval")
def legendre_value(x, c):
    at, p = np.asarray(x) if np.ndim(x) else x, _coefficients(c)
    low, high = _last_two(at, p)
    for k in range(3, len(p) + 1):
        n = len(p) - k + 2
        ratios = (n - 1) / n, (2 * n - 1) / n
        low, high = p[-k] - high * ratios[0], low + high * at * ratios[1]
    return low + high * at


def _last_two(at, p):
    """Return the last two coefficients, in the form of what a sum of them has."""
    own = is_python(at) or kind(at) == "float32"
    if kind(p) == "float32" and not own:
        return refused("coefficients of float32 are known for points of float32")
    zero = 0.0 if is_python(at) or kind(at) == "int64" else typed(0.0, kind(at))
    none = np.zeros_like(at) if np.ndim(at) else zero
    return (p[-2] + none, p[-1] + none) if len(p) > 1 else (p[-1] + none, none)


def _coefficients(c):
    if np.ndim(c) != 1:
        return refused("one polynomial is known, its coefficients in a vector")
    return typed(c, "float64") if kind(c) == "int64" else np.asarray(c)


@means("numpy.polynomial.polynomial.polyvander")
def power_columns(x, deg):
    v = _two_columns(x, deg)
    for i in range(2, deg + 1):
        v[i] = v[i - 1] * v[1]
    return np.moveaxis(v, 0, -1)


@means("numpy.polynomial.chebyshev.chebvander")
def chebyshev_columns(x, deg):
    v = _two_columns(x, deg)
    for i in range(2, deg + 1):
        v[i] = v[i - 1] * (2 * v[1]) - v[i - 2]
    return np.moveaxis(v, 0, -1)


@means("numpy.polynomial.legendre.legvander")
def legendre_columns(x, deg):
    v = _two_columns(x, deg)
    for i in range(2, deg + 1):
        v[i] = (v[i - 1] * v[1] * (2 * i - 1) - v[i - 2] * (i - 1)) / i
    return np.moveaxis(v, 0, -1)


def _two_columns(x, deg):
    """Return room for polynomials of each degree, of which the first two are there."""
    if deg < 0:
        raise ValueError
    at = np.atleast_1d(x) + 0.0
    v = np.empty((deg + 1, *at.shape), kind(at))
    v[0] = at * 0 + 1
    if deg > 0:
        v[1] = at
    return v
