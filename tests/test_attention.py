"""Compiled attention against readable: blocks, parts of blocks, masks, empty ones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numba import njit

from srcgrad import grad, nn, value_and_grad
from srcgrad.runtime import attention, compiled, plain, readable

Case = tuple[list[Any], Any, Any, bool]


def cases(dtype: str, count: int) -> Iterator[Case]:
    """Yield queries, keys, values, slopes; a mask and how it lies; and what is seen."""
    rng, block = np.random.default_rng(0), attention.BLOCK
    for k in range(count):
        n, m = (int(rng.choice([1, 2, 5, block // 2 + 1, block + 1])) for _ in "nm")
        d, e, outer, inner = (int(x) for x in rng.integers(1, 5, 4))
        shapes = (n, d), (m, d), (m, e), (n, e)
        arrays = [rng.normal(size=(outer, inner, *shape)) for shape in shapes]
        spread = [int(rng.choice([1, x])) for x in (outer, inner, n, m)]
        mask: Any = rng.random(spread) < 0.7
        if k % 3 == 1:
            mask = np.where(mask, rng.normal(size=spread), -np.inf).astype(dtype)
        if k % 3 == 2:
            mask, spread = None, [1, 1, 1, 1]
        given = [a.astype(dtype) for a in arrays]
        yield given, mask, (inner, *spread), bool(rng.random() < 0.5)


def agree(kernels: Any, case: Case, tolerance: float) -> None:
    """Check the three kernels against the readable functions."""
    (q, k, v, y), mask, spread, causal = case
    bools = mask is not None and mask.dtype == bool
    sees, more = (mask, None) if bools else (None, mask)
    calls: list[Any] = [
        ("attended", (q, k, v)),
        ("attention_weights", (q, k)),
        ("attention_slopes", (q, k, v, y)),
    ]
    for name, given in calls:
        found = kernels[name](*given, sees, more, causal, spread)
        due = getattr(readable, name)(*given, mask, causal)
        assert found.dtype == due.dtype
        assert found.shape == due.shape
        scale = np.max(np.abs(due), initial=1.0)
        np.testing.assert_allclose(found, due, 0, tolerance * scale, err_msg=name)


def test_plain_attention() -> None:
    """The kernels' own text."""
    for case in cases("float64", 20):
        agree(plain(), case, 1e-13)


def test_compiled_attention() -> None:
    """Blocks and what is left of one, under masks that spread along some axes."""
    rt = compiled()
    means, weights, slopes = (
        getattr(rt, f"{name}_float32")
        for name in ("attended", "attention_weights", "attention_slopes")
    )

    @njit
    def first(q, k, v, a, b, c, s):  # type: ignore[no-untyped-def]
        return means(q, k, v, a, b, c, s)

    @njit
    def second(q, k, a, b, c, s):  # type: ignore[no-untyped-def]
        return weights(q, k, a, b, c, s)

    @njit
    def third(q, k, v, y, a, b, c, s):  # type: ignore[no-untyped-def]
        return slopes(q, k, v, y, a, b, c, s)

    kernels = {"attended": first, "attention_weights": second}
    for case in cases("float32", 60):
        agree({**kernels, "attention_slopes": third}, case, 2e-6)


def loss(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False) -> Any:
    """Return a number that depends on all of an attention's results."""
    return np.sum(np.sin(nn.attention(q, k, v, mask, causal)))


@pytest.mark.parametrize("what", ["v", "keys"])
def test_what_is_not_finite_behind_the_last_key_seen(what: str) -> None:
    """Blocks of a causal kernel leave keys out, but not where zero times one counts."""
    rng, n = np.random.default_rng(0), attention.BLOCK + 3
    q, k, v = rng.normal(size=(3, n, 2))
    (v if what == "v" else k)[-1, 0] = np.inf
    with np.errstate(invalid="ignore", over="ignore"):
        step = value_and_grad(loss, argnums=(0, 1, 2), backend="python")
        _, due = step(q, k, v, None, True)
        due = (nn.attention(q, k, v, causal=True), *due)
    last = None, None, True, (1, 1, 1, 1, 1)
    with np.errstate(all="ignore"):
        z = plain()["attended"](q, k, v, *last)
        slopes = plain()["attention_slopes"](q, k, v, np.cos(z), *last)
    found = [z, *slopes.reshape(3, n, 2)]
    for got, want in zip(found, due, strict=True):
        np.testing.assert_allclose(got, want, 1e-12, 1e-12)


def test_bad_attention() -> None:
    """Compiled code raises what plain Python raises, where there is nothing to see."""
    q, none = np.ones((2, 3)), np.ones((0, 3))
    for backend in ("python", "numba"):
        slope = grad(loss, backend=backend)
        with pytest.raises(ValueError, match="zero-size"):
            slope(q, none, none)
        with pytest.raises(ZeroDivisionError):
            slope(q[:, :0], q[:, :0], q)
