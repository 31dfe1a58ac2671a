"""The catalogue: plain Python/NumPy functions with inputs, run under every check.

A case is an ordinary user function; the decorator only writes it down and hands it
back unchanged:

    @case(lambda rng: (rng.normal(size=5),))
    def sum_of_squares(x):
        return (x * x).sum()

Every case must hold with unchanged source, unless it says `refused` (a later issue) or
`raises` (the plain run itself fails, and so must the compiled one). The comment above a
case quotes the line of SEMANTICS.md it stands for. `python -m tests.cases.selfcheck`
checks the catalogue itself with NumPy alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Make = Callable[[np.random.Generator], tuple[Any, ...]]

# Why a case waits for a later issue, or is refused for good (the last two).
REASONS = frozenset(
    {
        "complex numbers",
        "checkpointing",
        "parallel loops",
        "eigh",
        "svd",
        "extra spellings",
        "captured global written",
        "one memory on one path",
    }
)


@dataclass(frozen=True)
class Case:
    """Hold one plain function, its inputs and what is known about its gradient.

    `make` takes a seeded generator and returns the positional arguments, fresh each
    time; any seed keeps a smooth case away from its kinks. `argnums` says which
    arguments are differentiated. `rtol` bounds the compiled value against the plain
    one. `expected(*args)` is the exact gradient, shaped like the argument (a tuple of
    them where `argnums` is one); where `smooth` is False nothing else can judge it.
    `raises` is the exception of the plain run, `refused` one of REASONS. `sample`
    marks the twenty that are also run to second order on Numba, `scale` what takes too
    many steps for CPython: the short run has it on Numba alone. `long` leaves a case
    whose sweeps take seconds to compile to the long run.
    """

    name: str
    function: Callable[..., Any]
    make: Make
    argnums: int | tuple[int, ...] = 0
    rtol: float = 1e-12
    smooth: bool = True
    expected: Callable[..., Any] | None = None
    raises: type[BaseException] | None = None
    refused: str | None = None
    sample: bool = False
    scale: bool = False
    long: bool = False


CASES: list[Case] = []


def case(make: Make, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that enters a function in CASES and returns it unchanged.

    >>> case(lambda rng: (1.0,), refused="bad mood")(abs)
    Traceback (most recent call last):
    ValueError: case 'abs': unknown reason 'bad mood'
    """

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        new = Case(name, function, make, **options)
        if any(name == old.name for old in CASES):
            raise ValueError(f"case {name!r} is in the catalogue already")
        if new.refused is not None and new.refused not in REASONS:
            raise ValueError(f"case {name!r}: unknown reason {new.refused!r}")
        if not new.smooth and new.expected is None:
            raise ValueError(f"case {name!r}: not smooth and no expected gradient")
        CASES.append(new)
        return function

    return enter


# Last, so that the modules find `case`; each one fills CASES as it is imported.
from tests.cases import (  # noqa: E402, F401
    aliasing,
    attempts,
    broadcasting,
    calculus,
    complexes,
    containers,
    control_flow,
    corpus_chemistry,
    corpus_finance,
    corpus_geophysics,
    corpus_graphics,
    corpus_images,
    corpus_learning,
    corpus_npbench,
    corpus_robotics,
    corpus_signal,
    corpus_solvers,
    corpus_statistics,
    counters,
    creation,
    decompositions,
    dtypes,
    elementwise,
    engineering,
    errors_plain,
    exchanged,
    extra_spellings,
    found,
    functions,
    growing,
    handed_on,
    indexing,
    joined,
    kept,
    kinds,
    kinks,
    later,
    layouts,
    lengths,
    libraries,
    linalg,
    long_lists,
    loops,
    mended,
    networks,
    pasted,
    products,
    ranks,
    reductions,
    rows,
    sampled,
    scalars,
    science,
    science_filters,
    science_solvers,
    science_statistics,
    scratch,
    shaping,
    sixteen,
    special,
    special_more,
    stencils,
    storage,
    surface,
    tallies,
    ufuncs,
    yielding,
)
