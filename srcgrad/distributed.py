"""Train on several processes: each has a part of the data, all the mean gradient.

The processes are MPI's: `mpirun -n 4 python -m mpi4py train.py` starts four ranks of a
program, and ends all of them if one fails. Every rank computes the gradient of its own
batch; one sum over ranks of one flat buffer makes of them the gradient of the whole:

    step = distributed.data_parallel(srcgrad.value_and_grad(loss))
    fit(step, params, optim.Adam(1e-3), Batches(distributed.shard(train), 32))

A communicator is one of mpi4py, or any object with its methods `Get_rank`, `Get_size`,
`allgather`, `Allreduce` and `bcast`; without one it is all that `mpirun` started.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.optim.parameters import (
    Path,
    Tree,
    beside,
    is_parameter,
    rebuilt,
    shown_path,
)

__all__ = ["allreduce_mean", "broadcast", "data_parallel", "shard"]

Comm = Any
Leaf = tuple[Path, Any, bool]
T = TypeVar("T")

_MOST = 2**28  # items in one message: MPI counts in 32 bits


def allreduce_mean(grads: Tree, comm: Comm = None, *, weight: float = 1.0) -> Tree:
    """Return the mean over all ranks of a tree of gradients.

    All ranks call it, each with a tree of the same structure, shapes and dtypes; that
    is compared first. The sum is made in one flat buffer, of float32 if all leaves are.

    Args:
        grads: Floats and arrays of floats, in lists, tuples, dicts, namedtuples and
            dataclasses; None and what else is no number is handed on.
        comm: The communicator.
        weight: What this rank counts for, such as the number of items in its batch; 0
            for a rank that has none.

    Returns:
        A new tree, the same on each rank; its arrays may be parts of one buffer.

    Raises:
        ValueError: The trees differ, or a weight is negative, or all are 0: raised on
            all ranks, it names the first that is to blame.
        TypeError: A leaf is a number of another kind.
        ImportError: There is no communicator, nor mpi4py.

    >>> class Alone:  # as one process sees it
    ...     def Get_size(self):
    ...         return 1
    ...     def allgather(self, own):
    ...         return [own]
    ...     def Allreduce(self, own, total):
    ...         total[:] = own
    >>> allreduce_mean({"w": np.array([1.0, 2.0]), "b": 0.5}, Alone(), weight=32)
    {'w': array([1., 2.]), 'b': 0.5}
    """
    return _mean(grads, _world(comm), weight, {})[0]


def broadcast(tree: T, comm: Comm = None) -> T:
    """Return what rank 0 has, on every rank: parameters to begin with, for one.

    Raises:
        ImportError: There is no communicator, nor mpi4py.

    >>> class Alone:  # as one process sees it
    ...     def bcast(self, tree, root):
    ...         return tree
    >>> broadcast({"w": 1.5}, Alone())
    {'w': 1.5}
    """
    found: T = _world(comm).bcast(tree, root=0)
    return found


def shard(items: T, comm: Comm = None) -> T:
    """Return the part of a data set that this rank trains on.

    All parts are equally long, so that all ranks make equally many steps: up to
    `Get_size() - 1` items at the end are in none.

    Args:
        items: An array, or a `srcgrad.data.Dataset`: it has a length and takes slices.
        comm: The communicator.

    Raises:
        ValueError: There are fewer items than ranks.
        ImportError: There is no communicator, nor mpi4py.

    >>> class Second:  # as the second of two processes sees it
    ...     def Get_size(self):
    ...         return 2
    ...     def Get_rank(self):
    ...         return 1
    >>> shard(np.arange(5), Second())
    array([1, 3])
    """
    comm = _world(comm)
    several: Any = items
    n, ranks = len(several), comm.Get_size()
    if n < ranks:
        raise ValueError(f"{n} items are too few for {ranks} ranks: start fewer")
    part: T = several[comm.Get_rank() : n - n % ranks : ranks]
    return part


def data_parallel(
    step: Callable[..., Any], comm: Comm = None, *,
    weight: Callable[..., float] | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """Return a step whose loss and gradient are means over the batches of all ranks.

    Args:
        step: `step(params, *batch)` returns a loss and a gradient, as `value_and_grad`
            does; with `has_aux` the floats in a dict beside the loss are averaged, too,
            the rest of it stays that of the rank.
        comm: The communicator.
        weight: `weight(*batch)` is what the batch counts for: its number of items, if
            the last batches of the ranks may differ in length. Else all count alike.

    Raises:
        ImportError: There is no communicator, nor mpi4py.

    >>> from srcgrad import value_and_grad
    >>> @value_and_grad
    ... def loss(w, x):
    ...     return np.mean((x * w) ** 2)
    >>> step = data_parallel(loss)  # doctest: +SKIP
    >>> value, gradient = step(w, shard(x))  # doctest: +SKIP
    """
    comm = _world(comm)
    if isinstance(step, Differentiated):
        step = step.value_and_grad

    @functools.wraps(step)
    def together(params: Tree, *batch: Any, **named: Any) -> Any:
        value, grads = step(params, *batch, **named)
        loss, aux = value if isinstance(value, tuple) else (value, None)
        shown = aux if isinstance(aux, dict) else {}
        floats = {k: x for k, x in shown.items() if isinstance(x, float | np.floating)}
        counts = 1.0 if weight is None else weight(*batch, **named)
        numbers = {"": float(loss)} | {k: float(x) for k, x in floats.items()}
        grads, means = _mean(grads, comm, counts, numbers)
        mean = means.pop("")
        if not isinstance(value, tuple):
            return mean, grads
        return (mean, {**shown, **means} if shown else aux), grads

    return together


def _world(comm: Comm) -> Comm:
    """Return a communicator, by default that of all processes."""
    if comm is not None:
        return comm
    try:
        MPI = importlib.import_module("mpi4py.MPI")
    except (ImportError, RuntimeError) as error:  # without the library: the latter
        what = f"several processes need mpi4py and MPI ({error})"
        fix = "pip install mpi4py, and openmpi-bin or mpich from your system"
        raise ImportError(f"{what}: {fix}; or pass a communicator") from None
    return MPI.COMM_WORLD


def _mean(
    grads: Tree, comm: Comm, weight: float, numbers: dict[str, float]
) -> tuple[Tree, dict[str, float]]:
    """Return the means of a tree and of numbers that go with it."""
    found = [(path, x) for path, x, _ in beside(grads, (), [""])]
    leaves = [(path, x, is_parameter(x, "grads", path)) for path, x in found]
    arrays = [np.asarray(x) for _, x, own in leaves if own]
    share, means = _share(comm, weight, numbers, leaves)
    single = all(x.dtype.char == "f" for x in arrays)
    dtype = np.dtype(np.float32 if single else np.float64)
    own = np.zeros(sum(x.size for x in arrays), dtype)
    first = 0
    for x in arrays if share else ():  # 0 * nan would be nan
        own[first : first + x.size] = x.reshape(-1)
        first += x.size
    own *= dtype.type(share)
    total = np.empty_like(own)
    for first in range(0, own.size, _MOST):
        comm.Allreduce(own[first : first + _MOST], total[first : first + _MOST])
    made, first = [], 0
    for _, x, is_number in leaves:
        size = int(np.size(x)) if is_number else 0
        made.append(_shaped(total[first : first + size], x) if is_number else x)
        first += size
    return rebuilt(grads, made), means


def _share(
    comm: Comm, weight: float, numbers: dict[str, float], leaves: list[Leaf]
) -> tuple[float, dict[str, float]]:
    """Return the share of this rank in the whole, and the means of numbers.

    Every rank sees what all sent, so that all of them raise, or none does.
    """
    kinds = [_kind(leaf) for leaf in leaves]
    kinds += [f"the number {key!r}" for key in sorted(numbers)]
    digest = zlib.crc32("\n".join(kinds).encode())
    sent = comm.allgather((float(weight), digest, numbers))
    for rank, (other, _, _) in enumerate(sent):
        if not 0 <= other < np.inf:
            raise ValueError(f"rank {rank} has the weight {other:g}: give 0 or more")
    if any(other != sent[0][1] for _, other, _ in sent):
        _raise_difference(comm.allgather(kinds))
    whole = sum(w for w, _, _ in sent)
    if not whole:
        raise ValueError("all ranks have the weight 0: there is nothing to average")
    there = [(w / whole, values) for w, _, values in sent if w]
    means = {key: sum(w * values[key] for w, values in there) for key in numbers}
    return float(weight) / whole, means


def _kind(leaf: Leaf) -> str:
    """Return where a leaf is and what it is, as text that is the same on each rank."""
    path, x, is_number = leaf
    what = type(x).__name__
    if is_number:
        what = f"{np.asarray(x).dtype.name} of shape {np.shape(x)}"
    return f"{shown_path('grads', path)}, {what}"


def _raise_difference(sent: list[list[str]]) -> None:
    """Raise for the first rank that sent something else than rank 0."""
    for rank, other in enumerate(sent):
        for first, its in itertools.zip_longest(sent[0], other, fillvalue="nothing"):
            if first != its:
                what = f"rank 0 has {first}; rank {rank} has {its}"
                raise ValueError(f"{what}: gradients and aux must be alike")


def _shaped(part: Any, like: Any) -> Any:
    """Return a part of a buffer in the shape and dtype of a leaf."""
    if isinstance(like, np.ndarray):
        dtype = like.dtype.newbyteorder("=")
        return part.astype(dtype, copy=False).reshape(like.shape)
    kind: Callable[[Any], Any] = type(like)
    return kind(part[0])
