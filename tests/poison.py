"""Arrays that generated code allocates, filled with what no result may be made of."""

import re
from typing import Any

import numpy as np

from tests.oracles import Array

NOBODYS = 2**61


def empty(*args: Any, **options: Any) -> Array:
    """Return what `np.empty` does, full of nan or of a number that is nobody's."""
    return filled(np.empty(*args, **options))


def empty_like(*args: Any, **options: Any) -> Array:
    """Return what `np.empty_like` does, full of nan or of a number that is nobody's."""
    return filled(np.empty_like(*args, **options))


def filled(made: Array) -> Array:
    """Fill an array."""
    if made.dtype.kind in "fc":
        made[...] = np.nan
    elif made.dtype.kind in "iu":
        made[...] = min(NOBODYS, np.iinfo(made.dtype).max)
    return made


def readable(text: str) -> str:
    """Return a readable module that allocates poison."""
    ours = '__import__("tests.poison", fromlist=["poison"])'
    return re.sub(r"\b\w+\.(empty|empty_like)\(", rf"{ours}.\1(", text)


def kernel(text: str) -> str:
    """Return a kernel module that allocates poison."""
    for dtype, value in (
        ("float64", "np.nan"),
        ("float32", "np.nan"),
        ("int64", NOBODYS),
    ):
        made = rf"np.full(\1, {value}, np.{dtype})"
        text = re.sub(rf"rt_empty\((.*), np\.{dtype}\)", made, text)
    return text
