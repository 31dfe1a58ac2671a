"""Write expressions as Python, with the brackets that are needed and no others.

An expression is its text and how tightly it binds, so a template can say where brackets
go. Numbers that a rule made print short: `2`, not `2.0`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from srcgrad.ir import Const, Index, Item, Operand, Path, Permute, Slice
from srcgrad.ops.table import Row

__all__ = ["INFIX", "Text", "number", "path_text", "row_text"]

ATOM, POWER, UNARY, TERM, SUM, BITS, COMPARE, NOT, AND, OR, TERNARY = range(11)
INFIX = {
    "+": SUM, "-": SUM, "*": TERM, "/": TERM, "//": TERM, "%": TERM,
    "<": COMPARE, "<=": COMPARE, ">": COMPARE, ">=": COMPARE,
    "==": COMPARE, "!=": COMPARE,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """An expression as text; a smaller `level` binds more tightly."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """Return the text for a place that takes this level or tighter."""
        return self.text if self.level <= level else f"({self.text})"


def number(x: Const) -> Text:
    """Return a literal."""
    return _literal(x.value)


def _literal(value: Any) -> Text:
    if isinstance(value, float) and not math.isfinite(value):
        text = "np.nan" if math.isnan(value) else "np.inf"
        return Text(f"-{text}", UNARY) if value < 0 else Text(text)
    negative = isinstance(value, float | int) and value < 0
    return Text(repr(value), UNARY if negative else ATOM)


Show = Callable[[Operand], Text]


def path_text(base: str, path: Path, show: Show) -> Text:
    """Return a part of an array as text."""
    text = base
    for step in path:
        if isinstance(step, Index):
            text += f"[{', '.join(_item(i, show) for i in step.items)}]"
        elif isinstance(step, Permute):
            if step.axes == tuple(reversed(range(len(step.axes)))):
                text += ".T"
            else:
                text += f".transpose({', '.join(map(str, step.axes))})"
        else:
            shape = ", ".join(show(s).text for s in step.shape)
            text += f".reshape({shape})"
    return Text(text)


def _item(item: Item, show: Show) -> str:
    if isinstance(item, Slice):
        parts = [
            None if p is None else show(p) for p in (item.start, item.stop, item.step)
        ]
        shown = ["" if p is None else p.text for p in parts]
        simple = all(p is None or p.level <= UNARY for p in parts)
        colon = ":" if simple else " : "
        text = f"{shown[0]}{colon}{shown[1]}"
        if item.step is not None:
            text += f"{colon}{shown[2]}"
        return text.strip() if simple else text.strip(" ")
    return "None" if item is None else show(item).text


def row_text(
    row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: dict[str, str]
) -> Text:
    """Return the application of a row as NumPy text."""
    special = _SPECIAL.get(row.name)
    if special is not None:
        return special(row, args, attrs, alias)
    via = attrs.get("via")
    if row.infix and via not in ("np", "math", "dot"):
        return _infix(row.infix, args)
    if via == "method" and row.methods:
        given = [a.text for a in args[1:]] + keywords(row, attrs)
        return Text(f"{args[0].at(ATOM)}.{row.methods[0]}({', '.join(given)})")
    name = row.spell or f"np.{row.name}"
    if row.infix:
        # `np.dot` and `@` round differently where a vector has a stride.
        name = "np.dot" if via == "dot" else f"np.{row.callables[0].rpartition('.')[2]}"
    if via == "math":
        short = [c for c in row.callables if c.startswith("math.")]
        name = short[0] if short else name
    if via == "py":
        name = "abs" if row.name == "absolute" else name
    module, dot, rest = name.partition(".")
    name = f"{alias.get(module, module)}{dot}{rest}"
    given = [a.text for a in args]
    if getattr(row, "sequence", False):
        given = [f"[{', '.join(given)}]"]
    return Text(f"{name}({', '.join(given + keywords(row, attrs))})")


def keywords(row: Row, attrs: dict[str, Any]) -> list[str]:
    """Return the attributes that differ from their defaults as keyword arguments."""
    shown = []
    for key, default in row.attrs.items():
        value = attrs.get(key, default)
        if value == default or key in ("given",):
            continue
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if key == "dtype":
            value = _dtype(str(value))
            shown.append(f"dtype={value}")
        else:
            shown.append(f"{key}={_literal(value).text}")
    return shown


def _dtype(name: str) -> str:
    return {"bool": "bool", "int64": "np.int64"}.get(name, f"np.{name}")


def _infix(symbol: str, args: Sequence[Text]) -> Text:
    if len(args) == 1:
        if symbol == "not":
            return Text(f"not {args[0].at(NOT)}", NOT)
        return Text(f"{symbol}{args[0].at(UNARY)}", UNARY)
    left, right = args
    if symbol == "**":
        base, exponent = left.at(ATOM), right.at(UNARY)
        simple = left.level == ATOM and right.level <= UNARY and _plain(base + exponent)
        return Text(f"{base}**{exponent}" if simple else f"{base} ** {exponent}", POWER)
    if symbol in ("&", "|", "^", "<<", ">>"):
        return Text(f"{left.at(ATOM)} {symbol} {right.at(ATOM)}", BITS)
    level = INFIX.get(symbol, TERM)  # `@` is the other one
    # Comparisons would chain.
    least = level if level != COMPARE else BITS
    return Text(f"{left.at(least)} {symbol} {right.at(level - 1)}", level)


def _plain(text: str) -> bool:
    """Tell whether the formatter would hug the power operator."""
    return all(c.isalnum() or c in "._-" for c in text)


Special = Callable[[Row, Sequence[Text], dict[str, Any], dict[str, str]], Text]


def _dim(row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any) -> Text:
    axis = attrs.get("axis", 0)
    return Text(f"{args[0].at(ATOM)}.shape[{axis}]")


def _length(row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any) -> Text:
    return Text(f"len({args[0].text})")


def _cast(row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any) -> Text:
    np_ = alias.get("np", "np")
    dtype = attrs["dtype"]
    if attrs.get("python"):
        kind = {"float64": "float", "int64": "int", "bool": "bool"}[dtype]
        return Text(f"{kind}({args[0].text})")
    if attrs.get("rank"):
        return Text(f"{args[0].at(ATOM)}.astype({_dtype(dtype)})")
    return Text(f"{np_}.{'bool_' if dtype == 'bool' else dtype}({args[0].text})")


def _where(row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any) -> Text:
    cond, x, y = args
    if attrs.get("rank"):
        return Text(f"{alias.get('np', 'np')}.where({cond.text}, {x.text}, {y.text})")
    return Text(f"{x.at(OR)} if {cond.at(OR)} else {y.at(TERNARY)}", TERNARY)


def _copy(row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any) -> Text:
    if attrs.get("via") == "layout":
        return Text(f"keep_layout({args[0].text})")
    return Text(f"{args[0].at(ATOM)}.copy()")


def _shape(args: Sequence[Text]) -> str:
    texts = [a.text for a in args]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"


def _filled(row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any) -> Text:
    np_ = alias.get("np", "np")
    given = [_shape(args), *keywords(row, attrs)]
    return Text(f"{np_}.{row.name}({', '.join(given)})")


def _full(row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any) -> Text:
    return Text(f"{alias.get('np', 'np')}.full({_shape(args[1:])}, {args[0].text})")


def _broadcast(
    row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any
) -> Text:
    np_ = alias.get("np", "np")
    shape = ", ".join(a.text for a in args[1:])
    comma = "," if len(args) == 2 else ""
    return Text(f"{np_}.broadcast_to({args[0].text}, ({shape}{comma}))")


def _reshape(row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any) -> Text:
    return Text(f"{args[0].at(ATOM)}.reshape({', '.join(a.text for a in args[1:])})")


def _new_list(row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any) -> Text:
    return Text("[]")


def _zero_items(
    row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any
) -> Text:
    return Text(f"[{alias.get('np', 'np')}.zeros_like(v) for v in {args[0].text}]")


def _pack(row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any) -> Text:
    np_ = alias.get("np", "np")
    items = ", ".join(a.text for a in args)
    dtype = attrs.get("dtype", "float64")
    extra = "" if dtype == "float64" else f", dtype={_dtype(dtype)}"
    return Text(f"{np_}.array([{items}]{extra})")


def _like(row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any) -> Text:
    np_ = alias.get("np", "np")
    extra = f", dtype={_dtype(attrs['dtype'])}" if attrs.get("retyped") else ""
    return Text(f"{np_}.{row.name}({args[0].text}{extra})")


def _slice_length(
    row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any
) -> Text:
    parts = iter(args[1:])
    bounds = [next(parts).text if there else "None" for there in attrs["given"]]
    return Text(f"len(range({args[0].text})[slice({', '.join(bounds)})])")


def _range_length(
    row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any
) -> Text:
    return Text(f"len(range({', '.join(a.text for a in args)}))")


def _truth(row: Row, args: Sequence[Text], attrs: dict[str, Any], _: Any) -> Text:
    if attrs.get("rank"):
        return Text(f"{args[0].at(BITS)} != 0", COMPARE)
    return Text(f"bool({args[0].text})")


def _bools(symbol: str, level: int) -> Special:
    def show(row: Row, args: Sequence[Text], attrs: dict[str, Any], alias: Any) -> Text:
        # `and` of numbers is a number, where NumPy gives a truth value.
        if attrs.get("rank") or attrs.get("via") == "np" or not attrs.get("bools"):
            np_ = alias.get("np", "np")
            return Text(f"{np_}.{row.name}({', '.join(a.text for a in args)})")
        if len(args) == 1:
            return Text(f"not {args[0].at(NOT)}", NOT)
        left, right = (a.at(level if k == 0 else level - 1) for k, a in enumerate(args))
        return Text(f"{left} {symbol} {right}", level)

    return show


_SPECIAL: dict[str, Special] = {
    "dim": _dim, "length": _length, "cast": _cast, "where": _where, "copy": _copy,
    "zeros": _filled, "ones": _filled, "empty": _filled, "full": _full,
    "broadcast_to": _broadcast, "reshape": _reshape, "new_list": _new_list,
    "pack": _pack, "zeros_items": _zero_items,
    "zeros_like": _like, "ones_like": _like, "empty_like": _like,
    "slice_length": _slice_length, "range_length": _range_length,
    "truth": _truth,
    "logical_and": _bools("and", AND), "logical_or": _bools("or", OR),
    "logical_not": _bools("not", NOT),
}  # fmt: skip
