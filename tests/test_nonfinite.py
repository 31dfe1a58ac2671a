"""`check_nan` blames the statement that made finite numbers infinite or nan."""

import re
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import NonFiniteGradientError


def rooted(x: Any, w: Any) -> Any:
    """Be infinitely steep where `x` is zero."""
    h = np.sqrt(x) * w
    for i in range(3):
        h = h + x[i] ** 2
    return h.sum()


def masked(x: Any) -> Any:
    """Have an infinity in the arm of the `where` that is not taken, and a nan later."""
    y = np.where(x > 0, np.log(x), 0.0)
    return np.sum(y) * np.sqrt(x[1])


def stored(x: Any) -> Any:
    """Make a nan in one element that is stored."""
    y = np.ones(3)
    for i in range(3):
        y[i] = np.sqrt(x[i] - 1.0)
    return y.sum()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", ["python", "numba"])
@pytest.mark.parametrize(
    ("function", "args", "line", "values"),
    [
        (rooted, (np.array([1.0, 0.0, 2.0]), 2.0), "h = np.sqrt(x) * w", "`w` = 2"),
        (masked, (np.array([1.0, 0.0, 2.0]),), "return np.sum(y) *", "= 0"),
        (stored, (np.array([2.0, 0.5, 2.0]),), "y[i] = np.sqrt(", "`x[i]` = 0.5"),
    ],
)
def test_the_statement_is_named(
    function: Any, args: Any, line: str, values: str, backend: str
) -> None:
    with pytest.raises(NonFiniteGradientError) as caught:
        srcgrad.grad(function, backend=backend, check_nan=True)(*args)
    text = str(caught.value)
    assert re.search(rf"^\d+ \| +{re.escape(line)}", text, re.M)
    assert values in text


def test_finite_gradients_pass() -> None:
    gradient = srcgrad.grad(rooted, backend="python", check_nan=True)
    assert np.all(np.isfinite(gradient(np.ones(3), 2.0)))
