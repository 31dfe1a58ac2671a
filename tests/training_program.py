"""A training run to be killed: dropout, momentum, a carried mean, all from one seed.

`python -m tests.training_program FOLDER [KILL]` trains, with a checkpoint at every
other step, and writes its result to FOLDER/result.npz. KILL is `write 3`, say: the
process is killed in the midst of the third save; `replace 3` just before the rename,
`done 3` just after.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.train import fit, save_checkpoint

ROWS, STEPS = 60, 12


class Momentum:
    """Ten lines of momentum, in place and not."""

    def init(self, params: Any) -> Any:
        return {"v": {n: np.zeros_like(x) for n, x in params.items()}, "steps": 0}

    def update(self, grads: Any, state: Any, params: Any) -> Any:
        v = {n: 0.9 * state["v"][n] + g for n, g in grads.items()}
        new = {n: params[n] - 0.05 * v[n] for n in params}
        return new, {"v": v, "steps": state["steps"] + 1}


def step(params: Any, carry: Any, x: Any, y: Any, rng: Any) -> Any:
    """Return loss, aux and gradient of linear regression with dropout, by hand."""
    keep = rng.random(x.shape) < 0.8
    z = x * keep
    r = z @ params["w"] + params["b"] - y
    aux = {"carry": {"mean": 0.9 * carry["mean"] + 0.1 * z.mean(axis=0)}}
    aux["error"] = np.abs(r).mean()
    n = len(r)
    return (np.mean(r * r), aux), {"w": 2 / n * (z.T @ r), "b": 2 * r.mean(axis=0)}


def batches(epoch: int, rng: np.random.Generator) -> Iterator[Any]:
    """Shuffle; hand the generator on."""
    data = np.random.default_rng(7)
    x, y = data.normal(size=(ROWS, 4)), data.normal(size=(ROWS, 2))
    for rows in rng.permutation(ROWS).reshape(-1, ROWS // STEPS):
        yield x[rows], y[rows], rng


def run(folder: Path, **more: Any) -> Any:
    """Train three epochs with a checkpoint in a folder."""
    params = {"w": np.ones((4, 2)), "b": np.zeros(2)}
    return fit(
        step, params, Momentum(), batches, epochs=3, rng=5, carry={"mean": np.zeros(4)},
        checkpoint=folder / "run.npz", **{"save_every": 2, **more},
    )  # fmt: skip


def whole(done: Any) -> Any:
    """Return all that must not depend on how often a run was stopped."""
    epochs = [{n: x for n, x in e.items() if "seconds" not in n} for e in done.epochs]
    history = {n: np.array(x) for n, x in done.history.items()}
    return {
        "params": done.params, "state": done.state, "carried": done.carried,
        "history": history, "epochs": epochs, "step": done.step,
    }  # fmt: skip


def kill_in_save(point: str, number: int) -> None:
    """Have this process killed at one point of a later save."""
    real = os.replace, np.lib.format.write_array
    left = [2 * number - 1 if point == "write" else number]

    def now() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def write_array(file: Any, array: Any, **more: Any) -> None:
        real[1](file, array, **more)
        if array.shape == (4, 2):  # there are two of them in each save
            file.flush()
            now()

    def replace(source: Any, target: Any) -> None:
        if point == "replace":
            now()
        real[0](source, target)
        if point == "done":
            now()

    if point == "write":
        vars(np.lib.format)["write_array"] = write_array
    else:
        vars(os)["replace"] = replace


if __name__ == "__main__":
    place = Path(sys.argv[1])
    if len(sys.argv) > 2:
        kill_in_save(sys.argv[2], int(sys.argv[3]))
    print("begin", flush=True)
    save_checkpoint(place / "result.npz", whole(run(place)))
