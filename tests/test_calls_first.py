"""Calls that a loop stores are made before it, and what they raise is raised."""

import math
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.passes import calls_first
from srcgrad.text import print_function
from tests.cases import CASES, Case
from tests.test_kernel import as_plain, fresh, special

RAISING = [c for c in CASES if c.raises and c.name.startswith("product_")]


def case(name: str) -> Case:
    """Return a case of the catalogue."""
    (found,) = (c for c in CASES if c.name == name)
    return found


def kernel_of(c: Case) -> str:
    """Return the kernel of a case's gradient."""
    f = srcgrad.differentiable(c.function, argnums=c.argnums)
    return f.source(*c.make(np.random.default_rng(0)), stage="kernel")


def test_exponentials_are_stored_before_the_product() -> None:
    """Nothing in the first loop leaves it or waits for the turn before."""
    text = kernel_of(case("product_of_exponentials"))
    head, _, rest = text.partition("raise ArithmeticError")
    _, _, first = head.rpartition("for j in")
    loop, _, _ = first.partition("if not")
    assert "rt_exp(" in loop
    assert "raise" not in loop
    assert "value" not in loop
    assert "exp(" not in rest


def waves(x):  # type: ignore[no-untyped-def]
    a, b, s = np.zeros(len(x)), np.zeros(len(x)), 0.3
    for i in range(len(x)):
        w = x[i] * x[i]
        e = math.exp(w)
        a[i] = e
        b[i] = math.sin(e + w)
        s = s * 0.5 + a[i] * b[i] * s * s
    return s + np.sum(a * b)


def test_what_two_calls_need_is_made_once() -> None:
    text = kernel_of(Case("waves", waves, lambda rng: (rng.uniform(0.1, 1.0, 6),)))
    loops = text.split("raise ArithmeticError")[0]
    assert [loops.count(call) for call in ("rt_exp(", "rt_sin(")] == [1, 1]


def test_what_runs_downward_is_stored_before_the_product() -> None:
    text = kernel_of(case("product_of_what_it_was_made_of"))
    first, second = (text.index(word) for word in ("rt_tanh(", "p_saved[rt_index"))
    assert first < second
    assert text.index("math.exp(") > second  # it needs what the turn before made


@pytest.mark.parametrize("c", RAISING, ids=lambda c: c.name)
def test_what_calls_raise_is_raised(c: Case) -> None:
    """The plain run of the kernel fails where `math` does."""
    assert "raise ArithmeticError" in kernel_of(c)
    fine = Case(c.name, c.function, lambda rng: (np.array([0.5, 0.7, 0.2]),))
    if c.name == "product_of_no_quotient":
        fine = Case(c.name, c.function, lambda rng: (2.0, 0.5))
    made, flat, names = special(fine)
    gradient: Any = as_plain(made.final(made.adjoint(names, made.seeds)))
    gradient(*fresh(flat, compiled=True), 1.0)
    args = c.make(np.random.default_rng(0))
    with pytest.raises(ArithmeticError), np.errstate(all="ignore"):
        gradient(*fresh([*args], compiled=True), 1.0)


def test_without_calls_nothing_changes() -> None:
    made, _, names = special(case("to_and_fro"))
    f = made.final(made.adjoint(names, made.seeds))
    assert print_function(calls_first(f)) == print_function(f)
