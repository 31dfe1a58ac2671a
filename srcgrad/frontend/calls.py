"""Read calls: helpers are read in place, NumPy functions become rows of the table."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import types as pytypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.errors import SrcgradError, suggest
from srcgrad.frontend import expressions, library, stacks
from srcgrad.frontend.state import convert
from srcgrad.frontend.values import (
    Bound,
    Cell,
    Closure,
    DictCell,
    Iter,
    ListCell,
    Poison,
    Record,
    Ref,
    Refused,
    Static,
    Thing,
    Tuple,
    kind_of,
)
from srcgrad.ir import Const, Operand, Value
from srcgrad.source import Place, read_source, unbound
from srcgrad.trees import opened, spec_of
from srcgrad.types import Array, ListOf, Scalar, join, promote

if TYPE_CHECKING:
    from srcgrad.frontend.build import Frame, Reader

__all__ = [
    "call", "closure", "comprehension", "dict_comprehension", "extend", "items_of",
    "length", "lift", "local_import", "matmul", "outer_name", "pack", "static",
]  # fmt: skip


# What `register_vjp` puts in place of plain functions, by identity.
HOOKS: dict[int, Any] = {}

# names from outside


def outer_name(reader: Reader, frame: Frame, name: str, node: ast.AST) -> Thing:
    """Return what a closure variable, global or builtin means."""
    source = frame.source
    place = source.place(name)
    if place is not None:
        return captured(reader, place, name, node)
    if name in vars(builtins):
        return lift(reader, vars(builtins)[name], node)
    if frame.live is not None and not name.startswith("."):
        helps = suggest(name, [*reader.state.names, *source.module_globals])
        raise reader.problem("SG401", f"`{name}` is not bound here", node, helps=helps)
    raise reader.problem("SG401", f"`{name}` is never bound", node)


def captured(reader: Reader, place: Place, name: str, node: ast.AST) -> Thing:
    """Return a captured value: numbers and arrays are hidden arguments."""
    value = place.fetch()
    if not _is_data(value):
        spec_of(value, name)  # refuses what may change without a trace
        reader.statics.append((place, value))
        if isinstance(value, pytypes.FunctionType):  # a reload may change it in place
            for part in ("__code__", "__defaults__", "__kwdefaults__"):
                inner = Place(value, part, True)
                reader.statics.append((inner, inner.fetch()))
        return lift(reader, value, node)
    key = (id(place.owner), place.name)
    if key not in reader.captured:
        reader.captured[key] = reader.capture(place, name, value)
    return reader.captured[key]


def _is_data(value: Any) -> bool:
    import numpy as np

    if isinstance(value, bool) or value is None:
        return False
    number = isinstance(value, np.ndarray | np.floating | np.integer | int | float)
    return number or opened(value) is not None


def lift(reader: Reader, value: Any, node: ast.AST | None = None) -> Thing:
    """Return a Python object as a thing."""
    import numpy as np

    if isinstance(value, bool | int | float) and not isinstance(value, np.generic):
        return const(value)
    if isinstance(value, np.floating | np.integer | np.bool_):
        return Const(value.item(), Scalar(str(value.dtype)))
    if isinstance(value, tuple) and not isinstance(value, type):
        cls = type(value) if hasattr(value, "_fields") else None
        return Tuple(tuple(lift(reader, v, node) for v in value), cls)
    return Static(value)


def static(reader: Reader, thing: Thing, node: ast.AST | None) -> Any:
    """Return the Python value of a thing that must be known while compiling."""
    from srcgrad.frontend.build import NeedStatic

    match thing:
        case Const():
            return thing.value
        case Static():
            return thing.value
        case Tuple():
            return tuple(static(reader, t, node) for t in thing.items)
        case ListCell():
            return [static(reader, t, node) for t in reader.state.heap[thing]]
        case Value() if thing in reader.leaves:
            raise NeedStatic(thing)
    raise reader.problem(
        "SG205", "this must be known while compiling", node,
        helps=("pass a literal, or an argument that is not changed",),
    )  # fmt: skip


def local_import(reader: Reader, stmt: ast.Import | ast.ImportFrom) -> None:
    """Read an import inside a function: modules are known while compiling."""
    import importlib

    for alias in stmt.names:
        if isinstance(stmt, ast.Import):
            module = importlib.import_module(alias.name)
            top = module if alias.asname else importlib.import_module(
                alias.name.split(".")[0])  # fmt: skip
            reader.bind(alias.asname or alias.name.split(".")[0], Static(top))
        else:
            module = importlib.import_module(stmt.module or "")
            value = getattr(module, alias.name)
            reader.bind(alias.asname or alias.name, lift(reader, value, stmt))


# functions


def closure(reader: Reader, node: ast.FunctionDef | ast.Lambda) -> Closure:
    """Read a nested function or a lambda: it sees the names around it."""
    frame = reader.frames[-1]
    defaults: dict[str, Any] = {}
    args = node.args
    positional = [*args.posonlyargs, *args.args]
    for arg, value in zip(
        positional[len(positional) - len(args.defaults) :], args.defaults, strict=True
    ):
        defaults[arg.arg] = reader.expression(value)
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        if default is not None:
            defaults[arg.arg] = reader.expression(default)
    names = {**frame.outer}
    return Closure(frame.source, node, _Scope(reader, frame, names), defaults)


class _Scope(dict[str, Any]):
    """The names an inner function sees: those around it at the time of the call."""

    def __init__(self, reader: Reader, frame: Frame, outer: dict[str, Any]) -> None:
        super().__init__(outer)
        self.reader, self.frame = reader, frame

    def current(self) -> dict[str, Any]:
        """Return the names around the function as they are now."""
        frames = self.reader.frames
        if frames and frames[-1] is self.frame:
            return {**self, **self.reader.state.names}
        return {**self, **self.frame.names}


def call(reader: Reader, node: ast.Call) -> Thing:
    """Read a call."""
    callee = reader.expression(node.func)
    depth = len(reader.held)
    args: list[Thing] = []
    for arg in node.args:
        if isinstance(arg, ast.Starred):
            args += items_of(reader, reader.expression(arg.value), arg)
        else:
            args.append(reader.expression(arg))
        reader.held = reader.held[:depth] + args
    kwargs: dict[str, Thing] = {}
    for keyword in node.keywords:
        value = reader.expression(keyword.value)
        if keyword.arg is None:
            kwargs.update(_spread(reader, value, node))
        else:
            kwargs[keyword.arg] = value
    try:
        return apply(reader, callee, args, kwargs, node)
    finally:
        del reader.held[depth:]


def _spread(reader: Reader, value: Thing, node: ast.AST) -> dict[str, Thing]:
    if not isinstance(value, DictCell):
        raise reader.problem("SG102", "`**` needs a dict with known keys", node)
    return dict(reader.state.heap[value])


def apply(
    reader: Reader, callee: Thing, args: list[Thing], kwargs: dict[str, Thing],
    node: ast.AST,
) -> Thing:  # fmt: skip
    """Call a thing."""
    if isinstance(callee, Poison) or any(isinstance(a, Poison) for a in args):
        raise Refused
    if isinstance(callee, Closure):
        return inline_closure(reader, callee, args, kwargs, node)
    if isinstance(callee, Bound) and isinstance(callee.owner, Record):
        function = getattr(callee.owner.cls, callee.name)
        return inline(reader, function, [callee.owner, *args], kwargs, node)
    if isinstance(callee, Bound):
        return library.method(reader, callee.owner, callee.name, args, kwargs, node)
    if not isinstance(callee, Static):
        raise reader.problem("SG201", f"a {kind_of(callee)} cannot be called", node)
    handled = library.known(reader, callee.value, args, kwargs, node)
    if handled is not None:
        return handled
    return inline(reader, callee.value, args, kwargs, node)


def inline(
    reader: Reader, function: Any, args: list[Thing], kwargs: dict[str, Thing],
    node: ast.AST,
) -> Thing:  # fmt: skip
    """Read a helper in place."""
    if isinstance(function, type):
        return construct(reader, function, args, kwargs, node)
    inner = getattr(function, "__srcgrad__", None) or HOOKS.get(id(function))
    if inner is not None:
        special = inner(reader, args, kwargs, node)
        if special is not None:
            done: Thing = special
            return done
        function = function.primal
    plainer, held, kept = unbound(function)
    if plainer is not function:
        args = [*(lift(reader, value, node) for value in held), *args]
        kept = {name: lift(reader, value, node) for name, value in kept.items()}
        return apply(reader, Static(plainer), args, {**kept, **kwargs}, node)
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__qualname__", getattr(function, "__name__", "it"))
    plain = isinstance(function, pytypes.FunctionType) or hasattr(function, "py_func")
    if not plain or module.split(".")[0] in ("numpy", "scipy", "math", "srcgrad"):
        raise unknown(reader, function, f"{module}.{name}".lstrip("."), node)
    try:
        source = read_source(function)
    except SrcgradError as error:
        raise reader.problem(
            "SG201", f"the source of `{name}` cannot be read", node,
            note=str(error).splitlines()[0],
        ) from None  # fmt: skip
    if any(f.source.function is source.function for f in reader.frames):
        raise reader.problem(
            "SG103", f"`{name}` calls itself", node,
            helps=("recursion comes later: write it as a loop",),
        )  # fmt: skip
    defaults = default_things(reader, source, node)
    names = bind_arguments(reader, source.node.args, args, kwargs, defaults, name, node)
    return reader.function(source, names)


def default_things(reader: Reader, source: Any, node: ast.AST) -> dict[str, Thing]:
    """Return default values: numbers as they are, what holds several is captured."""
    found: dict[str, Thing] = {}
    for name, value in source.defaults.items():
        if isinstance(value, bool | int | float | str) or not _is_data(value):
            found[name] = lift(reader, value, node)
        else:
            found[name] = captured(
                reader, Place(source.defaults, name, False), name, node
            )
    return found


def unknown(reader: Reader, function: Any, name: str, node: ast.AST) -> Exception:
    """Return the problem of a function that is not in the table."""
    shown = ast.unparse(node.func) if isinstance(node, ast.Call) else name
    if name.startswith("numpy.random"):
        return reader.problem(
            "SG507", f"`{shown}` draws numbers from a hidden state", node,
            helps=("draw outside, and pass the numbers as an argument",),
        )  # fmt: skip
    if name.startswith("srcgrad."):
        return reader.problem(
            "SG206", f"`{shown}` is not called inside a differentiated function", node,
            helps=(f"make it outside, `slope = {shown}(...)`, and call `slope` here",),
        )  # fmt: skip
    helps = [library.OTHERWISE]
    if name == "ufunc.at":
        helps = ["write the loop: `for k in range(len(i)): y[i[k]] += v[k]`"]
    else:
        helps.append(f"or give a rule: srcgrad.register_vjp({shown}, ...)")
    return reader.problem(
        "SG204", f"`{shown}` has no derivative rule", node, helps=helps
    )


def inline_closure(
    reader: Reader, callee: Closure, args: list[Thing], kwargs: dict[str, Thing],
    node: ast.AST,
) -> Thing:  # fmt: skip
    """Read an inner function in place."""
    name = getattr(callee.node, "name", "lambda")
    if sum(f.source is callee.source for f in reader.frames) > 20:
        raise reader.problem("SG103", f"`{name}` calls itself", node)
    names = bind_arguments(
        reader, callee.node.args, args, kwargs, callee.defaults, name, node
    )
    scope = callee.names
    outer = scope.current() if isinstance(scope, _Scope) else dict(scope)
    return reader.function(callee.source, names, outer, callee.node)


def bind_arguments(
    reader: Reader, spec: ast.arguments, args: list[Thing], kwargs: dict[str, Thing],
    defaults: dict[str, Any], name: str, node: ast.AST,
) -> dict[str, Thing]:  # fmt: skip
    """Bind arguments to parameters, as Python does."""
    positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    keyword_only = [a.arg for a in spec.kwonlyargs]
    names: dict[str, Thing] = dict(zip(positional, args, strict=False))
    extra = args[len(positional) :]
    if spec.vararg is not None:
        names[spec.vararg.arg] = Tuple(tuple(extra))
    elif extra:
        raise reader.problem(
            "SG201",
            f"`{name}` takes {len(positional)} arguments, {len(args)} given",
            node,
        )
    rest: dict[str, Thing] = {}
    for key, value in kwargs.items():
        if key in positional or key in keyword_only:
            names[key] = value
        elif spec.kwarg is not None:
            rest[key] = value
        else:
            raise reader.problem("SG202", f"`{name}` has no argument `{key}`", node)
    if spec.kwarg is not None:
        cell = DictCell(spec.kwarg.arg)
        reader.state.heap[cell] = rest
        names[spec.kwarg.arg] = cell
    for key in (*positional, *keyword_only):
        if key not in names:
            if key not in defaults:
                raise reader.problem("SG201", f"`{name}` misses `{key}`", node)
            names[key] = defaults[key]
    return names


def construct(
    reader: Reader,
    cls: type,
    args: list[Thing],
    kwargs: dict[str, Thing],
    node: ast.AST,
) -> Thing:
    """Build a namedtuple or a dataclass out of its fields."""
    if hasattr(cls, "_fields") and issubclass(cls, tuple):
        named: Any = cls
        fields = list(named._fields)
        values = dict(zip(fields, args, strict=False)) | kwargs
        for key, value in getattr(cls, "_field_defaults", {}).items():
            values.setdefault(key, lift(reader, value, node))
        return Tuple(tuple(values[f] for f in fields), cls)
    if dataclasses.is_dataclass(cls):
        fields = [f.name for f in dataclasses.fields(cls) if f.init]
        values = dict(zip(fields, args, strict=False)) | kwargs
        for f in dataclasses.fields(cls):
            if f.name not in values and f.default is not dataclasses.MISSING:
                values[f.name] = lift(reader, f.default, node)
        cell = Record("", cls)
        reader.state.heap[cell] = values
        return cell
    raise reader.problem("SG201", f"`{cls.__name__}` cannot be called here", node)


# containers


def length(reader: Reader, thing: Thing, node: ast.AST) -> Operand:
    """Return `len(thing)`."""
    if isinstance(thing, Cell):
        contents = reader.state.heap[thing]
        if isinstance(contents, Ref):
            return length(reader, contents, node)
        if stacks.is_stack(thing, contents):
            count: Operand = contents["count"]
            return count
        return const(len(contents))
    if isinstance(thing, Tuple):
        return const(len(thing.items))
    if isinstance(thing, Static):
        return const(len(thing.value))
    if isinstance(thing, Ref):
        if isinstance(thing.type, ListOf):
            out: Operand = reader.build.op("length", reader.version(thing.root))
            return out
        return reader.build.length(reader.build.resolve(thing.type.dims[0]))
    if isinstance(thing, Iter):
        from srcgrad.frontend.iteration import sequence

        return sequence(reader, thing, node).count
    raise reader.problem("SG201", f"a {kind_of(thing)} has no length", node)


def items_of(
    reader: Reader, thing: Thing, node: ast.AST, count: int | None = None
) -> list[Thing]:
    """Return the items of a container of known length."""
    from srcgrad.frontend.iteration import sequence

    items = sequence(reader, thing, node)
    if items.fixed:
        return [items.item(const(k)) for k in range(int(items.count.value))]  # type: ignore[union-attr]
    if isinstance(items.count, Const):
        return [items.item(const(k)) for k in range(int(items.count.value))]
    if count is not None:
        build = reader.build
        build.same(build.dim(items.count), build.dim(const(count)),
                   "the number of values differs from the number of names")  # fmt: skip
        return [items.item(const(k)) for k in range(count)]
    raise reader.problem(
        "SG102", "how many items this has must be known while compiling", node,
        helps=("name the items, `f(x[0], x[1])`, or pass the array itself",),
    )  # fmt: skip


def pack(reader: Reader, thing: Thing, node: ast.AST | None) -> Thing:
    """Return a list or tuple of numbers, or of such lists, as an array."""
    if isinstance(thing, ListCell) and isinstance(reader.state.heap[thing], Ref):
        ref = reader.state.heap[thing]
        if isinstance(ref.type, ListOf):
            out = reader.build.op("pack_list", reader.version(ref.root))
            return reader.thing(out)
        listed: Thing = ref
        return listed
    heap: dict[Any, Any] = reader.state.heap
    items = thing.items if isinstance(thing, Tuple) else heap[thing]
    if not items:
        return reader.thing(reader.build.op("zeros", const(0)))
    parts = [
        pack(reader, t, node) if isinstance(t, Tuple | ListCell) else t for t in items
    ]
    operands = [reader.operand(p, node) for p in parts]
    if all(isinstance(o.type, Scalar) for o in operands):
        dtype = promote(*[o.type for o in operands])
        return reader.thing(reader.build.op("pack", *operands, dtype=dtype))
    return reader.thing(reader.build.op("stack", *operands, axis=0))


def extend(reader: Reader, cell: ListCell, value: Thing, node: ast.AST) -> None:
    """Append the items of a container to a list."""
    for item in items_of(reader, value, node):
        append(reader, cell, item, node)


def append(reader: Reader, cell: ListCell, value: Thing, node: ast.AST) -> None:
    """Append one item to a list."""
    contents = reader.state.heap[cell]
    if isinstance(contents, Ref):
        push(reader, cell, contents, value, node)
    elif isinstance(contents, dict):
        stacks.push(reader, cell, value, node)
    else:
        reader.state.heap[cell] = (*contents, value)


def push(
    reader: Reader, cell: ListCell, contents: Ref, value: Thing, node: ast.AST
) -> None:
    """Append one item to a list that grows at run time."""
    if not isinstance(contents.type, ListOf):
        raise reader.problem(
            "SG403", "nothing can be added here: this list is kept as an array", node,
            helps=("begin with an empty list, `[]`, and append in the loop",),
        )  # fmt: skip
    operand = reader.operand(value, node)
    item = contents.type.item
    if isinstance(item, Scalar) and isinstance(operand.type, Scalar):
        wide = join(item, operand.type)
        if wide != item:
            raise stacks.widen(reader, cell, wide)
        operand = convert(reader.build, operand, item)
    elif isinstance(value, Ref) and isinstance(item, Array):
        if not isinstance(operand.type, Array) or operand.type.rank != item.rank:
            raise reader.problem("SG402", "a list holds items of one kind", node)
        for mine, theirs in zip(item.dims, operand.type.dims, strict=True):
            reader.build.same(mine, theirs, "a growing list holds arrays of one shape")
        operand = reader.build.op("copy", operand)
        # Python's list would see a later write to the array.
        reader.share(contents.root, value.root)
    root = contents.root
    reader.state.ver[root] = reader.build.push(reader.version(root), operand)


def comprehension(reader: Reader, node: ast.ListComp | ast.GeneratorExp) -> Thing:
    """Read a list comprehension as the loop it stands for."""
    cell = ListCell("")
    reader.state.heap[cell] = ()
    saved = dict(reader.state.names)
    slot = f".list{len(reader.held)}_{node.lineno}_{node.col_offset}"
    reader.state.names[slot] = cell
    inner = {n.id for g in node.generators for n in ast.walk(g.target)
             if isinstance(n, ast.Name)}  # fmt: skip

    def finish() -> None:
        append(reader, cell, reader.expression(node.elt), node)

    _generate(reader, node.generators, finish)
    for name in inner:
        reader.state.names.pop(name, None)
        if name in saved:
            reader.state.names[name] = saved[name]
    reader.state.names.pop(slot, None)
    return cell


def _generate(
    reader: Reader, generators: list[ast.comprehension], finish: Callable[[], None]
) -> None:
    """Run the loops and conditions of a comprehension."""
    from srcgrad.frontend.iteration import run_items, sequence
    from srcgrad.frontend.state import branch

    first, rest = generators[0], generators[1:]
    over = reader.expression(first.iter)

    def body(conditions: list[ast.expr]) -> None:
        if conditions:
            cond = expressions.condition(reader, conditions[0])
            if isinstance(cond, Const):
                if cond.value:
                    body(conditions[1:])
                return
            branch(reader, cond, lambda: body(conditions[1:]), lambda: None, None)
        elif rest:
            _generate(reader, rest, finish)
        else:
            finish()

    live = frozenset(reader.state.names)
    items = sequence(reader, over, first.iter)
    run_items(
        reader, items, over, first.target, lambda: body(list(first.ifs)),
        frozenset(), live,
    )  # fmt: skip


def dict_comprehension(reader: Reader, node: ast.DictComp) -> Thing:
    """Read a dict comprehension over a container of known length."""
    from srcgrad.frontend.iteration import sequence

    (generator,) = node.generators
    over = reader.expression(generator.iter)
    items = sequence(reader, over, generator.iter)
    contents: dict[Any, Thing] = {}
    for k in range(len(items_of(reader, over, node))):
        reader.assign(generator.target, items.item(const(k)))
        key = static(reader, reader.expression(node.key), node.key)
        contents[key] = reader.expression(node.value)
    cell = DictCell("")
    reader.state.heap[cell] = contents
    return cell


def matmul(reader: Reader, left: Thing, right: Thing, node: ast.AST) -> Thing:
    """Apply `@`."""
    a, b = reader.operand(left, node), reader.operand(right, node)
    if not isinstance(a.type, Array) or not isinstance(b.type, Array):
        raise reader.problem("SG402", "`@` needs arrays on both sides", node)
    return reader.thing(reader.build.op("matmul", a, b))
