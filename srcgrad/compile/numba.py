"""Load the kernel of a function through Numba; with the runtime, all that knows it.

A kernel is a module of its own in the cache folder. Its key covers the text, the
runtime and the versions, so one key is one specialisation; the entry is committed after
the first call has compiled it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from srcgrad.compile.files import Entry, digest, environment, lookup, open_entry
from srcgrad.emit.kernel import emit_kernel, used_runtime
from srcgrad.errors import internal_error
from srcgrad.ir import Function

__all__ = ["kernel_text", "load"]


def kernel_text(function: Function) -> str:
    """Return the module that Numba compiles for a function."""
    lines = emit_kernel(function)
    names = sorted(used_runtime(lines))
    head = ["import math", "", "import numpy as np", "from numba import njit", ""]
    if names:
        head += ["from srcgrad.runtime import compiled", "", "rt = compiled()"]
        head += [f"{name} = rt.{name.removeprefix('rt_')}" for name in names]
        head.append("")
    body = [text for text, _ in lines]
    flags = 'cache=True, error_model="numpy", nogil=True, no_cfunc_wrapper=True'
    decorator = f"@njit({flags})"
    return "\n".join([*head, "", decorator, *body]) + "\n"


def load(function: Function, cache: bool = True) -> Callable[..., Any]:
    """Return the compiled kernel of a function; it is compiled at its first call.

    Raises:
        BackendError: Numba refuses the text.
    """
    from srcgrad.compile.locator import load_compiled

    text = kernel_text(function)
    name = f"{function.name}_kernel"
    key = digest("numba", text, *environment(native=True))
    entry = (lookup(key) if cache else None) or open_entry(key, {name: text})
    kernel = getattr(load_compiled(entry), name)
    return kernel if not entry.building else _first(kernel, entry, function.name)


def _first(kernel: Any, entry: Entry, name: str) -> Callable[..., Any]:
    """Return a call that compiles once, then commits the entry to disk."""
    lock = threading.Lock()
    done = False

    def run(*args: Any) -> Any:
        nonlocal done
        if not done:
            with lock:
                if not done:
                    _compile(kernel, args, name)
                    entry.commit()
                    done = True
        return kernel(*args)

    return run


def _compile(kernel: Any, args: tuple[Any, ...], name: str) -> None:
    import numba

    try:
        typeof: Any = numba.typeof
        kernel.compile(tuple(typeof(a) for a in args))
    except Exception as error:
        raise internal_error(
            f"Numba refused the kernel: {type(error).__name__}", function=name
        ) from error
