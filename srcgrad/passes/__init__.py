"""Passes from IR to IR, and the order they run in.

A pass is a function from a Function to a Function; it changes nothing it is given. The
order is the list `PIPELINE`: what turns need not share first, then dead code, so that
copies whose other uses are gone can be seen to be needless. `FINAL` is for IR that is
only written out any more.
"""

import os
from collections.abc import Callable, Sequence

from srcgrad.errors import BackendError
from srcgrad.ir import Function
from srcgrad.passes.batch_products import APART as APART
from srcgrad.passes.batch_products import batch_products as batch_products
from srcgrad.passes.calls_first import calls_first as calls_first
from srcgrad.passes.clear_late import clear_late as clear_late
from srcgrad.passes.custom_rules import drop_rules as drop_rules
from srcgrad.passes.dead_code import drop_needless_checks as drop_needless_checks
from srcgrad.passes.dead_code import remove_dead_code as remove_dead_code
from srcgrad.passes.elide_copies import elide_copies as elide_copies
from srcgrad.passes.entry_checks import drop_entry_checks as drop_entry_checks
from srcgrad.passes.expand import expand as expand
from srcgrad.passes.fuse import fuse as fuse
from srcgrad.passes.gather import gather as gather
from srcgrad.passes.hoist import hoist as hoist
from srcgrad.passes.inline_calls import given_lengths as given_lengths
from srcgrad.passes.inline_calls import has_calls as has_calls
from srcgrad.passes.inline_calls import inline_calls as inline_calls
from srcgrad.passes.inline_calls import splice as splice
from srcgrad.passes.lower import lower as lower
from srcgrad.passes.narrow import narrow as narrow
from srcgrad.passes.narrow import narrow_apart as narrow_apart
from srcgrad.passes.parallel import parallel as parallel
from srcgrad.passes.privatise import privatise as privatise
from srcgrad.passes.recompute import recompute as recompute
from srcgrad.passes.settle_lengths import settle_lengths as settle_lengths
from srcgrad.passes.sum_rows import sum_rows as sum_rows
from srcgrad.passes.sum_turns import sum_turns as sum_turns
from srcgrad.passes.tabulate import tabulate as tabulate
from srcgrad.passes.transpose import transpose as transpose
from srcgrad.passes.write_over import write_over as write_over
from srcgrad.verifier import verify as check

Pass = Callable[[Function], Function]


def keep_lengths(function: Function) -> Function:
    """Remove dead code but the integers that shapes are made of."""
    return remove_dead_code(function, lengths=True)


# What is differentiated again still needs the lengths of its arrays; text does not.
PIPELINE: list[Pass] = [
    drop_needless_checks, privatise, keep_lengths, write_over, elide_copies
]  # fmt: skip
# How a function is before it is differentiated for Numba: products are not made in the
# user's order, though by the same library.
PRIMAL: list[Pass] = [drop_needless_checks, sum_turns, batch_products, *PIPELINE[1:]]
FINAL: list[Pass] = [drop_rules, remove_dead_code]
# A kernel is made of loops over elements, and of calls.
KERNEL: list[Pass] = [
    drop_rules, expand, clear_late, recompute, lower, settle_lengths, gather, tabulate,
    fuse, calls_first, remove_dead_code, narrow, transpose, sum_rows, hoist,
]  # fmt: skip
# The same for threads.
_NARROW = KERNEL.index(narrow)
THREADS: list[Pass] = [
    *KERNEL[:_NARROW], narrow_apart, *KERNEL[_NARROW + 1 : -2], parallel, *KERNEL[-2:],
]  # fmt: skip


def run_passes(
    function: Function, passes: Sequence[Pass] = PIPELINE, *, verify: bool = False
) -> Function:
    """Return the function after all passes.

    With `verify`, or SRCGRAD_DEBUG=1 in the environment, the IR is checked before the
    first pass and after each one.

    Raises:
        BackendError: The IR broke a rule; a note says after which pass.
    """
    verify = verify or os.environ.get("SRCGRAD_DEBUG", "") == "1"
    when = "before the passes"
    for step in (None, *passes):
        if step is not None:
            function = step(function)
            when = f"after {getattr(step, '__name__', step)}"
        if verify:
            try:
                check(function)
            except BackendError as error:
                error.add_note(when)
                raise
    return function
