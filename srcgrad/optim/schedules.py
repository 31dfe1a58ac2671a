"""Learning rates as functions of the number of steps done before: 0 at the first."""

from __future__ import annotations

import math
from dataclasses import dataclass

from srcgrad.optim.optimiser import Rate, check_count, check_number


@dataclass(frozen=True)
class StepDecay:
    """Multiply a rate by a factor every so many steps.

    Attributes:
        lr: The rate at first.
        every: The number of steps between changes.
        factor: What the rate is multiplied by.

    >>> [StepDecay(0.5, every=2, factor=0.5)(step) for step in range(5)]
    [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        check_number("StepDecay", "lr", self.lr, 0.0)
        check_number("StepDecay", "factor", self.factor, 0.0)
        check_count(type(self).__name__, "every", self.every)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return float(self.lr * self.factor ** (step // self.every))


@dataclass(frozen=True)
class Cosine:
    """Go from a rate to a lower one along half a cosine, and stay (Loshchilov 2017).

    Attributes:
        lr: The rate at first.
        steps: The number of steps until the last rate.
        final: The last rate.

    >>> [round(Cosine(1.0, steps=4)(step), 4) for step in (0, 2, 4, 9)]
    [1.0, 0.5, 0.0, 0.0]
    """

    lr: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        check_number("Cosine", "lr", self.lr, 0.0)
        check_number("Cosine", "final", self.final, 0.0)
        check_count(type(self).__name__, "steps", self.steps)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        return _half_cosine(self.lr, self.final, step / self.steps)


@dataclass(frozen=True)
class WarmUp:
    """Raise the rate in equal parts to that of another schedule, which then begins.

    Attributes:
        lr: The rate afterwards, or a function of the step counted from there.
        steps: The number of steps of warm-up.
        initial: The rate at first.

    >>> [WarmUp(1.0, steps=4)(step) for step in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    lr: Rate
    steps: int
    initial: float = 0.0

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        if not callable(self.lr):
            check_number("WarmUp", "lr", self.lr, 0.0)
        check_number("WarmUp", "initial", self.initial, 0.0)
        check_count(type(self).__name__, "steps", self.steps)

    def __call__(self, step: int) -> float:
        """Return the rate of a step."""
        later = max(step - self.steps, 0)
        top = float(self.lr(later) if callable(self.lr) else self.lr)
        if step >= self.steps:
            return top
        return self.initial + (top - self.initial) * step / self.steps


@dataclass(frozen=True)
class OneCycle:
    """Go up to a rate and down to almost nothing, along half cosines (Smith 2018).

    The rates are those of torch's `OneCycleLR` with its two phases.

    Attributes:
        lr: The highest rate.
        steps: The number of steps in all.
        rise: The share of the steps that the way up takes, in [0, 1).
        start: What the highest rate is divided by for the first step.
        end: What the first rate is divided by for the last step.

    >>> cycle = OneCycle(1.0, steps=11, rise=0.5)
    >>> [round(cycle(step), 3) for step in (0, 2, 4, 10)]
    [0.04, 0.437, 0.971, 0.0]
    """

    lr: float
    steps: int
    rise: float = 0.3
    start: float = 25.0
    end: float = 1e4

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        check_number("OneCycle", "lr", self.lr, 0.0)
        check_number("OneCycle", "rise", self.rise, 0.0, 1.0)
        check_number("OneCycle", "start", self.start, 1.0)
        check_number("OneCycle", "end", self.end, 1.0)
        check_count(type(self).__name__, "steps", self.steps)

    def __call__(self, step: int) -> float:
        """Return the rate of a step; after the last one it stays."""
        top, last = self.rise * self.steps - 1.0, self.steps - 1.0
        first = self.lr / self.start
        if step < top:
            return _half_cosine(first, self.lr, step / top)
        return _half_cosine(self.lr, first / self.end, (step - top) / (last - top))


def _half_cosine(first: float, last: float, share: float) -> float:
    """Return what is between two rates: the first at 0, the last from 1 on."""
    way = (1.0 + math.cos(math.pi * min(share, 1.0))) / 2.0
    return float(first * way + last * (1.0 - way))
