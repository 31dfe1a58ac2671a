"""Tell which tools differentiate ordinary NumPy programs rightly.

Sixteen programs of a few lines (`programs/sixteen.py`) run as they are, or with `np`
taken for the tool's own namespace, which is the usual first step of a port. Values are
compared with the plain run, gradients with central differences. The table is Markdown:
`python -m benchmarks.sixteen`, or some columns, `... srcgrad "torch swapped"`.
"""

import importlib
import inspect
import math
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import srcgrad
from benchmarks.program import Array
from benchmarks.programs.sixteen import SIXTEEN, point

Function = Callable[[Any], Any]
Tool = Callable[[Function], tuple[float, Array | None]]  # value and gradient at `point`
STEP, CLOSE = 1e-6, 1e-6


def swapped(function: Function, namespace: Any) -> Function:
    """Return the function with `np` standing for another namespace."""
    scope: dict[str, Any] = {"np": namespace, "math": math}
    exec(inspect.getsource(function), scope)
    found: Function = scope[function.__name__]
    return found


def truth(function: Function) -> tuple[float, Array]:
    """Return the plain value, and the gradient by central differences."""
    steps = STEP * np.eye(point().size)
    slopes = [function(point() + e) - function(point() - e) for e in steps]
    return float(function(point())), np.array(slopes) / (2 * STEP)


def with_srcgrad(function: Function) -> tuple[float, Array]:
    """Compile the function as it is."""
    value, gradient = srcgrad.value_and_grad(function)(point())
    return float(value), gradient


def with_jax(function: Function, *, swap: bool, jit: bool) -> tuple[float, Array]:
    """Trace the function, as it is or over `jax.numpy`, in double precision."""
    jax: Any = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    both = jax.value_and_grad(swapped(function, jax.numpy) if swap else function)
    value, gradient = (jax.jit(both) if jit else both)(point())
    return float(value), np.asarray(gradient)


def with_autograd(function: Function) -> tuple[float, Array]:
    """Trace the function over `autograd.numpy`."""
    autograd: Any = importlib.import_module("autograd")
    over = swapped(function, importlib.import_module("autograd.numpy"))
    return float(over(point())), autograd.grad(over)(point())


def with_mygrad(function: Function) -> tuple[float, Array | None]:
    """Run the function on tensors of MyGrad."""
    mygrad: Any = importlib.import_module("mygrad")
    x = mygrad.tensor(point())
    out = swapped(function, mygrad)(x)
    out.backward()
    return float(out), x.grad


def with_torch(function: Function, *, compiled: bool) -> tuple[float, Array | None]:
    """Run the function on tensors of PyTorch, in double precision."""
    torch: Any = importlib.import_module("torch")
    torch.set_default_dtype(torch.float64)
    x = torch.tensor(point(), requires_grad=True)
    over = swapped(function, torch)
    out = (torch.compile(over) if compiled else over)(x)
    out.backward()
    return out.item(), None if x.grad is None else x.grad.numpy()


# By column: the module that must be there, and the tool.
TOOLS: dict[str, tuple[str, Tool]] = {
    "srcgrad": ("srcgrad", with_srcgrad),
    "jax.grad": ("jax", lambda f: with_jax(f, swap=False, jit=False)),
    "jax.grad swapped": ("jax", lambda f: with_jax(f, swap=True, jit=False)),
    "jax.jit swapped": ("jax", lambda f: with_jax(f, swap=True, jit=True)),
    "autograd swapped": ("autograd", with_autograd),
    "mygrad swapped": ("mygrad", with_mygrad),
    "torch swapped": ("torch", lambda f: with_torch(f, compiled=False)),
    "torch.compile": ("torch", lambda f: with_torch(f, compiled=True)),
}


def verdict(tool: Tool, function: Function) -> str:
    """Return `right`, what is wrong, or `refused` for any exception."""
    value, gradient = truth(function)
    try:
        found, slope = tool(function)
    except Exception:
        return "refused"
    if not math.isclose(found, value, rel_tol=CLOSE, abs_tol=CLOSE):
        return f"**wrong value** {found:.6g}"
    if slope is None:
        return "**wrong**: None"
    if not np.all(np.isfinite(slope)):
        return "**wrong**: nan"
    return "right" if np.allclose(slope, gradient, CLOSE, CLOSE) else "**wrong**"


def installed(module: str) -> bool:
    """Tell whether a tool can be imported."""
    try:
        return isinstance(importlib.import_module(module), types.ModuleType)
    except ImportError:
        return False


def table(columns: Sequence[str]) -> list[str]:
    """Return the rows of the table; a tool that is absent says so."""
    rows = [["program", *columns], ["---"] * (1 + len(columns))]
    rows += [[f"`{function.__doc__}`"] for function in SIXTEEN]
    last = [f"**right of {len(SIXTEEN)}**"]
    for name in columns:
        module, tool = TOOLS[name]
        there = installed(module)
        cells = [verdict(tool, f) if there else "not installed" for f in SIXTEEN]
        for row, cell in zip(rows[2:], cells, strict=True):
            row.append(cell)
        last.append(str(cells.count("right")) if there else "")
    return [f"| {' | '.join(row)} |" for row in [*rows, last]]


def main(columns: Sequence[str]) -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        print("\n".join(table(columns or list(TOOLS))))


if __name__ == "__main__":
    main(sys.argv[1:])
