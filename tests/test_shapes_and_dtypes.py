# mypy: allow-untyped-defs, allow-untyped-calls
"""Every shape, layout, dtype and kind of array: handled as NumPy does, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from srcgrad import differentiable, errors, grad, hvp, value_and_grad

LONG = str(np.dtype(np.longdouble))
BACKENDS = pytest.mark.parametrize("backend", ["python", "numba"])
FLOATS = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def waves(x):
    return (np.sin(x) * x).sum()


def waves_slope(x):
    return np.cos(x) * x + np.sin(x)


def numbers(shape: tuple[int, ...], dtype: Any = np.float64) -> Any:
    """Return numbers of a shape, none of them special."""
    count = int(np.prod(shape, dtype=int))
    return np.cos(np.arange(count) + 1.0).reshape(shape).astype(dtype)


def agrees(found: Any, want: Any) -> None:
    """Check a gradient: a new array in C order, of the shape and dtype that is due."""
    assert (type(found), found.dtype, found.shape) == (
        np.ndarray,
        want.dtype,
        want.shape,
    )
    assert found.flags.c_contiguous
    assert found.flags.writeable
    rtol = 1e-5 if want.dtype == np.float32 else 1e-13
    np.testing.assert_allclose(found, want, rtol=rtol, atol=rtol)


# ranks and lengths

SHAPES = [
    (), (1,), (5,), (0,), (2, 3), (1, 3), (2, 1), (0, 3), (3, 0), (1, 1),
    (2, 3, 2), (1, 3, 1), (2, 0, 3), (2, 1, 3, 2), (2, 2, 1, 2, 2), (1, 2, 1, 2, 1, 3),
]  # fmt: skip
# Each is compiled by itself: those that differ in kind.
KERNELS = [(np.float32, 0), (np.float32, 1), (np.float32, 2), (np.float64, 6)]


@BACKENDS
@FLOATS
@pytest.mark.parametrize("rank", range(7))
def test_ranks(rank: int, dtype: Any, backend: str) -> None:
    """From zero to six axes, and float32 throughout."""
    if backend == "numba" and (dtype, rank) not in KERNELS:
        return
    made = value_and_grad(waves, backend=backend)
    for shape in (s for s in SHAPES if len(s) == rank):
        x = numbers(shape, dtype)
        value, slope = made(x)
        assert type(value) is dtype
        assert value == pytest.approx(
            waves(x), rel=1e-6 if dtype == np.float32 else 1e-13
        )
        agrees(slope, np.asarray(waves_slope(x)))


@pytest.mark.parametrize("shape", SHAPES)
def test_second_order_and_reductions(shape: tuple[int, ...]) -> None:
    x, v = numbers(shape), numbers(shape) + 0.5
    found = hvp(waves, backend="python")(x, v)
    agrees(found, np.asarray((2 * np.cos(x) - x * np.sin(x)) * v))
    for axis in range(-len(shape), len(shape)):

        def f(x, axis=axis):
            return (x.sum(axis=axis) ** 2).sum() + x.mean(
                axis=axis, keepdims=True
            ).sum()

        n = shape[axis]
        want = 2 * np.sum(x, axis=axis, keepdims=True) + 1 / max(n, 1)
        if n:  # the mean of nothing is nan
            agrees(grad(f, backend="python")(x), np.broadcast_to(want, shape).copy())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((3,), ()), ((3,), (1,)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 1), (1, 3)),
        ((1, 1), (2, 3)), ((2, 1, 3), (4, 1)), ((0, 3), (3,)), ((1,), (0,)),
        ((2, 0), (1, 0)), ((1, 2, 1, 3), (2, 1, 2, 1)), ((1,), (2, 2, 1, 2, 1, 2)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_broadcasting(
    one: tuple[int, ...], other: tuple[int, ...], turned: bool
) -> None:
    """What is spread is added up again, in the shape that was given."""
    if turned:
        one, other = other, one
    x, y = numbers(one), np.asarray(numbers(other) + 0.3)

    def f(x, y):
        return (x * y + np.maximum(x, y) - y / (2.0 + x)).sum()

    def down(full, shape):
        full = full.sum(axis=tuple(range(full.ndim - len(shape))))
        axes = tuple(k for k, n in enumerate(shape) if n == 1)
        return np.asarray(full.sum(axis=axes, keepdims=True))

    whole = np.broadcast_shapes(one, other)
    a, b = np.broadcast_to(x, whole), np.broadcast_to(y, whole)
    dx, dy = grad(f, argnums=(0, 1), backend="python")(x, y)
    agrees(dx, down(b + (a > b) + b / (2.0 + a) ** 2, one))
    agrees(dy, down(a + (b > a) - 1 / (2.0 + a), other))


# layouts

BASE = numbers((6, 8))
LAYOUTS = {
    "Fortran": np.asfortranarray(BASE),
    "transposed": BASE.T,
    "every second": BASE[::2, 1::3],
    "backward": BASE[::-1, ::-1],
    "row backward": BASE[2, ::-1],
    "column": BASE[:, 3],
    "axes exchanged": numbers((2, 3, 4)).transpose(2, 0, 1),
    "spread": np.broadcast_to(BASE[0], (3, 8)),
    "overlapping": as_strided(BASE, (5, 4), (BASE.strides[1],) * 2, writeable=False),
    "big-endian": BASE.astype(">f8"),
    "big-endian short": BASE.astype(">f4"),
    "big-endian transposed": BASE.astype(">f8").T,
    "unaligned": np.frombuffer(b"\0" + BASE.tobytes(), np.uint8)[1:]
    .view(np.float64)
    .reshape(6, 8),
    "field of records": np.zeros(7, [("a", "i1"), ("x", "f8")])["x"],
    "diagonal": BASE.diagonal(),
}


@BACKENDS
@pytest.mark.parametrize("kind", LAYOUTS)
def test_layouts(kind: str, backend: str) -> None:
    """Value and gradient are those of a plain copy, and nothing is written."""
    x = LAYOUTS[kind]
    x.flags.writeable = False
    before = x.copy()
    dtype = x.dtype.newbyteorder("=")
    made = value_and_grad(waves, backend=backend)
    for _ in range(2):  # the second time by the short way
        value, slope = made(x)
        assert value.dtype == dtype
        np.testing.assert_allclose(value, waves(x.astype(dtype)), rtol=1e-5)
        agrees(slope, waves_slope(x.astype(dtype)))
    np.testing.assert_array_equal(x, before)


def overwrites(x):
    x[1:] = x[1:] * x[:-1]
    x *= 2.0
    return (x * x).sum()


@BACKENDS
def test_read_only_arrays_that_are_written(backend: str) -> None:
    """NumPy's own error, for the value and for the gradient."""
    x = numbers((4,))
    slope = grad(overwrites, backend=backend)(x)
    x.flags.writeable = False
    made = differentiable(overwrites, backend=backend)
    for call in (made, made.grad):
        with pytest.raises(ValueError, match="read-only"):
            call(x)
    x.flags.writeable = True
    np.testing.assert_array_equal(made.grad(x), slope)


@BACKENDS
@pytest.mark.parametrize("kind", ["Fortran", "every second", "backward", "big-endian"])
def test_layouts_that_are_written(kind: str, backend: str) -> None:
    """A value writes through to the caller's array, a gradient does not."""
    x = LAYOUTS[kind]
    mine, theirs = (np.array(x, order="K") for _ in range(2))
    if kind in ("every second", "backward"):
        whole = [np.zeros((12, 16)) for _ in range(2)]
        step = 2 if kind == "every second" else -1
        mine, theirs = (w[::step, ::step][: len(x), : x.shape[1]] for w in whole)
        mine[...] = theirs[...] = x
    made = differentiable(overwrites, backend=backend)
    plain = np.array(x, x.dtype.newbyteorder("="), order="C")
    agrees(made.grad(mine), made.grad(plain))
    np.testing.assert_array_equal(mine, x)
    assert made(mine) == pytest.approx(overwrites(theirs), rel=1e-13)
    np.testing.assert_allclose(mine, theirs, rtol=1e-14)


# dtypes


@BACKENDS
@pytest.mark.parametrize("dtype", "?bhilqBHILQfd")
def test_promotion(dtype: str, backend: str) -> None:
    """What stands beside floats is promoted as NumPy promotes it."""
    if backend == "numba" and dtype not in "?bQf":
        return  # a kernel each, and nothing new
    other = np.array([1, 0, 1]).astype(dtype)
    for x in (numbers((3,)), numbers((3,), np.float32)):

        def f(x, k):
            return (x * k + k).sum() + (x / (k + 2)).sum()

        value, slope = value_and_grad(f, backend=backend)(x, other)
        want = f(x, other)
        assert type(value) is type(want)
        assert value == pytest.approx(want, rel=1e-6)
        assert slope.dtype == x.dtype
        np.testing.assert_allclose(slope, other + 1 / (other + 2.0), rtol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x * 2.0 + 1).sum(),
        lambda x: (x**3).mean() / 3,
        lambda x: np.exp(x).max() * 0.5,
        lambda x: np.sqrt((x * x).sum() + 1e-3),
        lambda x: np.linalg.norm(x) + x.std() + x.var(),
        lambda x: (np.where(x > 0, x, 0.1 * x) @ np.ones(4, np.float32)).sum(),
        lambda x: np.cumsum(x, axis=1)[-1, -1] * np.float32(2),
        lambda x: np.concatenate([x, np.zeros((1, 4), np.float32)]).sum(),
        lambda x: np.log1p(np.abs(x)).prod() + float(3),
        lambda x: x[0, 0] * 2 + x.min(),
    ],
)  # fmt: skip
def test_short_floats_stay_short(f: Any) -> None:
    x = numbers((3, 4), np.float32)
    value, slope = value_and_grad(f, backend="python")(x)
    assert type(value) is type(f(x)) is np.float32
    assert value == pytest.approx(float(f(x)), rel=1e-5)
    assert slope.dtype == np.float32
    long = grad(f, backend="python")(x.astype(np.float64))
    np.testing.assert_allclose(slope, long, rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    "number", [2, 2.0, np.float32(2), np.float64(2), np.array(2.0)]
)
def test_numbers(number: Any) -> None:
    """The gradient of a number is one of its kind; a Python int counts as a float."""
    found = grad(lambda t: t * t * t, backend="python")(number)
    kind = float if isinstance(number, int) else type(number)
    assert isinstance(found, kind)
    assert found == 12.0


# what is refused

REFUSED: list[tuple[Any, str, str]] = [
    (numbers((3,), np.float16), "has dtype float16", "computed in float64 or float32"),
    (np.float16(2), "has dtype float16", "astype(float)"),
    (numbers((3,), np.longdouble), f"has dtype {LONG}", "astype(float)"),
    (np.longdouble(2), f"has dtype {LONG}", "astype(float)"),
    (np.array([1.0, None]), "holds objects", "pass numbers"),
    (np.array(["a", "b"]), "holds text", "pass numbers"),
    (np.array([b"a"]), "holds bytes", "pass numbers"),
    (np.zeros(2, [("x", "f8"), ("y", "f8")]), "holds records", "x['x']"),
    (np.zeros(2, [("x", "f8")]).view(np.recarray), "holds records", "x['x']"),
    (np.array(["2020-01-01"], "M8[D]"), "holds dates", "pass numbers"),
    (np.array([3], "m8[s]"), "holds time spans", "pass numbers"),
    (np.arange(3), "is an array of integers", "astype(float)"),
    (np.array([True]), "is an array of booleans", "astype(float)"),
    (np.ma.masked_array([1.0, 2.0], [True, False]), "is a MaskedArray", "np.asarray"),
    (np.ones((1, 2)).view(np.matrix), "is a matrix", "np.asarray"),
]  # fmt: skip


@BACKENDS
@pytest.mark.parametrize(("x", "what", "fix"), REFUSED)
def test_refusals_name_the_argument_and_a_way_out(
    x: Any, what: str, fix: str, backend: str
) -> None:
    """Before anything runs, in every position of a tree."""
    for given in (x, {"w": x}):

        def f(x):
            return (x["w"] if isinstance(x, dict) else x).sum()

        if isinstance(given, dict) and "array of" in what:
            continue  # in a container it has no gradient, which is no error
        with pytest.raises(errors.SrcgradError) as caught:
            grad(f, backend=backend)(given)
        text = str(caught.value)
        assert "`x` " + what in text
        assert fix in text
        assert len(text.splitlines()) <= 15


class Meters(np.ndarray):
    """A subclass that computes as its base does."""


class Counted(np.ndarray):
    """A subclass that computes in its own way."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return super().__array_ufunc__(ufunc, method, *inputs, **kwargs)


@BACKENDS
def test_subclasses(backend: str) -> None:
    """A subclass that changes nothing is an array; one that computes itself is not."""
    x = numbers((4,))
    agrees(grad(waves, backend=backend)(x.view(Meters)), waves_slope(x))
    with pytest.raises(
        errors.SrcgradError, match=r"is a Counted(.|\n)*np.asarray\(x\)"
    ):
        grad(waves, backend=backend)(x.view(Counted))


def test_arrays_in_files(tmp_path: Path) -> None:
    x = np.memmap(tmp_path / "x", np.float64, "w+", shape=(2, 3))
    x[...] = numbers((2, 3))
    agrees(grad(waves, backend="python")(x), waves_slope(np.array(x)))
    slope = grad(lambda x: x[0, 0] * x[1, 1], backend="python")(x)  # of zeros like x
    assert type(slope) is np.ndarray


def quotient_by_nothing(x):
    return (7 // np.int64(x[0] * 0) + 2) * x[1]


@BACKENDS
def test_an_int_of_numpys_may_divide_by_zero(backend):
    """NumPy's quotient of whole numbers by zero is zero; Python's own raises."""
    x = np.array([0.5, 0.25])
    with np.errstate(all="ignore"):
        found = value_and_grad(quotient_by_nothing, backend=backend)(x)
        assert found[0] == quotient_by_nothing(x) == 0.5
    np.testing.assert_array_equal(found[1], [0.0, 2.0])
