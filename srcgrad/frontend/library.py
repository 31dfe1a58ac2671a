"""What functions and methods of Python, `math` and NumPy mean to the reader.

Most are rows of the table, or definitions in plain NumPy (`ops/prelude.py`), and need
no code here. What has code names things (shapes, views), builds containers, or is
Python's own.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import inspect
import linecache
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import numpy as np

from srcgrad.builder import const
from srcgrad.errors import suggest
from srcgrad.frontend import (
    attributes,
    calls,
    expressions,
    generators,
    indexing,
    iteration,
    lists,
)
from srcgrad.frontend import values as v
from srcgrad.frontend.values import Ref, Static, Thing
from srcgrad.ir import Const, Index, Permute, Reshape, Value
from srcgrad.ops import ROWS, Row, draws, prelude, ufuncs
from srcgrad.ops.operators import FOLDED, OF_OBJECTS, OF_TEXTS, OPERATORS
from srcgrad.source import FunctionSource
from srcgrad.types import Array, Dim, Scalar

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

Args = list[Thing]
Kwargs = dict[str, Thing]
Handler = Callable[..., Thing]
HANDLERS: dict[str, Handler] = {}
_WAYS = {"math": "math", "cmath": "cmath", "builtins": "py"}
OTHERWISE = "write it with operations that are known, loops included"


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register what reads functions, by dotted name, and methods, by `.name`.

    The parameters of a handler behind the reader are the function's own.
    """

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


@functools.cache
def meanings() -> dict[str, Any]:
    """Return what functions, by dotted name, and methods, by `.name`, mean."""
    rows = {n: row for row in ROWS.values() for n in row.callables}
    rows |= {f".{m}": row for row in ROWS.values() for m in row.methods}
    return {**rows, **prelude.DEFINITIONS, **HANDLERS}


@functools.cache
def _homes() -> list[str]:
    """Return the modules of what functions are known."""
    return sorted({n.rpartition(".")[0] for n in meanings() if n[0] != "."})


def by_identity() -> dict[int, tuple[Any, str, Any]]:
    """Return what each known function object is, by its identity.

    What has not been imported is no one's to call, and is not imported for this.
    """
    return _of_modules(frozenset(home for home in _homes() if home in sys.modules))


@functools.cache
def _of_modules(loaded: frozenset[str]) -> dict[int, tuple[Any, str, Any]]:
    found: dict[int, tuple[Any, str, Any]] = {}
    for name, meaning in meanings().items():
        if name.rpartition(".")[0] in loaded:
            with contextlib.suppress(AttributeError):  # an older NumPy
                value = pkgutil.resolve_name(":".join(name.rsplit(".", 1)))
                found[id(value)] = (value, name, meaning)
    return found


def _is_definition(meaning: Any) -> bool:
    """Tell a definition, in plain NumPy, from what the frontend reads itself."""
    home = getattr(meaning, "__module__", None) or ""
    ours = home.startswith(("srcgrad.ops.", "srcgrad.nn."))
    return ours and not isinstance(meaning, type)


def known_names() -> list[str]:
    """Return the dotted names of all functions that are known."""
    return [name for _, name, _ in by_identity().values()]


def known(reader: Reader, function: Any, args: Args, kwargs: Kwargs) -> Thing | None:
    """Apply a function of the library; None if it is not one."""
    if isinstance(function, Row):
        return apply_row(reader, function, args, kwargs)
    of_math = getattr(function, "__module__", "") in ("math", "cmath")
    values = [a.value for a in args
              if isinstance(a, Const) and (of_math or a.type.python)]  # fmt: skip
    foldable = of_math or (values and id(function) in FOLDED)
    if foldable and len(values) == len(args) and not kwargs:
        try:
            result = function(*values)
        except (ArithmeticError, ValueError) as error:
            return reader.raises(type(error).__name__)
        if not isinstance(result, int) or abs(result) < 2**63:
            return calls.lift(reader, result)
    of_text = isinstance(getattr(function, "__self__", None), str)
    if of_text or id(function) in OF_TEXTS:
        return _known_while_compiling(reader, function, args, kwargs)
    special = OF_OBJECTS.get(getattr(function, "__name__", ""))
    if special and args and function is getattr(builtins, special.strip("_"), None):
        own = attributes.special(reader, args[0], special)
        if own is not None:
            return own
    _, name, meaning = by_identity().get(id(function), (None, "", function))
    home: Any = getattr(function, "__self__", None)
    if type(home).__module__.endswith("_distns"):  # of SciPy's laws
        whole = f"scipy.stats.{home.name}.{function.__name__}"
        meaning = meanings().get(whole, function)
    if isinstance(home, type) and not name:
        name = f"{home.__module__}.{function.__qualname__}"  # a method of a class
        meaning = meanings().get(name, function)
        name = name if meaning is not function else ""
    if any(map(generators.is_generated, args)):
        meaning = generators.taking(reader, name, meaning)
    if more := _said_more(reader, function, name, meaning, args, kwargs):
        return more
    if isinstance(meaning, Row):
        via = _WAYS.get(name.split(".")[0], "np")
        return apply_row(reader, meaning, args, kwargs, via)
    ours = name or _is_definition(meaning)
    return _apply(reader, meaning, args, kwargs) if ours else None


def _said_more(
    reader: Reader, function: Any, name: str, meaning: Any, args: Args, kwargs: Kwargs
) -> Thing | None:
    """Apply a function of NumPy whose call says more than its row, or None."""
    owner, more = getattr(function, "__self__", None), None
    given = {k for k in kwargs if kwargs[k] != v.NONE} & {"out", "where", "initial"}
    if isinstance(owner, np.ufunc) and id(owner) in by_identity():
        function, more = owner, ufuncs.METHODS[function.__name__]
    elif name and isinstance(function, np.ufunc):
        more = ufuncs.called if kwargs or len(args) > function.nin else None
    elif given and isinstance(meaning, Row) and meaning.many_axes:
        more = ufuncs.reduction
    elif "out" in given and name.startswith("numpy."):
        own = not isinstance(meaning, Row) and "out" in signature_of(meaning).parameters
        more = None if own else ufuncs.written
    return _apply(reader, more, [Static(function), *args], kwargs) if more else None


def _apply(reader: Reader, meaning: Handler, args: Args, kwargs: Kwargs) -> Thing:
    """Apply a definition of the prelude, or what the frontend reads itself."""
    if meaning in prelude.FIXED:
        return _known_while_compiling(reader, meaning, args, kwargs)
    lazy = generators.is_lazy(meaning)
    args = args if lazy else [calls.taken(reader, a) for a in args]
    call = calls.bound(reader, signature_of(meaning), args, kwargs)
    if not _is_definition(meaning):
        return meaning(reader, *call.args, **call.kwargs)
    names = calls.named(reader, call)
    result = reader.function(_source(meaning), names, site=reader.node)
    if isinstance(result, v.Poison):
        raise v.Refused
    return result


def _known_while_compiling(
    reader: Reader, function: Any, args: Args, kwargs: Kwargs
) -> Thing:
    """Return what a function gives for what is known."""
    given = [calls.static(reader, calls.taken(reader, a)) for a in args]
    named = {k: calls.static(reader, a) for k, a in kwargs.items()}
    return calls.lift(reader, _computed(reader, function, *given, **named))


def _computed(reader: Reader, function: Any, *args: Any, **kwargs: Any) -> Any:
    """Run a function of the prelude while compiling."""
    try:
        return function(*args, **kwargs)
    except (ValueError, TypeError, IndexError) as error:
        raise reader.problem("SG402", str(error)) from None


@functools.cache
def _source(definition: Any) -> FunctionSource:
    """Return a definition of the prelude with its tree; only what is used is parsed."""
    code = definition.__code__
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    (node,) = ast.parse(textwrap.dedent("".join(inspect.getblock(lines)))).body
    assert isinstance(node, ast.FunctionDef)
    return FunctionSource(code.co_filename, node.name, 1, "", node, (), definition)


@functools.cache
def signature_of(meaning: Handler) -> inspect.Signature:
    """Return the signature of a function as the user calls it."""
    signature = inspect.signature(meaning)
    if not _is_definition(meaning):
        own = list(signature.parameters.values())[1:]  # not the reader
        signature = signature.replace(parameters=own)
    return calls.with_defaults(signature)


@functools.cache
def row_signature(name: str, outside: bool) -> inspect.Signature:
    """Return the signature of a row; from `outside` as NumPy gives it."""
    row, P = ROWS[name], inspect.Parameter
    plain = P.POSITIONAL_OR_KEYWORD
    kind = P.KEYWORD_ONLY if row.starred else plain
    found = [P(p.strip("*"), P.VAR_POSITIONAL if p[0] == "*" else plain)
             for p in row.params]  # fmt: skip
    for attr in row.attrs:
        behind = row.behind_axis if attr == "axis" and outside else ()
        found += [P(key, kind, default=None) for key in (attr, *behind)]
    if not outside:
        found.append(P("via", P.KEYWORD_ONLY, default=None))
    return inspect.Signature(found)


def apply_row(
    reader: Reader, row: Row, args: Args, kwargs: Kwargs, via: str = ""
) -> Thing:
    """Apply a row to arguments bound as its signature says; `via` says who calls it."""
    signature = row_signature(row.name, bool(via))
    params = [*signature.parameters]
    if via and params and "a" in kwargs:
        kwargs = {params[0] if k == "a" else k: x for k, x in kwargs.items()}
    bound = calls.bound(reader, signature, args, kwargs).arguments
    if bound.get("out") not in (None, v.NONE):
        raise reader.problem("SG202", f"`out` of `{row.name}` is not known")
    things = [bound[p] for p in row.params if p[0] != "*"]
    things += bound[params[len(things)]] if row.starred else ()
    if not things and row.starred:
        return reader.raises("ValueError")
    if row.name == "copy" and v.is_point(things[0]):
        return reader.point(reader.operand(things[0]))
    operands = expressions.in_plane(reader, row.name, *map(reader.operand, things))
    attrs = {k: calls.static(reader, bound[k])
             for k in (*row.attrs, "via") if bound.get(k) is not None}  # fmt: skip
    if via:
        attrs["via"] = via
        dtype = dtype_of(reader, bound.get("dtype") or v.NONE)
        if dtype is not None and "dtype" not in row.attrs:
            operands[0] = reader.build.cast(operands[0], dtype, False)
        if not operands[0].type.rank and row.kind != "elementwise":
            if row.of_number is None:
                raise reader.problem("SG402", f"`{row.name}` needs an array")
            return row.of_number(reader.build, operands[0])  # type: ignore[no-any-return]
    axis = attrs.get("axis", row.attrs.get("axis"))
    if axis is not None:
        rank = operands[0].type.rank + (row.name == "stack")
        axes = _computed(reader, prelude.axes_of, axis, rank)
        if len(axes) > 1 and not row.many_axes:
            raise reader.problem("SG205", f"`{row.name}` takes one axis here")
        attrs["axis"] = axes if row.many_axes else axes[0]
    return reader.thing(reader.build.op(row.name, *operands, **attrs))


def dtype_of(reader: Reader, thing: Thing) -> str | None:
    """Return the name of a dtype argument, None if there is none."""
    name: str | None = prelude.name_of(calls.static(reader, thing))
    return name


def method(
    reader: Reader, owner: Thing, name: str, args: Args, kwargs: Kwargs
) -> Thing:
    """Call a method."""
    if v.list_axes(owner):
        owner = lists.read_row(reader, owner, name)
    if isinstance(owner, v.Tuple | v.Cell):
        return lists.method(reader, owner, name, args, kwargs)
    meaning = meanings().get(f".{name}")
    whole, given = f"numpy.{name}", [owner, *args]
    if meaning is not None and kwargs and hasattr(np, name):
        made = _said_more(reader, getattr(np, name), whole, meaning, given, kwargs)
        if made is not None:
            return made
    if isinstance(meaning, Row) and isinstance(owner, Const | Value | Ref):
        return apply_row(reader, meaning, [owner, *args], kwargs, "method")
    if meaning is not None and not isinstance(meaning, Row):
        return _apply(reader, meaning, [owner, *args], kwargs)
    methods = [n[1:] for n in meanings() if n[0] == "." and n not in draws.METHODS]
    what = f"method `.{name}()` of a {v.kind_of(owner)} is not known"
    raise reader.problem("SG203", what, *(suggest(name, methods) or (OTHERWISE,)))


def array_ref(reader: Reader, thing: Thing) -> Ref:
    """Return a thing as an array, lists packed."""
    if isinstance(thing, v.Tuple | v.ListCell):
        thing = lists.pack(reader, thing)
    if isinstance(thing, Ref) and isinstance(thing.type, Array):
        return thing
    raise reader.problem("SG402", f"an array is needed, not a {v.kind_of(thing)}")


# what definitions of the prelude ask


_PRELUDE = "srcgrad.ops.prelude"
# NumPy made a number of an array of one element until then.
_OF_RANK_0 = np.lib.NumpyVersion(np.__version__) >= "2.4.0"


@handles(f"{_PRELUDE}.typed")
def _typed(reader: Reader, x: Thing, dtype: Any, python: Any = False) -> Thing:
    operand = reader.operand(x)
    name = dtype_of(reader, dtype) or operand.type.dtype
    made = reader.build.cast(operand, name, calls.static(reader, python))
    return x if made is operand else reader.thing(made)


@handles(f"{_PRELUDE}.viewed")
def _viewed(
    reader: Reader, row: Thing, x: Thing, *args: Thing, **attrs: Thing
) -> Thing:
    given, name = [*map(reader.operand, args)], calls.static(reader, row).name
    known = {k: calls.static(reader, a) for k, a in attrs.items()}
    writable = known.pop("writable", False)
    base, op = array_ref(reader, x), reader.build.op
    made = reader.remade(base, lambda base: op(name, base, *given, **known))
    made.root.writable = writable
    return made


@handles(f"{_PRELUDE}.is_one")
def _is_one(reader: Reader, x: Thing, axis: Thing) -> Thing:
    dims = array_ref(reader, x).type.dims
    dim = reader.build.resolve(dims[calls.static(reader, axis)])
    if any(dim == Dim.of(atom) for atom in reader.outer_atoms):
        return const(False)  # the length of an argument is not 1 if it has a name
    return const(reader.build.is_one(dim))


@handles(f"{_PRELUDE}.same")
def _same(reader: Reader, one: Thing, other: Thing, what: Thing) -> Thing:
    n, m = (reader.build.dim(reader.operand(x)) for x in (one, other))
    reader.build.same(n, m, calls.static(reader, what), "ValueError")
    return v.NONE


HANDLERS |= {
    f"{_PRELUDE}.alone": lists.alone,
    f"{_PRELUDE}.added": lambda reader, a, index, x: indexing.add(
        reader, array_ref(reader, a), index, reader.operand(x)
    ),
    f"{_PRELUDE}.kind": lambda reader, x: Static(reader.operand(x).type.dtype),
    f"{_PRELUDE}.is_python": lambda reader, x: const(reader.operand(x).type.python),
    f"{_PRELUDE}.is_point": lambda reader, x: const(v.is_point(x)),
    f"{_PRELUDE}.is_fixed": lambda reader, x: const(isinstance(x, Const | Static)),
    f"{_PRELUDE}.turned": lambda reader, a, axes: attributes.transpose(
        reader, array_ref(reader, a), calls.static(reader, axes)
    ),
    "numpy.ndim": lambda reader, a: const(
        (a if isinstance(a, Const | Value | Ref) else array_ref(reader, a)).type.rank
    ),
}


# arrays: lists become some, and another shape is a view where that can be told


@handles(".reshape")
def _reshape(reader: Reader, a: Thing, *sizes: Thing, order: Any = None) -> Thing:
    if order not in (v.NONE, Static("C")):
        raise reader.problem("SG202", "`reshape` is known in C order only")
    whole = len(sizes) == 1 and isinstance(sizes[0], v.Tuple | v.ListCell)
    given = calls.items_of(reader, sizes[0]) if whole else sizes
    wanted = [reader.operand(x) for x in given]
    if v.is_operand(a) or v.is_point(a):
        ref = reader.allocate(reader.build.op("full", reader.operand(a), const(1)))
        if v.is_point(a):
            reader.share(ref.root, a.root)
    else:
        ref = array_ref(reader, a)
    lengths = attributes.shape(reader, ref)
    if not wanted:
        for d in ref.type.dims:
            what = "cannot reshape an array of several items into shape ()"
            reader.build.same(d, Dim(1), what)
        first = Index((const(0),) * ref.type.rank)
        return Ref(ref.root, (*ref.path, first), Scalar(ref.type.dtype))
    known = [x for x in wanted if x != const(-1)]
    wanted = [
        attributes.missing(reader, lengths, known) if x == const(-1) else x
        for x in wanted
    ]
    if wanted == lengths and (len(wanted) > 1 or _in_order(ref)):
        reader.reshaped.add(ref.root)
        return ref  # of a strided vector `reshape` gives a view, and `ravel` a copy
    if _in_order(ref):
        return indexing.read(reader, ref, (*ref.path, Reshape(tuple(wanted))))
    out = reader.allocate(reader.build.op("reshape", reader.operand(ref), *wanted))
    if len(wanted) > 1 or not _surely_turned(reader, ref):
        # Whether NumPy gives a view or a copy here depends on the strides.
        reader.share(out.root, ref.root)
    return out


def _in_order(ref: Ref) -> bool:
    """Tell an array that is in C order; a view that no path describes may not be."""
    return getattr(ref.type, "contiguous", True) and ref.root.of is None


def _surely_turned(reader: Reader, ref: Ref) -> bool:
    """Tell an array that is not in C order: the transpose of one, no axis of one."""
    if not ref.path or not isinstance(ref.path[-1], Permute):
        return False
    base = reader.build.place(ref.root.type, ref.path[:-1])
    assert isinstance(base, Array)
    return base.contiguous and all(
        d.const > 1 if d.known is not None
        else all(a in reader.outer_atoms and c > 0 for a, c in d.terms) and d.const >= 0
        for d in base.dims
    )  # fmt: skip


@handles("numpy.ascontiguousarray")
def _in_c_order(reader: Reader, a: Thing, dtype: Any = None) -> Thing:
    made = _asarray(reader, a, dtype)
    if v.is_point(made):
        return _reshape(reader, made, const(1), order=v.NONE)
    ref = array_ref(reader, made)
    if ref is not a or _in_order(ref):
        return ref
    out = reader.allocate(reader.build.op("copy", reader.operand(ref), via="method"))
    if not _surely_turned(reader, ref):
        reader.share(out.root, ref.root)  # a copy only where it is not in C order
    return out


@handles("numpy.asarray")
def _asarray(reader: Reader, a: Thing, dtype: Any = None) -> Thing:
    name = dtype_of(reader, dtype)
    thing = lists.pack(reader, a) if isinstance(a, v.Tuple | v.ListCell) else a
    if isinstance(thing, Ref) and name in (None, thing.type.dtype):
        if v.list_axes(thing):
            return reader.thing(reader.build.op("copy", reader.operand(thing)))
        return thing
    operand = reader.operand(thing)
    made = reader.build.cast(operand, name or operand.type.dtype)
    return reader.thing(made) if operand.type.rank else reader.point(made)


# Python's own: numbers, iterables, types, operators


def _number(kind: type) -> Handler:
    """Return what makes a number of Python's own of a number or a text."""

    def made(reader: Reader, x: Any = 0, /) -> Thing:
        if isinstance(x, Static) and isinstance(x.value, str):
            try:
                return const(kind(x.value))
            except ValueError:
                return reader.raises("ValueError")
        if isinstance(x, Ref) and x.type.rank and not v.list_axes(x) and _OF_RANK_0:
            return reader.raises("TypeError")
        what = "only an array of one element is a number"
        operand = reader.operand(indexing.single(reader, x, what))
        if kind is int and operand.type.dtype.startswith("float"):
            return reader.thing(reader.build.op("to_int", operand))
        return reader.build.cast(operand, f"{kind.__name__}64", True)

    return made


def _bool(reader: Reader, x: Thing, python: bool) -> Thing:
    """Return a truth value of Python's own, or of NumPy's: they differ in a sum."""
    return reader.build.cast(expressions.truth(reader, x), "bool", python)


HANDLERS |= {
    "srcgrad.ops.iterables.is_generated": generators.told,
    "srcgrad.ops.iterables.next_of": iteration.next_of,
    "builtins.range": iteration.iterable(iteration.numbers, once=False),
    "numba.misc.special.prange": iteration.iterable(iteration.numbers, once=False),
    "builtins.reversed": iteration.iterable(iteration.backward),
    "builtins.enumerate": iteration.iterable(iteration.counted),
    "srcgrad.ops.prelude.zipped": iteration.iterable(iteration.side_by_side),
    f"{_PRELUDE}.parted": lambda reader, items: iteration.parted(reader, items),
    f"{_PRELUDE}.numbered": iteration.iterable(iteration.numbered),
    f"{_PRELUDE}.count_of": lambda reader, x: iteration.sequence(reader, x).count,
    f"{_PRELUDE}.nth": lambda reader, x, k: iteration.sequence(reader, x).item(
        reader.operand(k)
    ),
    f"{_PRELUDE}.new_deque": lists.new_deque,
    f"{_PRELUDE}.new_dict": lambda reader, cls, factory: reader.container(
        v.DictCell("", cls.value, factory), {}
    ),
    f"{_PRELUDE}.made_of": lists.made_of,
    f"{_PRELUDE}.sets_change": lambda reader: const(reader.ways.sets_change()),
    "operator.getitem": indexing.get,
    "builtins.callable": lambda reader, x, /: const(
        attributes.has(reader, x, "__call__")
    ),
    "builtins.hasattr": lambda reader, x, name, /: const(
        attributes.has(reader, x, calls.static(reader, name))
    ),
    "numpy.isscalar": lambda reader, x: const(
        v.is_operand(x) or isinstance(getattr(x, "value", None), str)
    ),
    "builtins.len": lambda reader, obj, /: calls.length(reader, obj),
    "builtins.float": _number(float),
    "builtins.int": _number(int),
    "builtins.bool": lambda reader, x, /: _bool(reader, x, True),
    "numpy.bool_": lambda reader, x, /: _bool(reader, x, False),
}


def _operators() -> Iterator[tuple[str, Handler]]:
    """Yield the functions of `operator`."""

    def made(op: Any) -> Handler:
        if isinstance(op, ast.unaryop):
            return lambda reader, a, /: expressions.unary(reader, op, a)
        if isinstance(op, ast.cmpop):
            return lambda reader, a, b, /: expressions.compare(reader, op, a, b)
        return lambda reader, a, b, /: expressions.binary(reader, op, a, b)

    for kind, name in OPERATORS.items():
        yield (
            f"operator.{name}_" if iskeyword(name) else f"operator.{name}",
            made(kind()),
        )


HANDLERS |= _operators()


@handles("builtins.super")
def _super(reader: Reader, cls: Any = None, obj: Any = None, /) -> Thing:
    """Return where the methods of the classes before that of the method are found."""
    owner = attributes.method_owner(reader)
    if obj not in (v.NONE, owner):
        raise reader.problem("SG201", "`super` is known of a method's own object")
    place: Any = reader.frames[-1].source.place("__class__")
    return Static(super(cls.value or place.fetch(), owner.cls))


@handles("builtins.getattr")
def _getattr(reader: Reader, owner: Thing, name: Thing, *default: Thing) -> Thing:
    known = calls.static(reader, name)
    if default and not attributes.has(reader, owner, known):
        return default[0]
    return attributes.get(reader, owner, known)


@handles("builtins.setattr")
def _setattr(reader: Reader, owner: Thing, name: Thing, value: Thing, /) -> Thing:
    attributes.put(reader, owner, calls.static(reader, name), value)
    return v.NONE


def _agreed(reader: Reader, found: set[Any]) -> Thing:
    """Return what holds of the class that a thing has on each of its paths."""
    if len(found) > 1:
        raise reader.problem("SG402", "the type of this number depends on the path")
    return calls.lift(reader, found.pop())


@handles("builtins.type")
def _type(reader: Reader, obj: Thing, /) -> Thing:
    return _agreed(reader, attributes.classes(reader, obj))


@handles("builtins.isinstance")
def _isinstance(reader: Reader, obj: Thing, classes: Thing, /) -> Thing:
    known = calls.static(reader, classes)
    own = attributes.classes(reader, obj)
    return _agreed(reader, {issubclass(cls, known) for cls in own})


@handles("builtins.slice")
def _slice(reader: Reader, *parts: Thing) -> Thing:
    start, stop, *step = parts if len(parts) > 1 else (v.NONE, *parts)
    return v.SliceValue(start, stop, *(step or (v.NONE,)))
