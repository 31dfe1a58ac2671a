"""Bridges: a function and its gradient as SciPy, torch, JAX or PyTensor take them.

Each file imports its framework when its function is called, never before.
"""

from srcgrad.interop.jax import to_jax
from srcgrad.interop.pytensor import to_pytensor
from srcgrad.interop.scipy import as_scipy
from srcgrad.interop.torch import to_torch
from srcgrad.optim.problem import Problem

__all__ = ["Problem", "as_scipy", "to_jax", "to_pytensor", "to_torch"]
