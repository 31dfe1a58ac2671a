"""The optimisers: their options, and the numbers that a step's kernel takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from srcgrad.optim.optimiser import Decay, Leaf, Rate, Stepper, check_number
from srcgrad.optim.optimiser import Rule as KernelRule
from srcgrad.optim.parameters import shown_path

Rule = tuple[str, tuple[float, ...]]


@dataclass(frozen=True)
class Optimiser(Stepper):
    """Step parameters down their gradients.

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
    """

    lr: Rate = 1e-3

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        name = type(self).__name__
        if not callable(self.lr):
            check_number(name, "lr", self.lr, 0.0)
        for option in ("momentum", "decay"):
            check_number(name, option, getattr(self, option, 0.0), 0.0, 1.0)
        if not callable(getattr(self, "weight_decay", 0.0)):
            check_number(name, "weight_decay", getattr(self, "weight_decay", 0.0), 0.0)
        for option in ("eps", "initial"):
            check_number(name, option, getattr(self, option, 0.0), 0.0)
        betas: Any = getattr(self, "betas", (0.0, 0.0))
        if not isinstance(betas, tuple) or len(betas) != 2:
            raise ValueError(f"{name}: betas is {betas!r}; it must be a pair")
        for k, beta in enumerate(betas):
            check_number(name, f"betas[{k}]", beta, 0.0, 1.0)

    def _rules(self, step: int, leaves: Sequence[Leaf]) -> list[KernelRule]:
        decay: Any = getattr(self, "weight_decay", 0.0)
        if not callable(decay):
            return super()._rules(step, leaves)
        rate, found = self.rate(step), list[KernelRule]()
        for leaf in leaves:
            stays = leaf.gradient is None
            own = 0.0 if stays else decay(shown_path("params", leaf.path))
            fixed: Any = {"lr": rate, "weight_decay": own}
            found += replace(self, **fixed)._rules(step, [leaf])
        return found

    def rate(self, step: int) -> float:
        """Return the learning rate of a step; the first step is 0.

        Raises:
            ValueError: The function gave no finite number of at least zero.
        """
        if not callable(self.lr):
            return float(self.lr)
        found = self.lr(step)
        number = isinstance(found, bool) or not hasattr(found, "__float__")
        rate = math.nan if number else float(found)
        if not 0.0 <= rate < math.inf:
            name = type(self).__name__
            raise ValueError(f"{name}: lr({step}) is {found!r}, no rate to step with")
        return rate


@dataclass(frozen=True)
class SGD(Optimiser):
    """Step down the gradient, with momentum if it is asked for.

    The velocity is `m = momentum * m + g`, the step `p -= lr * m`, with `nesterov`
    `p -= lr * (g + momentum * m)` (Sutskever et al. 2013, as torch has it).

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        momentum: The share of the velocity that is kept, in [0, 1).
        nesterov: Whether the step looks ahead along the velocity.
        weight_decay: What times the parameter is added to its gradient: a number, or
            a function that gives one for a path such as "params['conv1'][0]".

    >>> import numpy as np
    >>> opt, w = SGD(lr=0.05), {"w": 3.0}
    >>> state = opt.init(w)
    >>> w, state = opt.update({"w": 16.0}, state, w)
    >>> round(w["w"], 12), int(state["step"])
    (2.2, 1)
    """

    lr: Rate = 1e-2
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: Decay = 0.0

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        super().__post_init__()
        if self.nesterov and not self.momentum:
            raise ValueError(f"{type(self).__name__}: nesterov needs a momentum")

    def slots(self) -> dict[str, float]:
        """Return what the state keeps: with momentum, the velocity."""
        return {"m": 0.0} if self.momentum else {}

    def rule(self, step: int) -> Rule:
        """Return the kernel and its numbers."""
        rate = self.rate(step)
        if not self.momentum:
            return "sgd", (self.weight_decay, rate)
        own, ahead = (1.0, self.momentum) if self.nesterov else (0.0, 1.0)
        return "momentum", (self.weight_decay, self.momentum, own, ahead, rate)


@dataclass(frozen=True)
class Momentum(SGD):
    """Step along a velocity (Polyak 1964): `SGD` with a momentum of 0.9.

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        momentum: The share of the velocity that is kept, in [0, 1).
        nesterov: Whether the step looks ahead along the velocity.
        weight_decay: What times the parameter is added to its gradient: a number, or
            a function that gives one for a path such as "params['conv1'][0]".

    >>> opt, w = Momentum(lr=0.1), 1.0
    >>> w, state = opt.update(2.0, opt.init(w), w)
    >>> again, state = opt.update(2.0, state, w)
    >>> round(w, 6), round(again, 6)
    (0.8, 0.42)
    """

    momentum: float = 0.9


@dataclass(frozen=True)
class Nesterov(Momentum):
    """Step along a velocity, looking ahead (Nesterov 1983): `SGD` with `nesterov`.

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        momentum: The share of the velocity that is kept, in [0, 1).
        nesterov: Whether the step looks ahead along the velocity.
        weight_decay: What times the parameter is added to its gradient: a number, or
            a function that gives one for a path such as "params['conv1'][0]".

    >>> opt, w = Nesterov(lr=0.1), 1.0
    >>> w, state = opt.update(2.0, opt.init(w), w)
    >>> again, state = opt.update(2.0, state, w)
    >>> round(w, 6), round(again, 6)
    (0.62, 0.078)
    """

    nesterov: bool = True


@dataclass(frozen=True)
class RMSProp(Optimiser):
    """Step along the gradient over the root of its mean square (Hinton 2012).

    `v = decay * v + (1 - decay) * g**2`, `p -= lr * g / (sqrt(v) + eps)`, as torch.

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        decay: The share of the mean square that is kept, in [0, 1).
        eps: What is added to the root.
        momentum: The share of a velocity that is kept, in [0, 1).
        centred: Whether the square of the mean gradient is taken off (Graves 2013).
        weight_decay: What times the parameter is added to its gradient: a number, or
            a function that gives one for a path such as "params['conv1'][0]".

    >>> opt, w = RMSProp(lr=0.05), 1.0
    >>> w, state = opt.update(2.0, opt.init(w), w)
    >>> round(w, 6)
    0.5
    """

    lr: Rate = 1e-2
    decay: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centred: bool = False
    weight_decay: Decay = 0.0

    def slots(self) -> dict[str, float]:
        """Return what the state keeps: mean square, and perhaps mean and velocity."""
        whole = {"v": 0.0, "mean": 0.0, "m": 0.0}
        return whole if self.momentum or self.centred else {"v": 0.0}

    def rule(self, step: int) -> Rule:
        """Return the kernel and its numbers."""
        keep, rate = self.decay, self.rate(step)
        numbers = (self.weight_decay, keep, 1.0 - keep, rate, self.eps)
        if not (self.momentum or self.centred):
            return "rmsprop", numbers
        return "rmsprop_centred", (*numbers, float(self.centred), self.momentum, 0.0)


@dataclass(frozen=True)
class Adagrad(Optimiser):
    """Step along the gradient over the root of the sum of its squares.

    `v += g**2`, `p -= lr * g / (sqrt(v) + eps)` (Duchi et al. 2011, as torch has it).

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        eps: What is added to the root.
        initial: What the sums of squares begin with.
        weight_decay: What times the parameter is added to its gradient: a number, or
            a function that gives one for a path such as "params['conv1'][0]".

    >>> opt, w = Adagrad(lr=0.1), 1.0
    >>> w, state = opt.update(2.0, opt.init(w), w)
    >>> round(w, 6)
    0.9
    """

    lr: Rate = 1e-2
    eps: float = 1e-10
    initial: float = 0.0
    weight_decay: Decay = 0.0

    def slots(self) -> dict[str, float]:
        """Return what the state keeps: the sum of squares."""
        return {"v": self.initial}

    def rule(self, step: int) -> Rule:
        """Return the kernel and its numbers."""
        return "adagrad", (self.weight_decay, self.rate(step), self.eps)


@dataclass(frozen=True)
class Adam(Optimiser):
    """Step along a mean gradient over the root of its mean square.

    `m` and `v` are means of `g` and `g**2` with weights that die out; what begins at
    zero is corrected: `p -= lr * m / (1 - b1**t) / (sqrt(v / (1 - b2**t)) + eps)`, t
    counted from 1 (Kingma and Ba 2015, algorithm 1).

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        betas: The shares of the two means that are kept, each in [0, 1).
        eps: What is added to the root.
        weight_decay: What times the parameter is added to its gradient, as for `SGD`;
            `AdamW` is mostly better.

    >>> import numpy as np
    >>> opt, w = Adam(lr=0.1), np.array([1.0, -2.0])
    >>> state = opt.init(w)
    >>> opt.step(2 * w, state, w)
    >>> w.round(6), state["m"]
    (array([ 0.9, -1.9]), array([ 0.2, -0.4]))
    """

    lr: Rate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: Decay = 0.0

    def slots(self) -> dict[str, float]:
        """Return what the state keeps: mean and mean square."""
        return {"m": 0.0, "v": 0.0}

    def rule(self, step: int) -> Rule:
        """Return the kernel and its numbers."""
        return self._rule(step, self.weight_decay, 0.0)

    def _rule(self, step: int, decay: float, shrink: float) -> Rule:
        (b1, b2), rate = self.betas, self.rate(step)
        scaled = rate / (1.0 - b1 ** (step + 1))
        root = 1.0 / math.sqrt(1.0 - b2 ** (step + 1))
        means = (b1, 1.0 - b1, b2, 1.0 - b2)
        return "adam", (decay, 1.0 - rate * shrink, *means, scaled, root, self.eps)


@dataclass(frozen=True)
class AdamW(Adam):
    """Do as `Adam`; the parameter itself shrinks, whatever its gradient.

    `p *= 1 - lr * weight_decay` before the step (Loshchilov and Hutter 2019).

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        betas: The shares of the two means that are kept, each in [0, 1).
        eps: What is added to the root.
        weight_decay: What share of itself, times `lr`, a parameter loses: a number, or
            a function that gives one for a path such as "params['conv1'][0]".

    >>> opt, w = AdamW(lr=0.1, weight_decay=0.5), 1.0
    >>> w, state = opt.update(2.0, opt.init(w), w)
    >>> round(w, 6)
    0.85
    """

    weight_decay: Decay = 1e-2

    def rule(self, step: int) -> Rule:
        """Return the kernel and its numbers."""
        return self._rule(step, 0.0, self.weight_decay)


@dataclass(frozen=True)
class Lion(Optimiser):
    """Step by the sign of a mean gradient (Chen et al. 2023, algorithm 2).

    `p -= lr * (sign(b1 * m + (1 - b1) * g) + weight_decay * p)`, then
    `m = b2 * m + (1 - b2) * g`.

    Attributes:
        lr: The learning rate, or a function of the number of steps done before.
        betas: The shares of the mean that are kept in the step and after it.
        weight_decay: What share of itself, times `lr`, a parameter loses: a number, or
            a function that gives one for a path such as "params['conv1'][0]".

    >>> opt, w = Lion(lr=0.1), 1.0
    >>> w, state = opt.update(2.0, opt.init(w), w)
    >>> round(w, 6)
    0.9
    """

    lr: Rate = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: Decay = 0.0

    def slots(self) -> dict[str, float]:
        """Return what the state keeps: the mean."""
        return {"m": 0.0}

    def rule(self, step: int) -> Rule:
        """Return the kernel and its numbers."""
        (b1, b2), rate = self.betas, self.rate(step)
        means = (b1, 1.0 - b1, b2, 1.0 - b2)
        return "lion", (1.0 - rate * self.weight_decay, *means, rate)
