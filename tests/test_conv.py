"""Compiled convolutions against readable ones: shapes that fill tiles, and others."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numba import njit

from srcgrad.runtime import compiled, plain, readable

Case = tuple[list[Any], tuple[int, int], tuple[int, int], dict[str, Any]]


def cases(dtype: Any, count: int, most: int) -> Iterator[Case]:
    """Yield images, weights, results, where patches begin, their number, and steps."""
    rng = np.random.default_rng(0)
    tile = 128 // np.dtype(dtype).itemsize
    some = [n for n in (1, 2, 3, tile // 2, tile, tile + 1, 2 * tile) if n <= most]
    while count:
        dilation = (1, 1) if rng.random() < 0.6 else (1, 2)
        k0, k1, s0, s1 = (int(n) for n in rng.integers(1, 4, 4))
        top, bottom, left, right = (0, 0, 0, 0)
        if rng.random() < 0.6:
            top, bottom, left, right = (int(n) for n in rng.integers(-1, 4, 4))
        height, width = (int(n) for n in rng.integers(3, 17, 2))
        groups = int(rng.choice([1, 1, 2, 3]))
        channels, depth = (int(n) for n in rng.choice(some, 2))
        rows = (height + top + bottom - (k0 - 1) * dilation[0] - 1) // s0 + 1
        columns = (width + left + right - (k1 - 1) * dilation[1] - 1) // s1 + 1
        if min(rows, columns) < 1:
            continue
        shapes = (
            (2, height, width, channels * groups),
            (k0, k1, channels, depth * groups),
            (2, rows, columns, depth * groups),
        )
        steps = {"stride": (s0, s1), "dilation": dilation, "groups": groups}
        arrays = [rng.normal(size=shape).astype(dtype) for shape in shapes]
        yield arrays, (top, left), (rows, columns), steps
        count -= 1


def agree(kernels: Any, case: Case, tolerance: float) -> None:
    """Check the three kernels of a convolution against the readable ones."""
    (x, w, y), start, size, steps = case
    more = (*steps["stride"], *steps["dilation"], steps["groups"])
    calls = (
        ("conv_nhwc", (x, w), size),
        ("conv_nhwc_input", (y, w), x.shape[1:3]),
        ("conv_nhwc_weights", (x, y), w.shape[:3]),
    )
    for name, given, shape in calls:
        found = kernels[name](*given, *start, *shape, *more)
        due = getattr(readable, name)(*given, start, shape, **steps)
        assert found.dtype == due.dtype
        worst = np.max(np.abs(found - due))
        bound = tolerance * np.max(np.abs(due))
        assert worst <= bound, (name, x.shape, w.shape, start, size, steps)


NAMES = "conv_nhwc", "conv_nhwc_input", "conv_nhwc_weights"


def test_compiled_convolutions() -> None:
    """Full tiles, parts of tiles, groups, frames, and steps, in random combinations."""
    rt = compiled()
    forward, of_input, of_weights = (getattr(rt, f"{n}_float32") for n in NAMES)

    @njit
    def conv(x, w, t, l, h, v, a, b, c, d, g):  # type: ignore[no-untyped-def] # noqa: E741
        return forward(x, w, t, l, h, v, a, b, c, d, g)

    @njit
    def image(x, w, t, l, h, v, a, b, c, d, g):  # type: ignore[no-untyped-def] # noqa: E741
        return of_input(x, w, t, l, h, v, a, b, c, d, g)

    @njit
    def weights(x, y, t, l, h, v, n, a, b, c, d, g):  # type: ignore[no-untyped-def] # noqa: E741
        return of_weights(x, y, t, l, h, v, n, a, b, c, d, g)

    kernels = dict(zip(NAMES, (conv, image, weights), strict=True))
    for case in cases("float32", 150, 64):
        agree(kernels, case, 1e-5)
    steps = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}
    shapes = (1, 9, 80, 64), (3, 3, 64, 64), (1, 7, 78, 64)  # more than stays near
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype("float32") for shape in shapes]
    agree(kernels, (arrays, (0, 0), (7, 78), steps), 1e-5)


def test_plain_convolutions() -> None:
    """The kernels' own text, with what stands for tiles in plain Python."""
    for case in cases("float64", 12, 3):
        (x, w, y), start, size, steps = case
        agree(plain(), ([x[:1], w, y[:1]], start, size, steps), 1e-12)


@pytest.mark.parametrize("shape", [(0, 4, 4, 2), (2, 4, 4, 0)])
def test_empty_convolutions(shape: Any) -> None:
    """No images, or images of no channels, whose convolution is zero."""
    x, w = np.ones(shape), np.ones((2, 2, shape[3], 3))
    y = plain()["conv_nhwc"](x, w, 0, 0, 3, 3, 1, 1, 1, 1, 1)
    assert y.shape == (shape[0], 3, 3, 3)
    assert not y.any()
