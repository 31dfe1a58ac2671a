"""Pickle a differentiated function: by name where that leads to it, else by source."""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import linecache
import sys
import textwrap
import types
from dataclasses import asdict
from typing import Any

from srcgrad.differentiated import Differentiated
from srcgrad.options import make_options
from srcgrad.source import read_globals, read_source

__all__ = ["reduce_differentiated"]


def reduce_differentiated(made: Differentiated) -> Any:
    """Return what `__reduce__` returns."""
    name: str = getattr(made, "__qualname__", "")
    if _found(made.__module__, name) is made:
        return name
    options = asdict(made.options)
    fun: Any = made.inner if made.inner is not None else made.primal
    if made.inner is None and not _named(fun):
        fun = _by_source(fun)
        return _from_source, (made.kind, options, *fun)
    return _restore, (made.kind, options, fun)


def _found(module: str, name: str) -> Any:
    """Return what a dotted name in a module leads to, or None."""
    owner: Any = sys.modules.get(module)
    for part in name.split("."):
        owner = getattr(owner, part, None)
    return owner


def _named(function: Any) -> bool:
    return _found(function.__module__, function.__qualname__) is function


def _restore(kind: str, options: dict[str, Any], fun: Any) -> Differentiated:
    return Differentiated(fun, kind, make_options(options))


def _by_source(function: Any) -> tuple[Any, ...]:
    """Return a function's text and everything its text refers to."""
    source = read_source(function)
    plain = source.function
    text = source.text
    if isinstance(source.node, ast.FunctionDef):
        text = textwrap.dedent(text)
    outer = {**read_globals(source), **source.closure()}
    values = {name: _portable(value) for name, value in outer.items()}
    defaults = (plain.__defaults__, plain.__kwdefaults__)
    return text, source.name, function.__module__, values, defaults


def _portable(value: Any) -> Any:
    """Return modules and local functions as something that pickles."""
    if isinstance(value, types.ModuleType):
        return _Module(value.__name__)
    if isinstance(value, types.FunctionType) and not _named(value):
        return _Function(_by_source(value))
    return value


class _Module:
    def __init__(self, name: str) -> None:
        self.name = name


class _Function:
    def __init__(self, parts: tuple[Any, ...]) -> None:
        self.parts = parts


def _from_source(
    kind: str, options: dict[str, Any], text: str, name: str, module: str,
    values: dict[str, Any], defaults: Any,
) -> Differentiated:  # fmt: skip
    fun = _rebuilt(text, name, module, values, defaults)
    return Differentiated(fun, kind, make_options(options))


def _rebuilt(
    text: str, name: str, module: str, values: dict[str, Any], defaults: Any
) -> Any:
    """Return a function made from its text, with the values it refers to."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    is_lambda = name == "<lambda>"
    code = f"__srcgrad_lambda__ = ({text})\n" if is_lambda else text
    file = f"<srcgrad pickle {digest}>"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    space: dict[str, Any] = {"__builtins__": builtins, "__name__": module}
    for key, value in values.items():
        if isinstance(value, _Module):
            value = importlib.import_module(value.name)
        elif isinstance(value, _Function):
            value = _rebuilt(*value.parts)
        space[key] = value
    exec(compile(code, file, "exec"), space)
    function = space["__srcgrad_lambda__" if is_lambda else name]
    function.__defaults__, function.__kwdefaults__ = defaults
    return function
