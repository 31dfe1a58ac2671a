"""Leave out the shape checks that NumPy itself makes in readable text."""

from srcgrad.ir import Assert, Function, Op, Operand
from srcgrad.walk import every, rewrite


def drop_entry_checks(function: Function) -> Function:
    """Return the function without checks that two arguments fit each other.

    Arguments of length one have a specialisation of their own, so two lengths of
    arguments that differ make NumPy raise its own error where they meet.
    """
    lengths: set[Operand] = set()
    tests: set[Operand] = set()
    gone = set()
    for stmt in every(function.body):
        if isinstance(stmt, Op) and stmt.row == "dim":
            lengths.update(stmt.outs if stmt.args[0] in function.params else ())
        elif isinstance(stmt, Op) and lengths.issuperset(stmt.args):
            tests.update(stmt.outs)
        elif isinstance(stmt, Assert) and stmt.exception == "ShapeError":
            gone.update([stmt] if stmt.cond in tests else [])
    return rewrite(function, gone=gone)
