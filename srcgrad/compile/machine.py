"""Make Numba keep machine code in the folder of its entry, and start it quickly.

The cache of an entry replaces Numba's own in each dispatcher of its module. That one
lets a full disk raise through the user's first call, writes its index before its data,
and at any time, into a folder whose manifest is written already, too. Import this
module inside a function: it imports Numba.
"""

import functools
import importlib
import importlib.util
import pickle
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

import numpy as np
from numba.core import caching, compiler, serialize
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher

from srcgrad.compile.files import Entry, digest
from srcgrad.garbage import undisturbed

_NEEDLESS = {"inline_closure_likes", "nopython_rewrites"}


class EntryCache(caching.NullCache):
    """Read from an entry that was found, write into one being built, never raise.

    The entry is committed when the function is compiled that it is named after.
    """

    def __init__(self, function: Any, entry: Entry) -> None:
        """Serve one function of the module of an entry."""
        self._entry = entry
        self._last = entry.name == function.__name__
        self._place = f"{function.__qualname__} {function.__code__.co_firstlineno}"

    def _name(self, sig: Any) -> str:
        return f"{digest(self._place, str(sig))}.machine"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled overload, None if it is not there or cannot be used."""
        try:
            data = pickle.loads(self._entry.files.pop(self._name(sig)))
            target_context.refresh()
            rebuild: Any = compiler.CompileResult._rebuild
            return rebuild(target_context, *data)
        except Exception:
            return None  # whatever it is, compiling is the answer

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled overload, unless it holds addresses of this process."""
        if self._entry.building and not data.library.has_dynamic_globals:
            dumps: Any = serialize.dumps
            self._entry.files[self._name(sig)] = dumps(data._reduce())
        if self._last:
            self._entry.commit()


class Pipeline(compiler.CompilerBase):
    """Numba's own passes but those that look for what no kernel has.

    They search for functions inside functions and for expressions of whole arrays, and
    take a tenth of the time. Where there may be some all passes run.
    """

    def define_pipelines(self) -> list[Any]:
        """Return the one list of passes."""
        whole: Any = compiler.DefaultPassBuilder
        made = whole.define_nopython_pipeline(self.state)
        code = self.state.func_id.code
        inner = any(isinstance(x, CodeType) for x in code.co_consts)
        if not inner and not self.state.flags.auto_parallel.enabled:
            made.passes = [p for p in made.passes if p[0].name() not in _NEEDLESS]
            made.finalize()
        return [made]


@functools.cache
def start() -> None:
    """Load what Numba compiles arrays with, but not SciPy: that takes 0.2 s.

    Numba imports `scipy.linalg` there to see whether it can be imported; what needs it,
    `@` and the like, imports it again.
    """
    # glibc hands freed memory back to the system, whose fresh pages cost more than most
    # gradients, until it has seen blocks as large as this come and go.
    np.empty(31 << 20, np.uint8)
    linalg: Any = importlib.import_module("numba.np.linalg")
    check = getattr(linalg, "ensure_blas", None)
    if check is None or importlib.util.find_spec("scipy") is None:
        return
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = check


def load_compiled(entry: Entry) -> ModuleType:
    """Return the module of an entry with all its Numba functions kept in its folder.

    >>> text = "import numba\\n@numba.njit\\ndef double(x): return 2 * x"
    >>> load_compiled(Entry("key", "double", text)).double(3)
    6
    """
    start()
    module = entry.load()
    for value in vars(module).values():
        # Runtime kernels that the module imports are cached beside their own source.
        if isinstance(value, Dispatcher) and value.__module__ == module.__name__:
            vars(value)["_cache"] = EntryCache(value.py_func, entry)
            own = vars(value)["_compiler"]
            if own.pipeline_class is compiler.Compiler:
                own.pipeline_class = Pipeline
            plain = value.compile
            vars(value)["compile"] = functools.partial(compile_once, value, plain)
    return module


def compile_once(
    dispatcher: Dispatcher, compile: Callable[[Any], Any], signature: Any
) -> Any:
    """Compile a signature, or return what another thread has made of it by now.

    Numba's own `compile` refuses to look where that thread has disabled it since.
    """
    with global_compiler_lock, undisturbed():
        made: Any = dispatcher.overloads.get(tuple(signature))
        return compile(signature) if made is None else made.entry_point
