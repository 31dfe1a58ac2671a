"""Minimise a function of any tree of parameters by SciPy's methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.optim.parameters import Tree, beside, shown_path
from srcgrad.optim.problem import Problem

_CURVED = "newton-cg", "trust-ncg", "trust-krylov", "trust-constr"  # they take hessp
_BOUNDED = "l-bfgs-b", "tnc", "slsqp", "trust-constr"
_METHODS = "l-bfgs-b", "bfgs", "cg", "tnc", "slsqp", *_CURVED


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended.

    Attributes:
        params: The parameters, in the structure and dtypes of those given.
        value: The function there.
        gradient: The gradient there, as a tree; None for what is no float.
        converged: Whether the method says that it has found a minimum.
        message: Why it stopped.
        steps: The number of its iterations.
        evaluations: How often value and gradient were computed.
        scipy: All that SciPy returned.
    """

    params: Tree
    value: float
    gradient: Tree
    converged: bool
    message: str
    steps: int
    evaluations: int
    scipy: Any = field(repr=False)


def minimize(
    f: Any, params: Tree, *args: Any, method: str = "L-BFGS-B", bounds: Any = None,
    tol: float | None = None, options: dict[str, Any] | None = None,
    callback: Callable[[Tree], Any] | None = None,
) -> Minimum:  # fmt: skip
    """Return where a function is least, found with its exact gradient.

    Args:
        f: A plain function, or one that is differentiated already; its first argument
            are the parameters, its result a real scalar.
        params: Where to start: floats and arrays of floats, in lists, tuples, dicts,
            namedtuples and dataclasses. Nothing in it is changed.
        *args: The other arguments of `f`.
        method: A method of `scipy.optimize.minimize` that takes a gradient: "L-BFGS-B",
            "BFGS", "CG", "TNC", "SLSQP"; "trust-ncg", "Newton-CG", "trust-krylov" and
            "trust-constr" get products with the Hessian, too.
        bounds: A pair (low, high) for all parameters; each is None, a number, or a tree
            like the parameters of numbers, arrays and None. For "L-BFGS-B", "TNC",
            "SLSQP" and "trust-constr".
        tol: As in SciPy.
        options: As in SciPy, by method.
        callback: Called with the parameters after each step.

    Raises:
        ValueError: The method or the bounds are of another kind.
        FloatingPointError: Value or gradient are not finite at the start.

    >>> import srcgrad
    >>> @srcgrad.differentiable(backend="python")
    ... def bowl(p):
    ...     return (p["x"] - 1.0) ** 2 + (p["y"] * p["y"]).sum()
    >>> found = minimize(bowl, {"x": 0.0, "y": np.array([2.0, -1.0])})
    >>> round(found.params["x"], 6), found.converged
    (1.0, True)
    """
    from scipy import optimize

    if method.lower() not in _METHODS:
        known = "L-BFGS-B, BFGS, CG, TNC, SLSQP, Newton-CG, trust-ncg, trust-krylov"
        raise ValueError(f"method {method!r} is none of {known} and trust-constr")
    if bounds is not None and method.lower() not in _BOUNDED:
        raise ValueError(f"method {method!r} takes no bounds; L-BFGS-B does")
    problem = Problem(f, params, args, "params")
    _check_start(problem)
    more: dict[str, Any] = {}
    if bounds is not None:
        more["bounds"] = optimize.Bounds(*_limits(problem, params, bounds))
    if method.lower() in _CURVED:
        more["hessp"] = problem.hessp
    if callback is not None:
        more["callback"] = lambda x, *_: callback(problem.unravel(x))
    found = optimize.minimize(
        problem.both, problem.x0, jac=True, method=method, tol=tol, options=options,
        **more,
    )  # fmt: skip
    value, slope = problem.both(found.x)
    return Minimum(
        problem.unravel(found.x), value, problem.gradient(slope), bool(found.success),
        str(found.message), int(found.nit), int(found.nfev), found,
    )  # fmt: skip


def _check_start(problem: Problem) -> None:
    value, slope = problem.both(problem.x0)
    if not np.isfinite(value):
        raise FloatingPointError(f"the function is {value} at the start")
    first = 0
    for path, size in problem.places():
        if not np.all(np.isfinite(slope[first : first + size])):
            where = shown_path("params", path)
            raise FloatingPointError(
                f"the gradient of {where} is not finite at the start"
            )
        first += size


def _limits(problem: Problem, params: Tree, bounds: Any) -> list[Any]:
    """Return low and high as vectors."""
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise ValueError("bounds are a pair (low, high): of numbers, trees or None")
    limits = []
    for name, bound, none in zip(
        ("low", "high"), bounds, (-np.inf, np.inf), strict=True
    ):
        parts = []
        whole = bound is None or isinstance(bound, int | float)
        tree = None if whole else bound
        sizes = dict(problem.places())
        for path, leaf, (limit,) in beside(
            params, [tree], ["params", f"bounds {name}"]
        ):
            if path in sizes:
                limit = bound if whole else limit
                limit = none if limit is None else limit
                if isinstance(limit, tuple | list):  # SciPy's own are pairs by number
                    where, kind = shown_path("params", path), type(limit).__name__
                    what = f"{where}: its {name} bound is a {kind}, no number or array"
                    raise TypeError(f"{what}: bounds are (all low, all high)")
                try:
                    parts.append(np.ravel(np.broadcast_to(limit, np.shape(leaf))))
                except ValueError:
                    where = shown_path("params", path)
                    what = f"shape {np.shape(leaf)}, its {name} bound {np.shape(limit)}"
                    raise ValueError(f"{where}: {what}") from None
        limits.append(np.concatenate(parts).astype(np.float64))
    return limits
