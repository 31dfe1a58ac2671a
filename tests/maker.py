"""Write IR by hand: a builder with loops and branches, and arguments to run it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Block,
    Carry,
    For,
    Function,
    If,
    Index,
    Merge,
    Op,
    Operand,
    Slice,
    Value,
    While,
)
from srcgrad.types import Array, Dim, Scalar, Type, is_complex, is_float

FLOAT = Scalar("float64", python=True)
Results = Sequence[Operand]
Program = Callable[..., Any]


# building


class Maker(Builder):
    """A builder with loops and branches."""

    def __init__(self) -> None:
        super().__init__()
        self.lengths: dict[str, Value] = {}

    def param(self, name: str, spec: str) -> Value:
        """Return a parameter, as `float`, `float32`, `int`, `bool`, `n,3`, `bool:3`."""
        if spec in ("float", "int"):
            return Value(name, FLOAT if spec == "float" else INT)
        if spec in ("float64", "float32", "int64", "bool", "complex128"):
            return Value(name, Scalar(spec))
        dtype, _, shape = spec.rpartition(":")
        dims = []
        fresh: list[tuple[int, Value]] = []
        for axis, part in enumerate(shape.split(",")):
            if part.isdigit():
                dims.append(Dim(int(part)))
                continue
            if part not in self.lengths:
                self.lengths[part] = Value(part, INT)
                fresh.append((axis, self.lengths[part]))
            dims.append(Dim(0, ((self.lengths[part], 1),)))
        value = Value(name, Array(dtype or "float64", tuple(dims)))
        for axis, atom in fresh:
            self.emit(Op("dim", (value,), (atom,), {"axis": axis}))
        return value

    def loop(
        self,
        stop: Operand | int,
        inits: Sequence[Operand],
        body: Callable[..., Results],
        *,
        start: Operand | int = 0,
        step: int = 1,
        leave: bool = False,
    ) -> list[Value]:
        """Emit a `for`; with `leave` the body returns its exit last."""
        var = Value("i", INT)
        inns, outs = self.twins(inits), self.twins(inits)
        with self.block() as stmts:
            ends = list(body(var, *inns))
        exit = ends.pop() if leave else None
        carries = tuple(map(Carry, inits, inns, ends, outs))
        first, last = (const(x) if isinstance(x, int) else x for x in (start, stop))
        body_ = Block(tuple(stmts))
        self.emit(For(var, first, last, const(step), carries, body_, exit))
        return outs

    def repeat(
        self,
        inits: Sequence[Operand],
        test: Callable[..., Operand],
        body: Callable[..., Results],
    ) -> list[Value]:
        """Emit a `while`."""
        inns, outs = self.twins(inits), self.twins(inits)
        with self.block() as first:
            cond = test(*inns)
        with self.block() as stmts:
            ends = body(*inns)
        carries = tuple(map(Carry, inits, inns, ends, outs))
        self.emit(While(Block(tuple(first)), cond, carries, Block(tuple(stmts))))
        return outs

    def branch(
        self, cond: Operand, then: Callable[[], Results], other: Callable[[], Results]
    ) -> list[Value]:
        """Emit an `if`."""
        with self.block() as left:
            a = list(then())
        with self.block() as right:
            b = list(other())
        outs = self.twins(a)
        merges = tuple(map(Merge, outs, a, b))
        self.emit(If(cond, Block(tuple(left)), Block(tuple(right)), merges))
        return outs

    def twins(self, xs: Sequence[Operand]) -> list[Value]:
        """Return new values like others."""
        return [Value(x.name if isinstance(x, Value) else "s", x.type) for x in xs]

    def at(self, *items: Operand | int | Slice | None) -> tuple[Index]:
        """Return a path with one subscript."""
        return (Index(tuple(const(i) if isinstance(i, int) else i for i in items)),)


def part(first: int | None = None, last: int | None = None, by: int = 1) -> Slice:
    """Return a slice."""
    start, stop = (None if x is None else const(x) for x in (first, last))
    return Slice(start, stop, None if by == 1 else const(by))


def make(program: Program, specs: Sequence[str], name: str = "f") -> Function:
    """Return the function that a program builds."""
    b = Maker()
    params = [b.param(f"x{k}", spec) for k, spec in enumerate(specs)]
    found = program(b, *params)
    results = (found,) if isinstance(found, Value) else tuple(found)
    return Function(name, tuple(params), b.close(), results)


def sample(type: Type, rng: np.random.Generator, low: float, high: float) -> Any:
    """Return a random value of a type; lengths that are not known are 4, or 3 for m."""
    shape = tuple(length(d) for d in type.dims)
    if not is_float(type):
        made = rng.integers(0, 2, shape).astype(type.dtype)
        return made[()] if shape or not type.python else 3
    if is_complex(type):
        parts = rng.uniform(0.3, 1.4, (2, *shape)) * rng.choice([-1, 1], (2, *shape))
        return (parts[0] + 1j * parts[1])[()]
    x = rng.uniform(low, high, shape)
    if not shape:
        return float(x) if type.python else np.dtype(type.dtype).type(x)
    return x.astype(type.dtype)


def length(dim: Dim) -> int:
    """Return the length that stands for a dim."""
    if dim.known is not None:
        return dim.known
    return 3 if dim.terms[0][0].name == "m" else 4


def copies(xs: Sequence[Any]) -> list[Any]:
    """Return arguments that may be overwritten."""
    return [x.copy() if isinstance(x, np.ndarray) else x for x in xs]


def dot(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    """Return the inner product of two lists of numbers and arrays."""
    return sum(float(np.sum(x * y).real) for x, y in zip(xs, ys, strict=True))


def moved(
    xs: Sequence[Any], wrt: Sequence[int], vs: Sequence[Any], h: float
) -> list[Any]:
    """Return the arguments a step along a direction."""
    out = copies(xs)
    for k, v in zip(wrt, vs, strict=True):
        out[k] = xs[k] + h * v
    return out


def floats(f: Function) -> list[int]:
    """Return the positions of the float results."""
    return [k for k, r in enumerate(f.results) if is_float(r.type)]


def arguments(f: Function, seed: int = 3, *domain: float) -> list[Any]:
    """Return random arguments for a function."""
    rng = np.random.default_rng(seed)
    return [sample(p.type, rng, *domain or (0.3, 1.7)) for p in f.params]
