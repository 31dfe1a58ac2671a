"""The tangent of a function against its adjoint, and both against differences.

Programs are written as IR by hand and run by the interpreter. For a function with
Jacobian J, `<J v, w>` from the tangent and `<v, J' w>` from the adjoint are one number.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.split import split
from srcgrad.adjoint.tangent import tangent
from srcgrad.builder import const
from srcgrad.ir import (
    Block,
    Function,
    Op,
    Permute,
    Reshape,
    Value,
)
from srcgrad.types import Array, Dim, is_float
from srcgrad.verifier import verify
from tests.interpreter import StaleRead, run
from tests.maker import (
    FLOAT,
    Maker,
    Program,
    Results,
    arguments,
    copies,
    dot,
    floats,
    make,
    moved,
    part,
)

# checking


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
        check_split(f, back, args, ws, gradients)
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


def check_split(
    f: Function, back: Function, args: Sequence[Any], ws: Sequence[Any],
    gradients: Sequence[Any],
) -> None:  # fmt: skip
    """Compare forward sweep and pullback apart with both in one.

    The pullback runs again and again, whatever becomes of the results.
    """
    count = len(f.results)
    parts = split(back, len(f.params), count)
    if parts is None:
        return
    for half in parts:
        verify(half)
    out = run(parts[0], *copies(args))
    for a, b in zip(out, run(f, *copies(args)), strict=False):
        np.testing.assert_array_equal(a, b)
    for result in out[:count]:
        if isinstance(result, np.ndarray):
            result[...] = -1
    for _ in range(2):
        for a, b in zip(run(parts[1], *out[count:], *ws), gradients, strict=True):
            np.testing.assert_array_equal(a, b)


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


# dtypes, ties, lengths


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
