"""A function as JAX takes it: a callback with a rule of its own, under jit, too."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.interop.function import Bridged, as_number, is_float, leaves
from srcgrad.optim.parameters import Path, rebuilt, shown_path

_PROBE = 0.5  # what a run that only asks for shapes is given: inside most domains


def to_jax(f: Any, result: Any = None) -> Callable[..., Any]:
    """Return a function that `jax.grad` and `jax.jit` take, computed by srcgrad.

    Args:
        f: A plain function, or one that is differentiated already: its value counts.
        result: A `jax.ShapeDtypeStruct` for each array of the result, in its
            structure. Without it, what is not one number is found by a run on
            arguments of 0.5 and 0.

    Returns:
        A function of the same positional arguments, numbers and arrays in JAX's trees.
        The gradient of a scalar is computed along with its value, only of arguments
        that it is asked for; there are no second derivatives through JAX.
        `jax.vmap` runs it once for each item.

    Raises:
        ImportError: JAX is not installed.
        TypeError: By the function: the result is float64, and JAX has 32 bits only.

    >>> import jax  # doctest: +SKIP
    >>> jax.config.update("jax_enable_x64", True)  # doctest: +SKIP
    >>> square = to_jax(lambda x: (x * x).sum())  # doctest: +SKIP
    >>> jax.grad(square)(jax.numpy.array([1.0, 2.0]))  # doctest: +SKIP
    Array([2., 4.], dtype=float64)
    """
    jax: Any = importlib.import_module("jax")
    function = Bridged(f)

    def evaluate(*args: Any) -> Any:
        shape = _result(jax, function, args) if result is None else result
        return _callback(jax, function.value, shape)(args)

    def forward(*primals: Any) -> Any:
        flat, form = jax.tree.flatten(primals, is_leaf=_is_primal)
        args = form.unflatten([p.value for p in flat])
        shape = _result(jax, function, args) if result is None else result
        if not is_float(shape) or shape.shape:
            return evaluate(*args), (args, None)
        return _both(jax, function, shape, args, [p.perturbed for p in flat])

    def backward(kept: Any, cotangent: Any) -> Any:
        args, slopes = kept
        shapes = [_like(jax, x) for x in jax.tree.leaves(args)]
        g = _whole(jax, cotangent)
        if slopes is None:
            found = _pulled(jax, function, shapes, args, g)
        else:
            found = [None if x is None else x * g.astype(x.dtype) for x in slopes]
        pairs = zip(found, shapes, strict=True)
        flat = [_zero(jax, shape) if x is None else x for x, shape in pairs]
        return jax.tree.structure(args).unflatten(flat)

    call = jax.custom_vjp(evaluate)
    call.defvjp(forward, backward, symbolic_zeros=True)
    made: Callable[..., Any] = call
    return made


def _both(
    jax: Any, function: Bridged, shape: Any, args: Any, wanted: Sequence[bool]
) -> Any:
    """Return a scalar; kept are its gradients, None for what is not wanted."""
    shapes = [_like(jax, x) for x in jax.tree.leaves(args)]
    floats = [w and is_float(x) for w, x in zip(wanted, shapes, strict=True)]

    def compute(given: Any) -> Any:
        value, pull = function.forward(given, floats)
        return value, [x for x, own in zip(pull(1.0), floats, strict=True) if own]

    slopes = [x for x, own in zip(shapes, floats, strict=True) if own]
    value, found = _callback(jax, compute, (shape, slopes))(args)
    each = iter(found)
    return value, (args, [next(each) if own else None for own in floats])


def _pulled(
    jax: Any, function: Bridged, shapes: Sequence[Any], args: Any, g: Any
) -> list[Any]:
    """Return the cotangents of all floats among the leaves, None for the others."""
    floats = [is_float(x) for x in shapes]

    def compute(given: Any) -> Any:
        args, g = given
        _, pull = function.forward(args, floats)
        return [x for x, own in zip(pull(g), floats, strict=True) if own]

    wanted = [x for x, own in zip(shapes, floats, strict=True) if own]
    each = iter(_callback(jax, compute, wanted)((args, g)))
    return [next(each) if own else None for own in floats]


def _whole(jax: Any, cotangent: Any) -> Any:
    """Return a cotangent with arrays for what JAX knows to be zero."""
    kind = jax.custom_derivatives.SymbolicZero

    def made(x: Any) -> Any:
        return jax.numpy.zeros(x.shape, x.dtype) if isinstance(x, kind) else x

    return jax.tree.map(made, cotangent, is_leaf=lambda x: isinstance(x, kind))


def _is_primal(x: Any) -> bool:
    return type(x).__name__ == "CustomVJPPrimal"


def _like(jax: Any, x: Any) -> Any:
    """Return shape and dtype of an argument."""
    return jax.ShapeDtypeStruct(jax.numpy.shape(x), jax.numpy.result_type(x))


def _zero(jax: Any, shape: Any) -> Any:
    """Return the cotangent of what nobody asks for, or of an int."""
    if is_float(shape):
        return jax.numpy.zeros(shape.shape, shape.dtype)
    return np.zeros(shape.shape, jax.dtypes.float0)


def _callback(jax: Any, compute: Callable[[Any], Any], shape: Any) -> Any:
    """Return a function of JAX's arrays that runs one of NumPy's."""

    def run(given: Any) -> Any:
        found = compute(jax.tree.map(as_number, given))
        return jax.tree.map(_cast, shape, found)

    return lambda given: jax.pure_callback(run, shape, given, vmap_method="sequential")


def _cast(shape: Any, x: Any) -> Any:
    found = np.asarray(x)
    if found.shape != shape.shape:
        what = f"has shape {found.shape}, {shape.shape} was expected"
        raise ValueError(f"the result {what}: give `result`")
    return found.astype(shape.dtype)


def _result(jax: Any, function: Bridged, args: Sequence[Any]) -> Any:
    """Return shapes and dtypes of the result."""

    def probe(x: Any) -> Any:
        like = _like(jax, x)
        value = _PROBE if is_float(like) else 0
        return as_number(np.full(like.shape, value, like.dtype))

    given = jax.tree.map(probe, tuple(args))
    if dtype := function.scalar(given):
        return _struct(jax, function, (), np.empty((), dtype))
    try:
        with np.errstate(all="ignore"):
            found = function.value(given)
    except Exception as error:
        what = f"the shape of the result of `{function.name}` is not known: a run on"
        help = "give it: `to_jax(f, result=jax.ShapeDtypeStruct(...))`"
        failed = f"arguments of {_PROBE} and 0 raised {type(error).__name__}"
        raise ValueError(f"{what} {failed}; {help}") from error
    flat = [_struct(jax, function, path, x) for path, x in leaves(found)]
    return rebuilt(found, flat)


def _struct(jax: Any, function: Bridged, path: Path, x: Any) -> Any:
    found = np.asarray(x)
    dtype = jax.dtypes.canonicalize_dtype(found.dtype)
    if found.dtype.kind == "f" and dtype != found.dtype:
        where = shown_path(f"the result of `{function.name}`", path)
        help = 'jax.config.update("jax_enable_x64", True)'
        raise TypeError(f"{where} is {found.dtype}, JAX has 32 bits only: {help}")
    return jax.ShapeDtypeStruct(found.shape, dtype)
