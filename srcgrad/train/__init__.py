"""Train: one loop with progress, checkpoints that survive being killed, and causes.

`fit` runs gradients and an optimiser over batches; `save_checkpoint` and
`load_checkpoint` write any tree of arrays to an .npz file, whole or not at all.
"""

from srcgrad.train.checkpoints import load_checkpoint, save_checkpoint
from srcgrad.train.loop import fit
from srcgrad.train.results import Fit, Moment, TrainingError

__all__ = [
    "Fit", "Moment", "TrainingError", "fit", "load_checkpoint", "save_checkpoint",
]  # fmt: skip
