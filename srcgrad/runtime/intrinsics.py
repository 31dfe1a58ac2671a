"""What kernels need of Numba itself: memory, and calls that link no code.

Numba links all of a callee into each caller and optimises it again: a pairwise sum adds
0.3 s to the compilation of every function that calls it, LU 0.9. The big part of a
kernel is therefore a *core*: compiled once for each dtype, put under a fixed symbol,
and called from there like a function of the C library.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding
from numba import njit
from numba.core import cgutils, sigutils, types
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref
from numba.core.typing.npydecl import parse_dtype
from numba.extending import intrinsic
from numba.np.arrayobj import get_itemsize, make_array, populate_array

from srcgrad.runtime.shelf import Shelf

__all__ = [
    "add", "compile_function", "empty", "external", "flat", "full", "multiply",
    "publish", "subtract", "zeros",
]  # fmt: skip

Function = Callable[..., Any]


@intrinsic
def flat(typing_context: Any, x: Any) -> Any:
    """Return a view of a C-contiguous array as a vector, of a writable type."""
    if not isinstance(x, types.Array) or x.layout != "C":
        return None
    vector = types.Array(x.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = make_array(x)(context, builder, args[0])
        out = make_array(vector)(context, builder)
        itemsize = context.get_constant(types.intp, get_itemsize(context, x))
        populate_array(
            out,
            data=source.data,
            shape=[source.nitems],
            strides=[itemsize],
            itemsize=itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, vector, out._getvalue())

    return vector(x), generate


def _allocate(context: Any, builder: Any, type: Any, shape: Any, given: Any) -> Any:
    """Return a new array, its number of bytes and its items; raise as NumPy does."""
    whole = isinstance(shape, types.BaseTuple)
    given = cgutils.unpack_tuple(builder, given) if whole else [given]
    kinds: Any = tuple(shape) if whole else (shape,)
    lengths = [
        context.cast(builder, n, kind, types.intp)
        for n, kind in zip(given, kinds, strict=True)
    ]
    itemsize = context.get_constant(types.intp, get_itemsize(context, type))
    zero, items = (context.get_constant(types.intp, k) for k in (0, 1))
    bad, strides = cgutils.false_bit, [itemsize]
    for n in reversed(lengths):
        product = builder.smul_with_overflow(strides[-1], n)
        bad = builder.or_(bad, builder.icmp_signed("<", n, zero))
        bad = builder.or_(bad, builder.extract_value(product, 1))
        strides.append(builder.extract_value(product, 0))
        items = builder.mul(items, n)
    with cgutils.if_unlikely(builder, bad):
        context.call_conv.return_user_exc(builder, ValueError)
    align = context.get_constant(types.uint32, 64)
    bytes = strides.pop()
    meminfo = context.nrt.meminfo_alloc_aligned(builder, size=bytes, align=align)
    out = make_array(type)(context, builder)
    data = context.nrt.meminfo_data(builder, meminfo)
    data = builder.bitcast(data, out.data.type)
    populate_array(
        out,
        data=data,
        shape=lengths,
        strides=strides[::-1],
        itemsize=itemsize,
        meminfo=meminfo,
    )
    return out, bytes, items


def _array(shape: Any, dtype: Any) -> Any:
    rank = len(shape) if isinstance(shape, types.BaseTuple) else 1
    make: Any = types.Array
    return make(parse_dtype(dtype), rank, "C")


@intrinsic
def empty(typing_context: Any, shape: Any, dtype: Any) -> Any:
    """Return a new array that is not filled."""
    type = _array(shape, dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, _, _ = _allocate(context, builder, type, shape, args[0])
        return impl_ret_new_ref(context, builder, type, out._getvalue())

    return type(shape, dtype), generate


@intrinsic
def zeros(typing_context: Any, shape: Any, dtype: Any) -> Any:
    """Return a new array of zeros."""
    type = _array(shape, dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, bytes, _ = _allocate(context, builder, type, shape, args[0])
        cgutils.memset(builder, out.data, bytes, 0)
        return impl_ret_new_ref(context, builder, type, out._getvalue())

    return type(shape, dtype), generate


@intrinsic
def full(typing_context: Any, shape: Any, value: Any, dtype: Any) -> Any:
    """Return a new array that is filled with a number."""
    type = _array(shape, dtype)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, _, items = _allocate(context, builder, type, shape, args[0])
        given = context.cast(builder, args[1], value, type.dtype)
        stored = context.get_value_as_data(builder, type.dtype, given)
        with cgutils.for_range(builder, items) as loop:
            builder.store(stored, builder.gep(out.data, [loop.index]))
        return impl_ret_new_ref(context, builder, type, out._getvalue())

    return type(shape, value, dtype), generate


def _checked(name: str) -> Any:
    """Return an operation on ints that raises, with a line, where 64 bits do not do."""

    def typed(typing_context: Any, x: Any, y: Any, line: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            one, two, where = (
                context.cast(builder, value, kind, types.int64)
                for value, kind in zip(args, (x, y, line), strict=True)
            )
            both = getattr(builder, f"s{name}_with_overflow")(one, two)
            with cgutils.if_unlikely(builder, builder.extract_value(both, 1)):
                context.call_conv.return_dynamic_user_exc(
                    builder, OverflowError, (where,), (types.int64,)
                )
            return builder.extract_value(both, 0)

        return types.int64(x, y, line), generate

    return intrinsic(typed)


add, subtract, multiply = map(_checked, ("add", "sub", "mul"))


def compile_function(function: Any, *, stamp: str, private: bool) -> Any:
    """Return the dispatcher of a function; `private` ones are not called from Python.

    Its machine code is kept on disk under `stamp`.

    Literal numbers are forgotten at calls: Numba would otherwise compile
    `rt_sum3_float64(x, 1, n, 1, (n,))` anew for that 1.
    """
    flags: dict[str, Any] = {"error_model": "numpy", "nogil": True}
    if private:
        flags |= {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    try:
        out = njit(cache=True, **flags)(function)
        name = f"{function.__module__}.{function.__name__}"
        vars(out._cache)["_cache_file"] = Shelf(out._cache.cache_path, name, stamp)
    except RuntimeError:  # there is no place on disk to keep machine code
        out = njit(**flags)(function)
    resolve = out.get_call_template

    def resolve_plainly(args: Any, kws: Any) -> Any:
        plain = {name: types.unliteral(kind) for name, kind in kws.items()}
        return resolve(tuple(types.unliteral(kind) for kind in args), plain)

    out.get_call_template = resolve_plainly
    return out


def _signature(template: str, dtype: str) -> tuple[Any, Any]:
    name = "boolean" if dtype == "bool" else dtype
    args, result = sigutils.normalize_signature(template.replace("T", name))
    return args, types.void if result is None else result


def publish(dispatcher: Any, template: str, dtype: str, symbol: str) -> None:
    """Compile a core for a dtype, or load it, and put it under its symbol."""
    args, result = _signature(template, dtype)
    dispatcher.compile(result(*args))
    compiled = dispatcher.overloads[args]
    name = compiled.fndesc.llvm_func_name
    address = compiled.library.get_pointer_to_function(name)
    llvmlite.binding.add_symbol(f"{symbol}.{dtype}", address)


def external(
    function: Any, template: str, symbol: str, load: Callable[[str], None]
) -> Any:
    """Return what stands for a core in compiled code: a call of its symbol."""
    params = ", ".join(function.__code__.co_varnames[: function.__code__.co_argcount])

    def typed(*given: Any) -> Any:
        kind = next(g.dtype for g in given if isinstance(g, types.Array))
        dtype = "bool" if kind == types.boolean else str(kind)
        load(dtype)
        args, result = _signature(template, dtype)

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            shape = context.call_conv.get_function_type(result, args)
            name = f"{symbol}.{dtype}"
            callee = cgutils.get_or_insert_function(builder.module, shape, name)
            status, out = context.call_conv.call_function(
                builder, callee, result, args, values
            )
            with cgutils.if_unlikely(builder, status.is_error):
                context.call_conv.return_status_propagate(builder, status)
            return out

        return result(*args), generate

    # An intrinsic must name its parameters.
    source = f"lambda context, {params}: typed({params})"
    return intrinsic(eval(source, {"typed": typed}))
