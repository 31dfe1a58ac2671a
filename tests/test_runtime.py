"""Every kernel of the runtime against NumPy: values, dtypes, shapes, errors.

The text a row gives to the kernel is evaluated as it stands, with the kernels as plain
Python for all shapes and with the compiled ones for a part of them.
`python -m tests.test_runtime` prints what they cost to compile, to load, and to call.
"""

from __future__ import annotations

import itertools
import math
import os
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcgrad import runtime
from srcgrad.builder import INT, const
from srcgrad.ir import Value
from srcgrad.ops import ROWS
from srcgrad.runtime import compiled, plain, scalar
from srcgrad.types import Array, Dim, Scalar, Type

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


class Kernels(dict[str, Any]):
    """The names of kernel text: `rt_sum3_float64` as plain Python, or compiled."""

    def __init__(self, fast: bool) -> None:
        super().__init__(np=np, math=math)
        self.fast = fast

    def __missing__(self, name: str) -> Any:
        if not name.startswith("rt_"):
            raise KeyError(name)
        short = name.removeprefix("rt_")
        if self.fast:
            return getattr(compiled(), short)
        return plain()[short if short in plain() else short.rpartition("_")[0]]


def type_of(x: Any) -> Type:
    """Return the type of an operand; lengths other than 1 are not known."""
    if isinstance(x, np.ndarray):
        return Array(str(x.dtype), tuple(length(n) for n in x.shape))
    if isinstance(x, np.generic):
        return Scalar(str(x.dtype))
    return const(x).type


def length(n: int) -> Dim:
    """Return a length as the compiler knows it."""
    return Dim(1) if n == 1 else Dim(0, ((Value("n", INT), 1),))


def evaluate(case: Case, kernels: Kernels) -> Any:
    """Return the value of the kernel text of a row."""
    row = ROWS[case.row]
    names = [f"a{k}" for k in range(len(case.args))]
    types = [type_of(x) for x in case.args]
    assert row.kernel is not None
    text = row.kernel(names, types, {**row.attrs, **case.attrs})
    kernels.update(zip(names, case.args, strict=True))
    return eval(text, {}, kernels)


def compare(case: Case, kernels: Kernels) -> None:
    """Require the value, dtype, shape, or the kind of error that NumPy gives."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of no items, of no freedom
        try:
            wanted = case.expected()
        except (ValueError, np.linalg.LinAlgError) as error:
            with pytest.raises(type(error)):
                evaluate(case, kernels)
            return
        found = evaluate(case, kernels)
    assert np.shape(found) == np.shape(wanted), f"{case}: shape {np.shape(found)}"
    if kernels.fast and not isinstance(found, int | float):
        assert np.asarray(found).dtype == np.asarray(wanted).dtype, str(case)
    if np.asarray(wanted).dtype.kind != "f":
        assert np.array_equal(found, wanted), str(case)
        return
    single = np.asarray(wanted).dtype == np.float32
    rtol = 2e-5 if single else 1e-12
    scale = (
        np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1.0)
        if np.size(wanted)
        else 1
    )
    np.testing.assert_allclose(found, wanted, rtol, rtol * scale, err_msg=str(case))


# operands


def data(shape: tuple[int, ...], dtype: str, kind: str = "") -> Any:
    """Return numbers; `kind` asks for ties, zeros or nan among them."""
    rng = np.random.default_rng([*shape, len(kind), len(dtype)])
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype == "int64":
        return rng.integers(-4, 5, shape)
    x = rng.normal(size=shape)
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
        for axis, reverse in itertools.product(range(len(shape)), (False, True)):
            if dtype in FLOATS:
                attrs = {"axis": axis, "reverse": reverse}
                y = data(shape, dtype, "ties")
                yield Case("exclusive_cumprod", (x,), attrs, runtime.exclusive_cumprod)
                yield Case("linear_scan", (x, y), attrs, runtime.linear_scan)


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
                           runtime.spread_along)  # fmt: skip
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
        yield Case("diagonal_matrix", (v, n, m), {"k": k}, runtime.diagonal_matrix)


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
            wanted = len(range(n)[slice(*parts)])
            yield Case("slice_length", (n, *(p for p in parts if p is not None)),
                       {"given": given}, lambda *_, wanted=wanted, **__: wanted)  # fmt: skip


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
            yield Case("cofactor", (a,), {}, runtime.cofactor)
            yield Case(
                "cofactor_slope", (a, data((n, n), dtype)), {}, runtime.cofactor_slope
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
        yield Case("cofactor", (low,), {}, runtime.cofactor)
        yield Case("cofactor_slope", (low, data((4, 4), "float64")), {},
                   runtime.cofactor_slope)  # fmt: skip


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
}


@pytest.mark.parametrize("group", GROUPS)
def test_kernels_in_python(group: str) -> None:
    """Every kernel text means what NumPy's function does, with plain Python kernels."""
    kernels = Kernels(fast=False)
    for case in GROUPS[group]():
        compare(case, kernels)


def brief(case: Case) -> bool:
    """Tell whether a case is one of those compiled every day: float64, low ranks."""
    if case.attrs.get("keepdims") and case.row != "sum":
        return False
    arrays = [a for a in case.args if isinstance(a, np.ndarray)]
    few = sum(a.ndim for a in arrays) <= 3
    first = all(a.dtype == np.float64 for a in arrays[:1])
    return few and first and all(a.dtype in (np.float64, np.int64) for a in arrays)


@pytest.mark.parametrize("group", GROUPS)
def test_kernels_compiled(group: str) -> None:
    """So do the compiled kernels, for float64 and the lower ranks."""
    kernels = Kernels(fast=True)
    for case in filter(brief, GROUPS[group]()):
        compare(case, kernels)


@pytest.mark.long
@pytest.mark.parametrize("group", GROUPS)
def test_kernels_compiled_all(group: str) -> None:
    """So do the compiled kernels for all dtypes and ranks."""
    kernels = Kernels(fast=True)
    for case in GROUPS[group]():
        compare(case, kernels)


def depth(n: int) -> float:
    """Return how many additions an item passes in NumPy's pairwise sum, at most."""
    return 18 + max(math.log2(n / 128), 0)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [7, 128, 129, 2048, 2049, 70_001, 1_000_000])
def test_sums_are_as_accurate_as_numpy(n: int, dtype: str) -> None:
    """The error stays within NumPy's own bound, on hard data too; float32 in float32."""
    rng = np.random.default_rng(n)
    sum1 = getattr(compiled(), f"sum1_{dtype}")
    tenth, hard = np.full(n, 0.1), rng.normal(size=n) * 10 ** rng.uniform(-4, 4, n)
    for x in (tenth.astype(dtype), rng.random(n).astype(dtype), hard.astype(dtype)):
        exact, size = math.fsum(x), math.fsum(np.abs(x))
        assert abs(float(sum1(x)) - exact) <= depth(n) * np.finfo(dtype).eps / 2 * size


@pytest.mark.parametrize(("n", "inner"), [(10, 5), (1000, 3), (5000, 40), (70_001, 2)])
def test_column_sums_are_more_accurate_than_numpy(n: int, inner: int) -> None:
    """Sums over the first axis are pairwise too, where NumPy adds row after row."""
    x = np.random.default_rng(n).random((n, inner)).astype(np.float32)
    exact = x.astype(np.float64).sum(axis=0)
    found = compiled().sum3_float32(x, 1, n, inner, (inner,))
    ours, theirs = (np.abs(s - exact).max() for s in (found, x.sum(axis=0)))
    assert ours <= depth(n) * np.finfo(np.float32).eps / 2 * exact.max()
    assert ours <= theirs


@pytest.mark.parametrize("n", [1, 7, 8, 100, 128])
def test_short_sums_equal_numpy_bit_for_bit(n: int) -> None:
    """Rows of up to 128 items are added in NumPy's own order."""
    x = np.random.default_rng(n).normal(size=(40, n))
    found = compiled().sum3_float64(x, 40, n, 1, (40,))
    assert np.array_equal(found, x.sum(axis=1))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_sinc_slope(order: int) -> None:
    """Series and recurrence meet; each is the derivative of the one before."""
    for x in np.linspace(-2.0, 2.0, 81):
        h = 1e-3
        before = [
            scalar.sinc(x + d) if order == 1 else scalar.sinc_slope(x + d, order - 1)
            for d in (-2 * h, -h, h, 2 * h)
        ]
        slope = (before[0] - 8 * before[1] + 8 * before[2] - before[3]) / (12 * h)
        assert abs(scalar.sinc_slope(x, order) - slope) < 1e-8 * 4**order


@pytest.mark.parametrize(
    ("name", "function", "count"),
    [
        ("maximum", np.maximum, 2), ("minimum", np.minimum, 2), ("fmax", np.fmax, 2),
        ("fmin", np.fmin, 2), ("logaddexp", np.logaddexp, 2),
        ("logaddexp2", np.logaddexp2, 2), ("sign", np.sign, 1), ("rint", np.rint, 1),
        ("floor", np.floor, 1), ("ceil", np.ceil, 1), ("trunc", np.trunc, 1),
        ("cbrt", np.cbrt, 1), ("sinc", np.sinc, 1), ("signbit", np.signbit, 1),
    ],
)  # fmt: skip
def test_scalar_functions(name: str, function: Any, count: int) -> None:
    """Functions of numbers agree with NumPy, nan and infinities included."""
    numbers = (-2.5, -1.0, -0.0, 0.0, 0.5, 1.5, 40.0, math.inf, -math.inf, math.nan)
    for version in (plain()[name], getattr(compiled(), name)):
        for args in itertools.product(numbers, repeat=count):
            if name == "sinc" and math.isinf(args[0]):
                continue
            with np.errstate(all="ignore"):
                wanted = function(*args)
            np.testing.assert_allclose(version(*args), wanted, 1e-15, 1e-16)


def test_kernels_run_for_readonly_arrays_and_share_code() -> None:
    """A read-only argument is no obstacle, and literal numbers make no new code."""
    x = np.arange(6.0).reshape(2, 3)
    x.flags.writeable = False
    assert compiled().sum1_float64(x) == 15.0
    assert compiled().sum3_float64 is compiled().sum3_float32
    assert len({symbol for symbol in map(str, compiled().sum1_float64.signatures)}) > 0


def test_names_without_a_dtype_are_refused() -> None:
    """A kernel with cores is had by a name that loads them: there is no other."""
    with pytest.raises(AttributeError):
        _ = compiled().sum3


def test_runtime_does_not_import_numba() -> None:
    """Readable text that imports a helper needs NumPy only."""
    code = "import sys, srcgrad.runtime; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


_FRESH = """
import numpy as np, numba
from srcgrad.runtime import compiled
total = compiled().sum3_float64
@numba.njit
def f(x):
    return total(x, 1, x.shape[0], 1, (1,))[0] + total(x, x.shape[0], 1, 1, x.shape)[0]
print(f(np.arange(5.0)), len(total.signatures))
"""


def test_a_fresh_process_loads_kernels(tmp_path: Path) -> None:
    """Machine code found on disk is used; literals share one specialisation."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", _FRESH], check=True, text=True,
                              capture_output=True, env=environment)  # fmt: skip
        assert done.stdout.split() == ["10.0", "1"]


# figures


def clock(run: Callable[[], Any]) -> float:
    """Return the seconds of processor time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def figures() -> Iterator[str]:
    """Yield what loading and first calling each kernel costs in this process."""
    yield f"{'numba':24} {clock(lambda: compiled().maximum(1.0, 2.0)):7.3f} s to start"
    kernels, seen, total = Kernels(fast=True), set[str](), 0.0
    for case in filter(brief, itertools.chain(*(g() for g in GROUPS.values()))):
        row = ROWS[case.row]
        names = [f"a{k}" for k in range(len(case.args))]
        assert row.kernel is not None
        text = row.kernel(names, [type_of(x) for x in case.args], dict(case.attrs))
        for name in re.findall(r"rt_(\w+)\(", text):
            if name not in seen:
                seen.add(name)
                load = clock(lambda name=name: kernels[f"rt_{name}"])
                call = clock(lambda case=case: compare(case, kernels))
                total += load + call
                yield f"{name:24} {load:7.3f} s to load, {call:7.3f} s to call first"
    yield f"{len(seen)} kernels: {total:.1f} s"
    for n in (100, 10_000, 1_000_000):
        x = np.random.default_rng(0).normal(size=n)
        for name, ours, theirs in (
            ("sum", lambda x=x: compiled().sum1_float64(x), x.sum),
            ("max", lambda x=x: compiled().best1_float64(x, True), x.max),
            ("var", lambda x=x: compiled().var1_float64(x, 0, False), x.var),
            ("sort", lambda x=x, n=n: compiled().sort3_float64(x, 1, n, 1, (n,), False),
             lambda x=x: np.sort(x)),
        ):  # fmt: skip
            ours()
            pair = [min(clock(f) for _ in range(7)) / n * 1e9 for f in (ours, theirs)]
            yield f"{name} of {n}: {pair[0]:.2f} ns an item, NumPy {pair[1]:.2f}"


if __name__ == "__main__":
    for line in figures():
        print(line)
