"""What a training run gives back: at each step, at its end, and when it fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import NonFiniteGradientError


@dataclass(frozen=True, slots=True)
class Moment:
    """What a callback is shown: after each step, and after each epoch.

    Attributes:
        kind: "step" or "epoch".
        epoch: The epoch, counted from 1.
        step: How many steps were made in all.
        loss: The loss of the step, or its mean over the epoch.
        gradient_norm: The global norm of the gradient, before it was clipped; its mean.
        metrics: Scalars of the aux dict (their means), and what `evaluate` returned.
        params: The parameters now. They change in place at the next step: copy them to
            keep them.
        state: What the optimiser keeps.
        grads: The gradients of the step; None after an epoch.
        aux: What the function returned beside the loss; None without `has_aux`.
        seconds: What the step took, or the epoch.
    """

    kind: str
    epoch: int
    step: int
    loss: float
    gradient_norm: float
    metrics: dict[str, float]
    params: Any
    state: Any
    grads: Any
    aux: Any
    seconds: float


@dataclass(slots=True)
class Fit:
    """What was trained.

    Attributes:
        params: The parameters.
        state: What the optimiser keeps.
        carried: What the loss hands from step to step (`fit(..., carry=)`).
        epoch: The epoch that is done or under way, counted from 1; 0 before the first.
        step: How many steps were made in all.
        history: By name, a number for each step: "loss", "gradient_norm", metrics.
        epochs: For each whole epoch its "epoch", "steps", "loss", "gradient_norm",
            metrics, "seconds" and "step_seconds", the median of a step.
        stopped: "finished", "interrupted" (Ctrl-C), "callback", or "error".
        resumed_at: The step of the checkpoint that was resumed from; None without.
    """

    params: Any
    state: Any
    carried: Any = None
    epoch: int = 0
    step: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    epochs: list[dict[str, float]] = field(default_factory=list)
    stopped: str = "finished"
    resumed_at: int | None = None


class TrainingError(NonFiniteGradientError):
    """A loss, a gradient or an update that is not finite stopped the training.

    Attributes:
        result: What was trained so far.
    """

    result: Fit
