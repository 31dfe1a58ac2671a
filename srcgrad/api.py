"""What users call: grad, value_and_grad, differentiable, vjp, jvp, hvp.

A `Differentiated` binds arguments, finds what was made for their kind, takes containers
apart, and runs it. Whatever goes wrong inside, the user's own function is run on the
arguments as they were, so that the exception is the one plain Python raises.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from srcgrad.errors import SrcgradError, internal_error, make_error
from srcgrad.source import FunctionSource, location, read_source
from srcgrad.structures import build, flatten, from_form, leaves_of_form, tree_like

__all__ = [
    "CacheInfo", "Differentiated", "Options", "differentiable", "grad", "hvp", "jvp",
    "value_and_grad", "vjp",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may choose."""

    argnums: int | tuple[int, ...] = 0
    argnames: tuple[str, ...] = ()
    has_aux: bool = False
    backend: str = "auto"
    cache: bool = True


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a function keeps in memory."""

    specialisations: int
    backend: str


def _options(values: dict[str, Any]) -> Options:
    names = values.pop("argnames", None)
    if names is not None:
        values["argnames"] = (names,) if isinstance(names, str) else tuple(names)
        values.setdefault("argnums", ())
    unknown = values.keys() - {f for f in Options.__slots__}
    if unknown:
        raise make_error("SG306", f"there is no option `{sorted(unknown)[0]}`")
    if isinstance(values.get("argnums"), list):
        values["argnums"] = tuple(values["argnums"])
    if values.get("backend", "auto") not in ("auto", "numba", "python"):
        raise make_error(
            "SG306", f"there is no backend {values['backend']!r}",
            helps=("backends are 'auto', 'numba' and 'python'",),
        )  # fmt: skip
    return Options(**values)


def _door(kind: str, fun: Callable[..., Any] | None, values: dict[str, Any]) -> Any:
    options = _options(values)
    if fun is None:
        return lambda f: Differentiated(f, kind, options)
    return Differentiated(fun, kind, options)


def grad(fun: Callable[..., Any] | None = None, argnums: Any = 0, **options: Any) -> Any:
    """Return the function that computes the gradient of `fun`.

    Args:
        fun: A plain function of numbers, arrays and containers of them; its result is a
            real scalar.
        argnums: The position of the argument to differentiate with respect to, or a
            tuple of positions; negative ones count from the end.
        **options: `argnames` (names instead of positions), `has_aux` (the function
            returns `(value, aux)`), `backend` ("auto", "numba" or "python"), `cache`.

    Returns:
        A `Differentiated`: call it for the gradient, which has the structure, shapes
        and dtypes of the argument.

    Raises:
        SrcgradError: When called, if the function cannot be differentiated.

    >>> def f(x):
    ...     return (3 * x + 2) ** 2
    >>> float(grad(f, backend="python")(1.0))
    30.0
    """
    return _door("grad", fun, {"argnums": argnums, **options})


def value_and_grad(
    fun: Callable[..., Any] | None = None, argnums: Any = 0, **options: Any
) -> Any:
    """Return the function that computes `(value, gradient)` in one pass.

    Args:
        fun: As for `grad`.
        argnums: As for `grad`.
        **options: As for `grad`; with `has_aux` the result is `((value, aux), grad)`.

    >>> value, slope = value_and_grad(lambda x: x * x, backend="python")(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """
    return _door("value_and_grad", fun, {"argnums": argnums, **options})


def differentiable(fun: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Return the function itself at compiled speed, with `.grad` and its relatives.

    Args:
        fun: As for `grad`.
        **options: `argnums` and the options of `grad`.

    >>> f = differentiable(lambda x: x * x, backend="python")
    >>> float(f(3.0)), float(f.grad(3.0))
    (9.0, 6.0)
    """
    return _door("value", fun, options)


class Differentiated:
    """A function with its value, gradient and generated source.

    Attributes:
        primal: The plain Python function.
    """

    def __init__(self, fun: Callable[..., Any], kind: str, options: Options) -> None:
        if isinstance(fun, Differentiated):
            self.inner: Differentiated | None = fun if fun.kind != "value" else None
            fun = fun.primal
        else:
            self.inner = None
        self.primal = fun
        self.kind = kind
        self.options = options
        self._source: FunctionSource | None = None
        self._made: dict[Any, Any] = {}
        self._fixed: dict[Any, tuple[str, ...]] = {}
        self._last: Any = None
        functools.update_wrapper(self, fun)

    def __repr__(self) -> str:
        return f"<srcgrad.{self.kind} of {getattr(self.primal, '__name__', 'function')}>"

    def __reduce__(self) -> Any:
        return _door, (self.kind, self.primal, _as_dict(self.options))

    # binding

    @property
    def source(self) -> Callable[..., str]:
        """Return generated text: `f.source(*args, stage="backward")`."""
        return self._text

    def _read(self) -> FunctionSource:
        if self._source is None:
            self._source = read_source(self.primal)
        return self._source

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self._read().function)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            kind = self._signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_KEYWORD:
                values.update({name: dict(value)})
            else:
                values[name] = value
        return values

    @functools.cached_property
    def _wanted(self) -> tuple[str, ...]:
        """The names of the arguments to differentiate with respect to."""
        names = list(self._signature.parameters)
        argnums = self.options.argnums
        positions = (argnums,) if isinstance(argnums, int) else argnums
        wanted = []
        for k in positions:
            if not isinstance(k, int) or not -len(names) <= k < len(names):
                raise make_error(
                    "SG303",
                    f"argnums {k} is out of range: `{self._read().name}` takes "
                    f"{len(names)} arguments",
                )
            wanted.append(names[k])
        for name in self.options.argnames:
            if name not in names:
                raise make_error(
                    "SG303", f"`{self._read().name}` has no argument `{name}`"
                )
            wanted.append(name)
        return tuple(wanted)

    @property
    def backend(self) -> str:
        """The backend that runs: "numba", or "python" where Numba is absent."""
        if self.options.backend != "auto":
            return self.options.backend
        return _default_backend()

    def _prepare(self, values: dict[str, Any]) -> dict[str, Any]:
        """Check the differentiated arguments, and take ints among them as floats."""
        ready = dict(values)
        for name in self._wanted:
            value = values.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                ready[name] = float(value)
            elif isinstance(value, np.integer):
                ready[name] = np.float64(value)
            elif isinstance(value, np.ndarray) and value.dtype.kind in "iub":
                raise make_error(
                    "SG301", f"`{name}` is an array of integers: it has no gradient",
                    helps=(f"pass `{name}.astype(float)`",),
                    function=self._read().name, names=self._wanted,
                )  # fmt: skip
            elif isinstance(value, complex) or (
                isinstance(value, np.ndarray) and value.dtype.kind == "c"
            ):
                raise make_error(
                    "SG304", f"`{name}` is complex", function=self._read().name,
                    helps=("split it into real and imaginary part",),
                )  # fmt: skip
        return {n: _clean(v) for n, v in ready.items()}

    def _specialise(self, values: dict[str, Any], wrt: bool) -> Any:
        """Return what was made for this kind of arguments."""
        from srcgrad.frontend.entry import spec_of

        specs = {n: spec_of(v) for n, v in values.items()}
        names = self._wanted if wrt or self.kind != "value" else self._safe_wanted()
        key = (tuple(specs.items()), names)
        fixed_names = self._fixed.get(key, ())
        leaves = _leaf_values(specs, values)
        full = (key, tuple((n, leaves.get(n)) for n in fixed_names))
        made = self._made.get(full)
        if made is not None and _fresh(made):
            return made
        from srcgrad.specialise import specialise

        source = self._read()

        def fetch(name: str) -> Any:
            return leaves[name] if name in leaves else _captured(source, name)

        fixed = {n: leaves[n] for n in fixed_names}
        made = specialise(source, specs, names, self.backend, fetch, fixed)
        self._fixed[key] = tuple(made.fixed)
        full = (key, tuple((n, leaves.get(n)) for n in made.fixed))
        self._made[full] = made
        self._last = made
        return made

    def _safe_wanted(self) -> tuple[str, ...]:
        try:
            return self._wanted
        except SrcgradError:
            return ()

    def _leaves(
        self, made: Any, values: dict[str, Any], gradient: bool = True
    ) -> list[Any]:
        out: list[Any] = []
        for name, spec in made.specs.items():
            flatten(values[name], spec, out)
        for capture in made.reading.captures:
            flatten(capture.fetch(), capture.spec, out)
        return [_leaf(v, made.backend, gradient) for v in out]

    def _run(self, made: Any, function: Any, leaves: list[Any], values: Any) -> Any:
        """Run generated code; on any exception let plain Python raise its own."""
        code = made.code(function)
        try:
            with np.errstate(all="ignore"):
                return code(*leaves)
        except (SrcgradError, KeyboardInterrupt):
            raise
        except Exception as error:
            copies = {n: tree_like(v) for n, v in values.items()}
            _call_plain(self._read().function, copies)
            raise internal_error(
                f"generated code raised {type(error).__name__}: {error}",
                function=self._read().name,
            ) from error

    def _effects(self, made: Any, values: dict[str, Any]) -> None:
        """Run the function for what it prints."""
        if made.reading.effects:
            copies = {n: tree_like(v) for n, v in values.items()}
            _call_plain(self._read().function, copies)

    # calling

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value, the gradient or both, as the object was made."""
        if self.kind == "grad":
            return self.grad(*args, **kwargs)
        if self.kind == "value_and_grad":
            return self.value_and_grad(*args, **kwargs)
        return self.value(*args, **kwargs)

    def value(self, *args: Any, **kwargs: Any) -> Any:
        """Return the value; arrays that the function writes are written."""
        original = self._bind(args, kwargs)
        values = {n: _clean(v) for n, v in original.items()}
        made = self._specialise(values, wrt=False)
        self._effects(made, values)
        if made.reading.lost:
            # Where the caller's arrays end up is decided at run time: Python decides.
            return _call_plain(self._read().function, original)
        leaves = self._leaves(made, values, gradient=False)
        out = self._run(made, made.primal, leaves, values)
        results = _tuple(out, made.primal)
        self._write_back(made, original, results)
        return _public(from_form(made.reading.result, results))

    def _write_back(self, made: Any, values: dict[str, Any], results: Sequence[Any]) -> None:
        """Copy the arrays that the function changed into the caller's."""
        written = made.reading.written
        if not written:
            return
        flat: list[Any] = []
        for name, spec in made.specs.items():
            flatten(values[name], spec, flat)
        for k, position in enumerate(written):
            flat[position][...] = results[made.reading.results + k]

    def value_and_grad(self, *args: Any, **kwargs: Any) -> Any:
        """Return `(value, gradient)`, with `has_aux` `((value, aux), gradient)`."""
        values = self._prepare(self._bind(args, kwargs))
        made = self._specialise(values, wrt=True)
        self._check_output(made, values)
        self._effects(made, values)
        adjoint = made.adjoint((0,))
        self._check_active(made, adjoint)
        leaves = self._leaves(made, values)
        one = _one(made)
        out = _tuple(self._run(made, adjoint, [*leaves, one], values), adjoint)
        value = _public(from_form(made.reading.result, out))
        return value, self._gradient(made, out[made.reading.results :])

    def grad(self, *args: Any, **kwargs: Any) -> Any:
        """Return the gradient, with `has_aux` `(gradient, aux)`."""
        value, gradient = self.value_and_grad(*args, **kwargs)
        return (gradient, value[1]) if self.options.has_aux else gradient

    def _gradient(self, made: Any, leaves: Sequence[Any]) -> Any:
        """Return gradients in the form of the arguments."""
        by_leaf = iter(leaves)
        trees = {
            name: build(made.specs[name], by_leaf)
            for name in made.specs
            if name in self._wanted
        }
        found = [_settled(trees[name]) for name in self._wanted]
        argnums = self.options.argnums
        if isinstance(argnums, int) or (not argnums and len(found) == 1):
            return found[0] if len(found) == 1 else tuple(found)
        return tuple(found)

    def _check_output(self, made: Any, values: Any = None) -> None:
        """Check that the result is a real scalar."""
        form = made.reading.result
        if self.options.has_aux:
            form = form[2][0] if form[0] == "tuple" and form[2] else form
        result = made.primal.results[0] if made.reading.results else None
        scalar = form == ("leaf", 0) and result is not None and result.type.rank == 0
        if scalar and result.type.dtype.startswith("float"):
            return
        source = self._read()
        where = location(source, source.node)
        if form == ("static", None) and values is not None:
            # A function that always raises has no result: let it raise.
            _call_plain(source.function, {n: tree_like(v) for n, v in values.items()})
        if result is not None and form[0] == "leaf" and result.type.rank == 0:
            raise make_error(
                "SG302", f"`{source.name}` returns a {result.type.dtype}, not a float",
                where, function=source.name, names=self._wanted,
            )  # fmt: skip
        kind = str(result.type) if result is not None and form[0] == "leaf" else form[0]
        raise make_error(
            "SG302", f"`{source.name}` must return a real scalar, not {kind}", where,
            helps=("return one number: `[0]`, `.sum()`", "or use `jacobian`"),
            function=source.name, names=self._wanted,
        )  # fmt: skip

    def _check_active(self, made: Any, adjoint: Any) -> None:
        """Refuse a gradient that is zero because every path is cut."""
        from srcgrad.analyses.cuts import find_cut

        cut = made.once("cut", lambda: find_cut(made.pure, made.wrt))
        if cut is not None:
            name, where = cut
            raise make_error(
                "SG502", f"every path from `{', '.join(self._wanted)}` to the result is "
                f"cut by `{name}`", where, note="its derivative is zero everywhere",
                function=self._read().name, names=self._wanted,
            )  # fmt: skip

    def vjp(self, *args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], Any]]:
        """Return the value and a pullback from cotangents to gradients."""
        values = self._prepare(self._bind(args, kwargs))
        values = {n: tree_like(v) for n, v in values.items()}
        made = self._specialise(values, wrt=True)
        seeds = made.seeds
        adjoint = made.adjoint(seeds)
        leaves = self._leaves(made, values)
        value = self._value_of(made, leaves, values)

        def pullback(cotangent: Any) -> Any:
            given: dict[int, Any] = {}
            leaves_of_form(made.reading.result, cotangent, given)
            seeded = [_like(made, k, given[k]) for k in seeds]
            out = _tuple(self._run(made, adjoint, [*leaves, *seeded], values), adjoint)
            return self._gradient(made, out[made.reading.results :])

        return value, pullback

    def _value_of(self, made: Any, leaves: list[Any], values: dict[str, Any]) -> Any:
        results = _tuple(self._run(made, made.primal, leaves, values), made.primal)
        return _public(from_form(made.reading.result, results))

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
        """Return the value and its derivative in a direction."""
        values = self._prepare(self._bind(tuple(primals), {}))
        made = self._specialise(values, wrt=True)
        function = made.tangent()
        leaves = self._leaves(made, values)
        directions: list[Any] = []
        for name, tangent in zip(self._wanted, tangents, strict=True):
            _float_leaves(tangent, made.specs[name], directions)
        order = [p for p in made.wrt]
        wanted = sorted(zip(order, _by_name(made, self._wanted, directions), strict=True),
                        key=lambda pair: pair[0])  # fmt: skip
        given = [_leaf(t, made.backend) for _, t in wanted]
        out = _tuple(self._run(made, function, [*leaves, *given], values), function)
        value = _public(from_form(made.reading.result, out))
        full: list[Any] = [None] * made.reading.results
        rest = iter(out[made.reading.results :])
        for k, result in enumerate(made.pure.results):
            if result.type.dtype.startswith("float"):
                tangent = next(rest)
                if k < len(full):
                    full[k] = tangent
        return value, _public(from_form(made.reading.result, full))

    def hvp(self, x: Any, v: Any, *args: Any) -> Any:
        """Return the Hessian-vector product in the first differentiated argument."""
        values = self._prepare(self._bind((x, *args), {}))
        made = self._specialise(values, wrt=True)
        self._check_output(made)
        function = made.second()
        leaves = self._leaves(made, values)
        direction: list[Any] = []
        _float_leaves(v, made.specs[self._wanted[0]], direction)
        given = [_leaf(t, made.backend) for t in direction]
        out = _tuple(
            self._run(made, function, [*leaves, _one(made), *given], values), function
        )
        return self._gradient(made, out[len(made.adjoint().results) :])

    # text

    @property
    def backward_source(self) -> str:
        """The generated adjoint as text, of the last specialisation."""
        if self._last is None:
            raise make_error(
                "SG305", "nothing is generated yet: call the function once, or use "
                "`source(*args)`", function=self._read().name,
            )  # fmt: skip
        text: str = self._last.text(self._last.adjoint()).text
        return text

    def _text(self, *args: Any, stage: str = "backward", **kwargs: Any) -> str:
        values = self._prepare(self._bind(args, kwargs))
        made = self._specialise(values, wrt=True)
        if stage == "forward":
            return str(made.text(made.primal).text)
        if stage == "ir":
            from srcgrad.text import print_function

            return print_function(made.adjoint())
        if stage == "kernel":
            from srcgrad.compile.numba import kernel_text

            return kernel_text(made.adjoint())
        if stage != "backward":
            raise make_error(
                "SG306", f"there is no stage {stage!r}",
                helps=("stages are 'forward', 'backward', 'kernel' and 'ir'",),
            )  # fmt: skip
        return str(made.text(made.adjoint()).text)

    @property
    def specialisations(self) -> tuple[str, ...]:
        """The kinds of arguments that something was made for."""
        return tuple(str(dict(key[0][0])) for key in self._made)

    def cache_info(self) -> CacheInfo:
        """Return what is kept in memory."""
        return CacheInfo(len(self._made), self.backend)

    def with_options(self, **options: Any) -> Differentiated:
        """Return the same function with other options."""
        return Differentiated(self.primal, self.kind, replace(self.options, **options))


def vjp(fun: Callable[..., Any], *primals: Any, **options: Any) -> tuple[Any, Any]:
    """Return `(value, pullback)`; the pullback maps cotangents to gradients.

    Args:
        fun: A plain function; its results are numbers or arrays.
        *primals: Its arguments; all of them are differentiated.
        **options: The options of `grad`.

    >>> value, pullback = vjp(lambda x: 3 * x, 2.0, backend="python")
    >>> float(pullback(1.0)[0])
    3.0
    """
    options.setdefault("argnums", tuple(range(len(primals))))
    f: Differentiated = differentiable(fun, **options)
    return f.vjp(*primals)


def jvp(
    fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any],
    **options: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Return `(value, tangent)`: the derivative in the direction `tangents`.

    Args:
        fun: A plain function.
        primals: Its arguments; all of them are differentiated.
        tangents: One direction for each argument, in its structure.
        **options: The options of `grad`.
    """
    options.setdefault("argnums", tuple(range(len(primals))))
    f: Differentiated = differentiable(fun, **options)
    return f.jvp(primals, tangents)


def hvp(fun: Callable[..., Any], argnums: int = 0, **options: Any) -> Callable[..., Any]:
    """Return `h(x, v, *args)`: the Hessian of `fun` in `x` times `v`.

    Args:
        fun: A plain function with a real scalar result.
        argnums: The position of `x`.
        **options: The options of `grad`.
    """
    f: Differentiated = differentiable(fun, argnums=argnums, **options)

    def product(x: Any, v: Any, *args: Any) -> Any:
        return f.hvp(x, v, *args)

    return product


# leaves


def _as_dict(options: Options) -> dict[str, Any]:
    values = {name: getattr(options, name) for name in Options.__slots__}
    names = values.pop("argnames")
    return {**values, "argnames": names} if names else values


@functools.cache
def _default_backend() -> str:
    import importlib.util

    return "numba" if importlib.util.find_spec("numba") else "python"


def _clean(value: Any) -> Any:
    """Return an argument with arrays in native byte order."""
    if isinstance(value, np.ndarray) and not value.dtype.isnative:
        return value.astype(value.dtype.newbyteorder("="))
    return value


def _leaf(value: Any, backend: str, gradient: bool = True) -> Any:
    """Return a leaf as generated code takes it: gradients work on C-ordered arrays."""
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value[()]
        if gradient or backend == "numba":
            return np.ascontiguousarray(value)
    return value


def _leaf_values(specs: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers among the arguments by leaf name."""
    found: dict[str, Any] = {}

    def visit(value: Any, spec: Any, name: str) -> None:
        match spec[0]:
            case "scalar":
                found[name] = value
            case "tuple":
                for k, (item, inner) in enumerate(zip(value, spec[2], strict=True)):
                    visit(item, inner, f"{name}_{k}")
            case "list":
                for k, (item, inner) in enumerate(zip(value, spec[1], strict=True)):
                    visit(item, inner, f"{name}_{k}")
            case "dict":
                for k, inner in spec[1]:
                    visit(value[k], inner, f"{name}_{k}")
            case "record":
                for k, inner in spec[2]:
                    visit(getattr(value, k), inner, f"{name}_{k}")

    for name, spec in specs.items():
        visit(values[name], spec, name)
    return found


def _captured(source: FunctionSource, name: str) -> Any:
    values = {**source.module_globals, **source.closure()}
    return values[name]


def _fresh(made: Any) -> bool:
    """Tell whether captured values are still of the kind they were."""
    from srcgrad.frontend.entry import spec_of

    return all(spec_of(c.fetch()) == c.spec for c in made.reading.captures)


def _tuple(out: Any, function: Any) -> tuple[Any, ...]:
    """Return the results of generated code as one flat tuple."""
    if function.cut is not None:
        flat: list[Any] = []
        for part in out if isinstance(out, tuple) else (out,):
            flat.extend(part if isinstance(part, tuple) else (part,))
        return tuple(flat)
    return out if isinstance(out, tuple) else (out,)


def _one(made: Any) -> Any:
    dtype = made.primal.results[0].type.dtype
    return np.float32(1.0) if dtype == "float32" else np.float64(1.0)


def _like(made: Any, k: int, value: Any) -> Any:
    """Return a cotangent in the dtype of its result."""
    type_ = made.primal.results[k].type
    if type_.rank:
        return np.ascontiguousarray(value, dtype=type_.dtype)
    return np.dtype(type_.dtype).type(value)


def _float_leaves(value: Any, spec: Any, out: list[Any]) -> None:
    """Append the float leaves of a tangent."""
    match spec[0]:
        case "scalar" | "array":
            if str(spec[1]).startswith("float"):
                dtype = np.dtype(spec[1])
                scalar = spec[0] == "scalar"
                out.append(dtype.type(value) if scalar else np.asarray(value, dtype))
        case "tuple":
            for item, inner in zip(value, spec[2], strict=True):
                _float_leaves(item, inner, out)
        case "list":
            for item, inner in zip(value, spec[1], strict=True):
                _float_leaves(item, inner, out)
        case "dict":
            for key, inner in spec[1]:
                _float_leaves(value[key], inner, out)
        case "record":
            for name, inner in spec[2]:
                _float_leaves(getattr(value, name), inner, out)


def _by_name(made: Any, wanted: Sequence[str], directions: list[Any]) -> Iterator[Any]:
    """Order directions, given by wanted argument, as the parameters are."""
    from srcgrad.structures import float_leaves

    groups: dict[str, list[Any]] = {}
    rest = iter(directions)
    for name in wanted:
        groups[name] = [next(rest) for f in float_leaves(made.specs[name]) if f]
    for name in made.specs:
        yield from groups.get(name, ())


def _call_plain(function: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Call the user's function with bound values."""
    args, kwargs = [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args += list(values[name])
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            kwargs.update(values[name])
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            kwargs[name] = values[name]
        else:
            args.append(values[name])
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


def _public(value: Any) -> Any:
    return value


def _settled(gradient: Any) -> Any:
    """Return a gradient whose numbers are NumPy's."""
    return np.float64(gradient) if type(gradient) is float else gradient
