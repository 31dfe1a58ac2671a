"""What people read, held word for word: readable gradients, and refusals.

The texts are in tests/golden; `pytest --update-golden` writes them.
"""

import inspect
import linecache
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.errors import SrcgradError
from tests import oracles
from tests.conftest import GOLDEN, CompareGolden
from tests.golden import functions
from tests.refused import REFUSED

OURS = re.compile(
    r"nopython|\$\d|\bast\.|Literal\[|<ast|srcgrad/|numba\.|\bobject at 0x"
)


@pytest.fixture
def model() -> Iterator[str]:
    """Name a file that has a text in memory alone."""
    yield "model.py"
    linecache.cache.pop("model.py", None)


def define(source: str, file: str, **names: Any) -> Any:
    """Return the function `loss` of a module's source."""
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"__name__": "model", **names}
    exec(compile(source, file, "exec"), space)
    return space["loss"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name: str, golden: CompareGolden, model: str) -> None:
    """Compare the text, and its code with the name; nothing of ours shows in it."""
    case = REFUSED[name]
    loss = define(case.source, model)
    with pytest.raises(SrcgradError) as caught:
        case.call(loss, *case.args, **case.options)
    text, codes = str(caught.value), [p.code for p in caught.value.problems]
    assert not OURS.search(text)
    assert name.partition("_")[0] in (*codes, "three")
    assert all(len(part.splitlines()) <= 15 for part in text.split("\n\n"))
    golden(f"errors/call_{name}.txt", text)


@dataclass(frozen=True)
class Text:
    """Hold a function of tests/golden/functions.py, what it takes and what it needs."""

    args: tuple[Any, ...]
    argnums: tuple[int, ...] = (0,)
    helpers: tuple[str, ...] = ()

    def gradient(self, name: str) -> Any:
        """Return the differentiable function."""
        function = getattr(functions, name)
        return srcgrad.differentiable(function, argnums=self.argnums, backend="python")

    def fresh(self) -> tuple[Any, ...]:
        """Return arguments of its own."""
        return tuple(a.copy() if isinstance(a, np.ndarray) else a for a in self.args)


def texts() -> dict[str, Text]:
    """Return all functions with a golden gradient."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    w, v = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
    row = rng.normal(size=8)
    layers = (w, np.zeros(4), v, np.zeros(2), X, Y)
    return {
        "chain": Text((2.0, 1.0, 0.5, 0.1, 0.3, -0.2), (0, 2, 3, 4, 5),
                      ("sigmoid", "relu")),
        "loss": Text((rng.normal(size=(3, 2)), np.zeros(2), X, Y), (0, 1)),
        "mlp": Text(layers, (0, 1, 2, 3)),
        "logistic": Text((3.5, 0.4, 6), (0, 1)),
        "smooth": Text((row, 0.1, 3)),
        "root": Text((2.0,)),
        "weighted": Text((w, row[:3]), (0, 1), ("scale_rows",)),
        "huber": Text((2.0, 1.0), (0, 1)),
        "first_above": Text((row, 1.0), (0, 1)),
        "heat": Text((row, 0.1, 3), (0, 1)),
        "wide": Text((w, v, layers[1], layers[3], X), (0, 1, 2, 3)),
        "steepness": Text((row,), (0,), ("slope",)),
    }  # fmt: skip


TEXTS = texts()


@pytest.mark.parametrize("name", TEXTS)
def test_source(name: str, golden: CompareGolden) -> None:
    """Compare the readable gradient."""
    text = TEXTS[name].gradient(name).source(*TEXTS[name].fresh())
    golden(f"source/{name}.py", text)


@pytest.mark.parametrize("name", ["chain", "weighted", "first_above", "heat", "root"])
def test_ir(name: str, golden: CompareGolden) -> None:
    """Compare the IR of the function and of its gradient, as they are read."""
    text = TEXTS[name].gradient(name).source(*TEXTS[name].fresh(), stage="ir")
    golden(f"ir/{name}.txt", text)


def plain(name: str) -> list[str]:
    """Return the source of a function and of the helpers it calls."""
    found = [getattr(functions, n) for n in (name, *TEXTS[name].helpers)]
    return [inspect.getsource(getattr(f, "primal", f)) for f in found]


def count(text: str) -> int:
    """Count lines of code."""
    lines = [t.strip() for t in text.splitlines()]
    return sum(bool(t) and not t.startswith(("#", "import")) for t in lines)


def kept(name: str) -> str:
    """Return the golden text of a function."""
    return (GOLDEN / "source" / f"{name}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TEXTS)
def test_source_runs_with_numpy_alone(name: str) -> None:
    """Run the text as it stands: value and gradient are those of the compiled one."""
    case, text = TEXTS[name], kept(name)
    assert set(re.findall(r"^(?:import|from) (\w+)", text, re.M)) <= {"numpy"}
    space: dict[str, Any] = {}
    exec(compile(text, f"{name}.py", "exec"), space)
    gradient = next(f for n, f in space.items() if n.endswith("_grad"))
    args = case.fresh()
    value, found = gradient(*args)
    assert value == getattr(functions, name)(*case.fresh())
    oracles.assert_same_value(args, case.args, 0.0)
    rng = np.random.default_rng(1)
    direction = oracles.random_direction(case.args, case.argnums, rng)
    function = getattr(functions, name)
    slope, error = oracles.directional(function, case.args, case.argnums, direction)
    got = oracles.tree_dot(found, direction)
    assert abs(got - slope) <= 1e-9 * max(abs(slope), 1.0) + 10 * error


@pytest.mark.parametrize("name", TEXTS)
def test_source_reads_well(name: str) -> None:
    """Check header, comments and length against DESIGN section 5."""
    case, text = TEXTS[name], kept(name)
    function = getattr(functions, name)
    names = list(inspect.signature(function).parameters)
    wrt = ", ".join(names[k] for k in case.argnums)
    line = function.__code__.co_firstlineno
    head = f"# {name}, functions.py:{line} | gradient with respect to {wrt}"
    assert text.splitlines()[0] == head
    assert count(text) <= 5 * sum(map(count, plain(name)))
    assert all(len(t) <= 88 for t in text.splitlines()[1:])
    forward, _, backward = text.partition("    # backward\n")
    assert "    # forward\n" in forward
    told = [int(n) for n in re.findall(r"# (\d+): ", backward)]
    assert len(told) == len(set(told))
    user = inspect.getsource(functions).splitlines()
    for number, statement in re.findall(r"# (\d+): (.*)", backward):
        start = " ".join(user[int(number) - 1].split())
        assert statement.removesuffix(" ...").startswith(start[: len(statement) - 4])


HELPER = """\
import numpy as np
def loss(w):
    y = np.tanh(
        w * w
    )
    return y * w
"""
MAIN = """\
import numpy as np
def root(x):
    return np.sqrt(
        x
    )
def loss(x):
    h = act(x)
    return np.sum(root(h) * x)
"""


@pytest.mark.parametrize("main", [MAIN, MAIN + "loss = lambda x: (root(act(x))).sum()"])
def test_helpers_are_told_apart(main: str, model: str) -> None:
    """A line of a helper shows the helper's own statement, and the file it is in."""
    loss = define(main, model, act=define(HELPER, "lib/act.py"))
    text = srcgrad.grad(loss, backend="python").source(np.ones(3))
    linecache.cache.pop("lib/act.py")
    forward, _, backward = text.partition("    # backward\n")
    assert re.search(r"= np\.tanh\(x \* x\)  # act\.py:3$", forward, re.M)
    assert "  # act.py:3: y = np.tanh(w * w)\n" in backward
    assert "  # act.py:6: return y * w\n" in backward
    assert "  # 3: return np.sqrt(x)\n" in backward


@pytest.mark.filterwarnings("ignore")
def test_a_helper_in_another_file_is_blamed(model: str) -> None:
    helper = "import numpy as np\n\n\ndef loss(w):\n    return np.sqrt(w)\n"
    loss = define("loss = lambda x: act(x).sum()", model, act=define(helper, "act.py"))
    with pytest.raises(
        SrcgradError, match=r"act\.py:5:5[^5]+5 \|     return np\.sqrt\(w\)"
    ):
        srcgrad.grad(loss, backend="python", check_nan=True)(np.zeros(3))
    linecache.cache.pop("act.py")


def test_sources_are_short() -> None:
    """Count lines: four a source line, helpers included, over all texts."""
    written = sum(count(kept(name)) for name in TEXTS)
    assert written <= 4 * sum(count(s) for name in TEXTS for s in plain(name))


def test_sources_are_formatted(tmp_path: Path) -> None:
    """Ask the formatter: it would change nothing."""
    for name in TEXTS:
        (tmp_path / f"{name}.py").write_text(kept(name), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("seed", ["1", "2"])
def test_sources_are_the_same_in_every_process(seed: str) -> None:
    """Write the texts in processes whose sets and dicts have other orders."""
    program = (
        "from tests.test_golden import TEXTS\n"
        "for name, case in TEXTS.items():\n"
        "    print(case.gradient(name).source(*case.fresh()), end='')\n"
    )
    assert printed(program, seed) == "".join(map(kept, TEXTS))


def test_names_that_inner_functions_bind_are_in_order() -> None:
    program = (
        "import numpy, srcgrad\n"
        "from tests.cases import CASES\n"
        "(case,) = (c for c in CASES if c.name == 'bound_for_functions_around')\n"
        "call = srcgrad.grad(case.function, backend='python')\n"
        "print(call.source(*case.make(numpy.random.default_rng(0))))\n"
    )
    assert len({printed(program, seed) for seed in "123"}) == 1


def printed(program: str, seed: str) -> str:
    """Return what a process prints whose sets and dicts have an order of their own."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "SRCGRAD_CACHE": "0"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True,
                          text=True, env=environment, check=True)  # fmt: skip
    return done.stdout


def test_chain_by_hand() -> None:
    """Every number in the tutorials' example is the chain rule's."""
    x, target, w1, b1, w2, b2 = TEXTS["chain"].args
    z = w1 * x + b1
    a = max(z, 0.0)
    e = float(np.exp(-(w2 * a + b2)))
    s = 1 / (1 + e)
    loss = (s - target) ** 2
    d_z2 = 2 * (s - target) * s * (1 - s)
    d_z = d_z2 * w2 * (z > 0)
    gradients = (d_z * w1, d_z * x, d_z, d_z2 * a, d_z2)
    forward = (z, float(z > 0), a, e, 1 + e, s, s - target, loss)
    rounded = [round(v, 5) for v in (loss, *gradients[1:])]
    assert rounded == [0.21860, -0.13967, -0.06984, -0.25607, -0.23279]
    space: dict[str, Any] = {}
    exec(compile(kept("chain"), "chain.py", "exec"), space)
    seen: dict[str, float] = {}

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        if event == "return" and frame.f_code.co_name == "chain_grad":
            seen.update(frame.f_locals)

    sys.setprofile(watch)
    try:
        found = space["chain_grad"](*TEXTS["chain"].args)
    finally:
        sys.setprofile(None)
    np.testing.assert_allclose(found[1], gradients, rtol=1e-14)
    hand = [*TEXTS["chain"].args, 1.0, *forward, *gradients]
    for name, number in seen.items():
        assert np.isclose(number, hand, rtol=1e-14, atol=0).any(), name
    for number in (*forward, *gradients):
        assert np.isclose(number, list(map(float, seen.values())), rtol=1e-14).any()


def test_readme_prints_what_it_says(tmp_path: Path) -> None:
    """Run the first block of the README: it prints the second."""
    page = (GOLDEN.parents[1] / "README.md").read_text(encoding="utf-8")
    program, printed = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:2]
    (tmp_path / "model.py").write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, "model.py"], capture_output=True, text=True,
                          cwd=tmp_path, check=True,
                          env={**os.environ, "PYTHONPATH": os.getcwd()})  # fmt: skip
    assert done.stdout.strip() == printed.strip()
