"""Every case of the catalogue under every check: the promises of SEMANTICS.md."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.compile import numba, plain
from srcgrad.emit.module import ModuleText
from srcgrad.ir import Function
from tests import poison
from tests.cases import CASES, Case
from tests.harness import (
    check_case,
)
from tests.oracles import Array

SAMPLE = [case for case in CASES if case.sample or case.scale]
JOINED = [case for case in CASES if case.function.__module__.endswith(".joined")]
ON_PYTHON = [
    pytest.param(case, marks=pytest.mark.long if case.scale or case.long else ())
    for case in CASES
]


def name_of(case: Case) -> str:
    """Return the name under which a case is selected by `pytest -k`."""
    return case.name


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill what generated code allocates; the key of a module is its text."""
    load, kernel_text = plain.load, numba.kernel_text

    def loaded(text: ModuleText, cache: bool) -> Callable[..., Any]:
        return load(replace(text, text=poison.readable(text.text)), cache)

    def kernel(function: Function, **flags: bool) -> str:
        return poison.kernel(kernel_text(function, **flags))

    monkeypatch.setattr(plain, "load", loaded)
    monkeypatch.setattr(numba, "kernel_text", kernel)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("case", ON_PYTHON, ids=name_of)
def test_case_on_python(case: Case) -> None:
    """All checks, second order included, over tapes that are poisoned."""
    check_case(case, "python", second_order=True)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("case", SAMPLE, ids=name_of)
def test_case_on_numba(case: Case) -> None:
    """Value and gradient of the sample: compiling takes seconds."""
    check_case(case, "numba", transforms=False)


@pytest.mark.parametrize("case", JOINED, ids=name_of)
def test_joined_loops_are_well_formed(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn that runs backward at once reads what it has, not what a loop leaves."""
    monkeypatch.setenv("SRCGRAD_DEBUG", "1")
    args = case.make(np.random.default_rng(0))
    function = srcgrad.grad(case.function, argnums=case.argnums, backend="python")
    assert "# backward" in function.source(*args)


@pytest.mark.long
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_every_case_on_numba(case: Case) -> None:
    """Value and gradient."""
    check_case(case, "numba", transforms=False)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=name_of)
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
        compiled: Any = honest(*args, **options)

        def call(*inputs: Any) -> Any:
            value, gradient = compiled(*inputs)
            call.backward_source = compiled.backward_source  # type: ignore[attr-defined]
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
