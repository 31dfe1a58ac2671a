"""PyTorch: eager, one thread."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.columns import Column
from benchmarks.program import Arguments, Program

torch.set_num_threads(1)

Text = Callable[..., Any]
Texts = dict[str, Sequence[Text]]


def finish(result: Any) -> Any:
    """Return value and gradients as NumPy's."""
    value, gradients = result
    return value.item(), [g.numpy() for g in gradients]


def columns(
    program: Program, arguments: Arguments, texts: Sequence[Text]
) -> list[Column]:
    """Return a column for each text."""
    chosen = program.argnums

    def prepare(arguments: Arguments) -> Arguments:
        own = list(arguments)
        for i, a in enumerate(arguments):
            if i in chosen:
                own[i] = torch.tensor(np.asarray(a), requires_grad=True)
            elif isinstance(a, np.ndarray):
                own[i] = torch.tensor(a)
        return tuple(own)

    made = []
    for text in texts:

        def call(*own: Any, text: Text = text) -> Any:
            value = text(*own)
            return value.detach(), torch.autograd.grad(value, [own[i] for i in chosen])

        made.append(Column("torch", call, True, prepare, finish, "eager"))
    return made
