"""Which memory statements touch, and at which subscripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from srcgrad import ir
from srcgrad.analyses.regions import Buffer, Regions
from srcgrad.ir import Operand, Stmt, Value, owned
from srcgrad.types import Dim
from srcgrad.walk import blocks, consumed, handed, operands

# The subscripts of an element as sums of integers; None may be anywhere.
Place = tuple[Dim, ...] | None
# What is read or changed: the memory, whether it is changed, and where.
Access = tuple[Buffer, bool, Place]


class Accesses:
    """What statements of a function touch; those that passes make, too."""

    def __init__(self, regions: Regions) -> None:
        self.regions = regions
        self.touched: dict[Stmt, list[Access]] = {}

    def family(self, x: Value) -> Buffer | None:
        """Return the memory that an array, a view, or an item of a list is in."""
        made = self.regions.definition.get(x)
        while isinstance(made, ir.View | ir.Read) and not ir.gathers(made.path):
            x = made.base
            made = self.regions.definition.get(x)
        return self.regions.buffer[x].family() if x in self.regions.buffer else None

    def of(self, stmt: Stmt) -> list[Access]:
        """Return what a statement reads and changes, inner statements included."""
        if stmt in self.touched:
            return self.touched[stmt]
        found: list[Access] = []
        read: Sequence[Any] = ()
        if isinstance(stmt, ir.Read | ir.Write | ir.Accumulate | ir.Take):
            found.append(self.access(stmt))
        elif inner := blocks(stmt):
            found += [a for b in inner for s in b.stmts for a in self.of(s)]
            # What changes places is no longer where it was.
            read = [x for x, out in handed(stmt) if self.moves(x, out)]
        else:
            read = operands(stmt)
        for x in read:
            family = self.family(x) if owned(x.type) else None
            if family is not None:
                found.append((family, x in consumed(stmt), None))
        self.touched[stmt] = found
        return found

    def moves(self, x: Any, out: Value) -> bool:
        """Tell whether an array is handed on as another one."""
        buffer = self.regions.buffer
        if not owned(out.type) or x not in buffer or out not in buffer:
            return False
        return buffer[x].memory() is not buffer[out].memory()

    def access(self, s: Any) -> Access:
        """Return what one read or update of an element touches."""
        family, path = self.family(s.base), s.path
        assert family is not None
        made = self.regions.definition.get(s.base)
        whole = not isinstance(made, ir.View | ir.Read) and len(path) == 1
        items = path[0].items if whole and isinstance(path[0], ir.Index) else ()
        numbers = all(isinstance(i, Operand) and not i.type.rank for i in items)
        place = (
            tuple(self.regions.linear(i) for i in items if isinstance(i, Operand))
            if items and numbers
            else None
        )
        return family, not isinstance(s, ir.Read), place
