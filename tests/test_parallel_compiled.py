"""Threads that run: same results, same exceptions, no two callers at once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest
from numba import njit, prange

import srcgrad
from srcgrad.errors import ArgumentError

Options = dict[str, Any]
THREADS: Options = {"backend": "numba", "parallel": True}


def batch(w: Any, X: Any, at: Any, most: float) -> Any:
    """Return a loss with sums of all kinds: shared weights, and a scatter."""
    counts, total = np.zeros(50), 0.0
    for i in prange(X.shape[0]):
        s = 0.0
        for j in range(X.shape[1]):
            s += X[i, j] * w[j]
        if s > most:
            raise ValueError(f"{s:.3f} is too much")
        counts[at[i]] += s
        total += np.tanh(s)
    return total + np.sum(counts * counts) + np.sum(np.exp(-X * X))


def arguments() -> tuple[Any, ...]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 30))
    return rng.normal(size=30), X, rng.integers(0, 50, len(X)), 100.0


PROGRAM = """
import hashlib, os, sys, threading, warnings
import numba, numpy as np, srcgrad
from tests.test_parallel_compiled import THREADS, arguments, batch

call, args, seen = srcgrad.grad(batch, argnums=(0, 1), **THREADS), arguments(), []

def run():
    slopes = map(np.ascontiguousarray, call(*args))
    seen.append(hashlib.sha256(b"".join(slopes)))

run()
many = lambda: [run() for _ in range(10)]
threads = [threading.Thread(target=many) for _ in range(3)]
[t.start() for t in threads], [t.join() for t in threads]
print(*{digest.hexdigest() for digest in seen}, len(seen), numba.threading_layer())
sys.stdout.flush()
warnings.simplefilter("ignore")
if os.name == "posix" and not os.fork():
    run()
    os._exit(0 if seen[-1].digest() == seen[0].digest() else 1)
elif os.name == "posix":
    assert os.wait()[1] == 0
"""


def test_results_do_not_depend_on_threads() -> None:
    """Nor on who else calls; a forked process works too."""
    found = set()
    for count, layer in (("1", "omp"), ("2", "omp"), ("4", "workqueue")):
        about = {"NUMBA_NUM_THREADS": count, "NUMBA_THREADING_LAYER": layer}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env={**os.environ, **about},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if layer == "omp" and "No threading layer" in done.stderr:
            continue
        assert done.returncode == 0, done.stderr
        digest, many, used = done.stdout.split()
        assert (many, used) == ("31", layer)
        found.add(digest)
    assert len(found) == 1


def test_threads_compute_what_one_computes() -> None:
    args = arguments()
    many = srcgrad.value_and_grad(batch, argnums=(0, 1), **THREADS)(*args)
    one = srcgrad.value_and_grad(batch, argnums=(0, 1), backend="numba")(*args)
    np.testing.assert_allclose(many[0], one[0], rtol=1e-12)
    for a, b in zip(many[1], one[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    value = srcgrad.differentiable(batch, **THREADS)(*args)
    np.testing.assert_allclose(value, batch(*args), rtol=1e-12)


def test_exceptions_of_threads_are_pythons() -> None:
    call = srcgrad.value_and_grad(batch, argnums=(0, 1), **THREADS)
    w, X, at, most = arguments()
    for bad in ((w, X, at, 10.0), (w, X, at + 40, most), (w[:29], X, at, most)):
        with pytest.raises((ValueError, IndexError)) as due:
            batch(*bad)
        with pytest.raises(due.type) as found:
            call(*bad)
        assert str(found.value) == str(due.value)
    assert np.isfinite(call(w, X, at, most)[0])


@njit(parallel=True)
def of_numbas_own(x: Any) -> Any:
    total = 0.0
    for i in numba.prange(1, len(x)):
        total += x[i] * x[i]
    return total


@pytest.mark.parametrize("backend", ["python", "numba"])
@pytest.mark.parametrize("parallel", [False, True])
def test_prange_is_range(backend: str, parallel: bool) -> None:
    options: Options = {"backend": backend, "parallel": parallel}
    slope = srcgrad.grad(of_numbas_own, **options)(np.arange(4.0))
    np.testing.assert_array_equal(slope, [0.0, 2.0, 4.0, 6.0])


def test_the_text_says_what_threads_run() -> None:
    args = arguments()
    for parallel in (False, True):
        call = srcgrad.grad(batch, backend="numba", parallel=parallel)
        text = call.source(*args, stage="kernel")
        assert ("prange" in text) == parallel
    with pytest.raises(ArgumentError, match="SG306"):
        srcgrad.grad(batch, parallel=2)
