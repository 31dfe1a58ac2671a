"""The one view kernels need: any contiguous array as a flat one."""

import numpy as np

__all__ = ["flat"]


def flat(x: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Return a view of a C-contiguous array as a vector.

    Numba compiles a reshape in 70 ms; compiled kernels use the intrinsic of the same
    name instead (see `intrinsics.py`), which costs 5.
    """
    return x.reshape(-1)
