"""Record how gradients flow through the layers of a network while it is trained."""

from __future__ import annotations

import csv
import functools
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.monitor.activations import Units, check_kinds, kind_of
from srcgrad.monitor.findings import Finding, Limits, find, find_idle
from srcgrad.monitor.parameters import (
    Measured,
    float_leaves,
    layer_of,
    measure,
    measure_move,
)
from srcgrad.monitor.shown import table

_COLUMNS = (
    "step,layer,name,shape,mean,max,norm,zeros,not_finite,weight_norm,update_norm,"
    "update_to_weight,idle_share,idle_units"
).split(",")
_NAN = math.nan


@dataclass(frozen=True, slots=True)
class Line:
    """The figures of one parameter, or of all parameters of a layer, at one step.

    `mean`, `max`, `norm` and `zeros` (a share) are of the finite gradients;
    `not_finite` counts the others; `update` is the norm of the step that was made and
    `weight` that of the parameter before it, nan where nobody told.
    """

    name: str
    layer: str
    shape: tuple[int, ...]
    mean: float
    max: float
    norm: float
    zeros: float
    not_finite: int = 0
    weight: float = _NAN
    update: float = _NAN

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def ratio(self) -> float:
        """The norm of the update over that of the weights; about 1e-3 is usual."""
        return self.update / self.weight if self.weight > 0 else _NAN

    @property
    def rms(self) -> float:
        """The root of the mean square of the gradient, which no size changes."""
        return self.norm / math.sqrt(self.size) if self.size else 0.0


class Record:
    """What one step looked like: a line for each parameter and for each layer.

    Attributes:
        step: The number of the step.
        idle: Of each activation its name, the share of outputs that are 0 or flat, and
            the number of units that are so for the whole batch.
    """

    def __init__(
        self, step: int, rows: list[tuple[Any, ...]],
        idle: tuple[tuple[str, float, int], ...] = (),
    ) -> None:  # fmt: skip
        """Keep the figures; lines are made when they are asked for."""
        self.step, self.idle = step, idle
        self._rows = rows

    @cached_property
    def parameters(self) -> tuple[Line, ...]:
        """A line for each parameter."""
        return tuple(Line(*row) for row in self._rows)

    @cached_property
    def layers(self) -> tuple[Line, ...]:
        """A line for each layer, in the order of their first parameters."""
        groups: dict[str, list[Line]] = {}
        for line in self.parameters:
            groups.setdefault(line.layer, []).append(line)
        return tuple(_joined(layer, group) for layer, group in groups.items())


class GradientFlow:
    """Statistics of gradients by parameter and layer, and what is wrong with them.

    >>> flow = GradientFlow()
    >>> grads = {"w1": np.full((2, 2), 1e-9), "w2": np.array([3.0, 0.0])}
    >>> record = flow.record(grads)
    >>> [(line.name, line.mean, line.zeros) for line in record.parameters]
    [('w1', 1e-09, 0.0), ('w2', 1.5, 0.5)]
    >>> [finding.kind for finding in flow.findings()]
    ['vanishing']

    Args:
        every: Record each `every`-th call of `step`; others cost nothing. A record of
            235,000 parameters in float32, their step included, takes about 0.5 ms.
        keep: How many records are kept; the oldest are dropped.
        layer: Returns the layer of a parameter, given its path (`"block.0.w"`); without
            it `w1` and `b1` belong to layer 1, `conv.w` and `conv.b` to `conv`.
        activations: By name of activations, what made them: "relu", "sigmoid", "tanh"
            or "other". Names like `relu1` need not be listed.
        limits: From where on gradients count as vanishing or exploding.
    """

    def __init__(
        self, every: int = 20, *, keep: int = 10_000,
        layer: Callable[[str], str] | None = None,
        activations: Mapping[str, str] | None = None, limits: Limits | None = None,
    ) -> None:  # fmt: skip
        for name, value in (("every", every), ("keep", keep)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` is {value!r}; it is an int from 1 up")
        self.every = every
        self.records: deque[Record] = deque(maxlen=keep)
        self.units: dict[str, Units] = {}
        self.limits = limits or Limits()
        self._layer = functools.cache(layer or layer_of)
        self._kinds = check_kinds(dict(activations or {}))
        self._before: dict[str, Any] = {}
        self._fresh = False  # what `before` kept is of the step to be recorded
        self._calls = 0

    def due(self, step: int | None = None) -> bool:
        """Tell whether a step is one to record; the first of each `every` is."""
        return (self._calls if step is None else step) % self.every == 0

    def step(self, grads: Any, params: Any = None, **more: Any) -> Record | None:
        """Record this call if it is due: see `record`, which records always.

        Returns:
            The record, None if this call was not due.
        """
        due = self.due()
        self._calls += 1
        return self.record(grads, params, **more) if due else None

    def before(self, params: Any) -> None:
        """Keep a copy of parameters that an in-place step is about to change."""
        self._fresh = True
        for name, leaf in float_leaves(params).items():
            held = self._before.get(name)
            if isinstance(held, np.ndarray) and held.shape == np.shape(leaf):
                if held.dtype == leaf.dtype:
                    np.copyto(held, leaf)
                    continue
            self._before[name] = np.array(leaf)

    def record(
        self, grads: Any, params: Any = None, new_params: Any = None, *,
        activations: Mapping[str, Any] | None = None, step: int | None = None,
    ) -> Record:  # fmt: skip
        """Record the statistics of one step.

        Args:
            grads: A tree of gradients; None and integers in it are passed over.
            params: The parameters before the step. Where the step was made in place,
                call `before(params)` ahead of it and leave them out here.
            new_params: The parameters after the step, for its size.
            activations: Outputs of hidden layers, `(samples, ..., units)`, by name.
            step: The number of the step; without it calls are counted.

        Raises:
            ValueError: There is no gradient, a tree has another structure or shape, or
                nothing says what made an activation.
        """
        found = float_leaves(grads)
        if not found:
            raise ValueError("there is no gradient of floats in `grads`")
        kept, self._fresh = self._before if self._fresh else {}, False
        old = kept if params is None else float_leaves(params)
        new = None if new_params is None else float_leaves(new_params)
        rows = []
        for name, gradient in found.items():
            moves = (_NAN, _NAN)
            if old or new is not None:
                moves = _moves(name, gradient, old, new)
            shape = np.shape(gradient)
            rows.append((name, self._layer(name), shape, *measure(gradient), *moves))
        self._see(activations or {})
        if step is None:
            step = max(self._calls - 1, 0) if self._calls else len(self.records)
        idle = (
            (name, u.share, len(u.stuck(1)))
            for name, u in self.units.items()
            if u.kind != "other"
        )
        record = Record(step, rows, tuple(idle))
        self.records.append(record)
        return record

    def _see(self, activations: Mapping[str, Any]) -> None:
        for name, outputs in activations.items():
            if name not in self.units:
                self.units[name] = Units(kind_of(name, self._kinds))
            self.units[name].see(name, outputs)

    @property
    def last(self) -> Record:
        """The last record.

        Raises:
            ValueError: Nothing was recorded.
        """
        if not self.records:
            raise ValueError("nothing was recorded yet: call `record(grads)`")
        return self.records[-1]

    def watches(self, name: str) -> bool:
        """Tell whether it is known what made the activations of a name."""
        try:
            return bool(kind_of(name, self._kinds))
        except ValueError:
            return False

    def findings(self) -> list[Finding]:
        """Return what is wrong now: vanishing, exploding, not finite, idle units."""
        records = list(self.records)
        return [*find(records, self.limits), *find_idle(self.units, self.limits)]

    def report(self) -> str:
        """Return a table of the last record, and in words what is wrong."""
        return table(self.last, self.findings())

    def to_csv(self, path: str | Path) -> None:
        """Write all records to a file, a row for each parameter and activation."""
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _COLUMNS, restval="")
            writer.writeheader()
            for record in self.records:
                for x in record.parameters:
                    shape = "x".join(map(str, x.shape))
                    values = x.mean, x.max, x.norm, x.zeros, x.not_finite
                    moves = x.weight, x.update, x.ratio
                    shown = (
                        "" if math.isnan(v) else repr(v) for v in (*values, *moves)
                    )
                    cells = record.step, x.layer, x.name, shape, *shown
                    writer.writerow(dict(zip(_COLUMNS, cells, strict=False)))
                for name, share, units in record.idle:
                    idle = {"idle_share": repr(share), "idle_units": units}
                    writer.writerow({"step": record.step, "name": name, **idle})


def _moves(
    name: str, gradient: Any, old: dict[str, Any], new: dict[str, Any] | None
) -> tuple[float, float]:
    """Return the norm of a parameter, and of its step if that is known."""
    trees = {"params": old} if new is None else {"params": old, "new_params": new}
    for which, tree in trees.items():
        if name not in tree:
            raise ValueError(f"`grads` has `{name}`, `{which}` has not")
        if np.shape(tree[name]) != np.shape(gradient):
            shapes = f"{np.shape(tree[name])} in `{which}`, {np.shape(gradient)}"
            raise ValueError(f"`{name}` has shape {shapes} in `grads`")
    if new is None:
        return measure(old[name])[2], _NAN
    update, weight = measure_move(old[name], new[name])
    return weight, update


def _joined(layer: str, lines: list[Line]) -> Line:
    """Return the figures of several parameters together."""
    finite = [x for x in lines if x.size > x.not_finite]
    counts = [x.size - x.not_finite for x in finite]
    total, lost = max(sum(counts), 1), sum(x.not_finite for x in lines)
    pairs = list(zip(finite, counts, strict=True))
    known: Measured = (
        sum(x.mean * n for x, n in pairs) / total,
        max((x.max for x in finite), default=_NAN),
        math.hypot(*(x.norm for x in finite)),
        sum(x.zeros * n for x, n in pairs) / total,
        lost,
    )
    shape = (sum(x.size for x in lines),)
    weight, update = (
        math.hypot(*(getattr(x, name) for x in lines)) for name in ("weight", "update")
    )
    return Line(layer, layer, shape, *known, weight, update)
