"""How compiled code calls what SciPy has compiled: by a symbol that stands for it."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from srcgrad.runtime.linked import variants

__all__ = ["linked"]

_KINDS = {"d": types.float64, "l": types.int64, "c": types.complex128}


def linked(name: str) -> Any:
    """Return what stands for a function of SciPy in compiled code.

    A complex number goes in as two, and comes out as a pair of them.
    """
    signatures = {}
    for kinds, capsule in variants(name):
        symbol = f"scipy.special.{name} {kinds}"
        llvmlite.binding.add_symbol(symbol, _address(capsule))
        signatures[tuple(_KINDS[k] for k in kinds[:-3])] = symbol, _KINDS[kinds[-1]]
    if not signatures:
        what = f"this SciPy has no machine code of `{name}` for compiled code"
        raise NotImplementedError(f"{what}: use backend='python'")
    params = ", ".join(f"x{k}" for k in range(len(next(iter(signatures)))))

    def typed(*given: Any) -> Any:
        symbol, result = signatures[given]

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            parts = [p for kind, value in zip(given, values, strict=True)
                     for p in _parts(builder, kind, value)]  # fmt: skip
            parts.append(ir.Constant(ir.IntType(32), 0))  # a flag of Cython's
            shape = ir.FunctionType(
                context.get_value_type(result), [p.type for p in parts]
            )
            callee = cgutils.get_or_insert_function(builder.module, shape, symbol)
            return builder.call(callee, parts)

        return result(*given), generate

    source = f"lambda context, {params}: typed({params})"
    return intrinsic(eval(source, {"typed": typed}))


def _parts(builder: Any, kind: Any, value: Any) -> list[Any]:
    pair = isinstance(kind, types.Complex)
    return [builder.extract_value(value, k) for k in range(2)] if pair else [value]


def _address(capsule: Any) -> int:
    """Return the address that a capsule of C holds."""
    named, held = (
        ctypes.pythonapi.PyCapsule_GetName,
        ctypes.pythonapi.PyCapsule_GetPointer,
    )
    named.argtypes, named.restype = [ctypes.py_object], ctypes.c_char_p
    held.argtypes = [ctypes.py_object, ctypes.c_char_p]
    held.restype = ctypes.c_void_p
    return int(held(capsule, named(capsule)))
