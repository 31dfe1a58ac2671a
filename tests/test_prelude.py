"""The definitions of NumPy's functions: short, and plain NumPy where they can be."""

import inspect

import numpy as np
import pytest

from srcgrad.ops import prelude

PLAIN = ["flip", "flipud", "fliplr", "swapaxes", "moveaxis", "expand_dims"]


def test_definitions_are_short() -> None:
    for function in prelude.DEFINITIONS.values():
        assert len(inspect.getsource(function).splitlines()) <= 15


@pytest.mark.parametrize("name", PLAIN)
def test_what_needs_no_row_is_numpy(name: str) -> None:
    """A definition without rows runs as it stands, with the value of its function."""
    x, args = np.arange(24.0).reshape(2, 3, 4), {"swapaxes": (0, 2), "moveaxis": (0, 1)}
    given = args.get(name, (1,) if name == "expand_dims" else ())
    want = getattr(np, name)(x, *given)
    assert np.array_equal(getattr(prelude, name)(x, *given), want)
