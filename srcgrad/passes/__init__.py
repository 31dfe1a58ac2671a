"""Passes from IR to IR, and the order they run in.

A pass is a function from a Function to a Function; it changes nothing it is given. The
order is the list `PIPELINE`: dead code first, so that copies whose other uses are gone
can be seen to be needless. `FINAL` is for IR that is only written out any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from srcgrad.errors import BackendError
from srcgrad.ir import Function
from srcgrad.passes.dead_code import remove_dead_code
from srcgrad.passes.elide_copies import elide_copies
from srcgrad.passes.entry_checks import drop_entry_checks
from srcgrad.passes.factor_carries import factor_carries
from srcgrad.verify import verify as check

__all__ = [
    "FINAL",
    "PIPELINE",
    "Pass",
    "drop_entry_checks",
    "elide_copies",
    "factor_carries",
    "keep_lengths",
    "remove_dead_code",
    "run_passes",
]

Pass = Callable[[Function], Function]


def keep_lengths(function: Function) -> Function:
    """Remove dead code but the integers that shapes are made of."""
    return remove_dead_code(function, lengths=True)


# What is differentiated again still needs the lengths of its arrays; text does not.
PIPELINE: list[Pass] = [factor_carries, keep_lengths, elide_copies]
FINAL: list[Pass] = [remove_dead_code]


def run_passes(
    function: Function, passes: Sequence[Pass] | None = None, *, verify: bool = False
) -> Function:
    """Return the function after all passes.

    Args:
        function: The function; it stays as it is.
        passes: What to run; `PIPELINE` if None.
        verify: Check the IR before the first pass and after each one. The environment
            variable SRCGRAD_DEBUG=1 does the same.

    Raises:
        BackendError: The IR broke a rule; a note says after which pass.
    """
    verify = verify or os.environ.get("SRCGRAD_DEBUG", "") == "1"
    if verify:
        _checked(function, "before the passes")
    for step in PIPELINE if passes is None else passes:
        function = step(function)
        if verify:
            _checked(function, f"after {getattr(step, '__name__', step)}")
    return function


def _checked(function: Function, when: str) -> None:
    """Verify, and say in a note which pass is to blame."""
    try:
        check(function)
    except BackendError as error:
        error.add_note(when)
        raise
