"""Norms of gradients, and gradients kept within limits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from srcgrad.optim.optimiser import check_number, kernel
from srcgrad.optim.parameters import (
    Path,
    Tree,
    beside,
    is_parameter,
    rebuilt,
    shown_path,
    vector,
)

_SMALL = 2.0**-900  # sums of squares below may have lost what was too small


def _floats(grads: Tree) -> list[tuple[Path, Any, bool]]:
    found = [(path, x) for path, x, _ in beside(grads, (), [""])]
    return [(path, x, is_parameter(x, "grads", path)) for path, x in found]


def clip_by_value(grads: Tree, limit: float) -> Tree:
    """Return gradients with each number brought into `[-limit, limit]`; nan stays.

    Args:
        grads: A tree of floats and arrays of floats; None stays None.
        limit: A positive number.

    >>> clip_by_value({"w": np.array([-3.0, 0.5])}, 1.0)
    {'w': array([-1. ,  0.5])}
    """
    check_number("clip_by_value", "limit", limit, 0.0)

    def clipped(x: Any) -> Any:
        return _like(np.clip(x, -limit, limit), x)

    return rebuilt(grads, [clipped(x) if own else x for _, x, own in _floats(grads)])


def global_norm(grads: Tree) -> float:
    """Return the root of the sum of the squares of all numbers in a tree.

    The sum is made in float64, and neither overflows nor underflows on the way.

    Args:
        grads: A tree of floats and arrays of floats; None counts as nothing.

    >>> global_norm({"w": np.array([3.0, 0.0]), "b": 4.0})
    5.0
    """
    return _norm([vector(np.asarray(x)) for _, x, own in _floats(grads) if own])


def _norm(vectors: list[np.ndarray[Any, Any]]) -> float:
    run = kernel("square_sum")
    total = math.fsum([run(x, 1.0) for x in vectors if x.size])
    if _SMALL < total < math.inf:
        return math.sqrt(total)
    largest = float(np.max([np.max(np.abs(x), initial=0.0) for x in vectors] or [0.0]))
    if not math.isfinite(largest) or largest == 0.0:
        return largest
    scale = 2.0 ** -max(math.frexp(largest)[1], -1000)
    return math.sqrt(math.fsum([run(x, scale) for x in vectors])) / scale


def clip_by_global_norm(
    grads: Tree, limit: float, check: bool = True
) -> tuple[Tree, float]:
    """Return gradients whose norm is at most `limit`, and the norm they had.

    Beyond the limit all are multiplied by `limit / norm` (Pascanu et al. 2013).

    Args:
        grads: A tree of floats and arrays of floats; None stays None.
        limit: A positive number.
        check: Whether a norm that is not finite is an error. If not, the gradients are
            returned as they are, with that norm: look at it.

    Raises:
        FloatingPointError: A gradient is nan or infinite; the message says which.

    >>> grads, norm = clip_by_global_norm([np.array([3.0, 4.0])], 1.0)
    >>> grads[0].round(12), norm
    (array([0.6, 0.8]), 5.0)
    """
    check_number("clip_by_global_norm", "limit", limit, 0.0)
    leaves = _floats(grads)
    norm = _norm([vector(np.asarray(x)) for _, x, own in leaves if own])
    if not math.isfinite(norm) and check:
        raise FloatingPointError(_culprit(leaves, norm))
    # Divided by what is above one, so that a gradient in reach keeps its bits.
    scale = limit / norm if math.isfinite(norm) and norm > limit else 1.0

    found = [_like(x * scale, x) if own else x for _, x, own in leaves]
    return rebuilt(grads, found), norm


def _like(new: Any, x: Any) -> Any:
    """Return what was made of a leaf as a leaf of its kind, arrays of rank 0 too."""
    return np.asarray(new) if isinstance(x, np.ndarray) else type(x)(new)


def _culprit(leaves: list[tuple[Path, Any, bool]], norm: float) -> str:
    for path, x, own in leaves:
        bad = ~np.isfinite(x) if own else np.zeros(1, bool)
        if np.any(bad):
            where, count = shown_path("grads", path), int(np.sum(bad))
            first = np.asarray(x)[bad].flat[0] if np.ndim(x) else x
            at = tuple(int(k) for k in np.argwhere(bad)[0]) if np.ndim(x) else ()
            of = f" at {at}, {count} of {np.size(x)} not finite" if np.ndim(x) else ""
            return f"the norm of the gradients is {norm}: {where} is {first}{of}"
    return f"the norm of the gradients exceeds float64: {norm}"
