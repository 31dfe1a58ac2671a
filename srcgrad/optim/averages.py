"""Gradients added up over several batches, and moving averages of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad.optim.optimiser import (
    Leaf,
    State,
    check_count,
    check_number,
    check_writable,
    count,
    kernel,
    step_leaf,
    stepped,
)
from srcgrad.optim.parameters import Tree, beside, fit, is_parameter, rebuilt
from srcgrad.optim.rules import Optimiser
from srcgrad.results import tree_copy
from srcgrad.trees import tree_map


@dataclass(frozen=True)
class Accumulate:
    """Step an optimiser by the mean of the gradients of several calls.

    Batches of one size, taken one after the other, step as one large batch would.

    Attributes:
        optimiser: What makes the steps.
        every: The number of calls that make one step.

    >>> from srcgrad.optim import SGD
    >>> opt, w = Accumulate(optimiser=SGD(lr=1.0), every=2), np.array([1.0])
    >>> state = opt.init(w)
    >>> for slope in (0.25, 0.75):
    ...     opt.step(np.array([slope]), state, w)
    ...     print(w)
    [1.]
    [0.5]
    """

    optimiser: Optimiser
    every: int

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        check_count("Accumulate", "every", self.every)

    def init(self, params: Tree) -> State:
        """Return the state before the first call: `count`, `sum` and `inner`.

        Args:
            params: The parameters, as for `Optimiser.init`.
        """

        def zero(leaf: Any) -> Any:
            trained = is_parameter(leaf, "params")
            return np.zeros_like(leaf, order="C", subok=False) if trained else None

        inner = self.optimiser.init(params)
        total = tree_map(zero, params)
        return {"count": np.zeros((), np.int64), "sum": total, "inner": inner}

    def update(self, grads: Tree, state: State, params: Tree) -> tuple[Tree, State]:
        """Return new parameters and a new state, as `Optimiser.update`."""
        done, sums, means = self._added(grads, state, params)
        new: Tree = tree_copy(params)
        inner: State = tree_copy(state["inner"])
        if done == self.every:
            new, inner = self.optimiser.update(means, state["inner"], params)
            done, sums = 0, [None if x is None else np.zeros_like(x) for x in sums]
        total = rebuilt(params, sums)
        return new, {"count": np.array(done), "sum": total, "inner": inner}

    def step(self, grads: Tree, state: State, params: Tree) -> None:
        """Do the same in place, as `Optimiser.step`."""
        done, sums, means = self._added(grads, state, params)
        if not isinstance(state["count"], np.ndarray):
            kind = type(state["count"]).__name__
            raise TypeError(f"state['count'] is of {kind}: `step` needs `np.array(n)`")
        if done == self.every:
            self.optimiser.step(means, state["inner"], params)
            done = 0
        old = [x for _, x, _ in beside(state["sum"], (), [""])]
        for target, new in zip(old, sums, strict=True):
            if target is not None:
                target[...] = new if done else 0
        state["count"][...] = done

    def _added(
        self, grads: Tree, state: State, params: Tree
    ) -> tuple[int, list[Any], Tree]:
        """Return how many are added, the sums, and the means as gradients."""
        if not isinstance(state, dict) or state.keys() != {"count", "sum", "inner"}:
            what = "the state is not that of Accumulate: make it with `init`"
            raise ValueError(f"{what}, and give (grads, state, params)")
        names, sums, means = ["params", "grads", "state['sum']"], [], []
        others = [grads, state["sum"]]
        for path, value, (gradient, total) in beside(params, others, names):
            new = total
            if is_parameter(value, "params", path):
                both = "params", names[2]
                new = fit(value, total, both, path, "sum")
                if gradient is not None:
                    both = "params", "grads"
                    new = new + fit(value, gradient, both, path, "gradient")
            sums.append(None if new is None else np.asarray(new))
            none = gradient is None and not np.any(new)  # nor before in these calls
            stays = new is None or none
            means.append(gradient if stays else np.divide(new, self.every))
        return count(state["count"]) + 1, sums, rebuilt(params, means)


@dataclass(frozen=True)
class EMA:
    """Average parameters, with weights that die out (Polyak and Juditsky 1992).

    `average += (1 - decay) * (params - average)`, from the parameters at `init` on.

    Attributes:
        decay: The share of the average that is kept, in [0, 1), or a function of the
            number of steps done before.

    >>> ema, w = EMA(decay=0.75), {"w": np.array([0.0, 4.0])}
    >>> state = ema.init(w)
    >>> w["w"] += 4.0
    >>> ema.step(w, state)
    >>> state["average"]
    {'w': array([1., 5.])}
    """

    decay: float | Callable[[int], float] = 0.999

    def __post_init__(self) -> None:
        """Refuse options out of range."""
        if not callable(self.decay):
            check_number("EMA", "decay", self.decay, 0.0, 1.0)

    def init(self, params: Tree) -> State:
        """Return the state: `step`, and `average`, a copy of the parameters.

        Args:
            params: The parameters, as for `Optimiser.init`.
        """

        def own(leaf: Any) -> Any:
            return np.array(leaf, order="C") if is_parameter(leaf, "params") else leaf

        return {"step": np.zeros((), np.int64), "average": tree_map(own, params)}

    def update(self, params: Tree, state: State) -> State:
        """Return a new state with the average nearer to the parameters."""
        leaves, step, new = self._matched(params, state)
        run = kernel("follow")
        moved = [stepped(run, (new,), leaf)[0] for leaf in leaves]
        average = rebuilt(state["average"], moved)
        return {"step": np.array(step + 1), "average": average}

    def step(self, params: Tree, state: State) -> None:
        """Do the same in place: the arrays of the state change."""
        leaves, step, new = self._matched(params, state)
        check_writable(leaves, ["state['average']"], state["step"])
        for leaf in leaves:
            if leaf.gradient is not None:
                step_leaf(kernel("follow"), (new,), [leaf.value], leaf.gradient)
        state["step"][...] = step + 1

    def _matched(self, params: Tree, state: State) -> tuple[list[Leaf], int, float]:
        if not isinstance(state, dict) or state.keys() != {"step", "average"}:
            what = "the state is not that of EMA: make it with `init`"
            raise ValueError(f"{what}, and give (params, state)")
        names, leaves = ["state['average']", "params"], []
        both = names[0], names[1]
        for path, value, (param,) in beside(state["average"], [params], names):
            found = None
            if is_parameter(value, names[0], path):
                found = fit(value, param, both, path, "parameter")
            leaves.append(Leaf(path, value, found, []))
        step = count(state["step"])
        decay = self.decay(step) if callable(self.decay) else self.decay
        check_number("EMA", f"decay at step {step}", decay, 0.0, 1.0)
        return leaves, step, 1.0 - decay
