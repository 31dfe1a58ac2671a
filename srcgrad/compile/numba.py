"""Load the kernel of a function through Numba; with the runtime, all that knows it.

A kernel is a module of its own in the cache folder. Its key covers the text, the
runtime and the versions, so one key is one specialisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.compile.files import Entry, digest, environment, open_entry
from srcgrad.emit.kernel import emit_kernel, used_runtime
from srcgrad.errors import internal_error
from srcgrad.ir import Function


def kernel_text(function: Function, **flags: bool) -> str:
    """Return the module that Numba compiles for a function, with flags for `njit`."""
    lines = emit_kernel(function)
    names = sorted(used_runtime(lines))
    head = ["import math", "", "import numpy as np", "from numba import njit", ""]
    if any("cmath." in text for text, _ in lines):
        head.insert(0, "import cmath")
    if names:
        own = [f"{name} = rt.{name.removeprefix('rt_')}" for name in names]
        head += [
            "from srcgrad.runtime import compiled",
            "",
            "rt = compiled()",
            *own,
            "",
        ]
    chosen = "".join(f", {name}=True" for name, on in flags.items() if on)
    always = 'error_model="numpy", nogil=True, no_cfunc_wrapper=True'
    body = [text for text, _ in lines]
    starts = [k for k, text in enumerate(body) if text.startswith("def ")]
    for k in starts:
        # Only the last one, the kernel itself, is called from Python.
        alone = ", no_cpython_wrapper=True" if k < starts[-1] else ""
        body[k] = f"@njit({always}{alone}{chosen})\n{body[k]}"
    return "\n".join([*head, "", *body]) + "\n"


def load(function: Function, cache: bool = True, **flags: bool) -> Callable[..., Any]:
    """Return the kernel of a function, from disk if it is there.

    It is compiled, and kept on disk, at its first call; `dispatcher` is what Numba made
    of it.
    """
    from numba.core.errors import NumbaError

    from srcgrad.compile.machine import load_compiled

    text, name = kernel_text(function, **flags), f"{function.name}_kernel"
    key = digest("numba", text, *environment(native=True))
    module = load_compiled((open_entry if cache else Entry)(key, name, text))
    dispatcher = getattr(module, name)

    def kernel(*args: Any) -> Any:
        try:
            return dispatcher(*args)
        except NumbaError as error:
            what = f"Numba refused the kernel: {type(error).__name__}"
            helps = ['its text is what `.source(..., stage="kernel")` returns']
            about: Any = {"function": function.name, "helps": helps}
            raise internal_error(what, code="SG901", **about) from error

    vars(kernel)["dispatcher"] = dispatcher
    return kernel


def wrapped(text: str, kernel: Any, example: Sequence[Any]) -> Any:
    """Return the compiled function of a text that calls a kernel, for these types."""
    import numba

    space: dict[str, Any] = {"kernel": kernel.dispatcher}
    exec(text, space)
    types = tuple(map(kernel.dispatcher.typeof_pyval, example))
    return numba.njit([types], nogil=True)(space["wrapper"])
