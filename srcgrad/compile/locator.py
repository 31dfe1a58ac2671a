"""Make Numba keep machine code in the folder of its entry, and start it quickly.

Load generated modules by `load_compiled(entry)` in place of `entry.load()`, compile,
then call `entry.commit()`. Import this module inside a function: it imports Numba.

The locator lets Numba's own decorator accept ``cache=True`` in a file that does not lie
at its final path yet, or lies in no file at all; it comes before Numba's own locators,
so `NUMBA_CACHE_DIR` does not count, and it claims nothing but our modules. The cache
then replaces Numba's own in each dispatcher of the module: that one lets a full disk
raise through the user's first call, and it writes at any time, into a folder whose
manifest is written already, too.
"""

import functools
import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

from numba.core import caching, config
from numba.core.dispatcher import Dispatcher

from srcgrad.compile.files import Entry


class FolderLocator(caching._CacheLocator):
    """Say where the machine code of one function of an entry lies."""

    def __init__(self, entry: Entry, function: Callable[..., Any], path: str) -> None:
        self._entry = entry
        self._py_file = path  # Numba's warnings read it
        self._line = function.__code__.co_firstlineno

    def ensure_cache_path(self) -> None:
        """Do nothing: the entry made its folder, with a mode Numba would not give."""

    def get_cache_path(self) -> str:
        """Return the entry's folder; a name that nothing has if there is none."""
        return str(self._entry.folder or f"/nonexistent/srcgrad/{self._entry.key}")

    def get_source_stamp(self) -> str:
        """Return the key: it covers the source and all that the source calls."""
        return self._entry.key

    def get_disambiguator(self) -> str:
        """Return the line of the function, which tells two of one name apart."""
        return str(self._line)

    @classmethod
    def from_function(
        cls, py_func: Callable[..., Any], py_file: str
    ) -> "FolderLocator | None":
        """Return a locator for a function of one of our modules, None for any other."""
        entry = py_func.__globals__.get("__srcgrad_entry__")
        if isinstance(entry, Entry) and py_file in map(entry.path, entry.sources):
            return cls(entry, py_func, py_file)
        return None


class FolderCache(caching.FunctionCache):
    """Read from an entry that was found, write into one being built, never raise."""

    def __init__(self, function: Callable[..., Any], entry: Entry) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._entry = entry

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled overload, None if it is not there or cannot be used."""
        if not self._entry.found:
            return None
        try:
            return super().load_overload(  # type: ignore[no-untyped-call]
                sig, target_context
            )
        except Exception:
            return None  # whatever it is, compiling is the answer

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write the compiled overload; if the disk fails, give up the entry on disk."""
        if not self._entry.building:
            return
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError:
            self._entry.spoil()


def install() -> None:
    """Put our locator before Numba's own. Calling it again does nothing."""
    classes: list[Any] = caching.CacheImpl._locator_classes
    if FolderLocator not in classes:
        classes.insert(0, FolderLocator)
    # Where the user named locators of their own, Numba reads these and not the list.
    ours = f"{__name__}.{FolderLocator.__name__}"
    named = getattr(config, "CACHE_LOCATOR_CLASSES", "")
    if named and ours not in named:
        vars(config)["CACHE_LOCATOR_CLASSES"] = f"{ours},{named}"


@functools.cache
def start() -> None:
    """Load what Numba compiles arrays with, but not SciPy: that takes 0.2 s.

    Numba imports `scipy.linalg` there to see whether it can be imported; what needs it,
    `@` and the like, imports it again.
    """
    linalg: Any = importlib.import_module("numba.np.linalg")
    check = getattr(linalg, "ensure_blas", None)
    if check is None or importlib.util.find_spec("scipy") is None:
        return
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = check


def adopt(dispatcher: Dispatcher, entry: Entry) -> None:
    """Give a function that was not compiled yet the cache of its module's entry."""
    install()
    vars(dispatcher)["_cache"] = FolderCache(dispatcher.py_func, entry)


def load_compiled(entry: Entry, name: str | None = None) -> ModuleType:
    """Return a module of the entry with all its Numba functions cached in its folder.

    >>> from srcgrad.compile.files import digest, open_entry
    >>> text = "import numba\\n@numba.njit(cache=True)\\ndef double(x): return 2 * x"
    >>> entry = open_entry(digest("numba"), {"double": text})
    >>> load_compiled(entry).double(3)
    6
    >>> entry.discard()
    """
    install()
    start()
    module = entry.load(name)
    for value in vars(module).values():
        # Runtime kernels that the module imports are cached beside their own source.
        ours = isinstance(value, Dispatcher) and value.__module__ == module.__name__
        if ours and not isinstance(value._cache, FolderCache):
            adopt(value, entry)
    return module
