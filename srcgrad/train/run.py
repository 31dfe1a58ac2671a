"""A training run: its steps, its epochs, its checkpoints, and what stops it."""

from __future__ import annotations

import inspect
import math
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.monitor.flow import GradientFlow
from srcgrad.monitor.nans import entry_fault, nan_source
from srcgrad.monitor.parameters import float_leaves, tree_norm
from srcgrad.results import tree_copy
from srcgrad.train.batches import (
    arguments,
    begin,
    count_of,
    fingerprint,
    keeps_place,
    may_shuffle,
    replay,
    skip,
)
from srcgrad.train.checkpoints import read_leaves, restored, save_checkpoint
from srcgrad.train.progress import Quiet, epoch_line
from srcgrad.train.results import Fit, Moment, TrainingError
from srcgrad.trees import tree_map

Callback = Callable[[Moment], Any]


@dataclass(eq=False)
class Run:
    """What `fit` was given, and how far it is."""

    step: Callable[..., Any]
    optimiser: Any
    batches: Any
    epochs: int
    rng: np.random.Generator
    evaluate: Callable[..., Any] | None
    callbacks: tuple[Callback, ...]
    clip: float | None
    monitor: GradientFlow | None
    path: Path | None
    save_every: int | None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, least in (("epochs", 0), ("save_every", 1)):
            value = getattr(self, name)
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not (whole and value >= least) and (name, value) != ("save_every", None):
                raise ValueError(f"`{name}` is {value!r}; it is an int from {least} up")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"`clip` is {self.clip!r}; it is a positive number")
        if self.save_every is not None and self.path is None:
            raise ValueError("`save_every` needs `checkpoint`, the file to write")
        if isinstance(self.optimiser, type):
            what = f"`optimiser` is the class {self.optimiser.__name__}, not one of it"
            raise TypeError(f"{what}: call it, as `{self.optimiser.__name__}(lr=1e-3)`")
        self.count = count_of(self.batches)
        if keeps_place(self.batches) and self.count is None:
            what = f"`batches` is a {type(self.batches).__name__}"
            raise TypeError(f"{what}: what has `state` and `restore` needs `__len__`")
        if isinstance(self.step, Differentiated):
            self.step = self.step.value_and_grad
        self.interrupted: list[int] = []
        self.batch = 0  # batches of this epoch that are done
        self.whole = False  # whether a checkpoint was made after all of them
        self.passed = 0  # epochs before the checkpoint that must be gone through
        self.started = self._state()  # the generator when this epoch began
        self.saved: int | None = None  # the step of the last checkpoint
        self.seen: Any = None  # the last batch
        self.times: list[float] = []  # seconds of each step of this epoch
        self.mark = 0  # its fingerprint, where it is not at hand

    def start(self, params: Any, carry: Any, resume: bool, progress: Quiet) -> Fit:
        """Train, from the checkpoint on if there is one."""
        params = tree_map(_own, params)
        self.done = Fit(params, self.optimiser.init(params), tree_copy(carry))
        self.carries, self.progress = carry is not None, progress
        arrays = (isinstance(x, np.ndarray) for x in float_leaves(params).values())
        self.in_place = hasattr(self.optimiser, "step") and all(arrays)
        with _interrupts() as self.interrupted:
            try:
                if self.path is not None:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    if resume and self.path.exists():
                        self.resume()
                return self.train(int(self.epochs))
            finally:
                progress.close()

    def train(self, epochs: int) -> Fit:
        """Make the epochs that are left; return what was trained."""
        done = self.done
        first = done.epoch if self.batch else done.epoch + 1
        for epoch in range(first, epochs + 1):
            if not self.epoch(epoch):
                break
        if self.path is not None and self.saved != done.step:
            self.save()
        return done

    def epoch(self, epoch: int) -> bool:
        """Make one epoch, or what is left of it; tell whether to go on."""
        done, start = self.done, time.perf_counter()
        done.epoch, self.times = epoch, []
        for batch in self.left(epoch):
            stop = self.one(epoch, batch)
            if self.save_every and done.step % self.save_every == 0:
                self.save()
            if stop or self.interrupted:
                done.stopped = "callback" if stop else "interrupted"
                self._say_stopped()
                return False
        if not self.batch:
            again = "" if epoch == 1 or callable(self.batches) else (
                ": an iterator can be gone through once; a list, or a function of "
                "(epoch, rng), each time"
            )  # fmt: skip
            raise ValueError(f"epoch {epoch} has no batches{again}")
        stop = self.finish(epoch, time.perf_counter() - start)
        if stop or self.interrupted:
            done.stopped = "callback" if stop else "interrupted"
            self._say_stopped()
        return not stop and not self.interrupted

    def left(self, epoch: int) -> Iterator[Any]:
        """Return the batches of an epoch that are to come."""
        passed, self.passed = self.passed, 0
        replay(self.batches, passed, None if self.batch else self.mark, epoch)
        if not self.batch:
            self.started = self._state()
            return begin(self.batches, epoch, self.rng)
        if keeps_place(self.batches):
            # After a whole epoch they stand before the next one.
            return iter(()) if self.whole else begin(self.batches, epoch, self.rng)
        # Resumed: from where the epoch began, to where it was left.
        now, self.rng.bit_generator.state = self._state(), self.started
        found = begin(self.batches, epoch, self.rng)
        skip(found, self.batch, self.mark, epoch)
        self.rng.bit_generator.state = now
        return found

    def one(self, epoch: int, batch: Any) -> bool:
        """Make one step; tell whether a callback wants to stop."""
        done, start = self.done, time.perf_counter()
        where = f"batch {self.batch + 1} of epoch {epoch}"
        args, named = arguments(batch, where)
        given = (done.params, *([done.carried] if self.carries else []), *args)
        drawn = [(r, r.bit_generator.state) for r in (*args, *named.values())
                 if isinstance(r, np.random.Generator)]  # fmt: skip
        loss, aux, grads = self._split(self.step(*given, **named))
        norm = tree_norm(grads)
        if not (math.isfinite(loss) and math.isfinite(norm)):
            for generator, state in drawn:
                generator.bit_generator.state = state
            what = "loss" if not math.isfinite(loss) else "norm of the gradient"
            value = loss if not math.isfinite(loss) else norm
            about = f"the {what} of step {done.step + 1} ({where}) is {value}"
            raise self._failure(about, _cause(self.step, given, named))
        metrics, arrays = self._aux(aux)
        self._update(grads, norm, arrays)
        done.step += 1
        self.batch += 1
        self.seen = batch
        figures = {"loss": loss, "gradient_norm": norm, **metrics}
        self._note(figures)
        seconds = time.perf_counter() - start
        self.times.append(seconds)
        self.progress.step(epoch, self.batch, self.count, figures, seconds)
        return self._tell(Moment(
            "step", epoch, done.step, loss, norm, metrics, done.params, done.state,
            grads, aux, seconds,
        ))  # fmt: skip

    def finish(self, epoch: int, seconds: float) -> bool:
        """End an epoch: evaluate, keep its figures, save; tell whether to stop."""
        done, steps = self.done, self.batch
        self.count = steps
        means = {n: math.fsum(v[-steps:]) / steps for n, v in done.history.items()}
        metrics = {k: x for k, x in means.items() if k not in ("loss", "gradient_norm")}
        if self.evaluate is not None:
            given = (done.params, *([done.carried] if self.carries else []))
            found = self.evaluate(*given)
            pairs = found if isinstance(found, Mapping) else {"evaluated": found}
            for name, x in pairs.items():
                if not _is_number(x):
                    what = f"`evaluate` returned a {type(x).__name__} for `{name}`"
                    raise TypeError(f"{what}; it is a number, or a dict of numbers")
                metrics[str(name)] = float(x)
        about = {"epoch": epoch, "steps": steps, "loss": means["loss"],
                 "gradient_norm": means["gradient_norm"], **metrics}  # fmt: skip
        usual = statistics.median(self.times) if self.times else 0.0
        done.epochs.append({**about, "seconds": seconds, "step_seconds": usual})
        self.progress.say(epoch_line(done.epochs[-1], self.progress.epochs))
        self.mark, self.seen = self._mark(), None
        self.batch, self.whole, self.started = 0, False, self._state()
        stop = self._tell(Moment(
            "epoch", epoch, done.step, means["loss"], means["gradient_norm"], metrics,
            done.params, done.state, None, None, seconds,
        ))  # fmt: skip
        if self.path is not None:
            self.save()
        return stop

    def save(self) -> None:
        """Write the checkpoint, unless a parameter is not finite.

        Raises:
            TrainingError: One is not.
        """
        assert self.path is not None
        done = self.done
        fault = entry_fault("params", done.params)
        if fault:
            fault = fault.replace("on entry", f"after the update of step {done.step}")
            raise self._failure(fault, None)
        position = {
            "epoch": done.epoch, "step": done.step, "batch": self.batch,
            "fingerprint": self._mark(),
            "whole": self.whole or self.batch == count_of(self.batches),
        }  # fmt: skip
        save_checkpoint(self.path, {
            "params": done.params, "state": done.state, "carried": done.carried,
            "rng": self._state(), "rng_started": self.started, "position": position,
            "history": {n: np.array(v) for n, v in done.history.items()},
            "epochs": done.epochs,
            "batches": self.batches.state() if keeps_place(self.batches) else None,
        })  # fmt: skip
        self.saved = done.step

    def resume(self) -> None:
        """Go on from the checkpoint.

        Raises:
            ValueError: It is not whole, or its trees are others than those here.
        """
        assert self.path is not None
        leaves, done = read_leaves(self.path), self.done
        like = {"params": done.params, "state": done.state, "carried": done.carried}
        mine = {n: x for n, x in leaves.items() if n.partition(".")[0] in like}
        name = os.fspath(self.path)
        found = restored(mine, like, "", name)
        done.params, done.state, done.carried = found.values()
        kind = self.rng.bit_generator.state["bit_generator"]
        if leaves.get("rng.bit_generator") != kind:
            there = leaves.get("rng.bit_generator")
            raise ValueError(f"{name}: `rng` was a {there}, here it is a {kind}")
        state = self._state()
        self.started = restored(leaves, state, "rng_started", name)
        self.rng.bit_generator.state = restored(leaves, state, "rng", name)
        if keeps_place(self.batches):
            place = restored(leaves, self.batches.state(), "batches", name)
            self.batches.restore(place)
        names = "epoch", "step", "batch", "fingerprint", "whole"
        at = (leaves[f"position.{n}"] for n in names)
        done.epoch, done.step, self.batch, self.mark, self.whole = at
        if may_shuffle(self.batches):
            self.passed = done.epoch - bool(self.batch)
        done.resumed_at = self.saved = done.step
        for key, value in leaves.items():
            root, _, rest = key.partition(".")
            if root == "history":
                done.history[rest] = value.tolist()
            elif root == "epochs":
                k, _, figure = rest.partition(".")
                done.epochs += [{}] * (int(k) >= len(done.epochs))
                done.epochs[int(k)] = {**done.epochs[int(k)], figure: value}
        self.progress.say(f"resumed from {name} at step {done.step}")

    def _mark(self) -> int:
        return self.mark if self.seen is None else fingerprint(self.seen)

    def _state(self) -> Any:
        return self.rng.bit_generator.state

    def _split(self, out: Any) -> tuple[float, Any, Any]:
        """Return loss, aux and gradient."""
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(
                f"`step` returned a {type(out).__name__}, not the loss and its "
                "gradient: pass `srcgrad.value_and_grad(loss)`"
            )
        (value, grads), aux = out, None
        if isinstance(value, tuple) and len(value) == 2:
            value, aux = value
        if np.ndim(value) or isinstance(value, tuple | list | dict):
            what = (
                f"shape {np.shape(value)}" if np.ndim(value) else type(value).__name__
            )
            raise TypeError(f"`step` returned a loss of {what}; it is one number")
        return float(value), aux, grads

    def _aux(self, aux: Any) -> tuple[dict[str, float], dict[str, Any]]:
        """Return the scalars and the arrays of the dict beside the loss."""
        if self.carries:
            if not isinstance(aux, Mapping) or "carry" not in aux:
                raise TypeError(
                    "with `carry` the loss returns a dict beside its value "
                    '(`has_aux=True`) that holds the next one: {"carry": ...}'
                )
            self.done.carried = aux["carry"]
        if not isinstance(aux, Mapping):
            return {}, {}
        others = {str(name): x for name, x in aux.items() if name != "carry"}
        scalars = {n: float(x) for n, x in others.items() if _is_number(x)}
        arrays = {n: x for n, x in others.items() if np.ndim(x) >= 2}
        return scalars, arrays

    def _update(self, grads: Any, norm: float, activations: dict[str, Any]) -> None:
        """Step the parameters, clipped if need be; the monitor sees what was not."""
        done, flow = self.done, self.monitor
        due = flow is not None and flow.due(done.step)
        if due and flow is not None:
            flow.before(done.params)
        stepped = grads
        if self.clip is not None and norm > self.clip:
            stepped = _scaled(grads, self.clip / norm)
        if self.in_place:
            self.optimiser.step(stepped, done.state, done.params)
        else:
            found = self.optimiser.update(stepped, done.state, done.params)
            done.params, done.state = found
        if due and flow is not None:
            known = {n: x for n, x in activations.items() if flow.watches(n)}
            about: Any = {"activations": known, "step": done.step}
            flow.record(grads, new_params=done.params, **about)

    def _note(self, figures: Mapping[str, float]) -> None:
        """Add the figures of a step; one that is missing is nan."""
        history = self.done.history
        for name in figures:
            history.setdefault(name, [math.nan] * (self.done.step - 1))
        for name, values in history.items():
            values.append(figures.get(name, math.nan))

    def _tell(self, moment: Moment) -> bool:
        answers = [callback(moment) for callback in self.callbacks]
        return any(isinstance(x, bool | np.bool_) and bool(x) for x in answers)

    def _say_stopped(self) -> None:
        done = self.done
        why = "a callback" if done.stopped == "callback" else "Ctrl-C"
        self.progress.say(
            f"stopped by {why} after step {done.step}, in epoch {done.epoch}: the "
            "parameters are kept"
        )

    def _failure(self, what: str, cause: str | None) -> TrainingError:
        """Return the error of something that is not finite."""
        lines = [f"error[SG701]: {what}"]
        lines += [f"cause: {cause}"] if cause else []
        kept = "before this step" if cause or "update" not in what else "now"
        lines.append(f"help: the parameters {kept} are in `error.result.params`")
        if self.path is not None and self.path.exists():
            lines.append(f"help: {os.fspath(self.path)} is the last good checkpoint")
        if "on entry" not in (cause or ""):
            lines.append("help: a smaller learning rate, or `clip=1.0`, may do")
        self.done.stopped = "error"
        error = TrainingError("\n".join(lines))
        error.result = self.done
        return error


def _own(leaf: Any) -> Any:
    """Return a copy of an array, C-contiguous, and anything else as it is."""
    return np.array(leaf, order="C") if isinstance(leaf, np.ndarray) else leaf


def _cause(step: Any, given: Sequence[Any], named: dict[str, Any]) -> str | None:
    """Return where a nan comes from, or why that is not known."""
    try:
        step = inspect.unwrap(step, stop=lambda f: isinstance(f, Differentiated))
        return nan_source(step, *given, **named)
    except Exception as error:  # it must not hide the nan
        what = str(error).partition("\n")[0]
        return f"looking for its line raised {type(error).__name__}: {what}"


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) or (
        isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "fiub"
    )


def _scaled(grads: Any, factor: float) -> Any:
    def one(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f":
            return leaf * leaf.dtype.type(factor)
        if isinstance(leaf, float | np.floating):
            return type(leaf)(leaf * factor)
        return leaf

    return tree_map(one, grads)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect the first Ctrl-C instead of raising it; the next is Python's own."""
    caught: list[int] = []
    usual = signal.getsignal(signal.SIGINT)
    main = threading.current_thread() is threading.main_thread()
    if not main or not callable(usual):
        yield caught  # only the main thread may, and who ignores it wants that
        return

    def note(number: int, frame: Any) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, usual)
