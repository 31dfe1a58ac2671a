"""Every row of the table of operations: values, derivatives, dtypes, shapes.

A row is applied to its samples as a function of its own, its adjoint and tangent are
taken, and their texts run as they stand. NumPy says what the value is, differences of
NumPy's values what the derivatives are.
"""

import cmath
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from scipy import interpolate, linalg, signal, special, stats

from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.tangent import tangent
from srcgrad.emit.python import emit_python
from srcgrad.ir import Function, Op
from srcgrad.ops import ROWS
from srcgrad.passes import FINAL, run_passes
from srcgrad.runtime import readable
from srcgrad.types import is_float
from srcgrad.walk import operands
from tests import oracles
from tests.interpreter import run
from tests.maker import copies, dot, floats, moved
from tests.rule_samples import DRAWS, NUMBERS, PARTS, Sample, samples

Call = Callable[..., tuple[Any, ...]]
Numbers = Sequence[Any]
# One on purpose, two make lists; what is taken from parts has the derivatives.
STILL = {"stop_gradient", "zeros_items", "emptied", *PARTS.values()}
# They make complex numbers of real ones: see test_complex.py.
COMPLEX = {"complex_of", "fft", "ifft", "rfft", "wofz", "lambertw"}
COMPLEX |= {"eig_values", "eig_vectors", "eigvals", "slogdet_phase"}
SPACE = {"np": np, "math": math, "cmath": cmath, "linalg": linalg, "special": special}
SPACE |= {"interpolate": interpolate, "signal": signal, "stats": stats}
SPACE |= {n: getattr(readable, n) for n in readable.__all__}


def compiled(f: Function) -> Call:
    """Return the readable text of a function as something to call."""
    text = "\n".join(line for line, _ in emit_python(run_passes(f, FINAL)))
    space = dict(SPACE)
    exec(compile(text, f"<{f.name}>", "exec"), space)

    def call(*args: Any) -> tuple[Any, ...]:
        found = space[f.name](*copies(args))
        return found if len(f.results) > 1 else (found,)

    call.__doc__ = text
    return call


@contextmanager
def told(what: object, call: Call | None = None) -> Iterator[None]:
    """Name the sample, and show the text, where something is wrong."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            yield
        except Exception as error:
            error.add_note(f"in {what}\n{call.__doc__ if call else ''}")
            raise


def moving(f: Function) -> list[int]:
    """Return the positions of the float operands."""
    return [k for k, p in enumerate(f.params) if is_float(p.type)]


def directions(like: Numbers, seed: int) -> list[Any]:
    """Return random numbers in the shapes and dtypes of others."""
    rng = np.random.default_rng(seed)
    made = [np.asarray(rng.uniform(0.5, 1.5, np.shape(x))) for x in like]
    return [m.astype(np.asarray(x).dtype)[()] for m, x in zip(made, like, strict=True)]


def is_zero(x: Any) -> bool:
    """Tell whether a number is a plain 0; the caller gets it in the right dtype."""
    return type(x) in (int, float) and x == 0


def assert_alike(got: Any, want: Any, rtol: float) -> None:
    """Assert dtype, shape and numbers; with `rtol` 0 bit for bit."""
    assert np.asarray(got).dtype == np.asarray(want).dtype
    assert np.shape(got) == np.shape(want)
    sizes = np.abs(np.asarray(want) * 1.0)
    scale = np.max(sizes, initial=0.0, where=np.isfinite(want))
    np.testing.assert_allclose(got, want, rtol, rtol * scale)


# checks


def check_value(sample: Sample, f: Function, args: Numbers) -> None:
    """Assert the value that NumPy gives; what we compute ourselves is near it."""
    call = compiled(f)
    with told(sample, call):
        (want,), (got,) = run(f, *copies(args)), call(*args)
        spelled = ROWS[sample.row].spell
        name = spelled if isinstance(spelled, str) else sample.row
        own = hasattr(readable, name.partition("(")[0])
        near = 1e-5 if np.asarray(want).dtype == np.float32 else 1e-12
        assert_alike(got, want, near if own else 0.0)


def slopes_of(
    f: Function, g: Function, args: Numbers, wrt: Sequence[int], vs: Numbers
) -> Numbers:
    """Check the tangent of `f` against differences of `g`, which are NumPy's."""
    forward = compiled(tangent(f, wrt))
    value = run(g, *copies(args))
    chosen = floats(f)
    with told("the tangent", forward):
        slopes = forward(*args, *vs)[len(value) :]

        def curve(step: float) -> Any:
            ends = run(g, *moved(args, wrt, vs, step))
            return np.concatenate([np.ravel(ends[k]) for k in chosen])

        if any(f.params[k].type.dtype != "float64" for k in wrt):
            return slopes
        want, error = oracles.differentiate(curve)
        got = np.concatenate([np.ravel(s) for s in slopes])
        scale = np.max(np.abs(want), initial=1e-3)
        assert error <= 1e-5 * scale, f"differences do not settle: {error}"
        np.testing.assert_allclose(got, want, 0, 1e-8 * scale + 10 * error)
        for s, k in zip(slopes, chosen, strict=True):
            assert np.shape(s) == np.shape(value[k])
            assert is_zero(s) or np.asarray(s).dtype == np.asarray(value[k]).dtype
    return slopes


def check_adjoint(
    f: Function, args: Numbers, wrt: Sequence[int], vs: Numbers, slopes: Numbers,
    exact: float = 1e-12,
) -> Function:  # fmt: skip
    """Check the adjoint against the tangent: `<J v, w>` is `<v, J' w>`."""
    if "float32" in {f.params[k].type.dtype for k in wrt}:
        exact = 1e-6
    value, chosen = run(f, *copies(args)), floats(f)
    back = run_passes(differentiate(f, wrt, chosen))
    call = compiled(back)
    with told("the adjoint", call):
        ws = directions([value[k] for k in chosen], 17)
        gradients = call(*args, *ws)[len(value) :]
        for g, k in zip(gradients, wrt, strict=True):
            assert np.shape(g) == np.shape(args[k])
            assert is_zero(g) or np.asarray(g).dtype == np.asarray(args[k]).dtype
        left, right = dot(slopes, ws), dot(gradients, vs)
        pairs = zip(gradients, vs, strict=True)
        size = sum(float(np.sum(np.abs(g * v))) for g, v in pairs)
        size += sum(
            float(np.sum(np.abs(s * w))) for s, w in zip(slopes, ws, strict=True)
        )
        assert abs(left - right) <= exact * (size + 1e-3), f"{left} is not {right}"
    return back


def check_sample(sample: Sample, second: bool = True) -> None:
    """Check value, first and second derivatives of one use of a row."""
    f = sample.function()
    args = sample.arguments(f, 5)
    check_value(sample, f, args)
    wrt = moving(f)
    if not wrt or not floats(f) or sample.row in STILL:
        return
    vs = directions([args[k] for k in wrt], 3)
    slopes = slopes_of(f, f, args, wrt, vs)
    back = check_adjoint(f, args, wrt, vs, slopes)
    for k, v in zip(wrt, vs, strict=True) if len(wrt) > 1 else ():
        check_adjoint(f, args, [k], [v], compiled(tangent(f, [k]))(*args, v)[1:])
    if not second:
        return
    both = moving(back)
    given = [*args, *directions(run(f, *copies(args)), 23)]
    vs = directions([given[k] for k in both], 29)
    slopes = slopes_of(back, back, given, both, vs)
    check_adjoint(back, given, both, vs, slopes, 1e-11)


def check_narrow(sample: Sample) -> None:
    """Check that a row in float32 stays there, near what it is in float64."""
    wide, f = sample.function(), sample.function(narrow=True)
    args, wrt = sample.arguments(wide, 5), moving(f)
    narrow = [np.asarray(x).astype(p.type.dtype)[()] if is_float(p.type) else x
              for x, p in zip(args, f.params, strict=True)]  # fmt: skip
    check_value(sample, f, narrow)
    if not wrt or not floats(f) or sample.row in STILL:
        return
    ws = directions([run(wide, *copies(args))[0]], 17)
    want = compiled(differentiate(wide, wrt))(*args, *ws)[1:]
    z = run(f, *copies(narrow))[0]
    back = compiled(differentiate(f, wrt))
    with told("the adjoint", back):
        got = back(*narrow, *(w.astype(np.asarray(z).dtype) for w in ws))[1:]
        for g, h, k in zip(got, want, wrt, strict=True):
            assert is_zero(g) or np.asarray(g).dtype == f.params[k].type.dtype
            scale = np.max(np.abs(h), initial=0.1)
            np.testing.assert_allclose(g, h, 0, 2e-5 * scale)


TESTED = [n for n in ROWS if n not in DRAWS]


@pytest.mark.parametrize("name", [n for n in TESTED if n not in COMPLEX])
def test_row(name: str) -> None:
    """All samples of a row; a row without any is not allowed."""
    found = samples(name)
    assert found, f"the row {name} has no samples"
    for k, sample in enumerate(found):
        with told(sample):
            check_sample(sample, second=k < 12 or k % 7 == 0)


@pytest.mark.parametrize("name", [n for n in TESTED if n not in NUMBERS | {"cast"}])
def test_row_in_single_precision(name: str) -> None:
    """Nothing in a row of float32 operands is computed in float64, or given so."""
    for sample in samples(name)[:12]:
        with told(sample):
            check_narrow(sample)


# kinks and ties: SEMANTICS section 2

INF, NAN = math.inf, math.nan
HALF = [0.5, 0.5, 0.0]
# Row, attributes, operands, and what each of these gets from a cotangent of ones.
KINKS: list[tuple[str, dict[str, Any], Numbers, Numbers]] = [
    ("maximum", {}, ([0.0, 1.0, 2.0], [0.0, 2.0, 1.0]), ([0.5, 0, 1], [0.5, 1, 0])),
    ("minimum", {}, ([0.0, 1.0, 2.0], [0.0, 2.0, 1.0]), ([0.5, 1, 0], [0.5, 0, 1])),
    ("fmax", {}, ([0.0, NAN, 2.0], [0.0, 2.0, NAN]), ([0.5, 0, 1], [0.5, 1, 0])),
    ("fmin", {}, ([0.0, NAN, 2.0], [0.0, 2.0, NAN]), ([0.5, 0, 1], [0.5, 1, 0])),
    ("max2", {}, (1.0, 1.0), (1.0, 0.0)),
    ("min2", {}, (1.0, 1.0), (1.0, 0.0)),
    ("max", {}, ([1.0, 1.0, 0.0],), (HALF,)),
    ("max", {"axis": (0,)}, ([1.0, 1.0, 0.0],), (HALF,)),
    ("max", {"axis": (1,)}, ([[1.0, 1.0, 0.0], [3.0, 3.0, 3.0]],),
     ([HALF, [1 / 3] * 3],)),
    ("min", {"axis": (0, 1)}, ([[1.0, 1.0], [2.0, 1.0]],),
     ([[1 / 3] * 2, [0, 1 / 3]],)),
    # The quotients round to 10.
    ("fmod", {}, ([1.0, -1.0], [0.1, 0.1]), ([1, 1], [-9, 9])),
    ("absolute", {}, ([-2.0, 0.0, 2.0],), ([-1, 0, 1],)),
    ("fabs", {}, ([-2.0, 0.0, 2.0],), ([-1, 0, 1],)),
    ("sqrt", {}, ([0.0, 4.0],), ([INF, 0.25],)),
    ("cbrt", {}, ([0.0, 8.0],), ([INF, 1 / 12],)),
    ("log", {}, ([0.0],), ([INF],)),
    ("arcsin", {}, ([1.0],), ([INF],)),
    ("arccos", {}, ([1.0],), ([-INF],)),
    ("pow", {}, ([0.0, -2.0, 0.0], 2), ([0, -4, 0], None)),
    ("pow", {}, ([0.0, -1.0], 2.0), ([0, -2], [NAN])),
    ("pow", {}, ([0.0, -1.0, 3.0], 0), ([0, 0, 0], None)),
    ("pow", {}, ([0.0, -1.0, 3.0], 1), ([1, 1, 1], None)),
    ("pow", {}, (0.0, 0.0), (0.0, 0.0)),
    ("pow", {}, (-2.0, 2.0), (-4.0, NAN)),
    ("pow", {}, ([0.0], [0.5]), ([INF], [0.0])),
    ("hypot", {}, ([0.0, 3.0], [0.0, 4.0]), ([0, 0.6], [0, 0.8])),
    ("sinc", {}, ([0.0],), ([0],)),
    ("sign", {}, ([0.0, 1.0],), ([0, 0],)),
    ("norm", {}, ([0.0, 0.0],), ([0, 0],)),
    ("norm", {"axis": (1,)}, ([[0.0, 0.0], [3.0, 4.0]],), ([[0, 0], [0.6, 0.8]],)),
    ("norm", {"ord": 1}, ([0.0, -2.0],), ([0, -1],)),
    ("norm", {"ord": INF}, ([2.0, -2.0, 1.0],), ([0.5, -0.5, 0],)),
    ("norm", {"ord": INF}, ([0.0, 0.0],), ([0, 0],)),
    ("clip", {}, ([-1.0, 0.0, 0.5, 1.0, 2.0], 0.0, 1.0), ([0, 1, 1, 1, 0], 1, 1)),
    ("prod", {}, ([0.0, 2.0, 3.0],), ([6, 0, 0],)),
    ("prod", {}, ([0.0, 0.0, 3.0],), ([0, 0, 0],)),
    ("prod", {"axis": (1,)}, ([[0.0, 2.0], [3.0, 0.0]],), ([[2, 0], [0, 3]],)),
    ("cumprod", {}, ([0.0, 2.0, 3.0],), ([9, 0, 0],)),
    ("cumprod", {}, ([2.0, 0.0, 3.0],), ([1, 8, 0],)),
    ("var", {}, ([1.0, 1.0],), ([0, 0],)),
    ("std", {}, ([1.0, 1.0],), ([0, 0],)),
    ("std", {"axis": (0,)}, ([[1.0, 0.0], [1.0, 2.0]],), ([[0, -0.5], [0, 0.5]],)),
    ("mod", {}, ([7.0], [2.0]), ([1], [-3])),
    ("copysign", {}, ([2.0, -2.0], [-1.0, 1.0]), ([-1, -1], [0, 0])),
    ("logaddexp", {}, ([0.0], [0.0]), ([0.5], [0.5])),
    ("arctan2", {}, ([0.0], [-1.0]), ([-1], [0])),
    ("xlogy", {}, ([0.0, 0.0, 2.0], [0.5, 0.0, 2.0]),
     ([math.log(0.5), -INF, math.log(2.0)], [0, 0, 1])),
    ("logsumexp", {}, ([-INF, 0.0],), ([0, 1],)),
    ("det", {}, ([[1.0, 2.0], [2.0, 4.0]],), ([[4, -2], [-2, 1]],)),
    ("det", {}, ([[0.0, 0.0], [0.0, 0.0]],), ([[0, 0], [0, 0]],)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attrs", "given", "want"), KINKS)
def test_kink(name: str, attrs: dict[str, Any], given: Numbers, want: Numbers) -> None:
    """The convention of each kink and tie; None: no derivative is asked for."""
    args = [np.array(x) if isinstance(x, list) else x for x in given]
    specs = [
        f"={x}" if w is None else "float" if np.ndim(x) == 0
        else ",".join(map(str, np.shape(x)))
        for x, w in zip(args, want, strict=True)
    ]  # fmt: skip
    f = Sample(name, tuple(specs), attrs).function()
    args = [x for x, w in zip(args, want, strict=True) if w is not None]
    back = compiled(differentiate(f, moving(f)))
    with told(name, back):
        z = run(f, *copies(args))[0]
        found = back(*args, np.ones_like(z)[()])[1:]
        for got, due in zip(found, [w for w in want if w is not None], strict=True):
            np.testing.assert_allclose(
                got, np.reshape(due, np.shape(got)), 1e-12, 1e-15
            )


# what a rule keeps

SHAPE_ONLY = ["mean", "sum", "cumsum", "stack", "concatenate", "repeat", "tile", "copy",
              "flip", "diagonal", "reshape", "broadcast_to", "take_along_axis", "trace",
              "diag", "roll"]  # fmt: skip


@pytest.mark.parametrize("name", SHAPE_ONLY)
def test_shapes_are_not_kept(name: str) -> None:
    """A rule that reads only the shape of an operand leaves its numbers alone."""
    for sample in samples(name):
        f = sample.function()
        if not floats(f) or not moving(f):
            continue
        back = differentiate(f, moving(f))
        inputs = {f.params[k] for k in moving(f)}
        assert back.cut is not None
        for stmt in back.body.stmts[back.cut :]:
            still = isinstance(stmt, Op) and stmt.row in ("dim", "zeros_like")
            assert still or not inputs.intersection(operands(stmt)), f"{sample}: {stmt}"
