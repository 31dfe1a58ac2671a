"""SciPy's methods over trees of parameters: `optim.minimize` and `as_scipy`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import optimize

import srcgrad
from srcgrad import as_scipy, differentiable, grad
from srcgrad.optim import minimize


def rosenbrock(p: Any, steep: Any = 100.0) -> Any:
    x, y = p["x"], p["tail"][0]
    first = (1.0 - x) ** 2 + steep * (y[0] - x * x) ** 2
    return first + np.sum(steep * (y[1:] - y[:-1] ** 2) ** 2 + (1.0 - y[:-1]) ** 2)


ROSENBROCK = differentiable(rosenbrock, backend="python")
START: Any = {"x": -1.2, "tail": [np.array([1.0, -0.5, 0.8])], "name": "r"}


@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG", "trust-ncg", "Newton-CG"])
def test_methods_find_the_minimum(method: str) -> None:
    found = minimize(ROSENBROCK, START, method=method, tol=1e-9)
    assert found.converged, found.message
    assert type(found.params["x"]) is float
    assert found.params["x"] == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(found.params["tail"][0], 1.0, atol=1e-5)
    assert found.params["name"] == "r"
    assert found.gradient["name"] is None
    assert abs(found.gradient["x"]) < 1e-4
    assert found.value == ROSENBROCK(found.params) < 1e-10
    assert START["tail"][0].tolist() == [1.0, -0.5, 0.8]
    assert 0 < found.steps <= found.evaluations


def test_other_arguments_and_doors() -> None:
    """A decorated gradient, a plain function, further arguments and a callback."""
    seen: list[float] = []
    found = minimize(
        grad(rosenbrock, backend="python"),
        START,
        10.0,
        callback=lambda p: seen.append(p["x"]),
    )
    assert found.params["x"] == pytest.approx(1.0, abs=1e-3)
    assert len(seen) == found.steps
    assert minimize(lambda x: (x - 2.0) ** 2, 0.0).params == pytest.approx(2.0)


class Shifted:
    """A function with an object."""

    def __init__(self, at: float) -> None:
        self.at = at

    @differentiable(backend="python")
    def distance(self, p: Any) -> Any:
        return np.sum((p["x"] - self.at) ** 2)


def test_methods_of_objects() -> None:
    for at in (2.0, 5.0):
        found = minimize(Shifted(at).distance, {"x": np.zeros(2)})
        np.testing.assert_allclose(found.params["x"], at, 1e-6)


def test_bounds() -> None:
    low: Any = {"x": None, "tail": [np.array([1.5, -9.0, -9.0])], "name": None}
    found = minimize(ROSENBROCK, START, bounds=(low, 4.0))
    assert found.params["tail"][0][0] == 1.5
    assert abs(found.params["x"]) == pytest.approx(1.222, abs=1e-2)
    upper = minimize(ROSENBROCK, START, bounds=(None, 0.5))
    assert max(upper.params["x"], *upper.params["tail"][0]) <= 0.5
    low["tail"][0] = np.zeros(2)
    with pytest.raises(
        ValueError, match=r"params\['tail'\]\[0\]: shape \(3,\), its low"
    ):
        minimize(ROSENBROCK, START, bounds=(low, None))
    with pytest.raises(ValueError, match="'BFGS' takes no bounds; L-BFGS-B does"):
        minimize(ROSENBROCK, START, method="BFGS", bounds=(0, 1))
    with pytest.raises(ValueError, match="a pair"):
        minimize(ROSENBROCK, START, bounds=[(0, 1)] * 3)
    pairs = [(0.0, 1.0), (2.0, 3.0)]  # as SciPy has them: not low and high of two
    with pytest.raises(TypeError, match=r"params: its low bound is a tuple.*all high"):
        minimize(lambda p: (p * p).sum(), np.ones(2), bounds=pairs)
    with pytest.raises(ValueError, match="params has 'x', bounds high has not"):
        minimize(ROSENBROCK, START, bounds=(None, {"tail": None, "name": None}))


def test_value_and_gradient_are_computed_once() -> None:
    calls: list[int] = []

    def counted(x: Any) -> Any:
        return np.sum((x - 1.0) ** 2)

    problem = as_scipy(differentiable(counted, backend="python"), np.zeros(3))
    inner: Any = problem._f

    class Counting:
        def value_and_grad(self, *args: Any) -> Any:
            calls.append(1)
            return inner.value_and_grad(*args)

    problem._f = Counting()  # type: ignore[assignment]
    x = np.ones(3)
    assert problem.fun(x) == 0.0
    assert problem.jac(x).tolist() == [0, 0, 0]
    x += 1.0  # SciPy writes into its own
    assert problem.jac(x).tolist() == [2, 2, 2]
    problem.jac(x)[0] = 7.0
    assert problem.both(x)[1].tolist() == [2, 2, 2]
    assert len(calls) == 2


def test_as_scipy_with_scipy_itself() -> None:
    problem = as_scipy(ROSENBROCK, START)
    found = optimize.minimize(
        problem.fun,
        problem.x0,
        jac=problem.jac,
        hessp=problem.hessp,
        method="trust-ncg",
    )
    assert problem.unravel(found.x)["x"] == pytest.approx(1.0, abs=1e-4)
    v, h = np.array([1.0, -2.0, 0.5, 3.0]), 1e-6
    slopes = [problem.jac(problem.x0 + s * h * v) for s in (1, -1)]
    wanted = (slopes[0] - slopes[1]) / (2 * h)
    np.testing.assert_allclose(problem.hessp(problem.x0, v), wanted, 1e-6)
    with pytest.raises(
        ValueError, match=r"shape \(4,\) belongs here, not of shape \(3,\)"
    ):
        problem.fun(np.zeros(3))


def test_dtypes_stay() -> None:
    def f(p: Any) -> Any:
        return np.sum((p[0] - 3.0) ** 2) + (p[1] - 1.0) ** 2

    start = np.zeros((2, 2), np.float32), np.float64(4.0)
    found = minimize(differentiable(f, backend="python"), start)
    assert found.params[0].dtype == np.float32
    assert found.params[0].shape == (2, 2)
    np.testing.assert_allclose(found.params[0], 3.0, 1e-4)


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="method 'Nelder-Mead' is none of L-BFGS-B"):
        minimize(ROSENBROCK, START, method="Nelder-Mead")
    with pytest.raises(TypeError, match=r"params\['n'\] is the int 3"):
        minimize(ROSENBROCK, {"n": 3})
    with pytest.raises(TypeError, match="params: there is no float"):
        minimize(ROSENBROCK, {"n": "x"})

    def root(p: Any) -> Any:
        return p["a"] * p["a"] + np.sqrt(p["b"])

    f = differentiable(root, backend="python")
    with pytest.raises(FloatingPointError, match="function is nan at the start"):
        minimize(f, {"a": 1.0, "b": np.float64(-1.0)})
    with pytest.raises(
        FloatingPointError, match=r"gradient of params\['b'\] is not fin"
    ):
        minimize(f, {"a": 1.0, "b": np.float64(0.0)})


def test_scipy_comes_when_called() -> None:
    code = "import sys, srcgrad; srcgrad.as_scipy; srcgrad.optim.minimize"
    check = f"{code}; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
    assert "as_scipy" in srcgrad.__all__
