"""HIPS autograd: NumPy's own words where nothing is written in place."""

from collections.abc import Callable, Sequence
from typing import Any

import autograd

from benchmarks.columns import Column
from benchmarks.program import Arguments, Program

Text = Callable[..., Any]
Texts = dict[str, Sequence[Text]]


def columns(
    program: Program, arguments: Arguments, texts: Sequence[Text]
) -> list[Column]:
    """Return a column for each text."""
    made = []
    for text in texts:
        call = autograd.value_and_grad(text, program.argnums)
        made.append(Column("autograd", call, gradient=True))
    return made
