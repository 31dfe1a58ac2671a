"""Write what only bears a derivative rule of the user's own as the value that it is."""

from dataclasses import replace
from typing import Any

from srcgrad.ir import Function, Op, Operand
from srcgrad.ops import ROWS
from srcgrad.passes.dead_code import remove_dead_code
from srcgrad.passes.elide_copies import elide_copies
from srcgrad.walk import every, instead, rewrite


def drop_rules(function: Function) -> Function:
    """Return the function with numbers and copies in place of the rows of rules."""
    names: dict[Any, Operand] = {}
    copies: dict[Any, list[Op]] = {}
    for stmt in every(function.body):
        if isinstance(stmt, Op) and ROWS[stmt.row].kind == "custom":
            if stmt.out.type.rank:
                copies[stmt] = [Op("copy", stmt.args[:1], stmt.outs, loc=stmt.loc)]
            else:
                names[stmt.out] = names.get(stmt.args[0], stmt.args[0])
    if not names and not copies:
        return function
    function = replace(function, body=instead(function.body, copies))
    return remove_dead_code(elide_copies(rewrite(function, names)))
