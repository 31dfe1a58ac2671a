"""Where decompositions have no derivative, and how that reads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad
from tests.harness import quiet

Function = Callable[[Any], Any]
BACKENDS = ("python", "numba")


def spectrum(x: Any) -> Any:
    """Return the sum of all eigenvalues."""
    return np.linalg.eigvals(x).sum()


def first_vector(x: Any) -> Any:
    """Return an item of an eigenvector."""
    _, v = np.linalg.eigh(x)
    return v[0, 0]


def least_value(x: Any) -> Any:
    """Return the least eigenvalue, found with its vector."""
    w, _ = np.linalg.eigh(x)
    return w[0]


def basis(x: Any) -> Any:
    """Return what depends on the basis that LAPACK chooses."""
    return np.linalg.svd(x)[0].sum()


def log_volume(x: Any) -> Any:
    """Return the logarithm of a determinant."""
    return np.linalg.slogdet(x)[1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_eigenvalues_that_are_not_real(backend: str) -> None:
    """A matrix whose eigenvalues are real has a gradient; a rotation's are complex."""
    f = srcgrad.grad(spectrum, backend=backend)
    found = f(np.array([[1.0, 0.2], [0.3, 2.0]]))
    np.testing.assert_allclose(found, np.eye(2), atol=1e-12)
    what = "returns a complex128" if backend == "python" else "and these are complex"
    with pytest.raises(srcgrad.errors.SrcgradError, match=what):
        f(np.array([[0.0, 1.0], [-1.0, 0.0]]))


def test_equal_values() -> None:
    """Vectors of equal eigenvalues have no derivative, the eigenvalues have one."""
    with quiet():
        found = srcgrad.grad(first_vector, backend="python")(np.eye(2))
        assert np.isnan(found).any()
        found = srcgrad.grad(least_value, backend="python")(np.eye(2))
        assert np.isfinite(found).all()
        found = srcgrad.grad(basis, backend="python")(np.arange(8.0).reshape(4, 2))
        assert np.isnan(found).all()


def test_bases_in_single_precision() -> None:
    """What does not depend on the basis has its derivative in float32 too."""

    def left_over(x: Any) -> Any:
        rest = np.linalg.svd(x)[0][:, 2:]
        return ((rest @ rest.T) ** 3).sum()

    x = np.random.default_rng(3).normal(size=(5, 2))
    f = srcgrad.grad(left_over, backend="python")
    np.testing.assert_allclose(f(x.astype(np.float32)), f(x), 0, 1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_singular_matrix(backend: str) -> None:
    """The value is that of NumPy; what the gradient lacks is told."""
    f = srcgrad.differentiable(log_volume, backend=backend)
    with quiet():
        assert f(np.zeros((2, 2))) == -np.inf
        with pytest.raises(np.linalg.LinAlgError, match="derivative of `log_volume`"):
            f.grad(np.zeros((2, 2)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_that_are_not_finite(backend: str) -> None:
    """They are nan where NumPy's are, and errors where it raises."""
    x = np.array([[1.0, np.nan], [np.nan, 2.0]])
    with quiet():
        assert np.isnan(srcgrad.differentiable(least_value, backend=backend)(x))
        with pytest.raises(np.linalg.LinAlgError):
            srcgrad.differentiable(basis, backend=backend)(x)
