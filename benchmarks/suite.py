"""How fast is srcgrad, beside plain functions, hands and rivals? One table says.

Each program is verified first: values and gradients of all columns against each other
and against differences. Then all columns are called in turn in one process, on one core
and one thread, and the least CPU time of each counts. The columns:

- numpy: the program as it stands; primal: the quicker of `njit` on its text and
  srcgrad's value kernel;
- grad: srcgrad's value and gradient; hand: an adjoint written by hand (hand/);
- jax, torch, autograd: the best of the rival's texts (rivals/), where it is installed;
  enzyme and inductor take JAX's texts through Enzyme (the package enzyme_ad), and
  PyTorch's through torch.compile, which needs a C++ compiler;
- what srcgrad, the hand and JAX take to compile, and with --memory by how much a call
  raises the peak of resident memory, a process for each.

    python benchmarks/suite.py
    python benchmarks/suite.py adi lu --rounds 30 --rivals jax --json suite.json

With --threads 2 all columns may use two threads, srcgrad by `parallel=True`, and the
least time on the wall counts: the machine must be quiet.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What libraries read when they are loaded; columns.py reads the first.
THREADS = [
    "SUITE_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS",
    "NUMBA_NUM_THREADS",
]  # fmt: skip


def main() -> None:
    """Become the process that draws the table, on as many cores as threads."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--threads", type=int, default=1)
    options, rest = parser.parse_known_args()
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[-options.threads :]
        os.sched_setaffinity(0, cores)
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)}
    environment |= dict.fromkeys(THREADS, str(options.threads))
    several = str(options.threads > 1).lower()
    environment["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={several}"
    command = [sys.executable, "-m", "benchmarks.table", *rest]
    os.execve(sys.executable, command, environment)


if __name__ == "__main__":
    main()
