"""Results that are a text, None or a number by case, and what is refused of them."""

from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError

BACKENDS = pytest.mark.parametrize("backend", ["python", "numba"])
X = np.array([2.0, 0.5])


def worded(x: Any) -> Any:
    """Return a loss, a word, and an array or None."""
    if x[0] > 1:
        return (x * x).sum(), {"word": "big", "rest": None}
    return x.sum() * 3, {"word": "small", "rest": x * 2}


def signed(x: Any) -> Any:
    """Return a number and a word."""
    return x.sum(), "up" if x[0] > 0 else "down"


def root(x: Any) -> Any:
    """Return a number, or None where there is none."""
    for k in range(3):
        if x[0] > k:
            return x[0] ** 2 + k
    return None


@BACKENDS
@pytest.mark.parametrize("x", [X, -X])
def test_what_comes_beside_a_loss(backend: Any, x: Any) -> None:
    """A word, None and an array come back as what they are on each path."""
    gradient, aux = srcgrad.grad(worded, has_aux=True, backend=backend)(x)
    np.testing.assert_allclose(gradient, 2 * x if x[0] > 1 else [3.0, 3.0])
    assert aux["word"] == worded(x)[1]["word"]
    np.testing.assert_array_equal(aux["rest"], worded(x)[1]["rest"])


@BACKENDS
def test_a_result_that_is_none(backend: Any) -> None:
    """None where a number is needed is refused when it comes."""
    gradient = srcgrad.grad(root, backend=backend)
    np.testing.assert_array_equal(gradient(X), [4.0, 0.0])
    with pytest.raises(SrcgradError, match="the result is None here"):
        gradient(-X)


@BACKENDS
def test_none_that_a_number_is_made_of(backend: Any) -> None:
    """A helper that falls off its end gives None, and Python's own error."""
    loss = srcgrad.grad(lambda x: root(x) * x[1], backend=backend)
    np.testing.assert_allclose(loss(X), [2.0, 4.0])
    with pytest.raises(TypeError, match="NoneType"):
        loss(-X)


def test_no_tangent_of_a_word() -> None:
    """A word by case has no tangent, and words are no rows."""
    with pytest.raises(SrcgradError, match="one thing or another"):
        srcgrad.jvp(worded, (X,), (X,))
    with pytest.raises(SrcgradError, match="one thing or another"):
        srcgrad.vmap(signed)(np.array([X, -X]))
