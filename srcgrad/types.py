"""Types of IR values: scalars, arrays with symbolic dims, growable lists.

A dim is a linear expression over integer IR values, so two dims are equal when their
canonical forms are: `x[1:-1]` and `x[2:]` of the same `x` both have `n - 2` rows. An
expression that could go below zero stands for `max(0, expression)`, as slices do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

GENERATOR = "generator"  # the dtype of what stands for one of NumPy's
Atom = Any  # an integer IR value: it has a name, a number and an identity


class Dim(NamedTuple):
    """A linear expression `const + sum(coefficient * atom)` over integer values.

    >>> print(Dim(3) + Dim(2).scaled(2))
    7
    """

    const: int
    terms: tuple[tuple[Atom, int], ...] = ()

    @staticmethod
    def of(atom: Atom) -> Dim:
        """Return an integer value as an expression."""
        return Dim(0, ((atom, 1),))

    @property
    def known(self) -> int | None:
        """The length, if it is a number at compile time."""
        return self.const if not self.terms else None

    def __add__(self, other: Dim) -> Dim:  # type: ignore[override]
        return self.plus(other)

    def __sub__(self, other: Dim) -> Dim:
        return self.plus(other, -1)

    def plus(self, other: Dim, factor: int = 1) -> Dim:
        """Add a multiple of another expression."""
        const = self.const + factor * other.const
        if not other.terms:
            return Dim(const, self.terms)
        total = dict(self.terms)
        for atom, coefficient in other.terms:
            total[atom] = total.get(atom, 0) + factor * coefficient
        kept = sorted((t for t in total.items() if t[1]), key=_age)
        return Dim(const, tuple(kept))

    def scaled(self, factor: int) -> Dim:
        """Multiply by an integer."""
        return Dim(0).plus(self, factor)

    def factor(self, atom: Atom) -> int:
        """Return what an integer value is multiplied by."""
        for own, coefficient in self.terms:
            if own is atom:
                return coefficient
        return 0

    def put(self, given: Mapping[Any, Dim]) -> Dim:
        """Put expressions in the place of integer values."""
        if not any(atom in given for atom, _ in self.terms):
            return self
        total = Dim(self.const)
        for atom, factor in self.terms:
            total = total.plus(given.get(atom) or Dim.of(atom), factor)
        return total

    def __str__(self) -> str:
        return self.text(lambda atom: atom.name)

    def text(self, name: Callable[[Any], str]) -> str:
        """Return the length as text, given names for its atoms."""
        if not self.terms:
            return str(self.const)
        text = " + ".join(f"{c}*" * (c != 1) + name(a) for a, c in self.terms)
        if self.const:
            text += f" {'+' if self.const > 0 else '-'} {abs(self.const)}"
        return text


def _age(term: tuple[Atom, int]) -> int:
    number: int = term[0].number
    return number


def combine(row: str, parts: Sequence[Dim]) -> Dim | None:
    """Return an operation on linear expressions as one more, if it is linear."""
    match row, parts:
        case "add", [a, b]:
            return a + b
        case "sub", [a, b]:
            return a - b
        case "neg", [a]:
            return a.scaled(-1)
        case ("mul", [Dim(k, ()), a]) | ("mul", [a, Dim(k, ())]):
            return a.scaled(k)
    return None


def is_generator(type: Any) -> bool:
    """Tell the type of a Generator, which is an array to the compiler."""
    return isinstance(type, Array) and type.dtype == GENERATOR


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number; `python` marks Python's own ints and floats, weak under NEP 50."""

    dtype: str
    python: bool = False

    rank = 0
    dims: tuple[Dim, ...] = field(default=(), init=False, repr=False, compare=False)

    def __str__(self) -> str:
        return f"py {self.dtype}" if self.python else self.dtype


@dataclass(frozen=True, slots=True)
class Array:
    """An array of rank one or more; `contiguous` says that C order is certain."""

    dtype: str
    dims: tuple[Dim, ...]
    contiguous: bool = True

    python = False

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.dims)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(str(d) for d in self.dims)}]"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list that grows by append; all items have one type."""

    item: Scalar | Array

    rank = -1
    dims = ()
    python = False

    @property
    def dtype(self) -> str:
        """The dtype of the items."""
        return self.item.dtype

    def __str__(self) -> str:
        return f"list[{self.item}]"


Type = Scalar | Array | ListOf


def put_lengths(type: Any, given: Mapping[Any, Dim]) -> Any:
    """Return a type with other lengths; what is no type stays as it is."""
    if isinstance(type, ListOf):
        return ListOf(put_lengths(type.item, given))
    if isinstance(type, Array):
        return replace(type, dims=tuple(dim.put(given) for dim in type.dims))
    return type


def is_full(type: Type, whole: Type) -> bool:
    """Tell whether an array has all axes of another in full length."""
    pairs = zip(type.dims, whole.dims, strict=False)
    return type.rank == whole.rank and all(
        a.known != 1 or b.known == 1 for a, b in pairs
    )


def is_float(type: Type) -> bool:
    """Tell whether values of this type carry a derivative, complex ones included.

    >>> is_float(Scalar("float32")), is_float(Scalar("int64"))
    (True, False)
    """
    return is_inexact(type.dtype)


def is_inexact(dtype: str) -> bool:
    """Tell whether a dtype is one of floats or complex numbers."""
    return dtype.startswith(("float", "complex"))


def is_complex(type: Type) -> bool:
    """Tell whether values of this type are complex."""
    return type.dtype in ("complex128", "complex64")


def real_type(type: Type) -> Type:
    """Return the type of the parts of complex numbers; any other is its own.

    >>> str(real_type(Scalar("complex64")))
    'float32'
    """
    parts = {"complex128": "float64", "complex64": "float32"}
    if isinstance(type, ListOf) or type.dtype not in parts:
        return type
    return replace(type, dtype=parts[type.dtype])


_WEAK: dict[str, Any] = {"bool": False, "int64": 0, "float64": 0.0, "complex128": 0j}


def promote(*types: Type) -> str:
    """Return the dtype NumPy computes in for operands of these types.

    Python scalars are weak (NEP 50): they take the dtype of the other operands when
    their kind allows it.

    >>> promote(Scalar("float32"), Scalar("float64", python=True))
    'float32'
    >>> promote(Scalar("float32"), Scalar("int64"))
    'float64'
    """
    return _promoted(*(_WEAK[t.dtype] if t.python else t.dtype for t in types))


@functools.lru_cache(typed=True)
def _promoted(*given: Any) -> str:
    return str(np.result_type(*given))


def join(*types: Scalar) -> Scalar:
    """Return the type of a scalar that has another one of these on each path.

    >>> str(join(Scalar("int64", True), Scalar("float64", True)))
    'py float64'
    >>> str(join(Scalar("float64", True), Scalar("float32")))
    'float32'
    """
    return Scalar(promote(*types), all(t.python for t in types))
