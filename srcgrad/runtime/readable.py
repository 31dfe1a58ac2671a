"""Helpers that readable gradient text imports where NumPy has no name for a formula."""

from __future__ import annotations

import importlib
import operator
from typing import Any

import numpy as np

from srcgrad.runtime import decompositions, normal, scalar, special, splines
from srcgrad.runtime.attended import attended, attention_slopes, attention_weights
from srcgrad.runtime.draw import mixed
from srcgrad.runtime.filters import lagged
from srcgrad.runtime.splines import bispline_spread, spline_spread
from srcgrad.runtime.windows import (
    conv_nhwc,
    conv_nhwc_input,
    conv_nhwc_weights,
    window_places,
    window_share,
    window_spread,
    window_sum,
    window_take,
)

__all__ = [
    "attended", "attention_slopes", "attention_weights", "bispline", "bispline_at",
    "bispline_spread",
    "cofactor", "cofactor_slope", "conv_nhwc", "conv_nhwc_input", "conv_nhwc_weights",
    "diagonal_matrix", "eig_parts", "eigh_parts", "eigvals", "erfcx_slope",
    "exclusive_cumprod", "expm_slope", "exprel_slope", "keep_layout", "kept_mask",
    "lagged", "linear_scan", "lstsq_residuals", "normed", "normed_slope",
    "qr_parts", "real_power", "resized", "sinc_slope", "spline_spread", "spread_along",
    "stop_gradient", "svd_parts", "take_last", "tie_means", "window_places",
    "window_share",
    "window_spread", "window_sum", "window_take",
]  # fmt: skip

Floats = Any  # an array of floats, or a number


def sinc_slope(x: Floats, order: int = 1) -> Floats:
    """Return a derivative of `np.sinc`."""
    return _each(scalar.sinc_slope, x, order)


def erfcx_slope(x: Floats, order: int = 1) -> Floats:
    """Return a derivative of `scipy.special.erfcx`."""
    return _each(normal.erfcx_slope, x, order)


def exprel_slope(x: Floats, order: int = 1) -> Floats:
    """Return a derivative of `scipy.special.exprel`."""
    return _each(special.exprel_slope, x, order)


def _each(function: Any, x: Floats, order: int) -> Floats:
    """Return derivatives of an order, in the dtype of the numbers."""
    wide = np.asarray(x, np.float64)
    out = np.vectorize(function, otypes=[float], excluded={1})(wide, order)
    return out.astype(np.result_type(x, 0.0))[()]


def real_power(x: float, y: float) -> Any:
    """Return a power of Python's numbers; one that is complex is refused."""
    z = x**y
    if isinstance(z, complex):
        raise NotImplementedError(scalar.NO_POWER)
    return z


def exclusive_cumprod(x: Floats, axis: int = 0, reverse: bool = False) -> Floats:
    """Return the product of all items before each one, or of all items after it.

    >>> exclusive_cumprod(np.array([2.0, 3.0, 5.0]))
    array([1., 2., 6.])
    >>> exclusive_cumprod(np.array([2.0, 3.0, 5.0]), reverse=True)
    array([15.,  5.,  1.])
    """
    out = np.ones_like(x)
    source, y = np.moveaxis(x, axis, 0), np.moveaxis(out, axis, 0)
    if reverse:
        source, y = source[::-1], y[::-1]
    np.cumprod(source[:-1], axis=0, out=y[1:])
    return out


def linear_scan(a: Floats, b: Floats, axis: int = 0, reverse: bool = False) -> Floats:
    """Return y with y[0] = 0 and y[k + 1] = a[k] * y[k] + b[k], or from the far end.

    >>> linear_scan(np.array([2.0, 3.0, 5.0]), np.array([1.0, 1.0, 1.0]))
    array([0., 1., 4.])
    """
    out = np.zeros_like(b)
    a, b, y = (np.moveaxis(x, axis, 0) for x in (a, b, out))
    if reverse:
        a, b, y = a[::-1], b[::-1], y[::-1]
    for k in range(len(y) - 1):
        y[k + 1] = a[k] * y[k] + b[k] if k else b[0]
    return out


def keep_layout(x: Any) -> Any:
    """Return a copy with the strides of the array: BLAS takes the same way with both.

    >>> keep_layout(np.arange(6.0)[::-2]).strides
    (-16,)
    """
    if x.size == 0:
        return x.copy()
    spans = [(n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)]
    first = -sum(min(span, 0) for span in spans)
    memory = np.empty(sum(map(abs, spans)) + x.itemsize, np.uint8)
    out: Any = np.ndarray(x.shape, x.dtype, memory.data, first, x.strides)
    out[...] = x
    return out


def stop_gradient(x: Floats) -> Floats:
    """Return a copy of an array, and a number as it is: a constant to derivatives."""
    return x.copy() if isinstance(x, np.ndarray) else x


def normed(x: Floats, eps: float) -> Floats:
    """Return rows, along the last axis, at mean 0 and variance 1.

    >>> normed(np.array([1.0, 3.0]), 0.0)
    array([-1.,  1.])
    """
    less = x - np.mean(x, axis=-1, keepdims=True)
    return less / np.sqrt(np.mean(less * less, axis=-1, keepdims=True) + eps)


def normed_slope(x: Floats, y: Floats, eps: float) -> Floats:
    """Return the slope of `normed` by rows, given that by its result.

    >>> normed_slope(np.array([1.0, 3.0]), np.array([1.0, 0.0]), 1.0)
    array([ 0.1767767, -0.1767767])
    """
    less = x - np.mean(x, axis=-1, keepdims=True)
    root = np.sqrt(np.mean(less * less, axis=-1, keepdims=True) + eps)
    z = less / root
    along = z * np.mean(y * z, axis=-1, keepdims=True)
    return (y - np.mean(y, axis=-1, keepdims=True) - along) / root


def kept_mask(rng: Any, rate: float, shape: Any) -> Any:
    """Return bools of which about a share of `rate` is False, as `runtime/draw.py`.

    They follow from a whole number and the shape; a generator draws the number.

    >>> kept_mask(7, 0.25, 4)
    array([ True,  True,  True,  True])
    """
    drawn = isinstance(rng, np.random.Generator)
    key, low = operator.index(rng.integers(2**63) if drawn else rng), 0xFFFFFFFF
    one = mixed(key & low)
    two = mixed(((key >> 32) & low) ^ mixed(one ^ 0x5BD1E995))
    k = np.arange(np.prod(shape, dtype=int))
    found = mixed(mixed((k & low) ^ one) ^ two ^ (k >> 32))
    return (found >= rate * 2.0**32).reshape(shape)


def spread_along(x: Floats, index: Any, n: int, axis: int = 0) -> Floats:
    """Add items up at places along an axis: the transpose of `np.take_along_axis`.

    >>> spread_along(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 0]), 2)
    array([3., 3.])
    """
    out = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
    places = list(np.indices(x.shape, sparse=True))
    places[axis] = index
    np.add.at(out, tuple(places), x)
    return out


def tie_means(x: Floats, order: Floats, axis: int = -1) -> Floats:
    """Return the means of what stands at equal items of what is in order.

    >>> tie_means(np.array([1.0, 0.0, 6.0]), np.array([7.0, 7.0, 9.0]))
    array([0.5, 0.5, 6. ])
    """
    rows, sizes = np.moveaxis(order, axis, -1), np.moveaxis(x, axis, -1)
    first = np.ones(rows.shape, dtype=bool)
    first[..., 1:] = rows[..., 1:] != rows[..., :-1]
    group = np.cumsum(first) - 1
    means = np.bincount(group, sizes.ravel()) / np.bincount(group)
    found = np.moveaxis(means[group].reshape(rows.shape), -1, axis)
    return found.astype(x.dtype)


def resized(x: Floats, n: int, axis: int = -1) -> Floats:
    """Return a copy that is cut, or filled up by zeros, to `n` items along an axis.

    >>> resized(np.array([1.0, 2.0, 3.0]), 2), resized(np.array([1.0]), 2)
    (array([1., 2.]), array([1., 0.]))
    """
    shape = list(x.shape)
    shape[axis] = n
    out = np.zeros(shape, x.dtype)
    np.moveaxis(out, axis, 0)[: x.shape[axis]] = np.moveaxis(x, axis, 0)[:n]
    return out


def diagonal_matrix(v: Floats, n: int, m: int, k: int = 0) -> Floats:
    """Return an n by m matrix of zeros with a vector on diagonal `k`."""
    out = np.zeros((n, m), v.dtype)
    rows = np.arange(len(v)) + max(-k, 0)
    out[rows, rows + k] = v
    return out


def cofactor(a: Floats) -> Floats:
    """Return the cofactors, the gradient of det; also of a singular matrix."""
    u, s, vt = np.linalg.svd(a)
    others = exclusive_cumprod(s) * exclusive_cumprod(s, reverse=True)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    return (((u * others) @ vt).conj() * sign).astype(a.dtype)


def cofactor_slope(a: Floats, b: Floats) -> Floats:
    """Return the gradient of `(b * cofactor(a)).sum()` with respect to `a`."""
    n = len(a)
    u, s, vt = np.linalg.svd(a)
    pairs = np.array([[_others(s, i, j) for j in range(n)] for i in range(n)])
    inner = u.conj().T @ b @ vt.conj().T
    core = -inner.T * pairs
    core[np.diag_indices(n)] = pairs @ np.diag(inner)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    return (u.conj() @ core @ vt.conj() * sign).astype(a.dtype)


def _others(s: Floats, i: int, j: int) -> float:
    return 0.0 if i == j else float(np.prod(np.delete(s, [i, j])))


def eigh_parts(a: Floats, UPLO: Any = "L") -> Floats:
    """Return eigenvalues, and the eigenvectors below them, of Hermitian matrices."""
    w, v = np.linalg.eigh(a, UPLO)
    return np.concatenate([w[..., None, :], v], axis=-2)


def eig_parts(a: Floats) -> Floats:
    """Return eigenvalues, and the eigenvectors below them, as complex numbers."""
    w, v = np.linalg.eig(a)
    parts = np.concatenate([w[..., None, :], v], axis=-2)
    return parts.astype(np.result_type(parts, np.complex64))


def eigvals(a: Floats) -> Floats:
    """Return eigenvalues of matrices as complex numbers, whatever they are."""
    w = np.linalg.eigvals(a)
    return w.astype(np.result_type(w, np.complex64))


def qr_parts(a: Floats) -> Floats:
    """Return q, and below it the transpose of r, of `a = q @ r`."""
    q, r = np.linalg.qr(a)
    return np.concatenate([q, r.mT], axis=-2)


def svd_parts(a: Floats, full: bool = False) -> Floats:
    """Return singular values, left vectors, right vectors below each other."""
    u, s, vh = np.linalg.svd(a, full_matrices=full)
    parts, width = [s[..., None, :], u, vh.mT], max(u.shape[-1], vh.shape[-2])
    wide = [(0, 0)] * (a.ndim - 1)
    parts = [np.pad(p, [*wide, (0, width - p.shape[-1])]) for p in parts]
    return np.concatenate(parts, axis=-2)


def expm_slope(a: Floats, b: Floats) -> Floats:
    """Return how the exponential of a matrix changes along another one."""
    slope: Any = decompositions.expm_slope
    dtype, wide = np.result_type(a, b), np.result_type(a, b, np.float64)
    return slope(np.asarray(a, wide), np.asarray(b, wide)).astype(dtype)


def lstsq_residuals(a: Floats, b: Floats, rcond: Any) -> Floats:
    """Return the sums of squares that are left, 0 where NumPy gives none."""
    sums = np.linalg.lstsq(a, b, rcond)[1]
    return sums if sums.size else np.zeros(b.shape[1], sums.dtype)


def bispline_at(x: Floats, y: Floats, tx: Floats, ty: Floats, coef: Floats,
                kx: int = 3, ky: int = 3, dx: int = 0, dy: int = 0,
                ) -> Floats:  # fmt: skip
    """Return a derivative of a spline of two variables at points."""
    plane: Any = splines.bispline_at
    if dx < kx and dy < ky:  # SciPy has no others
        made = importlib.import_module("scipy.interpolate").BivariateSpline
        return made._from_tck((tx, ty, coef, kx, ky)).ev(x, y, dx, dy)
    return plane(x, y, tx, ty, coef, kx, ky, dx, dy)


def bispline(x: Floats, y: Floats, tx: Floats, ty: Floats, coef: Floats, kx: int = 3,
             ky: int = 3, dx: int = 0, dy: int = 0) -> Floats:  # fmt: skip
    """Return a derivative of a spline of two variables on a grid of points."""
    plane: Any = splines.bispline
    if dx < kx and dy < ky:  # SciPy has no others
        read = importlib.import_module("scipy.interpolate").bisplev
        given = read(x, y, (tx, ty, coef, kx, ky), dx, dy)
        return np.reshape(given, (x.size, y.size))
    return plane(x, y, tx, ty, coef, kx, ky, dx, dy)


def take_last(x: Floats, index: Any) -> Floats:
    """Return `x[index]` and clear it; of repeated places only the last has the value.

    It is the exact adjoint of `x[index] = v`, where the last of repeated places wins.

    >>> x = np.array([1.0, 2.0])
    >>> take_last(x, np.array([1, 1])), x
    (array([0., 2.]), array([1., 0.]))
    """
    places = np.arange(x.size).reshape(x.shape)[index]
    out = np.asarray(x[index])
    flat = places.ravel()
    last = np.zeros(flat.size, dtype=bool)
    last[flat.size - 1 - np.unique(flat[::-1], return_index=True)[1]] = True
    x[index] = 0.0
    return np.where(last.reshape(places.shape), out, 0.0).astype(x.dtype)
