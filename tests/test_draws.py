"""A Generator among the arguments: each draw is made once, in the order of the text.

The caller's Generator moves on exactly as by a plain call, on both backends, whatever
the derivative; reparametrised draws have slopes in their parameters.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import nn
from srcgrad.errors import SrcgradError

BACKENDS = ("python", "numba")
W = np.array([0.5, -1.2, 2.3, 0.7])
RNG = np.random.default_rng(1)


def every_method(w: Any, mu: Any, s: Any, rng: Any) -> Any:
    z = rng.normal(mu, s) + rng.normal(size=2).sum() + rng.standard_normal()
    u = rng.uniform(-s, mu, size=(2, 3)).sum() * rng.random() + rng.uniform()
    e = rng.exponential(s, 3).sum() + rng.standard_exponential() * rng.rayleigh(s)
    i = rng.integers(0, len(w), size=5)
    j = rng.integers(len(w)) + rng.integers(1, 3, endpoint=True)
    mixed = rng.choice(w, 3) * w[rng.choice(4, 3, p=[0.1, 0.2, 0.3, 0.4])]
    y = rng.normal(w, np.abs(w)) + rng.permutation(w) * w[rng.permutation(len(w))]
    k = rng.poisson(3.0) + rng.binomial(10, 0.3, size=2).sum()
    g = rng.gamma(2.5, s) * rng.standard_gamma(0.7, 2).sum()
    return z * u + e * (w[i] ** 2).sum() + j * mixed.sum() + (y * y).sum() * k + g


def noisy_loops(w: Any, mu: Any, s: Any, rng: Any) -> Any:
    a = np.zeros(4)
    b = np.zeros(4)
    for k in range(4):
        a[k] = rng.normal(mu, s)
    for k in range(4):
        b[k] = rng.standard_normal() * w[k]
        rng.random(2)
    total = 0.0
    while True:
        x = rng.uniform(-1.0, 1.0)
        y = rng.uniform(-1.0, 1.0)
        if x * x + y * y < 0.3:
            break
        total = total + x * s
    for k in range(3):
        if rng.random() < 0.5:
            total = total * rng.normal(mu, 0.1)
        elif k == 1:
            rng.standard_exponential()
            continue
        rng.integers(7)
    return (a * b).sum() + total + x * mu


def walk(x: Any, rng: Any, scale: Any) -> Any:
    return x + scale * rng.standard_normal(x.shape)


@dataclass
class Sampler:
    rng: Any
    scale: float


def through_helpers(w: Any, mu: Any, s: Any, rng: Any) -> Any:
    sampler = Sampler(rng, s)
    path = [w]
    for _ in range(3):
        path.append(walk(path[-1], sampler.rng, sampler.scale))

    def draw(m: Any) -> Any:
        return m + sampler.scale * rng.standard_normal()

    out = w.copy()
    rng.shuffle(out)
    if rng is None or not isinstance(rng, np.random.Generator):
        return 0.0 * mu
    return (path[-1] * out).sum() + draw(mu) * draw(s) - rng.normal(0, 1)


def unused_draws(w: Any, mu: Any, s: Any, rng: Any) -> Any:
    rng.random(3)
    if mu > 0.0:
        rng.standard_normal()
    for _ in range(2):
        rng.random()
    y = w.sum() * mu * s
    rng.integers(9)
    return y


def dropped_out(w: Any, mu: Any, s: Any, rng: Any) -> Any:
    x = np.outer(w, w) * s
    return (nn.dropout(x, 0.4, rng) * mu).sum() + rng.normal(mu, s)


def second_differs(w: Any, mu: Any, s: Any, rng: Any) -> Any:
    # `drawn[:1]` meets `w` with a length that turns out to be one: the call is made
    # again with that known, and draws the same numbers again.
    drawn = rng.normal(mu, s, size=3)
    return (drawn[: int(w[2] - 1.2)] * w).sum() + rng.random() * s


PROGRAMS = (
    every_method, noisy_loops, through_helpers, unused_draws, dropped_out,
    second_differs,
)  # fmt: skip


def state(rng: Any) -> Any:
    return rng.bit_generator.state


def fresh() -> Any:
    return np.random.default_rng(11)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", PROGRAMS)
def test_draws(f: Callable[..., Any], backend: Any) -> None:
    """Values, gradients and the Generator are plain Python's, call after call."""
    plain, mine = fresh(), fresh()
    both = srcgrad.value_and_grad(f, argnums=(0, 1, 2), backend=backend)
    one = srcgrad.differentiable(f, backend=backend)
    for _ in range(2):
        before = copy.deepcopy(plain)
        want = f(W, 0.3, 0.8, plain)
        got, slopes = both(W, 0.3, 0.8, mine)
        assert state(mine) == state(plain)
        assert got == want or (backend == "numba" and math.isclose(got, want))
        again = copy.deepcopy(before)
        value = one(W, 0.3, 0.8, again)
        assert state(again) == state(plain)
        assert math.isclose(value, want, rel_tol=1e-12)
        for k, h in ((1, 1e-6), (2, 1e-6)):
            below, above = (
                f(W, 0.3 + c * (k == 1), 0.8 + c * (k == 2), copy.deepcopy(before))
                for c in (-h, h)
            )
            slope = (above - below) / (2 * h)
            assert abs(slopes[k] - slope) < 1e-6 * max(1.0, abs(slope))


@pytest.mark.parametrize("f", [every_method, noisy_loops, dropped_out])
def test_derivatives_draw_once(f: Callable[..., Any]) -> None:
    """So do vjp, jvp and products with the Hessian; `check_grads` draws alike."""
    plain = fresh()
    want = f(W, 0.3, 0.8, plain)
    mine = fresh()
    out, pullback = srcgrad.vjp(f, W, 0.3, 0.8, mine, backend="python")
    assert out == want
    first, second = pullback(1.0), pullback(2.0)
    assert state(mine) == state(plain)
    assert first[3] is None
    np.testing.assert_array_equal(2.0 * first[0], second[0])
    mine = fresh()
    args = (W, 0.3, 0.8, mine)
    out, _ = srcgrad.jvp(f, args, (W, 1.0, 1.0, None), backend="python")
    assert out == want
    assert state(mine) == state(plain)
    mine = fresh()
    srcgrad.hvp(f, argnums=1, backend="python")(0.3, 1.0, W, 0.8, mine)
    assert state(mine) == state(plain)
    srcgrad.check_grads(f, (W, 0.3, 0.8, fresh()), order=2, backend="python")
    srcgrad.verify(f, (W, 0.3, 0.8, fresh()), backend="python")


def test_compiled_second_order_and_threads() -> None:
    """Kernels of second derivatives and of threads keep the order of draws too."""
    plain = fresh()
    noisy_loops(W, 0.3, 0.8, plain)
    srcgrad.check_grads(noisy_loops, (W, 0.3, 0.8, fresh()), order=2, backend="numba")
    shared = srcgrad.value_and_grad(noisy_loops, backend="numba", parallel=True)
    mine = fresh()
    shared(W, 0.3, 0.8, mine)
    assert state(mine) == state(plain)


def test_an_error_of_plain_python() -> None:
    """What plain Python raises is raised, and the Generator is as it was before."""

    def bad(x: Any, rng: Any) -> Any:
        y = rng.normal(size=2)
        return x * y[int(5 + x)]

    mine = fresh()
    with pytest.raises(IndexError):
        srcgrad.grad(bad, backend="python")(1.0, mine)
    assert state(mine) == state(fresh())


def legacy(x: Any) -> Any:
    return x * np.random.normal()  # noqa: NPY002


def from_outside(x: Any) -> Any:
    return x * RNG.normal()


def made_in_turns(x: Any) -> Any:
    while x < 5.0:
        x *= 1.1 + np.random.default_rng(0).random()
    return x


def unequal_without_repeats(x: Any, rng: Any) -> Any:
    return x * rng.choice(3, 2, replace=False, p=[0.5, 0.3, 0.2]).sum()


def single(x: Any, rng: Any) -> Any:
    return x * rng.standard_normal(3, dtype=np.float32).sum()


def unknown(x: Any, rng: Any) -> Any:
    return x * rng.standard_cauchy()


def twice(x: Any, a: Any, b: Any) -> Any:
    return x * a.random() + b.random()


@srcgrad.checkpoint
def layer(x: Any, rng: Any) -> Any:
    return np.sin(x + rng.random())


def checkpointed(x: Any, rng: Any) -> Any:
    return layer(x, rng) * x


def listed(x: Any, rng: Any) -> Any:
    total = 0.0
    for _ in range(20):
        total = np.sin(total + x * rng.random())
    return total


REFUSED = [
    (legacy, (), "pass a Generator"),
    (from_outside, (), "make it an argument: `def f(..., RNG)`"),
    (made_in_turns, (), "make it before"),
    (unequal_without_repeats, (fresh(),), "rng.permutation(n)[:size]"),
    (single, (fresh(),), "drawn in float64"),
    (unknown, (fresh(),), "method `.standard_cauchy()` of a Generator is not known"),
    (checkpointed, (fresh(),), "draw before the call"),
    (twice, (RNG, RNG), "one Generator is passed twice"),
]


@pytest.mark.parametrize(("f", "args", "hint"), REFUSED)
def test_refused(f: Callable[..., Any], args: Any, hint: str) -> None:
    """What cannot be drawn once, or is not known, is refused with what to do."""
    with pytest.raises(SrcgradError) as found:
        srcgrad.grad(f, backend="python")(1.5, *args)
    assert hint in str(found.value)


def test_derivatives_that_run_it_often_are_refused() -> None:
    """A loop over directions or rows would draw in each turn; `linearize` does not."""
    rows = srcgrad.vmap(listed, in_axes=(0, None), backend="python")
    made: list[Any] = [srcgrad.jacobian, srcgrad.hessian, srcgrad.elementwise_grad]
    for door in made:
        with pytest.raises(SrcgradError, match="draws numbers"):
            door(listed, backend="python")(1.5, fresh())
    with pytest.raises(SrcgradError, match="draws numbers"):
        rows(W, fresh())
    plain, mine = fresh(), fresh()
    want = listed(1.5, plain)
    value, push = srcgrad.linearize(listed, 1.5, mine, backend="python")
    assert (value, state(mine)) == (want, state(plain))
    assert push(1.0, None) == push(2.0, None) / 2.0 == push(1.0, None)
    assert state(mine) == state(plain)


def test_a_budget_and_a_chosen_generator_are_refused() -> None:
    """Segments would draw again; a Generator has no gradient."""
    small = srcgrad.grad(listed, backend="python", memory_budget=64)
    with pytest.raises(SrcgradError, match="memory_budget"):
        small(1.5, fresh())
    with pytest.raises(SrcgradError, match="Generator"):
        srcgrad.grad(listed, argnums=1, backend="python")(1.5, fresh())
