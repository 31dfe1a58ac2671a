"""Compile without Python's search for garbage, which takes a fifth of the time."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Search for no garbage meanwhile, as the user may have chosen anyway.

    What a compiler makes is kept, or goes without a search. Other threads wait for no
    compile of "warm", so that one leaves their garbage alone.

    >>> with undisturbed():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    mine = gc.isenabled() and threading.current_thread() is threading.main_thread()
    if mine:
        gc.disable()
    try:
        yield
    finally:
        if mine:
            gc.enable()
