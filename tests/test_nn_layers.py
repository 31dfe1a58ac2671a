"""Layers and losses without references from outside: differences, dtypes, messages.

`tests/layers.py` lists them; `test_nn_torch.py` compares the same list with torch.
"""

import inspect
import re
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import nn
from tests.layers import SAMPLES, Sample, weighted


def _trained(x: Any, scale: Any, shift: Any, mean: Any, var: Any) -> Any:
    return nn.batch_norm(x, scale, shift, (mean, var * var + 1))[0]


def _evaluated(x: Any, scale: Any, shift: Any, mean: Any, var: Any) -> Any:
    return nn.batch_norm(x, scale, shift, (mean, var * var + 1), train=False)[0]


def door(sample: Sample, backend: str) -> Any:
    """Return a layer differentiated by all its float arguments."""
    chosen = tuple(range(len(sample.shapes)))
    return srcgrad.value_and_grad(
        weighted(sample.layer), argnums=chosen, backend=backend
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_differences(name: str) -> None:
    """Gradient and Hessian are those of differences, the value that of plain NumPy."""
    sample = SAMPLES[name]
    args, total = tuple(sample.floats("float64")), weighted(sample.layer)
    if name.startswith("batch_norm"):  # the state is no constant to differences
        total = weighted(_evaluated if "eval" in name else _trained)
    f = srcgrad.differentiable(total, backend="python")
    assert f(*args) == total(*args)
    srcgrad.check_grads(total, args, order=2, backend="python")


@pytest.mark.parametrize("name", SAMPLES)
def test_single_precision(name: str) -> None:
    """A float32 network has a value and gradients of float32, near the double ones."""
    sample = SAMPLES[name]
    f = door(sample, "python")
    value, slopes = f(*sample.floats("float32"))
    due, exact = f(*sample.floats("float64"))
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, due, 1e-4, 1e-5)
    for slope, other in zip(slopes, exact, strict=True):
        assert slope.dtype == np.float32
        np.testing.assert_allclose(slope, other, 1e-4, 1e-4)
    text = f.source(*sample.floats("float32"))
    assert "float64" not in text.replace("np.float64(", "")


def test_every_layer_is_sampled() -> None:
    """A new layer without a sample is noticed here."""
    names = {n for n in nn.__all__ if inspect.isfunction(getattr(nn, n))}
    text = inspect.getsource(inspect.getmodule(Sample))  # type: ignore[arg-type]
    missing = {n for n in names if not re.search(rf"nn\.{n}\b", text)}
    assert missing == {"batch_norm_state", "dropout"}


@pytest.mark.parametrize(
    "layer",
    [nn.elu, nn.gelu, lambda x: nn.gelu(x, approximate=True), nn.sigmoid, nn.softplus,
     nn.tanh, nn.log_softmax, nn.softmax,
     lambda x: nn.binary_cross_entropy_with_logits(x, np.array([1.0, 0.0, 0.3])),
     lambda x: nn.softmax_cross_entropy(x[None], np.array([1]))],
)  # fmt: skip
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_far_from_zero(layer: Callable[..., Any], dtype: str) -> None:
    """Nothing overflows, and every slope is finite, at 1000 on both sides."""
    x = np.array([-1000.0, 0.5, 1000.0], dtype)
    with np.errstate(over="raise", invalid="raise"):
        assert np.all(np.isfinite(layer(x)))
    value, slope = srcgrad.value_and_grad(weighted(layer), backend="python")(x)
    assert np.isfinite(value)
    assert np.all(np.isfinite(slope))


def test_far_values() -> None:
    """What the stable formulas must give there."""
    x = np.array([-1000.0, 1000.0])
    assert nn.softplus(x).tolist() == [0, 1000]
    assert nn.sigmoid(x).tolist() == [0, 1]
    np.testing.assert_allclose(nn.sigmoid(np.array([-50.0])), np.exp(-50.0), 1e-12)
    assert nn.log_softmax(x).tolist() == [-2000, 0]
    for target, due in ((0.0, 500.0), (1.0, 500.0)):
        t = np.full(2, target)
        assert nn.binary_cross_entropy_with_logits(x, t) == due
    slope = srcgrad.grad(lambda x: nn.softplus(x).sum(), backend="python")(x)
    assert slope.tolist() == [0, 1]
    assert np.isnan(nn.relu(np.array([np.nan]))[0])  # a nan is not hidden


# dropout

X = np.random.default_rng(0).normal(size=(40, 50))


def dropped(x: Any, key: int) -> Any:
    """Return the sum of squares of what dropout leaves."""
    y = nn.dropout(x, 0.25, key)
    return np.sum(y * y)


@pytest.mark.parametrize("backend", ["python", "numba"])
@pytest.mark.parametrize("key", [0, 1, 2**62 + 12345, -7])
def test_dropout_has_one_mask(backend: str, key: int) -> None:
    """Plain NumPy, value and gradient drop the same items, on both backends."""
    y = nn.dropout(X, 0.25, key)
    assert set(np.round(np.unique(y / X), 12)) == {0.0, np.round(1 / 0.75, 12)}
    value, slope = srcgrad.value_and_grad(dropped, backend=backend)(X, key)
    np.testing.assert_allclose(value, dropped(X, key), 1e-13)
    np.testing.assert_allclose(slope, 2 * y / 0.75, 1e-13)


def test_dropout_draws() -> None:
    """A generator gives the key; masks have the rate, and are not alike."""
    rng, keys = np.random.default_rng(3), np.random.default_rng(3)
    ones = np.ones(40_000, np.float32)
    masks = [nn.dropout(ones, 0.4, rng) > 0 for _ in range(3)]
    again = [nn.dropout(ones, 0.4, int(keys.integers(2**63))) > 0 for _ in range(3)]
    for mask, other in zip(masks, again, strict=True):
        np.testing.assert_array_equal(mask, other)
    masks += [nn.dropout(ones, 0.4, key) > 0 for key in range(6)]
    for k, mask in enumerate(masks):
        assert abs(mask.mean() - 0.6) < 0.01
        for other in masks[:k]:
            assert abs((mask & other).mean() - 0.36) < 0.012
        for shift in (1, 2, 50, 256):
            assert abs((mask[shift:] & mask[:-shift]).mean() - 0.36) < 0.012
    assert nn.dropout(ones, 0.4, 0).dtype == np.float32
    assert nn.dropout(ones, 0.4, 0, train=False) is ones
    with pytest.raises(TypeError, match="float"):  # no key, and no seed either
        nn.dropout(ones, 0.4, 0.5)


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_dropout_draws_inside(backend: Any) -> None:
    """A Generator moves on by one number, and both sweeps leave out the same items."""
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    f = srcgrad.grad(lambda x, rng: nn.dropout(x, 0.5, rng).sum(), backend=backend)
    np.testing.assert_array_equal(f(X, one), nn.dropout(np.ones_like(X), 0.5, other))
    assert one.random() == other.random()


# what is wrong is said

W, B, LOGITS = np.ones((3, 4)), np.ones(4), np.zeros((5, 3))
ROWS = np.ones((7, 3))
ONE = np.ones((2, 3))
STATE = nn.batch_norm_state(3)
WRONG: list[tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]] = [
    (nn.dense, (ROWS, np.ones((5, 2)), B), ValueError,
     r"dense: x of shape \(7, 3\) has 3 features, but w of shape \(5, 2\) is for 5"),
    (nn.dense, (ROWS, W, np.ones(3)), ValueError,
     r"dense: b of shape \(3,\) has 3 outputs, but w of shape \(3, 4\) is for 4"),
    (nn.dense, (ROWS, W, np.ones((7, 4))), ValueError, "dense: b is"),
    (nn.dense, (ROWS, np.ones((3, 1)), B), ValueError, "dense: b of shape"),
    (nn.dense, (ROWS, B), ValueError, "dense: x is"),
    (lambda x: nn.dense(x, np.ones((3, 2), int)), (ROWS,), TypeError,
     r"w has dtype int64, not floats: pass w.astype\(np.float32\)"),
    (lambda x, y: nn.softmax_cross_entropy(x, y), (LOGITS, np.full(5, 3)), ValueError,
     "labels go from 0 to 2, but one is 3"),
    (lambda x, y: nn.softmax_cross_entropy(x, y), (LOGITS, np.full(5, -1)), ValueError,
     "labels go from 0 to 2, but one is -1"),
    (lambda x, y: nn.softmax_cross_entropy(x, y), (LOGITS, np.zeros(5)), TypeError,
     "labels are whole numbers, not float64"),
    (lambda x, y: nn.softmax_cross_entropy(x, y), (LOGITS, np.zeros(4, int)),
     ValueError, r"logits of shape \(5, 3\) has 5 items"),
    (lambda x, y: nn.softmax_cross_entropy(x, y), (LOGITS, np.zeros((5, 3), int)),
     ValueError, "labels"),
    (lambda x, y: nn.softmax_cross_entropy(x, y), (LOGITS[:0], np.zeros(0, int)),
     ValueError, "the batch is empty"),
    (nn.mse, (B, np.ones((4, 1))), ValueError, "mse: shapes"),
    (nn.mse, (np.ones((4, 1)), np.ones((4, 4))), ValueError, "mse: the first of shape"),
    (nn.mae, (B[:0], B[:0]), ValueError, "mae: the batch is empty"),
    (lambda x, y: nn.huber(x, y, 0.0), (B, B), ValueError, "delta is above 0, not 0.0"),
    (nn.binary_cross_entropy_with_logits, (B, 2 * B), ValueError, "from 0 to 1, not"),
    (nn.embedding, (np.array([1, -1]), W), ValueError, "ids go from 0 to 2, but one"),
    (nn.embedding, (np.array([3]), W), ValueError, "but one is 3"),
    (lambda x: nn.layer_norm(x, 1.0, 0.0), (ROWS,), ValueError, "scale and shift are"),
    (lambda x: nn.batch_norm(x, 1.0, 0.0, STATE)[0], (ROWS,), ValueError,
     r"batch_norm: scale and shift are \(features,\), not 1.0 and 0.0"),
    (nn.layer_norm, (ROWS, B, B), ValueError, "layer_norm: x of shape"),
    (lambda x: nn.batch_norm(x, B, B, STATE)[0], (ROWS,), ValueError, "batch_norm: x"),
    (lambda x: nn.batch_norm(x[:1], x[0], x[0], STATE)[0], (ROWS,), ValueError,
     "one item has no variance"),
    (nn.attention, (W[None], W[None], ROWS[None]), ValueError, "attention: k of shape"),
    (nn.attention, (W[None], W, W), ValueError, "attention: q, k, v"),
    (lambda q: nn.attention(q, q, q, np.ones((2, 4, 3), bool)), (np.ones((1, 3, 3)),),
     ValueError, r"mask of shape \(2, 4, 3\) does not broadcast to the products"),
    (lambda q: nn.attention(q, q, q, np.ones((2, 3, 3))), (ROWS[None, :3],), ValueError,
     r"mask of shape \(2, 3, 3\) does not broadcast"),
    (lambda q: nn.attention(q, q, q, np.ones((1, 1, 3, 3))), (ROWS[None, :3],),
     ValueError, "mask of shape"),
    (lambda q: nn.attention(q, q, q, np.ones((3, 3), int)), (ROWS[None, :3],),
     TypeError, r"bools, or of floats that are added: pass mask.astype\(bool\)"),
    (nn.binary_cross_entropy_with_logits, (B, B * np.nan),
     ValueError, "from 0 to 1, not nan to nan"),
    (nn.rnn_cell, (ONE, ONE, W, W, B), ValueError, r"rnn_cell: u is \(size, 1"),
    (lambda x: nn.residual(x, lambda x: x[:, :1]), (ROWS,), ValueError, "residual"),
    (lambda x: nn.dropout(x, 1.0, 0), (ROWS,), ValueError, "the rate is from 0"),
]  # fmt: skip


@pytest.mark.parametrize("way", ["plain", "python"])
@pytest.mark.parametrize(("layer", "args", "kind", "what"), WRONG)
def test_errors(
    layer: Callable[..., Any], args: Any, kind: type[Exception], what: str, way: str
) -> None:
    """A layer names itself, both shapes and the line, in and out of a decorator."""

    def user(*args: Any) -> Any:
        return np.sum(layer(*args))  # this line

    floats = [k for k, a in enumerate(args) if a.dtype.kind == "f"]
    run = user if way == "plain" else srcgrad.grad(user, floats, backend="python")
    with pytest.raises(kind, match=what) as found:
        run(*args)
    assert type(found.value) is kind
    assert "test_nn_layers.py:" in str(found.value)
    frames = traceback.extract_tb(found.value.__traceback__)
    assert any("# this line" in (frame.line or "") for frame in frames)
    assert found.value.__context__ is None


def test_errors_compiled() -> None:
    """The kernel of a network refuses what plain NumPy refuses, with its message."""

    @srcgrad.grad
    def loss(w: Any, b: Any, x: Any, labels: Any) -> Any:
        return nn.softmax_cross_entropy(nn.dense(x, w, b), labels)

    labels = np.zeros(7, int)
    loss(W, B, ROWS, labels)
    for args, what in (
        ((np.ones((2, 4)), B, ROWS, labels), "w of shape .2, 4. is for 2"),
        ((W, B[:3], ROWS, labels), "b of shape .3,. has 3 outputs"),
        ((W, B, ROWS, labels + 4), "but one is 4"),
        ((W, B, ROWS, labels - 1), "but one is -1"),
        ((W, B, ROWS, labels[:5]), "labels of shape .5,."),
        ((W, B, ROWS[:0], labels[:0]), "empty"),
    ):
        with pytest.raises(ValueError, match=what):
            loss(*args)


# initial weights

INITS = ["he_normal", "he_uniform", "xavier_normal", "xavier_uniform"]


@pytest.mark.parametrize("name", INITS)
def test_init(name: str) -> None:
    """Variances are those of the papers; the same seed gives the same weights."""
    draw = getattr(nn.init, name)
    for shape, ins, outs in (((300, 200), 300, 200), ((5, 3, 40, 60), 600, 900)):
        w = draw(np.random.default_rng(0), shape)
        due = 2 / ins if name.startswith("he") else 2 / (ins + outs)
        assert abs(w.var() / due - 1) < 0.02
        assert abs(w.mean()) < 0.05 * due**0.5
        np.testing.assert_array_equal(w, draw(np.random.default_rng(0), shape))
        small = draw(np.random.default_rng(0), shape, 1.0, np.float32)
        assert (small.dtype, small.shape) == (np.float32, shape)
    with pytest.raises(TypeError, match="default_rng"):
        draw(0, (2, 2))
    with pytest.raises(ValueError, match="two axes at least"):
        draw(np.random.default_rng(0), (3,))


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (3, 3, 2, 5), (5, 5)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    """Columns, or rows if they are fewer, are orthonormal."""
    w = nn.init.orthogonal(np.random.default_rng(0), shape, 2.0).reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


# known values


def test_batch_norm_state_moves() -> None:
    """Over batches the state nears mean and variance; evaluation takes it."""
    rng = np.random.default_rng(0)
    state, one, zero = nn.batch_norm_state(2), np.ones(2), np.zeros(2)
    for _ in range(200):
        x = rng.normal([1.0, -2.0], [2.0, 0.5], (500, 2))
        _, state = nn.batch_norm(x, one, zero, state)
    np.testing.assert_allclose(state.mean, [1, -2], atol=0.1)
    np.testing.assert_allclose(state.var, [4, 0.25], rtol=0.05)
    y, same = nn.batch_norm(x, one, zero, state, train=False)
    np.testing.assert_allclose(y, (x - state.mean) / np.sqrt(state.var + 1e-5), 1e-12)
    assert same.mean is state.mean


def test_attention_that_sees_nothing() -> None:
    """A query whose keys are all masked has zeros, and no gradient that is nan."""
    q = np.random.default_rng(0).normal(size=(1, 2, 3))
    mask = np.array([[True, False], [False, False]])

    def total(q: Any) -> Any:
        return np.sum(nn.attention(q, q, q, mask) ** 2)

    assert np.all(nn.attention(q, q, q, mask)[0, 1] == 0)
    np.testing.assert_allclose(nn.attention(q, q, q, mask)[0, 0], q[0, 0], 1e-15)
    assert np.all(np.isfinite(srcgrad.grad(total, backend="python")(q)))
    q[0, 0, 0] = np.nan
    assert np.isnan(nn.attention(q, q, q, mask)[0, 0, 0])  # a nan is not hidden


@pytest.mark.parametrize("least", [-np.inf, np.finfo(float).min])
def test_attention_hides_by_floats_as_by_bools(least: float) -> None:
    """Also in a causal row whose keys up to its own are hidden: it sees none later."""
    q = np.random.default_rng(0).normal(size=(1, 3, 2))
    mask = np.array([[False, True, True]] * 2 + [[False] * 3])

    def total(q: Any, mask: Any, causal: bool) -> Any:
        return np.sum(np.sin(nn.attention(q, q, q, mask, causal)))

    added = np.where(mask, 0, least)
    for causal in (False, True):
        step = srcgrad.value_and_grad(total, backend="python")
        (value, slope), (same, way) = step(q, mask, causal), step(q, added, causal)
        assert value == same
        np.testing.assert_array_equal(slope, way)
    assert np.all(nn.attention(q, q, q, added, causal=True)[0, [0, 2]] == 0)


def test_kl_divergence_of_none() -> None:
    """Shares of 0 add nothing, also where the other share is 0."""
    with np.errstate(divide="ignore"):
        p, q = np.log(np.array([[1.0, 0.0, 0.0]])), np.log(np.array([[0.5, 0.5, 0.0]]))
    f = srcgrad.value_and_grad(nn.kl_divergence, argnums=(0, 1), backend="python")
    value, (_, slope) = f(p, q)
    assert abs(value - np.log(2)) < 1e-15
    assert slope.tolist() == [[-1.0, 0.0, 0.0]]
