"""The rows, loaded in one place."""

from srcgrad.ops import (
    arithmetic,
    creation,
    elementwise,
    indexing,
    linalg,
    lists,
    prelude,
    python,
    reductions,
    shaping,
)
from srcgrad.ops.table import ROWS, Row, find_callable, find_method

__all__ = [
    "ROWS",
    "Row",
    "arithmetic",
    "creation",
    "elementwise",
    "find_callable",
    "find_method",
    "indexing",
    "linalg",
    "lists",
    "prelude",
    "python",
    "reductions",
    "shaping",
]
