"""What errors say: one shape, the right place, nothing of our own inside.

The texts are in tests/golden/errors; `pytest --update-golden` writes them.
"""

import copy
import linecache
import pickle
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import srcgrad
from srcgrad import errors
from srcgrad.errors import (
    CODES,
    Location,
    Problem,
    SrcgradError,
    UnsupportedSyntaxError,
    error_of,
    internal_error,
    make_error,
    suggest,
)
from srcgrad.frontend.accepted import outside
from srcgrad.frontend.build import Reader
from srcgrad.source import location, read_source
from tests.conftest import CompareGolden

INTERNAL = re.compile(r"nopython|\$\d|\bast\.|Literal\[|<ast|srcgrad\.ir")

MODEL = """\
import numpy as np


def loss(w, b, s):
    t = lfilter(b, w, s)
    if s > 0:
\t\tu = w * t  # tabs
    y = f("漢字", w) + np.sum(
        t,
    )
    for k in range(3):  # three times
        y += nai\u0308ve(e\u0301, w)
    return t
"""


def remember(name: str, text: str) -> None:
    """Give a file that does not exist a text."""
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)


@pytest.fixture(autouse=True)
def files() -> Iterator[None]:
    """Give the example files their texts."""
    with_files()
    yield
    del linecache.cache["model.py"], linecache.cache["helpers.py"]


def with_files() -> None:
    """Give the example files their texts; errors read them when they are made."""
    remember("model.py", MODEL)
    remember("helpers.py", "def g(x):\n    pass\n")


with_files()


def at(line: int, column: int, end: int, *, lines: int = 1) -> Location:
    """Return a place in model.py."""
    return Location("model.py", line, column, line + lines - 1, end)


FILTER = Problem(
    "SG204",
    "`scipy.signal.lfilter` has no derivative rule",
    at(5, 9, 25),
    "the result depends on `t` through line 6",
    (
        "write the filter as a loop over s: loops compile",
        "or give a rule: srcgrad.register_vjp(scipy.signal.lfilter, ...)",
    ),
)
MANY_HELPS = tuple(f"advice {k}" for k in range(12))
TEXTS: dict[str, SrcgradError] = {
    "standard": error_of([FILTER], "loss", ["w", "b"]),
    "no_place": make_error("SG303", "argnums 3 is out of range", function="loss"),
    "no_function": make_error("SG303", "argnums 3 is out of range"),
    "nowhere": make_error("SG401", "`z` is never bound", Location()),
    "no_text": make_error(
        "SG401", "`z` is never bound", Location("gone.py", 3, 5, 3, 6), note="read here"
    ),
    "tabs": make_error("SG401", "`t` is never bound", at(7, 11, 12), note="here"),
    "wide": make_error("SG201", "`np.sum` is unknown", at(8, 21, 27), note="here"),
    "combining": make_error("SG201", "`w` is odd", at(12, 25, 26), note="here"),
    "more_lines": make_error(
        "SG205", "np.sum of this", at(8, 21, 6, lines=3), note="starts here"
    ),
    "loop": make_error("SG407", "`y` changes shape", at(11, 5, 25, lines=2)),
    "in_helper": error_of(
        [Problem("SG204", "no rule", at(5, 9, 25), function="g")], "loss", ["w"]
    ),
    "labels": error_of(
        [
            Problem(
                "SG402",
                "`y` is an array on one path and a number on the other",
                at(12, 9, 10),
                note="a number here",
                labels=[
                    (at(8, 5, 6), "an array here"),
                    (at(12, 14, 27), "from this"),
                    (Location("helpers.py", 1, 7, 1, 8), "which comes in here"),
                ],
            )
        ],
        "loss",
        ["w"],
    ),
    "too_many_labels": error_of(
        [
            Problem(
                "SG402",
                "too much to say",
                at(5, 5, 6),
                note="first",
                helps=MANY_HELPS[:3],
                labels=[(at(line, 5, 6), f"line {line}") for line in range(6, 13)],
            )
        ]
    ),
    "too_many_helps": make_error("SG501", "zero", at(5, 5, 6), helps=MANY_HELPS),
    "several_lines": make_error("SG704", "one\ntwo", at(5, 5, 6), helps=["a\nb"]),
    "internal": internal_error("a value is missing", at(5, 5, 6), function="loss"),
    "refused_text": internal_error(
        "Numba refused it",
        code="SG901",
        helps=["the generated text is kept in /tmp/loss_grad.py"],
    ),
    "eleven": error_of(
        [Problem("SG201", f"`f{k}` is unknown") for k in range(13)], "loss"
    ),
}

SYNTAX = {
    "yield": "for v in w:\n        yield v",
    "try": "try:\n        return w\n    except ValueError:\n        w = 2\n"
    "    finally:\n        del w",
    "try_nested": "try:\n        del w\n    finally:\n        yield w",
    "with": "with open(w) as h:\n        y = h",
    "class": "class Point:\n        x = 1",
    "global": "global TOTAL\n    TOTAL = w",
    "yield_value": "def g():\n        y = yield w\n    return sum(g())",
    "async_inner": "async def g():\n        return await w",
    "decorated_inner": "@njit\n    def g(x):\n        return x",
    "generator": "y = np.array(v * v for v in w)",
    "walrus_repeated": "y = [z := v for v in w]\n    y.append(z)",
    "bare_raise": "if w > 0: raise",
    "everything": "try:\n        yield {w}\n    finally:\n        del w",
}
FINE = {
    "imports": "import math\n    from numpy import sin as s\n    return s(w)",
    "generators": "return sum(v for v in w) + max(v for v in w)",
    "starred_generators": "return f(*(v for v in w))",
    "comprehensions": "return [v for v in w], {k: v for k, v in w}",
    "messages": "assert w > 0, f'{w}'\n    raise ValueError(', '.join(v for v in w))",
    "prints": "print(f'{w:.3f}')\n    log.info(f'{w}')",
    "errstate": "with np.errstate(all='ignore'):\n        return np.log(w)",
    "del": "y = w\n    del y\n    return w",
    "match": "match w:\n        case 0:\n            return 1\n    return w",
    "sets": "return w in {1, 2}, {v for v in w}, w[f'layer{1}']",
    "walrus_own": "return [z for v in w if (z := v * v) > 1]",
    "starred": "a, *b = w\n    return f(*w, *b, **a), [*b, w]",
    "walrus": "while (y := w - 1) > 0:\n        w = y\n    return y",
    "global_read": "global TOTAL\n    return TOTAL * w",
    "jumps": "for v in w:\n        if v: break\n    else:\n        return 1",
    "yields": "def g():\n        for v in w:\n            yield v\n    return sum(g())",
    "nonlocal": "y = 1\n    def g():\n        nonlocal y\n        y = w\n    g()",
    "inner": "def g(x: 'int', y=1) -> float:\n        return x\n    return g(w)",
    "lambda": "return (lambda x, y=2: x * y)(w)",
    "annotated": "y: list[int] = w\n    return y[0, ..., None, 1:2]",
    "ternary": "return w if 0 < w < 3 and not w == 1 else -w",
    "shadowed": "loss = w\n    return loss(w)",
    "docstring": '"""Say."""\n    pass',
}


def define(name: str, body: str) -> Any:
    """Return a function `loss` whose text stands in a file of this name."""
    text = f"import numpy as np\n\n\ndef loss(w):\n    {body}\n"
    remember(name, text)
    space: dict[str, Any] = {}
    exec(compile(text, name, "exec"), space)
    return space["loss"]


def found(body: str) -> list[Problem]:
    """Return what is outside the language in a function body."""
    source = read_source(define("model.py", body))
    return [
        Problem(code, what, location(source, node), note, (help,))
        for node, (code, what, help, note) in outside(source.node)
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str, golden: CompareGolden) -> None:
    """Compare the text of an error with what it should be."""
    golden(f"errors/{name}.txt", str(TEXTS[name].with_traceback(None)))


@pytest.mark.parametrize("name", SYNTAX)
def test_syntax_is_refused(name: str, golden: CompareGolden) -> None:
    """Compare what is said about syntax outside the language."""
    error = error_of(found(SYNTAX[name]), "loss", ["w"])
    assert isinstance(error, UnsupportedSyntaxError)
    text = str(error)
    assert not INTERNAL.search(text)
    assert all(len(part.splitlines()) <= 15 for part in text.split("\n\n"))
    golden(f"errors/syntax_{name}.txt", text)


@pytest.mark.parametrize("name", FINE)
def test_syntax_is_accepted(name: str) -> None:
    """Check that nothing is said about the language itself."""
    assert found(FINE[name]) == []


def test_recursion_through_a_compiled_name_is_seen() -> None:
    """Check that a decorated function still finds its own name."""
    function = define("model.py", "return loss(w)")
    loss = function.__globals__["loss"] = srcgrad.grad(function, backend="python")
    with pytest.raises(UnsupportedSyntaxError, match="SG103"):
        loss(2.0)
    function.__globals__["loss"] = abs  # the name means something else by now
    assert loss(-2.0) == -1.0


def test_every_problem_stays_short() -> None:
    """Check the limit of 15 lines, and of ten problems with a count after them."""
    for error in TEXTS.values():
        parts = str(error).split("\n\n")
        assert len(parts) <= 11
        assert all(len(part.splitlines()) <= 15 for part in parts)
        assert not INTERNAL.search(str(error))


@pytest.mark.parametrize("code", CODES)
def test_codes(code: str) -> None:
    """Check that each code makes an error of its class, and that copies are equal."""
    error = make_error(code, "message", at(5, 5, 6), function="loss", names=["w"])
    assert type(error) is CODES[code]
    assert isinstance(error, SrcgradError)
    error.add_note("by hand")
    remember("model.py", "edited since\n")
    for twin in (copy.copy(error), copy.deepcopy(error), pickled(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert "t = lfilter" in str(twin)
        assert twin.args == error.args
        assert twin.problems == error.problems
        assert (twin.function, twin.names) == ("loss", ("w",))
        assert twin.__notes__ == ["by hand"]
        assert shown(twin) == shown(error)


def pickled(error: SrcgradError) -> SrcgradError:
    """Return an error sent to another process and back."""
    twin: SrcgradError = pickle.loads(pickle.dumps(error))
    return twin


def shown(error: BaseException) -> str:
    """Return what the interpreter prints for an exception without a traceback."""
    return "".join(traceback.format_exception(error))


def test_classes_are_the_builtins_too() -> None:
    """Check API section 4: what users already catch catches ours."""
    table = {
        "SourceUnavailableError": OSError,
        "UnsupportedSyntaxError": SyntaxError,
        "UnsupportedFunctionError": NotImplementedError,
        "NonDifferentiableError": TypeError,
        "TypeInferenceError": TypeError,
        "ArgumentError": TypeError,
        "OutputError": TypeError,
        "MutationError": ValueError,
        "UnboundVariableError": UnboundLocalError,
        "TapeBudgetError": MemoryError,
        "NonFiniteGradientError": FloatingPointError,
        "GradientCheckError": AssertionError,
        "BackendError": RuntimeError,
    }
    for name, builtin in table.items():
        assert issubclass(getattr(errors, name), builtin)
        assert issubclass(getattr(errors, name), SrcgradError)
    assert {kind.__name__ for kind in CODES.values()} == set(table)


def test_syntax_error_prints_our_text_once() -> None:
    """Check the special way in which SyntaxError is printed."""
    error = make_error("SG101", "a `try`", at(5, 9, 25), function="loss")
    assert shown(error) == f"srcgrad.errors.UnsupportedSyntaxError: {error}\n"


def test_uncaught_syntax_error_prints_our_text_once() -> None:
    """Check the interpreter's own printing, which is written in C."""
    program = (
        "from srcgrad.errors import make_error, Location\n"
        "place = Location('no.py', 3, 1, 3, 2)\n"
        "raise make_error('SG101', 'a `try`', place, helps=['do'], function='loss')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    text = "UnsupportedSyntaxError: error[SG101]: a `try`\n --> no.py:3:1, in loss\n"
    assert done.stderr.endswith(text + "help: do\n")
    assert done.stderr.count("SG101") - done.stderr.count("make_error('SG101'") == 1


def test_problems_are_collected_once() -> None:
    """Check that the first problem decides the class and doubles are dropped."""
    reader = Reader(read_source(define("model.py", "return w")))
    for _ in range(2):
        for code, what, line in (("SG601", "too much", 5), ("SG201", "unknown", 6)):
            reader.build.loc = at(line, 5, 6)
            reader.problem(code, what)
    assert [problem.code for problem in reader.problems] == ["SG601", "SG201"]
    error = error_of(reader.problems)
    assert isinstance(error, MemoryError)
    assert "SG201" in str(error)
    with pytest.raises(KeyError):
        make_error("SG999", "no such code")


def test_paths_are_shown_as_typed(monkeypatch: Any, tmp_path: Path) -> None:
    """Check that a path is relative below the work folder only."""
    monkeypatch.chdir(tmp_path)
    inside, outside = str(tmp_path / "a" / "m.py"), str(tmp_path.parent / "m.py")
    assert errors.shown_path(inside) == str(Path("a", "m.py"))
    assert errors.shown_path(outside) == outside
    assert errors.shown_path("<stdin>") == "<stdin>"


def test_suggestions() -> None:
    """Check what is offered for a misspelt name."""
    names = ["np.sum", "np.cumsum", "np.linalg.solve", "np.where"]
    assert suggest("np.summ", names) == ("did you mean `np.sum`?",)
    assert suggest("np.solve", names) == ("did you mean `np.linalg.solve`?",)
    assert suggest("np.Where", names) == ("did you mean `np.where`?",)
    assert suggest("np.fft", names) == ()
    assert suggest("np.sum", []) == ()
