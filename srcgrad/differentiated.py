"""The object behind every door: a function with its value, gradient and source.

A `Differentiated` binds arguments, finds what was made for their kind, takes containers
apart, and runs it. Whatever goes wrong inside, the user's own function is run on the
arguments as they were, so that the exception is the one plain Python raises.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from srcgrad.arguments import Signature, as_floats, named_leaves, state_of
from srcgrad.errors import SrcgradError, internal_error, make_error
from srcgrad.meetings import MadeAgain, Meetings, made_again
from srcgrad.options import CacheInfo, Options, make_options
from srcgrad.plans import Plan, exact, make_plan
from srcgrad.results import (
    Gradient,
    cotangent,
    fit,
    flat_results,
    not_finite,
    one_of,
    ready,
    result_of,
    shown,
    tangent,
    tree_copy,
)  # fmt: skip
from srcgrad.source import FunctionSource, read_source, unbound
from srcgrad.specialise import Specialisation, specialise
from srcgrad.trees import Tree, fill, is_float_leaf, leaves, spec_of

__all__ = ["Differentiated"]

Values = dict[str, Any]
_VARIANTS = 64  # what is kept for one kind of arguments
_PLANS = 256


class Differentiated:
    """A function with its value, gradient and generated source.

    Attributes:
        primal: The plain Python function.
        kind: What calling it returns: "value", "grad" or "value_and_grad".
        options: What the user chose.
        inner: The gradient that this is a gradient of, if it is one.
    """

    __name__: str
    __qualname__: str

    def __init__(self, fun: Callable[..., Any], kind: str, options: Options) -> None:
        """Wrap a function; nothing is read before the first call."""
        self.primal: Callable[..., Any]
        self.kind: str = kind
        self.inner: Differentiated | None = None
        if isinstance(fun, Differentiated):
            deeper = fun.kind != "value" or fun.inner is not None
            self.inner = fun if deeper else None
            fun = fun.primal
        elif not callable(fun):
            read_source(fun)  # says what is wrong with it
        plain, self._held, self._kept = unbound(fun)
        functools.update_wrapper(self, plain, updated=())
        self.primal = fun
        self.options = options
        self.grad = Gradient(self)
        self._sources: tuple[FunctionSource, Signature] | None = None
        self._made: dict[Any, tuple[Specialisation, ...]] = {}
        self._plans: dict[Any, Plan] = {}
        self._meetings = Meetings()
        self._last: Specialisation | None = None
        self._lock = threading.RLock()
        try:
            self.__signature__ = inspect.signature(fun)
        except (TypeError, ValueError):
            pass

    def __repr__(self) -> str:
        """Return what it is, and of what."""
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
        bound = object.__new__(Differentiated)
        vars(bound).update(vars(self))  # what was made is shared
        bound._held, bound._sources = (instance, *self._held), None
        bound.grad, bound._plans = Gradient(bound), {}
        return bound

    # what was made

    @property
    def backend(self) -> str:
        """The backend that runs: "numba", or "python" where Numba is absent."""
        return self.options.runner

    def _read(self) -> tuple[FunctionSource, Signature]:
        """Return source and signature, read again if the code was replaced."""
        found = self._sources
        if found is None or found[1].state != state_of(found[0].function):
            source = read_source(self.primal)
            signature = Signature(source.function, self._held, self._kept)
            found = self._sources = source, signature
        return found

    @property
    def function_source(self) -> FunctionSource:
        """The source of the plain function."""
        return self._read()[0]

    @property
    def signature(self) -> Signature:
        """The parameters of the plain function."""
        return self._read()[1]

    def _bind(
        self, args: tuple[Any, ...], kwargs: Values, names: Sequence[str] | None = None
    ) -> tuple[Values, tuple[str, ...], Specialisation]:
        """Return arguments by name, the names chosen, and what was made for them."""
        source, signature = self._read()
        values = signature.bind(args, kwargs)
        level = self.inner
        while level is not None:
            as_floats(values, signature.chosen(values, level.options), source.name)
            level = level.inner
        if names is None:
            names = signature.chosen(values, self.options)
            as_floats(values, names, source.name)
        return values, tuple(names), self._specialise(values, tuple(names))

    def _specialise(self, values: Values, names: tuple[str, ...]) -> Specialisation:
        specs = {n: spec_of(v, n) for n, v in values.items()}
        present = functools.cache(
            lambda: {name: v for name, _, v in named_leaves(specs, values)}
        )
        self._last = self.make(specs, names, lambda name: present()[name])
        return self._last

    def make(
        self, specs: dict[str, Tree], names: tuple[str, ...], leaf: Callable[[str], Any]
    ) -> Specialisation:
        """Return what was made for arguments of these kinds.

        Args:
            specs: The kind of every argument.
            names: The arguments differentiated with respect to.
            leaf: Returns the present value of a number among the arguments.
        """
        key = (tuple(specs.items()), names, self._meetings.known(specs))

        def known() -> Specialisation | None:
            variants = self._made.get(key, ())
            return next((m for m in variants if m.fresh(leaf)), None)

        made = known()
        if made is None:
            with self._lock:
                made = known() or self._new(specs, names, key, leaf)
        return made

    def _new(
        self, specs: dict[str, Tree], names: tuple[str, ...], key: Any,
        leaf: Callable[[str], Any],
    ) -> Specialisation:  # fmt: skip
        if self.inner is not None:
            from srcgrad.nested import derived

            made = derived(self, self.inner, specs, names, leaf)
        else:
            read = self._read()
            made = specialise(*read, specs, names, self.options, leaf, key[2])
        self._made[key] = (made, *self._made.get(key, ()))[:_VARIANTS]
        return made

    # running

    def bound(self, *args: Any) -> tuple[tuple[str, ...], list[Any], Specialisation]:
        """Return names, leaves and what was made for arguments, or for the last."""
        made = self._last
        if args:
            values, names, made = self._bind(args, {})
            made.made["example"] = names, self._ready(made, values)
        if made is None or "example" not in made.made:
            what = "no arguments were seen yet"
            raise make_error("SG305", what, helps=("call `f.numba(*example)` first",))
        return *made.made["example"], made

    def _leaves(self, made: Specialisation, values: Values) -> list[Any]:
        """Return the numbers and arrays in arguments and captures, as they are."""
        found = list(named_leaves(made.specs, values))
        for c in made.reading.captures:
            found += leaves(c.spec, c.place.fetch())
        return [value for _, _, value in found]

    def _ready(
        self, made: Specialisation, values: Values, gradient: bool = True
    ) -> list[Any]:
        """Return what generated code takes, once nothing stands against running it."""
        raw = self._leaves(made, values)
        written = [raw[k] for k in made.written if isinstance(raw[k], np.ndarray)]
        if made.reading.effects or any(not x.flags.writeable for x in written):
            self._plain(values)  # for what it prints, or raises at a read-only array
        if gradient:
            self._check_shared(made, raw)
        return [ready(value, self.backend == "numba") for value in raw]

    def _check_shared(self, made: Specialisation, raw: list[Any]) -> None:
        """Refuse arguments that share memory with one that the function writes."""
        other = made.shared(raw)
        if other is not None:
            one, two = (made.reading.leaves[k] for k in other)
            name = made.source.name
            what = f"`{one}` and `{two}` may share memory, and `{name}` writes to it"
            helps = (f"pass a copy: `{two}.copy()`",)
            raise make_error("SG403", what, helps=helps, function=name)

    def _run(
        self, made: Specialisation, function: Any, ready: list[Any], values: Values,
        in_place: bool = False,
    ) -> tuple[Any, ...]:  # fmt: skip
        """Run generated code; on any exception let plain Python raise its own."""
        code = made.code(function)
        try:
            with np.errstate(all="ignore"):
                return flat_results(code(*ready), function)
        except (SrcgradError, KeyboardInterrupt):
            raise
        except Exception as error:
            plain = self._plain_in_place if in_place else self._plain
            self._meetings.learn(made, error, plain(values))
            if isinstance(error, OverflowError) and error.args:
                raise OverflowError(
                    f"`{made.source.name}`, line {error.args[0]}: an int is beyond 64 "
                    "bits; use a float, or backend='python'"
                ) from None
            raise internal_error(
                f"generated code raised {type(error).__name__}: {error}",
                function=made.source.name,
            ) from error

    def _plain_in_place(self, values: Values) -> Any:
        """Run the user's function on the caller's own arrays."""
        source, signature = self._read()
        args, kwargs = signature.gathered(values)
        with np.errstate(all="ignore"):
            return source.function(*args, **kwargs)

    def _plain(self, values: Values) -> Any:
        """Run the user's function on copies."""
        return self._plain_in_place({n: tree_copy(v) for n, v in values.items()})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value, the gradient or both, as the object was made."""
        if self.kind == "value":
            return self.value(*args, **kwargs)
        plan = None if kwargs else self._plans.get(exact(args))
        found = None if plan is None else plan(args)
        value, gradient = found or self.value_and_grad(*args, **kwargs)
        if self.kind == "value_and_grad":
            return value, gradient
        return (gradient, value[1]) if self.options.has_aux else gradient

    def value(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value; arrays that the function writes are written."""
        original = self.signature.bind(args, kwargs)
        try:
            values, _, made = self._bind(args, kwargs)
        except SrcgradError as error:
            if error.problems[0].code not in ("SG301", "SG303"):
                raise
            values, _, made = self._bind(args, kwargs, ())  # only gradients need more
        raw = self._leaves(made, original)
        if made.reading.lost or made.shared(raw) is not None:
            # Where the caller's arrays end up is decided at run time: Python decides.
            return self._plain_in_place(original)
        leaves = self._ready(made, values, gradient=False)
        try:
            results = self._run(made, made.primal, leaves, original, True)
        except MadeAgain as again:
            return again.result
        for k, position in enumerate(made.reading.written):
            new = results[made.reading.results + k]
            raw[position][...] = new.reshape(raw[position].shape)
        return result_of(made.reading.result, results)

    @made_again
    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """Return `(value, gradient)`, with `has_aux` `((value, aux), gradient)`."""
        plan = None if kwargs else self._plans.get(exact(args))
        found = None if plan is None else plan(args)
        if found is not None:
            return found
        values, names, made = self._bind(args, kwargs)
        adjoint = self.checked_adjoint(made, names, values)
        full = [*self._ready(made, values), one_of(made)]
        out = self._run(made, adjoint, full, values)
        gradients = self._gradients(made, names, values, adjoint, out)
        if self.options.check_nan:
            not_finite(made, adjoint, full, names, gradients)
        value, single = result_of(made.reading.result, out), self.options.single
        plan = make_plan(made, self.signature, names, single, args, gradients)
        if plan is not None and not kwargs:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[exact(args)] = plan
        return value, gradients[0] if single else gradients

    def checked_adjoint(
        self, made: Specialisation, names: Sequence[str], values: Values | None = None
    ) -> Any:
        """Return the IR of the gradient, once the function is seen to have one."""
        run = None if values is None else functools.partial(self._plain, values)
        first = self.inner is None  # a second derivative may well be zero
        return made.checked_adjoint(names, self.options.has_aux, run, first)

    def _gradients(
        self, made: Specialisation, names: Sequence[str], values: Values,
        function: Any, out: Sequence[Any],
    ) -> tuple[Any, ...]:  # fmt: skip
        """Return gradients in the form of the arguments, in the order of the names.

        They are the last of the results `out` of a function of the IR.
        """
        first = len(out) - len(made.wrt)
        own = made.own(function)[first:] if function else [True] * len(made.wrt)
        parts = iter(zip(out[first:], own, strict=True))
        trees: Values = {}
        for name, spec in made.specs.items():
            if name in names:
                found = iter(
                    [
                        fit(*next(parts), argument)
                        for _, leaf, argument in leaves(spec, values[name])
                        if is_float_leaf(leaf)
                    ]
                )
                trees[name] = fill(spec, functools.partial(_take, found))
        return tuple(trees[name] for name in names)

    @made_again
    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Return the value and a pullback from a cotangent to the arguments.

        Args:
            *args: The arguments; the pullback returns a tuple with one cotangent for
                each, None for what is no float.
            **kwargs: Arguments that are not differentiated.
        """
        signature = self.signature
        chosen = signature.positional(signature.bind(args, kwargs))[: len(args)]
        values, names, made = self._bind(args, kwargs, chosen)
        self._check_shared(made, self._leaves(made, values))
        values = {n: tree_copy(v) for n, v in values.items()}
        ready = self._ready(made, values)
        moves = made.seeds and made.wrt
        forward, backward = (made.split() if moves else None) or (made.primal, None)
        results = self._run(made, forward, ready, values)
        kept = ready if backward is None else results[made.reading.results :]
        shapes = {k: np.shape(results[k]) for k in made.seeds}
        adjoint = backward or (made.adjoint(made.seeds) if moves else None)

        def pullback(given: Any) -> tuple[Any, ...]:
            form = made.reading.result
            parts = {leaf[1]: value for _, leaf, value in leaves(form, given)}
            seeds = [cotangent(made, k, parts.get(k), shapes[k]) for k in shapes]
            out: Sequence[Any] = [np.zeros_like(ready[p])[()] for p in made.wrt]
            if adjoint is not None:
                out = self._run(made, adjoint, [*kept, *seeds], values)
            return self._gradients(made, names, values, adjoint, out)

        return result_of(made.reading.result, results), pullback

    @made_again
    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """Return the value and its derivative in a direction.

        Args:
            primals: The arguments by position.
            tangents: A direction for each; None stands for zeros, and belongs to what
                is no float.

        Raises:
            ValueError: There are more or fewer tangents, or one has another shape.
        """
        for given in (primals, tangents):
            if not isinstance(given, tuple | list):
                what = f"jvp takes a tuple of arguments, not {type(given).__name__}"
                raise make_error("SG305", what, helps=("jvp(f, (x,), (v,))",))
        if len(primals) != len(tangents):
            raise ValueError(f"{len(primals)} arguments, but {len(tangents)} tangents")
        pairs = zip(primals, tangents, strict=True)
        args = tuple(float(p) if _is_int(p) and t is not None else p for p, t in pairs)
        signature = self.signature
        chosen = signature.positional(signature.bind(args, {}))[: len(args)]
        values, names, made = self._bind(args, {}, chosen)
        ready = self._ready(made, values)
        moved = self._directions(made, values, dict(zip(names, tangents, strict=True)))
        function = made.tangent()
        out = self._run(made, function, [*ready, *moved], values)
        count = made.reading.results
        full: list[Any] = [None] * count
        for place, k in enumerate(made.seeds):
            own = made.own(function)[count + place]
            full[k] = fit(out[count + place], own, out[k])
        return result_of(made.reading.result, out), result_of(made.reading.result, full)

    def _directions(
        self, made: Specialisation, values: Values, tangents: Values
    ) -> list[Any]:
        """Return the float leaves of tangents in the order of the parameters."""
        return [
            tangent(direction, argument, leaf)
            for name, spec in made.specs.items()
            if name in tangents
            for (_, leaf, argument), (_, _, direction) in zip(
                leaves(spec, values[name]), leaves(spec, tangents[name]), strict=True
            )
            if is_float_leaf(leaf)
        ]

    @made_again
    def hvp(self, x: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the Hessian in one argument times a direction.

        Args:
            x: The argument that `argnums` chooses.
            v: The direction, in the structure of `x`.
            *args: The other arguments in their order.
            **kwargs: Likewise.
        """
        k = self.options.argnums
        if not isinstance(k, int) or self.options.argnames:
            helps = ("choose it: `argnums=0`",)
            raise make_error("SG303", "`hvp` needs one argument", helps=helps)
        place = k if k >= 0 else k + len(args) + 1
        full = (*args[:place], x, *args[place:])
        values, names, made = self._bind(full, kwargs)
        self.checked_adjoint(made, names, values)
        moved = self._directions(made, values, dict.fromkeys(names, v))
        ready = [*self._ready(made, values), one_of(made), *moved]
        second = made.second()
        out = self._run(made, second, ready, values)
        return self._gradients(made, names, values, second, out)[0]

    # text

    @property
    def backward_source(self) -> str:
        """The generated adjoint as text: of the last call, or of the annotations.

        Raises:
            ArgumentError: Nothing was called yet, and not all parameters are `float`.
        """
        if self._last is None:
            parameters = inspect.signature(self.primal).parameters.values()
            if all(p.annotation in (float, "float") for p in parameters):
                return self.source(*[1.0] * len(parameters))
            raise make_error(
                "SG305", "nothing is generated yet: call the function once, or use "
                "`source(*args)`", function=self.function_source.name,
            )  # fmt: skip
        return self._last.text(self._last.adjoint()).text

    def source(self, *args: Any, stage: str = "backward", **kwargs: Any) -> str:
        """Return generated text for arguments of these kinds.

        Args:
            *args: The arguments of the function, or others of the same kinds.
            stage: "forward", "backward", "kernel" (what Numba compiles) or "ir".
            **kwargs: As `*args`.

        Raises:
            SrcgradError: The function has no gradient, or there is no such stage.
        """
        if stage not in ("forward", "backward", "kernel", "ir"):
            helps = ("stages are 'forward', 'backward', 'kernel' and 'ir'",)
            raise make_error("SG306", f"there is no stage {stage!r}", helps=helps)
        values, names, made = self._bind(args, kwargs)
        if stage == "forward":
            return made.text(made.primal).text
        adjoint = self.checked_adjoint(made, names, values)
        if stage == "backward":
            return made.text(adjoint).text
        if stage == "kernel":
            from srcgrad.compile.numba import kernel_text

            return kernel_text(made.final(adjoint), **made.flags)
        from srcgrad.text import print_function

        return print_function(adjoint)

    def compile(self, *args: Any, **kwargs: Any) -> Differentiated:
        """Make value and gradient for arguments of these kinds; return the object."""
        values, names, made = self._bind(args, kwargs)
        made.code(made.primal)
        made.code(self.checked_adjoint(made, names, values))
        return self

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Print the function and its adjoint for arguments of these kinds."""
        importlib.import_module("srcgrad.show").show(self, *args, **kwargs)

    def _repr_html_(self) -> str:
        return str(importlib.import_module("srcgrad.show").as_html(self))

    def explain(self, *args: Any, **kwargs: Any) -> Any:
        """Say for each line what is kept for the backward sweep (not available yet)."""
        raise make_error("SG306", "`explain` is not available yet")

    def graph(self, *args: Any, **kwargs: Any) -> Any:
        """Return the drawing of operations and values (not available yet)."""
        raise make_error("SG306", "`graph` is not available yet")

    def export(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        """Write one file that needs NumPy and Numba only (not available yet)."""
        raise make_error("SG306", "`export` is not available yet")

    @property
    def numba(self) -> Any:
        """What calling this computes, compiled, to call from your own `@njit` code.

        `f.numba(*example)` returns the function for arguments of these types; `f.numba`
        itself, used in compiled code, is the one of the last call. It takes numbers and
        contiguous arrays.

        Raises:
            ArgumentError: The function takes or returns more than numbers and arrays.
        """
        from srcgrad.compile.numba import Compiled
        from srcgrad.embedded import embedded

        return Compiled(functools.partial(embedded, self))

    @property
    def specializations(self) -> tuple[str, ...]:
        """The kinds of arguments that something was made for."""
        variants = list(self._made.values())
        return tuple(shown(made.specs) for found in variants for made in found)

    def cache_info(self) -> CacheInfo:
        """Return how many kinds are kept in memory, and the backend."""
        return CacheInfo(len(self.specializations), self.backend)

    def clear_cache(self) -> None:
        """Forget everything that was made; files on disk stay."""
        with self._lock:
            self._made.clear()
            self._plans.clear()
            self._last = None

    def with_options(self, **options: Any) -> Differentiated:
        """Return the same function with other options.

        Raises:
            ArgumentError: An option is unknown.
        """
        if "argnames" in options:
            options.setdefault("argnums", ())
        merged = make_options({**asdict(self.options), **options})
        return Differentiated(self.inner or self.primal, self.kind, merged)

    def __srcgrad__(self, reader: Any, args: Any, kwargs: Any, node: Any) -> Any:
        """Read a call inside another differentiated function; None: read the primal."""
        if self.kind == "value" and self.inner is None:
            return None
        from srcgrad.nested import splice_call

        return splice_call(self, reader, args, kwargs, node)


def _take(parts: Iterator[Any], leaf: Any) -> Any:
    return next(parts) if is_float_leaf(leaf) else None


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
