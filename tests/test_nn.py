"""Layers of networks: against sums one product at a time, and what they refuse."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import nn
from tests import images

PADDINGS = [
    ("valid", ((0, 0), (0, 0))),
    (2, ((2, 2), (2, 2))),
    ((1, 2), ((1, 1), (2, 2))),
    (((1, 0), (0, 3)), ((1, 0), (0, 3))),
]
STEPS = [(1, 1, 1), ((2, 1), 1, 2), (3, (1, 2), 3), (2, 2, 1)]


def summed(
    x: Any, w: Any, b: Any, steps: Any, padding: tuple[tuple[int, int], ...]
) -> Any:
    """Return a convolution, one product at a time."""
    stride, dilation, groups = steps
    pairs = [p if isinstance(p, tuple) else (p, p) for p in (stride, dilation)]
    attrs = {"stride": pairs[0], "dilation": pairs[1], "groups": groups}
    size = [
        (n + sum(pad) - (k - 1) * d - 1) // s + 1
        for n, pad, k, s, d in zip(
            x.shape[1:3], padding, w.shape[:2], *pairs, strict=True
        )
    ]
    starts = [first for first, _ in padding]
    return images.convolved((x, w, *starts, *size), attrs) + b


def operands(groups: int, dtype: str = "float64") -> tuple[Any, Any, Any]:
    """Return images, weights and what is added."""
    rng = np.random.default_rng(groups)
    shapes = (2, 7, 8, 6), (3, 2, 6 // groups, 6), (6,)
    x, w, b = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    return x, w, b


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("padding", [*PADDINGS, ("same", None)])
def test_conv2d(steps: Any, padding: Any) -> None:
    """In float32 the result is float32; the python backend gives the same numbers."""
    given, around = padding
    stride, dilation, groups = steps
    if around is None:
        if (stride, dilation) != (1, 1):
            stride, dilation = 2, 1
        steps = stride, dilation, groups
        around = ((1, 1), (0, 1)) if stride == 1 else ((1, 1), (0, 0))

    def layer(x: Any, w: Any, b: Any) -> Any:
        y = nn.conv2d(x, w, b, stride, given, dilation, groups)
        return np.sum(y * y)

    x, w, b = operands(groups)
    y = nn.conv2d(x, w, b, stride, given, dilation, groups)
    due = summed(x, w, b, steps, around)
    np.testing.assert_allclose(y, due, 1e-12, 1e-12)
    f = srcgrad.differentiable(layer, argnums=(0, 1, 2), backend="python")
    assert f(x, w, b) == layer(x, w, b)
    srcgrad.check_grads(layer, (x, w, b), backend="python")
    small = nn.conv2d(*operands(groups, "float32"), stride, given, dilation, groups)
    assert small.dtype == np.float32
    np.testing.assert_allclose(small, due, 1e-4, 1e-5)


def test_conv2d_compiled() -> None:
    """Every way that patches are laid out: of one channel, in groups, beyond edges."""
    for channels, groups, stride, dilation in (
        (1, 1, 1, 1), (1, 1, 1, 2), (1, 1, 2, 1), (4, 1, 1, 1), (4, 1, 2, 1),
        (4, 2, 1, 1), (4, 4, 1, 2), (2, 1, 1, 2),
    ):  # fmt: skip
        rng = np.random.default_rng(channels)
        x = rng.normal(size=(3, 6, 9, channels))
        w = rng.normal(size=(2, 5, channels // groups, 4))

        def layer(x: Any, w: Any) -> Any:
            pad = ((1, 0), (4, 1))
            y = nn.conv2d(x, w, None, stride, pad, dilation, groups)  # noqa: B023
            return np.sum(np.tanh(y))

        found, due = (
            srcgrad.value_and_grad(layer, (0, 1), backend=backend)(x, w)
            for backend in ("numba", "python")
        )
        np.testing.assert_allclose(found[0], due[0], 1e-12)
        for a, b in zip(found[1], due[1], strict=True):
            np.testing.assert_allclose(a, b, 1e-11, 1e-12)


def test_conv2d_of_larger_images() -> None:
    """Of several images, with an edge, through the gradient of the layer."""
    rng = np.random.default_rng(0)
    for shape in ((9, 20, 20, 9), (30, 30, 30, 1)):
        x, w = rng.normal(size=shape), rng.normal(size=(3, 3, shape[3], 2))

        def layer(x: Any, w: Any) -> Any:
            return np.sum(nn.conv2d(x, w, None, padding="same") ** 2)

        found, due = (
            srcgrad.grad(layer, (0, 1), backend=backend)(x, w)
            for backend in ("numba", "python")
        )
        for a, b in zip(found, due, strict=True):
            np.testing.assert_allclose(a, b, 1e-10, 1e-9)


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_max_pool2d_ties_and_nan(backend: str) -> None:
    """The first in rows has the gradient; a nan is the largest of all."""

    def pooled(x: Any) -> Any:
        return np.sum(nn.max_pool2d(x, 2) * np.array([1.0, 2.0])[:, None])

    x = np.array([[3.0, 3.0, 1.0, np.nan], [3.0, 0.0, 5.0, np.nan]])
    slope = srcgrad.grad(pooled, backend=backend)(x.reshape(1, 2, 4, 1))
    assert slope.reshape(2, 4).tolist() == [[1, 0, 0, 2], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("size", "stride"), [(2, None), (3, 2), ((2, 3), 1), ([2, 2], 3)]
)
def test_max_pool2d(size: Any, stride: Any) -> None:
    """Windows may overlap, or leave gaps."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 7, 8, 3))

    def pooled(x: Any) -> Any:
        return np.sum(np.tanh(nn.max_pool2d(x, size, stride)))

    f, g = (srcgrad.differentiable(pooled, backend=b) for b in ("python", "numba"))
    assert f(x) == pooled(x)
    srcgrad.check_grads(pooled, (x,), order=2, backend="python")
    np.testing.assert_allclose(g.grad(x), f.grad(x), 1e-12)
    pairs = [tuple(p) if isinstance(p, tuple | list) else (p, p)
             for p in (size, size if stride is None else stride)]  # fmt: skip
    part = images.window(
        x, (1, 1, 1, 2), dict(zip(("size", "stride"), pairs, strict=True))
    )
    assert nn.max_pool2d(x, size, stride)[1, 1, 1, 2] == part.max()


X, W = np.ones((1, 4, 4, 3)), np.ones((2, 2, 3, 2))


@pytest.mark.parametrize("backend", [None, "python", "numba"])
@pytest.mark.parametrize(
    ("layer", "args", "what"),
    [
        (lambda x, w: nn.conv2d(x, w, 0.0).sum(), (X, W[:, :, :2]), "3 channels, but"),
        (lambda x, w: nn.conv2d(x, w, 0.0).sum(), (X[:, :1], W), "beyond images"),
        (lambda x, w: nn.conv2d(x, w, 0.0).sum(), (X[0], W), "conv2d: images are"),
        (lambda x, w: nn.conv2d(x, w, 0.0, 1, "full").sum(), (X, W), "padding is"),
        (lambda x, w: nn.conv2d(x, w, 0.0, 1, 0, 1, 3).sum(), (X, W[:, :, :1]),
         "into 3 groups"),
        (lambda x, w: nn.conv2d(x, w, 0.0, 0).sum(), (X, W), "one positive number"),
        (lambda x, w: nn.conv2d(x, w, 0.0, 1, 0, (1, -1)).sum(), (X, W), "positive"),
        (lambda x, w: nn.conv2d(x, w, 0.0, groups=0).sum(), (X, W), "into 0 groups"),
        (lambda x, w: nn.conv2d(x, w, 0.0, 1, (1, 2, 3)).sum(), (X, W), "padding is"),
        (lambda x, w: nn.conv2d(x, w, 0.0, 1, ((1,), 2)).sum(), (X, W), "padding is"),
        (lambda x, w: nn.conv2d(x, w, x[0, 0]).sum(), (X, W), "b is .out,."),
        (lambda x, w: nn.conv2d(x, w, w[0, 0, 0, :1]).sum(), (X, W), "b of shape .1,."),
        (lambda x: nn.max_pool2d(x, 2, 0).sum(), (X,), "one positive number"),
        (lambda x: nn.avg_pool2d(x, 5).sum(), (X,), "windows .5, 5. are larger"),
        (lambda x: nn.max_pool2d(x, 0).sum(), (X,), "one positive number"),
        (lambda x: nn.max_pool2d(x, (2, 2, 2)).sum(), (X,), "or two"),
        (lambda x: nn.max_pool2d(x, 5).sum(), (X,), "windows are larger"),
        (lambda x: nn.max_pool2d(x[0]).sum(), (X,), "images are"),
    ],
)  # fmt: skip
def test_errors(
    layer: Callable[..., Any], args: Any, what: str, backend: str | None
) -> None:
    """What NumPy would call a ValueError is one, in plain Python and compiled."""
    called = layer if backend is None else srcgrad.grad(layer, backend=backend)
    with pytest.raises(ValueError, match=what):
        called(*args)


def test_cross_entropy_is_softmax_less_labels() -> None:
    """The gradient by the logits, also where all of a row is far below zero."""
    logits = np.random.default_rng(0).normal(size=(4, 5))
    logits[2] -= 1e4
    labels = np.array([0, 4, 2, 2])
    f = srcgrad.value_and_grad(nn.softmax_cross_entropy, backend="python")
    value, slope = f(logits, labels)
    shares = nn.softmax(logits)
    due = (shares - np.eye(5)[labels]) / 4
    np.testing.assert_allclose(slope, due, 1e-12, 1e-15)
    np.testing.assert_allclose(value, -np.log(shares[np.arange(4), labels]).mean())
    np.testing.assert_allclose(np.exp(nn.log_softmax(logits)), shares, 1e-13)


@pytest.mark.parametrize("backend", ["numba", "python"])
def test_kinks(backend: str) -> None:
    """SEMANTICS section 2: relu has the slope 0 at 0, leaky_relu the negative one."""

    def both(x: Any) -> Any:
        return nn.relu(x[0]) + 10.0 * nn.leaky_relu(x[1], 0.2)

    slope = srcgrad.grad(lambda x: both(x).sum(), backend=backend)(np.zeros((2, 2)))
    assert slope.tolist() == [[0.0, 0.0], [2.0, 2.0]]
