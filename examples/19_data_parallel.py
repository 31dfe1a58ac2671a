"""Train a network on several processes: each has a part of every batch.

On one process it runs as it stands; with MPI, `mpirun -n 2 python -m mpi4py` before the
file starts two ranks. The batch is divided among them, and the mean of their gradients
is that of the whole batch: the losses are the same however many ranks there are.
"""

print("pip install -e '.[mpi]' && python examples/19_data_parallel.py")

import sys
import time
from typing import Any

import numpy as np

import srcgrad
from srcgrad import distributed, nn, optim

SMALL = "--small" in sys.argv  # nothing is compiled then


@srcgrad.value_and_grad(backend="python" if SMALL else "auto")
def loss(p: Any, x: Any, labels: Any) -> Any:
    """Return the mean cross-entropy of a network with one hidden layer."""
    hidden = nn.relu(nn.dense(x, p["w1"], p["b1"]))
    return nn.softmax_cross_entropy(nn.dense(hidden, p["w2"], p["b2"]), labels)


def initial(rng: np.random.Generator, sizes: tuple[int, int, int]) -> dict[str, Any]:
    """Return He-initialised weights and zero biases, in float32."""
    n, m, k = sizes
    w1 = rng.normal(0, np.sqrt(2 / n), (n, m)).astype(np.float32)
    w2 = rng.normal(0, np.sqrt(2 / m), (m, k)).astype(np.float32)
    return {"w1": w1, "b1": np.zeros(m, "f4"), "w2": w2, "b2": np.zeros(k, "f4")}


def clouds(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    """Return points around ten centres, and which one."""
    labels = rng.integers(0, 10, n)
    x = rng.normal(size=(10, 64))[labels] + 1.5 * rng.normal(size=(n, 64))
    return x.astype(np.float32), labels


def main() -> None:
    """Train on this rank's part; let rank 0 print how it goes."""
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        print(f"{error}\nto install: pip install mpi4py, and openmpi-bin or mpich")
        raise SystemExit(77) from None
    comm, batch = MPI.COMM_WORLD, 240  # of all ranks together
    rank, ranks = comm.Get_rank(), comm.Get_size()
    rng = np.random.default_rng(0)  # all ranks draw the same data
    x, labels = clouds(rng, 2400 if SMALL else 24000)
    params = distributed.broadcast(initial(rng, (64, 256, 10)), comm)
    step = distributed.data_parallel(loss, comm, weight=lambda x, labels: len(labels))
    adam = optim.Adam(1e-3)
    state = adam.init(params)
    if rank == 0:
        print(f"\n{ranks} rank{'s' * (ranks > 1)}\nepoch     loss     ms a step")
    for epoch in range(1, 4 if SMALL else 11):
        order, losses, start = rng.permutation(len(x)), [], time.perf_counter()
        for whole in order.reshape(-1, batch):
            mine = np.array_split(whole, ranks)[rank]
            value, grads = step(params, x[mine], labels[mine])
            adam.step(grads, state, params)
            losses.append(value)
        if rank == 0:
            each = 1e3 * (time.perf_counter() - start) / len(losses)
            print(f"{epoch:5}  {np.mean(losses):.6f}  {each:8.2f}")


if __name__ == "__main__":
    main()
