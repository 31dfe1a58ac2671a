"""Show how training goes: with rich if it is installed, else in plain text."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Mapping
from typing import Any

_PAUSE = 0.1  # seconds between two pictures


def numbers(figures: Mapping[str, float]) -> str:
    """Return figures as they are shown.

    >>> numbers({"loss": 0.25, "gradient_norm": 12345.6, "accuracy": 0.5})
    'loss 0.2500  |g| 1.2e+04  accuracy 0.5000'
    """
    names = {"gradient_norm": "|g|"}
    return "  ".join(f"{names.get(n, n)} {_short(x)}" for n, x in figures.items())


def _short(x: float) -> str:
    return f"{x:.4f}" if x == 0 or 1e-3 <= abs(x) < 1e3 else f"{x:.1e}"


def epoch_line(record: Mapping[str, float], epochs: int) -> str:
    """Return the line of an epoch that is done."""
    hidden = ("epoch", "steps", "seconds", "step_seconds")
    shown = numbers({n: x for n, x in record.items() if n not in hidden})
    each = 1e3 * record["step_seconds"]
    return f"epoch {record['epoch']}/{epochs}  {shown}  {each:.3g} ms/step"


def progress_for(shown: bool | None, epochs: int) -> Quiet:
    """Return what shows progress.

    Args:
        shown: True for text wherever it goes, False for nothing; None for a bar, in a
            terminal only.
        epochs: How many epochs there are.
    """
    terminal = sys.stdout is not None and sys.stdout.isatty()
    if shown is False or (shown is None and not terminal):
        return Quiet(epochs)
    if terminal and importlib.util.find_spec("rich"):
        return Rich(epochs)
    return Plain(epochs, live=terminal)


class Quiet:
    """Show nothing; what the others are."""

    def __init__(self, epochs: int) -> None:
        """Begin a run of some epochs."""
        self.epochs = epochs
        self._next = 0.0

    def step(
        self, epoch: int, batch: int, batches: int | None, figures: Mapping[str, float],
        seconds: float,
    ) -> None:  # fmt: skip
        """Show a step, unless the last picture is fresh."""
        now = time.perf_counter()
        if now >= self._next:
            self._next = now + _PAUSE
            line = f"{numbers(figures)}  {1e3 * seconds:.3g} ms"
            self.draw(epoch, batch, batches, line)

    def draw(self, epoch: int, batch: int, batches: int | None, line: str) -> None:
        """Draw the bar."""

    def say(self, line: str) -> None:
        """Show a line that stays."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Plain(Quiet):
    """Lines of text; the last is written over if the terminal is `live`."""

    def __init__(self, epochs: int, live: bool) -> None:
        """Begin a run of some epochs."""
        super().__init__(epochs)
        self._live, self._width = live, 0

    def draw(self, epoch: int, batch: int, batches: int | None, line: str) -> None:
        """Write over the last line."""
        if self._live:
            where = f"{batch}/{batches}" if batches else str(batch)
            text = f"epoch {epoch}/{self.epochs}  {where}  {line}"
            print(f"\r{text:<{self._width}}", end="", flush=True)
            self._width = len(text)

    def say(self, line: str) -> None:
        """Write a line in the place of what is written over."""
        print(f"\r{line:<{self._width}}" if self._width else line, flush=True)
        self._width = 0

    def close(self) -> None:
        """End a line that was not ended."""
        if self._width:
            print(flush=True)
            self._width = 0


class Rich(Quiet):
    """A bar by rich."""

    def __init__(self, epochs: int) -> None:
        """Begin a run of some epochs."""
        super().__init__(epochs)
        bars: Any = importlib.import_module("rich.progress")
        self._bar = bars.Progress(
            "{task.description}", bars.BarColumn(), bars.MofNCompleteColumn(),
            "{task.fields[line]}", bars.TimeRemainingColumn(), transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("", line="", total=None)
        self._bar.start()

    def draw(self, epoch: int, batch: int, batches: int | None, line: str) -> None:
        """Move the bar."""
        self._bar.update(
            self._task, description=f"epoch {epoch}/{self.epochs}", completed=batch,
            total=batches, line=line,
        )  # fmt: skip

    def say(self, line: str) -> None:
        """Write a line above the bar."""
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()
