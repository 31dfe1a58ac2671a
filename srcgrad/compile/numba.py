"""Load the kernel of a function through Numba; with the runtime, all that knows it.

A kernel is a module of its own in the cache folder. Its key covers the text, the
runtime and the versions, so one key is one specialisation; the entry is committed after
the first call has compiled it.
"""

from __future__ import annotations

import threading
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
    if names:
        head += ["from srcgrad.runtime import compiled", "", "rt = compiled()"]
        head += [f"{name} = rt.{name.removeprefix('rt_')}" for name in names]
        head.append("")
    chosen = "".join(f", {name}=True" for name, on in flags.items() if on)
    always = 'error_model="numpy", nogil=True, no_cfunc_wrapper=True'
    head += ["", f"@njit({always}{chosen})"]
    return "\n".join([*head, *(text for text, _ in lines)]) + "\n"


class Kernel:
    """A compiled function; it is compiled, and kept on disk, at its first call.

    Attributes:
        dispatcher: What Numba made of the text.
    """

    def __init__(self, dispatcher: Any, entry: Entry, name: str) -> None:
        """Take a function of an entry; what was found on disk is compiled already."""
        self.dispatcher, self._entry, self._name = dispatcher, entry, name
        self._lock, self._ready = threading.Lock(), entry.found

    def __call__(self, *args: Any) -> Any:
        """Run the kernel."""
        if not self._ready:
            self.compile(args)
        return self.dispatcher(*args)

    def compile(self, args: Sequence[Any]) -> None:
        """Compile for arguments of these types."""
        import numba

        typeof: Any = numba.typeof
        with self._lock:
            if self._ready:
                return
            try:
                self.dispatcher.compile(tuple(typeof(a) for a in args))
            except Exception as error:
                what = f"Numba refused the kernel: {type(error).__name__}"
                text = 'the text is what `.source(..., stage="kernel")` returns'
                raise internal_error(
                    what, code="SG901", function=self._name, helps=[text]
                ) from error
            self._entry.commit()
            self._ready = True


def load(function: Function, cache: bool = True, **flags: bool) -> Kernel:
    """Return the kernel of a function, from disk if it is there."""
    from srcgrad.compile.machine import load_compiled

    text, name = kernel_text(function, **flags), f"{function.name}_kernel"
    key = digest("numba", text, *environment(native=True))
    entry = (open_entry if cache else Entry)(key, name, text)
    return Kernel(getattr(load_compiled(entry), name), entry, function.name)


class Compiled:
    """A gradient for use inside the user's own `@njit` functions.

    Used there, it is the function of the last arguments; called outside of them with
    example arguments, it returns the function for those.
    """

    def __init__(self, pick: Callable[..., Any]) -> None:
        """Take what finds the function for arguments; for none, that of the last."""
        self._pick = pick

    def __call__(self, *example: Any) -> Any:
        """Return the compiled function for arguments of these types."""
        return self._pick(*example)

    @property
    def _numba_type_(self) -> Any:
        import numba

        typeof: Any = numba.typeof
        return typeof(self._pick())


def wrapped(
    kernel: Kernel, name: str, ones: dict[str, tuple[int, ...]], example: Sequence[Any],
    seeds: Sequence[Any], shown: str,
) -> Any:  # fmt: skip
    """Return a compiled function around a kernel, for these types of arguments only."""
    import numba

    params, typeof = ", ".join(ones), numba.typeof
    kernel.compile([*example, *seeds])
    lines = [f"def {name}({params}):"]
    for parameter, axes in ones.items():
        for axis, one in enumerate(axes):
            if one:
                lines.append(f"    if {parameter}.shape[{axis}] != 1:")
                lines.append(f"        raise ValueError('made for {parameter} of one')")
    lines += [f"    r = kernel({', '.join([*ones, *map(repr, map(float, seeds))])})"]
    lines += [f"    return {shown}", ""]
    space: dict[str, Any] = {"kernel": kernel.dispatcher}
    exec("\n".join(lines), space)
    types = tuple(typeof(x) for x in example)  # type: ignore[no-untyped-call]
    return numba.njit([types], nogil=True)(space[name])
