"""Dead ReLU units and saturated sigmoids, seen in the activations of a few batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Where the slope has fallen below 4 % of its largest value: s (1 - s) < 0.01 for the
# sigmoid, 1 - t * t < 0.04 for the hyperbolic tangent.
_FLAT_SIGMOID = 0.5 + 0.5 * np.sqrt(0.96)
_FLAT_TANH = np.sqrt(0.96)
KINDS = ("relu", "sigmoid", "tanh")


def kind_of(name: str, kinds: dict[str, str]) -> str:
    """Return what function made the activations of this name.

    Raises:
        ValueError: Neither `kinds` nor the name says it.
    """
    if name in kinds:
        return kinds[name]
    found = [kind for kind in KINDS if kind in name.lower()]
    if len(found) == 1 and "leaky" not in name.lower():
        return found[0]
    raise ValueError(
        f"nothing says what made the activations `{name}`: name them like `relu1`, or "
        f"build `GradientFlow(activations={{{name!r}: 'relu'}})`; kinds are "
        f"{', '.join(KINDS)}, and 'other', for which nothing is looked for"
    )


def check_kinds(kinds: dict[str, str]) -> dict[str, str]:
    """Return the kinds that a user named, or raise ValueError."""
    for name, kind in kinds.items():
        if kind not in (*KINDS, "other"):
            raise ValueError(
                f"activations={{{name!r}: {kind!r}}}: kinds are {', '.join(KINDS)} "
                "and 'other'"
            )
    return dict(kinds)


@dataclass(slots=True)
class Units:
    """The units of one layer of activations; the last axis counts them.

    Attributes:
        kind: "relu", "sigmoid", "tanh" or "other".
        idle: For each unit, in how many records one after the other it gave nothing to
            learn from: a ReLU 0 for all samples, a sigmoid or tanh flat for 95 %.
        share: The share of outputs of the last batch that are 0 or flat.
        lost: How many outputs of the last batch are not finite.
    """

    kind: str
    idle: Any = field(default_factory=lambda: np.zeros(0, np.int64))
    share: float = 0.0
    lost: int = 0

    def see(self, name: str, outputs: Any) -> None:
        """Look at the outputs for one batch, `(samples, ..., units)`."""
        x = np.asarray(outputs)
        if x.ndim < 2 or not x.size or x.dtype.kind != "f":
            what = f"of shape {x.shape} and dtype {x.dtype}"
            raise ValueError(
                f"activations are floats of shape (samples, ..., units), none empty; "
                f"`{name}` is {what}"
            )
        x = x.reshape(-1, x.shape[-1])
        if self.idle.size not in (0, x.shape[1]):
            raise ValueError(
                f"the activations `{name}` had {self.idle.size} units, now {x.shape[1]}"
            )
        if not self.idle.size:
            self.idle = np.zeros(x.shape[1], np.int64)
        flat = self._flat(x)
        self.lost = x.size - int(np.count_nonzero(np.isfinite(x)))
        per_unit = np.count_nonzero(flat, axis=0)
        self.share = float(per_unit.sum() / x.size)
        least = len(x) if self.kind == "relu" else 0.95 * len(x)
        self.idle = np.where(per_unit >= least, self.idle + 1, 0)

    def _flat(self, x: Any) -> Any:
        if self.kind == "relu":
            return x <= 0
        if self.kind == "sigmoid":
            return np.abs(x - 0.5) > _FLAT_SIGMOID - 0.5
        return np.abs(x) > _FLAT_TANH if self.kind == "tanh" else np.zeros_like(x, bool)

    def stuck(self, records: int) -> list[int]:
        """Return the units that were idle in this many records, one after another."""
        return [int(k) for k in np.flatnonzero(self.idle >= records)]
