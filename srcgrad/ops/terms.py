"""Values with operators: what the rules of the table compute with.

A rule is an ordinary expression. Its names are looked up only when it uses them, so
what a rule never names is never kept for it.
"""

import math
from collections.abc import Callable
from typing import Any

from srcgrad.errors import make_error
from srcgrad.ir import Const, Index, Op, Operand, Permute, Reshape, Slice, Value
from srcgrad.ops.table import ROWS, Row, Unsupported
from srcgrad.types import Array, Dim, Scalar, Type

_COMPILED: dict[str, Any] = {}
_INT = Scalar("int64", python=True)
Need = Callable[[Value], Operand]


class Term:
    """An operand that writes IR through a builder when it is computed with."""

    __slots__ = ("_need", "_value", "build")

    def __init__(self, value: Operand, build: Any, need: Need | None = None) -> None:
        self._value, self._need = value, need
        self.build = build

    @property
    def value(self) -> Operand:
        """The operand; a value of the forward sweep is kept because of this."""
        if self._need is not None and isinstance(self._value, Value):
            self._value, self._need = self._need(self._value), None
        return self._value

    @property
    def type(self) -> Type:
        """The type, for which nothing is kept."""
        return self._value.type

    def op(self, row: str, *others: Any, **attrs: Any) -> Any:
        """Apply a row to this and other terms."""
        given = [o.value if isinstance(o, Term) else o for o in (self, *others)]
        return Term(self.build.op(row, *given, **attrs), self.build)

    def __getattr__(self, row: str) -> Callable[..., Any]:
        if row not in ROWS:
            raise AttributeError(row)
        return lambda *others, **attrs: self.op(row, *others, **attrs)

    @property
    def const(self) -> float | int | None:
        """The Python number, if it is a literal."""
        return self._value.value if isinstance(self._value, Const) else None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return self.type.rank

    @property
    def dtype(self) -> str:
        """The dtype."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        """The lengths of the axes."""
        dims = self.type.dims if isinstance(self.type, Array) else ()
        return tuple(self._length(axis, dim) for axis, dim in enumerate(dims))

    def _length(self, axis: int, dim: Dim) -> Any:
        """Return a length; one that has no value yet is asked of the array itself."""
        if all(self.build.available(atom) for atom, _ in dim.terms):
            return Term(self.build.length(dim), self.build)
        return self.op("dim", axis=axis)

    @property
    def size(self) -> Any:
        """The number of elements."""
        total: Any = Term(Const(1, _INT), self.build)
        for n in self.shape:
            total = n if total.const == 1 else total * n
        return total

    @property
    def T(self) -> Any:
        """The transposed view."""
        return self.permute(tuple(reversed(range(self.rank))))

    @property
    def mT(self) -> Any:
        """The view with the last two axes exchanged."""
        *front, last, other = range(self.rank)
        return self.permute((*front, other, last))

    def permute(self, axes: tuple[int, ...]) -> Any:
        """Return the view with permuted axes."""
        return self if axes == tuple(range(len(axes))) else self._view(Permute(axes))

    def shaped(self, *shape: Any) -> Any:
        """Return the view of a contiguous array that has another shape."""
        return self._view(Reshape(tuple(map(_item, shape))))

    def _view(self, step: Any) -> Any:
        return Term(self.build.view(self.value, (step,)), self.build)

    def __getitem__(self, index: Any) -> Any:
        items: list[Any] = []
        for part in index if isinstance(index, tuple) else (index,):
            if isinstance(part, slice):
                items.append(Slice(*map(_item, (part.start, part.stop, part.step))))
            else:
                items.append(_item(part))
        used = sum(i is not None for i in items)
        items += [Slice(None, None, None)] * (self.rank - used)
        step = Index(tuple(items))
        if all(isinstance(i, Const | Value) and not i.type.rank for i in items):
            return Term(self.build.read(self.value, (step,)), self.build)
        return self._view(step)

    __hash__ = None  # type: ignore[assignment]


def _item(part: Any) -> Any:
    """Return one item of a subscript as an operand."""
    if isinstance(part, Term):
        return part.value
    return Const(part, _INT) if isinstance(part, int) else part


_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floordiv",
    "mod": "mod", "pow": "pow", "matmul": "matmul", "lt": "lt", "le": "le", "gt": "gt",
    "ge": "ge", "eq": "eq", "ne": "ne", "and": "logical_and", "or": "logical_or",
    "neg": "neg", "invert": "logical_not",
}  # fmt: skip


def _define(name: str, row: str) -> None:
    """Give terms an operator, and its mirror image for a number on the left."""

    def mirrored(self: Term, number: Any) -> Any:
        return Term(self.build.op(row, number, self.value), self.build)

    setattr(Term, f"__{name}__", lambda self, *others: self.op(row, *others))
    if name in ("add", "sub", "mul", "truediv"):
        setattr(Term, f"__r{name}__", mirrored)


for _name, _row in _OPERATORS.items():
    _define(_name, _row)


class Names(dict[str, Any]):
    """The names of the rule of a statement, looked up when they are used.

    `need` returns a forward value as it is had here; it is asked for a value only when
    a rule computes with it, not where it takes the shape alone.
    """

    def __init__(
        self, build: Any, stmt: Op, g: Operand | None = None, need: Need | None = None
    ) -> None:
        super().__init__(pi=math.pi)
        if g is not None:
            self["g"] = Term(g, build)
        self.build, self.stmt, self.row, self.need = build, stmt, ROWS[stmt.row], need
        self.every: dict[Any, dict[str, Any]] = {}  # what one rule gives to all

    def __missing__(self, name: str) -> Any:
        row, args = self.row, self.stmt.args
        plain = [p.lstrip("*") for p in row.params]
        if name == "z":
            found: Any = self.term(self.stmt.outs[0])
        elif name in plain:
            k = plain.index(name)
            starred = row.params[k].startswith("*")
            found = [self.term(a) for a in args[k:]] if starred else self.term(args[k])
        elif name in row.attrs:
            found = self.stmt.attrs.get(name, row.attrs[name])
        elif name in ROWS:
            found = self.function(name)
        else:
            raise KeyError(name)
        self[name] = found
        return found

    def term(self, x: Operand) -> Term:
        """Return a forward value as a term."""
        return Term(x, self.build, self.need)

    def function(self, row: str) -> Callable[..., Term]:
        """Return a row as a function of terms and numbers."""
        build = self.build

        def apply(*args: Any, **attrs: Any) -> Term:
            given = [a.value if isinstance(a, Term) else a for a in args]
            return Term(build.op(row, *given, **attrs), build)

        return apply


def evaluate(rule: Any, names: Names) -> Any:
    """Return what the text of an expression, or a function, gives for its names."""
    if isinstance(rule, str):
        code = _COMPILED.get(rule)
        if code is None:
            code = _COMPILED[rule] = compile(rule, f"<rule: {rule}>", "eval")
        return eval(code, {"__builtins__": {}}, names)
    wanted = rule.__code__.co_varnames[: rule.__code__.co_argcount]
    return rule(*(names[n] for n in wanted))


def apply_rule(row: Row, k: int, names: Names) -> Any:
    """Return the cotangent that a row's rule gives to an operand, or None.

    A function that gives those of several operands, by name, is called once.
    """
    rule: Any = row.vjp[row.param(k)]
    try:
        found = names.every.get(rule) or evaluate(rule, names)
    except Unsupported as refused:
        place, helps = names.stmt.loc, refused.helps
        raise make_error("SG204", str(refused), place, helps=helps) from None
    if isinstance(found, dict):
        names.every[rule], found = found, found[row.param(k)]
    first = len(row.params) - 1
    if row.starred and k >= first and isinstance(found, list | tuple):
        found = found[k - first]
    return found
