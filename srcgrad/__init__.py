"""Gradients of plain Python/NumPy functions, as source you can read."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srcgrad import distributed as distributed
    from srcgrad import errors as errors
    from srcgrad import monitor as monitor
    from srcgrad import nn as nn
    from srcgrad import optim as optim
    from srcgrad import train as train
    from srcgrad.api import checkpoint as checkpoint
    from srcgrad.api import differentiable as differentiable
    from srcgrad.api import grad as grad
    from srcgrad.api import hvp as hvp
    from srcgrad.api import jvp as jvp
    from srcgrad.api import stop_gradient as stop_gradient
    from srcgrad.api import value_and_grad as value_and_grad
    from srcgrad.api import vjp as vjp
    from srcgrad.batched import vmap as vmap
    from srcgrad.catalogue import supported as supported
    from srcgrad.check import check_grads as check_grads
    from srcgrad.check import verify as verify
    from srcgrad.compile.files import clear_cache as clear_cache
    from srcgrad.derivatives import elementwise_grad as elementwise_grad
    from srcgrad.derivatives import hessian as hessian
    from srcgrad.derivatives import jacfwd as jacfwd
    from srcgrad.derivatives import jacobian as jacobian
    from srcgrad.derivatives import jacrev as jacrev
    from srcgrad.derivatives import linearize as linearize
    from srcgrad.differentiated import Differentiated as Differentiated
    from srcgrad.display import show as show
    from srcgrad.graphs import graph as graph
    from srcgrad.interop import as_scipy as as_scipy
    from srcgrad.interop import to_jax as to_jax
    from srcgrad.interop import to_pytensor as to_pytensor
    from srcgrad.interop import to_torch as to_torch
    from srcgrad.rules import custom_vjp as custom_vjp
    from srcgrad.rules import register_vjp as register_vjp
    from srcgrad.rules import straight_through as straight_through

__version__ = "0.1.0"

# Where the public names live; a module is imported when a name of it is first used.
_NAMES = {
    "batched": "vmap",
    "derivatives": "elementwise_grad hessian jacfwd jacobian jacrev linearize",
    "api": "checkpoint differentiable grad hvp jvp stop_gradient value_and_grad vjp",
    "catalogue": "supported",
    "check": "check_grads verify",
    "compile.files": "clear_cache",
    "differentiated": "Differentiated",
    "display": "show",
    "graphs": "graph",
    "interop": "as_scipy to_jax to_pytensor to_torch",
    "rules": "custom_vjp register_vjp straight_through",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}
_MODULES = ["distributed", "errors", "monitor", "nn", "optim", "train"]
__all__ = sorted([*_HOMES, *_MODULES])


if not TYPE_CHECKING:  # for type checkers no other name is there

    def __getattr__(name: str) -> Any:
        """Import a public name, or a module of them."""
        if name in _MODULES:
            return importlib.import_module(f"srcgrad.{name}")
        if name not in _HOMES:
            raise AttributeError(f"module 'srcgrad' has no attribute {name!r}")
        value = getattr(importlib.import_module(f"srcgrad.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
