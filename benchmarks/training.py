"""How fast does srcgrad train, beside PyTorch and JAX, and how well?

Steps of the CNN and of the MLP of `networks.py`, batch 128, float32: a few steps of
each column in turn, in one process on one core, and the least CPU time of each. Memory
is by how much a step raises the peak of a process of its own, after one on a batch of
two. With `--accuracy` the CNN is trained on real images, on the same splits in both
frameworks:

    python benchmarks/training.py
    python benchmarks/training.py --accuracy digits
    python benchmarks/training.py --accuracy fashion --rivals ''
"""

import argparse
import ctypes
import gc
import importlib.util
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
THREADS = {
    "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1", "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}  # fmt: skip
TABLE = {"cnn": ("srcgrad", "torch"), "mlp": ("srcgrad", "torch", "jax")}


def chosen(name: str, rivals: list[str]) -> list[str]:
    """Return the columns of a network whose packages are here."""
    found = [c for c in TABLE[name] if c == "srcgrad" or c in rivals]
    return [c for c in found if importlib.util.find_spec(c)]


def steps(names: list[str], rounds: int, rivals: list[str]) -> None:
    """Print what steps cost."""
    from benchmarks.networks import step_of

    for name in names:
        columns = chosen(name, rivals)
        calls = {column: step_of(name, column) for column in columns}
        for call in calls.values():
            call()
        best = dict.fromkeys(columns, float("inf"))
        for _ in range(rounds):
            for column, call in calls.items():
                call()  # steps follow each other, as in training
                for _ in range(3):
                    start = time.process_time()
                    call()
                    best[column] = min(best[column], time.process_time() - start)
        for column in columns:
            peak = subprocess.run(
                [sys.executable, __file__, "--peak", name, column],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            ratio = best[column] / best["srcgrad"]
            figures = (
                f"{1e3 * best[column]:8.2f} ms {ratio:6.2f} {peak.stdout.strip():>9}"
            )
            print(f"{name:4} {column:8} {figures} MB", flush=True)


def status(key: str) -> float:
    """Return a figure of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(x.split()[1]) for x in lines if x.startswith(key)) / 1024.0


def peak(name: str, column: str) -> float:
    """Return by how many MB steps raise the peak of this process, after a tiny one."""
    from benchmarks.networks import batch, in_srcgrad, in_torch, step_of

    if column == "jax":
        call = step_of(name, column)  # its shapes are compiled in: no tiny batch
        call()
    else:
        trainer = in_srcgrad(name) if column == "srcgrad" else in_torch(name)
        trainer.train(*batch(name, 2))
        call = partial(trainer.train, *batch(name, 128))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what a compiler left is no one's to reuse
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts from here
    before = status("VmRSS")
    for _ in range(3):
        call()
    return status("VmHWM") - before


def accuracy(what: str, rivals: list[str], seeds: list[int], epochs: int) -> None:
    """Train the CNN and print the accuracy on what was held out, epoch by epoch."""
    import numpy as np

    from benchmarks.networks import Trainer, in_srcgrad, in_torch
    from srcgrad.data import Batches, Dataset, fashion_mnist, mnist_digits, split

    def right(trainer: Trainer, held: Dataset) -> float:
        parts = np.array_split(np.arange(len(held)), max(1, len(held) // 500))
        hits = [trainer.predict(held.inputs[p]) == held.labels[p] for p in parts]
        return 100 * float(np.concatenate(hits).mean())

    makers: dict[str, Any] = {"srcgrad": in_srcgrad, "torch": in_torch}
    last: dict[str, list[float]] = {}
    for seed in seeds:
        whole = split(mnist_digits(), 1000, seed) if what == "digits" else None
        train, held = whole or fashion_mnist()
        for column in chosen("cnn", rivals):
            trainer, batches = makers[column](("cnn"), seed), Batches(train, 128, seed)
            start, curve = time.process_time(), []
            while batches.epoch < epochs:
                for x, labels in batches:
                    trainer.train(x, labels)
                curve.append(right(trainer, held))
            spent = time.process_time() - start
            shown = " ".join(f"{x:.2f}" for x in curve)
            print(
                f"{what} seed {seed} {column:8} {shown} % ({spent:.0f} s)", flush=True
            )
            last.setdefault(column, []).append(curve[-1])
    for column, ends in last.items():
        print(f"{what} mean of seeds {seeds}, {column}: {np.mean(ends):.2f} %")


def main() -> None:
    """Print a table of steps, or curves of accuracy."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(TABLE)}")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--rivals", default="torch,jax")
    parser.add_argument("--accuracy", choices=("digits", "fashion"))
    parser.add_argument("--seeds", default="")
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--peak", nargs=2, metavar=("NETWORK", "COLUMN"))
    options = parser.parse_args()
    rivals = options.rivals.split(",")
    if options.peak:
        print(f"{peak(*options.peak):.1f}")
    elif options.accuracy:
        digits = options.accuracy == "digits"
        seeds = options.seeds or ("0,1,2" if digits else "0")
        epochs = options.epochs or (10 if digits else 3)
        accuracy(options.accuracy, rivals, [int(s) for s in seeds.split(",")], epochs)
    else:
        steps(options.networks or list(TABLE), options.rounds, rivals)


if __name__ == "__main__":
    if os.environ.keys() >= THREADS.keys():
        main()
    else:  # libraries read these when they are loaded
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        path = os.pathsep.join(paths)
        environment = {**os.environ, **THREADS, "PYTHONPATH": path}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
