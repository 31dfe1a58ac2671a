"""Operands and attributes for every kernel of the runtime, and what NumPy says."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import linalg

from srcgrad.runtime import readable

__all__ = ["FLOATS", "GROUPS", "Case"]

FLOATS = ("float64", "float32")
DTYPES = (*FLOATS, "int64", "bool")
SHAPES: tuple[tuple[int, ...], ...] = (
    (5,), (1,), (3, 4), (1, 3), (2, 3, 4), (2, 3, 1, 2),
)  # fmt: skip
LONG: tuple[tuple[int, ...], ...] = ((9,), (131,), (1030,), (2300,), (40, 3), (35, 33))
EMPTY: tuple[tuple[int, ...], ...] = ((0,), (0, 3), (3, 0), (2, 0, 3))


@dataclass(frozen=True)
class Case:
    """A row, operands and attributes; `of` is NumPy's function if not of that name."""

    row: str
    args: tuple[Any, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    of: Callable[..., Any] | None = None

    def __str__(self) -> str:
        shown = [
            f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else repr(a)
            for a in self.args
        ]
        return f"{self.row}({', '.join(shown)}, {self.attrs})"

    def expected(self) -> Any:
        """Return what NumPy says."""
        return (self.of or getattr(np, self.row))(*self.args, **self.attrs)


# operands


def data(shape: tuple[int, ...], dtype: str, kind: str = "") -> Any:
    """Return numbers; `kind` asks for ties, zeros or nan among them."""
    rng = np.random.default_rng([*shape, len(kind), len(dtype)])
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype == "int64":
        return rng.integers(-4, 5, shape)
    x: Any = rng.normal(size=shape)
    if kind == "ties":
        x = rng.integers(-2, 3, shape) * 1.0
    if kind == "nan" and x.size:
        x.flat[rng.integers(0, x.size, max(1, x.size // 5))] = np.nan
    return x.astype(dtype)


def axes_for(rank: int) -> Iterator[Any]:
    """Yield every choice of axes to reduce."""
    yield None
    for count in range(1, rank + 1):
        yield from itertools.combinations(range(rank), count)


def numpy_axis(name: str) -> Callable[..., Any]:
    """Return a function of NumPy that takes tuples of one axis, where it knows none."""

    def apply(x: Any, axis: Any = None, **kwargs: Any) -> Any:
        axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
        return getattr(np, name)(x, axis=axis, **kwargs)

    return apply


# cases


def reductions(
    dtypes: tuple[str, ...], shapes: tuple[tuple[int, ...], ...]
) -> Iterator[Case]:
    """Yield reductions of every shape over every choice of axes."""
    for shape, dtype in itertools.product(shapes, dtypes):
        x = data(shape, dtype)
        kinds = [x] if dtype in ("int64", "bool") else [x, data(shape, dtype, "nan")]
        for axis, keepdims in itertools.product(axes_for(len(shape)), (False, True)):
            attrs = {"axis": axis, "keepdims": keepdims}
            for name in ("sum", "mean", "prod", "any", "all", "count_nonzero"):
                yield Case(name, (x,), attrs)
            for name, y in itertools.product(("max", "min"), kinds):
                yield Case(name, (y,), attrs)
            if dtype != "bool":
                for name, ddof in itertools.product(("var", "std"), (0, 1)):
                    yield Case(name, (x,), {**attrs, "ddof": ddof})
            if axis is None or len(axis) == 1:
                for name, y in itertools.product(("argmax", "argmin"), kinds):
                    yield Case(name, (y,), attrs, numpy_axis(name))


def norms() -> Iterator[Case]:
    """Yield norms of all orders."""
    for shape, dtype in itertools.product((*SHAPES[:5], (300,), (0,)), FLOATS):
        x = data(shape, dtype)
        for axis, keepdims in itertools.product(axes_for(len(shape)), (False, True)):
            wide = len(shape) if axis is None else len(axis)
            if wide > 2 and axis is not None:
                continue
            for order in (None, 1, 2, math.inf) if wide == 1 else (None,):
                attrs = {"ord": order, "axis": axis, "keepdims": keepdims}
                yield Case("norm", (x,), attrs, numpy_norm)
    yield Case("norm", (data((3, 2), "float64"),), {"ord": "fro"}, numpy_norm)
    yield Case("norm", (data((3,), "int64"),), {}, numpy_norm)


def numpy_norm(
    x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False
) -> Any:
    """Return NumPy's norm, which takes a tuple of one axis as no matrix."""
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    return np.linalg.norm(x, ord, axis, keepdims)


def scans() -> Iterator[Case]:
    """Yield running operations, sorts and moves along every axis."""
    shapes = (*SHAPES, *EMPTY, (60,), (70, 2))
    for shape, dtype in itertools.product(shapes, DTYPES):
        x = data(shape, dtype)
        for axis in (None, *range(len(shape))):
            attrs = {"axis": axis}
            yield Case("cumsum", (x,), attrs)
            yield Case("cumprod", (x,), attrs)
            yield Case("flip", (x,), attrs)
            for shift in (0, 1, -2, 7):
                yield Case("roll", (x, shift), attrs)
            for times in (0, 1, 3):
                yield Case("repeat", (x, times), attrs)
            for y in (x, data(shape, dtype, "ties"), data(shape, dtype, "nan")):
                yield Case("sort", (y,), attrs)
                yield Case("argsort", (y,), {**attrs, "kind": "stable"})
            if axis is not None and dtype in FLOATS:
                ties = np.sort(data(shape, dtype, "ties"), axis)
                yield Case("tie_means", (x, ties), attrs, readable.tie_means)
        for axis, reverse in itertools.product(range(len(shape)), (False, True)):
            if dtype in FLOATS:
                attrs = {"axis": axis, "reverse": reverse}
                y = data(shape, dtype, "ties")
                yield Case("exclusive_cumprod", (x,), attrs, readable.exclusive_cumprod)
                yield Case("linear_scan", (x, y), attrs, readable.linear_scan)


def gathers() -> Iterator[Case]:
    """Yield gathers along an axis and searches."""
    rng = np.random.default_rng(3)
    for shape, dtype in itertools.product(SHAPES[2:5], DTYPES):
        x = data(shape, dtype)
        for axis in range(len(shape)):
            places = list(shape)
            places[axis] = 4
            index = rng.integers(-shape[axis], shape[axis], places)
            attrs = {"axis": axis}
            yield Case("take_along_axis", (x, index), attrs)
            if dtype != "bool":
                y = data(tuple(places), dtype)
                yield Case("spread_along", (y, index, shape[axis]), attrs,
                           readable.spread_along)  # fmt: skip
        yield Case("take_along_axis", (x, index.astype(np.int32)), attrs)
        yield Case("flatnonzero", (x,))
    for dtype, side in itertools.product(FLOATS, ("left", "right")):
        a = np.sort(data((9,), dtype, "ties"))
        for tail in (a, np.append(a, np.array([np.nan], dtype)), a[:0]):
            for v in (data((2, 3), dtype, "nan"), tail[:1], np.float64(0.5), 1):
                yield Case("searchsorted", (tail, v), {"side": side})


def shapes_changed() -> Iterator[Case]:
    """Yield arrays joined, tiled, broadcast, reshaped, cut."""
    for dtype in DTYPES:
        for shape in (*SHAPES, (0,), (2, 0, 3)):
            x, y = data(shape, dtype), data(shape, "float64")
            for axis in range(len(shape)):
                yield Case(
                    "concatenate", (x, y, x), {"axis": axis}, joined(np.concatenate)
                )
            for axis in range(len(shape) + 1):
                yield Case("stack", (x, y), {"axis": axis}, joined(np.stack))
            for reps in (2, (3, 1), (1, 2), (2, 1, 3), (1,)):
                yield Case("tile", (x,), {"reps": reps})
            for wanted in (shape, (2, *shape), (4, 3, *shape)):
                yield Case("broadcast_to", (x, *wanted), {}, broadcast)
            yield Case("reshape", (x, x.size), {}, reshape)
            yield Case("reshape", (x, 1, *shape[::-1]), {}, reshape)
        for shape in ((3, 4), (4, 3), (3, 3), (2, 3, 4)):
            x = data(shape, dtype)
            yield Case("flipud", (x,))
            yield Case("fliplr", (x,))
            for k in (-2, 0, 1, 5):
                yield Case("tril", (x,), {"k": k})
                yield Case("triu", (x,), {"k": k})
                if len(shape) == 2:
                    yield Case("diag", (x,), {"k": k})
                    yield Case("diagonal", (x,), {"offset": k})
                    if dtype != "bool":
                        yield Case("trace", (x,), {"offset": k})
        yield Case("diag", (data((3,), dtype),), {"k": -1})
        yield Case("broadcast_to", (data((3, 1), dtype), 3, 4), {}, broadcast)
        yield Case("broadcast_to", (data((1, 2, 1), dtype), 2, 3, 2, 5), {}, broadcast)
    v = data((3,), "float64")
    for n, m, k in ((3, 3, 0), (4, 5, 1), (5, 3, -2)):
        yield Case("diagonal_matrix", (v, n, m), {"k": k}, readable.diagonal_matrix)


def joined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of several arrays for one of a list of them."""
    return lambda *arrays, **attrs: function(arrays, **attrs)


def broadcast(x: Any, *shape: int) -> Any:
    """Return `np.broadcast_to` with the shape spread out."""
    return np.broadcast_to(x, shape)


def reshape(x: Any, *shape: int) -> Any:
    """Return a reshaped array with the shape spread out."""
    return x.reshape(shape)


def made() -> Iterator[Case]:
    """Yield arrays made of numbers."""
    for dtype, shape in itertools.product(DTYPES, ((3,), (2, 3), (0, 2))):
        for name in ("zeros", "ones"):
            function = getattr(np, name)
            yield Case(name, shape, {"dtype": dtype}, spread_shape(function))
            x = data(shape, dtype)
            yield Case(f"{name}_like", (x,), {"dtype": "float32"})
        yield Case("full", (2.5, *shape), {"dtype": dtype}, full)
        yield Case("full_like", (x, 2.5), {})
    for parts in ((0, 5, 1), (5, 0, -2), (0.0, 1.0, 0.1), (1, 2, 0.3), (3, 1, 1)):
        yield Case("arange", parts)
    for num, endpoint in itertools.product((0, 1, 2, 5), (True, False)):
        for start, stop in ((0.0, 1.0), (1, 3), (2.0, 2.0), (0.1, -0.7)):
            yield Case("linspace", (start, stop, num), {"endpoint": endpoint})
    yield Case("eye", (3,), {"k": 1, "dtype": "float32"})
    yield Case("eye", (3, 5), {"k": -1, "dtype": "int64"})
    yield Case("pack", (1, 2.5, np.float32(3)), {}, lambda *items: np.array(items))
    yield Case("pack", (1, True), {}, lambda *items: np.array(items))
    yield Case(
        "dim", (data((2, 3), "bool"),), {"axis": 1}, lambda x, axis: x.shape[axis]
    )


def spread_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a shape for one of its lengths."""
    return lambda *shape, dtype: function(shape, dtype)


def full(value: float, *shape: int, dtype: str) -> Any:
    """Return `np.full` with the shape spread out."""
    return np.full(shape, value, dtype)


def slices() -> Iterator[Case]:
    """Yield the lengths of slices."""
    numbers = (None, -7, -1, 0, 2, 9)
    for n, start, stop in itertools.product((0, 1, 5), numbers, numbers):
        for step in (None, 1, 2, -1, -3):
            parts = (start, stop, step)
            given = tuple(p is not None for p in parts)
            args = (n, *(p for p in parts if p is not None))
            yield Case("slice_length", args, {"given": given}, sliced)


def sliced(n: int, *parts: int, given: tuple[bool, ...]) -> int:
    """Return the length of a slice, of which only what is given is passed."""
    rest = iter(parts)
    return len(range(n)[slice(*(next(rest) if there else None for there in given))])


def products() -> Iterator[Case]:
    """Yield products of vectors, matrices and stacks of matrices."""
    ranks = ((4,), (3, 4), (2, 3, 4), (2, 1, 3, 4), (5, 3, 4))
    others = ((4,), (4, 2), (2, 4, 2), (3, 4, 2), (1, 4, 2), (5, 4, 2))
    kinds = (
        *((d, d) for d in (*FLOATS, "int64")),
        ("float32", "float64"),
        ("int64", "float64"),
    )
    for (a, b), (s, t) in itertools.product(itertools.product(ranks, others), kinds):
        x, y = data(a, s), data(b, t)
        stacked = max(x.ndim, y.ndim) > 2
        try:
            np.matmul(x, y)
        except ValueError:
            continue
        if not stacked or "float" in s + t:
            yield Case("matmul", (x, y))
    for s, t in kinds:
        vector, matrix, other = data((4,), s), data((3, 4), s), data((2, 4), t)
        for x, y in itertools.product((vector, matrix), (data((4,), t), other)):
            yield Case("inner", (x, y))
        yield Case("outer", (data((3,), s), data((4,), t)))
        yield Case("vdot", (matrix, data((3, 4), t)))
        yield Case("vdot", (vector, data((4,), t)))
    for a, b in (((0, 3), (3, 2)), ((2, 0), (0, 3)), ((0,), (0,)), ((2, 0), (0,))):
        yield Case("matmul", (data(a, "float64"), data(b, "float64")))
    yield Case("matmul", (data((2, 0, 3), "float64"), data((2, 3, 4), "float64")))
    yield Case("matmul", (data((2, 3, 0), "float64"), data((2, 0, 4), "float64")))


def systems() -> Iterator[Case]:
    """Yield linear systems, inverses and determinants."""
    for n, dtype in itertools.product((0, 1, 2, 5, 30), FLOATS):
        a = data((n, n), dtype) + 3 * np.eye(n, dtype=dtype)
        yield Case("solve", (a, data((n,), dtype)), {}, np.linalg.solve)
        yield Case("solve", (a, data((n, 3), dtype)), {}, np.linalg.solve)
        yield Case("inv", (a,), {}, np.linalg.inv)
        if n < 30:
            yield Case("det", (a,), {}, np.linalg.det)
            yield Case("cofactor", (a,), {}, readable.cofactor)
            yield Case(
                "cofactor_slope", (a, data((n, n), dtype)), {}, readable.cofactor_slope
            )
    whole = np.array([[2, 1], [1, 3]])
    singular = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 1.0, 1.0]])
    yield Case("solve", (whole, np.array([1, 2])), {}, np.linalg.solve)
    yield Case("det", (whole,), {}, np.linalg.det)
    yield Case("solve", (singular, np.ones(3)), {}, np.linalg.solve)
    yield Case("inv", (np.zeros((2, 2)),), {}, np.linalg.inv)
    for rank in range(4):
        low = np.diag([1.0, 2.0, 3.0, 0.0]) * (np.arange(4) < rank)
        yield Case("det", (low,), {}, np.linalg.det)
        yield Case("cofactor", (low,), {}, readable.cofactor)
        yield Case("cofactor_slope", (low, data((4, 4), "float64")), {},
                   readable.cofactor_slope)  # fmt: skip


def sampled() -> Iterator[Case]:
    """Yield convolutions and interpolated points, at and beyond samples too."""
    sizes = (1, 2, 3, 5, 8)
    for n, m, dtype in itertools.product(sizes, sizes, (*FLOATS, "int64")):
        for mode, name in itertools.product(("full", "same", "valid"), SLIDING):
            yield Case(name, (data((n,), dtype), data((m,), dtype)), {"mode": mode})
    for name in SLIDING:
        yield Case(name, (data((0,), "float64"), data((2,), "float64")))
        yield Case(name, (data((40,), "float64"), data((131,), "float32")))
    at = np.array([[-3.0, 0.0, 0.5, math.nan], [2.0, 4.9, 5.0, 9.0]])
    places, values = np.array([0.0, 0.5, 2.0, 2.0, 5.0]), np.array([1.0, -2, 4, 3, 0.5])
    infinite = np.array([1.0, math.inf, math.inf, -math.inf, 0.5])
    for x in (at, at[0, 0], at[1, 1], at[:0]):
        yield Case("interp", (x, places, values))
        yield Case("interp", (x, places, infinite))
        yield Case("interp", (x, places[1:2], values[:1]))
    yield Case("interp", (at, places[:0], values[:0]))


def transforms() -> Iterator[Case]:
    """Yield Fourier transforms of lengths with small factors, of primes, and both."""
    for n in (1, 2, 3, 4, 5, 7, 8, 12, 13, 16, 17, 30, 34, 60, 97, 128, 221):
        x, y = data((2, n), "float64"), data((n, 3), "float64")
        z, w = x + 1j * data((2, n), "float64", "ties"), 1j * y
        for norm in (None, "ortho", "forward"):
            for name in ("fft", "ifft"):
                yield _transform(name, z, axis=1, norm=norm)
                yield _transform(name, w, axis=0, norm=norm)
            yield _transform("rfft", x, axis=1, norm=norm)
            half = np.fft.rfft(x) + 1j
            yield _transform("irfft", half, np.int64(n), axis=1, norm=norm)
        yield _transform("rfft", y.astype(np.float32), axis=0)
        yield _transform("fft", z.astype(np.complex64), axis=1)
        yield _transform("ifft", np.arange(n), axis=0)
        for m in (0, 1, n, n + 3):
            given = {"axis": 1}
            yield Case("resized", (x, np.int64(m)), given, readable.resized)


def _transform(name: str, *args: Any, **attrs: Any) -> Case:
    return Case(name, args, attrs, getattr(np.fft, name))


SLIDING = ("convolve", "correlate")


def decomposed() -> Iterator[Case]:
    """Yield what decompositions give; their parts are taken from it elsewhere."""
    for shape in ((3, 3), (4, 3), (3, 4), (0, 3), (2, 3, 3)):
        x = data(shape, "float64")
        for full in (False, True):
            yield Case("svd_parts", (x,), {"full": full}, readable.svd_parts)
        yield Case("svdvals", (x,), {}, np.linalg.svdvals)
        yield Case("qr_parts", (x,), {}, readable.qr_parts)
        yield Case("pinv", (x, 1e-6), {"hermitian": False}, np.linalg.pinv)
    tall, right = data((4, 3), "float64"), data((4, 2), "float64")
    for k, name in enumerate(
        ("lstsq", "lstsq_residuals", "lstsq_rank", "lstsq_values")
    ):
        for a, b in ((tall, right), (right, tall), (tall[:0], right[:0])):
            yield Case(name, (a, b, 1e-6), {},
                       lambda *args, k=k: readable.lstsq_residuals(*args) if k == 1
                       else np.linalg.lstsq(*args)[k])  # fmt: skip
    for dtype in FLOATS:
        a = data((3, 3), dtype)
        s = np.stack([a @ a.T, a.T @ a]) + np.eye(3, dtype=dtype)
        for upper in (False, True):
            yield Case("cholesky", (s,), {"upper": upper},
                       lambda a, upper: np.linalg.cholesky(a, upper=upper))  # fmt: skip
            lower = not upper
            yield Case("solve_triangular", (s[0], a[0]), {"lower": lower, "trans": 1},
                       linalg.solve_triangular)  # fmt: skip
        yield Case("eigh_parts", (s,), {"UPLO": "L"}, readable.eigh_parts)
        yield Case("eigvalsh", (s,), {"UPLO": "U"}, np.linalg.eigvalsh)
        yield Case("eig_parts", (s,), {}, readable.eig_parts)
        yield Case("eigvals", (s,), {}, readable.eigvals)
        yield Case("logdet", (s,), {}, lambda a: np.linalg.slogdet(a)[1])
        yield Case("slogdet_sign", (-s,), {}, lambda a: np.linalg.slogdet(a)[0])
        yield Case("solve", (s, a), {}, np.linalg.solve)
        yield Case("inv", (s,), {}, np.linalg.inv)
        yield Case("expm", (4.0 * a,), {}, linalg.expm)
    a = data((3, 3), "float64")
    yield Case(
        "expm_slope", (a, a.T.copy()), {}, lambda a, b: linalg.expm_frechet(a, b)[1]
    )
    yield Case("expm", (np.zeros((2, 2)),), {}, linalg.expm)


GROUPS: dict[str, Callable[[], Iterator[Case]]] = {
    "reductions": lambda: reductions(DTYPES, (*SHAPES, *EMPTY)),
    "long reductions": lambda: reductions(FLOATS, LONG),
    "norms": norms,
    "scans": scans,
    "gathers": gathers,
    "shapes": shapes_changed,
    "made": made,
    "slices": slices,
    "products": products,
    "systems": systems,
    "sampled": sampled,
    "decompositions": decomposed,
    "transforms": transforms,
}
