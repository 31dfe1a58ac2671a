"""Write subscripts that are arrays: gathers, scatters and masks as explicit loops."""

from __future__ import annotations

from srcgrad.emit.kernel_arrays import Arrays

__all__ = ["Gathers"]


class Gathers(Arrays):
    """The rest."""
