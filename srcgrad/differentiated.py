"""The object behind every door: a function with its value, gradient and source.

A call binds its arguments, finds what was made for their kind, takes containers apart,
runs generated code, and puts the results together. Whatever goes wrong inside, the
user's own function is run on the arguments as they were, so that the exception is the
one plain Python raises.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from typing import Any

import numpy as np

from srcgrad.arguments import Signature, Specs, Values
from srcgrad.builder import DIFFER
from srcgrad.compile.numba import kernel_text
from srcgrad.errors import SrcgradError, make_error
from srcgrad.options import CacheInfo, Options, make_options
from srcgrad.plans import Plan, make_plan
from srcgrad.results import clashes, direction, own, result_of, shown, states, tree_copy
from srcgrad.source import read_source, unbound
from srcgrad.specialise import (
    NONE,
    Call,
    Ones,
    Program,
    Specialisation,
    cut_deeper,
    failure,
    held,
    pair,
    specialise,
)
from srcgrad.text import print_function
from srcgrad.trees import Node, Tree, leaves, relabel, repeats, spec_of
from srcgrad.walk import every

_KEPT = 64  # plans of one door, and variants of one kind of arguments
_ATTEMPTS = 30


class PlainRun(Exception):
    """Plain Python ran in place; its result, the only argument, is the value."""


# What ran for a call, what it took, and its flat results.
Computed = tuple[Specialisation, Program, list[Any], list[Any]]


class Differentiated:
    """A function with its value, gradient and generated source.

    Attributes:
        primal: The plain Python function.
        kind: What calling it returns: "value", "grad" or "value_and_grad".
        options: What the user chose.
        inner: The gradient that this is a gradient of, if it is one.
        chooses: Whether even the value is a derivative in the chosen arguments.
        shows: What the source is of, if no stage says so.
    """

    chooses, shows = False, "grad"
    _held: tuple[Any, ...]
    _kept: dict[str, Any]
    __name__: str
    __qualname__: str

    def __init__(self, fun: Callable[..., Any], kind: str, options: Options) -> None:
        """Wrap a function; nothing is read before the first call."""
        self.primal: Callable[..., Any]
        self.kind, self.options = kind, options
        self.inner: Differentiated | None = None
        if isinstance(fun, Differentiated):
            deeper = fun.kind != "value" or fun.inner is not None
            self.inner = fun if deeper else None
            self._held, self._kept, fun = fun._held, fun._kept, fun.primal
            plain = unbound(fun)[0]
        else:
            if not callable(fun):
                read_source(fun)  # says what is wrong with it
            plain, self._held, self._kept = unbound(fun)
        functools.update_wrapper(self, plain, updated=())
        self.primal = fun
        self._signature: Signature | None = None
        self._made: dict[Any, tuple[Specialisation, ...]] = {}
        # By kind, and apart for methods: there `argnums` count from behind `self`.
        self._plans: dict[Any, list[Plan]] = defaultdict(list)
        self._short = self._plans[kind, len(self._held)]
        # What calls have taught about lengths that meet, for each kind of arguments.
        self._ones: dict[Any, Ones] = {} if self.inner is None else self.inner._ones
        self._last: list[Specialisation] = []
        self._apart: set[Any] = set()  # kinds whose lists are so many numbers
        self.example: Call | None = None  # see embedded.py
        self._lock = threading.RLock()
        with suppress(TypeError, ValueError):
            self.__signature__ = inspect.signature(fun)

    def __repr__(self) -> str:
        name = getattr(self.primal, "__name__", "function")
        return f"<srcgrad.{self.kind} of {name}>"

    def __reduce__(self) -> Any:
        """Pickle by reference where the name leads here, else by source."""
        from srcgrad.pickling import reduce_differentiated

        return reduce_differentiated(self)

    def __get__(self, instance: Any, owner: Any = None) -> Differentiated:
        """Be a method: `self` is an argument that is held."""
        if instance is None:
            return self
        inner = self.inner and self.inner.__get__(instance, owner)
        held = (instance, *self._held)
        bound = self._like(_held=held, _signature=None, inner=inner)
        for name in ("value", "grad", "value_and_grad"):
            vars(bound).pop(name, None)
        return bound

    def _like(self, **changed: Any) -> Differentiated:
        """Return the same function in another way; what was made is shared."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), **changed)
        other._short = self._plans[other.kind, len(other._held)]
        return other

    @cached_property
    def value(self) -> Differentiated:
        """The value; arrays that the function writes are written."""
        return self._like(kind="value")

    @cached_property
    def grad(self) -> Differentiated:
        """The gradient, with `has_aux` `(gradient, aux)`."""
        return self._like(kind="grad")

    @cached_property
    def value_and_grad(self) -> Differentiated:
        """The pair `(value, gradient)`, with `has_aux` `((value, aux), gradient)`."""
        return self._like(kind="value_and_grad")

    @property
    def backend(self) -> str:
        """The backend that runs: "numba", or "python" where Numba is absent."""
        return self.options.runner

    @property
    def signature(self) -> Signature:
        """The plain function and its parameters, read again if it was reloaded."""
        found = self._signature
        if found is None or found.stale:
            source = read_source(self.primal)
            found = self._signature = Signature(source, self._held, self._kept)
        return found

    def bind(
        self, args: Sequence[Any], kwargs: Values, names: Sequence[str] | None = None
    ) -> Call:
        """Bind arguments; without names, those that the options choose are floats."""
        signature = self.signature
        values = signature.bind(args, kwargs)
        kinds = {n: spec_of(v, n) for n, v in values.items()}
        specs, names = self.chosen(kinds, names)
        call = Call(values, specs, names, held(specs, values))
        if tuple(specs.items()) in self._apart:
            call.take_apart()
        return call

    def _take_apart(self, call: Call) -> bool:
        """Read the lists in a call number by number from now on, if there are any."""
        key = tuple(call.specs.items())
        found = call.take_apart()
        self._apart |= {key} if found else set()
        return found

    def chosen(
        self, specs: Specs, names: Sequence[str] | None
    ) -> tuple[Specs, tuple[str, ...]]:
        """Return kinds, ints that options choose as floats, and names if none given."""
        level: Differentiated | None = self
        while level is not None:
            inside = level is not self and level.kind != "value"
            if inside or level.chooses or names is None:
                found = self.signature.chosen(specs, level.options)
                specs = self.signature.floats(specs, found)
                names = found if names is None else names
            level = level.inner
        return specs, tuple(names or ())

    def make(
        self, specs: Specs, names: Sequence[str], leaf: Callable[[str], Any],
        known: dict[str, int] | None = None,
    ) -> Specialisation:  # fmt: skip
        """Return what was made for arguments of these kinds.

        `names` are for messages; `leaf` returns the present value of a number; `known`
        says which lengths that meet are one, besides what calls have taught.
        """
        key = tuple(specs.items())
        ones = {**(known or {}), **self._ones.get(key, {})}
        place = key, frozenset(ones.items()), len(self._held)
        with self._lock:
            variants = self._made.get(place, ())
            for made in variants:
                if made.fresh(leaf):
                    return made
            made = self.specialised(specs, names, leaf, ones)
            self._made[place] = (made, *variants)[:_KEPT]
            return made

    def specialised(
        self, specs: Specs, names: Sequence[str], leaf: Callable[[str], Any], ones: Ones
    ) -> Specialisation:
        """Make what is not there yet."""
        if self.inner is None:
            return specialise(self.signature, specs, names, self.options, leaf, ones)
        from srcgrad.nested import derived

        return derived(self, self.inner, specs, leaf, ones)

    def find(self, call: Call) -> Specialisation:
        """Return what was made for a call."""
        try:
            made = self.make(call.specs, call.names, call.leaves.__getitem__)
        except SrcgradError:
            if not self._take_apart(call):
                raise
            return self.find(call)
        self._last[:] = [made]
        return made

    def program(self, kind: str, made: Specialisation, call: Call) -> Program:
        """Return what computes a value, a derivative or both, if there is one."""
        names = call.names
        if kind == "value":
            return Program(made.primal)
        if kind == "vjp":
            return Program(made.split(names)[0])
        if kind == "jvp":
            return Program(made.tangent(names), call.directions(made))
        form = made.reading.result
        if not isinstance(form, Node) and form[0] == "static":
            self.plain(call.values)  # it may well raise
        made.check(names, self.options.has_aux, self.inner is None)
        one = made.dtype(0).type(1.0)
        if kind == "hvp":
            return Program(made.second(names), [one, *call.directions(made)])
        return Program(made.adjoint(names), [one])

    def _inputs(self, call: Call, made: Specialisation, in_place: bool) -> list[Any]:
        """Return what generated code takes, once nothing stands against running it."""
        raw, reading = made.raw(call.leaves), made.reading
        clash = clashes(raw, made.written)
        if in_place and (clash or reading.lost):
            # Where the caller's arrays end up is decided at run time: Python decides.
            raise PlainRun(self.plain(call.values, True))
        written = [raw[k] for k in made.written if isinstance(raw[k], np.ndarray)]
        if reading.effects or not all(x.flags.writeable for x in written):
            self.plain(call.values)  # for what it prints, or raises
        name, what, drawn = made.source.name, "", states(raw)
        held = [*call.values.values(), *(c.place.fetch() for c in reading.captures)]
        if clash:
            one, two = (reading.leaves[k] for k in clash[0])
            both = f"`{one}` and `{two}` may" if one != two else f"elements of `{one}`"
            what = f"{both} share memory, and `{name}` writes to it"
            help = f"pass a copy: `{two}.copy()`"
        elif len({id(x.bit_generator) for x, _ in drawn}) < len(drawn):
            what, help = "one Generator is passed twice", "pass it once"
        elif reading.changed and repeats(held):
            what = f"a container that `{name}` changes has two names"
            help = "pass a copy as the second"
        if what:
            raise make_error("SG403", what, helps=(help,), function=name)
        return made.ready(raw)

    def _compute(self, kind: str, call: Call) -> Computed:
        """Run generated code for a call.

        If generated code raises, plain Python raises its own. If that does not, lengths
        were taken for equal that are not: the function is made again.
        """
        in_place = kind == "value" and self.inner is None
        for _ in range(_ATTEMPTS):
            made = self.find(call)
            program = self.program(kind, made, call)
            if kind != "vjp":  # a pullback is not known yet
                made = self._best(made, program, call)
            inputs = self._inputs(call, made, in_place)
            before = states(inputs)
            try:
                return made, program, inputs, made.run(program, inputs)
            except SrcgradError:
                raise
            except Exception as found:
                error = found
            for generator, state in before:
                generator.bit_generator.state = state
            # Out of the handler: what plain Python raises is shown by itself.
            if (ones := cut_deeper(made, error)) is not None:
                self._ones[tuple(made.specs.items())] = ones
                continue
            result = self.plain(call.values, in_place)
            tried = made.reading.tried and in_place
            if not (self.learn(made, error) or self._take_apart(call) or tried):
                raise failure(made, error) from error
            if in_place:
                raise PlainRun(result)
        if made.reading.tried:
            raise failure(made, error)
        body = every(made.reading.function.body)
        loc = next(s.loc for s in body if getattr(s, "message", "") == str(error))
        what = "lengths meet here that are equal in one turn, 1 and another in the next"
        helps = ("write the turns apart, or the shorter array with its full length",)
        raise make_error("SG402", what, loc, helps=helps, function=self.__name__)

    def _best(
        self, made: Specialisation, program: Program, call: Call, wait: bool = False
    ) -> Specialisation:
        """Return who runs a program: with "warm" that depends on time."""
        if self.backend != "warm":
            return made
        best: Any = importlib.import_module("srcgrad.warm").best
        found: Specialisation = best(made, program, made.raw(call.leaves), wait)
        return found

    def plain(self, values: Values, in_place: bool = False) -> Any:
        """Run the user's function on copies, or on the caller's own arrays."""
        if self.inner is not None:
            return self.inner.plain(values, in_place)
        if not in_place:
            values = {name: tree_copy(v) for name, v in values.items()}
        with np.errstate(all="ignore"):
            return self.signature.call(values)

    def learn(self, made: Specialisation, error: Exception) -> bool:
        """Tell whether lengths that met differ, which plain Python does not mind.

        Generated code takes two lengths that meet in a broadcast and are not known
        while compiling for equal, and checks it. Where they differ the first is tried
        as one, then the second, then none again.
        """
        place, key = str(error), tuple(made.specs.items())
        if not isinstance(error, AssertionError) or not place.startswith(DIFFER):
            return False
        ones = dict(self._ones.get(key, {}))
        side = ones.pop(place, -1) + 1
        if side < 2:
            ones[place] = side
        self._ones[key] = ones
        return True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value, the gradient or both, as this was made."""
        whole, passed = (*self._held, *args) if self._held else args, False
        for plan in self._short:
            found = plan(whole, kwargs)
            if found is not None:
                if passed:
                    self._try_first(plan)
                return found
            passed = True
        kind = self.kind
        call = self.bind(args, kwargs, () if kind == "value" else None)
        try:
            made, program, inputs, out = self._compute(kind, call)
        except PlainRun as plain:
            return plain.args[0]
        if kind == "value":
            raw = list(call.leaves.values())
            new = out[made.reading.results :]
            for place, final in zip(made.reading.written, new, strict=True):
                raw[place][...] = final.reshape(raw[place].shape)
        elif self.options.check_nan:
            made.check_finite(call.names, out, [*inputs, *program.extra])
        form = made.form(kind, call.names, self.options)
        given = self.signature, whole, kwargs, call.values, kind == "value"
        new_plan = make_plan(made, program, form, *given)
        if new_plan is not None:
            self._try_first(new_plan)
        return result_of(form, out)

    def _try_first(self, plan: Plan) -> None:
        """Put a plan before the others, and forget what was not used for long."""
        with self._lock:
            others = [other for other in self._short if other is not plan]
            self._short[:] = [plan, *others][:_KEPT]

    def _positional(self, args: Sequence[Any], kwargs: Values) -> Call:
        """Bind arguments, to differentiate with respect to those by position."""
        names = self.signature.positional(self.signature.bind(args, kwargs))
        return self.bind(args, kwargs, names[: len(args)])

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Return the value and a pullback to positional arguments: `srcgrad.vjp`."""
        call = self._positional(args, kwargs)
        made, _, given, out = self._compute("vjp", call)
        form, (forward, backward) = made.reading.result, made.split(call.names)
        first = len(backward.results) - len(backward.slopes)
        kept = given if forward is made.primal else out[made.reading.results :]
        kept = own(kept, given)
        due = {k: (made.dtype(k), np.shape(out[k])) for k in made.seeds}

        def pullback(cotangents: Any) -> Any:
            parts = {leaf[1]: value for _, leaf, value in leaves(form, cotangents)}
            seeds = [direction("cotangent", parts.get(k), *due[k]) for k in due]
            try:
                found = made.run(Program(backward, seeds), kept)
            except SrcgradError:
                raise
            except Exception as error:
                raise failure(made, error) from error
            return result_of(made.gradients(call.names, first), found)

        return result_of(form, out), pullback

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """Return the value and its derivative in a direction, as `srcgrad.jvp`."""
        for given in (primals, tangents):
            if not isinstance(given, tuple | list):
                what = f"jvp takes a tuple of arguments, not {type(given).__name__}"
                raise make_error("SG305", what, helps=("jvp(f, (x,), (v,))",))
        if len(primals) != len(tangents):
            raise ValueError(f"{len(primals)} arguments, but {len(tangents)} tangents")
        pairs = zip(primals, tangents, strict=True)
        args = [float(p) if type(p) is int and t is not None else p for p, t in pairs]
        call = self._positional(args, {})
        call.tangents = tangents
        made, _, _, out = self._compute("jvp", call)
        form, first = made.reading.result, made.reading.results
        places = {k: first + at for at, k in enumerate(made.seeds)}

        def moved(leaf: Tree) -> Tree:
            if leaf[0] == "static":
                return leaf
            return ("leaf", places[leaf[1]], *leaf[2:]) if leaf[1] in places else NONE

        both: tuple[Any, Any] = result_of(pair(form, relabel(form, moved)), out)
        return both

    def hvp(self, x: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the Hessian in one argument times a direction, as `srcgrad.hvp`."""
        k = self.options.argnums
        if not isinstance(k, int) or self.options.argnames:
            helps = ("choose it: `argnums=0`",)
            raise make_error("SG303", "`hvp` needs one argument", helps=helps)
        place = k if k >= 0 else k + len(args) + 1
        call = self.bind((*args[:place], x, *args[place:]), kwargs)
        call.tangents = [v]
        made, program, _, out = self._compute("hvp", call)
        first = len(out) - len(program.function.slopes)
        return result_of(made.gradients(call.names, first).items[0], out)

    @property
    def backward_source(self) -> str:
        """The generated adjoint as text: of the last call, or of the annotations."""
        if not self._last:
            parameters = inspect.signature(self.primal).parameters.values()
            if all(p.annotation in (float, "float") for p in parameters):
                return self.source(*[1.0] * len(parameters))
            what = "nothing is generated yet: call it once, or use `source(*args)`"
            raise make_error("SG305", what, function=self.signature.source.name)
        (made,) = self._last
        names = self.signature.chosen(made.specs, self.options)
        specs = self.signature.floats(made.specs, names)  # other than those of a value
        made = self.make(specs, names, made.leaf)
        whole = made.adjoint(names) if self.shows == "grad" else made.primal
        return made.text(whole).text

    def source(self, *args: Any, stage: str = "backward", **kwargs: Any) -> str:
        """Return generated text for arguments of these kinds.

        The stage is "forward", "backward", "kernel" (what Numba compiles) or "ir".
        """
        if stage not in ("forward", "backward", "kernel", "ir"):
            helps = ("stages are 'forward', 'backward', 'kernel' and 'ir'",)
            raise make_error("SG306", f"there is no stage {stage!r}", helps=helps)
        call = self.bind(args, kwargs)
        made = self.find(call)
        kind = "value" if stage == "forward" else self.shows
        function = self.program(kind, made, call).function
        if stage == "kernel":
            return kernel_text(made.kernel(function), **made.options.flags)
        return print_function(function) if stage == "ir" else made.text(function).text

    def compile(self, *args: Any, **kwargs: Any) -> Differentiated:
        """Make value and gradient for arguments of these kinds; return the object."""
        for kind, names in (("value", ()), ("grad", None)):
            call = self.bind(args, kwargs, names)
            made = self.find(call)
            program = self.program(kind, made, call)
            best = self._best(made, program, call, wait=True)
            best.compile(program, made.raw(call.leaves))
        return self

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Print the function and its adjoint for arguments of these kinds."""
        importlib.import_module("srcgrad.display").show(self, *args, **kwargs)

    def _repr_html_(self) -> str:
        return str(importlib.import_module("srcgrad.display").as_html(self))

    def graph(self, *args: Any, **kwargs: Any) -> Any:
        """Draw the computation graph, as `srcgrad.graph` does."""
        return importlib.import_module("srcgrad.graphs").graph(self, *args, **kwargs)

    def explain(self, *args: Any, **kwargs: Any) -> Any:
        """Say more about the gradient (not available yet)."""
        raise make_error("SG306", "this is not available yet")

    export = explain

    @property
    def numba(self) -> Any:
        """What calling this computes, compiled, to call from your own `@njit` code.

        `f.numba(*example)` returns the function for arguments of these types; `f.numba`
        itself, used in compiled code, is the one of the last example. It takes numbers
        and contiguous arrays.
        """
        return importlib.import_module("srcgrad.embedded").Compiled(self)

    @property
    def specializations(self) -> tuple[str, ...]:
        """The kinds of arguments that something was made for."""
        made = [m for variants in list(self._made.values()) for m in variants]
        kinds = ([f"{n}: {shown(spec)}" for n, spec in m.specs.items()] for m in made)
        return tuple(map(", ".join, kinds))

    def cache_info(self) -> CacheInfo:
        """Return how many kinds are kept in memory, and the backend."""
        return CacheInfo(len(self.specializations), self.backend)

    def clear_cache(self) -> None:
        """Forget everything that was made; files on disk stay."""
        with self._lock:
            for kept in [self._made, self._last, *self._plans.values()]:
                kept.clear()  # type: ignore[attr-defined]

    def with_options(self, **options: Any) -> Differentiated:
        """Return the same function with other options."""
        if "argnames" in options:
            options.setdefault("argnums", ())
        merged = make_options({**asdict(self.options), **options})
        made = Differentiated(self.inner or self.primal, self.kind, merged)
        return made._like(_held=self._held, _signature=None)

    def into(self, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Write a gradient into the arrays of `out`, which is returned in its place.

        >>> from srcgrad import grad
        >>> slope, out = grad(lambda p: p["w"] @ p["w"]), {"w": np.zeros(2)}
        >>> slope.into(out, {"w": np.array([1.0, 2.0])}) is out, out["w"]
        (True, array([2., 4.]))
        """
        found, at = self(*args, **kwargs), int(self.kind == "value_and_grad")
        parts = list(found) if at or self.options.has_aux else [found]
        spec = spec_of(parts[at], apart=True)
        given, gradient = (list(leaves(spec, x)) for x in (out, parts[at]))
        for (name, _, target), (_, _, source) in zip(given, gradient, strict=True):
            wants, has = ((np.shape(x), np.asarray(x).dtype) for x in (source, target))
            if not isinstance(target, np.ndarray) or has != wants:
                what = f"of shape {wants[0]} and dtype {wants[1]}"
                raise ValueError(f"`out{name}` must be an array {what}")
        if len({id(target) for _, _, target in given}) < len(given):
            raise ValueError("an array is twice in `out`")
        for (_, _, target), (_, _, source) in zip(given, gradient, strict=True):
            target[...] = source
        parts[at] = out
        return tuple(parts) if len(parts) > 1 else out

    def __srcgrad__(self, reader: Any, args: Any, kwargs: Any) -> Any:
        """Read a call inside another differentiated function; None: read the primal."""
        if self.kind == "value" and self.inner is None:
            return None
        from srcgrad.nested import splice_call

        return splice_call(self, reader, args, kwargs)
