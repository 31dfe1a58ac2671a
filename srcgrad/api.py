"""What users call: grad, value_and_grad, differentiable, vjp, jvp, hvp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.options import inherited, make_options

Fun = Callable[..., Any]
Decorator = Callable[[Fun], Differentiated]


def _door(kind: str, fun: Fun | None, options: dict[str, Any]) -> Any:
    """Return a `Differentiated`, or the decorator that makes it if `fun` is None."""
    make_options(options)  # refuses them where they are written
    if fun is None:
        return lambda f: Differentiated(f, kind, inherited(f, options))
    return Differentiated(fun, kind, inherited(fun, options))


@overload
def grad(fun: Fun, argnums: Any = 0, **options: Any) -> Differentiated: ...
@overload
def grad(fun: None = None, argnums: Any = 0, **options: Any) -> Decorator: ...
def grad(fun: Fun | None = None, argnums: Any = 0, **options: Any) -> Any:
    """Return the function that computes the gradient of `fun`.

    Args:
        fun: A plain function of numbers, arrays and containers of them; its result is a
            real scalar. The gradient with respect to complex `x + 1j * y` is that of
            JAX, `dL/dx - 1j * dL/dy`: the value moves by the real part of its product
            with a step.
        argnums: The position of the argument to differentiate with respect to, or a
            tuple of positions; negative ones count from the end.
        **options: `argnames` (names instead of positions), `has_aux` (the function
            returns `(value, aux)`), `backend` ("auto", "numba", "python", or "warm":
            CPython until a compile in the background is done, and then the last bits
            may change), `cache`, `check_nan` (raise if the gradient is not finite),
            `memory_budget` (bytes, or text like "64MB": the tapes of `for` loops take
            no more. Loops that would are cut in segments, which are run again in the
            backward sweep; `TapeBudgetError` is raised if that is not enough. Loops
            that may be left early, `while` among them, are neither cut nor counted),
            `parallel` (threads share the turns of loops that are independent; results
            do not depend on how many threads there are).

    Returns:
        A `Differentiated`: call it for the gradient, which has the structure, shapes
        and dtypes of the argument. Calls raise `SrcgradError` if the function cannot be
        differentiated.

    >>> def f(x):
    ...     return (3 * x + 2) ** 2
    >>> float(grad(f, backend="python")(1.0))
    30.0
    """
    return _door("grad", fun, {"argnums": argnums, **options})


@overload
def value_and_grad(fun: Fun, argnums: Any = 0, **options: Any) -> Differentiated: ...
@overload
def value_and_grad(fun: None = None, argnums: Any = 0, **options: Any) -> Decorator: ...
def value_and_grad(fun: Fun | None = None, argnums: Any = 0, **options: Any) -> Any:
    """Return the function that computes `(value, gradient)` in one pass.

    Everything is as for `grad`; with `has_aux` the result is `((value, aux), grad)`.

    >>> value, slope = value_and_grad(lambda x: x * x, backend="python")(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    return _door("value_and_grad", fun, {"argnums": argnums, **options})


@overload
def differentiable(fun: Fun, **options: Any) -> Differentiated: ...
@overload
def differentiable(fun: None = None, **options: Any) -> Decorator: ...
def differentiable(fun: Fun | None = None, **options: Any) -> Any:
    """Return the function itself at compiled speed, with `.grad` and its relatives.

    The options are those of `grad`, `argnums` among them.

    >>> f = differentiable(lambda x: x * x, backend="python")
    >>> float(f(3.0)), float(f.grad(3.0))
    (9.0, 6.0)
    """
    return _door("value", fun, options)


def vjp(fun: Fun, *primals: Any, **options: Any) -> tuple[Any, Any]:
    """Return `(value, pullback)`; the pullback maps a cotangent to the arguments.

    Args:
        fun: A plain function; its result is made of numbers and arrays.
        *primals: Its arguments; the pullback returns a tuple with one cotangent for
            each: None for what is no float, in the argument's structure and dtype.
        **options: The options of `grad` but `argnums`.

    >>> value, pullback = vjp(lambda x: 3 * x, 2.0, backend="python")
    >>> float(pullback(1.0)[0])
    3.0
    """
    return differentiable(fun, **options).vjp(*primals)


def jvp(
    fun: Fun, primals: Sequence[Any], tangents: Sequence[Any], **options: Any
) -> tuple[Any, Any]:
    """Return `(value, tangent)`: the derivative in the direction `tangents`.

    Args:
        fun: A plain function; its result is made of numbers and arrays.
        primals: Its arguments.
        tangents: One direction for each argument, in its structure and shape; None
            stands for zeros, and belongs to what is no float.
        **options: The options of `grad` but `argnums`.

    Raises:
        ValueError: A tangent does not fit its argument.

    >>> value, tangent = jvp(lambda x: x * x, (3.0,), (1.0,), backend="python")
    >>> float(value), float(tangent)
    (9.0, 6.0)
    """
    return differentiable(fun, **options).jvp(primals, tangents)


def hvp(fun: Fun, argnums: int = 0, **options: Any) -> Fun:
    """Return `h(x, v, *args)`: the Hessian of `fun` in `x` times `v`.

    Args:
        fun: A plain function with a real scalar result.
        argnums: The position of `x`; `args` are the other arguments in their order.
        **options: The options of `grad`.

    >>> product = hvp(lambda x: x * x * x, backend="python")
    >>> float(product(2.0, 1.0))
    12.0
    """
    return differentiable(fun, argnums=argnums, **options).hvp


def stop_gradient(x: Any) -> Any:
    """Return `x`; inside a differentiated function it counts as a constant.

    Args:
        x: A number, or an array: then the result is a copy, so that writing to it
            means the same everywhere.

    >>> f = grad(lambda x: x * stop_gradient(x), backend="python")
    >>> float(f(3.0))
    3.0
    """
    return x.copy() if isinstance(x, np.ndarray) else x


def checkpoint(fun: Fun) -> Fun:
    """Return `fun`, of which a gradient keeps nothing but the arguments of each call.

    What its inside needs for the backward sweep is computed again there, so that time
    is paid for memory. Works as a decorator too; outside of gradients it is `fun`.

    Args:
        fun: A plain function that changes none of its arguments, and whose containers
            in the result are new ones, each in one place.

    Raises:
        SrcgradError: Where a gradient reads the call of a function that is not so.

    >>> @checkpoint
    ... def layer(x):
    ...     return np.tanh(np.sin(x))
    >>> f = grad(lambda x: layer(layer(x)), backend="python")
    >>> round(float(f(0.5)), 6)
    0.529732
    """
    from srcgrad.nested import Checkpointed

    return Checkpointed(fun)
