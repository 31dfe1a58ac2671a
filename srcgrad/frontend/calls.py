"""Read calls: helpers are read in place, NumPy functions become rows of the table."""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
import functools
import inspect
import types as pytypes
from typing import Any

import numpy as np

from srcgrad.builder import INT, const
from srcgrad.errors import SrcgradError, suggest
from srcgrad.frontend import (
    attributes,
    build,
    choices,
    columns,
    expressions,
    generators,
    handlers,
    iteration,
    library,
    recursion,
)
from srcgrad.frontend import values as v
from srcgrad.frontend.values import ListCell, Static, Thing, Tuple
from srcgrad.ir import Const, Operand, Value
from srcgrad.ops import iterables, prelude
from srcgrad.ops.unsupported import OF_NUMBERS, UNSUPPORTED
from srcgrad.source import NOTHING, Place, read_source, repeated, unbound
from srcgrad.trees import is_plain_class, opened, spec_of
from srcgrad.types import Scalar

Args = list[Thing]
Kwargs = dict[str, Thing]
# What `register_vjp` puts in place of plain functions, by identity.
HOOKS: dict[int, Any] = {}
# What functions of known numbers gave, by function and arguments.
_RESULTS: dict[Any, Any] = {}
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
# What makes functions, by module: it may be called inside.
_LIBRARIES = "numpy", "scipy", "math", "srcgrad"
DOORS = {
    "srcgrad.api": "checkpoint grad value_and_grad differentiable",
    "srcgrad.derivatives": "jacobian jacrev jacfwd hessian elementwise_grad",
    "srcgrad.batched": "vmap", "srcgrad.rules": "straight_through",
}  # fmt: skip

# names from outside


def outer_name(reader: build.Reader, frame: build.Frame, name: str) -> Thing:
    """Return what a closure variable, global or builtin means."""
    place = None if name in frame.local else frame.source.place(name)
    if place is not None:
        if frame.site is not None:
            return lift(reader, place.fetch())
        return captured(reader, place, name)
    if name in vars(builtins) and name not in frame.local:
        return lift(reader, vars(builtins)[name])
    helps = suggest(name, [*reader.state.names, *frame.source.function.__globals__])
    what = f"`{name}` is not bound here"
    raise handlers.fails(reader, "NameError", "SG401", what, *helps)


def captured(reader: build.Reader, place: Place, name: str) -> Thing:
    """Return a captured value: numbers and arrays are hidden arguments."""
    value = place.fetch()
    if isinstance(value, np.random.Generator):
        what = f"`{name}` is a Generator from outside: each call would move it on"
        helps = f"make it an argument: `def f(..., {name})`"
        raise reader.problem("SG507", what, helps)
    if not _is_data(value):
        spec_of(value, name)  # refuses what may change without a trace
        return lift(reader, watched(reader, place))
    key = (id(place.owner), place.name)
    if key not in reader.captured:
        reader.captured[key] = reader.capture(place, name, value)
    return reader.captured[key]


def watched(reader: build.Reader, place: Place) -> Any:
    """Return what is at a place and is compiled in; only while it is still there."""
    value = place.fetch()
    owner, name = place.owner, place.name
    value = frozenset(value) if type(value) is set else value  # as it is now
    if not any(p.owner is owner and p.name == name for p, _ in reader.statics):
        reader.statics.append((place, value))
    return value


def watch_function(reader: build.Reader, function: Any) -> None:
    """Note that a function is compiled in: a reload or a rule may change it."""
    home = (getattr(function, "__module__", None) or "").partition(".")[0]
    if isinstance(function, pytypes.FunctionType) and home != "srcgrad":
        named = ["__kwdefaults__"] * bool(function.__code__.co_kwonlyargcount)
        for part in ("__code__", "__defaults__", *named):
            watched(reader, Place(function, part, True))
        for name in function.__kwdefaults__ or ():
            watched(reader, Place(function.__kwdefaults__, name, False))
        watched(reader, Place(HOOKS, id(function), False))


def _is_data(value: Any) -> bool:
    numbers = np.ndarray | np.inexact | np.integer | int | float | complex
    data = isinstance(value, numbers) or opened(value) is not None
    return data and not isinstance(value, bool)


def lift(reader: Any, value: Any) -> Thing:
    """Return a Python object as a thing."""
    plain = isinstance(value, bool | int | float | complex)
    if plain and not isinstance(value, np.generic):
        return const(value)
    if isinstance(value, np.inexact | np.integer | np.bool_):
        return Const(value.item(), Scalar(str(value.dtype)))
    if isinstance(value, tuple) and not hasattr(value, "n_fields"):  # sys.float_info
        cls = type(value) if hasattr(value, "_fields") else None
        return Tuple(tuple(lift(reader, item) for item in value), cls)
    if isinstance(value, slice):
        parts = (value.start, value.stop, value.step)
        return v.SliceValue(*(lift(reader, p) for p in parts))
    return Static(value)


def static(reader: build.Reader, thing: Thing) -> Any:
    """Return the Python value of a thing that must be known while compiling."""
    match thing:
        case Const() | Static():
            return thing.value
        case Tuple():
            return tuple(static(reader, t) for t in thing.items)
        case ListCell() if isinstance(reader.state.heap[thing], tuple):
            return [static(reader, t) for t in reader.state.heap[thing]]
        case v.SliceValue():
            parts = (thing.start, thing.stop, thing.step)
            return slice(*(static(reader, p) for p in parts))
        case Value() if thing in reader.leaves:
            raise v.NeedStatic([reader.leaves[thing]], reader.captures)
    raise reader.problem(
        "SG205", "this must be known while compiling",
        "pass a literal, or an argument that is not changed",
    )  # fmt: skip


def local_import(reader: build.Reader, stmt: ast.Import | ast.ImportFrom) -> None:
    """Read an import inside a function: modules are known while compiling."""
    names: dict[str, Any] = {}
    around = reader.frames[-1].source.function.__globals__
    try:
        exec(ast.unparse(stmt), {"__package__": around.get("__package__")}, names)
    except ImportError as error:
        reader.raises(type(error).__name__)
    for name, found in names.items():
        reader.bind(name, lift(reader, found))


# functions


def closure(reader: build.Reader, node: ast.FunctionDef | ast.Lambda) -> v.Closure:
    """Read a nested function or a lambda: it sees the names around it."""
    spec, frame = node.args, reader.frames[-1]
    positional = [*spec.posonlyargs, *spec.args]
    with_default = positional[len(positional) - len(spec.defaults) :]
    pairs = [*zip(with_default, spec.defaults, strict=True),
             *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]  # fmt: skip
    defaults = {arg.arg: reader.expression(d) for arg, d in pairs if d is not None}
    return v.Closure(frame.source, node, dict(frame.outer), defaults, frame)


def call(reader: build.Reader, node: ast.Call) -> Thing:
    """Read a call."""
    if isinstance(node.func, ast.Attribute):  # no method is one of several things
        with reader.at(node.func):
            callee = expressions.evaluate(reader, node.func)
    else:
        callee = reader.expression(node.func)
    match node.args:
        case [ast.GeneratorExp()] if callee in (Static(any), Static(all)):
            return iteration.comprehension(reader, node.args[0], callee == Static(any))
        case [ast.GeneratorExp() as one, *rest] if callee == Static(next):
            given = [generators.expression(reader, one), *map(reader.anything, rest)]
            return apply(reader, callee, given, {})
        case parts if any(isinstance(arg, ast.GeneratorExp) for arg in parts):
            own = getattr(getattr(callee, "value", None), "__module__", "")
            if own not in ("builtins", "math", "collections", "_functools"):
                what = "a generator is taken by functions of Python's own only"
                raise reader.problem("SG107", what, "write a list: [... for ...]")
    depth, speaks = len(reader.held), _speaks(callee)  # plain Python makes the texts
    parts = [_shown(arg) if speaks else arg for arg in node.args]
    starred = [arg.value for arg in parts if isinstance(arg, ast.Starred)]
    if len(parts) == len(starred) == 1 and callee == Static(zip):
        rows = reader.expression(starred[0])
        if (turned := columns.turned(reader, rows)) is not None:
            return turned
        args = items_of(reader, rows)
    else:
        args = expressions.elements(reader, parts)
    reader.held += args
    kwargs: Kwargs = {}
    for keyword in node.keywords:
        value = reader.anything(keyword.value)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, v.DictCell):
            kwargs |= reader.state.heap[value]
        else:
            raise reader.problem("SG102", "`**` needs a dict with known keys")
    try:
        return apply(reader, callee, args, kwargs)
    finally:
        del reader.held[depth:]


def _takes_anything(callee: Thing) -> bool:
    """Tell what is read in place: its arguments may be one of several things."""
    function = getattr(callee, "value", None)
    home = getattr(function, "__module__", None) or "builtins"
    own = isinstance(function, type | pytypes.FunctionType)
    own &= home.partition(".")[0] not in (*_LIBRARIES, "builtins")
    return (
        own
        or isinstance(callee, v.Closure | v.Record)
        or _speaks(callee)
        or (isinstance(callee, v.Bound) and isinstance(callee.owner, v.Record))
    )


def _speaks(callee: Thing) -> bool:
    """Tell a function that prints or logs, and does nothing else."""
    function = getattr(callee, "value", None)
    home = getattr(function, "__module__", None)
    return function is print or home in ("logging", "warnings", "_warnings")


def _shown(node: ast.expr) -> ast.expr:
    """Return what is computed for a text."""
    match node:
        case ast.JoinedStr(parts):
            shown = [p.value for p in parts if isinstance(p, ast.FormattedValue)]
            return ast.copy_location(ast.Tuple(shown, ast.Load()), node)
        case ast.Call(ast.Name("str" | "repr"), [shown], []):
            return shown
    return node


def apply(reader: build.Reader, callee: Thing, args: Args, kwargs: Kwargs) -> Thing:
    """Call a thing."""
    if any(isinstance(thing, v.Poison) for thing in (callee, *args)):
        raise v.Refused
    if reader.ways.choosing and not _takes_anything(callee):
        args = [choices.settled(reader, thing) for thing in args]
        kwargs = {k: choices.settled(reader, thing) for k, thing in kwargs.items()}
    match callee:
        case v.Closure():
            return _apply_closure(reader, callee, args, kwargs)
        case v.Bound(owner=v.Record() as owner):
            function = watched(reader, Place(owner.cls, callee.name, True))
            return apply(reader, Static(function), [owner, *args], kwargs)
        case v.Record() if attributes.defined(reader, callee.cls, "__call__"):
            return apply(reader, v.Bound(callee, "__call__"), args, kwargs)
        case v.Bound():
            return library.method(reader, callee.owner, callee.name, args, kwargs)
        case Static() if _speaks(callee):
            home = getattr(callee.value, "__module__", "")
            reader.effects |= not home.endswith("warnings")
            return v.NONE
        case Static() if not isinstance(callee.value, str | None):
            handled = library.known(reader, callee.value, args, kwargs)
            if handled is not None:
                return handled
            return inline(reader, callee.value, args, kwargs)
    what = f"a {v.kind_of(callee)} cannot be called"
    if not isinstance(callee, v.Iter | v.Maybe | v.Unbound):
        handlers.catch(reader, TypeError)
    raise reader.problem("SG201", what)


def inline(reader: build.Reader, function: Any, args: Args, kwargs: Kwargs) -> Thing:
    """Read a helper in place."""
    if isinstance(function, type):
        return _construct(reader, function, args, kwargs)
    plainest = getattr(function, "primal", function)  # differentiated, or compiled
    plainest = getattr(plainest, "py_func", plainest)
    watch_function(reader, plainest)
    inner = getattr(function, "__srcgrad__", None) or HOOKS.get(id(function))
    around = any(f.source.function is plainest for f in reader.frames)
    if inner is not None and around and getattr(function, "kind", "") != "value":
        what = f"`{plainest.__name__}` is called inside itself, as what is made of it"
        help = "call the plain function: write `def` first, and decorate it after"
        raise reader.problem("SG103", what, help)
    if inner is not None:
        special: Thing | None = inner(reader, args, kwargs)
        if special is not None:
            return special
        function = function.primal
    if isinstance(function, functools.partial):
        given, kept = dict(enumerate(function.args)), function.keywords
        places = [Place(given, k, False) for k in given]
        args = [*(captured(reader, p, f"argument_{p.name}") for p in places), *args]
        own = {k: captured(reader, Place(kept, k, False), k) for k in kept}
        return apply(reader, Static(function.func), args, {**own, **kwargs})
    if (parts := repeated(function)) is not None:
        way = iterables.each_block if "->" in parts[1] else iterables.each_of
        return apply(reader, Static(way), [*map(Static, parts), *args], kwargs)
    plainer, held, kept = unbound(function)
    if plainer is not function:
        args = [*(lift(reader, value) for value in held), *args]
        kwargs = {**{k: lift(reader, value) for k, value in kept.items()}, **kwargs}
        return apply(reader, Static(plainer), args, kwargs)
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__qualname__", getattr(function, "__name__", "it"))
    plain = isinstance(function, pytypes.FunctionType) or hasattr(function, "py_func")
    if name in DOORS.get(module, "").split():
        return _made(reader, function, args, kwargs)
    if not plain or module.split(".")[0] in _LIBRARIES:
        if known := [*map(Static, prelude.of_object(function))]:
            return apply(reader, known[0], [*known[1:], *args], kwargs)
        if (made := _folded(reader, function, args, kwargs)) is None:
            raise _unknown(reader, f"{module}.{name}".lstrip("."))
        return made  # type: ignore[no-any-return]
    try:
        source = read_source(function, wrapped=True)
    except SrcgradError as error:
        raise reader.problem(
            "SG201", f"the source of `{name}` cannot be read",
            note=str(error).splitlines()[0],
        ) from None  # fmt: skip
    defaults = default_things(reader, source)
    names = bind_arguments(reader, source.node.args, args, kwargs, defaults, name)
    return reader.whole(source, names)


def _folded(reader: build.Reader, function: Any, args: Args, kwargs: Kwargs) -> Any:
    """Call a function while compiling, if all it is given are numbers known then."""
    leaves: Any = v.leaves(Tuple((*args, *kwargs.values())), reader.state.heap)
    fixed = [
        x.type == INT or (isinstance(x, Const) and x.type.python) for _, x in leaves
    ]
    home = getattr(function, "__module__", None) or ""
    seeds = function is np.random.default_rng and fixed
    if not all(fixed) or not (seeds or home.startswith(OF_NUMBERS)):
        return None
    given = [static(reader, a) for a in args]
    named = {k: static(reader, a) for k, a in kwargs.items()}
    if seeds:
        return _generator(reader, (*given, *named.values()))
    key = f"{home}.{function.__qualname__}, {given}, {named}"
    if key not in _RESULTS:
        _RESULTS[key] = function(*given, **named)
    made = captured(reader, Place(_RESULTS, key, False), function.__name__)
    return apply(reader, Static(copy.deepcopy), [made], {})


class _Streams:
    """What `default_rng` gives for a seed: each call of a function has its own."""

    def get(self, seed: tuple[int], _: object) -> np.random.Generator:
        return np.random.default_rng(*seed)


def _generator(reader: build.Reader, seed: Any) -> Thing:
    """Return a Generator that is made here, as a hidden argument."""
    if len(reader.build.open) > 1:
        what = "a Generator is made in a loop or a branch: each turn has its own"
        raise reader.problem("SG507", what, "make it before, and draw from it here")
    place = Place(_Streams(), seed, False)
    made: Any = reader.capture(place, "rng", place.fetch())
    made.root.captured = None  # nobody else draws from it
    return made  # type: ignore[no-any-return]


def _made(reader: build.Reader, door: Any, args: Args, kwargs: Kwargs) -> Thing:
    """Make a gradient function while compiling."""
    if any(isinstance(a, v.Closure) for a in args):
        what = "the gradient of an inner function is not taken inside"
        help = "define it at module level, with what it reads from here as arguments"
        raise reader.problem("SG206", what, help)
    given = [static(reader, a) for a in args]
    named = {k: static(reader, a) for k, a in kwargs.items()}
    told: Any = lambda x: id(x) if callable(x) else repr(x)  # noqa: E731
    key = (door, *map(told, given), *((k, told(x)) for k, x in named.items()))
    if key not in reader.made:
        reader.made[key] = door(*given, **named)
    return Static(reader.made[key])


def default_things(reader: build.Reader, source: Any) -> Kwargs:
    """Return default values: numbers as they are, what holds several is captured."""
    defaults, own = source.defaults, source.function.__kwdefaults__ or {}
    places = {n: Place(own if n in own else defaults, n, False) for n in defaults}
    plain = bool | int | float | str | None
    return {
        n: lift(reader, x) if isinstance(x, plain) else captured(reader, places[n], n)
        for n, x in defaults.items()
    }


def _unknown(reader: build.Reader, name: str) -> Exception:
    """Return the problem of a function that is not in the table."""
    shown = _called(reader) or name
    code, what = "SG204", f"`{shown}` has no derivative rule"
    helps = [library.OTHERWISE, f"or give a rule: srcgrad.register_vjp({shown}, ...)"]
    if name.startswith("numpy.random"):
        code, what = "SG507", f"`{shown}` draws numbers from a hidden state"
        helps = ["pass a Generator, `np.random.default_rng(0)`, and draw from that",
                 "or draw outside, and pass the numbers as an argument"]  # fmt: skip
    elif name.startswith("srcgrad."):
        code = "SG206"
        what = f"`{shown}` is not called inside a differentiated function"
        helps = [f"make it outside, `slope = {shown}(...)`, and call `slope` here"]
    elif name == "ufunc.at":
        helps = ["write the loop: `for k in range(len(i)): y[i[k]] += v[k]`"]
    return reader.problem(code, what, *helps, note=UNSUPPORTED.get(name, ""))


def _called(reader: build.Reader) -> str:
    """Return the text of the function that the user calls here."""
    _, site = reader.place()
    return ast.unparse(site.func) if isinstance(site, ast.Call) else ""


def _apply_closure(
    reader: build.Reader, callee: v.Closure, args: Args, kwargs: Kwargs
) -> Thing:
    """Read an inner function in place; it sees the names around it as they are now."""
    frame, spec, same = callee.frame, callee.node.args, lambda f: f.called is callee
    names = bind_arguments(reader, spec, args, kwargs, callee.defaults, callee.name)
    outer = visible(reader, frame)

    def read(tree: Any) -> Thing:
        node = tree or callee.node
        return reader.function(callee.source, names, outer, node, frame.site, callee)

    return recursion.read(reader, read, same)


def visible(reader: build.Reader, frame: build.Frame) -> Kwargs:
    """Return what the names of a frame, and of those around it, mean by now."""
    own = reader.state.names if reader.frames[-1] is frame else frame.names
    outer = visible(reader, frame.around) if frame.around else {}
    return {n: x for n, x in outer.items() if n not in frame.live.bound} | own


def bind_arguments(
    reader: build.Reader, spec: ast.arguments, args: Args, kwargs: Kwargs,
    defaults: Kwargs, name: str,
) -> Kwargs:  # fmt: skip
    """Bind arguments to the parameters of a function, as Python does."""
    P = inspect.Parameter
    some, rest = [spec.vararg], [spec.kwarg]
    groups: Any = (spec.posonlyargs, spec.args, some, spec.kwonlyargs, rest)
    kinds: Any = type(P.VAR_KEYWORD)  # in the same order
    parameters = [
        P(a.arg, kind, default=defaults.get(a.arg, P.empty))
        for kind, group in zip(kinds, groups, strict=True)
        for a in group
        if a is not None
    ]
    signature = inspect.Signature(parameters)
    return named(reader, bound(reader, signature, args, kwargs, name))


def bound(
    reader: build.Reader, signature: inspect.Signature, args: Args, kwargs: Kwargs,
    name: str = "",
) -> inspect.BoundArguments:  # fmt: skip
    """Bind arguments to a signature, defaults included; our functions have no name.

    They are called without what they do not know, where it says nothing.
    """
    params, neutral = signature.parameters, (v.NONE, Static("C"))
    if not name:
        kwargs = {k: a for k, a in kwargs.items() if k in params or a not in neutral}
    try:
        call = signature.bind(*args, **kwargs)
    except TypeError as error:
        shown = name or _called(reader) or "it"
        code, what, helps = "SG201", f"`{shown}`: {error}", ""
        for unknown in sorted(set(kwargs) - set(params))[:1]:
            code, what = "SG202", f"`{shown}` has no argument `{unknown}`"
            if not name:
                what = f"`{shown}` is known without the argument `{unknown}`"
                named = [k for k, p in params.items() if p.kind in _BY_NAME]
                helps = f"it takes {', '.join(f'`{k}`' for k in named)}"
        if name:  # the user's own
            handlers.catch(reader, TypeError)
        raise reader.problem(code, what, *[helps] * bool(helps)) from None
    call.apply_defaults()
    return call


def named(reader: build.Reader, call: inspect.BoundArguments) -> Kwargs:
    """Return what the parameters are bound to."""
    names: Kwargs = {}
    for key, value in call.arguments.items():
        if isinstance(value, dict):
            value = reader.container(v.DictCell(key), value)
        names[key] = Tuple(value) if isinstance(value, tuple) else value
    return names


def with_defaults(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature whose defaults are things."""
    parameters = [
        p if p.default is p.empty else p.replace(default=lift(None, p.default))
        for p in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


def _construct(reader: build.Reader, cls: Any, args: Args, kwargs: Kwargs) -> Thing:
    """Make a namedtuple, a dataclass out of its fields, or run `__init__`."""
    maker = next(vars(c) for c in cls.__mro__ if "__init__" in vars(c))
    made = getattr(maker.get("__dataclass_params__"), "init", False)
    own = [n for n in ("__new__", "__setattr__") if attributes.defined(reader, cls, n)]
    plain = is_plain_class(cls) and not inspect.isabstract(cls)
    if own or not (made or plain or hasattr(cls, "_fields")):
        what = f"`{cls.__name__}` cannot be called here"
        helps = [f"it has its own `{n}`: make it outside, and pass it" for n in own]
        note = UNSUPPORTED.get(f"{cls.__module__}.{cls.__name__}", "")
        raise reader.problem("SG201", what, *helps, note=note)
    init = attributes.defined(reader, cls, "__init__")
    if init or not (made or hasattr(cls, "_fields")):
        cell = reader.container(v.Record("", cls), {})
        if init:
            inline(reader, cls.__init__, [cell, *args], kwargs)
        return cell
    signature = with_defaults(inspect.signature(cls))
    values = named(reader, bound(reader, signature, args, kwargs, cls.__name__))
    if not made:
        return Tuple(tuple(values.values()), cls)
    for f in dataclasses.fields(cls):
        made_anew = f.default_factory is not dataclasses.MISSING
        if made_anew and isinstance(values.get(f.name, v.NONE), Static):
            values[f.name] = apply(reader, Static(f.default_factory), [], {})
    values = {f.name: values[f.name] for f in dataclasses.fields(cls)
              if f.name in values}  # fmt: skip
    cell = reader.container(v.Record("", cls), values)
    if watched(reader, Place(cls, "__post_init__", True)) is not NOTHING:
        inline(reader, cls.__post_init__, [cell], {})
    return cell


def length(reader: build.Reader, thing: Thing) -> Operand:
    """Return `len(thing)`."""
    if (own := attributes.special(reader, thing, "__len__")) is not None:
        return reader.operand(own)
    if isinstance(thing, Static):
        return const(len(thing.value))
    if v.is_operand(thing) or v.is_point(thing) or isinstance(thing, v.Record):
        what = f"a {v.kind_of(thing)} has no length"
        raise handlers.fails(reader, "TypeError", "SG201", what)
    return iteration.sequence(reader, thing).count


def taken(reader: build.Reader, thing: Thing, whole: bool = True) -> Any:
    """Return a thing that is looped over now; what `zip` gives is used up by that.

    What is yielded is a list where the `whole` of it is wanted.
    """
    if not isinstance(thing, v.Iter) or thing.left is None:
        return thing
    (begun,) = reader.state.heap[thing.left]  # raises Gone
    del reader.state.heap[thing.left]
    if thing.seen != iteration.seen(reader, thing.make, thing.parts):
        what = "what this runs over has changed since it was made"
        raise reader.problem("SG403", what, "make it where it is used")
    thing = dataclasses.replace(thing, left=None)
    thing = thing if begun == const(0) else v.Iter(iteration.later, (thing, begun))
    of_all = whole and generators.is_generated(thing)
    return apply(reader, Static(iterables.collected), [thing], {}) if of_all else thing


def items_of(
    reader: build.Reader, thing: Thing, count: int | None = None
) -> list[Thing]:
    """Return the items of a container of known length."""
    items = iteration.sequence(reader, thing)
    long = thing.count if isinstance(thing, v.ListCell) else None
    many = items.count if long is None else reader.build.length(long)
    if isinstance(many, Const):
        count = int(many.value)
    elif count is not None:
        what = "the number of values differs from the number of names"
        dims = (reader.build.dim(many), reader.build.dim(const(count)))
        reader.build.same(*dims, what)
    else:
        recursion.ask(reader, many)
        raise reader.problem(
            "SG102", "how many items this has must be known while compiling",
            "name the items, `f(x[0], x[1])`, or pass the array itself",
        )  # fmt: skip
    return [items.item(const(k)) for k in range(count)]
