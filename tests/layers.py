"""Layers and losses of `srcgrad.nn` with arguments: what must agree with references.

A sample is a function of float arrays that returns a number, so that one list serves
differences, the other backend and torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srcgrad import nn, stop_gradient

Floats = Any


@dataclass(frozen=True)
class Sample:
    """A layer, how its float arguments are drawn, and what torch computes.

    `layer` returns an array or a number; `shapes` are of its arguments. `torch` gets
    the module, then the same arguments as tensors.
    """

    layer: Callable[..., Any]
    shapes: tuple[tuple[int, ...], ...]
    torch: Callable[..., Any]
    scale: float = 1.0

    def floats(self, dtype: str, seed: int = 0) -> list[Floats]:
        """Return the float arguments."""
        rng = np.random.default_rng(seed)
        return [(self.scale * rng.normal(size=s)).astype(dtype) for s in self.shapes]


def _back(x: Any) -> Any:
    return x.permute(0, 2, 3, 1)


def _conv(torch: Any, x: Any, w: Any, b: Any, **options: Any) -> Any:
    kernel = w.permute(3, 2, 0, 1)
    return _back(torch.conv2d(x.permute(0, 3, 1, 2), kernel, b, **options))


def _pooled(torch: Any, x: Any, kind: str, size: Any, stride: Any) -> Any:
    pool = getattr(torch.nn.functional, kind)
    return _back(pool(x.permute(0, 3, 1, 2), size, stride))


def _batch_norm(torch: Any, *args: Any, train: bool) -> Any:
    """Return the result and the state, as one vector."""
    x, scale, shift, mean, var = args
    mean, var = mean.detach().clone(), (var * var).detach().clone() + 1
    given = x.reshape(-1, x.shape[-1])
    y = torch.nn.functional.batch_norm(given, mean, var, scale, shift, train, 0.3)
    return torch.cat([y.reshape(-1), mean, var])


def _normed(train: bool, x: Any, scale: Any, shift: Any, mean: Any, var: Any) -> Any:
    kept = stop_gradient(mean), stop_gradient(var * var) + 1
    y, state = nn.batch_norm(x, scale, shift, kept, train, 0.7)
    return np.concatenate((y.reshape(-1), state.mean, state.var))


def _cells(torch: Any, kind: str, *args: Any) -> Any:
    """Return what a cell of torch does, given weights `(in, blocks * size)`."""
    x, states, (w, u, *b) = args
    cell = getattr(torch, f"{kind}_cell")
    b = b if len(b) == 2 else [b[0], torch.zeros_like(b[0])]
    out = cell(x, states, w.T.contiguous(), u.T.contiguous(), *b)
    return torch.cat(out, 1) if isinstance(out, tuple) else out


def _attention(torch: Any, q: Any, k: Any, v: Any, **options: Any) -> Any:
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, **options)


def _of(name: str, **options: Any) -> Callable[..., Any]:
    """Return a function of `torch.nn.functional`."""
    return lambda torch, *args: getattr(torch.nn.functional, name)(*args, **options)


MASK = np.random.default_rng(1).random((3, 4)) < 0.7
MASK[:, 1] = True
IDS = np.array([[2, 0, 2], [1, 4, 2]])
LABELS = np.array([3, 0, 1, 1, 2])
SHARES = np.random.default_rng(2).random((4, 3))

SAMPLES = {
    "dense": Sample(nn.dense, ((5, 3), (3, 4), (4,)), lambda t, x, w, b: x @ w + b),
    "dense_3d": Sample(nn.dense, ((2, 5, 3), (3, 1)), lambda t, x, w: x @ w),
    "flatten": Sample(nn.flatten, ((3, 2, 2, 2),), lambda t, x: x.flatten(1)),
    "relu": Sample(nn.relu, ((4, 5),), _of("relu")),
    "leaky_relu": Sample(lambda x: nn.leaky_relu(x, 0.2), ((4, 5),),
                         _of("leaky_relu", negative_slope=0.2)),
    "elu": Sample(lambda x: nn.elu(x, 0.7), ((4, 5),), _of("elu", alpha=0.7), scale=3),
    "gelu": Sample(nn.gelu, ((4, 5),), _of("gelu"), scale=3),
    "gelu_tanh": Sample(lambda x: nn.gelu(x, approximate=True), ((4, 5),),
                        _of("gelu", approximate="tanh"), scale=3),
    "sigmoid": Sample(nn.sigmoid, ((4, 5),), _of("sigmoid"), scale=5),
    "tanh": Sample(nn.tanh, ((4, 5),), _of("tanh")),
    "softplus": Sample(nn.softplus, ((4, 5),), _of("softplus", threshold=1000),
                       scale=5),
    "softmax": Sample(nn.softmax, ((4, 5),), _of("softmax", dim=-1), scale=3),
    "softmax_0": Sample(lambda x: nn.softmax(x, axis=0), ((2, 3, 4),),
                        _of("softmax", dim=0)),
    "log_softmax": Sample(nn.log_softmax, ((4, 5),), _of("log_softmax", dim=-1),
                          scale=3),
    "conv2d": Sample(nn.conv2d, ((2, 6, 5, 3), (3, 2, 3, 4), (4,)), _conv),
    "conv2d_stride": Sample(
        lambda x, w, b: nn.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2),
        ((2, 7, 6, 4), (3, 2, 2, 6), (6,)),
        lambda t, x, w, b: _conv(t, x, w, b, stride=(2, 1), padding=(1, 2),
                                 dilation=(1, 2), groups=2)),
    "conv2d_same": Sample(lambda x, w, b: nn.conv2d(x, w, b, padding="same"),
                          ((2, 4, 5, 1), (3, 3, 1, 2), (2,)),
                          lambda t, x, w, b: _conv(t, x, w, b, padding="same")),
    "conv2d_depthwise": Sample(
        lambda x, w, b: nn.conv2d(x, w, b, padding=1, groups=3),
        ((1, 5, 4, 3), (3, 3, 1, 6), (6,)),
        lambda t, x, w, b: _conv(t, x, w, b, padding=1, groups=3)),
    "max_pool2d": Sample(nn.max_pool2d, ((2, 5, 6, 3),),
                         lambda t, x: _pooled(t, x, "max_pool2d", 2, 2)),
    "max_pool2d_overlap": Sample(
        lambda x: nn.max_pool2d(x, (3, 2), (2, 1)), ((2, 6, 5, 2),),
        lambda t, x: _pooled(t, x, "max_pool2d", (3, 2), (2, 1))),
    "avg_pool2d": Sample(nn.avg_pool2d, ((2, 5, 6, 3),),
                         lambda t, x: _pooled(t, x, "avg_pool2d", 2, 2)),
    "avg_pool2d_overlap": Sample(
        lambda x: nn.avg_pool2d(x, (3, 2), 1), ((2, 4, 5, 2),),
        lambda t, x: _pooled(t, x, "avg_pool2d", (3, 2), 1)),
    "layer_norm": Sample(nn.layer_norm, ((2, 3, 5), (5,), (5,)),
                         lambda t, x, a, b: t.layer_norm(x, (5,), a, b)),
    "batch_norm": Sample(lambda *args: _normed(True, *args),
                         ((6, 3), (3,), (3,), (3,), (3,)),
                         lambda t, *args: _batch_norm(t, *args, train=True)),
    "batch_norm_images": Sample(
        lambda *args: _normed(True, *args), ((2, 3, 2, 4), (4,), (4,), (4,), (4,)),
        lambda t, *args: _batch_norm(t, *args, train=True)),
    "batch_norm_eval": Sample(lambda *args: _normed(False, *args),
                              ((6, 3), (3,), (3,), (3,), (3,)),
                              lambda t, *args: _batch_norm(t, *args, train=False)),
    "embedding": Sample(lambda table: nn.embedding(IDS, table), ((5, 3),),
                        lambda t, table: table[t.tensor(IDS)]),
    "residual": Sample(
        lambda x, *p: nn.residual(x, lambda x, w, b: nn.relu(nn.dense(x, w, b)), *p),
        ((4, 3), (3, 3), (3,)), lambda t, x, w, b: x + t.relu(x @ w + b)),
    "attention": Sample(nn.attention, ((2, 3, 4), (2, 5, 4), (2, 5, 2)), _attention),
    "attention_causal": Sample(
        lambda q, k, v: nn.attention(q, k, v, causal=True),
        ((2, 2, 4, 3), (2, 2, 4, 3), (2, 2, 4, 2)),
        lambda t, *qkv: _attention(t, *qkv, is_causal=True)),
    "attention_mask": Sample(
        lambda q, k, v: nn.attention(q, k, v, MASK), ((2, 3, 2), (2, 4, 2), (2, 4, 5)),
        lambda t, *qkv: _attention(t, *qkv, attn_mask=t.tensor(MASK))),
    "attention_added": Sample(
        nn.attention, ((2, 3, 2), (2, 4, 2), (2, 4, 5), (3, 4)),
        lambda t, q, k, v, m: _attention(t, q, k, v, attn_mask=m)),
    "rnn_cell": Sample(nn.rnn_cell, ((4, 3), (4, 2), (3, 2), (2, 2), (2,)),
                       lambda t, x, h, *p: _cells(t, "rnn_tanh", x, h, p)),
    "lstm_cell": Sample(
        lambda x, h, c, *p: np.concatenate(nn.lstm_cell(x, (h, c), *p), 1),
        ((4, 3), (4, 2), (4, 2), (3, 8), (2, 8), (8,)),
        lambda t, x, h, c, *p: _cells(t, "lstm", x, (h, c), p)),
    "gru_cell": Sample(nn.gru_cell, ((4, 3), (4, 2), (3, 6), (2, 6), (6,), (6,)),
                       lambda t, x, h, *p: _cells(t, "gru", x, h, p)),
    "mse": Sample(nn.mse, ((4, 3), (4, 3)), _of("mse_loss")),
    "mae": Sample(nn.mae, ((4, 3), (4, 3)), _of("l1_loss")),
    "huber": Sample(lambda x, y: nn.huber(x, y, 0.8), ((4, 3), (4, 3)),
                    _of("huber_loss", delta=0.8)),
    "binary_cross_entropy": Sample(
        lambda x: nn.binary_cross_entropy_with_logits(x, SHARES), ((4, 3),),
        lambda t, x: t.nn.functional.binary_cross_entropy_with_logits(
            x, t.tensor(SHARES, dtype=x.dtype)), scale=4),
    "softmax_cross_entropy": Sample(
        lambda x: nn.softmax_cross_entropy(x, LABELS), ((5, 4),),
        lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(LABELS)), scale=3),
    "softmax_cross_entropy_3d": Sample(
        lambda x: nn.softmax_cross_entropy(x, IDS), ((2, 3, 5),),
        lambda t, x: t.nn.functional.cross_entropy(
            x.reshape(-1, 5), t.tensor(IDS).reshape(-1))),
    "kl_divergence": Sample(
        lambda x, y: nn.kl_divergence(nn.log_softmax(x), nn.log_softmax(y)),
        ((4, 3), (4, 3)),
        lambda t, x, y: t.nn.functional.kl_div(
            t.log_softmax(y, 1), t.log_softmax(x, 1), log_target=True,
            reduction="batchmean")),
}  # fmt: skip


def weighted(layer: Callable[..., Any]) -> Callable[..., Any]:
    """Return the sum of what a layer returns, each item with a weight of its own."""

    def total(*args: Any) -> Any:
        y = layer(*args)
        if np.ndim(y) == 0:
            return y
        flat = y.reshape(-1)
        return np.sum(flat * np.cos(np.arange(flat.shape[0])).astype(flat.dtype))

    return total
