"""The one view kernels need: any contiguous array as a flat one."""

from typing import Any

__all__ = ["flat"]


def flat(x: Any) -> Any:
    """Return a view of a C-contiguous array as a vector.

    Numba compiles a reshape in 70 ms; compiled kernels use the intrinsic of the same
    name instead (see `intrinsics.py`), which costs 5.
    """
    return x.reshape(-1)
