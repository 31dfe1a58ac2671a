"""Sums, products, extremes, statistics, and running sums."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from srcgrad.ir import Const
from srcgrad.ops.layout import (
    Term,
    apart,
    around,
    as_dtype,
    axes_of,
    call,
    conjugate,
    keep,
    multiply,
    nested,
    whole,
)
from srcgrad.ops.table import (
    Attrs,
    Fold,
    Infer,
    ShapeError,
    Shapes,
    constant,
    dotted,
    itself,
    linear,
    rule,
)
from srcgrad.types import Array, Scalar, Type, is_complex, is_inexact, real_type

Names = list[str]
Types = Sequence[Type]


# types


def wide(dtype: str) -> str:
    """Return the dtype in which NumPy adds and multiplies."""
    if dtype == "bool" or dtype.startswith("int"):
        return "int64"
    return "uint64" if dtype.startswith("uint") else dtype


def real(dtype: str) -> str:
    """Return the dtype in which NumPy takes means."""
    return dtype if is_inexact(dtype) else "float64"


def part(dtype: str) -> str:
    """Return the dtype of sizes and variances: that of the parts of complex numbers."""
    return real_type(Scalar(real(dtype))).dtype


def same_dtype(dtype: str) -> str:
    """Return the dtype as it is."""
    return dtype


def reduced(result: Callable[[str], str], empty: str = "") -> Infer:
    """Return the type rule of a reduction; `empty` is the error of having no items."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        (t,) = types
        axis, dtype = attrs.get("axis"), result(t.dtype)
        if empty and isinstance(t, Array):
            if any(t.dims[a].known == 0 for a in axes_of(axis, t.rank)):
                raise ShapeError(empty)
        dims = keep(t, axis, bool(attrs.get("keepdims")))
        return Array(dtype, dims) if dims else Scalar(dtype)

    return infer


def _along(result: Callable[[str], str]) -> Infer:
    """Return the type rule of an operation that keeps the axis it runs along."""

    def infer(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
        (t,) = types
        dims = t.dims if isinstance(t, Array) else ()
        if attrs.get("axis") is None and t.rank != 1:
            dims = (multiply(shapes, dims),)
        return Array(result(t.dtype), tuple(dims))

    return infer


def _zero(build: Any, x: Any) -> Any:
    """Return how much one number varies."""
    return Const(0.0, Scalar("float64", python=True))


def _truth(build: Any, x: Any) -> Any:
    """Return whether a number is not zero."""
    return x if x.type.dtype == "bool" else build.op("truth", x)


# rules


def spread(t: Term, axis: Any, keepdims: bool) -> Term:
    """Put the reduced axes back, of length one, for `t` to broadcast to what it was."""
    if axis is None or keepdims or t.rank == 0:
        return t
    rank = t.rank + (len(axis) if isinstance(axis, tuple) else 1)
    axes = axes_of(axis, rank)
    items = [None if k in axes else slice(None) for k in range(rank)]
    first = next(k for k, item in enumerate(items) if item is not None)
    items = items[first:]
    return t[tuple(items)] if None in items else t


def count(x: Term, axis: Any) -> Term:
    """Return how many items are reduced to one."""
    sizes = [x.shape[a] for a in axes_of(axis, x.rank)]
    return functools.reduce(operator.mul, sizes) if sizes else 1


def _sum(g: Term, axis: Any, keepdims: bool) -> Term:
    return spread(g, axis, keepdims)


def _mean(g: Term, x: Term, axis: Any, keepdims: bool) -> Term:
    return spread(g / count(x, axis), axis, keepdims)


def shared(g: Term, best: Term, x: Term, axis: Any, keepdims: bool) -> Term:
    """Split a cotangent equally among the items that are `best`."""
    ties = best.sum(axis=axis, keepdims=keepdims)
    if x.dtype != "float64":
        ties = ties.cast(dtype=x.dtype)
    return best.where(spread(g / ties, axis, keepdims), 0.0)


def _extreme(g: Term, x: Term, z: Term, axis: Any, keepdims: bool) -> Term:
    return shared(g, x == spread(z, axis, keepdims), x, axis, keepdims)


def _prod(g: Term, x: Term, axis: Any, keepdims: bool) -> Term:
    """Multiply by the products of all other items: nothing is divided."""
    out, part, axes = spread(g, axis, keepdims), x, axes_of(axis, x.rank)
    for a in reversed(axes):
        before = part.exclusive_cumprod(axis=a)
        out = out * (before * part.exclusive_cumprod(axis=a, reverse=True))
        if a != axes[0]:
            part = part.prod(axis=(a,), keepdims=True)
    return out


def _var(g: Term, x: Term, axis: Any, ddof: int, keepdims: bool) -> Term:
    middle = x.mean(axis=axis, keepdims=axis is not None)
    share = 2.0 * g / (count(x, axis) - ddof if ddof else count(x, axis))
    return spread(share, axis, keepdims) * conjugate(x - middle)


def _std(g: Term, x: Term, z: Term, axis: Any, ddof: int, keepdims: bool) -> Term:
    """Where z is 0 every item is the mean, so dividing by 1 there gives 0."""
    middle = x.mean(axis=axis, keepdims=axis is not None)
    share = g / (z == 0).where(1.0, z)
    share = share / (count(x, axis) - ddof if ddof else count(x, axis))
    return spread(share, axis, keepdims) * conjugate(x - middle)


def _flat(x: Term, axis: Any) -> tuple[Term, int]:
    """Return what a running operation runs along, and its axis."""
    if axis is not None or x.rank == 1:
        return x, axis or 0
    return x.reshape(x.size), 0


def _shaped(t: Term, x: Term) -> Term:
    return t if t.rank == x.rank else t.reshape(*x.shape)


def _backward(t: Term, axis: int) -> Term:
    """Return the view that runs an axis from its far end."""
    return t[(*[slice(None)] * axis, slice(None, None, -1))]


def _cumsum(g: Term, x: Term, axis: Any) -> Term:
    k = axis or 0
    sums = _backward(g, k).cumsum(axis=k if g.rank > 1 else None)
    return _shaped(_backward(sums, k), x)


def _cumprod(g: Term, x: Term, axis: Any) -> Term:
    """Multiply what lies before an item by a scan over what comes after it."""
    flat, k = _flat(x, axis)
    after = flat.linear_scan(g * flat, axis=k, reverse=True)
    return _shaped(flat.exclusive_cumprod(axis=k) * (g + after), x)


# kernels


def _reduction(kernel: str, join: Any, dtype: Callable[[str], str], *more: str) -> Any:
    """Return the kernel text of a reduction, computed in a dtype."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        name, t = names[0], types[0]
        inside = dtype(t.dtype)
        if t.rank == 0:
            return name
        name = as_dtype(name, t, inside)
        extra = [m.format(ddof=attrs.get("ddof", 0)) for m in more]

        def one(x: str) -> str:
            return call(f"{kernel}1", inside, x, *extra)

        def three(x: str, *rest: str) -> str:
            return call(f"{kernel}3", inside, x, *rest, *extra)

        plain = Array(inside, t.dims if isinstance(t, Array) else ())
        text: str = join(name, plain, attrs.get("axis"), bool(attrs.get("keepdims")),
                         one, three)  # fmt: skip
        return text

    return text


def _fold(dtype: Callable[[str], str], item: str = "", finish: str = "") -> Any:
    """Return how a sum of items is written as loops."""

    def fold(types: Types, attrs: Attrs) -> Fold:
        (t,) = types
        letters = "".join(chr(ord("a") + k) for k in range(t.rank))
        axes = axes_of(attrs.get("axis"), t.rank)
        one = "1" if attrs.get("keepdims") else ""
        kept = "".join(one if k in axes else c for k, c in enumerate(letters))
        step = "plus" if is_inexact(dtype(t.dtype)) else "add"
        return Fold(f"{letters}->{kept}", item, step, finish=finish)

    return fold


def _sum_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    """Sum integers as int64: the first run widens them, later ones add int64."""
    (t,) = types
    if is_inexact(t.dtype):
        return str(_reduction("sum", nested, same_dtype)(names, types, attrs))
    single = len(axes_of(attrs.get("axis"), t.rank)) == 1
    made = _reduction("sum_ints", nested, same_dtype if single else wide)
    return str(made(names, types, attrs))


def _var_kernel(root: bool) -> Any:
    """Return the kernel text of variances, or of their roots: they are real."""
    made = _reduction("var", apart, real, "{ddof}", str(root))

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        found, (t,) = str(made(names, types, attrs)), types
        if not is_complex(t):
            return found
        left = keep(t, attrs.get("axis"), bool(attrs.get("keepdims")))
        return f"np.ascontiguousarray({found}.real)" if left else f"{found}.real"

    return text


def _scan(kernel: str) -> Any:
    """Return the kernel text of a running operation."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        (name,), (t,) = names, types
        sizes, axis, shape = whole(name, t, attrs.get("axis"))
        given = as_dtype(name, t, wide(t.dtype))
        return call(kernel, wide(t.dtype), given, *around(sizes, axis), shape)

    return text


_AXES = "axis=None, keepdims=False"
_DTYPE: Any = {"behind_axis": ("dtype", "out")}
_OUT: Any = {"behind_axis": ("out",)}
_NO_ITEMS = "zero-size array to reduction operation {} which has no identity"

linear(f"sum(x, {_AXES})", reduced(wide), x=_sum, kernel=_sum_kernel,
       callables=dotted("sum"), methods=("sum",), many_axes=True, fold=_fold(wide),
       of_number=itself, of_complex=True, **_DTYPE)  # fmt: skip
linear(f"mean(x, {_AXES})", reduced(real), x=_mean, callables=dotted("mean"),
       kernel=_reduction("mean", nested, real), methods=("mean",),
       fold=_fold(real, finish="div"),
       many_axes=True, of_number=itself, of_complex=True, **_DTYPE)  # fmt: skip
rule(f"prod(x, {_AXES})", reduced(wide), x=_prod, callables=dotted("prod"),
     kernel=_reduction("prod", nested, wide), methods=("prod",),
     many_axes=True, of_number=itself, of_complex=True, **_DTYPE)  # fmt: skip
for _name, _largest in (("max", True), ("min", False)):
    rule(f"{_name}(x, {_AXES})", reduced(same_dtype, _NO_ITEMS.format(_name)),
         x=_extreme, kernel=_reduction("best", nested, same_dtype, str(_largest)),
         callables=dotted(f"{_name} a{_name}"), methods=(_name,), many_axes=True,
         of_number=itself, **_OUT)  # fmt: skip
    constant(f"arg{_name}(x, {_AXES})",
             reduced(lambda _: "int64", "attempt to get argmax of an empty sequence"),
             kernel=_reduction("argbest", apart, same_dtype, str(_largest)),
             callables=dotted(f"arg{_name}"), methods=(f"arg{_name}",),
             **_OUT)  # fmt: skip
for _name, _rule, _root in (("var", _var, False), ("std", _std, True)):
    rule(f"{_name}(x, axis=None, ddof=0, keepdims=False)", reduced(part), x=_rule,
         kernel=_var_kernel(_root), callables=dotted(_name), methods=(_name,),
         many_axes=True, of_number=_zero, of_complex=True, **_DTYPE)  # fmt: skip
for _name in ("any", "all"):
    constant(f"{_name}(x, {_AXES})", reduced(lambda _: "bool"),
             kernel=_reduction(_name, apart, same_dtype),
             callables=dotted(_name), methods=(_name,), many_axes=True,
             of_number=_truth, of_complex=True, **_OUT)  # fmt: skip
constant(f"count_nonzero(x, {_AXES})", reduced(lambda _: "int64"),
         kernel=_reduction("count", apart, same_dtype),
         fold=_fold(wide, "truth"),
         callables=dotted("count_nonzero"), many_axes=True,
         of_complex=True)  # fmt: skip
linear("cumsum(x, axis=None)", _along(wide), x=_cumsum, kernel=_scan("cumsum3"),
       callables=dotted("cumsum"), methods=("cumsum",), of_complex=True,
       **_DTYPE)  # fmt: skip
rule("cumprod(x, axis=None)", _along(wide), x=_cumprod, kernel=_scan("cumprod3"),
     callables=dotted("cumprod"), methods=("cumprod",), of_complex=True,
     **_DTYPE)  # fmt: skip


# with a first term, and of some items only


def _masked(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x, _, mask = types
    what = "`where` of a sum does not broadcast to what is added"
    for met, own in zip(shapes.broadcast([x, mask]), x.dims, strict=True):
        shapes.same(met, own, what)
    return reduced(wide)(shapes, [x], attrs)


def _sum_where(x: Term, start: Term, mask: Term, axis: Any, keepdims: bool) -> Term:
    return mask.where(x, 0.0).sum(axis=axis, keepdims=keepdims) + start


def _share_where(g: Term, mask: Term, axis: Any, keepdims: bool) -> Term:
    return mask.where(spread(g, axis, keepdims), 0.0)


linear(f"sum_where(x, start, mask, {_AXES})", _masked, many_axes=True,
       x=_share_where, start="g", meaning=_sum_where,
       spell="np.sum({x}{keywords}, initial={start}, where={mask})")  # fmt: skip


# what prod and cumprod are differentiated with


def _exclusive(g: Term, x: Term, z: Term, axis: int, reverse: bool) -> Term:
    return z * x.linear_scan(g, axis=axis, reverse=not reverse)


def _scanned(a: Term, g: Term, axis: int, reverse: bool) -> Term:
    return a.linear_scan(g, axis=axis, reverse=not reverse)


def _factors(a: Term, g: Term, z: Term, axis: int, reverse: bool) -> Term:
    return a.linear_scan(g, axis=axis, reverse=not reverse) * z


def _helper(kernel: str) -> Any:
    """Return the kernel text of an exclusive scan."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        sizes, axis, _ = whole(names[0], types[0], attrs.get("axis", 0))
        reverse = bool(attrs.get("reverse"))
        return call(kernel, types[0].dtype, *names, *around(sizes, axis), reverse)

    return text


def _like_first(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x = types[0]
    return Array(x.dtype, x.dims if isinstance(x, Array) else ())


rule("exclusive_cumprod(x, axis=0, reverse=False)", _like_first, x=_exclusive,
     spell="exclusive_cumprod", kernel=_helper("exclusive_cumprod3"),
     of_complex=True)  # fmt: skip
rule("linear_scan(a, b, axis=0, reverse=False)", _like_first, a=_factors, b=_scanned,
     spell="linear_scan", kernel=_helper("linear_scan3"), of_complex=True)  # fmt: skip
