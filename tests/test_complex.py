"""Complex numbers in every row: refused, or right in value and derivatives.

The samples of the rows are taken with complex operands in the place of floats. The
tangent is held to differences along complex directions, the adjoint to the tangent by
`Re <J v, w> = Re <v, J' w>`, to second order, and kernels to the readable text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.tangent import tangent
from srcgrad.interop.function import Bridged
from srcgrad.ir import Function, Operand, Value
from srcgrad.ops import ROWS
from srcgrad.ops.table import Unsupported
from srcgrad.passes import run_passes
from tests import oracles
from tests.interpreter import run
from tests.maker import Maker, Program, copies, dot, floats, make, moved
from tests.rule_samples import Sample, samples
from tests.test_rules import COMPLEX, STILL, compiled, moving, told
from tests.test_rules_compiled import GROUP, LEFT_OUT, as_compiled

ALIKE = {"linear_scan"}  # its operands have one dtype
ODD = {"window_places", "window_take", "kept_mask"}  # their operands are given
# LAPACK chose the phases of vectors: what does not depend on them is in the catalogue.
PHASED = {"eigh_vectors", "svd_u", "svd_vh"}


def _is_float(spec: str) -> bool:
    return spec[0] != "=" and ":" not in spec and spec[0] not in "bi"


def _wide(spec: str) -> str:
    return "complex128" if spec.startswith("float") else f"complex128:{spec}"


def widened(name: str) -> Iterator[Sample]:
    """Yield the samples of a row with complex operands: all of them, or one."""
    for sample in samples(name):
        places = [k for k, spec in enumerate(sample.specs) if _is_float(spec)]
        each = [] if name in ALIKE or len(places) < 2 else [[k] for k in places]
        for chosen in [] if sample.attrs.get("real") else [places, *each]:
            specs = [_wide(s) if k in chosen else s for k, s in enumerate(sample.specs)]
            attrs = dict(sample.attrs)
            if name == "cast":
                attrs["dtype"] = "complex128"
            if chosen:
                yield replace(sample, specs=tuple(specs), attrs=attrs)


@pytest.mark.parametrize("name", sorted(COMPLEX))
def test_row_of_real_numbers(name: str) -> None:
    """What makes complex numbers of real ones."""
    for sample in samples(name):
        with told(sample):
            check_sample(sample)


def directions(like: Sequence[Any], seed: int) -> list[Any]:
    """Return random numbers in the shapes and dtypes of others."""
    rng = np.random.default_rng(seed)
    found = []
    for x in map(np.asarray, like):
        made = rng.normal(size=x.shape) + 1j * rng.normal(size=x.shape)
        found.append((made if x.dtype.kind == "c" else made.real).astype(x.dtype)[()])
    return found


def parts(xs: Sequence[Any]) -> Any:
    """Return the real and imaginary parts of numbers and arrays as one vector."""
    flat = [np.ravel(x).astype(complex) for x in xs]
    return np.concatenate([*(x.real for x in flat), *(x.imag for x in flat)])


def check_slopes(f: Function, args: Sequence[Any], wrt: list[int], seed: int) -> None:
    """Check tangent and adjoint of a function."""
    forward, chosen = compiled(run_passes(tangent(f, wrt))), floats(f)
    value, vs = run(f, *copies(args)), directions([args[k] for k in wrt], seed)
    with told("the tangent", forward):
        slopes = forward(*args, *vs)[len(value) :]

        def curve(step: float) -> Any:
            ends = run(f, *moved(args, wrt, vs, step))
            return parts([ends[k] for k in chosen])

        want, error = oracles.differentiate(curve)
        scale = np.max(np.abs(want), initial=1e-3)
        assert error <= 1e-5 * scale, f"differences do not settle: {error}"
        np.testing.assert_allclose(parts(slopes), want, 0, 1e-8 * scale + 10 * error)
    ws = directions([value[k] for k in chosen], seed + 1)
    back = compiled(run_passes(differentiate(f, wrt, chosen)))
    with told("the adjoint", back):
        gradients = back(*args, *ws)[len(value) :]
        for g, k in zip(gradients, wrt, strict=True):
            assert np.shape(g) == np.shape(args[k])
        left, right = dot(slopes, ws), dot(gradients, vs)
        size = sum(
            float(np.sum(np.abs(s * w))) for s, w in zip(slopes, ws, strict=True)
        )
        assert abs(left - right) <= 1e-11 * (size + 1e-3), f"{left} is not {right}"


def check_sample(sample: Sample) -> None:
    """Check value, first and second derivatives of one use of a row."""
    f = sample.function()
    args = sample.arguments(f, 5)
    call, wrt = compiled(f), moving(f)
    with told(sample, call):
        want, got = run(f, *copies(args))[0], call(*args)[0]
        if isinstance(got, np.ndarray):
            assert got.dtype == np.asarray(want).dtype
        np.testing.assert_allclose(got, want, 1e-12, 1e-12)
    if not floats(f) or sample.row in STILL | PHASED or not wrt:
        return
    check_slopes(f, args, wrt, 3)
    try:
        back = run_passes(differentiate(f, wrt, floats(f)))
        given = [*args, *directions(run(f, *copies(args)), 23)]
        check_slopes(back, given, moving(back), 29)
    except Unsupported:
        assert sample.row == "cofactor_slope"


@pytest.mark.parametrize("name", [n for n in ROWS if n not in ODD])
def test_row_of_complex_numbers(name: str) -> None:
    """A row that does not say that it takes complex numbers refuses them."""
    for k, sample in enumerate(widened(name)):
        if not ROWS[name].of_complex:
            with pytest.raises(Unsupported, match="complex"):
                sample.function()
        elif k < 2:
            with told(sample):
                check_sample(sample)


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [n for n in ROWS if ROWS[n].of_complex and n not in ODD]
)
def test_samples_of_complex_numbers(name: str) -> None:
    """More samples of each row, of which the short run has two."""
    for k, sample in enumerate(widened(name)):
        if 2 <= k < 8 or k % 5 == 0:
            with told(sample):
                check_sample(sample)


# on Numba

TAKING = [n for n in ROWS if ROWS[n].of_complex and n not in LEFT_OUT | PHASED]
GROUPS = [TAKING[k : k + GROUP] for k in range(0, len(TAKING), GROUP)]
# One row for each way in which a kernel is written: the others are for the long run.
SHORT = [
    "add div pow exp absolute conj imag where cast copy concatenate full".split(),
    "sum prod var norm cumsum linear_scan matmul vdot einsum solve eigh_values".split(),
]


def group(names: Sequence[str], count: int) -> tuple[Function, list[Any]]:
    """Return a function whose results are those of samples, and its arguments."""
    parts: list[tuple[Sample, int]] = []
    specs: list[str] = []
    args: list[Any] = []
    for name in names:
        found = [s for s in widened(name) if any("complex128:" in x for x in s.specs)]
        found = found or list(widened(name))
        for sample in found[:: max(len(found) // count, 1)][:count]:
            parts.append((sample, len(specs)))
            specs += [s for s in sample.specs if s[0] != "="]
            args += sample.arguments(sample.function(), 5)

    def program(b: Maker, *given: Value) -> list[Operand]:
        return [s.apply(b, given[at:]) for s, at in parts]

    built: Program = program
    return make(built, specs, "rows"), args


def check_group(names: Sequence[str], count: int) -> None:
    """Compare the kernel of an adjoint with its readable text, result by result."""
    f, args = group(names, count)
    want = compiled(f)(*args)
    back = run_passes(differentiate(f, moving(f), floats(f)))
    given = [*args, *directions([want[k] for k in floats(f)], 17)]
    readable, kernel = compiled(back), as_compiled(back)
    with told(names, readable):
        due, got = readable(*given), kernel(*copies(given))
        for k, (a, b) in enumerate(zip(got, due, strict=True)):
            assert np.shape(a) == np.shape(b), back.results[k]
            if isinstance(b, np.ndarray):
                assert a.dtype == b.dtype, back.results[k]
            scale = np.max(np.abs(b), initial=0.0)
            message = str(back.results[k])
            np.testing.assert_allclose(a, b, 1e-12, 1e-13 * scale, err_msg=message)


@pytest.mark.parametrize("names", SHORT, ids=["elements", "arrays"])
def test_kinds_of_rows_on_numba(names: list[str]) -> None:
    """One sample of one row of each kind."""
    check_group(names, 1)


@pytest.mark.long
@pytest.mark.parametrize("names", GROUPS, ids=[f"{g[0]}-{g[-1]}" for g in GROUPS])
def test_rows_on_numba(names: list[str]) -> None:
    """One sample of each row that takes complex numbers."""
    check_group(names, 1)


@pytest.mark.long
@pytest.mark.parametrize("name", TAKING)
def test_row_on_numba(name: str) -> None:
    """Eight samples of a row."""
    check_group([name], 8)


# complex arguments, by the convention of JAX


def _size(z: Any) -> Any:
    return (np.abs(z) ** 3).sum() + (z**2).imag.sum() + np.angle(np.prod(z))


def _spectrum(z: Any) -> Any:
    w = np.exp(1j * z) * np.conj(z)
    w[1:] += z[:-1].real
    return np.abs(np.fft.fft(w)).sum() + np.vdot(w, z).real


def _size_of_parts(x: Any, y: Any) -> Any:
    z = x + 1j * y
    return (np.abs(z) ** 3).sum() + (z**2).imag.sum() + np.angle(np.prod(z))


def _spectrum_of_parts(x: Any, y: Any) -> Any:
    z = x + 1j * y
    w = np.exp(1j * z) * np.conj(z)
    w[1:] += z[:-1].real
    return np.abs(np.fft.fft(w)).sum() + np.vdot(w, z).real


PAIRS = [(_size, _size_of_parts), (_spectrum, _spectrum_of_parts)]
PYTHON: Any = {"backend": "python"}


@pytest.mark.parametrize(("whole", "apart"), PAIRS)
def test_gradient_of_complex_argument(whole: Any, apart: Any) -> None:
    """It is `dL/dx - 1j * dL/dy`, and so are its own derivatives."""
    rng = np.random.default_rng(2)
    z, v = (rng.normal(size=5) + 1j * rng.normal(size=5) for _ in range(2))
    kept, parts = z.copy(), (z.real.copy(), z.imag.copy())
    value, got = srcgrad.value_and_grad(whole, **PYTHON)(z)
    x, y = srcgrad.grad(apart, (0, 1), **PYTHON)(*parts)
    assert value == whole(z)
    assert got.dtype == z.dtype
    assert np.array_equal(z, kept)
    np.testing.assert_allclose(got, x - 1j * y, 1e-12)
    step = 1e-6
    grad = srcgrad.grad(whole, **PYTHON)
    moved = (grad(z + step * v) - grad(z - step * v)) / (2 * step)
    np.testing.assert_allclose(srcgrad.hvp(whole, **PYTHON)(z, v), moved, 1e-6, 1e-6)
    _, slope = srcgrad.jvp(whole, (z,), (v,), **PYTHON)
    np.testing.assert_allclose(slope, np.sum(got * v).real, 1e-12)
    _, pull = srcgrad.vjp(lambda z: z * z * np.abs(z[0]), z, **PYTHON)
    w = rng.normal(size=5) + 1j * rng.normal(size=5)
    _, moved = srcgrad.jvp(lambda z: z * z * np.abs(z[0]), (z,), (v,), **PYTHON)
    left, right = np.sum(w * moved).real, np.sum(pull(w)[0] * v).real
    assert abs(left - right) < 1e-12 * abs(left)


def test_complex_numbers_in_containers() -> None:
    """Python's own, NumPy's, and those of single precision, each in its dtype."""
    p = {"a": 2 - 1j, "b": [np.complex64(1j), np.array([1, 2j], np.complex64)]}
    got = srcgrad.grad(
        lambda p: abs(p["a"]) ** 2 + (p["b"][0] * p["b"][1]).real.sum(), **PYTHON
    )(p)
    assert got == {"a": 4 + 2j, "b": [1 + 2j, pytest.approx(np.array([1j, 1j]))]}
    assert [type(got["a"]), type(got["b"][0])] == [np.complex128, np.complex64]
    assert got["b"][1].dtype == np.complex64


def test_refusals_of_complex_numbers() -> None:
    """What would be silent about an imaginary part is refused."""
    z = np.array([1 + 2j, 3.0])
    refused = srcgrad.errors.OutputError
    with pytest.raises(refused, match="complex numbers for real ones"):
        srcgrad.elementwise_grad(lambda x: np.exp(1j * x), **PYTHON)(z.real)
    with pytest.raises(refused, match="returns real and complex"):
        srcgrad.jacobian(lambda x, z: (abs(z), x * z), (0, 1), **PYTHON)(z.real, z)
    for door in (srcgrad.jacrev, srcgrad.jacfwd, srcgrad.elementwise_grad):
        with pytest.raises(refused, match="not holomorphic"):
            door(lambda z: z.conj() * z, **PYTHON)(z)
    with pytest.raises(refused, match="not holomorphic"):
        srcgrad.hessian(_size, **PYTHON)(z)
    with pytest.raises(srcgrad.errors.SrcgradError, match="chose their phases"):
        srcgrad.grad(lambda a: np.linalg.svd(a)[0].real.sum(), **PYTHON)(
            np.outer(z, z) + np.eye(2)
        )
    with pytest.raises(srcgrad.errors.ArgumentError, match="complex"):
        srcgrad.check_grads(_size, (z,))
    _, pull = srcgrad.vjp(lambda z: z.real, z, **PYTHON)
    with pytest.raises(ValueError, match="a cotangent is complex"):
        pull(z)
    with pytest.raises(TypeError, match="is complex"):
        Bridged(_size).value((z,))
    with pytest.raises(srcgrad.errors.TypeInferenceError, match="on one path"):
        srcgrad.grad(_of_two_paths, **PYTHON)(-2.0)


def _of_two_paths(x: Any) -> Any:
    z = x
    if x > 1:
        z = 1j * x
    return abs(z**0.5)


# Jacobians and batches


def _waves(x: Any) -> Any:
    return np.exp(1j * x) * x[0] + 2


def _sizes(z: Any) -> Any:
    return np.abs(z) ** 2 * z[0].real


def _analytic(z: Any) -> Any:
    return np.fft.fft(z * z) + np.vdot(np.arange(3.0) + 1j, z) * np.exp(z)


def _turning(a: Any) -> Any:
    return np.linalg.eigvals(a)


def columns(f: Any, x: Any, step: complex) -> Any:
    """Return how a function changes with each number of an array."""
    slopes = []
    for k in np.ndindex(x.shape):
        unit = np.zeros(x.shape, x.dtype)
        unit[k] = 1.0
        slopes.append((f(x + step * unit) - f(x - step * unit)) / (2 * step))
    return np.moveaxis(np.reshape(slopes, (*x.shape, -1)), -1, 0)


@pytest.mark.parametrize("backend", ["python", "numba"])
@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
def test_jacobians_of_complex_numbers(mode: str, backend: Any) -> None:
    """Complex for real numbers, the convention of `grad` for real results, or both."""
    if backend == "numba" and mode != "auto":
        return
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(2, 3))
    z, keys = x + 1j * y, {"mode": mode, "backend": backend}
    pairs = [(_waves, x, columns(_waves, x, 1e-5)),
             (_analytic, z, columns(_analytic, z, 1e-5)),
             (_sizes, z, columns(_sizes, z, 1e-5)
              - 1j * columns(lambda w: _sizes(z + 1j * (w - z)), z, 1e-5))]  # fmt: skip
    for f, at, want in pairs:
        found = srcgrad.jacobian(f, **keys)(at)
        assert found.dtype == np.complex128
        np.testing.assert_allclose(found, want, 1e-7, 1e-8)
    short = srcgrad.jacobian(_waves, **keys)(x.astype(np.float32))
    assert short.dtype == np.complex64
    rows = srcgrad.vmap(srcgrad.jacobian(_analytic, **keys), backend=backend)
    twice = rows(np.stack([z, 2j * z]))
    np.testing.assert_allclose(twice[1], columns(_analytic, 2j * z, 1e-5), 1e-7, 1e-8)


def test_hessian_of_complex_numbers() -> None:
    """It exists where the gradient is holomorphic."""
    found = srcgrad.hessian(lambda z: (z**3).real.sum(), **PYTHON)(np.array([1j, 2.0]))
    np.testing.assert_allclose(found, np.diag([6j, 12.0]))
    slopes = srcgrad.elementwise_grad(lambda z: z**3, **PYTHON)(np.array([1j, 2.0]))
    np.testing.assert_allclose(slopes, [-3.0, 12.0])


# what is found out by the numbers


def test_eigenvalues_that_become_complex() -> None:
    """One function for matrices of either kind; the dtype is NumPy's each time."""
    turned, plain = (
        np.array([[0.1, 1.0], [-2.0, 0.3]]),
        np.array([[2.0, 1.0], [0.5, 1]]),
    )
    for a in (plain, turned, plain, turned):
        value, pull = srcgrad.vjp(_turning, a, **PYTHON)
        want = np.linalg.eigvals(a)
        assert (value.dtype, value.tolist()) == (want.dtype, want.tolist())
        slopes = columns(_turning, a, 1e-6).reshape(2, 2, 2)
        weights = np.array([1.0, 2.0]) + (1j if value.dtype.kind == "c" else 0)
        due = np.einsum("k,kij", weights, slopes).real
        np.testing.assert_allclose(pull(weights)[0], due, 1e-6, 1e-8)
    growth = srcgrad.value_and_grad(
        lambda a: np.max(np.linalg.eig(a)[0].real), **PYTHON
    )
    for a in (turned, plain):
        assert growth(a)[0] == np.max(np.linalg.eigvals(a).real)
    largest = srcgrad.grad(lambda a: np.max(np.linalg.eigvals(a)), **PYTHON)
    np.testing.assert_allclose((largest(plain) * plain).sum(), 1.5 + 0.75**0.5)
    with pytest.raises(srcgrad.errors.SrcgradError, match=r"astype\(complex\)"):
        srcgrad.grad(lambda a: np.abs(np.linalg.eigvals(a)).sum(), backend="numba")(
            turned
        )


def test_phases_of_eigenvectors() -> None:
    """What depends on a phase that LAPACK chose has no derivative."""
    rng = np.random.default_rng(6)
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))
    for vectors in (lambda a: np.linalg.eigh(a)[1], lambda a: np.linalg.eig(a)[1]):

        def sizes(a: Any, vectors: Any = vectors) -> Any:
            return (np.abs(vectors(a)) ** 4).sum()

        def parts(a: Any, vectors: Any = vectors) -> Any:
            return vectors(a).imag.sum()

        step, v = 1e-6, rng.normal(size=(3, 3)) + 0j
        moved = (sizes(a + step * v) - sizes(a - step * v)) / (2 * step)
        found = srcgrad.grad(sizes, **PYTHON)(a)
        np.testing.assert_allclose((found * v).sum().real, moved, 1e-6)
        assert np.isnan(srcgrad.grad(parts, **PYTHON)(a)).all()


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_powers_that_leave_the_reals(backend: Any) -> None:
    """Powers of Python's own floats below zero are complex: they are refused."""
    grad = srcgrad.grad(lambda x, p: abs(x**p), backend=backend)
    assert grad(4.0, 0.5) == 0.25
    assert grad(-2.0, 3.0) == 12.0 * -1.0
    for x, p in ((-2.0, 0.5), (-1.0, 1.5)):
        with pytest.raises(srcgrad.errors.SrcgradError, match=r"`complex\(x\) \*\* y`"):
            grad(x, p)
    assert np.isnan(srcgrad.grad(lambda x: x**0.5, backend=backend)(np.float64(-2.0)))
