"""Layers and losses against torch: values and gradients, over random shapes."""

from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import nn
from tests.layers import SAMPLES, weighted

torch = pytest.importorskip("torch")


def sum_of(y: Any) -> Any:
    """Return what `weighted` makes of the result of a layer."""
    if y.ndim == 0:
        return y
    flat = y.reshape(-1)
    return (flat * torch.cos(torch.arange(len(flat)).double()).to(flat.dtype)).sum()


def assert_agree(layer: Any, reference: Any, args: Any, backend: str) -> None:
    """Assert that value and gradients are torch's."""
    dtype = args[0].dtype
    near = 1e-10 if dtype == np.float64 else 1e-5
    chosen = tuple(range(len(args)))
    f = srcgrad.value_and_grad(weighted(layer), argnums=chosen, backend=backend)
    value, slopes = f(*args)
    tensors = [torch.tensor(a, requires_grad=True) for a in args]
    total = sum_of(reference(torch, *tensors))
    due = torch.autograd.grad(total, tensors, allow_unused=True)
    np.testing.assert_allclose(value, total.item(), near, near)
    for slope, other in zip(slopes, due, strict=True):
        assert slope.dtype == dtype
        exact = np.zeros_like(slope) if other is None else other.numpy()
        np.testing.assert_allclose(slope, exact, near, near * max(1, abs(exact).max()))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SAMPLES)
def test_torch(name: str, dtype: str) -> None:
    """Each layer agrees to 1e-10 in double and 1e-5 in single precision."""
    sample = SAMPLES[name]
    for seed in range(3):
        args = sample.floats(dtype, seed)
        assert_agree(sample.layer, sample.torch, args, "python")


@pytest.mark.long
@pytest.mark.parametrize("name", SAMPLES)
def test_torch_compiled(name: str) -> None:
    """The same of kernels."""
    for dtype in ("float64", "float32"):
        sample = SAMPLES[name]
        assert_agree(sample.layer, sample.torch, sample.floats(dtype), "numba")


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_random_convolutions(seed: int, dtype: str) -> None:
    """Random shapes, strides, paddings, gaps and groups."""
    rng = np.random.default_rng(seed)
    n, groups, ins, outs = (int(k) for k in rng.integers(1, 4, 4))
    kernel, stride, gap = (tuple(rng.integers(1, 4, 2).tolist()) for _ in range(3))
    pad = tuple(rng.integers(0, 4, 2).tolist())
    size = [int(rng.integers(max(1, (k - 1) * d + 1 - 2 * p), 12))
            for k, d, p in zip(kernel, gap, pad, strict=True)]  # fmt: skip
    x = rng.normal(size=(n, *size, ins * groups))
    w = rng.normal(size=(*kernel, ins, outs * groups))
    b = rng.normal(size=outs * groups)

    def layer(x: Any, w: Any, b: Any) -> Any:
        return nn.conv2d(x, w, b, stride, pad, gap, groups)

    def reference(torch: Any, x: Any, w: Any, b: Any) -> Any:
        given = x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), b
        return torch.conv2d(*given, stride, pad, gap, groups).permute(0, 2, 3, 1)

    args = [a.astype(dtype) / (4 if dtype == "float32" else 1) for a in (x, w, b)]
    assert_agree(layer, reference, args, "python")


@pytest.mark.parametrize("seed", range(8))
def test_random_pools(seed: int) -> None:
    """Random windows and steps, of the largest items and of means."""
    rng = np.random.default_rng(seed)
    size, stride = (tuple(rng.integers(1, 4, 2).tolist()) for _ in range(2))
    x = rng.normal(size=(2, *rng.integers(3, 9, 2), 3))
    for name in ("max_pool2d", "avg_pool2d"):
        pool, other = getattr(nn, name), getattr(torch.nn.functional, name)

        def layer(x: Any) -> Any:
            return pool(x, size, stride)  # noqa: B023

        def reference(torch: Any, x: Any) -> Any:
            given = x.permute(0, 3, 1, 2)
            return other(given, size, stride).permute(0, 2, 3, 1)  # noqa: B023

        assert_agree(layer, reference, [x], "python")


@pytest.mark.parametrize("name", ["dense", "conv2d", "layer_norm", "attention", "gelu"])
def test_second_order(name: str) -> None:
    """Hessian-vector products of a layer squared are torch's."""
    sample = SAMPLES[name]
    args = sample.floats("float64")
    v = np.random.default_rng(9).normal(size=args[0].shape)

    def squared(*args: Any) -> Any:
        return weighted(sample.layer)(*args) ** 2

    found = srcgrad.hvp(srcgrad.differentiable(squared, backend="python"))
    x, *rest = (torch.tensor(a) for a in args)
    _, due = torch.autograd.functional.hvp(
        lambda x: sum_of(sample.torch(torch, x, *rest)) ** 2, x, torch.tensor(v)
    )
    np.testing.assert_allclose(found(args[0], v, *args[1:]), due.numpy(), 1e-9, 1e-9)
