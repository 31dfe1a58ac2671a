"""Gradient flow as a table, as bars of text, and as a plot."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from srcgrad.monitor.findings import Finding
    from srcgrad.monitor.flow import GradientFlow, Line, Record

_HEAD = ("layer", "parameter", "shape", "mean |g|", "max |g|", "norm", "zeros",
         "update/weight")  # fmt: skip


def table(record: Record, findings: Sequence[Finding]) -> str:
    """Return a record as a table, followed by what is wrong."""
    rows = [_HEAD, *(_row(line) for line in record.parameters)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEAD))]
    lines = [f"gradient flow at step {record.step}"]
    for row in rows:
        cells = (
            cell.ljust(width) if k < 3 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    for name, share, units in record.idle:
        lines.append(
            f"{name}: {share:.0%} of outputs idle, {units} units in all samples"
        )
    lines += ["", *map(str, findings)] if findings else ["", "nothing is wrong"]
    return "\n".join(lines)


def _row(x: Line) -> tuple[str, ...]:
    shape = "x".join(map(str, x.shape)) or "number"
    mean = f"{x.mean:.2e}" if not x.not_finite else f"{x.not_finite} not finite"
    ratio = "-" if math.isnan(x.ratio) else f"{x.ratio:.1e}"
    values = mean, f"{x.max:.2e}", f"{x.norm:.2e}", f"{x.zeros:.0%}", ratio
    return x.layer, x.name, shape, *values


def _means(flows: Any, over: int) -> dict[str, dict[str, float]]:
    """Return the mean of |g| by label and layer, over the last records."""
    named = flows if isinstance(flows, Mapping) else {"": flows}
    found: dict[str, dict[str, float]] = {}
    for label, flow in named.items():
        flow.last  # noqa: B018  says so if there is none
        by_layer: dict[str, list[float]] = {}
        for record in list(flow.records)[-over:]:
            for x in record.layers:
                by_layer.setdefault(x.name, []).append(x.mean)
        found[label] = {n: math.fsum(v) / len(v) for n, v in by_layer.items()}
    return found


def bars(
    flows: GradientFlow | Mapping[str, GradientFlow], *, over: int = 1, width: int = 40
) -> str:
    """Return gradient magnitude against layer as bars of text, on a logarithmic scale.

    Args:
        flows: One recording, or several by label, to be set beside each other.
        over: The mean of how many of the last records is drawn.
        width: The length of the longest bar, in characters.

    >>> from srcgrad.monitor import GradientFlow
    >>> flow = GradientFlow()
    >>> _ = flow.record({"w1": 1e-4, "w2": 1e-2, "w3": 1.0})
    >>> print(bars(flow, width=8))
    mean |g| by layer, from 1.0e-04 to 1.0e+00, logarithmic
    1  1.0e-04 |#
    2  1.0e-02 |####
    3  1.0e+00 |########
    """
    means = _means(flows, over)
    values = [v for by in means.values() for v in by.values() if 0 < v < math.inf]
    if not values:
        return "mean |g| by layer: all are 0 or not finite"
    low, high = math.log10(min(values)), math.log10(max(values))
    span = f"from {min(values):.1e} to {max(values):.1e}, logarithmic"
    pad = max(len(name) for by in means.values() for name in by)
    lines = [f"mean |g| by layer, {span}"]
    for label, by in means.items():
        lines += [label] if label else []
        for name, v in by.items():
            part = (
                (math.log10(v) - low) / ((high - low) or 1) if 0 < v < math.inf else 0
            )
            bar = "#" * max(round(part * width), 1) if 0 < v < math.inf else ""
            lines.append(f"{name:<{pad}}  {v:.1e} |{bar}")
    return "\n".join(lines)


def plot(
    flows: GradientFlow | Mapping[str, GradientFlow], path: str | Path | None = None,
    *, ax: Any = None, over: int = 1, title: str = "Gradient flow",
) -> Any:  # fmt: skip
    """Draw gradient magnitude against layer, with Matplotlib.

    One recording gets bars of the largest and the mean |g|; several, by label, a line
    each.

    Args:
        flows: One recording, or several by label.
        path: A file to save the figure in; its ending says the format.
        ax: Axes to draw into; without them a figure is made.
        over: The mean of how many of the last records is drawn.
        title: What stands above.

    Returns:
        The Matplotlib figure.

    Raises:
        ModuleNotFoundError: Matplotlib is not installed.
        ValueError: Nothing was recorded.

    >>> from srcgrad.monitor import GradientFlow
    >>> flow = GradientFlow()
    >>> plot(flow, "flow.png", over=20)  # doctest: +SKIP
    """
    means = _means(flows, over)
    if ax is None:
        ax = _new_axes()
    names = list(dict.fromkeys(name for by in means.values() for name in by))
    places = {name: k for k, name in enumerate(names)}
    if isinstance(flows, Mapping):
        for label, by in means.items():
            ax.plot([places[n] for n in by], _drawn(by.values()), "o-", label=label)
    else:
        tops = {x.name: x.max for x in flows.last.layers}
        ax.bar(
            range(len(names)), _drawn(tops.values()), color="#9ecae1", label="max |g|"
        )
        drawn = _drawn(means[""].values())
        ax.bar(range(len(names)), drawn, color="#3182bd", label="mean |g|", width=0.5)
    ax.set_yscale("log")
    turned = max(map(len, names)) > 4 or len(names) > 20
    ax.set_xticks(range(len(names)), names, rotation=90 if turned else 0)
    ax.set(xlabel="layer", ylabel="gradient magnitude", title=title)
    ax.grid(axis="y", alpha=0.3)
    ax.legend()
    if path is not None:
        ax.figure.savefig(path, dpi=150, bbox_inches="tight")
    return ax.figure


def _drawn(values: Any) -> list[float]:
    """Return what a logarithmic axis can show: nan leaves a gap."""
    return [v if 0 < v < math.inf else math.nan for v in values]


def _new_axes() -> Any:
    try:
        pyplot: Any = importlib.import_module("matplotlib.pyplot")
    except ModuleNotFoundError as error:
        what = "plots need Matplotlib: pip install matplotlib (or 'srcgrad[viz]'); "
        what += "`bars` draws without it"
        raise ModuleNotFoundError(what, name="matplotlib") from error
    return pyplot.subplots(figsize=(7, 4))[1]
