"""Optimisers against the published formulas, over every kind of tree.

`test_optim_rivals.py` has the same against torch and optax, where they are installed.
"""

from __future__ import annotations

import io
import math
import os
import pickle
import re
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.optimisers import RULES, measured, own_columns
from srcgrad import optim
from srcgrad.optim.optimiser import in_numpy, kernel
from srcgrad.optim.parameters import beside
from srcgrad.runtime import optimisers, plain
from srcgrad.trees import tree_map

Array = np.ndarray[Any, Any]


class Pair(NamedTuple):
    """A layer."""

    w: Any
    b: Any


@dataclass
class Model:
    """A record with something that is not trained."""

    layers: list[Any]
    scale: Any
    name: str = "model"
    extra: None = None


# Published formulas, one element after the other in the text, t counted from 1.


def follow_rule(opt: Any, gradients: list[Array], p: Array) -> Array:
    """Return the parameter after all steps, by the text of the papers."""
    z = np.zeros_like
    m, v, a = z(p), z(p), z(p)
    kind = type(opt).__name__
    if kind == "Adagrad":
        v = v + p.dtype.type(opt.initial)
    for t, g in enumerate(gradients, 1):
        lr, wd = opt.rate(t - 1), opt.weight_decay
        if kind not in ("AdamW", "Lion"):
            g = g + wd * p
        if kind in ("SGD", "Momentum", "Nesterov"):
            m = opt.momentum * m + g
            p = p - lr * (g + opt.momentum * m if opt.nesterov else m)
        elif kind == "RMSProp":
            v = opt.decay * v + (1 - opt.decay) * g**2
            a = opt.decay * a + (1 - opt.decay) * g
            centre = a**2 if opt.centred else 0.0
            m = opt.momentum * m + g / (np.sqrt(v - centre) + opt.eps)
            p = p - lr * m
        elif kind == "Adagrad":
            v = v + g**2
            p = p - lr * g / (np.sqrt(v) + opt.eps)
        elif kind == "Lion":
            b1, b2 = opt.betas
            p = p - lr * (np.sign(b1 * m + (1 - b1) * g) + wd * p)
            m = b2 * m + (1 - b2) * g
        else:
            (b1, b2), decoupled = opt.betas, lr * wd * (kind == "AdamW") * p
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g**2
            mean, square = m / (1 - b1**t), v / (1 - b2**t)
            p = p - decoupled - lr * mean / (np.sqrt(square) + opt.eps)
    return p


OPTIMISERS = [
    optim.SGD(lr=0.1),
    optim.SGD(lr=0.05, weight_decay=0.1),
    optim.SGD(lr=0.05, momentum=0.8, weight_decay=0.01),
    optim.Momentum(lr=0.02),
    optim.Nesterov(lr=0.02, momentum=0.7, weight_decay=0.02),
    optim.RMSProp(lr=0.01, weight_decay=0.05),
    optim.RMSProp(lr=0.01, decay=0.9, momentum=0.5),
    optim.RMSProp(lr=0.01, decay=0.8, centred=True, momentum=0.3, eps=1e-3),
    optim.Adagrad(lr=0.1, initial=0.1, weight_decay=0.01),
    optim.Adam(lr=0.01),
    optim.Adam(lr=optim.Cosine(0.02, steps=30), betas=(0.8, 0.95), weight_decay=0.1),
    optim.AdamW(lr=0.02, weight_decay=0.1, eps=1e-4),
    optim.Lion(lr=0.01, weight_decay=0.1),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("opt", OPTIMISERS, ids=lambda opt: repr(opt)[:40])
def test_published_formula(opt: Any, dtype: type) -> None:
    """Forty steps, in place and to new trees, with the same bits."""
    rng = np.random.default_rng(1)
    start: Array = rng.normal(size=(7, 9)).astype(dtype)
    gradients: list[Array] = [rng.normal(size=(7, 9)).astype(dtype) for _ in range(40)]
    wanted = follow_rule(opt, gradients, start)
    assert wanted.dtype == dtype
    params, kept = [start.copy()], [start]
    state, other = opt.init(params), opt.init(kept)
    for g in gradients:
        opt.step([g], state, params)
        kept, other = opt.update([g], other, kept)
    single = dtype is np.float32
    np.testing.assert_allclose(
        params[0], wanted, *(1e-5, 1e-5) if single else (1e-12, 1e-13)
    )
    for one, two in zip(leaves([params, state]), leaves([kept, other]), strict=True):
        assert one.dtype == two.dtype
        assert np.array_equal(one, two)
    assert state["step"] == 40


def leaves(tree: Any) -> list[Any]:
    return [x for _, x, _ in beside(tree, (), [""]) if isinstance(x, np.ndarray)]


KERNELS = [name for name in optimisers.__all__ if name != "square_sum"]


@pytest.mark.parametrize("name", KERNELS)
def test_kernel_has_the_bits_of_numpy(name: str) -> None:
    """Compiled and in NumPy, whole and in parts, an element has the same bits."""
    function = plain()[name]
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    count = sum(n in ("p", "g", "m", "v", "a") for n in names)
    rng = np.random.default_rng(2)
    for dtype in (np.float64, np.float32):
        arrays = [abs(rng.normal(size=203)).astype(dtype) for _ in range(count)]
        arrays[1][:4] = 0.0, -0.0, np.inf, np.nan
        numbers = rng.uniform(1e-3, 0.5, size=len(names) - count).tolist()
        whole, parts, numpy, python = ([x.copy() for x in arrays] for _ in range(4))
        kernel(name)(*whole, *numbers)
        in_numpy(name)(*numpy, *numbers)
        with np.errstate(all="ignore"):
            function(*python, *numbers)
        for first in range(0, 203, 7):
            kernel(name)(*(x[first : first + 7] for x in parts), *numbers)
        for found in (parts, numpy, python):
            assert all(map(same_bits, whole, found))
        assert not np.array_equal(whole[0][4:], arrays[0][4:])


def same_bits(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)


# trees


def make_model(dtype: Any = np.float64) -> Model:
    layer = OrderedDict(w=np.ones((2, 3), dtype), b=np.zeros(3, np.float32))
    return Model([layer, Pair(np.arange(4.0), (np.array(2.0),))], 0.5)


def slopes(model: Any, factor: float = 1.0) -> Any:
    def slope(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return (factor * (x + 1)).astype(x.dtype)
        return factor * (x + 1) if isinstance(x, float) else None

    return tree_map(slope, model)


def test_any_tree() -> None:
    """Containers keep their kinds, dtypes are mixed, what is no number stays."""
    opt, model = optim.Adam(lr=0.1), make_model()
    state = opt.init(model)
    new, later = opt.update(slopes(model), state, model)
    assert type(new) is Model
    assert type(new.layers[0]) is OrderedDict
    assert type(new.layers[1]) is Pair
    assert (new.name, new.extra, type(new.scale)) == ("model", None, float)
    assert new.layers[0]["b"].dtype == np.float32
    assert new.layers[1].b[0].shape == ()
    np.testing.assert_allclose(new.layers[0]["w"], 0.9)
    np.testing.assert_allclose(new.scale, 0.4)
    assert (model.scale, model.layers[0]["w"][0, 0], state["step"]) == (0.5, 1.0, 0)
    assert later["step"] == 1
    assert later["m"].layers[0]["b"].dtype == np.float32
    assert later["v"].name is None


def test_float_is_a_tree() -> None:
    opt = optim.SGD(lr=0.1)
    params, state = opt.update(16.0, opt.init(3.0), 3.0)
    assert (params, type(params)) == (3.0 - 1.6, float)
    new, _ = opt.update(np.float32(1.0), opt.init(np.float32(2.0)), np.float32(2.0))
    assert (new, type(new)) == (np.float32(1.9), np.float32)
    with pytest.raises(TypeError, match="params is a float, which cannot change"):
        opt.step(1.0, state, 1.0)


def test_sequences_and_orders_stand_for_each_other() -> None:
    """A tuple of gradients belongs to a list of parameters; dicts go by key."""
    opt = optim.SGD(lr=1.0)
    params: Any = [{"a": np.zeros(2), "b": np.ones(2)}, np.zeros(1)]
    grads = ({"b": np.full(2, 3.0), "a": np.full(2, 5.0)}, np.ones(1))
    opt.step(grads, opt.init(params), params)
    assert [x.tolist() for x in leaves(params)] == [[-5, -5], [-2, -2], [-1]]


def test_state_goes_through_npz() -> None:
    """What is saved and read continues with the same bits."""
    opt, params = optim.Adam(lr=0.1), {"w": np.ones(3), "b": np.zeros(2, np.float32)}
    state = opt.init(params)
    opt.step(slopes(params), state, params)
    file = io.BytesIO()
    flat = {f"{k}/{n}": x for k in ("m", "v") for n, x in state[k].items()}
    np.savez(file, step=state["step"], **flat)
    file.seek(0)
    with np.load(file) as saved:
        read: Any = {"step": saved["step"]}
        read |= {k: {n: saved[f"{k}/{n}"] for n in params} for k in ("m", "v")}
    other = tree_map(np.copy, params)
    opt.step(slopes(params), state, params)
    opt.step(slopes(other), read, other)
    assert all(map(np.array_equal, leaves([params, state]), leaves([other, read])))


def test_layouts() -> None:
    """Strided, transposed, foreign, empty: as a contiguous copy would do."""
    rng, opt = np.random.default_rng(3), optim.Adam(lr=0.1)
    whole = rng.normal(size=(6, 8))
    odd: list[Array] = [
        whole[::2, 1::3], np.asfortranarray(rng.normal(size=(3, 4))),
        rng.normal(size=4).astype(">f8"), np.zeros((0, 3)), rng.normal(size=5)[::-1],
    ]  # fmt: skip
    plain = [np.array(x, np.float64) for x in odd]
    grads = [np.asfortranarray(rng.normal(size=x.shape)) for x in odd]
    grads[0] = np.broadcast_to(0.5, odd[0].shape)  # read-only, strides of zero
    untouched = whole[1::2].copy()
    state, other = opt.init(odd), opt.init(plain)
    for _ in range(2):
        new, _ = opt.update(grads, state, odd)
        opt.step(grads, state, odd)
        opt.step(grads, other, plain)
        for found, made, wanted in zip(odd, new, plain, strict=True):
            assert np.array_equal(found, wanted)
            assert np.array_equal(made, wanted)
    assert np.array_equal(whole[1::2], untouched)


def test_long_arrays_are_taken_in_blocks() -> None:
    rng, opt = np.random.default_rng(4), optim.Momentum(lr=0.1)
    params, grads = rng.normal(size=100_003), rng.normal(size=100_003)
    state = opt.init(params)
    new, later = opt.update(grads, state, params)
    opt.step(grads, state, params)
    assert np.array_equal(new, params)
    assert np.array_equal(later["m"], state["m"])


def test_gradient_may_be_the_parameter() -> None:
    """Shared memory, even shifted, is read before anything is written."""
    buffer = np.arange(1.0, 12.0)
    params, grads = buffer[:10], buffer[1:].copy()
    opt = optim.SGD(lr=0.5)
    wanted = params - 0.5 * grads
    opt.step(buffer[1:], opt.init(params), params)
    assert np.array_equal(params, wanted)
    w = np.array([2.0, 4.0])
    opt.step(w, opt.init(w), w)
    assert w.tolist() == [1.0, 2.0]


def test_none_leaves_parameters_as_they_are() -> None:
    opt = optim.AdamW(lr=0.1)
    params: Any = {"frozen": [np.ones(2), 1.0], "w": np.ones(2)}
    state = opt.init(params)
    grads = {"frozen": None, "w": np.ones(2)}
    new, later = opt.update(grads, state, params)
    opt.step(grads, state, params)
    assert np.array_equal(new["w"], params["w"])
    assert new["frozen"][0].tolist() == params["frozen"][0].tolist() == [1, 1]
    assert new["frozen"][0] is not params["frozen"][0]
    assert later["m"]["frozen"][0].tolist() == [0, 0]


NEW = optim.Adam()
GOOD: Any = {"conv1": [np.zeros((3, 3))], "b": np.zeros(2)}


def given(**changes: Any) -> tuple[Any, Any, Any]:
    """Return gradients, state and parameters with some leaves changed."""
    params = tree_map(np.copy, GOOD)
    grads, state = tree_map(np.copy, GOOD), NEW.init(params)
    trees: Any = {"grads": grads, "state": state, "params": params}
    for where, value in changes.items():
        name, key = where.split("_")
        if key == "w":
            trees[name]["conv1"][0] = value
        else:
            trees[name][key] = value
    return grads, state, params


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        (
            {"grads_w": np.zeros((3, 4))},
            ValueError,
            "params['conv1'][0]: shape (3, 3), its gradient has (3, 4)",
        ),
        (
            {"grads_b": np.zeros(2, np.float32)},
            TypeError,
            "params['b'] is float64, its gradient float32: use `.astype(np.float64)`",
        ),
        ({"grads_b": np.zeros(2, int)}, TypeError, "its gradient int64"),
        (
            {"grads_b": [0.0, 0.0]},
            TypeError,
            "params['b']: gradient is a list, no array",
        ),
        ({"grads_c": 1.0}, ValueError, "grads has 'c', params has not"),
        ({"params_c": 1.0}, ValueError, "params has 'c', grads has not"),
        (
            {"grads_conv1": ()},
            ValueError,
            "params['conv1'] has 1 items, grads['conv1'] has 0",
        ),
        (
            {"grads_conv1": {}},
            ValueError,
            "params['conv1'] is a list, grads['conv1'] is a dict",
        ),
        (
            {"params_b": np.zeros(2, int)},
            TypeError,
            "params['b'] holds int64, which would never",
        ),
        ({"params_b": 3}, TypeError, "params['b'] is the int 3"),
        ({"params_b": np.zeros(2, complex)}, TypeError, "params['b'] holds complex128"),
        ({"params_b": np.zeros(2, np.float16)}, TypeError, "params['b'] holds float16"),
        ({"params_b": np.ma.zeros(2)}, TypeError, "params['b'] is a MaskedArray"),
        (
            {"params_b": "relu"},
            TypeError,
            "params['b'] is a str, which is not trained, but",
        ),
        ({"state_v": 1.0}, ValueError, "params is a dict, state['v'] is a float"),
        (
            {"state_u": 1.0},
            ValueError,
            "the state holds 'step', 'm', 'v', 'u'; Adam keeps",
        ),
        ({"state_step": 1.5}, TypeError, "state['step'] is 1.5"),
    ],
)
def test_bad_trees_name_the_place(
    changes: Any, error: type[Exception], message: str
) -> None:
    """Both ways refuse, and nothing has changed then."""
    grads, state, params = given(**changes)
    before = pickle.dumps((grads, state, params))
    for call in (NEW.update, NEW.step):
        with pytest.raises(error, match=re.escape(message)):
            call(grads, state, params)
    assert pickle.dumps((grads, state, params)) == before


def test_step_refuses_what_it_cannot_change() -> None:
    grads, state, params = given()
    params["b"].flags.writeable = False
    with pytest.raises(ValueError, match=r"params\['b'\] is read-only"):
        NEW.step(grads, state, params)
    opt, w = optim.SGD(lr=1.0), np.zeros(4)
    for twice in ([w, w], [w[:3], w[2:]]):
        slope = [np.ones(len(x)) for x in twice]
        with pytest.raises(
            ValueError, match=r"params\[0\] and params\[1\] share memory"
        ):
            opt.step(slope, opt.init(twice), twice)
    lent = [np.frombuffer(w.data) for _ in range(2)]  # two owners, one memory
    with pytest.raises(ValueError, match="share memory"):
        opt.step([np.ones(4), np.ones(4)], opt.init(lent), lent)
    parts = [w[2:], w[:2]]
    opt.step([np.ones(2), np.ones(2)], opt.init(parts), parts)
    assert w.tolist() == [-1] * 4
    with pytest.raises(ValueError, match="no gradient of any parameter"):
        opt.step([None, None], opt.init(parts), parts)
    with pytest.raises(TypeError, match="there is no float"):
        opt.init({"name": "x"})
    with pytest.raises(TypeError, match=r"state\['step'\] is of int"):
        opt.step(w, {"step": 0}, w.copy())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: optim.Adam(lr=-1.0),
            "Adam: lr is -1.0; it must be a number of at least 0",
        ),
        (lambda: optim.Adam(lr=math.nan), "lr is nan"),
        (lambda: optim.Adam(lr=True), "lr is True"),
        (lambda: optim.Adam(betas=(0.9, 1.0)), r"betas\[1\] is 1.0; .* below 1"),
        (lambda: optim.Adam(betas=0.9), "betas is 0.9; it must be a pair"),  # type: ignore[arg-type]
        (lambda: optim.AdamW(weight_decay=-1.0), "AdamW: weight_decay is -1.0"),
        (lambda: optim.SGD(nesterov=True), "SGD: nesterov needs a momentum"),
        (lambda: optim.RMSProp(decay=1.5), "RMSProp: decay is 1.5"),
        (lambda: optim.Adam(lr=lambda t: -1.0).rate(3), r"Adam: lr\(3\) is -1.0"),
        (lambda: optim.Adam(lr=lambda t: None).rate(3), r"lr\(3\) is None"),  # type: ignore[arg-type, return-value]
        (lambda: optim.Cosine(0.1, steps=0), "Cosine: steps is 0; it must be an int"),
        (lambda: optim.StepDecay(0.1, every=2.5), "StepDecay: every is 2.5"),  # type: ignore[arg-type]
        (lambda: optim.OneCycle(0.1, steps=4, rise=1.0), "OneCycle: rise is 1.0"),
        (lambda: optim.EMA(1.0), "EMA: decay is 1.0"),
        (lambda: optim.Accumulate(optim.SGD(), 0), "Accumulate: every is 0"),
        (lambda: optim.clip_by_value(1.0, -1.0), "limit is -1.0"),
    ],
)
def test_bad_options(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_options_are_values() -> None:
    """They compare, print, pickle and do not change."""
    opt = optim.Adam(lr=optim.WarmUp(optim.Cosine(0.1, steps=5), steps=3))
    assert pickle.loads(pickle.dumps(opt)) == opt
    assert "WarmUp(lr=Cosine(lr=0.1, steps=5" in repr(opt)
    with pytest.raises(AttributeError):
        opt.eps = 1.0  # type: ignore[misc]


def test_decay_by_path() -> None:
    """Biases are not to decay; each leaf is asked for by its path."""
    asked: list[str] = []

    def decay(path: str) -> float:
        asked.append(path)
        return 0.0 if path.endswith("['b']") else 0.5

    params: Any = {"w": np.ones(2), "b": np.ones(2), "name": np.copy}
    zero = {"w": np.zeros(2), "b": np.zeros(2), "name": None}
    for opt in (
        optim.AdamW(lr=0.5, weight_decay=decay),
        optim.Lion(0.5, (0.9, 0.9), decay),
    ):
        new, _ = opt.update(zero, opt.init(params), params)
        own = {**tree_map(np.copy, params), "name": "x"}
        opt.step(zero, opt.init(params), own)
        assert new["w"].tolist() == own["w"].tolist() == [0.75, 0.75]
        assert new["b"].tolist() == own["b"].tolist() == [1.0, 1.0]
    assert asked == ["params['w']", "params['b']"] * 4
    wrong = optim.SGD(weight_decay=lambda path: -1.0)
    with pytest.raises(ValueError, match=r"SGD: weight_decay is -1\.0"):
        wrong.step(zero, wrong.init(params), params)


def test_schedules() -> None:
    cosine = optim.Cosine(2.0, steps=4, final=1.0)
    assert [round(cosine(t), 6) for t in range(6)] == [2, 1.853553, 1.5, 1.146447, 1, 1]
    warm = optim.WarmUp(cosine, steps=2, initial=1.0)
    assert [round(warm(t), 6) for t in range(5)] == [1, 1.5, 2, 1.853553, 1.5]
    cycle = optim.OneCycle(1.0, steps=20)
    rates = [cycle(t) for t in range(25)]
    assert rates[0] == 1 / 25
    assert max(rates) == rates[5] == 1.0
    assert rates[19] == rates[24] == pytest.approx(1 / 25e4)


def test_numbers_of_any_kind_share_a_kernel() -> None:
    """An int or float32 among the options compiles nothing anew."""
    w, run = np.zeros(2), vars(kernel("sgd"))
    options: list[Any] = [(0.5, 0.0), (np.float32(0.5), 0), (1, 1)]
    for lr, decay in options:
        opt = optim.SGD(lr=lr, weight_decay=decay)
        opt.step(np.ones(2), opt.init(w), w)
    assert w.tolist() == [-1.0, -1.0]
    assert len({types[2:] for types in run["overloads"]}) == 1


def test_rate_is_that_of_the_step() -> None:
    """The first step asks for `lr(0)`, and a state that is read goes on."""
    asked: list[int] = []
    opt = optim.SGD(lr=lambda t: asked.append(t) or 0.5)  # type: ignore[func-returns-value]
    w = np.ones(1)
    state = opt.init(w)
    for _ in range(3):
        w, state = opt.update(np.ones(1), state, w)
    opt.step(np.ones(1), state, w)
    assert asked == [0, 1, 2, 3]


# clipping, accumulation, averages


def test_clip_by_global_norm() -> None:
    grads: Any = {
        "w": np.array([[3.0, 0.0]]),
        "b": np.float32(4.0),
        "c": 12.0,
        "n": None,
    }
    clipped, norm = optim.clip_by_global_norm(grads, 6.5)
    assert norm == 13.0
    assert (clipped["c"], type(clipped["c"])) == (6.0, float)
    assert (clipped["b"], type(clipped["b"]), clipped["n"]) == (2.0, np.float32, None)
    same, _ = optim.clip_by_global_norm(grads, 13.0)
    assert np.array_equal(same["w"], grads["w"])
    assert same["w"] is not grads["w"]


def test_norms_neither_overflow_nor_vanish() -> None:
    for scale in (1e300, 1.0, 1e-300, 5e-324 * 2**10):
        x = np.full((4, 100), scale)
        assert optim.global_norm([x]) == pytest.approx(20 * scale, rel=1e-15)
    big = np.full(400, 1e30, np.float32)
    assert optim.global_norm([big]) == pytest.approx(2e31, rel=1e-6)
    assert optim.global_norm([np.zeros(3), np.zeros(0)]) == 0.0
    x = np.random.default_rng(0).normal(size=10_001)
    assert optim.global_norm(x) == pytest.approx(np.linalg.norm(x), rel=1e-14)
    assert kernel("square_sum")(x, 2.0) == pytest.approx(in_numpy("square_sum")(x, 2.0))


def test_a_norm_that_is_not_finite_is_told() -> None:
    grads: Any = {"w": [np.zeros(2), np.array([[1.0, math.inf], [math.nan, 0.0]])]}
    message = r"norm .* is nan: grads\['w'\]\[1\] is inf at \(0, 1\), 2 of 4 not finite"
    with pytest.raises(FloatingPointError, match=message):
        optim.clip_by_global_norm(grads, 1.0)
    same, norm = optim.clip_by_global_norm(grads, 1.0, check=False)
    assert math.isnan(norm)
    assert np.array_equal(same["w"][1], grads["w"][1], equal_nan=True)


def test_clip_by_value() -> None:
    point = optim.clip_by_global_norm(np.array(4.0), 1.0)[0]
    assert (type(point), point) == (np.ndarray, 1.0)
    grads = {"w": np.array([-3.0, math.nan], np.float32), "b": 0.5, "n": None}
    found = optim.clip_by_value(grads, 1.0)
    assert (found["w"][0], found["w"].dtype, found["b"]) == (-1, np.float32, 0.5)
    assert math.isnan(found["w"][1])


def test_accumulated_steps_are_those_of_the_mean() -> None:
    rng = np.random.default_rng(5)
    inner: Any = optim.Adam(lr=0.1)
    opt = optim.Accumulate(inner, every=3)
    start: Any = {"w": rng.normal(size=4), "b": 0.5, "name": "x"}
    kept, state, alone = start, opt.init(start), inner.init(start)
    batches: list[Any] = [
        {"w": rng.normal(size=4), "b": 1.0, "name": None} for _ in range(7)
    ]
    for grads in batches:
        kept, state = opt.update(grads, state, kept)
    for k in (0, 3):
        means = {"w": np.sum([g["w"] for g in batches[k : k + 3]], 0) / 3, "b": 1.0}
        start, alone = inner.update({**means, "name": None}, alone, start)
    np.testing.assert_allclose(kept["w"], start["w"], 1e-14)
    assert kept["b"] == start["b"]
    assert (state["count"], state["inner"]["step"]) == (1, 2)
    assert np.array_equal(state["sum"]["w"], batches[6]["w"])


def test_accumulation_in_place_has_the_same_bits() -> None:
    rng, opt = np.random.default_rng(6), optim.Accumulate(optim.Lion(), every=2)
    params: Any = [rng.normal(size=3), rng.normal(size=(2, 2)).astype(np.float32)]
    kept: Any
    kept, state, other = tree_map(np.copy, params), opt.init(params), opt.init(params)
    for _ in range(5):
        grads = [rng.normal(size=x.shape).astype(x.dtype) for x in params]
        kept, other = opt.update(grads, other, kept)
        opt.step(grads, state, params)
    assert all(map(np.array_equal, leaves([params, state]), leaves([kept, other])))
    with pytest.raises(ValueError, match=r"params\[0\]: shape \(3,\), its gradient"):
        opt.step([np.zeros(2), kept[1]], state, params)


def test_moving_average() -> None:
    ema, w = optim.EMA(decay=lambda t: 0.5 if t else 0.0), {"w": np.ones(2), "n": "x"}
    state = ema.init(w)
    w["w"] = np.array([3.0, 5.0])
    new = ema.update(w, state)
    ema.step(w, state)
    assert new["average"]["w"].tolist() == state["average"]["w"].tolist() == [3, 5]
    ema.step({"w": np.ones(2), "n": "x"}, state)
    assert state["average"]["w"].tolist() == [2.0, 3.0]
    assert state["step"] == 2
    with pytest.raises(ValueError, match=r"average'\]\['w'\]: shape \(2,\), its param"):
        ema.step({"w": np.ones(3), "n": "x"}, state)


@pytest.mark.parametrize("rule", RULES)
def test_benchmark_cannot_rot(rule: str) -> None:
    rng = np.random.default_rng(7)
    params, grads = ([rng.normal(size=n) for n in (5, 3)] for _ in range(2))
    ms = measured(own_columns(rule, params, grads), rounds=1)
    assert ms.keys() == {"step", "update"}


def test_import_is_light() -> None:
    """Neither Numba nor SciPy comes before the first step."""
    code = "import sys; from srcgrad import optim; optim.Adam().init(0.5)"
    check = f"{code}; sys.exit(bool({{'numba', 'scipy'}} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


_AGAIN = """
import re
import numpy as np
from srcgrad.optim.optimiser import kernel
misses = 0
for name, arrays, numbers in ("adam", 4, 9), ("square_sum", 1, 1):
    run = kernel(name)
    for dtype in (np.float64, np.float32):
        run(*[np.ones(9, dtype) for _ in range(arrays)], *[0.5] * numbers)
    misses += sum(run.stats.cache_misses.values())
    for signature in run.stats.cache_misses:
        code, single = run.inspect_llvm(signature), "float32" in str(signature)
        kind = "float" if single and name == "adam" else "double"
        assert re.search(f"f(add|sub).*<[0-9]+ x {kind}>", code), name
        assert "ZeroDivision" not in code, name
        if kind == "float":
            assert not re.search("fpext|fmul double|fmul <[0-9]+ x double", code), name
print(misses)
"""


def test_kernels_are_compiled_once(tmp_path: Path) -> None:
    """In vectors, float32 as such, without checks; then they are found on disk."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", _AGAIN]
    runs = [
        subprocess.run(command, env=environment, check=True, capture_output=True)
        for _ in range(2)
    ]
    assert [run.stdout.strip() for run in runs] == [b"4", b"0"]


def test_accumulated_gradients_outlast_a_none() -> None:
    """A leaf without a gradient in one call, also the last, has those of the others."""
    opt = optim.Accumulate(optim.SGD(lr=1.0), every=2)
    one: Any = {"a": np.ones(1), "b": np.ones(1), "c": None}
    for calls in ([one, one | {"b": None}], [one | {"b": None}, one]):
        params = {name: np.zeros(1) for name in "abc"}
        state = opt.init(params)
        for grads in calls:
            opt.step(grads, state, params)
        assert [float(params[name][0]) for name in "abc"] == [-1, -0.5, 0]


def test_counts_may_be_those_of_numpy() -> None:
    steps = np.int64(4)
    assert optim.Cosine(1.0, steps)(2) == 0.5  # type: ignore[arg-type]
    optim.Accumulate(optim.SGD(), steps)  # type: ignore[arg-type]
    for wrong in (True, 2.0, 0):
        with pytest.raises(ValueError, match="it must be an int, at least 1"):
            optim.Accumulate(optim.SGD(), wrong)  # type: ignore[arg-type]
