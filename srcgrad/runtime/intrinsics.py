"""What kernels need of Numba itself: memory, and calls that link no code.

Numba links all of a callee into each caller and optimises it again: a pairwise sum adds
0.3 s to the compilation of every function that calls it, LU 0.9. The big part of a
kernel is therefore a *core*: compiled once for each dtype, put under a fixed symbol,
and called from there like a function of the C library.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import importlib
import operator
import re
from collections.abc import Callable
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import njit
from numba.core import cgutils, sigutils, types
from numba.core.imputils import impl_ret_borrowed, impl_ret_new_ref
from numba.core.typing.npydecl import parse_dtype
from numba.cpython.listobj import ListInstance
from numba.extending import intrinsic
from numba.np.arrayobj import get_itemsize, make_array, populate_array

from srcgrad.runtime.shelf import Shelf
from srcgrad.runtime.tiles import outer_tile, product_tile

__all__ = [
    "add", "bits", "compile_function", "emptied", "empty", "exponential", "external",
    "flat", "fma", "full", "index", "inlined", "large_cos", "large_sin", "large_tan",
    "maximum", "minimum", "multiply", "number", "outer_tile", "plus", "polynomial",
    "product_tile", "publish", "publish_as", "push", "reshaped", "select", "subtract",
    "zeros",
]  # fmt: skip

Function = Callable[..., Any]
BIT = ir.IntType(1)


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


@intrinsic
def reshaped(typing_context: Any, x: Any, shape: Any) -> Any:
    """Return a view of a C-contiguous array in another shape; one length may be -1."""
    if not isinstance(x, types.Array) or x.layout != "C":
        return None
    make: Any = types.Array
    type = make(x.dtype, len(shape), "C")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        source = make_array(x)(context, builder, args[0])
        zero, one = (context.get_constant(types.intp, k) for k in (0, 1))

        def product(factors: list[Any], bad: Any) -> Any:
            total = one
            for n in factors:
                both = builder.smul_with_overflow(total, n)
                bad = builder.or_(bad, builder.extract_value(both, 1))
                total = builder.extract_value(both, 0)
            return total, bad

        pairs = zip(cgutils.unpack_tuple(builder, args[1]), shape, strict=True)
        given = [context.cast(builder, n, kind, types.intp) for n, kind in pairs]
        open_ones = [builder.icmp_signed("<", n, zero) for n in given]
        whole = zip(open_ones, given, strict=True)
        known, bad = product([builder.select(o, one, n) for o, n in whole], BIT(0))
        none = builder.icmp_signed("==", known, zero)
        rest = builder.sdiv(source.nitems, builder.select(none, one, known))
        found, lengths = BIT(0), []
        for free, n in zip(open_ones, given, strict=True):
            bad = builder.or_(bad, builder.and_(free, builder.or_(found, none)))
            found = builder.or_(found, free)
            lengths.append(builder.select(free, rest, n))
        total, bad = product(lengths, bad)
        other = builder.icmp_signed("!=", total, source.nitems)
        with cgutils.if_unlikely(builder, builder.or_(bad, other)):
            context.call_conv.return_user_exc(builder, ValueError)
        itemsize = context.get_constant(types.intp, get_itemsize(context, x))
        strides = [itemsize]
        for n in lengths[:0:-1]:
            strides.append(builder.mul(strides[-1], n))
        out = make_array(type)(context, builder)
        populate_array(
            out, data=source.data, shape=lengths, strides=strides[::-1],
            itemsize=itemsize, meminfo=source.meminfo, parent=source.parent,
        )  # fmt: skip
        return impl_ret_borrowed(context, builder, type, out._getvalue())

    return type(x, shape), generate


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


@intrinsic
def index(typing_context: Any, k: Any) -> Any:
    """Return a subscript that is certain not to be negative.

    Numba adds the length to a subscript below zero unless it has no sign; a loop is not
    vectorised where LLVM cannot see that there is none.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.cast(builder, args[0], k, types.uint64)

    return types.uint64(k), generate


@intrinsic
def push(typing_context: Any, items: Any, item: Any) -> Any:
    """Append a number to a list, which does not shrink where it has room."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = ListInstance(context, builder, items, args[0])
        size = made.size
        one_more = builder.add(size, context.get_constant(types.intp, 1))
        full = builder.icmp_signed(">=", size, made._payload.allocated)
        with builder.if_then(full, likely=False):
            made.resize(one_more)
        made.size = one_more
        value = context.cast(builder, args[1], item, items.dtype)
        made.inititem(size, value, incref=False)
        return context.get_dummy_value()

    return types.void(items, item), generate


@intrinsic
def emptied(typing_context: Any, items: Any) -> Any:
    """Return a list of numbers with nothing in it; its memory stays."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = ListInstance(context, builder, items, args[0])
        made.size = context.get_constant(types.intp, 0)
        return impl_ret_borrowed(context, builder, items, args[0])

    return items(items), generate


@intrinsic
def plus(typing_context: Any, x: Any, y: Any) -> Any:
    """Return one more partial sum, of the type of x.

    That this one addition may be done in another order lets LLVM sum in vectors. All
    other arithmetic of the loop is done as it is written.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        other = context.cast(builder, args[1], y, x)
        if isinstance(x, types.Integer):
            return builder.add(args[0], other)
        if isinstance(x, types.Complex):
            add = context.get_function(operator.add, x(x, x))
            return add(builder, (args[0], other))
        return builder.fadd(args[0], other, flags=("reassoc",))

    return x(x, y), generate


def _extreme(name: str, order: str) -> Any:
    """Return the code of the larger or smaller of two numbers.

    Loops of LLVM's own `maximum` are done in vectors; of two zeros it may take either.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        type = signature.return_type
        a, b = (
            context.cast(builder, v, t, type)
            for v, t in zip(args, signature.args, strict=True)
        )
        if isinstance(type, types.Float):
            kind = ir.FunctionType(a.type, [a.type, a.type])
            found = builder.module.declare_intrinsic(f"llvm.{name}", [a.type], kind)
            return builder.call(found, [a, b], fastmath=("nsz",))
        signed = getattr(type, "signed", False)  # bools have no sign
        compare = builder.icmp_signed if signed else builder.icmp_unsigned
        return builder.select(compare(order, a, b), a, b)

    return generate


@intrinsic
def maximum(typing_context: Any, x: Any, y: Any) -> Any:
    """Return the larger of two numbers, or a nan."""
    both = typing_context.unify_types(x, y)
    return both(x, y), _extreme("maximum", ">=")


@intrinsic
def minimum(typing_context: Any, x: Any, y: Any) -> Any:
    """Return the smaller of two numbers, or a nan."""
    both = typing_context.unify_types(x, y)
    return both(x, y), _extreme("minimum", "<=")


@intrinsic
def fma(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    """Return `x * y + z` with one rounding, of the type of x.

    It is asked for by name, not left to `contract`: an element then has one value in
    the vector part of a loop and in what is left over.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        y, z = (
            context.cast(builder, v, t, x) for v, t in zip(args[1:], kinds, strict=True)
        )
        return builder.fma(args[0], y, z)

    kinds = (y, z)
    return x(x, y, z), generate


@intrinsic
def polynomial(typing_context: Any, x: Any, coefficients: Any) -> Any:
    """Return `c[0] + c[1] * x + c[2] * x**2 + ...` by Estrin's scheme."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        power, terms = args[0], cgutils.unpack_tuple(builder, args[1])
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            joined = [builder.fma(power, b, a) for a, b in pairs]
            terms = joined + terms[2 * len(joined) :]
            power = builder.fmul(power, power)
        return terms[0]

    return x(x, coefficients), generate


@intrinsic
def bits(typing_context: Any, x: Any) -> Any:
    """Return the bits of a float as an int."""
    whole = types.Integer.from_bitwidth(x.bitwidth, signed=True)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(whole))

    return whole(x), generate


@intrinsic
def number(typing_context: Any, n: Any, kind: Any) -> Any:
    """Return the float of the low bits of an int, of the type of `kind`."""
    whole = types.Integer.from_bitwidth(kind.bitwidth, signed=True)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        held = context.cast(builder, args[0], n, whole)
        return builder.bitcast(held, context.get_value_type(kind))

    return kind(n, kind), generate


@intrinsic
def select(typing_context: Any, condition: Any, x: Any, y: Any) -> Any:
    """Return x or y, both computed, of the type of y."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        chosen = context.cast(builder, args[1], x, y)
        return builder.select(args[0], chosen, args[2])

    return y(condition, x, y), generate


def _rare(name: str) -> Any:
    """Return a call of the C library that does not keep a loop from being vectorised.

    LLVM vectorises a loop with a call behind a condition only where the function has a
    masked vector form: then each lane tests the condition and calls for itself, if no
    form has as many lanes as the loop. So one of 3 lanes is announced, which no loop
    has; what it is said to be is never looked at.
    """

    def typed(typing_context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            module, own = builder.module, f"srcgrad.{name}"
            double = ir.FunctionType(ir.DoubleType(), [ir.DoubleType()])
            if own not in module.globals:
                _define_rare(module, double, own, name)
            given = context.cast(builder, args[0], x, types.float64)
            out = builder.call(module.globals[own], [given])
            return context.cast(builder, out, types.float64, x)

        return x(x), generate

    return intrinsic(typed)


def _define_rare(module: Any, type: Any, own: str, name: str) -> None:
    # LLVM knows `sin` and would vectorise it, by calling it for every lane.
    function = ir.Function(module, type, own)
    function.linkage = "linkonce_odr"
    form = f'"vector-function-abi-variant"="_ZGV_LLVM_M3v_{own}({name})"'
    for attribute in ("noinline", "nounwind", "willreturn", "memory(none)", form):
        # llvmlite lets only those pass that it knows.
        set.add(function.attributes, attribute)
    builder = ir.IRBuilder(function.append_basic_block())
    library = cgutils.get_or_insert_function(module, type, name)
    builder.ret(builder.call(library, function.args))


large_sin, large_cos, large_tan = map(_rare, ("sin", "cos", "tan"))


def compile_function(
    function: Any, *, stamp: str, private: bool, inlined: bool, **more: Any
) -> Any:
    """Return the dispatcher of a function; `private` ones are not called from Python.

    Its machine code is kept on disk under `stamp`. An `inlined` one becomes part of
    every caller, whatever its length.

    Literal numbers are forgotten at calls: Numba would otherwise compile
    `rt_sum3_float64(x, 1, n, 1, (n,))` anew for that 1.
    """
    flags: dict[str, Any] = {"error_model": "numpy", "nogil": True, **more}
    if inlined:
        flags["forceinline"] = True
    if private or inlined:
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


def inlined(function: Any, dispatcher: Any) -> Any:
    """Return what stands for a function of `vmath` in compiled code.

    LLVM takes vectors of 256 bits on many processors with 512: loops without arithmetic
    to speak of are no faster with more. Those with exponentials are, so a caller says
    which it prefers.
    """
    params = ", ".join(function.__code__.co_varnames[: function.__code__.co_argcount])
    source = f"lambda context, {params}: typed(context, {params})"
    return intrinsic(eval(source, {"typed": _linked(dispatcher)}))


def _linked(dispatcher: Any) -> Any:
    """Return what types and generates the call of a dispatcher."""
    kind = types.Dispatcher(dispatcher)

    def typed(context: Any, *given: Any) -> Any:
        signature = kind.get_call_type(context, given, {})

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            call = context.get_function(kind, signature)
            context.add_linking_libs(call.libs)
            # llvmlite lets only those pass that it knows.
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
            return call(builder, values)

        return signature, generate

    return typed


@intrinsic
def exponential(typing_context: Any, x: Any) -> Any:
    """Return e**x in the dtype of x."""
    kernels = importlib.import_module("srcgrad.runtime")
    name = "expf" if x == types.float32 else "exp"
    own = kernels.compiled().dispatcher(kernels.plain()[name])
    return _linked(own)(typing_context, x)


def _signature(template: str, dtype: str) -> tuple[Any, Any]:
    name = "boolean" if dtype == "bool" else dtype
    args, result = sigutils.normalize_signature(re.sub(r"\bT\b", name, template))
    return args, types.void if result is None else result


def publish(dispatcher: Any, template: str, dtype: str, symbol: str) -> None:
    """Compile a core for a dtype, or load it, and put it under its symbol."""
    args, result = _signature(template, dtype)
    publish_as(dispatcher, result(*args), f"{symbol}.{dtype}")


def publish_as(dispatcher: Any, signature: Any, symbol: str) -> None:
    """Compile a function for a signature, or load it, and put it under a symbol."""
    dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature.args]
    name = compiled.fndesc.llvm_func_name
    address = compiled.library.get_pointer_to_function(name)
    llvmlite.binding.add_symbol(symbol, address)


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
