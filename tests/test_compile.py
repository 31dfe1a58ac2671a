"""Compiling does without searches for garbage, and without passes that find nothing."""

import gc
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import specialise
from srcgrad.compile.files import Entry
from srcgrad.garbage import undisturbed


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def cube(x: float) -> float:
    return x * x * x


def test_reading_and_differentiating_are_undisturbed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []
    for name in ("read", "differentiate", "run_passes"):
        method = getattr(specialise, name)

        def watched(*args: object, method: object = method) -> object:
            seen.append(gc.isenabled())
            return method(*args)  # type: ignore[operator]

        monkeypatch.setattr(specialise, name, watched)
    assert srcgrad.grad(cube, backend="python")(2.0) == 12.0
    assert len(seen) >= 3
    assert not any(seen)
    assert gc.isenabled()


def test_the_compile_is_undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = pytest.importorskip("numba.core.compiler")
    monkeypatch.setenv("SRCGRAD_CACHE", "0")
    seen: list[bool] = []
    method = compiler.CompilerBase.compile_extra

    def watched(self: object, function: object) -> object:
        seen.append(gc.isenabled())
        return method(self, function)

    monkeypatch.setattr(compiler.CompilerBase, "compile_extra", watched)
    assert srcgrad.grad(cube, backend="numba")(2.0) == 12.0
    assert seen
    assert not any(seen)
    assert gc.isenabled()


def network(x: Any, w: Any, steps: int) -> Any:
    h = np.zeros(len(w))
    for k in range(steps):
        h = np.tanh(w @ h + x[k])
        if h[0] > 0.5:
            h = h * 0.5
    top = np.max(h)
    return np.log(np.sum(np.exp(h - top))) + top


def test_little_is_garbage_in_circles() -> None:
    """What goes without a search goes at once, and need not be searched through."""
    args = np.ones((3, 2)), np.ones((2, 2)), 3
    for _ in range(2):  # the first time modules are imported, too
        call = srcgrad.grad(network, backend="numba", cache=False)
        gc.collect()
        gc.disable()
        call.source(*args, stage="kernel")
        found = gc.collect()
        gc.enable()
    assert found < 1000  # 4,700 where a table is part of one


def test_garbage_is_searched_for_again_after_an_error() -> None:
    with pytest.raises(KeyError), undisturbed():
        raise KeyError
    assert gc.isenabled()


def test_what_the_user_has_switched_off_stays_off() -> None:
    gc.disable()
    with undisturbed():
        pass
    assert not gc.isenabled()


def test_another_thread_leaves_the_setting_alone() -> None:
    seen: list[bool] = []

    def work() -> None:
        with undisturbed():
            seen.append(gc.isenabled())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


@pytest.mark.parametrize("inner", [False, True])
def test_kernels_are_compiled_without_needless_passes(inner: bool) -> None:
    machine = pytest.importorskip("srcgrad.compile.machine")
    body = "[k for k in range(3)][x]" if inner else "x + 1"
    text = f"import numba\n@numba.njit\ndef step(x):\n    return {body}\n"
    step = machine.load_compiled(Entry("key", "step", text)).step
    assert step(2) == (2 if inner else 3)
    (found,) = step.overloads.values()
    ran = {name.split("_", 1)[1] for p in found.metadata["pipeline_times"].values()
           for name in p}  # fmt: skip
    assert "native_lowering" in ran
    assert (ran >= machine._NEEDLESS) == inner
    assert inner or ran.isdisjoint(machine._NEEDLESS)


def test_what_another_thread_has_compiled_and_disabled_since_is_there() -> None:
    machine = pytest.importorskip("srcgrad.compile.machine")
    text = "import numba\n@numba.njit\ndef step(x):\n    return x + 1\n"
    step = machine.load_compiled(Entry("key", "step", text)).step
    assert step(2) == 3
    step.disable_compile()
    (signature,) = step.overloads
    assert step.compile(signature) is step.overloads[signature].entry_point
