"""The kernel text computes what the readable text computes, for the whole catalogue.

`python -m tests.test_kernel [--numba] [name ...]` prints what differs; with names it
prints their texts too.
"""

import cmath
import copy
import importlib
import inspect
import math
import re
import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import scipy.fft
import scipy.interpolate
import scipy.linalg
import scipy.signal
import scipy.special
import scipy.stats

import srcgrad
import srcgrad.runtime as runtime
from srcgrad import ir
from srcgrad.emit.kernel import emit_kernel, used_runtime
from srcgrad.emit.python import emit_python
from srcgrad.emit.writer import Line
from srcgrad.ir import NOWHERE, Function
from srcgrad.passes import KERNEL, run_passes
from srcgrad.runtime import readable, vmath, vmath32
from srcgrad.specialise import Specialisation
from srcgrad.types import Dim
from tests.cases import CASES, Case


class Lenient(types.SimpleNamespace):
    """`math` or `cmath` as Numba has it: nan and inf where Python raises."""

    home: Any = math

    def __getattr__(self, name: str) -> Any:
        there = getattr(self.home, name)
        if not callable(there):
            return there
        other = {"asin": "arcsin", "acos": "arccos", "acosh": "arccosh",
                 "atanh": "arctanh", "pow": "power"}.get(name, name)  # fmt: skip

        def call(*args: Any) -> Any:
            single = any(isinstance(a, np.float32 | np.complex64) for a in args)
            if single and hasattr(np, other):
                return getattr(np, other)(*args)
            try:
                found = there(*args)
                # What Numba divides by zero is infinite.
                return np.float64(found) if type(found) is float else found
            except (ValueError, OverflowError):
                return getattr(np, other)(*args)

        return call


ELEMENTARY = [getattr(m, name) for m in (vmath, vmath32) for name in m.__all__]


def plain_runtime(name: str) -> Any:
    """Return a runtime kernel as plain Python; a dtype at the end is for Numba."""
    kernels = runtime.plain()
    short = name.removeprefix("rt_")
    numpys = getattr(np, short.removesuffix("f"), None)
    if isinstance(numpys, np.ufunc) and kernels.get(short) in ELEMENTARY:
        return numpys  # ours are exact fractions in CPython: test_vmath.py has them
    if short in kernels:
        return kernels[short]
    return kernels[short.rpartition("_")[0]]


# In the package the name of a pass is that of its function.
(
    calls_first, clear_late, fuse, gather, hoist, narrow, recompute, settle_lengths,
    sum_rows, tabulate, transpose,
) = (
    importlib.import_module(f"srcgrad.passes.{name}")
    for name in (
        "calls_first", "clear_late", "fuse", "gather", "hoist", "narrow", "recompute",
        "settle_lengths", "sum_rows", "tabulate", "transpose",
    )
)  # fmt: skip


def text_of(lines: list[Line]) -> str:
    return "\n".join(text for text, _ in lines) + "\n"


def function_of(text: str, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """Return a function of a text."""
    space = {"np": np, "math": math, "cmath": cmath, "fft": scipy.fft, **names}
    space |= {"linalg": scipy.linalg, "special": scipy.special}
    space |= {"interpolate": scipy.interpolate, "signal": scipy.signal}
    space["stats"] = scipy.stats
    exec(compile(text, f"<{name}>", "exec"), space)
    made: Callable[..., Any] = space[name]
    return made


def as_readable(function: Function) -> Callable[..., Any]:
    helpers = {n: getattr(readable, n) for n in readable.__all__}
    return function_of(text_of(emit_python(function)), function.name, helpers)


def as_plain(function: Function) -> Callable[..., Any]:
    lines = emit_kernel(run_passes(function, KERNEL))
    names = {n: plain_runtime(n) for n in used_runtime(lines)}
    names |= {"math": Lenient(), "cmath": Lenient(home=cmath)}
    return function_of(text_of(lines), f"{function.name}_kernel", names)


def as_compiled(function: Function) -> Callable[..., Any]:
    from numba import njit

    lines = emit_kernel(run_passes(function, KERNEL))
    space = runtime.compiled()
    names = {n: getattr(space, n.removeprefix("rt_")) for n in used_runtime(lines)}
    made = function_of(text_of(lines), f"{function.name}_kernel", names)
    compiled: Callable[..., Any] = njit(error_model="numpy")(made)
    return compiled


def special(case: Case) -> tuple[Specialisation, list[Any], tuple[str, ...]]:
    """Return a case read for its arguments, their leaves, and which are chosen."""
    f = srcgrad.differentiable(case.function, argnums=case.argnums, backend="python")
    call = f.bind(case.make(np.random.default_rng(1)), {})
    while True:
        made = f.find(call)
        flat = made.raw(call.leaves)
        try:
            run(as_readable(made.final(made.primal)), flat)
        except AssertionError as error:
            if not f.learn(made, error):
                raise
            continue
        return made, flat, call.names


def fresh(leaves: Sequence[Any], compiled: bool) -> list[Any]:
    """Return arguments that nobody shares; Numba's floats divide as NumPy's do."""

    def one(x: Any) -> Any:
        if isinstance(x, np.ndarray) and x.ndim:
            return np.array(x, order="C")
        if isinstance(x, np.ndarray):
            return x.reshape(1).copy()  # one element holds an array of rank 0
        if isinstance(x, np.random.Generator):
            return copy.deepcopy(x)  # it moves on
        return np.float64(x) if compiled and isinstance(x, float) else x

    return [one(x) for x in leaves]


def run(
    function: Callable[..., Any], leaves: Sequence[Any], compiled: bool = False
) -> list[Any]:
    """Return the results of a readable or compiled function as a list."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        out = function(*fresh(leaves, compiled))
    return list(out) if isinstance(out, tuple) else [out]


def functions(
    made: Specialisation, leaves: list[Any], names: tuple[str, ...]
) -> Iterator[tuple[Function, list[Any]]]:
    """Yield the IR of the value and of the gradient, with arguments."""
    value = made.final(made.primal)
    yield value, leaves
    if made.wrt(names) and made.seeds:
        results = run(as_readable(value), leaves)
        rng = np.random.default_rng(0)
        given = []
        for k in made.seeds:
            shape = np.shape(results[k])
            dtype = np.dtype(made.reading.function.results[k].type.dtype)
            noise = rng.normal(size=shape) if shape else rng.normal()
            given.append(np.asarray(noise, dtype) if shape else dtype.type(noise))
        yield made.final(made.adjoint(names, made.seeds)), [*leaves, *given]


def differs(due: list[Any], found: list[Any], rtol: float, exact: bool = True) -> str:
    """Return how two lists of results differ, or nothing."""
    if len(due) != len(found):
        return f"{len(found)} results, not {len(due)}"
    for k, (a, b) in enumerate(zip(due, found, strict=True)):
        if np.shape(a) != np.shape(b):
            return f"result {k}: shape {np.shape(b)}, not {np.shape(a)}"
        if isinstance(a, np.ndarray) and a.dtype != b.dtype:
            return f"result {k}: {b.dtype}, not {a.dtype}"
        x, y = np.asarray(a, float), np.asarray(b, float)
        narrow = "float32" in (getattr(a, "dtype", ""), getattr(b, "dtype", ""))
        tolerance = 1e-4 if narrow else rtol
        scale = np.max(np.abs(x[np.isfinite(x)]), initial=1e-3)
        if not np.allclose(x, y, tolerance, tolerance * scale, equal_nan=True):
            return f"result {k}:\n{b}\nnot\n{a}"
    return ""


def problems(case: Case, numba: bool = False) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a case, and where."""
    for function, args in functions(*special(case)):
        wanted = run(as_readable(function), args)
        try:
            runner = as_compiled(function) if numba else as_plain(function)
            found = run(runner, args, compiled=True)
            message = differs(wanted, found, max(case.rtol, 1e-12))
        except Exception:
            message = traceback.format_exc(limit=-3)
        if message:
            yield function.name, message


SMOOTH = [
    case for case in CASES
    if case.refused is None and case.raises is None
]  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, marks=pytest.mark.long if c.long else ()) for c in SMOOTH],
    ids=lambda c: c.name,
)
def test_plain_run_of_the_kernel(case: Case) -> None:
    for where, message in problems(case):
        pytest.fail(f"{where}: {message}")


def same_ranges(self: Any, first: Any, second: Any) -> bool:
    """Join nests by their ranges alone, whatever memory they touch."""
    ones, others = fuse._common(first, second)
    return bool(ones) and self.range(ones) == self.range(others)


def unshifted(depth: int, nests: Any, i: Any) -> Any:
    """Let all nests add with one index, whichever elements they add to."""
    return [(n, {**names, n.loops[depth].var: i}) for n, names in nests]


def always_inside(self: Any, k: Any, n: Any, at: Any) -> Any:
    """Take all slices to end where they say."""
    return k if k.known is None or k.known >= 0 else n + k


def wherever(self: Any, fact: Any) -> None:
    """Take what was checked in one loop to hold in any other."""
    around = [*self.around, *self.around]
    given = {t.var: Dim.of(a.var) for t, a in zip(fact.turns, around, strict=False)}
    row, attrs, forms = fact.key
    key = row, attrs, tuple(d.put(given) for d in forms)
    self.known[key] = fact.result.put(given)


def any_place(self: Any, last: Any, stmt: Any) -> bool:
    """Take what was stored last, or read, to be what any statement is about."""
    return isinstance(stmt, ir.Read)


last_versions = hoist._Hoisting.last_versions


def forgotten(self: Any, body: Any, made: Any, ends: Any) -> Any:
    """Take no array to leave its block."""
    return last_versions(self, body, made, ())


def untransposed(self: Any, x: Any) -> Any:
    """Take what is transposed for the matrix itself."""
    return self.made.get(x, x)


def always(self: Any, *what: Any) -> bool:
    """Transpose whatever is walked down, compute again whatever changes."""
    return True


def unguarded(self: Any, loop: Any, inner: Any, used: Any) -> list[Any]:
    """Fill tables of loops that never turn."""
    return [self.length(s) for s in used]


def zero(self: Any, x: Any, path: Any, assumed: Any) -> bool:
    """Take what a loop is given to be zero."""
    return True


def one_part(self: Any, path: Any, loop: Any) -> bool:
    """Take a path to be about one part in all turns."""
    return True


def cleared_again(self: Any, take: Any, rest: Any) -> bool:
    """Take a part not to be read after it is added to."""
    return True


def unchanged(self: Any, read: Any, changed: Any) -> bool:
    """Take what a loop reads to be there before it."""
    return True


def its_own(self: Any, write: Any, loop: Any) -> bool:
    """Take each turn to store in a place of its own."""
    return True


def first_axis(self: Any, op: Any, accesses: Any) -> set[int]:
    """Let the first axis of an array go, whatever runs over it."""
    return {0} if accesses and op.out.type.rank > 1 else set()


@pytest.mark.parametrize(
    ("name", "target", "attribute", "broken", "noticed"),
    [
        ("to_and_fro_and_both_are_seen", clear_late._Plan, "is_zero", zero, "not"),
        ("to_and_fro_over_more_and_more", clear_late._Plan, "is_one", one_part, "not"),
        ("written_from_twice", clear_late._Plan, "reads_alone", cleared_again, "not"),
        (
            "product_of_what_the_loop_writes",
            calls_first._Splitting,
            "is_steady",
            unchanged,
            "not",
        ),
        (
            "product_through_one_place",
            calls_first._Splitting,
            "is_apart",
            its_own,
            "not",
        ),
        ("product_through_the_end", calls_first._Splitting, "is_apart", its_own, "not"),
        ("broadcast_on_store", narrow._Narrowing, "needless", first_axis, "not"),
        (
            "cut_off_at_the_end",
            settle_lengths._Settling,
            "end",
            always_inside,
            "bounds",
        ),
        ("checked_over_less", settle_lengths._Settling, "recall", wherever, "bounds"),
        ("checked_for_pairs", settle_lengths._Settling, "recall", wherever, "bounds"),
        ("write_through_slice_view", fuse._Joining, "same_place", any_place, "not"),
        ("kept_for_the_next_turn", hoist._Hoisting, "last_versions", forgotten, "not"),
        ("scaled_before_a_change", recompute._Plan, "stays", always, "not"),
        (
            "table_of_a_loop_without_turns",
            tabulate._Tabulating,
            "lengths",
            unguarded,
            "IndexError",
        ),
        ("columns_carried_on", transpose._Transposing, "plain", untransposed, "shape"),
        ("taken_as_a_whole", transpose._Layout, "is_made", always, "shape"),
        ("overlapping_shift_add", fuse._Joining, "may_join", same_ranges, "not"),
        ("burgers", fuse._Joining, "may_join", same_ranges, "not"),
        ("burgers", gather, "_shifted", unshifted, "IndexError: index"),
    ],
)
def test_broken_pass_is_noticed(
    name: str, target: Any, attribute: str, broken: Any, noticed: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (case,) = (c for c in SMOOTH if c.name == name)
    assert not list(problems(case))
    monkeypatch.setattr(target, attribute, broken)
    messages = [message for _, message in problems(case)]
    assert any(noticed in message for message in messages)
    # An error of the pass itself would tell nothing of its check.
    assert noticed != "not" or not any("Traceback" in m for m in messages), messages


@pytest.mark.parametrize("case", [c for c in SMOOTH if c.sample], ids=lambda c: c.name)
def test_compiled_kernel(case: Case) -> None:
    for where, message in problems(case, numba=True):
        pytest.fail(f"{where}: {message}")


def added_in_turns(c: Any, a: Any) -> Any:
    for k in range(len(a)):
        c[:] += a[k]
    return np.sum(c * c)


def test_what_an_element_holds_is_not_stored_again() -> None:
    call = srcgrad.differentiable(added_in_turns, argnums=(0, 1))
    text = call.source(np.ones(3), np.ones(2), stage="kernel")
    last = text[text.index("range(n_a - 1, -1, -1)") :]
    assert "d_a[k] +=" in last
    assert "d_c[" in last
    assert not re.search(r"d_c\[[^]]*\] [+*-]?= ", last)


def test_which_length_is_one_is_learned_in_order() -> None:
    """A check that moved past an earlier one made the wrong length one."""
    (case,) = (c for c in CASES if c.name == "squeezed_at_run_time")
    args = case.make(np.random.default_rng(0))
    found = [
        srcgrad.value_and_grad(case.function, argnums=case.argnums, backend=b)(*args)
        for b in ("python", "numba")
    ]
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(here, there, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "transposed"),
    [
        ("columns_made_orthogonal", {"a", "q", "d_a", "d_q"}),
        ("columns_carried_on", {"a", "b", "d_a", "d_b"}),
        ("columns_change_places", {"a", "old", "new", "d_a", "d_old", "d_new"}),
        ("walked_both_ways", set()),
        ("taken_as_a_whole", {"a", "d_a", "d_b"}),
        ("columns_of_the_air", {"u", "w", "c", "d", "d_u", "d_w", "d_c", "d_d"}),
        ("four_axes_walked_in_another_order", {"x", "y", "d_x", "d_y"}),
    ],
)
def test_arrays_that_loops_walk_down_are_transposed(
    name: str, transposed: set[str]
) -> None:
    (case,) = (c for c in SMOOTH if c.name == name)
    texts = (text_of(emit_kernel(run_passes(f, KERNEL)))
             for f, _ in functions(*special(case)))  # fmt: skip
    found = {n for text in texts for n in re.findall(r"(\w+)_t\b(?=\[)", text)}
    assert found == transposed


# Python's ints have no end; a kernel says where 64 bits do not do.


def grown(x: float, n: int) -> float:
    for _ in range(70):
        n = n * 3
    return x * n


def one_more(x: float, n: int) -> float:
    return x * (n + 1)


def to_a_power(x: float, n: int) -> Any:
    return x * 3**n


def turned(x: float, n: int) -> float:
    return x * (-n if n < 0 else n)


def absolute(x: float, n: int) -> float:
    return x * abs(n)


def opposite(x: float, n: int) -> float:
    return x * (n // (n % 2 - 1))


LARGE = [
    (grown, 0, 1), (one_more, 2, 2**63 - 1), (to_a_power, 2, 40),
    (turned, -2, -(2**63)), (absolute, -2, -(2**63)), (opposite, -2, -(2**63)),
]  # fmt: skip


@pytest.mark.parametrize(("function", "small", "large"), LARGE)
def test_int_beyond_64_bits_is_named(
    function: Callable[..., Any], small: int, large: int
) -> None:
    call = srcgrad.value_and_grad(function, backend="numba")
    assert call(0.5, small) == (function(0.5, small), function(1.0, small))
    lines, first = inspect.getsourcelines(function)
    last = first + len(lines) - 1
    with pytest.raises(OverflowError, match="beyond 64 bits") as caught:
        call(0.5, large)
    found = re.search(r"line (\d+)", str(caught.value))
    assert found
    assert first < int(found[1]) <= last


def test_a_name_of_an_int_and_of_a_small_dtype() -> None:
    """What its dtype does not hold is an error: it was wrapped, so 255 was the last."""

    def changes(x: Any, k: Any) -> Any:
        last, total = -1, 0.0
        for i in range(len(k)):
            total += x[i] if k[i] != last else 0.0
            last = k[i]
        return total

    def whole(x: Any, k: Any) -> Any:
        last, total = -1, 0.0
        for i in range(len(k)):
            total += x[i] if k[i] != last else 0.0
            last = int(k[i])
        return total

    x, k = np.ones(3), np.array([255, 255, 1], np.uint8)
    for backend in ("python", "numba"):
        with pytest.raises(
            OverflowError, match=r"write `int\(x\)` for what it is given"
        ):
            srcgrad.grad(changes, backend=backend)(x, k)
        np.testing.assert_array_equal(
            srcgrad.grad(whole, backend=backend)(x, k), [1, 0, 1]
        )


def shifted(x: Any, n: int) -> Any:
    total = 0.0
    for i in range(n):
        total = total + x[i + 5]
    return total


def doubled(x: Any, n: int) -> Any:
    total = 0.0
    for i in range(n):
        total = total + x[2 * i]
    return total


@pytest.mark.parametrize(
    ("function", "n"), [(shifted, 2**63 - 1), (doubled, 2**62 + 2)]
)
def test_checks_before_loops_do_not_wrap(function: Callable[..., Any], n: int) -> None:
    call = srcgrad.grad(function, backend="numba")
    with pytest.raises(IndexError, match="index 20 is out of bounds"):
        call(np.arange(20.0), n)


def between(x: Any, first: int, last: int) -> Any:
    total = 0.0
    for i in range(first, last):
        total = total + x[i]
    return total


def test_turns_that_64_bits_cannot_count_are_named() -> None:
    call = srcgrad.value_and_grad(between, backend="numba")
    assert call(np.arange(20.0), 3, 5)[0] == 7.0
    with pytest.raises(OverflowError, match="beyond 64 bits"):
        call(np.arange(20.0), 2, -(2**63) + 1)


def sliced_twice(x: Any, k: int) -> Any:
    k = max(0, k)
    first = x[:k][2]
    k = max(0, k - 3)
    return first * x[:k][2]


def test_what_is_known_of_a_slice_ends_with_its_bound() -> None:
    case = Case("sliced_twice", sliced_twice, lambda rng: (rng.normal(size=8), 6))
    made, _, _ = special(case)
    text = text_of(emit_kernel(made.kernel(made.primal)))
    assert text.count("rt_slice_length(n, 0, False, k, True, 1) < 3") == 2
    assert text.count("raise IndexError") == 2


def inverse(x: float, n: int) -> Any:
    return x * 2**n


def ragged(x: float, n: int) -> Any:
    row = np.array([x, x, x])
    items = [row]
    for _ in range(n):
        items.append(row[n - 2 :])
    return np.sum(items[n])


@pytest.mark.parametrize(
    ("function", "n", "what"),
    [(inverse, -1, "negative power"), (ragged, 3, "arrays of one shape")],
)
def test_what_kernels_cannot_do_is_named(
    function: Callable[..., Any], n: int, what: str
) -> None:
    call = srcgrad.value_and_grad(function, backend="numba")
    assert call(2.0, 2)[0] == function(2.0, 2)
    with pytest.raises(TypeError, match=what):
        call(2.0, n)


def counted(a: Any, n: int) -> Any:
    total, k = 0.0, 0
    for i in range(len(a) - 1):
        for j in range(i, len(a)):
            k += 2 if j > i else 1
            total = total + a[i + 1] * a[j] * (k % 7)
    return total * n


def test_lengths_and_counts_are_not_checked() -> None:
    case = Case("counted", counted, lambda rng: (rng.normal(size=3), 2))
    made, _, names = special(case)
    text = text_of(emit_kernel(made.kernel(made.adjoint(names, made.seeds))))
    assert not used_runtime([(text, NOWHERE)]) & {
        "rt_add",
        "rt_subtract",
        "rt_multiply",
    }


def told(x: float) -> float:
    total = 0.0
    for i in range(3):
        total = total + x * i
        print("turn", i, total)
    return total * total


def test_kernel_prints_what_the_plain_run_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    due = told(1.5)
    printed = capsys.readouterr().out
    assert srcgrad.value_and_grad(told, backend="numba")(1.5) == (due, 27.0)
    assert capsys.readouterr().out == printed


# Sums that a loop makes while it makes their items.


def square_sum(x: Any) -> Any:
    return np.sum(x * x)


def row_means(x: Any) -> Any:
    return np.mean(x * x, axis=-1)


def column_sums(x: Any) -> Any:
    return np.sum(x * x, axis=0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_in_loops_are_as_exact_as_numpys(dtype: str) -> None:
    call = srcgrad.differentiable(square_sum, backend="numba")
    for n in (0, 1, 100, 255, 256, 257, 5_000, 300_000):
        x = np.full(n, 0.1, dtype)
        exact = math.fsum(map(float, x * x))
        additions = 19 + max(0.0, math.log2(max(n, 1) / 128))
        found = call(x)
        assert abs(found - exact) <= additions * np.finfo(dtype).eps * exact
        assert found.dtype == dtype


def whole_of_columns(x: Any) -> Any:
    return np.max(np.sum(x * x, axis=0))


def test_sums_of_columns_of_short_floats_are_as_exact() -> None:
    for shape in ((300_000, 1), (300_000, 2), (2, 150_000, 2)):
        x = np.full(shape, 0.1, "float32")
        function = whole_of_columns if len(shape) == 2 else square_sum
        found = srcgrad.differentiable(function, backend="numba")(x)
        exact = float(x[0, 0] * x[0, 0] if x.ndim == 2 else x[0, 0, 0] ** 2) * 300_000
        exact *= 2 if x.ndim == 3 else 1
        assert abs(found - exact) <= 40 * np.finfo("float32").eps * exact


def test_sums_in_loops_along_axes() -> None:
    x = np.random.default_rng(0).normal(size=(7, 3, 600))
    for function in (square_sum, row_means, column_sums):
        call = srcgrad.differentiable(function, backend="numba")
        for part in (x, x[:, :, :0], x[:0]):
            with np.errstate(invalid="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                due = function(part)
            np.testing.assert_allclose(call(part), due, rtol=1e-14)


@pytest.mark.parametrize("item", [math.inf, -math.inf, math.nan, 1e200])
def test_sums_in_loops_keep_what_is_not_finite(item: float) -> None:
    call = srcgrad.differentiable(square_sum, backend="numba")
    for place in (0, 300, 599):
        x = np.ones(600)
        x[place] = item
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(call(x), np.sum(x * x))


def test_sums_are_made_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above notices sums of long rows."""
    monkeypatch.setattr(sum_rows, "ROW", 10**6)
    with pytest.raises(AssertionError):
        test_sums_in_loops_are_as_exact_as_numpys("float32")


def main(arguments: list[str]) -> None:
    """Print what differs over the catalogue, or the texts of some cases."""
    numba = "--numba" in arguments
    names = [a for a in arguments if not a.startswith("-")]
    chosen = [c for c in SMOOTH if not names or c.name in names]
    counts = {"right": 0, "wrong": 0}
    for case in chosen:
        if names:
            for function, _ in functions(*special(case)):
                print(text_of(emit_python(function)))
                print(text_of(emit_kernel(run_passes(function, KERNEL))))
        found = list(problems(case, numba))
        counts["wrong" if found else "right"] += 1
        for where, message in found:
            print(f"== {case.name} {where}: {message}", flush=True)
    print(counts)


if __name__ == "__main__":
    main(sys.argv[1:])
