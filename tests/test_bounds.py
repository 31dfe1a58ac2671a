"""Proofs that integers are never negative: what they find, and that they end."""

from itertools import pairwise
from typing import Any

from srcgrad.analyses.bounds import Bounds
from srcgrad.ir import Value
from srcgrad.types import Dim, Scalar


def test_a_proof_that_fails_does_not_try_every_order(monkeypatch: Any) -> None:
    """Eight layers of six integers, each no more than any of the next layer."""
    bounds = Bounds.__new__(Bounds)
    layers = [
        [Dim.of(Value(f"x{k}_{j}", Scalar("int64"))) for j in range(6)]
        for k in range(8)
    ]
    facts = [
        high - low
        for below, above in pairwise(layers)
        for low in below
        for high in above
    ]
    asked: list[Any] = []

    def known(atom: Any) -> list[Dim]:
        asked.append(atom)
        return []

    monkeypatch.setattr(bounds, "known", known)
    assert bounds.holds(layers[3][5] - layers[0][0], also=facts)
    other = Dim.of(Value("other", Scalar("int64")))
    asked.clear()
    assert not bounds.holds(other - layers[0][0], also=facts)
    assert len(asked) < 200  # every path would ask 600,000 times
