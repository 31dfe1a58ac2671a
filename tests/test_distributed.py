"""Means over ranks: two threads with a communicator of their own, and two processes."""

import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import data, distributed, optim
from srcgrad.train import fit

ROOT = Path(__file__).parents[1]


class Ranks:
    """A communicator of some threads, with the methods that are called."""

    def __init__(self, rank: int, slots: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.slots, self.barrier, self.sums = rank, slots, barrier, 0

    def Get_rank(self) -> int:
        return self.rank

    def Get_size(self) -> int:
        return len(self.slots)

    def allgather(self, own: Any) -> list[Any]:
        self.slots[self.rank] = own
        self.barrier.wait()
        found = list(self.slots)
        self.barrier.wait()
        return found

    def Allreduce(self, own: Any, total: Any) -> None:
        assert own.flags.c_contiguous
        assert own.dtype == total.dtype
        assert own.ndim == 1
        self.sums += 1
        total[:] = np.sum(self.allgather(own), axis=0)

    def bcast(self, own: Any, root: int) -> Any:
        return self.allgather(own)[root]


def on_ranks(count: int, work: Callable[[Ranks], Any]) -> list[Any]:
    """Return what each rank returns, or the exception that it raises."""
    slots, barrier = [None] * count, threading.Barrier(count, timeout=20)

    def run(rank: int) -> Any:
        try:
            return work(Ranks(rank, slots, barrier))
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def loss(p: Any, x: Any, y: Any) -> Any:
    r = np.tanh(x @ p["w"]) * p["a"] + p["b"][0] - y
    return np.mean(r * r), {"largest": np.max(np.abs(r)), "residual": r}


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_over_ranks_is_the_gradient_of_the_whole(
    count: int, dtype: type
) -> None:
    """Batches of 2, 3, 4 items, weighted by that, are one batch of all."""
    rng = np.random.default_rng(0)
    step = srcgrad.value_and_grad(loss, has_aux=True, backend="python")
    cuts = np.cumsum([2, 3, 4])[:count]
    x: Any = rng.normal(size=(cuts[-1], 3)).astype(dtype)
    y = rng.normal(size=cuts[-1]).astype(dtype)
    w: Any = rng.normal(size=3).astype(dtype)
    p: Any = {"w": w, "a": 0.7, "b": (w[:1],)}
    parts = list(zip(np.split(x, cuts[:-1]), np.split(y, cuts[:-1]), strict=True))

    def work(comm: Ranks) -> Any:
        both = distributed.data_parallel(step, comm, weight=lambda x, y: len(y))
        return both(p, *parts[comm.rank]), comm.sums

    (value, _), want = step(p, x, y)
    largest = sum(len(part[1]) * step(p, *part)[0][1]["largest"] for part in parts)
    rtol = 2e-5 if dtype is np.float32 else 1e-13
    for ((mean, shown), grads), sums in on_ranks(count, work):
        assert sums == 1  # one buffer
        np.testing.assert_allclose(mean, value, rtol=rtol)
        for name in ("w", "a"):
            np.testing.assert_allclose(grads[name], want[name], rtol=rtol)
            assert np.asarray(grads[name]).dtype == np.asarray(p[name]).dtype
        np.testing.assert_allclose(grads["b"][0], want["b"][0], rtol=rtol)
        np.testing.assert_allclose(shown["largest"], largest / len(x), rtol=rtol)
        assert isinstance(shown["residual"], np.ndarray)  # stays that of the rank


def test_a_nan_is_traced_to_its_line() -> None:
    """`fit` looks through the means into the gradient of the rank."""
    step = srcgrad.differentiable(lambda p, x: np.sum(np.log(p - x)), backend="python")

    def work(comm: Ranks) -> Any:
        both = distributed.data_parallel(step, comm)
        batches = [(np.array([0.5, comm.rank]),)]
        return fit(both, np.ones(2), optim.SGD(0.1), batches, progress=False)

    first, second = on_ranks(2, work)
    assert "is -inf" in str(first)
    assert "is -inf" in str(second)
    assert "np.log(p - x)" in str(second)


def test_mixed_leaves_keep_their_kinds() -> None:
    def work(comm: Ranks) -> Any:
        k = comm.rank + 1
        grads = (
            np.full((2, 2), k, np.float32).T, k * 1.0, np.float32(k), None, "name",
            [np.array(k * 1e-12), np.empty((0, 3))],
        )  # fmt: skip
        return distributed.allreduce_mean(grads, comm)

    for made in on_ranks(2, work):
        kinds = [type(x) for x in made]
        assert kinds == [np.ndarray, float, np.float32, type(None), str, list]
        assert made[0].dtype == np.float32
        np.testing.assert_array_equal(made[0], np.full((2, 2), 1.5))
        assert made[1:5] == (1.5, 1.5, None, "name")
        assert made[5][0].shape == ()
        assert made[5][0] == 1.5e-12
        assert made[5][1].shape == (0, 3)


def test_a_rank_without_items_counts_for_nothing() -> None:
    def work(comm: Ranks) -> Any:
        own = np.array([[1.0, 4.0], [np.nan, np.inf]][comm.rank])
        return distributed.allreduce_mean(own, comm, weight=7 * (comm.rank == 0))

    for made in on_ranks(2, work):
        np.testing.assert_array_equal(made, [1.0, 4.0])


def test_a_long_buffer_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "_MOST", 4)

    def work(comm: Ranks) -> Any:
        own = np.arange(10.0) * (1 + comm.rank)
        return distributed.allreduce_mean(own, comm), comm.sums

    for made, sums in on_ranks(2, work):
        np.testing.assert_array_equal(made, 1.5 * np.arange(10.0))
        assert sums == 3


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (lambda k: {"w": np.zeros(2 + k)}, r"'w'\], float64 of shape \(3,\)"),
        (lambda k: {"w": np.zeros(2, "fd"[k])}, r"'w'\], float64 of shape \(2,\)"),
        (lambda k: {"wv"[k]: np.zeros(2)}, r"rank 1 has grads\['v'\]"),
        (lambda k: [np.zeros(2), None][: 2 - k], r"rank 1 has nothing"),
        (lambda k: [None if k else 1.0], r"rank 1 has grads\[0\], NoneType"),
    ],
)
def test_trees_that_differ_are_refused_on_all_ranks(own: Any, told: str) -> None:
    for error in on_ranks(2, lambda c: distributed.allreduce_mean(own(c.rank), c)):
        assert isinstance(error, ValueError)
        with pytest.raises(ValueError, match=told):
            raise error


@pytest.mark.parametrize(
    ("weights", "told"),
    [((1.0, -2.0), "rank 1 has the weight -2"), ((0.0, 0.0), "all ranks have"),
     ((float("nan"), 1.0), "rank 0 has the weight nan")],
)  # fmt: skip
def test_weights_that_mean_nothing_are_refused(weights: Any, told: str) -> None:
    def work(comm: Ranks) -> Any:
        return distributed.allreduce_mean(1.0, comm, weight=weights[comm.rank])

    for error in on_ranks(2, work):
        with pytest.raises(ValueError, match=told):
            raise error


def test_leaves_of_other_kinds_are_refused() -> None:
    (error,) = on_ranks(1, lambda c: distributed.allreduce_mean({"n": np.arange(3)}, c))
    assert isinstance(error, TypeError)
    assert "grads['n'] holds int64" in str(error)


def test_shards_are_equally_long_and_disjoint() -> None:
    whole = data.Dataset(np.arange(11), np.arange(11))
    parts = on_ranks(3, lambda comm: distributed.shard(whole, comm))
    assert [len(part) for part in parts] == [3, 3, 3]
    assert sorted(np.concatenate([p.inputs for p in parts])) == list(range(9))
    (one,) = on_ranks(1, lambda comm: distributed.shard(np.arange(5), comm))
    assert list(one) == [0, 1, 2, 3, 4]
    error, _ = on_ranks(2, lambda comm: distributed.shard(np.arange(1), comm))
    assert "1 items are too few for 2 ranks" in str(error)


def test_all_begin_with_what_rank_0_has() -> None:
    found = on_ranks(3, lambda comm: distributed.broadcast({"w": comm.rank}, comm))
    assert found == [{"w": 0}] * 3


def test_without_mpi_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    with pytest.raises(ImportError, match="pip install mpi4py"):
        distributed.broadcast(1.0)


def test_a_worker_compiles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiled gradient that is pickled finds its machine code in the cache."""
    monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(tmp_path / "cache"))
    factor = 3.0

    @srcgrad.grad
    def local(w: Any) -> Any:
        return np.sum(w * w) * factor

    np.testing.assert_array_equal(local(np.ones(2)), [6.0, 6.0])
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.machine")}
    assert len(made) == 1
    file = tmp_path / "local.pickle"
    file.write_bytes(pickle.dumps(local))
    code = f"import pickle, numpy; f = pickle.load(open({str(file)!r}, 'rb')); "
    run = subprocess.run(
        [sys.executable, "-c", code + "print(f(numpy.ones(2)))"], capture_output=True,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.stdout == "[6. 6.]\n", run.stderr
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.machine")}
    assert after == made


@pytest.mark.skipif(
    not (find_spec("mpi4py") and shutil.which("mpirun")), reason="needs mpi4py, mpirun"
)
def test_two_processes_agree() -> None:
    """MPI starts two ranks; each runs tests/mpi_program.py."""
    free = ["--allow-run-as-root", "--oversubscribe"]  # what Open MPI asks for
    about = subprocess.run(["mpirun", "--version"], capture_output=True, text=True)
    options = free if "open" in about.stdout.lower() else []
    program = [sys.executable, "-m", "mpi4py", str(ROOT / "tests" / "mpi_program.py")]
    run = subprocess.run(
        ["mpirun", *options, "-n", "2", *program], capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "agreed"
