"""The benchmark suite cannot rot: its own checks on tiny programs, no clock."""

import math

import pytest

from benchmarks import networks
from benchmarks.columns import hand_columns, own_columns
from benchmarks.measure import Measurement
from benchmarks.programs import PROGRAMS
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
