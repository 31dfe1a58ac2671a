"""Every case of the catalogue under every check: the promises of SEMANTICS.md."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad
from tests.cases import CASES, Case
from tests.harness import check_case
from tests.oracles import Array, directional, random_direction, tree_dot
from tests.pending import PENDING

READY = [case for case in CASES if case.name not in PENDING]
SAMPLE = [case for case in READY if case.sample]


def name_of(case: Case) -> str:
    """Return the name under which a case is selected by `pytest -k`."""
    return case.name


@pytest.mark.parametrize("case", READY, ids=name_of)
def test_case_on_python(case: Case) -> None:
    """All checks, second order included."""
    check_case(case, "python", second_order=True)


@pytest.mark.parametrize("name", sorted(PENDING))
def test_pending_case_is_never_silently_wrong(name: str) -> None:
    """What is not right yet raises; it returns no wrong value and no wrong gradient."""
    (case,) = [c for c in CASES if c.name == name]
    if case.refused is not None or case.raises is not None or not case.smooth:
        return
    args = case.make(np.random.default_rng(0))
    call = srcgrad.value_and_grad(case.function, argnums=case.argnums, backend="python")
    try:
        _, gradient = call(*args)
    except Exception:
        return
    direction = random_direction(args, case.argnums, np.random.default_rng(1))
    fresh = case.make(np.random.default_rng(0))
    slope, error = directional(case.function, fresh, case.argnums, direction)
    found = tree_dot(gradient, direction)
    assert abs(found - slope) <= max(1e-5 * abs(slope), 10 * error, 1e-6)


@pytest.mark.parametrize("case", SAMPLE, ids=name_of)
def test_case_on_numba(case: Case) -> None:
    """Value and gradient of the sample: compiling takes seconds."""
    check_case(case, "numba", transforms=False)


@pytest.mark.long
@pytest.mark.parametrize("case", READY, ids=name_of)
def test_every_case_on_numba(case: Case) -> None:
    """Value and gradient."""
    check_case(case, "numba", transforms=False)


@pytest.mark.long
@pytest.mark.parametrize("case", READY, ids=name_of)
def test_case_on_numba_to_second_order(case: Case) -> None:
    """All checks."""
    check_case(case, "numba", second_order=True)


def test_sample_is_twenty() -> None:
    """DESIGN section 8 fixes the number, and with it what the suite costs."""
    assert sum(case.sample for case in CASES) == 20


# The tester under test: what is wrong must not pass.


def squares(x: Array) -> Any:
    """Return a sum whose terms differ."""
    return np.sum(x * x * np.arange(4.0))


def inputs(rng: np.random.Generator) -> tuple[Any, ...]:
    """Return one vector away from zero."""
    return (rng.uniform(0.5, 2.0, size=4),)


def one_element_off(gradient: Array) -> Array:
    """Return the gradient with a small relative error in its last element."""
    return np.multiply(gradient, [1.0, 1.0, 1.0, 1.0 + 1e-6])


def in_single(gradient: Array) -> Array:
    """Return the gradient in another dtype."""
    return gradient.astype(np.float32)


def as_a_view(gradient: Array) -> Array:
    """Return the gradient as a view of itself."""
    return gradient[:]


@pytest.mark.parametrize("spoil", [one_element_off, in_single, as_a_view])
def test_spoilt_gradient_is_caught(
    spoil: Callable[[Array], Array], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gradient that is slightly wrong in number or form fails with its name."""
    honest = srcgrad.value_and_grad

    def spoilt(*args: Any, **options: Any) -> Callable[..., Any]:
        def call(*inputs: Any) -> Any:
            value, gradient = honest(*args, **options)(*inputs)
            return value, spoil(gradient)

        return call

    case = Case("squares", squares, inputs)
    check_case(case, "python")
    monkeypatch.setattr(srcgrad, "value_and_grad", spoilt)
    with pytest.raises(AssertionError, match=r"squares \[python\], gradient"):
        check_case(case, "python")


def test_wrong_exception_is_caught() -> None:
    """A case that promises an exception and raises none fails."""
    case = Case("squares", squares, inputs, raises=IndexError)
    with pytest.raises(AssertionError, match=r"squares \[python\], exceptions"):
        check_case(case, "python")
