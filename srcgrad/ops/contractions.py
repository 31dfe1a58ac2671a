# mypy: allow-untyped-defs, allow-untyped-calls
"""What contracted, sampled and split arrays mean in NumPy; see `prelude`."""

from __future__ import annotations

import string

import numpy as np

from srcgrad.ops.calculus import before, common
from srcgrad.ops.complexes import is_complex
from srcgrad.ops.einsum import labels
from srcgrad.ops.prelude import (
    axes_of,
    fixed,
    kind,
    lengths,
    means,
    refused,
    rows,
    same,
    turned,
    typed,
    viewed,
)
from srcgrad.ops.table import Unsupported


@means("numpy.tensordot")
def tensordot(a, b, axes=2):
    x, y = np.asarray(a), np.asarray(b)
    ours, theirs = contracted(axes, np.ndim(a), np.ndim(b))
    for i, j in zip(ours, theirs, strict=True):
        same(x.shape[i], y.shape[j], "lengths differ where `np.tensordot` sums")
    kept, others = rest(np.ndim(a), ours), rest(np.ndim(b), theirs)
    left = turned(x, kept + ours).reshape(_size(x, kept), _size(x, ours))
    right = turned(y, theirs + others).reshape(_size(y, theirs), _size(y, others))
    shape = [x.shape[k] for k in kept] + [y.shape[k] for k in others]
    return np.dot(left, right).reshape(shape)


def _size(x, axes):
    size = 1
    for k in axes:
        size = size * x.shape[k]
    return size


@fixed
def contracted(axes, rank, other):
    """Return the axes of two arrays that are summed over, in pairs."""
    if isinstance(axes, int):
        axes = (tuple(range(rank - axes, rank)), tuple(range(axes)))
    ours, theirs = axes_of(axes[0], rank), axes_of(axes[1], other)
    if len(ours) != len(theirs):
        raise ValueError("shape-mismatch for sum")
    return ours, theirs


@fixed
def rest(rank, axes):
    """Return the axes that are not among some."""
    return tuple(k for k in range(rank) if k not in axes)


@means("numpy.einsum")
def einsum(*operands, optimize=False):
    if isinstance(operands[0], str):
        return _einsum(operands[0], optimize, operands[1:])
    count = len(operands) // 2
    last = operands[-1] if len(operands) > 2 * count else None
    subscripts = written(operands[1 : 2 * count : 2], last)
    return _einsum(subscripts, optimize, operands[: 2 * count : 2])


def _einsum(subscripts, optimize, arrays):
    if len(arrays) == 1:
        way = view_of(subscripts, np.ndim(arrays[0]))
        if way == "diagonal":
            return viewed(rows.diagonal, np.asarray(arrays[0]), writable=True)
        if way is not None:
            return turned(np.asarray(arrays[0]), way)
    out = rows.einsum(*arrays, subscripts=subscripts, optimize=optimize)
    ranks = [np.ndim(a) for a in arrays]
    return (
        np.asarray(out)
        if optimize and gives_array(subscripts, ranks, optimize)
        else out
    )


@fixed
def gives_array(subscripts, ranks, optimize):
    """Tell whether a sum over everything is an array of rank 0, as a product is."""
    pairs = [np.ones((2,) * rank) for rank in ranks]
    return isinstance(np.einsum(subscripts, *pairs, optimize=optimize), np.ndarray)


@fixed
def written(terms, last):
    """Return subscripts that are given as lists of numbers as text."""

    def text(term):
        return "".join("..." if k is ... else string.ascii_letters[k] for k in term)

    given = ",".join(text(t) for t in terms)
    return given if last is None else f"{given}->{text(last)}"


@fixed
def view_of(subscripts, rank):
    """Return the order of axes that a view of one array has, "diagonal", or None."""
    (term,), result = labels(subscripts, (rank,))
    if {*term} - {*result}:
        return None
    if len({*term}) == rank:
        return tuple(term.index(c) for c in result)
    if rank == 2:
        return "diagonal"
    raise Unsupported(
        "`einsum` gives a view of diagonals here, which is known of a matrix only",
        "take it by subscripts: `x[k, k]` with `k = np.arange(len(x))`",
    )


@means("numpy.linalg.matrix_power")
def matrix_power(a, n):
    square = np.linalg.inv(a) if n < 0 else np.asarray(a)
    if n == 0:
        one = np.eye(square.shape[-1], dtype=kind(square))
        return one if np.ndim(a) == 2 else rows.copy(np.broadcast_to(one, a.shape))
    if abs(n) == 3:
        return (square @ square) @ square
    low, *bits = binary(n)
    out = square if low else None
    for bit in bits:
        square = square @ square
        if bit:
            out = square if out is None else out @ square
    return out


@fixed
def binary(n):
    """Return the digits of a number to base two, the lowest first."""
    return tuple(int(digit) for digit in reversed(f"{abs(n):b}"))


@means("numpy.cov")
def cov(m, y=None, rowvar=True, bias=False, ddof=None):
    x = _variables(m, rowvar)
    if y is not None:
        x = np.concatenate((x, _variables(y, rowvar)), axis=0)
    given = (0 if bias else 1) if ddof is None else ddof
    away = x - np.average(x, axis=1)[:, None]
    fact = max(x.shape[1] - given, 0)
    return np.squeeze(np.dot(away, away.T.conj()) * np.true_divide(1, fact))


def _variables(m, rowvar):
    """Return variables as rows, in double precision."""
    x = typed(np.asarray(m), common(kind(m), "float64"))
    if np.ndim(x) > 2:
        return refused("`np.cov` is known of one and two axes")
    wide = np.atleast_2d(x)
    return wide if rowvar or np.ndim(x) < 2 else wide.T


@means("numpy.corrcoef")
def corrcoef(x, y=None, rowvar=True):
    c = np.cov(x, y, rowvar)
    if not np.ndim(c):
        return c / c
    deviations = np.sqrt(np.real(np.diag(c)))
    found = c / deviations[:, None] / deviations[None, :]
    if not is_complex(c):
        return np.clip(found, -1, 1)
    return np.clip(found.real, -1, 1) + 1j * np.clip(found.imag, -1, 1)


@means("numpy.gradient")
def gradient(f, *varargs, axis=None, edge_order=1):
    own = kind(f) in ("float64", "float32") or is_complex(f)
    x = np.asarray(f) if own else typed(f, "float64")
    axes = axes_of(axis, np.ndim(f))
    steps = (1.0,) if not varargs else varargs
    if len(steps) not in (1, len(axes)) or edge_order not in (1, 2):
        return refused("`np.gradient` takes a spacing, or one for each axis")
    places = [place_of(k, axes, len(steps)) for k in axes]
    pairs = zip(places, axes, strict=True)
    parts = [_slope(x, steps[j], k, edge_order) for j, k in pairs]
    return parts[0] if len(axes) == 1 else tuple(parts)


@fixed
def place_of(axis, axes, count):
    """Return which of so many spacings is that of an axis."""
    return axes.index(axis) if count > 1 else 0


def _slope(x, step, axis, edge_order):
    if np.ndim(step):
        return refused("the spacing of `np.gradient` is a number here")
    out = np.empty_like(x)
    d, f = np.moveaxis(out, axis, 0), np.moveaxis(x, axis, 0)
    if f.shape[0] < edge_order + 1:
        raise ValueError
    d[1:-1] = (f[2:] - f[:-2]) / (2.0 * step)
    if edge_order == 1:
        d[0], d[-1] = (f[1] - f[0]) / step, (f[-1] - f[-2]) / step
    else:
        d[0] = -1.5 / step * f[0] + 2.0 / step * f[1] + -0.5 / step * f[2]
        d[-1] = 0.5 / step * f[-3] + -2.0 / step * f[-2] + 1.5 / step * f[-1]
    return out


@means("numpy.array_split")
def array_split(ary, indices_or_sections, axis=0):
    x, parts = np.asarray(ary), indices_or_sections
    n, front = x.shape[axis], before(axis, np.ndim(ary))
    if not isinstance(parts, int):
        ends = zip([0, *parts], [*parts, n], strict=True)
        return [x[(*front, slice(low, high))] for low, high in ends]
    if parts < 1:
        raise ValueError
    least, more = n // parts, n % parts
    cuts = [k * least + min(k, more) for k in range(parts + 1)]
    return [x[(*front, slice(cuts[k], cuts[k + 1]))] for k in range(parts)]


@means("numpy.split")
def split(ary, indices_or_sections, axis=0):
    if isinstance(indices_or_sections, int):
        if np.shape(ary)[axis] % indices_or_sections:
            raise ValueError
    return np.array_split(ary, indices_or_sections, axis)


@means("numpy.vsplit")
def vsplit(ary, indices_or_sections):
    if np.ndim(ary) < 2:
        raise ValueError
    return np.split(ary, indices_or_sections, 0)


@means("numpy.hsplit")
def hsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, 0 if np.ndim(ary) == 1 else 1)


@means("numpy.dsplit")
def dsplit(ary, indices_or_sections):
    return np.split(ary, indices_or_sections, 2)


@means("numpy.apply_over_axes")
def apply_over_axes(func, a, axes):
    out = np.asarray(a)
    for axis in axes_of(axes, np.ndim(a)):
        found = func(out, axis)
        out = found if np.ndim(found) == np.ndim(out) else np.expand_dims(found, axis)
    return out


@means("numpy.tri")
def tri(N, M=None, k=0, dtype=float):
    return np.tril(np.ones((N, N if M is None else M), dtype), k)


# sampled functions


@means("numpy.convolve")
def convolve(a, v, mode="full"):
    x, w = np.atleast_1d(a), np.atleast_1d(v)
    return rows.convolve(x, w, mode=mode_of(mode))


@means("numpy.correlate")
def correlate(a, v, mode="valid"):
    x, w = np.atleast_1d(a), np.atleast_1d(v)
    return rows.correlate(x, w, mode=mode_of(mode))


@fixed
def mode_of(mode):
    """Return a mode by its name, which may be a number."""
    names = {0: "valid", 1: "same", 2: "full"}
    return names.get(mode, mode)


@means("numpy.interp")
def interp(x, xp, fp, left=None, right=None, period=None):
    at, places, samples = (typed(np.asarray(a), "float64") for a in (x, xp, fp))
    if period is not None:
        if period == 0:
            raise ValueError
        return _around(at, places, samples, abs(period))
    out = rows.interp(at, places, samples)
    if left is not None:
        out = np.where(at < places[0], left, out)
    return out if right is None else np.where(at > places[-1], right, out)


def _around(x, xp, fp, period):
    turned = xp % period
    order = np.argsort(turned)
    xs, fs = turned[order], fp[order]
    places = np.concatenate((xs[-1:] - period, xs, xs[:1] + period))
    return rows.interp(x % period, places, np.concatenate((fs[-1:], fs, fs[:1])))


@means("numpy.lib.stride_tricks.sliding_window_view")
def sliding_window_view(x, window_shape, axis=None, *, writeable=False):
    if writeable:
        return refused("windows are read-only here")
    out, widths = np.asarray(x), lengths(window_shape)
    axes = axes_of(axis, np.ndim(x))
    for width, k in zip(widths, axes, strict=True):
        if width > out.shape[k]:
            raise ValueError
        out = viewed(rows.sliding_windows, out, width, axis=k)
    return out
