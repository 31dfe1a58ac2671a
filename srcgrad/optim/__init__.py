"""Optimisers over any tree of parameters, schedules, clipping, averages, minimisation.

Each step is one pass of compiled code over every parameter, its gradient and its state:

    opt = optim.Adam(lr=1e-3)
    state = opt.init(params)
    params, state = opt.update(grads, state, params)  # new trees
    opt.step(grads, state, params)                    # the same, in place

The state is a dict of trees of arrays, as the parameters are: keep it as you keep them.
"""

from srcgrad.optim.averages import EMA, Accumulate
from srcgrad.optim.gradients import clip_by_global_norm, clip_by_value, global_norm
from srcgrad.optim.minimise import Minimum, minimize
from srcgrad.optim.rules import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Momentum,
    Nesterov,
    Optimiser,
    RMSProp,
)
from srcgrad.optim.schedules import Cosine, OneCycle, StepDecay, WarmUp

__all__ = [
    "EMA", "SGD", "Accumulate", "Adagrad", "Adam", "AdamW", "Cosine", "Lion", "Minimum",
    "Momentum", "Nesterov", "OneCycle", "Optimiser", "RMSProp", "StepDecay", "WarmUp",
    "clip_by_global_norm", "clip_by_value", "global_norm", "minimize",
]  # fmt: skip
