"""Write what only bears a derivative rule of the user's own as the value that it is."""

from typing import Any

from srcgrad.ir import Block, Function, Op, Operand
from srcgrad.ops import ROWS
from srcgrad.passes.dead_code import remove_dead_code
from srcgrad.passes.elide_copies import elide_copies
from srcgrad.walk import every, rewrite


def drop_rules(function: Function) -> Function:
    """Return the function with numbers and copies in place of the rows of rules."""
    names: dict[Any, Operand] = {}
    copies: dict[Any, Op] = {}
    for stmt in every(function.body):
        if isinstance(stmt, Op) and ROWS[stmt.row].kind == "custom":
            if stmt.out.type.rank:
                copies[stmt] = Op("copy", stmt.args[:1], stmt.outs, loc=stmt.loc)
            else:
                names[stmt.out] = names.get(stmt.args[0], stmt.args[0])

    def block(body: Block) -> Block:
        new = (rewrite(copies.get(s, s), names, block=block) for s in body.stmts)
        return Block(tuple(new))

    if not names and not copies:
        return function
    return remove_dead_code(elide_copies(rewrite(function, names, block=block)))
