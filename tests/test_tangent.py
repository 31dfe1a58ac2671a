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
)
from srcgrad.ops import ROWS
from srcgrad.types import Array, Dim, Scalar, Type, is_float
from srcgrad.verify import verify
from tests.interpreter import StaleRead, run

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
        if spec in ("float32", "bool"):
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


# checking


def sample(type: Type, rng: np.random.Generator, low: float, high: float) -> Any:
    """Return a random value of a type; lengths that are not known are 4."""
    shape = tuple(4 if d.known is None else d.known for d in type.dims)  # type: ignore[union-attr]
    if not is_float(type):
        made = rng.integers(0, 2, shape).astype(type.dtype)
        return made if shape or type.dtype == "bool" else 3
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


def check(
    f: Function,
    args: Sequence[Any],
    wrt: Sequence[int] | None = None,
    *,
    adjoint: bool = True,
    exact: float = 1e-12,
    near: float | None = 2e-6,
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
    vs = [np.asarray(rng.uniform(0.5, 1.5, np.shape(args[k]))) for k in wrt]
    vs = [v.astype(np.asarray(args[k]).dtype) for v, k in zip(vs, wrt, strict=True)]
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
    if near is None:
        return forward
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
def scalars(b: Maker, x: Value, y: Value) -> Any:
    s = b.op("mul", x, b.op("sin", y), name="s")
    return b.op("div", s, b.op("add", x, 2.0)), b.op("mul", s, s)


@program("float", "int")
def inactive_results(b: Maker, x: Value, n: Value) -> Any:
    a = b.op("zeros", const(3), name="a")
    return x, b.op("mul", n, n), const(2.5), a, b.op("floor", x)


@program("n", "float")
def broadcast_number(b: Maker, x: Value, s: Value) -> Any:
    c = b.op("full_like", x, const(2.0))
    alone = b.op("add", c, s, name="alone")
    return alone, b.op("mul", b.op("add", x, s), b.op("exp", x))


@program("m,n", "n", "1,n", "m,1")
def broadcast_rows(b: Maker, a: Value, v: Value, row: Value, column: Value) -> Any:
    outer = b.op("add", row, column, name="outer")
    return b.op("mul", b.op("sub", a, v), outer), b.op("div", v, row)


@program("n")
def shifted_copy_is_written(b: Maker, x: Value) -> Any:
    """`y = x + 1; y[0] = x[1]`: the tangent of y is no alias of that of x."""
    y = b.op("add", x, 1.0, name="y")
    y = b.write(y, b.at(0), b.op("mul", b.read(x, b.at(1)), 3.0))
    return y, b.op("mul", x, x)


@program("n")
def shifted_is_read(b: Maker, x: Value) -> Any:
    y = b.op("add", x, 1.0, name="y")
    z = b.op("sub", y, 2.0, name="z")
    return b.op("mul", z, x)


@program("n")
def parameter_is_written(b: Maker, x: Value) -> Any:
    s = b.read(x, b.at(-1))
    x = b.write(x, b.at(0), b.op("mul", s, s))
    x = b.accumulate(x, b.at(part(1, 3)), s)
    return b.op("mul", x, x)


@program("n", "float")
def constant_is_written(b: Maker, x: Value, s: Value) -> Any:
    x = b.write(x, b.at(part(0, 2)), const(1.5))
    a = b.op("ones", const(4), name="a")
    a = b.write(a, b.at(1), s)
    a = b.accumulate(a, b.at(1), const(2.0))
    a = b.write(a, b.at(part(2, 4)), b.view(x, b.at(part(1, 3))))
    return b.op("mul", a, a)


@program("float64:3,4")
def views(b: Maker, a: Value) -> Any:
    turned = b.view(a, (Permute((1, 0)),))
    flat = b.view(a, (Reshape((const(12),)),))
    corner = b.view(a, (*b.at(part(1), part(None, None, -1)), Permute((1, 0))))
    total = b.op("sum", b.op("sin", flat), axis=None, keepdims=False)
    return b.op("matmul", a, turned), b.op("exp", corner), total


@program("float64:5", "int64:3")
def gather(b: Maker, x: Value, index: Value) -> Any:
    some = b.view(x, b.at(index))
    y = b.op("zeros_like", x, name="y")
    y = b.accumulate(y, b.at(index), b.op("mul", some, some))
    return y


@program("float64:4")
def take(b: Maker, x: Value) -> Any:
    x = b.write(x, b.at(3), b.op("sin", b.read(x, b.at(0))))
    s, x = b.take(x, b.at(0), "s")
    p, x = b.take(x, b.at(part(1, 3)), "p")
    x = b.accumulate(x, b.at(part(2, 4)), b.op("mul", p, s))
    return x, s, p


@program("float", "int")
def loop(b: Maker, x: Value, n: Value) -> Any:
    def body(i: Value, s: Value, t: Value) -> Results:
        return b.op("mul", b.op("sin", s), x), b.op("add", t, b.op("mul", s, i))

    return b.loop(n, [x, const(0.0)], body)


@program("float")
def loop_that_is_left(b: Maker, x: Value) -> Any:
    def body(i: Value, s: Value) -> Results:
        s = b.op("mul", s, b.op("add", x, 1.0))
        return s, b.op("gt", s, 4.0)

    return b.loop(20, [const(1.0)], body, leave=True)


@program("n", "int")
def recurrence(b: Maker, x: Value, n: Value) -> Any:
    """A buffer of zeros that gets its first tangent inside the loop."""
    y = b.op("zeros_like", x, name="y")

    def body(i: Value, y: Value) -> Results:
        last = b.read(y, b.at(b.op("sub", i, 1)))
        here = b.op("add", b.op("mul", last, last), b.read(x, b.at(i)))
        return [b.write(y, b.at(i), here)]

    (y,) = b.loop(n, [y], body, start=1)
    return y


@program("n", "n")
def swap(b: Maker, x: Value, y: Value) -> Any:
    def body(i: Value, u: Value, v: Value) -> Results:
        inner = b.view(v, b.at(part(1, -1)))
        left, right = b.view(v, b.at(part(0, -2))), b.view(v, b.at(part(2)))
        new = b.op("sub", b.op("mul", left, right), inner)
        return v, b.write(u, b.at(part(1, -1)), new)

    # The adjoint puts back what lies in these buffers: its results are copies.
    return [b.op("copy", a) for a in b.loop(3, [x, y], body)]


@program("n")
def replaced(b: Maker, x: Value) -> Any:
    """Each turn hands on a new array; the first is no function of x."""
    start = b.op("ones_like", x, name="y")

    def body(i: Value, y: Value) -> Results:
        return [b.op("mul", b.op("add", y, 0.5), x)]

    (y,) = b.loop(3, [start], body)
    return y


@program("float")
def repeat(b: Maker, x: Value) -> Any:
    def body(s: Value, k: Value) -> Results:
        return b.op("mul", s, b.op("add", x, 1.5)), b.op("add", k, 1.0)

    return b.repeat([x, const(0.0)], lambda s, k: b.op("lt", s, 30.0), body)


@program("float", "float")
def branches(b: Maker, x: Value, y: Value) -> Any:
    def other() -> Results:
        return b.op("mul", x, y), const(2.0), x

    (s, t, u) = b.branch(b.op("gt", x, y), lambda: (const(1.0), x, x), other)
    (v, w, _) = b.branch(b.op("le", x, y), lambda: (const(1.0), y, x), other)
    return s, t, u, b.op("mul", v, w)


@program("n", "float")
def branch_of_arrays(b: Maker, x: Value, s: Value) -> Any:
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
def conditional_swap(b: Maker, x: Value, y: Value, s: Value) -> Any:
    u, v = b.branch(b.op("gt", s, 0.0), lambda: (y, x), lambda: (x, y))
    u = b.write(u, b.at(0), b.op("mul", s, b.read(v, b.at(1))))
    return b.op("copy", u), b.op("mul", v, v)


@program("n", "float")
def fresh_in_one_arm(b: Maker, x: Value, s: Value) -> Any:
    def fresh() -> Results:
        return [b.op("ones_like", x)]

    (u,) = b.branch(b.op("gt", s, 9.0), fresh, lambda: [b.op("mul", x, s)])
    (v,) = b.branch(b.op("lt", s, 9.0), fresh, lambda: [b.op("mul", x, s)])
    return b.write(u, b.at(0), s), b.write(v, b.at(1), s)


@program("float", "int")
def list_of_numbers(b: Maker, x: Value, n: Value) -> Any:
    made = b.op("new_list", item=FLOAT, name="ys")
    made = b.push(made, const(1.0))

    def body(i: Value, ys: Value) -> Results:
        return [b.push(ys, b.op("mul", b.read(ys, b.at(i)), x))]

    (ys,) = b.loop(n, [made], body)
    return b.read(ys, b.at(2)), b.op("pack_list", ys, name="a")


@program("float64:3", "float")
def products(b: Maker, x: Value, s: Value) -> Any:
    c = b.op("eye", const(3), name="c")
    m = b.op("outer", x, x, name="m")
    m = b.op("add", m, c)
    y = b.op("solve", m, b.op("concatenate", *[b.op("full", s, const(1))] * 3))
    return b.op("matmul", y, m), b.op("det", m), b.op("prod", x, axis=None)


@program("float64:3,4", "float64:4")
def mixed_parts(b: Maker, a: Value, v: Value) -> Any:
    """Linear rows of views and constants; a view of a view inside a rule."""
    last = b.view(a, b.at(2, part()))
    ones = b.op("ones", const(2), const(4), name="ones")
    both = b.op("concatenate", b.view(a, b.at(part(0, 2), part())), ones, axis=0)
    square = b.view(a, b.at(part(), part(0, 3)))
    return b.op("stack", last, v, axis=1), both, b.op("inv", square)


@program("float64:2,3", "float64:3")
def reductions(b: Maker, a: Value, v: Value) -> Any:
    m = b.op("max", a, axis=(1,), keepdims=True)
    e = b.op("exp", b.op("sub", a, m))
    total = b.op("sum", e, axis=(1,), keepdims=True)
    p = b.op("div", e, total)
    return b.op("matmul", p, v), b.op("std", a, axis=(0,)), b.op("norm", v)


@program("float64:2,4", "int")
def nest(b: Maker, a: Value, n: Value) -> Any:
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


def arguments(f: Function, seed: int = 3, *domain: float) -> list[Any]:
    """Return random arguments for a function."""
    rng = np.random.default_rng(seed)
    return [sample(p.type, rng, *domain or (0.3, 1.7)) for p in f.params]


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


# rows

RowCase = tuple[list[str], dict[str, Any]]
# Operand types and attributes of every row that is not elementwise; `=3` is a 3.
ROW_CASES: dict[str, list[RowCase]] = {
    "copy": [(["n"], {})],
    "full": [(["float", "=3", "=2"], {})],
    "full_like": [(["n", "float"], {})],
    "linspace": [(["float", "float", "=5"], {"endpoint": e}) for e in (True, False)],
    "arange": [(["float", "float", "float"], {})],
    "pack": [(["float", "float", "float"], {})],
    "cast": [(["n"], {"dtype": "float64"}), (["float"], {"dtype": "float64"})],
    "sort": [(["3,4"], {"axis": a}) for a in (0, -1, None)] + [(["n"], {})],
    "take_along_axis": [(["3,4", "int64:2,4"], {"axis": 0})],
    "spread_along": [(["3,4", "int64:3,4", "=5"], {"axis": 0})],
    "sum": [(["m,n"], {"axis": (0,)}), (["n"], {}), (["2,3"], {"axis": (1,)})],
    "mean": [(["m,n"], {"axis": (1,), "keepdims": True}), (["m,n"], {})],
    "prod": [(["2,3"], {"axis": (0, 1)}), (["2,3"], {"axis": (1,)}), (["n"], {})],
    "max": [(["m,n"], {"axis": (0,)}), (["n"], {})],
    "min": [(["m,n"], {"axis": (1,), "keepdims": True}), (["n"], {})],
    "var": [(["m,n"], {"axis": (0,), "ddof": 1}), (["n"], {})],
    "std": [(["m,n"], {"axis": (0,), "ddof": 1}), (["n"], {})],
    "cumsum": [(["2,3"], {"axis": 0}), (["2,3"], {"axis": None}), (["n"], {})],
    "cumprod": [(["2,3"], {"axis": 0}), (["2,3"], {"axis": None}), (["n"], {})],
    "exclusive_cumprod": [(["2,3"], {"axis": 0, "reverse": r}) for r in (True, False)],
    "linear_scan": [(["n", "n"], {"axis": 0, "reverse": r}) for r in (True, False)],
    "concatenate": [(["2,3", "4,3"], {"axis": 0}), (["2,3", "2,1"], {"axis": 1})],
    "stack": [(["2,3", "2,3"], {"axis": 1}), (["n", "n"], {})],
    "flip": [(["2,3"], {"axis": 0}), (["2,3"], {"axis": None})],
    "flipud": [(["2,3"], {})],
    "fliplr": [(["2,3"], {})],
    "roll": [(["2,3", "=2"], {"axis": 1}), (["n", "=-1"], {})],
    "repeat": [(["2,3", "=2"], {"axis": 1}), (["n", "=3"], {})],
    "tile": [(["2,3"], {"reps": (2, 1)}), (["n"], {"reps": 2})],
    "broadcast_to": [(["3", "=2", "=3"], {}), (["2,1", "=2", "=3"], {})],
    "reshape": [(["2,3", "=6"], {})],
    "tril": [(["3,3"], {"k": 1})],
    "triu": [(["3,3"], {"k": -1})],
    "diag": [(["3"], {"k": 1}), (["3,4"], {"k": -1})],
    "diagonal": [(["3,4"], {"offset": 1})],
    "diagonal_matrix": [(["2", "=3", "=3"], {"k": 1})],
    "matmul": [(["2,3", "3,4"], {}), (["n", "n"], {}), (["3", "3,2"], {}),
               (["2,3", "3"], {}), (["2,2,3", "3,4"], {})],
    "inner": [(["2,3", "4,3"], {}), (["n", "n"], {})],
    "outer": [(["n", "m"], {})],
    "vdot": [(["2,3", "2,3"], {})],
    "trace": [(["3,4"], {"offset": 1})],
    "norm": [(["n"], {}), (["2,3"], {"axis": (1,)}), (["2,3"], {"ord": "fro"}),
             (["2,3"], {"axis": (1,), "ord": 1}),
             (["2,3"], {"axis": (1,), "ord": np.inf})],
    "solve": [(["3,3", "3"], {}), (["3,3", "3,2"], {})],
    "inv": [(["3,3"], {})],
    "det": [(["3,3"], {})],
    "cofactor": [(["3,3"], {})],
    "cofactor_slope": [(["3,3", "3,3"], {})],
}  # fmt: skip
# Rows of numbers alone, and the shapes of the operands of the others.
NUMBERS = {"max2", "min2", "erf", "erfc"}
SHAPES = {
    1: (["float"], ["2,3"]),
    2: (["float", "float"], ["n", "float"], ["float", "n"], ["2,3", "3"], ["2,1", "3"]),
    3: (["float", "float", "float"], ["2,3", "float", "float"], ["3", "2,3", "1,1"]),
}


def row_cases() -> Iterator[Any]:
    """Yield every differentiable row with the types of its operands."""
    for name, row in ROWS.items():
        if not row.vjp or name == "pack_list":
            continue
        if name in ROW_CASES:
            for k, (specs, attrs) in enumerate(ROW_CASES[name]):
                yield pytest.param(name, specs, attrs, id=f"{name}-{k}")
            continue
        shapes = SHAPES[len(row.params)]
        for k, specs in enumerate(shapes[:1] if name in NUMBERS else shapes):
            given = list(specs)
            if name == "where":
                given[0] = "bool:2,3" if k else "bool"
            yield pytest.param(name, given, {}, id=f"{name}-{k}")


@pytest.mark.parametrize(("name", "specs", "attrs"), [*row_cases()])
def test_tangent_of_row(name: str, specs: Sequence[str], attrs: dict[str, Any]) -> None:
    row = ROWS[name]

    def apply(b: Maker, *given: Value) -> Results:
        left = iter(given)
        args = [const(int(s[1:])) if s[0] == "=" else next(left) for s in specs]
        return [b.op(name, *args, name="z", **attrs)]

    f = make(apply, [s for s in specs if s[0] != "="], name)
    args = arguments(f, 5, *row.domain)
    if name == "clip":
        args[1:] = 0.5 * args[1], 0.5 * args[2] + 0.7
    moving = [
        k
        for k, p in enumerate(f.params)
        if is_float(p.type)
        and row.params[min(k, len(row.params) - 1)].lstrip("*") in row.vjp
    ]
    for count in range(1, len(moving) + 1):
        for wrt in itertools.combinations(moving, count):
            check(f, args, wrt)


MIXED = ["float32:2,3", "float32", "float", "float32:3", "float64:3"]


@pytest.mark.parametrize("name", ["add", "div", "pow", "hypot", "maximum"])
@pytest.mark.parametrize(("x", "y"), [*itertools.permutations(MIXED, 2)])
def test_dtypes_of_tangents(name: str, x: str, y: str) -> None:
    """Results keep the dtype that NumPy gives them; Python numbers are weak."""
    f = make(lambda b, p, q: b.op(name, p, q), [x, y])
    for wrt in ([0], [1], [0, 1]):
        forward = check(f, arguments(f), wrt, exact=1e-5, near=None)
        assert forward.results[1].type.dtype == f.results[0].type.dtype


def test_dtypes_of_linear_rows() -> None:
    def pieces(b: Maker, x: Value, s: Value, y: Value) -> Any:
        joined = b.op("concatenate", x, b.op("full", s, const(2), dtype="float32"))
        return joined, b.op("concatenate", x, y), b.op("pack", s, b.read(x, b.at(0)))

    f = make(pieces, ["float32:3", "float", "int64:2"])
    check(f, arguments(f), exact=1e-5, near=None)


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties_share_the_tangent(name: str) -> None:
    f = make(lambda b, x: b.op(name, x, axis=(1,), keepdims=True), ["2,4"])
    check(f, [np.array([[1.0, 2, 2, 1], [3, 3, 3, 3]])], near=None)


def test_where_selects_tangents() -> None:
    """An infinite slope in the arm that is not selected does not reach the result."""

    def root(b: Maker, x: Value) -> Any:
        return b.op("where", b.op("gt", x, 0.0), b.op("sqrt", x), 0.0)

    f = make(root, ["4"])
    value, slope = run(tangent(f, [0]), np.array([0.0, 1, 4, 0]), np.ones(4))
    np.testing.assert_array_equal(value, [0, 1, 2, 0])
    np.testing.assert_array_equal(slope, [0, 0.5, 0.25, 0])


def test_lists_of_arrays() -> None:
    def rows(b: Maker, x: Value, n: Value) -> Any:
        item = Array("float64", (Dim(4),))
        made = b.push(b.op("new_list", item=item, name="ys"), b.op("ones_like", x))

        def body(i: Value, ys: Value) -> Results:
            last = b.read(ys, b.at(i))
            ys = b.push(ys, b.op("mul", last, x))
            return [b.write(ys, (*b.at(0), *b.at(i)), b.read(x, b.at(1)))]

        (ys,) = b.loop(n, [made], body)
        return b.op("pack_list", ys), b.op("sin", b.read(ys, b.at(2)))

    f = make(rows, ["4", "int"])
    check(f, arguments(f), adjoint=False)


def test_lengths_known_only_now() -> None:
    """What measures a result stands before the tangent that needs the length."""

    def masked(b: Maker, x: Value, step: Value) -> Any:
        grid = b.op("arange", const(0.0), const(1.0), step, name="grid")
        some = b.view(x, b.at(b.op("gt", x, 0.8)))
        return b.op("mul", grid, step), b.op("exp", some)

    f = make(masked, ["8", "float"])
    check(f, [arguments(f)[0], 0.3])


def test_names_and_the_cut() -> None:
    """The tangent of a gradient knows which statements were the forward sweep."""
    f = make(*PROGRAMS["recurrence"])
    assert tangent(f, [0]).cut is None
    back = differentiate(f, [0])
    forward = tangent(back, [0])
    assert [p.name for p in forward.params] == ["x0", "x1", "d_f", "t_x0"]
    assert back.cut is not None
    assert forward.cut is not None
    ahead = set(back.body.stmts[: back.cut])
    first = [s for s in forward.body.stmts if s in ahead]
    assert first == [s for s in forward.body.stmts[: forward.cut] if s in ahead]
    assert not {*back.body.stmts[back.cut :]} & {*forward.body.stmts[: forward.cut]}


def test_what_does_not_move() -> None:
    """A parameter that no result depends on; a result that is a parameter."""

    def still(b: Maker, x: Value, y: Value) -> Any:
        return y, b.op("zeros_like", x), b.op("stop_gradient", b.op("exp", x))

    f = make(still, ["3", "3"])
    forward = tangent(f, [0])
    x, y, v = np.arange(3.0), np.ones(3), np.ones(3)
    for slope in run(forward, x, y, v)[3:]:
        np.testing.assert_array_equal(slope, np.zeros(3))
    assert len(tangent(f, []).results) == 6


# the interpreter


def test_interpreter_refuses_what_was_overwritten() -> None:
    def stale(b: Maker, x: Value) -> Any:
        b.write(x, b.at(0), const(1.0))
        return b.op("sin", x)

    with pytest.raises(StaleRead, match="x0 was overwritten"):
        run(make(stale, ["3"]), np.ones(3))


def test_interpreter_refuses_overlap() -> None:
    def shift(b: Maker, x: Value) -> Any:
        return b.write(x, b.at(part(1)), b.view(x, b.at(part(0, -1))))

    with pytest.raises(AssertionError, match="written from itself"):
        run(make(shift, ["3"]), np.ones(3))


def test_interpreter_checks_types() -> None:
    x = Value("x", Array("float64", (Dim(3),)))
    wrong = Value("y", Array("float64", (Dim(4),)))
    f = Function("f", (x,), Block((Op("sin", (x,), (wrong,)),)), (wrong,))
    with pytest.raises(AssertionError, match=r"y: float64\[4\] has shape \(3,\)"):
        run(f, np.ones(3))
    with pytest.raises(AssertionError, match="is a int64"):
        run(f, np.ones(3, int))


def test_interpreter_keeps_scopes() -> None:
    def leak(b: Maker, x: Value) -> Any:
        kept: list[Value] = []

        def body(i: Value, s: Value) -> Results:
            kept.append(b.op("sin", s))
            return [kept[0]]

        b.loop(2, [x], body)
        return kept[0]

    with pytest.raises(KeyError):
        run(make(leak, ["float"]), 1.0)
