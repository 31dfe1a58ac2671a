# mypy: allow-untyped-defs, allow-untyped-calls
"""Batches: a generated loop over rows, inside and outside of gradients."""

import pickle
from typing import Any

import numpy as np
import pytest

from srcgrad import check_grads, errors, grad, hessian, jacfwd, jacrev, vjp, vmap

PYTHON: dict[str, Any] = {"backend": "python"}
ROWS = np.random.default_rng(1).uniform(0.2, 1.0, size=(5, 4))
BLOCK = np.random.default_rng(2).normal(size=(2, 3, 4))


def loss(w, x, y):
    return (np.tanh(x @ w) - y) ** 2


def energy(x):
    return (np.sin(x) * x[::-1]).sum()


def rolled(x):
    return np.sin(x) * x.sum()


def stacked(f: Any, *columns: Any) -> Any:
    return np.stack([f(*row) for row in zip(*columns, strict=True)])


@pytest.mark.parametrize("in_axis", [0, 1, 2, -1, -2])
@pytest.mark.parametrize("out_axis", [0, 1, -1])
def test_axes(in_axis: int, out_axis: int) -> None:
    found = vmap(rolled, in_axes=in_axis, out_axes=out_axis, **PYTHON)(BLOCK)
    parts = [rolled(np.take(BLOCK, k, in_axis)) for k in range(BLOCK.shape[in_axis])]
    np.testing.assert_array_equal(found, np.stack(parts, out_axis))


def test_containers_and_what_is_the_same_in_each_row() -> None:
    def f(d, y, k):
        return {"a": d["x"] * y * k, "b": (d["c"], y, "text", None)}

    axes = ({"x": 0, "c": None}, 1, None)
    made = vmap(f, in_axes=axes, out_axes={"a": 1, "b": (0, 0, 0, 0)}, **PYTHON)
    found = made({"x": ROWS, "c": np.ones(2)}, ROWS.T, 3)
    np.testing.assert_allclose(found["a"], 3 * (ROWS * ROWS).T)
    assert found["b"][0].shape == (5, 2)
    np.testing.assert_array_equal(found["b"][1], ROWS)
    assert found["b"][2:] == ("text", None)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda k: k * 2, (np.arange(5),)),
        (lambda v: v.sum() > 2, (ROWS,)),
        (lambda v: v * 2, (ROWS.astype(np.float32),)),
        (lambda v: v[0] * 2, (ROWS.astype(np.float32),)),
        (lambda t: t * 2 if t > 1 else -t, (np.array([0.5, 3.0]),)),
        (lambda v: v[1:] - v[:-1], (ROWS,)),
        (lambda v: np.zeros(2 * len(v) // 3) + v.sum(), (ROWS,)),
        (lambda v: np.linalg.solve(np.outer(v, v) + np.eye(4), v), (ROWS,)),
        (lambda v: np.cumsum(v), (ROWS.T[::2].T,)),
        (lambda v: v.sum(), (BLOCK[:, :, 0],)),
        (lambda v: v * 1.0, (ROWS[:1],)),
        (lambda v: v[:0], (ROWS,)),
    ],
)
def test_results_are_those_of_the_rows(f: Any, args: Any) -> None:
    found, want = vmap(f, **PYTHON)(*args), stacked(f, *args)
    assert (found.dtype, found.shape) == (want.dtype, want.shape)
    np.testing.assert_array_equal(found, want)


def test_no_rows() -> None:
    made = vmap(lambda v: (v[1:] * 2, v.sum()), **PYTHON)
    two, total = made(ROWS[:0])
    assert (two.shape, total.shape) == ((0, 3), (0,))


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_gradients_of_examples(backend: str) -> None:
    """The loop stands around the gradient, with the adjoint in it, and in it."""
    w, y = np.array([0.3, 0.5, 0.7, -0.4]), np.linspace(-1.0, 1.0, 5)
    each = vmap(grad(loss), in_axes=(None, 0, 0), backend=backend)
    slope = grad(loss, **PYTHON)
    want = np.stack([slope(w, *row) for row in zip(ROWS, y, strict=True)])
    for _ in range(2):
        np.testing.assert_allclose(each(w, ROWS, y), want, rtol=1e-13)
    batch = vmap(loss, in_axes=(None, 0, 0))

    def total(w, x, y):
        return batch(w, x, y).sum()

    found = grad(total, backend=backend)(w, ROWS, y)
    np.testing.assert_allclose(found, want.sum(axis=0), rtol=1e-13)
    if backend == "python":
        inside = grad(
            lambda w: vmap(loss, in_axes=(None, 0, 0))(w, ROWS, y).sum(), **PYTHON
        )
        np.testing.assert_allclose(inside(w), want.sum(axis=0), rtol=1e-13)
        assert "for i in range(n):" in each.source(w, ROWS, y)
        return
    threads = vmap(grad(loss), in_axes=(None, 0, 0), backend=backend, parallel=True)
    np.testing.assert_array_equal(threads(w, ROWS, y), each(w, ROWS, y))


def test_composes_with_other_derivatives() -> None:
    found = vmap(hessian(energy), **PYTHON)(ROWS)
    np.testing.assert_allclose(found, stacked(hessian(energy, **PYTHON), ROWS))
    found = vmap(jacrev(rolled), out_axes=2, **PYTHON)(ROWS)
    np.testing.assert_allclose(
        found, np.moveaxis(stacked(jacrev(rolled, **PYTHON), ROWS), 0, 2)
    )
    want = np.zeros((5, 5, 4))
    want[range(5), range(5)] = stacked(grad(energy, **PYTHON), ROWS)
    for mode in (jacrev, jacfwd):
        np.testing.assert_allclose(mode(vmap(energy), **PYTHON)(ROWS), want)
    check_grads(vmap(rolled, in_axes=1, **PYTHON), (ROWS,))
    pairs = vmap(
        vmap(lambda a, b: a * b, in_axes=(None, 0)), in_axes=(0, None), **PYTHON
    )
    np.testing.assert_array_equal(pairs(ROWS[0], ROWS[1]), np.outer(ROWS[0], ROWS[1]))
    _, pull = vjp(vmap(energy, **PYTHON), ROWS, **PYTHON)
    np.testing.assert_allclose(pull(np.ones(5))[0], want.sum(axis=0))


def spread_if_one(x, k):
    return (x[:k] * x).sum()


def trading_places(x):
    old, new = x.copy(), np.zeros(len(x))
    for _ in range(3):
        for i in range(len(x)):
            new[i] = old[i] * x[i] - old[i - 1]
        old, new = new, old
    return old.sum()


@pytest.mark.parametrize(
    ("f", "rest"), [(spread_if_one, (1,)), (spread_if_one, (4,)), (trading_places, ())]
)
def test_lengths_that_are_learned(f: Any, rest: Any) -> None:
    """Also inside of another function, and of arrays that change places."""
    axes = (0, *[None] * len(rest))
    slopes = grad(f, **PYTHON)
    want = np.stack([slopes(row, *rest) for row in ROWS])
    found = vmap(grad(f), in_axes=axes, **PYTHON)(ROWS, *rest)
    np.testing.assert_allclose(found, want, rtol=1e-13)
    _, pull = vjp(vmap(f, in_axes=axes, **PYTHON), ROWS, *rest, **PYTHON)
    np.testing.assert_allclose(pull(np.ones(5))[0], want, rtol=1e-13)


def test_picked_rows_add_up() -> None:
    def pick(k, t):
        return t[k] ** 2

    picked = vmap(pick, in_axes=(0, None))
    places, t = np.array([2, 0, 2, -1]), ROWS[0]
    found = grad(lambda t: picked(places, t).sum(), **PYTHON)(t)
    np.testing.assert_allclose(found, 2 * t * np.array([1, 0, 2, 1]))


def test_no_argument_is_written() -> None:
    """What a function does to a row, or to what rows share, stays in its turn."""

    def writes(x, shared):
        x[1:] *= x[:-1]
        shared[0] += x.sum()
        return x, shared

    rows, shared = ROWS.copy(), np.zeros(2)
    found, sums = vmap(writes, in_axes=(0, None), **PYTHON)(rows, shared)
    np.testing.assert_array_equal(rows, ROWS)
    assert not shared.any()
    want = stacked(lambda x: writes(x.copy(), np.zeros(2))[0], ROWS)
    np.testing.assert_array_equal(found, want)
    np.testing.assert_array_equal(sums[:, 0], [row.sum() for row in want])


def test_errors_and_output_are_those_of_the_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def careful(x):
        print("row of", len(x))
        if x[0] < 0:
            raise ValueError("below zero")
        return x * 1.0

    made = vmap(careful, **PYTHON)
    made(ROWS)
    assert capsys.readouterr().out == "row of 4\n" * 5
    bad = ROWS.copy()
    bad[2, 0] = -1.0
    with pytest.raises(ValueError, match="below zero"):
        made(bad)
    with pytest.raises(ValueError, match="different numbers of rows: `x` 5, `y` 3"):
        vmap(lambda x, y: x.sum() * y, **PYTHON)(ROWS, np.ones(3))


@pytest.mark.parametrize(
    ("f", "axes", "args", "text"),
    [
        (lambda x: x[x > 0.5], {}, (ROWS,), "depends on the numbers in a row"),
        (
            lambda x, n: np.ones(n) * x[0],
            {},
            (ROWS, np.arange(5)),
            "depends on the num",
        ),
        (lambda x: x, {"in_axes": 3}, (ROWS,), "`x` has no axis 3"),
        (lambda x: x, {"in_axes": (0, 0)}, (ROWS,), "2 items, for 1 arguments"),
        (lambda x: x, {"in_axes": None}, (ROWS,), "no argument of"),
        (lambda x: x * 2, {}, (2.0,), "no argument of"),
        (lambda x: x.sum(), {"out_axes": 1}, (ROWS,), "rank 1 has no axis 1"),
        (lambda x: x.sum(), {"out_axes": None}, (ROWS,), "no axis None"),
        (lambda x: x, {"in_axes": ({"a": 0},)}, (ROWS,), "do not fit `x`"),
        (lambda x, k: x.sum(axis=k), {}, (BLOCK, np.arange(2)), "`k` decides what"),
        (grad(lambda x: x * x), {}, (np.arange(4),), "SG301"),
    ],
)
def test_refusals(f: Any, axes: Any, args: Any, text: str) -> None:
    with pytest.raises(errors.SrcgradError, match=text):
        vmap(f, **axes, **PYTHON)(*args)


@pytest.mark.parametrize(
    "axes", [{"in_axes": "a"}, {"out_axes": 1.5}, {"in_axes": True}]
)
def test_axes_of_a_wrong_kind(axes: Any) -> None:
    with pytest.raises(errors.ArgumentError, match="an axis is an int or None"):
        vmap(energy, **axes)


class Scaled:
    def __init__(self, w):
        self.w = w

    @vmap
    def rows(self, x):
        return x.sum() * self.w.sum()


def test_methods_starred_arguments_and_pickle() -> None:
    found = Scaled(np.ones(2)).rows.with_options(**PYTHON)(ROWS)
    np.testing.assert_allclose(found, 2 * ROWS.sum(axis=1))
    made = vmap(lambda *a, k=1.0: a[0].sum() * a[1] * k, **PYTHON)
    want = ROWS.sum(axis=1) * np.arange(5.0) * 2
    np.testing.assert_allclose(made(ROWS, np.arange(5.0), k=2.0), want)
    some = vmap(lambda *a, **k: a[0].sum() * k["s"], in_axes=(0,), **PYTHON)
    np.testing.assert_allclose(some(ROWS, s=3.0), 3 * ROWS.sum(axis=1))
    again = pickle.loads(pickle.dumps(vmap(grad(energy), in_axes=1, **PYTHON)))
    np.testing.assert_array_equal(again(ROWS), vmap(grad(energy), 1, **PYTHON)(ROWS))
    assert "vmap of <srcgrad.grad of energy>" in repr(again)
