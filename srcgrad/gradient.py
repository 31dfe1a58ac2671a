"""The gradient of a function, as a function of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad.structures import children

if TYPE_CHECKING:
    from srcgrad.differentiated import Differentiated

__all__ = ["Gradient"]


class Gradient:
    """The gradient of a `Differentiated`, as a function; `into` reuses memory."""

    def __init__(self, of: Differentiated) -> None:
        self.of = of

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient, with `has_aux` `(gradient, aux)`."""
        value, gradient = self.of.value_and_grad(*args, **kwargs)
        return (gradient, value[1]) if self.of.options.has_aux else gradient

    def into(self, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Write the gradient into arrays and return them.

        Args:
            out: Arrays of the shapes of the gradient, in its structure.
            *args: The arguments of the function.
            **kwargs: Likewise.

        Raises:
            ValueError: `out` has another structure or shape.
        """

        def copy(target: Any, source: Any) -> None:
            if isinstance(target, np.ndarray):
                if np.shape(source) != target.shape:
                    shapes = f"{target.shape}, the gradient {np.shape(source)}"
                    raise ValueError(f"`out` has shape {shapes}")
                target[...] = source
            elif source is not None:
                mine, theirs = children(target), children(source)
                if mine is None or theirs is None or len(mine) != len(theirs):
                    raise ValueError("`out` has another structure than the gradient")
                for one, other in zip(mine, theirs, strict=True):
                    copy(one, other)

        value, gradient = self.of.value_and_grad(*args, **kwargs)
        copy(out, gradient)
        return (out, value[1]) if self.of.options.has_aux else out
