"""The statement that a nan comes from, found in the generated gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.errors import SrcgradError, make_error
from srcgrad.monitor.parameters import float_leaves
from srcgrad.nonfinite import find_culprit


def nan_source(f: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Say where the nan or infinity in a function's value or gradient comes from.

    What is not finite in the arguments is named first. Otherwise the generated gradient
    is run once more, statement by statement, for the first that makes finite numbers
    infinite or nan: of all if the value is not finite, else of the backward sweep.

    Args:
        f: What `grad`, `value_and_grad` or `differentiable` returned.
        *args: The arguments of the call, as they were; generators as they were too.
        **kwargs: Likewise.

    Returns:
        The message with the user's line, or None if none was found.

    >>> import srcgrad
    >>> slope = srcgrad.grad(lambda p, x: np.sum(np.sqrt(p * x)), backend="python")
    >>> print(nan_source(slope, np.ones(2), np.array([1.0, np.nan])))
    `x` is not finite on entry: nan at [1], 1 of 2 elements
    """
    own = list(f.__signature__.parameters) if isinstance(f, Differentiated) else []
    if len(own) < len(args):
        own = [f"argument {k}" for k in range(len(args))]
    named = dict(zip(own, args, strict=False)) | kwargs
    for name, value in named.items():
        found = entry_fault(name, value)
        if found:
            return found
    if not isinstance(f, Differentiated):
        return None
    call = f.bind(args, kwargs)
    made = f.find(call)
    program = f.program("grad", made, call)
    text = made.text(made.adjoint(call.names))
    inputs = [*made.ready(made.raw(call.leaves)), *program.extra]
    culprit = find_culprit(text, made.source, inputs)
    if culprit is None:
        return None
    place, note = culprit
    what = f"nan or infinity first arises here in `{made.source.name}` or its gradient"
    about: Any = {"function": made.source.name, "names": call.names}
    error: SrcgradError = make_error("SG701", what, place, note=note, **about)
    return str(error).removeprefix("error[SG701]: ")


def entry_fault(name: str, tree: Any) -> str:
    """Return what is not finite in an argument, "" if all is finite.

    >>> entry_fault("params", {"w": np.array([1.0, np.inf])})
    '`params.w` is not finite on entry: inf at [1], 1 of 2 elements'
    """
    for path, leaf in float_leaves(tree).items():
        array = np.asarray(leaf)
        wrong = ~np.isfinite(array)
        if not wrong.any():
            continue
        at = np.argwhere(wrong)[0]
        place = f" at [{', '.join(map(str, at))}]" if array.ndim else ""
        whole = f"{name}.{path}" if path else name
        shown = f"`{whole}`" if " " not in whole else whole
        count = f", {np.count_nonzero(wrong)} of {array.size} elements"
        value = array[tuple(at)]
        return (
            f"{shown} is not finite on entry: {value}{place}{count * (array.ndim > 0)}"
        )
    return ""
