"""The public interface: every sentence of API section 2 that holds, and section 3."""

import enum
import functools
import inspect
import math
import pickle
import platform
import subprocess
import sys
import threading
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import srcgrad
from srcgrad import (
    Differentiated,
    custom_vjp,
    differentiable,
    errors,
    grad,
    hvp,
    jvp,
    register_vjp,
    show,
    stop_gradient,
    value_and_grad,
    vjp,
)
from srcgrad import grad as named_grad
from srcgrad.specialise import Specialisation, once

Array = np.ndarray[Any, Any]
Point = namedtuple("Point", "x y")
PYTHON: dict[str, Any] = {"backend": "python"}
scale = 2.0
weights = np.array([1.0, 2.0, 3.0])
axis = 0
table = {"a": 2.0}


@dataclass
class Model:
    """Parameters as users keep them."""

    w: Any
    steps: int


def square(x: Any) -> Any:
    """Return x squared."""
    return x * x


def weighted(x: Any, y: Any, *, k: Any = 3.0) -> Any:
    return np.sum(x * y) * k


def x3() -> Array:
    return np.array([1.0, 2.0, 3.0])


# 1. argnums, argnames, binding


def test_int_argnums_gives_one_gradient() -> None:
    got = grad(weighted, argnums=1, **PYTHON)(x3(), weights)
    assert isinstance(got, np.ndarray)
    assert got.tolist() == [3.0, 6.0, 9.0]


@pytest.mark.parametrize("argnums", [(1,), [1]])
def test_tuple_and_list_argnums_give_a_tuple(argnums: Any) -> None:
    got = grad(weighted, argnums=argnums, **PYTHON)(x3(), weights)
    assert isinstance(got, tuple)
    assert [g.tolist() for g in got] == [[3.0, 6.0, 9.0]]


def test_order_of_argnums_is_the_order_of_gradients() -> None:
    one, other = grad(weighted, argnums=(1, 0), **PYTHON)(x3(), 2 * x3())
    assert one.tolist() == [3.0, 6.0, 9.0]
    assert other.tolist() == [6.0, 12.0, 18.0]


def test_negative_argnums_count_from_the_end() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * x * y

    assert grad(f, argnums=-1, **PYTHON)(3.0, 1.0) == 9.0
    assert grad(f, argnums=-2, **PYTHON)(3.0, 1.0) == 6.0


def test_argnames_choose_by_name() -> None:
    assert grad(weighted, argnames="k", **PYTHON)(x3(), x3()) == 14.0
    got = grad(weighted, argnames=["k", "y"], **PYTHON)(x3(), x3())
    assert got[0] == 14.0
    assert got[1].tolist() == [3.0, 6.0, 9.0]


def test_argnums_come_before_argnames() -> None:
    y, k = grad(weighted, argnums=(1,), argnames="k", **PYTHON)(x3(), x3())
    assert y.tolist() == [3.0, 6.0, 9.0]
    assert k == 14.0


def test_keywords_and_defaults_bind() -> None:
    got = grad(weighted, **PYTHON)(y=np.ones(3), x=x3(), k=5.0)
    assert got.tolist() == [5.0, 5.0, 5.0]


def test_starred_parameters() -> None:
    def f(a: Any, *rest: Any, **named: Any) -> Any:
        return a * rest[0] * rest[1] * named["t"]

    assert grad(f, argnums=2, **PYTHON)(2.0, 3.0, 5.0, t=7.0) == 42.0
    assert grad(f, argnums=(0, 1), **PYTHON)(2.0, 3, 5.0, t=7.0) == (105.0, 70.0)
    assert grad(f, argnames="t", **PYTHON)(2.0, 3.0, 5.0, t=7) == 30.0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"argnums": 2}, "argnums 2 is out of range: `pair` takes 2 arguments"),
        ({"argnums": -3}, "argnums -3 is out of range"),
        ({"argnames": "q"}, "`pair` has no argument `q`"),
        ({"argnums": (0, -2)}, "`x` is chosen twice"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], text: str) -> None:
    def pair(x: Any, y: Any) -> Any:
        return x * y

    with pytest.raises(errors.ArgumentError, match="SG303") as caught:
        grad(pair, **options, **PYTHON)(1.0, 2.0)
    assert text in str(caught.value)


@pytest.mark.parametrize("argnums", [1.5, "x", True, None])
def test_argnums_of_a_wrong_kind(argnums: Any) -> None:
    with pytest.raises(TypeError, match="SG303"):
        grad(square, argnums=argnums)


@pytest.mark.parametrize(
    "options", [{"argnum": 0}, {"backend": "cuda"}, {"parallel": 1}]
)
def test_unknown_options(options: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError, match="SG306"):
        grad(square, **options)


def test_a_call_that_python_refuses() -> None:
    with pytest.raises(
        TypeError, match=r"weighted\(\) missing 1 required positional argument: 'y'"
    ):
        grad(weighted, **PYTHON)(1.0)


# 2. structure, shape, dtype


def tree_loss(p: Any) -> Any:
    a, b = p["list"]
    return (
        np.sum(p["w"] ** 2) + a * b * p["n"] + p["pt"].x * 3.0 + p["m"].w * p["m"].steps
    )


def test_gradient_has_the_structure_of_the_argument() -> None:
    params = {
        "w": x3(), "list": [2.0, 5.0], "n": 3, "pt": Point(1.0, 2.0),
        "m": Model(4.0, 6), "name": "adam", "flag": True, "none": None,
    }  # fmt: skip
    got = grad(tree_loss, **PYTHON)(params)
    assert list(got) == list(params)
    assert got["w"].tolist() == [2.0, 4.0, 6.0]
    assert got["list"] == [15.0, 6.0]
    assert got["n"] is None
    assert got["pt"] == Point(3.0, 0.0)
    assert type(got["pt"]) is Point
    assert got["m"] == Model(6.0, None)  # type: ignore[arg-type]
    assert [got[k] for k in ("name", "flag", "none")] == [None, None, None]


def test_gradient_owns_its_memory() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x * y)

    x, y = np.asfortranarray(np.ones((3, 4))), np.arange(12.0).reshape(3, 4)[:, ::1]
    one, other = grad(f, argnums=(0, 1), **PYTHON)(x, y)
    for gradient in (one, other):
        assert gradient.flags.c_contiguous
        assert gradient.flags.writeable
        assert gradient.base is None
        assert not any(np.may_share_memory(gradient, z) for z in (x, y))
    assert not np.may_share_memory(one, other)


def test_gradient_of_a_transpose_is_in_c_order() -> None:
    got = grad(lambda A: np.sum(A.T @ np.ones((2, 5)) * 3.0), **PYTHON)(np.ones((2, 4)))
    assert got.flags.c_contiguous
    assert got.base is None
    x, y = np.ones(3), np.ones(3)
    one, other = grad(lambda x, y: np.sum(np.sin(x + y)), argnums=(0, 1), **PYTHON)(
        x, y
    )
    assert one is not other
    one[0] = 9.0
    assert other[0] != 9.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_has_the_dtype(dtype: Any) -> None:
    got = grad(lambda x: np.sum(x * x), **PYTHON)(np.ones(3, dtype))
    assert got.dtype == dtype
    assert type(grad(square, **PYTHON)(dtype(3.0))) is dtype


def test_zero_dimensional_array_gets_one() -> None:
    got = grad(square, **PYTHON)(np.array(3.0))
    assert isinstance(got, np.ndarray)
    assert got.shape == ()
    assert got == 6.0
    assert grad(grad(lambda x: x**3, **PYTHON), **PYTHON)(np.array(2.0)) == 12.0
    assert differentiable(grad(square), **PYTHON)(np.array(3.0)).shape == ()


def test_big_endian_is_read() -> None:
    got = grad(lambda x: np.sum(x * x), **PYTHON)(x3().astype(">f8"))
    assert got.tolist() == [2.0, 4.0, 6.0]


def test_a_new_int_does_not_recompile() -> None:
    f = grad(lambda x, n: x**n, **PYTHON)
    assert f(2.0, 3) == 12.0
    assert f(2.0, 4) == 32.0
    assert f.cache_info().specializations == 1


def test_an_int_that_decides_the_text_does() -> None:
    f = grad(lambda x, k: np.sum(np.sum(x, axis=k) ** 2), **PYTHON)
    x = np.arange(6.0).reshape(2, 3)
    assert f(x, 0)[0].tolist() == [6.0, 10.0, 14.0]
    assert f(x, 1)[0].tolist() == [6.0, 6.0, 6.0]
    assert f(x, 0)[0].tolist() == [6.0, 10.0, 14.0]
    assert f.cache_info().specializations == 2


# 3. ints


def test_int_at_argnums_is_a_float() -> None:
    got = grad(square, **PYTHON)(3)
    assert got == 6.0
    assert isinstance(got, float)
    assert type(grad(square, **PYTHON).value(3)) is int


@pytest.mark.parametrize("x", [np.arange(3), np.array([True])])
def test_int_array_at_argnums_is_refused(x: Array) -> None:
    with pytest.raises(TypeError, match="SG301") as caught:
        grad(lambda x: np.sum(x * 1.0), **PYTHON)(x)
    assert "x.astype(float)" in str(caught.value)


@pytest.mark.parametrize(
    ("x", "code"),
    [
        ("text", "SG301"), (None, "SG301"), (True, "SG301"), (np.array(["a"]), "SG305"),
        (np.array([None]), "SG305"), (np.ones(2, np.float16), "SG305"),
        (np.ma.masked_array([1.0]), "SG305"), ({1.0}, "SG305"),
    ],
)  # fmt: skip
def test_other_arguments_are_refused(x: Any, code: str) -> None:
    with pytest.raises(errors.SrcgradError, match=code):
        grad(lambda x: np.sum(x * 1.0), **PYTHON)(x)


# 4. output


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: np.sum(x, keepdims=True), "an array of shape (1,)"),
        (lambda x: x * 2, "an array of shape (:,)"),
        (lambda x: (x[0], x[1]), "a tuple"),
        (lambda x: None, "None"),
        (lambda x: [x[0]], "a list"),
    ],
)
def test_output_must_be_a_scalar(function: Any, text: str) -> None:
    with pytest.raises(errors.OutputError, match="SG302") as caught:
        grad(function, **PYTHON)(x3())
    assert f"must return a real scalar, not {text}" in str(caught.value)


def test_output_error_names_the_return_line_and_the_ways_out() -> None:
    def late(x: Any) -> Any:
        y = x * 2
        return y

    with pytest.raises(TypeError, match="SG302") as caught:
        grad(late, **PYTHON)(x3())
    line = late.__code__.co_firstlineno + 2
    assert f"test_api.py:{line}:" in str(caught.value)
    for way in ("[0]", ".sum()", "jacobian"):
        assert way in str(caught.value)


def test_int_result_is_refused() -> None:
    with pytest.raises(TypeError, match="not a float"):
        grad(lambda x: len(x), **PYTHON)(x3())


def test_has_aux() -> None:
    def f(x: Any) -> Any:
        return np.sum(x * x), {"twice": x * 2, "tag": "ok"}

    gradient, aux = grad(f, has_aux=True, **PYTHON)(x3())
    assert gradient.tolist() == [2.0, 4.0, 6.0]
    assert aux["twice"].tolist() == [2.0, 4.0, 6.0]
    assert aux["tag"] == "ok"
    (value, aux), gradient = value_and_grad(f, has_aux=True, **PYTHON)(x3())
    assert value == 14.0
    assert gradient.tolist() == [2.0, 4.0, 6.0]
    assert not np.may_share_memory(aux["twice"], gradient)


def test_has_aux_needs_a_pair() -> None:
    with pytest.raises(TypeError, match="SG302"):
        grad(square, has_aux=True, **PYTHON)(1.0)


# 5. the caller's arrays


def overwrites(x: Any) -> Any:
    x[0] = x[1] * x[1]
    return np.sum(x * x)


def test_gradient_never_writes_the_callers_arrays() -> None:
    x = x3()
    got = grad(overwrites, **PYTHON)(x)
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert got.tolist() == [0.0, 4 * 2.0**3 + 4.0, 6.0]  # in the values on entry
    vjp(overwrites, x, **PYTHON)[1](1.0)
    jvp(overwrites, (x,), (x3(),), **PYTHON)
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_value_writes_as_python_does() -> None:
    x = x3()
    assert grad(overwrites, **PYTHON).value(x) == 29.0
    assert x.tolist() == [4.0, 2.0, 3.0]


def test_value_that_raises_has_written_what_python_writes() -> None:
    def f(x: Any) -> Any:
        x[0] = 9.0
        if x[1] > 0:
            raise ValueError("positive")
        return x[0]

    x = x3()
    with pytest.raises(ValueError, match="positive"):
        differentiable(f, **PYTHON)(x)
    assert x.tolist() == [9.0, 2.0, 3.0]
    x = x3()
    with pytest.raises(ValueError, match="positive"):
        grad(f, **PYTHON)(x)
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_write_to_a_read_only_array_raises_as_plain() -> None:
    x = x3()
    x.flags.writeable = False
    for call in (grad(overwrites, **PYTHON), differentiable(overwrites, **PYTHON)):
        with pytest.raises(ValueError, match="read-only"):
            call(x)


# 7. gradients of gradients


def cube(x: Any) -> Any:
    return 2 * x * x * x


def test_grad_of_grad() -> None:
    assert grad(grad(cube, **PYTHON), **PYTHON)(3.0) == 36.0
    assert grad(grad(grad(cube)), **PYTHON)(3) == 12.0


def test_grad_of_grad_where_lengths_meet() -> None:
    def f(s: Any, x: Any, i: Any) -> Any:
        return np.sum(s**3 * (x[:i] * x[i:]))

    x = np.array([2.0, 3.0, 5.0, 7.0])
    twice = grad(grad(f), **PYTHON)
    for i in (2, 1, 3, 2):
        assert twice(2.0, x, i) == 12.0 * np.sum(x[:i] * x[i:])


def test_a_gradient_inside_where_lengths_meet() -> None:
    def f(s: Any, x: Any, i: Any) -> Any:
        return np.sum(s**3 * (x[:i] * x[i:]))

    slope = grad(f, **PYTHON)
    outer = grad(lambda s, x, i, j: slope(s, x, i) * np.sum(x[:j] * x[j:]), **PYTHON)
    x = np.array([2.0, 3.0, 5.0, 7.0])
    for i, j in ((2, 2), (1, 2), (2, 1), (3, 1), (2, 2)):
        want = 12.0 * np.sum(x[:i] * x[i:]) * np.sum(x[:j] * x[j:])
        assert outer(2.0, x, i, j) == want


def test_a_gradient_inside_of_a_sum_that_is_squared() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for i in range(len(x)):
            y = np.sin(x[i]) * x[i]
            total += y * y
        return total * total

    slope, x = grad(f, **PYTHON), np.array([0.5, 1.5, 2.0])
    whole = differentiable(lambda x: np.sum(slope(x)), **PYTHON)
    np.testing.assert_allclose(whole(x), np.sum(slope(x)))


def test_little_room_is_made_for_turns_that_may_not_come() -> None:
    def f(x: Any) -> Any:
        for _ in range(1000):
            x = x * np.sin(x)
            if np.sum(x) < 1.0:
                break
        return np.sum(x)

    slope = grad(f, **PYTHON)
    assert "x_saved = np.empty(1000)" in slope.source(2.0)
    assert "x_saved = []" in slope.source(np.ones(3))


def test_value_of_grad_of_grad_is_the_gradient() -> None:
    assert differentiable(grad(cube), **PYTHON)(3.0) == 54.0
    assert value_and_grad(grad(cube), **PYTHON)(3.0) == (54.0, 36.0)


slope = grad(cube, **PYTHON)
both = value_and_grad(cube, **PYTHON)
plain_value = differentiable(cube, **PYTHON)


def test_a_decorated_function_inside_means_what_calling_it_means() -> None:
    assert grad(lambda x: slope(x) * x, **PYTHON)(2.0) == 72.0  # (6 x^3)'
    assert grad(lambda x: plain_value(x) * x, **PYTHON)(2.0) == 64.0  # (2 x^4)'

    def f(x: Any) -> Any:
        value, derivative = both(x)
        return value + derivative

    assert grad(f, **PYTHON)(2.0) == 48.0


def test_an_int_given_to_a_gradient_inside_is_a_float() -> None:
    assert grad(lambda x: slope(3) * x, **PYTHON)(2.0) == 54.0
    assert grad(lambda x, n: slope(n) * x, **PYTHON)(2.0, 3) == 54.0


def sine_of_sum(x: Any, y: Any) -> Any:
    return np.sum(np.sin(x + y))


both_slopes = grad(sine_of_sum, argnums=(0, 1), **PYTHON)


def test_gradients_taken_inside_are_arrays_of_their_own() -> None:
    def f(x: Any, y: Any) -> Any:
        one, other = both_slopes(x, y)
        one[0] = 0.0
        return np.sum(one * x) + np.sum(other)

    x, y = x3(), np.ones(3)
    want = np.sum(np.cos(x + y)[1:] * x[1:]) + np.sum(np.cos(x + y))
    np.testing.assert_allclose(differentiable(f, **PYTHON)(x, y), want, rtol=1e-12)
    srcgrad.check_grads(f, (x, y), **PYTHON)


def energy(x: Any, p: Any) -> Any:
    total = 0.0
    for k in range(len(x) - 1):
        total = total + p["c"] * (x[k + 1] - x[k]) ** 2 * x[k]
    return total


force = grad(energy, **PYTHON)


def test_grad_of_a_scalar_made_from_a_gradient() -> None:
    def f(x: Any, c: Any) -> Any:
        return np.sum(force(x, {"c": c, "n": 1}) ** 2)

    x = np.array([0.3, 1.1, 0.7, 2.0])
    srcgrad.check_grads(f, (x, 1.5), **PYTHON)
    twice = grad(f, argnums=(0, 1), **PYTHON)(x, 1.5)
    product = hvp(energy, **PYTHON)(x, force(x, {"c": 1.5}), {"c": 1.5})
    np.testing.assert_allclose(twice[0], 2 * product, rtol=1e-12)


def test_gradient_inside_a_loop() -> None:
    def descend(x: Any, rate: Any) -> Any:
        for _ in range(3):
            x = x - rate * force(x, {"c": 0.5})
        return np.sum(x * x)

    x = np.array([0.3, 1.1, 0.7])
    srcgrad.check_grads(descend, (x, 0.1), **PYTHON)


quartic = differentiable(lambda x: np.sum(x**4), **PYTHON)


def test_gradients_are_made_inside() -> None:
    def f(x: Any, c: Any) -> Any:
        step = grad(energy, backend="python")
        for _ in range(2):
            x = x - 0.1 * step(x, {"c": c})
        both = value_and_grad(energy, argnums=(0, 1), backend="python")
        value, (gx, gp) = both(x, {"c": c})
        return value + np.sum(gx**2) + gp["c"]

    srcgrad.check_grads(f, (np.array([0.3, 1.1, 0.7]), 1.5), **PYTHON)


def test_methods_of_a_differentiable_function_are_called_inside() -> None:
    def f(x: Any) -> Any:
        value, slope = quartic.value_and_grad(x)
        return value * slope[0] + np.sum(quartic.grad(x) * x) + quartic.value(2 * x)

    x = x3()
    four, three = np.sum(x**4), 4 * x**3
    want = four * three[0] + 4 * four + 16 * four
    np.testing.assert_allclose(differentiable(f, **PYTHON)(x), want, rtol=1e-12)
    srcgrad.check_grads(f, (x,), **PYTHON)


def test_hvp_takes_the_other_arguments_in_order() -> None:
    def f(a: Any, x: Any, b: Any) -> Any:
        return a * np.sum(x**3) * b

    v = np.array([1.0, 0.0, 2.0])
    for argnums in (1, -2):
        got = hvp(f, argnums, **PYTHON)(x3(), v, 2.0, 5.0)
        np.testing.assert_allclose(got, 60 * x3() * v)
    assert hvp(f, 0, **PYTHON)(2.0, 1.0, x3(), 5.0) == 0.0


# 8. closures and globals


def test_captured_values_are_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    f = grad(lambda x: np.sum(x * weights) * scale * table["a"], **PYTHON)
    assert f(x3()).tolist() == [4.0, 8.0, 12.0]
    monkeypatch.setattr(sys.modules[__name__], "scale", 3.0)
    monkeypatch.setattr(sys.modules[__name__], "weights", np.ones(3))
    monkeypatch.setitem(table, "a", 1.0)
    assert f(x3()).tolist() == [3.0, 3.0, 3.0]
    assert f.cache_info().specializations == 1


def test_a_captured_value_of_another_kind_recompiles() -> None:
    factor: Any = 2.0
    f = grad(lambda x: np.sum(x * factor), **PYTHON)
    assert f(x3()).tolist() == [2.0, 2.0, 2.0]
    factor = np.array([1.0, 0.0, 4.0])
    assert f(x3()).tolist() == [1.0, 0.0, 4.0]
    factor = np.array([[1.0], [5.0]])
    assert f(x3()).tolist() == [6.0, 6.0, 6.0]


def test_captured_values_that_decide_the_text_recompile() -> None:
    mode, k = "double", 0

    def f(x: Any) -> Any:
        factor = 2.0 if mode == "double" else 3.0
        return np.sum(np.sum(x, axis=k) ** 2) * factor

    g, x = grad(f, **PYTHON), np.arange(6.0).reshape(2, 3)
    assert g(x)[0].tolist() == [12.0, 20.0, 28.0]
    mode = "triple"
    assert g(x)[0].tolist() == [18.0, 30.0, 42.0]
    k = 1
    assert g(x)[0].tolist() == [18.0, 18.0, 18.0]
    mode, k = "double", 0
    assert g(x)[0].tolist() == [12.0, 20.0, 28.0]


def times_seven(x: Any) -> Any:
    return x * 7.0


def test_a_helper_that_changes_recompiles() -> None:
    helper = square

    def f(x: Any) -> Any:
        return helper(x)

    g = grad(f, **PYTHON)
    assert g(3.0) == 6.0

    helper = times_seven

    assert g(3.0) == 7.0


def own_name(x: Any) -> Any:
    return np.sum(x, axis=axis)


def test_a_helpers_capture_is_not_mixed_up_with_an_argument() -> None:
    def f(x: Any, axis: Any) -> Any:
        return np.sum(own_name(x) * axis)

    got = grad(f, argnums=1, **PYTHON)(np.ones((2, 3)), 5.0)
    assert got == 6.0


class Layer:
    """An object as users write them: no dataclass, equal to all of its kind."""

    def __init__(self, k: Any) -> None:
        self.k = k

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer)

    def __hash__(self) -> int:
        return 1

    def __call__(self, x: Any) -> Any:
        return np.sum(x * x) * self.k

    def loss(self, x: Any, p: Any = 1.0) -> Any:
        return self(x) * p

    @grad(backend="python")
    def slope(self, x: Any) -> Any:
        return self.loss(x)


def test_attributes_of_objects_are_read_at_each_call() -> None:
    layer = Layer(2.0)
    x, ones = x3(), np.ones(3)
    calls: list[Any] = [
        lambda: grad(layer, **PYTHON)(x), lambda: grad(layer.loss, **PYTHON)(x),
        lambda: layer.slope(x), lambda: grad(lambda x: layer(x), **PYTHON)(x),
    ]  # fmt: skip
    function = grad(lambda x, o: np.sum(x * x) * o.k, **PYTHON)
    calls += [lambda: function(x, layer)]
    for call in calls:
        layer.k = 2.0
        assert call().tolist() == [4.0, 8.0, 12.0]
        layer.k = np.array([1.0, 0.0, 0.0])
        value: Any = vjp(layer, ones, **PYTHON)[0]
        assert value.tolist() == [3.0, 0.0, 0.0]
        layer.k = 5.0
        assert call().tolist() == [10.0, 20.0, 30.0]
    assert function(x, Layer(1.0)).tolist() == [2.0, 4.0, 6.0]
    assert grad(layer.loss, argnums=1, **PYTHON)(x, 3.0) == 70.0
    srcgrad.check_grads(layer.loss, (x, 3.0), **PYTHON)
    srcgrad.verify(layer, (x,), **PYTHON)


class Config:
    rate = 2.0


@dataclass(frozen=True)
class Dense:
    """A layer with methods and properties."""

    w: Any
    act: Any = np.tanh

    @property
    def twice(self) -> Any:
        return self.w * 2.0

    @staticmethod
    def half(x: Any) -> Any:
        return x * 0.5

    def apply(self, x: Any) -> Any:
        return self.act(self.half(x * self.twice))


def test_attributes_of_classes_and_namespaces_are_read_at_each_call() -> None:
    names = SimpleNamespace(a=2.0, inner=SimpleNamespace(b=3.0))
    times_seven.k = 1.0  # type: ignore[attr-defined]
    f = grad(lambda x: x * Config.rate * names.a, **PYTHON)
    g = grad(lambda x: x * names.inner.b * times_seven.k, **PYTHON)  # type: ignore
    assert (f(1.0), g(1.0)) == (4.0, 3.0)
    Config.rate, names.a, names.inner.b = 3.0, 5.0, 7.0
    assert (f(1.0), g(1.0)) == (15.0, 7.0)
    times_seven.k = 2.0  # type: ignore[attr-defined]
    names.inner = SimpleNamespace(b=1.0)
    assert g(1.0) == 2.0


def test_methods_and_properties_of_dataclasses() -> None:
    layers = [Dense(1.0), Dense(0.5)]

    def net(x: Any, last: Any) -> Any:
        for layer in layers:
            x = layer.apply(x)
        return last.apply(x)

    srcgrad.check_grads(net, (0.3, Dense(2.0, np.sin)), **PYTHON)
    srcgrad.verify(net, (0.3, Dense(2.0, np.sin)), **PYTHON)
    layers[0] = Dense(3.0)
    srcgrad.verify(net, (0.3, Dense(2.0, np.cos)), **PYTHON)


def test_partials_hold_arguments() -> None:
    def f(a: Any, x: Any, *, k: Any = 1.0) -> Any:
        return a * k * np.sum(x * x)

    held = functools.partial(f, 2.0, k=3.0)
    assert grad(held, **PYTHON)(x3()).tolist() == [12.0, 24.0, 36.0]
    assert grad(held, argnames="k", **PYTHON)(x3()) == 28.0
    assert value_and_grad(held, **PYTHON)(x3(), k=1.0)[0] == 28.0


def test_a_function_that_is_reloaded_in_place_is_read_again() -> None:
    def helper(x: Any) -> Any:
        return x * 2.0

    def f(x: Any, k: Any = 3.0) -> Any:
        return helper(x) * k

    g, own = grad(f, **PYTHON), grad(helper, **PYTHON)
    assert (g(1.0), own(1.0)) == (6.0, 2.0)
    helper.__code__ = times_seven.__code__
    assert own(1.0) == 7.0
    assert g(1.0) == 21.0
    f.__defaults__ = (1.0,)
    assert g(1.0) == 7.0


def times_five(self: Any, x: Any) -> Any:
    return 5.0 * x


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_methods_and_rules_that_change_are_seen(backend: str) -> None:
    class Gain:
        def __init__(self, k: float) -> None:
            self.k = k

        def times(self, x: Any) -> Any:
            return self.k * x

    @dataclass
    class Line:
        a: Any

        def at(self, x: Any) -> Any:
            return self.a * x

        @property
        def twice(self) -> Any:
            return self.a * 2.0

        def __call__(self, x: Any) -> Any:
            return self.a * x

    gain, held = Gain(2.0), SimpleNamespace(hook=Gain(3.0).times)

    def plain(x: Any) -> Any:
        return x * 1.0

    def f(x: Any) -> Any:
        line = Line(x)
        return gain.times(x) + held.hook(x) + line.at(1.0) + line.twice + line(1.0)

    g, h = grad(f, backend=backend), grad(lambda x: plain(x), backend=backend)
    assert [g(1.0), g(1.0), h(1.0), h(1.0)] == [9.0, 9.0, 1.0, 1.0]
    held.hook = Gain(4.0).times
    assert [g(1.0), g(1.0)] == [10.0, 10.0]
    setattr(Gain, "times", times_five)  # noqa: B010
    assert [g(1.0), g(1.0)] == [13.0, 13.0]
    setattr(Line, "at", lambda self, x: self.a * x * 2.0)  # noqa: B010
    assert [g(1.0), g(1.0)] == [14.0, 14.0]
    setattr(Line, "twice", property(lambda self: self.a * 3.0))  # noqa: B010
    assert [g(1.0), g(1.0)] == [15.0, 15.0]
    setattr(Line, "__call__", lambda self, x: self.a * 2.0)  # noqa: B010
    assert [g(1.0), g(1.0)] == [16.0, 16.0]
    register_vjp(plain, lambda g, z, x: 10.0 * g)
    assert [h(1.0), h(1.0)] == [10.0, 10.0]


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_what_is_added_to_classes_and_defaults_later_is_seen(backend: str) -> None:
    @dataclass
    class Gain:
        k: float

    def helper(x: Any, *, k: float = 2.0, how: str = "once") -> Any:
        return x * k if how == "once" else x * k * 3.0

    def f(x: Any, gain: Any, *, k: float = 1.0) -> Any:
        return helper(x) * k if gain else x * 5.0

    g = grad(f, backend=backend)
    given = (1.0, Gain(2.0))
    assert [g(*given), g(*given)] == [2.0, 2.0]
    assert helper.__kwdefaults__
    assert f.__kwdefaults__
    helper.__kwdefaults__["k"] = 4.0
    assert [g(*given), g(*given)] == [4.0, 4.0]
    helper.__kwdefaults__["how"] = "often"
    assert [g(*given), g(*given)] == [12.0, 12.0]
    f.__kwdefaults__["k"] = 2.0
    assert [g(*given), g(*given)] == [24.0, 24.0]
    setattr(Gain, "__bool__", lambda self: self.k > 9.0)  # noqa: B010
    assert [g(*given), g(*given)] == [5.0, 5.0]


def test_an_ordered_dict_stays_one() -> None:
    given = OrderedDict(b=2.0, a=3.0)
    assert repr(grad(lambda p: p["a"] * p["b"], **PYTHON)(given)) == repr(
        OrderedDict(b=np.float64(3.0), a=np.float64(2.0))
    )


def test_a_length_of_what_a_helper_returns_has_a_legal_name() -> None:
    def step(a: Any, b: Any, k: int) -> Any:
        if k == 0:
            return a
        t = a.copy()
        for i in range(k):
            t[i] = t[i] * b[i + 1]
            if t[i] < 0.2:
                return t * b
            a[i] += t[i]
        return t + a

    def f(x: Any) -> Any:
        a, b = x.copy(), x * x
        for k in range(4):
            a, b = step(a, b, k), a
        return np.sum(a * b)

    x = np.array([0.31, 0.72, 1.13, 0.94, 0.53])
    assert differentiable(f, **PYTHON)(x) == f(x)
    srcgrad.check_grads(f, (x,), **PYTHON)


def test_a_unit_cotangent_is_no_name_for_what_is_written_later() -> None:
    def f(x: Any) -> Any:
        z = x.copy()
        w = z[1:]
        w *= w
        y = z + 1
        z[0] = y[0] * w[0]
        return np.sum(y * z)

    v = np.array([1.0, -2.0, 0.5])
    want = hvp(f, **PYTHON)(x3(), v)
    for backend in ("python", "numba"):
        slope = grad(f, backend=backend)
        once = grad(lambda x: np.sum(slope(x) * v), backend=backend)  # noqa: B023
        for found in (once(x3()), vjp(slope, x3(), backend=backend)[1](v)[0]):
            np.testing.assert_allclose(found, want, rtol=1e-12)


def test_pullback_of_a_gradient_of_a_loop_that_is_left() -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        total = 0.0
        for k in range(2):
            for i in range(k + 2):
                y[i] = y[i] / (1.0 + y[i] * y[i + 1])
                if y[i] > 0.4:
                    continue
                if total > 2.0:
                    break
                total += y[i]
        return total * total

    slope = grad(f, backend="numba")
    _, pull = vjp(slope, np.array([0.31, 0.72, 1.13, 0.94]), backend="numba")
    v = np.ones(4)
    want = hvp(f, **PYTHON)(np.array([0.31, 0.72, 1.13, 0.94]), v)
    np.testing.assert_allclose(pull(v)[0], want, rtol=1e-12)


def test_kernels_take_numbers_of_derived_types_and_arrays_out_of_line() -> None:
    class Level(enum.IntEnum):
        two = 2

    class Real(float):
        pass

    gains = Level.two, Real(3.0)
    g = grad(lambda x, n: np.sum(x) * n * gains[0] * gains[1], backend="numba")
    assert g(1.0, Level.two) == g(1.0, Real(2.0)) == g(Real(1.0), 2) == 12.0
    apart = np.zeros(25, np.uint8)[1:].view(float)
    assert not apart.flags.aligned
    for x in (x3(), x3(), apart):
        assert g(x, 1.0).tolist() == [6.0, 6.0, 6.0]


def test_what_may_change_unseen_is_refused() -> None:
    with pytest.raises(errors.SrcgradError, match="is a set"):
        grad(lambda x, s: x * len(s), **PYTHON)(1.0, {1, 2})
    with pytest.raises(errors.ArgumentError, match="exceeds 64 bits"):
        grad(lambda x, n: x * n, **PYTHON)(1.0, 2**63)


def test_sets_of_names_are_seen_to_change() -> None:
    known = {"square"}

    def f(x: Any, ways: Any) -> Any:
        return x * x if "square" in known and "square" in ways else 3.0 * x

    slope = grad(f, **PYTHON)
    assert slope(2.0, {"square", "cube"}) == 4.0
    assert slope(2.0, {"cube"}) == 3.0
    assert slope(2.0, {"square"}) == 4.0
    known.clear()
    assert slope(2.0, {"square"}) == 3.0


def test_tables_are_seen_to_change() -> None:
    table = [0.5 * k for k in range(20)]

    def f(x: Any) -> Any:
        s = 0.0
        for w in table:
            s = s * x + w
        return s, table

    made = differentiable(f, **PYTHON)
    for k in range(4):
        out, rows = made(1.5)
        assert (out, rows) == f(1.5)
        assert type(rows) is list
        if k == 0:
            table[3] = 7.0
        if k == 1:
            table[4] = 2
        if k == 2:
            table.append(1.0)


def test_what_is_none_raises_where_it_is_read() -> None:
    def f(x: Any, length: Any = None) -> Any:
        if x > 2.0:
            x = x / length
        return x**2

    def first_above(x: Any) -> Any:
        found = None
        for v in x:
            if found is None and v > 0.5:
                found = v * v
        return found * x[0]

    slope = grad(f, **PYTHON)
    assert slope(1.5) == 3.0
    with pytest.raises(TypeError, match="NoneType"):
        slope(3.0)
    slope = grad(first_above, **PYTHON)
    assert slope(np.array([0.5, 2.0])).tolist() == [4.0, 2.0]
    with pytest.raises(TypeError, match="NoneType"):
        slope(np.array([0.5, 0.2]))


def test_leaves_of_one_name_are_told_apart() -> None:
    def f(x: Any, x_0: Any, y: Any) -> Any:
        return np.sum(np.sum(y, axis=x[0]) ** 2) * np.sum(np.sum(y, axis=x_0))

    y = np.arange(6.0).reshape(2, 3)
    for pair in ((0, 1), (1, 0)):
        got = value_and_grad(f, argnums=2, **PYTHON)((pair[0],), pair[1], y)
        assert got[0] == f((pair[0],), pair[1], y)


def test_arguments_that_share_memory_with_a_written_one() -> None:
    def f(x: Any, y: Any) -> Any:
        x[0] = 5.0
        return np.sum(x * y)

    x = x3()
    for call in (grad(f, **PYTHON), lambda *a: vjp(f, *a, **PYTHON)):
        with pytest.raises(errors.MutationError, match="SG403"):
            call(x, x[::-1])
    assert grad(f, argnums=1, **PYTHON)(x, x.copy()).tolist() == [5.0, 2.0, 3.0]
    assert x.tolist() == [1.0, 2.0, 3.0]
    assert differentiable(f, **PYTHON)(x, x) == 38.0
    slope = grad(f, **PYTHON)
    with pytest.raises(errors.MutationError, match="given twice"):
        grad(lambda z: np.sum(slope(z, z)), **PYTHON)(x)


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_written_argument_whose_elements_share_memory(backend: str) -> None:
    def doubled(x: Any) -> Any:
        x *= 2.0
        return x[0] * x[1]

    x = as_strided(np.ones(1), (2,), (0,))
    assert srcgrad.differentiable(doubled, backend=backend)(x) == 4.0
    assert x.tolist() == [2.0, 2.0]
    with pytest.raises(errors.MutationError, match="elements of `x` share memory"):
        grad(doubled, backend=backend)(x)
    fixed = np.broadcast_to(np.ones(1), (2,))
    with pytest.raises(ValueError, match="read-only"):
        grad(doubled, backend=backend)(fixed)


def test_writing_a_captured_array_is_an_error() -> None:
    def f(x: Any) -> Any:
        weights[0] = x
        return weights[0] * x

    with pytest.raises(ValueError, match="SG408"):
        grad(f, **PYTHON)(1.0)
    assert weights.tolist() == [1.0, 2.0, 3.0]


# 9. backends


def test_backends_agree() -> None:
    x = x3()
    for f in (energy, lambda x, p: p["c"] * np.sum(np.sin(x) * weights)):
        one = value_and_grad(f, **PYTHON)(x, {"c": 2.0})
        other = value_and_grad(f, backend="numba")(x, {"c": 2.0})
        np.testing.assert_allclose(one[0], other[0], rtol=1e-12)
        np.testing.assert_allclose(one[1], other[1], rtol=1e-12)


def test_the_short_way_gives_what_the_long_way_gives() -> None:
    """Call again with the same shapes: other dtypes, orders, captures, read-only."""
    factor: Any = np.ones(3)
    f = value_and_grad(lambda x, y: np.sum(x * y * factor), backend="numba")
    g = value_and_grad(f.primal, **PYTHON)
    frozen = x3()
    frozen.flags.writeable = False
    calls = [
        (x3(), x3()), (x3(), x3()), (x3(), x3().astype(np.float32)),
        (x3().astype(np.float32), x3()), (x3()[::-1], x3()), (frozen, frozen),
        (np.ones(6)[::2], x3()), (x3().astype(">f8"), x3()), (x3(), np.ones(1)),
        (x3(), np.arange(3)), (x3(), 2.0), (x3(), 2), (x3(), np.float32(2.0)),
    ]  # fmt: skip
    for value in (np.ones(3), 2 * np.ones(3), 3.0, np.float32(2.0), x3()[::-1]):
        factor = value
        for x, y in calls * 2:
            got, want = f(x, y), g(x, y)
            assert got[0] == want[0]
            assert got[1].tolist() == want[1].tolist()
            assert got[1].dtype == want[1].dtype
            assert type(got[0]) is type(want[0])
    f.value(x3(), 1.0)
    with pytest.raises(ValueError, match="broadcast"):
        f(x3(), np.ones(2))


def test_the_short_way_takes_containers_apart() -> None:
    """Call with dicts whose keys, flags, shapes, dtypes and kinds of numbers differ."""

    def f(p: Any, k: Any = 2.0) -> Any:
        b = p["l"][1] if p["s"] == "b" else 1.0
        return np.sum(p["w"] ** 2) * p["l"][0] * b * k + p["pt"].x * p["m"].w

    def params(**changed: Any) -> dict[str, Any]:
        model = Model(4.0, 6)
        whole = {"w": x3(), "l": [2.0, 5.0], "pt": Point(1.0, 2.0), "m": model}
        return {**whole, "s": "a", **changed}

    calls: list[tuple[Any, ...]] = [
        (params(),), (params(), 3.0), (params(s="b"),), (params(w=np.ones(4)), 3.0),
        (params(w=x3().astype(np.float32)),), (params(w=x3()[::-1]),),
        (params(l=(2.0, 5.0)),), (params(m=Model(np.float64(4.0), 6)),),
    ]  # fmt: skip
    for door in (value_and_grad, differentiable):
        made: Any = door(f, backend="numba")
        plain: Any = door(f, **PYTHON)
        for args in calls * 2:
            got, want = made(*args), plain(*args)
            if door is differentiable:
                assert got == want
                assert type(got) is type(want)
                continue
            assert got[0] == want[0]
            assert list(got[1]) == list(want[1])
            assert got[1]["w"].tolist() == want[1]["w"].tolist()
            assert got[1]["w"].dtype == want[1]["w"].dtype
            for key in ("l", "pt", "m", "s"):
                assert got[1][key] == want[1][key]
                assert type(got[1][key]) is type(want[1][key])


def is_short(f: Any) -> Any:
    """Return a differentiable function that fails where it would go the long way."""

    def bind(*_: Any) -> Any:
        raise AssertionError("the long way")

    other = f._like()
    other.bind = bind
    return other


def test_the_short_way_is_taken() -> None:
    """Keywords, defaults, numbers compiled in, arrays written, strided or read-only."""
    f = value_and_grad(weighted, backend="numba")
    frozen = x3()
    frozen.flags.writeable = False
    calls: list[tuple[Any, Any]] = [
        ((x3(), x3()), {}), ((x3(),), {"y": x3()}), ((), {"y": x3(), "x": x3()}),
        ((x3(), x3()), {"k": 2.0}), ((x3(), x3()), {"k": np.float32(2.0)}),
        ((x3()[::-1], x3()), {}), ((frozen, np.float32(2.0)), {}), ((x3(), 2), {}),
        ((x3().astype(np.float32), x3()), {}), ((x3().astype(">f8"), np.ones(1)), {}),
        ((np.array(2.0), x3()), {}), ((np.ones((2, 3)), np.ones((2, 1))), {}),
    ]  # fmt: skip
    wants = [f(*args, **kwargs) for args, kwargs in calls]
    for (args, kwargs), want in zip(calls * 2, wants * 2, strict=True):
        got = is_short(f)(*args, **kwargs)
        assert (got[0], got[1].tolist()) == (want[0], want[1].tolist())
        assert (got[1].dtype, got[1].shape) == (want[1].dtype, want[1].shape)
    for args in ((x3(), x3(), 2.0), (x3(), {}), (x3(), np.ones(4))):
        with pytest.raises(AssertionError, match="long way"):
            is_short(f)(*args)
    with pytest.raises(AssertionError, match="long way"):
        is_short(f)(x3(), y=x3(), z=1.0)

    g = grad(lambda x, n, s="a": np.sum(x, axis=n)[0] * len(s), backend="numba")
    for n, s in ((0, "a"), (1, "a"), (1, "bb")) * 2:
        want = np.zeros((2, 2))
        want[(slice(None), 0) if n == 0 else 0] = len(s)
        assert g(np.ones((2, 2)), n, s).tolist() == want.tolist()
        assert is_short(g)(np.ones((2, 2)), n, s).tolist() == want.tolist()


def test_the_short_way_writes_and_minds_shared_memory() -> None:
    def f(x: Any, y: Any) -> Any:
        x[0] = y[0] * x[1]
        return np.sum(x * y)

    made = differentiable(f, backend="numba")
    whole, x, y = np.arange(1.0, 7.0), x3(), x3()
    for _ in range(3):
        assert made.grad(x, y).tolist() == [0.0, 3.0, 3.0]
        assert x.tolist() == [1.0, 2.0, 3.0]
        before = x.copy()
        assert (made(x, y), x.tolist()) == (f(before, y), before.tolist())
        x = x3()
    assert is_short(made.grad)(whole[:3], whole[3:]).tolist() == [0.0, 21.0, 6.0]
    with pytest.raises(errors.MutationError, match="SG403"):
        made.grad(whole[:3], whole[1:4])
    one, other = whole.copy(), whole.copy()
    assert made(one[:3], one[1:4]) == f(other[:3], other[1:4])
    assert one.tolist() == other.tolist()
    y.flags.writeable = False
    assert made.grad(x, y).tolist() == [0.0, 3.0, 3.0]
    x.flags.writeable = False
    for call in (made, made.grad):
        with pytest.raises(ValueError, match="read-only"):
            call(x, y)


def test_arguments_that_share_memory_with_one_that_changes_its_name() -> None:
    def turns(x: Any, y: Any, z: Any) -> Any:
        for _ in range(3):
            x, y = y, x
            y[0] = 3.0 * x[1]
        return np.sum(z * z) * y[0]

    def arms(x: Any, y: Any, z: Any) -> Any:
        if z[0] > 0.5:
            x, y = y, x
        x[0] = 3.0 * y[1]
        return np.sum(z * z)

    def pooled(x: Any, y: Any, z: Any) -> Any:
        for e in x:
            x[1] = 2.0 * e
            x, y = y, x
        return np.sum(z * z)

    x, y = x3(), x3()[::-1].copy()
    for f in (turns, arms, pooled):
        derived = grad(f, argnums=2, **PYTHON)
        for shared in (x, y):
            with pytest.raises(errors.MutationError, match="SG403"):
                derived(x, y, shared)
        assert derived(x, y, x3()).shape == (3,)
        one, other = x3(), x3()
        assert differentiable(f, **PYTHON)(one, y.copy(), one) == f(
            other, y.copy(), other
        )
        assert one.tolist() == other.tolist()


def test_a_method_has_short_ways_of_its_own() -> None:
    f = grad(lambda a, b=2.0: a * b, backend="numba")

    class Number(float):
        slope = f

    for _ in range(2):
        assert f(5.0) == 2.0
        assert Number(3.0).slope(5.0) == 3.0
        assert is_short(Number(3.0).slope)(7.0) == 3.0
        assert is_short(f)(7.0) == 2.0


def test_numba_is_called_from_compiled_code() -> None:
    import numba

    f = value_and_grad(lambda x, k: np.sum(x * x) * k, argnums=(0, 1))
    slopes = f.numba(x3(), 2.0)

    def descend(x: Any) -> Any:
        value, (dx, dk) = slopes(x, 2.0)
        return value, x - 0.25 * dx, dk

    value, x, dk = numba.njit(descend)(x3())
    assert (value, dk) == (28.0, 14.0)
    assert x.tolist() == [0.0, 0.0, 0.0]
    for wrong in (np.ones((2, 2)), np.ones(3, np.float32)):
        with pytest.raises(TypeError):
            slopes(wrong, 2.0)
    with pytest.raises(ValueError, match="of one"):
        f.numba(np.ones(1), 2.0)(x3(), 2.0)
    one = grad(square)
    one.numba(3.0)
    inner = one.numba  # the function of the last arguments
    assert numba.njit(lambda x: inner(x) + 1.0)(4.0) == 9.0
    for flawed, args in (
        (lambda p: p["a"], ({"a": 1.0},)), (lambda x: x * scale, (1.0,)),
        (lambda x: (x, x), (1.0,)), (lambda x: print(x) or x, (1.0,)),
    ):  # fmt: skip
        with pytest.raises(errors.ArgumentError, match="for compiled code"):
            differentiable(flawed).numba(*args)


def test_kernel_options() -> None:
    f = grad(square, fastmath=True, boundscheck=True, cache=False)
    assert f(3.0) == 6.0
    kernel = f.source(3.0, stage="kernel")
    assert "fastmath=True" in kernel
    assert "boundscheck=True" in kernel
    assert grad(square, cache=False, **PYTHON)(3.0) == 6.0


def test_auto_is_numba_where_it_is_installed() -> None:
    assert grad(square).backend == "numba"
    assert grad(square, **PYTHON).backend == "python"


class Gate:
    """Lets compiles of the backend "warm" begin when it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened, self.compiles = threading.Event(), 0
        self.flaw: Exception | None = None
        compile = Specialisation.compile

        def gated(*args: Any) -> None:
            self.compiles += threading.current_thread().name == "srcgrad warm"
            assert self.opened.wait(60)
            if self.flaw is not None:
                raise self.flaw
            compile(*args)

        monkeypatch.setattr(Specialisation, "compile", gated)

    def open(self) -> None:
        """Let the compiles go on, and wait for them."""
        self.opened.set()
        for thread in threading.enumerate():
            if thread.name == "srcgrad warm":
                thread.join()


def test_warm_computes_in_cpython_until_the_kernel_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, f = Gate(monkeypatch), grad(energy, backend="warm")
    p = {"c": 2.0}
    plain = grad(energy, **PYTHON)(x3(), p).tolist()
    for _ in range(3):
        assert f(x3(), p).tolist() == plain
    assert f.backend == "warm"
    assert f._short == []
    gate.open()
    assert gate.compiles == 1
    np.testing.assert_allclose(f(x3(), p), plain, rtol=1e-13)
    assert is_short(f)(x3(), p).tolist() == f(x3(), p).tolist()
    assert f.vjp(x3(), p)[0] == energy(x3(), p)
    np.testing.assert_allclose(f.compile(x3(), p).value(x3(), p), energy(x3(), p))
    assert is_short(f.value)(x3(), p) == f.value(x3(), p)


def test_warm_warns_once_and_goes_on_if_the_compile_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate, f = Gate(monkeypatch), grad(square, backend="warm")
    gate.flaw = MemoryError("no room")
    assert f(3.0) == 6.0
    gate.open()
    with pytest.warns(RuntimeWarning, match="stays with CPython: no room") as caught:
        assert f(3.0) == 6.0
    assert Path(caught[0].filename) == Path(__file__)
    assert [f(3.0), f(4.0)] == [6.0, 8.0]
    assert gate.compiles == 1


def test_warm_compiles_nothing_while_the_interpreter_shuts_down() -> None:
    code = """if True:
        import linecache, threading, srcgrad, srcgrad.warm
        text = "def f(x): return x * x"
        linecache.cache["m"] = (len(text), None, [text], "m")
        space = {}
        exec(compile(text, "m", "exec"), space)
        srcgrad.specialise.Specialisation.compile = lambda *args: print("compiled")
        turn = srcgrad.warm._TURN
        def late():
            threading.main_thread().join()
            turn.release()
        turn.acquire()
        threading.Thread(target=late).start()
        print(srcgrad.grad(space["f"], backend="warm")(3.0))
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("6.0\n", "")


def test_python_backend_never_imports_numba() -> None:
    code = (
        "import sys, srcgrad, textwrap, linecache\n"
        "text = 'def f(x):\\n    return x * x\\n'\n"
        "linecache.cache['f.py'] = (len(text), None, text.splitlines(True), 'f.py')\n"
        "space = {}\nexec(compile(text, 'f.py', 'exec'), space)\n"
        "print(srcgrad.grad(space['f'], backend='python')(3.0), 'numba' in sys.modules)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True
    )
    assert done.stdout.split() == ["6.0", "False"], done.stderr


# 10. threads, pickle


def test_threads() -> None:
    f, pull = grad(energy, **PYTHON), vjp(energy, x3(), {"c": 1.0}, **PYTHON)[1]
    want, pulled = f(x3(), {"c": 1.0}), pull(1.0)[0]
    wrong: list[str] = []

    def work() -> None:
        for _ in range(20):
            if f(x3(), {"c": 1.0}).tolist() != want.tolist():
                wrong.append("gradient")
            if pull(2.0)[0].tolist() != (2 * pulled).tolist():
                wrong.append("pullback")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_that_make_the_same_share_it() -> None:
    made, meet = SimpleNamespace(made={}), threading.Barrier(2)
    found: list[object] = []

    def slow(self: Any) -> object:
        meet.wait()
        return object()

    method: Any = once(slow)
    threads = [threading.Thread(target=lambda: found.append(method(made)))
               for _ in range(2)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1] is method(made)


@grad(backend="python")
def decorated(x: Any) -> Any:
    return x * x * x


def test_pickle_by_name() -> None:
    assert pickle.loads(pickle.dumps(decorated)) is decorated
    again: Any = pickle.loads(pickle.dumps(grad(cube, argnums=(0,), **PYTHON)))
    assert again(2.0) == (24.0,)


def test_pickle_by_source() -> None:
    factor: Any = 5.0
    inner: Any = lambda t: t * 2.0  # noqa: E731

    def local(x: Any, k: Any = 3.0) -> Any:
        return np.sum(inner(x) * weights) * factor * k

    again = pickle.loads(pickle.dumps(grad(local, **PYTHON)))
    assert again(x3()).tolist() == [30.0, 60.0, 90.0]
    double: Any = pickle.loads(pickle.dumps(grad(lambda x: x * x, **PYTHON)))
    assert double(3.0) == 6.0


def test_pickle_crosses_processes(tmp_path: Path) -> None:
    file = tmp_path / "f.pickle"
    file.write_bytes(pickle.dumps(value_and_grad(_make_local(4.0), **PYTHON)))
    code = (
        "import pickle, pathlib\n"
        f"print(pickle.loads(pathlib.Path({str(file)!r}).read_bytes())(3.0))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True
    )
    assert "36.0" in done.stdout, done.stderr
    assert "24.0" in done.stdout, done.stderr


def _make_local(factor: float) -> Callable[[Any], Any]:
    def local(x: Any) -> Any:
        return x * x * factor

    return local


# 11. exceptions


@pytest.mark.parametrize(
    ("function", "arguments", "kind"),
    [
        (lambda x: x[5], (x3(),), IndexError),
        (lambda x, n: x / n, (1.0, 0), ZeroDivisionError),
        (lambda x, y: np.sum(x + y), (x3(), np.ones(2)), ValueError),
        (lambda A: np.linalg.inv(A).sum(), (np.zeros((2, 2)),), np.linalg.LinAlgError),
    ],
)
def test_exceptions_are_pythons(function: Any, arguments: Any, kind: type) -> None:
    for call in (
        grad(function, **PYTHON),
        differentiable(function, **PYTHON),
        lambda *a: vjp(function, *a, **PYTHON),
    ):
        with pytest.raises(kind) as caught:
            call(*arguments)
        assert not isinstance(caught.value, errors.SrcgradError)
        last = caught.traceback[-1]
        assert any("test_api" in str(entry.path) for entry in caught.traceback), last


# 12. refusals


def test_cut_paths_are_refused() -> None:
    with pytest.raises(errors.NonDifferentiableError, match="SG502") as caught:
        grad(lambda x: np.round(x) * 2.0, **PYTHON)(1.0)
    assert "round" in str(caught.value)


def test_an_unused_argument_has_gradient_zero() -> None:
    got = grad(lambda x, y: y * 2.0, **PYTHON)(x3(), 1.0)
    assert got.tolist() == [0.0, 0.0, 0.0]


def test_check_nan() -> None:
    with np.errstate(all="ignore"):
        assert grad(np_sqrt, **PYTHON)(0.0) == np.inf
        with pytest.raises(FloatingPointError, match="SG701"):
            grad(np_sqrt, check_nan=True, **PYTHON)(0.0)


def np_sqrt(x: Any) -> Any:
    return np.sqrt(x)


# vjp and jvp


def test_vjp_leaves_what_is_no_float() -> None:
    def f(n: Any, x: Any, p: Any, m: Any) -> Any:
        total = 0.0
        for k in range(n):
            total = total + x[k] * p["a"] * m[k]
        return total

    value, pullback = vjp(f, 2, x3(), {"a": 3.0, "n": 1}, np.arange(3), **PYTHON)
    assert value == 6.0
    n, x, p, m = pullback(2.0)
    assert (n, m) == (None, None)
    assert x.tolist() == [0.0, 6.0, 0.0]
    assert p == {"a": 4.0, "n": None}
    tangents = (None, np.ones(3), {"a": 0.0, "n": None}, None)
    args = (2, x3(), {"a": 3.0, "n": 1}, np.arange(3))
    assert jvp(f, args, tangents, **PYTHON) == (6.0, 3.0)
    assert jvp(f, args, (None, None, {"a": 1.0, "n": None}, None), **PYTHON)[1] == 2.0


def test_vjp_of_no_float() -> None:
    pair = differentiable(lambda n, m=2.0: (n * 1.5, m * 2.0))
    assert pair.vjp(2, 3)[1]((1.0, 2.0)) == (None, None)
    assert pair.vjp(n=2.0)[1]((1.0, 2.0)) == ()


def test_vjp_of_arrays_and_containers() -> None:
    def f(x: Any) -> Any:
        return {"y": x * x, "s": np.sum(x), "n": len(x)}

    value, pullback = vjp(f, x3(), **PYTHON)
    assert value["n"] == 3
    got = pullback({"y": np.ones(3), "s": 10.0, "n": None})[0]
    assert got.tolist() == [12.0, 14.0, 16.0]
    assert pullback({"y": None, "s": 1.0, "n": None})[0].tolist() == [1.0, 1.0, 1.0]
    _, tangent = jvp(f, (x3(),), (np.array([1.0, 0.0, 0.0]),), **PYTHON)
    assert tangent["y"].tolist() == [2.0, 0.0, 0.0]
    assert (tangent["s"], tangent["n"]) == (1.0, None)


def test_pullback_keeps_the_values_on_entry() -> None:
    x = x3()
    _, pullback = vjp(lambda x: np.sum(x * x), x, **PYTHON)
    x[:] = 0.0
    assert pullback(1.0)[0].tolist() == [2.0, 4.0, 6.0]
    assert pullback(3.0)[0].tolist() == [6.0, 12.0, 18.0]


def test_pullback_keeps_what_the_forward_sweep_left() -> None:
    """Neither the result nor a cotangent that the caller changes can reach it."""

    def f(x: Any) -> Any:
        y = np.exp(x)
        for _ in range(2):
            y[1:] *= y[:-1]
        return y

    value, pullback = vjp(f, x3(), **PYTHON)
    first = pullback(np.ones(3))[0]
    want = first.copy()
    value[:] = first[:] = np.nan
    assert pullback(np.ones(3))[0].tolist() == want.tolist()


def test_shapes_of_cotangents_and_tangents_are_checked() -> None:
    _, pullback = vjp(lambda x: x * x, x3(), **PYTHON)
    with pytest.raises(ValueError, match="shape"):
        pullback(1.0)
    with pytest.raises(ValueError, match="shape"):
        jvp(square, (x3(),), (1.0,), **PYTHON)
    with pytest.raises(ValueError, match="1 arguments, but 2 tangents"):
        jvp(square, (1.0,), (1.0, 1.0), **PYTHON)
    with pytest.raises(errors.ArgumentError, match="a tuple of arguments"):
        jvp(square, 1.0, 1.0, **PYTHON)  # type: ignore[arg-type]
    _, pullback = vjp(lambda x: {"a": x, "b": x}, 1.0, **PYTHON)
    for wrong in ({"a": 1.0}, (1.0, 1.0), 1.0):
        with pytest.raises(ValueError, match="a dict of 'a', 'b' belongs here"):
            pullback(wrong)


def test_an_int_with_a_tangent_is_a_float() -> None:
    assert jvp(square, (3,), (1.0,), **PYTHON) == (9.0, 6.0)


# The object


def test_both_doors_have_the_same_methods() -> None:
    for f in (grad(square, **PYTHON), differentiable(square, **PYTHON)):
        assert f.value(3.0) == 9.0
        assert f.grad(3.0) == 6.0
        assert f.value_and_grad(3.0) == (9.0, 6.0)
        assert f.vjp(3.0)[1](1.0) == (6.0,)
        assert f.jvp((3.0,), (2.0,)) == (9.0, 12.0)
        assert f.hvp(3.0, 1.0) == 2.0
        assert f.primal is square


def test_decorators_with_and_without_options() -> None:
    @grad
    def f(x: Any) -> Any:
        return x * x

    @grad(argnums=1, backend="python")
    def g(x: Any, y: Any) -> Any:
        return x * y

    assert isinstance(f, Differentiated)
    assert g(3.0, 4.0) == 3.0


def test_meta_data() -> None:
    f = grad(square, **PYTHON)
    assert f.__name__ == "square"
    assert f.__doc__ == "Return x squared."
    assert f.__signature__ == inspect.signature(square) == inspect.signature(f)
    assert "grad of square" in repr(f)


def test_generated_source_runs_as_it_stands() -> None:
    f = grad(energy, **PYTHON)
    with pytest.raises(errors.ArgumentError, match="nothing is generated yet"):
        _ = f.backward_source
    gradient = f(x3(), {"c": 2.0})
    space: dict[str, Any] = {}
    exec(f.backward_source, space)
    value, (again,) = space["energy_grad"](x3(), 2.0)
    assert value == energy(x3(), {"c": 2.0})
    assert again.tolist() == gradient.tolist()
    assert f.source(x3(), {"c": 2.0}) == f.backward_source


def test_source_of_a_call_whose_lengths_were_compiled_in() -> None:
    def spread(x: Array) -> float:
        return math.hypot(*[np.sin(item) for item in x])

    f = grad(spread, **PYTHON)
    gradient = f(x3())
    space: dict[str, Any] = {}
    exec(f.backward_source, space)
    assert space["spread_grad"](x3())[1][0].tolist() == gradient.tolist()


def test_stages() -> None:
    f = grad(square, **PYTHON)
    assert "def square(x" in f.source(3.0, stage="forward")
    assert "def square_grad(" in f.source(3.0, stage="backward")
    assert "square_grad" in f.source(3.0, stage="ir")
    assert "njit" in f.source(3.0, stage="kernel")
    with pytest.raises(errors.ArgumentError, match="no stage 'sideways'"):
        f.source(3.0, stage="sideways")


def test_show_prints_both_sources(capsys: pytest.CaptureFixture[str]) -> None:
    result: Any = show(grad(square, **PYTHON), 3.0)  # type: ignore[func-returns-value]
    assert result is None
    out = capsys.readouterr().out
    assert out.index("def square(x") < out.index("def square_grad(")
    f = grad(square, **PYTHON)
    assert "square" in f._repr_html_()
    f(3.0)
    assert "square_grad" in f._repr_html_()


def test_cache_info_and_clear_cache() -> None:
    f = grad(lambda x: np.sum(x * x), **PYTHON)
    f(x3())
    f(np.ones((2, 2)))
    assert f.cache_info().specializations == 2
    assert set(f.specializations) == {"x: float64[:]", "x: float64[:, :]"}
    f.clear_cache()
    assert f.specializations == ()
    assert f(x3()).tolist() == [2.0, 4.0, 6.0]


def test_compile_makes_it_ahead() -> None:
    f = grad(square, **PYTHON)
    assert f.compile(3.0) is f
    assert f.cache_info().specializations == 1
    compiled = grad(square, backend="numba").compile(3.0)
    assert (compiled.value(3.0), compiled(3.0)) == (9.0, 6.0)
    assert compiled.compile(3.0)(3.0) == 6.0


def test_a_method_is_a_door_too() -> None:
    f = differentiable(lambda x: x * x, **PYTHON)
    assert f.grad is f.grad
    assert pickle.loads(pickle.dumps(f.grad))(3.0) == 6.0
    assert f.grad.source(3.0) == f.backward_source
    assert f.specializations == f.value.specializations == ("x: float64",)
    f.clear_cache()
    assert f.grad.specializations == ()
    assert grad(f.grad, **PYTHON)(3.0) == 2.0


def test_with_options() -> None:
    f = grad(lambda x, y: x * y, **PYTHON)
    other = f.with_options(argnums=1)
    assert (f(2.0, 5.0), other(2.0, 5.0)) == (5.0, 2.0)
    assert other.with_options(argnames="x")(2.0, 5.0) == 5.0
    with pytest.raises(errors.ArgumentError, match="SG306"):
        f.with_options(colour="red")


class Scaled:
    """An object whose method is differentiated."""

    factor = 3.0

    @grad(argnames="x", **PYTHON)  # type: ignore[untyped-decorator]
    def slope(self, x: float) -> float:
        return self.factor * x * x


def test_options_of_a_bound_method() -> None:
    """Another option leaves the method bound to its object."""
    assert Scaled().slope.with_options(cache=False)(2.0) == 12.0


def test_into_writes_into_given_arrays() -> None:
    f, out = grad(lambda p: np.sum(p["w"] ** 2), **PYTHON), {"w": np.zeros(3)}
    assert f.grad.into(out, {"w": x3()}) is out
    assert out["w"].tolist() == [2.0, 4.0, 6.0]
    value, found = f.value_and_grad.into(out, {"w": 2 * x3()})
    assert (value, found) == (56.0, out)
    assert out["w"].tolist() == [4.0, 8.0, 12.0]


def test_into_takes_all_that_a_gradient_is() -> None:
    def f(p: Any, k: Any) -> Any:
        return np.sum(p[0] * p[1].w) * k * p[1].steps, p[0]

    g = grad(f, argnums=(0, 1), has_aux=True, **PYTHON)
    out = [np.zeros(6)[::2], Model(np.zeros(3, np.float32), 0)], np.array(0.0)
    args = [x3(), Model(x3().astype(np.float32), 2)], 3.0
    want, aux = g(*args)
    got, other = g.into(out, *args)
    assert got is out
    assert out[0][0].tolist() == want[0][0].tolist() == [6.0, 12.0, 18.0]
    assert out[0][1].w.tolist() == want[0][1].w.tolist()
    assert (out[1], other.tolist()) == (want[1], aux.tolist())


@pytest.mark.parametrize(
    ("out", "says"),
    [
        (
            {"w": np.zeros(2), "v": np.zeros(3)},
            "`out.w`.*shape \\(3,\\) and dtype float64",
        ),
        ({"w": np.zeros(3), "v": np.zeros(3, int)}, "`out.v`.*dtype float64"),
        ({"w": np.zeros(3), "v": np.zeros(3, np.float32)}, "`out.v`.*dtype float64"),
        ({"w": np.zeros(3), "v": [0.0, 0.0, 0.0]}, "`out.v` must be an array"),
        ({"w": np.zeros(3)}, "a dict of 'w', 'v' belongs here"),
        (dict.fromkeys("wv", np.zeros(3)), "an array is twice in `out`"),
    ],
)
def test_into_refuses_what_does_not_fit_and_writes_nothing(out: Any, says: str) -> None:
    f = grad(lambda p: np.sum(p["w"] * p["v"]), **PYTHON)
    with pytest.raises(ValueError, match=says):
        f.into(out, {"w": x3(), "v": x3()})
    assert not np.any(out["w"])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc frees")
def test_memory_of_large_gradients_stays_mapped() -> None:
    code = """if True:
        import resource, numpy, srcgrad
        from srcgrad.compile.machine import start
        def pages():
            kept = [numpy.zeros(1_000_000) + 1.0 for _ in range(3)]
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        start(), pages()
        before = pages(); print(pages() - before)
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 100


def test_wrong_functions_are_refused_at_once() -> None:
    with pytest.raises(errors.SrcgradError, match="a function is needed"):
        grad(3.0)  # type: ignore[call-overload]
    with pytest.raises(errors.SrcgradError):
        grad(len)(x3())


# stop_gradient, custom rules


def test_stop_gradient() -> None:
    def f(x: Any) -> Any:
        return np.sum(x * stop_gradient(x))

    gradient = grad(f, **PYTHON)
    assert gradient(x3()).tolist() == [1.0, 2.0, 3.0]
    exec(gradient.backward_source, {})
    x = x3()
    assert stop_gradient(2.0) == 2.0
    assert stop_gradient(x).tolist() == x.tolist()


@custom_vjp
def clipped(x: Any, k: Any) -> Any:
    return np.minimum(x, 2.0) * k


@clipped.defvjp
def clipped_vjp(g: Any, z: Any, x: Any, k: Any) -> Any:
    return g * scale + z * 0.0, np.sum(g * z / k)


def test_custom_vjp_uses_the_rule() -> None:
    def f(x: Any, k: Any) -> Any:
        y = clipped(x, k)
        return np.sum(y * weights)

    assert clipped(3.0, 2.0) == 4.0
    value, (dx, dk) = value_and_grad(f, argnums=(0, 1), **PYTHON)(x3(), 5.0)
    assert value == 5.0 * (1 + 4 + 6)
    assert dx.tolist() == [2.0, 4.0, 6.0]
    assert dk == 11.0
    assert jvp(f, (x3(), 5.0), (np.ones(3), 0.0), **PYTHON)[1] == 12.0


def test_custom_vjp_in_a_loop_and_twice() -> None:
    @custom_vjp
    def softplus(x: Any) -> Any:
        return np.log(1 + np.exp(x))

    @softplus.defvjp
    def softplus_vjp(g: Any, z: Any, x: Any) -> Any:
        return g / (1 + np.exp(-x))

    def f(x: Any) -> Any:
        total = 0.0
        for k in range(len(x)):
            total = total + softplus(x[k]) ** 2
        return total

    srcgrad.check_grads(f, (x3(),), order=2, **PYTHON)


def test_custom_vjp_without_rule_or_with_a_wrong_one() -> None:
    @custom_vjp
    def f(x: Any) -> Any:
        return x * 2

    with pytest.raises(errors.UnsupportedFunctionError, match="has no rule"):
        grad(lambda x: f(x), **PYTHON)(1.0)

    @f.defvjp
    def f_vjp(g: Any, z: Any) -> Any:
        return g

    with pytest.raises(errors.UnsupportedFunctionError, match="a rule of 2 arguments"):
        grad(lambda x: f(x), **PYTHON)(1.0)


def helper_with_rule(x: Any) -> Any:
    return x * x


def test_register_vjp() -> None:
    def f(x: Any) -> Any:
        return np.sum(helper_with_rule(x))

    register_vjp(helper_with_rule, lambda g, z, x: 100.0 * g)
    assert grad(f, **PYTHON)(x3()).tolist() == [100.0, 100.0, 100.0]
    assert differentiable(f, **PYTHON)(x3()) == 14.0
    with pytest.raises(errors.ArgumentError, match="has a rule already"):
        register_vjp(np.sin, lambda g, z, x: g)


steep = True


def test_flags_that_a_function_with_a_rule_reads_may_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @custom_vjp
    def square(x: Any) -> Any:
        return x * x if steep else 3.0 * x

    @square.defvjp
    def square_vjp(g: Any, z: Any, x: Any) -> Any:
        return 2 * g * x if steep else 3.0 * g

    gradient = value_and_grad(lambda x: 1.0 * square(x), **PYTHON)
    assert gradient(5.0) == (25.0, 10.0)
    monkeypatch.setitem(globals(), "steep", False)
    assert gradient(5.0) == (15.0, 3.0)


def test_the_value_of_a_function_with_a_rule_is_an_array_of_its_own() -> None:
    @custom_vjp
    def same(x: Any) -> Any:
        return x

    @same.defvjp
    def same_vjp(g: Any, z: Any, x: Any) -> Any:
        return 5.0 * g

    def f(x: Any) -> Any:
        y = same(same(x * 1.0) * 1.0)
        z = same(y)
        z = np.where(z > 0, z, z)
        z[0] = 0.0
        return np.sum(z) + y[0]

    assert grad(f, **PYTHON)(x3()).tolist() == [25.0, 125.0, 125.0]


# Start-up


def test_names_are_public_and_lazy() -> None:
    assert named_grad is srcgrad.grad
    for name in srcgrad.__all__:
        assert getattr(srcgrad, name) is not None
        assert name in dir(srcgrad)
    with pytest.raises(AttributeError, match="no attribute 'gradd'"):
        _ = srcgrad.gradd  # type: ignore[attr-defined]


def test_no_module_has_the_name_of_a_function() -> None:
    """Importing a module sets its name in the package: it would hide the function."""
    modules = {path.stem for path in Path(srcgrad.__file__).parent.iterdir()}
    assert modules & {*srcgrad.__all__} == {*srcgrad._MODULES}


def test_import_brings_nothing_of_ours() -> None:
    code = (
        "import sys, srcgrad; "
        "print([m for m in sys.modules if m.startswith(('srcgrad.', 'scipy'))])"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_arrays_that_a_kernel_must_copy_take_the_short_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("numba")

    def product(x: Any, y: Any) -> Any:
        return np.sum(x * y)

    gradient = srcgrad.grad(product, argnums=(0, 1), backend="numba")
    x = np.arange(6.0).reshape(2, 3)
    frozen = np.arange(6.0).reshape(2, 3) + 1.0
    frozen.flags.writeable = False
    cases = [(x.T, x.T), (frozen, x), (x[:, ::-1], frozen), (x[:, ::2], x[:, 1:])]
    for args in cases:
        gradient(*args)  # makes the plan
    long = srcgrad.differentiated.Differentiated.bind
    calls: list[Any] = []

    def watched(self: Any, *given: Any) -> Any:
        calls.append(given)
        return long(self, *given)

    monkeypatch.setattr(type(gradient), "bind", watched)
    for one, two in cases:
        d_x, d_y = gradient(one, two)
        assert np.array_equal(d_x, two)
        assert np.array_equal(d_y, one)
    assert calls == []
    # Other kinds in the place of these are seen.
    others = [(x.T[:1], x.T[:1]), (x[0, ::2], x[1, ::2])]
    others += [(frozen.astype("f4").T, x.T), (x.astype(">f8").T, x.T)]
    for one, two in others:
        d_x, d_y = gradient(one, two)
        assert d_x.dtype.newbyteorder("=") == one.dtype.newbyteorder("=")
        assert np.array_equal(d_x, two)
        assert np.array_equal(d_y, one)
    assert calls


def test_keywords_take_the_short_way_in_any_order() -> None:
    pytest.importorskip("numba")

    def power(x: float, n: float) -> float:
        return x * x * n

    gradient = srcgrad.grad(power, backend="numba")
    for _ in range(2):
        assert gradient(x=3.0, n=2.0) == 12.0
        assert gradient(n=2.0, x=3.0) == 12.0
    with pytest.raises(TypeError):
        gradient(n=2.0, y=3.0)
