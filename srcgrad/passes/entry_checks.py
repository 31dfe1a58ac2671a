"""Leave out the shape checks that NumPy itself makes in readable text."""

from __future__ import annotations

from srcgrad.ir import Assert, Function, Op, Operand, Stmt, Value
from srcgrad.walk import every, outs, rewrite

__all__ = ["drop_entry_checks"]


def drop_entry_checks(function: Function) -> Function:
    """Return the function without checks that two arguments fit each other.

    Arguments of length one have a specialisation of their own, so two lengths of
    arguments that differ make NumPy raise its own error where they meet.
    """
    made: dict[Value, Stmt] = {v: s for s in every(function.body) for v in outs(s)}

    def is_length(x: Operand) -> bool:
        stmt = made.get(x) if isinstance(x, Value) else None
        return (
            isinstance(stmt, Op)
            and stmt.row == "dim"
            and stmt.args[0] in function.params
        )

    def needless(stmt: Stmt) -> bool:
        if not isinstance(stmt, Assert) or stmt.exception != "ShapeError":
            return False
        test = made.get(stmt.cond) if isinstance(stmt.cond, Value) else None
        return isinstance(test, Op) and all(is_length(a) for a in test.args)

    return rewrite(function, gone={s for s in every(function.body) if needless(s)})
