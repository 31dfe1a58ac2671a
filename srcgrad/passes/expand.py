"""Write operations that a kernel has no text for by the operations they consist of."""

from dataclasses import replace

from srcgrad.builder import Builder
from srcgrad.ir import Function, Op, Operand, Stmt, Value
from srcgrad.ops import ROWS
from srcgrad.ops.terms import Names, evaluate
from srcgrad.walk import every, instead, rewrite


def expand(function: Function) -> Function:
    """Return the function with what rows mean in place of those that have a meaning.

    >>> from srcgrad.text import print_function
    >>> from srcgrad.types import Array, Dim
    >>> x, build = Value("x", Array("float64", (Dim(3),))), Builder()
    >>> y = build.op("softmax", x, name="y")
    >>> before = Function("share", (x,), build.close(), (y,))
    >>> print(print_function(expand(before)), end="")
    function share(x.0: float64[3])
      t.0: float64[1] = max(x.0, axis=None, keepdims=True)
      t.1: float64[3] = sub(x.0, t.0)
      t.2: float64[3] = exp(t.1)
      t.3: float64[1] = sum(t.2, axis=None, keepdims=True)
      t.4: float64[3] = div(t.2, t.3)
      return t.4
    """
    names: dict[Value, Operand] = {}
    new: dict[Stmt, tuple[Stmt, ...]] = {}
    for stmt in every(function.body):
        if isinstance(stmt, Op) and ROWS[stmt.row].meaning is not None:
            build = Builder(trusting=True)
            build.loc = stmt.loc
            found = evaluate(ROWS[stmt.row].meaning, Names(build, stmt)).value
            # A loop that carries the result on owns it.
            names[stmt.out] = build.op("copy", found) if found in build.views else found
            new[stmt] = build.close().stmts
    if not new:
        return function
    function = replace(function, body=instead(function.body, new), cut=None)
    return rewrite(function, names)
