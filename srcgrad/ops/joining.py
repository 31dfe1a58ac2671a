# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="call-overload"
"""Arrays joined end to end and side by side, in plain NumPy; see `prelude`."""

from __future__ import annotations

import numpy as np

from srcgrad.ops.prelude import count_of, is_fixed, means, rows


def _whole(arrays):
    # The arrays of a list that grows have one shape.
    if len(arrays) == 0:
        raise ValueError
    return np.array(arrays)


def _end_to_end(arrays, axis):
    whole = _whole(arrays)
    if axis is None:
        return whole.reshape(-1)
    k, shape = axis % (np.ndim(whole) - 1), whole.shape[1:]
    long = (*shape[:k], len(arrays) * shape[k], *shape[k + 1 :])
    return np.moveaxis(whole, 0, k).copy().reshape(long)


@means("numpy.concatenate")
def concatenate(arrays, axis=0):
    if not is_fixed(count_of(arrays)):
        return _end_to_end(arrays, axis)
    if axis is None:
        return rows.concatenate(*[np.ravel(a) for a in tuple(arrays)], axis=0)
    return rows.concatenate(*arrays, axis=axis)


@means("numpy.stack")
def stack(arrays, axis=0):
    if axis == 0:
        return np.array(arrays)
    if not is_fixed(count_of(arrays)):
        return np.moveaxis(_whole(arrays), 0, axis).copy()
    if axis == -1 and np.ndim(arrays[0]) == 0:
        return np.array(arrays)
    return rows.stack(*arrays, axis=axis)


@means("numpy.hstack")
def hstack(tup):
    if not is_fixed(count_of(tup)):
        whole = _whole(tup)
        return whole if np.ndim(whole) == 1 else _end_to_end(tup, np.ndim(whole) > 2)
    parts = [np.atleast_1d(a) for a in tuple(tup)]
    return rows.concatenate(*parts, axis=0 if np.ndim(parts[0]) == 1 else 1)


@means("numpy.vstack", "numpy.row_stack")
def vstack(tup):
    if not is_fixed(count_of(tup)):
        whole = _whole(tup)
        if np.ndim(whole) > 2:
            return _end_to_end(tup, 0)
        return whole if np.ndim(whole) == 2 else whole[:, None].copy()
    return rows.concatenate(*[np.atleast_2d(a) for a in tuple(tup)], axis=0)


@means("numpy.column_stack")
def column_stack(tup):
    if not is_fixed(count_of(tup)):
        whole = _whole(tup)
        if np.ndim(whole) > 2:
            return _end_to_end(tup, 1)
        return np.atleast_2d(whole.T).copy()
    return rows.concatenate(*[_column(a) for a in tuple(tup)], axis=1)


def _column(a):
    return np.asarray(a) if np.ndim(a) > 1 else np.atleast_1d(a)[:, None]
