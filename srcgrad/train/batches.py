"""Batches: where they come from, what is wrong with them, and where a run left off."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from srcgrad.monitor.parameters import named_leaves

Batches = Iterable[Any] | Callable[[int, np.random.Generator], Iterable[Any]]


def generator_of(rng: Any) -> np.random.Generator:
    """Return a generator, made of a seed if it is none."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        return np.random.default_rng(rng)
    raise TypeError(f"`rng` is a {type(rng).__name__}; it is a Generator or a seed")


def count_of(batches: Batches) -> int | None:
    """Return how many batches an epoch has, if that is known beforehand."""
    try:
        return len(batches)  # type: ignore[arg-type]
    except TypeError:
        return None


def keeps_place(batches: Any) -> bool:
    """Tell whether batches know where they are, as `srcgrad.data.Batches` do."""
    return all(callable(getattr(batches, name, None)) for name in ("state", "restore"))


def may_shuffle(batches: Any) -> bool:
    """Tell whether batches may be others each time, and nobody knows how."""
    known = callable(batches) or keeps_place(batches)
    return not known and not isinstance(batches, list | tuple)


def begin(batches: Batches, epoch: int, rng: np.random.Generator) -> Iterator[Any]:
    """Return the batches of an epoch."""
    found = batches(epoch, rng) if callable(batches) else batches
    try:
        return iter(found)
    except TypeError:
        what = f"`batches` is {'a function that returns ' * callable(batches)}"
        raise TypeError(
            f"{what}a {type(found).__name__}; it is an iterable of batches, or a "
            "function of the epoch and a generator that returns one"
        ) from None


def arguments(batch: Any, where: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a batch hands to the loss: a tuple's items, a dict's, or itself.

    Raises:
        ValueError: An array of it has no rows.
    """
    for name, leaf in named_leaves(batch):
        if isinstance(leaf, np.ndarray) and leaf.ndim and not leaf.size:
            part = f"item {name}" if name else "it"
            raise ValueError(f"{where} is empty: {part} has shape {leaf.shape}")
    if isinstance(batch, dict):
        return (), batch
    if isinstance(batch, tuple | list):
        if not batch:
            raise ValueError(f"{where} is empty: {batch!r}")
        return tuple(batch), {}
    return (batch,), {}


def fingerprint(batch: Any) -> int:
    """Return a checksum of the arrays and numbers of a batch; 0 if there are none."""
    found = 0
    for name, leaf in named_leaves(batch):
        if isinstance(leaf, np.ndarray | np.generic | int | float):
            array = np.ascontiguousarray(leaf)
            about = f"{name} {array.dtype.str} {np.shape(leaf)}"
            found = zlib.crc32(about.encode(), found)
            if not array.dtype.hasobject:
                found = zlib.crc32(array.tobytes(), found)
    return found


def replay(batches: Batches, epochs: int, seen: int | None, epoch: int) -> None:
    """Go through batches as a run did before its checkpoint: they may shuffle as well.

    Raises:
        ValueError: The last of them is another one than then.
    """
    last: Any = None
    for earlier in range(epochs):
        for batch in begin(batches, earlier + 1, np.random.default_rng()):
            last = batch
    if epochs and seen is not None and fingerprint(last) != seen:
        raise _other(epoch, "the last batch before it")


def skip(batches: Iterator[Any], count: int, seen: int, epoch: int) -> None:
    """Pass over the batches that a run was given before its checkpoint.

    Raises:
        ValueError: They are others than then.
    """
    last: Any = None
    for k in range(count):
        try:
            last = next(batches)
        except StopIteration:
            what = f"only {k} batches, where the checkpoint was made after {count}"
            raise ValueError(f"cannot resume in epoch {epoch}: {what}") from None
    if count and fingerprint(last) != seen:
        raise _other(epoch, f"batch {count}")


def _other(epoch: int, which: str) -> Exception:
    return ValueError(
        f"cannot resume in epoch {epoch}: {which} is another one than when the "
        "checkpoint was made. Shuffle with the generator that a function "
        "`batches(epoch, rng)` is given, and leave the data as it was"
    )
