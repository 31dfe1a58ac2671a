"""Values with operators: what the rules of the table compute with.

A rule is an ordinary expression. Its names are looked up only when it uses them, so
what a rule never names is never kept for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from srcgrad.builder import Builder, const
from srcgrad.ir import Const, Index, Op, Operand, Permute, Slice, Value
from srcgrad.ops import ROWS, Row
from srcgrad.types import Array, Dim, Type

_COMPILED: dict[str, Any] = {}
Need = Callable[[Value], Operand]


class Term:
    """An operand that writes IR when it is computed with."""

    __slots__ = ("_need", "_value", "build")

    def __init__(
        self, value: Operand, build: Builder, need: Need | None = None
    ) -> None:
        self._value, self._need = value, need
        self.build = build

    @property
    def value(self) -> Operand:
        """The operand; a value of the forward sweep is kept because of this."""
        if self._need is not None:
            assert isinstance(self._value, Value)
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
    def shape(self) -> tuple[Term, ...]:
        """The lengths of the axes."""
        if not isinstance(self.type, Array):
            return ()
        return tuple(
            Term(self._length(axis, dim), self.build)
            for axis, dim in enumerate(self.type.dims)
        )

    def _length(self, axis: int, dim: Dim) -> Operand:
        """Return a length; one that has no value yet is asked of the array itself."""
        if not all(self.build.available(atom) for atom, _ in dim.terms):
            out: Operand = self.build.op("dim", self.value, axis=axis)
            return out
        return self.build.length(dim)

    @property
    def size(self) -> Any:
        """The number of elements."""
        total: Any = Term(const(1), self.build)
        for n in self.shape:
            total = n if total.const == 1 else total * n
        return total

    @property
    def T(self) -> Term:
        """The transposed view."""
        return self.permute(tuple(reversed(range(self.rank))))

    @property
    def mT(self) -> Term:
        """The view with the last two axes exchanged."""
        axes = list(range(self.rank))
        axes[-2:] = axes[-1], axes[-2]
        return self.permute(tuple(axes))

    def permute(self, axes: tuple[int, ...]) -> Term:
        """Return the view with permuted axes."""
        if axes == tuple(range(len(axes))):
            return self
        return self._view(Permute(axes))

    def _view(self, step: Any) -> Term:
        assert isinstance(self.value, Value)
        return Term(self.build.view(self.value, (step,)), self.build)

    def __getitem__(self, index: Any) -> Term:
        parts = index if isinstance(index, tuple) else (index,)
        items: list[Any] = []
        for part in parts:
            if isinstance(part, slice):
                items.append(Slice(*(_number(p) for p in
                                     (part.start, part.stop, part.step))))  # fmt: skip
            else:
                items.append(_number(part))
        used = sum(i is not None for i in items)
        items += [Slice(None, None, None)] * (self.rank - used)
        step = Index(tuple(items))
        if all(isinstance(i, Const | Value) and not i.type.rank for i in items):
            assert isinstance(self.value, Value)
            return Term(self.build.read(self.value, (step,)), self.build)
        return self._view(step)

    __hash__ = None  # type: ignore[assignment]


_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floordiv",
    "mod": "mod", "pow": "pow", "matmul": "matmul", "lt": "lt", "le": "le", "gt": "gt",
    "ge": "ge", "eq": "eq", "ne": "ne", "and": "logical_and", "or": "logical_or",
    "neg": "neg", "invert": "logical_not",
}  # fmt: skip


def _define(name: str, row: str) -> None:
    """Give terms an operator, and its mirror image for a number on the left."""
    setattr(Term, f"__{name}__", lambda self, *others: self.op(row, *others))
    if name in ("add", "sub", "mul", "truediv"):
        mirror = f"__r{name}__"
        setattr(Term, mirror, lambda self, x: _term(x, self.build).op(row, self))


for _name, _row in _OPERATORS.items():
    _define(_name, _row)


def _number(part: Any) -> Any:
    if isinstance(part, Term):
        return part.value
    return const(part) if isinstance(part, int) else part


def _term(value: Any, build: Builder) -> Term:
    if isinstance(value, Term):
        return value
    return Term(const(value), build)


class Names(dict[str, Any]):
    """The names of the rule of a statement, looked up when they are used.

    `need` returns a forward value as it is had here; it is asked for a value only when
    a rule computes with it, not where it takes the shape alone.
    """

    def __init__(
        self, build: Builder, stmt: Op, g: Operand, need: Need | None = None
    ) -> None:
        super().__init__({"pi": math.pi})
        row = ROWS[stmt.row]
        self.build, self.stmt, self.row, self.need = build, stmt, row, need
        self["g"] = Term(g, build)

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

            def found(first: Any, *others: Any, **attrs: Any) -> Any:
                return _term(first, self.build).op(name, *others, **attrs)

        else:
            raise KeyError(name)
        self[name] = found
        return found

    def term(self, x: Operand) -> Term:
        """Return a forward value as a term."""
        return Term(x, self.build, self.need if isinstance(x, Value) else None)


def apply_rule(row: Row, k: int, names: Names) -> Any:
    """Return the cotangent that a row's rule gives to an operand, or None."""
    rule = row.vjp[row.param(k)]
    if isinstance(rule, str):
        code = _COMPILED.get(rule)
        if code is None:
            code = _COMPILED[rule] = compile(rule, f"<rule of {row.name}>", "eval")
        found = eval(code, {"__builtins__": {}}, names)
    else:
        wanted = rule.__code__.co_varnames[: rule.__code__.co_argcount]
        found = rule(*(names[n] for n in wanted))
    first = len(row.params) - 1
    if row.starred and k >= first and isinstance(found, list | tuple):
        found = found[k - first]
    return found
