"""The table of operations: one row says all there is to know about one operation.

A row gives the name and operands, how the type of the result follows from those of the
operands, the cotangents (`vjp`) as ordinary expressions, how it prints as NumPy text,
and how the kernel computes it: as scalar text inside a loop (`loop`) or as a call of a
runtime kernel (`kernel`). In a rule `g` is the cotangent of the result, `z` the result,
operands and attributes go by their names, and every row is a function.
A rule returns a cotangent that broadcasts to its operand, or that the operand was
broadcast to: summing down, accumulating and saving are done once, by the adjoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from srcgrad.ir import Op
from srcgrad.types import (
    Array,
    Dim,
    ListOf,
    Scalar,
    Type,
    is_complex,
    is_inexact,
    promote,
)

__all__ = [
    "ROWS",
    "Fold",
    "Row",
    "ShapeError",
    "Shapes",
    "Unsupported",
    "add",
    "bilinear",
    "bools",
    "constant",
    "dotted",
    "dtype_text",
    "elementwise",
    "itself",
    "linear",
    "moving",
    "np_dtype",
    "rule",
]

Attrs = dict[str, Any]
Rule = Any  # text of an expression, or a function of the same names
Infer = Callable[["Shapes", Sequence[Type], Attrs], Type]
Spell = str | Callable[[Sequence[Type], Attrs], str]
Loop = str | Callable[[Op], str]
Kernel = Callable[[list[str], Sequence[Type], Attrs], str]
Bits = Callable[[list[float], Op], float]

ANY_BITS = 63
LENGTH_BITS = 48  # no array is longer, and no loop turns more often


class Shapes(Protocol):
    """What a type rule may ask: are two dims one? it may emit a check that they are."""

    def broadcast(self, types: Sequence[Type]) -> tuple[Dim, ...]:
        """Return the dims of the operands broadcast together."""

    def same(self, a: Dim, b: Dim, what: str) -> Dim:
        """Require two dims to be equal; return the better known one."""

    def loose(self) -> Dim:
        """Return a dim that nothing is known about."""

    @property
    def available(self) -> Callable[[Any], bool]:
        """What tells whether a value that dims are made of is at hand."""

    def dim(self, operand: Any) -> Dim:
        """Return the dim that an integer operand stands for."""

    def term(self, x: Any) -> Dim:
        """Return an integer to add others to as an expression."""

    def length(self, dim: Dim) -> Any:
        """Return a dim as an integer operand."""

    def summand(self, dim: Dim) -> Dim:
        """Return a length to add others to: one below zero makes them no shorter."""

    def op(self, row: str, *args: Any, **attrs: Any) -> Any:
        """Apply a row to integer operands, to compute a length."""


@dataclass(frozen=True, slots=True)
class Fold:
    """An operation as loops over items, each of which is taken into a total.

    `axes` are letters for the axes of the operands and of the result, as `"ij,j->i"`;
    1 is an axis of that length. What is not in the result is folded: from `start`, by
    the row `step` of a total and an item. The row `item` makes an item of the elements,
    and `finish` the result of a total and of how many items there were.
    """

    axes: str
    item: str = ""
    step: str = ""
    start: float = 0
    finish: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One operation.

    `params` are the operands; the last may be starred (`*arrays`). `attrs` are static
    keywords with their defaults. `shape_only` names operands of which only the shape
    is read. With `many_axes` its `axis` may be a tuple; `behind_axis` are NumPy's own
    parameters that follow it there. `of_number` gives the result for a single number,
    from a builder and the number; without it an array is needed. `of_complex` says that
    the row takes complex operands; a cotangent is such that `dL = Re(g * dx)`, so the
    rule of a holomorphic function needs no conjugates. `conjugates` names operands of
    which the conjugates are taken. `domain` holds sample points for the tests.

    `spell` is the NumPy name of the row, or a template of its text; there `{*shape}`
    are starred operands as they are and `{shape}` their tuple, and `{keywords}` are the
    attributes that differ from their defaults. `sequence` operands print as one list.
    The result of an `alias` may be a view of its operand.

    `loop` is the template of the scalar text in kernels. Its operands have the dtype of
    the result, a condition `c` is a bool; or `takes` says what they have: "bool",
    "float", "common" (what NumPy computes in) or "own". `exact` is the template where
    the result of Python ints may not fit into 64 bits. `check` says when plain Python
    raises, as "ValueError if {x} < 0"; a test of the result `{z}` comes after it.
    Without `loop`, `kernel` makes the Numba text of the result from the names of locals
    that hold numbers or contiguous arrays (of `shape_only` operands, from the tuple of
    their lengths), their types and the attributes; with `transposed` a matrix may lie
    in Fortran order too. `fold` tells how it is written as loops where that spares an
    array, from types and attributes. A row of a `meaning` has no text in kernels: the
    function of the same names as a rule says what is computed there instead.

    `bits` are those that the absolute value of an integer result can take, by those of
    its operands.
    """

    name: str
    params: tuple[str, ...]
    kind: str
    infer: Infer
    attrs: Attrs = field(default_factory=dict)
    vjp: dict[str, Rule] = field(default_factory=dict)
    infix: str | None = None
    spell: Spell = ""
    loop: Loop | None = None
    takes: str = ""
    exact: str = ""
    check: Callable[[Op], str] | None = None
    kernel: Kernel | None = None
    transposed: bool = False
    fold: Callable[[Sequence[Type], Attrs], Fold | None] | None = None
    meaning: Callable[..., Any] | None = None
    bits: Bits = lambda args, op: ANY_BITS
    alias: bool = False
    sequence: bool = False
    cost: int = 1
    callables: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    shape_only: frozenset[str] = frozenset()
    many_axes: bool = False
    behind_axis: tuple[str, ...] = ()
    of_number: Callable[[Any, Any], Any] | None = None
    of_complex: bool = False
    conjugates: frozenset[str] = frozenset()
    domain: tuple[float, float] = (0.3, 1.7)

    def param(self, k: int) -> str:
        """Return the name of the operand at a position."""
        return self.params[min(k, len(self.params) - 1)].lstrip("*")

    @property
    def starred(self) -> bool:
        """Tell whether the last operand stands for any number of operands."""
        return bool(self.params) and self.params[-1].startswith("*")

    def spelled(self, types: Sequence[Type], attrs: Attrs) -> str:
        """Return how the user wrote an operation: a name, or a template."""
        via = attrs.get("via")
        if via == "method" and self.methods:
            rest = "".join(f", {{{p}}}" for p in self.params[1:])[2:]
            return f"{{{self.params[0]}}}.{self.methods[0]}({rest}{{keywords}})"
        # `np.dot` and `@` round differently where a vector has a stride.
        if via == "dot":
            return "np.dot"
        named = [c for c in self.callables if c.startswith("math.")]
        if via in ("math", "cmath") and named:
            return named[0] if via == "math" else f"c{named[0]}"
        if via == "scipy":
            return f"special.{self.name}"
        if self.infix and via in ("np", "math"):
            return f"np.{self.callables[0].rpartition('.')[2]}"
        return self.spell(types, attrs) if callable(self.spell) else self.spell


class ShapeError(ValueError):
    """Shapes that NumPy itself would refuse to combine."""


class Unsupported(Exception):
    """What NumPy could compute and no row does; the reader refuses it at its place."""

    def __init__(self, what: str, *helps: str) -> None:
        super().__init__(what)
        self.helps = helps


ROWS: dict[str, Row] = {}
_CALLABLES: dict[str, Row] = {}


def add(row: Row) -> Row:
    """Enter a row; a second one of the same name is an error."""
    for taken, names in ((ROWS, [row.name]), (_CALLABLES, row.callables)):
        for name in names:
            if name in taken:
                raise ValueError(f"{name} is in the table already")
    ROWS[row.name] = row
    _CALLABLES.update(dict.fromkeys(row.callables, row))
    return row


def dotted(names: str, module: str = "numpy") -> tuple[str, ...]:
    """Return `module.name` for each of the names, as `callables` wants them."""
    return tuple(f"{module}.{name}" for name in names.split())


def elementwise_type(dtype: str | None = None, kind: str = "any") -> Infer:
    """Return the type rule of an elementwise operation.

    `dtype` fixes the dtype of the result; `kind="float"` computes in floats, as the
    ufuncs do that have no integer loop.
    """

    def infer(shapes: Shapes, types: Sequence[Type], attrs: Attrs) -> Type:
        dims = shapes.broadcast(types)
        if attrs.get("via") == "math" and any(map(is_complex, types)):
            raise Unsupported("`math` takes no complex numbers", "use `cmath`")
        out = dtype or promote(*types)
        if kind == "float" and not is_inexact(out):
            out = "float64"
        via = attrs.get("via")
        if via in ("math", "cmath"):
            kinds = {"math": "float64", "cmath": "complex128"}
            return Scalar(dtype or kinds[via], python=True)
        python = via not in ("np", "scipy") and all(t.python for t in types)
        if dims:
            return Array(out, dims)
        own = ("float64", "int64", "bool", "complex128")
        return Scalar(out, python and out in own)

    return infer


def _signature(signature: str) -> tuple[str, list[str], Attrs, str | None]:
    """Split `name(x, y, axis=None)`, `x + y` or `-x` into its parts."""
    import ast

    node = ast.parse(signature, mode="eval").body
    if isinstance(node, ast.Call):
        operands = [ast.unparse(a) for a in node.args]
        attrs = {k.arg: ast.literal_eval(k.value) for k in node.keywords if k.arg}
        return ast.unparse(node.func), operands, attrs, None
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    symbol = signature
    for name in names:
        symbol = symbol.replace(name, " ")
    return "", sorted(names), {}, symbol.strip()


def _row(signature: str, kind: str, infer: Infer, **options: Any) -> Row:
    name, params, attrs, infix = _signature(signature)
    name = options.pop("name", name)
    vjp = {p: options.pop(p) for p in [p.lstrip("*") for p in params] if p in options}
    if infix:
        own = rf"\b({'|'.join(params)})\b"
        options.setdefault("spell", re.sub(own, r"{\1}", signature))
    if infix and kind == "elementwise":
        options.setdefault("loop", options["spell"])
    options.setdefault("spell", f"np.{name}")
    return add(Row(name, tuple(params), kind, infer, attrs, vjp=vjp,
                   infix=infix, **options))  # fmt: skip


def elementwise(signature: str, *, floats: bool = False, **options: Any) -> Row:
    """Enter an elementwise row, as `elementwise("sin(x)", x="g * cos(x)")`."""
    dtype = options.pop("dtype", None)
    infer = elementwise_type(dtype, "float" if floats else "any")
    return _row(signature, "elementwise", options.pop("infer", infer), **options)


def constant(signature: str, infer: Infer, **options: Any) -> Row:
    """Enter a row through which no derivative flows."""
    return _row(signature, "constant", infer, **options)


def linear(signature: str, infer: Infer, **options: Any) -> Row:
    """Enter a row that is linear in its operands together."""
    return _row(signature, "linear", infer, **options)


def moving(signature: str, infer: Infer, **options: Any) -> Row:
    """Enter a linear row that moves, repeats or adds items of any dtype."""
    return linear(signature, infer, of_complex=True, **options)


def bilinear(signature: str, infer: Infer, **options: Any) -> Row:
    """Enter a row that is linear in each operand alone."""
    return _row(signature, "bilinear", infer, **options)


def rule(signature: str, infer: Infer, **options: Any) -> Row:
    """Enter any other differentiable row."""
    return _row(signature, "rule", infer, **options)


def length_bits(args: list[float], op: Op) -> float:
    """Return the bits of a length."""
    return LENGTH_BITS


def most_bits(args: list[float], op: Op) -> float:
    """Return the bits of a result that is no larger than its largest operand."""
    return max(args)


def itself(build: Any, x: Any) -> Any:
    """Return a number: what a sum, a copy and the like of it are."""
    return x


def bools(bits: str, other: str) -> Loop:
    """Return the loop text of what is a bit operation on bools."""
    return lambda op: bits if op.out.type.dtype == "bool" else other


def np_dtype(dtype: str) -> str:
    """Return a dtype as text."""
    return "np.bool_" if dtype == "bool" else f"np.{dtype}"


def dtype_text(dtype: str) -> str:
    """Return a dtype as people write it."""
    return "bool" if dtype == "bool" else np_dtype(dtype)


def as_array(type: Type, dtype: str, dims: tuple[Dim, ...]) -> Type:
    """Return an array type, or a NumPy scalar when no axis is left."""
    if isinstance(type, ListOf):
        raise TypeError("a list is no array")
    return Array(dtype, dims) if dims else Scalar(dtype)
