"""What layers refuse, said by name, with shapes and with the line of the user.

In a differentiated function `meet` is a check of lengths that the compiler makes anyway
(`ops/networks.py`); where it fails, plain Python runs these and says what is wrong.
"""

from __future__ import annotations

import linecache
import sys
from typing import Any

import numpy as np

from srcgrad.errors import shown_path

__all__ = [
    "filled",
    "floats",
    "meet",
    "meet_all",
    "said",
    "share",
    "spreads",
    "whole_below",
]

Floats = Any  # an array of floats


def said(what: str, *things: Any) -> str:
    """Return the text of a layer's error, with the line that called it from outside.

    Arrays in the text are shown by their shapes, numbers as they are.
    """
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("srcgrad."):
        frame = frame.f_back
    shown = (np.shape(x) if isinstance(x, np.ndarray) else x for x in things)
    file, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, line).strip()
    place = f"{shown_path(file)}:{line}{': ' * bool(text)}{text}"
    return f"{what.format(*shown)}\n --> {place}"


def meet(
    layer: str, what: str, first: str, x: Floats, axis: int, second: str, w: Floats,
    other: int,
) -> None:  # fmt: skip
    """Raise ValueError unless an axis of one array is as long as one of another.

    >>> meet("dense", "features", "x", np.ones((7, 3)), -1, "w", np.ones((3, 2)), 0)
    """
    n, m = np.shape(x)[axis], np.shape(w)[other]
    if n != m:
        one = f"{layer}: {first} of shape {{}} has {{}} {what}"
        raise ValueError(
            said(f"{one}, but {second} of shape {{}} is for {{}}", x, n, w, m)
        )


def meet_all(layer: str, first: str, x: Any, second: str, y: Any, axes: int) -> None:
    """Raise ValueError unless the first axes of two arrays are of one length each."""
    for axis in range(axes):
        meet(layer, f"items along axis {axis}", first, x, axis, second, y, axis)


def spreads(layer: str, first: str, x: Any, second: str, shape: Any) -> None:
    """Raise ValueError unless an array broadcasts to a shape."""
    pairs = zip(np.shape(x)[::-1], shape[::-1], strict=False)
    if np.ndim(x) > len(shape) or any(n not in (1, m) for n, m in pairs):
        what = f"{layer}: {first} of shape {{}} does not broadcast to {second} {{}}"
        raise ValueError(said(what, x, shape))


def share(layer: str, rate: float) -> None:
    """Raise ValueError unless a rate is from 0 to below 1."""
    if not 0 <= rate < 1:
        raise ValueError(said(f"{layer}: the rate is from 0 to below 1, not {rate}"))


def filled(layer: str, x: Any) -> None:
    """Raise ValueError if there is nothing in a batch."""
    if np.size(x) == 0:
        raise ValueError(said(f"{layer}: the batch is empty: its shape is {{}}", x))


def floats(layer: str, name: str, x: Floats) -> None:
    """Raise TypeError unless an array has floats."""
    dtype = np.asarray(x).dtype
    if dtype.kind != "f":
        what = f"{layer}: {name} has dtype {dtype}, not floats"
        raise TypeError(said(f"{what}: pass {name}.astype(np.float32)"))


def whole_below(layer: str, name: str, labels: Any, count: int) -> None:
    """Raise unless all of an array are whole numbers from 0 to below `count`."""
    found = np.asarray(labels)
    if found.dtype.kind not in "iu":
        what = f"{layer}: {name} are whole numbers, not {found.dtype}"
        raise TypeError(said(f"{what}: pass {name}.astype(int)"))
    if found.size and not (found.min() >= 0 and found.max() < count):
        bad = found.min() if found.min() < 0 else found.max()
        raise ValueError(
            said(f"{layer}: {name} go from 0 to {count - 1}, but one is {bad}")
        )
