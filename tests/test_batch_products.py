"""Products are taken out of loops, or loops are products, where the proof holds.

The cases are those of `cases/products.py`. The text made for Numba is run as it is: the
gradient must be that of the text for plain Python, where nothing is taken out.
"""

import re
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.passes.batch_products import APART, Turns
from srcgrad.passes.sum_turns import _Sum
from tests.cases import CASES
from tests.test_mutations import Mutation, install

CASE = {case.name: case for case in CASES}

# Loops that add up columns, and whether their adjoints are products.
ADDED = {
    "columns_added_and_taken_away": True,
    "columns_added_below": False,
    "columns_added_to_what_is_a_factor": False,
    "rows_added_to_one_of_them": False,
    "columns_added_by_numbers_that_change": False,
    "columns_of_one_number": True,
    "columns_added_in_no_turn": True,
    "columns_added_to_short_floats": False,
}
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
    "matrices_times_rows": 1,
    "triangle_added_column_by_column": 1,
    "rows_added_by_numbers": 1,
    "rows_times_a_matrix_of_a_list": 0,
}


MUTATIONS = (
    Mutation(
        "sum of columns that the loop changes",
        Turns,
        "array",
        "self.require(any(self.is_apart(w, r, s) for w, r in pairs))",
        "pass",
        ("rows_added_to_one_of_them",),
    ),
    Mutation(
        "sum of columns that one turn adds to",
        _Sum,
        "terms",
        "(not minus, factors)",
        "(minus, factors)",
        ("columns_added_and_taken_away",),
    ),
    Mutation(
        "product of the turn's own row",
        Turns,
        "is_apart",
        "own and self.regions.linear(read) == place",
        "own",
        ("rows_written_from_the_other_end", "row_times_a_matrix_from_the_row_before"),
    ),
    Mutation(
        "product of rows beyond those written",
        Turns,
        "is_apart",
        "if self.holds(gap, at):",
        "if True:",
        ("column_that_one_turn_writes",),
    ),
    Mutation(
        "product of rows from the beginning",
        Turns,
        "__init__",
        "self.require(self.holds(self.start, loop))",
        "pass",
        ("rows_around_the_end",),
    ),
    Mutation(
        "product of what is the same in each turn",
        Turns,
        "is_outside",
        "isinstance(x, Const) or",
        "True or",
        ("matrix_that_changes_in_the_loop", "row_changed_before_it_is_multiplied"),
    ),
)


@pytest.fixture(autouse=True)
def verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that IR keeps its rules after each pass."""
    monkeypatch.setenv("SRCGRAD_DEBUG", "1")


def text_of(name: str) -> str:
    """Return the text of the gradient of a case that Numba's kernel is made from."""
    function, argnums = CASE[name].function, CASE[name].argnums
    made = srcgrad.differentiable(function, argnums=argnums, backend="numba")
    text = made.source(*CASE[name].make(np.random.default_rng(0)))
    return text[text.index("import numpy") :]


def complaint(name: str) -> str:
    """Return what is wrong with the gradient of a case."""
    case, scope = CASE[name], dict[str, Any]()
    plain = srcgrad.grad(case.function, argnums=case.argnums, backend="python")
    try:
        exec(text_of(name), scope)
        _, found = scope[f"{name}_grad"](*case.make(np.random.default_rng(0)))
    except Exception as error:
        return repr(error)
    due = plain(*case.make(np.random.default_rng(0)))
    due = due if isinstance(due, tuple) else (due,)
    for k, (a, b) in enumerate(zip(due, found, strict=True)):
        if not np.allclose(a, b, rtol=1e-11, atol=1e-11):
            return f"gradient {k}: {b}, not {a}"
    return ""


@pytest.mark.parametrize(("name", "count"), FOUND.items(), ids=FOUND)
def test_products_are_taken_out(name: str, count: int) -> None:
    """Find as many products before loops as there are, and the same gradient."""
    assert len(set(re.findall(r"\bproducts\w* = ", text_of(name)))) == count
    assert complaint(name) == ""


@pytest.mark.parametrize(("name", "added"), ADDED.items(), ids=ADDED)
def test_loops_that_add_columns_are_products(name: str, added: bool) -> None:
    """Find a product in the adjoint of a loop, or none; and the same gradient."""
    assert ("@" in text_of(name)) == added
    assert complaint(name) == ""


def test_columns_are_added_in_the_users_order() -> None:
    """Compute the very value of plain Python, and right derivatives of both orders."""

    def corner(c: Any, a: Any) -> Any:
        for i in range(a.shape[0]):
            for k in range(a.shape[1]):
                c[i, : i + 1] += a[i, k] * a[: i + 1, k]
        return c[3, 1] * c[2, 2]

    rng = np.random.default_rng(3)
    c, a, v = rng.normal(size=(4, 4)), rng.normal(size=(4, 9)), rng.normal(size=(4, 9))
    made = srcgrad.value_and_grad(corner, argnums=1, backend="numba")
    plain = srcgrad.value_and_grad(corner, argnums=1, backend="python")
    assert "products" in made.source(c, a)
    (value, slope), (_, due) = made(c, a), plain(c, a)
    assert value == corner(c.copy(), a)
    np.testing.assert_allclose(slope, due, rtol=1e-13)
    for found in (made, plain):
        assert found.jvp((c, a), (None, v))[0] == value
    curved = [srcgrad.grad(corner, argnums=1, backend=b) for b in ("numba", "python")]
    one, two = (f.hvp(a, v, c) for f in curved)
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_columns_beyond_the_last_are_asked_for() -> None:
    """Raise what plain Python does where slices would leave out what is not there."""

    def added(y: Any, x: Any, s: Any, n: int) -> Any:
        for k in range(n):
            y += s[k] * x[:, k]
        return np.sum(y * y)

    text = srcgrad.grad(added, backend="numba").source(
        np.ones(3), np.ones((3, 9)), np.ones(9), 10
    )
    assert text.count(APART) == 2
    slope = srcgrad.grad(added, backend="numba", cache=False)
    with pytest.raises(IndexError):
        slope(np.ones(3), np.ones((3, 9)), np.ones(9), 10)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_broken_proof_is_noticed(
    mutation: Mutation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Break a proof: one of the gradients is wrong."""
    install(mutation, monkeypatch)
    assert any(map(complaint, mutation.cases))


def test_what_would_not_fit_in_memory_stays() -> None:
    """Leave a product that nothing keeps for all turns: it is made row by row."""

    def energy(x: Any, w: Any) -> Any:
        total = 0.0
        for i in range(x.shape[0]):
            total += np.sum(np.tanh(x[i] @ w))
        return total

    text = srcgrad.grad(energy, backend="numba").source(
        np.ones((3, 2)), np.ones((2, 9))
    )
    assert "products = " not in text


def test_loop_without_turns_takes_arrays_that_do_not_fit() -> None:
    """Make the product in the loop again where it cannot be taken out."""

    def rows(x: Any, w: Any) -> Any:
        out = np.zeros((3, 2))
        for i in range(x.shape[0]):
            out[i] = x[i] @ w
        return np.sum(out)

    slope = srcgrad.grad(rows, backend="numba", cache=False)
    assert np.all(slope(np.ones((0, 3)), np.ones((3, 2))) == np.zeros((0, 3)))
    assert slope(np.ones((0, 3)), np.ones((4, 2))).shape == (0, 3)
    with pytest.raises(ValueError, match="matmul"):
        slope(np.ones((1, 3)), np.ones((4, 2)))

    def chosen(x: Any, w: Any, k: int) -> Any:
        out = np.zeros((3, 2))
        for i in range(x.shape[0]):
            out[i] = x[i] @ w[k]
        return np.sum(out)

    slope = srcgrad.grad(chosen, backend="numba", cache=False)
    assert np.all(slope(np.ones((0, 3)), np.ones((4, 3, 2)), -4) == np.zeros((0, 3)))
    for k in (4, -5):
        assert slope(np.ones((0, 3)), np.ones((4, 3, 2)), k).shape == (0, 3)
        with pytest.raises(IndexError, match="out of bounds"):
            slope(np.ones((1, 3)), np.ones((4, 3, 2)), k)


def test_what_no_turn_uses_of_a_row_is_not_multiplied_by_zero() -> None:
    """Make products in their loop where a number is not finite, and right slopes."""

    def upper(x: Any, y: Any) -> Any:
        out = np.zeros((x.shape[0], y.shape[1]))
        for i in range(x.shape[0]):
            out[i, i:] = x[i] @ y[:, i:]
        return np.sum(np.where(np.isfinite(out), out * out, 0.0))

    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(4, 5))
    made = [
        srcgrad.value_and_grad(upper, argnums=(0, 1), backend=b)
        for b in ("numba", "python")
    ]
    assert "products" in made[0].source(x, y)
    y[1, 2] = np.inf
    (value, slopes), (due, others) = (f(x, y) for f in made)
    assert np.isfinite(slopes[0][3:]).all()
    np.testing.assert_allclose(value, due, rtol=1e-13)
    for one, other in zip(slopes, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
