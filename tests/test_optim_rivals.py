"""Optimisers and schedules against torch and optax, over random options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from srcgrad import optim

Array = np.ndarray[Any, Any]
STEPS = 60
SEEDS = range(4)


def random_options(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return options of an optimiser as srcgrad calls them."""
    pick: Callable[..., float] = rng.uniform
    made: dict[str, Any] = {"lr": 10 ** pick(-3, -1), "weight_decay": pick(0, 0.1)}
    if name in ("Adam", "AdamW", "Lion"):
        made["betas"] = (pick(0.5, 0.95), pick(0.8, 0.999))
    if name in ("Adam", "AdamW", "RMSProp"):
        made["eps"] = 10 ** pick(-8, -3)
    if name in ("Momentum", "Nesterov"):
        made["momentum"] = pick(0.1, 0.95)
    if name == "RMSProp":
        made |= {"decay": pick(0.8, 0.99), "centred": rng.random() < 0.5}
        made["momentum"] = pick(0, 0.9) if rng.random() < 0.5 else 0.0
    if name == "Adagrad":
        made |= {"eps": 10 ** pick(-10, -3), "initial": pick(0, 1)}
    return made


def problem(seed: int, dtype: type) -> tuple[list[Array], list[list[Array]]]:
    """Return parameters, and their gradients in each step."""
    rng = np.random.default_rng(seed)
    shapes = [(5, 3), (4,), ()]
    params: list[Array] = [np.asarray(rng.normal(size=s)).astype(dtype) for s in shapes]
    grads: list[list[Array]] = [
        [np.asarray(rng.normal(size=s)).astype(dtype) for s in shapes]
        for _ in range(STEPS)
    ]
    return params, grads


def ours(opt: Any, params: list[Array], grads: list[list[Array]]) -> list[Array]:
    params = [x.copy() for x in params]
    state = opt.init(params)
    for g in grads:
        opt.step(g, state, params)
    return params


def compare(found: list[Array], wanted: list[Any], dtype: type) -> None:
    tol = 1e-10 if dtype is np.float64 else 1e-5
    for one, two in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, np.asarray(two), tol, tol)


def in_torch(torch: Any, name: str, opt: Any) -> Callable[[Any], Any]:
    """Return what makes torch's optimiser with the same options."""
    o = {"lr": opt.lr, "weight_decay": opt.weight_decay}
    if name in ("Momentum", "Nesterov"):
        o |= {"momentum": opt.momentum, "nesterov": opt.nesterov}
    if name == "RMSProp":
        o |= {"alpha": opt.decay, "eps": opt.eps}
        o |= {"momentum": opt.momentum, "centered": opt.centred}
    if name == "Adagrad":
        o |= {"eps": opt.eps, "initial_accumulator_value": opt.initial}
    if name in ("Adam", "AdamW"):
        o |= {"betas": opt.betas, "eps": opt.eps}
    theirs = {"Momentum": "SGD", "Nesterov": "SGD", "RMSProp": "RMSprop"}
    kind = getattr(torch.optim, theirs.get(name, name))
    return lambda params: kind(params, **o)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "name",
    ["SGD", "Momentum", "Nesterov", "RMSProp", "Adagrad", "Adam", "AdamW"],
)
def test_torch(name: str, dtype: type) -> None:
    torch = pytest.importorskip("torch")
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        opt = getattr(optim, name)(**random_options(name, rng))
        params, grads = problem(seed, dtype)
        tensors = [torch.nn.Parameter(torch.tensor(x)) for x in params]
        theirs = in_torch(torch, name, opt)(tensors)
        for g in grads:
            for tensor, x in zip(tensors, g, strict=True):
                tensor.grad = torch.tensor(x)
            theirs.step()
        wanted = [t.detach().numpy() for t in tensors]
        compare(ours(opt, params, grads), wanted, dtype)


def in_optax(optax: Any, name: str, opt: Any) -> Any:
    """Return optax's transformation with the same options."""
    lr, wd = opt.lr, opt.weight_decay
    decayed = optax.add_decayed_weights(wd)
    match name:
        case "SGD":
            return optax.chain(decayed, optax.sgd(lr))
        case "Momentum" | "Nesterov":
            m = optax.sgd(lr, opt.momentum, nesterov=opt.nesterov)
            return optax.chain(decayed, m)
        case "Adam":
            b1, b2 = opt.betas
            return optax.chain(decayed, optax.adam(lr, b1, b2, opt.eps))
        case "AdamW":
            b1, b2 = opt.betas
            return optax.adamw(lr, b1, b2, opt.eps, weight_decay=wd)
        case "Lion":
            return optax.lion(lr, *opt.betas, weight_decay=wd)
    raise LookupError(name)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "name", ["SGD", "Momentum", "Nesterov", "Adam", "AdamW", "Lion"]
)
def test_optax(name: str, dtype: type) -> None:
    jax, optax = pytest.importorskip("jax"), pytest.importorskip("optax")
    with jax.enable_x64(True):
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            opt = getattr(optim, name)(**random_options(name, rng))
            params, grads = problem(seed, dtype)
            rule = in_optax(optax, name, opt)
            theirs = [jax.numpy.asarray(x) for x in params]
            state = rule.init(theirs)

            update = jax.jit(rule.update)
            for g in grads:
                change, state = update(g, state, theirs)
                theirs = optax.apply_updates(theirs, change)
            compare(ours(opt, params, grads), theirs, dtype)


def test_one_cycle_of_torch() -> None:
    torch = pytest.importorskip("torch")
    for steps, rise in ((20, 0.3), (7, 0.5), (11, 0.25)):
        cycle = optim.OneCycle(0.5, steps=steps, rise=rise)
        opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        theirs = torch.optim.lr_scheduler.OneCycleLR(
            opt, 0.5, total_steps=steps, pct_start=rise, cycle_momentum=False
        )
        for step in range(steps):
            assert cycle(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-12)
            opt.step()
            if step < steps - 1:
                theirs.step()


def test_cosine_of_torch() -> None:
    torch = pytest.importorskip("torch")
    cosine = optim.Cosine(0.5, steps=9, final=0.1)
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 9, 0.1)
    for step in range(10):
        assert cosine(step) == pytest.approx(theirs.get_last_lr()[0], rel=1e-12)
        opt.step()
        theirs.step()


def test_clipping_of_torch() -> None:
    torch = pytest.importorskip("torch")
    _, (grads, *_) = problem(0, np.float64)
    tensors = [torch.nn.Parameter(torch.zeros(x.shape)) for x in grads]
    for tensor, x in zip(tensors, grads, strict=True):
        tensor.data = tensor.data.double()
        tensor.grad = torch.tensor(x)
    wanted = torch.nn.utils.clip_grad_norm_(tensors, 0.7)
    clipped, norm = optim.clip_by_global_norm(grads, 0.7)
    assert norm == pytest.approx(float(wanted), rel=1e-12)
    for tensor, x in zip(tensors, clipped, strict=True):  # torch adds 1e-6 to the norm
        np.testing.assert_allclose(x, tensor.grad.numpy(), 1e-6)
