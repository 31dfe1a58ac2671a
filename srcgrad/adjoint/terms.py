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
from srcgrad.types import Array, Dim

__all__ = ["UNKNOWN", "Names", "Term", "apply_rule"]

_COMPILED: dict[str, Any] = {}
# What `fetch` returns for a name that is no operand or attribute: it may be a row.
UNKNOWN = object()


class Term:
    """An operand that writes IR when it is computed with."""

    __slots__ = ("build", "value")

    def __init__(self, value: Operand, build: Builder) -> None:
        self.value = value
        self.build = build

    def op(self, row: str, *others: Any, **attrs: Any) -> Any:
        """Apply a row to this and other terms."""
        given = [o.value if isinstance(o, Term) else o for o in (self, *others)]
        simple = _simplify(self.build, row, given)
        if simple is not None:
            return Term(simple, self.build)
        return Term(self.build.op(row, *given, **attrs), self.build)

    def __getattr__(self, row: str) -> Callable[..., Any]:
        if row not in ROWS:
            raise AttributeError(row)
        return lambda *others, **attrs: self.op(row, *others, **attrs)

    @property
    def const(self) -> float | int | None:
        """The Python number, if it is a literal."""
        return self.value.value if isinstance(self.value, Const) else None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return self.value.type.rank

    @property
    def dtype(self) -> str:
        """The dtype."""
        return self.value.type.dtype

    @property
    def shape(self) -> tuple[Term, ...]:
        """The lengths of the axes."""
        if not isinstance(self.value.type, Array):
            return ()
        return tuple(
            Term(self._length(axis, dim), self.build)
            for axis, dim in enumerate(self.value.type.dims)
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

    def __add__(self, other: Any) -> Any:
        return self.op("add", other)

    def __radd__(self, other: Any) -> Any:
        return _term(other, self.build).op("add", self)

    def __sub__(self, other: Any) -> Any:
        return self.op("sub", other)

    def __rsub__(self, other: Any) -> Any:
        return _term(other, self.build).op("sub", self)

    def __mul__(self, other: Any) -> Any:
        return self.op("mul", other)

    def __rmul__(self, other: Any) -> Any:
        return _term(other, self.build).op("mul", self)

    def __truediv__(self, other: Any) -> Any:
        return self.op("div", other)

    def __rtruediv__(self, other: Any) -> Any:
        return _term(other, self.build).op("div", self)

    def __floordiv__(self, other: Any) -> Any:
        return self.op("floordiv", other)

    def __mod__(self, other: Any) -> Any:
        return self.op("mod", other)

    def __pow__(self, other: Any) -> Any:
        return self.op("pow", other)

    def __matmul__(self, other: Any) -> Any:
        return self.op("matmul", other)

    def __neg__(self) -> Any:
        return self.op("neg")

    def __lt__(self, other: Any) -> Any:
        return self.op("lt", other)

    def __le__(self, other: Any) -> Any:
        return self.op("le", other)

    def __gt__(self, other: Any) -> Any:
        return self.op("gt", other)

    def __ge__(self, other: Any) -> Any:
        return self.op("ge", other)

    def __eq__(self, other: object) -> Any:
        return self.op("eq", other)

    def __ne__(self, other: object) -> Any:
        return self.op("ne", other)

    def __and__(self, other: Any) -> Any:
        return self.op("logical_and", other)

    def __or__(self, other: Any) -> Any:
        return self.op("logical_or", other)

    def __invert__(self) -> Any:
        return self.op("logical_not")

    __hash__ = None  # type: ignore[assignment]


def _number(part: Any) -> Any:
    if isinstance(part, Term):
        return part.value
    return const(part) if isinstance(part, int) else part


def _term(value: Any, build: Builder) -> Term:
    if isinstance(value, Term):
        return value
    return Term(const(value), build)


def _simplify(build: Builder, row: str, given: list[Any]) -> Operand | None:
    """Drop units: `1 * x`, `x / 1`, `x ** 1`, `-(-x)`."""

    def is_one(x: Any) -> bool:
        number = x.value if isinstance(x, Const) else x
        return isinstance(number, int | float) and number == 1

    if row in ("mul", "div", "pow") and is_one(given[1]):
        return given[0] if isinstance(given[0], Value) else None
    if row == "mul" and is_one(given[0]) and isinstance(given[1], Value):
        if given[1].type.dtype.startswith("float"):
            return given[1]
    if row == "neg" and build.open[-1]:
        last = build.open[-1][-1]
        if isinstance(last, Op) and last.row == "neg" and last.out is given[0]:
            return last.args[0]
    return None


class Names(dict[str, Any]):
    """The names of one rule, fetched when they are used."""

    def __init__(self, build: Builder, fetch: Callable[[str], Any]) -> None:
        super().__init__({"pi": math.pi})
        self.build = build
        self.fetch = fetch

    def __missing__(self, name: str) -> Any:
        try:
            found = self.fetch(name)
        except KeyError as error:
            # A KeyError here would be taken for an unknown name.
            raise LookupError(f"`{name}` cannot be had: {error}") from error
        if found is UNKNOWN:
            if name not in ROWS:
                raise KeyError(name)

            def apply(first: Any, *others: Any, **attrs: Any) -> Any:
                return _term(first, self.build).op(name, *others, **attrs)

            found = apply
        self[name] = found
        return found


def apply_rule(row: Row, operand: str, names: Names) -> Any:
    """Return the cotangent that a row's rule gives to one operand, or None."""
    rule = row.vjp[operand]
    if isinstance(rule, str):
        code = _COMPILED.get(rule)
        if code is None:
            code = _COMPILED[rule] = compile(rule, f"<rule of {row.name}>", "eval")
        return eval(code, {"__builtins__": {}}, names)
    wanted = rule.__code__.co_varnames[: rule.__code__.co_argcount]
    return rule(*(names[n] for n in wanted))
