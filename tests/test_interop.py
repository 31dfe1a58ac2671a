"""The bridges: what all of them ask of a function, then each with its framework."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from srcgrad import differentiable, grad, to_jax, to_pytensor, to_torch
from srcgrad.interop.function import Bridged, leaves

Array = np.ndarray[Any, Any]
RNG = np.random.default_rng(0)
W, B, X = RNG.normal(size=(3, 2)), RNG.normal(size=2), RNG.normal(size=(5, 3))


def loss(p: Any, x: Any, k: Any) -> Any:
    h = np.tanh(x @ p["w"] + p["b"])
    return np.sum(h * h) * k


def slope(p: Any, x: Any, k: Any) -> Any:
    """Return the gradient of `loss`, worked by hand."""
    h = np.tanh(x @ p["w"] + p["b"])
    a = 2 * k * h * (1 - h * h)
    return {"w": x.T @ a, "b": a.sum(axis=0)}, a @ p["w"].T, np.sum(h * h)


def several(x: Any, y: Any, n: Any) -> Any:
    x[0] = 0.0  # a change to an argument stays inside
    return {"s": x * y + n, "t": np.sum(y * y), "u": (y, n)}


LOSS = differentiable(loss, backend="python")
SEVERAL = differentiable(several, backend="python")


def test_only_what_is_wanted_is_computed() -> None:
    """A scalar: gradients of chosen leaves' arguments, None elsewhere."""
    args = ({"w": W, "b": B}, X, 2.0)
    d_p, d_x, d_k = slope(*args)
    function = Bridged(grad(loss, backend="python"))
    for wanted in ([True, True, True, True], [False, True, False, False], [False] * 4):
        value, pull = function.forward(args, wanted)
        assert value == loss(*args)
        found = pull(3.0)
        some = any(wanted[:2])
        expected = [d_p[n] if some else None for n in ("w", "b")]
        expected += [d_x if wanted[2] else None, d_k if wanted[3] else None]
        for one, two in zip(found, expected, strict=True):
            assert (one is None) == (two is None)
            if two is not None:
                np.testing.assert_allclose(one, 3.0 * two, 1e-12)


def test_any_result_and_no_change_to_arguments() -> None:
    function, x = Bridged(SEVERAL), np.array([3.0, 4.0])
    args = (x, np.array([1.0, 2.0]), 7)
    assert function.value(args)["s"].tolist() == [7.0, 15.0]
    value, pull = function.forward(args, [True, True, True])
    assert value["u"][0] is not args[1]
    g = {"s": np.ones(2), "t": 10.0, "u": (None, None)}
    assert [None if d is None else d.tolist() for d in pull(g)] == [
        [0.0, 2.0],
        [20.0, 44.0],
        None,
    ]
    assert x.tolist() == [3.0, 4.0]
    assert function.scalar(args) == ""
    assert Bridged(LOSS).scalar(({"w": W, "b": B}, X, 2)) == "float64"


def test_single_precision_stays() -> None:
    args = ({"w": np.float32(W), "b": np.float32(B)}, np.float32(X), 2.0)
    value, pull = Bridged(LOSS).forward(args, [True] * 4)
    assert value.dtype == np.float32
    assert [g.dtype.name for g in pull(np.float32(2.0))[:3]] == ["float32"] * 3


@pytest.mark.parametrize(
    ("door", "name"),
    [(to_torch, "torch"), (to_jax, "jax"), (to_pytensor, "pytensor")],
)
def test_frameworks_come_when_called(
    door: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one is not there, its name is in the error."""
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=name):
        door(LOSS)


# torch


def test_torch_gradients() -> None:
    torch = pytest.importorskip("torch")
    bridge = to_torch(LOSS)
    p = {k: torch.tensor(v, requires_grad=True) for k, v in (("w", W), ("b", B))}
    x = torch.tensor(X)
    value = bridge(p, x, 2.0)
    (3 * value).backward()
    wanted, *_ = slope({"w": W, "b": B}, X, 2.0)
    assert value.item() == loss({"w": W, "b": B}, X, 2.0)
    for name in p:
        np.testing.assert_allclose(p[name].grad, 3 * wanted[name], 1e-12)
    assert x.grad is None
    assert not bridge({k: v.detach() for k, v in p.items()}, x, 2.0).requires_grad
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bridged, "value_and_grads", None)  # what nobody wants
        assert bridge(p, x, 2.0).item() == value.item()
    single = [torch.tensor(v, dtype=torch.float32, requires_grad=True) for v in (W, B)]
    bridge({"w": single[0], "b": single[1]}, x.float(), 2.0).backward()
    np.testing.assert_allclose(single[0].grad, wanted["w"], 1e-4)
    assert single[0].grad.dtype == torch.float32


def test_torch_results_and_gradcheck() -> None:
    torch = pytest.importorskip("torch")
    bridge = to_torch(SEVERAL)
    x, y = (torch.tensor(v, requires_grad=True) for v in (B.copy(), X[0, :2].copy()))
    found = bridge(x, y, 7)
    assert found["u"][1].item() == 7
    assert not found["u"][1].requires_grad
    assert x[0] == B[0]

    def flat(x: Any, y: Any) -> Any:
        found = bridge(x, y, 7)
        return found["s"], found["t"], found["u"][0]

    assert torch.autograd.gradcheck(flat, (x, y))
    scalar = to_torch(differentiable(lambda a, b: a * b**3, backend="python"))
    two = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, 3.0)]
    assert torch.autograd.gradcheck(scalar, two)
    (d,) = torch.autograd.grad(scalar(*two), two[1], create_graph=True)
    assert d.item() == 54.0
    with pytest.raises(RuntimeError, match="are not differentiated by torch: use"):
        (d + two[1] ** 2).backward()


def test_torch_refuses() -> None:
    torch = pytest.importorskip("torch")
    bridge = to_torch(LOSS)
    x = torch.tensor(X)
    half = {"w": torch.tensor(W).half(), "b": B}
    with pytest.raises(
        TypeError, match=r"arguments\[0\]\['w'\] is of torch.float16, .*x.f"
    ):
        bridge(half, x, 2.0)
    with pytest.raises(TypeError, match=r"arguments\[1\] is on meta"):
        bridge({"w": W, "b": B}, x.to("meta"), 2.0)
    with pytest.raises(TypeError, match="is sparse"):
        bridge({"w": W, "b": B}, x.to_sparse(), 2.0)


# JAX


def jax_loss(jax: Any, p: Any, x: Any, k: Any) -> Any:
    return jax.numpy.sum(jax.numpy.tanh(x @ p["w"] + p["b"]) ** 2) * k


def test_jax_gradients() -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        bridge, p = to_jax(LOSS), {"w": jax.numpy.array(W), "b": jax.numpy.array(B)}
        wanted = slope({"w": W, "b": B}, X, 2.0)
        for wrap in (lambda f: f, jax.jit):
            value, found = wrap(jax.value_and_grad(bridge, argnums=(0, 1, 2)))(
                p, X, 2.0
            )
            assert value == pytest.approx(loss({"w": W, "b": B}, X, 2.0), rel=1e-14)
            one, two = jax.tree.leaves(found), jax.tree.leaves(wanted)
            for a, b in zip(one, two, strict=True):
                np.testing.assert_allclose(a, b, 1e-12)
        squared = jax.grad(lambda p: bridge(p, X, 2.0) ** 2)(p)
        theirs = jax.grad(lambda p: jax_loss(jax, p, X, 2.0) ** 2)(p)
        for name in p:
            np.testing.assert_allclose(squared[name], theirs[name], 1e-12)
        with pytest.raises(ValueError, match="callbacks do not support JVP"):
            jax.hessian(bridge)(p, X, 2.0)
        both = np.stack([X, 2 * X])
        many = jax.vmap(jax.grad(bridge, argnums=1), (None, 0, None))(p, both, 2.0)
        np.testing.assert_allclose(many[0], wanted[1], 1e-12)


def test_jax_any_result() -> None:
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        bridge = to_jax(SEVERAL)
        x, y = np.array([3.0, 4.0]), np.array([1.0, 2.0])
        found = jax.jit(bridge)(x, y, 7)
        assert found["s"].tolist() == [7.0, 15.0]
        assert found["u"][1] == 7
        table = jax.jacobian(lambda y: bridge(x, y, 7)["s"])(y)
        assert table.tolist() == [[0.0, 0.0], [0.0, 4.0]]
        slope = jax.jit(jax.grad(lambda y: bridge(x, y, 7)["t"]))(y)
        assert slope.tolist() == [2.0, 4.0]


def test_jax_asks_for_shapes() -> None:
    """A run on made-up numbers may fail; then the user says what comes."""
    jax = pytest.importorskip("jax")

    def picky(x: Any) -> Any:
        if x[0] < 1.0:
            raise ValueError("too small")
        return 2.0 * x

    f, x = differentiable(picky, backend="python"), np.array([3.0, 4.0], np.float32)
    with pytest.raises(
        ValueError, match=r"raised ValueError; give it: `to_jax\(f, res"
    ):
        to_jax(f)(x)
    shape = jax.ShapeDtypeStruct((2,), np.float32)
    found = jax.jit(jax.grad(lambda x: to_jax(f, shape)(x).sum()))(x)
    assert found.tolist() == [2.0, 2.0]
    double = differentiable(lambda x: x.sum() * np.float64(2.0), backend="python")
    with pytest.raises(TypeError, match="is float64, JAX has 32 bits only"):
        to_jax(double)(x)


# PyTensor


def vector_loss(w: Any, b: Any, x: Any, k: Any) -> Any:
    h = np.tanh(x @ w + b)
    return np.sum(h * h) * k


def test_pytensor_gradients() -> None:
    pytensor = pytest.importorskip("pytensor")
    tensor = pytest.importorskip("pytensor.tensor")
    bridge = to_pytensor(differentiable(vector_loss, backend="python"))
    w, b, k = tensor.dmatrix(), tensor.dvector(), tensor.lscalar()
    value = bridge(w, b, X, k)
    slopes = pytensor.grad(3 * value, [w, b])
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")
    run = pytensor.function([w, b, k], [value, *slopes], mode=mode)
    found = run(W, B, 2)
    wanted, *_ = slope({"w": W, "b": B}, X, 2.0)
    assert found[0] == pytest.approx(vector_loss(W, B, X, 2.0), rel=1e-14)
    np.testing.assert_allclose(found[1], 3 * wanted["w"], 1e-12)
    np.testing.assert_allclose(found[2], 3 * wanted["b"], 1e-12)
    gradients = [n for n in run.maker.fgraph.toposort() if "Gradient" in str(n.op)]
    assert [n.op.chosen for n in gradients] == [(0, 1)]  # once, not of the constant
    with pytest.raises(NotImplementedError):
        pytensor.grad(slopes[0].sum(), w)


def test_pytensor_refuses_arrays() -> None:
    pytensor = pytest.importorskip("pytensor")
    tensor = pytest.importorskip("pytensor.tensor")
    x = tensor.dvector()
    bridge = to_pytensor(differentiable(lambda x: 2.0 * x, backend="python"))
    mode = pytensor.compile.mode.Mode(linker="py", optimizer="fast_compile")
    run = pytensor.function([x], bridge(x), mode=mode)
    with pytest.raises(TypeError, match="no real scalar"):
        run(B)


def test_paths_of_leaves() -> None:
    assert [x for _, x in leaves(({"a": 1}, [2, (3,)]))] == [1, 2, 3]
