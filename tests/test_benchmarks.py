"""The benchmark suite cannot rot: its own checks on tiny programs, no clock."""

import math

import pytest

from benchmarks import networks, sixteen
from benchmarks.columns import hand_columns, own_columns
from benchmarks.measure import Measurement
from benchmarks.program import Array
from benchmarks.programs import PROGRAMS
from benchmarks.programs.sixteen import SIXTEEN, branches
from benchmarks.table import bars, printed, summarised

# One of each family; the rest is for the suite itself.
FEW = ["gesummv", "cholesky", "seidel_2d", "deriche", "cnn", "gmm", "kalman"]


def measured(name: str) -> Measurement:
    """Return a program verified at its tiny size on the python backend."""
    program = PROGRAMS[name]
    measurement = Measurement(program, program.tiny)
    for column in own_columns(program, backend="python"):
        measurement.verify(column)
    return measurement


@pytest.mark.parametrize("name", FEW)
def test_tiny_program_is_verified(name: str) -> None:
    measurement = measured(name)
    assert {r["column"]: r.get("note") for r in measurement.records} == {
        "numpy": None,
        "value": None,
        "gradient": None,
    }


def test_wrong_gradient_is_noticed() -> None:
    measurement = measured("kalman")
    column, _ = measurement.sound[-1]
    measurement.gradients = [2.0 * g for g in measurement.gradients]
    measurement.verify(column)
    assert "gradient off" in measurement.records[-1]["note"]
    measurement.value = math.nan
    measurement.verify(column)
    assert "value off" in measurement.records[-1]["note"]


def test_row_is_printed() -> None:
    measurement = measured("gesummv")
    measurement.time(rounds=1)
    row = summarised(
        {
            "name": "gesummv",
            "stencil": False,
            "missing": {"jax": "not installed"},
            "columns": measurement.records,
        }
    )
    assert "jax: not installed" in printed(row)
    assert any("gradient/primal" in line for line in bars([row]))


@pytest.mark.long
@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_agree(name: str) -> None:
    measurement = measured(name)
    for column in hand_columns(PROGRAMS[name]):
        measurement.verify(column)
    assert not [r for r in measurement.records if "note" in r]


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_networks_train(name: str) -> None:
    """The loss falls on one small batch."""
    trainer = networks.in_srcgrad(name, backend="python")
    x, labels = networks.batch(name, 4)
    losses = [float(trainer.train(x, labels)) for _ in range(8)]
    assert losses[-1] < 0.7 * losses[0]


def test_verdicts_on_tools() -> None:
    """What is right, wrong or refused is told apart; the table says who is absent."""

    def doubled(function: sixteen.Function) -> tuple[float, Array]:
        value, gradient = sixteen.truth(function)
        return value, 2.0 * gradient

    def refusing(function: sixteen.Function) -> tuple[float, Array]:
        raise TypeError

    tools = (sixteen.truth, doubled, refusing)
    found = [sixteen.verdict(tool, branches) for tool in tools]
    assert found == ["right", "**wrong**", "refused"]


def test_absent_tool_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sixteen.TOOLS, "absent", ("no_such_module", sixteen.truth))
    rows = sixteen.table(["absent"])
    assert len(rows) == len(SIXTEEN) + 3
    assert all("not installed" in row for row in rows[2:-1])


@pytest.mark.long
def test_sixteen_are_right() -> None:
    assert sixteen.table(["srcgrad"])[-1].endswith("| 16 |")
