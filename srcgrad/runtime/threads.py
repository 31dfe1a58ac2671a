"""Run parts of a loop on Numba's threads.

What threads run is a function of its own, called by its address: so one `prange`, which
Numba compiles for half a second, is enough for all loops. Here no thread raises, no two
callers have the threads at once, and no forked process asks for those of its parent.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from srcgrad.runtime.intrinsics import compile_function, publish_as

__all__ = ["loaded", "prange"]

_WHOLE = ir.IntType(64)


@intrinsic
def _call(typing_context: Any, turns: Any, held: Any, first: Any, part: Any) -> Any:
    """Call what `prange` made of a function, by its address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_WHOLE] * 3)
        given = [
            context.cast(builder, value, kind, types.int64)
            for value, kind in zip(args, signature.args, strict=True)
        ]
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), given[1:])
        return context.get_dummy_value()

    return types.void(turns, held, first, part), generate


def _shared(module: Any, name: str) -> Any:
    """Return a number that all threads see; it begins with zero."""
    if name not in module.globals:
        made = ir.GlobalVariable(module, _WHOLE, name)
        made.linkage, made.initializer = "internal", ir.Constant(_WHOLE, 0)
    return module.globals[name]


@intrinsic
def _enter(typing_context: Any) -> Any:
    """Tell whether the threads are free for the caller, who must `_leave` then.

    They are not in a process that was forked off the one that started them.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        busy, owner = (_shared(builder.module, n) for n in ("busy", "owner"))
        zero, me = ir.Constant(_WHOLE, 0), ir.Constant(_WHOLE, 1)
        if os.name == "posix":
            kind = ir.FunctionType(ir.IntType(32), [])
            getpid = cgutils.get_or_insert_function(builder.module, kind, "getpid")
            me = builder.zext(builder.call(getpid, []), _WHOLE)
        order = "seq_cst"
        before = builder.cmpxchg(owner, zero, me, order, order)
        before = builder.extract_value(before, 0)
        first = builder.icmp_signed("==", before, zero)
        mine = builder.or_(first, builder.icmp_signed("==", before, me))
        # Who may not enter asks for nothing: it leaves what it finds.
        wanted = builder.zext(mine, _WHOLE)
        found = builder.atomic_rmw("or", busy, wanted, order)
        return builder.and_(mine, builder.icmp_signed("==", found, zero))

    return types.boolean(), generate


@intrinsic
def _leave(typing_context: Any) -> Any:
    """Let others have the threads."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        busy = _shared(builder.module, "busy")
        builder.store_atomic(ir.Constant(_WHOLE, 0), busy, "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(), generate


def _launch(turns: Any, held: Any, first: Any, parts: Any) -> None:
    # One of Numba's layers aborts the process when two of its threads ask at once.
    if _enter():  # type: ignore[call-arg]
        for part in numba.prange(parts):
            _call(turns, held, first, part)
        _leave()
    else:
        for part in range(parts):
            _call(turns, held, first, part)


@cache
def launcher() -> tuple[Any, str]:
    """Return what runs parts on threads, and the symbol that it is called by.

    It takes addresses, so it is compiled once: Numba needs half a second for a
    `prange`, and for each function that calls one, a quarter.
    """
    stamp = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=8).hexdigest()
    others = "comprehension", "fusion", "inplace_binop", "numpy", "reduction", "setitem"
    only = {"prange": True, "stencil": False, **dict.fromkeys(others, False)}
    made = compile_function(
        _launch, stamp=stamp, private=True, inlined=False, parallel=only
    )
    symbol = f"{__name__}.launch.{stamp}"
    publish_as(made, types.void(*[types.int64] * 4), symbol)
    return made, symbol


@intrinsic
def prange(typing_context: Any, turns: Any, parts: Any, args: Any) -> Any:
    """Call `turns(part, *args)` for each part, on Numba's threads if there are several.

    No exception leaves a thread: the first part that raised is run again by the caller,
    who raises in any case.
    """
    kinds = (types.int64, *(types.unliteral(kind) for kind in args.types))
    inner = turns.get_call_type(typing_context, kinds, {})

    def run(context: Any, builder: Any, part: Any, held: Any) -> Any:
        """Return the status of a part; its code is there once."""
        items = zip(
            cgutils.unpack_tuple(builder, held), args.types, kinds[1:], strict=True
        )
        values = [part, *(context.cast(builder, *item) for item in items)]
        about = turns.dispatcher.overloads[inner.args].fndesc
        callee = context.declare_function(builder.module, about)
        status, _ = context.call_conv.call_function(
            builder, callee, types.void, inner.args, values, attrs=("noinline",)
        )
        return status

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        context.add_linking_libs(context.get_function(turns, inner).libs)
        count = context.cast(builder, values[1], parts, types.int64)
        zero, one, none = (ir.Constant(count.type, k) for k in (0, 1, 2**62))
        several = builder.icmp_signed(">", count, one)
        held = cgutils.alloca_once_value(builder, values[2])
        first = cgutils.alloca_once(builder, count.type)
        builder.store(builder.select(several, none, zero), first)
        with builder.if_then(several):
            part = _part(context, builder.module, held.type, run)
            places = [builder.ptrtoint(p, count.type) for p in (part, held, first)]
            wholes = [types.int64] * 4
            shape = context.call_conv.get_function_type(types.void, wholes)
            _, name = launcher()
            launch = cgutils.get_or_insert_function(builder.module, shape, name)
            context.call_conv.call_function(
                builder, launch, types.void, wholes, [*places, count]
            )
        left = builder.load(first)
        with builder.if_then(builder.icmp_signed("<", left, count)):
            status = run(context, builder, left, values[2])
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            with builder.if_then(several):
                context.call_conv.return_user_exc(builder, RuntimeError)
        return context.get_dummy_value()

    return types.void(turns, parts, args), generate


def _part(context: Any, module: Any, place: Any, run: Any) -> Any:
    """Define a function that runs a part, and notes the first one that raises."""
    kind = ir.FunctionType(ir.VoidType(), [_WHOLE] * 3)
    made = ir.Function(module, kind, module.get_unique_name("srcgrad.part"))
    made.linkage = "internal"
    builder = ir.IRBuilder(made.append_basic_block())
    held, first, part = made.args
    given = builder.load(builder.inttoptr(held, place))
    status = run(context, builder, part, given)
    with cgutils.if_unlikely(builder, status.is_error):
        least = builder.inttoptr(first, _WHOLE.as_pointer())
        builder.atomic_rmw("umin", least, part, "monotonic")
    builder.ret_void()
    return made


def _wait_briefly() -> None:
    """Have idle threads of OpenMP sleep soon, if it is not in use yet.

    They would spin for milliseconds, and so do those of OpenBLAS: where products and
    loops take turns, each waited for the cores of the other (12 ms in place of 0.7 for
    two products of 200 by 200). A thousand turns, some microseconds, still bridge the
    gap between two loops.
    """
    chosen = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys()
    layer = numba.config.THREADING_LAYER  # type: ignore[attr-defined]
    if chosen or layer not in ("default", "threadsafe", "omp"):
        return
    os.environ["GOMP_SPINCOUNT"] = "1000"  # read when the library is loaded
    with contextlib.suppress(ImportError):  # there are other layers
        importlib.import_module("numba.np.ufunc.omppool")
    del os.environ["GOMP_SPINCOUNT"]


@cache
def loaded() -> Any:
    """Return `prange` with what it calls in memory."""
    _wait_briefly()
    launcher()
    return prange
