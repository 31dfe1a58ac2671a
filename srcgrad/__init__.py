"""Gradients of plain Python/NumPy functions, as source you can read."""

from srcgrad import errors
from srcgrad.api import (
    Differentiated,
    differentiable,
    grad,
    hvp,
    jvp,
    value_and_grad,
    vjp,
)

__all__ = [
    "Differentiated",
    "differentiable",
    "errors",
    "grad",
    "hvp",
    "jvp",
    "value_and_grad",
    "vjp",
]
__version__ = "0.1.0"
