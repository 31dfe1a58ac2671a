"""What a program of the suite is: a plain function, its inputs, what is asked of it."""

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Program:
    """A function of one real result and how to make arguments for it.

    Attributes:
        function: Plain Python and NumPy, as a user would write it.
        inputs: Arguments from a generator and a size; the same seed, the same numbers.
        argnums: What it is differentiated with respect to.
        size: The size that is timed: one gradient takes some milliseconds.
        tiny: A size at which plain Python needs no time.
        stencil: An explicit stencil, whose primal streams (PERFORMANCE section 13).
    """

    function: FunctionType
    inputs: Callable[[np.random.Generator, int], Arguments]
    argnums: tuple[int, ...]
    size: int
    tiny: int
    stencil: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def family(self) -> str:
        """The module it is in, without its package."""
        return self.function.__module__.rpartition(".")[2]

    def arguments(self, size: int) -> Arguments:
        """Return arguments of a size, the same ones each time."""
        return self.inputs(np.random.default_rng(20), size)
