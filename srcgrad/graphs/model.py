"""A computation graph as plain data: nodes are operations, wires are values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from srcgrad.types import Type


@dataclass(slots=True, eq=False)
class Node:
    """An operation, an input, an output, or a box around others.

    Attributes:
        kind: "input", "output", "operation", "helper", "loop", "branch", "arm".
        label: What it does, as short as it can be said.
        line: The line of the user's file, 0 if none.
        detail: What it does in full, if that is more.
        inner: What is in the box, if that is unfolded.
    """

    kind: str
    label: str
    line: int = 0
    detail: str = ""
    inner: Graph | None = None

    @property
    def foldable(self) -> bool:
        """Whether this is a box, folded or not."""
        return self.kind in ("helper", "loop", "branch")


@dataclass(slots=True, eq=False)
class End:
    """Where a value is used, and the part of its gradient that comes from there.

    `doors` are the nodes inside an unfolded box that stand for the value.
    """

    node: Node
    part: str = ""
    doors: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Wire:
    """A value on its way: its name, what it is, and its whole gradient, as text.

    `detail` says more of both than there is place for.
    """

    source: Node
    name: str
    forward: str = ""
    backward: str = ""
    detail: str = ""
    ends: list[End] = field(default_factory=list)
    doors: list[Node] = field(default_factory=list)

    @property
    def above(self) -> str:
        """What is written on the way forward."""
        if self.name and self.forward and self.source.kind not in ("input", "door"):
            first, *rest = self.forward.split("\n")
            return "\n".join([f"{self.name} = {first}", *rest])
        return self.forward or (
            "" if self.source.kind in ("input", "door") else self.name
        )

    @property
    def split(self) -> bool:
        """Whether the gradient has several parts."""
        return len(self.ends) > 1


@dataclass(slots=True, eq=False)
class Graph:
    """Nodes in an order they can run in, and the values between them.

    `enters` are the nodes of what comes from outside, `leaves` of what goes there.
    """

    nodes: list[Node] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    enters: dict[Any, list[Node]] = field(default_factory=dict)
    leaves: list[Node] = field(default_factory=list)

    def every(self) -> Iterator[Graph]:
        """Yield this graph and all that are unfolded in it."""
        yield self
        for node in self.nodes:
            if node.inner is not None:
                yield from node.inner.every()


def number(x: Any) -> str:
    """Return a number in at most four digits.

    >>> number(-0.139672), number(16.0), number(1.5e-9), number(True)
    ('-0.1397', '16', '1.5e-09', 'True')
    """
    if isinstance(x, bool | np.bool_):
        return str(bool(x))
    if isinstance(x, int | np.integer):
        return str(int(x))
    return f"{x if np.iscomplexobj(x) else float(x):.4g}"


def shown(x: Any, shape: bool = True) -> str:
    """Return a value in a few words; `shape`: with shape and dtype.

    >>> shown(np.array([1.0, 2.5])), shown(np.ones((3, 4), np.float32))
    ('[1 2.5]', '3×4 float32\\nnorm 3.464')
    >>> shown(np.ones((3, 4)), shape=False)
    'norm 3.464'
    """
    if isinstance(x, list | tuple):
        return f"{len(x)} items"
    array = np.asarray(x)
    if not array.ndim:
        return number(array[()])
    if array.ndim == 1 and array.size <= 3:
        return f"[{' '.join(map(number, array))}]"
    size = "×".join(map(str, array.shape)) + ("," if array.ndim == 1 else "")
    kind = f"{size} {array.dtype}"
    if array.dtype.kind not in "f":
        return kind
    norm = f"norm {number(np.linalg.norm(array.astype(float).ravel()))}"
    return f"{kind}\n{norm}" if shape else norm


def detailed(x: Any) -> str:
    """Return all that is said of a value.

    >>> detailed(np.array([[3.0, -4.0]]))
    'float64 array of shape (1, 2), from -4 to 3, mean -0.5, norm 5'
    """
    if isinstance(x, list | tuple):
        return f"{len(x)} items"
    array = np.asarray(x)
    if not array.ndim:
        return repr(array[()].item())
    said = f"{array.dtype} array of shape {array.shape}"
    if not array.size or array.dtype.kind == "b":
        return said
    said += f", from {number(array.min())} to {number(array.max())}"
    if array.dtype.kind != "f":
        return said
    norm = np.linalg.norm(array.astype(float).ravel())
    return f"{said}, mean {number(array.mean())}, norm {number(norm)}"


def kind_of(type: Type) -> str:
    """Return what is known of a value before anything runs: an array's shape."""
    if type.rank < 0:
        return "list"
    if not type.rank:
        return "" if type.dtype == "float64" else type.dtype
    dims = (":" if d.known is None else str(d.known) for d in type.dims)
    return f"{type.dtype}[{', '.join(dims)}]"
