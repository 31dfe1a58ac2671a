"""Load generated text as a module of plain Python."""

from collections.abc import Callable
from typing import Any

from srcgrad.compile.files import Entry, digest, environment, open_entry
from srcgrad.emit.module import ModuleText


def load(text: ModuleText, cache: bool = True) -> Callable[..., Any]:
    """Return the function of a generated module.

    The module is a real file where the cache folder can be written, so tracebacks, pdb
    and `inspect.getsource` show it.
    """
    key = digest("plain", text.text, *environment(native=False))
    entry = (open_entry if cache else Entry)(key, text.name, text.text)
    module = entry.load()
    entry.commit()
    function: Callable[..., Any] = getattr(module, text.name)
    return function
