"""Read what follows an `if` in each of its arms, where these leave things that differ.

A name that is a list of three numbers after one arm, and a string or a list of five
after the other, has no one kind that both could be joined to. Nothing need be joined if
the rest of the block is read twice:

    if x < 1.0:                     if x < 1.0:
        table = FIRST                   table = FIRST
    else:                               s = look_up(table, x)
        table = SECOND              else:
    s = look_up(table, x)               table = SECOND
                                        s = look_up(table, x)

A function is read like that only when it has been refused. Where that does not help,
names are kept that are one of several things (see `choices`), and arrays that change
their names in one list (see `pools`).
"""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from srcgrad.frontend.names import Liveness
from srcgrad.frontend.values import Owner

_COPIES = 200  # of what follows, all in all
_MOST = 24  # statements that are read apart
CHOOSING = "choosing"  # among them: names may be one of several things


class Fork(Exception):
    """A function is to be read again, with more statements read apart."""


class Endless(Exception):
    """A function that was refused takes too long to read again."""


class Forks:
    """The statements of a function that are read `apart`, and those that might be.

    Among both are names, as tuples, whose arrays are kept in one list.
    """

    def __init__(self, apart: Collection[Any]) -> None:
        self.apart, self.left = apart, _COPIES
        self.count, self.most = 0, math.inf  # statements read, and how many may be
        self.choosing = CHOOSING in apart
        self.unlike = False  # something was met that has several kinds
        self.open: list[ast.stmt] = []
        self.blamed: set[Any] = set()
        self.exchanged: set[Any] = set()
        self.made: dict[ast.stmt, ast.If] = {}
        self.shared: dict[Any, list[ast.stmt]] = {}

    @contextmanager
    def inside(self, stmt: ast.stmt | None) -> Iterator[None]:
        """Note which statements of a block have arms that are open."""
        outer = self.open
        self.open = [*outer, stmt] if stmt is not None and _arms(stmt) else []
        yield
        self.open = outer

    def share(self, *owners: Any) -> None:
        """Note that arrays share memory after one of the arms that are open alone."""
        for owner in owners:
            self.shared[owner] = [*self.shared.get(owner, []), *self.open]

    def blame(self, owner: Any = None) -> None:
        """Note that arms leave what differs: the open ones, or those that share."""
        open = self.open if owner is None else self.shared.get(owner, ())
        self.unlike |= owner is None
        self.blamed.update(open)
        family: list[Owner] = [] if owner is None else [owner]
        for one in family:
            family += one.shares.difference(family)
        names = (one.name for one in family if not getattr(one, "pool", False))
        self.exchanged |= {(name,) for name in names if name}

    def pooled(self, name: str) -> bool:
        """Tell whether the arrays that a name is bound to are kept in one list."""
        return (name,) in self.apart

    def check(self, error: Exception) -> None:
        """Have a function that is refused read again, if that may help."""
        if (new := self.blamed - {*self.apart}) and len(self.apart) < _MOST:
            raise Fork(new) from error
        if self.unlike and not self.choosing:
            raise Fork({CHOOSING}) from error
        if new := self.exchanged - {*self.apart}:
            raise Fork(new) from error

    def whole(
        self, stmt: ast.stmt, rest: Sequence[ast.stmt], live: Liveness
    ) -> ast.stmt:
        """Return a statement, with the rest of the block in its arms if need be."""
        self.count += 1
        if self.count > self.most:
            raise Endless
        if stmt not in self.apart or not rest or not self.left:
            return stmt
        self.left -= 1
        if stmt not in self.made:
            test, *arms = _arms(stmt)
            made = self.made[stmt] = ast.If(test, *([*arm, *rest] for arm in arms))
            ast.copy_location(made, stmt)
            live.after[id(made)] = live.after[id(rest[-1])]
        return self.made[stmt]


def _arms(stmt: ast.stmt) -> tuple[Any, ...]:
    """Return the test and the arms of a statement that has some."""
    match stmt:
        case ast.If(test, body, orelse):
            return test, body, orelse
        case ast.Assign(targets, ast.IfExp(test, body, orelse)):
            made = [ast.Assign(targets, value) for value in (body, orelse)]
            one, other = ([ast.copy_location(arm, stmt)] for arm in made)
            return test, one, other
    return ()
