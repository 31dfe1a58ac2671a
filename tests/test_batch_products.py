"""Products of all turns are taken out of loops, where the proof holds and only there.

That the gradients are right is said by the cases in `cases/products.py`, and that a
broken proof is noticed by `test_mutations.py`.
"""

import re
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError
from tests.cases import CASES

CASE = {case.name: case for case in CASES}

# How many products stand before loops in the text of a case.
FOUND = {
    "rows_times_a_matrix_in_place": 1,
    "columns_times_later_columns": 1,
    "rows_times_earlier_rows": 1,
    "rows_below_are_as_they_were": 1,
    "rows_above_are_new": 1,
    "column_that_one_turn_writes": 0,
    "row_times_a_matrix_from_the_row_before": 0,
    "rows_written_from_the_other_end": 0,
    "row_changed_before_it_is_multiplied": 0,
    "rows_counted_from_the_end": 0,
    "rows_around_the_end": 0,
    "products_that_are_changed_or_kept": 3,
    "products_until_one_is_large": 0,
    "products_of_buffers_that_change_places": 1,
    "matrix_that_changes_in_the_loop": 0,
    "matrices_times_a_vector": 2,
    "rows_times_a_turned_matrix": 2,
    "only_the_first_rows": 2,
}


@pytest.mark.parametrize(("name", "count"), FOUND.items(), ids=FOUND)
def test_products_are_taken_out(
    name: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Find as many products as there are, and IR that keeps its rules."""
    monkeypatch.setenv("SRCGRAD_DEBUG", "1")
    case = CASE[name]
    made = srcgrad.differentiable(
        case.function, argnums=case.argnums, backend="python", cache=False
    )
    text = made.source(*case.make(np.random.default_rng(0)))
    assert len(set(re.findall(r"\bproducts\w* = ", text))) == count


def test_what_would_not_fit_in_memory_stays() -> None:
    """Leave a product that nothing keeps for all turns: it is made row by row."""

    def energy(x: Any, w: Any) -> Any:
        total = 0.0
        for i in range(x.shape[0]):
            total += np.sum(np.tanh(x[i] @ w))
        return total

    text = srcgrad.grad(energy).source(np.ones((3, 2)), np.ones((2, 9)))
    assert "products = " not in text


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_loop_without_turns_is_refused_where_arrays_do_not_fit(backend: Any) -> None:
    """Name the one thing that plain Python can and the taken out product cannot."""

    def rows(x: Any, w: Any) -> Any:
        out = np.zeros((3, 2))
        for i in range(x.shape[0]):
            out[i] = x[i] @ w
        return np.sum(out)

    slope = srcgrad.grad(rows, backend=backend, cache=False)
    assert np.all(slope(np.ones((0, 3)), np.ones((3, 2))) == np.zeros((0, 3)))
    with pytest.raises(SrcgradError, match="SG402"):
        slope(np.ones((0, 3)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="matmul"):
        slope(np.ones((1, 3)), np.ones((4, 2)))
