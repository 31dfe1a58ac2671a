"""Bind and check arguments, turn their leaves into what generated code takes.

An argument is named by its parameter: `x`; one item of `*args` or `**kwargs` is named
`args[0]` and `kwargs[scale]`, so that every argument of a call has a name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from srcgrad.errors import make_error
from srcgrad.structures import Spec, flatten, named_parts, pick, put, tree_map

__all__ = [
    "as_floats", "bind", "call_plain", "clean", "cotangent", "default_names",
    "fixed_leaves", "flat_results", "in_order", "leaf", "one_like", "option_names",
    "signature_of", "spec_at", "writes_read_only", "zeros_like",
]  # fmt: skip

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_REFUSED_KINDS = {"O": "objects", "U": "text", "S": "bytes", "V": "records",
                  "M": "dates", "m": "time spans"}  # fmt: skip


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a plain function."""
    return inspect.signature(function)


def bind(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments by parameter name, defaults included.

    Raises:
        TypeError: Python would refuse the call.
    """
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments


def _names(signature: inspect.Signature, values: dict[str, Any]) -> list[str]:
    """Return the name of every positional argument of a call."""
    names: list[str] = []
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            names += [f"{name}[{k}]" for k in range(len(values[name]))]
        elif parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            names.append(name)
    return names


def default_names(
    signature: inspect.Signature, args: tuple[Any, ...]
) -> tuple[str, ...]:
    """Return the names of the arguments that are given by position."""
    values = signature.bind_partial(*args).arguments
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            values.setdefault(name, ())
    return tuple(_names(signature, values)[: len(args)])


def option_names(
    signature: inspect.Signature, values: dict[str, Any], options: Any, function: str
) -> tuple[str, ...]:
    """Return the names of the arguments that `argnums` and `argnames` choose.

    Raises:
        ArgumentError: There is no such argument.
    """
    names = _names(signature, values)
    argnums = options.argnums
    wanted: list[str] = []
    for k in (argnums,) if isinstance(argnums, int) else argnums:
        if not -len(names) <= k < len(names):
            raise make_error(
                "SG303", f"argnums {k} is out of range: `{function}` takes "
                f"{len(names)} argument{'s' * (len(names) != 1)}",
            )  # fmt: skip
        wanted.append(names[k])
    for name in options.argnames:
        wanted.append(_named(signature, values, name, function))
    if len(set(wanted)) < len(wanted):
        twice = next(n for n in wanted if wanted.count(n) > 1)
        raise make_error("SG303", f"`{twice}` is chosen twice by argnums and argnames")
    return tuple(wanted)


def _named(
    signature: inspect.Signature, values: dict[str, Any], name: str, function: str
) -> str:
    parameter = signature.parameters.get(name)
    if parameter is not None and parameter.kind not in _VARIADIC:
        return name
    for key, other in signature.parameters.items():
        if other.kind is inspect.Parameter.VAR_KEYWORD and name in values[key]:
            return f"{key}[{name}]"
    plain = [n for n, p in signature.parameters.items() if p.kind not in _VARIADIC]
    raise make_error(
        "SG303", f"`{function}` has no argument `{name}`",
        helps=(f"it takes {', '.join(f'`{n}`' for n in plain)}",) if plain else (),
    )  # fmt: skip


# leaves


def clean(values: dict[str, Any]) -> dict[str, Any]:
    """Return arguments with arrays in native byte order.

    Raises:
        ArgumentError: A leaf is complex, or an array of something that is no number.
    """
    return {name: _clean(value, name) for name, value in values.items()}


def _clean(value: Any, name: str) -> Any:
    kind = type(value)
    if kind is float or kind is int:
        return value
    if isinstance(value, np.ndarray | np.generic):
        return _clean_array(value, name)
    if isinstance(value, complex):
        raise _complex(name)
    if isinstance(value, tuple | list | dict) or hasattr(kind, "__dataclass_fields__"):
        return tree_map(lambda v: _clean(v, name), value)
    return value


def _clean_array(value: Any, name: str) -> Any:
    dtype = value.dtype
    if dtype.kind == "c":
        raise _complex(name)
    if dtype.kind in _REFUSED_KINDS:
        raise make_error(
            "SG305", f"`{name}` holds {_REFUSED_KINDS[dtype.kind]}, not numbers",
            helps=("pass numbers; what only chooses a way can be a str or bool",),
        )  # fmt: skip
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        raise make_error(
            "SG305",
            f"`{name}` has dtype {dtype}",
            helps=(f"pass `{name}.astype(float)`",),
        )
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        raise make_error(
            "SG305", f"`{name}` is a {type(value).__name__}",
            helps=(f"pass `np.asarray({name})`",),
        )  # fmt: skip
    if not dtype.isnative:
        return value.astype(dtype.newbyteorder("="))
    return value


def _complex(name: str) -> Exception:
    helps = ("pass its real and its imaginary part as two arguments",)
    return make_error("SG304", f"`{name}` is complex", helps=helps)


def as_floats(values: dict[str, Any], names: Sequence[str], function: str) -> None:
    """Take the ints among the named arguments as floats.

    Raises:
        ArgumentError: A named argument is an array of integers, or holds no float.
    """
    for name in names:
        value = pick(values, name)
        if isinstance(value, bool | np.bool_ | str) or value is None:
            kind = "None" if value is None else type(value).__name__
            raise make_error(
                "SG301", f"`{name}` is {kind}: it has no gradient",
                helps=("choose other arguments with argnums or argnames",),
                function=function, names=names,
            )  # fmt: skip
        if isinstance(value, int):
            put(values, name, float(value))
        elif isinstance(value, np.integer):
            put(values, name, np.float64(value))
        elif isinstance(value, np.ndarray) and value.dtype.kind in "iub":
            raise make_error(
                "SG301", f"`{name}` is an array of {_kind_of_ints(value)}: it has no "
                "gradient", helps=(f"pass `{name}.astype(float)`",),
                function=function, names=names,
            )  # fmt: skip


def _kind_of_ints(value: Any) -> str:
    return "booleans" if value.dtype.kind == "b" else "integers"


def spec_at(specs: dict[str, Spec], name: str) -> Spec:
    """Return the kind of a named argument."""
    head = name.partition("[")[0]
    if head == name:
        return specs[name]
    return dict(named_parts(head, specs[head]))[name]


def in_order(specs: dict[str, Spec], names: Sequence[str]) -> list[str]:
    """Return the named arguments in the order of the parameters."""
    order = [
        part
        for name, spec in specs.items()
        for part in (name, *(n for n, _ in named_parts(name, spec)))
    ]
    return [name for name in order if name in names]


def leaf(value: Any, backend: str, gradient: bool = True) -> Any:
    """Return a leaf as generated code takes it: gradients work on C-ordered arrays."""
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return value[()]
        if gradient or backend == "numba":
            return np.ascontiguousarray(value)
    return value


def fixed_leaves(specs: dict[str, Spec], values: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers among the arguments by leaf name."""
    found: dict[str, Any] = {}

    def visit(value: Any, spec: Any, name: str) -> None:
        match spec[0]:
            case "scalar":
                found[name] = value
            case "tuple":
                for k, (item, inner) in enumerate(zip(value, spec[2], strict=True)):
                    visit(item, inner, f"{name}_{k}")
            case "list":
                for k, (item, inner) in enumerate(zip(value, spec[1], strict=True)):
                    visit(item, inner, f"{name}_{k}")
            case "dict":
                for k, inner in spec[1]:
                    visit(value[k], inner, f"{name}_{k}")
            case "record":
                for k, inner in spec[2]:
                    visit(getattr(value, k), inner, f"{name}_{k}")

    for name, spec in specs.items():
        visit(values[name], spec, name)
    return found


def call_plain(function: Callable[..., Any], values: dict[str, Any]) -> Any:
    """Call the user's function with bound values."""
    args, kwargs = [], {}
    for name, parameter in signature_of(function).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            args += list(values[name])
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            kwargs.update(values[name])
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            kwargs[name] = values[name]
        else:
            args.append(values[name])
    with np.errstate(all="ignore"):
        return function(*args, **kwargs)


# what goes into generated code, and what comes out


def writes_read_only(made: Any, values: dict[str, Any]) -> bool:
    """Tell whether the function may write to an array that is read-only."""
    if not made.reading.written:
        return False
    flat: list[Any] = []
    for name, spec in made.specs.items():
        flatten(values[name], spec, flat)
    arrays = [flat[k] for k in made.reading.written if k < len(flat)]
    return any(isinstance(x, np.ndarray) and not x.flags.writeable for x in arrays)


def flat_results(out: Any, function: Any) -> tuple[Any, ...]:
    """Return the results of generated code as one flat tuple."""
    parts = out if isinstance(out, tuple) else (out,)
    if function.cut is None:
        return parts
    flat: list[Any] = []
    for part in parts:
        flat.extend(part if isinstance(part, tuple) else (part,))
    return tuple(flat)


def one_like(made: Any) -> Any:
    dtype = made.primal.results[0].type.dtype
    return np.float32(1.0) if dtype == "float32" else np.float64(1.0)


def zeros_like(value: Any) -> Any:
    return np.zeros_like(value) if np.ndim(value) else np.asarray(value).dtype.type(0)


def cotangent(made: Any, k: int, value: Any, shape: tuple[int, ...]) -> Any:
    """Return a cotangent in the dtype of its result; None is zero."""
    dtype = np.dtype(made.primal.results[k].type.dtype)
    if value is None:
        return np.zeros(shape, dtype) if shape else dtype.type(0)
    if np.shape(value) != shape:
        shown = f"{np.shape(value)}, the result {shape}"
        raise ValueError(f"the cotangent has shape {shown}")
    return np.ascontiguousarray(value, dtype) if shape else dtype.type(value)
