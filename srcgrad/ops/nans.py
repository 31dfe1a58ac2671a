# mypy: allow-untyped-defs, allow-untyped-calls
"""What NumPy's reductions mean that leave nan out; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.prelude import kind, means, typed
from srcgrad.ops.ufuncs import root, written


def _filled(a, number):
    """Return an array with a number in place of nan."""
    x = np.asarray(a) if np.ndim(a) else a
    return np.where(np.isnan(x), number, x) if _may_be_nan(x) else x


def _may_be_nan(x):
    return kind(x) == "float64" or kind(x) == "float32"


@means("numpy.nansum")
def nansum(a, axis=None, dtype=None, out=None, keepdims=False, initial=None,
           where=True):  # fmt: skip
    how = {"axis": axis, "dtype": dtype, "out": out, "keepdims": keepdims}
    return np.sum(_filled(a, 0), initial=initial, where=where, **how)


@means("numpy.nanprod")
def nanprod(a, axis=None, dtype=None, out=None, keepdims=False, initial=None,
            where=True):  # fmt: skip
    how = {"axis": axis, "dtype": dtype, "out": out, "keepdims": keepdims}
    return np.prod(_filled(a, 1), initial=initial, where=where, **how)


@means("numpy.nancumsum")
def nancumsum(a, axis=None, dtype=None, out=None):
    return np.cumsum(_filled(a, 0), axis=axis, dtype=dtype, out=out)


@means("numpy.nancumprod")
def nancumprod(a, axis=None, dtype=None, out=None):
    return np.cumprod(_filled(a, 1), axis=axis, dtype=dtype, out=out)


@means("numpy.nanmax")
def nanmax(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    how = {"axis": axis, "keepdims": keepdims, "initial": initial, "where": where}
    if out is not None:
        return written(nanmax, a, out=out, **how)
    most = np.max(_filled(a, -np.inf), **how)
    return most if initial is not None else _unless_nan(a, most, axis, keepdims)


@means("numpy.nanmin")
def nanmin(a, axis=None, out=None, keepdims=False, initial=None, where=True):
    how = {"axis": axis, "keepdims": keepdims, "initial": initial, "where": where}
    if out is not None:
        return written(nanmin, a, out=out, **how)
    least = np.min(_filled(a, np.inf), **how)
    return least if initial is not None else _unless_nan(a, least, axis, keepdims)


def _unless_nan(a, found, axis, keepdims):
    """Return what was found, but nan where all is nan."""
    if not _may_be_nan(a):
        return found
    nothing = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
    return np.where(nothing, typed(np.nan, kind(found)), found)


@means("numpy.nanargmax")
def nanargmax(a, axis=None, out=None, *, keepdims=False):
    _check_some(a, axis)
    return np.argmax(_filled(a, -np.inf), axis=axis, out=out, keepdims=keepdims)


@means("numpy.nanargmin")
def nanargmin(a, axis=None, out=None, *, keepdims=False):
    _check_some(a, axis)
    return np.argmin(_filled(a, np.inf), axis=axis, out=out, keepdims=keepdims)


def _check_some(a, axis):
    if _may_be_nan(a) and np.any(np.all(np.isnan(a), axis=axis)):
        raise ValueError


@means("numpy.nanmean")
def nanmean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    how = {"axis": axis, "keepdims": keepdims, "where": where}
    if out is not None:
        return written(nanmean, a, dtype=dtype, out=out, **how)
    if not _may_be_nan(a):
        return np.mean(a, dtype=dtype, **how)
    total = np.sum(_filled(a, 0), dtype=dtype, **how)
    return typed(total / np.sum(~np.isnan(a), **how), kind(total))


@means("numpy.nanvar")
def nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True):
    how = {"axis": axis, "keepdims": keepdims, "where": where}
    if out is not None:
        return written(nanvar, a, dtype=dtype, ddof=ddof, out=out, **how)
    if not _may_be_nan(a):
        return np.var(a, dtype=dtype, ddof=ddof, **how)
    given = a if dtype is None else typed(a, dtype)
    middle = nanmean(given, axis, keepdims=True, where=where)
    away = np.where(np.isnan(given), 0, given - middle)
    total = np.sum(away * away, **how)
    free = np.sum(~np.isnan(given), **how) - ddof
    found = typed(total / free, kind(total))
    return np.where(free <= 0, typed(np.nan, kind(total)), found)


@means("numpy.nanstd")
def nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True):
    how = {"axis": axis, "keepdims": keepdims, "where": where}
    return root(nanvar(a, dtype=dtype, out=out, ddof=ddof, **how))
