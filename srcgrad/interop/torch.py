"""A function as torch takes it: an operation with a backward of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from srcgrad.interop.function import Bridged, Pullback, as_number, leaves
from srcgrad.optim.parameters import rebuilt, shown_path

_DTYPES = "float32 float64 int64 int32 int16 int8 uint8 bool".split()


def to_torch(f: Any) -> Callable[..., Any]:
    """Return a function of tensors that torch differentiates through srcgrad.

    Args:
        f: A plain function, or one that is differentiated already: its value counts.

    Returns:
        A function of the same positional arguments. Tensors on the CPU stand for
        arrays, also inside lists, tuples, dicts and the like; anything else is handed
        on. The result has tensors for numbers and arrays. The gradient of a scalar is
        computed along with its value, only of arguments that require it. Torch cannot
        differentiate it again, which is an error, nor map over it (`torch.func.vmap`).

    Raises:
        ImportError: torch is not installed.
        TypeError: By the function: a tensor is on another device, sparse, or of a dtype
            that srcgrad has not. The message says which.

    >>> import torch  # doctest: +SKIP
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)  # doctest: +SKIP
    >>> to_torch(lambda x: (x * x).sum())(x).backward()  # doctest: +SKIP
    >>> x.grad  # doctest: +SKIP
    tensor([2., 4.])
    """
    torch: Any = importlib.import_module("torch")
    function, operation = Bridged(f), _operation(torch)

    def call(*args: Any) -> Any:
        found = leaves(args)
        own = [isinstance(x, torch.Tensor) for _, x in found]
        for (path, x), tensor in zip(found, own, strict=True):
            if tensor:
                _check(torch, x, shown_path("arguments", path))
        run = _Run(torch, function, args, own)
        outputs = operation.apply(run, *(x for _, x in found if _is(torch, x)))
        return run.result(outputs)

    call.__name__, call.__doc__ = function.name, getattr(f, "__doc__", None)
    return call


def _is(torch: Any, x: Any) -> bool:
    return isinstance(x, torch.Tensor)


def _check(torch: Any, x: Any, where: str) -> None:
    what = ""
    if x.device.type != "cpu":
        what = f"is on {x.device}, srcgrad computes on the CPU: use `x.cpu()`"
    elif x.layout is not torch.strided:
        what = "is sparse: use `x.to_dense()`"
    elif str(x.dtype).removeprefix("torch.") not in _DTYPES:
        what = f"is of {x.dtype}, srcgrad has float32 and float64: use `x.float()`"
    if what:
        raise TypeError(f"{where} {what}")


class _Run:
    """One call: its arguments, and what the backward needs of it."""

    def __init__(
        self, torch: Any, function: Bridged, args: Any, own: list[bool]
    ) -> None:
        """Take arguments with tensors, and which of their leaves are tensors."""
        self._torch, self._function, self._args, self._own = torch, function, args, own
        self._active = torch.is_grad_enabled()  # `forward` would not be told
        self._form: Any = None
        self._pull: Pullback = list
        self._shown: list[bool] = []  # which leaves of the result are tensors

    def forward(self, ctx: Any, tensors: Any) -> tuple[Any, ...]:
        """Compute, and return the tensors of the result."""
        arrays = iter([as_number(t.detach().numpy()) for t in tensors])
        flags = iter(ctx.needs_input_grad[1:])
        mixed, wanted = [], []
        for (_, x), own in zip(leaves(self._args), self._own, strict=True):
            mixed.append(next(arrays) if own else x)
            wanted.append(own and next(flags) and self._active)
        args = rebuilt(self._args, mixed)
        self._form, self._pull = self._function.forward(args, wanted)
        found = [x for _, x in leaves(self._form)]
        kinds = np.ndarray | np.generic | int | float
        self._shown = [isinstance(x, kinds) and type(x) is not bool for x in found]
        pairs = zip(found, self._shown, strict=True)
        outputs = tuple(self._tensor(x) for x, shown in pairs if shown)
        ints = [t for t in outputs if not t.dtype.is_floating_point]
        ctx.mark_non_differentiable(*ints)
        return outputs

    def backward(self, cotangents: Any) -> list[Any]:
        """Return the gradients of the tensors, None where there is none."""
        given = iter(cotangents)
        parts = []
        for shown in self._shown:
            g = next(given) if shown else None
            parts.append(None if g is None else as_number(g.detach().numpy()))
        grads = self._pull(rebuilt(self._form, parts))
        made = [x for x, own in zip(grads, self._own, strict=True) if own]
        return [None if x is None else self._tensor(x) for x in made]

    def _tensor(self, x: Any) -> Any:
        # torch wants to write, and knows no negative strides.
        return self._torch.from_numpy(np.require(x, requirements=["C", "W"]))

    def result(self, outputs: Any) -> Any:
        """Return the result with its tensors."""
        flat, found = iter(outputs), leaves(self._form)
        pairs = zip(found, self._shown, strict=True)
        return rebuilt(self._form, [next(flat) if s else x for (_, x), s in pairs])


def _operation(torch: Any) -> Any:
    """Return the `autograd.Function` that runs a call."""
    sealed = _seal(torch)

    def forward(ctx: Any, run: _Run, *tensors: Any) -> Any:
        ctx.set_materialize_grads(False)
        ctx.run = run
        return run.forward(ctx, tensors)

    def backward(ctx: Any, *cotangents: Any) -> Any:
        found = ctx.run.backward(cotangents)
        if torch.is_grad_enabled():  # create_graph: someone wants to go on from here
            anchor = torch.zeros((), requires_grad=True)
            found = [x if x is None else sealed.apply(x, anchor) for x in found]
        return (None, *found)

    return _function(torch, "Srcgrad", forward, backward)


def _seal(torch: Any) -> Any:
    """Return an operation that hands on a gradient and refuses to go back.

    Else torch would take it for a constant: a second derivative without a word.
    """

    def forward(ctx: Any, gradient: Any, anchor: Any) -> Any:
        return gradient.clone()

    def backward(ctx: Any, cotangent: Any) -> Any:
        what = "gradients of srcgrad are not differentiated by torch"
        raise RuntimeError(f"{what}: use `srcgrad.hvp`, or `grad` inside the function")

    return _function(torch, "SrcgradGradient", forward, backward)


def _function(torch: Any, name: str, forward: Any, backward: Any) -> Any:
    parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(name, (torch.autograd.Function,), parts)
