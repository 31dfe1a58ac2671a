"""A function of a tree of parameters as SciPy's optimisers take it: of one vector."""

from __future__ import annotations

from typing import Any

from srcgrad.optim.problem import Problem


def as_scipy(f: Any, example: Any, *args: Any) -> Problem:
    """Return a function as `scipy.optimize` takes it, with its derivatives.

    Args:
        f: A plain function, or one that is differentiated already; its first argument
            is a tree of floats and arrays of floats, its result a real scalar.
        example: The first argument: a tree; where to start.
        *args: The other arguments.

    Returns:
        A `Problem` with `x0`, `fun(x)`, `jac(x)`, `hessp(x, v)` and `unravel(x)`. The
        value and the gradient at one x are computed at once, and only once: what else
        `f` reads must stay as it is.

    Raises:
        TypeError: The example holds integers or nothing to change.

    >>> import numpy as np
    >>> from srcgrad import differentiable
    >>> f = differentiable(lambda w: w["a"] * w["b"] ** 2, backend="python")
    >>> p = as_scipy(f, {"a": 2.0, "b": 3.0})
    >>> p.x0, p.fun(p.x0), p.jac(p.x0), p.hessp(p.x0, np.array([1.0, 0.0]))
    (array([2., 3.]), 18.0, array([ 9., 12.]), array([0., 6.]))
    """
    return Problem(f, example, args)
