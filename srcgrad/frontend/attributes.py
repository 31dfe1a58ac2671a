"""Read attributes: of modules, arrays, and objects taken apart into fields."""

from __future__ import annotations

import ast
import inspect
import math
import sys
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from srcgrad.builder import const
from srcgrad.errors import suggest
from srcgrad.frontend.values import (
    Bound,
    Cell,
    Poison,
    Record,
    Ref,
    Static,
    Thing,
    Tuple,
    is_operand,
    is_point,
    kind_of,
)
from srcgrad.ir import Const, Operand, Permute
from srcgrad.source import Place
from srcgrad.types import Array, Scalar

if TYPE_CHECKING:
    from srcgrad.frontend.build import Reader

__all__ = ["attribute", "measured", "shape", "transpose"]


_NAMED = (type, FunctionType)  # they know the module they are from


def attribute(reader: Reader, node: ast.Attribute) -> Thing:
    """Read `value.name`."""
    from srcgrad.frontend import calls

    owner = reader.expression(node.value)
    name = node.attr
    if isinstance(owner, Static):
        return _static(reader, owner.value, name, node)
    if isinstance(owner, Record):
        fields = reader.state.heap[owner]
        if name in fields:
            thing: Thing = fields[name]
            return thing
        member = inspect.getattr_static(owner.cls, name, None)
        if isinstance(member, FunctionType):
            return Bound(owner, name)
        if isinstance(member, property) and member.fget is not None:
            found: Thing = calls.inline(reader, member.fget, [owner], {}, node)
            return found
        if member is not None:
            return _static(reader, owner.cls, name, node)
        raise reader.problem(
            "SG203", f"`{owner.cls.__name__}` has no field `{name}`", node
        )
    if isinstance(owner, Tuple) and owner.cls is not None:
        names = owner.cls._fields  # type: ignore[attr-defined]
        if name in names:
            item: Thing = owner.items[names.index(name)]
            return item
    if is_operand(owner) or isinstance(getattr(owner, "type", None), Array | Scalar):
        return measured(reader, owner, name, node)
    if isinstance(owner, Cell | Tuple | Ref):
        return Bound(owner, name)
    if isinstance(owner, Poison):
        return owner
    raise reader.problem("SG203", f"`.{name}` of a {kind_of(owner)} is not known", node)


def _static(reader: Reader, value: Any, name: str, node: ast.AST) -> Thing:
    from srcgrad.frontend import calls

    if not hasattr(value, name):
        shown = getattr(value, "__name__", type(value).__name__)
        meant = [n for n in dir(value) if not n.startswith("_")]
        raise reader.problem(
            "SG201", f"`{shown}` has no `{name}`", node, helps=suggest(name, meant)
        )
    if isinstance(value, ModuleType):
        module = value.__name__
    else:
        module = (value if isinstance(value, _NAMED) else type(value)).__module__
    home = module.partition(".")[0]
    lasting = isinstance(value, (*_NAMED, ModuleType)) or not hasattr(value, "__dict__")
    fixed = home in ("numpy", "scipy") or (lasting and home in sys.stdlib_module_names)
    member = getattr(value, name)
    if fixed or isinstance(member, MethodType):
        return calls.lift(reader, member, node)
    return calls.captured(reader, Place(value, name, True), name, node)


def measured(reader: Reader, owner: Thing, name: str, node: ast.AST) -> Thing:
    """Read an attribute of a number or an array."""
    if isinstance(owner, Ref) and not is_point(owner):
        return _array(reader, owner, name, node)
    return _number(reader, owner, name, node)


def _array(reader: Reader, owner: Ref, name: str, node: ast.AST) -> Thing:
    type = owner.type
    assert isinstance(type, Array)
    if name == "shape":
        return Tuple(tuple(shape(reader, owner)))
    if name == "ndim":
        return const(type.rank)
    if name == "size":
        return product(reader, shape(reader, owner))
    if name == "T":
        return transpose(reader, owner, tuple(reversed(range(type.rank))))
    if name == "dtype":
        import numpy as np

        return Static(np.dtype(type.dtype))
    if name == "mT" and type.rank > 1:
        axes = tuple(range(type.rank))
        return transpose(reader, owner, (*axes[:-2], axes[-1], axes[-2]))
    if name == "real":
        return owner
    return Bound(owner, name)


def _number(reader: Reader, owner: Thing, name: str, node: ast.AST) -> Thing:
    if name in ("real", "T"):
        return owner
    if name == "ndim":
        return const(0)
    if name == "size":
        return const(1)
    if name == "shape":
        return Tuple(())
    if name == "dtype":
        import numpy as np

        return Static(np.dtype(owner.type.dtype))  # type: ignore[union-attr]
    return Bound(owner, name)


def shape(reader: Reader, ref: Ref) -> list[Operand]:
    """Return the lengths of an array's axes."""
    assert isinstance(ref.type, Array)
    return [reader.build.length(reader.build.resolve(d)) for d in ref.type.dims]


def product(reader: Reader, lengths: list[Operand]) -> Operand:
    """Return the product of lengths."""
    known = math.prod(int(x.value) for x in lengths if isinstance(x, Const))
    rest = [x for x in lengths if not isinstance(x, Const)]
    if not rest:
        return const(known)
    total = rest[0]
    for x in rest[1:]:
        total = reader.build.op("mul", total, x)
    return total if known == 1 else reader.build.op("mul", const(known), total)


def transpose(reader: Reader, ref: Ref, axes: tuple[int, ...]) -> Ref:
    """Return the view with permuted axes."""
    if axes == tuple(range(len(axes))):
        return ref
    path = (*ref.path, Permute(axes))
    return Ref(ref.root, path, reader.build.place(ref.root.type, path))
