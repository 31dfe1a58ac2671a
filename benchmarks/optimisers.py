"""What does a step of an optimiser cost, beside optax and torch?

Each rule takes steps over one array, and the last rules over the 24 arrays of a
network with 12 layers; all columns have the same parameters and gradients and
are compared after ten steps. Then they are called in turn in one process, on one core
and one thread; the least CPU time of each counts.

- step: srcgrad in place; update: srcgrad to new arrays;
- optax: jitted, parameters and state donated; torch: its fused or `foreach` step.

    python benchmarks/optimisers.py
    python benchmarks/optimisers.py --size 100000 --rounds 100 --rules Adam SGD
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
THREADS = ["OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS",
           "NUMBA_NUM_THREADS"]  # fmt: skip
if __name__ == "__main__" and "SRCGRAD_ALONE" not in os.environ:
    # Libraries read these when they are loaded.
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)}
    environment |= dict.fromkeys([*THREADS, "SRCGRAD_ALONE"], "1")
    environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)

import numpy as np  # noqa: E402

from srcgrad import optim  # noqa: E402

Arrays = list[np.ndarray[Any, Any]]
Step = Callable[[], Any]
Column = tuple[Step, Callable[[], Arrays]]
COLUMNS = "step", "update", "optax", "torch"

RULES: dict[str, Any] = {
    "SGD": optim.SGD(lr=1e-3),
    "Momentum": optim.Momentum(lr=1e-3),
    "RMSProp": optim.RMSProp(lr=1e-3),
    "Adagrad": optim.Adagrad(lr=1e-3, initial=0.1, eps=1e-7),
    "Adam": optim.Adam(lr=1e-3),
    "AdamW": optim.AdamW(lr=1e-3),
    "Lion": optim.Lion(lr=1e-3),
}


def own_columns(rule: str, params: Arrays, grads: Arrays) -> dict[str, Column]:
    """Return srcgrad's two ways."""
    opt, inplace = RULES[rule], [x.copy() for x in params]
    state, held = opt.init(inplace), {"params": params, "state": opt.init(params)}

    def update() -> None:
        made = opt.update(grads, held["state"], held["params"])
        held["params"], held["state"] = made

    return {
        "step": (lambda: opt.step(grads, state, inplace), lambda: inplace),
        "update": (update, lambda: held["params"]),
    }


def optax_column(rule: str, params: Arrays, grads: Arrays) -> Column:
    """Return optax, jitted with donated parameters and state."""
    jax: Any = importlib.import_module("jax")
    optax: Any = importlib.import_module("optax")
    jax.config.update("jax_enable_x64", True)
    made = {
        "SGD": lambda: optax.sgd(1e-3),
        "Momentum": lambda: optax.sgd(1e-3, 0.9),
        "RMSProp": lambda: optax.rmsprop(1e-3, 0.99, 1e-8, eps_in_sqrt=False),
        "Adagrad": lambda: optax.adagrad(1e-3, 0.1, 1e-7),
        "Adam": lambda: optax.adam(1e-3),
        "AdamW": lambda: optax.adamw(1e-3, weight_decay=1e-2),
        "Lion": lambda: optax.lion(1e-3, weight_decay=0.0),
    }[rule]()

    def step(g: Any, state: Any, p: Any) -> Any:
        change, state = made.update(g, state, p)
        return optax.apply_updates(p, change), state

    jitted = jax.jit(step, donate_argnums=(1, 2))
    p, g = ([jax.numpy.array(x) for x in xs] for xs in (params, grads))
    held = {"p": p, "state": made.init(p)}

    def run() -> None:
        held["p"], held["state"] = jitted(g, held["state"], held["p"])
        jax.block_until_ready(held["p"])

    return run, lambda: [np.asarray(x) for x in held["p"]]


def torch_column(rule: str, params: Arrays, grads: Arrays) -> Column:
    """Return torch: fused where it has that, else over all arrays at once."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    tensors = [torch.nn.Parameter(torch.tensor(x)) for x in params]
    for tensor, g in zip(tensors, grads, strict=True):
        tensor.grad = torch.tensor(g)
    sets = torch.optim
    made = {
        "SGD": lambda: sets.SGD(tensors, 1e-3, fused=True),
        "Momentum": lambda: sets.SGD(tensors, 1e-3, 0.9, fused=True),
        "RMSProp": lambda: sets.RMSprop(tensors, 1e-3, foreach=True),
        "Adagrad": lambda: sets.Adagrad(
            tensors, 1e-3, initial_accumulator_value=0.1, eps=1e-7, fused=True
        ),
        "Adam": lambda: sets.Adam(tensors, 1e-3, fused=True),
        "AdamW": lambda: sets.AdamW(tensors, 1e-3, fused=True),
    }[rule]()
    return made.step, lambda: [t.detach().numpy() for t in tensors]


def columns(rule: str, params: Arrays, grads: Arrays) -> dict[str, Column]:
    """Return all columns that there are."""
    found = own_columns(rule, params, grads)
    for name, make in (("optax", optax_column), ("torch", torch_column)):
        try:
            found[name] = make(rule, params, grads)
        except (ImportError, KeyError):
            continue  # not installed; it has no such rule
    return found


def measured(found: dict[str, Column], rounds: int) -> dict[str, float]:
    """Return milliseconds for each column, once they agree after ten steps."""
    for step, _ in found.values():
        for _ in range(10):
            step()
    _, wanted = found["step"]
    for _, result in found.values():
        for one, two in zip(result(), wanted(), strict=True):
            tol = 1e-5 if one.dtype == np.float32 else 1e-8
            np.testing.assert_allclose(one, two, tol, tol)
    best = dict.fromkeys(found, np.inf)
    for _ in range(rounds):
        for name, (step, _) in found.items():
            start = time.process_time()
            step()
            best[name] = min(best[name], 1e3 * (time.process_time() - start))
    return best


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    options = parser.parse_args()
    rng, size = np.random.default_rng(0), options.size
    print(f"ms for {size:,} parameters\n")
    print("| rule | dtype | step | update | optax | torch | step ÷ optax | ÷ torch |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    whole, layers = [size], [max(1, size // 13), max(1, size // 156)] * 12
    rows = [(rule, rule, whole) for rule in options.rules]
    rows += [(f"{rule}, 24 arrays", rule, layers) for rule in options.rules[-3:]]
    for name, rule, parts in rows:
        for dtype in (np.float64, np.float32):
            params = [rng.normal(size=n).astype(dtype) for n in parts]
            grads = [rng.normal(size=n).astype(dtype) for n in parts]
            ms = measured(columns(rule, params, grads), options.rounds)
            cells = [f"{ms[c]:.3f}" if c in ms else "" for c in COLUMNS]
            cells += [
                f"{ms['step'] / ms[c]:.2f}" if c in ms else "" for c in COLUMNS[2:]
            ]
            print(f"| {name} | {dtype.__name__} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
