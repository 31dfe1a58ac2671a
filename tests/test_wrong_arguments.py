"""What NumPy raises for wrong arguments is raised here too or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad

A = np.arange(6.0).reshape(3, 2) + 0.5
V = np.array([0.0, 1.5, -2.0, 3.0])

WRONG: list[tuple[Callable[..., Any], np.ndarray]] = [
    (lambda x: np.pad(x, ((1, 2), (0, 3), (0, 0))), A),
    (lambda x: np.pad(x, (1, 2, 3)), V),
    (lambda x: np.ix_(x, [0, 1])[0], A),
    (lambda x: x[np.diag_indices_from(x)], A),
    (lambda x: x * np.diag_indices_from(x)[0], V),
    (lambda x: np.triu_indices_from(x)[0] * x[0], V),
    (lambda x: np.block([[x, x], x]), V),
    (lambda x: np.block((x, x)), V),
    (lambda x: np.delete(x, True), V),
    (lambda x: np.resize(x, (2, -2)), V),
    (lambda x: np.trim_zeros(x, "q"), V),  # type: ignore[arg-type]
    (lambda x: np.array_split(x, 0)[0], V),
    (lambda x: np.vsplit(x, 2)[0], V),
    (lambda x: np.interp(0.5, x, x, period=0), V),
    (lambda x: np.add(x, x, dtype=int), V),
    (lambda x: x * np.ediff1d(np.arange(4), 1.5), V),
    (lambda x: x * np.unravel_index(x, (2, 3))[0], V),
    (lambda x: x * np.bincount(np.array([1, 3]), minlength=-1), V),
]


@pytest.mark.parametrize("case", range(len(WRONG)))
def test_what_numpy_raises_is_not_answered(case: int) -> None:
    function, x = WRONG[case]
    with pytest.raises((ValueError, TypeError, IndexError)):
        function(x.copy())
    errors = (ValueError, TypeError, IndexError, srcgrad.errors.SrcgradError)
    with pytest.raises(errors):
        srcgrad.vjp(function, x.copy(), backend="python")


def _powers(x: Any) -> Any:
    return np.linalg.matrix_power(np.stack([x[:2], x[1:]]), 0)


def _overlapping(x: Any) -> Any:
    c = x.copy()
    np.multiply.at(c, [1, 0], c[:2])
    return c


def _nothing_left(x: Any) -> Any:
    return np.trim_zeros(0 * x, "b")


@pytest.mark.parametrize(
    ("function", "x"), [(_powers, A), (_overlapping, V), (_nothing_left, V)]
)
def test_values_of_rare_arguments(function: Callable[..., Any], x: np.ndarray) -> None:
    value, pull = srcgrad.vjp(function, x, backend="python")
    np.testing.assert_array_equal(value, function(x), strict=True)
    assert pull(np.ones_like(value))[0].shape == x.shape
