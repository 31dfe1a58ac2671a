"""How long does a user wait: first gradient, second process, `import srcgrad`?

Every figure comes from interpreters of its own, the least of several runs:

- cold: from before `import srcgrad` to the first gradient of a ten-line loop, with
  empty caches; and how long the transform takes, from source to kernel text, the
  first one in a process (it imports the compiler) and any other;
- warm: the same in a second process, beyond Numba's own start, which is the same
  interpreter importing Numba and loading one cached function of a scalar;
- import: `import srcgrad` beyond NumPy.

    python benchmarks/startup.py --runs 5 --json startup.json
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

MODEL = '''
import math


def energy(x, k):
    """Let a pendulum swing and return its energy: ten lines, one loop."""
    angle = x
    speed = 0.0
    total = 0.0
    for i in range(1000):
        speed = speed - k * math.sin(angle) * 0.01
        angle = angle + speed * 0.01
        if angle > 0.0:
            total = total + speed * speed
    return total


def square(x):
    return x * x
'''
SCALAR = """
from numba import njit


@njit(cache=True)
def double(x):
    return 2.0 * x
"""
# Each script prints milliseconds. The models are imported before the clock runs.
GRADIENT = """
import time, model, numpy
begun = time.perf_counter()
import srcgrad
srcgrad.grad(model.energy, argnums=(0, 1))(0.5, 9.81)
print(1e3 * (time.perf_counter() - begun))
"""
FIRST = """
import time, model, numba, srcgrad
gradient = srcgrad.grad(model.energy, argnums=(0, 1))
begun = time.perf_counter()
gradient.source(0.5, 9.81, stage="kernel")
print(1e3 * (time.perf_counter() - begun))
"""
TRANSFORM = """
import time, model, numba, srcgrad
srcgrad.grad(model.square).source(0.5, stage="kernel")
gradient = srcgrad.grad(model.energy, argnums=(0, 1))
begun = time.perf_counter()
gradient.source(0.5, 9.81, stage="kernel")
print(1e3 * (time.perf_counter() - begun))
"""
NUMBA = """
import time, numpy
begun = time.perf_counter()
import scalar
scalar.double(1.0)
print(1e3 * (time.perf_counter() - begun))
"""
IMPORT = """
import time, numpy
begun = time.perf_counter()
import srcgrad
print(1e3 * (time.perf_counter() - begun))
"""


def run(script: str, folder: Path, cache: Path) -> float:
    """Return the milliseconds that a script prints in an interpreter of its own."""
    path = os.pathsep.join([str(folder), str(ROOT)])
    env = {**os.environ, "PYTHONPATH": path, "SRCGRAD_CACHE_DIR": str(cache)}
    env["NUMBA_CACHE_DIR"] = f"{cache}-numba"  # the runtime's kernels lie there
    for name in ("SRCGRAD_CACHE", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)  # an installed package has its byte code
    env["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, check=True
    )
    return float(done.stdout)


def measure(folder: Path, runs: int) -> dict[str, float]:
    """Return the figures by name, in milliseconds."""
    (folder / "model.py").write_text(MODEL)
    (folder / "scalar.py").write_text(SCALAR)
    warm = folder / "warm"

    def least(measured: Callable[[int], float]) -> float:
        return min(measured(i) for i in range(runs))

    # The first run of each writes byte code and fills the caches: it is not counted.
    for script in (IMPORT, FIRST, NUMBA, GRADIENT):
        run(script, folder, warm)
    cold = least(lambda i: run(GRADIENT, folder, folder / f"cold{i}"))
    first = least(lambda i: run(FIRST, folder, folder / f"first{i}"))
    transform = least(lambda i: run(TRANSFORM, folder, folder / f"transform{i}"))
    # In turn, so that a busy machine is as busy for both.
    pairs = [
        (run(GRADIENT, folder, warm), run(NUMBA, folder, warm)) for _ in range(runs)
    ]
    second, numba = (min(column) for column in zip(*pairs, strict=True))
    return {
        "cold first gradient": cold,
        "first transform": first,
        "transform": transform,
        "warm first gradient": second,
        "Numba's own start": numba,
        "warm beyond Numba": second - numba,
        "import beyond NumPy": least(lambda i: run(IMPORT, folder, warm)),
    }


def main() -> None:
    """Measure, print a line for each figure, and keep them as JSON if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="a file to keep the figures in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.runs)
    for name, spent in figures.items():
        print(f"{name:22}{spent:10.1f} ms")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
