"""Let loops whose turns are independent count upwards.

The backward sweep runs loops from their end. Where the order of turns is all one, a
loop that counts up is vectorised without turning vectors around, and can be joined with
others that do.
"""

from __future__ import annotations

from dataclasses import replace

from srcgrad.analyses.independence import Independence
from srcgrad.builder import Builder, const
from srcgrad.ir import Block, For, Function, Loop
from srcgrad.types import Dim
from srcgrad.walk import every, rewrite


def count_up(function: Function) -> Function:
    """Return the function with innermost loops counting up where they may.

    >>> from srcgrad.ir import Carry, Index, Value
    >>> from srcgrad.builder import INT
    >>> from srcgrad.text import print_function
    >>> n, i, build = Value("n", INT), Value("i", INT), Builder()
    >>> z = build.op("empty", 3, name="z")
    >>> inn, out = (Value("z", z.type) for _ in range(2))
    >>> with build.block() as turn:
    ...     last = build.write(inn, (Index((i,), sure=True),), const(1.0))
    >>> carry = Carry(z, inn, last, out)
    >>> down = For(i, const(2), const(-1), const(-1), (carry,), Block((*turn,)))
    >>> _ = build.emit(down)
    >>> before = Function("f", (n,), build.close(), (out,))
    >>> print(print_function(count_up(before)).splitlines()[2])
      for i.0 in 0, 3, 1
    """
    turns = Independence(function)

    def block(old: Block) -> Block:
        build = Builder(trusting=True)
        for stmt in old.stmts:
            build.loc = stmt.loc
            if isinstance(stmt, For) and goes_down(stmt) and is_free(turns, stmt):
                linear = map(turns.regions.linear, (stmt.stop, stmt.start))
                start, stop = (build.subscript(end + Dim(1)) for end in linear)
                stmt = replace(stmt, start=start, stop=stop, step=const(1))
            build.emit(rewrite(stmt, block=block))
        return build.close()

    return replace(function, body=block(function.body))


def goes_down(loop: For) -> bool:
    """Tell whether an innermost loop counts down."""
    innermost = not any(isinstance(s, Loop) for s in every(loop.body))
    return innermost and loop.step == const(-1)


def is_free(turns: Independence, loop: For) -> bool:
    """Tell whether the turns of a loop may run in any order."""
    sums = turns.sums(loop)
    return sums is not None and not (sums.numbers or sums.arrays)
