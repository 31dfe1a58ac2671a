"""Vector mathematics: how far from the truth, at the edges, and in vectors or not.

The truth is NumPy's `longdouble` (64 bits of mantissa or more) for float64 and its
float64 for float32; `longdouble` has no erf, so its Taylor series is summed. Errors are
in units of the last place (ulp) of the rounded truth.
"""

from __future__ import annotations

import itertools
import math
import platform
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

import srcgrad
from srcgrad.runtime import compiled, plain

Numbers = NDArray[Any]
DTYPES = (np.float64, np.float32)
FEW, MANY = 200_000, 10_000_000

# The error allowed, and between which arguments results are neither 0 nor 1 nor inf.
FUNCTIONS: dict[str, tuple[float, float, float]] = {
    "arctan": (2, -100, 100),
    "cos": (2, -1.1e6, 1.1e6),
    "cosh": (4, -711, 711),
    "erf": (4, -6, 6),
    "exp": (2, -746, 710),
    "exp2": (2, -1076, 1024),
    "expm1": (2, -40, 710),
    "log": (2, 0, 1e6),
    "log10": (2, 0, 1e6),
    "log1p": (2, -1, 1e6),
    "log2": (2, 0, 1e6),
    "sigmoid": (2, -746, 40),
    "sin": (2, -1.1e6, 1.1e6),
    "sinh": (4, -711, 711),
    "softplus": (2, -746, 40),
    "tan": (4, -1.1e6, 1.1e6),
    "tanh": (2, -20, 20),
}
SINGLE = {710: 89, 711: 90, 746: 105, 1024: 128, 1076: 151, 40: 20, 20: 10}
EXACT = np.finfo(np.longdouble).nmant >= 63


def kernel_name(name: str, dtype: type[Any]) -> str:
    """Return the name of a function of the runtime."""
    return name if dtype is np.float64 else f"{name}f"


@cache
def loop(name: str) -> Any:
    """Return the compiled loop over a function of one number, or of two."""
    kernel = getattr(compiled(), name)

    def one(x: Any, out: Any) -> None:
        for i in range(x.shape[0]):
            out[i] = kernel(x[i])

    def two(x: Any, y: Any, out: Any) -> None:
        for i in range(x.shape[0]):
            out[i] = kernel(x[i], y[i])

    chosen: Any = two if name.startswith("power") else one
    return numba.njit(error_model="numpy")(chosen)


def computed(name: str, *args: Numbers) -> Numbers:
    """Return what the compiled function gives for arrays."""
    out = np.empty_like(args[0])
    loop(kernel_name(name, out.dtype.type))(*args, out)
    return out


def erf(x: Numbers) -> Numbers:
    """Return the error function: 2 / sqrt(pi) e**-x**2 (x + 2 x**3 / 3 + ...)."""
    y = np.minimum(np.abs(x), 6.5)  # 1 - erf(6.5) is 4e-20
    term = total = y
    for n in range(1, 140):
        term = term * (2 * y * y) / (2 * n + 1)
        total = total + term
    two_by_root_pi = np.longdouble("1.1283791670955125738961589031215452")
    out = np.copysign(two_by_root_pi * total * np.exp(-y * y), x)
    return np.where(np.isnan(x), x, out)


TRUTHS: dict[str, Callable[..., Numbers]] = {
    "erf": erf,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
}


def truth(name: str, *args: Numbers) -> Numbers:
    """Return the function in a wider type."""
    wide = np.longdouble if args[0].dtype == np.float64 else np.float64
    with np.errstate(all="ignore"):
        out = TRUTHS.get(name) or getattr(np, name)
        return out(*(x.astype(wide) for x in args))


def compare(name: str, allowed: float, *args: Numbers) -> float:
    """Require results within some ulp of the truth; return the largest error."""
    found, wanted = computed(name, *args), truth(name, *args)
    with np.errstate(all="ignore"):
        rounded = wanted.astype(found.dtype)
        unit = np.spacing(np.abs(rounded)).astype(wanted.dtype)
        error = np.abs(found.astype(wanted.dtype) - wanted) / unit
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    finite = np.isfinite(found) & np.isfinite(rounded)
    # What rounds to infinity, or does not, may lie on either side of the threshold.
    limits = np.finfo(found.dtype)
    least = np.minimum(np.abs(found), np.abs(rounded))
    same |= least >= limits.max * (1 - 4 * limits.eps)
    error = np.where(finite, error, np.where(same, 0, np.inf))
    worst = int(np.argmax(error))
    at = [float(x[worst]) for x in args]
    what = f"{name}{tuple(at)} is {found[worst]!r}, not {rounded[worst]!r}"
    assert error[worst] <= allowed, f"{what}: {error[worst]} ulp"
    return float(error[worst])


def samples(name: str, dtype: type[Any], count: int, seed: int) -> Numbers:
    """Return numbers of all kinds: random bits, small ones, of the range, near 1."""
    random = np.random.default_rng(seed)
    _, low, high = FUNCTIONS[name]
    if dtype is np.float32:
        low, high = (
            math.copysign(SINGLE.get(int(abs(k)), abs(k)), k) for k in (low, high)
        )
    n = count // 6 + 1
    sizes = 2.0 ** random.uniform(-60, 20, n)
    parts = [
        np.frombuffer(random.bytes(n * np.dtype(dtype).itemsize), dtype),
        random.uniform(low, high, n),
        random.uniform(-1.6, 1.6, n),
        random.uniform(-10, 10, n),
        1 + random.choice([-1, 1], n) * 2.0 ** random.uniform(-30, 0, n),
        sizes if low == 0 else random.choice([-1, 1], n) * sizes,
    ]
    x = np.concatenate([p.astype(dtype) for p in parts])
    return np.abs(x) if low == 0 else x


def accuracy(name: str, dtype: type[Any], count: int, seed: int = 0) -> float:
    """Compare a function with the truth on random numbers."""
    if dtype is np.float64 and not EXACT:
        pytest.skip("longdouble is no more precise than float64 here")
    return compare(name, FUNCTIONS[name][0], samples(name, dtype, count, seed))


def powers(dtype: type[Any], count: int, seed: int = 0) -> tuple[Numbers, Numbers]:
    """Return bases and exponents, most of whose powers are finite."""
    random = np.random.default_rng(seed)
    n = count // 3 + 1
    top = 1020 if dtype is np.float64 else 126
    base = 2.0 ** random.uniform(-top, top, n)
    near = random.uniform(0.5, 2, n)
    x = np.concatenate([base, near, random.uniform(0, 10, n)])
    y = np.concatenate(
        [
            random.uniform(-1.06 * top, 1.01 * top, n) / np.log2(base),
            random.uniform(-top, top, n),
            random.uniform(-10, 10, n),
        ]
    )
    return x.astype(dtype), y.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name: str, dtype: type[Any]) -> None:
    """Random numbers of every size; 2e5 of them."""
    accuracy(name, dtype, FEW)


@pytest.mark.parametrize("dtype", DTYPES)
def test_accuracy_of_powers(dtype: type[Any]) -> None:
    """So do powers, of positive bases here."""
    if dtype is np.float32 or EXACT:
        compare("power", 4, *powers(dtype, FEW))


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*FUNCTIONS, "power"])
def test_accuracy_on_ten_million(name: str, dtype: type[Any]) -> None:
    """The same on 1e7 numbers; `-s` prints the largest error."""
    worst = 0.0
    for seed in range(1, 11):
        if name == "power":
            error = compare(name, 4, *powers(dtype, MANY // 10, seed))
        else:
            error = accuracy(name, dtype, MANY // 10, seed)
        worst = max(worst, error)
    print(f"{name} {np.dtype(dtype)}: {worst:.3f} ulp")


def edges(dtype: type[Any]) -> Numbers:
    """Return the numbers at which something changes, and their neighbours."""
    info = np.finfo(dtype)
    known = [
        0.0, 1.0, 0.5, 2.0, 1.5, 2**0.5, 0.5**0.5, math.e, math.pi, math.pi / 2,
        math.pi / 4, math.log(2), math.log(2) / 2, 3.0, 10.0, 22.0, 40.0, 1e3, 2**20,
        2**22, 2**31, 2**53, 1e22, 1e300, 709.782712893384, 745.1332191019412, 710.0,
        710.4758600739439, 708.3964185322641, 1024.0, 1023.9999999999999, 1022.0,
        1074.0, 1075.0, 88.72283905206835, 103.97207708, 89.41598629223294, 87.33654475,
        128.0, 126.0, 149.0, 150.0, 5.9, 3.92, 2.414213562373095, 1 / 3, 2.0**-26,
        2.0**-28, 2.0**-53, 2.0**-54,
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        kinds = [np.array(known).astype(dtype), np.array(
            [info.tiny, info.smallest_subnormal, info.max, info.eps, np.inf, np.nan,
             info.tiny / 2, 7 * info.smallest_subnormal], dtype)]  # fmt: skip
        x = np.concatenate(kinds)
        x = np.concatenate(
            [x, np.nextafter(x, dtype(0)), np.nextafter(x, dtype(np.inf))]
        )
    return np.concatenate([x, -x])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_edges(name: str, dtype: type[Any]) -> None:
    """inf, nan, zeros with their signs, subnormals and thresholds are NumPy's."""
    x = edges(dtype)
    if dtype is np.float32 or EXACT:
        compare(name, FUNCTIONS[name][0], x)
    found = computed(name, x)
    with np.errstate(all="ignore"):
        wanted = truth(name, x).astype(dtype)
    zero = found == 0
    assert np.array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges_of_powers(dtype: type[Any]) -> None:
    """Every pair of edges: signs of odd powers, nan ** 0, 1 ** nan, (-1) ** inf."""
    some = edges(dtype)[::3]
    whole = np.array([1, 2, 3, 4, 5, -1, -2, -3, 2**53 - 1, 2**53, 0.25, -0.75], dtype)
    x, y = map(np.ravel, np.meshgrid(edges(dtype), np.concatenate([some, whole])))
    with np.errstate(all="ignore"):
        wanted = np.power(x, y)
    found = computed("power", x, y)
    for test in (np.isnan, lambda z: (z == 0) & np.signbit(z)):
        bad = test(found) != test(wanted)
        assert not bad.any(), (x[bad][0], y[bad][0], found[bad][0], wanted[bad][0])
    if dtype is np.float32 or EXACT:
        compare("power", 4, x, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_results(dtype: type[Any]) -> None:
    """Powers of two and of ten have exact logarithms, integers exact powers of two."""
    least, most = (-1074, 1023) if dtype is np.float64 else (-149, 127)
    n = np.arange(least, most + 1).astype(dtype)
    two = np.exp2(n.astype(np.longdouble)).astype(dtype)
    assert np.array_equal(computed("exp2", n), two)
    assert np.array_equal(computed("log2", two), n)
    assert np.array_equal(computed("power", np.full_like(n, 2), n), two)
    k = np.arange(23 if dtype is np.float64 else 11)
    ten = np.array([10**i for i in k.tolist()], dtype)
    assert np.array_equal(computed("log10", ten), k.astype(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["cos", "sin", "tan"])
def test_hard_angles(name: str, dtype: type[Any]) -> None:
    """Next to multiples of pi / 2 nearly all of an argument cancels; large ones too."""
    if dtype is np.float64 and not EXACT:
        pytest.skip("longdouble is no more precise than float64 here")
    random = np.random.default_rng(0)
    n = np.concatenate([np.arange(1, 20_000), random.integers(20_000, 667_544, 50_000)])
    high, low = np.longdouble(math.pi / 2), np.longdouble(6.123233995736766e-17)
    near = (n * high + n * low).astype(dtype)
    limit = np.array([2**20], dtype)
    around = [limit, np.nextafter(limit, dtype(0)), np.nextafter(limit, dtype(np.inf))]
    large = 2.0 ** random.uniform(20, np.log2(np.finfo(dtype).max), 20_000)
    # Of large angles the C library's own error counts: 8 ulp of cos(5.319...e255).
    x = np.concatenate([near, np.nextafter(near, dtype(0)), *around,
                        large.astype(dtype)])  # fmt: skip
    compare(name, FUNCTIONS[name][0], np.concatenate([x, -x]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*FUNCTIONS, "power"])
def test_plain_python_gives_the_same(name: str, dtype: type[Any]) -> None:
    """The text run by CPython gives the same bits, in float32 within 1 ulp."""
    args = powers(dtype, 60) if name == "power" else (samples(name, dtype, 120, 3),)
    function = plain()[kernel_name(name, dtype)]
    with np.errstate(all="ignore"):
        wanted = np.array([function(*x) for x in zip(*args, strict=True)], dtype)
    found = computed(name, *args)
    if dtype is np.float64:
        large = np.abs(args[0]) > 2**20  # NumPy's own angles against those of C
        same = (found == wanted) | (np.isnan(found) & np.isnan(wanted)) | large
        assert same.all(), (args[0][~same][0], found[~same][0], wanted[~same][0])
    np.testing.assert_array_max_ulp(np.nan_to_num(found), np.nan_to_num(wanted))


@pytest.mark.parametrize("name", [*FUNCTIONS, "power"])
def test_alone_and_in_vectors(name: str) -> None:
    """A number has one value, wherever it stands in an array."""
    for dtype in DTYPES:
        args = powers(dtype, 90) if name == "power" else (samples(name, dtype, 90, 5),)
        whole = computed(name, *args)
        alone = [computed(name, *(x[i : i + 1] for x in args))[0] for i in range(90)]
        assert np.array_equal(whole[:90], alone, equal_nan=True)


def assembly(name: str) -> str:
    """Return the machine code of a loop as text."""
    dtype = np.float32 if name.endswith("f") and name != "erf" else np.float64
    x = np.ones(3, dtype)
    compiled_loop = loop(name)
    compiled_loop(*([x] * (3 if name.startswith("power") else 2)))
    texts: Iterator[str] = iter(compiled_loop.inspect_asm().values())
    return next(texts)


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86 only")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*FUNCTIONS, "power"])
def test_loops_are_vectors(name: str, dtype: type[Any]) -> None:
    """LLVM makes vectors of a loop that calls a function, also with a rare call."""
    import llvmlite.binding

    if not llvmlite.binding.get_host_cpu_features().get("fma"):
        pytest.skip("without fma every step is a call")
    text = assembly(kernel_name(name, dtype))
    kind, other = ("pd", "ps") if dtype is np.float64 else ("ps", "pd")
    assert len(re.findall(rf"vfn?m(?:add|sub)\d+{kind}\b.*[yz]mm", text)) >= 5
    assert not re.search(rf"vfn?m(?:add|sub)\d+{other}\b.*[yz]mm", text)


def test_who_computes() -> None:
    """Arrays and their items go by ours; Python's own numbers by what is quicker."""

    def array(x: Any) -> Any:
        return np.sum(np.exp(x) + x**2.5)

    def single(x: Any) -> Any:
        return np.sum(np.sin(x))

    def number(x: float) -> float:
        return math.exp(x) + math.tanh(x)

    for function, argument, texts in (
        (array, np.ones(3), ("rt_exp(", "rt_power(")),
        (single, np.ones(3, np.float32), ("rt_sinf(", "rt_cosf(")),
        (number, 1.0, ("math.exp(", "rt_tanh(")),
    ):
        text = srcgrad.differentiable(function).source(argument, stage="kernel")
        for part in texts:
            assert part in text


def test_a_gradient_at_edges() -> None:
    """What is rare in a loop is right there too: huge angles, subnormals, overflow."""

    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * 2.0) + np.sum(np.exp(-np.abs(x)))

    x = np.array([1e300, 3e6, 0.5, -2e7, 1e-310, 745.0, 1e22, 2.0, 1e5])
    wanted = 2.0 * np.cos(x) - np.sign(x) * np.exp(-np.abs(x))
    found = srcgrad.differentiable(f, backend="numba").grad(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_all_pairs_are_there() -> None:
    """Each function is there for both dtypes."""
    names = [kernel_name(n, d) for n, d in itertools.product(FUNCTIONS, DTYPES)]
    assert set(names) | {"power", "powerf"} <= set(plain())
