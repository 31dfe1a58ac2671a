"""check_grads and verify find what is wrong, and nothing else."""

from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import check_grads, custom_vjp, errors, verify
from srcgrad.differentiated import Differentiated

PYTHON: dict[str, Any] = {"backend": "python"}


@custom_vjp
def wrong(x: Any) -> Any:
    return np.sin(x)


@wrong.defvjp
def wrong_vjp(g: Any, z: Any, x: Any) -> Any:
    return g * np.cos(x) * (1 + 1e-4)


@custom_vjp
def wrong_twice(x: Any) -> Any:
    return x * x * x


@wrong_twice.defvjp
def wrong_twice_vjp(g: Any, z: Any, x: Any) -> Any:
    return g * 3 * srcgrad.stop_gradient(x * x)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_right_derivatives_pass(order: int, dtype: Any) -> None:
    def f(p: Any, n: Any) -> Any:
        return np.sum(np.exp(-(p["x"] ** 2)) * n) + p["a"] * p["x"][0]

    x = np.linspace(0.2, 1.1, 4).astype(dtype)
    check_grads(f, ({"x": x, "a": dtype(0.5), "tag": 3}, 2), order=order, **PYTHON)


def test_results_may_be_containers() -> None:
    check_grads(lambda x: {"y": x * x, "z": [np.sum(x)]}, (np.ones(3),), **PYTHON)


@pytest.mark.parametrize("mode", ["rev", "fwd"])
def test_a_wrong_rule_is_found(mode: str) -> None:
    def f(x: Any) -> Any:
        return np.sum(wrong(x))

    with pytest.raises(AssertionError, match="SG704") as caught:
        check_grads(f, (np.array([0.1, 0.4]),), modes=(mode,), **PYTHON)
    assert isinstance(caught.value, errors.GradientCheckError)


def test_the_worst_element_is_named() -> None:
    def f(x: Any) -> Any:
        return x[0] * 2 + wrong(x[1]) + x[2]

    with pytest.raises(AssertionError, match=r"`x\[1\]`"):
        check_grads(f, (np.array([0.1, 0.4, 2.0]),), modes=("rev",), **PYTHON)


def test_second_order_is_checked() -> None:
    def f(x: Any) -> Any:
        return wrong_twice(x)

    check_grads(f, (1.5,), **PYTHON)
    with pytest.raises(AssertionError, match="second order"):
        check_grads(f, (1.5,), order=2, **PYTHON)


def test_nothing_to_check_is_an_error() -> None:
    with pytest.raises(errors.ArgumentError, match="no argument"):
        check_grads(lambda s: 1.0, ("text",), **PYTHON)


@pytest.mark.parametrize("options", [{"order": 3}, {"modes": ("sideways",)}])
def test_unknown_orders_and_modes(options: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError, match="SG306"):
        check_grads(lambda x: x, (1.0,), **options)


def test_arguments_stay_as_they_are() -> None:
    def f(x: Any) -> Any:
        x[0] = x[1] * 2
        return np.sum(x * x)

    x = np.array([1.0, 2.0])
    check_grads(f, (x,), order=2, **PYTHON)
    verify(f, (x,), **PYTHON)
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("spoilt", "text"),
    [
        (lambda x: (x * x + 1e-15, x), "element 0"),
        (lambda x: (x.astype(np.float32), x), "dtype"),
        (lambda x: (x[:1], x), "shape"),
        (lambda x: [x * x, x], "list"),
    ],
)
def test_verify_finds_a_wrong_value(
    spoilt: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def f(x: Any) -> Any:
        return x * x, x

    x = np.array([1.0, 2.0])
    verify(f, (x,), **PYTHON)
    monkeypatch.setattr(Differentiated, "value", lambda self, x: spoilt(x))
    with pytest.raises(errors.GradientCheckError, match="SG703") as caught:
        verify(f, (x,), **PYTHON)
    assert text in str(caught.value)


def test_verify_looks_at_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        x[0] = 5.0
        return x[0]

    monkeypatch.setattr(Differentiated, "value", lambda self, x: np.float64(5.0))
    with pytest.raises(errors.GradientCheckError, match="argument 0 after the call"):
        verify(f, (np.array([1.0, 2.0]),), **PYTHON)
