"""Run a function under every check that a compiled gradient must pass.

`check_case(case, backend)` takes a case of the catalogue through value, gradient,
cotangents, the dot-product test, repeated runs and second order, by the public
interface alone, and raises an AssertionError that says which case, which check, what
came out and what was due. `check_function` judges any scalar function and returns an
`Outcome` instead: random programs use it.
"""

import sys
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import srcgrad
from tests import oracles
from tests.cases import Case

Backend = Literal["python", "numba"]
Args = tuple[Any, ...]
SEED = 1
NOISE = 4e-16  # relative, of an argument: two units in the last place


@dataclass(frozen=True)
class Trial:
    """Hold a case on a backend, and what its plain run gave."""

    case: Case
    backend: Backend
    value: Any = None
    after: Args = ()

    @property
    def rtol(self) -> float:
        """How far the value may be from the plain one: not at all in CPython."""
        return 0.0 if self.backend == "python" else self.case.rtol

    @property
    def compiled(self) -> Any:
        """The differentiable function, whose call is the value."""
        return srcgrad.differentiable(self.case.function, backend=self.backend)

    def fresh(self) -> Args:
        """Return new arguments, the same ones each time."""
        return self.case.make(np.random.default_rng(SEED))

    def value_and_grad(self, argnums: oracles.Argnums) -> Callable[..., Any]:
        """Return the compiled value and gradient with respect to `argnums`."""
        function, backend = self.case.function, self.backend
        made: Callable[..., Any]
        made = srcgrad.value_and_grad(function, argnums=argnums, backend=backend)
        return made

    def vjp(self, args: Args) -> tuple[Any, Callable[[Any], Any]]:
        """Return the compiled value and the pullback to all arguments."""
        made: tuple[Any, Callable[[Any], Any]]
        given = self.as_floats(args)
        made = srcgrad.vjp(self.case.function, *given, backend=self.backend)
        return made

    def jvp(self, args: Args) -> tuple[Any, Any]:
        """Return the compiled value and its tangent along random ones."""
        tangents = tangents_of(self, args, np.random.default_rng(SEED))
        made: tuple[Any, Any]
        given = self.as_floats(args)
        made = srcgrad.jvp(self.case.function, given, tangents, backend=self.backend)
        return made

    def as_floats(self, args: Args) -> Args:
        """Return the arguments as a gradient takes them: ints at argnums as floats."""
        active = oracles.positions(self.case.argnums, len(args))
        return tuple(
            float(x) if type(x) is int and place in active else x
            for place, x in enumerate(args)
        )

    def narrow(self) -> bool:
        """Return whether float32 takes part, in arguments or by the case's figure."""
        floats = [leaf for _, leaf in oracles.leaves(self.fresh())]
        floats = [leaf for leaf in floats if oracles.is_float_leaf(leaf)]
        sizes = [np.asarray(leaf).dtype.itemsize for leaf in floats]
        return min(sizes, default=8) < 8 or self.case.rtol >= 1e-7


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of functions that meet nan, inf and zero on purpose."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def stage(trial: Trial, what: str) -> Iterator[None]:
    """Name the case, the backend and the check in whatever goes wrong inside."""
    label = f"{trial.case.name} [{trial.backend}], {what}"
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{label}: {error}") from None
    except Exception as error:
        error.add_note(f"in {label}")
        raise


def check_case(
    case: Case,
    backend: Backend,
    *,
    second_order: bool = False,
    repeats: int = 2,
    transforms: bool = True,
) -> None:
    """Assert everything that is promised of one case on one backend.

    Without `transforms` vjp and jvp are left out: they are compiled apart.
    """
    with quiet():
        trial = Trial(case, backend)
        if case.refused is not None:
            with stage(trial, "refusal"):
                check_refused(trial)
            return
        if case.raises is not None:
            with stage(trial, "exceptions"):
                check_raises(trial, transforms)
            return
        after = trial.fresh()
        trial = Trial(case, backend, case.function(*after), after)
        with stage(trial, "value"):
            check_value(trial)
        with stage(trial, "gradient"):
            gradient = check_gradient(trial)
        if transforms:
            with stage(trial, "cotangents"):
                check_cotangents(trial, gradient)
            with stage(trial, "dot-product test"):
                check_dot_product(trial)
        with stage(trial, "repeated runs"):
            check_repeats(trial, repeats)
        if second_order and case.smooth:
            check_second_order(trial)


# Value, exceptions, refusals


def check_value(trial: Trial) -> None:
    """Assert value and side effects of the plain run."""
    args = trial.fresh()
    value = trial.compiled(*args)
    oracles.assert_same_value(value, trial.value, trial.rtol)
    oracles.assert_same_value(args, trial.after, trial.rtol, "arguments after the run")


def caught(call: Callable[[], Any]) -> Exception | None:
    """Return the exception that a call raises, or None."""
    try:
        call()
    except Exception as error:
        return error
    return None


def check_raises(trial: Trial, transforms: bool = True) -> None:
    """Assert the plain run's exception from value, gradient, vjp and jvp alike."""
    case, after = trial.case, trial.fresh()
    plain = caught(lambda: case.function(*after))
    assert case.raises is not None
    assert isinstance(plain, case.raises), f"the plain run gave {plain!r}"
    args = trial.fresh()
    same_exception(caught(lambda: trial.compiled(*args)), plain, "value")
    oracles.assert_same_value(args, after, trial.rtol, "arguments after the value")
    calls: dict[str, Callable[[Args], Any]] = {
        "gradient": lambda args: trial.value_and_grad(case.argnums)(*args)
    }
    if transforms:
        calls |= {"vjp": trial.vjp, "jvp": trial.jvp}
    for what, call in calls.items():
        args = trial.fresh()
        before = oracles.snapshot(args)
        same_exception(caught(lambda c=call, a=args: c(a)), plain, what)  # type: ignore[misc]
        oracles.assert_untouched(args, before)


def same_exception(got: Exception | None, plain: Exception, what: str) -> None:
    """Assert the type of the plain run's exception; our own stands for unbound only."""
    unbound = isinstance(plain, UnboundLocalError)
    right = type(got) is type(plain) or (unbound and isinstance(got, UnboundLocalError))
    assert right, f"{what} gave {got!r}, the plain run raises {plain!r}"


def check_refused(trial: Trial) -> None:
    """Assert that the gradient is refused before anything runs."""
    code = trial.case.function.__code__
    entered: list[str] = []

    def watch(frame: types.FrameType, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code is code:
            entered.append(code.co_name)

    args = trial.fresh()
    before, old = oracles.snapshot(args), sys.getprofile()
    sys.setprofile(watch)
    try:
        error = caught(lambda: trial.value_and_grad(trial.case.argnums)(*args))
    finally:
        sys.setprofile(old)
    reason = trial.case.refused
    assert error is not None, (
        f"the gradient was accepted; if it is right, the case no longer waits for "
        f"{reason!r}: drop `refused`"
    )
    assert is_refusal(error), f"want a refusal ({reason}), got {error!r}"
    assert not entered, "the function ran before it was refused"
    oracles.assert_untouched(args, before)


def is_refusal(error: BaseException | None) -> bool:
    """Return whether an exception says no to a program; our own bugs do not count."""
    ours = isinstance(error, srcgrad.errors.SrcgradError)
    return ours and not isinstance(error, srcgrad.errors.BackendError)


# Gradient


def check_gradient(trial: Trial) -> Any:
    """Assert form and numbers of the gradient and return it."""
    case, args = trial.case, trial.fresh()
    before = oracles.snapshot(args)
    compiled: Any = trial.value_and_grad(case.argnums)
    value, gradient = compiled(*args)
    compile(compiled.backward_source, case.name, "exec")
    oracles.assert_untouched(args, before)
    oracles.assert_same_value(value, trial.value, trial.rtol, "value with the gradient")
    check_form(gradient, oracles.pick(args, case.argnums), args)
    if case.expected is not None:
        want = conform(case.expected(*trial.fresh()), gradient)
        rtol = max(100.0 * case.rtol, 1e-4 if trial.narrow() else 1e-10)
        oracles.assert_same_value(gradient, want, rtol, "gradient against `expected`")
    if case.smooth:
        check_slope(trial, gradient)
    return gradient


def check_form(gradient: Any, argument: Any, args: Args, where: str = "") -> None:
    """Assert structure, shape and dtype of the argument, in new arrays of their own."""
    below = oracles.children(argument)
    if below is not None:
        want, got = type(argument).__name__, type(gradient).__name__
        assert type(gradient) is type(argument), f"gradient{where}: {got}, not {want}"
        beside = oracles.children(gradient) or []
        labels = [name for name, _ in beside]
        assert labels == [name for name, _ in below], f"gradient{where} has {labels}"
        for (label, part), (_, child) in zip(beside, below, strict=True):
            check_form(part, child, args, where + label)
    elif not oracles.is_float_leaf(argument):
        assert gradient is None, f"gradient{where} of {argument!r}: {gradient!r}"
    else:
        check_leaf_form(gradient, argument, args, where)


def check_leaf_form(gradient: Any, argument: Any, args: Args, where: str) -> None:
    """Assert that the gradient of one float leaf is like it, and nobody else's."""
    assert oracles.is_float_leaf(gradient), f"gradient{where}: {gradient!r}"
    form, want = [
        (np.asarray(leaf).dtype, np.shape(leaf)) for leaf in (gradient, argument)
    ]
    assert form == want, f"gradient{where}: dtype and shape {form}, want {want}"
    if not isinstance(argument, np.ndarray):
        return
    assert isinstance(gradient, np.ndarray), f"gradient{where}: not an array"
    assert gradient.flags.writeable, f"gradient{where} is read-only"
    assert gradient.flags.c_contiguous, f"gradient{where} is not in C order"
    assert not isinstance(gradient.base, np.ndarray), f"gradient{where} is a view"
    for path, leaf in oracles.leaves(args):
        shared = isinstance(leaf, np.ndarray) and np.may_share_memory(gradient, leaf)
        assert not shared, f"gradient{where} shares memory with args{path}"


def conform(want: Any, gradient: Any) -> Any:
    """Return the numbers of `want` in the dtypes of the gradient."""

    def like(mine: Any, theirs: Any) -> Any:
        array = np.asarray(theirs).astype(np.asarray(mine).dtype)
        return array if isinstance(mine, np.ndarray) else array[()]

    return oracles.tree_map(like, gradient, want)


def check_slope(trial: Trial, gradient: Any) -> None:
    """Assert the derivative along a random direction against differences."""
    case, args = trial.case, trial.fresh()
    rng = np.random.default_rng(SEED)
    direction = oracles.random_direction(args, case.argnums, rng)
    slope, error = oracles.directional(case.function, args, case.argnums, direction)
    got = oracles.tree_dot(gradient, direction)
    scale = oracles.tree_norm(gradient) * oracles.tree_norm(direction)
    narrow = trial.narrow()
    limit = (1e-2 if narrow else 1e-5) * max(np.nan_to_num(scale), 1e-3)
    assert error <= limit, (
        f"the differences do not settle: {slope:.12g} +- {error:.2g} along a random "
        f"direction (gradient: {got:.12g}); a case with kinks says `smooth=False`"
    )
    rtol = max(100.0 * case.rtol, 1e-4 if narrow else 1e-9)
    if not abs(got - slope) <= rtol * scale + 10.0 * error + 1e-13:
        raise AssertionError(
            f"along a random direction got {got:.12g}, want {slope:.12g} "
            f"(+- {error:.1g})\n{worst_elements(trial, gradient)}"
        )


def worst_elements(trial: Trial, gradient: Any, count: int = 5) -> str:
    """Return a table of the elements at which the gradient is furthest off."""
    case = trial.case
    numbers = oracles.tree_vector(gradient)
    found = oracles.gradient_by_differences(case.function, trial.fresh(), case.argnums)
    rows = [
        (-abs(got - want), f"  {path or 'x'}: got {got:.12g}, want {want:.12g}")
        for got, (path, want, _) in zip(numbers, found, strict=False)
    ]
    rows.sort(key=lambda row: -np.inf if np.isnan(row[0]) else row[0])
    return "\n".join(text for _, text in rows[:count])


# Cotangents and tangents


def check_cotangents(trial: Trial, gradient: Any) -> None:
    """Assert that the pullback is the gradient times the cotangent, exactly."""
    args = trial.fresh()
    before = oracles.snapshot(args)
    out, pullback = trial.vjp(args)
    oracles.assert_same_value(out, trial.value, trial.rtol, "value of vjp")
    pulled = pull(pullback, 1.0, out)
    assert isinstance(pulled, tuple), f"the pullback gave {pulled!r}, want a tuple"
    assert len(pulled) == len(args), f"{len(pulled)} cotangents, {len(args)} arguments"
    counts = counting(trial, args)
    for place in set(range(len(args))) - counts:
        argument = oracles.pick(args, place)
        check_form(pulled[place], argument, args, f" of vjp [{place}]")
    rtol = max(trial.case.rtol, 1e-4 if trial.narrow() else 1e-12)
    places = oracles.positions(trial.case.argnums, len(args))
    gradients = (gradient,) if isinstance(trial.case.argnums, int) else gradient
    for place, want in zip(places, gradients, strict=True):
        where = f"pullback of 1 and gradient, argument {place}"
        oracles.assert_same_value(pulled[place], want, rtol, where)
    for factor in (2.0, -0.5, 1.0):
        got = pull(pullback, factor, out)
        want = scaled(pulled, factor)
        oracles.assert_same_value(scaled(got, 1.0), want, 0.0, f"pullback of {factor}")
    oracles.assert_untouched(args, before)


def scaled(tree: Any, factor: float) -> Any:
    """Return a multiple in the dtypes of the tree, with 0 for -0."""
    return oracles.tree_map(lambda leaf: leaf * type_of(leaf, factor) + 0, tree)


def counting(trial: Trial, args: Args) -> set[int]:
    """Return the places of Python ints that are counts, not numbers to differentiate.

    The gradient takes an int at its argnums as a float; elsewhere it is a leaf like
    any other that is no float, with cotangent and tangent None.
    """
    active = oracles.positions(trial.case.argnums, len(args))
    ints = [place for place, argument in enumerate(args) if type(argument) is int]
    return set(ints) - set(active)


def pull(pullback: Callable[[Any], Any], cotangent: float, out: Any) -> Any:
    """Return the pullback of a number in the dtype of the result."""
    return pullback(type_of(out, cotangent))


def type_of(leaf: Any, number: float) -> Any:
    """Return a number as a scalar of the leaf's dtype."""
    return number if type(leaf) is float else np.asarray(leaf).dtype.type(number)


def choose(cotangents: tuple[Any, ...], argnums: oracles.Argnums) -> Any:
    """Return the cotangents of the arguments at `argnums`."""
    places = oracles.positions(argnums, len(cotangents))
    chosen = tuple(cotangents[place] for place in places)
    return chosen[0] if isinstance(argnums, int) else chosen


def tangents_of(trial: Trial, args: Args, rng: np.random.Generator) -> Args:
    """Return random tangents at the case's argnums and zeros elsewhere."""
    everywhere = tuple(range(len(args)))
    drawn = oracles.random_direction(args, everywhere, rng)
    active = oracles.positions(trial.case.argnums, len(args))
    counts = counting(trial, args)
    tangents = [
        part if place in active else oracles.tree_map(lambda leaf: leaf * 0, part)
        for place, part in enumerate(drawn)
    ]
    return tuple(None if n in counts else part for n, part in enumerate(tangents))


def check_dot_product(trial: Trial) -> None:
    """Assert <J v, w> = <v, J' w>: forward and reverse mode are one derivative.

    Where a cotangent is not finite neither side means anything.
    """
    args, rng = trial.fresh(), np.random.default_rng(SEED)
    tangents = tangents_of(trial, args, rng)
    w = float(rng.standard_normal())
    before = oracles.snapshot(args)
    function, backend = trial.case.function, trial.backend
    given = trial.as_floats(args)
    out, tangent = srcgrad.jvp(function, given, tangents, backend=backend)
    oracles.assert_untouched(args, before)
    oracles.assert_same_value(out, trial.value, trial.rtol, "value of jvp")
    oracles.assert_same_value(
        tangent, conform(tangent, trial.value), 0.0, "form of the tangent"
    )
    _, pullback = trial.vjp(trial.fresh())
    pulled = pull(pullback, w, out)
    if not np.all(np.isfinite(oracles.tree_vector(pulled))):
        return
    argnums = trial.case.argnums
    v, back = choose(tangents, argnums), choose(pulled, argnums)
    left, right = float(tangent) * w, oracles.tree_dot(v, back)
    scale = max(abs(left), oracles.tree_norm(v) * oracles.tree_norm(back))
    rtol = 1e-5 if trial.narrow() else 1e-12
    assert abs(left - right) <= rtol * scale, (
        f"<J v, w> = {left:.17g}, <v, J' w> = {right:.17g}, rtol {rtol:g}"
    )


def check_repeats(trial: Trial, repeats: int) -> None:
    """Assert the same bits from every run, on the same and on equal arguments."""
    call = trial.value_and_grad(trial.case.argnums)
    args = trial.fresh()
    first = call(*args)
    for run in range(1, repeats + 1):
        # A random generator among the arguments may move on: then only equal ones do.
        again = call(*(args if run == 1 and not draws(args) else trial.fresh()))
        oracles.assert_same_value(again, first, 0.0, f"run {run + 1}")


def draws(args: Args) -> bool:
    """Return whether a random generator is among the arguments."""
    kinds = [isinstance(x, np.random.Generator) for _, x in oracles.leaves(args)]
    return any(kinds)


# Second order


def check_second_order(trial: Trial) -> None:
    """Assert Hessian-vector products against differences of the gradient."""
    count = len(trial.fresh())
    for place in oracles.positions(trial.case.argnums, count):
        with stage(trial, f"second order in argument {place}"):
            check_hvp(trial, place)


def check_hvp(trial: Trial, place: int) -> None:
    """Assert one Hessian-vector product, and the symmetry of the Hessian."""
    args, rng = trial.fresh(), np.random.default_rng(SEED)
    v, w = (oracles.random_direction(args, place, rng) for _ in range(2))
    product = srcgrad.hvp(trial.case.function, place, backend=trial.backend)
    start = oracles.pick(args, place)

    def along(direction: Any) -> Any:
        given = trial.fresh()  # a Generator among them moves on
        before = oracles.snapshot(given)
        made = product(given[place], direction, *given[:place], *given[place + 1 :])
        oracles.assert_untouched(given, before)
        return made

    along_v, along_w = along(v), along(w)
    check_form(along_v, start, args, " of the gradient")
    gradient = trial.value_and_grad(place)

    def curve(step: float) -> Any:
        there = oracles.moved(trial.fresh(), place, v, step)
        return oracles.tree_vector(gradient(*there)[1])

    want, error = oracles.differentiate(curve)
    got = oracles.tree_vector(along_v)
    narrow, numbers = trial.narrow(), np.append(got, curve(0.0))
    size = float(np.max(np.abs(numbers[np.isfinite(numbers)]), initial=0.0))
    assert error <= (1e-2 if narrow else 1e-4) * max(size, 1e-3), (
        f"the differences of the gradient do not settle (+- {error:.2g})"
    )
    rtol = max(100.0 * trial.case.rtol, 1e-3 if narrow else 1e-7)
    off = np.abs(got - want)
    worst = int(np.argmax(np.nan_to_num(off, nan=np.inf))) if off.size else 0
    assert np.all(off <= rtol * size + 10.0 * error + 1e-12), (
        f"component {worst}: got {got[worst]:.12g}, want {want[worst]:.12g} "
        f"(+- {error:.1g})"
    )
    left, right = oracles.tree_dot(w, along_v), oracles.tree_dot(v, along_w)
    size *= oracles.tree_norm(v) * oracles.tree_norm(w)
    assert abs(left - right) <= (1e-3 if narrow else 1e-9) * size, (
        f"the Hessian is not symmetric: <w, H v> = {left:.12g}, <v, H w> = {right:.12g}"
    )


# Any scalar function, such as a random program

KINDS = ("right", "refused", "wrong_value", "wrong_gradient", "wrong_second", "crash")


@dataclass(frozen=True)
class Outcome:
    """Say what became of a program: one of KINDS, with what is to be seen."""

    kind: str
    detail: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is right or honestly refused."""
        return self.kind in ("right", "refused")


def check_function(
    function: Callable[..., Any],
    args: Args,
    argnums: tuple[int, ...],
    backend: Backend,
    *,
    second: bool = False,
) -> Outcome:
    """Return how the compiled function compares with the plain one and the oracles.

    The second order taken is that of the first argument of `argnums`.
    """
    # One object for both: it reads the source once.
    subject = srcgrad.differentiable(function, argnums=argnums, backend=backend)
    steps: dict[str, Callable[[], str]] = {
        "wrong_value": lambda: value_fault(subject, args, backend),
        "wrong_gradient": lambda: gradient_fault(subject, args, argnums),
        "wrong_second": lambda: second_fault(function, args, argnums[0], backend),
    }
    with quiet():
        for kind, step in steps.items():
            if kind == "wrong_second" and not second:
                continue
            try:
                fault = step()
            except AssertionError as error:
                fault = str(error) or "an assertion failed"
            except Exception as error:
                text = "".join(traceback.format_exception(error))
                if is_refusal(error):
                    return Outcome("refused", str(error))
                return Outcome("crash", f"{kind[6:]}: {text}")
            if fault:
                return Outcome(kind, fault)
    return Outcome("right")


def value_fault(subject: Any, args: Args, backend: Backend) -> str:
    """Return what is wrong with the compiled value and its side effects, or ""."""
    function = subject.__wrapped__
    plain, mine = oracles.copy_tree(args), oracles.copy_tree(args)
    want = function(*plain)
    got = subject(*mine)
    rtol = 0.0 if backend == "python" else 1e-12
    try:
        oracles.assert_same_value((got, mine), (want, plain), rtol, "value, arguments")
    except AssertionError as error:
        if backend == "python":
            return str(error)
        # Rounding differs in grade 3: as far as it carries, the program carries it.
        reach = 1e-12 + 100.0 * sensitivity(function, args)
        oracles.assert_same_value((got, mine), (want, plain), reach, "value, arguments")
    return ""


def shaken(args: Args, noise: float) -> Args:
    """Return copies of arguments with relative errors of size `noise` in the floats."""
    rng = np.random.default_rng(SEED)

    def shake(leaf: Any) -> Any:
        return leaf * (1.0 + noise * rng.choice([-1.0, 1.0], np.shape(leaf)))

    shaken_args: Args = oracles.tree_map(shake, oracles.copy_tree(args))
    return shaken_args


def sensitivity(function: Callable[..., Any], args: Args) -> float:
    """Return how far rounding errors of the arguments move results, relatively."""
    results = []
    for noise in (0.0, NOISE, -NOISE, 2 * NOISE):
        mine = shaken(args, noise)
        results.append(oracles.tree_vector((function(*mine), mine)))
    gaps = [np.max(np.abs(other - results[0])) for other in results[1:]]
    return float(max(gaps) / np.max(np.abs(results[0])))


def gradient_fault(subject: Any, args: Args, argnums: Sequence[int]) -> str:
    """Return what is wrong with the gradient, or ""."""
    function, places = subject.__wrapped__, tuple(argnums)
    mine = oracles.copy_tree(args)
    before = oracles.snapshot(mine)
    _, gradient = subject.value_and_grad(*mine)
    oracles.assert_untouched(mine, before)
    check_form(gradient, oracles.pick(mine, places), mine)
    rng = np.random.default_rng(SEED)
    direction = oracles.random_direction(args, places, rng)
    got = oracles.tree_dot(gradient, direction)
    scale = oracles.tree_norm(gradient) * oracles.tree_norm(direction)

    def differences(steps: Sequence[float]) -> tuple[float, float]:
        return oracles.directional(function, args, places, direction, steps=steps)

    def exact(noise: float) -> float | None:
        number = exact_or_none(function, args, places, direction, noise)
        return None if number is None else number.first

    return verdict(got, scale, exact, differences)


def exact_or_none(
    function: Callable[..., Any],
    args: Args,
    argnums: oracles.Argnums,
    direction: Any,
    noise: float,
) -> oracles.Dual | None:
    """Return exact derivatives along a direction, or None where duals do not reach."""
    try:
        return oracles.exact_derivatives(
            function, shaken(args, noise), argnums, direction, direction
        )
    except (TypeError, AttributeError, ValueError):
        return None


def second_fault(
    function: Callable[..., Any], args: Args, place: int, backend: Backend
) -> str:
    """Return what is wrong with a Hessian-vector product, or ""."""
    gradient = srcgrad.value_and_grad(function, argnums=place, backend=backend)
    mine = oracles.copy_tree(args)
    others = mine[:place] + mine[place + 1 :]
    rng = np.random.default_rng(SEED + 1)
    v = oracles.random_direction(args, place, rng)
    before = oracles.snapshot(mine)
    hessian = srcgrad.hvp(function, place, backend=backend)
    product = hessian(oracles.pick(mine, place), v, *others)
    oracles.assert_untouched(mine, before)
    check_form(product, oracles.pick(mine, place), mine)
    got = oracles.tree_dot(product, v)
    scale = oracles.tree_norm(product) * oracles.tree_norm(v)
    steepness = oracles.tree_norm(gradient(*oracles.copy_tree(args))[1])

    def curve(step: float) -> Any:
        moved = oracles.moved(args, place, v, step)
        return oracles.tree_dot(gradient(*moved)[1], v)

    def differences(steps: Sequence[float]) -> tuple[float, float]:
        slope, error = oracles.differentiate(curve, steps)
        return float(slope), error

    def exact(noise: float) -> float | None:
        number = exact_or_none(function, args, place, v, noise)
        return None if number is None else number.mixed

    return verdict(got, max(scale, steepness), exact, differences)


def verdict(
    got: float,
    scale: float,
    exact: Callable[[float], float | None],
    differences: Callable[[Sequence[float]], tuple[float, float]],
) -> str:
    """Return "" if a derivative is right, else what was got and what was due.

    The exact number decides where there is one, give or take what rounding noise in
    the arguments does to it. What disagrees with it, or has none, is compared with
    differences at ordinary steps and then at fine ones: a chaotic program is right at
    the fine ones only.
    """
    scale = max(scale, 1e-3)
    want = exact(0.0)
    if want is not None:
        gap = abs(got - want)
        if gap <= 1e-9 * scale:
            return ""
        near = [exact(noise) or 0.0 for noise in (NOISE, -NOISE, 2 * NOISE)]
        if gap <= 100.0 * max(abs(other - want) for other in near):
            return ""
    found = []
    for steps in (oracles.STEPS, oracles.FINE_STEPS):
        slope, error = differences(steps)
        found.append(f"{slope:.10g} +- {error:.1g}")
        if error <= 1e-3 * scale and abs(got - slope) <= 1e-8 * scale + 10.0 * error:
            return ""
    truth = "none" if want is None else f"{want:.12g}"
    return f"got {got:.12g}, exact {truth}, differences {', '.join(found)}"
