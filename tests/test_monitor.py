"""Gradient flow: the figures, what is said to be wrong, and what they cost to make."""

import csv
import math
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import srcgrad
from srcgrad import monitor
from srcgrad.monitor import GradientFlow, Limits, nan_source, parameters
from srcgrad.monitor.parameters import float_leaves, layer_of, measure, measure_move
from srcgrad.runtime.magnitude import magnitudes, moved


def reference(x: Any) -> tuple[float, ...]:
    """Return what `measure` must, in float64 and one figure after the other."""
    y = np.abs(x.astype(np.float64).reshape(-1))
    kept = y[np.isfinite(y)]
    norm = math.hypot(*kept)
    lost = y.size - kept.size
    return float(kept.mean()), float(kept.max()), norm, float((kept == 0).mean()), lost


def numbers(dtype: Any, size: int, scale: float, bad: int) -> Any:
    rng = np.random.default_rng(size)
    x = (rng.normal(size=size) * scale).astype(dtype)
    x[rng.random(size) < 0.3] = 0
    x[0] = scale
    if size > 2 * bad:
        x[rng.permutation(size - 1)[:bad] + 1] = np.nan
    return x


@pytest.mark.parametrize("kernels", ["compiled", "NumPy"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
@pytest.mark.parametrize("bad", [0, 3])
def test_figures(
    kernels: str, dtype: Any, scale: float, bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kernels == "NumPy":
        pair = parameters._magnitudes, parameters._moved
        monkeypatch.setattr(parameters, "_kernels", lambda: pair)
    for size in (1, 2, 63, 255, 256, 1023, 1024, 1025, 5000):
        x = numbers(dtype, size, scale, bad)
        assert measure(x) == pytest.approx(reference(x), rel=2e-6)
    y = numbers(dtype, 5000, scale, 0)
    z = y + numbers(dtype, 4999 + 1, scale, 0)[::-1]
    far = math.hypot(*(z.astype(float) - y.astype(float)))
    expected = far, math.hypot(*y.astype(float))
    assert measure_move(y, z) == pytest.approx(expected, rel=2e-6)


def test_the_kernels_are_plain_python_too() -> None:
    x = numbers(np.float64, 300, 1.0, 0)
    total, squares, top, zeros = magnitudes(x)  # type: ignore[no-untyped-call]
    mean, most, norm, share, _ = reference(x)
    assert (total, top, zeros) == pytest.approx((300 * mean, most, 300 * share))
    assert squares == pytest.approx(norm**2)
    far, _ = moved(x, x + 1)  # type: ignore[no-untyped-call]
    assert far == pytest.approx(300)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_bad_number_is_counted(bad: float) -> None:
    for place in (0, 700, 1029):
        x = np.ones(1030, np.float32)
        x[place] = bad
        assert measure(x) == pytest.approx((1.0, 1.0, math.sqrt(1029), 0.0, 1))
    assert measure(np.array([bad]))[-1] == 1


def test_views_and_empty_arrays() -> None:
    x = np.arange(12.0).reshape(3, 4)
    assert measure(x.T[::2]) == pytest.approx(reference(np.array(x.T[::2])))
    assert measure(np.zeros((0, 3))) == (0, 0, 0, 0, 0)
    assert measure(np.zeros(5)) == (0, 0, 0, 1, 0)
    assert measure(np.float32(-2)) == (2, 2, 2, 0, 0)
    assert parameters.tree_norm([np.zeros(0), np.array([3e30], np.float32)]) == (
        pytest.approx(3e30)
    )
    assert parameters.tree_norm({"w": np.array([np.nan])}) != 0
    assert math.isnan(parameters.tree_norm({"w": np.array([np.nan, 1.0])}))


class Pair(NamedTuple):
    weight: Any
    bias: Any


def test_paths_of_trees() -> None:
    one = np.ones(2)
    tree = {"conv": Pair(one, one), "n": 3, "none": None, "head": [(one, 2.0)]}
    names = ["conv.weight", "conv.bias", "head.0.0", "head.0.1"]
    assert list(float_leaves(tree)) == names
    assert list(float_leaves(one)) == [""]
    with pytest.raises(ValueError, match=r"two parameters have the path `a\.b`"):
        float_leaves({"a.b": 1.0, "a": {"b": 2.0}})


def test_layers_of_paths() -> None:
    paths = "w1 b1 W12 conv1.w conv1.b w_out enc/0/kernel lstm wx 3 b fc.w2".split()
    layers = "1 1 12 conv1 conv1 out enc/0 lstm wx 3 b fc.w2".split()
    assert [layer_of(path) for path in paths] == layers


def test_a_layer_is_all_its_parameters() -> None:
    flow, rng = GradientFlow(), np.random.default_rng(0)
    w, b = rng.normal(size=(4, 3)), rng.normal(size=3)
    b[0] = 0
    old = {"w1": w + 1, "b1": b + 1}
    new = {"w1": w + 1.5, "b1": b + 1}
    (line,) = flow.record({"w1": w, "b1": b}, old, new).layers
    both = np.concatenate([w.ravel(), b])
    assert (line.mean, line.max, line.norm, line.zeros) == pytest.approx(
        reference(both)[:4]
    )
    size = np.linalg.norm(both + 1)
    assert (line.weight, line.update) == pytest.approx((size, math.sqrt(12) / 2))
    assert line.ratio == pytest.approx(math.sqrt(12) / 2 / size)


def test_an_update_in_place() -> None:
    flow, params = GradientFlow(), {"w": np.array([3.0, 4.0])}
    for _ in range(2):
        flow.before(params)
        before = params["w"].copy()
        params["w"] *= 0.9
        (line,) = flow.record({"w": before}, new_params=params).parameters
        assert line.ratio == pytest.approx(0.1)
    with pytest.raises(ValueError, match="`grads` has `w`, `params` has not"):
        flow.record({"w": before}, new_params=params)  # nothing was kept for this step
    (line,) = flow.record({"w": before}).parameters
    assert math.isnan(line.ratio)


def test_wrong_trees_are_named() -> None:
    flow, w = GradientFlow(), np.ones((2, 3))
    with pytest.raises(ValueError, match=r"shape \(3,\) in `params`, \(2, 3\) in"):
        flow.record({"w": w}, {"w": np.ones(3)})
    with pytest.raises(ValueError, match="`grads` has `b`, `params` has not"):
        flow.record({"w": w, "b": 1.0}, {"w": w})
    with pytest.raises(ValueError, match="no gradient of floats"):
        flow.record({"n": 1})
    with pytest.raises(ValueError, match="nothing was recorded"):
        GradientFlow().report()
    with pytest.raises(ValueError, match="`every` is 0"):
        GradientFlow(every=0)
    assert not flow.records


def test_every_kth_step() -> None:
    flow = GradientFlow(every=3, keep=2)
    made = [flow.step({"w": float(k)}) for k in range(8)]
    assert [record.step for record in made if record] == [0, 3, 6]
    assert [record.step for record in flow.records] == [3, 6]


# what is wrong


def deep(sizes: list[float]) -> dict[str, Any]:
    return {f"w{k}": np.full(4, size) for k, size in enumerate(sizes, 1)}


@pytest.mark.parametrize(
    ("grads", "kinds"),
    [
        (deep([0.1, 0.2, 1.0]), []),
        (deep([1e-7, 1e-2, 1.0]), [("vanishing", "1")]),
        (deep([1.0, 2e3, 1.0]), [("exploding", "2")]),
        (deep([0.0, 1.0]), [("no gradient", "1")]),
        (deep([1.0, np.nan]), [("not finite", "2")]),
        (deep([0.0, 0.0]), [("no gradient", "1"), ("no gradient", "2")]),
    ],
)
def test_findings(grads: Any, kinds: list[tuple[str, str]]) -> None:
    flow = GradientFlow()
    flow.record(grads)
    assert [(f.kind, f.where) for f in flow.findings()] == kinds
    for finding in flow.findings():
        assert finding.message in flow.report()
        assert finding.help in flow.report()
    assert ("nothing is wrong" in flow.report()) == (not kinds)


def test_growth_counts_as_exploding() -> None:
    flow = GradientFlow()
    for _ in range(5):
        flow.record(deep([0.1, 0.1]))
    flow.record(deep([0.1, 30.0]))
    assert [(f.kind, f.where) for f in flow.findings()] == [("exploding", "2")]
    assert "rose from 0.2 (median of 5 records) to 60" in flow.report()


def test_limits_are_the_users() -> None:
    flow = GradientFlow(limits=Limits(vanishing=1e-9, exploding=1e9))
    flow.record(deep([1e-7, 1e-2, 2e3]))
    assert flow.findings() == [flow.findings()[0]]  # relative to layer 3
    assert flow.findings()[0].kind == "vanishing"


def test_dead_and_saturated_units() -> None:
    flow = GradientFlow(activations={"h": "relu"})
    rng = np.random.default_rng(0)
    for _ in range(3):
        h = np.abs(rng.normal(size=(8, 5, 6))) + 0.1
        h[..., [1, 4]] = 0
        tanh = rng.normal(size=(40, 4)) * 0.1
        tanh[:39, 2] = -0.99  # 97.5 % of the samples
        flow.record(
            {"w": 1.0},
            activations={"h": h, "tanh1": tanh, "sigmoid1": tanh * 0 + 0.9},
        )
    dead, flat = flow.findings()
    assert (dead.kind, dead.where, flat.kind, flat.where) == (
        "dead", "h", "saturated", "tanh1",
    )  # fmt: skip
    assert "2 of 6 units of `h` are 0 for every sample" in dead.message
    assert "(units 1, 4)" in dead.message
    assert "1 of 4 units of `tanh1` are flat" in flat.message
    h[0, 0, [1, 4]] = 1  # alive again: not dead until three records have passed
    flow.record({"w": 1.0}, activations={"h": h})
    h[0, 0, [1, 4]] = 0
    flow.record({"w": 1.0}, activations={"h": h})
    assert [f.kind for f in flow.findings()] == ["saturated"]


def test_sigmoid_is_flat_at_both_ends() -> None:
    flow = GradientFlow(limits=Limits(idle_records=1, idle_units=0))
    outputs = np.array([[0.001, 0.999, 0.02, 0.98]] * 3)
    flow.record({"w": 1.0}, activations={"sigmoid": outputs})
    (found,) = flow.findings()
    assert "units 0, 1)" in found.message


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"h": np.ones((2, 2))}, "nothing says what made the activations `h`"),
        ({"leaky_relu": np.ones((2, 2))}, "nothing says what made"),
        ({"relu": np.ones(2)}, r"`relu` is of shape \(2,\)"),
        ({"relu": np.ones((0, 2))}, r"`relu` is of shape \(0, 2\)"),
    ],
)
def test_activations_are_checked(outputs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradientFlow().record({"w": 1.0}, activations=outputs)
    with pytest.raises(ValueError, match="kinds are relu, sigmoid, tanh"):
        GradientFlow(activations={"h": "swish"})


# what is shown


def test_report_csv_and_bars(tmp_path: Path) -> None:
    flow = GradientFlow(every=1)
    old = {"w1": np.ones((2, 3), np.float32), "b1": np.zeros(3, np.float32)}
    grads = {"w1": np.full((2, 3), 0.5, np.float32), "b1": np.ones(3, np.float32)}
    new = {"w1": old["w1"] * np.float32(0.999), "b1": old["b1"] + 1}
    for _ in range(2):
        flow.step(grads, old, new_params=new, activations={"relu1": np.ones((4, 3))})
    text = flow.report()
    assert "1      w1         2x3    5.00e-01" in text
    assert text.count("1.0e-03") == 1  # the ratio of w1; b1 was 0 and has none
    flow.to_csv(tmp_path / "flow.csv")
    with open(tmp_path / "flow.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["name"] for r in rows] == ["w1", "b1", "relu1"] * 2
    assert float(rows[0]["update_to_weight"]) == pytest.approx(1e-3, rel=1e-4)
    assert (rows[1]["update_to_weight"], rows[5]["idle_share"]) == ("", "0.0")
    assert [r["step"] for r in rows] == ["0"] * 3 + ["1"] * 3
    assert monitor.bars({"one": flow, "two": flow}).count("6.7e-01 |#") == 2


def test_bars_of_nothing() -> None:
    flow = GradientFlow()
    flow.record({"w1": 0.0, "w2": np.nan})
    assert "all are 0 or not finite" in monitor.bars(flow)


def test_plot_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = GradientFlow()
    flow.record(deep([1.0]))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ModuleNotFoundError, match="pip install matplotlib"):
        monitor.plot(flow)


def test_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    flow, other = GradientFlow(), GradientFlow()
    flow.record(deep([1e-4, 0.0, 1.0]))
    other.record(deep([1.0, 0.5, 1.0]))
    figure = monitor.plot(flow, tmp_path / "flow.png")
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    assert heights == pytest.approx([1e-4, np.nan, 1.0] * 2, nan_ok=True)
    both = monitor.plot({"sigmoid": flow, "relu": other})
    assert [line.get_label() for line in both.axes[0].lines] == ["sigmoid", "relu"]
    assert (tmp_path / "flow.png").stat().st_size > 1000
    pyplot.close("all")


# where a nan comes from


def rooted(p: Any, x: Any) -> Any:
    """Be nan where `p["w"] * x` is negative."""
    h = p["w"] * x
    s = np.sqrt(h)
    return np.sum(s)


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_the_line_of_a_nan(backend: str) -> None:
    step = srcgrad.value_and_grad(rooted, backend=backend)
    found = nan_source(step, {"w": np.array([1.0, -1.0])}, np.ones(2))
    assert found is not None
    assert "s = np.sqrt(h)" in found
    assert "`h` = -1" in found
    assert nan_source(step, {"w": np.ones(2)}, np.ones(2)) is None


def overflowing(p: Any, x: Any) -> Any:
    """Overflow in the forward sweep; in the backward a nan follows."""
    h = p["w"] * x
    g = np.exp(h)
    return np.sum(g * g)


def test_a_loss_that_is_not_finite_is_blamed_on_the_forward_sweep() -> None:
    step = srcgrad.value_and_grad(overflowing, backend="python")
    found = nan_source(step, {"w": np.array([1.0, 1e3])}, np.ones(2))
    assert found is not None
    assert "g = np.exp(h)" in found
    assert "`h` = 1000" in found
    assert found.startswith("nan or infinity first arises here in `overflowing`")


def test_what_is_not_finite_on_entry_is_named() -> None:
    step = srcgrad.grad(rooted, backend="python")
    found = nan_source(step, {"w": np.array([1.0, np.nan])}, np.ones(2))
    assert found is not None
    assert "`p.w` is not finite on entry: nan at [1]" in found
    assert nan_source(rooted, {"w": np.ones(2)}, x=np.ones(2)) is None


@pytest.mark.long
def test_cost_is_below_two_per_cent() -> None:
    """Beside a step of an MLP 784-256-128-10 at batch 128, at the default `every`."""
    from tests.mlp import step_of_mlp

    step, params, batch = step_of_mlp()
    flow, seconds = GradientFlow(), {"step": 0.0, "flow": 0.0}
    measure_move(params["w1"], params["w1"])  # loads the kernels
    measure(params["w1"])
    for _ in range(300):
        times = [time.perf_counter()]
        due = flow.due()
        if due:
            flow.before(params)
        times.append(time.perf_counter())
        _, grads = step(params, *batch)
        for name, gradient in grads.items():
            params[name] -= np.float32(0.01) * gradient
        times.append(time.perf_counter())
        flow.step(grads, new_params=params if due else None)
        times.append(time.perf_counter())
        seconds["step"] += times[2] - times[1]
        seconds["flow"] += times[1] - times[0] + times[3] - times[2]
    assert seconds["flow"] < 0.02 * seconds["step"]
