"""Gradients of plain Python/NumPy functions, as source you can read."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srcgrad import errors as errors
    from srcgrad.api import differentiable as differentiable
    from srcgrad.api import grad as grad
    from srcgrad.api import hvp as hvp
    from srcgrad.api import jvp as jvp
    from srcgrad.api import stop_gradient as stop_gradient
    from srcgrad.api import value_and_grad as value_and_grad
    from srcgrad.api import vjp as vjp
    from srcgrad.check import check_grads as check_grads
    from srcgrad.check import verify as verify
    from srcgrad.compile.files import clear_cache as clear_cache
    from srcgrad.differentiated import Differentiated as Differentiated
    from srcgrad.rules import custom_vjp as custom_vjp
    from srcgrad.rules import register_vjp as register_vjp
    from srcgrad.show import show as show

__version__ = "0.1.0"

# Where each public name lives; it is imported when it is first used.
_HOMES = {
    "Differentiated": "differentiated",
    "check_grads": "check",
    "clear_cache": "compile.files",
    "custom_vjp": "rules",
    "differentiable": "api",
    "errors": "",
    "grad": "api",
    "hvp": "api",
    "jvp": "api",
    "register_vjp": "rules",
    "show": "show",
    "stop_gradient": "api",
    "value_and_grad": "api",
    "verify": "check",
    "vjp": "api",
}
__all__ = sorted(_HOMES)


def _find(name: str) -> Any:
    """Return a public name from the module that holds it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'srcgrad' has no attribute {name!r}")
    home = _HOMES[name]
    if not home:
        return importlib.import_module(f"srcgrad.{name}")
    return getattr(importlib.import_module(f"srcgrad.{home}"), name)


class _Door:
    """A public function that has the name of a module: importing never hides it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return _find(self.name)

    def __set__(self, instance: Any, value: Any) -> None:
        if not isinstance(value, ModuleType):
            raise AttributeError(f"srcgrad.{self.name} cannot be replaced")


class _Package(ModuleType):
    """The package, whose names are imported when they are first used."""

    show = _Door("show")
    verify = _Door("verify")

    def __getattr__(self, name: str) -> Any:
        value = _find(name)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *_HOMES})


sys.modules[__name__].__class__ = _Package
