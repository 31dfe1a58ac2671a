"""One function for one kind of arguments: read, differentiate, write, compile.

Everything here is made once and kept; a call only takes the arguments apart and runs
what was made.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from srcgrad.adjoint.checkpoint import LEVELS, cut_loops
from srcgrad.adjoint.reverse import differentiate
from srcgrad.adjoint.split import split
from srcgrad.adjoint.tangent import tangent
from srcgrad.analyses.activity import find_cut
from srcgrad.arguments import Signature, Specs, Values
from srcgrad.compile import numba, plain
from srcgrad.emit.module import ModuleText, python_module
from srcgrad.errors import SrcgradError, internal_error, make_error
from srcgrad.frontend.entry import Capture, Entry, Reading, read
from srcgrad.frontend.values import NeedStatic
from srcgrad.garbage import undisturbed
from srcgrad.ir import Function
from srcgrad.options import Options
from srcgrad.passes import (
    APART,
    FINAL,
    KERNEL,
    PIPELINE,
    PRIMAL,
    THREADS,
    Pass,
    drop_entry_checks,
    has_calls,
    inline_calls,
    run_passes,
)
from srcgrad.results import direction, fit, ready
from srcgrad.source import FunctionSource, returned
from srcgrad.trees import (
    SHAPE,
    Known,
    Lists,
    Node,
    Tree,
    is_float_leaf,
    leaves,
    outside,
    relabel,
    taken_apart,
)
from srcgrad.types import is_complex, is_float

M = TypeVar("M", bound=Callable[..., Any])
Ones = dict[str, int]  # which of the lengths that meet at a place is one
Names = tuple[str, ...]
NONE = ("static", Known(None))
BUDGET = "memory_budget"  # among lengths: at which level loops are cut


class Program(NamedTuple):
    """A function of the IR, and what it takes after leaves."""

    function: Function
    extra: Sequence[Any] = ()


def once(method: M) -> M:
    """Keep what a method returns, for each of its arguments, from the first thread."""

    def call(self: Specialisation, *args: Any) -> Any:
        key = (method.__name__, *args)
        if key not in self.made:
            with undisturbed():
                self.made.setdefault(key, method(self, *args))
        return self.made[key]

    return call  # type: ignore[return-value]


@dataclass(slots=True, eq=False)
class Specialisation:
    """A function for one kind of arguments.

    `specs` are the kinds by parameter, `arguments` by argument; `fixed` are the leaves
    whose values are compiled in, `written` the parameters that are written to.
    """

    source: FunctionSource
    specs: Specs
    arguments: Specs
    reading: Reading
    options: Options
    fixed: dict[str, Any]
    written: Sequence[int]
    ones: Ones = field(default_factory=dict)
    made: dict[Any, Any] = field(default_factory=dict)

    def raw(self, leaves: dict[str, Any]) -> list[Any]:
        """Return the numbers and arrays in arguments and captures, as they are."""
        return [*leaves.values(), *_present(self.reading.captures).values()]

    def ready(self, raw: Sequence[Any]) -> list[Any]:
        """Return numbers and arrays as generated code takes them."""
        return [ready(value, self.options.runner == "numba") for value in raw]

    def fresh(self, leaf: Callable[[str], Any]) -> bool:
        """Tell whether what was compiled in, and the kind of captures, still holds."""
        captures = self.reading.captures
        return (
            all(place.holds(x) for place, x in self.reading.statics)
            and all(c.holds() for c in captures)
            and all(_value(captures, leaf, n) == x for n, x in self.fixed.items())
        )

    def leaf(self, name: str) -> Any:
        """Return what was compiled in of an argument, or something of its shape."""
        shape = self.fixed.get(name + SHAPE, ())
        return self.fixed.get(name, np.broadcast_to(np.nan, shape))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The positions of the float results of the function."""
        results = self.reading.function.results[: self.reading.results]
        return tuple(k for k, r in enumerate(results) if is_float(r.type))

    def dtype(self, k: int) -> Any:
        """Return the dtype of a result."""
        return np.dtype(self.reading.function.results[k].type.dtype)

    @once
    def wrt(self, names: Names) -> list[int]:
        """Return the positions of the parameters that are floats of these arguments."""
        specs = self.arguments.items()
        found = ((name, leaf) for name, s in specs for _, leaf, _ in leaves(s))
        pairs = enumerate(found)
        return [k for k, (n, leaf) in pairs if n in names and is_float_leaf(leaf)]

    def gradients(self, names: Names, start: int) -> Node:
        """Return gradients, results from `start` on, in the form of the arguments."""
        count = itertools.count(start)

        def gradient(leaf: Tree) -> Tree:
            if not is_float_leaf(leaf):
                return NONE
            return ("leaf", next(count), *outside(leaf))

        specs = self.arguments.items()
        found = {name: relabel(s, gradient) for name, s in specs if name in names}
        return pair(*(found[name] for name in names))

    def form(self, kind: str, names: Names, options: Options) -> Tree:
        """Return the form of a value, a gradient or both over the adjoint's results."""
        value = self.reading.result
        if kind == "value":
            return value
        whole = self.gradients(names, self.reading.results)
        found = whole.items[0] if options.single else whole
        if kind == "value_and_grad":
            return pair(value, found)
        return pair(found, value.items[1]) if options.has_aux else found

    @property
    def first(self) -> Sequence[Pass]:
        """What a function goes through before it is differentiated.

        Plain Python computes the very numbers that the user's own function does.
        """
        apart = self.options.runner != "numba" or APART in self.ones
        return PIPELINE if apart else PRIMAL

    @property
    @once
    def primal(self) -> Function:
        """The IR of the function itself."""
        return run_passes(inline_calls(self.reading.function), self.first)

    @property
    @once
    def pure(self) -> Function:
        """The IR without the final versions of the arrays that are written."""
        if not self.reading.written and not has_calls(self.reading.function):
            return self.primal
        results = self.reading.function.results[: self.reading.results]
        return run_passes(replace(self.reading.function, results=results), self.first)

    @once
    def adjoint(
        self, names: Names, seeds: tuple[int, ...] = (0,), unit: bool = False,
        apart: bool = False,
    ) -> Function:  # fmt: skip
        """Return the IR that computes results and gradients."""
        return self.reverse(self.pure, names, seeds, "grad", unit, apart)

    def reverse(
        self, function: Function, names: Names, seeds: Sequence[int], kind: str,
        unit: bool = False, apart: bool = False,
    ) -> Function:  # fmt: skip
        """Return the adjoint of a function of this one's arguments."""
        wrt, name = self.wrt(names), f"{self.primal.name}_{kind}"
        budget = self.options.memory_budget
        if budget is not None:
            self.draw_once("`memory_budget` runs parts of it again")
            level = self.ones.get(BUDGET, 0)
            function = cut_loops(function, wrt, seeds, budget, run_passes, apart, level)
        made = differentiate(function, wrt, seeds, name, unit, apart, run_passes)
        return run_passes(made)

    def draw_once(self, why: str) -> None:
        """Refuse a function that draws, where it would be run twice."""
        if self.reading.draws:
            what = f"`{self.source.name}` draws numbers, and {why}"
            helps = ("draw before the call, and pass the numbers",)
            raise make_error("SG507", what, helps=helps, function=self.source.name)

    @once
    def split(self, names: Names) -> tuple[Function, Function]:
        """Return forward sweep and pullback; if they cannot be apart the whole."""
        joint = inline_calls(self.adjoint(names, self.seeds, False, True))
        count = len(self.pure.params)
        found = split(joint, count, self.reading.results)
        if found is None:
            self.draw_once("its forward sweep is run again, because it keeps lists")
            return self.primal, joint
        return run_passes(found[0]), run_passes(found[1])

    @once
    def second(self, names: Names) -> Function:
        """Return the IR of the gradient's own adjoint, for Hessian-vector products."""
        first = self.adjoint(names)
        seeds = range(self.reading.results, len(first.results))
        return self.reverse(first, names, seeds, "hvp")

    @once
    def tangent(self, names: Names) -> Function:
        """Return the IR that computes results and tangents."""
        name = f"{self.primal.name}_jvp"
        return run_passes(tangent(inline_calls(self.pure), self.wrt(names), name))

    @once
    def check(self, names: Names, has_aux: bool, first: bool) -> None:
        """Refuse a function that has no gradient."""
        source = self.source
        what, *helps = _flaw(self.reading.result, self.reading.function, has_aux)
        about: dict[str, Any] = {"function": source.name, "names": names}
        if what:
            what, place = f"`{source.name}` {what}", returned(source)
            raise make_error("SG302", what, place, helps=helps, **about)
        if first:  # a second derivative may well be zero
            self.check_cut(names)

    def check_cut(self, names: Names, places: Sequence[int] = (0,)) -> None:
        """Refuse a function none of whose results moves with the arguments."""
        cut, wrt = None, self.wrt(names)
        for k in places:
            cut = find_cut(replace(self.pure, results=(self.pure.results[k],)), wrt)
            if cut is None:
                return
        if cut is not None:
            what = f"every path from `{', '.join(names)}` to the result is cut by "
            about: dict[str, Any] = {"function": self.source.name, "names": names}
            note = "its derivative is zero everywhere"
            raise make_error("SG502", f"{what}`{cut[0]}`", cut[1], note=note, **about)

    def check_finite(
        self, names: Names, out: Sequence[Any], args: Sequence[Any]
    ) -> None:
        """Refuse gradients that are not finite, and name the statement to blame."""
        wrt = self.wrt(names)
        for k, slope in zip(wrt, out[len(out) - len(wrt) :], strict=True):
            if np.all(np.isfinite(slope)):
                continue
            find = importlib.import_module("srcgrad.nonfinite").find_culprit
            text = self.text(self.adjoint(names))
            place, note = find(text, self.source, args) or (None, "")
            what = f"the gradient with respect to `{self.reading.leaves[k]}`"
            raise make_error(
                "SG701", f"{what} is not finite", place, note=note, names=names,
                function=self.source.name,
            )  # fmt: skip

    @once
    def text(self, function: Function) -> ModuleText:
        """Return a function's readable text."""
        shown = run_passes(drop_entry_checks(self.final(function)), FINAL)
        return python_module(shown, self.source, self.reading)

    @once
    def final(self, function: Function) -> Function:
        """Return a function without the lengths that only its adjoint would ask for."""
        return run_passes(self.whole(function), FINAL)

    def whole(self, function: Function) -> Function:
        """Return a function with all that it calls in place."""
        return run_passes(inline_calls(function)) if has_calls(function) else function

    @once
    def kernel(self, function: Function) -> Function:
        """Return a function as loops over elements."""
        passes = THREADS if self.options.parallel else KERNEL
        return run_passes(self.whole(function), passes)

    @once
    def code(self, function: Function) -> Any:
        """Return a function of the IR as something to call."""
        if self.options.runner != "numba":
            return plain.load(self.text(function), self.options.cache)
        flags = self.options.flags
        return numba.load(self.kernel(function), self.options.cache, **flags)

    def compile(self, program: Program, raw: Sequence[Any]) -> None:
        """Make the code of a program for numbers and arrays of these types."""
        code = self.code(program.function)
        if self.options.runner == "numba":
            made, given = code.dispatcher, [*self.ready(raw), *program.extra]
            types = tuple(map(made.typeof_pyval, given))
            if types not in made.overloads:
                made.compile(types)

    def converters(self, function: Function) -> list[Any]:
        """Return what makes NumPy's types of results; the last are gradients."""
        results, found = function.results, list[Any]()
        for k, result in enumerate(results, len(function.slopes) - len(results)):
            to: Any = None
            if result.type.rank and k >= 0 and self.options.runner != "numba":
                to = fit
            elif not result.type.rank and (k >= 0 or not result.type.python):
                to = np.dtype(result.type.dtype).type
            found.append(to)
        return found

    def run(self, program: Program, inputs: Sequence[Any]) -> list[Any]:
        """Return the results of generated code as one flat list, in NumPy's types."""
        code = self.code(program.function)
        with np.errstate(all="ignore"):
            out = code(*inputs, *program.extra)
        whole = _tuple(out) if program.function.results else ()
        parts = itertools.chain.from_iterable(map(_tuple, whole))
        pairs = zip(parts, self.converters(program.function), strict=True)
        return [part if to is None else to(part) for part, to in pairs]


@dataclass(slots=True)
class Call:
    """Arguments and their specs by parameter, their leaves by name.

    `names` are the arguments to differentiate with respect to, `tangents` directions
    for them.
    """

    values: Values
    specs: Specs
    names: tuple[str, ...]
    leaves: Values
    tangents: Sequence[Any] = ()

    def directions(self, made: Specialisation) -> list[Any]:
        """Return the float leaves of the tangents; None stands for zeros."""
        tangents = dict(zip(self.names, self.tangents, strict=True))
        specs = {n: s for n, s in made.arguments.items() if n in tangents}
        parts = (part for n, s in specs.items() for part in leaves(s, tangents[n]))
        given = [value for _, leaf, value in parts if is_float_leaf(leaf)]
        raw, found = list(self.leaves.values()), []
        for k, value in zip(made.wrt(self.names), given, strict=True):
            type, shape = made.reading.function.params[k].type, np.shape(raw[k])
            moved = direction("tangent", value, type.dtype, shape)
            found.append(np.reshape(moved, 1) if type.rank > len(shape) else moved)
        return found

    def take_apart(self) -> bool:
        """Make the lists that are tables single numbers; tell whether there are any."""
        values, before = self.values, self.specs
        specs = {n: taken_apart(before[n], value) for n, value in values.items()}
        if specs in ({}, before):
            return False
        self.specs, self.leaves = specs, held(specs, values)
        return True


def held(specs: Specs, values: Values) -> Values:
    """Return the numbers and arrays in arguments by name, some ints as floats."""
    found: Values = {}
    for parameter, spec in specs.items():
        for name, leaf, value in leaves(spec, values[parameter], parameter):
            if isinstance(value, int | np.integer) and is_float_leaf(leaf):
                value = float(value) if leaf[2] else np.float64(value)
            found[name] = value
    return found


def cut_deeper(made: Specialisation, error: Exception) -> Ones | None:
    """Return what is known with loops cut once more, if their tapes are too long.

    Raises:
        TapeBudgetError: They have been cut too often.
    """
    text, level = str(error), made.ones.get(BUDGET, 0) + 1
    if not isinstance(error, MemoryError) or not text.startswith(BUDGET):
        return None
    if level > LEVELS:
        line = text.rpartition(" ")[2]
        what = f"the loop in line {line} keeps more than `{BUDGET}` allows"
        note = "cutting it in segments that are run again is not enough"
        helps = ("give more, or leave `memory_budget` out",)
        name = made.source.name
        raise make_error("SG601", what, note=note, helps=helps, function=name)
    return {**made.ones, BUDGET: level}


def failure(made: Specialisation, error: Exception) -> Exception:
    """Return what to raise where plain Python raises nothing."""
    name = made.source.name
    if isinstance(error, NotImplementedError) and error.args:
        return make_error("SG402", str(error), function=name)
    if made.reading.tried:
        first, *others = made.reading.tried
        what = "a `try` went to its handler, of which there is no derivative"
        lines = ", ".join(str(place.line) for place in others)
        note = f"it caught {type(error).__name__}"
        note += f", here or in line {lines}" * bool(others)
        help = "test for the case first: `if d != 0:` instead of catching the error"
        return make_error("SG106", what, first, note=note, helps=(help,), function=name)
    if isinstance(error, OverflowError):
        line = error.args[0] if error.args else ""
        if isinstance(line, int):
            what = "an int is beyond 64 bits; use a float, or backend='python'"
            return OverflowError(f"`{name}`, line {line}: {what}")
        return OverflowError(
            f"`{name}`: a name is an int of Python on one path and of a small dtype on "
            "another, which does not hold it: write `int(x)` for what it is given there"
        )
    if isinstance(error, np.linalg.LinAlgError):
        return type(error)(f"the derivative of `{name}` does not exist here: {error}")
    what = f"generated code raised {type(error).__name__}: {error}"
    return internal_error(what, function=name)


@undisturbed()
def specialise(
    signature: Signature, specs: Specs, names: Sequence[str], options: Options,
    leaf: Callable[[str], Any], ones: Ones | None = None,
) -> Specialisation:  # fmt: skip
    """Read a function for one kind of arguments.

    `names` are for messages, `leaf` returns the present value of a number among the
    arguments, `ones` says which lengths that meet in a broadcast are one.
    """
    fixed: dict[str, Any] = {}
    refusal: BaseException | None = None  # of what is not known of the arguments yet
    source, arguments = signature.source, signature.spread(specs)
    for _ in range(20):
        try:
            reading, _ = read(Entry, source, specs, tuple(names), fixed, ones)
        except NeedStatic as need:
            fixed |= {n: _value(need.captures, leaf, n) for n in need.leaves}
            refusal = refusal or need.__cause__
        except SrcgradError as error:
            raise refusal or error from None
        else:
            made = source, specs, arguments, reading, options, fixed, reading.written
            return Specialisation(*made, ones or {})
    raise make_error("SG205", "too many arguments must be known while compiling")


def _tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _present(captures: Sequence[Capture]) -> dict[str, Any]:
    """Return the numbers and arrays that are captured, by name."""
    found = (leaves(c.spec, c.place.fetch(), c.leaf) for c in captures)
    return {name: value for part in found for name, _, value in part}


def _value(captures: Sequence[Capture], leaf: Callable[[str], Any], name: str) -> Any:
    """Return the present value of a leaf of the captures or arguments, or its shape."""
    if name.endswith(SHAPE):
        return np.shape(_value(captures, leaf, name.removesuffix(SHAPE)))
    held = _present(captures)
    return held[name] if name in held else leaf(name)


def pair(*items: Tree) -> Node:
    """Return the form of a tuple."""
    return Node("tuple", None, tuple(range(len(items))), items)


def _flaw(form: Tree, function: Function, has_aux: bool) -> tuple[str, ...]:
    """Return what is wrong with a result that must be a real scalar, and advice."""
    is_pair = isinstance(form, Node) and form.kind == "tuple" and len(form.items) == 2
    if has_aux and not is_pair:
        what = "must return `(value, aux)` because of has_aux, not"
        return (f"{what} {_kind(form, function)}",)
    form = form.items[0] if has_aux else form
    if not isinstance(form, Node) and form[0] == "leaf":
        type = function.results[form[1]].type
        if type.rank == 0:
            real = is_float(type) and not is_complex(type)
            helps = ("return its `.real`, or its size: `abs(...)`",) * is_complex(type)
            return ("" if real else f"returns a {type.dtype}, not a float", *helps)
    what = f"must return a real scalar, not {_kind(form, function)}"
    if form == NONE:
        return what, "`return` the number that is to be differentiated"
    if is_pair and not has_aux:
        return what, "`has_aux=True` differentiates the first and returns the second"
    return what, "return one number: `[0]`, `.sum()`", "or use `jacobian`"


def _kind(form: Tree, function: Function) -> str:
    """Return what a result is, in words."""
    if isinstance(form, Node):
        return f"a {form.cls.__name__ if form.cls else form.kind}"
    if form[0] == "leaf":
        found = function.results[form[1]].type
        if any(isinstance(mark, Lists) for mark in form[2:]):
            return "a list"
        dims = [":" if d.known is None else str(d.known) for d in found.dims]
        shape = f"({', '.join(dims)}{',' * (len(dims) == 1)})"
        return f"an array of shape {shape}" if found.rank else f"a {found.dtype}"
    return "None" if form == NONE else f"a {type(form[1].value).__name__}"
