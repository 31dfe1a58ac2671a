"""PyTorch's compiler: the texts of PyTorch under `torch.compile`, one thread."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from benchmarks.columns import Column
from benchmarks.program import Arguments, Program
from benchmarks.rivals import in_torch

TEXTS_OF = "torch"


def columns(
    program: Program, arguments: Arguments, texts: Sequence[in_torch.Text]
) -> list[Column]:
    """Return a column for each text."""
    compiled = [torch.compile(text, dynamic=False) for text in texts]
    eager = in_torch.columns(program, arguments, compiled)
    return [replace(column, name="inductor", text="compiled") for column in eager]
