"""Sweep over settings with Dask: each worker gets the decorated function, pickled.

A function at the top of a file is pickled by its name, others by their source; workers
find the gradient's machine code in the cache on disk and compile nothing. Here they are
processes of this machine. For workers elsewhere, put functions in a module that they
can import: no name leads to what is in a notebook, or in the script itself.
"""

print("pip install -e '.[sweeps]' && python examples/20_dask_sweep.py")

import os
import sys
import time
from typing import Any

import numpy as np

import srcgrad
from srcgrad import optim

try:
    import dask
except ImportError:
    print("Dask is to be installed: pip install dask")
    raise SystemExit(77) from None

SMALL = "--small" in sys.argv  # nothing is compiled then


@srcgrad.value_and_grad(backend="python" if SMALL else "auto")
def loss(p: Any, x: Any, y: Any) -> Any:
    """Return the mean squared error of a network with one hidden layer."""
    hidden = np.tanh(x[:, None] * p["w"] + p["b"])
    return np.mean((hidden @ p["v"] - y) ** 2)


def train(step: Any, rate: float, width: int, steps: int) -> tuple[float, int, float]:
    """Return the last loss, the process, and how long the first gradient took."""
    rng = np.random.default_rng(0)
    x = np.linspace(-3, 3, 200)
    p: Any = {"w": rng.normal(size=width), "b": rng.normal(size=width)}
    p["v"] = np.zeros(width)
    y, adam = np.sin(2 * x), optim.Adam(rate)
    state, start, first = adam.init(p), time.perf_counter(), 0.0
    for _ in range(steps):
        value, grads = step(p, x, y)
        first = first or time.perf_counter() - start
        adam.step(grads, state, p)
    return float(value), os.getpid(), first


def main() -> None:
    """Compile once, then train all settings on two workers, and print the losses."""
    rates, widths = (1e-3, 1e-2, 1e-1), (4, 32) if SMALL else (4, 32, 256)
    steps = 100 if SMALL else 2000
    _, _, compiling = train(loss, 1e-2, 4, 1)
    tasks = [dask.delayed(train)(loss, r, w, steps) for w in widths for r in rates]
    found = dask.compute(*tasks, scheduler="processes", num_workers=2, chunksize=1)
    there = max(first for _, _, first in found)
    print(
        f"\nfirst gradient: {compiling:.2f} s here, {there:.2f} s in a worker at most"
    )
    print(f"{len(tasks)} runs in {len({pid for _, pid, _ in found})} processes\n")
    print("width " + "".join(f"  rate {rate:<8g}" for rate in rates))
    losses = np.array([value for value, _, _ in found]).reshape(len(widths), -1)
    for width, row in zip(widths, losses, strict=True):
        print(f"{width:5} " + "".join(f"{value:14.6f} " for value in row))
    best = np.unravel_index(losses.argmin(), losses.shape)
    print(f"\nbest: width {widths[best[0]]}, rate {rates[best[1]]:g}")


if __name__ == "__main__":  # workers import this file, and must not start a sweep
    main()
