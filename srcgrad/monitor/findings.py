"""What is wrong with the gradients of a network, in words, and what helps."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from srcgrad.monitor.activations import Units
    from srcgrad.monitor.flow import Line, Record


@dataclass(frozen=True)
class Limits:
    """From where on something counts as wrong.

    A layer's gradient is measured by the root of its mean square, so that the number of
    parameters does not matter.

    Attributes:
        vanishing: Smaller than this times the largest layer's.
        exploding: Norm of a layer's gradients; it depends on the scale of the loss.
        growth: Larger than this times the layer's median over the records.
        idle_units: Share of the units of a layer that may be dead or saturated.
        idle_records: In how many records one after another a unit must be idle.
    """

    vanishing: float = 1e-3
    exploding: float = 1e3
    growth: float = 100.0
    idle_units: float = 0.1
    idle_records: int = 3


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: its kind, where, what was seen, and what helps.

    `kind` is "not finite", "exploding", "vanishing", "no gradient", "dead" or
    "saturated"; `where` names a layer or an activation.
    """

    kind: str
    where: str
    message: str
    help: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}\n  help: {self.help}"


_HELP = {
    "not finite": "`srcgrad.monitor.nan_source(f, *args)` names the line it comes from",
    "no gradient": "is it used, is every unit behind it dead, or is the path cut?",
    "vanishing": "ReLU in place of sigmoid or tanh, residual connections, batch or "
    "layer norm, He or Xavier initialisation",
    "exploding": "clip by global norm, a smaller learning rate or smaller weights",
    "dead": "a smaller learning rate, leaky ReLU, smaller or He-initialised weights",
    "saturated": "smaller initial weights (Xavier), batch norm, or ReLU",
}


def find(records: Sequence[Record], limits: Limits) -> list[Finding]:
    """Return what is wrong with the last record, seen beside those before."""
    if not records:
        return []
    layers = records[-1].layers
    found = {x.name: _excess(x, records, limits) for x in layers}
    sound = [x for x in layers if found[x.name] is None]
    largest = max(sound, key=lambda x: x.rms, default=None)
    for x in sound:  # beside a layer that explodes none counts as vanishing
        found[x.name] = _lack(x, largest or x, limits)
    return [finding for finding in found.values() if finding is not None]


def _finding(kind: str, x: Line, what: str) -> Finding:
    return Finding(kind, x.name, f"layer `{x.name}`: {what}", _HELP[kind])


def _excess(x: Line, records: Sequence[Record], limits: Limits) -> Finding | None:
    """Say that a layer's gradient is not finite, or too large."""
    if x.not_finite:
        what = f"{x.not_finite} of {x.size} gradients are nan or infinite"
        return _finding("not finite", x, what)
    if x.norm > limits.exploding:
        what = f"its gradient has norm {x.norm:.3g}, above {limits.exploding:g}"
        return _finding("exploding", x, what)
    before = [y.norm for r in records[:-1] for y in r.layers if y.name == x.name]
    usual = statistics.median(before) if len(before) >= 5 else 0.0
    if usual > 0 and x.norm > limits.growth * usual:
        what = f"the norm of its gradient rose from {usual:.3g} (median of "
        return _finding("exploding", x, f"{what}{len(before)} records) to {x.norm:.3g}")
    return None


def _lack(x: Line, largest: Line, limits: Limits) -> Finding | None:
    """Say that a layer has no gradient, or little beside the largest."""
    if x.size and x.norm == 0:
        return _finding("no gradient", x, "its gradient is 0 in every element")
    if x.rms < limits.vanishing * largest.rms:
        what = f"its gradient is {x.rms / largest.rms:.2g} times that of layer "
        what += f"`{largest.name}` (root mean square {x.rms:.2g} and {largest.rms:.2g})"
        return _finding("vanishing", x, what)
    return None


def find_idle(units: Mapping[str, Units], limits: Limits) -> list[Finding]:
    """Return the layers with more dead or saturated units than are allowed."""
    found = []
    for name, seen in units.items():
        if seen.lost:
            what = f"{seen.lost} outputs of `{name}` are nan or infinite"
            found.append(Finding("not finite", name, what, _HELP["not finite"]))
        stuck, count = seen.stuck(limits.idle_records), len(seen.idle)
        if len(stuck) <= limits.idle_units * count:
            continue
        shown = ", ".join(map(str, stuck[:8])) + ", ..." * (len(stuck) > 8)
        kind = "dead" if seen.kind == "relu" else "saturated"
        what = (
            "0 for every sample" if kind == "dead" else "flat for 95 % of the samples"
        )
        message = (
            f"{len(stuck)} of {count} units of `{name}` are {what} in "
            f"{limits.idle_records} records or more (units {shown})"
        )
        found.append(Finding(kind, name, message, _HELP[kind]))
    return found
