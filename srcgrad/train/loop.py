"""The door to training: what it takes, and what it promises.

>>> import numpy as np
>>> import srcgrad
>>> class Descent:
...     def init(self, params):
...         return None
...     def update(self, grads, state, params):
...         return {"w": params["w"] - 0.1 * grads["w"]}, state
>>> def loss(p, x):
...     return np.sum((p["w"] - x) ** 2)
>>> step = srcgrad.value_and_grad(loss, backend="python")
>>> done = fit(step, {"w": np.zeros(1)}, Descent(), [np.ones(1)], epochs=30)
>>> done.step, round(float(done.params["w"][0]), 2)
(30, 1.0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.monitor.flow import GradientFlow
from srcgrad.train.batches import Batches, generator_of
from srcgrad.train.progress import progress_for
from srcgrad.train.results import Fit
from srcgrad.train.run import Callback, Run


def fit(
    step: Callable[..., Any], params: Any, optimiser: Any, batches: Batches, *,
    epochs: int = 1, rng: np.random.Generator | int = 0, carry: Any = None,
    evaluate: Callable[..., Any] | None = None,
    callbacks: Callback | Sequence[Callback] = (), clip: float | None = None,
    monitor: GradientFlow | None = None, checkpoint: str | Path | None = None,
    save_every: int | None = None, resume: bool = True, progress: bool | None = None,
) -> Fit:  # fmt: skip
    """Train parameters; return them with what was seen on the way.

    Ctrl-C ends it after the step under way; a second one interrupts at once.

    Args:
        step: `step(params, *batch)` returns loss and gradient: `value_and_grad(loss)`
            does. With `has_aux` a dict goes with the loss: scalars are shown, arrays
            like "relu1" are activations for the monitor, "carry" is for `carry`.
        params: The parameters to begin with; they are copied and stay as they are.
        optimiser: Has `init(params)`, and `update(grads, state, params)`, which returns
            new params and state, or `step(grads, state, params)`, which changes them.
        batches: An iterable, or a function of the epoch (from 1) and `rng` that returns
            one. A tuple's items go to the loss behind the parameters, a dict's by name.
        epochs: How often to go through the batches in all, those resumed from included.
        rng: A generator or a seed, for `batches`. A loss with dropout takes a number
            from the batch: `int(rng.integers(2**63))`.
        carry: What the loss hands from step to step, such as statistics of batch norm:
            `step(params, carry, *batch)`, whose aux dict has the next "carry".
        evaluate: `evaluate(params)`, or `evaluate(params, carry)`, returns a number or
            a dict of them after each epoch.
        callbacks: Called with a `Moment` after each step and each epoch; one that
            returns True ends the training.
        clip: The largest global norm of a gradient; larger ones are scaled down to it
            (Pascanu, Mikolov and Bengio, 2013).
        monitor: A recorder of gradient flow, asked at each step.
        checkpoint: An .npz file that is written after each epoch and at the end.
        save_every: After how many steps it is written, too.
        resume: Whether to go on from the checkpoint if there is one: bit for bit as a
            run that was never stopped, if batches draw from `rng` alone, or have
            `state()` and `restore(state)`, or are the same when begun anew as often.
        progress: True prints each epoch, False nothing, None a bar in a terminal only.

    Raises:
        TrainingError: Something is not finite: it says where that comes from, and the
            checkpoint is the last good one.
        ValueError: A batch is empty, there is none, or the checkpoint does not fit.
        TypeError: `step` returns something else, or arguments are of other kinds.

    >>> from srcgrad.optim import SGD
    >>> def step(w, x):  # what `value_and_grad` of the sum makes
    ...     return np.sum((w - x) ** 2), 2 * (w - x)
    >>> made = fit(step, np.zeros(1), SGD(0.25), [np.ones(1)], epochs=30)
    >>> np.round(made.params, 4)
    array([1.])
    """
    several = (callbacks,) if callable(callbacks) else tuple(callbacks or ())
    path = None if checkpoint is None else Path(checkpoint)
    run = Run(
        step, optimiser, batches, epochs, generator_of(rng), evaluate, several, clip,
        monitor, path, save_every,
    )  # fmt: skip
    return run.start(params, carry, resume, progress_for(progress, int(epochs)))
