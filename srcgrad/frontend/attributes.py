"""Read attributes: of modules, arrays, and objects taken apart into fields."""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections import OrderedDict
from types import FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any

import numpy as np

from srcgrad.builder import const
from srcgrad.errors import suggest
from srcgrad.frontend import build, calls, handlers, indexing, lists
from srcgrad.frontend import values as v
from srcgrad.frontend.state import kinds
from srcgrad.frontend.values import Bound, Ref, Static, Thing, Tuple, is_point
from srcgrad.ir import Const, Operand, Permute, Value
from srcgrad.source import NOTHING, Place
from srcgrad.types import Array, Scalar, is_generator

_SLOT = MemberDescriptorType
_NAMED = (type, FunctionType)  # they know the module they are from
_PYTHON = {"float64": float, "int64": int, "bool": bool, "complex128": complex}


def get(reader: build.Reader, owner: Thing, name: str) -> Thing:
    """Return `owner.name`."""
    match owner:
        case v.Static(value=super() as parent):
            first = method_owner(reader)
            member = getattr(parent, name, object)
            if not isinstance(member, FunctionType):  # `object` has it, or nobody
                return Static(object)
            return calls.apply(
                reader, Static(functools.partial), [Static(member), first], {}
            )
        case v.Static():
            return _static(reader, owner.value, name)
        case v.Record() | v.Tuple(cls=type()):
            cls: Any = owner.cls
            if isinstance(owner, v.Record):
                _plain(reader, owner, "__getattribute__")
                fields: dict[str, Thing] = reader.state.heap[owner]
            else:
                fields = dict(zip(cls._fields, owner.items, strict=True))
            if name == "__class__":
                return Static(cls)
            member = inspect.getattr_static(cls, name, None)
            if isinstance(member, property) and member.fget is not None:
                calls.watched(reader, Place(owner.cls, name, True))
                return calls.inline(reader, member.fget, [owner], {})
            if name in fields:
                return fields[name]
            if isinstance(member, functools.cached_property):
                calls.watched(reader, Place(owner.cls, name, True))
                put(reader, owner, name, calls.inline(reader, member.func, [owner], {}))
                return get(reader, owner, name)
            if isinstance(member, FunctionType):
                return Bound(owner, name)
            if member is not None:
                return _static(reader, cls, name)
            what = f"`{cls.__name__}` has no field `{name}`"
            if calls.watched(reader, Place(cls, "__getattr__", True)) is NOTHING:
                raise handlers.fails(reader, "AttributeError", "SG203", what)
            raise reader.problem("SG203", what)
        case v.Poison():
            return owner
        case v.ListCell() if name == "maxlen":
            return calls.lift(reader, owner.limit)
        case v.Cell() | v.Tuple():
            return Bound(owner, name)
        case v.SliceValue() if name in ("start", "stop", "step"):
            part: Thing = getattr(owner, name)
            return part
    if isinstance(getattr(owner, "type", None), Array | Scalar):
        return measured(reader, owner, name)
    if isinstance(owner, v.Ref):
        return Bound(owner, name)
    raise reader.problem("SG203", f"`.{name}` of a {v.kind_of(owner)} is not known")


def method_owner(reader: build.Reader) -> v.Record:
    """Return the object whose method is being read."""
    spec = reader.frames[-1].source.node.args
    owner = reader.state.names.get(spec.args[0].arg) if spec.args else None
    if not isinstance(owner, v.Record):
        raise reader.problem("SG201", "`super()` is known in a method only")
    return owner


def put(reader: build.Reader, owner: Thing, name: str, value: Thing) -> None:
    """Store into a field of an object."""
    if not isinstance(owner, v.Record):
        what = f"an attribute of a {v.kind_of(owner)} cannot be set"
        raise reader.problem("SG101", what)
    member = inspect.getattr_static(owner.cls, name, None)
    if isinstance(member, property) and member.fset is not None:
        calls.watched(reader, Place(owner.cls, name, True))
        calls.inline(reader, member.fset, [owner, value], {})
        return
    _plain(reader, owner, "__setattr__")
    if hasattr(type(member), "__set__") and not isinstance(member, _SLOT):
        what = f"`{name}` of a `{owner.cls.__name__}` cannot be set"
        raise reader.problem("SG101", what)
    heap = reader.state.heap
    if heap[owner].get(name) is not value:
        lists.changed(reader, owner)
        heap[owner] = {**heap[owner], name: value}


def _plain(reader: build.Reader, owner: v.Record, way: str) -> None:
    """Refuse a class that says itself how fields are read or written."""
    if isinstance(calls.watched(reader, Place(owner.cls, way, True)), FunctionType):
        what = f"`{owner.cls.__name__}` has a `{way}` of its own"
        raise reader.problem("SG101", what)


def defined(reader: build.Reader, cls: Any, name: str) -> FunctionType | None:
    """Return the method of a class that its source text defines, now and later."""
    own = cls is not None and cls not in (list, dict, OrderedDict)
    member = calls.watched(reader, Place(cls, name, True)) if own else None
    if not isinstance(member, FunctionType):
        return None
    return None if member.__code__.co_filename == "<string>" else member


def special(
    reader: build.Reader, owner: Thing, name: str, *args: Thing
) -> Thing | None:
    """Call a special method, if the class of an object defines it."""
    cls = getattr(owner, "cls", None)
    if not (method := defined(reader, cls, name)):
        return None
    return calls.apply(reader, Static(method), [owner, *args], {})


def _static(reader: build.Reader, value: Any, name: str) -> Thing:
    if not hasattr(value, name):
        shown = getattr(value, "__name__", type(value).__name__)
        meant = [n for n in dir(value) if not n.startswith("_")]
        what = f"`{shown}` has no `{name}`"
        helps = suggest(name, meant)
        raise handlers.fails(reader, "AttributeError", "SG201", what, *helps)
    if isinstance(value, ModuleType):
        module = value.__name__
    else:
        module = (value if isinstance(value, _NAMED) else type(value)).__module__
    home = module.partition(".")[0]
    lasting = isinstance(value, (*_NAMED, ModuleType)) or not hasattr(value, "__dict__")
    fixed = home in ("numpy", "scipy") or (lasting and home in sys.stdlib_module_names)
    member = getattr(value, name)
    if (lasting or home != "scipy") and (fixed or reader.frames[-1].site):
        return calls.lift(reader, member)
    return calls.captured(reader, Place(value, name, True), name)


def has(reader: build.Reader, owner: Thing, name: str) -> bool:
    """Tell whether a thing has an attribute; what its class alone has is none."""
    if isinstance(owner, Static):
        return hasattr(owner.value, name)
    cls = calls.apply(reader, Static(type), [owner], {}).value  # type: ignore[union-attr]
    fields = reader.state.heap[owner] if isinstance(owner, v.Record) else ()
    return name in fields or any(name in vars(c) for c in cls.__mro__)


def measured(reader: build.Reader, owner: Thing, name: str) -> Thing:
    """Read an attribute of a number or an array."""
    array = isinstance(owner, Ref) and not is_point(owner)
    if not any(hasattr(c, name) for c in classes(reader, owner)):
        handlers.catch(reader, AttributeError)
        if array:
            what = f"`.{name}` of a {v.kind_of(owner)} is not known"
            raise reader.problem("SG203", what, *suggest(name, dir(np.ndarray)))
    rank = owner.type.rank if array else 0  # type: ignore[union-attr]
    match name:
        case "ndim":
            return const(rank)
        case "shape":
            return Tuple(tuple(shape(reader, owner)))
        case "size":
            return product(reader, shape(reader, owner))
        case "dtype":
            return Static(np.dtype(owner.type.dtype))  # type: ignore[union-attr]
        case "T":
            return transpose(reader, owner, tuple(reversed(range(rank))))
        case "mT" if rank > 1:
            turned = (*range(rank - 2), rank - 1, rank - 2)
            return transpose(reader, owner, turned)
        case "flat" if array:
            return calls.apply(reader, Bound(owner, name), [], {})
        case "real" | "imag":
            return calls.apply(reader, Static(getattr(np, name)), [owner], {})
    return Bound(owner, name)


def shape(reader: build.Reader, thing: Thing) -> list[Operand]:
    """Return the lengths of an array's axes; a number has none."""
    dims = getattr(getattr(thing, "type", None), "dims", ())
    return [reader.build.length(reader.build.resolve(d)) for d in dims]


def product(reader: build.Reader, lengths: list[Operand]) -> Operand:
    """Return the product of lengths."""
    known = math.prod(int(x.value) for x in lengths if isinstance(x, Const))
    rest: list[Operand] = [x for x in lengths if not isinstance(x, Const)]
    total, *others = rest if known == 1 and rest else [const(known), *rest]
    for x in others:
        total = reader.build.op("mul", total, x)
    return total


def missing(
    reader: build.Reader, lengths: list[Operand], known: list[Operand]
) -> Operand:
    """Return the length that -1 stands for."""
    rest, left = list(lengths), []
    for k in known:
        dims = [reader.build.dim(x) for x in rest]
        if reader.build.dim(k) in dims:
            del rest[dims.index(reader.build.dim(k))]
        elif k != const(1):
            left.append(k)
    total = product(reader, rest)
    return functools.reduce(lambda x, k: reader.build.op("floordiv", x, k), left, total)


def transpose(reader: build.Reader, thing: Thing, axes: tuple[int, ...]) -> Thing:
    """Return the view with permuted axes."""
    if axes == tuple(range(len(axes))):
        reader.reshaped.update(v.roots_of(thing, reader.state.heap))
        return thing
    assert isinstance(thing, Ref)
    return indexing.read(reader, thing, (*thing.path, Permute(axes)))


def classes(reader: build.Reader, obj: Thing) -> set[Any]:
    """Return the class of a thing, of a number those it has on its paths."""
    match obj:
        case Const() | Value():
            known = kinds(reader, obj)
            return {_PYTHON[t.dtype] if t.python else np.dtype(t.dtype).type
                    for t in known}  # fmt: skip
        case Ref() if is_generator(obj.type):
            return {np.random.Generator}
        case Ref():
            return {list if v.list_axes(obj) else np.ndarray}
        case v.Tuple() | v.Cell():
            return {obj.cls or tuple}
        case Static():
            return {type(obj.value)}
        case v.Closure():
            return {FunctionType}
        case Bound():
            return {MethodType}
    return {slice if isinstance(obj, v.SliceValue) else object}
