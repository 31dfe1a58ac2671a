"""A function as PyTensor, and so PyMC, takes it: an Op with a gradient."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.interop.function import Bridged, as_number


def to_pytensor(f: Any) -> Callable[..., Any]:
    """Return a function of PyTensor variables, with a gradient computed by srcgrad.

    Args:
        f: A plain function, or one that is differentiated already, of numbers and
            arrays; its result is a real scalar.

    Returns:
        A function of the same positional arguments: variables, or numbers and arrays,
        which are constants. The result is a scalar variable of the widest float dtype
        of the arguments. All gradients are computed at once; those of constants are
        not computed. There are no second derivatives through PyTensor.

    Raises:
        ImportError: PyTensor is not installed.
        TypeError: When it runs: the result is no real scalar.

    >>> import pytensor, pytensor.tensor as pt  # doctest: +SKIP
    >>> x = pt.dvector()  # doctest: +SKIP
    >>> y = to_pytensor(lambda x: (x * x).sum())(x)  # doctest: +SKIP
    >>> pytensor.function([x], pytensor.grad(y, x))([1.0, 2.0])  # doctest: +SKIP
    array([2., 4.])
    """
    pytensor: Any = importlib.import_module("pytensor")
    importlib.import_module("pytensor.tensor")
    function = Bridged(f)
    value = _value_op(pytensor, function)()

    def call(*args: Any) -> Any:
        return value(*args)

    call.__name__, call.__doc__ = function.name, getattr(f, "__doc__", None)
    return call


def _value_op(pytensor: Any, function: Bridged) -> Any:
    """Return the class of the Op that computes the value."""
    tensor, gradient = pytensor.tensor, _gradient_op(pytensor, function)

    def make_node(self: Any, *args: Any) -> Any:
        inputs = [tensor.as_tensor_variable(x) for x in args]
        floats = [x.dtype for x in inputs if x.dtype.startswith("float")]
        dtype = pytensor.scalar.upcast(*(floats or [pytensor.config.floatX]))
        return pytensor.graph.basic.Apply(self, inputs, [tensor.scalar(dtype=dtype)])

    def perform(self: Any, node: Any, inputs: Any, outputs: Any) -> None:
        args = [as_number(x) for x in inputs]
        if not function.scalar(args):
            raise TypeError(f"the result of `{function.name}` is no real scalar")
        outputs[0][0] = np.asarray(function.value(args), node.outputs[0].dtype)

    def infer_shape(self: Any, fgraph: Any, node: Any, shapes: Any) -> Any:
        return [()]

    def pull(self: Any, inputs: Any, outputs: Any, slopes: Any) -> Any:
        floats = [k for k, x in enumerate(inputs) if x.dtype.startswith("float")]
        fixed = [k for k in floats if isinstance(inputs[k], tensor.TensorConstant)]
        wanted = tuple(k for k in floats if k not in fixed)
        found: list[Any] = [x.zeros_like(dtype=outputs[0].dtype) for x in inputs]
        # What is asked of constants is a node of its own, which nobody runs.
        for chosen in [wanted, *((k,) for k in fixed)]:
            made = gradient(chosen)(*inputs, return_list=True) if chosen else []
            for k, x in zip(chosen, made, strict=True):
                found[k] = (slopes[0] * x).astype(x.dtype)
        return found

    parts = {"make_node": make_node, "perform": perform, "infer_shape": infer_shape}
    names = {"__props__": (), "L_op": pull, "grad": None}
    return _op_class(pytensor, "Srcgrad", {**parts, **names})


def _gradient_op(pytensor: Any, function: Bridged) -> Any:
    """Return the class of the Op that computes chosen gradients at once."""

    def init(self: Any, chosen: tuple[int, ...]) -> None:
        self.chosen = chosen

    def make_node(self: Any, *inputs: Any) -> Any:
        outputs = [inputs[k].type() for k in self.chosen]
        return pytensor.graph.basic.Apply(self, list(inputs), outputs)

    def perform(self: Any, node: Any, inputs: Any, outputs: Any) -> None:
        args = [as_number(x) for x in inputs]
        _, grads = function.value_and_grads(args, self.chosen)
        for k, target, grad in zip(self.chosen, outputs, grads, strict=True):
            target[0] = np.asarray(grad, node.inputs[k].dtype)

    def infer_shape(self: Any, fgraph: Any, node: Any, shapes: Sequence[Any]) -> Any:
        return [shapes[k] for k in self.chosen]

    parts = {"make_node": make_node, "perform": perform, "infer_shape": infer_shape}
    names = {"__props__": ("chosen",), "__init__": init}
    return _op_class(pytensor, "SrcgradGradient", {**parts, **names})


def _op_class(pytensor: Any, name: str, parts: dict[str, Any]) -> Any:
    return type(
        name, (pytensor.graph.op.Op,), {k: v for k, v in parts.items() if v is not None}
    )
