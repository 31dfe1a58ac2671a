# mypy: allow-untyped-defs, allow-untyped-calls
"""Loops in segments and functions run again: less memory, the same gradients."""

import importlib
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import srcgrad
from srcgrad import specialise
from srcgrad.adjoint import checkpoint
from srcgrad.builder import INT
from srcgrad.errors import ArgumentError, SrcgradError, TapeBudgetError
from srcgrad.ir import Const
from tests.cases import CASES, Case

inlining: Any = importlib.import_module("srcgrad.passes.inline_calls")

Fun = Callable[..., Any]


def recurrence(x, n):
    s = x
    for i in range(n):
        s = np.sin(s) * 1.1 + x * i
    return s


def with_steps(x, n):
    s, t = x, x
    for i in range(2, 3 * n, 3):
        s = s * np.cos(s) + i
    for i in range(n, -n, -2):
        t = t * np.sin(t) + i * x
    return s * t


def downwards(x, n):
    s = x
    for i in range(n - 1, -1, -1):
        s = s * np.cos(s) + i
    return s


def step_given(x, n, step=2):
    s = x
    for i in range(1, n, step):
        s = s * np.cos(s) + i
    return s


def several_carried(x, n):
    a, b, c = x, 2 * x, 1.0
    for _ in range(n):
        a, b = b, np.sin(a) * b
        c = c + a * b
    return a + b + c


def with_branches(x, n):
    s = x
    for i in range(n):
        if i % 3 == 0:
            s = s * s
        elif s > 0.5:
            s = np.sin(s)
        else:
            s = s + x
    return s


def helper(s, x):
    return np.exp(-s * s) * x


def with_helper(x, n):
    s = x
    for _ in range(n):
        s = helper(s, x) + s
    return s


def in_an_arm(x, n):
    s = x
    if x > 0:
        for _ in range(n):
            s = np.sin(s) + x
    return s * s


def two_loops(x, n):
    s = x
    for _ in range(n):
        s = np.sin(s) + x
    t = s
    for _ in range(n):
        t = t * np.cos(t * s)
    return t


def nested(x, n):
    s = x
    for i in range(n):
        for _ in range(i):
            s = s + np.sin(s) * 0.1
        s = s * x
    return s


def counted(x, n):
    s, k = x, 0
    for _ in range(n):
        k = k + 2
        s = np.sin(s) * k
    return s


def left_early(x, n):
    s = x
    for _ in range(n):
        s = s * 1.3 + np.sin(s)
        if s > 5.0:
            break
    return s


def until(x, n):
    s, k = x, 0
    while k < n and s < 5.0:
        s = s * 1.3 + np.sin(s)
        k = k + 1
    return s


def field(u, n):
    u = u.copy()
    for _ in range(n):
        u[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) * u[1:-1]
    return (u * u).sum()


def field_in_place(u, n):
    for _ in range(n):
        for i in range(1, len(u) - 1):
            u[i] = u[i] * u[i - 1] + 0.1 * u[i + 1] * u[i]
    return (u * u).sum()


def ping_pong(u, n):
    v = u.copy()
    for _ in range(n):
        for i in range(1, len(u) - 1):
            v[i] = np.sin(u[i - 1]) * u[i + 1]
        u, v = v, u
    return (u * v).sum()


def rebound(u, n):
    for _ in range(n):
        u = np.tanh(u) * 1.2
    return u.sum()


def reads_rows(u, n):
    s = 1.0
    for t in range(n):
        s = np.sin(s * u[t % len(u)]) + u[0]
    return s


def writes_rows(u, n):
    y, s = np.zeros(n + 1), 1.0
    for t in range(n):
        s = np.sin(s * u[t % len(u)])
        y[t] = s * s
    return (y * y).sum()


def prefix(u, n):
    y = np.ones(n + 2)
    for t in range(1, n + 1):
        y[t] = np.sin(y[t - 1]) * u[t % len(u)]
    return y.sum()


def read_after(u, n):
    y, s = u.copy(), 1.0
    for t in range(n):
        s = np.sin(s) * y[t % len(u)]
    y[:] = s * y
    return (y * s).sum()


def with_view(u, n):
    row = u[1:4]
    s = u[0]
    for t in range(n):
        s = np.sin(s) * row[t % 3] + (row * row).sum()
    return s


NUMBERS: list[Fun] = [
    recurrence, with_steps, downwards, step_given, several_carried, with_branches,
    with_helper, in_an_arm, two_loops, nested, counted, left_early, until,
]  # fmt: skip
ARRAYS: list[Fun] = [
    field, field_in_place, ping_pong, rebound, reads_rows, writes_rows, prefix,
    read_after, with_view,
]  # fmt: skip
START = np.array([0.3, 0.7, 0.5, 0.2, 0.9])


def start(function: Fun) -> Any:
    """Return a first argument for a function."""
    return 0.4 if function in NUMBERS else START.copy()


Cutting = Callable[[int, int], None]


@pytest.fixture
def cutting(monkeypatch: pytest.MonkeyPatch) -> Cutting:
    """Make loops be cut in segments of so many turns, at a level, fit or not."""

    def cut(steps: int, level: int) -> None:
        loops = partial(checkpoint.cut_loops, level=level, checked=False)

        def forced(*args: Any) -> Any:
            return loops(*args[:6])

        monkeypatch.setattr(specialise, "cut_loops", forced)
        if steps:
            always = Const(steps, INT)
            monkeypatch.setattr(checkpoint._Cutter, "steps", lambda *_: always)

    return cut


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Note the loops that are cut."""
    found: list[Any] = []
    write = checkpoint._Cutter.write

    def noted(self: Any, loop: Any, *rest: Any) -> None:
        found.append(loop)
        write(self, loop, *rest)

    monkeypatch.setattr(checkpoint._Cutter, "write", noted)
    return found


def agree(function: Fun, turns: int, *, backend: str = "python") -> None:
    """Check value and gradient with a budget against those without."""
    plain = srcgrad.value_and_grad(function, backend=backend, cache=False)
    small = plain.with_options(memory_budget="1GB")
    value, slope = plain(start(function), turns)
    assert small(start(function), turns)[0] == value
    np.testing.assert_array_equal(small(start(function), turns)[1], slope)


@pytest.mark.parametrize("function", NUMBERS + ARRAYS)
@pytest.mark.parametrize(("steps", "level"), [(3, 1), (0, 2)])
def test_gradients_are_those_without_a_budget(
    function: Fun, steps: int, level: int, cutting: Cutting, cuts: list[Any]
) -> None:
    """They are the same to the bit: the same operations are run again."""
    cutting(steps, level)
    for turns in (0, 1, 3, 8, 23):
        agree(function, turns)
    assert cuts or function in (left_early, until)


@pytest.mark.parametrize("function", [with_steps, ping_pong])
def test_compiled_gradients_too(function: Fun, cutting: Cutting) -> None:
    """Kernels take segments as they take other loops."""
    cutting(3, 1)
    for turns in (1, 7, 23):
        agree(function, turns, backend="numba")


@pytest.mark.parametrize("function", [recurrence, nested, rebound, field, writes_rows])
def test_second_order(function: Fun, cutting: Cutting) -> None:
    """What runs a segment again is itself differentiated."""
    plain = srcgrad.differentiable(function, backend="python", cache=False)
    small = plain.with_options(memory_budget="1GB")
    cutting(3, 1)
    direction = 0.7 if function in NUMBERS else np.cos(START)
    for turns in (1, 2, 11):
        product = plain.hvp(start(function), direction, turns)
        again = small.hvp(start(function), direction, turns)
        np.testing.assert_allclose(again, product, rtol=1e-12)


def test_pullback_and_aux(cutting: Cutting) -> None:
    """A vjp keeps the starts of segments; `has_aux` changes nothing."""
    cutting(4, 1)

    def both(x, n):
        s = recurrence(x, n)
        return s, s * s

    value, pullback = srcgrad.vjp(both, 0.4, 30, backend="python", memory_budget=9)
    plain, pull = srcgrad.vjp(both, 0.4, 30, backend="python")
    assert value == plain
    for g in ((1.0, 0.0), (0.5, 2.0)):
        assert pullback(g)[0] == pull(g)[0]
    slope = srcgrad.grad(both, has_aux=True, backend="python", memory_budget=9)
    assert slope(0.4, 30) == (pull((1.0, 0.0))[0], value[1])


def test_callers_arrays_stay(cutting: Cutting) -> None:
    """What a segment changes is not the caller's."""
    cutting(2, 1)
    u = START.copy()
    srcgrad.grad(field_in_place, backend="python", memory_budget=9)(u, 9)
    np.testing.assert_array_equal(u, START)


def test_prints_once(capsys: pytest.CaptureFixture[str], cutting: Cutting) -> None:
    """What is run again does not print again."""
    cutting(2, 1)

    def shown(x, n):
        for i in range(n):
            x = np.sin(x) * 1.1
            print("turn", i)
        return x

    srcgrad.grad(shown, backend="python", memory_budget=9)(0.4, 3)
    assert capsys.readouterr().out.split("\n") == ["turn 0", "turn 1", "turn 2", ""]


def peak(function: Any, *args: Any) -> int:
    """Return how many bytes a call takes at most."""
    function(*args)
    tracemalloc.start()
    function(*args)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def test_memory_follows_the_budget() -> None:
    """What fits is kept whole; else the peak is a root of what it was."""
    plain = srcgrad.grad(recurrence, backend="python")
    whole = peak(plain, 0.4, 20_000)
    assert whole > 160_000
    for budget, most in (("160KB", whole), (159_999, 5_000), ("2KB", 3_000)):
        small = plain.with_options(memory_budget=budget)
        assert peak(small, 0.4, 20_000) <= most
        assert small(0.4, 20_000) == plain(0.4, 20_000)
    with pytest.raises(TapeBudgetError, match=r"line \d+ keeps more than `memory"):
        plain.with_options(memory_budget=100)(0.4, 20_000)
    u = np.linspace(0.1, 0.9, 1_000)
    plain = srcgrad.grad(field, backend="python")
    assert peak(plain, u, 100) > 100 * 8_000
    small = plain.with_options(memory_budget="250KB")
    assert peak(small, u, 100) < 250_000 + 8 * 8_000


_MILLION = """
import resource, sys
import numpy as np, srcgrad
from tests.test_checkpoint import rebound

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

slope = srcgrad.grad(rebound, memory_budget="16MB", backend="numba")
u = np.linspace(0.1, 0.9, 100)
assert np.array_equal(slope(u, 2000), srcgrad.grad(rebound, backend="numba")(u, 2000))
before = most()
assert np.all(np.isfinite(slope(u, 1_000_000)))
print((most() - before) * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="there is no `resource`")
def test_a_million_steps_in_sixteen_megabytes() -> None:
    """A state of a hundred floats would fill 800 MB; a process of its own tells."""
    command = [sys.executable, "-c", _MILLION]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 16e6


def test_loops_inside_loops_are_cut_where_the_outer_one_is_short() -> None:
    """Ten turns of 500 steps each: what a turn keeps is cut too."""

    def epochs(x, n, m):
        s = x
        for _ in range(n):
            for _ in range(m):
                s = np.sin(s) * 1.1 + x
        return s

    plain = srcgrad.grad(epochs, backend="python")
    small = plain.with_options(memory_budget="4KB")
    assert peak(plain, 0.4, 10, 500) > 40_000
    assert peak(small, 0.4, 10, 500) < 4_000
    for n, m in ((10, 500), (0, 0), (3, 0), (0, 3)):
        assert small(0.4, n, m) == plain(0.4, n, m)


def test_gradients_inside_keep_to_the_budget() -> None:
    """A gradient taken inside another function is cut as well, and a pullback is."""
    small = srcgrad.grad(recurrence, backend="python", memory_budget="2KB")
    outer = srcgrad.value_and_grad(lambda x: small(x, 300) ** 2, backend="python")
    plain = srcgrad.grad(recurrence, backend="python")
    assert outer(0.4)[0] == plain(0.4, 300) ** 2
    twice = srcgrad.grad(small, backend="python")(0.4, 300)
    assert twice == pytest.approx(srcgrad.grad(plain, backend="python")(0.4, 300))
    pullback = srcgrad.vjp(recurrence, 0.4, 300, backend="python", memory_budget="2KB")
    assert pullback[1](1.0)[0] == plain(0.4, 300)


def test_text_reads_like_the_loop() -> None:
    """The backward text runs a segment again, then back."""
    slope = srcgrad.grad(recurrence, backend="python", memory_budget=800)
    assert "steps" not in slope.source(0.4, 9)
    slope(0.4, 200)
    for line in (
        "steps = max(1, int(math.pow(turns * 0.5, 0.5)))",
        "for k in range(segments):",
        "s_saved[k] = s",
        "for k in range(segments - 1, -1, -1):",
        "s_saved_2[i - first] = s_2",
        "for i in range(last - 1, first - 1, -1):",
    ):
        assert line in slope.backward_source


@pytest.mark.parametrize("size", ["64 MB", "-3MB", "much", "MB", -1, 1.5, True, [4]])
def test_sizes_that_are_none_are_refused(size: Any) -> None:
    """The error says how a size is written."""
    with pytest.raises(ArgumentError, match=r"memory_budget is (.|\n)*'64MB'"):
        srcgrad.grad(recurrence, memory_budget=size)


def test_sizes() -> None:
    """Units are those of disks, or powers of two with an i."""
    for size, number in (("64MB", 64_000_000), ("1.5KiB", 1536), (7, 7), (None, None)):
        options = srcgrad.grad(recurrence, memory_budget=size).options
        assert options.memory_budget == number


@srcgrad.checkpoint
def changed_copy(x):
    y = x.copy()
    y[0] = 3.0 * y[1]
    return y * y


def reads_later(x, n):
    h, s = np.sin(x), 0.0
    for _ in range(n):
        y = changed_copy(h)
        s = s + (y * h).sum()
        h = np.cos(h) * y
    return s


def test_what_is_read_later_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call changes none of its arguments; it is noticed if one does."""
    agree(reads_later, 7)
    right = srcgrad.grad(reads_later, backend="python")(START, 7)
    without = inlining._without_copies

    def taken(function: Any, free: Any) -> Any:
        return without(function, [True] * len(free))

    monkeypatch.setattr(inlining, "_without_copies", taken)
    slope = srcgrad.grad(reads_later, backend="python", cache=False)
    with pytest.raises((AssertionError, SrcgradError)):
        np.testing.assert_allclose(slope(START, 7), right)


def test_a_segment_too_short_is_noticed(
    monkeypatch: pytest.MonkeyPatch, cutting: Cutting
) -> None:
    """The tester under test: each turn belongs to one segment."""
    cutting(3, 1)
    segment = checkpoint._Cutter.segment

    def shorter(self: Any, loop: Any) -> Any:
        made = segment(self, loop)
        assert made is not None
        first, last, *rest = made.params
        return replace(made, params=(last, first, *rest))

    monkeypatch.setattr(checkpoint._Cutter, "segment", shorter)
    with pytest.raises(AssertionError):
        agree(recurrence, 23)


CUTTABLE = [c for c in CASES if not (c.refused or c.raises or c.scale)]


@pytest.mark.long
@pytest.mark.parametrize("case", CUTTABLE, ids=lambda case: case.name)
@pytest.mark.parametrize("level", [1, 2])
def test_every_case_in_segments(case: Case, level: int, cutting: Cutting) -> None:
    """All of the catalogue in segments of two turns."""
    cutting(2, level)
    inputs = [case.make(np.random.default_rng(0)) for _ in range(2)]
    options: Any = {"argnums": case.argnums, "backend": "python", "cache": False}
    with np.errstate(all="ignore"):
        plain = srcgrad.value_and_grad(case.function, **options)(*inputs[0])
        options["memory_budget"] = 9
        small = srcgrad.value_and_grad(case.function, **options)(*inputs[1])
    for one, other in zip(numbers(small), numbers(plain), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def numbers(tree: Any) -> list[Any]:
    """Return the numbers and arrays of a result."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if hasattr(tree, "__dataclass_fields__"):
        tree = [getattr(tree, name) for name in tree.__dataclass_fields__]
    if isinstance(tree, tuple | list):
        return [x for item in tree for x in numbers(item)]
    return [] if tree is None else [tree]


# `checkpoint`


@srcgrad.checkpoint
def layer(h, w):
    a = np.tanh(h @ w)
    return np.exp(-a * a) * a, a.sum()


def network(w, x):
    total = 0.0
    for _ in range(3):
        x, s = layer(x, w)
        total = total + s
    return (x * x).sum() + total


def network_plain(w, x):
    total = 0.0
    for _ in range(3):
        a = np.tanh(x @ w)
        x, s = np.exp(-a * a) * a, a.sum()
        total = total + s
    return (x * x).sum() + total


@pytest.mark.parametrize("backend", ["python", "numba"])
def test_checkpoint_changes_no_derivative(backend: str) -> None:
    """Value, gradient, pullback, tangent and second order are as without it."""
    rng = np.random.default_rng(3)
    w, v, x = rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), rng.normal(size=(5, 4))
    one = srcgrad.differentiable(network, backend=backend)
    two = srcgrad.differentiable(network_plain, backend=backend)
    assert one(w, x) == pytest.approx(network(w, x), rel=1e-14)
    np.testing.assert_allclose(one.grad(w, x), two.grad(w, x), rtol=1e-13)
    if backend == "numba":  # each kind takes seconds to compile
        return
    np.testing.assert_allclose(one.vjp(w, x)[1](2.0)[1], two.vjp(w, x)[1](2.0)[1])
    tangents = [f.jvp((w, x), (v, x))[1] for f in (one, two)]
    assert tangents[0] == pytest.approx(tangents[1], rel=1e-12)
    np.testing.assert_allclose(one.hvp(w, v, x), two.hvp(w, v, x), rtol=1e-11)


def test_checkpoint_keeps_arguments_alone() -> None:
    """The text computes the inside again behind the line of the backward sweep."""
    text = srcgrad.grad(network, backend="python").source(np.eye(4), np.ones((5, 4)))
    forward, backward = text.split("# backward")
    assert "a_saved" not in text
    assert "np.tanh" in forward
    assert "np.tanh" in backward


def test_checkpoint_is_the_function() -> None:
    """Outside of gradients, and for names and documentation."""
    assert layer.__name__ == "layer"
    assert layer(np.ones((1, 4)), np.eye(4))[1] == pytest.approx(4 * np.tanh(1.0))


def test_checkpoint_in_place() -> None:
    """A function may be wrapped where it is called, captures are watched."""
    scale = 2.0

    def inner(x):
        return np.sin(x) * scale

    again = srcgrad.checkpoint(inner)
    slope = srcgrad.grad(lambda x: again(again(x)), backend="python")
    assert slope(0.3) == 4 * np.cos(0.3) * np.cos(2 * np.sin(0.3))
    scale = 3.0
    assert slope(0.3) == pytest.approx(9 * np.cos(0.3) * np.cos(3 * np.sin(0.3)))


def test_checkpoint_of_what_changes_arguments_is_refused() -> None:
    """The error says what to do instead."""

    @srcgrad.checkpoint
    def change(x):
        x[0] = 2.0 * x[1]
        return x.sum()

    with pytest.raises(SrcgradError, match=r"changes an argument(.*\n)*help: return"):
        srcgrad.grad(lambda x: change(x), backend="python")(np.ones(3))


def test_checkpoint_that_returns_one_container_under_two_names_is_refused() -> None:
    """Plain Python would see a change to one through the other."""
    given = srcgrad.checkpoint(lambda d: d)

    @srcgrad.checkpoint
    def twice(x):
        items = [x[0], x[1]]
        return items, {"again": items}

    def first(x):
        d = {"p": x * 2.0}
        e = given(d)
        e["p"] = x * 3.0
        return (d["p"] * x).sum()

    def second(x):
        one, other = twice(x)
        other["again"][0] = 5.0 * x[2]
        return one[0] * x[1]

    for program in (first, second):
        with pytest.raises(SrcgradError, match="returns a container it was given"):
            srcgrad.grad(program, backend="python")(np.ones(3))


@srcgrad.checkpoint
def parts(x):
    return x, x[1:], x * 2.0


@srcgrad.custom_vjp
def same(x):
    return x


@same.defvjp
def same_vjp(g, z, x):
    return g


def test_results_in_the_memory_of_arguments() -> None:
    """Read both, or write one and read that: to read the other then is refused."""

    def fine(x):
        y = x * 2.0
        z, part, own = parts(y)
        own[0] = y[1]
        w = same(z * part[0])
        w[1] = w[0] * own[0]
        return (w * own).sum() + (y * z).sum() + part.sum()

    def whole(x):
        y = x * 2.0
        z = parts(y)[0]
        z[0] = 5.0 * z[1]
        return y.sum()

    def part(x):
        z, end, _ = parts(x * 2.0)
        z[1] = 5.0 * z[0]
        return end.sum()

    def ruled(x):
        y = x * 2.0
        z = same(y)
        y[0] = 5.0 * y[1]
        return z.sum()

    x = np.array([0.5, 1.5, -0.7])
    srcgrad.check_grads(fine, (x,), order=2, backend="python")
    for function in (whole, part, ruled):
        with pytest.raises(SrcgradError, match=r"SG403.*may share its memory"):
            srcgrad.grad(function, backend="python")(x)


def test_checkpoint_of_lengths_it_makes_itself() -> None:
    """Results may be of any length; those of one are learned."""

    def pairs_plain(x, k):
        return x[k:] * x[:-k], np.outer(x[:k], x)

    pairs = srcgrad.checkpoint(pairs_plain)

    def f(x, k):
        a, b = pairs(x, k)
        return (a * a).sum() + (b * np.arange(b.shape[1])).sum()

    def g(x, k):
        a, b = pairs_plain(x, k)
        return (a * a).sum() + (b * np.arange(b.shape[1])).sum()

    x = START.copy()
    for k in (1, 2, 3):
        slopes = [srcgrad.grad(h, backend="python")(x, k) for h in (f, g)]
        np.testing.assert_array_equal(*slopes)
