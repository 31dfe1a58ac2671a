"""See gradients flow: how large they are in each layer, and what is wrong with them.

`GradientFlow` records statistics of gradients, parameters and activations while a
network is trained; `report()` says in words what they mean, `plot` draws them, `bars`
does so in text, and `to_csv` writes them out. `nan_source` names the line that a nan
comes from.
"""

from srcgrad.monitor.findings import Finding, Limits
from srcgrad.monitor.flow import GradientFlow, Record
from srcgrad.monitor.nans import nan_source
from srcgrad.monitor.shown import bars, plot

__all__ = [
    "Finding", "GradientFlow", "Limits", "Record", "bars", "nan_source", "plot",
]  # fmt: skip
