"""What two ranks do under mpirun: rank 0 prints what was wrong, or "agreed"."""

import importlib
from typing import Any

import numpy as np

import srcgrad
from srcgrad import data, distributed, optim
from srcgrad.train import fit


def loss(p: Any, x: Any, y: Any) -> Any:
    """Return the mean squared error of a line."""
    return np.mean((x @ p["w"] + p["b"] - y) ** 2)


def main() -> None:
    """Train on parts and on all, and compare; then differ, and be told so."""
    comm, rng = (
        importlib.import_module("mpi4py.MPI").COMM_WORLD,
        np.random.default_rng(0),
    )
    assert comm.Get_size() == 2
    step = srcgrad.value_and_grad(loss, backend="python")
    x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    own: Any = {"w": rng.normal(size=3) * (comm.Get_rank() + 1), "b": 0.5}
    start = distributed.broadcast(own)
    part = distributed.shard(data.Dataset(x, y))
    both = distributed.data_parallel(step)
    options: Any = {"epochs": 5, "progress": False}
    done = fit(both, start, optim.SGD(0.1), [(part.inputs, part.labels)], **options)
    alone = fit(step, start, optim.SGD(0.1), [(x, y)], **options)
    ends = comm.allgather(done.params)
    for end in ends:
        np.testing.assert_array_equal(end["w"], ends[0]["w"])
        np.testing.assert_allclose(end["w"], alone.params["w"], rtol=1e-12)
        np.testing.assert_allclose(end["b"], alone.params["b"], rtol=1e-12)
    single = {"w": np.full(5, comm.Get_rank(), np.float32)}
    mean = distributed.allreduce_mean(single, weight=1 + 2 * comm.Get_rank())["w"]
    assert mean.dtype == np.float32
    np.testing.assert_array_equal(mean, np.full(5, 0.75, np.float32))
    try:
        distributed.allreduce_mean({"w": np.zeros(2 + comm.Get_rank())})
    except ValueError as error:
        told = comm.gather(str(error))
    if comm.Get_rank() == 0:
        assert len(set(told)) == 1
        assert "rank 1 has grads['w'], float64 of shape (3,)" in told[0]
        print("agreed")


if __name__ == "__main__":
    main()
