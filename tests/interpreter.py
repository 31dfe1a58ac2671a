"""Run IR as it stands, with NumPy: the oracle for the adjoint and for the emitters.

Slow and strict. A version that was overwritten cannot be read any more, `empty` holds
nan, values leave the scope with their block, and every value must have the dtype, rank
and lengths that its type says.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, signal, special, stats
from scipy.interpolate import BSpline, PPoly, splev

from srcgrad.ir import (
    Accumulate,
    Assert,
    Block,
    Const,
    For,
    Function,
    If,
    Index,
    Item,
    Op,
    Operand,
    Path,
    Permute,
    Push,
    Read,
    Reshape,
    Slice,
    Step,
    Stmt,
    Take,
    Through,
    Value,
    View,
    While,
    Write,
    owned,
)
from srcgrad.ops import ROWS, Row
from srcgrad.types import Array, Dim, ListOf, Scalar, Type
from tests import heads, images

__all__ = ["StaleRead", "apply_row", "run"]

TURNS = 100_000


class StaleRead(AssertionError):
    """A version was read after its memory changed."""


@dataclass(eq=False)
class Memory:
    """An array or a list, and how often it changed."""

    data: Any
    version: int = 0


@dataclass(frozen=True)
class Handle:
    """What an array value stands for: memory as it was, or a part of it."""

    memory: Memory
    version: int
    data: Any

    @property
    def stale(self) -> bool:
        """Tell whether the memory has changed since."""
        return self.version != self.memory.version


def run(function: Function, *args: Any) -> tuple[Any, ...]:
    """Return the results of a function; arrays among the arguments may be written."""
    machine = _Machine()
    for param, arg in zip(function.params, args, strict=True):
        machine.define(param, arg)
    with np.errstate(all="ignore"):
        machine.stmts(function.body)
        results = [machine.get(r) for r in function.results]
    return tuple(results)


class _Machine:
    def __init__(self) -> None:
        self.env: dict[Value, Any] = {}

    # values

    def define(self, value: Value, data: Any) -> None:
        """Give a value a number, or memory of its own."""
        if isinstance(value.type, Scalar):
            self.env[value] = number(value.type, data)
        else:
            memory = Memory(data)
            self.env[value] = Handle(memory, 0, data)
        self.check(value)

    def check(self, value: Value) -> None:
        """Compare a value with its type."""
        found, type = self.env[value], value.type
        if isinstance(type, Scalar):
            return
        data = found.data
        if isinstance(type, ListOf):
            assert isinstance(data, list), f"{value} is no list"
            return
        assert isinstance(data, np.ndarray), f"{value} is no array"
        assert data.dtype == type.dtype, f"{value}: {type} is a {data.dtype}"
        assert data.ndim == type.rank, f"{value}: {type} has shape {data.shape}"
        for length, dim in zip(data.shape, type.dims, strict=True):
            known = self.length(dim)
            # An arm that has nothing to keep hands out an array without items.
            good = known is None or known == length or not data.size
            assert good, f"{value}: {type} has shape {data.shape}, not {known}"
        if type.contiguous:
            assert data.flags.c_contiguous, f"{value}: {type} is not contiguous"

    def length(self, dim: Dim) -> int | None:
        """Return a dim as a number, if its atoms are in scope."""
        total = dim.const
        for atom, factor in dim.terms:
            if atom not in self.env:
                return None
            total += factor * int(self.env[atom])
        return max(total, 0)

    def get(self, x: Operand, *, shape_only: bool = False) -> Any:
        """Return the number, array or list that an operand stands for."""
        if isinstance(x, Const):
            return number(x.type, x.value)
        found = self.env[x]
        if isinstance(found, Handle):
            if found.stale and not shape_only:
                raise StaleRead(f"{x} was overwritten")
            return found.data
        return found

    def change(self, base: Value, out: Value) -> Memory:
        """Hand memory from a version to the next."""
        handle = self.env[base]
        if handle.stale:
            raise StaleRead(f"{base} was overwritten")
        memory: Memory = handle.memory
        assert handle.data is memory.data, f"{base} is a view and cannot be written"
        memory.version += 1
        self.env[out] = Handle(memory, memory.version, memory.data)
        return memory

    # parts

    def items(self, step: Index) -> tuple[Any, ...]:
        """Return a subscript as NumPy takes it."""
        return tuple(self.item(i) for i in step.items)

    def item(self, item: Item) -> Any:
        """Return one item of a subscript."""
        if isinstance(item, Slice):
            parts = (item.start, item.stop, item.step)
            return slice(*(None if p is None else int(self.get(p)) for p in parts))
        return None if item is None else self.get(item)

    def step(self, data: Any, step: Step) -> Any:
        """Return a part of an array, a view where NumPy can."""
        if isinstance(data, list):
            assert isinstance(step, Index)
            return data[self.items(step)[0]]
        if isinstance(step, Permute):
            return data.transpose(step.axes)
        if isinstance(step, Through):
            return self.get(step.view, shape_only=True)
        if isinstance(step, Reshape):
            view = data.view()
            view.shape = tuple(int(self.get(n)) for n in step.shape)
            return view
        return data[self.items(step)]

    def place(self, data: Any, path: Path) -> tuple[Any, Any]:
        """Return what to subscript, and the subscript that names the part."""
        for step in path[:-1]:
            part = self.step(data, step)
            if isinstance(data, np.ndarray) and part.size:
                assert np.may_share_memory(part, data), "a part is no view"
            data = part
        if not path:
            return data, ...
        last = path[-1]
        if isinstance(data, list):
            assert isinstance(last, Index)
            return data, self.items(last)[0]
        if isinstance(last, Index):
            return data, self.items(last)
        return self.step(data, last), ...

    def part(self, stmt: View | Read) -> Any:
        """Return the part that a statement names."""
        data, key = self.place(self.get(stmt.base), stmt.path)
        return data[key]

    # statements

    def stmts(self, block: Block) -> None:
        """Run statements one after the other."""
        for stmt in block.stmts:
            self.stmt(stmt)

    def block(self, block: Block, ends: Sequence[Operand]) -> list[Any]:
        """Run an inner block; return what it hands on and forget the rest."""
        known = set(self.env)
        self.stmts(block)
        found = [self.taken(x) for x in ends]
        for value in [v for v in self.env if v not in known]:
            del self.env[value]
        return found

    def hand(self, targets: Sequence[Value], found: Sequence[Any]) -> None:
        """Set several values at once."""
        for value, data in zip(targets, found, strict=True):
            if isinstance(data, Handle):
                self.env[value] = data
                self.check(value)
            else:
                self.define(value, data)

    def stmt(self, stmt: Stmt) -> None:
        """Run one statement."""
        match stmt:
            case Op():
                self.op(stmt)
            case View():
                handle = self.env[stmt.base]
                self.env[stmt.out] = Handle(
                    handle.memory, handle.version, self.part(stmt)
                )
                self.check(stmt.out)
            case Read():
                part = self.part(stmt)
                self.define(stmt.out, part.copy() if owned(stmt.out.type) else part)
            case Write() | Accumulate() | Take() | Push():
                self.update(stmt)
            case Assert():
                if not self.get(stmt.cond):
                    raise getattr(builtins, stmt.exception, ValueError)(stmt.message)
            case For():
                self.loop(stmt)
            case While():
                self.repeat(stmt)
            case If():
                first = bool(self.get(stmt.cond))
                ends = [m.then if first else m.orelse for m in stmt.merges]
                found = self.block(stmt.then if first else stmt.orelse, ends)
                self.hand([m.out for m in stmt.merges], found)

    def update(self, stmt: Write | Accumulate | Take | Push) -> None:
        """Change memory."""
        if isinstance(stmt, Push):
            item = self.get(stmt.value)
            memory = self.change(stmt.base, stmt.out)
            assert isinstance(stmt.base.type, ListOf)
            memory.data.append(stored(stmt.base.type.item, item))
            return
        data, key = self.place(self.get(stmt.base), stmt.path)
        if isinstance(stmt, Take):
            part = data[key]
            self.define(stmt.value, part.copy() if owned(stmt.value.type) else part)
            self.change(stmt.base, stmt.out)
            data[key] = np.zeros_like(part) if isinstance(data, list) else 0
            return
        value = self.get(stmt.value)
        if isinstance(data, np.ndarray):
            overlap = np.shares_memory(data[key], value)
            assert not overlap, f"{stmt.base} is written from itself"
        self.change(stmt.base, stmt.out)
        if isinstance(data, list):
            assert isinstance(stmt.base.type, ListOf)
            new = data[key] + value if isinstance(stmt, Accumulate) else value
            data[key] = stored(stmt.base.type.item, new)
        elif isinstance(stmt, Accumulate):
            np.add.at(data, key, value)
        else:
            data[key] = value

    def loop(self, stmt: For) -> None:
        """Run a `for`."""
        bounds = [int(self.get(x)) for x in (stmt.start, stmt.stop, stmt.step)]
        inns = [c.inn for c in stmt.carries]
        now = [self.taken(c.init) for c in stmt.carries]
        trips = 0
        for turn in range(*bounds):
            trips += 1
            self.env[stmt.var] = turn
            self.hand(inns, now)
            *now, left = self.block(stmt.body, self.ends(stmt))
            if left:
                break
        self.leave(stmt, now, trips)

    def repeat(self, stmt: While) -> None:
        """Run a `while`."""
        inns = [c.inn for c in stmt.carries]
        now = [self.taken(c.init) for c in stmt.carries]
        trips = 0
        while True:
            self.hand(inns, now)
            (more,) = self.block(stmt.test, [stmt.cond])
            if not more:
                break
            trips += 1
            assert trips < TURNS, "this loop does not end"
            *now, left = self.block(stmt.body, self.ends(stmt))
            if left:
                break
        self.leave(stmt, now, trips)

    def taken(self, x: Operand) -> Any:
        """Return a number, or the handle of an array that may still be read."""
        found = self.get(x)
        return self.env[x] if isinstance(x, Value) and owned(x.type) else found

    @staticmethod
    def ends(stmt: For | While) -> list[Operand]:
        """Return what a turn hands on, and at last whether it leaves the loop."""
        left = Const(False, Scalar("bool", True)) if stmt.exit is None else stmt.exit
        return [*(c.yld for c in stmt.carries), left]

    def leave(self, stmt: For | While, now: Sequence[Any], trips: int) -> None:
        """Set what a loop defines for the statements after it."""
        for value in (*(c.inn for c in stmt.carries), getattr(stmt, "var", None)):
            self.env.pop(value, None)  # type: ignore[arg-type]
        self.hand([c.out for c in stmt.carries], now)
        if stmt.trips is not None:
            self.define(stmt.trips, trips)

    def op(self, stmt: Op) -> None:
        """Apply a row."""
        row = ROWS[stmt.row]
        args = []
        for k, x in enumerate(stmt.args):
            name = row.params[min(k, len(row.params) - 1)].lstrip("*")
            args.append(self.get(x, shape_only=name in row.shape_only))
        found = apply_row(row, args, stmt.attrs, [o.type for o in stmt.outs])
        for out, data in zip(stmt.outs, found, strict=True):
            if isinstance(out.type, Array):
                # A row is a function: its result is an array of its own.
                data = np.array(data, order="C")
            self.define(out, data)


def number(type: Scalar, x: Any) -> Any:
    """Return a number of a type: a Python number, or a scalar of NumPy's."""
    if type.python:
        kinds: dict[str, Callable[[Any], Any]] = {
            "float64": float,
            "int64": int,
            "bool": bool,
        }
        return kinds.get(type.dtype, complex)(x)
    return np.dtype(type.dtype).type(x)


def stored(type: Type, x: Any) -> Any:
    """Return a number or a copy of an array, as a list keeps it."""
    return number(type, x) if isinstance(type, Scalar) else np.array(x)


# rows


def apply_row(
    row: Row, args: Sequence[Any], attrs: dict[str, Any], types: Sequence[Type]
) -> tuple[Any, ...]:
    """Return the results of a row, as NumPy or Python computes them.

    Args:
        row: The row.
        args: Its operands: numbers, arrays, lists.
        attrs: The attributes of the statement.
        types: The types of the results.
    """
    given = {**row.attrs, **attrs}
    by_hand = _BY_HAND.get(row.name)
    if by_hand is not None:
        return (by_hand(args, given, types[0]),)
    function, keywords = _spelled(row, attrs), {k: given[k] for k in row.attrs}
    if keywords.get("dtype", ...) is None:
        keywords["dtype"] = types[0].dtype
    return (function(*args, **keywords),)


_SYMBOLS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "plus": operator.add, "sub": operator.sub, "mul": operator.mul,
    "div": operator.truediv, "floordiv": operator.floordiv, "mod": operator.mod,
    "pow": operator.pow, "neg": operator.neg, "pos": operator.pos, "lt": operator.lt,
    "le": operator.le, "gt": operator.gt, "ge": operator.ge, "eq": operator.eq,
    "ne": operator.ne, "bitand": operator.and_, "bitor": operator.or_,
    "bitxor": operator.xor, "lshift": operator.lshift, "rshift": operator.rshift,
    "invert": operator.invert, "not_": operator.not_,
}  # fmt: skip
_MODULES: dict[str, Any] = {
    "np": np,
    "numpy": np,
    "math": math,
    "builtins": builtins,
    "linalg": linalg,
    "signal": signal,
    "special": special,
}


def _spelled(row: Row, attrs: dict[str, Any]) -> Callable[..., Any]:
    """Return the function that a row is in the user's text."""
    via = attrs.get("via")
    if row.name in _SYMBOLS and via not in ("np", "math"):
        return _SYMBOLS[row.name]
    name = row.spell if isinstance(row.spell, str) else row.callables[0]
    if row.infix:
        name = row.callables[0]
    if via == "math":
        name = next(c for c in row.callables if c.startswith("math."))
    module, _, rest = name.rpartition(".") if "." in name else ("builtins", "", name)
    first, *parts = [*module.split("."), rest]
    found = _MODULES[first]
    for part in parts:
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


Args = Sequence[Any]
Attrs = dict[str, Any]


def _scalar_or(python: Callable[..., Any], array: Callable[..., Any]) -> Any:
    """Return a row that is one function of numbers and another of arrays."""

    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        return (array if type.rank else python)(*args)

    return apply


def _each(function: Callable[..., float]) -> Any:
    """Return a row that is a function of one number."""

    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        values = np.vectorize(function, otypes=[float])(*args)
        return values.astype(type.dtype) if type.rank else float(values)

    return apply


def _plain(function: Callable[[Args, Attrs], Any]) -> Any:
    """Return a row that is a function of operands and attributes."""
    return lambda args, attrs, type: function(args, attrs)


def _cast(args: Args, attrs: Attrs, type: Type) -> Any:
    return args[0].astype(type.dtype) if type.rank else args[0]


def _filled(value: float) -> Any:
    """Return a row that makes an array of one value, of a shape or like another."""

    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        fill = value if type.dtype.startswith("float") or value == value else 77
        if not type.rank:
            return fill
        shape = args[0].shape if isinstance(args[0], np.ndarray) else args
        return np.full(shape, fill, type.dtype)

    return apply


def _eye(args: Args, attrs: Attrs, type: Type) -> Any:
    return np.eye(args[0], args[-1], attrs["k"], dtype=np.dtype(type.dtype))


def _empty_list(args: Args, attrs: Attrs, type: Type) -> Any:
    return []


def _parts(turns: int, work: int, room: int, least: int) -> int:
    if min(turns, work) < 1:
        return 1
    cheap = int(work / (16 * (1 + room)))
    return max(1, min(64, turns, int(work / least), cheap, int(2**22 / (1 + room))))


def _slice_length(args: Args, attrs: Attrs, type: Type) -> int:
    parts = iter(args[1:])
    bounds = [next(parts) if there else None for there in attrs["given"]]
    return len(range(args[0])[slice(*bounds)])


def _spread_along(args: Args, attrs: Attrs, type: Type) -> Any:
    x, index, n = args
    axis = attrs["axis"] % x.ndim
    out = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
    grid = list(np.indices(x.shape))
    grid[axis] = index
    np.add.at(out, tuple(grid), x)
    return out


def _tie_means(args: Args, attrs: Attrs, type: Type) -> Any:
    x, order = (np.moveaxis(a, attrs["axis"], -1) for a in args)
    same = order[..., :, None] == order[..., None, :]
    means = (same * x[..., None, :]).sum(-1) / same.sum(-1)
    return np.moveaxis(means, -1, attrs["axis"]).astype(x.dtype)


def _parted(function: Any) -> Any:
    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        return function(args[0], args[1:], axis=attrs["axis"])

    return apply


def _sum_where(args: Args, attrs: Attrs, type: Type) -> Any:
    x, start, mask = args
    return np.sum(x, initial=start, where=mask, **attrs)


def _scan(args: Args, attrs: Attrs, type: Type) -> Any:
    """Return y with y[0] = 0 and y[k + 1] = a[k] * y[k] + b[k], or from the far end."""
    turn = slice(None, None, -1 if attrs["reverse"] else 1)
    a, b = (np.moveaxis(x, attrs["axis"], 0)[turn] for x in args)
    y = np.zeros_like(b)
    for k in range(len(a) - 1):
        y[k + 1] = a[k] * y[k] + b[k]
    return np.moveaxis(y[turn], 0, attrs["axis"])


def _exclusive(args: Args, attrs: Attrs, type: Type) -> Any:
    """Return the products of all items before each one, or of all after it."""
    turn = slice(None, None, -1 if attrs["reverse"] else 1)
    x = np.moveaxis(args[0], attrs["axis"], 0)[turn]
    y = np.concatenate([np.ones_like(x[:1]), np.cumprod(x, axis=0)[:-1]])
    return np.moveaxis(y[turn], 0, attrs["axis"])


def _diagonal_matrix(args: Args, attrs: Attrs, type: Type) -> Any:
    v, n, m = args
    k = attrs["k"]
    out = np.zeros((n, m), v.dtype)
    np.fill_diagonal(out[max(-k, 0) :, max(k, 0) :], v)
    return out


def _minor(a: Any, i: int, j: int) -> Any:
    return np.delete(np.delete(a, i, 0), j, 1)


def _cofactor(args: Args, attrs: Attrs, type: Type) -> Any:
    (a,) = args
    n = len(a)
    parts = [np.linalg.det(_minor(a, *at)) for at in np.ndindex(n, n)]
    signs = (-1.0) ** np.indices((n, n)).sum(axis=0)
    return (signs * np.reshape(parts, (n, n))).astype(a.dtype)


def _cofactor_slope(args: Args, attrs: Attrs, type: Type) -> Any:
    """Return how the cofactors of `a` change along `b`: one row of `b` at a time."""
    a, b = args
    out = np.zeros_like(a)
    for i, j in np.ndindex(a.shape):
        inner, other = _minor(a, i, j), _minor(b, i, j)
        for k in range(len(inner)):
            mixed = inner.copy()
            mixed[k] = other[k]
            out[i, j] += (-1) ** (i + j) * np.linalg.det(mixed)
    return out


def _sinc_slope(args: Args, attrs: Attrs, type: Type) -> Any:
    """Return a derivative of sinc(x), the integral of cos(pi x t) over 0 < t < 1."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    t, order = (nodes + 1) / 2, attrs["order"]

    def slope(x: float) -> float:
        wave = np.cos(math.pi * x * t + order * math.pi / 2)
        return float(np.sum(weights / 2 * (math.pi * t) ** order * wave))

    return _each(slope)(args, attrs, type)


def _erfcx_slope(args: Args, attrs: Attrs, type: Type) -> Any:
    """Return a derivative of erfcx: each follows from the two before."""
    (x,) = args
    before = special.erfcx(x)
    now = 2 * x * before - 2 / math.sqrt(math.pi)
    for n in range(2, attrs["order"] + 1):
        before, now = now, 2 * x * now + 2 * (n - 1) * before
    return now


def _exprel_slope(args: Args, attrs: Attrs, type: Type) -> Any:
    """Return a derivative of exprel, the integral of exp(x t) over 0 < t < 1."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    t, order = (nodes + 1) / 2, attrs["order"]
    return _each(lambda x: float(np.sum(weights / 2 * t**order * np.exp(x * t))))(
        args, attrs, type
    )


def _splines(x: Any, t: Any, k: int, der: int, ext: int) -> Any:
    """Return a derivative of all B-splines of knots, a column each."""
    at = np.clip(x, t[k], t[-k - 1]) if ext == 3 and der == 0 else x
    every = BSpline(t * 1.0, np.eye(len(t) - k - 1), k)(at, nu=der)
    return np.where((x < t[k]) | (x > t[-k - 1]), 0.0, every.T).T if ext == 1 else every


def _read_spline(args: Args, attrs: Attrs, type: Type) -> Any:
    return splev(args[0], (*args[1:], attrs["k"]), attrs["der"], attrs["ext"])


def _spread_spline(args: Args, attrs: Attrs, type: Type) -> Any:
    y, x, t = args[:3]
    return _splines(x, t, attrs["k"], attrs["der"], attrs["ext"]).T @ y


def _lagged(args: Args, attrs: Attrs, type: Type) -> Any:
    w, x, n = args
    sums = [np.sum(w[:, k:] * x[:, : x.shape[1] - k]) for k in range(n)]
    return np.array(sums, type.dtype)


def _pieces(args: Args, attrs: Attrs, type: Type) -> Any:
    return PPoly(args[2] * 1.0, args[1], attrs["beyond"])(args[0], attrs["der"])


def _b_spline(args: Args, attrs: Attrs, type: Type) -> Any:
    curve = BSpline(args[1], args[2] * 1.0, attrs["k"], attrs["beyond"])
    return curve(args[0], attrs["der"])


def _read_points(args: Args, attrs: Attrs, type: Type) -> Any:
    grid = _read_planes(False)
    one = [[np.array([p]) for p in pair] for pair in zip(*args[:2], strict=True)]
    return np.array([grid([*p, *args[2:]], attrs, type)[0, 0] for p in one])


def _read_planes(spread: bool) -> Any:
    """Return what reads a spline of two variables, or gives to its coefficients."""

    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        y, *given = args[:5] if spread else (args[4], *args[:4])
        each = []
        for axis, x, t in zip("xy", given[:2], given[2:], strict=True):
            k, der = attrs[f"k{axis}"], attrs[f"d{axis}"]
            each.append(_splines(np.clip(x, t[k], t[-k - 1]), t, k, der, 0))
        if spread:
            return (each[0].T @ y @ each[1]).ravel()
        return each[0] @ y.reshape(each[0].shape[1], each[1].shape[1]) @ each[1].T

    return apply


def _weighed(part: int | None) -> Any:
    """Return `logsumexp` with weights, or a part of it and its sign."""

    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        signed = {"return_sign": part is not None}
        found = special.logsumexp(args[0], b=args[1], **attrs, **signed)
        return found if part is None else found[part]

    return apply


def _parts_of(decomposition: Callable[[Any, Attrs], Sequence[Any]]) -> Any:
    """Return what puts the parts of a decomposition below each other, padded."""

    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        out = []
        *outer, m, n = args[0].shape
        for a in args[0].reshape(math.prod(outer), m, n):
            parts = decomposition(a, attrs)
            width = max([p.shape[1] for p in parts])
            wide = [
                np.hstack([p, np.zeros((len(p), width - p.shape[1]))]) for p in parts
            ]
            out.append(np.vstack(wide))
        return np.reshape(out, (*outer, *out[0].shape)).astype(type.dtype)

    return apply


def _transform(name: str) -> Any:
    """Return a row that is a Fourier transform."""

    def apply(args: Args, attrs: Attrs, type: Type) -> Any:
        how = {"axis": attrs["axis"], "norm": attrs["norm"]}
        return getattr(np.fft, name)(*args, **how)

    return apply


def _resized(args: Args, attrs: Attrs, type: Type) -> Any:
    x, n = args
    axis = attrs["axis"] % x.ndim
    zeros = np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype)
    whole = np.concatenate([x, zeros], axis)
    kept = range(min(n, x.shape[axis]))
    places = [*kept, *range(x.shape[axis], x.shape[axis] + n - len(kept))]
    return np.take(whole, places, axis)


def _svd(a: Any, attrs: Attrs) -> Sequence[Any]:
    u, s, vh = np.linalg.svd(a, attrs["full"])
    return s[None], u, vh.T


def _eigh(a: Any, attrs: Attrs) -> Sequence[Any]:
    w, v = np.linalg.eigh(a, attrs["UPLO"])
    return w[None], v


def _eig(a: Any, attrs: Attrs) -> Sequence[Any]:
    w, v = np.linalg.eig(a)
    return w[None], v


def _qr(a: Any, attrs: Attrs) -> Sequence[Any]:
    q, r = np.linalg.qr(a)
    return q, r.T


def _residuals(args: Args, attrs: Attrs, type: Type) -> Any:
    a, b, _ = args
    left = (np.abs(b - a @ np.linalg.lstsq(a, b)[0]) ** 2).sum(axis=0)
    return left * (a.shape[0] > a.shape[1])


_PARTS: dict[str, Any] = {
    "eigh_parts": _parts_of(_eigh),
    "eig_parts": _parts_of(_eig),
    "qr_parts": _parts_of(_qr),
    "svd_parts": _parts_of(_svd),
    "eigh_values": lambda args, attrs, type: np.linalg.eigh(args[0], attrs["UPLO"])[0],
    "eigh_vectors": lambda args, attrs, type: np.linalg.eigh(args[0], attrs["UPLO"])[1],
    "eig_values": lambda args, attrs, type: np.linalg.eig(args[0])[0].astype(
        type.dtype
    ),
    "eig_vectors": lambda args, attrs, type: np.linalg.eig(args[0])[1].astype(
        type.dtype
    ),
    "eigvals": lambda args, attrs, type: np.linalg.eigvals(args[0]).astype(type.dtype),
    "qr_q": lambda args, attrs, type: np.linalg.qr(args[0])[0],
    "qr_r": lambda args, attrs, type: np.linalg.qr(args[0])[1],
    "svd_u": lambda args, attrs, type: np.linalg.svd(args[0], attrs["full"])[0],
    "svd_s": lambda args, attrs, type: np.linalg.svd(args[0], attrs["full"])[1],
    "svd_vh": lambda args, attrs, type: np.linalg.svd(args[0], attrs["full"])[2],
    "svdvals": lambda args, attrs, type: np.linalg.svd(args[0], compute_uv=False),
    "pinv": lambda args, attrs, type: np.linalg.pinv(
        args[0], args[1], attrs["hermitian"]
    ),
    "lstsq": lambda args, attrs, type: np.linalg.lstsq(*args)[0],
    "lstsq_residuals": _residuals,
    "lstsq_rank": lambda args, attrs, type: np.linalg.lstsq(*args)[2],
    "lstsq_values": lambda args, attrs, type: np.linalg.lstsq(*args)[3],
    "slogdet_phase": lambda args, attrs, type: np.linalg.slogdet(args[0])[0],
    "slogdet_sign": lambda args, attrs, type: np.linalg.slogdet(args[0])[0],
    "logdet": lambda args, attrs, type: np.linalg.slogdet(args[0])[1],
    "cho_solve": lambda args, attrs, type: linalg.cho_solve(
        (args[0], attrs["lower"]), args[1]
    ),
    "expm_slope": lambda args, attrs, type: linalg.expm_frechet(*args)[1].astype(
        type.dtype
    ),
    "multi_dot": lambda args, attrs, type: np.linalg.multi_dot(args),
}


_BY_HAND: dict[str, Callable[[Args, Attrs, Type], Any]] = {
    **{name: _transform(name) for name in ("fft", "ifft", "rfft", "irfft")},
    "resized": _resized,
    "real": lambda args, attrs, type: np.real(args[0]),
    "imag": lambda args, attrs, type: np.imag(args[0]),
    "conj": lambda args, attrs, type: np.conj(args[0]),
    "complex_of": lambda args, attrs, type: complex(*args),
    "where": _scalar_or(lambda c, x, y: x if c else y, np.where),
    "truth": _scalar_or(bool, lambda x: x != 0),
    "max2": _scalar_or(max, lambda x, y: np.where(y > x, y, x)),
    "min2": _scalar_or(min, lambda x, y: np.where(y < x, y, x)),
    "cast": _cast,
    "exponent": lambda args, attrs, type: np.frexp(args[0])[1],
    "stop_gradient": lambda args, attrs, type: args[0],
    "zeta": lambda args, attrs, type: special.zeta(attrs["s"], args[0]),
    "sinc_slope": _sinc_slope,
    "erfcx_slope": _erfcx_slope,
    "exprel_slope": _exprel_slope,
    "spline": _read_spline, "spline_spread": _spread_spline,
    "bispline": _read_planes(False), "bispline_at": _read_points, "pieces": _pieces,
    "bispline_spread": _read_planes(True),
    "lambertw": lambda args, attrs, type: special.lambertw(args[0], attrs["k"]),
    "b_spline": _b_spline, "lagged": _lagged,
    "beta_pdf": lambda args, attrs, type: stats.beta.pdf(*args),
    "binom_pmf": lambda args, attrs, type: stats.binom.pmf(*args),
    "logsumexp_weighed": _weighed(None),
    "logsumexp_absolute": _weighed(0),
    "logsumexp_sign": _weighed(1),
    "length_of": lambda args, attrs, type: math.hypot(*args),
    "length_of_all": lambda args, attrs, type: math.hypot(*args[0]),
    "zeros": _filled(0), "zeros_like": _filled(0),
    "ones": _filled(1), "ones_like": _filled(1),
    "empty": _filled(math.nan), "empty_like": _filled(math.nan),
    "full": lambda args, attrs, type: np.full(args[1:], args[0], type.dtype),
    "eye": _eye,
    "pack": lambda args, attrs, type: np.array(args, type.dtype),
    "dim": lambda args, attrs, type: args[0].shape[attrs["axis"]],
    "computed": lambda args, attrs, type: True,
    "slice_length": _slice_length,
    "subscript": lambda args, attrs, type: range(args[1])[args[0]],
    "limit": lambda args, attrs, type: slice(args[0], None).indices(args[1])[0],
    "extents": _filled(math.nan),
    "parts": lambda args, attrs, type: _parts(*args),
    "range_length": lambda args, attrs, type: len(range(*args)),
    "trips": lambda args, attrs, type: len(range(args[0], args[1], args[2] or 1)),
    "new_list": _empty_list,
    "emptied": lambda args, attrs, type: [],
    "length": lambda args, attrs, type: len(args[0]),
    "pack_list": lambda args, attrs, type: np.array(args[0], type.dtype),
    "zeros_items": lambda args, attrs, type: [np.zeros_like(a) for a in args[0]],
    "concatenate": lambda args, attrs, type: np.concatenate(args, attrs["axis"]),
    "stack": lambda args, attrs, type: np.stack(args, attrs["axis"]),
    "broadcast_to": lambda args, attrs, type: np.broadcast_to(args[0], args[1:]),
    "reshape": lambda args, attrs, type: np.reshape(args[0], args[1:]),
    "spread_along": _spread_along,
    "linear_scan": _scan,
    "ranked": lambda args, attrs, type: np.sort(args[0], attrs["axis"]),
    "tie_means": _tie_means,
    "partition": _parted(np.partition),
    "argpartition": _parted(np.argpartition),
    "sum_where": _sum_where,
    "exclusive_cumprod": _exclusive,
    "diagonal_matrix": _diagonal_matrix,
    "cofactor": _cofactor,
    "cofactor_slope": _cofactor_slope,
    **_PARTS,
    "matmul": lambda args, attrs, type: np.matmul(*args),
    "sliding_windows": lambda args, attrs, type: (
        np.lib.stride_tricks.sliding_window_view(args[0], args[1], attrs["axis"])
    ),
    "einsum": lambda args, attrs, type: np.einsum(attrs["subscripts"], *args),
    "normed": _plain(heads.normed),
    "normed_slope": _plain(heads.normed_slope),
    "attended": _plain(heads.means),
    "attention_weights": _plain(heads.weights),
    "attention_slopes": _plain(heads.slopes),
    "conv_nhwc": _plain(images.convolved),
    "conv_nhwc_input": _plain(images.of_images),
    "conv_nhwc_weights": _plain(images.of_weights),
    "window_places": _plain(images.places),
    "window_take": _plain(images.taken),
    "window_spread": _plain(images.spread),
    "window_sum": _plain(images.summed),
    "window_share": _plain(images.shared),
    "kept_mask": lambda args, attrs, type: images.kept(*args),
}  # fmt: skip
