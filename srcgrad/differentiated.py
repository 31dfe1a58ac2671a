"""The object behind every door: a function with its value, gradient and source.

A `Differentiated` binds arguments, finds what was made for their kind, takes containers
apart, and runs it. Whatever goes wrong inside, the user's own function is run on the
arguments as they were, so that the exception is the one plain Python raises.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import threading
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from srcgrad import arguments as given
from srcgrad import freshness
from srcgrad.errors import SrcgradError, internal_error, make_error
from srcgrad.gradient import Gradient
from srcgrad.options import CacheInfo, Options, make_options
from srcgrad.source import FunctionSource, read_source
from srcgrad.structures import (
    build,
    fit,
    flatten,
    from_form,
    leaves_of_form,
    pick,
    tangent_leaves,
    tree_like,
)

__all__ = ["Differentiated"]


class Differentiated:
    """A function with its value, gradient and generated source.

    Attributes:
        primal: The plain Python function.
        kind: What calling it returns: "value", "grad" or "value_and_grad".
        options: What the user chose.
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
        functools.update_wrapper(self, fun, updated=())
        self.primal = fun
        self.options = options
        self.grad = Gradient(self)
        self._cached_source: FunctionSource | None = None
        self._made: dict[Any, Any] = {}
        self._fixed: dict[Any, dict[str, Any]] = {}
        self._last: Any = None
        self._lock = threading.RLock()
        try:
            self.__signature__ = given.signature_of(fun)
        except (TypeError, ValueError):
            pass

    def __repr__(self) -> str:
        """Return what it is, and of what."""
        return (
            f"<srcgrad.{self.kind} of {getattr(self.primal, '__name__', 'function')}>"
        )

    def __reduce__(self) -> Any:
        """Pickle by reference where the name leads here, else by source."""
        from srcgrad.pickling import reduce_differentiated

        return reduce_differentiated(self)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Stay a plain attribute of a class: methods are not differentiated."""
        return self

    # what was made

    @property
    def backend(self) -> str:
        """The backend that runs: "numba", or "python" where Numba is absent."""
        if self.options.backend != "auto":
            return self.options.backend
        return _default_backend()

    def _read(self) -> FunctionSource:
        if self._cached_source is None:
            self._cached_source = read_source(self.primal)
        return self._cached_source

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return given.signature_of(self._read().function)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return checked arguments by name, as an inner gradient takes them."""
        values = given.clean(given.bind(self._signature, args, kwargs))
        inner = self.inner
        while inner is not None:
            given.as_floats(values, inner._names(values), self._read().name)
            inner = inner.inner
        return values

    def _names(self, values: dict[str, Any]) -> tuple[str, ...]:
        """Return the arguments that the options choose."""
        name = self._read().name
        return given.option_names(self._signature, values, self.options, name)

    def _arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return the arguments and the names of those differentiated, ready to run."""
        values = self._bind(args, kwargs)
        names = self._names(values)
        given.as_floats(values, names, self._read().name)
        return values, names

    def _specialise(self, values: dict[str, Any], names: tuple[str, ...]) -> Any:
        """Return what was made for this kind of arguments."""
        from srcgrad.frontend.entry import spec_of

        specs = {n: spec_of(v) for n, v in values.items()}
        leaves = functools.cache(lambda: given.fixed_leaves(specs, values))
        made = self.make(specs, names, lambda name: leaves()[name])
        self._last = made
        return made

    def make(
        self, specs: dict[str, Any], names: tuple[str, ...], leaf: Callable[[str], Any]
    ) -> Any:
        """Return what was made for arguments of these kinds.

        Args:
            specs: The kind of every argument.
            names: The arguments differentiated with respect to.
            leaf: Returns the present value of a number among the arguments.
        """
        key = (tuple(specs.items()), names)
        try:
            found = self._find(key, leaf)
        except TypeError as error:
            raise make_error(
                "SG305", f"an argument is of a kind that is not known: {error}",
                function=self._read().name,
            ) from None  # fmt: skip
        if found is not None:
            return found
        with self._lock:
            return self._find(key, leaf) or self._new(specs, names, key, leaf)

    def _find(self, key: Any, leaf: Callable[[str], Any]) -> Any:
        fixed = self._fixed.get(key)
        if fixed is None:
            return None
        now = freshness.fixed_values(fixed, leaf)
        made = self._made.get((key, now))
        return made if made is not None and freshness.fresh(made) else None

    def _new(
        self, specs: dict[str, Any], names: tuple[str, ...], key: Any,
        leaf: Callable[[str], Any],
    ) -> Any:  # fmt: skip
        homes: dict[str, Any] = dict(self._fixed.get(key, {}))

        def fetch(name: str, captures: Sequence[Any]) -> Any:
            homes[name] = next((c for c in captures if freshness.holds(c, name)), None)
            return freshness.fixed_value(homes[name], name, leaf)

        if self.inner is not None:
            from srcgrad.nested import derived

            made = derived(self, self.inner, specs, names, leaf)
            homes = {name: None for name in made.fixed}
        else:
            from srcgrad.specialise import specialise

            start = {
                n: freshness.fixed_value(home, n, leaf) for n, home in homes.items()
            }
            backend = self.backend
            made = specialise(self._read(), specs, names, backend, fetch, start)
        self._fixed[key] = homes
        self._made[key, freshness.fixed_values(homes, leaf)] = made
        return made

    # running

    def _leaves(
        self, made: Any, values: dict[str, Any], gradient: bool = True
    ) -> list[Any]:
        out: list[Any] = []
        for name, spec in made.specs.items():
            flatten(values[name], spec, out)
        for capture in made.reading.captures:
            flatten(capture.fetch(), capture.spec, out)
        return [given.leaf(v, made.backend, gradient) for v in out]

    def _run(
        self, made: Any, function: Any, leaves: list[Any], values: Any,
        plain: Callable[[Any], Any] | None = None,
    ) -> Any:  # fmt: skip
        """Run generated code; on any exception let plain Python raise its own."""
        code = made.code(function)
        try:
            with np.errstate(all="ignore"):
                return given.flat_results(code(*leaves), function)
        except (SrcgradError, KeyboardInterrupt):
            raise
        except Exception as error:
            (plain or self._plain)(values)
            raise internal_error(
                f"generated code raised {type(error).__name__}: {error}",
                function=self._read().name,
            ) from error

    def _plain_in_place(self, values: dict[str, Any]) -> Any:
        """Run the user's function on the caller's own arrays."""
        return given.call_plain(self._read().function, values)

    def _plain(self, values: dict[str, Any]) -> Any:
        """Run the user's function on copies."""
        copies = {n: tree_like(v) for n, v in values.items()}
        return given.call_plain(self._read().function, copies)

    def _effects(self, made: Any, values: dict[str, Any]) -> None:
        """Run the function for what it prints, or raises at a read-only array."""
        if made.reading.effects or given.writes_read_only(made, values):
            self._plain(values)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value, the gradient or both, as the object was made."""
        if self.kind == "grad":
            return self.grad(*args, **kwargs)
        if self.kind == "value_and_grad":
            return self.value_and_grad(*args, **kwargs)
        return self.value(*args, **kwargs)

    def value(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value; arrays that the function writes are written."""
        original = given.bind(self._signature, args, kwargs)
        values = self._bind(args, kwargs)
        try:
            names = self._names(values)
        except SrcgradError:
            names = ()  # only the gradient needs them
        made = self._specialise(values, names)
        if made.reading.lost:
            # Where the caller's arrays end up is decided at run time: Python decides.
            return given.call_plain(self._read().function, original)
        self._effects(made, values)
        leaves = self._leaves(made, values, gradient=False)
        results = self._run(made, made.primal, leaves, original, self._plain_in_place)
        self._write_back(made, original, results)
        return from_form(made.reading.result, results)

    def _write_back(
        self, made: Any, values: dict[str, Any], results: Sequence[Any]
    ) -> None:
        """Copy the arrays that the function changed into the caller's."""
        if not made.reading.written:
            return
        flat: list[Any] = []
        for name, spec in made.specs.items():
            flatten(values[name], spec, flat)
        for k, position in enumerate(made.reading.written):
            flat[position][...] = results[made.reading.results + k]

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """Return `(value, gradient)`, with `has_aux` `((value, aux), gradient)`."""
        values, names = self._arguments(args, kwargs)
        made = self._specialise(values, names)
        adjoint = self.checked_adjoint(made, names, values)
        self._effects(made, values)
        leaves = self._leaves(made, values)
        out = self._run(made, adjoint, [*leaves, given.one_like(made)], values)
        value = from_form(made.reading.result, out)
        taken = {id(x) for x in (*leaves, *out[: made.reading.results])}
        gradient = self._gradient(
            made, names, values, out[made.reading.results :], taken
        )
        chosen = self._chosen(gradient)
        if self.options.check_nan:
            self._check_nan(names, gradient)
        return value, chosen

    def checked_adjoint(
        self, made: Any, names: tuple[str, ...], values: dict[str, Any] | None = None
    ) -> Any:
        """Return the IR of the gradient, once the function is seen to have one."""
        from srcgrad.outputs import check_active, check_output

        def check() -> bool:
            source = self._read()
            plain = None if values is None else lambda: self._plain(values)
            check_output(made, source, names, self.options.has_aux, plain)
            check_active(made, source, names)
            return True

        made.once(("checked", self.options.has_aux), check)
        return made.adjoint((0,))

    def _gradient(
        self, made: Any, names: tuple[str, ...], values: dict[str, Any],
        out: Sequence[Any], taken: set[int],
    ) -> tuple[Any, ...]:  # fmt: skip
        """Return gradients in the form of the arguments, in the order of the names."""
        by_leaf = iter(out)
        trees: dict[str, Any] = {}
        for name in given.in_order(made.specs, names):
            tree = build(given.spec_at(made.specs, name), by_leaf)
            trees[name] = fit(tree, pick(values, name), taken)
        return tuple(trees[name] for name in names)

    def _chosen(self, gradients: tuple[Any, ...]) -> Any:
        """Return one gradient where one argument was asked for, else a tuple."""
        options = self.options
        one = isinstance(options.argnums, int) and not options.argnames
        one = one or (options.argnums == () and len(options.argnames) == 1)
        return gradients[0] if one else gradients

    def _check_nan(self, names: tuple[str, ...], gradients: tuple[Any, ...]) -> None:
        from srcgrad.structures import tree_map

        for name, gradient in zip(names, gradients, strict=True):
            bad: list[Any] = []

            def look(leaf: Any, bad: list[Any] = bad) -> None:
                if leaf is not None and not np.all(np.isfinite(leaf)):
                    bad.append(leaf)

            tree_map(look, gradient)
            if bad:
                raise make_error(
                    "SG701", f"the gradient with respect to `{name}` is not finite",
                    function=self._read().name, names=names,
                )  # fmt: skip

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Return the value and a pullback from a cotangent to the arguments.

        Args:
            *args: The arguments; the pullback returns a tuple with one cotangent for
                each, None for what is no float.
            **kwargs: Arguments that are not differentiated.
        """
        return self._vjp(args, kwargs, given.default_names(self._signature, args))

    def _vjp(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], names: tuple[str, ...]
    ) -> tuple[Any, Callable[[Any], Any]]:
        values = {n: tree_like(v) for n, v in self._bind(args, kwargs).items()}
        made = self._specialise(values, names)
        self._effects(made, values)
        leaves = self._leaves(made, values)
        results = self._run(made, made.primal, leaves, values)
        shapes = {k: np.shape(results[k]) for k in made.seeds}
        adjoint = made.adjoint(made.seeds) if made.seeds and made.wrt else None

        def pullback(cotangent: Any) -> tuple[Any, ...]:
            parts: dict[int, Any] = {}
            leaves_of_form(made.reading.result, cotangent, parts)
            seeds = [given.cotangent(made, k, parts.get(k), shapes[k]) for k in shapes]
            taken = {id(x) for x in (*leaves, *seeds)}
            out: Sequence[Any] = [given.zeros_like(leaves[p]) for p in made.wrt]
            if adjoint is not None:
                out = self._run(made, adjoint, [*leaves, *seeds], values)
                out = out[made.reading.results :]
            return self._gradient(made, names, values, out, taken)

        return from_form(made.reading.result, results), pullback

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """Return the value and its derivative in a direction.

        Args:
            primals: The arguments by position.
            tangents: A direction for each; None stands for zeros, and belongs to what
                is no float.

        Raises:
            ValueError: There are more or fewer tangents, or one has another shape.
        """
        args = tuple(primals)
        if len(args) != len(tangents):
            raise ValueError(f"{len(args)} arguments, but {len(tangents)} tangents")
        names = given.default_names(self._signature, args)
        return self._jvp(args, dict(zip(names, tangents, strict=True)))

    def _jvp(self, args: tuple[Any, ...], tangents: dict[str, Any]) -> tuple[Any, Any]:
        values, names = self._bind(args, {}), tuple(tangents)
        made = self._specialise(values, names)
        self._effects(made, values)
        leaves, directions = self._leaves(made, values), self._directions
        moved = directions(made, values, tangents)
        out = self._run(made, made.tangent(), [*leaves, *moved], values)
        value = from_form(made.reading.result, out)
        full: list[Any] = [None] * made.reading.results
        rest = iter(out[made.reading.results :])
        for k in made.seeds:
            tangent = next(rest)
            if not np.ndim(tangent):
                tangent = np.dtype(made.primal.results[k].type.dtype).type(tangent)
            elif any(tangent is x for x in moved):
                tangent = tangent.copy()
            full[k] = tangent
        return value, from_form(made.reading.result, full)

    def _directions(
        self, made: Any, values: dict[str, Any], tangents: dict[str, Any]
    ) -> list[Any]:
        """Return the float leaves of tangents in the order of the parameters."""
        out: list[Any] = []
        for name in given.in_order(made.specs, tuple(tangents)):
            spec = given.spec_at(made.specs, name)
            tangent_leaves(tangents[name], pick(values, name), spec, out)
        return out

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
            helps = ("`with_options(argnums=0)` chooses it",)
            raise make_error("SG303", "`hvp` needs one argument", helps=helps)
        place = k if k >= 0 else k + len(args) + 1
        values, names = self._arguments((*args[:place], x, *args[place:]), kwargs)
        made = self._specialise(values, names)
        adjoint = self.checked_adjoint(made, names, values)
        self._effects(made, values)
        leaves = self._leaves(made, values)
        moved = self._directions(made, values, dict.fromkeys(names, v))
        full = [*leaves, given.one_like(made), *moved]
        out = self._run(made, made.second(), full, values)[len(adjoint.results) :]
        return self._gradient(made, names, values, out, {id(x) for x in full})[0]

    # text

    @property
    def backward_source(self) -> str:
        """The generated adjoint as text, of the last specialisation.

        Raises:
            ArgumentError: Nothing was called yet.
        """
        if self._last is None:
            raise make_error(
                "SG305", "nothing is generated yet: call the function once, or use "
                "`source(*args)`", function=self._read().name,
            )  # fmt: skip
        return str(self._last.text(self._last.adjoint()).text)

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
        values, names = self._arguments(args, kwargs)
        made = self._specialise(values, names)
        if stage == "forward":
            return str(made.text(made.primal).text)
        adjoint = self.checked_adjoint(made, names, values)
        if stage == "backward":
            return str(made.text(adjoint).text)
        if stage == "kernel":
            kernel_text = _later("srcgrad.compile.numba", "kernel_text")
            return str(kernel_text(made.final(adjoint)))
        from srcgrad.text import print_function

        return print_function(adjoint)

    def compile(self, *args: Any, **kwargs: Any) -> Differentiated:
        """Make value and gradient for arguments of these kinds; return the object."""
        values, names = self._arguments(args, kwargs)
        made = self._specialise(values, names)
        made.code(made.primal)
        made.code(self.checked_adjoint(made, names, values))
        return self

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Print the function and its adjoint for arguments of these kinds."""
        _later("srcgrad.show", "show")(self, *args, **kwargs)

    def explain(self, *args: Any, **kwargs: Any) -> Any:
        """Say for each line what is kept for the backward sweep, and why."""
        return _later("srcgrad.explain", "explain")(self, *args, **kwargs)

    def graph(self, *args: Any, **kwargs: Any) -> Any:
        """Return the drawing of operations and values."""
        return _later("srcgrad.graph", "graph")(self, *args, **kwargs)

    def export(self, path: Any, *args: Any, **kwargs: Any) -> Any:
        """Write one file that needs NumPy and Numba only."""
        return _later("srcgrad.export", "export")(self, path, *args, **kwargs)

    def _repr_html_(self) -> str:
        return str(_later("srcgrad.show", "as_html")(self))

    @property
    def numba(self) -> Any:
        """The compiled gradient, to call from the user's own compiled code."""
        return _later("srcgrad.compile.numba", "dispatcher")(self)

    @property
    def specializations(self) -> tuple[str, ...]:
        """The kinds of arguments that something was made for."""
        return tuple(freshness.shown(made.specs) for made in list(self._made.values()))

    def cache_info(self) -> CacheInfo:
        """Return how many kinds are kept in memory, and the backend."""
        return CacheInfo(len(self._made), self.backend)

    def clear_cache(self) -> None:
        """Forget everything that was made; files on disk stay."""
        with self._lock:
            self._made.clear()
            self._fixed.clear()
            self._last = None

    def with_options(self, **options: Any) -> Differentiated:
        """Return the same function with other options.

        Raises:
            ArgumentError: An option is unknown.
        """
        if "argnames" in options:
            options.setdefault("argnums", ())
        merged = {f.name: getattr(self.options, f.name) for f in fields(Options)}
        made = Differentiated(self.inner or self.primal, self.kind, self.options)
        made.options = make_options({**merged, **options})
        return made

    def __srcgrad__(self, reader: Any, args: Any, kwargs: Any, node: Any) -> Any:
        """Read a call inside another differentiated function; None: read the primal."""
        if self.kind == "value" and self.inner is None:
            return None
        from srcgrad.nested import splice_call

        return splice_call(self, reader, args, kwargs, node)


def _later(module: str, name: str) -> Any:
    """Return what a module above this one makes; it is imported when it is used.

    Raises:
        ArgumentError: This version has no such module.
    """
    try:
        return getattr(importlib.import_module(module), name)
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name != module:
            raise
        what = f"`{module}.{name}` is not available in this version"
        raise make_error("SG306", what) from None


@functools.cache
def _default_backend() -> str:
    return "numba" if importlib.util.find_spec("numba") else "python"
