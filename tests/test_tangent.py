"""The tangent of a function against its adjoint, and both against differences.

Programs are written as IR by hand and run by the interpreter. For a function with
Jacobian J, `<J v, w>` from the tangent and `<v, J' w>` from the adjoint are one number.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.tangent import tangent
from srcgrad.builder import INT, Builder, const
from srcgrad.ir import (
    Block,
    Carry,
    Const,
    For,
    Function,
    If,
    Index,
    Merge,
    Op,
    Operand,
    Permute,
    Reshape,
    Slice,
    Value,
    While,
    owned,
)
from srcgrad.ops import ROWS
from srcgrad.text import print_function
from srcgrad.types import Array, Dim, ListOf, Scalar, Type, is_float
from srcgrad.verify import verify
from tests.interpreter import run

FLOAT = Scalar("float64", python=True)
Results = Sequence[Operand]
Program = Callable[..., Results | Operand]


# building


class Maker(Builder):
    """A builder with loops and branches."""

    def __init__(self) -> None:
        super().__init__(trusting=True)
        self.lengths: dict[str, Value] = {}

    def param(self, name: str, spec: str) -> Value:
        """Return a parameter, as `float`, `float32`, `int`, `3`, `n`, `n,m` or `2,n`."""
        if spec in ("float", "int"):
            return Value(name, FLOAT if spec == "float" else INT)
        if spec.startswith("float"):
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
        bounds = [const(b) if isinstance(b, int) else b for b in (start, stop, step)]
        self.emit(For(var, *bounds, carries, Block(tuple(stmts)), exit))
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


def part(start: int | None = None, stop: int | None = None, step: int | None = None) -> Slice:
    """Return a slice."""
    return Slice(*(None if x is None else const(x) for x in (start, stop, step)))


def make(program: Program, specs: Sequence[str], name: str = "f") -> Function:
    """Return the function that a program builds."""
    b = Maker()
    params = [b.param(f"x{k}", spec) for k, spec in enumerate(specs)]
    found = program(b, *params)
    results = (found,) if isinstance(found, Value | Const) else tuple(found)
    return Function(name, tuple(params), b.close(), results)


# checking


def sample(type: Type, rng: np.random.Generator, low: float, high: float) -> Any:
    """Return a random value of a type; lengths that are not known are 4."""
    shape = tuple(4 if d.known is None else d.known for d in type.dims)  # type: ignore[union-attr]
    if not is_float(type):
        return rng.integers(0, 2, shape).astype(type.dtype) if shape else 3
    x = rng.uniform(low, high, shape)
    if not shape:
        return float(x) if type.python else np.dtype(type.dtype).type(x)
    return x.astype(type.dtype)


def copies(xs: Sequence[Any]) -> list[Any]:
    """Return arguments that may be overwritten."""
    return [x.copy() if isinstance(x, np.ndarray) else x for x in xs]


def dot(xs: Sequence[Any], ys: Sequence[Any]) -> float:
    """Return the inner product of two lists of numbers and arrays."""
    return sum(float(np.sum(x * y)) for x, y in zip(xs, ys, strict=True))


def moved(xs: Sequence[Any], wrt: Sequence[int], vs: Sequence[Any], h: float) -> list[Any]:
    """Return the arguments a step along a direction."""
    out = copies(xs)
    for k, v in zip(wrt, vs, strict=True):
        out[k] = xs[k] + h * v
    return out


def floats(f: Function) -> list[int]:
    """Return the positions of the float results."""
    return [k for k, r in enumerate(f.results) if is_float(r.type)]


def check(
    f: Function,
    args: Sequence[Any],
    wrt: Sequence[int] | None = None,
    *,
    adjoint: bool = True,
    exact: float = 1e-12,
    near: float = 2e-6,
) -> Function:
    """Compare the tangent of a function with its adjoint and with differences."""
    rng = np.random.default_rng(7)
    if wrt is None:
        wrt = [k for k, p in enumerate(f.params) if is_float(p.type)]
    verify(f)
    forward = tangent(f, wrt)
    verify(forward)
    value = run(f, *copies(args))
    chosen = floats(f)
    ws = [np.asarray(rng.uniform(0.5, 1.5, np.shape(value[k]))) for k in chosen]
    ws = [w.astype(np.asarray(value[k]).dtype) for w, k in zip(ws, chosen, strict=True)]
    vs = [rng.uniform(0.5, 1.5, np.shape(args[k])) for k in wrt]
    vs = [np.asarray(v, np.asarray(args[k]).dtype) for v, k in zip(vs, wrt, strict=True)]
    got = run(forward, *copies(args), *copies(vs))
    for a, b in zip(got, value, strict=False):
        np.testing.assert_array_equal(a, b)
    slopes = got[len(value) :]
    assert [np.shape(s) for s in slopes] == [np.shape(value[k]) for k in chosen]
    left = dot(slopes, ws)
    if adjoint:
        back = differentiate(f, wrt, chosen)
        verify(back)
        gradients = run(back, *copies(args), *copies(ws))[len(value) :]
        right = dot(gradients, vs)
        scale = dot(map(np.abs, slopes), map(np.abs, ws)) + 1.0  # type: ignore[arg-type]
        assert abs(left - right) <= exact * scale, f"{left} is not {right}"
    h = 1e-6
    ends = [run(f, *moved(args, wrt, vs, s)) for s in (h, -h)]
    difference = dot([(ends[0][k] - ends[1][k]) / (2 * h) for k in chosen], ws)
    assert left == pytest.approx(difference, rel=near, abs=near)
    return forward


def check_twice(f: Function, args: Sequence[Any]) -> None:
    """Check a function, and the tangents of its tangent and of its adjoint."""
    rng = np.random.default_rng(11)
    wrt = [k for k, p in enumerate(f.params) if is_float(p.type)]
    forward = check(f, args)
    vs = [np.asarray(rng.uniform(0.5, 1.5, np.shape(args[k]))) for k in wrt]
    check(forward, [*args, *vs])
    value, chosen = run(f, *copies(args)), floats(f)
    ws = [np.asarray(rng.uniform(0.5, 1.5, np.shape(value[k]))) for k in chosen]
    back = differentiate(f, wrt, chosen)
    check(back, [*args, *ws], adjoint=False)


# programs

PROGRAMS: dict[str, tuple[Program, tuple[str, ...]]] = {}


def program(*specs: str) -> Callable[[Program], Program]:
    """Enter a program with the types of its parameters."""

    def enter(build: Program) -> Program:
        PROGRAMS[build.__name__] = build, specs
        return build

    return enter


@program("float", "float")
def scalars(b: Maker, x: Value, y: Value) -> Results:
    s = b.op("mul", x, b.op("sin", y), name="s")
    return b.op("div", s, b.op("add", x, 2.0)), b.op("mul", s, s)


@program("float", "int")
def inactive_results(b: Maker, x: Value, n: Value) -> Results:
    a = b.op("zeros", const(3), name="a")
    return x, b.op("mul", n, n), const(2.5), a, b.op("floor", x)


@program("n", "float")
def broadcast_number(b: Maker, x: Value, s: Value) -> Results:
    c = b.op("full_like", x, const(2.0))
    alone = b.op("add", c, s, name="alone")
    return alone, b.op("mul", b.op("add", x, s), b.op("exp", x))


@program("m,n", "n", "1,n", "m,1")
def broadcast_rows(b: Maker, a: Value, v: Value, row: Value, column: Value) -> Results:
    outer = b.op("add", row, column, name="outer")
    return b.op("mul", b.op("sub", a, v), outer), b.op("div", v, row)


@program("n")
def shifted_copy_is_written(b: Maker, x: Value) -> Results:
    """`y = x + 1; y[0] = x[1]`: the tangent of y is no alias of that of x."""
    y = b.op("add", x, 1.0, name="y")
    y = b.write(y, b.at(0), b.op("mul", b.read(x, b.at(1)), 3.0))
    return y, b.op("mul", x, x)


@program("n")
def shifted_is_read(b: Maker, x: Value) -> Results:
    y = b.op("add", x, 1.0, name="y")
    z = b.op("sub", y, 2.0, name="z")
    return b.op("mul", z, x)


@program("n")
def parameter_is_written(b: Maker, x: Value) -> Results:
    s = b.read(x, b.at(-1))
    x = b.write(x, b.at(0), b.op("mul", s, s))
    x = b.accumulate(x, b.at(part(1, 3)), s)
    return b.op("mul", x, x)


@program("n", "float")
def constant_is_written(b: Maker, x: Value, s: Value) -> Results:
    x = b.write(x, b.at(part(0, 2)), const(1.5))
    a = b.op("ones", const(4), name="a")
    a = b.write(a, b.at(1), s)
    a = b.accumulate(a, b.at(1), const(2.0))
    a = b.write(a, b.at(part(2, 4)), b.view(x, b.at(part(1, 3))))
    return b.op("mul", a, a)


@program("float64:3,4")
def views(b: Maker, a: Value) -> Results:
    turned = b.view(a, (Permute((1, 0)),))
    flat = b.view(a, (Reshape((const(12),)),))
    corner = b.view(a, (*b.at(part(1), part(None, None, -1)), Permute((1, 0))))
    total = b.op("sum", b.op("sin", flat), axis=None, keepdims=False)
    return b.op("matmul", a, turned), b.op("exp", corner), total


@program("float64:5", "int64:3")
def gather(b: Maker, x: Value, index: Value) -> Results:
    some = b.view(x, b.at(index))
    y = b.op("zeros_like", x, name="y")
    y = b.accumulate(y, b.at(index), b.op("mul", some, some))
    return y


@program("float64:4")
def take(b: Maker, x: Value) -> Results:
    x = b.write(x, b.at(3), b.op("sin", b.read(x, b.at(0))))
    s, x = b.take(x, b.at(0), "s")
    p, x = b.take(x, b.at(part(1, 3)), "p")
    x = b.accumulate(x, b.at(part(2, 4)), b.op("mul", p, s))
    return x, s, p


@program("float", "int")
def loop(b: Maker, x: Value, n: Value) -> Results:
    def body(i: Value, s: Value, t: Value) -> Results:
        return b.op("mul", b.op("sin", s), x), b.op("add", t, b.op("mul", s, i))

    return b.loop(n, [x, const(0.0)], body)


@program("float")
def loop_that_is_left(b: Maker, x: Value) -> Results:
    def body(i: Value, s: Value) -> Results:
        s = b.op("mul", s, b.op("add", x, 1.0))
        return s, b.op("gt", s, 4.0)

    return b.loop(20, [const(1.0)], body, leave=True)


@program("n", "int")
def recurrence(b: Maker, x: Value, n: Value) -> Results:
    """A buffer of zeros that gets its first tangent inside the loop."""
    y = b.op("zeros_like", x, name="y")

    def body(i: Value, y: Value) -> Results:
        last = b.read(y, b.at(b.op("sub", i, 1)))
        here = b.op("add", b.op("mul", last, last), b.read(x, b.at(i)))
        return [b.write(y, b.at(i), here)]

    (y,) = b.loop(n, [y], body, start=1)
    return y


@program("n", "n")
def swap(b: Maker, x: Value, y: Value) -> Results:
    def body(i: Value, u: Value, v: Value) -> Results:
        inner = b.view(v, b.at(part(1, -1)))
        left, right = b.view(v, b.at(part(0, -2))), b.view(v, b.at(part(2)))
        new = b.op("sub", b.op("mul", left, right), inner)
        return v, b.write(u, b.at(part(1, -1)), new)

    return b.loop(3, [x, y], body)


@program("n")
def replaced(b: Maker, x: Value) -> Results:
    """Each turn hands on a new array; the first is no function of x."""
    start = b.op("ones_like", x, name="y")

    def body(i: Value, y: Value) -> Results:
        return [b.op("mul", b.op("add", y, 0.5), x)]

    (y,) = b.loop(3, [start], body)
    return y


@program("float")
def repeat(b: Maker, x: Value) -> Results:
    def body(s: Value, k: Value) -> Results:
        return b.op("mul", s, b.op("add", x, s)), b.op("add", k, 1.0)

    return b.repeat([x, const(0.0)], lambda s, k: b.op("lt", s, 30.0), body)


@program("float", "float")
def branches(b: Maker, x: Value, y: Value) -> Results:
    def other() -> Results:
        return b.op("mul", x, y), const(2.0), x

    (s, t, u) = b.branch(b.op("gt", x, y), lambda: (const(1.0), x, x), other)
    (v, w, _) = b.branch(b.op("le", x, y), lambda: (const(1.0), y, x), other)
    return s, t, u, b.op("mul", v, w)


@program("n", "float")
def branch_of_arrays(b: Maker, x: Value, s: Value) -> Results:
    """One arm writes a buffer, the other leaves it as it was."""
    a = b.op("zeros_like", x, name="a")
    c = b.op("copy", x, name="c")

    def body(i: Value, a: Value, c: Value) -> Results:
        def then() -> Results:
            return b.write(a, b.at(i), b.op("mul", s, b.read(c, b.at(i)))), c

        def other() -> Results:
            return a, b.accumulate(c, b.at(i), s)

        return b.branch(b.op("eq", b.op("mod", i, 2), 0), then, other)

    return b.loop(4, [a, c], body)


@program("n", "n", "float")
def conditional_swap(b: Maker, x: Value, y: Value, s: Value) -> Results:
    u, v = b.branch(b.op("gt", s, 0.0), lambda: (y, x), lambda: (x, y))
    u = b.write(u, b.at(0), b.op("mul", s, b.read(v, b.at(1))))
    return u, b.op("mul", v, v)


@program("n", "float")
def fresh_in_one_arm(b: Maker, x: Value, s: Value) -> Results:
    def fresh() -> Results:
        return [b.op("ones_like", x)]

    (u,) = b.branch(b.op("gt", s, 9.0), fresh, lambda: [b.op("mul", x, s)])
    (v,) = b.branch(b.op("lt", s, 9.0), fresh, lambda: [b.op("mul", x, s)])
    return b.write(u, b.at(0), s), b.write(v, b.at(1), s)


@program("float", "int")
def list_of_numbers(b: Maker, x: Value, n: Value) -> Results:
    made = b.op("new_list", item=FLOAT, name="ys")
    made = b.push(made, const(1.0))

    def body(i: Value, ys: Value) -> Results:
        return [b.push(ys, b.op("mul", b.read(ys, b.at(i)), x))]

    (ys,) = b.loop(n, [made], body)
    return b.read(ys, b.at(2)), b.op("pack_list", ys, name="a")


@program("float64:3", "float")
def products(b: Maker, x: Value, s: Value) -> Results:
    c = b.op("eye", const(3), name="c")
    m = b.op("outer", x, x, name="m")
    m = b.op("add", m, c)
    y = b.op("solve", m, b.op("concatenate", *[b.op("full", s, const(1))] * 3))
    return b.op("matmul", y, m), b.op("det", m), b.op("prod", x, axis=None)


@program("float64:3,4", "float64:4")
def mixed_parts(b: Maker, a: Value, v: Value) -> Results:
    """Linear rows of views and constants; a view of a view inside a rule."""
    last = b.view(a, b.at(2, part()))
    ones = b.op("ones", const(2), const(4), name="ones")
    both = b.op("concatenate", b.view(a, b.at(part(0, 2), part())), ones, axis=0)
    square = b.view(a, b.at(part(), part(0, 3)))
    return b.op("stack", last, v, axis=1), both, b.op("inv", square)


@program("float64:2,3", "float64:3")
def reductions(b: Maker, a: Value, v: Value) -> Results:
    m = b.op("max", a, axis=(1,), keepdims=True)
    e = b.op("exp", b.op("sub", a, m))
    total = b.op("sum", e, axis=(1,), keepdims=True)
    p = b.op("div", e, total)
    return b.op("matmul", p, v), b.op("std", a, axis=(0,)), b.op("norm", v)


@program("float64:2,4", "int")
def nest(b: Maker, a: Value, n: Value) -> Results:
    """In place over two loops, with a branch inside."""

    def inner(i: Value) -> Callable[..., Results]:
        def body(j: Value, a: Value, s: Value) -> Results:
            x = b.read(a, b.at(i, j))

            def then() -> Results:
                new = b.op("mul", x, s)
                return b.write(a, b.at(i, j), new), b.op("add", s, new)

            return b.branch(b.op("gt", x, 0.5), then, lambda: (a, x))

        return body

    def outer(i: Value, a: Value, s: Value) -> Results:
        return b.loop(n, [a, s], inner(i))

    return b.loop(2, [a, const(1.0)], outer)


def arguments(f: Function, seed: int = 3, low: float = 0.3, high: float = 1.7) -> list[Any]:
    """Return random arguments for a function."""
    rng = np.random.default_rng(seed)
    return [sample(p.type, rng, low, high) for p in f.params]


@pytest.mark.parametrize("name", PROGRAMS)
def test_tangent_agrees_with_adjoint(name: str) -> None:
    f = make(*PROGRAMS[name], name)
    for seed in range(3):
        args = arguments(f, seed)
        check(f, args)
        positions = [k for k, p in enumerate(f.params) if is_float(p.type)]
        for k in positions if len(positions) > 1 else ():
            check(f, args, [k])


@pytest.mark.parametrize("name", PROGRAMS)
def test_tangents_of_tangent_and_adjoint(name: str) -> None:
    f = make(*PROGRAMS[name], name)
    check_twice(f, arguments(f))
