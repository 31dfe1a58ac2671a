"""Arguments that are lists of many floats: one array inside, lists again outside."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.trees import leaves, spec_of, table_of

BACKENDS = "python", "numba"
ON_BOTH = pytest.mark.parametrize("backend", BACKENDS)
X = [0.05 * k + 0.1 for k in range(20)]


@dataclass
class Line:
    w: list[float]
    name: str = "line"


def weighted(x: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total += x[i] * x[i] * i
    return total


def squares(x: Any, k: float) -> Any:
    return [a * a * k for a in x]


def emptied(x: Any) -> Any:
    y = x[1]
    x.clear()
    x.append(3.0 * y)
    return x[0] + len(x)


def changes_a_row(rows: Any) -> Any:
    rows[0][1] = 2.0 * rows[1][0]
    return rows


def changes(x: Any) -> Any:
    x[0] = x[1] * 2.0
    x.append(x[0])
    return x


def opened(p: Any) -> Any:
    return sum([a * a for a in p["w"]]) * p["lines"][0].w[1]


def cube(x: Any) -> Any:
    return sum([a**3 for a in x])


def slopes_inside(x: Any) -> Any:
    slope = srcgrad.grad(cube)(x)
    return sum(slope) + len(slope * 2)


def table(x: Any, y: Any) -> Any:
    return [[a * b for b in y] for a in x][3][1] * x[0]


def test_a_list_is_a_table_if_its_many_numbers_are_of_one_kind() -> None:
    assert table_of(X) == ("table", "float64", (20,), True)
    assert table_of([np.float64(x) for x in X]) == ("table", "float64", (20,), False)
    others = X[:16], tuple(X), [1, *X], [*X, np.float64(1.0)], [X, X[1:]], [True] * 20
    assert all(table_of(x) is None for x in others)


def test_tables_are_arrays_by_name() -> None:
    value = {"w": X, "b": 1.0}
    found = {n: np.shape(x) for n, _, x in leaves(spec_of(value), value, "p")}
    assert found == {"p.w": (20,), "p.b": ()}


@ON_BOTH
def test_one_function_is_made_for_all_lengths(backend: str) -> None:
    f = srcgrad.grad(weighted, backend=backend)
    for n in (400, 401, 2000):
        x = np.linspace(0.0, 1.0, n)
        slope = f(x.tolist())
        assert slope == f(x).tolist()
        assert {*map(type, slope)} == {float}
        assert type(f.value(x.tolist())) is float
    assert len(f.specializations) == 2


@ON_BOTH
def test_it_takes_the_time_of_an_array(backend: str) -> None:
    started = time.perf_counter()
    srcgrad.grad(weighted, backend=backend)([0.5] * 2000)
    assert time.perf_counter() - started < 20.0


@ON_BOTH
@pytest.mark.parametrize("turn", range(2))  # by the long way, then by the short one
def test_other_lists_are_read_as_they_are(backend: str, turn: int) -> None:
    f = srcgrad.grad(weighted, backend=backend)
    for x in (X, X[:17], [1, *X[1:]], X[:3], [np.float64(a) for a in X], X):
        for _ in range(1 + turn):
            slope = f(x)
        assert isinstance(slope, list)
        assert len(slope) == len(x)
        got = [a for a in slope if a is not None]
        want = [2.0 * a * i for i, a in enumerate(x) if type(a) is not int]
        np.testing.assert_allclose(got, want, rtol=1e-14)


@ON_BOTH
def test_results_are_lists(backend: str) -> None:
    options: dict[str, Any] = {"backend": backend}
    first = [1.0, *[None] * 19]
    value, pullback = srcgrad.vjp(squares, X, 2.0, **options)
    assert value == squares(X, 2.0)
    assert type(value[0]) is float
    slope, by_k = pullback(first)
    assert slope == [4.0 * X[0], *[0.0] * 19]
    assert by_k == X[0] ** 2
    value, moved = srcgrad.jvp(
        squares, (X, 2.0), ([1.0, *[None] * 19], None), **options
    )
    assert value == squares(X, 2.0)
    assert moved == [4.0 * X[0], *[0.0] * 19]
    rows = srcgrad.jacobian(squares, **options)(X, 2.0)
    assert isinstance(rows, list)
    assert isinstance(rows[0], list)
    np.testing.assert_allclose(rows, np.diag(4.0 * np.array(X)), rtol=1e-14)
    both = srcgrad.jacobian(squares, argnums=(0, 1), **options)(X, 2.0)
    assert type(both[1]) is tuple
    assert both[1] == (rows[1], X[1] ** 2)
    parts = srcgrad.jacobian(lambda x: np.array(x)[:3] * x[0], **options)(X)
    assert isinstance(parts, list)
    assert parts[0].shape == (3,)
    bent = srcgrad.hessian(weighted, **options)(X)
    assert bent[3][3] == 6.0
    assert bent[3][4] == 0.0
    assert isinstance(bent[3], list)
    mapped = srcgrad.vmap(squares, in_axes=(None, 0), **options)(X, np.arange(3.0))
    assert isinstance(mapped, list)
    assert mapped[1].tolist() == [
        0.0,
        X[1] ** 2,
        2 * X[1] ** 2,
    ]


@ON_BOTH
def test_a_list_that_is_changed_is_the_callers(backend: str) -> None:
    f, mine = srcgrad.differentiable(changes, backend=backend), list(X)
    other = list(X)
    assert f(mine) is mine
    assert mine == changes(other)
    given = list(X)
    value, pullback = srcgrad.vjp(changes, given, backend=backend)
    assert given == X
    assert value == changes(list(X))
    assert pullback([1.0, *[0.0] * 19, 1.0])[0] == [0.0, 4.0, *[0.0] * 18]
    rows = srcgrad.differentiable(changes_a_row, backend=backend)
    with pytest.raises(srcgrad.errors.MutationError, match="two names"):
        rows.vjp([X, X])


@ON_BOTH
def test_a_list_is_emptied(backend: str) -> None:
    value, slope = srcgrad.value_and_grad(emptied, backend=backend)(list(X))
    assert value == emptied(list(X))
    assert slope == [0.0, 3.0, *[0.0] * 18]


@ON_BOTH
def test_lists_in_containers_keep_their_places(backend: str) -> None:
    p = {"w": X, "lines": (Line(list(X)),)}
    slope = srcgrad.grad(opened, backend=backend)(p)
    np.testing.assert_allclose(slope["w"], 2.0 * np.array(X) * X[1], rtol=1e-14)
    line = slope["lines"][0]
    assert type(line) is Line
    assert len(line.w) == 20
    assert line.name is None
    state = srcgrad.optim.SGD(0.1)
    new, _ = state.update(slope, state.init(p), p)
    assert spec_of(new) == spec_of(p)


@ON_BOTH
def test_a_gradient_inside_is_a_list(backend: str) -> None:
    value, slope = srcgrad.value_and_grad(slopes_inside, backend=backend)(X)
    assert value == pytest.approx(slopes_inside(X), rel=1e-14)
    np.testing.assert_allclose(slope, 6.0 * np.array(X), rtol=1e-13)


def beside_some(x: Any, n: int) -> Any:
    grown = [0.1 * i for i in range(n)]
    beside = [b for _, b in zip(grown, x, strict=False)]
    return beside[0] * sum(beside)


def beside_as_many(x: Any, n: int) -> Any:
    grown = [0.1 * i for i in range(n)]
    beside = [b for _, b in zip(grown, np.array(x), strict=False)]
    return beside[0] * sum(beside)


@ON_BOTH
def test_a_list_that_grew_ends_a_zip_of_single_numbers(backend: str) -> None:
    """Its items were not read, so nothing told that there were too few."""
    x = X[:14]
    for of, n in ((beside_some, 14), (beside_as_many, 12)):
        f = srcgrad.differentiable(of, backend=backend)
        assert f(x, n) == pytest.approx(of(x, n), rel=1e-14)
    f = srcgrad.differentiable(beside_some, backend=backend)
    with pytest.raises(srcgrad.errors.SrcgradError, match="`zip` ends with"):
        f(x, 12)


def test_what_is_refused_of_tables_is_read_number_by_number() -> None:
    f = srcgrad.grad(table, argnums=(0, 1), backend="python")
    want = [X[3] * X[1], 0.0, 0.0, X[1] * X[0]]
    for _ in range(2):
        np.testing.assert_allclose(f(X, X)[0][:4], want, rtol=1e-14)
    assert len(f.specializations) == 1


@pytest.mark.parametrize(
    "tangent", [X[1:], 1.0, ["a"] * 20], ids=["short", "number", "texts"]
)
def test_tangents_fit_a_list(tangent: Any) -> None:
    call: Callable[..., Any] = srcgrad.jvp
    with pytest.raises(ValueError, match="a tangent"):
        call(weighted, (X,), (tangent,), backend="python")
