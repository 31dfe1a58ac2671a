"""Check derivatives and values of a function against runs of plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from srcgrad.differentiated import Differentiated
from srcgrad.errors import make_error
from srcgrad.options import Options, inherited
from srcgrad.results import tree_copy
from srcgrad.source import location
from srcgrad.trees import closed, opened, tree_map

__all__ = ["check_grads", "verify"]

_SEED = 0
_STEPS = tuple(10.0 ** (-0.5 * k) for k in range(2, 17))


def check_grads(
    f: Callable[..., Any], args: Sequence[Any], order: int = 1,
    modes: Sequence[str] = ("rev", "fwd"), **options: Any,
) -> None:  # fmt: skip
    """Check the derivatives of a function against differences.

    Args:
        f: A plain function of numbers, arrays and containers; its result is made of
            numbers and arrays.
        args: Where to check; every float among them is moved.
        order: 1, or 2 to check Hessian-vector products of a scalar function too.
        modes: "rev" checks cotangents, "fwd" tangents; both also check that the two
            are one derivative.
        **options: The options of `grad`, such as `backend`; those not given are the
            function's own.

    Raises:
        GradientCheckError: A derivative is off; the worst element is named.
        ArgumentError: `order` or `modes` are unknown.

    >>> check_grads(lambda x: x * x, (3.0,), order=2, backend="python")
    """
    if order not in (1, 2):
        raise make_error("SG306", f"order {order!r} is not 1 or 2")
    for mode in modes:
        if mode not in ("rev", "fwd"):
            raise make_error("SG306", f"there is no mode {mode!r}: 'rev' and 'fwd'")
    check = _Check(f, _checked(args), inherited(f, options))
    with np.errstate(all="ignore"):
        if "rev" in modes:
            check.reverse()
        if "fwd" in modes:
            check.forward()
        if order == 2:
            check.second()


def verify(f: Callable[..., Any], args: Sequence[Any], **options: Any) -> None:
    """Check that the compiled value is the value of plain Python, side effects too.

    Args:
        f: A plain function.
        args: Its arguments; they stay as they are.
        **options: The options of `grad`, such as `backend`; those not given are the
            function's own.

    Raises:
        GradientCheckError: The value, or an array the function writes, is another.

    >>> verify(lambda x: 3.0 * x, (2.0,), backend="python")
    """
    made = Differentiated(f, "value", inherited(f, options))
    name = made.signature.source.name
    mine, plain = tree_copy(_checked(args)), tree_copy(tuple(args))
    with np.errstate(all="ignore"):
        got = made.value(*mine)
        want = plain_value(made)(*plain)
    rtol = 0.0 if made.backend == "python" else 1e-12
    _compare("the value", name, got, want, rtol, "SG703")
    for k, (one, other) in enumerate(zip(mine, plain, strict=True)):
        _compare(f"argument {k} after the call", name, one, other, rtol, "SG703")


def _checked(args: Any) -> tuple[Any, ...]:
    if not isinstance(args, tuple | list):
        what = f"the arguments are a tuple, not {type(args).__name__}"
        raise make_error("SG305", what, helps=("write (x,) for one argument",))
    return tuple(args)


def plain_value(made: Differentiated) -> Callable[..., Any]:
    """Return what calling the object means, as a function to take differences of."""
    if made.inner is not None:
        return made.inner
    plain: Callable[..., Any] = getattr(made.primal, "py_func", made.primal)
    return plain


class _Check:
    def __init__(self, f: Any, args: tuple[Any, ...], options: Options) -> None:
        self.made = Differentiated(f, "value", options)
        self.name = self.made.signature.source.name
        self.plain = plain_value(self.made)
        signature = self.made.signature
        names = signature.positional(signature.bind(args, {}))[: len(args)]
        if not any(map(_is_float, tree_leaves(args))):
            args = tuple(float(a) if type(a) is int else a for a in args)
        self._args, self.names = args, names
        self.rng = np.random.default_rng(_SEED)
        if any(np.iscomplexobj(x) for x in tree_leaves(args)):
            what = f"an argument of `{self.name}` is complex: differences are real"
            help = "check a function of its real and its imaginary part"
            raise make_error("SG304", what, helps=(help,))
        floats = [x for x in tree_leaves(args) if _is_float(x)]
        if not floats:
            what = f"no argument of `{self.name}` is a float: there is nothing to check"
            raise make_error("SG305", what)
        sizes = [np.asarray(x).dtype.itemsize for x in floats]
        self.rtol = 1e-3 if min(sizes) < 8 else 1e-6

    @property
    def args(self) -> tuple[Any, ...]:
        """The arguments; every run draws the same numbers from their Generators."""
        found: tuple[Any, ...] = tree_copy(self._args)
        return found

    def draw(self, tree: Any) -> Any:
        """Return random numbers in the structure and dtypes of a tree."""

        def one(leaf: Any) -> Any:
            if not _is_float(leaf):
                return None
            numbers = self.rng.standard_normal(np.shape(leaf))
            dtype = np.asarray(leaf).dtype
            return numbers.astype(dtype) if np.ndim(leaf) else dtype.type(numbers)

        return tree_map(one, tree)

    def slope(self, function: Callable[..., Any], direction: Any) -> tuple[Any, float]:
        """Return the derivative of the plain run, and how far it can be trusted."""

        def at(step: float) -> Any:
            return _vector(function(*_moved(self.args, direction, step)))

        table = [(at(h) - at(-h)) / (2 * h) for h in _STEPS]
        better = [(10 * b - a) / 9 for a, b in pairwise(table)]
        gaps = [
            _size(b - a) if np.all(np.isfinite(b - a)) else np.inf
            for a, b in pairwise(better)
        ]
        best = int(np.argmin(gaps))
        return better[best + 1], float(gaps[best])

    def reverse(self) -> None:
        value, pullback = self.made.vjp(*self.args)
        w = self.draw(value)
        pulled = pullback(w)
        v = self.draw(self.args)
        slope, error = self.slope(self.plain, v)
        got, want = _dot(pulled, v), float(np.dot(slope, _vector(w)))
        scale = _size(_vector(pulled)) * _size(_vector(v))
        self.judge("reverse", got, want, scale, error * _size(_vector(w)), w, pulled)

    def forward(self) -> None:
        v = self.draw(self.args)
        _, tangent = self.made.jvp(self.args, v)
        slope, error = self.slope(self.plain, v)
        got = _vector(tangent)
        scale = max(_size(got), _size(slope))
        worst = int(np.argmax(np.abs(got - slope))) if got.size else 0
        if got.size and not _near(got[worst], slope[worst], self.rtol * scale, error):
            self.fail("forward", f"result {worst}", got[worst], slope[worst], error)
        value, pullback = self.made.vjp(*self.args)
        w = self.draw(value)
        left, right = _dot(tangent, w), _dot(v, pullback(w))
        size = abs(left) + _size(_vector(tangent)) * _size(_vector(w))
        if not _near(left, right, self.rtol * 1e-4 * max(size, 1e-30), 0.0):
            self.fail("forward against reverse", "the product", left, right, 0.0)

    def second(self) -> None:
        gradient = self.made.with_options(argnums=tuple(range(len(self.args))))
        for place in range(len(self.args)):
            if not any(_is_float(x) for x in tree_leaves(self.args[place])):
                continue
            v = self.draw(self.args[place])
            options = self.made.with_options(argnums=place)
            others = self.args[:place] + self.args[place + 1 :]
            got = _vector(options.hvp(self.args[place], v, *others))
            along: list[Any] = [tree_map(lambda x: None, a) for a in self.args]
            along[place] = v
            only = gradient.with_options(argnums=place).grad
            slope, error = self.slope(only, tuple(along))
            worst = int(np.argmax(np.abs(got - slope)))
            scale = max(_size(got), _size(slope), 1e-3)
            if not _near(got[worst], slope[worst], 10 * self.rtol * scale, error):
                what = f"element {worst} of argument `{self.names[place]}`"
                self.fail("second order", what, got[worst], slope[worst], error)

    def judge(
        self, mode: str, got: float, want: float, scale: float, error: float,
        w: Any, pulled: Any,
    ) -> None:  # fmt: skip
        """Compare along one direction; if that is off, find the worst element."""
        if _near(got, want, self.rtol * max(scale, 1e-8), error):
            return
        worst: tuple[float, str, float, float] = (-1.0, "", got, want)
        numbers = iter(_vector(pulled))
        for name, direction in self.units():
            slope, _ = self.slope(self.plain, direction)
            number, due = float(next(numbers)), float(np.dot(slope, _vector(w)))
            gap = abs(number - due)
            if not gap <= worst[0]:
                worst = (gap, name, number, due)
        self.fail(mode, worst[1], worst[2], worst[3], error)

    def units(self) -> Any:
        """Yield a name and a direction for every float among the arguments."""
        flat = [np.shape(x) for x in tree_leaves(self.args) if _is_float(x)]
        homes = [
            name
            for name, arg in zip(self.names, self.args, strict=True)
            for x in tree_leaves(arg)
            if _is_float(x)
        ]
        for k, (shape, home) in enumerate(zip(flat, homes, strict=True)):
            for index in np.ndindex(*shape):
                counter = iter(range(len(flat)))

                def one(
                    leaf: Any, k: int = k, index: Any = index, c: Any = counter
                ) -> Any:
                    if not _is_float(leaf):
                        return None
                    unit = np.zeros(np.shape(leaf))
                    if next(c) == k:
                        unit[index] = 1.0
                    return unit

                spot = f"[{', '.join(map(str, index))}]" if index else ""
                yield f"`{home}{spot}`", tree_map(one, self.args)

    def fail(self, mode: str, what: str, got: Any, want: Any, error: float) -> None:
        """Raise the error of a derivative that is off."""
        source = self.made.signature.source
        helps = ["differences are wrong at kinks: check at another point"]
        if error > 0:
            helps.append(f"the differences are certain to {error:.1g}")
        raise make_error(
            "SG704", f"{mode}: the derivative at {what} is {float(got):.12g}, "
            f"differences give {float(want):.12g}", location(source, source.node),
            helps=helps, function=self.name,
        )  # fmt: skip


def tree_leaves(value: Any) -> Iterator[Any]:
    """Yield whatever in a value is no container."""
    node = opened(value)
    if node is None:
        yield value
    for item in node.items if node else ():
        yield from tree_leaves(item)


def _is_float(leaf: Any) -> bool:
    if isinstance(leaf, np.ndarray):
        return bool(leaf.dtype.kind == "f")
    return isinstance(leaf, float | np.floating)


def _vector(tree: Any) -> Any:
    """Return the floats of a tree as one vector."""
    parts = [np.ravel(x) for x in tree_leaves(tree) if _is_float(x)]
    return np.concatenate(parts).astype(float) if parts else np.zeros(0)


def _dot(a: Any, b: Any) -> float:
    return float(np.dot(_vector(a), _vector(b)))


def _size(vector: Any) -> float:
    return float(np.linalg.norm(vector))


def _near(got: Any, want: Any, limit: float, error: float) -> bool:
    if np.isnan(got) and np.isnan(want):
        return True
    return bool(abs(got - want) <= limit + 10.0 * error + 1e-12)


def _moved(tree: Any, direction: Any, step: float) -> Any:
    """Return a copy of a tree in float64, moved along a direction."""
    node = opened(tree)
    if node is not None:
        parts = opened(direction)
        along = parts.items if parts else [None] * len(node.items)
        pairs = zip(node.items, along, strict=True)
        items = tuple(_moved(item, part, step) for item, part in pairs)
        return closed(node._replace(items=items), tree)
    if not _is_float(tree):
        return tree_copy(tree)
    wide = np.array(tree, dtype=np.float64)
    if direction is not None:
        wide = wide + step * np.asarray(direction, dtype=np.float64)
    return wide if isinstance(tree, np.ndarray) else float(wide)


def _compare(
    what: str, name: str, got: Any, want: Any, rtol: float, code: str
) -> None:  # fmt: skip
    """Compare two trees leaf by leaf."""
    mine, theirs = list(tree_leaves(got)), list(tree_leaves(want))
    if type(got) is not type(want) and (opened(got) or opened(want)):
        kinds = f"{type(got).__name__}, plain Python gives {type(want).__name__}"
        raise make_error(code, f"{what} is a {kinds}", function=name)
    if len(mine) != len(theirs):
        raise make_error(code, f"{what} has another structure", function=name)
    for one, other in zip(mine, theirs, strict=True):
        if np.shape(one) != np.shape(other):
            shapes = f"{np.shape(one)}, plain Python gives {np.shape(other)}"
            raise make_error(code, f"{what} has shape {shapes}", function=name)
        if not isinstance(other, np.ndarray | np.generic | int | float | complex):
            continue
        a, b = np.ravel(np.asarray(one)), np.ravel(np.asarray(other))
        if a.dtype != b.dtype:
            kinds = f"{a.dtype}, plain Python gives {b.dtype}"
            raise make_error(code, f"{what} has dtype {kinds}", function=name)
        if not a.size:
            continue
        kind = complex if np.iscomplexobj(b) else float
        wide = a.astype(kind), b.astype(kind)
        limit = rtol * float(np.max(np.abs(wide[1][np.isfinite(wide[1])]), initial=0.0))
        same = (wide[0] == wide[1]) | (np.isnan(wide[0]) & np.isnan(wide[1]))
        off = np.where(same, 0.0, np.abs(wide[0] - wide[1]))
        off = np.where(np.isnan(off), np.inf, off)
        worst = int(np.argmax(off))
        if off[worst] > limit:
            raise make_error(
                code, f"{what} is {a[worst]!s} at element {worst}, plain Python gives "
                f"{b[worst]!s}", function=name,
            )  # fmt: skip
