"""The rows, loaded in one place."""

from srcgrad.ops import (
    arithmetic,
    calculus,
    contractions,
    creation,
    einsum,
    elementwise,
    indexing,
    linalg,
    lists,
    networks,
    neural,
    prelude,
    python,
    reductions,
    sampled,
    shaping,
    special,
)
from srcgrad.ops.table import ROWS, Row

__all__ = [
    "ROWS",
    "Row",
    "arithmetic",
    "calculus",
    "contractions",
    "creation",
    "einsum",
    "elementwise",
    "indexing",
    "linalg",
    "lists",
    "networks",
    "neural",
    "prelude",
    "python",
    "reductions",
    "sampled",
    "shaping",
    "special",
]
