"""Arrays made of numbers, and lengths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from srcgrad.ops.layout import Each, as_dtype, np_dtype, tuple_text
from srcgrad.ops.table import (
    Attrs,
    Kernel,
    Shapes,
    Spell,
    constant,
    dtype_text,
    length_bits,
    linear,
    moving,
    rule,
)
from srcgrad.types import Array, Dim, Scalar, Type, promote

Names = list[str]
Types = Sequence[Type]


def _strong(types: Types) -> str:
    """Return the dtype of an array of numbers: Python's own are not weak there."""
    return promote(*(Scalar(t.dtype) for t in types))


# of one value


def _filled(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    dims = tuple(shapes.dim(a) for a in attrs["args"])
    return Array(attrs.get("dtype", "float64"), dims)


def _like(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    x = types[0]
    dtype = attrs.get("dtype") or x.dtype
    return Array(dtype, x.dims) if isinstance(x, Array) else Scalar(dtype)


def _flag(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Scalar("bool", python=True)


def _like_text(row: str) -> Spell:
    def text(types: Types, attrs: Attrs) -> str:
        other = (attrs.get("dtype") or types[0].dtype) != types[0].dtype
        extra = f", dtype={dtype_text(attrs['dtype'])}" if other else ""
        return f"np.{row}({{x}}{extra})"

    return text


def _one_value(kernel: str, value: str = "") -> Kernel:
    """Return the text of an array of zeros, of ones, or of anything."""

    def text(names: Names, types: Types, attrs: Attrs) -> str:
        like = types[0] if isinstance(types[0], Array) else Scalar("float64")
        dtype = np_dtype(attrs.get("dtype") or like.dtype)
        shape = names[0] if len(names) == 1 else tuple_text(names)
        return f"rt_{kernel}({shape}, {value}{dtype})"

    return text


for _name, _kernel in (
    ("zeros", _one_value("zeros")),
    ("ones", _one_value("full", "1, ")),
    ("empty", _one_value("empty")),
):
    constant(f"{_name}(*shape, dtype='float64')", _filled, kernel=_kernel,
             spell=f"np.{_name}({{shape}}{{keywords}})")  # fmt: skip
    constant(f"{_name}_like(x, dtype=None)", _like, shape_only=frozenset({"x"}),
             spell=_like_text(f"{_name}_like"), kernel=_kernel,
             of_complex=True)  # fmt: skip


def _full(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    dims = tuple(shapes.dim(a) for a in attrs["args"][1:])
    return Array(attrs.get("dtype") or types[0].dtype, dims)


def _of_value(shape: str, value: str, type: Type, dtype: str) -> str:
    given = value if type.dtype == dtype else as_dtype(value, type, dtype)
    return f"rt_full({shape}, {given}, {np_dtype(dtype)})"


def _full_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = attrs.get("dtype") or types[0].dtype
    shape = names[1] if len(names) == 2 else tuple_text(names[1:])
    return _of_value(shape, names[0], types[0], dtype)


def _full_like_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    return _of_value(names[0], names[1], types[1], attrs.get("dtype") or types[0].dtype)


moving("full(value, *shape, dtype=None)", _full, value="g.sum()", kernel=_full_kernel,
       spell="np.full({shape}, {value})")  # fmt: skip
moving("full_like(x, value, dtype=None)", _like, value="g.sum()",
       shape_only=frozenset({"x"}), kernel=_full_like_kernel)  # fmt: skip


# of evenly spaced values


def _arange(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    start, stop, step = attrs["args"]
    dtype = _arange_dtype(types, attrs)
    if not _whole(types):
        return Array(dtype, (shapes.loose(),))
    low, high, by = (shapes.dim(a) for a in (start, stop, step))
    if low.known is not None and high.known is not None and by.known:
        return Array(dtype, (Dim(len(range(low.known, high.known, by.known))),))
    if by.known == 1:
        if low.known is None or low.known < 0:
            low, high = shapes.term(start), shapes.term(stop)
        return Array(dtype, (high - low,))
    return Array(dtype, (shapes.dim(shapes.op("range_length", start, stop, step)),))


def _whole(types: Types) -> bool:
    return all(not t.dtype.startswith("float") for t in types)


def _arange_dtype(types: Types, attrs: Attrs) -> str:
    return attrs.get("dtype") or ("int64" if _whole(types) else "float64")


def _arange_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    start, _, step = names
    kernel = "range_length" if _whole(types) else "arange_length"
    length = f"rt_{kernel}({', '.join(names)})"
    return (
        f"rt_arange({start}, {step}, {length}, {np_dtype(_arange_dtype(types, attrs))})"
    )


rule("arange(start, stop, step, dtype=None)", _arange, start="g.sum()",
     step="(g * arange(0, g.shape[0], 1, dtype=g.dtype)).sum()",
     kernel=_arange_kernel)  # fmt: skip


def _linspace(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    dtype = _linspace_dtype(types, attrs)
    return Array(dtype, (shapes.dim(attrs["args"][2]),))


def _linspace_dtype(types: Types, attrs: Attrs) -> str:
    weak = Scalar("float64", python=True)
    return attrs.get("dtype") or promote(types[0], types[1], weak)


def _linspace_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = np_dtype(_linspace_dtype(types, attrs))
    return f"rt_linspace({', '.join(names)}, {attrs.get('endpoint', True)}, {dtype})"


_PARTS = "linspace(0.0, 1.0, g.shape[0], endpoint=endpoint, dtype=g.dtype)"
linear("linspace(start, stop, num, endpoint=True, dtype=None)", _linspace,
       start=f"(g * (1 - {_PARTS})).sum()", stop=f"(g * {_PARTS}).sum()",
       kernel=_linspace_kernel)  # fmt: skip


def _eye(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    sides = [shapes.dim(a) for a in attrs["args"]]
    return Array(attrs.get("dtype", "float64"), (sides[0], sides[-1]))


def _eye_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = np_dtype(attrs.get("dtype", "float64"))
    return f"rt_eye({names[0]}, {names[-1]}, {attrs.get('k', 0)}, {dtype})"


constant("eye(*shape, k=0, dtype='float64')", _eye, kernel=_eye_kernel)


# of several values


def _packed(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Array(attrs.get("dtype") or _strong(types), (Dim(len(types)),))


def _pack_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    dtype = attrs.get("dtype") or _strong(types)
    items = [as_dtype(n, t, dtype) for n, t in zip(names, types, strict=True)]
    return f"rt_pack({tuple_text(items)}, {np_dtype(dtype)})"


def _pack_text(types: Types, attrs: Attrs) -> str:
    dtype = attrs.get("dtype") or "float64"
    extra = "" if dtype == "float64" else f", dtype={dtype_text(dtype)}"
    return f"np.array([{{*items}}]{extra})"


moving("pack(*items, dtype=None)", _packed, items=lambda g: Each(lambda k: g[k]),
       spell=_pack_text, kernel=_pack_kernel)  # fmt: skip


# lengths


def _length(shapes: Shapes, types: Types, attrs: Attrs) -> Type:
    return Scalar("int64", python=True)


def _slice_kernel(names: Names, types: Types, attrs: Attrs) -> str:
    n, parts = names[0], iter(names[1:])
    start, stop, step = (next(parts) if there else None for there in attrs["given"])
    return (
        f"rt_slice_length({n}, {start or 0}, {start is not None}, "
        f"{stop or 0}, {stop is not None}, {step or 1})"
    )


def _slice_text(types: Types, attrs: Attrs) -> str:
    part = count()
    bounds = [f"{{parts{next(part)}}}" if t else "" for t in attrs["given"]]
    return f"len(range({{n}})[{':'.join(bounds).removesuffix(':')}])"


constant("dim(x, axis=0)", _length, shape_only=frozenset({"x"}), cost=0,
         spell="{x}.shape[{axis}]", bits=length_bits,
         kernel=lambda n, t, a: f"{n[0]}[{a.get('axis', 0)}]",
         of_complex=True)  # fmt: skip
# True once its operand has been computed: a check of it keeps what may raise
constant("computed(x)", _flag, spell="{x} is not None", cost=0, of_complex=True,
         kernel=lambda n, t, a: "True")  # fmt: skip
constant("slice_length(n, *parts, given=(False, False, False))", _length,
         spell=_slice_text, kernel=_slice_kernel, bits=length_bits)  # fmt: skip


# what `passes/lower.py` writes: a subscript that is checked and counts from the
# beginning, the first index of a slice, an array of which only the shape is read

constant("subscript(k, n)", _length, spell="range({n})[{k}]", cost=0, bits=length_bits)
constant("limit(k, n)", _length, spell="slice({k}, None).indices({n})[0]",
         kernel=lambda n, t, a: f"rt_limit({n[0]}, {n[1]})",
         bits=length_bits)  # fmt: skip
constant("extents(*shape)", _filled, of_complex=True, spell="np.empty({shape})",
         kernel=lambda n, t, a: n[0] if len(n) == 1 else tuple_text(n))  # fmt: skip
