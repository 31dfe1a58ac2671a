"""Training runs: stopped, killed, resumed bit for bit, and refused with a reason."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.data import Batches, Dataset
from srcgrad.monitor import GradientFlow
from srcgrad.train import (
    TrainingError,
    fit,
    load_checkpoint,
    progress,
    save_checkpoint,
)
from tests.training_program import Momentum, run, whole

ROOT = Path(__file__).parents[1]


@dataclass
class Sgd:
    """Descent in place."""

    rate: float = 0.1

    def init(self, params: Any) -> Any:
        return {"step": np.zeros((), np.int64)}

    def step(self, grads: Any, state: Any, params: Any) -> None:
        for name, gradient in grads.items():
            params[name] -= self.rate * gradient
        state["step"][...] += 1


def square(p: Any, x: Any) -> Any:
    return np.sum((p["w"] - x) ** 2)


STEP = srcgrad.value_and_grad(square, backend="python")
X = np.array([1.0, -2.0])


def start() -> Any:
    return {"w": np.zeros(2)}


def same(a: Any, b: Any, folder: Path) -> None:
    """Assert that two trees are equal bit for bit."""
    for name, tree in (("a", a), ("b", b)):
        save_checkpoint(folder / name, tree)
    one, two = (load_checkpoint(folder / name) for name in ("a", "b"))
    assert one.keys() == two.keys()
    for name, x in one.items():
        y = two[name]
        assert type(x) is type(y), name
        if isinstance(x, np.ndarray):
            assert (x.dtype, x.shape, x.tobytes()) == (y.dtype, y.shape, y.tobytes())
        else:
            assert x == y or (x != x and y != y), name


# what a run does


@pytest.mark.parametrize("optimiser", [Sgd(), Momentum()])
def test_a_run_is_the_loop_one_would_write(optimiser: Any) -> None:
    params, seen = start(), list[Any]()
    done = fit(STEP, params, optimiser, [X, X / 2], epochs=3, callbacks=seen.append)
    expected = start()
    state = optimiser.init(expected)
    losses, norms = [], []
    for _ in range(3):
        for x in (X, X / 2):
            loss, grads = STEP(expected, x)
            losses.append(float(loss))
            norms.append(float(np.linalg.norm(grads["w"])))
            if isinstance(optimiser, Sgd):
                optimiser.step(grads, state, expected)
            else:
                expected, state = optimiser.update(grads, state, expected)
    assert np.array_equal(done.params["w"], expected["w"])
    assert np.array_equal(params["w"], np.zeros(2))  # the caller's stay as they were
    assert done.history["loss"] == losses
    assert done.history["gradient_norm"] == pytest.approx(norms)
    assert (done.step, done.epoch, done.stopped) == (6, 3, "finished")
    assert [m.kind for m in seen] == ["step", "step", "epoch"] * 3
    assert [e["epoch"] for e in done.epochs] == [1, 2, 3]
    assert done.epochs[1]["loss"] == pytest.approx(sum(losses[2:4]) / 2)


def test_gradients_alone_are_taken_with_their_value() -> None:
    for kind in (srcgrad.grad, srcgrad.differentiable):
        made = kind(square, backend="python")
        assert fit(made, start(), Sgd(), [X]).history["loss"] == [5.0]


def test_params_that_are_floats_are_updated() -> None:
    class Both(Momentum):
        def step(self, grads: Any, state: Any, params: Any) -> None:
            raise TypeError("a float cannot change in place")

    def loss(p: Any, x: Any) -> Any:
        return (p["w"] * x - 1.0) ** 2

    step = srcgrad.value_and_grad(loss, backend="python")

    class Plain(Both):
        def init(self, params: Any) -> Any:
            return {"v": {"w": 0.0}, "steps": 0}

    done = fit(step, {"w": 0.5}, Plain(), [2.0, 2.0])
    assert done.step == 2


def test_dicts_are_arguments_by_name_and_rng_is_handed_on() -> None:
    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Any]:
        assert epoch == 1
        yield {"x": rng.normal(size=2)}

    done = fit(STEP, start(), Sgd(), batches, rng=3)
    drawn = np.random.default_rng(3).normal(size=2)
    assert done.history["loss"] == [pytest.approx(float(drawn @ drawn))]


def test_aux_is_shown_carried_and_watched() -> None:
    def loss(p: Any, carry: Any, x: Any) -> Any:
        h = np.maximum(x * p["w"], 0)
        aux = {"carry": carry + 1.0, "accuracy": np.mean(h), "relu1": h, "logits": x}
        return np.sum(h), aux

    step = srcgrad.value_and_grad(loss, has_aux=True, backend="python")
    flow = GradientFlow(every=2)
    x = np.array([[1.0, -1.0], [2.0, -3.0]])
    done = fit(
        step, {"w": np.ones(2)}, Sgd(), [x, x, x], carry=np.zeros(1), monitor=flow,
        evaluate=lambda p, carry: {"sum": float(np.sum(carry))}, epochs=2,
    )  # fmt: skip
    assert done.carried == [6.0]
    assert done.history["accuracy"][0] == 0.75
    assert [e["sum"] for e in done.epochs] == [3.0, 6.0]
    assert [r.step for r in flow.records] == [0, 2, 4]
    assert flow.records[0].idle == (("relu1", 0.5, 1),)
    ratio = 0.1 * 3.0 / np.linalg.norm([1.0, 1.0])
    assert flow.records[0].parameters[0].ratio == pytest.approx(ratio)
    with pytest.raises(TypeError, match="holds the next one"):
        fit(lambda p, c, x: STEP(p, x), start(), Sgd(), [X], carry=1.0)


def test_clipping() -> None:
    flow = GradientFlow(every=1)
    done = fit(STEP, start(), Sgd(1.0), [X], clip=0.5, monitor=flow)
    assert np.linalg.norm(done.params["w"]) == pytest.approx(0.5)
    assert done.history["gradient_norm"] == [pytest.approx(2 * np.sqrt(5))]
    assert flow.last.layers[0].norm == pytest.approx(2 * np.sqrt(5))


def test_callbacks_stop() -> None:
    done = fit(
        STEP, start(), Sgd(), [X] * 9, callbacks=[lambda m: np.bool_(m.step == 4), repr]
    )
    assert (done.step, done.stopped, done.epochs) == (4, "callback", [])
    done = fit(
        STEP, start(), Sgd(), [X], epochs=9,
        callbacks=lambda m: m.kind == "epoch" and m.epoch == 2,
    )  # fmt: skip
    assert (done.step, done.stopped, len(done.epochs)) == (2, "callback", 2)


# Ctrl-C


def test_control_c_keeps_the_parameters(tmp_path: Path) -> None:
    def press(moment: Any) -> None:
        if moment.step == 3:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    path = tmp_path / "run.npz"
    done = fit(
        STEP, start(), Sgd(), [X] * 9, epochs=2, callbacks=press, checkpoint=path
    )
    assert (done.step, done.stopped) == (3, "interrupted")
    assert signal.getsignal(signal.SIGINT) is before
    again = fit(STEP, start(), Sgd(), [X] * 9, epochs=2, checkpoint=path)
    straight = fit(STEP, start(), Sgd(), [X] * 9, epochs=2)
    assert (again.resumed_at, again.step) == (3, 18)
    same(whole(again), whole(straight), tmp_path)


def test_a_second_control_c_interrupts_at_once() -> None:
    def press(moment: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(STEP, start(), Sgd(), [X], callbacks=press)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_train_too() -> None:
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(fit(STEP, start(), Sgd(), [X]))
    )
    thread.start()
    thread.join()
    assert found[0].step == 1


# resuming


@pytest.mark.parametrize("stop", [1, 2, 11, 12, 13, 24, 35, 36])
def test_resumed_bit_for_bit(stop: int, tmp_path: Path) -> None:
    straight = run(tmp_path / "straight")
    first = run(tmp_path / "parts", callbacks=lambda m: m.step == stop)
    assert first.step == stop
    second = run(tmp_path / "parts")
    assert second.resumed_at == stop
    same(whole(second), whole(straight), tmp_path)


class Shuffled:
    """Batches that know where they are, by the protocol of `srcgrad.data.Batches`."""

    def __init__(self) -> None:
        self.rng, self.at = np.random.default_rng(3), 0
        self.shuffle()

    def shuffle(self) -> None:
        self.before = self.rng.bit_generator.state
        self.order = self.rng.permutation(4)

    def __len__(self) -> int:
        return 4

    def __iter__(self) -> Iterator[Any]:
        while self.at < 4:
            self.at += 1
            yield X * self.order[self.at - 1]
        self.at = 0
        self.shuffle()

    def state(self) -> Any:
        if self.at == 4:
            return {"at": 0, "generator": self.rng.bit_generator.state}
        return {"at": self.at, "generator": self.before}

    def restore(self, state: Any) -> None:
        self.rng.bit_generator.state = state["generator"]
        self.at = state["at"]
        self.shuffle()


@pytest.mark.parametrize("stop", [1, 3, 4, 5, 8, 11])
def test_batches_that_keep_their_place(stop: int, tmp_path: Path) -> None:
    path = tmp_path / "run.npz"

    def go(**more: Any) -> Any:
        return fit(STEP, start(), Sgd(), Shuffled(), epochs=3, **more)

    straight = go()
    go(checkpoint=path, callbacks=lambda m: m.kind == "step" and m.step == stop)
    same(whole(go(checkpoint=path)), whole(straight), tmp_path)


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_resumed_with_batches_of_another_size(stop: int, tmp_path: Path) -> None:
    """After an epoch's last step what is left of it is nothing, whatever the size."""
    data = Dataset(np.arange(8.0), np.arange(8))
    seen: list[int] = []

    def step(p: Any, x: Any, labels: Any) -> Any:
        seen.append(len(labels))
        return STEP(p, x[:2])

    def go(size: int, **more: Any) -> Any:
        batches = Batches(data, size)
        path = tmp_path / "run.npz"
        return fit(step, start(), Sgd(), batches, epochs=2, checkpoint=path, **more)

    go(2, callbacks=lambda m: m.kind == "step" and m.step == stop)
    if stop < 4:
        with pytest.raises(ValueError, match="inside an epoch of 8 items in batches"):
            go(4)
        return
    done = go(4)
    assert seen == [2, 2, 2, 2, 4, 4]
    assert [e["steps"] for e in done.epochs] == [4, 2]


class Reshuffled:
    """Four batches, others in each epoch, drawn from a generator nobody can ask."""

    def __init__(self, seed: int | None = 3) -> None:
        self.rng = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[Any]:
        return iter(X * self.rng.normal(size=(4, 2)))


@pytest.mark.parametrize("stop", [1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("kind", ["step", "epoch"])
def test_batches_that_shuffle_themselves(stop: int, kind: str, tmp_path: Path) -> None:
    """They are gone through as before, where they are seeded, and refused if not."""
    path = tmp_path / "run.npz"

    def go(seed: int | None = 3, **more: Any) -> Any:
        return fit(STEP, start(), Sgd(), Reshuffled(seed), epochs=3, **more)

    straight = go()
    go(checkpoint=path, callbacks=lambda m: m.kind == kind and m.step >= stop)
    if kind == "step" or stop <= 8:
        with pytest.raises(ValueError, match=r"cannot resume in epoch .* another"):
            go(seed=5, checkpoint=path)
    same(whole(go(checkpoint=path)), whole(straight), tmp_path)


def test_batches_that_keep_their_place_have_a_length() -> None:
    class Endless(Shuffled):
        __len__ = None  # type: ignore[assignment]

    with pytest.raises(TypeError, match="a Endless: what has `state`"):
        fit(STEP, start(), Sgd(), Endless())


def test_batches_that_differ_are_noticed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def unseeded(epoch: int, given: Any) -> Iterator[Any]:
        for _ in range(4):
            yield rng.normal(size=2)

    def go(**more: Any) -> Any:
        path = tmp_path / "run.npz"
        return fit(STEP, start(), Sgd(), unseeded, checkpoint=path, **more)

    go(callbacks=lambda m: m.step == 2)
    with pytest.raises(ValueError, match="epoch 1: batch 2 is another one than"):
        go()
    with pytest.raises(ValueError, match=r"only 1 batches, where .* after 2"):
        fit(STEP, start(), Sgd(), [X], checkpoint=tmp_path / "run.npz")


def test_resume_false_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.npz"
    for resume, at in ((True, None), (False, None), (True, 1)):
        done = fit(STEP, start(), Sgd(), [X], checkpoint=path, resume=resume)
        assert (done.resumed_at, done.step) == (at, 1)


def test_another_generator_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "run.npz", np.random.Generator(np.random.MT19937(1))
    fit(STEP, start(), Sgd(), [X], checkpoint=path)
    with pytest.raises(ValueError, match="`rng` was a PCG64, here it is a MT19937"):
        fit(STEP, start(), Sgd(), [X], checkpoint=path, rng=other)
    path.unlink()
    fit(STEP, start(), Sgd(), [X], checkpoint=path, rng=other)
    draw = other.random()
    again = np.random.Generator(np.random.MT19937(2))
    fit(STEP, start(), Sgd(), [X], checkpoint=path, rng=again)
    assert again.random() == draw


# killed


def run_program(folder: Path, *kill: str) -> subprocess.Popen[bytes]:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training_program", str(folder), *kill],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize(
    ("point", "number", "step"),
    [("write", "3", 4), ("replace", "3", 4), ("done", "3", 6), ("write", "1", None)],
)
def test_killed_while_saving(
    point: str, number: str, step: int | None, tmp_path: Path
) -> None:
    with run_program(tmp_path, point, number) as process:
        assert process.wait() == -signal.SIGKILL
    left = {file.name for file in tmp_path.iterdir()}
    assert any(name.endswith(".tmp") for name in left) == (point != "done")
    done = run(tmp_path)
    assert done.resumed_at == step
    same(whole(done), whole(run(tmp_path / "straight")), tmp_path)
    assert not list(tmp_path.glob(".run.npz*"))  # what was left is cleared away


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_random_moments(tmp_path: Path) -> None:
    rng, kills = random.Random(0), 0
    for round in range(6):
        folder = tmp_path / str(round)
        folder.mkdir()
        while not (folder / "result.npz").exists():
            process = run_program(folder)
            assert process.stdout is not None
            process.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.random() * 0.25)
            process.kill()
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
        expected = whole(run(tmp_path / "straight", resume=False))
        save_checkpoint(folder / "expected.npz", expected)
        found, due = (
            load_checkpoint(folder / f"{n}.npz") for n in ("result", "expected")
        )
        same(list(found.items()), list(due.items()), folder)
    print(f"{kills} kills")
    assert kills > 6


# what is not finite


def rooted(p: Any, x: Any) -> Any:
    h = p["w"] * x
    return np.sum(np.sqrt(h))


def test_a_nan_stops_with_its_line(tmp_path: Path) -> None:
    step = srcgrad.value_and_grad(rooted, backend="python")
    path, good = tmp_path / "run.npz", np.ones(2)
    with pytest.raises(TrainingError) as caught:
        fit(
            step, {"w": np.ones(2)}, Sgd(0.01), [good, good, -good], checkpoint=path,
            save_every=1,
        )  # fmt: skip
    text, result = str(caught.value), caught.value.result
    assert "the loss of step 3 (batch 3 of epoch 1) is nan" in text
    assert "return np.sum(np.sqrt(h))" in text
    assert f"{path} is the last good checkpoint" in text
    assert (result.step, result.stopped) == (2, "error")
    assert load_checkpoint(path)["position.step"] == 2
    assert np.array_equal(load_checkpoint(path)["params.w"], result.params["w"])
    assert np.all(np.isfinite(result.params["w"]))
    assert isinstance(caught.value, FloatingPointError)


def test_a_gradient_that_is_not_finite_stops_before_the_update() -> None:
    step = srcgrad.value_and_grad(rooted, backend="python")
    with pytest.raises(TrainingError, match="norm of the gradient of step 1") as caught:
        fit(step, {"w": np.array([0.0, 1.0])}, Sgd(), [np.ones(2)])
    assert "np.sqrt(h)" in str(caught.value)
    assert np.array_equal(caught.value.result.params["w"], [0.0, 1.0])


def test_a_nan_in_the_data_is_named() -> None:
    bad = np.array([1.0, np.nan])
    with pytest.raises(
        TrainingError, match=r"`x` is not finite on entry: nan at \[1\]"
    ):
        fit(STEP, start(), Sgd(), [X, bad])


def test_a_search_for_the_cause_that_fails_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It hides neither the nan nor itself."""

    def broken(*args: Any, **named: Any) -> str:
        raise RuntimeError("lost\nits way")

    monkeypatch.setattr("srcgrad.train.run.nan_source", broken)

    def step(p: Any, x: Any, y: Any) -> Any:
        return np.nan, p

    with pytest.raises(TrainingError) as caught:
        fit(step, start(), Sgd(), [(X, X)])
    said = "cause: looking for its line raised RuntimeError: lost\nhelp:"
    assert said in str(caught.value)


def test_the_cause_is_searched_with_the_same_draws() -> None:
    rng = np.random.default_rng(1)
    before = rng.bit_generator.state

    def step(p: Any, x: Any, rng: Any) -> Any:
        return np.sum(rng.normal(size=2)) * np.nan, p

    with pytest.raises(TrainingError, match=r"the loss of step 1 .* is nan"):
        fit(step, start(), Sgd(), lambda epoch, given: [(X, given)], rng=rng)
    assert rng.bit_generator.state == before


def test_an_update_that_is_not_finite_is_never_saved(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    rates = iter([0.1, 0.1, np.inf])

    class Wild(Sgd):
        def step(self, grads: Any, state: Any, params: Any) -> None:
            params["w"] -= next(rates) * grads["w"]

    with pytest.raises(TrainingError, match=r"`params.w` is not finite after the upda"):
        fit(STEP, start(), Wild(), [X], epochs=9, checkpoint=path)
    assert load_checkpoint(path)["position.step"] == 2


def test_functions_of_others_stop_too() -> None:
    with pytest.raises(TrainingError, match=r"step 1 .* is inf"):
        fit(lambda p, x: (np.inf, p), start(), Sgd(), [X])


# what is refused


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([X, np.zeros((0, 2))], r"batch 2 of epoch 1 is empty: it has shape \(0, 2\)"),
        ([(X, np.zeros(0))], r"batch 1 of epoch 1 is empty: item 1 has shape \(0,\)"),
        ([{"x": np.zeros(0)}], "is empty: item x has shape"),
        ([()], r"batch 1 of epoch 1 is empty: \(\)"),
        ([], "epoch 1 has no batches"),
        (iter([X]), "epoch 2 has no batches: an iterator can be gone through once"),
    ],
)
def test_empty_batches_are_errors(batches: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(STEP, start(), Sgd(), batches, epochs=2)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"epochs": -1}, ValueError, "`epochs` is -1"),
        ({"epochs": True}, ValueError, "`epochs` is True"),
        ({"save_every": 0}, ValueError, "`save_every` is 0"),
        ({"save_every": 2}, ValueError, "`save_every` needs `checkpoint`"),
        ({"clip": 0.0}, ValueError, "`clip` is 0.0"),
        ({"clip": float("nan")}, ValueError, "`clip` is nan"),
        ({"rng": "seed"}, TypeError, "`rng` is a str"),
        ({"optimiser": Sgd}, TypeError, r"the class Sgd, not one of it: call it"),
        (
            {"evaluate": lambda p: (1, 2)},
            TypeError,
            "returned a tuple for `evaluated`; ",
        ),
        ({"batches": 3}, TypeError, "`batches` is a int; it is an iterable"),
        ({"batches": lambda e, r: None}, TypeError, "a function that returns a NoneT"),
        ({"step": square}, TypeError, "returned a float64, not the loss and its gra"),
        ({"step": lambda p, x: (x, p)}, TypeError, r"a loss of shape \(2,\)"),
    ],
)
def test_options_are_checked(options: Any, kind: Any, message: str) -> None:
    given = {"step": STEP, "batches": [X], "optimiser": Sgd(), **options}
    with pytest.raises(kind, match=message):
        fit(params=start(), **given)


# checkpoints

Pair = namedtuple("Pair", "w b")


@dataclass
class Net:
    layers: Any
    rate: float


def tree() -> Any:
    return {
        "net": Net([Pair(np.ones((2, 3), np.float32), np.arange(3))], 0.1),
        "t": (np.float64(2.5), 7, True, None, "adam", np.zeros((0, 2)), 2**100),
        "f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "nan": float("nan"),
        "point": np.array(3.0), "a b/c": np.array(["x", "yz"]), "half": np.float16(1),
    }  # fmt: skip


def test_any_tree_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "tree.npz"
    save_checkpoint(path, tree())
    found = load_checkpoint(path, tree())
    same(found, tree(), tmp_path)
    assert isinstance(found["net"], Net)
    assert isinstance(found["net"].layers[0], Pair)
    assert found["t"][:5] == (2.5, 7, True, None, "adam")
    assert found["f"].flags.f_contiguous
    assert found["point"].flags.writeable
    with np.load(path) as file:  # readable without srcgrad, and without pickle
        assert file["net.layers.0.w"].shape == (2, 3)
        assert json.loads(file["manifest"].tobytes())["format"] == 1


def test_mismatches_are_named_by_path(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    fit(STEP, {"w": np.zeros(2)}, Sgd(), [X], checkpoint=path)
    others = {"w": np.zeros(3, np.float32), "b": 1.0}
    with pytest.raises(ValueError, match="of another structure") as caught:
        fit(STEP, others, Momentum(), [X], checkpoint=path)
    text = str(caught.value)
    for line in (
        "`params.w` is a float64 array of shape (2,) in the file, a float32 array of "
        "shape (3,) here",
        "`params.b` is here, not in the file",
        "`state.step` is in the file, not here",
    ):
        assert line in text


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"a": np.array([None])}, "`a` is a ndarray of dtype object"),
        ([1, {1, 2}], "`1` is a set"),
        ({"f": print}, "`f` is a builtin_function_or_method"),
        ({"a.b": 1, "a": {"b": 2}}, "two leaves have the path `a.b`"),
    ],
)
def test_what_cannot_be_saved_leaves_the_file(
    value: Any, what: str, tmp_path: Path
) -> None:
    path = tmp_path / "tree.npz"
    save_checkpoint(path, 1.5)
    with pytest.raises(ValueError, match=what):
        save_checkpoint(path, value)
    assert load_checkpoint(path, 0.0) == 1.5
    assert [file.name for file in tmp_path.iterdir()] == ["tree.npz"]


def test_broken_files_are_said_to_be(tmp_path: Path) -> None:
    path = tmp_path / "tree.npz"
    save_checkpoint(path, tree())
    data = path.read_bytes()
    with zipfile.ZipFile(path) as file:
        at = file.getinfo("net.layers.0.w.npy").header_offset
    flipped = bytearray(data)
    flipped[at + 200] ^= 1
    for bad in (data[: len(data) // 2], bytes(flipped), b"", b"text"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"tree.npz is no whole checkpoint"):
            load_checkpoint(path)
    np.savez(path, w=np.ones(2))
    with pytest.raises(ValueError, match="is no whole checkpoint: 'manifest'"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "none.npz")


def test_a_full_disk_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tree.npz"
    save_checkpoint(path, 1.5)

    def full(handle: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space left"):
        save_checkpoint(path, 2.5)
    assert load_checkpoint(path, 0.0) == 1.5
    assert [file.name for file in tmp_path.iterdir()] == ["tree.npz"]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to(tmp_path / "real.npz")
    save_checkpoint(tmp_path / "link.npz", 1.5)
    assert (tmp_path / "link.npz").is_symlink()
    assert load_checkpoint(tmp_path / "real.npz", 0.0) == 1.5


# what is shown


def test_quiet_where_there_is_no_terminal(capsys: Any) -> None:
    fit(STEP, start(), Sgd(), [X])
    assert capsys.readouterr().out == ""
    fit(STEP, start(), Sgd(), [X], epochs=2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:25] for line in lines] == [
        "epoch 1/2  loss 5.0000  |", "epoch 2/2  loss 3.2000  |",
    ]  # fmt: skip
    assert all("ms/step" in line for line in lines)


def test_plain_bar(capsys: Any) -> None:
    bar = progress.Plain(2, live=True)
    bar.step(1, 3, 9, {"loss": 0.5}, 0.002)
    bar.step(1, 4, 9, {"loss": 0.4}, 0.002)  # the last picture is fresh
    bar.say("done")
    bar.close()
    out = capsys.readouterr().out
    assert out.startswith("\repoch 1/2  3/9  loss 0.5000  2 ms\rdone ")
    assert "4/9" not in out


def test_rich_bar(capsys: Any) -> None:
    pytest.importorskip("rich")
    bar = progress.Rich(2)
    bar.step(1, 3, 9, {"loss": 0.5}, 0.002)
    bar.say("epoch [1/2]")
    bar.close()
    assert "epoch [1/2]" in capsys.readouterr().out


@pytest.mark.long
def test_the_loop_costs_little() -> None:
    """All that `fit` adds, beside the MLP's step: least processor time of seven."""
    from tests.mlp import step_of_mlp

    step, params, batch = step_of_mlp()
    _, grads = step(params, *batch)

    class Still(Sgd):
        def step(self, grads: Any, state: Any, params: Any) -> None:
            """Leave all as it is."""

    def least(run: Callable[[], Any]) -> float:
        times = []
        for _ in range(7):
            begun = time.process_time()
            run()
            times.append(time.process_time() - begun)
        return min(times)

    own = least(lambda: [step(params, *batch) for _ in range(100)])
    known = 1.0, grads
    added = least(lambda: fit(lambda p, *b: known, params, Still(), [batch] * 100))
    print(f"fit adds {added / own:.1%}")
    assert added < 0.08 * own
