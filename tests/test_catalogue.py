"""The catalogue against the installed NumPy: nothing is missing by accident."""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.__main__ import main
from srcgrad.catalogue import as_markdown, supported
from srcgrad.ops.unsupported import UNSUPPORTED
from tests.programs import load

# What a function is called with to see whether it makes floats of floats.
ARGUMENTS = """x; A; x, x; A, x; A, A; S; S, v; S, S; x, 1; x, A; A, 1; 1, x; x, i
x, c; x, 3; A, 2, 0; x, [1.0, 2.0]; [x, x]; [S, S, S]; [v, v]; 'i,i', x, x; 0.5
0.5, 1.5; 1.0, 2.0, 3; x, c, x; c, x; c, x, x; [c], [x]; x, x, x; (2, 3), 1.5; (2, 3)
3; i, x; x, i, 0; x, [c], [abs]; np.sum, 0, A; S, 2; x, 0.0, 1.0; A, (1, 1); 5; x, 50
abs, x; x, 2, 1.5; np.sum, A, 0; x, (4,); B, x; A, 0, 1; B, B; A, (3, 2); x, 'x'
S, S[0]; 1; x, (2, 2); c, i; C, x; k, [x, x]; np.ones((2, 4)) * x"""
INPUTS: dict[str, Any] = {
    "x": np.array([0.3, 0.7, 1.4, 0.9]),
    "v": np.array([0.3, 0.7, 1.4]),
    "A": np.arange(1.0, 13.0).reshape(3, 4) / 7.0,
    "S": np.array([[2.0, 0.3, 0.1], [0.3, 1.5, 0.2], [0.1, 0.2, 1.1]]),
    "B": np.array([[[1.2, 0.4], [0.3, 0.9]]] * 2),
    "C": np.eye(4) + 0.1,
    "c": np.array([True, False, True, True]),
    "i": np.array([0, 2, 1, 3]),
    "k": np.array([0, 1, 1, 0]),
}
# What reads or writes files, asks, or tells of the machine; what only names a type.
ASIDE = re.compile(
    r"save|load|from(file|txt|regex|pyfunc)|show|info|test|print|warn|buffer|typecode"
)


def makes_floats(result: Any) -> bool:
    """Tell whether floats are in a result."""
    if isinstance(result, tuple | list):
        return any(map(makes_floats, result))
    return isinstance(result, float | np.ndarray | np.floating) and (
        np.asarray(result).dtype.kind == "f"
    )


def calls_of(name: str, function: Any) -> Iterator[str]:
    """Yield the arguments, as text, for which a function makes floats of floats."""
    for given in re.split(r"[;\n]\s*", ARGUMENTS):
        with contextlib.suppress(Exception), contextlib.redirect_stdout(io.StringIO()):
            args = eval(f"({given},)", {"np": np, **deepcopy(INPUTS)})
            made = function(*args)
            if makes_floats(made) and not any(made is x for x in args):  # no `out`
                yield given


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """All functions of NumPy that make floats of floats, each with arguments."""
    names: dict[str, list[str]] = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for home in (np, np.linalg):
            for name in home.__all__:
                function = getattr(home, name)
                if not callable(function) or ASIDE.search(name):
                    continue
                if isinstance(function, type) and not issubclass(function, np.floating):
                    continue
                if given := [*calls_of(name, function)]:
                    names[f"{home.__name__}.{name}"] = given
    return names


def test_nothing_is_missing_by_accident(found: dict[str, list[str]]) -> None:
    """Each function of NumPy is known, or stands there with a reason."""
    missing = [n for n in found if not supported(n) and n not in UNSUPPORTED]
    assert missing == []
    assert len(found) > 250  # the search itself works


def test_most_of_numpy_is_known(found: dict[str, list[str]]) -> None:
    known = [name for name in found if supported(name)]
    assert len(known) / len(found) >= 0.95


def test_what_is_not_known_exists_and_is_not_known() -> None:
    assert [name for name in UNSUPPORTED if supported(name)] == []
    assert all(hasattr(np, n.split(".")[1]) for n in UNSUPPORTED)
    assert [*UNSUPPORTED] == sorted(UNSUPPORTED)


def test_what_is_known_is_right(found: dict[str, list[str]]) -> None:
    """Each known function gives NumPy's own value where it was tried first."""
    wrong = []
    for name in filter(supported, found):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            outcomes = (judge(name, given) for given in found[name])
            first = next((x for x in outcomes if x in ("right", "wrong")), "refused")
        if first != "right" and "empty" not in name:
            wrong.append((name, first))
    assert wrong == []


def judge(name: str, given: str) -> str:
    """Return how a call of a function compares with NumPy's own."""
    names = ", ".join(INPUTS)
    call = f"{name.replace('numpy', 'np', 1)}({given})"
    program = load(
        f"import numpy as np\n\n\ndef program({names}):\n    return {call}\n"
    )
    due = program(**deepcopy(INPUTS))
    try:
        value = srcgrad.differentiable(program, backend="python")(**deepcopy(INPUTS))
    except srcgrad.errors.SrcgradError as error:
        return str(error).partition("\n")[0]
    same = repr(value) == repr(due) or np.array_equal(value, due, equal_nan=True)
    return "right" if same else "wrong"


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["supported", "np.sum"]) == 0
    assert capsys.readouterr().out.startswith("np.sum(x, axis=None, ")
    assert main(["supported", "np.tahn"]) == 1
    assert "or `np.tanh`" in capsys.readouterr().out
    assert main(["supported"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert {"math.sin(x)", "x.copy()", "len(obj, /)"} <= {*listed}
    assert main(["supported", "--json"]) == 2


def test_page_is_current() -> None:
    page = (Path(__file__).parents[1] / "SUPPORTED.md").read_text()
    assert page == as_markdown(), (
        "python -m srcgrad supported --markdown > SUPPORTED.md"
    )


def test_functions_are_found_by_object() -> None:
    assert [str(supported(f)) for f in (np.exp, len)] == ["np.exp(x)", "len(obj, /)"]


def test_a_reason_is_told_where_a_call_is_refused() -> None:
    with pytest.raises(NotImplementedError, match=r"leave it out"):
        srcgrad.grad(laid_out, backend="python")(np.array([1.0, -3.0, 2.0]))


def laid_out(p: Any) -> Any:
    """Return something of an array in another layout."""
    return np.asfortranarray(p)[0]
