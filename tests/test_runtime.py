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
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from scipy import special

from srcgrad.builder import INT, const
from srcgrad.ir import Value
from srcgrad.ops import ROWS
from srcgrad.runtime import INTRINSICS, compiled, linked, plain
from srcgrad.runtime.shelf import Shelf
from srcgrad.types import Array, Dim, Scalar, Type
from tests.runtime_cases import FLOATS, GROUPS, Case


class Kernels(dict[str, Any]):
    """The names of kernel text: `rt_sum3_float64` as plain Python, or compiled."""

    def __init__(self, fast: bool) -> None:
        super().__init__(np=np, math=math)
        self.fast = fast

    def __missing__(self, name: str) -> Any:
        if not name.startswith("rt_"):
            raise KeyError(name)
        short = name.removeprefix("rt_")
        if self.fast and short not in INTRINSICS:  # those are for compiled code only
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


def text_of(case: Case) -> str:
    """Return the kernel text of a row; its operands are called a0, a1, ..."""
    row = ROWS[case.row]
    names = [
        f"a{k}.shape" if row.param(k) in row.shape_only else f"a{k}"
        for k in range(len(case.args))
    ]
    assert row.kernel is not None
    types = [type_of(x) for x in case.args]
    return row.kernel(names, types, {**row.attrs, **case.attrs})


def evaluate(case: Case, kernels: Kernels) -> Any:
    """Return the value of the kernel text of a row."""
    kernels.update((f"a{k}", x) for k, x in enumerate(case.args))
    return eval(text_of(case), {}, kernels)


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
    if np.asarray(wanted).dtype.kind not in "fc":
        assert np.array_equal(found, wanted), str(case)
        return
    single = np.asarray(wanted).dtype in (np.float32, np.complex64)
    rtol = 2e-5 if single else 1e-12
    scale = (
        np.max(np.abs(wanted[np.isfinite(wanted)]), initial=1.0)
        if np.size(wanted)
        else 1
    )
    np.testing.assert_allclose(found, wanted, rtol, rtol * scale, err_msg=str(case))


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
    first = all(a.dtype.char in "dD" for a in arrays[:1])
    return few and first and all(a.dtype.char in "dlD" for a in arrays)


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
    """The error stays within NumPy's own bound, also in float32 and on hard data."""
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
    slope = plain()["sinc_slope"]
    before = plain()["sinc"] if order == 1 else partial(slope, order=order - 1)
    h = 1e-3
    for x in np.linspace(-2.0, 2.0, 81):
        a, b, c, d = (before(x + k * h) for k in (-2, -1, 1, 2))
        assert (
            abs(slope(x, order) - (a - 8 * b + 8 * c - d) / (12 * h)) < 1e-8 * 4**order
        )


@pytest.mark.parametrize("name", ["digamma", "gammaln", "zeta"])
def test_gamma_functions(name: str) -> None:
    """The gamma function's relatives agree with SciPy, at poles and beyond."""
    edges = [0.0, -0.0, -1.0, -7.0, 1e-300, 1e9, 1e17, 1e300, math.inf, math.nan, 1.0]
    edges += [2.0, 10.0, 1.4616321449683622, 1e-12, 1.5e5, -math.inf]
    x = np.array([*edges, *np.linspace(-9.9, 30.0, 700)])
    for more in ((2,), (3,), (7,)) if name == "zeta" else ((),):
        with np.errstate(all="ignore"):
            wanted = getattr(special, name)(*more, x)
            for version in (plain()[name], getattr(compiled(), name)):
                found = np.array([version(v, *more) for v in x])
                np.testing.assert_allclose(found, wanted, 3e-14, 3e-14)


FAR = [math.nan, 0.0, 1.0, -1.0, 0.5, 1e-300, 1e-9, 1.5]
WIDE = [*FAR, *np.linspace(-24.0, 24.0, 97), 30.5, 170.1, 5e3]
ONES: dict[str, Any] = {
    "erfcx": WIDE, "erfinv": [*FAR, *np.linspace(-1.1, 1.1, 90), 1 - 1e-12],
    "erfcinv": [*FAR, 2.0, *np.linspace(0.0, 2.1, 90), 1e-200],
    "ndtri": [*FAR, *np.linspace(0.0, 1.1, 90), 1e-200], "ndtr": WIDE,
    "log_ndtr": [*WIDE, -1e20, -math.inf], "logit": np.linspace(-0.1, 1.1, 61),
    "log_expit": WIDE, "entr": WIDE, "exp10": WIDE, "cosm1": WIDE[:-1], "exprel": WIDE,
    "gamma": [*WIDE, 171.7, -3.0], "loggamma": [0.0, -1.5, 3.5, 20.0, 1e9],
    "factorial": [0.0, 3.0, 4.5, -2.0, 171.0],
}  # fmt: skip


near = np.testing.assert_allclose


@pytest.mark.parametrize("name", ONES)
def test_special_functions(name: str) -> None:
    """Kernels of one number agree with SciPy, at zero, far out and beside poles."""
    with np.errstate(all="ignore"):
        wanted = getattr(special, name)(np.array(ONES[name]))
        for version in (plain()[name], getattr(compiled(), name)):
            found = [version(float(x)) for x in ONES[name]]
            rtol = 1e-13 if name in ("erfcx", "log_ndtr", "ndtr") else 1e-14
            near(found, wanted, rtol)


PAIRS = list(itertools.product([0.0, 0.3, 1.0, 2.5, 17.0, 60.0, 220.0, -1.5], repeat=2))
TWOS = (
    "beta betaln binom boxcox comb gammainc gammaincc huber kl_div pseudo_huber "
    "rel_entr xlog1py"
).split()


@pytest.mark.parametrize("name", TWOS)
def test_special_functions_of_two(name: str) -> None:
    """So do kernels of two numbers."""
    first, second = np.array(PAIRS).T
    with np.errstate(all="ignore"):
        wanted = getattr(special, name)(first, second)
        for version in (plain()[name], getattr(compiled(), name)):
            found = [version(x, y) for x, y in PAIRS]
            near(found, wanted, 1e-12, 1e-14 if name == "betaln" else 0.0)


@pytest.mark.parametrize("name", linked.NAMES)
def test_linked_functions(name: str) -> None:
    """SciPy has machine code for them, of what their rows are called with."""
    numbers = {"l": 2, "d": 1.0, "c": 0.7 + 0.3j}
    kinds = [k.partition("->")[0] for k, _ in linked.variants(name)]
    assert any("c" not in k for k in kinds) or name == "wofz"
    for args in ([numbers[k] for k in kind] for kind in kinds):
        assert plain()[name](*args) == getattr(special, name)(*args)


def test_betainc() -> None:
    """Each end of the interval has its own fraction."""
    for a, b in itertools.product([0.3, 1.0, 4.5, 30.0, 150.0], repeat=2):
        for version in (plain()["betainc"], compiled().betainc):
            for x in (0.0, 1e-9, 0.2, 0.5, 0.77, 1.0, 1.2):
                near(version(a, b, x), special.betainc(a, b, x), 3e-13, 1e-300)


@pytest.mark.parametrize(("name", "low"), [("erfcx", -3.0), ("exprel", -40.0)])
def test_slopes_of_orders(name: str, low: float) -> None:
    """Series and recurrences meet; each is the derivative of the one before."""
    slope = plain()[f"{name}_slope"]
    for order in (1, 2, 4):
        before = plain()[name] if order == 1 else partial(slope, order=order - 1)
        for x in np.linspace(low, 40.0, 87):
            h = 1e-3 * (1.0 + abs(x))
            a, b, c, d = (before(x + k * h) for k in (-2, -1, 1, 2))
            wanted = (a - 8 * b + 8 * c - d) / (12 * h)
            assert abs(slope(x, order) - wanted) < 1e-7 * abs(wanted)


def test_fsum() -> None:
    """Sums are as if they were rounded once."""
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(size=50) * 10.0 ** rng.integers(-9, 9, 50), [1e16]])
    for numbers in (x, np.append(x, -1e16), x[:0], np.array([1.0, math.inf])):
        for version in (plain()["fsum"], compiled().fsum):
            assert version(numbers) == math.fsum(numbers)


def test_xlogy() -> None:
    """A zero is a zero, whatever the logarithm; a nan stays one."""
    numbers = (0.0, -0.0, 1.0, 2.5, -1.0, math.inf, math.nan)
    for version in (plain()["xlogy"], compiled().xlogy):
        for x, y in itertools.product(numbers, repeat=2):
            np.testing.assert_allclose(version(x, y), special.xlogy(x, y), 1e-15)


@pytest.mark.parametrize(
    ("name", "function", "count"),
    [
        ("fmax", np.fmax, 2), ("fmin", np.fmin, 2), ("logaddexp", np.logaddexp, 2),
        ("logaddexp2", np.logaddexp2, 2), ("sign", np.sign, 1), ("rint", np.rint, 1),
        ("trunc", np.trunc, 1),
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


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extremes_of_two(name: str) -> None:
    """A nan wins; vectors, the rest of a loop and plain Python agree with NumPy."""
    rng, wanted = np.random.default_rng(1), getattr(np, name)
    kernel, run = getattr(compiled(), name), plain()[name]

    @numba.njit
    def along(x: Any, y: Any, out: Any) -> None:
        for i in range(len(x)):
            out[i] = kernel(x[i], y[i])

    @numba.njit
    def over(x: Any) -> Any:
        best = x[0]
        for i in range(1, len(x)):
            best = kernel(best, x[i])
        return best

    for dtype in ("float64", "float32", "int64", "uint8"):
        x, y = rng.integers(0, 40, (2, 77)).astype(dtype)
        if dtype.startswith("float"):
            x[[3, 70]], y[[5, 75]] = np.nan, np.inf
        out = np.empty_like(x)
        along(x, y, out)
        np.testing.assert_array_equal(out, wanted(x, y))
        pairs = zip(x.tolist(), y.tolist(), strict=True)
        np.testing.assert_array_equal([run(*p) for p in pairs], wanted(x, y))
        for part in (x[4:69], x, y, x[3:4]):
            np.testing.assert_array_equal(over(part), wanted.reduce(part))


def test_round_is_pythons_own() -> None:
    """A number of digits is rounded to as CPython does: from the exact decimal."""
    rng = np.random.default_rng(0)
    numbers = [2.675, 5.015, 1.005, 0.125, -0.3, -0.0, 5e-324, 1.7e308, math.inf]
    numbers += (rng.uniform(-1, 1, 2000) * 10.0 ** rng.integers(-9, 18, 2000)).tolist()
    numbers += (rng.integers(-(10**6), 10**6, 2000) / 2.0**7).tolist()
    numbers += (rng.integers(-(10**6), 10**6, 2000) * 0.005).tolist()
    for version in (plain()["round_to"], compiled().round_to):
        for n in (0, 1, 2, 3, 7, 15, 22, -1, -2, -4, -22):
            for x in numbers:
                found, wanted = version(x, float(n)), round(x, n)
                assert found == wanted, (x, n)
                assert math.copysign(1, found) == math.copysign(1, wanted), (x, n)
        assert (version(0.3, 30.0), version(7.0, -310.0)) == (0.3, 0.0)
        assert (version(0.0, 30.0), version(-math.inf, -30.0)) == (0.0, -math.inf)
        with pytest.raises(NotImplementedError, match="so many digits"):
            version(1e-10, 30.0)


def test_kernels_take_readonly_arrays() -> None:
    """A read-only argument is no obstacle; one dispatcher serves all dtypes."""
    x = np.arange(6.0).reshape(2, 3)
    x.flags.writeable = False
    assert compiled().sum1_float64(x) == 15.0
    assert compiled().sum3_float64 is compiled().sum3_float32


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
    """Machine code on disk is used if it is whole; literals share code."""

    def run() -> set[Path]:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", _FRESH], check=True, text=True,
                              capture_output=True, env=environment)  # fmt: skip
        assert done.stdout.split() == ["10.0", "1"]
        return set(tmp_path.rglob("srcgrad.runtime.*.nbc"))

    files = run()
    times = {f: f.stat().st_mtime_ns for f in files}
    assert run() == files
    assert all(f.stat().st_mtime_ns == times[f] for f in files)
    broken = max(files, key=lambda f: f.stat().st_size)
    data = bytearray(broken.read_bytes())
    data[len(data) // 2] ^= 1
    broken.write_bytes(data)
    assert run() == files
    assert broken.stat().st_mtime_ns != times[broken]


def test_shelf_drops_older_code(tmp_path: Path) -> None:
    """A kernel has files of one stamp only; a folder that is gone is no error."""
    old, new = (Shelf(str(tmp_path), "kernel", stamp) for stamp in ("a", "b"))
    old.save("key", [1])
    assert (old.load("key"), new.load("key")) == ([1], None)
    new.save("key", [2])
    assert (old.load("key"), new.load("key")) == (None, [2])
    gone = Shelf(str(tmp_path / "gone"), "kernel", "a")
    gone.save("key", [3])
    assert gone.load("key") is None


def test_loops_call_kernels_that_there_are() -> None:
    """The scalar functions named in the loops of rows exist, and inline: no cores."""
    named = {n for row in ROWS.values() for n in re.findall(r"rt_(\w+)", str(row.loop))}
    assert named
    assert all(callable(getattr(compiled(), name)) for name in named)


# figures


def clock(run: Callable[[], Any]) -> float:
    """Return the seconds of processor time of one call."""
    start = time.process_time()
    run()
    return time.process_time() - start


def loading() -> Iterator[str]:
    """Yield what loading and first calling each kernel costs in this process."""
    start = clock(partial(compiled().maximum, 1.0, 2.0))
    yield f"{'numba':24} {start:7.3f} s to start"
    kernels, seen, total = Kernels(fast=True), set[str](), 0.0
    for case in filter(brief, itertools.chain(*(g() for g in GROUPS.values()))):
        for name in set(re.findall(r"rt_(\w+)\(", text_of(case))) - seen:
            seen.add(name)
            load = clock(partial(kernels.__missing__, f"rt_{name}"))
            call = clock(partial(compare, case, kernels))
            total += load + call
            yield f"{name:24} {load:7.3f} s to load, {call:7.3f} s to call first"
    yield f"{len(seen)} kernels: {total:.1f} s"


def speed() -> Iterator[str]:
    """Yield what kernels cost an item, and what NumPy does."""
    rt = compiled()
    for n in (100, 10_000, 1_000_000):
        x = np.random.default_rng(0).normal(size=n)
        y, m = x.reshape(-1, 10), n // 10
        pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "sum": (partial(rt.sum1_float64, x), x.sum),
            "sum over axis 0 of 10": (
                partial(rt.sum3_float64, y, 1, m, 10, (10,)), partial(y.sum, axis=0)),
            "sum over axis 1 of 10": (
                partial(rt.sum3_float64, y, m, 10, 1, (m,)), partial(y.sum, axis=1)),
            "var": (partial(rt.var1_float64, x, 0, False), x.var),
            "max": (partial(rt.best1_float64, x, True), x.max),
            "argmax": (partial(rt.argbest1_float64, x, True), x.argmax),
            "cumsum": (partial(rt.cumsum3_float64, x, 1, n, 1, (n,)), x.cumsum),
            "sort": (partial(rt.sort3_float64, x, 1, n, 1, (n,), False),
                     partial(np.sort, x)),
        }  # fmt: skip
        for name, (ours, theirs) in pairs.items():
            ours()
            best = [min(clock(f) for _ in range(9)) / n * 1e9 for f in (ours, theirs)]
            yield f"{name} of {n}: {best[0]:.2f} ns an item, NumPy {best[1]:.2f}"


if __name__ == "__main__":
    for line in itertools.chain(loading(), speed()):
        print(line)
