"""Which rows Python's operators are, and which of its functions are folded."""

from __future__ import annotations

import ast
import builtins

# The rows of operators; the function of `operator` has the name of the row, or this.
ROW_OF: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod",
    ast.FloorDiv: "floordiv", ast.Pow: "pow", ast.MatMult: "matmul",
    ast.BitAnd: "bitand", ast.BitOr: "bitor", ast.BitXor: "bitxor",
    ast.LShift: "lshift", ast.RShift: "rshift",
    ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert",
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq",
    ast.NotEq: "ne",
}  # fmt: skip
# What the functions of `operator` are called, and the methods of classes.
OPERATORS = {
    op: {"div": "truediv"}.get(row, row.removeprefix("bit"))
    for op, row in ROW_OF.items()
}
TURNED = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
# What is nan, or raises, of some reals where it is a complex number of complex ones.
BRANCHED = set("pow sqrt log log10 arcsin arccos arccosh arctanh".split())
# What of these an object's class defines.
OF_OBJECTS = {n: f"__{n}__" for n in ("abs", "float", "int", "round", "bool")}
# Functions whose result is known if what they are given is.
OF_TEXTS = {*map(id, (str, repr, format, ord, chr, issubclass))}
# What of numbers that are known is a number that is known.
FOLDED = {
    id(getattr(builtins, name))
    for name in "abs bool divmod float int max min pow round sum".split()
}
