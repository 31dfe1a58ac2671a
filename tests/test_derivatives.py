# mypy: allow-untyped-defs, allow-untyped-calls
"""Jacobians, Hessians, slopes of elements, linearised functions, straight through."""

import math
import pickle
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from srcgrad import (
    check_grads,
    differentiable,
    elementwise_grad,
    errors,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    linearize,
    straight_through,
    value_and_grad,
    vmap,
)

PYTHON: dict[str, Any] = {"backend": "python"}
BOTH = pytest.mark.parametrize("mode", [jacrev, jacfwd])
X = np.array([0.3, 0.5, 0.7, 0.2])
A = np.array([[3.0, 0.5, -0.2], [0.1, 2.5, 0.4], [-0.6, 0.2, 3.5]])
Pair = namedtuple("Pair", "u v")
scale = 2.0


@dataclass
class Model:
    w: Any
    n: int


def differences(f: Any, x: Any, *rest: Any) -> Any:
    """Return the Jacobian of a function of arrays by central differences."""
    step, x = 1e-6, np.asarray(x, float)
    found = np.zeros((*np.shape(f(x.copy(), *rest)), *x.shape))
    for index in np.ndindex(*x.shape):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[index] += sign * step
            ends.append(f(moved if x.ndim else float(moved), *rest))
        found[(..., *index)] = (ends[0] - ends[1]) / (2 * step)
    return found


def in_a_loop(x, n):
    y = x.copy()
    for i in range(1, n):
        y[i] = np.sin(y[i - 1]) * y[i] + x[0]
    return y


def writes_its_argument(x):
    x[1:] *= x[:-1]
    return x


def in_an_arm(x):
    if x[0] > 0:
        return x * x
    return np.exp(x)


def through_a_list(x):
    out = []
    for v in x:
        out.append(v * v)
    return np.array(out)


def left_early(x):
    s = x * 1.0
    for _ in range(10):
        s = s * 1.3
        if s.sum() > 5:
            break
    return s


def until(x):
    k, y = 0, x * 1.0
    while y.sum() < 20 and k < 50:
        y, k = y * 1.1 + x * x, k + 1
    return y


def growing(x):
    return x[x > 0.25] * x[0]


def taped(x):
    s = 0.0
    for i in range(len(x)):
        s = np.sin(s) * x[i] + x[i]
    return s


def gathered(x):
    return x[np.array([0, 2, 2, 1])] ** 2


def squares(a):
    return a @ a.T


def all_pairs(a):
    return a[:, None, :] * a[None, :, :]


def solved(a):
    return np.linalg.solve(a, np.ones(len(a)))


def curve(t):
    return np.array([t, t * t, np.sin(t)])


def rolled(x):
    return np.sin(x) * x.sum()


def energy(x):
    return (np.sin(x) * x[::-1]).sum()


PROGRAMS: list[tuple[Any, ...]] = [
    (in_a_loop, X, 4), (writes_its_argument, X), (in_an_arm, X), (through_a_list, X),
    (left_early, X), (until, X), (growing, X), (taped, X), (gathered, X),
    (squares, A[:2]), (all_pairs, A[:2]), (solved, A), (curve, 0.7), (np.diff, X),
    (np.diff, X[:1]), (squares, A[:0]), (squares, A[::2, ::-1]), (squares, A.T),
    (lambda t: t**3, 0.7),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize("program", PROGRAMS)
def test_jacobians_are_those_of_differences(mode: Any, program: Any) -> None:
    """The argument stays as it was, whatever the function does to it."""
    f, x, *rest = program
    f = f if f is not np.diff else lambda x: np.diff(x)
    before = np.copy(x)
    found = mode(f, **PYTHON)(x, *rest)
    np.testing.assert_array_equal(x, before)
    want = differences(f, x, *rest)
    assert np.shape(found) == want.shape
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-8)


@BOTH
def test_edges(mode: Any) -> None:
    """Divisions by zero are NumPy's; loops that only ran forward are gone."""
    assert mode(lambda t: math.sqrt(t) + t**0.5, **PYTHON)(0.0) == np.inf

    def windows(x):
        s = 0.0
        for i in range(0, 4, 2):
            s += x[max(0, i - 1) : i + 2].sum() ** 2
        return s

    found = mode(grad(windows), **PYTHON)(X)
    np.testing.assert_allclose(found, hessian(windows, **PYTHON)(X))
    one, other = mode(lambda s, x: (s, x * s), argnums=(0, 1), **PYTHON)(2.0, X)
    np.testing.assert_array_equal(one[1], np.zeros(4))
    assert one[0] == 1.0
    np.testing.assert_array_equal(other[0], X)


def unused(x, y):
    return np.sin(x).sum()


@BOTH
def test_arguments_that_are_not_used(mode: Any) -> None:
    """Their derivatives are zeros of their shape, at any depth."""
    other = np.ones((3, 4))
    one, two = mode(lambda x, y: x * 2, (0, 1), **PYTHON)(X, other)
    np.testing.assert_array_equal(one, 2 * np.eye(4))
    assert (two.shape, two.any()) == ((4, 3, 4), np.False_)
    _, two = mode(lambda x, y: grad(unused, (0, 1))(x, y)[1], (0, 1), **PYTHON)(
        X, other
    )
    assert two.shape == (3, 4, 3, 4)

    def outer(x, y):
        return (grad(unused, 1)(x, y) * y).sum() + x.sum()

    assert grad(outer, 1, **PYTHON)(X, other).shape == (3, 4)
    h = hessian(unused, (0, 1), **PYTHON)(X, other)
    assert h[1][0].shape == (3, 4, 4)
    rows = vmap(grad(unused, (0, 1)), **PYTHON)(np.ones((3, 4)), other)
    assert [x.shape for x in rows] == [(3, 4)] * 2
    assert elementwise_grad(unused, 1, **PYTHON)(X, other).shape == (3, 4)


@BOTH
@pytest.mark.parametrize("program", [rolled, in_an_arm, taped, growing, squares])
def test_jacobians_are_differentiated_again(mode: Any, program: Any) -> None:
    x = A[:2] if program is squares else X
    slopes = mode(program, **PYTHON)

    def scalar(x):
        return (slopes(x) * np.cos(slopes(x))).sum()

    check_grads(scalar, (x,), **PYTHON)


def test_made_inside_a_function() -> None:
    """Each is called where it is made, and so is what it is made of."""
    found = grad(lambda x: jacobian(rolled)(x).sum(), **PYTHON)(X)
    want = differences(lambda x: np.asarray(jacrev(rolled, **PYTHON)(x).sum()), X)
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-8)
    found = grad(lambda x: np.trace(hessian(energy)(x)), **PYTHON)(X)
    trace = hessian(energy, **PYTHON)
    want = differences(lambda x: np.asarray(np.trace(trace(x))), X)
    np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-8)

    def both(x, y):
        return x * x * y

    def parts(x, y):
        return grad(both, (0,))(x, y)[0] + 10.0 * grad(both, (1,))(x, y)[0]

    assert differentiable(parts, **PYTHON)(2.0, 3.0) == 12.0 + 10.0 * 4.0


def test_nested_any_way() -> None:
    want = hessian(energy, **PYTHON)(X)
    for outer in (jacrev, jacfwd, jacobian):
        np.testing.assert_allclose(outer(grad(energy), **PYTHON)(X), want, rtol=1e-12)
    one, other = jacrev(jacfwd(rolled), **PYTHON), jacfwd(jacrev(rolled), **PYTHON)
    np.testing.assert_allclose(one(X), other(X), rtol=1e-12)
    assert jacfwd(jacfwd(jacfwd(lambda t: t**4)), **PYTHON)(2.0) == 48.0
    value, slopes = jacrev(value_and_grad(energy), **PYTHON)(X)
    np.testing.assert_allclose(value, grad(energy, **PYTHON)(X))
    np.testing.assert_allclose(slopes, want, rtol=1e-12)


@pytest.mark.parametrize("mode", [jacrev, jacfwd, jacobian])
def test_trees(mode: Any) -> None:
    """The structure of the result is outside, that of the arguments inside."""

    def f(p, q):
        return {"a": p["w"] @ q.w, "b": (p["s"] * q.w, 3, None), "c": p["s"] ** 2}

    p = {"w": A, "s": 2.0, "k": 3, "name": "adam"}
    q = Model(np.array([1.0, 2.0, 3.0]), 4)
    found = mode(f, argnums=(0, 1), **PYTHON)(p, q)
    assert list(found) == ["a", "b", "c"]
    one, two = found["a"]
    np.testing.assert_allclose(one["w"], np.einsum("ia,b->iab", np.eye(3), q.w))
    assert (one["k"], one["name"], two.n) == (None, None, None)
    assert type(two) is Model
    np.testing.assert_allclose(two.w, A)
    np.testing.assert_array_equal(one["s"], np.zeros(3))
    assert found["b"][1:] == (None, None)
    np.testing.assert_allclose(found["b"][0][0]["s"], q.w)
    assert found["c"][0]["s"] == 4.0
    assert type(found["c"][0]["s"]) is np.float64
    np.testing.assert_array_equal(found["c"][1].w, np.zeros(3))


def test_hessian_of_trees_and_several_arguments() -> None:
    def loss(p):
        return (p["w"] ** 3).sum() * p["s"] + p["s"] ** 4

    h = hessian(loss, **PYTHON)({"w": X, "s": 2.0})
    np.testing.assert_allclose(h["w"]["w"], np.diag(12 * X))
    np.testing.assert_allclose(h["w"]["s"], 3 * X**2)
    np.testing.assert_allclose(h["s"]["w"], 3 * X**2)
    assert h["s"]["s"] == pytest.approx(48.0)
    h = hessian(lambda a, b: (a * a * b).sum(), argnums=(0, 1), **PYTHON)(X, X + 1)
    np.testing.assert_allclose(h[0][0], np.diag(2 * (X + 1)))
    np.testing.assert_allclose(h[0][1], np.diag(2 * X))
    np.testing.assert_allclose(h[1][0], np.diag(2 * X))
    assert not h[1][1].any()


@pytest.mark.parametrize("mode", [jacrev, jacfwd, jacobian])
def test_aux(mode: Any) -> None:
    def f(x):
        return x * x, {"sum": x.sum(), "name": "f", "n": len(x)}

    slopes, aux = mode(f, has_aux=True, **PYTHON)(X)
    np.testing.assert_allclose(slopes, np.diag(2 * X))
    assert aux == {"sum": pytest.approx(X.sum()), "name": "f", "n": 4}
    h, total = hessian(lambda x: ((x**3).sum(), x.sum()), has_aux=True, **PYTHON)(X)
    np.testing.assert_allclose(h, np.diag(6 * X))
    assert total == X.sum()
    with pytest.raises(errors.OutputError, match="because of has_aux"):
        mode(lambda x: x, has_aux=True, **PYTHON)(X)


@BOTH
def test_shapes_and_dtypes(mode: Any) -> None:
    """A Jacobian has the axes of the result, then the argument's, in its dtype."""
    point = np.array(3.0)
    found = mode(lambda t: t * t, **PYTHON)(point)
    assert (type(found), found.shape, found) == (np.ndarray, (), 6.0)
    found = mode(lambda t: np.array([1.0, 2.0]) * t, **PYTHON)(point)
    assert found.tolist() == [1.0, 2.0]
    found = mode(lambda t, y: y * t, argnums=1, **PYTHON)(point, X)
    np.testing.assert_allclose(found, 3 * np.eye(4))
    for x, dtype in ((3, np.float64), (np.float32(3), np.float32)):
        assert type(mode(lambda t: t * t, **PYTHON)(x)) is dtype
    short = X.astype(np.float32)
    assert mode(lambda t: t * t, **PYTHON)(short).dtype == np.float32
    assert mode(lambda t: t * np.ones(4), **PYTHON)(short).dtype == np.float32
    for shape in ((0,), (1,), (2, 0), (0, 3)):
        zeros = np.zeros(shape)
        assert mode(lambda t: t * 2.0, **PYTHON)(zeros).shape == shape * 2
    assert (
        mode(lambda t: t[:, :1] * 2.0, **PYTHON)(np.zeros((2, 0))).shape == (2, 0) * 2
    )
    number, ints = mode(lambda t: (t.sum(), t.astype(int)), **PYTHON)(X)
    assert (number.tolist(), ints) == ([1.0] * 4, None)


@BOTH
@pytest.mark.parametrize(
    ("function", "x", "text"),
    [
        (lambda t: t > 0, X, "SG302.*returns no float"),
        (lambda t: "text", X, "SG302.*returns no float"),
        (lambda t: np.conj(t) * t, X * 1j, "SG302.*not holomorphic"),
        (lambda t: t * abs(t[0]), X * 1j, "SG302.*not holomorphic"),
        (lambda t: np.round(t), X, "SG502.*cut by"),
        (lambda t: t * 1.0, np.arange(3), "SG301.*astype"),
    ],
)
def test_refusals(mode: Any, function: Any, x: Any, text: str) -> None:
    with pytest.raises(errors.SrcgradError, match=text.replace(".*", r"(.|\n)*")):
        mode(function, **PYTHON)(x)


@BOTH
def test_plain_errors_and_output(mode: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What Python raises is raised; what it prints is printed once."""
    with pytest.raises(IndexError):
        mode(lambda t: t[7] * t, **PYTHON)(X)

    def shown(x):
        print("total", x.sum())
        return x * x

    mode(shown, **PYTHON)(X)
    assert capsys.readouterr().out.count("total") == 1


def test_captured_numbers_are_read_at_each_call() -> None:
    global scale
    slopes = jacrev(lambda x: x * scale, **PYTHON)
    np.testing.assert_array_equal(slopes(X), 2 * np.eye(4))
    scale = 3.0
    np.testing.assert_array_equal(slopes(X), 3 * np.eye(4))
    scale = 2.0


def test_mode_of_fewer_runs() -> None:
    """Unless it is said: forward for few inputs, backward for few results."""

    def taken(f, *args):
        return jacobian(f, **PYTHON).decided(args, {}).settings["forward"]  # type: ignore[attr-defined]

    assert not taken(lambda x: x[:2] * x[2:], X)
    assert taken(lambda x: np.outer(x, x), X)
    assert taken(lambda x: x * x, X)
    assert not taken(lambda x: (x.sum(), "b"), X)
    assert taken(lambda x: x[x > 0.6], X)  # how many depends on more than shapes
    with pytest.raises(errors.ArgumentError, match="modes are 'auto', 'fwd' and 'rev'"):
        jacobian(rolled, mode="backward")
    compiled = jacobian(rolled, **PYTHON).compile(X)
    np.testing.assert_allclose(compiled(X), jacrev(rolled, **PYTHON)(X))


def test_nothing_is_computed_again_that_need_not_be() -> None:
    """One sweep forward, and before the loop what no direction changes."""
    text = jacrev(rolled, **PYTHON).source(X)
    before, turn = text.split("for ")
    assert "np.sin" in before
    assert "np.sin" not in turn
    text = jacfwd(rolled, **PYTHON).source(X)
    before, turn = text.split("for ")
    assert "np.sin" in before
    assert "np.sin" not in turn
    assert "def energy_grad_jacobian(x)" in hessian(energy, **PYTHON).source(X)


class Held:
    """Methods behind doors."""

    def __init__(self, w):
        self.w = w

    @jacrev
    def slopes(self, x):
        return x * x

    @hessian
    def curvature(self, x):
        return (x**3).sum()

    @grad
    @grad
    def second(self, x):
        return x**3

    @differentiable
    def double(self, x):
        return 2.0 * x

    def plain(self, x):
        return x * x


def test_methods() -> None:
    held = Held(2.0)
    np.testing.assert_allclose(held.slopes.with_options(**PYTHON)(X), np.diag(2 * X))
    np.testing.assert_allclose(held.curvature.with_options(**PYTHON)(X), np.diag(6 * X))
    assert held.second.with_options(**PYTHON)(2.0) == 12.0
    assert grad(held.double, **PYTHON)(3.0) == 2.0
    np.testing.assert_allclose(jacrev(held.double, **PYTHON)(X), 2 * np.eye(4))
    np.testing.assert_allclose(jacfwd(held.plain, **PYTHON)(X), np.diag(2 * X))


def test_pickle_and_options() -> None:
    def rows(*a, k=1.0):
        return a[0] * a[1] * k

    for made in (jacrev(rolled, **PYTHON), elementwise_grad(rolled, **PYTHON)):
        again = pickle.loads(pickle.dumps(made))
        assert repr(again) == repr(made)
        np.testing.assert_array_equal(again(X), made(X))
    made = jacrev(rows, **PYTHON)
    np.testing.assert_allclose(made.with_options(argnums=1)(X, 2 * X), np.diag(X))
    np.testing.assert_allclose(
        made.with_options(argnames="k")(X, X, k=3.0), X * X, rtol=1e-15
    )
    own = differentiable(energy, **PYTHON)
    doors: list[Any] = [grad, value_and_grad, jacrev, hessian, elementwise_grad]
    for door in doors:
        assert door(own).options.backend == "python"
        assert door(own, backend="numba").options.backend == "numba"


def test_options_hold_for_derivatives_too() -> None:
    """Budgets, the search for nan, and the text of the last call."""

    def recurrence(x, n):
        s = x
        for i in range(n):
            s = np.sin(s) * 1.1 + x * i
        return s

    for door in (jacrev, jacfwd, hessian):
        small = door(recurrence, memory_budget="2KB", **PYTHON)
        assert small(0.4, 500) == door(recurrence, **PYTHON)(0.4, 500)
    slopes = jacobian(lambda x: {"root": np.sqrt(x)}, check_nan=True, **PYTHON)
    assert np.isfinite(slopes(X)["root"]).all()
    with pytest.raises(
        errors.NonFiniteGradientError, match=r"in the result's `\.root`"
    ):
        slopes(X - X[3])
    assert "jacobian" in slopes.backward_source
    assert "jacobian" in slopes._repr_html_()
    with pytest.raises(errors.SrcgradError, match="boundscheck"):
        jacrev(rolled, boundscheck=False)


def test_elementwise_grad() -> None:
    twice = elementwise_grad(elementwise_grad(lambda x: np.sin(x)), **PYTHON)
    np.testing.assert_allclose(twice(A), -np.sin(A))
    assert elementwise_grad(lambda x: x * x, **PYTHON)(3.0) == 6.0
    one, other = elementwise_grad(lambda a, b: a * b, (0, 1), **PYTHON)(A, X[:3])
    np.testing.assert_allclose(one, np.broadcast_to(X[:3], A.shape))
    np.testing.assert_allclose(other, A.sum(axis=0))
    slopes, aux = elementwise_grad(lambda a: (a * a, "aux"), has_aux=True, **PYTHON)(X)
    np.testing.assert_allclose(slopes, 2 * X)
    assert aux == "aux"


def test_one_array_as_several_operands() -> None:
    """Each operand moves alone, and all of them together."""
    x, v = X.reshape(2, 2), np.array([[1.0, -2.0], [0.5, 3.0]])
    for f in (
        lambda a: np.linalg.multi_dot([a, a.T, a]),
        lambda a: np.linalg.solve(a, a * a[0]) + np.interp(a[0], np.sort(a[0]), a[0]),
    ):
        _, slope = jvp(f, (x,), (v,), **PYTHON)
        moved = (f(x + 1e-6 * v) - f(x - 1e-6 * v)) / 2e-6
        np.testing.assert_allclose(slope, moved, 1e-6, 1e-7)


def test_linearize() -> None:
    x = X.copy()
    value, push = linearize(rolled, x, **PYTHON)
    x[:] = 0.0
    np.testing.assert_array_equal(value, rolled(X))
    np.testing.assert_allclose(push(A[0, 0] * X), jacrev(rolled, **PYTHON)(X) @ X * 3)
    value, push = linearize(lambda a, k: a * k, X, 3, **PYTHON)
    np.testing.assert_allclose(push(X, None), 3 * X)


def test_straight_through() -> None:
    """The value is the function's, the derivative the identity's."""
    hard = straight_through(np.sign)
    assert hard(-X).tolist() == [-1.0] * 4
    found = grad(lambda x: (hard(x) * x).sum(), **PYTHON)(X)
    np.testing.assert_allclose(found, np.sign(X) + X)

    @straight_through
    def above(x):
        """Tell where x is large."""
        return x > 0.4

    assert above.__doc__ == "Tell where x is large."
    found = grad(lambda x: (above(x) * x).sum(), **PYTHON)(X)
    np.testing.assert_allclose(found, (X > 0.4) + X)
    assert grad(lambda x: straight_through(np.round)(x) ** 2, **PYTHON)(2.7) == 6.0
    total = straight_through(np.sum)
    with pytest.raises(ValueError, match="another shape"):
        total(X)
    with pytest.raises(errors.SrcgradError):
        grad(lambda x: total(x) * x[0], **PYTHON)(X)


def test_check_grads_takes_a_function_s_own_options() -> None:
    made = differentiable(energy, **PYTHON)
    check_grads(made, (X,), order=2)
    assert [m.options.backend for m in (made, grad(made))] == ["python"] * 2
    for function in (jacrev(rolled, **PYTHON), hessian(energy, **PYTHON)):
        check_grads(function, (X,))
    check_grads(in_a_loop, (X, 4), **PYTHON)  # an int beside floats stays one


@pytest.mark.parametrize("f", [in_a_loop, squares])
def test_compiled(f: Any) -> None:
    """Kernels give the same numbers."""
    args = (X, 4) if f is in_a_loop else (A[:2],)
    for mode in (jacrev, jacfwd):
        compiled, plain = mode(f, backend="numba"), mode(f, **PYTHON)
        for _ in range(2):  # the second call takes the short way
            np.testing.assert_allclose(compiled(*args), plain(*args), rtol=1e-12)
    h = hessian(energy, backend="numba")
    np.testing.assert_allclose(h(X), hessian(energy, **PYTHON)(X), rtol=1e-12)
