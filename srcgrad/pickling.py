"""Pickle a differentiated function: by name where that leads to it, else by source."""

from __future__ import annotations

import ast
import builtins
import importlib
import linecache
import sys
import textwrap
import types
from typing import Any

from srcgrad.compile.files import digest
from srcgrad.differentiated import Differentiated
from srcgrad.source import read_source


def reduce_differentiated(made: Differentiated) -> Any:
    """Return what `__reduce__` returns."""
    if _is_named(made):
        return made.__qualname__
    fun: Any = made.primal if made.inner is None else made.inner
    return Differentiated, (_portable(fun), made.kind, made.options)


class _Result:
    """Pickles as the result of a call."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> Any:
        return self.call[0], self.call[1:]


def _is_named(function: Any) -> bool:
    """Tell whether the name of a function leads to it."""
    owner: Any = sys.modules.get(function.__module__)
    for part in function.__qualname__.split("."):
        owner = getattr(owner, part, None)
    return owner is function


def _portable(value: Any) -> Any:
    """Return modules and local functions as something that pickles.

    A function becomes its text and all that its text refers to.
    """
    if isinstance(value, types.ModuleType):
        return _Result(importlib.import_module, value.__name__)
    if not isinstance(value, types.FunctionType) or _is_named(value):
        return value
    source = read_source(value)
    text = source.text
    if isinstance(source.node, ast.FunctionDef):
        text = textwrap.dedent(text)
    space = {name: _portable(x) for name, x in source.captures().items()}
    defaults = value.__defaults__, value.__kwdefaults__
    return _Result(_rebuilt, text, value.__name__, value.__module__, space, defaults)


def _rebuilt(
    text: str, name: str, module: str, values: dict[str, Any], defaults: Any
) -> Any:
    """Return a function made from its text, with the values it refers to."""
    if name == "<lambda>":
        name = "__srcgrad_lambda__"
        text = f"{name} = ({text})\n"
    file = f"<srcgrad pickle {digest(text)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    space = {"__builtins__": builtins, "__name__": module, **values}
    exec(compile(text, file, "exec"), space)
    function: Any = space[name]
    function.__defaults__, function.__kwdefaults__ = defaults
    return function
