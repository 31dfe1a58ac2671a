"""NumPy functions that make, name or rearrange arrays rather than compute.

Transposes, reshapes of contiguous arrays, new axes and the like are views: paths into
the same buffer. The others make new arrays out of operands that are lengths.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from srcgrad.builder import const
from srcgrad.frontend import attributes, calls
from srcgrad.frontend.library import (
    array_ref,
    cast,
    dtype_of,
    handles,
    method_handles,
    shape_of,
)
from srcgrad.frontend.values import (
    ListCell,
    Ref,
    Static,
    Thing,
    Tuple,
    is_operand,
    is_point,
)
from srcgrad.ir import Const, Index, Item, Operand, Permute, Reshape, Slice
from srcgrad.types import Array, ListOf, Scalar

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["reshape"]

Args = list[Thing]
Kwargs = dict[str, Thing]
_FULL = Slice(None, None, None)


def _filled(row: str) -> None:
    @handles(f"numpy.{row}", takes="shape dtype=")
    def make(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        shape = shape_of(reader, [args[0]], node)
        dtype = dtype_of(reader, kwargs.get("dtype"), node) or "float64"
        if not shape:
            return reader.point(Const(1.0 if row == "ones" else 0.0, Scalar(dtype)))
        return reader.thing(reader.build.op(row, *shape, dtype=dtype))

    @handles(f"numpy.{row}_like", takes="a|prototype dtype=")
    def like(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        dtype = dtype_of(reader, kwargs.get("dtype"), node)
        if is_operand(args[0]):
            operand = reader.operand(args[0])
            type_ = Scalar(dtype or operand.type.dtype)
            return reader.point(Const(1.0 if row == "ones" else 0.0, type_))
        operand = reader.operand(array_ref(reader, args[0], node), node)
        return reader.thing(
            reader.build.op(f"{row}_like", operand, dtype=dtype or operand.type.dtype)
        )


for _row in ("zeros", "ones", "empty"):
    _filled(_row)


@handles("numpy.full", takes="shape fill_value dtype=")
def _full(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    shape = shape_of(reader, [args[0]], node)
    value = reader.operand(args[1], node)
    dtype = dtype_of(reader, kwargs.get("dtype"), node)
    value = cast(reader, value, dtype or value.type.dtype)
    if not shape:
        return reader.point(value)
    row = "broadcast_to" if value.type.rank else "full"
    return reader.thing(reader.build.op(row, value, *shape))


@handles("numpy.full_like", takes="a fill_value dtype=")
def _full_like(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    value = reader.operand(args[1], node)
    dtype = dtype_of(reader, kwargs.get("dtype"), node) or ref.type.dtype
    value = cast(reader, value, dtype)
    row = "broadcast_to" if value.type.rank else "full"
    return reader.thing(reader.build.op(row, value, *attributes.shape(reader, ref)))


@handles("numpy.arange", takes="start= stop= step= dtype=")
def _arange(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    given = {"step": const(1), **kwargs}
    if "stop" not in given:
        given["stop"] = given.pop("start", Static(None))
    given.setdefault("start", const(0))
    parts = [reader.operand(given[k], node) for k in ("start", "stop", "step")]
    dtype = dtype_of(reader, kwargs.get("dtype"), node)
    if dtype is None:
        floats = any(p.type.dtype.startswith("float") for p in parts)
        dtype = "float64" if floats else "int64"
    return reader.thing(reader.build.op("arange", *parts, dtype=dtype))


@handles("numpy.linspace", takes="start stop num= endpoint= retstep= dtype=")
def _linspace(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    start, stop = (reader.operand(a, node) for a in args[:2])
    count = kwargs.get("num", const(50))
    endpoint = bool(calls.static(reader, kwargs.get("endpoint", const(True)), node))
    if calls.static(reader, kwargs.get("retstep", const(False)), node):
        raise reader.problem("SG202", "`retstep` is not known here", node)
    dtype = dtype_of(reader, kwargs.get("dtype"), node)
    given = (start, stop, reader.operand(count, node))
    out = reader.build.op("linspace", *given, endpoint=endpoint, dtype=dtype)
    return reader.thing(out)


@handles("numpy.eye", takes="N M= k= dtype=")
@handles("numpy.identity", takes="N|n dtype=")
def _eye(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    sides = [kwargs["N"], kwargs.get("M", Static(None))]
    shape = [reader.operand(s, node) for s in sides if s != Static(None)]
    dtype = dtype_of(reader, kwargs.get("dtype"), node) or "float64"
    k = int(calls.static(reader, kwargs.get("k", const(0)), node))
    return reader.thing(reader.build.op("eye", *shape, k=k, dtype=dtype))


@handles("numpy.array", "numpy.asarray", "numpy.ascontiguousarray",
         takes="object|a dtype= copy=")  # fmt: skip
def _array(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    dtype = dtype_of(reader, kwargs.get("dtype"), node)
    thing = args[0]
    if calls.static(reader, kwargs.get("copy", const(True)), node) is not True:
        raise reader.problem("SG202", "`copy` is known as True only", node)
    fresh = getattr(getattr(node, "func", None), "attr", "array") == "array"
    if isinstance(thing, Tuple | ListCell):
        thing = calls.pack(reader, thing, node)
        fresh = fresh and isinstance(thing, Ref) and thing.root.listlike
    if isinstance(thing, Ref) and isinstance(thing.type, Array):
        if dtype is not None and dtype != thing.type.dtype:
            return reader.thing(cast(reader, reader.operand(thing), dtype))
        if fresh and (thing.path or args[0] is thing or thing.root.listlike):
            return reader.thing(reader.build.op("copy", reader.operand(thing)))
        return thing
    if is_point(thing) and not fresh and dtype in (None, thing.type.dtype):
        return thing
    operand = reader.operand(thing, node)
    return reader.point(cast(reader, operand, dtype or operand.type.dtype))


@method_handles("astype", takes="a dtype copy=")
def _astype(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    dtype = dtype_of(reader, kwargs["dtype"], node)
    operand = reader.operand(args[0], node)
    assert dtype is not None
    if operand.type.dtype == dtype and operand.type.rank:
        if not calls.static(reader, kwargs.get("copy", const(True)), node):
            return args[0]
        return reader.thing(reader.build.op("copy", operand))
    return reader.thing(cast(reader, operand, dtype))


def _measured(name: str, takes: str) -> None:
    @handles(f"numpy.{name}", takes=takes)
    def measure(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        thing = args[0] if is_operand(args[0]) else array_ref(reader, args[0], node)
        if len(args) < 2:
            return attributes.measured(reader, thing, name, node)
        shape = attributes.measured(reader, thing, "shape", node)
        assert isinstance(shape, Tuple)
        length: Thing = shape.items[calls.static(reader, args[1], node)]
        return length


for _name, _takes in (("shape", "a"), ("ndim", "a"), ("size", "a axis=")):
    _measured(_name, _takes)


# views


def reshape(reader: Reader, ref: Ref, shape: list[Operand], node: ast.AST) -> Ref:
    """Return an array under another shape: a view if its elements lie in order."""
    assert isinstance(ref.type, Array)
    lengths = attributes.shape(reader, ref)
    build = reader.build
    if any(isinstance(s, Const) and s.value == -1 for s in shape):
        known = [s for s in shape if not (isinstance(s, Const) and s.value == -1)]
        shape = [
            _missing(reader, lengths, known)
            if isinstance(s, Const) and s.value == -1
            else s
            for s in shape
        ]
    if ref.type.contiguous:
        path = (*ref.path, Reshape(tuple(shape)))
        return Ref(ref.root, path, build.place(ref.root.type, path))
    out = reader.allocate(build.op("reshape", reader.operand(ref), *shape))
    if not _surely_turned(reader, ref):
        # Whether NumPy gives a view or a copy here depends on the strides.
        reader.share(out.root, ref.root)
    return out


def _surely_turned(reader: Reader, ref: Ref) -> bool:
    """Tell whether a reshape copies: the transpose of a C array, no axis of one."""
    if not ref.path or not isinstance(ref.path[-1], Permute):
        return False
    base = reader.build.place(ref.root.type, ref.path[:-1])
    assert isinstance(base, Array)
    return base.contiguous and all(
        d.const > 1 if d.known is not None
        else all(a in reader.outer_atoms and c > 0 for a, c in d.terms) and d.const >= 0
        for d in base.dims
    )  # fmt: skip


def _missing(reader: Reader, lengths: list[Operand], known: list[Operand]) -> Operand:
    """Return the length that -1 stands for."""
    rest = list(lengths)
    dims = [reader.build.dim(x) for x in rest]
    left: list[Operand] = []
    for k in known:
        dim = reader.build.dim(k)
        if dim in dims:
            spot = dims.index(dim)
            del dims[spot], rest[spot]
        elif k != const(1):
            left.append(k)
    total = attributes.product(reader, rest)
    for k in left:
        total = reader.build.op("floordiv", total, k)
    return total


@handles("numpy.reshape")
@method_handles("reshape")
def _reshape(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    order = calls.static(reader, kwargs.pop("order", Static("C")), node)
    if kwargs.keys() - {"newshape", "shape"} or order != "C":
        raise reader.problem("SG202", "`reshape` is known in C order only", node)
    args = [*args, *kwargs.values()]
    shape = shape_of(reader, args[1:], node)
    if is_operand(args[0]):
        item = reader.build.op("full", reader.operand(args[0]), const(1))
        return reshape(reader, reader.allocate(item), shape, node)
    ref = array_ref(reader, args[0], node)
    if not shape:
        return _only(reader, ref)
    return reshape(reader, ref, shape, node)


def _only(reader: Reader, ref: Ref) -> Thing:
    from srcgrad.frontend.indexing import at

    assert isinstance(ref.type, Array)
    return at(reader, ref, *[const(0)] * ref.type.rank)


@handles("numpy.ravel", takes="a")
@method_handles("ravel", takes="a")
def _ravel(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    total = attributes.product(reader, attributes.shape(reader, ref))
    return reshape(reader, ref, [total], node)


@method_handles("flatten", takes="a")
def _flatten(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    copied = reader.allocate(reader.build.op("copy", reader.operand(ref), via="method"))
    return _ravel(reader, [copied], {}, node)


@handles("numpy.transpose")
@method_handles("transpose")
def _transpose(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if is_operand(args[0]):
        return args[0]
    ref = array_ref(reader, args[0], node)
    given = [*args[1:], *kwargs.values()]
    rank = ref.type.rank
    axes = tuple(reversed(range(rank)))
    if given and given != [Static(None)]:
        numbers = calls.static(
            reader, given[0] if len(given) == 1 else Tuple(tuple(given)), node
        )
        axes = tuple(int(a) % rank for a in numbers)
    return attributes.transpose(reader, ref, axes)


@handles("numpy.swapaxes", takes="a axis1 axis2")
@method_handles("swapaxes", takes="a axis1 axis2")
def _swapaxes(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    a, b = (int(calls.static(reader, x, node)) % ref.type.rank for x in args[1:3])
    axes = list(range(ref.type.rank))
    axes[a], axes[b] = axes[b], axes[a]
    return attributes.transpose(reader, ref, tuple(axes))


@handles("numpy.moveaxis", takes="a source destination")
def _moveaxis(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    given = (calls.static(reader, x, node) for x in args[1:3])
    sources, targets = (x if isinstance(x, tuple | list) else (x,) for x in given)
    moved = {b % ref.type.rank: a % ref.type.rank
             for a, b in zip(sources, targets, strict=True)}  # fmt: skip
    axes = [a for a in range(ref.type.rank) if a not in moved.values()]
    for target in sorted(moved):
        axes.insert(target, moved[target])
    return attributes.transpose(reader, ref, tuple(axes))


def _subscripted(reader: Reader, ref: Ref, items: list[Item]) -> Thing:
    path = (*ref.path, Index(tuple(items)))
    type_ = reader.build.place(ref.root.type, path)
    if not isinstance(type_, Array):
        return reader.build.read(reader.version(ref.root), path)
    return Ref(ref.root, path, type_)


@handles("numpy.expand_dims", takes="a axis")
def _expand_dims(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    axis = calls.static(reader, args[1], node)
    axes = axis if isinstance(axis, tuple) else (axis,)
    rank = ref.type.rank + len(axes)
    places = {a % rank for a in axes}
    return _subscripted(
        reader, ref, [None if k in places else _FULL for k in range(rank)]
    )


@handles("numpy.squeeze", takes="a axis=")
@method_handles("squeeze", takes="a axis=")
def _squeeze(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    chosen = calls.static(reader, kwargs.get("axis", Static(None)), node)
    assert isinstance(ref.type, Array)
    dims = [reader.build.resolve(d) for d in ref.type.dims]
    if chosen is None:
        drop = {k for k, d in enumerate(dims) if d.known == 1}
    else:
        axes = chosen if isinstance(chosen, tuple) else (chosen,)
        drop = {a % len(dims) for a in axes}
        for k in drop:
            one = reader.build.dim(const(1))
            wrong = "cannot squeeze an axis whose length is not one"
            reader.build.same(dims[k], one, wrong)
    items: list[Item] = [const(0) if k in drop else _FULL for k in range(len(dims))]
    return _subscripted(reader, ref, items)


@handles("numpy.broadcast_to", takes="array shape")
def _broadcast_to(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    shape = shape_of(reader, [args[1]], node)
    operand = reader.operand(args[0], node)
    if not operand.type.rank:
        return reader.thing(reader.build.op("full", operand, *shape))
    whole = array_ref(reader, args[0], node)
    return reader.remade(whole, lambda x: reader.build.op("broadcast_to", x, *shape))


@handles("numpy.atleast_1d", takes="a")
def _atleast_1d(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if is_operand(args[0]):
        return reader.thing(reader.build.op("full", reader.operand(args[0]), const(1)))
    return args[0]


# several arrays


def _several(name: str, row: str, axis: int, axes: bool = False) -> None:
    @handles(f"numpy.{name}", takes=f"arrays|tup{' axis=' * axes}")
    def make(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
        given = kwargs.get("axis", const(axis))
        if (
            isinstance(args[0], ListCell)
            and isinstance(reader.state.heap[args[0]], Ref)
            and isinstance(reader.state.heap[args[0]].type, ListOf)
        ):
            if row == "stack" and calls.static(reader, given, node) == 0:
                return calls.pack(reader, args[0], node)
            raise reader.problem("SG205", "the list grows at run time", node)
        parts = calls.items_of(reader, args[0], node)
        operands = [_joined(reader, p, name, node) for p in parts]
        rank = operands[0].type.rank + (row == "stack")
        chosen = calls.static(reader, given, node)
        if name == "hstack" and operands[0].type.rank == 1:
            chosen = 0
        if row == "stack" and not operands[0].type.rank:
            return reader.thing(reader.build.op("pack", *operands))
        if chosen is None:
            operands = [reader.operand(_ravel(reader, [p], {}, node)) for p in parts]
            chosen = 0
            rank = 1
        return reader.thing(reader.build.op(row, *operands, axis=chosen % rank))


def _joined(reader: Reader, part: Thing, name: str, node: ast.AST) -> Operand:
    """Return one of the arrays to be joined, at the rank the function wants."""
    if name in ("hstack", "vstack", "concatenate") and is_operand(part):
        part = reader.thing(reader.build.op("full", reader.operand(part), const(1)))
    if isinstance(part, Tuple | ListCell):
        part = calls.pack(reader, part, node)
    if isinstance(part, Ref) and part.type.rank == 1:
        if name == "vstack":
            part = _subscripted(reader, part, [None, _FULL])
        elif name == "column_stack":
            part = _subscripted(reader, part, [_FULL, None])
    return reader.operand(part, node)


_several("concatenate", "concatenate", 0, axes=True)
_several("stack", "stack", 0, axes=True)
_several("hstack", "concatenate", 1)
_several("vstack", "concatenate", 0)
_several("column_stack", "concatenate", 1)


@handles("numpy.dot", takes="a b")
@method_handles("dot", takes="a b")
def _dot(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    a, b = (reader.operand(x, node) for x in args[:2])
    if not a.type.rank or not b.type.rank:
        return reader.thing(reader.build.op("mul", a, b))
    if b.type.rank > 2 and isinstance(args[0], Ref) and isinstance(args[1], Ref):
        return _dot_of_many(reader, args[0], args[1], node)
    return reader.thing(reader.build.op("matmul", a, b, via="dot"))


def _dot_of_many(reader: Reader, a: Ref, b: Ref, node: ast.AST) -> Thing:
    """`np.dot` with more than two axes on the right: all pairs of rows and columns."""
    ranks = b.type.rank
    axes = (ranks - 2, *(k for k in range(ranks) if k != ranks - 2))
    shape_a, shape_b = attributes.shape(reader, a), attributes.shape(reader, b)
    n = shape_b[-2]
    columns = reshape(
        reader, attributes.transpose(reader, b, axes), [n, const(-1)], node
    )
    rows = reshape(reader, a, [const(-1), n], node) if a.type.rank > 1 else a
    product = calls.matmul(reader, rows, columns, node)
    assert isinstance(product, Ref)
    rest = [s for k, s in enumerate(shape_b) if k != ranks - 2]
    return reshape(reader, product, [*shape_a[:-1], *rest], node)


@handles("numpy.outer", takes="a b")
def _outer(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    flat = [_ravel(reader, [array_ref(reader, a, node)], {}, node) for a in args[:2]]
    return reader.thing(reader.build.op("outer", *(reader.operand(f) for f in flat)))


@method_handles("item")
def _item(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if is_operand(args[0]):
        operand = reader.operand(args[0])
        return cast(reader, operand, operand.type.dtype, python=True)
    ref = array_ref(reader, args[0], node)
    if len(args) == 1:
        element = _only(reader, ref)
    else:
        from srcgrad.frontend.indexing import get

        if len(args) == 2 and is_operand(args[1]) and ref.type.rank > 1:
            flat = _ravel(reader, [ref], {}, node)
            assert isinstance(flat, Ref)
            ref = flat
        index = args[1] if len(args) == 2 else Tuple(tuple(args[1:]))
        element = get(reader, ref, index, node)
    operand = reader.operand(element)
    return cast(reader, operand, operand.type.dtype, python=True)


@handles("numpy.copyto", takes="dst src")
@method_handles("fill", takes="a value")
def _fill(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    reader.store(ref, reader.operand(args[1], node), node)
    return Static(None)


@method_handles("sort", takes="a axis= kind=")
def _sort(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    axis = calls.static(reader, kwargs.get("axis", const(-1)), node)
    result = reader.build.op("sort", reader.operand(ref), axis=axis % ref.type.rank)
    reader.store(ref, result, node)
    return Static(None)


@handles("numpy.clip", takes="a a_min|min= a_max|max=")
@method_handles("clip", takes="a a_min|min= a_max|max=")
def _clip(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    none = Static(None)
    low, high = kwargs.get("a_min", none), kwargs.get("a_max", none)
    x = reader.operand(args[0], node)
    lo = const(float("-inf")) if low == none else reader.operand(low, node)
    hi = const(float("inf")) if high == none else reader.operand(high, node)
    return reader.thing(reader.build.op("clip", x, lo, hi, via="np"))


@handles("numpy.tile", takes="A reps")
def _tile(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    reps = calls.static(reader, args[1], node)
    counts = reps if isinstance(reps, tuple) else (reps,)
    ref = array_ref(reader, args[0], node)
    return reader.thing(reader.build.op("tile", reader.operand(ref), reps=counts))


@handles("math.log", takes="x base=")
def _log(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    given = [reader.operand(a, node) for a in args]
    logs = [reader.build.op("log", g, via="math") for g in given]
    return logs[0] if len(logs) == 1 else reader.build.op("div", *logs)  # type: ignore[no-any-return]


@handles("numpy.repeat", takes="a repeats axis=")
@method_handles("repeat", takes="a repeats axis=")
def _repeat(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    axis = calls.static(reader, kwargs.get("axis", Static(None)), node)
    if axis is None:
        raveled = _ravel(reader, [ref], {}, node)
        assert isinstance(raveled, Ref)
        ref, axis = raveled, 0
    count = reader.operand(args[1], node)
    if count.type.rank:
        raise reader.problem("SG205", "one number of repeats is known here", node)
    out = reader.build.op(
        "repeat", reader.operand(ref), count, axis=axis % ref.type.rank
    )
    return reader.thing(out)


_BACKWARD = Slice(None, None, const(-1))


@handles("numpy.flip", takes="m axis=")
def _flip(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    given = args[1] if len(args) > 1 else kwargs.get("axis", Static(None))
    axis = calls.static(reader, given, node)
    rank = ref.type.rank
    if axis is None:
        axis = tuple(range(rank))
    chosen = {a % rank for a in (axis if isinstance(axis, tuple) else (axis,))}
    return _subscripted(
        reader, ref, [_BACKWARD if k in chosen else _FULL for k in range(rank)]
    )


handles("numpy.flipud", takes="m")(
    lambda r, args, _, n: _flip(r, [args[0], const(0)], {}, n)
)
handles("numpy.fliplr", takes="m")(
    lambda r, args, _, n: _flip(r, [args[0], const(1)], {}, n)
)


@handles("numpy.roll", takes="a shift axis=")
def _roll(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    ref = array_ref(reader, args[0], node)
    axis = calls.static(reader, kwargs.get("axis", Static(None)), node)
    shifts = args[1].items if isinstance(args[1], Tuple) else [args[1]]
    axes = axis if isinstance(axis, tuple) else (axis,)
    if len(axes) != len(shifts):
        raise reader.problem("SG205", "one shift for each axis is known here", node)
    out = reader.operand(ref)
    for s, a in zip(shifts, axes, strict=True):
        place = None if a is None else a % ref.type.rank
        out = reader.build.op("roll", out, reader.operand(s, node), axis=place)
    return reader.thing(out)


@handles("numpy.where", takes="condition x= y=")
def _where(reader: Reader, args: Args, kwargs: Kwargs, node: ast.AST) -> Thing:
    if len(args) != 3:
        raise reader.problem(
            "SG205", "`np.where` is known with three arguments", node,
            helps=("use `np.flatnonzero(c)` for indices",),
        )  # fmt: skip
    cond = reader.operand(args[0], node)
    if cond.type.dtype != "bool":
        cond = reader.build.op("truth", cond)
    x, y = reader.operand(args[1], node), reader.operand(args[2], node)
    return reader.thing(reader.build.op("where", cond, x, y, via="np"))
