"""Every operation that is promised, in every way that people write it.

`spellings.txt` holds one statement list a line, the last of them an expression; each is
a function of the names below. What NumPy has and srcgrad has not is refused before
anything runs, never read as something else.
"""

import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import srcgrad
from tests import oracles
from tests.harness import is_refusal, quiet

RIGHT = (Path(__file__).parent / "spellings.txt").read_text().splitlines()
REFUSED = """
np.inner(a, v)
np.inner(t, w)
np.linalg.norm(v, "nuc")
np.linalg.qr(s, "complete")[0]
np.linalg.pinv(t, x[:, 0])
np.linalg.svd(t, hermitian=True)[1]
np.linalg.vector_norm(t, axis=(0, 1))
np.clip(x, 0.3, 0.5, None)
int("11", 2)
np.array(x, copy=None)
np.concatenate([x, y], axis=0, dtype=np.float32)
np.dot(x, v, np.zeros(2))
np.round(x, 1, None)
np.diff(x, prepend=0.0)
np.average(x, returned=True)[0]
np.average(t, axis=(0, 1), weights=x)
np.polyval(x, v)
np.take(v, k, mode="clip")
np.take(x, m)
np.cross(w, v)
np.gradient(v, v)
np.linalg.matrix_power(s, int(a))
np.poly(s)
np.polyfit(w, w, 1, full=True)[0]
np.pad(x, 1, mode="empty")
np.pad(v, 2, mode="reflect", reflect_type="odd")
np.pad(x, {0: 1})
np.insert(v, [0, 1], w)
np.trim_zeros(x)
np.unwrap(k)
np.logspace(v, a, 3)
np.einsum("iji->ij", t[:, :, :2])
np.einsum("ij,j", x, v, dtype=np.float32)
np.convolve(x, v)
np.sum(x, axis=0, out=np.zeros(3, np.float32))
np.mean(x.astype(np.float32), out=np.zeros(()))
""".split("\n")[1:-1]
NAMES = "x, y, v, w, s, t, a, b, k, m, i"
FLOATS = tuple(range(8))
SEED = 3


def arguments() -> tuple[Any, ...]:
    """Return what the names stand for; s is a matrix far from singular."""
    rng = np.random.default_rng(SEED)
    x, y, v, w = (rng.uniform(0.3, 0.9, n) for n in ((2, 3), (2, 3), 3, 2))
    s = rng.uniform(0.3, 0.9, (4, 4)) + 2.0 * np.eye(4)
    t = rng.uniform(0.3, 0.9, (2, 3, 2))
    m = np.array([[True, False, True], [False, True, True]])
    return x, y, v, w, s, t, 0.4, 0.7, np.array([2, 0, 1]), m, 2


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Return a module with a function for each line."""
    path = tmp_path_factory.mktemp("spellings") / "spelled.py"
    text = "import math\n\nimport numpy as np\nimport scipy\n"
    text += "import scipy.integrate\nimport scipy.interpolate\nimport scipy.special\n"
    text += "import scipy.signal\nfrom scipy import stats\n"
    for kind, lines in (("right", RIGHT), ("refused", REFUSED)):
        for k, line in enumerate(lines):
            *before, last = line.split(";")
            body = [f"    {part.strip()}" for part in (*before, f"return {last}")]
            text += f"\n\ndef {kind}{k}({NAMES}):\n" + "\n".join(body) + "\n"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("spelled", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("k", "line"), [*enumerate(RIGHT)], ids=RIGHT)
def test_spelling(functions: ModuleType, k: int, line: str) -> None:
    """The value is the plain run's bit for bit; the gradient that of differences."""
    function = getattr(functions, f"right{k}")
    with quiet():
        want = function(*arguments())
        got = srcgrad.differentiable(function, backend="python")(*arguments())
        oracles.assert_same_value(got, want, 0.0)
        # What is rounded to single precision has no differences to speak of.
        if oracles.is_float_leaf(want) and np.asarray(want).dtype == np.float64:
            check_gradient(function, want)


def check_gradient(function: Callable[..., Any], want: Any) -> None:
    """Assert the pullback of one cotangent along one direction."""
    rng = np.random.default_rng(5)
    cotangent = np.asarray(rng.uniform(0.5, 1.5, np.shape(want)))
    args = arguments()
    direction = oracles.random_direction(args, FLOATS, rng)
    _, pullback = srcgrad.vjp(function, *args, backend="python")
    kind = np.asarray(want).dtype.type
    gradient = pullback(kind(cotangent))

    def total(*given: Any) -> Any:
        return np.sum(function(*given) * cotangent)

    slope, error = oracles.directional(
        total, args, FLOATS, direction, complex_step=False
    )
    found = oracles.tree_dot(gradient[: len(FLOATS)], direction)
    near = 1e-8 * max(abs(slope), 1e-2)
    assert math.isfinite(slope)
    assert abs(found - slope) <= near + 10 * error


@pytest.mark.parametrize(("k", "line"), [*enumerate(REFUSED)], ids=REFUSED)
def test_refusal(functions: ModuleType, k: int, line: str) -> None:
    """No argument is passed over in silence."""
    function = getattr(functions, f"refused{k}")
    with quiet(), pytest.raises(srcgrad.errors.SrcgradError) as caught:
        srcgrad.differentiable(function, backend="python")(*arguments())
    assert is_refusal(caught.value)
