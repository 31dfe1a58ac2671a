"""Kernels that generated code calls; `readable.py` has the helpers of readable text.

Every file holds plain Python in Numba's subset, so all of it runs in CPython too.
`compiled()` gives the same functions by name, compiled; nothing imports Numba before.

The functions of a file that says `INLINED = True` become part of every caller.
A file may name cores in `CORES`: its big functions, with their signatures for a dtype T
(`intrinsics.py` tells why). A kernel that reaches cores is called by a name that ends
in that dtype, `rt.sum3_float64`; taking the name loads the cores, so a module that
takes its names when it is imported can load its own machine code afterwards.
"""

from __future__ import annotations

import hashlib
import importlib
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from srcgrad.runtime import linked
from srcgrad.runtime.readable import (
    cofactor,
    cofactor_slope,
    diagonal_matrix,
    erfcx_slope,
    exclusive_cumprod,
    exprel_slope,
    linear_scan,
    sinc_slope,
    spread_along,
    take_last,
)

__all__ = [
    "Compiled", "cofactor", "cofactor_slope", "compiled", "diagonal_matrix", "digest",
    "erfcx_slope", "exclusive_cumprod", "exprel_slope", "linear_scan", "plain",
    "sinc_slope", "spread_along", "take_last",
]  # fmt: skip

FILES = ("attention", "conv", "create", "decompositions", "draw", "extrema",
         "filters", "fourier", "linalg", "magnitude", "move", "norm", "normal",
         "optimisers", "order", "pool", "reduce", "sampled", "scalar", "scan",
         "special", "splines", "views", "vmath", "vmath32")  # fmt: skip
INTRINSICS = (
    "add", "bits", "emptied", "empty", "exponential", "flat", "fma", "full", "index",
    "large_cos", "large_sin", "large_tan", "maximum", "minimum", "multiply", "number",
    "outer_tile", "plus", "polynomial", "prange", "product_tile", "push", "reshaped",
    "select", "subtract", "zeros",
)  # fmt: skip
# What these emit is linked into kernels.
NATIVE = "intrinsics", "linking", "threads", "tiles", "vmath", "vmath32"
DTYPES = (
    "float64", "float32", "int64", "int32", "int16", "int8", "uint64", "uint32",
    "uint16", "uint8", "bool", "complex128", "complex64",
)  # fmt: skip


class Compiled:
    """Kernels by name; each is compiled when it is first called, and kept on disk."""

    def __init__(self) -> None:
        self._own: dict[str, dict[str, Any]] = {}
        self._known: dict[FunctionType, Any] = {}
        self._loaded: set[tuple[FunctionType, str]] = set()
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        if name in INTRINSICS:
            if name == "prange":
                return _module("threads").loaded()
            return getattr(_intrinsics(), name)
        if name in linked.NAMES:
            setattr(self, name, _module("linking").linked(name))
            return vars(self)[name]
        kernels = plain()
        base, _, dtype = name.rpartition("_")
        with self._lock:
            if base in kernels and dtype in DTYPES:
                function = kernels[base]
                self._load_cores(function, dtype)
            elif name in kernels and not any(_cores(kernels[name])):
                function = kernels[name]
            else:
                raise AttributeError(name)
            out = self.dispatcher(function)
            if _inlined(function):
                out = _intrinsics().inlined(function, out)
        setattr(self, name, out)
        return out

    def _load_cores(self, function: FunctionType, dtype: str) -> None:
        for core in _cores(function):
            self._load(core, dtype)

    def _load(self, core: FunctionType, dtype: str) -> None:
        """Compile a core for a dtype, or load it from disk, before all that call it."""
        with self._lock:
            if (core, dtype) in self._loaded:
                return
            self._load_cores(core, dtype)
            template = _templates(core)[core.__name__]
            dispatcher = self.dispatcher(core)
            _intrinsics().publish(dispatcher, template, dtype, _symbol(core))
            self._loaded.add((core, dtype))

    def dispatcher(self, function: FunctionType) -> Any:
        """Return the dispatcher of a function whose callees are compiled ones too."""
        if function in self._known:
            return self._known[function]
        own = self._own.setdefault(function.__module__, dict(function.__globals__))
        twin = FunctionType(function.__code__, own, function.__name__)
        twin.__defaults__, twin.__doc__ = function.__defaults__, function.__doc__
        twin.__module__ = function.__module__
        out = _intrinsics().compile_function(
            twin,
            stamp=_stamp(function),
            private=function.__name__.startswith("_"),
            inlined=_inlined(function),
        )
        self._known[function] = out
        for helper in _callees(function):
            if helper.__name__ in _templates(helper):
                own[helper.__name__] = self._external(helper)
            else:
                own[helper.__name__] = self.dispatcher(helper)
        own |= {n: getattr(_intrinsics(), n) for n in INTRINSICS if n in own}
        return out

    def _external(self, core: FunctionType) -> Any:
        template = _templates(core)[core.__name__]
        return _intrinsics().external(
            core, template, _symbol(core), lambda dtype: self._load(core, dtype)
        )


def _intrinsics() -> Any:
    return importlib.import_module(f"{__name__}.intrinsics")


def _callees(function: FunctionType) -> Iterator[FunctionType]:
    """Yield the functions of its own file that a function calls."""
    for name in function.__code__.co_names:
        helper = function.__globals__.get(name)
        if isinstance(helper, FunctionType) and helper is not function:
            if helper.__module__ == function.__module__:
                yield helper


def _inlined(function: FunctionType) -> bool:
    return bool(function.__globals__.get("INLINED"))


def _templates(function: FunctionType) -> dict[str, str]:
    found: dict[str, str] = function.__globals__.get("CORES", {})
    return found


def _cores(function: FunctionType) -> Iterator[FunctionType]:
    """Yield the cores that a function calls, at once or through helpers."""
    for helper in _callees(function):
        if helper.__name__ in _templates(helper):
            yield helper
        else:
            yield from _cores(helper)


@cache
def _glue() -> str:
    """Return a digest of what is linked into every kernel."""
    files = (Path(__file__).with_name(f"{n}.py") for n in NATIVE)
    whole = b"".join(file.read_bytes() for file in files)
    return hashlib.blake2b(whole, digest_size=8).hexdigest()


@cache
def _stamp(function: FunctionType) -> str:
    """Return a digest of the code in memory of a function and of all that it calls."""
    code, names = function.__code__, function.__globals__
    numbers = [names.get(n) for n in code.co_names]
    parts: list[object] = [
        code.co_code, code.co_consts, code.co_names, code.co_varnames,
        [n for n in numbers if isinstance(n, int | float | str | tuple | np.float32)],
        _templates(function).get(function.__name__),
        [_stamp(helper) for helper in _callees(function)], _glue(),
    ]  # fmt: skip
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _symbol(core: FunctionType) -> str:
    """Return the symbol of a core; the stamp keeps old callers from new cores."""
    return f"{core.__module__}.{core.__name__}.{_stamp(core)}"


@cache
def digest() -> str:
    """Return a digest of all kernels, for the key of whatever is compiled with them."""
    stamps = [f"{name}: {_stamp(kernel)}" for name, kernel in sorted(plain().items())]
    return hashlib.blake2b("\n".join(stamps).encode(), digest_size=16).hexdigest()


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")


@cache
def plain() -> dict[str, FunctionType]:
    """Return every kernel by name, as plain Python."""
    out: dict[str, FunctionType] = {}
    for module in map(_module, FILES):
        for name in module.__all__:
            if name in out:
                raise ValueError(f"two kernels are called {name}")
            out[name] = getattr(module, name)
    return {**out, **linked.plain()}


@cache
def compiled() -> Compiled:
    """Return the namespace of compiled kernels of this process."""
    return Compiled()
