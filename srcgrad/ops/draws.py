"""Random numbers: what draws from a Generator, and what its methods mean.

A Generator is an array of one element to the compiler. Each draw reads it and is
followed by a write to it, so nothing is drawn twice, left out, or in another order.
What NumPy computes of standard draws is computed of them here: its slopes follow.
"""

# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from srcgrad.ops.layout import tuple_text
from srcgrad.ops.prelude import (
    DEFINITIONS,
    fixed,
    kind,
    lengths,
    means,
    name_of,
    refused,
    rows,
    typed,
)
from srcgrad.ops.table import Attrs, Shapes, Unsupported, constant, rule
from srcgrad.types import GENERATOR, Array, Scalar, Type

Names = list[str]
Types = Sequence[Type]


def _draw(name: str, *numbers: str, dtype: str = "float64", **rules: Any) -> None:
    """Enter a row that draws an array, or a number where no lengths are given."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        given = attrs["args"][1 + len(numbers) :]
        if given:
            return Array(dtype, tuple(map(shapes.dim, given)))
        return Scalar(dtype, python=dtype == "float64")

    def spell(types: Types, attrs: Attrs) -> str:
        sizes = ["{shape}"] if len(types) > 2 + len(numbers) else ["{*shape}"]
        given = [f"{{{n}}}" for n in numbers]
        given += sizes if len(types) > 1 + len(numbers) else []
        return f"{{rng}}.{name}({', '.join(given)})"

    def kernel(names: Names, types: Types, attrs: Attrs) -> str:
        first, sizes = names[: 1 + len(numbers)], names[1 + len(numbers) :]
        given = first[1:] + ([tuple_text(sizes)] if sizes else [])
        return f"{first[0]}.{name}({', '.join(given)})"

    params = ", ".join(("rng", *numbers, "*shape"))
    enter = rule if rules else constant
    enter(f"draw_{name}({params})", infer, cost=30, spell=spell, kernel=kernel, **rules)


def _no_slope(g: Any) -> Any:
    what = "numbers drawn from a gamma distribution have no slope in its `shape`"
    raise Unsupported(what, "keep it constant: `srcgrad.stop_gradient(shape)`")


_draw("standard_normal")
_draw("random")
_draw("standard_exponential")
_draw("standard_gamma", "a", a=_no_slope)
_draw("integers", "low", "high", dtype="int64")
_draw("binomial", "n", "p", dtype="int64")
_draw("poisson", "lam", dtype="int64")


def _shuffled(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Array("int64", (shapes.dim(attrs["args"][1]),))


constant("draw_permutation(rng, n)", _shuffled, cost=30,
         spell="{rng}.permutation({n})",
         kernel=lambda names, types, attrs: f"{names[0]}.permutation({names[1]})",
         )  # fmt: skip
# A number of 63 bits; Numba has no `high` beyond them.
constant("draw_key(rng)", lambda shapes, types, attrs: Scalar("int64"), cost=30,
         spell="{rng}.integers(2**63)",
         kernel=lambda names, types, attrs: f"{names[0]}.integers(0, {2**63 - 1}, "
         "endpoint=True)")  # fmt: skip
# What is written to a Generator after a draw; no text has it.
constant("advance(x)", lambda shapes, types, attrs: Scalar(GENERATOR),
         kernel=lambda names, types, attrs: names[0])  # fmt: skip


# what the methods mean


def _moved_on(rng, drawn):
    if kind(rng) != "generator":
        return refused("numbers are drawn from a Generator of NumPy only")
    rng[0] = rows.advance(drawn)
    return drawn


def drawn_key(rng):
    """Return what a mask is worked out from."""
    return _moved_on(rng, rows.draw_key(rng))


@fixed
def double(dtype):
    """Refuse draws in another dtype."""
    if dtype is not None and np.dtype(dtype) != np.float64:
        raise Unsupported("numbers are drawn in float64 here", "cast them: `.astype`")


def _lengths(size, *numbers):
    """Return the lengths of what is drawn: those asked for, or of the parameters."""
    if size is None:
        return np.shape(sum(numbers))
    if not lengths(size):
        return refused("`size=()` is not known: leave it out for a number")
    return lengths(size)


def _wide(x):
    return x if kind(x) == "float64" else typed(x, "float64")


def _number(x):
    """Return a number as Python's own, as NumPy does without a size."""
    return x if np.ndim(x) else typed(x, None, python=True)


@means(".standard_normal")
def standard_normal(rng, size=None, dtype=None):
    double(dtype)
    return _moved_on(rng, rows.draw_standard_normal(rng, *_lengths(size)))


@means(".random")
def random(rng, size=None, dtype=None):
    double(dtype)
    return _moved_on(rng, rows.draw_random(rng, *_lengths(size)))


@means(".standard_exponential")
def standard_exponential(rng, size=None, dtype=None):
    double(dtype)
    return _moved_on(rng, rows.draw_standard_exponential(rng, *_lengths(size)))


@means(".normal")
def normal(rng, loc=0.0, scale=1.0, size=None):
    if np.any(scale < 0):
        raise ValueError
    shape = _lengths(size, loc, scale)
    drawn = _moved_on(rng, rows.draw_standard_normal(rng, *shape))
    return _number(_wide(loc) + _wide(scale) * drawn)


@means(".uniform")
def uniform(rng, low=0.0, high=1.0, size=None):
    if np.any(high - low < 0):
        raise ValueError
    shape = _lengths(size, low, high)
    drawn = _moved_on(rng, rows.draw_random(rng, *shape))
    return _number(_wide(low) + (_wide(high) - _wide(low)) * drawn)


@means(".exponential")
def exponential(rng, scale=1.0, size=None):
    if np.any(scale < 0):
        raise ValueError
    shape = _lengths(size, scale)
    drawn = _moved_on(rng, rows.draw_standard_exponential(rng, *shape))
    return _number(_wide(scale) * drawn)


@means(".rayleigh")
def rayleigh(rng, scale=1.0, size=None):
    if np.any(scale < 0):
        raise ValueError
    shape = _lengths(size, scale)
    drawn = _moved_on(rng, rows.draw_standard_exponential(rng, *shape))
    return _number(_wide(scale) * np.sqrt(2.0 * drawn))


@means(".integers")
def integers(rng, low, high=None, size=None, dtype=None, endpoint=False):
    if np.ndim(low) or name_of(dtype, "int64") != "int64":
        return refused("whole numbers are drawn as int64, between two numbers")
    first, last = (0, low) if high is None else (low, high)
    if np.ndim(last):
        return refused("whole numbers are drawn as int64, between two numbers")
    end = last + 1 if endpoint else last
    return _moved_on(rng, rows.draw_integers(rng, first, end, *_lengths(size)))


@means(".permutation")
def permutation(rng, x, axis=0):
    if axis != 0:
        return refused("`permutation` is known along the first axis")
    if not np.ndim(x):
        return _moved_on(rng, rows.draw_permutation(rng, x))
    return np.asarray(x)[_moved_on(rng, rows.draw_permutation(rng, len(x)))]


@means(".shuffle")
def shuffle(rng, x, axis=0):
    x[...] = permutation(rng, x, axis)


@means(".choice")
def choice(rng, a, size=None, replace=True, p=None, axis=0, shuffle=True):
    if axis != 0 or not (replace or p is None):
        advice = "`rng.permutation(n)[:size]` draws others, without repeats too"
        return refused("`choice` is known along axis 0, with equal shares if without "
                       "replacement", advice)  # fmt: skip
    count = len(a) if np.ndim(a) else a
    if replace or size is None:
        places = _likely(rng, count, size, p)
    else:
        size = lengths(size)
        places = _unlike(rng, count, math.prod(size), shuffle).reshape(size)
    return np.asarray(a)[places] if np.ndim(a) else _number(places)


def _one(*numbers):
    for x in numbers:
        if np.ndim(x):
            return refused("parameters of this distribution are numbers here")


def _likely(rng, count, size, p):
    if p is None:
        return integers(rng, 0, count, size)
    sums = np.cumsum(np.asarray(p))
    return np.searchsorted(sums / sums[-1], random(rng, size), side="right")


def _unlike(rng, count, size, shuffle):
    """Return places that are all different, by the two ways of NumPy."""
    if size > count:
        raise ValueError
    if count > 10000 and size > count // (50 if shuffle else 20):
        return _exchanged(rng, np.arange(count), max(count - size, 1))[count - size :]
    found, taken = np.empty(size, dtype=int), np.zeros(count, dtype=bool)
    for k in range(size):
        last = count - size + k
        drawn = integers(rng, 0, last + 1)
        found[k] = last if taken[drawn] else drawn
        taken[found[k]] = True
    return _exchanged(rng, found, 1) if shuffle else found


def _exchanged(rng, places, first):
    for k in range(len(places) - 1, first - 1, -1):
        other = integers(rng, 0, k + 1)
        held = places[other]
        places[other] = places[k]
        places[k] = held
    return places


@means(".standard_gamma")
def standard_gamma(rng, shape, size=None, dtype=None):
    double(dtype)
    _one(shape)
    return _moved_on(rng, rows.draw_standard_gamma(rng, shape, *_lengths(size)))


@means(".gamma")
def gamma(rng, shape, scale=1.0, size=None):
    _one(scale)
    return _number(_wide(scale) * standard_gamma(rng, shape, size))


@means(".binomial")
def binomial(rng, n, p, size=None):
    _one(n, p)
    return _number(_moved_on(rng, rows.draw_binomial(rng, n, p, *_lengths(size))))


@means(".poisson")
def poisson(rng, lam=1.0, size=None):
    _one(lam)
    return _number(_moved_on(rng, rows.draw_poisson(rng, lam, *_lengths(size))))


METHODS = {name for name, f in DEFINITIONS.items() if f.__module__ == __name__}
